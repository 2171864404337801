"""A YAML file as a tree of nodes that know their place, read from PyYAML's event stream.

PyYAML's own loaders are not used: they lose places, take the last of two equal keys, expand aliases without bound,
build objects from tags, and read `no` as a boolean. Here duplicate keys, tags and runaway aliases are problems, and
plain scalars mean what JSON has: null, true, false and numbers; everything else is a string.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

from turnout.rules.files.nodes import ListNode, MapNode, Node, ScalarNode
from turnout.rules.files.places import line_and_column
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.problems import Code

__all__ = ["YamlError", "read_document"]

# The C parser is some ten times faster and has the same events and marks.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_STRING_TAG = "tag:yaml.org,2002:str"
_CONFLICT = re.compile(r"^(<<<<<<<|>>>>>>>) ", re.MULTILINE)
_NO_SPACE = re.compile(r" *(?:- +)?(?:[\w-]+: *)?[\u00a0\u2000-\u200b\u202f\u2060\u3000\ufeff]")
"""What web pages and chats write for spaces, and what nobody sees, before a field or before its value."""
_COMMENT = re.compile(r"""(?:\s*(?:- +)?|(?:[^"']|"(?:[^"\\]|\\.)*"|'[^']*')*(?<=[,\[\]{}"']) +)(?=//|/\*)""")
"""What stands before a comment as other languages write it, texts in quotes as a whole."""
_ADVICE = {
    "cannot start any token": "; quote a value that begins with '@', '`', '%', '>' or '|', and indent with spaces",
    "mapping values are not allowed": "; quote a text that holds ': ', and look at the indentation and the line above",
    "could not find expected ':'": "; a field is written 'name: value', with a ':' and a space",
    "did not find expected ',' or": "; look for a bracket that is not closed, and quote texts that hold brackets",
    "did not find expected node content": "; a value is missing here, or a bracket before it is not closed",
    "did not find expected '-' indicator": "; look at the indentation",
    "block sequence entries are not allowed": "; an item of a list begins on a line of its own, with '- '",
    "found a tab character": "; indent with spaces",
    "alphabetic or numeric character": "; quote a text that begins with '*' or '&'",
    "expected comment or line break": "; quote a text that begins with '>' or '|'",
    "unknown escape character": r"; a backslash is written \\ in double quotes, and as it is in single quotes",
    "invalid Unicode character escape code": "; write the character itself: YAML takes no halves of one",
    "found unexpected ':'": "; after the ':' of a field comes a space",
    "found unexpected end of stream": "; write the quote that closes it",
    "did not find expected key": "; look at the indentation, and quote a whole text that begins with a quote",
}
"""What to do, by what the parser says."""


class YamlError(ValueError):
    """The text is not YAML, or not the YAML that rule files are written in. `line` and `column` count from 0."""

    def __init__(self, code: Code, message: str, line: int, column: int) -> None:
        self.code = code
        self.line = line
        self.column = column
        super().__init__(message)


def read_document(
    text: str, report: Callable[[Code, str, ScalarNode], None], limits: Limits = DEFAULT_LIMITS
) -> Node | None:
    """The document in the text; None when it is empty. `report` hears of problems that do not stop the reading.

    Raises `YamlError` for what does.
    """
    reader = _Reader(report, limits)
    try:
        reader.read(_Loader(text))
    except yaml.MarkedYAMLError as error:
        raise _in_our_words(text, error) from error
    except yaml.YAMLError as error:
        line, column = _place_of_reader_error(text, error)
        raise YamlError(Code.YAML, "a character that YAML does not allow", line, column) from error
    except RecursionError as error:
        raise YamlError(Code.TOO_DEEP, "nested too deep", 0, 0) from error
    return reader.root


def _in_our_words(text: str, error: yaml.MarkedYAMLError) -> YamlError:
    """What the parser says is wrong, where to look, and what to do about it."""
    mark = error.problem_mark
    if mark is None or (error.context_mark and not text[mark.index :].strip()):
        mark = error.context_mark  # what is never closed is found at the end, and its beginning helps more
    line, column = (mark.line, mark.column) if mark else (0, 0)
    if conflict := _CONFLICT.search(text):
        message = f"a merge was not finished: {conflict[1]} is left in the file"
        return YamlError(Code.YAML, message, text.count("\n", 0, conflict.start()), 0)
    for number, written in enumerate(text.split("\n")[max(0, line - 1) : line + 1], start=max(0, line - 1)):
        if indent := _NO_SPACE.match(written):
            message = "an invisible character that is no space; delete it, and write spaces"
            return YamlError(Code.YAML, message, number, indent.end() - 1)
    if mark and "cannot start any token" in (error.problem or "") and text[mark.index : mark.index + 1] == "\t":
        return YamlError(Code.YAML, "a tab; indent with spaces, and put a space after '-'", line, column)
    begins = error.context_mark if error.context else None
    if begins and "could not find expected ':'" in (error.problem or ""):
        line, column = begins.line, begins.column  # it is seen to be missing where the next field begins
        if text[begins.index] in "{[":
            message = f"what is in '{text[begins.index]}' is indented further than the name that it belongs to"
            return YamlError(Code.YAML, message, line, column)
    begun = begins.line if begins else line
    first = min(begun, max(0, line - 1))
    for number, written in enumerate(text.split("\n")[first : line + 1], start=first):
        if comment := _COMMENT.match(written):
            message = "a comment begins with '#'; write it so, or take it out"
            return YamlError(Code.YAML, message, number, comment.end())
    context = f"{error.context} that begins in line {begun + 1}" if begun != line else error.context
    if mark and not text[mark.index :].strip():
        line, column = line_and_column(text.rstrip()[:-1])  # nothing is to be seen at the end
    message = ", ".join(part for part in (context, error.problem) if part)
    if mark and text[: mark.index + 1].endswith("${"):
        return YamlError(Code.YAML, f'{message}; quote a text that holds a reference: "${{NAME}}"', line, column)
    message += next((advice for said, advice in _ADVICE.items() if said in message), "")
    return YamlError(Code.YAML, message, line, column)


def _place_of_reader_error(text: str, error: yaml.YAMLError) -> tuple[int, int]:
    position = getattr(error, "position", None)
    return line_and_column(text[: max(0, position)]) if isinstance(position, int) else (0, 0)


class _Reader:
    """Builds the tree from events, with a stack of what is open."""

    def __init__(self, report: Callable[[Code, str, ScalarNode], None], limits: Limits) -> None:
        self.root: Node | None = None
        self._report = report
        self._limits = limits
        self._open: list[tuple[ListNode | MapNode, str | None]] = []
        self._keys: list[ScalarNode | None] = []
        self._anchors: dict[str, Node | None] = {}
        self._documents = 0
        self._aliased = 0

    def read(self, loader: Any) -> None:
        """Read all events of a loader, and dispose of it. (The stubs of PyYAML know no `get_event`.)"""
        take: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.SequenceStartEvent: self._sequence,
            yaml.MappingStartEvent: self._mapping,
            yaml.SequenceEndEvent: self._end,
            yaml.MappingEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }
        try:
            kind: type[yaml.Event] | None = None
            while kind is not yaml.StreamEndEvent:
                event = loader.get_event()
                kind = event.__class__
                if kind in take:
                    take[kind](event)
        finally:
            loader.dispose()

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            raise _error(Code.YAML, "a second document begins here; a rule file holds one", event)

    def _sequence(self, event: yaml.SequenceStartEvent) -> None:
        self._begin(event, ListNode(*_place(event)))

    def _mapping(self, event: yaml.MappingStartEvent) -> None:
        self._begin(event, MapNode(*_place(event)))

    def _scalar(self, event: Any) -> None:  # its marks are optional in the stubs only
        style = event.style or ""
        if event.tag is not None:
            self._check_tag(event)
            # An explicit `!!str` makes a string of what would be a number, as quotes do.
            style = style or ("!" if event.tag == _STRING_TAG else "")
        start, end = event.start_mark, event.end_mark
        node = ScalarNode(event.value, style, start.line, start.column, end.line, end.column)
        self._add(node, event)
        if event.anchor:
            self._anchors[event.anchor] = node

    def _begin(self, event: yaml.CollectionStartEvent, node: ListNode | MapNode) -> None:
        if event.tag is not None:
            self._check_tag(event)
        if len(self._open) >= self._limits.yaml_depth:
            raise _error(Code.TOO_DEEP, f"nested more than {self._limits.yaml_depth} levels deep", event)
        self._add(node, event)
        if event.anchor:
            self._anchors[event.anchor] = None  # still open: it may not contain itself
        self._open.append((node, event.anchor))
        self._keys.append(None)

    def _end(self, _event: yaml.CollectionEndEvent) -> None:
        node, anchor = self._open.pop()
        self._keys.pop()
        if anchor:
            self._anchors[anchor] = node

    def _alias(self, event: yaml.AliasEvent) -> None:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            known = event.anchor in self._anchors
            unknown = f"there is no anchor '&{event.anchor}'; quote a text that begins with '*'"
            reason = f"'*{event.anchor}' contains itself" if known else unknown
            raise _error(Code.ALIAS, reason, event)
        self._aliased += _count(node, self._limits.alias_nodes)
        if self._aliased > self._limits.alias_nodes:
            raise _error(Code.ALIAS, f"aliases add more than {self._limits.alias_nodes} values to this file", event)
        self._add(node, event)

    def _add(self, node: Node, event: yaml.NodeEvent) -> None:
        """Put a node where it belongs: into the open sequence, as a key, as a value, or at the root."""
        if not self._open:
            self.root = node
            return
        parent = self._open[-1][0]
        if isinstance(parent, ListNode):
            parent.items.append(node)
            return
        key = self._keys[-1]
        if key is None:
            if not isinstance(node, ScalarNode):
                raise _error(Code.YAML, "a key must be a word, not a list or a mapping", event)
            if node.text == "<<" and not node.style:
                raise _error(Code.YAML, "merge keys ('<<') are not supported", event)
            self._keys[-1] = node
            return
        self._keys[-1] = None
        if key.text in parent.items:
            first = parent.items[key.text][0]
            self._report(Code.DUPLICATE_KEY, f"'{key.text}' stands twice, first in line {first.line + 1}", key)
            return
        parent.items[key.text] = (key, node)

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        tag = event.tag
        if not (tag == _STRING_TAG and isinstance(event, yaml.ScalarEvent)):
            raise _error(Code.TAG, f"YAML tags are not supported: {tag}; quote a text that begins with '!'", event)


def _count(node: Node, most: int) -> int:
    """How many nodes a node is, counted as far as one more than `most`: aliases in it may multiply."""
    count = 0
    stack: list[Node] = [node]
    while stack and count <= most:
        found = stack.pop()
        count += 1
        if isinstance(found, ListNode):
            stack += found.items
        elif isinstance(found, MapNode):
            count += len(found.items)
            stack += (value for _, value in found.items.values())
    return count


def _place(event: Any) -> tuple[int, int]:
    mark = event.start_mark
    return mark.line, mark.column


def _error(code: Code, message: str, event: yaml.Event) -> YamlError:
    return YamlError(code, message, *_place(event))
