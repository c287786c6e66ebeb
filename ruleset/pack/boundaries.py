"""Sets of three boundary cases: just short of a limit, at it, just beyond it, and nothing else changed.

A limit that is off by one day or one unit passes every test that does not look at both sides of it. So three cases that
stand one after another, each with its `boundary`, say of one rule how it comes out there. What makes them a set is
checked wherever a pack's tests run: all three, in order; one value that differs, by the same step each time; and answers
that are not all the same, for a limit that changes nothing is no limit.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ruleset.pack.cases import TestCase

Boundary = Literal["day before", "day of", "day after", "one under", "at", "one over"]
BY_DATE: tuple[Boundary, ...] = ("day before", "day of", "day after")
BY_NUMBER: tuple[Boundary, ...] = ("one under", "at", "one over")

WHAT_IS_KNOWN = ("time", "triggers", "site", "visits", "practitioners", "patient", "encounter", "lines", "history")
"""The fields of a case that state facts; the others say what it is and what is expected."""


def sets(cases: Sequence["TestCase"]) -> list[tuple["TestCase", ...]]:
    """Return the cases with a `boundary`, in sets: one begins with each first member, or where an order is broken."""
    found: list[list[TestCase]] = []
    before = None
    for case in cases:
        if case.boundary is not None:
            if before is None or _next(before) != case.boundary:
                found.append([])
            found[-1].append(case)
        before = case.boundary
    return [tuple(members) for members in found]


def problem(members: Sequence["TestCase"]) -> str | None:
    """Return what is wrong with one set, or None."""
    kinds = tuple(case.boundary for case in members)
    if kinds not in (BY_DATE, BY_NUMBER):
        return (
            f"a set of boundary cases is {_words(BY_DATE)} or {_words(BY_NUMBER)}, in this order; here {_words(kinds)}"
        )
    below, at, above = (_facts(case) for case in members)
    places = _differences(below, at) | _differences(at, above)
    if len(places) != 1:
        return f"boundary cases differ in one value, these in {', '.join(sorted(places)) or 'none'}"
    (place,) = places
    steps = [_step(_value(first, place), _value(second, place)) for first, second in ((below, at), (at, above))]
    if kinds == BY_DATE and steps not in ([timedelta(1)] * 2, [timedelta(-1)] * 2):
        return f"`{place}` is not three days in a row"
    if steps[0] != steps[1]:
        return f"`{place}` does not go on in equal steps"
    found = [{(finding.rule, finding.row) for finding in case.findings} for case in members]
    if set.union(*found) == set.intersection(*found):
        return "the limit changes nothing: no rule, or row where it is stated, is found in one case and not in another"
    return None


def _next(kind: Boundary) -> Boundary | None:
    order = BY_DATE if kind in BY_DATE else BY_NUMBER
    return order[order.index(kind) + 1] if kind != order[-1] else None


def _words(kinds: Sequence[str | None]) -> str:
    return ", ".join(f"`{kind}`" for kind in kinds)


def _facts(case: "TestCase") -> dict[str, Any]:
    return {name: getattr(case, name) for name in WHAT_IS_KNOWN}


def _differences(first: Any, second: Any, place: str = "") -> set[str]:
    """Return the places at which two trees of facts differ; a list that goes on longer differs as a whole."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return {
            found
            for name in {*first, *second}
            for found in _differences(first.get(name), second.get(name), f"{place}.{name}" if place else name)
        }
    if isinstance(first, list) and isinstance(second, list):
        if len(first) != len(second):
            return {place}
        pairs = enumerate(zip(first, second, strict=True))
        return {found for number, (a, b) in pairs for found in _differences(a, b, f"{place}.{number}")}
    return set() if first == second and type(first) is type(second) else {place}


def _value(facts: Any, place: str) -> Any:
    for name in place.split("."):
        facts = facts[int(name)] if isinstance(facts, list) else facts.get(name)
    return facts


def _step(first: Any, second: Any) -> Any:
    """Return by how much the second value is beyond the first: a number, a time, entries of a list; else "next"."""
    if isinstance(first, list) and isinstance(second, list):
        shorter, longer = sorted((first, second), key=len)
        return len(second) - len(first) if longer[: len(shorter)] == shorter else "another list"
    moments = [_moment(value) for value in (first, second)]
    if None not in moments:
        return moments[1] - moments[0]  # type: ignore[operator]  # neither is None
    try:
        return Decimal(str(second)) - Decimal(str(first))
    except InvalidOperation:
        return "next"  # degrees and levels, whose order is their own


def _moment(value: Any) -> datetime | None:
    if isinstance(value, date):
        return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) and "-" in value else None
    except ValueError:
        return None
