"""T20 皮试: a drug that may be given only after a negative skin test, as a small state machine."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from ruleset.case import Line, Observation
from ruleset.chart import Chart
from ruleset.concurrent_use import look_back, others_in_view, stands, use_of
from ruleset.outcome import Judgement, Missing
from ruleset.results import is_named, sign_of, text_of
from ruleset.template import FALSE, Template, subject_keys, subject_problems, subject_text
from ruleset.templates.item_row import ItemRow

Violating = Literal["阳性", "未出结果", "过期", "未做"]
State = Literal["阳性", "未出结果", "过期", "未做", "阴性", "免试", "不明"]


class Params(ItemRow, frozen=True, kw_only=True):
    """One drug that needs a skin test, and the states of it in which the row is violated.

    `state`: 阳性 positive; 未出结果 ordered, without a result; 过期 the last negative result is older than
    `validity_hours`; 未做 nothing is known of a test. A row for 阳性 and another for the rest have actions of their own.
    `test_names`: codes or names of the test among the patient's skin tests; empty: the subject's name, with or without
    皮试. `exempt_used_within_days`: no test is needed where the subject was last used at most so many days before the
    order; empty: it always is. Rows by item code ask for the same item, rows by ingredient for the same substance.
    """

    state: tuple[Violating, ...]
    validity_hours: int
    test_names: tuple[str, ...] = ()
    exempt_used_within_days: int | None = None


class SkinTest(Template):
    """TRUE in one of the row's states; one result per line.

    The state at the order's time. What the line itself says (`skin_test`) comes first: positive, negative, exempt.
    Else the last result decides, of the patient's skin tests of that name and of earlier lines of the subject that
    state one (those of the last 400 days, refunds apart), by the order's time; of one time a positive one. 阳性 stays
    positive whatever its age and whatever was used since. A negative one is 阴性 up to and including `validity_hours`
    after it, then 过期. A test that was ordered, by the line or by an observation, and has no valid result is 未出结果.
    In each of these but 阳性 a use of the subject within `exempt_used_within_days`, before the order and not returned,
    makes it 免试. 阴性 and 免试 violate no row.
    TRUE in 阳性 and 未出结果. 过期 and 未做 are TRUE where the site's feed of observations is complete, else UNKNOWN
    (`skin_test`, with the date of the old test): a newer test may be known elsewhere. A result that has no time or
    cannot be read is UNKNOWN to every row. A row for 阳性 alone is FALSE where nothing is known.
    """

    id = "T20"
    title = "皮试"
    columns = Params
    row_name = ("subject", "state")
    needs = ("skin_test",)
    evidence = ("state", "detail", "validity_hours")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject, a state, and a validity."""
        yield from subject_problems(params)
        if not params.state:
            yield "`state` is empty: no skin test violates"
        if params.validity_hours < 1:
            yield f"`validity_hours` is {params.validity_hours}, expected 1 or more"
        if params.exempt_used_within_days is not None and params.exempt_used_within_days < 1:
            yield f"`exempt_used_within_days` is {params.exempt_used_within_days}, expected 1 or more"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE in one of the row's states."""
        if params.state == ("阳性",) and not _may_be_positive(line, chart):
            return FALSE
        found = _found(params, line, chart)
        if found.state == "不明":
            return (Judgement(missing=(Missing("skin_test", found.detail),)),)
        if found.state not in params.state:
            return FALSE
        if found.state in ("过期", "未做") and not chart.is_complete("observations"):
            return (Judgement(missing=(Missing("skin_test", f"{found.detail}。"),)),)
        evidence = {"state": found.state, "detail": found.detail, "validity_hours": str(params.validity_hours)}
        return (Judgement(evidence=evidence, related=found.related),)


class _Found(NamedTuple):
    """The state of the test, whence it is known for a person, and the line that says so where it is another one."""

    state: State
    detail: str
    related: tuple[Line, ...] = ()


class _Result(NamedTuple):
    """One result of a skin test; sorts by time, and of one time a positive one last."""

    at: datetime
    is_positive: bool
    detail: str
    line: Line | None


def _may_be_positive(line: Line, chart: Chart) -> bool:
    """Say whether any skin test of the patient might be positive; where none is, nobody has to look for the last one."""
    if line.skin_test == "positive" or chart.positive_skin_tests():
        return True
    return any(observation.kind == "skin_test" for observation in chart.case.patient.observations)


def _found(params: Params, line: Line, chart: Chart) -> _Found:
    if line.skin_test == "positive":
        return _Found("阳性", "本医嘱标明皮试阳性")
    if line.skin_test in ("negative", "exempt"):
        return _Found("阴性" if line.skin_test == "negative" else "免试", "本医嘱标明")
    assert line.begin is not None  # a line without a time is never judged
    tests = [one for one in chart.case.patient.observations if _is_test(params, one)]
    earlier = _earlier(params, line, chart)
    results: list[_Result] = []
    for one in tests:
        if one.status != "final" or (one.time is not None and one.time > line.begin):
            continue
        sign = sign_of(one.text)
        if sign is None or one.time is None:
            return _Found("不明", f"皮试结果“{text_of(one)}”没有时间或无法识别。")
        results.append(_Result(one.time, sign == "阳性", text_of(one), None))
    for other in earlier:
        if other.skin_test in ("positive", "negative") and other.begin is not None:
            sign = "阳性" if other.skin_test == "positive" else "阴性"
            results.append(_Result(other.begin, sign == "阳性", f"{other.begin.date()}的医嘱标明皮试{sign}", other))
    last = max(results, key=lambda result: (result.at, result.is_positive, result.detail), default=None)
    related = (last.line,) if last is not None and last.line is not None else ()
    if last is not None and last.is_positive:
        return _Found("阳性", last.detail, related)
    if last is not None and line.begin - last.at <= timedelta(hours=params.validity_hours):
        return _Found("阴性", last.detail)
    if _was_used(params, line, earlier, chart):
        return _Found("免试", "近期用过")
    if line.skin_test == "ordered" or any(one.status == "ordered" and _is_by(one, line.begin) for one in tests):
        return _Found("未出结果", "皮试已开，尚无结果")
    if last is not None:
        return _Found("过期", f"最近一次为{last.detail}，已超过{params.validity_hours}小时", related)
    return _Found("未做", "没有皮试记录")


def _is_test(params: Params, observation: Observation) -> bool:
    name = subject_text(params)
    names = params.test_names or (name, f"{name}皮试")
    return observation.kind == "skin_test" and is_named(observation, names)


def _is_by(observation: Observation, at: datetime) -> bool:
    return observation.time is None or observation.time <= at


def _earlier(params: Params, line: Line, chart: Chart) -> Sequence[Line]:
    """Return the past lines of the subject that began before the judged one and were not returned."""
    since = look_back(line)
    name = params.ingredient or params.drug_class
    candidates = chart.named(name, since) if name else chart.lines_about(params, since)
    assert line.begin is not None  # a line without a time is never judged
    return [
        other
        for other in others_in_view(line, candidates, chart)
        if other.begin is not None
        and other.begin < line.begin
        and other.begin.toordinal() >= since
        and not chart.is_current(other)
        and stands(other, chart)
    ]


def _was_used(params: Params, line: Line, earlier: Sequence[Line], chart: Chart) -> bool:
    if params.exempt_used_within_days is None:
        return False
    assert line.begin is not None  # a line without a time is never judged
    day = line.begin.toordinal()
    return any(day - min(use_of(other, chart).last, day) <= params.exempt_used_within_days for other in earlier)
