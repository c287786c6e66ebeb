"""What the dose templates share: for whom and by which route a row's figure holds, and the dose of a day.

A condition of a row is TRUE, FALSE or UNKNOWN of a line: `True`, `False`, or the facts that are missing.
"""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import msgspec

from ruleset.ages import has_reached, moment_of, parse_age, text_of
from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.clinical import body_surface_m2
from ruleset.frequency import is_continuous, times_per_day
from ruleset.outcome import Missing
from ruleset.templates.item_row import ItemRow
from ruleset.units import dose_of, read_unit

Truth = bool | tuple[Missing, ...]
"""TRUE, FALSE, or UNKNOWN with what is missing (never empty)."""


class Band(ItemRow, frozen=True, kw_only=True):
    """For which of the subject's lines a row's figure holds: every stated condition must.

    `routes`: the line's route is one of these, compared whole (静脉滴注 is not 静脉注射).
    `min_age`, `below_age`: from the first age on, up to but not including the second, at the order's time (in hours, where
    it states a date alone, only if every time of the day gives the same); written
    72小时, 28天, 6月, 18岁. `min_weight_kg`, `below_weight_kg`: the same for the body weight.
    """

    routes: tuple[str, ...] = ()
    min_age: str = ""
    below_age: str = ""
    min_weight_kg: Decimal | None = None
    below_weight_kg: Decimal | None = None


class DoseBand(Band, frozen=True, kw_only=True):
    """A band with limits of a dose in `unit` (UCUM or Chinese: mg, g, [iU], 万单位, mL, 片).

    `per_body` 每公斤: the limits are per kilogram of body weight; 每平方米: per square metre of body surface
    (Mosteller, from weight and height). `hard_max` is a limit in `unit` that holds whatever the body measures, beside
    the one of `max_dose`. A dose equal to a limit is within it.
    """

    unit: str
    per_body: Literal["", "每公斤", "每平方米"] = ""
    max_dose: Decimal | None = None
    hard_max: Decimal | None = None


def band_problems(params: Band) -> Iterator[str]:
    """Yield what is wrong with a band."""
    for name in ("min_age", "below_age"):
        if getattr(params, name):
            try:
                parse_age(getattr(params, name))
            except ValueError as error:
                yield f"`{name}`: {error}"
    low, high = params.min_weight_kg, params.below_weight_kg
    if low is not None and high is not None and low >= high:
        yield f"`min_weight_kg` {low} is not below `below_weight_kg` {high}: no weight is in the band"


def dose_problems(params: DoseBand) -> Iterator[str]:
    """Yield what is wrong with the limits of a dose."""
    if read_unit(params.unit) is None:
        yield f"`unit` is `{params.unit}`, which is no known unit"
    for name in ("max_dose", "hard_max"):
        value = getattr(params, name)
        if value is not None and value <= 0:
            yield f"`{name}` is {value}, expected more than 0"
    if params.hard_max is not None and not params.per_body and params.max_dose is not None:
        yield "`hard_max` is for a dose per body: without `per_body`, `max_dose` says it"


def in_band(params: Band, line: Line, chart: Chart) -> Truth:
    """Say whether a row's figure holds for a line. FALSE as soon as one condition is, whatever else is unknown."""
    patient = chart.case.patient
    missing: list[Missing] = []
    if params.routes:
        if not line.route:
            missing.append(Missing("route"))
        elif line.route not in params.routes:
            return False
    if params.min_age or params.below_age:
        at = moment_of(line)
        for text, wanted in ((params.min_age, True), (params.below_age, False)):
            reached = has_reached(patient, at, parse_age(text)) if text else wanted
            if isinstance(reached, Missing):
                missing.append(reached)
            elif reached is not wanted:
                return False
    low, high = params.min_weight_kg, params.below_weight_kg
    if low is not None or high is not None:
        weight = patient.weight_kg
        if weight is None or weight <= 0:
            missing.append(Missing("weight_kg"))
        elif (low is not None and weight < low) or (high is not None and weight >= high):
            return False
    return tuple(dict.fromkeys(missing)) or True


class Limit(msgspec.Struct, frozen=True):
    """A limit for one patient in the row's unit, with how it was reckoned, for a person ("" where it is as written)."""

    value: Decimal
    reckoned: str = ""


def limit_for(params: DoseBand, bound: Decimal, chart: Chart) -> Limit | Missing:
    """Return a limit of the row for this patient."""
    if not params.per_body:
        return Limit(bound)
    patient = chart.case.patient
    if params.per_body == "每公斤":
        if patient.weight_kg is None or patient.weight_kg <= 0:
            return Missing("weight_kg")
        reckoned = f"{number(bound)} {params.unit}/kg×{number(patient.weight_kg)} kg"
        return Limit(bound * patient.weight_kg, reckoned)
    surface = body_surface_m2(patient)
    if isinstance(surface, Missing):
        return surface
    return Limit(bound * surface, f"{number(bound)} {params.unit}/㎡×{number(surface)} ㎡")


def exceeded(params: DoseBand, dose: Decimal | Fraction, chart: Chart) -> Limit | Truth:
    """Return the lowest of the row's upper limits that a dose exceeds; FALSE, or what is missing to say so."""
    found: list[Limit] = []
    missing: tuple[Missing, ...] = ()
    if params.max_dose is not None:
        limit = limit_for(params, params.max_dose, chart)
        if isinstance(limit, Missing):
            missing = (limit,)
        elif dose > limit.value:
            found.append(limit)
    if params.hard_max is not None and dose > params.hard_max:
        found.append(Limit(params.hard_max, "不论体重或体表面积"))
    if found:
        return min(found, key=lambda limit: limit.value)
    return missing or False


def daily_dose(line: Line, unit: str, ingredient: str) -> Fraction | Missing:
    """Return what a line gives on a day of use, in `unit`: at least one whole dose (a weekly dose is one on its day)."""
    dose = dose_of(line, unit, ingredient=ingredient)
    if isinstance(dose, Missing):
        return dose
    times = times_per_day(line)
    if isinstance(times, Missing):
        return times
    return Fraction(dose) * max(times, Fraction(1))


def dose_at_least(line: Line, unit: str, ingredient: str) -> Fraction | None:
    """Return the one dose that a line of unknown frequency (必要时, a misspelt code) gives at least, in `unit`.

    None where not even that is known.
    """
    dose = dose_of(line, unit, ingredient=ingredient)
    return None if isinstance(dose, Missing) or is_continuous(line) else Fraction(dose)


def number(value: Decimal | Fraction) -> str:
    """Return a figure as a person writes it: three decimals at most (six below one hundredth), no trailing zeros."""
    decimal = Decimal(value.numerator) / value.denominator if isinstance(value, Fraction) else value
    rounded = round(decimal, 3 if abs(decimal) >= Decimal("0.01") else 6)
    return f"{rounded.normalize():f}"


def person(chart: Chart, line: Line) -> str:
    """Return the patient's age and weight as far as they are known, for a message."""
    patient = chart.case.patient
    parts: list[str] = []
    if patient.birth_date is not None and line.begin is not None:
        parts.append(text_of(patient.birth_date, line.begin, patient.birth_time))
    if patient.weight_kg is not None:
        parts.append(f"{number(patient.weight_kg)} kg")
    return "，".join(parts) or "年龄、体重不明"
