"""The field table: which national field states which fact of a struct, and how its value is read.

One line of this table is all there is to say about a field. The reader of the national message walks it; our own JSON
and the typed request, whose names are those of the structs, are held to the same bounds by it (`own.py`); and
docs/reference/national-fields.md is generated from it. Camel-case twins (`rxId`) are accepted for every field; other
names that vendors use stand in `aliases`. Fields of the message that no rule needs are not read.
"""

import re
from functools import cache
from typing import Literal, NamedTuple

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
)

Kind = Literal[
    "text",
    "division",
    "number",
    "positive",
    "positive_or_unknown",
    "result",
    "count",
    "days",
    "time",
    "date",
    "flag",
    "code",
    "flag_code",
    "department",
    "route",
    "frequency",
    "texts",
    "objects",
]
"""How a value is read: `server.entrance.values` by that name; `division` is a text of which nothing but zeros is
nothing; `positive_or_unknown` keeps what is no positive number as an unknown fact; `result` is a number or words;
`code` goes by the site profile's list of that field, `flag_code` likewise for yes or no; `department`, `route` and
`frequency` by the profile's words; `objects` is a list of objects that a group of its own describes."""


class Field(NamedTuple):
    """One field of the national message."""

    fact: str
    """The name in the struct of `ruleset.case`."""
    national: str
    kind: Kind
    meaning: str
    aliases: tuple[str, ...] = ()
    known_as: str = ""
    """The name in `ruleset.facts.FACTS` where that is another one; an unknown fact is reported by it."""
    codes: str = ""
    """The profile's code list where it is not called as the field."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that the field may have, the national one first."""
        return _names(self.national, self.aliases)

    @property
    def unknown_as(self) -> str:
        """The name in `ruleset.facts.FACTS`."""
        return self.known_as or self.fact

    @property
    def code_list(self) -> str:
        """The name of the profile's code list."""
        return self.codes or self.national


@cache
def _names(national: str, aliases: tuple[str, ...]) -> tuple[str, ...]:
    camel = re.sub(r"_(\w)", lambda match: match[1].upper(), national)
    return tuple(dict.fromkeys((national, camel, *aliases)))


class Group(NamedTuple):
    """The fields of one object of the message."""

    title: str
    struct: type[msgspec.Struct]
    fields: tuple[Field, ...]
    text_states: str = ""
    """The fact that a bare text in the object's place states; empty: a text is an error."""


MESSAGE_TIME = Field("time", "inf_time", "time", "The message's own time.")
REGION_OF_ENVELOPE = Field("region", "mdtrtarea_admvs", "division", "就医地, where the encounter has no medins_admdvs.")
INSURED_REGION_OF_ENVELOPE = Field(
    "insured_region", "insuplc_admdvs", "division", "参保地, where the patient has no poolarea."
)

PATIENT = (
    Field("id", "patn_id", "text", "Identifies the insured person.", ("psn_no", "psnNo")),
    Field("name", "patn_name", "text", "Name, for the answer and the record.", ("psn_name", "psnName")),
    Field("sex", "gend", "code", "1 male, 2 female, 0 and 9 unknown."),
    Field("birth_date", "brdy", "time", "Date of birth; a time of day other than midnight is the hour of birth."),
    Field("insured_region", "poolarea", "division", "统筹区, where the patient is insured."),
)

PATIENT_EXT = (
    Field("weight_kg", "weight_kg", "positive", "Weight in kilograms."),
    Field("height_cm", "height_cm", "positive", "Height in centimetres."),
    Field("pregnancy_start", "preg_start", "date", "First day of the last menstruation."),
    Field("gestational_weeks", "gestational_weeks", "positive", "Weeks of pregnancy on the message's date."),
    Field("renal_function", "ren", "code", "Degree of renal impairment."),
    Field("hepatic_function", "hep", "code", "Degree of hepatic impairment, Child-Pugh."),
    Field("allergies", "allergies", "objects", "Recorded allergies; 无 in their place: asked, and there are none."),
    Field("allergies_checked", "allergies_checked", "flag", "true: somebody asked, and `allergies` is all there is."),
    Field("observations", "labs", "objects", "Results of tests: laboratory, culture, gene, imaging and others."),
    Field("programs", "programs", "objects", "Diseases for which the insured is approved (门慢特, 双通道, 特殊审批)."),
    Field("programs_checked", "programs_checked", "flag", "true: `programs` is all that was approved."),
    Field("flags", "flags", "texts", "Marks of the patient: cancer_pain, dialysis, transplant, or the hospital's own."),
    Field("deceased", "deceased", "time", "When the patient died."),
)

PATIENT_IN_ENCOUNTER = (Field("pregnancy_status", "matn_stas", "code", "Not pregnant, planning, pregnant, lactating."),)
"""What an encounter states of the patient."""

STATED_CARE_MODE = Field(
    "care_modes", "med_mdtrt_type", "code", "Outpatient, inpatient, pharmacy, other; `med_type` refines it."
)
"""The care mode is read from two fields together, and so stands in no group."""

ENCOUNTER = (
    Field("id", "mdtrt_id", "text", "Identifies the encounter."),
    Field("facility_id", "medins_id", "text", "The institution.", ("medins_code", "medinsCode", "fixmedins_code")),
    Field("begin", "adm_date", "time", "Admission, or the outpatient visit."),
    Field("end", "dscg_date", "time", "Discharge, or the outpatient visit."),
    Field("department_code", "adm_dept_codg", "department", "Department.", (), "department"),
    Field("practitioner_id", "dr_codg", "text", "The doctor's national code."),
    Field("facility_level", "medins_lv", "code", "The institution's level."),
    Field("facility_type", "medins_type", "text", "The institution's type."),
    Field("region", "medins_admdvs", "division", "就医地, the division where the institution stands."),
    Field("visit_kind", "med_type", "code", "Medical category."),
    Field("payer", "insutype", "code", "Kind of insurance."),
    Field("out_of_region", "out_setl_flag", "flag_code", "Treated away from the insured region.", (), "region"),
    Field("program_code", "opsp_dise_code", "text", "The 门慢特 disease that the visit is settled under."),
    Field("program_name", "opsp_dise_name", "text", "Its name."),
    Field("bed", "bedno", "text", "Bed."),
)

INTERNET = Field("internet", "internet", "flag", "true: an internet consultation.")

ENCOUNTER_EXT = (
    INTERNET,
    Field("planned", "planned", "flag", "true: a stay that was planned (chemotherapy, staged surgery)."),
    Field("long_prescription", "long_prescription", "flag", "true: written under 长期处方管理规范."),
    Field(
        "attestations", "attestations", "objects", "What a person vouched for: signatures, consultations, approvals."
    ),
    Field("counters", "counters", "objects", "Figures added up elsewhere: what is used of a limit."),
)

VISIT = tuple(
    field for field in ENCOUNTER if field.fact in {"id", "facility_id", "begin", "end", "department_code", "visit_kind"}
)
"""What is read of a past encounter; its diagnoses and its care mode besides."""

VISIT_EXT = tuple(field for field in ENCOUNTER_EXT if field.fact == "planned")

MAIN_DIAGNOSIS = (
    Field("code", "dscg_main_dise_codg", "text", "Code of the main diagnosis."),
    Field("name", "dscg_main_dise_name", "text", "Name of the main diagnosis."),
)
"""The main diagnosis beside the list of them; one more where the list lacks it."""

DIAGNOSIS = (
    Field("code", "dise_codg", "text", "Diagnosis code."),
    Field("name", "dise_name", "text", "Diagnosis."),
    Field("primary", "maindise_flag", "flag", "1: the main diagnosis."),
    Field("recorded", "dise_date", "time", "When it was made."),
)

DIAGNOSIS_EXT = (Field("suspected", "suspected", "flag", "true: 疑似, 待查. Without it the name tells."),)

OPERATION = (
    Field("code", "oprn_code", "text", "Operation code."),
    Field("name", "oprn_name", "text", "Operation."),
    Field("performed", "oprn_date", "time", "When it was performed."),
)

OPERATION_EXT = (
    Field("begin", "oprn_begntime", "time", "The incision."),
    Field("end", "oprn_endtime", "time", "The end."),
    Field("incision_class", "incision_class", "code", "I to IV: 清洁, 清洁-污染, 污染, 污秽-感染."),
    Field("incision_id", "incision_id", "text", "Equal for operations through one incision."),
    Field("emergency", "emergency", "flag", "true: an emergency operation."),
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
    Field("form", "hilist_dosform", "text", "Dosage form.", ("hosplist_dosform", "hosplistDosform")),
    Field("specification", "spec", "text", "The text that names strength and pack."),
    Field("charge_kind", "chrg_type", "text", "Category of the charge."),
    Field("quantity", "cnt", "number", "Quantity, in the item's own unit; negative for a refund."),
    Field("price", "pric", "number", "Price of one unit, CNY."),
    Field("amount", "sumamt", "number", "Amount, CNY."),
    Field("catalogue_price", "hilist_pric", "positive", "The highest price that the catalogue allows, CNY."),
    Field("begin", "drord_begn_date", "time", "When the order or charge begins."),
    Field("end", "drord_stop_date", "time", "When it stops."),
    Field("long_term", "long_drord_flag", "flag_code", "1: a long-term order."),
    Field("discharge_medication", "drord_bhvr", "flag_code", "1: medicine to take home."),
    Field("department_code", "drord_dept_codg", "department", "Ordering department.", (), "department"),
    Field("practitioner_id", "drord_dr_codg", "text", "Ordering doctor."),
    Field("practitioner_title", "drord_dr_profttl", "code", "The ordering doctor's title."),
)

LINE_EXT = (
    Field("days", "days", "days", "Days of use, from the begin date."),
    Field("self_pay", "self_pay", "flag", "true: the patient agreed to pay this line themselves."),
    Field("dose", "dose", "positive_or_unknown", "Single dose; for a herb, of one of the `herb_doses`."),
    Field("dose_unit", "dose_unit", "text", "Unit of the dose: UCUM or Chinese."),
    Field("frequency", "freq", "frequency", "How often: qd, bid, q8h, prn, 每日三次."),
    Field("times_per_day", "freq_per_day", "positive", "Doses a day, where the number is known beside the code."),
    Field("route", "route", "route", "By which route."),
    Field("group_id", "group", "text", "Group of lines given together, where `grpno` does not say it."),
    Field("strength", "strength", "positive", "Amount of substance in one unit of the form."),
    Field("strength_unit", "strength_unit", "text", "Unit of the strength."),
    Field("pack_size", "pack_size", "positive", "Units of the form in one unit of the quantity (24 tablets a box)."),
    Field("ingredients", "ingredients", "objects", "Active substances, by generic name."),
    Field("classes", "classes", "texts", "Therapeutic classes: ATC codes of any level, or the hospital's own."),
    Field("volume_ml", "volume_ml", "positive", "Volume of a liquid or a solvent, mL.", (), "volume"),
    Field("infusion_rate", "drip_rate", "positive_or_unknown", "How fast an infusion runs, in its unit."),
    Field("infusion_rate_unit", "drip_rate_unit", "text", "mL/h or 滴/分."),
    Field("purpose", "purpose", "code", "Why an antibiotic is given: treatment or prophylaxis."),
    Field("given", "med_time", "time", "When it is (to be) given, where that is not the begin."),
    Field("skin_test", "skin_test", "code", "Result of the skin test that belongs to the line."),
    Field("emergency_use", "emergency_use", "flag", "true: beyond the doctor's privilege in an emergency."),
    Field("herb_doses", "herb_doses", "count", "Doses (剂, 付) of a herb prescription."),
)
"""Our extension: fields of the `ext` object of an order."""

INGREDIENT = (
    Field("name", "name", "text", "Generic name."),
    Field("amount", "amount", "positive", "Amount in one unit of the form.", (), "ingredients"),
    Field("unit", "unit", "text", "Unit of the amount."),
)

ALLERGY = (
    Field("substance", "substance", "text", "Generic name, or the name of a class."),
    Field("code", "code", "text", "Its code, where there is one."),
    Field("severity", "severity", "code", "mild, moderate, severe.", (), "allergies", "allergies.severity"),
    Field("status", "status", "code", "active, inactive, refuted.", (), "allergies", "allergies.status"),
    Field("reaction", "reaction", "text", "What happened."),
)

OBSERVATION = (
    Field("kind", "kind", "code", "What kind of test.", (), "observations", "labs.kind"),
    Field("code", "code", "text", "LOINC, where there is one."),
    Field("name", "name", "text", "What was looked for."),
    Field("value", "value", "result", "A number in `unit`; a result in words is taken as `text`."),
    Field("unit", "unit", "text", "UCUM unit."),
    Field("text", "text", "text", "A result in words: 阳性, 突变."),
    Field("time", "time", "time", "When."),
    Field("status", "status", "code", "ordered or final.", (), "observations", "labs.status"),
    Field("encounter_id", "encounter_id", "text", "The encounter it belongs to.", ("mdtrt_id",)),
)

PROGRAM = (
    Field("code", "code", "text", "Code of the disease.", ("opsp_dise_code",)),
    Field("name", "name", "text", "Name of the disease.", ("opsp_dise_name",)),
    Field("valid_from", "valid_from", "date", "First day."),
    Field("valid_to", "valid_to", "date", "Last day."),
    Field("item_codes", "item_codes", "texts", "The items it is narrowed to; none: all."),
)

ATTESTATION = (
    Field("kind", "kind", "code", "What was vouched for.", (), "attestations", "attestations.kind"),
    Field("by", "by", "text", "Who."),
    Field("time", "time", "time", "When."),
    Field("text", "text", "text", "In words."),
    Field("order_ids", "order_ids", "texts", "The orders it holds for; none: the encounter.", ("rx_ids",)),
)

COUNTER = (
    Field("subject", "subject", "code", "Whose figure.", (), "counters", "counters.subject"),
    Field("subject_id", "subject_id", "text", "Which patient, doctor, department or disease."),
    Field("metric", "metric", "text", "What is counted."),
    Field("period", "period", "code", "Over which period.", (), "counters", "counters.period"),
    Field("value", "value", "number", "The figure before the current lines."),
    Field("at", "at", "date", "A day of the period."),
)

GROUPS = (
    Group("Patient", Patient, PATIENT),
    Group("Patient, `ext`", Patient, PATIENT_EXT),
    Group("Encounter", Encounter, ENCOUNTER),
    Group("Encounter, said of the patient", Patient, PATIENT_IN_ENCOUNTER),
    Group("Encounter, `ext`", Encounter, ENCOUNTER_EXT),
    Group("Encounter, care mode (with `med_type`)", Encounter, (STATED_CARE_MODE,)),
    Group("Encounter, main diagnosis", Diagnosis, MAIN_DIAGNOSIS),
    Group("Diagnosis", Diagnosis, DIAGNOSIS),
    Group("Diagnosis, `ext`", Diagnosis, DIAGNOSIS_EXT),
    Group("Operation", Operation, OPERATION),
    Group("Operation, `ext`", Operation, OPERATION_EXT),
    Group("Order line", Line, LINE),
    Group("Order line, `ext`", Line, LINE_EXT),
    Group("Envelope", Case, (MESSAGE_TIME,)),
    Group("Envelope, said of the encounter", Encounter, (REGION_OF_ENVELOPE,)),
    Group("Envelope, said of the patient", Patient, (INSURED_REGION_OF_ENVELOPE,)),
)

NESTED = {
    "ingredients": Group("`ext.ingredients[]` of an order", Ingredient, INGREDIENT, "name"),
    "allergies": Group("`ext.allergies[]` of the patient", Allergy, ALLERGY, "substance"),
    "observations": Group("`ext.labs[]` of the patient", Observation, OBSERVATION),
    "programs": Group("`ext.programs[]` of the patient", DiseaseProgram, PROGRAM, "code"),
    "attestations": Group("`ext.attestations[]` of the encounter", Attestation, ATTESTATION, "kind"),
    "counters": Group("`ext.counters[]` of the encounter", Counter, COUNTER),
}
"""The objects of the lists in `ext`, by the fact that the list states. Their fields are called as in our own JSON."""

ALL_GROUPS = (*GROUPS, *NESTED.values())
