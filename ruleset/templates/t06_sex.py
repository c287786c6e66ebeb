"""T06 性别限定: the item is for one sex."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, item_key

SEX_OF = {"male": "男", "female": "女"}


class Params(msgspec.Struct, frozen=True):
    """One item and the sex it is for."""

    item_code: str
    item_name: str
    sex: Literal["男", "女"]


class SexLimit(Template):
    """Compares the patient's sex with the row's."""

    id = "T06"
    title = "性别限定"
    columns = Params
    needs = ("sex",)
    evidence = ("limit_sex", "patient_sex")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by item code."""
        return (item_key(params.item_code),)

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when the patient's sex is known and is the other one."""
        sex = chart.case.patient.sex
        if sex is None:
            return (Judgement(missing=(Missing("sex"),)),)
        if SEX_OF[sex] == params.sex:
            return FALSE
        return (Judgement(evidence={"limit_sex": params.sex, "patient_sex": SEX_OF[sex]}),)
