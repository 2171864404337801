"""Where letters are found: a queue, an export in a file, an API that lists failed events. One interface for all.

`api` is the interface, `queue`, `file` and `failed_events` are the three kinds, `export` is the format of the file.
"""
