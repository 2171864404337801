"""Exit codes that are more than done, failed or wrong usage; `turnout --help` lists them all."""

__all__ = ["INTERRUPTED", "ONLY_WARNINGS"]

ONLY_WARNINGS = 3

INTERRUPTED = 130
"""128 plus the number of SIGINT, as shells have it."""
