"""T29 单次开药天数/量: how long, and how much, may be dispensed at once."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.sums import plain
from ruleset.supply import days_stated, supply_days
from ruleset.template import FALSE, Subject, Template, subject_keys, subject_problems
from ruleset.timeline import order_of


class Params(Subject, frozen=True, kw_only=True):
    """The items, and the limits of one dispensing; at least one of `max_days` and `max_quantity`.

    `max_days`: whole days; exactly so many are allowed. `tolerance_days` are allowed on top of it and of
    `max_days_with_reason`, for a pack that cannot be divided. `max_days_with_reason`: allowed where somebody vouched
    for the reason (attestation `long_prescription_reason`, of the encounter or the line), as 长期处方 beyond four
    weeks needs it. `max_quantity`: in the line's own unit of sale, named for people in `quantity_unit`; exactly so
    much is allowed. `not_classes`: not of lines of these classes or lists (麻醉药品 has limits of its own). Which limit holds where (急诊 3天, 普通 7天, 慢病 30天, 长期处方 84天, 出院带药) is said by the row's
    scope columns.
    """

    max_days: int | None = None
    max_days_with_reason: int | None = None
    tolerance_days: int = 0
    max_quantity: Decimal | None = None
    quantity_unit: str = ""
    not_classes: tuple[str, ...] = ()


class DispensedDays(Template):
    """Compares the days that a line lasts, and the quantity of its item on the prescription, with the limits.

    Days: those that the line states (1 to 3,660), else its supply: quantity x pack size over units per dose x doses
    per day, not rounded (8 1/3 days exceed 8). Each line by itself: two lines of one substance are no longer course.
    Quantity: the line's, with the quantities (refunds are negative) of those lines of the same item (by code, where it
    has none by name) on the same prescription that are not later than it (equal times: by order id, then place) and
    not self-paid; where there is no prescription number, those of the same encounter and calendar day that have none
    either.

    TRUE when either limit is exceeded; beyond `max_days` and not beyond `max_days_with_reason` only where there is no
    attestation of the reason and the site vouches for its attestations, else UNKNOWN (`attestations`). UNKNOWN when
    nothing is exceeded and the days or a quantity cannot be told; the missing fact is what `ruleset.supply` lacks
    (`quantity`, `pack_size`, `dose`, `dose_unit`, `strength`, `frequency`, `herb_doses`).
    """

    id = "T29"
    title = "单次开药天数/量"
    columns = Params
    row_name = ("item_code", "ingredient", "drug_class", "item_kind", "max_days", "max_quantity")
    needs = (
        "days",
        "quantity",
        "pack_size",
        "dose",
        "dose_unit",
        "strength",
        "frequency",
        "herb_doses",
        "attestations",
    )
    evidence = ("limit", "actual")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the row's subject."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """There is a limit, limits are above zero, and a reason only ever allows more."""
        yield from subject_problems(params)
        if params.max_days is None and params.max_quantity is None:
            yield "nothing is limited: give `max_days` or `max_quantity`"
        if params.max_days is not None and params.max_days < 1:
            yield f"`max_days` is {params.max_days}, expected 1 or more"
        if params.max_quantity is not None and params.max_quantity <= 0:
            yield f"`max_quantity` is {params.max_quantity}, expected more than 0"
        if params.tolerance_days < 0:
            yield f"`tolerance_days` is {params.tolerance_days}, expected 0 or more"
        with_reason = params.max_days_with_reason
        if with_reason is not None and (params.max_days is None or with_reason <= params.max_days):
            yield f"`max_days_with_reason` is {with_reason}, expected more than `max_days`"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE beyond a limit, UNKNOWN where nothing is known to be beyond one and something is not known."""
        if any(chart.is_in(line, name) for name in params.not_classes):
            return FALSE
        missing: list[Missing] = []
        for verdict in (_days(params, line, chart), _quantity(params, line, chart)):
            if isinstance(verdict, Missing):
                missing.append(verdict)
            elif verdict is not None:
                return (verdict,)
        return (Judgement(missing=tuple(missing)),) if missing else FALSE


def _days(params: Params, line: Line, chart: Chart) -> Judgement | Missing | None:
    if params.max_days is None:
        return None
    stated = days_stated(line)
    days = Fraction(stated) if stated is not None else supply_days(line)
    if isinstance(days, Missing):
        return days
    if days <= params.max_days + params.tolerance_days:
        return None
    limit = params.max_days
    if params.max_days_with_reason is not None:
        if days > params.max_days_with_reason + params.tolerance_days:
            limit = params.max_days_with_reason
        elif chart.attested("long_prescription_reason", line):
            return None
        elif not chart.is_complete("attestations"):
            return Missing("attestations", f"开药{plain(days)}天，超过{limit}天须写明延长的理由")
    how = "" if stated is not None else "（按数量和用法推算）"
    return Judgement(evidence={"limit": f"{limit}天", "actual": f"{plain(days)}天{how}"})


def _quantity(params: Params, line: Line, chart: Chart) -> Judgement | Missing | None:
    if params.max_quantity is None:
        return None
    if line.quantity is None:
        return Missing("quantity")
    total = line.quantity
    counted: list[Line] = []
    uncounted: Missing | None = None
    place = order_of(line)
    for other in chart.prescription(line):
        if other is line or other.item != line.item or other.self_pay:
            continue
        if other.begin is None or order_of(other) > place:
            continue
        if not line.prescription_id and line.begin is not None and other.begin.date() != line.begin.date():
            continue
        if other.quantity is None:
            uncounted = Missing("quantity", f"同一处方的另一行“{other.name}”没有数量")
            continue
        total += other.quantity
        counted.append(other)
    if total <= params.max_quantity:
        return uncounted
    unit = params.quantity_unit
    evidence = {"limit": plain(params.max_quantity) + unit, "actual": plain(total) + unit}
    return Judgement(evidence=evidence, related=tuple(counted))
