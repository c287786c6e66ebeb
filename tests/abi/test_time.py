"""The deadline, against everything that can stall.

The machine that runs this may be busy: of several calls the fastest must end within the deadline and a little, which a
library that waits too long cannot reach, and none may end before it.
"""

import threading
import time

import pytest

from client_shim.client import Client, lib
from tests.abi.servers import PING, SETTINGS, ServerProcess, black_hole, frame, raw_server, tarpit

DEADLINE_MS = 300
LATE_MS = 100
TRIES = 4


def times_of(client, document=b"{}"):
    """Make TRIES calls that must time out; return how long each took, in ms."""
    taken = []
    for _ in range(TRIES):
        start = time.monotonic()
        answer = client.check(document)
        taken.append((time.monotonic() - start) * 1000)
        assert answer.result == lib.PCK_E_TIMEOUT, answer
        assert answer.error
    return taken


def assert_deadline_held(taken, deadline_ms=DEADLINE_MS):
    assert min(taken) >= deadline_ms - 2
    assert min(taken) < deadline_ms + LATE_MS


def test_a_slow_server(server):
    with Client(server[1]) as client:
        assert_deadline_held(times_of(client, document=b'{"sleep_s": 5}'))


def test_the_deadline_of_one_call_outranks_the_clients(server):
    with Client(server[1], deadline_ms=20_000) as client:
        start = time.monotonic()
        answer = client.check(b'{"sleep_s": 15}', deadline_ms=200)
        assert answer.result == lib.PCK_E_TIMEOUT
        assert 0.198 <= time.monotonic() - start < 10


def test_a_server_that_was_stopped_and_goes_on():
    with ServerProcess() as process, Client(process.address) as client:
        assert client.check(b"{}", deadline_ms=20_000).result == lib.PCK_PASS
        process.stop()
        assert_deadline_held(times_of(client))
        process.resume()
        assert client.check(b"{}", deadline_ms=20_000).result == lib.PCK_PASS


def test_a_connection_that_is_never_accepted():
    with black_hole() as address, Client(address) as client:
        assert_deadline_held(times_of(client))
        assert address in client.last_error()


def test_a_connection_that_is_accepted_and_never_answered():
    with tarpit() as (address, _), Client(address) as client:
        assert_deadline_held(times_of(client))


def test_tls_that_is_never_answered(certificates):
    with tarpit() as (address, _), Client(address, tls_ca_file=certificates.ca) as client:
        assert_deadline_held(times_of(client))
        assert "TLS" in client.last_error()


def test_tls_that_drips(certificates):
    def drip(connection, _):
        connection.sock.recv(1)
        # The start of a handshake record that is longer than anybody waits for.
        connection.send(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb")
        while True:
            connection.send(b"\x03")
            time.sleep(0.01)

    with raw_server(drip) as (_, address), Client(address, tls_ca_file=certificates.ca) as client:
        assert_deadline_held(times_of(client))


@pytest.mark.parametrize("pause_s", [0, 0.01])
def test_a_server_that_talks_and_never_answers(pause_s):
    def talk(connection, _):
        connection.send(frame(SETTINGS, 0, 0))
        while True:
            connection.send(frame(PING, 1, 0, b"12345678") * (1 if pause_s else 500))
            time.sleep(pause_s)

    with raw_server(talk) as (_, address), Client(address) as client:
        assert_deadline_held(times_of(client))


def test_a_server_that_takes_no_data():
    done = threading.Event()

    def fill(connection, _):
        connection.send(frame(SETTINGS, 0, 0))
        done.wait(20)

    with raw_server(fill) as (_, address), Client(address) as client:
        assert_deadline_held(times_of(client, document=b"x" * 8_000_000))
        done.set()


def test_the_second_server_is_reached_within_the_deadline_of_one_call(server):
    with black_hole() as address, Client(f"{address},{server[1]}", deadline_ms=2000) as client:
        start = time.monotonic()
        assert client.check(b"{}").result == lib.PCK_PASS
        # The first had its time to connect; the call after begins with the second.
        assert time.monotonic() - start > 0.4
        assert client.check(b"{}").result == lib.PCK_PASS
        assert len(server[0].peers) == 2


def test_a_call_without_a_server_does_not_wait_for_its_deadline():
    with Client("127.0.0.1:1", deadline_ms=60_000) as client:
        start = time.monotonic()
        assert client.check(b"{}").result == lib.PCK_E_UNREACHABLE
        assert time.monotonic() - start < 30
