"""The store's tables in PostgreSQL 14 or newer, by psycopg 3.

Three connections: one that appends, one that reads, one for what nobody waits for. Each is used by one thread at a
time. One that is lost is made again by a thread of its own; calls wait for it until their deadline and no longer, whatever
the network does: a reply that does not come in time costs the connection, not the deadline.

What is committed is as safe as PostgreSQL's own settings make it (`synchronous_commit`).
"""

import contextlib
import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import UniqueViolation

from server import clock
from server.store.database import ConflictError, LostError, Rows, Statement
from server.store.records import StoreError
from server.store.schema import SCHEMA_VERSION, definitions

SCHEMES = ("postgresql://", "postgres://")
TYPES = {"INTEGER": "BIGINT", "BLOB": "BYTEA", "KEY": 'TEXT COLLATE "C"'}
CONNECT_MAX_S = 10
"""How long one attempt to connect may take."""
ASK_MAX_S = 2
"""How long it is waited for a word whether PostgreSQL is there."""
RECONNECT_INTERVAL_S = 0.2
"""Between attempts to connect while the database is away."""
IDLE_MAX_MS = 10_000
"""After so long PostgreSQL ends a transaction of ours of which nothing more is heard: it holds a lock that others want."""
CHANGES_LOCK = 0x7072_6563_6865_636B
"""The advisory lock under which histories change, so that positions become visible in their order."""
_ON_CONNECT = (
    f"SET idle_in_transaction_session_timeout = {IDLE_MAX_MS}",
    # A statement that waits for a lock notices that its client has gone.
    "SET client_connection_check_interval = 1000",
)

# What it warns of in a rollback is that the connection is lost, which is told as an error of ours.
logging.getLogger("psycopg").setLevel(logging.ERROR)


def is_address(setting: str) -> bool:
    """Say whether a setting names a PostgreSQL database."""
    return setting.startswith(SCHEMES)


def is_away(address: str) -> bool:
    """Say whether PostgreSQL does not answer, or takes no connections yet: what waiting may mend."""
    try:
        asked = make_conninfo(address, connect_timeout=ASK_MAX_S)
    except psycopg.ProgrammingError:
        return False  # who opens it says what is wrong with the address
    return psycopg.pq.PGconn.ping(asked.encode()) in (psycopg.pq.Ping.REJECT, psycopg.pq.Ping.NO_RESPONSE)


def without_password(address: str) -> str:
    """Return an address as it may be shown."""
    shown = re.sub(r"(?<=//)([^/@]*?):[^/@]*@", r"\1:…@", address)
    return re.sub(r"(?i)(password|sslpassword)=[^&\s]*", r"\1=…", shown)


class _Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that waits no longer than it may."""

    until = 0

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait as psycopg does; what is not there in time is given up with the connection."""
        if self.until:
            left_s = max((self.until - clock.ticks_us()) / 1e6, 0.001)
            timeout = left_s if timeout is None else min(timeout, left_s)
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()  # the answer is still to come, and would be taken for that of the next call
            raise


class _Link:
    """One connection, made again where it was lost."""

    def __init__(self, connect: Callable[[], _Connection], lost: threading.Event) -> None:
        self._connect = connect
        self._lost = lost
        self._turn = threading.Lock()
        self._there = threading.Condition()
        self._connection: _Connection | None = None
        self._closed = False

    def restore(self) -> None:
        """Connect if there is no connection. Raises psycopg.Error."""
        if self._connection is not None or self._closed:
            return
        made = self._connect()
        with self._there:
            if self._closed:
                made.close()
                return
            self._connection = made
            self._there.notify_all()

    @contextlib.contextmanager
    def use(self, until: int) -> Iterator[_Connection]:
        """Use the connection alone. Raises StoreError where it is not to be had in time; else what the use raises."""
        if not self._turn.acquire(timeout=max(0.0, _left_s(until))):
            raise StoreError("store: busy with other calls of this process")
        try:
            connection = self._awaited(until)
            connection.until = until
            try:
                yield connection
            except psycopg.Error as error:
                if connection.closed or isinstance(error, psycopg.InterfaceError):
                    self._drop(connection)
                    raise LostError(f"store: {_text(error)}") from error
                kind = ConflictError if isinstance(error, UniqueViolation) else StoreError
                raise kind(f"store: {_text(error)}") from error
            except BaseException:
                if connection.closed:
                    self._drop(connection)
                raise
        finally:
            self._turn.release()

    def _awaited(self, until: int) -> _Connection:
        with self._there:
            while self._connection is None:
                if self._closed:
                    raise StoreError("store: closed")
                self._lost.set()
                if not self._there.wait(max(0.0, _left_s(until))):
                    raise StoreError("store: PostgreSQL cannot be reached")
            return self._connection

    def _drop(self, connection: _Connection) -> None:
        with contextlib.suppress(psycopg.Error):
            connection.close()
        with self._there:
            self._connection = None
        self._lost.set()

    def close(self) -> None:
        """Close for good."""
        with self._turn, self._there:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._there.notify_all()


class PostgresDatabase:
    """One PostgreSQL database."""

    def __init__(self, address: str) -> None:
        """Connect, and make the tables where there are none. Raises StoreError."""
        self._address = address
        self._lost = threading.Event()
        self._closed = False
        links = [_Link(self._connected, self._lost) for _ in range(3)]
        self._writer, self._reader, self._keeper = self._links = links
        try:
            conninfo_to_dict(address)
            for link in links:
                link.restore()
            with self._writer.use(clock.moment(CONNECT_MAX_S)) as connection:
                self._prepare(connection)
        except (psycopg.Error, StoreError) as error:
            for link in links:
                link.close()
            raise StoreError(f"store {without_password(address)}: {_text(error)}") from error
        self._restoring = threading.Thread(target=self._restore, name="store-connect", daemon=True)
        self._restoring.start()

    def _connected(self) -> _Connection:
        connection = _Connection.connect(
            self._address,
            autocommit=True,
            connect_timeout=CONNECT_MAX_S,
            application_name="precheck",
            # A peer that is gone without a word is noticed although nothing is being sent.
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
        )
        for statement in _ON_CONNECT:
            connection.execute(statement)
        return connection

    def _restore(self) -> None:
        while not self._closed:
            self._lost.wait()
            self._lost.clear()
            for link in self._links:
                try:
                    link.restore()
                except psycopg.Error:
                    self._lost.set()
            if self._lost.is_set() and not self._closed:
                threading.Event().wait(RECONNECT_INTERVAL_S)

    @staticmethod
    def _prepare(connection: _Connection) -> None:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (CHANGES_LOCK,))
            ((table,),) = connection.execute("SELECT to_regclass('meta')::text").fetchall()
            if table is None:
                for statement in definitions(TYPES):
                    connection.execute(statement)
                connection.execute("INSERT INTO meta VALUES ('schema_version', %s)", (str(SCHEMA_VERSION),))
            rows = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchall()
        version = rows[0][0] if rows else "none"
        if version != str(SCHEMA_VERSION):
            raise StoreError(f"schema version {version}, this server needs {SCHEMA_VERSION}")

    def run(self, statements: Sequence[Statement], until: int, *, aside: bool = False) -> list[int]:
        """Do all statements or none, in one round trip; see `Database`."""
        if not aside:
            return self._run(self._writer, statements, until)
        while True:
            try:
                return self._run(self._keeper, statements, until)
            except LostError:
                if _left_s(until) <= 0:
                    raise

    @staticmethod
    def _run(link: _Link, statements: Sequence[Statement], until: int) -> list[int]:
        with link.use(until) as connection:
            # In a pipeline without BEGIN, all up to its end is one transaction.
            with connection.pipeline():
                cursors = [connection.execute(_with_marks(sql), parameters) for sql, parameters in statements]
            return [cursor.rowcount for cursor in cursors]

    @contextlib.contextmanager
    def exclusively(self, until: int) -> Iterator["_Transaction"]:
        """Begin a transaction with the lock that changes of histories take; see `Database`."""
        with self._writer.use(until) as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (CHANGES_LOCK,))
            yield _Transaction(connection)

    def rows(self, sql: str, parameters: Sequence[Any], until: int) -> Rows:
        """Read what is committed; see `Database`. Where the connection is lost, it is read again on the next one."""
        while True:
            try:
                with self._reader.use(until) as connection:
                    return connection.execute(_with_marks(sql), parameters).fetchall()
            except LostError:
                if _left_s(until) <= 0:
                    raise

    def keep_up(self) -> None:
        """Do nothing: PostgreSQL keeps itself up."""

    def close(self) -> None:
        """Close."""
        self._closed = True
        self._lost.set()
        for link in self._links:
            link.close()


class _Transaction:
    """A transaction under way."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, *parameters: Any) -> Rows:
        """Read. What goes wrong, `exclusively` turns into a StoreError."""
        return self._connection.execute(_with_marks(sql), parameters).fetchall()

    def run(self, statements: Sequence[Statement]) -> None:
        """Write, in one round trip. What goes wrong, `exclusively` turns into a StoreError."""
        with self._connection.pipeline():
            for sql, parameters in statements:
                self._connection.execute(_with_marks(sql), parameters)


@cache
def _with_marks(sql: str) -> str:
    """Return a statement with psycopg's marks for parameters; no statement of ours has a `?` or `%` of another meaning."""
    return sql.replace("?", "%s")


def _left_s(until: int) -> float:
    return (until - clock.ticks_us()) / 1e6


def _text(error: Exception) -> str:
    """Return an error on one line, as PostgreSQL words it."""
    return " ".join(str(error).split()) or type(error).__name__
