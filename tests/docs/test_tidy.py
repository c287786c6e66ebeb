"""The tree stays one that a person can read: no long files and functions, no litter."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 80
CODE_FOLDERS = (
    "server/",
    "ruleset/",
    "native/src/",
    "native/popup/",
    "native/include/",
    "client_shim/",
    "docs/",
    "bench/",
    "tests/",
)
TEXT = {".py", ".c", ".h", ".proto", ".toml", ".md", ".csv", ".def", ".json", ".sh", ".yml"}
LITTER = re.compile(r"\b(?:TODO|FIXME|XXX)\b|<<<<<<<|>>>>>>>")


def tracked():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout", allow_module_level=True)
    return [ROOT / name for name in done.stdout.splitlines()]


FILES = [path for path in tracked() if path.suffix in TEXT and path.is_file() and "_pb2" not in path.name]


def named(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


def code(*suffixes):
    return [path for path in FILES if path.suffix in suffixes and str(path.relative_to(ROOT)).startswith(CODE_FOLDERS)]


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_files_are_short():
    folders = ("server/", "ruleset/", "native/src/", "native/popup/", "client_shim/")
    long = [path for path in code(".py", ".c", ".h") if len(lines(path)) > FILE_LINES_MAX]
    assert not [name for name in named(long) if name.startswith(folders)]


def test_python_functions_are_short():
    long = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in code(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno - node.lineno >= FUNCTION_LINES_MAX
    ]
    assert not long


def test_c_functions_are_short():
    long = []
    for path in code(".c"):
        begin = 0
        for number, line in enumerate(lines(path), 1):
            if line == "{":
                begin = number
            elif line == "}" and begin:
                if number - begin > FUNCTION_LINES_MAX:
                    long.append(f"{path.relative_to(ROOT)}:{begin}")
                begin = 0
    assert not long


def test_nothing_is_left_to_do_in_comments():
    own = Path(__file__)
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in code(".py", ".c", ".h", ".proto", ".toml")
        if path != own
        for number, line in enumerate(lines(path), 1)
        if LITTER.search(line)
    ]
    assert not found


def test_no_tabs_in_python():
    assert not named(path for path in code(".py") if "\t" in path.read_text(encoding="utf-8"))


def test_no_blanks_at_the_ends_of_lines():
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1)
        if re.search(r"[ \t\r]$", line)
    ]
    assert not found


def test_files_end_with_one_line_end():
    own_rules = {".csv", ".json"}
    found = [
        path
        for path in FILES
        if path.suffix not in own_rules and path.stat().st_size and not re.search(r"[^\n]\n\Z", path.read_text("utf-8"))
    ]
    assert not named(found)
