"""T29 to T34: how much, how long and how often, over time. See `oracle_world.py`."""

from datetime import date, timedelta
from fractions import Fraction

from tests.diff.oracle_world import (
    FALSE,
    TRUE,
    Facts,
    LineDict,
    Opinion,
    Row,
    World,
    covered,
    days_charged,
    days_taken,
    has_prefix,
    is_refund,
    item_of,
    moments_of,
    money_of,
    money_of_excess,
    not_taken_back,
    period_of,
    place,
    same,
    same_prescription,
    states_days,
    states_end,
    supply_of,
    unknown,
)


def charged_before(row: Row, line: LineDict, world: World) -> list[LineDict]:
    """Earlier lines of the row's items; N13: what the patient pays for does not count."""
    return [one for one in world.earlier_of(row, line) if not one.get("self_pay")]


def dispensed_days(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T29."""
    if not world.speaks_of(row, line) or any(world.is_drug_of(line, name) for name in row.texts("not_classes")):
        return FALSE
    missing: set[str] = set()
    most, with_reason = row.number("max_days"), row.number("max_days_with_reason")
    tolerance = row.number("tolerance_days") or 0
    related, exceeded = [], False
    if most is not None:
        days = Fraction(line["days"]) if states_days(line) else supply_of(line)
        if isinstance(days, set):
            missing |= days
        elif days > most + tolerance:
            if with_reason is None or days > with_reason + tolerance:
                exceeded = True
            elif not world.attested("long_prescription_reason", line):
                if world.is_complete("attestations"):
                    exceeded = True
                else:
                    missing.add("attestations")
    quantity = row.number("max_quantity")
    if quantity is not None:
        counted = quantities_beside(line, world)
        known = [one for one in counted if one.get("quantity") is not None]
        if line.get("quantity") is None:
            missing.add("quantity")
        else:
            total = Fraction(line["quantity"]) + sum((Fraction(one["quantity"]) for one in known), Fraction(0))
            if total > quantity:
                related = [] if exceeded else known
                exceeded = True
            elif len(known) < len(counted):
                missing.add("quantity")
    if exceeded:
        return [TRUE(related=related)]
    return unknown(*missing) if missing else FALSE


def quantities_beside(line: LineDict, world: World) -> list[LineDict]:
    found = []
    for one in world.earlier(line):
        if one.get("self_pay") or item_of(one) != item_of(line) or not same_prescription(one, line):
            continue
        if not line.get("prescription_id") and one["begin"].date() != line["begin"].date():
            continue
        found.append(one)
    return found


# T30.


def early_refill(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T30."""
    if not world.speaks_of(row, line) or line.get("quantity") == 0:
        return FALSE
    day = line["begin"].date()
    counted = [one for one in world.earlier(line) if is_stock(row, one, line, world) and one.get("quantity") != 0]
    counted.sort(key=lambda one: (one["begin"], is_refund(one), place(one)))
    stock, lines, last_day = Fraction(0), [], day
    more: set[str] = set()
    less: set[str] = set()
    lasted: dict[str, Fraction] = {}
    for one in counted:
        days = days_dispensed(one, lasted)
        if isinstance(days, set):
            if is_refund(one):
                less |= days
            else:
                more |= days
            continue
        stock = max(Fraction(0), stock - (one["begin"].date() - last_day).days) if lines else Fraction(0)
        last_day = one["begin"].date()
        if stock == 0:
            lines = []
        stock = max(Fraction(0), stock + days)
        lines.append(one)
    left = max(Fraction(0), stock - (day - last_day).days)
    slack, most = row.number("slack_days"), row.number("max_on_hand_days")
    exceeded = slack is not None and left > slack
    if most is not None:
        own = Fraction(line["days"]) if states_days(line) else supply_of(line)
        if isinstance(own, set):
            more |= own
        exceeded |= left + (Fraction(0) if isinstance(own, set) else own) > most
    if exceeded:
        return [Opinion(less, [one for one in lines if left > 0 and not is_refund(one)])]
    return unknown(*more) if more else FALSE


def days_dispensed(one: LineDict, lasted: dict[str, Fraction]) -> Fraction | set[str]:
    """By quantity, else as stated; a refund that says neither takes back what its quantity lasted when dispensed.

    `lasted`: for how many days one of an item did.
    """
    days = supply_of(one)
    if isinstance(days, set) and states_days(one):
        days = Fraction(-one["days"] if is_refund(one) else one["days"])
    if isinstance(days, set) and is_refund(one) and one.get("item_code") in lasted:
        return lasted[one["item_code"]] * Fraction(one["quantity"])
    if isinstance(days, Fraction) and one.get("item_code") and one.get("quantity"):
        lasted[one["item_code"]] = days / Fraction(one["quantity"])
    return days


def is_stock(row: Row, one: LineDict, line: LineDict, world: World) -> bool:
    if (line["begin"].date() - one["begin"].date()).days > (row.whole("look_back_days", 180) or 180):
        return False
    same_item = bool(line.get("item_code")) and one.get("item_code") == line.get("item_code")
    same_substances = bool(world.substances(line)) and sorted(world.substances(line)) == sorted(world.substances(one))
    if not (same_item or same_substances):
        return False
    if line.get("prescription_id") and same_prescription(one, line):
        return False
    if not line.get("prescription_id") and same_prescription(one, line) and one["begin"].date() == line["begin"].date():
        return False
    return bool(one.get("discharge_medication")) or not is_of_stay(one, world)


def is_of_stay(line: LineDict, world: World) -> bool:
    if line.get("encounter_id") == world.encounter.get("id"):
        return world.modes() == ["inpatient"]
    return any(
        visit["id"] == line.get("encounter_id") and list(visit.get("care_modes") or ()) == ["inpatient"]
        for visit in world.visits()
    )


# T31.


def course(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T31 and N6."""
    if not world.speaks_of(row, line):
        return FALSE
    earlier = [one for one in charged_before(row, line, world) if not is_refund(one)]
    interval = row.whole("min_interval_days")
    day = line["begin"].date()
    too_soon: list[LineDict] = []
    if interval is not None:
        charges = not_taken_back(earlier_with_refunds(row, line, world))
        if charges:
            last = charges[-1]
            if (day - last["begin"].date()).days < interval:
                too_soon = [last]
    most = row.whole("max_days")
    if most is None:
        return [TRUE(related=too_soon)] if too_soon else FALSE
    per = row.text("per", "单次就诊")
    last_day = max(days_charged(line))
    if per == "单次就诊":
        earlier = [one for one in earlier if same("encounter_id", one, line)]
    used = set()
    counted = []
    for one in [line, *earlier]:
        days = {each for each in days_charged(one) if each <= last_day}
        if per in ("自然年", "医保年度"):
            days = {each for each in days if period_of(per, each, world.site) >= period_of(per, day, world.site)}
        used |= days
        if one is not line and days:
            counted.append(one)
    if too_soon:
        return [TRUE(related=too_soon)]
    if len(used) > most:
        return [TRUE(related=counted)]
    if states_days(line) or states_end(line) or any(not world.is_current(one) for one in counted):
        return FALSE
    return unknown("days")


def earlier_with_refunds(row: Row, line: LineDict, world: World) -> list[LineDict]:
    return charged_before(row, line, world)


# T32.


def quantity(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T32: N8 per day, N9 per period."""
    if not world.speaks_of(row, line):
        return FALSE
    own_quantity, own_amount = line.get("quantity"), money_of(line)
    if (own_quantity is not None and own_quantity <= 0) or (
        own_quantity is None and own_amount is not None and own_amount <= 0
    ):
        return FALSE
    missing: set[str] = set()
    findings = []
    for column, fact, measure in (("max_qty", "quantity", quantity_of), ("max_amount", "amount", amount_of)):
        limit = row.number(column)
        if limit is None:
            continue
        own = measure(line)
        if own is None:
            missing.add(fact)
            continue
        if own <= 0:
            continue
        counted, times = window(row, line, world)
        known = [(one, share) for one, share in counted if measure(one) is not None]
        total = own + sum((share * (measure(one) or 0) for one, share in known), Fraction(0))
        if total > limit * times:
            excess = min(total - limit * times, own)
            money = money_of_excess(line, excess) if column == "max_qty" else excess
            related = [one for one, _ in known if measure(one)]
            findings.append(Opinion(related=related, amount=money, has_own_amount=True))
        elif len(known) < len(counted):
            missing.add(fact)
    if findings:
        return findings[:1]
    soon = too_soon_after(row, line, world)
    if isinstance(soon, list) and soon:
        return [TRUE(related=soon)]
    missing |= soon if isinstance(soon, set) else set()
    return unknown(*missing) if missing else FALSE


def quantity_of(line: LineDict) -> Fraction | None:
    return Fraction(line["quantity"]) if line.get("quantity") is not None else None


def amount_of(line: LineDict) -> Fraction | None:
    money = money_of(line)
    return Fraction(money) if money is not None else None


def window(row: Row, line: LineDict, world: World) -> tuple[list[tuple[LineDict, Fraction]], int]:
    """The other lines that count, each with its share, and how many times the limit holds."""
    kind = row.text("window") or ("滚动" if row.whole("period_days") else "单日")
    day = line["begin"].date()
    others = charged_before(row, line, world)
    if kind in ("单日", "自然日"):
        counted = []
        for one in others:
            common = covered(line) & covered(one)
            if same("facility_id", line, one) and common:
                counted.append((one, Fraction(len(common), len(covered(one)))))
        return counted, len(covered(line))
    if kind == "单次就诊":
        return [(one, Fraction(1)) for one in others if same("encounter_id", line, one)], 1
    if kind == "滚动":
        reach = row.whole("period_days") or 0
        return [(one, Fraction(1)) for one in others if (day - one["begin"].date()).days < reach], 1
    period = period_of(kind, day, world.site)
    return [(one, Fraction(1)) for one in others if period_of(kind, one["begin"].date(), world.site) == period], 1


def too_soon_after(row: Row, line: LineDict, world: World) -> list[LineDict] | set[str]:
    days, hours = row.whole("min_interval_days"), row.whole("min_interval_hours")
    charges = not_taken_back(charged_before(row, line, world))
    if not charges:
        return []
    last = charges[-1]
    if days is not None and (line["begin"].date() - last["begin"].date()).days < days:
        return [last]
    if hours is not None:
        gaps = {now - then < timedelta(hours=hours) for now in moments_of(line) for then in moments_of(last)}
        return {"begin"} if len(gaps) > 1 else [last] if True in gaps else []
    return []


# T33.

COUNTED_PERIOD = {"自然月": "month", "自然季度": "quarter", "自然年": "year", "单次就诊": "encounter"}
COUNTED_OF = {"医师": "practitioner", "科室": "department", "病种": "disease"}


def patient_cap(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T33 for a patient."""
    if row.text("capped", "患者") != "患者" or not world.speaks_of(row, line):
        return FALSE
    own = money_of(line)
    if own is None:
        return unknown("amount")
    if own <= 0:
        return FALSE
    limit, weight = row.number("limit") or Fraction(0), row.number("weight") or Fraction(1)
    kind, day = row.text("period"), line["begin"].date()
    others = charged_before(row, line, world)
    if kind == "单次就诊":
        others = [one for one in others if same("encounter_id", one, line)]
    else:
        period = period_of(kind, day, world.site)
        others = [one for one in others if period_of(kind, one["begin"].date(), world.site) == period]
    known = [one for one in others if money_of(one) is not None]
    total = weight * sum((Fraction(money_of(one) or 0) for one in (line, *known)), Fraction(0))
    if total > limit:
        amount = min((total - limit) / weight, Fraction(own))
        return [Opinion(related=[one for one in known if money_of(one)], amount=amount, has_own_amount=True)]
    return unknown("amount") if len(known) < len(others) else FALSE


def counter_cap(row: Row, world: World) -> list[Opinion]:
    """T33 for a doctor, a department or a disease: a counter with the current lines on top."""
    if row.text("capped", "患者") == "患者":
        return FALSE
    has_subject = any(row.text(name) for name in ("item_code", "ingredient", "drug_class", "item_kind"))
    lines = [
        line for line in world.lines if not line.get("self_pay") and (not has_subject or world.speaks_of(row, line))
    ]
    day = world.day_of(None)
    if day is not None:  # what is charged in another period is not on top of this one's counter
        period = period_of(row.text("period"), day, world.site)
        lines = [
            one
            for one in lines
            if one.get("begin") and period_of(row.text("period"), one["begin"].date(), world.site) == period
        ]
    if not lines:
        return FALSE
    groups: dict[str, list[LineDict]] = {}
    for line in lines:
        groups.setdefault(subject_id(row, line, world), []).append(line)
    found = []
    for subject, some in groups.items():
        if not subject:
            found.extend(
                unknown({"医师": "practitioner_id", "科室": "department", "病种": "diagnoses"}[row.text("capped")])
            )
            continue
        wanted = row.text("subject_id")
        if wanted and not (has_prefix(subject, [wanted]) if row.text("capped") == "病种" else subject == wanted):
            continue
        found.extend(counted_cap(row, subject, some, world))
    return found


def subject_id(row: Row, line: LineDict, world: World) -> str:
    if row.text("capped") == "医师":
        return world.doctor(line)
    if row.text("capped") == "科室":
        return world.department(line)
    coded = [one for one in world.encounter.get("diagnoses") or () if one.get("code")]
    primary = [one for one in coded if one.get("primary")] or coded
    return primary[0]["code"] if primary else ""


def counted_cap(row: Row, subject: str, lines: list[LineDict], world: World) -> list[Opinion]:
    counter = counter_of(row, subject, world)
    if counter is None:
        return unknown("counters")
    known = [line for line in lines if money_of(line) is not None]
    weight = row.number("weight") or Fraction(1)
    own = sum((Fraction(money_of(one) or 0) for one in known), Fraction(0))
    total, limit = weight * (Fraction(counter["value"]) + own), row.number("limit") or Fraction(0)
    if total > limit and own > 0:
        return [
            Opinion(
                related=[one for one in known if money_of(one)],
                amount=min((total - limit) / weight, own),
                has_own_amount=True,
            )
        ]
    return unknown("amount") if len(known) < len(lines) else FALSE


def counter_of(row: Row, subject: str, world: World) -> Facts | None:
    day = world.day_of(None) or max((line["begin"].date() for line in world.lines if line.get("begin")), default=None)
    fitting = []
    for one in world.encounter.get("counters") or ():
        if (one["subject"], one["metric"]) != (COUNTED_OF[row.text("capped")], row.text("metric")):
            continue
        if one["subject_id"] != subject or one["period"] != COUNTED_PERIOD[row.text("period")]:
            continue
        at = one.get("at")
        kind = row.text("period")
        is_other = (
            at is not None and day is not None and period_of(kind, at, world.site) != period_of(kind, day, world.site)
        )
        if not is_other:
            fitting.append(one)
    newest = max((one.get("at") or date.min for one in fitting), default=None)
    return max(
        (one for one in fitting if (one.get("at") or date.min) == newest), key=lambda one: one["value"], default=None
    )


# T34.


def second_line(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T34. A text: a hint, once per encounter, at the first line of the item that such a row speaks of."""
    if not world.speaks_of(row, line):
        return FALSE
    if row.texts("first_line"):
        return after_first_line(row, line, world)
    for other in world.earlier(line):
        if is_refund(other) or other.get("self_pay") or not same("encounter_id", line, other):
            continue
        if same("item_code", line, other) and any(
            entry.template == "T34"
            and not entry.texts("first_line")
            and entry.text("item_code") == other["item_code"]
            and entry.in_force(other["begin"].date())
            for entry in world.rows
        ):
            return FALSE
    return unknown("first_line_treatment")


def after_first_line(row: Row, line: LineDict, world: World) -> list[Opinion]:
    day = line["begin"].date()
    used, related = set(), []
    for other in world.others(line):
        if other.get("begin") is None or is_refund(other) or world.is_taken_back(other):
            continue
        ago = (day - other["begin"].date()).days
        if not 0 < ago <= (row.whole("within_days", 730) or 730):
            continue
        if not any(world.is_named(other, name) for name in row.texts("first_line")):
            continue
        days = {each for each in days_taken(other)[0] if each < day}
        used |= days
        related.append(other)
    if len(used) >= (row.whole("min_days", 1) or 1) or world.attested("first_line_intolerance", line):
        return FALSE
    if world.is_complete("history"):
        return [TRUE(related=related)]
    return [Opinion({"first_line_treatment"})]


OF_LINES = {
    "T29": dispensed_days,
    "T30": early_refill,
    "T31": course,
    "T32": quantity,
    "T33": patient_cap,
    "T34": second_line,
}
OF_ENCOUNTERS = {"T33": counter_cap}
