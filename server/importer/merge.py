"""Published rows into the rows of a pack: what is new, what ends, what only gains the text that it rests on.

An import adds. Only a publication that calls itself a revision (or that the operator calls one) ends rows: those of
its rules that it no longer has as they were, which the changed ones supersede. Cells of rows that an import does not
change are never touched: what a hospital wrote into its pack stays.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Literal, NamedTuple

from ruleset.pack.source import RuleSource
from server.importer.remarks import Remarks
from server.importer.rows import LIST_SEPARATOR, PublishedRow
from server.importer.tables import (
    BASIS_COLUMNS,
    EXPANDED_MARK,
    VALID_FROM,
    VALID_TO,
    PackRow,
    RowFile,
    codes_of,
    identity_of,
    row_id,
)

NAMES = frozenset({"item_name", "main_name", "sub_name", "row_ref", "item_codes"})
"""Columns that are no parameters: a row that differs only in them says the same."""

What = Literal["added", "expanded", "raw", "ended", "completed", "dropped"]
"""added: published. expanded: said with certainty by the text of another rule's row. raw: the rest of a text. completed:
gained the text that it rests on. dropped: expanded once, published now."""


class Change(NamedTuple):
    """One line of the diff."""

    rule_id: str
    day: date
    """The day of the publication that brought it."""
    what: What
    row_id: str
    detail: str


class RuleRows:
    """The rows of one rule of the pack, found by what they say and by the items that they speak of."""

    def __init__(self, rule_id: str, rule: RuleSource, file: RowFile, *, raw_reminds: bool = False) -> None:
        self.raw_reminds = raw_reminds
        """Whether the rest of a text reminds at once (a hint), or waits, switched off, for a person to look at it."""
        self.rule_id = rule_id
        self.rule = rule
        self.file = file
        self._by_identity: dict[tuple[str, ...], list[PackRow]] = {}
        self._by_code: dict[str, list[PackRow]] = {}
        for row in file.rows:
            self._index(row)

    def _index(self, row: PackRow) -> None:
        self._by_identity.setdefault(identity_of(row.cells), []).append(row)
        for code in codes_of(row.cells):
            self._by_code.setdefault(code, []).append(row)

    def _value(self, cells: Mapping[str, str], name: str) -> str:
        """Return a column's value, the rule's constant where the row does not say it."""
        found = cells.get(name, "")
        if not found and name in self.rule.constants:
            constant = self.rule.constants[name]
            return LIST_SEPARATOR.join(map(str, constant)) if isinstance(constant, list) else str(constant)
        return found

    def id_of(self, row: PackRow) -> str:
        """Return a row's id."""
        return row_id(self.rule_id, self.rule, row.cells)

    def alike(self, cells: Mapping[str, str]) -> list[PackRow]:
        """Return the published rows that speak of the same as these cells, in the file's order."""
        return [row for row in self._by_identity.get(identity_of(cells), ()) if not row.is_expanded]

    def about(self, codes: Iterable[str]) -> list[PackRow]:
        """Return every row about one of these items."""
        found = {id(row): row for code in codes for row in self._by_code.get(code, ())}
        return list(found.values())

    def says_same(self, one: Mapping[str, str], other: Mapping[str, str]) -> bool:
        """Say whether rows with these cells have the same parameters."""
        return all(_same(self._value(one, name), self._value(other, name)) for name in other.keys() - NAMES)

    def add(self, published: PublishedRow, until: date | None = None, supersedes: Sequence[PackRow] = ()) -> PackRow:
        """Add a row."""
        cells = {name: text for name, text in published.cells.items() if name not in self.rule.constants}
        cells[VALID_FROM] = published.day.isoformat()
        cells[VALID_TO] = until.isoformat() if until is not None else ""
        cells |= dict(zip(BASIS_COLUMNS, _basis(published), strict=True))
        if published.is_raw and self.rule.curation != "raw":
            cells["curation"] = "raw"
        if published.is_raw and published.is_expanded and not self.raw_reminds:
            cells["mode"] = "off"
        if supersedes:
            cells["supersedes"] = LIST_SEPARATOR.join(self.id_of(row) for row in supersedes)
        row = PackRow(cells)
        self.file.rows.append(row)
        self._index(row)
        self.file.change(cells)
        return row

    def end(self, row: PackRow, day: date) -> None:
        """End a row on a day."""
        row.cells[VALID_TO] = day.isoformat()
        self.file.change((VALID_TO,))

    def drop(self, row: PackRow) -> None:
        """Take a row out."""
        self.file.rows.remove(row)
        self._by_identity[identity_of(row.cells)].remove(row)
        for code in codes_of(row.cells):
            self._by_code[code].remove(row)
        self.file.change(())

    def complete(self, row: PackRow, published: PublishedRow) -> bool:
        """Give a row the text that it rests on, where it has none; say whether anything was missing."""
        if row.cells.get("basis_text", "") not in ("", published.text):
            return False
        stated = zip(BASIS_COLUMNS, _basis(published), strict=True)
        missing = {name: text for name, text in stated if text and not row.cells.get(name)}
        row.cells |= missing
        if missing:
            self.file.change(missing)
        return bool(missing)


def _basis(published: PublishedRow) -> tuple[str, str, str]:
    """Return the cells of `BASIS_COLUMNS`."""
    mark = EXPANDED_MARK if published.is_expanded else ""
    return published.basis_id, published.text, published.place.text() + mark


def _same(one: str, other: str) -> bool:
    """Say whether two cells say the same: 1 is 1.0, 急诊|住院 is 住院|急诊."""
    if one == other:
        return True
    if LIST_SEPARATOR in one:
        return sorted(one.split(LIST_SEPARATOR)) == sorted(other.split(LIST_SEPARATOR))
    try:
        return Decimal(one) == Decimal(other)
    except InvalidOperation:
        return False


def merge(rules: Mapping[str, RuleRows], rows: Sequence[PublishedRow], remarks: Remarks) -> list[Change]:
    """Merge everything that one import publishes, the oldest publication first; return the diff."""
    merger = _Merger(rules, remarks)
    groups: dict[tuple[date, str], list[PublishedRow]] = {}
    for row in rows:
        if not row.is_expanded:
            groups.setdefault((row.day, row.rule_id), []).append(row)
    for (day, rule_id), group in sorted(groups.items(), key=lambda item: item[0]):
        merger.publication(rules[rule_id], day, group)
    merger.end_expansions()
    # After all that is published: a text is expanded only where no rule's own sheets speak of the item.
    for row in sorted((row for row in rows if row.is_expanded), key=lambda row: row.day):
        merger.expansion(rules[row.rule_id], row)
    return merger.changes


class _Merger:
    def __init__(self, rules: Mapping[str, RuleRows], remarks: Remarks) -> None:
        self._rules = rules
        self._remarks = remarks
        self.changes: list[Change] = []
        self._text_until: dict[str, date] = {}
        """Texts, with the day on which the last published row that rests on them ends."""

    def publication(self, rule: RuleRows, day: date, group: Sequence[PublishedRow]) -> None:
        """Merge what one publication says of one rule."""
        found: list[tuple[PublishedRow, PackRow | None]] = []
        for published in self._without_duplicates(rule, group):
            if published.change == "end":
                self._end_about(rule, published)
            else:
                found.append((published, self._match(rule, published)))
        kept = {id(row) for _, row in found if row is not None}
        gone: dict[int, PackRow] = {}
        if any(published.is_revision for published in group):
            gone = {id(row): row for row in self._no_longer_published(rule, day, group[0]) if id(row) not in kept}
        for published, row in found:
            if row is None:
                for replaced in self._add(rule, published, kept, gone):
                    gone.pop(id(replaced), None)
        for row in gone.values():
            self._end(rule, row, day, "no longer published")

    def _no_longer_published(self, rule: RuleRows, day: date, published: PublishedRow) -> Iterator[PackRow]:
        """Yield the rows that a revision ends where it does not say them again. What a person signed is not among them."""
        for row in rule.file.rows:
            if row.is_in_force(day) and row.since < day and not row.is_expanded and any(codes_of(row.cells)):
                if row.cells.get("signed_by"):
                    self._remarks.note(published.place, f"{rule.id_of(row)} is signed, so the revision does not end it")
                else:
                    yield row

    def _without_duplicates(self, rule: RuleRows, group: Sequence[PublishedRow]) -> list[PublishedRow]:
        """Return a publication's rows, each once. Rows that contradict one another are all left out."""
        by_identity: dict[tuple[str, ...], list[PublishedRow]] = {}
        for published in group:
            by_identity.setdefault(identity_of(published.cells), []).append(published)
        kept: list[PublishedRow] = []
        for same in by_identity.values():
            first, code = same[0], "+".join(codes_of(same[0].cells))
            if all(rule.says_same(other.cells, first.cells) for other in same):
                kept.append(first)
                for other in same[1:]:
                    self._remarks.note(other.place, f"{code} stands a second time; first: {first.place.text()}")
                continue
            for one in same:
                other = next(other for other in same if not rule.says_same(other.cells, one.cells))
                problem = f"{code} stands elsewhere with another value: {other.place.text()}"
                self._remarks.not_understood.append(one.place.problem(problem))
        return kept

    def _match(self, rule: RuleRows, published: PublishedRow) -> PackRow | None:
        """Return the pack's row that says what was published, with its text; None where there is none."""
        alike = rule.alike(published.cells)
        row = next((row for row in alike if row.since == published.day), None)
        if row is not None and not rule.says_same(row.cells, published.cells):
            note = f"{rule.id_of(row)} has other values in the pack; the pack's are kept"
            self._remarks.note(published.place, note)
            return row
        if row is None:
            row = next((row for row in alike if row.is_in_force(published.day) and _stays(rule, row, published)), None)
        if row is not None and rule.complete(row, published):
            self._tell(rule, published.day, "completed", row, "gains the text that it rests on")
        return row

    def _add(
        self, rule: RuleRows, published: PublishedRow, kept: set[int], gone: Mapping[int, PackRow]
    ) -> list[PackRow]:
        """Add a row; return the rows that it ended."""
        day = published.day
        about = rule.about(codes_of(published.cells))
        alike = rule.alike(published.cells)
        yielding = [row for row in about if row.is_expanded and row.until > day]
        replaced = [row for row in about if id(row) in gone]
        if published.change == "replace":
            live = [row for row in about if row.is_in_force(day) and id(row) not in kept and not row.is_expanded]
            replaced = [row for row in live if row in alike] or live
        ended = [*replaced, *(row for row in yielding if row.since < day)]
        later = [row.since for row in alike if row.since > day]
        added = rule.add(published, min(later, default=None), ended)
        self._tell(rule, day, "added", added, _detail(published.cells, added))
        for row in alike:
            if row.is_in_force(day) and row not in ended:
                note = f"{rule.id_of(added)} stands beside {rule.id_of(row)}, which says otherwise"
                self._remarks.note(published.place, f"{note}; was it meant to replace it, import with --revision")
        for row in yielding:
            if row.since >= day:
                self._tell(rule, day, "dropped", row, f"{rule.id_of(added)} is published for the item")
                rule.drop(row)
        for row in ended:
            self._end(rule, row, day, f"superseded by {rule.id_of(added)}")
        return ended

    def _end_about(self, rule: RuleRows, published: PublishedRow) -> None:
        """End the rows of items that a publication strikes out."""
        codes = set(codes_of(published.cells))
        about = [row for row in rule.about(codes) if not row.is_expanded and codes.issuperset(codes_of(row.cells))]
        struck = [row for row in about if row.is_in_force(published.day) and row.since < published.day]
        for row in struck:
            self._end(rule, row, published.day, "struck out")
        if not struck and not any(row.until <= published.day for row in about):
            self._remarks.note(published.place, f"{rule.rule_id} has no row of {'、'.join(sorted(codes))} to end")

    def _end(self, rule: RuleRows, row: PackRow, day: date, reason: str) -> None:
        self._tell(rule, day, "ended", row, f"in force until {day}: {reason}")
        rule.end(row, day)

    def end_expansions(self) -> None:
        """End what was expanded from texts that no published row rests on any longer."""
        expanded: list[tuple[RuleRows, PackRow]] = []
        for rule in self._rules.values():
            for row in rule.file.rows:
                basis_id = row.cells.get("basis_id", "")
                if row.is_expanded:
                    expanded.append((rule, row))
                elif basis_id:
                    self._text_until[basis_id] = max(row.until, self._text_until.get(basis_id, date.min))
        for rule, row in expanded:
            until = self._text_until.get(row.cells["basis_id"], date.max)
            if row.since < until < row.until:
                self._end(rule, row, until, "its text is no longer published")

    def expansion(self, rule: RuleRows, published: PublishedRow) -> None:
        """Add what a text says of another rule, of the items of which that rule says nothing itself."""
        # Without a published row that rests on the text (it was left out, or the pack has its own) there is nothing to expand.
        until = self._text_until.get(published.basis_id, date.min)
        if until <= published.day:
            return
        left = [code for code in codes_of(published.cells) if not self._is_spoken_of(rule, published, code)]
        if not left:
            return
        cells = dict(published.cells)
        if "item_codes" in cells:
            cells["item_codes"] = LIST_SEPARATOR.join(left)
        added = rule.add(published._replace(cells=cells), None if until == date.max else until)
        self._tell(rule, published.day, "raw" if published.is_raw else "expanded", added, _detail(cells, added))

    def _is_spoken_of(self, rule: RuleRows, published: PublishedRow, code: str) -> bool:
        for row in rule.about((code,)):
            is_in_force = row.is_in_force(published.day)
            if not row.is_expanded and is_in_force and not rule.says_same(row.cells, published.cells):
                note = (
                    f"the text of {published.cells['item_name']} does not agree with {rule.id_of(row)}, which is kept"
                )
                self._remarks.note(published.place, note)
            if not row.is_expanded or is_in_force or row.cells.get("basis_id") == published.basis_id:
                return True
        return False

    def _tell(self, rule: RuleRows, day: date, what: What, row: PackRow, detail: str) -> None:
        self.changes.append(Change(rule.rule_id, day, what, rule.id_of(row), detail))


def _stays(rule: RuleRows, row: PackRow, published: PublishedRow) -> bool:
    """Say whether a row in force goes on: with the same parameters, and where rows are replaced with the same text."""
    if not rule.says_same(row.cells, published.cells):
        return False
    replaces = published.is_revision or published.change == "replace"
    texts = {row.cells.get("basis_text", ""), published.text} - {""}
    return not (replaces and len(texts) > 1)


def _detail(cells: Mapping[str, str], added: PackRow) -> str:
    """Return what a new row says, for the diff."""
    names = [cells[name] for name in ("main_name", "sub_name", "item_name") if name in cells]
    said = [
        f"{name}={text}" for name, text in cells.items() if text and name not in NAMES and not name.endswith("_code")
    ]
    days = f"from {added.since}" + (f" until {added.until}" if added.until != date.max else "")
    return " ".join([" ← ".join(names), *said, days])
