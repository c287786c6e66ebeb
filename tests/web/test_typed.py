"""The typed entrance on a running server: the same facts by Check, by our JSON and by the national message."""

import contextlib
import json

import grpc
import pytest
from precheck.v1 import check_pb2, check_pb2_grpc, facts_pb2

from client_shim.client import ClientError, Encoding
from server.entrance.typed import document_of, filled
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
    encounter,
    message,
    new_patient,
    order,
    settlement,
)
from tests.web.product import PATIENCE_S
from tests.web.test_own_json import check, document, line


@pytest.fixture(scope="module")
def stub(product):
    with contextlib.closing(grpc.insecure_channel(product.grpc)) as channel:
        yield check_pb2_grpc.PrecheckStub(channel)


def facts_of(content):
    return filled(facts_pb2.Facts(), content)


def ask(stub, content, **fields):
    return stub.Check(check_pb2.CheckRequest(facts=facts_of(content), **fields), timeout=PATIENCE_S)


def refused(call):
    """Return status and text of a call that must be refused."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), caught.value.details()


def shown(response):
    """What a typed answer says, without what changes from call to call."""
    said = check_pb2.CheckResponse()
    said.CopyFrom(response)
    for name in ("check_id", "answered_at"):
        said.ClearField(name)
    return said


def lines_of(finding, key):
    return sorted(place["order_id"] for place in finding[key])


def findings_of_own(answer):
    return sorted(
        (f["rule"], f["row_id"], f["action"], f["message"], lines_of(f, "violating"), lines_of(f, "related"))
        for f in answer["findings"]
    )


def findings_of_national(answer):
    def lines(result, kind):
        return sorted(d["rx_id"] for d in result["judge_result_detail_dtos"] if d["vola_item_type"] == kind)

    return sorted(
        (r["rule_id"], r["ext"]["row_id"], r["ext"]["action"], r["vola_cont"], lines(r, "1"), lines(r, "2"))
        for r in answer["output"]["result"]
    )


PAIRS = {
    "drugs and charges with history": (
        document(
            [
                line(CHILD_DRUG, order_id="A", item_kind="drug"),
                line(SECONDARY_DRUG, order_id="B", item_kind="drug"),
                line(INPATIENT_DRUG, order_id="C", item_kind="drug"),
                line(BED, order_id="D", item_kind="service", quantity="2", price="40"),
                line(HBA1C, order_id="E", item_kind="service", price="60"),
            ],
            visit={"facility_level": "primary", "internet": False},
            history=[{"id": "E0", "lines": [line(HBA1C, order_id="F", price="60", begin="2026-06-25T07:00:00")]}],
        ),
        message(
            [
                order(CHILD_DRUG, rx_id="A"),
                order(SECONDARY_DRUG, rx_id="B"),
                order(INPATIENT_DRUG, rx_id="C"),
                order(BED, rx_id="D", cnt="2", pric="40", sumamt="80"),
                order(HBA1C, rx_id="E", pric="60", sumamt="60"),
            ],
            visit={"medins_lv": "08", "ext": {"internet": False}},
            past=[
                encounter(
                    [order(HBA1C, rx_id="F", pric="60", drord_begn_date="2026-06-25 07:00:00", curr_drord_flag="0")],
                    mdtrt_id="E0",
                )
            ],
        ),
        5,
    ),
    "unknown facts": (
        document(
            [line(WOMEN_DRUG, order_id="A"), line(CHILD_DRUG, order_id="B")],
            patient={"sex": None, "birth_date": None},
        ),
        message(
            [order(WOMEN_DRUG, rx_id="A"), order(CHILD_DRUG, rx_id="B")],
            patient={"gend": "9", "brdy": ""},
        ),
        0,
    ),
    "what blocks": (
        document([line(NARCOTIC, order_id="A")], visit={"internet": True}),
        message([order(NARCOTIC, rx_id="A")], visit={"ext": {"internet": True}}),
        1,
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_same_facts_by_every_entrance(product, stub, name):
    own, national, findings = PAIRS[name]
    by_json, by_message, by_type = check(product, own), product.check(national), ask(stub, own)
    assert shown(by_type) == shown(filled(check_pb2.CheckResponse(), by_json)), "typed and JSON say the very same"
    assert len(by_json["findings"]) == findings
    assert findings_of_own(by_json) == findings_of_national(by_message)
    ext = by_message["output"]["ext"]
    assert (by_json["verdict"], by_json["completeness"]) == (ext["verdict"], ext["completeness"])
    assert [hint["row_id"] for hint in by_json["hints"]] == [hint["row_id"] for hint in ext["hints"]]


STATED_WHERE_TRUE = {".stale"}
"""What an answer of our own JSON leaves out where it does not hold."""


def keys_without_a_field(values, descriptor, path=""):
    """The keys of a JSON answer that a message has no field for, and its fields that the answer has no key for."""
    for name in set(values) ^ set(descriptor.fields_by_name):
        if name in values or f"{path}.{name}" not in STATED_WHERE_TRUE:
            yield f"{path}.{name}"
    for name, value in values.items():
        inner = descriptor.fields_by_name[name].message_type if name in descriptor.fields_by_name else None
        if inner is not None:
            for item in value if isinstance(value, list) else [value]:
                if item is not None:
                    yield from keys_without_a_field(item, inner, f"{path}.{name}")


def test_the_answer_is_typed_whole(product):
    content = document(
        [line(CHILD_DRUG, order_id="A"), line(WOMEN_DRUG, order_id="B"), line(("", "院内合剂"), order_id="C")],
        patient={"sex": None},
    )
    answer = check(product, content)
    assert answer["findings"]
    assert answer["hints"]
    assert answer["not_evaluated"]
    assert list(keys_without_a_field(answer, check_pb2.CheckResponse.DESCRIPTOR)) == []


def test_a_finding_is_all_there(stub):
    content = document([line(CHILD_DRUG, quantity="2", price="11.50")])
    answer = ask(stub, content)
    assert (answer.verdict, answer.completeness) == (check_pb2.VERDICT_WARN, check_pb2.COMPLETENESS_COMPLETE)
    assert answer.message_id == "m1"
    assert len(answer.check_id) == 26
    (finding,) = answer.findings
    assert finding.rule == CHILD_ONLY
    assert finding.amount == "23.00"
    assert [(place.order_id, place.position) for place in finding.violating] == [("L1", 1)]
    assert finding.citation
    assert finding.remedies
    assert finding.override.allowed
    assert answer.display.findings[0].finding_ids == [finding.finding_id]


def test_the_decision_is_recorded_as_a_document_that_gives_the_same_answer(product, stub):
    content = document([line(CHILD_DRUG)])
    answer = ask(stub, content, station_id="S7", request_id=f"typed-{content['patient']['id']}")
    query = "SELECT document, format, encoding, station_id, patient_id FROM decision WHERE check_id = ?"
    ((recorded, *rest),) = product.rows(query, answer.check_id)
    assert rest == ["precheck", "utf-8", "S7", content["patient"]["id"]]
    assert recorded == document_of(facts_of(content))
    replayed = check(product, json.loads(recorded))
    assert shown(filled(check_pb2.CheckResponse(), replayed)) == shown(answer)


def test_a_repeated_request_id_is_answered_with_the_recorded_decision(stub):
    content = document([line(CHILD_DRUG)])
    request_id = f"typed-{content['patient']['id']}"
    first = ask(stub, content, request_id=request_id)
    assert ask(stub, content, request_id=request_id) == first
    content["encounter"]["lines"][0]["quantity"] = "3"
    code, text = refused(lambda: ask(stub, content, request_id=request_id))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "request_id" in text


def test_the_profile_is_the_one_that_is_named(stub):
    content = document([line(CHILD_DRUG)])
    assert ask(stub, content, profile="one_digit").findings
    code, text = refused(lambda: ask(stub, content, profile="nowhere"))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "nowhere" in text


def changed(**fields):
    content = document([line(CHILD_DRUG)])
    for path, value in fields.items():
        holder = content
        *parts, last = path.split("__")
        for part in parts:
            holder = holder[int(part)] if part.isdigit() else holder[part]
        holder[last] = value
    return content


@pytest.mark.parametrize(
    ("content", "field", "value"),
    [
        (changed(encounter__lines__0__quantity="many"), "encounter.lines[0].quantity", "many"),
        (changed(encounter__lines__0__dose="-5"), "encounter.lines[0].dose", "-5"),
        (changed(encounter__lines__0__days=-1), "encounter.lines[0].days", "-1"),
        (changed(encounter__lines__0__begin="soon"), "encounter.lines[0].begin", "soon"),
        (changed(encounter__lines__0__begin="2026-07-08T09:00:00+08:00"), "encounter.lines[0].begin", "+08:00"),
        (changed(encounter__lines__0__item_name="x" * 501), "encounter.lines[0].item_name", "xxx"),
        (changed(patient__birth_date="1981-13-01"), "patient.birth_date", "1981-13-01"),
        (changed(patient__weight_kg="0"), "patient.weight_kg", "0"),
        (changed(patient__deceased="0001-01-01T00:00:00"), "patient.deceased", "0001"),
        (changed(patient__observations=[{"value": "1e13"}]), "patient.observations[0].value", "1E+13"),
        (changed(patient__flags=["x"] * 1_001), "patient.flags", "1001 entries, at most 1000"),
        (changed(encounter__counters=[{"subject_id": "1"}]), "encounter.counters[0]", "subject"),
        (changed(encounter__attestations=[{"by": "1"}]), "encounter.attestations[0]", "kind"),
        (changed(practitioners=[{"name": "甲"}]), "practitioners[0]", "id"),
        (changed(visits=[{"begin": "2026-07-08T09:00:00"}]), "visits[0]", "id"),
    ],
)
def test_what_is_wrong_is_named_with_its_value(product, stub, content, field, value):
    """By the typed entrance as by our JSON."""
    code, text = refused(lambda: ask(stub, content))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert field in text
    assert value in text
    status, answer = product.post("/v1/check", content)
    assert (status, answer["error"]) == (400, text)


def test_a_number_that_is_no_word(stub):
    facts = facts_of(document([line(CHILD_DRUG)]))
    facts.patient.sex = 9
    code, text = refused(lambda: stub.Check(check_pb2.CheckRequest(facts=facts), timeout=PATIENCE_S))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "patient.sex" in text
    assert "9" in text


def test_no_facts_are_nothing_checked(stub):
    answer = stub.Check(check_pb2.CheckRequest(), timeout=PATIENCE_S)
    assert answer.completeness == check_pb2.COMPLETENESS_NONE
    assert "no_current_line" in [gap.reason for gap in answer.not_evaluated]


class TestCommit:
    def commit(self, stub, content, **fields):
        return stub.Commit(check_pb2.CommitRequest(facts=facts_of(content), **fields), timeout=PATIENCE_S)

    def test_typed_facts_are_committed(self, stub):
        content = document([line(BED)])
        change = self.commit(stub, content)
        assert change.committed_lines == 1
        assert self.commit(stub, content) == check_pb2.CommitResponse(history_position=change.history_position)
        content["encounter"]["lines"][0]["order_id"] = "L2"
        answer = ask(stub, content)
        assert [finding.rule for finding in answer.findings] == [PER_DAY]
        assert answer.history_position == change.history_position
        assert answer.history_changed_at <= answer.answered_at
        assert answer.history_changed_at

    def test_not_both(self, stub):
        content = document([line(BED)])
        for fields in ({"document": b"{}"}, {"format": check_pb2.DOCUMENT_FORMAT_PRECHECK_JSON}):
            code, text = refused(lambda fields=fields: self.commit(stub, content, **fields))
            assert code == grpc.StatusCode.INVALID_ARGUMENT
            assert "either" in text


class TestRecentHistory:
    def recent(self, stub, patient, **fields):
        request = check_pb2.RecentHistoryRequest(patient_id=patient, **fields)
        return stub.RecentHistory(request, timeout=PATIENCE_S)

    def committed(self, product, days=3):
        """Commit one encounter a day, the newest first; return the patient."""
        patient = new_patient()
        for day in range(days, 0, -1):
            begin = f"2026-07-{day:02d} 09:00:00"
            visit = {
                "mdtrt_id": f"E{day}",
                "adm_date": begin,
                "ext": {"planned": True},
                "fsi_diagnose_dtos": {"dise_codg": "I10", "dise_name": "高血压", "maindise_flag": "1"},
            }
            lines = [
                order(BED, rx_id=f"A{day}", drord_begn_date=begin),
                order(CHILD_DRUG, rx_id=f"B{day}", drord_begn_date="_"),
            ]
            sent = message(lines, patient={"patn_id": patient, "curr_mdtrt_id": f"E{day}"}, visit=visit)
            product.check(settlement(sent))
        return patient

    def test_the_newest_first_with_visits_position_and_age(self, product, stub):
        patient = self.committed(product)
        recent = self.recent(stub, patient)
        assert [told.line.order_id for told in recent.lines][-3:] == ["A3", "A2", "A1"]
        assert {told.line.order_id for told in recent.lines if told.begin_is_the_messages} == {"B1", "B2", "B3"}
        told = recent.lines[-1]
        assert (told.encounter_id, told.facility_id, told.line.item_code) == ("E1", "H00000000009", BED[0])
        assert (told.line.begin, told.line.quantity) == ("2026-07-01T09:00:00", "1")
        assert [visit.id for visit in recent.visits] == ["E3", "E2", "E1"]
        assert recent.visits[0].diagnoses[0].code == "I10"
        assert recent.visits[0].planned
        assert (recent.lines_total, recent.visits_total) == (6, 3)
        ((position, recorded_at),) = product.rows(
            "SELECT position, recorded_at FROM event WHERE patient_id = ? ORDER BY position DESC LIMIT 1", patient
        )
        assert (recent.history_position, recent.changed_at) == (position, recorded_at)
        assert 0 <= recent.age_seconds <= PATIENCE_S

    def test_what_is_told_is_what_a_check_may_be_told(self, product, stub):
        """Its visits and lines may be stated in a request: nothing of them is refused, and each counts once."""
        patient = self.committed(product)
        recent = self.recent(stub, patient)
        content = document(
            [line(BED, order_id="new", begin="2026-07-03T10:00:00")],
            patient={"id": patient},
            visit={"facility_id": "H00000000009"},
        )
        before = ask(stub, content)
        facts = facts_of(content)
        facts.visits.extend(recent.visits)
        for told in recent.lines:
            if not told.begin_is_the_messages:
                facts.history.add(id=told.encounter_id, facility_id=told.facility_id, lines=[told.line])
        after = stub.Check(check_pb2.CheckRequest(facts=facts), timeout=PATIENCE_S)
        assert [finding.rule for finding in before.findings] == [PER_DAY]
        assert [(f.rule, f.message, f.amount) for f in after.findings] == [
            (f.rule, f.message, f.amount) for f in before.findings
        ]

    def test_since_and_limit(self, product, stub):
        patient = self.committed(product)
        recent = self.recent(stub, patient, since="2026-07-02", limit=1)
        assert (len(recent.lines), recent.lines_total) == (1, 5)
        assert ([visit.id for visit in recent.visits], recent.visits_total) == (["E3"], 2)
        by_time = self.recent(stub, patient, since="2026-07-02T09:00:01")
        assert [visit.id for visit in by_time.visits] == ["E3"]

    def test_a_patient_without_a_history(self, stub):
        recent = self.recent(stub, new_patient())
        assert recent == check_pb2.RecentHistoryResponse()
        assert not recent.HasField("age_seconds")

    def test_a_void_takes_lines_and_visit_back(self, product, stub):
        patient = self.committed(product, days=2)
        request = check_pb2.VoidRequest(patient_id=patient, encounter_id="E2")
        stub.Void(request, timeout=PATIENCE_S)
        recent = self.recent(stub, patient)
        assert [visit.id for visit in recent.visits] == ["E1"]
        assert {told.encounter_id for told in recent.lines} == {"E1"}

    def test_as_a_document_it_says_the_same(self, product, stub):
        patient = self.committed(product)
        told = self.recent(stub, patient, since="2026-07-02", limit=2)
        for encoding, codec in ((0, "utf-8"), (1, "utf-8"), (2, "gb18030")):
            request = check_pb2.RecentHistoryDocumentRequest(
                patient_id=patient, since="2026-07-02", limit=2, encoding=encoding
            )
            answer = stub.RecentHistoryDocument(request, timeout=PATIENCE_S).answer
            values = json.loads(answer.decode(codec))
            assert values.pop("age_seconds") <= PATIENCE_S
            told.ClearField("age_seconds")
            assert filled(check_pb2.RecentHistoryResponse(), values) == told
            assert values["lines"][0]["line"]["item_name"] == told.lines[0].line.item_name

    def test_a_document_about_a_patient_without_a_history(self, stub):
        request = check_pb2.RecentHistoryDocumentRequest(patient_id=new_patient())
        answer = json.loads(stub.RecentHistoryDocument(request, timeout=PATIENCE_S).answer)
        assert answer == {"lines": [], "visits": [], "lines_total": 0, "visits_total": 0, "history_position": 0}

    def test_a_document_through_the_c_client(self, product):
        patient = self.committed(product)
        with product.client() as client:
            answer = json.loads(client.recent_history(patient, encoding=Encoding.UTF_16).decode("utf-16"))
            assert (answer["lines_total"], answer["visits_total"]) == (6, 3)
            with pytest.raises(ClientError, match=r"PCK_E_REJECTED: .*soon"):
                client.recent_history(patient, since="soon")
            with pytest.raises(ClientError, match="PCK_E_UNSUPPORTED"):
                client.review_status("01ARZ3NDEKTSV4RRFFQ69G5FAV")

    @pytest.mark.parametrize(
        ("fields", "named"),
        [({"patient_id": ""}, "patient_id"), ({"since": "soon"}, "soon"), ({"limit": 1_001}, "1001")],
    )
    def test_what_is_wrong_is_named(self, stub, fields, named):
        request = check_pb2.RecentHistoryRequest(**{"patient_id": "P1", **fields})
        code, text = refused(lambda: stub.RecentHistory(request, timeout=PATIENCE_S))
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert named in text
        document = check_pb2.RecentHistoryDocumentRequest(**{"patient_id": "P1", **fields})
        code, text = refused(lambda: stub.RecentHistoryDocument(document, timeout=PATIENCE_S))
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert named in text

    def test_an_unknown_encoding_is_named(self, stub):
        request = check_pb2.RecentHistoryDocumentRequest(patient_id="P1", encoding=3)
        code, text = refused(lambda: stub.RecentHistoryDocument(request, timeout=PATIENCE_S))
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert "encoding" in text


def test_what_cannot_be_a_document_is_too_large(stub):
    """As JSON the same facts are larger than as protobuf: the limit is that of documents."""
    facts = facts_of(document([line(CHILD_DRUG)]))
    for _ in range(20_000):
        facts.history.add(id="E0", lines=[facts_pb2.Line(item_name="x" * 500, local_name='"' * 400)])
    assert facts.ByteSize() < 24 * 2**20
    code, text = refused(lambda: stub.Check(check_pb2.CheckRequest(facts=facts), timeout=PATIENCE_S))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "larger than" in text
