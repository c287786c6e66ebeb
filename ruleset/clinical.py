"""What clinicians reckon from a patient's facts: creatinine clearance, body surface, weeks of pregnancy.

Each answer says from what it was found, for a person. A result that is too old, has no unit or no time is not used;
the `Missing` then says so. Codes are LOINC (https://loinc.org), names are those of Chinese laboratories.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal
from functools import lru_cache
from typing import Literal

import msgspec

from ruleset.ages import completed
from ruleset.case import HepaticFunction, Observation, Patient, RenalFunction
from ruleset.outcome import Missing
from ruleset.units import convert


class Analyte(msgspec.Struct, frozen=True):
    """A measured quantity: `fact` is what is missing without it, `codes` are LOINC, `names` in lower case.

    `lower_is_worse`: of two results of one moment the worse one is used.
    """

    fact: str
    label: str
    codes: frozenset[str]
    names: frozenset[str]
    lower_is_worse: bool = False


CREATININE = Analyte(
    "creatinine",
    "血肌酐",
    frozenset({"2160-0", "14682-9", "38483-4", "77140-2"}),
    frozenset({"肌酐", "血肌酐", "血清肌酐", "血浆肌酐", "scr", "cr", "crea"}),
)
"""Serum, plasma or blood creatinine by mass or by moles."""

CLEARANCE = Analyte(
    "renal_function",
    "肌酐清除率",
    frozenset({"2164-2", "35591-7"}),
    frozenset({"肌酐清除率", "内生肌酐清除率", "crcl", "ccr"}),
    lower_is_worse=True,
)
"""Creatinine clearance, measured in 24 h urine, or predicted by Cockcroft-Gault."""

FILTRATION = Analyte(
    "renal_function",
    "估算肾小球滤过率",
    frozenset({"33914-3", "48642-3", "62238-1", "98979-8", "77147-7"}),
    frozenset({"egfr", "估算肾小球滤过率", "肾小球滤过率", "gfr", "估算的肾小球滤过率"}),
    lower_is_worse=True,
)
"""Estimated glomerular filtration rate (MDRD, CKD-EPI)."""

CHILD_PUGH = Analyte(
    "hepatic_function",
    "Child-Pugh评分",
    frozenset(),
    frozenset({"child-pugh", "child-pugh评分", "child-pugh分级", "childpugh", "childpugh评分", "childpugh分级"}),
)

ADULT_AGE_YEARS = 18
"""Cockcroft-Gault was made from adults; children are judged by other formulas."""

COCKCROFT_GAULT_AGE_YEARS = 140
"""The age at which the formula reaches nothing; an older one is a typing error."""

GESTATION_MAX_WEEKS = 44
"""A pregnancy that would be older than this is over; its record was not closed."""

_TENTH = Decimal("0.1")
_CREATININE_UMOL_L_PER_MG_DL = Decimal("88.4")
"""1 mg/dL creatinine (113.12 g/mol) in µmol/L."""

_RENAL_GRADES: tuple[tuple[Decimal, RenalFunction], ...] = (
    (Decimal(90), "normal"),
    (Decimal(60), "mild"),
    (Decimal(30), "moderate"),
    (Decimal(0), "severe"),
)
"""From so many mL/min (FDA, Pharmacokinetics in Patients with Impaired Renal Function, 2020); below 15 is severe too."""

_CHILD_PUGH_POINTS: tuple[tuple[int, int, HepaticFunction], ...] = (
    (5, 6, "child_pugh_a"),
    (7, 9, "child_pugh_b"),
    (10, 15, "child_pugh_c"),
)
"""Pugh RN, Br J Surg 1973;60:646."""


class Clearance(msgspec.Struct, frozen=True):
    """Creatinine clearance in mL/min, and how it was found, for a person."""

    value: Decimal
    found: str


def latest(
    observations: Sequence[Observation],
    analyte: Analyte,
    at: datetime,
    *,
    within_days: int,
    known_by: datetime | None = None,
) -> Observation | Missing:
    """Return the last final result of an analyte by `known_by` (`at` where not given).

    It is at most `within_days` calendar days older than `at`.

    Missing says of the last one why it was not used: older, or without a time.
    """
    known_by = known_by or at
    last: Observation | None = None
    untimed = False
    for observation in observations:
        if observation.status != "final" or not _is(observation, analyte):
            continue
        if observation.time is None:
            untimed = True
        elif observation.time <= known_by and (last is None or _rank(observation, analyte) > _rank(last, analyte)):
            last = observation
    if last is None or last.time is None:
        return Missing(analyte.fact, f"{analyte.label}没有检验时间。" if untimed else "")
    if at.toordinal() - last.time.toordinal() > within_days:
        return Missing(analyte.fact, f"最近一次{analyte.label}是{last.time.date()}的，已超过{within_days}天。")
    return last


def _rank(observation: Observation, analyte: Analyte) -> tuple[datetime, bool, Decimal, str, str, str]:
    """Return what the last of results is last by: of one time the worse value, whatever their order."""
    assert observation.time is not None  # results without a time are left out
    value = observation.value or Decimal(0)
    worse = -value if analyte.lower_is_worse else value
    return observation.time, observation.value is not None, worse, observation.unit, observation.text, observation.code


_PARENTHESES = re.compile(r"[(\uff08][^()\uff08\uff09]*[)\uff09]")


def _is(observation: Observation, analyte: Analyte) -> bool:
    """Say whether a result is of an analyte: by code, else by name. Urine is another specimen than blood."""
    if observation.code:
        return observation.code in analyte.codes or (
            not _LOINC.fullmatch(observation.code) and _named(observation, analyte)
        )
    return _named(observation, analyte)


_LOINC = re.compile(r"\d{1,7}-\d", re.ASCII)


def _named(observation: Observation, analyte: Analyte) -> bool:
    if "尿" in observation.name and analyte is CREATININE:
        return False
    return _plain_name(observation.name) in analyte.names


@lru_cache(maxsize=4096)
def _plain_name(name: str) -> str:
    """Return a test's name without its method: 肌酐(酶法)测定 is 肌酐."""
    return _PARENTHESES.sub("", name).replace(" ", "").lower().removesuffix("测定").removesuffix("检测")


def creatinine_clearance(
    patient: Patient, at: datetime, *, within_days: int, known_by: datetime | None = None
) -> Clearance | Missing:
    """Return the creatinine clearance of an adult: a supplied clearance, else by Cockcroft-Gault, else eGFR.

    What is older than a creatinine says nothing of kidneys that have failed since, and is not taken. eGFR is of a body
    surface of 1.73 m2 and flatters the small and the old: it stands in only where the formula cannot be reckoned.

    Cockcroft DW, Gault MH, Nephron 1976;16:31: (140 - age) x weight / (72 x SCr in mg/dL), x 0.85 for women, with
    the actual weight. Which results are used, `latest` says.
    """
    if patient.birth_date is None:
        return Missing("birth_date")
    age = completed(patient.birth_date, at, "岁")
    if age < ADULT_AGE_YEARS:
        return Missing("renal_function", "18岁以下不能用成人公式估算肌酐清除率。")
    creatinine = latest(patient.observations, CREATININE, at, within_days=within_days, known_by=known_by)
    since = None if isinstance(creatinine, Missing) else creatinine.time
    clearance = _supplied(patient, CLEARANCE, at, within_days, known_by, since)
    if clearance is not None:
        return clearance
    reckoned = _cockcroft_gault(patient, age, creatinine)
    if not isinstance(reckoned, Missing):
        return reckoned
    return _supplied(patient, FILTRATION, at, within_days, known_by, since) or reckoned


def _supplied(
    patient: Patient,
    analyte: Analyte,
    at: datetime,
    within_days: int,
    known_by: datetime | None,
    since: datetime | None,
) -> Clearance | None:
    """Return a clearance that was reported as such at `since` or later; None where there is none in mL/min."""
    result = latest(patient.observations, analyte, at, within_days=within_days, known_by=known_by)
    if isinstance(result, Missing) or result.value is None or result.value < 0 or result.time is None:
        return None
    value = convert(result.value, result.unit, "mL/min")
    if value is None or (since is not None and result.time < since):
        return None
    per_surface = "（按1.73㎡体表面积）" if analyte is FILTRATION else ""
    return Clearance(value.quantize(_TENTH), f"{result.time.date()}报告的{analyte.label}{per_surface}")


def _cockcroft_gault(patient: Patient, age: int, result: Observation | Missing) -> Clearance | Missing:
    if isinstance(result, Missing):
        return result
    creatinine = _milligrams_per_decilitre(result)
    if isinstance(creatinine, Missing):
        return creatinine
    if patient.weight_kg is None or patient.weight_kg <= 0:
        return Missing("weight_kg")
    if patient.sex is None:
        return Missing("sex")
    if age >= COCKCROFT_GAULT_AGE_YEARS:
        return Missing("birth_date", f"出生日期{patient.birth_date}不合理。")
    value = (COCKCROFT_GAULT_AGE_YEARS - age) * patient.weight_kg / (72 * creatinine)
    if patient.sex == "female":
        value *= Decimal("0.85")
    assert result.time is not None  # `latest` returns dated results only
    found = (
        f"按Cockcroft-Gault公式，由{result.time.date()}血肌酐{result.value}{result.unit}、{age}岁、"
        f"{patient.weight_kg}kg、{'女' if patient.sex == 'female' else '男'}性估算"
    )
    return Clearance(value.quantize(_TENTH), found)


def _milligrams_per_decilitre(creatinine: Observation) -> Decimal | Missing:
    if creatinine.value is None or creatinine.value <= 0:
        return Missing("creatinine", "血肌酐结果不是正数。")
    if not creatinine.unit:
        return Missing("creatinine", "血肌酐结果没有单位。")
    by_mass = convert(creatinine.value, creatinine.unit, "mg/dL")
    if by_mass is not None:
        return by_mass
    by_moles = convert(creatinine.value, creatinine.unit, "umol/L")
    if by_moles is None:
        return Missing("creatinine", f"不认识血肌酐的单位“{creatinine.unit}”。")
    return by_moles / _CREATININE_UMOL_L_PER_MG_DL


def renal_function(
    patient: Patient, at: datetime, *, within_days: int, known_by: datetime | None = None
) -> RenalFunction | Missing:
    """Return the degree of renal impairment: as stated, else by the creatinine clearance."""
    if patient.renal_function is not None:
        return patient.renal_function
    clearance = creatinine_clearance(patient, at, within_days=within_days, known_by=known_by)
    if isinstance(clearance, Missing):
        return clearance
    return next(grade for least, grade in _RENAL_GRADES if clearance.value >= least)


def hepatic_function(
    patient: Patient, at: datetime, *, within_days: int, known_by: datetime | None = None
) -> HepaticFunction | Missing:
    """Return the Child-Pugh class: as stated, else by a reported score (5 to 15 points) or class (A, B, C).

    It is not reckoned from bilirubin, albumin and INR: ascites and encephalopathy are no laboratory values.
    """
    if patient.hepatic_function is not None:
        return patient.hepatic_function
    result = latest(patient.observations, CHILD_PUGH, at, within_days=within_days, known_by=known_by)
    if isinstance(result, Missing):
        return result
    for least, most, grade in _CHILD_PUGH_POINTS:
        if result.value is not None and least <= result.value <= most:
            return grade
        if result.value is None and result.text.strip().upper().removesuffix("级") == grade[-1].upper():
            return grade
    return Missing("hepatic_function", f"不认识Child-Pugh结果“{result.text or result.value}”。")


def body_surface_m2(patient: Patient) -> Decimal | Missing:
    """Return the body surface in square metres (Mosteller RD, N Engl J Med 1987;317:1098), to 0.01."""
    if patient.weight_kg is None or patient.weight_kg <= 0:
        return Missing("weight_kg")
    if patient.height_cm is None or patient.height_cm <= 0:
        return Missing("height_cm")
    return (patient.height_cm * patient.weight_kg / 3600).sqrt().quantize(Decimal("0.01"))


def gestational_weeks(patient: Patient, at: date, stated_at: date | None) -> Decimal | Missing:
    """Return the completed weeks of pregnancy at `at`, to 0.1 rounded down: from the last menstruation, else as stated.

    `stated_at` is the date of the message that states the weeks. Outside 0 to 44 weeks it is Missing.
    """
    if patient.pregnancy_start is not None:
        days = at.toordinal() - patient.pregnancy_start.toordinal()
        weeks = Decimal(days) / 7
    elif patient.gestational_weeks is not None and stated_at is not None:
        weeks = patient.gestational_weeks + Decimal(at.toordinal() - stated_at.toordinal()) / 7
    else:
        return Missing("gestation")
    if not 0 <= weeks <= GESTATION_MAX_WEEKS:
        return Missing("gestation", f"推算孕周为{weeks.quantize(_TENTH, ROUND_DOWN)}周，不合理。")
    return weeks.quantize(_TENTH, ROUND_DOWN)


FIRST_TRIMESTER_WEEKS = 14
SECOND_TRIMESTER_WEEKS = 28


def trimester(weeks: Decimal) -> Literal[1, 2, 3]:
    """Return the trimester: before 14 weeks, 14 to before 28, from 28 (ACOG; 妇产科学: 早期、中期、晚期妊娠)."""
    if weeks < FIRST_TRIMESTER_WEEKS:
        return 1
    return 2 if weeks < SECOND_TRIMESTER_WEEKS else 3
