"""Visits in a patient's history: committed with their lines, taken back with them, rebuilt from the log."""

import random
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from ruleset.case import Diagnosis, Encounter, Visit, identity
from ruleset.timeline import Timeline
from server.history import History, visit_of
from server.store import StoreError, content_of
from tests.store.making import NOON, commit, later, line, stored, void

E1 = Visit("E1", "F1", ("inpatient",), NOON, None, "A03", (Diagnosis("I50.900", "心力衰竭", primary=True),), True)


def visits_of(history, store, patient="P1"):
    """The visits in memory, which are those of the store."""
    in_memory = history.of(patient).timeline
    rebuilt = stored(store, patient)
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


def test_a_visit_is_committed_with_its_lines(store, history):
    change = commit(history, [line("L1"), line("L2")], visit=E1)
    assert change.lines == 2
    assert visits_of(history, store) == {"E1": E1}


def test_a_repeat_changes_nothing(store, history):
    first = commit(history, [line()], visit=E1)
    assert commit(history, [line()], visit=E1) == (0, first.position, 0)
    assert commit(history, [line()]) == (0, first.position, 0), "one who states no encounter takes none back"
    assert visits_of(history, store) == {"E1": E1}


def test_a_visit_that_changed_is_written_without_its_lines(store, history):
    first = commit(history, [line()], visit=E1)
    discharged = msgspec.structs.replace(E1, end=NOON + timedelta(days=3))
    change = commit(history, [line()], visit=discharged)
    assert change.lines == 0
    assert change.position > first.position
    assert visits_of(history, store) == {"E1": discharged}
    written = [content_of(event) for event in store.events("P1")]
    assert [(len(said.lines), said.visit) for said in written] == [(1, E1), (0, discharged)]


def test_no_lines_no_visit(store, history):
    assert commit(history, [], visit=E1) == (0, 0, 0)
    assert visits_of(history, store) == {}


def test_a_void_of_some_lines_leaves_the_visit(store, history):
    commit(history, [line("L1"), line("L2")], visit=E1)
    void(history, order_ids=("L1",))
    assert visits_of(history, store) == {"E1": E1}


def test_a_void_of_all_lines_takes_the_visit_back_and_a_commit_brings_it_again(store, history):
    other = msgspec.structs.replace(E1, id="E2")
    commit(history, [line("L1"), line("L2")], visit=E1)
    commit(history, [line("L3", encounter_id="E2")], visit=other)
    void(history)
    assert visits_of(history, store) == {"E2": other}
    commit(history, [line("L2")], visit=E1, at=later(1))
    assert visits_of(history, store) == {"E1": E1, "E2": other}


def test_as_of_every_position(store, history):
    ended = msgspec.structs.replace(E1, end=NOON)
    positions = [
        commit(history, [line("L1")], visit=E1).position,
        commit(history, [line("L1")], visit=ended).position,
        void(history).position,
        commit(history, [line("L2")], visit=E1, at=later(1)).position,
    ]
    seen = [dict(stored(store, up_to=position).visits) for position in (0, *positions)]
    assert seen == [{}, {"E1": E1}, {"E1": ended}, {}, {"E1": E1}]


def test_what_cannot_be_written_is_not_remembered(store, history):
    def fail(_committed_lines):
        raise StoreError("full")

    with pytest.raises(StoreError):
        commit(history, [line()], visit=E1, decide=fail)
    assert visits_of(history, store) == {}


def test_memory_and_store_agree_after_anything(store):
    """Random commits and voids: what is in memory is always what the log says, and what a timeline built anew says."""
    chance = random.Random(20260708)
    history = History(store, 10_000_000)
    for step in range(150):
        encounter = f"E{chance.randrange(3)}"
        at = later(chance.randrange(30))
        if chance.random() < 0.7:
            lines = [line(f"L{chance.randrange(4)}", encounter_id=encounter, quantity=Decimal(chance.randrange(3)))]
            stated = msgspec.structs.replace(E1, id=encounter, department_code=f"A{chance.randrange(2)}")
            commit(history, lines, visit=stated if chance.random() < 0.8 else None, at=at)
        else:
            void(history, encounter=encounter, order_ids=(f"L{chance.randrange(4)}",), at=at)
        visits = visits_of(history, store)
        lines = history.of("P1").timeline.by_identity
        assert set(visits) <= {one.encounter_id for one in lines.values()}, step
        assert Timeline(lines.values(), 0, visits.values()).visits == visits


def test_a_timeline_takes_visits_as_it_takes_lines():
    first = Timeline([line()], 1, [E1])
    changed = first.with_changes([line("L2", encounter_id="E2")], (), 2, [msgspec.structs.replace(E1, id="E2")])
    assert list(changed.visits) == ["E1", "E2"]
    assert dict(first.visits) == {"E1": E1}, "the first does not change"
    assert list(changed.with_changes((), [identity(line())], 3).visits) == ["E2"]
    assert Timeline([line()], 1).visits == {}
