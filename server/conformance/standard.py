"""The fields of the national message and of our extension by their Chinese names, whether or not a rule needs them.

`national_standard.csv` has one row a field: the object it stands in, its name, whether the national interface requires
it, and what it is called. The field table (`server.entrance.fields`) says what is read; this says what exists, so that a
misspelled field can be told from one that no rule needs.
"""

import csv
import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import NamedTuple

from server.entrance.fields import GROUPS, NESTED, Field
from server.entrance.national import PATIENTS
from server.entrance.national_case import DIAGNOSES, ENCOUNTERS, OPERATIONS, ORDERS, PAST_ENCOUNTERS

FILE = Path(__file__).with_name("national_standard.csv")
CLOSE_ENOUGH = 0.75
"""How like a known name a name must be to be taken for a slip (difflib's ratio)."""

ENVELOPE = "envelope"
DATA = "data"
PATIENT, ENCOUNTER, DIAGNOSIS, OPERATION, ORDER = (
    "patient_dtos",
    "fsi_encounter_dtos",
    "fsi_diagnose_dtos",
    "fsi_operation_dtos",
    "fsi_order_dtos",
)
CONTAINERS: Mapping[str, str] = {
    **dict.fromkeys(PATIENTS, PATIENT),
    **dict.fromkeys((*ENCOUNTERS, *PAST_ENCOUNTERS), ENCOUNTER),
    **dict.fromkeys(DIAGNOSES, DIAGNOSIS),
    **dict.fromkeys(OPERATIONS, OPERATION),
    **dict.fromkeys(ORDERS, ORDER),
}
"""Every name of a container, and the object that stands in it."""
_OBJECT_OF_GROUP: Mapping[str, str] = {
    "Patient": PATIENT,
    "Patient, `ext`": f"{PATIENT}.ext",
    "Encounter": ENCOUNTER,
    "Encounter, said of the patient": ENCOUNTER,
    "Encounter, `ext`": f"{ENCOUNTER}.ext",
    "Encounter, care mode (with `med_type`)": ENCOUNTER,
    "Encounter, main diagnosis": ENCOUNTER,
    "Diagnosis": DIAGNOSIS,
    "Diagnosis, `ext`": f"{DIAGNOSIS}.ext",
    "Operation": OPERATION,
    "Operation, `ext`": f"{OPERATION}.ext",
    "Order line": ORDER,
    "Order line, `ext`": f"{ORDER}.ext",
    "Envelope": ENVELOPE,
    "Envelope, said of the encounter": ENVELOPE,
    "Envelope, said of the patient": ENVELOPE,
}
_HOLDER_OF_NESTED: Mapping[str, str] = {
    "ingredients": f"{ORDER}.ext",
    "allergies": f"{PATIENT}.ext",
    "observations": f"{PATIENT}.ext",
    "programs": f"{PATIENT}.ext",
    "attestations": f"{ENCOUNTER}.ext",
    "counters": f"{ENCOUNTER}.ext",
}


class StandardField(NamedTuple):
    """One field as the national interface, or our extension of it, has it."""

    object: str
    name: str
    required: bool
    """By the national interface; none of our extension is."""
    label: str
    """What it is called in Chinese."""


@cache
def standard() -> Mapping[tuple[str, str], StandardField]:
    """Return every field, by object and name."""
    with FILE.open(encoding="utf-8", newline="") as stream:
        return {
            (row["object"], row["field"]): StandardField(
                row["object"], row["field"], row["required"] == "是", row["label"]
            )
            for row in csv.DictReader(stream)
        }


@cache
def fields_read() -> Mapping[tuple[str, str], Field]:
    """Return the fields that the entrance reads, by object and national name."""
    read: dict[tuple[str, str], Field] = {}
    for group in GROUPS:
        read |= {(_OBJECT_OF_GROUP[group.title], field.national): field for field in group.fields}
    for fact, group in NESTED.items():
        object_ = f"{_HOLDER_OF_NESTED[fact]}.{_list_name(fact)}"
        read |= {(object_, field.national): field for field in group.fields}
    return read


def _list_name(fact: str) -> str:
    """Return the national name of the list whose objects state a fact."""
    return next(field.national for group in GROUPS for field in group.fields if field.fact == fact)


def label_of(object_: str, name: str) -> str:
    """Return a field's Chinese name; "" for one that nobody knows."""
    known = standard().get((object_, name))
    return known.label if known else ""


def object_at(path: str) -> str:
    """Return the object that stands at a path of the message, by its canonical name.

    `input.data.patientDtos[0].encounterDtos.orderDtos[3].ext` is `fsi_order_dtos.ext`.
    """
    names = [re.sub(r"\[\d+\]", "", part) for part in path.split(".") if part]
    places = [place for place, name in enumerate(names) if name in CONTAINERS]
    if not places:
        return DATA if names else ENVELOPE
    return ".".join((CONTAINERS[names[places[-1]]], *names[places[-1] + 1 :]))


def snake(name: str) -> str:
    """Return the snake-case twin of a camel-case name, which vendors send for every field."""
    return re.sub(r"(?<!^)([A-Z])", lambda match: "_" + match[1].lower(), name)


def is_known(object_: str, name: str) -> bool:
    """Say whether a field of an object has that name, be it in camel case or one that only some vendors use."""
    if name in CONTAINERS or name == "ext" or (object_, name) in standard() or (object_, snake(name)) in standard():
        return True
    return any(name in field.names for (holder, _), field in fields_read().items() if holder == object_)


class Guess(NamedTuple):
    """What the sender of an unknown field may have meant."""

    object: str
    name: str


def guess(object_: str, name: str) -> Guess | None:
    """Return what an unknown field may have been meant as: a field of our extension out of place, or a slip of the pen.

    None where nothing is like it.
    """
    plain = snake(name)
    inside, _, ext = object_.partition(".ext")
    elsewhere = inside if _ else f"{object_}.ext"
    if not ext and (elsewhere, plain) in standard():
        return Guess(elsewhere, plain)
    here = [field.name for field in standard().values() if field.object == object_]
    close = get_close_matches(plain, here, n=1, cutoff=CLOSE_ENOUGH)
    if close:
        return Guess(object_, close[0])
    close = get_close_matches(plain, [f.name for f in standard().values() if f.object == elsewhere], 1, CLOSE_ENOUGH)
    return Guess(elsewhere, close[0]) if close else None
