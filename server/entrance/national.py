"""Read the national 3101/3102 message, in all the dialects in which it is sent, into a `Case`.

The message is `input.data` of an envelope, but vendors nest it elsewhere, send objects where lists are meant, camel
case, numbers as text; the list is docs/reference/national-message.md. Codes mean what the site profile says; a code
that it does not know becomes an unknown fact, with the value, so that the answer can name it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Literal, NamedTuple

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
    VisitKind,
)
from ruleset.document import number_lines
from server import limits
from server.entrance import values
from server.entrance.reading import reader_of, with_unknown
from server.entrance.text import EntranceError
from server.profile import Profile, Profiles

Transaction = Literal["3101", "3102"]
SCENES_THAT_COMMIT = frozenset({"settlement"})
"""The triggers (national trig_scen 6, 8, 10) whose lines become history."""

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

_PATIENTS = ("patient_dtos", "patientDtos")
_ENCOUNTERS = ("fsi_encounter_dtos", "fsiEncounterDtos", "encounter_dtos", "encounterDtos")
_PAST = ("fsi_his_data_dto", "fsiHisDataDto", "his_data_dto", "hisDataDto")
_ORDERS = ("fsi_order_dtos", "fsiOrderDtos", "order_dtos", "orderDtos")
_DIAGNOSES = ("fsi_diagnose_dtos", "fsiDiagnoseDtos", "diagnose_dtos", "diagnoseDtos")
_OPERATIONS = ("fsi_operation_dtos", "fsiOperationDtos", "operation_dtos", "operationDtos")


_Objects = list[tuple[Mapping[str, Any], str]]
"""Objects of the message with their paths."""


class Note(NamedTuple):
    """Something about the message that its sender should know: not a finding, but not silent either."""

    field: str
    value: str
    text: str


class NationalMessage(msgspec.Struct, frozen=True):
    """A message as read: its case, and what the answer must echo."""

    case: Case
    profile: Profile
    transaction: Transaction
    transaction_from: Literal["trig_scen", "url_or_format"]
    scenes: tuple[str, ...]
    task_id: str
    commits: bool
    """Whether the current lines of this message become history."""
    notes: tuple[Note, ...]


def read_message(document: Any, asked: Transaction, profiles: Profiles, profile_name: str = "") -> NationalMessage:
    """Return the message of a decoded JSON value.

    `asked` is the transaction of the URL or the format; a listed trig_scen outranks it. Raises EntranceError naming
    the field and its value, ProfileError for an unknown `profile_name`.
    """
    if not isinstance(document, dict):
        raise EntranceError("document", document, "expected an object")
    body, path = _body(document)
    envelope_facility = _text_of(document, "fixmedins_code", ("fixmedins_code", "fixmedinsCode", "medins_code"))
    profile = profiles.select(profile_name, envelope_facility)
    message_time = reader_of(profile).one(document, "inf_time", ("inf_time", "infTime"), "time", "")
    scenes, triggers, notes = _scenes(body, path, profile)
    transactions = [profile.transaction_of_scene[scene] for scene in scenes if scene in profile.transaction_of_scene]
    transaction: Transaction = asked
    if transactions:
        transaction = "3102" if "3102" in transactions else "3101"
    _check_rule_ids(body, path, scenes, notes)
    patient, patient_path = _patient_object(body, path)
    case = msgspec.structs.replace(
        _Reader(profile).case(patient, patient_path, message_time, envelope_facility),
        message_id=_text_of(document, "msgid", ("msgid", "msgId")),
        triggers=triggers,
    )
    settles = any(trigger in SCENES_THAT_COMMIT for trigger in triggers)
    if settles and not case.patient.id:
        notes.append(Note("patn_id", "", "没有参保人标识，本次结算的明细未写入历史"))
    return NationalMessage(
        case=case,
        commits=settles and bool(case.patient.id),
        profile=profile,
        transaction=transaction,
        transaction_from="trig_scen" if transactions else "url_or_format",
        scenes=scenes,
        task_id=_text_of(body, f"{path}task_id", ("task_id", "taskId")),
        notes=tuple(notes),
    )


def _body(document: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """Return the object that holds the patient, and its path: below an envelope, or the document itself."""
    candidates: list[tuple[str, Any]] = []
    for name in ("input", "data"):
        outer = _single(document.get(name))
        if isinstance(outer, dict):
            inner_names = ("data", "trigScen", "trig_scen")
            candidates.extend((f"{name}.{inner}.", _single(outer.get(inner))) for inner in inner_names)
            candidates.append((f"{name}.", outer))
    candidates.append(("", document))
    for path, candidate in candidates:
        if isinstance(candidate, dict) and any(name in candidate for name in _PATIENTS):
            return candidate, path
    raise EntranceError("input.data.patient_dtos", None, "is missing")


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _scenes(
    body: Mapping[str, Any], path: str, profile: Profile
) -> tuple[tuple[str, ...], tuple[Trigger, ...], list[Note]]:
    """Return the scenes as sent, what they mean, and a note for each that the profile does not list."""
    # A trigScen that is an object is where some vendors put the body, not a scene.
    names = [name for name in ("trig_scen", "trigScen") if not isinstance(body.get(name), dict)]
    text = _text_of(body, f"{path}trig_scen", names)
    scenes = tuple(filter(None, (part.strip() for part in text.replace("，", ",").split(","))))
    notes: list[Note] = []
    triggers: list[Trigger] = []
    for scene in scenes:
        meaning = profile.codes["trig_scen"].get(scene)
        if not meaning:
            notes.append(Note("trig_scen", scene, "未列入的场景，已按接口地址或格式处理"))
        triggers.append(meaning or "other")  # type: ignore[arg-type]
    if not scenes:
        notes.append(Note("trig_scen", "", "没有触发场景，已按接口地址或格式处理"))
    return scenes, tuple(dict.fromkeys(triggers)) or ("other",), notes


def _check_rule_ids(body: Mapping[str, Any], path: str, scenes: tuple[str, ...], notes: list[Note]) -> None:
    rule_ids = body.get("rule_ids", body.get("ruleIds"))
    if rule_ids is not None and not isinstance(rule_ids, (str, list)):
        raise EntranceError(f"{path}rule_ids", rule_ids, "expected a text or a list")
    if rule_ids and not scenes:
        notes.append(Note("rule_ids", str(rule_ids)[:80], "未按规则编号筛选，已判断全部规则"))


def _patient_object(body: Mapping[str, Any], path: str) -> tuple[Mapping[str, Any], str]:
    name = next(name for name in _PATIENTS if name in body)
    name = next((name for name in _PATIENTS if body.get(name) not in (None, *values.NOTHING)), name)
    patients = _objects(body[name], f"{path}{name}", 1)
    if not patients:
        raise EntranceError(f"{path}{name}", body[name], "expected one patient")
    return patients[0]


def _text_of(holder: Mapping[str, Any], path: str, names: Sequence[str]) -> str:
    for name in names:
        value = holder.get(name)
        if value is not None and value != "":
            try:
                return values.text(value)
            except values.BadValueError as error:
                raise EntranceError(path, value, str(error)) from error
    return ""


def _objects(value: Any, path: str, most: int) -> _Objects:
    """Return the objects of a container with their paths: a list, one object, or nothing (null, "")."""
    if value is None or value in values.NOTHING:
        return []
    if isinstance(value, dict):
        return [(value, path)]
    if not isinstance(value, list):
        raise EntranceError(path, value, "expected a list or an object")
    if len(value) > most:
        raise EntranceError(path, None, f"{len(value)} entries, at most {most}")
    objects: list[tuple[Mapping[str, Any], str]] = []
    for index, item in enumerate(value):
        if isinstance(item, dict):
            objects.append((item, f"{path}[{index}]"))
        elif item is not None:
            raise EntranceError(f"{path}[{index}]", item, "expected an object")
    return objects


def _contained(
    holder: Mapping[str, Any], path: str, names: Sequence[str], most: int
) -> list[tuple[Mapping[str, Any], str]]:
    for name in names:
        value = holder.get(name)
        if value is not None and value not in values.NOTHING:
            return _objects(value, f"{path}.{name}", most)
    return []


ENCOUNTER_FACTS = ("facility_id", "facility_level", "care_modes", "visit_kind", "payer", "internet")
"""Facts in which the objects of one encounter must agree: rules decide by them."""


class _Reader:
    """Reads one kind of message by one site profile."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._read = reader_of(profile)

    def case(self, patient: Mapping[str, Any], path: str, message_time: datetime | None, facility: str) -> Case:
        encounters = _contained(patient, path, _ENCOUNTERS, limits.ENCOUNTERS_MAX)
        past = [*self._past_encounters(patient, path)]
        current_id = _text_of(patient, f"{path}.curr_mdtrt_id", ("curr_mdtrt_id", "currMdtrtId"))
        current = self._current([*encounters, *past], current_id)
        current_lines: list[Line] = []
        history: list[Line] = []
        for holder, holder_path in (*encounters, *past):
            self._lines(holder, holder_path, current, message_time, facility, current_lines, history)
        if len(history) > limits.HISTORY_LINES_MAX:
            raise EntranceError(
                f"{path}.fsi_order_dtos", None, f"{len(history)} history lines, at most {limits.HISTORY_LINES_MAX}"
            )
        numbered = number_lines([*current_lines, *history])
        return Case(
            time=message_time,
            patient=self._patient(patient, path),
            encounter=self._encounter(current, facility, current_id),
            lines=tuple(numbered[: len(current_lines)]),
            history=tuple(numbered[len(current_lines) :]),
        )

    def _past_encounters(self, patient: Mapping[str, Any], path: str) -> Iterator[tuple[Mapping[str, Any], str]]:
        """Yield the encounters of fsi_his_data_dto: encounters themselves, or objects that hold some."""
        for holder, holder_path in _contained(patient, path, _PAST, limits.ENCOUNTERS_MAX):
            inner = _contained(holder, holder_path, _ENCOUNTERS, limits.ENCOUNTERS_MAX)
            yield from inner or [(holder, holder_path)]

    def _current(self, encounters: _Objects, current_id: str) -> _Objects:
        """Return the current encounter: the one that curr_mdtrt_id names, or the only one where nothing is named.

        It may come in several objects, each with some of its lines.
        """
        if not current_id:
            return encounters if len(encounters) == 1 else []
        return [
            (holder, path)
            for holder, path in encounters
            if _text_of(holder, f"{path}.mdtrt_id", ("mdtrt_id", "mdtrtId")) == current_id
        ]

    def _patient(self, patient: Mapping[str, Any], path: str) -> Patient:
        facts = self._read.patient(patient, path)
        birth = facts.get("birth_date")
        if birth is not None:
            facts["birth_date"] = birth.date()
        extension = self._read.patient_ext(_ext(patient, path), f"{path}.ext")
        return Patient(**with_unknown(facts, extension))

    def _encounter(self, current: _Objects, facility: str, current_id: str) -> Encounter:
        if not current:
            reason = f"curr_mdtrt_id 的值“{current_id}”不是报文中任何一次就诊" if current_id else "没有 curr_mdtrt_id"
            return Encounter(facility_id=facility, unknown_facts=(UnknownFact("encounter_id", current_id, reason),))
        first, *others = [self._encounter_of(holder, path, facility) for holder, path in current]
        for (_, path), other in zip(current[1:], others, strict=True):
            for name in ENCOUNTER_FACTS:
                if getattr(other, name) != getattr(first, name):
                    raise EntranceError(path, current_id, f"states another {name} than the same encounter before")
        if not others:
            return first
        return msgspec.structs.replace(
            first,
            diagnoses=tuple(chain.from_iterable(encounter.diagnoses for encounter in (first, *others))),
            operations=tuple(chain.from_iterable(encounter.operations for encounter in (first, *others))),
        )

    def _encounter_of(self, holder: Mapping[str, Any], path: str, facility: str) -> Encounter:
        read = self._read
        facts = read.encounter(holder, path)
        facts["facility_id"] = facts["facility_id"] or facility
        modes, unknown_mode = self._care_modes(holder, path, facts)
        unknown = [*facts.pop("unknown_facts", ()), *([unknown_mode] if unknown_mode else [])]
        diagnoses = _contained(holder, path, _DIAGNOSES, limits.DIAGNOSES_MAX)
        operations = _contained(holder, path, _OPERATIONS, limits.OPERATIONS_MAX)
        return Encounter(
            **facts,
            care_modes=modes,
            internet=self._internet(holder, path),
            diagnoses=tuple(Diagnosis(**read.diagnosis(item, place)) for item, place in diagnoses),
            operations=tuple(Operation(**read.operation(item, place)) for item, place in operations),
            unknown_facts=tuple(unknown),
        )

    def _care_modes(
        self, holder: Mapping[str, Any], path: str, facts: Mapping[str, Any]
    ) -> tuple[tuple[CareMode, ...], UnknownFact | None]:
        """Return the care modes left possible by med_mdtrt_type, refined by med_type (data README, number 5).

        Without a refinement an outpatient may be an emergency or a chronic one. Where the two contradict, or one has
        a code that nobody knows, nothing is known, unless the site profile says which one to trust.
        """
        stated = self._read.one(holder, "med_mdtrt_type", ("med_mdtrt_type", "medMdtrtType"), "code", f"{path}.")
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
        reason = "med_mdtrt_type 与 med_type 相互矛盾"
        return (), UnknownFact("care_modes", f"{mode}/{visit}", reason)

    def _internet(self, holder: Mapping[str, Any], path: str) -> bool | None:
        stated = self._read.one(_ext(holder, path), "internet", ("internet",), "flag", f"{path}.ext.")
        if stated is not None:
            return bool(stated)
        return None if self._profile.quirks.has_internet_hospital else False

    def _lines(
        self,
        holder: Mapping[str, Any],
        path: str,
        current: _Objects,
        message_time: datetime | None,
        facility: str,
        current_lines: list[Line],
        history: list[Line],
    ) -> None:
        """Add the lines of one encounter to the current ones or to history."""
        orders = _contained(holder, path, _ORDERS, limits.HISTORY_LINES_MAX + limits.CURRENT_LINES_MAX)
        if not orders:
            return
        encounter_id = _text_of(holder, f"{path}.mdtrt_id", ("mdtrt_id", "mdtrtId"))
        facility = (
            _text_of(holder, f"{path}.medins_id", ("medins_id", "medinsId", "medins_code", "medinsCode")) or facility
        )
        in_current = any(holder is one for one, _ in current)
        marks = self._profile.quirks.self_pay
        read = self._read
        for order, order_path in orders:
            position = len(current_lines) + len(history) + 1
            flag, line = read.line(order, order_path, encounter_id, facility, position)
            changes: dict[str, Any] = {}
            stated = order.get("drord_begn_date")
            if stated.__class__ is str and len(stated) == DATE_CHARACTERS and line.begin is not None:
                changes["begin_is_date"] = True
            if order.get("ext"):
                extension = read.line_ext(_ext(order, order_path), f"{order_path}.ext")
                changes |= {**extension, "unknown_facts": (*line.unknown_facts, *extension.get("unknown_facts", ()))}
            if marks and any(_text_of(order, mark.field, (mark.field,)) in mark.values for mark in marks):
                changes["self_pay"] = True
            is_current = in_current and flag is True
            if is_current:
                if len(current_lines) == limits.CURRENT_LINES_MAX:
                    raise EntranceError(order_path, None, f"more than {limits.CURRENT_LINES_MAX} current lines")
                if line.begin is None:
                    changes |= {"begin": message_time, "begin_stated": False}
            elif in_current and flag is None and not any(unknown.fact == "current" for unknown in line.unknown_facts):
                unknown = UnknownFact("current", "", "没有 curr_drord_flag")
                changes["unknown_facts"] = (*changes.get("unknown_facts", line.unknown_facts), unknown)
            if changes:
                line = msgspec.structs.replace(line, **changes)
            (current_lines if is_current else history).append(line)


def _ext(holder: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """Return the extension object of a holder; empty where there is none."""
    ext = holder.get("ext")
    if ext is None or ext in values.NOTHING:
        return {}
    if not isinstance(ext, dict):
        raise EntranceError(f"{path}.ext", ext, "expected an object")
    return ext


def _care_mode(value: str) -> CareMode:
    """Narrow a meaning of med_mdtrt_type; the profile has checked that it is one."""
    return value  # type: ignore[return-value]
