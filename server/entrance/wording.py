"""What an answer says in words, the same in both layouts: missing facts, and how a line is named."""

from collections.abc import Iterable

from ruleset.case import Case, Line, UnknownFact
from ruleset.facts import FACTS
from ruleset.outcome import Missing


def national_names(missing: Iterable[Missing]) -> list[str]:
    """Return the national fields of missing facts, each once, in order; our own name where there is no field."""
    return list(dict.fromkeys(name for item in missing for name in FACTS[item.fact].national or (item.fact,)))


def missing_text(missing: Iterable[Missing], case: Case, line: Line | None, *, with_fields: bool = True) -> str:
    """Return a Chinese sentence that names each missing fact, and why it is missing where the message tells.

    `with_fields`: also the national fields that would state it. They are for those who mend the message, and nothing to a
    doctor.
    """
    known: dict[str, UnknownFact] = {
        unknown.fact: unknown
        for unknown in (
            *case.patient.unknown_facts,
            *case.encounter.unknown_facts,
            *(line.unknown_facts if line is not None else ()),
        )
    }
    parts: list[str] = []
    for item in missing:
        fact = FACTS[item.fact]
        detail = item.detail or (known[item.fact].reason if item.fact in known else "")
        fields = f"（{'、'.join(fact.national)}）" if with_fields and fact.national else ""
        parts.append(f"缺少: {fact.label}{fields}" + (f"，{detail}" if detail else ""))
    return "；".join(dict.fromkeys(parts))


def line_name(line: Line) -> dict[str, object]:
    """Return how an answer names a line: by order id, by its place where that id is shared, and by its item."""
    return {
        "rx_id": line.order_id,
        "position": line.position,
        "mdtrt_id": line.encounter_id,
        "hilist_code": line.item_code,
        "hilist_name": line.item_name or line.local_name,
    }
