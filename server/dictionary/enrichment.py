"""Add to a case what the hospital's dictionary knows of its codes. A pure function: a case and a dictionary give a case.

What the message states wins; the dictionary fills what it leaves open. A code that the dictionary does not have leaves
its facts unknown, with the reason for the answer, and is named to be counted: nothing is guessed from a code that
looks like another one.

A local code of a diagnosis, an operation or a department is replaced by the national (standard) one. Where there is
none for it, the code is taken away and not left: rules compare codes, and a code of another list would be "no match"
where nobody knows.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from ruleset.case import (
    Case,
    Counter,
    Diagnosis,
    Encounter,
    Line,
    LineIdentity,
    Operation,
    Practitioner,
    UnknownFact,
    Visit,
    identity,
)
from server.dictionary.lookup import Coded, Dictionary, Doctor, Item
from server.dictionary.tables import DIAGNOSIS_SHAPE, OPERATION_SHAPE
from server.dictionary.unmapped import Unmapped

FACT_OF_FIELD: Mapping[str, str] = {
    "ingredients": "ingredients",
    "classes": "classes",
    "form": "form",
    "strength": "strength",
    "pack_size": "pack_size",
}
"""Fields of a drug's line that the dictionary of items gives, and the facts (`ruleset.facts`) that they are."""
DRUG_KINDS = ("drug", "herb_piece", "herb_granule", None)
"""None because the kind may just be unknown."""
NOTHING_UNMAPPED: Mapping[Unmapped, str] = {}

Entry = TypeVar("Entry", Diagnosis, Operation)


class Enriched(NamedTuple):
    """A case with the dictionary's facts, and the codes that the dictionary does not have, with their names."""

    case: Case
    unmapped: Mapping[Unmapped, str]


def enrich(case: Case, dictionary: Dictionary) -> Enriched:
    """Return the case with what the dictionary knows; the very same case where that is nothing."""
    if dictionary.is_empty:
        return Enriched(case, NOTHING_UNMAPPED)
    work = _Enrichment(dictionary, case.practitioners)
    changes: dict[str, Any] = {}
    encounter = work.encounter(case.encounter)
    if encounter is not case.encounter:
        changes["encounter"] = encounter
    lines = [work.line(line) for line in case.lines]
    history = past_lines(case.history, dictionary)
    if history is not case.history or not all(map(_is, lines, case.lines)):
        numbered = numbered_again((*case.lines, *case.history), (*lines, *history))
        changes["lines"] = tuple(numbered[: len(lines)])
        changes["history"] = tuple(numbered[len(lines) :])
    visits = past_visits(case.visits, dictionary)
    if visits is not case.visits:
        changes["visits"] = visits
    if work.named:
        changes["practitioners"] = (*case.practitioners, *work.named.values())
    return Enriched(msgspec.structs.replace(case, **changes) if changes else case, work.unmapped)


def past_lines(lines: Sequence[Line], dictionary: Dictionary) -> Sequence[Line]:
    """Return past lines with what the dictionary knows of their items and departments; the same where it is nothing.

    What it does not know is not counted: it was, when the lines were new.
    """
    enriched = [_past_line(line, dictionary) for line in lines]
    return lines if all(map(_is, enriched, lines)) else tuple(enriched)


def past_visits(visits: Sequence[Visit], dictionary: Dictionary) -> Sequence[Visit]:
    """Return past encounters with national diagnoses and standard departments; the same where nothing changes."""
    enriched = [_past_visit(visit, dictionary) for visit in visits]
    return visits if all(map(_is, enriched, visits)) else tuple(enriched)


def numbered_again(before: Sequence[Line], after: Sequence[Line]) -> Sequence[Line]:
    """Return enriched lines with ordinals that keep apart what was apart before.

    Lines of two local codes of one national code were two lines by their names; by the national code they would be
    the same one. The later of them takes the next free ordinal.
    """
    if all(old.item_code == new.item_code for old, new in zip(before, after, strict=True)):
        return after
    seen: set[LineIdentity] = set()
    numbered: list[Line] = []
    for line in after:
        apart = line
        while (key := identity(apart)) in seen:
            apart = msgspec.structs.replace(apart, ordinal=apart.ordinal + 1)
        seen.add(key)
        numbered.append(apart)
    return numbered


class _Enrichment:
    """The work on what is judged: it is what names doctors and counts unmapped codes."""

    __slots__ = ("_department", "_dictionary", "_stated", "named", "unmapped")

    def __init__(self, dictionary: Dictionary, stated: Sequence[Practitioner]) -> None:
        self._dictionary = dictionary
        self._department = ""
        self._stated = {practitioner.id for practitioner in stated}
        self.named: dict[str, Practitioner] = {}
        """The doctors of the lines and the encounter whose privileges the dictionary has and the message lacks."""
        self.unmapped: dict[Unmapped, str] = {}

    def encounter(self, encounter: Encounter) -> Encounter:
        """Return the encounter with national diagnoses and operations, and its standard department."""
        dictionary = self._dictionary
        changes: dict[str, Any] = {}
        unknown: list[UnknownFact] = []
        # The department first: by it the others are counted.
        self._department = self._ordering_department(encounter.department_code, changes, unknown)
        if dictionary.diagnoses is not None and encounter.diagnoses:
            diagnoses, unmapped = _translated(encounter.diagnoses, dictionary.diagnoses, DIAGNOSIS_SHAPE)
            if diagnoses is not encounter.diagnoses:
                changes["diagnoses"] = diagnoses
            for entry in unmapped:
                self.unmapped[Unmapped("diagnosis", entry.code, self._department)] = entry.name
                unknown.append(UnknownFact("diagnoses", entry.code, f"字典中没有诊断“{entry.code}”"))
        if dictionary.operations is not None and encounter.operations:
            operations, unmapped_operations = _translated(encounter.operations, dictionary.operations, OPERATION_SHAPE)
            if operations is not encounter.operations:
                changes["operations"] = operations
            for operation in unmapped_operations:
                self.unmapped[Unmapped("operation", operation.code, self._department)] = operation.name
                unknown.append(UnknownFact("operations", operation.code, f"字典中没有手术“{operation.code}”"))
        if encounter.counters:
            changes["counters"] = tuple(_counter(counter, dictionary) for counter in encounter.counters)
        if dictionary.doctors is not None and encounter.practitioner_id:
            self._doctor(encounter.practitioner_id, self._department, unknown)
        if unknown:
            changes["unknown_facts"] = (*encounter.unknown_facts, *unknown)
        return msgspec.structs.replace(encounter, **changes) if changes else encounter

    def line(self, line: Line) -> Line:
        """Return a current line with what the dictionary knows of its item, department and doctor."""
        dictionary = self._dictionary
        changes: dict[str, Any] = {}
        unknown: list[UnknownFact] = []
        if dictionary.items is not None:
            item = _item_of(line, dictionary)
            if item is not None:
                changes = _facts_for(line, item)
        else:
            item = None
        department = self._department
        if line.department_code:
            department = self._ordering_department(line.department_code, changes, unknown)
        if dictionary.items is not None and item is None:
            self._unmapped_item(line, department, unknown)
        if dictionary.doctors is not None and line.practitioner_id:
            doctor = self._doctor(line.practitioner_id, department, unknown)
            if doctor is not None and doctor.title and not line.practitioner_title:
                changes["practitioner_title"] = doctor.title
        if unknown:
            changes["unknown_facts"] = (*line.unknown_facts, *unknown)
        return msgspec.structs.replace(line, **changes) if changes else line

    def _ordering_department(self, code: str, changes: dict[str, Any], unknown: list[UnknownFact]) -> str:
        """Note what becomes of a department's code; return by what the rest is counted: the standard code, else it."""
        departments = self._dictionary.departments
        if departments is None or not code:
            return code
        coded = departments.get(code)
        if coded is None:
            changes["department_code"] = ""
            unknown.append(UnknownFact("department", code, f"字典中没有科室“{code}”"))
            self.unmapped[Unmapped("department", code, code)] = ""
            return code
        if coded.code != code:
            changes["department_code"] = coded.code
        return coded.code

    def _unmapped_item(self, line: Line, department: str, unknown: list[UnknownFact]) -> None:
        """Note that the dictionary does not have a line's item, where it should."""
        code = line.local_code or line.item_code
        kinds = self._dictionary.item_kinds
        if not code or (line.item_code and kinds and line.item_kind is not None and line.item_kind not in kinds):
            return
        reason = f"字典中没有项目“{code}”"
        known = self._dictionary.local_items.get(code)
        if known is not None:
            reason = f"字典中没有这样的对照：本院编码“{code}”对应“{known.national_code}”，报文为“{line.item_code}”"
        self.unmapped[Unmapped("item", code, department)] = line.item_name or line.local_name
        unknown.append(UnknownFact("item_code", code, reason))
        if line.item_kind in DRUG_KINDS:
            unknown.extend(
                UnknownFact(fact, code, reason) for field, fact in FACT_OF_FIELD.items() if not getattr(line, field)
            )

    def _doctor(self, identifier: str, department: str, unknown: list[UnknownFact]) -> Doctor | None:
        """Note a doctor that a line or the encounter names; what the message says of a doctor is not looked up."""
        doctors = self._dictionary.doctors
        assert doctors is not None
        doctor = doctors.get(identifier)
        if identifier in self._stated:
            return doctor
        if doctor is None:
            self.unmapped[Unmapped("practitioner", identifier, department)] = ""
            unknown.append(UnknownFact("privileges", identifier, f"字典中没有医师“{identifier}”"))
        elif doctor.practitioner is not None:
            self.named[identifier] = doctor.practitioner
        return doctor


def _is(one: object, other: object) -> bool:
    return one is other


def _item_of(line: Line, dictionary: Dictionary) -> Item | None:
    """Return what the dictionary of items knows of a line's item.

    By the local code, which names one thing on the shelf; not where its national code is another one than the line's.
    Else by the national code; else by the local code that a site writes in its place.
    """
    assert dictionary.items is not None
    code = line.item_code
    item = dictionary.local_items.get(line.local_code)
    if item is not None and (not code or not item.national_code or item.national_code == code):
        return item
    if not code:
        return None
    return dictionary.items.get(code) or dictionary.local_items.get(code)


def _facts_for(line: Line, item: Item) -> dict[str, Any]:
    """Return the fields of a line that its item changes: those that the line does not state."""
    changes = {name: value for name, value in item.facts if not getattr(line, name)}
    if line.strength is not None or line.strength_unit:
        # A number of the one with a unit of the other would be a third strength.
        changes.pop("strength", None)
        changes.pop("strength_unit", None)
    if item.grade and item.grade not in line.classes:
        changes["classes"] = (*(line.classes or changes.get("classes", ())), item.grade)
    if item.national_code and line.item_code != item.national_code:
        changes["item_code"] = item.national_code
    return changes


def _past_line(line: Line, dictionary: Dictionary) -> Line:
    item = _item_of(line, dictionary) if dictionary.items is not None else None
    changes = _facts_for(line, item) if item is not None else {}
    department = _standard(line.department_code, dictionary)
    if department != line.department_code:
        changes["department_code"] = department
    return msgspec.structs.replace(line, **changes) if changes else line


def _past_visit(visit: Visit, dictionary: Dictionary) -> Visit:
    changes: dict[str, Any] = {}
    if dictionary.diagnoses is not None:
        diagnoses, _ = _translated(visit.diagnoses, dictionary.diagnoses, DIAGNOSIS_SHAPE)
        if diagnoses is not visit.diagnoses:
            changes["diagnoses"] = diagnoses
    department = _standard(visit.department_code, dictionary)
    if department != visit.department_code:
        changes["department_code"] = department
    return msgspec.structs.replace(visit, **changes) if changes else visit


def _standard(code: str, dictionary: Dictionary) -> str:
    """Return the standard code of a department; "" where the dictionary of departments does not have it."""
    if dictionary.departments is None or not code:
        return code
    coded = dictionary.departments.get(code)
    return coded.code if coded is not None else ""


def _translated(
    entries: tuple[Entry, ...], by_code: Mapping[str, Coded], shape: re.Pattern[str]
) -> tuple[tuple[Entry, ...], list[Entry]]:
    """Return entries with national codes, and those that have none; the very same entries where nothing changes.

    A code of a national shape that the table does not have is a national code.
    """
    unmapped: list[Entry] = []
    translated: list[Entry] = []
    for entry in entries:
        coded = by_code.get(entry.code)
        if coded is not None:
            changes = _changes_by_code(entry, coded)
            translated.append(msgspec.structs.replace(entry, **changes) if changes else entry)
        elif not entry.code or shape.fullmatch(entry.code):
            translated.append(entry)
        else:
            unmapped.append(entry)
            translated.append(msgspec.structs.replace(entry, code=""))
    return (entries if all(map(_is, translated, entries)) else tuple(translated)), unmapped


def _changes_by_code(entry: Diagnosis | Operation, coded: Coded) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if coded.code != entry.code:
        changes["code"] = coded.code
    if coded.name and not entry.name:
        changes["name"] = coded.name
    if isinstance(entry, Operation) and entry.incision_class is None and coded.incision_class is not None:
        changes["incision_class"] = coded.incision_class
    return changes


def _counter(counter: Counter, dictionary: Dictionary) -> Counter:
    """Return a counter of a department or a disease by the code that the case now has for it."""
    tables = {"department": dictionary.departments, "disease": dictionary.diagnoses}
    coded = (tables.get(counter.subject) or {}).get(counter.subject_id)
    if coded is None or coded.code == counter.subject_id:
        return counter
    return msgspec.structs.replace(counter, subject_id=coded.code)
