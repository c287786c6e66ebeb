"""T18 途径、剂型、频次、滴速、给药间隔: how a drug may be given."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.frequency import times_per_day
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, subject_keys, subject_problems
from ruleset.templates.band import Band, Truth, band_problems, in_band, number
from ruleset.templates.t17_organ_function import interval_hours
from ruleset.units import convert, read_unit


class Params(Band, frozen=True, kw_only=True):
    """One drug or class and one kind of limit, for the lines of its band (its `routes` say where the limit holds).

    `allowed_routes`, `forbidden_routes`, `allowed_forms`, `forbidden_forms`: words compared whole with the line's route
    or dosage form. `min_times_per_day`, `max_times_per_day`: doses a day, by the line's frequency (qod is a half).
    `min_interval_hours`: between two doses of the line (q8h: 8; tid: a day in three). `max_rate`, `min_rate` in
    `rate_unit` (mL/h, mL/min, [drp]/min or 滴/分). Figures equal to a limit are within it. `only_substance` 是: not of lines that are known to be of several substances (复方氯化钠注射液 is not 氯化钾).
    """

    allowed_routes: tuple[str, ...] = ()
    forbidden_routes: tuple[str, ...] = ()
    allowed_forms: tuple[str, ...] = ()
    forbidden_forms: tuple[str, ...] = ()
    min_times_per_day: Decimal | None = None
    max_times_per_day: Decimal | None = None
    min_interval_hours: Decimal | None = None
    min_rate: Decimal | None = None
    max_rate: Decimal | None = None
    rate_unit: str = ""
    basis: str = ""
    only_substance: Literal["是", "否"] = "否"

    @property
    def limits(self) -> tuple[str, ...]:
        """The kinds of limits that the row states, as Chinese words."""
        return tuple(kind for kind, names in _KINDS.items() if any(getattr(self, name) for name in names))


_KINDS: dict[str, tuple[str, ...]] = {
    "途径": ("allowed_routes", "forbidden_routes"),
    "剂型": ("allowed_forms", "forbidden_forms"),
    "频次": ("min_times_per_day", "max_times_per_day"),
    "间隔": ("min_interval_hours",),
    "滴速": ("min_rate", "max_rate"),
}


class _Against(NamedTuple):
    """What the line says, and what the row wants, for a person."""

    stated: str
    wanted: str


class Administration(Template):
    """TRUE when the line is given in a way that the row excludes; one result per line.

    UNKNOWN where the line does not say so: `route`, `form`, `frequency` (prn without a number, a continuous infusion,
    an unknown code), `infusion_rate` (none, or in a unit that is not convertible: drops are no millilitres, since that
    depends on the infusion set), and the band's `route`, `birth_date`, `birth_time`, `begin`, `weight_kg`. A condition of the
    band that is FALSE settles the row, and so does a line that keeps the limit. A single dose (st) keeps every
    interval, and is one dose a day. Other lines do not count: the interval between two orders is a matter of T32, the
    concentration in a bag of T22.
    """

    id = "T18"
    title = "途径、剂型、频次、滴速、给药间隔"
    columns = Params
    row_name = ("subject", "limits", "routes", "min_age", "below_age")
    needs = ("route", "form", "frequency", "infusion_rate", "birth_date", "birth_time", "begin", "weight_kg")
    evidence = ("kind", "stated", "wanted", "basis")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject and one kind of limit, in order."""
        yield from subject_problems(params)
        yield from band_problems(params)
        yield from _problems(params)

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when the limit is not kept."""
        if params.only_substance == "是" and chart.is_compound(line):
            return FALSE
        holds = in_band(params, line, chart)
        if holds is False:
            return FALSE
        against = _against(params, line)
        if against is False:
            return FALSE
        missing = (*(against if not isinstance(against, _Against) and against is not True else ()),)
        missing += holds if holds is not True else ()
        if missing:
            return (Judgement(missing=tuple(dict.fromkeys(missing))),)
        assert isinstance(against, _Against)  # neither FALSE nor UNKNOWN
        evidence = {
            "kind": params.limits[0],
            "stated": against.stated,
            "wanted": against.wanted,
            "basis": f"（依据{params.basis}）" if params.basis else "",
        }
        return (Judgement(evidence=evidence),)


def _problems(params: Params) -> Iterator[str]:
    if len(params.limits) != 1:
        yield f"a row states one kind of limit (途径, 剂型, 频次, 间隔, 滴速), here {len(params.limits)}"
    for allowed, forbidden in (("allowed_routes", "forbidden_routes"), ("allowed_forms", "forbidden_forms")):
        if getattr(params, allowed) and getattr(params, forbidden):
            yield f"give either `{allowed}` or `{forbidden}`"
    if params.routes and (params.allowed_routes or params.forbidden_routes):
        yield "`routes` says where a limit holds: with a limit of the route itself it is empty"
    for low, high in (("min_times_per_day", "max_times_per_day"), ("min_rate", "max_rate")):
        least, most = getattr(params, low), getattr(params, high)
        if least is not None and most is not None and least > most:
            yield f"`{low}` {least} is above `{high}` {most}"
    if ("滴速" in params.limits) != bool(params.rate_unit):
        yield "`rate_unit` goes with `min_rate` or `max_rate`"
    elif params.rate_unit and read_unit(params.rate_unit) is None:
        yield f"`rate_unit` is `{params.rate_unit}`, which is no known unit"


def _against(params: Params, line: Line) -> _Against | Truth:
    """Return what is against the row's limit; FALSE, or what is missing to say so."""
    if params.allowed_routes or params.forbidden_routes:
        return _word(line.route, Missing("route"), params.allowed_routes, params.forbidden_routes)
    if params.allowed_forms or params.forbidden_forms:
        return _word(line.form, Missing("form"), params.allowed_forms, params.forbidden_forms)
    if params.min_interval_hours is not None:
        hours = interval_hours(line)
        if isinstance(hours, Missing):
            return (hours,)
        if hours >= params.min_interval_hours:
            return False
        return _Against(f"每{number(hours)}小时一次", f"间隔不短于{number(params.min_interval_hours)}小时")
    if params.rate_unit:
        return _rate(params, line)
    times = times_per_day(line)
    if isinstance(times, Missing):
        return (times,)
    if params.max_times_per_day is not None and times > params.max_times_per_day:
        return _Against(f"每日{number(times)}次", f"每日不超过{number(params.max_times_per_day)}次")
    if params.min_times_per_day is not None and times < params.min_times_per_day:
        return _Against(f"每日{number(times)}次", f"每日不少于{number(params.min_times_per_day)}次")
    return False


def _word(stated: str, missing: Missing, allowed: tuple[str, ...], forbidden: tuple[str, ...]) -> _Against | Truth:
    if not stated:
        return (missing,)
    if allowed:
        return False if stated in allowed else _Against(stated, f"只用于{'、'.join(allowed)}")
    return _Against(stated, f"不得用于{'、'.join(forbidden)}") if stated in forbidden else False


def _rate(params: Params, line: Line) -> _Against | Truth:
    if line.infusion_rate is None:
        return (Missing("infusion_rate"),)
    rate = convert(line.infusion_rate, line.infusion_rate_unit, params.rate_unit)
    if rate is None:
        detail = f"滴速单位“{line.infusion_rate_unit}”不能换算为“{params.rate_unit}”。"
        return (Missing("infusion_rate", detail),)
    stated = f"{number(rate)} {params.rate_unit}"
    if params.max_rate is not None and rate > params.max_rate:
        return _Against(stated, f"不超过{number(params.max_rate)} {params.rate_unit}")
    if params.min_rate is not None and rate < params.min_rate:
        return _Against(stated, f"不低于{number(params.min_rate)} {params.rate_unit}")
    return False
