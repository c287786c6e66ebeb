"""Patients' histories in memory, backed by the store.

A check reads an immutable `Timeline`; a commit or a void writes the store first and then puts a new timeline in the
cache, so nothing is ever in memory that is not on disk, and the next check sees it.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from cachetools import LRUCache

from ruleset.case import Encounter, Line, LineContent, LineIdentity, Visit, content_of, identity
from ruleset.timeline import EMPTY, Timeline, order_of
from server.store import Store


class Change(NamedTuple):
    """What a commit or void did: lines affected, and the patient's history position after it."""

    lines: int
    position: int


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


Write = Callable[[Sequence[Line], Sequence[Visit]], int]
"""Stores lines and visits; returns the history position after them."""


def visit_of(encounter: Encounter) -> Visit | None:
    """Return the current encounter as history keeps it; None for one without an id, which nothing could find again."""
    if not encounter.id:
        return None
    return Visit(**{name: getattr(encounter, name) for name in Visit.__struct_fields__})


def _weight(timeline: Timeline) -> int:
    return len(timeline) + len(timeline.visits) + 1


class History:
    """The recent histories, bounded by their number of lines. Safe for any number of threads."""

    def __init__(self, store: Store, lines_max: int) -> None:
        self._store = store
        self._cache: LRUCache[str, Timeline] = LRUCache(maxsize=max(1, lines_max), getsizeof=_weight)
        self._cache_lock = threading.Lock()
        self._change_lock = threading.Lock()
        self.hits = 0
        self.misses = 0

    def of(self, patient_id: str) -> Timeline:
        """Return the patient's committed lines and visits; nothing for an empty id. Raises StoreError."""
        if not patient_id:
            return EMPTY
        with self._cache_lock:
            timeline = self._cache.get(patient_id)
        if timeline is not None:
            self.hits += 1
            return timeline
        # A commit between reading and keeping would be lost from memory: load under the lock that commits take.
        with self._change_lock:
            return self._loaded(patient_id)

    def _loaded(self, patient_id: str) -> Timeline:
        """Return the timeline from memory or the store. The caller holds the change lock."""
        with self._cache_lock:
            timeline = self._cache.get(patient_id)
        if timeline is None:
            self.misses += 1
            timeline = self._store.timeline(patient_id)
            self._keep(patient_id, timeline)
        return timeline

    def _keep(self, patient_id: str, timeline: Timeline) -> None:
        with self._cache_lock:
            self._cache.pop(patient_id, None)
            if _weight(timeline) <= self._cache.maxsize:
                self._cache[patient_id] = timeline

    def recent(self, patient_id: str, since: datetime | None, most: int, now: datetime) -> Recent:
        """Return at most so many lines and visits, newest first; with `since`, those that begin then or later.

        Those without a time come last, and not at all with `since`. Raises StoreError.
        """
        timeline = self.of(patient_id)
        lines = _newest_first(timeline.by_identity.values(), since, order_of)
        visits = _newest_first(timeline.visits.values(), since, _order_of_visit)
        changed_at = self._store.recorded_at(timeline.position)
        age_s = max(0, int((now - datetime.fromisoformat(changed_at)).total_seconds())) if changed_at else None
        return Recent(
            tuple(lines[:most]), tuple(visits[:most]), len(lines), len(visits), timeline.position, changed_at, age_s
        )

    def commit(
        self,
        patient_id: str,
        lines: Sequence[Line],
        write: Write,
        *,
        visit: Visit | None = None,
        same_line_by_content: bool = False,
    ) -> Change:
        """Commit the lines that are new or changed, and their visit if it is; a repeated commit changes nothing.

        `write` stores them (it is called even if there are none). A visit without lines is no visit: it could never be
        taken back. Raises what `write` raises; then nothing has changed.
        """
        with self._change_lock:
            timeline = self._loaded(patient_id)
            if same_line_by_content:
                changed = _new_by_content(lines, timeline)
            else:
                changed = [line for line in lines if timeline.by_identity.get(identity(line)) != line]
            is_new = visit is not None and bool(lines) and timeline.visits.get(visit.id) != visit
            visits = (visit,) if visit is not None and is_new else ()
            position = write(changed, visits)
            if not changed and not visits:
                return Change(0, timeline.position)
            self._keep(patient_id, timeline.with_changes(changed, (), position, visits))
            return Change(len(changed), position)

    def void(self, patient_id: str, chosen: Callable[[Line], bool], recorded_at: str, source: str) -> Change:
        """Take the chosen lines back out. Raises StoreError; then nothing has changed."""
        with self._change_lock:
            timeline = self._loaded(patient_id)
            keys: list[LineIdentity] = [key for key, line in timeline.by_identity.items() if chosen(line)]
            if not keys:
                return Change(0, timeline.position)
            lines = [timeline.by_identity[key] for key in keys]
            position = self._store.append_history(patient_id, "void", recorded_at, source, lines)
            self._keep(patient_id, timeline.with_changes((), keys, position))
            return Change(len(lines), position)

    def committed_lines(self) -> int:
        """Return how many lines are in memory."""
        with self._cache_lock:
            return int(self._cache.currsize)


def _new_by_content(lines: Sequence[Line], timeline: Timeline) -> list[Line]:
    """Return the lines that are not stored yet; of equal ones, those beyond as many as are stored."""
    counts: dict[LineContent, int] = {}
    new: list[Line] = []
    for line in lines:
        content = content_of(line)
        counts[content] = counts.get(content, 0) + 1
        if counts[content] > len(timeline.by_content.get(content, ())):
            new.append(line)
    return new


Begun = TypeVar("Begun", Line, Visit)


def _newest_first(
    entries: Iterable[Begun], since: datetime | None, order: Callable[[Begun], tuple[datetime, str, int]]
) -> list[Begun]:
    """Return what begins at `since` or later, the last in its order first."""
    begun = (entry for entry in entries if since is None or (entry.begin is not None and entry.begin >= since))
    return sorted(begun, key=order, reverse=True)


def _order_of_visit(visit: Visit) -> tuple[datetime, str, int]:
    return (visit.begin or datetime.min, visit.id, 0)
