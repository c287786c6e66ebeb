"""The durable store: decisions, the log of history, feedback. SQLite in WAL mode.

Everything is appended, nothing is rewritten. A patient's history is a log of commits and voids of lines, and of the
visits that lines were committed in, with a growing position, so the history that a decision saw can be reconstructed from
the position that the decision recorded.

A decision is one row in one table without an index: that halves what a check pays for its record. The keys by which
decisions are found again (check id, finding ids) are written by a thread beside the requests, and completed before
any look-up; after a crash they are completed from the decisions.

Durability: with `process`, what was answered survives `kill -9` (the operating system has the pages); a power cut
can lose the last moments. With `power` every transaction waits for the disk.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from ruleset.case import Line, LineIdentity, Visit, identity
from ruleset.timeline import Timeline

SCHEMA_VERSION = 2
"""1: the log of history knew no visits. Such a database is brought to 2 when it is opened."""
BUSY_TIMEOUT_MS = 250
"""How long a write waits for another process that holds the store (a backup, an inspection): less than a station
waits, so that it is told and not left waiting."""
UPKEEP_INTERVAL_S = 0.5
"""How often the log is folded into the database and keys are written, beside the requests."""
KEYED_AT_ONCE_MAX = 32
"""Decisions whose keys are written in one transaction: short, because a check may be waiting for it."""
REQUESTS_REMEMBERED_MAX = 65_536
"""Request ids that are recognised when they come again: far more than come within the seconds of a retry."""

# `history.line` is the line; of kind 'visit', the visit.
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE decision (
    sequence INTEGER PRIMARY KEY,
    check_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    received_at TEXT NOT NULL,
    elapsed_us INTEGER NOT NULL,
    patient_id TEXT NOT NULL,
    encounter_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    station_id TEXT NOT NULL,
    format TEXT NOT NULL,
    encoding TEXT NOT NULL,
    profile TEXT NOT NULL,
    revision TEXT NOT NULL,
    history_position INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    completeness INTEGER NOT NULL,
    finding_ids TEXT NOT NULL,
    document BLOB NOT NULL,
    answer BLOB NOT NULL
);
CREATE TABLE decision_key (
    key TEXT NOT NULL,
    decision INTEGER NOT NULL REFERENCES decision (sequence),
    PRIMARY KEY (key, decision)
) WITHOUT ROWID;
CREATE TABLE history (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    patient_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('commit', 'void', 'visit')),
    recorded_at TEXT NOT NULL,
    source TEXT NOT NULL,
    line BLOB NOT NULL
);
CREATE INDEX history_patient ON history (patient_id, position);
CREATE TABLE feedback (
    sequence INTEGER PRIMARY KEY,
    recorded_at TEXT NOT NULL,
    finding_id TEXT NOT NULL,
    check_id TEXT NOT NULL,
    disposition TEXT NOT NULL,
    reason TEXT NOT NULL,
    station_id TEXT NOT NULL
);
CREATE INDEX feedback_finding ON feedback (finding_id);
"""


DATABASE = "precheck.db"
"""The store's file in the data directory."""


KINDS_OF_VERSION_1 = "kind IN ('commit', 'void')"
KINDS = "kind IN ('commit', 'void', 'visit')"


class StoreError(Exception):
    """The store could not do what was asked; nothing of it was done. The text says what and why."""


class DuplicateRequestError(StoreError):
    """The request id has been answered meanwhile; nothing was written."""


class Decision(msgspec.Struct, frozen=True):
    """One decision as it is recorded. Times are ISO 8601; `elapsed_us` runs from receipt to record."""

    check_id: str
    request_id: str
    received_at: str
    elapsed_us: int
    patient_id: str
    encounter_id: str
    message_id: str
    station_id: str
    format: str
    encoding: str
    profile: str
    revision: str
    history_position: int
    verdict: int
    completeness: int
    finding_ids: str
    """Separated by blanks, in the order of the answer."""
    document: bytes
    answer: bytes


class Feedback(msgspec.Struct, frozen=True):
    """What the doctor did about one finding."""

    finding_id: str
    disposition: Literal["continued", "went_back"]
    reason: str


_DECISION_FIELDS = Decision.__struct_fields__
_DECISION_COLUMNS = ", ".join(_DECISION_FIELDS)
_INSERT_DECISION = f"INSERT INTO decision ({_DECISION_COLUMNS}) VALUES ({', '.join('?' * len(_DECISION_FIELDS))})"  # noqa: S608 - names of a struct
_SELECT_DECISION = f"SELECT {_DECISION_COLUMNS} FROM decision"  # noqa: S608 - names of a struct
_INSERT_KEY = "INSERT OR IGNORE INTO decision_key (key, decision) VALUES (?, ?)"
_INSERT_HISTORY = "INSERT INTO history (patient_id, kind, recorded_at, source, line) VALUES (?, ?, ?, ?, ?)"
_INSERT_FEEDBACK = "INSERT INTO feedback (recorded_at, finding_id, check_id, disposition, reason, station_id) VALUES (?, ?, ?, ?, ?, ?)"


class Store:
    """One SQLite database. Safe for any number of threads; writes follow one another."""

    def __init__(self, path: Path, *, durability: Literal["process", "power"] = "process") -> None:
        """Open the database, making it if it is missing. Raises StoreError."""
        self._lock = threading.Lock()
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Line).decode
        self._decode_visit = msgspec.msgpack.Decoder(Visit).decode
        self._closed = threading.Event()
        self._requests: dict[str, int] = {}
        try:
            self._connection = self._connect(path)
            synchronous = "FULL" if durability == "power" else "NORMAL"
            self._connection.execute(f"PRAGMA synchronous={synchronous}")
            self._connection.execute("PRAGMA wal_autocheckpoint=0")
            self._prepare(path)
            self._keyed = self._number("SELECT value FROM meta WHERE key = 'keyed'")
            self._remember_requests()
            self._folder = self._connect(path)
        except sqlite3.Error as error:
            raise StoreError(f"store {path}: {error}") from error
        self._write_keys()
        self._upkeep = threading.Thread(target=self._keep_up, name="store-upkeep", daemon=True)
        self._upkeep.start()

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode=WAL")
        return connection

    def _prepare(self, path: Path) -> None:
        if not self._number("SELECT count(*) FROM sqlite_master WHERE name = 'meta'"):
            version = f"VALUES ('schema_version', '{SCHEMA_VERSION}'), ('keyed', '0')"
            self._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} INSERT INTO meta {version}; COMMIT;")
        query = "SELECT value FROM meta WHERE key = 'schema_version'"
        row = self._connection.execute(query).fetchone()
        if row is not None and row[0] == "1":
            self._transaction(_bring_to_version_2)
            row = self._connection.execute(query).fetchone()
        if row is None or row[0] != str(SCHEMA_VERSION):
            found = row[0] if row else "none"
            raise StoreError(f"store {path}: schema version {found}, this server needs {SCHEMA_VERSION}")

    def _number(self, query: str) -> int:
        return int(self._connection.execute(query).fetchone()[0])

    def _remember_requests(self) -> None:
        """Recall the request ids of the last decisions, so that a retry is recognised across a restart."""
        query = "SELECT request_id, sequence FROM decision ORDER BY sequence DESC LIMIT ?"
        rows = self._connection.execute(query, (REQUESTS_REMEMBERED_MAX,)).fetchall()
        self._requests.update((request_id, sequence) for request_id, sequence in reversed(rows) if request_id)

    def _keep_up(self) -> None:
        while not self._closed.wait(UPKEEP_INTERVAL_S):
            try:
                self._write_keys()
                self._folder.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            except (StoreError, sqlite3.Error):
                continue  # busy or full: the next round tries again, and writes report their own errors

    def _write_keys(self) -> None:
        """Write the keys of all decisions that have none yet, a few at a time. Raises StoreError."""
        query = "SELECT sequence, check_id, finding_ids FROM decision WHERE sequence > ? ORDER BY sequence LIMIT ?"
        done = False

        def work(connection: sqlite3.Connection) -> None:
            nonlocal done
            rows = connection.execute(query, (self._keyed, KEYED_AT_ONCE_MAX)).fetchall()
            for sequence, check_id, finding_ids in rows:
                connection.executemany(_INSERT_KEY, [(key, sequence) for key in (check_id, *finding_ids.split())])
            if rows:
                self._keyed = rows[-1][0]
                connection.execute("UPDATE meta SET value = ? WHERE key = 'keyed'", (str(self._keyed),))
            done = len(rows) < KEYED_AT_ONCE_MAX

        while not done:
            before = self._keyed
            try:
                self._transaction(work)
            except StoreError:
                self._keyed = before
                raise

    def _transaction(
        self,
        work: Callable[[sqlite3.Connection], object],
        *,
        single: bool = False,
        committed: Callable[[], None] | None = None,
    ) -> None:
        """Do work that is all or nothing; `single` says that it is one statement.

        `committed` is called after it, before any other work can begin.
        """
        with self._lock:
            connection = self._connection
            try:
                if single:
                    work(connection)
                else:
                    connection.execute("BEGIN IMMEDIATE")
                    work(connection)
                    connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise StoreError(f"store: {error}") from error
            except BaseException:  # also a line that cannot be encoded: no transaction may stay open
                self._roll_back()
                raise
            if committed is not None:
                committed()

    def _roll_back(self) -> None:
        with contextlib.suppress(
            sqlite3.Error
        ):  # closed, or broken beyond a rollback: nothing was committed either way
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def record(self, decision: Decision, committed: Sequence[Line] = (), visits: Sequence[Visit] = ()) -> int:
        """Append a decision with the lines and visits it commits, in one transaction; return the history position.

        Raises DuplicateRequestError where another call with the same request id was faster, StoreError for all else;
        then nothing was written.
        """
        position = decision.history_position
        values = msgspec.structs.astuple(decision)
        sequence = 0

        def work(connection: sqlite3.Connection) -> None:
            nonlocal position, sequence
            if decision.request_id in self._requests:
                raise DuplicateRequestError(f"store: request id `{decision.request_id}` is answered already")
            sequence = connection.execute(_INSERT_DECISION, values).lastrowid or 0
            if committed or visits:
                recorded_at, source = decision.received_at, decision.check_id
                entries = _entries("commit", committed, visits)
                position = self._append(connection, decision.patient_id, recorded_at, source, entries)

        def remember() -> None:
            if decision.request_id:
                self._requests[decision.request_id] = sequence
                if len(self._requests) > REQUESTS_REMEMBERED_MAX:
                    del self._requests[next(iter(self._requests))]

        # A single statement is a transaction of its own; saying so around it would cost as much again.
        self._transaction(work, single=not (committed or visits), committed=remember)
        return position

    def append_history(
        self,
        patient_id: str,
        kind: Literal["commit", "void"],
        recorded_at: str,
        source: str,
        lines: Sequence[Line],
        visits: Sequence[Visit] = (),
    ) -> int:
        """Append commits or voids of a patient's lines, and visits; return the position after them.

        Raises StoreError; then nothing was written.
        """
        position = 0

        def work(connection: sqlite3.Connection) -> None:
            nonlocal position
            position = self._append(connection, patient_id, recorded_at, source, _entries(kind, lines, visits))

        self._transaction(work)
        return position

    def _append(
        self,
        connection: sqlite3.Connection,
        patient_id: str,
        recorded_at: str,
        source: str,
        entries: Iterable[tuple[str, Line | Visit]],
    ) -> int:
        position = 0
        for kind, entry in entries:
            row = (patient_id, kind, recorded_at, source, self._encode(entry))
            position = connection.execute(_INSERT_HISTORY, row).lastrowid or 0
        return position

    def timeline(self, patient_id: str, up_to: int | None = None) -> Timeline:
        """Return a patient's committed lines and visits, today or as of a history position. Raises StoreError."""
        query = "SELECT position, kind, line FROM history WHERE patient_id = ? AND position <= ? ORDER BY position"
        with self._lock:
            try:
                rows = self._connection.execute(query, (patient_id, up_to if up_to is not None else 2**62)).fetchall()
            except sqlite3.Error as error:
                raise StoreError(f"store: {error}") from error
        lines: dict[LineIdentity, Line] = {}
        visits: dict[str, Visit] = {}
        for _, kind, encoded in rows:
            if kind == "visit":
                visit = self._decode_visit(encoded)
                visits[visit.id] = visit
                continue
            line = self._decode(encoded)
            if kind == "commit":
                lines[identity(line)] = line
            else:
                lines.pop(identity(line), None)
        # A visit is committed with its lines: without any they are all voided, and it with them.
        visited = {line.encounter_id for line in lines.values()}
        kept = (visit for visit in visits.values() if visit.id in visited)
        return Timeline(lines.values(), rows[-1][0] if rows else 0, kept)

    def recorded_at(self, position: int) -> str:
        """Return when the change with a history position was recorded; "" for none. Raises StoreError."""
        query = "SELECT recorded_at FROM history WHERE position = ?"
        with self._lock:
            try:
                row = self._connection.execute(query, (position,)).fetchone()
            except sqlite3.Error as error:
                raise StoreError(f"store: {error}") from error
        return str(row[0]) if row is not None else ""

    def decision(self, check_id: str) -> Decision | None:
        """Return a recorded decision, or None. Raises StoreError."""
        self._write_keys()
        query = "SELECT decision FROM decision_key WHERE key = ?"
        return self._one_decision(f"{_SELECT_DECISION} WHERE sequence = ({query})", check_id)

    def decision_of_request(self, request_id: str) -> Decision | None:
        """Return the decision that answered a request id not long ago, or None. Raises StoreError."""
        sequence = self._requests.get(request_id)
        return None if sequence is None else self._one_decision(f"{_SELECT_DECISION} WHERE sequence = ?", sequence)

    def _one_decision(self, query: str, value: str | int) -> Decision | None:
        with self._lock:
            try:
                row = self._connection.execute(query, (value,)).fetchone()
            except sqlite3.Error as error:
                raise StoreError(f"store: {error}") from error
        if row is None:
            return None
        return Decision(*row)

    def record_feedback(self, entries: Sequence[Feedback], recorded_at: str, station_id: str) -> list[str]:
        """Append feedback, joined to the latest decision with that finding; return the finding ids of no decision.

        Raises StoreError; then nothing was written.
        """
        self._write_keys()
        unmatched: list[str] = []
        query = (
            "SELECT check_id FROM decision_key JOIN decision ON sequence = decision_key.decision "
            "WHERE key = ? ORDER BY sequence DESC LIMIT 1"
        )

        def work(connection: sqlite3.Connection) -> None:
            for entry in entries:
                row = connection.execute(query, (entry.finding_id,)).fetchone()
                if row is None:
                    unmatched.append(entry.finding_id)
                check_id = row[0] if row else ""
                values = (recorded_at, entry.finding_id, check_id, entry.disposition, entry.reason, station_id)
                connection.execute(_INSERT_FEEDBACK, values)

        self._transaction(work)
        return unmatched

    def close(self) -> None:
        """Write what is left to write and close. Calls after it raise StoreError."""
        self._closed.set()
        self._upkeep.join()
        with self._lock:
            self._folder.close()
            self._connection.close()


def _entries(kind: str, lines: Iterable[Line], visits: Iterable[Visit]) -> Iterator[tuple[str, Line | Visit]]:
    """Yield what goes into the log of history, with its kind."""
    for line in lines:
        yield kind, line
    for visit in visits:
        yield "visit", visit


def _bring_to_version_2(connection: sqlite3.Connection) -> None:
    """Let the log of history take visits: widen the CHECK of its table, in the schema alone.

    This is the procedure of SQLite's own documentation (ALTER TABLE, "making other kinds of table schema changes") for
    changes that leave the stored rows as they are: it takes no longer for a hundred million rows than for ten. A server
    of version 1 refuses the database afterwards.
    """
    (schema_version,) = connection.execute("PRAGMA schema_version").fetchone()
    connection.execute("PRAGMA writable_schema=ON")
    try:
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'history'",
            (KINDS_OF_VERSION_1, KINDS),
        )
        connection.execute(f"PRAGMA schema_version={schema_version + 1}")
    finally:
        connection.execute("PRAGMA writable_schema=OFF")
    connection.execute("UPDATE meta SET value = '2' WHERE key = 'schema_version'")
