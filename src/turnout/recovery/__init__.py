"""Recovery: what became of dead letters, and what can be done about them.

`letter` is what a dead letter is, `reading` makes one of any message found in a dead-letter queue (`shapes` knows who
wraps messages how), `classify` and `causes` say why it failed, `redaction` hides personal data, `ledger` remembers.
"""

from turnout.recovery.causes import Cause, CauseTable, Disposition, default_causes, load_causes
from turnout.recovery.letter import Letter
from turnout.recovery.reading import read_letter

__all__ = ["Cause", "CauseTable", "Disposition", "Letter", "default_causes", "load_causes", "read_letter"]
