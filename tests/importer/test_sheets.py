"""What the importer makes of sheets: recognised by what is in them, with everything that is no row reported."""

import tomllib
import zipfile
from datetime import date

import pytest

from server.importer import published, workbook
from tests.importer.importing import (
    CODES,
    DRUG,
    DRUG_2,
    DRUG_3,
    HERB,
    NAMES,
    ONE_SHEET,
    SERVICE,
    SERVICE_2,
    imported,
    level_sheet,
    refusal,
    rows_of,
    texts,
)
from tests.importer.spreadsheets import sheet_xml, workbook_parts, write_parts
from tests.pack.conftest import STARTER


def test_names_and_codes_in_two_sheets_are_joined_by_name(pack, sheet):
    path = sheet(
        {
            "Sheet1": [
                [*NAMES[:3], "限定对象"],
                ["甲片", "用于某病。", "限定性别对象", "女"],
                ["乙片", "用于某病。", "限定性别对象", "男"],
            ],
            "Sheet2": [
                CODES,
                ["甲片", 1, DRUG, "限定性别对象"],
                ["甲片", 2, DRUG_2, "限定性别对象"],
                ["乙片", 1, DRUG_3, "限定性别对象"],
            ],
        }
    )
    imported(pack, path)
    rows = rows_of(pack, "drug-sex")
    assert [(row["item_code"], row["item_name"], row["sex"]) for row in rows] == [
        (DRUG, "甲片", "女"),
        (DRUG_2, "甲片", "女"),
        (DRUG_3, "乙片", "男"),
    ]
    assert {row["valid_from"] for row in rows} == {"2025-05-23"}
    assert rows[0]["basis_text"] == "用于某病。"
    assert rows[0]["source"] == "a.xlsx，Sheet2，第2行"
    assert rows[0]["basis_id"] == rows[1]["basis_id"] != rows[2]["basis_id"]


def test_a_name_without_codes_and_a_code_without_a_name_are_reported(pack, sheet):
    path = sheet(
        {
            "Sheet1": [
                [*NAMES[:3], "限定对象"],
                ["甲片", "", "限定性别对象", "女"],
                ["乙注射液", "", "限定性别对象", "男"],
            ],
            "Sheet2": [CODES, ["甲片", 1, DRUG, "限定性别对象"], ["乙注谢液", 1, DRUG_2, "限定性别对象"]],
        }
    )
    plan = imported(pack, path)
    said = texts(plan.remarks.not_understood)
    assert any(
        "a.xlsx[Sheet2]:3:1" in text and "乙注谢液" in text and "did you mean `乙注射液`" in text for text in said
    )
    assert any("a.xlsx[Sheet1]:3:1" in text and "no sheet lists a code of `乙注射液`" in text for text in said)
    assert [row["item_code"] for row in rows_of(pack, "drug-sex")] == [DRUG]


def test_a_name_that_is_limited_in_two_ways_is_reported(pack, sheet):
    limits = [[name, "", "限定性别对象", sex] for name, sex in (("甲片", "女"), ("甲片", "男"), ("乙片", "男"))]
    codes = [["甲片", 1, DRUG, "限定性别对象"], ["乙片", 1, DRUG_2, "限定性别对象"]]
    plan = imported(pack, sheet({"Sheet1": [[*NAMES[:3], "限定对象"], *limits], "Sheet2": [CODES, *codes]}))
    assert [row["item_code"] for row in rows_of(pack, "drug-sex")] == [DRUG_2]
    (said,) = texts(plan.remarks.not_understood)
    assert said == "a.xlsx[Sheet2]:2:1: other rows do not agree about what is limited for `甲片`"


def test_several_pairs_of_sheets_in_one_workbook(pack, sheet):
    sheets = {
        "性别": [[*NAMES[:3], "限定对象"], ["甲片", "", "限定性别对象", "女"]],
        "性别编码": [CODES, ["甲片", 1, DRUG, "限定性别对象"]],
        "等级": [NAMES, ["甲片", "", "限定机构等级", "二级"], ["丙片", "", "限定机构等级", "二级"]],
        "等级编码": [CODES, ["甲片", 1, DRUG_2, "限定机构等级"]],
        "疗程": level_sheet(("丁片", DRUG_3, "", "三级")),
    }
    plan = imported(pack, sheet(sheets))
    assert [row["item_code"] for row in rows_of(pack, "drug-sex")] == [DRUG]
    assert [row["item_code"] for row in rows_of(pack, "drug-facility-level")] == [DRUG_2, DRUG_3]
    assert texts(plan.remarks.not_understood) == ["a.xlsx[等级]:3:1: no sheet lists a code of `丙片`"]


def test_header_below_a_title_blank_rows_and_footnotes(pack, sheet):
    rows = [
        ["“医疗服务项目限定频次”规则对应知识点明细"],
        [],
        ["序号", "项目名称", "限制数量（次）", "数量单位", "项目编码"],
        [1, "甲费", 1, "日", SERVICE],
        [],
        [2, "乙费", 24, "小时", SERVICE_2],
        [3],
        ["序号", "项目名称", "限制数量（次）", "数量单位", "项目编码"],
        ["合计", "", 2],
        ["备注：各省可以细化。"],
        ["本表由某处整理，仅供参考"],
        ["丙费"],
    ]
    path = sheet(rows, merged={"Sheet1": ["A1:E1", "A10:E10", "A11:E11"]})
    plan = imported(pack, path)
    assert [(row["item_code"], row["max_qty"], row["unit"]) for row in rows_of(pack, "service-per-day")] == [
        (SERVICE, "1", "日"),
        (SERVICE_2, "24", "小时"),
    ]
    assert [text.partition(": ")[0] for text in texts(plan.remarks.footnotes)] == [
        f"a.xlsx[Sheet1]:{number}:1" for number in (9, 10, 11)
    ]
    assert texts(plan.remarks.not_understood) == ["a.xlsx[Sheet1]:12:1: only one cell: 丙费"]


def test_a_cell_merged_over_several_rows_counts_for_each(pack, sheet):
    rows = level_sheet(
        ("甲片", DRUG, "限二级及以上医疗机构。", "二级"), ("", DRUG_2, "", ""), ("乙片", DRUG_3, "", "三级")
    )
    rows[2][3] = ""
    plan = imported(pack, sheet(rows, merged={"Sheet1": ["A2:A3", "C2:C3", "D2:D3", "E2:E3"]}))
    assert not plan.remarks.not_understood
    assert [(row["item_name"], row["item_code"], row["min_level"]) for row in rows_of(pack, "drug-facility-level")] == [
        ("甲片", DRUG, "二级"),
        ("甲片", DRUG_2, "二级"),
        ("乙片", DRUG_3, "三级"),
    ]


def test_the_content_decides_where_the_file_name_says_otherwise(pack, sheet):
    path = sheet(level_sheet(("甲片", DRUG, "", "二级")), name="【第四批】药品规则库（限定就医方式）.xlsx")
    plan = imported(pack, path)
    (row,) = rows_of(pack, "drug-facility-level")
    assert row["valid_from"] == "2025-08-14"
    assert any("holds 药品限医疗机构级别, not what its name says" in text for text in texts(plan.remarks.notes))


def test_the_columns_decide_where_the_title_says_otherwise(pack, sheet):
    rows = [["序号", "项目名称", "频次上限", "疗程周期", "项目代码"], [1, "甲测定", 1, "15天", SERVICE]]
    plan = imported(pack, sheet({"“医疗服务项目限定频次”规则对应知识点明细": rows}))
    (row,) = rows_of(pack, "service-per-period")
    assert (row["max_qty"], row["period_days"], row["valid_from"]) == ("1", "15", "2026-01-06")
    assert any("its content is 医疗服务项目周期超频次" in text for text in texts(plan.remarks.notes))


def test_the_two_sheets_of_herbs_are_told_apart_by_their_texts(pack, sheet):
    rows = [["饮片名称", "饮片编码", "备注"], ["甲草", HERB, "单独使用时不予支付，全部由这些饮片组成的处方也不予支付"]]
    plan = imported(pack, sheet({"“中药饮片单复方均不予支付”规则": rows}))
    assert [row["item_code"] for row in rows_of(pack, "herb-not-paid-alone")] == [HERB]
    assert not rows_of(pack, "herb-never-paid")
    assert any("its content is 中药饮片单方使用不予支付" in text for text in texts(plan.remarks.notes))


def test_pairs_with_their_window(pack, sheet):
    rows = [
        ["序号", "频度", "主项名称", "主项编码", "从项名称", "从项编码", "备注"],
        [1, "单次就诊", "甲费", SERVICE, "乙费", SERVICE_2, "含乙费"],
        [2, "每年", "甲费", SERVICE, "乙费", SERVICE_2, "含乙费"],
        [3, "单日", "甲费", SERVICE, "", "", "含乙费"],
    ]
    plan = imported(pack, sheet(rows))
    (row,) = rows_of(pack, "service-exclusive")
    assert (row["main_code"], row["sub_code"], row["window"], row["basis_text"]) == (
        SERVICE,
        SERVICE_2,
        "单次就诊",
        "含乙费",
    )
    assert ["`每年`" in text or "no name" in text for text in texts(plan.remarks.not_understood)] == [True, True]


def test_limits_of_payment_and_medicines_for_children_are_told_apart_by_their_texts(pack, sheet):
    rows = [
        ["药品通用名", "国标代码", "药品说明", "限定类型", "限定对象"],
        ["甲片", DRUG, "限2岁至11岁儿童某病。", "限定年龄对象", "儿童"],
        ["乙片", DRUG_2, "用于小儿某病。", "限定年龄对象", "儿童"],
    ]
    imported(pack, sheet(rows))
    (limited,) = rows_of(pack, "drug-child-limited")
    assert (limited["item_code"], limited["min_age_years"], limited["max_age_years"]) == (DRUG, "2", "11")
    (only,) = rows_of(pack, "drug-child-only")
    assert (only["item_code"], only["object"]) == (DRUG_2, "儿童")


def test_both_insurances_in_one_sheet(pack, sheet):
    rows = [
        ONE_SHEET,
        *(
            [n, c, "", "限定保险类型", v]
            for n, c, v in (("甲", DRUG, "工伤"), ("乙", DRUG_2, "生育"), ("丙", DRUG_3, "居民"))
        ),
    ]
    plan = imported(pack, sheet(rows))
    assert [row["item_code"] for row in rows_of(pack, "drug-work-injury")] == [DRUG]
    assert [row["item_code"] for row in rows_of(pack, "drug-maternity")] == [DRUG_2]
    assert ["`居民`" in text for text in texts(plan.remarks.not_understood)] == [True]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (1101000010000, "stored as a number: its leading zeros are lost"),
        ("XA01AAA001A0010101000O", "has the shape of no national code"),
        (SERVICE, "is the code of a service, 药品限支付疗程 is about drugs"),
        ("", "no code for `甲片`"),
    ],
)
def test_a_code_that_could_never_match_is_not_imported(pack, sheet, code, said):
    title = "“药品限支付疗程”规则对应知识点明细"
    rows = [["药品名称", "药品编码", "备注"], ["甲片", code, "支付不超过14天。"], ["乙片", DRUG, "支付不超过14天。"]]
    plan = imported(pack, sheet({title: rows}))
    assert [said in text and f"[{title}]:2:1" in text for text in texts(plan.remarks.not_understood)] == [True]
    assert [row["item_code"] for row in rows_of(pack, "drug-course-days")] == [DRUG]


def test_several_codes_in_one_cell(pack, sheet):
    rows = [["药品名称", "药品编码", "限定条件"], ["甲片", f"{DRUG}、{DRUG_2}\n{DRUG_3}", "限某病。"]]
    imported(pack, sheet({"“药品限适应症”规则": rows}), day=date(2026, 5, 23))
    (row,) = rows_of(pack, "drug-indication-text")
    assert row["item_codes"] == f"{DRUG}|{DRUG_2}|{DRUG_3}"
    assert row["row_ref"] == row["basis_id"]


def test_a_code_that_stands_twice_is_one_row(pack, sheet):
    plan = imported(pack, sheet(level_sheet(("甲片", DRUG, "", "二级"), ("甲片", DRUG, "", "二级"))))
    assert len(rows_of(pack, "drug-facility-level")) == 1
    assert any(f"{DRUG} stands a second time" in text for text in texts(plan.remarks.notes))


def test_a_code_that_stands_twice_with_two_values_is_none(pack, sheet):
    rows = level_sheet(("甲片", DRUG, "", "二级"), ("甲片", DRUG, "", "三级"), ("乙片", DRUG_2, "", "三级"))
    plan = imported(pack, sheet(rows))
    assert [row["item_code"] for row in rows_of(pack, "drug-facility-level")] == [DRUG_2]
    assert [text.partition(": ")[0] for text in texts(plan.remarks.not_understood)] == [
        "a.xlsx[Sheet1]:2:1",
        "a.xlsx[Sheet1]:3:1",
    ]


def test_a_column_that_is_nearly_known_is_refused_with_the_known_name(pack, sheet):
    head = ["药品通用名", "国标代码", "药品说明", "限定类型", "限定值城"]
    said = refusal(pack, sheet(level_sheet(("甲片", DRUG, "", "二级"), head=head)))
    assert "a.xlsx[Sheet1]:1:5: unknown column `限定值城`" in said
    assert "did you mean `限定值域`?" in said


def test_another_column_is_named_as_not_used(pack, sheet):
    rows = level_sheet(("甲片", DRUG, "", "二级"))
    plan = imported(pack, sheet([[*rows[0], "生产企业"], [*rows[1], "某厂"]]))
    assert any("column `生产企业`" in text for text in texts(plan.remarks.notes))


def test_a_sheet_without_header_or_codes(pack, sheet):
    assert "no header found" in refusal(pack, sheet([["甲片", DRUG, "二级"]]))
    assert "no column of codes in any sheet" in refusal(pack, sheet([NAMES, ["甲片", "", "限定性别对象", "女"]]))
    assert "no sheet of this workbook is a published one" in refusal(pack, sheet([["填表说明"], ["请按要求填写"]]))


def test_a_sheet_of_explanations_is_left_out(pack, sheet):
    plan = imported(pack, sheet({"说明": [["填表说明"]], "Sheet1": level_sheet(("甲片", DRUG, "", "二级"))}))
    assert len(rows_of(pack, "drug-facility-level")) == 1
    assert any("sheet 说明 of a.xlsx is left out" in text for text in texts(plan.remarks.notes))


def test_a_rule_that_is_not_known_is_named(pack, sheet):
    rows = [["项目名称", "项目编码", "备注"], ["甲费", SERVICE, "某科"]]
    assert "rule `医疗服务项目限科室使用` is not one whose sheets" in refusal(
        pack, sheet({"“医疗服务项目限科室使用”规则": rows})
    )


def test_a_rule_that_the_pack_lacks_is_named(pack, sheet):
    (pack / "rules" / "drug-facility-level.toml").unlink()
    said = refusal(pack, sheet(level_sheet(("甲片", DRUG, "", "二级"))))
    assert "the pack has no rule `药品限医疗机构级别`" in said
    assert "template T02" in said


def test_what_contradicts_a_constant_of_the_rule_is_reported(pack, sheet):
    rule = pack / "rules" / "drug-facility-level.toml"
    rule.write_text(
        rule.read_text("utf-8").replace("[[citations]]", '[constants]\nmin_level = "三级"\n\n[[citations]]', 1), "utf-8"
    )
    plan = imported(pack, sheet(level_sheet(("甲片", DRUG, "", "二级"), ("乙片", DRUG_2, "", "三级"))))
    assert [row["item_code"] for row in rows_of(pack, "drug-facility-level")] == [DRUG_2]
    assert [
        "`min_level` is 二级, in the pack's rule it is always 三级" in text
        for text in texts(plan.remarks.not_understood)
    ] == [True]


@pytest.mark.parametrize(
    ("name", "title", "day"),
    [
        ("a.xlsx", "“药品限适应症”规则（第十三批）", "2026-06-01"),
        ("【第14批】药品.xlsx", "“药品限适应症”规则", "2026-06-09"),
        ("a.xlsx", "“药品限适应症”规则 2026年7月6日发布", "2026-07-06"),
    ],
)
def test_the_day_of_publication_that_a_sheet_carries(pack, sheet, name, title, day):
    rows = [[title], ["药品名称", "药品编码", "备注"], ["甲片", DRUG, "限某病。"]]
    imported(pack, sheet(rows, name=name))
    (row,) = rows_of(pack, "drug-indication-text")
    assert row["valid_from"] == day


@pytest.mark.parametrize("title", ["“药品限适应症”规则", "“药品限适应症”规则（第五十批）"])
def test_an_unknown_day_is_asked_for(pack, sheet, title):
    path = sheet([[title], ["药品名称", "药品编码", "备注"], ["甲片", DRUG, "限某病。"]])
    assert "no day of publication for 药品限适应症\n  help: give it with --published" in refusal(pack, path)
    imported(pack, path, day=date(2026, 7, 6))
    assert rows_of(pack, "drug-indication-text")[0]["valid_from"] == "2026-07-06"


def test_a_later_batch_of_a_known_rule_is_not_dated_as_the_first(pack, sheet):
    path = sheet(level_sheet(("甲片", DRUG, "", "二级")), name="【第二十批】药品规则库.xlsx")
    assert "no day of publication" in refusal(pack, path)


def test_a_day_in_each_row(pack, sheet):
    rows = [[*ONE_SHEET, "发布日期"], ["甲片", DRUG, "", "限定机构等级", "二级", "2026/3/1"]]
    imported(pack, sheet(rows))
    assert rows_of(pack, "drug-facility-level")[0]["valid_from"] == "2026-03-01"


def test_dates_of_batches_are_those_of_the_starter_pack():
    stated = {}
    for path in (STARTER / "rules").glob("*.toml"):
        rule = tomllib.loads(path.read_text(encoding="utf-8"))
        for citation in rule["citations"]:
            named = published.batches_named(citation.get("batch", ""))
            if named and "修订" not in citation["batch"]:
                stated.setdefault((named.pop(), rule["title"]), citation["published"])
    known = {(number, title): batch.published for number, batch in published.BATCHES.items() for title in batch.titles}
    assert stated == known


def test_numbers_of_batches_are_read_as_they_are_written():
    for number in range(1, 60):
        assert published.batches_named(published.batch_title(number)) == {number}
    assert published.batches_named("第12批和第三批") == {12, 3}


def test_directories_hold_sheets_and_locks(pack, sheet, tmp_path):
    folder = tmp_path / "sheets"
    folder.mkdir()
    assert "no .xlsx file in this directory" in refusal(pack, folder)
    sheet(level_sheet(("甲片", DRUG, "", "二级")), name="sheets/a.xlsx")
    (folder / "~$a.xlsx").write_bytes(b"a lock")
    imported(pack, folder, folder / "a.xlsx")
    assert len(rows_of(pack, "drug-facility-level")) == 1
    assert "no such file or directory" in refusal(pack, tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not an .xlsx workbook"),
        (b"item_code,item_name\n", "not an .xlsx workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an old .xls workbook or one with a password"),
        (b"PK\x03\x04 but no archive", "not a readable .xlsx workbook"),
    ],
)
def test_a_file_that_is_no_workbook_is_named(pack, tmp_path, data, said):
    path = tmp_path / "b.xlsx"
    path.write_bytes(data)
    assert refusal(pack, path).startswith(f"b.xlsx:1:1: {said}")


def test_a_damaged_workbook_is_named(pack, sheet, tmp_path):
    whole = sheet(level_sheet(("甲片", DRUG, "", "二级"))).read_bytes()
    cut = tmp_path / "cut.xlsx"
    cut.write_bytes(whole[:-200])
    assert "cut.xlsx:1:1: not a readable .xlsx workbook" in refusal(pack, cut)
    parts = workbook_parts({"Sheet1": "<worksheet><sheetData><row r='1'><c r='A1'"})
    assert "not a readable .xlsx workbook" in refusal(pack, write_parts(tmp_path / "cut.xlsx", parts))
    empty = tmp_path / "cut.xlsx"
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("hello.txt", "no workbook")
    assert "not a readable .xlsx workbook" in refusal(pack, empty)


def test_a_file_beyond_the_limit_is_refused_by_name(pack, tmp_path):
    path = tmp_path / "large.xlsx"
    with path.open("wb") as file:
        file.truncate(workbook.FILE_MAX_BYTES + 1)
    assert f"FILE_MAX_BYTES is {workbook.FILE_MAX_BYTES}" in refusal(pack, path)


def test_a_zip_bomb_is_refused_by_name(pack, tmp_path):
    path = tmp_path / "bomb.xlsx"
    block = bytes(workbook.MEBIBYTE)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/workbook.xml", "w") as part:
        for _ in range(workbook.UNPACKED_MAX_BYTES // workbook.MEBIBYTE + 1):
            part.write(block)
    assert path.stat().st_size < workbook.FILE_MAX_BYTES
    assert f"UNPACKED_MAX_BYTES, {workbook.UNPACKED_MAX_BYTES}" in refusal(pack, path)


@pytest.mark.parametrize(
    "far",
    [
        "<row r='1048576'><c r='XFD1048576'><v>1</v></c></row>",
        "<row r='49999999999997'><c r='B49999999999997'><v>1</v></c></row>",
        f"<row r='1048576'><c r='{'Z' * 5000}1'><v>1</v></c></row>",
    ],
)
def test_a_sheet_that_would_fill_the_memory_is_refused_by_name(pack, tmp_path, far):
    near = sheet_xml(level_sheet(("甲片", DRUG, "", "二级")))
    parts = workbook_parts({"Sheet1": near.replace("</sheetData>", far + "</sheetData>")})
    assert f"SHEET_CELLS_MAX, {workbook.SHEET_CELLS_MAX}" in refusal(pack, write_parts(tmp_path / "far.xlsx", parts))


def test_merged_blocks_that_would_fill_the_memory_are_refused_by_name(pack, tmp_path):
    rows = [ONE_SHEET] + [["甲片", DRUG, "", "限定机构等级", "二级"]] * 2000
    xml = sheet_xml(rows, ["A1:E2001"] * 500)
    path = write_parts(tmp_path / "merged.xlsx", workbook_parts({"Sheet1": xml}))
    assert f"SHEET_CELLS_MAX, {workbook.SHEET_CELLS_MAX}" in refusal(pack, path)


def test_too_many_files_are_refused_by_name(pack, tmp_path):
    for number in range(workbook.FILES_MAX + 1):
        (tmp_path / f"{number}.xlsx").write_bytes(b"")
    assert f"FILES_MAX is {workbook.FILES_MAX}" in refusal(pack, tmp_path)


def test_every_error_of_every_file_is_told_at_once(pack, sheet, tmp_path):
    (tmp_path / "b.xlsx").write_bytes(b"")
    said = refusal(pack, sheet([["甲片", DRUG, "二级"]]), tmp_path / "b.xlsx")
    assert "a.xlsx[Sheet1]:1:1: no header found" in said
    assert "b.xlsx:1:1: not an .xlsx workbook" in said
