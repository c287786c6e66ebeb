"""Write the answer to our own JSON document."""

from typing import Any

from ruleset.case import Case, Line
from ruleset.outcome import Result
from server.entrance.display import display, override_of
from server.entrance.identifiers import finding_id
from server.entrance.national_answer import AnswerHead, adjustment_of, stale_packs
from server.entrance.wording import missing_text


def own_answer(case: Case, result: Result, head: AnswerHead) -> tuple[dict[str, Any], list[str]]:
    """Return the answer as JSON values, and the ids of its findings in their order."""
    ids = [finding_id(case, finding) for finding in result.findings]
    answer = {
        "check_id": head.check_id,
        "message_id": case.message_id,
        "verdict": result.verdict.name,
        "completeness": result.completeness.name,
        "revision": head.revision,
        "answered_at": head.answered_at.isoformat(),
        "stale": bool(head.stale),
        "stale_packs": stale_packs(head.stale),
        "not_recorded": head.not_recorded,
        "history_position": head.history_position,
        "history_changed_at": head.history_changed_at,
        "findings": [
            {
                "finding_id": identifier,
                "rule": finding.row.rule.code,
                "title": finding.row.rule.title,
                "action": finding.action.name,
                "message": finding.message,
                "violating": [_line(line) for line in finding.violating],
                "related": [_line(line) for line in finding.related],
                "amount": str(finding.amount) if finding.amount is not None else None,
                "citation": finding.row.source_text,
                "remedies": finding.row.remedies,
                "override": override_of(finding.row.rule.override),
                "review_code": finding.row.review_code,
                "basis_id": finding.row.basis_id,
                "basis_text": finding.row.common.basis_text,
                "adjustment": adjustment_of(finding.row),
                "row_id": finding.row.id,
                "template": finding.row.rule.template.id,
                "pack": finding.row.rule.pack_id,
                "pack_revision": finding.row.rule.pack_revision,
            }
            for identifier, finding in zip(ids, result.findings, strict=True)
        ],
        "display": display(result, ids, case),
        "hints": [
            {
                "rule": hint.row.rule.code,
                "title": hint.row.rule.title,
                "line": _line(hint.line) if hint.line is not None else None,
                "missing": [item.fact for item in hint.missing],
                "text": missing_text(hint.missing, case, hint.line),
                "citation": hint.row.source_text,
                "row_id": hint.row.id,
                "template": hint.row.rule.template.id,
                "pack": hint.row.rule.pack_id,
                "pack_revision": hint.row.rule.pack_revision,
            }
            for hint in result.hints
        ],
        "not_evaluated": [
            {
                "reason": gap.reason,
                "text": gap.detail,
                "line": _line(gap.line) if gap.line is not None else None,
                "missing": [item.fact for item in gap.missing],
                "missing_text": missing_text(gap.missing, case, gap.line),
                "row_id": gap.row_id,
            }
            for gap in result.not_evaluated
        ],
    }
    return answer, ids


def _line(line: Line) -> dict[str, Any]:
    return {
        "order_id": line.order_id,
        "position": line.position,
        "encounter_id": line.encounter_id,
        "item_code": line.item_code,
        "item_name": line.name,
    }
