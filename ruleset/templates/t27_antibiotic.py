"""T27 抗菌药物: prophylaxis around an operation (timing, duration, choice), and a culture before treatment."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from ruleset import diagnoses
from ruleset.case import Line, Operation
from ruleset.chart import Chart
from ruleset.codes import class_prefixes
from ruleset.drug import CLASSES_UNKNOWN, INGREDIENTS_UNKNOWN
from ruleset.frequency import parse
from ruleset.outcome import Judgement, Missing
from ruleset.supply import days_stated, end_stated
from ruleset.template import FALSE, SUBJECT_COLUMNS, Subject, Template, subject_keys, subject_problems

BEFORE_OPERATION_MAX_HOURS = 48
"""A prophylactic dose given earlier than this before an incision is not for that operation."""
AFTER_OPERATION_MAX_DAYS = 14
"""So long after an incision a prophylactic dose is still taken for one of that operation, and judged as too long."""
_BEFORE = timedelta(hours=BEFORE_OPERATION_MAX_HOURS)
_AFTER = timedelta(days=AFTER_OPERATION_MAX_DAYS)
ONE_DAY = timedelta(days=1)


class Params(Subject, frozen=True, kw_only=True):
    """One antibacterial (the subject: an item, a substance, or a class such as J01) and one check.

    给药时机: the first prophylactic dose is given from `max_minutes` to `min_minutes` minutes before the incision (both
    included). 预防疗程: prophylaxis ends at most `max_hours` hours after the end of the operation (`counted_from` 术毕) or
    after the incision (切皮). 预防品种: what is given to prevent is one of `recommended` (item codes, substances, classes,
    lists); with none recommended, the operation needs no prophylaxis. 送检: treatment is preceded by a culture, on
    the day of the order or at most `within_days` days before it, and by the moment that is known (the order's begin, the
    end of its day where it states a date alone, or the message's time, whichever is last): an observation of kind culture, or a line of the
    encounter with one of the item codes `culture_items`.

    `operations`: prefixes of operation codes; empty: any. `incision_classes`: empty: any.
    """

    check: Literal["给药时机", "预防疗程", "预防品种", "送检"]
    operations: tuple[str, ...] = ()
    incision_classes: tuple[Literal["I", "II", "III", "IV"], ...] = ()
    min_minutes: int | None = None
    max_minutes: int | None = None
    max_hours: int | None = None
    counted_from: Literal["术毕", "切皮"] = "术毕"
    recommended: tuple[str, ...] = ()
    within_days: int | None = None
    culture_items: tuple[str, ...] = ()


class Antibiotic(Template):
    """Judges one antibacterial line by the encounter's nearest operation, or by the cultures before it.

    The moment of a dose is `given`, else `begin` where it states a time of day. The operation is the matching one whose
    incision (else its day, else its end) is nearest to that moment, of those at most 48 hours after and 14 days before
    it; equally near, the first by code, incision and end; one without any time only where no other is near. Doses for treatment are
    FALSE for the first three checks, doses for prophylaxis for 送检. How many antibacterials are used at once is a row of
    T24 (`drug_class` J01 with an `allowed_count`), who may prescribe which a row of T05. Self-pay lines count; refunds are never judged.

    给药时机: TRUE outside the window, unless another prophylactic line of the subject in the encounter lies in it; a dose
    at the incision or after it is FALSE where another one was given in the 48 hours before it, else TRUE with a complete
    history and UNKNOWN (`history`) without. 预防疗程: the last moment is `end`, else the days stated after the dose, else the dose
    itself where it is a single one (st, once); else UNKNOWN (`end`), unless the dose itself is too late. Past lines are
    related where they decide.

    UNKNOWN also: `purpose` where an operation matches and the line does not say whether it prevents (for 送检: where no
    culture is found); `operations` for a prophylactic line of an encounter without any operation; `operation_time` where the
    operation states no incision (for 术毕: no end; for 预防品种: no time at all); `incision_class` where the row names
    classes and the operation has none; `given` where the moment decides, of the line or of
    another one that might be the dose in time, and only a date is known; for 预防品种 `ingredients` where the drug is not
    known, and `classes` where an ATC class is recommended and none of the drug is known; `observations` where no culture
    is found and the feed is not complete, or a culture has no time.
    """

    id = "T27"
    title = "抗菌药物"
    columns = Params
    also_names = ("recommended",)
    row_name = (*SUBJECT_COLUMNS, "check", "operations", "incision_classes")
    needs = (
        "purpose",
        "operations",
        "operation_time",
        "incision_class",
        "given",
        "end",
        "history",
        "ingredients",
        "classes",
        "observations",
    )
    evidence = ("check", "problem", "operation", "limit")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the antibacterial."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A check has its own columns, with ends in order."""
        yield from subject_problems(params)
        if params.item_kind:
            yield "`item_kind` is every drug, not an antibacterial"
        low, high = params.min_minutes, params.max_minutes
        timing = low is not None and high is not None
        if timing != (params.check == "给药时机") or (low is None) != (high is None):
            yield f"`min_minutes` and `max_minutes` belong to `给药时机`, both of them, here `{params.check}`"
        if low is not None and high is not None and not 0 <= low <= high:
            yield f"`min_minutes` {low} to `max_minutes` {high} is no range of minutes before the incision"
        if (params.max_hours is not None) != (params.check == "预防疗程"):
            yield f"`max_hours` belongs to `预防疗程`, here `{params.check}`"
        if (params.within_days is not None) != (params.check == "送检"):
            yield f"`within_days` belongs to `送检`, here `{params.check}`"
        for name in ("max_hours", "within_days"):
            value = getattr(params, name)
            if value is not None and value < 0:
                yield f"`{name}` is {value}, expected 0 or more"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """Judge the line by the check."""
        if params.check == "送检":
            return _culture(params, line, chart)
        if line.purpose == "treatment":
            return FALSE
        operations = chart.case.encounter.operations
        if not operations:
            if line.purpose is None:
                return FALSE
            return _unknown(params, Missing("operations", f"“{line.name}”为预防用药，没有手术信息"))
        operation = _operation_of(params, line, operations)
        if operation is None:
            return FALSE
        doubts = list(_doubts(params, line, operation))
        untimed = _without_time(params, operation)
        if untimed is not None:
            doubts.append(untimed)
        if doubts:
            return _unknown(params, *doubts, operation=operation)
        if params.check == "给药时机":
            return _timing(params, line, operation, chart)
        if params.check == "预防疗程":
            return _duration(params, line, operation)
        return _choice(params, line, operation, chart)


def _doubts(params: Params, line: Line, operation: Operation) -> Iterator[Missing]:
    """Yield why the row may not speak of the line and its operation."""
    if line.purpose is None:
        yield Missing("purpose", f"“{line.name}”没有用药目的")
    if params.incision_classes and operation.incision_class is None:
        yield Missing("incision_class", f"“{operation.name or operation.code}”没有切口类别")


def _without_time(params: Params, operation: Operation) -> Missing | None:
    """Say which time of the operation the check would need."""
    if params.check == "预防疗程" and params.counted_from == "术毕":
        time, which = operation.end, "结束"
    elif params.check == "预防品种":
        time, which = _time_of(operation), "手术"
    else:
        time, which = operation.begin, "开始"
    return (
        None if time is not None else Missing("operation_time", f"“{operation.name or operation.code}”没有{which}时间")
    )


def _time_of(operation: Operation) -> datetime | None:
    return operation.begin or operation.performed or operation.end


def _moment(line: Line) -> datetime | None:
    """Return when the dose is given; None where only a date is known."""
    if line.given is not None:
        return line.given
    return line.begin if line.begin_stated and not line.begin_is_date else None


def _operation_of(params: Params, line: Line, operations: Sequence[Operation]) -> Operation | None:
    """Return the nearest matching operation."""
    at = _moment(line) or line.begin
    assert at is not None  # a line without a time is never judged
    near: list[tuple[timedelta, Operation]] = []
    for operation in operations:
        if params.operations and not diagnoses.matches(operation.code, params.operations):
            continue
        if (
            params.incision_classes
            and operation.incision_class is not None
            and operation.incision_class not in params.incision_classes
        ):
            continue
        time = _time_of(operation)
        if time is None:
            near.append((timedelta.max, operation))
        elif -_BEFORE <= at - time <= _AFTER:
            near.append((abs(at - time), operation))
    return min(near, key=lambda one: (one[0], *_order(one[1])))[1] if near else None


def _order(operation: Operation) -> tuple[str, datetime, datetime, str]:
    """Return the key that orders operations whatever their order in the message."""
    latest = datetime.max
    return (operation.code, operation.begin or latest, operation.end or latest, operation.incision_class or "")


def _unknown(params: Params, *missing: Missing, operation: Operation | None = None) -> Sequence[Judgement]:
    return (Judgement(evidence=_evidence(params, "", operation), missing=missing),)


def _evidence(params: Params, problem: str, operation: Operation | None = None, limit: str = "") -> dict[str, str]:
    name = (operation.name or operation.code) if operation is not None else ""
    return {"check": params.check, "problem": problem, "operation": name, "limit": limit}


def _timing(params: Params, line: Line, operation: Operation, chart: Chart) -> Sequence[Judgement]:
    assert operation.begin is not None  # else the operation's time is missing
    assert params.min_minutes is not None  # `problems` refuses a row without
    assert params.max_minutes is not None
    at = _moment(line)
    if at is None:
        return _unknown(params, Missing("given", f"“{line.name}”没有给药时刻"), operation=operation)
    earliest = operation.begin - timedelta(minutes=params.max_minutes)
    latest = operation.begin - timedelta(minutes=params.min_minutes)
    if earliest <= at <= latest:
        return FALSE
    others = _prophylactic(params, line, chart)
    if any(_is_given(other, earliest, latest) for other in others):
        return FALSE
    before = operation.begin - _BEFORE
    if at >= operation.begin and any(_is_given(other, before, operation.begin) for other in others):
        return FALSE
    if at >= operation.begin:
        earliest, latest = before, operation.begin
    doubt = [
        Missing("given", f"“{other.name}”没有给药时刻")
        for other in others
        if _is_given(other, earliest, latest) is None
    ]
    limit = f"切皮前{params.min_minutes}至{params.max_minutes}分钟"
    if at < operation.begin:
        minutes = int((operation.begin - at).total_seconds() // 60)
        problem = f"在切皮前{minutes}分钟给药，{'过早' if at < earliest else '过晚'}"
    else:
        if not chart.is_complete("history"):
            doubt.append(Missing("history", f"“{line.name}”在切皮后给药，不知道切皮前是否用过"))
        minutes = int((at - operation.begin).total_seconds() // 60)
        problem = f"在切皮后{minutes}分钟才给药"
    missing = tuple(sorted(set(doubt), key=lambda one: (one.fact, one.detail)))
    return (Judgement(evidence=_evidence(params, problem, operation, limit), missing=missing),)


def _is_given(line: Line, earliest: datetime, latest: datetime) -> bool | None:
    """Say whether a dose is given in a window, its ends included; None where only its day is known, or not even that."""
    at = _moment(line)
    if at is not None:
        return earliest <= at <= latest
    assert line.begin is not None  # lines without a time are left out
    may_be = not line.begin_stated or earliest.date() <= line.begin.date() <= latest.date()
    return None if may_be else False


def _prophylactic(params: Params, line: Line, chart: Chart) -> Sequence[Line]:
    """Return the other prophylactic lines of the subject in the encounter."""
    if params.item_code:
        lines = chart.lines_in_encounter(params.item_code, line.encounter_id)
    else:
        lines = chart.named(params.ingredient or params.drug_class)
    return [
        other
        for other in lines
        if other is not line
        and other.begin is not None
        and other.encounter_id == line.encounter_id
        and other.purpose == "prophylaxis"
        and not other.is_refund
    ]


def _duration(params: Params, line: Line, operation: Operation) -> Sequence[Judgement]:
    assert params.max_hours is not None  # `problems` refuses a row without
    start = operation.end if params.counted_from == "术毕" else operation.begin
    assert start is not None  # else the operation's time is missing
    at = _moment(line)
    days = days_stated(line)
    frequency = parse(line.frequency) if line.frequency else None
    last = end_stated(line)
    if last is None and at is not None and days is not None:
        last = at + ONE_DAY * days
    is_open = last is None and not (frequency is not None and frequency.once)
    if last is None:
        last = at
    limit = f"{params.counted_from}后{params.max_hours}小时"
    if last is not None and last - start > timedelta(hours=params.max_hours):
        hours = Decimal(int((last - start).total_seconds())) / 3600
        problem = f"预防用药至{params.counted_from}后{round(hours, 1).normalize():f}小时"
        return (Judgement(evidence=_evidence(params, problem, operation, limit)),)
    if last is None:
        return _unknown(params, Missing("given", f"“{line.name}”没有给药时刻"), operation=operation)
    if is_open:
        return _unknown(params, Missing("end", f"“{line.name}”没有说明用到什么时候"), operation=operation)
    return FALSE


def _choice(params: Params, line: Line, operation: Operation, chart: Chart) -> Sequence[Judgement]:
    if line.item_code in params.recommended or any(chart.is_in(line, name) for name in params.recommended):
        return FALSE
    drug = chart.drug(line)
    missing: list[Missing] = []
    if params.recommended and not drug.ingredients:
        missing.append(INGREDIENTS_UNKNOWN)
    # A single letter would be an ATC class too, but nobody recommends a whole anatomical group.
    if any(len(class_prefixes(name)) > 1 for name in params.recommended) and not any(map(class_prefixes, drug.classes)):
        missing.append(CLASSES_UNKNOWN)
    recommended = "、".join(params.recommended)
    problem = f"不在推荐品种（{recommended}）之内" if recommended else "该手术一般不需预防使用抗菌药物"
    return (Judgement(evidence=_evidence(params, problem, operation, recommended), missing=tuple(missing)),)


def _culture(params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
    assert params.within_days is not None  # `problems` refuses a row without
    assert line.begin is not None  # a line without a time is never judged
    if line.purpose == "prophylaxis":
        return FALSE
    day = line.begin.toordinal()
    known_by = chart.as_of(line)
    cultures = [observation.time for observation in chart.case.patient.observations if observation.kind == "culture"]
    cultures += [
        other.begin
        for code in params.culture_items
        for other in chart.lines_in_encounter(code, line.encounter_id)
        if not other.is_refund
    ]
    untimed = None in cultures
    before = [time for time in cultures if time is not None and time <= known_by]
    if any(0 <= day - time.toordinal() <= params.within_days for time in before):
        return FALSE
    missing: list[Missing] = []
    if line.purpose is None:
        missing.append(Missing("purpose", f"“{line.name}”没有用药目的"))
    if untimed or not chart.is_complete("observations"):
        detail = "病原学送检没有时间" if untimed else f"没有{params.within_days}天内的病原学送检记录"
        missing.append(Missing("observations", detail))
    problem = f"治疗用药前{params.within_days}天内没有病原学送检"
    limit = f"{params.within_days}天内"
    return (Judgement(evidence=_evidence(params, problem, None, limit), missing=tuple(missing)),)
