"""Databases that earlier versions made: built by their own schemas, opened by this one."""

import contextlib
import json
import sqlite3
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from ruleset.case import Visit
from server.history import History
from server.replay import ReplayError, own_packs, redecide
from server.store import DuplicateRequestError, Feedback, StoreError, open_store
from server.store.chain import number_of
from tests.store.making import NOON, RECEIVED, commit, decision, line, stored, void

SCHEMA = """
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
    kind TEXT NOT NULL CHECK (kind IN ({kinds})),
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
INSERT INTO meta VALUES ('schema_version', '{version}'), ('keyed', '1');
"""
KINDS = {"1": "'commit', 'void'", "2": "'commit', 'void', 'visit'"}
E1 = Visit("E1", department_code="A03")
EVENING = datetime.fromisoformat("2026-07-08T20:00:00+08:00")


def add_history(writer, rows):
    for kind, minute, source, entry in rows:
        values = ("P1", kind, (EVENING + timedelta(minutes=minute)).isoformat(), source, msgspec.msgpack.encode(entry))
        writer.execute(
            "INSERT INTO history (patient_id, kind, recorded_at, source, line) VALUES (?, ?, ?, ?, ?)", values
        )


def add_decision(writer, number, request_id=""):
    values = (
        f"C{number}",
        request_id,
        "2026-07-08T12:00:00+08:00",
        *(7, "P1", "E1", "M1", "S1", "3101", "utf-8", "default", "p@1+d", 3, 1, 2),
        f"F{number} G{number}",
        b"document",
        b"answer",
    )
    marks = ", ".join("?" * len(values))
    writer.execute(f"INSERT INTO decision VALUES (NULL, {marks})", values)


def old(folder, version):
    with contextlib.closing(sqlite3.connect(folder / "precheck.db")) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.executescript(SCHEMA.format(version=version, kinds=KINDS[version]))
        rows = [
            ("commit", 0, "C1", line("L1", quantity=Decimal("2.50"))),
            ("commit", 0, "C1", line("L2")),
            ("visit", 0, "C1", E1),
            ("void", 1, "S1", line("L1", quantity=Decimal("2.50"))),
            ("commit", 2, "C2", line("L1", quantity=Decimal(3))),
            ("void", 3, "S1", line("L2")),
        ]
        add_history(writer, [row for row in rows if row[0] in KINDS[version]])
        add_decision(writer, 1, "R1")
        add_decision(writer, 2)
        writer.execute("INSERT INTO feedback VALUES (NULL, 'then', 'F1', 'C1', 'continued', '因', 'S1')")
        writer.executemany("INSERT INTO decision_key VALUES (?, 1)", [("C1",), ("F1",), ("G1",)])
        writer.commit()


@pytest.mark.parametrize("version", ["1", "2"])
def test_everything_is_there(tmp_path, version):
    old(tmp_path, version)
    with contextlib.closing(open_store("", tmp_path)) as store:
        (back,) = stored(store).by_identity.values()
        assert back == line("L1", quantity=Decimal(3))
        assert dict(stored(store).visits) == ({"E1": E1} if version == "2" else {})
        first = store.decision("C1")
        assert (first.document, first.answer, first.history_position, first.elapsed_us) == (
            b"document",
            b"answer",
            3,
            7,
        )
        assert store.decision("C2").request_id == ""
        assert store.decision_of_request("R1").check_id == "C1"
        with pytest.raises(DuplicateRequestError):
            store.record(decision("C3", request_id="R1"))
        assert store.record_feedback([Feedback("G2", "went_back", "")], "now", "") == []
        with pytest.raises(ReplayError, match="before its profile"):
            redecide(first, own_packs(first, tmp_path), store)


def test_what_decisions_saw_can_still_be_rebuilt(tmp_path):
    """Positions are what they were: a decision recorded that of the last line or visit it saw."""
    old(tmp_path, "2")
    with contextlib.closing(open_store("", tmp_path)) as store:
        there = {
            position: sorted((one.order_id, one.quantity) for one in stored(store, up_to=position).by_identity.values())
            for position in (0, 3, 4, 5, 6)
        }
    assert there == {
        0: [],
        3: [("L1", Decimal("2.50")), ("L2", None)],
        4: [("L2", None)],
        5: [("L1", 3), ("L2", None)],
        6: [("L1", 3)],
    }


def test_it_goes_on(tmp_path):
    """A new commit is later than the log, whatever its message's time: the log knew only the order of receipt."""
    old(tmp_path, "2")
    with contextlib.closing(open_store("", tmp_path)) as store:
        history = History(store, 1_000_000)
        assert commit(history, [line("L3")], at=None).position == 7
        assert void(history, at=None, received=RECEIVED + timedelta(days=1)).lines == 2
        assert len(history.of("P1").timeline) == 0
    with contextlib.closing(open_store("", tmp_path)) as again:
        assert len(stored(again)) == 0


def test_the_chain_begins_with_an_entry_that_says_so(tmp_path):
    old(tmp_path, "2")
    open_store("", tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / "precheck.db")) as reader:
        (content,) = reader.execute("SELECT content FROM marker ORDER BY id LIMIT 1").fetchone()
        migrated = json.loads(content)["migrated"]
        assert migrated == {"from": "2", "rows": {"decision": 2, "history": 6, "feedback": 1}}
        tables = ("marker", "decision", "event", "feedback")
        numbers = sorted(number_of(one) for table in tables for (one,) in reader.execute(f"SELECT id FROM {table}"))
        assert numbers == list(range(1, len(numbers) + 1))
        assert reader.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_its_schema_is_then_that_of_a_new_one(tmp_path):
    schemas = []
    for folder in (tmp_path / "old", tmp_path / "new"):
        folder.mkdir()
        if folder.name == "old":
            old(folder, "2")
        open_store("", folder).close()
        with contextlib.closing(sqlite3.connect(folder / "precheck.db")) as reader:
            schemas.append(
                sorted(
                    reader.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite%'").fetchall()
                )
            )
    assert schemas[0] == schemas[1]


def test_one_that_cannot_be_written_is_refused_and_stays_what_it_is(tmp_path, monkeypatch):
    from server.store import sqlite

    monkeypatch.setattr(sqlite, "OPENING_MAX_S", 0.1)
    old(tmp_path, "2")
    with contextlib.closing(sqlite3.connect(tmp_path / "precheck.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            open_store("", tmp_path)
        other.execute("ROLLBACK")
        assert other.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone() == ("2",)
    with contextlib.closing(open_store("", tmp_path)) as store:
        assert len(stored(store)) == 1


def test_a_line_that_was_committed_again_after_its_void_in_the_same_moment(tmp_path):
    """What only its order tells apart keeps its order."""
    with contextlib.closing(sqlite3.connect(tmp_path / "precheck.db")) as writer:
        writer.executescript(SCHEMA.format(version="2", kinds=KINDS["2"]))
        add_history(writer, [("commit", 0, "a", line()), ("void", 0, "b", line()), ("commit", -60, "c", line())])
        writer.commit()
    with contextlib.closing(open_store("", tmp_path)) as store:
        assert len(stored(store)) == 1
        assert NOON in {one.begin for one in stored(store).by_identity.values()}
