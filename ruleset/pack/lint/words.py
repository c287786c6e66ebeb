"""Words that no dictionary or message contains: a rule on 女性 never meets a patient whose sex is 女."""

import re
from collections.abc import Callable, Iterator, Mapping

from ruleset.drug_names import generic_name
from ruleset.pack.diagnostics import Diagnostic, did_you_mean
from ruleset.pack.lint.work import (
    CLASS_COLUMNS,
    DIAGNOSIS_COLUMNS,
    INGREDIENT_COLUMNS,
    ITEM_COLUMNS,
    OBSERVATION_COLUMNS,
    OPERATION_COLUMNS,
    Known,
    LintRow,
    Work,
    stated_conditions,
)
from ruleset.pack.source import EXEMPT_PREFIX, SCOPE_PREFIX
from ruleset.results import plain
from ruleset.routes import ROUTES
from ruleset.template import diagnosis_key, operation_key
from ruleset.templates.t05_privilege import PRIVILEGE_TEXT
from ruleset.units import UNIT_SPELLINGS, read_unit

UNIT_COLUMNS = frozenset({"unit", "test_unit", "evidence_unit", "concentration_unit", "quantity_unit"})
ROUTE_COLUMNS = frozenset({"routes", "routes_a", "routes_b", "allowed_routes", "forbidden_routes", "not_routes"})
TITLES = ("主任医师", "副主任医师", "主治医师", "医师", "医士")
"""Titles of doctors as every entrance gives them (drord_dr_profttl)."""
OTHER_TITLES = re.compile(r".*(药师|护师|护士|技师|药士|技士)")
FLAGS = ("cancer_pain", "chronic_pain", "dialysis", "transplant")
"""Marks of a patient that shipped packs and the field table name; a hospital may have its own."""

DIAGNOSIS_PREFIX = re.compile(
    r"[A-Z](?:\d(?:\d(?:\.?(?:[0-9x](?:\d{0,2}(?:x(?:\d{1,3})?)?)?)?)?)?)?[+*]?"
    r"|[AB]\d\d(?:\.\d\d){1,4}"  # GB/T 15657, Chinese medicine: A04.03.15 a disease, B05.02 a syndrome
    r"|M\d{4,5}(?:/\d)?",  # ICD-O morphology
    re.ASCII,
)
"""A beginning of an ICD-10 code in the national clinical edition: I10, I10.x00x002, E11.9."""
OPERATION_PREFIX = re.compile(r"\d(?:\d(?:\.?\d{0,4}(?:x\d{0,3})?)?)?", re.ASCII)
"""A beginning of an ICD-9-CM-3 code: 47, 47.0100, 00.4000x001."""
DEPARTMENT = re.compile(r"[A-Z]?\d\d(?:\.?\d\d){0,2}", re.ASCII)
"""科别: A0501, 03.02."""
DIVISION = re.compile(r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12])\d{4}", re.ASCII)
"""GB/T 2260: two digits of the province, two of the city, two of the county."""


def _unit(text: str) -> str | None:
    return None if read_unit(text) is not None else "is no known unit"


def _route(text: str) -> str | None:
    return None if text in ROUTES else "is no standard word for a route"


def _diagnosis(text: str) -> str | None:
    if DIAGNOSIS_PREFIX.fullmatch(text):
        return None
    if not text.isascii():
        return "is a name where a prefix of ICD-10 codes is expected"
    return "begins no ICD-10 code"


def _operation(text: str) -> str | None:
    if OPERATION_PREFIX.fullmatch(text):
        return None
    if not text.isascii():
        return "is a name where a prefix of ICD-9-CM-3 codes is expected"
    return "begins no ICD-9-CM-3 code"


def _division(text: str) -> str | None:
    return None if DIVISION.fullmatch(text) else "is no administrative division (six digits, GB/T 2260)"


def _department(text: str) -> str | None:
    return None if DEPARTMENT.fullmatch(text) else "is no standard department code (科别) such as A0501"


def _title(text: str) -> str | None:
    return None if text in TITLES or OTHER_TITLES.fullmatch(text) else "is no title of a doctor"


def _ingredient(text: str) -> str | None:
    plain = generic_name(text)
    return f"is written with its salt or form: ingredients are named `{plain}`" if plain not in ("", text) else None


def _code_like(known: tuple[str, ...], what: str) -> Callable[[str], str | None]:
    """Return a test of codes of which a hospital may have its own: one that is nearly a known one is a mistake."""

    def test(text: str) -> str | None:
        return f"is no {what}" if text not in known and did_you_mean(text.lower(), known) else None

    return test


VOCABULARIES: Mapping[str, tuple[Callable[[str], str | None], tuple[str, ...]]] = {
    **dict.fromkeys(UNIT_COLUMNS, (_unit, UNIT_SPELLINGS)),
    **dict.fromkeys(ROUTE_COLUMNS, (_route, ROUTES)),
    **dict.fromkeys(DIAGNOSIS_COLUMNS, (_diagnosis, ())),
    **dict.fromkeys(OPERATION_COLUMNS, (_operation, ())),
    **dict.fromkeys(INGREDIENT_COLUMNS, (_ingredient, ())),
    "departments": (_department, ()),
    "privileges": (_code_like(tuple(PRIVILEGE_TEXT), "privilege"), tuple(PRIVILEGE_TEXT)),
}
"""By column: the test of a value, which returns what is wrong with it, and the words it may be near to."""
CONDITION_VOCABULARIES: Mapping[str, tuple[Callable[[str], str | None], tuple[str, ...]]] = {
    "diagnoses": (_diagnosis, ()),
    "regions": (_division, ()),
    "treatment_regions": (_division, ()),
    "departments": (_department, ()),
    "titles": (_title, TITLES),
    "flags": (_code_like(FLAGS, "mark of a patient"), FLAGS),
}
"""The same for conditions, whether a rule states them or a row."""


def vocabularies(work: Work) -> Iterator[Diagnostic]:
    """Values outside of the vocabulary of their column."""
    for row in work.rows:
        for column, values in row.stated.items():
            if column in row.template.columns.__struct_fields__:
                vocabulary = VOCABULARIES.get(column)
            else:
                vocabulary = CONDITION_VOCABULARIES.get(column.removeprefix(SCOPE_PREFIX).removeprefix(EXEMPT_PREFIX))
            if vocabulary is None:
                continue
            test, near = vocabulary
            for value in values:
                problem = None if work.is_invented(value) else test(value)
                if problem:
                    yield work.at(row, column, f"`{column}` `{value}` {problem}", _near(value, near))
    for rule_id, rule in work.own_rules.items():
        for conditions in (rule.scope, rule.exempt):
            for name, stated in stated_conditions(conditions):
                for value in stated if name in CONDITION_VOCABULARIES else ():
                    test, near = CONDITION_VOCABULARIES[name]
                    problem = None if work.is_invented(value) else test(value)
                    if problem:
                        yield work.at_rule(rule_id, name, f"`{name}` `{value}` {problem}", _near(value, near))


def _near(value: str, words: tuple[str, ...]) -> str:
    return did_you_mean(value, words) or did_you_mean(value.lower(), words)


def members(work: Work) -> Iterator[Diagnostic]:
    """Members of lists that no line is: ingredients written with their salt or form, and the names of other lists."""
    for named in work.lists.values():
        for line, key in named.members:
            kind, _, name = key.partition(":")
            problem = _ingredient(name) if kind == "ingredient" else None
            if problem:
                yield Diagnostic(named.path, line, 1, f"`ingredient` `{name}` {problem}")
            if kind == "class" and name in work.lists:
                yield Diagnostic(
                    named.path, line, 1, f"`{name}` is a list: a list has none in it, so write its members"
                )


def substances(work: Work) -> Iterator[Diagnostic]:
    """Substances of substances.csv written with their salt or form: no line is known by such a name."""
    table = work.pack.source.substances
    for row in table.rows if table is not None else ():
        name = row.cells["ingredient"]
        problem = _ingredient(name)
        if problem:
            yield Diagnostic(table.path if table else "", row.line, 1, f"`ingredient` `{name}` {problem}")


def unknown_codes(work: Work) -> Iterator[Diagnostic]:
    """Codes that neither the dictionary nor the messages contain: warnings, for a pack may be wider than a hospital."""
    kinds: tuple[tuple[frozenset[str], frozenset[str], str, Callable[[str], str] | None], ...] = (
        (ITEM_COLUMNS, work.known.items, "item", None),
        (INGREDIENT_COLUMNS, work.known.ingredients, "ingredient", None),
        (DIAGNOSIS_COLUMNS, work.known.diagnoses, "diagnosis", diagnosis_key),
        (OPERATION_COLUMNS, work.known.operations, "operation", operation_key),
        (
            frozenset({"departments", "scope_departments", "exempt_departments"}),
            work.known.departments,
            "department",
            None,
        ),
        (frozenset({"scope_charge_kinds", "exempt_charge_kinds"}), work.known.charge_kinds, "charge kind", None),
    )
    for columns, known, what, prefix_key in kinds:
        if not known:
            continue
        beginnings = _beginnings(known, prefix_key) if prefix_key else known
        for row in work.rows:
            for column in sorted(columns & row.stated.keys()):
                for value in row.stated[column]:
                    if (prefix_key(value) if prefix_key else value) not in beginnings:
                        yield _warning(work, row, column, f"no {what} `{value}` in the dictionary or the messages")
    if work.known.classes:
        yield from _unknown_classes(work, work.known)
    if work.known.observations:
        yield from _unknown_observations(work, work.known)


def _beginnings(known: frozenset[str], key: Callable[[str], str]) -> frozenset[str]:
    """Return every beginning of the known codes."""
    return frozenset(text[:length] for code in known for text in (key(code),) for length in range(1, len(text) + 1))


def _unknown_classes(work: Work, known: Known) -> Iterator[Diagnostic]:
    beginnings = frozenset(name[:length] for name in known.classes for length in range(1, len(name) + 1))
    for row in work.rows:
        for column in sorted(CLASS_COLUMNS & row.stated.keys()):
            for value in row.stated[column]:
                if value not in work.lists and value not in beginnings:
                    yield _warning(work, row, column, f"no class `{value}` in the dictionary or the messages")


def _unknown_observations(work: Work, known: Known) -> Iterator[Diagnostic]:
    """Yield rows of whose names for a result not one has been seen: any of them would do."""
    for row in work.rows:
        for column in sorted(OBSERVATION_COLUMNS & row.stated.keys()):
            if known.observations.isdisjoint(map(plain, row.stated[column])):
                names = ", ".join(f"`{name}`" for name in row.stated[column])
                yield _warning(work, row, column, f"no result named {names} in the messages")


def _warning(work: Work, row: LintRow, column: str, text: str) -> Diagnostic:
    found = work.at(row, column, text)
    return Diagnostic(found.path, found.line, found.column, found.message, severity="warning")
