"""Which drugs are in the patient at the same time: the days on which a line is used, and whether two lines meet.

For rules about several drugs (interaction, duplication, combination). Days are proleptic Gregorian ordinals.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from ruleset.case import Line
from ruleset.chart import RUNNING_LOOK_BACK_DAYS, Chart
from ruleset.outcome import Missing
from ruleset.sums import not_taken_back
from ruleset.supply import (
    UNSTATED_USE_MAX_DAYS,
    UNTIL_STOPPED,
    days_supplied,
    runs_until_stopped,
    states_duration,
    use_span,
)
from ruleset.timeline import order_of


class Use(NamedTuple):
    """The first and last day of use. `is_stated`: the line tells the last day; else it is the first day again."""

    first: int
    last: int
    is_stated: bool


def use_of(line: Line, chart: Chart) -> Use:
    """Return when a line with a time is used: stated days, begin to end, supply, else its first day alone.

    A long-term order of the current encounter that has no days, and no end but one that can be none (2999-12-31), runs
    until it is stopped. A single dose (st, once) is used on its day.
    """
    span = use_span(line)
    assert span is not None  # lines without a time are in no window
    if states_duration(line):
        return Use(*span, is_stated=True)
    if runs_until_stopped(line) and line.encounter_id == chart.case.encounter.id:
        return Use(span[0], UNTIL_STOPPED, is_stated=True)
    return Use(*span, is_stated=days_supplied(line) is not None)


class Meeting(NamedTuple):
    """Two lines that are used at the same time, or within a washout of each other.

    `gap_days` is from the last day of the first to the first day of the second; 0 or less: they share a day.
    `missing` where that rests on how long the first is used, which it does not say.
    """

    gap_days: int
    missing: tuple[Missing, ...]


def meeting_of(line: Line, other: Line, chart: Chart, washout_days: int = 0) -> Meeting | None:
    """Say whether the use of two lines meets; None where it does not.

    They meet when they share a day, or when fewer than `washout_days` days lie from the last day of the one that
    began first to the first day of the other (exactly so many days apart is allowed).
    """
    first, second = (line, other) if order_of(line) <= order_of(other) else (other, line)
    use = use_of(first, chart)
    begin = use_of(second, chart).first
    limit = max(washout_days, 1)
    if begin - use.last < limit:
        return Meeting(begin - use.last, ())
    if not use.is_stated and begin - (use.first + UNSTATED_USE_MAX_DAYS - 1) < limit:
        detail = f"“{first.name}”（{first.begin:%Y-%m-%d}）没有说明用多少天，可能仍在使用"
        return Meeting(begin - use.last, (Missing("days", detail),))
    return None


def look_back(line: Line) -> int:
    """Return the first day on which a line may have begun that still matters to the judged one."""
    assert line.begin is not None  # a line without a time is never judged
    return line.begin.toordinal() - RUNNING_LOOK_BACK_DAYS


def others_in_view(line: Line, candidates: Iterable[Line], since: int | None = None) -> Sequence[Line]:
    """Return the candidates that may be in use together with a current line, each once, whichever began first.

    No refund, and none without a time or that began before the day (ordinal) `since`. Whether a line `stands` is asked
    last, of the few that matter.
    """
    found = {
        id(other): other
        for other in candidates
        if other is not line and other.begin is not None and not other.is_refund
        if since is None or other.begin.toordinal() >= since
    }
    return tuple(found.values())


def stands(line: Line, chart: Chart) -> bool:
    """Say whether a line was not taken back: whether the refunds of its item in its encounter, after it, left some of it.

    A refund takes back the latest charges before it (`not_taken_back`): an item that is ordered again after it was
    returned is used by its second line alone. A line of quantity 0 (a drug that the patient brings along) stands: no refund
    took anything of it.
    """
    key = ("returned", line.item_code, line.item, line.encounter_id)
    returned: frozenset[int] | None = chart.memo.get(key)
    if returned is None:
        lines = chart.same_item_in_encounter(line)
        left = not_taken_back(lines) if any(other.is_refund for other in lines) else lines
        returned = chart.memo[key] = frozenset(map(id, lines)).difference(map(id, left))
    return id(line) not in returned or line.quantity == 0


def standing_of_prescription(line: Line, chart: Chart) -> Sequence[Line]:
    """Return the lines of the judged line's prescription, without refunds and what they take back wholly."""
    key = ("standing", line.encounter_id, line.prescription_id)
    standing: Sequence[Line] | None = chart.memo.get(key)
    if standing is None:
        standing = lines = chart.prescription(line)
        if any(other.is_refund for other in lines):
            returned = returned_items(lines)
            standing = tuple(other for other in lines if not other.is_refund and other.item not in returned)
        chart.memo[key] = standing
    return standing


def returned_items(lines: Sequence[Line]) -> frozenset[str]:
    """Return the items (codes, else names) whose refunds among the lines take back all that the others gave.

    An item of which a line states no quantity is not among them.
    """
    refunded = {line.item for line in lines if line.is_refund}
    if not refunded:
        return frozenset()
    sums: dict[str, Decimal | None] = dict.fromkeys(refunded, Decimal(0))
    for line in lines:
        item = line.item
        total = sums.get(item)
        if total is not None:
            sums[item] = None if line.quantity is None else total + line.quantity
    return frozenset(item for item, total in sums.items() if total is not None and total <= 0)
