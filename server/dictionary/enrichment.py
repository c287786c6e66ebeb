"""Add to a case what the hospital's dictionary knows of its codes. A pure function: a case and a dictionary give a case.

What the message states wins; the dictionary fills what it leaves open. A code that the dictionary does not have leaves
its facts unknown, with the reason for the answer, and is named to be counted: nothing is guessed from a code that
looks like another one.

A local code of a diagnosis, an operation or a department is replaced by the national (standard) one. Where there is
none for a diagnosis or an operation, its code is taken away and its name stays: rules compare codes, and a code of
another list would be "no match" where nobody knows. A department has nothing but its code, so it stays, with the
unknown fact beside it.
"""

import re
from collections.abc import Mapping, Sequence
from operator import is_
from typing import Any, TypeVar

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
from ruleset.drug import DRUG_KINDS
from server.dictionary.lookup import Coded, Dictionary, Item
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
ORDINALS_PER_VARIANT = 100_000
"""More than a message can have lines: ordinals of the lines of two local codes never meet."""
NOTHING_UNMAPPED: Mapping[Unmapped, str] = {}

Entry = TypeVar("Entry", Diagnosis, Operation)


class Enriched(msgspec.Struct, frozen=True, gc=False):
    """A case with the dictionary's facts, and the codes that the dictionary does not have, with their names."""

    case: Case
    unmapped: Mapping[Unmapped, str]


def enrich(case: Case, dictionary: Dictionary) -> Enriched:
    """Return the case with what the dictionary knows; the very same case where that is nothing."""
    if not dictionary.rows:
        return Enriched(case, NOTHING_UNMAPPED)
    work = _Enrichment(dictionary, case.practitioners)
    changes: dict[str, Any] = {}
    encounter = work.encounter(case.encounter)
    if encounter is not case.encounter:
        changes["encounter"] = encounter
    lines = work.lines(case.lines)
    history = past_lines(case.history, dictionary) if case.history else case.history
    if lines is not case.lines or history is not case.history:
        numbered = numbered_again((*case.lines, *case.history), (*lines, *history))
        changes["lines"] = tuple(numbered[: len(lines)])
        changes["history"] = tuple(numbered[len(lines) :])
    if case.visits:
        changes["visits"] = past_visits(case.visits, dictionary)
    if work.named:
        changes["practitioners"] = (*case.practitioners, *work.named.values())
    return Enriched(msgspec.structs.replace(case, **changes) if changes else case, work.unmapped)


def past_lines(lines: Sequence[Line], dictionary: Dictionary) -> Sequence[Line]:
    """Return past lines with what the dictionary knows of their items and departments; the same where it is nothing.

    What it does not know is not counted: it was, when the lines were new.
    """
    enriched = [_past_line(line, dictionary) for line in lines]
    return lines if all(map(is_, enriched, lines)) else tuple(enriched)


def past_visits(visits: Sequence[Visit], dictionary: Dictionary) -> Sequence[Visit]:
    """Return past encounters with national diagnoses and standard departments; the same where nothing changes."""
    enriched = [_past_visit(visit, dictionary) for visit in visits]
    return visits if all(map(is_, enriched, visits)) else tuple(enriched)


def numbered_again(before: Sequence[Line], after: Sequence[Line]) -> Sequence[Line]:
    """Return enriched lines of which no two are the same line that were two before.

    Lines of two local codes of one national code have ordinals apart. What still meets (one local code under two
    names) takes the next free ordinal.
    """
    if [line.item_code for line in before] == [line.item_code for line in after]:
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


class _Department(msgspec.Struct, frozen=True, gc=False):
    """What the dictionary knows of a department."""

    stated: str
    """The code in the message."""
    standard: str
    """The code that the case has for it: as stated where the dictionary does not have it."""
    counted_as: str
    unknown: UnknownFact | None


class _Doctor(msgspec.Struct, frozen=True, gc=False):
    """What the dictionary knows of a doctor."""

    stated: str
    title: str
    unknown: UnknownFact | None


NO_DEPARTMENT = _Department("", "", "", None)
NO_DOCTOR = _Doctor("", "", None)
NOBODY: frozenset[str] = frozenset()


class _Enrichment:
    """The work on what is judged: it is what names doctors and counts unmapped codes."""

    __slots__ = ("_department", "_dictionary", "_doctor", "_of_encounter", "_stated", "named", "unmapped")

    def __init__(self, dictionary: Dictionary, stated: Sequence[Practitioner]) -> None:
        self._dictionary = dictionary
        self._of_encounter = ""
        """The department of the encounter, by which is counted what states none."""
        # Those of the line before; the lines of a message mostly share department and doctor.
        self._department = NO_DEPARTMENT
        self._doctor = NO_DOCTOR
        self._stated = frozenset(practitioner.id for practitioner in stated) if stated else NOBODY
        self.named: dict[str, Practitioner] = {}
        """The doctors of the lines and the encounter whose privileges the dictionary has and the message lacks."""
        self.unmapped: dict[Unmapped, str] = {}

    def encounter(self, encounter: Encounter) -> Encounter:
        """Return the encounter with national diagnoses and operations, and its standard department."""
        dictionary = self._dictionary
        changes: dict[str, Any] = {}
        unknown: list[UnknownFact] = []
        # The department first: by it the others are counted.
        known = self._department = self._department_of(encounter.department_code)
        department = self._of_encounter = known.counted_as
        if known.standard != known.stated:
            changes["department_code"] = known.standard
        if known.unknown is not None:
            unknown.append(known.unknown)
        if dictionary.diagnoses is not None and encounter.diagnoses:
            diagnoses, unmapped = _translated(encounter.diagnoses, dictionary.diagnoses, DIAGNOSIS_SHAPE)
            if diagnoses is not encounter.diagnoses:
                changes["diagnoses"] = diagnoses
            for entry in unmapped:
                self.unmapped[Unmapped("diagnosis", entry.code, department)] = entry.name
                unknown.append(UnknownFact("diagnoses", entry.code, f"字典中没有诊断“{entry.code}”"))
        if dictionary.operations is not None and encounter.operations:
            operations, unmapped_operations = _translated(encounter.operations, dictionary.operations, OPERATION_SHAPE)
            if operations is not encounter.operations:
                changes["operations"] = operations
            for operation in unmapped_operations:
                self.unmapped[Unmapped("operation", operation.code, department)] = operation.name
                unknown.append(UnknownFact("operations", operation.code, f"字典中没有手术“{operation.code}”"))
        if encounter.counters:
            changes["counters"] = tuple(_counter(counter, dictionary) for counter in encounter.counters)
        if dictionary.doctors is not None and encounter.practitioner_id:
            doctor = self._doctor = self._doctor_of(encounter.practitioner_id, department)
            if doctor.unknown is not None:
                unknown.append(doctor.unknown)
        if unknown:
            changes["unknown_facts"] = (*encounter.unknown_facts, *unknown)
        return msgspec.structs.replace(encounter, **changes) if changes else encounter

    def lines(self, lines: tuple[Line, ...]) -> tuple[Line, ...]:
        """Return the current lines with what the dictionary knows of their items, departments and doctors.

        The very same lines where that is nothing.
        """
        enriched = [self._line(line) for line in lines]
        return lines if all(map(is_, enriched, lines)) else tuple(enriched)

    def _line(self, line: Line) -> Line:
        dictionary = self._dictionary
        changes: dict[str, Any] = {}
        unknown: list[UnknownFact] = []
        department = self._department
        if line.department_code != department.stated:
            department = self._department = self._department_of(line.department_code)
        if department.standard != department.stated:
            changes["department_code"] = department.standard
        if department.unknown is not None:
            unknown.append(department.unknown)
        if dictionary.items is not None:
            item = dictionary.local_items.get(line.local_code)
            if item is None or item.national_code != line.item_code:  # else there is no question which it is
                item = _item_of(line, dictionary)
            if item is not None:
                _add_facts(line, item, changes)
            else:
                self._unmapped_item(line, department.counted_as, unknown)
        if dictionary.doctors is not None and line.practitioner_id:
            doctor = self._doctor
            if line.practitioner_id != doctor.stated:
                doctor = self._doctor = self._doctor_of(line.practitioner_id, department.counted_as)
            if doctor.title and not line.practitioner_title:
                changes["practitioner_title"] = doctor.title
            if doctor.unknown is not None:
                unknown.append(doctor.unknown)
        if unknown:
            changes["unknown_facts"] = (*line.unknown_facts, *unknown)
        return msgspec.structs.replace(line, **changes) if changes else line

    def _department_of(self, code: str) -> "_Department":
        """Return what the dictionary knows of a department that the encounter or a line names."""
        departments = self._dictionary.departments
        if not code:
            return _Department("", "", self._of_encounter, None)
        if departments is None:
            return _Department(code, code, code, None)
        coded = departments.get(code)
        if coded is not None:
            return _Department(code, coded.code, coded.code, None)
        self.unmapped[Unmapped("department", code, code)] = ""
        return _Department(code, code, code, UnknownFact("department", code, f"字典中没有科室“{code}”"))

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

    def _doctor_of(self, identifier: str, department: str) -> "_Doctor":
        """Return what the dictionary knows of a doctor that the encounter or a line names, and remember the doctor.

        One of whom the message itself states the privileges is not looked up for them.
        """
        doctors = self._dictionary.doctors
        assert doctors is not None
        doctor = doctors.get(identifier)
        is_stated = identifier in self._stated
        if doctor is None:
            if is_stated:
                return _Doctor(identifier, "", None)
            self.unmapped[Unmapped("practitioner", identifier, department)] = ""
            return _Doctor(identifier, "", UnknownFact("privileges", identifier, f"字典中没有医师“{identifier}”"))
        if doctor.practitioner is not None and not is_stated:
            self.named[identifier] = doctor.practitioner
        return _Doctor(identifier, doctor.title, None)


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


def _add_facts(line: Line, item: Item, changes: dict[str, Any]) -> None:
    """Note the fields of a line that its item changes: those that the line does not state.

    One `if` for each field, because this is what an enrichment takes its time for.
    """
    if not line.ingredients and item.ingredients:
        changes["ingredients"] = item.ingredients
    if not line.classes and item.classes:
        changes["classes"] = item.classes
    if item.grade and item.grade not in line.classes:
        changes["classes"] = (*(line.classes or item.classes), item.grade)
    if not line.form and item.form:
        changes["form"] = item.form
    if line.strength is None and not line.strength_unit and item.strength is not None:
        # Both or neither: a number of the one with a unit of the other would be a third strength.
        changes["strength"] = item.strength
        changes["strength_unit"] = item.strength_unit
    if line.pack_size is None and item.pack_size is not None:
        changes["pack_size"] = item.pack_size
    if not line.specification and item.specification:
        changes["specification"] = item.specification
    if not line.local_name and item.local_name:
        changes["local_name"] = item.local_name
    if line.item_kind is None and item.item_kind is not None:
        changes["item_kind"] = item.item_kind
    if line.item_code != item.national_code and item.national_code:
        changes["item_code"] = item.national_code
        if item.variant:
            # By its local code the line was another one than a line of another local code of the same national one.
            changes["ordinal"] = line.ordinal + item.variant * ORDINALS_PER_VARIANT


def _past_line(line: Line, dictionary: Dictionary) -> Line:
    changes: dict[str, Any] = {}
    item = _item_of(line, dictionary) if dictionary.items is not None else None
    if item is not None:
        _add_facts(line, item, changes)
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
    """Return the standard code of a department; its own where the dictionary does not have it."""
    coded = dictionary.departments.get(code) if dictionary.departments is not None else None
    return coded.code if coded is not None else code


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
            is_settled = coded.code == entry.code and entry.name and coded.incision_class is None
            translated.append(entry if is_settled else _by_code(entry, coded))
        elif not entry.code or shape.fullmatch(entry.code):
            translated.append(entry)
        else:
            unmapped.append(entry)
            translated.append(msgspec.structs.replace(entry, code="", name=entry.name or entry.code))
    return (entries if all(map(is_, translated, entries)) else tuple(translated)), unmapped


def _by_code(entry: Entry, coded: Coded) -> Entry:
    changes: dict[str, Any] = {}
    if coded.code != entry.code:
        changes["code"] = coded.code
    if coded.name and not entry.name:
        changes["name"] = coded.name
    if isinstance(entry, Operation) and entry.incision_class is None and coded.incision_class is not None:
        changes["incision_class"] = coded.incision_class
    return msgspec.structs.replace(entry, **changes) if changes else entry


def _counter(counter: Counter, dictionary: Dictionary) -> Counter:
    """Return a counter of a department or a disease by the code that the case now has for it."""
    tables = {"department": dictionary.departments, "disease": dictionary.diagnoses}
    coded = (tables.get(counter.subject) or {}).get(counter.subject_id)
    if coded is None or coded.code == counter.subject_id:
        return counter
    return msgspec.structs.replace(counter, subject_id=coded.code)
