"""T10 中药饮片不予支付: herbs that the fund never pays for, and herbs that it does not pay for alone."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.drug import kind_of
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, item_key

HERB_PIECE = "herb_piece"


class Params(msgspec.Struct, frozen=True):
    """One herb piece. never: not paid alone or in a compound. alone: not paid when all herbs are such herbs."""

    item_code: str
    item_name: str
    not_paid: Literal["never", "alone"]


class HerbPayment(Template):
    """Looks at one prescription of herb pieces; each herb is a result of its own.

    never: TRUE. alone: TRUE when every herb piece of the prescription, current and past and without refunds, has an
    `alone` row that is in force on the judged line's day; FALSE as soon as one has none. UNKNOWN (`item_kind`) where the
    line, or for alone another one of the prescription, is of an unknown catalogue; (`item_code`) where, for alone,
    another one has no code.
    """

    id = "T10"
    title = "中药饮片不予支付"
    columns = Params
    needs = ("item_kind", "item_code")
    evidence = ("herbs",)

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by item code."""
        return (item_key(params.item_code),)

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE for a never-paid herb; for the other list when every herb of the prescription is on it."""
        kind = kind_of(line)
        if kind not in (HERB_PIECE, None):
            return FALSE
        if params.not_paid == "never":
            if kind is None:
                return (Judgement(missing=(Missing("item_kind"),)),)
            return (Judgement(evidence={"herbs": line.name}),)
        return self._alone(line, chart)

    def _alone(self, line: Line, chart: Chart) -> Sequence[Judgement]:
        assert line.begin is not None  # a line without a time is never judged
        day = line.begin.toordinal()
        herbs: list[Line] = []
        undecided: list[Missing] = []
        for other in chart.prescription(line):
            kind = kind_of(other)
            if kind not in (HERB_PIECE, None) or other.is_refund:
                continue
            if kind is None:
                undecided.append(Missing("item_kind", f"同一处方的“{other.name}”没有可识别的目录类别"))
            elif not other.item_code:
                undecided.append(Missing("item_code", f"同一处方的“{other.name}”没有国家医保编码"))
            elif not self._is_listed(other.item_code, day, chart):
                return FALSE
            else:
                herbs.append(other)
        if undecided:
            return (Judgement(missing=tuple(undecided)),)
        related = tuple(other for other in herbs if other is not line)
        return (Judgement(evidence={"herbs": "、".join(sorted(herb.name for herb in herbs))}, related=related),)

    def _is_listed(self, item_code: str, day: int, chart: Chart) -> bool:
        return any(
            row.valid_from <= day < row.valid_to
            for row in chart.rows(item_key(item_code))
            if row.rule.template is self and row.params.not_paid == "alone"
        )
