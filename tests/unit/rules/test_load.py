"""Loading rule files: what is accepted, and every problem at once with its place."""

import os
import time
from pathlib import Path

import pytest
from tests.unit.rules.language import HEAD, write

from turnout import load_rules
from turnout.errors import RulesError
from turnout.rules.condition.ast import Root
from turnout.rules.files.finding import read_text, rule_files
from turnout.rules.files.load import read_rules
from turnout.rules.limits import Limits
from turnout.rules.model import Mode
from turnout.rules.problems import Code, RuleFilesError

RULE = HEAD + "rules:\n  - id: r\n    when: detail.x == 1\n    send: [standard]\n"


def problems(path: Path, **variables: str) -> list[str]:
    with pytest.raises(RulesError) as caught:
        load_rules(path, environ=variables)
    return [problem.replace(str(path) + os.sep, "") for problem in caught.value.problems]


def test_of_thousands_of_unknown_targets_the_first_ones_are_told_what_was_meant(tmp_path: Path) -> None:
    targets = "".join(f"  team-queue-{number}: {{queue: q}}\n" for number in range(1_500))
    rules = "".join(f"  - {{id: r{n}, when: x == {n}, send: [teams-queue-{n}]}}\n" for n in range(1_500))
    started = time.process_time()
    found = problems(write(tmp_path, f"targets:\n{targets}unmatched: drop\nrules:\n{rules}"))
    assert time.process_time() - started < 15  # comparing all names with all others takes four times as long
    assert len(found) == 1_500
    assert found[0].endswith("there is no target 'teams-queue-0'; did you mean 'team-queue-0'?")
    assert found[-1].endswith("there is no target 'teams-queue-1499'")


def test_every_field_of_a_rule_is_read(tmp_path: Path) -> None:
    write(
        tmp_path,
        HEAD
        + """
rules:
  - id: everything
    description: All of it
    when: detail.x == 1
    send: [standard, high, standard]
    enabled: false
    mode: shadow
    stop: true
    group: detail.queueId
    deduplicate: "@message_id"
    delay: 30
    attributes: {tenant: detail.tenant, team: {value: emea}, level: 5, also: {path: $.id}, urgent: true}
    owner: ops
    tags: [a, b]
    examples:
      - {event: {detail: {x: 1}}, match: true, metadata: {receive_count: 2}, description: one}
""",
    )
    (rule,) = load_rules(tmp_path).rules
    assert rule.id == "everything"
    assert rule.description == "All of it"
    assert rule.source == "detail.x == 1"
    assert rule.send == ("standard", "high")
    assert not rule.enabled
    assert rule.mode is Mode.SHADOW
    assert rule.stop
    assert rule.group is not None
    assert rule.group.keys == ("detail", "queueId")
    assert rule.deduplicate is not None
    assert rule.deduplicate.root is Root.METADATA
    assert rule.delay == 30
    assert rule.attributes["team"] == "emea"
    assert rule.attributes["level"] == 5
    assert rule.attributes["urgent"] is True
    assert rule.owner == "ops"
    assert rule.tags == ("a", "b")
    (example,) = rule.examples
    assert example.event == {"detail": {"x": 1}}
    assert example.metadata == {"receive_count": 2}
    assert rule.place.line == 5


def test_files_are_read_in_name_order_and_hidden_ones_are_not(tmp_path: Path) -> None:
    write(tmp_path, HEAD, "00.yaml")
    for name in ("20.yml", "10.yaml", ".30.yaml", "40.txt"):
        identifier = name.strip(".").partition(".")[0]
        write(tmp_path, f"rules:\n  - {{id: r{identifier}, when: exists(a), send: [high]}}\n", name)
    (tmp_path / "50.yaml.d").mkdir()
    assert [rule.id for rule in load_rules(tmp_path).rules] == ["r10", "r20"]


def test_a_file_whose_ending_is_in_capital_letters_is_a_rule_file(tmp_path: Path) -> None:
    write(tmp_path, HEAD)
    for name in ("20.YAML", "30.Yml"):
        write(tmp_path, f"rules: [{{id: 'r{name[:2]}', when: detail.x == 1, send: [standard]}}]", name=name)
    assert [rule.id for rule in load_rules(tmp_path).rules] == ["r20", "r30"]


def test_one_file_alone_can_be_loaded(tmp_path: Path) -> None:
    assert len(load_rules(write(tmp_path, RULE)).rules) == 1
    assert len(load_rules(str(write(tmp_path, RULE, "rules.conf"))).rules) == 1


def test_a_rule_of_a_mounted_config_map_has_the_place_that_operators_know(tmp_path: Path) -> None:
    version = tmp_path / "..2025_01_01"
    version.mkdir()
    write(version, RULE, "a.yaml")
    (tmp_path / "..data").symlink_to(version.name)
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    (rule,) = load_rules(tmp_path).rules
    assert rule.place.file == str(tmp_path / "a.yaml")


def test_a_mounted_config_map_is_read_from_one_version(tmp_path: Path) -> None:
    for version in ("..one", "..two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "a.yaml").write_text(version)
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    (file,) = rule_files(tmp_path, [])
    (tmp_path / "..data").unlink()
    (tmp_path / "..data").symlink_to("..two")  # Kubernetes swaps it while we read
    assert read_text(file, Limits(), []) == "..one"
    assert file.shown == tmp_path / "a.yaml"


def test_several_files_share_targets_and_unmatched(tmp_path: Path) -> None:
    write(tmp_path, "targets: {a: {queue: qa, priority: 0}}\nunmatched: a\n", "1.yaml")
    write(tmp_path, "targets: {b: {queue: qb}}\nunmatched: a\n", "2.yaml")
    write(tmp_path, "rules: [{id: r, when: exists(x), send: [a, b]}]\n", "3.yaml")
    ruleset = load_rules(tmp_path)
    assert {name: (target.address, target.priority) for name, target in ruleset.targets.items()} == {
        "a": ("qa", 0),
        "b": ("qb", 5),
    }
    assert ruleset.unmatched == "a"


def test_all_problems_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        """targets:
  critical: {queue: q, priorty: 0}
unmatched: drp
rules:
  - id: a
    when: lenght(detail.x) > 3
    send: [critcal]
    enabled: yes
  - id: a
    when: detail.x ==
    send: critical
    delay: 901
""",
        "1.yaml",
    )
    write(tmp_path, "rules:\n  - id: b\n    wen: detail.x == 1\n    send: [critical]\n  - 5\n", "2.yaml")
    assert problems(tmp_path) == [
        "1.yaml:2:24: TR110 target 'critical' has no field 'priorty'; did you mean 'priority'?",
        "1.yaml:3:12: TR115 unmatched must be one of drop, dead-letter, critical; did you mean 'drop'?",
        "1.yaml:6:11: a: TR202 there is no function 'lenght'; did you mean 'len'?",
        "1.yaml:7:12: a: TR115 there is no target 'critcal'; did you mean 'critical'?",
        "1.yaml:8:14: a: TR112 enabled must be true or false, not 'yes'; write true",
        f"1.yaml:9:9: a: TR114 the id 'a' is already taken at {tmp_path}/1.yaml:5:9".replace(f"{tmp_path}/", ""),
        "1.yaml:10:22: a: TR201 expected a path, a value or a condition, found the end of the expression",
        "1.yaml:11:11: a: TR112 send must be a list, such as [critical]",
        "1.yaml:12:12: a: TR113 delay must be a whole number of seconds from 0 to 900",
        "2.yaml:2:5: b: TR116 a rule needs a condition: 'when' with an expression, or 'pattern'",
        "2.yaml:3:5: b: TR110 a rule has no field 'wen'; did you mean 'when'?",
        "2.yaml:5:5: TR112 a rule must be a mapping with id, when and send",
    ]


def test_the_caret_points_into_the_expression(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "rules:\n  - id: r\n    when: 'a == ''x'' and lenght(b) > 3'\n    send: [high]\n")
    with pytest.raises(RuleFilesError) as caught:
        load_rules(path)
    *_, source, caret = str(caught.value).splitlines()
    assert source[caret.index("^") : caret.rindex("^") + 1] == "lenght"
    (problem,) = caught.value.problems
    assert "^" not in problem


def test_of_very_many_problems_the_first_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    write(tmp_path, RULE + "".join(f"    f{number}: 1\n" for number in range(1_234)))
    with pytest.raises(RuleFilesError) as caught:
        load_rules(tmp_path)
    said = str(caught.value)
    assert said.endswith("... and 234 more; repair these first")
    assert said.count("TR110") == 1_000
    assert len(caught.value.problems) == len(caught.value.details) == 1_234


def test_a_file_whose_name_is_not_utf_8_is_read_and_its_problems_can_be_shown(tmp_path: Path) -> None:
    name = os.fsdecode(b"b\xfcro.yaml")  # as an archive from elsewhere leaves it
    write(tmp_path, RULE, name=name)
    assert load_rules(tmp_path).fingerprint
    write(tmp_path, RULE.replace("==", "="), name=name)
    with pytest.raises(RuleFilesError) as caught:
        load_rules(tmp_path)
    assert "b\\udcfcro.yaml:5:20: r: TR201" in str(caught.value).encode().decode()


def test_what_a_terminal_would_obey_is_shown_as_something_else_and_the_caret_stays(tmp_path: Path) -> None:
    write(tmp_path, RULE.replace("[standard]", '["\\e[31m"]').replace("when:", "when: &\u202e"))
    write(tmp_path, "rules: []  # \x1b[31m red\n", name="20.yaml")
    with pytest.raises(RuleFilesError) as caught:
        load_rules(tmp_path)
    said = str(caught.value)
    assert said.replace("\n", "").isprintable()
    _, source, caret = said.splitlines()[:3]
    assert source[caret.index("^")] == "\ufffd"


@pytest.mark.parametrize(("text", "columns"), [("\u96fb\u8a71", 4), ("u\u0308", 1), ("\u00fc", 1)])
def test_the_caret_stands_in_its_column_behind_wide_and_combining_characters(
    tmp_path: Path, text: str, columns: int
) -> None:
    write(tmp_path, RULE.replace("detail.x == 1", f"detail.x == '{text}' and lenght(detail.x) > 1"))
    with pytest.raises(RuleFilesError) as caught:
        load_rules(tmp_path)
    _, source, caret = str(caught.value).splitlines()
    assert caret.index("^") == source.index("lenght") - len(text) + columns
    assert caret.count("^") == len("lenght")


@pytest.mark.parametrize(("before", "after"), [(0, 500), (500, 0), (500, 500), (30, 500)])
def test_of_a_long_line_the_part_with_the_mistake_is_shown(tmp_path: Path, before: int, after: int) -> None:
    when = "a == 'x' and " * before + "lenght(b) > 3" + " and a == 'x'" * after
    path = write(tmp_path, HEAD + f"rules:\n  - id: r\n    when: {when}\n    send: [high]\n")
    with pytest.raises(RuleFilesError) as caught:
        load_rules(path)
    said, source, caret = str(caught.value).splitlines()
    assert f":{11 + 13 * before}: r: TR202" in said
    assert source[caret.index("^") : caret.rindex("^") + 1] == "lenght"
    assert len(source) < 200
    assert source.endswith("...") == (after > 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rules: 5", "rules must be a list"),
        ("5", "a rule file is a mapping"),
        ("targets: [a]", "targets must be a mapping"),
        ("targets: {drop: {queue: q}}", "'drop' cannot be a target's name: it is a word of 'unmatched'"),
        ("targets: {a b: {queue: q}}", "'a b' cannot be a target's name: it must be a name: letters"),
        ("rules: [{id: r, when: exists(x), send: [high], attributes: [x]}]", "a list, such as {tenant: detail.tenant}"),
        ("targets: {a: {}}", "target 'a' needs 'queue'"),
        ("targets: {a: {queue: ''}}", "it is empty"),
        ("targets: {a: {queue: '${1X}'}}", "${NAME}"),
        ("targets: {a: {queue: null}}", "queue must be text, not nothing"),
        ("targets: {a: {queue: q, priority: -1}}", "from 0 to 99"),
        ("targets: {a: {queue: q, priority: true}}", "from 0 to 99"),
        ("unmatched: [drop]", "unmatched must be"),
        ("rulez: []", "did you mean 'rules'"),
        ("rules: [{id: a b, when: exists(x), send: [high]}]", "id must be a name"),
        ("rules: [{id: r, when: exists(x), send: []}]", "one target at least"),
        ("rules: [{id: r, when: exists(x), send: [[high]]}]", "send holds names, not a list"),
        ("rules: [{id: r, when: exists(x)}]", "needs 'send'"),
        ("rules: [{when: exists(x), send: [high]}]", "needs 'id'"),
        ("rules: [{id: r, when: {a: b}, send: [high]}]", "quote it as a whole"),
        ("rules: [{id: r, when: [a == 1, b == 1], send: [high]}]", "join several with 'and' or 'or'"),
        ("rules: [{id: r, when: {x: [1]}, send: [high]}]", "an event pattern is written as 'pattern'"),
        ("rules: [{id: r, pattern: , send: [high]}]", "indent its fields further than 'pattern' itself"),
        (
            "rules: [{id: r, when: x == 1, send: [high], examples: [{event: '{}', match: true}]}]",
            "write its JSON without quotes",
        ),
        ("rules: [{id: r, pattern: x == 1, send: [high]}]", "an expression is written as 'when'"),
        ("rules: [{id: r, when: exists(x), to: [high]}]", "no field 'to'; did you mean 'send'?"),
        ("rules: [{id: r, when: exists(x), target: [high]}]", "no field 'target'; did you mean 'send'?"),
        ("rules: [{name: r, when: exists(x), send: [high]}]", "no field 'name'; did you mean 'id'?"),
        ("rules: [{id: r, condition: exists(x), send: [high]}]", "no field 'condition'; did you mean 'when'?"),
        ("rules: [{id: r, when: exists(x), send: [high], enabled: 'false'}]", "true or false, not 'false'; write it"),
        ("rules: [{id: r, when: exists(x), send: [high], delay: '5'}]", "from 0 to 900; write it without quotes"),
        ("rules: [{id: r, when: exists(x), send: [high], delay: 15m}]", "of seconds from 0 to 900; write 900"),
        ("rules: [{id: r, when: exists(x), send: [high], delay: 30 sec}]", "of seconds from 0 to 900; write 30"),
        ("rules: [{id: r, when: exists(x), send: [high], delay: 500ms}]", "of seconds from 0 to 900"),
        ("rules: [{id: r, when: exists(x), send: [high], delay: 010}]", "take 010 for octal; write 10"),
        ("targets: {a: {queue: q, priority: 08}}", "take 08 for octal; write 8"),
        ("rules: [{id: r, when: exists(x), send: [high], attributes: {a: very high}}]", "written {value: ...}"),
        ("rules: [{id: r, when: exists(x), pattern: {a: [1]}, send: [high]}]", "not both"),
        ("rules: [{id: r, when: exists(x), send: [high], mode: shaddow}]", "did you mean 'shadow'"),
        ("rules: [{id: r, when: exists(x), send: [high], group: detail.}]", "after a dot"),
        ("rules: [{id: r, when: exists(x), send: [high], group: '@.x'}]", "no meaning here"),
        ("rules: [{id: r, when: exists(x), send: [high], group: x == 1}]", "a path is expected"),
        (
            "rules: [{id: r, when: exists(x), send: [high], attributes: {AWS.x: a}}]",
            "SQS takes no attribute called 'AWS.x'",
        ),
        ("rules: [{id: r, when: exists(x), send: [high], attributes: {a: [1]}}]", "must be a path, a number"),
        ("rules: [{id: r, when: exists(x), send: [high], attributes: {a: {value: ''}}}]", "SQS takes no empty one"),
        ("rules: [{id: r, when: exists(x), send: [high], attributes: {a: {value: x, path: y}}}]", "either"),
        ("rules: [{id: r, when: exists(x), send: [high], examples: {}}]", "examples must be a list"),
        ("rules: [{id: r, when: exists(x), send: [high], examples: [{event: [], match: true}]}]", "not a list"),
        ("rules: [{id: r, when: exists(x), send: [high], examples: [{event: {}, match: 1}]}]", "true or false"),
        ("rules: [{id: r, when: exists(x), send: [high], examples: [{evnt: {}, match: true}]}]", "'event'"),
        ("rules: [{id: r, id: s, when: exists(x), send: [high]}]", "stands twice"),
        ("rules: !!set {a}", "tags are not supported"),
    ],
)
def test_a_wrong_file_is_refused_in_plain_words(tmp_path: Path, text: str, words: str) -> None:
    write(tmp_path, HEAD, "00.yaml")
    write(tmp_path, text)
    found = [problem for problem in problems(tmp_path) if "TR101" not in problem]
    assert any(words in problem and problem.startswith("rules.yaml:") for problem in found), found


@pytest.mark.parametrize(
    ("written", "replaced", "problem"),
    [
        ("{standard: {queue: standard}", "{standard: standard", "target 'standard' must be a mapping"),
        ("{standard: {queue: standard}, high: {queue: high}}", "[standard, high]", "targets must be a mapping"),
        ("unmatched: drop", "unmatched:", "unmatched must be drop, dead-letter"),
        ("unmatched: drop", "unmatched: [standard]", "unmatched must be drop, dead-letter"),
    ],
)
def test_what_cannot_be_read_is_not_said_to_be_missing_too(
    tmp_path: Path, written: str, replaced: str, problem: str
) -> None:
    write(tmp_path, RULE.replace(written, replaced))
    assert [problem in each for each in problems(tmp_path)] == [True]


def test_unmatched_must_be_said(tmp_path: Path) -> None:
    write(tmp_path, "targets: {a: {queue: q}}\nrules: [{id: r, when: exists(x), send: [a]}]\n")
    assert any("'unmatched' is missing" in problem for problem in problems(tmp_path))


def test_unmatched_must_be_said_the_same_everywhere(tmp_path: Path) -> None:
    write(tmp_path, RULE, "1.yaml")
    write(tmp_path, "unmatched: dead-letter\n", "2.yaml")
    (problem,) = problems(tmp_path)
    assert problem.startswith("2.yaml:1:12: TR114")


def test_a_target_is_defined_once(tmp_path: Path) -> None:
    write(tmp_path, RULE, "1.yaml")
    write(tmp_path, "targets: {high: {queue: q}}\n", "2.yaml")
    (problem,) = problems(tmp_path)
    assert problem.startswith("2.yaml:1:11: TR114 target 'high' is already defined")


def test_a_target_that_a_rule_names_twice_is_pointed_out_where_it_stands_again(tmp_path: Path) -> None:
    reading = read_rules(write(tmp_path, RULE.replace("[standard]", "[standard, high, standard]"), "1.yaml"))
    (warning,) = reading.warnings
    assert reading.problems == []
    assert str(warning).replace(str(tmp_path) + os.sep, "").startswith("1.yaml:6:28: r: TR521 'standard' stands twice")


def test_a_file_that_is_not_yaml_is_the_only_problem_it_causes(tmp_path: Path) -> None:
    write(tmp_path, "targets: {a: [\nunmatched: drop", "1.yaml")
    write(tmp_path, "rules: [{id: r, when: exists(x), send: [a]}]\n", "2.yaml")
    (problem,) = problems(tmp_path)
    assert problem.startswith("1.yaml:1:14")
    assert "TR103" in problem


@pytest.mark.parametrize(
    ("written", "replaced", "place", "words"),
    [
        ("when: detail.x", "when: 'vip' in detail.x", "5:17", "begins with a quote"),
        ("when: detail.x", "when detail.x", "5:5", "could not find expected ':'; a field is written"),
        ("send: [standard]", "send:[standard]\n    stop: true", "6:5", "with a ':' and a space"),
        ("when: detail.x", "description: Calls: all\n    when: detail.x", "5:23", "quote a text that holds ': '"),
        ("send: [standard]", "send: [standard\n  - id: q", "7:7", "that begins in line 6, did not find"),
        ("when: detail", "description: *urgent*\n    when: detail", "5:25", "quote a text that begins with '*'"),
        ("when: detail", "description: > a\n    when: detail", "5:20", "quote a text that begins with '>'"),
        ("when: detail.x == 1", "pattern: {x: [{numeric: [>, 5]}]}", "5:30", "begins with '@', '`', '%', '>' or '|'"),
        ("when: detail.x == 1", "pattern: {x:[1]}", "5:16", "comes a space"),
        ("when: detail.x", "when: - detail.x", "5:11", "on a line of its own"),
        ("detail.x == 1", "\"matches(detail.x, '\\d')\"", "5:31", r"a backslash is written \\ in double quotes"),
        ("when: detail.x == 1", 'pattern: {"x": ["\\ud83d\\ude00"]}', "5:24", "write the character itself"),
        ("    when", "\twhen", "5:1", "indent with spaces"),
        ("    send", "   send", "6:4", "look at the indentation"),
        ("    when", "\u00a0   when", "5:1", "an invisible character that is no space"),
        ("    when", "  \u00a0 when", "5:3", "an invisible character that is no space"),
        ("when: detail", "when:\u00a0detail", "5:10", "an invisible character that is no space"),
        ("- id: r", "- id:\u200br", "4:8", "an invisible character that is no space"),
        ("when: detail.x == 1", "when: 'detail.x == 1", "5:11", "write the quote that closes it"),
        ("send: [standard]\n", "send: [standard,\n", "6:20", "or a bracket before it is not closed"),
        ("send: [standard]", "send: [standard,,]", "6:21", "a value is missing here"),
        ("send: [standard]", "send: [standard]\n>>>>>>> theirs", "7:1", "a merge was not finished: >>>>>>> is left"),
        ("    when", "    // why\n    when", "5:5", "a comment begins with '#'"),
        ("when: detail.x == 1", 'pattern: {\n // why\n "x": [1]}', "6:2", "a comment begins with '#'"),
        ("when: detail.x == 1", 'pattern: {\n /* why\n  * so */\n "x": [1]}', "6:2", "a comment begins with '#'"),
        ("when: detail.x == 1", 'pattern: {"x": [1], // why\n "y": [1]}', "5:25", "a comment begins with '#'"),
        ("send: [standard]", "send: [${TARGET}]", "6:13", 'quote a text that holds a reference: "${NAME}"'),
        ("when: detail.x == 1", 'pattern: {"x": ["https://a/"] "y": 1}', "5:35", "look for a bracket"),
        ("when: detail.x == 1", 'pattern: {"x": [" // a"] "y": 1}', "5:30", "look for a bracket"),
        ("when: detail.x == 1", 'pattern:\n{"x": [1]}', "6:1", "'{' is indented further than the name"),
        ("when: detail.x == 1", 'pattern:\n    {\n  "x": [1]\n}', "6:5", "'{' is indented further than the name"),
    ],
)
def test_what_yaml_does_not_take_is_said_with_what_to_do(
    tmp_path: Path, written: str, replaced: str, place: str, words: str
) -> None:
    write(tmp_path, RULE.replace(written, replaced))
    (problem,) = problems(tmp_path)
    assert problem.startswith(f"rules.yaml:{place}: TR103")
    assert words in problem


def test_a_comment_that_yaml_takes_for_a_text_of_a_list_is_pointed_out(tmp_path: Path) -> None:
    pattern = 'pattern: {"x": [\n  "a", // the first\n  "b", "// no comment"\n]}'
    reading = read_rules(write(tmp_path, RULE.replace("when: detail.x == 1", pattern)))
    (warning,) = reading.warnings
    assert (warning.line, warning.column, warning.code) == (6, 8, Code.TAKEN_LITERALLY)
    assert warning.message == "a comment begins with '#'; this is taken for a text"


@pytest.mark.parametrize(("text", "words"), [("!urgent", "begins with '!'"), ("*urgent", "begins with '*'")])
def test_what_yaml_takes_for_a_tag_or_an_alias_is_to_be_quoted(tmp_path: Path, text: str, words: str) -> None:
    write(tmp_path, RULE.replace("when:", f"description: {text}\n    when:"))
    assert words in problems(tmp_path)[0]


def test_a_value_that_yaml_does_not_let_begin_with_an_at_sign_is_to_be_quoted(tmp_path: Path) -> None:
    write(tmp_path, RULE.replace("detail.x", "@receive_count"))
    (problem,) = problems(tmp_path)
    assert "rules.yaml:5:11: TR103" in problem
    assert "quote a value that begins with '@'" in problem


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    assert problems(tmp_path / "none") == [f"{tmp_path}/none: TR102 cannot be read: No such file or directory"]
    assert "no rule files here" in problems(tmp_path)[0]
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfrules:\n  # \xc3\xa9 \xff")
    assert "a.yaml:2:7: TR102 this is not UTF-8; save the file as UTF-8" in problems(tmp_path)[0]
    (tmp_path / "a.yaml").unlink()
    (tmp_path / "b.yaml").symlink_to("nowhere")
    assert "b.yaml: TR102" in problems(tmp_path)[0]


def test_files_without_rules_are_a_problem(tmp_path: Path) -> None:
    write(tmp_path, HEAD)
    assert "no rules in these files" in problems(tmp_path)[0]


@pytest.mark.parametrize("text", ["", "\n", "# rules:\n", "---\n", "null\n", "\ufeff"])
def test_a_file_that_holds_nothing_does_not_let_its_rules_go_without_a_word(tmp_path: Path, text: str) -> None:
    write(tmp_path, RULE, "1.yaml")
    write(tmp_path, text, "2.yaml")
    (problem,) = problems(tmp_path)
    assert problem.startswith("2.yaml:1:1: TR101 there is nothing in this file")


def test_a_pipe_among_the_files_is_named_and_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, RULE, "1.yaml")
    os.mkfifo(tmp_path / "2.yaml")
    (problem,) = problems(tmp_path)
    assert "2.yaml: TR102 cannot be read: it is no ordinary file" in problem


def test_a_file_beyond_the_size_limit_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, RULE)
    with pytest.raises(RulesError, match="larger than 10 bytes"):
        load_rules(tmp_path, limits=Limits(file_bytes=10))


def test_a_byte_order_mark_is_accepted_in_rule_files(tmp_path: Path) -> None:
    assert len(load_rules(write(tmp_path, "\ufeff" + RULE)).rules) == 1


def test_a_queue_comes_from_the_environment(tmp_path: Path) -> None:
    write(tmp_path, RULE.replace("queue: standard", 'queue: "${BASE}/${NAME:-standard}"'))
    ruleset = load_rules(tmp_path, environ={"BASE": "https://sqs.example/1"})
    assert ruleset.targets["standard"].address == "https://sqs.example/1/standard"
    assert ruleset.unresolved() == ()


def test_an_unset_variable_of_a_queue_stops_sending_but_not_matching(tmp_path: Path) -> None:
    write(tmp_path, RULE.replace("queue: standard", 'queue: "${STANDARD_QUEUE_URL}"'))
    ruleset = load_rules(tmp_path, environ={"STANDARD_QUEUE_URI": "x"})
    assert ruleset.targets["standard"].unresolved == ("STANDARD_QUEUE_URL",)
    assert ruleset.match('{"detail": {"x": 1}}').targets == ("standard",)
    (problem,) = ruleset.unresolved()
    assert "STANDARD_QUEUE_URL is not set; did you mean 'STANDARD_QUEUE_URI'?" in problem.message
    assert (problem.line, problem.column) == (1, 29)


def test_an_unset_variable_of_a_condition_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, RULE.replace("== 1", "== '${TENANT}'"))
    (problem,) = problems(tmp_path)
    assert "TENANT is not set" in problem
    assert load_rules(tmp_path, environ={"TENANT": "1"}).match('{"detail": {"x": "1"}}').rules == ("r",)


def test_the_process_environment_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANT", "emea")
    write(tmp_path, RULE.replace("== 1", "== '${TENANT}'"))
    assert load_rules(tmp_path).match('{"detail": {"x": "emea"}}').rules == ("r",)


def test_the_fingerprint_changes_with_what_was_read(tmp_path: Path) -> None:
    write(tmp_path, RULE.replace("queue: standard", 'queue: "${Q}"'))
    first = load_rules(tmp_path, environ={"Q": "a", "OTHER": "1"}).fingerprint
    assert len(first) == 16
    assert int(first, 16) >= 0
    assert load_rules(tmp_path, environ={"Q": "a", "OTHER": "2"}).fingerprint == first
    assert load_rules(tmp_path, environ={"Q": "b"}).fingerprint != first
    assert load_rules(tmp_path, environ={"Q": "a"}, require=["detail"]).fingerprint != first
    write(tmp_path, RULE + "    # a comment\n")
    assert load_rules(tmp_path, environ={"Q": "a"}).fingerprint != first


def test_required_paths_are_checked_at_load(tmp_path: Path) -> None:
    path = write(tmp_path, RULE)
    with pytest.raises(RulesError, match=r"'detail\.\.' *: after a dot|after a dot"):
        load_rules(path, require=["detail", "detail."])


def test_a_disabled_rule_is_checked_like_any_other(tmp_path: Path) -> None:
    write(tmp_path, RULE.replace("detail.x == 1", "detail.x =") + "    enabled: false\n")
    assert "TR201" in problems(tmp_path)[0]


@pytest.mark.parametrize("written", ["", "~", "null", "NULL"])
def test_a_condition_of_nothing_is_called_empty_however_nothing_is_written(tmp_path: Path, written: str) -> None:
    write(tmp_path, RULE.replace("detail.x == 1", written))
    (problem,) = problems(tmp_path)
    assert problem.endswith("TR201 the expression is empty; write a condition, or exists($) for every event")


def test_a_path_or_a_list_of_nothing_is_to_be_left_out(tmp_path: Path) -> None:
    write(tmp_path, RULE.replace("[standard]", "~") + "    group: ~\n    attributes: {a: {path: ~}}\n")
    send, group, path = problems(tmp_path)
    assert send.endswith("TR112 send must be a list")
    assert "TR112 group must be a path" in group
    assert group.endswith("not nothing; leave it out for none")
    assert "TR112 path must be a path" in path


def test_a_constant_that_sqs_takes_in_no_attribute_is_refused(tmp_path: Path) -> None:
    write(tmp_path, RULE + r'    attributes: {a: {value: "x\ay"}, b: {value: "x\ty\n"}, c: {value: "${BELL}"}}')
    first, second = problems(tmp_path, BELL="\x07")
    assert "TR113 SQS takes no control characters in an attribute, apart from tabs and line breaks" in first
    assert "TR113 SQS takes no control characters" in second


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {id: r, when: detail.x == 1, send: [high]}\n", "; write 'rules:' above a list of rules"),
        ("id: r\n", "a rule file has no field 'id'; the fields of a rule stand below 'rules:', in an item of its list"),
        ("targets: [standard]\n", "targets must be a mapping, not a list, such as {standard: {queue: ...}}"),
        (RULE.replace("[standard]", "[drop]"), "there is no target 'drop'; 'drop' is for 'unmatched' only"),
        (RULE.replace("[standard]", '["${A}"]'), "references to the environment are not replaced here"),
        (RULE + "    disabled: true\n", "a rule has no field 'disabled'; write enabled: false"),
        (RULE.replace("detail.x == 1", "detail.${A} == 1"), "are not replaced inside a path"),
        (RULE.replace("detail.x == 1", "detail.x in ${A:-[1]}"), "a reference is one value: ['${A}', '${B}']"),
    ],
)
def test_a_slip_in_the_shape_of_a_file_is_answered_with_what_to_write(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, text)
    assert any(said in problem for problem in problems(tmp_path))


def test_a_list_of_rules_alone_is_one_problem(tmp_path: Path) -> None:
    write(tmp_path, "- {id: r, when: detail.x == 1, send: [high]}\n")
    assert len(problems(tmp_path)) == 1


def test_one_file_of_several_that_is_read_alone_names_the_directory(tmp_path: Path) -> None:
    rules = write(tmp_path, RULE.partition("rules:")[1] + RULE.partition("rules:")[2], "10.yaml")
    assert not any("read alone" in problem for problem in problems(rules))
    write(tmp_path, HEAD, "00-targets.yaml")
    assert any(f"This file was read alone: name its directory, {tmp_path}," in problem for problem in problems(rules))


def test_a_table_of_tests_in_place_of_rules_is_told_where_it_stands(tmp_path: Path) -> None:
    write(tmp_path, RULE + "tests: [{event: {}, rules: []}]\n")
    (problem,) = problems(tmp_path)
    assert problem.endswith("no field 'tests'; a table of tests stands in the folder 'tests' of the directory of rules")


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n   "])
def test_a_bracket_that_is_never_closed_is_pointed_at_where_it_opens(tmp_path: Path, end: str) -> None:
    (tmp_path / "rules.yaml").write_text(f"rules:\n  - id: r\n    when: exists(x)\n    send: [a, b{end}")
    assert [each.split(" TR103 ")[0] for each in problems(tmp_path)] == ["rules.yaml:4:11:"]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_tab_after_a_dash_is_called_a_tab(tmp_path: Path, start: str, newline: str) -> None:
    text = f"{start}rules: # \U0001f600{newline}  -\tid: r{newline}    when: exists(x){newline}"
    (tmp_path / "rules.yaml").write_bytes(text.encode())
    assert problems(tmp_path) == ["rules.yaml:2:4: TR103 a tab; indent with spaces, and put a space after '-'"]


@pytest.mark.parametrize("newline", ["\r", "\u2028", "\x85"])
def test_what_is_no_yaml_is_told_whatever_ends_the_lines(tmp_path: Path, newline: str) -> None:
    (tmp_path / "rules.yaml").write_bytes(newline.join(["rules:", "  - id: r", "    when: @x", ""]).encode())
    (problem,) = problems(tmp_path)
    assert "cannot start any token; quote a value" in problem
