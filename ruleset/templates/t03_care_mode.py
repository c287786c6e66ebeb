"""T03 就医方式限定: the item is paid for, or allowed at all, only in some modes of care."""

from collections.abc import Iterator, Sequence
from typing import Literal

from ruleset.case import Encounter, Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.scope import MODE_OF
from ruleset.template import FALSE, Template, subject_keys, subject_problems
from ruleset.templates.item_row import ItemRow

Mode = Literal["门诊", "急诊", "门慢特", "住院", "购药", "其他", "互联网", "日间手术", "出院带药"]
SPECIAL_TEXT: dict[Mode, str] = {"互联网": "互联网诊疗", "日间手术": "日间手术", "出院带药": "出院带药"}
"""The modes that are no care mode, as a person reads them."""


class Params(ItemRow, frozen=True, kw_only=True):
    """The items of a row with either the modes in which they are allowed, or those in which they are forbidden.

    门诊, 急诊, 门慢特, 住院, 购药, 其他 are the care modes that the message leaves possible. 互联网 is an internet
    consultation, 日间手术 a stay for day surgery (which is 住院 too), 出院带药 a line that is medicine to take home.
    """

    allowed_modes: tuple[Mode, ...] = ()
    forbidden_modes: tuple[Mode, ...] = ()


class CareMode(Template):
    """TRUE when none of the allowed modes, or one of the forbidden modes, is the case.

    Where the message leaves several care modes possible, some in the list and some not, UNKNOWN (`visit_kind`); with
    no care mode at all, UNKNOWN (`care_modes`). 互联网 without the fact: never for an encounter that is certainly
    inpatient, else UNKNOWN (`internet`). 日间手术 and 出院带药: never where 住院 is not possible, else UNKNOWN
    (`visit_kind`, `discharge_medication`) without the fact. One mode of the list that is the case decides, whatever
    is unknown of the others.
    """

    id = "T03"
    title = "就医方式限定"
    columns = Params
    row_name = ("subject",)
    needs = ("care_modes", "visit_kind", "internet", "discharge_medication")
    evidence = ("allowed_modes", "forbidden_modes", "care_mode", "limit")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject, and allows some modes or forbids some: not both and not neither."""
        yield from subject_problems(params)
        if bool(params.allowed_modes) == bool(params.forbidden_modes):
            yield "either `allowed_modes` or `forbidden_modes` is needed, and not both"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE outside the allowed modes or within the forbidden ones; UNKNOWN when some possible modes are neither."""
        encounter = chart.case.encounter
        missing: list[Missing] = []
        held = _is_one_of(params.allowed_modes or params.forbidden_modes, encounter, line, missing)
        if held is None:
            return (Judgement(missing=tuple(dict.fromkeys(missing))),)
        if held == bool(params.allowed_modes):
            return FALSE
        limit = f"仅限{'、'.join(params.allowed_modes)}" if params.allowed_modes else ""
        evidence = {
            "limit": limit or f"不得用于{'、'.join(params.forbidden_modes)}",
            "allowed_modes": "、".join(params.allowed_modes),
            "forbidden_modes": "、".join(params.forbidden_modes),
            "care_mode": _care_mode(params.forbidden_modes, encounter, line),
        }
        return (Judgement(evidence=evidence),)


def _is_one_of(modes: Sequence[Mode], encounter: Encounter, line: Line, missing: list[Missing]) -> bool | None:
    """Say whether the line is ordered in one of the modes; what that rests on is added to `missing`."""
    inside = [MODE_OF[mode] in modes for mode in encounter.care_modes]
    if inside and all(inside):
        return True
    if any(inside):
        missing.append(Missing("visit_kind"))
    elif not inside and any(mode in modes for mode in MODE_OF.values()):
        missing.append(Missing("care_modes"))
    special = [mode for mode in modes if mode in SPECIAL_TEXT]
    if special:
        known = _special_modes(encounter, line)
        for mode in special:
            held, fact = known[mode]
            if held:
                return True
            if held is None:
                missing.append(Missing(fact))
    return None if missing else False


def _special_modes(encounter: Encounter, line: Line) -> dict[Mode, tuple[bool | None, str]]:
    """Return of each mode that is no care mode whether it is the case, and the fact that tells."""
    internet = encounter.internet
    if internet is None and encounter.care_modes == ("inpatient",):
        internet = False
    modes: dict[Mode, tuple[bool | None, str]] = {"互联网": (internet, "internet")}
    if encounter.care_modes and "inpatient" not in encounter.care_modes:
        modes["日间手术"] = modes["出院带药"] = (False, "")
        return modes
    day_surgery = None if encounter.visit_kind is None else encounter.visit_kind == "day_surgery"
    modes["日间手术"] = (day_surgery, "visit_kind")
    modes["出院带药"] = (line.discharge_medication, "discharge_medication")
    return modes


def _care_mode(forbidden: Sequence[Mode], encounter: Encounter, line: Line) -> str:
    """Return how the patient is treated, for a person: the special mode that is forbidden, else the care modes."""
    special = _special_modes(encounter, line)
    named = [text for mode, text in SPECIAL_TEXT.items() if mode in forbidden and special[mode][0]]
    return (
        "、".join(named) or "或".join(text for mode, text in MODE_OF.items() if mode in encounter.care_modes) or "不明"
    )
