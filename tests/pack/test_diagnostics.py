"""Planted mistakes: each is reported at its file, line and column, with help where something near was meant."""

import pytest

from ruleset.pack.check import ROWS_PER_KEY_MAX, check_directory
from ruleset.pack.diagnostics import PackError

RULE = "rules/drug-sex.toml"
ROWS = "rows/drug-sex.csv"


def diagnostics(root):
    with pytest.raises(PackError) as caught:
        check_directory(root)
    return caught.value.diagnostics


def edit(root, path, old, new):
    text = (root / path).read_text(encoding="utf-8")
    assert text.count(old) >= 1, old
    (root / path).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_sound_pack_has_none(small_pack):
    assert len(check_directory(small_pack).rows) == 3


EDITS = {
    "unknown template": (RULE, '"T06"', '"T006"', (1, 1), "unknown template `T006`", "did you mean `T06`?"),
    "unknown field of a rule": (
        RULE,
        "remedies",
        "remedys",
        (7, 1),
        "unknown field `remedys`",
        "did you mean `remedies`?",
    ),
    "unknown kind": (
        RULE,
        '"safety"',
        '"safe"',
        (4, 1),
        "`kind` is `safe`, expected one of payment, safety, legal",
        "did you mean `safety`?",
    ),
    "unknown action": (
        RULE,
        '"WARN"',
        '"WARNING"',
        (5, 1),
        "`action` is `WARNING`, expected one of",
        "did you mean `WARN`?",
    ),
    "unknown placeholder": (
        RULE,
        "{limit_sex}",
        "{limit_seks}",
        (6, 1),
        "message names `limit_seks`",
        "did you mean `limit_sex`?",
    ),
    "placeholder with an attribute": (RULE, "{item}", "{item.name}", (6, 1), "is not a plain name", ""),
    "unbalanced brace": (RULE, "{item}", "{item", (6, 1), "", ""),
    "no citation": (RULE, '[[citations]]\ndocument = "规则库"\n', "citations = []\n", (9, 1), "no citation", ""),
    "second citation without a date": (
        RULE,
        '[[citations]]\ndocument = "规则库"\n',
        '[[citations]]\ndocument = "规则库"\n[[citations]]\ndocument = "修订"\n',
        (9, 3),
        "need a later `valid_from`",
        "",
    ),
    "unknown constant": (
        RULE,
        "[[citations]]",
        '[constants]\nsexx = "女"\n\n[[citations]]',
        (10, 1),
        "unknown constant `sexx`",
        "did you mean `sex`?",
    ),
    "constant that is a column too": (
        RULE,
        "[[citations]]",
        '[constants]\nsex = "女"\n\n[[citations]]',
        (ROWS, 1, 3),
        "column `sex` is a constant of the rule",
        "",
    ),
    "unknown payer": (
        RULE,
        "\n[[citations]]",
        'exempt_payers = ["work_injuries"]\n\n[[citations]]',
        (8, 1),
        "unknown payer `work_injuries`",
        "did you mean `work_injury`?",
    ),
    "raw rule above HINT": (
        RULE,
        'kind = "safety"',
        'kind = "safety"\ncuration = "raw"',
        (6, 1),
        "a raw rule never rises above HINT",
        "",
    ),
    "rule that is not TOML": (RULE, 'kind = "safety"', "kind = safety", (4, 8), "not valid TOML", ""),
    "unknown column": (
        ROWS,
        "item_name",
        "item_nmae",
        (1, 2),
        "unknown column `item_nmae`",
        "did you mean `item_name`?",
    ),
    "missing column": (ROWS, ",sex,", ",row_id,", (1, 1), "column `sex` is missing", ""),
    "column that stands twice": (ROWS, "item_name", "item_code", (1, 1), "a column stands twice", ""),
    "bad value": (
        ROWS,
        "X2,乙药,男",
        "X2,乙药,女性",
        (4, 3),
        "`sex` is `女性`, expected one of 男, 女",
        "did you mean `女`?",
    ),
    "empty cell": (ROWS, "X2,乙药,男", "X2,乙药,", (4, 3), "`sex` is empty", ""),
    "bad date": (ROWS, "男,2025-05-23", "男,2025/5/23", (4, 4), "`2025/5/23` is no date", "write it as 2026-01-31"),
    "date that does not exist": (
        ROWS,
        "男,2025-05-23",
        "男,2025-02-29",
        (4, 4),
        "`2025-02-29` is no date",
        "2026-01-31",
    ),
    "valid_to before valid_from": (
        ROWS,
        "男,2025-05-23,",
        "男,2025-05-23,2025-05-22",
        (4, 5),
        "the row is never in force",
        "",
    ),
    "valid_to on valid_from": (
        ROWS,
        "男,2025-05-23,",
        "男,2025-05-23,2025-05-23",
        (4, 5),
        "the row is never in force",
        "",
    ),
    "blanks around a code": (ROWS, "X2,", "X2 ,", (4, 1), "`item_code` has blanks around `X2`", ""),
    "too few cells": (ROWS, "X2,乙药,男,2025-05-23,", "X2,乙药", (4, 1), "2 cells where the header has 5", ""),
    "duplicate row": (ROWS, "X2,乙药,男,2025-05-23,", "X1,甲药,女,2026-01-28,", (4, 1), "stands at line 3 too", ""),
    "same statement on overlapping days": (
        ROWS,
        "X2,乙药,男,2025-05-23,",
        "X1,甲药,女,2026-02-01,",
        (4, 1),
        "says the same as line 3 on the same days",
        "",
    ),
    "unknown field of the pack": (
        "pack.toml",
        "title",
        "titel",
        (3, 1),
        "unknown field `titel`",
        "did you mean `title`?",
    ),
    "revision that is no number": (
        "pack.toml",
        "= 1",
        '= "one"',
        (2, 1),
        "`revision` is `one`, expected a whole number",
        "",
    ),
}


@pytest.mark.parametrize("mistake", EDITS)
def test_a_planted_mistake_is_reported_where_it_stands(mistake, small_pack):
    path, old, new, place, message, help_text = EDITS[mistake]
    edit(small_pack, path, old, new)
    expected_path, line, column = place if len(place) == 3 else (path, *place)
    found = diagnostics(small_pack)
    matching = [
        diagnostic
        for diagnostic in found
        if (diagnostic.path, diagnostic.line, diagnostic.column) == (expected_path, line, column)
        and message.lower() in diagnostic.message.lower()
        and help_text in diagnostic.help
    ]
    assert matching, "\n".join(map(str, found))
    assert str(matching[0]).startswith(f"{expected_path}:{line}:{column}: ")


def test_a_pack_without_its_head(small_pack):
    (small_pack / "pack.toml").unlink()
    assert [str(d) for d in diagnostics(small_pack)] == ["pack.toml:1:1: file is missing"]


def test_a_rule_without_rows(small_pack):
    (small_pack / ROWS).unlink()
    assert [str(d) for d in diagnostics(small_pack)] == [f"{RULE}:1:1: {ROWS} is missing"]


def test_rows_without_their_rule(small_pack):
    (small_pack / ROWS).rename(small_pack / "rows" / "drug-sexx.csv")
    assert [str(d) for d in diagnostics(small_pack)] == [
        "rows/drug-sexx.csv:1:1: rules/drug-sexx.toml is missing\n  help: did you mean `drug-sex`?",
        f"{RULE}:1:1: {ROWS} is missing",
    ]


def test_rows_that_a_spreadsheet_saved_in_gbk(small_pack):
    path = small_pack / ROWS
    path.write_bytes(path.read_text(encoding="utf-8").encode("gbk"))
    assert [(d.path, d.line, d.message, d.help) for d in diagnostics(small_pack)] == [
        (ROWS, 1, "file is not UTF-8", "save it as CSV UTF-8")
    ]


def test_rows_that_a_spreadsheet_saved_with_a_byte_order_mark_and_its_own_line_ends(small_pack):
    path = small_pack / ROWS
    before = [row.id for row in check_directory(small_pack).rows]
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert [row.id for row in check_directory(small_pack).rows] == before


def test_a_quoted_line_break_does_not_shift_the_lines_that_follow(small_pack):
    edit(small_pack, ROWS, "X1,甲药", 'X1,"甲\n药"')
    edit(small_pack, ROWS, "X2,乙药,男", "X2,乙药,女性")
    assert [(d.line, d.column) for d in diagnostics(small_pack)] == [(5, 3)]


def test_everything_wrong_is_reported_at_once_in_the_order_of_places(small_pack):
    edit(small_pack, ROWS, "X2,乙药,男", "X2 ,乙药,女性")
    edit(small_pack, RULE, "{limit_sex}", "{limit_seks}")
    assert [(d.path, d.line, d.column) for d in diagnostics(small_pack)] == [(ROWS, 4, 1), (ROWS, 4, 3), (RULE, 6, 1)]


def test_a_crowded_key_is_refused(small_pack):
    rows = [f"r{n},X1,甲药{n},女,," for n in range(ROWS_PER_KEY_MAX + 1)]
    (small_pack / ROWS).write_text(
        "\n".join(["row_id,item_code,item_name,sex,valid_from,valid_to", *rows, ""]), encoding="utf-8"
    )
    assert [(d.line, d.message) for d in diagnostics(small_pack)] == [
        (ROWS_PER_KEY_MAX + 2, f"more than {ROWS_PER_KEY_MAX} rows under `item:X1`")
    ]


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ("ingredient,systemic_clas\n布洛芬,M01AE\n", (1, 2, "unknown column `systemic_clas`")),
        ("ingredient,systemic_class\n布洛芬,止痛药\n", (2, 1, "`systemic_class` `止痛药` is no ATC code")),
        ("ingredient,systemic_class\n,M01AE\n", (2, 1, "`ingredient` is empty")),
        ("ingredient,systemic_class\n布洛芬,M01AE\n布洛芬,M01A\n", (3, 1, "`布洛芬` stands in line 2 already")),
    ],
)
def test_a_substance_that_is_not_said_clearly(small_pack, table, place):
    (small_pack / "substances.csv").write_text(table, encoding="utf-8")
    assert [(d.line, d.column, d.message) for d in diagnostics(small_pack)] == [place]


SEVERAL_FAULTS = """\
template = "T06"
titel = "药品区分性别使用"
official_code = "GZ10000301004000"
kind = "safe"
action = "WARN"
message = "“{item}”限{limit_seks}性使用。"

[exempt]
care_modes = ["门诊"]

[scope]
care_modes = ["住院部", "急诊"]
min_age = "十八"

[action_at]
charging = "BLOK"

[[citations]]
document = "规则库"

[[citations]]
documnet = "规则库"
valid_from = "2026-02-30"

[[citations]]
document = "规则库"
valid_from = 20260131
"""
WRONG_ROWS = """\
item_code,item_name,sex,valid_from,valid_to,scope_care_modes
X1,甲药,女性,2026-02-30,,
X2,乙药,男,2026-02-01,2026-01-01,门诊|住院部
"""
FAULTS_OF_ROWS = [
    (ROWS, 2, 3, "`sex` is `女性`, expected one of 男, 女", "did you mean `女`?"),
    (ROWS, 2, 4, "`2026-02-30` is no date", "write it as 2026-01-31"),
    (ROWS, 3, 5, "the row is never in force: `valid_to` is not after `valid_from`", ""),
    (
        ROWS,
        3,
        6,
        "`scope_care_modes` is `门诊|住院部`, expected one of 门诊, 急诊, 门慢特, 住院, 购药, 其他",
        "did you mean `住院`?",
    ),
]


def places(root):
    return [(d.path, d.line, d.column, d.message, d.help) for d in diagnostics(root)]


def test_one_fault_of_a_rule_hid_all_others_and_the_rows(small_pack):
    """`care_modes = ["住院部"]` was all that was told, without a word of what may stand there."""
    (small_pack / RULE).write_text(SEVERAL_FAULTS, encoding="utf-8")
    (small_pack / ROWS).write_text(WRONG_ROWS, encoding="utf-8")
    modes = "门诊, 急诊, 门慢特, 住院, 购药, 其他"
    assert places(small_pack) == [
        *FAULTS_OF_ROWS,
        (RULE, 2, 1, "unknown field `titel`", "did you mean `title`?"),
        (RULE, 4, 1, "`kind` is `safe`, expected one of payment, safety, legal", "did you mean `safety`?"),
        (
            RULE,
            6,
            1,
            "message names `limit_seks`, which template T06 does not know",
            "did you mean `limit_sex`?",
        ),
        (RULE, 11, 2, "`min_age`: `十八` is not an age such as `28天`, `6月`, `18岁`", ""),
        (RULE, 12, 1, f"`care_modes` is `住院部`, expected one of {modes}", "did you mean `住院`?"),
        (
            RULE,
            16,
            1,
            "`charging` is `BLOK`, expected one of HINT, WARN, WARN_REASON, REVIEW, BLOCK",
            "did you mean `BLOCK`?",
        ),
        (RULE, 22, 1, "unknown field `documnet`", "did you mean `document`?"),
        (RULE, 23, 1, "`valid_from` is `2026-02-30`, expected a date such as 2026-01-31", ""),
        (RULE, 27, 1, "`valid_from` is `20260131`, expected a date such as 2026-01-31", ""),
    ]


@pytest.mark.parametrize("name", ["T6", "t6", "6", "T006"])
def test_a_template_by_its_number_was_taken_for_another(name, small_pack):
    """`T6` was answered with "did you mean `T36`?", and what else was wrong with rule and rows stayed untold."""
    edit(small_pack, RULE, '"T06"', f'"{name}"')
    edit(small_pack, RULE, "{limit_sex}", "{limit_seks}")
    (small_pack / ROWS).write_text(WRONG_ROWS, encoding="utf-8")
    assert places(small_pack) == [
        *FAULTS_OF_ROWS,
        (RULE, 1, 1, f"unknown template `{name}`", "did you mean `T06`?"),
        (RULE, 6, 1, "message names `limit_seks`, which template T06 does not know", "did you mean `limit_sex`?"),
    ]


@pytest.mark.parametrize(
    ("edits", "place"),
    [
        ((RULE, '"T06"', '"性别"'), (RULE, 1, 1)),
        ((RULE, '"T06"', "6"), (RULE, 1, 1)),
        ((RULE, 'template = "T06"\n', ""), (RULE, 1, 1)),
        ((RULE, 'kind = "safety"', "kind = safety"), (RULE, 4, 8)),
        ((RULE, 'kind = "safety"', "kind = 2026-02-30"), (RULE, 4, 8)),
    ],
)
def test_a_rule_without_a_template_hid_what_is_wrong_with_any_row(edits, place, small_pack):
    edit(small_pack, *edits)
    (small_pack / ROWS).write_text(WRONG_ROWS, encoding="utf-8")
    found = places(small_pack)
    assert found[:3] == FAULTS_OF_ROWS[1:]
    assert [one[:3] for one in found[3:]] == [place]


def test_a_column_that_is_none_hid_what_is_wrong_with_the_cells(small_pack):
    edit(small_pack, ROWS, "item_name", "item_nmae")
    edit(small_pack, ROWS, "X2,乙药,男", "X2,乙药,女性")
    assert [one[:4] for one in places(small_pack)] == [
        (ROWS, 1, 2, "unknown column `item_nmae`"),
        (ROWS, 4, 3, "`sex` is `女性`, expected one of 男, 女"),
    ]


def test_a_wrong_constant_was_told_of_every_row_and_hid_their_days(small_pack):
    edit(small_pack, ROWS, ",sex,", ",source,")
    edit(small_pack, ROWS, "男,2025-05-23,", "男,2025-5-23,")
    edit(small_pack, RULE, "[[citations]]", '[constants]\nsex = "女性"\n\n[[citations]]')
    assert places(small_pack) == [
        (ROWS, 4, 4, "`2025-5-23` is no date", "write it as 2026-01-31"),
        (RULE, 10, 1, "`sex` is `女性`, expected one of 男, 女", "did you mean `女`?"),
    ]


def test_a_fault_of_the_pack_hid_its_rules_and_rows(small_pack):
    edit(small_pack, "pack.toml", "title", "titel")
    edit(small_pack, "pack.toml", 'id = "small"', 'id = "small"\nlayer = "hosptal"\nregions = [370100]')
    edit(small_pack, RULE, "{limit_sex}", "{limit_seks}")
    (small_pack / "lists").mkdir()
    (small_pack / "lists" / "a.csv").write_text("itm_code\nX1\n", encoding="utf-8")
    assert [one[:4] for one in places(small_pack)] == [
        ("lists/a.csv", 1, 1, "unknown column `itm_code`"),
        ("pack.toml", 2, 1, "`layer` is `hosptal`, expected one of national, regional, safety, hospital"),
        ("pack.toml", 3, 1, "`regions` is `370100`, expected text"),
        ("pack.toml", 5, 1, "unknown field `titel`"),
        (RULE, 6, 1, "message names `limit_seks`, which template T06 does not know"),
    ]
