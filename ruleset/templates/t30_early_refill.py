"""T30 提前取药/囤药: the patient still has enough of the same substance, from whatever institution."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from ruleset.case import Line
from ruleset.chart import RUNNING_LOOK_BACK_DAYS, Chart
from ruleset.outcome import Judgement, Missing
from ruleset.sums import plain
from ruleset.supply import days_stated, of_one_prescription, running_supply, supply_days
from ruleset.template import FALSE, Subject, Template, subject_keys, subject_problems


class Params(Subject, frozen=True, kw_only=True):
    """The items, and how much may be left of them; at least one of `slack_days` and `max_on_hand_days`.

    `slack_days`: with more than so many days of supply left, a new dispensing is too early; exactly so many are
    allowed. `max_on_hand_days`: what is left and the new line together may last for exactly so many days.
    `look_back_days` (1 to 400): dispensings that began more than so many days before the judged line do not count.
    """

    slack_days: int | None = None
    max_on_hand_days: int | None = None
    look_back_days: int = 180


class EarlyRefill(Template):
    """Reckons what is left on the line's day as if doses were taken as prescribed, one dispensing after the other.

    Counted are lines, of every institution, of the same substance as the judged line: of its item code, or with
    exactly its ingredients. Not later than the judged line (equal times: by order id, then place); not of its own
    prescription (two lines on one prescription are T24's business; without a number it is the encounter's lines of the day
    that have none); not of an encounter that is known to be an
    inpatient stay, except medicine to take home: what a ward gives is not in the patient's hands. Self-paid lines
    count: they are in the patient's hands. Refunds take from what is left; a quantity of 0 dispensed nothing, and is not
    judged either. The supply of a line: reckoned from its
    quantity, else the days that it states (`ruleset.supply.running_supply`). The judged line's own, for
    `max_on_hand_days`: the days it states, else reckoned.

    TRUE when what is known to be left exceeds a limit; the lines that it is left of are related. UNKNOWN when nothing is
    exceeded and the supply of a counted line, or for `max_on_hand_days` of the judged one, cannot be reckoned; or when a
    limit is exceeded and a refund cannot be reckoned. Absent history is no stock: FALSE.
    """

    id = "T30"
    title = "提前取药/囤药"
    columns = Params
    row_name = ("item_code", "ingredient", "drug_class", "item_kind")
    needs = ("quantity", "pack_size", "dose", "dose_unit", "strength", "frequency", "herb_doses")
    evidence = ("left_days", "limit_days", "own_days", "last_date")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the row's subject."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """There is a limit, and limits are no less than nothing."""
        yield from subject_problems(params)
        if params.slack_days is None and params.max_on_hand_days is None:
            yield "nothing is limited: give `slack_days` or `max_on_hand_days`"
        for name in ("slack_days", "max_on_hand_days"):
            days = getattr(params, name)
            if days is not None and days < 0:
                yield f"`{name}` is {days}, expected 0 or more"
        if not 1 <= params.look_back_days <= RUNNING_LOOK_BACK_DAYS:
            yield f"`look_back_days` is {params.look_back_days}, expected 1 to {RUNNING_LOOK_BACK_DAYS}"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when more is left than a limit allows."""
        assert line.begin is not None  # a line without a time is never judged
        if line.quantity == 0:
            return FALSE
        day = line.begin.toordinal()
        since = day - params.look_back_days
        earlier = [
            other
            for other in _of_same_substance(line, chart, since)
            if other.begin is not None
            and other.begin.toordinal() >= since
            and other.quantity != 0
            and not of_one_prescription(line, other)
            and not _is_ward_use(other, chart)
        ]
        if not earlier and params.max_on_hand_days is None:
            return FALSE
        stock = running_supply(earlier, day)
        missing = [why for other, why in stock.unknown if not other.is_refund]
        less = tuple(dict.fromkeys(why for other, why in stock.unknown if other.is_refund))
        last = max((other.begin for other in stock.lines if other.begin is not None), default=None)
        evidence = {"left_days": plain(stock.days), "own_days": "", "last_date": str(last.date()) if last else ""}
        related = tuple(other for other in stock.lines if not other.is_refund)
        if params.slack_days is not None and stock.days > params.slack_days:
            evidence["limit_days"] = str(params.slack_days)
            return (Judgement(related=related, evidence=evidence, missing=less),)
        if params.max_on_hand_days is not None:
            stated = days_stated(line)
            own = Fraction(stated) if stated is not None else supply_days(line)
            evidence |= {"own_days": "不明", "limit_days": str(params.max_on_hand_days)}
            if isinstance(own, Missing):
                missing.insert(0, own)
                own = Fraction(0)
            else:
                evidence["own_days"] = plain(own)
            if stock.days + own > params.max_on_hand_days:
                return (Judgement(related=related, evidence=evidence, missing=less),)
        if not missing:
            return FALSE
        unknown = tuple(other for other, _ in stock.unknown)
        return (Judgement(related=unknown, missing=tuple(dict.fromkeys(missing))),)


def _of_same_substance(line: Line, chart: Chart, since: int) -> Sequence[Line]:
    """Return the other lines, not later, of the line's item or of exactly its ingredients."""
    lines = {id(other): other for other in chart.earlier(line, since)} if line.item_code else {}
    ingredients = frozenset(chart.drug(line).ingredients)
    for name in sorted(ingredients)[:1]:
        about = Subject(ingredient=name)
        for other in chart.earlier_about(about, line, since):
            if frozenset(chart.drug(other).ingredients) == ingredients:
                lines[id(other)] = other
    return tuple(lines.values())


def _is_ward_use(line: Line, chart: Chart) -> bool:
    if line.discharge_medication:
        return False
    encounter = chart.case.encounter
    if line.encounter_id == encounter.id:
        return encounter.care_modes == ("inpatient",)
    visit = chart.visits().get(line.encounter_id)
    return visit is not None and visit.care_modes == ("inpatient",)
