"""Looks for what is allowed in rule files and yet hardly meant. Everything here is a warning; nothing stops a worker.

One module per family: `usage` (targets and examples), `missing` (`not`, `!=` and `== null` over paths that may be
missing), `scanning` (rules the index cannot find), `literals` (texts that look like more), `kinds` (values of another
type than the events have), `names` (positions, lengths and operators that are names), `metadata` (its types), `shaping`
(what goes with a message), `constants` (what never or always holds), `overlaps` (rules that another one makes needless;
`candidates` and `ranges` find which to compare).

`reasoning` answers whether conditions can be true together, with `values` for one value and `texts` for predicates on
text; `showing` tells what examples hold, `placing` gives findings a place.

What is wrong with rule files, and what misleads in event patterns, is found while they are read, not here.
"""

from turnout.rules.lint.linter import lint

__all__ = ["lint"]
