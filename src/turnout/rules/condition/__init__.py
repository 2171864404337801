"""The tree that every condition becomes, whichever language it was written in, and what that tree means.

`ast` has the nodes; `building` and `sharing` put them together, `render` and `wording` turn them back into text.
`interpret` defines what a tree means; `compile` makes the same into closures, with `predicates`, `segments` (of paths)
and `once` (what does not depend on the element). Both rest on `values` (comparing), `walking` (following paths),
`folding` (ignoring case), `networks`, `wildcards` and `regexes`.

A new predicate begins here: a node, its meaning, its closure. Neither language is known here.
"""
