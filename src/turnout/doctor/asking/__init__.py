"""Collects facts: one module per place that is asked. Nothing here judges, and nothing here changes anything."""
