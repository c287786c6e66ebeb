"""T08: which alternatives of a published text speak of a line, and which of them says so."""

import csv
import shutil
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ruleset.case import Case, Diagnosis, Encounter, Line, Patient, Site
from ruleset.evaluator import evaluate
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot
from ruleset.timeline import EMPTY
from ruleset.trace import explain

DEMO = Path(__file__).resolve().parents[2] / "ruleset" / "packs" / "demo"
ROWS = Path("rows") / "drug-indication.csv"
TEXT = "DEMO-KP-1"
DIABETES = Diagnosis("XDEMO.E11.9", "演示2型糖尿病")
CORONARY = Diagnosis("XDEMO.I25.1", "演示冠心病")


@pytest.fixture
def pack_with(tmp_path):
    """Return the demonstration pack whose alternatives of one text, 1 and 2, state these columns too."""

    def build(first, second, rule_of_second="drug-indication"):
        root = tmp_path / "demo"
        shutil.copytree(DEMO, root, ignore=shutil.ignore_patterns("tests"))
        shutil.copytree(DEMO.with_name("nhsa"), tmp_path / "nhsa", ignore=shutil.ignore_patterns("rows", "tests"))
        with (root / ROWS).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        extra = dict.fromkeys((*first, *second), "")
        changed = [
            {**row, **extra, **({"1": first, "2": second}[row["alternative"]] if row["row_ref"] == TEXT else {})}
            for row in rows
        ]
        for rule_id in {"drug-indication", rule_of_second}:
            mine = [
                row
                for row in changed
                if rule_id
                == (rule_of_second if (row["row_ref"], row["alternative"]) == (TEXT, "2") else "drug-indication")
            ]
            with (root / "rows" / f"{rule_id}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(changed[0]))
                writer.writeheader()
                writer.writerows(mine)
        target = tmp_path / "demo.pack"
        compile_pack(root, target)
        return Snapshot([LoadedPack(PackFile(target))])

    return build


def case_of(level="secondary", diagnoses=(DIABETES,), **line):
    begin = datetime(2026, 7, 6, 9)
    item = {"order_id": "1", "item_code": "XDEMO-INDICATION-1", "item_name": "演示降糖注射液", "item_kind": "drug"}
    return Case(
        time=begin,
        lines=(Line(**item, **{"encounter_id": "E", "begin": begin, "quantity": Decimal(1), **line}),),
        patient=Patient(id="P", sex="male", birth_date=date(1976, 3, 1)),
        encounter=Encounter(id="E", payer="employee", facility_level=level, diagnoses=diagnoses),
        site=Site(complete_feeds=frozenset(["diagnoses", "observations", "history"])),
    )


def found(case, snapshot):
    result = evaluate(case, EMPTY, snapshot)
    return [finding.row.id for finding in result.findings if TEXT in finding.row.id], [
        (hint.row.id, [missing.fact for missing in hint.missing]) for hint in result.hints if TEXT in hint.row.id
    ]


TERTIARY = {"scope_facility_levels": "三级"}


def test_an_alternative_out_of_scope_does_not_silence_the_others(pack_with):
    rows, hints = found(case_of(), pack_with(TERTIARY, {}))
    assert (len(rows), hints) == (1, [])
    assert "#2" in rows[0]


def test_in_scope_the_first_alternative_speaks_for_all(pack_with):
    rows, hints = found(case_of("tertiary"), pack_with(TERTIARY, {}))
    assert (len(rows), hints) == (1, [])
    assert "#1" in rows[0]


def test_an_alternative_out_of_scope_is_not_enough(pack_with):
    snapshot = pack_with(TERTIARY, {})
    met = (DIABETES, CORONARY)
    assert found(case_of("tertiary", met), snapshot) == ([], [])
    rows, _ = found(case_of("secondary", met), snapshot)
    assert len(rows) == 1


def test_an_alternative_that_may_be_out_of_scope_and_holds_is_unknown(pack_with):
    rows, hints = found(case_of(None, (DIABETES, CORONARY)), pack_with(TERTIARY, {}))
    assert rows == []
    assert [facts for _, facts in hints] == [["facility_level"]]


def test_where_no_alternative_applies_nothing_is_said(pack_with):
    assert found(case_of(), pack_with(TERTIARY, TERTIARY)) == ([], [])


def test_one_row_ref_in_two_rules_is_two_texts(pack_with):
    rows, _ = found(case_of(diagnoses=(DIABETES, CORONARY)), pack_with({}, {}, "service-indication"))
    assert len(rows) == 1
    assert "#2" in rows[0]


def test_a_payment_row_says_nothing_of_a_self_paid_line(pack_with):
    assert found(case_of(self_pay=True), pack_with({}, {})) == ([], [])


def test_an_explanation_says_the_same_of_alternatives_out_of_scope(pack_with):
    snapshot = pack_with(TERTIARY, {})
    explained = explain(case_of(), EMPTY, snapshot).result
    assert [finding.row.id for finding in explained.findings if TEXT in finding.row.id] == found(case_of(), snapshot)[0]
    assert "rule_failed" not in {gap.reason for gap in explained.not_evaluated}
