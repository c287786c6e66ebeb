"""`kill -9` of the server or of one of its workers while stations check, commit and void: what was acknowledged is there, once.

A station asks again what it was not told the end of, as `precheck/v1/check.proto` says that it may.
"""

import contextlib
import json
import os
import random
import signal
import threading
import time

import grpc
import msgspec
import pytest
from precheck.v1 import check_pb2, check_pb2_grpc

from server.store import Commit, Void
from tests.store.making import stored
from tests.web.messages import BED, CHILD_DRUG, encoded, message, order
from tests.web.packs import write_pack
from tests.web.product import PATIENCE_S, Server, command, is_alive, until

THREADS = 3
PAUSE_S = 0.02
"""Between two visits: who starts again must get its share of the processors too."""
LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
"""What a station is told whose server died with its call."""
ASK_AGAIN_S = 0.02
CHANNEL = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
]


UNNOTICED_MAX = 8
"""Kills beyond those that are asked for: a worker may die with no station on it, and that would show nothing."""


class Visit:
    """One patient: checked, two orders committed, one of them taken back, checked again."""

    def __init__(self, patient):
        self.patient = patient
        self.answers = {}
        self.attempts = {}
        lines = [order(BED, rx_id=f"{patient}-kept"), order(CHILD_DRUG, rx_id=f"{patient}-taken")]
        self.document = encoded(message(lines, patient={"patn_id": patient}))

    def steps(self):
        """Yield the name of each RPC, its request, and the name of the step."""
        document = {"document": self.document, "format": check_pb2.DOCUMENT_FORMAT_NHSA_3101}
        void = {"patient_id": self.patient, "encounter_id": "E1", "order_ids": [f"{self.patient}-taken"]}
        for step in ("before", "after"):
            request = check_pb2.CheckDocumentRequest(**document, request_id=f"{self.patient}-{step}")
            yield "CheckDocument", request, step
            if step == "before":
                yield "Commit", check_pb2.CommitRequest(**document), "commit"
                yield "Void", check_pb2.VoidRequest(**void), "void"


class Stations:
    """Threads that go through visits, each step until it is acknowledged."""

    def __init__(self, address):
        self.visits = []
        self.problems = []
        self.repeated = 0
        self._address = address
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def _work(self, station):
        number = 0
        while not self._stop.is_set():
            # A new connection for each visit, as of another station: the kernel gives it to any worker.
            with grpc.insecure_channel(self._address, options=CHANNEL) as channel:
                stub = check_pb2_grpc.PrecheckStub(channel)
                number += 1
                visit = Visit(f"S{station}-{number}")
                for rpc, request, step in visit.steps():
                    if not self._done(visit, getattr(stub, rpc), request, step):
                        return
                self.visits.append(visit)
            time.sleep(PAUSE_S)

    def _done(self, visit, call, request, step):
        """Ask until there is an answer; say whether it came."""
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            visit.attempts[step] = visit.attempts.get(step, 0) + 1
            try:
                visit.answers[step] = call(request, timeout=PATIENCE_S)
            except grpc.RpcError as error:
                if error.code() not in LOST:
                    self.problems.append((visit.patient, step, error.code(), error.details()))
                    return False
                self.repeated += 1
                time.sleep(ASK_AGAIN_S)
            else:
                return True
        self.problems.append((visit.patient, step, "no answer any more"))
        return False

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)
        assert not any(thread.is_alive() for thread in self._threads)


def answering(server):
    """Return the ids of the workers that have said that they answer, whether they live or not, the oldest first."""
    lines = (
        json.loads(line) for line in server.log.read_text(encoding="utf-8").splitlines() if "worker answers" in line
    )
    return [line["pid"] for line in lines]


def kill_a_worker(server, rng, _start):
    """Kill one of two; the supervisor starts another."""
    until(lambda: len([pid for pid in answering(server) if is_alive(pid)]) == 2, "both workers answer")
    said = answering(server)
    victim = rng.choice([pid for pid in said if is_alive(pid)])
    time.sleep(rng.random() * 0.3)  # the moment is the point
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(answering(server)) > len(said), "another one in its place")
    return server


def kill_the_server(server, rng, start):
    """Kill it, and start it again where it was."""
    time.sleep(rng.random() * 0.3)
    server.kill()
    return start(server)


def all_of(place, table, columns):
    """Return the rows of a table by their first column; what is binary as bytes."""
    found = {}
    for key, *rest in place.rows(f"SELECT {columns} FROM {table} ORDER BY id"):
        found.setdefault(key, []).append(tuple(bytes(one) if isinstance(one, memoryview) else one for one in rest))
    return found


@pytest.mark.parametrize("rounds", [pytest.param(1), pytest.param(12, marks=pytest.mark.long)])
@pytest.mark.parametrize("kill", [kill_a_worker, kill_the_server])
@pytest.mark.timeout(1_800)
def test_what_was_acknowledged_is_there_once(tmp_path, kept, kill, rounds):
    rng = random.Random()
    pack = write_pack(tmp_path / "pack")
    options = ("--pack", pack, "--workers", 2 if kill is kill_a_worker else 1)

    def start(before=None):
        where = {"grpc": before.grpc, "http": before.http} if before is not None else {}
        return Server(tmp_path / "data", *options, env=kept.environment, **where)

    server = start()
    stations = None
    try:
        stations = Stations(server.grpc)
        kills = 0
        while kills < rounds or (not stations.repeated and kills < rounds + UNNOTICED_MAX):
            kills += 1
            had = len(stations.visits)
            until(lambda had=had: len(stations.visits) >= had + THREADS or stations.problems, "visits")
            server = kill(server, rng, start)
            assert not stations.problems, stations.problems[:3]
        had = len(stations.visits)
        until(lambda: len(stations.visits) >= had + THREADS or stations.problems, "visits after the last kill")
    finally:
        if stations is not None:
            stations.stop()
        server.stop()
    assert not stations.problems, stations.problems[:3]
    assert stations.repeated, "a kill that no station notices shows nothing"
    decisions, events = (
        all_of(kept, "decision", "request_id, check_id, answer"),
        all_of(kept, "event", "patient_id, kind, content"),
    )
    with contextlib.closing(kept.open(upkeep=False)) as store:
        for visit in stations.visits:
            for step in ("before", "after"):
                answer = visit.answers[step]
                assert decisions[f"{visit.patient}-{step}"] == [(answer.check_id, answer.answer)]
            changes = events[visit.patient]
            (committed,) = [msgspec.msgpack.decode(said, type=Commit) for kind, said in changes if kind == "commit"]
            assert len(committed.lines) == 2
            voids = [msgspec.msgpack.decode(said, type=Void) for kind, said in changes if kind == "void"]
            assert 1 <= len(voids) <= visit.attempts["void"], "one for each time that it was asked, at most"
            there = stored(store, visit.patient).by_identity.values()
            assert [line.order_id for line in there] == [f"{visit.patient}-kept"]
        verified = store.verify()
    assert verified.faults == ()
    assert verified.unfinished == kills, "who was killed did not say that it ended"
    where = ("--store", kept.address) if kept.kind == "postgres" else ("--data", tmp_path / "data")
    assert command("records", "verify", *where).returncode == 0
