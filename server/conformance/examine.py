"""What one message came to: what was understood of it, what was not, and what was decided."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import orjson

from ruleset import frequency, units
from ruleset.case import Case, Line, UnknownFact
from server.check import Request
from server.conformance import advice
from server.conformance.findings import NotUnderstood, Understood, UnreadField, shown
from server.conformance.own_document import choices_at, understood_of_own, unknown_of_own
from server.conformance.refusals import in_chinese
from server.conformance.standard import (
    CONTAINERS,
    DATA,
    ENVELOPE,
    Guess,
    fields_read,
    guess,
    is_known,
    label_of,
    object_at,
    snake,
    standard,
)
from server.conformance.watching import Reading, Unread, WatchedObject, WatchingReader, unread, watched
from server.entrance.national import NationalMessage, read_message
from server.entrance.own import read_own
from server.entrance.text import EntranceError, read_json
from server.profile import Profile, ProfileError, Profiles

Call = Literal["check", "commit", "feedback", "void", "history"]
Transport = Literal["gRPC", "HTTP", "文件"]
TRANSACTIONS = ("3101", "3102")
_PARTS = re.compile(r"\w+").findall


class Arrival(NamedTuple):
    """One call as it came in, and how it was answered."""

    call: Call
    transport: Transport
    request: Request
    """Of a call without a document: the document is empty."""
    answer: bytes = b""
    """In the document's own layout and encoding; empty where there is none."""
    error: str = ""
    """Why it was refused, as its sender is told; empty where it was not."""
    name: str = ""
    """The file it was read from; empty for what came over the network."""
    told: Mapping[str, Any] = {}
    """What else was answered: committed_lines, voided_lines and the like."""


class Examination(msgspec.Struct, frozen=True):
    """The report on one message."""

    number: int
    call: Call
    transport: Transport
    name: str
    format: str
    encoding: str
    """As found; "" where the document could not be decoded."""
    size_bytes: int
    sha256: str
    station_id: str
    request_id: str
    message_id: str = ""
    patient_id: str = ""
    profile: str = ""
    current_lines: int = 0
    history_lines: int = 0
    error: str = ""
    """Why it was refused, as its sender is told."""
    error_text: str = ""
    """The same in Chinese; "" where it was not refused."""
    understood: tuple[Understood, ...] = ()
    unread: tuple[UnreadField, ...] = ()
    not_understood: tuple[NotUnderstood, ...] = ()
    missing: tuple[str, ...] = ()
    """Fields that the national interface requires and the message left out or empty, as `object.field`."""
    advice: tuple[str, ...] = ()
    answer: Any = None
    """The answer as a JSON value; None where there is none."""
    told: Mapping[str, Any] = {}

    @property
    def is_judged(self) -> bool:
        """Whether the message was read, and something of it was judged; true of what is no check and was done."""
        if self.error:
            return False
        return self.call != "check" or self.outcome.get("completeness") != "NONE"

    @property
    def outcome(self) -> Mapping[str, Any]:
        """The part of the answer with verdict and completeness; empty where there is none."""
        if not isinstance(self.answer, dict) or self.call != "check":
            return {}
        output = self.answer.get("output")
        ext = output.get("ext", {}) if isinstance(output, dict) else self.answer
        return ext if isinstance(ext, dict) else {}


class _Read(NamedTuple):
    """What the entrance made of a document, as far as it came."""

    case: Case | None = None
    national: NationalMessage | None = None
    profile: Profile | None = None
    understood: tuple[Understood, ...] = ()
    readings: Sequence[Reading] = ()
    document: Any = None


def examine(number: int, arrival: Arrival, profiles: Profiles) -> Examination:
    """Return the report on one call. Never raises for what a document may contain."""
    request = arrival.request
    head = Examination(
        number=number,
        call=arrival.call,
        transport=arrival.transport,
        name=arrival.name,
        format=request.format,
        encoding="",
        size_bytes=len(request.document),
        sha256=hashlib.sha256(request.document).hexdigest(),
        station_id=request.station_id,
        request_id=request.request_id,
        error=arrival.error,
        error_text=in_chinese(arrival.error),
        told=arrival.told,
    )
    if not request.document:
        return msgspec.structs.replace(head, answer=_decoded(arrival.answer))
    try:
        document, encoding = read_json(request.document, request.encoding)
    except EntranceError:
        hints = tuple(advice.on_bytes(request.document, request.encoding))
        return msgspec.structs.replace(head, advice=hints, answer=_decoded(arrival.answer))
    read = _read(document, request, profiles, arrival.call)
    case = read.case
    not_understood = tuple(_not_understood(read))
    is_own = request.format == "precheck" and arrival.call != "feedback"
    own = tuple(unknown_of_own(document)) if is_own else ()
    return msgspec.structs.replace(
        head,
        encoding=encoding,
        message_id=_message_id(document),
        patient_id=case.patient.id if case is not None else "",
        profile=read.profile.name if read.profile is not None else "",
        current_lines=len(case.lines) if case is not None else 0,
        history_lines=len(case.history) if case is not None else 0,
        understood=read.understood,
        # Of a refused message nobody can tell what would have been read: only what nobody knows is named.
        unread=own or tuple(one for one in _unread_fields(read.document) if case is not None or not one.is_standard),
        not_understood=not_understood,
        missing=tuple(_missing(read.document)) if request.format in TRANSACTIONS else (),
        advice=(
            *advice.on_bytes(request.document, request.encoding),
            *(_choices(arrival.error) if is_own else ()),
            *advice.on_document(document, case, is_national=request.format in TRANSACTIONS),
        ),
        answer=_decoded(arrival.answer),
    )


def _read(document: Any, request: Request, profiles: Profiles, call: Call) -> _Read:
    """Read a document as the server does, noting what is read; where it is refused, as far as it came."""
    if call == "feedback":
        return _Read()
    if request.format not in TRANSACTIONS:
        try:
            profile = profiles.select(request.profile, "")
            case = read_own(document, profile)
        except (EntranceError, ProfileError):
            return _Read()
        return _Read(case, None, profile, understood_of_own(document, case))
    readers: list[WatchingReader] = []

    def reader(profile: Profile) -> WatchingReader:
        readers.append(WatchingReader(profile))
        return readers[-1]

    seen = watched(document)
    asked: Literal["3101", "3102"] = "3102" if request.format == "3102" else "3101"
    try:
        message = read_message(seen, asked, profiles, request.profile, reader)
    except (EntranceError, ProfileError):
        readings = _in_order(readers[0].readings) if readers else []
        return _Read(understood=tuple(map(_understood, readings)), readings=readings, document=seen)
    readings = _in_order(readers[0].readings)
    return _Read(message.case, message, message.profile, tuple(map(_understood, readings)), readings, seen)


def _choices(error: str) -> Iterator[str]:
    """Yield what a field may say that was refused for saying something else."""
    path = error.partition(": ")[0]
    choices = choices_at(path) if "enum value" in error else ()
    if choices:
        yield f"{path} 可以是：{'、'.join(choices)}"


def _in_order(readings: Sequence[Reading]) -> Sequence[Reading]:
    """Return readings in the order of their objects' paths: an object before what is in it, the second before the tenth."""
    return sorted(readings, key=lambda one: [(int(part) if part.isdigit() else 0, part) for part in _PARTS(one.holder)])


def _understood(reading: Reading) -> Understood:
    object_ = object_at(reading.holder)
    field = reading.field
    unknown = isinstance(reading.fact, UnknownFact)
    return Understood(
        path=f"{reading.holder}.{reading.name}" if reading.holder else reading.name,
        object=object_,
        field=field.national,
        label=label_of(object_, field.national),
        fact=field.fact,
        stated=shown(reading.stated),
        value="" if unknown else shown(reading.fact),
        state="unknown" if unknown else "nothing" if reading.fact in (None, "", ()) else "understood",
    )


def _not_understood(read: _Read) -> Iterator[NotUnderstood]:
    """Yield the codes that the profile does not know, and the words, units and frequencies that nobody does."""
    profile = read.profile
    for reading in read.readings:
        if not isinstance(reading.fact, UnknownFact):
            continue
        kind: Literal["code", "word", "unknown"] = "word" if reading.field.kind in ("route", "department") else "code"
        codes = profile.codes.get(reading.field.code_list) if profile is not None and kind == "code" else None
        if codes is not None and codes.get(reading.fact.value) == "":
            kind = "unknown"  # a code that says that nobody knows
        path = f"{reading.holder}.{reading.name}"
        yield NotUnderstood(kind, path, object_at(reading.holder), reading.field.national, *_why(reading.fact))
    case = read.case
    if case is None:
        return
    if read.national is None:
        yield from _unknown_of_own(case)
    for unknown in case.encounter.unknown_facts:
        if unknown.fact in ("care_modes", "encounter_id"):
            yield NotUnderstood("code", "", "fsi_encounter_dtos", unknown.fact, *_why(unknown))
    for line in case.lines:
        yield from _words_of(line)
    for number, observation in enumerate(case.patient.observations):
        if observation.unit and units.read_unit(observation.unit) is None:
            where = f"patient.observations[{number}]"
            reason = f"不认识单位“{observation.unit}”"
            yield NotUnderstood("unit", where, "patient_dtos.ext.labs", "unit", observation.unit, reason)


def _why(unknown: UnknownFact) -> tuple[str, str]:
    return unknown.value, unknown.reason


def _unknown_of_own(case: Case) -> Iterator[NotUnderstood]:
    """Yield what of our own JSON was stated and not understood: words of the site."""
    for line in case.lines:
        for unknown in line.unknown_facts:
            yield NotUnderstood("word", _place(line), "fsi_order_dtos.ext", unknown.fact, *_why(unknown))


def _words_of(line: Line) -> Iterator[NotUnderstood]:
    """Yield the units and frequencies of a line that nobody understands."""
    ext = "fsi_order_dtos.ext"
    for name, text in (("dose_unit", line.dose_unit), ("strength_unit", line.strength_unit)):
        if text and units.read_unit(text) is None:
            yield NotUnderstood("unit", _place(line), ext, name, text, f"不认识单位“{text}”")
    if line.infusion_rate_unit and units.read_unit(line.infusion_rate_unit) is None:
        text = line.infusion_rate_unit
        yield NotUnderstood("unit", _place(line), ext, "drip_rate_unit", text, f"不认识单位“{text}”")
    for ingredient in line.ingredients:
        if ingredient.unit and units.read_unit(ingredient.unit) is None:
            place = f"{_place(line)} {ingredient.name}"
            reason = f"不认识单位“{ingredient.unit}”"
            yield NotUnderstood("unit", place, f"{ext}.ingredients", "unit", ingredient.unit, reason)
    if line.frequency or line.times_per_day is not None:
        times = frequency.times_per_day(line)
        read = frequency.parse(line.frequency) if line.frequency else None
        if not hasattr(times, "detail") or (read is not None and (read.continuous or read.as_needed)):
            return
        yield NotUnderstood("frequency", _place(line), ext, "freq", line.frequency, times.detail.rstrip("。"))


def _place(line: Line) -> str:
    return f"第{line.position}行 {line.order_id} {line.name}"


def _unread_fields(document: Any) -> Iterator[UnreadField]:
    """Yield what nothing reads, each field of an object once."""
    found: dict[tuple[str, str], list[Unread]] = {}
    for item in unread(document):
        object_ = object_at(item.holder)
        if item.holder == "" and not any(name in CONTAINERS for name in dict.keys(document)):
            object_ = ENVELOPE
        found.setdefault((object_, item.name), []).append(item)
    for (object_, name), items in found.items():
        stated = [item for item in items if item.value not in (None, "", [], {})]
        first = (stated or items)[0]
        known = is_known(object_, name)
        meant: Guess | None = None if known else guess(object_, name)
        yield UnreadField(
            object=object_,
            field=name,
            label=label_of(object_, snake(name)),
            path=f"{first.holder}.{name}" if first.holder else name,
            value=shown(first.value),
            count=len(items),
            is_standard=known,
            is_read_elsewhere=(object_, snake(name)) in fields_read(),
            meant=f"{meant.object}.{meant.name}" if meant is not None else "",
        )


def _missing(document: Any) -> Iterator[str]:
    """Yield the fields that the national interface requires and some object of the message lacks, each once."""
    missing: dict[str, None] = {}
    for object_, holder in _objects(document, ""):
        for field in standard().values():
            if field.object != object_ or not field.required:
                continue
            read = fields_read().get((object_, field.name))
            names = read.names if read is not None else (field.name, _camel(field.name))
            containers = [name for name, canonical in CONTAINERS.items() if canonical == field.name]
            if all(dict.get(holder, name) in (None, "", "-", [], {}) for name in (*names, *containers)):
                missing[f"{object_}.{field.name}"] = None
    yield from missing


def _objects(value: Any, path: str) -> Iterator[tuple[str, WatchedObject]]:
    """Yield the objects of a message with their canonical names."""
    if isinstance(value, WatchedObject):
        holds_patient = any(CONTAINERS.get(name) == "patient_dtos" for name in dict.keys(value))
        object_ = DATA if holds_patient else object_at(path)
        if object_ != DATA or holds_patient:
            yield object_, value
        for name, inner in dict.items(value):
            yield from _objects(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _objects(inner, f"{path}[{number}]")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def _message_id(document: Any) -> str:
    if not isinstance(document, dict):
        return ""
    found = next((document[name] for name in ("msgid", "msgId", "message_id") if document.get(name)), "")
    return shown(found)


def _decoded(answer: bytes) -> Any:
    """Return an answer as a JSON value; None for none."""
    if not answer:
        return None
    try:
        return orjson.loads(answer)
    except orjson.JSONDecodeError:
        return orjson.loads(answer.decode("gb18030"))
