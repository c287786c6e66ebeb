"""T32 限定频次: at most so much of an item per day, calendar period, encounter or days back, or not again so soon."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.sums import CENT, amount_of, not_taken_back, plain
from ruleset.template import FALSE, Subject, Template, subject_keys, subject_problems
from ruleset.window import WindowKind, first_day, text_of

ZERO = Decimal(0)
ONE_DAY = timedelta(days=1)
DAYS_COVERED_MAX_DAYS = 3_660
"""An end more than ten years on (2099-12-31) is a system's way of saying "none"."""
EXCESS_MIN = Decimal("0.000001")
"""Less than this over the limit is the rounding of a quantity spread over several days."""


class Params(Subject, frozen=True, kw_only=True):
    """The items (a class or list is summed as one) and their limits, of which there is at least one.

    `max_qty`: the sum of the quantities; `max_amount`: the sum of the amounts, CNY; exactly so much is allowed.
    `window`: the period in which they are summed: 单日 or 自然日, 自然月, 自然季度, 自然年, 医保年度, 单次就诊, 滚动 (of
    `period_days`, and exactly so many days apart is allowed). Empty: 滚动 where there are `period_days`, else 单日.
    `unit` is the unit of the quantity: 小时 counts hours. `min_interval_days` counts calendar days, `min_interval_hours`
    hours between the beginnings of two charges of any encounter; exactly so many apart is allowed.
    """

    max_qty: Decimal | None = None
    max_amount: Decimal | None = None
    unit: Literal["", "日", "天", "小时"] = ""
    window: WindowKind | Literal[""] = ""
    period_days: int | None = None
    min_interval_days: int | None = None
    min_interval_hours: int | None = None


class Quantity(Template):
    """Sums (refunds are negative) up to the judged line; lines later than it do not count against it.

    Per day only lines of the same institution count, a line over several days counts evenly on each of them, and the
    judged line is allowed the limit for each day that it covers. In the other windows a line counts whole on the day
    it begins, wherever the patient was; 单次就诊 counts the judged line's encounter. What the patient pays for
    themselves does not count. The judged line itself must charge something: nothing and refunds are FALSE.

    TRUE when a sum exceeds its limit (the lines that change it are related, refunds too), or (intervals) when the latest earlier charge, not self-paid and not taken back by a
    refund, is less than the interval before the line. UNKNOWN when nothing is exceeded, but a counted line states no
    quantity (`quantity`) or amount (`amount`), or a date without a time of day leaves the hours open (`begin`).
    `{why}` says in a message which limit it was, with the figures; `{limit}` and the others are of sums.
    """

    id = "T32"
    title = "限定频次"
    columns = Params
    row_name = ("item_code", "ingredient", "drug_class", "item_kind")
    needs = ("quantity", "amount", "begin")
    evidence = ("limit", "unit", "total", "excess", "period_days", "why")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the row's subject."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """There is a limit, limits are above zero, and a rolling window has its days."""
        yield from subject_problems(params)
        limits = ("max_qty", "max_amount", "min_interval_days", "min_interval_hours")
        if all(getattr(params, name) is None for name in limits):
            yield f"nothing is limited: give one of {', '.join(f'`{name}`' for name in limits)}"
        for name in ("max_qty", "max_amount"):
            limit = getattr(params, name)
            if limit is not None and limit <= 0:
                yield f"`{name}` is {limit}, expected more than 0"
        for name in ("period_days", "min_interval_days", "min_interval_hours"):
            length = getattr(params, name)
            if length is not None and length < 1:
                yield f"`{name}` is {length}, expected 1 or more"
        if params.period_days is not None and params.window not in ("", "滚动"):
            yield f"`period_days` is for the window 滚动, here `{params.window}`"
        if params.window == "滚动" and params.period_days is None:
            yield "the window 滚动 needs `period_days`"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when the running sum at the line exceeds a limit, or the line comes too soon."""
        if line.quantity is not None and line.quantity <= 0:
            return FALSE
        missing: list[Missing] = []
        if params.max_qty is not None or params.max_amount is not None:
            period = _period(params, line, chart)
            others = _in_period(params, line, chart, period)
            for limit, measure in ((params.max_qty, QUANTITY), (params.max_amount, AMOUNT)):
                if limit is not None:
                    over = _over(params, line, limit * period.days_allowed, measure, others, period)
                    if isinstance(over, Judgement):
                        return (over,)
                    missing.extend(over)
        if params.min_interval_days is not None or params.min_interval_hours is not None:
            for judgement in _too_soon(params, line, chart):
                if not judgement.missing:
                    return (judgement,)
                missing.extend(judgement.missing)
        return (Judgement(missing=tuple(dict.fromkeys(missing))),) if missing else FALSE


class Measure(NamedTuple):
    """What is summed: the fact, its Chinese name, and its unit before a person."""

    fact: str
    label: str
    unit: str


QUANTITY = Measure("quantity", "数量", "")
AMOUNT = Measure("amount", "金额", "元")


def _of(measure: Measure, line: Line) -> Decimal | None:
    return line.quantity if measure is QUANTITY else amount_of(line)


class Period(NamedTuple):
    """The days (ordinals, both included) in which lines count, and how many times the limit holds in them."""

    kind: WindowKind
    first: int | None
    """None: counted by encounter."""
    last: int
    days_allowed: int


def _period(params: Params, line: Line, chart: Chart) -> Period:
    assert line.begin is not None  # a line without a time is never judged
    kind: WindowKind = params.window or ("单日" if params.period_days is None else "滚动")
    if kind in ("单日", "自然日"):
        first, last = days_covered(line)
        return Period(kind, first, last, last - first + 1)
    day = line.begin.date()
    return Period(kind, first_day(kind, day, days=params.period_days, site=chart.case.site), day.toordinal(), 1)


def _in_period(params: Params, line: Line, chart: Chart, period: Period) -> Sequence[tuple[Line, int, int]]:
    """Return the other lines that count, each with the numbers of its days in the period and of all its days."""
    if period.first is None:
        in_encounter = chart.earlier_about_in_encounter(params, line)
        return [(other, 1, 1) for other in in_encounter if not other.self_pay]
    by_day = period.kind in ("单日", "自然日")
    counted: list[tuple[Line, int, int]] = []
    for other in chart.earlier_about(params, line, period.first):
        if other.self_pay or (by_day and other.facility_id != line.facility_id):
            continue
        begin, end = days_covered(other)
        if not by_day:
            end = begin
        overlap = min(end, period.last) - max(begin, period.first) + 1
        if overlap > 0:
            counted.append((other, overlap, end - begin + 1))
    return counted


def _over(
    params: Params,
    line: Line,
    limit: Decimal,
    measure: Measure,
    others: Sequence[tuple[Line, int, int]],
    period: Period,
) -> Judgement | Sequence[Missing]:
    """Return the violation of one limit; else what kept it from being told, which is nothing where it is kept."""
    own = _of(measure, line)
    if own is None:
        return (Missing(measure.fact),)
    total = own
    counted: list[Line] = []
    uncounted: list[Missing] = []
    for other, days, days_of_all in others:
        value = _of(measure, other)
        if value is None:
            uncounted.append(Missing(measure.fact, f"“{other.name}”（{other.begin}）没有{measure.label}"))
        elif value:
            total += value if days == days_of_all else value * days / days_of_all
            counted.append(other)
    excess = min(total - limit, own)
    if excess < EXCESS_MIN:
        return uncounted
    unit = measure.unit or params.unit or "次"
    window = text_of(period.kind, params.period_days)
    evidence = {
        "limit": plain(limit),
        "unit": unit,
        "total": plain(total),
        "excess": plain(excess),
        "period_days": str(params.period_days or 1),
        "why": f"{window}最多{plain(limit)}{unit}，连同本次已{plain(total)}{unit}",
    }
    return Judgement(evidence=evidence, related=tuple(counted), amount=_money(line, excess, measure))


def _money(line: Line, excess: Decimal, measure: Measure) -> Decimal | None:
    if measure is AMOUNT:
        return excess.quantize(CENT, ROUND_HALF_UP)
    price = line.price
    if price is None and line.amount is not None and line.quantity:
        price = line.amount / line.quantity
    return (excess * price).quantize(CENT, ROUND_HALF_UP) if price is not None else None


def _too_soon(params: Params, line: Line, chart: Chart) -> Iterator[Judgement]:
    """Yield at most one judgement for each interval."""
    assert line.begin is not None  # a line without a time is never judged
    days = params.min_interval_days or 0
    hours = params.min_interval_hours or 0
    since = line.begin.toordinal() - max(days, hours // 24 + 1)
    charges = [other for other in chart.earlier_about(params, line, since) if not other.self_pay]
    earlier = not_taken_back(other for other in charges if other.begin is not None and other.begin.toordinal() >= since)
    if not earlier:
        return
    last = earlier[-1]
    assert last.begin is not None  # lines without a time are not among the earlier ones
    evidence = {"total": "", "excess": "", "period_days": ""}
    if days and line.begin.toordinal() - last.begin.toordinal() < days:
        evidence |= {"limit": str(days), "unit": "天", "why": f"距上次（{last.begin.date()}）不足{days}天"}
        yield Judgement(evidence=evidence, related=(last,))
    elif hours:
        soon = _within_hours(last, line, timedelta(hours=hours))
        if soon is None:
            yield Judgement(related=(last,), missing=(Missing("begin", "只有日期没有时刻，无法判断间隔"),))
        elif soon:
            evidence |= {"limit": str(hours), "unit": "小时", "why": f"距上次（{last.begin}）不足{hours}小时"}
            yield Judgement(evidence=evidence, related=(last,))


def _within_hours(earlier: Line, line: Line, interval: timedelta) -> bool | None:
    """Say whether a line begins less than an interval after an earlier one; a date alone is any moment of its day."""
    assert earlier.begin is not None  # earlier lines and judged ones have a time
    assert line.begin is not None
    shortest = line.begin - earlier.begin - (ONE_DAY if earlier.begin_is_date else timedelta(0))
    longest = line.begin - earlier.begin + (ONE_DAY if line.begin_is_date else timedelta(0))
    if shortest >= interval:
        return False
    return True if longest <= interval and (longest < interval or line.begin_is_date) else None


def days_covered(line: Line) -> tuple[int, int]:
    """Return the first and last day (ordinals) that a line covers: begin to end, else the day it begins."""
    assert line.begin is not None  # lines without a time are in no window
    first = line.begin.toordinal()
    last = line.end.toordinal() if line.end is not None else first
    return first, last if first <= last < first + DAYS_COVERED_MAX_DAYS else first
