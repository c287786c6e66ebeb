"""The dictionary of facts: what a rule may need, what it is called nationally, and what a person calls it.

A template names the facts it needs by these names; an answer names a missing one by its national name, so that a
HIS engineer knows which field to fill, and by its Chinese label, so that a doctor knows what to supply.
"""

import msgspec


class Fact(msgspec.Struct, frozen=True):
    """One fact. `national` are the fields of the national 3101 message (`ext.` marks our extension of it).

    `stated_by` says where a fact without such a field comes from. A fact with neither is read by no entrance: a row that
    needs it stays unknown whatever a message says.
    """

    name: str
    national: tuple[str, ...]
    label: str
    meaning: str
    stated_by: str = ""

    @property
    def is_readable(self) -> bool:
        """Whether anything that a server reads can state it."""
        return bool(self.national or self.stated_by)


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
    Fact(
        "first_line_treatment",
        (),
        "一线用药史",
        "Which first-line treatment was used before.",
        "the lines of the history (`history`), or an attestation `first_line_intolerance`; a row without `first_line` is a "
        "text, which nothing answers",
    ),
    Fact(
        "first_prescription",
        (),
        "是否首次开具",
        "Whether the item is prescribed for the first time.",
    ),
    Fact("eye_hospital", (), "是否眼科专科医院", "Whether the institution is an eye hospital."),
    Fact("same_incision", ("ext.incision_id",), "是否同一切口", "Whether two operations went through one incision."),
    Fact(
        "discount_ratio",
        (),
        "第二手术折价比例",
        "The share of its price that a second operation may be charged at.",
        "the row itself (`ratio`), as the locality rules: no message states it",
    ),
    Fact(
        "reviewed_condition",
        (),
        "经审核的限定条件",
        "The row's condition, turned from text into facts by a person.",
        "the row itself: what is published in words alone stays a hint until a person has given it columns",
    ),
    Fact(
        "visits",
        ("fsi_his_data_dto",),
        "历史就诊",
        "Past encounters: where, when, in which mode, with which diagnoses.",
    ),
    Fact(
        "history", ("fsi_his_data_dto",), "历史医嘱", "Past order lines, of which the site says whether they are all."
    ),
    Fact("item_name", ("hilist_name",), "项目名称", "The item's name in the national catalogue."),
    Fact("prescription_id", ("rxno",), "处方号", "Names the prescription that a line belongs to."),
    Fact("group_id", ("grpno",), "组号", "Names the lines that are given together, in one bag or syringe."),
    Fact("price", ("pric",), "单价", "Price of one unit, CNY."),
    Fact("amount", ("sumamt",), "金额", "Amount of the line, CNY."),
    Fact("end", ("drord_stop_date",), "医嘱停止时间", "When the order ends."),
    Fact("dose_unit", ("ext.dose_unit",), "剂量单位", "The unit of the single dose (UCUM or Chinese)."),
    Fact("frequency", ("ext.freq", "ext.freq_per_day"), "用药频次", "How often a dose is given."),
    Fact("route", ("ext.route",), "给药途径", "By which route the drug is given."),
    Fact("form", ("hilist_dosform",), "剂型", "The dosage form."),
    Fact("strength", ("ext.strength", "ext.strength_unit"), "规格含量", "Amount of substance in one unit of the form."),
    Fact("pack_size", ("ext.pack_size",), "包装数量", "How many units of the form one sold unit holds."),
    Fact("ingredients", ("ext.ingredients",), "药品成分", "The active substances of a drug, by generic name."),
    Fact("classes", ("ext.classes",), "药理分类", "The therapeutic classes of a drug (ATC)."),
    Fact("volume", ("ext.volume_ml",), "液体量", "The volume of a liquid or a solvent, mL."),
    Fact("infusion_rate", ("ext.drip_rate",), "滴速", "How fast an infusion runs."),
    Fact("purpose", ("ext.purpose",), "用药目的", "Whether an antibiotic treats or prevents."),
    Fact("given", ("ext.med_time",), "给药时间", "When a dose is (to be) given."),
    Fact("skin_test", ("ext.skin_test",), "皮试结果", "The result of the skin test that belongs to a drug."),
    Fact(
        "emergency_use", ("ext.emergency_use",), "是否紧急越级使用", "Prescribed beyond the privilege in an emergency."
    ),
    Fact("herb_doses", ("ext.herb_doses",), "剂数", "How many doses of a herb prescription."),
    Fact("department", ("drord_dept_codg", "adm_dept_codg"), "科室", "The ordering department, by its standard code."),
    Fact("practitioner_id", ("drord_dr_codg", "dr_codg"), "医师编码", "The ordering doctor."),
    Fact("practitioner_title", ("drord_dr_profttl",), "医师职称", "The ordering doctor's title."),
    Fact(
        "privileges",
        (),
        "处方权",
        "What the ordering doctor may prescribe.",
        "`practitioners[].privileges` of our own JSON, or the hospital's dictionary of doctors (`privileges.csv`)",
    ),
    Fact(
        "diagnoses",
        ("fsi_diagnose_dtos",),
        "诊断",
        "The diagnoses of the encounter, and of past ones where a rule says so.",
    ),
    Fact("operations", ("fsi_operation_dtos",), "手术操作", "The operations of the encounter."),
    Fact("operation_time", ("oprn_date", "ext.oprn_begntime"), "手术时间", "When the incision is made and closed."),
    Fact("incision_class", ("ext.incision_class",), "切口类别", "How clean the incision is, I to IV."),
    Fact("pregnancy_status", ("matn_stas",), "妊娠哺乳状态", "Not pregnant, planning, pregnant, lactating."),
    Fact("gestation", ("ext.preg_start", "ext.gestational_weeks"), "孕周", "How many weeks of pregnancy."),
    Fact("weight_kg", ("ext.weight_kg",), "体重", "Body weight, kg."),
    Fact("height_cm", ("ext.height_cm",), "身高", "Height, cm."),
    Fact("birth_time", ("brdy",), "出生时刻", "The hour of birth, for the age of a newborn."),
    Fact("allergies", ("ext.allergies",), "过敏史", "Recorded allergies, or that there are none."),
    Fact("creatinine", ("ext.labs",), "血肌酐", "Serum creatinine, recent enough to reckon the clearance from."),
    Fact("renal_function", ("ext.ren", "ext.labs"), "肾功能", "Creatinine clearance, or the degree of impairment."),
    Fact("hepatic_function", ("ext.hep", "ext.labs"), "肝功能", "Child-Pugh class, or the degree of impairment."),
    Fact(
        "observations", ("ext.labs",), "检验检查结果", "Results of laboratory, culture, gene, imaging and other tests."
    ),
    Fact("approved_programs", ("ext.programs",), "门慢特及特殊审批备案", "Diseases for which the insured is approved."),
    Fact("program", ("opsp_dise_code",), "门慢特病种", "The disease that the visit is settled under."),
    Fact("insured_region", ("poolarea", "insuplc_admdvs"), "参保地", "The division where the patient is insured."),
    Fact("region", ("medins_admdvs", "mdtrtarea_admvs"), "就医地", "The division where the patient is treated."),
    Fact("facility_type", ("medins_type",), "医疗机构类型", "The institution's type."),
    Fact("facility_id", ("medins_id",), "医疗机构编码", "The institution."),
    Fact("encounter_begin", ("adm_date",), "入院（就诊）时间", "When the encounter begins."),
    Fact("encounter_end", ("dscg_date",), "出院时间", "When the encounter ends."),
    Fact(
        "attestations", ("ext.attestations",), "签名、会诊、审批", "What a person vouched for: signatures, approvals."
    ),
    Fact(
        "counters", ("ext.counters",), "累计金额或数量", "A figure that the hospital adds up: what is used of a limit."
    ),
    Fact("flags", ("ext.flags",), "患者标记", "Marks such as cancer pain, dialysis, transplant."),
    Fact(
        "long_prescription",
        ("ext.long_prescription",),
        "是否长期处方",
        "Written under the rules for long prescriptions.",
    ),
    Fact("discharge_medication", ("drord_bhvr",), "是否出院带药", "Medicine to take home."),
    Fact("charge_kind", ("chrg_type",), "收费类别", "The category of the charge."),
    Fact("catalogue_price", ("hilist_pric",), "目录价格", "The highest price that the catalogue allows."),
    Fact("planned", ("ext.planned",), "是否计划入院", "Whether a stay was planned."),
    Fact("deceased", ("ext.deceased",), "死亡时间", "When the patient died."),
    Fact(
        "expression",
        (),
        "表达式引用的信息",
        "A fact that a row's expression names.",
        "whatever states the facts that the expression names",
    ),
    Fact("long_term", ("long_drord_flag",), "长期医嘱标志", "Whether the order stands until it is stopped."),
    Fact("time", ("inf_time",), "报文时间", "The message's own time."),
)

FACTS: dict[str, Fact] = {fact.name: fact for fact in _FACTS}
