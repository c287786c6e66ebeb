"""The same facts by every entrance are the same `Case`; and our own JSON is held to the site and to the bounds."""

import copy
import json

import msgspec
import orjson
import pytest
from precheck.v1 import facts_pb2

from ruleset.case import Line, Site
from ruleset.document import PLACED_FIELDS
from server import limits
from server.entrance.national import read_message
from server.entrance.own import read_own
from server.entrance.text import EntranceError
from server.entrance.typed import document_of, filled
from server.profile import Profiles
from tests.web.messages import camel_case

PROFILE = """
extends = "default"
insurance_year_begins = [7, 1]
complete_feeds = ["history"]
[departments]
"0203" = "A03"
[words.route]
"KF" = "口服"
[words.frequency]
"2" = "bid"
[codes.matn_stas]
"1" = "neither"
"""


@pytest.fixture(scope="module")
def profiles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("profiles")
    (folder / "site.toml").write_text(PROFILE, encoding="utf-8")
    return Profiles(str(folder), "site")


LINE_EXT = {
    "days": 3,
    "self_pay": True,
    "dose": "0.5",
    "dose_unit": "g",
    "freq": "2",
    "freq_per_day": "2",
    "route": "KF",
    "strength": "0.25",
    "strength_unit": "g",
    "pack_size": "24",
    "ingredients": [{"name": "阿莫西林", "amount": "0.25", "unit": "g"}],
    "classes": ["J01CA04"],
    "volume_ml": "100",
    "drip_rate": "60",
    "drip_rate_unit": "滴/分",
    "purpose": "treatment",
    "med_time": "2026-07-08 09:30:00",
    "skin_test": "negative",
    "emergency_use": False,
    "herb_doses": 7,
}
NATIONAL = {
    "msgid": "M1",
    "inf_time": "2026-07-08 09:12:30",
    "fixmedins_code": "F1",
    "input": {
        "data": {
            "trig_scen": "2",
            "patient_dtos": {
                "patn_id": "P1",
                "patn_name": "甲某",
                "gend": "2",
                "brdy": "1990-05-20 03:04:00",
                "poolarea": "350102",
                "curr_mdtrt_id": "E1",
                "ext": {
                    "weight_kg": "60.5",
                    "height_cm": "165",
                    "preg_start": "2026-03-01",
                    "gestational_weeks": "18",
                    "ren": "mild",
                    "hep": "normal",
                    "allergies": [{"substance": "青霉素", "code": "7980", "severity": "severe", "reaction": "休克"}],
                    "allergies_checked": True,
                    "labs": [
                        {
                            "code": "2160-0",
                            "name": "肌酐",
                            "value": "133.0",
                            "unit": "umol/L",
                            "time": "2026-07-01 08:00:00",
                            "encounter_id": "E1",
                        },
                        {"kind": "culture", "name": "痰培养", "text": "阳性"},
                    ],
                    "programs": [
                        {"code": "M00500", "name": "高血压", "valid_from": "2026-01-01", "valid_to": "2026-12-31"}
                    ],
                    "programs_checked": False,
                    "flags": ["dialysis"],
                    "deceased": "2026-07-08 10:00:00",
                },
                "fsi_encounter_dtos": [
                    {
                        "mdtrt_id": "E1",
                        "medins_id": "F1",
                        "medins_lv": "02",
                        "medins_type": "A1",
                        "medins_admdvs": "350102",
                        "med_mdtrt_type": "2",
                        "med_type": "21",
                        "insutype": "310",
                        "matn_stas": "1",
                        "out_setl_flag": "0",
                        "opsp_dise_code": "M00500",
                        "opsp_dise_name": "高血压",
                        "bedno": "031",
                        "adm_date": "2026-07-06 08:00:00",
                        "dscg_date": "2026-07-09 08:00:00",
                        "adm_dept_codg": "0203",
                        "dr_codg": "D1",
                        "ext": {
                            "internet": False,
                            "planned": True,
                            "long_prescription": True,
                            "attestations": [
                                {
                                    "kind": "consultation",
                                    "by": "D2",
                                    "time": "2026-07-07 08:00:00",
                                    "text": "同意",
                                    "order_ids": ["A"],
                                }
                            ],
                            "counters": [
                                {
                                    "subject": "department",
                                    "subject_id": "A03",
                                    "metric": "amount",
                                    "period": "month",
                                    "value": "12.50",
                                    "at": "2026-07-01",
                                }
                            ],
                        },
                        "fsi_diagnose_dtos": [
                            {
                                "dise_codg": "I10",
                                "dise_name": "高血压",
                                "maindise_flag": "1",
                                "dise_date": "2026-07-06 09:00:00",
                                "ext": {"suspected": False},
                            }
                        ],
                        "fsi_operation_dtos": [
                            {
                                "oprn_code": "45.2600",
                                "oprn_name": "某手术",
                                "oprn_date": "2026-07-07 10:00:00",
                                "ext": {
                                    "oprn_begntime": "2026-07-07 10:00:00",
                                    "oprn_endtime": "2026-07-07 11:00:00",
                                    "incision_class": "II",
                                    "incision_id": "1",
                                    "emergency": False,
                                },
                            }
                        ],
                        "fsi_order_dtos": [
                            {
                                "rx_id": "A",
                                "rxno": "R1",
                                "grpno": "G1",
                                "hilist_type": "101",
                                "hilist_code": "XJ01CAA040A001010100001",
                                "hilist_name": "阿莫西林胶囊",
                                "hosplist_code": "L1",
                                "hosplist_name": "阿莫西林",
                                "hilist_dosform": "胶囊剂",
                                "spec": "0.25g*24粒",
                                "chrg_type": "09",
                                "cnt": "1",
                                "pric": "10.00",
                                "sumamt": "10.00",
                                "hilist_pric": "12.0000",
                                "drord_begn_date": "2026-07-08 09:00:00",
                                "drord_stop_date": "2026-07-11 09:00:00",
                                "long_drord_flag": "1",
                                "drord_bhvr": "0",
                                "drord_dept_codg": "0203",
                                "drord_dr_codg": "D1",
                                "drord_dr_profttl": "232",
                                "curr_drord_flag": "1",
                                "ext": LINE_EXT,
                            }
                        ],
                    },
                    {
                        "mdtrt_id": "E0",
                        "medins_id": "F2",
                        "med_mdtrt_type": "1",
                        "med_type": "11",
                        "adm_date": "2026-06-01 08:00:00",
                        "dscg_date": "2026-06-01 09:00:00",
                        "adm_dept_codg": "A04",
                        "ext": {"planned": False},
                        "fsi_diagnose_dtos": [{"dise_codg": "J06.900", "dise_name": "感冒"}],
                        "fsi_order_dtos": [
                            {"rx_id": "B", "hilist_code": "C1", "cnt": "2", "drord_begn_date": "2026-06-01 08:30:00"}
                        ],
                    },
                ],
            },
        }
    },
}
OWN = {
    "message_id": "M1",
    "time": "2026-07-08T09:12:30",
    "triggers": ["charging"],
    "patient": {
        "id": "P1",
        "name": "甲某",
        "sex": "female",
        "birth_date": "1990-05-20",
        "birth_time": "1990-05-20T03:04:00",
        "weight_kg": "60.5",
        "height_cm": "165",
        "insured_region": "350102",
        "pregnancy_status": "neither",
        "pregnancy_start": "2026-03-01",
        "gestational_weeks": "18",
        "renal_function": "mild",
        "hepatic_function": "normal",
        "allergies": [{"substance": "青霉素", "code": "7980", "severity": "severe", "reaction": "休克"}],
        "allergies_checked": True,
        "observations": [
            {
                "code": "2160-0",
                "name": "肌酐",
                "value": "133.0",
                "unit": "umol/L",
                "time": "2026-07-01T08:00:00",
                "encounter_id": "E1",
            },
            {"kind": "culture", "name": "痰培养", "text": "阳性"},
        ],
        "programs": [{"code": "M00500", "name": "高血压", "valid_from": "2026-01-01", "valid_to": "2026-12-31"}],
        "programs_checked": False,
        "flags": ["dialysis"],
        "deceased": "2026-07-08T10:00:00",
    },
    "encounter": {
        "id": "E1",
        "facility_id": "F1",
        "facility_level": "tertiary",
        "care_modes": ["inpatient"],
        "visit_kind": "inpatient",
        "payer": "employee",
        "internet": False,
        "begin": "2026-07-06T08:00:00",
        "end": "2026-07-09T08:00:00",
        "department_code": "0203",
        "practitioner_id": "D1",
        "facility_type": "A1",
        "region": "350102",
        "out_of_region": False,
        "program_code": "M00500",
        "program_name": "高血压",
        "long_prescription": True,
        "planned": True,
        "bed": "031",
        "attestations": [
            {"kind": "consultation", "by": "D2", "time": "2026-07-07T08:00:00", "text": "同意", "order_ids": ["A"]}
        ],
        "counters": [
            {
                "subject": "department",
                "subject_id": "A03",
                "metric": "amount",
                "period": "month",
                "value": "12.50",
                "at": "2026-07-01",
            }
        ],
        "diagnoses": [
            {"code": "I10", "name": "高血压", "primary": True, "recorded": "2026-07-06T09:00:00", "suspected": False}
        ],
        "operations": [
            {
                "code": "45.2600",
                "name": "某手术",
                "performed": "2026-07-07T10:00:00",
                "begin": "2026-07-07T10:00:00",
                "end": "2026-07-07T11:00:00",
                "incision_class": "II",
                "incision_id": "1",
                "emergency": False,
            }
        ],
        "lines": [
            {
                "order_id": "A",
                "prescription_id": "R1",
                "group_id": "G1",
                "item_code": "XJ01CAA040A001010100001",
                "item_name": "阿莫西林胶囊",
                "local_code": "L1",
                "local_name": "阿莫西林",
                "item_kind": "drug",
                "quantity": "1",
                "price": "10.00",
                "amount": "10.00",
                "begin": "2026-07-08T09:00:00",
                "end": "2026-07-11T09:00:00",
                "days": 3,
                "self_pay": True,
                "long_term": True,
                "discharge_medication": False,
                "department_code": "0203",
                "practitioner_id": "D1",
                "dose": "0.5",
                "dose_unit": "g",
                "frequency": "2",
                "times_per_day": "2",
                "route": "KF",
                "form": "胶囊剂",
                "strength": "0.25",
                "strength_unit": "g",
                "pack_size": "24",
                "specification": "0.25g*24粒",
                "ingredients": [{"name": "阿莫西林", "amount": "0.25", "unit": "g"}],
                "classes": ["J01CA04"],
                "volume_ml": "100",
                "infusion_rate": "60",
                "infusion_rate_unit": "滴/分",
                "purpose": "treatment",
                "given": "2026-07-08T09:30:00",
                "skin_test": "negative",
                "emergency_use": False,
                "herb_doses": 7,
                "practitioner_title": "副主任医师",
                "charge_kind": "09",
                "catalogue_price": "12.0000",
            }
        ],
    },
    "history": [
        {
            "id": "E0",
            "facility_id": "F2",
            "lines": [
                {"order_id": "B", "item_code": "C1", "quantity": "2", "begin": "2026-06-01T08:30:00"},
            ],
        }
    ],
    "visits": [
        {
            "id": "E0",
            "facility_id": "F2",
            "care_modes": ["outpatient"],
            "begin": "2026-06-01T08:00:00",
            "end": "2026-06-01T09:00:00",
            "department_code": "A04",
            "diagnoses": [{"code": "J06.900", "name": "感冒"}],
            "planned": False,
        }
    ],
}


def unstated(struct, path=""):
    """The facts of a struct that are at their defaults, by path."""
    found = []
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if value == field.default:
            found.append(f"{path}{field.name}")
        elif isinstance(value, msgspec.Struct):
            found += unstated(value, f"{path}{field.name}.")
    return found


def test_the_same_facts_are_the_same_case(profiles):
    profile = profiles.default
    national = copy.deepcopy(NATIONAL)
    by_message = read_message(national, "3101", profiles).case
    by_camel_case = read_message(camel_case(national), "3101", profiles).case
    by_json = read_own(OWN, profile)
    by_type = read_own(orjson.loads(document_of(filled(facts_pb2.Facts(), OWN))), profile)
    assert by_type == by_json
    assert by_message == by_json
    assert by_camel_case == by_message
    assert by_json.site == Site((7, 1), frozenset({"history"}))
    assert by_json.visits[0].department_code == "", "the site's list lacks A04"


def test_that_case_states_every_fact(profiles):
    """So that the comparison above is of all of them."""
    case = read_own(OWN, profiles.default)
    not_told_nationally = {"practitioners", "patient.unknown_facts", "encounter.unknown_facts", "site.holidays"}
    assert set(unstated(case)) == not_told_nationally
    left = [name for name in unstated(case.lines[0]) if name not in PLACED_FIELDS]
    assert left == []
    assert unstated(case.encounter.operations[0]) == []
    assert unstated(case.patient.allergies[0]) == ["status"]
    assert unstated(case.patient.observations[0]) == ["kind", "text", "status"]


def test_the_words_of_the_site(profiles):
    document = copy.deepcopy(OWN)
    document["practitioners"] = [{"id": "D1", "department_code": "0203", "privileges": [{"code": "narcotic"}]}]
    document["history"][0]["lines"][0] |= {"route": "静滴", "department_code": "0203"}
    case = read_own(document, profiles.default)
    assert (case.lines[0].route, case.lines[0].frequency) == ("口服", "bid")
    assert case.history[0].route == "静脉滴注"
    departments = [
        holder.department_code for holder in (case.encounter, *case.lines, *case.history, *case.practitioners)
    ]
    assert departments == ["A03"] * 4
    assert case.practitioners[0].privileges[0].code == "narcotic"


def test_words_that_nobody_knows_are_unknown(profiles):
    document = copy.deepcopy(OWN)
    document["encounter"]["lines"][0] |= {"route": "由外星人给药", "department_code": "9999"}
    document["encounter"]["department_code"] = "9999"
    case = read_own(document, profiles.default)
    (line,) = case.lines
    assert (line.route, line.department_code, case.encounter.department_code) == ("", "", "")
    assert [(fact.fact, fact.value) for fact in line.unknown_facts] == [
        ("department", "9999"),
        ("route", "由外星人给药"),
    ]
    assert [fact.fact for fact in case.encounter.unknown_facts] == ["department"]


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("encounter.lines.0.strength", "0", "expected more than 0"),
        ("encounter.lines.0.herb_doses", 0, "expected more than 0"),
        ("encounter.lines.0.herb_doses", limits.LIST_ENTRIES_MAX * 100, "whole number"),
        ("encounter.lines.0.times_per_day", "-1", "more than 0"),
        ("encounter.lines.0.ingredients.0.amount", "0", "more than 0"),
        ("encounter.lines.0.catalogue_price", "-1", "more than 0"),
        ("encounter.lines.0.quantity", "1e13", "between"),
        ("encounter.lines.0.classes", ["x"] * 1_001, "1001 entries, at most 1000"),
        ("encounter.lines.0.classes.0", "x\x01", "control character"),
        ("encounter.diagnoses.0.recorded", "1849-12-31T00:00:00", "expected a year"),
        ("patient.birth_date", "2200-01-01", "expected a year"),
        ("patient.observations", [{}] * 5_001, "5001 entries, at most 5000"),
        ("visits", [{"id": "E"}] * 2_001, "2001 entries, at most 2000"),
        ("visits.0.diagnoses.0.name", "x" * 501, "longer than 500"),
        ("encounter.attestations.0.order_ids.0", "x" * 501, "longer than 500"),
    ],
)
def test_bounds(profiles, path, value, problem):
    document = json.loads(json.dumps(OWN))
    holder = document
    *parts, last = path.split(".")
    for part in parts:
        holder = holder[int(part)] if part.isdigit() else holder[part]
    holder[int(last) if last.isdigit() else last] = value
    with pytest.raises(EntranceError, match=problem) as caught:
        read_own(document, profiles.default)
    dotted = "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path.split(".")).lstrip(".")
    assert caught.value.field == dotted


def test_numbers_that_may_be_nothing_or_less(profiles):
    document = copy.deepcopy(OWN)
    document["encounter"]["lines"][0] |= {"quantity": "-1", "amount": "0", "price": "0"}
    document["encounter"]["counters"][0]["value"] = "0"
    (line,) = read_own(document, profiles.default).lines
    assert line.is_refund
    assert (line.amount, line.price) == (0, 0)


@pytest.mark.parametrize(
    ("document", "field", "value"),
    [
        ({"patient": {"sex": "x"}}, "patient.sex", "x"),
        ({"encounter": {"lines": [{}, {"quantity": "many"}]}}, "encounter.lines[1].quantity", "many"),
        ({"visits": [{"id": 7}]}, "visits[0].id", "7"),
        ({"patient": {"colour": "red"}}, "patient.colour", "red"),
        ([], "document", "object"),
        ({"time": "2026-07-08T09:00:00Z"}, "document", "time"),
    ],
)
def test_what_has_not_the_form_is_named_with_its_value(profiles, document, field, value):
    with pytest.raises(EntranceError) as caught:
        read_own(document, profiles.default)
    assert caught.value.field == field
    assert value in str(caught.value)


def test_a_line_without_anything_is_a_line(profiles):
    case = read_own({"encounter": {"lines": [{}]}}, profiles.default)
    assert case.lines == (Line(position=1, begin_stated=False),)
