"""The sheets of batches 1 to 8 into a pack without rows give the rows of the starter pack before the first revision."""

import csv
import shutil
import time
from collections import Counter
from datetime import date

import pytest

from ruleset.pack.cases import run_tests
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.pack.source import read_source
from ruleset.snapshot import Snapshot
from server.importer.national import plan_import
from tests.importer.importing import ONE_SHEET, rows_of, texts
from tests.importer.spreadsheets import write_workbook
from tests.pack.conftest import SHARED_DATA, STARTER
from tests.pack.test_starter_pack import RULES_OF_FILE

pytestmark = pytest.mark.shared

REVISION = "2026-01-28"
FILES = (
    "sex",
    "child_only",
    "child_limited",
    "surgery_discount",
    "insurance",
    "care_mode",
    "facility_level",
    "course_days",
    "mutually_exclusive",
    "max_per_day",
    "max_per_period",
)
ANNOUNCED = {1: 11_290, 2: 378, 3: 112, 4: 736, 5: 962, 6: 1_147, 7: 900, 8: 67 + 14 + 11 + 1}
"""Rows of each batch, as announced."""
SHEET_SAYS_OTHERWISE = {"003106070030000": ("儿童", "婴幼儿")}
"""The one cell in which the sheets at hand and the starter data differ: 限定对象 of 婴儿氧舱治疗 (data, sheet). Which of
the three words stands there decides nothing."""
IMPORT_MAX_S = 10.0
SHEETS = SHARED_DATA / "sheets"


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A pack with the starter's rules and no row."""
    root = tmp_path_factory.mktemp("national") / "pack"
    shutil.copytree(STARTER / "rules", root / "rules")
    shutil.copy(STARTER / "pack.toml", root)
    return root


@pytest.fixture(scope="module")
def imported(empty):
    """The pack with the sheets in it, and what the import said."""
    plan = plan_import([SHEETS], empty)
    plan.write()
    return empty, plan


def files_of(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def published_before_revision(name):
    """The rows of a data file that were in force before the revision, less their ends."""
    with (SHARED_DATA / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    kept = [row for row in rows if row["valid_from"] < REVISION and row["valid_to"] in ("", REVISION)]
    for row in kept:
        del row["valid_to"]
        data, sheet = SHEET_SAYS_OTHERWISE.get(row.get("item_code", ""), ("", ""))
        if "object" in row and data:
            assert row["object"] == data
            row["object"] = sheet
    return kept


@pytest.mark.parametrize("name", FILES)
def test_the_rows_of_the_starter_pack(imported, name):
    pack, _ = imported
    expected = published_before_revision(name)
    rules = read_source(pack).rules
    found = []
    for rule_id in RULES_OF_FILE[name]:
        for row in rows_of(pack, rule_id):
            assert not row["valid_to"]
            cells = {**{key: str(value) for key, value in rules[rule_id].constants.items()}, **row}
            found.append({column: cells.get(column, "") for column in expected[0]})
    as_counts = [Counter(tuple(sorted(row.items())) for row in rows) for rows in (expected, found)]
    assert as_counts[0] == as_counts[1]
    assert len(found) == len(expected)


def test_the_texts_of_batch_8(imported):
    pack, _ = imported
    with (SHARED_DATA / "text_only.csv").open(encoding="utf-8-sig", newline="") as file:
        expected = {(row["rule_name"], row["item_codes"]) for row in csv.DictReader(file) if not row["published"]}
    titles = {rule_id: rule.title for rule_id, rule in read_source(pack).rules.items()}
    found = [
        (titles[rule_id], row["item_codes"])
        for rule_id in ("service-age-text", "service-course-text")
        for row in rows_of(pack, rule_id)
    ]
    assert len(found) == len(expected) == 12
    assert set(found) == expected


def test_as_many_rows_as_were_announced(imported):
    pack, plan = imported
    assert sum(plan.published.values()) == sum(ANNOUNCED.values())
    by_day = Counter(change.day for change in plan.changes if change.what == "added")
    assert sorted(by_day.values()) == sorted(ANNOUNCED.values())
    assert {change.what for change in plan.changes} == {"added", "raw"}, "every certain expansion was published itself"
    assert {row["mode"] for row in rows_of(pack, "drug-indication-text")} == {"off"}


def test_footnotes_and_decisions_are_reported(imported):
    _, plan = imported
    footnotes = texts(plan.remarks.footnotes)
    assert [text.split(": ", 1)[0].rsplit("]", 1)[1] for text in footnotes] == [":69:1", ":70:1"]
    assert all("限定频次" in text for text in footnotes)
    assert not plan.remarks.not_understood
    notes = texts(plan.remarks.notes)
    decided = [text for text in notes if "the text decides" in text]
    assert [text.split("column says ")[1].split(":")[0] for text in decided] == [
        "15, the text 14",
        "365, the text 360",
        "住院, the text 急诊|住院",
    ]


def test_every_row_has_its_text_and_its_place(imported):
    pack, _ = imported
    rows = rows_of(pack, "drug-facility-level")
    assert all(row["basis_text"] and row["basis_id"] and row["source"] for row in rows)
    assert all("二级" in row["basis_text"] or "三级" in row["basis_text"] for row in rows)


def test_a_second_import_changes_no_byte(imported):
    pack, _ = imported
    before = files_of(pack)
    plan = plan_import([SHEETS], pack)
    plan.write()
    assert not plan.files
    assert not plan.changes
    assert files_of(pack) == before


def test_the_names_of_the_files_do_not_matter(imported, tmp_path):
    pack, _ = imported
    shutil.copytree(pack / "rules", tmp_path / "other" / "rules")
    shutil.copy(pack / "pack.toml", tmp_path / "other")
    paths = sorted(SHEETS.glob("*.xlsx"))
    for path, other in zip(paths, paths[1:] + paths[:1], strict=True):
        shutil.copy(path, tmp_path / other.name)
    plan = plan_import([tmp_path], tmp_path / "other")
    plan.write()
    for rule_id in plan.published:
        columns = [column for column in rows_of(pack, rule_id)[0] if column != "source"]
        here, there = (
            Counter(tuple(row[column] for column in columns) for row in rows_of(root, rule_id))
            for root in (pack, tmp_path / "other")
        )
        assert here == there, rule_id


def test_into_the_starter_pack_it_brings_the_texts_and_its_tests_still_pass(tmp_path):
    root = shutil.copytree(STARTER, tmp_path / "nhsa")
    began = time.process_time()
    plan = plan_import([SHEETS], root)
    plan.write()
    assert time.process_time() - began < IMPORT_MAX_S
    assert {change.what for change in plan.changes} == {"completed", "raw"}
    assert sum(change.what == "completed" for change in plan.changes) == sum(ANNOUNCED.values()) - len(
        SHEET_SAYS_OTHERWISE
    )
    compile_pack(root, tmp_path / "nhsa.pack")
    pack = LoadedPack(PackFile(tmp_path / "nhsa.pack"))
    outcome = run_tests(pack.file.manifest.tests, Snapshot([pack]))
    assert not outcome.failures
    assert outcome.passed


REVISED_RULES = {
    "facility_level": ("限定机构等级", "min_level"),
    "care_mode": ("限定就医方式", "allowed_modes"),
    "course_days": ("限定支付疗程", "max_days"),
    "sex": ("限定性别对象", "sex"),
}


def in_force_after_revision(rows, column):
    """Item codes of drugs with their parameter, on the day of the revision."""
    return {
        (row["item_code"], row[column])
        for row in rows
        if row["item_code"][0] in "XZ" and row["valid_from"] <= REVISION < (row["valid_to"] or "9999")
    }


def test_the_revision_of_2026_gives_the_rows_that_were_in_force_after_it(imported, tmp_path):
    pack, _ = imported
    root = shutil.copytree(pack, tmp_path / "pack")
    expected, sheets = {}, {}
    for name, (kind, column) in REVISED_RULES.items():
        with (SHARED_DATA / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
            expected[name] = in_force_after_revision(csv.DictReader(file), column)
        sheets[name] = [ONE_SHEET, *(["某药", code, "", kind, value] for code, value in sorted(expected[name]))]
    path = write_workbook(tmp_path / "revised.xlsx", sheets)
    plan_import([path], root, date.fromisoformat(REVISION), is_revision=True).write()
    for name, (_, column) in REVISED_RULES.items():
        assert in_force_after_revision(rows_of(root, RULES_OF_FILE[name][0]), column) == expected[name]
    assert not plan_import([path], root, date.fromisoformat(REVISION), is_revision=True).files
