"""Read the national 3101/3102 message, in all the dialects in which it is sent, into a `Case`.

The message is `input.data` of an envelope, but vendors nest it elsewhere, send objects where lists are meant, camel
case, numbers as text; the list is docs/reference/national-message.md. Codes mean what the site profile says; a code
that it does not know becomes an unknown fact, with the value, so that the answer can name it.
"""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from ruleset.case import Case, Trigger
from server.entrance import values
from server.entrance.fields import INSURED_REGION_OF_ENVELOPE, MESSAGE_TIME, REGION_OF_ENVELOPE
from server.entrance.national_case import CaseReader, Envelope, Note
from server.entrance.objects import Object, objects_of, text_of
from server.entrance.reading import FactReader, reader_of
from server.entrance.text import EntranceError
from server.profile import Profile, ProfileChoice

Transaction = Literal["3101", "3102"]
SCENES_THAT_COMMIT = frozenset({"settlement"})
"""The triggers (national trig_scen 6, 8, 10) whose lines become history."""

PATIENTS = ("patient_dtos", "patientDtos")


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


def read_message(
    document: Any,
    asked: Transaction,
    profiles: ProfileChoice,
    profile_name: str = "",
    reader: Callable[[Profile], FactReader] = reader_of,
) -> NationalMessage:
    """Return the message of a decoded JSON value.

    `asked` is the transaction of the URL or the format; a listed trig_scen outranks it. `reader` may give a reader
    that notes what it reads, for a report. Raises EntranceError naming the field and its value, ProfileError for an
    unknown `profile_name`.
    """
    if not isinstance(document, dict):
        raise EntranceError("document", document, "expected an object")
    body, path = _body(document)
    envelope_facility = text_of(document, "fixmedins_code", ("fixmedins_code", "fixmedinsCode", "medins_code"))
    profile = profiles.select(profile_name, envelope_facility)
    read = reader(profile)
    envelope = Envelope(
        time=read.one(document, MESSAGE_TIME, ""),
        facility_id=envelope_facility,
        region=read.one(document, REGION_OF_ENVELOPE, "") or "",
        insured_region=read.one(document, INSURED_REGION_OF_ENVELOPE, "") or "",
    )
    scenes, triggers, notes = _scenes(body, path, profile)
    transactions = [profile.transaction_of_scene[scene] for scene in scenes if scene in profile.transaction_of_scene]
    transaction: Transaction = asked
    if transactions:
        transaction = "3102" if "3102" in transactions else "3101"
    _check_rule_ids(body, path, scenes, notes)
    patient, patient_path = _patient_object(body, path)
    message_id = text_of(document, "msgid", ("msgid", "msgId"))
    case = CaseReader(profile, read, envelope, notes).case(patient, patient_path, message_id, triggers)
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
        task_id=text_of(body, f"{path}task_id", ("task_id", "taskId")),
        notes=tuple(notes),
    )


def _body(document: Object) -> tuple[Object, str]:
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
        if isinstance(candidate, dict) and any(name in candidate for name in PATIENTS):
            return candidate, path
    raise EntranceError("input.data.patient_dtos", None, "is missing")


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _scenes(body: Object, path: str, profile: Profile) -> tuple[tuple[str, ...], tuple[Trigger, ...], list[Note]]:
    """Return the scenes as sent, what they mean, and a note for each that the profile does not list."""
    # A trigScen that is an object is where some vendors put the body, not a scene.
    names = [name for name in ("trig_scen", "trigScen") if not isinstance(body.get(name), dict)]
    text = text_of(body, f"{path}trig_scen", names)
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


def _check_rule_ids(body: Object, path: str, scenes: tuple[str, ...], notes: list[Note]) -> None:
    rule_ids = body.get("rule_ids", body.get("ruleIds"))
    if rule_ids is not None and not isinstance(rule_ids, (str, list)):
        raise EntranceError(f"{path}rule_ids", rule_ids, "expected a text or a list")
    if rule_ids and not scenes:
        notes.append(Note("rule_ids", str(rule_ids)[:80], "未按规则编号筛选，已判断全部规则"))


def _patient_object(body: Object, path: str) -> tuple[Object, str]:
    name = next(name for name in PATIENTS if name in body)
    name = next((name for name in PATIENTS if body.get(name) not in (None, *values.NOTHING)), name)
    patients = objects_of(body[name], f"{path}{name}", 1)
    if not patients:
        raise EntranceError(f"{path}{name}", body[name], "expected one patient")
    return patients[0]
