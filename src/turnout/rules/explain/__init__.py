"""Why a rule matches an event or does not: `explain` for one condition, `event` for a whole ruleset.

`finding` is what an explanation consists of, `locating` finds values with their places, `mismatch` names the usual
misunderstandings. Nothing here is fast.
"""
