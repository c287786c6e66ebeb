"""T25 to T28: what one prescription holds. See `oracle_world.py`."""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from tests.diff.oracle_together import use_of
from tests.diff.oracle_world import (
    FALSE,
    HERBS,
    LOOK_BACK_DAYS,
    TRUE,
    UNTOLD_DAYS,
    Facts,
    LineDict,
    Opinion,
    Row,
    World,
    converted,
    dose_in,
    forms_per_dose,
    frequency_of,
    has_prefix,
    is_refund,
    item_of,
    kind_of,
    place,
    same_prescription,
    states_days,
    states_end,
    supply_of,
    unknown,
)


def prescription(line: LineDict, world: World) -> list[LineDict]:
    """The lines of a prescription, without refunds and what they take back wholly."""
    every = [one for one in [line, *world.others(line)] if same_prescription(line, one)]
    return [one for one in every if not is_refund(one) and not world.is_returned(one, every)]


def order(line: LineDict) -> tuple[bool, Any]:
    """The order of the lines of a prescription; those without a time last."""
    return (line.get("begin") is None, place(line) if line.get("begin") is not None else line["position"])


# T25.


def form(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T25, asked of one line for its prescription."""
    lines = prescription(line, world)
    check = row.text("check")
    is_of_facts = check in ("诊断缺失", "新生儿体重")
    counted = [one for one in lines if is_of_facts or not is_uncounted(row, one, world)]
    herbs = [one for one in counted if kind_of(one) in HERBS]
    drugs = [one for one in counted if kind_of(one) == "drug"]
    perhaps = [one for one in counted if kind_of(one) is None]
    if is_of_facts:
        unsure = set() if drugs or herbs else {"item_kind"}
        return about_patient(row, line, lines, unsure, world) if drugs or herbs or perhaps else FALSE
    answers = {False: breaks(row, drugs, herbs, world), True: breaks(row, [*drugs, *perhaps], herbs, world)}
    answers[True] = answers[True] or breaks(row, drugs, [*herbs, *perhaps], world)
    if check == "单列":
        apart = [one for one in (*drugs, *perhaps) if world.is_drug_of(one, row.text("separate_class"))]
        answers[False] = any(one not in apart for one in drugs) and bool(apart)
        answers[True] = any(one not in apart for one in (*drugs, *perhaps)) and bool(apart)
    if not answers[True]:
        return FALSE
    missing = set() if answers[False] else {"item_kind"}
    if not line.get("prescription_id"):
        missing |= {"prescription_id"}
    return all_of(lines, missing, world)


def is_uncounted(row: Row, line: LineDict, world: World) -> bool:
    return any(world.is_named(line, name) for name in row.texts("not_counted"))


def breaks(row: Row, drugs: list[LineDict], herbs: list[LineDict], world: World) -> bool:
    if row.text("check") == "种类数":
        return len({item_of(one) for one in drugs}) > (row.whole("max_kinds") or 0)
    if row.text("check") == "饮片单列":
        return bool(drugs and herbs)
    return False


def all_of(lines: list[LineDict], missing: set[str], world: World) -> list[Opinion]:
    now = sorted((one for one in lines if world.is_current(one)), key=order)
    past = [one for one in lines if not world.is_current(one)]
    return [Opinion(missing, [] if missing else past, violating=now[:1] if missing else now)]


def about_patient(row: Row, line: LineDict, lines: list[LineDict], unsure: set[str], world: World) -> list[Opinion]:
    if row.text("check") == "诊断缺失":
        if any(one.get("code") or one.get("name") for one in world.encounter.get("diagnoses") or ()):
            return FALSE
        missing = set() if world.is_complete("diagnoses") else {"diagnoses"}
        return all_of(lines, missing | unsure, world)
    birth = world.patient.get("birth_date")
    if world.patient.get("weight_kg"):
        return FALSE
    if birth is None or birth > line["begin"].date():
        return all_of(lines, {"birth_date"} | unsure, world)
    if (line["begin"].date() - birth).days > (row.whole("max_age_days", 28) or 0):
        return FALSE
    missing = set() if world.is_complete("observations") else {"weight_kg"}
    return all_of(lines, missing | unsure, world)


# T26.

KINDS = {"饮片": "herb_piece", "颗粒": "herb_granule"}


def herb_amount(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T26: of each herb line the same answer for its prescription, or the herb's part of it."""
    kinds = [KINDS[name] for name in row.texts("kinds")] or list(HERBS)
    lines = []
    for one in prescription(line, world):
        if kind_of(one) not in (*kinds, None):
            continue
        if row.texts("routes") and one.get("route") and one["route"] not in row.texts("routes"):
            continue
        is_of_day = one.get("begin") is not None and one["begin"].date() == line["begin"].date()
        if not line.get("prescription_id") and not is_of_day:
            continue
        lines.append(one)
    names = [row.text("herb"), *row.texts("aliases")] if row.text("herb") else []
    if all(one is not line for one in lines) or not is_found_by(row, line, names, world):
        return FALSE
    check = row.text("check")
    if check == "上传量" and not names:
        names = [herb_id(line, world)]
    if names:
        lines = [one for one in lines if herb_id(one, world) in names]
    # A line that only perhaps is a herb of the row counts or does not: the limit may be broken with it or without.
    sure = [one for one in lines if kind_of(one) and (one.get("route") or not row.texts("routes"))]
    perhaps = [one for one in lines if one not in sure]
    counted = [[*sure, *some] for some in subsets(perhaps) if sure or some]
    broken = [is_broken(row, some, world) for some in counted]
    if check == "剂数" and any(one.get("herb_doses") for one in lines):
        broken = [answer is True for answer in broken]
    if not sure:
        broken.append(False)
    # Too little of a herb without the line, and too much with it, is neither of the two.
    is_one_limit = check in ("味数", "剂数") or len({is_above(row, some, world) for some in counted}) == 1
    if is_one_limit and all(answer is True for answer in broken):
        missing: set[str] = set()
    elif all(answer is False for answer in broken):
        return FALSE
    else:
        missing = {fact for answer in broken if isinstance(answer, set) for fact in answer}
        missing |= {"item_kind" for one in perhaps if not kind_of(one)} | {"route" for one in perhaps if kind_of(one)}
    violating = [one for one in ([*sure, *perhaps] if missing else sure) if world.is_current(one)]
    if not violating:  # what was committed exceeds by itself
        return unknown("route" if kind_of(line) else "item_kind")
    if not missing and all(one is not line for one in sure):
        return FALSE  # those that surely exceed say so
    is_sum = check in ("味数", "每剂总量", "单味剂量") and len(sure) > 1 and is_above(row, sure, world)
    if not missing and is_sum and not line.get("prescription_id"):
        missing = {"prescription_id"}
    related = [one for one in sure if not world.is_current(one)]
    return [Opinion(missing, related=[] if missing else related, violating=violating)]


def is_found_by(row: Row, line: LineDict, names: list[str], world: World) -> bool:
    """A row of a herb is found by its name, another one by the catalogue of herbs."""
    return world.herb_name(line) in names if names else kind_of(line) in HERBS


def subsets(lines: list[LineDict]) -> list[list[LineDict]]:
    found: list[list[LineDict]] = [[]]
    for line in lines:
        found += [[*one, line] for one in found]
    return found


def herb_id(line: LineDict, world: World) -> str:
    return world.herb_name(line) or line.get("item_name") or line.get("local_name") or line.get("item_code") or ""


def grams(line: LineDict) -> Fraction | set[str]:
    return dose_in(line, "g")


def is_broken(row: Row, lines: list[LineDict], world: World) -> bool | set[str]:
    """Whether these lines break the limit; else what is missing to know."""
    if is_above(row, lines, world):
        return True
    check = row.text("check")
    if check == "味数":
        return False
    if check == "剂数":
        return False if any(one.get("herb_doses") for one in lines) else {"herb_doses"}
    if check == "上传量":
        return charged_too_much(lines)
    weights = [grams(one) for one in lines]
    missing = {fact for one in weights if isinstance(one, set) for fact in one}
    if missing:
        return missing
    least = row.number("min_g")
    return least is not None and sum((one for one in weights if isinstance(one, Fraction)), Fraction(0)) < least


def is_above(row: Row, lines: list[LineDict], world: World) -> bool:
    """Whether what is known of these lines exceeds a maximum."""
    check = row.text("check")
    if check == "味数":
        return len({herb_id(one, world) for one in lines}) > (row.whole("max_herbs") or 0)
    if check == "剂数":
        return max((one["herb_doses"] for one in lines if one.get("herb_doses")), default=0) > (
            row.whole("max_doses") or 0
        )
    most = row.number("max_total_g") if check == "每剂总量" else row.number("max_g")
    known = [one for one in map(grams, lines) if isinstance(one, Fraction)]
    return most is not None and sum(known, Fraction(0)) > most


def charged_too_much(lines: list[LineDict]) -> bool | set[str]:
    charged, allowed, missing = Fraction(0), Fraction(0), set()
    for one in lines:
        weight = grams(one)
        if isinstance(weight, set):
            missing |= weight
        if not one.get("herb_doses"):
            missing.add("herb_doses")
        if one.get("quantity") is None:
            missing.add("quantity")
        unit = (
            converted(Fraction(one["strength"]), one.get("strength_unit") or "", "g") if one.get("strength") else None
        )
        if unit is None:
            missing.add("strength")
        if not missing and unit is not None and isinstance(weight, Fraction):
            charged += Fraction(one["quantity"]) * Fraction(one.get("pack_size") or 1) * unit
            allowed += weight * one["herb_doses"]
    return missing or charged > allowed


# T28.


def controlled(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T28."""
    if not world.speaks_of(row, line):
        return FALSE
    of_form: set[str] = set()
    if row.texts("form_words") or row.texts("not_form_words"):
        text = f"{line.get('form') or ''} {line.get('item_name') or line.get('local_name') or ''}"
        if not text.strip():
            of_form = {"form"}
        elif row.texts("form_words") and not any(word in text for word in row.texts("form_words")):
            return FALSE
        if any(word in text for word in row.texts("not_form_words")):
            return FALSE
    check = row.text("check")
    if check == "重叠":
        return still_lasting(row, line, of_form, world)
    limit = {"天数": row.number("max_days"), "次数": row.number("max_doses"), "盒数": row.number("max_packs")}[check]
    total, missing, related = Fraction(0), set(), []
    for one in added_up(row, line, world):
        size = {"天数": days_of, "次数": doses_of, "盒数": packs_of}[check](one)
        if isinstance(size, set):
            missing |= size
        else:
            total += size
        if one is not line and not isinstance(size, set):
            related.append(one)
    if limit is not None and total > limit:
        return [Opinion(of_form, related)]
    return [Opinion(of_form | missing, related)] if missing else FALSE


def added_up(row: Row, line: LineDict, world: World) -> list[LineDict]:
    found = [line]
    for other in prescription(line, world):
        if other is line or other.get("begin") is None or place(other) > place(line):
            continue
        if row.text("check") == "盒数":
            if not world.speaks_of(row, other):
                continue
        elif item_of(other) != item_of(line):
            continue
        if not line.get("prescription_id") and other["begin"].date() != line["begin"].date():
            continue
        found.append(other)
    return found


def days_of(line: LineDict) -> Fraction | set[str]:
    return Fraction(line["days"]) if states_days(line) else supply_of(line)


def doses_of(line: LineDict) -> Fraction | set[str]:
    if line.get("quantity") is None:
        return {"quantity"}
    if not line.get("pack_size"):
        return {"pack_size"}
    forms = forms_per_dose(line)
    if isinstance(forms, set):
        return forms
    if forms <= 0:
        return {"dose"}
    if "注射" in f"{line.get('form') or ''} {line.get('item_name') or line.get('local_name') or ''}":
        forms = Fraction(-(-forms.numerator // forms.denominator))  # an opened ampoule is used up
    return Fraction(line["quantity"]) * Fraction(line["pack_size"]) / forms


def packs_of(line: LineDict) -> Fraction | set[str]:
    return Fraction(line["quantity"]) if line.get("quantity") is not None else {"quantity"}


def still_lasting(row: Row, line: LineDict, of_form: set[str], world: World) -> list[Opinion]:
    found = []
    day = line["begin"].date()
    for other in world.earlier(line):
        if is_refund(other) or (day - other["begin"].date()).days > LOOK_BACK_DAYS:
            continue
        if other.get("prescription_id") and same_prescription(other, line):
            continue
        if not other.get("prescription_id") and same_prescription(other, line) and other["begin"].date() == day:
            continue
        same_item = bool(line.get("item_code")) and line.get("item_code") == other.get("item_code")
        if not same_item and not set(world.substances(line)) & set(world.substances(other)):
            continue
        if world.is_taken_back(other):
            continue
        use = use_of(other, world)
        if (use.last - day).days > (row.whole("slack_days") or 0):
            found.append(Opinion(set(of_form), [other]))
        elif not use.is_told and (day - use.first).days < UNTOLD_DAYS:
            longest = use.first + timedelta(days=UNTOLD_DAYS - 1)
            if (longest - day).days > (row.whole("slack_days") or 0):
                found.append(Opinion(of_form | {"days"}, [other]))
    return found


# T27.


def antibiotic(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T27."""
    if not world.speaks_of(row, line):
        return FALSE
    purpose, check = line.get("purpose"), row.text("check")
    if check == "送检":
        found = FALSE if purpose == "prophylaxis" else culture_before(row, line, world)
        return [Opinion(one.missing | (set() if purpose else {"purpose"})) for one in found]
    if purpose == "treatment":
        return FALSE
    if not world.encounter.get("operations"):
        return unknown("operations") if purpose else FALSE
    operation = nearest(row, line, world)
    if operation is None:
        return FALSE
    doubts = set() if purpose else {"purpose"}
    if row.texts("incision_classes") and operation.get("incision_class") is None:
        doubts.add("incision_class")
    if check == "预防疗程" and row.text("counted_from", "术毕") == "术毕":
        start = operation.get("end")
    elif check == "预防品种":
        start = time_of(operation)
    else:
        start = operation.get("begin")
    if start is None or doubts:
        return unknown(*doubts, *([] if start is not None else ["operation_time"]))
    return {"给药时机": timing, "预防疗程": duration, "预防品种": choice}[check](row, line, start, world)


def moment_of(line: LineDict) -> datetime | None:
    """When a dose is given; None where its line states a date alone, or borrows the message's time."""
    if line.get("given") or line.get("begin_is_date") or not line.get("is_stated", True):
        return line.get("given")
    return line["begin"]


def time_of(operation: Facts) -> datetime | None:
    return operation.get("begin") or operation.get("performed") or operation.get("end")


def nearest(row: Row, line: LineDict, world: World) -> Facts | None:
    """The matching operation whose time is nearest to the dose; one without a time where no other is near."""
    at = moment_of(line) or line["begin"]
    never = datetime.max
    near = []
    for one in world.encounter.get("operations") or ():
        if row.texts("operations") and not has_prefix(one.get("code") or "", row.texts("operations")):
            continue
        if one.get("incision_class") not in (None, *(row.texts("incision_classes") or [one.get("incision_class")])):
            continue
        when = time_of(one)
        if when is not None and not when - timedelta(hours=48) <= at <= when + timedelta(days=14):
            continue
        distance = timedelta.max if when is None else abs(at - when)
        ends = (one.get("begin") or never, one.get("end") or never, one.get("incision_class") or "")
        near.append(((distance, one.get("code") or "", *ends), one))
    return min(near, key=lambda one: one[0])[1] if near else None


def timing(row: Row, line: LineDict, incision: datetime, world: World) -> list[Opinion]:
    at = moment_of(line)
    if at is None:
        return unknown("given")
    window = (
        incision - timedelta(minutes=row.whole("max_minutes") or 0),
        incision - timedelta(minutes=row.whole("min_minutes") or 0),
    )
    before = (incision - timedelta(hours=48), incision)
    others = [
        one
        for one in world.others(line)
        if one.get("purpose") == "prophylaxis" and one.get("encounter_id") == line.get("encounter_id")
        if world.speaks_of(row, one) and not is_refund(one) and one.get("begin") is not None
    ]
    moments = [moment_of(one) for one in others]
    known = [one for one in moments if one is not None]
    is_late = at >= incision
    if window[0] <= at <= window[1] or any(window[0] <= one <= window[1] for one in known):
        return FALSE
    if is_late and any(before[0] <= one <= before[1] for one in known):
        return FALSE
    first, last = before if is_late else window
    missing = set()
    for one in others:
        may_be = not one.get("is_stated", True) or first.date() <= one["begin"].date() <= last.date()
        if moment_of(one) is None and may_be:
            missing.add("given")
    if is_late and not world.is_complete("history"):
        missing.add("history")
    return [Opinion(missing)]


def duration(row: Row, line: LineDict, start: datetime, world: World) -> list[Opinion]:
    _ = world
    at, limit = moment_of(line), start + timedelta(hours=row.whole("max_hours") or 0)
    if states_end(line):
        return [TRUE()] if line["end"] > limit else FALSE
    if at is None:
        return unknown("given")
    last = at + timedelta(days=line["days"]) if states_days(line) else at
    if last > limit:
        return [TRUE()]
    return FALSE if states_days(line) or frequency_of(line).is_once else unknown("end")


def choice(row: Row, line: LineDict, start: datetime, world: World) -> list[Opinion]:
    _ = start
    recommended = row.texts("recommended")
    if any(line.get("item_code") == name or world.is_drug_of(line, name) for name in recommended):
        return FALSE
    missing = {"ingredients"} if recommended and not world.substances(line) else set()
    if "J01DD" in recommended and not any(one[:3].isalnum() and one[1:3].isdigit() for one in world.classes(line)):
        missing.add("classes")
    return [Opinion(missing)]


def culture_before(row: Row, line: LineDict, world: World) -> list[Opinion]:
    day, days = line["begin"].date(), row.whole("within_days") or 0
    times = [one.get("time") for one in world.patient.get("observations") or () if one.get("kind") == "culture"]
    times += [
        one.get("begin")
        for one in world.others(line)
        if one.get("encounter_id") == line.get("encounter_id")
        if one.get("item_code") in row.texts("culture_items") and not is_refund(one)
    ]
    if any(one is not None and one <= world.as_of(line) and 0 <= (day - one.date()).days <= days for one in times):
        return FALSE
    return [TRUE()] if None not in times and world.is_complete("observations") else unknown("observations")


OF_LINES = {"T26": herb_amount, "T27": antibiotic, "T28": controlled}
OF_PRESCRIPTIONS = {"T25": form}
OF_ENCOUNTERS: dict = {}
