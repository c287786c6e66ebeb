"""T24 重复用药: the same substance in two products, or more drugs of one class than are used together."""

from collections.abc import Iterator, Sequence
from typing import Literal

from ruleset import concurrent_use
from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.supply import UNSTATED_USE_MAX_DAYS
from ruleset.template import FALSE, SUBJECT_COLUMNS, Subject, Template, subject_keys, subject_problems, subject_text
from ruleset.timeline import order_of

BRIDGING_MAX_DAYS = 90
"""Two drugs that may be taken together for longer are no exchange of one for the other, but a combination."""


class Params(Subject, frozen=True, kw_only=True):
    """What must not be doubled: by substance (`same` 成分), or by class (`same` 类) with how many drugs are allowed.

    成分: the subject says which lines are looked at (`item_kind` drug: all of them; `ingredient`: one substance;
    `drug_class`: the substances of a class). 类: the subject is a `drug_class`; more than `allowed_count` different
    drugs of it in use at once violate, where a drug is what its substances are (its item code where none are known).

    `count_same_item` 是: two lines of one item code count as two (成分 alone); by default they are one drug in two
    lines. `bridging_days`: of two lines that began on different days, for how many days the first may still last, counted
    from the day on which the second begins and however long that is used (1: the last day of the old supply is the first
    of the new, 换药日). `not_classes`: lines of these classes
    or lists do not count (溶媒). `not_routes`: nor do lines by these routes (外用); with it, a line without a route is
    UNKNOWN.
    """

    same: Literal["成分", "类"]
    allowed_count: int = 1
    count_same_item: Literal["是", "否"] = "否"
    bridging_days: int = 1
    not_classes: tuple[str, ...] = ()
    not_routes: tuple[str, ...] = ()


class Duplicate(Template):
    """Compares the judged line with what the patient takes at the same time: prescription, stay, unexpired supply.

    Looked at are the patient's other lines, current, past and committed, of any encounter and institution, whichever
    began first, those that begin at most 400 days before the judged one; of which refunds of the item in the encounter left some (each takes back the latest
    charges before it); in use by stated days, end, supply, or (a
    long-term order of the current encounter without an end) until stopped. A line that was stopped after it began, and at or
    before the moment at which the other begins, does not overlap it. Medicine to take home (出院带药) is not a duplicate of what the
    same stay gives, nor the other way round.

    成分: TRUE once per pair of lines with a substance in common. 类: TRUE once per set of lines, when the different drugs
    in use with the judged line, itself included, are more than allowed. Current lines violate together, others are
    related. UNKNOWN (`days`) where it rests on the line that began first of two, which does not say how long it is used
    and may last too long with 7 days of use; UNKNOWN (`route`) see `not_routes`; of a set it names every line
    that may belong to it. Self-pay lines count, refunds are never judged.
    """

    id = "T24"
    title = "重复用药"
    columns = Params
    row_name = (*SUBJECT_COLUMNS, "same")
    needs = ("days", "route", "ingredients")
    evidence = ("subject", "others", "substances", "count", "allowed_count", "since")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the subject."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A class has a count of at least one; a count is of classes."""
        yield from subject_problems(params)
        if params.same == "类" and not params.drug_class:
            yield "`same` is `类`, so the row's subject is a `drug_class`"
        if params.allowed_count < 1:
            yield f"`allowed_count` is {params.allowed_count}, expected 1 or more"
        if params.same == "成分" and params.allowed_count != 1:
            yield f"`allowed_count` is {params.allowed_count}: a substance stands once (`same` is `成分`)"
        if not 0 <= params.bridging_days <= BRIDGING_MAX_DAYS:
            yield f"`bridging_days` is {params.bridging_days}, expected 0 to {BRIDGING_MAX_DAYS}"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """Judge the line with what is in use at the same time."""
        if params.same == "类":
            return FALSE if _is_left_out(params, line, chart) else _by_class(params, line, chart)
        return _by_substance(params, line, chart)


def _by_substance(params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
    substances: Sequence[str] = chart.drug(line).ingredients
    if params.ingredient:
        substances = [name for name in substances if name == params.ingredient]
    apart = params.count_same_item == "否" and bool(line.item_code)
    if apart:  # nearly always no other item has any of its substances
        substances = [name for name in substances if not chart.only_item_named(name, line.item_code)]
    if not substances or _is_left_out(params, line, chart):
        return FALSE
    candidates = _in_use(substances, line, chart)
    if apart:
        candidates = [other for other in candidates if other.item_code != line.item_code]
    judgements: list[Judgement] = []
    for other in concurrent_use.others_in_view(line, candidates, concurrent_use.look_back(line)):
        missing = _overlap(params, line, other, chart)
        if missing is None:
            continue
        shared = [name for name in substances if name in chart.drug(other).ingredients]
        evidence = _evidence(params, line, (other,), chart)
        evidence["substances"] = "、".join(sorted(shared))
        judgements.append(_together((other,), evidence, missing, chart))
    return judgements


def _by_class(params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
    candidates = _in_use((params.drug_class,), line, chart)
    sure: list[Line] = []
    unsure: list[Line] = []
    missing: list[Missing] = []
    for other in concurrent_use.others_in_view(line, candidates, concurrent_use.look_back(line)):
        lacking = _overlap(params, line, other, chart)
        if lacking is None:
            continue
        (unsure if lacking else sure).append(other)
        missing.extend(lacking)
    drugs = {_drug_name(one, chart) for one in (line, *sure)}
    if len(drugs) > params.allowed_count:
        evidence = _evidence(params, line, sure, chart)
        return (_together(sure, evidence, (), chart),)
    if len(drugs | {_drug_name(one, chart) for one in unsure}) > params.allowed_count:
        others = (*sure, *unsure)
        return (_together(others, _evidence(params, line, others, chart), tuple(missing), chart),)
    return FALSE


def _in_use(names: Sequence[str], line: Line, chart: Chart) -> Sequence[Line]:
    assert line.begin is not None  # a line without a time is never judged
    day = line.begin.toordinal()
    return [other for name in names for other in chart.named_in_use(name, day)]


def _is_left_out(params: Params, line: Line, chart: Chart) -> bool:
    return any(chart.is_in(line, name) for name in params.not_classes) or (
        bool(line.route) and line.route in params.not_routes
    )


def _overlap(params: Params, line: Line, other: Line, chart: Chart) -> tuple[Missing, ...] | None:
    """Say whether the other line counts: None where it does not, else what is missing to be sure."""
    if _is_left_out(params, other, chart):
        return None
    if line.encounter_id == other.encounter_id and bool(line.discharge_medication) != bool(other.discharge_medication):
        return None
    first, second = sorted((line, other), key=order_of)
    assert first.begin is not None and second.begin is not None  # noqa: PT018 - lines without a time are left out
    if first.end is not None and first.begin < first.end <= second.begin:
        return None
    meeting = concurrent_use.meeting_of(line, other, chart)
    if meeting is None or not concurrent_use.stands(other, chart):
        return None
    began_earlier = first.begin.toordinal() < second.begin.toordinal()
    days_left = (UNSTATED_USE_MAX_DAYS if meeting.missing else 1) - meeting.gap_days
    if began_earlier and days_left <= params.bridging_days:
        return None
    missing = list(meeting.missing)
    if params.not_routes:
        missing.extend(Missing("route", f"“{one.name}”没有给药途径") for one in (line, other) if not one.route)
    return tuple(missing)


def _drug_name(line: Line, chart: Chart) -> str:
    return "+".join(sorted(chart.drug(line).ingredients)) or line.item


def _evidence(params: Params, line: Line, others: Sequence[Line], chart: Chart) -> dict[str, str]:
    first = min((line, *others), key=order_of)
    drugs = {_drug_name(one, chart) for one in (line, *others)}
    return {
        "subject": subject_text(params),
        "others": "、".join(sorted(f"“{one.name}”" for one in (line, *others))),
        "substances": "、".join(sorted(drugs)),
        "count": str(len(drugs)),
        "allowed_count": str(params.allowed_count),
        "since": f"{first.begin:%Y-%m-%d}",
    }


def _together(
    others: Sequence[Line], evidence: dict[str, str], missing: tuple[Missing, ...], chart: Chart
) -> Judgement:
    current = tuple(other for other in others if chart.is_current(other))
    past = tuple(other for other in others if not chart.is_current(other))
    known = tuple(sorted(set(missing), key=lambda one: (one.fact, one.detail)))
    return Judgement(also_violating=current, related=past, evidence=evidence, missing=known)
