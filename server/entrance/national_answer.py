"""Write the national answer: the envelope with `output.result[]`, and ours to be ignored or used in `ext` objects."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from ruleset.case import Case
from ruleset.outcome import Finding, Hint, NotEvaluated, Result
from ruleset.pack.compile import LoadedPack
from ruleset.rule import Row
from server.entrance.display import display, override_of
from server.entrance.identifiers import finding_id
from server.entrance.national import NationalMessage
from server.entrance.wording import line_name, missing_text, national_names

VIOLATING = "1"
RELATED = "2"
AMOUNT_KNOWN = "1"
AMOUNT_UNKNOWN = "0"
ITEM_BEHAVIOUR = "项目类"
OK = 0
FAILED = -1
CONTENT_MAX_CHARACTERS = 500
"""National length of vola_cont and vola_evid."""


class AnswerHead(NamedTuple):
    """What an answer says of the decision as a whole."""

    check_id: str
    revision: str
    answered_at: datetime
    history_position: int
    history_changed_at: str
    """When the stored history last changed, as the check saw it, ISO 8601 with offset; empty: nothing was stored or read."""
    stale: Sequence[LoadedPack] = ()
    """The packs that judged past their expiry."""
    not_recorded: bool = False
    """The store did not answer, and the server is told to answer all the same."""


def national_answer(
    message: NationalMessage, result: Result, head: AnswerHead, *, committed_lines: int
) -> tuple[dict[str, Any], list[str]]:
    """Return the answer as JSON values, and the ids of its findings in their order."""
    case = message.case
    ids = [finding_id(case, finding) for finding in result.findings]
    answer = _envelope(case.message_id, head.check_id, head.answered_at, OK, "")
    answer["output"] = {
        "result": [
            _finding(finding, jr_id, case, message.task_id) for jr_id, finding in zip(ids, result.findings, strict=True)
        ],
        "ext": {
            "verdict": result.verdict.name,
            "completeness": result.completeness.name,
            "check_id": head.check_id,
            "revision": head.revision,
            "stale": bool(head.stale),
            "stale_packs": stale_packs(head.stale),
            "not_recorded": head.not_recorded,
            "profile": message.profile.name,
            "transaction": message.transaction,
            "transaction_from": message.transaction_from,
            "history_position": head.history_position,
            "history_changed_at": head.history_changed_at,
            "committed_lines": committed_lines,
            "display": display(result, ids, case),
            "hints": [_hint(hint, case) for hint in result.hints],
            "not_evaluated": [_gap(gap, case) for gap in result.not_evaluated],
            "notes": [note._asdict() for note in message.notes],
        },
    }
    return answer, ids


def stale_packs(packs: Sequence[LoadedPack]) -> list[dict[str, str]]:
    """Return which packs are past their expiry and since when, as the answers give it."""
    return [{"pack": pack.id, "pack_revision": pack.revision, "since": str(pack.expires)} for pack in packs]


def adjustment_of(row: Row) -> dict[str, str] | None:
    """Return what a pack of a higher layer states of a row, as the answers give it; None where none does."""
    if row.statement is None:
        return None
    about = row.statement.statement
    return {
        "pack_revision": row.statement.pack_revision,
        "mode": about.mode or "",
        "action": about.action or "",
        "reason": about.reason,
        "approved_by": about.approved_by,
    }


def national_error(message_id: str, answered_at: datetime, text: str) -> dict[str, Any]:
    """Return the answer to a message that could not be read or judged: not checked, and why."""
    answer = _envelope(message_id, "", answered_at, FAILED, text)
    answer["output"] = {"result": [], "ext": {"completeness": "NONE"}}
    return answer


def national_acknowledgement(message_id: str, answered_at: datetime, ext: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a 3103 message."""
    answer = _envelope(message_id, "", answered_at, OK, "")
    answer["output"] = {"result": [], "ext": ext}
    return answer


def _envelope(message_id: str, check_id: str, answered_at: datetime, infcode: int, err_msg: str) -> dict[str, Any]:
    stamp = answered_at.strftime("%Y%m%d%H%M%S") + f"{answered_at.microsecond // 1000:03d}"
    return {
        "infcode": infcode,
        "inf_refmsgid": check_id or message_id,
        "refmsg_time": stamp,
        "respond_time": stamp,
        "enctype": "",
        "signtype": "",
        "err_msg": err_msg,
    }


def _finding(finding: Finding, jr_id: str, case: Case, task_id: str) -> dict[str, Any]:
    rule = finding.row.rule
    encounter_id = case.encounter.id
    details = [
        {
            "jrd_id": f"{jr_id}-{number}",
            "patn_id": case.patient.id,
            "mdtrt_id": line.encounter_id,
            "rx_id": line.order_id,
            "vola_item_type": kind,
            "vola_amt": _money(line.amount) if kind == VIOLATING else 0,
            "ext": {"position": line.position, "hilist_code": line.item_code, "hilist_name": line.name},
        }
        for number, (kind, line) in enumerate(
            [
                *((VIOLATING, line) for line in finding.violating),
                *((RELATED, line) for line in finding.related),
            ],
            1,
        )
    ]
    if not details:
        details = [_encounter_detail(jr_id, case)]
    if len(finding.violating) <= 1:
        details[0]["vola_amt"] = _money(finding.amount)
    return {
        "jr_id": jr_id,
        "rule_id": rule.code,
        "rule_name": rule.title,
        "vola_cont": finding.message[:CONTENT_MAX_CHARACTERS],
        "patn_id": case.patient.id,
        "mdtrt_id": encounter_id,
        "judge_result_detail_dtos": details,
        "vola_amt": _money(finding.amount),
        "vola_amt_stas": AMOUNT_KNOWN if finding.amount is not None else AMOUNT_UNKNOWN,
        "sev_deg": rule.severity_degree,
        "vola_evid": finding.row.source_text[:CONTENT_MAX_CHARACTERS],
        "vola_bhvr_type": ITEM_BEHAVIOUR,
        "task_id": task_id,
        "ext": {
            "row_id": finding.row.id,
            "pack": rule.pack_id,
            "pack_revision": rule.pack_revision,
            "template": rule.template.id,
            "action": finding.action.name,
            "citation": finding.row.source_text,
            "remedies": finding.row.remedies,
            "override": override_of(rule.override),
            "review_code": finding.row.review_code,
            "basis_id": finding.row.basis_id,
            "basis_text": finding.row.common.basis_text,
            "adjustment": adjustment_of(finding.row),
        },
    }


def _encounter_detail(jr_id: str, case: Case) -> dict[str, Any]:
    """Return the one detail of a finding about the encounter: the national layout wants at least one."""
    return {
        "jrd_id": f"{jr_id}-1",
        "patn_id": case.patient.id,
        "mdtrt_id": case.encounter.id,
        "rx_id": "",
        "vola_item_type": VIOLATING,
        "vola_amt": 0,
        "ext": {"position": 0, "hilist_code": "", "hilist_name": "本次就诊"},
    }


def _money(amount: Decimal | None) -> float:
    """Return an amount as the national number with two decimals; 0 where it is unknown (vola_amt_stas says so)."""
    return float(round(amount, 2)) if amount is not None else 0.0


def _hint(hint: Hint, case: Case) -> dict[str, Any]:
    rule = hint.row.rule
    return {
        "rule_id": rule.code,
        "rule_name": rule.title,
        "row_id": hint.row.id,
        "pack": rule.pack_id,
        "pack_revision": rule.pack_revision,
        "template": rule.template.id,
        **(line_name(hint.line) if hint.line is not None else {}),
        "missing": national_names(hint.missing),
        "text": missing_text(hint.missing, case, hint.line),
        "citation": hint.row.source_text,
        "related": [line_name(line) for line in hint.related],
    }


def _gap(gap: NotEvaluated, case: Case) -> dict[str, Any]:
    entry: dict[str, Any] = {"reason": gap.reason, "text": gap.detail, "missing": national_names(gap.missing)}
    if gap.line is not None:
        entry |= line_name(gap.line)
    if gap.row_id:
        entry["row_id"] = gap.row_id
    unknown = missing_text(gap.missing, case, gap.line)
    if unknown:
        entry["missing_text"] = unknown
    return entry
