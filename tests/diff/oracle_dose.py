"""T15 to T18: how much, how often and by which route. See `oracle_world.py`."""

from datetime import timedelta
from fractions import Fraction
from math import ceil

from tests.diff.oracle_eligibility import Tried, every
from tests.diff.oracle_tests import results_named
from tests.diff.oracle_world import (
    FALSE,
    LOOK_BACK_DAYS,
    TRUE,
    UNTOLD_DAYS,
    LineDict,
    Opinion,
    Row,
    World,
    completed,
    converted,
    days_from,
    dose_in,
    frequency_of,
    has_reached,
    is_refund,
    moment_of,
    place,
    states_days,
    supply_of,
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
    limits, lacking = upper_limits(row, world)
    missing = set(lacking) | (set(band) if isinstance(band, set) else set())
    total = Fraction(0)
    unsure: set[str] = set()
    counted: list[LineDict] = []
    for other in [line, *counted_with(row, line, world)]:
        if other is not line and row.texts("routes") and not other.get("route"):
            share, lacks = share_of(row, line, other, world)
            unsure |= lacks or ({"route"} if share else set())
            continue
        if other is not line and row.texts("routes") and other["route"] not in row.texts("routes"):
            continue
        share, lacks = share_of(row, line, other, world)
        unsure |= lacks
        if share:
            total += share
            counted.append(other)
    band_known = not isinstance(band, set)
    if limits and total > min(limits) and band_known:
        now = [one for one in counted if world.is_current(one) and one["begin"] == line["begin"] and one is not line]
        before = [one for one in counted if one is not line and all(one is not other for other in now)]
        return [TRUE(related=before, also_violating=now)]
    if limits and total > min(limits):
        return unknown(*missing)
    if row.text("per") == "终身" and not unsure and not lacking and not world.is_complete("history"):
        unsure.add("history")
    if unsure or lacking:
        return unknown(*missing, *unsure)
    return FALSE


def counted_with(row: Row, line: LineDict, world: World) -> list[LineDict]:
    """Lines of the subject that begin not later than the judged one."""
    found = []
    for other in world.others(line):
        if other.get("begin") is None or other["begin"] > line["begin"] or is_refund(other):
            continue
        if not other.get("item_code") or not world.speaks_of(row, other) or world.is_taken_back(other):
            continue
        if not world.is_current(other) and place(other) > place(line):
            continue
        if row.text("per") == "疗程" and not row.whole("course_days"):
            if other["encounter_id"] != line["encounter_id"]:
                continue
        elif row.text("per") != "终身":
            from_day = line["begin"].date()
            if row.whole("course_days"):
                from_day = max(use_days(line, line, world)[0]) - timedelta(days=(row.whole("course_days") or 1) - 1)
            if (from_day - other["begin"].date()).days > LOOK_BACK_DAYS:
                continue
        found.append(other)
    return found


def use_days(other: LineDict, line: LineDict, world: World) -> tuple[set, bool]:
    """The days on which a line is given, and whether it tells its duration."""
    first = other["begin"].date()
    end = other.get("end")
    if states_days(other):
        return days_from(first, other["days"]), True
    if end is not None and end.date() >= first and (end.date() - first).days < 3660:
        return days_from(first, (end.date() - first).days + 1), True
    if frequency_of(other).is_once:
        return {first}, True
    supply = supply_of(other)
    if isinstance(supply, Fraction) and supply > 0:
        return days_from(first, ceil(supply)), True
    return {first}, False


def share_of(row: Row, line: LineDict, other: LineDict, world: World) -> tuple[Fraction, set[str]]:
    """What a line contributes to the sum, and what is missing to know it."""
    day = line["begin"].date()
    days, tells = use_days(other, line, world)
    is_own = other is line
    daily = row.text("per") == "日"
    if daily and not is_own:
        end = other.get("end")
        if (
            end is not None
            and not states_days(other)
            and (end.hour or end.minute or end.second)
            and end <= line["begin"]
        ):
            return Fraction(0), set()
        same_item = bool(other.get("item_code")) and other.get("item_code") == line.get("item_code")
        if same_item and other["encounter_id"] != line["encounter_id"]:
            return Fraction(0), set()
        standing = other.get("long_term") and other["encounter_id"] == world.encounter["id"]
        stated = states_days(other) or (end is not None and max(days) >= other["begin"].date() and tells_end(other))
        if standing and not stated:
            days, tells = days | {day}, True
        elif same_item and not stated:
            days, tells = {other["begin"].date()}, True
    if daily and day not in days:
        if tells or (day - other["begin"].date()).days >= UNTOLD_DAYS:
            return Fraction(0), set()
        return Fraction(0), {"days"}
    untold = {"days"} if is_own and not tells and not daily else set()
    dose = dose_in(other, row.text("unit"), row.text("ingredient"))
    if isinstance(dose, set):
        return Fraction(0), dose | untold
    often = frequency_of(other)
    if often.is_once:
        return dose, set()
    if not often.per_day:
        return Fraction(0), {"frequency"} | untold
    if daily:
        return dose * max(often.per_day, Fraction(1)), set()
    last = max(use_days(line, line, world)[0])
    first = last - timedelta(days=(row.whole("course_days") or 10**5) - 1)
    number = len([one for one in days if first <= one <= last])
    return dose * often.per_day * number, untold


def tells_end(line: LineDict) -> bool:
    return 0 <= (line["end"].date() - line["begin"].date()).days < 3660


# T17.

DEGREES = {"normal": (90, None), "mild": (60, 90), "moderate": (30, 60), "severe": (0, 30), "dialysis": (0, 1)}


def organ_function(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T17."""
    if not world.speaks_of(row, line):
        return FALSE
    impaired = kidney(row, line, world) if row.text("organ") == "肾" else liver(row, line, world)
    answers: list[Tried] = [in_band(row, line, world), impaired]
    if row.text("demand") == "减量":
        answers.append(exceeds(row, line))
    if row.text("demand") == "间隔":
        interval = interval_hours(line)
        wanted = row.number("min_interval_hours")
        answers.append(interval if isinstance(interval, set) else interval is not None and interval < (wanted or 0))
    held = every(answers)
    if isinstance(held, set):
        return unknown(*held)
    return [TRUE()] if held else FALSE


def exceeds(row: Row, line: LineDict) -> Tried:
    dose = dose_in(line, row.text("unit"), row.text("ingredient"))
    often = frequency_of(line)
    most = row.number("max_daily_dose") or Fraction(0)
    if isinstance(dose, set):
        return dose
    if often.is_once:
        return dose > most
    if not often.per_day:
        return {"frequency"}
    return dose * max(often.per_day, Fraction(1)) > most


def interval_hours(line: LineDict) -> Fraction | set[str] | None:
    """Hours between two doses; None for a single one."""
    often = frequency_of(line)
    if often.is_once:
        return None
    return Fraction(24) / often.per_day if often.per_day else {"frequency"}


def kidney(row: Row, line: LineDict, world: World) -> Tried:
    patient = world.patient
    dialysed = patient.get("renal_function") == "dialysis" or "dialysis" in (patient.get("flags") or ())
    if row.text("dialysis"):
        return dialysed
    low, below = row.number("min_clearance") or Fraction(0), row.number("below_clearance")
    if dialysed:
        return low <= 0
    clearance = clearance_of(row, line, world)
    if isinstance(clearance, Fraction):
        return low <= clearance and (below is None or clearance < below)
    degree = patient.get("renal_function")
    if degree is None:
        return clearance
    first, last = DEGREES[degree]
    if (below is not None and first >= below) or (last is not None and last <= low):
        return False
    if first >= low and (below is None or (last is not None and last <= below)):
        return True
    return {"renal_function"}


def clearance_of(row: Row, line: LineDict, world: World) -> Fraction | set[str]:
    """mL/min to 0.1, of an adult: reported, else eGFR, else Cockcroft-Gault."""
    patient, within, at = world.patient, row.whole("within_days", 90), line["begin"]
    if patient.get("birth_date") is None:
        return {"birth_date"}
    if completed(patient["birth_date"], at.date(), "years") < 18:
        return {"renal_function"}
    for code in ("2164-2", "33914-3"):
        results = results_named(world, [code], line, within)
        if results and results[-1].get("value") is not None and results[-1].get("unit") in ("mL/min", "mL/min/1.73m2"):
            return round(Fraction(results[-1]["value"]), 1)
    results = results_named(world, ["2160-0"], line, within)
    creatinine = None
    if results and results[-1].get("value") is not None:
        creatinine = {"umol/L": Fraction(10, 884), "mg/dL": Fraction(1)}.get(results[-1].get("unit") or "")
        creatinine = Fraction(results[-1]["value"]) * creatinine if creatinine else None
    birth, weight = patient.get("birth_date"), patient.get("weight_kg")
    if creatinine is None and birth is None:
        return {"birth_date"}
    missing = set()
    if creatinine is None:
        return {"creatinine"}
    if birth is None:
        missing.add("birth_date")
    if weight is None:
        missing.add("weight_kg")
    if patient.get("sex") is None:
        missing.add("sex")
    if missing or birth is None or weight is None:
        return missing
    years = completed(birth, at.date(), "years")
    factor = Fraction(85, 100) if patient["sex"] == "female" else Fraction(1)
    return round((140 - years) * Fraction(weight) * factor / (72 * creatinine), 1)


def liver(row: Row, line: LineDict, world: World) -> Tried:
    stated = world.patient.get("hepatic_function")
    classes = row.texts("child_pugh")
    if stated is not None:
        return stated != "normal" and stated[-1].upper() in classes
    results = results_named(world, ["Child-Pugh"], line, row.whole("within_days", 90))
    if results and results[-1].get("value") is not None:
        points = results[-1]["value"]
        return ("A" if points <= 6 else "B" if points <= 9 else "C") in classes
    return {"hepatic_function"}


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
        per_day = Fraction(1) if often.is_once else often.per_day
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


OF_LINES = {"T15": single_dose, "T16": total_dose, "T17": organ_function, "T18": administration}
OF_ENCOUNTERS: dict = {}
