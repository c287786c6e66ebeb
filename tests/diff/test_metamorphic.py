"""What must not change an answer: the order of the lines, where history came from, and lines that no rule is about."""

import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from ruleset.case import identity
from ruleset.evaluator import evaluate
from ruleset.timeline import EMPTY, Timeline
from tests.diff.harness import (
    answer_of,
    case_of,
    placed,
    shown,
    snapshot_of,
    with_telling_ids,
    write_pack_source,
)
from tests.diff.strategies import claims, packs

SETTINGS = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
    phases=(Phase.generate,),  # the cases are small; shrinking them takes longer than the timeout
    suppress_health_check=list(HealthCheck),
)


def small_snapshot(pack):
    with tempfile.TemporaryDirectory() as folder:
        return snapshot_of(write_pack_source(Path(folder) / "source", pack), Path(folder) / "pack")


telling_claims = claims().map(with_telling_ids)


@SETTINGS
@given(packs, telling_claims, st.randoms(use_true_random=False))
def test_order_of_lines_changes_nothing(pack, claim, random):
    snapshot = small_snapshot(pack)
    note(f"claim = {claim!r}")
    current = random.sample(claim["lines"], len(claim["lines"]))
    history = random.sample(claim["history"], len(claim["history"]))
    other = {**claim, **placed(current, history)}
    assert shown(evaluate(case_of(other), EMPTY, snapshot)) == shown(evaluate(case_of(claim), EMPTY, snapshot))


@SETTINGS
@given(packs, telling_claims, st.lists(st.sampled_from(("message", "store", "both", "stale")), min_size=5, max_size=5))
def test_where_history_comes_from_changes_nothing(pack, claim, origins):
    """`both`: committed, and stated again by the message. `stale`: the same, but what was committed was corrected."""
    snapshot = small_snapshot(pack)
    note(f"claim = {claim!r}")
    whole = case_of(claim)
    lines = list(zip(whole.history, origins, strict=False))
    case = msgspec.structs.replace(whole, history=tuple(line for line, origin in lines if origin != "store"))
    stored = [
        msgspec.structs.replace(line, position=1, **({"quantity": 99, "days": 99} if origin == "stale" else {}))
        for line, origin in lines
        if origin != "message"
    ]
    assert shown(evaluate(case, Timeline(stored), snapshot)) == shown(evaluate(whole, EMPTY, snapshot))


@SETTINGS
@given(packs, telling_claims)
def test_checking_again_what_was_committed_changes_nothing(pack, claim):
    """A settlement is checked, committed and checked again: its lines do not count twice."""
    snapshot = small_snapshot(pack)
    note(f"claim = {claim!r}")
    case = case_of(claim)
    committed = EMPTY.with_changes((*case.lines, *case.history), (), 1).with_changes(case.lines, (), 2)
    assert shown(evaluate(case, committed, snapshot)) == shown(evaluate(case, EMPTY, snapshot))


@SETTINGS
@given(packs, telling_claims)
def test_voiding_what_was_committed_leaves_no_trace(pack, claim):
    snapshot = small_snapshot(pack)
    note(f"claim = {claim!r}")
    case = case_of(claim)
    bare = msgspec.structs.replace(case, history=())
    stored = Timeline(case.history).with_changes((), map(identity, case.history), 2)
    assert shown(evaluate(bare, stored, snapshot)) == shown(evaluate(bare, EMPTY, snapshot))


@SETTINGS
@given(packs, telling_claims, st.booleans())
def test_an_unrelated_line_changes_no_other_result(pack, claim, current):
    snapshot = small_snapshot(pack)
    note(f"claim = {claim!r}")
    template = {**PLAIN, "encounter_id": "E1", "facility_id": "F1", "tag": "z"}
    more = (
        placed([*claim["lines"], template], claim["history"])
        if current
        else placed(claim["lines"], [*claim["history"], template])
    )
    with_it = answer_of(evaluate(case_of({**claim, **more}), EMPTY, snapshot))
    without = answer_of(evaluate(case_of(claim), EMPTY, snapshot))
    assert (with_it.findings, with_it.hints, with_it.verdict) == (without.findings, without.hints, without.verdict)


PLAIN = {"order_id": "z", "prescription_id": "P1", "item_code": "Z", "item_name": "他", "item_kind": "service"}


@SETTINGS
@given(packs, claims())
def test_rx_ids_that_are_new_on_every_call_change_nothing(pack, claim):
    """At a site with the quirk `same_line = content`, a message that states committed lines under new ids."""
    for line in (*claim["lines"], *claim["history"]):
        line["order_id"] = f"a{line['tag']}"
    snapshot = small_snapshot(pack)
    note(f"claim = {claim!r}")
    case = case_of(claim)
    stored = [
        msgspec.structs.replace(line, order_id=f"0ld {line.order_id}", position=1)
        for line in (*case.lines, *case.history)
    ]
    again = evaluate(case, Timeline(stored), snapshot, same_line_by_content=True)
    assert shown(again) == shown(evaluate(case, EMPTY, snapshot))
