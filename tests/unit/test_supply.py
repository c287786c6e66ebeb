"""How long a quantity lasts, on which days it is used, and what is left."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset.case import Line
from ruleset.outcome import Missing
from ruleset.supply import DAYS_OF_USE_MAX_DAYS, distinct_days, running_supply, supply_days, use_span

MONDAY = datetime(2026, 6, 1, 9)
DAY = MONDAY.toordinal()


def tablets(quantity="1", *, pack="14", dose="1", frequency="bid", begin=MONDAY, **facts):
    return Line(
        item_code="A",
        quantity=Decimal(quantity),
        pack_size=Decimal(pack),
        dose=Decimal(dose),
        dose_unit="片",
        frequency=frequency,
        begin=begin,
        **facts,
    )


@pytest.mark.parametrize(
    ("line", "days"),
    [
        (tablets(), 7),
        (tablets("2"), 14),
        (tablets("-1"), -7),
        (tablets(dose="2", frequency="tid"), Fraction(7, 3)),
        (tablets("1", pack="4", frequency="qw"), 28),
        (tablets("3", frequency="qod"), 84),
        (tablets(strength=Decimal("0.5"), strength_unit="g"), 7),
        (
            Line(
                quantity=Decimal(2), pack_size=Decimal(24), dose=Decimal(500), dose_unit="mg", strength=Decimal("0.25"),
                strength_unit="g", times_per_day=Decimal(3),
            ),
            8,
        ),
        (
            Line(
                quantity=Decimal(1), pack_size=Decimal(1), dose=Decimal(10), dose_unit="mL", volume_ml=Decimal(120),
                frequency="tid",
            ),
            4,
        ),
        (Line(item_kind="herb_piece", herb_doses=7, frequency="qd", quantity=Decimal(70)), 7),
        (Line(item_kind="herb_granule", herb_doses=7, frequency="每日1剂"), 7),
        (Line(item_kind="herb_piece", herb_doses=7, frequency="qd", quantity=Decimal(-70)), -7),
    ],
)  # fmt: skip
def test_supply(line, days):
    assert supply_days(line) == days


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        (Line(), "quantity"),
        (tablets("0"), "quantity"),
        (Line(quantity=Decimal(1)), "pack_size"),
        (Line(quantity=Decimal(1), pack_size=Decimal(7)), "frequency"),
        (Line(quantity=Decimal(1), pack_size=Decimal(7), frequency="qd"), "dose"),
        (Line(quantity=Decimal(1), pack_size=Decimal(7), frequency="qd", dose=Decimal(1), dose_unit="g"), "strength"),
        (Line(item_kind="herb_piece", quantity=Decimal(70)), "herb_doses"),
        (Line(item_kind="herb_piece", herb_doses=7), "frequency"),
        (Line(item_kind="herb_piece", herb_doses=7, frequency="bid"), "frequency"),
    ],
)
def test_supply_that_is_not_known(line, fact):
    answer = supply_days(line)
    assert isinstance(answer, Missing)
    assert answer.fact == fact


@given(st.integers(1, 50), st.integers(1, 100), st.integers(1, 4), st.sampled_from(["qd", "bid", "tid", "qod", "qw"]))
def test_twice_the_quantity_lasts_twice_as_long(quantity, pack, dose, frequency):
    once = supply_days(tablets(str(quantity), pack=str(pack), dose=str(dose), frequency=frequency))
    assert once > 0
    assert supply_days(tablets(str(2 * quantity), pack=str(pack), dose=str(dose), frequency=frequency)) == 2 * once
    assert supply_days(tablets(str(quantity), pack=str(pack), dose=str(2 * dose), frequency=frequency)) == once / 2


@pytest.mark.parametrize(
    ("line", "days"),
    [
        (Line(begin=MONDAY, days=5), 5),
        (tablets(days=5), 5),
        (Line(begin=MONDAY, end=MONDAY + timedelta(days=2)), 3),
        (Line(begin=MONDAY, end=MONDAY), 1),
        (Line(begin=MONDAY, end=MONDAY - timedelta(days=1)), 1),
        (tablets(), 7),
        (tablets(dose="2", frequency="tid"), 3),
        (tablets("-1"), 1),
        (Line(begin=MONDAY), 1),
        (Line(begin=MONDAY, days=DAYS_OF_USE_MAX_DAYS), DAYS_OF_USE_MAX_DAYS),
        (Line(begin=MONDAY, days=DAYS_OF_USE_MAX_DAYS + 1), 1),
        (tablets("1000000"), 1),
    ],
)
def test_days_of_use(line, days):
    assert use_span(line) == (DAY, DAY + days - 1)


def test_a_line_without_a_time_is_used_on_no_day():
    assert use_span(Line(days=3)) is None


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 20)).map(lambda pair: (pair[0], sum(pair))), max_size=12))
def test_distinct_days_are_the_days_of_the_union(spans):
    assert distinct_days(spans) == len({day for first, last in spans for day in range(first, last + 1)})


def left(lines, days_later):
    return running_supply(lines, DAY + days_later).days


def test_supply_runs_down_from_the_day_it_begins():
    assert [left([tablets()], days) for days in (-1, 0, 1, 6, 7, 8)] == [0, 7, 6, 1, 0, 0]


def test_an_early_refill_adds_to_the_stock_and_a_gap_uses_nothing():
    early = [tablets(), tablets(begin=MONDAY + timedelta(days=5))]
    assert left(early, 5) == 9
    assert left(early, 13) == 1
    late = [tablets(), tablets(begin=MONDAY + timedelta(days=10))]
    assert left(late, 10) == 7
    assert left(late, 17) == 0


def test_a_refund_takes_what_is_left_and_no_more():
    refund = tablets("-1", begin=MONDAY + timedelta(days=3))
    assert left([tablets("2"), refund], 3) == 4
    assert left([tablets(), refund], 3) == 0
    assert left([tablets(), refund, tablets(begin=MONDAY + timedelta(days=4))], 4) == 7


def test_a_refund_of_nothing_but_a_quantity_takes_back_what_that_quantity_lasted():
    refund = Line(item_code="A", quantity=Decimal(-1), begin=MONDAY)
    assert left([refund, tablets("2")], 0) == 7
    running = running_supply([Line(item_code="B", quantity=Decimal(-1), begin=MONDAY), tablets("2")], DAY)
    assert running.days == 14
    assert [missing.fact for _, missing in running.unknown] == ["pack_size"]


def test_a_line_of_unknown_supply_is_named_and_not_counted():
    unknown = Line(quantity=Decimal(1), begin=MONDAY)
    running = running_supply([unknown, tablets(), Line(days=9)], DAY)
    assert running.days == 7
    assert running.lines == (tablets(),)
    assert running.unknown == ((unknown, Missing("pack_size")),)
    assert left([Line(begin=MONDAY, days=9, quantity=Decimal(1))], 0) == 9
    absurd = running_supply([tablets("1000000")], DAY)
    assert (absurd.days, absurd.unknown[0][1].fact) == (0, "quantity")


DISPENSED = st.lists(st.tuples(st.integers(0, 40), st.integers(-3, 4).filter(bool)), max_size=8)


@given(DISPENSED, st.integers(0, 60), st.randoms())
def test_supply_by_the_day_agrees_with_counting_tablets(dispensed, until, random):
    lines = [tablets(str(boxes), frequency="qd", begin=MONDAY + timedelta(days=day)) for day, boxes in dispensed]
    stock = 0
    for day in range(until):
        for boxes in sorted((boxes for begin, boxes in dispensed if begin == day), reverse=True):
            stock = max(stock + 14 * boxes, 0)
        stock = max(stock - 1, 0)
    for boxes in sorted((boxes for begin, boxes in dispensed if begin == until), reverse=True):
        stock = max(stock + 14 * boxes, 0)
    random.shuffle(lines)
    assert left(lines, until) == stock


def test_the_day_is_an_ordinal():
    assert date.fromordinal(DAY) == MONDAY.date()
