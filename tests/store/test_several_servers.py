"""Several processes on one store, as stations see them: what one commits, the next check of any other counts with."""

import contextlib
import itertools
import json
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from client_shim import Client, Format
from tests.store.clusters import PostgresPlace
from tests.web.messages import BED, PER_DAY, encoded, message, order
from tests.web.packs import write_pack
from tests.web.product import PATIENCE_S, Server

PAIRS = 120
PAIRS_LONG = 10_000
THREADS = 3
_patients = itertools.count()


def visit_of(patient, charges):
    """A patient's message: so many charges of one bed on one day, of which one a day is allowed."""
    lines = [order(BED, rx_id=f"{patient}-{number}") for number in charges]
    return encoded(message(lines, patient={"patn_id": patient}))


def rules_of(answer):
    assert answer.result >= 0, (answer.result, answer.error)
    return [finding["rule_id"] for finding in json.loads(answer.answer)["output"]["result"]]


@pytest.fixture(scope="module")
def two_servers(cluster, tmp_path_factory):
    """Two servers, each with a data directory of its own, on one PostgreSQL."""
    folder = tmp_path_factory.mktemp("two")
    with contextlib.closing(PostgresPlace(cluster)) as place, contextlib.ExitStack() as stack:
        settings = folder / "settings.toml"
        settings.write_text(f'store = "{place.address}"\n', encoding="utf-8")
        options = ("--settings", settings, "--pack", write_pack(folder / "pack"))
        yield [stack.enter_context(Server(folder / name, *options)) for name in ("one", "two")]


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    """One server of two workers, on SQLite. A client's connection stays with one of them; HTTP goes to each in turn."""
    folder = tmp_path_factory.mktemp("workers")
    with Server(folder / "data", "--workers", 2, "--pack", write_pack(folder / "pack")) as server:
        yield server


@pytest.mark.parametrize(
    "pairs_wanted", [PAIRS, pytest.param(PAIRS_LONG, marks=[pytest.mark.long, pytest.mark.timeout(3_600)])]
)
def test_what_one_server_commits_the_other_counts_with(two_servers, pairs_wanted):
    """The bound is zero: the check is asked right after the commit's acknowledgement, by a server that has seen the patient."""
    asked = []

    def pairs(_):
        with contextlib.ExitStack() as stack:
            here, there = (
                stack.enter_context(server.client(deadline_ms=int(PATIENCE_S * 1000))) for server in two_servers
            )
            for _ in range(-(-pairs_wanted // THREADS)):
                patient = f"T{next(_patients)}"
                assert PER_DAY not in rules_of(there.check(visit_of(patient, [1]), format=Format.NHSA_3101))
                assert here.commit(visit_of(patient, [0]), format=Format.NHSA_3101).lines == 1
                assert PER_DAY in rules_of(there.check(visit_of(patient, [1]), format=Format.NHSA_3101)), patient
                asked.append(patient)
                here, there = there, here

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(pairs, range(THREADS)))
    assert len(asked) >= pairs_wanted


def test_what_one_worker_commits_the_others_count_with(two_workers):
    """Two checks over HTTP go to two workers; the commit comes over a station's connection to one of them."""
    for _ in range(PAIRS // 4):
        patient = f"T{next(_patients)}"
        before, after = visit_of(patient, [1]), visit_of(patient, [1])
        with two_workers.client() as client:
            for _ in range(2):
                status, _, content = two_workers.post_bytes("/nhsa/3101", before)
                assert status == 200
                assert not json.loads(content)["output"]["result"]
            assert client.commit(visit_of(patient, [0]), format=Format.NHSA_3101).lines == 1
        for _ in range(2):
            status, _, content = two_workers.post_bytes("/nhsa/3101", after)
            assert [one["rule_id"] for one in json.loads(content)["output"]["result"]] == [PER_DAY]


def test_a_retry_at_the_other_server_is_answered_with_the_same_decision(two_servers):
    document = visit_of(f"T{next(_patients)}", [1])
    answers = []
    for server in two_servers:
        with server.client() as client:
            answers.append(client.check(document, format=Format.NHSA_3101, request_id="retry-1"))
    assert answers[0].result == answers[1].result >= 0
    assert answers[0].answer == answers[1].answer


def test_a_primary_that_is_killed_is_stood_in_for(tmp_path, cluster):
    """The backup answers, with what the primary had acknowledged; nothing is asked of the station."""
    with contextlib.closing(PostgresPlace(cluster)) as place, contextlib.ExitStack() as stack:
        settings = tmp_path / "settings.toml"
        settings.write_text(f'store = "{place.address}"\n', encoding="utf-8")
        pack = write_pack(tmp_path / "pack")
        primary, backup = (
            stack.enter_context(Server(tmp_path / name, "--settings", settings, "--pack", pack))
            for name in ("primary", "backup")
        )
        with Client(f"{primary.grpc},{backup.grpc}", deadline_ms=int(PATIENCE_S * 1000)) as station:
            patients = [f"K{number}" for number in range(5)]
            for patient in patients:
                assert station.commit(visit_of(patient, [0]), format=Format.NHSA_3101).lines == 1
            primary.kill()
            for patient in patients:
                assert PER_DAY in rules_of(station.check(visit_of(patient, [1]), format=Format.NHSA_3101))
                assert station.commit(visit_of(patient, [0]), format=Format.NHSA_3101).lines == 0


def test_a_stall_that_sends_a_check_to_both_servers_makes_one_decision(tmp_path, cluster):
    """The primary stands still with the check in its hands; the backup is asked beside it. Then the primary wakes."""
    with contextlib.closing(PostgresPlace(cluster)) as place, contextlib.ExitStack() as stack:
        settings = tmp_path / "settings.toml"
        settings.write_text(f'store = "{place.address}"\n', encoding="utf-8")
        options = ("--settings", settings, "--pack", write_pack(tmp_path / "pack"))
        primary, backup = (stack.enter_context(Server(tmp_path / name, *options)) for name in ("primary", "backup"))
        with Client(f"{primary.grpc},{backup.grpc}", deadline_ms=int(PATIENCE_S * 1000)) as station:
            document = visit_of("S0", [1])
            assert rules_of(station.check(document, format=Format.NHSA_3101)) == []
            primary.signal(signal.SIGSTOP)
            answer = station.check(document, format=Format.NHSA_3101, request_id="stalled", deadline_ms=4000)
            primary.signal(signal.SIGCONT)
            assert answer.result >= 0, answer.error
            # Asked again, whoever is asked: the decision that the station had.
            for server in (primary, backup):
                with server.client() as client:
                    again = client.check(document, format=Format.NHSA_3101, request_id="stalled")
                    assert (again.result, again.answer) == (answer.result, answer.answer)
        assert place.rows("SELECT count(*) FROM decision WHERE request_id = ?", "stalled") == [(1,)]
