"""T11 限价: the item is not charged above a price."""

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from ruleset.case import FacilityLevel, Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.sums import CENT
from ruleset.template import FALSE, Template, subject_keys, subject_problems
from ruleset.templates.item_row import ItemRow

ZERO = Decimal(0)
LEVEL_TEXT: dict[FacilityLevel, str] = {"primary": "一级及以下", "secondary": "二级", "tertiary": "三级"}


class Params(ItemRow, frozen=True, kw_only=True):
    """The items of a row and the highest price of one unit, CNY.

    `max_price` holds everywhere; `max_price_primary`, `max_price_secondary`, `max_price_tertiary` at institutions of one
    level (一级及以下, 二级, 三级), where they stand in the place of `max_price`. `catalogue_price` 是: the limit is the one
    that the line itself states for its item (national hilist_pric), in place of the others. A price is above the limit
    when it exceeds it by more than `tolerance_yuan`.
    """

    max_price: Decimal | None = None
    max_price_primary: Decimal | None = None
    max_price_secondary: Decimal | None = None
    max_price_tertiary: Decimal | None = None
    catalogue_price: Literal["", "是"] = ""
    tolerance_yuan: Decimal = ZERO


class Price(Template):
    """TRUE when the price of one unit is above the limit.

    The price is the line's `price`, else `amount` by `quantity` (the amount is rounded to cents: one of less than a cent
    above what the limit allows is within it). UNKNOWN without either (`price`). Where the level of the institution is not
    known (`facility_level`), the answer is given only if every level gives it; a level without a price of its own and no
    `max_price` has no limit. UNKNOWN without a catalogue price (`catalogue_price`) where that is the limit. The money at
    stake is what is charged above the limit. Each line is judged alone.
    """

    id = "T11"
    title = "限价"
    columns = Params
    row_name = ("subject",)
    needs = ("price", "amount", "quantity", "facility_level", "catalogue_price")
    evidence = ("price", "max_price", "excess", "facility_level")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject and a limit, and no price is negative."""
        yield from subject_problems(params)
        prices = {
            name: getattr(params, name) for name in ("max_price", *(f"max_price_{level}" for level in LEVEL_TEXT))
        }
        stated = any(price is not None for price in prices.values())
        if stated == bool(params.catalogue_price):
            yield "the limit is either a price of the row or `catalogue_price`"
        for name, price in (*prices.items(), ("tolerance_yuan", params.tolerance_yuan)):
            if price is not None and price < 0:
                yield f"`{name}` is {price}, expected 0 or more"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when the price of one unit exceeds the limit by more than the tolerance."""
        level = chart.case.encounter.facility_level
        limits: set[Decimal | None]
        if params.catalogue_price:
            if line.catalogue_price is None:
                return (Judgement(missing=(Missing("catalogue_price"),)),)
            limits = {line.catalogue_price}
        else:
            limits = {_limit(params, one) for one in ((level,) if level is not None else LEVEL_TEXT)}
        known = {limit for limit in limits if limit is not None}
        if not known:
            return FALSE
        price = _unit_price(line)
        if price is None:
            return (Judgement(missing=(Missing("price"),)),)
        above = {limit is not None and _is_above(line, price, limit, params.tolerance_yuan) for limit in limits}
        if len(above) > 1:
            return (Judgement(missing=(Missing("facility_level"),)),)
        if above == {False}:
            return FALSE
        limit = max(known)
        excess = price - limit
        evidence = {
            "price": _yuan(price),
            "max_price": _yuan(limit),
            "excess": _yuan(excess),
            "facility_level": LEVEL_TEXT[level] if level is not None else "各级",
        }
        amount = None if line.quantity is None else (excess * line.quantity).quantize(CENT, ROUND_HALF_UP)
        return (Judgement(evidence=evidence, amount=amount),)


def _limit(params: Params, level: FacilityLevel) -> Decimal | None:
    own: Decimal | None = getattr(params, f"max_price_{level}")
    return params.max_price if own is None else own


def _unit_price(line: Line) -> Decimal | None:
    if line.price is not None:
        return line.price
    if line.amount is None or not line.quantity:
        return None
    return line.amount / line.quantity


def _is_above(line: Line, price: Decimal, limit: Decimal, tolerance: Decimal) -> bool:
    if line.price is not None or line.amount is None or line.quantity is None:
        return price > limit + tolerance
    return line.amount - (limit + tolerance) * line.quantity >= CENT


def _yuan(price: Decimal) -> str:
    """Return a price as a person writes it, to the hundredth of a cent at most: 12.5, 0.0375."""
    return f"{price.quantize(Decimal('0.0001'), ROUND_HALF_UP).normalize():f}"
