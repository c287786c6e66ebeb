"""T13 妊娠期、哺乳期、备孕用药: a drug that must not be used, or only with care, in one of these states."""

from collections.abc import Iterator, Sequence
from typing import Literal

from ruleset.case import Line, PregnancyStatus
from ruleset.chart import FERTILE_YEARS, PREGNANCY_CODES, Chart, age_in_years
from ruleset.clinical import gestational_weeks, trimester
from ruleset.diagnoses import find
from ruleset.outcome import Judgement, Missing
from ruleset.sums import plain
from ruleset.template import FALSE, Template, subject_keys, subject_problems
from ruleset.templates.item_row import ItemRow

Status = Literal["妊娠", "哺乳", "备孕"]
STATUS_OF: dict[Status, PregnancyStatus] = {"妊娠": "pregnant", "哺乳": "lactating", "备孕": "planning"}
LACTATION_CODES = ("Z39.1", "O91", "O92")
"""ICD-10: care of a lactating mother; infections and other disorders of the breast in lactation."""

Trimester = Literal["早期", "中期", "晚期"]
TRIMESTERS: dict[int, Trimester] = {1: "早期", 2: "中期", 3: "晚期"}


class Params(ItemRow, frozen=True, kw_only=True):
    """One drug or class and the state in which it is 禁用 or 慎用.

    `trimesters` (of 妊娠 alone; empty: all of it): 早期 before 14 completed weeks, 中期 from 14 and before 28, 晚期
    from 28 on, at the order's date.
    """

    status: Status
    grade: Literal["禁用", "慎用"]
    trimesters: tuple[Trimester, ...] = ()


class Pregnancy(Template):
    """TRUE when the patient is in the state. One result per line.

    The state is the stated one (`pregnancy_status`), which outranks everything else. Where none is stated, 妊娠 follows
    from stated weeks of pregnancy, from a last menstruation at most 44 weeks before the message, and from the encounter's
    confirmed diagnoses O00 to O99 and Z33 to Z36; 哺乳 from Z39.1, O91 and O92; 备孕 from nothing; and a man, or someone younger than 12 or older than 55 years at the order, is in none. Past diagnoses
    count for nothing: a pregnancy ends. Else it is UNKNOWN (`pregnancy_status`) for a row of 禁用; a row of 慎用 is
    silent, since it would ask every woman. A pregnant patient whose weeks are unknown is UNKNOWN (`gestation`) for a
    row with `trimesters`, whatever its grade.
    """

    id = "T13"
    title = "妊娠期、哺乳期、备孕用药"
    columns = Params
    row_name = ("subject", "status", "grade", "trimesters")
    needs = ("pregnancy_status", "gestation")
    evidence = ("status", "grade", "found")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject; trimesters are of a pregnancy, and not all three of them."""
        yield from subject_problems(params)
        if params.trimesters and params.status != "妊娠":
            yield f"`trimesters` is for 妊娠, the row's `status` is {params.status}"
        if len(set(params.trimesters)) == len(TRIMESTERS):
            yield "`trimesters` names all three: leave it empty"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE in the state, and in one of the trimesters."""
        state = _is_in(params.status, line, chart)
        if state is False:
            return FALSE
        if state is None:
            if params.grade == "慎用":
                return FALSE
            return (Judgement(missing=(Missing("pregnancy_status", f"没有登记是否{params.status}。"),)),)
        assert line.begin is not None  # a line without a time is never judged
        found = state
        if params.status == "妊娠":
            case = chart.case
            stated_at = case.time.date() if case.time is not None else None
            weeks = gestational_weeks(case.patient, line.begin.date(), stated_at)
            if not isinstance(weeks, Missing):
                period = TRIMESTERS[trimester(weeks)]
                if params.trimesters and period not in params.trimesters:
                    return FALSE
                found += f"，孕{plain(weeks)}周（{period}）"
            elif params.trimesters:
                return (Judgement(missing=(weeks,)),)
        return (Judgement(evidence={"status": params.status, "grade": params.grade, "found": found}),)


def _is_in(status: Status, line: Line, chart: Chart) -> str | Literal[False] | None:
    """Return whence the state is known, for a person; False, or None where it is unknown."""
    patient = chart.case.patient
    if patient.pregnancy_status is not None:
        return f"登记为{status}" if patient.pregnancy_status == STATUS_OF[status] else False
    if patient.sex == "male":
        return False
    lactating, _ = find(chart.case.encounter.diagnoses, LACTATION_CODES)
    if status == "哺乳" and lactating:
        first = min(lactating, key=lambda diagnosis: (diagnosis.code, diagnosis.name))
        return f"诊断“{first.name or first.code}”"
    if chart.pregnant():
        if status != "妊娠":
            return False
        return "诊断提示妊娠" if find(chart.case.encounter.diagnoses, PREGNANCY_CODES)[0] else "登记了孕周"
    assert line.begin is not None  # a line without a time is never judged
    if patient.birth_date is not None:
        years = age_in_years(patient.birth_date, line.begin)
        if not FERTILE_YEARS[0] <= years <= FERTILE_YEARS[1]:
            return False
    return None
