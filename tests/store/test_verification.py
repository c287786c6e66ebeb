"""The chain shows what was changed, removed, added or erased behind its back."""

import contextlib
import json

import pytest

from server.store import Feedback, Query
from server.store.chain import entry_id
from tests.store.making import commit, decision, later, line, stored, void

FIRST = entry_id(1, 0)
"""Before the first entry of the first writer: its marker is entry 1."""


def filled(store, history, number=4):
    for one in range(number):
        store.record(decision(f"C{one}", finding_ids=(f"F{one}",), request_id=f"R{one}"))
    commit(history, [line()])
    void(history)
    store.record_feedback([Feedback("F1", "continued", "因"), Feedback("F9", "went_back", "")], "now", "S1")


def faults(store, **options):
    verified = store.verify(**options)
    assert verified.faults_total == len(verified.faults)
    return list(verified.faults)


@pytest.fixture
def full(store, history):
    filled(store, history)
    assert faults(store) == []
    return store


def test_a_whole_chain(full, place):
    counted = []
    verified = full.verify(counted.append)
    assert (verified.entries, verified.erased, verified.gaps, verified.unfinished) == (9, 0, 0, 1)
    assert counted == [9]
    ((writer, number, hashed),) = verified.heads
    assert (writer, number, len(hashed)) == (1, 9, 64)
    full.close()
    with contextlib.closing(place.open(upkeep=False)) as again:
        assert again.verify().unfinished == 0, "it said that it ended"


CHANGES = {
    "UPDATE decision SET verdict = 0 WHERE check_id = 'C1'": "decision 1:3 (C1): its content is not what was recorded",
    "UPDATE decision SET document = answer WHERE check_id = 'C1'": "decision 1:3 (C1): its content is not what was recorded",
    "UPDATE event SET effective = '2020' WHERE kind = 'void'": "event 1:7: its content is not what was recorded",
    "UPDATE event SET position = 9 WHERE kind = 'void'": "event 1:7: its content is not what was recorded",
    "UPDATE feedback SET reason = 'other' WHERE finding_id = 'F1'": "feedback 1:8: its content is not what was recorded",
    "UPDATE marker SET recorded_at = 'then'": "marker 1:1: its content is not what was recorded",
    "DELETE FROM decision WHERE check_id = 'C1'": "decision 1:4 (C2): entries 3 to 3 of writer 1 are missing",
    "UPDATE decision SET content_hash = chain_hash WHERE check_id = 'C1'": "decision 1:3 (C1): its content is not what was recorded",
    "UPDATE decision SET erased_by = 5 WHERE check_id = 'C1'": "decision 1:3 (C1): is erased, and no marker of a retention covers it",
    "DELETE FROM marker": "decision 1:2 (C0): entries 1 to 1 of writer 1 are missing",
}


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_one_change_is_named(full, place, change):
    place.change(change)
    assert faults(full)[0] == CHANGES[change]


def test_a_changed_entry_with_a_hash_to_match_does_not_fit_into_the_chain(full, place):
    from server.store.chain import content_hash
    from server.store.records import content_values

    changed = decision("C1", finding_ids=("F1",), request_id="R1", verdict=0)
    hashed = content_hash("decision", content_values(changed))
    place.change("UPDATE decision SET verdict = 0, content_hash = ? WHERE check_id = 'C1'", hashed)
    assert faults(full) == ["decision 1:3 (C1): does not follow the entry before it"]


def test_a_tail_that_was_cut_off_shows_once_another_process_has_begun(full, place):
    with contextlib.closing(place.open()) as other:
        other.record(decision("C9"))
        place.change("DELETE FROM feedback")
        assert faults(other) == ["writer 1 entry 9: is missing; the first entry of writer 2 names it"]


def test_a_tail_that_was_cut_off_shows_against_heads_that_were_kept(full, place):
    heads = {writer: (number, hashed) for writer, number, hashed in full.verify().heads}
    assert faults(full, expected_heads=heads) == []
    place.change("DELETE FROM feedback")
    assert faults(full) == [], "nothing inside the database can show it"
    assert faults(full, expected_heads=heads) == ["writer 1 entry 9: is missing; the heads that were kept names it"]


def test_a_chain_that_was_removed_whole(full, place):
    with contextlib.closing(place.open()) as other:
        other.record(decision("C9"))
        for table in ("decision", "event", "feedback", "marker"):
            place.change(f"DELETE FROM {table} WHERE id < ?", entry_id(2, 0))
        assert faults(other) == ["writer 1: its whole chain is missing"]


def test_a_chain_that_was_written_anew(full, place):
    """Every entry fits, but it is not the chain that another one names."""
    with contextlib.closing(place.open()) as other:
        other.record(decision("C9"))
        place.change("UPDATE feedback SET chain_hash = content_hash WHERE id = ?", FIRST + 9)
        assert "feedback 1:9: is not the entry that the first entry of writer 2 names" in faults(other)


def test_gaps_are_counted(full):
    full.gaps.add("full")
    full.gaps.add("full")
    full._tell_gap(10**15)
    assert full.verify().gaps == 2


class TestRetention:
    @pytest.fixture
    def old_and_new(self, store, history):
        for number in range(3):
            day = f"2026-07-0{number + 1}T12:00:00+08:00"
            store.record(decision(f"C{number}", finding_ids=(f"F{number}",), received_at=day, patient_id=f"P{number}"))
        entries = [Feedback(f"F{number}", "continued", "因") for number in range(3)]
        assert store.record_feedback(entries, "now", "S1") == []
        commit(history, [line()], at=later(0))
        return store

    def test_what_is_old_is_erased_and_the_chain_verifies(self, old_and_new, place):
        store = old_and_new
        erased = store.retain("2026-07-03")
        assert erased == (2, 2, 0)
        verified = store.verify()
        assert (verified.erased, verified.faults) == (4, ())
        assert store.decision("C0") is None
        assert store.decision("C2").patient_id == "P2"
        assert [found.check_id for found in store.find(Query())] == ["C2"]
        assert place.rows("SELECT count(*) FROM decision WHERE patient_id <> ''") == [(1,)]
        assert place.rows("SELECT count(*) FROM feedback WHERE reason <> ''") == [(1,)]
        assert place.rows("SELECT count(*) FROM decision_key WHERE key = ?", "patient:P0") == [(0,)]
        assert len(stored(store)) == 1
        assert store.retain("2026-07-03") == (0, 0, 0)
        (content,) = place.rows("SELECT content FROM marker WHERE kind = 'erasure'")[0]
        assert {**json.loads(content), "digest": ""} == {"before": "2026-07-03", "count": 4, "digest": ""}

    def test_histories_are_erased_where_that_is_asked_for(self, old_and_new):
        store = old_and_new
        assert store.retain("2026-07-01", events=True) == (0, 0, 0)
        assert store.retain("2026-07-09", events=True) == (3, 3, 1)
        assert len(stored(store)) == 0
        verified = store.verify()
        assert (verified.erased, verified.faults) == (7, ())

    def test_what_is_erased_without_a_marker_shows(self, old_and_new, place):
        old_and_new.retain("2026-07-02")
        (marker,) = place.rows("SELECT id FROM marker WHERE kind = 'erasure'")[0]
        blank = ", ".join(
            f"{name} = ''" for name in ("check_id", "patient_id", "station_id", "findings", "received_at")
        )
        place.change(f"UPDATE decision SET {blank}, erased_by = ? WHERE check_id = 'C2'", marker)
        found = faults(old_and_new)
        assert found[0] == "decision 1:4: is said to be erased, and has content"
        assert found[-1] == "marker 1:9: covers 2 erased entries; 3 are found, or others"

    def test_what_was_erased_and_is_there_again_shows(self, old_and_new, place):
        old_and_new.retain("2026-07-02")
        place.change("UPDATE decision SET erased_by = 0 WHERE erased_by <> 0")
        found = faults(old_and_new)
        assert found[0].startswith("decision 1:2: its content is not what was recorded")
        assert found[-1] == "marker 1:9: covers 2 erased entries; 1 are found, or others"


class TestSearch:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({}, "012345"),
            ({"check_id": "C3"}, "3"),
            ({"patient_id": "P1"}, "135"),
            ({"practitioner_id": "D2"}, "25"),
            ({"department_code": "B2"}, "25"),
            ({"pack": "p", "row_id": "row"}, "012345"),
            ({"row_id": "row", "patient_id": "P0"}, "024"),
            ({"row_id": "other"}, ""),
            ({"rule": "R"}, "012345"),
            ({"station_id": "S1", "verdict": 2}, "14"),
            ({"station_id": "S2", "verdict": 2}, ""),
            ({"verdict": 2}, "14"),
            ({"since": "2026-07-04"}, "345"),
            ({"until": "2026-07-04"}, "012"),
            ({"since": "2026-07-02T12:00:00", "until": "2026-07-03T12:00:01"}, "12"),
            ({"patient_id": "P1", "since": "2026-07-04"}, "35"),
            ({"check_id": "none"}, ""),
        ],
    )
    def test_each_condition(self, store, query, expected):
        for number in range(6):
            store.record(
                decision(
                    f"C{number}",
                    patient_id=f"P{number % 2}",
                    practitioner_ids=f'["D1","D{number % 3}"]',
                    department_codes=f'["A03","B{number % 3}"]',
                    station_id=f"S{number % 3}",
                    verdict=2 if number % 3 == 1 else 1,
                    received_at=f"2026-07-0{number + 1}T12:00:00+08:00",
                )
            )
        assert "".join(found.check_id[1:] for found in store.find(Query(**query))) == expected
