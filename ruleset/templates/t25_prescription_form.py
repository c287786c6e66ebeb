"""T25 处方形式与种类数: what a prescription as a whole must look like."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from ruleset.ages import NEWBORN_MAX_DAYS
from ruleset.case import HERBS, Line
from ruleset.chart import Chart
from ruleset.concurrent_use import standing_of_prescription
from ruleset.drug import kind_of
from ruleset.outcome import Judgement, Missing
from ruleset.template import EVERY_PRESCRIPTION, FALSE, Template


class Params(msgspec.Struct, frozen=True):
    """One check of a prescription.

    种类数: at most `max_kinds` different drugs (western and Chinese patent medicines, by item code; herbs do not
    count). 饮片单列: herb pieces and granules do not share a prescription with drugs. 单列: drugs of `separate_class` (a
    class or list: 中药注射剂) do not share a prescription with other drugs. Lines of `not_counted` (classes, lists: 溶媒)
    are no drugs for these three.
    诊断缺失: the encounter has a diagnosis. 新生儿体重: the weight of a patient not older than `max_age_days` days on the
    prescription's day is stated.
    """

    check: Literal["种类数", "饮片单列", "单列", "诊断缺失", "新生儿体重"]
    max_kinds: int | None = None
    separate_class: str = ""
    not_counted: tuple[str, ...] = ()
    max_age_days: int = NEWBORN_MAX_DAYS


class Contents(NamedTuple):
    """The drugs and herbs of a prescription; `perhaps` are lines of an unknown catalogue."""

    drugs: tuple[Line, ...]
    herbs: tuple[Line, ...]
    perhaps: tuple[Line, ...]


class PrescriptionForm(Template):
    """Judges each prescription once; all of its current lines violate together, committed ones are related.

    A prescription is the lines of one encounter and prescription number, committed ones among them, without refunds
    and without what refunds of the prescription take back wholly; its day is that of its earliest current line. One
    without any drug or herb is not judged. A line of `separate_class` is a drug whatever is known of its catalogue.
    Self-pay lines count.

    UNKNOWN: `prescription_id` where 种类数, 饮片单列 or 单列 would be violated by lines without a prescription number, which
    may be of several prescriptions; `item_kind` where it would be violated only with a line of an unknown catalogue;
    `diagnoses` and `weight_kg` where they are absent and the site does not vouch that its feed of diagnoses
    (observations, for the weight) is complete: with a complete feed their absence is the violation; `birth_date` for
    新生儿体重 without a date of birth.
    """

    id = "T25"
    title = "处方形式与种类数"
    columns = Params
    row_name = ("check", "separate_class", "max_kinds")
    needs = ("prescription_id", "item_kind", "diagnoses", "weight_kg", "birth_date")
    evidence = ("check", "problem", "count", "max_kinds")

    def keys(self, params: Params) -> Sequence[str]:
        """Judged once for every prescription."""
        return (EVERY_PRESCRIPTION,)

    def problems(self, params: Params) -> Iterator[str]:
        """A check has its own columns."""
        if (params.max_kinds is not None and params.max_kinds > 0) != (params.check == "种类数"):
            yield f"`max_kinds` (1 or more) belongs to `种类数`, here `{params.check}`"
        if bool(params.separate_class) != (params.check == "单列"):
            yield f"`separate_class` belongs to `单列`, here `{params.check}`"
        if params.max_age_days < 0:
            yield f"`max_age_days` is {params.max_age_days}, expected 0 or more"

    def is_idle(self, params: Params, chart: Chart) -> bool:
        """FALSE for every line where the fact that is asked for is stated."""
        asked = _FACT_CHECKS.get(params.check)
        return asked is not None and all(
            asked(params, line, chart) is None for line in chart.case.lines if line.begin is not None
        )

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """Judge the prescription whose first line this is."""
        if params.check in _FACT_CHECKS:
            return _without_a_fact(params, line, chart)
        contents = _contents(params, line, chart)
        counted, count, missing = _CONTENT_CHECKS[params.check](params, contents, chart)
        if not counted:
            return FALSE
        if not line.prescription_id:
            missing = (*missing, Missing("prescription_id", "没有处方号，无法确定是否同一张处方"))
        return (_answer(line, chart, params.check, _problem(params, counted, count), missing, count, params.max_kinds),)


def _contents(params: Params, line: Line, chart: Chart) -> Contents:
    """Return what the prescription holds; worked out once for all rows that count the same."""
    not_counted = () if params.check in _FACT_CHECKS else params.not_counted
    key = ("T25", not_counted, line.encounter_id, line.prescription_id)
    contents: Contents | None = chart.memo.get(key)
    if contents is None:
        contents = chart.memo[key] = _sorted_out(not_counted, line, chart)
    return contents


def _sorted_out(not_counted: tuple[str, ...], line: Line, chart: Chart) -> Contents:
    lines = standing_of_prescription(line, chart)
    kept = [other for other in lines if not any(chart.is_in(other, name) for name in not_counted)]
    return Contents(
        tuple(other for other in kept if kind_of(other) == "drug"),
        tuple(other for other in kept if kind_of(other) in HERBS),
        tuple(other for other in kept if kind_of(other) is None),
    )


Counted = tuple[Sequence[Line], int, tuple[Missing, ...]]
"""The lines that break a check (none: it is kept), how many drugs they are, and what is missing to be sure."""
KEPT: Counted = ((), 0, ())


def _kinds(params: Params, contents: Contents, chart: Chart) -> Counted:  # noqa: ARG001 - as the other checks
    assert params.max_kinds is not None  # `problems` refuses a row without
    sure = {line.item for line in contents.drugs}
    every = sure | {line.item for line in contents.perhaps}
    if len(sure) > params.max_kinds:
        return contents.drugs, len(sure), ()
    if len(every) > params.max_kinds:
        return (*contents.drugs, *contents.perhaps), len(every), _no_kind(contents.perhaps)
    return KEPT


def _herbs_apart(params: Params, contents: Contents, chart: Chart) -> Counted:  # noqa: ARG001 - as the other checks
    drugs, herbs, perhaps = contents
    if drugs and herbs:
        return (*herbs, *drugs), len(drugs), ()
    if perhaps and (drugs or herbs):
        return (*herbs, *drugs, *perhaps), len(drugs or perhaps), _no_kind(perhaps)
    return KEPT


def _class_apart(params: Params, contents: Contents, chart: Chart) -> Counted:
    every = (*contents.drugs, *contents.perhaps)
    apart = [line for line in every if chart.is_in(line, params.separate_class)]
    others = [line for line in contents.drugs if line not in apart]
    if not apart:
        return KEPT
    if others:
        return (*apart, *others), len(others), ()
    doubtful = [line for line in contents.perhaps if line not in apart]
    return ((*apart, *doubtful), len(doubtful), _no_kind(doubtful)) if doubtful else KEPT


_CONTENT_CHECKS = {"种类数": _kinds, "饮片单列": _herbs_apart, "单列": _class_apart}


def _no_kind(lines: Sequence[Line]) -> tuple[Missing, ...]:
    missing = {Missing("item_kind", f"“{line.name}”没有可识别的目录类别") for line in lines}
    return tuple(sorted(missing, key=lambda one: one.detail))


def _problem(params: Params, counted: Sequence[Line], count: int) -> str:
    if params.check == "种类数":
        return f"有{count}种药品，每张处方不超过{params.max_kinds}种"
    names = "、".join(sorted({f"“{line.name}”" for line in counted}))
    what = "中药饮片" if params.check == "饮片单列" else f"“{params.separate_class}”"
    return f"{what}应单独开具处方，同一处方中有{names}"


def _without_a_fact(params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
    """Judge what a prescription of drugs or herbs must state. Most state it, so its lines are looked at last."""
    lacking = _FACT_CHECKS[params.check](params, line, chart)
    if lacking is None:
        return FALSE
    contents = _contents(params, line, chart)
    if not any(contents):
        return FALSE
    unsure = () if contents.drugs or contents.herbs else _no_kind(contents.perhaps)
    problem, missing = lacking
    return (_answer(line, chart, params.check, problem, (*missing, *unsure)),)


Lacking = tuple[str, tuple[Missing, ...]]
"""What a prescription should state and does not, and what is missing to be sure."""


def _diagnosis(params: Params, line: Line, chart: Chart) -> Lacking | None:  # noqa: ARG001 - as the other check
    if any(diagnosis.code or diagnosis.name for diagnosis in chart.case.encounter.diagnoses):
        return None
    missing = () if chart.is_complete("diagnoses") else (Missing("diagnoses", "处方没有临床诊断"),)
    return "没有临床诊断", missing


def _weight(params: Params, line: Line, chart: Chart) -> Lacking | None:
    patient = chart.case.patient
    if patient.weight_kg is not None:
        return None
    assert line.begin is not None  # a line without a time is never judged
    if patient.birth_date is None:
        return "", (Missing("birth_date"),)
    days = line.begin.toordinal() - patient.birth_date.toordinal()
    if days < 0:
        return "", (Missing("birth_date", f"出生日期 {patient.birth_date} 晚于医嘱日期"),)
    if days > params.max_age_days:
        return None
    known = () if chart.is_complete("observations") else (Missing("weight_kg", f"患者日龄{days}天，没有体重"),)
    return f"患者日龄{days}天，没有注明体重", known


_FACT_CHECKS = {"诊断缺失": _diagnosis, "新生儿体重": _weight}


def _answer(
    line: Line,
    chart: Chart,
    check: str,
    problem: str,
    missing: tuple[Missing, ...],
    count: int = 0,
    max_kinds: int | None = None,
) -> Judgement:
    others = [other for other in standing_of_prescription(line, chart) if other is not line]
    current = tuple(other for other in others if chart.is_current(other))
    past = tuple(other for other in others if not chart.is_current(other))
    evidence = {"check": check, "problem": problem, "count": str(count), "max_kinds": str(max_kinds or "")}
    return Judgement(also_violating=current, related=past, evidence=evidence, missing=missing)
