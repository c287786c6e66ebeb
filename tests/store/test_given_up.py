"""Entries that were given up for lost and came after all, and calls that wait for one another no longer than they may."""

import contextlib
import json
import sqlite3
import threading
import time

import pytest

from server import limits
from server.check import Request
from server.history import History
from server.store import StaleHistoryError, Store, StoreError
from server.store.database import LostError
from server.store.sqlite import SqliteDatabase
from tests.store.making import commit, decision, line
from tests.store.places import SqlitePlace
from tests.store.services import Service
from tests.web.messages import BED, CHILD_DRUG, CHILD_ONLY, encoded, ext_of, message, order, patient_of, rules, settlement

ALL = 2**62
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
        if self.under_way is not None:
            late, self.under_way = self.under_way, None
            super().run(late, until)
        return super().run(statements, until, aside=aside)


@pytest.fixture
def late(tmp_path):
    with contextlib.closing(Store(LateDatabase(tmp_path / "precheck.db"), upkeep=False)) as store:
        store.begin()
        yield store


@pytest.mark.parametrize("request_id", ["", "R1"])
def test_a_decision_that_was_committed_late_is_stored_once(late, request_id):
    """Regression: without a request id the decision was appended a second time, and the chain was right all the same."""
    late.record(decision("C0"))
    late.database.is_armed = True
    late.record(decision("C1", request_id=request_id))
    late.record(decision("C2"))
    found = late.database.rows("SELECT check_id FROM decision ORDER BY id", (), ALL)
    assert [check_id for (check_id,) in found] == ["C0", "C1", "C2"]
    assert late.verify().faults == ()


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
