"""JSONPath in, lowered `Path` out: parsed once per distinct text by `jsonpath_ng.ext`, refused where it could hang.

lowering.py turns jsonpath-ng's tree into the segments of condition/ast.py; no jsonpath-ng object is alive when events
are matched.

Refused, here or there, because they run backtracking regular expressions, can blow up or can raise: `=~`, everything in
backquotes (`sub`, `split`, `str`, `len`, `keys`, `sorted`, `parent`, ...), arithmetic, sorting, unions, `where`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext.parser import ExtendedJsonPathParser

from turnout.rules.condition.ast import Descend, Key, Keys, Path, Root, Where, paths
from turnout.rules.environment import REFERENCE
from turnout.rules.expression.lowering import Lowering
from turnout.rules.expression.path_errors import PathError, deprecated, syntax_error
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.problems import Code
from turnout.rules.spelling import nearest

__all__ = ["METADATA_FIELDS", "PathReader"]

METADATA_FIELDS = ("attributes", "receive_count", "queue", "message_id", "sent_timestamp", "group_id")
"""What `@` paths may begin with."""

_ESCAPE = re.compile(r"(?:[^\\]|\\[\\'\"])*(\\)?")
"""All before the first backslash that escapes neither a quote nor a backslash; then that."""


class PathReader:
    """Parses and lowers paths, each distinct text once. One per load: it holds the parser and the cache.

    `metadata` is what `@` paths may begin with.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS, metadata: Sequence[str] = METADATA_FIELDS) -> None:
        self._limits = limits
        self._metadata = metadata
        self._parser = ExtendedJsonPathParser()
        self._known: dict[str, Path] = {}

    def read(self, text: str) -> Path:
        """The path. `@name` begins at the message's metadata, `@`, `@.x` and `@[...]` at the current element,
        everything else at the event. Raises `PathError`.
        """
        path = self._known.get(text)
        if path is None:
            path = self._known[text] = self._read(text)
        return path

    def _read(self, text: str) -> Path:
        root, query, shift = Root.EVENT, text, 0
        if text.startswith("@"):
            if text[1:2] in ("", ".", "["):
                root, query = Root.ELEMENT, "$" + text[1:]
            else:
                root, query, shift = Root.METADATA, text[1:], 1
        elif not text:
            raise PathError(Code.PATH, "a path is expected, not nothing")
        if len(text) > self._limits.path_length:
            raise PathError(Code.LIMIT, f"the path has more than {self._limits.path_length} characters")
        self._refuse_operators(text)
        try:
            with warnings.catch_warnings():
                # What jsonpath-ng deprecates (unquoted words in filters, unions) is ambiguous: refused from the start.
                warnings.simplefilter("error", DeprecationWarning)
                tree = self._parser.parse(query)
            segments = Lowering(root, self._limits.depth).path(tree)
        except JSONPathError as error:
            raise syntax_error(str(error), query, shift) from error
        except DeprecationWarning as warning:
            raise deprecated(str(warning)) from warning
        path = Path(root, segments, text)
        self._check(path)
        return path

    def _refuse_operators(self, text: str) -> None:
        if REFERENCE.search(text):
            raise PathError(Code.PATH_REFUSED, "references to the environment are not replaced inside a path")
        unquoted = _without_quoted(text)
        if "`" in unquoted:
            raise PathError(
                Code.PATH_REFUSED, "operators in backquotes are not supported in a path", unquoted.index("`")
            )
        if "=~" in unquoted:
            raise PathError(
                Code.PATH_REFUSED,
                "'=~' runs backtracking regular expressions; write matches(path, 'expression') outside the path",
                unquoted.index("=~"),
            )
        if (escape := _ESCAPE.match(text)) and escape[1]:
            # jsonpath-ng drops such a backslash, and no event has the name that is left.
            raise PathError(
                Code.PATH,
                "not a valid path: in a name, a backslash stands only before a quote or another backslash; "
                "write the character itself",
                escape.start(1),
            )

    def _check(self, path: Path) -> None:
        segments = list(path.segments)
        for segment in path.segments:
            if isinstance(segment, Where):
                for inner in paths(segment.condition):
                    if inner.root is not Root.ELEMENT and not inner.is_singular:
                        raise PathError(
                            Code.PATH_REFUSED, "in a filter, a path that begins with '$' must name one value"
                        )
                    segments.extend(inner.segments)
        if len(segments) > self._limits.path_segments:
            raise PathError(Code.LIMIT, f"the path has more than {self._limits.path_segments} steps")
        if sum(isinstance(segment, Descend) for segment in segments) > 1:
            raise PathError(Code.PATH_REFUSED, "'..' may stand only once in a path: two can take quadratic time")
        for segment in segments:
            if isinstance(segment, Keys) and len(set(segment.names)) < len(segment.names):
                raise PathError(Code.PATH_REFUSED, "a name is listed twice in brackets")
        if path.root is Root.METADATA:
            first = path.segments[0] if path.segments else None
            if not isinstance(first, Key) or first.name not in self._metadata:
                name = first.name if isinstance(first, Key) else path.text[1:]
                known = f"; there are {', '.join('@' + field for field in self._metadata)}"
                raise PathError(
                    Code.METADATA, f"a message has no metadata '{name}'{nearest(name, self._metadata) or known}"
                )


def _without_quoted(text: str) -> str:
    """The text with everything inside quotes blanked, so that offsets stay."""
    return re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", lambda found: " " * len(found[0]), text)
