"""What another set of packs would have said of decisions that were made: finding by finding, counted.

Two results of one case are compared here and added up; where cases come from (past decisions, or live traffic in shadow)
is the caller's business. A *popup* is what interrupts a doctor: a row that finds anything above a hint in one decision,
however many lines it names.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from ruleset.case import Case
from ruleset.outcome import Action, Finding, Result
from server.entrance.identifiers import finding_id

KEYS_COUNTED_MAX = 20_000
"""Rows, departments or doctors that are counted by themselves; what comes beyond is counted together."""
OTHERS = "…"


class Count(msgspec.Struct):
    """What would change, of all or of one row, department or doctor."""

    added: int = 0
    """Findings that only the second set has."""
    removed: int = 0
    """Findings that only the first set has."""
    changed: int = 0
    """Findings of both that differ in action, words or amount."""
    popups_added: int = 0
    popups_removed: int = 0
    hints_added: int = 0
    hints_removed: int = 0

    def total(self) -> int:
        """Return how many findings would be other ones."""
        return self.added + self.removed + self.changed


class RowCount(msgspec.Struct):
    """What would change by one row."""

    pack: str
    row_id: str
    rule: str
    title: str
    citation: str
    count: Count
    example: str = ""
    """What the row says, of the first decision in which anything changed."""
    departments: dict[str, int] = {}
    """Findings that would be other ones, by department."""
    doctors: dict[str, int] = {}


class Tally(msgspec.Struct):
    """Everything that was counted."""

    decisions: int = 0
    affected: int = 0
    """Decisions in which any finding would be another one."""
    all: Count = msgspec.field(default_factory=Count)
    rows: dict[str, RowCount] = {}
    """By pack and row id."""
    departments: dict[str, Count] = {}
    doctors: dict[str, Count] = {}
    verdicts: dict[str, int] = {}
    """Decisions by `PASS WARN`: the verdict before and after, where they differ."""
    days: dict[str, int] = {}
    """Decisions by day."""
    not_compared: dict[str, int] = {}
    """Decisions that cannot be made again, by reason."""


class Change(NamedTuple):
    """One finding (or hint) that would be another one."""

    kind: str
    """added, removed, changed, hints_added or hints_removed."""
    finding: Finding | None
    pack: str
    row_id: str
    department: str
    doctor: str


def compare(case: Case, before: Result, after: Result) -> list[Change]:
    """Return what would change in one decision."""
    changes: list[Change] = []
    old = {_key(case, finding): finding for finding in before.findings}
    new = {_key(case, finding): finding for finding in after.findings}
    for key, finding in new.items():
        was = old.get(key)
        if was is None:
            changes.append(_change("added", finding, case))
        elif (was.action, was.message, was.amount) != (finding.action, finding.message, finding.amount):
            changes.append(_change("changed", finding, case))
    changes.extend(_change("removed", finding, case) for key, finding in old.items() if key not in new)
    changes.extend(_hints(case, before, after))
    return changes


def _key(case: Case, finding: Finding) -> tuple[str, str]:
    return (finding.row.rule.pack_id, finding_id(case, finding))


def _change(kind: str, finding: Finding, case: Case) -> Change:
    encounter = case.encounter
    line = finding.violating[0] if finding.violating else None
    department = (line.department_code if line is not None else "") or encounter.department_code
    doctor = (line.practitioner_id if line is not None else "") or encounter.practitioner_id
    return Change(kind, finding, finding.row.rule.pack_id, finding.row.id, department, doctor)


def _hints(case: Case, before: Result, after: Result) -> Iterator[Change]:
    """Yield hints that come and go, each row once: which fact is missing is no business of a comparison."""
    encounter = case.encounter
    old, new = ({(hint.row.rule.pack_id, hint.row.id) for hint in result.hints} for result in (before, after))
    for kind, rows in (("hints_added", new - old), ("hints_removed", old - new)):
        for pack, row_id in sorted(rows):
            yield Change(kind, None, pack, row_id, encounter.department_code, encounter.practitioner_id)


def add(tally: Tally, day: str, case: Case, before: Result, after: Result) -> list[Change]:
    """Count one decision of a day; return what would change in it."""
    tally.decisions += 1
    tally.days[day] = tally.days.get(day, 0) + 1
    changes = compare(case, before, after)
    if before.verdict is not after.verdict:
        key = f"{before.verdict.name} {after.verdict.name}"
        tally.verdicts[key] = tally.verdicts.get(key, 0) + 1
    if any(change.finding is not None for change in changes):
        tally.affected += 1
    for change in changes:
        for count in _counts(tally, change):
            setattr(count, change.kind, getattr(count, change.kind) + 1)
        if change.finding is not None:
            row = _row(tally, change.finding)
            row.example = row.example or change.finding.message
            for counts, name in ((row.departments, change.department), (row.doctors, change.doctor)):
                key = _bounded(counts, name)
                counts[key] = counts.get(key, 0) + 1
    _add_popups(tally, case, before, after)
    return changes


def _add_popups(tally: Tally, case: Case, before: Result, after: Result) -> None:
    old, new = _popups(before), _popups(after)
    for kind, popups, others in (("popups_added", new, old), ("popups_removed", old, new)):
        for key, finding in popups.items():
            if key not in others:
                for count in _counts(tally, _change(kind, finding, case)):
                    setattr(count, kind, getattr(count, kind) + 1)


def _popups(result: Result) -> Mapping[tuple[str, str], Finding]:
    """Return the rows that interrupt, each with its first finding."""
    popups: dict[tuple[str, str], Finding] = {}
    for finding in result.findings:
        if finding.action > Action.HINT:
            popups.setdefault((finding.row.rule.pack_id, finding.row.id), finding)
    return popups


def _counts(tally: Tally, change: Change) -> Iterable[Count]:
    """Yield every count that a change belongs to."""
    yield tally.all
    if change.finding is not None:
        yield _row(tally, change.finding).count
    for counts, key in ((tally.departments, change.department), (tally.doctors, change.doctor)):
        yield counts.setdefault(_bounded(counts, key), Count())


def _row(tally: Tally, finding: Finding) -> RowCount:
    row = finding.row
    key = _bounded(tally.rows, f"{row.rule.pack_id} {row.id}")
    known = tally.rows.get(key)
    if known is None:
        named = (row.rule.pack_id, row.id) if key != OTHERS else (OTHERS, OTHERS)
        known = RowCount(*named, row.rule.code, row.rule.title, row.source_text, Count())
        tally.rows[key] = known
    return known


def _bounded(counts: Mapping[str, object], key: str) -> str:
    return key if key in counts or len(counts) < KEYS_COUNTED_MAX else OTHERS


def not_compared(tally: Tally, reason: str) -> None:
    """Count a decision that cannot be made again."""
    key = _bounded(tally.not_compared, reason)
    tally.not_compared[key] = tally.not_compared.get(key, 0) + 1
