"""Around the worker: signals, health, supervision. Knows the pipeline, is known by `app` and `cli` only."""
