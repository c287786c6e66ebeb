"""Packs in shadow: judged beside the checks by a process of its own, counted once each, and answered to nobody."""

import json
import os
import signal
from pathlib import Path

import grpc
import pytest
from precheck.v1 import operations_pb2, operations_pb2_grpc

from client_shim import Format
from tests.reload.load import write_revision
from tests.reload.test_pack_diff import CHECKS, DEPARTMENTS, document
from tests.web.messages import BED
from tests.web.packs import write_pack
from tests.web.product import PATIENCE_S, Server, command, until


class Shadowed:
    def __init__(self, folder, first):
        self.folder = folder
        self.server = Server(folder / "data", "--pack", first)
        self.channel = grpc.insecure_channel(self.server.grpc)
        self.operations = operations_pb2_grpc.OperationsStub(self.channel)
        self.number = 0

    def check(self, times):
        """Check so many messages of their own patients; return the rules found."""
        found = set()
        with self.server.client(station_id="S1") as client:
            for _ in range(times):
                self.number += 1
                content = json.dumps(document(self.number)).encode()
                answer = json.loads(client.check(content, format=Format.PRECHECK_JSON).answer)
                found |= {one["rule"] for one in answer["findings"]}
        return found

    def shadow(self, *paths):
        request = operations_pb2.ShadowPacksRequest(paths=map(str, paths))
        return self.operations.ShadowPacks(request, timeout=PATIENCE_S)

    def status(self):
        return self.operations.GetStatus(operations_pb2.GetStatusRequest(), timeout=PATIENCE_S)

    def ready(self):
        """Wait until the process follows the store; what is checked before is not counted."""
        until((self.folder / "data" / "packs" / "SHADOW").exists, "the shadow begins")
        until(lambda: not self.status().shadow.problem, "the shadow judges")

    def counted(self, decisions):
        """Wait until so many decisions were judged in shadow; return the report."""
        until(lambda: self.status().shadow.decisions >= decisions, f"{decisions} decisions in shadow")
        reply = self.operations.GetShadowReport(operations_pb2.GetShadowReportRequest(), timeout=PATIENCE_S)
        return json.loads(reply.report)["tally"]

    def process(self):
        """Return the id of the shadow's process, or None."""
        for child in self.server.children():
            try:
                if b"server.packs.shadow" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return child
            except OSError:
                continue
        return None

    def stop(self):
        self.channel.close()
        self.server.stop()


@pytest.fixture
def shadowed(tmp_path):
    made = Shadowed(tmp_path, write_revision(tmp_path / "revision-1", 1))
    yield made
    made.stop()


def test_what_would_change_is_counted_and_answered_to_nobody(shadowed, tmp_path):
    shadowed.shadow(write_revision(tmp_path / "revision-5", 5))
    shadowed.ready()
    assert shadowed.check(CHECKS) == {"DRUG-1"}, "revision 1 answers"
    tally = shadowed.counted(CHECKS)
    assert (tally["decisions"], tally["affected"]) == (CHECKS, CHECKS)
    assert (tally["all"]["added"], tally["all"]["removed"], tally["all"]["popups_added"]) == (CHECKS, 0, CHECKS)
    (row,) = [row for row in tally["rows"] if row["count"]["added"]]
    assert row["row_id"] == f"service-per-day:{BED[0]}"
    assert {code: one["added"] for code, one in tally["departments"].items()} == dict.fromkeys(DEPARTMENTS, 10)
    sample = f'precheck_shadow_row_findings{{change="added",pack="tiny",row="service-per-day:{BED[0]}"}}'
    until(lambda: shadowed.server.metric(sample) == CHECKS, "the metric")
    assert shadowed.server.metric('precheck_shadow_findings{change="popups_added"}') == CHECKS


def test_a_process_that_is_killed_goes_on_and_counts_nothing_twice(shadowed, tmp_path):
    shadowed.shadow(write_revision(tmp_path / "revision-5", 5))
    shadowed.ready()
    shadowed.check(10)
    shadowed.counted(10)
    os.kill(shadowed.process(), signal.SIGKILL)
    assert shadowed.check(10) == {"DRUG-1"}, "checks go on"
    tally = shadowed.counted(20)
    assert (tally["decisions"], tally["all"]["added"]) == (20, 20)


def test_it_ends_with_the_shadow_and_with_the_server(shadowed, tmp_path):
    assert shadowed.process() is None
    shadowed.shadow(write_revision(tmp_path / "revision-5", 5))
    until(shadowed.process, "the process")
    assert shadowed.shadow().done == ["the shadow has ended"]
    until(lambda: shadowed.process() is None, "its end")
    assert not shadowed.status().HasField("shadow")
    shadowed.shadow("tiny@5")
    process = until(shadowed.process, "the process again")
    shadowed.server.stop()
    until(lambda: not Path(f"/proc/{process}").exists(), "its end with the server")


def test_the_command_reports(shadowed, tmp_path):
    shadowed.shadow(write_revision(tmp_path / "revision-5", 5))
    shadowed.ready()
    shadowed.check(5)
    shadowed.counted(5)
    page = tmp_path / "page.html"
    done = command("pack", "shadow", "--report", "--html", page, "--grpc", shadowed.server.grpc)
    assert done.returncode == 0, done.stderr.decode()
    assert "popups a day: +5" in done.stdout.decode()
    assert "实时业务旁路试算" in page.read_text("utf-8")
    status = command("pack", "status", "--grpc", shadowed.server.grpc).stdout.decode()
    assert "of 5 decisions 5 would be other ones: +5 -0 ~0 findings" in status
    by_files = command("pack", "shadow", "--report", "--data", shadowed.server.data)
    assert by_files.stdout == done.stdout


def test_rows_in_shadow_are_judged_without_a_pack_in_shadow(tmp_path):
    pack = write_pack(tmp_path / "tiny")
    rows = pack / "rows" / "service-per-day.csv"
    rows.write_text(f"item_code,item_name,max_qty,unit,mode\n{BED[0]},{BED[1]},1,日,shadow\n", encoding="utf-8")
    shadowed = Shadowed(tmp_path, pack)
    try:
        shadowed.ready()
        assert shadowed.check(6) == {"GZ10000301002000"}, "the row in shadow answers nobody"
        tally = shadowed.counted(6)
        assert (tally["all"]["added"], tally["all"]["removed"]) == (6, 0)
    finally:
        shadowed.stop()
