"""What no message may do: hang the server, end it, or be answered with anything but a clear error."""

import copy
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from precheck.v1 import check_pb2, check_pb2_grpc

from client_shim import Encoding, Format
from client_shim.client import ClientError
from tests.web.messages import (
    BED,
    CHILD_DRUG,
    CHILD_ONLY,
    COURSE_DRUG,
    PER_DAY,
    data_of,
    encoded,
    encounter,
    ext_of,
    message,
    order,
    orders_of,
    patient_of,
    rules,
    visit_of,
)
from tests.web.product import ROOT

MEBIBYTE = 1024 * 1024


def good():
    return message([order(CHILD_DRUG)])


def set_at(document, path, value):
    """Return a copy of a message with one value replaced; the path is dotted, numbers are places in lists."""
    copied = copy.deepcopy(document)
    holder = copied
    *way, last = [int(name) if name.isdigit() else name for name in path.split(".")]
    for name in way:
        holder = holder[name]
    holder[last] = value
    return copied


DATA = "input.data"
PATIENT = f"{DATA}.patient_dtos"
VISIT = f"{PATIENT}.fsi_encounter_dtos.0"
LINE = f"{VISIT}.fsi_order_dtos.0"


def is_refused(product, body, field, *, status=400, path="/nhsa/3101", headers=None):
    """Say that a body is refused by name, and that the next good message is answered."""
    got, _, content = product.post_bytes(path, body, headers)
    answer = json.loads(content)
    assert got == status, answer
    assert answer["infcode"] == -1
    assert answer["output"] == {"result": [], "ext": {"completeness": "NONE"}}
    assert field in answer["err_msg"], answer["err_msg"]
    assert rules(product.check(good())) == [CHILD_ONLY]
    return answer["err_msg"]


WRONG_TYPES = [
    ("input", 5, "patient_dtos"),
    ("input", "text", "patient_dtos"),
    ("input.data", [], "patient_dtos"),
    (PATIENT, 5, "input.data.patient_dtos"),
    (PATIENT, "text", "input.data.patient_dtos"),
    (PATIENT, "", "input.data.patient_dtos"),
    (PATIENT, [7], "input.data.patient_dtos[0]"),
    (PATIENT, True, "input.data.patient_dtos"),
    (f"{PATIENT}.patn_id", {}, "patn_id"),
    (f"{PATIENT}.patn_id", ["P"], "patn_id"),
    (f"{PATIENT}.patn_id", "x" * 501, "patn_id"),
    (f"{PATIENT}.gend", {}, "gend"),
    (f"{PATIENT}.gend", [], "gend"),
    (f"{PATIENT}.gend", True, "gend"),
    (f"{PATIENT}.gend", 1.5, "gend"),
    (f"{PATIENT}.brdy", "2026-13-45", "brdy"),
    (f"{PATIENT}.brdy", "yesterday", "brdy"),
    (f"{PATIENT}.brdy", {}, "brdy"),
    (f"{PATIENT}.brdy", False, "brdy"),
    (f"{PATIENT}.brdy", 10**15, "brdy"),
    (f"{PATIENT}.brdy", "20261345", "brdy"),
    (f"{PATIENT}.curr_mdtrt_id", [], "curr_mdtrt_id"),
    (f"{PATIENT}.fsi_encounter_dtos", 5, "fsi_encounter_dtos"),
    (f"{PATIENT}.fsi_encounter_dtos", "text", "fsi_encounter_dtos"),
    (f"{PATIENT}.fsi_encounter_dtos", ["E1"], "fsi_encounter_dtos[0]"),
    (f"{PATIENT}.fsi_his_data_dto", 5, "fsi_his_data_dto"),
    (f"{PATIENT}.ext", 5, "ext"),
    (f"{PATIENT}.ext", {"weight_kg": "heavy"}, "ext.weight_kg"),
    (f"{VISIT}.mdtrt_id", {}, "mdtrt_id"),
    (f"{VISIT}.medins_lv", {}, "medins_lv"),
    (f"{VISIT}.med_type", [], "med_type"),
    (f"{VISIT}.med_mdtrt_type", {}, "med_mdtrt_type"),
    (f"{VISIT}.insutype", [1], "insutype"),
    (f"{VISIT}.adm_date", "soon", "adm_date"),
    (f"{VISIT}.ext", {"internet": "perhaps"}, "ext.internet"),
    (f"{VISIT}.ext", [], "ext"),
    (f"{VISIT}.fsi_diagnose_dtos", 7, "fsi_diagnose_dtos"),
    (f"{VISIT}.fsi_diagnose_dtos", ["J06"], "fsi_diagnose_dtos[0]"),
    (f"{VISIT}.fsi_operation_dtos", "none", "fsi_operation_dtos"),
    (f"{VISIT}.fsi_order_dtos", 7, "fsi_order_dtos"),
    (f"{VISIT}.fsi_order_dtos", "text", "fsi_order_dtos"),
    (f"{VISIT}.fsi_order_dtos", [[]], "fsi_order_dtos[0]"),
    (LINE, "text", "fsi_order_dtos[0]"),
    (f"{LINE}.cnt", "abc", "fsi_order_dtos[0].cnt"),
    (f"{LINE}.cnt", {}, "cnt"),
    (f"{LINE}.cnt", True, "cnt"),
    (f"{LINE}.cnt", "1e400", "cnt"),
    (f"{LINE}.cnt", "NaN", "cnt"),
    (f"{LINE}.cnt", "Infinity", "cnt"),
    (f"{LINE}.cnt", 10**30, "cnt"),
    (f"{LINE}.cnt", "9" * 5000, "cnt"),
    (f"{LINE}.pric", "12,50", "pric"),
    (f"{LINE}.sumamt", [1], "sumamt"),
    (f"{LINE}.drord_begn_date", "2026-02-30", "fsi_order_dtos[0].drord_begn_date"),
    (f"{LINE}.drord_begn_date", "2026-07-08 25:00:00", "drord_begn_date"),
    (f"{LINE}.drord_begn_date", {}, "drord_begn_date"),
    (f"{LINE}.drord_stop_date", "never", "drord_stop_date"),
    (f"{LINE}.curr_drord_flag", {}, "curr_drord_flag"),
    (f"{LINE}.curr_drord_flag", [1], "curr_drord_flag"),
    (f"{LINE}.long_drord_flag", {}, "long_drord_flag"),
    (f"{LINE}.hilist_code", {}, "hilist_code"),
    (f"{LINE}.hilist_code", "X" * 501, "hilist_code"),
    (f"{LINE}.hilist_name", ["name"], "hilist_name"),
    (f"{LINE}.hilist_type", {}, "hilist_type"),
    (f"{LINE}.rx_id", {}, "rx_id"),
    (f"{LINE}.rxno", [], "rxno"),
    (f"{LINE}.ext", "text", "ext"),
    (f"{LINE}.ext", {"days": "many"}, "ext.days"),
    (f"{LINE}.ext", {"days": -1}, "ext.days"),
    (f"{LINE}.ext", {"days": 1e9}, "ext.days"),
    (f"{LINE}.ext", {"self_pay": "perhaps"}, "ext.self_pay"),
    (f"{DATA}.rule_ids", 5, "rule_ids"),
    (f"{DATA}.trig_scen", [1, 2], "trig_scen"),
    (f"{DATA}.trig_scen", 1.5, "trig_scen"),
    ("inf_time", "noon", "inf_time"),
    ("inf_time", {}, "inf_time"),
    ("msgid", ["x"], "msgid"),
    ("fixmedins_code", [], "fixmedins_code"),
]


@pytest.mark.parametrize(("path", "value", "field"), WRONG_TYPES)
def test_a_wrong_value_is_named(product, path, value, field):
    text = is_refused(product, encoded(set_at(good(), path, value)), field)
    assert "missing" in text or "(value: " in text


NOT_JSON = {
    "empty": (b"", "document"),
    "blank": (b" \n ", "document"),
    "null": (b"null", "document"),
    "number": (b"7", "document"),
    "text": (b'"3101"', "document"),
    "list": (b"[]", "document"),
    "empty object": (b"{}", "input.data.patient_dtos"),
    "xml": ("<data>甲</data>".encode(), "document"),
    "bytes of no encoding": (b"\xff\xfe\x80\xff", "document"),
    "broken gbk": ('{"infno": "甲'.encode("gbk")[:-1], "document"),
    "utf-16": ('{"infno": "3101"}'.encode("utf-16"), "document"),
    "NaN": (b'{"input": {"cnt": NaN}}', "cnt"),
    "NaN for the patient": (b'{"patient_dtos": NaN}', "patient_dtos"),
    "NaN before a raw line break": (b'{"cnt": NaN, "msgid": "a\nb"}', "cnt"),
    "Infinity": (b'{"input": {"cnt": -Infinity}}', "cnt"),
    "single quotes": (b"{'infno': '3101'}", "document"),
    "trailing comma": (b'{"infno": "3101",}', "infno"),
    "two documents": (b'{"infno": "3101"}{}', "infno"),
    "deep lists": (b'{"input": ' + b"[" * 100_000, "input"),
    "deep objects": (b'{"input": ' * 50_000 + b"1" + b"}" * 50_000, "input"),
    "raw control character": (b'{"infno": "3101", "msgid": "a\x01b"}', "msgid"),
    "raw NUL": (b'{"infno": "3101", "msgid": "a\x00b"}', "msgid"),
    "raw line break in a text": (b'{"infno": "3101", "msgid": "a\nb"}', "msgid"),
    "lone surrogate": (b'{"infno": "3101", "msgid": "\\ud800"}', "msgid"),
    "surrogate in utf-8": (b'{"infno": "3101", "msgid": "\xed\xa0\x80"}', "document"),
    "number with a leading zero": (b'{"infno": "3101", "cnt": 012}', "cnt"),
}


@pytest.mark.parametrize("kind", NOT_JSON)
def test_what_is_no_message(product, kind):
    body, field = NOT_JSON[kind]
    is_refused(product, body, field)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("NaN for the patient", "not valid JSON"),
        ("NaN before a raw line break", "not valid JSON"),
        ("Infinity", "not valid JSON"),
        ("lone surrogate", "not valid JSON"),
        ("number with a leading zero", "not valid JSON"),
        ("raw control character", "must be escaped"),
        ("raw NUL", "must be escaped"),
        ("raw line break in a text", "must be escaped"),
    ],
)
def test_control_characters_are_blamed_only_where_one_is_at_fault(product, kind, says):
    body, field = NOT_JSON[kind]
    text = is_refused(product, body, field)
    assert says in text
    assert ("must be escaped" in text) != ("not valid JSON" in text)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_a_truncated_message(product, part, encoding):
    body = encoded(good(), encoding)
    text = is_refused(product, body[: int(len(body) * part)], ":")
    assert "truncated" in text or "not UTF-8" in text or "GB 18030" in text


def test_a_truncated_message_names_where_it_ends(product):
    body = encoded(good())
    text = is_refused(product, body[: body.index(b'"sumamt"') + 10], "sumamt")
    assert "truncated" in text


@pytest.mark.parametrize("character", ["\\u0000", "\\u0001", "\\u001f", "\\u007f", "\\n", "\\t"])
@pytest.mark.parametrize("name", ["patn_id", "hilist_name", "rx_id", "hilist_code"])
def test_an_escaped_control_character(product, character, name):
    holder = {"patn_id": PATIENT}.get(name, LINE)
    body = encoded(set_at(good(), f"{holder}.{name}", "aCONTROLb")).replace(b"CONTROL", character.encode())
    is_refused(product, body, name)


@pytest.mark.parametrize(
    ("charset", "status", "field"), [("latin-1", 415, "charset"), ("utf-16", 415, "charset"), ("", 415, "charset")]
)
def test_an_unknown_charset(product, charset, status, field):
    headers = {"Content-Type": f"application/json; charset={charset}"}
    is_refused(product, encoded(good()), field, status=status, headers=headers)


def test_gbk_under_the_name_of_utf_8(product):
    headers = {"Content-Type": "application/json; charset=utf-8"}
    is_refused(product, encoded(good(), "gbk"), "not UTF-8", headers=headers)


def test_unicode_digits_that_are_no_date(product):
    """Full-width and superscript digits are digits to Python."""
    for value in ("１２３", "²³", "²²²²²²²²", "１２３４５６７８９", "٣٤٥", "9" * 5000):
        is_refused(product, encoded(set_at(good(), f"{PATIENT}.brdy", value)), "brdy")


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00"])
def test_dates_at_the_ends_of_the_calendar_with_an_offset(product, time):
    """Converted to local time they are outside of what a date can be; they mean "none"."""
    status, answer = product.post("/nhsa/3101", set_at(good(), f"{VISIT}.adm_date", time))
    assert (status, rules(answer)) == (200, [CHILD_ONLY])


def test_amounts_too_large_to_multiply(product):
    """Each figure is below the limit; the excess times the price has more digits than a Decimal keeps."""
    orders = [order(BED, cnt="9999999999999", pric="9999999999999", sumamt="") for _ in range(40)]
    status, answer = product.post("/nhsa/3101", message(orders))
    assert status == 200
    assert set(rules(answer)) <= {PER_DAY}
    assert len(rules(answer)) + len(ext_of(answer)["not_evaluated"]) == 40


def test_orders_that_last_centuries(product):
    lasting = {"drord_begn_date": "1850-01-02", "drord_stop_date": "2199-12-30"}
    orders = [order(item, **lasting) for item in (COURSE_DRUG, BED) for _ in range(250)]
    status, answer = product.post("/nhsa/3101", message(orders))
    assert (status, ext_of(answer)["verdict"]) == (200, "PASS")


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("path", ["/nhsa/3101", "/nhsa/3102", "/nhsa/3103"])
def test_25_mebibytes(product, declared, path):
    body = b'{"x": "' + b"a" * (25 * MEBIBYTE) + b'"}'
    if not declared:
        status, _, content = product.request("POST", path, iter([body[:MEBIBYTE]] * 25))
        answer = json.loads(content)
        assert (status, answer["infcode"]) == (413, -1)
        assert "document" in answer["err_msg"]
    else:
        is_refused(product, body, "document", status=413, path=path)


def test_a_large_document_that_is_allowed(product):
    document = set_at(good(), "opter_name", "甲" * (7 * MEBIBYTE))
    assert rules(product.check(document)) == [CHILD_ONLY]


def many(count, flag):
    line = {"rx_id": "R", "hilist_code": BED[0], "curr_drord_flag": flag, "drord_begn_date": "2020-01-01"}
    return [{**line, "rx_id": f"R{number}"} for number in range(count)]


class TestTooManyLines:
    def test_10_000_current_lines(self, product):
        text = is_refused(product, encoded(message(many(10_000, "1"))), "fsi_order_dtos")
        assert "500 current lines" in text

    def test_501_current_lines(self, product):
        assert "500" in is_refused(product, encoded(message(many(501, "1"))), "fsi_order_dtos[500]")

    def test_500_current_lines(self, product):
        answer = product.check(message([order(CHILD_DRUG) for _ in range(500)]))
        assert rules(answer) == [CHILD_ONLY] * 500

    def test_20_001_history_lines(self, product):
        document = message([order(BED)], past=[encounter(many(20_001, "0"), mdtrt_id="E0")])
        assert "20001 history lines, at most 20000" in is_refused(product, encoded(document), "fsi_order_dtos")

    def test_20_000_history_lines(self, product):
        past = [encounter(many(10_000, "0"), mdtrt_id=f"E0{number}") for number in range(2)]
        answer = product.check(message([order(CHILD_DRUG)], past=past))
        assert rules(answer) == [CHILD_ONLY]

    def test_2_001_encounters(self, product):
        past = [{"mdtrt_id": f"V{number}"} for number in range(2_001)]
        is_refused(product, encoded(message([order(BED)], past=past)), "fsi_encounter_dtos")

    def test_1_001_diagnoses(self, product):
        document = message([order(BED)], visit={"fsi_diagnose_dtos": [{"dise_codg": "J06"}] * 1_001})
        is_refused(product, encoded(document), "fsi_diagnose_dtos")


def test_of_doubled_keys_the_last_one_counts(product):
    body = encoded(good()).replace(b'"gend": "1"', b'"gend": {}, "gend": "1"')
    status, _, content = product.post_bytes("/nhsa/3101", body)
    assert (status, rules(json.loads(content))) == (200, [CHILD_ONLY])
    is_refused(product, encoded(good()).replace(b'"gend": "1"', b'"gend": "1", "gend": {}'), "gend")


class TestWhatTravelsAroundTheDocument:
    @pytest.mark.parametrize(
        ("headers", "field"),
        [
            ({"Precheck-Profile": "nowhere"}, "profile"),
            ({"Precheck-Profile": "../default"}, "profile"),
            ({"Precheck-Station": "s" * 65}, "station_id"),
            ({"Precheck-Request-Id": "r" * 65}, "request_id"),
        ],
    )
    def test_it_is_checked_too(self, product, headers, field):
        is_refused(product, encoded(good()), field, headers=headers)

    def test_a_request_id_is_for_one_document(self, product):
        headers = {"Precheck-Request-Id": "used-twice"}
        product.check(good(), headers=headers)
        is_refused(product, encoded(good()), "request_id", headers=headers)

    @pytest.mark.parametrize("path", ["/nhsa/3101", "/nhsa/3102", "/nhsa/3103", "/v1/check"])
    def test_only_post(self, product, path):
        status, _, _ = product.request("GET", path)
        assert status == 405

    def test_unknown_addresses(self, product):
        assert product.request("POST", "/nhsa/3104", b"{}")[0] == 404

    def test_a_client_that_goes_away_in_the_middle(self, product):
        with product.connection() as connection:
            connection.putrequest("POST", "/nhsa/3101")
            connection.putheader("Content-Length", "1000")
            connection.endheaders()
            connection.send(b'{"infno": ')
        assert rules(product.check(good())) == [CHILD_ONLY]


class TestOverTheCLibrary:
    @pytest.mark.parametrize(
        ("document", "field"),
        [
            (encoded(set_at(good(), f"{LINE}.cnt", "abc")), "fsi_order_dtos[0].cnt"),
            (encoded(set_at(good(), f"{PATIENT}.brdy", "2026-13-45")), "brdy"),
            (encoded(good())[:300], "truncated"),
            (b"", "document"),
            (b"[1]", "document"),
            (encoded(message(many(10_000, "1"))), "fsi_order_dtos"),
            (encoded(good(), "gbk"), "UTF-8"),
        ],
    )
    def test_it_is_not_checked_and_the_error_names_the_field(self, product, document, field):
        with product.client() as client:
            answer = client.check(document, format=Format.NHSA_3101)
            assert answer.result < 0
            assert field in answer.error
            assert answer.answer == b""
            after = client.check(encoded(good()), format=Format.NHSA_3101)
        assert (after.result, after.error) == (1, "")

    def test_25_mebibytes(self, product):
        with product.client() as client:
            answer = client.check(b" " * (25 * MEBIBYTE), format=Format.NHSA_3101)
            assert answer.result < 0
            assert answer.error
            assert client.check(encoded(good()), format=Format.NHSA_3101).result == 1

    def test_garbage_in_gbk(self, product):
        with product.client() as client:
            answer = client.check(b"\xff\xff\xff", format=Format.NHSA_3101, encoding=Encoding.GBK)
        assert answer.result < 0
        assert "document" in answer.error

    def test_feedback_is_no_check(self, product):
        with product.client() as client:
            answer = client.check(encoded(good()), format=Format.NHSA_3103)
            assert answer.result < 0
            with pytest.raises(ClientError):
                client.feedback(encoded(good()), format=Format.NHSA_3101)

    def test_an_unknown_profile(self, product):
        with product.client(profile="nowhere") as client:
            answer = client.check(encoded(good()), format=Format.NHSA_3101)
        assert answer.result < 0
        assert "nowhere" in answer.error


class TestOverGrpc:
    @pytest.fixture
    def stub(self, product):
        with grpc.insecure_channel(product.grpc) as channel:
            yield check_pb2_grpc.PrecheckStub(channel)

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({}, "format"),
            ({"format": 99}, "format"),
            ({"format": check_pb2.DOCUMENT_FORMAT_NHSA_3101, "encoding": 99}, "encoding"),
            ({"format": check_pb2.DOCUMENT_FORMAT_NHSA_3103}, "format"),
            ({"format": check_pb2.DOCUMENT_FORMAT_NHSA_3101, "document": b"{"}, "document"),
            ({"format": check_pb2.DOCUMENT_FORMAT_NHSA_3101, "request_id": "r" * 65}, "request_id"),
        ],
    )
    def test_invalid_argument_names_the_field(self, stub, fields, field):
        request = check_pb2.CheckDocumentRequest(**{"document": encoded(good()), **fields})
        with pytest.raises(grpc.RpcError) as caught:
            stub.CheckDocument(request, timeout=30)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert field in caught.value.details()

    def test_a_deadline_that_cannot_be_kept(self, stub):
        request = check_pb2.CheckDocumentRequest(document=encoded(good()), format=check_pb2.DOCUMENT_FORMAT_NHSA_3101)
        with pytest.raises(grpc.RpcError) as caught:
            stub.CheckDocument(request, timeout=0.001)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        assert stub.CheckDocument(request, timeout=30).verdict == check_pb2.VERDICT_WARN

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"encounter_id": "E1"}, "patient_id"),
            ({"patient_id": "P"}, "encounter_id"),
            ({"patient_id": "P", "encounter_id": "E1", "order_ids": ["x"] * 1_001}, "order_ids"),
            ({"patient_id": "P", "encounter_id": "E1", "reason": "x" * 501}, "reason"),
        ],
    )
    def test_a_void_without_what_it_needs(self, stub, fields, field):
        with pytest.raises(grpc.RpcError) as caught:
            stub.Void(check_pb2.VoidRequest(**fields), timeout=30)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert field in caught.value.details()


def test_good_and_bad_at_once(product):
    """Every request gets an answer, and each its own."""
    bad = [body for body, _ in NOT_JSON.values()]
    wrong = [encoded(set_at(good(), path, value)) for path, value, _ in WRONG_TYPES[::4]]
    sent = [(body, 400) for body in (*bad, *wrong)] + [(encoded(good()), 200) for _ in range(60)]
    started = threading.Barrier(8)

    def send(share):
        started.wait(30)
        return [(product.post_bytes("/nhsa/3101", body), expected) for body, expected in share]

    with ThreadPoolExecutor(8) as pool:
        shares = list(pool.map(send, [sent[start::8] for start in range(8)]))
    answers = [pair for share in shares for pair in share]
    assert len(answers) == len(sent)
    for (status, _, content), expected in answers:
        assert status == expected
        assert rules(json.loads(content)) == ([CHILD_ONLY] if expected == 200 else [])


SAMPLE = json.loads((ROOT / "docs" / "samples" / "warn.json").read_bytes())
OWN = {
    "message_id": "m",
    "time": "2026-07-08T09:00:00",
    "patient": {"id": "", "sex": "male", "birth_date": "1981-06-30"},
    "encounter": {
        "id": "E1",
        "facility_level": "tertiary",
        "care_modes": ["outpatient"],
        "lines": [{"order_id": "1", "item_code": CHILD_DRUG[0], "quantity": "1", "price": "10"}],
    },
    "history": [{"id": "E0", "lines": [{"order_id": "2", "item_code": BED[0], "begin": "2026-07-01T00:00:00"}]}],
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**80), max_value=2**80),
    st.floats(),
    st.text(max_size=20),
    st.text(alphabet="0123456789-: +.eT年月日１²", max_size=25),
    st.sampled_from(
        ["", "-", "1", "0", "2026-07-08", "9" * 30, "1e12", [], {}, [[]], [{}], "2026-07-08T00:00:00+08:00"]
    ),
    st.datetimes().map(str),
    st.recursive(
        st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ),
)


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


def mutated(document, data):
    """Drop, replace or double some values of a document."""
    copied = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 4))):
        path = data.draw(st.sampled_from(list(places(copied))))
        if not path:
            continue
        holder = copied
        for key in path[:-1]:
            holder = holder[key]
        match data.draw(st.sampled_from(["drop", "replace", "double"])):
            case "drop":
                del holder[path[-1]]
            case "replace":
                holder[path[-1]] = data.draw(ODD)
            case "double" if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[path[-1]]))
            case "double":
                holder[path[-1]] = [holder[path[-1]]] * 2
    return copied


FUZZ = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def always_answered(product, path, document):
    status, _, content = product.post_bytes(path, json.dumps(document).encode())
    answer = json.loads(content)
    assert status == 200 or 400 <= status < 500, answer
    if status != 200:
        assert answer.get("err_msg") or answer.get("error")
    return status, answer


@FUZZ
@given(data=st.data(), path=st.sampled_from(["/nhsa/3101", "/nhsa/3102", "/nhsa/3103"]))
def test_any_change_of_a_national_message_is_answered(product, data, path):
    status, answer = always_answered(product, path, mutated(SAMPLE, data))
    assert (answer["infcode"] == 0) == (status == 200)
    if status == 200:
        assert ext_of(answer)["completeness"] in ("COMPLETE", "PARTIAL", "NONE")


@FUZZ
@given(data=st.data(), path=st.sampled_from(["/v1/check", "/v1/commit", "/v1/void", "/v1/feedback"]))
def test_any_change_of_our_own_json_is_answered(product, data, path):
    always_answered(product, path, mutated(OWN, data))


def test_the_helpers_change_what_they_say(product):
    """set_at must hit the places that the messages are read from."""
    document = good()
    assert set_at(document, f"{LINE}.cnt", "7")["input"] != document["input"]
    assert orders_of(set_at(document, f"{LINE}.cnt", "7"))[0]["cnt"] == "7"
    assert visit_of(set_at(document, f"{VISIT}.x", 1))["x"] == 1
    assert patient_of(set_at(document, f"{PATIENT}.x", 1))["x"] == 1
    assert data_of(set_at(document, f"{DATA}.x", 1))["x"] == 1
