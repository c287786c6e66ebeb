"""What the compilers of a Chinese Windows, and old ones, must be able to read."""

import json
import re
import subprocess

import pytest

from tests.abi.servers import grpc_server
from tests.kit.programs import BUILD, EXAMPLES, INCLUDE, LIBRARY_PATH, run

MARK = b"\xef\xbb\xbf"
READ_BY_ITS_MARK = {".c", ".cpp", ".cs"}
"""MSVC and the old C# compiler take a file without a byte order mark for one in the system's code page."""
PLAIN = {".h", ".hpp", ".pas"}
"""What cannot carry a mark for every compiler of it: Delphi 7 knows none, and a C host may include a header anywhere."""
SOURCES = [path for folder in (EXAMPLES, INCLUDE) for path in sorted(folder.rglob("*"))]


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.suffix in READ_BY_ITS_MARK], ids=lambda path: path.name
)
def test_texts_stand_behind_a_mark(path):
    content = path.read_bytes()
    assert content.isascii() or content.startswith(MARK)


@pytest.mark.parametrize("path", [path for path in SOURCES if path.suffix in PLAIN], ids=lambda path: path.name)
def test_what_has_no_mark_is_ascii(path):
    """But for comments of Pascal that end with their line: no code page can make one swallow what follows it."""
    lines = path.read_bytes().splitlines()
    if path.suffix == ".pas":
        lines = [line for line in lines if not line.lstrip().startswith(b"// ")]
    assert all(line.isascii() for line in lines)


def test_the_numbers_of_a_text_of_pascal_are_what_stands_above_them():
    text = (EXAMPLES / "pascal" / "Station.pas").read_text(encoding="utf-8")
    texts = re.findall(r"^  // (.+)\n  \w+ = '([0-9A-F]+)';$", text, re.MULTILINE)
    assert len(texts) > 20
    assert len(texts) == len(re.findall("= '[0-9A-F]{4,}';", text))
    for said, numbers in texts:
        assert bytes.fromhex(numbers).decode("utf-16-be") == said


@pytest.mark.parametrize("name", ["Precheck.pas", "Station.pas"])
def test_pascal_of_delphi_7_has_no_methods_of_records(name):
    text = (EXAMPLES / "pascal" / name).read_text(encoding="utf-8")
    assert "{$MODE DELPHI}{$MODESWITCH ADVANCEDRECORDS-}" in text


@pytest.mark.parametrize(("compiler", "source"), [("gcc", "c/station.c"), ("g++", "cpp/station.cpp")])
def test_a_compiler_that_would_garble_the_texts_stops(compiler, source):
    def compiled(*flags):
        command = [compiler, "-fsyntax-only", f"-I{INCLUDE}", *flags, str(EXAMPLES / source)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert compiled().returncode == 0
    garbled = compiled("-fexec-charset=GBK")
    assert garbled.returncode != 0
    assert "texts_are_in_utf8" in garbled.stderr


def test_a_finding_without_a_text_printed_memory(tmp_path):
    """Nothing that was not written is printed: every variable begins as rubbish, and the sanitizer watches over it."""
    flags = ("-g", "-fsanitize=address,undefined", "-ftrivial-auto-var-init=pattern", f"-I{INCLUDE}")
    program = tmp_path / "station"
    run("gcc", *flags, EXAMPLES / "c" / "station.c", f"-L{BUILD}", "-lprecheck", "-o", program)
    document = tmp_path / "document.json"
    answer = json.dumps({"findings": [{"finding_id": "f1"}]}, separators=(",", ":"))
    document.write_text(json.dumps({"verdict": 1, "answer": answer}))
    with grpc_server() as (_, address):
        done = subprocess.run(
            [program, address, document],
            capture_output=True,
            check=False,
            env={**dict(LIBRARY_PATH), "STATION_DEADLINE_MS": "20000"},
        )
    assert done.stderr == b""
    assert done.stdout.decode() == "document.json: 提醒 WARN · 全部规则已判断\n"
