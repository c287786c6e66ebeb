"""What a doctor is shown of a result: ranked, and each cause once.

Nothing is decided here and nothing is lost: every finding and every hint of the result stands in exactly one entry.

One cause is one published text (`basis_id`), or else one rule, about the same items: a row for the class and a row for
the substance, the same item on three lines, one sub item beside two main items are one thing to a doctor; so are the
pairs of one rule that have a line in common. What is missing is asked for once, however many rules wait for it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from ruleset.outcome import Action, Finding, Hint, Missing
from ruleset.sums import amount_of
from ruleset.timeline import line_order

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
    """The money at stake of all its findings, CNY, each line once (see `_amount`); None where one of them states none."""
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
    entries = [_entry(group) for group in _joined(causes)]
    return tuple(sorted(entries, key=_rank))


def _joined(causes: Mapping[tuple[object, ...], list[Finding]]) -> Iterator[list[Finding]]:
    """Yield the findings of each cause; those of one text or rule together where one line is in several pairs of it.

    One anticoagulant with three painkillers is one thing to a doctor, said in three sentences.
    """
    joined: dict[object, list[list[Finding]]] = {}
    for (basis, *_), group in causes.items():
        joined.setdefault(basis, []).append(group)
    for groups in joined.values():
        together = [finding for group in groups for finding in group]
        common = set.intersection(*({id(line) for line in finding.violating} for finding in together))
        if common and all(len(finding.violating) > 1 for finding in together):
            yield together
        else:
            yield from groups


def asked(hints: Iterable[Hint]) -> tuple[Asked, ...]:
    """Return the hints by what they miss, in the order in which that is first missed."""
    groups: dict[tuple[Missing, ...], list[Hint]] = {}
    for hint in hints:
        groups.setdefault(tuple(dict.fromkeys(hint.missing)), []).append(hint)
    return tuple(Asked(missing, tuple(group)) for missing, group in groups.items())


def _cause(finding: Finding) -> tuple[object, ...]:
    row = finding.row
    items = sorted({line.item for line in finding.violating})
    if not items:
        return ((row.rule.pack_id, row.rule.id), finding.message)
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
    """Return the money at stake of some findings, whatever their order.

    Each line that a finding has at stake as a whole counts once, in however many findings it is. A finding that states
    an amount of its own, such as an excess over a price or a cap, adds it where none of its lines is counted yet, the
    largest first: several excesses on one line are parts of the same money.
    """
    lines: dict[int, Decimal] = {}
    of_their_own: list[tuple[Decimal, Finding]] = []
    for finding in group:
        if finding.amount is None:
            return None
        amounts = {id(line): amount for line in finding.violating if (amount := amount_of(line)) is not None}
        if len(amounts) == len(finding.violating) and sum(amounts.values()) == finding.amount:
            lines.update(amounts)
        else:
            of_their_own.append((finding.amount, finding))
    total = sum(lines.values(), Decimal(0))
    counted = set(lines)
    of_their_own.sort(key=lambda one: (-one[0], [line_order(line) for line in one[1].violating]))
    for amount, finding in of_their_own:
        mine = {id(line) for line in finding.violating}
        if counted.isdisjoint(mine):
            total += amount
            counted |= mine
    return total


def _rank(entry: Shown) -> tuple[object, ...]:
    first = entry.findings[0]
    amount = entry.amount if entry.amount is not None else Decimal(0)
    return (-entry.action, first.row.rule.severity_degree, -amount, first.row.rule.official_code, first.row.id)
