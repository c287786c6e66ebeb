"""What a doctor reads names facts in Chinese: no field name of ours or of the national message stands in it."""

import re
from pathlib import Path

import msgspec
import pytest

from ruleset.case import Case, Encounter, Line, Patient, UnknownFact
from ruleset.document import read_document
from ruleset.evaluator import evaluate
from ruleset.facts import FACTS
from ruleset.outcome import Missing
from ruleset.pack import cases
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot
from ruleset.timeline import EMPTY
from server.entrance.display import display
from server.entrance.fields import ALL_GROUPS
from server.entrance.wording import missing_text

PACKS = Path(__file__).resolve().parents[2] / "ruleset" / "packs"
FIELD_NAMES = {
    *FACTS,
    *(part for fact in FACTS.values() for name in fact.national for part in name.split(".")),
    *(field.national for group in ALL_GROUPS for field in group.fields),
    *(name for struct in (Case, Patient, Encounter, Line) for name in struct.__struct_fields__),
}


def field_names_in(text):
    """The words of a text that are field names, or have the shape of one; what a hospital calls its counters is its own."""
    text = re.sub("累计值“[^”]*”", "", text)
    return [word for word in re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text) if word in FIELD_NAMES or "_" in word]


def test_a_field_name_is_seen():
    assert field_names_in("缺少: 体重（ext.weight_kg），pric 的值；Child-Pugh A级，每日2 mg") == [
        "ext",
        "weight_kg",
        "pric",
    ]


@pytest.mark.parametrize("name", FACTS)
def test_what_is_missing_showed_field_names_to_a_doctor(name):
    case = Case(patient=Patient(unknown_facts=(UnknownFact(name, "99", f"{FACTS[name].label}的值“99”不在站点配置中"),)))
    assert field_names_in(FACTS[name].label) == []
    shown = missing_text([Missing(name)], case, None, with_fields=False)
    assert shown == f"缺少: {FACTS[name].label}，{FACTS[name].label}的值“99”不在站点配置中"
    fields = FACTS[name].national
    assert all(field in missing_text([Missing(name)], case, None) for field in fields)


@pytest.mark.parametrize("pack_id", ["nhsa", "safety-cn", "demo"])
def test_nothing_shown_of_any_in_pack_case_has_a_field_name(pack_id, tmp_path):
    compile_pack(PACKS / pack_id, tmp_path / "a.pack")
    pack = LoadedPack(PackFile(tmp_path / "a.pack"))
    snapshot = Snapshot([pack])
    shown = {}
    for path, document in pack.file.manifest.tests.items():
        file = msgspec.convert(document, cases.TestFile, strict=False)
        for test in file.case:
            case = cases.case_of_test(test, file.defaults)
            result = evaluate(case, EMPTY, snapshot)
            parts = display(result, [str(number) for number, _ in enumerate(result.findings)], case)
            for part in (*parts["findings"], *parts["missing"]):
                shown[part["text"]] = (path, test.name)
            for gap in result.not_evaluated:
                shown[gap.detail] = (path, test.name)
    assert shown
    assert {text: place for text, place in shown.items() if field_names_in(text)} == {}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            {"item_code": "HIS-0815", "item_name": "华法林钠片", "item_kind": "drug", "route": "口服"},
            "“HIS-0815”不是国家医保编码，按编码的规则未判断；已按成分（华法林）和药理分类判断",
        ),
        ({"item_name": "院内合剂", "item_kind": "drug", "route": "口服"}, "没有国家医保编码，按编码的规则未判断"),
    ],
)
def test_a_drug_judged_by_its_name_was_called_no_national_code_and_nothing_more(line, text, tmp_path):
    compile_pack(PACKS / "safety-cn", tmp_path / "a.pack")
    snapshot = Snapshot([LoadedPack(PackFile(tmp_path / "a.pack"))])
    case = read_document({"time": "2026-07-06T09:00:00", "encounter": {"lines": [line]}})
    result = evaluate(case, EMPTY, snapshot, is_item_code=lambda code: code.startswith("X"))
    assert text in [gap.detail for gap in result.not_evaluated]
