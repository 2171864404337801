"""Archives letters: one JSON document each, under a key that says what it is, in S3, and back again.

`document` says what is kept, `key` where, `store` how a place that keeps it behaves; `s3` is one.
`archiving` and `restoring` are the actions, `source` reads an archive like any other place of letters.
"""

from turnout.recovery.archive.document import ArchiveFormatError, archive_document, identity, read_document
from turnout.recovery.archive.key import DEFAULT_TEMPLATE, KeyTemplate
from turnout.recovery.archive.store import ArchiveStore, Stored

__all__ = [
    "DEFAULT_TEMPLATE",
    "ArchiveFormatError",
    "ArchiveStore",
    "KeyTemplate",
    "Stored",
    "archive_document",
    "identity",
    "read_document",
]
