"""T23 中药饮片配伍禁忌: two herbs that must not stand in one prescription (十八反 and others), or a herb in pregnancy."""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.drug import kind_of
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, herb_form_key, herb_key
from ruleset.timeline import line_order


class Params(msgspec.Struct, frozen=True):
    """Two herb names, whose order has no meaning; or one herb and `kind` 妊娠禁忌 or 妊娠慎用.

    `aliases_a`, `aliases_b`: further names of the herb under which it is matched just the same, its processed forms
    above all (制甘遂, 醋甘遂). Names are compared whole: a processed form that no row names is another herb. With
    `names` 各种写法 the form in which a herb is dispensed or cut, brackets, marks and weights are taken off first
    (甘草配方颗粒, 白芍片, 附子（黑顺片）); 原名 takes a name as it is written, as the national list is read.
    """

    herb_a: str
    herb_b: str = ""
    kind: Literal["", "十八反", "十九畏", "妊娠禁忌", "妊娠慎用"] = ""
    aliases_a: tuple[str, ...] = ()
    aliases_b: tuple[str, ...] = ()
    names: Literal["原名", "各种写法"] = "原名"


IN_PREGNANCY = ("妊娠禁忌", "妊娠慎用")


class HerbPair(Template):
    """One result per pair of lines; both lines violate, unless one of them is history: that one is related.

    The message names the herbs by the names they were found under: `{herb_a}` is 醋甘遂 where that was ordered.

    A herb forbidden in pregnancy is one result per line: TRUE where the patient is pregnant (as stated, else by the
    diagnoses), UNKNOWN (`pregnancy_status`) for 妊娠禁忌 where nobody says and sex and age allow it; 妊娠慎用 asks nobody.
    """

    id = "T23"
    title = "中药饮片配伍禁忌"
    columns = Params
    row_name = ("herb_a", "herb_b")
    pair = (("herb_a", "aliases_a"), ("herb_b", "aliases_b"))
    needs = ("item_kind", "pregnancy_status")
    evidence = ("herb_a", "herb_b", "kind")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by all names, so that either line leads to the pair."""
        names = (params.herb_a, *params.aliases_a, params.herb_b, *params.aliases_b)
        key = herb_form_key if params.names == "各种写法" else herb_key
        return tuple(key(name) for name in names if name)

    def problems(self, params: Params) -> Iterator[str]:
        """A pair has two herbs, whatever they are called; in pregnancy there is one."""
        if params.kind in IN_PREGNANCY:
            if params.herb_b or params.aliases_b:
                yield f"`kind` is `{params.kind}`, so the row has one herb, not also `{params.herb_b}`"
        elif not params.herb_b:
            yield f"`{params.herb_a}` is paired with nothing: `herb_b` is empty"
        for name in sorted({params.herb_a, *params.aliases_a} & {params.herb_b, *params.aliases_b}):
            yield f"`{name}` is paired with itself"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE for each other line of the prescription that is the other herb of the pair.

        Either line leads to the pair, so a pair of current lines is judged from both; the evaluator keeps one.
        """
        if params.kind in IN_PREGNANCY:
            return self._in_pregnancy(params, line, chart)
        # The row was found under the line's own herb name, so the partner is the other one.
        in_any_form = params.names == "各种写法"
        herbs = chart.herbs(line, in_any_form=in_any_form)
        if len(herbs) < 2:
            return FALSE  # a herb is no pair with itself
        own = chart.herb_form(line) if in_any_form else chart.herb_name(line)
        is_a = own == params.herb_a or own in params.aliases_a
        partner, aliases = (params.herb_b, params.aliases_b) if is_a else (params.herb_a, params.aliases_a)
        return [
            self._pair(params, (own, name) if is_a else (name, own), line, other, chart)
            for name, others in herbs.items()
            if name == partner or name in aliases
            for other in others
            if other is not line
        ]

    def _in_pregnancy(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        pregnant = chart.pregnant()
        if pregnant is False or (pregnant is None and params.kind != "妊娠禁忌"):
            return FALSE
        missing = () if kind_of(line) is not None else (_no_kind(line),)
        if pregnant is None:
            missing = (*missing, Missing("pregnancy_status"))
        return (Judgement(evidence={"herb_a": line.name, "herb_b": "", "kind": params.kind}, missing=missing),)

    def _pair(self, params: Params, names: tuple[str, str], line: Line, other: Line, chart: Chart) -> Judgement:
        """Return the violation of two lines. `names` are those they were found under, as evidence: what the doctor wrote."""
        # In an order of their own: from whichever of the two the pair is judged, it is the same hint.
        herbs = sorted((line, other), key=line_order)
        missing = tuple(_no_kind(herb) for herb in herbs if kind_of(herb) is None)
        evidence = {"herb_a": names[0], "herb_b": names[1], "kind": params.kind}
        if chart.is_current(other):
            return Judgement(also_violating=(other,), evidence=evidence, missing=missing)
        return Judgement(related=(other,), evidence=evidence, missing=missing)


def _no_kind(line: Line) -> Missing:
    return Missing("item_kind", f"“{line.name}”没有可识别的目录类别")
