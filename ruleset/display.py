"""What a doctor is shown of a result: ranked, and each cause once.

Nothing is decided here and nothing is lost: every finding and every hint of the result stands in exactly one entry.

One cause is one published text (`basis_id`), or else one rule, about the same items: a row for the class and a row for
the substance, the same item on three lines, one sub item beside two main items are one thing to a doctor. What is
missing is asked for once, however many rules wait for it.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from ruleset.case import Line
from ruleset.outcome import Action, Finding, Hint, Missing

WAYS_OUT_MAX = 6
"""More ways out than this are no help."""


class Shown(msgspec.Struct, frozen=True):
    """One entry of the popup. `messages` are the findings' sentences, each once, the gravest first."""

    action: Action
    title: str
    messages: tuple[str, ...]
    sources: tuple[str, ...]
    ways_out: tuple[str, ...]
    review_codes: tuple[str, ...]
    amount: Decimal | None
    """The money at stake of all its findings, each line once; None where one of them states none."""
    findings: tuple[Finding, ...]


class Asked(msgspec.Struct, frozen=True):
    """What is missing, and everything that waits for it."""

    missing: tuple[Missing, ...]
    hints: tuple[Hint, ...]


def shown(findings: Iterable[Finding]) -> tuple[Shown, ...]:
    """Return the findings as entries: the gravest action first, then the clearer violation, then the larger amount."""
    causes: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        causes.setdefault(_cause(finding), []).append(finding)
    entries = [_entry(group) for group in causes.values()]
    return tuple(sorted(entries, key=_rank))


def asked(hints: Iterable[Hint]) -> tuple[Asked, ...]:
    """Return the hints by what they miss, in the order in which that is first missed."""
    groups: dict[tuple[Missing, ...], list[Hint]] = {}
    for hint in hints:
        groups.setdefault(tuple(dict.fromkeys(hint.missing)), []).append(hint)
    return tuple(Asked(missing, tuple(group)) for missing, group in groups.items())


def _cause(finding: Finding) -> tuple[object, ...]:
    row = finding.row
    items = sorted({line.item_code or line.name for line in finding.violating})
    if not items:
        return (row.rule.pack_id, row.rule.id, finding.message)
    if row.basis_id:
        return (row.basis_id, *items)
    # One national rule is one rule, whichever pack states it.
    return (row.rule.official_code or (row.rule.pack_id, row.rule.id), *items)


def _entry(group: Sequence[Finding]) -> Shown:
    group = sorted(group, key=lambda finding: -finding.action)
    first = group[0]
    return Shown(
        action=first.action,
        title=first.row.rule.title,
        messages=tuple(dict.fromkeys(finding.message for finding in group)),
        sources=tuple(dict.fromkeys(finding.row.source_text for finding in group)),
        ways_out=ways_out(group),
        review_codes=tuple(dict.fromkeys(f.row.review_code for f in group if f.row.review_code)),
        amount=_amount(group),
        findings=tuple(group),
    )


def ways_out(group: Sequence[Finding]) -> tuple[str, ...]:
    """Return what the doctor can do: the remedies of the gravest finding first, and last how to go on regardless."""
    remedies = tuple(dict.fromkeys(remedy for finding in group for remedy in finding.row.remedies))
    gravest = group[0]
    if gravest.action is Action.HINT:
        return remedies[:WAYS_OUT_MAX]
    return (*remedies[: WAYS_OUT_MAX - 1], gravest.row.rule.override.text())


def _amount(group: Sequence[Finding]) -> Decimal | None:
    lines: dict[int, Line] = {}
    total = Decimal(0)
    for finding in group:
        if finding.amount is None:
            return None
        if any(id(line) in lines for line in finding.violating):
            continue  # the same line breaks two rows of one cause: its money is at stake once
        lines.update((id(line), line) for line in finding.violating)
        total += finding.amount
    return total


def _rank(entry: Shown) -> tuple[object, ...]:
    first = entry.findings[0]
    amount = entry.amount if entry.amount is not None else Decimal(0)
    return (-entry.action, first.row.rule.severity_degree, -amount, first.row.rule.official_code, first.row.id)
