"""The Chinese page for pharmacists: what it does and what it shows is what happens."""

import csv
import re
import shutil
from pathlib import Path

import pytest

from server.cli import main as command_line

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs/howto/for-pharmacists.zh-CN.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)


def shown_after(command):
    """Return the block that follows the block of a command."""
    return BLOCKS[next(place for place, block in enumerate(BLOCKS) if block.startswith(command)) + 1]


@pytest.fixture
def pack(tmp_path):
    """A copy of the safety pack in which the row of the page is changed as its table says."""
    copy = tmp_path / "safety-cn"
    shutil.copytree(ROOT / "ruleset/packs/safety-cn", copy)
    changes = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", PAGE.partition("| 列 | 原来 |")[2], re.MULTILINE)
    assert len(changes) == 4
    change_row(copy, {column: (old, new) for column, old, new in changes})
    return copy


def change_row(pack, changes):
    file = pack / "rows/age-forbidden.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    (row,) = (row for row in rows if row["drug_class"] == "J01G")
    for column, (old, new) in changes.items():
        assert row.get(column, "") == old
        row[column] = new
    columns = list(dict.fromkeys((*rows[0], *changes)))
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)


def test_explain_prints_what_the_page_shows(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert command_line.main(["explain", "docs/samples/block.json"]) == 0
    assert capsys.readouterr().out == shown_after("precheck explain")


def test_lint_asks_who_signed(pack, capsys):
    assert command_line.main(["pack", "lint", str(pack)]) == 1
    captured = capsys.readouterr()
    shown = shown_after("precheck pack lint").splitlines()
    assert [line for line in (captured.out + captured.err).splitlines() if line in shown] == shown


def test_the_case_of_the_old_answer_fails_and_no_other(pack, capsys):
    change_row(pack, {"signed_by": ("", "药师")})
    assert command_line.main(["pack", "lint", str(pack)]) == 0
    capsys.readouterr()
    assert command_line.main(["pack", "test", str(pack)]) == 1
    captured = capsys.readouterr()
    assert shown_after("precheck pack test") in captured.out + captured.err
    assert " 1 failed" in captured.out
