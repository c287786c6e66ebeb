"""Replies that no gRPC server sends: nothing of it may be taken for a verdict."""

import pytest

from client_shim.client import Client, lib
from tests.abi.servers import DATA, OK_HEADERS, RST_STREAM, SETTINGS, frame, grpc_message, headers, raw_server, reply

HELLO = frame(SETTINGS, 0, 0)
PASSED = grpc_message(b"\x18\x01")
PATIENT_MS = 20_000


def whole(message, **how):
    return HELLO + reply(1, message, **how)


def with_status(status, first=OK_HEADERS):
    return HELLO + headers(1, {**first, "grpc-status": status}, end=True)


# What the server sends once it has the request; then it closes.
REPLIES = {
    "a good one": (whole(PASSED), "PCK_PASS"),
    "fields in another order, and unknown ones of every kind": (
        whole(grpc_message(b"\x98\x06\x07\x18\x02\x10\x02\xa2\x06\x03abc\xa5\x06abcd\xa1\x06abcdefgh\x22\x01c")),
        "PCK_BLOCK",
    ),
    "a stale one": (whole(grpc_message(b"\x18\x01\x30\x01")), "PCK_PASS"),
    "a staleness that is a string": (whole(grpc_message(b"\x18\x01\x32\x01a")), "PCK_E_BAD_REPLY"),
    "the last of a repeated field counts": (whole(grpc_message(b"\x18\x01\x10\x02\x10\x01")), "PCK_WARN"),
    "nothing": (b"", "PCK_E_UNREACHABLE"),
    "settings only": (HELLO, "PCK_E_UNREACHABLE"),
    "half a frame": (HELLO + headers(1, OK_HEADERS)[:12], "PCK_E_UNREACHABLE"),
    "headers only": (HELLO + headers(1, OK_HEADERS), "PCK_E_UNREACHABLE"),
    "no trailers": (HELLO + headers(1, OK_HEADERS) + frame(DATA, 0, 1, PASSED), "PCK_E_UNREACHABLE"),
    "HTTP/1": (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "PCK_E_BAD_REPLY"),
    "a TLS alert": (b"\x15\x03\x03\x00\x02\x02\x46", "PCK_E_UNREACHABLE"),
    "zeros": (b"\0" * 1000, "PCK_E_BAD_REPLY"),
    "ones": (b"\xff" * 1000, "PCK_E_BAD_REPLY"),
    "data on stream 0": (HELLO + frame(DATA, 0, 0, b"x"), "PCK_E_BAD_REPLY"),
    "a broken header block": (HELLO + frame(1, 4, 1, b"\xff\xff\xff\xff\xff\xff\xff"), "PCK_E_BAD_REPLY"),
    "data before headers": (HELLO + frame(DATA, 1, 1, PASSED), "PCK_E_BAD_REPLY"),
    "a reset": (HELLO + frame(RST_STREAM, 0, 1, (2).to_bytes(4, "big")), "PCK_E_UNREACHABLE"),
    "ended without trailers": (
        HELLO + headers(1, OK_HEADERS) + frame(DATA, 1, 1, PASSED),
        "PCK_E_BAD_REPLY",
    ),
    "trailers without a status": (whole(PASSED, trailers={"x": "y"}), "PCK_E_BAD_REPLY"),
    "a status that is no number": (whole(PASSED, status="ok"), "PCK_E_BAD_REPLY"),
    "a negative status": (whole(PASSED, status="-0"), "PCK_E_BAD_REPLY"),
    "an empty status": (whole(PASSED, status=""), "PCK_E_BAD_REPLY"),
    "a status that does not exist": (with_status("17"), "PCK_E_SERVER"),
    "a failure that brings a message": (whole(PASSED, status="13"), "PCK_E_SERVER"),
    "status OK and no message": (with_status("0"), "PCK_E_BAD_REPLY"),
    "another content type": (whole(PASSED, first={":status": "200", "content-type": "text/html"}), "PCK_E_BAD_REPLY"),
    "no content type": (whole(PASSED, first={":status": "200"}), "PCK_E_BAD_REPLY"),
    "HTTP 401": (HELLO + headers(1, {":status": "401"}, end=True), "PCK_E_DENIED"),
    "HTTP 403": (HELLO + headers(1, {":status": "403"}, end=True), "PCK_E_DENIED"),
    "HTTP 404": (HELLO + headers(1, {":status": "404"}, end=True), "PCK_E_UNSUPPORTED"),
    "HTTP 429": (HELLO + headers(1, {":status": "429"}, end=True), "PCK_E_UNAVAILABLE"),
    "HTTP 502": (HELLO + headers(1, {":status": "502"}, end=True), "PCK_E_UNAVAILABLE"),
    "HTTP 503": (HELLO + headers(1, {":status": "503"}, end=True), "PCK_E_UNAVAILABLE"),
    "HTTP 504": (HELLO + headers(1, {":status": "504"}, end=True), "PCK_E_UNAVAILABLE"),
    "HTTP 500": (HELLO + headers(1, {":status": "500"}, end=True), "PCK_E_BAD_REPLY"),
    "HTTP 500 with a good body": (
        whole(PASSED, first={":status": "500", "content-type": "application/grpc"}),
        "PCK_E_BAD_REPLY",
    ),
    "a compressed message": (whole(grpc_message(b"\x18\x01", flag=1)), "PCK_E_BAD_REPLY"),
    "less than the length says": (whole(grpc_message(b"\x18\x01", length=3)), "PCK_E_BAD_REPLY"),
    "more than the length says": (whole(grpc_message(b"\x18\x01", length=1)), "PCK_E_BAD_REPLY"),
    "two messages": (whole(PASSED + PASSED), "PCK_E_BAD_REPLY"),
    "half a prefix": (whole(b"\0\0\0"), "PCK_E_BAD_REPLY"),
    "4 GiB promised": (whole(grpc_message(b"\x18\x01", length=2**32 - 1)), "PCK_E_ANSWER_LIMIT"),
    "an empty message": (whole(grpc_message(b"")), "PCK_E_BAD_REPLY"),
    "an unknown verdict": (whole(grpc_message(b"\x18\x01\x10\x03")), "PCK_E_BAD_REPLY"),
    "a huge verdict": (whole(grpc_message(b"\x18\x01\x10" + b"\xff" * 9 + b"\x01")), "PCK_E_BAD_REPLY"),
    "2^32 for a verdict": (whole(grpc_message(b"\x18\x01\x10\x80\x80\x80\x80\x10")), "PCK_E_BAD_REPLY"),
    "an unknown completeness": (whole(grpc_message(b"\x18\x04")), "PCK_E_BAD_REPLY"),
    "a verdict that is a string": (whole(grpc_message(b"\x18\x01\x12\x01a")), "PCK_E_BAD_REPLY"),
    "an answer that is a number": (whole(grpc_message(b"\x18\x01\x08\x01")), "PCK_E_BAD_REPLY"),
    "an answer longer than the message": (whole(grpc_message(b"\x18\x01\x0a\x7fabc")), "PCK_E_BAD_REPLY"),
    "an answer of 2^64 bytes": (
        whole(grpc_message(b"\x18\x01\x0a" + b"\xff" * 9 + b"\x01abc")),
        "PCK_E_BAD_REPLY",
    ),
    "a number without an end": (whole(grpc_message(b"\x18\x81\x81")), "PCK_E_BAD_REPLY"),
    "a number of eleven bytes": (whole(grpc_message(b"\x18" + b"\x81" * 10 + b"\x01")), "PCK_E_BAD_REPLY"),
    "a number over 64 bits": (whole(grpc_message(b"\x18" + b"\x81" * 9 + b"\x02")), "PCK_E_BAD_REPLY"),
    "field number 0": (whole(grpc_message(b"\x18\x01\x00\x01")), "PCK_E_BAD_REPLY"),
    "a group": (whole(grpc_message(b"\x18\x01\x23\x24")), "PCK_E_BAD_REPLY"),
    "a fixed field that is cut": (whole(grpc_message(b"\x18\x01\xa1\x06abc")), "PCK_E_BAD_REPLY"),
}


@pytest.mark.parametrize("name", REPLIES)
def test_strange_replies(name):
    sent, wanted = REPLIES[name]

    def handle(connection, _):
        connection.read_request()
        connection.send(sent)

    with raw_server(handle) as (_, address), Client(address, deadline_ms=PATIENT_MS) as client:
        answer = client.check(b"{}")
        assert answer.name == wanted, answer
        assert bool(answer.error) == (answer.result < 0)
        # And the client is none the worse.
        assert client.check(b"{}").name == wanted


def test_a_reply_in_single_bytes():
    def handle(connection, _):
        connection.read_request()
        for byte in whole(grpc_message(b"\x0a\x03abc\x10\x01\x18\x01")):
            connection.send(bytes([byte]))
        connection.linger()

    with raw_server(handle) as (_, address), Client(address, deadline_ms=PATIENT_MS) as client:
        answer = client.check(b"{}")
        assert (answer.result, answer.answer) == (lib.PCK_WARN, b"abc")


@pytest.mark.parametrize(
    ("encoded", "shown"),
    [
        ("%E7%BC%BA%E5%B0%91 a", "缺少 a"),
        ("100%", "100%"),
        ("%4", "%4"),
        ("%zz%41", "%zzA"),
        ("%00%0A%7F|", "   |"),
        ("%FF%E7|", "??|"),
    ],
)
def test_the_servers_words_are_decoded_and_made_harmless(encoded, shown):
    def handle(connection, _):
        connection.read_request()
        connection.send(HELLO + headers(1, {**OK_HEADERS, "grpc-status": "3", "grpc-message": encoded}, end=True))
        connection.linger()

    with raw_server(handle) as (_, address), Client(address, deadline_ms=PATIENT_MS) as client:
        assert client.check(b"{}").error == f"server: gRPC status 3: {shown}"
