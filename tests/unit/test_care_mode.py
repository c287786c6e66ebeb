"""How the care mode comes of med_mdtrt_type and med_type (data README, number 5): every combination."""

import pytest

from server.entrance.national import read_message
from server.profile import Profiles
from tests.web.messages import CHILD_DRUG, message, order

VISITS = ["", "11", "12", "1301", "140104", "21", "24", "28", "41", "51", "52", "530", "99"]
# o outpatient, e emergency, c chronic outpatient, i inpatient, p pharmacy, x other; ? any of o, e, c; . unknown
TABLE = {
    #      ""  11  12 13* 14*  21  24  28  41  51  52  53  99
    "1": " ?   o   o   e   c   .   .   .   .   o   o   o   . ",
    "2": " i   .   .   .   .   i   i   i   .   i   i   i   . ",
    "3": " p   .   .   .   .   .   .   .   p   p   p   p   . ",
    "4": " x   o   o   e   c   i   i   i   p   x   x   x   . ",
    "": "  .   o   o   e   c   i   i   i   p   .   .   .   . ",
    "9": " .   .   .   .   .   .   .   .   .   .   .   .   . ",
}
TRUSTING_MED_MDTRT_TYPE = {
    "1": " o   o   o   e   c   o   o   o   o   o   o   o   o ",
    "2": " i   i   i   i   i   i   i   i   i   i   i   i   i ",
    "3": " p   p   p   p   p   p   p   p   p   p   p   p   p ",
    "4": " x   x   x   x   x   x   x   x   x   x   x   x   x ",
    "": "  .   o   o   e   c   i   i   i   p   .   .   .   . ",
    "9": " .   .   .   .   .   .   .   .   .   .   .   .   . ",
}
TRUSTING_MED_TYPE = {
    "1": " ?   o   o   e   c   i   i   i   p   o   o   o   . ",
    "2": " i   o   o   e   c   i   i   i   p   i   i   i   . ",
    "3": " p   o   o   e   c   i   i   i   p   p   p   p   . ",
    "4": " x   o   o   e   c   i   i   i   p   x   x   x   . ",
    "": "  .   o   o   e   c   i   i   i   p   .   .   .   . ",
    "9": " .   o   o   e   c   i   i   i   p   .   .   .   . ",
}
MODES = {
    "o": {"outpatient"},
    "e": {"emergency"},
    "c": {"chronic_outpatient"},
    "i": {"inpatient"},
    "p": {"pharmacy"},
    "x": {"other"},
    "?": {"outpatient", "emergency", "chronic_outpatient"},
    ".": set(),
}


@pytest.fixture(scope="module")
def profiles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("profiles")
    for name in ("med_mdtrt_type", "med_type"):
        (folder / f"{name}.toml").write_text(f'extends = "default"\n[quirks]\ntrusted_care_mode = "{name}"\n')
    return Profiles(str(folder), "default")


def encounter_of(profiles, profile, stated, visit, **fields):
    document = message([order(CHILD_DRUG)], visit={"med_mdtrt_type": stated, "med_type": visit, **fields})
    return read_message(document, "3101", profiles, profile).case.encounter


@pytest.mark.parametrize(
    ("profile", "table"),
    [("default", TABLE), ("med_mdtrt_type", TRUSTING_MED_MDTRT_TYPE), ("med_type", TRUSTING_MED_TYPE)],
)
@pytest.mark.parametrize("stated", TABLE)
def test_every_combination(profiles, profile, table, stated):
    found = {visit: set(encounter_of(profiles, profile, stated, visit).care_modes) for visit in VISITS}
    assert found == {visit: MODES[mode] for visit, mode in zip(VISITS, table[stated].split(), strict=True)}


@pytest.mark.parametrize(("stated", "visit"), [("1", "21"), ("2", "11"), ("3", "13"), ("9", "11"), ("1", "99")])
def test_an_unknown_mode_says_why(profiles, stated, visit):
    unknown = {fact.fact: fact for fact in encounter_of(profiles, "", stated, visit).unknown_facts}
    assert unknown["care_modes"].reason


def test_the_scene_never_decides_it(profiles):
    for scene in map(str, range(1, 11)):
        document = message([], data={"trig_scen": scene}, visit={"med_mdtrt_type": "", "med_type": ""})
        assert read_message(document, "3101", profiles).case.encounter.care_modes == ()


class TestInternet:
    """data README, number 12."""

    @pytest.mark.parametrize(
        ("stated", "visit", "ext", "internet"),
        [
            ("1", "11", {"internet": True}, True),
            ("1", "11", {"internet": "1"}, True),
            ("1", "11", {"internet": False}, False),
            ("1", "11", {}, None),
            ("1", "11", None, None),
            ("1", "", None, None),
            ("1", "21", None, None),
            ("2", "21", None, None),  # that an inpatient's is FALSE is the template's business
            ("2", "21", {"internet": True}, True),
        ],
    )
    def test_stated_or_not(self, profiles, stated, visit, ext, internet):
        assert encounter_of(profiles, "", stated, visit, ext=ext).internet is internet


@pytest.mark.parametrize(
    ("visit", "kind"),
    [
        ("51", "maternity_outpatient"),
        ("52", "maternity_inpatient"),
        ("5201", "maternity_inpatient"),
        ("53", "family_planning"),
    ],
)
def test_maternity_is_a_kind_of_visit(profiles, visit, kind):
    assert encounter_of(profiles, "", "2", visit).visit_kind == kind
