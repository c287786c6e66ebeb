"""T17: drugs where kidney or liver work badly. See `oracle_world.py`.

Written a second time, from `docs/reference/templates.md` and `docs/reference/doses.md` alone: its first form had been
changed together with the engine, so that their agreement said little.
"""

from fractions import Fraction
from typing import NamedTuple

from tests.diff.oracle_dose import in_band
from tests.diff.oracle_eligibility import Tried, every
from tests.diff.oracle_world import (
    ENDLESS,
    FALSE,
    TRUE,
    Facts,
    LineDict,
    Opinion,
    Row,
    World,
    completed,
    dose_in,
    frequency_of,
    unknown,
)


class Test(NamedTuple):
    """How a laboratory calls what it measures: the LOINC codes of doses.md, or a name, which decides beside a local code."""

    codes: tuple[str, ...]
    names: tuple[str, ...]
    worse: int = 1
    """1 where a higher result is the worse one, -1 where a lower one is."""


CREATININE = Test(("2160-0", "14682-9", "38483-4", "77140-2"), ("肌酐", "血肌酐"))
CLEARANCE = Test(("2164-2", "35591-7"), ("肌酐清除率",), -1)
FILTRATION = Test(("33914-3", "48642-3", "62238-1", "98979-8", "77147-7"), ("eGFR",), -1)
CHILD_PUGH = Test((), ("Child-Pugh",))

MG_PER_DL = {"mg/dL": Fraction(1), "umol/L": Fraction(10, 884)}
ML_PER_MIN = {"mL/min": Fraction(1), "mL/min/1.73m2": Fraction(1), "L/h": Fraction(1000, 60)}
ADULT = 18
OF_DEGREE: dict[str, tuple[int, float]] = {
    "normal": (90, float("inf")),
    "mild": (60, 90),
    "moderate": (30, 60),
    "severe": (0, 30),
}
"""The clearances of a degree, mL/min: from the first up to but not including the second."""


def organ_function(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T17."""
    if not world.speaks_of(row, line):
        return FALSE
    organ = kidney if row.text("organ") == "肾" else liver
    held = every([in_band(row, line, world), organ(row, line, world), DEMANDS[row.text("demand")](row, line)])
    if isinstance(held, set):
        return unknown(*held)
    return [TRUE()] if held else FALSE


# What the organ can do.


def kidney(row: Row, line: LineDict, world: World) -> Tried:
    """Whether the kidneys work as badly as the row says."""
    degree = world.patient.get("renal_function")
    on_dialysis = degree == "dialysis" or "dialysis" in world.patient.get("flags", ())
    if row.text("dialysis") == "是":
        return on_dialysis
    low, below = row.number("min_clearance"), row.number("below_clearance")

    def is_wanted(clearance: Fraction) -> bool:
        return (low is None or clearance >= low) and (below is None or clearance < below)

    if on_dialysis:
        return is_wanted(Fraction(0))
    clearance = adult_clearance(line, world, within_days=row.whole("within_days", 90) or 0)
    if isinstance(clearance, Fraction):
        return is_wanted(clearance)
    if degree is None:
        return clearance
    # In whole mL/min, the bounds of rows and degrees being such: is the row's answer the same over the whole degree?
    first, last = OF_DEGREE[degree]
    answers = {is_wanted(Fraction(one)) for one in range(first, int(min(last, 1000)))}
    return answers.pop() if len(answers) == 1 else {"renal_function"}


def adult_clearance(line: LineDict, world: World, within_days: int) -> Fraction | set[str]:
    """The creatinine clearance, mL/min to 0.1; else what is missing."""
    birth = world.patient.get("birth_date")
    if birth is None:
        return {"birth_date"}
    age = completed(birth, line["begin"].date(), "years")
    if age < ADULT:
        return {"renal_function"}
    creatinine = last_of(CREATININE, line, world, within_days)

    def reported(test: Test) -> Fraction | None:
        one = last_of(test, line, world, within_days)
        if one is None or one.get("value") is None or (creatinine and one["time"] < creatinine["time"]):
            return None
        factor = ML_PER_MIN.get(one.get("unit") or "")
        return None if factor is None else to_tenth(Fraction(one["value"]) * factor)

    clearance, filtration = reported(CLEARANCE), reported(FILTRATION)
    if clearance is not None:
        return clearance
    by_formula = cockcroft_gault(age, creatinine, world.patient)
    if isinstance(by_formula, set) and filtration is not None:
        return filtration
    return by_formula


def cockcroft_gault(age: int, creatinine: Facts | None, patient: Facts) -> Fraction | set[str]:
    """(140 - age) x weight in kg / (72 x creatinine in mg/dL), of women x 0.85."""
    factor = MG_PER_DL.get(creatinine.get("unit") or "") if creatinine else None
    if not creatinine or not factor or not creatinine.get("value"):
        return {"creatinine"}
    if not patient.get("weight_kg"):
        return {"weight_kg"}
    if not patient.get("sex"):
        return {"sex"}
    of_sex = Fraction(85, 100) if patient["sex"] == "female" else 1
    milligrams = Fraction(creatinine["value"]) * factor
    return to_tenth((140 - age) * Fraction(patient["weight_kg"]) / (72 * milligrams) * of_sex)


def to_tenth(value: Fraction) -> Fraction:
    return round(value, 1)


def liver(row: Row, line: LineDict, world: World) -> Tried:
    """Whether the liver is of one of the row's classes."""
    stated = world.patient.get("hepatic_function")
    if stated:
        return stated.removeprefix("child_pugh_").upper() in row.texts("child_pugh")
    result = last_of(CHILD_PUGH, line, world, row.whole("within_days", 90) or 0)
    grade = None
    if result is not None and result.get("value") is not None:
        points = int(result["value"])
        grade = "A" if points in (5, 6) else "B" if points in (7, 8, 9) else "C" if 10 <= points <= 15 else None
    elif result is not None:
        grade = {"A": "A", "A级": "A", "B": "B", "B级": "B", "C": "C", "C级": "C"}.get(result.get("text") or "")
    return {"hepatic_function"} if grade is None else grade in row.texts("child_pugh")


def last_of(test: Test, line: LineDict, world: World, within_days: int) -> Facts | None:
    """The last final result that is known for a line, of one moment the worse, where it is recent enough."""
    known = [
        one
        for one in world.patient.get("observations") or ()
        if is_of(test, one) and one.get("status", "final") == "final"
        if one.get("time") is not None and one["time"] <= world.as_of(line)
    ]
    last = max(known, key=lambda one: (one["time"], test.worse * (one.get("value") or 0)), default=None)
    is_recent = last is not None and (line["begin"].date() - last["time"].date()).days <= within_days
    return last if is_recent else None


def is_of(test: Test, observation: Facts) -> bool:
    code = observation.get("code") or ""
    is_loinc = code.replace("-", "").isdigit()
    return code in test.codes if is_loinc else observation.get("name") in test.names


# What the line does.


def is_given(row: Row, line: LineDict) -> Tried:
    """禁用."""
    _ = row, line
    return True


def gives_too_much(row: Row, line: LineDict) -> Tried:
    """减量: more than so much on a day on which it is given, and that is one dose at least."""
    dose = dose_in(line, row.text("unit"), row.text("ingredient"))
    most = row.number("max_daily_dose")
    assert most is not None
    if isinstance(dose, set):
        return dose
    per_day = frequency_of(line).per_day
    if per_day is not None:
        return dose * max(per_day, Fraction(1)) > most
    is_one_too_much = dose > most and line.get("frequency") not in ENDLESS
    return True if is_one_too_much else {"frequency"}


def gives_too_often(row: Row, line: LineDict) -> Tried:
    """间隔: less than so many hours between two doses; one dose alone has none."""
    often, least = frequency_of(line), row.number("min_interval_hours")
    assert least is not None
    if often.is_once:
        return False
    return Fraction(24) / often.per_day < least if often.per_day else {"frequency"}


DEMANDS = {"禁用": is_given, "减量": gives_too_much, "间隔": gives_too_often}
OF_LINES = {"T17": organ_function}
OF_ENCOUNTERS: dict = {}
