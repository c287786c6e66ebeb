"""T38 时间一致性: what is charged lies between admission and discharge."""

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta

import msgspec

from ruleset.case import ItemKind, Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import EVERY_LINE, FALSE, Template, kind_key

ONE_DAY = timedelta(days=1)
MIDNIGHT = time()


class Params(msgspec.Struct, frozen=True):
    """How far outside the stay a line may lie, in hours (exactly so many is allowed); `item_kinds` empty: all lines."""

    tolerance_hours: int = 0
    item_kinds: tuple[ItemKind, ...] = ()


class StayTimes(Template):
    """TRUE for a line of the current encounter that begins before its beginning or after its end, beyond the tolerance.

    While the encounter has no end (the patient is still there) only its beginning is compared. A line that states a
    date alone, and an encounter's beginning or end at 00:00:00, are any moment of that day: only what is outside for
    every such moment violates. Which encounters have such bounds (住院) the rule's scope says. Refunds are never judged.

    UNKNOWN: `encounter_begin` where the encounter states no beginning; `begin` where the line states no time of its own.
    """

    id = "T38"
    title = "时间一致性"
    columns = Params
    row_name = ("item_kinds", "tolerance_hours")
    needs = ("encounter_begin", "begin")
    evidence = ("problem", "charged", "admitted", "discharged", "tolerance_hours")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by catalogue where the row names any; else judged for every line."""
        return tuple(kind_key(kind) for kind in params.item_kinds) or (EVERY_LINE,)

    def problems(self, params: Params) -> Iterator[str]:
        """A tolerance is not negative."""
        if params.tolerance_hours < 0:
            yield f"`tolerance_hours` is {params.tolerance_hours}, expected 0 or more"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """Compare the line's beginning with the stay."""
        encounter = chart.case.encounter
        begin, end = encounter.begin, encounter.end
        if begin is None:
            return (Judgement(missing=(Missing("encounter_begin"),)),)
        if not line.begin_stated:
            return (Judgement(missing=(Missing("begin"),)),)
        assert line.begin is not None  # a line without a time is never judged
        tolerance = timedelta(hours=params.tolerance_hours)
        latest = line.begin + ONE_DAY if line.begin_is_date else line.begin
        if latest < begin - tolerance or (line.begin_is_date and latest == begin - tolerance):
            return (Judgement(evidence=_evidence(params, line, begin, end, f"早于入院时间{_text(begin)}")),)
        if end is None:
            return FALSE
        until = end + ONE_DAY if end.time() == MIDNIGHT else end
        outside = line.begin >= until + tolerance if until != end else line.begin > until + tolerance
        if outside:
            return (Judgement(evidence=_evidence(params, line, begin, end, f"晚于出院时间{_text(end)}")),)
        return FALSE


def _evidence(params: Params, line: Line, begin: datetime, end: datetime | None, problem: str) -> dict[str, str]:
    assert line.begin is not None  # a line without a time is never judged
    return {
        "problem": problem,
        "charged": f"{line.begin:%Y-%m-%d}" if line.begin_is_date else f"{line.begin:%Y-%m-%d %H:%M}",
        "admitted": _text(begin),
        "discharged": _text(end) if end is not None else "",
        "tolerance_hours": str(params.tolerance_hours),
    }


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}" if moment.time() == MIDNIGHT else f"{moment:%Y-%m-%d %H:%M}"
