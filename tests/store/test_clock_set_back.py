"""The clock is set back by a day under a running server: what is recorded, counted with and answered stays right.

A few lines of C (`set_clock.c`) stand between the server's processes and the clock of the calendar.
"""

import contextlib
import datetime as dt
import json
import struct
import subprocess
from pathlib import Path

import grpc
import pytest
from precheck.v1 import check_pb2, check_pb2_grpc

from tests.store.making import stored
from tests.store.places import SqlitePlace
from tests.web.messages import BED, CHILD_DRUG, CHILD_ONLY, PER_DAY, encoded, ext_of, message, order, rules
from tests.web.packs import write_pack
from tests.web.product import PATIENCE_S, Server, command, until

SOURCE = Path(__file__).with_name("set_clock.c")
SET_BACK = dt.timedelta(days=1)
AT_MIDNIGHT = {"inf_time": "2026-07-08 00:00:00"}
"""A date only: it says nothing of which message came first, so the time of receipt counts."""


class Clock:
    """The calendar of a server that is started with `environment`."""

    def __init__(self, folder):
        self._file = folder / "clock"
        self.set(dt.timedelta())
        library = folder / "set_clock.so"
        compiler = ("gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library, SOURCE, "-ldl")
        subprocess.run(list(map(str, compiler)), check=True, timeout=PATIENCE_S)
        self.environment = {"LD_PRELOAD": str(library), "SET_CLOCK_FILE": str(self._file)}

    def set(self, offset):
        """Set it to this much from the true time; in place, because running processes have the file mapped."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", int(offset.total_seconds())))


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


def decided_at(server, answer):
    ((text,),) = server.rows("SELECT received_at FROM decision WHERE check_id = ?", ext_of(answer)["check_id"])
    return dt.datetime.fromisoformat(text)


def bed(patient, rx_id):
    return message([order(BED, rx_id=rx_id)], patient={"patn_id": patient}, head=AT_MIDNIGHT)


def test_records_history_feedback_and_retention(tmp_path, clock):
    data = tmp_path / "data"
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(data, "--pack", write_pack(tmp_path / "pack"), env=clock.environment))
        channel = stack.enter_context(grpc.insecure_channel(server.grpc))
        stub = check_pb2_grpc.PrecheckStub(channel)

        def commit(document):
            request = check_pb2.CommitRequest(document=encoded(document), format=check_pb2.DOCUMENT_FORMAT_NHSA_3101)
            return stub.Commit(request, timeout=PATIENCE_S)

        def void(rx_id):
            request = check_pb2.VoidRequest(patient_id="P1", encounter_id="E1", order_ids=[rx_id])
            return stub.Void(request, timeout=PATIENCE_S)

        drug = message([order(CHILD_DRUG)])
        first = server.check(drug, headers={"Precheck-Request-Id": "R1"})
        assert commit(bed("P1", "A")).committed_lines == 1
        assert commit(bed("P1", "B")).committed_lines == 1

        clock.set(-SET_BACK)
        second = server.check(drug)
        assert decided_at(server, second) < decided_at(server, first), "the test must see what it speaks of"
        # The retry of what was answered before is known.
        assert server.check(drug, headers={"Precheck-Request-Id": "R1"}) == first
        # What was committed before counts, and what is taken back now is taken back, though it is "earlier".
        assert rules(server.check(bed("P1", "C"))) == [PER_DAY]
        assert void("A").voided_lines == 1
        assert void("B").voided_lines == 1
        assert rules(server.check(bed("P1", "C"))) == []
        # A line that is committed anew after its void is there again.
        assert commit(bed("P1", "A")).committed_lines == 1
        assert rules(server.check(bed("P1", "C"))) == [PER_DAY]
        recent = stub.RecentHistory(check_pb2.RecentHistoryRequest(patient_id="P1"), timeout=PATIENCE_S)
        assert [stored_line.line.order_id for stored_line in recent.lines] == ["A"]
        # What the doctor did is joined to the later decision.
        (finding,) = second["output"]["result"]
        warn = {"warn_rslt_id": finding["jr_id"], "dspo_way": "2"}
        feedback = {"infno": "3103", "msgid": "M1", "input": {"data": {"warn_type": "1", "warns": [warn]}}}
        assert server.post("/nhsa/3103", feedback)[0] == 200
        assert server.rows("SELECT check_id FROM feedback") == [(ext_of(second)["check_id"],)]
        # Another pack is followed, and an older one comes back.
        for arguments in (
            ("activate", write_pack(tmp_path / "next", revision=2)),
            ("rollback", "tiny", "--reason", "x"),
        ):
            done = command("pack", *arguments, "--grpc", server.grpc)
            assert done.returncode == 0, done.stderr.decode()
        until(lambda: server.check(drug)["output"]["result"], "it goes on answering")
        assert rules(server.check(drug)) == [CHILD_ONLY]

    # Started again while the clock is behind what the records say.
    with Server(data, env=clock.environment) as server:
        assert rules(server.check(bed("P1", "C"))) == [PER_DAY]
        assert server.check(drug, headers={"Precheck-Request-Id": "R1"}) == first
    with contextlib.closing(SqlitePlace(data)) as place, contextlib.closing(place.open(upkeep=False)) as store:
        assert [line.order_id for line in stored(store, "P1").by_identity.values()] == ["A"]
        verified = store.verify()
        assert (verified.faults, verified.unfinished) == ((), 0)
    for check_id in (ext_of(first)["check_id"], ext_of(second)["check_id"]):
        assert b"same bytes" in command("replay", check_id, "--data", data).stdout
    # Retention goes by what each decision says of its day.
    day = str(decided_at(server, first).date())
    before = server.rows("SELECT count(*) FROM decision WHERE substr(received_at, 1, 10) < ?", day)
    erased = command("records", "retain", "--before", day, "--yes", "--data", data)
    assert erased.returncode == 0, erased.stderr.decode()
    assert server.rows("SELECT count(*) FROM decision WHERE erased_by <> 0") == before
    (left,) = server.rows("SELECT check_id, answer FROM decision WHERE check_id <> ''")
    assert (left[0], json.loads(left[1])) == (ext_of(first)["check_id"], first)
    assert command("records", "verify", "--data", data).returncode == 0
