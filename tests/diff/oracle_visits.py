"""T39 to T43: visits beside each other, and the record itself. See `oracle_world.py`."""

from datetime import date, datetime, timedelta

from tests.diff.oracle_world import (
    FALSE,
    MODE_OF,
    TRUE,
    Facts,
    LineDict,
    Opinion,
    Row,
    World,
    days_charged,
    has_prefix,
    is_of,
    is_refund,
    kind_of,
    period_of,
    plain_code,
    unknown,
    with_prefix,
)

OPEN_STAY_DAYS = 90


def wanted_modes(row: Row) -> list[str]:
    return [MODE_OF[name] for name in row.texts("modes")]


def frequent(row: Row, world: World) -> list[Opinion]:
    """T39."""
    own = is_of(world.modes(), wanted_modes(row))
    if own is False:
        return FALSE
    if with_prefix(world.encounter.get("diagnoses") or (), row.texts("uncounted_diagnoses"))[0]:
        return FALSE
    began = world.encounter.get("begin") or world.moment()
    if began is None:
        return unknown("encounter_begin")
    sure, unsure, missing = 1, 0, set() if own else {"care_modes"}
    for visit in world.visits():
        of_modes = is_of(visit.get("care_modes") or (), wanted_modes(row))
        if of_modes is False or with_prefix(visit.get("diagnoses") or (), row.texts("uncounted_diagnoses"))[0]:
            continue
        begin = visit.get("begin")
        if begin is not None and (begin > began or not in_period(row, begin.date(), began.date(), world)):
            continue
        if begin is not None and of_modes:
            sure += 1
        else:
            unsure += 1
            missing.add("visits" if begin is None else "care_modes")
    most = row.whole("max_visits") or 0
    if sure > most:
        return [TRUE()] if own else unknown("care_modes")
    return unknown(*missing) if sure + unsure > most else FALSE


def in_period(row: Row, day: date, now: date, world: World) -> bool:
    if row.text("window") == "滚动":
        return 0 <= (now - day).days < (row.whole("period_days") or 0)
    return period_of(row.text("window"), day, world.site) == period_of(row.text("window"), now, world.site)


def primary_code(diagnoses: list[Facts]) -> str:
    coded = [one for one in diagnoses or () if one.get("code")]
    marked = [one for one in coded if one.get("primary")] or coded
    return marked[0]["code"] if marked else ""


def split_stay(row: Row, world: World) -> list[Opinion]:
    """T40."""
    own = world.is_inpatient()
    if own is False or world.encounter.get("planned"):
        return FALSE
    began, moment = world.encounter.get("begin"), world.moment()
    if began is not None:
        days = [began.date()]
    else:
        days = [moment.date() - timedelta(days=back) for back in range(OPEN_STAY_DAYS + 1)] if moment else []
    doubts: list[set[str]] = []
    for visit in world.visits():
        on_each = [gap_of(row, visit, day, world) for day in days]
        missing = next((one for one in on_each if one is not None), None)
        if missing is None:
            continue
        if not own:
            missing = missing | {"care_modes"}
        if began is None:
            missing = missing | {"encounter_begin"}
        if not missing:
            return [TRUE()]
        doubts.append(missing)
    return unknown(*{fact for one in doubts for fact in one}) if doubts else FALSE


def gap_of(row: Row, visit: Facts, began: date, world: World) -> set[str] | None:
    """None: a discharge does not count, were the stay begun that day. Else what is missing to be sure that it does."""
    missing: set[str] = set()
    stay = is_of(visit.get("care_modes") or (), ["inpatient"])
    if stay is False:
        return None
    if stay is None:
        missing.add("care_modes")
    begin, end = visit.get("begin"), visit.get("end")
    if end is None:
        if begin is None or not 0 <= (began - begin.date()).days <= OPEN_STAY_DAYS:
            return None
        missing.add("encounter_end")
    elif not 0 <= (began - end.date()).days <= (row.whole("gap_days") or 0):
        return None
    if row.text("institution", "同一") == "同一":
        here, there = world.encounter.get("facility_id"), visit.get("facility_id")
        if not here or not there:
            missing.add("facility_id")
        elif here != there:
            return None
    count = row.whole("same_diagnosis_characters")
    if count is not None:
        codes = [plain_code(primary_code(one.get("diagnoses"))) for one in (world.encounter, visit)]
        if not all(codes):
            missing.add("diagnoses")
        elif codes[0][:count] != codes[1][:count]:
            return None
    return missing


def simultaneous(row: Row, world: World) -> list[Opinion]:
    """T41."""
    slack = timedelta(hours=row.whole("tolerance_hours", 0) or 0)
    if row.text("kind") == "死亡后就医":
        return after_death(world, slack)
    if world.attested("patient_present", None):
        return FALSE
    wanted = wanted_modes(row) if row.text("modes") else ["inpatient"]
    own = is_of(world.modes(), wanted)
    if own is False:
        return FALSE
    doubts: list[set[str]] = []
    for visit in world.visits():
        stay = is_of(visit.get("care_modes") or (), ["inpatient"])
        if stay is False:
            continue
        missing = shares(row, visit, world, slack)
        if missing is None:
            continue
        missing = missing | (set() if own and stay else {"care_modes"})
        if not missing:
            return [TRUE()]
        doubts.append(missing)
    return unknown(*{fact for one in doubts for fact in one}) if doubts else FALSE


def shares(row: Row, visit: Facts, world: World, slack: timedelta) -> set[str] | None:
    begin, end = visit.get("begin"), visit.get("end")
    moment = world.encounter.get("begin") or world.moment()
    if begin is None or moment is None:
        return None
    missing: set[str] = set()
    if row.text("kind") == "住院期间门诊":
        if not moment - begin > slack:
            return None
        if end is None:
            return {"encounter_end"} if (moment.date() - begin.date()).days <= OPEN_STAY_DAYS else None
        return missing if end - moment > slack else None
    here, there = world.encounter.get("facility_id"), visit.get("facility_id")
    if not here or not there:
        missing.add("facility_id")
    elif here == there:
        return None
    own_end = world.encounter.get("end") or world.moment()
    if own_end is None:
        return None
    if end is None:
        if (moment.date() - begin.date()).days > OPEN_STAY_DAYS:
            return None
        missing.add("encounter_end")
        end = datetime.max
    return missing if min(own_end, end) - max(moment, begin) > slack else None


def after_death(world: World, slack: timedelta) -> list[Opinion]:
    died = world.patient.get("deceased")
    if died is None:
        return FALSE
    if not world.lines:
        begin, moment = world.encounter.get("begin"), world.moment()
        if begin is not None:
            return [TRUE()] if begin - died > slack else FALSE
        return unknown("encounter_begin") if moment is not None and moment - died > slack else FALSE
    late = [
        line
        for line in world.lines
        if line.get("begin") is not None and line["begin"] - died > slack and not is_refund(line)
    ]
    return [TRUE(also_violating=late)] if late else FALSE


# T42.


def without_need(row: Row, world: World) -> list[Opinion]:
    """T42."""
    own = world.is_inpatient()
    if own is False:
        return FALSE
    began, now = world.encounter.get("begin"), world.moment()
    orders = [line for line in world.of_encounter() if not is_refund(line) and line.get("begin") is not None]
    if row.text("justified_by"):
        orders = [line for line in orders if world.is_drug_of(line, row.text("justified_by"))]
    if row.text("check") == "入院指征":
        missing = needless(row, orders, world)
    elif began is None:
        missing = {"encounter_begin"}
    else:
        day = min(one for one in (now, world.encounter.get("end")) if one is not None).date()
        last = max([began.date(), *(max(days_charged(line)) for line in orders)])
        idle = (day - last).days > (row.whole("max_idle_days") or 0)
        missing = None if not idle else set() if world.is_complete("history") else {"history"}
    if missing is None:
        return FALSE
    return [Opinion(missing | (set() if own else {"care_modes"}))]


def needless(row: Row, orders: list[LineDict], world: World) -> set[str] | None:
    coded = [one for one in world.encounter.get("diagnoses") or () if one.get("code")]
    if not coded or not all(has_prefix(one["code"], row.texts("diagnosis_prefixes")) for one in coded):
        return None
    if not row.text("justified_by"):
        return set()
    began, now = world.encounter.get("begin"), world.moment()
    if began is None:
        return {"encounter_begin"}
    within = timedelta(hours=row.whole("within_hours", 24) or 24)
    if any(line["begin"] - began < within for line in orders) or (now is not None and now - began < within):
        return None
    return set() if world.is_complete("history") else {"history"}


# T43.

OF_THE_ENCOUNTER = ("payer", "care_modes", "visit_kind", "diagnoses", "facility_level")


def validity_of_line(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T43 for what a line states."""
    if row.text("item_kind") and kind_of(line) != row.text("item_kind"):
        return FALSE
    check = row.text("check")
    if check == "必填" and row.texts("fields")[0] in LINE_FIELDS:
        return [TRUE()] if any(is_empty(line, name, world) for name in row.texts("fields")) else FALSE
    if check == "编码" and row.text("of") == "项目":
        code = line.get("item_code")
        if not code:
            return FALSE
        if row.text("listed_in"):
            return FALSE if world.is_drug_of(line, row.text("listed_in")) else [TRUE()]
        return FALSE if fits_any(code, row.texts("shapes")) else [TRUE()]
    if check == "日期先后" and {row.text("earlier"), row.text("later")} & {"开始", "停止"}:
        return order_of_dates(row, dates_of(world) | line_dates(line))
    return FALSE


def is_of_lines(row: Row) -> bool:
    """Whether a row of T43 judges lines."""
    if row.text("check") == "必填":
        return row.texts("fields")[0] in LINE_FIELDS
    if row.text("check") == "编码":
        return row.text("of") == "项目"
    return bool({row.text("earlier"), row.text("later")} & {"开始", "停止"})


def line_dates(line: LineDict) -> dict[str, list]:
    begin = [line["begin"]] if line["is_stated"] else []
    return {"开始": begin, "停止": [line["end"]] if line.get("end") else []}


LINE_FIELDS = (
    *("item_code", "item_name", "item_kind", "quantity", "price", "amount", "begin", "days", "dose", "dose_unit"),
    *("frequency", "route", "department", "practitioner_id", "prescription_id"),
)


def is_empty(line: LineDict, name: str, world: World) -> bool:
    if name == "department":
        return not world.department(line)
    if name == "practitioner_id":
        return not world.doctor(line)
    if name == "begin":
        return not line["is_stated"]
    return line.get(name) in (None, "")


def fits_any(code: str, shapes: list[str]) -> bool:
    return any(fits(code.upper(), shape.upper()) for shape in shapes)


def fits(code: str, shape: str) -> bool:
    if shape.startswith("*"):
        return True
    if not code or not shape:
        return not code and not shape
    letter = code[0].isascii() and code[0].isalpha()
    digit = code[0].isascii() and code[0].isdigit()
    good = {"A": letter, "9": digit, "X": letter or digit}.get(shape[0], code[0] == shape[0])
    return good and fits(code[1:], shape[1:])


def dates_of(world: World) -> dict[str, list]:
    patient, encounter = world.patient, world.encounter
    return {
        "出生": [one for one in (patient.get("birth_date"),) if one],
        "入院": [one for one in (encounter.get("begin"),) if one],
        "出院": [one for one in (encounter.get("end"),) if one],
        "诊断": [one["recorded"] for one in encounter.get("diagnoses") or () if one.get("recorded")],
        "手术": [m for one in encounter.get("operations") or () if (m := one.get("begin") or one.get("performed"))],
        "死亡": [one for one in (patient.get("deceased"),) if one],
        "报文": [one for one in (world.claim.get("time"),) if one],
    }


def order_of_dates(row: Row, dates: dict[str, list]) -> list[Opinion]:
    return [
        TRUE()
        for earlier in dates[row.text("earlier")]
        for later in dates[row.text("later")]
        if is_after(earlier, later)
    ]


def is_day(moment: date | datetime) -> bool:
    return not isinstance(moment, datetime) or (moment.hour, moment.minute, moment.second) == (0, 0, 0)


def is_after(earlier: date | datetime, later: date | datetime) -> bool:
    if is_day(earlier) or is_day(later):
        first, second = (one.date() if isinstance(one, datetime) else one for one in (earlier, later))
        return first > second
    return earlier > later


def validity_of_encounter(row: Row, world: World) -> list[Opinion]:
    """T43 for what the encounter states."""
    check = row.text("check")
    if check == "必填" and row.texts("fields")[0] not in LINE_FIELDS:
        return [TRUE()] if any(is_empty_fact(name, world) for name in row.texts("fields")) else FALSE
    if check == "编码" and row.text("of") in ("诊断", "手术"):
        kind = {"诊断": "diagnoses", "手术": "operations"}[row.text("of")]
        codes = [one["code"] for one in world.encounter.get(kind) or () if one.get("code")]
        return [TRUE() for code in codes if not fits_any(code, row.texts("shapes"))]
    if check == "日期先后" and not {row.text("earlier"), row.text("later")} & {"开始", "停止"}:
        return order_of_dates(row, dates_of(world))
    if check == "诊断手术":
        return operations_without(row, world)
    return FALSE


def is_empty_fact(name: str, world: World) -> bool:
    if name == "diagnoses":
        return not any(one.get("code") for one in world.encounter.get("diagnoses") or ())
    facts = world.patient if name in ("sex", "birth_date", "weight_kg") else world.encounter
    return not facts.get("begin" if name == "encounter_begin" else name)


def operations_without(row: Row, world: World) -> list[Opinion]:
    found = []
    diagnoses = world.encounter.get("diagnoses") or ()
    for one in world.encounter.get("operations") or ():
        if not has_prefix(one.get("code") or "", row.texts("operation_prefixes")):
            continue
        if any(has_prefix(other.get("code") or "", row.texts("diagnosis_prefixes")) for other in diagnoses):
            continue
        found.extend([TRUE()] if any(other.get("code") for other in diagnoses) else unknown("diagnoses"))
    return found


OF_LINES = {"T43": validity_of_line}
OF_ENCOUNTERS = {
    "T39": frequent,
    "T40": split_stay,
    "T41": simultaneous,
    "T42": without_need,
    "T43": validity_of_encounter,
}
