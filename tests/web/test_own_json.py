"""Our own JSON: strict, and the same clinical case gives the same findings as the national message."""

import copy
import json

import pytest

from client_shim import Format
from tests.web.messages import (
    BED,
    CHILD_DRUG,
    CHILD_ONLY,
    HBA1C,
    INPATIENT_DRUG,
    NARCOTIC,
    PER_DAY,
    SECONDARY_DRUG,
    WOMEN_DRUG,
    encoded,
    encounter,
    ext_of,
    found,
    hinted,
    message,
    new_patient,
    order,
)


def line(item, **fields):
    return {
        "order_id": "L1",
        "item_code": item[0],
        "item_name": item[1],
        "quantity": "1",
        "price": "10",
        "begin": "2026-07-08T09:00:00",
        **fields,
    }


def document(lines, *, patient=None, visit=None, history=(), **fields):
    return {
        "message_id": "m1",
        "time": "2026-07-08T09:12:30",
        "triggers": ["charging"],
        "patient": {"id": new_patient(), "sex": "male", "birth_date": "1981-06-30", **(patient or {})},
        "encounter": {
            "id": "E1",
            "facility_id": "F1",
            "facility_level": "tertiary",
            "care_modes": ["outpatient"],
            "visit_kind": "outpatient",
            "payer": "employee",
            "lines": lines,
            **(visit or {}),
        },
        "history": list(history),
        **fields,
    }


def check(product, content):
    status, answer = product.post("/v1/check", content)
    assert status == 200, answer
    return answer


def codes(answer):
    return sorted(finding["rule"] for finding in answer["findings"])


class TestCheck:
    def test_a_finding(self, product):
        answer = check(product, document([line(CHILD_DRUG, quantity="2", price="11.50")]))
        assert (answer["verdict"], answer["completeness"]) == ("WARN", "COMPLETE")
        (finding,) = answer["findings"]
        assert finding["rule"] == CHILD_ONLY
        assert finding["amount"] == "23.00"
        assert [place["order_id"] for place in finding["violating"]] == ["L1"]
        assert finding["action"] == "WARN"
        assert finding["remedies"]
        assert CHILD_ONLY in finding["citation"]
        assert answer["revision"] == product.revision
        assert len(answer["check_id"]) == 26

    def test_a_hint(self, product):
        answer = check(product, document([line(WOMEN_DRUG)], patient={"sex": None}))
        assert answer["findings"] == []
        (hint,) = answer["hints"]
        assert hint["missing"] == ["sex"]
        assert hint["line"]["order_id"] == "L1"
        assert answer["completeness"] == "PARTIAL"

    def test_nothing_to_judge(self, product):
        answer = check(product, document([]))
        assert answer["completeness"] == "NONE"
        assert [gap["reason"] for gap in answer["not_evaluated"]] == ["no_current_line"]

    def test_a_check_never_commits(self, product):
        content = document([line(BED)], triggers=["settlement"])
        check(product, content)
        content["encounter"]["lines"][0]["order_id"] = "L2"
        assert codes(check(product, content)) == []

    def test_over_the_c_library(self, product):
        with product.client() as client:
            answer = client.check(encoded(document([line(CHILD_DRUG)])), format=Format.PRECHECK_JSON)
        assert answer.verdict == "WARN"
        assert codes(json.loads(answer.answer)) == [CHILD_ONLY]

    def test_the_answer_is_recorded_as_it_was_given(self, product):
        content = document([line(CHILD_DRUG)])
        body = encoded(content)
        _, _, answer = product.post_bytes("/v1/check", body)
        query = "SELECT document, answer, patient_id, format, revision, verdict FROM decision WHERE check_id = ?"
        row = product.rows(query, json.loads(answer)["check_id"])
        assert row == [(body, answer, content["patient"]["id"], "precheck", product.revision, 1)]


class TestTheSameCaseBothWays:
    def both(self, product, own, national):
        mine, theirs = check(product, own), product.check(national)
        assert sorted(
            (
                finding["rule"],
                finding["row_id"],
                finding["action"],
                f"{float(finding['amount']):.2f}",
                sorted(place["order_id"] for place in finding["violating"]),
                sorted(place["order_id"] for place in finding["related"]),
                finding["message"],
            )
            for finding in mine["findings"]
        ) == sorted(
            (
                result["rule_id"],
                result["ext"]["row_id"],
                result["ext"]["action"],
                f"{result['vola_amt']:.2f}",
                sorted(d["rx_id"] for d in result["judge_result_detail_dtos"] if d["vola_item_type"] == "1"),
                sorted(d["rx_id"] for d in result["judge_result_detail_dtos"] if d["vola_item_type"] == "2"),
                result["vola_cont"],
            )
            for result in theirs["output"]["result"]
        )
        assert (mine["verdict"], mine["completeness"]) == (ext_of(theirs)["verdict"], ext_of(theirs)["completeness"])
        assert [hint["row_id"] for hint in mine["hints"]] == [hint["row_id"] for hint in ext_of(theirs)["hints"]]
        return mine

    def test_drugs_and_charges_with_history(self, product):
        own = document(
            [
                line(CHILD_DRUG, order_id="A", item_kind="drug"),
                line(SECONDARY_DRUG, order_id="B", item_kind="drug"),
                line(INPATIENT_DRUG, order_id="C", item_kind="drug"),
                line(BED, order_id="D", item_kind="service", quantity="2", price="40"),
                line(HBA1C, order_id="E", item_kind="service", price="60"),
            ],
            visit={"facility_level": "primary"},
            history=[{"id": "E0", "lines": [line(HBA1C, order_id="F", price="60", begin="2026-06-25T07:00:00")]}],
        )
        national = message(
            [
                order(CHILD_DRUG, rx_id="A"),
                order(SECONDARY_DRUG, rx_id="B"),
                order(INPATIENT_DRUG, rx_id="C"),
                order(BED, rx_id="D", cnt="2", pric="40", sumamt="80"),
                order(HBA1C, rx_id="E", pric="60", sumamt="60"),
            ],
            visit={"medins_lv": "08"},
            past=[
                encounter(
                    [order(HBA1C, rx_id="F", pric="60", drord_begn_date="2026-06-25 07:00:00", curr_drord_flag="0")],
                    mdtrt_id="E0",
                )
            ],
        )
        assert len(self.both(product, own, national)["findings"]) == 5

    def test_unknown_facts(self, product):
        own = document(
            [line(WOMEN_DRUG, order_id="A"), line(CHILD_DRUG, order_id="B"), line(NARCOTIC, order_id="C")],
            patient={"sex": None, "birth_date": None},
        )
        national = message(
            [order(WOMEN_DRUG, rx_id="A"), order(CHILD_DRUG, rx_id="B"), order(NARCOTIC, rx_id="C")],
            patient={"gend": "9", "brdy": ""},
        )
        assert len(self.both(product, own, national)["hints"]) == 3
        assert len(hinted(product.check(national))) == 3

    def test_what_blocks(self, product):
        own = document([line(NARCOTIC, order_id="A")], visit={"internet": True})
        national = message([order(NARCOTIC, rx_id="A")], visit={"ext": {"internet": True}})
        assert self.both(product, own, national)["verdict"] == "BLOCK"


class TestStrictness:
    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"colour": "red"}, "colour"),
            ({"patient": {"gend": "1"}}, "gend"),
            ({"patient": {"sex": "1"}}, "patient.sex"),
            ({"patient": {"sex": "unknown"}}, "patient.sex"),
            ({"patient": {"birth_date": "1981-13-01"}}, "patient.birth_date"),
            ({"patient": []}, "patient"),
            ({"encounter": {"lines": [{"rx_id": "1"}]}}, "rx_id"),
            ({"encounter": {"lines": [{"quantity": "many"}]}}, "encounter.lines[0].quantity"),
            ({"encounter": {"lines": {}}}, "encounter.lines"),
            ({"encounter": {"facility_level": "05"}}, "encounter.facility_level"),
            ({"encounter": {"care_modes": ["telepathy"]}}, "encounter.care_modes"),
            ({"encounter": {"payer": "310"}}, "encounter.payer"),
            ({"triggers": ["2"]}, "triggers"),
            ({"history": [{"lines": [{"days": "x"}]}]}, "history"),
            ({"time": "soon"}, "time"),
            ({"time": "2026-07-08T09:00:00+08:00", "encounter": {"lines": [{"order_id": "1"}]}}, "offset"),
        ],
    )
    def test_what_is_wrong_is_named(self, product, change, named):
        content = copy.deepcopy(document([line(CHILD_DRUG)]))
        for name, value in change.items():
            if isinstance(value, dict) and isinstance(content.get(name), dict):
                content[name] |= value
            else:
                content[name] = value
        status, answer = product.post("/v1/check", content)
        assert status == 400
        assert named in answer["error"]
        assert answer["completeness"] == "NONE"

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            (
                {"patient": {"allergies": [{"substance": "青霉素"}, {"severty": "severe"}]}},
                "patient.allergies[1].severty: no such field; did you mean `severity`? (value: 'severe')",
            ),
            (
                {"patient": {"observations": [{"name": "血肌酐", "val": 88}]}},
                "patient.observations[0].val: no such field; did you mean `value`? (value: 88)",
            ),
            ({"patient": {"programs": [{"disease": "M00100"}]}}, "patient.programs[0].disease: no such field"),
            ({"encounter": {"diagnoses": [{"cod": "I10"}]}}, "encounter.diagnoses[0].cod: no such field"),
            ({"encounter": {"operations": [{"date": "x"}]}}, "encounter.operations[0].date: no such field"),
            ({"encounter": {"attestations": [{"who": "D1"}]}}, "encounter.attestations[0].who: no such field"),
            ({"encounter": {"counters": [{"total": 1}]}}, "encounter.counters[0].total: no such field"),
            (
                {"encounter": {"lines": [{"ingredients": [{"name": "氨", "amout": 1}]}]}},
                "encounter.lines[0].ingredients[0].amout: no such field; did you mean `amount`?",
            ),
            (
                {"history": [{"lines": [{}, {"ingredients": [{"generic": "氨"}]}]}]},
                "history[0].lines[1].ingredients[0].generic: no such field",
            ),
            ({"visits": [{"id": "V", "diagnoses": [{"text": "x"}]}]}, "visits[0].diagnoses[0].text: no such field"),
            (
                {"practitioners": [{"id": "D1", "privileges": [{"code": "herb", "until": "2026-01-01"}]}]},
                "practitioners[0].privileges[0].until: no such field",
            ),
            ({"patient": {"unknown_facts": [{"fakt": "sex"}]}}, "patient.unknown_facts[0].fakt: no such field"),
            ({"colour": {"of": "x"}}, "colour: no such field"),
            ({"pat`ient\n": 1}, "no such field"),
        ],
    )
    def test_an_unknown_field_of_a_nested_object_was_passed_over(self, product, change, error):
        content = document([line(CHILD_DRUG)])
        for name, value in change.items():
            content[name] = {**content[name], **value} if isinstance(content.get(name), dict) else value
        status, answer = product.post("/v1/check", content)
        assert status == 400
        assert error in answer["error"]

    def test_a_national_message_may_have_more_fields_in_any_object(self, product):
        more = {"vendor_field": "x"}
        plain, rich = (
            message(
                [order(WOMEN_DRUG, rx_id="A", **extra)],
                patient={"ext": {"allergies": [{"substance": "头孢", **extra}], **extra}, **extra},
                visit=extra,
                head=extra,
            )
            for extra in ({}, more)
        )
        assert found(product.check(plain)) == found(product.check(rich)) != {}

    @pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff"])
    def test_what_is_no_document(self, product, body):
        status, _, content = product.post_bytes("/v1/check", body)
        assert status == 400
        assert "error" in json.loads(content)

    def test_too_many_lines(self, product):
        status, answer = product.post("/v1/check", document([{"order_id": str(n)} for n in range(501)]))
        assert status == 400
        assert "501 entries, at most 500" in answer["error"]

    def test_too_long_a_history(self, product):
        past = [{"id": "E0", "lines": [{"order_id": str(n)} for n in range(20_001)]}]
        status, answer = product.post("/v1/check", document([line(BED)], history=past))
        assert status == 400
        assert "20001 entries, at most 20000" in answer["error"]


class TestCommitAndVoid:
    def test_a_committed_line_counts(self, product):
        content = document([line(BED)])
        status, change = product.post("/v1/commit", content)
        assert status == 200
        assert change["committed_lines"] == 1
        assert product.post("/v1/commit", content) == (200, {**change, "committed_lines": 0})
        content["encounter"]["lines"][0]["order_id"] = "L2"
        answer = check(product, content)
        assert codes(answer) == [PER_DAY]
        assert answer["history_position"] == change["history_position"]
        recorded_at = product.rows("SELECT recorded_at FROM event WHERE position = ?", change["history_position"])
        assert [(answer["history_changed_at"],)] == recorded_at
        assert check(product, document([line(BED)]))["history_changed_at"] == "", (
            "another patient, of whom nothing is known"
        )
        assert [place["order_id"] for place in answer["findings"][0]["related"]] == ["L1"]

    def test_a_voided_line_does_not(self, product):
        content = document([line(BED), line(BED, order_id="L3", begin="2026-07-07T09:00:00")])
        product.post("/v1/commit", content)
        void = {"patient_id": content["patient"]["id"], "encounter_id": "E1", "order_ids": ["L1"]}
        status, change = product.post("/v1/void", void)
        assert (status, change["voided_lines"]) == (200, 1)
        assert product.post("/v1/void", void)[1]["voided_lines"] == 0
        later = copy.deepcopy(content)
        later["encounter"]["lines"] = [line(BED, order_id="L2")]
        assert codes(check(product, later)) == []
        later["encounter"]["lines"] = [line(BED, order_id="L4", begin="2026-07-07T10:00:00")]
        assert codes(check(product, later)) == [PER_DAY]

    def test_a_void_may_name_the_item_or_the_whole_encounter(self, product):
        content = document([line(BED), line(HBA1C)])
        product.post("/v1/commit", content)
        void = {"patient_id": content["patient"]["id"], "encounter_id": "E1"}
        assert product.post("/v1/void", {**void, "encounter_id": "E2"})[1]["voided_lines"] == 0
        by_item = {**void, "order_ids": ["L1"], "item_code": BED[0]}
        assert product.post("/v1/void", by_item)[1]["voided_lines"] == 1
        assert product.post("/v1/void", void)[1]["voided_lines"] == 1

    def test_a_corrected_line_replaces_the_first(self, product):
        content = document([line(BED, quantity="2")])
        product.post("/v1/commit", content)
        content["encounter"]["lines"][0]["quantity"] = "1"
        assert product.post("/v1/commit", content)[1]["committed_lines"] == 1
        content["encounter"]["lines"] = [line(BED, order_id="L2")]
        (finding,) = check(product, content)["findings"]
        assert finding["amount"] == "10.00", "one of two is too many, not two of three"

    def test_a_national_message_is_committed_as_such(self, product):
        national = message([order(BED, rx_id="A")])
        assert product.post("/v1/commit?format=3101", national)[1]["committed_lines"] == 1
        assert found(product.check(national)) == {}

    @pytest.mark.parametrize("path", ["/v1/commit?format=3103", "/v1/commit?format=x"])
    def test_an_unknown_format(self, product, path):
        status, answer = product.post(path, {})
        assert status == 400
        assert "format" in answer["error"]

    @pytest.mark.parametrize(
        ("content", "named"),
        [
            (document([]), "fsi_order_dtos"),
            (document([line(BED)], patient={"id": ""}), "patn_id"),
            (document([line(BED, quantity="x")]), "quantity"),
        ],
    )
    def test_what_cannot_be_committed(self, product, content, named):
        status, answer = product.post("/v1/commit", content)
        assert status == 400
        assert named in answer["error"]

    @pytest.mark.parametrize(
        ("body", "named"),
        [
            (b"{}", "patient_id"),
            (b'{"patient_id": "P"}', "encounter_id"),
            (b'{"patient_id": "P", "encounter_id": "E", "colour": 1}', "colour"),
            (b'{"patient_id": 7, "encounter_id": "E"}', ""),
            (b'{"patient_id": "P", "encounter_id": "E", "order_ids": "L1"}', ""),
            (b"[]", ""),
            (b"{", ""),
            (b'{"patient_id": "P", "encounter_id": "E", "station_id": "S"}', "station_id"),
        ],
    )
    def test_a_void_that_is_wrong(self, product, body, named):
        status, _, content = product.post_bytes("/v1/void", body)
        assert status == 400
        assert named in json.loads(content)["error"]


class TestStandardSurfaces:
    def test_healthz(self, product):
        assert product.get("/healthz") == (200, "ok\n")

    def test_metrics_count_what_happens(self, product):
        names = {
            'precheck_checks_total{completeness="COMPLETE",verdict="WARN"}': 1,
            f'precheck_findings_total{{rule="{CHILD_ONLY}"}}': 1,
            'precheck_refused_total{code="INVALID_ARGUMENT"}': 1,
            "precheck_check_seconds_count": 1,
            'precheck_history_lines_total{kind="commit"}': 1,
            "precheck_feedback_total": 1,
        }
        before = {name: product.metric(name) for name in names}
        product.check(message([order(CHILD_DRUG)]))
        product.post("/nhsa/3101", {})
        product.post("/v1/commit", document([line(BED)]))
        product.post("/nhsa/3103", {"warns": {"warn_rslt_id": "x", "dspo_way": "2"}})
        assert {name: product.metric(name) - value for name, value in before.items()} == names

    def test_metrics_of_hints_and_gaps(self, product):
        names = [
            'precheck_hints_total{rule="GZ10000301004000"}',
            'precheck_not_evaluated_total{reason="no_item_code"}',
        ]
        before = [product.metric(name) for name in names]
        product.check(message([order(WOMEN_DRUG), order(("", "院内合剂"))], patient={"gend": "9"}))
        assert [product.metric(name) for name in names] == [value + 1 for value in before]

    def test_gauges(self, product):
        content = document([line(BED)])
        product.post("/v1/commit", content)
        hits = product.metric("precheck_history_cache_hits")
        check(product, content)
        assert product.metric("precheck_history_cache_hits") == hits + 1
        assert product.metric("precheck_history_cache_bytes") >= 1
        assert product.metric("precheck_calls_in_flight") == 0
