"""T07 年龄限定: the item is for an age range, in completed years on the day of the order."""

from collections.abc import Iterator, Sequence

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart, age_in_years
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, item_key


class Params(msgspec.Struct, frozen=True):
    """One item with its range; both ends belong to it. Ages are completed years.

    `adult_from_years` violates where the row gives no maximum: the published texts say "children" and give no
    figure, so the figure is a parameter of the rule.
    """

    item_code: str
    item_name: str
    object: str = ""
    min_age_years: int | None = None
    max_age_years: int | None = None
    adult_from_years: int | None = None


class Age(Template):
    """Compares the patient's age on the order's date with the row's range."""

    id = "T07"
    title = "年龄限定"
    columns = Params
    needs = ("birth_date", "visit_kind")
    evidence = ("object", "age", "range")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by item code."""
        return (item_key(params.item_code),)

    def problems(self, params: Params) -> Iterator[str]:
        """An age range has an end that violates, and its ends are in order."""
        low, high = params.min_age_years, params.max_age_years
        if low is not None and high is not None and low > high:
            yield f"`min_age_years` {low} is above `max_age_years` {high}"
        if low is None and high is None and params.adult_from_years is None:
            yield "no age violates: give `min_age_years`, `max_age_years` or `adult_from_years`"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE outside the range. Newborn care on the mother's account is UNKNOWN: whose age it is, nobody says."""
        case = chart.case
        birth = case.patient.birth_date
        if case.encounter.visit_kind == "maternity_inpatient":
            detail = "生育住院可能是新生儿随母就诊，无法确定是谁的年龄"
            return (Judgement(missing=(Missing("birth_date", detail),)),)
        if birth is None or line.begin is None:
            return (Judgement(missing=(Missing("birth_date"),)),)
        age = age_in_years(birth, line.begin)
        if age < 0:
            return (Judgement(missing=(Missing("birth_date", f"出生日期 {birth} 晚于医嘱日期"),)),)
        too_young = params.min_age_years is not None and age < params.min_age_years
        if params.max_age_years is not None:
            too_old = age > params.max_age_years
        else:
            too_old = params.adult_from_years is not None and age >= params.adult_from_years
        if not (too_young or too_old):
            return FALSE
        return (Judgement(evidence={"object": params.object, "age": str(age), "range": _range_text(params)}),)


def _range_text(params: Params) -> str:
    low = params.min_age_years
    high = params.max_age_years
    if low is not None and high is not None:
        return f"{low}至{high}岁"
    if high is not None:
        return f"{high}岁及以下"
    adult = f"不满{params.adult_from_years}岁" if params.adult_from_years is not None else ""
    if low is not None:
        return f"{low}岁及以上" + (f"且{adult}" if adult else "")
    return adult
