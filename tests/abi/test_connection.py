"""Keeping a connection, losing it, and going to another server."""

import contextlib
import os
import time
from pathlib import Path

import pytest

from client_shim.client import Client, ClientError, lib
from tests.abi.servers import (
    GOAWAY,
    OK_HEADERS,
    RST_STREAM,
    SETTINGS,
    ServerProcess,
    answering,
    frame,
    free_port,
    grpc_server,
    headers,
    pass_it,
    raw_server,
)

REFUSED_STREAM = (7).to_bytes(4, "big")
PATIENT_MS = 20_000


def test_a_hundred_calls_share_one_connection(server):
    servicer, address = server
    with Client(address, deadline_ms=PATIENT_MS) as client:
        for _ in range(100):
            assert client.check(b"{}").result == lib.PCK_PASS
    assert len(servicer.peers) == 100
    assert len(set(servicer.peers)) == 1


def test_a_connection_that_was_idle_too_long_is_replaced(server):
    servicer, address = server
    with Client(address, deadline_ms=PATIENT_MS, idle_ms=50) as client:
        client.check(b"{}")
        time.sleep(0.2)
        client.check(b"{}")
    assert len(set(servicer.peers)) == 2


def test_goaway_by_connection_age_costs_no_call():
    options = [("grpc.max_connection_age_ms", 100), ("grpc.max_connection_age_grace_ms", 5000)]
    with grpc_server(options=options) as (servicer, address), Client(address, deadline_ms=PATIENT_MS) as client:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            answer = client.check(b"{}")
            assert answer.result == lib.PCK_PASS, answer
        assert len(set(servicer.peers)) > 5


def test_a_killed_server_is_unreachable_and_comes_back():
    with ServerProcess() as first, Client(first.address, deadline_ms=PATIENT_MS) as client:
        assert client.check(b"{}").result == lib.PCK_PASS
        first.kill()
        answer = client.check(b"{}")
        assert answer.result == lib.PCK_E_UNREACHABLE
        assert first.address in answer.error
        with ServerProcess(first.port):
            assert client.check(b"{}").result == lib.PCK_PASS


def test_a_server_that_restarted_between_calls_costs_no_call():
    with ServerProcess() as first, Client(first.address, deadline_ms=PATIENT_MS) as client:
        assert client.check(b"{}").result == lib.PCK_PASS
        first.kill()
        with ServerProcess(first.port):
            assert client.check(b"{}").result == lib.PCK_PASS


def test_servers_are_tried_in_order_and_the_one_that_answered_is_kept(server):
    servicer, address = server
    dead = f"127.0.0.1:{free_port()}"
    with Client(f"{dead},{address}", deadline_ms=PATIENT_MS) as client:
        for _ in range(3):
            assert client.check(b"{}").result == lib.PCK_PASS
    assert len(set(servicer.peers)) == 1


def test_the_first_server_takes_over_again_when_the_second_is_gone():
    port = free_port()
    with ServerProcess() as backup, Client(f"127.0.0.1:{port},{backup.address}", deadline_ms=PATIENT_MS) as client:
        assert client.check(b"{}").result == lib.PCK_PASS
        with ServerProcess(port):
            backup.kill()
            assert client.check(b"{}").result == lib.PCK_PASS


def test_all_servers_gone():
    dead = ",".join(f"127.0.0.1:{free_port()}" for _ in range(3))
    with Client(dead, deadline_ms=PATIENT_MS) as client:
        assert client.check(b"{}").result == lib.PCK_E_UNREACHABLE


def test_an_unavailable_server_sends_a_check_to_the_next_but_not_a_feedback():
    with grpc_server() as (first, one), grpc_server() as (second, two):
        document = b'{"status": "UNAVAILABLE"}'
        with Client(f"{one},{two}", deadline_ms=PATIENT_MS) as client:
            assert client.check(document).result == lib.PCK_E_UNAVAILABLE
            assert [request.request_id for request in first.requests] == [
                request.request_id for request in second.requests
            ]
            before = len(first.requests) + len(second.requests)
            with pytest.raises(ClientError) as caught:
                client.feedback(document)
            assert caught.value.result == lib.PCK_E_UNAVAILABLE
            assert len(first.requests) + len(second.requests) == before + 1


# ---- a server by hand ----


def test_a_kept_connection_that_is_lost_during_a_call_is_replaced_under_the_same_request_id():
    def behave(connection, number, count, stream):
        if (number, count) == (1, 2):
            return "close"
        return pass_it(connection, stream)

    handle = answering(behave)
    with raw_server(handle) as (connections, address), Client(address, deadline_ms=PATIENT_MS) as client:
        assert client.check(b"{}").result == lib.PCK_PASS
        assert client.check(b"{}").result == lib.PCK_PASS
        assert len(connections) == 2
    assert [number for number, _ in handle.requests] == [1, 1, 2]
    assert handle.requests[1][1] == handle.requests[2][1], "the same bytes, request id included"
    assert handle.requests[0][1] != handle.requests[1][1]


def test_a_connection_whose_call_timed_out_is_dropped():
    def behave(connection, number, count, stream):
        if (number, count) != (1, 2):
            pass_it(connection, stream)

    with raw_server(answering(behave)) as (connections, address), Client(address, deadline_ms=PATIENT_MS) as client:
        assert client.check(b"{}").result == lib.PCK_PASS
        assert client.check(b"{}", deadline_ms=100).result == lib.PCK_E_TIMEOUT
        assert client.check(b"{}").result == lib.PCK_PASS
        assert len(connections) == 2


def test_feedback_is_not_sent_again_once_a_server_may_have_seen_it():
    def behave(connection, number, count, stream):
        return "close" if count == 2 else pass_it(connection, stream)

    handle = answering(behave)
    with raw_server(handle) as (connections, address), Client(address, deadline_ms=PATIENT_MS) as client:
        client.check(b"{}")
        with pytest.raises(ClientError) as caught:
            client.feedback(b"{}")
        assert caught.value.result == lib.PCK_E_UNREACHABLE
        assert len(connections) == 1


@pytest.mark.parametrize("how", ["refused stream", "goaway"])
@pytest.mark.parametrize("call", ["check", "feedback"])
def test_a_call_that_no_server_acted_on_is_sent_again(how, call):
    def behave(connection, number, count, stream):
        if number > 1:
            return pass_it(connection, stream)
        if how == "refused stream":
            connection.send(frame(RST_STREAM, 0, stream, REFUSED_STREAM))
        else:
            connection.send(frame(GOAWAY, 0, 0, bytes(8)))
        return None

    handle = answering(behave)
    with raw_server(handle) as (connections, address), Client(address, deadline_ms=PATIENT_MS) as client:
        if call == "check":
            assert client.check(b"{}").result == lib.PCK_PASS
        else:
            client.feedback(b"{}")
        assert len(connections) == 2


def test_a_server_that_always_refuses_is_given_up():
    def behave(connection, number, count, stream):
        connection.send(frame(RST_STREAM, 0, stream, REFUSED_STREAM))

    with raw_server(answering(behave)) as (connections, address), Client(address, deadline_ms=PATIENT_MS) as client:
        assert client.check(b"{}").result == lib.PCK_E_UNREACHABLE
        assert 1 < len(connections) < 10


def test_an_answer_before_the_whole_request_was_sent():
    def behave_early(connection, number):
        connection.send(frame(SETTINGS, 0, 0))
        connection.sock.recv(100)
        trailers = {**OK_HEADERS, "grpc-status": "3", "grpc-message": "too early"}
        connection.send(headers(1, trailers, end=True))
        connection.linger()

    with raw_server(behave_early) as (_, address), Client(address, deadline_ms=PATIENT_MS) as client:
        for _ in range(3):
            answer = client.check(b"x" * 2_000_000)
            assert answer.result == lib.PCK_E_REJECTED
            assert "too early" in answer.error


def test_no_descriptor_is_inherited_or_left_open(server):
    def descriptors():
        """Sockets and pipes of this process, as {number: what}."""
        found = {}
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found[int(entry.name)] = str(entry.readlink())
        return {number: what for number, what in found.items() if what.startswith(("pipe:", "socket:"))}

    with Client(server[1], deadline_ms=PATIENT_MS) as warm:
        warm.check(b"{}")
    before = set(descriptors().items())
    with Client(server[1], deadline_ms=PATIENT_MS) as client:
        client.check(b"{}")
        made = [number for number, what in descriptors().items() if (number, what) not in before]
        # A pipe's two ends and a socket; the server in this process may have one more.
        assert len(made) >= 3
        assert not any(os.get_inheritable(number) for number in made)
    end = time.monotonic() + 20
    while set(descriptors().items()) - before and time.monotonic() < end:
        time.sleep(0.01)
    assert set(descriptors().items()) - before == set()
