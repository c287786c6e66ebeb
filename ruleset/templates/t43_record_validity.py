"""T43 字段/编码有效性: a field that must be filled, a code that must be listed, dates in order, codes that go together."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from ruleset import diagnoses
from ruleset.case import Case, Diagnosis, Line, Operation
from ruleset.chart import Chart
from ruleset.facts import FACTS
from ruleset.outcome import Judgement, Missing
from ruleset.stays import is_of
from ruleset.template import (
    EVERY_ENCOUNTER,
    EVERY_LINE,
    FALSE,
    Template,
    kind_key,
    operation_key,
)

LineField = Literal[
    "item_code",
    "item_name",
    "item_kind",
    "quantity",
    "price",
    "amount",
    "begin",
    "days",
    "dose",
    "dose_unit",
    "frequency",
    "route",
    "department",
    "practitioner_id",
    "prescription_id",
]
EncounterField = Literal[
    "sex",
    "birth_date",
    "payer",
    "care_modes",
    "visit_kind",
    "encounter_begin",
    "diagnoses",
    "facility_level",
    "weight_kg",
]
DateField = Literal["出生", "入院", "出院", "开始", "停止", "诊断", "手术", "死亡", "报文"]
Key = Literal["drug", "herb_piece", "herb_granule", "service", "consumable", "long_term_care", "other"]

SHAPE_ANY_REST = "*"
SHAPE_MAX_CHARACTERS = 40


class Params(msgspec.Struct, frozen=True, kw_only=True):
    """What is checked, and the columns that go with it.

    `check` 必填: each of `fields` is filled, in every current line (of catalogue `item_kind` where given) for fields of lines, once per encounter for the
    others; a row's fields are all of one sort. 编码: the code of every diagnosis (`of` 诊断), operation (手术) or current
    line (项目) has one of the `shapes` (A a letter, 9 a digit, X either, * anything from here on, other characters
    themselves; dots count, letters compare without case) or, for 项目, is a member of the list `listed_in`. 日期先后: the
    date `earlier` is not after the date `later`. 诊断手术: an operation with one of `operation_prefixes` goes with a diagnosis that has one of
    `diagnosis_prefixes`. Age and sex are T06's and T07's.
    """

    check: Literal["必填", "编码", "日期先后", "诊断手术"]
    fields: tuple[LineField | EncounterField, ...] = ()
    item_kind: Key | Literal[""] = ""
    of: Literal["", "诊断", "手术", "项目"] = ""
    shapes: tuple[str, ...] = ()
    listed_in: str = ""
    earlier: DateField | Literal[""] = ""
    later: DateField | Literal[""] = ""
    operation_prefixes: tuple[str, ...] = ()
    diagnosis_prefixes: tuple[str, ...] = ()


class RecordValidity(Template):
    """The one template whose TRUE is an absence: the record itself is judged, not the patient.

    必填: TRUE when a field is empty, or could not be read; the finding names the fields. 编码: TRUE for a code that is
    stated and fits none of the shapes, or is not in the list; one judgement per code. A missing code is 必填's. 日期先后: TRUE when both dates
    are stated and the earlier one is after the later one: by the time of day, or by the day where either is a day alone (birth, or
    midnight, which systems write for a date without a time). 开始 and 停止 are a current line's, and judged line by line; 诊断 and 手术 are each diagnosis's and
    operation's. A date that is not stated is FALSE.
    诊断手术: FALSE when any diagnosis of the encounter, suspected ones included, has one of the prefixes; UNKNOWN
    (`diagnoses`) when none has a code; else TRUE.
    """

    id = "T43"
    title = "字段/编码有效性"
    columns = Params
    row_name = ("check", "fields", "item_kind", "of", "earlier", "later", "operation_prefixes")
    needs = ("diagnoses",)
    evidence = ("why",)

    def keys(self, params: Params) -> Sequence[str]:
        """Every line, every encounter, or the operations, as the check asks."""
        if params.check == "诊断手术":
            return tuple(operation_key(prefix) for prefix in params.operation_prefixes)
        if not _is_of_lines(params):
            return (EVERY_ENCOUNTER,)
        return (kind_key(params.item_kind),) if params.item_kind else (EVERY_LINE,)

    def problems(self, params: Params) -> Iterator[str]:
        """Each check has its own columns."""
        stated = {name for name in Params.__struct_fields__ if name != "check" and getattr(params, name)}
        needed, allowed = COLUMNS_OF[params.check]
        yield from (f"the check {params.check} needs `{name}`" for name in needed if name not in stated)
        yield from (f"the check {params.check} has no `{name}`" for name in sorted(stated - {*needed, *allowed}))
        if params.check == "必填" and len({field in LINE_FIELDS for field in params.fields}) > 1:
            yield "`fields` mixes fields of lines with fields of the encounter: write two rows"
        if params.check == "编码":
            if bool(params.shapes) == bool(params.listed_in):
                yield "exactly one of `shapes` and `listed_in` is needed"
            if params.listed_in and params.of != "项目":
                yield "`listed_in` is for items: a list has no diagnoses or operations"
            yield from (
                f"`shapes`: `{shape}` is too long" for shape in params.shapes if len(shape) > SHAPE_MAX_CHARACTERS
            )
        if params.item_kind and not _is_of_lines(params):
            yield "`item_kind` is for checks of lines"
        if params.check == "日期先后" and params.earlier == params.later:
            yield "`earlier` and `later` are the same date"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """Judge the record of one line."""
        if params.check == "必填":
            empty = [field for field in params.fields if _is_empty(LINE_FIELDS[field](line, chart))]
            return _empty(empty)
        if params.check == "编码":
            code = line.item_code
            if not code:
                return FALSE
            listed = chart.is_in(line, params.listed_in) if params.listed_in else _fits(code, params.shapes)
            return FALSE if listed else (_wrong_code(params, code, code),)
        return _order(params, _dates(params.earlier, line, chart), _dates(params.later, line, chart))

    def judge_encounter(self, params: Params, about: Diagnosis | Operation | None, chart: Chart) -> Sequence[Judgement]:
        """Judge the record of the encounter, or of an operation."""
        case = chart.case
        encounter = case.encounter
        if params.check == "诊断手术":
            return _operation_fits(params, about, chart)
        if params.check == "必填":
            return _empty([field for field in params.fields if _is_empty(ENCOUNTER_FIELDS[field](case))])
        if params.check == "编码":
            coded: Sequence[Diagnosis | Operation] = (
                encounter.diagnoses if params.of == "诊断" else encounter.operations
            )
            wrong = {(one.code, one.name) for one in coded if one.code and not _fits(one.code, params.shapes)}
            return [_wrong_code(params, code, name) for code, name in sorted(wrong)]
        return _order(params, _dates(params.earlier, None, chart), _dates(params.later, None, chart))


COLUMNS_OF: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "必填": (("fields",), ("item_kind",)),
    "编码": (("of",), ("item_kind", "shapes", "listed_in")),
    "日期先后": (("earlier", "later"), ("item_kind",)),
    "诊断手术": (("operation_prefixes", "diagnosis_prefixes"), ()),
}
"""The columns that a check needs, and those that it may have beside them."""

LINE_FIELDS: dict[str, Callable[[Line, Chart], object]] = {
    "item_code": lambda line, _: line.item_code,
    "item_name": lambda line, _: line.item_name,
    "item_kind": lambda line, _: line.item_kind,
    "quantity": lambda line, _: line.quantity,
    "price": lambda line, _: line.price,
    "amount": lambda line, _: line.amount,
    "begin": lambda line, _: line.begin if line.begin_stated else None,
    "days": lambda line, _: line.days,
    "dose": lambda line, _: line.dose,
    "dose_unit": lambda line, _: line.dose_unit,
    "frequency": lambda line, _: line.frequency or line.times_per_day,
    "route": lambda line, _: line.route,
    "department": lambda line, chart: line.department_code or chart.case.encounter.department_code,
    "practitioner_id": lambda line, chart: chart.practitioner_id(line),
    "prescription_id": lambda line, _: line.prescription_id,
}
ENCOUNTER_FIELDS: dict[str, Callable[[Case], object]] = {
    "sex": lambda case: case.patient.sex,
    "birth_date": lambda case: case.patient.birth_date,
    "weight_kg": lambda case: case.patient.weight_kg,
    "payer": lambda case: case.encounter.payer,
    "care_modes": lambda case: is_of(case.encounter.care_modes, ("住院",)),
    "visit_kind": lambda case: case.encounter.visit_kind,
    "encounter_begin": lambda case: case.encounter.begin,
    "diagnoses": lambda case: [diagnosis for diagnosis in case.encounter.diagnoses if diagnosis.code],
    "facility_level": lambda case: case.encounter.facility_level,
}
"""By the names of `ruleset.facts.FACTS`."""


def _times_of_line(name: str) -> bool:
    return name in ("开始", "停止")


def _is_of_lines(params: Params) -> bool:
    if params.check == "必填":
        return all(field in LINE_FIELDS for field in params.fields)
    if params.check == "编码":
        return params.of == "项目"
    return _times_of_line(params.earlier) or _times_of_line(params.later)


def _is_empty(value: object) -> bool:
    return value is None or value in ("", ()) or value == []


def _empty(fields: Sequence[str]) -> Sequence[Judgement]:
    if not fields:
        return FALSE
    labels = "、".join(FACTS[field].label for field in fields)
    return (Judgement(evidence={"why": f"没有填写（或无法识别）：{labels}"}),)


def _wrong_code(params: Params, code: str, name: str) -> Judgement:
    text = f"{name}（{code}）" if name and name != code else code
    why = f"不在“{params.listed_in}”中" if params.listed_in else "格式不正确"
    return Judgement(evidence={"why": f"编码{text}{why}"})


def _fits(code: str, shapes: Sequence[str]) -> bool:
    return any(_fits_one(code, shape) for shape in shapes)


def _fits_one(code: str, shape: str) -> bool:
    plain = shape.removesuffix(SHAPE_ANY_REST)
    if len(code) < len(plain) or (plain == shape and len(code) != len(plain)):
        return False
    return all(_fits_character(character, wanted) for character, wanted in zip(code, plain, strict=False))


def _fits_character(character: str, wanted: str) -> bool:
    if wanted == "A":
        return character.isascii() and character.isalpha()
    if wanted == "9":
        return character.isascii() and character.isdigit()
    if wanted == "X":
        return character.isascii() and character.isalnum()
    return character.casefold() == wanted.casefold()


Stated = tuple[datetime | date, bool]
"""A date or a moment, and whether it is of a day without a time."""


def _dates(name: str, line: Line | None, chart: Chart) -> Sequence[Stated]:
    """Return the dates of this name that are stated."""
    case = chart.case
    found: list[tuple[datetime | date | None, bool]] = []
    if name == "出生":
        found.append((case.patient.birth_date, True))
    elif name == "死亡":
        found.append((case.patient.deceased, False))
    elif name == "入院":
        found.append((case.encounter.begin, False))
    elif name == "出院":
        found.append((case.encounter.end, False))
    elif name == "报文":
        found.append((case.time, False))
    elif name == "诊断":
        found.extend((diagnosis.recorded, False) for diagnosis in case.encounter.diagnoses)
    elif name == "手术":
        found.extend((operation.begin or operation.performed, False) for operation in case.encounter.operations)
    elif line is not None:
        begins = name == "开始"
        begin = line.begin if line.begin_stated else None
        found.append((begin if begins else line.end, line.begin_is_date and begins))
    return [(moment, of_day) for moment, of_day in found if moment is not None]


def _order(params: Params, earlier: Sequence[Stated], later: Sequence[Stated]) -> Sequence[Judgement]:
    """Return one judgement where any of the earlier dates is after any of the later ones: the widest apart."""
    after = [(one[0], other[0]) for one in earlier for other in later if _is_after(one, other)]
    if not after:
        return FALSE
    first, second = max(after, key=lambda pair: (_day(pair[0]) - _day(pair[1]), str(pair)))
    why = f"{params.earlier}时间（{first}）晚于{params.later}时间（{second}）"
    return (Judgement(evidence={"why": why}),)


def _is_after(one: Stated, other: Stated) -> bool:
    if one[1] or other[1] or _is_midnight(one[0]) or _is_midnight(other[0]):
        return _day(one[0]) > _day(other[0])
    assert isinstance(one[0], datetime)  # a date alone is of a day
    assert isinstance(other[0], datetime)
    return one[0] > other[0]


def _day(moment: datetime | date) -> timedelta:
    return timedelta(days=moment.toordinal())


def _is_midnight(moment: datetime | date) -> bool:
    """Say whether a moment is most likely a date that a system wrote without its time."""
    return not isinstance(moment, datetime) or (moment.hour, moment.minute, moment.second) == (0, 0, 0)


def _operation_fits(params: Params, about: Diagnosis | Operation | None, chart: Chart) -> Sequence[Judgement]:
    coded = [diagnosis for diagnosis in chart.case.encounter.diagnoses if diagnosis.code]
    if any(diagnoses.matches(diagnosis.code, params.diagnosis_prefixes) for diagnosis in coded):
        return FALSE
    if not coded:
        return (Judgement(missing=(Missing("diagnoses", "没有诊断编码，无法核对手术操作"),)),)
    assert isinstance(about, Operation)  # the row is found under an operation's code
    names = "、".join(sorted(diagnosis.name or diagnosis.code for diagnosis in coded))
    return (Judgement(evidence={"why": f"手术“{about.name or about.code}”与诊断（{names}）不相符"}),)
