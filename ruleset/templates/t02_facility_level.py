"""T02 医疗机构级别限定: the fund pays only at institutions of a level or above, or of some types."""

from collections.abc import Iterator, Sequence
from typing import Literal

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.scope import LEVEL_OF
from ruleset.template import FALSE, Template, subject_keys, subject_problems
from ruleset.templates.item_row import ItemRow

RANK = {"primary": 1, "secondary": 2, "tertiary": 3}
MIN_RANK = {"二级": 2, "三级": 3}

MISSING_FOR_CONDITION = {
    "first_prescription_only": Missing("first_prescription", "该限定仅针对首次开具，报文中没有是否首次开具"),
    "or_level2_eye_hospital": Missing("eye_hospital", "二级眼科专科医院也可支付，报文中没有是否眼科专科医院"),
}
"""A row with a condition is undecided below its level: the condition is not in the message."""


class Params(ItemRow, frozen=True, kw_only=True):
    """The items of a row with their lowest level, the types of institution they are limited to, or both.

    `min_level`: at this level or above (一级及以下 < 二级 < 三级). `condition`: another way to be allowed below that
    level, which the message does not tell. `facility_types`: codes of national medins_type, compared whole; the
    institution is of one of them.
    """

    min_level: Literal["", "二级", "三级"] = ""
    condition: Literal["", "first_prescription_only", "or_level2_eye_hospital"] = ""
    facility_types: tuple[str, ...] = ()


class FacilityLevel(Template):
    """TRUE when the level is below the row's and the row has no condition, or the type is none of the row's.

    UNKNOWN when neither is so and the level (`facility_level`) or the type (`facility_type`) that the row asks for is
    unknown, or the level is below that of a row with a condition.
    """

    id = "T02"
    title = "医疗机构级别限定"
    columns = Params
    row_name = ("subject",)
    needs = ("facility_level", "first_prescription", "eye_hospital", "facility_type")
    evidence = ("min_level", "facility_level", "facility_types", "facility_type", "limit", "institution")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject and a limit; a condition is a way around a level."""
        yield from subject_problems(params)
        if not (params.min_level or params.facility_types):
            yield "the row limits nothing: give `min_level` or `facility_types`"
        if params.condition and not params.min_level:
            yield f"`condition` {params.condition} is a way around `min_level`, which is empty"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE below the level or at another type of institution; UNKNOWN below the level of a row with a condition."""
        encounter = chart.case.encounter
        level = encounter.facility_level
        missing: list[Missing] = []
        violated = False
        if params.min_level:
            if level is None:
                missing.append(Missing("facility_level"))
            elif RANK[level] < MIN_RANK[params.min_level]:
                if params.condition:
                    missing.append(MISSING_FOR_CONDITION[params.condition])
                else:
                    violated = True
        if params.facility_types:
            if not encounter.facility_type:
                missing.append(Missing("facility_type"))
            else:
                violated |= encounter.facility_type not in params.facility_types
        if violated:
            limits = [f"{params.min_level}及以上"] if params.min_level else []
            limits += [f"类型为{'、'.join(params.facility_types)}的"] if params.facility_types else []
            known: list[str] = [LEVEL_OF[level]] if level is not None else []
            known += [f"类型{encounter.facility_type}"] if encounter.facility_type else []
            evidence = {
                "limit": "、".join(limits),
                "institution": "、".join(known),
                "min_level": params.min_level,
                "facility_level": LEVEL_OF[level] if level is not None else "不明",
                "facility_types": "、".join(params.facility_types),
                "facility_type": encounter.facility_type or "不明",
            }
            return (Judgement(evidence=evidence),)
        return (Judgement(missing=tuple(missing)),) if missing else FALSE
