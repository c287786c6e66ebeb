"""Erase what is older than a day, and say so in the chain.

The content of an entry goes, its id and hashes stay. Each transaction erases some and appends a marker with their number and
a hash over them, so what is blank without a marker shows, and so does a marker that covers something else.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from server import clock, limits
from server.store.appending import Chain, marker_links
from server.store.chain import Link
from server.store.database import Database, Statement, Transaction
from server.store.keys import day_key, keys_of_decision
from server.store.records import Decision, StoreError, content_fields
from server.store.schema import TABLES
from server.store.verification import erased_digest

DECISIONS_AT_ONCE = 50
"""Decisions that are erased in one transaction: short, because a check may be waiting for it."""
EVENTS_AT_ONCE = 500


class Erased(NamedTuple):
    """What a retention has erased."""

    decisions: int = 0
    feedback: int = 0
    events: int = 0


def _blank(table: str) -> str:
    """Return the statement that erases an entry: parameters are the marker and the entry. Positions stay: they are unique."""
    types = {field.name: field.type for field in msgspec.structs.fields(TABLES[table])}
    blank = {str: "''", int: "0", bytes: "?"}
    settings = ", ".join(
        f"{name} = {blank.get(types[name], chr(39) * 2)}"
        for name in content_fields(TABLES[table])
        if name != "position"
    )
    return f"UPDATE {table} SET {settings}, erased_by = ? WHERE id = ?"  # noqa: S608 - names of a struct


_BLANK = {table: _blank(table) for table in ("decision", "feedback", "event")}
_NO_BYTES = {table: statement.count("?") - 2 for table, statement in _BLANK.items()}


_READ = f"SELECT content_hash, {', '.join(Decision.__struct_fields__)} FROM decision WHERE id = ?"  # noqa: S608 - as above


class Retention:
    """Erases decisions with their feedback, and events, before a day."""

    def __init__(self, database: Database, chain: Chain, before: str) -> None:
        """`before` is a day, YYYY-MM-DD in the site's time."""
        self._database = database
        self._chain = chain
        self._before = before

    def decisions(self, progress: Callable[[int], None]) -> Erased:
        """Erase decisions, with the feedback to them; their keys are complete. Raises StoreError."""
        total = Erased()
        while True:
            found = self._erase(self._some_decisions)
            if not found:
                return total
            feedback = sum(table == "feedback" for table, *_ in found)
            total = Erased(total.decisions + len(found) - feedback, total.feedback + feedback)
            progress(total.decisions)

    def events(self, progress: Callable[[int], None]) -> int:
        """Erase events that hold from before the day. Raises StoreError."""
        total = after = 0
        while True:
            found = self._erase(lambda transaction, after=after: self._some_events(transaction, after))  # type: ignore[misc]
            if not found:
                return total
            total += len(found)
            after = found[-1][1]
            progress(total)

    def _erase(self, some: Callable[[Transaction], Iterable[tuple[str, int, bytes]]]) -> list[tuple[str, int, bytes]]:
        """Erase what `some` finds, in one transaction with its marker; return table, id and content hash of each."""
        until = clock.moment(limits.STORE_WAIT_MAX_S)
        with self._chain.turn(until):
            head = self._chain.head(until)
            link: Link | None = None
            try:
                with self._database.exclusively(until) as transaction:
                    found = sorted(some(transaction), key=lambda one: one[1])
                    if not found:
                        return []
                    statements, link = marker_links("erasure", self._content(found))(head)
                    transaction.run([*statements, *self._statements(found, link.id)])
            except StoreError:
                self._chain.doubt()
                raise
            self._chain.advance(link)
            return found

    def _content(self, found: list[tuple[str, int, bytes]]) -> dict[str, Any]:
        hashed = hashlib.sha256()
        for _, entry, content in found:
            erased_digest(hashed, entry, content)
        return {"before": self._before, "count": len(found), "digest": hashed.hexdigest()}

    @staticmethod
    def _statements(found: list[tuple[str, int, bytes]], marker: int) -> Iterator[Statement]:
        for table, entry, _ in found:
            yield Statement(_BLANK[table], (*[b""] * _NO_BYTES[table], marker, entry))

    def _some_decisions(self, transaction: Transaction) -> Iterator[tuple[str, int, bytes]]:
        """Yield some decisions of before the day and the feedback to them; their keys are deleted."""
        query = "SELECT decision FROM decision_key WHERE key >= ? AND key < ? ORDER BY key, decision LIMIT ?"
        span = (day_key(""), day_key(self._before))
        rows = transaction.rows(query, *span, DECISIONS_AT_ONCE)
        for (entry,) in rows:
            ((content, *values),) = transaction.rows(_READ, entry)
            decision = Decision(*values)
            keys = keys_of_decision(decision)
            transaction.run(
                [Statement("DELETE FROM decision_key WHERE key = ? AND decision = ?", (key, entry)) for key in keys]
            )
            yield "decision", entry, bytes(content)
            yield from self._feedback_to(transaction, decision)

    @staticmethod
    def _feedback_to(transaction: Transaction, decision: Decision) -> Iterator[tuple[str, int, bytes]]:
        findings = {key.partition(":")[2] for key in keys_of_decision(decision) if key.startswith("finding:")}
        for finding_id in sorted(findings):
            query = "SELECT id, content_hash FROM feedback WHERE finding_id = ? AND check_id = ?"
            for entry, content in transaction.rows(query, finding_id, decision.check_id):
                yield "feedback", entry, bytes(content)

    def _some_events(self, transaction: Transaction, after: int) -> Iterator[tuple[str, int, bytes]]:
        query = (
            "SELECT id, content_hash FROM event WHERE id > ? AND effective < ? AND erased_by = 0 ORDER BY id LIMIT ?"
        )
        for entry, content in transaction.rows(query, after, self._before, EVENTS_AT_ONCE):
            yield "event", entry, bytes(content)
