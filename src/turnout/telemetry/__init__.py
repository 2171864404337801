"""Traces, metrics and logs. The pipeline fills plain records; this package turns them into spans and figures."""
