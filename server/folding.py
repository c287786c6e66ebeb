"""A patient's history from its events, whatever their order.

Theory of operation
===================
Of each line there is a latest statement: the one with the latest effective time, of equal ones that received later.
Voids are kept as they were asked. A line is in the history where no void that matches its latest statement is as late
or later. Both are maxima, so it does not matter in which order the events came. A visit is in the history as it was last
stated, while any line of its encounter is.

What would change nothing is not stored: an exact repeat, and a statement of a line of which there is a later one. A
repeat with a later time is stored, although the lines stay as they are: a void between the two, which may arrive yet, takes
back the first and not the second.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from ruleset.case import Line, LineContent, LineIdentity, Visit, content_of, identity
from ruleset.timeline import EMPTY, Timeline
from server.store import Commit, Event, Void
from server.store import content_of as said_by

ContentKey = tuple[LineContent, int]
Key = LineIdentity | ContentKey
"""What makes two statements those of one line: its identity; or its content, and how many equal ones stood before it."""


class Statement(NamedTuple):
    """The latest statement of a line."""

    effective: str
    line: Line


class Plan(NamedTuple):
    """What of a commit is to be stored, and what it changes."""

    commit: Commit | None
    """None where it changes nothing."""
    changed: int
    """Lines that are then in the history and were not, or otherwise."""
    superseded: int
    """Lines that came too late: a later statement or void is there already."""
    effective: str


def effective_text(moment: datetime) -> str:
    """Return a naive time as events have it: all of one length, so that texts sort as times."""
    return moment.isoformat(timespec="microseconds")


class Folded:
    """One patient's history. Not safe for several threads; its `timeline` never changes, it is replaced."""

    __slots__ = ("_in_encounter", "_latest", "_sharing", "_visits", "_voids", "changed_at", "stored_bytes", "timeline")

    def __init__(self) -> None:
        self.timeline: Timeline = EMPTY
        self.changed_at = ""
        """When the last event was recorded, ISO 8601 with offset; empty: there is none."""
        self.stored_bytes = 0
        self._latest: dict[Key, Statement] = {}
        self._voids: dict[str, list[tuple[str, Void]]] = {}
        self._visits: dict[str, tuple[str, Visit]] = {}
        self._in_encounter: Counter[str] = Counter()
        """Lines in the history, by encounter."""
        self._sharing: dict[LineIdentity, set[ContentKey]] = {}
        """Lines recognised by content, by the identity of their latest statement: several may share one."""

    @property
    def position(self) -> int:
        """The position of the last event."""
        return self.timeline.position

    def apply(self, events: Iterable[Event]) -> None:
        """Take events in, in the order of their positions; those that are in already are passed over."""
        touched: set[Key] = set()
        identities: set[LineIdentity] = set()
        encounters: set[str] = set()
        voids: list[Void] = []
        position = self.position
        for event in events:
            if event.position <= position:
                continue
            position, self.changed_at = event.position, event.recorded_at
            self.stored_bytes += len(event.content)
            said = said_by(event)
            if isinstance(said, Void):
                voids.append(said)
                self._voids.setdefault(said.encounter_id, []).append((event.effective, said))
                continue
            for key, line in _keyed(said):
                if self._state(key, Statement(event.effective, line), identities):
                    touched.add(key)
            if said.visit is not None and event.effective >= self._visits.get(said.visit.id, ("",))[0]:
                self._visits[said.visit.id] = (event.effective, said.visit)
                encounters.add(said.visit.id)
        if position == self.position:
            return
        if voids:
            touched.update(
                key for key, known in self._latest.items() if any(void.matches(known.line) for void in voids)
            )
        identities.update(identity(self._latest[key].line) for key in touched)
        self._replace_timeline(identities, encounters, position)

    def _state(self, key: Key, statement: Statement, identities: set[LineIdentity]) -> bool:
        """Keep a statement if it is the latest of its line; the identity of that before it is added to `identities`."""
        known = self._latest.get(key)
        if known is not None and statement.effective < known.effective:
            return False
        self._latest[key] = statement
        if len(key) == 2:  # recognised by content
            if known is not None:
                before = identity(known.line)
                identities.add(before)
                self._sharing[before].discard(key)
            self._sharing.setdefault(identity(statement.line), set()).add(key)
        return True

    def _replace_timeline(self, identities: set[LineIdentity], encounters: set[str], position: int) -> None:
        """Make the timeline in which the lines of these identities are as they now are."""
        before = self.timeline.by_identity
        committed: list[Line] = []
        voided: list[LineIdentity] = []
        for one in identities:
            live = self._live(one)
            known = before.get(one)
            if live is None:
                if known is not None:
                    voided.append(one)
                    self._in_encounter[one[0]] -= 1
            elif live != known:
                committed.append(live)
                self._in_encounter[one[0]] += known is None
            encounters.add(one[0])
        visits = [self._visits[one][1] for one in encounters if self._in_encounter[one] and one in self._visits]
        self.timeline = self.timeline.with_changes(committed, voided, position, visits)

    def _live(self, one: LineIdentity) -> Line | None:
        """Return the line of an identity that is in the history: of several that share it, the one stated last."""
        keys: tuple[Key, ...] = (one, *self._sharing.get(one, ()))
        statements = [known for key in keys if (known := self._latest.get(key)) and not self._is_void(known)]
        if len(statements) <= 1:
            return statements[0].line if statements else None
        return max(statements, key=lambda known: (known.effective, str(content_of(known.line)))).line

    def _is_void(self, statement: Statement) -> bool:
        voids = self._voids.get(statement.line.encounter_id, ())
        return any(effective >= statement.effective and void.matches(statement.line) for effective, void in voids)

    def plan(
        self, lines: Sequence[Line], visit: Visit | None, effective: str, *, is_timed: bool, by_content: bool
    ) -> Plan:
        """Say what a commit of lines would change, at a time that the message states, or (not `is_timed`) that of receipt.

        What states no time is taken as it comes: after all that there is of its lines, also where our clock was ahead.
        """
        numbers = self._numbers(lines) if by_content else [0] * len(lines)
        told = [
            (line, number, (content_of(line), number) if by_content else identity(line))
            for line, number in zip(lines, numbers, strict=True)
            if number is not None
        ]
        if not is_timed:
            latest = max((self._latest_about(key, line) for line, _, key in told), default="")
            effective = max(effective, _just_after(latest)) if latest else effective
        stored: list[Line] = []
        stored_numbers: list[int] = []
        changed = superseded = 0
        for line, number, key in told:
            known = self._latest.get(key)
            is_there = known is not None and not self._is_void(known)
            is_same = known is not None and (by_content or known.line == line)
            if known is not None and known.effective > effective:
                superseded += not (is_there and is_same)
                continue
            if known is not None and is_same and (known.effective == effective or (is_there and not is_timed)):
                superseded += not is_there
                continue
            stored.append(line)
            stored_numbers.append(number)
            if self._is_void(Statement(effective, line)):
                superseded += 1
            elif not (is_there and is_same):
                changed += 1
        commit = None
        if stored or (lines and self._is_new(visit, effective)):
            commit = Commit(tuple(stored), visit, tuple(stored_numbers) if by_content else ())
        return Plan(commit, changed, superseded, effective)

    def _latest_about(self, key: Key, line: Line) -> str:
        """Return the latest time of anything that was said of a line; "" for nothing."""
        known = self._latest.get(key)
        said = [known.effective] if known is not None else []
        said += [time for time, void in self._voids.get(line.encounter_id, ()) if void.matches(line)]
        return max(said, default="")

    def _numbers(self, lines: Sequence[Line]) -> list[int | None]:
        """Return for each line how many of its content stood before it; None for one that is there by its identity.

        A site may have been told by identity before its profile said that it must be told by content.
        """
        seen: Counter[LineContent] = Counter()
        numbers: list[int | None] = []
        for line in lines:
            content = content_of(line)
            by_identity = sum(
                content_of(one) == content and identity(one) in self._latest for one in self._of_item(line)
            )
            number = seen[content] - by_identity
            seen[content] += 1
            numbers.append(number if number >= 0 else None)
        return numbers

    def _of_item(self, line: Line) -> Iterable[Line]:
        """Return at least the lines in the history that may have a line's content."""
        if not line.item_code:
            return self.timeline.by_identity.values()
        known = self.timeline.by_item.get(line.item_code)
        return known.by_encounter.get(line.encounter_id, ()) if known is not None else ()

    def _is_new(self, visit: Visit | None, effective: str) -> bool:
        """Say whether a visit is stated otherwise than it was before."""
        if visit is None:
            return False
        known = self._visits.get(visit.id)
        return known is None or (known[0] <= effective and known[1] != visit)

    def taken_by(self, void: Void, effective: str) -> int:
        """Return how many lines that are in the history a void takes back that holds from a time."""
        return sum(known.effective <= effective for known in self._matching(void))

    def is_told(self, void: Void, effective: str) -> bool:
        """Say whether the very same was taken back as of the same time: to say it again changes nothing."""
        return (effective, void) in self._voids.get(void.encounter_id, ())

    def latest_of(self, void: Void) -> str:
        """Return the latest effective time of what a void speaks of and is in the history; "" where there is nothing."""
        return max((known.effective for known in self._matching(void)), default="")

    def _matching(self, void: Void) -> Iterator[Statement]:
        return (known for known in self._latest.values() if void.matches(known.line) and not self._is_void(known))


def _just_after(effective: str) -> str:
    return effective_text(datetime.fromisoformat(effective) + timedelta(microseconds=1))


def _keyed(commit: Commit) -> Iterator[tuple[Key, Line]]:
    """Yield the lines of a commit with what recognises them."""
    if not commit.numbers:
        for line in commit.lines:
            yield identity(line), line
        return
    for line, number in zip(commit.lines, commit.numbers, strict=True):
        yield (content_of(line), number), line


def folded(events: Iterable[Event]) -> Folded:
    """Return the history that events come to."""
    history = Folded()
    history.apply(events)
    return history
