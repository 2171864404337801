"""The `when` language: text in, a condition tree out, or an error with its exact place.

    or          condition or condition
    and         condition and condition
    not         not condition
    comparison  operand (== != < <= > >= operand)+  |  operand [not] in list-or-path  |  (condition)  |  function
    operand     path | string | number | true | false | null | ${NAME} | len(operand) | lower(operand)

What the functions mean is in functions.py; what the tree means, in condition/ast.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, NoReturn

from turnout.rules.condition.ast import (
    Condition,
    Descend,
    Every,
    Length,
    Literal,
    Lower,
    Not,
    Order,
    Path,
    Present,
    Root,
    Some,
    Span,
    Spread,
    Term,
    Test,
    literal,
)
from turnout.rules.condition.building import (
    ListLiteral,
    Operand,
    between,
    compare,
    conjunction,
    disjunction,
    in_list,
    in_path,
    read_scalar,
)
from turnout.rules.environment import Environment
from turnout.rules.expression import advice
from turnout.rules.expression.cursor import Cursor
from turnout.rules.expression.functions import ALIASES, FUNCTIONS, PREDICATES, predicate
from turnout.rules.expression.lexer import Token, TokenKind, tokenize
from turnout.rules.expression.path_errors import PathError
from turnout.rules.expression.paths import PathReader
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.problems import Code, ExpressionError
from turnout.rules.spelling import nearest

__all__ = ["ExpressionError", "parse", "parse_path"]


_ORDERS = {order.value: order for order in Order}
_ALL_FUNCTIONS = f"; there are {', '.join(FUNCTIONS)}"
_LIST_HOLDS = "a list holds strings, numbers, true, false and null only"


def parse(text: str, *, reader: PathReader, environment: Environment, limits: Limits = DEFAULT_LIMITS) -> Condition:
    """The condition that the text says. Raises `ExpressionError` at the first thing that is wrong."""
    if len(text) > limits.expression_length:
        whole = Span(0, 1)
        raise ExpressionError(Code.LIMIT, f"more than {limits.expression_length} characters in one expression", whole)
    return _Parser(tokenize(text), reader, environment, limits).whole()


def parse_path(text: str, reader: PathReader) -> Path:
    """A path standing alone, as in `group: detail.queueId`. Raises `ExpressionError`."""
    tokens = tokenize(text)
    if len(tokens) != 2 or tokens[0].kind is not TokenKind.PATH:
        raise ExpressionError(Code.PATH, "a path is expected, such as detail.queueId", Span(0, max(1, len(text))))
    path = _read(tokens[0], reader)
    if path.root is Root.ELEMENT:
        raise ExpressionError(Code.PATH, "'@' alone has no meaning here; metadata is @name", tokens[0].at)
    return path


def _read(token: Token, reader: PathReader) -> Path:
    try:
        return replace(reader.read(token.text), at=token.at)
    except PathError as error:
        start = token.at.start + min(error.offset, len(token.text))
        raise ExpressionError(error.code, str(error), Span(start, max(start + 1, token.at.end))) from error


class _Read(NamedTuple):
    """A primary that was read, and the token it begins with."""

    start: Token
    primary: Condition | Operand


class _Parser(Cursor):
    """Recursive descent over the tokens; `_depth` bounds the recursion."""

    def __init__(self, tokens: list[Token], reader: PathReader, environment: Environment, limits: Limits) -> None:
        super().__init__(tokens)
        self._reader = reader
        self._environment = environment
        self._limits = limits
        self._depth = 0
        self._nodes = 0
        self._quantified: list[Path] = []
        """The paths of the enclosing any(...) and all(...)."""

    # ------------------------------------------------------------------------------------------------- connectives

    def whole(self) -> Condition:
        """The expression up to its end."""
        if self.at_end():
            self.fail("the expression is empty")
        condition = self._or()
        if not self.at_end():
            if hint := advice.in_place_of_connective(self.peek(-1), self.token, self.peek(1)):
                self.fail(f"unexpected '{self.token.text}'; {hint}")
            wanted = "'and', 'or' or the end of the expression"
            self.unexpected(wanted, advice=advice.closing_nothing(self.token))
        return condition

    def _or(self, read: _Read | None = None) -> Condition:
        """A condition. `read` is its first primary when that was read already (see `_parenthesised`)."""
        items = [self._and(read)]
        while self.takes("or"):
            items.append(self._and(None))
        return disjunction(items)

    def _and(self, read: _Read | None) -> Condition:
        items = [self._not(read)]
        while self.takes("and"):
            items.append(self._not(None))
        return conjunction(items)

    def _not(self, read: _Read | None) -> Condition:
        token = self.token
        if read is None and self.takes("not"):
            with _Deeper(self, token.at):
                item = self._not(None)
            return Not(item, at=Span(token.at.start, self.end))
        return self._comparison(read or _Read(token, self._primary()))

    # ------------------------------------------------------------------------------------------------- comparisons

    def _comparison(self, read: _Read) -> Condition:
        start, first = read
        if isinstance(first, Condition):
            if self.token.kind is TokenKind.OPERATOR:
                self.fail("the left side is already true or false; drop the comparison, or put 'not' before it")
            return first
        membership = self._membership(first)
        if membership is not None:
            return membership
        operands: list[Operand] = [first]
        orders: list[tuple[Order, Span]] = []
        while self.token.kind is TokenKind.OPERATOR:
            operator = self.advance()
            orders.append((_ORDERS[operator.text], operator.at))
            operand = self._primary()
            if isinstance(operand, Condition):
                raise ExpressionError(Code.SYNTAX, "a condition cannot be compared", operand.at or operator.at)
            operands.append(operand)
        if not orders:
            self._bare(first, start)
        return self._chain(operands, orders, Span(start.at.start, self.end))

    def _bare(self, operand: Operand, token: Token) -> NoReturn:
        """Fail at an operand that is compared with nothing, or at what stands after it in place of an operator."""
        follows = self.token
        if follows.kind is TokenKind.END or follows.text in ("and", "or", ")"):
            at = Span(token.at.start, max(token.at.end, self.end))
            raise ExpressionError(Code.SYNTAX, advice.alone(operand), at)
        word = operand.text if isinstance(operand, Path) else ""
        if hint := advice.connective(word) or advice.before_condition(word):
            self.position -= 1
            self.fail(f"unexpected '{word}'; {hint}")
        if hint := advice.in_place_of_operator(operand, follows, self.peek(1)):
            self.fail(f"unexpected '{follows.text}'; {hint}")
        self.unexpected("an operator such as ==")

    def _membership(self, left: Operand) -> Condition | None:
        """`operand in ...` and `operand not in ...`; None when neither word follows."""
        negated = self.token.text == "not" and self.token.kind is TokenKind.WORD
        word = self.peek(1) if negated else self.token
        if word.kind is not TokenKind.WORD or word.text != "in":
            if negated:
                whole = "'not' stands before a whole condition: not (path == 1)"
                self.fail(f"expected an operator, found 'not'; {'write !=' if word.text in ('=', '==') else whole}")
            return None
        self.position += 2 if negated else 1
        start = left.at.start if left.at else word.at.start
        values = self.peek(1).kind in (TokenKind.STRING, TokenKind.NUMBER) or self.peek(2).text == ","
        if self.token.text == "(" and values:
            self.fail("after 'in' comes a list in square brackets: ['a', 'b']")
        right = self._primary()
        at = Span(start, self.end)
        if isinstance(left, ListLiteral):
            raise ExpressionError(Code.SYNTAX, "a list can only stand to the right of 'in'", left.at)
        if isinstance(right, ListLiteral):
            return in_list(left, right, negated, at)
        if isinstance(right, Path):
            self._refuse_quadratic(right, spread=True)
            return in_path(left, right, negated, at)
        place = right.at or word.at
        several = "; a reference is one value: ['${A}', '${B}']" if self.peek(-1).kind is TokenKind.REFERENCE else ""
        raise ExpressionError(Code.SYNTAX, f"after 'in' comes a list or a path, such as ['a', 'b']{several}", place)

    def _chain(self, operands: list[Operand], orders: list[tuple[Order, Span]], at: Span) -> Condition:
        """`a < b <= c`: every neighbour pair holds; a term between two constants is one range, held by one value."""
        conditions: list[Condition] = []
        position = 0
        while position < len(orders):
            left, middle = operands[position], operands[position + 1]
            order, order_at = orders[position]
            if (
                position + 1 < len(orders)
                and isinstance(left, Literal)
                and isinstance(middle, Path | Lower | Length)
                and isinstance(right := operands[position + 2], Literal)
                and (joined := between(left, order, orders[position + 1][0], right)) is not None
            ):
                conditions.append(Test(middle, joined, at))
                position += 2
                continue
            conditions.append(compare(left, order, middle, order_at, at))
            position += 1
        self._count(at, len(conditions))
        return conjunction(conditions)

    # ---------------------------------------------------------------------------------------------------- operands

    def _primary(self) -> Condition | Operand:
        token = self.advance()
        self._count(token.at)
        match token.kind:
            case TokenKind.STRING:
                return literal(self._resolved(token), token.at)
            case TokenKind.NUMBER | TokenKind.CONSTANT:
                return literal(token.value, token.at)
            case TokenKind.REFERENCE:
                return literal(read_scalar(self._resolved(token)), token.at)
            case TokenKind.PATH:
                return self._path(token)
            case TokenKind.FUNCTION:
                return self._function(token)
            case TokenKind.PUNCTUATION if token.text == "(":
                with _Deeper(self, token.at):
                    inner = self._parenthesised()
                self.expect(")", opened=token)
                return inner
            case TokenKind.PUNCTUATION if token.text == "[":
                return self._list(token)
        if token.kind is not TokenKind.END:
            self.position -= 1
        self.unexpected("a path, a value or a condition")

    def _parenthesised(self) -> Condition | Operand:
        """What parentheses hold: a condition, or an operand alone as in `(detail.x) == 1`.

        Nothing is read twice: going back would double the work with every parenthesis.
        """
        token = self.token
        if token.kind is TokenKind.WORD:
            return self._or()
        first = self._primary()
        alone = self.token.text == ")" and not isinstance(first, Condition)
        return first if alone else self._or(_Read(token, first))

    def _path(self, token: Token) -> Path:
        path = _read(token, self._reader)
        if path.root is Root.ELEMENT and not self._quantified:
            raise ExpressionError(
                Code.PATH, "'@' is the element that any(...) or all(...) looks at; metadata is @name", token.at
            )
        self._refuse_quadratic(path)
        return path

    def _refuse_quadratic(self, path: Path, *, spread: bool = False, hint: str = "") -> None:
        """Inside any/all, what begins at the event is looked at once per element: it must be one value."""
        if not self._quantified:
            return
        at = path.at or Span(0, 1)
        if path.root is not Root.ELEMENT and (spread or not path.is_singular):
            raise ExpressionError(
                Code.PATH_REFUSED,
                f"inside any(...) and all(...), a path that begins at the event must name one value{hint}",
                at,
            )
        outer = (*self._quantified, path)
        if sum(isinstance(segment, Descend) for part in outer for segment in part.segments) > 1:
            raise ExpressionError(Code.PATH_REFUSED, "'..' inside any(...) or all(...) over another '..'", at)

    def _list(self, opened: Token) -> ListLiteral:
        items: list[Literal] = []
        while not self.takes("]"):
            if items:
                self.expect(",", "']'", opened=opened, advice=advice.in_list(self.token))
                if self.token.text == "]":
                    self.position -= 1
                    self.fail("unexpected ','; a list ends without one")
            if self.token.text == "[":
                raise ExpressionError(Code.SYNTAX, _LIST_HOLDS, self.token.at)  # before going down, without end
            item = self._primary()
            if not isinstance(item, Literal):
                place = item.at if not isinstance(item, Condition) and item.at else opened.at
                hint = "; a text stands in quotes" if isinstance(item, Path) else ""
                raise ExpressionError(Code.SYNTAX, f"{_LIST_HOLDS}{hint}", place)
            items.append(item)
            self._nodes -= 1  # literals in a list have a bound of their own
            if len(items) > self._limits.list_items:
                raise ExpressionError(Code.LIMIT, f"more than {self._limits.list_items} items in a list", opened.at)
        if not items:
            raise ExpressionError(
                Code.SYNTAX,
                "the list is empty; an array without elements has len(path) == 0",
                Span(opened.at.start, self.end),
            )
        return ListLiteral(tuple(items), Span(opened.at.start, self.end))

    # --------------------------------------------------------------------------------------------------- functions

    def _function(self, name: Token) -> Condition | Operand:
        opened = self.advance()
        if hint := advice.connective(name.text) or advice.before_condition(name.text):
            raise ExpressionError(Code.SYNTAX, f"unexpected '{name.text}'; {hint}", name.at)
        if name.text not in FUNCTIONS:
            guess = nearest(name.text, FUNCTIONS, ALIASES)
            raise ExpressionError(
                Code.UNKNOWN_FUNCTION,
                f"there is no function '{name.text}'{advice.negated(name.text) or guess or _ALL_FUNCTIONS}",
                name.at,
            )
        with _Deeper(self, name.at):
            if name.text in ("any", "all"):
                return self._quantifier(name, opened)
            term = self._term_argument(name)
            if name.text in PREDICATES:
                self.expect(",", f"a second argument: {FUNCTIONS[name.text]}", opened=opened)
                return self._predicate(name, term, opened)
            self.expect(")", f"')': {FUNCTIONS[name.text]}", opened=opened)
        at = Span(name.at.start, self.end)
        if name.text == "exists":
            if not isinstance(term, Path):
                raise ExpressionError(Code.ARGUMENT, f"only a path exists or not: {FUNCTIONS['exists']}", name.at)
            return Present(term, at)
        return Length(term, at) if name.text == "len" else Lower(term, at)

    def _term_argument(self, name: Token) -> Term:
        token = self.token
        if token.text == ")":
            self.fail(f"an argument is missing: {FUNCTIONS[name.text]}", Code.ARGUMENT)
        argument = self._primary()
        if isinstance(argument, Path | Lower | Length):
            return argument
        at = Span(token.at.start, max(token.at.end, self.end))
        bare = ", without quotes" if token.kind is TokenKind.STRING else ""
        raise ExpressionError(Code.ARGUMENT, f"the first argument must be a path{bare}: {FUNCTIONS[name.text]}", at)

    def _predicate(self, name: Token, term: Term, opened: Token) -> Condition:
        began, token = self.position, self.token
        argument = self._primary()
        if not isinstance(argument, Literal):
            at = Span(token.at.start, max(token.at.end, self.end))
            several = "; for several values join several with 'or'" if isinstance(argument, ListLiteral) else ""
            raise ExpressionError(
                Code.ARGUMENT, f"the second argument must be a value: {FUNCTIONS[name.text]}{several}", at
            )
        self.expect(")", f"')': {FUNCTIONS[name.text]}", opened=opened)
        of_environment = any("${" in each.text for each in self._tokens[began : self.position])
        found = predicate(name.text, argument, self._limits, quote=not of_environment)
        return Test(term, found, Span(name.at.start, self.end))

    def _quantifier(self, name: Token, opened: Token) -> Condition:
        """`any(path, condition)`; a condition may leave out its left side: `all(path, > 5)`."""
        path = self._term_argument(name)
        if not isinstance(path, Path):
            raise ExpressionError(Code.ARGUMENT, f"the first argument must be a path: {FUNCTIONS[name.text]}", name.at)
        usage = FUNCTIONS[name.text]
        self.expect(",", f"a condition: {usage}", opened=opened, code=Code.ARGUMENT)
        # Every level would go through all elements again, and levels multiply.
        self._refuse_quadratic(path, spread=True, hint=f"; look into {path.text} outside, and join both with 'and'")
        if path.is_singular:
            path = replace(path, segments=(*path.segments, Spread()))
        self._quantified.append(path)
        condition = self._section() if self._starts_section() else self._or()
        self._quantified.pop()
        self.expect(")", f"')': {usage}", opened=opened)
        kind = Some if name.text == "any" else Every
        return kind(path, condition, Span(name.at.start, self.end))

    def _starts_section(self) -> bool:
        token = self.token
        return (
            token.kind is TokenKind.OPERATOR
            or (token.kind is TokenKind.WORD and token.text == "in")
            or (token.text == "not" and self.peek(1).text == "in")
        )

    def _section(self) -> Condition:
        element = Path(Root.ELEMENT, (), "@", Span(self.token.at.start, self.token.at.start))
        membership = self._membership(element)
        if membership is not None:
            return membership
        operator = self.advance()
        operand = self._primary()
        if isinstance(operand, Condition):
            raise ExpressionError(Code.SYNTAX, "a condition cannot be compared", operand.at or operator.at)
        return compare(element, _ORDERS[operator.text], operand, operator.at, Span(operator.at.start, self.end))

    def _resolved(self, token: Token) -> str:
        text, missing = self._environment.resolve(str(token.value))
        if missing:
            code, message = self._environment.unusable(missing[0])
            hint = "; a default is written ${NAME:-default}" if code is Code.ENVIRONMENT else ""
            raise ExpressionError(code, message + hint, token.at)
        return text

    def _count(self, at: Span, nodes: int = 1) -> None:
        self._nodes += nodes
        if self._nodes > self._limits.nodes:
            raise ExpressionError(Code.LIMIT, f"more than {self._limits.nodes} parts in one condition", at)


class _Deeper:
    """Counts one level of nesting while it is open."""

    def __init__(self, parser: _Parser, at: Span) -> None:
        self._parser = parser
        self._at = at

    def __enter__(self) -> None:
        self._parser._depth += 1
        if self._parser._depth > self._parser._limits.depth:
            limit = self._parser._limits.depth
            raise ExpressionError(Code.LIMIT, f"nested more than {limit} levels deep", self._at)

    def __exit__(self, *_: object) -> None:
        self._parser._depth -= 1
