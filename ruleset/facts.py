"""The dictionary of facts: what a rule may need, what it is called nationally, and what a person calls it.

A template names the facts it needs by these names; an answer names a missing one by its national name, so that a
HIS engineer knows which field to fill, and by its Chinese label, so that a doctor knows what to supply.
"""

import msgspec


class Fact(msgspec.Struct, frozen=True):
    """One fact. `national` are the fields of the national 3101 message (`ext.` marks our extension of it).

    Empty for a fact that no message carries today: a row that needs it stays unknown.
    """

    name: str
    national: tuple[str, ...]
    label: str
    meaning: str


_FACTS = (
    Fact("sex", ("gend",), "性别", "The patient's administrative sex: male or female."),
    Fact("birth_date", ("brdy",), "出生日期", "The patient's date of birth."),
    Fact("facility_level", ("medins_lv",), "医疗机构等级", "The institution's level: primary, secondary, tertiary."),
    Fact(
        "care_modes",
        ("med_mdtrt_type", "med_type"),
        "就医方式",
        "Outpatient, emergency, inpatient, pharmacy and so on.",
    ),
    Fact("visit_kind", ("med_type",), "医疗类别", "The medical category of the visit, finer than the care mode."),
    Fact("payer", ("insutype",), "险种", "The kind of insurance that pays."),
    Fact("internet", ("ext.internet",), "是否互联网诊疗", "Whether the encounter is an internet consultation."),
    Fact("item_code", ("hilist_code",), "国家医保编码", "The item's code in the national catalogue."),
    Fact(
        "item_kind", ("hilist_type",), "目录类别", "Which catalogue the item belongs to: drug, herb piece, service..."
    ),
    Fact("current", ("curr_drord_flag",), "当前医嘱标志", "Whether the line is being written now or is history."),
    Fact("quantity", ("cnt",), "数量", "How much is ordered or charged, in the item's own unit."),
    Fact("begin", ("drord_begn_date",), "医嘱开始时间", "When the order or charge begins."),
    Fact("days", ("ext.days",), "用药天数", "For how many days the line is used."),
    Fact("dose", ("ext.dose",), "单次剂量", "The amount of one dose, in the dose unit."),
    Fact("patient_id", ("patn_id",), "参保人标识", "Identifies the patient; without it no stored history can be read."),
    Fact("encounter_id", ("curr_mdtrt_id",), "当前就诊标识", "Names the current encounter among those in the message."),
    Fact("first_line_treatment", (), "一线用药史", "Which first-line treatment was used before."),
    Fact(
        "first_prescription",
        (),
        "是否首次开具",
        "Whether the item is prescribed for the first time.",
    ),
    Fact("eye_hospital", (), "是否眼科专科医院", "Whether the institution is an eye hospital."),
    Fact("same_incision", (), "是否同一切口", "Whether two operations went through one incision."),
    Fact(
        "reviewed_condition",
        (),
        "经审核的限定条件",
        "The row's condition, turned from text into facts by a person.",
    ),
)

FACTS: dict[str, Fact] = {fact.name: fact for fact in _FACTS}
