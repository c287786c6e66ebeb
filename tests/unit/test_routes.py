"""The standard words for routes are those that the shipped profile maps to."""

import tomllib
from pathlib import Path

from ruleset.routes import ROUTES

PROFILE = Path(__file__).parents[2] / "server" / "profiles" / "default.toml"


def test_the_standard_words_are_those_of_the_default_profile():
    words = tomllib.loads(PROFILE.read_text(encoding="utf-8"))["words"]["route"]
    assert set(ROUTES) == set(words.values()) - {""}
