"""Expressions of T45: what is refused and why, truth tables over what is not known, and the bounds."""

import itertools
from datetime import datetime
from decimal import Decimal

import pytest

from ruleset.case import Case, Line, Patient
from ruleset.chart import Chart
from ruleset.drug import RowSource
from ruleset.expression import (
    DECLARED,
    EXPRESSION_MAX_CALLS,
    EXPRESSION_MAX_CHARACTERS,
    EXPRESSION_MAX_TOKENS,
    WINDOW_MAX_DAYS,
    ExpressionError,
    compiled,
    evaluate,
)
from ruleset.facts import FACTS
from ruleset.pack.lint.expressions import contradiction
from ruleset.snapshot import Snapshot
from ruleset.timeline import EMPTY

AT = datetime(2026, 7, 6, 9)
NO_ROWS: RowSource = Snapshot(())


def truth(expression: str, line: Line) -> bool | None:
    """Evaluate for a patient of whom nothing is known."""
    chart = Chart(Case(time=AT, patient=Patient(), lines=(line,)), EMPTY, NO_ROWS)
    return evaluate(compiled(expression, "行"), line, chart).truth


LINE = Line(item_code="X", item_name="演示注射液", quantity=Decimal("2.5"), days=7, begin=AT)

TRUE = "line.days == 7"
OPEN = "patient.age_years > 3"  # the age is not known


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (f"{TRUE} && {OPEN}", None),
        (f"{OPEN} && {TRUE}", None),
        (f"!({TRUE}) && {OPEN}", False),
        (f"{OPEN} && !({TRUE})", False),
        (f"{TRUE} || {OPEN}", True),
        (f"{OPEN} || {TRUE}", True),
        (f"!({TRUE}) || {OPEN}", None),
        (f"{OPEN} || !({TRUE})", None),
        (f"!({OPEN})", None),
        (f"{OPEN} ? true : true", None),
        (f"{TRUE} ? true : {OPEN}", True),
        (f"({OPEN} && false) || ({TRUE} && line.quantity >= 2.5)", True),
        ("patient.age_years == patient.age_years", None),
        ("line.route in ['口服', '静脉滴注']", None),
        ("line.item_name.matches('^演示.*液$')", True),
        ("days_since('X') > 3 && false", False),
        ("days_since('X') > 3", None),
        ("is_in('X') && count_lines('X', 1) == 1", True),
    ],
)
def test_what_is_not_known_makes_unknown_only_what_rests_on_it(expression: str, expected: bool | None) -> None:
    assert truth(expression, LINE) is expected


def test_a_division_by_zero_is_unknown_and_says_so() -> None:
    chart = Chart(Case(time=AT, lines=(LINE,)), EMPTY, NO_ROWS)
    evaluated = evaluate(compiled("10 / (line.days - 7) > 1", "行"), LINE, chart)
    assert evaluated.truth is None
    assert [missing.fact for missing in evaluated.missing] == ["expression"]
    assert "divide by zero" in evaluated.missing[0].detail


def test_unknown_names_the_facts_that_are_missing() -> None:
    chart = Chart(Case(time=AT, lines=(LINE,)), EMPTY, NO_ROWS)
    evaluated = evaluate(compiled("patient.sex == '女' && encounter.department == '0201'", "行"), LINE, chart)
    assert {missing.fact for missing in evaluated.missing} == {"sex", "department"}


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("line.quantty > 1.0", "did you mean `line.quantity`?"),
        ("cuont_lines('X', 3) > 1", "did you mean `count_lines`?"),
        ("line.quantity > 3", "3.0"),
        ("line.quantity", "expected BOOL"),
        ("line.days >", "Syntax error"),
        ("count_lines(line.item_code, 3) > 1", "each written out"),
        ("count_lines('X') > 1", "each written out"),
        ("count_lines('X', 3", "each written out"),
        ("count_lines('X', 0) > 1", f"expected 1 to {WINDOW_MAX_DAYS}"),
        (f"count_lines('X', {WINDOW_MAX_DAYS + 1}) > 1", f"expected 1 to {WINDOW_MAX_DAYS}"),
        ("['X'].all(one, one == 'X')", "no loops"),
        ("[1, 2].map(one, one * 2).size() == 2", "no loops"),
        ("has(line.days)", "an absent fact is unknown by itself"),
        ("r'X' == 'X'", "plain quotes"),
        ("'''X''' == 'X'", "plain quotes"),
        ("true // && false", "unexpected `//`"),
        ("line . days > 1", "unexpected `.`"),
        ("__import__('os') == 1", "undeclared reference"),
        ("line.__class__ == 1", "undeclared reference"),
        ("", "Syntax error"),
    ],
)
def test_a_wrong_expression_is_refused_with_what_is_wrong(expression: str, said: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compiled(expression, "行")
    assert said in str(caught.value)


def test_facts_of_lines_are_not_declared_for_encounters() -> None:
    assert compiled("encounter.line_count > 1", "就诊")
    with pytest.raises(ExpressionError, match=r"undeclared reference to 'line.days'"):
        compiled("line.days > 1", "就诊")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("true" + " " * EXPRESSION_MAX_CHARACTERS, "characters, at most"),
        ("true" + "||true" * (EXPRESSION_MAX_TOKENS // 2), "tokens, at most"),
        (" || ".join(["is_in('X')"] * (EXPRESSION_MAX_CALLS + 1)), "calls, at most"),
        ("(" * 100 + "true" + ")" * 100, "recursion"),
    ],
)
def test_beyond_its_bounds_an_expression_is_refused(expression: str, said: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compiled(expression, "行")
    assert said in str(caught.value)


def test_at_its_bounds_an_expression_is_accepted() -> None:
    line = "true".ljust(EXPRESSION_MAX_CHARACTERS)
    assert compiled(line, "行")
    assert compiled(" || ".join(["is_in('X')"] * EXPRESSION_MAX_CALLS), "行")


def test_an_expression_is_compiled_once() -> None:
    assert compiled(TRUE, "行") is compiled(TRUE, "行")


def test_every_declared_fact_is_missing_by_a_known_name() -> None:
    assert {declared.fact for declared in DECLARED["行"].values()} <= FACTS.keys()


NEVER_TRUE = [
    "patient.age_years >= 65 && patient.age_years < 60",
    "(65 <= patient.age_years && patient.sex == '男') && (patient.age_years < 60)",
    "patient.age_years > 64 && 65 > patient.age_years",
    "patient.sex == '男' && patient.sex == '女'",
    "patient.sex == '男' && patient.sex != '男'",
    "count_lines('A', 30) >= 3 && count_lines('A', 30) < 3",
    "line.dose * 2.0 > 5.5 && line.dose * 2.0 < -1.0",
    "patient.age_years == 5 && patient.age_years > 5",
]
NOT_TOLD = [
    "patient.age_years >= 60 && patient.age_years < 65",
    "patient.weight_kg > 64.0 && patient.weight_kg < 65.0",
    "patient.age_years >= 65 || patient.age_years < 60",
    "!(patient.age_years >= 65 && patient.age_years < 60)",
    "patient.age_years >= 65 && (line.days > 7 || patient.age_years < 60)",
    "patient.age_years >= 65 && patient.age_years < 60 ? true : patient.sex == '男'",
    "count_lines('A', 30) >= 3 && count_lines('B', 30) < 3",
    "patient.sex == '男' && patient.insured_region == '女'",
    "patient.age_years != 3 && patient.age_years != 4",
    "patient.sex in ['男'] == true && patient.age_years < 3",
    "patient.sex != '男\\x41' && patient.sex == '男A'",
]


@pytest.mark.parametrize("expression", NEVER_TRUE)
def test_an_expression_that_is_never_true_was_not_told(expression):
    compiled(expression, "行")
    assert contradiction(expression, "行")


@pytest.mark.parametrize("expression", NOT_TOLD)
def test_what_may_be_true_is_not_said_never_to_be(expression):
    compiled(expression, "行")
    assert contradiction(expression, "行") == ""


def test_two_comparisons_are_told_exactly_where_no_whole_number_meets_both():
    operators = ("<", "<=", ">", ">=", "==", "!=")
    told = 0
    for first, second, a, b in itertools.product(operators, operators, range(2, 5), range(2, 5)):
        expression = f"line.days {first} {a} && {b} {second} line.days"
        lines = (Line(item_code="X1", begin=AT, days=days) for days in range(7))
        is_never = not any(truth(expression, line) for line in lines)
        assert bool(contradiction(expression, "行")) == is_never, expression
        told += is_never
    assert 50 < told < 200
