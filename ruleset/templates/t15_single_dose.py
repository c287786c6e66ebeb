"""T15 单次剂量: how much of a drug one administration may be, by age, weight, route, per body or at all."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, subject_keys, subject_problems
from ruleset.templates.band import (
    DoseBand,
    Limit,
    band_problems,
    dose_problems,
    exceeded,
    in_band,
    limit_for,
    number,
    person,
)
from ruleset.units import dose_of


class Params(DoseBand, frozen=True, kw_only=True):
    """One drug and the limits of its single dose for the patients of a band; `min_dose` is the lower one.

    With an `ingredient` and a drug of several substances the dose is of that substance alone. `basis` says on what the
    figure rests (说明书, 指南), for the message.
    """

    min_dose: Decimal | None = None
    basis: str = ""


class SingleDose(Template):
    """TRUE when one administration (`dose`, never `quantity`) is above the lowest of the upper limits, or below the lower.

    A condition that is FALSE of the line settles the row, and so does a dose that is within every limit; else what is
    missing makes it UNKNOWN: `dose`, `dose_unit`, `strength` or `pack_size` to convert it, `route`, the age
    (`birth_date`, `birth_time`, `begin`), `weight_kg`, and `height_cm` for a body surface. A `hard_max` is judged without the
    weight. One result per line; other lines do not count.
    """

    id = "T15"
    title = "单次剂量"
    columns = Params
    row_name = ("subject", "routes", "min_age", "below_age", "min_weight_kg", "below_weight_kg", "per_body", "unit")
    needs = (
        *("dose", "dose_unit", "strength", "pack_size"),
        *("route", "birth_date", "birth_time", "begin", "weight_kg", "height_cm"),
    )
    evidence = ("dose", "direction", "limit", "reckoned", "basis", "person")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject and a limit, and its limits are in order."""
        yield from subject_problems(params)
        yield from band_problems(params)
        yield from dose_problems(params)
        if params.min_dose is None and params.max_dose is None and params.hard_max is None:
            yield "the row limits nothing: give `min_dose`, `max_dose` or `hard_max`"
        if params.min_dose is not None and params.max_dose is not None and params.min_dose > params.max_dose:
            yield f"`min_dose` {params.min_dose} is above `max_dose` {params.max_dose}"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE outside the limits."""
        holds = in_band(params, line, chart)
        if holds is False:
            return FALSE
        doubts = () if holds is True else holds
        dose = dose_of(line, params.unit, ingredient=params.ingredient)
        if isinstance(dose, Missing):
            return (Judgement(missing=(dose, *doubts)),)
        direction = "超过上限"
        limit = exceeded(params, dose, chart)
        if not isinstance(limit, Limit) and params.min_dose is not None:
            low = limit_for(params, params.min_dose, chart)
            if isinstance(low, Limit) and dose < low.value:
                direction, limit = "低于下限", low
            elif isinstance(low, Missing):
                limit = (low,)
        if limit is False:
            return FALSE
        if not isinstance(limit, Limit):
            missing = (*(limit if isinstance(limit, tuple) else ()), *doubts)
            return (Judgement(missing=tuple(dict.fromkeys(missing))),)
        if doubts:
            return (Judgement(missing=doubts),)
        evidence = {
            "dose": f"{number(dose)} {params.unit}",
            "direction": direction,
            "limit": f"{number(limit.value)} {params.unit}",
            "reckoned": f"（{limit.reckoned}）" if limit.reckoned else "",
            "basis": f"（依据{params.basis}）" if params.basis else "",
            "person": person(chart, line),
        }
        return (Judgement(evidence=evidence),)
