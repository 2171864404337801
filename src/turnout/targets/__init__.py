"""Where deliveries go: one interface (`api`) and one module per kind of destination.

A destination sends what it is given and says entry by entry what became of it. Batching, retries, breakers and letters
are the pipeline's.
"""
