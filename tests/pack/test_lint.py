"""Planted mistakes that compile: the linter tells each of them, where it stands, and nothing of our own packs."""

import shutil

import pytest

from ruleset.pack.check import UNINDEXED_ROWS_MAX, check_pack
from ruleset.pack.diagnostics import PackError
from ruleset.pack.lint import CHECKS, Known, lint
from ruleset.pack.lint.work import Work
from ruleset.pack.source import read_source
from server.cli.main import main
from tests.pack.conftest import CHECKOUT

OUR_PACKS = CHECKOUT / "ruleset" / "packs"
SAMPLES = CHECKOUT / "docs" / "samples"
RULE = """\
template = "{template}"
title = "规则"
official_code = ""
kind = "safety"
action = "WARN"
message = "“{{item}}”须核对。"
remedies = ["核对病历"]
{more}
[[citations]]
document = "规则库"
"""
TESTS = "".join(
    f'[[case]]\nname = "{kind}"\nkind = "{kind}"\n'
    for kind in ("violating", "compliant", "unknown", "exempt", "boundary")
)


def pack_of(root, template, rows, more="", lists=None):
    """Write a pack with one rule, `r`, and return what stands in it."""
    files = {
        "pack.toml": 'id = "small"\nrevision = 1\ntitle = "小规则包"\n',
        "rules/r.toml": RULE.format(template=template, more=more),
        "rows/r.csv": rows,
        "tests/r.toml": TESTS,
        **{f"lists/{name}.csv": text for name, text in (lists or {}).items()},
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def findings(root, known=None):
    return lint(check_pack(read_source(root)), known or Known())


SEX = "item_code,item_name,sex,valid_from,valid_to\nX1,甲药,女,2025-05-23,\n"
WARFARIN = {"抗凝药": "ingredient,name\n华法林,\n", "溶媒": "ingredient,name\n氯化钠,\n"}

MISTAKES = {
    "nobody is as old and as young": (
        ("T06", "item_code,item_name,sex,scope_min_age,scope_below_age\nX1,甲药,女,18岁,12月\n"),
        ("rows/r.csv", 2, 5, "nobody is 18岁 or older and younger than 12月", ""),
    ),
    "a scope of pregnant men": (
        ("T06", SEX, '[scope]\nsex = "男"\npregnant = "是"\n'),
        ("rules/r.toml", 10, "pregnant", "for men who are pregnant", ""),
    ),
    "a care mode that is not of the scene": (
        ("T06", "item_code,item_name,sex,scope_scenes,scope_care_modes\nX1,甲药,女,住院,门诊|急诊\n"),
        ("rows/r.csv", 2, 5, "no 门诊、急诊 is 住院", ""),
    ),
    "a condition about lines of a rule about encounters": (
        ("T06", "diagnoses,sex,scope_discharge_medication\nC61,男,是\n"),
        ("rows/r.csv", 2, 3, "asks about an order line", ""),
    ),
    "an exemption that covers the scope": (
        ("T06", "item_code,item_name,sex,exempt_diagnoses\nX1,甲药,女,C5\n", '[scope]\ndiagnoses = ["C50", "C53"]\n'),
        ("rows/r.csv", 2, 4, "the exemption `diagnoses` spares the whole scope", ""),
    ),
    "an exemption of everybody": (
        ("T06", "item_code,item_name,sex,exempt_min_age\nX1,甲药,女,0岁\n"),
        ("rows/r.csv", 2, 4, "the exemption `min_age` spares the whole scope", ""),
    ),
    "payers that are all exempt": (
        ("T06", SEX, 'exempt_payers = ["resident"]\n[scope]\ninsurance = ["居民"]\n'),
        ("rules/r.toml", 8, "exempt_payers", "every payer in the scope is exempt", ""),
    ),
    "a limit that everybody in the scope keeps": (
        ("T06", "item_code,item_name,sex,scope_sex\nX1,甲药,女,女\n"),
        ("rows/r.csv", 2, 1, "the row never fires", ""),
    ),
    "an age limit that the scope keeps": (
        ("T07", "item_code,item_name,min_age_years,scope_min_age\nX1,甲药,18,18岁\n"),
        ("rows/r.csv", 2, 1, "the row never fires", ""),
    ),
    "a dose for an age outside of the scope": (
        ("T15", "ingredient,max_dose,unit,min_age,scope_below_age\n甲硝唑,500,mg,12岁,144月\n"),
        ("rows/r.csv", 2, 1, "the row never fires", ""),
    ),
    "an expression of which two parts exclude each other": (
        ("T45", "name,expression\n甲,patient.age_years >= 65 && line.days > 7 && patient.age_years < 60\n"),
        (
            "rows/r.csv",
            2,
            2,
            "the expression is never true: `patient.age_years >= 65` and `patient.age_years < 60` exclude each other",
            "",
        ),
    ),
    "a class that nothing has": (
        ("T06", "drug_class,sex\n青霉素,女\n", "", {"青霉素类": "drug_class,name\nJ01C,\n"}),
        ("rows/r.csv", 2, 1, "`青霉素` is no ATC code and no list", "did you mean `青霉素类`?"),
    ),
    "an item code that lost its leading zeros": (
        ("T06", "item_code,item_name,sex\n3404000010000,甲,女\n"),
        ("rows/r.csv", 2, 1, "13 digits where a service has 15", ""),
    ),
    "an item code that a spreadsheet took for a number": (
        ("T06", "item_code,item_name,sex\n3.40E+14,甲,女\n"),
        ("rows/r.csv", 2, 1, "what a spreadsheet makes of a long number", ""),
    ),
    "an item code with a blank": (
        ("T06", "item_code,item_name,sex\nXN02ABF027 V002010101389,甲,女\n"),
        ("rows/r.csv", 2, 1, "has blanks in it", ""),
    ),
    "a drug code that was cut": (
        ("T06", "item_code,item_name,sex\nXN02ABF027V00201010138,甲,女\n"),
        ("rows/r.csv", 2, 1, "22 characters where a drug has 20 or 23", ""),
    ),
    "an item code of a list with small letters": (
        ("T06", "drug_class,sex\n镇痛药,女\n", "", {"镇痛药": "item_code,name\nxn02abf027v002010101389,\n"}),
        ("lists/镇痛药.csv", 2, 1, "has small letters in it", ""),
    ),
    "a group with one member": (
        ("T37", "item_code,item_name,surgery_group,ratio\nS1,甲术,一,0.5\nS2,乙术,一,0.5\nS3,丙术,二,0.5\n"),
        ("rows/r.csv", 4, 3, "group `二` has no other member", ""),
    ),
    "rows that differ for people only": (
        ("T06", SEX + "X1,甲药片,女,2026-01-01,\n"),
        ("rows/r.csv", 3, 2, "says the same as line 2: they differ in `item_name` only", ""),
    ),
    "a row that a wider one covers": (
        ("T06", "item_code,item_name,drug_class,sex\n,,N02A,女\nXN02ABF027V002010101389,甲,,女\n"),
        ("rows/r.csv", 3, 1, "line 2 says all of this already", ""),
    ),
    "a member of a list that has a row of its own": (
        ("T06", "ingredient,drug_class,sex,scope_sex\n华法林,,女,男\n,抗凝药,女,\n", "", WARFARIN),
        ("rows/r.csv", 2, 1, "line 3 says all of this already", ""),
    ),
    "rows that contradict each other": (
        ("T06", SEX + "X1,甲药,男,2026-01-01,\n"),
        ("rows/r.csv", 3, 3, "contradicts line 2: of one key and scope on the same days, other `sex`", "valid_to"),
    ),
    "rows of one key with different actions": (
        ("T06", "row_id,item_code,item_name,sex,action,scope_sex\na,X1,甲,女,,男\nb,X1,甲片,女,HINT,男\n"),
        ("rows/r.csv", 3, 5, "with another action", ""),
    ),
    "a unit that nobody knows": (
        (
            "T08",
            "row_ref,item_name,item_codes,evidence_names,evidence_comparison,evidence_value,evidence_unit\n一,甲,X1,血钾,<,3,mmoll\n",
        ),
        ("rows/r.csv", 2, 7, "`mmoll` is no known unit", "did you mean `mmol`?"),
    ),
    "a route in another word": (
        ("T15", "ingredient,routes,max_dose,unit\n甲硝唑,静脉滴注射,500,mg\n"),
        ("rows/r.csv", 2, 2, "`静脉滴注射` is no standard word for a route", "did you mean `静脉滴注`?"),
    ),
    "a diagnosis by its name": (
        ("T06", "diagnoses,sex\n前列腺增生,男\n"),
        ("rows/r.csv", 2, 1, "is a name where a prefix of ICD-10 codes is expected", ""),
    ),
    "a diagnosis with a letter for a digit": (
        ("T06", "diagnoses,sex\nN4O,男\n"),
        ("rows/r.csv", 2, 1, "`N4O` begins no ICD-10 code", ""),
    ),
    "an operation with too many digits": (
        ("T06", "operations,sex\n68.39000,女\n"),
        ("rows/r.csv", 2, 1, "`68.39000` begins no ICD-9-CM-3 code", ""),
    ),
    "a region that is none": (
        ("T06", SEX, '[scope]\nregions = ["990000"]\n'),
        ("rules/r.toml", 9, "regions", "`990000` is no administrative division", ""),
    ),
    "a department by its name": (
        ("T04", "item_code,item_name,departments,kind\nX1,甲,骨科,限\n"),
        ("rows/r.csv", 2, 3, "`骨科` is no standard department code", ""),
    ),
    "a title that nobody has": (
        ("T06", "item_code,item_name,sex,scope_titles\nX1,甲药,女,主治医生\n"),
        ("rows/r.csv", 2, 4, "`主治医生` is no title", "did you mean `主治医师`?"),
    ),
    "a privilege that is misspelt": (
        ("T05", "drug_class,state,privileges\nN02A,无处方权,narcotics\n"),
        ("rows/r.csv", 2, 3, "`narcotics` is no privilege", "did you mean `narcotic`?"),
    ),
    "a mark of a patient that is misspelt": (
        ("T06", SEX, '[exempt]\nflags = ["cancer-pain"]\n'),
        ("rules/r.toml", 9, "flags", "`cancer-pain` is no mark of a patient", "did you mean `cancer_pain`?"),
    ),
    "an ingredient with its salt": (
        ("T06", "ingredient,sex\n盐酸曲马多,女\n"),
        ("rows/r.csv", 2, 1, "ingredients are named `曲马多`", ""),
    ),
    "an ingredient of a list with its form": (
        ("T06", "drug_class,sex\n抗凝药,女\n", "", {"抗凝药": "ingredient,name\n华法林钠片,\n"}),
        ("lists/抗凝药.csv", 2, 1, "ingredients are named `华法林`", ""),
    ),
    "a list in a list": (
        ("T06", "drug_class,sex\n止血药,女\n", "", {**WARFARIN, "止血药": "drug_class,name\n抗凝药,\n"}),
        ("lists/止血药.csv", 2, 1, "`抗凝药` is a list: a list has none in it", ""),
    ),
    "a class that reaches beyond its list": (
        (
            "T06",
            "drug_class,sex,within_list\nN02A,女,目录\n",
            "",
            {"目录": "drug_class,name\nN02AA,\n", "其他": "item_code,name\nXN02ABF027V002010101389,\n"},
        ),
        ("rows/r.csv", 2, 1, "`N02A` reaches beyond list `目录`: `XN02ABF027V002010101389`", ""),
    ),
    "a diagnosis prefix that reaches beyond its list": (
        (
            "T06",
            "diagnoses,sex,within_list\nN4,男,病种\n",
            "",
            {"病种": "diagnosis,name\nN40,\n", "其他病种": "diagnosis,name\nN40.1,\nN43.3,\n"},
        ),
        ("rows/r.csv", 2, 1, "`N4` reaches beyond list `病种`: `N433`", ""),
    ),
    "a `within_list` that is not there": (
        ("T06", "drug_class,sex,within_list\nN02A,女,目录表\n", "", {"目录": "drug_class,name\nN02AA,\n"}),
        ("rows/r.csv", 2, 3, "`within_list` `目录表` is no list", "did you mean `目录`?"),
    ),
    "a pair in both directions": (
        ("T21", "grade,ingredient_a,ingredient_b\n禁忌,华法林,布洛芬\n严重,布洛芬,华法林\n"),
        ("rows/r.csv", 3, 2, "is the pair of line 2 in the other direction", ""),
    ),
    "a pair of herbs in both directions under another name": (
        ("T23", "herb_a,aliases_a,herb_b\n甘草,,甘遂\n甘遂,醋甘遂,甘草\n"),
        ("rows/r.csv", 3, 1, "is the pair of line 2 in the other direction", ""),
    ),
    "a charge that excludes and is excluded": (
        (
            "T35",
            "main_code,main_name,sub_code,sub_name,window\nS1,甲,S2,乙,单日\nS2,乙,S1,甲,单日\n",
        ),
        ("rows/r.csv", 3, 1, "is the pair of line 2 in the other direction", ""),
    ),
    "a drug that is incompatible with itself": (
        ("T22", "ingredient,check,other_ingredient\n头孢曲松,配伍,头孢曲松\n"),
        ("rows/r.csv", 2, 3, "`头孢曲松` is paired with itself", ""),
    ),
    "a successor of nothing": (
        ("T06", "row_id,item_code,item_name,sex,supersedes\nnew,X1,甲,女,olt\nold,X2,甲,女,\n"),
        ("rows/r.csv", 2, 5, "`supersedes` names `olt`, which is no row", "did you mean `old`?"),
    ),
    "a successor of what goes on": (
        (
            "T06",
            "row_id,item_code,item_name,sex,valid_from,supersedes\nold,X1,甲,女,2025-01-01,\nnew,X2,甲,女,2026-01-01,old\n",
        ),
        ("rows/r.csv", 3, 6, "`old` (line 2) is still in force", "end it with `valid_to` 2026-01-01"),
    ),
    "a row older than every citation": (
        ("T06", SEX, "", None, "published = 2026-01-28\nvalid_from = 2026-01-28\n"),
        ("rows/r.csv", 2, 4, "in force before 2026-01-28", ""),
    ),
    "members of a group that never meet": (
        (
            "T37",
            "item_code,item_name,surgery_group,ratio,valid_from,valid_to\nS1,甲术,一,0.5,,2025-01-01\nS2,乙术,一,0.5,,\nS3,丙术,一,0.5,2025-01-01,\n",
        ),
        None,
    ),
    "a member that came when the others had gone": (
        (
            "T37",
            "item_code,item_name,surgery_group,ratio,valid_from,valid_to\nS1,甲术,一,0.5,,2025-01-01\nS2,乙术,一,0.5,,2025-01-01\nS3,丙术,一,0.5,2025-01-01,\n",
        ),
        ("rows/r.csv", 4, 5, "no other member of group `一` is in force", ""),
    ),
    "a citation without a document": (
        ("T06", SEX, "", None, "", 'document = " "'),
        ("rules/r.toml", 10, "document", "`document` is empty", ""),
    ),
    "a revision without its day of publication": (
        ("T06", SEX, "", None, '\n[[citations]]\ndocument = "修订"\nvalid_from = 2026-01-28\n'),
        ("rules/r.toml", 14, "valid_from", "does not say when it was `published`", ""),
    ),
    "a signed rule whose row nobody signed": (
        ("T06", "curation," + SEX.replace("\nX1", "\n,X1"), 'curation = "signed"\n'),
        ("rows/r.csv", 2, 1, "`signed_by` does not say by whom", ""),
    ),
    "a block without a way out": (
        ("T06", SEX, 'action_at = { charging = "BLOCK" }\n'),
        ("rules/r.toml", 5, "action", "the rule asks for BLOCK, and `[override]` does not say how", "signatures"),
    ),
    "a reason that nobody can give": (
        ("T06", SEX, 'action_at = { charging = "WARN_REASON" }\n'),
        ("rules/r.toml", 5, "action", "the rule asks for WARN_REASON, and `[override]` does not say how", "reasons"),
    ),
    "more signatures than signers": (
        ("T06", SEX, '[override]\nsignatures = 2\nsigners = ["药师"]\n'),
        ("rules/r.toml", 9, "signatures", "`signatures` is 2, but 1 of `signers`", ""),
    ),
}


def plant(root, plan):
    template, rows, more, lists, citation, document = (*plan, *("", None, "", "")[len(plan) - 2 :])
    pack_of(root, template, rows, more, lists)
    rule = root / "rules" / "r.toml"
    text = rule.read_text(encoding="utf-8")
    rule.write_text(text.replace('document = "规则库"', document or 'document = "规则库"') + citation, encoding="utf-8")
    return root


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_the_one_finding(mistake, tmp_path):
    plan, expected = MISTAKES[mistake]
    found = findings(plant(tmp_path, plan))
    if expected is None:
        assert not found, "\n".join(map(str, found))
        return
    path, line, column, message, help_text = expected
    assert len(found) == 1, "\n".join(map(str, found))
    if isinstance(column, str):  # of a rule: where the key stands
        assert (tmp_path / path).read_text(encoding="utf-8").splitlines()[line - 1].startswith(column)
        column = 1
    assert (found[0].path, found[0].line, found[0].column) == (path, line, column), str(found[0])
    assert message in found[0].message
    assert help_text in found[0].help
    assert found[0].severity == "error"


def test_a_substance_written_with_its_salt(tmp_path):
    pack_of(tmp_path, "T06", SEX, "", None)
    (tmp_path / "substances.csv").write_text(
        "ingredient,systemic_class\n双氯芬酸钠,M01AB\n布洛芬,M01AE\n", encoding="utf-8"
    )
    (found,) = findings(tmp_path)
    assert (found.path, found.line) == ("substances.csv", 2)
    assert "named `双氯芬酸`" in found.message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('remedies = ["核对病历"]', "remedies = []", "`remedies` is empty"),
        ("“{item}”须核对。", "", "`message` is empty"),
        ("须核对。", "须" + "核" * 500, "characters, at most 500"),
    ],
    ids=["no remedies", "no message", "message too long"],
)
def test_a_rule_that_leaves_the_doctor_alone(old, new, message, tmp_path):
    rule = pack_of(tmp_path, "T06", SEX) / "rules" / "r.toml"
    rule.write_text(rule.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert [message in finding.message for finding in findings(tmp_path)] == [True]


def test_a_rule_that_nobody_tests_is_a_warning(tmp_path):
    (pack_of(tmp_path, "T06", SEX) / "tests" / "r.toml").unlink()
    assert [str(finding) for finding in findings(tmp_path)] == [
        "rows/r.csv:1:1: warning: nobody tests this rule: tests/r.toml is missing"
    ]


def test_a_kind_of_case_that_is_missing_is_a_warning(tmp_path):
    path = pack_of(tmp_path, "T06", SEX) / "tests" / "r.toml"
    path.write_text(TESTS.replace('kind = "unknown"', 'kind = "compliant"'), encoding="utf-8")
    assert [str(finding) for finding in findings(tmp_path)] == ["tests/r.toml:1:1: warning: no case of kind unknown"]


def test_rows_that_no_key_narrows_are_refused_over_budget(tmp_path):
    rows = "".join(f"r{n},种类数,{n + 1}\n" for n in range(UNINDEXED_ROWS_MAX + 1))
    pack_of(tmp_path, "T25", "row_id,check,max_kinds\n" + rows)
    with pytest.raises(PackError) as caught:
        check_pack(read_source(tmp_path))
    assert [(found.line, found.message) for found in caught.value.diagnostics] == [
        (UNINDEXED_ROWS_MAX + 2, f"more than {UNINDEXED_ROWS_MAX} rows that no item, class or diagnosis narrows")
    ]


def test_rows_that_say_the_same_in_two_scopes_are_no_duplicates(tmp_path):
    """Was refused: scopes were not compared."""
    rows = "row_id,item_code,item_name,sex,scope_care_modes\na,X1,甲,女,门诊\nb,X1,甲,女,急诊\n"
    assert not findings(pack_of(tmp_path, "T06", rows))


@pytest.mark.parametrize(
    ("template", "rows"),
    [
        ("T32", "row_id,item_code,item_name,max_qty,window\na,S1,甲,2,自然日\nb,S1,甲,10,自然月\n"),
        ("T07", "row_id,item_code,item_name,min_age,max_age\na,X1,甲,18岁,\nb,X1,甲,,60岁\n"),
        ("T07", "row_id,item_code,item_name,min_age,below_age,kind\na,X1,甲,,12岁,禁用\nb,X1,甲,12岁,18岁,禁用\n"),
    ],
    ids=["other windows", "other ends of a range", "other ages"],
)
def test_rows_that_add_to_each_other_do_not_contradict(template, rows, tmp_path):
    assert not findings(pack_of(tmp_path, template, rows))


@pytest.mark.parametrize(
    ("rows", "known", "message"),
    [
        (SEX, Known(items=frozenset({"X2"})), "no item `X1`"),
        ("ingredient,sex\n华法林,女\n", Known(ingredients=frozenset({"布洛芬"})), "no ingredient `华法林`"),
        ("drug_class,sex\nN02A,女\n", Known(classes=frozenset({"N02BE"})), "no class `N02A`"),
        ("diagnoses,sex\nN40,男\n", Known(diagnoses=frozenset({"N41.000"})), "no diagnosis `N40`"),
        ("operations,sex\n68.3,女\n", Known(operations=frozenset({"68.4100"})), "no operation `68.3`"),
        (
            "item_code,item_name,sex,scope_departments\nX1,甲,女,A05\n",
            Known(departments=frozenset({"A03"})),
            "no department `A05`",
        ),
        (
            "item_code,item_name,sex,scope_charge_kinds\nX1,甲,女,09\n",
            Known(charge_kinds=frozenset({"01"})),
            "no charge kind `09`",
        ),
    ],
    ids=["item", "ingredient", "class", "diagnosis", "operation", "department", "charge kind"],
)
def test_a_code_that_dictionary_and_messages_lack_is_a_warning(rows, known, message, tmp_path):
    found = findings(pack_of(tmp_path, "T06", rows), known)
    assert [(finding.severity, message in finding.message) for finding in found] == [("warning", True)]


@pytest.mark.parametrize(
    ("rows", "known"),
    [
        ("drug_class,sex\nN02A,女\n", Known(classes=frozenset({"N02AB03"}))),
        ("drug_class,sex\n本院止痛药,女\n", Known(classes=frozenset({"本院止痛药"}))),
        ("diagnoses,sex\nN40,男\n", Known(diagnoses=frozenset({"N40.x00"}))),
        ("operations,sex\n68.3,女\n", Known(operations=frozenset({"68.3900"}))),
    ],
    ids=["class by prefix", "the hospital's own class", "diagnosis by prefix", "operation by prefix"],
)
def test_what_the_dictionary_has_is_known(rows, known, tmp_path):
    assert not findings(pack_of(tmp_path, "T06", rows), known)


@pytest.mark.parametrize(("seen", "expected"), [("血钾", []), ("血钠", ["no result named `血钾`, `K`"])])
def test_a_result_that_no_message_carries_is_a_warning(seen, expected, tmp_path):
    rows = "ingredient,condition,grade,test_names,comparison,test_value,test_unit\n氯化钾,高钾血症,绝对,血钾|K,>,5.5,mmol/L\n"
    found = findings(pack_of(tmp_path, "T12", rows), Known(observations=frozenset({seen})))
    assert [finding.message.partition(" in the messages")[0] for finding in found] == expected


def test_our_own_packs_have_no_finding():
    packs = [path for path in OUR_PACKS.iterdir() if (path / "pack.toml").is_file()]
    assert {path.name for path in packs} >= {"nhsa", "demo", "safety-cn"}
    assert [str(finding) for path in packs for finding in findings(path)] == []


def test_every_check_has_run_on_a_mistake(tmp_path):
    """The table above reaches every check, or the test beside it that is named for it does."""
    reached = set()
    for number, (plan, _) in enumerate(MISTAKES.values()):
        root = plant(tmp_path / str(number), plan)
        pack = check_pack(read_source(root))
        reached |= {check.__name__ for check in CHECKS if any(True for _ in check(Work(pack, Known())))}
    tested_elsewhere = {"about_what_is_not_there", "messages", "substances", "untested", "unknown_codes"}
    assert reached | tested_elsewhere == {check.__name__ for check in CHECKS}


def test_the_command_tells_errors_from_warnings(tmp_path, capsys):
    root = pack_of(tmp_path / "sound", "T06", SEX)
    assert main(["pack", "lint", str(root)]) == 0
    (root / "tests" / "r.toml").unlink()
    assert main(["pack", "lint", str(root)]) == 0
    assert main(["pack", "lint", "--strict", str(root)]) == 1
    assert "no errors, 1 warning" in capsys.readouterr().out
    wrong = pack_of(tmp_path / "wrong", "T06", "diagnoses,sex\n前列腺增生,男\n")
    assert main(["pack", "lint", str(wrong)]) == 1
    assert "1 error\n" in capsys.readouterr().out


def test_the_command_takes_codes_from_a_dictionary_and_messages(tmp_path, capsys):
    dictionary = tmp_path / "dictionary"
    shutil.copytree(SAMPLES / "dictionary", dictionary)
    rows = "ingredient,sex\n克霉唑,女\n无此成分,女\n"
    root = pack_of(tmp_path / "pack", "T06", rows)
    arguments = [
        "--dictionary",
        str(dictionary),
        "--messages",
        *(str(path) for path in SAMPLES.glob("*.*") if path.suffix in (".json", ".gbk") and path.stem != "refused"),
    ]
    assert main(["pack", "lint", str(root), *arguments]) == 0
    shown = capsys.readouterr()
    assert shown.err.splitlines() == [
        "rows/r.csv:3:1: warning: no ingredient `无此成分` in the dictionary or the messages"
    ]
    refused = SAMPLES / "refused.json"
    assert main(["pack", "lint", str(root), "--messages", str(refused)]) == 1
    assert capsys.readouterr().err.startswith(f"{refused}: input.data.patient_dtos[0].brdy: ")


def test_an_error_hides_nothing_that_is_said_of_what_can_be_read(tmp_path, capsys):
    """Regression: with one impossible date nobody was told of a pair that stands in both directions."""
    rows = "herb_a,herb_b,valid_from,valid_to\n甘草,甘遂,2025-01-01,\n甘遂,甘草,2025-01-01,\n甘草,海藻,2025-02-30,\n"
    root = pack_of(tmp_path, "T23", rows)
    assert main(["pack", "lint", str(root)]) == 1
    said = capsys.readouterr().err
    assert "rows/r.csv:3:1: " in said
    assert "in the other direction" in said
    assert "rows/r.csv:4:" in said
    assert "pack not compiled" in said
