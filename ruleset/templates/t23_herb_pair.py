"""T23 中药饮片配伍禁忌: two herbs that must not stand in one prescription (十八反 and others), by name."""

from collections.abc import Iterator, Sequence

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, herb_key


class Params(msgspec.Struct, frozen=True):
    """Two herb names; their order has no meaning."""

    herb_a: str
    herb_b: str


class HerbPair(Template):
    """One result per pair of lines; both lines violate, unless one of them is history: that one is related."""

    id = "T23"
    title = "中药饮片配伍禁忌"
    columns = Params
    row_name = ("herb_a", "herb_b")
    needs = ("item_kind",)
    evidence = ("herb_a", "herb_b")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by both names, so that either line leads to the pair."""
        return (herb_key(params.herb_a), herb_key(params.herb_b))

    def problems(self, params: Params) -> Iterator[str]:
        """A pair has two herbs."""
        if params.herb_a == params.herb_b:
            yield f"`{params.herb_a}` is paired with itself"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE for each other line of the prescription that is the other herb of the pair.

        Either line leads to the pair, so a pair of current lines is judged from both; the evaluator keeps one.
        """
        # The row was found under the line's own herb name, so the partner is the other one.
        partner_name = params.herb_b if chart.herb_name(line) == params.herb_a else params.herb_a
        partners = chart.herbs(line).get(partner_name)
        if partners is None:
            return FALSE
        return [self._pair(params, line, other, chart) for other in partners if other is not line]

    def _pair(self, params: Params, line: Line, other: Line, chart: Chart) -> Judgement:
        missing = tuple(
            Missing("item_kind", f"“{herb.name}”没有可识别的目录类别")
            for herb in (line, other)
            if herb.item_kind is None
        )
        evidence = {"herb_a": params.herb_a, "herb_b": params.herb_b}
        if chart.is_current(other):
            return Judgement(also_violating=(other,), evidence=evidence, missing=missing)
        return Judgement(related=(other,), evidence=evidence, missing=missing)
