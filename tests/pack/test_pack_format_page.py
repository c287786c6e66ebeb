"""docs/reference/pack-format.md: its tables are those of the code, and its examples compile."""

import re
import tomllib
from typing import Literal, get_args, get_origin

import msgspec
import pytest

from ruleset.case import Payer, Trigger
from ruleset.pack.cases import CaseKind, run_tests
from ruleset.pack.check import ROWS_PER_KEY_MAX
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.pack.source import ROWS_FILE_MAX_BYTES, ActionName, PackHead, RuleSource
from ruleset.rule import RuleKind, SeverityDegree
from ruleset.snapshot import Snapshot
from ruleset.template import COMMON_EVIDENCE
from ruleset.templates import TEMPLATES
from tests.pack.conftest import CHECKOUT

PAGE = CHECKOUT / "docs" / "reference" / "pack-format.md"


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def column_text(field):
    """One column as the page writes it: its name, its values or type, in brackets where it may be left out."""
    text = f"`{field.name}` {type_text(field.type)}"
    return text if field.required else f"[{text}]"


def type_text(type_):
    if get_origin(type_) is Literal:
        return "/".join(choice for choice in get_args(type_) if choice)
    if get_origin(type_) is tuple:
        return f"list of {type_text(get_args(type_)[0])}"
    parts = [part for part in get_args(type_) if part is not type(None)] or [type_]
    return {"str": "text", "int": "integer", "Decimal": "number"}.get(parts[0].__name__) or type_text(parts[0])


def template_table():
    lines = ["| template | title | columns | placeholders | facts it may miss |", "|---|---|---|---|---|"]
    for template in TEMPLATES.values():
        columns = ", ".join(column_text(field) for field in msgspec.structs.fields(template.columns))
        placeholders = ", ".join(f"`{name}`" for name in template.evidence)
        facts = ", ".join(f"`{name}`" for name in template.needs)
        lines.append(f"| {template.id} | {template.title} | {columns} | {placeholders} | {facts} |")
    return "\n".join(lines)


def test_the_table_of_templates_is_that_of_the_code(page):
    table = template_table()
    assert table in page, f"put this into {PAGE.name}:\n{table}"


def test_every_field_and_value_is_named(page):
    names = [*PackHead.__struct_fields__, *RuleSource.__struct_fields__, *COMMON_EVIDENCE]
    for type_ in (Payer, Trigger, CaseKind, ActionName, RuleKind, SeverityDegree):
        names += get_args(type_)
    missing = [name for name in names if f"`{name}`" not in page]
    assert not missing


def test_the_limits_are_those_of_the_code(page):
    assert f"{ROWS_PER_KEY_MAX:,}" in page
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
