"""The safety pack: it passes its own tests, blocks only what it may, cites every row, and asks little of ordinary lines."""

import csv
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from ruleset.drug_names import generic_name
from ruleset.evaluator import evaluate
from ruleset.pack.cases import run_tests
from ruleset.pack.check import check_pack
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.pack.source import read_source
from ruleset.rule import REVIEW_CODES
from ruleset.snapshot import Snapshot
from ruleset.timeline import EMPTY
from server.entrance.own import read_own
from server.profile import Profiles
from tests.pack.conftest import CHECKOUT, STARTER

SAFETY = STARTER.parent / "safety-cn"
PAGE = CHECKOUT / "docs" / "reference" / "safety-pack.md"
KINDS = {"violating", "compliant", "unknown", "exempt", "boundary"}
MAY_BLOCK = {
    "controlled-privilege",
    "special-antibiotic-privilege",
    "special-antibiotic-outpatient",
    "skin-test-positive",
    "allergy-severe",
    "fatal-route",
    "internet-controlled",
}
"""The issue names these and no other; each with two signatures as the way out."""
PRESCRIPTIONS = {"antibiotic", "anticoagulant", "paediatric", "pregnancy", "renal", "herb"}
ORDINARY_LINE_ROWS_MAX = 7
"""Rows that a drug of no special class is judged by: what every prescription pays for."""


@pytest.fixture(scope="module")
def rules():
    found = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in (SAFETY / "rules").glob("*.toml")}
    assert len(found) > 30
    return found


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    target = tmp_path_factory.mktemp("safety") / "safety-cn.pack"
    compile_pack(SAFETY, target)
    return LoadedPack(PackFile(target))


@pytest.fixture(scope="module")
def rows():
    return check_pack(read_source(SAFETY)).rows


def cases_of(name):
    return tomllib.loads((SAFETY / "tests" / f"{name}.toml").read_text(encoding="utf-8"))["case"]


def table(path: Path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_its_own_tests_pass(pack):
    outcome = run_tests(pack.file.manifest.tests, Snapshot([pack]))
    assert not outcome.failures, "\n".join(str(failure) for failure in outcome.failures)
    assert outcome.passed >= 300


def test_every_rule_is_tested_from_all_sides(rules):
    for name in rules:
        cases = cases_of(name)
        assert {case["kind"] for case in cases} >= KINDS, name
        assert any(name == finding["rule"] for case in cases for finding in case.get("findings", ())), name
        twice = [text for text, count in Counter(case["name"] for case in cases).items() if count > 1]
        assert not twice, name


def test_whole_prescriptions_of_each_kind_are_there():
    files = {path.stem.removeprefix("prescriptions-") for path in (SAFETY / "tests").glob("prescriptions-*.toml")}
    assert files >= PRESCRIPTIONS
    for name in PRESCRIPTIONS:
        cases = cases_of(f"prescriptions-{name}")
        assert max(len(case["lines"]) for case in cases) >= 5, name
        assert {"violating", "compliant"} <= {case["kind"] for case in cases}, name


def test_only_what_the_issue_names_blocks_and_each_has_a_way_out_with_two_signatures(rules):
    assert {name for name, rule in rules.items() if rule["action"] == "BLOCK"} == MAY_BLOCK
    for name in MAY_BLOCK:
        override = rules[name]["override"]
        assert override["signatures"] == 2, name
        assert len(override["signers"]) == 2, name
        assert override["reasons"], name


def test_every_rule_says_what_a_pharmacist_needs(rules):
    for name, rule in rules.items():
        assert rule["kind"] in ("safety", "legal"), name
        assert rule["review_code"] in REVIEW_CODES, name
        assert rule["remedies"], name
        assert rule["message"].count("。") <= 2, name
        assert all(citation["document"] for citation in rule["citations"]), name


def test_every_row_rests_on_a_source(rules, rows):
    """Where a rule cites labels in general, each of its rows names the product or announcement."""
    for row in rows:
        documents = {citation["document"] for citation in rules[row.rule_id]["citations"]}
        if documents == {"药品说明书和药品监督管理部门公告"}:
            assert row.common.source or getattr(row.params, "basis", ""), row.id


def test_what_rests_on_our_reading_alone_is_raw_and_a_hint(rules, rows):
    ours = [row for row in rows if "编者" in row.common.source]
    assert len(ours) >= 4
    for row in rows:
        curation = row.common.curation or rules[row.rule_id].get("curation", "official")
        action = row.common.action or rules[row.rule_id]["action"]
        assert (curation == "raw") <= (action == "HINT"), row.id
        if row in ours and "公告" not in row.common.source:
            assert curation == "raw", row.id


def test_substances_are_written_as_the_generic_name_that_a_line_is_known_by(rows):
    written = [
        row["ingredient"] for path in (SAFETY / "lists").glob("*.csv") for row in table(path) if "ingredient" in row
    ]
    written += [key.removeprefix("ingredient:") for row in rows for key in row.keys if key.startswith("ingredient:")]
    names = {name for name in written if name}
    assert len(names) > 100
    assert {name: generic_name(name) for name in names if generic_name(name) not in ("", name)} == {}


def test_no_list_is_empty_or_unused(rows):
    used = {key.removeprefix("class:") for row in rows for key in row.keys}
    used |= {str(getattr(row.params, name, "")) for row in rows for name in ("other_class",)}
    for row in rows:
        used.update(*(getattr(row.params, name, ()) for name in ("allergens", "not_counted", "not_classes")))
    for path in (SAFETY / "lists").glob("*.csv"):
        assert table(path), path.name
        assert path.stem in used, path.name


def test_no_herb_pair_is_in_two_rows():
    """Two would be two findings of one pair; that the national pack's are shown with ours is `test_herb_verse`."""
    seen = Counter(
        frozenset((herb_a, herb_b))
        for name in ("herb-incompatible", "herb-pair-more")
        for row in table(SAFETY / "rows" / f"{name}.csv")
        for herb_a in (row["herb_a"], *filter(None, row["aliases_a"].split("|")))
        for herb_b in (row["herb_b"], *filter(None, row["aliases_b"].split("|")))
    )
    assert [pair for pair, count in seen.items() if count > 1] == []


def test_an_ordinary_drug_touches_few_rows(rows):
    for_every_drug = [row for row in rows if "kind:drug" in row.keys]
    assert len(for_every_drug) <= ORDINARY_LINE_ROWS_MAX
    assert sum(any(key.startswith("every:") for key in row.keys) for row in rows) <= ORDINARY_LINE_ROWS_MAX


def test_the_page_names_every_rule_and_says_what_the_pack_is_not(rules):
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in rules if f"`{name}`" not in text] == []
    head = tomllib.loads((SAFETY / "pack.toml").read_text(encoding="utf-8"))
    assert "不含商业药品知识库" in head["title"]
    assert "no commercial drug knowledge base" in text


@pytest.mark.parametrize("word", ["IVP", "i.v.p.", "iv push", "静推", "静脉推注", "IV bolus", "缓慢静推"])
def test_a_push_of_potassium_in_a_word_of_the_site_was_an_unknown_route(pack, word):
    line = {"item_name": "氯化钾注射液", "item_kind": "drug", "route": word, "dose": "1", "dose_unit": "g"}
    document = {"time": "2026-07-06T09:00:00", "encounter": {"care_modes": ["inpatient"], "lines": [line]}}
    result = evaluate(read_own(document, Profiles("", "default").default), EMPTY, Snapshot([pack]))
    assert [(finding.row.rule.id, finding.action.name) for finding in result.findings if finding.action > 1] == [
        ("fatal-route", "BLOCK")
    ]


def test_an_unreadable_route_of_vincristine_asks_for_it_and_blocks_nobody(pack):
    line = {"item_name": "注射用硫酸长春新碱", "item_kind": "drug", "route": "途径07", "dose": "2", "dose_unit": "mg"}
    document = {"time": "2026-07-06T09:00:00", "encounter": {"care_modes": ["inpatient"], "lines": [line]}}
    result = evaluate(read_own(document, Profiles("", "default").default), EMPTY, Snapshot([pack]))
    assert "fatal-route" not in [finding.row.rule.id for finding in result.findings]
    (hint,) = [hint for hint in result.hints if hint.row.rule.id == "fatal-route"]
    assert [missing.fact for missing in hint.missing] == ["route"]
