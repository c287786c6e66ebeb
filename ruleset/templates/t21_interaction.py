"""T21 药物相互作用: two drugs that must not, or should not, be used together or soon after each other."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from ruleset import concurrent_use
from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, class_key, ingredient_key, item_key
from ruleset.timeline import line_order, order_of

WASHOUT_MAX_DAYS = 365
"""A longer washout is a typing error: past lines are looked back at for 400 days."""


class Params(msgspec.Struct, frozen=True):
    """Two sides, A and B, and how their use together is judged; their order has no meaning.

    Each side is exactly one of an item code, an ingredient (generic name), or a class (ATC code of any level, a
    hospital's class, or a list of the pack). `routes_a`, `routes_b`: the routes (standard words) by which that side interacts; empty: any. `washout_days_a`: for
    how many days after the last day of A a use of B that begins later still interacts (exactly so many days apart is
    allowed); `washout_days_b` likewise after B. 0: only while both are in use on one day.

    `monitored_codes`: codes or names of observations of which any, ordered or final, on the judged line's day or less
    than `monitored_within_days` days before it, makes the pair acceptable (血钾 for a potassium-sparing pair).
    """

    grade: Literal["禁忌", "严重", "中", "轻"]
    item_a: str = ""
    ingredient_a: str = ""
    class_a: str = ""
    item_b: str = ""
    ingredient_b: str = ""
    class_b: str = ""
    routes_a: tuple[str, ...] = ()
    routes_b: tuple[str, ...] = ()
    washout_days_a: int = 0
    washout_days_b: int = 0
    mechanism: str = ""
    management: str = ""
    monitored_codes: tuple[str, ...] = ()
    monitored_within_days: int = 7


class Side(NamedTuple):
    """One side of a pair."""

    item: str
    ingredient: str
    drug_class: str
    routes: tuple[str, ...]
    washout_days: int

    @property
    def key(self) -> str:
        """The index key of the side."""
        if self.item:
            return item_key(self.item)
        return ingredient_key(self.ingredient) if self.ingredient else class_key(self.drug_class)

    def has(self, line: Line, chart: Chart) -> bool:
        """Say whether a line is of this side, whatever its route."""
        if self.item:
            return line.item_code == self.item
        return chart.is_in(line, self.ingredient or self.drug_class)

    def lines(self, chart: Chart, line: Line, other: "Side") -> Sequence[Line]:
        """Return the lines of this side that may meet a current one of the other, by use or by washout."""
        since = concurrent_use.look_back(line)
        if self.item:
            return chart.lines_of(self.item, since)
        assert line.begin is not None  # a line without a time is never judged
        washout = max(self.washout_days, other.washout_days, 1)
        return chart.named_in_use(self.ingredient or self.drug_class, line.begin.toordinal() - washout)


def sides_of(params: Params) -> tuple[Side, Side]:
    """Return the two sides of a row."""
    return (
        Side(params.item_a, params.ingredient_a, params.class_a, params.routes_a, params.washout_days_a),
        Side(params.item_b, params.ingredient_b, params.class_b, params.routes_b, params.washout_days_b),
    )


class Interaction(Template):
    """TRUE once for each pair of lines, one of A and one of B, whose use meets.

    They meet when they share a day of use, or when the second begins within the washout of the first. Both lines violate where both are current; another line is related. Other lines are the patient's current, past and
    committed ones of any encounter, whichever of the two began first: a committed line may begin later than the judged
    one, or on its day where it states a date alone. They begin at most 400 days before it, and are in use by their
    stated days, their end, their supply, or (a long-term order of the current encounter without an end) until stopped; an
    end before the begin, or ten years after it, says nothing. Two lines that are of both sides each are judged both ways
    round, and the surer answer counts.
    The other line, past or current, is in use only if refunds of its item in its encounter left some of it: each takes
    back the latest charges before it.
    A pair that was running before and is ordered again is judged again: whether a doctor has answered it already is the
    override's business (`remember`).

    UNKNOWN (`days`) where the line that began first does not say how long it is used, and began so few days before the
    other that with 7 days of use they would meet; UNKNOWN (`route`) where the row names routes and a line states none. No past line at all is FALSE:
    a history that may be incomplete is no violation. What a patient
    pays for themselves is taken all the same, so self-pay lines count; refunds are never judged.
    """

    id = "T21"
    title = "药物相互作用"
    columns = Params
    row_name = ("item_a", "ingredient_a", "class_a", "item_b", "ingredient_b", "class_b")
    pair = (("item_a", "ingredient_a", "class_a"), ("item_b", "ingredient_b", "class_b"))
    needs = ("days", "route")
    evidence = ("drug_a", "drug_b", "grade", "mechanism", "management", "when")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by both sides, so that either line leads to the pair."""
        return tuple(side.key for side in sides_of(params))

    def problems(self, params: Params) -> Iterator[str]:
        """Each side is one thing, the two differ, and days are days."""
        for name, side in zip("ab", sides_of(params), strict=True):
            given = sum(map(bool, (side.item, side.ingredient, side.drug_class)))
            if given != 1:
                yield f"exactly one of `item_{name}`, `ingredient_{name}`, `class_{name}` names a side, here {given}"
            if not 0 <= side.washout_days <= WASHOUT_MAX_DAYS:
                yield f"`washout_days_{name}` is {side.washout_days}, expected 0 to {WASHOUT_MAX_DAYS}"
        side_a, side_b = sides_of(params)
        if side_a[:3] == side_b[:3]:
            yield "both sides are the same: two of one kind are duplicates (T24)"
        if params.monitored_within_days < 1:
            yield f"`monitored_within_days` is {params.monitored_within_days}, expected 1 or more"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """Judge the line with every line of the side that it is not."""
        side_a, side_b = sides_of(params)
        since = concurrent_use.look_back(line)
        pairs: dict[int, list[tuple[Line, Line]]] = {}
        if side_a.has(line, chart):
            for other in concurrent_use.others_in_view(line, side_b.lines(chart, line, side_a), since):
                pairs.setdefault(id(other), []).append((line, other))
        if side_b.has(line, chart):
            for other in concurrent_use.others_in_view(line, side_a.lines(chart, line, side_b), since):
                pairs.setdefault(id(other), []).append((other, line))
        if not pairs or _is_monitored(params, line, chart):
            return FALSE
        judgements: list[Judgement] = []
        for ways in pairs.values():
            # Two lines that are of both sides each are one pair: what is surer, told the same from either line.
            ways.sort(key=lambda pair: line_order(pair[0]))
            found = [one for one in (_pair(params, line, *pair, chart) for pair in ways) if one is not None]
            judgements.extend(sorted(found, key=_doubts)[:1])
        return judgements


def _doubts(judgement: Judgement) -> tuple[int, list[str]]:
    facts = {missing.fact for missing in judgement.missing}
    return len(facts), sorted(facts)


def _pair(params: Params, line: Line, drug_a: Line, drug_b: Line, chart: Chart) -> Judgement | None:
    """Judge one pair of lines, of which `line` is the judged one."""
    missing: list[Missing] = []
    for routes, drug in ((params.routes_a, drug_a), (params.routes_b, drug_b)):
        if routes and not drug.route:
            missing.append(Missing("route", f"“{drug.name}”没有给药途径"))
        elif routes and drug.route not in routes:
            return None
    first, second = sorted((drug_a, drug_b), key=order_of)
    washout = params.washout_days_a if first is drug_a else params.washout_days_b
    meeting = concurrent_use.meeting_of(drug_a, drug_b, chart, washout)
    other = drug_b if drug_a is line else drug_a
    if meeting is None or not concurrent_use.stands(other, chart):
        return None
    evidence = {
        "drug_a": drug_a.name,
        "drug_b": drug_b.name,
        "grade": params.grade,
        "mechanism": params.mechanism,
        "management": params.management,
        "when": _when(first, second, meeting, chart),
    }
    known = (*missing, *meeting.missing)
    if chart.is_current(other):
        return Judgement(also_violating=(other,), evidence=evidence, missing=known)
    return Judgement(related=(other,), evidence=evidence, missing=known)


def _when(first: Line, second: Line, meeting: concurrent_use.Meeting, chart: Chart) -> str:
    if meeting.gap_days > 0:
        return f"“{first.name}”停用仅{meeting.gap_days}天"
    if chart.is_current(first) and chart.is_current(second):
        return "本次同时开具"
    if chart.is_current(first):
        return f"已开具的“{second.name}”（{second.begin:%Y-%m-%d}起用）同时使用"
    return f"“{first.name}”（{first.begin:%Y-%m-%d}开具）仍在使用"


def _is_monitored(params: Params, line: Line, chart: Chart) -> bool:
    if not params.monitored_codes:
        return False
    assert line.begin is not None  # a line without a time is never judged
    day = line.begin.toordinal()
    return any(
        (observation.code in params.monitored_codes or observation.name in params.monitored_codes)
        and observation.time is not None
        and 0 <= day - observation.time.toordinal() < params.monitored_within_days
        for observation in chart.case.patient.observations
    )
