"""T32 限定频次: at most so much of an item per calendar day, or per period of days."""

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, item_key

ZERO = Decimal(0)
CENT = Decimal("0.01")
DAYS_COVERED_MAX_DAYS = 3_660
"""An end more than ten years on (2099-12-31) is a system's way of saying "none"."""
EXCESS_MIN = Decimal("0.000001")
"""Less than this over the limit is the rounding of a quantity spread over several days."""


class Params(msgspec.Struct, frozen=True):
    """One item and its limit.

    Without `period_days` the limit is per calendar day at one institution; with it, per that many days (exactly
    `period_days` apart is allowed) wherever the patient was. `unit` is the unit of the quantity: 小时 counts hours.
    """

    item_code: str
    item_name: str
    max_qty: Decimal
    unit: Literal["", "日", "天", "小时"] = ""
    period_days: int | None = None


class Quantity(Template):
    """Sums quantities (refunds are negative) up to the judged line; lines later than it do not count against it.

    What the patient pays for themselves does not count either.
    """

    id = "T32"
    title = "限定频次"
    columns = Params
    needs = ("quantity",)
    evidence = ("limit", "unit", "total", "excess", "period_days")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by item code."""
        return (item_key(params.item_code),)

    def problems(self, params: Params) -> Iterator[str]:
        """A limit is above zero; a period has at least a day."""
        if params.max_qty <= 0:
            yield f"`max_qty` is {params.max_qty}, expected more than 0"
        if params.period_days is not None and params.period_days < 1:
            yield f"`period_days` is {params.period_days}, expected 1 or more"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when the running sum at the line exceeds the limit."""
        if line.quantity is None:
            return (Judgement(missing=(Missing("quantity"),)),)
        if line.quantity <= 0:
            return FALSE
        limit = params.max_qty
        total = line.quantity
        counted: list[Line] = []
        uncounted: list[Missing] = []
        first, last = days_covered(line)
        if params.period_days is None:
            limit = limit * (last - first + 1)
        else:
            last = first
            first = first - params.period_days + 1
        per_day = params.period_days is None
        for other in chart.earlier(line, first):
            if other.self_pay or (per_day and other.facility_id != line.facility_id):
                continue
            share = _share(other, first, last, whole=not per_day)
            if share is None:
                uncounted.append(Missing("quantity", f"“{other.name}”（{other.begin}）没有数量"))
            elif share:
                total += share
                counted.append(other)
        excess = min(total - limit, line.quantity)
        if excess >= EXCESS_MIN:
            return (self._over(params, line, limit, total, excess, counted),)
        return (Judgement(missing=tuple(uncounted)),) if uncounted else FALSE

    def _over(
        self, params: Params, line: Line, limit: Decimal, total: Decimal, excess: Decimal, counted: list[Line]
    ) -> Judgement:
        evidence = {
            "limit": _plain(limit),
            "unit": params.unit or "次",
            "total": _plain(total),
            "excess": _plain(excess),
            "period_days": str(params.period_days or 1),
        }
        price = line.price
        if price is None and line.amount is not None and line.quantity:
            price = line.amount / line.quantity
        amount = (excess * price).quantize(CENT, ROUND_HALF_UP) if price is not None else None
        return Judgement(evidence=evidence, related=tuple(counted), amount=amount)


def _plain(quantity: Decimal) -> str:
    """Return a quantity as a person writes it: at most two decimals, no trailing zeros, no exponent."""
    return f"{round(quantity, 2).normalize():f}"


def days_covered(line: Line) -> tuple[int, int]:
    """Return the first and last day (ordinals) that a line covers: begin to end, else the day it begins."""
    assert line.begin is not None  # lines without a time are in no window
    first = line.begin.toordinal()
    last = line.end.toordinal() if line.end is not None else first
    return first, last if first <= last < first + DAYS_COVERED_MAX_DAYS else first


def _share(line: Line, first: int, last: int, *, whole: bool) -> Decimal | None:
    """Return how much of another line falls into the days; None when that depends on a quantity it does not state.

    A line over several days counts evenly on each of them (`whole`: all of it on the day it begins).
    """
    begin, end = days_covered(line)
    if whole:
        end = begin
    overlap = min(end, last) - max(begin, first) + 1
    if overlap <= 0:
        return ZERO
    if line.quantity is None:
        return None
    return line.quantity if overlap == end - begin + 1 else line.quantity * overlap / (end - begin + 1)
