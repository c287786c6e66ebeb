"""T08 限适应症: the fund pays only for some conditions. Today: rows whose condition is published as text only."""

from collections.abc import Sequence

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import Template, item_key

NOT_REVIEWED = Missing("reviewed_condition", "限定条件只公布了文字，尚未经药师审核成可判断的条件，请对照公布的文字核对")


class Params(msgspec.Struct, frozen=True):
    """One published text and every item it speaks of. `row_ref` is the text's own reference."""

    row_ref: str
    item_name: str
    item_codes: tuple[str, ...]


class Indication(Template):
    """A raw text decides nothing: it is UNKNOWN of every line of its items, so that the doctor is reminded of it."""

    id = "T08"
    title = "限适应症（文字）"
    columns = Params
    row_name = ("row_ref",)
    needs = ("reviewed_condition",)

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by each of the item codes."""
        return tuple(item_key(code) for code in params.item_codes)

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """Always UNKNOWN."""
        return (Judgement(missing=(NOT_REVIEWED,)),)
