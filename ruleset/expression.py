"""Expressions of T45: the Common Expression Language over declared facts, compiled once, bounded, three-valued.

Theory of operation
===================
An expression is compiled and type-checked against the facts and functions declared here, and nothing else; it can
reach no attribute, no file, no clock. A function is called with literals only, so each call is a fact too: it stands in the
compiled expression as a variable, which is worked out before. (Functions that the library calls back leak some 60
bytes a call in its version 0.1.3.) A fact that is not known is not bound: CEL then makes the expressions above it
an error, which `&&` and `||` absorb whichever side it stands on (`unknown && false` is false), and what is left of it at
the top is UNKNOWN.

Library: cel-expr-python, the binding of Google's cel-cpp by the same people, Apache-2.0; wheels for CPython 3.11 to 3.14. Of
the three that were tried it alone checks types before anything runs; one evaluation costs some 5 µs (common-expression-language:
8 µs, without types; cel-python, in Python: 360 µs).

Bounds: length, number of tokens and of calls, depth of nesting (the library's 32), and no macros: without `all`, `exists`, `map`,
`filter` there is no loop, so an evaluation costs no more than its length. Patterns of `matches` are RE2, which cannot run away.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from cel_expr_python import cel

from ruleset import diagnoses
from ruleset.ages import completed
from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.facts import FACTS
from ruleset.outcome import Missing
from ruleset.pack.diagnostics import did_you_mean
from ruleset.scope import INSURANCE_OF, LEVEL_OF, MODE_OF
from ruleset.stays import moment
from ruleset.sums import amount_of
from ruleset.template import Subject
from ruleset.timeline import order_of

EXPRESSION_MAX_CHARACTERS = 2_000
EXPRESSION_MAX_TOKENS = 400
EXPRESSION_MAX_CALLS = 20
EXPRESSIONS_COMPILED_MAX = 4_096
"""Compiled expressions that are kept; a snapshot of packs has fewer rows of T45 than this."""
WINDOW_MAX_DAYS = 3_660
"""How many days back a function may look."""

Per = Literal["行", "就诊"]
Value = str | int | float | bool
SEX = {"male": "男", "female": "女"}


class Declared(NamedTuple):
    """One fact that an expression may name."""

    type: Literal["STRING", "INT", "DOUBLE", "BOOL"]
    fact: str
    """What is missing (a name of `ruleset.facts.FACTS`) where it is not known."""
    value: Callable[[Line | None, Chart], Value | None]
    meaning: str
    label: str = ""
    """What a doctor reads in the place of its name; empty: the fact's own label."""

    @property
    def shown_as(self) -> str:
        """Return what a doctor reads in the place of its name."""
        return self.label or FACTS[self.fact].label


def _of_line(value: Callable[[Line], Any]) -> Callable[[Line | None, Chart], Value | None]:
    return lambda line, _: _plain(value(line)) if line is not None else None


def _of_chart(value: Callable[[Chart], Any]) -> Callable[[Line | None, Chart], Value | None]:
    return lambda _, chart: _plain(value(chart))


def _plain(value: Any) -> Value | None:
    """Return a value as CEL takes it; an empty text is not known."""
    if value is None or value == "":
        return None
    return value if isinstance(value, (str, bool, int)) else float(value)


def _age_years(line: Line | None, chart: Chart) -> int | None:
    birth = chart.case.patient.birth_date
    day = chart.day_of(line)
    return completed(birth, day, "岁") if birth is not None and day is not None and birth <= day else None


def _age_days(line: Line | None, chart: Chart) -> int | None:
    birth = chart.case.patient.birth_date
    day = chart.day_of(line)
    return (day - birth).days if birth is not None and day is not None and birth <= day else None


def _care_mode(chart: Chart) -> str | None:
    modes = chart.case.encounter.care_modes
    return MODE_OF[modes[0]] if len(modes) == 1 else None


def _days_in_hospital(chart: Chart) -> int | None:
    begin, now = chart.case.encounter.begin, moment(chart)
    return (now.date() - begin.date()).days if begin is not None and now is not None else None


def _total_amount(chart: Chart) -> float | None:
    amounts = [amount_of(line) for line in chart.case.lines]
    return None if None in amounts else float(sum(amount for amount in amounts if amount is not None))


FACTS_OF_ENCOUNTER: dict[str, Declared] = {
    "patient.sex": Declared("STRING", "sex", _of_chart(lambda c: SEX.get(c.case.patient.sex or "")), "男 or 女."),
    "patient.age_years": Declared("INT", "birth_date", _age_years, "Completed years on the judged day.", "年龄（岁）"),
    "patient.age_days": Declared("INT", "birth_date", _age_days, "Days since birth on the judged day.", "年龄（天）"),
    "patient.weight_kg": Declared(
        "DOUBLE", "weight_kg", _of_chart(lambda c: c.case.patient.weight_kg), "Body weight, kg."
    ),
    "patient.pregnant": Declared(
        "BOOL", "pregnancy_status", _of_chart(Chart.pregnant), "Stated, or by diagnoses.", "是否妊娠"
    ),
    "patient.insured_region": Declared(
        "STRING", "insured_region", _of_chart(lambda c: c.case.patient.insured_region), "参保地, six digits."
    ),
    "encounter.care_mode": Declared(
        "STRING",
        "care_modes",
        _of_chart(_care_mode),
        "门诊, 急诊, 门慢特, 住院, 购药 or 其他, where it is one of them.",
    ),
    "encounter.visit_kind": Declared(
        "STRING", "visit_kind", _of_chart(lambda c: c.case.encounter.visit_kind), "As in the fact model: day_surgery…"
    ),
    "encounter.insurance": Declared(
        "STRING",
        "payer",
        _of_chart(lambda c: INSURANCE_OF[p] if (p := c.case.encounter.payer) is not None else None),
        "职工, 居民, 生育, 工伤…",
    ),
    "encounter.facility_level": Declared(
        "STRING",
        "facility_level",
        _of_chart(lambda c: LEVEL_OF[level] if (level := c.case.encounter.facility_level) is not None else None),
        "三级, 二级 or 一级及以下.",
    ),
    "encounter.facility_type": Declared(
        "STRING", "facility_type", _of_chart(lambda c: c.case.encounter.facility_type), "National medins_type."
    ),
    "encounter.department": Declared(
        "STRING",
        "department",
        _of_chart(lambda c: c.case.encounter.department_code),
        "Standard department code.",
        "就诊科室",
    ),
    "encounter.program": Declared(
        "STRING", "program", _of_chart(lambda c: c.case.encounter.program_code), "门慢特 disease of the visit."
    ),
    "encounter.internet": Declared(
        "BOOL", "internet", _of_chart(lambda c: c.case.encounter.internet), "An internet consultation."
    ),
    "encounter.out_of_region": Declared("BOOL", "region", _of_chart(Chart.out_of_region), "异地就医.", "是否异地就医"),
    "encounter.long_prescription": Declared(
        "BOOL", "long_prescription", _of_chart(lambda c: bool(c.case.encounter.long_prescription)), "Claimed 长期处方."
    ),
    "encounter.days": Declared(
        "INT",
        "encounter_begin",
        _of_chart(_days_in_hospital),
        "Calendar days since the encounter began.",
        "就诊以来的天数",
    ),
    "encounter.line_count": Declared(
        "INT", "current", _of_chart(lambda c: len(c.case.lines)), "How many lines are being written.", "医嘱行数"
    ),
    "encounter.amount": Declared(
        "DOUBLE",
        "amount",
        _of_chart(_total_amount),
        "Sum of the current lines, CNY, refunds negative.",
        "合计金额（元）",
    ),
}
FACTS_OF_LINE: dict[str, Declared] = {
    "line.item_code": Declared("STRING", "item_code", _of_line(lambda x: x.item_code), "National code."),
    "line.item_name": Declared("STRING", "item_name", _of_line(lambda x: x.item_name), "National name."),
    "line.item_kind": Declared("STRING", "item_kind", _of_line(lambda x: x.item_kind), "drug, service, consumable…"),
    "line.quantity": Declared("DOUBLE", "quantity", _of_line(lambda x: x.quantity), "In the unit of sale."),
    "line.price": Declared("DOUBLE", "price", _of_line(lambda x: x.price), "CNY."),
    "line.catalogue_price": Declared("DOUBLE", "catalogue_price", _of_line(lambda x: x.catalogue_price), "CNY."),
    "line.amount": Declared("DOUBLE", "amount", _of_line(amount_of), "CNY; quantity times price where not stated."),
    "line.days": Declared("INT", "days", _of_line(lambda x: x.days), "Stated days of use."),
    "line.dose": Declared("DOUBLE", "dose", _of_line(lambda x: x.dose), "One dose, in the line's own unit."),
    "line.dose_unit": Declared("STRING", "dose_unit", _of_line(lambda x: x.dose_unit), "As written."),
    "line.frequency": Declared("STRING", "frequency", _of_line(lambda x: x.frequency), "As written."),
    "line.route": Declared("STRING", "route", _of_line(lambda x: x.route), "Standard word of the profile."),
    "line.department": Declared(
        "STRING",
        "department",
        lambda line, chart: (
            (line.department_code if line is not None else "") or chart.case.encounter.department_code or None
        ),
        "The ordering department.",
        "开单科室",
    ),
    "line.hour": Declared(
        "INT",
        "begin",
        _of_line(lambda x: None if x.begin is None or x.begin_is_date else x.begin.hour),
        "Hour of the day of the order, 0 to 23.",
        "开具时点（时）",
    ),
    "line.self_pay": Declared("BOOL", "current", _of_line(lambda x: x.self_pay), "Agreed self-pay.", "是否自费"),
    "line.long_term": Declared("BOOL", "long_term", _of_line(lambda x: x.long_term), "A standing order."),
    "line.discharge_medication": Declared(
        "BOOL", "discharge_medication", _of_line(lambda x: x.discharge_medication), "Medicine to take home."
    ),
    "line.emergency_use": Declared(
        "BOOL", "emergency_use", _of_line(lambda x: bool(x.emergency_use)), "Claimed emergency use."
    ),
}
DECLARED: dict[Per, dict[str, Declared]] = {
    "行": {**FACTS_OF_ENCOUNTER, **FACTS_OF_LINE},
    "就诊": FACTS_OF_ENCOUNTER,
}


class Evaluated(NamedTuple):
    """What an expression says: its truth, or None with what was missing; and the values of what it names, as shown."""

    truth: bool | None
    missing: tuple[Missing, ...]
    values: Mapping[str, Value | None]


def _lines(line: Line | None, chart: Chart, name: str, days: int) -> list[Line] | Missing:
    """Return the lines of a substance, class, list or item code, not later than the judged one, in the window.

    The judged line is among them; past the window are lines that begin `days` days or more before the judged day.
    """
    day = chart.day_of(line)
    if day is None:
        return Missing("time", "没有时间，无法确定时间范围")
    since = day.toordinal() - days + 1
    found = {id(one): one for one in chart.lines_of(name, since)}
    for subject in (Subject(ingredient=name), Subject(drug_class=name)):
        found.update((id(one), one) for one in chart.lines_about(subject, since))
    last = order_of(line) if line is not None else None
    return [
        one
        for one in found.values()
        if one.begin is not None
        and since <= one.begin.toordinal()
        and (order_of(one) <= last if last is not None else one.begin.date() <= day)
    ]


def count_lines(line: Line | None, chart: Chart, name: str, days: int) -> Value | Missing:
    """Lines of `name` (item code, substance, class, list) of the last `days` days, without refunds."""
    lines = _lines(line, chart, name, days)
    return lines if isinstance(lines, Missing) else sum(not one.is_refund for one in lines)


def sum_quantity(line: Line | None, chart: Chart, name: str, days: int) -> Value | Missing:
    """Sum of their quantities, refunds negative; UNKNOWN where one states none."""
    lines = _lines(line, chart, name, days)
    if isinstance(lines, Missing):
        return lines
    quantities = [one.quantity for one in lines if one.quantity is not None]
    return float(sum(quantities)) if len(quantities) == len(lines) else Missing("quantity", f"“{name}”有一行没有数量")


def sum_amount(line: Line | None, chart: Chart, name: str, days: int) -> Value | Missing:
    """Sum of their amounts, CNY, refunds negative; UNKNOWN where one states none."""
    lines = _lines(line, chart, name, days)
    if isinstance(lines, Missing):
        return lines
    amounts = [amount for one in lines if (amount := amount_of(one)) is not None]
    return float(sum(amounts)) if len(amounts) == len(lines) else Missing("amount", f"“{name}”有一行没有金额")


def days_since(line: Line | None, chart: Chart, name: str) -> Value | Missing:
    """Calendar days since the last line of `name` before the judged one; UNKNOWN where none is known."""
    lines = _lines(line, chart, name, WINDOW_MAX_DAYS)
    if isinstance(lines, Missing):
        return lines
    past = [one for one in lines if one is not line and not one.is_refund]
    if line is None:
        past = [one for one in past if not chart.is_current(one)]
    day = chart.day_of(line)
    if not past or day is None:
        return Missing("history", f"没有已知的“{name}”")
    return day.toordinal() - max(one.begin.toordinal() for one in past if one.begin is not None)


def has_diagnosis(line: Line | None, chart: Chart, prefix: str) -> Value | Missing:  # noqa: ARG001 - as the others
    """Whether a confirmed diagnosis has this ICD prefix; UNKNOWN where only a suspected one has, or none is coded."""
    known = chart.case.encounter.diagnoses
    confirmed, suspected = diagnoses.find(known, (prefix,))
    if confirmed:
        return True
    if suspected:
        return Missing("diagnoses", f"诊断{prefix}尚不确定")
    return False if any(diagnosis.code for diagnosis in known) else Missing("diagnoses", "没有诊断编码")


def has_operation(line: Line | None, chart: Chart, prefix: str) -> Value | Missing:  # noqa: ARG001 - as the others
    """Whether an operation of the encounter begins with this code."""
    return any(diagnoses.matches(one.code, (prefix,)) for one in chart.case.encounter.operations)


def is_in(line: Line | None, chart: Chart, name: str) -> Value | Missing:
    """Whether the judged line is of this item code, substance, class or list."""
    return line is not None and (line.item_code == name or chart.is_in(line, name))


class Function(NamedTuple):
    """One function that an expression may call, with literals: texts (str) and whole numbers of days (int)."""

    run: Callable[..., Value | Missing]
    parameters: tuple[type, ...]
    returns: str
    shown_as: str
    """What a doctor reads in the place of a call, with the places of its arguments."""


FUNCTIONS: dict[str, Function] = {
    "count_lines": Function(count_lines, (str, int), "INT", "{1}天内“{0}”的行数"),
    "sum_quantity": Function(sum_quantity, (str, int), "DOUBLE", "{1}天内“{0}”的总量"),
    "sum_amount": Function(sum_amount, (str, int), "DOUBLE", "{1}天内“{0}”的总金额（元）"),
    "days_since": Function(days_since, (str,), "INT", "距上次“{0}”的天数"),
    "has_diagnosis": Function(has_diagnosis, (str,), "BOOL", "有诊断{0}"),
    "has_operation": Function(has_operation, (str,), "BOOL", "有手术操作{0}"),
    "is_in": Function(is_in, (str,), "BOOL", "属于“{0}”"),
}
MACROS = ("all", "exists", "exists_one", "map", "filter", "has", "reduce", "bind")

_TOKEN = re.compile(
    r"""\s+|(?P<text>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"""
    r"""|(?P<number>\d+)|(?P<other>//|.)"""
)


class ExpressionError(ValueError):
    """An expression that cannot be used; the text says why and where."""


class Call(NamedTuple):
    """One call of a function with its literals."""

    function: Function
    arguments: tuple[str | int, ...]


class Program(NamedTuple):
    """A compiled expression with the declared facts and the calls that it names, by the names of their variables."""

    expression: Any
    facts: tuple[tuple[str, Declared], ...]
    calls: tuple[tuple[str, Call], ...]


@lru_cache(maxsize=EXPRESSIONS_COMPILED_MAX)
def compiled(expression: str, per: Per) -> Program:
    """Compile an expression over the facts of lines (行) or encounters (就诊). Raises ExpressionError."""
    tokens = tokens_of(expression)
    calls: dict[str, Call] = {}
    plain = list(expression)
    for place, token in enumerate(tokens):
        if token.group("name") in FUNCTIONS:
            call, end = _call(tokens, place)
            variable = f"call_{len(calls)}"
            calls[variable] = call
            # As long as the call, so that the compiler's columns are the author's.
            plain[token.start() : end] = variable.ljust(end - token.start())
    if len(calls) > EXPRESSION_MAX_CALLS:
        raise ExpressionError(f"{len(calls)} calls, at most {EXPRESSION_MAX_CALLS}")
    declared = DECLARED[per]
    types: Any = cel.Type
    variables = {name: getattr(types, one.type) for name, one in declared.items()}
    variables.update((name, getattr(types, call.function.returns)) for name, call in calls.items())
    try:
        program = cel.NewEnv(variables=variables).compile("".join(plain))
    except RuntimeError as error:
        raise ExpressionError(_explained(str(error), per)) from error
    if program.return_type() != types.BOOL:
        raise ExpressionError(f"the expression is {program.return_type().name()}, expected BOOL")
    # With a dot behind each, for a name may go on with a function of its own: line.item_name.matches(…).
    names = tuple(f"{token.group('name')}." for token in tokens if token.group("name"))
    facts = tuple((name, one) for name, one in declared.items() if any(used.startswith(f"{name}.") for used in names))
    return Program(program, facts, tuple(calls.items()))


def tokens_of(expression: str) -> list[re.Match[str]]:
    """Return the words of an expression without blanks. Raises ExpressionError beyond the bounds."""
    if len(expression) > EXPRESSION_MAX_CHARACTERS:
        raise ExpressionError(f"{len(expression)} characters, at most {EXPRESSION_MAX_CHARACTERS}")
    tokens = [match for match in _TOKEN.finditer(expression) if not match.group().isspace()]
    if len(tokens) > EXPRESSION_MAX_TOKENS:
        raise ExpressionError(f"{len(tokens)} tokens, at most {EXPRESSION_MAX_TOKENS}")
    for before, token in zip([None, *tokens], tokens, strict=False):
        column = token.start() + 1
        # What is text here must be text to the compiler too: no r'', b'', '''.
        adjacent = before is not None and before.end() == token.start()
        if token.group("text") and before is not None and adjacent and (before.group("name") or before.group("text")):
            raise ExpressionError(f"column {column}: a text in plain quotes is expected")
        parted = token.group() == "." and before is not None and before.group("name")
        if parted or token.group("other") in ("//", "\\", "`", "'", '"'):
            raise ExpressionError(f"column {column}: unexpected `{token.group()}`")
        if any(part in MACROS for part in (token.group("name") or "").split(".")):
            why = "an expression has no loops, and an absent fact is unknown by itself"
            raise ExpressionError(f"column {column}: no `{token.group()}`: {why}")
    return tokens


def _call(tokens: Sequence[re.Match[str]], place: int) -> tuple[Call, int]:
    """Return the call whose name stands at `place`, and where it ends. Raises ExpressionError."""
    name = tokens[place].group("name")
    function = FUNCTIONS[name]
    kinds = ", ".join("a text" if one is str else "a whole number" for one in function.parameters)
    wrong = ExpressionError(f"column {tokens[place].start() + 1}: `{name}` takes ({kinds}), each written out")
    words = tokens[place + 1 : place + 2 + 2 * len(function.parameters)]
    expected = ["(", *[","] * (len(function.parameters) - 1), ")"]
    if [word.group() for word in words[::2]] != expected:
        raise wrong
    arguments: list[str | int] = []
    for word, kind in zip(words[1::2], function.parameters, strict=True):
        if not word.group("text" if kind is str else "number") or "\\" in word.group():
            raise wrong
        arguments.append(word.group()[1:-1] if kind is str else int(word.group()))
    for days in arguments:
        if isinstance(days, int) and not 1 <= days <= WINDOW_MAX_DAYS:
            raise ExpressionError(f"column {tokens[place].start() + 1}: {days} days, expected 1 to {WINDOW_MAX_DAYS}")
    return Call(function, tuple(arguments)), words[-1].end()


_UNDECLARED = re.compile(r"undeclared reference to '([^']+)'")
_PLACE = re.compile(r"<input>:(\d+):(\d+): (.*?)(?:\n| \[|$)")


def _explained(error: str, per: Per) -> str:
    """Return the library's message in one line, with what was probably meant."""
    place = _PLACE.search(error)
    text = f"column {place[2]}: {place[3]}" if place else error.splitlines()[0]
    undeclared = _UNDECLARED.search(error)
    if undeclared:
        known = (*DECLARED[per], *FUNCTIONS)
        return f"{text}; {did_you_mean(undeclared[1], known) or 'known: ' + ', '.join(known)}"
    if "double" in text and "int" in text:
        return f"{text}; numbers with decimals are compared with such: 3.0"
    return text


def evaluate(program: Program, line: Line | None, chart: Chart) -> Evaluated:
    """Return what an expression says of a line, or of the encounter."""
    values: dict[str, Value] = {}
    shown: dict[str, Value | None] = {}
    missing: dict[Missing, None] = {}
    for name, declared in program.facts:
        value = declared.value(line, chart)
        shown[declared.shown_as] = value
        if value is None:
            missing[Missing(declared.fact)] = None
        else:
            values[name] = value
    for name, call in program.calls:
        answer = call.function.run(line, chart, *call.arguments)
        shown[call.function.shown_as.format(*call.arguments)] = None if isinstance(answer, Missing) else answer
        if isinstance(answer, Missing):
            missing[answer] = None
        else:
            values[name] = answer
    result = program.expression.eval(data=values)
    if result.type() == cel.Type.BOOL:
        return Evaluated(bool(result.value()), (), shown)
    if not missing:
        missing[Missing("expression", f"表达式无法计算：{result.value()}")] = None
    return Evaluated(None, tuple(missing), shown)
