"""Patients' histories in memory, backed by the store.

A check reads an immutable `Timeline`. What is in memory is what the store had when it was last looked at: another process may
have written since, so the record of a decision says up to where its history was read, and the store refuses it where
there is more (`StaleHistoryError`). A commit or a void writes the store first.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, time
from typing import NamedTuple, TypeVar

from cachetools import LRUCache

from ruleset.case import Encounter, Line, Visit
from ruleset.timeline import EMPTY, Timeline, order_of
from server import clock, limits
from server.folding import Folded, effective_text
from server.store import Decision, Draft, Event, StaleHistoryError, Store, StoreError, Void
from server.store.store import encode

LOCKS = 64
"""Patients are spread over so many locks: one whose history is long to read keeps few others waiting."""
PATIENT_BYTES = 2_000
LINE_BYTES_PER_STORED_BYTE = 7
"""What a history takes in memory, reckoned from what it takes in the store: structs, numbers and indexes. Measured by
tests/store/test_memory.py."""


class Seen(NamedTuple):
    """A patient's history as a check sees it."""

    timeline: Timeline
    changed_at: str
    """When it last changed, ISO 8601 with offset; empty: never."""
    is_current: bool
    """Whether the store was read for it just now. What comes from memory may be behind."""
    is_known: bool = True
    """False where the store could not be read, and nothing is in memory."""


NOBODY = Seen(EMPTY, "", is_current=True)
UNKNOWN = Seen(EMPTY, "", is_current=False, is_known=False)


class Change(NamedTuple):
    """What a commit or void did: lines affected, and the patient's history position after it."""

    lines: int
    position: int
    superseded: int = 0
    """Lines that came too late: a later statement or void was there already."""


class Recent(NamedTuple):
    """A patient's stored history as it is told: the newest lines and visits, and how many there are."""

    lines: tuple[Line, ...]
    visits: tuple[Visit, ...]
    lines_total: int
    visits_total: int
    position: int
    changed_at: str
    """When it last changed, ISO 8601 with offset; empty: never."""
    age_s: int | None


class Statement(NamedTuple):
    """Lines that a message states, with what the message says of their time and of whence it comes."""

    patient_id: str
    lines: Sequence[Line]
    visit: Visit | None
    stated: datetime | None
    """The message's own time, naive in the site's zone."""
    received: datetime
    """The time of receipt in the site's zone, with its offset."""
    source: str
    by_content: bool = False
    midnight_is_time: bool = False
    """Whether a stated time of midnight is one. In a message it may be a date alone, and then says nothing of what came first."""


def visit_of(encounter: Encounter) -> Visit | None:
    """Return the current encounter as history keeps it; None for one without an id, which nothing could find again."""
    if not encounter.id:
        return None
    return Visit(**{name: getattr(encounter, name) for name in Visit.__struct_fields__})


class _Held:
    """A history in memory, and until when."""

    __slots__ = ("folded", "until")

    def __init__(self, folded: Folded, until: int) -> None:
        self.folded = folded
        self.until = until


def _bytes_of(held: _Held) -> int:
    return PATIENT_BYTES + LINE_BYTES_PER_STORED_BYTE * held.folded.stored_bytes


class History:
    """The recent histories, bounded by bytes and age. Safe for any number of threads."""

    def __init__(self, store: Store, bytes_max: int, age_max_s: float = 24 * 3600.0) -> None:
        self._store = store
        self._age_max_s = age_max_s
        self._cache: LRUCache[str, _Held] = LRUCache(maxsize=max(1, bytes_max), getsizeof=_bytes_of)
        self._cache_lock = threading.Lock()
        self._locks = [threading.Lock() for _ in range(LOCKS)]
        self.hits = 0
        self.misses = 0

    def of(self, patient_id: str, until: int | None = None) -> Seen:
        """Return the patient's committed lines and visits; nothing for an empty id. Raises StoreError."""
        if not patient_id:
            return NOBODY
        seen = self.in_memory(patient_id)
        if seen is not None:
            self.hits += 1
            return seen
        return self.again(patient_id, until)

    def in_memory(self, patient_id: str) -> Seen | None:
        """Return what is in memory, without a look at the store; None where nothing is."""
        if not patient_id:
            return NOBODY
        folded = self._held(patient_id)
        return Seen(folded.timeline, folded.changed_at, is_current=False) if folded is not None else None

    def again(self, patient_id: str, until: int | None = None) -> Seen:
        """Return the same as the store has it now. Raises StoreError."""
        if not patient_id:
            return NOBODY
        with self._turn_of(patient_id, until):
            folded = self._caught_up(patient_id, until)
            return Seen(folded.timeline, folded.changed_at, is_current=True)

    def _held(self, patient_id: str) -> Folded | None:
        with self._cache_lock:
            held = self._cache.get(patient_id)
        if held is None or clock.ticks_us() >= held.until:
            return None
        return held.folded

    def _lock_of(self, patient_id: str) -> threading.Lock:
        return self._locks[hash(patient_id) % LOCKS]

    @contextmanager
    def _turn_of(self, patient_id: str, until: int | None) -> Iterator[None]:
        """Wait for those of the same lock, as long as the store may take and no longer. Raises StoreError."""
        lock = self._lock_of(patient_id)
        until = until or clock.moment(limits.STORE_WAIT_MAX_S)
        if not lock.acquire(timeout=max(0.0, (until - clock.ticks_us()) / 1e6)):
            raise StoreError("store: busy with another call of a patient")
        try:
            yield
        finally:
            lock.release()

    def _caught_up(self, patient_id: str, until: int | None) -> Folded:
        """Return the history with every event that the store has. The caller holds the patient's lock."""
        folded = self._held(patient_id)
        if folded is None:
            self.misses += 1
            folded = Folded()
        folded.apply(self._store.events(patient_id, after=folded.position, until=until))
        self._keep(patient_id, folded)
        return folded

    def _keep(self, patient_id: str, folded: Folded) -> None:
        held = _Held(folded, clock.moment(self._age_max_s))
        with self._cache_lock:
            self._cache.pop(patient_id, None)
            if _bytes_of(held) <= self._cache.maxsize:
                self._cache[patient_id] = held

    def recent(
        self, patient_id: str, since: datetime | None, most: int, now: datetime, until: int | None = None
    ) -> Recent:
        """Return at most so many lines and visits, newest first; with `since`, those that begin then or later.

        Those without a time come last, and not at all with `since`. Raises StoreError.
        """
        seen = self.again(patient_id, until)
        timeline = seen.timeline
        lines = _newest_first(timeline.by_identity.values(), since, order_of)
        visits = _newest_first(timeline.visits.values(), since, _order_of_visit)
        age_s = (
            max(0, int((now - datetime.fromisoformat(seen.changed_at)).total_seconds())) if seen.changed_at else None
        )
        return Recent(
            tuple(lines[:most]),
            tuple(visits[:most]),
            len(lines),
            len(visits),
            timeline.position,
            seen.changed_at,
            age_s,
        )

    def commit(
        self,
        statement: Statement,
        decide: Callable[[int], Decision] | None = None,
        *,
        unless_after: int | None = None,
        until: int | None = None,
    ) -> Change:
        """Commit the lines that are new or changed, and their visit if it is; a repeated commit changes nothing.

        `decide` is given the number of committed lines and returns the decision that is recorded with them, in one
        transaction. With `unless_after`, a position, nothing is done where the history has a later event. Raises
        StaleHistoryError, DuplicateRequestError, StoreError, or what `decide` raises; then nothing has changed, but for
        OutcomeUnknownError: then it may have, wholly. A commit that is repeated is safe either way.
        """
        is_timed = statement.stated is not None and (statement.midnight_is_time or statement.stated.time() != time.min)
        received = statement.received.replace(tzinfo=None)
        effective = effective_text(statement.stated if is_timed and statement.stated is not None else received)
        patient_id = statement.patient_id
        with self._turn_of(patient_id, until):
            folded = self._caught_up(patient_id, until)
            outcome = Change(0, 0)

            def work(events: Sequence[Event]) -> Draft:
                nonlocal outcome
                folded.apply(events)
                if unless_after is not None and folded.position > unless_after:
                    raise StaleHistoryError("store: the patient's history has changed meanwhile")
                plan = folded.plan(
                    statement.lines, statement.visit, effective, is_timed=is_timed, by_content=statement.by_content
                )
                outcome = Change(plan.changed, folded.position, plan.superseded)
                event = None
                if plan.commit is not None:
                    recorded_at = statement.received.isoformat()
                    content = encode(plan.commit)
                    event = Event(0, patient_id, "commit", plan.effective, recorded_at, statement.source, content)
                return Draft(event, decide(plan.changed) if decide is not None else None)

            event = self._store.change(patient_id, folded.position, work, until=until)
            return self._changed(patient_id, folded, event, outcome)

    def void(
        self,
        patient_id: str,
        void: Void,
        *,
        stated: datetime | None,
        received: datetime,
        source: str,
        until: int | None = None,
    ) -> Change:
        """Take lines back out, also those that arrive later and were stated before. Raises StoreError as `commit` does.

        The same again, as of the same time, changes nothing. Without a stated time it holds from its receipt, and not before what it takes back: the clock of the HIS may be
        ahead of ours.
        """
        now = effective_text(received.replace(tzinfo=None))
        with self._turn_of(patient_id, until):
            folded = self._caught_up(patient_id, until)
            outcome = Change(0, 0)

            def work(events: Sequence[Event]) -> Draft:
                nonlocal outcome
                folded.apply(events)
                effective = effective_text(stated) if stated is not None else max(now, folded.latest_of(void))
                outcome = Change(folded.taken_by(void, effective), folded.position)
                if folded.is_told(void, effective):
                    return Draft(None)
                return Draft(Event(0, patient_id, "void", effective, received.isoformat(), source, encode(void)))

            event = self._store.change(patient_id, folded.position, work, until=until)
            return self._changed(patient_id, folded, event, outcome)

    def _changed(self, patient_id: str, folded: Folded, event: Event | None, outcome: Change) -> Change:
        """Take in what the store has taken. The caller holds the patient's lock."""
        if event is None:
            return outcome
        folded.apply([event])
        self._keep(patient_id, folded)
        return outcome._replace(position=event.position)

    def weight_bytes(self) -> int:
        """Return what the histories in memory take, as far as it can be reckoned."""
        with self._cache_lock:
            return int(self._cache.currsize)


Begun = TypeVar("Begun", Line, Visit)


def _newest_first(
    entries: Iterable[Begun], since: datetime | None, order: Callable[[Begun], tuple[datetime, str, int]]
) -> list[Begun]:
    """Return what begins at `since` or later, the last in its order first."""
    begun = (entry for entry in entries if since is None or (entry.begin is not None and entry.begin >= since))
    return sorted(begun, key=order, reverse=True)


def _order_of_visit(visit: Visit) -> tuple[datetime, str, int]:
    return (visit.begin or datetime.min, visit.id, 0)
