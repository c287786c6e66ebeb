"""What must not change an answer, over all templates: order, origin of history, names of ids, what is unrelated.

Seeded, some hundred claims a template; the engine is compared with itself, to the last word and in the order in which it
answers. Histories go through the server's own folding (`committing.py`), with checks between its events.
"""

from collections.abc import Callable, Iterator
from functools import cache
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from ruleset.case import Case, Visit
from ruleset.evaluator import evaluate
from ruleset.timeline import EMPTY, Timeline
from server.history import visit_of
from server.store import Void
from tests.diff.committing import Committed
from tests.diff.generate_claims import ClaimMaker
from tests.diff.generate_rows import FORMS
from tests.diff.harness import Compiled, answer_of, case_of, drawn, placed, shown, with_telling_ids
from tests.diff.oracle import Claim

PACKS = 5
CLAIMS_OF_A_PACK = 20
LONG_PACKS = 10 * PACKS
LONG_TIMEOUT_S = 900
MORE_FACTS = {"payer": "resident", "facility_level": "secondary", "internet": False}
"""Facts of the encounter that are stated where they were not: what was TRUE without them stays TRUE."""
TRUE_BY_ABSENCE = ("T43",)
"""Its findings are of what is not stated."""
ORDERED = ("lines", "history")
"""Lists whose order is stated by `position`: `placed` puts them in another one."""
Relation = Callable[[Random, Compiled, Claim], None]


@cache
def pack_of(name: str, number: int) -> Compiled:
    """A pack of a template: the tests share it."""
    return drawn(Random(f"metamorphic {name} {number}"), [name, name])


def claims_about(name: str, packs: int) -> Iterator[tuple[Random, Compiled, Claim]]:
    """Claims about packs of a template, each with its pack."""
    for number in range(packs):
        random = Random(f"metamorphic claims {name} {number}")
        maker = ClaimMaker(random, name)
        for _ in range(CLAIMS_OF_A_PACK):
            yield random, pack_of(name, number), with_telling_ids(maker.claim())


def answer(case: Case, made: Compiled, stored: Timeline = EMPTY) -> list[Any]:
    return shown(evaluate(case, stored, made.snapshot))


# The relations.


def order_changes_nothing(random: Random, made: Compiled, claim: Claim) -> None:
    """Of lines, and of every list in the message: drugs and their substances, diagnoses, operations, results, visits."""
    current, history = (random.sample(claim[one], len(claim[one])) for one in ORDERED)
    other = {**shuffled(claim, random), **placed(shuffled(current, random), shuffled(history, random))}
    assert answer(case_of(other), made) == answer(case_of(claim), made), repr(claim)


def shuffled(value: Any, random: Random) -> Any:
    """The value with every list in it in another order, but those of lines, which say themselves where they stand.

    Of diagnoses of which none, or more than one, is marked as the primary one, the first one is: those stay.
    """
    if isinstance(value, dict):
        return {name: inner if name in ORDERED else shuffled(inner, random) for name, inner in value.items()}
    if not isinstance(value, list):
        return value
    inner = [shuffled(one, random) for one in value]
    has_order = any(isinstance(one, dict) and "position" in one for one in inner)
    if any(isinstance(one, dict) and "primary" in one for one in inner):
        coded = [one for one in inner if one["code"]]
        has_order = len(coded) > 1 and sum(one["primary"] is True for one in coded) != 1
    return inner if has_order else random.sample(inner, len(inner))


def where_lines_and_visits_come_from_changes_nothing(random: Random, made: Compiled, claim: Claim) -> None:
    """Some past lines and visits were committed, and the message does not repeat all of them."""
    whole = case_of(claim)
    committed = [line for line in whole.history if random.random() < 0.6]
    unsaid = [line for line in committed if random.random() < 0.8]
    visits = {visit.id: visit for visit in whole.visits if random.random() < 0.6}
    told = {line.encounter_id for line in committed} & set(visits)
    case = replace(
        whole,
        history=tuple(line for line in whole.history if all(line is not one for one in unsaid)),
        visits=tuple(visit for visit in whole.visits if visit.id not in told),
    )
    history = Committed(lambda timeline: answer(case, made, timeline))
    commit_by_encounter(history, committed, visits, random)
    expected = answer(whole, made)
    assert answer(case, made, history.timeline) == expected, repr(claim)
    assert answer(case, made, history.afresh()) == expected, repr(claim)


def commit_by_encounter(history: Committed, lines: Any, visits: dict[str, Visit], random: Random) -> None:
    """Commit lines in some order, one or several at a time; a message is of one encounter, and tells it."""
    left = random.sample(list(lines), len(lines))
    while left:
        encounter = left[0].encounter_id
        together = [
            line for line in left if line.encounter_id == encounter and (line is left[0] or random.random() < 0.5)
        ]
        left = [line for line in left if all(line is not one for one in together)]
        history.commit(together, visits.get(encounter))


def checking_again_what_was_committed_changes_nothing(random: Random, made: Compiled, claim: Claim) -> None:
    """A settlement is checked, committed and checked again, and again committed: its lines do not count twice."""
    case = case_of(claim)
    expected = answer(case, made)
    history = Committed(lambda timeline: answer(case, made, timeline))
    commit_by_encounter(history, [line for line in case.history if random.random() < 0.5], {}, random)
    for _ in range(2):
        history.commit(case.lines, visit_of(case.encounter))
        assert answer(case, made, history.timeline) == expected, repr(claim)
    assert answer(case, made, history.afresh()) == expected, repr(claim)


def a_correction_leaves_no_trace_of_what_it_corrects(random: Random, made: Compiled, claim: Claim) -> None:
    """Past lines were committed with another quantity, price and time of use first."""
    whole = case_of(claim)
    case = replace(whole, history=())
    wrong = [replace(line, quantity=line.price, price=None, amount=None, days=9, end=None) for line in whole.history]
    history = Committed(lambda timeline: answer(case, made, timeline))
    commit_by_encounter(history, wrong, {}, random)
    commit_by_encounter(history, whole.history, {}, random)
    expected = answer(whole, made)
    assert answer(case, made, history.timeline) == expected, repr(claim)
    assert answer(case, made, history.afresh()) == expected, repr(claim)


def voiding_what_was_committed_leaves_no_trace(random: Random, made: Compiled, claim: Claim) -> None:
    """All of an encounter is taken back, or one order, or one item; current lines that were committed are, too."""
    whole = case_of(claim)
    case = replace(whole, history=(), visits=())
    every = (*whole.lines, *whole.history)
    history = Committed(lambda timeline: answer(case, made, timeline))
    commit_by_encounter(history, every, {visit.id: visit for visit in whole.visits}, random)
    voids = [Void(line.encounter_id, (line.order_id,), line.item_code) for line in whole.lines]
    for line in whole.history:
        which = random.choice(("none", "encounter", "order", "item", "line"))
        if which != "none":
            orders = (line.order_id,) if which in ("order", "line") and line.order_id else ()
            voids.append(Void(line.encounter_id, orders, line.item_code if which in ("item", "line") else ""))
    for void in voids:
        history.void(void)
    left = [line for line in whole.history if not any(void.matches(line) for void in voids)]
    encounters = {line.encounter_id for line in left}
    visits = tuple(visit for visit in whole.visits if visit.id in encounters)
    expected = answer(replace(whole, history=tuple(left), visits=visits), made)
    assert answer(case, made, history.timeline) == expected, repr(claim)
    assert answer(case, made, history.afresh()) == expected, repr(claim)


def what_is_committed_again_after_a_void_counts(random: Random, made: Compiled, claim: Claim) -> None:
    whole = case_of(claim)
    case = replace(whole, history=())
    history = Committed(lambda timeline: answer(case, made, timeline))
    commit_by_encounter(history, whole.history, {}, random)
    for encounter in sorted({line.encounter_id for line in whole.history}):
        history.void(Void(encounter))
    assert answer(case, made, history.timeline) == answer(case, made), repr(claim)
    commit_by_encounter(history, whole.history, {}, random)
    assert answer(case, made, history.timeline) == answer(whole, made), repr(claim)


def names_of_ids_change_nothing(random: Random, made: Compiled, claim: Claim) -> None:
    """Other names of orders, prescriptions and groups, in the same order."""
    _ = random
    ids = ("order_id", "prescription_id", "group_id")
    renamed = {
        one: [{**line, **{key: f"x{line[key]}" for key in ids if line.get(key)}} for line in claim[one]]
        for one in ORDERED
    }
    attestations = [
        {**one, "order_ids": [f"x{order}" for order in one["order_ids"]]} for one in claim["encounter"]["attestations"]
    ]
    other = case_of({**claim, **renamed, "encounter": {**claim["encounter"], "attestations": attestations}})
    assert answer(other, made) == answer(case_of(claim), made), repr(claim)


def more_facts_take_no_finding_away(random: Random, made: Compiled, claim: Claim) -> None:
    _ = random
    known = {fact: value for fact, value in MORE_FACTS.items() if claim["encounter"][fact] is None}
    before, after = (
        {finding[:4] for finding in answer_of(evaluate(case_of(one), EMPTY, made.snapshot)).findings}
        for one in (claim, {**claim, "encounter": {**claim["encounter"], **known}})
    )
    assert before <= after, repr(claim)


RELATIONS: tuple[Relation, ...] = (
    order_changes_nothing,
    where_lines_and_visits_come_from_changes_nothing,
    checking_again_what_was_committed_changes_nothing,
    a_correction_leaves_no_trace_of_what_it_corrects,
    voiding_what_was_committed_leaves_no_trace,
    what_is_committed_again_after_a_void_counts,
    names_of_ids_change_nothing,
    more_facts_take_no_finding_away,
)
PAIRS = [
    pytest.param(relation, name, id=f"{relation.__name__}-{name}")
    for relation in RELATIONS
    for name in FORMS
    if relation is not more_facts_take_no_finding_away or name not in TRUE_BY_ABSENCE
]


@pytest.mark.parametrize(("relation", "name"), PAIRS)
def test_relation(relation, name):
    for random, made, claim in claims_about(name, PACKS):
        relation(random, made, claim)


@pytest.mark.long
@pytest.mark.timeout(LONG_TIMEOUT_S)
@pytest.mark.parametrize("name", FORMS)
def test_relations_at_length(name):
    """All of them, on ten times as many packs."""
    for relation in RELATIONS:
        if relation is not more_facts_take_no_finding_away or name not in TRUE_BY_ABSENCE:
            for random, made, claim in claims_about(name, LONG_PACKS):
                relation(random, made, claim)
