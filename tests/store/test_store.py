"""The store and the history in front of it, by themselves."""

import contextlib
import itertools
import sqlite3
import sys
import threading
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from ruleset.case import Line, identity
from server.history import History
from server.store import Decision, DuplicateRequestError, Feedback, Store, StoreError
from server.store import store as store_module

NOON = datetime(2026, 7, 8, 12)


def line(order_id="L1", **fields):
    return Line(**{"order_id": order_id, "item_code": "C1", "encounter_id": "E1", "begin": NOON, **fields})


def decision(check_id="C1", **fields):
    values = {
        "request_id": "",
        "received_at": "2026-07-08T12:00:00+08:00",
        "elapsed_us": 5,
        "patient_id": "P1",
        "encounter_id": "E1",
        "message_id": "M1",
        "station_id": "S1",
        "format": "3101",
        "encoding": "utf-8",
        "profile": "default",
        "revision": "p@1+d",
        "history_position": 0,
        "verdict": 1,
        "completeness": 1,
        "finding_ids": "F1 F2",
        "document": b"{}",
        "answer": b'{"answer": 1}',
    }
    return Decision(check_id=check_id, **{**values, **fields})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "precheck.db"


@pytest.fixture
def store(path):
    with contextlib.closing(Store(path)) as opened:
        yield opened


def commit(history, store, lines, patient="P1", **options):
    def write(changed, visits):
        return store.append_history(patient, "commit", "now", "test", changed, visits) if changed or visits else 0

    return history.commit(patient, lines, write, **options)


class TestDecisions:
    def test_what_is_recorded_comes_back(self, store, path):
        whole = decision(request_id="R1", document="甲".encode("gbk"), answer=b"\x00\xff")
        store.record(whole)
        assert store.decision("C1") == whole
        assert store.decision_of_request("R1") == whole
        store.close()
        with contextlib.closing(Store(path)) as again:
            assert again.decision("C1") == whole

    def test_what_is_not_there(self, store):
        assert store.decision("none") is None
        assert store.decision_of_request("none") is None

    def test_no_request_id_is_no_id(self, store):
        store.record(decision("C1"))
        store.record(decision("C2"))
        assert store.decision_of_request("") is None
        assert store.decision("C2").request_id == ""

    @pytest.mark.parametrize("lines", [[], [line()]])
    def test_a_request_id_is_answered_once_and_nothing_of_the_second_stays(self, store, lines):
        store.record(decision("C1", request_id="R1", finding_ids=""))
        with pytest.raises(DuplicateRequestError):
            store.record(decision("C2", request_id="R1"), lines)
        assert len(store.timeline("P1")) == 0
        assert store.record_feedback([Feedback("F1", "went_back", "")], "now", "") == ["F1"]
        assert store.decision("C2") is None
        assert store.decision_of_request("R1").check_id == "C1"
        store.record(decision("C3"), lines)
        assert store.decision("C3") is not None

    def test_one_request_id_from_many_threads(self, store):
        """It was remembered only after the next writer could begin: two answers to one request."""
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for attempt in range(100):
                together = threading.Barrier(4)
                recorded = []

                def work(number, attempt=attempt, together=together, recorded=recorded):
                    together.wait()
                    with contextlib.suppress(DuplicateRequestError):
                        store.record(decision(f"{attempt}-{number}", request_id=f"R{attempt}"))
                        recorded.append(number)

                threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                assert len(recorded) == 1
        finally:
            sys.setswitchinterval(interval)

    def test_a_request_id_is_known_after_a_restart(self, store, path):
        store.record(decision("C1", request_id="R1"))
        store.close()
        with contextlib.closing(Store(path)) as again:
            assert again.decision_of_request("R1").check_id == "C1"
            with pytest.raises(DuplicateRequestError):
                again.record(decision("C2", request_id="R1"))

    def test_only_the_last_request_ids_are_remembered(self, store, monkeypatch):
        monkeypatch.setattr(store_module, "REQUESTS_REMEMBERED_MAX", 3)
        for number in range(5):
            store.record(decision(f"C{number}", request_id=f"R{number}"))
        known = [number for number in range(5) if store.decision_of_request(f"R{number}")]
        assert known == [2, 3, 4]

    def test_decisions_whose_keys_were_not_written_before_a_crash(self, store, path):
        """The keys follow a moment after the decision; a restart writes those that are missing."""
        store.record(decision("C1"))
        store.decision("C1")
        store.record(decision("C2"))
        with contextlib.closing(sqlite3.connect(path)) as writer, writer:
            writer.execute("DELETE FROM decision_key WHERE decision = 2")
        store.close()
        with contextlib.closing(Store(path)) as again:
            assert again.record_feedback([Feedback("F2", "went_back", "")], "now", "") == []
            assert again.decision("C2") is not None

    def test_a_decision_and_its_lines_are_one_transaction(self, store):
        position = store.record(decision(), [line("L1"), line("L2")])
        timeline = store.timeline("P1")
        assert (len(timeline), timeline.position) == (2, position)
        assert store.timeline("P2").position == 0

    def test_a_decision_without_lines_keeps_its_position(self, store):
        assert store.record(decision(history_position=7)) == 7


class TestTimeline:
    def test_a_line_comes_back_as_it_was(self, store):
        full = line(
            quantity=Decimal("0.10"),
            price=Decimal("1E+2"),
            amount=Decimal("-3.00"),
            item_name="丹参",
            self_pay=True,
            days=3,
            position=4,
            ordinal=1,
            begin_stated=False,
        )
        store.append_history("P1", "commit", "now", "test", [full])
        (back,) = store.timeline("P1").by_identity.values()
        assert back == full
        assert str(back.quantity) == "0.10"

    def test_as_of_every_position(self, store):
        history = History(store, 1_000)
        first = commit(history, store, [line("L1", quantity=Decimal(1))]).position
        second = commit(history, store, [line("L1", quantity=Decimal(2)), line("L2")]).position
        third = history.void("P1", lambda one: one.order_id == "L1", "now", "test").position
        fourth = commit(history, store, [line("L1", quantity=Decimal(3))]).position
        assert first < second < third < fourth

        def quantities(up_to):
            return {one.order_id: one.quantity for one in store.timeline("P1", up_to).by_identity.values()}

        assert quantities(0) == {}
        assert quantities(first) == {"L1": 1}
        assert quantities(second) == {"L1": 2, "L2": None}
        assert quantities(third) == {"L2": None}
        assert quantities(fourth) == quantities(None) == {"L1": 3, "L2": None}
        assert store.timeline("P1", third).position == third

    def test_the_order_of_commits_changes_nothing(self, tmp_path):
        lines = [line(f"L{n}", begin=NOON + timedelta(hours=n), prescription_id=f"R{n % 2}") for n in range(4)]
        seen = set()
        for number, arrangement in enumerate(itertools.permutations(lines)):
            with contextlib.closing(Store(tmp_path / f"{number}.db")) as store:
                history = History(store, 1_000)
                for one in arrangement:
                    commit(history, store, [one])
                for timeline in (history.of("P1"), store.timeline("P1")):
                    seen.add((timeline.by_item["C1"].lines, timeline.by_prescription["E1", "R0"]))
        assert seen == {(tuple(lines), (lines[0], lines[2]))}


class TestHistory:
    def test_a_repeated_commit_changes_nothing(self, store):
        history = History(store, 1_000)
        first = commit(history, store, [line("L1"), line("L2")])
        assert first.lines == 2
        assert commit(history, store, [line("L2"), line("L1")]) == (0, first.position)
        assert commit(history, store, [line("L2"), line("L3")]).lines == 1
        assert len(history.of("P1")) == 3

    def test_a_change_is_seen_from_memory_and_from_the_store(self, store):
        history = History(store, 1_000)
        assert len(history.of("P1")) == 0
        commit(history, store, [line("L1"), line("L2", item_code="C2")])
        history.void("P1", lambda one: one.item_code == "C2", "now", "test")
        fresh = History(store, 1_000).of("P1")
        assert list(history.of("P1").by_identity) == list(fresh.by_identity) == [identity(line("L1"))]
        assert history.of("P1").by_item == fresh.by_item
        assert history.of("P1").position == fresh.position

    def test_a_void_of_nothing(self, store):
        history = History(store, 1_000)
        position = commit(history, store, [line("L1")]).position
        assert history.void("P1", lambda _: False, "now", "test") == (0, position)
        assert history.void("P9", lambda _: True, "now", "test") == (0, 0)

    def test_what_cannot_be_written_is_not_remembered(self, store):
        history = History(store, 1_000)
        commit(history, store, [line("L1")])

        def fail(_lines, _visits):
            raise StoreError("full")

        with pytest.raises(StoreError):
            history.commit("P1", [line("L2")], fail)
        assert len(history.of("P1")) == 1

    def test_without_a_patient_there_is_no_history(self, store):
        history = History(store, 1_000)
        commit(history, store, [line()], patient="")
        assert len(history.of("")) == 0

    def test_memory_is_bounded_by_lines(self, store):
        history = History(store, 10)
        for patient in range(20):
            commit(history, store, [line(f"L{n}") for n in range(3)], patient=f"P{patient}")
            assert history.committed_lines() <= 10
        misses = history.misses
        assert len(history.of("P0")) == 3
        assert history.misses == misses + 1
        assert len(history.of("P0")) == 3
        assert history.misses == misses + 1

    def test_a_patient_larger_than_memory_is_read_each_time(self, store):
        history = History(store, 10)
        commit(history, store, [line(f"L{n}") for n in range(50)])
        assert [len(history.of("P1")) for _ in range(3)] == [50] * 3
        assert history.committed_lines() <= 10
        assert commit(history, store, [line("L50")]).lines == 1
        assert len(history.of("P1")) == 51

    def test_by_content_another_id_is_the_same_line(self, store):
        history = History(store, 1_000)
        commit(history, store, [line("L1", quantity=Decimal(1))], same_line_by_content=True)
        assert commit(history, store, [line("L9", quantity=Decimal(1))], same_line_by_content=True).lines == 0
        assert commit(history, store, [line("L9", quantity=Decimal(2))], same_line_by_content=True).lines == 1

    def test_many_threads(self, store):
        """Every line that was committed is there, in memory and in the store."""
        history = History(store, 1_000)

        def work(number):
            for one in range(25):
                commit(history, store, [line(f"L{number}-{one}")])
                assert identity(line(f"L{number}-{one}")) in history.of("P1").by_identity

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(history.of("P1")) == len(store.timeline("P1")) == 100


class TestFeedback:
    def test_it_is_joined_to_the_latest_decision(self, store, path):
        store.record(decision("C1"))
        store.record(decision("C2", finding_ids="F1"))
        entries = [
            Feedback("F1", "continued", "因"),
            Feedback("F2", "continued", "因"),
            Feedback("F3", "went_back", ""),
        ]
        assert store.record_feedback(entries, "now", "S1") == ["F3"]
        with contextlib.closing(sqlite3.connect(path)) as reader:
            rows = reader.execute("SELECT finding_id, check_id, disposition, reason FROM feedback").fetchall()
        assert rows == [
            ("F1", "C2", "continued", "因"),
            ("F2", "C1", "continued", "因"),
            ("F3", "", "went_back", ""),
        ]


class TestTheDatabase:
    @pytest.mark.parametrize(("durability", "level"), [("process", 1), ("power", 2)])
    def test_durability(self, path, durability, level):
        with contextlib.closing(Store(path, durability=durability)) as store:
            assert store._connection.execute("PRAGMA synchronous").fetchone() == (level,)
            assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)

    @pytest.mark.parametrize("version", ["0", "3", "x"])
    def test_another_schema_version_is_refused(self, path, version):
        Store(path).close()
        with contextlib.closing(sqlite3.connect(path)) as writer, writer:
            writer.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", (version,))
        with pytest.raises(StoreError, match=f"schema version {version}"):
            Store(path)

    def test_a_file_that_is_no_database_is_refused(self, path):
        path.write_bytes(b"not a database, but long enough to look at" * 100)
        with pytest.raises(StoreError, match=r"precheck\.db"):
            Store(path)

    def test_a_closed_store(self, store):
        store.close()
        for call in (
            lambda: store.record(decision()),
            lambda: store.timeline("P1"),
            lambda: store.decision("C1"),
            lambda: store.append_history("P1", "commit", "now", "test", [line()]),
            lambda: store.record_feedback([Feedback("F", "went_back", "")], "now", ""),
        ):
            with pytest.raises(StoreError):
                call()

    def test_a_database_that_cannot_be_written(self, store):
        store.record(decision("C1"))
        store._connection.execute("PRAGMA query_only=ON")
        history = History(store, 1_000)
        with pytest.raises(StoreError, match="readonly"):
            store.record(decision("C2"), [line()])
        with pytest.raises(StoreError, match="readonly"):
            commit(history, store, [line()])
        assert len(history.of("P1")) == 0
        store._connection.execute("PRAGMA query_only=OFF")
        store.record(decision("C2"), [line()])
        assert store.decision("C2") is not None

    def test_a_line_that_cannot_be_encoded_leaves_no_transaction_open(self, store):
        with pytest.raises(UnicodeEncodeError):
            store.record(decision("C1"), [line("\ud800")])
        assert store.decision("C1") is None
        store.record(decision("C1"), [line()])
        assert len(store.timeline("P1")) == 1

    def test_a_store_that_another_holds_for_too_long(self, path, monkeypatch):
        monkeypatch.setattr(store_module, "BUSY_TIMEOUT_MS", 50)
        with contextlib.closing(Store(path)) as store, contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="locked"):
                store.record(decision())
            other.execute("ROLLBACK")
            store.record(decision())
            assert store.decision("C1") is not None
