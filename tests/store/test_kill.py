"""`kill -9` at any moment loses nothing that was answered."""

import contextlib
import http.client
import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from server.store import Commit
from tests.web.messages import (
    BED,
    CHILD_DRUG,
    CHILD_ONLY,
    PER_DAY,
    encoded,
    ext_of,
    message,
    order,
    orders_of,
    patient_of,
    rules,
    settlement,
)
from tests.web.packs import write_pack
from tests.web.product import PATIENCE_S, Server, command, is_alive, until

THREADS = 4


class Load:
    """Threads that send messages and keep what was answered."""

    def __init__(self, server, rng):
        self.answered = []
        self.problems = []
        self._server = server
        self._seeds = [rng.random() for _ in range(THREADS)]
        self._threads = [threading.Thread(target=self._work, args=(seed,)) for seed in self._seeds]
        for thread in self._threads:
            thread.start()

    def _work(self, seed):
        chance = random.Random(seed)
        number = 0
        # The server dies under it: any failure of the connection ends the thread, any other failure is a problem.
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                number += 1
                request_id = f"{seed}-{number}"
                if chance.random() < 0.5:
                    document = message([order(CHILD_DRUG)])
                else:
                    document = settlement(message([order(BED), order(CHILD_DRUG)]))
                body = encoded(document)
                headers = {"Precheck-Request-Id": request_id}
                status, _, answer = self._server.post_bytes("/nhsa/3101", body, headers)
                if status == 200:
                    self.answered.append((request_id, body, answer))
                elif status != 503:
                    self.problems.append((status, answer))

    def join(self):
        for thread in self._threads:
            thread.join(PATIENCE_S)
        assert not any(thread.is_alive() for thread in self._threads)


@pytest.mark.parametrize("rounds", [pytest.param(5), pytest.param(50, marks=pytest.mark.long)])
@pytest.mark.timeout(1_800)
def test_every_answer_is_in_the_store_after_a_kill(tmp_path, kept, rounds):
    """Of both stores together 10 moments, and 100 in the long form: nothing is missing, nothing twice, the chains hold."""
    rng = random.Random()
    data = tmp_path / "data"
    pack = write_pack(tmp_path / "pack")
    checked = 0
    for _ in range(rounds):
        server = Server(data, "--pack", pack, env=kept.environment)
        gateway = server.gateway()
        load = Load(server, rng)
        until(lambda load=load: len(load.answered) >= THREADS, "answers")
        time.sleep(rng.random() * 0.15)  # the moment is the point
        server.kill()
        load.join()
        assert load.problems == []
        if gateway is not None:
            until(lambda gateway=gateway: not is_alive(gateway), "the gateway ends with its server")
        for request_id, body, answer in load.answered:
            content = json.loads(answer)
            check_id, lines = ext_of(content)["check_id"], ext_of(content)["committed_lines"]
            rows = kept.rows("SELECT request_id, document, answer FROM decision WHERE check_id = ?", check_id)
            assert rows == [(request_id, body, answer)]
            events = kept.rows("SELECT content FROM event WHERE source = ?", check_id)
            said = [msgspec.msgpack.decode(content, type=Commit) for (content,) in events]
            assert [len(one.lines) for one in said] == ([lines] if lines else [])
            assert all(one.visit is not None for one in said)
            checked += 1
    assert checked >= rounds * THREADS
    with Server(data, "--pack", pack, env=kept.environment) as server:
        for request_id, body, answer in load.answered[-20:]:
            repeated = server.post_bytes("/nhsa/3101", body, {"Precheck-Request-Id": request_id})
            assert (repeated[0], repeated[2]) == (200, answer), "the recorded answer, to the byte"
    doubled = "SELECT request_id FROM decision WHERE request_id <> '' GROUP BY request_id HAVING count(*) > 1"
    assert kept.rows(doubled) == []
    verified = kept.open(upkeep=False).verify()
    assert verified.faults == ()
    assert (len(verified.heads), verified.unfinished) == (rounds + 1, rounds), "who was killed did not say so"


def test_a_kill_right_after_the_reply(tmp_path):
    document = message([order(BED, rx_id="A")])
    with contextlib.ExitStack() as stack:
        server = Server(tmp_path / "data")
        stack.callback(server.stop)
        first = server.check(settlement(document))
        server.kill()
        # The same ports: a station reconnects to where it was.
        again = stack.enter_context(Server(tmp_path / "data", grpc=server.grpc, http=server.http))
        assert (again.grpc, again.http) == (server.grpc, server.http)
        assert again.rows("SELECT check_id FROM decision") == [(ext_of(first)["check_id"],)]
        orders_of(document)[0]["rx_id"] = "B"
        after = again.check(document)
        assert rules(after) == [PER_DAY]
        assert again.rows("SELECT kind FROM event ORDER BY position") == [("commit",)]
        assert ext_of(after)["history_position"] == 1


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("store") / "data") as running:
        yield running


def test_a_second_server_on_the_same_data_is_refused(server):
    done = command("serve", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", server.data)
    assert done.returncode == 1
    assert "in use by another server" in done.stderr.decode()
    assert done.stdout == b""
    assert rules(server.check(message([order(CHILD_DRUG)]))) == [CHILD_ONLY]


def test_a_store_that_is_held_by_another_is_no_silent_loss(server):
    """A backup holds the store: the check is refused, not answered without a record; then all is well again."""
    import sqlite3

    document = message([order(CHILD_DRUG)])
    with contextlib.closing(sqlite3.connect(server.data / "precheck.db", isolation_level=None)) as backup:
        backup.execute("BEGIN IMMEDIATE")
        status, answer = server.post("/nhsa/3101", document)
        backup.execute("ROLLBACK")
    assert (status, answer["infcode"]) == (503, -1)
    assert "store" in answer["err_msg"]
    query = "SELECT count(*) FROM decision WHERE patient_id = ?"
    patient = patient_of(document)["patn_id"]
    assert server.rows(query, patient) == [(0,)]
    assert rules(server.check(document)) == [CHILD_ONLY]
    assert server.rows(query, patient) == [(1,)]


def test_one_request_id_sent_by_many_at_once_is_judged_once(server):
    document = message([order(CHILD_DRUG)])
    body, request_id = encoded(document), f"id-{patient_of(document)['patn_id']}"
    started = threading.Barrier(8)

    def send(_):
        started.wait(30)
        return server.post_bytes("/nhsa/3101", body, {"Precheck-Request-Id": request_id})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert {(status, answer) for status, _, answer in answers} == {(200, answers[0][2])}
    assert server.rows("SELECT count(*) FROM decision WHERE request_id = ?", request_id) == [(1,)]


def test_what_a_decision_records(server):
    document = settlement(message([order(CHILD_DRUG)]))
    body = encoded(document, "gbk")
    headers = {"Precheck-Station": "S7", "Precheck-Request-Id": f"id-{patient_of(document)['patn_id']}"}
    _, _, answer = server.post_bytes("/nhsa/3101", body, headers)
    content = json.loads(answer.decode("gbk"))
    columns = "request_id, patient_id, encounter_id, message_id, station_id, format, encoding, profile, revision, verdict, completeness, document, answer"
    (row,) = server.rows(f"SELECT {columns} FROM decision WHERE check_id = ?", ext_of(content)["check_id"])
    assert row == (
        headers["Precheck-Request-Id"],
        patient_of(document)["patn_id"],
        "E1",
        document["msgid"],
        "S7",
        "3102",
        "gb18030",
        "default",
        server.revision,
        1,
        1,
        body,
        answer,
    )
    (findings,) = server.rows("SELECT findings FROM decision WHERE check_id = ?", ext_of(content)["check_id"])[0]
    assert [found[0] for found in json.loads(findings)] == [result["jr_id"] for result in content["output"]["result"]]
