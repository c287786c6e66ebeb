"""Documents and answers in UTF-16, which the library turns into UTF-8 and back."""

import codecs
import json
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client_shim.client import Client, ClientError, Completeness, Encoding, Format, ffi, lib
from tests.abi.servers import SETTINGS, frame, grpc_message, raw_server, reply

UTF_16 = "utf-16-le" if sys.byteorder == "little" else "utf-16-be"
PATIENT_MS = 20_000


def wide_wish(**fields):
    return json.dumps(fields, ensure_ascii=False).encode(UTF_16)


def check(client, document, **more):
    return client.check(document, encoding=Encoding.UTF_16, **more)


def test_the_server_is_sent_utf8_and_the_answer_comes_back_in_utf16(client, server):
    document = wide_wish(verdict=1, answer="审核 𠮷 é")
    answer = check(client, document)
    assert (answer.result, answer.completeness) == (lib.PCK_WARN, Completeness.COMPLETE)
    assert answer.answer.decode(UTF_16) == "审核 𠮷 é"
    (seen,) = server[0].requests
    assert seen.document == document.decode(UTF_16).encode()
    assert seen.encoding == lib.PCK_ENCODING_UTF8


def test_an_encoding_that_is_not_stated_is_utf8_and_no_guess_of_the_servers(client, server):
    """0 was passed on, and the server took GBK for whatever it happened to be."""
    client.check(json.dumps({"answer": "x"}).encode(), encoding=0)
    assert server[0].requests[0].encoding == lib.PCK_ENCODING_UTF8


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_goes_there_and_back(client, text):
    answer = check(client, wide_wish(answer=text))
    assert answer.answer.decode(UTF_16) == text


def test_a_byte_order_mark_at_the_beginning_is_dropped(client, server):
    mark = codecs.BOM_UTF16_LE if sys.byteorder == "little" else codecs.BOM_UTF16_BE
    assert check(client, mark + wide_wish(answer="\ufeffx")).answer.decode(UTF_16) == "\ufeffx"
    assert server[0].requests[0].document.startswith(b"{")


def units(*numbers):
    return b"".join(number.to_bytes(2, sys.byteorder) for number in numbers)


@pytest.mark.parametrize(
    ("broken", "at"),
    [
        (units(0xD842), 0),
        (units(0x7B, 0xD842, 0x7D), 2),
        (units(0x7B, 0x7D, 0xDFB7), 4),
        (units(0xDFB7, 0xD842), 0),
        (units(0xD842, 0xD842, 0xDFB7), 0),
        (units(0xD842, 0xDFB7, 0xD842), 4),
    ],
)
def test_half_a_surrogate_pair_is_refused_and_not_sent(client, server, broken, at):
    answer = check(client, broken)
    assert answer.result == lib.PCK_E_REJECTED
    assert f"byte {at}" in answer.error
    assert server[0].requests == []


def test_an_odd_number_of_bytes_is_the_callers_fault(client, server):
    answer = check(client, wide_wish() + b"x")
    assert answer.result == lib.PCK_E_ARGUMENT
    assert "document_len" in answer.error
    assert server[0].requests == []


def test_the_limit_of_documents_counts_what_is_sent(client, server):
    most = lib.PCK_DOCUMENT_BYTES_MAX
    head = wide_wish() + "\n".encode(UTF_16)
    fits = head + "d".encode(UTF_16) * (most - len(head) // 2)
    assert check(client, fits).result == lib.PCK_PASS
    assert len(server[0].requests[0].document) == most
    for over in (fits + "d".encode(UTF_16), "字".encode(UTF_16) * (most // 3 + 1)):
        answer = check(client, over)
        assert answer.result == lib.PCK_E_DOCUMENT_LIMIT
        assert str(most) in answer.error
    assert len(server[0].requests) == 1


@pytest.mark.parametrize("cap", [0, 1, 2, 7])
def test_an_answer_that_does_not_fit_waits_in_utf16(client, cap):
    document = wide_wish(verdict=2, answer="药师")
    made = ffi.new("pck_request *", {"struct_size": ffi.sizeof("pck_request"), "format": 1, "encoding": 3})
    data = ffi.from_buffer(document)
    made.document, made.document_len = data, len(document)
    out, need = ffi.new("char[]", b"x" * 8), ffi.new("uint32_t *")
    result = lib.pck_check(client._handle, made, out if cap else ffi.NULL, cap, need, ffi.NULL)
    assert (result, need[0]) == (lib.PCK_E_BUFFER, 6) if cap < 6 else (lib.PCK_BLOCK, 6)
    if cap < 6:
        assert ffi.buffer(out)[:8] == b"\0" * min(cap, 2) + b"x" * (8 - min(cap, 2))
    assert lib.pck_last_answer(client._handle, out, 6, need, ffi.NULL) == lib.PCK_BLOCK
    assert ffi.buffer(out)[:6].decode(UTF_16) == "药师\0"


def test_feedback_history_and_reviews_speak_utf16_too(client):
    receipt = client.feedback(wide_wish(answer="已记录", recorded=2), encoding=Encoding.UTF_16)
    assert (receipt.answer.decode(UTF_16), receipt.recorded) == ("已记录", 2)
    wish = json.dumps({"answer": "历史", "state": 2}, ensure_ascii=False)
    assert client.recent_history("p", since=wish, encoding=Encoding.UTF_16).decode(UTF_16) == "历史"
    state, told = client.review_status(wish, encoding=Encoding.UTF_16)
    assert (state, told.decode(UTF_16)) == (2, "历史")
    assert client.commit(wide_wish(lines=3), format=Format.NHSA_3101, encoding=Encoding.UTF_16).lines == 3
    with pytest.raises(ClientError, match="PCK_E_REJECTED"):
        client.commit(units(0xD842), encoding=Encoding.UTF_16)


def test_the_next_call_is_in_its_own_encoding(client):
    assert check(client, wide_wish(answer="药")).answer.decode(UTF_16) == "药"
    assert client.check('{"answer": "药"}'.encode()).answer == "药".encode()


@pytest.mark.parametrize(
    "answer", [b"\xff", b"a\xc3", b"\xed\xa1\x82", b"\xf0\xa0\xae", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\x80"]
)
def test_an_answer_that_is_not_utf8_is_a_bad_reply(answer):
    message = b"\x0a" + bytes([len(answer)]) + answer + b"\x18\x01"

    def handle(connection, _):
        connection.read_request()
        connection.send(frame(SETTINGS, 0, 0) + reply(1, grpc_message(message)))
        connection.linger()

    with raw_server(handle) as (_, address), Client(address, deadline_ms=PATIENT_MS) as client:
        told = check(client, wide_wish())
        assert (told.result, told.completeness, told.answer) == (lib.PCK_E_BAD_REPLY, Completeness.UNKNOWN, b"")
        assert lib.pck_last_answer(client._handle, ffi.NULL, 0, ffi.NULL, ffi.NULL) == lib.PCK_E_NO_ANSWER
