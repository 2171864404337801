"""Around the worker, and around the processor of dead letters: signals, health, supervision, the HTTP port.

Knows the pipeline and the processor; is known by `app`, `fleet`, `recovering` and the commands.
"""
