"""What a comparison of two sets of packs came to, as text and as JSON; the page is `server.packs.report_page`."""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from ruleset.pack.difference import PackDifference, Part
from server.packs.comparison import Count, RowCount, Tally

ROWS_SHOWN_MAX = 50
KEYS_SHOWN_MAX = 30
PLACES_SHOWN_MAX = 3
NAMES_BESIDE_FIGURES_MAX = 5
"""Rows that a pack has more or less, where the figures are what is asked for."""
NOT_STATED = "(not stated)"
MANY_A_DAY = 10
"""From so many a day on, figures are told without decimals."""


class Corpus(msgspec.Struct, frozen=True):
    """What the decisions were."""

    kind: Literal["none", "file", "store", "shadow"] = "none"
    """A file of exported decisions, a store, or decisions as they come."""
    name: str = ""
    """Of the file."""
    since: str = ""
    until: str = ""

    def text(self) -> str:
        """Return it in words."""
        time = "".join(f" {word} {at}" for word, at in (("since", self.since), ("until", self.until)) if at)
        return {"none": "", "file": self.name, "store": f"the store{time}", "shadow": f"live traffic{time}"}[self.kind]


class RuleCount(msgspec.Struct):
    """What would change by all rows of one rule."""

    pack: str
    rule: str
    title: str
    rows: int
    count: Count


class Comparison(msgspec.Struct):
    """Two sets of packs, what they were compared on, and what would change."""

    before: str
    """The revisions of the first set, joined by a comma."""
    after: str
    corpus: Corpus
    packs: list[PackDifference]
    """What changed in the packs that are in both sets and differ."""
    tally: Tally
    names: dict[str, str] = {}
    """Of departments and doctors by code, where a dictionary tells them."""

    @property
    def days(self) -> int:
        """How many days there were decisions on."""
        return len(self.tally.days)

    @property
    def period(self) -> tuple[str, str]:
        """The first day and the last; empty where there was no decision."""
        return (min(self.tally.days, default=""), max(self.tally.days, default=""))


def json_of(comparison: Comparison) -> bytes:
    """Return the comparison as JSON, with what a reader would otherwise have to work out."""
    first, last = comparison.period
    worked_out = {
        "days": comparison.days,
        "first_day": first,
        "last_day": last,
        "popups_added_a_day": per_day(comparison.tally.all.popups_added, comparison.days),
        "popups_removed_a_day": per_day(comparison.tally.all.popups_removed, comparison.days),
    }
    values = msgspec.to_builtins(comparison)
    values["tally"]["rules"] = [msgspec.to_builtins(rule) for rule in rules_by_weight(comparison.tally)]
    values["tally"]["rows"] = [msgspec.to_builtins(row) for row in rows_by_weight(comparison.tally)]
    return msgspec.json.format(msgspec.json.encode({**worked_out, **values}), indent=2) + b"\n"


def read_json(content: bytes) -> Comparison:
    """Return the comparison that `json_of` wrote."""
    values = msgspec.json.decode(content)
    rows = values["tally"].pop("rows")
    values["tally"]["rows"] = {f"{row['pack']} {row['row_id']}": row for row in rows}
    return msgspec.convert(values, Comparison)


def per_day(number: int, days: int) -> float:
    """Return how many a day; 0 where there was no day."""
    return round(number / days, 2) if days else 0.0


def figure(number: int, days: int) -> str:
    """Return how many a day, for people."""
    value = number / days if days else 0.0
    return f"{value:.0f}" if value >= MANY_A_DAY or value == int(value) else f"{value:.1f}"


def rows_by_weight(tally: Tally) -> list[RowCount]:
    """Return the rows, those that would interrupt most first."""
    return sorted(
        tally.rows.values(),
        key=lambda row: (
            -(row.count.popups_added + row.count.popups_removed),
            -row.count.total(),
            row.pack,
            row.row_id,
        ),
    )


def rules_by_weight(tally: Tally) -> list[RuleCount]:
    """Return the sums over the rows of each rule, those that would interrupt most first."""
    rules: dict[tuple[str, str, str], RuleCount] = {}
    for row in tally.rows.values():
        key = (row.pack, row.rule, row.title)
        rule = rules.setdefault(key, RuleCount(row.pack, row.rule, row.title, 0, Count()))
        rule.rows += 1
        for name in Count.__struct_fields__:
            setattr(rule.count, name, getattr(rule.count, name) + getattr(row.count, name))
    return sorted(
        rules.values(),
        key=lambda rule: (
            -(rule.count.popups_added + rule.count.popups_removed),
            -rule.count.total(),
            rule.pack,
            rule.title,
        ),
    )


def keys_by_weight(counts: Mapping[str, Count]) -> list[tuple[str, Count]]:
    """Return departments or doctors, those with most changes first."""
    return sorted(counts.items(), key=lambda one: (-one[1].total(), -one[1].popups_added, one[0]))


def heaviest(tally: Tally, kind: Literal["popups_added", "popups_removed"]) -> RowCount | None:
    """Return the row that brings (or takes) most popups; None where none does."""
    row = max(tally.rows.values(), key=lambda row: (getattr(row.count, kind), row.row_id), default=None)
    return row if row is not None and getattr(row.count, kind) else None


def text_of(comparison: Comparison) -> Iterator[str]:
    """Yield the comparison as lines of text."""
    yield f"before: {comparison.before}"
    yield f"after:  {comparison.after}"
    for pack in comparison.packs:
        yield from difference_text(
            pack, ROWS_SHOWN_MAX if comparison.corpus.kind == "none" else NAMES_BESIDE_FIGURES_MAX
        )
    if comparison.corpus.kind != "none":
        yield from _decisions_text(comparison)


def _decisions_text(comparison: Comparison) -> Iterator[str]:
    tally, days = comparison.tally, comparison.days
    first, last = comparison.period
    period = f" of {days} days ({first} to {last})" if days else ""
    yield f"on {comparison.corpus.text()}: {tally.decisions} decisions{period}"
    for reason, number in sorted(tally.not_compared.items(), key=lambda one: -one[1]):
        yield f"  {number} not compared: {reason}"
    if not tally.decisions:
        yield "no decision was looked at, so nothing is known of what would change"
        return
    yield f"popups a day: {_popups(tally, days)}"
    count = tally.all
    yield (
        f"findings: {count.added} added, {count.removed} removed, {count.changed} changed, "
        f"in {tally.affected} decisions; hints: {count.hints_added} added, {count.hints_removed} removed"
    )
    if tally.verdicts:
        told = (f"{key.replace(' ', ' to ')} {number}" for key, number in sorted(tally.verdicts.items()))
        yield f"verdicts: {', '.join(told)}"
    rules, rows = rules_by_weight(tally), rows_by_weight(tally)
    if rows:
        yield "by rule:"
    for rule in rules[:KEYS_SHOWN_MAX]:
        yield f"  {_count_text(rule.count, days)}  {rule.pack} {rule.rule} {rule.title}, {rule.rows} rows"
    yield from _rest(len(rules), KEYS_SHOWN_MAX)
    if rows:
        yield "by row:"
    for row in rows[:ROWS_SHOWN_MAX]:
        places = _places(row.departments, comparison.names)
        yield f"  {_count_text(row.count, days)}  {row.pack} {row.row_id}  {row.title}{f'  ({places})' if places else ''}"
    yield from _rest(len(rows), ROWS_SHOWN_MAX)
    for title, counts in (("by department:", tally.departments), ("by doctor:", tally.doctors)):
        keys = [(key, one) for key, one in keys_by_weight(counts) if one.total()]
        if keys:
            yield title
        for key, one in keys[:KEYS_SHOWN_MAX]:
            yield f"  {_count_text(one, days)}  {named(key, comparison.names) or NOT_STATED}"
        yield from _rest(len(keys), KEYS_SHOWN_MAX)


def _popups(tally: Tally, days: int) -> str:
    parts = []
    for sign, kind in (("+", "popups_added"), ("-", "popups_removed")):
        number = getattr(tally.all, kind)
        text = f"{sign}{figure(number, days)}"
        row = heaviest(tally, kind)  # type: ignore[arg-type]
        if row is not None:
            text += f" ({figure(getattr(row.count, kind), days)} of them by one row: {row.pack} {row.row_id})"
        parts.append(text)
    return ", ".join(parts)


def _count_text(count: Count, days: int) -> str:
    popups = f"popups +{figure(count.popups_added, days)} -{figure(count.popups_removed, days)} a day"
    return f"+{count.added} -{count.removed} ~{count.changed}  {popups}"


def _places(counts: Mapping[str, int], names: Mapping[str, str]) -> str:
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:PLACES_SHOWN_MAX]
    return ", ".join(f"{named(key, names) or NOT_STATED} {number}" for key, number in ordered)


def named(code: str, names: Mapping[str, str]) -> str:
    """Return a department or doctor by code, and by name where it is known."""
    name = names.get(code, "")
    return f"{name}（{code}）" if name else code


def _rest(number: int, shown: int) -> Iterator[str]:
    if number > shown:
        yield f"  … and {number - shown} more"


def difference_text(pack: PackDifference, names_max: int = ROWS_SHOWN_MAX) -> Iterator[str]:
    """Yield what two packs say differently, with at most so many names of each kind."""
    yield f"{pack.before} to {pack.after}:" + (" nothing but the revision" if pack.is_empty else "")
    for name, was, now in pack.head:
        if name != "revision":
            yield f"  {name}: {was or 'none'} to {now or 'none'}"
    parts = (("rules", pack.rules), ("rows", pack.rows), ("lists", pack.lists), ("statements", pack.statements))
    for title, part in parts:
        yield from _part_text(title, part, names_max)


def _part_text(title: str, part: Part, names_max: int) -> Iterator[str]:
    if part.is_empty:
        return
    yield f"  {title}: {part.added} added, {part.removed} removed, {part.changed} changed"
    for sign, names, number in (("+", part.added_names, part.added), ("-", part.removed_names, part.removed)):
        for name in names[:names_max]:
            yield f"    {sign} {name}"
        yield from (f"  {line}" for line in _rest(number, names_max))
    for altered in part.alterations[:names_max]:
        told = "; ".join(f"{name}: {was or 'none'} to {now or 'none'}" for name, was, now in altered.fields)
        yield f"    ~ {altered.name}: {told}"
    yield from (f"  {line}" for line in _rest(part.changed, names_max))
