"""Visits of one patient beside the current one: when it began, which were stays, and how diagnoses compare."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from ruleset.case import CareMode, Diagnosis, Visit
from ruleset.chart import Chart
from ruleset.scope import MODE_OF

UNSTATED_STAY_MAX_DAYS = 90
"""A stay of which one end is not stated is taken to be no longer than this: without a discharge date it ended long
since, without an admission date it began no longer ago."""


def began(chart: Chart) -> datetime | None:
    """Return when the current encounter began; where that is not stated, the moment of the check."""
    return chart.case.encounter.begin or moment(chart)


def moment(chart: Chart) -> datetime | None:
    """Return the moment of the check: the message's time, else the latest of the current lines, else the beginning."""
    case = chart.case
    return case.time or max((x.begin for x in case.lines if x.begin), default=None) or case.encounter.begin


def is_of(care_modes: Sequence[CareMode], wanted: Sequence[str]) -> bool | None:
    """Say whether a visit is of one of the modes (门诊, 住院…); None where its possible modes leave that open."""
    modes = {MODE_OF[mode] in wanted for mode in care_modes}
    return modes.pop() if len(modes) == 1 else None


def stays(chart: Chart) -> Iterator[tuple[Visit, Literal["住院", "不明"]]]:
    """Yield the other visits that are inpatient stays, and those of which the care mode leaves it open, by id."""
    for _, visit in sorted(chart.visits().items()):
        inpatient = is_of(visit.care_modes, ("住院",))
        if inpatient is not False:
            yield visit, "住院" if inpatient else "不明"


def primary(diagnoses: Sequence[Diagnosis]) -> Diagnosis | None:
    """Return the primary diagnosis that has a code; where none is marked, the first that has one."""
    coded = [diagnosis for diagnosis in diagnoses if diagnosis.code]
    return next((diagnosis for diagnosis in coded if diagnosis.primary), coded[0] if coded else None)
