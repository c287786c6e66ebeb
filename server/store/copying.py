"""Copy a store into an empty one of either kind, row by row as they are: ids, hashes and positions stay.

For moving from SQLite to PostgreSQL or back, while no server writes to either. Chains verify afterwards as before.
"""

from collections.abc import Callable, Sequence

from server import clock, limits
from server.store.database import Database, Statement
from server.store.records import StoreError

ROWS_AT_ONCE = 100

COPIED = {
    "content": ("digest", "part", "kind", "bytes"),
    "writer": ("id", "name", "named", "keyed"),
    "decision_key": ("key", "decision"),
    "request": ("request_id", "decision", "recorded_ms"),
}
"""The tables beside those of entries, with their columns."""
_ORDER = {"content": ("digest", "part"), "decision_key": ("key", "decision"), "request": ("request_id",)}
"""By which columns rows are gone through; by `id` where nothing is said."""


def copy(source: Database, target: Database, tables: dict[str, Sequence[str]], progress: Callable[[int], None]) -> int:
    """Copy the rows of all tables, with their columns; return their number. Raises StoreError."""
    if target.rows("SELECT 1 FROM writer LIMIT 1", (), _until()):
        raise StoreError("store: the store to copy to is not empty")
    total = 0
    for table, columns in tables.items():
        order = _ORDER.get(table, ("id",))
        names, by = ", ".join(columns), ", ".join(order)
        marks = ", ".join("?" * len(columns))
        places = [columns.index(name) for name in order]
        read = f"SELECT {names} FROM {table} WHERE ({by}) > ({', '.join('?' * len(order))}) ORDER BY {by} LIMIT {ROWS_AT_ONCE}"  # noqa: S608 - names
        write = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names
        rows = source.rows(f"SELECT {names} FROM {table} ORDER BY {by} LIMIT {ROWS_AT_ONCE}", (), _until())  # noqa: S608 - names
        while rows:
            target.run([Statement(write, row) for row in rows], _until())
            total += len(rows)
            progress(total)
            rows = source.rows(read, tuple(rows[-1][place] for place in places), _until())
    return total


def _until() -> int:
    return clock.moment(limits.STORE_WAIT_MAX_S)
