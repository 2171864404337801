"""Finds the rules that an event matches, in a time that hardly depends on how many rules there are.

From the inside out: `terms` prepares conditions (`rebasing` moves their paths), `projection` decodes what they look at,
`source` makes functions from generated text, `checks` writes the text of conditions, `index` holds the tables that
rules are filed in, `filing` chooses under which of its terms a rule is filed, `probe` fills the tables and writes the
lookups, `found` is what they find, `engine` puts it together.

The engine knows conditions by number. What a rule is, what it sends and what a rejected event means is not known here.
"""

from turnout.rules.engine.engine import Engine

__all__ = ["Engine"]
