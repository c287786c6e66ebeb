"""The server's end: SIGTERM drains, nothing is left behind, what dies comes back."""

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from precheck.v1 import operations_pb2, operations_pb2_grpc

from client_shim import Format
from tests.web.messages import CHILD_DRUG, CHILD_ONLY, encoded, encounter, message, order, rules
from tests.web.packs import write_pack
from tests.web.product import PATIENCE_S, STOP_MAX_S, Server, command, is_alive, until

SLOW_CALLS = 3


def slow_message():
    """A message that takes a moment: as much history as is allowed."""
    past = [{"rx_id": f"R{n}", "hilist_code": "X", "curr_drord_flag": "0"} for n in range(20_000)]
    return message([order(CHILD_DRUG)], past=[encounter(past, mdtrt_id="E0")])


@pytest.fixture
def started(tmp_path):
    with Server(tmp_path / "data", "--pack", write_pack(tmp_path / "pack")) as server:
        yield server


def in_flight(stub):
    return stub.GetStatus(operations_pb2.GetStatusRequest(), timeout=PATIENCE_S).in_flight


def over_http(server, document, answers):
    answers.append(rules(server.check(document)))


def over_the_c_library(server, document, answers):
    with server.client() as client:
        answers.append(client.check(encoded(document), format=Format.NHSA_3101).result)


@pytest.mark.parametrize(("send", "answer"), [(over_http, [CHILD_ONLY]), (over_the_c_library, 1)])
def test_sigterm_while_calls_are_in_flight(started, send, answer):
    gateway = until(started.gateway, "a gateway")
    answers = []
    documents = [slow_message() for _ in range(SLOW_CALLS)]
    threads = [threading.Thread(target=send, args=(started, document, answers)) for document in documents]
    with grpc.insecure_channel(started.grpc) as channel:
        stub = operations_pb2_grpc.OperationsStub(channel)
        assert in_flight(stub) == 0
        for thread in threads:
            thread.start()
        until(lambda: in_flight(stub) >= 1 or len(answers) == SLOW_CALLS, "calls in flight")
        unanswered = SLOW_CALLS - len(answers)
    began = time.monotonic()
    started.signal(signal.SIGTERM)
    assert started.wait() == 0
    assert time.monotonic() - began < STOP_MAX_S
    for thread in threads:
        thread.join(PATIENCE_S)
    assert answers == [answer] * SLOW_CALLS
    assert unanswered > 0, "the calls were over before the signal"
    assert not is_alive(gateway)
    (count,) = started.rows("SELECT count(*) FROM decision")[0]
    assert count == SLOW_CALLS


def _asked_until_it_drains(server):
    """GET /healthz over one connection that was open before; return what it said, by status."""
    said = []
    with server.connection() as connection:
        for _ in range(int(PATIENCE_S / 0.01)):
            connection.request("GET", "/healthz")
            response = connection.getresponse()
            said.append((response.status, response.read().decode()))
            if len(said) == 1:
                server.signal(signal.SIGTERM)
            if response.status != 200:
                return said
            time.sleep(0.01)
    raise AssertionError(f"never drains: {said[-1]}")


@pytest.mark.parametrize("workers", [1, 2])
def test_health_says_so_before_http_stops_taking_requests(tmp_path, workers):
    """A request that is half there when the end begins is answered, and so is who asks for health in between."""
    body = encoded(message([order(CHILD_DRUG)]))
    with Server(tmp_path / "data", "--workers", workers, "--pack", write_pack(tmp_path / "pack")) as server:
        with server.connection() as connection:
            connection.putrequest("POST", "/nhsa/3101")
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body[:10])
            said = _asked_until_it_drains(server)
            # The gateway itself answers that no worker serves any more: a balancer that asks it sends no one here.
            lines = ["not serving"] if workers == 1 else [f"worker {number}: not serving" for number in range(workers)]
            assert said[-1] == (503, "\n".join(lines) + "\n")
            connection.send(body[10:])
            response = connection.getresponse()
            assert response.status == 200
            assert rules(json.loads(response.read())) == [CHILD_ONLY]
        assert server.wait() == 0
        assert server.log.read_text().count('"event": "draining"') == workers


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_at_once(started, number):
    gateway = until(started.gateway, "a gateway")
    assert is_alive(gateway)
    rules(started.check(message([order(CHILD_DRUG)])))
    began = time.monotonic()
    started.signal(number)
    assert started.wait() == 0
    assert time.monotonic() - began < STOP_MAX_S
    assert not is_alive(gateway)
    assert '"event": "stopped"' in started.log.read_text()
    assert list(started.data.glob("precheck.db-wal")) == [], "the log is folded in"


def test_a_killed_server_takes_its_gateway_along_and_starts_again_on_the_same_ports(started):
    gateway = until(started.gateway, "a gateway")
    started.kill()
    pack = started.data.parent / "pack"
    with Server(started.data, "--pack", pack, grpc=started.grpc, http=started.http) as again:
        assert again.http == started.http
        assert rules(again.check(message([order(CHILD_DRUG)]))) == [CHILD_ONLY]
        until(lambda: not is_alive(gateway), "the old gateway ends")


def test_a_killed_gateway_comes_back(started):
    first = until(started.gateway, "a gateway")
    os.kill(first, signal.SIGKILL)
    # The C library goes past the gateway and notices nothing.
    with started.client() as client:
        assert client.check(encoded(message([order(CHILD_DRUG)])), format=Format.NHSA_3101).result == 1

    def is_back():
        try:
            return started.get("/healthz")[0] == 200
        except OSError:
            return False

    until(lambda: started.gateway() not in (None, first), "a new gateway")
    until(is_back, "the new gateway answers")
    assert rules(started.check(message([order(CHILD_DRUG)]))) == [CHILD_ONLY]
    assert "gateway ended; starting it again" in started.log.read_text()


def test_ports_that_are_taken_are_said(started):
    other = started.data.parent / "other"
    pack = started.data.parent / "pack"
    for option, word in (("--grpc", "cannot listen on"), ("--http", "cannot listen on http")):
        addresses = {"--grpc": "127.0.0.1:0", "--http": "127.0.0.1:0", option: getattr(started, option[2:])}
        flat = [part for pair in addresses.items() for part in pair]
        done = command("serve", *flat, "--data", other, "--pack", pack)
        assert done.returncode == 1
        assert word in done.stderr.decode()
        assert done.stdout == b""


def test_more_calls_than_are_allowed_are_refused_and_every_one_is_answered(tmp_path):
    """The cap is the gRPC server's; a refusal says so, over HTTP in the national shape."""
    pack = write_pack(tmp_path / "pack")
    limits = {"PRECHECK_CALLS_IN_FLIGHT_MAX": "2", "PRECHECK_THREADS": "1"}
    document = slow_message()
    body = encoded(document)
    with Server(tmp_path / "data", "--pack", pack, env=limits) as server:
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: server.post_bytes("/nhsa/3101", body), range(12)))
        statuses = sorted(status for status, _, _ in answers)
        assert set(statuses) == {200, 429}
        for status, _, content in answers:
            answer = json.loads(content)
            assert answer["infcode"] == (0 if status == 200 else -1)
            assert bool(answer["err_msg"]) is (status == 429)
        assert server.metric('precheck_refused_total{code="RESOURCE_EXHAUSTED"}') == statuses.count(429)
        assert server.rows("SELECT count(*) FROM decision") == [(statuses.count(200),)]
        assert rules(server.check(message([order(CHILD_DRUG)]))) == [CHILD_ONLY]
