"""The patient of a national message, with encounters, diagnoses, operations and orders, as a `Case`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from ruleset.case import (
    CareMode,
    Case,
    Diagnosis,
    Encounter,
    Line,
    Operation,
    Patient,
    Trigger,
    UnknownFact,
    Visit,
    VisitKind,
)
from ruleset.document import number_lines
from server import limits
from server.entrance import values
from server.entrance.fields import INTERNET, STATED_CARE_MODE
from server.entrance.objects import Object, Objects, contained, extension, text_of
from server.entrance.reading import FactReader, Facts, Read, with_unknown
from server.entrance.text import EntranceError
from server.profile import Profile

ENCOUNTERS = ("fsi_encounter_dtos", "fsiEncounterDtos", "encounter_dtos", "encounterDtos")
PAST_ENCOUNTERS = ("fsi_his_data_dto", "fsiHisDataDto", "his_data_dto", "hisDataDto")
ORDERS = ("fsi_order_dtos", "fsiOrderDtos", "order_dtos", "orderDtos")
DIAGNOSES = ("fsi_diagnose_dtos", "fsiDiagnoseDtos", "diagnose_dtos", "diagnoseDtos")
OPERATIONS = ("fsi_operation_dtos", "fsiOperationDtos", "operation_dtos", "operationDtos")
_ENCOUNTER_ID = ("mdtrt_id", "mdtrtId")

_MODE_OF_VISIT: Mapping[VisitKind, CareMode] = {
    "outpatient": "outpatient",
    "emergency": "emergency",
    "chronic_outpatient": "chronic_outpatient",
    "inpatient": "inpatient",
    "day_surgery": "inpatient",
    "pharmacy": "pharmacy",
}
"""Maternity is no mode of its own: it refines nothing."""
DATE_CHARACTERS = len("2026-07-06")
_OUTPATIENT_MODES: tuple[CareMode, ...] = ("outpatient", "emergency", "chronic_outpatient")

ENCOUNTER_FACTS = ("facility_id", "facility_level", "care_modes", "visit_kind", "payer", "internet")
"""Facts in which the objects of one encounter must agree: rules decide by them."""
ENCOUNTER_FACTS_STATED = (
    "facility_type",
    "region",
    "out_of_region",
    "program_code",
    "program_name",
    "planned",
    "long_prescription",
)
"""Facts in which those objects of one encounter must agree that state them: a site fills them in where it has them."""
ENCOUNTER_FACTS_OF_THE_FIRST = ("begin", "end", "department_code", "practitioner_id", "bed")
"""Facts that the first object that states them decides: a patient moves between wards."""

NO_ALLERGIES = frozenset(("无", "否认", "无过敏史", "否认过敏史", "无药物过敏史", "否认药物过敏史", "NKDA", "none"))
"""What stands in the place of an allergy where somebody asked and there is none."""


class Note(NamedTuple):
    """Something about the message that its sender should know: not a finding, but not silent either."""

    field: str
    value: str
    text: str


class Envelope(NamedTuple):
    """What the envelope says of the case; it stands in where the encounter or the patient does not."""

    time: datetime | None
    facility_id: str
    region: str
    insured_region: str


class CaseReader:
    """Reads one message by its site's profile; what its sender should know is added to `notes`."""

    def __init__(self, profile: Profile, read: FactReader, envelope: Envelope, notes: list[Note]) -> None:
        self._profile = profile
        self._read = read
        self._envelope = envelope
        self._notes = notes

    def case(self, patient: Object, path: str, message_id: str, triggers: tuple[Trigger, ...]) -> Case:
        """Return the case of the patient's object. Raises EntranceError naming the field and its value."""
        encounters = contained(patient, path, ENCOUNTERS, limits.ENCOUNTERS_MAX)
        every = [*encounters, *self._past_encounters(patient, path)]
        current_id = text_of(patient, f"{path}.curr_mdtrt_id", ("curr_mdtrt_id", "currMdtrtId"))
        current = self._current(every, current_id)
        current_lines: list[Line] = []
        history: list[Line] = []
        for holder, holder_path in every:
            self._lines(holder, holder_path, current, current_lines, history)
        if len(history) > limits.HISTORY_LINES_MAX:
            raise EntranceError(
                f"{path}.fsi_order_dtos", None, f"{len(history)} history lines, at most {limits.HISTORY_LINES_MAX}"
            )
        numbered = number_lines([*current_lines, *history])
        return Case(
            message_id=message_id,
            time=self._envelope.time,
            triggers=triggers,
            patient=self._patient(patient, path, current),
            encounter=self._encounter(current, current_id),
            lines=tuple(numbered[: len(current_lines)]),
            history=tuple(numbered[len(current_lines) :]),
            visits=self._visits(every, current) if len(every) > len(current) else (),
            site=self._profile.site,
        )

    def _past_encounters(self, patient: Object, path: str) -> Iterator[tuple[Object, str]]:
        """Yield the encounters of fsi_his_data_dto: encounters themselves, or objects that hold some."""
        for holder, holder_path in contained(patient, path, PAST_ENCOUNTERS, limits.ENCOUNTERS_MAX):
            inner = contained(holder, holder_path, ENCOUNTERS, limits.ENCOUNTERS_MAX)
            yield from inner or [(holder, holder_path)]

    def _current(self, encounters: Objects, current_id: str) -> Objects:
        """Return the current encounter: the one that curr_mdtrt_id names, or the only one where nothing is named.

        It may come in several objects, each with some of its lines.
        """
        if not current_id:
            return encounters if len(encounters) == 1 else []
        return [(holder, path) for holder, path in encounters if _id_of(holder, path) == current_id]

    def _patient(self, patient: Object, path: str, current: Objects) -> Patient:
        facts = self._read.patient(patient, path)
        birth: datetime | None = facts.get("birth_date")
        if birth is not None:
            facts["birth_date"] = birth.date()
            # Midnight is how systems write a date; it is nobody's known hour of birth.
            facts["birth_time"] = birth if birth != datetime(birth.year, birth.month, birth.day) else None
        facts["insured_region"] = facts["insured_region"] or self._envelope.insured_region
        ext = extension(patient, path)
        if ext:
            stated = self._read.patient_ext(ext, f"{path}.ext")
            facts = with_unknown(facts, _without_false_certainty(stated))
        for holder, holder_path in current:
            stated = self._read.patient_in_encounter(holder, holder_path)
            status = stated.get("pregnancy_status")
            if facts.get("pregnancy_status") not in (None, status) and status is not None:
                raise EntranceError(
                    holder_path, status, "states another pregnancy_status than the same encounter before"
                )
            if stated:
                facts = with_unknown(facts, stated)
        return Patient(**facts)

    def _encounter(self, current: Objects, current_id: str) -> Encounter:
        if not current:
            reason = f"当前就诊标识“{current_id}”不是报文中任何一次就诊" if current_id else "没有当前就诊标识"
            unknown = (UnknownFact("encounter_id", current_id, reason),)
            return Encounter(
                facility_id=self._envelope.facility_id, region=self._envelope.region, unknown_facts=unknown
            )
        first, *others = [self._encounter_of(holder, path) for holder, path in current]
        return self._merged(first, others, [path for _, path in current]) if others else first

    def _merged(self, first: Encounter, others: Sequence[Encounter], paths: Sequence[str]) -> Encounter:
        """Return one encounter of the objects in which it came. Raises EntranceError where they contradict."""
        every = (first, *others)
        for path, other in zip(paths[1:], others, strict=True):
            for name in ENCOUNTER_FACTS:
                if getattr(other, name) != getattr(first, name):
                    raise EntranceError(path, first.id, f"states another {name} than the same encounter before")
        changes: dict[str, Any] = {
            name: tuple(chain.from_iterable(getattr(encounter, name) for encounter in every))
            for name in ("diagnoses", "operations", "attestations", "counters")
        }
        for name in (*ENCOUNTER_FACTS_STATED, *ENCOUNTER_FACTS_OF_THE_FIRST):
            for path, encounter in zip(paths, every, strict=True):
                stated = getattr(encounter, name)
                if stated in (None, ""):
                    continue
                if name in ENCOUNTER_FACTS_STATED and changes.get(name, stated) != stated:
                    raise EntranceError(path, first.id, f"states another {name} than the same encounter before")
                changes.setdefault(name, stated)
        return msgspec.structs.replace(first, **changes)

    def _encounter_of(self, holder: Object, path: str) -> Encounter:
        facts = self._read.encounter(holder, path)
        facts["facility_id"] = facts["facility_id"] or self._envelope.facility_id
        facts["region"] = facts["region"] or self._envelope.region
        modes, unknown_mode = self._care_modes(holder, path, facts)
        internet = None
        ext = extension(holder, path)
        if ext:
            stated = self._read.encounter_ext(ext, f"{path}.ext")
            internet = stated.pop(INTERNET.fact, None)
            facts = with_unknown(facts, stated)
        if internet is None and not self._profile.quirks.has_internet_hospital:
            internet = False
        unknown = [*facts.pop("unknown_facts", ()), *([unknown_mode] if unknown_mode else [])]
        return Encounter(
            **facts,
            care_modes=modes,
            internet=internet,
            diagnoses=self._diagnoses(holder, path),
            operations=tuple(self._operations(holder, path)),
            unknown_facts=tuple(unknown),
        )

    def _diagnoses(self, holder: Object, path: str) -> tuple[Diagnosis, ...]:
        """Return the diagnoses of an encounter's list, and its main one where the list lacks it."""
        read = self._read
        diagnoses: list[Diagnosis] = []
        for item, place in contained(holder, path, DIAGNOSES, limits.DIAGNOSES_MAX):
            facts = _with_ext(read.diagnosis(item, place), item, place, read.diagnosis_ext)
            diagnoses.append(Diagnosis(**facts))
        main = Diagnosis(**read.main_diagnosis(holder, path), primary=True)
        named = main.code if main.code not in values.NOTHING else ""
        if not named:
            return tuple(diagnoses)
        for number, diagnosis in enumerate(diagnoses):
            if diagnosis.code == named:
                if diagnosis.primary is None:
                    diagnoses[number] = msgspec.structs.replace(diagnosis, primary=True)
                return tuple(diagnoses)
        return (*diagnoses, main)

    def _operations(self, holder: Object, path: str) -> Iterator[Operation]:
        read = self._read
        for item, place in contained(holder, path, OPERATIONS, limits.OPERATIONS_MAX):
            yield Operation(**_with_ext(read.operation(item, place), item, place, read.operation_ext))

    def _care_modes(
        self, holder: Object, path: str, facts: Mapping[str, Any]
    ) -> tuple[tuple[CareMode, ...], UnknownFact | None]:
        """Return the care modes left possible by med_mdtrt_type, refined by med_type (data README, number 5).

        Without a refinement an outpatient may be an emergency or a chronic one. Where the two contradict, or one has
        a code that nobody knows, nothing is known, unless the site profile says which one to trust.
        """
        stated = self._read.one(holder, STATED_CARE_MODE, f"{path}.")
        visit: VisitKind | None = facts.get("visit_kind")
        unknown_visit = next((u for u in facts.get("unknown_facts", ()) if u.fact == "visit_kind"), None)
        refined = _MODE_OF_VISIT.get(visit) if visit is not None else None
        trusted = self._profile.quirks.trusted_care_mode
        if trusted == "med_mdtrt_type" and isinstance(stated, str):
            agrees = refined in _OUTPATIENT_MODES and stated == "outpatient"
            return ((refined if agrees and refined else _care_mode(stated),), None)
        if trusted == "med_type" and refined is not None:
            return (refined,), None
        for unknown in (stated, unknown_visit):
            if isinstance(unknown, UnknownFact):
                return (), UnknownFact("care_modes", unknown.value, unknown.reason)
        if stated is None:
            return ((refined,), None) if refined is not None else ((), None)
        mode = _care_mode(stated)
        if refined is None:
            return (_OUTPATIENT_MODES if mode == "outpatient" and visit is None else (mode,)), None
        if mode in (refined, "other") or (mode == "outpatient" and refined in _OUTPATIENT_MODES):
            return (refined,), None
        reason = "就医方式与医疗类别相互矛盾"
        return (), UnknownFact("care_modes", f"{mode}/{visit}", reason)

    def _visits(self, encounters: Objects, current: Objects) -> tuple[Visit, ...]:
        """Return the encounters beside the current one. One without an id cannot be told from others: a note."""
        visits: dict[str, Visit] = {}
        unnamed = 0
        for holder, path in encounters:
            if any(holder is one for one, _ in current):
                continue
            visit = self._visit(holder, path)
            if not visit.id:
                unnamed += visit.begin is not None
                continue
            known = visits.get(visit.id)
            if known is not None:
                visit = _joined(known, visit)
            visits[visit.id] = visit
        if unnamed:
            self._notes.append(Note("mdtrt_id", "", f"{unnamed} 次历史就诊没有就诊标识，未计入就诊次数"))
        return tuple(visits.values())

    def _visit(self, holder: Object, path: str) -> Visit:
        facts = self._read.visit(holder, path)
        modes, _ = self._care_modes(holder, path, facts)
        del facts["visit_kind"]
        facts["id"] = facts["id"] or ""
        facts["facility_id"] = facts["facility_id"] or self._envelope.facility_id
        facts = _with_ext(facts, holder, path, self._read.visit_ext)
        facts.pop("unknown_facts", None)  # what is unknown of a past encounter is just not known
        return Visit(**facts, care_modes=modes, diagnoses=self._diagnoses(holder, path))

    def _lines(
        self, holder: Object, path: str, current: Objects, current_lines: list[Line], history: list[Line]
    ) -> None:
        """Add the lines of one encounter to the current ones or to history."""
        orders = contained(holder, path, ORDERS, limits.HISTORY_LINES_MAX + limits.CURRENT_LINES_MAX)
        if not orders:
            return
        encounter_id = _id_of(holder, path)
        facility = (
            text_of(holder, f"{path}.medins_id", ("medins_id", "medinsId", "medins_code", "medinsCode"))
            or self._envelope.facility_id
        )
        in_current = any(holder is one for one, _ in current)
        marks = self._profile.quirks.self_pay
        read = self._read
        for order, order_path in orders:
            position = len(current_lines) + len(history) + 1
            flag, line = read.line(order, order_path, encounter_id, facility, position)
            changes: Facts = {}
            stated = order.get("drord_begn_date")
            if stated.__class__ is str and len(stated) == DATE_CHARACTERS and line.begin is not None:
                changes["begin_is_date"] = True
            if "ext" in order and (ext := extension(order, order_path)):
                changes |= read.line_ext(ext, f"{order_path}.ext")
                if "unknown_facts" in changes:
                    changes["unknown_facts"] = (*line.unknown_facts, *changes["unknown_facts"])
            if marks and any(text_of(order, mark.field, (mark.field,)) in mark.values for mark in marks):
                changes["self_pay"] = True
            is_current = in_current and flag is True
            if is_current:
                if len(current_lines) == limits.CURRENT_LINES_MAX:
                    raise EntranceError(order_path, None, f"more than {limits.CURRENT_LINES_MAX} current lines")
                if line.begin is None:
                    changes |= {"begin": self._envelope.time, "begin_stated": False}
            elif in_current and flag is None and not any(unknown.fact == "current" for unknown in line.unknown_facts):
                unknown = UnknownFact("current", "", "没有当前医嘱标志")
                changes["unknown_facts"] = (*changes.get("unknown_facts", line.unknown_facts), unknown)
            if changes:
                line = msgspec.structs.replace(line, **changes)
            (current_lines if is_current else history).append(line)


def _id_of(encounter: Object, path: str) -> str:
    return text_of(encounter, f"{path}.mdtrt_id", _ENCOUNTER_ID)


def _with_ext(facts: Facts, holder: Object, path: str, read_ext: Read) -> Facts:
    """Return the facts of an object with those of its `ext`."""
    ext = extension(holder, path)
    return with_unknown(facts, read_ext(ext, f"{path}.ext")) if ext else facts


def _joined(first: Visit, second: Visit) -> Visit:
    """Return one visit of two objects that state it: what the first leaves open is the second's to say."""
    changes: dict[str, Any] = {
        name: getattr(second, name)
        for name in Visit.__struct_fields__
        if getattr(first, name) in (None, "", ()) and getattr(second, name) not in (None, "", ())
    }
    diagnoses = tuple(dict.fromkeys((*first.diagnoses, *second.diagnoses)))
    return msgspec.structs.replace(first, **changes | {"diagnoses": diagnoses})


def _without_false_certainty(facts: Facts) -> Facts:
    """Return a patient's stated facts with "none" read as such, and no list called whole of which a part was unread."""
    allergies = facts.get("allergies", ())
    known = tuple(allergy for allergy in allergies if allergy.substance not in NO_ALLERGIES)
    if len(known) < len(allergies):
        facts["allergies"] = known
        if not known:
            facts.setdefault("allergies_checked", True)
    unread = _facts_of(facts.get("unknown_facts", ()))
    for fact, checked in (("allergies", "allergies_checked"), ("approved_programs", "programs_checked")):
        if fact in unread:
            facts.pop(checked, None)
    return facts


def _facts_of(unknown: Iterable[UnknownFact]) -> set[str]:
    return {fact.fact for fact in unknown}


def _care_mode(value: str) -> CareMode:
    """Narrow a meaning of med_mdtrt_type; the profile has checked that it is one."""
    return value  # type: ignore[return-value]
