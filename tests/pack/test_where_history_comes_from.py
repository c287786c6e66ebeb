"""What a pack's own cases answer does not depend on the order of lines, or on whether history is told or kept."""

import random
import tomllib

import msgspec
import pytest

from ruleset.evaluator import evaluate
from ruleset.pack import cases
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot
from ruleset.timeline import EMPTY, Timeline
from tests.pack.conftest import CHECKOUT

DEMONSTRATION = CHECKOUT / "ruleset" / "packs" / "demo"


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory):
    """The demonstration pack as a source of rows."""
    target = tmp_path_factory.mktemp("demo") / "demo.pack"
    compile_pack(DEMONSTRATION, target)
    return Snapshot([LoadedPack(PackFile(target))])


def answer_of(result):
    """Everything that a result says, with lines by their order ids, in an order of its own."""

    def ids(lines):
        return sorted(line.order_id for line in lines)

    findings = [
        (x.row.id, ids(x.violating), ids(x.related), x.action.name, x.message, str(x.amount)) for x in result.findings
    ]
    hints = [
        (x.row.id, ids([x.line] if x.line else []), ids(x.related), sorted((m.fact, m.detail) for m in x.missing))
        for x in result.hints
    ]
    gaps = [(x.reason, ids([x.line] if x.line else [])) for x in result.not_evaluated]
    return sorted(findings), sorted(hints), sorted(gaps)


def variants(case, seed):
    """The same facts, told otherwise: each as a case and what is stored beside it."""
    whole = Timeline(case.history, 1, case.visits)
    untold = msgspec.structs.replace(case, history=(), visits=())
    chance = random.Random(seed)
    told = tuple(line for line in case.history if chance.random() < 0.5)
    seen = tuple(visit for visit in case.visits if chance.random() < 0.5)
    yield "stored", untold, whole
    yield "told and stored", case, whole
    yield "half told", msgspec.structs.replace(case, history=told, visits=seen), whole
    backwards = msgspec.structs.replace(
        case,
        lines=tuple(reversed(case.lines)),
        history=tuple(reversed(case.history)),
        visits=tuple(reversed(case.visits)),
    )
    yield "backwards", backwards, EMPTY


@pytest.mark.parametrize("path", sorted((DEMONSTRATION / "tests").glob("*.toml")), ids=lambda path: path.stem)
def test_the_same_facts_told_otherwise_give_the_same_answer(path, demonstration):
    file = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), cases.TestFile, strict=False)
    different = []
    for test in file.case:
        case = cases.case_of_test(test, file.defaults)
        expected = answer_of(evaluate(case, EMPTY, demonstration))
        different += [
            (test.name, how)
            for how, told, stored in variants(case, test.name)
            if answer_of(evaluate(told, stored, demonstration)) != expected
        ]
    assert file.case
    assert not different
