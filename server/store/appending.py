"""The chain of this process: it appends, one entry after the other.

A process becomes a writer with its first entry, a marker that names the heads of the other chains. From then on it
knows its own head, so that appending reads nothing. Where the database was lost in the middle of a transaction, the
entry's id and hash tell whether it is there.
"""

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from server import clock
from server.store.chain import NO_HASH, NUMBER_MAX, Head, Link, entry_id, number_of, writer_of
from server.store.database import ConflictError, Database, LostError, Statement, Transaction
from server.store.records import Marker, MarkerKind, OutcomeUnknownError, StoreError, content_values
from server.store.schema import TABLES, insert

ATTEMPTS_MAX = 3
"""How often one entry is tried where another transaction of ours, lost before, took its place after all."""

_ENDS = ", ".join(
    f"(SELECT max(id) FROM {table} WHERE id > writer.id * {NUMBER_MAX + 1} AND id < (writer.id + 1) * {NUMBER_MAX + 1})"  # noqa: S608 - names of tables
    for table in TABLES
)
_WRITERS = f"SELECT id, named, {_ENDS} FROM writer"  # noqa: S608 - as above

_HASHES = " UNION ALL ".join(f"SELECT chain_hash FROM {table} WHERE id = ?" for table in TABLES)  # noqa: S608 - as above

Read = Callable[..., list[tuple[Any, ...]]]


def is_stored(link: Link, read: Read) -> bool:
    """Say whether an entry is there. Raises what `read` raises."""
    return any(bytes(chain_hash) == link.chain_hash for (chain_hash,) in read(_HASHES, *(link.id,) * len(TABLES)))


class Chain:
    """What this process appends to. Safe for any number of threads."""

    def __init__(self, database: Database, about: Callable[[], dict[str, Any]]) -> None:
        """`about` says of this process what its first entry shall say."""
        self._database = database
        self._about = about
        self._turn = threading.Lock()
        self._head: Head | None = None
        self._is_sure = True

    @property
    def writer(self) -> int:
        """The number of this writer; 0 before its first entry."""
        return writer_of(self._head.id) if self._head is not None else 0

    @contextlib.contextmanager
    def turn(self, until: int) -> Iterator[None]:
        """Hold the chain for one entry or several. Raises StoreError where it is not to be had in time."""
        self.take_turn(until)
        try:
            yield
        finally:
            self.leave_turn()

    def take_turn(self, until: int) -> None:
        """Begin what `turn` does; `leave_turn` ends it. Raises StoreError."""
        if self._turn.acquire(blocking=False):
            return
        if not self._turn.acquire(timeout=max(0.0, (until - clock.ticks_us()) / 1e6)):
            raise StoreError("store: busy with earlier entries")

    def leave_turn(self) -> None:
        """End one's turn."""
        self._turn.release()

    def head(self, until: int) -> Head:
        """Return the head, beginning the chain where there is none. The caller has the turn. Raises StoreError."""
        if self._head is not None and self._is_sure:
            return self._head
        while self._head is None:
            try:
                self._head = self._begun(until)
            except LostError:  # whether it became a writer or not: it becomes another
                if clock.ticks_us() >= until:
                    raise
        if not self._is_sure:
            self._head = self._found(lambda sql, *values: self._database.rows(sql, values, until), self.writer)
            self._is_sure = True
        return self._head

    def append(self, links: Callable[[Head], tuple[Sequence[Statement], Link]], until: int) -> list[int]:
        """Append what `links` makes after the head; return how many rows each statement wrote.

        Where the first wrote none, nothing was appended. The caller has the turn. Raises OutcomeUnknownError where the
        database was lost in the middle and could not be asked before `until`; else ConflictError or StoreError, and then
        nothing was written.
        """
        given_up: list[tuple[Link, int]] = []
        try:
            return self._append(links, until, given_up)
        except ConflictError:
            raise
        except StoreError as error:
            if not given_up:
                raise
            raise OutcomeUnknownError(error) from error

    def _append(
        self, links: Callable[[Head], tuple[Sequence[Statement], Link]], until: int, given_up: list[tuple[Link, int]]
    ) -> list[int]:
        """Do what `append` says; `given_up` gets each entry that was lost, with the number of its statements."""
        for attempt in range(ATTEMPTS_MAX):
            head = self.head(until)
            if given_up and self.has(given_up[-1][0], until):
                return [1] * given_up[-1][1]  # it was committed after all, later than it was asked for
            statements, last = links(head)
            try:
                counts = self._database.run(statements, until)
            except LostError:
                self._is_sure = False
                given_up.append((last, len(statements)))
                if not self.has(last, until):
                    continue
                counts = [1] * len(statements)
            except ConflictError:
                self._is_sure = False
                if attempt == ATTEMPTS_MAX - 1 or self.head(until).id < last.id:
                    raise  # not our place that is taken
                continue
            if counts[0]:
                self.advance(last)
            return counts
        raise StoreError("store: lost again and again")

    def has(self, link: Link, until: int) -> bool:
        """Say whether an entry of which the database may have heard is stored. Raises StoreError."""
        return is_stored(link, lambda sql, *values: self._database.rows(sql, values, until))

    def advance(self, link: Link) -> None:
        """Take note of what was appended."""
        self._head = link.head
        self._is_sure = True

    def doubt(self) -> None:
        """Take note that something may have been appended: the head is read again before the next entry."""
        self._is_sure = False

    def _begun(self, until: int) -> Head:
        """Become a writer: take a number, and append the marker that names the other chains."""
        name = secrets.token_hex(16)
        with self._database.exclusively(until) as transaction:
            ((writer,),) = transaction.rows("SELECT coalesce(max(id), 0) + 1 FROM writer")
            heads = [(writer_, head) for writer_, head in self._unnamed(transaction)]
            # JSON lists: number and hash, as a person would compare them.
            named = [[writer_, number_of(head.id), head.chain_hash.hex()] for writer_, head in heads]
            content = {**self._about(), "writer": writer, "name": name, "heads": named}
            marker = Marker("start", clock.now().isoformat(), msgspec.json.encode(content).decode())
            link = Head(entry_id(writer, 0), NO_HASH).next("marker", content_values(marker))
            transaction.run(
                [
                    Statement("INSERT INTO writer VALUES (?, ?, 0, ?)", (writer, name, entry_id(writer, 0))),
                    Statement(insert("marker"), (*content_values(marker), *link)),
                    *(
                        Statement("UPDATE writer SET named = ? WHERE id = ?", (head.id, writer_))
                        for writer_, head in heads
                    ),
                ]
            )
        return link.head

    def _unnamed(self, transaction: Transaction) -> Iterator[tuple[int, Head]]:
        """Yield the chains whose heads no first entry has named yet."""
        for writer, named, *ends in transaction.rows(_WRITERS):
            if max(end or 0 for end in ends) > named:
                yield writer, self._found(transaction.rows, writer)

    @staticmethod
    def _found(read: Read, writer: int) -> Head:
        """Return the head of a writer's chain, as the database has it."""
        best = Head(entry_id(writer, 0), NO_HASH)
        for table in TABLES:
            query = f"SELECT id, chain_hash FROM {table} WHERE id > ? AND id < ? ORDER BY id DESC LIMIT 1"  # noqa: S608 - as above
            for found, chain_hash in read(query, best.id, entry_id(writer + 1, 0)):
                best = Head(found, bytes(chain_hash))
        return best


def marker_links(kind: MarkerKind, content: dict[str, Any]) -> Callable[[Head], tuple[Sequence[Statement], Link]]:
    """Return what appends a marker."""
    marker = Marker(kind, clock.now().isoformat(), msgspec.json.encode(content).decode())

    def links(head: Head) -> tuple[Sequence[Statement], Link]:
        link = head.next("marker", content_values(marker))
        return [Statement(insert("marker"), (*content_values(marker), *link))], link

    return links
