"""The eligibility templates (T01 to T09, T11, T34) where a pack's own tests cannot reach."""

import ast
import importlib
import inspect
import random
import tomllib
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

import ruleset
from ruleset.case import Case, Encounter, Line, Patient, Practitioner
from ruleset.chart import Chart
from ruleset.evaluator import evaluate
from ruleset.facts import FACTS
from ruleset.pack.cases import TestFile as PackTestFile
from ruleset.pack.cases import case_of_test
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot
from ruleset.templates import TEMPLATES
from ruleset.timeline import EMPTY, Timeline

DEMO = Path(ruleset.__file__).parent / "packs" / "demo"
OURS = ("T01", "T02", "T03", "T04", "T05", "T06", "T07", "T08", "T09", "T11", "T34")
FIRST = datetime(2026, 7, 5, 9)

ITEM = {"item_code": "X1"}
MISTAKES = [
    ("T01", {**ITEM}, "the row limits nothing"),
    ("T01", {"allowed_insurance": "工伤"}, "exactly one of"),
    ("T02", {**ITEM}, "the row limits nothing"),
    ("T02", {**ITEM, "facility_types": ("A1",), "condition": "first_prescription_only"}, "a way around `min_level`"),
    ("T03", {**ITEM}, "either `allowed_modes` or `forbidden_modes`"),
    ("T03", {**ITEM, "allowed_modes": ("住院",), "forbidden_modes": ("互联网",)}, "and not both"),
    ("T04", {"departments": ("A03",)}, "exactly one of"),
    ("T05", {**ITEM, "state": "无处方权"}, "`privileges` is empty"),
    ("T05", {**ITEM, "state": "紧急越级超时", "privileges": ("narcotic",), "emergency_hours": 0}, "expected 1 or more"),
    ("T06", {"sex": "男"}, "exactly one of"),
    ("T06", {**ITEM, "sex": "男", "diagnoses": ("C61",)}, "write two rows"),
    ("T06", {"sex": "男", "diagnoses": ("C61",), "operations": ("60",)}, "are for two rows"),
    ("T07", {**ITEM}, "no age violates"),
    ("T07", {**ITEM, "max_age": "二十八天"}, "`二十八天` is not an age"),
    ("T07", {**ITEM, "min_age": "18岁", "below_age": "18岁"}, "no age is in the range"),
    ("T07", {**ITEM, "max_age": "28天", "below_age": "1月"}, "state the same end"),
    ("T07", {**ITEM, "min_age": "1岁", "min_age_years": 1}, "the same end twice"),
    ("T07", {**ITEM, "min_age_years": 9, "max_age_years": 3}, "`min_age_years` 9 is above `max_age_years` 3"),
    ("T08", {"row_ref": "K"}, "exactly one of"),
    ("T08", {"row_ref": "K", "item_codes": ("X1",), "ingredient": "甲"}, "give one of them"),
    ("T08", {"row_ref": "K", **ITEM, "history_months": 6}, "beside `diagnoses`"),
    ("T08", {"row_ref": "K", **ITEM, "min_age": "成年"}, "`成年` is not an age"),
    ("T08", {"row_ref": "K", **ITEM, "evidence_names": ("a",), "evidence_comparison": ">"}, "belong together"),
    ("T08", {"row_ref": "K", **ITEM, "evidence_words": ("阳性",)}, "whose result is compared?"),
    ("T09", {**ITEM, "requires": ("结算病种",)}, "`programs` is empty"),
    ("T11", {**ITEM}, "either a price of the row or `catalogue_price`"),
    (
        "T11",
        {**ITEM, "max_price": Decimal(1), "catalogue_price": "是"},
        "either a price of the row or `catalogue_price`",
    ),
    ("T11", {**ITEM, "max_price_primary": Decimal(-1)}, "`max_price_primary` is -1"),
    ("T34", {"ingredient": "甲"}, "is a text, which speaks of an `item_code`"),
    ("T34", {**ITEM, "first_line": ("乙",), "min_days": 0}, "`min_days` is 0"),
    ("T34", {**ITEM, "first_line": ("乙",), "min_days": 9, "within_days": 8}, "is less than `min_days`"),
]


@pytest.mark.parametrize(("template_id", "cells", "expected"), MISTAKES)
def test_a_row_that_cannot_be_meant_is_a_problem(template_id, cells, expected):
    template = TEMPLATES[template_id]
    assert any(expected in problem for problem in template.problems(template.columns(**cells)))


@pytest.mark.parametrize("template_id", OURS)
def test_whatever_a_template_may_miss_it_names(template_id):
    template = TEMPLATES[template_id]
    tree = ast.parse(inspect.getsource(importlib.import_module(type(template).__module__)))
    named = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Missing"
        and isinstance(node.args[0], ast.Constant)
    }
    assert named <= set(template.needs) <= set(FACTS)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    target = tmp_path_factory.mktemp("demo") / "demo.pack"
    compile_pack(DEMO, target)
    return Snapshot([LoadedPack(PackFile(target))])


def said(result):
    findings = [
        (finding.row.id, finding.message, str(finding.amount), ids(finding.violating), ids(finding.related))
        for finding in result.findings
    ]
    hints = [(hint.row.id, hint.missing, ids(hint.related)) for hint in result.hints]
    gaps = sorted((gap.reason, gap.detail) for gap in result.not_evaluated)
    return sorted(findings), sorted(hints, key=repr), gaps


def ids(lines):
    return sorted(line.order_id for line in lines)


@pytest.mark.parametrize("rule_id", ["antibiotic-privilege", "drug-first-line", "drug-indication", "drug-program"])
def test_where_history_came_from_and_the_order_of_lines_change_nothing(demo, rule_id):
    document = tomllib.loads((DEMO / "tests" / f"{rule_id}.toml").read_text(encoding="utf-8"))
    file = msgspec.convert(document, PackTestFile, strict=False)
    shuffle = random.Random(7).shuffle
    for test in file.case:
        case = case_of_test(test, file.defaults)
        expected = said(evaluate(case, EMPTY, demo))
        lines, history = list(case.lines), list(case.history)
        shuffle(lines)
        shuffle(history)
        mixed = msgspec.structs.replace(case, lines=tuple(lines), history=tuple(history))
        assert said(evaluate(mixed, EMPTY, demo)) == expected, test.name
        for kept in range(len(history) + 1):
            split = msgspec.structs.replace(
                mixed, history=tuple(history[:kept]), visits=() if kept == 0 else case.visits
            )
            stored = Timeline(history[kept:], visits=case.visits)
            assert said(evaluate(split, stored, demo)) == expected, test.name


class NoLists:
    kinds = frozenset()

    def rows(self, key):
        return ()

    def lists(self, key):
        return ()


@pytest.mark.parametrize(
    ("first_is_date", "line_is_date", "apart", "within", "over"),
    [
        (False, False, timedelta(hours=24), "TRUE", "FALSE"),
        (False, False, timedelta(hours=25), "FALSE", "TRUE"),
        (True, True, timedelta(0), "TRUE", "FALSE"),
        (False, True, timedelta(hours=15), "UNKNOWN", "UNKNOWN"),
        (True, False, timedelta(hours=30), "UNKNOWN", "UNKNOWN"),
        (True, False, timedelta(hours=49), "FALSE", "TRUE"),
        (True, True, timedelta(days=3), "FALSE", "TRUE"),
    ],
)
def test_an_emergency_that_begins_on_a_date_alone(first_is_date, line_is_date, apart, within, over):
    """A date without a time of day is any moment of its day: sure where all of them agree."""
    common = {"item_code": "X1", "encounter_id": "E1", "emergency_use": True, "item_kind": "drug", "frequency": "st"}
    first = Line(order_id="1", begin=FIRST, begin_is_date=first_is_date, **common)
    line = Line(order_id="2", begin=FIRST + apart, begin_is_date=line_is_date, **common)
    case = Case(
        patient=Patient(id="P1"),
        encounter=Encounter(id="E1", practitioner_id="D1"),
        lines=(line,),
        history=(first,),
        practitioners=(Practitioner(id="D1"),),
    )
    template = TEMPLATES["T05"]
    answers = []
    for state in ("紧急越级使用", "紧急越级超时"):
        params = template.columns(item_code="X1", state=state, privileges=("antibiotic_restricted",))
        judged = template.judge(params, line, Chart(case, EMPTY, NoLists()))
        answers.append("FALSE" if not judged else "UNKNOWN" if judged[0].missing else "TRUE")
    assert answers == [within, over]
