"""The field table: which national field states which fact of a struct, and how its value is read.

One line of this table is all there is to say about a field; the reader of the national message walks it, and
docs/reference/national-fields.md is generated from it. Camel-case twins (`rxId`) are accepted for every field; other
names that vendors use stand in `aliases`. Fields of the message that no rule needs are not read.
"""

import re
from typing import Literal, NamedTuple

Kind = Literal["text", "number", "days", "time", "code", "flag_code", "flag", "number_or_unknown"]
"""How a value is read: `server.entrance.values` by that name; `code` by the site profile's list of that field;
`flag_code` likewise, for yes or no; `number_or_unknown` keeps what is no number as an unknown fact."""


class Field(NamedTuple):
    """One field of the national message."""

    fact: str
    """The name in the struct of `ruleset.case`."""
    national: str
    kind: Kind
    meaning: str
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that the field may have, the national one first."""
        camel = re.sub(r"_(\w)", lambda match: match[1].upper(), self.national)
        return tuple(dict.fromkeys((self.national, camel, *self.aliases)))


PATIENT = (
    Field("id", "patn_id", "text", "Identifies the insured person.", ("psn_no", "psnNo")),
    Field("name", "patn_name", "text", "Name, for the answer and the record.", ("psn_name", "psnName")),
    Field("sex", "gend", "code", "1 male, 2 female, 0 and 9 unknown."),
    Field("birth_date", "brdy", "time", "Date of birth."),
)

PATIENT_EXT = (
    Field("weight_kg", "weight_kg", "number", "Weight in kilograms."),
    Field("height_cm", "height_cm", "number", "Height in centimetres."),
)

ENCOUNTER = (
    Field("id", "mdtrt_id", "text", "Identifies the encounter."),
    Field("facility_id", "medins_id", "text", "The institution.", ("medins_code", "medinsCode", "fixmedins_code")),
    Field("begin", "adm_date", "time", "Admission, or the outpatient visit."),
    Field("end", "dscg_date", "time", "Discharge, or the outpatient visit."),
    Field("department_code", "adm_dept_codg", "text", "Department."),
    Field("practitioner_id", "dr_codg", "text", "The doctor's national code."),
    Field("facility_level", "medins_lv", "code", "The institution's level."),
    Field("visit_kind", "med_type", "code", "Medical category."),
    Field("payer", "insutype", "code", "Kind of insurance."),
)
"""The care mode is read from two fields together, and so stands in the reader and not here."""

DIAGNOSIS = (
    Field("code", "dise_codg", "text", "Diagnosis code."),
    Field("name", "dise_name", "text", "Diagnosis."),
    Field("primary", "maindise_flag", "flag", "1: the main diagnosis."),
    Field("recorded", "dise_date", "time", "When it was made."),
)

OPERATION = (
    Field("code", "oprn_code", "text", "Operation code."),
    Field("name", "oprn_name", "text", "Operation."),
    Field("performed", "oprn_date", "time", "When it was performed."),
)

LINE = (
    Field("current", "curr_drord_flag", "flag_code", "1: being written now; 0: history."),
    Field("order_id", "rx_id", "text", "Identifies the order or charge; echoed in the answer."),
    Field("prescription_id", "rxno", "text", "Prescription number."),
    Field("group_id", "grpno", "text", "Group of lines given together."),
    Field("item_kind", "hilist_type", "code", "Catalogue: drug, herb piece, service, consumable."),
    Field("item_code", "hilist_code", "text", "National item code."),
    Field("item_name", "hilist_name", "text", "National item name."),
    Field("local_code", "hosplist_code", "text", "The hospital's item code."),
    Field("local_name", "hosplist_name", "text", "The hospital's item name."),
    Field("quantity", "cnt", "number", "Quantity, in the item's own unit; negative for a refund."),
    Field("price", "pric", "number", "Price of one unit, CNY."),
    Field("amount", "sumamt", "number", "Amount, CNY."),
    Field("begin", "drord_begn_date", "time", "When the order or charge begins."),
    Field("end", "drord_stop_date", "time", "When it stops."),
    Field("long_term", "long_drord_flag", "flag_code", "1: a long-term order."),
    Field("discharge_medication", "drord_bhvr", "flag_code", "1: medicine to take home."),
    Field("department_code", "drord_dept_codg", "text", "Ordering department."),
    Field("practitioner_id", "drord_dr_codg", "text", "Ordering doctor."),
)

LINE_EXT = (
    Field("days", "days", "days", "Days of use, from the begin date."),
    Field("self_pay", "self_pay", "flag", "true: the patient agreed to pay this line themselves."),
    Field("dose", "dose", "number_or_unknown", "Single dose."),
    Field("dose_unit", "dose_unit", "text", "Unit of the dose."),
    Field("frequency", "freq", "text", "How often."),
    Field("route", "route", "text", "By which route."),
)
"""Our extension: fields of the `ext` object of an order."""
