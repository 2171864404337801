"""The language: loading, checking and evaluating rule files. No I/O but reading rule files; no AWS, no telemetry."""
