"""Engine and naive oracle on small random packs over all templates, and claims about them.

The complete answers are equal: verdict, completeness, findings with their lines and amounts, hints and what they miss, and
what was not evaluated.

One generator (`generate_rows.py`, `generate_claims.py`) draws from a `random.Random`: Hypothesis drives it, and so do
seeds. Packs are compiled once for several claims. Everything is reproducible; a failure prints its pack and claim.
"""

from collections import Counter
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from ruleset.templates import TEMPLATES
from tests.diff.generate_claims import ClaimMaker
from tests.diff.generate_rows import FORMS, pack
from tests.diff.harness import Compiled, case_of, drawn, engine_answer
from tests.diff.oracle import Answer, judged

EVERY_TEMPLATE = tuple(FORMS)
SHARDS = 8
"""The seeded claims are shared out to so many tests, each well below the time limit of a test."""
CLAIMS_OF_A_PACK = 25
SEEDED_CLAIMS = 20_000
LONG_TIMEOUT_S = 900
OUTCOMES_MIN = 5
"""How often each template must come out TRUE, UNKNOWN and FALSE (of what its rows speak of) among the seeded claims, so
that the comparison says something."""
SHORT = settings(
    max_examples=250,
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
LONG = settings(SHORT, max_examples=2_500)


class Outcomes(NamedTuple):
    """What the oracle said of rows, by template: TRUE, UNKNOWN, and FALSE of something that a row speaks of."""

    true: Counter[str]
    unknown: Counter[str]
    false: Counter[str]


def new_outcomes() -> Outcomes:
    return Outcomes(Counter(), Counter(), Counter())


def count(outcomes: Outcomes, answer: Answer, asked: dict[str, int], pack: Compiled) -> None:
    template_of = {row.id: row.template for row in pack.rows}
    outcomes.true.update(template_of[finding.row] for finding in answer.findings)
    outcomes.unknown.update(template_of[hint.row] for hint in answer.hints)
    outcomes.false.update(asked)


def agree(random: Random, templates: list[str], claims: int, outcomes: Outcomes) -> None:
    """One pack of these templates, and so many claims that lean to the first of them."""
    made = drawn(random, templates)
    maker = ClaimMaker(random, templates[0])
    for _ in range(claims):
        claim = maker.claim()
        answer, asked = judged(claim, made.rows, made.lists)
        count(outcomes, answer, asked, made)
        engine = engine_answer(case_of(claim), made.snapshot)
        assert engine == answer, f"rows = {made.rows!r}\nclaim = {claim!r}"


def seeded_agree(shard: int, seed: str, claims: int, outcomes_min: int) -> None:
    """Every template of the shard in turn, with one of all beside it; and each comes out each way so often."""
    outcomes = new_outcomes()
    random = Random(f"{seed} {shard}")
    templates = EVERY_TEMPLATE[shard::SHARDS]
    for number in range(claims // SHARDS // CLAIMS_OF_A_PACK):
        focus = templates[number % len(templates)]
        agree(random, [focus, focus, random.choice(EVERY_TEMPLATE)], CLAIMS_OF_A_PACK, outcomes)
    for name in templates:
        assert min(outcomes.true[name], outcomes.unknown[name], outcomes.false[name]) >= outcomes_min, (name, outcomes)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_seeded_claims(shard):
    seeded_agree(shard, "short", SEEDED_CLAIMS, OUTCOMES_MIN)


@pytest.mark.long
@pytest.mark.timeout(LONG_TIMEOUT_S)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_seeded_claims_at_length(shard):
    """Ten times as many."""
    seeded_agree(shard, "long", 10 * SEEDED_CLAIMS, 10 * OUTCOMES_MIN)


def agree_on_drawn(random: Random, focus: str, beside: str) -> None:
    note(f"templates = {focus}, {beside}")
    agree(random, [focus, beside], 4, new_outcomes())


@SHORT
@given(st.randoms(use_true_random=False), st.sampled_from(EVERY_TEMPLATE), st.sampled_from(EVERY_TEMPLATE))
def test_drawn_claims(random, focus, beside):
    """Four claims a pack: Hypothesis looks for what differs."""
    agree_on_drawn(random, focus, beside)


@SHORT
@given(st.integers(0, 2**64), st.sampled_from(EVERY_TEMPLATE), st.sampled_from(EVERY_TEMPLATE))
def test_drawn_seeds(seed, focus, beside):
    """The same with a seed alone drawn, so that every choice is as likely as the generator means it to be."""
    agree_on_drawn(Random(seed), focus, beside)


@pytest.mark.long
@pytest.mark.timeout(LONG_TIMEOUT_S)
@LONG
@given(st.randoms(use_true_random=False), st.sampled_from(EVERY_TEMPLATE), st.sampled_from(EVERY_TEMPLATE))
def test_drawn_claims_at_length(random, focus, beside):
    agree_on_drawn(random, focus, beside)


@pytest.mark.long
@pytest.mark.timeout(LONG_TIMEOUT_S)
@LONG
@given(st.integers(0, 2**64), st.sampled_from(EVERY_TEMPLATE), st.sampled_from(EVERY_TEMPLATE))
def test_drawn_seeds_at_length(seed, focus, beside):
    agree_on_drawn(Random(seed), focus, beside)


UNDRAWN = {
    "T24": {"item_code"},
    "T27": {"item_kind"},
}
"""Columns that the generator leaves out: T27 allows no catalogue; a duplicate is asked of a substance, a class or all drugs."""


def test_every_template_has_a_form():
    assert set(FORMS) == set(TEMPLATES)


@pytest.mark.parametrize("name", list(FORMS))
def test_every_column_is_drawn(name):
    """Each column of a template stands in some drawn row, so that none is left out of the comparison unnoticed."""
    random = Random(name)
    drawn = {
        column
        for _ in range(400)
        for rule in pack(random, [name])
        for row in rule["rows"]
        for column, cell in row.items()
        if cell
    }
    people_read = {"item_name", "department_names", "indication", "program_names", "basis", "mechanism", "management"}
    people_read |= {"reason", "companion_name", "quantity_unit", "solvent_class", "concentration_unit"}
    columns = set(TEMPLATES[name].columns.__struct_fields__)
    assert columns - drawn <= people_read | UNDRAWN.get(name, set())
