"""T01 to T11: for whom, where and at what price the fund pays. See `oracle_world.py`."""

from datetime import datetime, timedelta
from fractions import Fraction

from tests.diff.oracle_scope import applies
from tests.diff.oracle_tests import comparison_of, results_named
from tests.diff.oracle_world import (
    FALSE,
    LEVEL_OF,
    LEVELS,
    LONGEST_DAYS,
    MODE_OF,
    PAYER_OF,
    SEX_OF,
    TRUE,
    LineDict,
    Opinion,
    Row,
    World,
    counted_visits,
    frequency_of,
    has_prefix,
    has_reached,
    is_of,
    is_refund,
    kind_of,
    may_be_drug,
    moment_of,
    moments_of,
    place,
    same_prescription,
    states_days,
    supply_of,
    unknown,
    with_prefix,
)

MATERNITY_VISITS = ("maternity_outpatient", "maternity_inpatient", "family_planning")
VISIT_OF = {
    "门诊": "outpatient",
    "急诊": "emergency",
    "门慢特": "chronic_outpatient",
    "住院": "inpatient",
    "日间手术": "day_surgery",
    "购药": "pharmacy",
    "生育门诊": "maternity_outpatient",
    "生育住院": "maternity_inpatient",
    "计划生育": "family_planning",
}
Tried = bool | set[str]
"""TRUE, FALSE, or the facts that are missing."""


def every(answers: list[Tried]) -> Tried:
    """Whether all conditions hold: one that does not decides, whatever is unknown of the others."""
    if False in answers:
        return False
    missing = {fact for answer in answers if isinstance(answer, set) for fact in answer}
    return missing or True


def violated_unless(held: Tried) -> list[Opinion]:
    if isinstance(held, set):
        return unknown(*held)
    return FALSE if held else [TRUE()]


def insurance(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T01 and N3."""
    if not world.speaks_of(row, line):
        return FALSE
    payer, visit = world.encounter.get("payer"), world.encounter.get("visit_kind")
    met: list[Tried] = []
    if row.text("allowed_insurance") == "工伤":
        met.append(payer == "work_injury" if payer else {"payer"})
    elif row.text("allowed_insurance") == "生育":
        lacking = {name for name, value in (("payer", payer), ("visit_kind", visit)) if not value}
        met.append(payer == "maternity" or visit in MATERNITY_VISITS or (lacking or False))
    if row.texts("allowed_payers"):
        met.append(payer in [PAYER_OF[name] for name in row.texts("allowed_payers")] if payer else {"payer"})
    if row.texts("allowed_visits"):
        met.append(visit in [VISIT_OF[name] for name in row.texts("allowed_visits")] if visit else {"visit_kind"})
    return violated_unless(every(met))


def facility_level(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T02 and N4."""
    if not world.speaks_of(row, line):
        return FALSE
    met: list[Tried] = []
    level, kind = world.encounter.get("facility_level"), world.encounter.get("facility_type")
    ways = {"": False, "first_prescription_only": {"first_prescription"}, "or_level2_eye_hospital": {"eye_hospital"}}
    if row.text("min_level"):
        if level is None:
            met.append({"facility_level"})
        else:
            reaches = LEVELS.index(level) >= LEVELS.index(LEVEL_OF[row.text("min_level")])
            met.append(True if reaches else ways[row.text("condition")])
    if row.texts("facility_types"):
        met.append(kind in row.texts("facility_types") if kind else {"facility_type"})
    return violated_unless(every(met))


def mode_is(name: str, line: LineDict, world: World) -> Tried:
    """Whether a mode beside the care modes is the case."""
    modes = world.modes()
    visit, internet = world.encounter.get("visit_kind"), world.encounter.get("internet")
    if name == "互联网":
        if internet is None:
            return False if modes == ["inpatient"] else {"internet"}
        return internet
    if modes and "inpatient" not in modes:
        return False
    if name == "日间手术":
        return visit == "day_surgery" if visit else {"visit_kind"}
    home = line.get("discharge_medication")
    return home if home is not None else {"discharge_medication"}


def care_mode(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T03, N5 and, for the internet, N12."""
    if not world.speaks_of(row, line):
        return FALSE
    names = row.texts("allowed_modes") or row.texts("forbidden_modes")
    answers = [mode_is(name, line, world) for name in names if name not in MODE_OF]
    wanted = [MODE_OF[name] for name in names if name in MODE_OF]
    if wanted:
        of_modes = is_of(world.modes(), wanted)
        lacking = {"visit_kind"} if world.modes() else {"care_modes"}
        answers.append(of_modes if of_modes is not None else lacking)
    if True in answers:
        one: Tried = True
    else:
        one = {fact for answer in answers if isinstance(answer, set) for fact in answer} or False
    if isinstance(one, set) or row.texts("allowed_modes"):
        return violated_unless(one)
    return violated_unless(not one)


def department(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T04. A department that the dictionary lacks is not generated."""
    if not world.speaks_of(row, line):
        return FALSE
    code = world.department(line)
    if not code:
        return unknown("department")
    within = any(code == one or code.startswith(f"{one}.") for one in row.texts("departments"))
    return violated_unless(within == (row.text("kind", "限") == "限"))


def privilege(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T05."""
    if not world.speaks_of(row, line):
        return FALSE
    state, claimed = row.text("state"), bool(line.get("emergency_use"))
    if state == "未会诊":
        if claimed or world.attested("consultation", line):
            return FALSE
        return [TRUE()] if world.is_complete("attestations") else unknown("attestations")
    if claimed == (state == "无处方权"):
        return FALSE
    if not world.doctor(line):
        return unknown("practitioner_id")
    known = [one for one in world.claim.get("practitioners") or () if one["id"] == world.doctor(line)]
    if not known:
        return unknown("privileges")
    day = line["begin"].date()
    for one in known[0].get("privileges") or ():
        is_in_force = (one.get("valid_from") or day) <= day <= (one.get("valid_to") or day)
        if one["code"] in row.texts("privileges") and is_in_force:
            return FALSE
    if not claimed:
        return [TRUE()]
    related = [
        other
        for other in world.earlier(line)
        if other.get("emergency_use") and world.speaks_of(row, other) and not is_refund(other) and may_be_drug(other)
        if other["encounter_id"] == line["encounter_id"] and not world.is_taken_back(other)
    ]
    hours = timedelta(hours=row.whole("emergency_hours", 24) or 0)
    first = min([line, *related], key=place)
    answers = set()
    for since in moments_of(first):
        for begin in moments_of(line) if first is not line else [since]:
            answers.add(is_beyond(line, begin, min(since, begin) + hours, world))
    if len(answers) > 1:
        return unknown("days" if None in answers else "begin")
    late = answers.pop()
    if late is None:
        return unknown("days")
    return [TRUE(related=related)] if late == (state == "紧急越级超时") else FALSE


def is_beyond(line: LineDict, begin: datetime, limit: datetime, world: World) -> bool | None:
    """T05: whether the use of a line that begins then goes beyond a moment; None where it does not say how long it is."""
    end = line.get("end")
    if end is not None and line["begin"] <= end and (end - line["begin"]).days < LONGEST_DAYS:
        return begin + (end - line["begin"]) > limit
    if states_days(line):
        return begin + timedelta(days=line["days"]) > limit
    is_cancelled = end is not None and end < line["begin"]
    if line.get("long_term") and line["encounter_id"] == world.encounter["id"] and not is_cancelled:
        return True
    if frequency_of(line).is_once:
        return begin > limit
    supply = supply_of(line)
    if isinstance(supply, Fraction) and 0 < supply <= LONGEST_DAYS:
        return begin + timedelta(seconds=float(supply) * 86_400) > limit
    return True if begin > limit else None


def sex(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T06. Table: 区分性别使用."""
    if not world.speaks_of(row, line):
        return FALSE
    return sex_of(row, world)


def sex_of(row: Row, world: World) -> list[Opinion]:
    known = world.patient.get("sex")
    return violated_unless(known == SEX_OF[row.text("sex")] if known else {"sex"})


def sex_of_codes(row: Row, world: World) -> list[Opinion]:
    """Of each diagnosis, and each operation, a result of its own."""
    codes = [
        *((one, row.texts("diagnoses")) for one in world.encounter.get("diagnoses") or ()),
        *((one, row.texts("operations")) for one in world.encounter.get("operations") or ()),
    ]
    return [
        opinion
        for one, prefixes in codes
        if has_prefix(one.get("code") or "", prefixes)
        for opinion in sex_of(row, world)
    ]


def age_range(row: Row, world: World, at) -> Tried:
    """Whether the patient's age is in the row's range."""
    low = row.text("min_age") or (f"{row.text('min_age_years')}岁" if row.text("min_age_years") else "")
    high = row.text("max_age") or (f"{row.text('max_age_years')}岁" if row.text("max_age_years") else "")
    below = row.text("below_age")
    if not below and not high and row.text("adult_from_years"):
        below = f"{row.text('adult_from_years')}岁"
    answers: list[Tried] = []
    if low:
        answers.append(has_reached(world.patient, at, low))
    if below or high:
        if below:
            left = has_reached(world.patient, at, below)
        else:
            word = high.lstrip("0123456789")
            left = has_reached(world.patient, at, f"{int(high.removesuffix(word)) + 1}{word}")
        answers.append(left if isinstance(left, set) else not left)
    return every(answers)


def age(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T07 and N2."""
    return age_at(row, world, moment_of(line)) if world.speaks_of(row, line) else FALSE


def age_at(row: Row, world: World, at) -> list[Opinion]:
    birth = world.patient.get("birth_date")
    day = at if not hasattr(at, "date") else at.date()
    if birth is None or birth > day or world.encounter.get("visit_kind") == "maternity_inpatient":
        return unknown("birth_date")
    within = age_range(row, world, at)
    if isinstance(within, set) or row.text("kind", "限") in ("限", "专用"):
        return violated_unless(within)
    return violated_unless(not within)


def age_of_codes(row: Row, world: World) -> list[Opinion]:
    found = [
        one
        for one in world.encounter.get("diagnoses") or ()
        if has_prefix(one.get("code") or "", row.texts("diagnoses"))
    ]
    at = world.claim.get("time") or world.day_of(None)
    if at is None:
        return [opinion for _ in found for opinion in unknown("time")]
    return [opinion for _ in found for opinion in age_at(row, world, at)]


# T08.


def is_about_items(row: Row, line: LineDict, world: World) -> bool:
    codes = row.texts("item_codes")
    return line.get("item_code") in codes if codes else world.speaks_of(row, line)


CONDITION_COLUMNS = ("diagnoses", "also_diagnoses", "sex", "min_age", "below_age", "min_level", "evidence_names")


def indication(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T08: rows of one reference are alternatives; the first of them in force speaks for all."""
    if not is_about_items(row, line, world):
        return FALSE
    if not any(row.text(name) for name in CONDITION_COLUMNS):
        return unknown("reviewed_condition")
    counting = alternatives_of(row, line, world)
    if not counting or counting[0][0] is not row:
        return FALSE
    missing: set[str] = set()
    for one, doubts in counting:
        held = alternative_holds(one, line, world)
        if held is True and not doubts:
            return FALSE
        missing |= doubts if held is True else held if isinstance(held, set) else set()
    return unknown(*missing) if missing else [TRUE()]


def alternatives_of(row: Row, line: LineDict, world: World) -> list[tuple[Row, set[str]]]:
    """The alternatives that count for the line, those of which it is open last, with what is missing to know it."""
    found = []
    for other in world.rows:
        is_one = other.rule is row.rule and other.text("row_ref") == row.text("row_ref")
        if other is not row and not (is_one and row.text("alternative") and other.text("alternative")):
            continue
        if not other.in_force(line["begin"].date()) or not is_about_items(other, line, world):
            continue
        if other.rule["kind"] == "payment" and line.get("self_pay"):
            continue
        payer, exempt = world.encounter.get("payer"), other.rule.get("exempt_payers", [])
        doubts = applies(other, world, line)
        if doubts is None or payer in exempt:
            continue
        found.append((other, doubts | ({"payer"} if payer is None and exempt else set())))
    return sorted(found, key=lambda one: (bool(one[1]), one[0].text("alternative")))


def alternative_holds(row: Row, line: LineDict, world: World) -> Tried:
    if not any(row.text(name) for name in CONDITION_COLUMNS):
        return {"reviewed_condition"}
    named = [row.texts(name) for name in ("diagnoses", "also_diagnoses") if row.texts(name)]
    answers: list[Tried] = [has_diagnosis(row, prefixes, line, world) for prefixes in named]
    if row.text("sex"):
        known = world.patient.get("sex")
        answers.append(known == SEX_OF[row.text("sex")] if known else {"sex"})
    if row.text("min_age") or row.text("below_age"):
        birth = world.patient.get("birth_date")
        if birth is None or birth > line["begin"].date() or world.encounter.get("visit_kind") == "maternity_inpatient":
            answers.append({"birth_date"})
        else:
            answers.append(age_range(row, world, moment_of(line)))
    if row.text("min_level"):
        level = world.encounter.get("facility_level")
        wanted = LEVELS.index(LEVEL_OF[row.text("min_level")])
        answers.append(LEVELS.index(level) >= wanted if level else {"facility_level"})
    if row.texts("evidence_names"):
        answers.append(evidence_holds(row, line, world))
    return every(answers)


def has_diagnosis(row: Row, prefixes: list[str], line: LineDict, world: World) -> Tried:
    own = list(world.encounter.get("diagnoses") or ())
    months = row.whole("history_months")
    past = [one for visit in counted_visits(months, line, world) for one in visit.get("diagnoses") or ()]
    confirmed, suspected = with_prefix([*own, *past], prefixes)
    if confirmed:
        return True
    not_sure = bool(suspected) or not own or any(not one.get("code") for one in own)
    return {"diagnoses"} if not_sure or (months and not world.is_complete("diagnoses")) else False


def evidence_holds(row: Row, line: LineDict, world: World) -> Tried:
    results = results_named(world, row.texts("evidence_names"), line, row.whole("evidence_within_days"))
    if results is None:
        return {"observations"}
    if not results:
        return False if world.is_complete("observations") else {"observations"}
    held = comparison_of(
        results[-1],
        row.text("evidence_comparison"),
        row.number("evidence_value"),
        row.text("evidence_unit"),
        row.texts("evidence_words"),
    )
    return {"observations"} if held is None else held


# T09 to T11.


def program(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T09."""
    if not world.speaks_of(row, line):
        return FALSE
    answers: list[Tried] = []
    if "结算病种" in row.texts("requires"):
        answers.append(is_settled_under(row, world))
    if "备案" in row.texts("requires"):
        answers.append(is_approved(row, line, world))
    return violated_unless(every(answers))


def is_settled_under(row: Row, world: World) -> Tried:
    code, modes = world.encounter.get("program_code"), world.modes()
    chronic = is_of(modes, ["chronic_outpatient"])
    if chronic is False:
        return True
    if code:
        return code in row.texts("programs")
    return {"program"} if chronic else {"care_modes"}


def is_approved(row: Row, line: LineDict, world: World) -> Tried:
    day = line["begin"].date()
    for one in world.patient.get("programs") or ():
        is_in_force = (one.get("valid_from") or day) <= day <= (one.get("valid_to") or day)
        is_wanted = not row.texts("programs") or one.get("code") in row.texts("programs")
        if is_in_force and is_wanted and (not one.get("item_codes") or line.get("item_code") in one["item_codes"]):
            return True
    if world.attested("special_approval", line):
        return True
    checked = world.patient.get("programs_checked") or world.is_complete("approvals")
    return False if checked else {"approved_programs"}


def herb_payment(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T10 and N10."""
    if line.get("item_code") != row.text("item_code") or kind_of(line) not in ("herb_piece", None):
        return FALSE
    missing = {"item_kind"} if kind_of(line) is None else set()
    if row.text("not_paid") == "never":
        return [Opinion(missing)]
    herbs = []
    for other in world.others(line):
        if not same_prescription(line, other) or kind_of(other) not in ("herb_piece", None):
            continue
        if is_refund(other):  # no herb that anybody takes
            continue
        if kind_of(other) is None:
            missing.add("item_kind")
            continue
        herbs.append(other)
        if not other.get("item_code"):
            missing.add("item_code")
        elif not is_on_the_list(other, line, world):
            return FALSE
    return [Opinion(missing, herbs)]


def is_on_the_list(other: LineDict, line: LineDict, world: World) -> bool:
    return any(
        entry.template == "T10" and entry.text("not_paid") == "alone" and entry.text("item_code") == other["item_code"]
        for entry in world.rows
        if entry.in_force(line["begin"].date())
    )


def price(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T11."""
    if not world.speaks_of(row, line):
        return FALSE
    limits = price_limits(row, line, world)
    if limits is None:
        return unknown("catalogue_price")
    tolerance = row.number("tolerance_yuan") or Fraction(0)
    quantity, amount = line.get("quantity"), line.get("amount")
    charged, slack = None, Fraction(0)
    if line.get("price") is not None:
        charged = Fraction(line["price"])
    elif amount is not None and quantity is not None and quantity > 0:
        charged, slack = Fraction(amount) / Fraction(quantity), Fraction(1, 100) / Fraction(quantity)
    if all(limit is None for limit in limits):
        return FALSE
    if charged is None:
        return unknown("price")
    above = [
        limit is not None and (charged - limit - tolerance >= slack if slack else charged - limit > tolerance)
        for limit in limits
    ]
    if len(set(above)) > 1:
        return unknown("facility_level")
    if not above[0]:
        return FALSE
    known = [limit for limit in limits if limit is not None]
    excess = (charged - max(known)) * Fraction(quantity) if quantity is not None else None
    return [Opinion(amount=excess, has_own_amount=excess is not None)]


def price_limits(row: Row, line: LineDict, world: World) -> list[Fraction | None] | None:
    """The limit at each level that the institution may be of."""
    if row.text("catalogue_price"):
        return None if line.get("catalogue_price") is None else [Fraction(line["catalogue_price"])]
    level = world.encounter.get("facility_level")
    limits = []
    for one in [level] if level else LEVELS:
        own = row.number(f"max_price_{one}")
        limits.append(own if own is not None else row.number("max_price"))
    return limits


OF_LINES = {
    "T01": insurance,
    "T02": facility_level,
    "T03": care_mode,
    "T04": department,
    "T05": privilege,
    "T06": sex,
    "T07": age,
    "T08": indication,
    "T09": program,
    "T10": herb_payment,
    "T11": price,
}
OF_ENCOUNTERS = {"T06": sex_of_codes, "T07": age_of_codes}
