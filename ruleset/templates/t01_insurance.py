"""T01 险种限定: the fund pays for the item only under some kinds of insurance, or in some medical categories."""

from collections.abc import Iterator, Sequence
from typing import Literal

from ruleset.case import Encounter, Line, VisitKind
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.scope import INSURANCE_OF
from ruleset.scope import Insurance as Payers
from ruleset.template import FALSE, Template, subject_keys, subject_problems
from ruleset.templates.item_row import ItemRow

MATERNITY_VISITS = ("maternity_outpatient", "maternity_inpatient", "family_planning")
"""National med_type 51, 52, 53."""

Visit = Literal["门诊", "急诊", "门慢特", "住院", "日间手术", "购药", "生育门诊", "生育住院", "计划生育"]
VISIT_OF: dict[VisitKind, Visit] = {
    "outpatient": "门诊",
    "emergency": "急诊",
    "chronic_outpatient": "门慢特",
    "inpatient": "住院",
    "day_surgery": "日间手术",
    "pharmacy": "购药",
    "maternity_outpatient": "生育门诊",
    "maternity_inpatient": "生育住院",
    "family_planning": "计划生育",
}
"""The medical category (national med_type) as a pharmacist writes it."""


class Params(ItemRow, frozen=True, kw_only=True):
    """The items of a row and what they are limited to; at least one limit, and every stated one must be met.

    `allowed_insurance` 工伤: met by the payer `work_injury` alone. 生育: met by the payer `maternity`, or by a medical
    category of maternity (生育门诊, 生育住院, 计划生育) whoever pays. `allowed_payers`: met by any of these kinds of
    insurance. `allowed_visits`: met in any of these medical categories; 住院 does not include 日间手术.
    """

    allowed_insurance: Literal["", "工伤", "生育"] = ""
    allowed_payers: tuple[Payers, ...] = ()
    allowed_visits: tuple[Visit, ...] = ()


class Insurance(Template):
    """TRUE when a stated limit is definitely not met. UNKNOWN when none is, and one rests on an unknown fact.

    Those facts are the payer (`payer`), and the medical category (`visit_kind`); for 生育 each of them that is unknown.
    """

    id = "T01"
    title = "险种限定"
    columns = Params
    row_name = ("subject",)
    needs = ("payer", "visit_kind")
    evidence = ("allowed_insurance", "allowed_visits", "limit", "payer", "visit")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject and limits it to something."""
        yield from subject_problems(params)
        if not (params.allowed_insurance or params.allowed_payers or params.allowed_visits):
            yield "the row limits nothing: give `allowed_insurance`, `allowed_payers` or `allowed_visits`"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when a limit is not met, UNKNOWN when that rests on the payer or the medical category."""
        encounter = chart.case.encounter
        missing: list[Missing] = []
        violated = False
        if params.allowed_insurance:
            met = _insurance_met(params.allowed_insurance, encounter, missing)
            violated = met is False
        if params.allowed_payers:
            if encounter.payer is None:
                missing.append(Missing("payer"))
            else:
                violated |= INSURANCE_OF[encounter.payer] not in params.allowed_payers
        if params.allowed_visits:
            if encounter.visit_kind is None:
                missing.append(Missing("visit_kind"))
            else:
                violated |= VISIT_OF[encounter.visit_kind] not in params.allowed_visits
        if violated:
            return (Judgement(evidence=_evidence(params, encounter)),)
        return (Judgement(missing=tuple(dict.fromkeys(missing))),) if missing else FALSE


def _insurance_met(insurance: str, encounter: Encounter, missing: list[Missing]) -> bool | None:
    """Say whether 工伤 or 生育 pays; what that rests on is added to `missing`."""
    payer = encounter.payer
    facts: list[Missing] = []
    if insurance == "生育":
        if payer == "maternity" or encounter.visit_kind in MATERNITY_VISITS:
            return True
        if encounter.visit_kind is None:
            facts.append(Missing("visit_kind"))
    elif payer == "work_injury":
        return True
    if payer is None:
        facts.append(Missing("payer"))
    missing.extend(facts)
    return None if facts else False


def _evidence(params: Params, encounter: Encounter) -> dict[str, str]:
    allowed = [params.allowed_insurance] if params.allowed_insurance else list(params.allowed_payers)
    limits = [f"{'、'.join(allowed)}保险"] if allowed else []
    limits += ["、".join(params.allowed_visits)] if params.allowed_visits else []
    return {
        "limit": "且限".join(limits),
        "allowed_insurance": "、".join(allowed),
        "allowed_visits": "、".join(params.allowed_visits),
        "payer": INSURANCE_OF[encounter.payer] if encounter.payer is not None else "不明",
        "visit": VISIT_OF[encounter.visit_kind] if encounter.visit_kind is not None else "不明",
    }
