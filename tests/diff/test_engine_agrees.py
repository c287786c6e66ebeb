"""The engine against the naive oracle (`tests/diff/oracle.py`)."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, note, settings

from tests.diff.harness import case_of, engine_answer, snapshot_of, write_pack_source
from tests.diff.oracle import judge, read_rows
from tests.diff.strategies import claims, packs

SHORT = settings(
    max_examples=400,
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
LONG = settings(SHORT, max_examples=4_000)


@SHORT
@given(packs, claims())
def test_small_random_packs(pack, claim):
    agree(pack, claim)


def agree(pack, claim):
    with tempfile.TemporaryDirectory() as folder:
        source = write_pack_source(Path(folder) / "source", pack)
        snapshot = snapshot_of(source, Path(folder) / "pack")
        rows = read_rows(source)
    note(f"pack = {pack!r}")
    note(f"claim = {claim!r}")
    assert engine_answer(case_of(claim), snapshot) == judge(claim, rows)
