"""T37 手术折价: a second operation through the same incision is charged at a discount."""

from collections.abc import Sequence

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, group_key, item_key

NOT_IN_MESSAGE = Missing("same_incision", "是否同一切口、第二手术的折价比例都不在报文中，请按当地规定核对")


class Params(msgspec.Struct, frozen=True):
    """One operation and the group of operations that may share its incision."""

    item_code: str
    item_name: str
    surgery_group: str


class SurgeryDiscount(Template):
    """Never TRUE from a national message: two operations of one group on one day are UNKNOWN."""

    id = "T37"
    title = "手术折价"
    columns = Params
    row_name = ("item_code", "surgery_group")
    needs = ("same_incision",)

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by item code, and by group to find the group's other operations."""
        return (item_key(params.item_code), group_key(params.surgery_group))

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """UNKNOWN when another operation of the group stands on the same day at the same institution."""
        assert line.begin is not None  # a line without a time is never judged
        day = line.begin.date()
        since_day = day.toordinal()
        codes = {
            row.params.item_code
            for row in chart.rows(group_key(params.surgery_group))
            if row.rule.template is self and row.valid_from <= since_day < row.valid_to
        }
        others = tuple(
            other
            for code in sorted(codes)
            for other in chart.lines_of(code, since_day)
            if other is not line
            and other.begin is not None
            and other.begin.date() == day
            and other.facility_id == line.facility_id
            and not other.is_refund
            and not other.self_pay
        )
        return (Judgement(related=others, missing=(NOT_IN_MESSAGE,)),) if others else FALSE
