"""T35 to T38: what may be charged beside what, and when. See `oracle_world.py`."""

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
    has_prefix,
    is_refund,
    is_suspected,
    item_of,
    kind_of,
    moments_of,
    money_of_excess,
    place,
    same,
    unknown,
    with_prefix,
)


def is_side(row: Row, side: str, line: LineDict, world: World) -> bool:
    if row.text(f"{side}_code"):
        return line.get("item_code") == row.text(f"{side}_code")
    return row.text(f"{side}_class") in world.classes(line)


def exclusive(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T35 and N7. The judged line is the sub item; one opinion per main item."""
    if not is_side(row, "sub", line, world):
        return FALSE
    one_list = bool(row.text("sub_class")) and row.text("sub_class") == row.text("main_class")
    found = []
    for other in world.others(line):
        if not is_side(row, "main", other, world) or is_refund(other) or other.get("self_pay"):
            continue
        if (row.text("sub_class") or row.text("main_class")) and item_of(line) == item_of(other):
            continue  # an item is never beside itself in a list
        if one_list and other.get("begin") is not None and place(other) > place(line):
            continue
        found.extend(beside(row, line, other, world))
    return found


def beside(row: Row, line: LineDict, other: LineDict, world: World) -> list[Opinion]:
    window = row.text("window")
    related = [TRUE(related=[other])]
    if window == "单次就诊":
        return related if same("encounter_id", line, other) else FALSE
    if other.get("begin") is None:
        return FALSE
    if window == "同一手术":
        day = line["begin"].date()
        if not same("encounter_id", line, other) or other["begin"].date() != day:
            return FALSE
        operations = [one for one in world.encounter.get("operations") or () if day_of(one) == day]
        return related if len(operations) == 1 else [Opinion({"operations"}, [other])]
    if not same("facility_id", line, other):
        return FALSE
    if window == "单日":
        return related if line["begin"].date() == other["begin"].date() else FALSE
    limit = timedelta(hours=6 if window == "6小时" else 1)
    near = {abs(one - another) < limit for one in moments_of(line) for another in moments_of(other)}
    if line.get("begin_is_date") or other.get("begin_is_date"):
        one, another = sorted((line, other), key=lambda each: each["begin"])
        if one["begin"].date() == another["begin"].date() or True in near:
            return [Opinion({"begin"}, [other])]
    return related if True in near else FALSE


def day_of(operation: Facts) -> date | None:
    moment = operation.get("begin") or operation.get("performed")
    return moment.date() if moment else None


# T36.


def companion_of_line(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T36 of an item."""
    if row.text("diagnosis") or row.text("operation") or not world.speaks_of(row, line):
        return FALSE
    day = line["begin"].date() if row.text("within", "单次就诊") == "单日" else None
    lines, missing = companion_lines(row, line, day, world)
    others, lacking = companion_facts(row, day, world)
    missing |= lacking
    ratio = row.number("max_ratio")
    if ratio is None:
        if lines or others:
            return FALSE
        missing |= absent(row, world)
        return [Opinion(missing)]
    if line.get("quantity") is None:
        return unknown("quantity")
    if line["quantity"] <= 0:
        return FALSE
    subject = [
        one
        for one in world.earlier(line)
        if is_of_subject(row, one, line, world) and not one.get("self_pay") and same("encounter_id", one, line)
        if day is None or one["begin"].date() == day
    ]
    total = quantity_of_all([line, *subject])
    allowed = ratio * max(quantity_of_all(lines) + others, Fraction(0))
    if total <= allowed:
        return unknown("quantity") if any(one.get("quantity") is None for one in subject) else FALSE
    if any(one.get("quantity") is None for one in lines):
        missing.add("quantity")
    missing |= absent(row, world)
    excess = min(total - allowed, Fraction(line["quantity"]))
    related = [one for one in {one["tag"]: one for one in (*subject, *lines)}.values() if one.get("quantity")]
    related = [one for one in related if one is not line]
    return [Opinion(missing, related=related, amount=money_of_excess(line, excess), has_own_amount=True)]


def is_of_subject(row: Row, one: LineDict, line: LineDict, world: World) -> bool:
    """Whether a line is of the row's subject, or takes back an item of it."""
    if world.speaks_of(row, one):
        return True
    charges = [other for other in world.all_lines if world.speaks_of(row, other) and not is_refund(other)]
    return is_refund(one) and any(
        item_of(other) == item_of(one) and same("encounter_id", other, line) for other in charges
    )


def quantity_of_all(lines: list[LineDict]) -> Fraction:
    return sum((Fraction(one["quantity"]) for one in lines if one.get("quantity") is not None), Fraction(0))


def companion_lines(row: Row, line: LineDict | None, day: date | None, world: World) -> tuple[list[LineDict], set[str]]:
    """The companions of the window of which something is left, with their refunds; and what may be one more."""
    encounter = line["encounter_id"] if line is not None else world.encounter.get("id")
    beside = [one for one in world.all_lines if one.get("encounter_id") == encounter]
    named = [one for one in beside if any(world.is_named(one, name) for name in row.texts("companions"))]
    items = [item_of(one) for one in named if not is_refund(one)]
    refunds = [one for one in beside if is_refund(one) and item_of(one) in items and one not in named]
    every = [*named, *refunds]
    untimed = [one for one in every if one.get("begin") is None and not is_refund(one)]
    if day is not None:
        every = [one for one in every if one.get("begin") is not None and day in covered(one)]
    left = [one for one in every if not world.is_returned(one, every)]
    return left, {"begin"} if untimed and day is not None else set()


def companion_facts(row: Row, day: date | None, world: World) -> tuple[int, set[str]]:
    """How many operations and diagnoses of the encounter are companions, and what is missing to know of more."""
    number, missing = 0, set()
    for one in world.encounter.get("operations") or ():
        if has_prefix(one.get("code") or "", row.texts("companion_operations")):
            if day is None or day_of(one) == day:
                number += 1
            elif day_of(one) is None:
                missing.add("operation_time")
    confirmed, suspected = with_prefix(world.encounter.get("diagnoses") or (), row.texts("companion_diagnoses"))
    if suspected:
        missing.add("diagnoses")
    return number + len(confirmed), missing


def absent(row: Row, world: World) -> set[str]:
    """What the site does not vouch for, so that its absence proves nothing."""
    lacking = set()
    if row.texts("companions") and not world.is_complete("history"):
        lacking.add("history")
    if row.texts("companion_operations") and not world.is_complete("history"):
        lacking.add("operations")
    if row.texts("companion_diagnoses") and not world.is_complete("diagnoses"):
        lacking.add("diagnoses")
    return lacking


def companion_of_fact(row: Row, world: World) -> list[Opinion]:
    """T36 of a diagnosis or an operation: a result of the encounter for each."""
    found = []
    abouts = [
        *(one for one in world.encounter.get("diagnoses") or () if row.text("diagnosis") and not is_suspected(one)),
        *(one for one in world.encounter.get("operations") or () if row.text("operation")),
    ]
    for about in abouts:
        if not has_prefix(about.get("code") or "", [row.text("diagnosis") or row.text("operation")]):
            continue
        day = None
        if row.text("within", "单次就诊") == "单日":
            day = day_of(about)
            if day is None:
                found.extend(unknown("operation_time"))
                continue
        lines, missing = companion_lines(row, None, day, world)
        others, lacking = companion_facts(row, day, world)
        if lines or others:
            continue
        found.append(Opinion(missing | lacking | absent(row, world)))
    return found


# T37.


def discount(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T37 and N11."""
    if line.get("item_code") != row.text("item_code"):
        return FALSE
    day = line["begin"].date()
    charges = [
        one for one in world.others(line) if is_of_group(row, one, day, world) and same("facility_id", line, one)
    ]
    charges = [one for one in charges if not is_refund(one) and not one.get("self_pay")]
    if not charges:
        return FALSE
    incisions = [one.get("incision_id") or "" for one in world.encounter.get("operations") or () if day_of(one) == day]
    untold = len(incisions) < 1 + len(charges)  # an operation is charged that nobody has stated
    if not untold and all(incisions) and len(set(incisions)) == len(incisions):
        return FALSE
    ratio = row.number("ratio")
    open_questions = ["same_incision"] * (untold or not all(incisions) or len(set(incisions)) > 1)
    open_questions += ["discount_ratio"] * (ratio is None)
    if ratio is None or open_questions:
        return unknown(*open_questions)
    if any(one.get("catalogue_price") is None for one in (line, *charges)):
        return unknown("catalogue_price", *(["price"] if line.get("price") is None else []))
    first = min((line, *charges), key=lambda one: (-one["catalogue_price"], place(one)))
    if first is line:
        return FALSE
    if line.get("price") is None:
        return unknown("price")
    over = Fraction(line["price"]) - ratio * Fraction(line["catalogue_price"])
    if over < Fraction(1, 100):
        return FALSE
    amount = None
    if line.get("quantity") is not None:
        amount = over * Fraction(line["quantity"])
    elif line.get("amount") is not None:
        amount = over / Fraction(line["price"]) * Fraction(line["amount"])
    return [Opinion(related=[first], amount=amount, has_own_amount=True)]


def is_of_group(row: Row, other: LineDict, day: date, world: World) -> bool:
    if other.get("begin") is None or other["begin"].date() != day:
        return False
    return any(
        entry.template == "T37"
        and entry.text("surgery_group") == row.text("surgery_group")
        and entry.text("item_code") == other.get("item_code")
        and entry.in_force(day)
        for entry in world.rows
    )


# T38.


def stay_times(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T38."""
    if row.texts("item_kinds") and kind_of(line) not in row.texts("item_kinds"):
        return FALSE
    begin, end = world.encounter.get("begin"), world.encounter.get("end")
    if begin is None and end is None:
        return unknown("encounter_begin")
    if not line["is_stated"]:
        return unknown("begin")
    slack = timedelta(hours=row.whole("tolerance_hours", 0) or 0)
    if end is not None and line["begin"] > last_moment(end) + slack:
        return [TRUE()]
    if begin is None:
        return unknown("encounter_begin")
    return [TRUE()] if max(moments_of(line)) < begin - slack else FALSE


def last_moment(moment):
    """Midnight is any moment of that day."""
    is_day = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return moment + timedelta(days=1) - timedelta(microseconds=1) if is_day else moment


OF_LINES = {"T35": exclusive, "T36": companion_of_line, "T37": discount, "T38": stay_times}
OF_ENCOUNTERS = {"T36": companion_of_fact}
