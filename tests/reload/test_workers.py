"""`precheck serve --workers N`: several processes on one port are one server."""

import os
import signal
import threading
import time
from pathlib import Path

import grpc
import pytest
from precheck.v1 import operations_pb2, operations_pb2_grpc

from client_shim import Format
from tests.unit.dictionaries import write_dictionary
from tests.web.messages import CHILD_DRUG, CHILD_ONLY, encoded, encounter, ext_of, message, order, rules
from tests.web.packs import write_pack
from tests.web.product import PATIENCE_S, STOP_MAX_S, Server, command, is_alive, until
from tests.web.test_dictionary import TABLES

WORKERS = 2
UNREACHABLE = -101


def server_in(folder):
    settings = folder / "settings.toml"
    dictionary = write_dictionary(folder / "dictionary", **TABLES)
    settings.write_text(f'workers = {WORKERS}\ndictionaries = "{dictionary}"\n', encoding="utf-8")
    return Server(folder / "data", "--settings", settings, "--pack", write_pack(folder / "pack"))


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One server for the tests that leave it as it is."""
    with server_in(tmp_path_factory.mktemp("running")) as server:
        yield server


@pytest.fixture
def started(tmp_path):
    with server_in(tmp_path) as server:
        yield server


def workers(server):
    """Return the process ids of the workers, by number, as the server's status has them."""
    with grpc.insecure_channel(server.grpc) as channel:
        status = operations_pb2_grpc.OperationsStub(channel).GetStatus(
            operations_pb2.GetStatusRequest(), timeout=PATIENCE_S
        )
    return {worker.number: worker for worker in status.workers}


def pids(server):
    return [worker.pid for _, worker in sorted(workers(server).items()) if worker.pid]


def a_check(server):
    with server.client() as client:
        return client.check(encoded(message([order(CHILD_DRUG)])), format=Format.NHSA_3101)


def checks_of(server, worker):
    return server.metric(f'precheck_checks_total{{completeness="COMPLETE",verdict="WARN",worker="{worker}"}}')


def test_each_answers_and_each_is_told_of(running):
    found = workers(running)
    assert sorted(found) == list(range(WORKERS))
    assert len({worker.pid for worker in found.values()} | {running.pid}) == WORKERS + 1
    assert {worker.revision for worker in found.values()} == {running.revision}
    before = [checks_of(running, worker) for worker in range(WORKERS)]
    for _ in range(2 * WORKERS):
        assert rules(running.check(message([order(CHILD_DRUG)]))) == [CHILD_ONLY]
    assert [checks_of(running, worker) - had for worker, had in enumerate(before)] == [2] * WORKERS
    assert running.get("/healthz") == (200, "ok\n")
    told = command("pack", "status", "--grpc", running.grpc).stdout.decode()
    assert all(f"worker {worker.number}: process {worker.pid}" in told for worker in found.values()), told


def test_the_port_is_shared(running):
    """New connections reach every worker; 64 that all go to one of two are as likely as 64 heads in a row."""
    before = [checks_of(running, worker) for worker in range(WORKERS)]
    for _ in range(64):
        assert a_check(running).result == 1
        if all(checks_of(running, worker) > had for worker, had in enumerate(before)):
            break
    assert all(checks_of(running, worker) > had for worker, had in enumerate(before))


def test_a_worker_that_dies_costs_no_answer_and_comes_back(started):
    """Over HTTP every check is answered; a station whose connection dies with the worker is told, or asks another."""
    before = pids(started)
    wrong, stop = [], threading.Event()

    def ask(one, expected):
        while not stop.is_set():
            try:
                answer = one()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is no answer
                answer = repr(error)
            if answer not in expected:
                wrong.append(answer)

    def over_http():
        return rules(started.check(message([order(CHILD_DRUG)])))

    def over_the_c_library():
        return a_check(started).result

    def is_replaced(pid):
        """Whether another worker answers in its place; the call may reach a listener that just died."""
        try:
            found = pids(started)
        except grpc.RpcError:
            return False
        return len(found) == WORKERS and pid not in found

    threads = [
        threading.Thread(target=ask, args=(over_http, ([CHILD_ONLY],))),
        threading.Thread(target=ask, args=(over_the_c_library, (1, UNREACHABLE))),
    ]
    for thread in threads:
        thread.start()
    try:
        for pid in before:
            time.sleep(0.3)
            os.kill(pid, signal.SIGKILL)
            until(lambda: is_replaced(pid), "another worker in its place")  # noqa: B023 - called before the next one
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert not wrong, wrong[:3]
    assert not set(before) & set(pids(started))


def revisions(server):
    return {worker.revision.partition("+")[0] for worker in workers(server).values()}


def test_packs_that_are_activated_reach_all(started, tmp_path):
    done = command("pack", "activate", "--grpc", started.grpc, write_pack(tmp_path / "new", revision=2))
    assert done.returncode == 0, done.stderr
    until(lambda: revisions(started) == {"tiny@2"}, "revision 2 everywhere")
    write_pack(tmp_path / "pack", revision=3)
    started.signal(signal.SIGHUP)
    until(lambda: revisions(started) == {"tiny@3"}, "revision 3 everywhere")


def test_checks_in_canary_are_told_of_all_together(started, tmp_path):
    done = command(
        "pack", "canary", "--grpc", started.grpc, write_pack(tmp_path / "new", revision=2), "--station", "S1"
    )
    assert done.returncode == 0, done.stderr
    judged = in_a_row = 0
    while in_a_row < 2 * WORKERS:  # they take turns, and each follows within a second: by then all have
        answer = started.check(message([order(CHILD_DRUG)]), headers={"Precheck-Station": "S1"})
        is_in_canary = ext_of(answer)["revision"].startswith("tiny@2")
        judged += is_in_canary
        in_a_row = in_a_row + 1 if is_in_canary else 0
    assert f"; {judged} checks so far" in command("pack", "status", "--grpc", started.grpc).stdout.decode()


def test_they_end_together(started):
    processes = pids(started)
    began = time.monotonic()
    assert started.stop() == 0
    assert time.monotonic() - began < STOP_MAX_S
    assert not any(is_alive(pid) for pid in processes)


def test_they_end_with_a_server_that_is_killed(started):
    processes = [*pids(started), started.gateway()]
    started.kill()
    until(lambda: not any(is_alive(pid) for pid in processes), "all of them gone")


def test_calls_in_flight_are_answered_when_the_server_ends(started):
    past = [{"rx_id": f"R{n}", "hilist_code": "X", "curr_drord_flag": "0"} for n in range(5_000)]
    document = encoded(message([order(CHILD_DRUG)], past=[encounter(past, mdtrt_id="E0")]))
    results = []

    def ask():
        with started.client() as client:
            results.append(client.check(document, format=Format.NHSA_3101).result)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: results or sum(worker.in_flight for worker in workers(started).values()), "a call in flight")
    started.signal(signal.SIGTERM)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert started.wait() == 0
    # Those that came before the end are answered; one that came after it is told so, and never takes it for a pass.
    assert results.count(1) >= 1
    assert all(result == 1 or result < 0 for result in results), results


def test_a_port_that_another_server_has_is_said(running, tmp_path):
    with pytest.raises(AssertionError, match=f"cannot listen on {running.grpc}"):
        Server(tmp_path / "other", "--workers", WORKERS, "--pack", write_pack(tmp_path / "pack2"), grpc=running.grpc)


def test_a_pack_that_cannot_be_served_ends_the_start_and_says_why(tmp_path):
    with pytest.raises(AssertionError, match="there-is-none"):
        Server(tmp_path / "data", "--workers", WORKERS, "--pack", tmp_path / "there-is-none")
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path).encode() in _content(path)]


def _content(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_unmapped_codes_of_all_are_listed_together(running):
    for _ in range(2 * WORKERS):
        running.check(message([order(("NOBODY-HAS-IT", "无名"), hosplist_code="L99")]))
    with grpc.insecure_channel(running.grpc) as channel:
        listed = operations_pb2_grpc.OperationsStub(channel).ListUnmapped(
            operations_pb2.ListUnmappedRequest(), timeout=PATIENCE_S
        )
    times = {code.code: code.times for code in listed.codes if code.kind == "item"}
    assert times["L99"] == 2 * WORKERS
