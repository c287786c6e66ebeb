"""The starter pack: it compiles, its own tests pass and cover every rule, and it is the published rows without the prose."""

import csv
import tomllib
from collections import Counter
from datetime import date

import msgspec
import pytest

from ruleset.pack.cases import TestFile as PackTestFile
from ruleset.pack.cases import run_tests
from tests.pack.conftest import STARTER

IN_FORCE_ON = date(2026, 7, 6)
PROSE_RUN_CHARS = 12
NEVER_TRUE = ("T08", "T34", "T37")
"""Templates that only ever remind: no row of theirs can violate."""

RULES_OF_FILE = {
    "sex": ("drug-sex", "service-sex"),
    "child_only": ("drug-child-only", "service-child-only"),
    "child_limited": ("drug-child-limited",),
    "surgery_discount": ("surgery-discount",),
    "insurance": ("drug-work-injury", "drug-maternity"),
    "care_mode": ("drug-care-mode",),
    "facility_level": ("drug-facility-level",),
    "course_days": ("drug-course-days",),
    "mutually_exclusive": ("service-exclusive",),
    "max_per_day": ("service-per-day",),
    "max_per_period": ("service-per-period",),
    "second_line": ("drug-second-line",),
    "internet_forbidden": ("internet-forbidden",),
    "herb_never_paid": ("herb-never-paid",),
    "herb_not_paid_alone": ("herb-not-paid-alone",),
    "herb_incompatible": ("herb-pair",),
}
IN_FORCE_AND_ALL = {
    "sex": (6_964, 9_420),
    "child_only": (4_465, 6_457),
    "child_limited": (37, 65),
    "surgery_discount": (378, 378),
    "insurance": (124, 236),
    "care_mode": (775, 1_511),
    "facility_level": (975, 1_937),
    "course_days": (1_170, 2_317),
    "mutually_exclusive": (900, 900),
    "max_per_day": (67, 67),
    "max_per_period": (14, 14),
    "second_line": (601, 601),
    "internet_forbidden": (232, 232),
    "herb_never_paid": (37, 37),
    "herb_not_paid_alone": (116, 116),
    "herb_incompatible": (552, 552),
}
"""As the README of the data says."""
TEXT_RULES = {
    "药品限适应症": "drug-indication-text",
    "医疗服务项目限支付疗程": "service-course-text",
    "医疗服务项目限年龄": "service-age-text",
}
TEXT_WITHOUT_DATE_SINCE = "2026-01-06"


def rules():
    return {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8"))
        for path in sorted((STARTER / "rules").glob("*.toml"))
    }


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def starter_rows(rule_id):
    """The rows of a rule with the constants of the rule in them, as the data files write them."""
    constants = rules()[rule_id].get("constants", {})
    return [{**constants, **row} for row in rows_of(STARTER / "rows" / f"{rule_id}.csv")]


def rules_with_rows():
    """The rules of which the authority published codes; the others wait for rows (demonstrated in the demo pack)."""
    return [rule_id for rule_id in sorted(rules()) if rows_of(STARTER / "rows" / f"{rule_id}.csv")]


def in_force(row):
    return (not row["valid_from"] or date.fromisoformat(row["valid_from"]) <= IN_FORCE_ON) and (
        not row["valid_to"] or date.fromisoformat(row["valid_to"]) > IN_FORCE_ON
    )


def cases_of(rule_id):
    document = tomllib.loads((STARTER / "tests" / f"{rule_id}.toml").read_text(encoding="utf-8"))
    return msgspec.convert(document, PackTestFile, strict=False).case


def test_its_own_tests_pass(starter, starter_file):
    outcome = run_tests(starter_file.manifest.tests, starter)
    assert not outcome.failures, "\n".join(str(failure) for failure in outcome.failures)
    assert outcome.passed >= 400


@pytest.mark.parametrize("rule_id", rules_with_rows())
def test_every_rule_is_tested_from_all_sides(rule_id):
    template = rules()[rule_id]["template"]
    needed = {"compliant", "unknown", "exempt", "validity"}
    if template not in NEVER_TRUE:
        needed.add("violating")
    if template in ("T02", "T07", "T31", "T32", "T34", "T35", "T37"):
        needed.add("boundary")
    cases = cases_of(rule_id)
    assert needed <= {case.kind for case in cases}
    for case in cases:
        if case.kind == "violating":
            assert rule_id in {finding.rule for finding in case.findings}, case.name
        if case.kind == "unknown":
            assert case.hints or case.not_evaluated, case.name


@pytest.mark.parametrize("rule_id", rules_with_rows())
def test_both_sides_of_every_day_on_which_a_rule_changes(rule_id):
    """The day before a row comes into force or goes, and that day itself, each stand in some validity case."""
    days = {
        date.fromisoformat(row[column])
        for row in starter_rows(rule_id)
        for column in ("valid_from", "valid_to")
        if row[column]
    }
    tested = set()
    for case in cases_of(rule_id):
        if case.kind == "validity":
            times = [case.time, *(line.get("begin") for line in case.lines)]
            tested |= {time.date() for time in times if time is not None}
    one_day = date.resolution
    for day in days:
        assert {day - one_day, day} <= tested, day


def test_a_case_name_stands_once_in_its_file():
    for rule_id in rules_with_rows():
        twice = [name for name, count in Counter(case.name for case in cases_of(rule_id)).items() if count > 1]
        assert not twice, (rule_id, twice)


def test_every_rule_cites_says_why_and_offers_a_way_out():
    for rule_id, rule in rules().items():
        assert rule["remedies"], rule_id
        assert rule["message"].endswith("。"), rule_id
        for citation in rule["citations"]:
            assert citation["document"], rule_id
            assert citation["batch"], rule_id  # the batch, or the rule's place in the list of 88


def test_actions_stay_within_what_a_rule_of_its_kind_may_do():
    for rule_id, rule in rules().items():
        actions = {rule["action"], *rule.get("action_at", {}).values()}
        if rule["kind"] == "legal":
            assert rule_id == "internet-forbidden" or "BLOCK" not in actions, rule_id
        elif rule["kind"] == "payment":
            assert actions <= {"HINT", "WARN", "WARN_REASON"}, rule_id
        else:
            assert actions <= {"HINT", "WARN", "WARN_REASON", "REVIEW"}, rule_id


@pytest.mark.parametrize("name", sorted(IN_FORCE_AND_ALL))
def test_rows_in_force(name):
    rows = [row for rule_id in RULES_OF_FILE[name] for row in starter_rows(rule_id)]
    assert (sum(map(in_force, rows)), len(rows)) == IN_FORCE_AND_ALL[name]


def test_rows_come_from_nowhere_else():
    known = {rule_id for rule_ids in RULES_OF_FILE.values() for rule_id in rule_ids} | set(TEXT_RULES.values())
    assert set(rules_with_rows()) == known


@pytest.mark.shared
@pytest.mark.parametrize("name", sorted(RULES_OF_FILE))
def test_rows_are_the_published_ones(name, shared_data):
    """Every cell of every row, in the file's order; two rules of one file share it out without overlap."""
    published = rows_of(shared_data / f"{name}.csv")
    columns = published[0].keys()
    ours = [row for rule_id in RULES_OF_FILE[name] for row in starter_rows(rule_id)]
    ours = [tuple(row[column] for column in columns) for row in ours]
    assert Counter(ours) == Counter(tuple(row.values()) for row in published)
    for rule_id in RULES_OF_FILE[name]:
        kept = [tuple(row[column] for column in columns) for row in starter_rows(rule_id)]
        wanted = set(kept)
        assert kept == [tuple(row.values()) for row in published if tuple(row.values()) in wanted], rule_id


@pytest.mark.shared
def test_text_rows_are_the_published_ones_without_their_text(shared_data):
    published = rows_of(shared_data / "text_only.csv")
    for rule_name, rule_id in TEXT_RULES.items():
        assert starter_rows(rule_id) == [
            {
                "row_ref": row["row_ref"],
                "item_name": row["item_name"],
                "item_codes": "|".join(row["item_codes"].split()),
                "valid_from": row["published"] or TEXT_WITHOUT_DATE_SINCE,
                "valid_to": "",
            }
            for row in published
            if row["rule_name"] == rule_name
        ]
    assert {row["rule_name"] for row in published} - TEXT_RULES.keys() == {"药品限二线使用"}


@pytest.mark.shared
def test_codes_and_titles_are_those_of_the_list_of_88(shared_data):
    with (shared_data / "rules_88.tsv").open(encoding="utf-8", newline="") as file:
        listed = {
            row["gz_code_v1"] if row["gz_code_v1"] != "-" else f"NHSA2025-{row['seq']}": row["name"]
            for row in csv.DictReader(file, delimiter="\t")
        }
    for rule_id, rule in rules().items():
        assert listed[rule["official_code"]] == rule["title"], rule_id


@pytest.mark.shared
def test_no_published_prose_is_in_the_pack(shared_data):
    prose = [row["official_text"] for row in rows_of(shared_data / "text_only.csv")]
    with (shared_data / "rules_88.tsv").open(encoding="utf-8", newline="") as file:
        prose += [row["definition_v1"] for row in csv.DictReader(file, delimiter="\t")]
    runs = {text[i : i + PROSE_RUN_CHARS] for text in prose for i in range(len(text) - PROSE_RUN_CHARS + 1)}
    names = {row["item_name"] for rule_id in rules() for row in starter_rows(rule_id) if "item_name" in row}
    names |= {rule["title"] for rule in rules().values()}
    quotable = {run for run in runs if any(run in name for name in names)}
    for path in sorted(STARTER.rglob("*")):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            windows = {text[i : i + PROSE_RUN_CHARS] for i in range(len(text) - PROSE_RUN_CHARS + 1)}
            quoted = (windows & runs) - quotable  # a name that the prose mentions is a fact, not prose
            assert not quoted, (path.name, sorted(quoted)[:3])
