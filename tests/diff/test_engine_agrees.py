"""The engine gives what the naive oracle (`tests/diff/oracle.py`) gives: complete answers, claim by claim.

Everything is reproducible: Hypothesis runs derandomised, the volume generator from a seed; a failure prints the claim.
"""

import tempfile
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from tests.diff.harness import case_of, engine_answer, snapshot_of, write_pack_source
from tests.diff.oracle import judge, read_rows
from tests.diff.strategies import claims, packs
from tests.diff.volume import Volume

NHSA = Path(__file__).resolve().parents[2] / "ruleset" / "packs" / "nhsa"
SHORT = settings(
    max_examples=400,
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
    phases=(Phase.generate,),  # the cases are small; shrinking takes longer than the timeout (LONG shrinks)
    suppress_health_check=list(HealthCheck),
)
LONG = settings(SHORT, max_examples=4_000, phases=tuple(Phase))
LONG_TIMEOUT_S = 900


def agree_on_small_pack(pack, claim):
    with tempfile.TemporaryDirectory() as folder:
        source = write_pack_source(Path(folder) / "source", pack)
        snapshot = snapshot_of(source, Path(folder) / "pack")
        rows = read_rows(source)
    note(f"pack = {pack!r}")
    note(f"claim = {claim!r}")
    assert engine_answer(case_of(claim), snapshot) == judge(claim, rows)


@SHORT
@given(packs, claims())
def test_small_random_packs(pack, claim):
    agree_on_small_pack(pack, claim)


@pytest.mark.long
@pytest.mark.timeout(LONG_TIMEOUT_S)
@LONG
@given(packs, claims())
def test_small_random_packs_at_length(pack, claim):
    agree_on_small_pack(pack, claim)


@pytest.fixture(scope="module")
def nhsa(tmp_path_factory):
    """The starter pack, both ways."""
    return snapshot_of(NHSA, tmp_path_factory.mktemp("nhsa") / "pack"), read_rows(NHSA)


def agree_on_starter_pack(nhsa, seed, count):
    snapshot, rows = nhsa
    rows_naming = defaultdict(list)  # for speed only: the oracle gets the rows of the claim's codes and herb names
    for row in rows:
        for key in {*row.codes(), row.cells.get("herb_a"), row.cells.get("herb_b")}:
            rows_naming[key].append(row)
    templates_that_spoke = set()
    for number, claim in enumerate(Volume(rows, seed).claims(count)):
        every = (*claim["lines"], *claim["history"])
        keys = {line[name] for line in every for name in ("item_code", "item_name", "local_name") if line[name]}
        near = list({id(row): row for key in keys for row in rows_naming.get(key, ())}.values())
        expected = judge(claim, near)
        assert engine_answer(case_of(claim), snapshot) == expected, f"seed {seed}, claim {number}: {claim!r}"
        template_of = {row.id: row.template for row in near}
        templates_that_spoke |= {(template_of[finding.row], True) for finding in expected.findings}
        templates_that_spoke |= {(template_of[hint.row], False) for hint in expected.hints}
    assert templates_that_spoke == EVERY_TEMPLATE


TEMPLATES_TRUE = ("T01", "T02", "T03", "T06", "T07", "T10", "T23", "T31", "T32", "T35")
TEMPLATES_UNKNOWN = ("T01", "T02", "T03", "T06", "T07", "T08", "T10", "T23", "T31", "T32", "T34", "T37")
EVERY_TEMPLATE = {(name, True) for name in TEMPLATES_TRUE} | {(name, False) for name in TEMPLATES_UNKNOWN}
"""A comparison in which a template never speaks compares nothing: T23 is UNKNOWN only where a kind is unknown, etc."""


def test_starter_pack(nhsa):
    agree_on_starter_pack(nhsa, seed=1, count=1_500)


@pytest.mark.long
@pytest.mark.timeout(LONG_TIMEOUT_S)
@pytest.mark.parametrize("seed", range(2, 12))
def test_starter_pack_at_length(nhsa, seed):
    agree_on_starter_pack(nhsa, seed, count=3_000)
