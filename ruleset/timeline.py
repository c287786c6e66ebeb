"""A patient's committed lines, indexed for windows.

Built once per patient (server/history.py keeps the recent ones in memory) and immutable: a commit makes a new object
in which only the groups that it touches are built anew. A rule asks for the lines of one item around some days, or of
one prescription, so the cost of a check follows what it asks for and not the length of the history.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from weakref import ref

from ruleset.case import Line, LineIdentity, Visit, identity

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

    def with_step(self, removed: Sequence[Line], added: Sequence[Line]) -> "ItemLines | None":
        """Return the lines without some and with others; None where none is left."""
        if len(removed) + len(added) > REBUILT_FROM + len(self.lines) // 8:
            gone = set(map(id, removed))
            kept = [line for line in self.lines if id(line) not in gone]
            return item_lines([*kept, *added]) if kept or added else None
        lines = changed_lines(self.lines, removed, added)
        if not lines:
            return None
        longest = self.longest_days
        if longest and any(_days_after_first(line) == longest for line in removed):
            longest = max(map(_days_after_first, lines))
        by_encounter = dict(self.by_encounter)
        for encounter_id in {line.encounter_id for line in (*removed, *added)}:
            of_removed = [line for line in removed if line.encounter_id == encounter_id]
            of_added = [line for line in added if line.encounter_id == encounter_id]
            group = changed_lines(by_encounter.pop(encounter_id, NO_LINES), of_removed, of_added)
            if group:
                by_encounter[encounter_id] = group
        days = tuple(map(_day_of, lines)) if removed else _with_days(self.days, added)
        return ItemLines(lines, days, max([longest, *map(_days_after_first, added)]), by_encounter, days[-1])


REBUILT_FROM = 16
"""So many changes, and more for more lines, are put in one by one; beyond them sorting anew is faster."""
STEPS_KEPT = 16
STEP_LINES_KEPT = 200
"""Steps, and lines of them, that a timeline remembers: what was worked out of an earlier one is carried over by them."""


def _day_of(line: Line) -> int:
    return line.begin.toordinal() if line.begin else 0


def _days_after_first(line: Line) -> int:
    if line.begin is None or line.end is None:
        return 0
    return max(0, line.end.toordinal() - line.begin.toordinal())


def _with_days(days: tuple[int, ...], added: Sequence[Line]) -> tuple[int, ...]:
    changed = list(days)
    for line in added:
        insort(changed, _day_of(line))
    return tuple(changed)


def changed_lines(lines: Sequence[Line], removed: Sequence[Line], added: Sequence[Line]) -> tuple[Line, ...]:
    """Return lines in the order of time without some of them and with others."""
    changed = list(lines)
    for line in removed:
        place = bisect_left(changed, order_of(line), key=order_of)
        while changed[place] is not line:  # others may agree with it in everything that orders them
            place += 1
        del changed[place]
    for line in added:
        insort(changed, line, key=order_of)
    return tuple(changed)


def item_lines(lines: Iterable[Line]) -> ItemLines:
    """Return lines, in whatever order they come, ready to be asked for by day and encounter."""
    ordered = tuple(sorted(lines, key=order_of))
    by_encounter: dict[str, list[Line]] = {}
    for line in ordered:
        by_encounter.setdefault(line.encounter_id, []).append(line)
    days = tuple(map(_day_of, ordered))
    return ItemLines(
        ordered,
        days,
        max(map(_days_after_first, ordered), default=0),
        {encounter_id: tuple(group) for encounter_id, group in by_encounter.items()},
        max(days, default=0),
    )


class Step(NamedTuple):
    """What made one timeline of another."""

    before: object
    """The token of the timeline before it."""
    removed: Sequence[Line]
    added: Sequence[Line]


class WorkedOut(NamedTuple):
    """What `ruleset.chart` had worked out of an earlier timeline: its `by_name` and `skin_tested`, and its token."""

    token: object
    by_name: "tuple[ref[Any], Mapping[str, Any]] | None"
    skin_tested: Sequence[Line] | None


class Timeline:
    """Committed lines of one patient. `position` is the history position they reflect (grows with every change)."""

    __slots__ = (
        "by_identity",
        "by_item",
        "by_name",
        "by_prescription",
        "earlier",
        "position",
        "skin_tested",
        "steps",
        "token",
        "untimed",
        "visits",
    )

    by_identity: Mapping[LineIdentity, Line]
    by_item: Mapping[str, ItemLines]
    """By item code; under "" are the lines without one, which are of many items."""
    by_prescription: Mapping[PrescriptionKey, Sequence[Line]]
    by_name: "tuple[ref[Any], Mapping[str, Any]] | None"
    """Lines by substance, class and list, as some source of rows knows them: `ruleset.chart` works them out at the
    first need, and again for another source. A line without an item code is found by these alone."""
    skin_tested: Sequence[Line] | None
    """Lines that state a positive skin test, found by `ruleset.chart` at the first need: few among many."""
    earlier: WorkedOut | None
    """The same of an earlier timeline, from which these follow by `steps`: a commit to a long history then costs what
    it changes."""
    steps: tuple[Step, ...]
    """The latest steps that led here, oldest first."""
    token: object
    """What tells this timeline from every other."""
    untimed: frozenset[LineIdentity]
    """Lines without a time, which are in no window."""
    visits: Mapping[str, Visit]
    """The committed encounters by id, as they were last stated; none whose lines are all voided."""
    position: int

    def __init__(self, lines: Iterable[Line] = (), position: int = 0, visits: Iterable[Visit] = ()) -> None:
        empty: Timeline = object.__new__(Timeline)
        empty.by_identity, empty.by_item, empty.by_prescription = {}, {}, {}
        empty.untimed, empty.visits, empty.by_name, empty.skin_tested = frozenset(), {}, None, None
        empty.earlier, empty.steps, empty.token = None, (), object()
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
        voided = tuple(voided)
        removed = [line for key in voided if (line := by_identity.pop(key, None)) is not None]
        added: dict[LineIdentity, Line] = {}
        for line in committed:
            key = identity(line)
            old = by_identity.pop(key, None)
            if old is not None and key not in added:
                removed.append(old)
            by_identity[key] = added[key] = line
        lines = tuple(added.values())
        changed: Timeline = object.__new__(Timeline)
        changed.by_identity = by_identity
        changed.by_name = changed.skin_tested = None
        changed.token = object()
        changed.steps = self._steps_with(removed, lines)
        changed.earlier = self._worked_out()
        changed.position = position
        changed.untimed = self._untimed_with(removed, added)
        changed.by_item = self._items_with(removed, lines)
        changed.by_prescription = self._prescriptions_with(removed, lines)
        changed.visits = self._visits_with(visits, voided, changed.by_prescription)
        return changed

    def with_visits(self, visits: Iterable[Visit], position: int) -> "Timeline":
        """Return the timeline with these visits and no others."""
        changed = self.with_changes((), (), position)
        changed.visits = {visit.id: visit for visit in visits}
        return changed

    def _steps_with(self, removed: Sequence[Line], added: Sequence[Line]) -> tuple[Step, ...]:
        steps = (*self.steps, Step(self.token, removed, added))[-STEPS_KEPT:]
        while steps and sum(len(step.removed) + len(step.added) for step in steps) > STEP_LINES_KEPT:
            steps = steps[1:]
        return steps

    def steps_since(self, token: object) -> Sequence[Step] | None:
        """Return the steps from the timeline with a token to this one; None where they are no longer known."""
        for number, step in enumerate(self.steps):
            if step.before is token:
                return self.steps[number:]
        return None

    def _worked_out(self) -> WorkedOut | None:
        if self.by_name is None and self.skin_tested is None:
            return self.earlier
        return WorkedOut(self.token, self.by_name, self.skin_tested)

    def _untimed_with(self, removed: Sequence[Line], added: Mapping[LineIdentity, Line]) -> frozenset[LineIdentity]:
        gone = {identity(line) for line in removed if line.begin is None}
        new = {key for key, line in added.items() if line.begin is None}
        return (self.untimed - gone) | new if gone or new else self.untimed

    def _visits_with(
        self, visits: Iterable[Visit], voided: Sequence[LineIdentity], known: Iterable[PrescriptionKey]
    ) -> Mapping[str, Visit]:
        new = {visit.id: visit for visit in visits}
        changed = {**self.visits, **new} if new else self.visits
        if voided:
            emptied = {key[0] for key in voided}.difference(key[0] for key in known)
            changed = {encounter_id: visit for encounter_id, visit in changed.items() if encounter_id not in emptied}
        return changed

    def _items_with(self, removed: Sequence[Line], added: Sequence[Line]) -> Mapping[str, ItemLines]:
        by_item = dict(self.by_item)
        for code, (out, into) in _grouped(removed, added, lambda line: line.item_code).items():
            old = by_item.pop(code, None)
            new = old.with_step(out, into) if old is not None else item_lines(into)
            if new is not None:
                by_item[code] = new
        return by_item

    def _prescriptions_with(
        self, removed: Sequence[Line], added: Sequence[Line]
    ) -> Mapping[PrescriptionKey, Sequence[Line]]:
        by_prescription = dict(self.by_prescription)
        groups = _grouped(removed, added, lambda line: (line.encounter_id, line.prescription_id))
        for key, (out, into) in groups.items():
            old = by_prescription.pop(key, NO_LINES)
            lines = changed_lines(old, out, into) if old else tuple(sorted(into, key=order_of))
            if lines:
                by_prescription[key] = lines
        return by_prescription


Group = TypeVar("Group", bound=Hashable)


def _grouped(
    removed: Sequence[Line], added: Sequence[Line], group: Callable[[Line], Group]
) -> dict[Group, tuple[list[Line], list[Line]]]:
    """Return what is removed and what is added, by group."""
    groups: dict[Group, tuple[list[Line], list[Line]]] = {}
    for place, lines in enumerate((removed, added)):
        for line in lines:
            groups.setdefault(group(line), ([], []))[place].append(line)
    return groups


EMPTY = Timeline()
