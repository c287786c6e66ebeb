"""What must not change an answer, over all templates: order, origin of history, names of ids, what is unrelated.

Seeded, a few hundred claims a template; the engine is compared with itself.
"""

from random import Random

import msgspec
import pytest

from ruleset.case import Case
from ruleset.evaluator import evaluate
from ruleset.timeline import EMPTY, Timeline
from tests.diff.generate_claims import ClaimMaker
from tests.diff.generate_rows import FORMS
from tests.diff.harness import answer_of, case_of, drawn

PACKS = 6
CLAIMS_OF_A_PACK = 25
MORE_FACTS = {"payer": "resident", "facility_level": "secondary", "internet": False}
"""Facts of the encounter that are stated where they were not: what was TRUE without them stays TRUE."""
TRUE_BY_ABSENCE = ("T43",)
"""Its findings are of what is not stated."""


def with_telling_ids(claim):
    """Ties are decided by the place: give lines of one time different order ids."""
    for number, line in enumerate((*claim["lines"], *claim["history"])):
        line["order_id"] = f"{line['order_id']}-{number:02}"
    return claim


def claims_about(name):
    """Claims about packs of a template, each with its snapshot."""
    random = Random(f"metamorphic {name}")
    for _ in range(PACKS):
        made = drawn(random, [name, name])
        maker = ClaimMaker(random, name)
        for _ in range(CLAIMS_OF_A_PACK):
            yield random, made, with_telling_ids(maker.claim())


def placed(current, history):
    lines = [{**line, "position": number} for number, line in enumerate((*current, *history), 1)]
    return {"lines": lines[: len(current)], "history": lines[len(current) :]}


def answer(case: Case, made, stored=EMPTY):
    return answer_of(evaluate(case, stored, made.snapshot))


@pytest.mark.parametrize("name", list(FORMS))
def test_order_changes_nothing(name):
    for random, made, claim in claims_about(name):
        shuffled = {one: random.sample(claim[one], len(claim[one])) for one in ("lines", "history", "visits")}
        other = {**claim, "visits": shuffled["visits"], **placed(shuffled["lines"], shuffled["history"])}
        assert answer(case_of(other), made) == answer(case_of(claim), made), repr(claim)


@pytest.mark.parametrize("name", list(FORMS))
def test_where_lines_and_visits_come_from_changes_nothing(name):
    """Some of the past lines and visits were committed, and the message does not repeat them."""
    for random, made, claim in claims_about(name):
        whole = case_of(claim)
        committed = [line for line in whole.history if random.random() < 0.5]
        known = [visit for visit in whole.visits if random.random() < 0.5]
        case = msgspec.structs.replace(
            whole,
            history=tuple(line for line in whole.history if all(line is not one for one in committed)),
            visits=tuple(visit for visit in whole.visits if all(visit is not one for one in known)),
        )
        stored = Timeline([]).with_changes(committed, (), 1, known)
        assert answer(case, made, stored) == answer(whole, made), repr(claim)


@pytest.mark.parametrize("name", list(FORMS))
def test_names_of_ids_change_nothing(name):
    """Other names of orders, prescriptions and groups, in the same order."""
    ids = ("order_id", "prescription_id", "group_id")
    for _, made, claim in claims_about(name):
        renamed = {
            one: [{**line, **{key: f"x{line[key]}" for key in ids if line.get(key)}} for line in claim[one]]
            for one in ("lines", "history")
        }
        encounter = {
            **claim["encounter"],
            "attestations": [
                {**one, "order_ids": [f"x{order}" for order in one["order_ids"]]}
                for one in claim["encounter"]["attestations"]
            ],
        }
        other = case_of({**claim, **renamed, "encounter": encounter})
        assert answer(other, made) == answer(case_of(claim), made), repr(claim)


@pytest.mark.parametrize("name", [one for one in FORMS if one not in TRUE_BY_ABSENCE])
def test_more_facts_take_no_finding_away(name):
    for _, made, claim in claims_about(name):
        known = {fact: value for fact, value in MORE_FACTS.items() if claim["encounter"][fact] is None}
        before = answer(case_of(claim), made)
        after = answer(case_of({**claim, "encounter": {**claim["encounter"], **known}}), made)
        found = {finding[:4] for finding in before.findings}
        assert found <= {finding[:4] for finding in after.findings}, repr(claim)
