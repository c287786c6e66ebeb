"""Histories in memory, in front of the store. Both databases."""

import contextlib
import itertools
import threading
from datetime import timedelta
from decimal import Decimal

import pytest

from ruleset.case import identity
from server import clock
from server.history import History
from server.store import StoreError
from tests.store.making import NOON, RECEIVED, commit, decision, later, line, stored, void

MEMORY = 10_000_000


class TestTimeline:
    def test_a_line_comes_back_as_it_was(self, store, history):
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
        commit(history, [full])
        (back,) = stored(store).by_identity.values()
        assert back == full
        assert str(back.quantity) == "0.10"

    def test_as_of_every_position(self, store, history):
        first = commit(history, [line("L1", quantity=Decimal(1))]).position
        second = commit(history, [line("L1", quantity=Decimal(2)), line("L2")]).position
        third = void(history, order_ids=("L1",)).position
        fourth = commit(
            history, [line("L1", quantity=Decimal(3))], at=None, received=RECEIVED + timedelta(hours=1)
        ).position
        assert first < second < third < fourth

        def quantities(up_to):
            return {one.order_id: one.quantity for one in stored(store, up_to=up_to).by_identity.values()}

        assert quantities(0) == {}
        assert quantities(first) == {"L1": 1}
        assert quantities(second) == {"L1": 2, "L2": None}
        assert quantities(third) == {"L2": None}
        assert quantities(fourth) == quantities(None) == {"L1": 3, "L2": None}
        assert stored(store, up_to=third).position == third

    def test_the_order_of_commits_changes_nothing(self, store):
        lines = [line(f"L{n}", begin=NOON + timedelta(hours=n), prescription_id=f"R{n % 2}") for n in range(4)]
        seen = set()
        history = History(store, MEMORY)
        for number, arrangement in enumerate(itertools.permutations(lines)):
            patient = f"P{number}"
            for one in arrangement:
                commit(history, [one], patient=patient)
            for timeline in (history.of(patient).timeline, stored(store, patient)):
                seen.add((timeline.by_item["C1"].lines, timeline.by_prescription["E1", "R0"]))
        assert seen == {(tuple(lines), (lines[0], lines[2]))}


class TestHistory:
    def test_a_repeated_commit_changes_nothing(self, history):
        first = commit(history, [line("L1"), line("L2")])
        assert first.lines == 2
        assert commit(history, [line("L2"), line("L1")]) == (0, first.position, 0)
        assert commit(history, [line("L2"), line("L3")]).lines == 1
        assert len(history.of("P1").timeline) == 3

    def test_nor_does_one_that_states_no_time(self, history):
        first = commit(history, [line("L1")], at=None)
        again = commit(history, [line("L1")], at=None, received=RECEIVED + timedelta(hours=1))
        assert again == (0, first.position, 0)

    def test_a_change_is_seen_from_memory_and_from_the_store(self, store, history):
        assert len(history.of("P1").timeline) == 0
        commit(history, [line("L1"), line("L2", item_code="C2")])
        void(history, item_code="C2")
        fresh = History(store, MEMORY).of("P1").timeline
        kept = history.of("P1").timeline
        assert list(kept.by_identity) == list(fresh.by_identity) == [identity(line("L1"))]
        assert kept.by_item == fresh.by_item
        assert kept.position == fresh.position

    def test_a_void_of_nothing_is_kept_for_what_may_come(self, history):
        position = commit(history, [line("L1")]).position
        assert void(history, order_ids=("L9",)) == (0, position + 1, 0)
        assert void(history, patient="P9").lines == 0
        assert len(history.of("P1").timeline) == 1

    def test_what_cannot_be_written_is_not_remembered(self, history):
        commit(history, [line("L1")])

        def fail(_committed_lines):
            raise StoreError("full")

        with pytest.raises(StoreError):
            commit(history, [line("L2")], decide=fail)
        assert len(history.of("P1").timeline) == 1

    def test_without_a_patient_there_is_no_history(self, history):
        assert len(history.of("").timeline) == 0

    def test_memory_is_bounded_by_bytes(self, store):
        history = History(store, 20_000)
        for patient in range(20):
            commit(history, [line(f"L{n}") for n in range(3)], patient=f"P{patient}")
            assert history.weight_bytes() <= 20_000
        misses = history.misses
        assert len(history.of("P0").timeline) == 3
        assert history.misses == misses + 1
        assert len(history.of("P0").timeline) == 3
        assert history.misses == misses + 1

    def test_memory_is_bounded_by_age(self, store, history, monkeypatch):
        commit(history, [line()])
        misses = history.misses
        assert not history.of("P1").is_current
        ticks = clock.ticks_us() + 24 * 3600 * 10**6
        monkeypatch.setattr(clock, "ticks_us", lambda: ticks)
        assert history.of("P1").is_current
        assert history.misses == misses + 1

    def test_a_patient_larger_than_memory_is_read_each_time(self, store):
        history = History(store, 10_000)
        commit(history, [line(f"L{n}") for n in range(50)])
        assert [len(history.of("P1").timeline) for _ in range(3)] == [50] * 3
        assert history.weight_bytes() <= 10_000
        assert commit(history, [line("L50")]).lines == 1
        assert len(history.of("P1").timeline) == 51

    def test_by_content_another_id_is_the_same_line(self, history):
        commit(history, [line("L1", quantity=Decimal(1))], by_content=True)
        assert commit(history, [line("L9", quantity=Decimal(1))], by_content=True).lines == 0
        assert commit(history, [line("L9", quantity=Decimal(2))], by_content=True).lines == 1
        assert len(history.of("P1").timeline) == 2

    def test_by_content_what_was_told_by_identity_before_is_the_same_line(self, store, history):
        commit(history, [line("L1", quantity=Decimal(1))])
        twice = [line("L8", quantity=Decimal(1)), line("L9", quantity=Decimal(1))]
        assert commit(history, twice, by_content=True, at=later(5)).lines == 1
        assert commit(history, twice, by_content=True, at=later(6)).lines == 0
        assert len(history.of("P1").timeline) == len(stored(store)) == 2

    def test_many_threads_on_two_stores(self, store, place):
        """Every line that was committed is there, in memory and in the store."""
        histories = [History(store, MEMORY), History(place.open(), MEMORY)]

        def work(number):
            history = histories[number % 2]
            for one in range(25):
                commit(history, [line(f"L{number}-{one}")])
                assert identity(line(f"L{number}-{one}")) in history.of("P1").timeline.by_identity

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for history in histories:
            assert len(history.again("P1").timeline) == len(stored(store)) == 100

    def test_the_same_commit_at_two_servers_at_once_is_one(self, store, place):
        histories = [History(store, MEMORY), History(place.open(), MEMORY)]
        for attempt in range(20):
            together = threading.Barrier(2)
            changes = []

            def work(history, attempt=attempt, together=together, changes=changes):
                together.wait()
                changes.append(commit(history, [line(f"L{attempt}"), line(f"M{attempt}")]).lines)

            threads = [threading.Thread(target=work, args=(history,)) for history in histories]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(changes) == [0, 2]
        assert place.rows("SELECT count(*) FROM event") == [(20,)]

    def test_a_decision_and_its_lines_are_one_transaction(self, store, history, place):
        change = commit(history, [line("L1"), line("L2")], decide=lambda lines: decision(committed_lines=lines))
        assert change.lines == 2
        assert place.rows("SELECT committed_lines FROM decision") == [(2,)]
        assert len(stored(store)) == 2
        with contextlib.suppress(UnicodeEncodeError):
            commit(history, [line("L3")], decide=lambda _: decision("\ud800"))
        assert len(stored(store)) == len(history.of("P1").timeline) == 2
