"""T31 限支付疗程: the fund pays for at most so many days of use, or not again within so many days."""

from collections.abc import Iterator, Sequence
from typing import Literal

from ruleset.case import Line
from ruleset.chart import RUNNING_LOOK_BACK_DAYS, Chart
from ruleset.outcome import Judgement, Missing
from ruleset.sums import not_taken_back
from ruleset.supply import days_stated, distinct_days, states_duration
from ruleset.template import FALSE, Subject, Template, subject_keys, subject_problems
from ruleset.window import WindowKind, first_day

Per = Literal["单次就诊", "自然年", "医保年度", "终身"]
WINDOW_OF: dict[Per, WindowKind] = {"自然年": "自然年", "医保年度": "医保年度"}


class Params(Subject, frozen=True, kw_only=True):
    """The items and their longest course; a class or list counts as one. At least one of the two limits.

    `max_days`: distinct days of use within one `per`; exactly so many are paid for. `per`: 单次就诊 (the encounter),
    自然年, 医保年度 (as the site profile says it begins), 终身 (all that is known); all but the first count every
    encounter and institution. `min_interval_days`: the next use (评定) begins at least so many days after the last
    one began, in whatever encounter; exactly so many days apart is allowed.
    """

    max_days: int | None = None
    per: Per = "单次就诊"
    min_interval_days: int | None = None


class CourseDays(Template):
    """Counts distinct days of use of the items, up to the last day that the judged line reaches.

    Days of use of a line: from its begin date for the `days` it states (1 to 3,660), else to its end, else its date
    alone. Days later than the judged line's last one, and (for a year) days before the period that its own date lies
    in, do not count; of a line that began more than 400 days before the period, none do. Days that the patient pays
    for themselves are not the fund's, and refunds are no use. Lines later than the judged one do not count.

    TRUE when more than `max_days` are used; UNKNOWN (`days`) when not, and neither the judged line says how long it is
    used nor a past line tells that the course is recorded day by day. The interval is TRUE when the latest earlier
    charge (not self-paid, and not taken back by a refund) on another day or on the judged line's own is less than
    `min_interval_days` before it; absent history is no charge. `{why}` says in a message which of the two it was.
    """

    id = "T31"
    title = "限支付疗程"
    columns = Params
    row_name = ("item_code", "ingredient", "drug_class", "item_kind")
    needs = ("days",)
    evidence = ("max_days", "used_days", "why")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the row's subject."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """There is a limit, and a limit has at least a day."""
        yield from subject_problems(params)
        if params.max_days is None and params.min_interval_days is None:
            yield "nothing is limited: give `max_days` or `min_interval_days`"
        for name in ("max_days", "min_interval_days"):
            days = getattr(params, name)
            if days is not None and days < 1:
                yield f"`{name}` is {days}, expected 1 or more"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when the line reaches beyond the course, UNKNOWN when nothing tells how long it is used."""
        if params.min_interval_days is not None:
            too_soon = _too_soon(params, params.min_interval_days, line, chart)
            if too_soon:
                return too_soon
        if params.max_days is None:
            return FALSE
        own = days_of_use(line)
        assert own is not None  # a line without a time is never judged
        period_begins = _period_begins(params, line, chart)
        counted: list[Line] = []
        spans = [own]
        rests_on_history = False
        for other in _earlier(params, line, chart, period_begins):
            if other.is_refund or other.self_pay:
                continue
            span = days_of_use(other)
            if span is None or span[1] < period_begins:
                continue
            spans.append((max(span[0], period_begins), min(span[1], own[1])))
            counted.append(other)
            rests_on_history = rests_on_history or not chart.is_current(other)
        used = distinct_days(spans)
        if used > params.max_days:
            period = "本次就诊" if params.per == "单次就诊" else params.per
            evidence = {
                "max_days": str(params.max_days),
                "used_days": str(used),
                "why": f"{period}最多支付{params.max_days}天，连同本次共用{used}天",
            }
            return (Judgement(evidence=evidence, related=tuple(counted)),)
        if not states_duration(line) and not rests_on_history:
            return (Judgement(missing=(Missing("days"),)),)
        return FALSE


def _period_begins(params: Params, line: Line, chart: Chart) -> int:
    """Return the first day that counts; 1 where every day does."""
    assert line.begin is not None  # a line without a time is never judged
    kind = WINDOW_OF.get(params.per)
    day = first_day(kind, line.begin.date(), days=None, site=chart.case.site) if kind is not None else None
    return day if day is not None else 1


def _earlier(params: Params, line: Line, chart: Chart, period_begins: int) -> Sequence[Line]:
    if params.per == "单次就诊":
        return chart.earlier_about_in_encounter(params, line)
    if params.per == "终身":
        return chart.earlier_about(params, line)
    # What the store keeps of a line's end does not know of stated days, so it is asked for more than the period.
    since = period_begins - RUNNING_LOOK_BACK_DAYS
    lines = chart.earlier_about(params, line, since)
    return [other for other in lines if other.begin is not None and other.begin.toordinal() >= since]


def _too_soon(params: Params, min_interval_days: int, line: Line, chart: Chart) -> Sequence[Judgement]:
    assert line.begin is not None  # a line without a time is never judged
    day = line.begin.toordinal()
    since = day - min_interval_days + 1
    charges = [
        other
        for other in chart.earlier_about(params, line, since)
        if not other.self_pay and other.begin is not None and other.begin.toordinal() >= since
    ]
    earlier = not_taken_back(charges)
    if not earlier:
        return FALSE
    last = earlier[-1]
    assert last.begin is not None  # lines without a time are not among the earlier ones
    evidence = {
        "max_days": str(params.max_days or ""),
        "used_days": "",
        "why": f"距上次（{last.begin.date()}）不足{min_interval_days}天",
    }
    return (Judgement(evidence=evidence, related=(last,)),)


def days_of_use(line: Line) -> tuple[int, int] | None:
    """Return the first and last day (ordinals) of use: by `days`, else begin to end, else the line's date alone."""
    if line.begin is None:
        return None
    first = line.begin.toordinal()
    if not states_duration(line):
        return first, first
    stated = days_stated(line)
    if stated is not None:
        return first, first + stated - 1
    assert line.end is not None  # that is what states the duration otherwise
    return first, line.end.toordinal()
