"""The periods that limits count in."""

from datetime import date, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset.case import Site
from ruleset.window import WindowKind, first_day, text_of

DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 30))
CALENDAR_KINDS = st.sampled_from(["单日", "自然日", "自然月", "自然季度", "自然年", "医保年度"])
SITES = st.dates(date(2024, 1, 1), date(2024, 12, 31)).map(lambda day: Site(insurance_year_begins=(day.month, day.day)))


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("单日", date(2026, 5, 20)),
        ("自然日", date(2026, 5, 20)),
        ("自然月", date(2026, 5, 1)),
        ("自然季度", date(2026, 4, 1)),
        ("自然年", date(2026, 1, 1)),
        ("医保年度", date(2025, 7, 1)),
    ],
)
def test_the_first_day_of_a_calendar_period(kind, first):
    site = Site(insurance_year_begins=(7, 1))
    assert first_day(kind, date(2026, 5, 20), days=None, site=site) == first.toordinal()


@given(CALENDAR_KINDS, DAYS, SITES)
def test_the_first_day_begins_its_own_period_and_no_day_before_it_is_in_it(kind, day, site):
    first = first_day(kind, day, days=None, site=site)
    assert first <= day.toordinal()
    assert first_day(kind, date.fromordinal(first), days=None, site=site) == first
    assert first_day(kind, date.fromordinal(first - 1), days=None, site=site) < first


@given(CALENDAR_KINDS, DAYS, SITES)
def test_the_next_day_is_in_the_same_period_or_begins_the_next(kind, day, site):
    after = day + timedelta(days=1)
    following = first_day(kind, after, days=None, site=site)
    assert following in (first_day(kind, day, days=None, site=site), after.toordinal())


def test_an_insurance_year_that_begins_on_29_february():
    site = Site(insurance_year_begins=(2, 29))
    assert first_day("医保年度", date(2024, 2, 29), days=None, site=site) == date(2024, 2, 29).toordinal()
    assert first_day("医保年度", date(2025, 2, 28), days=None, site=site) == date(2024, 2, 29).toordinal()
    assert first_day("医保年度", date(2025, 3, 1), days=None, site=site) == date(2025, 3, 1).toordinal()
    assert first_day("医保年度", date(2026, 1, 1), days=None, site=site) == date(2025, 3, 1).toordinal()


def test_exactly_so_many_days_apart_is_outside():
    day = date(2026, 5, 20)
    first = first_day("滚动", day, days=7, site=Site())
    assert (day - timedelta(days=6)).toordinal() == first
    assert (day - timedelta(days=7)).toordinal() < first
    assert first_day("滚动", day, days=1, site=Site()) == day.toordinal()


@pytest.mark.parametrize("days", [None, 0, -1])
def test_a_rolling_window_needs_its_days(days):
    with pytest.raises(ValueError, match="number of days"):
        first_day("滚动", date(2026, 5, 20), days=days, site=Site())


def test_an_encounter_is_no_period_of_days():
    assert first_day("单次就诊", date(2026, 5, 20), days=None, site=Site()) is None


def test_every_kind_has_a_text():
    assert text_of("滚动", 30) == "30天内"
    assert text_of("自然月", None) == "当月"
    assert len({text_of(kind, 30) for kind in get_args(WindowKind)}) == len(get_args(WindowKind)) - 1
