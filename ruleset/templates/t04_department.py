"""T04 科室限定: the item is for some departments, or not for some."""

from collections.abc import Iterator, Sequence
from typing import Literal

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, subject_keys, subject_problems
from ruleset.templates.item_row import ItemRow


class Params(ItemRow, frozen=True, kw_only=True):
    """The items of a row and the departments they are limited to (限) or forbidden in (禁).

    `departments` are standard codes, as they stand after the hospital's dictionary has replaced its own. A code stands
    for itself and for those below it after a dot: A03 holds A03.01 and not A031. `department_names` is for people.
    """

    departments: tuple[str, ...]
    department_names: str = ""
    kind: Literal["限", "禁"] = "限"


class Department(Template):
    """Asks for the line's ordering department, else the encounter's.

    限: TRUE outside the row's departments. 禁: TRUE within them. UNKNOWN (`department`) where neither the line nor the
    encounter names a department, or the dictionary of the hospital does not have the one that is named.
    """

    id = "T04"
    title = "科室限定"
    columns = Params
    row_name = ("subject",)
    needs = ("department",)
    evidence = ("departments", "department", "limit")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject."""
        yield from subject_problems(params)

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE outside the departments (限) or within them (禁); UNKNOWN without a standard department."""
        source = line if line.department_code else chart.case.encounter
        department = source.department_code
        for unknown in source.unknown_facts:
            if unknown.fact == "department":
                return (Judgement(missing=(Missing("department", unknown.reason),)),)
        if not department:
            return (Judgement(missing=(Missing("department"),)),)
        within = any(department == code or department.startswith(code + ".") for code in params.departments)
        if within == (params.kind == "限"):
            return FALSE
        names = params.department_names or "、".join(params.departments)
        evidence = {
            "departments": names,
            "department": department,
            "limit": f"限{names}使用" if params.kind == "限" else f"{names}不得使用",
        }
        return (Judgement(evidence=evidence),)
