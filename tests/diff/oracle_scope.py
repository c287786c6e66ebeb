"""Scope and exemptions, naively: conditions of `ruleset.scope.Conditions`, each TRUE, FALSE or UNKNOWN."""

from collections.abc import Callable
from typing import Any

from tests.diff.oracle_world import (
    LEVEL_OF,
    MODE_OF,
    PAYER_OF,
    SEX_OF,
    LineDict,
    Row,
    World,
    has_reached,
    is_of,
    listed,
    moment_of,
    with_prefix,
)

Value = Any
Answer = bool | None
Condition = Callable[[Value, World, LineDict | None], Answer]

SCENE_MODES = {"住院": ["inpatient"], "门急诊": ["outpatient", "emergency", "chronic_outpatient"], "购药": ["pharmacy"]}
YES = "是"


def scene(value: Value, world: World, _line: LineDict | None) -> Answer:
    answers: list[Answer] = []
    wanted = [mode for name in listed(value) for mode in SCENE_MODES.get(name, ())]
    if wanted:
        answers.append(is_of(world.modes(), wanted))
    if "互联网诊疗" in listed(value):
        answers.append(False if world.modes() == ["inpatient"] else world.encounter.get("internet"))
    if "异地就医" in listed(value):
        answers.append(world.out_of_region())
    return True if True in answers else None if None in answers else False


def stage(value: Value, world: World, _line: LineDict | None) -> Answer:
    during = ("settlement_preview", "settlement")
    return any(("事中" if trigger in during else "事前") in listed(value) for trigger in world.claim["triggers"])


def stated(fact: str) -> Condition:
    """One of the listed values, of a fact of the encounter."""
    return lambda value, world, _: world.encounter[fact] in listed(value) if world.encounter.get(fact) else None


def translated(fact: str, words: dict[str, str]) -> Condition:
    def test(value: Value, world: World, _line: LineDict | None) -> Answer:
        known = world.encounter.get(fact)
        return known in [words[word] for word in listed(value)] if known else None

    return test


def division(code: str, divisions: list[str]) -> Answer:
    if not code:
        return None
    for wanted in divisions:
        part = wanted
        while part.endswith("00") and len(part) > 2:
            part = part[:-2]
        if code.startswith(part):
            return True
    return False


def title(value: Value, world: World, line: LineDict | None) -> Answer:
    known = [one for one in world.claim.get("practitioners") or () if one["id"] == world.doctor(line)]
    text = (known[0].get("title") if known else "") or (line or {}).get("practitioner_title")
    return text in listed(value) if text else None


def min_age(value: Value, world: World, line: LineDict | None) -> Answer:
    day = world.day_of(line)
    if day is None:
        return None
    reached = has_reached(world.patient, moment_of(line) if line else day, value)
    return reached if isinstance(reached, bool) else None


def below_age(value: Value, world: World, line: LineDict | None) -> Answer:
    reached = min_age(value, world, line)
    return None if reached is None else not reached


def diagnoses(value: Value, world: World, _line: LineDict | None) -> Answer:
    known = world.encounter.get("diagnoses") or ()
    confirmed, suspected = with_prefix(known, listed(value))
    if confirmed:
        return True
    return None if suspected or not known or not all(one.get("code") for one in known) else False


def programs(value: Value, world: World, _line: LineDict | None) -> Answer:
    code, modes = world.encounter.get("program_code"), world.modes()
    if code:
        return code in listed(value)
    return None if not modes or "chronic_outpatient" in modes else False


def agrees(fact: Answer, value: Value) -> Answer:
    return None if fact is None else fact == (value == YES)


def of_line(fact: str) -> Condition:
    return lambda value, _world, line: agrees((line or {}).get(fact), value)


def one_of(known: str, value: Value) -> Answer:
    return known in listed(value) if known else None


def day_surgery(value: Value, world: World, _line: LineDict | None) -> Answer:
    kind = world.encounter.get("visit_kind")
    return agrees(None if kind is None else kind == "day_surgery", value)


CONDITIONS: dict[str, tuple[tuple[str, ...], Condition]] = {
    "scenes": (("care_modes",), scene),
    "stages": ((), stage),
    "care_modes": (("care_modes",), lambda v, w, _: is_of(w.modes(), [MODE_OF[name] for name in listed(v)])),
    "visit_kinds": (("visit_kind",), stated("visit_kind")),
    "insurance": (("payer",), translated("payer", PAYER_OF)),
    "facilities": (("facility_id",), stated("facility_id")),
    "facility_levels": (("facility_level",), translated("facility_level", LEVEL_OF)),
    "facility_types": (("facility_type",), stated("facility_type")),
    "regions": (("insured_region",), lambda v, w, _: division(w.patient.get("insured_region") or "", listed(v))),
    "treatment_regions": (("region",), lambda v, w, _: division(w.encounter.get("region") or "", listed(v))),
    "departments": (("department",), lambda v, w, line: one_of(w.department(line), v)),
    "titles": (("practitioner_title",), title),
    "practitioners": (("practitioner_id",), lambda v, w, line: one_of(w.doctor(line), v)),
    "charge_kinds": (("charge_kind",), lambda v, _, line: one_of((line or {}).get("charge_kind") or "", v)),
    "sex": (("sex",), lambda v, w, _: w.patient["sex"] == SEX_OF[v] if w.patient.get("sex") else None),
    "min_age": (("birth_date",), min_age),
    "below_age": (("birth_date",), below_age),
    "diagnoses": (("diagnoses",), diagnoses),
    "programs": (("program",), programs),
    "flags": ((), lambda v, w, _: any(flag in listed(v) for flag in w.patient.get("flags") or ())),
    "pregnant": (("pregnancy_status",), lambda v, w, _: agrees(w.pregnant(), v)),
    "discharge_medication": (("discharge_medication",), of_line("discharge_medication")),
    "long_prescription": ((), lambda v, w, _: bool(w.encounter.get("long_prescription")) == (v == YES)),
    "emergency_use": ((), lambda v, _, line: bool((line or {}).get("emergency_use")) == (v == YES)),
    "long_term_order": (("long_term",), of_line("long_term")),
    "day_surgery": (("visit_kind",), day_surgery),
    "out_of_region": (("region", "insured_region"), lambda v, w, _: agrees(w.out_of_region(), v)),
}


def conditions_of(row: Row, kind: str) -> dict[str, Value]:
    """The stated conditions of `scope` or `exempt`: the rule's, and the row's in their place."""
    own = {name: row.cells[f"{kind}_{name}"] for name in CONDITIONS if row.cells.get(f"{kind}_{name}")}
    return {**row.rule.get(kind, {}), **own}


def applies(row: Row, world: World, line: LineDict | None) -> set[str] | None:
    """None where the row does not speak of the line; else the facts on which that depends and which are missing."""
    missing: set[str] = set()
    for name, value in conditions_of(row, "scope").items():
        facts, test = CONDITIONS[name]
        answer = test(value, world, line)
        if answer is False:
            return None
        if answer is None:
            missing |= set(facts)
    for name, value in conditions_of(row, "exempt").items():
        facts, test = CONDITIONS[name]
        answer = test(value, world, line)
        if answer is True:
            return None
        if answer is None:
            missing |= set(facts)
    return missing
