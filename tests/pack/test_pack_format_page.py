"""docs/reference/pack-format.md: its tables are those of the code, and its examples compile."""

import re
import tomllib
from typing import get_args

import pytest

from ruleset.case import Payer, Trigger
from ruleset.pack.boundaries import Boundary
from ruleset.pack.cases import CaseKind, run_tests
from ruleset.pack.check import ROWS_PER_KEY_MAX, UNINDEXED_ROWS_MAX
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.pack.lint import CHECKS
from ruleset.pack.pages import SHOWN_ROWS_MAX
from ruleset.pack.source import (
    IDENTITY_COLUMNS,
    LIST_COLUMNS,
    ROWS_FILE_MAX_BYTES,
    STATED_COLUMNS,
    ActionName,
    PackHead,
    RuleSource,
)
from ruleset.rule import OverridePolicy, RuleKind, SeverityDegree
from ruleset.scope import Conditions
from ruleset.snapshot import Snapshot
from ruleset.template import COMMON_EVIDENCE
from tests.pack.conftest import CHECKOUT

PAGE = CHECKOUT / "docs" / "reference" / "pack-format.md"


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def test_every_field_and_value_is_named(page):
    names = [*PackHead.__struct_fields__, *RuleSource.__struct_fields__, *COMMON_EVIDENCE, *IDENTITY_COLUMNS]
    names += [*OverridePolicy.__struct_fields__, *Conditions.__struct_fields__, *STATED_COLUMNS, *LIST_COLUMNS]
    names += [f"{check.__module__.rpartition('.')[2]}.{check.__name__}" for check in CHECKS]
    for type_ in (Payer, Trigger, CaseKind, Boundary, ActionName, RuleKind, SeverityDegree):
        names += get_args(type_)
    missing = [name for name in names if f"`{name}`" not in page]
    assert not missing


def test_the_limits_are_those_of_the_code(page):
    assert f"{ROWS_PER_KEY_MAX:,}" in page
    assert f"{UNINDEXED_ROWS_MAX} rows in a pack" in page
    assert f"first {SHOWN_ROWS_MAX};" in page
    assert f"{ROWS_FILE_MAX_BYTES // 1024 // 1024} MiB" in page


def test_the_example_is_a_pack_that_compiles_and_passes(page, tmp_path):
    """Every fenced block whose first line before it names a file is that file of one example pack."""
    files = dict(re.findall(r"^`([\w./-]+)`:\n\n```\w*\n(.*?)```", page, flags=re.DOTALL | re.MULTILINE))
    assert set(files) == {"pack.toml", "rules/drug-sex.toml", "rows/drug-sex.csv", "tests/drug-sex.toml"}
    for name, text in files.items():
        (tmp_path / "example" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "example" / name).write_text(text, encoding="utf-8")
    compile_pack(tmp_path / "example", tmp_path / "example.pack")
    file = PackFile(tmp_path / "example.pack")
    outcome = run_tests(file.manifest.tests, Snapshot([LoadedPack(file)]))
    assert not outcome.failures, "\n".join(map(str, outcome.failures))
    assert outcome.passed == len(tomllib.loads(files["tests/drug-sex.toml"])["case"])
