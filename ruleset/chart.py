"""What a template may look at while it judges: the case, the patient's lines of all origins, and the rule's own rows.

Lines come from three places: the current ones, past ones in the message, and committed ones in the store. The
message wins: a stored line that the message states too is left out. A chart lives for one check.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from ruleset.case import Case, Line, LineIdentity, identity, identity_by_content
from ruleset.rule import Row, Rule
from ruleset.template import herb_key
from ruleset.timeline import NO_LINES, PrescriptionKey, Timeline, order_of


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
        stated: set[LineIdentity] = set()
        known = stored.by_identity
        for group in (case.lines, case.history):
            for line in group:
                by_item.setdefault(line.item_code, []).append(line)
                by_prescription.setdefault((line.encounter_id, line.prescription_id), []).append(line)
                if known:
                    if same_line_by_content:
                        same = stored.by_content.get(identity_by_content(line))
                        if same is not None:
                            stated.add(same)
                    else:
                        key = identity(line)
                        if key in known:
                            stated.add(key)
        self._by_item = by_item
        self._by_prescription = by_prescription
        self._stated = stated

    def _merged(self, message: list[Line] | None, stored: tuple[Line, ...] | None) -> Sequence[Line]:
        if stored is None:
            if message is None:
                return NO_LINES
            if len(message) > 1:
                message.sort(key=order_of)
            return message
        stated = self._stated
        kept = [line for line in stored if identity(line) not in stated] if stated else list(stored)
        if message is not None:
            kept.extend(message)
            kept.sort(key=order_of)
        return kept

    def lines_of(self, item_code: str) -> Sequence[Line]:
        """Return all lines of an item, current and past, in the order of time (`order_of`)."""
        if not item_code:
            return NO_LINES
        return self._merged(self._by_item.get(item_code), self.stored.by_item.get(item_code))

    def lines_up_to(self, line: Line) -> list[Line]:
        """Return the lines of the judged line's item that are not later than it, itself included and last.

        Lines without a time are left out: they are in no window.
        """
        last = order_of(line)
        return [
            other
            for other in self.lines_of(line.item_code)
            if other is line or (other.begin is not None and order_of(other) < last)
        ]

    def prescription(self, line: Line) -> Sequence[Line]:
        """Return all lines of the judged line's prescription; where it has none, those of the encounter without one."""
        key = (line.encounter_id, line.prescription_id)
        return self._merged(self._by_prescription.get(key), self.stored.by_prescription.get(key))

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
        """Return the lines of the judged line's prescription by their herb names."""
        key = (line.encounter_id, line.prescription_id)
        herbs = self._herbs.get(key)
        if herbs is None:
            herbs = self._herbs[key] = {}
            for other in self.prescription(line):
                herbs.setdefault(self.herb_name(other), []).append(other)
        return herbs

    def rows(self, key: str) -> Sequence[Row]:
        """Return every row indexed under `key`, of all rules and dates."""
        return self._rows.rows(key)

    def has_row(self, rule: Rule, key: str, day: int) -> bool:
        """Say whether `rule` has a row under `key` that is in force on `day` (an ordinal)."""
        return any(row.rule is rule and row.valid_from <= day < row.valid_to for row in self._rows.rows(key))
