"""T41 同时性: the patient is in two places at once, or was dead already."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from ruleset.case import Visit
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.scope import Mode
from ruleset.stays import UNSTATED_STAY_MAX_DAYS, began, is_of, moment, stays
from ruleset.template import EVERY_ENCOUNTER, FALSE, Template


class Params(msgspec.Struct, frozen=True, kw_only=True):
    """What must not be at once, and by how much the times may be out.

    `kind` 住院期间门诊: an encounter of one of `modes` (门诊, 门慢特, 购药…) while the patient is an inpatient, anywhere.
    两处住院: two stays, at different institutions, share time. 死亡后就医: an order, or an encounter that begins, after
    the patient's death. `tolerance_hours`: overlaps of at most so long, counted from each end of a stay or from the death, are let pass.
    """

    kind: Literal["住院期间门诊", "两处住院", "死亡后就医"]
    modes: tuple[Mode, ...] = ()
    tolerance_hours: int = 0


class Simultaneous(Template):
    """Compares intervals; judged once per encounter.

    住院期间门诊: TRUE when the moment (the encounter's beginning, else the check's) is more than the tolerance after a
    stay began and more than the tolerance before it ended. 两处住院: TRUE when the current stay, from its beginning to
    its end (else the check's moment), and another one at another institution share more than the tolerance. Where a person
    vouched that the patient is here (attestation `patient_present`) both are FALSE. 死亡后就医: TRUE when a current
    line begins, or without lines the encounter, more than the tolerance after the death; those lines violate.

    UNKNOWN where that would be so if a care mode (`care_modes`) were known, or a stay that began at most 90 days before
    and has no discharge (`encounter_end`) had not ended; and (`encounter_begin`) where there are no lines, the check is
    after the death, and nobody says when the encounter began. Absent history is no stay; no stated death is none.
    """

    id = "T41"
    title = "同时就医"
    columns = Params
    row_name = ("kind", "modes")
    needs = ("care_modes", "encounter_begin", "encounter_end", "facility_id", "visits", "deceased")
    evidence = ("why",)

    def keys(self, params: Params) -> Sequence[str]:
        """Judged once per encounter."""
        return (EVERY_ENCOUNTER,)

    def problems(self, params: Params) -> Iterator[str]:
        """Modes go with the kind that asks for them."""
        if (params.kind == "住院期间门诊") != bool(params.modes):
            yield "`modes` goes with the kind 住院期间门诊"
        if "住院" in params.modes:
            yield "`modes` has 住院: two stays are the kind 两处住院"
        if params.tolerance_hours < 0:
            yield f"`tolerance_hours` is {params.tolerance_hours}, expected 0 or more"

    def judge_encounter(self, params: Params, about: object, chart: Chart) -> Sequence[Judgement]:
        """TRUE when two things share more time than the tolerance."""
        tolerance = timedelta(hours=params.tolerance_hours)
        if params.kind == "死亡后就医":
            return _after_death(tolerance, chart)
        encounter = chart.case.encounter
        current = is_of(encounter.care_modes, params.modes or ("住院",))
        past = list(stays(chart))
        if current is False or not past or chart.attested("patient_present"):
            return FALSE
        begin = began(chart)
        if begin is None:
            return (Judgement(missing=(Missing("encounter_begin"),)),)
        of_current = () if current else (Missing("care_modes"),)
        doubts: list[Missing] = []
        for visit, mode in past:
            missing = list(of_current)
            if mode == "不明":
                missing.append(Missing("care_modes", f"{visit.begin or '某次'}就诊的就医方式不明"))
            if params.kind == "两处住院":
                shared = _shared_stay(visit, begin, chart, tolerance, missing)
            else:
                shared = _within(visit, begin, tolerance, missing)
            if shared and not missing:
                assert visit.begin is not None  # what shares time has a beginning
                where = f"在机构{visit.facility_id}" if visit.facility_id else ""
                return (Judgement(evidence={"why": f"{visit.begin}至{visit.end}{where}住院"}),)
            if shared:
                doubts.extend(missing)
        return (Judgement(missing=tuple(dict.fromkeys(doubts))),) if doubts else FALSE


def _within(visit: Visit, at: datetime, tolerance: timedelta, missing: list[Missing]) -> bool:
    """Say whether a moment lies in a stay, or would if what is `missing` were so."""
    if visit.begin is None or at <= visit.begin + tolerance:
        return False
    if visit.end is None:
        missing.append(Missing("encounter_end", f"{visit.begin.date()}开始的住院没有出院时间"))
        return at.toordinal() - visit.begin.toordinal() <= UNSTATED_STAY_MAX_DAYS
    return at < visit.end - tolerance


def _shared_stay(visit: Visit, begin: datetime, chart: Chart, tolerance: timedelta, missing: list[Missing]) -> bool:
    encounter = chart.case.encounter
    if visit.begin is None or (visit.facility_id and visit.facility_id == encounter.facility_id):
        return False
    if not visit.facility_id or not encounter.facility_id:
        missing.append(Missing("facility_id"))
    until = max(encounter.end or moment(chart) or begin, begin)
    if visit.end is None:
        missing.append(Missing("encounter_end", f"{visit.begin.date()}开始的住院没有出院时间"))
        recent = abs(begin.toordinal() - visit.begin.toordinal()) <= UNSTATED_STAY_MAX_DAYS
        return recent and until - max(begin, visit.begin) > tolerance
    return min(until, visit.end) - max(begin, visit.begin) > tolerance


def _after_death(tolerance: timedelta, chart: Chart) -> Sequence[Judgement]:
    case = chart.case
    death = case.patient.deceased
    if death is None:
        return FALSE
    late = tuple(
        line for line in case.lines if line.begin is not None and not line.is_refund and line.begin - death > tolerance
    )
    begin = began(chart)
    if not late and (case.lines or begin is None or begin - death <= tolerance):
        return FALSE
    if not late and case.encounter.begin is None:
        return (Judgement(missing=(Missing("encounter_begin"),)),)
    return (Judgement(also_violating=late, evidence={"why": f"登记的死亡时间为{death}"}),)
