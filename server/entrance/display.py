"""How an answer says what to show and how to go on, the same in both layouts."""

from collections.abc import Sequence
from typing import Any

from ruleset.case import Case
from ruleset.display import asked, shown
from ruleset.outcome import Result
from ruleset.rule import OverridePolicy
from server.entrance.wording import missing_text


def override_of(policy: OverridePolicy) -> dict[str, Any]:
    """Return how a doctor may go on in spite of a finding, as the answers give it."""
    return {
        "allowed": policy.allowed,
        "reasons": policy.reasons,
        "reason_characters_min": policy.reason_characters_min,
        "signatures": policy.signatures,
        "signers": policy.signers,
        "remember": policy.remember,
        "text": policy.text(),
    }


def display(result: Result, ids: Sequence[str], case: Case) -> dict[str, Any]:
    """Return what to show: findings ranked and each cause once, by their ids; and what to ask for."""
    id_of = {id(finding): identifier for finding, identifier in zip(result.findings, ids, strict=True)}
    return {
        "findings": [
            {
                "action": entry.action.name,
                "title": entry.title,
                "text": "".join(entry.messages),
                "sources": entry.sources,
                "ways_out": entry.ways_out,
                "review_codes": entry.review_codes,
                "amount": str(entry.amount) if entry.amount is not None else None,
                "finding_ids": [id_of[id(finding)] for finding in entry.findings],
            }
            for entry in shown(result.findings)
        ],
        "missing": [
            {
                "text": missing_text(entry.missing, case, entry.hints[0].line, with_fields=False),
                "missing": [item.fact for item in entry.missing],
                "rules": list(dict.fromkeys(hint.row.rule.title for hint in entry.hints)),
                "order_ids": list(dict.fromkeys(hint.line.order_id for hint in entry.hints if hint.line is not None)),
            }
            for entry in asked(result.hints)
        ],
    }
