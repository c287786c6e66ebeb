"""Units as hospitals spell them, exact conversion, and one administration of a line in any unit."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset.case import Ingredient, Line
from ruleset.outcome import Missing
from ruleset.units import _ATOMS, convert, dose_of, factor, read_unit, unit_of, units_of_form

SPELLINGS = {
    "mg": "mg MG Mg ｍｇ 毫克",
    "g": "g G 克",
    "ug": "ug μg µg mcg 微克",
    "ng": "ng 纳克",
    "[iU]": "IU iu U 单位 国际单位 [iU] [IU]",
    "10*4.[iU]": "万单位 万U 万IU",
    "10*6.[iU]": "MU 百万单位",
    "m[iU]": "mU mIU",
    "mL": "mL ml ML 毫升",
    "L": "L l 升",
    "mmol": "mmol 毫摩尔",
    "meq": "mEq meq 毫当量",
    "%": "% ％",
    "kcal": "kcal 千卡",
    "片": "片 tab",
    "粒": "粒 颗 cap",
    "支": "支 安瓿",
    "袋": "袋 包",
    "揿": "揿",
    "mg/kg": "mg/kg 毫克/公斤",
    "mg/kg/d": "mg/kg/d mg/kg/天 mg/(kg/d)",
    "umol/L": "umol/L μmol/L µmol/L 微摩尔/升",
    "mL/min/{1.73_m2}": "ml/min/1.73m2 mL/min/1.73m² mL/min/{1.73_m2} ml/min·1.73m^2",
    "10*9/L": "10*9/L 10^9/L ×10^9/L",
    "[drp]/min": "滴/分 滴/分钟 gtt/min",
}


@pytest.mark.parametrize(
    ("text", "code"), [(text, code) for code, texts in SPELLINGS.items() for text in texts.split()]
)
def test_a_hospital_spelling(text, code):
    assert unit_of(text) == code


@pytest.mark.parametrize(
    "text", ["", " ", "mu", "miu", "适量", "mgg", "mg/", "/", "0", "x" * 41, "片/次/x", "10*", "mg//kg"]
)
def test_what_is_not_known_is_no_unit(text):
    assert unit_of(text) is None
    assert factor(text, "mg") is None


@pytest.mark.parametrize(
    ("source", "target", "ratio"),
    [
        ("g", "mg", "1000"),
        ("mg", "g", "0.001"),
        ("ug", "mg", "0.001"),
        ("mcg", "g", "0.000001"),
        ("万单位", "IU", "10000"),
        ("mg", "毫克", "1"),
        ("L", "mL", "1000"),
        ("mg/dL", "mg/L", "10"),
        ("mg/mL", "g/L", "1"),
        ("mg/5mL", "mg/mL", "0.2"),
        ("mL/h", "mL/d", "24"),
        ("g/kg", "mg/kg", "1000"),
        ("mL/min/1.73m2", "mL/min", "1"),
        ("片", "tab", "1"),
        ("mCi", "MBq", "37"),
    ],
)
def test_factors(source, target, ratio):
    assert factor(source, target) == Decimal(ratio)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("mg", "mL"),
        ("IU", "mg"),
        ("片", "粒"),
        ("mmol", "mg"),
        ("mmol", "meq"),
        ("滴", "mL"),
        ("mg", "mg/kg"),
        ("%", "g"),
    ],
)
def test_what_has_no_common_measure_is_never_converted(source, target):
    assert factor(source, target) is None
    assert convert(Decimal(1), source, target) is None


UNITS = st.sampled_from(sorted(_ATOMS))
AMOUNTS = st.decimals(Decimal("0.001"), Decimal(10**6), places=3)


ALIKE = UNITS.flatmap(
    lambda unit: st.tuples(*[st.sampled_from([other for other in _ATOMS if _ATOMS[other][0] == _ATOMS[unit][0]])] * 3)
)
"""Three units that measure the same."""


@given(ALIKE, AMOUNTS)
def test_there_and_back_is_the_same_amount(units, amount):
    source, target, _ = units
    back = convert(convert(amount, source, target), target, source)
    assert abs(back - amount) <= amount * Decimal("1e-25")


@given(ALIKE)
def test_factors_multiply(units):
    first, second, third = units
    whole = factor(first, third)
    assert abs(factor(first, second) * factor(second, third) - whole) <= whole * Decimal("1e-25")


@given(UNITS, UNITS)
def test_what_measures_another_thing_is_not_converted(first, second):
    assert (factor(first, second) is None) == (_ATOMS[first][0] != _ATOMS[second][0])


def test_sixty_an_hour_is_one_a_minute():
    assert convert(Decimal(60), "mL/h", "mL/min") == 1
    assert convert(Decimal(1), "mL/min", "mL/h") == 60


@given(st.text(max_size=50))
def test_any_text_is_a_unit_or_none(text):
    code = unit_of(text)
    assert code is None or unit_of(code) == code


@given(UNITS, UNITS)
def test_a_quotient_is_the_quotient_of_its_parts(first, second):
    quotient = read_unit(f"{first}/{second}")
    assert quotient.size == read_unit(first).size / read_unit(second).size
    assert quotient.size > Fraction(0)


def line(**facts):
    numbers = {"dose", "strength", "pack_size", "volume_ml", "quantity"}
    return Line(**{name: Decimal(value) if name in numbers else value for name, value in facts.items()})


PERCOCET = (Ingredient("羟考酮", Decimal(5), "mg"), Ingredient("对乙酰氨基酚", Decimal(325), "mg"))


@pytest.mark.parametrize(
    ("facts", "unit", "dose"),
    [
        ({"dose": "0.5", "dose_unit": "g"}, "mg", "500"),
        ({"dose": "80", "dose_unit": "万单位"}, "[iU]", "800000"),
        ({"dose": "2", "dose_unit": "片", "strength": "0.25", "strength_unit": "g"}, "mg", "500"),
        ({"dose": "1.5", "dose_unit": "片"}, "片", "1.5"),
        ({"dose": "10", "dose_unit": "mL", "strength": "20", "strength_unit": "mg/mL"}, "mg", "200"),
        ({"dose": "5", "dose_unit": "ml", "strength": "125", "strength_unit": "mg/5mL"}, "mg", "125"),
        ({"dose": "100", "dose_unit": "mL", "strength": "10", "strength_unit": "%"}, "g", "10"),
        ({"dose": "10", "dose_unit": "mL", "volume_ml": "50", "strength": "1", "strength_unit": "g"}, "mg", "200"),
        ({"dose": "0.5", "dose_unit": "g", "strength": "0.25", "strength_unit": "g"}, "片", "2"),
        ({"dose": "1", "dose_unit": "支", "volume_ml": "2"}, "mL", "2"),
        ({"dose": "2", "dose_unit": "揿", "strength": "100", "strength_unit": "ug", "pack_size": "200"}, "ug", "200"),
        ({"dose": "1", "dose_unit": "盒", "strength": "5", "strength_unit": "mg", "pack_size": "7"}, "mg", "35"),
        ({"dose": "1", "dose_unit": "瓶", "strength": "5", "strength_unit": "g", "pack_size": "1"}, "g", "5"),
    ],
)
def test_one_administration(facts, unit, dose):
    assert dose_of(line(**facts), unit) == Decimal(dose)


def test_one_substance_of_several():
    two = line(dose="2", dose_unit="片", ingredients=PERCOCET)
    assert dose_of(two, "mg", ingredient="对乙酰氨基酚") == 650
    assert dose_of(two, "mg", ingredient="羟考酮") == 10
    by_mass = line(dose="10", dose_unit="mg", ingredients=PERCOCET)
    answer = dose_of(by_mass, "mg", ingredient="对乙酰氨基酚")  # ten of which?
    assert isinstance(answer, Missing)
    assert answer.fact == "strength"
    of_all = line(dose="660", dose_unit="mg", strength="330", strength_unit="mg", ingredients=PERCOCET)
    assert dose_of(of_all, "mg", ingredient="对乙酰氨基酚") == 650
    assert isinstance(dose_of(two, "mg"), Missing)
    other = dose_of(two, "mg", ingredient="布洛芬")
    assert isinstance(other, Missing)
    assert other.fact == "ingredients"
    alone = line(dose="2", dose_unit="片", ingredients=PERCOCET[:1])
    assert dose_of(alone, "mg") == 10
    assert dose_of(alone, "mg", ingredient="羟考酮") == 10


@pytest.mark.parametrize(
    ("facts", "unit", "fact"),
    [
        ({"dose_unit": "mg"}, "mg", "dose"),
        ({"dose": "0", "dose_unit": "mg"}, "mg", "dose"),
        ({"dose": "-1", "dose_unit": "mg"}, "mg", "dose"),
        ({"dose": "1"}, "mg", "dose_unit"),
        ({"dose": "1", "dose_unit": "适量"}, "mg", "dose_unit"),
        ({"dose": "2", "dose_unit": "片"}, "mg", "strength"),
        ({"dose": "2", "dose_unit": "片", "strength": "100", "strength_unit": "单位"}, "mg", "strength"),
        ({"dose": "2", "dose_unit": "片", "strength": "0", "strength_unit": "mg"}, "mg", "strength"),
        ({"dose": "10", "dose_unit": "mL"}, "mg", "strength"),
        ({"dose": "3", "dose_unit": "滴", "strength": "5", "strength_unit": "mg"}, "mg", "dose_unit"),
        ({"dose": "1", "dose_unit": "盒", "strength": "5", "strength_unit": "mg"}, "mg", "pack_size"),
        (
            {"dose": "1", "dose_unit": "板", "strength": "5", "strength_unit": "mg", "pack_size": "24"},
            "mg",
            "pack_size",
        ),
        (
            {"dose": "1", "dose_unit": "瓶", "strength": "5", "strength_unit": "mg", "pack_size": "100"},
            "mg",
            "dose_unit",
        ),
        ({"dose": "2", "dose_unit": "揿", "strength": "100", "strength_unit": "ug"}, "ug", "pack_size"),
        ({"dose": "400", "dose_unit": "[iU]"}, "mg", "strength"),
    ],
)
def test_a_dose_is_never_guessed(facts, unit, fact):
    answer = dose_of(line(**facts, quantity="3"), unit)
    assert isinstance(answer, Missing)
    assert answer.fact == fact


@given(AMOUNTS, AMOUNTS)
def test_tablets_and_their_content_agree(tablets, strength):
    by_tablet = Line(dose=tablets, dose_unit="片", strength=strength, strength_unit="mg")
    content = dose_of(by_tablet, "mg")
    assert content == tablets * strength
    by_content = Line(dose=content, dose_unit="mg", strength=strength, strength_unit="mg")
    units, one = units_of_form(by_content)
    assert units / one == tablets
