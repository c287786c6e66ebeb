"""Find recorded decisions: by the keys that they have, the rest by looking at each."""

from collections.abc import Iterator
from typing import Any

import msgspec

from server import clock, limits
from server.store.chain import entry_id
from server.store.database import Database
from server.store.keys import check_key, day_key, doctor_key, findings_of, patient_key, row_key, texts_of
from server.store.records import Decision
from server.store.schema import select

ROWS_AT_ONCE = 100
DAY_AFTER_ALL = "9999-12-31"


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of decisions; everything that is stated must hold."""

    check_id: str = ""
    patient_id: str = ""
    practitioner_id: str = ""
    department_code: str = ""
    pack: str = ""
    row_id: str = ""
    """With `pack` the row of that pack; without, of any."""
    rule: str = ""
    """A rule's code."""
    station_id: str = ""
    verdict: int | None = None
    since: str = ""
    """A time or a day in the site's time, ISO 8601 without offset: decisions of then or later."""
    until: str = ""
    """The same: decisions before then."""

    def holds(self, decision: Decision) -> bool:
        """Say whether a decision is one that is asked for."""
        received = decision.received_at[:26]
        found = findings_of(decision.findings or "[]")
        return (
            (not self.check_id or decision.check_id == self.check_id)
            and (not self.patient_id or decision.patient_id == self.patient_id)
            and (not self.station_id or decision.station_id == self.station_id)
            and (self.verdict is None or decision.verdict == self.verdict)
            and (not self.since or received >= self.since)
            and (not self.until or received < self.until)
            and (not self.practitioner_id or self.practitioner_id in texts_of(decision.practitioner_ids))
            and (not self.department_code or self.department_code in texts_of(decision.department_codes))
            and (not self.rule or any(one.rule == self.rule for one in found))
            and (not self.row_id or any(one.row_id == self.row_id and self.pack in ("", one.pack) for one in found))
        )

    def key(self) -> str:
        """Return the key under which fewest others are; "" where only days or nothing can be gone by."""
        if self.check_id:
            return check_key(self.check_id)
        if self.patient_id:
            return patient_key(self.patient_id)
        if self.row_id and self.pack:
            return row_key(self.pack, self.row_id)
        if self.practitioner_id:
            return doctor_key(self.practitioner_id)
        return ""


def find(database: Database, query: Query) -> Iterator[Decision]:
    """Yield the decisions that are asked for: of one key or day in the order of their writers, the days in theirs.

    The keys must be complete. Raises StoreError.
    """
    key = query.key()
    if key:
        found = _under(database, key)
    elif query.since or query.until:
        found = _between(database, day_key(query.since[:10]), day_key(query.until[:10] or DAY_AFTER_ALL))
    else:
        found = _all(database)
    return (decision for decision in found if query.holds(decision))


def _under(database: Database, key: str) -> Iterator[Decision]:
    keyed = "SELECT decision FROM decision_key WHERE key = ? AND decision > ? ORDER BY decision LIMIT ?"
    query = f"{select('decision')} WHERE id IN ({keyed}) ORDER BY id"
    yield from _pages(database, query, (key,))


def _between(database: Database, first: str, last: str) -> Iterator[Decision]:
    """Yield the decisions of the days from one key to another, both included, day by day."""
    query = "SELECT key, decision FROM decision_key WHERE (key, decision) > (?, ?) AND key <= ? ORDER BY key, decision LIMIT ?"
    place: tuple[Any, ...] = (first, -1)
    while keyed := database.rows(query, (*place, last, ROWS_AT_ONCE), _until()):
        place = keyed[-1]
        marks = ", ".join("?" * len(keyed))
        ids = [decision for _, decision in keyed]
        rows = database.rows(f"{select('decision')} WHERE id IN ({marks})", ids, _until())
        found = {decision.id: decision for decision in (Decision(*row) for row in rows)}
        yield from (found[one] for one in ids if one in found)


def _all(database: Database) -> Iterator[Decision]:
    yield from _pages(database, f"{select('decision')} WHERE id > ? AND erased_by = 0 ORDER BY id LIMIT ?", ())


def _pages(database: Database, query: str, parameters: tuple[Any, ...]) -> Iterator[Decision]:
    """Yield rows, some at a time: no reader holds the database's log for longer."""
    after = entry_id(0, 0)
    while True:
        rows = database.rows(query, (*parameters, after, ROWS_AT_ONCE), _until())
        for row in rows:
            decision = Decision(*row)
            after = decision.id
            yield decision
        if len(rows) < ROWS_AT_ONCE:
            return


def _until() -> int:
    return clock.moment(limits.STORE_WAIT_MAX_S)
