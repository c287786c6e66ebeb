"""The fact model: what one check knows about a patient, an encounter and its order lines.

Every entrance (our JSON, the national message, the typed protobuf) builds these structs and nothing else, so
a rule reads one model whatever the message looked like. A fact that is not known is `None` (or an empty tuple of
possibilities), never a guess; why it is unknown stands in `unknown_facts`.

Times are naive `datetime`s in the site's own time zone, as the national message carries them: the rules speak of
calendar days at the hospital. Quantities and amounts are `Decimal`s: sums must be exact.

`gc=False`: these structs are trees of immutable values and can form no cycle, so the collector need not walk the
histories of thousands of patients.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import msgspec

Sex = Literal["male", "female"]
FacilityLevel = Literal["primary", "secondary", "tertiary"]
"""一级 and below, 二级, 三级."""

CareMode = Literal["outpatient", "emergency", "chronic_outpatient", "inpatient", "pharmacy", "other"]
"""门诊, 急诊, 门慢特, 住院, 购药, 其他."""

VisitKind = Literal[
    "outpatient",
    "emergency",
    "chronic_outpatient",
    "inpatient",
    "day_surgery",
    "pharmacy",
    "maternity_outpatient",
    "maternity_inpatient",
    "family_planning",
]
"""The medical category (national med_type), finer than the care mode."""

Payer = Literal[
    "employee",
    "civil_servant",
    "large_sum",
    "retired_cadre",
    "resident",
    "serious_illness",
    "long_term_care",
    "maternity",
    "work_injury",
    "other",
]
"""The kind of insurance (national insutype)."""

PregnancyStatus = Literal["neither", "planning", "pregnant", "lactating"]
"""National matn_stas: 非妊娠哺乳, 备孕, 妊娠, 哺乳."""

RenalFunction = Literal["normal", "mild", "moderate", "severe", "dialysis"]
HepaticFunction = Literal["normal", "child_pugh_a", "child_pugh_b", "child_pugh_c"]

PrivilegeCode = str
"""What a doctor may prescribe: `narcotic`, `psychotropic_1`, `toxic`, `radioactive`, `antibiotic_restricted`,
`antibiotic_special`, `oncology_ordinary`, `oncology_restricted`, `herb`, or a code of the hospital's own."""

ItemKind = Literal["drug", "herb_piece", "herb_granule", "service", "consumable", "long_term_care", "other"]
"""The catalogue an item belongs to (national hilist_type)."""
HERBS: tuple[ItemKind, ...] = ("herb_piece", "herb_granule")
"""The catalogues of herbs."""

Trigger = Literal["registration", "charging", "execution", "settlement_preview", "settlement", "other"]
"""The moment in the visit at which the HIS asks (national trig_scen)."""


class UnknownFact(msgspec.Struct, frozen=True, gc=False):
    """A fact that could not be taken from the message although something was there.

    `fact` is a name of `ruleset.facts.FACTS`; `value` is what stood in the message; `reason` says in Chinese why
    it could not be used.
    """

    fact: str
    value: str
    reason: str


class Line(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One order or charge line, current or past."""

    order_id: str = ""
    prescription_id: str = ""
    group_id: str = ""
    item_code: str = ""
    item_name: str = ""
    local_code: str = ""
    local_name: str = ""
    item_kind: ItemKind | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    amount: Decimal | None = None
    begin: datetime | None = None
    begin_stated: bool = True
    """False where `begin` is the message's time because the line had none of its own."""
    begin_is_date: bool = False
    """True where the line states a date without a time of day: `begin` is then its midnight."""
    end: datetime | None = None
    days: int | None = None
    self_pay: bool = False
    long_term: bool | None = None
    discharge_medication: bool | None = None
    department_code: str = ""
    practitioner_id: str = ""
    dose: Decimal | None = None
    """The amount of one administration, in `dose_unit`; for a herb, of one of the `herb_doses`."""
    dose_unit: str = ""
    """A UCUM code or a Chinese unit (mg, g, ug, mL, [iU], 片, 支); `ruleset.units` reads it."""
    frequency: str = ""
    """A frequency code or its Chinese form (qd, bid, q8h, prn, 每日三次); `ruleset.frequency` reads it."""
    times_per_day: Decimal | None = None
    """Administrations a day, where the HIS states the number beside the code."""
    route: str = ""
    """The route as the site spells it; profiles map it to the standard word (静脉滴注, 口服, 鞘内注射)."""
    form: str = ""
    """The dosage form (national hilist_dosform)."""
    strength: Decimal | None = None
    """The amount of substance in one unit of the form (one tablet, one vial), in `strength_unit`."""
    strength_unit: str = ""
    pack_size: Decimal | None = None
    """How many units of the form one unit of `quantity` holds (24 tablets a box)."""
    specification: str = ""
    """National spec: the text that names strength and pack, for a person."""
    ingredients: tuple["Ingredient", ...] = ()
    """The active substances, by generic name. Empty: unknown."""
    classes: tuple[str, ...] = ()
    """Therapeutic classes: ATC codes of any level, or a hospital's own. Classes in a national western drug code
    need not be stated; `ruleset.codes` reads them."""
    volume_ml: Decimal | None = None
    """The volume of a liquid, or of a solvent."""
    infusion_rate: Decimal | None = None
    """In `infusion_rate_unit`: mL/h or 滴/分 ([drp]/min)."""
    infusion_rate_unit: str = ""
    purpose: Literal["treatment", "prophylaxis"] | None = None
    """Why an antibiotic is given."""
    given: datetime | None = None
    """When it is (to be) administered, where that differs from `begin`."""
    skin_test: Literal["negative", "positive", "ordered", "exempt"] | None = None
    """The result of the skin test that belongs to this line."""
    emergency_use: bool | None = None
    """Prescribed beyond the doctor's privilege in an emergency (抗菌药物紧急越级使用)."""
    herb_doses: int | None = None
    """How many doses (剂, 付) of a herb prescription."""
    practitioner_title: str = ""
    """National drord_dr_profttl. Vendors hard-code it: it may narrow a scope, never grant a privilege."""
    charge_kind: str = ""
    """National chrg_type."""
    catalogue_price: Decimal | None = None
    """National hilist_pric: the highest price the catalogue allows, CNY."""
    encounter_id: str = ""
    facility_id: str = ""
    position: int = 0
    """1-based place among the lines of its message; names the line where an order_id is shared."""
    ordinal: int = 0
    """0-based place among the lines of its message that are otherwise the same line; see `identity`."""
    unknown_facts: tuple[UnknownFact, ...] = ()

    @property
    def name(self) -> str:
        """What to call the item before a person."""
        return self.item_name or self.local_name or self.item_code or self.local_code or "未命名项目"

    @property
    def item(self) -> str:
        """What it is charged and taken back as: the item code, else the name."""
        return self.item_code or self.name

    @property
    def is_refund(self) -> bool:
        """A negative quantity reverses an earlier charge."""
        return self.quantity is not None and self.quantity < 0


class Diagnosis(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One diagnosis of the current encounter."""

    code: str = ""
    name: str = ""
    primary: bool | None = None
    recorded: datetime | None = None
    suspected: bool | None = None
    """True for 疑似, 待查 and a trailing question mark; None where nobody says: `ruleset.diagnoses` reads the name."""


class Operation(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One operation of the current encounter."""

    code: str = ""
    name: str = ""
    performed: datetime | None = None
    begin: datetime | None = None
    """The incision; a perioperative window is counted from here."""
    end: datetime | None = None
    incision_class: Literal["I", "II", "III", "IV"] | None = None
    """清洁, 清洁-污染, 污染, 污秽-感染."""
    incision_id: str = ""
    """Equal for operations through one incision; empty: unknown."""
    emergency: bool | None = None


class Ingredient(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One active substance of a drug by its generic name, with its amount in one unit of the form where known."""

    name: str
    amount: Decimal | None = None
    unit: str = ""


class Allergy(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A recorded allergy (HL7 FHIR AllergyIntolerance). `substance` is a generic name or the name of a class."""

    substance: str = ""
    code: str = ""
    severity: Literal["mild", "moderate", "severe"] | None = None
    status: Literal["active", "inactive", "refuted"] = "active"
    reaction: str = ""


class Observation(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A finding about the patient (HL7 FHIR Observation): a laboratory value, a culture, a gene, a score, a skin test.

    `code` is LOINC where there is one. `value` with a UCUM `unit`, or `text` for a result in words (阳性, 突变).
    """

    kind: Literal[
        "laboratory", "culture", "gene", "imaging", "screening", "skin_test", "consent", "consultation", "vital_sign"
    ] = "laboratory"
    code: str = ""
    name: str = ""
    value: Decimal | None = None
    unit: str = ""
    text: str = ""
    time: datetime | None = None
    status: Literal["ordered", "final"] = "final"
    encounter_id: str = ""


class DiseaseProgram(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A disease for which the insured is approved (门慢特病种, 双通道, 特殊审批); in force on both its days.

    `item_codes` narrows an approval to some items.
    """

    code: str = ""
    name: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    item_codes: tuple[str, ...] = ()


class Privilege(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What a practitioner may prescribe, and from when to when (both days included)."""

    code: PrivilegeCode
    valid_from: date | None = None
    valid_to: date | None = None


class Practitioner(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A doctor with every privilege they hold: one that is not listed was not granted."""

    id: str
    name: str = ""
    title: str = ""
    department_code: str = ""
    privileges: tuple[Privilege, ...] = ()


class Attestation(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Something that a person vouched for: a second signature, a consultation, an approval, a presence.

    Holds for the lines named in `order_ids`; for the whole encounter where none is named.
    """

    kind: Literal[
        "second_signature",
        "consultation",
        "special_approval",
        "informed_consent",
        "patient_present",
        "long_prescription_reason",
        "first_line_intolerance",
        "reason",
    ]
    by: str = ""
    time: datetime | None = None
    text: str = ""
    order_ids: tuple[str, ...] = ()


class Counter(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A figure that was added up elsewhere: what a patient, doctor, department or disease has used of a limit.

    `subject_id` as in the case (practitioner id, department code, diagnosis code). Counts what was committed before
    the current lines, in the period that `at` lies in.
    """

    subject: Literal["patient", "practitioner", "department", "disease"]
    subject_id: str
    metric: str
    period: Literal["month", "quarter", "year", "encounter"]
    value: Decimal
    at: date | None = None


class Visit(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A past (or the current) encounter, as the patient's history keeps it."""

    id: str
    facility_id: str = ""
    care_modes: tuple[CareMode, ...] = ()
    begin: datetime | None = None
    end: datetime | None = None
    department_code: str = ""
    diagnoses: tuple[Diagnosis, ...] = ()
    planned: bool | None = None
    """A stay that was planned (chemotherapy, staged surgery)."""


Feed = Literal["history", "diagnoses", "allergies", "observations", "approvals", "attestations"]
"""A source of facts of which a site may say that it is complete: then what is absent did not happen."""


class Site(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What the site profile says of the site."""

    insurance_year_begins: tuple[int, int] = (1, 1)
    """Month and day on which the insurance year begins."""
    complete_feeds: frozenset[Feed] = frozenset()
    holidays: tuple[date, ...] = ()


class Patient(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The patient. `id` is empty where the message has none: then no stored history can be consulted."""

    id: str = ""
    name: str = ""
    sex: Sex | None = None
    birth_date: date | None = None
    birth_time: datetime | None = None
    """Where the hour of birth is known; a newborn's age in hours needs it."""
    weight_kg: Decimal | None = None
    height_cm: Decimal | None = None
    insured_region: str = ""
    """统筹区: the six digits of the administrative division where the patient is insured (national poolarea)."""
    pregnancy_status: PregnancyStatus | None = None
    pregnancy_start: date | None = None
    """First day of the last menstruation."""
    gestational_weeks: Decimal | None = None
    """As stated on the message's date, where the start is not known."""
    renal_function: RenalFunction | None = None
    hepatic_function: HepaticFunction | None = None
    allergies: tuple[Allergy, ...] = ()
    allergies_checked: bool | None = None
    """True: somebody asked, and `allergies` is all there is. Else an empty list says nothing."""
    observations: tuple[Observation, ...] = ()
    programs: tuple[DiseaseProgram, ...] = ()
    programs_checked: bool | None = None
    """True: `programs` is all that was approved."""
    flags: tuple[str, ...] = ()
    """Marks that exempt (`cancer_pain`, `dialysis`, `transplant`, or the hospital's own)."""
    deceased: datetime | None = None
    unknown_facts: tuple[UnknownFact, ...] = ()


class Encounter(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The current encounter."""

    id: str = ""
    facility_id: str = ""
    facility_level: FacilityLevel | None = None
    care_modes: tuple[CareMode, ...] = ()
    """The care modes that the message leaves possible: one when it is known, several when a refinement is
    missing, none when it is unknown or contradictory."""
    visit_kind: VisitKind | None = None
    payer: Payer | None = None
    internet: bool | None = None
    begin: datetime | None = None
    end: datetime | None = None
    department_code: str = ""
    practitioner_id: str = ""
    facility_type: str = ""
    """National medins_type."""
    region: str = ""
    """就医地: the administrative division of the institution (national medins_admdvs)."""
    out_of_region: bool | None = None
    """Treatment away from the insured region (national out_setl_flag); None: compare the two divisions."""
    program_code: str = ""
    """The 门慢特 disease that this visit is settled under (national opsp_dise_code)."""
    program_name: str = ""
    long_prescription: bool | None = None
    """Written under 长期处方管理规范."""
    planned: bool | None = None
    bed: str = ""
    attestations: tuple[Attestation, ...] = ()
    counters: tuple[Counter, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    operations: tuple[Operation, ...] = ()
    unknown_facts: tuple[UnknownFact, ...] = ()


class Case(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Everything that one check is about: the facts of the message, before stored history joins them."""

    message_id: str = ""
    time: datetime | None = None
    """The message's own time; stands in for the order time of a current line that has none."""
    triggers: tuple[Trigger, ...] = ("other",)
    patient: Patient = Patient()
    encounter: Encounter = Encounter()
    lines: tuple[Line, ...] = ()
    """The lines being written now; only these are judged."""
    history: tuple[Line, ...] = ()
    """Past lines that travelled in the message, of any encounter."""
    visits: tuple[Visit, ...] = ()
    """Past encounters that travelled in the message."""
    practitioners: tuple[Practitioner, ...] = ()
    """The doctors of whom the privileges are known."""
    site: Site = Site()


LineIdentity = tuple[str, str, str, datetime | None, int]


def identity(line: Line) -> LineIdentity:
    """Return what makes two statements of a line the same line, in the message and in the store.

    Encounter, order id, item, the time that the line itself states, and the place among lines that agree in all of
    these. Item and time belong to it because many sites give one rx_id to a whole prescription, or to a long-term
    order that is charged every day. Quantity does not: a corrected quantity is still the same line. The place in
    the message does not either: the same lines in another order are the same lines. A line that states neither an order id nor a time goes by its message's time:
    two charges of two messages are two.
    """
    stated = line.begin if line.begin_stated or not line.order_id else None
    return (line.encounter_id, line.order_id, line.item, stated, line.ordinal)


LineContent = tuple[str, str, datetime | None, Decimal | None]


def content_of(line: Line) -> LineContent:
    """Return what recognises a line at a site whose rx_ids are new on every call: item, time and quantity.

    Two lines of one message may agree in it; then as many stored lines are the same ones as the message states.
    """
    return (line.encounter_id, line.item, line.begin if line.begin_stated else None, line.quantity)
