"""`precheck pack import-nhsa`, as an operator uses it."""

import pytest

from server.cli.main import main
from tests.importer.importing import DRUG, DRUG_2, level_sheet, rows_of
from tests.importer.spreadsheets import write_workbook


@pytest.fixture
def run(pack, capsys):
    """Runs the command into the pack; returns exit code, output, errors."""

    def run_command(*arguments):
        code = main(["pack", "import-nhsa", *map(str, arguments), "--into", str(pack)])
        out, err = capsys.readouterr()
        return code, out, err

    return run_command


def test_the_diff_comes_before_the_writing(run, pack, sheet):
    path = sheet(level_sheet(("甲片", DRUG, "限二级及以上医疗机构甲病患者。", "二级")))
    code, out, err = run(path)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:2] == [
        "drug-facility-level: 1 rows in the sheets: 1 added",
        f"  + drug-facility-level:{DRUG}@2025-08-14: 甲片 min_level=二级 from 2025-08-14",
    ]
    assert any(line.startswith("  ? drug-indication-text:nhsa-") for line in lines)
    assert "rules/drug-indication-text.toml: cites the publication of its new rows" in lines
    assert "texts not read to the end: the rest is a raw row (1):" in lines
    assert "3 files written: rows/drug-facility-level.csv" in out
    assert len(rows_of(pack, "drug-facility-level")) == 1
    assert run(path)[1].splitlines()[-1] == "nothing to change: the pack holds all of it"


def test_a_dry_run_writes_nothing(run, pack, sheet):
    path = sheet(level_sheet(("甲片", DRUG, "", "二级")))
    before = sorted(pack.rglob("*"))
    code, out, _ = run(path, "--dry-run")
    assert code == 0
    assert "1 added" in out
    assert out.splitlines()[-1] == "dry run: 1 files would change, nothing written"
    assert sorted(pack.rglob("*")) == before


def test_long_lists_are_cut_unless_asked_for(run, sheet):
    path = sheet(level_sheet(*(("甲片", f"{DRUG[:-2]}{number:02}", "", "二级") for number in range(12))))
    out = run(path, "--dry-run")[1]
    assert "  … and 2 more; --full shows all" in out.splitlines()
    full = run(path, "--dry-run", "--full")[1]
    assert full.count("  + ") == 12


def test_rows_that_were_not_understood_are_told_at_the_end_too(run, sheet):
    code, out, _ = run(sheet(level_sheet(("甲片", DRUG, "", "二级"), ("乙片", "X1", "", "二级"))))
    assert code == 0
    assert "a.xlsx[Sheet1]:3:1: `X1` has the shape of no national code" in out
    assert out.splitlines()[-1] == "1 published rows were not understood and are not in the pack: see above"


def test_a_refusal_writes_nothing(run, pack, sheet, tmp_path):
    write_workbook(tmp_path / "b.xlsx", {"Sheet1": [["甲片", DRUG]]})
    code, out, err = run(sheet(level_sheet(("甲片", DRUG, "", "二级"))), tmp_path / "b.xlsx")
    assert (code, out) == (1, "")
    assert "b.xlsx[Sheet1]:1:1: no header found" in err
    assert err.endswith("1 error, nothing written\n")
    assert not (pack / "rows").exists()


def test_a_pack_that_is_none_is_named(sheet, tmp_path, capsys):
    path = sheet(level_sheet(("甲片", DRUG, "", "二级")))
    assert main(["pack", "import-nhsa", str(path), "--into", str(tmp_path / "nowhere")]) == 1
    assert "pack.toml:1:1: file is missing" in capsys.readouterr().err


def test_a_revision_of_a_day(run, pack, sheet):
    run(sheet(level_sheet(("甲片", DRUG, "", "二级"))))
    path = sheet(level_sheet(("乙片", DRUG_2, "", "二级")))
    assert "no day of publication" in run(path, "--revision")[2]
    assert run(path, "--revision", "--published", "2026-01-28")[0] == 0
    assert [row["valid_to"] for row in rows_of(pack, "drug-facility-level")] == ["2026-01-28", ""]


def test_a_day_that_is_none(run, sheet, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(sheet(level_sheet(("甲片", DRUG, "", "二级"))), "--published", "28.1.2026")
    assert stopped.value.code == 2
    assert "`28.1.2026` is no date, write it as 2026-01-31" in capsys.readouterr().err
