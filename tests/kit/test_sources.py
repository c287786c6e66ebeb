"""What the compilers of a Chinese Windows, and old ones, must be able to read."""

import json
import subprocess

import pytest

from tests.abi.servers import grpc_server
from tests.kit.programs import BUILD, EXAMPLES, INCLUDE, LANGUAGES, LIBRARY_PATH, run

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
    assert path.read_bytes().isascii()


@pytest.mark.parametrize("name", ["Precheck.pas", "Station.pas"])
def test_pascal_of_delphi_7_has_no_methods_of_records(name):
    text = (EXAMPLES / "pascal" / name).read_text(encoding="ascii")
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


def test_csharp_without_the_library_is_not_checked(tmp_path):
    language = LANGUAGES["csharp"]
    if language.missing():
        pytest.skip(f"not here: {', '.join(language.missing())}; `make test-kit` installs it")
    document = tmp_path / "document.json"
    document.write_text("{}")
    command = [str(part) for part in language.build(tmp_path).command]
    done = subprocess.run(
        [*command, "127.0.0.1:1", document], capture_output=True, check=False, env={"PATH": "/usr/bin:/bin"}
    )
    lines = done.stdout.decode().splitlines()
    assert (done.returncode, lines[0][:3], lines[-1]) == (2, "未审核", "  医生：可以保存，处方标记为“未审核”")
