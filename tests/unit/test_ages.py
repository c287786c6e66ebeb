"""Ages by the calendar: completed hours, days, weeks, months and years."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ruleset.ages import Age, completed, has_reached, parse_age, reached, text_of
from ruleset.case import Patient
from ruleset.outcome import Missing

DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 31))
CALENDAR_UNITS = st.sampled_from(["天", "周", "月", "岁"])


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("28天", Age(28, "天")),
        ("28d", Age(28, "天")),
        ("72小时", Age(72, "小时")),
        ("72H", Age(72, "小时")),
        ("2周", Age(2, "周")),
        ("6月", Age(6, "月")),
        ("6个月", Age(6, "月")),
        ("6m", Age(6, "月")),
        ("18岁", Age(18, "岁")),
        ("18周岁", Age(18, "岁")),
        (" 18 Y ", Age(18, "岁")),
        ("18", Age(18, "岁")),
    ],
)
def test_an_age_is_read(text, age):
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "岁", "-1岁", "1.5岁", "十八岁", "18 years", "18岁以上", "6月5天", "12345天"])
def test_what_is_no_age_is_refused_by_name(text):
    with pytest.raises(ValueError, match="is not an age") as refused:
        parse_age(text)
    assert f"`{text}`" in str(refused.value)


@given(st.integers(0, 9999), st.sampled_from(["小时", "天", "周", "月", "岁"]))
def test_an_age_is_read_as_it_is_written(number, unit):
    assert parse_age(str(Age(number, unit))) == Age(number, unit)


@given(DAYS, DAYS, CALENDAR_UNITS)
def test_an_age_never_shrinks_and_grows_by_one(birth, at, unit):
    step = completed(birth, at + timedelta(days=1), unit) - completed(birth, at, unit)
    assert step in (0, 1)


@given(DAYS, st.integers(0, 9), CALENDAR_UNITS)
def test_an_age_is_reached_on_one_day_and_stays_reached(birth, number, unit):
    age = Age(number, unit)
    longest = {"天": 1, "周": 7, "月": 31, "岁": 366}[unit] * number + 1
    answers = [reached(birth, birth + timedelta(days=days), age) for days in range(-1, longest + 1)]
    assert answers == sorted(answers)
    assert not answers[0]
    assert answers[-1]


@given(DAYS, st.integers(1, 1200))
def test_a_month_is_completed_on_its_own_day_or_on_the_first_of_the_next(birth, number):
    year, month = divmod(birth.year * 12 + birth.month - 1 + number, 12)
    assume(year < 9999)
    try:
        due = date(year, month + 1, birth.day)
    except ValueError:
        due = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    assert completed(birth, due, "月") == number
    assert completed(birth, due - timedelta(days=1), "月") == number - 1


def test_born_on_29_february():
    birth = date(2024, 2, 29)
    assert completed(birth, date(2025, 2, 28), "岁") == 0
    assert completed(birth, date(2025, 3, 1), "岁") == 1
    assert completed(birth, date(2028, 2, 29), "岁") == 4


def test_hours_need_both_times():
    with pytest.raises(ValueError, match="time of birth"):
        completed(date(2026, 1, 1), datetime(2026, 1, 2), "小时")
    assert completed(datetime(2026, 1, 1, 8, 30), datetime(2026, 1, 2, 8, 29), "小时") == 23


def test_hours_without_the_time_of_birth_are_decided_where_the_day_is_enough():
    patient = Patient(birth_date=date(2026, 1, 1))
    day = Age(24, "小时")
    assert has_reached(patient, datetime(2026, 1, 1, 12), day) is False
    assert has_reached(patient, datetime(2026, 1, 3), day) is True
    answer = has_reached(patient, datetime(2026, 1, 2, 12), day)
    assert isinstance(answer, Missing)
    assert answer.fact == "birth_time"
    known = Patient(birth_date=date(2026, 1, 1), birth_time=datetime(2026, 1, 1, 13))
    assert has_reached(known, datetime(2026, 1, 2, 12), day) is False
    assert has_reached(known, datetime(2026, 1, 2, 13), day) is True
    assert isinstance(has_reached(known, date(2026, 1, 2), day), Missing)  # at which hour?
    assert has_reached(known, date(2026, 1, 3), day) is True
    assert has_reached(patient, date(2026, 1, 1), day) is False
    assert has_reached(Patient(), datetime(2026, 1, 2), day) == Missing("birth_date")
    assert has_reached(patient, datetime(2026, 1, 29), Age(28, "天")) is True


@pytest.mark.parametrize(
    ("birth", "at", "text"),
    [
        (date(2026, 1, 1), date(2026, 1, 1), "0天"),
        (date(2026, 1, 1), date(2026, 1, 29), "28天"),
        (date(2026, 1, 1), date(2026, 1, 30), "29天"),
        (date(2026, 1, 1), date(2026, 2, 1), "1个月"),
        (date(2024, 1, 2), date(2026, 1, 1), "23个月"),
        (date(2024, 1, 1), date(2026, 1, 1), "2岁"),
        (date(2026, 1, 2), date(2026, 1, 1), "未出生"),
    ],
)
def test_an_age_for_a_person(birth, at, text):
    assert text_of(birth, at) == text


def test_a_newborn_in_hours():
    born = datetime(2026, 1, 1, 20)
    assert text_of(born.date(), datetime(2026, 1, 2, 19), born) == "23小时"
    assert text_of(born.date(), datetime(2026, 1, 4, 20), born) == "3天"
