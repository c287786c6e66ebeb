"""T39 频繁就医: more visits of a kind within a period than is usual (频繁门诊, 频繁购药, 频繁住院)."""

from collections.abc import Iterator, Sequence

import msgspec

from ruleset import diagnoses
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.scope import Mode
from ruleset.stays import began, is_of
from ruleset.template import EVERY_ENCOUNTER, FALSE, Template
from ruleset.window import WindowKind, first_day, text_of

DATES_SHOWN_MAX = 5
"""How many of the latest earlier visits a message names."""


class Params(msgspec.Struct, frozen=True, kw_only=True):
    """How many visits of these `modes` (门诊, 急诊, 门慢特, 住院, 购药) are allowed; exactly `max_visits` are.

    `window`: 单日 or 自然日, 自然月, 自然季度, 自然年, 医保年度, or 滚动 of `period_days` (7 for a week; a visit exactly so many
    days before is outside). `uncounted_diagnoses`: ICD prefixes; a past visit with such a confirmed diagnosis
    (dialysis, chemotherapy, wound care) does not count, and a current encounter with one is FALSE.
    """

    modes: tuple[Mode, ...]
    max_visits: int
    window: WindowKind
    period_days: int | None = None
    uncounted_diagnoses: tuple[str, ...] = ()


class FrequentVisits(Template):
    """Counts distinct encounters by id, the current one included, that begin in the period of the current one's day.

    That day is the encounter's beginning, else the check's. A visit later than it does not count. All institutions
    count. FALSE when the current encounter is not of these modes.

    TRUE when the visits that are known to count exceed the limit, whether or not the history is complete; UNKNOWN
    when only with those of which the mode (`care_modes`) or the day (`visits`) is not known, and (`care_modes`) when it
    is not known whether the current one is of these modes at all. Else FALSE: absent history is no visit.
    """

    id = "T39"
    title = "频繁就医"
    columns = Params
    row_name = ("modes", "window", "period_days")
    needs = ("care_modes", "visits", "encounter_begin")
    evidence = ("count", "max_visits", "period", "modes", "dates")

    def keys(self, params: Params) -> Sequence[str]:
        """Judged once per encounter."""
        return (EVERY_ENCOUNTER,)

    def problems(self, params: Params) -> Iterator[str]:
        """There are modes and a period, and at least one visit is allowed."""
        if not params.modes:
            yield "`modes` is empty: visits of which kind are counted?"
        if params.max_visits < 1:
            yield f"`max_visits` is {params.max_visits}, expected 1 or more"
        if params.window == "单次就诊":
            yield "`window` 单次就诊 holds one visit"
        if (params.window == "滚动") != (params.period_days is not None):
            yield "`period_days` goes with the window 滚动"
        if params.period_days is not None and params.period_days < 1:
            yield f"`period_days` is {params.period_days}, expected 1 or more"

    def judge_encounter(self, params: Params, about: object, chart: Chart) -> Sequence[Judgement]:
        """TRUE when more visits are known than are allowed."""
        encounter = chart.case.encounter
        current = is_of(encounter.care_modes, params.modes)
        if current is False:
            return FALSE
        begin = began(chart)
        if begin is None:
            return (Judgement(missing=(Missing("encounter_begin"),)),)
        if diagnoses.find(encounter.diagnoses, params.uncounted_diagnoses)[0]:
            return FALSE
        first = first_day(params.window, begin.date(), days=params.period_days, site=chart.case.site)
        assert first is not None  # lint refuses the one window that has none
        certain = 1  # the current one: where it does not count, nothing is asked
        open_modes = 0
        open_days = 0
        dates: list[str] = []
        for visit in chart.visits().values():
            counts = is_of(visit.care_modes, params.modes)
            if counts is False or diagnoses.find(visit.diagnoses, params.uncounted_diagnoses)[0]:
                continue
            if visit.begin is None:
                open_days += 1
            elif visit.begin > begin or visit.begin.toordinal() < first:
                continue
            elif counts:
                certain += 1
                dates.append(str(visit.begin.date()))
            else:
                open_modes += 1
        if certain > params.max_visits and current:
            evidence = {
                "count": str(certain),
                "max_visits": str(params.max_visits),
                "period": text_of(params.window, params.period_days),
                "modes": "、".join(params.modes),
                "dates": "、".join(sorted(dates)[-DATES_SHOWN_MAX:]),
            }
            return (Judgement(evidence=evidence),)
        if certain + open_modes + open_days <= params.max_visits:
            return FALSE
        missing: list[Missing] = []
        if current is None:
            missing.append(Missing("care_modes"))
        if certain > params.max_visits:
            return (Judgement(missing=tuple(missing)),)
        if open_modes:
            missing.append(Missing("care_modes", f"有{open_modes}次就诊的就医方式不明"))
        if open_days:
            missing.append(Missing("visits", f"有{open_days}次就诊没有时间"))
        return (Judgement(missing=tuple(missing)),)
