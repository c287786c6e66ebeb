"""A store that cannot take what it should: held by another, full, stopped. Wait, or shed: as the setting says, and openly."""

import contextlib
import fcntl
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from server import check as check_module
from server import clock
from server.store import StoreError
from server.store.gaps import Gap, GapFile, left_behind
from tests.store.clusters import SERVICE_USER, Cluster, PostgresPlace
from tests.store.places import SqlitePlace
from tests.store.services import Service
from tests.web.messages import (
    BED,
    CHILD_DRUG,
    CHILD_ONLY,
    PER_DAY,
    ext_of,
    message,
    order,
    patient_of,
    rules,
    settlement,
)
from tests.web.packs import write_pack
from tests.web.product import Server, command, until

PATIENCE_S = 40.0


class Held:
    """A SQLite file that another process holds, now and then."""

    def __init__(self, folder):
        self.place = SqlitePlace(folder)
        self._other = sqlite3.connect(self.place.path, isolation_level=None, check_same_thread=False)
        self.readable = True

    def hold(self):
        self._other.execute("BEGIN IMMEDIATE")

    def release(self):
        self._other.execute("ROLLBACK")

    def close(self):
        self._other.close()
        self.place.close()


class Stopped:
    """A PostgreSQL server that is stopped, now and then."""

    def __init__(self):
        self._cluster = Cluster()
        self.place = PostgresPlace(self._cluster)
        self.readable = False

    def hold(self):
        self._cluster.stop(signal.SIGINT)

    def release(self):
        self._cluster.start()

    def close(self):
        self.place.close()
        self._cluster.close()


@pytest.fixture(params=["sqlite", "postgres"])
def away(request, tmp_path):
    """A store that can be made not to answer."""
    with contextlib.closing(Held(tmp_path) if request.param == "sqlite" else Stopped()) as made:
        yield made


def markers(place, kind="gap"):
    return [
        json.loads(content) for (content,) in place.rows("SELECT content FROM marker WHERE kind = ? ORDER BY id", kind)
    ]


def recorded(place):
    return {check_id for (check_id,) in place.rows("SELECT check_id FROM decision")}


def test_wait_refuses_within_the_deadline_and_answers_nothing(away, tiny_packs):
    document = message([order(CHILD_DRUG)])
    with contextlib.closing(away.place.open()) as store:
        service = Service(store, tiny_packs)
        assert rules(service.check(document)) == [CHILD_ONLY]
        away.hold()
        began = clock.ticks_us()
        with pytest.raises(StoreError):
            service.check(document, within_s=0.2)
        with pytest.raises(StoreError):
            service.check(settlement(message([order(BED)])), within_s=0.2)
        # How late it is, is the machine's business; that it waits as long as it may, and not for ever, is ours.
        assert 400_000 <= clock.ticks_us() - began < 5_000_000
        away.release()
        assert rules(service.check(document, within_s=PATIENCE_S)) == [CHILD_ONLY]
        assert len(recorded(away.place)) == 2
    assert markers(away.place) == []


def test_wait_waits_for_a_store_that_comes_back_in_time(away, tiny_packs):
    with contextlib.closing(away.place.open()) as store:
        service = Service(store, tiny_packs)
        away.hold()
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(service.check, message([order(CHILD_DRUG)]), within_s=PATIENCE_S)
            if away.readable:
                until(lambda: store.lag_seconds > 0.3, "what waits is told")
            else:
                time.sleep(0.3)  # it waits for the history, and has nothing to record yet
            away.release()
            assert rules(answer.result(PATIENCE_S)) == [CHILD_ONLY]
        assert store.lag_seconds == 0.0


SHED_AFTER_S = 2.0
"""What a check waits here before it is shed: on a busy machine, a healthy store may take its time."""


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    monkeypatch.setattr(check_module, "SHED_AFTER_S", SHED_AFTER_S)


def test_shed_answers_says_so_and_marks_the_gap(away, tiny_packs):
    with contextlib.closing(away.place.open()) as store:
        service = Service(store, tiny_packs, sheds=True)
        before = service.check(message([order(CHILD_DRUG)]))
        assert ext_of(before)["not_recorded"] is False
        away.hold()
        answers = [service.check(message([order(CHILD_DRUG)])) for _ in range(5)]
        assert [(rules(answer), ext_of(answer)["not_recorded"]) for answer in answers] == [([CHILD_ONLY], True)] * 5
        assert service.metric("precheck_unrecorded_total") == 5
        answered = service.metric('precheck_checks_total{completeness="COMPLETE",verdict="WARN"}')
        partly = service.metric('precheck_checks_total{completeness="PARTIAL",verdict="WARN"}')
        assert answered + partly == 6, "as they were answered, recorded or not"
        assert partly == service.metric('precheck_not_evaluated_total{reason="history_unavailable"}')
        assert store.lag_seconds == 0.0
        assert store.gaps.markers == 0
        began = clock.ticks_us()
        service.check(message([order(CHILD_DRUG)]))
        assert clock.ticks_us() - began < SHED_AFTER_S * 1e6, "once it is known, nobody waits"
        away.release()
        (gap,) = until(lambda: markers(away.place), "the marker", PATIENCE_S)
        assert (gap["answers"], bool(gap["reason"])) == (6, True)
        assert gap["since"] <= gap["until"]
        until(lambda: not store.gaps.is_open, "it is told")
        assert store.gaps.markers == 1
        after = service.check(message([order(CHILD_DRUG)]))
        assert ext_of(after)["not_recorded"] is False
        assert recorded(away.place) == {ext_of(answer)["check_id"] for answer in (before, after)}
        assert service.metric("precheck_unrecorded_total") == 6
    assert len(markers(away.place)) == 1


def test_what_commits_is_never_shed(away, tiny_packs):
    document = message([order(BED, rx_id="A")])
    with contextlib.closing(away.place.open()) as store:
        service = Service(store, tiny_packs, sheds=True)
        service.check(message([order(CHILD_DRUG)]))
        away.hold()
        with pytest.raises(StoreError):
            service.check(settlement(document), within_s=0.2)
        assert ext_of(service.check(message([order(CHILD_DRUG)])))["not_recorded"]
        with pytest.raises(StoreError):
            service.check(settlement(document), within_s=0.2)
        away.release()
        assert ext_of(service.check(settlement(document), within_s=PATIENCE_S))["committed_lines"] == 1
        until(lambda: markers(away.place), "the marker", PATIENCE_S)


def test_a_history_that_cannot_be_read_is_said_and_one_in_memory_is_used(tiny_packs):
    with contextlib.closing(Stopped()) as away, contextlib.closing(away.place.open()) as store:
        service = Service(store, tiny_packs, sheds=True)
        known = message([order(BED, rx_id="A")])
        service.check(settlement(known))
        away.hold()
        strange = service.check(message([order(BED), order(CHILD_DRUG)]))
        assert rules(strange) == [CHILD_ONLY]
        assert ext_of(strange)["completeness"] == "PARTIAL"
        assert [gap["reason"] for gap in ext_of(strange)["not_evaluated"]] == ["history_unavailable"]
        assert service.metric('precheck_not_evaluated_total{reason="history_unavailable"}') == 1
        again = service.check(message([order(BED, rx_id="B")], patient={"patn_id": patient_of(known)["patn_id"]}))
        assert rules(again) == [PER_DAY]
        # It may be behind: nobody could ask the store whether another server has committed meanwhile.
        assert ext_of(again)["completeness"] == "PARTIAL"
        assert [gap["reason"] for gap in ext_of(again)["not_evaluated"]] == ["history_unavailable"]
        # Counted as it was answered, which is not as it was judged at first.
        assert service.metric('precheck_not_evaluated_total{reason="history_unavailable"}') == 2
        nobody = service.check(message([order(CHILD_DRUG)], patient={"patn_id": ""}))
        assert [gap["reason"] for gap in ext_of(nobody)["not_evaluated"]] == ["no_patient_id"]
        away.release()
        until(lambda: markers(away.place), "the marker", PATIENCE_S)


def test_answers_that_are_not_recorded_are_marked_at_the_latest_at_the_end(tmp_path, tiny_packs):
    with contextlib.closing(Held(tmp_path)) as away:
        with contextlib.closing(away.place.open(upkeep=False)) as store:
            service = Service(store, tiny_packs, sheds=True)
            away.hold()
            service.check(message([order(CHILD_DRUG)]))
            away.release()
        assert [gap["answers"] for gap in markers(away.place)] == [1]


class SmallDisk:
    """A file system of its own that can be filled; without the right to mount one, a limit on every file of a process."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        command = ("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder))
        self.is_mounted = (
            os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
        )
        self._filler = folder / "filler"
        self._pids = []

    def fill(self, pids):
        if not self.is_mounted:
            self._pids = pids
            self._limit(1)
            return
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))

    def free(self):
        self._filler.unlink(missing_ok=True)
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, most):
        for pid in self._pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    def close(self):
        if self.is_mounted:
            subprocess.run(("umount", "-l", str(self.folder)), check=True)


@pytest.mark.parametrize("behind", ["wait", "shed"])
def test_a_full_disk(tmp_path, behind):
    """Nothing can be written any more. Then it can again, and nobody had to do anything."""
    pack = write_pack(tmp_path / "pack")
    with (
        contextlib.closing(SmallDisk(tmp_path / "disk")) as disk,
        Server(disk.folder / "data", "--pack", pack, env={"PRECHECK_STORE_BEHIND": behind}) as server,
    ):
        answered = [server.check(message([order(CHILD_DRUG)]))]
        disk.fill([server.pid, *server.children()])

        def is_full():
            """The log that is there already takes some more."""
            status, answer = server.post("/nhsa/3101", message([order(CHILD_DRUG)]))
            if status == 503:
                return behind == "wait"
            assert rules(answer) == [CHILD_ONLY]
            if ext_of(answer)["not_recorded"]:
                return behind == "shed"
            return answered.append(answer)

        until(is_full, "the disk is full")
        settled = settlement(message([order(BED, rx_id="A")]))
        assert server.post("/nhsa/3102", settled)[0] == 503, "what commits is refused"
        disk.free()
        until(lambda: server.post("/nhsa/3102", settled)[0] == 200, "it goes on by itself")
        if behind == "shed":
            until(lambda: server.rows("SELECT 1 FROM marker WHERE kind = 'gap'"), "the marker")
        answered.append(server.check(message([order(CHILD_DRUG)])))
        kept = {check_id for (check_id,) in server.rows("SELECT check_id FROM decision")}
        assert {ext_of(answer)["check_id"] for answer in answered} <= kept
        assert len(kept) == len(answered) + 1
        assert server.rows("PRAGMA integrity_check") == [("ok",)]


def test_a_kill_while_answers_go_out_unrecorded_on_a_full_disk_loses_none_of_them(tmp_path):
    """Each was counted before it left, in room that was there before; the next start tells the chain of them."""
    pack = write_pack(tmp_path / "pack")
    with contextlib.closing(SmallDisk(tmp_path / "disk")) as disk, contextlib.ExitStack() as stack:
        data = disk.folder / "data"
        server = stack.enter_context(Server(data, "--pack", pack, env={"PRECHECK_STORE_BEHIND": "shed"}))
        disk.fill([server.pid, *server.children()])
        unrecorded = 0

        def some_were_not_recorded():
            nonlocal unrecorded
            unrecorded += ext_of(server.check(message([order(CHILD_DRUG)])))["not_recorded"]
            return unrecorded >= 7

        until(some_were_not_recorded, "answers without a record")
        server.kill()
        disk.free()
        (left,) = data.glob("unrecorded-*")
        again = stack.enter_context(Server(data, "--pack", pack))
        gaps = [json.loads(content) for (content,) in again.rows("SELECT content FROM marker WHERE kind = 'gap'")]
        assert sum(gap["answers"] for gap in gaps) == unrecorded
        assert gaps[-1]["found"] == "left by a process that was killed"
        assert not left.exists()
        assert len(list(data.glob("unrecorded-*"))) == 1, "the file of who runs now"
        again.stop()
        assert list(data.glob("unrecorded-*")) == [], "who ends in order leaves nothing"
        assert command("records", "verify", "--data", data).returncode == 0


@pytest.fixture
def small_tablespace(tmp_path):
    """A schema of a PostgreSQL server whose tables stand on a file system of their own; what the server logs stands elsewhere."""
    with contextlib.closing(Cluster()) as cluster, contextlib.closing(SmallDisk(cluster.folder / "small")) as disk:
        if not disk.is_mounted:
            pytest.skip("without the right to mount a file system, only tables and log together can be filled")
        shutil.chown(disk.folder, SERVICE_USER, SERVICE_USER)
        cluster.execute(f"CREATE TABLESPACE small LOCATION '{disk.folder}'")
        with contextlib.closing(PostgresPlace(cluster)) as place:
            place.address += "%20-cdefault_tablespace%3Dsmall"
            yield place, disk
        cluster.execute("DROP TABLESPACE small")


@pytest.mark.parametrize("behind", ["wait", "shed"])
def test_a_full_disk_of_postgresql(tmp_path, small_tablespace, behind):
    """PostgreSQL cannot extend its tables. What commits is refused, checks do what the setting says, and it goes on by itself."""
    place, disk = small_tablespace
    environment = {"PRECHECK_STORE": place.address, "PRECHECK_STORE_BEHIND": behind}
    with Server(tmp_path / "data", "--pack", write_pack(tmp_path / "pack"), env=environment) as server:
        check_until_full(server, disk, place, behind)
    assert command("records", "verify", "--store", place.address).returncode == 0


def check_until_full(server, disk, place, behind):
    answered = [server.check(message([order(CHILD_DRUG)]))]
    unrecorded = 0
    disk.fill([])

    def is_full():
        """The pages that are there already take some more."""
        nonlocal unrecorded
        status, answer = server.post("/nhsa/3101", message([order(CHILD_DRUG)]))
        if status == 503:
            assert behind == "wait", answer
            assert "No space left" in answer["err_msg"], answer
            return True
        assert rules(answer) == [CHILD_ONLY]
        if ext_of(answer)["not_recorded"]:
            assert behind == "shed"
            unrecorded += 1
            return True
        answered.append(answer)
        return False

    until(is_full, "the disk is full")
    settled = settlement(message([order(BED, rx_id="A")]))
    # One or another may still find room in a page that is there.
    statuses = [server.post("/nhsa/3102", settlement(message([order(BED)])))[0] for _ in range(3)]
    assert 503 in statuses, "what commits is refused"
    committed = 1 + statuses.count(200)
    disk.free()
    until(lambda: server.post("/nhsa/3102", settled)[0] == 200, "it goes on by itself")
    if behind == "shed":
        gaps = until(lambda: markers(place), "the marker")
        until(lambda: server.metric("precheck_unrecorded_seconds") == 0.0, "it is told")
        assert sum(gap["answers"] for gap in gaps) == unrecorded
    answered.append(server.check(message([order(CHILD_DRUG)])))
    kept = recorded(place)
    assert {ext_of(answer)["check_id"] for answer in answered} <= kept
    assert len(kept) == len(answered) + committed
    assert place.rows("SELECT count(*) FROM event") == [(committed,)]


@pytest.mark.parametrize("behind", ["shed", pytest.param("wait", marks=pytest.mark.long)])
def test_postgresql_stopped_and_started_under_a_running_server(tmp_path, behind):
    """Meanwhile checks wait and are refused, or are answered and say what they lack; then all goes on without a hand."""
    with contextlib.closing(Stopped()) as away:
        environment = {"PRECHECK_STORE": away.place.address, "PRECHECK_STORE_BEHIND": behind}
        with Server(tmp_path / "data", "--pack", write_pack(tmp_path / "pack"), env=environment) as server:
            known = message([order(BED, rx_id="A")])
            acknowledged = [server.check(settlement(known), "/nhsa/3102")]
            away.hold()
            again = message([order(BED, rx_id="B")], patient={"patn_id": patient_of(known)["patn_id"]})
            status, answer = server.post("/nhsa/3101", again)
            if behind == "wait":
                assert (status, answer["infcode"]) == (503, -1)
            else:
                assert (rules(answer), ext_of(answer)["not_recorded"]) == ([PER_DAY], True)
                assert [gap["reason"] for gap in ext_of(answer)["not_evaluated"]] == ["history_unavailable"]
            assert server.post("/nhsa/3102", settlement(message([order(BED)])))[0] == 503
            away.release()
            until(
                lambda: server.post("/nhsa/3102", settlement(message([order(BED)])))[0] == 200, "it goes on by itself"
            )
            acknowledged.append(server.check(again))
            assert rules(acknowledged[-1]) == [PER_DAY]
            if behind == "shed":
                (gap,) = until(lambda: markers(away.place), "the marker")
                assert gap["answers"] == 1
        assert {ext_of(answer)["check_id"] for answer in acknowledged} <= recorded(away.place)
        assert len(recorded(away.place)) == 3
        assert command("records", "verify", "--store", away.place.address).returncode == 0


def left(folder, gap):
    """Leave a file as a killed process does."""
    file = GapFile(folder)
    file.write(gap)
    file.close(keep=True)


def test_a_file_that_is_not_locked_yet_is_not_lost_to_another_that_starts(tmp_path, monkeypatch):
    """One process has made its file and is about to lock it when another looks for what was left behind."""
    real = fcntl.flock
    taken = []

    def flock(file, operation):
        if operation == fcntl.LOCK_EX and not taken:
            taken.extend(path.name for path in tmp_path.iterdir())
            monkeypatch.setattr(fcntl, "flock", real)
            assert list(left_behind(tmp_path)) == []
        real(file, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    file = GapFile(tmp_path)
    assert len(taken) == 1
    assert taken[0] not in [path.name for path in tmp_path.iterdir()], "it was taken for one left behind"
    gap = Gap(3, "2026-07-01", "2026-07-02", "x")
    file.write(gap)
    file.close(keep=True)
    assert list(left_behind(tmp_path)) == [gap]


def test_what_the_chain_tells_already_is_not_told_twice(tmp_path):
    """Killed between the marker and the file: the part that the marker tells is not counted again."""
    with contextlib.closing(SqlitePlace(tmp_path)) as place:
        with contextlib.closing(place.open()) as store:
            store.gaps.add("x")
            until(lambda: markers(place), "the marker")
        (told,) = markers(place)
        gap = Gap(**told)
        assert gap.counted_by
        left(tmp_path, gap)
        left(tmp_path, None)
        with contextlib.closing(place.open()) as store:
            store.keep_gaps_in(tmp_path)
            assert [one["answers"] for one in markers(place)] == [1], "it was told before"
        left(tmp_path, gap._replace(answers=4))
        left(tmp_path, gap._replace(counted_by="another process of the same moment", answers=1))
        with contextlib.closing(place.open()) as store:
            store.keep_gaps_in(tmp_path)
            assert sorted(one["answers"] for one in markers(place)) == [1, 1, 3]
            left(tmp_path, Gap(2, "2026-07-01", "2026-07-02", "y" * 300))
            # Beside a process that lives, another one starts.
            with contextlib.closing(place.open()) as other:
                other.keep_gaps_in(tmp_path)
                assert len(list(tmp_path.glob("unrecorded-*"))) == 2
            assert sorted(one["answers"] for one in markers(place)) == [1, 1, 2, 3]


def test_without_room_for_the_file_answers_are_counted_in_memory(tmp_path):
    with contextlib.closing(SqlitePlace(tmp_path)) as place, contextlib.closing(place.open(upkeep=False)) as store:
        with contextlib.closing(SmallDisk(tmp_path / "disk")) as disk:
            if not disk.is_mounted:
                pytest.skip("without the right to mount a file system there is none to fill")
            disk.fill([])
            store.keep_gaps_in(disk.folder)
            assert list(disk.folder.glob("unrecorded-*")) == []
        store.gaps.add("x")
        store.close()
        assert [gap["answers"] for gap in markers(place)] == [1]


def test_a_damaged_file_of_unrecorded_answers_is_said(tmp_path):
    (tmp_path / "unrecorded-1-ab").write_bytes(b"[3, damaged")
    with contextlib.closing(SqlitePlace(tmp_path)) as place, contextlib.closing(place.open()) as store:
        store.keep_gaps_in(tmp_path)
        (told,) = markers(place)
        assert (told["answers"], "nobody knows how many" in told["reason"]) == (0, True)


def test_over_the_c_library_a_refusal_comes_within_the_deadline(tmp_path):
    """The station's deadline holds, and what it gets is "not checked"."""
    pack = write_pack(tmp_path / "pack")
    with Server(tmp_path / "data", "--pack", pack) as server, contextlib.closing(Held(server.data)) as away:
        from client_shim import Format
        from tests.web.messages import encoded

        with contextlib.closing(server.client(deadline_ms=400)) as client:
            body = encoded(message([order(CHILD_DRUG)]))
            assert client.check(body, format=Format.NHSA_3101).checked
            away.hold()
            began = time.monotonic()
            answer = client.check(body, format=Format.NHSA_3101)
            took = time.monotonic() - began
            away.release()
            assert not answer.checked
            assert took < 5.0
            assert client.check(body, format=Format.NHSA_3101, deadline_ms=int(PATIENCE_S * 1000)).checked
