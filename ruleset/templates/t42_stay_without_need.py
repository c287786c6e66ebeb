"""T42 无指征入院: a stay for a disease that outpatients are treated for, or days in hospital without treatment."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Literal

import msgspec

from ruleset import diagnoses
from ruleset.case import Diagnosis, Line, Operation
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.stays import is_of, moment
from ruleset.template import EVERY_ENCOUNTER, FALSE, Template, diagnosis_key
from ruleset.templates.t31_course_days import days_of_use


class Params(msgspec.Struct, frozen=True, kw_only=True):
    """What an admission or a day in hospital rests on.

    `check` 入院指征: a stay for nothing but these diseases (`diagnosis_prefixes`, ICD) needs, within `within_hours` of the
    admission, an order of the class or list `justified_by` (oxygen, infusion, operation…); where that column is
    empty, the diseases alone do not justify a stay. 无治疗日: not more than `max_idle_days` days in a row without use of an order
    (of `justified_by` where given).
    """

    check: Literal["入院指征", "无治疗日"]
    diagnosis_prefixes: tuple[str, ...] = ()
    justified_by: str = ""
    within_hours: int = 24
    max_idle_days: int | None = None


class StayWithoutNeed(Template):
    """A hint that somebody should look: the record of a stay is complete only after it. Judged once per encounter.

    Only for an encounter that is inpatient; UNKNOWN (`care_modes`) where that is open and the rest is TRUE. Orders are the
    encounter's lines, current and past, without refunds; one without a time proves nothing.

    入院指征: FALSE when any coded diagnosis of the encounter, confirmed or suspected, is none of these diseases (another
    one may justify the stay). Without `justified_by`: TRUE by the diagnoses alone. With it: FALSE when such an order begins less than
    `within_hours` after the admission (or before it), and as long as fewer hours have passed at the check's moment;
    then TRUE where the site vouches for its history, else UNKNOWN (`history`).
    无治疗日: idle are the days after the last day of use (of a line: `days`, else begin to end, else its date) of an order, or after the
    admission, up to the day of the check or, where that is earlier, of the discharge, which counts. More than `max_idle_days` of them: TRUE where the site vouches for
    its history, else UNKNOWN (`history`). A planned stay is no exception: the scope columns say who is spared.
    """

    id = "T42"
    title = "无指征入院"
    columns = Params
    row_name = ("check", "diagnosis_prefixes", "justified_by")
    needs = ("care_modes", "encounter_begin", "history", "diagnoses")
    evidence = ("why",)

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the diseases; idle days are judged once per encounter."""
        if params.check == "无治疗日":
            return (EVERY_ENCOUNTER,)
        return tuple(diagnosis_key(prefix) for prefix in params.diagnosis_prefixes)

    def problems(self, params: Params) -> Iterator[str]:
        """Each check has its own columns."""
        if (params.check == "入院指征") != bool(params.diagnosis_prefixes):
            yield "`diagnosis_prefixes` goes with the check 入院指征"
        if (params.check == "无治疗日") != (params.max_idle_days is not None):
            yield "`max_idle_days` goes with the check 无治疗日"
        if params.max_idle_days is not None and params.max_idle_days < 1:
            yield f"`max_idle_days` is {params.max_idle_days}, expected 1 or more"
        if params.within_hours < 1:
            yield f"`within_hours` is {params.within_hours}, expected 1 or more"

    def judge_encounter(self, params: Params, about: Diagnosis | Operation | None, chart: Chart) -> Sequence[Judgement]:
        """TRUE where nothing that is known justifies the stay, or its last days."""
        inpatient = is_of(chart.case.encounter.care_modes, ("住院",))
        if inpatient is False:
            return FALSE
        found = _idle(params, chart) if params.check == "无治疗日" else _admission(params, about, chart)
        if found is None:
            return FALSE
        if inpatient is None:
            return (Judgement(missing=(Missing("care_modes"), *found.missing)),)
        return (found,)


def _is_order(params: Params, line: Line, chart: Chart) -> bool:
    if line.begin is None or line.is_refund:
        return False
    return not params.justified_by or chart.is_in(line, params.justified_by)


def _admission(params: Params, about: Diagnosis | Operation | None, chart: Chart) -> Judgement | None:
    encounter = chart.case.encounter
    coded = [diagnosis for diagnosis in encounter.diagnoses if diagnosis.code]
    if not all(diagnoses.matches(diagnosis.code, params.diagnosis_prefixes) for diagnosis in coded):
        return None
    # Each of the diagnoses leads here; one of them speaks for all.
    if about != min(coded, key=lambda diagnosis: (diagnosis.code, diagnosis.name)):
        return None
    names = "、".join(sorted(diagnosis.name or diagnosis.code for diagnosis in coded))
    if not params.justified_by:
        return Judgement(evidence={"why": f"诊断（{names}）一般可在门诊治疗"})
    now = moment(chart)
    if encounter.begin is None or now is None:
        return Judgement(missing=(Missing("encounter_begin"),))
    until = encounter.begin + timedelta(hours=params.within_hours)
    for line in chart.lines_of_encounter():
        if _is_order(params, line, chart) and line.begin is not None and line.begin < until:
            return None
    if now < until:
        return None
    if not chart.is_complete("history"):
        return Judgement(missing=(Missing("history", f"入院{params.within_hours}小时内的医嘱可能不全"),))
    why = f"诊断（{names}）一般可在门诊治疗，入院{params.within_hours}小时内没有“{params.justified_by}”医嘱"
    return Judgement(evidence={"why": why})


def _idle(params: Params, chart: Chart) -> Judgement | None:
    assert params.max_idle_days is not None  # lint asks for it
    encounter = chart.case.encounter
    now = moment(chart)
    if encounter.begin is None or now is None:
        return Judgement(missing=(Missing("encounter_begin"),))
    today = (min(now, encounter.end) if encounter.end is not None else now).toordinal()
    last = encounter.begin.toordinal()
    for line in chart.lines_of_encounter():
        if _is_order(params, line, chart):
            span = days_of_use(line)
            last = max(last, span[1] if span is not None else last)
    idle = today - last
    if idle <= params.max_idle_days:
        return None
    if not chart.is_complete("history"):
        return Judgement(missing=(Missing("history", f"已知的医嘱之后已有{idle}天没有医嘱，历史医嘱可能不全"),))
    why = f"{date.fromordinal(last)}之后已有{idle}天没有医嘱（最多{params.max_idle_days}天）"
    return Judgement(evidence={"why": why})
