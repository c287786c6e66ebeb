"""T02 医疗机构级别限定: the fund pays only at institutions of a level or above."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, item_key

RANK = {"primary": 1, "secondary": 2, "tertiary": 3}
MIN_RANK = {"二级": 2, "三级": 3}
LABEL = {"primary": "一级及以下", "secondary": "二级", "tertiary": "三级"}

MISSING_FOR_CONDITION = {
    "first_prescription_only": Missing("first_prescription", "该限定仅针对首次开具，报文中没有是否首次开具"),
    "or_level2_eye_hospital": Missing("eye_hospital", "二级眼科专科医院也可支付，报文中没有是否眼科专科医院"),
}
"""A row with a condition is undecided below its level: the condition is not in the message."""


class Params(msgspec.Struct, frozen=True):
    """One item and its lowest level. `condition`: another way to be allowed, which the message does not tell."""

    item_code: str
    item_name: str
    min_level: Literal["二级", "三级"]
    condition: Literal["", "first_prescription_only", "or_level2_eye_hospital"] = ""


class FacilityLevel(Template):
    """Compares the institution's level with the row's."""

    id = "T02"
    title = "医疗机构级别限定"
    columns = Params
    needs = ("facility_level", "first_prescription", "eye_hospital")
    evidence = ("min_level", "facility_level")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by item code."""
        return (item_key(params.item_code),)

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE below the level; UNKNOWN there when the row has a condition."""
        level = chart.case.encounter.facility_level
        if level is None:
            return (Judgement(missing=(Missing("facility_level"),)),)
        if RANK[level] >= MIN_RANK[params.min_level]:
            return FALSE
        if params.condition:
            return (Judgement(missing=(MISSING_FOR_CONDITION[params.condition],)),)
        return (Judgement(evidence={"min_level": params.min_level, "facility_level": LABEL[level]}),)
