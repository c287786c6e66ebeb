"""What goes to the server and what comes back."""

import contextlib
import json

import grpc
import pytest
from precheck.v1 import check_pb2_grpc

from client_shim.client import Client, ClientError, Completeness, Encoding, Format, Review, ffi, lib
from tests.abi.servers import grpc_server


def wish(**fields):
    return json.dumps(fields).encode()


@pytest.mark.parametrize("verdict", [0, 1, 2])
@pytest.mark.parametrize("completeness", [1, 2])
def test_a_judged_document_has_its_verdicts_number(client, verdict, completeness):
    answer = client.check(wish(verdict=verdict, completeness=completeness, answer="审核"))
    assert answer.result == verdict
    assert answer.verdict == ("PASS", "WARN", "BLOCK")[verdict]
    assert answer.completeness == completeness
    assert answer.answer.decode() == "审核"
    assert answer.error == client.last_error() == ""


@pytest.mark.parametrize("verdict", [0, 1, 2])
def test_nothing_judged_is_negative_and_the_answer_is_delivered(client, verdict):
    answer = client.check(wish(verdict=verdict, completeness=3, answer="why"))
    assert answer.result == lib.PCK_E_NOT_EVALUATED
    assert answer.verdict is None
    assert not answer.checked
    assert answer.completeness == Completeness.NONE
    assert answer.answer == b"why"
    assert answer.error


def test_a_reply_without_completeness_is_no_pass(client):
    answer = client.check(wish(verdict=0, completeness=0))
    assert answer.result == lib.PCK_E_BAD_REPLY
    assert answer.completeness == Completeness.UNKNOWN


@pytest.mark.parametrize("completeness", [1, 2, 3])
@pytest.mark.parametrize("stale", [False, True])
def test_a_stale_answer_says_so_beside_its_completeness(client, completeness, stale):
    document = wish(verdict=1, completeness=completeness, stale=stale, answer="x")
    answer = client.check(document)
    assert (answer.completeness, answer.stale) == (completeness, stale)
    *_, state = raw_check(client, document, 2)
    assert state == completeness | (lib.PCK_STALE if stale else 0)
    assert state & lib.PCK_COMPLETENESS_MASK == completeness


STATUSES = {
    "CANCELLED": "PCK_E_CANCELLED",
    "UNKNOWN": "PCK_E_SERVER",
    "INVALID_ARGUMENT": "PCK_E_REJECTED",
    "DEADLINE_EXCEEDED": "PCK_E_TIMEOUT",
    "NOT_FOUND": "PCK_E_UNSUPPORTED",
    "ALREADY_EXISTS": "PCK_E_REJECTED",
    "PERMISSION_DENIED": "PCK_E_DENIED",
    "RESOURCE_EXHAUSTED": "PCK_E_UNAVAILABLE",
    "FAILED_PRECONDITION": "PCK_E_REJECTED",
    "ABORTED": "PCK_E_SERVER",
    "OUT_OF_RANGE": "PCK_E_REJECTED",
    "UNIMPLEMENTED": "PCK_E_UNSUPPORTED",
    "INTERNAL": "PCK_E_SERVER",
    "UNAVAILABLE": "PCK_E_UNAVAILABLE",
    "DATA_LOSS": "PCK_E_SERVER",
    "UNAUTHENTICATED": "PCK_E_DENIED",
}


def test_every_grpc_status_is_mapped():
    assert set(STATUSES) == {status.name for status in grpc.StatusCode} - {"OK"}


@pytest.mark.parametrize("status", STATUSES)
def test_statuses_map_to_results_and_bring_the_servers_words(client, status):
    answer = client.check(wish(status=status, message="字段 `drord_list[0]` 错误, 100%"))
    assert answer.name == STATUSES[status]
    assert "字段 `drord_list[0]` 错误, 100%" in answer.error
    assert answer.answer == b""
    assert answer.completeness == Completeness.UNKNOWN
    with pytest.raises(ClientError) as caught:
        client.commit(wish(status=status))
    assert caught.value.result == answer.result


def test_error_texts_are_one_line_of_utf8_within_the_limit(client):
    answer = client.check(wish(status="INTERNAL", message="线\n\t路" * 400))
    assert answer.name == "PCK_E_SERVER"
    assert 400 < len(answer.error.encode()) < 512
    assert "\n" not in answer.error
    assert "线  路" in answer.error


def test_a_good_call_clears_the_error_and_a_bad_one_the_answer(client):
    assert client.check(wish(answer="kept")).answer == b"kept"
    assert client.check(wish(status="INTERNAL")).answer == b""
    assert lib.pck_last_answer(client._handle, ffi.NULL, 0, ffi.NULL, ffi.NULL) == lib.PCK_E_NO_ANSWER
    assert client.last_error() != ""
    client.check(wish())
    assert client.last_error() == ""


def test_everything_the_caller_says_reaches_the_server(server):
    servicer, address = server
    document = wish(verdict=1) + "\n诊断: 高血压".encode("gbk")
    with Client(address, deadline_ms=20_000, station_id="门诊-3", profile="his_a") as client:
        answer = client.check(document, format=Format.NHSA_3102, encoding=Encoding.GBK, request_id="id-1")
        assert answer.result == lib.PCK_WARN
        client.commit(wish(), format=Format.NHSA_3101)
        client.void("p1", "e1", ["r1", "r2"], item_code="XC09", reason='{"r": "撤销"}')
        client.feedback(wish())
        client.recent_history("p1", since=wish().decode(), limit=7, encoding=Encoding.GBK)
        with contextlib.suppress(ClientError):
            client.review_status('{"state": 0}', encoding=Encoding.GBK)
    check, commit, void, feedback, history, review = servicer.requests
    assert (check.document, check.format, check.encoding) == (document, 3, 2)
    assert (check.station_id, check.profile, check.request_id) == ("门诊-3", "his_a", "id-1")
    assert (commit.document, commit.format, commit.encoding) == (wish(), 2, 1)
    assert (commit.station_id, commit.profile) == ("门诊-3", "his_a")
    assert (void.patient_id, void.encounter_id, list(void.order_ids)) == ("p1", "e1", ["r1", "r2"])
    assert (void.item_code, void.reason, void.station_id) == ("XC09", '{"r": "撤销"}', "门诊-3")
    assert (feedback.document, feedback.format, feedback.station_id) == (wish(), 4, "门诊-3")
    assert (history.patient_id, history.since, history.limit, history.encoding) == ("p1", "{}", 7, 2)
    assert (review.check_id, review.encoding) == ('{"state": 0}', 2)


@pytest.mark.parametrize(("layout", "encoding"), [(200, 7), (255, 255)])
def test_numbers_newer_than_the_header_are_passed_on(client, server, layout, encoding):
    client.check(wish(), format=layout, encoding=encoding)
    assert (server[0].requests[0].format, server[0].requests[0].encoding) == (layout, encoding)


def test_request_ids_are_random_and_new_for_every_call(server):
    servicer, address = server
    for _ in range(3):
        with Client(address, deadline_ms=20_000) as client:
            client.check(wish())
            client.check(wish())
    made = [request.request_id for request in servicer.requests]
    assert len(set(made)) == 6
    assert len({one.partition("-")[0] for one in made}) == 3
    assert all(32 <= len(one) <= 64 for one in made)


def test_the_deadline_travels_with_the_call(server):
    servicer, address = server
    with Client(address, deadline_ms=20_000) as client:
        client.check(wish())
        client.check(wish(), deadline_ms=10_000)
    assert 15 < servicer.metadata[0][1] <= 20
    assert 5 < servicer.metadata[1][1] <= 10


def test_commit_void_and_feedback_bring_their_counts(client):
    change = client.commit(wish(lines=3, position=2**33))
    assert (change.lines, change.history_position) == (3, 2**33)
    change = client.void("p", "e", ["1", "2"])
    assert (change.lines, change.history_position) == (2, 2**40)
    receipt = client.feedback(wish(recorded=4, unmatched=1, answer="ok"))
    assert (receipt.recorded, receipt.unmatched, receipt.answer) == (4, 1, b"ok")


def test_counts_are_zero_when_the_call_fails(client):
    client.commit(wish(lines=3, position=4))
    with pytest.raises(ClientError):
        client.commit(wish(status="INTERNAL"))
    assert (client._counts[0], client._position[0]) == (0, 0)
    client.feedback(wish(recorded=3, unmatched=4))
    with pytest.raises(ClientError):
        client.feedback(wish(status="INTERNAL"))
    assert list(client._counts) == [0, 0]


@pytest.mark.parametrize("length", [0, 10, 70_000])
def test_recent_history_brings_the_servers_document(client, length):
    assert client.recent_history("p", since=wish(answer_bytes=length).decode()) == b"a" * length


def test_recent_history_that_fails_says_why(client):
    with pytest.raises(ClientError, match=r"PCK_E_REJECTED: .*no such patient"):
        client.recent_history("p", since=wish(status="INVALID_ARGUMENT", message="no such patient").decode())


@pytest.mark.parametrize("state", [*Review, 77])
def test_review_status_brings_the_servers_number(client, state):
    assert client.review_status(wish(state=int(state), answer="who").decode()) == (state, b"who")


@pytest.mark.parametrize("state", [0, 40_000, -1])
def test_a_review_state_that_is_none_is_no_answer(client, state):
    with pytest.raises(ClientError, match="PCK_E_BAD_REPLY"):
        client.review_status(wish(state=state, answer="who").decode())
    assert lib.pck_last_answer(client._handle, ffi.NULL, 0, ffi.NULL, ffi.NULL) == lib.PCK_E_NO_ANSWER


def test_a_server_that_reviews_nothing_is_said_to():
    with grpc_server(servicer=check_pb2_grpc.PrecheckServicer()) as (_, address):
        with Client(address, deadline_ms=20_000) as client, pytest.raises(ClientError) as caught:
            client.review_status("01ARZ3NDEKTSV4RRFFQ69G5FAV")
        assert caught.value.result == lib.PCK_E_UNSUPPORTED


# ---- buffers ----


def raw_check(client, document, cap):
    made = ffi.new("pck_request *", {"struct_size": ffi.sizeof("pck_request"), "format": 1})
    data = ffi.from_buffer(document)
    made.document, made.document_len = data, len(document)
    out = ffi.new("char[]", b"x" * max(cap, 1))
    need, completeness = ffi.new("uint32_t *"), ffi.new("int32_t *", 9)
    result = lib.pck_check(client._handle, made, out if cap else ffi.NULL, cap, need, completeness)
    return result, bytes(ffi.buffer(out, cap)), need[0], completeness[0]


def test_an_answer_that_fits_exactly(client):
    result, out, need, completeness = raw_check(client, wish(verdict=1, answer="12345"), 6)
    assert (result, out, need, completeness) == (lib.PCK_WARN, b"12345\0", 6, lib.PCK_COMPLETE)


@pytest.mark.parametrize("cap", [0, 1, 5])
@pytest.mark.parametrize(("completeness", "wanted"), [(2, 1), (3, -107)])
def test_an_answer_that_does_not_fit_waits_to_be_fetched(client, server, cap, completeness, wanted):
    document = wish(verdict=1, completeness=completeness, answer="12345")
    result, out, need, how = raw_check(client, document, cap)
    assert (result, need, how) == (lib.PCK_E_BUFFER, 6, lib.PCK_COMPLETENESS_UNKNOWN)
    assert out == (b"\0\0xxx"[:cap])
    assert "6 bytes" in client.last_error()
    small, fetched = ffi.new("char[]", 5), ffi.new("char[]", 6)
    got, complete = ffi.new("uint32_t *"), ffi.new("int32_t *")
    assert lib.pck_last_answer(client._handle, small, 5, got, complete) == lib.PCK_E_BUFFER
    for _ in range(2):
        assert lib.pck_last_answer(client._handle, fetched, 6, got, complete) == wanted
        assert (ffi.string(fetched), got[0], complete[0]) == (b"12345", 6, completeness)
    assert len(server[0].requests) == 1, "fetching asks no server"


def test_commit_and_void_bring_no_answer_and_drop_the_last_one(client):
    client.check(wish(answer="x"))
    client.commit(wish())
    assert lib.pck_last_answer(client._handle, ffi.NULL, 0, ffi.NULL, ffi.NULL) == lib.PCK_E_NO_ANSWER


def test_feedback_that_does_not_fit_was_recorded(client):
    document = wish(answer="a" * 70_000, recorded=3)
    receipt = client.feedback(document)
    assert (len(receipt.answer), receipt.recorded) == (70_000, 3)


# ---- sizes ----


def test_a_large_request_and_a_large_reply(client, server):
    document = wish(verdict=2, answer_bytes=900_000) + b"\n" + b"d" * 3_000_000
    answer = client.check(document)
    assert answer.result == lib.PCK_BLOCK
    assert answer.answer == b"a" * 900_000
    assert server[0].requests[0].document == document


def test_the_largest_document_and_an_answer_near_the_default_limit(client, server):
    head = wish(answer_bytes=lib.PCK_ANSWER_BYTES_DEFAULT - 200) + b"\n"
    document = head + b"d" * (lib.PCK_DOCUMENT_BYTES_MAX - len(head))
    answer = client.check(document)
    assert (answer.result, answer.error) == (lib.PCK_PASS, "")
    assert len(answer.answer) == lib.PCK_ANSWER_BYTES_DEFAULT - 200
    assert len(server[0].requests[0].document) == lib.PCK_DOCUMENT_BYTES_MAX
    assert client.check(wish(answer="small again")).answer == b"small again"


def test_an_answer_over_the_limit_is_refused_and_the_client_goes_on(server):
    with Client(server[1], deadline_ms=20_000, max_answer_bytes=1000) as client:
        answer = client.check(wish(answer_bytes=1001))
        assert answer.result == lib.PCK_E_ANSWER_LIMIT
        assert "1000" in answer.error
        assert client.check(wish(answer_bytes=900)).result == lib.PCK_PASS
