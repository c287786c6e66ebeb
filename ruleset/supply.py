"""How long a quantity lasts, on which days a line is used, and what is left of earlier ones.

Days are proleptic Gregorian ordinals; a line is used from the day it begins. Quantities refunded are negative.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from fractions import Fraction
from math import ceil

import msgspec

from ruleset.case import HERBS, Line
from ruleset.frequency import parse, times_per_day
from ruleset.outcome import Missing
from ruleset.units import units_of_form

DAYS_OF_USE_MAX_DAYS = 3_660
"""A line that claims more days of use than ten years is a typing error; its own date alone is counted."""


def supply_days(line: Line) -> Fraction | Missing:
    """Return for how many days the line's quantity lasts when it is taken as prescribed; negative for a refund.

    quantity x pack size (units of the form) over units of the form per dose x doses per day. A dose in units of the
    form (2片) needs no strength. Herbs last one day for each of their doses (剂) that are taken one a day.
    """
    if line.item_kind in HERBS:
        return _herb_days(line)
    if line.quantity is None or line.quantity == 0:
        return Missing("quantity")
    if line.pack_size is None or line.pack_size <= 0:
        return Missing("pack_size")
    daily = times_per_day(line)
    if isinstance(daily, Missing):
        return daily
    units = units_of_form(line)
    if isinstance(units, Missing):
        return units
    dispensed, one = (line.quantity * line.pack_size * units[1]).as_integer_ratio()
    taken, another = units[0].as_integer_ratio()
    return Fraction(dispensed * another * daily.denominator, one * taken * daily.numerator)


def _herb_days(line: Line) -> Fraction | Missing:
    if not line.herb_doses or line.herb_doses < 0:
        return Missing("herb_doses")
    daily = times_per_day(line)
    if isinstance(daily, Missing):
        return daily
    if daily > 1:
        return Missing("frequency", f"“{line.frequency}”可能是每日剂数，也可能是每剂分服次数。")
    return Fraction(-line.herb_doses if line.is_refund else line.herb_doses) / daily


def days_stated(line: Line) -> int | None:
    """Return the days of use that the line states, where they are plausible."""
    return line.days if line.days is not None and 0 < line.days <= DAYS_OF_USE_MAX_DAYS else None


def states_duration(line: Line) -> bool:
    """Say whether the line itself tells for how long it is used: by days, or an end that can be one.

    An end before the begin, or ten years later (2999-12-31 for "until cancelled"), says nothing.
    """
    return days_stated(line) is not None or end_stated(line) is not None


def end_stated(line: Line) -> datetime | None:
    """Return the end that the line states, where it can be one."""
    if line.end is None or line.begin is None:
        return None
    return line.end if 0 <= line.end.toordinal() - line.begin.toordinal() < DAYS_OF_USE_MAX_DAYS else None


def runs_until_stopped(line: Line) -> bool:
    """Say whether a line is a long-term order that states no duration and was not stopped before it began."""
    if not line.long_term or states_duration(line):
        return False
    return line.end is None or line.begin is None or line.end >= line.begin


def days_supplied(line: Line) -> int | None:
    """Return on how many days the line's quantity is used; None where it cannot be reckoned, or is not plausible.

    A single dose (st, once) is used on its day, however much is left in the pack.
    """
    if is_single_dose(line):
        return 1
    supply = supply_days(line)
    return None if isinstance(supply, Missing) or not 0 < supply <= DAYS_OF_USE_MAX_DAYS else ceil(supply)


def is_single_dose(line: Line) -> bool:
    """Say whether the line's frequency is that of a single dose (st, once)."""
    frequency = parse(line.frequency) if line.frequency else None
    return frequency is not None and frequency.once


def use_span(line: Line) -> tuple[int, int] | None:
    """Return the first and last day of use: by `days`, else begin to end, else supply, else the begin day alone.

    None for a line without a time. A day that is begun is a day of use.
    """
    if line.begin is None:
        return None
    first = line.begin.toordinal()
    days = days_stated(line)
    if days is None and line.end is not None and states_duration(line):
        days = line.end.toordinal() - first + 1
    if days is None:
        days = days_supplied(line) or 1
    return first, first + days - 1


UNSTATED_USE_MAX_DAYS = 7
"""How long a line that does not say how long it is used may still be in use: an ordinary prescription is for at most
7 days (处方管理办法 第十九条)."""
UNTIL_STOPPED = date.max.toordinal()


def last_possible_day(line: Line) -> int:
    """Return the last day (ordinal) on which a line with a time may still be in use, whatever is not said of it.

    Never before the last day that any reading of the line gives: an index may leave out what ended before.
    """
    span = use_span(line)
    assert span is not None  # lines without a time are in no window
    if runs_until_stopped(line):
        return UNTIL_STOPPED
    return max(span[1], span[0] + UNSTATED_USE_MAX_DAYS - 1)


def distinct_days(spans: Iterable[tuple[int, int]]) -> int:
    """Count the days that are in at least one of the spans; both ends of a span belong to it."""
    total = 0
    reached = 0
    for first, last in sorted(spans):
        if last > reached:
            total += last - max(first, reached + 1) + 1
            reached = last
    return total


def of_one_prescription(line: Line, other: Line) -> bool:
    """Say whether two lines with a time were dispensed on one prescription.

    Without a number a prescription is the encounter's lines of one day that have none.
    """
    if (other.encounter_id, other.prescription_id) != (line.encounter_id, line.prescription_id):
        return False
    assert line.begin is not None and other.begin is not None  # noqa: PT018 - lines without a time are left out
    return bool(line.prescription_id) or other.begin.date() == line.begin.date()


class RunningSupply(msgspec.Struct, frozen=True):
    """What is left on a day, and the lines that it is left of: those since the stock was last used up.

    `unknown` are the lines whose supply cannot be reckoned, with what each lacks; `days` counts none of those.
    """

    days: Fraction
    lines: tuple[Line, ...]
    unknown: tuple[tuple[Line, Missing], ...]


def running_supply(lines: Iterable[Line], day: int) -> RunningSupply:
    """Return for how many days, counted from the morning of `day`, the lines that began on or before it still last.

    Doses are taken as prescribed, one line after the other: an early refill adds to the stock, a gap uses nothing, a
    refund takes from what is left and never from what was taken.
    """
    stock = Fraction(0)
    at = 0
    counted: list[Line] = []
    unknown: list[tuple[Line, Missing]] = []
    days_of_one: dict[str, Fraction] = {}
    for begin, line in _by_day(lines, day):
        supply = _stated_or_reckoned(line, days_of_one)
        if isinstance(supply, Missing):
            unknown.append((line, supply))
            continue
        stock = max(stock - (begin - at), Fraction(0))
        at = begin
        if not stock:
            counted = []
        stock = max(stock + supply, Fraction(0))
        counted.append(line)
    left = max(stock - (day - at), Fraction(0))
    return RunningSupply(left, tuple(counted) if left else (), tuple(unknown))


def _by_day(lines: Iterable[Line], day: int) -> Sequence[tuple[int, Line]]:
    """Return the lines that began by `day` with their begin days, in the order of time; of one time refunds last.

    The order in which they are given does not matter.
    """
    begun = [line for line in lines if line.begin is not None and line.begin.toordinal() <= day]
    begun.sort(key=lambda line: (line.begin, line.is_refund, line.order_id, line.position, line.ordinal))
    return [(line.begin.toordinal(), line) for line in begun if line.begin is not None]


def _stated_or_reckoned(line: Line, days_of_one: dict[str, Fraction]) -> Fraction | Missing:
    """Return a line's supply in days: reckoned from its quantity, else the days that it states.

    A refund that says neither takes back as many days as its quantity lasted when the item was dispensed;
    `days_of_one`, by item code, remembers how long one of it lasted.
    """
    supply = supply_days(line)
    if isinstance(supply, Missing):
        days = days_stated(line)
        if days is not None:
            supply = Fraction(-days if line.is_refund else days)
        elif line.is_refund and line.quantity is not None and line.item_code in days_of_one:
            supply = days_of_one[line.item_code] * Fraction(line.quantity)
        else:
            return supply
    if abs(supply) > DAYS_OF_USE_MAX_DAYS:
        return Missing("quantity", "按数量推算的用药天数不合理。")
    if line.item_code and line.quantity:
        days_of_one[line.item_code] = supply / Fraction(line.quantity)
    return supply
