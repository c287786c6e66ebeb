"""T37 手术折价: a second operation through the same incision is charged at a discount."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.sums import CENT, plain
from ruleset.template import FALSE, Template, group_key, item_key
from ruleset.timeline import order_of

INCISION_NOT_STATED = Missing("same_incision", "报文没有说明当天的手术是否经同一切口，请核对手术记录")
RATIO_NOT_KNOWN = Missing("discount_ratio", "规则没有给出第二手术的折价比例，请按当地规定核对")


class Params(msgspec.Struct, frozen=True, kw_only=True):
    """One operation's charge, and the group of operations that may share its incision.

    `ratio`: the share (0.5 for half) of its full price that a second operation through one incision may be charged at,
    as the locality rules; empty: not known here, and the row never violates.
    """

    item_code: str
    item_name: str
    surgery_group: str
    ratio: Decimal | None = None


class SurgeryDiscount(Template):
    """Looks at the charges, current and past, of one group at one institution on one calendar day.

    Refunds and self-paid charges are none. With no other charge of the group on the day: FALSE. Whether they share an
    incision is told by the encounter's operations of that day (by `begin`, else `performed`): all with one `incision_id`,
    they do; all with different ones, they do not (FALSE); else, and where fewer operations are stated than charged, that is not known. The first operation is the charge with the highest
    `catalogue_price` (equal: the earlier, then by order id and place); the others are second ones. A second one is TRUE
    when its `price` is more than `ratio` of its own `catalogue_price`, by a cent or more; the amount at stake is the
    difference times its quantity, where that is not stated the same share of its amount.

    UNKNOWN (`same_incision`) where the incision is not known, as in every national message without our `ext.incision_id`;
    (`discount_ratio`) where the row has no ratio; (`catalogue_price`) where one of the charges lacks it, so that nobody can say which is the first; (`price`) where
    the judged one lacks it and is not known to be the first.
    """

    id = "T37"
    title = "手术折价"
    columns = Params
    row_name = ("item_code", "surgery_group")
    group = "surgery_group"
    needs = ("same_incision", "discount_ratio", "price", "catalogue_price")
    evidence = ("first", "ratio", "charged_ratio")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by item code, and by group to find the group's other operations."""
        return (item_key(params.item_code), group_key(params.surgery_group))

    def problems(self, params: Params) -> Iterator[str]:
        """A discount leaves something, and not everything."""
        if params.ratio is not None and not 0 <= params.ratio < 1:
            yield f"`ratio` is {params.ratio}, expected at least 0 and less than 1"

    def can_violate(self, params: Params) -> bool:
        """Say whether the row knows the share that may be charged."""
        return params.ratio is not None

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """UNKNOWN when another operation of the group stands on the same day, unless incision and ratio are known."""
        assert line.begin is not None  # a line without a time is never judged
        day = line.begin.date()
        since_day = day.toordinal()
        codes = {
            row.params.item_code
            for row in chart.rows(group_key(params.surgery_group))
            if row.rule.template is self and row.valid_from <= since_day < row.valid_to
        }
        others = tuple(
            other
            for code in sorted(codes)
            for other in chart.lines_of(code, since_day)
            if other is not line
            and other.begin is not None
            and other.begin.date() == day
            and other.facility_id == line.facility_id
            and not other.is_refund
            and not other.self_pay
        )
        if not others:
            return FALSE
        shared = _one_incision(day, 1 + len(others), chart)
        if shared is False:
            return FALSE
        missing = (INCISION_NOT_STATED,) if shared is None else ()
        if params.ratio is None:
            return (Judgement(related=others, missing=(*missing, RATIO_NOT_KNOWN)),)
        if missing:
            return (Judgement(related=others, missing=missing),)
        return _charged(params.ratio, line, others)


def _one_incision(day: date, charges: int, chart: Chart) -> bool | None:
    """Say whether all operations of a day went through one incision; None where nobody says, or only some did.

    So it is where fewer operations are stated than are charged: nobody said how the others were done.
    """
    incisions = [
        operation.incision_id
        for operation in chart.case.encounter.operations
        if (time := operation.begin or operation.performed) is not None and time.date() == day
    ]
    if len(incisions) < charges or "" in incisions:
        return None
    distinct = len(set(incisions))
    if distinct == 1:
        return True
    return False if distinct == len(incisions) else None


def _charged(ratio: Decimal, line: Line, others: tuple[Line, ...]) -> Sequence[Judgement]:
    charges = sorted((line, *others), key=lambda one: (-(one.catalogue_price or 0), order_of(one)))
    missing = [Missing("catalogue_price", f"“{one.name}”没有目录价格") for one in charges if not one.catalogue_price]
    first = charges[0]
    if not missing and first is line:
        return FALSE
    if line.price is None:
        missing.append(Missing("price", f"“{line.name}”没有单价"))
    if missing or line.price is None:
        return (Judgement(related=others, missing=tuple(dict.fromkeys(missing))),)
    assert line.catalogue_price is not None  # else it is missing
    over = line.price - line.catalogue_price * ratio
    if over < CENT:
        return FALSE
    evidence = {
        "first": first.name,
        "ratio": f"{plain(ratio * 100)}%",
        "charged_ratio": f"{plain(line.price / line.catalogue_price * 100)}%",
    }
    quantity = line.quantity
    if quantity is None and line.amount is not None:
        quantity = line.amount / line.price
    amount = (over * quantity).quantize(CENT, ROUND_HALF_UP) if quantity is not None else None
    return (Judgement(related=(first,), evidence=evidence, amount=amount),)
