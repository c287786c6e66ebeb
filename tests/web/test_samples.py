"""The eight sample messages of ../shared/samples, and those that ship in docs/samples, against a running server."""

import copy
import itertools
import json
import random

import pytest

from client_shim import Encoding, Format
from tests.web.messages import (
    encoded,
    ext_of,
    found,
    hinted,
    new_patient,
    settlement,
    summary,
    without_places,
)
from tests.web.product import ROOT, SHARED

FOLDER = SHARED / "samples"
GZ_LEVEL = "GZ10000101012000"

EXPECTED = {
    "01_pass_outpatient_object": {"verdict": "PASS", "completeness": "COMPLETE", "found": {}, "hints": [], "gaps": []},
    "02_pass_child_emergency_history": {
        "verdict": "PASS",
        "completeness": "COMPLETE",
        "found": {},
        "hints": [],
        "gaps": [],
    },
    "03_pass_inpatient_boundaries": {
        "verdict": "PASS",
        "completeness": "COMPLETE",
        "found": {},
        "hints": [],
        "gaps": [],
    },
    "04_warn_camelcase_3660": {
        "verdict": "WARN",
        "completeness": "COMPLETE",
        "found": {
            ("GZ10000101012000", ("770901 V",)): "45.60",
            ("GZ10000301002000", ("770902 V",)): "11.50",
            ("NHSA2025-13", ("770903 V",)): "48.90",
        },
        "hints": [],
        "gaps": [],
    },
    "05_warn_herbs_gbk": {
        "verdict": "WARN",
        "completeness": "PARTIAL",
        "found": {
            ("GZ10000301012000", ("ZY3107-1 V", "ZY3107-2 V")): "156.66",
            ("GZ10000101003000", ("ZY3107-6 V",)): "121.80",
        },
        "hints": [],
        "gaps": [("no_item_code", "ZY3107-1", "黑顺片")],
    },
    "06_warn_inpatient_charges": {
        "verdict": "WARN",
        "completeness": "COMPLETE",
        "found": {
            ("GZ10000102012000", ("JF5501-1 R", "JF5501-2 V")): "24.00",
            ("GZ10000102014000", ("JF5501-3 V",)): "40.00",
            ("NHSA2025-31", ("JF4410-9 R", "JF5501-5 V")): "60.00",
        },
        "hints": [],
        "gaps": [],
    },
    "07_block_internet_narcotic": {
        "verdict": "BLOCK",
        "completeness": "COMPLETE",
        "found": {("NHSA2025-47", ("HL0711-1 V",)): "196.00"},
        "hints": [],
        "gaps": [],
    },
    "08_unknown_missing_facts": {
        "verdict": "PASS",
        "completeness": "PARTIAL",
        "found": {},
        "hints": sorted(
            [
                ("克霉唑阴道片", ("gend",)),
                ("小儿感冒颗粒", ("brdy",)),
                ("丹参注射液", ("medins_lv",)),
                ("天麻素注射液", ("ext.days",)),
                ("脂肪乳注射液(C14-24)", ("med_mdtrt_type", "med_type")),
            ]
        ),
        "gaps": [("no_item_code", "26071288", "院内合剂")],
    },
}
NUMBER_OF_VERDICT = {"PASS": 0, "WARN": 1, "BLOCK": 2}
SHIPPED = {
    "pass": {"verdict": "PASS", "completeness": "COMPLETE", "found": {}, "hints": [], "gaps": []},
    "warn": {
        "verdict": "WARN",
        "completeness": "COMPLETE",
        "found": {
            ("GZ10000102012000", ("JF2-1 R", "JF2-2 V")): "24.00",
            ("GZ10000102014000", ("JF2-3 V",)): "40.00",
            ("GZ10000301002000", ("YZ2-5 V",)): "11.50",
            ("NHSA2025-31", ("JF0-1 R", "JF2-4 V")): "60.00",
        },
        "hints": [],
        "gaps": [],
    },
    "block": {
        "verdict": "BLOCK",
        "completeness": "PARTIAL",
        "found": {("NHSA2025-47", ("HL1-1 V",)): "196.00"},
        "hints": [],
        "gaps": [("no_item_code", "HL1-2", "院内合剂")],
    },
}

CASES = [
    *(
        pytest.param(FOLDER, name, expected, id=name[:2], marks=pytest.mark.shared)
        for name, expected in EXPECTED.items()
    ),
    *(pytest.param(ROOT / "docs" / "samples", name, expected, id=name) for name, expected in SHIPPED.items()),
]
WITH_HISTORY = [case for case in CASES if case.id in ("02", "03", "06", "warn")]


def read(folder, name):
    """Return a sample's JSON value; one of them is in GBK."""
    content = (folder / f"{name}.json").read_bytes()
    return json.loads(content.decode("gbk" if name.endswith("_gbk") else "utf-8"))


def sample(name):
    return read(FOLDER, name)


def with_patient(document, patient_id):
    """Return a copy of a sample about another patient, whatever its dialect."""
    copied = copy.deepcopy(document)
    patient, name = patient_object(copied)
    patient[name] = patient_id
    return copied


def patient_object(document):
    outer = document["input"]
    body = outer.get("data") or outer["trigScen"]
    patient = body.get("patient_dtos") or body["patientDtos"]
    patient = patient[0] if isinstance(patient, list) else patient
    return patient, "patn_id" if "patn_id" in patient else "psn_no"


def encounters_of(document):
    patient, _ = patient_object(document)
    encounters = patient.get("fsi_encounter_dtos") or patient["encounterDtos"]
    return encounters if isinstance(encounters, list) else [encounters]


def lines_of(visit):
    return visit["fsi_order_dtos" if "fsi_order_dtos" in visit else "orderDtos"]


def shuffled(document, seed):
    """Return a copy with its lines, and its encounters, in another order."""
    copied = copy.deepcopy(document)
    chance = random.Random(seed)
    patient, _ = patient_object(copied)
    if isinstance(patient.get("fsi_encounter_dtos"), list):
        chance.shuffle(patient["fsi_encounter_dtos"])
    for visit in encounters_of(copied):
        chance.shuffle(lines_of(visit))
    return copied


@pytest.mark.parametrize(("folder", "name", "expected"), CASES)
class TestEverySample:
    def test_over_http(self, product, folder, name, expected):
        document = with_patient(read(folder, name), new_patient())
        answer = product.check(document)
        assert summary(answer) == expected
        assert ext_of(answer)["revision"] == product.revision
        assert ext_of(answer)["committed_lines"] == 0

    def test_the_file_as_it_stands(self, product, folder, name, expected):
        status, _, content = product.post_bytes("/nhsa/3101", (folder / f"{name}.json").read_bytes())
        assert status == 200
        assert summary(json.loads(content.decode("gbk" if name.endswith("_gbk") else "utf-8"))) == expected

    def test_over_the_c_library(self, product, folder, name, expected):
        document = with_patient(read(folder, name), new_patient())
        with product.client() as client:
            answer = client.check(encoded(document), format=Format.NHSA_3101)
        assert answer.error == ""
        assert answer.result == NUMBER_OF_VERDICT[expected["verdict"]]
        assert answer.completeness.name == expected["completeness"]
        assert summary(json.loads(answer.answer)) == expected

    @pytest.mark.parametrize("content_type", ["application/json; charset=GBK", "application/json"])
    def test_in_gbk_over_http(self, product, folder, name, expected, content_type):
        document = with_patient(read(folder, name), new_patient())
        body = encoded(document, "gbk")
        status, headers, content = product.post_bytes("/nhsa/3101", body, {"Content-Type": content_type})
        assert status == 200
        assert headers["content-type"] == "application/json; charset=GBK"
        answer = json.loads(content.decode("gbk"))
        assert summary(answer) == expected
        in_utf_8 = product.check(document)
        assert without_places(answer) == without_places(in_utf_8)

    def test_in_gbk_over_the_c_library(self, product, folder, name, expected):
        document = with_patient(read(folder, name), new_patient())
        with product.client() as client:
            answer = client.check(encoded(document, "gbk"), format=Format.NHSA_3101, encoding=Encoding.GBK)
        assert answer.result == NUMBER_OF_VERDICT[expected["verdict"]]
        assert summary(json.loads(answer.answer.decode("gbk"))) == expected

    def test_the_order_of_lines_changes_nothing(self, product, folder, name, expected):
        document = with_patient(read(folder, name), new_patient())
        first = product.check(document)
        for seed in range(5):
            answer = product.check(shuffled(document, seed))
            assert summary(answer) == expected
            assert without_places(answer) == without_places(first)

    def test_the_same_message_gets_the_same_ids(self, product, folder, name, expected):
        document = with_patient(read(folder, name), new_patient())
        first, second = product.check(document), product.check(document)
        ids = [result["jr_id"] for result in first["output"]["result"]]
        assert [result["jr_id"] for result in second["output"]["result"]] == ids
        assert len(set(ids)) == len(expected["found"])
        assert ext_of(first)["check_id"] != ext_of(second)["check_id"]

    def test_what_each_result_must_hold(self, product, folder, name, expected):
        document = with_patient(read(folder, name), new_patient())
        answer = product.check(document)
        patient, key = patient_object(document)
        for result in answer["output"]["result"]:
            assert result["patn_id"] == patient[key]
            assert result["mdtrt_id"] == patient["curr_mdtrt_id"]
            assert result["rule_name"]
            assert result["vola_cont"]
            assert result["vola_evid"].startswith(result["rule_id"])
            assert result["sev_deg"] in ("1", "2", "3")
            assert result["ext"]["row_id"]
            assert result["ext"]["template"].startswith("T")
            assert result["ext"]["citation"]
            assert result["ext"]["remedies"]
            details = result["judge_result_detail_dtos"]
            assert len({detail["jrd_id"] for detail in details}) == len(details)


def current_with(document, *, kept, flag):
    """Return a copy of one encounter per history line that is `kept`, or with only those as history in place."""
    copied = copy.deepcopy(document)
    patient, _ = patient_object(copied)
    current = patient["curr_mdtrt_id"]
    for visit in encounters_of(copied):
        lines = lines_of(visit)
        lines[:] = [line for line in lines if line["curr_drord_flag"] == flag or line["rx_id"] in kept]
        assert visit["mdtrt_id"] == current or all(line["rx_id"] in kept for line in lines)
    return copied


def commits_of(document, rx_ids):
    """Yield, for every encounter with chosen history lines, the message that once wrote them."""
    for visit in encounters_of(document):
        lines = [line for line in lines_of(visit) if line["rx_id"] in rx_ids]
        if lines:
            copied = copy.deepcopy(document)
            patient, _ = patient_object(copied)
            patient["curr_mdtrt_id"] = visit["mdtrt_id"]
            past = {**visit, "fsi_order_dtos": [{**line, "curr_drord_flag": "1"} for line in lines]}
            patient["fsi_encounter_dtos"] = [past]
            yield copied


@pytest.mark.parametrize(("folder", "name", "expected"), WITH_HISTORY)
class TestHistoryInMessageOrStore:
    def test_every_split_gives_the_same_answer(self, product, folder, name, expected):
        original = read(folder, name)
        past = [
            line["rx_id"]
            for visit in encounters_of(original)
            for line in lines_of(visit)
            if line["curr_drord_flag"] == "0"
        ]
        assert past
        splits = [set(chosen) for size in range(len(past) + 1) for chosen in itertools.combinations(past, size)]
        for number, stored in enumerate(splits):
            document = with_patient(original, new_patient())
            for commit in commits_of(document, stored):
                if number % 2:
                    answer = product.check(settlement(commit), path="/nhsa/3102")
                    assert ext_of(answer)["committed_lines"] > 0
                else:
                    status, change = product.post("/v1/commit?format=3101", commit)
                    assert status == 200
                    assert change["committed_lines"] > 0
            rest = current_with(document, kept=set(past) - stored, flag="1")
            assert summary(product.check(rest)) == expected, f"stored: {stored}"
            # What stands in both places counts once: the message wins.
            assert summary(product.check(document)) == expected, f"stored too: {stored}"

    def test_history_of_another_patient_is_not_used(self, product, folder, name, expected):
        original = read(folder, name)
        other = with_patient(original, new_patient())
        for commit in commits_of(other, [line["rx_id"] for visit in encounters_of(other) for line in lines_of(visit)]):
            product.check(settlement(commit), path="/nhsa/3102")
        assert summary(product.check(with_patient(original, new_patient()))) == expected


@pytest.mark.shared
class TestVariants:
    def test_03_one_day_less_than_the_window(self, product):
        document = with_patient(sample("03_pass_inpatient_boundaries"), new_patient())
        (line,) = lines_of(encounters_of(document)[1])
        line["drord_begn_date"] = "2026-06-24 08:30:00"
        answer = product.check(document)
        assert found(answer) == {("NHSA2025-31", ("CF62319-1 R", "YZ90021-8 V")): "60.00"}
        assert ext_of(answer)["verdict"] == "WARN"

    def test_03_one_day_more_than_the_course(self, product):
        document = with_patient(sample("03_pass_inpatient_boundaries"), new_patient())
        lines_of(encounters_of(document)[0])[0]["ext"]["days"] = 15
        answer = product.check(document)
        assert list(found(answer)) == [("GZ10000101010000", ("YZ90021-1 V",))]
        assert ext_of(answer)["verdict"] == "WARN"

    def test_05_the_signature_is_asked_for_again_but_nothing_is_blocked(self, product):
        answer = product.check(with_patient(sample("05_warn_herbs_gbk"), new_patient()))
        actions = {result["rule_id"]: result["ext"]["action"] for result in answer["output"]["result"]}
        assert actions == {"GZ10000301012000": "WARN_REASON", "GZ10000101003000": "WARN"}

    @pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
    def test_05_no_name_is_lost_in_either_encoding(self, product, encoding):
        document = with_patient(sample("05_warn_herbs_gbk"), new_patient())
        status, _, content = product.post_bytes("/nhsa/3101", encoded(document, encoding))
        assert status == 200
        pair = next(
            result
            for result in json.loads(content.decode(encoding))["output"]["result"]
            if result["rule_id"] == "GZ10000301012000"
        )
        assert "黑顺片" in pair["vola_cont"]
        assert "川贝母" in pair["vola_cont"]

    def test_06_ownpay_is_no_evidence_of_self_pay(self, product):
        document = with_patient(sample("06_warn_inpatient_charges"), new_patient())
        without = copy.deepcopy(document)
        for visit in encounters_of(without):
            for line in lines_of(visit):
                assert line["ownpay_amt"] == line["sumamt"] or line["curr_drord_flag"] == "0"
                line["ownpay_amt"] = line["selfpay_amt"] = 0
        assert without_places(product.check(document)) == without_places(product.check(without))

    def test_06_payment_rules_ask_for_a_reason_at_most(self, product):
        answer = product.check(with_patient(sample("06_warn_inpatient_charges"), new_patient()))
        assert {result["ext"]["action"] for result in answer["output"]["result"]} <= {"HINT", "WARN", "WARN_REASON"}

    def test_07_not_stated_is_a_hint(self, product):
        document = with_patient(sample("07_block_internet_narcotic"), new_patient())
        del encounters_of(document)[0]["ext"]
        answer = product.check(document)
        assert found(answer) == {}
        assert hinted(answer) == [("盐酸羟考酮缓释片", ("ext.internet",))]
        assert ext_of(answer)["hints"][0]["text"].startswith("缺少: 是否互联网诊疗")
        assert ext_of(answer)["hints"][0]["rx_id"] == "HL0711-1"
        assert (ext_of(answer)["verdict"], ext_of(answer)["completeness"]) == ("PASS", "PARTIAL")

    def test_07_not_stated_where_the_site_has_no_internet_hospital(self, product):
        document = with_patient(sample("07_block_internet_narcotic"), new_patient())
        del encounters_of(document)[0]["ext"]
        answer = product.check(document, headers={"Precheck-Profile": "no_internet"})
        assert summary(answer) == EXPECTED["01_pass_outpatient_object"]
        assert ext_of(answer)["profile"] == "no_internet"

    def test_07_stated_false(self, product):
        document = with_patient(sample("07_block_internet_narcotic"), new_patient())
        encounters_of(document)[0]["ext"] = {"internet": False}
        assert summary(product.check(document)) == EXPECTED["01_pass_outpatient_object"]

    def test_08_names_each_missing_field_and_the_place_of_its_line(self, product):
        document = with_patient(sample("08_unknown_missing_facts"), new_patient())
        ext = ext_of(product.check(document))
        assert {hint["position"]: hint["missing"] for hint in ext["hints"]} == {
            1: ["gend"],
            2: ["brdy"],
            3: ["medins_lv"],
            4: ["ext.days"],
            5: ["med_mdtrt_type", "med_type"],
        }
        (gap,) = ext["not_evaluated"]
        assert (gap["position"], gap["missing"]) == (6, ["hilist_code"])
        texts = {hint["position"]: hint["text"] for hint in ext["hints"]}
        assert "“2”不在站点配置中" in texts[3]
        assert "相互矛盾" in texts[5]
        for hint in ext["hints"]:
            assert hint["rx_id"] == "26071288"
            assert hint["text"].startswith("缺少: ")

    @pytest.mark.parametrize("by", ["header", "query", "c_library"])
    def test_08_with_a_site_profile(self, product, by):
        document = with_patient(sample("08_unknown_missing_facts"), new_patient())
        if by == "header":
            answer = product.check(document, headers={"Precheck-Profile": "one_digit"})
        elif by == "query":
            answer = product.check(document, path="/nhsa/3101?profile=one_digit")
        else:
            with product.client(profile="one_digit") as client:
                answer = json.loads(client.check(encoded(document), format=Format.NHSA_3101).answer)
        assert summary(answer) == {
            "verdict": "WARN",
            "completeness": "PARTIAL",
            "found": {("NHSA2025-13", ("26071288 V",)): "66.00"},
            "hints": sorted(
                [("克霉唑阴道片", ("gend",)), ("小儿感冒颗粒", ("brdy",)), ("天麻素注射液", ("ext.days",))]
            ),
            "gaps": [("no_item_code", "26071288", "院内合剂")],
        }
        (result,) = answer["output"]["result"]
        assert result["judge_result_detail_dtos"][0]["ext"]["position"] == 5

    def test_02_an_earlier_line_is_never_the_violating_one(self, product):
        """A grown-up now: the three current lines violate, the earlier one is history."""
        document = with_patient(sample("02_pass_child_emergency_history"), new_patient())
        patient_object(document)[0]["brdy"] = "1980-01-01"
        lines = {line.removesuffix(" V") for _, names in found(product.check(document)) for line in names}
        assert lines == {"JZ70688-1", "JZ70688-2", "JZ70688-3"}
