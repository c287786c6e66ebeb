"""The store's tables in one SQLite file, in WAL mode.

Durability: with `process`, what was answered survives `kill -9` (the operating system has the pages); a power cut
can lose the last moments. With `power` every transaction waits for the disk.

Several processes may have the file open. One writes at a time; the others try again, with pauses of our own: SQLite's
begin with a millisecond where a transaction takes a twentieth of that.
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

from server import clock
from server.store.database import ConflictError, Rows, Statement, held
from server.store.migration import MIGRATED_VERSIONS, migrate
from server.store.records import StoreError
from server.store.schema import SCHEMA_VERSION, definitions

DATABASE = "precheck.db"
"""The store's file in the data directory."""
TYPES = {"INTEGER": "INTEGER", "BLOB": "BLOB", "KEY": "TEXT"}
OPENING_MAX_S = 5.0
"""How long opening waits for a process that holds the file."""
PAUSE_S = 0.0002
PAUSE_MAX_S = 0.005
"""Between attempts to write what another process is writing; doubled from the one to the other."""

Done = TypeVar("Done")


class SqliteDatabase:
    """One SQLite file."""

    def __init__(self, path: Path, *, durability: Literal["process", "power"] = "process") -> None:
        """Open the file, making it if it is missing. Raises StoreError."""
        self._path = path
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        try:
            self._writer = self._connect()
            self._writer.execute(f"PRAGMA synchronous={'FULL' if durability == 'power' else 'NORMAL'}")
            # Folded in beside the requests, by `keep_up`: never by the request that happens to fill the log.
            self._writer.execute("PRAGMA wal_autocheckpoint=0")
            self._prepare()
            self._reader = self._connect()
            self._folder = self._connect()
        except sqlite3.Error as error:
            raise StoreError(f"store {path}: {error}") from error
        self._writer.execute("PRAGMA busy_timeout=0")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=OPENING_MAX_S, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA journal_mode=WAL")
        return connection

    def _prepare(self) -> None:
        """Make the tables where there are none. Raises StoreError for a version that is not ours."""
        connection = self._writer
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = self._version()
            if version == "":
                for statement in definitions(TYPES, without_rowid=" WITHOUT ROWID"):
                    connection.execute(statement)
                connection.execute("INSERT INTO meta VALUES ('schema_version', ?)", (str(SCHEMA_VERSION),))
            elif version in MIGRATED_VERSIONS:
                migrate(connection, version, TYPES)
            version = self._version()
            connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        if version != str(SCHEMA_VERSION):
            raise StoreError(f"store {self._path}: schema version {version}, this server needs {SCHEMA_VERSION}")

    def _version(self) -> str:
        """Return the version of the schema; "" where there are no tables."""
        tables = "SELECT count(*) FROM sqlite_master WHERE name = 'meta'"
        if not self._writer.execute(tables).fetchone()[0]:
            return ""
        row = self._writer.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
        return str(row[0]) if row is not None else "none"

    def run(self, statements: Sequence[Statement], until: int, *, aside: bool = False) -> list[int]:  # noqa: ARG002 - one file, one writer
        """Do all statements or none; see `Database`. A single one is a transaction of its own and begins none."""
        # No context manager and no closure where all is well: every check comes by here.
        if not self._writing.acquire(blocking=False):
            self._acquire(until)
        try:
            connection = self._writer
            if len(statements) == 1:
                ((sql, parameters),) = statements
                try:
                    return [connection.execute(sql, parameters).rowcount]
                except sqlite3.Error as error:
                    _require_busy(error)
                return [self._patiently(lambda: connection.execute(sql, parameters).rowcount, until)]
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                _require_busy(error)
                self._patiently(lambda: connection.execute("BEGIN IMMEDIATE"), until)
            try:
                counts = [connection.execute(sql, parameters).rowcount for sql, parameters in statements]
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                _refuse(error)
            except BaseException:  # also a text that cannot be encoded: no transaction may stay open
                self._roll_back()
                raise
            return counts
        finally:
            self._writing.release()

    @contextlib.contextmanager
    def exclusively(self, until: int) -> Iterator["_Transaction"]:
        """Begin a transaction; see `Database`. SQLite has one writer at a time, so each is of this kind."""
        with held(self._writing, until):
            self._patiently(lambda: self._writer.execute("BEGIN IMMEDIATE"), until)
            try:
                yield _Transaction(self._writer)
                self._writer.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                _refuse(error)
            except BaseException:
                self._roll_back()
                raise

    def rows(self, sql: str, parameters: Sequence[Any], until: int) -> Rows:
        """Read what is committed; see `Database`. A reader is never kept waiting by a writer."""
        with held(self._reading, until):
            return self._patiently(lambda: self._reader.execute(sql, parameters).fetchall(), until)

    def _acquire(self, until: int) -> None:
        if not self._writing.acquire(timeout=max(0.0, (until - clock.ticks_us()) / 1e6)):
            raise StoreError("store: busy with other calls of this process")

    def _patiently(self, work: Callable[[], Done], until: int) -> Done:
        """Do something again while another process holds the file. Raises ConflictError or StoreError."""
        pause_s = PAUSE_S
        while True:
            try:
                return work()
            except sqlite3.Error as error:
                left_s = (until - clock.ticks_us()) / 1e6
                if not _is_busy(error) or left_s <= 0:
                    _refuse(error)
            time.sleep(min(pause_s, left_s))
            pause_s = min(2 * pause_s, PAUSE_MAX_S)

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # closed, or broken beyond it: nothing was committed either way
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")

    def keep_up(self) -> None:
        """Fold the log into the file. Raises StoreError."""
        try:
            self._folder.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            _refuse(error)

    def close(self) -> None:
        """Close; the last one to close folds the log in."""
        with self._writing, self._reading:
            for connection in (self._folder, self._reader, self._writer):
                connection.close()


class _Transaction:
    """A transaction under way."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, *parameters: Any) -> Rows:
        """Read. What goes wrong, `exclusively` turns into a StoreError."""
        return self._connection.execute(sql, parameters).fetchall()

    def run(self, statements: Sequence[Statement]) -> None:
        """Write. What goes wrong, `exclusively` turns into a StoreError."""
        for sql, parameters in statements:
            self._connection.execute(sql, parameters)


def _is_busy(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _require_busy(error: sqlite3.Error) -> None:
    """Raise a StoreError for anything that waiting does not help."""
    if not _is_busy(error):
        _refuse(error)


def _refuse(error: sqlite3.Error) -> NoReturn:
    kind = ConflictError if isinstance(error, sqlite3.IntegrityError) else StoreError
    raise kind(f"store: {error}") from error
