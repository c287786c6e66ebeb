"""T12 to T20 beyond what their in-pack cases reach: the order of facts, where history came from, and faulty rows."""

import random
import tomllib
from pathlib import Path

import msgspec
import pytest

from ruleset.document import read_document
from ruleset.evaluator import evaluate
from ruleset.pack import cases
from ruleset.pack.check import params_of
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.results import sign_of
from ruleset.snapshot import Snapshot
from ruleset.templates import TEMPLATES
from ruleset.timeline import EMPTY, Timeline

DEMO = Path(__file__).resolve().parents[2] / "ruleset" / "packs" / "demo"
RULES = (
    *("drug-contraindication", "service-contraindication", "drug-pregnancy", "drug-allergy", "drug-single-dose"),
    *("drug-daily-dose", "organ-function", "administration", "prior-evidence", "skin-test"),
)
SHUFFLES = 4


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    path = tmp_path_factory.mktemp("demo") / "demo.pack"
    compile_pack(DEMO, path)
    return Snapshot([LoadedPack(PackFile(path))])


def cases_of(rule):
    document = tomllib.loads((DEMO / "tests" / f"{rule}.toml").read_text(encoding="utf-8"))
    file = msgspec.convert(document, cases.TestFile, strict=False)
    return [cases.case_of_test(test, file.defaults) for test in file.case]


def answer(case, stored, rows):
    result = evaluate(case, stored, rows)
    findings = [
        (one.row.id, one.message, [x.order_id for x in one.violating], [x.order_id for x in one.related])
        for one in result.findings
    ]
    hints = [(one.row.id, one.line and one.line.order_id, one.missing) for one in result.hints]
    return findings, hints, [(one.reason, one.detail) for one in result.not_evaluated]


def shuffled(case, seed):
    """The same facts in another order: lines, history, observations, allergies, diagnoses, visits."""
    mix = random.Random(seed)

    def mixed(some):
        return tuple(mix.sample(some, len(some)))

    patient = msgspec.structs.replace(
        case.patient, observations=mixed(case.patient.observations), allergies=mixed(case.patient.allergies)
    )
    encounter = msgspec.structs.replace(case.encounter, diagnoses=mixed(case.encounter.diagnoses))
    return msgspec.structs.replace(
        case,
        patient=patient,
        encounter=encounter,
        lines=mixed(case.lines),
        history=mixed(case.history),
        visits=mixed(case.visits),
    )


@pytest.mark.parametrize("rule", RULES)
def test_the_order_of_facts_changes_nothing(rule, demo):
    for case in cases_of(rule):
        expected = answer(case, EMPTY, demo)
        for seed in range(SHUFFLES):
            assert answer(shuffled(case, seed), EMPTY, demo) == expected


@pytest.mark.parametrize("rule", RULES)
def test_history_from_the_store_answers_as_history_in_the_message(rule, demo):
    for case in cases_of(rule):
        expected = answer(case, EMPTY, demo)
        stored = Timeline(case.history, visits=case.visits)
        moved = msgspec.structs.replace(case, history=(), visits=())
        assert answer(moved, stored, demo) == expected
        assert answer(case, stored, demo) == expected


FAULTS = {
    "T12": [
        ({"ingredient": "甲", "condition": "乙"}, "names no condition"),
        ({"ingredient": "甲", "condition": "乙", "diagnoses": "K25", "except_diagnoses": "I10"}, "does not include"),
        ({"ingredient": "甲", "condition": "乙", "test_names": "血钾"}, "either `comparison` or `test_words`"),
        ({"ingredient": "甲", "condition": "乙", "test_names": "血钾", "comparison": ">"}, "go together"),
        ({"condition": "乙", "diagnoses": "K25"}, "exactly one of"),
        ({"ingredient": "甲", "condition": "乙", "diagnoses": "K25", "history_months": 0}, "expected 1 or more"),
    ],
    "T13": [
        ({"ingredient": "甲", "status": "哺乳", "grade": "禁用", "trimesters": "早期"}, "is for 妊娠"),
        ({"ingredient": "甲", "status": "妊娠", "grade": "禁用", "trimesters": "早期|中期|晚期"}, "all three"),
    ],
    "T14": [
        ({"ingredient": "甲", "relation": "交叉"}, "交叉 needs"),
        ({"ingredient": "甲", "relation": "同类"}, "同类 needs"),
        ({"ingredient": "甲", "relation": "同物质", "allergens": "乙"}, "own substances"),
        ({"ingredient": "甲", "relation": "同物质", "min_severity": "重度", "below_severity": "中度"}, "no severity"),
    ],
    "T15": [
        ({"ingredient": "甲", "unit": "mg"}, "limits nothing"),
        ({"ingredient": "甲", "unit": "mgg", "max_dose": 1}, "no known unit"),
        ({"ingredient": "甲", "unit": "mg", "max_dose": 1, "min_dose": 2}, "is above `max_dose`"),
        ({"ingredient": "甲", "unit": "mg", "max_dose": 0}, "more than 0"),
        ({"ingredient": "甲", "unit": "mg", "max_dose": 1, "hard_max": 2}, "without `per_body`"),
        ({"ingredient": "甲", "unit": "mg", "max_dose": 1, "min_age": "成人"}, "`min_age`"),
        ({"ingredient": "甲", "unit": "mg", "max_dose": 1, "min_weight_kg": 9, "below_weight_kg": 9}, "no weight"),
    ],
    "T16": [
        ({"ingredient": "甲", "unit": "mg", "per": "日"}, "limits nothing"),
        ({"ingredient": "甲", "unit": "mg", "per": "日", "max_dose": 1, "course_days": 7}, "is for 疗程"),
    ],
    "T17": [
        ({"ingredient": "甲", "organ": "肾", "demand": "禁用"}, "for 肾 give"),
        ({"ingredient": "甲", "organ": "肝", "demand": "禁用", "below_clearance": 30}, "for 肝 give"),
        (
            {"ingredient": "甲", "organ": "肾", "demand": "减量", "below_clearance": 30, "unit": "mg"},
            "`max_daily_dose` is empty",
        ),
        (
            {"ingredient": "甲", "organ": "肾", "demand": "禁用", "min_clearance": 30, "below_clearance": 30},
            "no clearance",
        ),
        ({"ingredient": "甲", "organ": "肾", "demand": "间隔", "below_clearance": 30}, "`min_interval_hours` is empty"),
    ],
    "T18": [
        ({"ingredient": "甲"}, "one kind of limit"),
        ({"ingredient": "甲", "allowed_routes": "口服", "max_times_per_day": 2}, "one kind of limit"),
        ({"ingredient": "甲", "allowed_routes": "口服", "forbidden_routes": "肌注"}, "give either"),
        ({"ingredient": "甲", "max_rate": 100}, "`rate_unit` goes with"),
        ({"ingredient": "甲", "min_times_per_day": 3, "max_times_per_day": 2}, "is above"),
    ],
    "T19": [
        ({"ingredient": "甲", "evidence": "检验", "evidence_name": "血钾"}, "`test_names` is empty"),
        ({"ingredient": "甲", "evidence": "会诊", "evidence_name": "会诊", "test_names": "x"}, "is for a test"),
        (
            {"ingredient": "甲", "evidence": "检验", "evidence_name": "血钾", "test_names": "血钾", "value": 3},
            "go together",
        ),
    ],
    "T20": [
        ({"ingredient": "甲", "state": "阳性", "validity_hours": 0}, "expected 1 or more"),
        ({"state": "阳性", "validity_hours": 24}, "exactly one of"),
    ],
}


@pytest.mark.parametrize(
    ("template", "cells", "words"), [(name, *fault) for name, some in FAULTS.items() for fault in some]
)
def test_a_row_that_could_never_speak_is_refused(template, cells, words):
    lists = {"diagnoses", "except_diagnoses", "test_names", "trimesters", "allergens", "state", "words"}
    split = {
        name: value.split("|")
        if isinstance(value, str) and (name in lists or name.endswith(("_routes", "_forms")))
        else value
        for name, value in cells.items()
    }
    params = params_of(TEMPLATES[template], tuple(split), {}, list(split.values()))
    assert any(words in problem for problem in TEMPLATES[template].problems(params))


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        *(("阳性", "阳性"), ("＋", "阳性"), ("弱阳性", "阳性"), ("Positive", "阳性"), ("(++)", "阳性"), ("±", "阳性")),
        *(("阴性", "阴性"), ("（-）", "阴性"), ("neg", "阴性"), ("未检出", "阴性")),
        *(("未见阳性", None), ("见报告", None), ("", None), ("阴性对照阳性", None)),
    ],
)
def test_words_of_a_qualitative_result(text, sign):
    assert sign_of(text) == sign


ONE_ROW_FOR_EVERY_DRUG = """\
item_kind,drug_class,relation,allergens,min_severity,below_severity
drug,,同物质,,重度,
,J01D,交叉,J01C,,
"""


@pytest.fixture(scope="module")
def general(tmp_path_factory):
    """A pack as a hospital's: one row for every drug, one by ATC class; the rule is the demonstration pack's."""
    root = tmp_path_factory.mktemp("general")
    (root / "pack.toml").write_text('id = "general"\nrevision = 1\ntitle = "过敏"\n', encoding="utf-8")
    for folder in ("rules", "rows"):
        (root / folder).mkdir()
    rule = (DEMO / "rules" / "drug-allergy.toml").read_text(encoding="utf-8")
    (root / "rules" / "drug-allergy.toml").write_text(rule, encoding="utf-8")
    (root / "rows" / "drug-allergy.csv").write_text(ONE_ROW_FOR_EVERY_DRUG, encoding="utf-8")
    compile_pack(root, root / "general.pack")
    return Snapshot([LoadedPack(PackFile(root / "general.pack"))])


@pytest.mark.parametrize(
    ("allergy", "rows"),
    [
        ({"substance": "头孢曲松", "severity": "severe"}, ["drug-allergy:drug+同物质+重度起"]),
        ({"substance": "头孢曲松钠", "severity": "severe"}, ["drug-allergy:drug+同物质+重度起"]),
        ({"substance": "头孢曲松", "severity": "moderate"}, []),
        ({"substance": "阿莫西林", "code": "J01CA04", "severity": "severe"}, ["drug-allergy:J01D+交叉+J01C"]),
        ({"substance": "阿莫西林", "code": "J01CA04", "status": "inactive"}, []),
        ({"substance": "红霉素", "code": "J01FA01", "severity": "severe"}, []),
    ],
)
def test_one_allergy_row_speaks_of_every_drug_by_the_substance_in_its_catalogue_name(allergy, rows, general):
    document = {
        "time": "2026-07-06T09:00:00",
        "patient": {"id": "P1", "allergies": [allergy]},
        "encounter": {
            "id": "E1",
            "facility_id": "F1",
            "lines": [
                {
                    "order_id": "1",
                    "item_code": "XJ01DDT067B001010100001",
                    "item_name": "注射用头孢曲松钠",
                    "item_kind": "drug",
                }
            ],
        },
    }
    result = evaluate(read_document(document), EMPTY, general)
    assert [finding.row.id for finding in result.findings] == rows
    assert result.hints == ()
