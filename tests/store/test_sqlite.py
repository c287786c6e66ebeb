"""What only the SQLite file has."""

import contextlib
import sqlite3

import pytest

from server import clock
from server.store import StoreError, open_store
from tests.store.making import commit, decision, line, stored


@pytest.fixture
def path(tmp_path):
    return tmp_path / "precheck.db"


@pytest.mark.parametrize(("durability", "level"), [("process", 1), ("power", 2)])
def test_durability(tmp_path, durability, level):
    with contextlib.closing(open_store("", tmp_path, durability=durability)) as store:
        writer = store.database._writer
        assert writer.execute("PRAGMA synchronous").fetchone() == (level,)
        assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("version", ["0", "4", "x"])
def test_another_schema_version_is_refused(tmp_path, path, version):
    open_store("", tmp_path).close()
    with contextlib.closing(sqlite3.connect(path)) as writer, writer:
        writer.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", (version,))
    with pytest.raises(StoreError, match=f"schema version {version}"):
        open_store("", tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path, path):
    path.write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(StoreError, match=r"precheck\.db"):
        open_store("", tmp_path)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_database_that_cannot_be_written(store, history):
    store.record(decision("C1"))
    store.database._writer.execute("PRAGMA query_only=ON")
    with pytest.raises(StoreError, match="readonly"):
        commit(history, [line()], decide=lambda _: decision("C2"))
    with pytest.raises(StoreError, match="readonly"):
        commit(history, [line()])
    assert len(history.of("P1").timeline) == 0
    store.database._writer.execute("PRAGMA query_only=OFF")
    commit(history, [line()], decide=lambda _: decision("C2"))
    assert store.decision("C2") is not None
    assert len(stored(store)) == 1


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_store_that_another_holds_is_waited_for_until_the_deadline(store, place):
    with contextlib.closing(sqlite3.connect(place.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        before = clock.ticks_us()
        with pytest.raises(StoreError, match="locked"):
            store.record(decision(), until=clock.moment(0.05))
        assert clock.ticks_us() - before >= 50_000
        other.execute("ROLLBACK")
    store.record(decision())
    assert store.decision("C1") is not None
