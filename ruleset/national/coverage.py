"""Which of the national rules a set of packs decides: none may be silent."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from ruleset.pack.compile import LoadedPack

DecidedBy = Literal["message", "clinical", "history", "batch"]
LABEL: dict[DecidedBy, str] = {
    "message": "decidable from 3101",
    "clinical": "needs the clinical extension",
    "history": "needs history",
    "batch": "batch",
}
DEMONSTRATION_PACK = "demo"
"""Rows of the pack of this id show a rule's form; they are counted apart."""


class NationalRule(msgspec.Struct, frozen=True):
    """One of the 88. `templates` are those that express it, separated by `|` in the file."""

    number: int
    official_code: str
    name: str
    templates: tuple[str, ...]
    decided_by: DecidedBy
    also_needs: str
    batch_reason: str


class Covered(msgspec.Struct, frozen=True):
    """What the packs hold for one national rule."""

    rule: NationalRule
    templates: tuple[str, ...]
    rows: int
    demonstration_rows: int
    tests: int
    reminders: int = 0
    """How many of `rows` can only ever be hints: published in words alone, or raw until a person signs them."""
    demonstration_reminders: int = 0

    @property
    def is_decided(self) -> bool:
        """Whether there is a rule with rows that tests show to work."""
        return (self.rows + self.demonstration_rows) > 0 and self.tests > 0

    @property
    def is_silent(self) -> bool:
        """Whether the rule could act before the money is spent, and no pack lets it."""
        return self.rule.decided_by != "batch" and not self.is_decided


def national_rules() -> tuple[NationalRule, ...]:
    """Return the 88 rules in their order."""
    with (Path(__file__).parent / "rules.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            NationalRule(
                number=int(row["number"]),
                official_code=row["official_code"],
                name=row["name"],
                templates=tuple(row["templates"].split("|")),
                decided_by=msgspec.convert(row["decided_by"], DecidedBy),
                also_needs=row["also_needs"],
                batch_reason=row["batch_reason"],
            )
            for row in csv.DictReader(file)
        )


def coverage(packs: Sequence[LoadedPack]) -> tuple[Covered, ...]:
    """Return what the packs hold for each of the 88. A test counts for the rule that its file is named for."""
    templates: dict[str, dict[str, None]] = {}
    rows: dict[str, int] = {}
    shown: dict[str, int] = {}
    reminders: dict[str, int] = {}
    shown_reminders: dict[str, int] = {}
    tests: dict[str, int] = {}
    for pack in packs:
        codes = [rule.official_code for rule in pack.rules]
        is_shown = pack.id == DEMONSTRATION_PACK
        counted, reminding = (shown, shown_reminders) if is_shown else (rows, reminders)
        for record in pack.file.all_rows():
            code = codes[record.rule]
            counted[code] = counted.get(code, 0) + 1
            row = pack.row(record)
            if row.is_raw or not row.rule.template.can_violate(row.params):
                reminding[code] = reminding.get(code, 0) + 1
        for rule in pack.rules:
            templates.setdefault(rule.official_code, {})[rule.template.id] = None
            cases = pack.file.manifest.tests.get(f"tests/{rule.id}.toml", {}).get("case", ())
            tests[rule.official_code] = tests.get(rule.official_code, 0) + len(cases)
    return tuple(
        Covered(
            rule=rule,
            templates=tuple(templates.get(rule.official_code, ())),
            rows=rows.get(rule.official_code, 0),
            demonstration_rows=shown.get(rule.official_code, 0),
            tests=tests.get(rule.official_code, 0),
            reminders=reminders.get(rule.official_code, 0),
            demonstration_reminders=shown_reminders.get(rule.official_code, 0),
        )
        for rule in national_rules()
    )


def coverage_lines(covered: Sequence[Covered]) -> Iterator[str]:
    """Yield a line for each rule, and the sum of them."""
    for one in covered:
        rule = one.rule
        if rule.decided_by == "batch":
            yield f"{rule.number:>2}  {rule.official_code:<17} {rule.name}: batch; {rule.batch_reason}"
            continue
        state = "SILENT: no rule, no row or no test" if one.is_silent else LABEL[rule.decided_by]
        also = f" ({rule.also_needs})" if rule.also_needs else ""
        shown = ""
        if one.demonstration_rows:
            reminders = _reminders(one.demonstration_reminders, one.demonstration_rows)
            shown = f"; {one.demonstration_rows} demonstration{reminders}"
        templates = "+".join(one.templates) or "-"
        yield (
            f"{rule.number:>2}  {rule.official_code:<17} {rule.name}: {state}{also}; {templates}; "
            f"{one.rows} rows{_reminders(one.reminders, one.rows)}{shown}; {one.tests} tests"
        )
    counts = counts_of(covered)
    yield (
        f"{counts.decided} of {len(covered)} decidable before the money is spent "
        f"({counts.published} on published rows, {counts.reminders_only} of these on reminders only; "
        f"{counts.demonstration_only} on demonstration rows only), {counts.batch} in batch only, {counts.silent} silent"
    )


def _reminders(number: int, rows: int) -> str:
    """Say how many of some rows are reminders; nothing where none is."""
    if not number:
        return ""
    return ", all reminders (hints only)" if number == rows else f", of them {number} reminders (hints only)"


class Counts(NamedTuple):
    """How many of the national rules are what; `decided` is the sum of `published` and `demonstration_only`."""

    decided: int
    published: int
    """Rest on rows of another pack than the demonstration's."""
    reminders_only: int
    """Of `published`: all those rows are reminders, so that none of them can be a finding."""
    demonstration_only: int
    batch: int
    silent: int


def counts_of(covered: Sequence[Covered]) -> Counts:
    """Count what a set of packs holds of the national rules."""
    decided = [one for one in covered if one.is_decided and one.rule.decided_by != "batch"]
    published = [one for one in decided if one.rows]
    return Counts(
        decided=len(decided),
        published=len(published),
        reminders_only=sum(one.rows == one.reminders for one in published),
        demonstration_only=len(decided) - len(published),
        batch=sum(one.rule.decided_by == "batch" for one in covered),
        silent=sum(one.is_silent for one in covered),
    )
