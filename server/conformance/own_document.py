"""What was understood of our own JSON: its names are those of the facts, so each field states its own.

A field that is none is an error there, and the first one ends the reading; here all of them are found, with what may have
been meant, and what a field with a fixed list of values may say.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal, get_args, get_origin

import msgspec

from ruleset.case import Case, Encounter, Patient
from ruleset.document import CheckDocument, unknown_fields
from server.conformance.findings import Understood, UnreadField, shown
from server.conformance.standard import CLOSE_ENOUGH, fields_read, label_of

_OBJECT_OF_PATH: Mapping[str, tuple[str, ...]] = {
    "": ("envelope",),
    "patient": ("patient_dtos", "patient_dtos.ext", "fsi_encounter_dtos"),
    "patient.allergies": ("patient_dtos.ext.allergies",),
    "patient.observations": ("patient_dtos.ext.labs",),
    "patient.programs": ("patient_dtos.ext.programs",),
    "encounter": ("fsi_encounter_dtos", "fsi_encounter_dtos.ext"),
    "encounter.attestations": ("fsi_encounter_dtos.ext.attestations",),
    "encounter.counters": ("fsi_encounter_dtos.ext.counters",),
    "encounter.diagnoses": ("fsi_diagnose_dtos", "fsi_diagnose_dtos.ext"),
    "encounter.operations": ("fsi_operation_dtos", "fsi_operation_dtos.ext"),
    "encounter.lines": ("fsi_order_dtos", "fsi_order_dtos.ext"),
    "encounter.lines.ingredients": ("fsi_order_dtos.ext.ingredients",),
    "history.lines": ("fsi_order_dtos", "fsi_order_dtos.ext"),
    "history.lines.ingredients": ("fsi_order_dtos.ext.ingredients",),
    "visits": ("fsi_encounter_dtos", "fsi_encounter_dtos.ext"),
    "visits.diagnoses": ("fsi_diagnose_dtos", "fsi_diagnose_dtos.ext"),
}
"""The objects of the national message that state the same, by the path in our own document."""


def understood_of_own(document: Any, case: Case) -> tuple[Understood, ...]:
    """Return every field of a document that was read, with the national field that states the same."""
    return tuple(_fields(document, "", case))


def _fields(value: Any, path: str, case: Case) -> Iterator[Understood]:
    if isinstance(value, dict):
        for name, inner in value.items():
            place = f"{path}.{name}" if path else name
            if isinstance(inner, dict) or (isinstance(inner, list) and any(isinstance(item, dict) for item in inner)):
                yield from _fields(inner, place, case)
            else:
                yield _understood(path, name, inner, case)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _fields(inner, f"{path}[{number}]", case)


def _understood(path: str, name: str, stated: Any, case: Case) -> Understood:
    objects = _OBJECT_OF_PATH.get(re.sub(r"\[\d+\]", "", path), ())
    object_, national = next(
        ((object_, fields_of(object_)[name]) for object_ in objects if name in fields_of(object_)),
        (path or "document", name),
    )
    fact = _fact_at(case, path, name, stated)
    return Understood(
        path=f"{path}.{name}" if path else name,
        object=object_,
        field=national,
        label=label_of(object_, national),
        fact=name,
        stated=shown(stated),
        value=shown(fact),
        state="unknown" if fact in ("", None) and stated not in ("", None) else "understood",
    )


@cache
def fields_of(object_: str) -> Mapping[str, str]:
    """Return the national names of the facts that an object of the national message states."""
    return {field.fact: national for (holder, national), field in fields_read().items() if holder == object_}


def _fact_at(case: Case, path: str, name: str, stated: Any) -> Any:
    """Return what the case has where the document states something; that itself where the two are built differently."""
    found: Any = case
    parts = re.findall(r"\w+", path)
    if parts[:2] == ["encounter", "lines"]:
        parts = parts[1:]
    elif parts[:1] == ["history"]:
        return stated
    try:
        for part in (*parts, name):
            found = found[int(part)] if part.isdigit() else getattr(found, part)
    except (AttributeError, IndexError, TypeError):
        return stated
    return stated if isinstance(found, (msgspec.Struct, Patient, Encounter)) else found


def unknown_of_own(document: Any) -> Iterator[UnreadField]:
    """Yield the fields of a document that are none, each with the one that it is most like."""
    for unknown in unknown_fields(document):
        close = get_close_matches(unknown.name, unknown.known, n=1, cutoff=CLOSE_ENOUGH)
        holder = re.sub(r"\[\d+\]", "", unknown.holder) or "document"
        yield UnreadField(
            object=holder,
            field=unknown.name,
            label="",
            path=f"{unknown.holder}.{unknown.name}".removeprefix("."),
            value=shown(unknown.value),
            count=1,
            is_standard=False,
            is_read_elsewhere=False,
            meant=f"{holder}.{close[0]}" if close else "",
        )


def choices_at(path: str) -> tuple[str, ...]:
    """Return what the field at a path of our own JSON may say; () where it has no fixed list."""
    kind: Any = CheckDocument
    for part in re.findall(r"[A-Za-z_]\w*", path):
        kind = _fields_of(kind).get(part)
    return tuple(choice for literal in _parts(kind, Literal) for choice in get_args(literal))


@cache
def _fields_of(kind: Any) -> Mapping[str, Any]:
    """Return the fields of the struct that a type is, holds, or lists; none for any other type."""
    for part in (kind, *get_args(kind)):
        if isinstance(part, type) and issubclass(part, msgspec.Struct):
            return {field.name: field.type for field in msgspec.structs.fields(part)}
    return {}


def _parts(kind: Any, origin: Any) -> Iterator[Any]:
    """Yield the parts of a type, whatever it is nested in, that have an origin."""
    if get_origin(kind) is origin:
        yield kind
        return
    for part in get_args(kind):
        yield from _parts(part, origin)
