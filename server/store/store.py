"""The durable store: decisions, events of histories, feedback, and the chains that show that nothing is missing.

Everything is appended, nothing is rewritten but by retention, which says so. Why it is as it is: docs/why/records.md.
One class for both databases; what they differ in is in `server.store.sqlite` and `server.store.postgres`.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import get_ident
from typing import Any, NamedTuple

import msgspec
import structlog

from server import clock, limits
from server.store.appending import Chain, is_stored, marker_links
from server.store.chain import Head, Link, entry_id, writer_of
from server.store.content import Contents, Ready
from server.store.copying import COPIED, copy
from server.store.database import ConflictError, Database, LostError, Statement
from server.store.gaps import Gap, Gaps, left_behind
from server.store.keys import Keys, check_key, day_key, finding_key, findings_of
from server.store.records import (
    Commit,
    Decision,
    DuplicateRequestError,
    Event,
    Feedback,
    FeedbackEntry,
    OutcomeUnknownError,
    StaleHistoryError,
    StoreError,
    Void,
    content_fields,
    content_values,
)
from server.store.retention import Erased, Retention
from server.store.schema import SCHEMA_VERSION, TABLES, insert, select
from server.store.search import Query, find
from server.store.verification import Verification, Verified
from server.version import VERSION

UPKEEP_INTERVAL_S = 0.5
"""How often keys are written, the log is folded in and what could not be recorded is marked, beside the requests."""
UPKEEP_WAIT_S = 1.0
"""How long such work waits for the store, before the next round tries again."""
REQUEST_REMEMBERED_S = 24 * 3600
"""How long a request id is recognised when it comes again, by every process on the store. A retry comes within seconds."""
KEYS_WAIT_S = 600.0
"""How long a command waits while the keys of all decisions are completed."""
FORGET_INTERVAL_S = 600.0
FORGOTTEN_AT_ONCE_MAX = 200
"""Request ids that are forgotten in one transaction: short, because a check may be waiting for it."""

log = structlog.get_logger("precheck.store")

_INSERT_DECISION = insert("decision")
_UNLESS_CHANGED = "NOT EXISTS (SELECT 1 FROM event WHERE patient_id = ? AND position > ?)"
_INSERT_DECISION_UNLESS_CHANGED = insert("decision", condition=_UNLESS_CHANGED)
_INSERT_EVENT = insert("event")
_INSERT_FEEDBACK = insert("feedback")
# Only with its decision: where that was refused for a stale history, there is none.
_INSERT_REQUEST = "INSERT INTO request (request_id, decision, recorded_ms) SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM decision WHERE id = ?)"
_SELECT_DECISION = select("decision")
_SELECT_EVENT = select("event")
_EVENTS_OF = f"{_SELECT_EVENT} WHERE patient_id = ? AND position > ? AND position <= ? ORDER BY position"
_IMPORT = "import:"
"""What keys of `meta` begin with that say how far a source of past orders was read."""
_KEEP_IMPORT = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
_ALL = 2**62

encode = msgspec.msgpack.Encoder().encode
_decode_commit = msgspec.msgpack.Decoder(Commit).decode
_decode_void = msgspec.msgpack.Decoder(Void).decode


def content_of(event: Event) -> Commit | Void:
    """Return what an event says."""
    return _decode_commit(event.content) if event.kind == "commit" else _decode_void(event.content)


class Draft(NamedTuple):
    """What a change of a history comes to: an event, where it changes anything, and a decision, where it is part of one."""

    event: Event | None
    """Its position is given by the store."""
    decision: Decision | None = None


class Store:
    """One database. Safe for any number of threads. Every call waits for the database until `until` at most."""

    def __init__(self, database: Database, *, upkeep: bool = True) -> None:
        """`upkeep` begins a thread that writes keys and folds logs: for servers, not for commands."""
        self.database = database
        self._chain = Chain(database, _about)
        self._keys = Keys(database)
        self._contents = Contents(database)
        self.ready = Ready()
        """What replays have made of its contents."""
        self.gaps = Gaps()
        """Answers that were not recorded; the upkeep writes the marker as soon as the store answers."""
        self._marker_in_doubt = False
        self._waiting: dict[int, int] = {}
        """By thread: since when it has had something to record."""
        self._closed = threading.Event()
        self._forget_after = 0
        self._upkeep: threading.Thread | None = None
        if upkeep:
            self._upkeep = threading.Thread(target=self._keep_up, name="store-upkeep", daemon=True)
            self._upkeep.start()

    @property
    def writer(self) -> int:
        """The number of this process among the writers; 0 before its first entry."""
        return self._chain.writer

    @property
    def lag_seconds(self) -> float:
        """How long the oldest call that has something to record has been waiting for it to be recorded; 0: none is."""
        waiting = list(self._waiting.values())
        return (clock.ticks_us() - min(waiting)) / 1e6 if waiting else 0.0

    def begin(self, until: int | None = None) -> None:
        """Become a writer, as the first entry would do. Raises StoreError."""
        until = until or clock.moment(limits.STORE_WAIT_MAX_S)
        with self._chain.turn(until):
            self._chain.head(until)

    # Decisions

    def record(self, decision: Decision, *, unless_after: int | None = None, until: int | None = None) -> None:
        """Append a decision.

        With `unless_after`, a position, only where the patient's history has no later event. Raises StaleHistoryError
        where it has, DuplicateRequestError where the request id is answered, StoreError for all else; then nothing was
        written. Only OutcomeUnknownError leaves it open: the connection was lost, and the decision may be there; who asks
        again with the same request id gets DuplicateRequestError where it is.
        """
        until = until or clock.moment(limits.STORE_WAIT_MAX_S)
        values = content_values(decision)
        sql = _INSERT_DECISION if unless_after is None else _INSERT_DECISION_UNLESS_CHANGED
        condition = () if unless_after is None else (decision.patient_id, unless_after)

        def links(head: Head) -> tuple[Sequence[Statement], Link]:
            link = head.next("decision", values)
            statement = Statement(sql, (*values, *link, *condition))
            return (statement, *_request_of(decision, link)) if decision.request_id else (statement,), link

        # No context manager: every check comes by here.
        self._waiting[get_ident()] = clock.ticks_us()
        try:
            self._chain.take_turn(until)
            try:
                counts = self._chain.append(links, until)
            except ConflictError as error:
                raise self._duplicate(decision, error, until) from error
            finally:
                self._chain.leave_turn()
        finally:
            del self._waiting[get_ident()]
        if not counts[0]:
            raise StaleHistoryError("store: the patient's history has changed meanwhile")

    def _duplicate(self, decision: Decision, error: StoreError, until: int) -> StoreError:
        """Return what a conflict means: the request id is answered, or something that should not be."""
        if decision.request_id and self.decision_of_request(decision.request_id, until) is not None:
            return DuplicateRequestError(f"store: request id `{decision.request_id}` is answered already")
        return error

    def decision(self, check_id: str, until: int | None = None) -> Decision | None:
        """Return a recorded decision, or None. Raises StoreError."""
        until = until or clock.moment(limits.STORE_WAIT_MAX_S)
        self._keys.complete(until)
        query = "SELECT decision FROM decision_key WHERE key = ?"
        return self._one_decision(f"{_SELECT_DECISION} WHERE id = ({query})", check_key(check_id), until)

    def decision_of_request(self, request_id: str, until: int | None = None) -> Decision | None:
        """Return the decision that answered a request id not long ago, or None. Raises StoreError."""
        until = until or clock.moment(limits.STORE_WAIT_MAX_S)
        query = "SELECT decision FROM request WHERE request_id = ?"
        return self._one_decision(f"{_SELECT_DECISION} WHERE id = ({query})", request_id, until)

    def _one_decision(self, query: str, value: str, until: int) -> Decision | None:
        rows = self.database.rows(query, (value,), until)
        return Decision(*rows[0]) if rows else None

    def decisions_after(self, seen: Mapping[int, int], limit: int, until: int | None = None) -> list[Decision]:
        """Return the next decisions of every writer after the last one seen of it, oldest first for each writer.

        `seen` has ids (`Decision.id`) by writer (`server.store.chain.writer_of`); of a writer that is not in it, all are
        new. At most `limit` of each. Erased decisions are left out. Raises StoreError.
        """
        until = until or clock.moment(limits.STORE_WAIT_MAX_S)
        found: list[Decision] = []
        for writer in self._writers(until):
            after, end = seen.get(writer, entry_id(writer, 0)), entry_id(writer + 1, 0)
            query = f"{_SELECT_DECISION} WHERE id > ? AND id < ? AND erased_by = 0 ORDER BY id LIMIT ?"
            found.extend(Decision(*row) for row in self.database.rows(query, (after, end, limit), until))
        return found

    def find(self, query: Query) -> Iterator[Decision]:
        """Yield the decisions that are asked for. Raises StoreError, also while they are being taken."""
        self._keys.complete(clock.moment(KEYS_WAIT_S))
        return find(self.database, query)

    def verify(
        self,
        progress: Callable[[int], None] = lambda _: None,
        expected_heads: dict[int, tuple[int, str]] | None = None,
    ) -> Verified:
        """Check every chain; `expected_heads` are number and chain hash by writer, kept elsewhere. Raises StoreError."""
        return Verification(self.database, expected_heads).run(progress)

    def retain(self, before: str, *, events: bool = False, progress: Callable[[int], None] = lambda _: None) -> Erased:
        """Erase decisions of before a day (YYYY-MM-DD), and the feedback to them; with `events`, histories too.

        Raises StoreError; what was erased until then stays erased, and is covered by markers.
        """
        self._keys.complete(clock.moment(KEYS_WAIT_S))
        retention = Retention(self.database, self._chain, before)
        erased = retention.decisions(progress)
        return erased._replace(events=retention.events(progress) if events else 0)

    def copy_to(self, other: "Store", progress: Callable[[int], None] = lambda _: None) -> int:
        """Copy everything into an empty store of either kind; return the number of rows. Raises StoreError."""
        entries = {
            table: ("id", "content_hash", "chain_hash", "erased_by", *content_fields(kind))
            for table, kind in TABLES.items()
        }
        rows = copy(self.database, other.database, {**COPIED, **entries}, progress)
        for source, place in self.import_places().items():
            other.keep_import_place(source, place)
        return rows

    def last_decisions(self, until: int | None = None) -> dict[int, int]:
        """Return the id of the last decision of every writer: where to follow the store from now on. Raises StoreError."""
        until = until or clock.moment(limits.STORE_WAIT_MAX_S)
        query = "SELECT id FROM decision WHERE id < ? ORDER BY id DESC LIMIT 1"
        rows = {writer: self.database.rows(query, (entry_id(writer + 1, 0),), until) for writer in self._writers(until)}
        ids = {writer: found[0][0] for writer, found in rows.items() if found}
        return {writer: last for writer, last in ids.items() if writer_of(last) == writer}

    def oldest_day(self) -> str:
        """Return the day (YYYY-MM-DD, the site's) of the oldest decision that is not erased; empty: there is none.

        Raises StoreError.
        """
        until = clock.moment(KEYS_WAIT_S)
        self._keys.complete(until)
        query = "SELECT min(key) FROM decision_key WHERE key >= ? AND key < ?"
        ((key,),) = self.database.rows(query, (day_key(""), day_key(":")), until)  # `:` comes after every digit
        return str(key).removeprefix(day_key("")) if key is not None else ""

    def _writers(self, until: int) -> list[int]:
        """Return all writers; 0 stands for what was recorded before there were chains."""
        return [0, *(writer for (writer,) in self.database.rows("SELECT id FROM writer ORDER BY id", (), until))]

    # Histories

    def events(
        self, patient_id: str, *, after: int = 0, up_to: int | None = None, until: int | None = None
    ) -> list[Event]:
        """Return the events of a patient's history between two positions, in their order. Raises StoreError."""
        until = until or clock.moment(limits.STORE_WAIT_MAX_S)
        span = (after, _ALL if up_to is None else up_to)
        return [Event(*row) for row in self.database.rows(_EVENTS_OF, (patient_id, *span), until)]

    def change(
        self,
        patient_id: str,
        after: int,
        work: Callable[[Sequence[Event]], Draft],
        *,
        until: int | None = None,
    ) -> Event | None:
        """Change a patient's history in one transaction, with no other change of any history beside it.

        `work` is given the patient's events after a position, and returns what to append; it may be asked again. What
        was appended is returned, with its position: what the last answer of `work` said. Raises OutcomeUnknownError where
        the connection was lost in the COMMIT and the database could not be asked before `until`; else what `work` raises,
        DuplicateRequestError or StoreError, and then nothing was written.
        """
        until = until or clock.moment(limits.STORE_WAIT_MAX_S)
        with self._recording(), self._chain.turn(until):
            given_up: tuple[Link, Draft] | None = None
            while True:
                last: Link | None = None
                draft = Draft(None)
                try:
                    head = self._chain.head(until)
                    with self.database.exclusively(until) as transaction:
                        # What was given up for lost held the same lock: by now it is there, or never will be. It is asked
                        # before `work`, whose next answer would be of a history that has the change already.
                        if given_up is not None and is_stored(given_up[0], transaction.rows):
                            self._chain.doubt()
                            return given_up[1].event
                        given_up = None
                        rows = transaction.rows(_EVENTS_OF, patient_id, after, _ALL)
                        draft = work([Event(*row) for row in rows])
                        if draft.event is not None:
                            ((position,),) = transaction.rows("SELECT coalesce(max(position), 0) + 1 FROM event")
                            draft = draft._replace(event=msgspec.structs.replace(draft.event, position=position))
                        statements, last = _links(draft, head)
                        transaction.run(statements)
                except ConflictError as error:
                    self._chain.doubt()
                    if last is None or self._chain.head(until).id >= last.id:
                        continue  # an entry of ours that was given up for lost had taken the place
                    raise self._duplicate(draft.decision, error, until) if draft.decision else error from error
                except StoreError as error:
                    if isinstance(error, LostError):
                        self._chain.doubt()
                        given_up = (last, draft) if last is not None else given_up
                        if clock.ticks_us() < until:
                            continue
                    if given_up is None:
                        raise
                    raise OutcomeUnknownError(error) from error
                if last is not None:
                    self._chain.advance(last)
                return draft.event

    @contextlib.contextmanager
    def _recording(self) -> Iterator[None]:
        """Tell of a call that has something to record."""
        self._waiting[get_ident()] = clock.ticks_us()
        try:
            yield
        finally:
            del self._waiting[get_ident()]

    # Feedback

    def record_feedback(
        self, entries: Sequence[Feedback], recorded_at: str, station_id: str, until: int | None = None
    ) -> list[str]:
        """Append feedback, joined to the latest decision with that finding; return the finding ids of no decision.

        Raises StoreError; then nothing was written, but for OutcomeUnknownError.
        """
        until = until or clock.moment(limits.STORE_WAIT_MAX_S)
        self._keys.complete(until)
        kept: list[tuple[Any, ...]] = []
        unmatched: list[str] = []
        for entry in entries:
            check_id = self._latest_with(entry.finding_id, until)
            if not check_id:
                unmatched.append(entry.finding_id)
            values = (recorded_at, entry.finding_id, check_id, entry.disposition, entry.reason, station_id)
            kept.append(content_values(FeedbackEntry(*values)))

        def links(head: Head) -> tuple[Sequence[Statement], Link]:
            statements = []
            for values in kept:
                link = head.next("feedback", values)
                statements.append(Statement(_INSERT_FEEDBACK, (*values, *link)))
                head = link.head
            return statements, link

        with self._recording(), self._chain.turn(until):
            self._chain.append(links, until)
        return unmatched

    def _latest_with(self, finding_id: str, until: int) -> str:
        """Return the check id of the latest decision with a finding; empty: there is none.

        Of one process it is the later entry of the chain, whatever the clock has done meanwhile. Of several, whose chains
        tell nothing of each other, it is the later time: check ids sort by it.
        """
        query = (
            "SELECT decision.id, check_id FROM decision_key JOIN decision ON decision.id = decision_key.decision"
            " WHERE key = ? ORDER BY decision.id"
        )
        rows = self.database.rows(query, (finding_key(finding_id),), until)
        last_of_each = {writer_of(entry): check_id for entry, check_id in rows}
        return max(last_of_each.values(), default="")

    def feedback_to(self, decision: Decision, until: int | None = None) -> list[FeedbackEntry]:
        """Return the feedback that was joined to a decision, in its order. Raises StoreError."""
        until = until or clock.moment(limits.STORE_WAIT_MAX_S)
        query = f"{select('feedback')} WHERE finding_id = ? AND check_id = ? ORDER BY id"
        found = [
            FeedbackEntry(*row)
            for finding_id in dict.fromkeys(one.finding_id for one in findings_of(decision.findings))
            for row in self.database.rows(query, (finding_id, decision.check_id), until)
        ]
        return sorted(found, key=lambda entry: entry.id)

    # Imports of histories

    def import_place(self, source: str, until: int | None = None) -> str:
        """Return how far a source of past orders was read, as it was kept; "" for one that never was. Raises StoreError."""
        rows = self.database.rows(
            "SELECT value FROM meta WHERE key = ?", (_IMPORT + source,), until or clock.moment(limits.STORE_WAIT_MAX_S)
        )
        return str(rows[0][0]) if rows else ""

    def import_places(self, until: int | None = None) -> dict[str, str]:
        """Return it of all sources. Raises StoreError."""
        rows = self.database.rows("SELECT key, value FROM meta", (), until or clock.moment(limits.STORE_WAIT_MAX_S))
        return {key.removeprefix(_IMPORT): value for key, value in rows if key.startswith(_IMPORT)}

    def keep_import_place(self, source: str, place: str, until: int | None = None) -> None:
        """Keep how far a source was read, behind all that was committed before: it is never there without that.

        Raises StoreError.
        """
        statement = Statement(_KEEP_IMPORT, (_IMPORT + source, place))
        self.database.run([statement], until or clock.moment(limits.STORE_WAIT_MAX_S))

    # What decisions were made with

    def keep(self, kind: str, content: bytes, until: int | None = None) -> str:
        """Keep the content of a profile or a dictionary, once; return its digest. Raises StoreError."""
        return self._contents.keep(kind, content, until or clock.moment(limits.STORE_WAIT_MAX_S))

    def content(self, digest: str, until: int | None = None) -> bytes | None:
        """Return a content that was kept, or None. Raises StoreError."""
        return self._contents.get(digest, until or clock.moment(limits.STORE_WAIT_MAX_S))

    # Upkeep and end

    def _keep_up(self) -> None:
        first = True
        while not self._closed.wait(UPKEEP_INTERVAL_S):
            try:
                self._tell_gap(clock.moment(UPKEEP_WAIT_S))
                # The first round completes what earlier processes left; then each process does its own.
                self._keys.complete(clock.moment(UPKEEP_WAIT_S), None if first else self.writer)
                first = False
                self._forget_requests()
                self.database.keep_up()
            except StoreError:
                continue  # busy, full or away: the next round tries again, and calls report their own errors

    def _tell_gap(self, until: int) -> None:
        """Append a marker that says how many answers were not recorded. Raises StoreError."""
        gap = self.gaps.current()
        if gap is None:
            return
        # A marker of which nothing was heard may be there, and shall not be told twice.
        left = gap.less(*self._told_of(gap, until)) if self._marker_in_doubt else gap
        if left.answers:
            try:
                with self._chain.turn(until):
                    self._chain.append(marker_links("gap", left.content()), until)
            except OutcomeUnknownError:
                self._marker_in_doubt = True
                raise
        self._marker_in_doubt = False
        self.gaps.told(gap)

    def keep_gaps_in(self, folder: Path) -> None:
        """Tell what killed processes left in a folder about answers without a record, and keep one's own there.

        Raises StoreError or OSError.
        """
        until = clock.moment(limits.STORE_WAIT_MAX_S)
        for gap in left_behind(folder):
            left = gap.less(*self._told_of(gap, until))
            if left.answers or not gap.answers:
                content = {**left.content(), "found": "left by a process that was killed"}
                with self._chain.turn(until):
                    self._chain.append(marker_links("gap", content), until)
                log.warning("answers without a record, of a process that was killed", **content)
        try:
            self.gaps.keep_in(folder)
        except OSError as error:  # a full disk: answering goes before counting what a kill would make forget
            log.warning("answers without a record are counted in memory alone", error=str(error))

    def _told_of(self, gap: Gap, until: int) -> tuple[int, int]:
        """Return how many answers of a gap the chain tells of already, and of them those of unknown outcome.

        Who is killed may have had no time to forget them.
        """
        rows = self.database.rows("SELECT content FROM marker WHERE kind = 'gap'", (), until)
        told = [msgspec.json.decode(content) for (content,) in rows]
        same = [one for one in told if (one.get("counted_by"), one["since"]) == (gap.counted_by, gap.since)]
        return sum(one["answers"] for one in same), sum(one.get("outcome_unknown", 0) for one in same)

    def _forget_requests(self) -> None:
        """Forget request ids that are too old to come again, now and then."""
        now = clock.ticks_us()
        if now < self._forget_after:
            return
        self._forget_after = now + int(FORGET_INTERVAL_S * 1e6)
        until = clock.moment(UPKEEP_WAIT_S)
        oldest = clock.now_ms() - REQUEST_REMEMBERED_S * 1000
        # Found by a reader, so that no check waits for the search.
        rows = self.database.rows("SELECT request_id FROM request WHERE recorded_ms < ?", (oldest,), until)
        for begin in range(0, len(rows), FORGOTTEN_AT_ONCE_MAX):
            some = rows[begin : begin + FORGOTTEN_AT_ONCE_MAX]
            self.database.run(
                [Statement("DELETE FROM request WHERE request_id = ?", row) for row in some], until, aside=True
            )

    def close(self) -> None:
        """Write what is left to write, say that this process ends, and close. Calls after it raise StoreError."""
        if self._closed.is_set():
            return
        self._closed.set()
        if self._upkeep is not None:
            self._upkeep.join()
        until = clock.moment(UPKEEP_WAIT_S)
        try:
            self._tell_gap(until)
            if self.writer:
                self._keys.complete(until, self.writer)
                with self._chain.turn(until):
                    self._chain.append(marker_links("stop", {}), until)
        except StoreError as error:
            # The chain then ends without saying so, as after a kill. What is in no marker is at least in the log.
            gap = self.gaps.current()
            log.warning("store not closed in order", error=str(error), unrecorded=gap.content() if gap else None)
        finally:
            self.gaps.close()
            self.database.close()


def _about() -> dict[str, Any]:
    """Return what a chain's first entry says of its process."""
    return {"schema": SCHEMA_VERSION, "version": VERSION, "host": socket.gethostname(), "process": os.getpid()}


def _request_of(decision: Decision, link: Link) -> Iterator[Statement]:
    if decision.request_id:
        yield Statement(_INSERT_REQUEST, (decision.request_id, link.id, clock.now_ms(), link.id))


def _links(draft: Draft, head: Head) -> tuple[Sequence[Statement], Link | None]:
    """Return what appends a draft, and its last entry; None where there is nothing to append."""
    statements: list[Statement] = []
    link: Link | None = None
    if draft.decision is not None:
        values = content_values(draft.decision)
        link = head.next("decision", values)
        statements += [Statement(_INSERT_DECISION, (*values, *link)), *_request_of(draft.decision, link)]
        head = link.head
    if draft.event is not None:
        values = content_values(draft.event)
        link = head.next("event", values)
        statements.append(Statement(_INSERT_EVENT, (*values, *link)))
    return statements, link
