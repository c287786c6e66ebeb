"""Rules about several orders answer the same whatever the order of the lines, and wherever the history comes from."""

import tomllib
from collections.abc import Iterator
from random import Random

import msgspec
import pytest

from ruleset.case import Case, Line, identity
from ruleset.evaluator import evaluate
from ruleset.outcome import Result
from ruleset.pack import cases as pack_cases
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot
from ruleset.timeline import EMPTY, Timeline
from tests.web.product import ROOT

DEMO = ROOT / "ruleset" / "packs" / "demo"
RULES = (
    "drug-interaction",
    "drug-duplicate",
    "herb-pair",
    "herb-pregnancy",
    "herb-prescription-size",
    "herb-dose",
    "infusion-group",
    "drug-kinds",
    "prescription-form",
    "perioperative-antibiotic",
    "antibiotic-culture",
    "controlled-quantity",
    "controlled-overlap",
    "drug-needs-item",
    "consumable-needs-item",
    "consumable-quantity",
    "diagnosis-needs-item",
    "charge-outside-stay",
)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    target = tmp_path_factory.mktemp("demo") / "demo.pack"
    compile_pack(DEMO, target)
    return Snapshot([LoadedPack(PackFile(target))])


def cases(rule: str) -> Iterator[Case]:
    document = tomllib.loads((DEMO / "tests" / f"{rule}.toml").read_text(encoding="utf-8"))
    file = msgspec.convert(document, pack_cases.TestFile, strict=False)
    for test in file.case:
        yield pack_cases.case_of_test(test, file.defaults)


def answer(result: Result) -> list[str]:
    """Everything that a person would read, in its order."""
    found = [
        f"{finding.row.id} {finding.action.name} {[line.order_id for line in finding.violating]} "
        f"{[line.order_id for line in finding.related]} {finding.message} {finding.amount}"
        for finding in result.findings
    ]
    found += [
        f"{hint.row.id} {hint.line.order_id if hint.line else ''} {[line.order_id for line in hint.related]} {hint.missing}"
        for hint in result.hints
    ]
    return found + [
        f"{gap.reason} {gap.line.order_id if gap.line else ''} {gap.detail}" for gap in result.not_evaluated
    ]


def shuffled(lines: tuple[Line, ...], random: Random) -> tuple[Line, ...]:
    return tuple(random.sample(lines, len(lines)))


@pytest.mark.parametrize("rule", RULES)
def test_the_order_of_the_lines_does_not_matter(rule: str, snapshot: Snapshot) -> None:
    random = Random(rule)
    for case in cases(rule):
        expected = answer(evaluate(case, EMPTY, snapshot))
        mixed = msgspec.structs.replace(
            case, lines=shuffled(case.lines, random), history=shuffled(case.history, random)
        )
        assert answer(evaluate(mixed, EMPTY, snapshot)) == expected


@pytest.mark.parametrize("rule", RULES)
def test_history_from_the_store_counts_as_that_of_the_message(rule: str, snapshot: Snapshot) -> None:
    random = Random(rule)
    for case in cases(rule):
        expected = answer(evaluate(case, EMPTY, snapshot))
        some = tuple(line for line in case.history if random.random() < 0.5)
        for told in ((), some, case.history):
            split = msgspec.structs.replace(case, history=told)
            for stable in (True, False):
                result = evaluate(split, Timeline(case.history), snapshot, same_line_by_content=not stable)
                assert answer(result) == expected


def test_a_list_finds_stored_lines_of_its_members(snapshot: Snapshot) -> None:
    case = next(case for case in cases("drug-interaction") if len(case.lines) == 2)
    past = msgspec.structs.replace(case.lines[1], encounter_id="E0", order_id="0", item_code="")
    now = msgspec.structs.replace(case, lines=case.lines[:1])
    result = evaluate(now, Timeline([past]), snapshot)
    assert [[line.order_id for line in finding.related] for finding in result.findings] == [["0"]]
    assert identity(past) == identity(result.findings[0].related[0])
