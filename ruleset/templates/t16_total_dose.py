"""T16 日剂量、累计剂量: how much of a substance may be given in a day, a course or a life, over all its products."""

from collections.abc import Iterator, Sequence
from datetime import time
from fractions import Fraction
from typing import Literal, NamedTuple

from ruleset.case import Line
from ruleset.chart import RUNNING_LOOK_BACK_DAYS, Chart
from ruleset.concurrent_use import look_back, others_in_view, stands, use_of
from ruleset.facts import FACTS
from ruleset.frequency import times_per_day
from ruleset.outcome import Judgement, Missing
from ruleset.supply import UNSTATED_USE_MAX_DAYS, days_supplied, is_single_dose, states_duration, use_span
from ruleset.template import FALSE, Template, subject_keys, subject_problems, subject_text
from ruleset.templates.band import (
    DoseBand,
    Limit,
    band_problems,
    daily_dose,
    dose_at_least,
    dose_problems,
    exceeded,
    in_band,
    number,
)
from ruleset.units import dose_of


class Params(DoseBand, frozen=True, kw_only=True):
    """One substance, class or item and the most that one patient of the band may have of it.

    `per` 日: on a day; 疗程: in the encounter, or with `course_days` in so many days, the last of which is the judged
    line's last day of use; 终身: ever. `basis` says on what the figure rests, for the message.
    """

    per: Literal["日", "疗程", "终身"]
    course_days: int | None = None
    basis: str = ""


class TotalDose(Template):
    """TRUE when the judged line and the other lines of the row's subject together exceed the lowest limit.

    Counted are the lines, current, past and committed, that begin on the judged line's day or an earlier one, whatever
    the hour, are no refunds, and of which refunds of the item in the encounter left some (each takes back the latest charges before it); with `routes`, those of these routes. Self-paid lines count. A line that
    began more than 400 days before the judged one (with `course_days`: before the first of those days) does not, unless 终身
    or the whole encounter is asked.

    日: the day on which the judged line begins. A line gives dose x times a day on each of its days of use, and at
    least one dose (10 mg a week are 10 mg on their day). Its days are those of `days`, else begin to end, else its
    supply; a standing order of the encounter runs until it is stopped. Another line that ended by the judged line's
    begin, at a time of day, does not count, whatever days it states. Of the judged line's own item code (the medicine
    is fetched or charged anew, not taken twice) lines of other encounters do not count, and lines without days and
    end, standing orders too, count on their first day alone. Another line that tells no duration counts on its first day, and is unknown for 6 days more.
    疗程, 终身: a line gives dose x times a day x its days of use that are not after the judged line's last, and within
    `course_days` (where all of its days are, at least one dose); a single dose (st) counts once; a line that tells no
    duration counts one day, a standing order too.

    TRUE as soon as what is known exceeds, where the line is in the band; of the judged line one dose is known whatever its
    frequency, unless it runs continuously. Else UNKNOWN where a counted line's share is not known (`dose`,
    `dose_unit`, `strength`, `pack_size`, `frequency`, `route`, `days`), the judged line of 疗程 or 终身 tells no duration (`days`),
    the band or the limit is not known (`birth_date`, `birth_time`, `begin`, `weight_kg`, `height_cm`), or 终身 is asked and the
    site's history is not complete (`history`). Current lines that begin on one day and exceed together are one result with
    all of them; the others are related.
    """

    id = "T16"
    title = "日剂量、累计剂量"
    columns = Params
    row_name = ("subject", "per", "course_days", "routes", "min_age", "below_age", "min_weight_kg", "per_body", "unit")
    needs = (
        *("dose", "dose_unit", "strength", "pack_size", "frequency", "days", "history"),
        *("route", "birth_date", "birth_time", "begin", "weight_kg", "height_cm"),
    )
    evidence = ("substance", "period", "total", "limit", "reckoned", "basis", "items")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject and an upper limit."""
        yield from subject_problems(params)
        yield from band_problems(params)
        yield from dose_problems(params)
        if params.max_dose is None and params.hard_max is None:
            yield "the row limits nothing: give `max_dose` or `hard_max`"
        if params.course_days is not None and (params.per != "疗程" or params.course_days < 1):
            yield "`course_days` is for 疗程, 1 or more"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when the sum at the line exceeds."""
        holds = in_band(params, line, chart)
        if holds is False:
            return FALSE
        doubts = [] if holds is True else list(holds)
        shares = _shares_of_day(params, line, chart) if params.per == "日" else _shares_of_course(params, line, chart)
        total = sum((share for _, share in shares.counted), Fraction(0))
        limit = exceeded(params, total, chart)
        if isinstance(limit, Limit):
            if doubts:
                return (Judgement(missing=tuple(doubts)),)
            return (_over(params, line, chart, limit, total, [other for other, _ in shares.counted]),)
        if isinstance(limit, tuple):
            doubts.extend(limit)
        elif not shares.unknown:
            if params.per != "终身" or chart.is_complete("history"):
                return FALSE
            text = f"已知累计{number(total)} {params.unit}，更早的和外院的用量不明。"
            return (Judgement(missing=(Missing("history", text), *doubts)),)
        return (Judgement(missing=tuple(dict.fromkeys((*shares.unknown, *doubts)))),)


class _Shares(NamedTuple):
    """What each counted line contributes, in the row's unit, and what is missing to know the rest."""

    counted: list[tuple[Line, Fraction]]
    unknown: list[Missing]


def _lines(params: Params, line: Line, chart: Chart, since: int | None) -> Iterator[Line]:
    """Yield the judged line and the others of its subject that count, whatever their days."""
    name = params.ingredient or params.drug_class
    candidates = chart.named(name, since) if name else chart.lines_about(params, since)
    yield line
    assert line.begin is not None  # a line without a time is never judged
    for other in others_in_view(line, candidates):
        assert other.begin is not None  # one without a time is not in view
        day = other.begin.toordinal()
        if day > line.begin.toordinal() or (since is not None and day < since):
            continue
        if (not params.routes or not other.route or other.route in params.routes) and stands(other, chart):
            yield other


def _shares_of_day(params: Params, line: Line, chart: Chart) -> _Shares:
    shares = _Shares([], [])
    for other in _lines(params, line, chart, look_back(line)):
        used = True if other is line else _is_in_use(line, other, chart)
        if used is False:
            continue
        key = ("T16", id(other), params.unit, params.ingredient)
        share: Fraction | Missing | None = chart.memo.get(key)
        if share is None:
            share = chart.memo[key] = daily_dose(other, params.unit, params.ingredient)
        if isinstance(used, Missing):
            shares.unknown.append(used)
        elif isinstance(share, Missing):
            shares.unknown.append(_of(other, line, share))
            if other is line:
                shares.counted.extend(_one_dose(line, params))
        elif params.routes and not other.route and other is not line:
            shares.unknown.append(_of(other, line, Missing("route")))
        else:
            shares.counted.append((other, share))
    return shares


def _one_dose(line: Line, params: Params) -> list[tuple[Line, Fraction]]:
    """Return what the judged line gives whatever its frequency; of another one, as needed, perhaps no dose was taken."""
    dose = dose_at_least(line, params.unit, params.ingredient)
    return [] if dose is None else [(line, dose)]


def _is_in_use(line: Line, other: Line, chart: Chart) -> bool | Missing:
    """Say whether another line is in use on the day on which the judged one begins."""
    assert line.begin is not None and other.begin is not None  # noqa: PT018 - both were chosen for having a time
    day = line.begin.toordinal()
    is_same_item = bool(line.item_code) and other.item_code == line.item_code
    if is_same_item and other.encounter_id != line.encounter_id:
        return False
    if other.end is not None and other.begin < other.end <= line.begin and other.end.time() != time.min:
        return False
    use = use_of(other, chart)
    if is_same_item and not states_duration(other):
        return use.first == day
    if use.first <= day <= use.last:
        return True
    if not use.is_stated and day - use.first < UNSTATED_USE_MAX_DAYS:
        return Missing("days", f"“{other.name}”（{other.begin.date()}）没有说明用多少天，可能仍在使用。")
    return False


def _shares_of_course(params: Params, line: Line, chart: Chart) -> _Shares:
    own = use_span(line)
    assert own is not None  # a line without a time is never judged
    last = own[1]
    first = last - params.course_days + 1 if params.course_days is not None else 0
    shares = _Shares([], [])
    in_encounter = params.per == "疗程" and params.course_days is None
    since = first - RUNNING_LOOK_BACK_DAYS if params.course_days is not None else None
    for other in _lines(params, line, chart, since):
        span = use_span(other)
        assert span is not None  # those have a time
        days = min(span[1], last) - max(span[0], first) + 1
        if days < 1 or (in_encounter and other.encounter_id != line.encounter_id):
            continue
        is_whole = days == span[1] - span[0] + 1
        share = _share(other, params, days, is_whole)
        if isinstance(share, Missing):
            shares.unknown.append(_of(other, line, share))
            if other is line and is_whole:
                shares.counted.extend(_one_dose(line, params))
        elif params.routes and not other.route and other is not line:
            shares.unknown.append(_of(other, line, Missing("route")))
        else:
            shares.counted.append((other, share))
    if not _tells_duration(line):
        shares.unknown.append(Missing("days"))
    return shares


def _share(line: Line, params: Params, days: int, is_whole: bool) -> Fraction | Missing:
    """Return what a line gives in so many of its days; a whole line at least one dose."""
    dose = dose_of(line, params.unit, ingredient=params.ingredient)
    if isinstance(dose, Missing):
        return dose
    if is_single_dose(line):
        return Fraction(dose)
    times = times_per_day(line)
    if isinstance(times, Missing):
        return times
    doses = times * days
    return Fraction(dose) * (max(doses, Fraction(1)) if is_whole else doses)


def _tells_duration(line: Line) -> bool:
    return states_duration(line) or days_supplied(line) is not None


def _of(other: Line, line: Line, missing: Missing) -> Missing:
    """Say of which line something is missing, where it is not the judged one."""
    if other is line:
        return missing
    return Missing(missing.fact, f"“{other.name}”：{missing.detail or FACTS[missing.fact].label + '缺失。'}")


def _begin_together(one: Line, other: Line) -> bool:
    assert one.begin is not None and other.begin is not None  # noqa: PT018 - both were chosen for having a time
    return one.begin.date() == other.begin.date()


def _over(params: Params, line: Line, chart: Chart, limit: Limit, total: Fraction, counted: list[Line]) -> Judgement:
    periods = {"日": "单日", "疗程": f"{params.course_days}天内" if params.course_days else "本疗程", "终身": "终身"}
    together = tuple(
        other for other in counted if other is not line and _begin_together(other, line) and chart.is_current(other)
    )
    related = tuple(other for other in counted if other is not line and other not in together)
    evidence = {
        "substance": subject_text(params) if not params.item_code else line.name,
        "period": periods[params.per],
        "total": f"{number(total)} {params.unit}",
        "limit": f"{number(limit.value)} {params.unit}",
        "reckoned": f"（{limit.reckoned}）" if limit.reckoned else "",
        "basis": f"（依据{params.basis}）" if params.basis else "",
        "items": "、".join(sorted({f"“{other.name}”" for other in (line, *counted)})),
    }
    return Judgement(also_violating=together, related=related, evidence=evidence)
