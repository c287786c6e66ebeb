"""T12, T13, T14, T19, T20: what the patient has, is, or was tested for. See `oracle_world.py`."""

from datetime import datetime, timedelta

from tests.diff.oracle_tests import NEGATIVE, POSITIVE, comparison_of, is_named, plain, results_named
from tests.diff.oracle_together import use_of
from tests.diff.oracle_world import (
    FALSE,
    GENERIC_NAMES,
    LOOK_BACK_DAYS,
    TRUE,
    Facts,
    LineDict,
    Opinion,
    Row,
    World,
    atc_levels,
    counted_visits,
    has_prefix,
    is_refund,
    is_suspected,
    may_be_drug,
    name_of,
    unknown,
)

SEVERITIES = ("轻度", "中度", "重度")
SEVERITY_OF = {"mild": 0, "moderate": 1, "severe": 2}
VOUCHED = {"会诊": "consultation", "知情同意": "informed_consent", "特殊审批": "special_approval"}
OBSERVED = {"会诊": "consultation", "知情同意": "consent"}


def contraindication(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T12."""
    if not world.speaks_of(row, line) or (row.text("only_substance") == "是" and world.is_compound(line)):
        return FALSE
    missing: set[str] = set()
    own = world.encounter.get("diagnoses") or ()
    if row.texts("diagnoses"):
        months = row.whole("history_months")
        counted = [
            *own,
            *(one for visit in counted_visits(months, line, world) for one in visit.get("diagnoses") or ()),
        ]
        found = [
            one
            for one in counted
            if has_prefix(one.get("code") or "", row.texts("diagnoses"))
            and not has_prefix(one.get("code") or "", row.texts("except_diagnoses"))
        ]
        if any(not is_suspected(one) for one in found):
            return [TRUE()]
        is_coded = bool(own) and all(one.get("code") for one in own)
        if found or (not is_coded and not world.is_complete("diagnoses")):
            missing.add("diagnoses")
    if row.texts("test_names"):
        held = test_result(row, line, world, "test_value", "test_unit", "test_words")
        if held is True:
            return [TRUE()]
        if held is None:
            missing.add("observations")
    return unknown(*missing) if missing else FALSE


def test_result(row: Row, line: LineDict, world: World, value: str, unit: str, words: str) -> bool | None:
    """Whether the last result is what the row names; False too where a complete feed has none."""
    results = results_named(world, row.texts("test_names"), line, row.whole("within_days", 90))
    if results is None:
        return None
    if not results:
        is_older = bool(results_named(world, row.texts("test_names"), line, None))
        return False if world.is_complete("observations") and not is_older else None
    return comparison_of(results[-1], row.text("comparison"), row.number(value), row.text(unit), row.texts(words))


def pregnancy(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T13."""
    if not world.speaks_of(row, line):
        return FALSE
    state = row.text("status")
    status = world.patient.get("pregnancy_status")
    told = world.told_state(state)
    if status not in (None, "neither"):
        holds = status == {"妊娠": "pregnant", "哺乳": "lactating", "备孕": "planning"}[state]
    elif world.patient.get("sex") == "male":
        holds = False
    elif status == "neither":
        if told:  # the two contradict each other
            return unknown("pregnancy_status")
        holds = False
    elif told is None and world.is_of_no_fertile_age(line["begin"].date()):
        holds = False
    else:
        holds = told
    if holds is None:
        return unknown("pregnancy_status") if row.text("grade") == "禁用" else FALSE
    if not holds:
        return FALSE
    if row.texts("trimesters"):
        asked = world.claim.get("time")
        weeks = world.weeks_of_pregnancy(line["begin"].date(), asked.date() if asked else None)
        if weeks is None:
            return unknown("gestation")
        trimester = "早期" if weeks < 14 else "中期" if weeks < 28 else "晚期"
        return [TRUE()] if trimester in row.texts("trimesters") else FALSE
    return [TRUE()]


# T14.


def allergy(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T14: whether the row speaks of any allergy of the patient."""
    if not world.speaks_of(row, line):
        return FALSE
    missing = found = False
    for names, severity in allergies_of(line, world):
        relation = relation_of(row, line, names, world)
        if relation is None:
            missing = True
        if not relation:
            continue
        if severity is None and row.text("min_severity"):
            missing = True
            continue
        rank = SEVERITY_OF[severity] if severity else -1
        if row.text("min_severity") and rank < SEVERITIES.index(row.text("min_severity")):
            continue
        if row.text("below_severity") and rank >= SEVERITIES.index(row.text("below_severity")):
            continue
        found = True
    if found:
        return [TRUE()]
    checked = world.patient.get("allergies_checked") or world.is_complete("allergies")
    if not world.patient.get("allergies") and not checked:
        missing = True
    return unknown("allergies") if missing else FALSE


def allergies_of(line: LineDict, world: World) -> list[tuple[set[str], str | None]]:
    """Names and severity of each active allergy; a skin test has no severity."""
    found: list[tuple[set[str], str | None]] = [
        (allergen_names(one.get("substance"), one.get("code")), one.get("severity"))
        for one in world.patient.get("allergies") or ()
        if one.get("status", "active") == "active"
    ]
    for one in world.patient.get("observations") or ():
        positive = plain(one.get("text") or "") in {plain(word) for word in POSITIVE}
        if one.get("kind") == "skin_test" and positive and one.get("status", "final") == "final":
            found.append((allergen_names(one.get("name"), one.get("code")), None))
    for other in world.all_lines:
        if other.get("skin_test") != "positive" or is_refund(other) or other.get("begin") is None:
            continue
        days = (line["begin"].date() - other["begin"].date()).days
        if not may_be_drug(other) or other["begin"] > world.as_of(line) or days > LOOK_BACK_DAYS:
            continue
        found.extend((allergen_names(name), None) for name in world.substances(other) or [name_of(other)])
    return found


def allergen_names(*written: str | None) -> set[str]:
    """What an allergy is called, without what stands after the substance, and by its generic name."""
    names: set[str] = set()
    for text in written:
        name = "".join((text or "").split())
        for ending in ("皮试", "过敏史", "过敏"):
            name = name.removesuffix(ending)
        names |= {name, GENERIC_NAMES.get(name, name)}
    return names - {""}


def relation_of(row: Row, line: LineDict, names: set[str], world: World) -> bool | None:
    """Whether the allergy stands in the row's relation to the drug; None where nobody understands its words."""
    own = bool(names & {*world.substances(line), line.get("item_code") or ""})
    if own or row.text("relation") == "同物质":
        holds = own and row.text("relation") == "同物质"
    else:
        groups = names | {level for name in names for level in atc_levels(name)}
        lists = {listing for listing, members in world.lists.items() for _, member in members if member in groups}
        holds = bool((groups | lists) & set(row.texts("allergens") or [row.text("drug_class")]))
    if holds or own or is_understood(names, world):
        return holds
    return None


SUBJECT_CELLS = ("item_code", "ingredient", "ingredient_a", "ingredient_b", "drug_class", "class_a", "class_b")
SUBJECT_CELLS = (*SUBJECT_CELLS, "item_a", "item_b")


def is_understood(names: set[str], world: World) -> bool:
    """Whether some row or list knows one of the names, or it is an ATC code."""
    known = {member for members in world.lists.values() for _, member in members}
    known |= {row.text(cell) for row in world.rows for cell in SUBJECT_CELLS}
    return bool(names & known) or any(len(atc_levels(name)) > 1 for name in names)


# T19 and T20.


def prior_evidence(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T19."""
    if not world.speaks_of(row, line):
        return FALSE
    kind = row.text("evidence")
    if kind in VOUCHED:
        return vouched(row, line, world)
    within = row.whole("within_days")
    enough = bool(row.text("ordered_is_enough"))
    names = row.texts("test_names")
    if not names:  # any culture
        cultures = {**world.claim, "patient": {**world.patient, "observations": cultures_of(world)}}
        world, names = World(cultures, world.rows, world.given_lists), ["any"]
    results = results_named(world, names, line, within, ("final", "ordered") if enough else ("final",))
    if results is None:
        return unknown("observations")
    if not results:
        return [TRUE()] if world.is_complete("observations") else unknown("observations")
    if enough and not (row.text("comparison") or row.texts("words")):
        return FALSE
    last = results[-1]
    if last.get("status", "final") == "ordered":
        return FALSE
    held = comparison_of(last, row.text("comparison"), row.number("value"), row.text("unit"), row.texts("words"))
    return unknown("observations") if held is None else FALSE if held else [TRUE()]


def cultures_of(world: World) -> list[Facts]:
    every = world.patient.get("observations") or ()
    return [{**one, "name": "any"} for one in every if one.get("kind") == "culture"]


def vouched(row: Row, line: LineDict, world: World) -> list[Opinion]:
    for one in world.encounter.get("attestations") or ():
        is_of_line = not one.get("order_ids") or line.get("order_id") in one["order_ids"]
        in_time = one.get("time") is None or one["time"] <= world.as_of(line)
        if one["kind"] == VOUCHED[row.text("evidence")] and is_of_line and in_time:
            return FALSE
    for one in world.patient.get("observations") or ():
        if one.get("kind") != OBSERVED.get(row.text("evidence"), "") or one.get("status", "final") != "final":
            continue
        if (one.get("encounter_id") or world.encounter["id"]) != world.encounter["id"]:
            continue
        if one.get("time") is None or one["time"] <= world.as_of(line):
            return FALSE
    return [TRUE()] if world.is_complete("attestations") else unknown("attestations")


def skin_test(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T20: the state of the test as it is known."""
    if not world.speaks_of(row, line):
        return FALSE
    state, related = state_of(row, line, world)
    if state == "不明":
        return unknown("skin_test")
    if state not in row.texts("state"):
        return FALSE
    if state in ("阳性", "未出结果") or world.is_complete("observations"):
        return [TRUE(related=related)]
    return unknown("skin_test")


def state_of(row: Row, line: LineDict, world: World) -> tuple[str, list[LineDict]]:
    """The state, by the first of the template's eight sentences that says it, and the lines that say so."""
    own, begin = line.get("skin_test"), line["begin"]
    names = names_of_test(row, line, world)
    tests = [
        one
        for one in world.patient.get("observations") or ()
        if one.get("kind") == "skin_test" and is_named(one, names)
        if one.get("time") is None or one["time"] <= world.as_of(line)
    ]
    final = [(one.get("time"), sign_of(one)) for one in tests if one.get("status", "final") == "final"]
    if own == "positive" or (None, "阳性") in final:
        return "阳性", []
    others = same_drug_lines(row, line, world)
    validity = timedelta(hours=row.whole("validity_hours") or 0)
    results: list[tuple[datetime, bool, LineDict | None]] = [
        (time, sign == "阳性", None) for time, sign in final if time is not None and sign is not None
    ]
    results.extend(
        (other["begin"], other["skin_test"] == "positive", other)
        for other in others
        if other.get("skin_test") in ("positive", "negative")
    )
    if own == "negative":
        results.append((begin - validity, False, None))
    last = max((one[:2] for one in results), default=None)
    related = [one[2] for one in results if one[:2] == last and one[2] is not None]
    if last is not None and last[1]:
        return "阳性", related
    if own in ("negative", "exempt"):
        return "阴性" if own == "negative" else "免试", []
    if any(time is None or sign is None for time, sign in final):
        return "不明", []
    if last is not None and begin - last[0] <= validity:
        return "阴性", []
    if was_used(row, line, others, world):
        return "免试", []
    if own == "ordered" or any(one.get("status") == "ordered" for one in tests):
        return "未出结果", []
    return ("过期", related) if last is not None else ("未做", [])


def names_of_test(row: Row, line: LineDict, world: World) -> list[str]:
    if row.texts("test_names"):
        return row.texts("test_names")
    named = row.text("item_name") or row.text("ingredient") or row.text("drug_class") or row.text("item_code")
    names = {named, *([] if row.text("ingredient") else world.substances(line))} - {""}
    names |= {GENERIC_NAMES[name] for name in names if name in GENERIC_NAMES}
    return [f"{name}{ending}" for name in names for ending in ("", "皮试", "皮肤试验")]


def sign_of(observation: Facts) -> str | None:
    text = plain(observation.get("text") or "")
    for sign, words in (("阳性", POSITIVE), ("阴性", NEGATIVE)):
        if text in {plain(word) for word in words}:
            return sign
    return None


def same_drug_lines(row: Row, line: LineDict, world: World) -> list[LineDict]:
    """Other lines of the same drug: current ones, and past ones that had begun by then."""
    found = []
    for other in world.others(line):
        if other.get("begin") is None or is_refund(other):
            continue
        if not world.is_current(other) and other["begin"] > world.as_of(line):
            continue
        if (line["begin"].date() - other["begin"].date()).days > LOOK_BACK_DAYS:
            continue
        if row.text("item_kind"):
            same_item = bool(line.get("item_code")) and other.get("item_code") == line.get("item_code")
            if not same_item and not any(world.is_drug_of(other, name) for name in world.substances(line)):
                continue
        elif not world.speaks_of(row, other):
            continue
        found.append(other)
    return found


def was_used(row: Row, line: LineDict, others: list[LineDict], world: World) -> bool:
    """Whether the drug was used by a past line that began before the order, up to so many days before it."""
    most, day = row.whole("exempt_used_within_days"), line["begin"].date()
    return most is not None and any(
        (day - use_of(other, world).last).days <= most
        for other in others
        if other["begin"] < line["begin"] and not world.is_current(other) and not world.is_taken_back(other)
    )


OF_LINES = {"T12": contraindication, "T13": pregnancy, "T14": allergy, "T19": prior_evidence, "T20": skin_test}
OF_ENCOUNTERS: dict = {}
