"""T09 病种目录与备案: the item is paid for only in a visit for certain diseases, or after an approval."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Literal

from ruleset.case import DiseaseProgram, Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, subject_keys, subject_problems
from ruleset.templates.item_row import ItemRow


class Params(ItemRow, frozen=True, kw_only=True):
    """The items of a row, the diseases (门慢特病种, 双通道 or 特殊审批 programs, by code), and what is required.

    `requires` 结算病种: a 门慢特 visit that uses the item is settled under one of `programs`; other visits meet it.
    备案: the patient has an approval for one of `programs` (with none: for any) that is in force on the order's day, both
    of its days included, and that names no items or this one; or a person attested `special_approval` for the line or
    the encounter. With both, both are required. `program_names` is for people.
    """

    programs: tuple[str, ...] = ()
    program_names: str = ""
    requires: tuple[Literal["结算病种", "备案"], ...]


class Program(Template):
    """TRUE when something that is required is definitely not there.

    结算病种: a visit that states a disease is a 门慢特 visit unless its care mode excludes that. Without a disease, UNKNOWN:
    in a 门慢特 visit for want of it (`program`), where the visit may or may not be one for want of that (`care_modes`). 备案: without one, TRUE where the patient's approvals were checked or the site vouches
    for the feed `approvals`, else UNKNOWN (`approved_programs`), an approval that is over or not begun being named.
    """

    id = "T09"
    title = "病种目录与备案"
    columns = Params
    row_name = ("subject",)
    needs = ("care_modes", "program", "approved_programs")
    evidence = ("programs", "program", "lacking")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject; a visit is settled under a disease that the row names."""
        yield from subject_problems(params)
        if "结算病种" in params.requires and not params.programs:
            yield "`programs` is empty: under which diseases may the visit be settled?"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when the visit's disease or the approval is definitely not there; UNKNOWN when that is not known."""
        missing: list[Missing] = []
        lacking: list[str] = []
        for requirement in params.requires:
            met = _settled_under(params, chart) if requirement == "结算病种" else _approved(params, line, chart)
            if met is False:
                lacking.append(requirement)
            elif isinstance(met, Missing):
                missing.append(met)
        if lacking:
            encounter = chart.case.encounter
            evidence = {
                "programs": params.program_names or "、".join(params.programs) or "该药品",
                "program": encounter.program_name or encounter.program_code or "无",
                "lacking": "、".join(lacking),
            }
            return (Judgement(evidence=evidence),)
        return (Judgement(missing=tuple(missing)),) if missing else FALSE


def _settled_under(params: Params, chart: Chart) -> bool | Missing:
    encounter = chart.case.encounter
    modes = set(encounter.care_modes)
    if modes and "chronic_outpatient" not in modes:
        return True
    if encounter.program_code:
        return encounter.program_code in params.programs
    return Missing("program" if modes == {"chronic_outpatient"} else "care_modes")


def _approved(params: Params, line: Line, chart: Chart) -> bool | Missing:
    assert line.begin is not None  # a line without a time is never judged
    day = line.begin.date()
    if chart.attested("special_approval", line):
        return True
    patient = chart.case.patient
    approvals = [approval for approval in patient.programs if _is_for(approval, params, line)]
    if any(_is_in_force(approval, day) for approval in approvals):
        return True
    if patient.programs_checked or chart.is_complete("approvals"):
        return False
    if not approvals:
        return Missing("approved_programs")
    periods = "、".join(f"{approval.valid_from or '不限'}至{approval.valid_to or '不限'}" for approval in approvals)
    return Missing("approved_programs", f"已有的备案有效期为{periods}，不含医嘱当日，请核对是否续办")


def _is_for(approval: DiseaseProgram, params: Params, line: Line) -> bool:
    if params.programs and approval.code not in params.programs:
        return False
    return not approval.item_codes or line.item_code in approval.item_codes


def _is_in_force(approval: DiseaseProgram, day: date) -> bool:
    return (approval.valid_from is None or approval.valid_from <= day) and (
        approval.valid_to is None or day <= approval.valid_to
    )
