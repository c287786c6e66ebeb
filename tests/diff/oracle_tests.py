"""Results of tests, naively: those of a name up to a moment, and how they compare. See `oracle_world.py`."""

from decimal import Decimal
from fractions import Fraction

from tests.diff.oracle_world import Facts, LineDict, World, converted

POSITIVE = ("阳性", "+", "(+)", "positive")
NEGATIVE = ("阴性", "-", "(-)", "negative")
COMPARISONS = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "=": lambda one, other: one == other,
}
MOLES = {"mmol/L": Fraction(1), "umol/L": Fraction(1, 1000)}


def plain(text: str) -> str:
    return "".join(text.split()).lower()


def is_named(one: Facts, names: list[str]) -> bool:
    return any(plain(name) in (plain(one.get("code") or ""), plain(one.get("name") or "")) for name in names if name)


def results_named(
    world: World, names: list[str], line: LineDict, within_days: int | None, statuses: tuple[str, ...] = ("final",)
) -> list[Facts] | None:
    """Results of these names that are known for a line, at most so many days older than its order, the last one last.

    None where only one without a time might be meant.
    """
    found = [
        one
        for one in world.patient.get("observations") or ()
        if is_named(one, names) and one.get("status", "final") in statuses
    ]
    timed = [one for one in found if one.get("time") is not None and one["time"] <= world.as_of(line)]
    if within_days is not None:
        day = line["begin"].date()
        timed = [one for one in timed if (day - one["time"].date()).days <= within_days]
    timed.sort(key=lambda one: one["time"])
    untimed = [one for one in found if one.get("time") is None]
    if timed:
        return timed
    if within_days is None:
        return untimed
    return None if untimed else []


def comparison_of(one: Facts, comparison: str, value: Fraction | None, unit: str, words: list[str]) -> bool | None:
    """Whether a result is what is asked for; None where it cannot be compared."""
    if comparison:
        if one.get("value") is None or value is None:
            return None
        figure = in_unit(one["value"], one.get("unit") or "", unit)
        return None if figure is None else COMPARISONS[comparison](figure, value)
    if words:
        text = one.get("text") or ""
        if not text:
            return None
        spellings = {plain(word) for word in words}
        for word, others in (("阳性", POSITIVE), ("阴性", NEGATIVE)):
            if word in words:
                spellings |= {plain(other) for other in others}
        return plain(text) in spellings
    return True


def in_unit(value: Decimal, unit: str, target: str) -> Fraction | None:
    if unit in MOLES and target in MOLES:
        return Fraction(value) * MOLES[unit] / MOLES[target]
    if not unit and target:
        return None
    return converted(Fraction(value), unit, target)
