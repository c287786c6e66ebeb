"""T40 分解住院: a new admission soon after the last discharge."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from ruleset import diagnoses
from ruleset.case import Visit
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.stays import UNSTATED_STAY_MAX_DAYS, is_of, moment, primary, stays
from ruleset.template import EVERY_ENCOUNTER, FALSE, Template

ICD_CHARACTERS_MAX = 7


class Params(msgspec.Struct, frozen=True, kw_only=True):
    """How soon after a discharge an admission is suspect.

    `gap_days`: an admission at most so many calendar days after a discharge, the day of discharge included, violates.
    `institution`: 同一 (the discharge was from the same one) or 任一. `same_diagnosis_characters`: the primary
    diagnoses agree in so many characters of their ICD codes, dots left out (3: the category); empty: whatever they are.
    """

    gap_days: int
    institution: Literal["同一", "任一"] = "同一"
    same_diagnosis_characters: int | None = None


class SplitStay(Template):
    """Compares the current stay's beginning with the discharges before it; judged once per encounter.

    The current encounter must be inpatient, else FALSE. That a stay was planned (`planned` of the encounter:
    chemotherapy, staged surgery) is a claim: claimed, the row is FALSE; not claimed, it is not so. Primary is the
    diagnosis that is marked so, else the first with a code, of either stay.

    TRUE when the gap is at most `gap_days` and the diagnoses agree; of several such discharges the latest is named. UNKNOWN where that would be so if the current care mode
    (`care_modes`), its beginning (`encounter_begin`), an institution (`facility_id`), a primary diagnosis
    (`diagnoses`), the past visit's mode, or its discharge (`encounter_end`; only for a stay that began at most 90 days
    before) were known; a beginning that nobody states lies at most 90 days before the check. A discharge on a later day
    than the beginning is not this row's (T41). Absent history is no stay.
    """

    id = "T40"
    title = "分解住院"
    columns = Params
    row_name = ("institution", "gap_days", "same_diagnosis_characters")
    needs = ("care_modes", "encounter_begin", "encounter_end", "facility_id", "diagnoses", "visits")
    evidence = ("gap_days", "max_gap_days", "last_discharge", "last_diagnosis", "diagnosis")

    def keys(self, params: Params) -> Sequence[str]:
        """Judged once per encounter."""
        return (EVERY_ENCOUNTER,)

    def problems(self, params: Params) -> Iterator[str]:
        """Limits are what days and codes can be."""
        if params.gap_days < 0:
            yield f"`gap_days` is {params.gap_days}, expected 0 or more"
        characters = params.same_diagnosis_characters
        if characters is not None and not 1 <= characters <= ICD_CHARACTERS_MAX:
            yield f"`same_diagnosis_characters` is {characters}, expected 1 to {ICD_CHARACTERS_MAX}"

    def judge_encounter(self, params: Params, about: object, chart: Chart) -> Sequence[Judgement]:
        """TRUE for an unplanned admission too soon after a discharge."""
        encounter = chart.case.encounter
        inpatient = is_of(encounter.care_modes, ("住院",))
        if inpatient is False or encounter.planned:
            return FALSE
        of_current = () if inpatient else (Missing("care_modes"),)
        begins = _days_of_beginning(chart)
        if encounter.begin is None:
            of_current = (*of_current, Missing("encounter_begin"))
        best: tuple[datetime, str, Judgement] | None = None
        doubts: list[Missing] = []
        for visit, mode in stays(chart):
            missing = list(of_current)
            if mode == "不明":
                missing.append(Missing("care_modes", f"{visit.begin or visit.end or '某次'}就诊的就医方式不明"))
            found = _compare(params, visit, begins, chart, missing)
            if found is None:
                continue
            if found.missing:
                doubts.extend(found.missing)
            elif visit.end is not None and (best is None or (visit.end, visit.id) > best[:2]):
                best = (visit.end, visit.id, found)
        if best is not None:
            return (best[2],)
        return (Judgement(missing=tuple(dict.fromkeys(doubts))),) if doubts else FALSE


class Days(NamedTuple):
    """A day (ordinal) that is known to lie between two days, both included; they are equal where it is stated."""

    first: int
    last: int


def _days_of_beginning(chart: Chart) -> Days:
    """Return when the current stay began."""
    stated = chart.case.encounter.begin
    if stated is not None:
        return Days(stated.toordinal(), stated.toordinal())
    now = moment(chart)
    assert now is not None  # the evaluator judges no encounter of which no day is known
    return Days(now.toordinal() - UNSTATED_STAY_MAX_DAYS, now.toordinal())


def _compare(params: Params, visit: Visit, begins: Days, chart: Chart, missing: list[Missing]) -> Judgement | None:
    """Return what one past stay says; None where it says nothing."""
    encounter = chart.case.encounter
    if visit.end is None:
        started = visit.begin
        if started is None or not begins.first - UNSTATED_STAY_MAX_DAYS <= started.toordinal() <= begins.last:
            return None
        missing.append(Missing("encounter_end", f"{started.date()}开始的住院没有出院时间"))
    elif not begins.first - params.gap_days <= visit.end.toordinal() <= begins.last:
        return None
    if params.institution == "同一":
        if not visit.facility_id or not encounter.facility_id:
            missing.append(Missing("facility_id"))
        elif visit.facility_id != encounter.facility_id:
            return None
    now = primary(encounter.diagnoses)
    then = primary(visit.diagnoses)
    characters = params.same_diagnosis_characters
    if characters is not None:
        if now is None or then is None:
            missing.append(Missing("diagnoses", "本次或上次住院没有主要诊断编码"))
        elif not diagnoses.matches(now.code, (diagnoses.plain_code(then.code)[:characters],)):
            return None
    if missing:
        return Judgement(missing=tuple(missing))
    assert visit.end is not None  # else something is missing
    evidence = {
        "gap_days": str(begins.last - visit.end.toordinal()),
        "max_gap_days": str(params.gap_days),
        "last_discharge": str(visit.end.date()),
        "last_diagnosis": (then.name or then.code) if then is not None else "",
        "diagnosis": (now.name or now.code) if now is not None else "",
    }
    return Judgement(evidence=evidence)
