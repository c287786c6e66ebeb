"""T34 限二线使用: the fund pays only after a first-line treatment. Today: codes whose condition is text only."""

from collections.abc import Sequence

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, item_key

NO_FIRST_LINE = Missing("first_line_treatment", "限二线用药，请确认一线用药无效或不能耐受并在病历中记录")


class Params(msgspec.Struct, frozen=True):
    """One second-line item."""

    item_code: str
    item_name: str


class SecondLine(Template):
    """A reminder, once per encounter: the condition is text, and absent history is no violation."""

    id = "T34"
    title = "限二线使用"
    columns = Params
    needs = ("first_line_treatment",)

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by item code."""
        return (item_key(params.item_code),)

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """UNKNOWN for the encounter's first line of the item that the rule speaks to; FALSE for the later ones."""
        rows = [row for row in chart.rows(item_key(params.item_code)) if row.rule.template is self]
        for other in chart.earlier_in_encounter(line):
            if other.self_pay or other.is_refund:
                continue
            assert other.begin is not None  # `earlier` leaves out lines without a time
            day = other.begin.toordinal()
            if any(row.valid_from <= day < row.valid_to for row in rows):
                return FALSE
        return (Judgement(missing=(NO_FIRST_LINE,)),)
