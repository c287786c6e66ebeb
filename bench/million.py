"""A compiled pack of a million rows, for measuring: invented item codes, one rule, one row a code.

It is written without its source form, which would take minutes to compile and say nothing more: what a server opens,
verifies and maps is the file.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from ruleset.pack.compile import compile_pack
from ruleset.pack.file import PackFile, RowRecord, write_pack

ROWS = 1_000_000
RULE_CODE = "MILLION-{}"
_HEAD = 'id = "million"\nrevision = {revision}\ntitle = "一百万行（测量用，非真实数据）"\n'
_RULE = """\
template = "T32"
title = "每日限定数量"
official_code = "{code}"
kind = "payment"
action = "WARN"
message = "“{{item}}”每日最多{{limit}}{{unit}}，第{revision}版"
remedies = ["减量"]
citations = [{{ document = "测量" }}]
"""
_ROWS = "item_code,item_name,max_qty,unit\n{code},一号,1,日\n"
_TESTS = """\
[[case]]
name = "每日一次"
kind = "compliant"
time = 2026-07-06T09:00:00
lines = [{{ item_code = "{code}", quantity = 1 }}]
"""


def item_code(number: int) -> str:
    """Return the code of the item with a number: of the shape of a national service code."""
    return f"0{number:014d}"


def limit_of(number: int, revision: int) -> int:
    """Return how many of an item a revision allows a day."""
    return 1 + (number + revision) % 3


def write_million(target: Path, revision: int, rows: int = ROWS) -> Path:
    """Write the pack of a revision; the same revision and number of rows give the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        for name, text in {
            "pack.toml": _HEAD.format(revision=revision),
            "rules/per-day.toml": _RULE.format(code=RULE_CODE.format(revision), revision=revision),
            "rows/per-day.csv": _ROWS.format(code=item_code(0)),
            "tests/cases.toml": _TESTS.format(code=item_code(0)),
        }.items():
            (source / name).parent.mkdir(exist_ok=True)
            (source / name).write_text(text, encoding="utf-8")
        compile_pack(source, source / "one.pack")
        one = PackFile(source / "one.pack")
        (first,) = one.all_rows()
        manifest = msgspec.structs.replace(one.manifest, source_digest="")
        write_pack(target, manifest, _rows(first, revision, rows))
    return target


def _rows(first: RowRecord, revision: int, rows: int) -> Iterator[tuple[RowRecord, Sequence[str]]]:
    for number in range(rows):
        code = item_code(number)
        cells = [code, f"项目{number}", str(limit_of(number, revision)), "日"]
        yield msgspec.structs.replace(first, id=f"per-day:{code}", cells=cells), (f"item:{code}",)
