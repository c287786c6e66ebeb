"""Expressions of T45 that are never true: comparisons of one value with constants that exclude each other.

Only what is certain is told. An expression is taken apart at its outermost `&&`; a part that compares something with a constant
says what that something may be, and every other part is left alone, as leaving one out can only make more true. So an
expression that is told here is never true, and one that is not told may still be.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from ruleset.expression import DECLARED, FUNCTIONS, Per, tokens_of
from ruleset.pack.diagnostics import Diagnostic
from ruleset.pack.lint.work import Work

COMPARED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
"""Each comparison, and the same with its sides exchanged."""
OPERATORS = frozenset({*COMPARED, "&&", "||"})
OPENING, CLOSING = frozenset("([{"), frozenset(")]}")
NOT_A_CONJUNCTION = frozenset({"||", "?"})


class Comparison(NamedTuple):
    """One part of a conjunction: something, as it is written, compared with a constant."""

    subject: str
    operator: str
    constant: Decimal | str


def never_true(work: Work) -> Iterator[Diagnostic]:
    """Expressions of T45 whose parts, joined by `&&`, compare one value with constants that exclude each other."""
    for row in work.rows:
        if row.rule.template == "T45":
            text = contradiction(row.row.params.expression, row.row.params.per)  # type: ignore[attr-defined] # T45
            if text:
                yield work.at(row, "expression", f"the expression is never true: {text}")


def contradiction(expression: str, per: Per) -> str:
    """Return the two parts of an expression that are never both true, or "" where none are found."""
    comparisons: dict[str, list[Comparison]] = {}
    for part in _conjuncts(_words(expression)):
        comparison = _comparison(part)
        if comparison is not None:
            comparisons.setdefault(comparison.subject, []).append(comparison)
    for subject, found in comparisons.items():
        is_whole = _is_whole(subject, per)
        for place, one in enumerate(found):
            for other in found[:place]:
                if _exclude(other, one, is_whole=is_whole):
                    return f"`{_shown(other)}` and `{_shown(one)}` exclude each other"
    return ""


def _words(expression: str) -> list[str]:
    """Return the words of an expression, operators of two characters as one."""
    words: list[str] = []
    end = -1
    for token in tokens_of(expression):
        text = token.group()
        if words and token.start() == end and words[-1] + text in OPERATORS:
            words[-1] += text
        else:
            words.append(text)
        end = token.end()
    return words


def _conjuncts(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the parts that must all be true for the words to be; the words themselves where they are no conjunction."""
    depth = 0
    ends: list[int] = []
    closes_at_end = bool(words) and words[0] == "("
    for place, word in enumerate(words):
        depth += (word in OPENING) - (word in CLOSING)
        closes_at_end &= depth > 0 or place == len(words) - 1
        if depth == 0 and word in NOT_A_CONJUNCTION:
            return
        if depth == 0 and word == "&&":
            ends.append(place)
    if closes_at_end:
        yield from _conjuncts(words[1:-1])
    elif ends:
        for start, end in zip([0, *(end + 1 for end in ends)], [*ends, len(words)], strict=True):
            yield from _conjuncts(words[start:end])
    else:
        yield words


def _comparison(words: Sequence[str]) -> Comparison | None:
    """Return a part as a comparison with a constant; None where it is anything else."""
    depth = 0
    places: list[int] = []
    for place, word in enumerate(words):
        depth += (word in OPENING) - (word in CLOSING)
        if depth == 0 and word == "in":
            return None
        if depth == 0 and word in COMPARED:
            places.append(place)
    if len(places) != 1:
        return None
    left, operator, right = words[: places[0]], words[places[0]], words[places[0] + 1 :]
    for subject, sign, side in ((left, operator, right), (right, COMPARED[operator], left)):
        constant = _constant(side)
        if constant is not None and _constant(subject) is None:
            return Comparison(" ".join(subject), sign, constant)
    return None


def _constant(words: Sequence[str]) -> Decimal | str | None:
    """Return a number, or a text without escapes; None for all else."""
    if len(words) == 1 and words[0][0] in "'\"":
        return None if "\\" in words[0] else words[0][1:-1]
    try:
        return Decimal("".join(words)) if words and words[-1].isdecimal() else None
    except InvalidOperation:
        return None


def _is_whole(subject: str, per: Per) -> bool:
    """Say whether a fact or a call is a whole number."""
    if subject in DECLARED[per]:
        return DECLARED[per][subject].type == "INT"
    function, bracket, rest = subject.partition(" ( ")
    return bool(bracket) and rest.count(")") == 1 and function in FUNCTIONS and FUNCTIONS[function].returns == "INT"


def _exclude(one: Comparison, other: Comparison, *, is_whole: bool) -> bool:
    """Say whether no value meets both comparisons."""
    if type(one.constant) is not type(other.constant):
        return False
    for first, second in ((one, other), (other, one)):
        if first.operator == "==" and not _meets(first.constant, second):
            return True
        if first.operator in (">", ">=") and second.operator in ("<", "<=") and isinstance(first.constant, Decimal):
            assert isinstance(second.constant, Decimal)  # of one type, as above
            room = second.constant - first.constant
            strict = (first.operator == ">") + (second.operator == "<")
            if room < 0 or (room == 0 and strict) or (is_whole and strict == 2 and room <= 1 and _is_integral(first)):
                return True
    return False


def _meets(value: Decimal | str, comparison: Comparison) -> bool:
    """Say whether a constant meets a comparison; of texts only equality is looked at."""
    operator, constant = comparison.operator, comparison.constant
    if operator in ("==", "!="):
        return (value == constant) == (operator == "==")
    if not isinstance(value, Decimal) or not isinstance(constant, Decimal):
        return True
    if operator in (">", ">="):
        return value > constant or (operator == ">=" and value == constant)
    return value < constant or (operator == "<=" and value == constant)


def _is_integral(comparison: Comparison) -> bool:
    return isinstance(comparison.constant, Decimal) and comparison.constant == comparison.constant.to_integral_value()


def _shown(comparison: Comparison) -> str:
    constant = comparison.constant
    text = f"'{constant}'" if isinstance(constant, str) else str(constant)
    subject = comparison.subject
    for spaced, plain in ((" ( ", "("), ("( ", "("), (" )", ")"), (" , ", ", "), (" . ", ".")):
        subject = subject.replace(spaced, plain)
    return f"{subject} {comparison.operator} {text}"
