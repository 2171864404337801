"""A place in a list of tokens: looking, taking, expecting, and failing at the token that was not expected."""

from __future__ import annotations

from typing import NoReturn

from turnout.rules.condition.ast import Span
from turnout.rules.expression.lexer import Token, TokenKind
from turnout.rules.problems import Code, ExpressionError

__all__ = ["Cursor"]


class Cursor:
    """What the parser reads from. Every failure is an `ExpressionError`."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self.position = 0

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self._tokens[self.position]

    def at_end(self) -> bool:
        """Whether every token was read."""
        return self.token.kind is TokenKind.END

    @property
    def end(self) -> int:
        """Where the last token that was read ends."""
        return self._tokens[self.position - 1].at.end

    def peek(self, ahead: int) -> Token:
        """A token further on."""
        return self._tokens[min(self.position + ahead, len(self._tokens) - 1)]

    def advance(self) -> Token:
        """Read the next token; at the end, the end again."""
        token = self.token
        if token.kind is not TokenKind.END:
            self.position += 1
        return token

    def takes(self, text: str) -> bool:
        """Read the next token if it is this word or this punctuation."""
        token = self.token
        if token.text == text and token.kind in (TokenKind.WORD, TokenKind.PUNCTUATION):
            self.position += 1
            return True
        return False

    def expect(self, text: str, wanted: str = "", *, opened: Token, code: Code = Code.SYNTAX, advice: str = "") -> None:
        """Read this word or punctuation, or raise `ExpressionError`; `opened` is the bracket it would close.

        `advice` is as of `unexpected`.
        """
        if self.takes(text):
            return
        if self.token.kind is TokenKind.END:
            raise ExpressionError(Code.SYNTAX, f"this '{opened.text}' is never closed", opened.at)
        self.unexpected(wanted or f"'{text}'", code, advice=advice)

    def fail(self, message: str, code: Code = Code.SYNTAX) -> NoReturn:
        """Raise `ExpressionError` at the next token."""
        token = self.token
        raise ExpressionError(code, message, Span(token.at.start, max(token.at.end, token.at.start + 1)))

    def unexpected(self, wanted: str, code: Code = Code.SYNTAX, *, advice: str = "") -> NoReturn:
        """Fail because the next token is not what is wanted. `advice` is what to do about it, if that is known."""
        token = self.token
        found = token.kind.value if token.kind is TokenKind.END else f"'{token.text}'"
        lowered = token.text.lower()
        if not advice and lowered != token.text and lowered in ("and", "or", "not"):
            advice = f"write '{lowered}' in lower case"
        self.fail(f"expected {wanted}, found {found}{'; ' if advice else ''}{advice}", code)
