"""Finds the rules that an event matches, in a time that hardly depends on how many rules there are.

From the inside out: `terms` says how values are read; `prepared` are the conditions over them, which `preparing` makes
(`rebasing` moves paths); `projection` decodes what they look at; `source` makes functions from generated text, `writer`
writes conditions as such text, `checks` are the functions that verify conditions, `support` is what all of them may
call; `filing` chooses under which of its terms a rule is filed, `index` has the tables, `packing` how they lie in
memory, `probe` fills them and writes the lookups; `found` is what they find; `engine` puts it together.

The engine knows conditions by number. What a rule is, what it sends and what a rejected event means is not known here.
"""

from turnout.rules.engine.engine import Engine

__all__ = ["Engine"]
