"""Entries that were given up for lost and came after all, and calls that wait for one another no longer than they may."""

import contextlib
import json
import sqlite3
import threading
import time

import pytest

from server import clock, limits
from server.check import Request
from server.history import History
from server.store import OutcomeUnknownError, StaleHistoryError, Store, StoreError, open_store
from server.store.database import LostError
from server.store.sqlite import SqliteDatabase
from tests.store.clusters import Between, PostgresPlace
from tests.store.making import commit, decision, line, stored, void
from tests.store.places import SqlitePlace
from tests.store.services import Service
from tests.web.messages import (
    BED,
    CHILD_DRUG,
    CHILD_ONLY,
    encoded,
    ext_of,
    message,
    order,
    patient_of,
    rules,
    settlement,
)
from tests.web.product import until

MEMORY = 1_000_000
HELD_S = 3.0


class LateDatabase(SqliteDatabase):
    """Loses the connection of one transaction, which the database commits only after it was asked whether it is there."""

    is_armed = False
    under_way = None

    def run(self, statements, until, *, aside=False):
        if self.is_armed and not aside:
            self.is_armed, self.under_way = False, list(statements)
            raise LostError("store: connection reset")
        self._come_late(until)
        return super().run(statements, until, aside=aside)

    @contextlib.contextmanager
    def exclusively(self, until):
        self._come_late(until)
        with super().exclusively(until) as transaction:
            if not self.is_armed:
                yield transaction
                return
            lost = Collected(transaction)
            yield lost
            self.is_armed, self.under_way = False, lost.statements
            raise LostError("store: connection reset")

    def _come_late(self, until):
        if self.under_way is not None:
            late, self.under_way = self.under_way, None
            super().run(late, until)


class Collected:
    """A transaction that keeps what it is to write."""

    def __init__(self, transaction):
        self.rows = transaction.rows
        self.statements = []

    def run(self, statements):
        self.statements.extend(statements)


class LateSqlite:
    """A store that loses what it is told to lose; SQLite never does, so here a class says that it did."""

    def __init__(self, tmp_path):
        self.store = Store(LateDatabase(tmp_path / "precheck.db"), upkeep=False)

    def lose(self, _sent):
        self.store.database.is_armed = True

    def close(self):
        self.store.close()


class LatePostgres:
    """The same by a connection that breaks when something was sent that the server has yet to read."""

    def __init__(self, cluster):
        self._place = PostgresPlace(cluster)
        self._between = Between(cluster)
        self.store = open_store(self._between.address_of(self._place), None, upkeep=False)

    def lose(self, sent):
        self._between.lose_at = sent

    def close(self):
        self.store.close()
        self._between.close()
        self._place.close()


@pytest.fixture(params=["sqlite", "postgres"])
def late(request, tmp_path):
    made = LateSqlite(tmp_path) if request.param == "sqlite" else LatePostgres(request.getfixturevalue("cluster"))
    with contextlib.closing(made):
        made.store.begin()
        yield made


def rows(store, sql):
    return store.database.rows(sql, (), clock.moment(HELD_S))


@pytest.mark.parametrize("request_id", ["", "R1"])
def test_a_decision_that_was_committed_late_is_stored_once(late, request_id):
    """Regression: without a request id the decision was appended a second time, and the chain was right all the same."""
    late.store.record(decision("C0"))
    late.lose(b"C1")
    late.store.record(decision("C1", request_id=request_id))
    late.store.record(decision("C2"))
    found = rows(late.store, "SELECT check_id FROM decision ORDER BY id")
    assert [check_id for (check_id,) in found] == ["C0", "C1", "C2"]
    assert late.store.verify().faults == ()


def test_a_settlement_that_was_committed_late_is_answered_as_it_was_recorded(late, tiny_packs):
    """Regression: the answer was written anew on the history that had the lines already, and said that none was committed."""
    service = Service(late.store, tiny_packs)
    service.check(settlement(message([order(BED)])))
    late.lose(b"COMMIT")
    answer = service.check(settlement(message([order(BED), order(BED)])))
    assert ext_of(answer)["committed_lines"] == 2
    assert answer == json.loads(late.store.decision(ext_of(answer)["check_id"]).answer)
    assert rows(late.store, "SELECT count(*) FROM decision") == [(2,)]
    service.check(settlement(message([order(BED)])))
    assert rows(late.store, "SELECT count(*) FROM event") == [(3,)]
    assert late.store.verify().faults == ()


def test_a_commit_and_a_void_that_came_late_are_made_once_and_told_as_they_were(late):
    """Regression: made anew on the history that had them already, they were told to have changed nothing."""
    history = History(late.store, MEMORY)
    late.lose(b"COMMIT")
    assert commit(history, [line("L1"), line("L2")])[:2] == (2, 1)
    assert commit(history, [line("L1"), line("L2")])[:2] == (0, 1)
    late.lose(b"COMMIT")
    assert void(history, order_ids=("L1",))[:2] == (1, 2)
    assert [one.order_id for one in history.of("P1").timeline.by_identity.values()] == ["L2"]
    assert stored(late.store).by_identity == history.of("P1").timeline.by_identity
    assert late.store.verify().faults == ()


@pytest.fixture
def silent(cluster):
    """A PostgreSQL store that takes a decision and then says nothing."""
    with (
        contextlib.closing(PostgresPlace(cluster)) as place,
        contextlib.closing(Between(cluster)) as between,
        contextlib.closing(open_store(between.address_of(place), None)) as store,
    ):
        yield store, between


def recovered(between):
    between.swallow.clear()
    between.drop()


def test_a_decision_of_which_nothing_was_heard_is_refused_and_a_retry_gets_it(silent, tiny_packs):
    store, between = silent
    service = Service(store, tiny_packs)
    document = message([order(CHILD_DRUG)])
    service.check(document)
    between.silent_after = b"R1"
    with pytest.raises(OutcomeUnknownError, match="whether it was recorded is not known"):
        service.check(document, within_s=1.0, request_id="R1")
    recovered(between)
    answer = service.check(document, within_s=HELD_S * 10, request_id="R1")
    assert service.store.decision_of_request("R1").check_id == ext_of(answer)["check_id"]
    assert rows(store, "SELECT count(*) FROM decision") == [(2,)]
    between.silent_after = b"COMMIT"
    with pytest.raises(OutcomeUnknownError):
        commit(service.history, [line("L1")], until=clock.moment(1.0))
    recovered(between)
    assert commit(service.history, [line("L1")], until=clock.moment(HELD_S * 10)).lines == 0, "it is there"


def test_a_decision_of_which_nothing_was_heard_is_shed_and_counted_as_unknown(silent, tiny_packs):
    store, between = silent
    service = Service(store, tiny_packs, sheds=True)
    document = message([order(CHILD_DRUG)])
    service.check(document)
    between.silent_after = b"R1"
    shed = service.check(document, request_id="R1")
    assert ext_of(shed)["not_recorded"]
    assert ext_of(service.check(document))["not_recorded"]
    recovered(between)
    until(lambda: store.gaps.markers, "the marker")
    verified = store.verify()
    assert (verified.gaps, verified.outcome_unknown, verified.faults) == (2, 1, ())
    again = service.check(document, within_s=HELD_S * 10, request_id="R1")
    assert not ext_of(again)["not_recorded"], "the recorded answer, which is not the one that left"
    assert rows(store, "SELECT count(*) FROM decision") == [(2,)]


def test_one_lock_is_waited_for_no_longer_than_the_store_may_take(tmp_path, tiny_packs):
    """Regression: a check in `shed` waited for the commit of another patient whose lock it shared, beyond its deadline."""
    place = SqlitePlace(tmp_path)
    with contextlib.closing(place), contextlib.closing(place.open()) as store:
        service = Service(store, tiny_packs, sheds=True)
        lock_of = service.checks._history._lock_of
        other = next(name for name in (f"B{n}" for n in range(10_000)) if lock_of(name) is lock_of("A"))
        with contextlib.closing(sqlite3.connect(place.path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")

            def settle():
                with contextlib.suppress(Exception):
                    service.check(settlement(message([order(BED)], patient={"patn_id": "A"})), within_s=HELD_S)

            settling = threading.Thread(target=settle)
            settling.start()
            while not lock_of("A").locked():
                time.sleep(0.001)
            answer = service.check(message([order(CHILD_DRUG)], patient={"patn_id": other}), within_s=2 * HELD_S)
            assert settling.is_alive(), "the check did not wait for the commit"
            assert ext_of(answer)["not_recorded"]
            holder.execute("ROLLBACK")
            settling.join()


def test_a_history_that_is_behind_and_cannot_be_read_again_is_shed_at_once(place, tiny_packs):
    """Regression: judged again and again on what was in memory, while another call of the patient read on and on."""
    known = message([order(BED, rx_id="A")])
    patient = {"patn_id": patient_of(known)["patn_id"]}
    with contextlib.closing(place.open()) as store, contextlib.closing(place.open()) as other:
        service = Service(store, tiny_packs, sheds=True)
        service.check(settlement(known))
        commit(History(other, MEMORY), [line("L9")], patient=patient["patn_id"])
        give_up = time.monotonic() + HELD_S
        document = encoded(message([order(CHILD_DRUG)], patient=patient))
        with service.history._lock_of(patient["patn_id"]):
            reply = service.checks.check(
                Request(document, "3101", None, "", "S1", "R1"), lambda: time.monotonic() < give_up
            )
        assert reply.not_recorded
        answer = json.loads(reply.answer)
        assert rules(answer) == [CHILD_ONLY]
        assert [gap["reason"] for gap in ext_of(answer)["not_evaluated"]] == ["history_unavailable"]
        assert service.metric("precheck_judged_again_total") == 1
        assert store.gaps.current().reason == "store: busy with another call of a patient"
    assert place.rows("SELECT count(*) FROM decision") == [(1,)]


class ContradictingStore(Store):
    """Refuses every record as behind the patient's history, whatever was read of it."""

    def record(self, decision, *, unless_after=None, until=None):
        raise StaleHistoryError("store: the patient's history has changed meanwhile")


def test_a_check_is_not_judged_again_without_end(tmp_path, tiny_packs):
    with contextlib.closing(ContradictingStore(SqliteDatabase(tmp_path / "precheck.db"))) as store:
        service = Service(store, tiny_packs)
        with pytest.raises(StoreError, match="judged 2 times; nothing was recorded"):
            service.check(message([order(CHILD_DRUG)]))
        assert service.metric("precheck_judged_again_total") == limits.JUDGEMENTS_MAX


def test_a_marker_of_which_nothing_was_heard_is_not_told_twice(silent):
    """Regression: the next round appended another one, and answers without a record were counted twice."""
    store, between = silent
    store.begin()
    between.silent_after = b"counted_by"
    store.gaps.add("x")
    until(between.swallow.is_set, "the marker is sent")
    until(lambda: store._marker_in_doubt, "nobody knows whether it is there")
    store.gaps.add("y")
    recovered(between)
    until(lambda: not store.gaps.is_open, "it is told")
    assert store.verify().gaps == 2


def test_a_long_read_of_sqlite_keeps_another_waiting_no_longer_than_it_may(tmp_path):
    """Regression: reads waited for one another without end, whatever the caller's deadline."""
    with contextlib.closing(Store(SqliteDatabase(tmp_path / "precheck.db"), upkeep=False)) as store:
        with store.database._reading, pytest.raises(StoreError, match="busy"):
            store.events("P1", until=clock.moment(0.01))
        assert store.events("P1") == []
