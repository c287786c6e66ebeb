"""Decisions and feedback in the store, by themselves. Both databases."""

import contextlib
import sys
import threading

import pytest

from server.history import History
from server.store import DuplicateRequestError, Feedback, StaleHistoryError, StoreError, open_store
from server.store import store as store_module
from server.store.chain import number_of, writer_of
from tests.store.making import commit, decision, line, stored, void


def without_id(found):
    """A decision as it was given to the store."""
    from msgspec.structs import replace

    assert found.id
    return replace(found, id=0)


class TestImports:
    def test_a_place_is_the_last_that_was_kept_and_goes_along_with_a_copy(self, store, place, tmp_path):
        assert store.import_place("one") == ""
        for kept in (("one", "1"), ("other", "2"), ("one", "3")):
            store.keep_import_place(*kept)
        store.close()
        (tmp_path / "copy").mkdir()
        with (
            contextlib.closing(place.open(upkeep=False)) as again,
            contextlib.closing(open_store("", tmp_path / "copy", upkeep=False)) as copied,
        ):
            assert again.import_place("one") == "3"
            again.copy_to(copied)
            assert copied.import_places() == again.import_places() == {"one": "3", "other": "2"}


class TestDecisions:
    def test_what_is_recorded_comes_back(self, store, place):
        whole = decision(request_id="R1", document="甲".encode("gbk"), answer=b"\x00\xff")
        store.record(whole)
        assert without_id(store.decision("C1")) == whole
        assert without_id(store.decision_of_request("R1")) == whole
        store.close()
        with contextlib.closing(place.open()) as again:
            assert without_id(again.decision("C1")) == whole

    def test_what_is_not_there(self, store):
        assert store.decision("none") is None
        assert store.decision_of_request("none") is None

    def test_no_request_id_is_no_id(self, store):
        store.record(decision("C1"))
        store.record(decision("C2"))
        assert store.decision_of_request("") is None
        assert store.decision("C2").request_id == ""

    def test_a_request_id_is_answered_once_and_nothing_of_the_second_stays(self, store):
        store.record(decision("C1", finding_ids=(), request_id="R1"))
        with pytest.raises(DuplicateRequestError):
            store.record(decision("C2", request_id="R1"))
        assert store.record_feedback([Feedback("F1", "went_back", "")], "now", "") == ["F1"]
        assert store.decision("C2") is None
        assert store.decision_of_request("R1").check_id == "C1"
        store.record(decision("C3"))
        assert store.decision("C3") is not None

    def test_a_request_id_is_answered_once_with_lines_too(self, store, history):
        store.record(decision("C1", request_id="R1"))
        with pytest.raises(DuplicateRequestError):
            commit(history, [line()], decide=lambda _: decision("C2", request_id="R1"))
        assert len(history.of("P1").timeline) == len(stored(store)) == 0
        commit(history, [line()], decide=lambda _: decision("C3"))
        assert len(history.of("P1").timeline) == len(stored(store)) == 1

    def test_one_request_id_from_many_threads_on_two_stores(self, store, place):
        """Two servers, one store: a client that repeats its call at the backup is not answered twice."""
        stores = (store, place.open())
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for attempt in range(30):
                together = threading.Barrier(4)
                recorded = []

                def work(number, attempt=attempt, together=together, recorded=recorded):
                    together.wait()
                    with contextlib.suppress(DuplicateRequestError):
                        stores[number % 2].record(decision(f"{attempt}-{number}", request_id=f"R{attempt}"))
                        recorded.append(number)

                threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                assert len(recorded) == 1
                for one in stores:
                    assert one.decision_of_request(f"R{attempt}").check_id == f"{attempt}-{recorded[0]}"
        finally:
            sys.setswitchinterval(interval)
        assert place.rows("SELECT count(*) FROM decision") == [(30,)]

    def test_a_request_id_is_known_after_a_restart(self, store, place):
        store.record(decision("C1", request_id="R1"))
        store.close()
        with contextlib.closing(place.open()) as again:
            assert again.decision_of_request("R1").check_id == "C1"
            with pytest.raises(DuplicateRequestError):
                again.record(decision("C2", request_id="R1"))

    def test_request_ids_are_forgotten_after_a_time(self, store, place, monkeypatch):
        monkeypatch.setattr(store_module, "FORGOTTEN_AT_ONCE_MAX", 2)
        for number in range(5):
            store.record(decision(f"C{number}", request_id=f"R{number}"))
        place.change("UPDATE request SET recorded_ms = 5 WHERE request_id < 'R3'")
        store._forget_after = 0
        store._forget_requests()
        known = [number for number in range(5) if store.decision_of_request(f"R{number}")]
        assert known == [3, 4]

    def test_decisions_whose_keys_were_not_written_before_a_crash(self, store, place):
        """The keys follow a moment after the decision; whoever looks for one writes those that are missing."""
        killed = place.open(upkeep=False)
        killed.record(decision("C1"))
        killed.record(decision("C2"))
        assert place.rows("SELECT count(*) FROM decision_key") == [(0,)]
        assert store.record_feedback([Feedback("F2", "went_back", "")], "now", "") == []
        assert store.decision("C2") is not None

    def test_decisions_are_followed_by_writer(self, store, place):
        other = place.open()
        for number in range(3):
            store.record(decision(f"A{number}"))
            other.record(decision(f"B{number}"))
        first = store.decisions_after({}, 2)
        assert [found.check_id for found in first] == ["A0", "A1", "B0", "B1"]
        seen = {writer_of(found.id): found.id for found in first}
        assert [found.check_id for found in store.decisions_after(seen, 2)] == ["A2", "B2"]

    def test_contents_are_kept_once(self, store, place):
        content = b"profile" * 1_000
        digest = store.keep("profile", content)
        assert store.keep("profile", content) == digest
        assert place.open().keep("profile", content) == digest
        assert place.rows("SELECT count(*) FROM content") == [(1,)]
        assert store.content(digest) == content
        assert store.content("none") is None
        place.change("UPDATE content SET digest = 'other'")
        with pytest.raises(StoreError, match="damaged"):
            store.content("other")


class TestFreshness:
    """A decision is recorded only if nobody has changed the history that it saw."""

    def test_a_commit_by_another_process_is_noticed(self, store, history, place):
        other = History(place.open(), 1_000_000)
        seen = history.of("P1")
        assert seen.is_current
        commit(other, [line()])
        with pytest.raises(StaleHistoryError):
            store.record(decision("C1"), unless_after=seen.timeline.position)
        assert store.decision("C1") is None
        behind = history.of("P1")
        assert not behind.is_current
        assert len(behind.timeline) == 0
        again = history.again("P1")
        assert len(again.timeline) == 1
        store.record(decision("C1"), unless_after=again.timeline.position)
        assert store.decision("C1") is not None

    def test_a_commit_of_another_patient_is_not(self, store, history, place):
        position = history.of("P1").timeline.position
        commit(History(place.open(), 1_000_000), [line()], patient="P2")
        store.record(decision("C1"), unless_after=position)
        assert store.decision("C1") is not None

    def test_a_request_id_is_not_used_up_by_what_was_not_recorded(self, store, history, place):
        position = history.of("P1").timeline.position
        commit(History(place.open(), 1_000_000), [line()])
        with pytest.raises(StaleHistoryError):
            store.record(decision("C1", request_id="R1"), unless_after=position)
        assert store.decision_of_request("R1") is None
        store.record(decision("C1", request_id="R1"))
        assert store.decision_of_request("R1") is not None

    def test_a_decision_with_lines_is_not_recorded_either(self, history, place):
        position = history.of("P1").timeline.position
        commit(History(place.open(), 1_000_000), [line("L1")])
        with pytest.raises(StaleHistoryError):
            commit(history, [line("L2")], decide=lambda _: decision("C1"), unless_after=position)
        assert place.rows("SELECT count(*) FROM decision") == [(0,)]
        change = commit(history, [line("L2")], decide=lambda _: decision("C1"), unless_after=position + 1)
        assert change == (1, position + 2, 0)

    @pytest.mark.parametrize("pairs", [pytest.param(1_000), pytest.param(10_000, marks=pytest.mark.long)])
    @pytest.mark.timeout(600)
    def test_no_stale_answer_in_many_pairs(self, pairs, history, place):
        """Commit at one server, check at the other, in turns: whoever checks has seen what was committed before."""
        servers = (history, History(place.open(), 50_000_000))
        stores = tuple(server._store for server in servers)
        for number in range(pairs):
            committing, checking = number % 2, 1 - number % 2
            patient = f"P{number % 7}"
            order_id = f"L{number % 35}"
            if number % 5 == 4:
                void(servers[committing], patient, order_ids=(order_id,), at=None)
            else:
                commit(servers[committing], [line(order_id, ordinal=number // 35)], patient=patient)
            expected = stored(stores[committing], patient)
            seen = servers[checking].of(patient)
            made = decision(f"C{number}", patient_id=patient)
            try:
                after = None if seen.is_current else seen.timeline.position
                stores[checking].record(made, unless_after=after)
            except StaleHistoryError:
                seen = servers[checking].again(patient)
                stores[checking].record(made)
            assert dict(seen.timeline.by_identity) == dict(expected.by_identity)
            assert seen.timeline.position == expected.position


class TestFeedback:
    def test_it_is_joined_to_the_latest_decision(self, store, place):
        store.record(decision("C1"))
        store.record(decision("C2", finding_ids=("F1",)))
        entries = [
            Feedback("F1", "continued", "因"),
            Feedback("F2", "continued", "因"),
            Feedback("F3", "went_back", ""),
        ]
        assert store.record_feedback(entries, "now", "S1") == ["F3"]
        rows = place.rows("SELECT finding_id, check_id, disposition, reason FROM feedback ORDER BY id")
        assert rows == [
            ("F1", "C2", "continued", "因"),
            ("F2", "C1", "continued", "因"),
            ("F3", "", "went_back", ""),
        ]

    def test_it_is_to_the_later_decision_though_the_clock_was_set_back(self, place):
        """Check ids sort by the clock; what came later, the chain knows."""
        with contextlib.closing(place.open()) as store:
            store.record(decision("2026-after", ("F1",)))
            store.record(decision("2025-before", ("F1",)))
            assert store.record_feedback([Feedback("F1", "went_back", "")], "now", "") == []
            assert place.rows("SELECT check_id FROM feedback") == [("2025-before",)]
            # Of two processes nobody knows more than what their clocks say.
            with contextlib.closing(place.open()) as other:
                other.record(decision("2024-other", ("F1",)))
                assert other.record_feedback([Feedback("F1", "went_back", "")], "now", "") == []
                other.record(decision("2027-other", ("F1",)))
                assert other.record_feedback([Feedback("F1", "went_back", "")], "now", "") == []
            rows = place.rows("SELECT check_id FROM feedback ORDER BY id")
            assert [check_id for (check_id,) in rows] == ["2025-before", "2025-before", "2027-other"]


class TestChains:
    def test_entries_of_a_process_are_numbered_without_a_gap(self, store, history, place):
        store.record(decision("C1"))
        commit(history, [line()], decide=lambda _: decision("C2"))
        store.record_feedback([Feedback("F1", "went_back", "")] * 2, "now", "")
        void(history)
        tables = ("marker", "decision", "event", "feedback")
        ids = sorted(entry for table in tables for (entry,) in place.rows(f"SELECT id FROM {table}"))
        assert [number_of(entry) for entry in ids] == [1, 2, 3, 4, 5, 6, 7]
        assert {writer_of(entry) for entry in ids} == {store.writer}

    def test_what_fails_takes_no_number(self, store, place):
        store.record(decision("C1", request_id="R1"))
        with pytest.raises(DuplicateRequestError):
            store.record(decision("C2", request_id="R1"))
        store.record(decision("C3"))
        assert [number_of(entry) for (entry,) in place.rows("SELECT id FROM decision ORDER BY id")] == [2, 3]

    def test_who_reads_only_is_no_writer(self, store):
        assert store.decision("none") is None
        assert store.writer == 0

    def test_a_first_entry_names_the_other_heads_that_none_has_named(self, place):
        import json

        for _ in range(2):
            with contextlib.closing(place.open()) as store:
                store.record(decision())
        with contextlib.closing(place.open()) as store:
            store.record(decision())
        starts = place.rows("SELECT content FROM marker WHERE kind = 'start' ORDER BY id")
        named = [[head[:2] for head in json.loads(content)["heads"]] for (content,) in starts]
        assert named == [[], [[1, 3]], [[2, 3]]]

    def test_a_text_that_cannot_be_encoded_leaves_no_transaction_open(self, store, history):
        with pytest.raises(UnicodeEncodeError):
            commit(history, [line("\ud800")], decide=lambda _: decision("C1"))
        with pytest.raises(UnicodeEncodeError):
            store.record(decision("\ud800"))
        assert store.decision("C1") is None
        commit(history, [line()], decide=lambda _: decision("C1"))
        assert len(stored(store)) == 1


def test_a_closed_store(store, history):
    store.close()
    for call in (
        lambda: store.record(decision()),
        lambda: store.events("P1"),
        lambda: store.decision("C1"),
        lambda: commit(history, [line()]),
        lambda: store.record_feedback([Feedback("F", "went_back", "")], "now", ""),
    ):
        with pytest.raises(StoreError):
            call()
