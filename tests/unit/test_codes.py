"""The anatomy of national drug codes, against the published rows where they are at hand."""

import csv
from collections import defaultdict

import pytest

from ruleset.codes import atc_of, class_prefixes
from tests.web.product import SHARED


def test_a_western_drug_code_holds_its_class():
    code = "XN02ABF027V002010101389"
    assert atc_of(code) == "N02AB"


@pytest.mark.parametrize(
    "code",
    [
        "",
        "ZA04CAE0023010100166",
        "T001700233",
        "001102000040000",
        "XN02ABF027V00201010138",
        "XN02ABF027V0020101013890",
        "xn02abf027v002010101389",
        "XN02ABF027V00201010138\uff19",
    ],
)
def test_any_other_code_has_none(code):
    assert atc_of(code) == ""


def test_a_class_at_all_levels():
    assert class_prefixes("N02AB03") == ("N", "N02", "N02A", "N02AB", "N02AB03")
    assert class_prefixes("N02AB") == ("N", "N02", "N02A", "N02AB")
    assert class_prefixes("J01") == ("J", "J01")
    assert class_prefixes("") == ()


@pytest.mark.shared
def test_every_published_western_code_has_a_class():
    names_of = defaultdict(set)
    for path in (SHARED / "data" / "nhsa").glob("*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                for code in (row.get("item_code") or row.get("item_codes") or "").split():
                    if code.startswith("X"):
                        names_of[code].add(row["item_name"])
    assert len(names_of) > 10_000
    assert [code for code in names_of if not atc_of(code)] == []
    assert {atc_of(code)[0] for code in names_of} <= set("ABCDGHJLMNPRSV")  # the ATC's anatomical groups


def test_a_hospitals_own_class_of_eight_characters_has_no_levels():
    assert class_prefixes("演示特殊级抗菌药") == ()
    assert class_prefixes("J01-restricted") == ()
