"""What a line is of; what is not known of it is said, never passed over."""

from datetime import datetime
from decimal import Decimal

import pytest

from ruleset.case import Case, Encounter, Ingredient, Line, Patient
from ruleset.drug import drug_of, kind_of
from ruleset.evaluator import UNKNOWN_DRUG, evaluate
from ruleset.outcome import Completeness
from ruleset.timeline import EMPTY
from ruleset.units import dose_of

FENTANYL = "XN02ABF027V002010101389"
NOON = datetime(2026, 7, 6, 12)


class Rows:
    def __init__(self, *kinds, lists=None):
        self.kinds = frozenset(kinds)
        self.drugs = {}
        self._lists = lists or {}

    def rows(self, key):
        return ()

    def lists(self, key):
        return self._lists.get(key, ())


def line(**fields):
    return Line(**{"order_id": "1", "item_code": "H-1", "begin": NOON, **fields})


def missing(rows, **fields):
    return [one.fact for one in drug_of(line(**fields), rows).missing]


ALL = ("ingredient", "class", "kind")


def test_a_western_code_of_unknown_catalogue_is_a_drug():
    stated = line(item_code=FENTANYL, item_name="芬太尼透皮贴剂")
    assert kind_of(stated) == "drug"
    drug = drug_of(stated, Rows(*ALL))
    assert drug.ingredients == ("芬太尼",)
    assert "N02AB" in drug.classes
    assert not drug.missing


@pytest.mark.parametrize(
    ("fields", "facts"),
    [
        ({}, ["item_kind"]),
        ({"item_kind": "drug"}, ["ingredients", "classes"]),
        ({"item_kind": "drug", "ingredients": (Ingredient("布洛芬"),)}, ["classes"]),
        ({"item_kind": "drug", "classes": ("M01AE01",)}, ["ingredients"]),
        ({"item_kind": "service"}, []),
        ({"item_kind": "herb_piece"}, []),
    ],
)
def test_what_rows_could_ask_for_and_nobody_says_is_missing(fields, facts):
    assert missing(Rows(*ALL), **fields) == facts


def test_nothing_is_missing_that_no_row_asks_for():
    assert missing(Rows("item")) == []
    assert missing(Rows("ingredient"), item_kind="drug", ingredients=(Ingredient("布洛芬"),)) == []


def test_a_list_that_names_the_substance_is_no_knowledge_of_its_class():
    rows = Rows("class", "list", lists={"ingredient:布洛芬": ("非甾体抗炎药",)})
    drug = drug_of(line(item_kind="drug", ingredients=(Ingredient("布洛芬"),)), rows)
    assert drug.classes == ("非甾体抗炎药",)
    assert [one.fact for one in drug.missing] == ["classes"]


def test_an_unknown_catalogue_is_not_silent():
    """A line of unknown kind, without a national code, was PASS and COMPLETE beside rules about classes."""
    case = Case(patient=Patient(id="P"), encounter=Encounter(id="E"), lines=(line(),))
    result = evaluate(case, EMPTY, Rows(*ALL))
    assert result.completeness is not Completeness.COMPLETE
    assert [gap.reason for gap in result.not_evaluated] == [UNKNOWN_DRUG]


@pytest.mark.parametrize(
    ("item_name", "ingredients"),
    [("华法林钠片", ("华法林",)), ("盐酸二甲双胍缓释片(0.5g)", ()), ("可密定", ()), ("复方华法林片", ()), ("", ())],
)
def test_a_generic_name_is_believed_without_a_national_code_where_a_row_speaks_of_the_substance(item_name, ingredients):
    rows = Rows("ingredient", "class", lists={"ingredient:华法林": ("抗凝药",)})
    drug = drug_of(line(item_kind="drug", item_name=item_name), rows)
    assert drug.ingredients == ingredients
    assert [one.fact for one in drug.missing] == (["classes"] if ingredients else ["ingredients", "classes"])


def test_a_drug_that_has_only_the_hospitals_own_name_is_known_by_it():
    """A station that leaves hilist_name empty and sends 盐酸替扎尼定片 as hosplist_name got no interaction."""
    rows = Rows("ingredient", "class", lists={"ingredient:布洛芬": ("解热镇痛药",), "systemic:布洛芬": ("M01AE",)})
    drug = drug_of(line(item_kind="drug", local_code="YP1", local_name="布洛芬缓释胶囊"), rows)
    assert drug.ingredients == ("布洛芬",)
    assert "M01A" in drug.classes
    assert drug_of(line(item_kind="drug", local_name="芬必得"), rows).ingredients == ()
    assert drug_of(line(item_kind="drug", item_name="芬必得", local_name="布洛芬缓释胶囊"), rows).ingredients == ()


def test_a_code_does_not_vouch_for_the_hospitals_own_name():
    """The national name of a coded drug is its substance, whatever rows speak of; a local one may be a brand."""
    rows = Rows("ingredient", lists={"ingredient:布洛芬": ("解热镇痛药",)})
    coded = {"item_kind": "drug", "item_code": "XM01AEB168A001010100001"}
    assert drug_of(line(**coded, item_name="芬必得"), rows).ingredients == ("芬必得",)
    assert drug_of(line(**coded, local_name="芬必得"), rows).ingredients == ()
    assert drug_of(line(**coded, local_name="布洛芬片"), rows).ingredients == ("布洛芬",)


@pytest.mark.parametrize(
    ("stated", "substance"),
    [
        ("盐酸二甲双胍", "二甲双胍"),
        ("华法林钠", "华法林"),
        ("头孢呋辛酯", "头孢呋辛"),
        ("盐酸伪麻黄碱", "伪麻黄碱"),
        ("氯化钾", "氯化钾"),
        ("硫酸镁", "硫酸镁"),
        ("硝酸甘油", "硝酸甘油"),
        ("无水葡萄糖", "无水葡萄糖"),
        ("硫酸软骨素", "硫酸软骨素"),
    ],
)
def test_a_stated_substance_is_known_without_its_salt(stated, substance):
    """A message or dictionary that said 盐酸二甲双胍 met no row of 二甲双胍, and the answer did not say so."""
    assert drug_of(line(item_kind="drug", ingredients=(Ingredient(stated),)), Rows("ingredient")).ingredients == (
        substance,
    )


def test_the_amount_of_a_substance_of_several_is_found_though_it_is_stated_with_its_salt():
    both = (Ingredient("盐酸二甲双胍", Decimal(500), "mg"), Ingredient("恩格列净", Decimal(5), "mg"))
    tablets = line(item_kind="drug", ingredients=both, dose=Decimal(2), dose_unit="片")
    assert dose_of(tablets, "g", ingredient="二甲双胍") == 1


def test_a_name_says_nothing_of_a_line_that_may_be_no_drug():
    rows = Rows("ingredient", lists={"ingredient:华法林": ("抗凝药",)})
    assert drug_of(line(item_kind=None, item_name="华法林钠片"), rows).ingredients == ()
    assert drug_of(line(item_kind="service", item_name="华法林钠片"), rows).ingredients == ()


@pytest.mark.parametrize(
    ("fields", "is_of_class"),
    [
        ({"item_name": "布洛芬缓释胶囊"}, True),
        ({"item_name": "布洛芬凝胶"}, False),
        ({"item_name": "布洛芬"}, False),
        ({"item_name": "布洛芬", "form": "片剂"}, True),
        ({"item_name": "布洛芬栓"}, False),
        ({"item_name": "布洛芬栓", "route": "直肠给药"}, True),
        ({"item_name": "布洛芬片", "route": "外用"}, False),
        ({"item_name": "布洛芬凝胶", "classes": ("M02AA",)}, False),
    ],
)
def test_a_substance_has_its_systemic_class_only_where_it_is_given_so(fields, is_of_class):
    rows = Rows("ingredient", "class", lists={"systemic:布洛芬": ("M01AE",)})
    drug = drug_of(line(item_kind="drug", ingredients=(Ingredient("布洛芬"),), **fields), rows)
    assert ("M01A" in drug.classes) == is_of_class
    assert [one.fact for one in drug.missing] == ([] if drug.classes else ["classes"])


def test_each_substance_of_a_compound_brings_its_class():
    rows = Rows("ingredient", "class", lists={"systemic:缬沙坦": ("C09CA",), "systemic:阿托伐他汀": ("C10AA",)})
    both = (Ingredient("缬沙坦"), Ingredient("阿托伐他汀"))
    assert {"C09C", "C10AA"} <= set(drug_of(line(item_kind="drug", ingredients=both, route="口服"), rows).classes)
