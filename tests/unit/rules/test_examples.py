"""Running the examples that rules carry."""

import os
from pathlib import Path

import pytest
from tests.unit.rules.language import HEAD, write

from turnout import load_rules
from turnout.errors import RulesError
from turnout.rules.reload import load_ready_rules
from turnout.rules.trials.examples import run_examples


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
    why = "@receive_count > 1 is false; no metadata was given"
    assert [str(problem) for problem in problems] == [
        f"{path}:10:9: r: TR401 example 2 (first try) wants a match, but {why}",
        f"{path}:11:9: r: TR401 example 3 wants no match, but the condition is true for its event",
    ]


CALLER = """rules:
  - id: r
    when: detail.ani == 'tel:+1'
    send: [high]
    examples: [{event: {detail: {ani: "tel:+2"}}, match: true}]
"""


def test_a_failing_example_says_what_was_found_but_no_contact_data_to_a_log(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + CALLER)
    (problem,) = run_examples(load_rules(path).rules)
    assert problem.message == "example 1 wants a match, but detail.ani == 'tel:+1' is false; detail.ani = \"tel:+2\""
    with pytest.raises(RulesError) as caught:
        load_ready_rules(path)
    assert "detail.ani == 'tel:+1' is false; detail.ani = ***" in str(caught.value)
    assert "tel:+2" not in str(caught.value)


def test_metadata_that_no_message_has_shows_nothing_and_is_a_problem_at_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + CALLER.replace("match: true", "metadata: {tenant: a, queue: b}, match: false"))
    with pytest.raises(RulesError) as caught:
        load_rules(path)
    (problem,) = caught.value.problems
    assert problem.endswith("r: TR110 metadata has no field 'tenant'")
    assert problem.split(":")[1:3] == ["7", "62"]


FROM_FILE = """rules:
  - id: r
    when: detail.x == 1
    send: [high]
    examples:
      - {file: samples/one.json, match: true}
      - {file: samples/one.json, match: false}
"""


def test_an_example_may_have_its_event_in_a_file_beside_the_rules(tmp_path: Path) -> None:
    rules = load_rules(write(tmp_path, HEAD + FROM_FILE)).rules
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "one.json").write_text('{\n  "detail": {"x": 1}\n}\n')
    (problem,) = run_examples(rules, root=tmp_path)
    assert problem.message == "example 2 wants no match, but the condition is true for its event"


def test_a_worker_does_not_need_the_files_of_examples(tmp_path: Path) -> None:
    assert run_examples(load_rules(write(tmp_path, HEAD + FROM_FILE)).rules) == ()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.json", "cannot be read: No such file or directory"),
        ("broken.json", "the body is not JSON"),
        ("list.json", "the body is JSON, but an array and not an object"),
        ("../secret.json", "it must be a relative path to a file below the directory of rules"),
        ("a/../../secret.json", "it must be a relative path to a file below the directory of rules"),
        ("/etc/hostname", "it must be a relative path to a file below the directory of rules"),
        ("", "it must be a relative path to a file below the directory of rules"),
        ('"\\0"', "cannot be read: embedded null"),
        ("link.json", "it must be a relative path to a file below the directory of rules"),
        ("linked/secret.json", "it must be a relative path to a file below the directory of rules"),
        ("pipe.json", "it is no ordinary file"),
    ],
)
def test_a_file_that_holds_no_event_is_a_problem_at_the_example(tmp_path: Path, name: str, reason: str) -> None:
    directory = tmp_path / "rules"
    directory.mkdir()
    (tmp_path / "secret.json").write_text("{}")
    (directory / "broken.json").write_text("{")
    (directory / "list.json").write_text("[]")
    (directory / "link.json").symlink_to(tmp_path / "secret.json")
    (directory / "linked").symlink_to(tmp_path)
    os.mkfifo(directory / "pipe.json")
    named = name if name.startswith('"') else f"'{name}'"
    path = write(
        directory,
        HEAD + f"rules: [{{id: r, when: x == 1, send: [high], examples: [{{file: {named}, match: true}}]}}]\n",
    )
    (problem,) = run_examples(load_rules(path).rules, root=directory)
    assert problem.code == "TR403"
    assert problem.line == 3
    assert problem.message.startswith("example 1 names the file '")
    assert reason in problem.message


def test_the_file_of_an_example_may_be_a_link_as_in_a_config_map(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "one.json").write_text('{"detail": {"x": 1}}')
    (tmp_path / "rules").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "samples").symlink_to(tmp_path / "rules")
    rules = load_rules(write(tmp_path / "rules", HEAD + FROM_FILE)).rules
    (problem,) = run_examples(rules, root=tmp_path / "rules")
    assert problem.message == "example 2 wants no match, but the condition is true for its event"


@pytest.mark.parametrize("given", ["match: true", "event: {}, file: x.json, match: true"])
def test_an_example_has_an_event_or_a_file(tmp_path: Path, given: str) -> None:
    path = write(tmp_path, HEAD + f"rules: [{{id: r, when: x == 1, send: [high], examples: [{{{given}}}]}}]\n")
    with pytest.raises(RulesError, match="TR113 an example has either 'event' or 'file'"):
        load_rules(path)
