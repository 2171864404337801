"""Reading expressions: what is refused, in which words, and exactly where."""

import time

import pytest
from tests.unit.rules.language import READER, read

from turnout.rules.condition.ast import And, Kind, Literal, OneOf, Or, Path, Test
from turnout.rules.expression.parser import parse_path
from turnout.rules.limits import Limits
from turnout.rules.problems import Code, ExpressionError

REFUSED = [
    ("", "", Code.SYNTAX, "empty"),
    ("detail.x", "detail.x", Code.SYNTAX, "exists(detail.x)"),
    ("detail.x == ", "", Code.SYNTAX, "the end of the expression"),
    ("detail.x == 1 or", "", Code.SYNTAX, "the end of the expression"),
    ("detail.x = 5", "=", Code.SYNTAX, "write =="),
    ("detail.x && detail.y", "&", Code.SYNTAX, "'and'"),
    ("detail.x == 5 AND detail.y == 6", "AND", Code.SYNTAX, "lower case"),
    ("detail.x == 5 detail.y == 6", "detail.y", Code.SYNTAX, "'and'"),
    ("(detail.x == 5", "(", Code.SYNTAX, "never closed"),
    ("detail.x == 5)", ")", Code.SYNTAX, "found ')'"),
    ("detail.x == 'abc", "'", Code.SYNTAX, "never closed"),
    ("detail.x in ['a'", "[", Code.SYNTAX, "never closed"),
    ("detail.x in ['a' 'b']", "'b'", Code.SYNTAX, "write a comma between two values"),
    ("detail.x in ['a', 'b',]", ",", Code.SYNTAX, "a list ends without one"),
    ("detail.x \uff1d 5", "\uff1d", Code.SYNTAX, "write =="),
    ("detail.x in \uff08'a', 'b'\uff09", "\uff08", Code.SYNTAX, "write ("),
    ("detail.x in []", "[]", Code.SYNTAX, "empty"),
    ("detail.x in ['a', detail.b]", "detail.b", Code.SYNTAX, "a list holds"),
    ("detail.x in 'a'", "'a'", Code.SYNTAX, "a list or a path"),
    ("detail.x == [1, 2]", "[1, 2]", Code.SYNTAX, "'in'"),
    ("detail.x not 5", "not", Code.SYNTAX, "an operator"),
    ("detail.x > true", "true", Code.SYNTAX, "ordered"),
    ("detail.x == 1e999", "1e999", Code.SYNTAX, "64-bit"),
    ("exists(detail.x) == true", "==", Code.SYNTAX, "already true or false"),
    ("detail.x + 1 > 2", "+", Code.SYNTAX, "arithmetic"),
    ("detail.x == \u2018a\u2019", "\u2018", Code.SYNTAX, "straight quotes"),
    ("detail.x == \u201ca\u201d", "\u201c", Code.SYNTAX, "straight quotes"),
    ("detail.x == 1, detail.y == 2", ",", Code.SYNTAX, "write 'and' or 'or'"),
    ("detail.x > 1,000", ",", Code.SYNTAX, "a number is written without commas"),
    ("detail.x == ''voice''", "voice", Code.SYNTAX, "in one pair of quotes: 'text'"),
    ("detail\u2013type == 'x'", "\u2013", Code.SYNTAX, "write -; a name holds it"),
    ("detail.x ?? 1 == 1", "?", Code.SYNTAX, "there are no defaults"),
    ("detail.x > 50%", "%", Code.SYNTAX, "a number has no unit"),
    ("not_exists(detail.x)", "not_exists", Code.UNKNOWN_FUNCTION, "write not exists(path)"),
    ("notContains(detail.x, 'a')", "notContains", Code.UNKNOWN_FUNCTION, "write not contains(path, 'text')"),
    ("exists(d.p[?(@.x == 1 and @.y == 2)])", "and @.y == 2)]", Code.PATH, "in a filter it is written '&&'"),
    ("detail.x == `5`", "`", Code.SYNTAX, "write 5 without backticks"),
    ("detail.x == `true`", "`", Code.SYNTAX, "write true without backticks"),
    ("detail.ch\u200bannel == 1", "\u200b", Code.SYNTAX, "an invisible character; delete it"),
    ("detail.ch\u0430nnel == 1", "\u0430", Code.SYNTAX, "a Cyrillic letter; type it anew"),
    ("detail.\u0441hannel == 1", ".", Code.PATH, "a Cyrillic letter; type it anew"),
    ("detail.x | length > 2", "|", Code.SYNTAX, "there are no pipes"),
    ("detail?.x == 1", "?", Code.SYNTAX, "write a dot alone"),
    ("$count(detail.x) > 2", "c", Code.PATH, "without $: count(...)"),
    ("detail.p[type='a'].y == 1", "='a'].y", Code.PATH, "a filter is written [?(@.type == 'a')]"),
    ("detail.p[n >= 5].y == 1", ">= 5].y", Code.PATH, "a filter is written [?(@.n >= 5)]"),
    ("detail.x > \u20135", "\u2013", Code.SYNTAX, "begins with -"),
    ("detail.x \u2265 5", "\u2265", Code.SYNTAX, "write >="),
    ("detail.x ~ 'a'", "~", Code.SYNTAX, "unexpected"),
    ("lenght(detail.x) > 2", "lenght", Code.UNKNOWN_FUNCTION, "'len'"),
    ("startswith(detail.x, 'a')", "startswith", Code.UNKNOWN_FUNCTION, "'starts_with'"),
    ("regex(detail.x, 'a')", "regex", Code.UNKNOWN_FUNCTION, "'matches'"),
    ("len() > 1", ")", Code.ARGUMENT, "missing"),
    ("len(5) > 1", "5", Code.ARGUMENT, "must be a path"),
    ("exists(lower(detail.x))", "exists", Code.ARGUMENT, "only a path"),
    ("starts_with(detail.x)", ")", Code.SYNTAX, "second argument"),
    ("starts_with(detail.x, 5)", "5", Code.ARGUMENT, "must be a string"),
    ("starts_with(detail.x, detail.y)", "detail.y", Code.ARGUMENT, "must be a value"),
    ("matches(detail.x, '(a')", "'(a'", Code.REGEX, "RE2"),
    ("matches(detail.x, '(?=a)')", "'(?=a)'", Code.REGEX, "RE2"),
    ("cidr(detail.x, '10.0.0.0/33')", "'10.0.0.0/33'", Code.NETWORK, "CIDR"),
    ("wildcard(detail.x, 'a**b')", "'a**b'", Code.WILDCARD, "in a row"),
    ("any(detail.x)", ")", Code.ARGUMENT, "a condition"),
    ("all(detail.x[*], 'a')", "'a'", Code.SYNTAX, "not a condition"),
    ("@ == 5", "@", Code.PATH, "any(...)"),
    ("@tenant == 'x'", "@tenant", Code.METADATA, "@attributes"),
    ("@recieve_count == 1", "@recieve_count", Code.METADATA, "'receive_count'"),
    ("@atributes.x == 'x'", "@atributes.x", Code.METADATA, "'attributes'"),
    ("detail.x. == 5", ".", Code.PATH, "after a dot"),
    ("detail.x <> 5", "<", Code.SYNTAX, "write !="),
    ("detail.x in ('a', 'b')", "(", Code.SYNTAX, "square brackets: ['a', 'b']"),
    ("detail.x is null", "is", Code.SYNTAX, "write == null"),
    ("detail.x like 'a%'", "like", Code.SYNTAX, "write wildcard("),
    ("exists(detail.x) and detail.y AND detail.z", "AND", Code.SYNTAX, "write 'and'"),
    ("detail.x == 'sales", "'", Code.SYNTAX, "if it holds ' #'"),
    ("detail.x == 'sales", "'", Code.SYNTAX, "write ' where it ends; a quote in it is written \\',"),
    ('detail.x == "sales', '"', Code.SYNTAX, 'write " where it ends; a quote in it is written \\",'),
    ("detail.x == 1)", ")", Code.SYNTAX, "there is no '(' that it closes; take it out"),
    ("(detail.x == 1)) and exists(detail.y)", ")", Code.SYNTAX, "there is no '(' that it closes"),
    ("detail.x in ['a']]", "]", Code.SYNTAX, "there is no '[' that it closes"),
    ("if detail.x == 1", "if", Code.SYNTAX, "a condition is written without it"),
    ("IF (detail.x == 1)", "IF", Code.SYNTAX, "a condition is written without it"),
    ("when exists(detail.x)", "when", Code.SYNTAX, "a condition is written without it"),
    ("detail.x[0 == 1", "[", Code.PATH, "never closed"),
    ("detail.x[?(@.y =~ 'a')].z == 1", "=~ 'a')].z", Code.PATH_REFUSED, "matches(path"),
    ("d[?(@.a == 1 & @.b == 2)].c == 1", "d[?(@.a == 1 & @.b == 2)].c", Code.PATH_REFUSED, "written '&&'"),
    ("detail.p.[?(@.x == 1)].y == 1", ".", Code.PATH, "without a dot before it"),
    ("detail.p[].x == 1", "].x", Code.PATH, "write [*] for every element"),
    ("detail.[].x == 1", "].x", Code.PATH, "write [*] for every element"),
    ("detail[odd name] == 1", "name]", Code.PATH, "write ['odd name']"),
    ("detail.2nd == 1", "n", Code.PATH, "detail['2nd']"),
    (r"detail['caf\u00e9'] == 1", r"\u00e9']", Code.PATH, "write the character itself"),
    (r"detail.p[?(@.x == 'a\.b')].y == 1", r"\.b')].y", Code.PATH, "before a quote or another backslash"),
    ("detail.über == 1", ".", Code.PATH, "detail['name']"),
    ("detail.büro2ü == 1", "ü", Code.SYNTAX, "detail['name']"),
    ("detail.p[0]x == 1", "x", Code.PATH, "after a bracket comes a dot"),
    ("$detail.x == 1", "d", Code.PATH, "$.detail"),
    ("detail.x == $NAME", "N", Code.PATH, "${NAME}"),
    ("$. == 1", ".", Code.PATH, "after a dot"),
    ("$..", ".", Code.PATH, "after a dot"),
    ("detail.x =< 5", "=", Code.SYNTAX, "write <="),
    ("detail.x => 5", "=", Code.SYNTAX, "write >="),
    ("detail.x !== 5", "=", Code.SYNTAX, "write !="),
    ("detail.x === 5", "=", Code.SYNTAX, "write =="),
    ("detail.x ~ '^a'", "~", Code.SYNTAX, "write matches("),
    ("detail.x == 5 # five", "#", Code.SYNTAX, "a comment stands outside"),
    ("detail.x > 10s", "10s", Code.SYNTAX, "'10s' is no number"),
    ("detail.x > 1_000", "1_000", Code.SYNTAX, "is no number"),
    ("detail.time > 2024-01-01 and detail.y == 1", "2024-01-01", Code.SYNTAX, "a text in quotes"),
    ("cidr(detail.ip, 10.0.0.0/8)", "10.0.0.0", Code.SYNTAX, "a text in quotes"),
    ("detail.x > .5", ".", Code.SYNTAX, "as in 0.5"),
    ("detail.x == 'it's'", "'", Code.SYNTAX, "a quote in it is written \\'"),
    ("NOT exists(detail.x)", "NOT", Code.SYNTAX, "write 'not' in lower case"),
    ("NOT (detail.x == 1)", "NOT", Code.SYNTAX, "write 'not' in lower case"),
    ("exists detail.x", "detail.x", Code.SYNTAX, "write exists(path)"),
    ("detail.x exists", "exists", Code.SYNTAX, "write exists(path)"),
    ("detail.x startswith 'a'", "startswith", Code.SYNTAX, "write starts_with(path, 'text')"),
    ("detail.x starts with 'a'", "starts", Code.SYNTAX, "write starts_with(path, 'text')"),
    ("detail.x contains ('a')", "contains", Code.SYNTAX, "write contains(path, 'text')"),
    ("detail.x.startsWith('a')", "(", Code.SYNTAX, "write starts_with(detail.x, 'text')"),
    ("detail.x.length() > 3", "(", Code.SYNTAX, "write len(detail.x)"),
    ("detail.p [0] == 1", "[", Code.SYNTAX, "detail.p[0]"),
    ("detail.x 'a'", "'a'", Code.SYNTAX, "an operator such as =="),
    ("detail.x, detail.y", ",", Code.SYNTAX, "an operator such as =="),
    ("detail.x == 'a' or 'b'", "'b'", Code.SYNTAX, "path in ['a', 'b']"),
    ("detail.x in (a, b)", "(", Code.SYNTAX, "square brackets"),
    ("detail.x in [a, b]", "a", Code.SYNTAX, "a text stands in quotes"),
    ("true", "true", Code.SYNTAX, "exists($)"),
    ("upper(detail.x) == 'A'", "upper", Code.UNKNOWN_FUNCTION, "there are exists, len, lower"),
    ("exists('detail.x')", "'detail.x'", Code.ARGUMENT, "without quotes"),
    ("detail.x > ${NOPE}", "${NOPE}", Code.ENVIRONMENT, "NOPE is not set"),
    ("detail.x == 'a${NOPE}'", "'a${NOPE}'", Code.ENVIRONMENT, "NOPE is not set"),
    ("any($..a, any($..b, @ == 1))", "$..b", Code.PATH_REFUSED, "one value"),
    ("any($..a, @..b == 1)", "@..b", Code.PATH_REFUSED, "'..'"),
    ("any(detail.a, any(detail.b, @ == 1))", "detail.b", Code.PATH_REFUSED, "look into detail.b outside"),
    ("all(detail.a, all(@attributes, @ == 1))", "@attributes", Code.PATH_REFUSED, "one value"),
    ("detail['a] == 1", "[", Code.PATH, "never closed"),
    ("any(detail.a[*], @ in detail.b)", "detail.b", Code.PATH_REFUSED, "one value"),
]


@pytest.mark.parametrize(("text", "wrong", "code", "words"), REFUSED)
def test_what_is_wrong_is_named_at_its_place(text: str, wrong: str, code: Code, words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        read(text)
    error = caught.value
    assert error.code is code
    assert words in error.message
    assert text[error.at.start : error.at.end] == wrong


def test_a_word_may_stand_right_behind_a_number() -> None:
    assert read("a == 5or b == 1e5and c in [1,2]") == read("a == 5 or b == 1e5 and c in [1, 2]")


def test_quotes_that_are_never_closed_are_read_once() -> None:
    text = "a[" + "\\'" * 200_000
    started = time.process_time()
    with pytest.raises(ExpressionError, match="never closed"):
        parse_path(text, READER)
    assert time.process_time() - started < 5  # reading on behind each of them takes minutes


def test_nesting_is_limited() -> None:
    read("(" * 30 + "a == 1" + ")" * 30)
    with pytest.raises(ExpressionError, match="levels deep"):
        read("(" * 10_000 + "a == 1" + ")" * 10_000, limits=Limits(expression_length=100_000))
    with pytest.raises(ExpressionError, match="levels deep"):
        read("not " * 100 + "a == 1")
    with pytest.raises(ExpressionError, match="a list holds"):
        read("a in " + "[" * 10_000)
    with pytest.raises(ExpressionError, match="levels deep"):
        read("a in " + "[(" * 5_000)


def test_parentheses_are_read_once_and_not_once_per_level() -> None:
    started = time.process_time()
    read("(" * 39 + "a == 1" + ")" * 39)
    read("(" * 39 + "a" + ")" * 39 + " == 1")
    assert time.process_time() - started < 5  # two ways at each level take for ever


def test_the_size_of_a_condition_is_limited() -> None:
    with pytest.raises(ExpressionError, match="more than 100 parts"):
        read(" or ".join(["a == 1"] * 60), limits=Limits(nodes=100))


def test_the_size_of_a_list_is_limited() -> None:
    items = ", ".join(map(str, range(101)))
    with pytest.raises(ExpressionError, match="more than 100 items"):
        read(f"a in [{items}]", limits=Limits(list_items=100))


def test_a_long_list_does_not_count_as_a_large_condition() -> None:
    items = ", ".join(map(str, range(500)))
    condition = read(f"a in [{items}]", limits=Limits(nodes=100))
    assert isinstance(condition, Test)
    assert isinstance(condition.predicate, OneOf)
    assert len(condition.predicate.items) == 500


def test_the_length_of_an_expression_is_limited() -> None:
    with pytest.raises(ExpressionError, match="characters in one expression"):
        read("a == 1" + " " * 200_000)


def test_a_regular_expression_is_limited_in_length_and_in_what_it_expands_to() -> None:
    with pytest.raises(ExpressionError, match="characters in a regular expression"):
        read(f"matches(a, '{'a' * 2_000}')")
    with pytest.raises(ExpressionError, match="RE2"):
        read("matches(a, '((a{100}){100}){100}')")


@pytest.mark.parametrize("pattern", ["a.{0,200}b.{0,200}c", "(a?b?){500}c"])
def test_a_regular_expression_of_too_many_steps_is_refused_with_what_to_write_instead(pattern: str) -> None:
    text = f"matches(a, '{pattern}')"
    with pytest.raises(ExpressionError, match=r"more than 2,000 steps .* smaller counts, or \* and \+") as caught:
        read(text)
    assert caught.value.code is Code.LIMIT
    at = caught.value.at
    assert text[at.start : at.end] == f"'{pattern}'"


def test_ordinary_regular_expressions_are_far_from_the_limit_of_their_steps() -> None:
    for pattern in (r"^\\+?[0-9]{7,15}$", r"^\\pL+$", "^.{1,200}$", "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"):
        read(f"matches(a, '{pattern}')")


def test_stars_in_a_wildcard_are_limited() -> None:
    with pytest.raises(ExpressionError, match="'\\*' in a wildcard"):
        read(f"wildcard(a, '{'*a' * 20}')")


def test_a_reference_to_the_environment_is_a_value_and_never_code() -> None:
    condition = read("a == '${NAME}'", environ={"NAME": "x' or true == true or a == '"})
    assert isinstance(condition, Test)
    assert condition.predicate == OneOf((Literal(Kind.STRING, "x' or true == true or a == '"),))


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("120000", Literal(Kind.NUMBER, 120000)),
        ("1.5", Literal(Kind.NUMBER, 1.5)),
        ("true", Literal(Kind.BOOL, True)),
        ("NaN", Literal(Kind.STRING, "NaN")),
        ("voice", Literal(Kind.STRING, "voice")),
        ("1e999", Literal(Kind.STRING, "1e999")),
    ],
)
def test_a_bare_reference_is_a_number_when_it_reads_like_one(value: str, literal: Literal) -> None:
    condition = read("a == ${NAME}", environ={"NAME": value})
    assert isinstance(condition, Test)
    assert condition.predicate == OneOf((literal,))


def test_a_default_stands_in_for_a_variable_that_is_not_set() -> None:
    assert read("a > ${NAME:-5}") == read("a > 5")
    assert read("a == '$${NAME}'") != read("a == '${NAME:-x}'")


def test_keywords_can_be_members() -> None:
    condition = read("detail.in == 1 and $.not == 2 and detail.len == 3")
    assert isinstance(condition, And)
    assert [item.term.keys for item in condition.items if isinstance(item, Test) and isinstance(item.term, Path)] == [
        ("detail", "in"),
        ("not",),
        ("detail", "len"),
    ]


def test_and_binds_tighter_than_or_and_both_are_flat() -> None:
    condition = read("a == 1 or b == 2 and (c == 3 and d == 4) or (e == 5 or f == 6)")
    assert isinstance(condition, Or)
    assert len(condition.items) == 4
    assert isinstance(condition.items[1], And)
    assert len(condition.items[1].items) == 3


def test_equal_conditions_are_equal_wherever_they_stand() -> None:
    assert read("a == 1") == read("   (a)  ==  1.0 ")
    assert hash(read("5 < a")) == hash(read("a > 5"))
    assert read("a == 1") != read("a == true")


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("detail.x not == 'a'", "found 'not'; write !="),
        ("detail.x not contains 'a'", "'not' stands before a whole condition"),
        ("detail.x == 'it''s'", "a quote in a text is written \\'"),
        ("detail.n > 120,000", "a number is written without commas"),
        ("detail.n > -.5", "a number below 1 begins with 0, as in 0.5"),
        ("detail.ani == +49123", "a text stands in quotes"),
        ("detail.tags == []", "an array without elements has len(path) == 0"),
        ("starts_with(detail.x, ['a', 'b'])", "for several values join several with 'or'"),
        ("detail.x.toLowerCase() == 'a'", "write lower(detail.x)"),
        ("detail.x eq 'a'", "unexpected 'eq'; write =="),
        ("detail.x GE 5", "unexpected 'GE'; write >="),
        ("detail.x > 5 minutes", "unexpected 'minutes'; a number has no unit"),
        ("detail.x == 'a' // or so", "unexpected '/'; a comment stands outside of the expression"),
        ("detail:x == 1", "unexpected ':'; a member is written behind a dot"),
        ("detail.x == 1 ? true : false", "unexpected '?'; a condition has no branches"),
        ("detail.x notin ['a']", "unexpected 'notin'; write 'not in'"),
        ("detail.wait time > 5", "unexpected 'time'; a name with a space in it is quoted: detail['wait time']"),
        ("isEmpty(detail.x)", "did you mean 'len'?"),
        ("detail.x == ${TENANT:-'acme'}", "a default stands without quotes: ${TENANT:-acme}"),
        ("true", "'true' alone is not a condition; for every event write exists($), for none enabled: false"),
        ("False", "'False' alone is not a condition; for every event write exists($), for none enabled: false"),
        ("detail.x == \\'a\\'", "unexpected '\\'; a backslash stands within a text only"),
        ("detail.x == 1 xor detail.y == 2", "expected 'and', 'or' or the end of the expression, found 'xor'"),
    ],
)
def test_what_other_languages_write_is_answered_with_what_to_write_here(text: str, instead: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        read(text)
    assert instead in caught.value.message
