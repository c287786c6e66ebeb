"""Primary and backup: the theory of operation of native/src/call.c, sentence by sentence, with real servers.

Times are not asserted but chosen so far apart that only the right rule can pass: with a deadline of 20 s a share is
many seconds, and what ends in one cannot have waited for a share.
"""

import contextlib
import functools
import re
import threading
import time

import pytest

from client_shim.build import NATIVE
from client_shim.client import Client, ClientError, lib
from tests.abi.servers import (
    GOAWAY,
    OK_HEADERS,
    RST_STREAM,
    answering,
    black_hole,
    frame,
    free_port,
    headers,
    pass_it,
    raw_server,
)

PATIENT_MS = 20_000
MUCH_LESS_S = 4
"""Less than any share of PATIENT_MS, more than a busy machine needs for what takes a second at most."""
BREAKER_FIRST_S = (
    int(re.search(r"PCK_BREAKER_OPEN_MS_FIRST +(\d+)", (NATIVE / "src" / "breaker.h").read_text())[1]) / 1000
)


class BusyError(Exception):
    """The machine took so long that the test says nothing."""


def again_if_busy(test):
    """Run a test again, up to four times, whose times the machine did not keep."""

    @functools.wraps(test)
    def run():
        for _ in range(4):
            with contextlib.suppress(BusyError):
                return test()
        return test()

    return run


@contextlib.contextmanager
def within(seconds):
    """Raise BusyError if the block took longer, whatever else went wrong in it."""
    start = time.monotonic()
    try:
        yield
    finally:
        if time.monotonic() - start > seconds:
            raise BusyError


class Station:
    """A server by hand whose behaviour can be changed.

    "pass", "silent", "late" (passes when released), "lost" (closes), "lost once", or a function from the stream to bytes.
    """

    def __init__(self, behaviour="pass"):
        self.behaviour = behaviour
        self.address = ""
        self.asked = threading.Event()
        self.released = threading.Event()
        self.handle = answering(self._behave)

    @property
    def requests(self):
        return [data for _, data in self.handle.requests]

    def _behave(self, connection, number, count, stream):
        self.asked.set()
        if self.behaviour == "pass":
            pass_it(connection, stream)
        elif self.behaviour == "late":
            self.released.wait(30)
            pass_it(connection, stream)
        elif self.behaviour == "lost once":
            self.behaviour = "pass"
            return "close"
        elif self.behaviour == "lost":
            return "close"
        elif callable(self.behaviour):
            connection.send(self.behaviour(stream))
        return None


@contextlib.contextmanager
def stations(*behaviours):
    """Yield servers that behave so, and a client of all of them."""
    with contextlib.ExitStack() as stack:
        servers = [Station(behaviour) for behaviour in behaviours]
        for server in servers:
            server.address = stack.enter_context(raw_server(server.handle))[1]
            stack.callback(server.released.set)
        addresses = ",".join(server.address for server in servers)
        yield servers, stack.enter_context(Client(addresses, deadline_ms=PATIENT_MS))


def status(code):
    return lambda stream: headers(stream, {**OK_HEADERS, "grpc-status": str(code)}, end=True)


def counts(servers):
    return [len(server.requests) for server in servers]


def passes(client, deadline_ms=0):
    answer = client.check(b"{}", deadline_ms=deadline_ms)
    assert answer.result == lib.PCK_PASS, answer


# ---- the order ----


def test_the_primary_is_asked_and_the_backup_left_alone():
    with stations("pass", "pass", "pass") as (servers, client):
        for _ in range(5):
            passes(client)
        assert counts(servers) == [5, 0, 0]


@again_if_busy
def test_a_primary_that_failed_is_left_alone_for_a_while_and_takes_over_again_when_it_answers():
    with stations("lost", "pass") as (servers, client):
        with within(BREAKER_FIRST_S):
            passes(client)
            servers[0].behaviour = "pass"
            passes(client)
            assert counts(servers) == [1, 2], "its breaker is open"
        time.sleep(BREAKER_FIRST_S)
        for _ in range(3):
            passes(client)
        assert counts(servers) == [4, 2]


@again_if_busy
def test_a_probe_that_fails_puts_the_next_one_off_for_twice_as_long():
    with stations("lost", "pass") as (servers, client):
        passes(client)
        time.sleep(BREAKER_FIRST_S)
        with within(2 * BREAKER_FIRST_S):
            passes(client)
            assert counts(servers)[0] == 2, "the probe"
            time.sleep(BREAKER_FIRST_S)
            passes(client)
            assert counts(servers)[0] == 2, "open still"
        time.sleep(BREAKER_FIRST_S)
        passes(client)
        assert counts(servers)[0] == 3


@again_if_busy
def test_as_a_last_resort_those_are_asked_that_are_marked_down():
    with stations("lost", "lost", "lost") as (servers, client):
        with within(BREAKER_FIRST_S):
            assert client.check(b"{}").result == lib.PCK_E_UNREACHABLE
            servers[2].behaviour = "pass"
            passes(client)
            assert counts(servers) == [2, 2, 2]
        servers[0].behaviour = "pass"
        servers[2].behaviour = "lost"
        passes(client)
        assert counts(servers)[2] >= 3, "the closed one first, then the last resort"
        assert counts(servers)[:2] == [3, 2]


@again_if_busy
def test_one_call_makes_one_probe():
    with stations("lost", "lost", "pass") as (servers, client):
        passes(client)
        assert counts(servers) == [1, 1, 1]
        time.sleep(BREAKER_FIRST_S)
        with within(2 * BREAKER_FIRST_S):
            passes(client)
            assert counts(servers) == [2, 1, 2]
            passes(client)
            assert counts(servers) == [2, 2, 3], "the second one's turn"


def test_a_call_that_cannot_be_repeated_is_no_probe():
    with stations("lost", "pass") as (servers, client):
        passes(client)
        time.sleep(BREAKER_FIRST_S)
        client.feedback(b"{}")
        assert counts(servers) == [1, 2]
        passes(client)
        assert counts(servers) == [2, 3]


def test_a_server_behind_one_that_works_is_not_probed():
    with stations("lost", "lost") as (servers, client):
        assert client.check(b"{}").result == lib.PCK_E_UNREACHABLE
        servers[0].behaviour = "pass"
        time.sleep(BREAKER_FIRST_S)
        passes(client)
        passes(client)
        assert counts(servers) == [3, 1]


# ---- when the next one is asked ----


def test_a_silent_primary_costs_its_share_and_the_backup_is_asked_under_the_same_request_id():
    with stations("silent", "pass") as (servers, client):
        passes(client, deadline_ms=1000)
        assert servers[0].requests == servers[1].requests
        assert counts(servers) == [1, 1]
        passes(client)
        assert counts(servers) == [1, 2], "silence opened its breaker"


def test_a_server_that_is_merely_slow_is_still_waited_for():
    with stations("late", "silent") as (servers, client):

        def release():
            assert servers[1].asked.wait(20), "the backup is asked beside it"
            servers[0].released.set()

        helper = threading.Thread(target=release)
        helper.start()
        start = time.monotonic()
        passes(client, deadline_ms=3000)
        helper.join()
        assert time.monotonic() - start < 2.9
        assert servers[0].requests == servers[1].requests
        servers[0].behaviour = "pass"
        passes(client)
        assert counts(servers) == [2, 1], "its answer closed its breaker, and its connection is kept"


@again_if_busy
def test_a_silent_probe_costs_much_less_than_a_share():
    with stations("lost", "pass") as (servers, client):
        passes(client)
        servers[0].behaviour = "silent"
        time.sleep(BREAKER_FIRST_S)
        with within(MUCH_LESS_S):
            passes(client)
        if counts(servers) == [1, 2]:
            raise BusyError  # the probe's short time was over before its request arrived
        assert counts(servers) == [2, 2]


def test_a_probe_at_a_black_hole_leaves_the_call_within_the_default_deadline():
    with black_hole() as hole, stations("pass") as ([backup], _), Client(f"{hole},{backup.address}") as client:
        results = []
        for _ in range(6):
            results.append(client.check(b"{}").result)
            time.sleep(BREAKER_FIRST_S / 2)
        # A busy machine may lose one of them.
        assert results.count(lib.PCK_PASS) >= 5


def test_connecting_costs_much_less_than_a_share():
    with black_hole() as hole, stations("pass") as ([backup], _):
        client = Client(f"{hole},{backup.address}", deadline_ms=PATIENT_MS)
        start = time.monotonic()
        passes(client)
        assert time.monotonic() - start < MUCH_LESS_S
        client.close()


def test_where_all_are_silent_the_text_names_them_all():
    with stations("silent", "silent", "silent") as (servers, client):
        answer = client.check(b"{}", deadline_ms=300)
        assert answer.result == lib.PCK_E_TIMEOUT
        assert answer.error.count("no answer within the time") == 3
        assert counts(servers) == [1, 1, 1]


FARTHEST = [
    (("DEADLINE_EXCEEDED", "dead"), "PCK_E_TIMEOUT"),
    (("dead", "UNAVAILABLE"), "PCK_E_UNAVAILABLE"),
    (("UNAVAILABLE", "lost"), "PCK_E_UNAVAILABLE"),
    (("garbage", "refused", "dead"), "PCK_E_BAD_REPLY"),
    (("UNAVAILABLE", "CANCELLED"), "PCK_E_UNAVAILABLE"),
    (("lost", "dead"), "PCK_E_UNREACHABLE"),
]


@pytest.mark.parametrize(("names", "result"), FARTHEST, ids=str)
def test_where_nobody_answers_the_result_is_of_the_one_that_came_farthest(names, result):
    with contextlib.ExitStack() as stack:
        addresses = []
        for name in names:
            if name == "dead":
                addresses.append(f"127.0.0.1:{free_port()}")
            else:
                (server,), _ = stack.enter_context(stations(CONSEQUENCES[name][0]))
                addresses.append(server.address)
        with Client(",".join(addresses), deadline_ms=PATIENT_MS) as client:
            answer = client.check(b"{}")
        assert answer.name == result
        if result != "PCK_E_UNREACHABLE":
            farthest = next(at for at, name in enumerate(names) if CONSEQUENCES.get(name, ["", ""])[1] == result)
            assert answer.error.startswith(addresses[farthest]) or "server: gRPC" in answer.error


def test_a_third_server_is_asked_at_once_when_the_second_fails_beside_a_silent_first():
    dead = f"127.0.0.1:{free_port()}"
    with stations("silent", "pass") as (servers, _):
        with Client(f"{servers[0].address},{dead},{servers[1].address}", deadline_ms=1500) as client:
            passes(client)
        assert counts(servers) == [1, 1]


# ---- a call that cannot be repeated ----


def test_a_call_that_cannot_be_repeated_is_never_with_two_servers():
    with stations("late", "pass") as (servers, client):
        helper = threading.Timer(1.2, servers[0].released.set)
        helper.start()
        client.feedback(b"{}", deadline_ms=PATIENT_MS // 10)  # a share is a second
        helper.join()
        assert counts(servers) == [1, 0]


def test_a_call_that_cannot_be_repeated_leaves_a_server_that_does_not_let_it_connect():
    with black_hole() as hole, stations("pass") as ([backup], _):
        with Client(f"{hole},{backup.address}", deadline_ms=PATIENT_MS) as client:
            client.feedback(b"{}")
        assert len(backup.requests) == 1


def test_with_no_server_that_lets_it_connect_it_times_out():
    with black_hole() as one, black_hole() as two, Client(f"{one},{two}", deadline_ms=200) as client:
        with pytest.raises(ClientError) as caught:
            client.feedback(b"{}")
        assert caught.value.result == lib.PCK_E_TIMEOUT


# ---- consequences ----

GARBAGE = b"HTTP/1.1 400 Bad Request\r\n\r\n"

CONSEQUENCES = {
    # behaviour: result alone, and whether check and feedback go on to the next server
    "lost": ("lost", "PCK_E_UNREACHABLE", True, False),
    "reset": (lambda stream: frame(RST_STREAM, 0, stream, (2).to_bytes(4, "big")), "PCK_E_UNREACHABLE", True, False),
    "refused": (lambda stream: frame(RST_STREAM, 0, stream, (7).to_bytes(4, "big")), "PCK_E_UNREACHABLE", True, True),
    "going away": (lambda _: frame(GOAWAY, 0, 0, bytes(8)), "PCK_E_UNREACHABLE", True, True),
    "garbage": (lambda _: GARBAGE, "PCK_E_BAD_REPLY", True, False),
    "no gRPC": (lambda stream: headers(stream, {":status": "200"}, end=True), "PCK_E_BAD_REPLY", True, False),
    "UNAVAILABLE": (status(14), "PCK_E_UNAVAILABLE", True, False),
    "RESOURCE_EXHAUSTED": (status(8), "PCK_E_UNAVAILABLE", True, False),
    "CANCELLED": (status(1), "PCK_E_CANCELLED", True, False),
    "DEADLINE_EXCEEDED": (status(4), "PCK_E_TIMEOUT", True, False),
    "INVALID_ARGUMENT": (status(3), "PCK_E_REJECTED", False, False),
    "PERMISSION_DENIED": (status(7), "PCK_E_DENIED", False, False),
    "UNIMPLEMENTED": (status(12), "PCK_E_UNSUPPORTED", False, False),
    "INTERNAL": (status(13), "PCK_E_SERVER", True, False),
    "UNKNOWN": (status(2), "PCK_E_SERVER", True, False),
}


@pytest.mark.parametrize("name", CONSEQUENCES)
def test_what_a_failure_means_for_the_call_and_for_the_next(name):
    behaviour, alone, check_goes_on, feedback_goes_on = CONSEQUENCES[name]
    with stations(behaviour) as (_, client):
        assert client.check(b"{}").name == alone
    with stations(behaviour, "pass") as (servers, client):
        answer = client.check(b"{}")
        assert answer.name == ("PCK_PASS" if check_goes_on else alone)
        assert counts(servers)[1] == check_goes_on
        first = counts(servers)[0]
        client.check(b"{}")
        assert (counts(servers)[0] == first) == check_goes_on, "a failure opens the breaker, an answer does not"
    with stations(behaviour, "pass") as (servers, client):
        with contextlib.nullcontext() if feedback_goes_on else pytest.raises(ClientError) as caught:
            client.feedback(b"{}")
        assert counts(servers)[1] == feedback_goes_on
        assert feedback_goes_on or lib.PCK_OK != caught.value.result == getattr(lib, alone)


def test_a_kept_connection_that_is_lost_is_no_failure_of_its_server():
    with stations("pass", "pass") as (servers, client):
        passes(client)
        servers[0].behaviour = "lost once"
        passes(client)
        passes(client)
        assert counts(servers) == [4, 0]


def test_an_answer_of_a_last_resort_closes_its_breaker():
    with stations("lost", "lost") as (servers, client):
        assert client.check(b"{}").result == lib.PCK_E_UNREACHABLE
        servers[1].behaviour = status(3)
        assert client.check(b"{}").result == lib.PCK_E_REJECTED
        before = counts(servers)
        assert client.check(b"{}").result == lib.PCK_E_REJECTED
        assert counts(servers) == [before[0], before[1] + 1]
