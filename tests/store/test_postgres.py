"""What only PostgreSQL has: connections that are lost, and a server that is stopped and started."""

import contextlib
import signal
import threading
import time

import pytest

from server import clock
from server.history import History
from server.store import StoreError, open_store
from server.store.postgres import without_password
from tests.store.clusters import Between, Cluster, PostgresPlace
from tests.store.making import commit, decision, line, stored

PATIENCE_S = 40.0


@pytest.fixture(params=["postgres"])
def place(cluster):
    with contextlib.closing(PostgresPlace(cluster)) as made:
        yield made


@pytest.fixture
def own_cluster():
    """One that may be stopped."""
    with contextlib.closing(Cluster()) as running:
        yield running


def end_sessions(place):
    place.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'precheck'")


def test_a_password_is_never_shown():
    address = "postgresql://user:secret@host/db?sslpassword=other&x=1"
    assert without_password(address) == "postgresql://user:…@host/db?sslpassword=…&x=1"
    with pytest.raises(StoreError) as refused:
        open_store("postgresql://user:secret@127.0.0.1:1/db", None)
    assert "secret" not in str(refused.value)
    assert "user:…@127.0.0.1:1/db" in str(refused.value)


def test_a_setting_of_another_kind_is_refused(tmp_path):
    with pytest.raises(StoreError, match="expected nothing or postgresql"):
        open_store("mysql://x", tmp_path)


def test_sessions_that_are_ended_cost_nothing(place, store, history):
    """An administrator ends every session, between calls: the next call connects again."""
    commit(history, [line("L1")])
    for number in range(5):
        end_sessions(place)
        store.record(decision(f"C{number}", request_id=f"R{number}"))
        commit(history, [line(f"M{number}")])
    assert place.rows("SELECT count(*) FROM decision") == [(5,)]
    assert len(stored(store)) == 6


def test_sessions_that_are_ended_under_load_lose_nothing_and_double_nothing(place, store):
    """Whether the last transaction was committed is found out before it is tried again."""
    stop = threading.Event()
    recorded, refused = [], []

    def work(worker):
        number = 0
        while not stop.is_set():
            number += 1
            name = f"{worker}-{number}"
            try:
                store.record(decision(name, request_id=name), until=clock.moment(PATIENCE_S))
            except StoreError as error:
                refused.append(error)
            else:
                recorded.append(name)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(12):
        time.sleep(0.05)
        end_sessions(place)
    stop.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert refused == []
    names = [name for (name,) in place.rows("SELECT check_id FROM decision")]
    assert sorted(names) == sorted(recorded)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_and_started_under_load(own_cluster, how):
    """What was acknowledged is there, once; what was refused said so in time; it goes on by itself."""
    place = PostgresPlace(own_cluster)
    with contextlib.closing(place.open()) as store:
        history = History(store, 1_000_000)
        stop = threading.Event()
        recorded, committed, late = [], [], []

        def check():
            number = 0
            while not stop.is_set():
                number += 1
                until = clock.moment(0.2)
                try:
                    store.record(decision(f"C{number}", request_id=f"R{number}"), until=until)
                    recorded.append(f"C{number}")
                except StoreError:
                    late.append((clock.ticks_us() - until) / 1e6)

        def change():
            number = 0
            while not stop.is_set():
                number += 1
                until = clock.moment(0.2)
                try:
                    commit(history, [line(f"L{number}")], until=until)
                    committed.append(f"L{number}")
                except StoreError:
                    late.append((clock.ticks_us() - until) / 1e6)

        threads = [threading.Thread(target=work) for work in (check, change)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        own_cluster.stop(how)
        time.sleep(0.5)
        before = len(recorded), len(committed)
        own_cluster.start()
        give_up = time.monotonic() + PATIENCE_S
        while len(recorded) <= before[0] or len(committed) <= before[1]:
            assert time.monotonic() < give_up, "it does not go on by itself"
            time.sleep(0.02)
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert late, "the test must see what it speaks of"
        names = [name for (name,) in place.rows("SELECT check_id FROM decision")]
        assert len(names) == len(set(names))
        assert set(recorded) <= set(names)
        there = {one.order_id for one in stored(store).by_identity.values()}
        assert set(committed) <= there
        assert there == {one.order_id for one in history.again("P1").timeline.by_identity.values()}


def test_a_server_that_falls_silent_costs_a_call_its_deadline_and_no_more(place):
    """The network swallows everything: no error, no end of the connection."""
    with (
        contextlib.closing(Between(place.cluster)) as between,
        contextlib.closing(open_store(between.address_of(place), None, upkeep=False)) as store,
    ):
        store.record(decision("C1"))
        between.swallow.set()
        for call in (
            lambda until: store.record(decision("C2"), until=until),
            lambda until: store.events("P1", until=until),
            lambda until: commit(History(store, 1_000_000), [line()], until=until),
        ):
            began = clock.ticks_us()
            with pytest.raises(StoreError):
                call(clock.moment(0.2))
            assert (clock.ticks_us() - began) / 1e6 < 2.0
        between.swallow.clear()
        between.drop()
        store.record(decision("C3"), until=clock.moment(PATIENCE_S))
        assert store.decision("C3") is not None
