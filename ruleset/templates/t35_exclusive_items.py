"""T35 重复收费: items of which one (the sub item) is not charged beside another (the main item)."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Literal

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Subject, Template, class_key, item_key
from ruleset.timeline import order_of

ONE_DAY = timedelta(days=1)
APART_LESS_THAN = {"6小时": timedelta(hours=6), "同一小时": timedelta(hours=1)}


class Params(msgspec.Struct, frozen=True, kw_only=True):
    """The main item, the sub item, and what "beside" means. Each side is an item code, or a class (a list).

    `window`: 单次就诊, the same encounter; 单日, the same calendar day; 6小时 and 同一小时, less than that apart, each at
    the same institution; 同一手术, the same encounter and calendar day, on which it had exactly one operation. Where both
    sides are the same list, any two different items of it exclude each other (分解收费: the parts of one item), and
    the later one (equal times: by order id, then place) is the sub item. An item is never beside itself where either side
    is a list; one without a code goes by its name.
    """

    main_code: str = ""
    main_name: str = ""
    main_class: str = ""
    sub_code: str = ""
    sub_name: str = ""
    sub_class: str = ""
    window: Literal["单日", "单次就诊", "6小时", "同一小时", "同一手术"]


class ExclusiveItems(Template):
    """One result per pair of lines; the sub line violates, the main line is related, whichever came first.

    A main line may be current or past; refunds and self-paid lines are none. One without a time is beside what is of its
    encounter (单次就诊), where it counts as the earlier one; in the other windows it is beside nothing. UNKNOWN (`begin`) where a date without a
    time of day leaves the hours open; (`operations`) for 同一手术 where the day has no operation or more than one.
    """

    id = "T35"
    title = "重复收费"
    columns = Params
    row_name = ("sub_code", "sub_class", "main_code", "main_class")
    pair = (("main_code", "main_class"), ("sub_code", "sub_class"))
    needs = ("begin", "operations")
    evidence = ("main", "window", "main_date")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the sub item: only a sub line can violate."""
        return (item_key(params.sub_code) if params.sub_code else class_key(params.sub_class),)

    def problems(self, params: Params) -> Iterator[str]:
        """Each side is one thing, and a code is not beside itself."""
        for side in ("main", "sub"):
            if bool(getattr(params, f"{side}_code")) == bool(getattr(params, f"{side}_class")):
                yield f"exactly one of `{side}_code` and `{side}_class` is needed"
        if params.main_code and params.main_code == params.sub_code:
            yield f"`{params.main_code}` is paired with itself"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE for each line of the main item within the window."""
        mains = _mains(params, line, chart)
        if not mains:
            return FALSE
        judgements: list[Judgement] = []
        by_list = bool(params.main_class or params.sub_class)
        mutual = bool(params.main_class) and params.main_class == params.sub_class
        for main in mains:
            if main is line or main.is_refund or main.self_pay:
                continue
            if by_list and main.item == line.item:
                continue
            if mutual and order_of(main) > order_of(line):
                continue
            beside = _beside(params.window, line, main, chart)
            if isinstance(beside, Missing):
                judgements.append(Judgement(related=(main,), missing=(beside,)))
            elif beside:
                evidence = {"main": main.name, "window": params.window, "main_date": _when(main)}
                judgements.append(Judgement(related=(main,), evidence=evidence))
        return judgements


def _mains(params: Params, line: Line, chart: Chart) -> Sequence[Line]:
    """Return at least the main lines that may be within the window."""
    assert line.begin is not None  # a line without a time is never judged
    # A main item as much as a day before can still be less than six hours away.
    since = line.begin.toordinal() - 1
    in_encounter = params.window in ("单次就诊", "同一手术")
    if params.main_code:
        if in_encounter:
            return chart.lines_in_encounter(params.main_code, line.encounter_id)
        return chart.lines_of(params.main_code, since)
    about = Subject(drug_class=params.main_class)
    if in_encounter:
        untimed = [main for main in chart.untimed() if chart.is_about(main, about)]
        return [main for main in (*chart.lines_about(about), *untimed) if main.encounter_id == line.encounter_id]
    return chart.lines_about(about, since)


def _when(main: Line) -> str:
    """Return the main item's time for a person: its day alone where it states no time of day."""
    if main.begin is None:
        return "不明"
    return str(main.begin.date() if main.begin_is_date else main.begin)


def _beside(window: str, sub: Line, main: Line, chart: Chart) -> bool | Missing:
    """Say whether two lines are within the window; what is missing where nobody can say."""
    if window == "单次就诊":
        return main.encounter_id == sub.encounter_id
    if main.facility_id != sub.facility_id or main.begin is None or sub.begin is None:
        return False
    if window in ("单日", "同一手术"):
        same_day = main.begin.date() == sub.begin.date()
        return _one_operation(sub.begin.date(), chart) if same_day and window == "同一手术" else same_day
    limit = APART_LESS_THAN[window]
    if not (main.begin_is_date or sub.begin_is_date):
        return abs(main.begin - sub.begin) < limit
    # A date alone is any moment of its day.
    latest_main = main.begin + ONE_DAY if main.begin_is_date else main.begin
    latest_sub = sub.begin + ONE_DAY if sub.begin_is_date else sub.begin
    certainly_apart = main.begin - latest_sub >= limit or sub.begin - latest_main >= limit
    return False if certainly_apart else Missing("begin", "只有日期没有时刻，无法判断是否在时限之内")


def _one_operation(day: date, chart: Chart) -> bool | Missing:
    """Say that what is charged on a day belongs to one operation; a charge does not name its own."""
    times = (operation.begin or operation.performed for operation in chart.case.encounter.operations)
    count = sum(time is not None and time.date() == day for time in times)
    if count == 1:
        return True
    detail = f"{day}有{count}台手术，无法判断收费属于哪一台" if count else f"没有{day}的手术记录，无法判断是否同一手术"
    return Missing("operations", detail)
