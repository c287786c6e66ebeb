"""The files of a dictionary: which they are, and what their columns mean.

One `Column` is all there is to say about a column; the reader walks these tables, and docs/reference/dictionaries.md is
generated from them. A header may spell a column by its name or by its Chinese title.
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from ruleset.case import Ingredient, ItemKind
from server.dictionary import cells

AntibioticGrade = Literal["antibiotic_unrestricted", "antibiotic_restricted", "antibiotic_special"]
"""非限制使用级, 限制使用级, 特殊使用级. On a line it is one more of its classes, named like the privilege it needs."""

IncisionClass = Literal["I", "II", "III", "IV"]

ITEM_KINDS: Mapping[str, ItemKind] = {
    "西药": "drug",
    "中成药": "drug",
    "药品": "drug",
    "中药饮片": "herb_piece",
    "中药配方颗粒": "herb_granule",
    "医疗服务项目": "service",
    "医用耗材": "consumable",
    "长期护理": "long_term_care",
    "其他": "other",
    "drug": "drug",
    "herb_piece": "herb_piece",
    "herb_granule": "herb_granule",
    "service": "service",
    "consumable": "consumable",
    "long_term_care": "long_term_care",
    "other": "other",
}
ANTIBIOTIC_GRADES: Mapping[str, AntibioticGrade] = {
    "非限制使用级": "antibiotic_unrestricted",
    "限制使用级": "antibiotic_restricted",
    "特殊使用级": "antibiotic_special",
    "unrestricted": "antibiotic_unrestricted",
    "restricted": "antibiotic_restricted",
    "special": "antibiotic_special",
}
INCISION_CLASSES: Mapping[str, IncisionClass] = {
    "I": "I",
    "II": "II",
    "III": "III",
    "IV": "IV",
    "Ⅰ": "I",
    "Ⅱ": "II",
    "Ⅲ": "III",
    "Ⅳ": "IV",
}
PRIVILEGES: Mapping[str, str] = {
    "麻醉药品": "narcotic",
    "第一类精神药品": "psychotropic_1",
    "医疗用毒性药品": "toxic",
    "毒性药品": "toxic",
    "放射性药品": "radioactive",
    "限制使用级抗菌药物": "antibiotic_restricted",
    "特殊使用级抗菌药物": "antibiotic_special",
    "普通使用级抗肿瘤药物": "oncology_ordinary",
    "限制使用级抗肿瘤药物": "oncology_restricted",
    "中药": "herb",
    "中药饮片": "herb",
}
"""Chinese words for the privileges of `ruleset.case.PrivilegeCode`; their codes, and a hospital's own, stand for themselves."""

PRIVILEGE_CODES = frozenset(PRIVILEGES.values())

DIAGNOSIS_SHAPE = re.compile(
    r"[A-Z]\d\d(?:\.[0-9x]\d{0,2}(?:x\d{2,3})?)?[+*]?"  # ICD-10 in the national clinical edition: I10.x00x002
    r"|[AB]\d\d(?:\.\d\d){1,4}",  # GB/T 15657-2021, Chinese medicine: A04.03.15 a disease, B05.02 a syndrome
    re.ASCII,
)
OPERATION_SHAPE = re.compile(r"\d\d\.\d{1,4}(?:x\d{2,3})?", re.ASCII)
"""ICD-9-CM-3 in the national clinical edition: 47.0100, 00.4000x001."""
DEPARTMENT_SHAPE = re.compile(r"[A-Z]?\d\d(?:\.?\d\d){0,2}", re.ASCII)
"""科别: A0501, 03.02."""


class ItemRow(msgspec.Struct, frozen=True, gc=False):
    """One line of items.csv."""

    local_code: str = ""
    national_code: str = ""
    name: str = ""
    kind: ItemKind | None = None
    ingredients: tuple[Ingredient, ...] = ()
    classes: tuple[str, ...] = ()
    antibiotic_grade: AntibioticGrade | None = None
    form: str = ""
    strength: Decimal | None = None
    strength_unit: str = ""
    pack_size: Decimal | None = None
    specification: str = ""


class DiagnosisRow(msgspec.Struct, frozen=True, gc=False):
    """One line of diagnoses.csv."""

    national_code: str
    local_code: str = ""
    name: str = ""


class OperationRow(msgspec.Struct, frozen=True, gc=False):
    """One line of operations.csv."""

    national_code: str
    local_code: str = ""
    name: str = ""
    incision_class: IncisionClass | None = None


class DepartmentRow(msgspec.Struct, frozen=True, gc=False):
    """One line of departments.csv."""

    standard_code: str
    local_code: str = ""
    name: str = ""


class PractitionerRow(msgspec.Struct, frozen=True, gc=False):
    """One line of practitioners.csv."""

    practitioner_id: str
    name: str = ""
    title: str = ""
    department_code: str = ""


class PrivilegeRow(msgspec.Struct, frozen=True, gc=False):
    """One line of privileges.csv."""

    practitioner_id: str
    privilege: str
    valid_from: date | None = None
    valid_to: date | None = None


class Column(NamedTuple):
    """One column: `name` is the field of the row's struct, `title` what the header may say instead."""

    name: str
    title: str
    read: cells.Read
    meaning: str
    required: bool = False
    """Whether every line must fill it."""


class Table(NamedTuple):
    """One file, NAME.csv."""

    name: str
    title: str
    row: type[msgspec.Struct]
    columns: tuple[Column, ...]

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.name}.csv"


def _privilege(cell: str) -> str:
    """Return a privilege: a known one, by its code or in Chinese, or the hospital's own."""
    value = PRIVILEGES.get(cell) or cells.code(cell)
    nearest = cells.misspelt(value, PRIVILEGE_CODES | PRIVILEGES.keys())
    if nearest:
        raise cells.CellError("a privilege; a code of your own must not look like one of ours", nearest)
    return value


_LOCAL_CODE = "The hospital's own code, as messages send it."

TABLES = (
    Table(
        "items",
        "项目字典",
        ItemRow,
        (
            Column("local_code", "本院编码", cells.code, f"{_LOCAL_CODE} This or `national_code` must be given."),
            Column("national_code", "国家编码", cells.code, "The code in the national catalogue."),
            Column("name", "名称", cells.text, "For people."),
            Column("kind", "类别", cells.one_of(ITEM_KINDS), "The catalogue that the item belongs to."),
            Column(
                "ingredients",
                "成分",
                cells.ingredients,
                "Active substances by generic name, separated by `|`, each with its amount in one unit of the form "
                "after a colon where known: `阿莫西林:250 mg|克拉维酸钾:125 mg`.",
            ),
            Column(
                "classes",
                "药理分类",
                cells.names,
                "Classes, separated by `|`: ATC codes of any level, or the hospital's own.",
            ),
            Column(
                "antibiotic_grade",
                "抗菌药物级别",
                cells.one_of(ANTIBIOTIC_GRADES),
                "The grade of an antibiotic in this hospital.",
            ),
            Column("form", "剂型", cells.text, "The dosage form."),
            Column("strength", "规格含量", cells.amount, "The amount of substance in one unit of the form."),
            Column("strength_unit", "含量单位", cells.unit, "Its unit, in UCUM or Chinese: mg, g, mL, IU, 万单位."),
            Column(
                "pack_size", "包装数量", cells.amount, "How many units of the form one unit of the quantity sold holds."
            ),
            Column("specification", "规格", cells.text, "Strength and pack as text, for people."),
        ),
    ),
    Table(
        "diagnoses",
        "诊断字典",
        DiagnosisRow,
        (
            Column("local_code", "本院编码", cells.code, _LOCAL_CODE),
            Column("national_code", "国家编码", cells.code, "The national ICD-10 code.", required=True),
            Column("name", "名称", cells.text, "For people."),
        ),
    ),
    Table(
        "operations",
        "手术字典",
        OperationRow,
        (
            Column("local_code", "本院编码", cells.code, _LOCAL_CODE),
            Column("national_code", "国家编码", cells.code, "The national ICD-9-CM-3 code.", required=True),
            Column("name", "名称", cells.text, "For people."),
            Column(
                "incision_class",
                "切口类别",
                cells.one_of(INCISION_CLASSES),
                "How clean its incision is, where the message does not say.",
            ),
        ),
    ),
    Table(
        "departments",
        "科室字典",
        DepartmentRow,
        (
            Column("local_code", "本院编码", cells.code, _LOCAL_CODE),
            Column("standard_code", "标准科别编码", cells.code, "The standard code (科别).", required=True),
            Column("name", "名称", cells.text, "For people."),
        ),
    ),
    Table(
        "practitioners",
        "医师字典",
        PractitionerRow,
        (
            Column("practitioner_id", "医师编码", cells.code, "The doctor, as messages name them.", required=True),
            Column("name", "姓名", cells.text, "For people."),
            Column("title", "职称", cells.text, "The title, in the words of the rules' scopes."),
            Column("department_code", "科室编码", cells.code, "The department, by either of its codes."),
        ),
    ),
    Table(
        "privileges",
        "处方权",
        PrivilegeRow,
        (
            Column("practitioner_id", "医师编码", cells.code, "The doctor, as in practitioners.csv.", required=True),
            Column(
                "privilege",
                "处方权",
                _privilege,
                "What they may prescribe: a code of `ruleset.case.PrivilegeCode`, its Chinese name, or the hospital's "
                "own code.",
                required=True,
            ),
            Column("valid_from", "起始日期", cells.day, "The first day; empty: always."),
            Column("valid_to", "终止日期", cells.day, "The last day; empty: without end."),
        ),
    ),
)
TABLE_OF = {table.name: table for table in TABLES}
