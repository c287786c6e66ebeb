"""What a lenient parser must accept: numbers 1 to 21 of the variance list, each with the outcome that it must have."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from client_shim import Completeness, Format
from tests.web.messages import (
    BED,
    CARE_MODE,
    CHILD_DRUG,
    CHILD_ONLY,
    COURSE,
    COURSE_DRUG,
    INPATIENT_DRUG,
    LEVEL,
    NARCOTIC,
    PER_DAY,
    SECONDARY_DRUG,
    WOMEN_DRUG,
    WOMEN_ONLY,
    camel_case,
    data_of,
    encoded,
    encounter,
    ext_of,
    found,
    gaps,
    hinted,
    message,
    new_patient,
    order,
    orders_of,
    patient_of,
    rules,
    settlement,
    summary,
    visit_of,
    without_places,
)


def a_child_drug_for_a_man(**parts):
    return message([order(CHILD_DRUG)], **parts)


class TestNumber1ObjectOrList:
    @pytest.mark.parametrize("patient_in_list", [True, False])
    @pytest.mark.parametrize("visit_in_list", [True, False])
    @pytest.mark.parametrize("line_in_list", [True, False])
    def test_each_container_may_be_either(self, product, patient_in_list, visit_in_list, line_in_list):
        document = a_child_drug_for_a_man()
        if not line_in_list:
            visit_of(document)["fsi_order_dtos"] = orders_of(document)[0]
        if not visit_in_list:
            patient_of(document)["fsi_encounter_dtos"] = visit_of(document)
        if patient_in_list:
            data_of(document)["patient_dtos"] = [patient_of(document)]
        assert rules(product.check(document)) == [CHILD_ONLY]

    def test_two_patients_are_refused_by_name(self, product):
        document = a_child_drug_for_a_man()
        data_of(document)["patient_dtos"] = [patient_of(document)] * 2
        status, answer = product.post("/nhsa/3101", document)
        assert status == 400
        assert "patient_dtos" in answer["err_msg"]

    @pytest.mark.parametrize("past", ["object", "list", "nested"])
    def test_the_past_encounters(self, product, past):
        """fsi_his_data_dto: one encounter, several, or an object that holds them."""
        document = message([order(BED, drord_begn_date="2026-07-08 10:00:00")])
        earlier = encounter([order(BED, curr_drord_flag="0")], mdtrt_id="E0")
        shapes = {"object": earlier, "list": [earlier], "nested": {"fsi_encounter_dtos": [earlier]}}
        patient_of(document)["fsi_his_data_dto"] = shapes[past]
        assert rules(product.check(document)) == [PER_DAY]

    @pytest.mark.parametrize("nothing", ["", "-", None, [], {}])
    def test_no_past_encounters(self, product, nothing):
        document = a_child_drug_for_a_man(patient={"fsi_his_data_dto": nothing})
        assert rules(product.check(document)) == [CHILD_ONLY]


class TestNumber2Operations:
    @pytest.mark.parametrize("operations", [None, "", [], "-", [{"oprn_code": "47.0100", "oprn_name": "阑尾切除术"}]])
    def test_any_form(self, product, operations):
        document = a_child_drug_for_a_man(visit={"fsi_operation_dtos": operations})
        assert rules(product.check(document)) == [CHILD_ONLY]

    def test_absent(self, product):
        document = a_child_drug_for_a_man()
        del visit_of(document)["fsi_operation_dtos"]
        assert rules(product.check(document)) == [CHILD_ONLY]


class TestNumber3RuleIds:
    @pytest.mark.parametrize("rule_ids", [None, "", "R01,R02", [], ["R01"], ["R01", "R02"]])
    @pytest.mark.parametrize("scene", ["2", "", None])
    def test_any_form_judges_every_rule(self, product, rule_ids, scene):
        document = a_child_drug_for_a_man(data={"rule_ids": rule_ids, "trig_scen": scene})
        answer = product.check(document)
        assert rules(answer) == [CHILD_ONLY]
        noted = {note["field"] for note in ext_of(answer)["notes"]}
        # trig_scen wins over rule_ids; rule_ids alone are said to be no filter.
        assert noted == ({"trig_scen"} | ({"rule_ids"} if rule_ids else set()) if not scene else set())


class TestNumber4Amounts:
    @pytest.mark.parametrize("amount", [23, 23.0, "23", "23.00", " 23.0000 "])
    def test_the_amount_as_number_or_text(self, product, amount):
        document = message([order(CHILD_DRUG, sumamt=amount, cnt="-", pric="")])
        assert list(found(product.check(document)).values()) == ["23.00"]

    @pytest.mark.parametrize("amount", ["", "-", None])
    def test_no_amount_is_quantity_times_price(self, product, amount):
        document = message([order(CHILD_DRUG, sumamt=amount, cnt="3", pric=11.5)])
        assert list(found(product.check(document)).values()) == ["34.50"]

    @pytest.mark.parametrize("nothing", ["", "-", None])
    def test_no_figure_at_all_says_that_the_amount_is_not_known(self, product, nothing):
        document = message([order(CHILD_DRUG, sumamt=nothing, cnt=nothing, pric=nothing)])
        answer = product.check(document)
        assert list(found(answer).values()) == [None]
        (result,) = answer["output"]["result"]
        assert (result["vola_amt"], result["vola_amt_stas"]) == (0, "0")

    @pytest.mark.parametrize("nothing", ["", "-", None, 0])
    def test_the_amounts_of_the_visit(self, product, nothing):
        names = ("medfee_sumamt", "ownpay_amt", "selfpay_amt", "acct_payamt", "setl_totlnum")
        document = a_child_drug_for_a_man(visit=dict.fromkeys(names, nothing))
        assert rules(product.check(document)) == [CHILD_ONLY]


class TestNumber5CamelCase:
    def test_every_field_has_its_twin(self, product):
        patient = new_patient()
        document = message(
            [
                order(CHILD_DRUG, rx_id="A", ext={"days": 3}),
                order(SECONDARY_DRUG, rx_id="B"),
                order(INPATIENT_DRUG, rx_id="C"),
                order(COURSE_DRUG, rx_id="D", ext={"days": 15}),
                order(BED, rx_id="E", cnt=2, pric=40),
            ],
            patient={"patn_id": patient},
            visit={"medins_lv": "08"},
            past=[encounter([order(BED, rx_id="F", curr_drord_flag="0")], mdtrt_id="E0")],
        )
        plain = product.check(document)
        assert rules(plain) == sorted([CHILD_ONLY, LEVEL, CARE_MODE, COURSE, PER_DAY])
        assert without_places(product.check(camel_case(document))) == without_places(plain)

    @pytest.mark.parametrize("infno", ["3660", "3661"])
    def test_the_older_wrapper(self, product, infno):
        document = a_child_drug_for_a_man(head={"infno": infno})
        body = data_of(document)
        patient = body.pop("patient_dtos")
        identifier = patient.pop("patn_id")
        patient |= {"psn_no": identifier, "psn_name": patient.pop("patn_name")}
        visit = patient.pop("fsi_encounter_dtos")[0]
        visit["orderDtos"] = visit.pop("fsi_order_dtos")
        visit["medins_code"] = visit.pop("medins_id")
        patient["encounterDtos"] = visit
        document["input"] = {"trigScen": {**body, "patientDtos": [patient]}}
        answer = product.check(document)
        assert rules(answer) == [CHILD_ONLY]
        assert answer["output"]["result"][0]["patn_id"] == identifier


class TestNumber6SingleObjectOrList:
    def test_our_result_is_always_a_list(self, product):
        for orders in ([order(CHILD_DRUG)], [order(SECONDARY_DRUG)], [order(CHILD_DRUG), order(WOMEN_DRUG)]):
            answer = product.check(message(orders))
            assert isinstance(answer["output"]["result"], list)
            for result in answer["output"]["result"]:
                assert isinstance(result["judge_result_detail_dtos"], list)

    @pytest.mark.parametrize("in_list", [True, False])
    def test_the_feedback_on_it_may_be_either(self, product, in_list):
        warn = {"warn_rslt_id": "none", "dspo_way": "2"}
        document = {"infno": "3103", "input": {"data": {"warn_type": "1", "warns": [warn] if in_list else warn}}}
        status, answer = product.post("/nhsa/3103", document)
        assert status == 200
        assert ext_of(answer)["recorded"] == 1


class TestNumber7WrongInfno:
    @pytest.mark.parametrize("infno", ["3101", "3102", "3103", "", None, 3102])
    @pytest.mark.parametrize("path", ["/nhsa/3101", "/nhsa/3102"])
    @pytest.mark.parametrize(("scene", "transaction"), [("2", "3101"), ("7", "3102"), ("6", "3102"), (4, "3101")])
    def test_the_scene_decides(self, product, infno, path, scene, transaction):
        document = a_child_drug_for_a_man(head={"infno": infno}, data={"trig_scen": scene})
        answer = product.check(document, path=path)
        assert rules(answer) == [CHILD_ONLY]
        assert ext_of(answer)["transaction"] == transaction
        assert ext_of(answer)["transaction_from"] == "trig_scen"
        assert ext_of(answer)["committed_lines"] == (1 if scene == "6" else 0)


BEIJING = timezone(timedelta(hours=8))


def epoch_ms(*when):
    return int(datetime(*when, tzinfo=BEIJING).timestamp() * 1000)


class TestNumber8Dates:
    @pytest.mark.parametrize(
        ("born", "is_child"),
        [
            ("2008-07-09", True),
            ("2008-07-08", False),
            ("2008-07-09 00:00:00", True),
            ("2008/07/09", True),
            ("2008/7/9", True),
            ("20080709", True),
            (20080709, True),
            ("20080708", False),
            (epoch_ms(2008, 7, 9), True),
            (str(epoch_ms(2008, 7, 9)), True),
            (epoch_ms(2008, 7, 8), False),
            ("2008-07-08T16:00:00Z", True),
            ("2008-07-09T00:00:00+08:00", True),
            ("2008年7月9日", True),
        ],
    )
    def test_birth_date(self, product, born, is_child):
        """18 on the day of the order, 2026-07-08, or a day later."""
        answer = product.check(a_child_drug_for_a_man(patient={"brdy": born}))
        assert rules(answer) == ([] if is_child else [CHILD_ONLY])
        assert hinted(answer) == []

    @pytest.mark.parametrize("born", ["", "-", None, "0001-01-01", "9999-12-31 00:00:00"])
    def test_no_birth_date(self, product, born):
        answer = product.check(a_child_drug_for_a_man(patient={"brdy": born}))
        assert (rules(answer), hinted(answer)) == ([], [(CHILD_DRUG[1], ("brdy",))])

    @pytest.mark.parametrize(
        "begin",
        [
            "2026-07-08 23:59:59",
            "2026-07-08",
            "2026-07-08 23:59",
            "2026-07-08T23:59:59",
            "2026-07-08 23:59:59.0",
            "2026-07-08T15:59:59Z",
            epoch_ms(2026, 7, 8, 23, 59, 59),
            "20260708235959",
            20260708235959,
            "2026/07/08 23:59:59",
        ],
    )
    def test_order_time(self, product, begin):
        """Two bed fees on one day are one too many; on the 8th, whatever the form of the second one's time."""
        document = message([order(BED, drord_begn_date="2026-07-08 00:00:00"), order(BED, drord_begn_date=begin)])
        assert rules(product.check(document)) == [PER_DAY]
        other_day = message([order(BED, drord_begn_date="2026-07-09 00:00:00"), order(BED, drord_begn_date=begin)])
        assert rules(product.check(other_day)) == []

    @pytest.mark.parametrize("nothing", ["", None, "-"])
    def test_empty_dates_elsewhere(self, product, nothing):
        document = a_child_drug_for_a_man(visit={"adm_date": nothing, "dscg_date": nothing})
        orders_of(document)[0]["drord_stop_date"] = nothing
        visit_of(document)["fsi_diagnose_dtos"][0]["dise_date"] = nothing
        assert rules(product.check(document)) == [CHILD_ONLY]


class TestNumber9Encodings:
    @pytest.mark.parametrize("charset", ["", "; charset=utf-8", '; charset="UTF-8"'])
    def test_utf_8_with_and_without_byte_order_mark(self, product, charset):
        document = a_child_drug_for_a_man()
        for mark in (b"", b"\xef\xbb\xbf"):
            body = mark + encoded(document)
            headers = {"Content-Type": f"application/json{charset}"}
            status, headers, content = product.post_bytes("/nhsa/3101", body, headers)
            assert status == 200
            assert CHILD_DRUG[1] in json.loads(content.decode("utf-8"))["output"]["result"][0]["vola_cont"]

    @pytest.mark.parametrize("charset", ["", "; charset=GBK", "; charset=gb18030", "; charset=GB2312"])
    def test_gbk(self, product, charset):
        body = encoded(a_child_drug_for_a_man(), "gbk")
        status, _, content = product.post_bytes("/nhsa/3101", body, {"Content-Type": f"application/json{charset}"})
        assert status == 200
        assert CHILD_DRUG[1] in json.loads(content.decode("gbk"))["output"]["result"][0]["vola_cont"]

    def test_rare_characters_of_gb_18030(self, product):
        body = encoded(a_child_drug_for_a_man(patient={"patn_name": "㐀𠮷"}), "gb18030")
        status, _, content = product.post_bytes("/nhsa/3101", body)
        assert status == 200
        assert rules(json.loads(content.decode("gb18030"))) == [CHILD_ONLY]


class TestNumber10LinesWithoutACatalogueItem:
    @pytest.mark.parametrize("code", ["", None, "_", " "])
    def test_they_are_named(self, product, code):
        document = message([order(("", "院内合剂"), rx_id="L1", hilist_code=code), order(CHILD_DRUG, rx_id="L2")])
        answer = product.check(document)
        assert gaps(answer) == [("no_item_code", "L1", "院内合剂")]
        assert ext_of(answer)["not_evaluated"][0]["missing"] == ["hilist_code"]
        assert rules(answer) == [CHILD_ONLY]
        assert ext_of(answer)["completeness"] == "PARTIAL"

    def test_nothing_but_such_lines_is_not_a_pass(self, product):
        document = message([order(("", "院内合剂"), rx_id="L1")])
        assert ext_of(product.check(document))["completeness"] == "NONE"
        with product.client() as client:
            answer = client.check(encoded(document), format=Format.NHSA_3101)
        assert answer.result < 0
        assert answer.completeness == Completeness.NONE
        assert gaps(json.loads(answer.answer)) == [("no_item_code", "L1", "院内合剂")]


class TestNumber11PregnancyState:
    @pytest.mark.parametrize("state", ["0", "1", "3", "4", "", None, "X"])
    def test_it_decides_nothing(self, product, state):
        document = message([order(CHILD_DRUG), order(WOMEN_DRUG)], visit={"matn_stas": state})
        assert rules(product.check(document)) == sorted([CHILD_ONLY, WOMEN_ONLY])

    def test_a_med_type_that_no_list_knows_is_a_hint_and_not_a_guess(self, product):
        """One HIS writes the pregnancy state into med_type."""
        answer = product.check(message([order(INPATIENT_DRUG)], visit={"med_type": "1"}))
        assert rules(answer) == []
        assert hinted(answer) == [(INPATIENT_DRUG[1], ("med_mdtrt_type", "med_type"))]
        assert "“1”" in ext_of(answer)["hints"][0]["text"]


class TestNumber12SharedOrChangingRxIds:
    def test_a_shared_id_names_the_place_too(self, product):
        document = message(
            [order(SECONDARY_DRUG, rx_id="S"), order(CHILD_DRUG, rx_id="S"), order(WOMEN_DRUG, rx_id="S")]
        )
        answer = product.check(document)
        places = {
            result["rule_id"]: result["judge_result_detail_dtos"][0]["ext"]["position"]
            for result in answer["output"]["result"]
        }
        assert places == {CHILD_ONLY: 2, WOMEN_ONLY: 3}
        assert len({result["jr_id"] for result in answer["output"]["result"]}) == 2

    def test_the_same_item_twice_under_one_id_is_two_lines(self, product):
        answer = product.check(message([order(BED, rx_id="S", pric=40), order(BED, rx_id="S", pric=40)]))
        (result,) = answer["output"]["result"]
        assert result["rule_id"] == PER_DAY
        details = result["judge_result_detail_dtos"]
        assert sorted(detail["ext"]["position"] for detail in details) == [1, 2]
        assert sorted(detail["vola_item_type"] for detail in details) == ["1", "2"]

    def test_ids_that_change_need_a_profile(self, product):
        document = message([order(BED, rx_id="first")])
        product.check(settlement(document), path="/nhsa/3102", headers={"Precheck-Profile": "new_ids"})
        orders_of(document)[0]["rx_id"] = "second"
        assert rules(product.check(document)) == [PER_DAY]
        assert rules(product.check(document, headers={"Precheck-Profile": "new_ids"})) == []
        orders_of(document)[0]["cnt"] = "2"
        assert rules(product.check(document, headers={"Precheck-Profile": "new_ids"})) == [PER_DAY]


class TestNumber13LocalCodes:
    @pytest.mark.parametrize("code", ["YP00318", "12345", "ABC", "xg01afk079a008010100225"])
    def test_they_are_not_evaluated(self, product, code):
        answer = product.check(message([order((code, "某药"), rx_id="L1"), order(CHILD_DRUG)]))
        assert gaps(answer) == [("not_a_national_code", "L1", "某药")]
        assert code in ext_of(answer)["not_evaluated"][0]["text"]
        assert rules(answer) == [CHILD_ONLY]

    def test_a_national_code_without_rows_is_judged(self, product):
        answer = product.check(message([order(("XA01AAA000A001010100001", "某药"))]))
        assert (ext_of(answer)["verdict"], ext_of(answer)["completeness"]) == ("PASS", "COMPLETE")


class TestNumber14OwnpayIsTheTotal:
    def test_it_is_no_evidence_of_self_pay(self, product):
        document = message([order(BED, cnt=2, pric=40, sumamt=80, ownpay_amt=80, selfpay_amt=80)])
        assert list(found(product.check(document)).values()) == ["40.00"]

    def test_what_is_evidence_of_self_pay(self, product):
        document = message([order(BED, cnt=2, pric=40, sumamt=80, hilist_lv="03"), order(CHILD_DRUG, hilist_lv="03")])
        assert rules(product.check(document)) == sorted([PER_DAY, CHILD_ONLY])
        by_profile = product.check(document, headers={"Precheck-Profile": "self_pay_by_level"})
        assert rules(by_profile) == [CHILD_ONLY], "safety rules hold for self-pay too"
        document["fixmedins_code"] = "H99999999999"
        assert rules(product.check(document)) == [CHILD_ONLY], "the institution has that profile"
        marked = message([order(BED, cnt=2, pric=40, ext={"self_pay": True})])
        assert rules(product.check(marked)) == []


class TestNumber15QuantityThatIsADose:
    def test_it_decides_nothing_of_a_drug(self, product):
        for quantity in ("0.6", "500", 1e-3):
            document = message([order(COURSE_DRUG, cnt=quantity, ext={"days": 15}), order(CHILD_DRUG, cnt=quantity)])
            assert rules(product.check(document)) == sorted([COURSE, CHILD_ONLY])


class TestNumber16NoOrderTime:
    @pytest.mark.parametrize("begin", ["_", "", None, "-"])
    def test_the_message_has_a_time(self, product, begin):
        answer = product.check(message([order(CHILD_DRUG, drord_begn_date=begin)]))
        assert rules(answer) == [CHILD_ONLY]
        assert "2026-07-08" in answer["output"]["result"][0]["vola_cont"]

    @pytest.mark.parametrize("time", ["", None])
    def test_nor_has_the_message(self, product, time):
        answer = product.check(message([order(CHILD_DRUG, rx_id="L1", drord_begn_date="")], head={"inf_time": time}))
        assert rules(answer) == []
        assert gaps(answer) == [("no_order_time", "L1", CHILD_DRUG[1])]
        assert ext_of(answer)["completeness"] == "NONE"


class TestNumber17NoCurrentLine:
    @pytest.mark.parametrize("flag", ["0", 0])
    def test_all_flags_0_is_never_a_plain_pass(self, product, flag):
        document = message([order(CHILD_DRUG, curr_drord_flag=flag), order(WOMEN_DRUG, curr_drord_flag=flag)])
        answer = product.check(document)
        assert ext_of(answer)["completeness"] == "NONE"
        assert [gap["reason"] for gap in ext_of(answer)["not_evaluated"]] == ["no_current_line"]
        with product.client() as client:
            checked = client.check(encoded(document), format=Format.NHSA_3101)
        assert not checked.checked
        assert checked.completeness == Completeness.NONE

    @pytest.mark.parametrize("flag", ["_", "", "X", None, "2"])
    def test_a_flag_that_says_nothing(self, product, flag):
        document = message([order(CHILD_DRUG, rx_id="L1", curr_drord_flag=flag), order(WOMEN_DRUG, rx_id="L2")])
        answer = product.check(document)
        assert rules(answer) == [WOMEN_ONLY]
        assert gaps(answer) == [("unknown_whether_current", "L1", CHILD_DRUG[1])]
        assert ext_of(answer)["completeness"] == "PARTIAL"

    @pytest.mark.parametrize("lines", [[], None, "", "_"])
    def test_no_line_at_all(self, product, lines):
        document = message([])
        visit_of(document)["fsi_order_dtos"] = lines
        if lines == "_":
            del visit_of(document)["fsi_order_dtos"]
        answer = product.check(document)
        assert ext_of(answer)["completeness"] == "NONE"
        assert [gap["reason"] for gap in ext_of(answer)["not_evaluated"]] == ["no_current_line"]

    def test_a_current_encounter_that_is_not_there(self, product):
        answer = product.check(a_child_drug_for_a_man(patient={"curr_mdtrt_id": "E7"}))
        assert ext_of(answer)["completeness"] == "NONE"
        (gap,) = ext_of(answer)["not_evaluated"]
        assert gap["missing"] == ["curr_mdtrt_id"]
        assert "E7" in gap["missing_text"]

    def test_a_flag_1_in_another_encounter_is_history(self, product):
        document = message([order(WOMEN_DRUG, rx_id="L1")], past=[encounter([order(CHILD_DRUG)], mdtrt_id="E0")])
        assert found(product.check(document)) == {(WOMEN_ONLY, ("L1 V",)): "10.00"}


def nested(kind, document):
    """The body where vendors put it."""
    body = data_of(document)
    head = {name: value for name, value in document.items() if name != "input"}
    return {
        "input.data": document,
        "input.trigScen": {**head, "input": {"trigScen": body}},
        "input.trig_scen": {**head, "input": {"trig_scen": body}},
        "input": {**head, "input": body},
        "input list": {**head, "input": [{"data": [body]}]},
        "data": {**head, "data": body},
        "no envelope": {**body, "inf_time": head["inf_time"]},
    }[kind]


class TestNumber18Nesting:
    @pytest.mark.parametrize(
        "kind",
        ["input.data", "input.trigScen", "input.trig_scen", "input", "input list", "data", "no envelope"],
    )
    def test_the_body_is_found(self, product, kind):
        document = message([order(CHILD_DRUG), order(SECONDARY_DRUG)], visit={"medins_lv": "08"})
        plain = product.check(document)
        assert rules(plain) == sorted([CHILD_ONLY, LEVEL])
        answer = product.check(nested(kind, document))
        assert summary(answer) == summary(plain)
        assert ext_of(answer)["transaction_from"] == "trig_scen"


class TestNumber19UnlistedScene:
    @pytest.mark.parametrize("scene", ["23", "0", "99", "x", 23])
    @pytest.mark.parametrize("transaction", ["3101", "3102"])
    def test_it_is_evaluated_and_the_answer_says_so(self, product, scene, transaction):
        document = a_child_drug_for_a_man(data={"trig_scen": scene})
        answer = product.check(document, path=f"/nhsa/{transaction}")
        ext = ext_of(answer)
        assert rules(answer) == [CHILD_ONLY]
        assert [(note["field"], note["value"]) for note in ext["notes"]] == [("trig_scen", str(scene))]
        assert (ext["transaction"], ext["transaction_from"]) == (transaction, "url_or_format")
        assert ext["committed_lines"] == 0

    @pytest.mark.parametrize("format_", [Format.NHSA_3101, Format.NHSA_3102])
    def test_over_grpc_the_format_decides(self, product, format_):
        document = a_child_drug_for_a_man(data={"trig_scen": "23"})
        with product.client() as client:
            answer = json.loads(client.check(encoded(document), format=format_).answer)
        assert ext_of(answer)["transaction"] == format_.name[-4:]

    def test_without_a_scene(self, product):
        document = a_child_drug_for_a_man()
        del data_of(document)["trig_scen"]
        answer = product.check(document)
        assert rules(answer) == [CHILD_ONLY]
        assert [note["field"] for note in ext_of(answer)["notes"]] == ["trig_scen"]

    @pytest.mark.parametrize("scene", ["1,2", "1，2", " 1 , 2 ", "1,2,"])
    def test_a_list(self, product, scene):
        answer = product.check(a_child_drug_for_a_man(data={"trig_scen": scene}))
        assert rules(answer) == [CHILD_ONLY]
        assert (ext_of(answer)["transaction"], ext_of(answer)["notes"]) == ("3101", [])

    def test_the_strictest_of_several_scenes_holds(self, product):
        """A charge rule is a hint when ordering (1) and a warning when charging (2)."""
        verdicts = {}
        for scene in ("1", "2", "1,2", "23"):
            answer = product.check(message([order(BED, cnt=2)], data={"trig_scen": scene}))
            assert rules(answer) == [PER_DAY], "given in the result, whatever its action"
            verdicts[scene] = ext_of(answer)["verdict"], answer["output"]["result"][0]["ext"]["action"]
        assert verdicts == {
            "1": ("PASS", "HINT"),
            "2": ("WARN", "WARN"),
            "1,2": ("WARN", "WARN"),
            "23": ("PASS", "HINT"),
        }

    @pytest.mark.parametrize("scene", ["6", "8", "10"])
    @pytest.mark.parametrize("path", ["/nhsa/3101", "/nhsa/3102"])
    def test_settlement_commits_whatever_the_address(self, product, scene, path):
        document = message([order(BED, rx_id="A")])
        answer = product.check(settlement(document, scene), path=path)
        assert (ext_of(answer)["transaction"], ext_of(answer)["committed_lines"]) == ("3102", 1)
        repeated = product.check(settlement(document, scene), path=path)
        assert (rules(repeated), ext_of(repeated)["committed_lines"]) == ([], 0)
        orders_of(document)[0]["rx_id"] = "B"
        assert found(product.check(document)) == {(PER_DAY, ("A R", "B V")): "10.00"}

    @pytest.mark.parametrize("scene", ["1", "2", "3", "4", "5", "7", "9", "23", ""])
    @pytest.mark.parametrize("path", ["/nhsa/3101", "/nhsa/3102"])
    def test_nothing_else_commits(self, product, scene, path):
        document = message([order(BED, rx_id="A")], data={"trig_scen": scene})
        assert ext_of(product.check(document, path=path))["committed_lines"] == 0
        orders_of(document)[0]["rx_id"] = "B"
        assert rules(product.check(document)) == []


class TestNumber20HardCodedTitle:
    @pytest.mark.parametrize("title", ["1", "6", "231", "235", "", None, "_"])
    def test_it_decides_nothing(self, product, title):
        document = message([order(CHILD_DRUG, drord_dr_profttl=title), order(SECONDARY_DRUG, drord_dr_profttl=title)])
        answer = product.check(document)
        assert (rules(answer), hinted(answer), gaps(answer)) == ([CHILD_ONLY], [], [])


class TestNumber21RepeatedMsgid:
    def test_the_same_message_gets_the_same_ids(self, product):
        document = message([order(CHILD_DRUG), order(WOMEN_DRUG)])
        ids = [[result["jr_id"] for result in product.check(document)["output"]["result"]] for _ in range(3)]
        assert ids[0] == ids[1] == ids[2]

    def test_another_message_under_the_same_msgid_is_judged(self, product):
        document = a_child_drug_for_a_man()
        first = product.check(document)
        orders_of(document)[0] |= {"hilist_code": WOMEN_DRUG[0], "hilist_name": WOMEN_DRUG[1]}
        second = product.check(document)
        assert (rules(first), rules(second)) == ([CHILD_ONLY], [WOMEN_ONLY])
        assert first["output"]["result"][0]["jr_id"] != second["output"]["result"][0]["jr_id"]

    def test_another_patient_under_the_same_msgid_has_other_ids(self, product):
        document = a_child_drug_for_a_man()
        first = product.check(document)["output"]["result"][0]["jr_id"]
        patient_of(document)["patn_id"] = new_patient()
        assert product.check(document)["output"]["result"][0]["jr_id"] != first

    @pytest.mark.parametrize("msgid", ["", None, "x", 7])
    def test_any_msgid(self, product, msgid):
        assert rules(product.check(a_child_drug_for_a_man(head={"msgid": msgid}))) == [CHILD_ONLY]


class TestMissingFacts:
    def test_no_patient_id_is_said_and_the_rest_judged(self, product):
        answer = product.check(a_child_drug_for_a_man(patient={"patn_id": ""}))
        assert rules(answer) == [CHILD_ONLY]
        assert [gap["reason"] for gap in ext_of(answer)["not_evaluated"]] == ["no_patient_id"]

    @pytest.mark.parametrize("sex", ["0", "9", "", None, "X", "男"])
    def test_unknown_sex_is_a_hint(self, product, sex):
        answer = product.check(message([order(WOMEN_DRUG)], patient={"gend": sex}))
        assert (rules(answer), hinted(answer)) == ([], [(WOMEN_DRUG[1], ("gend",))])
        assert ext_of(answer)["completeness"] == "PARTIAL"

    @pytest.mark.parametrize("level", ["2", "", None, "99", "三级"])
    def test_an_unknown_level_is_a_hint(self, product, level):
        answer = product.check(message([order(SECONDARY_DRUG)], visit={"medins_lv": level}))
        assert (rules(answer), hinted(answer)) == ([], [(SECONDARY_DRUG[1], ("medins_lv",))])

    def test_whether_it_is_an_internet_consultation(self, product):
        answer = product.check(message([order(NARCOTIC)]))
        assert hinted(answer) == [(NARCOTIC[1], ("ext.internet",))]
        for document in (
            message([order(NARCOTIC)], visit={"ext": {"internet": False}}),
            message([order(NARCOTIC)], visit={"med_mdtrt_type": "2", "med_type": "21"}),
        ):
            answer = product.check(document)
            assert (ext_of(answer)["verdict"], ext_of(answer)["completeness"]) == ("PASS", "COMPLETE")

    def test_a_number_means_the_code_that_it_spells(self, product):
        answer = product.check(message([order(WOMEN_DRUG)], patient={"gend": 1}))
        assert rules(answer) == [WOMEN_ONLY]
