"""The Chinese guide for vendors: what it shows is in the tested examples, what it lists is all there is."""

import re
from pathlib import Path

import pytest

from ruleset.outcome import Action
from server.cli import main as command_line
from server.conformance import text as report_text
from server.conformance.examine import Examination
from server.conformance.findings import NotUnderstood, Understood, UnreadField

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs/howto/vendor-guide.zh-CN.md").read_text(encoding="utf-8")
HEADERS = "".join(
    (ROOT / "native/include" / name).read_text(encoding="utf-8") for name in ("precheck.h", "precheck_flat.h")
)
SNIPPET = re.compile(r"（\[`[\w.]+`\]\(([^)]+)\)）：\n\n```(\w+)\n(.*?)```", re.DOTALL)
MERMAID = re.findall(r"```mermaid\n(.*?)```", PAGE, re.DOTALL)


def number(name):
    """A number of the header."""
    return int(re.search(rf"^#define {name}\s+\(?(-?\w+)\)?", HEADERS, re.MULTILINE)[1], 0)


def results():
    """Every result of the header with its number: a check's verdicts and what begins with PCK_E_."""
    found = re.findall(r"^#define (PCK_(?:PASS|WARN|BLOCK|E_\w+))\s+\(?(-?\d+)\)?", HEADERS, re.MULTILINE)
    return {name: int(value) for name, value in found}


def test_the_table_has_every_result_with_its_number():
    rows = re.findall(r"^\| (-?\d+) \| `(PCK_\w+)` \|", PAGE, re.MULTILINE)
    assert {name: int(value) for value, name in rows} == results()
    assert len(rows) == len(results()) > 20


def test_no_negative_result_of_a_check_may_look_like_a_pass():
    not_of_a_check = {"PCK_E_SERVERS", "PCK_E_CERTIFICATE", "PCK_E_BUFFER", "PCK_E_NO_ANSWER", "PCK_E_UNSUPPORTED"}
    for line in re.findall(r"^\| -\d+ \| `PCK_E_.*$", PAGE, re.MULTILINE):
        name = re.search("PCK_E_[A-Z_]+", line)[0]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[2].startswith("未审核") or name in not_of_a_check, line
        assert "通过" not in line
        assert "合规" not in line


def test_every_function_and_constant_that_it_names_exists():
    for name in {*re.findall(r"\b(pck_\w+)\(", PAGE), *re.findall(r"\b(PCK_[A-Z0-9_]+)\b", PAGE)}:
        assert re.search(rf"\b{name}\b", HEADERS), name


def test_every_function_of_the_header_has_its_place():
    for name in re.findall(r"PCK_API [\w ]*?\*?\s*PCK_CALL (pck_(?!flat_)\w+)\(", HEADERS):
        assert f"`{name}()`" in PAGE or name in {"pck_version", "pck_result_name"}, name


@pytest.mark.parametrize(("file", "language", "block"), SNIPPET.findall(PAGE))
def test_every_snippet_is_of_a_tested_example(file, language, block):
    path = (ROOT / "docs/howto" / file).resolve()
    content = path.read_bytes().decode("gbk" if "vb6" in file else "utf-8-sig").replace("\r\n", "\n")
    assert block in content, f"{language}: not in {file} (any more)"


def test_every_block_of_code_is_one_of_them():
    languages = re.findall(r"```([a-z]+)\n", PAGE)
    assert sorted(language for language in languages if language != "mermaid") == sorted(
        language for _, language, _ in SNIPPET.findall(PAGE)
    )
    assert len(SNIPPET.findall(PAGE)) >= 4


def test_every_language_is_listed_and_what_was_not_compiled_says_so():
    table = PAGE.partition("## 各语言的例子")[2].partition("\n## ")[0]
    for folder in (ROOT / "native/examples").iterdir():
        assert f"native/examples/{folder.name}/" in table
    for folder in ("vb6", "powerbuilder"):
        (row,) = [line for line in table.splitlines() if f"examples/{folder}/" in line and line.startswith("|")]
        assert "未在此编译" in row


def test_the_report_that_it_shows_is_todays(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    (command, shown) = re.search(
        r"```\n(precheck conformance --brief [^\n]+)\n```\n\n```\n(.*?)```", PAGE, re.DOTALL
    ).groups()
    assert command_line.main(command.split()[1:]) == 0
    printed = capsys.readouterr().out.splitlines()
    place = 0
    for line in shown.splitlines():
        if line.strip() != "…":
            assert line in printed[place:], line
            place = printed.index(line, place) + 1


def test_what_the_tool_says_is_explained_in_its_words():
    source = Path(report_text.__file__).read_text(encoding="utf-8")
    table = PAGE.partition("| 它说 | 意思 |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) >= 7
    for row in rows:
        for words in re.split(r" … |\.ext |、", row):
            assert words.strip(" .") in source, row


def test_numbers_are_those_of_the_header():
    assert f"期限默认 {number('PCK_DEADLINE_MS_DEFAULT')} 毫秒" in PAGE
    assert number("PCK_IDLE_MS_DEFAULT") == 4 * 60_000
    assert "空闲太久的连接（默认 4 分钟）" in PAGE
    assert number("PCK_DOCUMENT_BYTES_MAX") == 24 << 20
    assert "超过 24 MiB" in PAGE


def test_every_action_has_its_row():
    table = PAGE.partition("| 动作 `action` |")[2].partition("\n\n")[0]
    assert [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")] == [
        action.name for action in Action
    ]


@pytest.mark.parametrize("diagram", MERMAID)
def test_diagrams_name_only_their_participants(diagram):
    participants = set(re.findall(r"participant (\S+)", diagram))
    assert diagram.startswith("sequenceDiagram\n")
    arrows = re.findall(r"^\s*([^\s-]+?)-?->>([^:]+):", diagram, re.MULTILINE)
    assert len(arrows) > 5
    assert {name for arrow in arrows for name in arrow} <= participants
    assert len(re.findall(r"^\s*(?:alt|loop|opt) ", diagram, re.MULTILINE)) == len(
        re.findall(r"^\s*end$", diagram, re.MULTILINE)
    )


def test_the_fields_of_the_report_are_those_of_the_code():
    table = PAGE.partition("| `message` 的字段 |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    first = {name for names, _ in rows for name in re.findall(r"`(\w+)", names)}
    assert first <= set(Examination.__struct_fields__)
    assert {"understood", "unread", "not_understood", "missing", "advice", "answer"} <= first
    inner = {name for _, text in rows for name in re.findall(r"`(\w+)`", text)}
    known = {*Understood.__struct_fields__, *UnreadField.__struct_fields__, *NotUnderstood.__struct_fields__}
    assert inner <= known
