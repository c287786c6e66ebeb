"""T15, T16, T18: how much, how often and by which route. See `oracle_world.py`."""

from datetime import date, time, timedelta
from fractions import Fraction

from tests.diff.oracle_eligibility import Tried, every
from tests.diff.oracle_together import use_of
from tests.diff.oracle_world import (
    ENDLESS,
    FALSE,
    LOOK_BACK_DAYS,
    TRUE,
    UNTOLD_DAYS,
    LineDict,
    Opinion,
    Row,
    World,
    converted,
    days_taken,
    dose_in,
    frequency_of,
    has_reached,
    is_refund,
    moment_of,
    states_days,
    states_end,
    unknown,
)


def in_band(row: Row, line: LineDict, world: World) -> Tried:
    """Whether the row's figure holds for the line."""
    answers: list[Tried] = []
    if row.texts("routes"):
        answers.append(line["route"] in row.texts("routes") if line.get("route") else {"route"})
    for name, wanted in (("min_age", True), ("below_age", False)):
        if row.text(name):
            reached = has_reached(world.patient, moment_of(line), row.text(name))
            answers.append(reached if isinstance(reached, set) else reached == wanted)
    weight = world.patient.get("weight_kg")
    for name, wanted in (("min_weight_kg", True), ("below_weight_kg", False)):
        bound = row.number(name)
        if bound is not None:
            answers.append((Fraction(weight) >= bound) == wanted if weight else {"weight_kg"})
    return every(answers)


def body_of(row: Row, world: World) -> Fraction | set[str]:
    """By what a limit per body is multiplied."""
    weight, height = world.patient.get("weight_kg"), world.patient.get("height_cm")
    if not row.text("per_body"):
        return Fraction(1)
    if row.text("per_body") == "每公斤":
        return Fraction(weight) if weight else {"weight_kg"}
    if not weight or not height:
        return {"height_cm" if weight else "weight_kg"}
    surface = (float(weight) * float(height) / 3600) ** 0.5
    return Fraction(round(surface * 100), 100)


def upper_limits(row: Row, world: World) -> tuple[list[Fraction], set[str]]:
    """The upper limits that are known, and what is missing for the rest."""
    limits, missing = [], set()
    hard, most = row.number("hard_max"), row.number("max_dose")
    if hard is not None:
        limits.append(hard)
    if most is not None:
        body = body_of(row, world)
        if isinstance(body, set):
            missing = body
        else:
            limits.append(most * body)
    return limits, missing


def single_dose(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T15."""
    if not world.speaks_of(row, line):
        return FALSE
    band = in_band(row, line, world)
    if band is False:
        return FALSE
    missing = set(band) if isinstance(band, set) else set()
    dose = dose_in(line, row.text("unit"), row.text("ingredient"))
    limits, lacking = upper_limits(row, world)
    least = row.number("min_dose")
    low = None
    if least is not None:
        body = body_of(row, world)
        if isinstance(body, set):
            lacking = lacking | body
        else:
            low = least * body
    if isinstance(dose, set):
        return unknown(*missing, *dose)
    outside = (limits and dose > min(limits)) or (low is not None and dose < low)
    if outside:
        return unknown(*missing) if missing else [TRUE()]
    return unknown(*missing, *lacking) if lacking else FALSE


def total_dose(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T16."""
    if not world.speaks_of(row, line):
        return FALSE
    band = in_band(row, line, world)
    if band is False:
        return FALSE
    doubts = set(band) if isinstance(band, set) else set()
    limits, lacking = upper_limits(row, world)
    total = Fraction(0)
    unsure: set[str] = set()
    counted: list[LineDict] = []
    share_of = share_of_day if row.text("per") == "日" else share_of_course
    for other in [line, *counted_with(row, line, world)]:
        share = share_of(row, line, other, world)
        if isinstance(share, Fraction) and share and other is not line and row.texts("routes") and not other["route"]:
            share = {"route"}
        if isinstance(share, set):
            unsure |= share
            if other is line:
                total += one_dose(row, line)
        elif share:
            total += share
            counted.append(other)
    if row.text("per") != "日" and not days_taken(line)[1]:
        unsure.add("days")
    if limits and total > min(limits):
        if doubts:
            return unknown(*doubts)
        day = line["begin"].date()
        others = [one for one in counted if one is not line]
        now = [one for one in others if world.is_current(one) and one["begin"].date() == day]
        return [TRUE(related=[one for one in others if all(one is not each for each in now)], also_violating=now)]
    if row.text("per") == "终身" and not unsure and not lacking and not world.is_complete("history"):
        unsure.add("history")
    return unknown(*doubts, *lacking, *unsure) if unsure or lacking else FALSE


def counted_with(row: Row, line: LineDict, world: World) -> list[LineDict]:
    """Lines of the subject that begin on the judged line's day or an earlier one."""
    found = []
    day = line["begin"].date()
    for other in world.others(line):
        if other.get("begin") is None or other["begin"].date() > day or is_refund(other):
            continue
        if not world.speaks_of(row, other) or world.is_taken_back(other):
            continue
        if row.texts("routes") and other.get("route") and other["route"] not in row.texts("routes"):
            continue
        if row.text("per") == "疗程" and not row.whole("course_days"):
            if other["encounter_id"] != line["encounter_id"]:
                continue
        elif row.text("per") != "终身":
            from_day = first_of_course(row, line) if row.whole("course_days") else day
            if (from_day - other["begin"].date()).days > LOOK_BACK_DAYS:
                continue
        found.append(other)
    return found


def one_dose(row: Row, line: LineDict) -> Fraction:
    """What the judged line gives at least, whatever its frequency."""
    dose = dose_in(line, row.text("unit"), row.text("ingredient"))
    is_whole = row.text("per") == "日" or min(days_taken(line)[0]) >= first_of_course(row, line)
    is_known = isinstance(dose, Fraction) and is_whole and line.get("frequency") not in ENDLESS
    return dose if is_known and isinstance(dose, Fraction) else Fraction(0)


def first_of_course(row: Row, line: LineDict) -> date:
    """The first day that counts: so many days, the last of which is the judged line's last day of use."""
    most = row.whole("course_days")
    return max(days_taken(line)[0]) - timedelta(days=most - 1) if most else date.min


def share_of_day(row: Row, line: LineDict, other: LineDict, world: World) -> Fraction | set[str]:
    """What a line gives on the day on which the judged one begins, else what is missing to know it."""
    day = line["begin"].date()
    days, tells = days_taken(other)
    if other is not line:
        end, states = other.get("end"), states_days(other) or states_end(other)
        if end is not None and other["begin"] < end <= line["begin"] and end.time() != time():
            return Fraction(0)
        if line.get("item_code") and other.get("item_code") == line["item_code"]:
            if other["encounter_id"] != line["encounter_id"]:
                return Fraction(0)
            if not states:
                days, tells = {other["begin"].date()}, True
        elif use_of(other, world).last >= day:
            days = days | {day}
        if day not in days:
            is_near = (day - other["begin"].date()).days < UNTOLD_DAYS
            return {"days"} if is_near and not tells else Fraction(0)
    return dose_of_day(row, other)


def dose_of_day(row: Row, line: LineDict) -> Fraction | set[str]:
    dose, often = dose_in(line, row.text("unit"), row.text("ingredient")), frequency_of(line)
    if isinstance(dose, set):
        return dose
    return dose * max(often.per_day, Fraction(1)) if often.per_day else {"frequency"}


def share_of_course(row: Row, line: LineDict, other: LineDict, world: World) -> Fraction | set[str]:
    """What a line gives up to the judged one's last day, else what is missing to know it."""
    _ = world
    days = days_taken(other)[0]
    counted = [one for one in days if first_of_course(row, line) <= one <= max(days_taken(line)[0])]
    if not counted:
        return Fraction(0)
    dose, often = dose_in(other, row.text("unit"), row.text("ingredient")), frequency_of(other)
    if isinstance(dose, set) or often.is_once:
        return dose
    if not often.per_day:
        return {"frequency"}
    doses = often.per_day * len(counted)
    return dose * (max(doses, Fraction(1)) if len(counted) == len(days) else doses)


# T18.


def administration(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T18."""
    if not world.speaks_of(row, line) or (row.text("only_substance") == "是" and world.is_compound(line)):
        return FALSE
    held = every([in_band(row, line, world), breaks(row, line)])
    if isinstance(held, set):
        return unknown(*held)
    return [TRUE()] if held else FALSE


def breaks(row: Row, line: LineDict) -> Tried:
    """Whether the line does not keep the row's limit."""
    for fact, allowed, forbidden in (
        ("route", "allowed_routes", "forbidden_routes"),
        ("form", "allowed_forms", "forbidden_forms"),
    ):
        if row.texts(allowed) or row.texts(forbidden):
            word = line.get(fact) or ""
            if not word:
                return {fact}
            return (bool(row.texts(allowed)) and word not in row.texts(allowed)) or word in row.texts(forbidden)
    least, most, interval = (row.number(n) for n in ("min_times_per_day", "max_times_per_day", "min_interval_hours"))
    often = frequency_of(line)
    if interval is not None:
        if often.is_once:
            return False
        return Fraction(24) / often.per_day < interval if often.per_day else {"frequency"}
    if least is not None or most is not None:
        per_day = often.per_day
        if not per_day:
            return {"frequency"}
        return (least is not None and per_day < least) or (most is not None and per_day > most)
    rate = line.get("infusion_rate")
    figure = rate_in(Fraction(rate), line.get("infusion_rate_unit") or "", row.text("rate_unit")) if rate else None
    if figure is None:
        return {"infusion_rate"}
    low, high = row.number("min_rate"), row.number("max_rate")
    return (low is not None and figure < low) or (high is not None and figure > high)


RATES = ({"mL/h": Fraction(1), "mL/min": Fraction(60)}, {"滴/分": Fraction(1), "[drp]/min": Fraction(1)})


def rate_in(value: Fraction, unit: str, target: str) -> Fraction | None:
    for scale in RATES:
        if unit in scale and target in scale:
            return value * scale[unit] / scale[target]
    return converted(value, unit, target) if unit == target and unit else None


OF_LINES = {"T15": single_dose, "T16": total_dose, "T18": administration}
OF_ENCOUNTERS: dict = {}
