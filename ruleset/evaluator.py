"""Judge one case by one snapshot of rule packs.

Theory of operation
===================
For each current line, the rows of its item code (and, for herbs, of its name) are looked up, and each row in force
on the line's date is judged by its template: FALSE, TRUE or UNKNOWN. Everything that is not a template's business
happens here, once: dates, self-pay, exempt payers, the cap on raw rows, actions, order, completeness, verdict.

Rule 1: this module never logs, reads a clock or touches I/O; what it needs, it is given.
Rule 2: a row whose judging raises is a NOT_EVALUATED entry, not an exception: one bad row never takes the rest down.
Rule 3: the answer does not depend on the order of the lines in the message. One exception, by the published reading:
of lines of one item that agree in time and order id, the place in the message says which came first.
Rule 4: nothing that was not judged is silent. Each such thing is a hint or a NOT_EVALUATED entry.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeVar

from ruleset.case import Case, Line
from ruleset.chart import HERB_KINDS, Chart, RowSource
from ruleset.outcome import (
    VERDICT_OF_ACTION,
    Action,
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
from ruleset.template import herb_key, item_key
from ruleset.timeline import Timeline, order_of

CENT = Decimal("0.01")

NO_CURRENT_LINE = "no_current_line"
NO_ITEM_CODE = "no_item_code"
NOT_A_NATIONAL_CODE = "not_a_national_code"
NO_ORDER_TIME = "no_order_time"
UNKNOWN_WHETHER_CURRENT = "unknown_whether_current"
NO_PATIENT_ID = "no_patient_id"
HISTORY_WITHOUT_TIME = "history_without_time"
RULE_FAILED = "rule_failed"


def evaluate(
    case: Case,
    stored: Timeline,
    snapshot: RowSource,
    *,
    is_item_code: Callable[[str], bool] = bool,
    same_line_by_content: bool = False,
) -> Result:
    """Return the findings, hints and gaps of a case.

    `stored` are the patient's committed lines; `is_item_code` says whether a code that no row knows has at least
    the shape of a national one (the site profile knows the shapes); `same_line_by_content` is the quirk of a site
    whose rx_ids are not stable. Never raises for what a message or a pack may contain.
    """
    chart = Chart(case, stored, snapshot, same_line_by_content=same_line_by_content)
    findings: list[Finding] = []
    hints: list[Hint] = []
    gaps = list(_gaps_of_the_message(case, chart))
    judged_lines = 0
    for line in case.lines:
        if line.is_refund:
            judged_lines += 1  # it takes a charge or an order back, which no rule forbids
            continue
        if line.begin is None:
            gaps.append(NotEvaluated(NO_ORDER_TIME, "没有医嘱时间，无法确定适用的规则", line, (Missing("begin"),)))
            continue
        judged = False
        code = line.item_code
        if code:
            rows = snapshot.rows(item_key(code))
            if rows:
                judged = True
                _judge(rows, line, chart, findings, hints, gaps)
            elif is_item_code(code):
                judged = True
            else:
                detail = f"“{code}”不是国家医保编码，按编码的规则未判断"
                gaps.append(NotEvaluated(NOT_A_NATIONAL_CODE, detail, line, (Missing("item_code", detail),)))
        else:
            detail = "没有国家医保编码，按编码的规则未判断"
            gaps.append(NotEvaluated(NO_ITEM_CODE, detail, line, (Missing("item_code"),)))
        if line.item_kind in HERB_KINDS:
            rows = snapshot.rows(herb_key(chart.herb_name(line)))
            if rows:
                judged = True
                _judge(rows, line, chart, findings, hints, gaps)
        judged_lines += judged
    findings = _each_once(findings, _finding_order)
    hints = _each_once(hints, _hint_order)
    gaps.sort(key=_gap_order)
    return Result(
        verdict=max((VERDICT_OF_ACTION[finding.action] for finding in findings), default=Verdict.PASS),
        completeness=_completeness(judged_lines, hints, gaps),
        findings=tuple(findings),
        hints=tuple(hints),
        not_evaluated=tuple(gaps),
    )


def _gaps_of_the_message(case: Case, chart: Chart) -> Iterator[NotEvaluated]:
    if not case.lines:
        missing = tuple(
            Missing(fact.fact, fact.reason) for fact in case.encounter.unknown_facts if fact.fact == "encounter_id"
        )
        yield NotEvaluated(NO_CURRENT_LINE, "报文中没有当前医嘱，未做任何判断", None, missing or (Missing("current"),))
    if not case.patient.id:
        detail = "没有参保人标识，未使用已保存的历史"
        yield NotEvaluated(NO_PATIENT_ID, detail, None, (Missing("patient_id"),))
    untimed = chart.untimed_history()
    if untimed:
        detail = f"{untimed} 行历史医嘱没有时间，未计入任何时间范围"
        yield NotEvaluated(HISTORY_WITHOUT_TIME, detail, None, (Missing("begin"),))
    for line in case.history:
        if line.unknown_facts and any(unknown.fact == "current" for unknown in line.unknown_facts):
            detail = "当前医嘱标志无法识别，该行按历史处理，未判断"
            yield NotEvaluated(UNKNOWN_WHETHER_CURRENT, detail, line, (Missing("current"),))


def _judge(
    rows: Sequence[Row],
    line: Line,
    chart: Chart,
    findings: list[Finding],
    hints: list[Hint],
    gaps: list[NotEvaluated],
) -> None:
    """Judge one line by the rows of one key; what comes of it is added to the three lists."""
    assert line.begin is not None
    day = line.begin.toordinal()
    self_pay = line.self_pay
    case = chart.case
    payer = case.encounter.payer
    for row in rows:
        if not row.valid_from <= day < row.valid_to:
            continue
        if self_pay and row.is_payment:
            continue  # the fund pays nothing for the line
        if payer in row.exempt_payers:
            continue
        try:
            for judgement in row.judge(row.params, line, chart):
                missing = judgement.missing
                if not missing and payer is None and row.exempt_payers:
                    missing = (Missing("payer"),)
                if missing:
                    hints.append(_hint(row, line, judgement, missing))
                else:
                    findings.append(_finding(row, line, judgement, case))
        except Exception as error:  # noqa: BLE001 - rule 2: whatever a row does, the other rows are judged
            detail = f"规则执行出错（{type(error).__name__}），未判断"
            gaps.append(NotEvaluated(RULE_FAILED, detail, line, (), row.id))


def _hint(row: Row, line: Line, judgement: Judgement, missing: tuple[Missing, ...]) -> Hint:
    first, *others = sorted((line, *judgement.also_violating), key=_line_order)
    return Hint(row, first, (*others, *sorted(judgement.related, key=order_of)), missing)


def _finding(row: Row, line: Line, judgement: Judgement, case: Case) -> Finding:
    rule = row.rule
    action = rule.action_for(case.triggers)
    if rule.curation == "raw":
        action = Action.HINT
    violating = tuple(sorted((line, *judgement.also_violating), key=_line_order))
    begin = violating[0].begin or line.begin
    assert begin is not None
    values = {**judgement.evidence, "item": violating[0].name, "date": str(begin.date())}
    amount = judgement.amount
    if amount is None:
        amount = _amount_of(violating)
    related = tuple(sorted(judgement.related, key=order_of))
    return Finding(row, action, violating, related, rule.message.render(values), amount)


def _amount_of(lines: tuple[Line, ...]) -> Decimal | None:
    """Return the lines' own amounts; None as soon as one states neither an amount nor a quantity with a price."""
    total = Decimal(0)
    for line in lines:
        if line.amount is not None:
            total += line.amount
        elif line.quantity is not None and line.price is not None:
            total += (line.quantity * line.price).quantize(CENT, ROUND_HALF_UP)
        else:
            return None
    return total


def _completeness(judged_lines: int, hints: list[Hint], gaps: list[NotEvaluated]) -> Completeness:
    if not judged_lines:
        return Completeness.NONE
    return Completeness.PARTIAL if hints or gaps else Completeness.COMPLETE


Answered = TypeVar("Answered", Finding, Hint)


def _each_once(answers: list[Answered], order: Callable[[Answered], tuple[Any, ...]]) -> list[Answered]:
    """Return answers in their order, without those that a pair of lines gave from either of its lines."""
    keyed = sorted((order(answer), place) for place, answer in enumerate(answers))
    return [answers[place] for n, (key, place) in enumerate(keyed) if n == 0 or keyed[n - 1][0] != key]


def _line_order(line: Line) -> tuple[str, str, str, datetime, int]:
    return (line.encounter_id, line.order_id, line.item_code or line.name, line.begin or datetime.min, line.ordinal)


def _finding_order(finding: Finding) -> tuple[Any, ...]:
    rule = finding.row.rule
    lines = [_line_order(line) for line in (*finding.violating, *finding.related)]
    return (-finding.action, rule.official_code, lines, finding.row.id)


def _hint_order(hint: Hint) -> tuple[Any, ...]:
    return (_line_order(hint.line), hint.row.rule.official_code, hint.row.id, [_line_order(x) for x in hint.related])


def _gap_order(gap: NotEvaluated) -> tuple[Any, ...]:
    return (gap.reason, _line_order(gap.line) if gap.line is not None else (), gap.rule_id)
