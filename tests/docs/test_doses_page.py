"""The page on doses names every spelling that the code reads."""

import re
from pathlib import Path

import pytest

from ruleset import clinical, frequency, units

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "doses.md").read_text(encoding="utf-8")
WORDS = {word.lower() for word in re.split(r"[\s,`|()]+|[.:;](?=\s)", PAGE)}


@pytest.mark.parametrize("code", sorted(units._SPELLED))
def test_units(code):
    assert {spelling for spelling in units._SPELLED[code].split() if spelling not in WORDS} == set()


@pytest.mark.parametrize("atom", sorted(units._ATOMS))
def test_canonical_units(atom):
    assert atom.lower() in WORDS


@pytest.mark.parametrize("word", sorted(frequency._WORDS))
def test_frequencies(word):
    assert word in WORDS or f"{word}一次" in WORDS


def test_laboratory_codes():
    for analyte in (clinical.CREATININE, clinical.CLEARANCE, clinical.FILTRATION):
        assert {code for code in analyte.codes if code not in PAGE} == set()
