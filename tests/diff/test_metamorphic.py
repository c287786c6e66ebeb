"""What must not change an answer: the order of the lines, where history came from, and lines that no rule is about."""

import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from ruleset.case import identity
from ruleset.evaluator import evaluate
from ruleset.timeline import EMPTY, Timeline
from tests.diff.harness import answer_of, case_of, snapshot_of, write_pack_source
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


def with_telling_ids(claim):
    """Give lines that are the same item at the same time different order ids: ties are decided by the place then."""
    seen = set()
    for line in (*claim["lines"], *claim["history"]):
        key = (line["order_id"], line["item_code"] or line["item_name"] or line["local_name"], line["begin"])
        if key in seen:
            line["order_id"] = line["tag"]
        seen.add((line["order_id"], *key[1:]))
    return claim


telling_claims = claims().map(with_telling_ids)


def placed(current, history):
    lines = [{**line, "position": number} for number, line in enumerate((*current, *history), 1)]
    return {"lines": lines[: len(current)], "history": lines[len(current) :]}


def in_order(result):
    """The answer as it would be shown: with the order of its parts, its messages and its names of missing facts."""
    return (
        result.verdict,
        result.completeness,
        [
            (
                finding.row.id,
                finding.action,
                [line.group_id for line in finding.violating],
                [line.group_id for line in finding.related],
                finding.message,
                finding.amount,
            )
            for finding in result.findings
        ],
        [
            (hint.row.id, hint.line.group_id, [line.group_id for line in hint.related], hint.missing)
            for hint in result.hints
        ],
        [(gap.reason, gap.line.group_id if gap.line else "", gap.rule_id) for gap in result.not_evaluated],
    )


@SETTINGS
@given(packs, telling_claims, st.randoms(use_true_random=False))
def test_order_of_lines_changes_nothing(pack, claim, random):
    snapshot = small_snapshot(pack)
    note(f"claim = {claim!r}")
    current = random.sample(claim["lines"], len(claim["lines"]))
    history = random.sample(claim["history"], len(claim["history"]))
    other = {**claim, **placed(current, history)}
    assert in_order(evaluate(case_of(other), EMPTY, snapshot)) == in_order(evaluate(case_of(claim), EMPTY, snapshot))


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
    assert in_order(evaluate(case, Timeline(stored), snapshot)) == in_order(evaluate(whole, EMPTY, snapshot))


@SETTINGS
@given(packs, telling_claims)
def test_checking_again_what_was_committed_changes_nothing(pack, claim):
    """A settlement is checked, committed and checked again: its lines do not count twice."""
    snapshot = small_snapshot(pack)
    note(f"claim = {claim!r}")
    case = case_of(claim)
    committed = EMPTY.with_changes((*case.lines, *case.history), (), 1).with_changes(case.lines, (), 2)
    assert in_order(evaluate(case, committed, snapshot)) == in_order(evaluate(case, EMPTY, snapshot))


@SETTINGS
@given(packs, telling_claims)
def test_voiding_what_was_committed_leaves_no_trace(pack, claim):
    snapshot = small_snapshot(pack)
    note(f"claim = {claim!r}")
    case = case_of(claim)
    bare = msgspec.structs.replace(case, history=())
    stored = Timeline(case.history).with_changes((), map(identity, case.history), 2)
    assert in_order(evaluate(bare, stored, snapshot)) == in_order(evaluate(bare, EMPTY, snapshot))


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
    assert in_order(again) == in_order(evaluate(case, EMPTY, snapshot))
