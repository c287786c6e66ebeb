from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Trigger(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRIGGER_UNSPECIFIED: _ClassVar[Trigger]
    TRIGGER_REGISTRATION: _ClassVar[Trigger]
    TRIGGER_CHARGING: _ClassVar[Trigger]
    TRIGGER_EXECUTION: _ClassVar[Trigger]
    TRIGGER_SETTLEMENT_PREVIEW: _ClassVar[Trigger]
    TRIGGER_SETTLEMENT: _ClassVar[Trigger]
    TRIGGER_OTHER: _ClassVar[Trigger]

class Sex(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEX_UNSPECIFIED: _ClassVar[Sex]
    SEX_MALE: _ClassVar[Sex]
    SEX_FEMALE: _ClassVar[Sex]

class FacilityLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FACILITY_LEVEL_UNSPECIFIED: _ClassVar[FacilityLevel]
    FACILITY_LEVEL_PRIMARY: _ClassVar[FacilityLevel]
    FACILITY_LEVEL_SECONDARY: _ClassVar[FacilityLevel]
    FACILITY_LEVEL_TERTIARY: _ClassVar[FacilityLevel]

class CareMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CARE_MODE_UNSPECIFIED: _ClassVar[CareMode]
    CARE_MODE_OUTPATIENT: _ClassVar[CareMode]
    CARE_MODE_EMERGENCY: _ClassVar[CareMode]
    CARE_MODE_CHRONIC_OUTPATIENT: _ClassVar[CareMode]
    CARE_MODE_INPATIENT: _ClassVar[CareMode]
    CARE_MODE_PHARMACY: _ClassVar[CareMode]
    CARE_MODE_OTHER: _ClassVar[CareMode]

class VisitKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VISIT_KIND_UNSPECIFIED: _ClassVar[VisitKind]
    VISIT_KIND_OUTPATIENT: _ClassVar[VisitKind]
    VISIT_KIND_EMERGENCY: _ClassVar[VisitKind]
    VISIT_KIND_CHRONIC_OUTPATIENT: _ClassVar[VisitKind]
    VISIT_KIND_INPATIENT: _ClassVar[VisitKind]
    VISIT_KIND_DAY_SURGERY: _ClassVar[VisitKind]
    VISIT_KIND_PHARMACY: _ClassVar[VisitKind]
    VISIT_KIND_MATERNITY_OUTPATIENT: _ClassVar[VisitKind]
    VISIT_KIND_MATERNITY_INPATIENT: _ClassVar[VisitKind]
    VISIT_KIND_FAMILY_PLANNING: _ClassVar[VisitKind]

class Payer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAYER_UNSPECIFIED: _ClassVar[Payer]
    PAYER_EMPLOYEE: _ClassVar[Payer]
    PAYER_CIVIL_SERVANT: _ClassVar[Payer]
    PAYER_LARGE_SUM: _ClassVar[Payer]
    PAYER_RETIRED_CADRE: _ClassVar[Payer]
    PAYER_RESIDENT: _ClassVar[Payer]
    PAYER_SERIOUS_ILLNESS: _ClassVar[Payer]
    PAYER_LONG_TERM_CARE: _ClassVar[Payer]
    PAYER_MATERNITY: _ClassVar[Payer]
    PAYER_WORK_INJURY: _ClassVar[Payer]
    PAYER_OTHER: _ClassVar[Payer]

class PregnancyStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PREGNANCY_STATUS_UNSPECIFIED: _ClassVar[PregnancyStatus]
    PREGNANCY_STATUS_NEITHER: _ClassVar[PregnancyStatus]
    PREGNANCY_STATUS_PLANNING: _ClassVar[PregnancyStatus]
    PREGNANCY_STATUS_PREGNANT: _ClassVar[PregnancyStatus]
    PREGNANCY_STATUS_LACTATING: _ClassVar[PregnancyStatus]

class RenalFunction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RENAL_FUNCTION_UNSPECIFIED: _ClassVar[RenalFunction]
    RENAL_FUNCTION_NORMAL: _ClassVar[RenalFunction]
    RENAL_FUNCTION_MILD: _ClassVar[RenalFunction]
    RENAL_FUNCTION_MODERATE: _ClassVar[RenalFunction]
    RENAL_FUNCTION_SEVERE: _ClassVar[RenalFunction]
    RENAL_FUNCTION_DIALYSIS: _ClassVar[RenalFunction]

class HepaticFunction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEPATIC_FUNCTION_UNSPECIFIED: _ClassVar[HepaticFunction]
    HEPATIC_FUNCTION_NORMAL: _ClassVar[HepaticFunction]
    HEPATIC_FUNCTION_CHILD_PUGH_A: _ClassVar[HepaticFunction]
    HEPATIC_FUNCTION_CHILD_PUGH_B: _ClassVar[HepaticFunction]
    HEPATIC_FUNCTION_CHILD_PUGH_C: _ClassVar[HepaticFunction]

class ItemKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ITEM_KIND_UNSPECIFIED: _ClassVar[ItemKind]
    ITEM_KIND_DRUG: _ClassVar[ItemKind]
    ITEM_KIND_HERB_PIECE: _ClassVar[ItemKind]
    ITEM_KIND_HERB_GRANULE: _ClassVar[ItemKind]
    ITEM_KIND_SERVICE: _ClassVar[ItemKind]
    ITEM_KIND_CONSUMABLE: _ClassVar[ItemKind]
    ITEM_KIND_LONG_TERM_CARE: _ClassVar[ItemKind]
    ITEM_KIND_OTHER: _ClassVar[ItemKind]

class Purpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PURPOSE_UNSPECIFIED: _ClassVar[Purpose]
    PURPOSE_TREATMENT: _ClassVar[Purpose]
    PURPOSE_PROPHYLAXIS: _ClassVar[Purpose]

class SkinTest(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SKIN_TEST_UNSPECIFIED: _ClassVar[SkinTest]
    SKIN_TEST_NEGATIVE: _ClassVar[SkinTest]
    SKIN_TEST_POSITIVE: _ClassVar[SkinTest]
    SKIN_TEST_ORDERED: _ClassVar[SkinTest]
    SKIN_TEST_EXEMPT: _ClassVar[SkinTest]

class IncisionClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INCISION_CLASS_UNSPECIFIED: _ClassVar[IncisionClass]
    INCISION_CLASS_I: _ClassVar[IncisionClass]
    INCISION_CLASS_II: _ClassVar[IncisionClass]
    INCISION_CLASS_III: _ClassVar[IncisionClass]
    INCISION_CLASS_IV: _ClassVar[IncisionClass]

class AllergySeverity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALLERGY_SEVERITY_UNSPECIFIED: _ClassVar[AllergySeverity]
    ALLERGY_SEVERITY_MILD: _ClassVar[AllergySeverity]
    ALLERGY_SEVERITY_MODERATE: _ClassVar[AllergySeverity]
    ALLERGY_SEVERITY_SEVERE: _ClassVar[AllergySeverity]

class AllergyStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALLERGY_STATUS_UNSPECIFIED: _ClassVar[AllergyStatus]
    ALLERGY_STATUS_ACTIVE: _ClassVar[AllergyStatus]
    ALLERGY_STATUS_INACTIVE: _ClassVar[AllergyStatus]
    ALLERGY_STATUS_REFUTED: _ClassVar[AllergyStatus]

class ObservationKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OBSERVATION_KIND_UNSPECIFIED: _ClassVar[ObservationKind]
    OBSERVATION_KIND_LABORATORY: _ClassVar[ObservationKind]
    OBSERVATION_KIND_CULTURE: _ClassVar[ObservationKind]
    OBSERVATION_KIND_GENE: _ClassVar[ObservationKind]
    OBSERVATION_KIND_IMAGING: _ClassVar[ObservationKind]
    OBSERVATION_KIND_SCREENING: _ClassVar[ObservationKind]
    OBSERVATION_KIND_SKIN_TEST: _ClassVar[ObservationKind]
    OBSERVATION_KIND_CONSENT: _ClassVar[ObservationKind]
    OBSERVATION_KIND_CONSULTATION: _ClassVar[ObservationKind]
    OBSERVATION_KIND_VITAL_SIGN: _ClassVar[ObservationKind]

class ObservationStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OBSERVATION_STATUS_UNSPECIFIED: _ClassVar[ObservationStatus]
    OBSERVATION_STATUS_ORDERED: _ClassVar[ObservationStatus]
    OBSERVATION_STATUS_FINAL: _ClassVar[ObservationStatus]

class AttestationKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ATTESTATION_KIND_UNSPECIFIED: _ClassVar[AttestationKind]
    ATTESTATION_KIND_SECOND_SIGNATURE: _ClassVar[AttestationKind]
    ATTESTATION_KIND_CONSULTATION: _ClassVar[AttestationKind]
    ATTESTATION_KIND_SPECIAL_APPROVAL: _ClassVar[AttestationKind]
    ATTESTATION_KIND_INFORMED_CONSENT: _ClassVar[AttestationKind]
    ATTESTATION_KIND_PATIENT_PRESENT: _ClassVar[AttestationKind]
    ATTESTATION_KIND_LONG_PRESCRIPTION_REASON: _ClassVar[AttestationKind]
    ATTESTATION_KIND_FIRST_LINE_INTOLERANCE: _ClassVar[AttestationKind]
    ATTESTATION_KIND_REASON: _ClassVar[AttestationKind]

class CounterSubject(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COUNTER_SUBJECT_UNSPECIFIED: _ClassVar[CounterSubject]
    COUNTER_SUBJECT_PATIENT: _ClassVar[CounterSubject]
    COUNTER_SUBJECT_PRACTITIONER: _ClassVar[CounterSubject]
    COUNTER_SUBJECT_DEPARTMENT: _ClassVar[CounterSubject]
    COUNTER_SUBJECT_DISEASE: _ClassVar[CounterSubject]

class CounterPeriod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COUNTER_PERIOD_UNSPECIFIED: _ClassVar[CounterPeriod]
    COUNTER_PERIOD_MONTH: _ClassVar[CounterPeriod]
    COUNTER_PERIOD_QUARTER: _ClassVar[CounterPeriod]
    COUNTER_PERIOD_YEAR: _ClassVar[CounterPeriod]
    COUNTER_PERIOD_ENCOUNTER: _ClassVar[CounterPeriod]
TRIGGER_UNSPECIFIED: Trigger
TRIGGER_REGISTRATION: Trigger
TRIGGER_CHARGING: Trigger
TRIGGER_EXECUTION: Trigger
TRIGGER_SETTLEMENT_PREVIEW: Trigger
TRIGGER_SETTLEMENT: Trigger
TRIGGER_OTHER: Trigger
SEX_UNSPECIFIED: Sex
SEX_MALE: Sex
SEX_FEMALE: Sex
FACILITY_LEVEL_UNSPECIFIED: FacilityLevel
FACILITY_LEVEL_PRIMARY: FacilityLevel
FACILITY_LEVEL_SECONDARY: FacilityLevel
FACILITY_LEVEL_TERTIARY: FacilityLevel
CARE_MODE_UNSPECIFIED: CareMode
CARE_MODE_OUTPATIENT: CareMode
CARE_MODE_EMERGENCY: CareMode
CARE_MODE_CHRONIC_OUTPATIENT: CareMode
CARE_MODE_INPATIENT: CareMode
CARE_MODE_PHARMACY: CareMode
CARE_MODE_OTHER: CareMode
VISIT_KIND_UNSPECIFIED: VisitKind
VISIT_KIND_OUTPATIENT: VisitKind
VISIT_KIND_EMERGENCY: VisitKind
VISIT_KIND_CHRONIC_OUTPATIENT: VisitKind
VISIT_KIND_INPATIENT: VisitKind
VISIT_KIND_DAY_SURGERY: VisitKind
VISIT_KIND_PHARMACY: VisitKind
VISIT_KIND_MATERNITY_OUTPATIENT: VisitKind
VISIT_KIND_MATERNITY_INPATIENT: VisitKind
VISIT_KIND_FAMILY_PLANNING: VisitKind
PAYER_UNSPECIFIED: Payer
PAYER_EMPLOYEE: Payer
PAYER_CIVIL_SERVANT: Payer
PAYER_LARGE_SUM: Payer
PAYER_RETIRED_CADRE: Payer
PAYER_RESIDENT: Payer
PAYER_SERIOUS_ILLNESS: Payer
PAYER_LONG_TERM_CARE: Payer
PAYER_MATERNITY: Payer
PAYER_WORK_INJURY: Payer
PAYER_OTHER: Payer
PREGNANCY_STATUS_UNSPECIFIED: PregnancyStatus
PREGNANCY_STATUS_NEITHER: PregnancyStatus
PREGNANCY_STATUS_PLANNING: PregnancyStatus
PREGNANCY_STATUS_PREGNANT: PregnancyStatus
PREGNANCY_STATUS_LACTATING: PregnancyStatus
RENAL_FUNCTION_UNSPECIFIED: RenalFunction
RENAL_FUNCTION_NORMAL: RenalFunction
RENAL_FUNCTION_MILD: RenalFunction
RENAL_FUNCTION_MODERATE: RenalFunction
RENAL_FUNCTION_SEVERE: RenalFunction
RENAL_FUNCTION_DIALYSIS: RenalFunction
HEPATIC_FUNCTION_UNSPECIFIED: HepaticFunction
HEPATIC_FUNCTION_NORMAL: HepaticFunction
HEPATIC_FUNCTION_CHILD_PUGH_A: HepaticFunction
HEPATIC_FUNCTION_CHILD_PUGH_B: HepaticFunction
HEPATIC_FUNCTION_CHILD_PUGH_C: HepaticFunction
ITEM_KIND_UNSPECIFIED: ItemKind
ITEM_KIND_DRUG: ItemKind
ITEM_KIND_HERB_PIECE: ItemKind
ITEM_KIND_HERB_GRANULE: ItemKind
ITEM_KIND_SERVICE: ItemKind
ITEM_KIND_CONSUMABLE: ItemKind
ITEM_KIND_LONG_TERM_CARE: ItemKind
ITEM_KIND_OTHER: ItemKind
PURPOSE_UNSPECIFIED: Purpose
PURPOSE_TREATMENT: Purpose
PURPOSE_PROPHYLAXIS: Purpose
SKIN_TEST_UNSPECIFIED: SkinTest
SKIN_TEST_NEGATIVE: SkinTest
SKIN_TEST_POSITIVE: SkinTest
SKIN_TEST_ORDERED: SkinTest
SKIN_TEST_EXEMPT: SkinTest
INCISION_CLASS_UNSPECIFIED: IncisionClass
INCISION_CLASS_I: IncisionClass
INCISION_CLASS_II: IncisionClass
INCISION_CLASS_III: IncisionClass
INCISION_CLASS_IV: IncisionClass
ALLERGY_SEVERITY_UNSPECIFIED: AllergySeverity
ALLERGY_SEVERITY_MILD: AllergySeverity
ALLERGY_SEVERITY_MODERATE: AllergySeverity
ALLERGY_SEVERITY_SEVERE: AllergySeverity
ALLERGY_STATUS_UNSPECIFIED: AllergyStatus
ALLERGY_STATUS_ACTIVE: AllergyStatus
ALLERGY_STATUS_INACTIVE: AllergyStatus
ALLERGY_STATUS_REFUTED: AllergyStatus
OBSERVATION_KIND_UNSPECIFIED: ObservationKind
OBSERVATION_KIND_LABORATORY: ObservationKind
OBSERVATION_KIND_CULTURE: ObservationKind
OBSERVATION_KIND_GENE: ObservationKind
OBSERVATION_KIND_IMAGING: ObservationKind
OBSERVATION_KIND_SCREENING: ObservationKind
OBSERVATION_KIND_SKIN_TEST: ObservationKind
OBSERVATION_KIND_CONSENT: ObservationKind
OBSERVATION_KIND_CONSULTATION: ObservationKind
OBSERVATION_KIND_VITAL_SIGN: ObservationKind
OBSERVATION_STATUS_UNSPECIFIED: ObservationStatus
OBSERVATION_STATUS_ORDERED: ObservationStatus
OBSERVATION_STATUS_FINAL: ObservationStatus
ATTESTATION_KIND_UNSPECIFIED: AttestationKind
ATTESTATION_KIND_SECOND_SIGNATURE: AttestationKind
ATTESTATION_KIND_CONSULTATION: AttestationKind
ATTESTATION_KIND_SPECIAL_APPROVAL: AttestationKind
ATTESTATION_KIND_INFORMED_CONSENT: AttestationKind
ATTESTATION_KIND_PATIENT_PRESENT: AttestationKind
ATTESTATION_KIND_LONG_PRESCRIPTION_REASON: AttestationKind
ATTESTATION_KIND_FIRST_LINE_INTOLERANCE: AttestationKind
ATTESTATION_KIND_REASON: AttestationKind
COUNTER_SUBJECT_UNSPECIFIED: CounterSubject
COUNTER_SUBJECT_PATIENT: CounterSubject
COUNTER_SUBJECT_PRACTITIONER: CounterSubject
COUNTER_SUBJECT_DEPARTMENT: CounterSubject
COUNTER_SUBJECT_DISEASE: CounterSubject
COUNTER_PERIOD_UNSPECIFIED: CounterPeriod
COUNTER_PERIOD_MONTH: CounterPeriod
COUNTER_PERIOD_QUARTER: CounterPeriod
COUNTER_PERIOD_YEAR: CounterPeriod
COUNTER_PERIOD_ENCOUNTER: CounterPeriod

class Facts(_message.Message):
    __slots__ = ("message_id", "time", "triggers", "patient", "encounter", "history", "visits", "practitioners")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    TRIGGERS_FIELD_NUMBER: _ClassVar[int]
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTER_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    VISITS_FIELD_NUMBER: _ClassVar[int]
    PRACTITIONERS_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    time: str
    triggers: _containers.RepeatedScalarFieldContainer[Trigger]
    patient: Patient
    encounter: Encounter
    history: _containers.RepeatedCompositeFieldContainer[PastEncounter]
    visits: _containers.RepeatedCompositeFieldContainer[Visit]
    practitioners: _containers.RepeatedCompositeFieldContainer[Practitioner]
    def __init__(self, message_id: _Optional[str] = ..., time: _Optional[str] = ..., triggers: _Optional[_Iterable[_Union[Trigger, str]]] = ..., patient: _Optional[_Union[Patient, _Mapping]] = ..., encounter: _Optional[_Union[Encounter, _Mapping]] = ..., history: _Optional[_Iterable[_Union[PastEncounter, _Mapping]]] = ..., visits: _Optional[_Iterable[_Union[Visit, _Mapping]]] = ..., practitioners: _Optional[_Iterable[_Union[Practitioner, _Mapping]]] = ...) -> None: ...

class Patient(_message.Message):
    __slots__ = ("id", "name", "sex", "birth_date", "birth_time", "weight_kg", "height_cm", "insured_region", "pregnancy_status", "pregnancy_start", "gestational_weeks", "renal_function", "hepatic_function", "allergies", "allergies_checked", "observations", "programs", "programs_checked", "flags", "deceased", "unknown_facts")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SEX_FIELD_NUMBER: _ClassVar[int]
    BIRTH_DATE_FIELD_NUMBER: _ClassVar[int]
    BIRTH_TIME_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_KG_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_CM_FIELD_NUMBER: _ClassVar[int]
    INSURED_REGION_FIELD_NUMBER: _ClassVar[int]
    PREGNANCY_STATUS_FIELD_NUMBER: _ClassVar[int]
    PREGNANCY_START_FIELD_NUMBER: _ClassVar[int]
    GESTATIONAL_WEEKS_FIELD_NUMBER: _ClassVar[int]
    RENAL_FUNCTION_FIELD_NUMBER: _ClassVar[int]
    HEPATIC_FUNCTION_FIELD_NUMBER: _ClassVar[int]
    ALLERGIES_FIELD_NUMBER: _ClassVar[int]
    ALLERGIES_CHECKED_FIELD_NUMBER: _ClassVar[int]
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    PROGRAMS_FIELD_NUMBER: _ClassVar[int]
    PROGRAMS_CHECKED_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    DECEASED_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FACTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    sex: Sex
    birth_date: str
    birth_time: str
    weight_kg: str
    height_cm: str
    insured_region: str
    pregnancy_status: PregnancyStatus
    pregnancy_start: str
    gestational_weeks: str
    renal_function: RenalFunction
    hepatic_function: HepaticFunction
    allergies: _containers.RepeatedCompositeFieldContainer[Allergy]
    allergies_checked: bool
    observations: _containers.RepeatedCompositeFieldContainer[Observation]
    programs: _containers.RepeatedCompositeFieldContainer[DiseaseProgram]
    programs_checked: bool
    flags: _containers.RepeatedScalarFieldContainer[str]
    deceased: str
    unknown_facts: _containers.RepeatedCompositeFieldContainer[UnknownFact]
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., sex: _Optional[_Union[Sex, str]] = ..., birth_date: _Optional[str] = ..., birth_time: _Optional[str] = ..., weight_kg: _Optional[str] = ..., height_cm: _Optional[str] = ..., insured_region: _Optional[str] = ..., pregnancy_status: _Optional[_Union[PregnancyStatus, str]] = ..., pregnancy_start: _Optional[str] = ..., gestational_weeks: _Optional[str] = ..., renal_function: _Optional[_Union[RenalFunction, str]] = ..., hepatic_function: _Optional[_Union[HepaticFunction, str]] = ..., allergies: _Optional[_Iterable[_Union[Allergy, _Mapping]]] = ..., allergies_checked: _Optional[bool] = ..., observations: _Optional[_Iterable[_Union[Observation, _Mapping]]] = ..., programs: _Optional[_Iterable[_Union[DiseaseProgram, _Mapping]]] = ..., programs_checked: _Optional[bool] = ..., flags: _Optional[_Iterable[str]] = ..., deceased: _Optional[str] = ..., unknown_facts: _Optional[_Iterable[_Union[UnknownFact, _Mapping]]] = ...) -> None: ...

class Encounter(_message.Message):
    __slots__ = ("id", "facility_id", "facility_level", "care_modes", "visit_kind", "payer", "internet", "begin", "end", "department_code", "practitioner_id", "facility_type", "region", "out_of_region", "program_code", "program_name", "long_prescription", "planned", "bed", "attestations", "counters", "diagnoses", "operations", "unknown_facts", "lines")
    ID_FIELD_NUMBER: _ClassVar[int]
    FACILITY_ID_FIELD_NUMBER: _ClassVar[int]
    FACILITY_LEVEL_FIELD_NUMBER: _ClassVar[int]
    CARE_MODES_FIELD_NUMBER: _ClassVar[int]
    VISIT_KIND_FIELD_NUMBER: _ClassVar[int]
    PAYER_FIELD_NUMBER: _ClassVar[int]
    INTERNET_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_CODE_FIELD_NUMBER: _ClassVar[int]
    PRACTITIONER_ID_FIELD_NUMBER: _ClassVar[int]
    FACILITY_TYPE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    OUT_OF_REGION_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_CODE_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_NAME_FIELD_NUMBER: _ClassVar[int]
    LONG_PRESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PLANNED_FIELD_NUMBER: _ClassVar[int]
    BED_FIELD_NUMBER: _ClassVar[int]
    ATTESTATIONS_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSES_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FACTS_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    id: str
    facility_id: str
    facility_level: FacilityLevel
    care_modes: _containers.RepeatedScalarFieldContainer[CareMode]
    visit_kind: VisitKind
    payer: Payer
    internet: bool
    begin: str
    end: str
    department_code: str
    practitioner_id: str
    facility_type: str
    region: str
    out_of_region: bool
    program_code: str
    program_name: str
    long_prescription: bool
    planned: bool
    bed: str
    attestations: _containers.RepeatedCompositeFieldContainer[Attestation]
    counters: _containers.RepeatedCompositeFieldContainer[Counter]
    diagnoses: _containers.RepeatedCompositeFieldContainer[Diagnosis]
    operations: _containers.RepeatedCompositeFieldContainer[Operation]
    unknown_facts: _containers.RepeatedCompositeFieldContainer[UnknownFact]
    lines: _containers.RepeatedCompositeFieldContainer[Line]
    def __init__(self, id: _Optional[str] = ..., facility_id: _Optional[str] = ..., facility_level: _Optional[_Union[FacilityLevel, str]] = ..., care_modes: _Optional[_Iterable[_Union[CareMode, str]]] = ..., visit_kind: _Optional[_Union[VisitKind, str]] = ..., payer: _Optional[_Union[Payer, str]] = ..., internet: _Optional[bool] = ..., begin: _Optional[str] = ..., end: _Optional[str] = ..., department_code: _Optional[str] = ..., practitioner_id: _Optional[str] = ..., facility_type: _Optional[str] = ..., region: _Optional[str] = ..., out_of_region: _Optional[bool] = ..., program_code: _Optional[str] = ..., program_name: _Optional[str] = ..., long_prescription: _Optional[bool] = ..., planned: _Optional[bool] = ..., bed: _Optional[str] = ..., attestations: _Optional[_Iterable[_Union[Attestation, _Mapping]]] = ..., counters: _Optional[_Iterable[_Union[Counter, _Mapping]]] = ..., diagnoses: _Optional[_Iterable[_Union[Diagnosis, _Mapping]]] = ..., operations: _Optional[_Iterable[_Union[Operation, _Mapping]]] = ..., unknown_facts: _Optional[_Iterable[_Union[UnknownFact, _Mapping]]] = ..., lines: _Optional[_Iterable[_Union[Line, _Mapping]]] = ...) -> None: ...

class PastEncounter(_message.Message):
    __slots__ = ("id", "facility_id", "lines")
    ID_FIELD_NUMBER: _ClassVar[int]
    FACILITY_ID_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    id: str
    facility_id: str
    lines: _containers.RepeatedCompositeFieldContainer[Line]
    def __init__(self, id: _Optional[str] = ..., facility_id: _Optional[str] = ..., lines: _Optional[_Iterable[_Union[Line, _Mapping]]] = ...) -> None: ...

class Line(_message.Message):
    __slots__ = ("order_id", "prescription_id", "group_id", "item_code", "item_name", "local_code", "local_name", "item_kind", "quantity", "price", "amount", "begin", "end", "days", "self_pay", "long_term", "discharge_medication", "department_code", "practitioner_id", "dose", "dose_unit", "frequency", "times_per_day", "route", "form", "strength", "strength_unit", "pack_size", "specification", "ingredients", "classes", "volume_ml", "infusion_rate", "infusion_rate_unit", "purpose", "given", "skin_test", "emergency_use", "herb_doses", "practitioner_title", "charge_kind", "catalogue_price")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    PRESCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    ITEM_CODE_FIELD_NUMBER: _ClassVar[int]
    ITEM_NAME_FIELD_NUMBER: _ClassVar[int]
    LOCAL_CODE_FIELD_NUMBER: _ClassVar[int]
    LOCAL_NAME_FIELD_NUMBER: _ClassVar[int]
    ITEM_KIND_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    SELF_PAY_FIELD_NUMBER: _ClassVar[int]
    LONG_TERM_FIELD_NUMBER: _ClassVar[int]
    DISCHARGE_MEDICATION_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_CODE_FIELD_NUMBER: _ClassVar[int]
    PRACTITIONER_ID_FIELD_NUMBER: _ClassVar[int]
    DOSE_FIELD_NUMBER: _ClassVar[int]
    DOSE_UNIT_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    TIMES_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    FORM_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_UNIT_FIELD_NUMBER: _ClassVar[int]
    PACK_SIZE_FIELD_NUMBER: _ClassVar[int]
    SPECIFICATION_FIELD_NUMBER: _ClassVar[int]
    INGREDIENTS_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    VOLUME_ML_FIELD_NUMBER: _ClassVar[int]
    INFUSION_RATE_FIELD_NUMBER: _ClassVar[int]
    INFUSION_RATE_UNIT_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    GIVEN_FIELD_NUMBER: _ClassVar[int]
    SKIN_TEST_FIELD_NUMBER: _ClassVar[int]
    EMERGENCY_USE_FIELD_NUMBER: _ClassVar[int]
    HERB_DOSES_FIELD_NUMBER: _ClassVar[int]
    PRACTITIONER_TITLE_FIELD_NUMBER: _ClassVar[int]
    CHARGE_KIND_FIELD_NUMBER: _ClassVar[int]
    CATALOGUE_PRICE_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    prescription_id: str
    group_id: str
    item_code: str
    item_name: str
    local_code: str
    local_name: str
    item_kind: ItemKind
    quantity: str
    price: str
    amount: str
    begin: str
    end: str
    days: int
    self_pay: bool
    long_term: bool
    discharge_medication: bool
    department_code: str
    practitioner_id: str
    dose: str
    dose_unit: str
    frequency: str
    times_per_day: str
    route: str
    form: str
    strength: str
    strength_unit: str
    pack_size: str
    specification: str
    ingredients: _containers.RepeatedCompositeFieldContainer[Ingredient]
    classes: _containers.RepeatedScalarFieldContainer[str]
    volume_ml: str
    infusion_rate: str
    infusion_rate_unit: str
    purpose: Purpose
    given: str
    skin_test: SkinTest
    emergency_use: bool
    herb_doses: int
    practitioner_title: str
    charge_kind: str
    catalogue_price: str
    def __init__(self, order_id: _Optional[str] = ..., prescription_id: _Optional[str] = ..., group_id: _Optional[str] = ..., item_code: _Optional[str] = ..., item_name: _Optional[str] = ..., local_code: _Optional[str] = ..., local_name: _Optional[str] = ..., item_kind: _Optional[_Union[ItemKind, str]] = ..., quantity: _Optional[str] = ..., price: _Optional[str] = ..., amount: _Optional[str] = ..., begin: _Optional[str] = ..., end: _Optional[str] = ..., days: _Optional[int] = ..., self_pay: _Optional[bool] = ..., long_term: _Optional[bool] = ..., discharge_medication: _Optional[bool] = ..., department_code: _Optional[str] = ..., practitioner_id: _Optional[str] = ..., dose: _Optional[str] = ..., dose_unit: _Optional[str] = ..., frequency: _Optional[str] = ..., times_per_day: _Optional[str] = ..., route: _Optional[str] = ..., form: _Optional[str] = ..., strength: _Optional[str] = ..., strength_unit: _Optional[str] = ..., pack_size: _Optional[str] = ..., specification: _Optional[str] = ..., ingredients: _Optional[_Iterable[_Union[Ingredient, _Mapping]]] = ..., classes: _Optional[_Iterable[str]] = ..., volume_ml: _Optional[str] = ..., infusion_rate: _Optional[str] = ..., infusion_rate_unit: _Optional[str] = ..., purpose: _Optional[_Union[Purpose, str]] = ..., given: _Optional[str] = ..., skin_test: _Optional[_Union[SkinTest, str]] = ..., emergency_use: _Optional[bool] = ..., herb_doses: _Optional[int] = ..., practitioner_title: _Optional[str] = ..., charge_kind: _Optional[str] = ..., catalogue_price: _Optional[str] = ...) -> None: ...

class Diagnosis(_message.Message):
    __slots__ = ("code", "name", "primary", "recorded", "suspected")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PRIMARY_FIELD_NUMBER: _ClassVar[int]
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    SUSPECTED_FIELD_NUMBER: _ClassVar[int]
    code: str
    name: str
    primary: bool
    recorded: str
    suspected: bool
    def __init__(self, code: _Optional[str] = ..., name: _Optional[str] = ..., primary: _Optional[bool] = ..., recorded: _Optional[str] = ..., suspected: _Optional[bool] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ("code", "name", "performed", "begin", "end", "incision_class", "incision_id", "emergency")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PERFORMED_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    INCISION_CLASS_FIELD_NUMBER: _ClassVar[int]
    INCISION_ID_FIELD_NUMBER: _ClassVar[int]
    EMERGENCY_FIELD_NUMBER: _ClassVar[int]
    code: str
    name: str
    performed: str
    begin: str
    end: str
    incision_class: IncisionClass
    incision_id: str
    emergency: bool
    def __init__(self, code: _Optional[str] = ..., name: _Optional[str] = ..., performed: _Optional[str] = ..., begin: _Optional[str] = ..., end: _Optional[str] = ..., incision_class: _Optional[_Union[IncisionClass, str]] = ..., incision_id: _Optional[str] = ..., emergency: _Optional[bool] = ...) -> None: ...

class Ingredient(_message.Message):
    __slots__ = ("name", "amount", "unit")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    name: str
    amount: str
    unit: str
    def __init__(self, name: _Optional[str] = ..., amount: _Optional[str] = ..., unit: _Optional[str] = ...) -> None: ...

class Allergy(_message.Message):
    __slots__ = ("substance", "code", "severity", "status", "reaction")
    SUBSTANCE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REACTION_FIELD_NUMBER: _ClassVar[int]
    substance: str
    code: str
    severity: AllergySeverity
    status: AllergyStatus
    reaction: str
    def __init__(self, substance: _Optional[str] = ..., code: _Optional[str] = ..., severity: _Optional[_Union[AllergySeverity, str]] = ..., status: _Optional[_Union[AllergyStatus, str]] = ..., reaction: _Optional[str] = ...) -> None: ...

class Observation(_message.Message):
    __slots__ = ("kind", "code", "name", "value", "unit", "text", "time", "status", "encounter_id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTER_ID_FIELD_NUMBER: _ClassVar[int]
    kind: ObservationKind
    code: str
    name: str
    value: str
    unit: str
    text: str
    time: str
    status: ObservationStatus
    encounter_id: str
    def __init__(self, kind: _Optional[_Union[ObservationKind, str]] = ..., code: _Optional[str] = ..., name: _Optional[str] = ..., value: _Optional[str] = ..., unit: _Optional[str] = ..., text: _Optional[str] = ..., time: _Optional[str] = ..., status: _Optional[_Union[ObservationStatus, str]] = ..., encounter_id: _Optional[str] = ...) -> None: ...

class DiseaseProgram(_message.Message):
    __slots__ = ("code", "name", "valid_from", "valid_to", "item_codes")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    VALID_TO_FIELD_NUMBER: _ClassVar[int]
    ITEM_CODES_FIELD_NUMBER: _ClassVar[int]
    code: str
    name: str
    valid_from: str
    valid_to: str
    item_codes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, code: _Optional[str] = ..., name: _Optional[str] = ..., valid_from: _Optional[str] = ..., valid_to: _Optional[str] = ..., item_codes: _Optional[_Iterable[str]] = ...) -> None: ...

class Privilege(_message.Message):
    __slots__ = ("code", "valid_from", "valid_to")
    CODE_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    VALID_TO_FIELD_NUMBER: _ClassVar[int]
    code: str
    valid_from: str
    valid_to: str
    def __init__(self, code: _Optional[str] = ..., valid_from: _Optional[str] = ..., valid_to: _Optional[str] = ...) -> None: ...

class Practitioner(_message.Message):
    __slots__ = ("id", "name", "title", "department_code", "privileges")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_CODE_FIELD_NUMBER: _ClassVar[int]
    PRIVILEGES_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    title: str
    department_code: str
    privileges: _containers.RepeatedCompositeFieldContainer[Privilege]
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., title: _Optional[str] = ..., department_code: _Optional[str] = ..., privileges: _Optional[_Iterable[_Union[Privilege, _Mapping]]] = ...) -> None: ...

class Attestation(_message.Message):
    __slots__ = ("kind", "by", "time", "text", "order_ids")
    KIND_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ORDER_IDS_FIELD_NUMBER: _ClassVar[int]
    kind: AttestationKind
    by: str
    time: str
    text: str
    order_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, kind: _Optional[_Union[AttestationKind, str]] = ..., by: _Optional[str] = ..., time: _Optional[str] = ..., text: _Optional[str] = ..., order_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class Counter(_message.Message):
    __slots__ = ("subject", "subject_id", "metric", "period", "value", "at")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    subject: CounterSubject
    subject_id: str
    metric: str
    period: CounterPeriod
    value: str
    at: str
    def __init__(self, subject: _Optional[_Union[CounterSubject, str]] = ..., subject_id: _Optional[str] = ..., metric: _Optional[str] = ..., period: _Optional[_Union[CounterPeriod, str]] = ..., value: _Optional[str] = ..., at: _Optional[str] = ...) -> None: ...

class Visit(_message.Message):
    __slots__ = ("id", "facility_id", "care_modes", "begin", "end", "department_code", "diagnoses", "planned")
    ID_FIELD_NUMBER: _ClassVar[int]
    FACILITY_ID_FIELD_NUMBER: _ClassVar[int]
    CARE_MODES_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_CODE_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSES_FIELD_NUMBER: _ClassVar[int]
    PLANNED_FIELD_NUMBER: _ClassVar[int]
    id: str
    facility_id: str
    care_modes: _containers.RepeatedScalarFieldContainer[CareMode]
    begin: str
    end: str
    department_code: str
    diagnoses: _containers.RepeatedCompositeFieldContainer[Diagnosis]
    planned: bool
    def __init__(self, id: _Optional[str] = ..., facility_id: _Optional[str] = ..., care_modes: _Optional[_Iterable[_Union[CareMode, str]]] = ..., begin: _Optional[str] = ..., end: _Optional[str] = ..., department_code: _Optional[str] = ..., diagnoses: _Optional[_Iterable[_Union[Diagnosis, _Mapping]]] = ..., planned: _Optional[bool] = ...) -> None: ...

class UnknownFact(_message.Message):
    __slots__ = ("fact", "value", "reason")
    FACT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    fact: str
    value: str
    reason: str
    def __init__(self, fact: _Optional[str] = ..., value: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...
