"""T20 皮试: a drug that may be given only after a negative skin test, as a small state machine."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from ruleset.case import Line, Observation
from ruleset.chart import Chart
from ruleset.concurrent_use import look_back, others_in_view, stands, use_of
from ruleset.drug_names import generic_name
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
    `test_names`: codes or names of the test among the patient's skin tests; empty: the subject's name where the row is of
    a substance, else (where it is of an item or a class) that and the substances of the judged line, where it is of a
    catalogue those substances alone; each as written and as generic name, alone or with 皮试 or 皮肤试验 after it.
    `exempt_used_within_days`: no test is needed where the same drug was last used at most so many days before the
    order; empty: it always is.
    The same drug is a line of the row's item code, substance or class; for a catalogue a line of the judged line's item
    code, or with a substance in common with it.
    """

    state: tuple[Violating, ...]
    validity_hours: int
    test_names: tuple[str, ...] = ()
    exempt_used_within_days: int | None = None


class SkinTest(Template):
    """TRUE in one of the row's states; one result per line.

    The state as it is known: by the order's begin, by the end of its day where it states a date alone, or by the
    message's time, whichever is last ("by then"); by the first of these that says so:
    1. 阳性 where the line itself says `positive`, and where a final positive result of the test has no time.
    2. The last result: of the patient's final skin tests of that name by then, whatever their age; of other
    lines of the same drug that state one (begun at most 400 days before the order; past ones by then, current
    ones whenever; refunds apart; what was returned counts, a result is not returned with the drug), by their beginnings;
    and the judged line's own `negative`, as of `validity_hours` before the order, since it speaks of a test that was
    made then or later. Of one time a positive one is the last. 阳性 where it is positive: whatever its age, whatever
    was used since, and although the line says `exempt`, or `negative` of a test that may be the older one.
    3. 阴性 or 免试 where the line itself says `negative` or `exempt`.
    4. Unknown where a final result by then has no time or cannot be read.
    5. 阴性 where the last result is negative and at most `validity_hours` old.
    6. 免试 where the same drug was used within `exempt_used_within_days`, by a past line that began before the order
    and was not returned.
    7. 未出结果 where the line, or an observation by then or without a time, says that the test was ordered.
    8. 过期 where the last result is an older negative one, 未做 where there is none.
    阴性 and 免试 violate no row.
    TRUE in 阳性 and 未出结果. 过期 and 未做 are TRUE where the site's feed of observations is complete, else UNKNOWN
    (`skin_test`, with the date of the old test): a newer test may be known elsewhere. A state that is
    unknown is UNKNOWN (`skin_test`) to every row. A row for 阳性 alone is FALSE where nothing is known.
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

    def is_idle(self, params: Params, chart: Chart) -> bool:
        """FALSE for every line where only a positive test counts, and no test may be positive."""
        return params.state == ("阳性",) and not _may_be_positive(chart)

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE in one of the row's states."""
        if self.is_idle(params, chart):
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
    """The state of the test, whence it is known for a person, and the other lines that say so."""

    state: State
    detail: str
    related: tuple[Line, ...] = ()


class _Result(NamedTuple):
    """One result of a skin test; sorts by time, and of one time a positive one last."""

    at: datetime
    is_positive: bool
    detail: str
    line: Line | None

    def says_the_same_as(self, other: "_Result | None") -> bool:
        """Say whether another result is as old and says the same."""
        return other is not None and (self.at, self.is_positive) == (other.at, other.is_positive)


def _may_be_positive(chart: Chart) -> bool:
    """Say whether any skin test of the patient, a judged line's own among them, might be positive."""
    if chart.positive_skin_tests():
        return True
    return any(observation.kind == "skin_test" for observation in chart.case.patient.observations)


def _found(params: Params, line: Line, chart: Chart) -> _Found:
    if line.skin_test == "positive":
        return _Found("阳性", "本医嘱标明皮试阳性")
    assert line.begin is not None  # a line without a time is never judged
    names = _test_names(params, line, chart)
    tests = [
        one
        for one in chart.case.patient.observations
        if one.kind == "skin_test" and is_named(one, names) and _is_by(one, chart.as_of(line))
    ]
    results: list[_Result] = []
    unreadable: list[str] = []
    for one in tests:
        if one.status != "final":
            continue
        sign = sign_of(one.text)
        if sign == "阳性" and one.time is None:
            return _Found("阳性", text_of(one))
        if sign is None or one.time is None:
            unreadable.append(text_of(one))
        else:
            results.append(_Result(one.time, sign == "阳性", text_of(one), None))
    others = _others(params, line, chart)
    results.extend(_stated_results(others))
    validity = timedelta(hours=params.validity_hours)
    if line.skin_test == "negative":
        results.append(_Result(line.begin - validity, is_positive=False, detail="本医嘱标明皮试阴性", line=None))
    last = max(results, key=lambda result: (result.at, result.is_positive, result.detail), default=None)
    related = tuple(one.line for one in results if one.line is not None and one.says_the_same_as(last))
    if last is not None and last.is_positive:
        return _Found("阳性", last.detail, related)
    if line.skin_test in ("negative", "exempt"):
        return _Found("阴性" if line.skin_test == "negative" else "免试", "本医嘱标明")
    if unreadable:
        return _Found("不明", f"皮试结果“{min(unreadable)}”没有时间或无法识别。")
    if last is not None and line.begin - last.at <= validity:
        return _Found("阴性", last.detail)
    if _was_used(params, line, others, chart):
        return _Found("免试", "近期用过")
    if line.skin_test == "ordered" or any(one.status == "ordered" for one in tests):
        return _Found("未出结果", "皮试已开，尚无结果")
    if last is not None:
        return _Found("过期", f"最近一次为{last.detail}，已超过{params.validity_hours}小时", related)
    return _Found("未做", "没有皮试记录")


def _stated_results(others: Sequence[Line]) -> Iterator[_Result]:
    """Yield the results that other lines of the same drug state."""
    for other in others:
        if other.skin_test in ("positive", "negative"):
            assert other.begin is not None  # lines in view have a time
            sign = "阳性" if other.skin_test == "positive" else "阴性"
            yield _Result(other.begin, sign == "阳性", f"{other.begin.date()}的医嘱标明皮试{sign}", other)


def _test_names(params: Params, line: Line, chart: Chart) -> Sequence[str]:
    """Return the names under which the test may stand among the patient's skin tests."""
    if params.test_names:
        return params.test_names
    written = [subject_text(params)] if subject_text(params) else []
    if not params.ingredient:
        written.extend(chart.drug(line).ingredients)
    generic = [name for one in written if (name := generic_name(one))]
    return tuple(one + ending for one in (*written, *generic) for ending in ("", "皮试", "皮肤试验"))


def _is_by(observation: Observation, at: datetime) -> bool:
    return observation.time is None or observation.time <= at


def _others(params: Params, line: Line, chart: Chart) -> Sequence[Line]:
    """Return the other lines of the same drug: current ones, and past ones that had begun when the state is known."""
    since = look_back(line)
    until = chart.as_of(line)
    name = params.ingredient or params.drug_class
    candidates: list[Line] = []
    if name:
        candidates.extend(chart.named(name, since))
    elif params.item_code:
        candidates.extend(chart.lines_of(params.item_code, since))
    else:
        candidates.extend(other for one in chart.drug(line).ingredients for other in chart.named(one, since))
        if line.item_code:
            candidates.extend(chart.lines_of(line.item_code, since))
    return [
        other
        for other in others_in_view(line, candidates)
        if other.begin is not None
        and other.begin.toordinal() >= since
        and (other.begin <= until or chart.is_current(other))
    ]


def _was_used(params: Params, line: Line, others: Sequence[Line], chart: Chart) -> bool:
    if params.exempt_used_within_days is None:
        return False
    assert line.begin is not None  # a line without a time is never judged
    day = line.begin.toordinal()
    return any(
        other.begin is not None
        and other.begin < line.begin
        and not chart.is_current(other)
        and day - min(use_of(other, chart).last, day) <= params.exempt_used_within_days
        and stands(other, chart)
        for other in others
    )
