"""The language: loading, checking and evaluating rule files. No I/O but reading rule files; no AWS, no telemetry.

What a worker uses is here: `Ruleset` (ruleset) holds an event (decode, identity) against the rules (model) and tells
what to send (verdicts, shaping); reload makes rules ready. The rooms, each with a map in its `__init__`:

| folder       | open it for                                                                        |
|--------------|------------------------------------------------------------------------------------|
| `condition`  | what a condition means: the tree, the interpreter, a new predicate                 |
| `expression` | the `when` language: syntax, functions, JSONPath                                   |
| `pattern`    | EventBridge patterns: operators, refusals, what they become                        |
| `files`      | the YAML: fields, places, the JSON Schema                                          |
| `engine`     | speed: how the rules that match are found                                          |
| `lint`       | warnings                                                                           |
| `trials`     | examples, tables of tests, coverage, the diff of two rulesets                      |
| `explain`    | why a rule matches or does not                                                     |

What they share: `problems` (codes), `limits`, `environment` (`${NAME}`), `spelling` (did you mean), `showing` (values
to people), `contact` (which values not to show), `garbage` (the collector during a load).
"""

from turnout.rules.files.load import load_rules
from turnout.rules.model import Rejection, Rule, Send, Target
from turnout.rules.ruleset import Match, Ruleset

__all__ = ["Match", "Rejection", "Rule", "Ruleset", "Send", "Target", "load_rules"]
