"""T01 险种限定: the fund pays for the item only under one kind of insurance."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, item_key

MATERNITY_VISITS = ("maternity_outpatient", "maternity_inpatient", "family_planning")
"""National med_type 51, 52, 53."""


class Params(msgspec.Struct, frozen=True):
    """One item and the insurance it is limited to."""

    item_code: str
    item_name: str
    allowed_insurance: Literal["工伤", "生育"]


class Insurance(Template):
    """限生育: maternity insurance or a maternity visit. 限工伤: a payer that the site profile calls work injury."""

    id = "T01"
    title = "险种限定"
    columns = Params
    needs = ("payer", "visit_kind")
    evidence = ("allowed_insurance",)

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by item code."""
        return (item_key(params.item_code),)

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when the payer is known and is none that satisfies the limit."""
        encounter = chart.case.encounter
        payer = encounter.payer
        missing: list[Missing] = []
        if params.allowed_insurance == "生育":
            if payer == "maternity" or encounter.visit_kind in MATERNITY_VISITS:
                return FALSE
            if encounter.visit_kind is None:
                missing.append(Missing("visit_kind"))
        elif payer == "work_injury":
            return FALSE
        if payer is None:
            missing.append(Missing("payer"))
        if missing:
            return (Judgement(missing=tuple(missing)),)
        return (Judgement(evidence={"allowed_insurance": params.allowed_insurance}),)
