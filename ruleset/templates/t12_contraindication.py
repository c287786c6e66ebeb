"""T12 禁忌症: a condition of the patient in which a drug or a service must not be used, or only with care."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Literal

from ruleset.case import Diagnosis, Line
from ruleset.chart import Chart
from ruleset.diagnoses import find, matches
from ruleset.outcome import Judgement, Missing
from ruleset.results import Comparison, compares, is_named, newest, text_of
from ruleset.template import FALSE, Template, subject_keys, subject_problems
from ruleset.templates.item_row import ItemRow
from ruleset.units import read_unit


class Params(ItemRow, frozen=True, kw_only=True):
    """One contraindication of a drug, class or service: by diagnoses, by a test, or by either of them.

    `condition` names it for the doctor; `grade` says 绝对 or 相对, which only the message tells (a row's own `action`
    makes the difference). `diagnoses`: ICD prefixes; `except_diagnoses`: prefixes within them that do not count.
    `history_months`: diagnoses of past encounters count too, where fewer than so many whole months lie between the end
    of the encounter (else its beginning) and the order, so that exactly so many months ago is outside; empty: the
    current encounter alone.
    `test_names`: codes or names of one test, of which the last final result known is compared, if it is at most
    `within_days` calendar days older than the order: by number (`comparison`, `test_value`, `test_unit`) or by word (`test_words`; 阳性
    and 阴性 stand for their spellings).
    `only_substance` 是: not of lines that are known to be of several substances (复方氯化钠注射液 is not 氯化钾).
    """

    condition: str
    grade: Literal["绝对", "相对"] = "绝对"
    diagnoses: tuple[str, ...] = ()
    except_diagnoses: tuple[str, ...] = ()
    history_months: int | None = None
    test_names: tuple[str, ...] = ()
    comparison: Comparison | Literal[""] = ""
    test_value: Decimal | None = None
    test_unit: str = ""
    test_words: tuple[str, ...] = ()
    within_days: int = 90
    only_substance: Literal["是", "否"] = "否"


class Contraindication(Template):
    """TRUE when a confirmed diagnosis or the test result is what the row names; one result per line.

    UNKNOWN, where none is: a diagnosis that is only suspected, in the encounter or in the counted past (`diagnoses`);
    an encounter without any diagnosis, or with one that has no code, unless the site's feed of diagnoses is complete (`diagnoses`); a test that
    is missing, too old, undated or not comparable (`observations`) - a missing one is FALSE where the site's feed of
    observations is complete. What is not recorded of past encounters did not happen: a diagnosis that the encounter
    does not have makes no row UNKNOWN. Known is what is dated by the order's begin, by the end of its day where it states
    a date alone, or by the message's time, whichever is last: later results and encounters that begin later do not count.
    """

    id = "T12"
    title = "禁忌症"
    columns = Params
    row_name = ("subject", "condition", "grade")
    needs = ("diagnoses", "observations")
    evidence = ("condition", "grade", "found")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject and something to find."""
        yield from subject_problems(params)
        yield from _problems(params)

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE for the first of the encounter's diagnoses, past ones, test that the row names."""
        if params.only_substance == "是" and chart.is_compound(line):
            return FALSE
        missing: list[Missing] = []
        found = _by_diagnosis(params, line, chart, missing) if params.diagnoses else None
        if found is None and params.test_names:
            found = _by_test(params, line, chart, missing)
        if found is not None:
            return (Judgement(evidence={"condition": params.condition, "grade": params.grade, "found": found}),)
        return (Judgement(missing=tuple(dict.fromkeys(missing))),) if missing else FALSE


def _problems(params: Params) -> Iterator[str]:
    if not params.diagnoses and not params.test_names:
        yield "the row names no condition: give `diagnoses` or `test_names`"
    if params.except_diagnoses and not all(matches(one, params.diagnoses) for one in params.except_diagnoses):
        yield "`except_diagnoses` names a code that `diagnoses` does not include"
    if params.history_months is not None and params.history_months < 1:
        yield f"`history_months` is {params.history_months}, expected 1 or more"
    if params.test_names and bool(params.comparison) == bool(params.test_words):
        yield "a test needs either `comparison` or `test_words`"
    if (params.comparison != "") != (params.test_value is not None):
        yield "`comparison` and `test_value` go together"
    if params.test_unit and read_unit(params.test_unit) is None:
        yield f"`test_unit` is `{params.test_unit}`, which is no known unit"
    if params.within_days < 0:
        yield f"`within_days` is {params.within_days}, expected 0 or more"


def _by_diagnosis(params: Params, line: Line, chart: Chart, missing: list[Missing]) -> str | None:
    """Return what was found, for a person; else None, with what is unknown added to `missing`."""
    known = chart.case.encounter.diagnoses
    confirmed, suspected = _of(params, known)
    if confirmed:
        return f"诊断“{_name(confirmed[0])}”"
    unsure = [f"“{_name(one)}”" for one in suspected]
    if params.history_months is not None:
        past: list[tuple[str, str]] = []
        for day, diagnosed in chart.past_diagnoses(line, params.history_months):
            confirmed, suspected = _of(params, diagnosed)
            past.extend((str(day), _name(one)) for one in confirmed)
            unsure.extend(f"{day}“{_name(one)}”" for one in suspected)
        if past:
            latest, name = max(past)
            return f"{latest}的诊断“{name}”"
    if unsure:
        missing.append(Missing("diagnoses", f"诊断{'、'.join(sorted(set(unsure)))}为疑似，尚未确定。"))
    elif not chart.is_complete("diagnoses"):
        uncoded = sorted({_name(one) for one in known if not one.code})
        if uncoded:
            missing.append(Missing("diagnoses", f"诊断{'、'.join(f'“{name}”' for name in uncoded)}没有可用的编码。"))
        elif not known:
            missing.append(Missing("diagnoses", "本次就诊没有带编码的诊断。"))
    return None


def _of(params: Params, known: Sequence[Diagnosis]) -> tuple[list[Diagnosis], list[Diagnosis]]:
    """Return the row's diagnoses among some, confirmed and suspected, in an order of their own."""
    confirmed, suspected = find(known, params.diagnoses)
    if not confirmed and not suspected:
        return confirmed, suspected
    kept = [
        sorted(
            (one for one in some if not matches(one.code, params.except_diagnoses)),
            key=lambda one: (one.code, one.name),
        )
        for some in (confirmed, suspected)
    ]
    return kept[0], kept[1]


def _name(diagnosis: Diagnosis) -> str:
    return f"{diagnosis.name}（{diagnosis.code}）" if diagnosis.name else diagnosis.code


def _by_test(params: Params, line: Line, chart: Chart, missing: list[Missing]) -> str | None:
    assert line.begin is not None  # a line without a time is never judged
    known_by = chart.as_of(line)
    results = [
        one
        for one in chart.case.patient.observations
        if one.status == "final" and is_named(one, params.test_names) and (one.time is None or one.time <= known_by)
    ]
    if not results and chart.is_complete("observations"):
        return None
    last = newest(
        results,
        line.begin,
        known_by=known_by,
        within_days=params.within_days,
        label=f"“{params.test_names[-1]}”",
    )
    if isinstance(last, Missing):
        missing.append(last)
        return None
    contraindicated = compares(last, params.comparison, params.test_value, params.test_unit, params.test_words)
    if isinstance(contraindicated, Missing):
        missing.append(contraindicated)
        return None
    return text_of(last) if contraindicated else None
