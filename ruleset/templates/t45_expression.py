"""T45 组合表达式: a hospital's or a region's own condition, as an expression over declared facts."""

from collections.abc import Iterator, Sequence
from typing import Literal

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.expression import DECLARED, Evaluated, ExpressionError, compiled, evaluate
from ruleset.outcome import Judgement
from ruleset.template import (
    EVERY_ENCOUNTER,
    EVERY_LINE,
    FALSE,
    SUBJECT_COLUMNS,
    Subject,
    Template,
    subject_keys,
    subject_problems,
)


class Params(Subject, frozen=True, kw_only=True):
    """A named condition. `name` is the row's, and is shown.

    `per` 行: judged of each current line of the items (of every line where the row names none); 就诊: once per encounter,
    without facts of lines. `expression` is of the Common Expression Language (CEL): `patient.age_years >= 65 && line.days > 14 &&
    has_diagnosis('I10')`. Facts and functions are those of `ruleset.expression`; functions take literals.
    """

    name: str
    expression: str
    per: Literal["行", "就诊"] = "行"


class Expression(Template):
    """TRUE when the expression is true, FALSE when it is false whatever is not known, UNKNOWN otherwise.

    Three-valued: a fact that is not stated makes what rests on it unknown; `&&` with anything false is false, `||` with anything true is
    true, on either side; all else over something unknown is unknown. UNKNOWN names the facts that the expression mentions and
    that are not known, or `expression` where it cannot be reckoned (a division by zero). Quantities and amounts are
    floating-point numbers here: compare sums with a margin. Windows of the functions: the judged day and the days before it, so many in
    all; lines not later than the judged one (for an encounter: begun by the check's day), of every institution;
    refunds reduce sums and are not counted as lines. Self-paid lines count.
    """

    id = "T45"
    title = "组合表达式"
    columns = Params
    row_name = ("name",)
    needs = tuple(
        dict.fromkeys(
            (
                *(declared.fact for declared in DECLARED["行"].values()),
                "time",
                "history",
                "diagnoses",
                "expression",
            )
        )
    )
    evidence = ("name", "values")
    highest_action = "WARN"

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the items; else every line, or every encounter."""
        if params.per == "就诊":
            return (EVERY_ENCOUNTER,)
        return subject_keys(params) or (EVERY_LINE,)

    def problems(self, params: Params) -> Iterator[str]:
        """The expression is one, over what is declared."""
        stated = any(getattr(params, name) for name in SUBJECT_COLUMNS)
        if stated:
            yield from subject_problems(params)
        if stated and params.per == "就诊":
            yield "a condition of the encounter names no items"
        try:
            compiled(params.expression, params.per)
        except ExpressionError as error:
            yield f"`expression`: {error}"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """Evaluate the expression of one line."""
        return _judgements(params, evaluate(compiled(params.expression, "行"), line, chart))

    def judge_encounter(self, params: Params, about: object, chart: Chart) -> Sequence[Judgement]:
        """Evaluate the expression of the encounter."""
        return _judgements(params, evaluate(compiled(params.expression, "就诊"), None, chart))


def _judgements(params: Params, evaluated: Evaluated) -> Sequence[Judgement]:
    if evaluated.truth is False:
        return FALSE
    if evaluated.truth is None:
        return (Judgement(missing=evaluated.missing),)
    values = "；".join(f"{name}={_text(value)}" for name, value in evaluated.values.items() if value is not None)
    return (Judgement(evidence={"name": params.name, "values": values}),)


def _text(value: float | str | bool) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    return f"{value:g}" if isinstance(value, float) else str(value)
