"""Units of doses and results: from a hospital's spelling to UCUM, exact conversion, and the dose of a line in any unit.

Units are written in UCUM (https://ucum.org) where it has one, and as the Chinese counting word where a dose counts
pieces of the form (片, 支). Of UCUM's some three hundred units a prescription uses the few of the table below, with
its products, quotients and annotations (mg/kg/d, mL/min/{1.73_m2}). A general library was measured and left out: pint
0.25.3 costs 0.17 s and 16 MB in every process before its first conversion, ucumvert 0.3.2 another 0.6 s and 8 MB,
and neither knows 片, 万单位 or that 单位 of a drug is never a mass.

All factors are exact fractions; a unit that is not known converts to nothing.
"""

import re
import unicodedata
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

import msgspec

from ruleset.case import Line
from ruleset.drug_names import substance_name
from ruleset.outcome import Missing

Dimension = tuple[tuple[str, int], ...]

_ATOMS: dict[str, tuple[str, Fraction]] = {
    "kg": ("mass", Fraction(1000)),
    "g": ("mass", Fraction(1)),
    "mg": ("mass", Fraction(1, 10**3)),
    "ug": ("mass", Fraction(1, 10**6)),
    "ng": ("mass", Fraction(1, 10**9)),
    "pg": ("mass", Fraction(1, 10**12)),
    "L": ("volume", Fraction(1)),
    "dL": ("volume", Fraction(1, 10)),
    "mL": ("volume", Fraction(1, 10**3)),
    "uL": ("volume", Fraction(1, 10**6)),
    "mol": ("amount", Fraction(1)),
    "mmol": ("amount", Fraction(1, 10**3)),
    "umol": ("amount", Fraction(1, 10**6)),
    "nmol": ("amount", Fraction(1, 10**9)),
    "pmol": ("amount", Fraction(1, 10**12)),
    "eq": ("equivalent", Fraction(1)),
    "meq": ("equivalent", Fraction(1, 10**3)),
    "[iU]": ("unit", Fraction(1)),
    "k[iU]": ("unit", Fraction(1000)),
    "m[iU]": ("unit", Fraction(1, 1000)),
    "[CFU]": ("colony", Fraction(1)),
    "kcal": ("energy", Fraction(4184)),
    "kJ": ("energy", Fraction(1000)),
    "MBq": ("activity", Fraction(10**6)),
    "GBq": ("activity", Fraction(10**9)),
    "mCi": ("activity", Fraction(37 * 10**6)),
    "s": ("time", Fraction(1)),
    "min": ("time", Fraction(60)),
    "h": ("time", Fraction(3600)),
    "d": ("time", Fraction(86_400)),
    "wk": ("time", Fraction(7 * 86_400)),
    "m": ("length", Fraction(1)),
    "cm": ("length", Fraction(1, 100)),
    "mm": ("length", Fraction(1, 1000)),
    "m2": ("area", Fraction(1)),
    "mm[Hg]": ("pressure", Fraction(1)),
    "Cel": ("temperature", Fraction(1)),
    "[drp]": ("drop", Fraction(1)),
    "%": ("", Fraction(1, 100)),
}
"""UCUM units: what they measure, and how many of the base unit they are. 1 kcal is 4184 J, 1 Ci 37 GBq (UCUM)."""

_UNITS_OF_FORM = "片粒丸支瓶袋贴枚喷吸揿剂盒板块管个张"
_ATOMS |= {word: (word, Fraction(1)) for word in _UNITS_OF_FORM}
_COUNTED = frozenset((*_UNITS_OF_FORM, "[drp]"))

PACKS = frozenset({"盒", "板"})
"""Units that hold several of the form; how many, the pack size says for 盒 alone."""

PUFFS = frozenset({"喷", "吸", "揿"})
"""One actuation of an inhaler or spray: the unit of its form where the pack is counted in them."""

_SPELLED: dict[str, str] = {
    "kg": "公斤 千克",
    "g": "克 gm gram grams",
    "mg": "毫克 mgs",
    "ug": "微克 mcg",
    "ng": "纳克",
    "L": "升 liter",
    "dL": "分升",
    "mL": "毫升 cc",
    "uL": "微升",
    "mol": "摩尔",
    "mmol": "毫摩尔",
    "umol": "微摩尔",
    "eq": "当量",
    "meq": "毫当量",
    "[iU]": "iu u [iu] 单位 国际单位 活性单位 效价单位 axaiu 抗xa单位",
    "k[iU]": "ku kiu",
    "10*4.[iU]": "万单位 万u 万iu 万国际单位",
    "10*6.[iU]": "百万单位 百万u 百万iu",
    "10*8.[iU]": "亿单位 亿u",
    "[CFU]": "cfu",
    "10*8.[CFU]": "亿cfu 亿活菌",
    "kcal": "千卡 大卡",
    "kJ": "千焦",
    "mCi": "毫居里",
    "s": "秒 sec",
    "min": "分 分钟",
    "h": "小时 时 hr",
    "d": "天 日 day",
    "wk": "周 week",
    "cm": "厘米",
    "mm": "毫米",
    "m2": "平方米 m^2",
    "mm[Hg]": "mmhg 毫米汞柱",
    "Cel": "℃ °c 摄氏度",
    "[drp]": "滴 gtt drop drops drp",
    "片": "tab tabs tablet",
    "粒": "cap caps capsule 颗",
    "支": "amp 安瓿 vial 针",
    "瓶": "bottle",
    "袋": "bag 包",
    "剂": "帖 付",
    "揿": "puff 撳",
    "盒": "box",
}
"""Hospital spellings in lower case. 单位, U and IU of a drug are one: no pharmacopoeia doses one drug in two."""

_SPELLINGS: dict[str, str] = {
    **{atom.lower(): atom for atom in _ATOMS},
    **{spelling: code for code, spellings in _SPELLED.items() for spelling in spellings.split()},
}

UNIT_SPELLINGS = tuple(dict.fromkeys((*_ATOMS, *_SPELLINGS)))
"""Every unit that is read, in all of its spellings: for somebody who asks what a misspelt one was meant to be."""

_CASE_MATTERS = {
    **dict.fromkeys(("MU", "MIU"), "10*6.[iU]"),
    **dict.fromkeys(("mU", "mIU"), "m[iU]"),
    **dict.fromkeys(("Mu", "mu", "miu", "Miu"), ""),
}
"""Million or thousandth: only the case tells them apart, and where it does not they are not known."""

_ANNOTATION = re.compile(r"\{[^{}]*\}")
_NORMALISED_TO = re.compile(r"[/.*\u00b7]\(?1\.73m(?:2|\^2)\)?$", re.IGNORECASE)
_TERM = re.compile(r"(10[*^]\d{1,2}|\d{1,4})?\.?(.*)", re.DOTALL)
_UNIT_MAX_CHARACTERS = 40

_SIGNS = str.maketrans({"\u03bc": "u", "\u00d7": ""})
"""After NFKC both micro signs are a Greek mu; a sign of multiplication before 10^9 says nothing."""


class Unit(msgspec.Struct, frozen=True, gc=False):
    """A unit that is understood: its canonical text, what it measures, and its size in base units."""

    code: str
    dimension: Dimension
    size: Fraction


@lru_cache(maxsize=16_384)
def read_unit(text: str) -> Unit | None:
    """Read a unit in UCUM, Chinese or a hospital's spelling, with quotients (mg/kg/d, 毫克/公斤); None: not known."""
    plain = "".join(unicodedata.normalize("NFKC", text).translate(_SIGNS).split())
    if not plain or len(plain) > _UNIT_MAX_CHARACTERS:
        return None
    plain = _NORMALISED_TO.sub("/{1.73_m2}", plain)
    size = Fraction(1)
    powers: dict[str, int] = {}
    codes: list[str] = []
    for place, term in enumerate(plain.replace("(", "").replace(")", "").split("/")):
        part = _read_term(term)
        if part is None:
            return None
        code, dimension, term_size = part
        sign = -1 if place else 1
        size *= term_size**sign
        if dimension:
            powers[dimension] = powers.get(dimension, 0) + sign
        codes.append(code)
    return Unit("/".join(codes), tuple(sorted((name, power) for name, power in powers.items() if power)), size)


def _read_term(term: str) -> tuple[str, str, Fraction] | None:
    """Read one factor of a unit: its canonical text, what it measures ("" for a number alone), its size."""
    if _ANNOTATION.fullmatch(term):
        return "{1.73_m2}" if "1.73" in term else term, "", Fraction(1)
    term = _ANNOTATION.sub("", term)
    known = _CASE_MATTERS.get(term)
    if known is None:
        known = _SPELLINGS.get(term.lower(), term.lower())
    match = _TERM.fullmatch(known)
    assert match is not None  # every part of the pattern is optional
    number, rest = match[1] or "", match[2]
    atom = rest if rest in _ATOMS else _SPELLINGS.get(rest, "")
    times = Fraction(10 ** int(number[3:])) if number.startswith(("10*", "10^")) else Fraction(number or 1)
    if not times or (rest and atom not in _ATOMS) or not (number or rest):
        return None
    if not rest:
        return number.replace("^", "*"), "", times
    dimension, size = _ATOMS[atom]
    return (f"{number.replace('^', '*')}.{atom}" if number else atom), dimension, times * size


def unit_of(text: str) -> str | None:
    """Return the canonical UCUM code or unit of form of a spelling (毫克: mg; IU: [iU]), or None where not known."""
    unit = read_unit(text)
    return unit.code if unit else None


def is_unit_of_form(text: str) -> bool:
    """Say whether a unit counts pieces: tablets, vials, puffs, drops."""
    return unit_of(text) in _COUNTED


@lru_cache(maxsize=16_384)
def _ratio(source: str, target: str) -> "Quotient | None":
    """Return numerator and denominator of how many of the target one source unit is; None: not convertible.

    Kept apart because 1/60 has no finite decimal, and 60 x 1 / 60 is 1.
    """
    first, second = read_unit(source), read_unit(target)
    if first is None or second is None or first.dimension != second.dimension:
        return None
    ratio = first.size / second.size
    return Decimal(ratio.numerator), Decimal(ratio.denominator)


def factor(source: str, target: str) -> Decimal | None:
    """Return how many of `target` one `source` is (g to mg: 1000), or None where they are not convertible.

    A ratio that has no finite decimal (min to h) is cut to 28 digits: where a limit is compared, use `convert`.
    """
    ratio = _ratio(source, target)
    return None if ratio is None else ratio[0] / ratio[1]


def convert(value: Decimal, source: str, target: str) -> Decimal | None:
    """Return a value in another unit, exact wherever the answer has a finite decimal; None: not convertible."""
    ratio = _ratio(source, target)
    return None if ratio is None else value * ratio[0] / ratio[1]


def dose_of(line: Line, unit: str, *, ingredient: str = "") -> Decimal | Missing:
    """Return one administration of the line in `unit` (mass, volume, [iU], mmol, or a unit of form), never a guess.

    From the stated dose directly; else through the number of units of the form (2片 of 0.5 g; 10 mL of a vial of
    50 mL), which needs the strength, the volume, or the amount of the ingredient. With `ingredient` (a generic name)
    of a drug of several substances, the dose of that substance alone. `quantity` is never the dose.
    """
    if line.dose is None or line.dose <= 0:
        return Missing("dose")
    if not line.dose_unit:
        return Missing("dose_unit")
    if ingredient and line.ingredients and all(substance_name(one.name) != ingredient for one in line.ingredients):
        return Missing("ingredients", f"药品成分中没有“{ingredient}”。")
    one_of_several = ingredient and len(line.ingredients) > 1
    if not one_of_several:
        direct = convert(line.dose, line.dose_unit, unit)
        if direct is not None:
            return direct
    if read_unit(line.dose_unit) is None:
        return Missing("dose_unit", f"不认识剂量单位“{line.dose_unit}”。")
    if not one_of_several:
        by_concentration = _by_concentration(line, unit)
        if by_concentration is not None:
            return by_concentration
    units = units_of_form(line)
    if isinstance(units, Missing):
        return units
    if is_unit_of_form(unit):
        return units[0] / units[1]
    return _content(line, units, unit, ingredient)


Quotient = tuple[Decimal, Decimal]
"""Numerator and denominator. Kept apart to the last, because 10 mL of 120 mL have no finite decimal and are a twelfth;
and ten times faster than `Fraction`."""


def units_of_form(line: Line) -> Quotient | Missing:
    """Return how many units of the form (tablets, vials) one administration is, exactly."""
    if line.dose is None or line.dose <= 0:
        return Missing("dose")
    code = unit_of(line.dose_unit)
    if code is None:
        return Missing("dose_unit", f"不认识剂量单位“{line.dose_unit}”。" if line.dose_unit else "")
    if code in _COUNTED:
        counted = _counted(line, line.dose, code)
        return counted if isinstance(counted, Missing) else (counted, _ONE)
    contents = [(line.strength, line.strength_unit), (line.volume_ml, "mL")]
    if len(line.ingredients) == 1:
        contents.append((line.ingredients[0].amount, line.ingredients[0].unit))
    for content, content_unit in contents:
        if content is not None and content > 0:
            ratio = _ratio(line.dose_unit, content_unit)
            if ratio is not None:
                return line.dose * ratio[0], content * ratio[1]
    return Missing("strength", f"需要规格含量才能换算剂量单位“{line.dose_unit}”。")


_ONE = Decimal(1)


def _counted(line: Line, dose: Decimal, code: str) -> Decimal | Missing:
    """Return a dose that counts something in units of the form, where it is sure that it counts those."""
    if code == "[drp]":
        return Missing("dose_unit", "一滴的含量未知，无法换算。")
    several = line.pack_size is not None and line.pack_size != 1
    if code == "盒" and line.pack_size is not None:
        return dose * line.pack_size
    if code in PACKS:
        return Missing("pack_size", f"需要包装数量才能换算剂量单位“{line.dose_unit}”。")
    if code == "瓶" and several:
        return Missing("dose_unit", "剂量单位“瓶”可能是整瓶，也可能是一个制剂单位。")
    if code in PUFFS and not several:
        return Missing("pack_size", f"需要每瓶（支）的喷次数才能换算剂量单位“{line.dose_unit}”。")
    return dose


def _content(line: Line, units: Quotient, unit: str, ingredient: str) -> Decimal | Missing:
    """Return what so many units of the form contain, in `unit`."""
    contents: list[tuple[Decimal | None, str]] = []
    named = [one for one in line.ingredients if not ingredient or substance_name(one.name) == ingredient]
    if len(named) == 1:
        contents.append((named[0].amount, named[0].unit))
    if not ingredient or len(line.ingredients) <= 1:
        contents += [(line.strength, line.strength_unit), (line.volume_ml, "mL")]
    for content, content_unit in contents:
        if content is not None and content > 0:
            ratio = _ratio(content_unit, unit)
            if ratio is not None:
                return units[0] * content * ratio[0] / (units[1] * ratio[1])
    return Missing("strength", f"需要规格含量才能把“{line.dose_unit}”换算为“{unit}”。")


def _by_concentration(line: Line, unit: str) -> Decimal | None:
    """Return a dose in millilitres by a strength that is a concentration: mg/mL, or % (g in 100 mL, 中国药典 凡例)."""
    if line.dose is None or line.strength is None or line.strength <= 0:
        return None
    millilitres = convert(line.dose, line.dose_unit, "mL")
    if millilitres is None:
        return None
    of_one, concentration = line.strength, line.strength_unit
    if concentration == "%":
        of_one, concentration = of_one / 100, "g/mL"
    of_one_millilitre = convert(of_one, concentration, f"{unit}/mL")
    return None if of_one_millilitre is None else millilitres * of_one_millilitre
