"""T13 妊娠期、哺乳期、备孕用药: a drug that must not be used, or only with care, in one of these states."""

from collections.abc import Iterator, Sequence
from typing import Literal

from ruleset.case import Line, PregnancyStatus
from ruleset.chart import PREGNANCY_CODES, Chart, is_of_no_fertile_age
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

    The state is the stated one (`pregnancy_status`). Where none is stated, 妊娠 follows from a last menstruation at most
    44 weeks before the message, or where none is stated from stated weeks of pregnancy, at most 44 too (one that would be older is over), and from the encounter's
    confirmed diagnoses O00 to O69, O71, O74, O75, O98, O99 and Z33 to Z36 (the birth and what follows it, O70, O72, O73 and O80 to
    O92, is no pregnancy); 哺乳 from the confirmed diagnoses Z39.1, O91 and O92, whether or not something says 妊娠 (which
    otherwise rules out 哺乳 and 备孕); 备孕 from nothing; and a man, or someone younger than 12 or older than 55 years at the order, is in none. Past diagnoses
    count for nothing: a pregnancy ends. A stated `neither` that a woman's weeks, last menstruation or diagnoses contradict
    is UNKNOWN (`pregnancy_status`) for 妊娠 or 哺乳, whichever they say, of either grade. Else it is UNKNOWN (`pregnancy_status`) for a row of 禁用; a row of 慎用 is
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
        if isinstance(state, Missing):
            return (Judgement(missing=(state,)),)
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


def _is_in(status: Status, line: Line, chart: Chart) -> str | Missing | Literal[False] | None:
    """Return whence the state is known, for a person; False; Missing where facts contradict each other; None where it is unknown."""
    patient = chart.case.patient
    stated = patient.pregnancy_status
    if stated is not None and stated != "neither":
        return f"登记为{status}" if stated == STATUS_OF[status] else False
    if patient.sex == "male":
        return False
    found = _from_facts(status, chart)
    if stated == "neither":
        return Missing("pregnancy_status", f"登记为非妊娠非哺乳，但{found}，请核对。") if found else False
    if found is not None:
        return found
    assert line.begin is not None  # a line without a time is never judged
    return False if is_of_no_fertile_age(patient, line.begin) else None


def _from_facts(status: Status, chart: Chart) -> str | Literal[False] | None:
    """Return what diagnoses and weeks say of the state, for a person; False, or None where they say nothing."""
    known = chart.case.encounter.diagnoses
    lactating, _ = find(known, LACTATION_CODES)
    if status == "哺乳" and lactating:
        first = min(lactating, key=lambda diagnosis: (diagnosis.code, diagnosis.name))
        return f"诊断“{first.name or first.code}”"
    day = chart.day_of(None)
    pregnant, _ = find(known, PREGNANCY_CODES)
    if not pregnant and (day is None or isinstance(gestational_weeks(chart.case.patient, day, day), Missing)):
        return None
    if status != "妊娠":
        return False
    return "诊断提示妊娠" if pregnant else "登记了孕周"
