"""Our own JSON document: the fact model, nested as one writes it, and nothing else.

Strict, because it is ours: an unknown field, however deep, or a value that its field does not allow is an error that
names both. The in-pack tests are written in it too.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, get_args

import msgspec

from ruleset.case import (
    Case,
    Encounter,
    Line,
    LineIdentity,
    Patient,
    Practitioner,
    Site,
    Trigger,
    Visit,
    identity,
)
from ruleset.pack.diagnostics import did_you_mean

NO_SITE = Site()
NAME_SHOWN_MAX_CHARACTERS = 80
"""What stands in a document as a field's name may be anything; an error shows so much of it."""


class DocumentError(ValueError):
    """A document that cannot be read. The text names the field and what is wrong with its value."""


class EncounterDocument(Encounter, frozen=True):
    """The current encounter with the lines being written now."""

    lines: tuple[Line, ...] = ()


class PastEncounterDocument(msgspec.Struct, frozen=True):
    """Past lines of one encounter; an empty `id` means the current encounter."""

    id: str = ""
    facility_id: str = ""
    lines: tuple[Line, ...] = ()


class CheckDocument(msgspec.Struct, frozen=True):
    """The whole document.

    `unknown_fields` forbids what is none of its fields, and not the structs themselves: those of the fact model are read
    from the store too, where a newer server of the same store may have written a field that this one does not know.
    """

    message_id: str = ""
    time: datetime | None = None
    triggers: tuple[Trigger, ...] = ("other",)
    patient: Patient = Patient()
    encounter: EncounterDocument = EncounterDocument()
    history: tuple[PastEncounterDocument, ...] = ()
    visits: tuple[Visit, ...] = ()
    practitioners: tuple[Practitioner, ...] = ()


def case_of_document(document: CheckDocument, site: Site = NO_SITE) -> Case:
    """Return the case that a document states at a site. Raises DocumentError for a time with an offset."""
    _require_local_times(document, "")
    encounter = document.encounter
    position = 0
    current: list[Line] = []
    for line in encounter.lines:
        position += 1
        current.append(_placed(line, encounter.id, encounter.facility_id, position, document.time))
    past: list[Line] = []
    for group in document.history:
        encounter_id = group.id or encounter.id
        facility_id = group.facility_id or encounter.facility_id
        for line in group.lines:
            position += 1
            past.append(_placed(line, encounter_id, facility_id, position, None))
    numbered = number_lines([*current, *past])
    return Case(
        message_id=document.message_id,
        time=document.time,
        triggers=document.triggers,
        patient=document.patient,
        encounter=msgspec.convert(document.encounter, Encounter, from_attributes=True),
        lines=tuple(numbered[: len(current)]),
        history=tuple(numbered[len(current) :]),
        visits=document.visits,
        practitioners=document.practitioners,
        site=site,
    )


def read_document(value: Any, site: Site = NO_SITE) -> Case:
    """Return the case of a decoded JSON or TOML value. Raises DocumentError naming the field."""
    for unknown in unknown_fields(value):
        place = f"{unknown.holder}.{unknown.name[:NAME_SHOWN_MAX_CHARACTERS]}".removeprefix(".")
        meant = did_you_mean(unknown.name, unknown.known)
        raise DocumentError(f"no such field{meant and f'; {meant}'} - at `$.{place}`")
    try:
        return case_of_document(msgspec.convert(value, CheckDocument, strict=False), site)
    except msgspec.ValidationError as error:
        raise DocumentError(str(error)) from error


class UnknownField(NamedTuple):
    """A field of a document that is none. `holder` is the path of its object, `known` what the object may have."""

    holder: str
    name: str
    value: Any
    known: tuple[str, ...]


def unknown_fields(document: Any) -> Iterator[UnknownField]:
    """Yield the fields of a decoded document that are none, however deep; what has not the form is passed over."""
    yield from _unknown_fields(document, CheckDocument, "")


def _unknown_fields(value: Any, struct: type[msgspec.Struct], path: str) -> Iterator[UnknownField]:
    if not isinstance(value, dict):
        return
    known = fields_with_structs(struct)
    if not known.keys() >= value.keys():
        for name, stated in value.items():
            if name not in known:
                yield UnknownField(path, name, stated, tuple(known))
    for name, inner in _holding_structs(struct):
        stated = value.get(name)
        if not stated:
            continue
        place = f"{path}.{name}" if path else name
        if isinstance(stated, list):
            for number, item in enumerate(stated):
                yield from _unknown_fields(item, inner, f"{place}[{number}]")
        else:
            yield from _unknown_fields(stated, inner, place)


@cache
def fields_with_structs(struct: type[msgspec.Struct]) -> Mapping[str, type[msgspec.Struct] | None]:
    """Return the names of a struct's fields, each with the struct that it is or lists."""
    return {
        field.name: next(
            (
                part
                for part in (field.type, *get_args(field.type))
                if isinstance(part, type) and issubclass(part, msgspec.Struct)
            ),
            None,
        )
        for field in msgspec.structs.fields(struct)
    }


@cache
def _holding_structs(struct: type[msgspec.Struct]) -> tuple[tuple[str, type[msgspec.Struct]], ...]:
    """Return the fields that hold structs: few, and only they are walked in a document of 20,000 lines."""
    return tuple((name, inner) for name, inner in fields_with_structs(struct).items() if inner is not None)


def number_lines(lines: Iterable[Line]) -> list[Line]:
    """Give lines of one message that are otherwise the same line their `ordinal`, in the order they stand in."""
    seen: dict[LineIdentity, int] = {}
    numbered: list[Line] = []
    for line in lines:
        key = identity(line)
        ordinal = seen.get(key, 0)
        seen[key] = ordinal + 1
        numbered.append(line if ordinal == 0 else msgspec.structs.replace(line, ordinal=ordinal))
    return numbered


def _require_local_times(value: Any, path: str) -> None:
    """Raise DocumentError for a time with an offset, wherever it stands."""
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            raise DocumentError(f"{path}: `{value.isoformat()}` has an offset; give the site's local time")
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            _require_local_times(item, f"{path}[{number}]")
    elif isinstance(value, msgspec.Struct):
        for name in _may_hold_times(type(value)):
            fact = getattr(value, name)
            if fact:
                _require_local_times(fact, f"{path}.{name}" if path else name)


@cache
def _may_hold_times(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the fields of a struct that are times, or hold structs: to look at the others too takes too long."""
    return tuple(
        field.name
        for field in msgspec.structs.fields(struct)
        if any(
            isinstance(part, type) and issubclass(part, (datetime, msgspec.Struct))
            for part in (field.type, *get_args(field.type))
        )
    )


PLACED_FIELDS = ("encounter_id", "facility_id", "position", "ordinal", "begin_stated", "begin_is_date", "unknown_facts")
"""Fields of a line that no document states: they follow from where the line stands in it, and from what it states."""
_NOTHING = Line()


def _placed(line: Line, encounter_id: str, facility_id: str, position: int, message_time: datetime | None) -> Line:
    for name in PLACED_FIELDS:
        if getattr(line, name) != getattr(_NOTHING, name):
            raise DocumentError(f"lines[{position}].{name}: not to be stated; it follows from where the line stands")
    stated = line.begin is not None
    values: dict[str, Any] = {name: getattr(line, name) for name in Line.__struct_fields__}
    values |= {
        "encounter_id": encounter_id,
        "facility_id": facility_id,
        "position": position,
        "ordinal": 0,
        "begin": line.begin if stated else message_time,
        "begin_stated": stated,
    }
    return Line(**values)
