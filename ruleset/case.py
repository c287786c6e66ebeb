"""The fact model: what one check knows about a patient, an encounter and its order lines.

Every entrance (our JSON, the national message, later the typed protobuf) builds these structs and nothing else, so
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

ItemKind = Literal["drug", "herb_piece", "herb_granule", "service", "consumable", "long_term_care", "other"]
"""The catalogue an item belongs to (national hilist_type)."""

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
    dose_unit: str = ""
    frequency: str = ""
    route: str = ""
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
    def is_refund(self) -> bool:
        """A negative quantity reverses an earlier charge."""
        return self.quantity is not None and self.quantity < 0


class Diagnosis(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One diagnosis of the current encounter."""

    code: str = ""
    name: str = ""
    primary: bool | None = None
    recorded: datetime | None = None


class Operation(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One operation of the current encounter."""

    code: str = ""
    name: str = ""
    performed: datetime | None = None


class Patient(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The patient. `id` is empty where the message has none: then no stored history can be consulted."""

    id: str = ""
    name: str = ""
    sex: Sex | None = None
    birth_date: date | None = None
    weight_kg: Decimal | None = None
    height_cm: Decimal | None = None
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
    return (line.encounter_id, line.order_id, line.item_code or line.name, stated, line.ordinal)


LineContent = tuple[str, str, datetime | None, Decimal | None]


def content_of(line: Line) -> LineContent:
    """Return what recognises a line at a site whose rx_ids are new on every call: item, time and quantity.

    Two lines of one message may agree in it; then as many stored lines are the same ones as the message states.
    """
    return (line.encounter_id, line.item_code or line.name, line.begin if line.begin_stated else None, line.quantity)
