"""Rows that nothing can reach: conditions that exclude each other, parameters that nobody violates, impossible keys."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_args

from ruleset.ages import Age, parse_age
from ruleset.case import Payer
from ruleset.codes import class_prefixes
from ruleset.pack.diagnostics import Diagnostic, did_you_mean
from ruleset.pack.lint.work import CLASS_COLUMNS, ITEM_COLUMNS, LintRow, Work, stated_conditions
from ruleset.pack.source import EXEMPT_PREFIX, SCOPE_PREFIX
from ruleset.scope import INSURANCE_OF, MODE_OF, SCENE_OF, Conditions, Insurance, Level, Mode, in_division
from ruleset.template import EVERY_ENCOUNTER, diagnosis_key

HOURS_OF: Mapping[str, tuple[int, int]] = {
    "小时": (1, 1),
    "天": (24, 24),
    "周": (168, 168),
    "月": (28 * 24, 31 * 24),
    "岁": (365 * 24, 366 * 24),
}
"""How many hours the shortest and the longest of each unit has."""
MONTHS_OF = {"月": 1, "岁": 12}
STANDARD_CLASSES = ("antibiotic_unrestricted", "antibiotic_restricted", "antibiotic_special")
"""Classes that the item dictionary of every hospital may state: the grade of an antibiotic."""
NEVER_WITHOUT_A_LINE = frozenset({"charge_kinds", "discharge_medication", "emergency_use", "long_term_order"})
"""Conditions that only an order line answers; departments, doctors, titles and ages the encounter answers too."""
CLOSED: Mapping[str, frozenset[str]] = {
    "care_modes": frozenset(get_args(Mode)),
    "insurance": frozenset(get_args(Insurance)),
    "facility_levels": frozenset(get_args(Level)),
}
"""Conditions whose values are all that there are."""


def contradictory_conditions(work: Work) -> Iterator[Diagnostic]:
    """Conditions of a scope of which no case meets all."""
    for rule_id, rule in work.own_rules.items():
        for name, text in _contradictions(rule.scope):
            yield work.at_rule(rule_id, name, text)
    for row in work.rows:
        if row.row.common.scope is not None:
            for name, text in _contradictions(row.scope):
                yield work.at(row, SCOPE_PREFIX + name, text)


def _contradictions(scope: Conditions | None) -> Iterator[tuple[str, str]]:
    if scope is None:
        return
    if scope.min_age and scope.below_age and always_reached(parse_age(scope.min_age), parse_age(scope.below_age)):
        yield "below_age", f"the scope is empty: nobody is {scope.min_age} or older and younger than {scope.below_age}"
    if scope.sex == "男" and scope.pregnant == "是":
        yield "pregnant", "the scope is empty: it is for men who are pregnant"
    scenes = [scene for scene in scope.scenes if scene not in ("互联网诊疗", "异地就医")]
    if scenes and len(scenes) == len(scope.scenes) and scope.care_modes:
        of_modes = {SCENE_OF[mode] for mode, word in MODE_OF.items() if word in scope.care_modes}
        if of_modes.isdisjoint(scenes):
            yield "care_modes", f"the scope is empty: no {'、'.join(scope.care_modes)} is {'、'.join(scenes)}"
    if scope.scenes == ("互联网诊疗",) and scope.care_modes == ("住院",):
        yield "care_modes", "the scope is empty: no 住院 is 互联网诊疗"
    if scope.day_surgery == "是" and scope.visit_kinds and "day_surgery" not in scope.visit_kinds:
        yield "visit_kinds", "the scope is empty: it is for day surgery, and `visit_kinds` has no `day_surgery`"


def conditions_without_a_line(work: Work) -> Iterator[Diagnostic]:
    """Conditions about an order line, of rows that judge the encounter: nothing could ever decide them."""
    for row in work.rows:
        if not any(key == EVERY_ENCOUNTER or key.startswith(("diagnosis:", "operation:")) for key in row.row.keys):
            continue
        for prefix, conditions in ((SCOPE_PREFIX, row.scope), (EXEMPT_PREFIX, row.exempt)):
            for name in sorted(NEVER_WITHOUT_A_LINE):
                if conditions is not None and getattr(conditions, name):
                    text = f"`{name}` asks about an order line, and the row judges the encounter: it never decides"
                    yield work.at(row, prefix + name, text)


def always_reached(age: Age, other: Age) -> bool:
    """Say whether everybody who has reached `age` has reached `other`, whatever the calendar."""
    if age.unit == other.unit:
        return age.number >= other.number
    if age.unit in MONTHS_OF and other.unit in MONTHS_OF:
        return age.number * MONTHS_OF[age.unit] >= other.number * MONTHS_OF[other.unit]
    return age.number * HOURS_OF[age.unit][0] >= other.number * HOURS_OF[other.unit][1]


def nobody_left(work: Work) -> Iterator[Diagnostic]:
    """Exemptions that spare everybody whom the scope names."""
    for rule_id, rule in work.own_rules.items():
        for name, text in _spares_all(rule.scope, rule.exempt):
            yield work.at_rule(rule_id, name, text)
        payers = {INSURANCE_OF[payer] for payer in get_args(Payer) if payer in rule.exempt_payers}
        insured = set(rule.scope.insurance if rule.scope is not None else ()) or set(get_args(Insurance))
        if payers and insured <= payers:
            yield work.at_rule(rule_id, "exempt_payers", "nobody is left: every payer in the scope is exempt")
    for row in work.rows:
        own = row.row.common
        if own.scope is not None or own.exempt is not None:
            for name, text in _spares_all(row.scope, row.exempt):
                stated_here = own.exempt is not None and bool(getattr(own.exempt, name))
                yield work.at(row, (EXEMPT_PREFIX if stated_here else SCOPE_PREFIX) + name, text)


def _spares_all(scope: Conditions | None, exempt: Conditions | None) -> Iterator[tuple[str, str]]:
    for name, spared in stated_conditions(exempt):
        wanted = getattr(scope, name) if scope is not None else None
        if _covers(name, spared, wanted):
            yield name, f"nobody is left: the exemption `{name}` spares the whole scope"


def _covers(name: str, spared: Any, wanted: Any) -> bool:
    """Say whether an exempted value spares everybody of whom the scope's condition of that name holds."""
    if name in CLOSED and CLOSED[name] <= set(spared):
        return True
    if not wanted:
        return name == "min_age" and parse_age(spared).number == 0
    if name == "min_age":
        return always_reached(parse_age(wanted), parse_age(spared))
    if name == "below_age":
        return always_reached(parse_age(spared), parse_age(wanted))
    if name == "diagnoses":
        prefixes = tuple(map(diagnosis_key, spared))
        return all(diagnosis_key(code).startswith(prefixes) for code in wanted)
    if name in ("regions", "treatment_regions"):
        return all(in_division(code, spared) for code in wanted)
    return set(wanted) <= set(spared) if isinstance(wanted, tuple) else wanted == spared


def _sex(row: LintRow, scope: Conditions) -> bool:
    return bool(scope.sex) and scope.sex == row.row.params.sex  # type: ignore[attr-defined] # T06


def _modes(row: LintRow, scope: Conditions) -> bool:
    params: Any = row.row.params
    wanted = set(scope.care_modes)
    if not wanted:
        return False
    if params.allowed_modes:
        return wanted <= set(params.allowed_modes)
    return set(params.forbidden_modes) <= set(get_args(Mode)) - wanted


def _levels(row: LintRow, scope: Conditions) -> bool:
    params: Any = row.row.params
    enough = {"二级": {"二级", "三级"}, "三级": {"三级"}}.get(params.min_level, set())
    return bool(scope.facility_levels) and not params.facility_types and set(scope.facility_levels) <= enough


def _departments(row: LintRow, scope: Conditions) -> bool:
    params: Any = row.row.params
    wanted, named = set(scope.departments), set(params.departments)
    return bool(wanted) and (wanted <= named if params.kind == "限" else wanted.isdisjoint(named))


def _ages(row: LintRow, scope: Conditions) -> bool:
    params: Any = row.row.params
    youngest = parse_age(scope.min_age) if scope.min_age else None
    end = parse_age(scope.below_age) if scope.below_age else None
    if params.kind in ("限", "专用"):
        low_holds = params.low is None or (youngest is not None and always_reached(youngest, params.low))
        end_holds = params.end is None or (end is not None and always_reached(params.end, end))
        return low_holds and end_holds
    after = youngest is not None and params.end is not None and always_reached(youngest, params.end)
    before = end is not None and params.low is not None and always_reached(params.low, end)
    return after or before


def _band(row: LintRow, scope: Conditions) -> bool:
    params: Any = row.row.params
    pairs = ((params.min_age, scope.below_age), (scope.min_age, params.below_age), (params.min_age, params.below_age))
    return any(low and end and always_reached(parse_age(low), parse_age(end)) for low, end in pairs)


def _pregnancy(row: LintRow, scope: Conditions) -> bool:
    params: Any = row.row.params
    return scope.sex == "男" or (params.status == "妊娠" and scope.pregnant == "否")


NEVER_VIOLATED: Mapping[str, Callable[[LintRow, Conditions], bool]] = {
    "T02": _levels,
    "T03": _modes,
    "T04": _departments,
    "T06": _sex,
    "T07": _ages,
    "T13": _pregnancy,
    "T15": _band,
    "T16": _band,
    "T17": _band,
    "T18": _band,
}
"""By template: whether nobody in the scope can violate the row. What a row says by itself is `Template.problems`."""


def never_violated(work: Work) -> Iterator[Diagnostic]:
    """Rows that everybody in their scope satisfies, or that apply to nobody in it."""
    for row in work.rows:
        test = NEVER_VIOLATED.get(row.rule.template)
        if test is not None and test(row, row.scope or Conditions()):
            text = "the row never fires: nobody in its scope can violate what it says"
            yield work.at(row, "", text)


SPREADSHEET_NUMBER = re.compile(r"\d(?:\.\d+)?E\+\d+", re.IGNORECASE)
SERVICE_CODE_DIGITS = 15
LOST_ZEROS_MAX = 2
WESTERN_DRUG = re.compile(r"X[A-Z]\d\d[A-Z]{2}[0-9A-Z]*")
PATENT_MEDICINE = re.compile(r"Z[A-Z]\d\d[A-Z]{2}[0-9A-Z]*")
DRUG_CODE_LENGTHS = (20, 23)
"""Of a Chinese patent medicine (Z) and of a western drug (X), as in the published rows."""


def code_mistake(code: str) -> str:
    """Return what makes an item code one that cannot occur, or "".

    Codes are opaque and a hospital may have its own, so only what is nearly a national code and is none is told.
    """
    if code != "".join(code.split()):
        return "has blanks in it"
    if SPREADSHEET_NUMBER.fullmatch(code):
        return "is what a spreadsheet makes of a long number: format the column as text"
    if not code.isascii() and any("\uff01" <= character <= "\uff5e" for character in code):
        return "has full-width characters in it"
    if code.isdigit() and SERVICE_CODE_DIGITS - LOST_ZEROS_MAX <= len(code) < SERVICE_CODE_DIGITS:
        return f"has {len(code)} digits where a service has {SERVICE_CODE_DIGITS}: a spreadsheet drops leading zeros"
    upper = code.upper()
    if (WESTERN_DRUG.fullmatch(upper) or PATENT_MEDICINE.fullmatch(upper)) and upper != code:
        return "has small letters in it: codes are compared as they stand"
    is_short = (WESTERN_DRUG.fullmatch(code) or PATENT_MEDICINE.fullmatch(code)) and len(code) not in DRUG_CODE_LENGTHS
    if is_short:
        return f"has {len(code)} characters where a drug has {' or '.join(map(str, DRUG_CODE_LENGTHS))}"
    return ""


def impossible_keys(work: Work) -> Iterator[Diagnostic]:
    """Classes that are no class, and item codes that no catalogue has."""
    for row in work.rows:
        for column, values in row.stated.items():
            if column in ITEM_COLUMNS:
                for code in values:
                    mistake = "" if work.is_invented(code) else code_mistake(code)
                    if mistake:
                        yield work.at(row, column, f"`{column}` `{code}` {mistake}")
            elif column in CLASS_COLUMNS:
                for name in values:
                    if not is_class(work, name):
                        yield work.at(
                            row, column, f"`{name}` is no ATC code and no list in lists/", _class_help(work, name)
                        )
    for named in work.lists.values():
        for line, key in named.members:
            kind, _, code = key.partition(":")
            mistake = code_mistake(code) if kind == "item" else ""
            if mistake:
                yield Diagnostic(named.path, line, 1, f"`item_code` `{code}` {mistake}")


def is_class(work: Work, name: str) -> bool:
    """Say whether a class can occur: an ATC code, a list, a standard class, or one of the dictionary."""
    return (
        bool(class_prefixes(name))
        or name in work.lists
        or name in STANDARD_CLASSES
        or name in work.known.classes
        or work.is_invented(name)
    )


def _class_help(work: Work, name: str) -> str:
    known: Sequence[str] = (*work.lists, *STANDARD_CLASSES, *sorted(work.known.classes))
    near = did_you_mean(name, known) or did_you_mean(name.upper(), _atc_codes(work))
    return near or "a class of the hospital's dictionary is a member (`drug_class`) of a list that says what it is"


def _atc_codes(work: Work) -> set[str]:
    return {
        name
        for row in work.rows
        for column in CLASS_COLUMNS & row.stated.keys()
        for name in row.stated[column]
        if class_prefixes(name)
    }


def lonely_members(work: Work) -> Iterator[Diagnostic]:
    """Groups that have one member only, so that no two meet."""
    groups: dict[tuple[str, str], list[LintRow]] = {}
    for row in work.rows:
        if row.template.group:
            name = getattr(row.row.params, row.template.group)
            groups.setdefault((row.row.rule_id, name), []).append(row)
    for (_, name), rows in groups.items():
        if len({tuple(row.row.keys) for row in rows}) == 1:
            text = f"group `{name}` has no other member: the row never fires"
            near = did_you_mean(name, {other for _, other in groups if other != name})
            yield work.at(rows[0], rows[0].template.group, text, near)
