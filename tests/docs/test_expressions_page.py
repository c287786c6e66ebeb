"""The page about expressions names all that an expression may name, and its example compiles."""

import csv
from pathlib import Path

from ruleset.expression import DECLARED, FUNCTIONS, compiled

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "expressions.md"


def test_every_fact_and_function_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    missing = [name for name in DECLARED["行"] if f"| `{name}` |" not in text]
    missing += [name for name in FUNCTIONS if f"| `{name}(" not in text]
    assert not missing


def test_the_example_on_the_page_compiles() -> None:
    example = PAGE.read_text(encoding="utf-8").partition("```csv\n")[2].partition("```")[0]
    rows = list(csv.DictReader(example.splitlines()))
    assert rows
    for row in rows:
        assert row["per"] == "行"
        assert compiled(row["expression"], "行")
