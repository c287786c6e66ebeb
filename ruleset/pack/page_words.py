"""What the pages of a pack call things: fields, values and conditions as a Chinese reader knows them."""

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruleset.facts import FACTS
from ruleset.outcome import Action
from ruleset.scope import INSURANCE_OF, LEVEL_OF, MODE_OF

ACTIONS: Mapping[str, str] = {
    Action.HINT.name: "提示",
    Action.WARN.name: "提醒",
    Action.WARN_REASON.name: "提醒，须写明理由",
    Action.REVIEW.name: "转药师审核",
    Action.BLOCK.name: "拦截",
}
KINDS: Mapping[str, str] = {"payment": "医保支付", "safety": "用药安全", "legal": "法规"}
CURATIONS: Mapping[str, str] = {
    "official": "按公布的内容",
    "raw": "未经人工签署，只作提示",
    "signed": "本院已签署",
}
SEVERITIES: Mapping[str, str] = {"1": "明确违规", "2": "高度可疑", "3": "轻度可疑"}
MOMENTS: Mapping[str, str] = {
    "registration": "挂号、开方",
    "charging": "收费",
    "execution": "执行",
    "settlement_preview": "预结算",
    "settlement": "结算",
    "other": "其他",
}
CASE_KINDS: Mapping[str, str] = {
    "violating": "违规",
    "compliant": "合规",
    "unknown": "事实不全",
    "exempt": "除外",
    "boundary": "边界",
    "validity": "生效日期",
}
BOUNDARIES: Mapping[str, str] = {
    "day before": "前一天",
    "day of": "当天",
    "day after": "后一天",
    "one under": "少一",
    "at": "正好",
    "one over": "多一",
}
CONDITIONS: Mapping[str, str] = {
    "scenes": "应用场景",
    "stages": "监管环节",
    "care_modes": "就医方式",
    "visit_kinds": "医疗类别",
    "insurance": "险种",
    "facilities": "医疗机构",
    "facility_levels": "机构级别",
    "facility_types": "机构类型",
    "regions": "参保地",
    "treatment_regions": "就医地",
    "departments": "科室",
    "titles": "职称",
    "practitioners": "医师",
    "charge_kinds": "费用类型",
    "sex": "性别",
    "min_age": "年龄不小于",
    "below_age": "年龄不满",
    "diagnoses": "诊断编码以此开头",
    "programs": "门慢特病种",
    "flags": "患者标记",
    "pregnant": "妊娠",
    "discharge_medication": "出院带药",
    "long_prescription": "长期处方",
    "long_term_order": "长期医嘱",
    "emergency_use": "紧急使用",
    "day_surgery": "日间手术",
    "out_of_region": "异地就医",
}
COVERED_BY: Mapping[str, str] = {
    "message": "可由 3101 报文判断",
    "clinical": "需要临床扩展信息",
    "history": "需要历史记录",
    "batch": "只能事后批量判断",
}
with (Path(__file__).parent / "page_templates" / "fields.csv").open(encoding="utf-8", newline="") as _file:
    _FIELDS: Mapping[str, str] = {row["name"]: row["label"] for row in csv.DictReader(_file)}
"""What columns of rows and fields of cases are called."""

MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d)?)")

_VALUES: Mapping[str, str] = {
    **{mode: str(word) for mode, word in MODE_OF.items()},
    **{level: str(word) for level, word in LEVEL_OF.items()},
    **{payer: str(word) for payer, word in INSURANCE_OF.items()},
    "male": "男",
    "female": "女",
    "drug": "药品",
    "herb_piece": "中药饮片",
    "herb_granule": "中药配方颗粒",
    "service": "医疗服务",
    "consumable": "医用耗材",
    "day_surgery": "日间手术",
    "pregnant": "妊娠",
    "lactating": "哺乳",
    "planning": "备孕",
    "neither": "非妊娠哺乳",
    "HINT": ACTIONS["HINT"],
    "WARN": ACTIONS["WARN"],
    "WARN_REASON": ACTIONS["WARN_REASON"],
    "REVIEW": ACTIONS["REVIEW"],
    "BLOCK": ACTIONS["BLOCK"],
    "raw": "未签署",
    "normal": "正常",
    "mild": "轻度",
    "moderate": "中度",
    "severe": "重度",
    "treatment": "治疗",
    "prophylaxis": "预防",
    "consultation": "会诊",
    "antibiotic_unrestricted": "非限制使用级抗菌药物",
    "antibiotic_restricted": "限制使用级抗菌药物",
    "antibiotic_special": "特殊使用级抗菌药物",
    "cancer_pain": "癌痛",
    "chronic_pain": "慢性疼痛",
}
"""Words of the fact model in whatever field they stand; every other value is shown as it is."""


def field_word(name: str) -> str:
    """Return what a field or column is called: its label, that of the fact of its name, else the name itself."""
    if name in _FIELDS:
        return _FIELDS[name]
    if name.startswith(("scope_", "exempt_")):
        group, _, condition = name.partition("_")
        return ("限" if group == "scope" else "除外：") + CONDITIONS.get(condition, condition)
    fact = FACTS.get(name)
    return fact.label if fact is not None else name


def value_text(value: Any) -> str:
    """Return a value of a case or a row for a reader: lists and tables flattened, known words in Chinese."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, Mapping):
        names = ("name", "code", "value", "unit")
        plain = [value_text(value[name]) for name in names if value.get(name) not in (None, "")]
        rest = [f"{field_word(name)} {value_text(item)}" for name, item in value.items() if name not in names]
        return " ".join((*plain, *rest))
    if isinstance(value, (list, tuple)):
        return "、".join(map(value_text, value))
    text = MOMENT.sub(r"\1 \2", str(value))
    return _VALUES.get(text, text)
