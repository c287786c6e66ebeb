"""Creatinine clearance, body surface, weeks of pregnancy, liver and kidney grades."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset.case import Observation, Patient
from ruleset.clinical import (
    CREATININE,
    GESTATION_MAX_WEEKS,
    body_surface_m2,
    creatinine_clearance,
    gestational_weeks,
    hepatic_function,
    latest,
    renal_function,
    trimester,
)
from ruleset.outcome import Missing

NOW = datetime(2026, 6, 1, 9)


def creatinine(value="1.0", unit="mg/dL", days_ago=1, **facts):
    stated = {"code": "2160-0", "name": "肌酐", "status": "final"} | facts
    return Observation(value=Decimal(value), unit=unit, time=NOW - timedelta(days=days_ago), **stated)


def patient(*observations, years=60, **facts):
    stated = {"sex": "male", "weight_kg": Decimal(72), "birth_date": date(NOW.year - years, 1, 1)} | facts
    return Patient(observations=observations, **stated)


def clearance(who):
    return creatinine_clearance(who, NOW, within_days=90)


@pytest.mark.parametrize(
    ("who", "value"),
    [
        (patient(creatinine()), "80.0"),  # (140 - 60) * 72 / (72 * 1.0)
        (patient(creatinine(), sex="female"), "68.0"),
        (patient(creatinine("2.0")), "40.0"),
        (patient(creatinine("88.4", "μmol/L", code="14682-9")), "80.0"),
        (patient(creatinine("0.0884", "mmol/L", code="14682-9")), "80.0"),
        (patient(creatinine("10", "mg/L")), "80.0"),
        (patient(creatinine("132.6", "umol/L", code="")), "53.3"),
        (patient(creatinine(code="LIS-07", name="血清肌酐(酶法)")), "80.0"),
        (patient(creatinine(), years=18), "122.0"),
    ],
)
def test_cockcroft_gault(who, value):
    answer = clearance(who)
    assert answer.value == Decimal(value)
    assert "Cockcroft-Gault" in answer.found
    assert "2026-05-31" in answer.found


def test_a_supplied_clearance_comes_first_then_the_formula_and_then_the_filtration_rate():
    supplied = Observation(code="2164-2", value=Decimal("35.04"), unit="mL/min", time=NOW)
    rate = Observation(name="eGFR", value=Decimal(50), unit="mL/min/1.73m²", time=NOW)
    assert clearance(patient(creatinine(), rate, supplied)).value == Decimal("35.0")
    assert clearance(patient(creatinine(), rate)).value == Decimal("80.0")
    assert clearance(patient(creatinine(), rate, weight_kg=None)).value == Decimal("50.0")
    assert "1.73" in clearance(patient(creatinine(), rate, weight_kg=None)).found
    stale = msgspec.structs.replace(supplied, time=NOW - timedelta(days=91))
    assert clearance(patient(creatinine(), stale)).value == Decimal("80.0")
    unitless = msgspec.structs.replace(supplied, unit="")
    assert clearance(patient(creatinine(), unitless)).value == Decimal("80.0")
    assert clearance(patient(rate, weight_kg=None, sex=None)).value == Decimal("50.0")


@pytest.mark.parametrize("code", ["2164-2", "33914-3"])
def test_a_clearance_older_than_the_last_creatinine_does_not_hide_a_kidney_that_has_failed_since(code):
    old = Observation(code=code, value=Decimal(75), unit="mL/min", time=NOW - timedelta(days=30))
    assert clearance(patient(creatinine("5.0"), old)).value == Decimal("16.0")
    assert clearance(patient(creatinine("5.0"), old, weight_kg=None)).fact == "weight_kg"


@pytest.mark.parametrize(
    ("who", "fact", "says"),
    [
        (patient(), "creatinine", ""),
        (patient(creatinine(days_ago=91)), "creatinine", "2026-03-02"),
        (patient(creatinine(days_ago=-1)), "creatinine", ""),
        (patient(creatinine(status="ordered")), "creatinine", ""),
        (patient(creatinine(unit="")), "creatinine", "没有单位"),
        (patient(creatinine(unit="mmol")), "creatinine", "mmol"),
        (patient(creatinine("0")), "creatinine", "正数"),
        (patient(creatinine(code="", name="尿肌酐")), "creatinine", ""),
        (patient(creatinine(code="", name="肌酐(尿)")), "creatinine", ""),
        (patient(creatinine(code="2161-8")), "creatinine", ""),
        (patient(creatinine(), weight_kg=None), "weight_kg", ""),
        (patient(creatinine(), weight_kg=Decimal(0)), "weight_kg", ""),
        (patient(creatinine(), sex=None), "sex", ""),
        (patient(creatinine(), birth_date=None), "birth_date", ""),
        (patient(creatinine(), years=17), "renal_function", "18岁"),
        (patient(creatinine(), years=140), "birth_date", "不合理"),
    ],
)
def test_a_clearance_is_never_guessed(who, fact, says):
    answer = clearance(who)
    assert isinstance(answer, Missing)
    assert answer.fact == fact
    assert says in answer.detail


@given(st.integers(19, 100), st.integers(30, 150), st.decimals("0.3", "15", places=2))
def test_clearance_falls_with_age_and_creatinine(years, weight, value):
    weight = Decimal(weight)
    here = clearance(patient(creatinine(str(value)), years=years, weight_kg=weight)).value
    assert clearance(patient(creatinine(str(value)), years=years + 1, weight_kg=weight)).value <= here
    assert clearance(patient(creatinine(str(value + 1)), years=years, weight_kg=weight)).value <= here
    assert clearance(patient(creatinine(str(value)), years=years, weight_kg=weight + 1)).value >= here


def test_the_latest_result_of_the_window_is_used():
    results = [creatinine("3", days_ago=10), creatinine("1", days_ago=2), creatinine("2", days_ago=5)]
    assert latest(results, CREATININE, NOW, within_days=30).value == 1
    twins = [creatinine("1"), creatinine("2")]
    for order in (twins, twins[::-1]):
        assert latest(order, CREATININE, NOW, within_days=30).value == 2
    edge = creatinine(days_ago=30)
    assert latest([edge], CREATININE, NOW, within_days=30) == edge
    untimed = Observation(code="2160-0", value=Decimal(1), unit="mg/dL")
    assert latest([untimed], CREATININE, NOW, within_days=30) == Missing("creatinine", "血肌酐没有检验时间。")


@pytest.mark.parametrize(
    ("value", "grade"),
    [
        ("90", "normal"),
        ("89.9", "mild"),
        ("60", "mild"),
        ("59.9", "moderate"),
        ("30", "moderate"),
        ("29.9", "severe"),
        ("0", "severe"),
    ],
)
def test_degrees_of_renal_impairment(value, grade):
    reported = Observation(code="2164-2", value=Decimal(value), unit="mL/min", time=NOW)
    assert renal_function(patient(reported), NOW, within_days=90) == grade
    assert renal_function(patient(reported, renal_function="dialysis"), NOW, within_days=90) == "dialysis"


def test_unknown_renal_function_names_what_is_missing():
    assert renal_function(patient(), NOW, within_days=90) == Missing("creatinine")


@pytest.mark.parametrize(
    ("result", "grade"),
    [
        ({"value": Decimal(5)}, "child_pugh_a"),
        ({"value": Decimal(6)}, "child_pugh_a"),
        ({"value": Decimal(7)}, "child_pugh_b"),
        ({"value": Decimal(9)}, "child_pugh_b"),
        ({"value": Decimal(10)}, "child_pugh_c"),
        ({"text": "B级"}, "child_pugh_b"),
        ({"text": " c "}, "child_pugh_c"),
    ],
)
def test_child_pugh(result, grade):
    scored = Observation(kind="screening", name="Child-Pugh 评分", time=NOW, **result)
    assert hepatic_function(patient(scored), NOW, within_days=30) == grade
    stated = patient(scored, hepatic_function="normal")
    assert hepatic_function(stated, NOW, within_days=30) == "normal"


@pytest.mark.parametrize("result", [{"value": Decimal(4)}, {"value": Decimal(16)}, {"text": "轻度"}, {}])
def test_what_is_no_child_pugh_result(result):
    scored = Observation(kind="screening", name="Child-Pugh评分", time=NOW, **result)
    answer = hepatic_function(patient(scored), NOW, within_days=30)
    assert isinstance(answer, Missing)
    assert answer.fact == "hepatic_function"


def test_body_surface():
    assert body_surface_m2(Patient(weight_kg=Decimal(60), height_cm=Decimal(170))) == Decimal("1.68")
    assert body_surface_m2(Patient(height_cm=Decimal(170))) == Missing("weight_kg")
    assert body_surface_m2(Patient(weight_kg=Decimal(60))) == Missing("height_cm")


def test_weeks_of_pregnancy():
    today = NOW.date()
    by_start = Patient(pregnancy_start=today - timedelta(days=97), gestational_weeks=Decimal(20))
    assert gestational_weeks(by_start, today, today) == Decimal("13.8")  # 13 weeks and 6 days
    stated = Patient(gestational_weeks=Decimal(12))
    assert gestational_weeks(stated, today, today) == 12
    assert gestational_weeks(stated, today, today - timedelta(days=14)) == 14
    assert gestational_weeks(stated, today, None) == Missing("gestation")
    assert gestational_weeks(Patient(), today, today) == Missing("gestation")


@pytest.mark.parametrize("days", [-1, GESTATION_MAX_WEEKS * 7 + 1, 700])
def test_a_pregnancy_that_cannot_be(days):
    answer = gestational_weeks(Patient(pregnancy_start=NOW.date() - timedelta(days=days)), NOW.date(), None)
    assert isinstance(answer, Missing)
    assert answer.fact == "gestation"


@pytest.mark.parametrize(("days", "third"), [(0, 1), (97, 1), (98, 2), (195, 2), (196, 3), (280, 3)])
def test_trimesters_change_on_the_first_day_of_a_week(days, third):
    pregnant = Patient(pregnancy_start=NOW.date() - timedelta(days=days))
    assert trimester(gestational_weeks(pregnant, NOW.date(), None)) == third
