"""What a template may look at while it judges: the case, the patient's lines of all origins, and the rule's own rows.

Lines come from three places: the current ones, past ones in the message, and committed ones in the store. The
message wins: a stored line that the message states too is left out. A chart lives for one check.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import chain
from typing import Protocol

from ruleset.case import Case, Line, content_of, identity
from ruleset.rule import Row
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

    __slots__ = ("_by_content", "_by_item", "_by_prescription", "_herb_names", "_herbs", "_rows", "case", "stored")

    def __init__(self, case: Case, stored: Timeline, rows: RowSource, *, same_line_by_content: bool = False) -> None:
        self.case = case
        self.stored = stored
        self._rows = rows
        self._by_content = same_line_by_content
        self._herb_names: dict[int, str] = {}
        self._herbs: dict[PrescriptionKey, dict[str, list[Line]]] = {}
        self._by_prescription: dict[PrescriptionKey, list[Line]] | None = None
        by_item: dict[str, list[Line]] = {}
        for lines in (case.lines, case.history):
            for line in lines:
                by_item.setdefault(line.item_code, []).append(line)
        self._by_item = by_item

    def _unstated(self, stored: Sequence[Line], message: Iterable[Line]) -> Sequence[Line]:
        """Return the stored lines that `message` does not state; of equal ones, those beyond as many as it states."""
        if not self._by_content:
            known = self.stored.by_identity
            stated = {key for line in message if (key := identity(line)) in known}
            return [line for line in stored if identity(line) not in stated] if stated else stored
        counts = Counter(content_of(line) for line in message)
        kept: list[Line] = []
        for line in stored:
            content = content_of(line)
            if counts[content] > 0:
                counts[content] -= 1
            else:
                kept.append(line)
        return kept

    def lines_of(self, item_code: str, since_day: int | None = None) -> Sequence[Line]:
        """Return the lines of an item, current and past, in no particular order.

        With `since_day` (an ordinal) stored lines that end before it may be left out; the caller still looks at dates.
        """
        stored = self.stored.by_item.get(item_code) if item_code else None
        if stored is None:
            return self._merged(item_code, NO_LINES)
        return self._merged(item_code, stored.lines if since_day is None else stored.since(since_day))

    def lines_in_encounter(self, item_code: str, encounter_id: str) -> Sequence[Line]:
        """Return the lines of an item, current and past, of one encounter, in no particular order."""
        stored = self.stored.by_item.get(item_code) if item_code else None
        lines = self._merged(item_code, stored.by_encounter.get(encounter_id, NO_LINES) if stored else NO_LINES)
        return [line for line in lines if line.encounter_id == encounter_id]

    def _merged(self, item_code: str, stored: Sequence[Line]) -> Sequence[Line]:
        """Return stored lines of an item with the message's.

        What recognises a line has its item in it, so only the message's lines of the item can state these.
        """
        message = self._by_item.get(item_code) if item_code else None
        if message is None:
            return stored
        return [*self._unstated(stored, message), *message] if stored else message

    def earlier(self, line: Line, since_day: int | None = None) -> list[Line]:
        """Return the other lines of the judged line's item that are not later than it, in no particular order.

        Lines without a time are in no window and are left out. `since_day` as in `lines_of`.
        """
        return _not_later(line, self.lines_of(line.item_code, since_day))

    def earlier_in_encounter(self, line: Line) -> list[Line]:
        """Return those of the `earlier` lines that are of the judged line's encounter."""
        return _not_later(line, self.lines_in_encounter(line.item_code, line.encounter_id))

    def untimed_history(self) -> int:
        """Return how many past lines, in the message and in the store, have no time and are in no window."""
        untimed = sum(line.begin is None for line in self.case.history)
        if self.stored.untimed:
            stored = [self.stored.by_identity[key] for key in self.stored.untimed]
            untimed += len(self._unstated(stored, self._message_lines()))
        return untimed

    def _message_lines(self) -> Iterator[Line]:
        return chain(self.case.lines, self.case.history)

    def prescription(self, line: Line) -> Sequence[Line]:
        """Return all lines of the judged line's prescription; where it has none, those of the encounter without one."""
        if self._by_prescription is None:
            self._by_prescription = {}
            for other in self._message_lines():
                self._by_prescription.setdefault((other.encounter_id, other.prescription_id), []).append(other)
        key = (line.encounter_id, line.prescription_id)
        message = self._by_prescription[key]
        stored = self.stored.by_prescription.get(key)
        # The message may state a stored line under another prescription, so all of its lines are asked.
        return [*self._unstated(stored, self._message_lines()), *message] if stored else message

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


def _not_later(line: Line, lines: Iterable[Line]) -> list[Line]:
    begin = line.begin
    assert begin is not None  # a line without a time is never judged
    found: list[Line] = []
    for other in lines:
        other_begin = other.begin
        if other is line or other_begin is None or other_begin > begin:
            continue
        if other_begin < begin or order_of(other) <= order_of(line):
            found.append(other)
    return found
