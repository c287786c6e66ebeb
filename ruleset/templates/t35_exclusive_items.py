"""T35 重复收费: two items of which one (the sub item) is not charged beside the other (the main item)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, item_key

ONE_DAY = timedelta(days=1)
APART_LESS_THAN = {"6小时": timedelta(hours=6), "同一小时": timedelta(hours=1)}


class Params(msgspec.Struct, frozen=True):
    """The main item, the sub item, and what "beside" means."""

    main_code: str
    main_name: str
    sub_code: str
    sub_name: str
    window: Literal["单日", "单次就诊", "6小时", "同一小时"]


class ExclusiveItems(Template):
    """One result per pair of lines; the sub line violates, the main line is related, whichever came first."""

    id = "T35"
    title = "重复收费"
    columns = Params
    row_name = ("sub_code", "main_code")
    needs = ("begin",)
    evidence = ("main", "window", "main_date")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the sub item: only a sub line can violate."""
        return (item_key(params.sub_code),)

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE for each line of the main item within the window."""
        assert line.begin is not None  # a line without a time is never judged
        # A main item as much as a day before can still be less than six hours away.
        if params.window == "单次就诊":
            mains = chart.lines_in_encounter(params.main_code, line.encounter_id)
        else:
            mains = chart.lines_of(params.main_code, line.begin.toordinal() - 1)
        if not mains:
            return FALSE
        judgements: list[Judgement] = []
        for main in mains:
            if main is line or main.is_refund or main.self_pay:
                continue
            beside = _beside(params.window, line, main)
            if beside is None:
                missing = Missing("begin", "只有日期没有时刻，无法判断是否在时限之内")
                judgements.append(Judgement(related=(main,), missing=(missing,)))
            elif beside:
                evidence = {"main": main.name, "window": params.window, "main_date": str(main.begin or "不明")}
                judgements.append(Judgement(related=(main,), evidence=evidence))
        return judgements


def _beside(window: str, sub: Line, main: Line) -> bool | None:
    """Say whether two lines are within the window; None where that depends on a time of day that is not stated.

    单次就诊: the same encounter; 单日: the same calendar day; 6小时, 同一小时: less than that apart.
    """
    if window == "单次就诊":
        return main.encounter_id == sub.encounter_id
    if main.facility_id != sub.facility_id or main.begin is None or sub.begin is None:
        return False
    if window == "单日":
        return main.begin.date() == sub.begin.date()
    limit = APART_LESS_THAN[window]
    if not (main.begin_is_date or sub.begin_is_date):
        return abs(main.begin - sub.begin) < limit
    # A date alone is any moment of its day.
    latest_main = main.begin + ONE_DAY if main.begin_is_date else main.begin
    latest_sub = sub.begin + ONE_DAY if sub.begin_is_date else sub.begin
    certainly_apart = main.begin - latest_sub >= limit or sub.begin - latest_main >= limit
    return False if certainly_apart else None
