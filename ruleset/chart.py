"""What a template may look at while it judges: the case, the patient's lines of all origins, and the rule's own rows.

Lines come from three places: the current ones, past ones in the message, and committed ones in the store. The
message wins: a stored line that the message states too is left out. A chart lives for one check.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from ruleset.case import Case, Line, LineContent, LineIdentity, content_of, identity
from ruleset.rule import Row, Rule
from ruleset.template import herb_key
from ruleset.timeline import NO_LINES, PrescriptionKey, Timeline, order_of

HERB_KINDS = ("herb_piece", "herb_granule", None)
"""Lines that may be herbs; None because the kind may just be unknown."""


class RowSource(Protocol):
    """Where rows are looked up by key: a `ruleset.snapshot.Snapshot`, or a naive table in tests."""

    def rows(self, key: str) -> Sequence[Row]:
        """Return the rows of every pack that are indexed under `key`, whatever their dates."""


def age_in_years(birth: date, at: date) -> int:
    """Return completed years of age; someone born on 29 February completes a year on 1 March of a common year."""
    return at.year - birth.year - ((at.month, at.day) < (birth.month, birth.day))


class Chart:
    """The case with its history. `same_line_by_content` is the quirk of a site whose rx_ids are not stable."""

    __slots__ = ("_by_item", "_by_prescription", "_herb_names", "_herbs", "_rows", "_stated", "case", "stored")

    def __init__(self, case: Case, stored: Timeline, rows: RowSource, *, same_line_by_content: bool = False) -> None:
        self.case = case
        self.stored = stored
        self._rows = rows
        self._herb_names: dict[int, str] = {}
        self._herbs: dict[PrescriptionKey, dict[str, list[Line]]] = {}
        by_item: dict[str, list[Line]] = {}
        by_prescription: dict[PrescriptionKey, list[Line]] = {}
        for group in (case.lines, case.history):
            for line in group:
                by_item.setdefault(line.item_code, []).append(line)
                by_prescription.setdefault((line.encounter_id, line.prescription_id), []).append(line)
        self._stated = _stated(case, stored, by_content=same_line_by_content) if stored.by_identity else frozenset()
        self._by_item = by_item
        self._by_prescription = by_prescription

    def _kept(self, stored: Sequence[Line], message: Sequence[Line] | None) -> Sequence[Line]:
        """Return stored lines that the message does not state, and the message's."""
        stated = self._stated
        if stated:
            stored = [line for line in stored if identity(line) not in stated]
        return [*stored, *message] if message is not None else stored

    def lines_of(self, item_code: str, since_day: int | None = None) -> Sequence[Line]:
        """Return the lines of an item, current and past, in no particular order.

        With `since_day` (an ordinal) stored lines that end before it may be left out; the caller still looks at dates.
        """
        if not item_code:
            return NO_LINES
        stored = self.stored.by_item.get(item_code)
        message = self._by_item.get(item_code)
        if stored is None:
            return message if message is not None else NO_LINES
        return self._kept(stored.lines if since_day is None else stored.since(since_day), message)

    def earlier(self, line: Line, since_day: int | None = None) -> list[Line]:
        """Return the other lines of the judged line's item that are not later than it, in no particular order.

        Lines without a time are in no window and are left out. `since_day` as in `lines_of`.
        """
        begin = line.begin
        assert begin is not None  # a line without a time is never judged
        found: list[Line] = []
        for other in self.lines_of(line.item_code, since_day):
            other_begin = other.begin
            if other is line or other_begin is None or other_begin > begin:
                continue
            if other_begin < begin or order_of(other) <= order_of(line):
                found.append(other)
        return found

    def untimed_history(self) -> int:
        """Return how many past lines, in the message and in the store, have no time and are in no window."""
        untimed = sum(line.begin is None for line in self.case.history)
        return untimed + len(self.stored.untimed - self._stated) if self.stored.untimed else untimed

    def prescription(self, line: Line) -> Sequence[Line]:
        """Return all lines of the judged line's prescription; where it has none, those of the encounter without one."""
        key = (line.encounter_id, line.prescription_id)
        return self._kept(self.stored.by_prescription.get(key, NO_LINES), self._by_prescription.get(key))

    def is_current(self, line: Line) -> bool:
        """Say whether a line is being written now."""
        return any(line is current for current in self.case.lines)

    def herb_name(self, line: Line) -> str:
        """Return the name that herb pairs are matched by: the catalogue name if a pair knows it, else the local one."""
        name = self._herb_names.get(id(line))
        if name is None:
            name = line.item_name
            if line.local_name and line.local_name != name and not self._rows.rows(herb_key(name)):
                name = line.local_name
            self._herb_names[id(line)] = name
        return name

    def herbs(self, line: Line) -> Mapping[str, Sequence[Line]]:
        """Return the herbs of the judged line's prescription by their names; refunds are none.

        A line whose kind is unknown may be a herb and is among them.
        """
        key = (line.encounter_id, line.prescription_id)
        herbs = self._herbs.get(key)
        if herbs is None:
            herbs = self._herbs[key] = {}
            for other in self.prescription(line):
                if other.item_kind in HERB_KINDS and not other.is_refund:
                    herbs.setdefault(self.herb_name(other), []).append(other)
        return herbs

    def rows(self, key: str) -> Sequence[Row]:
        """Return every row indexed under `key`, of all rules and dates."""
        return self._rows.rows(key)

    def has_row(self, rule: Rule, key: str, day: int) -> bool:
        """Say whether `rule` has a row under `key` that is in force on `day` (an ordinal)."""
        return any(row.rule is rule and row.valid_from <= day < row.valid_to for row in self._rows.rows(key))


def _stated(case: Case, stored: Timeline, *, by_content: bool) -> frozenset[LineIdentity]:
    """Return the stored lines that the message states too; of equal ones, as many as the message has."""
    if not by_content:
        known = stored.by_identity
        return frozenset(
            key for group in (case.lines, case.history) for line in group if (key := identity(line)) in known
        )
    counts: dict[LineContent, int] = {}
    for group in (case.lines, case.history):
        for line in group:
            content = content_of(line)
            counts[content] = counts.get(content, 0) + 1
    return frozenset(key for content, count in counts.items() for key in stored.by_content.get(content, ())[:count])
