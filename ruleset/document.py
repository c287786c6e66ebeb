"""Our own JSON document: the fact model, nested as one writes it, and nothing else.

Strict, because it is ours: an unknown field or a value that its field does not allow is an error that names both.
The in-pack tests are written in it too.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, get_args

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

NO_SITE = Site()


class DocumentError(ValueError):
    """A document that cannot be read. The text names the field and what is wrong with its value."""


class LineDocument(Line, frozen=True, forbid_unknown_fields=True):
    """One line as a document states it."""


class EncounterDocument(Encounter, frozen=True, forbid_unknown_fields=True):
    """The current encounter with the lines being written now."""

    lines: tuple[LineDocument, ...] = ()


class PastEncounterDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Past lines of one encounter; an empty `id` means the current encounter."""

    id: str = ""
    facility_id: str = ""
    lines: tuple[LineDocument, ...] = ()


class PatientDocument(Patient, frozen=True, forbid_unknown_fields=True):
    """The patient as a document states them."""


class CheckDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole document."""

    message_id: str = ""
    time: datetime | None = None
    triggers: tuple[Trigger, ...] = ("other",)
    patient: PatientDocument = PatientDocument()
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
        patient=msgspec.convert(document.patient, Patient, from_attributes=True),
        encounter=msgspec.convert(document.encounter, Encounter, from_attributes=True),
        lines=tuple(numbered[: len(current)]),
        history=tuple(numbered[len(current) :]),
        visits=document.visits,
        practitioners=document.practitioners,
        site=site,
    )


def read_document(value: Any, site: Site = NO_SITE) -> Case:
    """Return the case of a decoded JSON or TOML value. Raises DocumentError naming the field."""
    try:
        return case_of_document(msgspec.convert(value, CheckDocument, strict=False), site)
    except msgspec.ValidationError as error:
        raise DocumentError(str(error)) from error


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
