"""Visits in a patient's history: committed with their lines, taken back with them, rebuilt from the log."""

import contextlib
import random
import sqlite3
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from ruleset.case import Diagnosis, Encounter, Line, Visit, identity
from ruleset.timeline import Timeline
from server.history import History, visit_of
from server.store import Store, StoreError

NOON = datetime(2026, 7, 8, 12)
E1 = Visit("E1", "F1", ("inpatient",), NOON, None, "A03", (Diagnosis("I50.900", "心力衰竭", primary=True),), True)


def line(order_id="L1", **fields):
    return Line(**{"order_id": order_id, "item_code": "C1", "encounter_id": "E1", "begin": NOON, **fields})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "precheck.db"


@pytest.fixture
def store(path):
    with contextlib.closing(Store(path)) as opened:
        yield opened


def commit(history, store, lines, visit=None, patient="P1"):
    def write(changed, visits):
        if not changed and not visits:
            return 0
        return store.append_history(patient, "commit", "now", "test", changed, visits)

    return history.commit(patient, lines, write, visit=visit)


def void(history, chosen, patient="P1"):
    return history.void(patient, chosen, "now", "test")


def visits_of(history, store, patient="P1"):
    """The visits in memory, which are those of the store."""
    in_memory = history.of(patient)
    rebuilt = store.timeline(patient)
    assert in_memory.visits == rebuilt.visits
    assert in_memory.by_identity == rebuilt.by_identity
    assert in_memory.position == rebuilt.position
    return dict(in_memory.visits)


def test_a_visit_is_the_encounter_without_what_is_only_its_own():
    encounter = Encounter(
        id="E1",
        facility_id="F1",
        care_modes=("inpatient",),
        begin=NOON,
        department_code="A03",
        diagnoses=E1.diagnoses,
        planned=True,
        bed="031",
        payer="employee",
    )
    assert visit_of(encounter) == E1
    assert visit_of(Encounter(facility_id="F1")) is None


def test_a_visit_is_committed_with_its_lines(store):
    history = History(store, 1_000)
    change = commit(history, store, [line("L1"), line("L2")], E1)
    assert change.lines == 2
    assert visits_of(history, store) == {"E1": E1}


def test_a_repeat_changes_nothing(store):
    history = History(store, 1_000)
    first = commit(history, store, [line()], E1)
    assert commit(history, store, [line()], E1) == (0, first.position)
    assert commit(history, store, [line()], None) == (0, first.position), "one who states no encounter takes none back"
    assert visits_of(history, store) == {"E1": E1}


def test_a_visit_that_changed_is_written_without_its_lines(store, path):
    history = History(store, 1_000)
    first = commit(history, store, [line()], E1)
    discharged = msgspec.structs.replace(E1, end=NOON + timedelta(days=3))
    change = commit(history, store, [line()], discharged)
    assert change.lines == 0
    assert change.position > first.position
    assert visits_of(history, store) == {"E1": discharged}
    with contextlib.closing(sqlite3.connect(path)) as reader:
        kinds = reader.execute("SELECT kind FROM history ORDER BY position").fetchall()
    assert kinds == [("commit",), ("visit",), ("visit",)]


def test_no_lines_no_visit(store):
    history = History(store, 1_000)
    assert commit(history, store, [], E1) == (0, 0)
    assert visits_of(history, store) == {}


def test_a_void_of_some_lines_leaves_the_visit(store):
    history = History(store, 1_000)
    commit(history, store, [line("L1"), line("L2")], E1)
    void(history, lambda one: one.order_id == "L1")
    assert visits_of(history, store) == {"E1": E1}


def test_a_void_of_all_lines_takes_the_visit_back_and_a_commit_brings_it_again(store):
    history = History(store, 1_000)
    other = msgspec.structs.replace(E1, id="E2")
    commit(history, store, [line("L1"), line("L2")], E1)
    commit(history, store, [line("L3", encounter_id="E2")], other)
    void(history, lambda one: one.encounter_id == "E1")
    assert visits_of(history, store) == {"E2": other}
    commit(history, store, [line("L2")], E1)
    assert visits_of(history, store) == {"E1": E1, "E2": other}


def test_as_of_every_position(store):
    history = History(store, 1_000)
    ended = msgspec.structs.replace(E1, end=NOON)
    positions = [
        commit(history, store, [line("L1")], E1).position,
        commit(history, store, [line("L1")], ended).position,
        void(history, lambda _: True).position,
        commit(history, store, [line("L2")], E1).position,
    ]
    seen = [dict(store.timeline("P1", position).visits) for position in (0, *positions)]
    assert seen == [{}, {"E1": E1}, {"E1": ended}, {}, {"E1": E1}]


def test_what_cannot_be_written_is_not_remembered(store):
    history = History(store, 1_000)

    def fail(_lines, _visits):
        raise StoreError("full")

    with pytest.raises(StoreError):
        history.commit("P1", [line()], fail, visit=E1)
    assert visits_of(history, store) == {}


def test_memory_and_store_agree_after_anything(store):
    """Random commits and voids: what is in memory is always what the log says, and what a timeline built anew says."""
    chance = random.Random(20260708)
    history = History(store, 10_000)
    for step in range(150):
        encounter = f"E{chance.randrange(3)}"
        if chance.random() < 0.7:
            lines = [line(f"L{chance.randrange(4)}", encounter_id=encounter, quantity=Decimal(chance.randrange(3)))]
            stated = msgspec.structs.replace(E1, id=encounter, department_code=f"A{chance.randrange(2)}")
            commit(history, store, lines, stated if chance.random() < 0.8 else None)
        else:
            order_id = f"L{chance.randrange(4)}"
            void(history, lambda one, e=encounter, o=order_id: one.encounter_id == e and one.order_id == o)
        visits = visits_of(history, store)
        lines = history.of("P1").by_identity
        assert set(visits) <= {one.encounter_id for one in lines.values()}, step
        assert Timeline(lines.values(), 0, visits.values()).visits == visits


def test_a_timeline_takes_visits_as_it_takes_lines():
    first = Timeline([line()], 1, [E1])
    changed = first.with_changes([line("L2", encounter_id="E2")], (), 2, [msgspec.structs.replace(E1, id="E2")])
    assert list(changed.visits) == ["E1", "E2"]
    assert dict(first.visits) == {"E1": E1}, "the first does not change"
    assert list(changed.with_changes((), [identity(line())], 3).visits) == ["E2"]
    assert Timeline([line()], 1).visits == {}


SCHEMA_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE decision (
    sequence INTEGER PRIMARY KEY, check_id TEXT NOT NULL, request_id TEXT NOT NULL, received_at TEXT NOT NULL,
    elapsed_us INTEGER NOT NULL, patient_id TEXT NOT NULL, encounter_id TEXT NOT NULL, message_id TEXT NOT NULL,
    station_id TEXT NOT NULL, format TEXT NOT NULL, encoding TEXT NOT NULL, profile TEXT NOT NULL,
    revision TEXT NOT NULL, history_position INTEGER NOT NULL, verdict INTEGER NOT NULL,
    completeness INTEGER NOT NULL, finding_ids TEXT NOT NULL, document BLOB NOT NULL, answer BLOB NOT NULL
);
CREATE TABLE decision_key (
    key TEXT NOT NULL, decision INTEGER NOT NULL REFERENCES decision (sequence), PRIMARY KEY (key, decision)
) WITHOUT ROWID;
CREATE TABLE history (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    patient_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('commit', 'void')),
    recorded_at TEXT NOT NULL,
    source TEXT NOT NULL,
    line BLOB NOT NULL
);
CREATE INDEX history_patient ON history (patient_id, position);
CREATE TABLE feedback (
    sequence INTEGER PRIMARY KEY, recorded_at TEXT NOT NULL, finding_id TEXT NOT NULL, check_id TEXT NOT NULL,
    disposition TEXT NOT NULL, reason TEXT NOT NULL, station_id TEXT NOT NULL
);
CREATE INDEX feedback_finding ON feedback (finding_id);
INSERT INTO meta VALUES ('schema_version', '1'), ('keyed', '0');
"""
"""A store as the first release made it."""


class TestADatabaseOfTheFirstRelease:
    @pytest.fixture
    def old(self, path):
        with contextlib.closing(sqlite3.connect(path)) as writer:
            writer.executescript(SCHEMA_1)
            for order_id in ("L1", "L2"):
                encoded = msgspec.msgpack.encode(line(order_id, quantity=Decimal("2.50")))
                writer.execute(
                    "INSERT INTO history (patient_id, kind, recorded_at, source, line) VALUES (?, ?, ?, ?, ?)",
                    ("P1", "commit", "now", "test", encoded),
                )
            writer.commit()
        return path

    def test_it_opens_and_takes_visits(self, old):
        with contextlib.closing(Store(old)) as store:
            history = History(store, 1_000)
            assert {one.order_id for one in history.of("P1").by_identity.values()} == {"L1", "L2"}
            assert visits_of(history, store) == {}
            assert commit(history, store, [line("L3")], E1).position == 4
            assert visits_of(history, store) == {"E1": E1}
        with contextlib.closing(Store(old)) as again:
            assert dict(again.timeline("P1").visits) == {"E1": E1}
        with contextlib.closing(sqlite3.connect(old)) as reader:
            assert reader.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
                reader.execute(
                    "INSERT INTO history (patient_id, kind, recorded_at, source, line) VALUES ('', 'other', '', '', '')"
                )

    def test_its_schema_is_then_that_of_a_new_one(self, old, tmp_path):
        Store(old).close()
        Store(tmp_path / "new.db").close()
        tables = []
        for file in (old, tmp_path / "new.db"):
            with contextlib.closing(sqlite3.connect(file)) as reader:
                tables.append(reader.execute("SELECT sql FROM sqlite_master WHERE name = 'history'").fetchone())
        assert tables[0] == tables[1]

    def test_one_that_cannot_be_written_is_refused_and_stays_what_it_is(self, old):
        with contextlib.closing(sqlite3.connect(old)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="locked"):
                Store(old)
            other.execute("ROLLBACK")
            assert other.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone() == ("1",)
        with contextlib.closing(Store(old)) as store:
            assert len(store.timeline("P1")) == 2
