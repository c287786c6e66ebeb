"""`pack explain`: what is indexed on what, what is not and why, and what is in force on a day."""

from server.cli.main import main
from tests.pack.test_lint import pack_of


def explained(capsys, *arguments):
    assert main(["pack", "explain", *map(str, arguments)]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_rule_with_conditions_lists_and_curations(tmp_path, capsys):
    rows = (
        "row_id,drug_class,sex,curation,action,exempt_departments,valid_from,valid_to\n"
        "a,抗凝药,女,,,,2025-01-01,2026-01-01\n"
        "b,N02A,女,raw,HINT,A05,2026-01-01,\n"
    )
    lists = {"抗凝药": "ingredient,name\n华法林,\n利伐沙班,\n"}
    root = pack_of(tmp_path, "T06", rows, '[scope]\nmin_age = "18岁"\ncare_modes = ["门诊", "急诊"]\n', lists)
    lines = explained(capsys, root, "--on", "2026-01-01")
    assert lines[0].endswith("小规则包: 1 rules, 2 rows")
    assert lines[1:3] == ["  keys class: 2, at most 1 rows under one (`class:抗凝药`)", "  list 抗凝药: 2 members"]
    assert lines[3].startswith("  r:  规则; template T06 ")
    assert "2 rows, indexed 2 by class; needs sex" in lines[3]
    assert lines[4:] == [
        "    scope: care_modes 门诊, 急诊; min_age 18岁",
        "    1 rows state conditions of their own",
        "    curation: 1 official, 1 raw",
        "    in force on 2026-01-01: 1 of 2 rows",
    ]


def test_a_row_that_no_key_narrows_says_why(tmp_path, capsys):
    root = pack_of(tmp_path, "T25", "check,max_kinds\n种类数,5\n")
    lines = explained(capsys, root)
    assert [line for line in lines if line.startswith("    not indexed")] == [
        "    not indexed: r:种类数+5: speaks of a prescription as a whole, so each is judged by it once"
    ]
    assert (
        "  key: every:prescription (not indexed: speaks of a prescription as a whole, so each is judged by it once)"
        in (explained(capsys, root, "--row", "r:种类数+5"))
    )


def test_a_row_shows_its_conditions_and_what_it_states(tmp_path, capsys):
    rows = "row_id,item_code,item_name,sex,source,exempt_departments\na,X1,甲,女,附件1第2行,A05\n"
    root = pack_of(tmp_path, "T06", rows, '[scope]\nmin_age = "18岁"\n')
    lines = explained(capsys, root, "--row", "a")
    for line in ("  scope: min_age 18岁", "  exempt: departments A05", "  source: 附件1第2行", "  key: item:X1"):
        assert line in lines
