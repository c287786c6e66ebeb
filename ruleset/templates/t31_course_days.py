"""T31 限支付疗程: the fund pays for at most so many days of use within one encounter."""

from collections.abc import Iterator, Sequence

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, item_key

DAYS_OF_USE_MAX_DAYS = 3_660
"""A line that claims more days of use than ten years is a typing error; its own date alone is counted."""


class Params(msgspec.Struct, frozen=True):
    """One item and its longest course, in days."""

    item_code: str
    item_name: str
    max_days: int


class CourseDays(Template):
    """Counts distinct days of use of the item in the encounter, up to the last day that the judged line reaches.

    Days that the patient pays for themselves are not the fund's.
    """

    id = "T31"
    title = "限支付疗程"
    columns = Params
    needs = ("days",)
    evidence = ("max_days", "used_days")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by item code."""
        return (item_key(params.item_code),)

    def problems(self, params: Params) -> Iterator[str]:
        """A course has at least a day."""
        if params.max_days < 1:
            yield f"`max_days` is {params.max_days}, expected 1 or more"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when the line reaches beyond the course, UNKNOWN when nothing tells how long it is used."""
        own = days_of_use(line)
        assert own is not None  # a line without a time is never judged
        counted: list[Line] = []
        spans = [own]
        rests_on_history = False
        for other in chart.earlier_in_encounter(line):
            if other.is_refund or other.self_pay:
                continue
            span = days_of_use(other)
            if span is not None:
                spans.append((span[0], min(span[1], own[1])))
                counted.append(other)
                rests_on_history = rests_on_history or not chart.is_current(other)
        used = distinct_days(spans)
        if used > params.max_days:
            evidence = {"max_days": str(params.max_days), "used_days": str(used)}
            return (Judgement(evidence=evidence, related=tuple(counted)),)
        if not states_duration(line) and not rests_on_history:
            return (Judgement(missing=(Missing("days"),)),)
        return FALSE


def _days_stated(line: Line) -> bool:
    return line.days is not None and 0 < line.days <= DAYS_OF_USE_MAX_DAYS


def states_duration(line: Line) -> bool:
    """Say whether the line itself tells for how long it is used."""
    if _days_stated(line):
        return True
    if line.end is None or line.begin is None:
        return False
    return 0 <= line.end.toordinal() - line.begin.toordinal() < DAYS_OF_USE_MAX_DAYS


def days_of_use(line: Line) -> tuple[int, int] | None:
    """Return the first and last day (ordinals) of use: by `days`, else begin to end, else the line's date alone."""
    if line.begin is None:
        return None
    first = line.begin.toordinal()
    if not states_duration(line):
        return first, first
    if _days_stated(line):
        assert line.days is not None
        return first, first + line.days - 1
    assert line.end is not None  # that is what states the duration otherwise
    return first, line.end.toordinal()


def distinct_days(spans: Sequence[tuple[int, int]]) -> int:
    """Count the days that are in at least one of the spans; both ends of a span belong to it."""
    total = 0
    reached = 0
    for first, last in sorted(spans):
        if last > reached:
            total += last - max(first, reached + 1) + 1
            reached = last
    return total
