"""What the administration publishes: the rules, the words of its sheets, the batches and their dates. Data only."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Literal, NamedTuple

ItemClass = Literal["drug", "service", "supply", "herb"]
Change = Literal["add", "replace", "end"]
CLASS_WORDS: Mapping[ItemClass, str] = {
    "drug": "drug",
    "service": "service",
    "supply": "consumable",
    "herb": "herb piece",
}
CLASS_OF_TITLE: Mapping[str, ItemClass] = {
    "药品": "drug",
    "超互联网": "drug",
    "医疗服务": "service",
    "手术": "service",
    "医用耗材": "supply",
    "耗材": "supply",
    "中药饮片": "herb",
}
"""How the name of a rule begins, and what its items are."""

CODE_SHAPES: Mapping[ItemClass, re.Pattern[str]] = {
    "drug": re.compile(r"[XZ][0-9A-Z]{19}(?:[0-9A-Z]{3})?"),
    "service": re.compile(r"\d{15}"),
    "supply": re.compile(r"C\d{18,20}"),
    "herb": re.compile(r"T\d{9}"),
}
"""Shapes of the national codes (医保药品分类与代码 and its sisters). A code of no such shape is not imported: one
wrong character makes a row that never applies, and nobody would notice."""

DRUG_SEX = "药品区分性别使用"
SERVICE_SEX = "医疗服务项目区分性别使用"
DRUG_CHILD_ONLY = "药品儿童专用"
DRUG_CHILD_LIMITED = "药品限儿童使用"
SERVICE_CHILD_ONLY = "医疗服务项目儿童专用"
SURGERY_DISCOUNT = "手术项目未按规定折价收费"
DRUG_WORK_INJURY = "药品限工伤保险"
DRUG_MATERNITY = "药品限生育保险"
DRUG_CARE_MODE = "药品限就医方式"
DRUG_LEVEL = "药品限医疗机构级别"
DRUG_COURSE = "药品限支付疗程"
EXCLUSIVE = "医疗服务项目重复收费"
PER_DAY = "医疗服务项目限定频次"
SERVICE_AGE = "医疗服务项目限年龄"
SERVICE_COURSE = "医疗服务项目限支付疗程"
PER_PERIOD = "医疗服务项目周期超频次"
SECOND_LINE = "药品限二线使用"
INTERNET = "超互联网医院药品支付范围"
HERB_NEVER = "中药饮片单复方均不予支付"
HERB_ALONE = "中药饮片单方使用不予支付"
DRUG_INDICATION = "药品限适应症"
SERVICE_INDICATION = "医疗服务项目限适应症"
SERVICE_LEVEL = "医疗服务项目限医疗机构级别"
SERVICE_CARE_MODE = "医疗服务项目限就医方式"
SERVICE_WORK_INJURY = "医疗服务项目限工伤保险"
SERVICE_MATERNITY = "医疗服务项目限生育保险"
SERVICE_CHILD_LIMITED = "医疗服务项目限儿童使用"
SUPPLY_CHILD_LIMITED = "耗材限儿童使用"
SUPPLY_SEX = "医用耗材与性别不符"
CHILD_LIMITED = (DRUG_CHILD_LIMITED, SERVICE_CHILD_LIMITED, SUPPLY_CHILD_LIMITED)
"""Rules that limit payment to children, perhaps of some ages."""

TEMPLATES_OF: Mapping[str, tuple[str, ...]] = {
    DRUG_SEX: ("T06",),
    SERVICE_SEX: ("T06",),
    SUPPLY_SEX: ("T06",),
    DRUG_CHILD_ONLY: ("T07",),
    DRUG_CHILD_LIMITED: ("T07",),
    SERVICE_CHILD_ONLY: ("T07",),
    SERVICE_CHILD_LIMITED: ("T07",),
    SUPPLY_CHILD_LIMITED: ("T07",),
    SURGERY_DISCOUNT: ("T37",),
    DRUG_WORK_INJURY: ("T01",),
    DRUG_MATERNITY: ("T01",),
    SERVICE_WORK_INJURY: ("T01",),
    SERVICE_MATERNITY: ("T01",),
    DRUG_CARE_MODE: ("T03",),
    SERVICE_CARE_MODE: ("T03",),
    DRUG_LEVEL: ("T02",),
    SERVICE_LEVEL: ("T02",),
    DRUG_COURSE: ("T31",),
    SERVICE_COURSE: ("T31", "T08"),
    EXCLUSIVE: ("T35",),
    PER_DAY: ("T32",),
    PER_PERIOD: ("T32",),
    SERVICE_AGE: ("T08",),
    SECOND_LINE: ("T34",),
    INTERNET: ("T03",),
    HERB_NEVER: ("T10",),
    HERB_ALONE: ("T10",),
    DRUG_INDICATION: ("T08",),
    SERVICE_INDICATION: ("T08",),
}
"""The rules (by their names in the national list) whose sheets are understood, each with the templates that can hold
its rows: the first that the pack has a rule of, and whose parameters the row states, takes it."""

KINDS: Mapping[str, Mapping[ItemClass, tuple[str, ...]]] = {
    "限定性别对象": {"drug": (DRUG_SEX,), "service": (SERVICE_SEX,), "supply": (SUPPLY_SEX,)},
    "限定年龄对象": {
        "drug": (DRUG_CHILD_LIMITED, DRUG_CHILD_ONLY),
        "service": (SERVICE_CHILD_ONLY,),
        "supply": (SUPPLY_CHILD_LIMITED,),
    },
    "限定保险类型": {
        "drug": (DRUG_WORK_INJURY, DRUG_MATERNITY),
        "service": (SERVICE_WORK_INJURY, SERVICE_MATERNITY),
    },
    "限定就医方式": {"drug": (DRUG_CARE_MODE,), "service": (SERVICE_CARE_MODE,)},
    "限定机构等级": {"drug": (DRUG_LEVEL,), "service": (SERVICE_LEVEL,)},
    "限定支付疗程": {"drug": (DRUG_COURSE,), "service": (SERVICE_COURSE,)},
    "限定主次操作": {"service": (SURGERY_DISCOUNT,)},
}
"""Values of the column 限定类型, and the rules that they mean for each class of item."""

FILE_NAME_WORDS: Mapping[str, tuple[str, ...]] = {
    **{kind: tuple(title for titles in of_class.values() for title in titles) for kind, of_class in KINDS.items()},
    "重复收费": (EXCLUSIVE,),
    "限定频次": (PER_DAY,),
    "限定周期": (PER_PERIOD,),
    "限定疗程": (SERVICE_COURSE,),
    **{title: (title,) for title in TEMPLATES_OF},
}
"""Words of file names. A name only ever contradicts: what a sheet is, its content says."""

ROLE_WORDS: Mapping[str, tuple[str, ...]] = {
    "serial": ("序号",),
    "name": (
        "药品通用名", "药品名称", "通用名", "通用名称", "项目名称", "医疗服务项目名称", "饮片名称", "中药饮片名称",
        "耗材名称", "医用耗材名称", "名称",
    ),
    "code": (
        "国标代码", "国标编码", "药品代码", "药品编码", "项目代码", "项目编码", "医保代码", "医保编码", "国家编码",
        "国家代码", "医保药品代码", "医保药品编码", "医疗服务项目编码", "医疗服务项目代码", "饮片代码", "饮片编码",
        "中药饮片代码", "中药饮片编码", "耗材代码", "耗材编码", "编码", "代码",
    ),
    "text": (
        "药品说明", "项目说明", "说明", "备注", "限定条件", "限定说明", "限定支付范围", "支付限定", "依据", "政策依据",
        "规则依据",
    ),
    "kind": ("限定类型",),
    "value": ("限定对象", "限定值域", "限定性别", "限定年龄"),
    "main_name": ("主项名称", "主项目名称"),
    "main_code": ("主项编码", "主项代码", "主项目编码", "主项目代码"),
    "sub_name": ("从项名称", "从项目名称", "次项名称", "次项目名称"),
    "sub_code": ("从项编码", "从项代码", "从项目编码", "从项目代码", "次项编码", "次项代码"),
    "window": ("频度", "时间范围"),
    "quantity": ("限制数量", "限定数量", "频次上限", "限定频次"),
    "unit": ("数量单位", "单位"),
    "period": ("疗程周期", "周期", "限定周期", "周期天数"),
    "change": ("变更类型", "调整类型", "修订类型", "变动类型", "操作类型"),
    "published": ("发布日期", "公布日期", "发布时间", "公布时间"),
}  # fmt: skip
"""The words by which headers call each column, without what stands in brackets after them."""

CHANGES: Mapping[str, Change] = {
    "新增": "add", "增加": "add",
    "修改": "replace", "修订": "replace", "调整": "replace", "变更": "replace",
    "删除": "end", "废止": "end", "取消": "end", "停用": "end", "调出": "end",
}  # fmt: skip
"""Values of a column that says of each row what becomes of it."""

REVISION_WORDS = re.compile("修订|更正|勘误")
"""Words in a sheet's own title or name by which it says that it takes the place of what was published before."""
TITLE = re.compile('[“"「《]([^”"」》]{4,40})[”"」》]规则')
"""How a published sheet names its rule: “…”规则对应知识点明细."""
FOOTNOTE = re.compile("备注|附注|注[::：]|说明[:：]|合计|总计|小计|数据来源|资料来源")
"""How rows begin that are none: sums and remarks at the foot of a table."""

HERB_CUES: Mapping[str, re.Pattern[str]] = {
    HERB_ALONE: re.compile("单独使用|单方使用|全部由"),
    HERB_NEVER: re.compile("单复方|单味或复方|单方和复方|单方或复方"),
}
"""What the texts of the two sheets of herbs say: their names were once swapped (batch 11)."""


class Batch(NamedTuple):
    """One batch as it was published, with the rules whose rows it holds."""

    published: date
    titles: tuple[str, ...]


BATCHES: Mapping[int, Batch] = {
    1: Batch(date(2025, 5, 23), (DRUG_SEX, SERVICE_SEX, DRUG_CHILD_ONLY, DRUG_CHILD_LIMITED, SERVICE_CHILD_ONLY)),
    2: Batch(date(2025, 7, 22), (SURGERY_DISCOUNT,)),
    3: Batch(date(2025, 7, 30), (DRUG_WORK_INJURY, DRUG_MATERNITY)),
    4: Batch(date(2025, 8, 8), (DRUG_CARE_MODE,)),
    5: Batch(date(2025, 8, 14), (DRUG_LEVEL,)),
    6: Batch(date(2025, 8, 26), (DRUG_COURSE,)),
    7: Batch(date(2025, 12, 12), (EXCLUSIVE,)),
    8: Batch(date(2026, 1, 6), (PER_DAY, SERVICE_AGE, SERVICE_COURSE, PER_PERIOD)),
    9: Batch(date(2026, 4, 21), (SECOND_LINE,)),
    10: Batch(date(2026, 4, 28), (INTERNET,)),
    11: Batch(date(2026, 5, 11), (HERB_NEVER, HERB_ALONE)),
    12: Batch(date(2026, 5, 23), (DRUG_INDICATION,)),
    13: Batch(date(2026, 6, 1), (DRUG_INDICATION,)),
    14: Batch(date(2026, 6, 9), (DRUG_INDICATION,)),
    15: Batch(date(2026, 6, 16), (DRUG_INDICATION,)),
    16: Batch(date(2026, 6, 22), (DRUG_INDICATION,)),
    17: Batch(date(2026, 6, 29), (DRUG_INDICATION,)),
}
"""The sheets do not carry their date. Source: the dates on which the administration announced each batch
(国家医保局, 智能监管规则和知识点 第一批 to 第十七批), as the citations of the starter pack have them too; a test compares.
A batch that is not here needs `--published`."""

BATCH_NAME = re.compile("第([一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九]|[0-9]{1,2})批")
_DIGITS = "〇一二三四五六七八九"


def batches_named(text: str) -> set[int]:
    """Return the numbers of the batches that a text names: 第八批, 第十二批, 第12批."""
    return {_number(match[1]) for match in BATCH_NAME.finditer(text)}


def batch_title(number: int) -> str:
    """Return a batch as citations name it: 第十二批."""
    tens, ones = divmod(number, 10)
    ten = ("" if tens == 1 else _DIGITS[tens]) + "十" if tens else ""
    return f"第{ten}{_DIGITS[ones] if ones else ''}批"


def batch_published(day: date) -> str:
    """Return the name of the batch of that day, or nothing."""
    return next((batch_title(number) for number, batch in BATCHES.items() if batch.published == day), "")


def class_of_title(title: str) -> ItemClass:
    """Return what the items of a published rule are."""
    return next(name for word, name in CLASS_OF_TITLE.items() if title.startswith(word))


def class_of_code(code: str) -> ItemClass | None:
    """Return what a national code codes; None where it has the shape of none."""
    return next((name for name, shape in CODE_SHAPES.items() if shape.fullmatch(code)), None)


def _number(text: str) -> int:
    if text.isdecimal():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    high = (_DIGITS.index(tens) if tens else 1) if ten else 0
    return high * 10 + (_DIGITS.index(ones) if ones else 0)
