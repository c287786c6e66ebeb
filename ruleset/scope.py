"""Where a row applies, and whom it spares: the conditions that any rule or row may state, whatever its template.

The enumerations are those of the official rule book (应用场景, 机构级别, 险种, 监管环节). A condition is TRUE, FALSE or
UNKNOWN of a line; one list is satisfied by any of its values. A scope holds when every stated condition does; an
exemption when any stated one does.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from ruleset import ages, diagnoses
from ruleset.case import CareMode, Encounter, FacilityLevel, Line, Payer, Trigger, VisitKind
from ruleset.outcome import Missing

if TYPE_CHECKING:
    from ruleset.chart import Chart

Scene = Literal["住院", "门急诊", "购药", "互联网诊疗", "异地就医"]
Stage = Literal["事前", "事中", "事后"]
Level = Literal["三级", "二级", "一级及以下"]
Mode = Literal["门诊", "急诊", "门慢特", "住院", "购药", "其他"]
YesNo = Literal["是", "否"]

MODE_OF: dict[CareMode, Mode] = {
    "outpatient": "门诊",
    "emergency": "急诊",
    "chronic_outpatient": "门慢特",
    "inpatient": "住院",
    "pharmacy": "购药",
    "other": "其他",
}
SCENE_OF: dict[CareMode, Scene | None] = {
    "outpatient": "门急诊",
    "emergency": "门急诊",
    "chronic_outpatient": "门急诊",
    "inpatient": "住院",
    "pharmacy": "购药",
    "other": None,
}
LEVEL_OF: dict[FacilityLevel, Level] = {"primary": "一级及以下", "secondary": "二级", "tertiary": "三级"}
Insurance = Literal["职工", "公务员", "大额", "离休", "居民", "大病", "长护", "生育", "工伤", "其他"]
INSURANCE_OF: dict[Payer, Insurance] = {
    "employee": "职工",
    "civil_servant": "公务员",
    "large_sum": "大额",
    "retired_cadre": "离休",
    "resident": "居民",
    "serious_illness": "大病",
    "long_term_care": "长护",
    "maternity": "生育",
    "work_injury": "工伤",
    "other": "其他",
}
STAGE_OF: dict[Trigger, Stage] = {
    "registration": "事前",
    "charging": "事前",
    "execution": "事前",
    "other": "事前",
    "settlement_preview": "事中",
    "settlement": "事中",
}


class Conditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The conditions of a scope or of an exemption. An empty one is not stated."""

    scenes: tuple[Scene, ...] = ()
    """应用场景."""
    stages: tuple[Stage, ...] = ()
    """监管环节."""
    care_modes: tuple[Mode, ...] = ()
    visit_kinds: tuple[VisitKind, ...] = ()
    insurance: tuple[Insurance, ...] = ()
    """险种."""
    facilities: tuple[str, ...] = ()
    facility_levels: tuple[Level, ...] = ()
    facility_types: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    """统筹区, where the patient is insured: administrative division codes, whose trailing zeros stand for all below."""
    treatment_regions: tuple[str, ...] = ()
    """就医地, as `regions`."""
    departments: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    practitioners: tuple[str, ...] = ()
    charge_kinds: tuple[str, ...] = ()
    """费用类型 (national chrg_type)."""
    sex: Literal["男", "女", ""] = ""
    min_age: str = ""
    """The youngest to whom it applies: 28天, 6月, 18岁."""
    below_age: str = ""
    """The age from which it no longer applies."""
    diagnoses: tuple[str, ...] = ()
    """Prefixes of diagnosis codes, one of which the encounter has."""
    programs: tuple[str, ...] = ()
    """门慢特 diseases that the visit is settled under."""
    flags: tuple[str, ...] = ()
    """Marks of the patient."""
    pregnant: YesNo | Literal[""] = ""
    discharge_medication: YesNo | Literal[""] = ""
    long_prescription: YesNo | Literal[""] = ""
    long_term_order: YesNo | Literal[""] = ""
    emergency_use: YesNo | Literal[""] = ""
    day_surgery: YesNo | Literal[""] = ""
    out_of_region: YesNo | Literal[""] = ""


Test = Callable[[Any, "Chart", Line | None], bool | None]


class Condition(NamedTuple):
    """One kind of condition: the facts it reads, and its test of a stated value."""

    facts: tuple[str, ...]
    test: Test


class Scope(NamedTuple):
    """Stated conditions, ready to be tested."""

    stated: tuple[tuple[str, Condition, Any], ...]
    """The condition's name in `Conditions`, the condition, and the value that a rule or row states."""

    asks_about_line: bool

    def holds(self, chart: "Chart", line: Line | None) -> tuple[bool | None, tuple[Missing, ...]]:
        """Say whether every condition holds; UNKNOWN with the missing facts."""
        missing: list[Missing] = []
        for _, condition, value in self.stated:
            held = condition.test(value, chart, line)
            if held is False:
                return False, ()
            if held is None:
                missing.extend(Missing(fact) for fact in condition.facts)
        return (None, tuple(missing)) if missing else (True, ())

    def spares(self, chart: "Chart", line: Line | None) -> tuple[bool | None, tuple[Missing, ...]]:
        """Say whether any condition holds; UNKNOWN with the missing facts where none does and one might."""
        missing: list[Missing] = []
        for _, condition, value in self.stated:
            held = condition.test(value, chart, line)
            if held:
                return True, ()
            if held is None:
                missing.extend(Missing(fact) for fact in condition.facts)
        return (None, tuple(missing)) if missing else (False, ())


def scope_of(conditions: Conditions | None) -> Scope | None:
    """Return the conditions ready to be tested; None where none is stated."""
    if conditions is None:
        return None
    stated = tuple(
        (name, condition, value) for name, condition in CONDITIONS.items() if (value := getattr(conditions, name))
    )
    return Scope(stated, any(name in OF_THE_LINE for name, _, _ in stated)) if stated else None


OF_THE_LINE = frozenset(
    {
        "departments",
        "titles",
        "practitioners",
        "charge_kinds",
        "min_age",
        "below_age",
        "discharge_medication",
        "emergency_use",
        "long_term_order",
    }
)
"""Conditions that may differ between the lines of one message (an age is that on the line's day)."""


def both(first: Conditions | None, second: Conditions | None) -> Conditions | None:
    """Return a rule's conditions with those that a row states in their place."""
    if first is None or second is None:
        return first or second
    values = {name: getattr(second, name) or getattr(first, name) for name in Conditions.__struct_fields__}
    return Conditions(**values)


def condition_problems(conditions: Conditions) -> Sequence[str]:
    """Return what is wrong with values that their types cannot say."""
    found: list[str] = []
    for name in ("min_age", "below_age"):
        text = getattr(conditions, name)
        if text:
            try:
                ages.parse_age(text)
            except ValueError as error:
                found.append(f"`{name}`: {error}")
    return found


def _encounter(test: Callable[[Any, Encounter], bool | None]) -> Test:
    return lambda value, chart, _: test(value, chart.case.encounter)


def _scene(scenes: Sequence[str], chart: "Chart", _line: Line | None) -> bool | None:
    encounter = chart.case.encounter
    answers: list[bool | None] = []
    if "互联网诊疗" in scenes:
        answers.append(False if encounter.care_modes == ("inpatient",) else encounter.internet)
    if "异地就医" in scenes:
        answers.append(chart.out_of_region())
    modes = [SCENE_OF[mode] in scenes for mode in encounter.care_modes]
    if any(scene not in ("互联网诊疗", "异地就医") for scene in scenes):
        answers.append(None if not modes or (any(modes) and not all(modes)) else modes[0])
    if any(answers):
        return True
    return None if None in answers else False


def _mode(allowed: Sequence[str], encounter: Encounter) -> bool | None:
    modes = [MODE_OF[mode] in allowed for mode in encounter.care_modes]
    if not modes or (any(modes) and not all(modes)):
        return None
    return modes[0]


def in_division(code: str, divisions: Sequence[str]) -> bool:
    """Say whether an administrative division lies in one of `divisions`: 370100 holds 370102, 370000 both."""
    return any(code.startswith(_significant(division)) for division in divisions)


def _significant(division: str) -> str:
    while len(division) > 2 and division.endswith("00"):
        division = division[:-2]
    return division


def _department(codes: Sequence[str], chart: "Chart", line: Line | None) -> bool | None:
    encounter = chart.case.encounter
    source = line if line is not None and line.department_code else encounter
    if any(unknown.fact == "department" for unknown in source.unknown_facts):
        return None  # a local code that nobody has mapped
    return source.department_code in codes if source.department_code else None


def _practitioner(ids: Sequence[str], chart: "Chart", line: Line | None) -> bool | None:
    identifier = chart.practitioner_id(line)
    return identifier in ids if identifier else None


def _title(titles: Sequence[str], chart: "Chart", line: Line | None) -> bool | None:
    practitioner = chart.practitioner(line)
    if practitioner is not None and practitioner.title:
        return practitioner.title in titles
    title = line.practitioner_title if line is not None else ""
    return title in titles if title else None


def _charge_kind(kinds: Sequence[str], _chart: "Chart", line: Line | None) -> bool | None:
    return line.charge_kind in kinds if line is not None and line.charge_kind else None


def _sex(wanted: str, chart: "Chart", _line: Line | None) -> bool | None:
    sex = chart.case.patient.sex
    return None if sex is None else ("男" if sex == "male" else "女") == wanted


def _min_age(text: str, chart: "Chart", line: Line | None) -> bool | None:
    day = chart.day_of(line)
    if day is None:
        return None
    at = ages.moment_of(line) if line is not None and line.begin is not None else day
    reached = ages.has_reached(chart.case.patient, at, ages.parse_age(text))
    return reached if isinstance(reached, bool) else None


def _below_age(text: str, chart: "Chart", line: Line | None) -> bool | None:
    reached = _min_age(text, chart, line)
    return None if reached is None else not reached


def _diagnoses(prefixes: Sequence[str], chart: "Chart", _line: Line | None) -> bool | None:
    known = chart.case.encounter.diagnoses
    confirmed, suspected = diagnoses.find(known, prefixes)
    if confirmed:
        return True
    # A diagnosis without a code may be any; so may all, where there is none.
    return None if suspected or not known or not all(diagnosis.code for diagnosis in known) else False


def _program(codes: Sequence[str], encounter: Encounter) -> bool | None:
    if encounter.program_code:
        return encounter.program_code in codes
    chronic = "chronic_outpatient" in encounter.care_modes
    return None if chronic or not encounter.care_modes else False


def _pregnant(wanted: str, chart: "Chart", _line: Line | None) -> bool | None:
    pregnant = chart.pregnant()
    return None if pregnant is None else pregnant == (wanted == "是")


def _agrees(fact: bool | None, wanted: str) -> bool | None:
    return None if fact is None else fact == (wanted == "是")


def _of_line(name: str) -> Test:
    def test(wanted: str, _chart: "Chart", line: Line | None) -> bool | None:
        return _agrees(getattr(line, name) if line is not None else None, wanted)

    return test


CONDITIONS: dict[str, Condition] = {
    "scenes": Condition(("care_modes",), _scene),
    "stages": Condition((), lambda value, chart, _: any(STAGE_OF[trigger] in value for trigger in chart.case.triggers)),
    "care_modes": Condition(("care_modes",), _encounter(_mode)),
    "visit_kinds": Condition(
        ("visit_kind",), _encounter(lambda value, at: None if at.visit_kind is None else at.visit_kind in value)
    ),
    "insurance": Condition(
        ("payer",), _encounter(lambda value, at: None if at.payer is None else INSURANCE_OF[at.payer] in value)
    ),
    "facilities": Condition(
        ("facility_id",), _encounter(lambda value, at: at.facility_id in value if at.facility_id else None)
    ),
    "facility_levels": Condition(
        ("facility_level",),
        _encounter(lambda value, at: None if at.facility_level is None else LEVEL_OF[at.facility_level] in value),
    ),
    "facility_types": Condition(
        ("facility_type",), _encounter(lambda value, at: at.facility_type in value if at.facility_type else None)
    ),
    "regions": Condition(
        ("insured_region",),
        lambda value, chart, _: (
            in_division(chart.case.patient.insured_region, value) if chart.case.patient.insured_region else None
        ),
    ),
    "treatment_regions": Condition(
        ("region",), _encounter(lambda value, at: in_division(at.region, value) if at.region else None)
    ),
    "departments": Condition(("department",), _department),
    "titles": Condition(("practitioner_title",), _title),
    "practitioners": Condition(("practitioner_id",), _practitioner),
    "charge_kinds": Condition(("charge_kind",), _charge_kind),
    "sex": Condition(("sex",), _sex),
    "min_age": Condition(("birth_date",), _min_age),
    "below_age": Condition(("birth_date",), _below_age),
    "diagnoses": Condition(("diagnoses",), _diagnoses),
    "programs": Condition(("program",), _encounter(_program)),
    "flags": Condition((), lambda value, chart, _: any(flag in value for flag in chart.case.patient.flags)),
    "pregnant": Condition(("pregnancy_status",), _pregnant),
    "discharge_medication": Condition(("discharge_medication",), _of_line("discharge_medication")),
    # A long prescription and an emergency are claims that somebody makes: what is not claimed is not so.
    "long_prescription": Condition((), _encounter(lambda value, at: bool(at.long_prescription) == (value == "是"))),
    "emergency_use": Condition(
        (), lambda value, _, line: bool(line is not None and line.emergency_use) == (value == "是")
    ),
    "long_term_order": Condition(("long_term",), _of_line("long_term")),
    "day_surgery": Condition(
        ("visit_kind",),
        _encounter(lambda value, at: None if at.visit_kind is None else _agrees(at.visit_kind == "day_surgery", value)),
    ),
    "out_of_region": Condition(
        ("region", "insured_region"), lambda value, chart, _: _agrees(chart.out_of_region(), value)
    ),
}
"""By the names of `Conditions`."""
