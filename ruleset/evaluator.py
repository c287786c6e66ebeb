"""Judge one case by one snapshot of rule packs.

Theory of operation
===================
For each current line, the rows of its item code, substances, classes and catalogue (and, for herbs, of its name) are
looked up, and each row in force on the line's date is judged by its template: FALSE, TRUE or UNKNOWN. So are the rows
of its prescription, once, and those of the encounter, its diagnoses and operations. Everything that is not a
template's business happens here, once: dates, scope, exemptions, self-pay, the cap on raw rows, actions, order,
completeness, verdict.

Rule 1: this module never logs, reads a clock or touches I/O; what it needs, it is given.
Rule 2: a row whose judging raises is a NOT_EVALUATED entry, not an exception: one bad row never takes the rest down.
Rule 3: the answer does not depend on the order of the lines in the message. One exception, by the published reading:
of lines of one item that agree in time and order id, the place in the message says which came first.
Rule 4: nothing that was not judged is silent. Each such thing is a hint or a NOT_EVALUATED entry.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from ruleset.case import Case, Diagnosis, Line, Operation
from ruleset.chart import Chart
from ruleset.concurrent_use import standing_of_prescription
from ruleset.diagnoses import plain_code
from ruleset.drug import HERB_KINDS, RowSource, kind_of
from ruleset.layers import for_whom
from ruleset.outcome import (
    VERDICT_OF_ACTION,
    Completeness,
    Finding,
    Hint,
    Judgement,
    Missing,
    NotEvaluated,
    Result,
    Verdict,
)
from ruleset.rule import Row
from ruleset.sums import amount_of
from ruleset.template import (
    EVERY_ENCOUNTER,
    EVERY_PRESCRIPTION,
    diagnosis_key,
    herb_form_key,
    herb_key,
    item_key,
    operation_key,
)
from ruleset.timeline import Timeline, line_order, order_of

NO_CURRENT_LINE = "no_current_line"
NO_ITEM_CODE = "no_item_code"
NOT_A_NATIONAL_CODE = "not_a_national_code"
UNKNOWN_DRUG = "unknown_drug"
NO_TIME = "no_time"
NO_ORDER_TIME = "no_order_time"
UNKNOWN_WHETHER_CURRENT = "unknown_whether_current"
NO_PATIENT_ID = "no_patient_id"
HISTORY_UNAVAILABLE = "history_unavailable"
HISTORY_WITHOUT_TIME = "history_without_time"
RULE_FAILED = "rule_failed"

KINDS_BESIDE_CODES = frozenset({"ingredient", "class", "kind", "every"})
"""Kinds of keys, beside item code and herb name, under which a line finds its rows."""
ENCOUNTER_KINDS = frozenset({"every", "diagnosis", "operation"})


def evaluate(
    case: Case,
    stored: Timeline,
    snapshot: RowSource,
    *,
    is_item_code: Callable[[str], bool] = bool,
    same_line_by_content: bool = False,
    is_history_known: bool = True,
    watch: "Watch | None" = None,
) -> Result:
    """Return the findings, hints and gaps of a case.

    `stored` are the patient's committed lines; `is_item_code` says whether a code that no row knows has at least
    the shape of a national one (the site profile knows the shapes); `same_line_by_content` is the quirk of a site
    whose rx_ids are not stable; `is_history_known` is False where `stored` could not be read, or may be behind; `watch`
    is told of every candidate row, for explanations. Never raises for what a message or a pack may contain.
    """
    chart = Chart(case, stored, snapshot, same_line_by_content=same_line_by_content)
    work = _Work(chart, [], [], list(_gaps_of_the_message(case, chart, is_history_known)), watch)
    kinds = snapshot.kinds
    judged = _judge_encounter(work, snapshot)
    more_keys = not kinds.isdisjoint(KINDS_BESIDE_CODES)
    for line in case.lines:
        if line.is_refund:
            judged = True  # it takes a charge or an order back, which no rule forbids
            continue
        if line.begin is None:
            work.gaps.append(NotEvaluated(NO_ORDER_TIME, "没有医嘱时间，无法确定适用的规则", line, (Missing("begin"),)))
            continue
        judged |= _judge_by_code(work, line, snapshot, is_item_code)
        if kind_of(line) in HERB_KINDS:
            rows = snapshot.rows(herb_key(chart.herb_name(line)))
            if rows:
                judged = True
                _judge(work, rows, line)
            form = chart.herb_form(line) if "herb-form" in kinds else ""
            if form:
                judged = True
                _judge(work, snapshot.rows(herb_form_key(form)), line)
        if more_keys:
            judged |= _judge_by_kind(work, line)
    judged |= "every" in kinds and _judge_prescriptions(work, snapshot, any_judged=judged)
    findings = _each_once(sorted(work.findings, key=lambda finding: finding.message), _finding_order)
    hints = _one_for_the_same_lines(_each_once(work.hints, _hint_order))
    gaps = work.gaps
    gaps.sort(key=_gap_order)
    return Result(
        verdict=max((VERDICT_OF_ACTION[finding.action] for finding in findings), default=Verdict.PASS),
        completeness=_completeness(judged, hints, gaps),
        findings=tuple(findings),
        hints=tuple(hints),
        not_evaluated=tuple(gaps),
    )


Skipped = Literal["not_in_force", "self_pay", "exempt_payer"]
"""Why a row that was found is not asked at all."""


class _Work(NamedTuple):
    """What is found while one case is judged."""

    chart: Chart
    findings: list[Finding]
    hints: list[Hint]
    gaps: list[NotEvaluated]
    watch: "Watch | None"


class Watch(Protocol):
    """Is told how each candidate row came out; `ruleset.trace` keeps what it is told."""

    def passed_over(self, row: Row, line: Line | None, reason: Skipped) -> None:
        """Take note of a candidate that was not judged."""

    def judging(self, row: Row, line: Line | None) -> None:
        """Take note that a candidate is going to be judged."""

    def judged(self, row: Row, line: Line | None, judgements: Sequence[Judgement]) -> None:
        """Take note of what the row says of the line, before scope and exemption are asked."""


def _judge_by_code(work: _Work, line: Line, snapshot: RowSource, is_item_code: Callable[[str], bool]) -> bool:
    """Judge a line by the rows of its item code; say whether its code could be judged by."""
    code = line.item_code
    if not code:
        detail = "没有国家医保编码，按编码的规则未判断" + _judged_by_name(work, line, snapshot)
        work.gaps.append(NotEvaluated(NO_ITEM_CODE, detail, line, (Missing("item_code"),)))
        return False
    rows = snapshot.rows(item_key(code))
    if rows:
        _judge(work, rows, line)
        return True
    if is_item_code(code):
        return True
    detail = f"“{code}”不是国家医保编码，按编码的规则未判断" + _judged_by_name(work, line, snapshot)
    work.gaps.append(NotEvaluated(NOT_A_NATIONAL_CODE, detail, line, (Missing("item_code", detail),)))
    return False


def _judged_by_name(work: _Work, line: Line, snapshot: RowSource) -> str:
    """Return what to say of a line without a national code that is judged all the same: by its substances and classes."""
    drug = work.chart.drug(line)
    kinds = snapshot.kinds
    by_substance = f"成分（{'、'.join(drug.ingredients)}）" if drug.ingredients and "ingredient" in kinds else ""
    by_class = "药理分类" if drug.classes and not kinds.isdisjoint(("class", "list")) else ""
    known = "和".join(filter(None, (by_substance, by_class)))
    return f"；已按{known}判断" if known else ""


def _judge_by_kind(work: _Work, line: Line) -> bool:
    """Judge a line by the rows of its substances, classes, catalogue, and of every line."""
    drug = work.chart.drug(line)
    if drug.rows:
        _judge(work, drug.rows, line)
    if drug.kind_rows:
        _judge(work, _speaking(work, drug.kind_rows), line)
    if drug.missing:
        work.gaps.append(NotEvaluated(UNKNOWN_DRUG, "药品信息不全，按成分、分类或目录的规则未判断", line, drug.missing))
    return bool(drug.rows or drug.kind_rows)


def _speaking(work: _Work, rows: Sequence[Row]) -> Sequence[Row]:
    """Return those of rows found for many lines that may have something to say in this check: to a watch, all."""
    if work.watch is not None:
        return rows
    known = work.chart.speaking.get(id(rows))
    if known is None:
        known = work.chart.speaking[id(rows)] = (rows, [row for row in rows if not _is_idle(row, work.chart)])
    return known[1]


def _is_idle(row: Row, chart: Chart) -> bool:
    """Say whether a row has nothing to say of any line, by its scope or of itself.

    One that cannot tell is judged, where what it raises is told.
    """
    scope = row.scope
    try:
        if scope is not None and not scope.asks_about_line and chart.in_scope(scope, None)[0] is False:
            return True
        return row.rule.template.is_idle(row.params, chart)
    except Exception:  # noqa: BLE001 - rule 2
        return False


def _judge_prescriptions(work: _Work, snapshot: RowSource, *, any_judged: bool) -> bool:
    """Judge each prescription by the rows of every prescription, from its earliest line; say whether there is one."""
    rows = snapshot.rows(EVERY_PRESCRIPTION)
    speaking = _speaking(work, rows)
    if not speaking and (any_judged or not rows):
        return False  # what the prescriptions are would make no difference
    leads = _leads(work.chart)
    for lead in leads:
        _judge(work, speaking, lead)
    return bool(leads)


def _leads(chart: Chart) -> Sequence[Line]:
    """Return the earliest current line of each prescription, in an order that the message does not decide.

    None of what refunds take back wholly: it is no line of the prescription any more.
    """
    prescriptions: dict[tuple[str, str], list[Line]] = {}
    for line in chart.case.lines:
        if line.begin is not None:
            prescriptions.setdefault((line.encounter_id, line.prescription_id), []).append(line)
    return [lead for lines in prescriptions.values() if (lead := _lead(lines, chart)) is not None]


def _lead(lines: list[Line], chart: Chart) -> Line | None:
    """Return the earliest of the timed current lines of a prescription that refunds leave; None where they leave none."""
    standing = standing_of_prescription(lines[0], chart)
    if standing is not chart.prescription(lines[0]):  # there are refunds
        kept = set(map(id, standing))
        lines = [line for line in lines if id(line) in kept]
    return min(lines, key=_lead_order, default=None)


def _lead_order(line: Line) -> tuple[datetime, Any]:
    assert line.begin is not None  # a line without a time is never judged
    return line.begin, line_order(line)


def _judge_encounter(work: _Work, snapshot: RowSource) -> bool:
    """Judge the encounter by the rows of its diagnoses, its operations, and of every encounter."""
    kinds = snapshot.kinds
    if kinds.isdisjoint(ENCOUNTER_KINDS):
        return False
    encounter = work.chart.case.encounter
    keyed: list[tuple[str, Diagnosis | Operation | None]] = []
    if "every" in kinds:
        keyed.append((EVERY_ENCOUNTER, None))
    if "diagnosis" in kinds:
        keyed.extend((key, about) for about in encounter.diagnoses for key in _prefix_keys(about.code, diagnosis_key))
    if "operation" in kinds:
        keyed.extend((key, about) for about in encounter.operations for key in _prefix_keys(about.code, operation_key))
    day = work.chart.day_of(None)
    judged = False
    for key, about in keyed:
        rows = snapshot.rows(key)
        if not rows:
            continue
        if day is None:
            work.gaps.append(
                NotEvaluated(NO_TIME, "没有报文时间和就诊时间，就诊层面的规则未判断", None, (Missing("time"),))
            )
            return judged
        judged = True
        for row in rows:
            if row.valid_from <= day.toordinal() < row.valid_to:
                _judge_about(work, row, about)
            elif work.watch is not None:
                work.watch.passed_over(row, None, "not_in_force")
    return judged


def _prefix_keys(code: str, key: Callable[[str], str]) -> Iterator[str]:
    plain = plain_code(code)
    for length in range(1, len(plain) + 1):
        yield key(plain[:length])


def _gaps_of_the_message(case: Case, chart: Chart, is_history_known: bool) -> Iterator[NotEvaluated]:
    if not case.lines:
        missing = tuple(
            Missing(fact.fact, fact.reason) for fact in case.encounter.unknown_facts if fact.fact == "encounter_id"
        )
        yield NotEvaluated(NO_CURRENT_LINE, "报文中没有当前医嘱，未做任何判断", None, missing or (Missing("current"),))
    if not case.patient.id:
        detail = "没有参保人标识，未使用已保存的历史"
        yield NotEvaluated(NO_PATIENT_ID, detail, None, (Missing("patient_id"),))
    if not is_history_known:
        detail = "已保存的历史暂时无法读取或核对，涉及既往用药和就诊的规则可能没有用到最新的历史"
        yield NotEvaluated(HISTORY_UNAVAILABLE, detail)
    untimed = sum(not chart.is_current(line) for line in chart.untimed())
    if untimed:
        detail = f"{untimed} 行历史医嘱没有时间，未计入任何时间范围"
        yield NotEvaluated(HISTORY_WITHOUT_TIME, detail, None, (Missing("begin"),))
    for line in case.history:
        if line.unknown_facts and any(unknown.fact == "current" for unknown in line.unknown_facts):
            detail = "当前医嘱标志无法识别，该行按历史处理，未判断"
            yield NotEvaluated(UNKNOWN_WHETHER_CURRENT, detail, line, (Missing("current"),))


def _judge(work: _Work, rows: Sequence[Row], line: Line) -> None:
    """Judge one line by the rows that were found for it."""
    assert line.begin is not None
    day = line.begin.toordinal()
    self_pay = line.self_pay
    chart = work.chart
    scopes = chart.scopes
    payer = chart.case.encounter.payer
    watch = work.watch
    for row in rows:
        if not row.valid_from <= day < row.valid_to:
            if watch is not None:
                watch.passed_over(row, line, "not_in_force")
            continue
        if self_pay and row.is_payment:
            if watch is not None:
                watch.passed_over(row, line, "self_pay")
            continue  # the fund pays nothing for the line
        if payer in row.exempt_payers:
            if watch is not None:
                watch.passed_over(row, line, "exempt_payer")
            continue
        try:
            doubts: tuple[Missing, ...] = ()
            scope = row.scope
            if scope is not None and watch is None:
                known = scopes.get(id(scope))
                held, doubts = known if known is not None else chart.in_scope(scope, line)
                if held is False:
                    continue
            if watch is not None:
                watch.judging(row, line)
            judgements = row.judge(row.params, line, chart)
            if watch is not None:
                judgements = tuple(judgements)
                watch.judged(row, line, judgements)
            if judgements:
                _answer(work, row, line, None, judgements, doubts)
        except Exception as error:  # noqa: BLE001 - rule 2: whatever a row does, the other rows are judged
            work.gaps.append(_failed(row, line, error))


def _judge_about(work: _Work, row: Row, about: Diagnosis | Operation | None) -> None:
    """Judge the encounter by one row in force."""
    chart = work.chart
    watch = work.watch
    if chart.case.encounter.payer in row.exempt_payers:
        if watch is not None:
            watch.passed_over(row, None, "exempt_payer")
        return
    try:
        doubts: tuple[Missing, ...] = ()
        if row.scope is not None and watch is None:
            held, doubts = chart.in_scope(row.scope, None)
            if held is False:
                return
        if watch is not None:
            watch.judging(row, None)
        judgements = row.rule.template.judge_encounter(row.params, about, chart)
        if watch is not None:
            watch.judged(row, None, judgements)
        if judgements:
            _answer(work, row, None, about, judgements, doubts)
    except Exception as error:  # noqa: BLE001 - rule 2
        work.gaps.append(_failed(row, None, error))


def _failed(row: Row, line: Line | None, error: Exception) -> NotEvaluated:
    return NotEvaluated(RULE_FAILED, f"规则执行出错（{type(error).__name__}），未判断", line, (), row.id, row.rule.code)


def _answer(
    work: _Work,
    row: Row,
    line: Line | None,
    about: Diagnosis | Operation | None,
    judgements: Sequence[Judgement],
    doubts: tuple[Missing, ...],
) -> None:
    """Turn what a row says into findings and hints, unless an exemption spares.

    `doubts` are the facts on which its scope is undecided. While somebody watches, the scope is asked only here, so
    that an explanation shows what the row says outside its scope too.
    """
    chart = work.chart
    payer = chart.case.encounter.payer
    if row.regional:
        here, uncertain = for_whom(row, chart)
        if here is None:
            return
        row, doubts = here, (*doubts, *uncertain)
    if row.scope is not None and work.watch is not None:
        held, undecided = chart.in_scope(row.scope, line)
        if held is False:
            return
        doubts = (*doubts, *undecided)
    if row.exempt is not None:
        spared, missing = row.exempt.spares(chart, line)
        if spared:
            return
        doubts = tuple(dict.fromkeys((*doubts, *missing)))
    if payer is None and row.exempt_payers:
        doubts = (*doubts, Missing("payer"))
    for judgement in judgements:
        # A row that is unknown of itself says so first; what else is unknown comes on top of a violation.
        missing = judgement.missing or doubts
        if missing:
            work.hints.append(_hint(row, line, judgement, missing))
        else:
            work.findings.append(_finding(row, line, about, judgement, chart))


def _in_order_of_needs(row: Row, missing: tuple[Missing, ...]) -> tuple[Missing, ...]:
    """Return what is missing as the template lists its needs, whatever the order of the lines of which it is missing."""
    if len(missing) < 2:
        return missing
    needs = row.rule.template.needs
    place = {fact: number for number, fact in enumerate(needs)}
    return tuple(sorted(set(missing), key=lambda one: (place.get(one.fact, len(needs)), one.fact, one.detail)))


def _hint(row: Row, line: Line | None, judgement: Judgement, missing: tuple[Missing, ...]) -> Hint:
    missing = _in_order_of_needs(row, missing)
    if line is not None and not judgement.also_violating and not judgement.related:
        return Hint(row, line, (), missing)
    lines = sorted((*((line,) if line is not None else ()), *judgement.also_violating), key=line_order)
    related = sorted(judgement.related, key=order_of)
    if not lines:
        return Hint(row, None, tuple(related), missing)
    return Hint(row, lines[0], (*lines[1:], *related), missing)


def _finding(
    row: Row, line: Line | None, about: Diagnosis | Operation | None, judgement: Judgement, chart: Chart
) -> Finding:
    case = chart.case
    lines = (*((line,) if line is not None else ()), *judgement.also_violating)
    violating = tuple(sorted(lines, key=line_order))
    day = chart.day_of(violating[0] if violating else None) or (chart.day_of(line))
    name = violating[0].name if violating else (about.name or about.code if about is not None else "本次就诊")
    values = {**judgement.evidence, "item": name, "date": str(day)}
    amount = judgement.amount
    if amount is None and violating:
        amount = _amount_of(violating)
    related = tuple(sorted(judgement.related, key=order_of))
    message = row.rule.message.render(values)
    return Finding(row, row.action_for(case.triggers), violating, related, message, amount)


def _amount_of(lines: Sequence[Line]) -> Decimal | None:
    """Return the lines' own amounts together; None as soon as one states none."""
    amounts = [amount_of(line) for line in lines]
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None


def _completeness(judged: bool, hints: list[Hint], gaps: list[NotEvaluated]) -> Completeness:
    if not judged:
        return Completeness.NONE
    return Completeness.PARTIAL if hints or gaps else Completeness.COMPLETE


Answered = TypeVar("Answered", Finding, Hint)


def _each_once(answers: list[Answered], order: Callable[[Answered], tuple[Any, ...]]) -> list[Answered]:
    """Return answers in their order, without those that a pair of lines gave from either of its lines.

    Of such the first one given stays: whoever calls sees to it that this does not depend on the order of lines.
    """
    if len(answers) < 2:
        return answers
    keyed = sorted((order(answer), place) for place, answer in enumerate(answers))
    return [answers[place] for n, (key, place) in enumerate(keyed) if n == 0 or keyed[n - 1][0] != key]


def _one_for_the_same_lines(hints: list[Hint]) -> list[Hint]:
    """Return ordered hints with those of one row about the same lines as one, which misses what each of them does."""
    if len(hints) < 2:
        return hints
    merged: list[Hint] = []
    for hint in hints:
        last = merged[-1] if merged else None
        if last is None or _hint_order(last)[:-1] != _hint_order(hint)[:-1]:
            merged.append(hint)
        else:
            missing = _in_order_of_needs(hint.row, (*last.missing, *hint.missing))
            merged[-1] = Hint(hint.row, hint.line, hint.related, missing)
    return merged


def _finding_order(finding: Finding) -> tuple[Any, ...]:
    rule = finding.row.rule
    lines = [line_order(line) for line in (*finding.violating, *finding.related)]
    # Two diagnoses of one encounter may break the same row: their messages tell them apart.
    about = "" if lines else finding.message
    return (-finding.action, rule.official_code, lines, finding.row.id, rule.pack_id, about)


def _hint_order(hint: Hint) -> tuple[Any, ...]:
    line = line_order(hint.line) if hint.line is not None else ()
    rule = hint.row.rule
    missing = [(item.fact, item.detail) for item in hint.missing]
    return (line, rule.official_code, hint.row.id, rule.pack_id, [line_order(x) for x in hint.related], missing)


def _gap_order(gap: NotEvaluated) -> tuple[Any, ...]:
    return (gap.reason, line_order(gap.line) if gap.line is not None else (), gap.row_id)
