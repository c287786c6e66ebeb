"""A server that is started before its store is there."""

import contextlib
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from server import limits
from server.store import await_store
from tests.store.clusters import Cluster, PostgresPlace
from tests.web.messages import CHILD_DRUG, CHILD_ONLY, message, order, rules
from tests.web.packs import write_pack
from tests.web.product import PATIENCE_S, ROOT, Server, command, environment, until

WAITS = "store is away; waiting for it"


@pytest.fixture
def stopped():
    """A PostgreSQL server that is not running, and where a store would be in it."""
    with contextlib.closing(Cluster()) as cluster, contextlib.closing(PostgresPlace(cluster)) as place:
        cluster.stop()
        yield cluster, place


def waits(log):
    return lambda: log.exists() and WAITS in log.read_text()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_waits_for_a_store_that_is_away(tmp_path, stopped, workers):
    """Regression: it ended, and only systemd started it again."""
    cluster, place = stopped
    options = ("--pack", write_pack(tmp_path / "pack"), "--workers", workers)
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(Server, tmp_path / "data", *options, env={"PRECHECK_STORE": place.address})
        until(waits(tmp_path / "data.log"), "it waits")
        assert not starting.done()
        cluster.start()
        with starting.result(PATIENCE_S) as server:
            assert rules(server.check(message([order(CHILD_DRUG)]))) == [CHILD_ONLY]
            assert place.rows("SELECT count(*) FROM decision") == [(1,)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_waits_is_ended_by_a_signal(tmp_path, stopped, number):
    log = tmp_path / "log"
    with log.open("w") as written:
        waiting = subprocess.Popen(
            [sys.executable, "-m", "server", "serve", "--data", str(tmp_path / "data")],
            stdout=subprocess.DEVNULL,
            stderr=written,
            cwd=ROOT,
            env=environment(PRECHECK_STORE=stopped[1].address),
        )
    until(waits(log), "it waits")
    waiting.send_signal(signal.SIGHUP)
    waiting.send_signal(number)
    assert waiting.wait(PATIENCE_S) == 0
    assert "Traceback" not in log.read_text()
    assert not (tmp_path / "data").exists(), "nothing was begun"


def test_it_is_waited_for_no_longer_than_said(stopped, monkeypatch, capfd):
    monkeypatch.setattr(limits, "STORE_START_MAX_S", 1.0)
    before = signal.getsignal(signal.SIGTERM)
    assert await_store(stopped[1].address), "opening it says what is wrong"
    assert "not waiting any longer" in "".join(capfd.readouterr())
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_schema_of_another_version_ends_the_start_at_once(tmp_path, cluster):
    with contextlib.closing(PostgresPlace(cluster)) as place:
        place.open(upkeep=False).close()
        place.change("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
        ended = command(
            "serve", "--data", tmp_path, "--pack", write_pack(tmp_path / "pack"), env={"PRECHECK_STORE": place.address}
        )
    assert ended.returncode == 1
    assert "schema version 99, this server needs" in ended.stderr.decode()
    assert WAITS not in ended.stderr.decode()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://precheck:secret@/nowhere?host={folder}", 'database "nowhere" does not exist'),
        ("postgresql://precheck:secret@/postgres?host={folder}&nonsense=1", "invalid URI query parameter"),
    ],
)
def test_what_waiting_does_not_mend_ends_the_start_at_once(tmp_path, cluster, address, said):
    store = address.format(folder=cluster.folder)
    ended = command("serve", "--data", tmp_path / "data", env={"PRECHECK_STORE": store})
    told = ended.stderr.decode()
    assert ended.returncode == 1
    assert said in told
    assert "precheck: store postgresql://precheck:…@/" in told
    assert "secret" not in told
    assert WAITS not in told
