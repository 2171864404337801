"""Rule files: finding and reading them, what may stand in them, and where in them something is wrong.

`load` reads a directory that `finding` looks through, `document` parses YAML into `nodes` with places, `fields` reads
values, `targets` and `rules` make targets and rules of them, checked against `schema` (of which `json_schema` is made
for editors). `event_files` has the events of examples; `places` and `reporting` put the caret under a mistake.
This is the one place of the rules with I/O.
"""
