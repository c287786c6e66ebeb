"""Whatever the arithmetic may report as missing is a fact that answers can name."""

import ast
from pathlib import Path

import pytest

import ruleset
from ruleset import clinical
from ruleset.facts import FACTS

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
