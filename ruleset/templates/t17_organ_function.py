"""T17 肝肾功能: a drug that is forbidden, needs a lower dose or a longer interval where kidney or liver work badly."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from ruleset.case import HepaticFunction, Line, Patient, RenalFunction
from ruleset.chart import Chart
from ruleset.clinical import creatinine_clearance, hepatic_function
from ruleset.frequency import HOURS_A_DAY, times_per_day
from ruleset.outcome import Judgement, Missing
from ruleset.supply import is_single_dose
from ruleset.template import FALSE, Template, subject_keys, subject_problems
from ruleset.templates.band import Band, Truth, band_problems, daily_dose, dose_at_least, in_band, number
from ruleset.units import read_unit

ON_DIALYSIS = "dialysis"
"""The degree of renal function, and the patient's flag, of somebody on dialysis."""

CLEARANCE_OF: dict[RenalFunction, tuple[Decimal, Decimal | None]] = {
    "normal": (Decimal(90), None),
    "mild": (Decimal(60), Decimal(90)),
    "moderate": (Decimal(30), Decimal(60)),
    "severe": (Decimal(0), Decimal(30)),
    "dialysis": (Decimal(0), Decimal(0)),
}
"""From, and up to but not including, so many mL/min (FDA, Pharmacokinetics in Patients with Impaired Renal Function,
2020; as `ruleset.clinical` grades them). The kidneys of a patient on dialysis are taken to clear nothing."""

DEGREES: dict[RenalFunction, str] = {
    "normal": "肾功能正常",
    "mild": "肾功能轻度减退",
    "moderate": "肾功能中度减退",
    "severe": "肾功能重度减退",
    "dialysis": "透析",
}
CHILD_PUGH: dict[HepaticFunction, str] = {
    "normal": "正常",
    "child_pugh_a": "A",
    "child_pugh_b": "B",
    "child_pugh_c": "C",
}


class Params(Band, frozen=True, kw_only=True):
    """One drug or class, an impairment of one organ, and what it asks for.

    `organ` 肾: `min_clearance` and `below_clearance`, creatinine clearance in mL/min from the first up to but not
    including the second; or `dialysis` 是, patients on dialysis, whatever their clearance. 肝: `child_pugh`, the classes.
    `demand` 禁用: not at all. 减量: at most `max_daily_dose` in `unit` a day, the line's dose x times a day (at least one
    dose, and one that is too much by itself is so at any frequency). 间隔: at least `min_interval_hours` between two doses, as the line's frequency says. A figure equal to the
    limit is within it. `within_days`: how many calendar days older than the order a result may be.
    """

    organ: Literal["肾", "肝"]
    demand: Literal["禁用", "减量", "间隔"]
    min_clearance: Decimal | None = None
    below_clearance: Decimal | None = None
    dialysis: Literal["", "是"] = ""
    child_pugh: tuple[Literal["A", "B", "C"], ...] = ()
    max_daily_dose: Decimal | None = None
    unit: str = ""
    min_interval_hours: Decimal | None = None
    within_days: int = 90
    basis: str = ""

    @property
    def impairment(self) -> str:
        """The impairment that the row speaks of, as Chinese text."""
        if self.organ == "肝":
            return f"Child-Pugh {'/'.join(self.child_pugh)}级"
        if self.dialysis:
            return "透析"
        low, high = self.min_clearance, self.below_clearance
        if low is None:
            return f"肌酐清除率低于{number(high or Decimal(0))} mL/min"
        if high is None:
            return f"肌酐清除率不低于{number(low)} mL/min"
        return f"肌酐清除率{number(low)}至{number(high)} mL/min（不含）"


class OrganFunction(Template):
    """TRUE when the patient's organ is so impaired and the line does not do what the row demands; one result per line.

    肾: a patient on dialysis (the stated degree, or the flag `dialysis`) clears 0 mL/min. Else the clearance of an adult,
    to 0.1 mL/min: a reported one, else by Cockcroft-Gault from serum creatinine, else a reported eGFR, neither older
    than the last creatinine; each the last final one known (of one moment the worse) - by the order's begin, by the end of
    its day where it states a date alone, or by the message's time, whichever is last - and at most `within_days` old; else, where the degree is stated, the range of the degree (normal from
    90, mild 60, moderate 30, severe below 30 mL/min): UNKNOWN where the row's range holds only a part of it.
    肝: the stated class, else a Child-Pugh result of at most `within_days`; normal is in no class.
    Any FALSE settles the row: the organ works well enough, the band is another, the dose or interval is right. Else
    UNKNOWN with what is missing: `renal_function` or `creatinine` (with the date of a result that is too old), `birth_date`,
    then for the formula `weight_kg`, then `sex`, `hepatic_function`, `dose`, `dose_unit`, `strength`, `pack_size`,
    `frequency`, `route`. Whether somebody is on dialysis who is not said to be, is not asked.
    """

    id = "T17"
    title = "肝肾功能"
    columns = Params
    row_name = ("subject", "demand", "impairment", "routes", "min_age", "below_age")
    needs = (
        *("renal_function", "creatinine", "hepatic_function", "sex", "weight_kg", "birth_date", "birth_time", "begin"),
        *("dose", "dose_unit", "strength", "pack_size", "frequency", "route"),
    )
    evidence = ("function", "range", "demand", "figure", "basis")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject, an impairment of its organ, and the figure that its demand needs."""
        yield from subject_problems(params)
        yield from band_problems(params)
        yield from _problems(params)

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when impaired and not adjusted."""
        holds = in_band(params, line, chart)
        if holds is False:
            return FALSE
        against = _against_demand(params, line)
        if against is False:
            return FALSE
        impaired = _impaired(params, line, chart)
        if impaired is False:
            return FALSE
        parts: list[Truth | str] = [impaired, against, holds]
        missing = [one for part in parts if isinstance(part, tuple) for one in part]
        if missing:
            return (Judgement(missing=tuple(dict.fromkeys(missing))),)
        evidence = {
            "function": str(impaired),
            "range": params.impairment,
            "demand": _demand_text(params),
            "figure": f"本医嘱{against}。" if isinstance(against, str) else "",
            "basis": f"（依据{params.basis}）" if params.basis else "",
        }
        return (Judgement(evidence=evidence),)


def _problems(params: Params) -> Iterator[str]:
    has_range = params.min_clearance is not None or params.below_clearance is not None
    stated = [name for name, given in (("range", has_range), ("dialysis", params.dialysis)) if given]
    if params.organ == "肾" and (len(stated) != 1 or params.child_pugh):
        yield "for 肾 give either `min_clearance` / `below_clearance`, or `dialysis`"
    if params.organ == "肝" and (stated or not params.child_pugh):
        yield "for 肝 give `child_pugh` alone"
    low, high = params.min_clearance, params.below_clearance
    if high is not None and high <= (low or 0):
        yield f"`below_clearance` {high} is not above `min_clearance` {low or 0}: no clearance is in the range"
    needed = {"禁用": (), "减量": ("max_daily_dose", "unit"), "间隔": ("min_interval_hours",)}[params.demand]
    for name in ("max_daily_dose", "unit", "min_interval_hours"):
        if bool(getattr(params, name)) != (name in needed):
            yield f"`{name}` {'is empty' if name in needed else 'does not belong to'}, with `demand` {params.demand}"
    if params.unit and read_unit(params.unit) is None:
        yield f"`unit` is `{params.unit}`, which is no known unit"
    if params.within_days < 0:
        yield f"`within_days` is {params.within_days}, expected 0 or more"


def _impaired(params: Params, line: Line, chart: Chart) -> str | Truth:
    """Return how the organ works, for a person, where it is so impaired; else FALSE or what is missing."""
    assert line.begin is not None  # a line without a time is never judged
    patient = chart.case.patient
    if params.organ == "肝":
        grade = hepatic_function(patient, line.begin, within_days=params.within_days, known_by=chart.as_of(line))
        if isinstance(grade, Missing):
            return (grade,)
        return f"肝功能Child-Pugh {CHILD_PUGH[grade]}级" if CHILD_PUGH[grade] in params.child_pugh else False
    on_dialysis = patient.renal_function == ON_DIALYSIS or ON_DIALYSIS in patient.flags
    if params.dialysis:
        return "正在透析" if on_dialysis else False
    if on_dialysis:
        return "正在透析" if not params.min_clearance else False
    clearance = creatinine_clearance(patient, line.begin, within_days=params.within_days, known_by=chart.as_of(line))
    if isinstance(clearance, Missing):
        return _by_degree(params, patient, clearance)
    if _is_within(params, clearance.value):
        return f"肌酐清除率{number(clearance.value)} mL/min（{clearance.found}）"
    return False


def _is_within(params: Params, value: Decimal) -> bool:
    low, high = params.min_clearance, params.below_clearance
    return (low is None or value >= low) and (high is None or value < high)


def _by_degree(params: Params, patient: Patient, missing: Missing) -> str | Truth:
    """Judge by the stated degree, whose whole range must be on one side."""
    degree = patient.renal_function
    if degree is None:
        return (missing,)
    least, below = CLEARANCE_OF[degree]
    low, high = params.min_clearance or Decimal(0), params.below_clearance
    if (high is not None and least >= high) or (below is not None and below <= low):
        return False
    if least >= low and (high is None or (below is not None and below <= high)):
        return f"登记为{DEGREES[degree]}"
    return (Missing("renal_function", f"只登记为{DEGREES[degree]}，需要肌酐清除率。{missing.detail}"),)


def _against_demand(params: Params, line: Line) -> str | Truth:
    """Return the line's figure, for a person, where it is against the demand; else FALSE or what is missing."""
    if params.demand == "禁用":
        return True
    if params.max_daily_dose is not None:
        daily = daily_dose(line, params.unit, params.ingredient)
        if isinstance(daily, Missing):
            single = dose_at_least(line, params.unit, params.ingredient)
            if single is None or single <= params.max_daily_dose:
                return (daily,)
            return f"每次{number(single)} {params.unit}"
        return f"每日{number(daily)} {params.unit}" if daily > params.max_daily_dose else False
    hours = interval_hours(line)
    if isinstance(hours, Missing):
        return (hours,)
    assert params.min_interval_hours is not None  # the demand is 间隔, and the row was checked
    return f"每{number(hours)}小时一次" if hours < params.min_interval_hours else False


def interval_hours(line: Line) -> Fraction | Missing:
    """Return the hours between two doses: those of the frequency (q8h), else a day over the times a day.

    A single dose has no second one: its interval has no end, and a year stands for that.
    """
    if is_single_dose(line):
        return Fraction(SINGLE_DOSE_INTERVAL_HOURS)
    times = times_per_day(line)
    return times if isinstance(times, Missing) else HOURS_A_DAY / times


SINGLE_DOSE_INTERVAL_HOURS = 365 * HOURS_A_DAY


def _demand_text(params: Params) -> str:
    if params.max_daily_dose is not None:
        return f"每日不超过{number(params.max_daily_dose)} {params.unit}"
    if params.min_interval_hours is not None:
        return f"间隔不短于{number(params.min_interval_hours)}小时"
    return "禁用"
