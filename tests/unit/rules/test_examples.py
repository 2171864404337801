"""Running the examples that rules carry."""

from pathlib import Path

from tests.unit.rules.language import HEAD, write

from turnout import load_rules
from turnout.rules.examples import run_examples


def test_failing_examples_are_reported_at_their_places_and_passing_ones_are_not(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEAD
        + """rules:
  - id: r
    when: detail.x == 1 and @receive_count > 1
    send: [high]
    enabled: false
    examples:
      - {event: {detail: {x: 1}}, metadata: {receive_count: 2}, match: true}
      - {event: {detail: {x: 1}}, match: true, description: first try}
      - {event: {detail: {x: 1}}, metadata: {receive_count: 2}, match: false}
""",
    )
    problems = run_examples(load_rules(path).rules)
    assert [str(problem) for problem in problems] == [
        f"{path}:10:9: r: TR401 example 2 (first try) wants a match, but the condition is false for its event",
        f"{path}:11:9: r: TR401 example 3 wants no match, but the condition is true for its event",
    ]
