"""What an import does to the rows of a pack: it adds; a revision ends; what a hospital wrote stays."""

from datetime import date

import pytest

from ruleset.pack.check import check_pack
from ruleset.pack.diagnostics import PackError
from ruleset.pack.source import read_source
from server.importer.tables import row_id
from tests.importer.importing import (
    DRUG,
    DRUG_2,
    DRUG_3,
    ONE_SHEET,
    SERVICE,
    SERVICE_2,
    imported,
    level_sheet,
    rows_of,
    texts,
)
from tests.pack.conftest import STARTER

FIRST = "2025-08-14"
REVISED = date(2026, 1, 28)
LEVEL_ID = f"drug-facility-level:{DRUG}@{FIRST}"


def levels(pack):
    """What the level rows say, less what they rest on."""
    return [
        (row["item_code"], row["min_level"], row["valid_from"], row["valid_to"], row.get("supersedes", ""))
        for row in rows_of(pack, "drug-facility-level")
    ]


def everything(pack):
    return {path.relative_to(pack): path.read_bytes() for path in pack.rglob("*") if path.is_file()}


def said_of(plan, what):
    return [change.row_id for change in plan.changes if change.what == what]


def test_a_second_import_changes_nothing(pack, sheet):
    path = sheet(level_sheet(("甲片", DRUG, "限二级及以上医疗机构甲病患者，支付不超过14天。", "二级")))
    first = imported(pack, path)
    assert first.files
    before = everything(pack)
    second = imported(pack, path)
    assert not second.files
    assert not second.changes
    assert everything(pack) == before


def test_one_text_gives_rows_of_several_rules_under_one_basis(pack, sheet):
    text = "限二级及以上医疗机构甲病患者，单次住院最多支付14天。"
    plan = imported(pack, sheet(level_sheet(("甲片", DRUG, text, "二级"), ("甲片", DRUG_2, text, "二级"))))
    level, other_level = rows_of(pack, "drug-facility-level")
    course, other_course = rows_of(pack, "drug-course-days")
    (rest,) = rows_of(pack, "drug-indication-text")
    assert (level["min_level"], course["max_days"]) == ("二级", "14")
    assert rest["item_codes"] == f"{DRUG}|{DRUG_2}"
    rows = (level, other_level, course, other_course, rest)
    assert len({row["basis_id"] for row in rows}) == 1
    assert {row["basis_text"] for row in rows} == {text}
    assert {row["valid_from"] for row in rows} == {FIRST}
    assert rest["mode"] == "off", "what nobody has read waits for a person"
    assert "mode" not in level
    assert [str(left).rpartition(": ")[2] for left in plan.remarks.raw.values()] == ["甲病患者"]
    assert course["source"].endswith("第2行（由原文展开）")


def test_raw_rows_may_remind_at_once(pack, sheet):
    path = sheet(level_sheet(("甲片", DRUG, "限二级及以上医疗机构甲病患者。", "二级")))
    imported(pack, path, raw_reminds=True)
    assert rows_of(pack, "drug-indication-text")[0].get("mode", "") == ""


def test_a_row_of_text_in_a_rule_that_decides_is_raw_itself(pack, sheet):
    (pack / "rules" / "drug-indication-text.toml").unlink()
    rows = [["药品名称", "药品编码", "备注"], ["甲片", DRUG, "限甲病。"]]
    imported(pack, sheet({"“药品限适应症”规则": rows}), day=REVISED)
    (row,) = rows_of(pack, "drug-indication")
    assert row["curation"] == "raw"


def test_a_text_that_is_read_to_the_end_leaves_no_raw_row(pack, sheet):
    plan = imported(pack, sheet(level_sheet(("甲片", DRUG, "限二级及以上医疗机构。", "二级"))))
    assert not rows_of(pack, "drug-indication-text")
    assert not plan.remarks.raw


def test_a_text_is_not_expanded_where_the_rule_speaks_of_the_item_itself(pack, sheet):
    courses = [["药品通用名", "国标代码", "药品说明", "限定类型", "限定值域"]]
    courses += [
        ["甲片", DRUG, "支付不超过14天。", "限定支付疗程", "14天"],
        ["乙片", DRUG_2, "支付不超过7天。", "限定支付疗程", "7天"],
    ]
    levels_ = level_sheet(
        ("甲片", DRUG, "限二级及以上医疗机构，支付不超过14天。", "二级"),
        ("乙片", DRUG_2, "限二级及以上医疗机构，支付不超过14天。", "二级"),
    )
    plan = imported(pack, sheet({"A": levels_, "B": courses}))
    assert [(row["item_code"], row["max_days"], row["valid_from"]) for row in rows_of(pack, "drug-course-days")] == [
        (DRUG, "14", "2025-08-26"),
        (DRUG_2, "7", "2025-08-26"),
    ]
    assert not said_of(plan, "expanded")


def test_one_text_in_two_sheets_is_expanded_once_whichever_comes_first(pack, sheet):
    text = "限二级及以上医疗机构甲病患者，支付不超过14天。"
    imported(pack, sheet([ONE_SHEET, ["甲片", DRUG, text, "限定支付疗程", "14天"]]))
    imported(pack, sheet(level_sheet(("甲片", DRUG, text, "二级"))))
    assert [row["valid_from"] for row in rows_of(pack, "drug-indication-text")] == ["2025-08-26"]


def test_an_expansion_that_contradicts_a_row_in_force_is_noted(pack, sheet):
    courses = [ONE_SHEET, ["甲片", DRUG, "支付不超过7天。", "限定支付疗程", "7天"]]
    imported(pack, sheet(courses), day=date(2025, 8, 1))
    plan = imported(pack, sheet(level_sheet(("甲片", DRUG, "限二级及以上医疗机构，支付不超过14天。", "二级"))))
    assert any("the text of 甲片 does not agree with drug-course-days" in text for text in texts(plan.remarks.notes))


def test_an_expansion_yields_to_what_is_published_later(pack, sheet):
    imported(pack, sheet(level_sheet(("甲片", DRUG, "限二级及以上医疗机构，支付不超过14天。", "二级"))))
    courses = [ONE_SHEET, ["甲片", DRUG, "支付不超过14天。", "限定支付疗程", "14天"]]
    plan = imported(pack, sheet(courses))
    expanded, own = rows_of(pack, "drug-course-days")
    assert (expanded["valid_from"], expanded["valid_to"]) == (FIRST, "2025-08-26")
    assert (own["valid_from"], own["valid_to"]) == ("2025-08-26", "")
    assert own["supersedes"] == f"drug-course-days:{DRUG}@{FIRST}"
    assert said_of(plan, "ended") == [f"drug-course-days:{DRUG}@{FIRST}"]


def test_an_expansion_of_a_later_day_is_dropped_for_an_earlier_publication(pack, sheet):
    imported(pack, sheet(level_sheet(("甲片", DRUG, "限二级及以上医疗机构，支付不超过14天。", "二级"))))
    courses = [ONE_SHEET, ["甲片", DRUG, "支付不超过14天。", "限定支付疗程", "14天"]]
    plan = imported(pack, sheet(courses), day=date(2025, 8, 1))
    (own,) = rows_of(pack, "drug-course-days")
    assert own["valid_from"] == "2025-08-01"
    assert said_of(plan, "dropped") == [f"drug-course-days:{DRUG}@{FIRST}"]


@pytest.mark.parametrize(
    ("kind", "value", "text", "rule_id", "column", "cell"),
    [
        ("限定支付疗程", "15天", "支付不超过14天。", "drug-course-days", "max_days", "14"),
        ("限定支付疗程", "365天", "限甲病，且支付不超过12个月。", "drug-course-days", "max_days", "360"),
        ("限定就医方式", "住院", "限急诊或住院患者。", "drug-care-mode", "allowed_modes", "急诊|住院"),
        ("限定机构等级", "三级", "限二级及以上医疗机构。", "drug-facility-level", "min_level", "二级"),
        ("限定机构等级", "县级", "限二级及以上医疗机构。", "drug-facility-level", "min_level", "二级"),
    ],
)
def test_the_text_decides_against_the_column(pack, sheet, kind, value, text, rule_id, column, cell):
    plan = imported(pack, sheet([ONE_SHEET, ["甲片", DRUG, text, kind, value]]))
    assert rows_of(pack, rule_id)[0][column] == cell
    assert any(f"甲片: the column says {value.rstrip('天')}" in said for said in texts(plan.remarks.notes))


def test_without_a_column_the_text_alone_decides_or_the_row_is_reported(pack, sheet):
    rows = [["药品名称", "药品编码", "备注"], ["甲片", DRUG, "支付不超过14天。"], ["乙片", DRUG_2, "限甲病。"]]
    plan = imported(pack, sheet({"“药品限支付疗程”规则": rows}))
    assert [row["item_code"] for row in rows_of(pack, "drug-course-days")] == [DRUG]
    assert ["no number of days for `乙片`" in text for text in texts(plan.remarks.not_understood)] == [True]


def test_a_row_that_is_left_out_expands_to_nothing(pack, sheet):
    text = "限二级及以上医疗机构甲病患者，支付不超过14天。"
    plan = imported(
        pack, sheet(level_sheet(("甲片", DRUG, text, "二级"), ("甲片", DRUG, text.replace("二", "三"), "三级")))
    )
    assert len(plan.remarks.not_understood) == 2
    assert not plan.files


def test_an_import_only_adds(pack, sheet):
    imported(pack, sheet(level_sheet(("甲片", DRUG, "", "二级"), ("乙片", DRUG_2, "", "二级"))))
    plan = imported(pack, sheet(level_sheet(("甲片", DRUG, "", "三级"))), day=REVISED)
    assert levels(pack) == [
        (DRUG, "二级", FIRST, "", ""),
        (DRUG_2, "二级", FIRST, "", ""),
        (DRUG, "三级", "2026-01-28", "", ""),
    ]
    assert any("stands beside" in text and "--revision" in text for text in texts(plan.remarks.notes))


def test_a_revision_drops_changes_and_adds(pack, sheet):
    imported(
        pack, sheet(level_sheet(("甲片", DRUG, "", "二级"), ("乙片", DRUG_2, "", "二级"), ("丙片", SAME, "", "三级")))
    )
    revision = sheet(level_sheet(("甲片", DRUG, "", "三级"), ("丙片", SAME, "", "三级"), ("丁片", DRUG_3, "", "二级")))
    plan = imported(pack, revision, day=REVISED, is_revision=True)
    assert levels(pack) == [
        (DRUG, "二级", FIRST, "2026-01-28", ""),
        (DRUG_2, "二级", FIRST, "2026-01-28", ""),
        (SAME, "三级", FIRST, "", ""),
        (DRUG, "三级", "2026-01-28", "", LEVEL_ID),
        (DRUG_3, "二级", "2026-01-28", "", ""),
    ]
    details = {change.row_id: change.detail for change in plan.changes if change.what == "ended"}
    assert details == {
        LEVEL_ID: f"in force until 2026-01-28: superseded by drug-facility-level:{DRUG}@2026-01-28",
        f"drug-facility-level:{DRUG_2}@{FIRST}": "in force until 2026-01-28: no longer published",
    }
    before = everything(pack)
    assert not imported(pack, revision, day=REVISED, is_revision=True).files
    assert everything(pack) == before


SAME = "XA01AAA001A001010100004"


def test_a_sheet_may_call_itself_a_revision(pack, sheet):
    imported(pack, sheet(level_sheet(("甲片", DRUG, "", "二级"))))
    rows = [["药品限医疗机构级别（修订）2026年1月28日发布"], *level_sheet(("乙片", DRUG_2, "", "二级"))]
    imported(pack, sheet(rows))
    assert levels(pack) == [(DRUG, "二级", FIRST, "2026-01-28", ""), (DRUG_2, "二级", "2026-01-28", "", "")]


def test_a_revision_touches_no_rule_that_it_is_not_about(pack, sheet):
    imported(pack, sheet(level_sheet(("甲片", DRUG, "", "二级"))))
    courses = [ONE_SHEET, ["乙片", DRUG_2, "支付不超过14天。", "限定支付疗程", "14天"]]
    imported(pack, sheet(courses), day=REVISED, is_revision=True)
    assert levels(pack) == [(DRUG, "二级", FIRST, "", "")]


def test_a_revised_text_with_the_same_parameter_is_a_new_row(pack, sheet):
    imported(pack, sheet(level_sheet(("甲片", DRUG, "限二级及以上医疗机构甲病患者。", "二级"))))
    changed = sheet(level_sheet(("甲片", DRUG, "限二级及以上医疗机构乙病患者。", "二级")))
    imported(pack, changed, day=REVISED, is_revision=True)
    assert levels(pack) == [(DRUG, "二级", FIRST, "2026-01-28", ""), (DRUG, "二级", "2026-01-28", "", LEVEL_ID)]
    old, new = rows_of(pack, "drug-indication-text")
    assert (old["valid_to"], new["valid_from"]) == ("2026-01-28", "2026-01-28"), "the rest of the old text ends with it"
    assert "乙病" in new["basis_text"]


def test_a_revision_does_not_end_what_a_person_signed(pack, sheet):
    imported(pack, sheet(level_sheet(("甲片", DRUG, "", "二级"), ("乙片", DRUG_2, "", "二级"))))
    path = pack / "rows" / "drug-facility-level.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines = [lines[0] + ",signed_by", lines[1] + ",", lines[2] + ",张药师"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    plan = imported(pack, sheet(level_sheet(("甲片", DRUG, "", "二级"))), day=REVISED, is_revision=True)
    assert levels(pack) == [(DRUG, "二级", FIRST, "", ""), (DRUG_2, "二级", FIRST, "", "")]
    assert any("is signed, so the revision does not end it" in text for text in texts(plan.remarks.notes))


def test_a_group_of_operations_that_changes_supersedes_the_old_one(pack, sheet):
    head = ["项目名称", "国标代码", "限定类型", "限定值域"]
    imported(pack, sheet([head, ["甲术", SERVICE, "限定主次操作", "甲组"], ["甲术", SERVICE, "限定主次操作", "乙组"]]))
    revision = sheet([head, ["甲术", SERVICE, "限定主次操作", "甲组"], ["甲术", SERVICE, "限定主次操作", "丙组"]])
    imported(pack, revision, day=REVISED, is_revision=True)
    found = [
        (row["surgery_group"], row["valid_to"], row.get("supersedes")) for row in rows_of(pack, "surgery-discount")
    ]
    assert found == [
        ("甲组", "", ""),
        ("乙组", "2026-01-28", ""),
        ("丙组", "", f"surgery-discount:{SERVICE}+乙组@2025-07-22"),
    ]


def test_a_sheet_that_says_of_each_row_what_becomes_of_it(pack, sheet):
    imported(
        pack, sheet(level_sheet(("甲片", DRUG, "", "二级"), ("乙片", DRUG_2, "", "二级"), ("丙片", SAME, "", "二级")))
    )
    rows = [
        [*ONE_SHEET, "变更类型"],
        ["甲片", DRUG, "", "限定机构等级", "三级", "修改"],
        ["乙片", DRUG_2, "", "限定机构等级", "", "删除"],
        ["丁片", DRUG_3, "", "限定机构等级", "二级", "新增"],
        ["戊片", "XA01AAA001A001010100005", "", "限定机构等级", "", "删除"],
        ["己片", "XA01AAA001A001010100006", "", "限定机构等级", "二级", "合并"],
    ]
    plan = imported(pack, sheet(rows), day=REVISED, is_revision=True)
    assert levels(pack) == [
        (DRUG, "二级", FIRST, "2026-01-28", ""),
        (DRUG_2, "二级", FIRST, "2026-01-28", ""),
        (SAME, "二级", FIRST, "", ""),
        (DRUG, "三级", "2026-01-28", "", LEVEL_ID),
        (DRUG_3, "二级", "2026-01-28", "", ""),
    ]
    assert any("has no row of XA01AAA001A001010100005 to end" in text for text in texts(plan.remarks.notes))
    assert ["`合并` is no known change" in text for text in texts(plan.remarks.not_understood)] == [True]
    assert not imported(pack, sheet(rows), day=REVISED, is_revision=True).files


def test_a_text_that_is_changed_or_struck_out_is_found_by_all_its_items(pack, sheet):
    head = ["药品名称", "药品编码", "备注"]
    title = "“药品限适应症”规则"
    rows = [["甲片", f"{DRUG} {DRUG_2}", "限甲病。"], ["甲片", DRUG, "限乙病。"], ["丙片", DRUG_3, "限丙病。"]]
    imported(pack, sheet({title: [head, *rows]}), day=date(2026, 5, 23))
    changes = [["甲片", DRUG, "限丁病。", "修改"], ["甲片", DRUG_2, "", "删除"], ["丙片", DRUG_3, "", "删除"]]
    plan = imported(pack, sheet({title: [[*head, "变更类型"], *changes]}), day=date(2026, 7, 6))
    found = [(row["basis_text"], row["valid_to"]) for row in rows_of(pack, "drug-indication-text")]
    assert found == [("限甲病。", ""), ("限乙病。", "2026-07-06"), ("限丙病。", "2026-07-06"), ("限丁病。", "")]
    assert any(f"has no row of {DRUG_2} to end" in text for text in texts(plan.remarks.notes))


@pytest.mark.parametrize("by_one", [True, False])
def test_what_was_expanded_from_a_text_that_was_revised_ends_with_it(pack, sheet, by_one):
    revised = level_sheet(("甲片", DRUG, "限二级及以上医疗机构乙病患者，支付不超过7天。", "二级"))
    base = level_sheet(("甲片", DRUG, "限二级及以上医疗机构甲病患者，支付不超过14天。", "二级"))
    first = [["药品限医疗机构级别（修订）2026年1月28日发布"], *revised]
    paths = (sheet(base, name="1.xlsx"), sheet(first, name="2.xlsx"))
    if by_one:
        imported(pack, paths[0])
    imported(pack, *paths)
    courses = [(row["max_days"], row["valid_from"], row["valid_to"]) for row in rows_of(pack, "drug-course-days")]
    assert courses == [("14", FIRST, "2026-01-28"), ("7", "2026-01-28", "")]
    before = everything(pack)
    assert not imported(pack, *paths).files
    assert everything(pack) == before


def test_base_and_revision_in_one_import_are_merged_by_their_days(pack, sheet):
    revised = [["药品限医疗机构级别（修订）2026年1月28日发布"], *level_sheet(("甲片", DRUG, "", "三级"))]
    paths = (sheet(revised, name="1.xlsx"), sheet(level_sheet(("甲片", DRUG, "", "二级")), name="2.xlsx"))
    imported(pack, *paths)
    assert levels(pack) == [(DRUG, "二级", FIRST, "2026-01-28", ""), (DRUG, "三级", "2026-01-28", "", LEVEL_ID)]
    assert not imported(pack, *paths).files


def test_an_older_publication_ends_where_a_newer_row_begins(pack, sheet):
    imported(pack, sheet(level_sheet(("甲片", DRUG, "", "三级"))), day=REVISED)
    imported(pack, sheet(level_sheet(("甲片", DRUG, "", "二级"))))
    assert levels(pack) == [(DRUG, "三级", "2026-01-28", "", ""), (DRUG, "二级", FIRST, "2026-01-28", "")]


def test_a_row_that_was_in_the_pack_gains_its_text_and_nothing_else(pack, sheet):
    path = pack / "rows" / "drug-facility-level.csv"
    path.parent.mkdir()
    path.write_bytes(
        "\ufeffitem_name,item_code,min_level,valid_from,valid_to,action,remedies\r\n"
        f"本院的叫法,{DRUG},二级,2025-08-14,,HINT,换药|改自费\r\n"
        f"别的药,{DRUG_2},三级,2025-08-14,,,\r\n".encode()
    )
    plan = imported(pack, sheet(level_sheet(("甲片", DRUG, "限二级及以上医疗机构。", "二级"))))
    assert path.read_bytes().decode() == (
        "\ufeffitem_name,item_code,min_level,valid_from,valid_to,action,remedies,basis_id,basis_text,source\r\n"
        f"本院的叫法,{DRUG},二级,2025-08-14,,HINT,换药|改自费,"
        f"{rows_of(pack, 'drug-facility-level')[0]['basis_id']},限二级及以上医疗机构。,a.xlsx，Sheet1，第2行\r\n"
        f"别的药,{DRUG_2},三级,2025-08-14,,,,,,\r\n"
    )
    assert said_of(plan, "completed") == [LEVEL_ID]


def test_a_published_row_that_a_hospital_changed_is_kept(pack, sheet):
    path = sheet(level_sheet(("甲片", DRUG, "", "二级")))
    imported(pack, path)
    rows = pack / "rows" / "drug-facility-level.csv"
    rows.write_text(rows.read_text("utf-8").replace("二级", "三级"), "utf-8")
    before = everything(pack)
    plan = imported(pack, path)
    assert everything(pack) == before
    assert any(
        f"{LEVEL_ID} has other values in the pack; the pack's are kept" in text for text in texts(plan.remarks.notes)
    )


def test_a_text_that_a_hospital_wrote_is_kept(pack, sheet):
    imported(pack, sheet(level_sheet(("甲片", DRUG, "", "二级"))))
    rows = pack / "rows" / "drug-facility-level.csv"
    rows.write_text(rows.read_text("utf-8").replace(",,,a.xlsx", ",,本院的说法,a.xlsx"), "utf-8")
    assert not imported(pack, sheet(level_sheet(("甲片", DRUG, "限二级及以上医疗机构。", "二级")))).files


def test_numbers_and_lists_say_the_same_however_they_are_written(pack, sheet):
    rows = pack / "rows" / "drug-care-mode.csv"
    rows.parent.mkdir()
    rows.write_text(f"item_code,item_name,allowed_modes,valid_from\n{DRUG},甲片,住院|急诊,2025-08-08\n", "utf-8")
    other = pack / "rows" / "service-per-day.csv"
    other.write_text(f"item_code,item_name,max_qty,unit,valid_from\n{SERVICE},甲费,1.0,日,2026-01-06\n", "utf-8")
    modes = [ONE_SHEET, ["甲片", DRUG, "", "限定就医方式", "急诊、住院"]]
    days = [["项目名称", "限制数量", "数量单位", "项目编码"], ["甲费", 1, "日", SERVICE]]
    plan = imported(pack, sheet({"A": modes, "B": days}))
    assert {change.what for change in plan.changes} == {"completed"}


def test_what_the_checks_of_the_pack_would_refuse_is_not_written(pack, sheet):
    rows = pack / "rows" / "service-exclusive.csv"
    rows.parent.mkdir()
    row_ids = f"row_id,main_code,main_name,sub_code,sub_name,window,valid_from\nx,{SERVICE},甲,{SERVICE_2},乙,单日,2025-01-01\n"
    rows.write_text(row_ids.replace("x,", f"service-exclusive:{SERVICE}+{SERVICE_2}@2025-12-12,"), "utf-8")
    pairs = [["频度", "主项名称", "主项编码", "从项名称", "从项编码"], ["单日", "乙", SERVICE_2, "甲", SERVICE]]
    before = everything(pack)
    with pytest.raises(PackError, match="stands at line 2 too"):
        imported(pack, sheet(pairs))
    assert everything(pack) == before


def test_a_new_publication_is_cited(pack, sheet):
    imported(pack, sheet(level_sheet(("甲片", DRUG, "", "二级"))), day=date(2026, 7, 6))
    cited = {
        row.id: rule.source.citations[row.citation].published for rule, row in checked(pack, "drug-facility-level")
    }
    assert cited == {f"drug-facility-level:{DRUG}@2026-07-06": date(2026, 7, 6)}


def checked(pack, rule_id):
    """Return the rows of one rule, as the checks of the pack see them."""
    source = read_source(pack)
    for name in source.rules.keys() - source.tables.keys():
        (pack / "rules" / f"{name}.toml").unlink()
    found = check_pack(read_source(pack))
    rules = {rule.id: rule for rule in found.rules}
    return [(rules[row.rule_id], row) for row in found.rows if row.rule_id == rule_id]


def test_ids_in_the_diff_are_those_of_the_pack(starter_rows):
    source, rows = starter_rows
    wrong = []
    for row in rows:
        cells = next(raw.cells for raw in source.tables[row.rule_id].rows if raw.line == row.line)
        if row_id(row.rule_id, source.rules[row.rule_id], cells) != row.id:
            wrong.append(row.id)
    assert not wrong


@pytest.fixture
def starter_rows():
    """The first rows of every rule of the starter pack, as read and as checked."""
    source = read_source(STARTER)
    few = {}
    for row in check_pack(source).rows:
        of_rule = few.setdefault(row.rule_id, [])
        if len(of_rule) < 5:
            of_rule.append(row)
    return source, [row for rows in few.values() for row in rows]
