"""Check the chains: every entry is there, is what it was, and stands where it stood.

What is found is told, the first fault of a chain by its entry; the rest of that chain is then checked against what is
there, so that one changed entry is one fault and not a million.
"""

import hashlib
from collections.abc import Callable, Iterator
from heapq import merge
from typing import Any, NamedTuple

import msgspec

from server import clock, limits
from server.store.chain import NO_HASH, chain_hash, content_hash, entry_id, number_of, writer_of
from server.store.database import Database
from server.store.records import Marker, content_fields
from server.store.schema import TABLES

ROWS_AT_ONCE = 200
"""Rows that are read in one go: no reader holds the database's log for longer."""
FAULTS_SHOWN_MAX = 20
"""Faults that are told; how many there are is said all the same."""


class Verified(NamedTuple):
    """What a verification came to."""

    entries: int
    erased: int
    """Of them, entries whose content retention has erased, each covered by a marker."""
    gaps: int
    """Answers that went out without a record, as markers tell."""
    outcome_unknown: int
    """Of them, those of which a record may be there all the same."""
    unfinished: int
    """Processes that ended without saying so, or still run."""
    heads: tuple[tuple[int, int, str], ...]
    """Writer, number and chain hash of the last entry of each chain."""
    faults: tuple[str, ...]
    faults_total: int


class _Row(NamedTuple):
    """An entry as it is stored."""

    id: int
    table: str
    content_hash: bytes
    chain_hash: bytes
    erased_by: int
    content: tuple[Any, ...]


class _Erasure:
    """A marker of retention, and what is found of what it covers."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.count = int(content["count"])
        self.digest = str(content["digest"])
        self.found = 0
        self.hash = hashlib.sha256()


def erased_digest(hashed: Any, entry: int, content: bytes) -> None:
    """Add one erased entry to the hash that its marker has."""
    hashed.update(entry.to_bytes(8, "big") + content)


class Verification:
    """One run over all chains."""

    def __init__(self, database: Database, expected_heads: dict[int, tuple[int, str]] | None = None) -> None:
        """`expected_heads` are heads that somebody kept elsewhere: number and chain hash by writer."""
        self._database = database
        self._faults: list[str] = []
        self._faults_total = 0
        self._named: dict[int, dict[int, tuple[str, str]]] = {}
        """Chain hashes that must be met, by writer and number, with who says so."""
        for writer, (number, hashed) in (expected_heads or {}).items():
            self._must_meet(writer, number, hashed, "the heads that were kept")
        self._erasures: dict[int, _Erasure] = {}
        self._gaps = 0
        self._outcome_unknown = 0
        self._stopped: set[int] = set()

    def run(self, progress: Callable[[int], None] = lambda _: None) -> Verified:
        """Check everything; `progress` is called with the number of entries so far. Raises StoreError."""
        writers = list(self._writers())
        ends = {writer: self._end(writer) for writer in writers}
        for writer in writers:
            self._read_markers(writer, ends[writer])
        entries = erased = 0
        heads: list[tuple[int, int, str]] = []
        for writer in writers:
            hashed = NO_HASH
            expected = 1
            for row in self._rows(writer, ends[writer]):
                number = number_of(row.id)
                if number != expected:
                    self._fault(f"{_name(row)}: entries {expected} to {number - 1} of writer {writer} are missing")
                hashed = self._check(row, hashed if number == expected else None)
                erased += row.erased_by != 0
                expected = number + 1
                entries += 1
                if entries % ROWS_AT_ONCE == 0:
                    progress(entries)
            for number, (_, by) in sorted(self._named.get(writer, {}).items()):
                self._fault(f"writer {writer} entry {number}: is missing; {by} names it")
            heads.append((writer, expected - 1, hashed.hex()))
        for writer in sorted(self._named.keys() - set(writers)):
            self._fault(f"writer {writer}: its whole chain is missing")
        self._check_erasures()
        progress(entries)
        unfinished = sum(writer not in self._stopped for writer in writers)
        return Verified(
            entries,
            erased,
            self._gaps,
            self._outcome_unknown,
            unfinished,
            tuple(heads),
            tuple(self._faults),
            self._faults_total,
        )

    def _fault(self, text: str) -> None:
        self._faults_total += 1
        if len(self._faults) < FAULTS_SHOWN_MAX:
            self._faults.append(text)

    def _must_meet(self, writer: int, number: int, hashed: str, by: str) -> None:
        self._named.setdefault(writer, {})[number] = (hashed, by)

    def _read(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self._database.rows(sql, parameters, clock.moment(limits.STORE_WAIT_MAX_S))

    def _writers(self) -> Iterator[int]:
        """Yield every writer that has an entry, whatever the table of writers says."""
        after = -1
        while True:
            found = [
                row[0]
                for table in TABLES
                for row in self._read(f"SELECT min(id) FROM {table} WHERE id > ?", after)  # noqa: S608 - a name
            ]
            known = [entry for entry in found if entry is not None]
            if not known:
                return
            writer = writer_of(min(known))
            yield writer
            after = entry_id(writer + 1, 0) - 1

    def _end(self, writer: int) -> int:
        """Return the last entry of a chain as it is now: what is appended meanwhile is another run's business."""
        span = (entry_id(writer, 0), entry_id(writer + 1, 0))
        found = [
            row[0]
            for table in TABLES
            for row in self._read(f"SELECT max(id) FROM {table} WHERE id > ? AND id < ?", *span)  # noqa: S608 - a name
        ]
        return max(int(entry) for entry in found if entry is not None)

    def _read_markers(self, writer: int, end: int) -> None:
        """Take in what the markers of a chain say of others and of what is erased."""
        for row in self._table_rows("marker", writer, end):
            marker = Marker(*row.content)
            try:
                content = msgspec.json.decode(marker.content)
                if marker.kind == "start":
                    for named, number, hashed in content["heads"]:
                        self._must_meet(named, number, hashed, f"the first entry of writer {writer}")
                elif marker.kind == "erasure":
                    self._erasures[row.id] = _Erasure(content)
                elif marker.kind == "gap":
                    self._gaps += int(content["answers"])
                    self._outcome_unknown += int(content.get("outcome_unknown", 0))
                elif marker.kind == "stop":
                    self._stopped.add(writer)
            except (msgspec.DecodeError, KeyError, TypeError, ValueError):
                self._fault(f"{_name(row)}: a marker that cannot be read")

    def _rows(self, writer: int, end: int) -> Iterator[_Row]:
        """Yield the entries of a chain in their order."""
        return merge(*(self._table_rows(table, writer, end) for table in TABLES), key=lambda row: row.id)

    def _table_rows(self, table: str, writer: int, end: int) -> Iterator[_Row]:
        columns = ", ".join(("id", "content_hash", "chain_hash", "erased_by", *content_fields(TABLES[table])))
        query = f"SELECT {columns} FROM {table} WHERE id > ? AND id <= ? ORDER BY id LIMIT {ROWS_AT_ONCE}"  # noqa: S608 - names
        after = entry_id(writer, 0)
        while rows := self._read(query, after, end):
            for entry, content, chained, erased_by, *values in rows:
                yield _Row(entry, table, bytes(content), bytes(chained), erased_by, tuple(values))
            after = rows[-1][0]

    def _check(self, row: _Row, before: bytes | None) -> bytes:
        """Check one entry against that before it, if that is there; return its chain hash."""
        if row.erased_by:
            erasure = self._erasures.get(row.erased_by)
            if erasure is None:
                self._fault(f"{_name(row)}: is erased, and no marker of a retention covers it")
            else:
                erasure.found += 1
                erased_digest(erasure.hash, row.id, row.content_hash)
            if any(value for value in row.content if not isinstance(value, int)):
                self._fault(f"{_name(row)}: is said to be erased, and has content")
        elif content_hash(row.table, row.content) != row.content_hash:
            self._fault(f"{_name(row)}: its content is not what was recorded")
        if before is not None and chain_hash(before, row.content_hash) != row.chain_hash:
            self._fault(f"{_name(row)}: does not follow the entry before it")
        named = self._named.get(writer_of(row.id), {}).pop(number_of(row.id), None)
        if named is not None and named[0] != row.chain_hash.hex():
            self._fault(f"{_name(row)}: is not the entry that {named[1]} names")
        return row.chain_hash

    def _check_erasures(self) -> None:
        for entry, erasure in sorted(self._erasures.items()):
            if erasure.found != erasure.count or erasure.hash.hexdigest() != erasure.digest:
                place = f"marker {writer_of(entry)}:{number_of(entry)}"
                self._fault(f"{place}: covers {erasure.count} erased entries; {erasure.found} are found, or others")


def _name(row: _Row) -> str:
    """Return how an entry is named to a person: its table, its writer and number, and the decision's check id."""
    check_id = f" ({row.content[0]})" if row.table == "decision" and row.content and row.content[0] else ""
    return f"{row.table} {writer_of(row.id)}:{number_of(row.id)}{check_id}"
