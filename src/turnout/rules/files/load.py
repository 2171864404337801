"""Rule files in, a `Ruleset` out, or every problem at once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from turnout.rules.condition.ast import Path as ValuePath
from turnout.rules.environment import Environment
from turnout.rules.expression.parser import parse_path
from turnout.rules.expression.paths import PathReader
from turnout.rules.files import schema
from turnout.rules.files.document import YamlError, read_document
from turnout.rules.files.fields import Fields
from turnout.rules.files.finding import read_text, rule_files
from turnout.rules.files.nodes import ListNode, MapNode, Node, ScalarNode
from turnout.rules.files.places import Source
from turnout.rules.files.reporting import Reporter
from turnout.rules.files.rules import DraftRule, RuleReader
from turnout.rules.files.targets import DraftTarget, TargetReader
from turnout.rules.garbage import without_collection
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.model import Rule, Target, Unmatched
from turnout.rules.pattern.nodes import PatternNode
from turnout.rules.problems import Code, ExpressionError, Problem, RuleFilesError
from turnout.rules.ruleset import Ruleset
from turnout.rules.spelling import Guesses, nearest

__all__ = ["Reading", "WrittenRule", "WrittenTarget", "load_rules", "read_rules"]


@without_collection()
def load_rules(
    path: str | os.PathLike[str],
    *,
    environ: Mapping[str, str] | None = None,
    require: Sequence[str] = (),
    limits: Limits = DEFAULT_LIMITS,
) -> Ruleset:
    """Load every `*.yaml` and `*.yml` file of a directory in file-name order, or one file.

    `environ` resolves `${NAME}` references (default: `os.environ`); `require` names paths that every event must have.
    A variable that only a target's queue needs may be unset: `Ruleset.unresolved()` tells. Examples are not run; see
    `turnout.rules.trials.examples`. Raises `turnout.errors.RulesError` with all problems.
    """
    reading = read_rules(path, environ=environ, require=require, limits=limits)
    if reading.problems:
        raise RuleFilesError(reading.problems)
    return reading.ruleset()


class WrittenRule(NamedTuple):
    """Where a rule stands, so that later findings have a place: its id, and its expression or pattern."""

    source: Source
    name: Node
    condition: ScalarNode | PatternNode | None


class WrittenTarget(NamedTuple):
    """Where a target stands."""

    source: Source
    name: ScalarNode


@dataclass
class Reading:
    """What was read: everything that is sound, and every problem."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    targets: dict[str, Target] = field(default_factory=dict)
    unmatched: str = Unmatched.DEAD_LETTER
    unresolved: list[Problem] = field(default_factory=list)
    require: list[ValuePath] = field(default_factory=list)
    fingerprint: str = ""
    limits: Limits = DEFAULT_LIMITS
    written_rules: dict[str, WrittenRule] = field(default_factory=dict)
    """Where the `rules` stand, by id."""
    written_targets: dict[str, WrittenTarget] = field(default_factory=dict)
    """Where the `targets` stand, by name."""

    def ruleset(self) -> Ruleset:
        """The compiled rules. Only whole when there are no problems."""
        return Ruleset(
            self.rules,
            self.targets,
            self.unmatched,
            fingerprint=self.fingerprint,
            require=self.require,
            unresolved=self.unresolved,
            limits=self.limits,
        )


@without_collection()
def read_rules(
    path: str | os.PathLike[str],
    *,
    environ: Mapping[str, str] | None = None,
    require: Sequence[str] = (),
    limits: Limits = DEFAULT_LIMITS,
    keep_patterns: bool = False,
) -> Reading:
    """Like `load_rules`, but return the problems together with all that could be read.

    `keep_patterns` keeps event patterns as they are written, some 4 KB each, so that the linter can point into them.
    """
    environment = Environment(os.environ if environ is None else environ)
    paths = PathReader(limits)
    reading = Reading(limits=limits)
    drafts = _Drafts(keep_patterns)
    digest = hashlib.sha256()
    for file in rule_files(Path(path), reading.problems):
        text = read_text(file, limits, reading.problems)
        if text is None:
            drafts.partial = True
        else:
            digest.update(f"{file.shown.name}\0{text}\0".encode(errors="surrogateescape"))
            _read_file(str(file.shown), text, paths, environment, limits, drafts)
    reading.require = list(_require(require, paths, reading.problems))
    drafts.assemble(reading, environment, str(path))
    for part in (*sorted(f"{name}={value}" for name, value in environment.used.items()), *require):
        digest.update(f"{part}\0".encode(errors="surrogateescape"))
    reading.fingerprint = digest.hexdigest()[:16]
    return reading


# ---------------------------------------------------------------------------------------------------------- assembly


class _Drafts:
    """What the files hold, before it is looked at together."""

    def __init__(self, keep_patterns: bool) -> None:
        self.keep_patterns = keep_patterns
        self.targets: list[DraftTarget] = []
        self.rules: list[DraftRule] = []
        self.unmatched: list[tuple[ScalarNode, Reporter]] = []
        self.reporters: list[Reporter] = []
        self.partial = False
        """A file could not be read: what seems to be missing may stand there."""
        self.targets_partial = False
        """Something of the targets could not be read: a name that seems to be unknown may be one of them."""
        self.unmatched_written = False

    def assemble(self, reading: Reading, environment: Environment, path: str) -> None:
        """Check what only all files together show, and fill the reading."""
        if self.reporters and not self.partial and not any((self.rules, *(each.problems for each in self.reporters))):
            reading.problems.append(Problem(path, 0, 0, "", Code.NO_RULES, "there are no rules in these files"))
        self._targets(reading, environment)
        self._unmatched(reading, path)
        self._rules(reading)
        reading.problems.extend(
            problem for reporter in self.reporters for problem in sorted(reporter.problems, key=_order)
        )
        reading.warnings.extend(
            warning for reporter in self.reporters for warning in sorted(reporter.warnings, key=_order)
        )

    def _targets(self, reading: Reading, environment: Environment) -> None:
        for draft in self.targets:
            name = draft.target.name
            if name in reading.targets:
                first = reading.targets[name].place
                draft.reporter.node(Code.DUPLICATE_NAME, f"target '{name}' is already defined at {first}", draft.name)
                continue
            reading.targets[name] = draft.target
            reading.written_targets[name] = WrittenTarget(draft.reporter.source, draft.name)
            for variable in draft.target.unresolved:
                unset = Reporter(draft.reporter.source)
                code, message = environment.unusable(variable)
                unset.node(code, f"target '{name}': {message}", draft.address or draft.name)
                reading.unresolved += unset.problems

    def _unmatched(self, reading: Reading, path: str) -> None:
        names = (*Unmatched, *reading.targets)
        for node, reporter in self.unmatched:
            if node.text not in names and not self.partial and not self.targets_partial:
                known = ", ".join(names)
                hint = nearest(node.text, names)
                reporter.node(Code.UNKNOWN_TARGET, f"unmatched must be one of {known}{hint}", node)
            elif node.text != self.unmatched[0][0].text:
                where = self.unmatched[0][1].place(self.unmatched[0][0])
                reporter.node(Code.DUPLICATE_NAME, f"unmatched is already given at {where}, and differs", node)
            else:
                reading.unmatched = node.text
        if self.reporters and not self.unmatched_written and not self.partial:
            description = schema.FILE["unmatched"].description
            reading.problems.append(
                Problem(path, 0, 0, "", Code.MISSING_FIELD, f"'unmatched' is missing. {description}{_alone(path)}")
            )

    def _rules(self, reading: Reading) -> None:
        known: dict[str, Rule] = {}
        guesses = Guesses(reading.targets)
        for draft in self.rules:
            rule, reporter, sound = draft.rule, draft.reporter, draft.sound
            reporter.rule = rule.id
            if rule.id in known:
                place = known[rule.id].place
                reporter.node(Code.DUPLICATE_NAME, f"the id '{rule.id}' is already taken at {place}", draft.name)
                sound = False
            elif rule.id:
                known[rule.id] = rule
            for node in draft.send:
                if node.text not in reading.targets and not self.partial and not self.targets_partial:
                    hint = _no_target(node.text) or guesses.nearest(node.text)
                    reporter.node(Code.UNKNOWN_TARGET, f"there is no target '{node.text}'{hint}", node)
                    sound = False
            reporter.rule = ""
            if sound:
                reading.rules.append(rule)
                reading.written_rules[rule.id] = WrittenRule(reporter.source, draft.name, draft.condition)


def _alone(path: str) -> str:
    """What to say of one file of several, which is read without the others."""
    file = Path(path)
    if not file.is_file() or not any(each.shown.name != file.name for each in rule_files(file.parent, [])):
        return ""
    return f" This file was read alone: name its directory, {file.parent}, to read those beside it too."


def _no_target(name: str) -> str:
    """What to write in place of a name that `send` takes for no target; empty when that is not known."""
    if name in tuple(Unmatched):
        return f"; '{name}' is for 'unmatched' only"
    if "${" in name:
        return "; references to the environment are not replaced here, but in the address of a target"
    return ""


def _order(problem: Problem) -> tuple[int, int]:
    return problem.line, problem.column


def _read_file(
    name: str, text: str, paths: PathReader, environment: Environment, limits: Limits, drafts: _Drafts
) -> None:
    reporter = Reporter(Source(name, text))
    drafts.reporters.append(reporter)
    try:
        root = read_document(text, reporter.node, limits)
    except YamlError as error:
        reporter.at(error.code, str(error), error.line, error.column)
        drafts.partial = True
        return
    if root is None or (isinstance(root, ScalarNode) and root.value is None):
        # A full disk or a copy under way leaves such a file; its rules would be gone without a word.
        reporter.at(Code.NO_RULES, "there is nothing in this file; delete it, if its rules are to go", 0, 0)
        drafts.partial = True
        return
    if not isinstance(root, MapNode):
        hint = "; write 'rules:' above a list of rules" if isinstance(root, ListNode) else ""
        reporter.node(Code.WRONG_TYPE, f"a rule file is a mapping with targets, unmatched and rules{hint}", root)
        drafts.partial = True
        return
    for key, (node, _) in root.items.items():
        if key not in schema.FILE:
            rule = "; the fields of a rule stand below 'rules:', in an item of its list" if key in schema.RULE else ""
            table = f"; a table of tests stands in the folder '{schema.TABLES_FOLDER}' of the directory of rules"
            hint = rule or (table if key == "tests" else nearest(key, schema.FILE))
            reporter.node(Code.UNKNOWN_FIELD, f"a rule file has no field '{key}'{hint}", node)
    fields = Fields(reporter, paths, environment)
    targets = TargetReader(fields)
    written = root.get("targets")
    found = list(targets.targets(written))
    drafts.targets += found
    drafts.targets_partial |= written is not None and not (
        isinstance(written, MapNode) and len(found) == len(written.items)
    )
    unmatched = targets.unmatched(root.get("unmatched"))
    drafts.unmatched_written |= root.get("unmatched") is not None
    if unmatched is not None:
        drafts.unmatched.append((unmatched, reporter))
    drafts.rules.extend(RuleReader(fields, limits, keep_patterns=drafts.keep_patterns).rules(root.get("rules")))


def _require(require: Sequence[str], paths: PathReader, problems: list[Problem]) -> Iterable[ValuePath]:
    for text in require:
        try:
            yield parse_path(text, paths)
        except ExpressionError as error:
            problems.append(Problem("required paths", 0, 0, "", error.code, f"'{text}': {error.message}"))
