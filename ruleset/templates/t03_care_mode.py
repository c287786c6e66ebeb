"""T03 就医方式限定: the item is paid for, or allowed at all, only in some modes of care."""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, item_key

Mode = Literal["门诊", "急诊", "门慢特", "住院", "购药", "其他"]
MODE_OF = {
    "outpatient": "门诊",
    "emergency": "急诊",
    "chronic_outpatient": "门慢特",
    "inpatient": "住院",
    "pharmacy": "购药",
    "other": "其他",
}


class Params(msgspec.Struct, frozen=True):
    """One item with the modes in which it is allowed, or with the prohibition on the internet."""

    item_code: str
    item_name: str
    allowed_modes: tuple[Mode, ...] = ()
    forbidden_modes: tuple[Literal["互联网"], ...] = ()


class CareMode(Template):
    """A set test over every mode that the message leaves possible."""

    id = "T03"
    title = "就医方式限定"
    columns = Params
    needs = ("care_modes", "visit_kind", "internet")
    evidence = ("allowed_modes", "care_mode")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by item code."""
        return (item_key(params.item_code),)

    def problems(self, params: Params) -> Iterator[str]:
        """A row allows some modes or forbids some, not both and not neither."""
        if bool(params.allowed_modes) == bool(params.forbidden_modes):
            yield "either `allowed_modes` or `forbidden_modes` is needed, and not both"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when no possible mode is allowed, UNKNOWN when only some are; the internet is forbidden outright."""
        encounter = chart.case.encounter
        if params.forbidden_modes:
            if encounter.internet is None and encounter.care_modes == ("inpatient",):
                return FALSE
            if encounter.internet is None:
                return (Judgement(missing=(Missing("internet"),)),)
            return (
                (Judgement(evidence={"allowed_modes": "", "care_mode": "互联网诊疗"}),) if encounter.internet else FALSE
            )
        modes = [MODE_OF[mode] for mode in encounter.care_modes]
        if not modes:
            return (Judgement(missing=(Missing("care_modes"),)),)
        allowed = [mode for mode in modes if mode in params.allowed_modes]
        if len(allowed) == len(modes):
            return FALSE
        if allowed:
            return (Judgement(missing=(Missing("visit_kind"),)),)
        return (Judgement(evidence={"allowed_modes": "、".join(params.allowed_modes), "care_mode": "或".join(modes)}),)
