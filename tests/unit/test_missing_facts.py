"""Whatever the arithmetic may report as missing is a fact that answers can name."""

import ast
from pathlib import Path

import pytest

import ruleset
from ruleset import clinical
from ruleset.facts import FACTS
from server.entrance.fields import ALL_GROUPS

MODULES = ("ages", "clinical", "frequency", "supply", "units")


@pytest.mark.parametrize("module", MODULES)
def test_every_missing_fact_is_in_the_dictionary(module):
    source = (Path(ruleset.__file__).parent / f"{module}.py").read_text(encoding="utf-8")
    named = [
        call.args[0].value
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "Missing"
        and isinstance(call.args[0], ast.Constant)
    ]
    assert named
    assert set(named) <= set(FACTS)


def test_every_analyte_names_a_fact():
    analytes = [value for value in vars(clinical).values() if isinstance(value, clinical.Analyte)]
    assert len(analytes) >= 4
    assert {analyte.fact for analyte in analytes} <= set(FACTS)


def test_the_fields_of_our_extension_that_facts_name_are_read():
    read = {field.national for group in ALL_GROUPS for field in group.fields}
    named = {name.removeprefix("ext.") for fact in FACTS.values() for name in fact.national if name.startswith("ext.")}
    assert "incision_id" in named
    assert named <= read


def test_facts_that_something_states_were_called_unreadable():
    """The page said that no entrance reads any fact without a national field; three of those something does state."""
    unread = {fact.name for fact in FACTS.values() if not fact.is_readable}
    assert unread == {"first_prescription", "eye_hospital"}
    read = {field.unknown_as for group in ALL_GROUPS for field in group.fields}
    assert not unread & read
