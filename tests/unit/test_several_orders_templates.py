"""Rows of the templates about several orders that could never, or always, apply: each mistake is said."""

from datetime import datetime
from decimal import Decimal

import msgspec
import pytest

from ruleset.case import Case, Encounter, Ingredient, Line
from ruleset.chart import Chart
from ruleset.concurrent_use import UNTIL_STOPPED, meeting_of, returned_items, stands, use_of
from ruleset.templates import TEMPLATES
from ruleset.timeline import EMPTY, Timeline

MORNING = datetime(2026, 7, 6, 9)

MISTAKES = {
    "T21": [
        ({"grade": "严重", "ingredient_a": "甲", "class_a": "乙类", "item_b": "X1"}, "exactly one of `item_a`"),
        ({"grade": "严重", "ingredient_a": "甲", "ingredient_b": "甲"}, "both sides are the same"),
        ({"grade": "严重", "ingredient_a": "甲", "ingredient_b": "乙", "washout_days_a": -1}, "`washout_days_a` is -1"),
        ({"grade": "严重", "ingredient_a": "甲", "ingredient_b": "乙", "monitored_within_days": 0}, "is 0, expected 1"),
    ],
    "T22": [
        ({"check": "配伍", "ingredient": "甲"}, "配伍 has one"),
        ({"check": "溶媒", "ingredient": "甲"}, "`allowed_solvents` belongs to `溶媒`"),
        ({"check": "浓度", "ingredient": "甲"}, "belong to `浓度`"),
        ({"check": "浓度", "ingredient": "甲", "min_concentration": "3", "max_concentration": "2"}, "is above"),
        ({"check": "浓度", "ingredient": "甲", "max_concentration": "2", "concentration_unit": "mg"}, "unit per mL"),
        ({"check": "药品数", "ingredient": "甲", "max_drugs": 0}, "`max_drugs` (1 or more)"),
    ],
    "T23": [
        ({"herb_a": "甲草"}, "paired with nothing"),
        ({"herb_a": "甲草", "herb_b": "乙草", "kind": "妊娠禁忌"}, "has one herb"),
        ({"herb_a": "甲草", "herb_b": "乙草", "aliases_b": ["甲草"]}, "`甲草` is paired with itself"),
    ],
    "T24": [
        ({"same": "类", "ingredient": "甲"}, "is a `drug_class`"),
        ({"same": "类", "drug_class": "甲类", "allowed_count": 0}, "expected 1 or more"),
        ({"same": "成分", "ingredient": "甲", "allowed_count": 2}, "a substance stands once"),
        ({"same": "成分", "ingredient": "甲", "bridging_days": 91}, "expected 0 to 90"),
    ],
    "T25": [
        ({"check": "种类数"}, "`max_kinds` (1 or more)"),
        ({"check": "饮片单列", "separate_class": "甲类"}, "`separate_class` belongs to `单列`"),
        ({"check": "新生儿体重", "max_age_days": -1}, "`max_age_days` is -1"),
    ],
    "T26": [
        ({"check": "味数"}, "needs `max_herbs` above 0"),
        ({"check": "味数", "max_herbs": 3, "max_doses": 7}, "`max_doses` is no limit of `味数`"),
        ({"check": "单味剂量", "max_g": "3"}, "needs a `herb`"),
        ({"check": "剂数", "max_doses": 7, "herb": "甲草"}, "`herb` must be empty"),
        ({"check": "单味剂量", "herb": "甲草", "min_g": "3", "max_g": "1"}, "is above `max_g`"),
    ],
    "T27": [
        ({"check": "给药时机", "drug_class": "J01", "min_minutes": 30}, "both of them"),
        ({"check": "给药时机", "drug_class": "J01", "min_minutes": 60, "max_minutes": 30}, "no range of minutes"),
        ({"check": "预防疗程", "drug_class": "J01"}, "`max_hours` belongs to `预防疗程`"),
        ({"check": "送检", "item_kind": "drug", "within_days": 3}, "not an antibacterial"),
        ({"check": "送检", "drug_class": "J01", "within_days": -1}, "`within_days` is -1"),
    ],
    "T28": [
        ({"check": "天数", "drug_class": "甲类", "max_packs": "2"}, "has the limit `max_days`"),
        ({"check": "次数", "drug_class": "甲类", "max_doses": 0}, "`max_doses` is 0"),
        (
            {"check": "天数", "drug_class": "甲类", "max_days": 3, "form_words": ["注射"], "not_form_words": ["注射"]},
            "no form is both",
        ),
    ],
    "T36": [
        ({"item_code": "X1"}, "no companion"),
        ({"item_code": "X1", "diagnosis": "I10", "companions": ["X2"]}, "the subject is one thing"),
        ({"companions": ["X2"]}, "exactly one of"),
        ({"item_code": "X1", "companions": ["X1"]}, "its own companion"),
        ({"diagnosis": "I10", "companions": ["X2"], "max_ratio": "1"}, "`max_ratio` is of an item"),
        ({"diagnosis": "I10", "companions": ["X2"], "within": "单日"}, "a diagnosis has no day"),
        ({"item_code": "X1", "companions": ["X2"], "max_ratio": "0"}, "expected more than 0"),
    ],
    "T38": [({"tolerance_hours": -1}, "`tolerance_hours` is -1")],
}


@pytest.mark.parametrize(
    ("template_id", "cells", "said"),
    [(template_id, cells, said) for template_id, mistakes in MISTAKES.items() for cells, said in mistakes],
)
def test_a_row_that_could_never_apply_is_refused(template_id, cells, said):
    template = TEMPLATES[template_id]
    params = msgspec.convert(cells, template.columns, strict=False)
    assert any(said in problem for problem in template.problems(params)), list(template.problems(params))


class NoRows:
    """A source of rows with one list."""

    kinds = frozenset({"list"})

    def __init__(self, members):
        self.members = members
        self.drugs = {}

    def rows(self, key):
        return ()

    def lists(self, key):
        return ("清单",) if key in self.members else ()


def line(name, day=1, order_id="1", **facts):
    begin = datetime(2026, 7, day, 9)
    known = {"item_code": name, "item_kind": "drug", "ingredients": (Ingredient(name),), "encounter_id": "E1"}
    return Line(order_id=order_id, begin=begin, **{**known, **facts})


def chart_of(*lines, stored=EMPTY, rows=None):
    return Chart(Case(encounter=Encounter(id="E1"), lines=lines, time=MORNING), stored, rows or NoRows(()))


def test_a_new_pack_tells_another_list_of_the_same_history():
    stored = Timeline([line("甲", order_id="h1"), line("乙", order_id="h2", item_code="")])
    first, second = NoRows({"item:甲"}), NoRows({"ingredient:乙"})
    assert [one.order_id for one in chart_of(stored=stored, rows=first).named("清单")] == ["h1"]
    assert [one.order_id for one in chart_of(stored=stored, rows=second).named("清单")] == ["h2"]
    assert [one.order_id for one in chart_of(stored=stored, rows=first).named("清单")] == ["h1"]


def test_a_line_that_the_message_states_is_not_taken_from_the_store_too():
    stored = Timeline([line("甲", days=3), line("甲", day=2, order_id="2")])
    corrected = line("甲", days=5)
    found = chart_of(corrected, stored=stored).named("甲")
    assert sorted((one.order_id, one.days) for one in found) == [("1", 5), ("2", None)]


def test_use_is_as_stated_or_of_one_day_alone():
    chart = chart_of()
    day = datetime(2026, 7, 1).toordinal()
    assert use_of(line("甲", days=3), chart) == (day, day + 2, True)
    assert use_of(line("甲", end=datetime(2026, 7, 4)), chart) == (day, day + 3, True)
    assert use_of(line("甲", frequency="st"), chart) == (day, day, True)
    assert use_of(line("甲"), chart) == (day, day, False)
    assert use_of(line("甲", long_term=True), chart) == (day, UNTIL_STOPPED, True)
    assert use_of(line("甲", long_term=True, encounter_id="E0"), chart) == (day, day, False)


@pytest.mark.parametrize(("washout_days", "meets"), [(0, False), (3, False), (4, True)])
def test_a_washout_of_exactly_so_many_days_is_allowed(washout_days, meets):
    first, second = line("甲", days=1), line("乙", day=4, order_id="2", days=1)
    assert (meeting_of(second, first, chart_of(second), washout_days) is not None) == meets


def test_what_refunds_take_back_wholly_is_returned():
    given = line("甲", order_id="h1", quantity=Decimal(2))
    back = line("甲", day=2, order_id="h2", quantity=Decimal(-2))
    part = msgspec.structs.replace(back, quantity=Decimal(-1))
    unknown = line("甲", order_id="h3")
    assert returned_items([given, back]) == {"甲"}
    assert returned_items([given, part]) == frozenset()
    assert returned_items([given, back, unknown]) == frozenset()
    assert not stands(given, chart_of(stored=Timeline([given, back])))
    assert stands(given, chart_of(stored=Timeline([given, part])))


def test_line_that_was_returned_counted_again_once_its_item_was_reordered():
    """All quantities of the item were added up, so the new order hid that the first one had gone back."""
    first = line("甲", order_id="h1", quantity=Decimal(2))
    back = line("甲", day=2, order_id="h2", quantity=Decimal(-2))
    again = line("甲", day=3, order_id="3", quantity=Decimal(2))
    chart = chart_of(again, stored=Timeline([first, back]))
    assert not stands(first, chart)
    assert stands(again, chart)


@pytest.mark.parametrize(
    ("form", "dose", "quantity", "is_found"),
    [
        ("注射液", "10", 1, False),
        ("注射液", "10", 2, True),
        ("注射液", "5", 1, False),
        ("注射液", "5", 2, True),
        ("注射液", "15", 2, False),
        ("注射液", "15", 3, True),
        ("片剂", "5", 1, True),
    ],
)
def test_half_an_ampoule_was_two_doses_of_a_controlled_drug(form, dose, quantity, is_found):
    """The rest of an opened ampoule is destroyed: one ampoule of 10 mg is one dose of 5 mg too, half a tablet is not."""
    template = TEMPLATES["T28"]
    params = msgspec.convert({"check": "次数", "ingredient": "甲", "max_doses": 1}, template.columns, strict=False)
    ten_mg = {"dose_unit": "mg", "strength": Decimal(10), "strength_unit": "mg", "pack_size": Decimal(1)}
    order = line("甲", form=form, dose=Decimal(dose), quantity=Decimal(quantity), **ten_mg)
    judged = template.judge(params, order, chart_of(order))
    assert [judgement.missing for judgement in judged] == ([()] if is_found else [])
