"""T33 金额上限: how much may be spent on items for a patient, or by a doctor, a department, or for a disease."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from ruleset import diagnoses
from ruleset.case import Counter, Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.sums import CENT, amount_of, plain
from ruleset.template import EVERY_ENCOUNTER, FALSE, SUBJECT_COLUMNS, Subject, Template, subject_keys, subject_problems
from ruleset.window import first_day, text_of

CappedSubject = Literal["患者", "医师", "科室", "病种"]
Period = Literal["单次就诊", "自然月", "自然季度", "自然年", "医保年度"]
COUNTER_SUBJECT = {"医师": "practitioner", "科室": "department", "病种": "disease"}
COUNTER_PERIOD = {"单次就诊": "encounter", "自然月": "month", "自然季度": "quarter", "自然年": "year"}
MISSING_SUBJECT = {"医师": "practitioner_id", "科室": "department", "病种": "diagnoses"}


class Params(Subject, frozen=True, kw_only=True):
    """Whose money is limited, on what, in which period. Amounts in CNY; exactly `limit` is allowed.

    `capped` 患者: the sum over the patient's lines of the row's items, which it must name. 医师, 科室, 病种: the figure
    that the hospital adds up elsewhere and states as a counter of this `metric` and period, with the current lines on
    top (those of the row's items, or all where it names none). `subject_id` narrows such a row to one doctor,
    department, or ICD prefix; empty: whichever the lines are of. `weight`: every yuan counts so much (0.7 where the
    fund pays 70 percent); the weighted sum is compared and shown.
    """

    capped: CappedSubject = "患者"
    limit: Decimal
    period: Period
    weight: Decimal = Decimal(1)
    metric: str = ""
    subject_id: str = ""


class AmountCap(Template):
    """Compares a weighted sum of money with the limit.

    An amount is the line's own, else quantity times price; refunds are negative; self-paid lines are not the fund's and
    do not count. 患者: judged line by line; counted are the lines of the row's items, of every institution, in the
    calendar period of the judged line's day (单次就诊: in its encounter) that are not later than it; a judged line
    without a positive amount is FALSE. Others: judged once per encounter, for each doctor or department that
    orders a counted current line of that period (the line's, else the encounter's), or for the encounter's primary diagnosis (where none is marked, its first). The
    counter is the one of that id, metric and period whose `at`, if stated, lies in the period of the check's day: of
    several the newest, of equally new ones the highest.

    TRUE when the sum exceeds the limit. UNKNOWN when it does not and a counted line has no amount (`amount`); for
    counters also where the subject is not known (`practitioner_id`, `department`, `diagnoses`) or has no counter
    (`counters`): nothing is ever added up from a scan. Absent history is no money spent.
    """

    id = "T33"
    title = "金额上限"
    columns = Params
    row_name = ("capped", "subject_id", "metric", *SUBJECT_COLUMNS, "period")
    needs = ("amount", "counters", "practitioner_id", "department", "diagnoses")
    evidence = ("limit", "total", "excess", "period", "subject")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the items; where a counter is asked, judged once per encounter."""
        return subject_keys(params) if params.capped == "患者" else (EVERY_ENCOUNTER,)

    def problems(self, params: Params) -> Iterator[str]:
        """A patient's cap has items, another's a metric with a period that counters have."""
        if params.limit <= 0:
            yield f"`limit` is {params.limit}, expected more than 0"
        if params.weight <= 0:
            yield f"`weight` is {params.weight}, expected more than 0"
        if params.capped == "患者":
            yield from subject_problems(params)
            if params.metric or params.subject_id:
                yield "`metric` and `subject_id` are for counters, not for 患者"
            return
        if any(getattr(params, name) for name in SUBJECT_COLUMNS):
            yield from subject_problems(params)
        if not params.metric:
            yield f"`metric` is empty: which counter of the {params.capped} is limited?"
        if params.period not in COUNTER_PERIOD:
            yield f"`period` is `{params.period}`, which no counter has; expected one of {', '.join(COUNTER_PERIOD)}"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when the patient's running sum at the line exceeds the limit."""
        assert line.begin is not None  # a line without a time is never judged
        own = amount_of(line)
        if own is None:
            return (Judgement(missing=(Missing("amount"),)),)
        if own <= 0:
            return FALSE
        since = first_day(params.period, line.begin.date(), days=None, site=chart.case.site)
        if since is None:
            others = chart.earlier_about_in_encounter(params, line)
        else:
            others = [
                other
                for other in chart.earlier_about(params, line, since)
                if other.begin is not None and other.begin.toordinal() >= since
            ]
        total, counted, missing = _sum([other for other in others if not other.self_pay])
        excess = (total + own) * params.weight - params.limit
        if excess > 0:
            at_stake = min(excess / params.weight, own).quantize(CENT, ROUND_HALF_UP)
            evidence = _evidence(params, (total + own) * params.weight, "患者")
            return (Judgement(related=counted, evidence=evidence, amount=at_stake),)
        return (Judgement(missing=missing),) if missing else FALSE

    def judge_encounter(self, params: Params, about: object, chart: Chart) -> Sequence[Judgement]:
        """TRUE when a counter with the current lines exceeds the limit."""
        day = chart.day_of(None)
        lines = [
            line
            for line in chart.case.lines
            if not line.self_pay
            and _is_counted(params, line, chart)
            and (day is None or (line.begin is not None and _same_period(params, line.begin.date(), day, chart)))
        ]
        judgements: list[Judgement] = []
        for subject_id, own_lines in sorted(_by_subject(params, lines, chart).items()):
            if not subject_id:
                judgements.append(Judgement(missing=(Missing(MISSING_SUBJECT[params.capped]),)))
                continue
            counter = _counter(params, subject_id, chart)
            if counter is None:
                detail = f"没有{params.capped}“{subject_id}”{text_of(params.period, None)}的累计值“{params.metric}”"
                judgements.append(Judgement(missing=(Missing("counters", detail),)))
                continue
            current, counted, missing = _sum(own_lines)
            total = (counter.value + current) * params.weight
            if total > params.limit and current > 0:
                evidence = _evidence(params, total, f"{params.capped}“{subject_id}”")
                at_stake = min((total - params.limit) / params.weight, current).quantize(CENT, ROUND_HALF_UP)
                judgements.append(Judgement(related=counted, evidence=evidence, amount=at_stake))
            elif missing:
                judgements.append(Judgement(missing=missing))
        return judgements


def _sum(lines: Sequence[Line]) -> tuple[Decimal, tuple[Line, ...], tuple[Missing, ...]]:
    """Return the sum of amounts, the lines that are money, and what is missing of the others."""
    total = Decimal(0)
    counted: list[Line] = []
    missing: list[Missing] = []
    for line in lines:
        amount = amount_of(line)
        if amount is None:
            missing.append(Missing("amount", f"“{line.name}”（{line.begin}）没有金额"))
        elif amount:
            total += amount
            counted.append(line)
    return total, tuple(counted), tuple(sorted(set(missing), key=lambda one: one.detail))


def _evidence(params: Params, total: Decimal, subject: str) -> dict[str, str]:
    return {
        "limit": plain(params.limit),
        "total": plain(total),
        "excess": plain(total - params.limit),
        "period": text_of(params.period, None),
        "subject": subject,
    }


def _is_counted(params: Params, line: Line, chart: Chart) -> bool:
    return not any(getattr(params, name) for name in SUBJECT_COLUMNS) or chart.is_about(line, params)


def _by_subject(params: Params, lines: Sequence[Line], chart: Chart) -> dict[str, list[Line]]:
    """Return the lines by whose counter they add to; "" for those of which that is not known."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        subject_id = _subject_id(params, line, chart)
        if params.subject_id and subject_id and not _is_named(params, subject_id):
            continue
        found.setdefault(subject_id, []).append(line)
    return found


def _subject_id(params: Params, line: Line, chart: Chart) -> str:
    encounter = chart.case.encounter
    if params.capped == "医师":
        return chart.practitioner_id(line)
    if params.capped == "科室":
        return line.department_code or encounter.department_code
    coded = [diagnosis for diagnosis in encounter.diagnoses if diagnosis.code]
    primary = [diagnosis for diagnosis in coded if diagnosis.primary] or coded
    return primary[0].code if primary else ""


def _is_named(params: Params, subject_id: str) -> bool:
    if params.capped == "病种":
        return diagnoses.matches(subject_id, (params.subject_id,))
    return subject_id == params.subject_id


def _counter(params: Params, subject_id: str, chart: Chart) -> Counter | None:
    """Return the newest counter of the subject in the period; of equally new ones the highest, whatever their order."""
    day = chart.day_of(None)
    fitting = [
        counter
        for counter in chart.case.encounter.counters
        if counter.subject == COUNTER_SUBJECT[params.capped]
        and counter.subject_id == subject_id
        and counter.metric == params.metric
        and counter.period == COUNTER_PERIOD[params.period]
        and (counter.at is None or (day is not None and _same_period(params, counter.at, day, chart)))
    ]
    return max(fitting, key=lambda counter: (counter.at or date.min, counter.value), default=None)


def _same_period(params: Params, one: date, other: date, chart: Chart) -> bool:
    site = chart.case.site
    return first_day(params.period, one, days=None, site=site) == first_day(params.period, other, days=None, site=site)
