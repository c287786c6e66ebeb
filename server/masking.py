"""Decisions without persons: what leaves the hospital for a committee, a vendor or a bug report.

Names and ids become a keyed hash (HMAC-SHA-256) of themselves: equal ones stay equal, so a history still belongs to its
patient, and nobody without the key gets back. Birth dates keep year and month. Free text is dropped. What is exported
is not the document but the facts that were read from it: what no rule reads is not there at all.

Every field of the fact model has its treatment here, by the name of its struct and its own; a new one without is an
error, never an export.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ruleset.case import (
    Allergy,
    Attestation,
    Case,
    Counter,
    Diagnosis,
    DiseaseProgram,
    Encounter,
    Ingredient,
    Line,
    Observation,
    Operation,
    Patient,
    Practitioner,
    Privilege,
    Site,
    UnknownFact,
    Visit,
)

KEY_MIN_BYTES = 16
PSEUDONYM_CHARACTERS = 24
RESULT_MAX_CHARACTERS = 16
"""A result in words (阳性, 突变) is kept; what is longer may be a report, and is dropped."""

KEEP, DROP, PSEUDONYM, MONTH, RESULT, SUBJECT = "keep", "drop", "pseudonym", "month", "result", "subject"
_TREATMENTS: Mapping[type[msgspec.Struct], Mapping[str, str]] = {
    Case: {PSEUDONYM: "message_id"},
    Patient: {PSEUDONYM: "id name", MONTH: "birth_date", DROP: "birth_time"},
    Encounter: {PSEUDONYM: "id practitioner_id", DROP: "bed"},
    Visit: {PSEUDONYM: "id"},
    Line: {PSEUDONYM: "order_id prescription_id group_id practitioner_id encounter_id"},
    Allergy: {DROP: "reaction"},
    Observation: {RESULT: "text", PSEUDONYM: "encounter_id"},
    Practitioner: {PSEUDONYM: "id name"},
    Attestation: {PSEUDONYM: "by order_ids", DROP: "text"},
    Counter: {SUBJECT: "subject_id"},
    UnknownFact: {DROP: "value reason"},
    Diagnosis: {},
    DiseaseProgram: {},
    Ingredient: {},
    Operation: {},
    Privilege: {},
    Site: {},
}
"""What is not kept, by struct. What stands here without a field is kept whole."""
KEPT_FIELDS: Mapping[type[msgspec.Struct], str] = {
    Case: "time triggers patient encounter lines history visits practitioners site",
    Patient: "sex weight_kg height_cm insured_region pregnancy_status pregnancy_start gestational_weeks renal_function"
    " hepatic_function allergies allergies_checked observations programs programs_checked flags deceased unknown_facts",
    Encounter: "facility_id facility_level care_modes visit_kind payer internet begin end department_code facility_type"
    " region out_of_region program_code program_name long_prescription planned attestations counters diagnoses operations"
    " unknown_facts",
    Visit: "facility_id care_modes begin end department_code diagnoses planned",
    Line: "item_code item_name local_code local_name item_kind quantity price amount begin begin_stated begin_is_date end"
    " days self_pay long_term discharge_medication department_code dose dose_unit frequency times_per_day route form"
    " strength strength_unit pack_size specification ingredients classes volume_ml infusion_rate infusion_rate_unit"
    " purpose given skin_test emergency_use herb_doses practitioner_title charge_kind catalogue_price facility_id position"
    " ordinal unknown_facts",
    Allergy: "substance code severity status",
    Observation: "kind code name value unit time status",
    Practitioner: "title department_code privileges",
    Attestation: "kind time",
    Counter: "subject metric period value at",
    UnknownFact: "fact",
    Diagnosis: "code name primary recorded suspected",
    DiseaseProgram: "code name valid_from valid_to item_codes",
    Ingredient: "name amount unit",
    Operation: "code name performed begin end incision_class incision_id emergency",
    Privilege: "code valid_from valid_to",
    Site: "insurance_year_begins complete_feeds holidays",
}
"""What is kept, by struct: codes, names of items and diagnoses, amounts, times."""

Masked = TypeVar("Masked", bound=msgspec.Struct)


class MaskingError(Exception):
    """What cannot be masked. The text says why."""


def treatment_of(struct: type[msgspec.Struct], field: str) -> str:
    """Return what happens to a field. Raises MaskingError for one that nobody has thought of."""
    if struct not in _TREATMENTS:
        raise MaskingError(f"`{struct.__name__}` has no treatment")
    for treatment, fields in _TREATMENTS[struct].items():
        if field in fields.split():
            return treatment
    if field in KEPT_FIELDS[struct].split():
        return KEEP
    raise MaskingError(f"`{struct.__name__}.{field}` has no treatment")


def read_key(file: Path) -> bytes:
    """Return the key of a file. Raises MaskingError."""
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise MaskingError(f"key file {file}: {error.strerror}") from error
    if len(key) < KEY_MIN_BYTES:
        raise MaskingError(f"key file {file}: {len(key)} bytes, at least {KEY_MIN_BYTES}")
    return key


class Mask:
    """Masks with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._by_treatment: Mapping[str, Callable[[Any], Any]] = {
            KEEP: self._kept,
            PSEUDONYM: self._pseudonyms,
            MONTH: lambda value: date(value.year, value.month, 1) if value is not None else None,
            RESULT: lambda value: value if len(value) <= RESULT_MAX_CHARACTERS else "",
        }

    def pseudonym(self, text: str) -> str:
        """Return what stands for a name or an id; nothing for nothing."""
        if not text:
            return ""
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:PSEUDONYM_CHARACTERS]

    def struct(self, value: Masked) -> Masked:
        """Return a struct of the fact model with its fields treated. Raises MaskingError."""
        kind = type(value)
        changes: dict[str, Any] = {}
        for field in msgspec.structs.fields(kind):
            found = getattr(value, field.name)
            treatment = treatment_of(kind, field.name)
            if treatment == DROP:
                changes[field.name] = type(found)() if isinstance(found, (str, tuple)) else None
            elif treatment == SUBJECT:
                of_a_person = isinstance(value, Counter) and value.subject in ("patient", "practitioner")
                changes[field.name] = self.pseudonym(found) if of_a_person else found
            else:
                changes[field.name] = self._by_treatment[treatment](found)
        return kind(**changes)

    def _kept(self, value: Any) -> Any:
        if isinstance(value, msgspec.Struct):
            return self.struct(value)
        if isinstance(value, tuple):
            return tuple(map(self._kept, value))
        return value

    def _pseudonyms(self, value: Any) -> Any:
        return tuple(map(self.pseudonym, value)) if isinstance(value, tuple) else self.pseudonym(value)
