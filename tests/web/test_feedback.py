"""3103, and our JSON: what the doctor did about findings, joined to the decision."""

import json

import pytest

from client_shim import Format
from client_shim.client import ClientError
from tests.web.messages import CHILD_DRUG, WOMEN_DRUG, encoded, ext_of, message, order


def finding(product):
    """Return (check_id, jr_id) of a new decision with one finding."""
    answer = product.check(message([order(CHILD_DRUG)]))
    (result,) = answer["output"]["result"]
    return ext_of(answer)["check_id"], result["jr_id"]


def feedback(*warns, **head):
    return {"infno": "3103", "msgid": "M7", **head, "input": {"data": {"warn_type": "1", "warns": list(warns)}}}


def warn(finding_id, way, reason=None):
    entry = {"warn_rslt_id": finding_id, "dspo_way": way}
    return entry if reason is None else {**entry, "dspo_way_rea": reason}


def recorded(product, finding_id):
    query = "SELECT check_id, disposition, reason, station_id FROM feedback WHERE finding_id = ? ORDER BY id"
    return product.rows(query, finding_id)


def test_continued_with_a_reason(product):
    check_id, finding_id = finding(product)
    status, answer = product.post("/nhsa/3103", feedback(warn(finding_id, "1", "病情需要")), {"Precheck-Station": "S1"})
    assert status == 200
    assert (answer["infcode"], answer["inf_refmsgid"]) == (0, "M7")
    assert ext_of(answer) == {"recorded": 1, "unmatched": []}
    assert recorded(product, finding_id) == [(check_id, "continued", "病情需要", "S1")]


@pytest.mark.parametrize("way", ["2", 2])
def test_went_back_needs_no_reason(product, way):
    check_id, finding_id = finding(product)
    status, _ = product.post("/nhsa/3103", feedback(warn(finding_id, way)))
    assert status == 200
    assert recorded(product, finding_id) == [(check_id, "went_back", "", "")]


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_continued_without_a_reason_is_refused(product, reason):
    _, finding_id = finding(product)
    status, answer = product.post("/nhsa/3103", feedback(warn(finding_id, "1", reason)))
    assert (status, answer["infcode"]) == (400, -1)
    assert "dspo_way_rea" in answer["err_msg"]
    assert recorded(product, finding_id) == []


def test_one_bad_entry_keeps_all_from_being_recorded(product):
    _, first = finding(product)
    _, second = finding(product)
    status, answer = product.post("/nhsa/3103", feedback(warn(first, "2"), warn(second, "1", "")))
    assert status == 400
    assert "warns[1].dspo_way_rea" in answer["err_msg"]
    assert recorded(product, first) == recorded(product, second) == []


def test_an_unknown_finding_is_recorded_and_said(product):
    _, known = finding(product)
    status, answer = product.post("/nhsa/3103", feedback(warn("never-given-out", "2"), warn(known, "2")))
    assert status == 200
    assert ext_of(answer) == {"recorded": 2, "unmatched": ["never-given-out"]}
    assert recorded(product, "never-given-out")[-1][0] == ""


def test_it_is_joined_to_the_latest_decision_with_the_finding(product):
    """The message is sent again: the same jr_id, a decision of its own."""
    document = message([order(CHILD_DRUG)])
    first, second = product.check(document), product.check(document)
    finding_id = first["output"]["result"][0]["jr_id"]
    assert finding_id == second["output"]["result"][0]["jr_id"]
    product.post("/nhsa/3103", feedback(warn(finding_id, "2")))
    assert [row[0] for row in recorded(product, finding_id)] == [ext_of(second)["check_id"]]


def test_a_change_of_mind_is_appended(product):
    _, finding_id = finding(product)
    product.post("/nhsa/3103", feedback(warn(finding_id, "2")))
    product.post("/nhsa/3103", feedback(warn(finding_id, "1", "仍需使用")))
    assert [row[1] for row in recorded(product, finding_id)] == ["went_back", "continued"]


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"infno": "3103"}, "warns"),
        ({"infno": "3103", "input": {"data": {"warn_type": "1"}}}, "warns"),
        (feedback(), "warns"),
        (feedback("text"), "warns[0]"),
        (feedback(warn("", "2")), "warns[0].warn_rslt_id"),
        (feedback({"dspo_way": "2"}), "warns[0].warn_rslt_id"),
        (feedback(warn({}, "2")), "warns[0].warn_rslt_id"),
        (feedback(warn("x", "3")), "warns[0].dspo_way"),
        (feedback(warn("x", "")), "warns[0].dspo_way"),
        (feedback(warn("x", "1", "长" * 501)), "dspo_way_rea"),
        (feedback(*[warn("x", "2")] * 1_001), "warns"),
        ([], "document"),
    ],
)
def test_what_is_wrong_is_named(product, document, field):
    before = product.rows("SELECT count(*) FROM feedback")
    status, answer = product.post("/nhsa/3103", document)
    assert (status, answer["infcode"]) == (400, -1)
    assert field in answer["err_msg"]
    assert product.rows("SELECT count(*) FROM feedback") == before


def test_without_an_envelope_and_in_gbk(product):
    check_id, finding_id = finding(product)
    body = encoded({"warn_type": 2, "warns": [warn(finding_id, 1, "病情需要")]}, "gbk")
    status, headers, content = product.post_bytes("/nhsa/3103", body)
    assert status == 200
    assert headers["content-type"].endswith("charset=GBK")
    assert ext_of(json.loads(content.decode("gbk")))["recorded"] == 1
    assert recorded(product, finding_id) == [(check_id, "continued", "病情需要", "")]


def test_over_the_c_library(product):
    check_id, finding_id = finding(product)
    with product.client(station_id="S2") as client:
        receipt = client.feedback(encoded(feedback(warn(finding_id, "1", "病情需要"), warn("unknown-id", "2"))))
        assert (receipt.recorded, receipt.unmatched) == (2, 1)
        assert ext_of(json.loads(receipt.answer))["unmatched"] == ["unknown-id"]
        with pytest.raises(ClientError, match="dspo_way_rea"):
            client.feedback(encoded(feedback(warn(finding_id, "1"))))
    assert recorded(product, finding_id) == [(check_id, "continued", "病情需要", "S2")]


class TestOurJson:
    def test_every_finding_of_a_decision(self, product):
        answer = product.check(message([order(CHILD_DRUG), order(WOMEN_DRUG)]))
        ids = [result["jr_id"] for result in answer["output"]["result"]]
        entries = [
            {"finding_id": ids[0], "disposition": "continued", "reason": "病情需要"},
            {"finding_id": ids[1], "disposition": "went_back", "reason": ""},
        ]
        status, reply = product.post("/v1/feedback", {"feedback": entries})
        assert (status, reply) == (200, {"recorded": 2, "unmatched": []})
        check_id = ext_of(answer)["check_id"]
        assert recorded(product, ids[0]) == [(check_id, "continued", "病情需要", "")]
        assert recorded(product, ids[1]) == [(check_id, "went_back", "", "")]

    @pytest.mark.parametrize(
        ("document", "field"),
        [
            ({}, "feedback"),
            ({"feedback": []}, "feedback"),
            ({"feedback": [{"finding_id": "x", "disposition": "ignored", "reason": ""}]}, "disposition"),
            ({"feedback": [{"finding_id": "x", "disposition": "continued", "reason": ""}]}, "feedback[0].reason"),
            ({"feedback": [{"finding_id": "x", "disposition": "went_back", "reason": "x" * 501}]}, "reason"),
            ({"feedback": [{"disposition": "went_back", "reason": ""}]}, "finding_id"),
            ({"feedback": [], "more": 1}, "more"),
        ],
    )
    def test_what_is_wrong_is_named(self, product, document, field):
        status, answer = product.post("/v1/feedback", document)
        assert status == 400
        assert field in answer["error"]

    def test_over_the_c_library(self, product):
        check_id, finding_id = finding(product)
        entry = {"finding_id": finding_id, "disposition": "went_back", "reason": ""}
        with product.client() as client:
            receipt = client.feedback(encoded({"feedback": [entry]}), format=Format.PRECHECK_JSON)
        assert (receipt.recorded, receipt.unmatched) == (1, 0)
        assert recorded(product, finding_id) == [(check_id, "went_back", "", "")]
