"""A patient's committed lines, indexed for windows.

Built once per patient (server/history.py keeps the recent ones in memory) and immutable: a commit makes a new object
in which only the groups that it touches are built anew. A rule asks for the lines of one item around some days, or of
one prescription, so the cost of a check follows what it asks for and not the length of the history.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from weakref import ref

from ruleset.case import Line, LineContent, LineIdentity, Visit, content_of, identity

NO_LINES: tuple[Line, ...] = ()

PrescriptionKey = tuple[str, str]
"""Encounter id and prescription id ("" for the lines of the encounter that have none)."""


def order_of(line: Line) -> tuple[datetime, str, int]:
    """Return the key that orders lines in time; at equal times by order id, then by place in the message.

    A line without a time sorts first, where it counts against nobody; windows leave it out.
    """
    return (line.begin or datetime.min, line.order_id, line.position)


def line_order(line: Line) -> tuple[str, str, str, datetime, int]:
    """Return the key that orders lines in an answer, whatever their order in the message."""
    return (line.encounter_id, line.order_id, line.item_code or line.name, line.begin or datetime.min, line.ordinal)


class ItemLines(NamedTuple):
    """The lines of one item in the order of time, with the day (ordinal) that each begins; 0 for one without a time."""

    lines: tuple[Line, ...]
    days: tuple[int, ...]
    longest_days: int
    """How many days after its first one the longest of the lines ends; how far a window must look back."""
    by_encounter: Mapping[str, tuple[Line, ...]]
    until: int
    """The last day (ordinal) on which a line of the item begins; 0 where none has a time."""

    def since(self, day: int) -> tuple[Line, ...]:
        """Return at least every line that reaches `day` or later."""
        return self.lines[bisect_left(self.days, day - self.longest_days) :]


def item_lines(lines: Iterable[Line]) -> ItemLines:
    """Return lines, in whatever order they come, ready to be asked for by day and encounter."""
    ordered = tuple(sorted(lines, key=order_of))
    longest = 0
    for line in ordered:
        if line.begin is not None and line.end is not None:
            longest = max(longest, line.end.toordinal() - line.begin.toordinal())
    by_encounter: dict[str, list[Line]] = {}
    for line in ordered:
        by_encounter.setdefault(line.encounter_id, []).append(line)
    return ItemLines(
        ordered,
        tuple(line.begin.toordinal() if line.begin else 0 for line in ordered),
        longest,
        {encounter_id: tuple(group) for encounter_id, group in by_encounter.items()},
        max((line.begin.toordinal() for line in ordered if line.begin), default=0),
    )


class Timeline:
    """Committed lines of one patient. `position` is the history position they reflect (grows with every change)."""

    __slots__ = (
        "by_content",
        "by_identity",
        "by_item",
        "by_name",
        "by_prescription",
        "position",
        "skin_tested",
        "untimed",
        "visits",
    )

    by_identity: Mapping[LineIdentity, Line]
    by_content: Mapping[LineContent, tuple[LineIdentity, ...]]
    by_item: Mapping[str, ItemLines]
    by_prescription: Mapping[PrescriptionKey, Sequence[Line]]
    by_name: "tuple[ref[Any], Mapping[str, Any]] | None"
    """Lines by substance, class and list, as some source of rows knows them: `ruleset.chart` works them out at the
    first need, and again for another source. A line without an item code is found by these alone."""
    skin_tested: Sequence[Line] | None
    """Lines that state a positive skin test, found by `ruleset.chart` at the first need: few among many."""
    untimed: frozenset[LineIdentity]
    """Lines without a time, which are in no window."""
    visits: Mapping[str, Visit]
    """The committed encounters by id, as they were last stated; none whose lines are all voided."""
    position: int

    def __init__(self, lines: Iterable[Line] = (), position: int = 0, visits: Iterable[Visit] = ()) -> None:
        empty: Timeline = object.__new__(Timeline)
        empty.by_identity, empty.by_content, empty.by_item, empty.by_prescription = {}, {}, {}, {}
        empty.untimed, empty.visits, empty.by_name, empty.skin_tested = frozenset(), {}, None, None
        full = empty.with_changes(lines, (), position, visits)
        for name in Timeline.__slots__:
            setattr(self, name, getattr(full, name))

    def __len__(self) -> int:
        return len(self.by_identity)

    def with_changes(
        self,
        committed: Iterable[Line],
        voided: Iterable[LineIdentity],
        position: int,
        visits: Iterable[Visit] = (),
    ) -> "Timeline":
        """Return the timeline after a void and a commit.

        A line of a known identity replaces the old one, a visit that of the same id. Where a void leaves an
        encounter without a line, its visit goes too: what is taken back did not happen.
        """
        by_identity = dict(self.by_identity)
        by_content = dict(self.by_content)
        items: set[str] = set()
        prescriptions: set[PrescriptionKey] = set()
        untimed = set(self.untimed)

        def forget(key: LineIdentity) -> None:
            old = by_identity.pop(key, None)
            if old is not None:
                content = content_of(old)
                by_content[content] = tuple(other for other in by_content[content] if other != key)
                items.add(old.item_code)
                prescriptions.add((old.encounter_id, old.prescription_id))
                untimed.discard(key)

        voided = tuple(voided)
        for key in voided:
            forget(key)
        added: dict[LineIdentity, Line] = {}
        for line in committed:
            key = identity(line)
            forget(key)
            by_identity[key] = added[key] = line
            by_content[content_of(line)] = (*by_content.get(content_of(line), ()), key)
            items.add(line.item_code)
            prescriptions.add((line.encounter_id, line.prescription_id))
            if line.begin is None:
                untimed.add(key)
        changed = object.__new__(Timeline)
        changed.by_identity = by_identity
        changed.by_content = by_content
        changed.by_name = changed.skin_tested = None
        changed.position = position
        changed.untimed = frozenset(untimed)
        changed.visits = self._visits_with(visits, voided, by_identity)
        changed.by_item = self._items_with(items, by_identity, added)
        changed.by_prescription = self._prescriptions_with(prescriptions, by_identity, added)
        return changed

    def _visits_with(
        self, visits: Iterable[Visit], voided: Sequence[LineIdentity], known: Iterable[LineIdentity]
    ) -> Mapping[str, Visit]:
        changed = {**self.visits, **{visit.id: visit for visit in visits}}
        if voided:
            emptied = {key[0] for key in voided}.difference(key[0] for key in known)
            changed = {encounter_id: visit for encounter_id, visit in changed.items() if encounter_id not in emptied}
        return changed

    def _items_with(
        self, touched: set[str], known: Mapping[LineIdentity, Line], added: Mapping[LineIdentity, Line]
    ) -> dict[str, ItemLines]:
        groups: dict[str, list[Line]] = {code: [] for code in touched if code}
        for line in added.values():
            if line.item_code:
                groups[line.item_code].append(line)
        by_item = dict(self.by_item)
        for code, lines in groups.items():
            old = by_item.pop(code, None)
            kept = [line for line in old.lines if _stays(line, known, added)] if old is not None else []
            if kept or lines:
                by_item[code] = item_lines([*kept, *lines])
        return by_item

    def _prescriptions_with(
        self, touched: set[PrescriptionKey], known: Mapping[LineIdentity, Line], added: Mapping[LineIdentity, Line]
    ) -> dict[PrescriptionKey, Sequence[Line]]:
        groups: dict[PrescriptionKey, list[Line]] = {key: [] for key in touched}
        for line in added.values():
            groups[line.encounter_id, line.prescription_id].append(line)
        by_prescription = dict(self.by_prescription)
        for key, lines in groups.items():
            kept = [line for line in by_prescription.pop(key, ()) if _stays(line, known, added)]
            if kept or lines:
                by_prescription[key] = tuple(sorted([*kept, *lines], key=order_of))
        return by_prescription


def _stays(line: Line, known: Mapping[LineIdentity, Line], added: Mapping[LineIdentity, Line]) -> bool:
    """Say whether a line is neither voided nor replaced by a line of the same identity."""
    key = identity(line)
    return key in known and key not in added


EMPTY = Timeline()
