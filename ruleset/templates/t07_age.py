"""T07 年龄限定: the item or diagnosis is for an age range, or not for one, on the day of the order."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Literal

from ruleset import ages
from ruleset.ages import Age as AgeOf
from ruleset.case import Diagnosis, Line, Operation
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, diagnosis_key, subject_keys, subject_problems
from ruleset.templates.item_row import ItemRow


class Params(ItemRow, frozen=True, kw_only=True):
    """What the row speaks of (items, or prefixes of diagnosis codes) and an age range.

    `min_age`, `max_age`: ages with a unit (72小时, 28天, 6月, 18岁) of which both belong to the range; `max_age` is
    left on the day on which one more of its unit is completed. `below_age`: the age at which the range is left.
    `min_age_years` and `max_age_years` are the same in years. `adult_from_years` is a `below_age` in years that counts
    where the row gives no other upper end: the published texts say "children" and give no figure, so the figure is a
    parameter of the rule.

    `kind` 限, 专用: the item is for the range. 禁用, 慎用: the item is not for the range. `object`: who is meant, for people.
    """

    object: str = ""
    diagnoses: tuple[str, ...] = ()
    min_age_years: int | None = None
    max_age_years: int | None = None
    adult_from_years: int | None = None
    min_age: str = ""
    max_age: str = ""
    below_age: str = ""
    kind: Literal["限", "专用", "禁用", "慎用"] = "限"

    @property
    def about(self) -> str:
        """What the row speaks of, as it stands in the row's id."""
        return self.subject or "|".join(self.diagnoses)

    @property
    def low(self) -> AgeOf | None:
        """The first age of the range."""
        return _low(self.min_age_years, self.min_age)

    @property
    def end(self) -> AgeOf | None:
        """The first age after the range."""
        return _end(self.max_age_years, self.max_age, self.below_age, self.adult_from_years)


@lru_cache(maxsize=4096)
def _low(years: int | None, text: str) -> AgeOf | None:
    if years is not None:
        return AgeOf(years, "岁")
    return ages.parse_age(text) if text else None


@lru_cache(maxsize=4096)
def _end(max_years: int | None, max_text: str, below_text: str, adult_from_years: int | None) -> AgeOf | None:
    if max_years is not None:
        return AgeOf(max_years + 1, "岁")
    if max_text:
        last = ages.parse_age(max_text)
        return AgeOf(last.number + 1, last.unit)
    if below_text:
        return ages.parse_age(below_text)
    return AgeOf(adult_from_years, "岁") if adult_from_years is not None else None


class Age(Template):
    """限, 专用: TRUE outside the range. 禁用, 慎用: TRUE within it. Ages are completed units on the order's day.

    Days, weeks, months and years are counted by calendar days; hours from the hour of birth. UNKNOWN: without a date of
    birth, or one after the order's day (`birth_date`); in hours without the hour of birth (`birth_time`) or
    of the order (`begin`), where it matters; in a stay for maternity (`birth_date`), which may be newborn care on the mother's account, and nobody
    says whose age it is. A diagnosis is judged at the message's time, else on the day of the encounter's beginning or of
    the first current line, whether it is certain or only suspected.
    """

    id = "T07"
    title = "年龄限定"
    columns = Params
    row_name = ("about",)
    needs = ("birth_date", "birth_time", "begin", "visit_kind")
    evidence = ("object", "age", "age_text", "range", "kind")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue; by each prefix of a diagnosis."""
        return (*subject_keys(params), *(diagnosis_key(prefix) for prefix in params.diagnoses))

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject, and a range with an end that violates, its ends stated once and in order."""
        if params.subject or not params.diagnoses:
            yield from subject_problems(params)
        if params.subject and params.diagnoses:
            yield f"the row speaks of `{params.subject}` and of diagnoses: write two rows"
        texts_are_good = True
        for name in ("min_age", "max_age", "below_age"):
            try:
                if getattr(params, name):
                    ages.parse_age(getattr(params, name))
            except ValueError as error:
                texts_are_good = False
                yield f"`{name}`: {error}"
        if texts_are_good:
            yield from _range_problems(params)

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE outside the range (限, 专用) or within it (禁用, 慎用); UNKNOWN where nobody says whose age it is."""
        return _judge(params, ages.moment_of(line), chart)

    def judge_encounter(self, params: Params, about: Diagnosis | Operation | None, chart: Chart) -> Sequence[Judgement]:
        """Judge a diagnosis as a line is judged, on the message's day."""
        return _judge(params, chart.case.time or chart.day_of(None), chart)


def _range_problems(params: Params) -> Iterator[str]:
    low, high = params.min_age_years, params.max_age_years
    if low is not None and high is not None and low > high:
        yield f"`min_age_years` {low} is above `max_age_years` {high}"
    if params.low is None and params.end is None:
        yield "no age violates: give `min_age_years`, `max_age_years` or `adult_from_years`, or ages with a unit"
    if params.min_age and low is not None:
        yield "`min_age` and `min_age_years` state the same end twice"
    if sum((bool(params.max_age), bool(params.below_age), high is not None)) > 1:
        yield "`max_age`, `below_age` and `max_age_years` state the same end: give one of them"
    if params.low is not None and params.end is not None and params.low.unit == params.end.unit:
        same_unit_and_empty = params.low.number >= params.end.number
        if same_unit_and_empty and not (low is not None and high is not None):
            yield f"no age is in the range: it begins at {params.low} and is left at {params.end}"


def whose_age(at: date, chart: Chart) -> Missing | None:
    """Return why the patient's age on a day, or at a moment, cannot be told; None where it can."""
    day = at.date() if isinstance(at, datetime) else at
    case = chart.case
    birth = case.patient.birth_date
    if case.encounter.visit_kind == "maternity_inpatient":
        return Missing("birth_date", "生育住院可能是新生儿随母就诊，无法确定是谁的年龄")
    if birth is None:
        return Missing("birth_date")
    return Missing("birth_date", f"出生日期 {birth} 晚于医嘱日期") if birth > day else None


def _judge(params: Params, at: date | None, chart: Chart) -> Sequence[Judgement]:
    if at is None:
        return (Judgement(missing=(Missing("birth_date"),)),)
    unreadable = whose_age(at, chart)
    if unreadable is not None:
        return (Judgement(missing=(unreadable,)),)
    patient = chart.case.patient
    birth = patient.birth_date
    assert birth is not None  # else it would be unreadable
    inside = _is_inside(params, at, chart)
    if isinstance(inside, Missing):
        return (Judgement(missing=(inside,)),)
    if inside == (params.kind in ("限", "专用")):
        return FALSE
    evidence = {
        "object": params.object,
        "age": str(ages.completed(birth, at, "岁")),
        "age_text": ages.text_of(birth, at, patient.birth_time),
        "range": _range_text(params),
        "kind": params.kind,
    }
    return (Judgement(evidence=evidence),)


def _is_inside(params: Params, at: date, chart: Chart) -> bool | Missing:
    """Say whether the patient's age is in the range; an end that decides does so whatever is missing for the other."""
    patient = chart.case.patient
    low, end = params.low, params.end
    old_enough = True if low is None else ages.has_reached(patient, at, low)
    too_old = False if end is None else ages.has_reached(patient, at, end)
    if old_enough is False or too_old is True:
        return False
    for answer in (old_enough, too_old):
        if isinstance(answer, Missing):
            return answer
    return True


def _range_text(params: Params) -> str:
    low, end = params.low, params.end
    adult = not (params.max_age_years is not None or params.max_age or params.below_age)
    if end is None:
        return f"{low}及以上"
    if adult or params.below_age:
        return (f"{low}及以上且" if low is not None else "") + f"不满{end}"
    last = AgeOf(end.number - 1, end.unit)
    if low is None:
        return f"{last}及以下"
    return f"{low.number}至{last}" if low.unit == last.unit else f"{low}至{last}"
