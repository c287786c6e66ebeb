"""What the store asks of a database. Two modules answer: `server.store.sqlite` and `server.store.postgres`.

Statements have `?` for parameters and keep to what both databases understand. `until` is a moment of `clock.ticks_us`:
a database that does not answer is waited for until then.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple, Protocol

from server import clock
from server.store.records import StoreError


class ConflictError(StoreError):
    """A row with such a key is there already; nothing was written."""


class LostError(StoreError):
    """The database was lost in the middle: whether the transaction was committed is not known."""


@contextmanager
def held(lock: threading.Lock, until: int) -> Iterator[None]:
    """Hold a lock that is waited for no longer than the database. Raises StoreError."""
    if not lock.acquire(blocking=False) and not lock.acquire(timeout=max(0.0, (until - clock.ticks_us()) / 1e6)):
        raise StoreError("store: busy with other calls of this process")
    try:
        yield
    finally:
        lock.release()


class Statement(NamedTuple):
    """A statement with its parameters."""

    sql: str
    parameters: Sequence[Any] = ()


Rows = list[tuple[Any, ...]]


class Transaction(Protocol):
    """A transaction under way. It is committed at the end of its block, and rolled back by any exception."""

    def rows(self, sql: str, *parameters: Any) -> Rows:
        """Read. Raises StoreError."""

    def run(self, statements: Sequence[Statement]) -> None:
        """Write. Raises ConflictError or StoreError."""


class Database(Protocol):
    """One database. Safe for any number of threads; what is written is written by one thread at a time."""

    def run(self, statements: Sequence[Statement], until: int, *, aside: bool = False) -> list[int]:
        """Do all statements in one transaction, or none of them; return how many rows each wrote.

        `aside`: nobody waits for it, it shall keep nobody waiting, and it may be done twice without harm.
        Raises ConflictError, LostError or StoreError; of these only LostError leaves it open whether it was done.
        """

    def exclusively(self, until: int) -> AbstractContextManager[Transaction]:
        """Begin a transaction that no other one of this kind, in any process, runs beside. Raises as `run`."""

    def rows(self, sql: str, parameters: Sequence[Any], until: int) -> Rows:
        """Read what is committed. Raises StoreError."""

    def keep_up(self) -> None:
        """Do what the database needs from time to time; called twice a second. Raises StoreError."""

    def close(self) -> None:
        """Close. Calls after it raise StoreError."""
