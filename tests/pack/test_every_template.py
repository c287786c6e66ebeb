"""Every template shows, in cases that a pharmacist can read, each way in which it can come out."""

import re
from decimal import Decimal
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from ruleset.evaluator import evaluate
from ruleset.national.coverage import counts_of, coverage, coverage_lines, national_rules
from ruleset.pack import boundaries
from ruleset.pack.cases import TestFile as PackTestFile
from ruleset.pack.cases import case_of_test, run_tests
from ruleset.pack.check import check_pack
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.pack.source import read_source
from ruleset.snapshot import Snapshot
from ruleset.templates import TEMPLATES
from ruleset.timeline import EMPTY

ROOT = Path(__file__).resolve().parents[2]
PACKS = ROOT / "ruleset" / "packs"
KINDS = {"violating", "compliant", "unknown", "exempt", "boundary"}
THRESHOLDS_IN_WORDS = {
    "T02": "min_level: 一级 < 二级 < 三级",
    "T13": "trimesters: weeks of pregnancy",
    "T14": "min_severity, below_severity: 轻度 < 中度 < 重度",
    "T35": "window: 6小时, 同一小时",
    "T45": "expression: whatever it compares",
}
"""Templates with a threshold that is no number in their columns, and where it is."""


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packs")
    loaded = {}
    for source in sorted(PACKS.iterdir()):
        compile_pack(source, folder / f"{source.name}.pack")
        loaded[source.name] = LoadedPack(PackFile(folder / f"{source.name}.pack"))
    return loaded


def kinds_of(packs):
    """Template id to the kinds of cases in the test files that are named for its rules."""
    found = {name: set() for name in TEMPLATES}
    for pack in packs.values():
        for rule in pack.rules:
            cases = pack.file.manifest.tests.get(f"tests/{rule.id}.toml", {}).get("case", ())
            found[rule.template.id] |= {case["kind"] for case in cases}
    return found


def test_every_pack_passes_its_own_tests(packs):
    for pack in packs.values():
        outcome = run_tests(pack.file.manifest.tests, Snapshot([pack]))
        assert outcome.is_good, [str(failure) for failure in outcome.failures]


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_every_template_has_cases_of_each_kind(packs, template):
    assert kinds_of(packs)[template] >= KINDS


def has_a_number(template):
    """Say whether a column of the template's rows holds a number: amounts, days, hours, times, years, ratios."""
    types = (field.type for field in msgspec.structs.fields(TEMPLATES[template].columns))
    return any({int, Decimal} & {type_, *get_args(type_)} for type_ in types)


@pytest.fixture(scope="module")
def boundary_sets(packs):
    """Template id to the sets of boundary cases of its rules' test files: pack, rule, the file's defaults, the cases."""
    found = {name: [] for name in TEMPLATES}
    for pack in packs.values():
        for rule in pack.rules:
            document = pack.file.manifest.tests.get(f"tests/{rule.id}.toml")
            if document is None:
                continue
            file = msgspec.convert(document, PackTestFile, strict=False)
            found[rule.template.id] += [(pack, rule, file.defaults, cases) for cases in boundaries.sets(file.case)]
    return found


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_every_template_has_the_day_before_the_day_and_the_day_after(boundary_sets, template):
    assert any(cases[0].boundary in boundaries.BY_DATE for *_, cases in boundary_sets[template])


@pytest.mark.parametrize(
    "template", sorted(name for name in TEMPLATES if has_a_number(name) or name in THRESHOLDS_IN_WORDS)
)
def test_every_template_with_a_threshold_has_one_under_it_at_it_and_one_over(boundary_sets, template):
    assert any(cases[0].boundary in boundaries.BY_NUMBER for *_, cases in boundary_sets[template])


def test_templates_without_a_number_are_those_that_compare_words_alone():
    without = {name for name in TEMPLATES if not has_a_number(name)} - THRESHOLDS_IN_WORDS.keys()
    assert without == {"T01", "T03", "T04", "T06", "T09", "T10", "T23", "T43"}


AGES = {"min_age", "max_age", "below_age"}
CALENDAR = {"单日", "自然日", "自然月", "自然季度", "自然年", "医保年度", "滚动"}
"""Windows with a first and a last day."""


def limits_of(params):
    """Return the limits that a row states: its columns with a number or an age, and its windows."""
    found = set()
    for field in msgspec.structs.fields(type(params)):
        value = getattr(params, field.name)
        if value in CALENDAR:
            found.add(f"{field.name} {value}")
        elif field.name in AGES or {int, Decimal} & {field.type, *get_args(field.type)}:
            found |= {field.name} if value not in ("", field.default) else set()
    return found


def test_every_limit_that_any_row_states_has_a_set_in_which_its_row_changes_its_answer(packs, boundary_sets):
    """Of T08 all alternatives of the text are asked: the finding carries the first of them."""
    name_of = {template.columns: name for name, template in TEMPLATES.items()}
    rows = {source.name: [row.params for row in check_pack(read_source(source)).rows] for source in PACKS.iterdir()}
    stated = {(name_of[type(row)], limit) for found in rows.values() for row in found for limit in limits_of(row)}
    shown = set()
    for template, found in boundary_sets.items():
        for pack, rule, defaults, cases in found:
            results = [evaluate(case_of_test(case, defaults), EMPTY, Snapshot([pack])) for case in cases]
            answers = [
                {finding.row.id: finding.row.params for finding in result.findings if finding.row.rule.id == rule.id}
                for result in results
            ]
            changed = set.union(*map(set, answers)) - set.intersection(*map(set, answers))
            assert changed, f"{rule.id}: no row of it answers otherwise in the set of `{cases[0].name}`"
            for params in [answer[row] for answer in answers for row in answer.keys() & changed]:
                asked = [params]
                if template == "T08":
                    of_text = (row for row in rows[pack.id] if isinstance(row, TEMPLATES["T08"].columns))
                    asked = [row for row in of_text if row.row_ref == params.row_ref]
                shown |= {(template, limit) for one in asked for limit in limits_of(one)}
    assert sorted(stated - shown) == []


def test_every_template_of_the_table_is_there_or_said_to_be_batch_only():
    wanted = {f"T{number:02}" for number in range(1, 46)}
    assert wanted - TEMPLATES.keys() == {"T44"}, (
        "T44 adds up months of a whole hospital: see docs/reference/templates.md"
    )


def test_75_of_the_88_are_decidable_13_are_batch_with_a_reason_and_none_is_silent(packs):
    covered = coverage([packs["nhsa"], packs["demo"]])
    assert len(covered) == 88
    batch = [one for one in covered if one.rule.decided_by == "batch"]
    assert len(batch) == 13
    assert all(one.rule.batch_reason for one in batch)
    assert [one.rule.name for one in covered if one.is_silent] == []
    assert sum(one.is_decided for one in covered if one.rule.decided_by != "batch") == 75


def test_every_rule_has_rows_of_its_own_or_demonstration_rows_that_say_so(packs):
    for one in coverage([packs["nhsa"], packs["demo"]]):
        if one.rule.decided_by == "batch":
            continue
        assert one.rows or one.demonstration_rows >= 2, one.rule.name
    for record in packs["demo"].file.all_rows():
        texts = " ".join(str(cell) for cell in record.cells)
        assert re.search("DEMO|演示", texts) or "DEMO" in record.id or "演示" in record.id, record.id


@pytest.mark.shared
def test_the_list_is_the_national_list():
    import csv

    path = ROOT.parent / "shared" / "data" / "nhsa" / "rules_88.tsv"
    if not path.is_file():
        pytest.skip("needs the reference data beside the checkout")
    with path.open(encoding="utf-8", newline="") as file:
        theirs = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    ours = national_rules()
    assert [(str(rule.number), rule.name) for rule in ours] == [(row["seq"], row["name"]) for row in theirs]
    for rule, row in zip(ours, theirs, strict=True):
        code = row["gz_code_v1"]
        assert rule.official_code == (code if code not in ("", "-") else f"NHSA2025-{rule.number}")
        assert (rule.decided_by == "batch") == (row["from_3101_alone"] == "B")


def test_rows_that_can_never_be_a_finding_are_counted_apart(packs):
    """Coverage printed 601 reminders like rows that find something, and did not say what rests on demonstration rows."""
    covered = coverage([packs["nhsa"], packs["demo"]])
    reminders = {one.rule.number: (one.rows, one.reminders) for one in covered if one.reminders}
    assert reminders == {5: (601, 601), 8: (510, 510), 15: (378, 378), 23: (11, 11), 29: (1, 1)}
    lines = list(coverage_lines(covered))
    assert "; 601 rows, all reminders (hints only); 2 demonstration; " in lines[4]
    counts = counts_of(covered)
    assert counts.published + counts.demonstration_only == counts.decided == 75
    assert (
        f"({counts.published} on published rows, {counts.reminders_only} of these on reminders only; "
        f"{counts.demonstration_only} on demonstration rows only)"
    ) in lines[-1]
    assert [one.rule.number for one in coverage([packs["demo"]]) if one.reminders or one.rows] == []


def test_some_rows_of_a_rule_that_are_reminders_are_said_so(packs):
    one = next(one for one in coverage([packs["nhsa"]]) if one.rule.number == 5)
    (line,) = list(coverage_lines([msgspec.structs.replace(one, reminders=600)]))[:1]
    assert "601 rows, of them 600 reminders (hints only)" in line
