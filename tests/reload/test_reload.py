"""Packs are swapped under load by one reference: no reply mixes two, none is lost, a bad pack changes nothing."""

import json
import shutil
import signal
import threading

import grpc
import pytest
from precheck.v1 import operations_pb2, operations_pb2_grpc

from tests.web.messages import BED, CHILD_DRUG, PER_DAY, ext_of, message, order, rules
from tests.web.packs import STARTER, build, write_pack
from tests.web.product import PATIENCE_S, Server, command, until

THREADS = 4
CODE = "TEST-{}"
"""The official code of the child rule in revision {} of the tiny pack."""

FAILING_TEST = f"""
[[case]]
name = "a case that does not come out so"
kind = "compliant"
time = 2026-07-08T09:00:00
patient = {{ birth_date = 1981-06-30 }}
lines = [{{ item_code = "{CHILD_DRUG[0]}" }}]
"""


def tiny(folder, revision, **fields):
    return write_pack(folder / f"tiny-{revision}", revision=revision, child_code=CODE.format(revision), **fields)


def settings_file(path, *packs):
    path.write_text(f"pack = {json.dumps([str(pack) for pack in packs])}\n", encoding="utf-8")
    return path


class Live:
    """A server whose packs stand in a settings file, and the folder of packs to give it."""

    def __init__(self, folder):
        self.folder = folder
        self.first = tiny(folder, 1)
        self.settings = settings_file(folder / "settings.toml", self.first)
        self.server = Server(folder / "data", "--settings", self.settings)
        self.channel = grpc.insecure_channel(self.server.grpc)
        self.operations = operations_pb2_grpc.OperationsStub(self.channel)

    def activate(self, *paths):
        """Activate packs; return why that failed, or nothing."""
        request = operations_pb2.ActivatePacksRequest(paths=map(str, paths))
        try:
            self.operations.ActivatePacks(request, timeout=PATIENCE_S)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.FAILED_PRECONDITION:
                raise
            return error.details()
        return ""

    def last_error(self):
        return self.operations.GetStatus(operations_pb2.GetStatusRequest(), timeout=PATIENCE_S).last_error

    def by_command(self, *words):
        return command("pack", *words, "--grpc", self.server.grpc)

    def reload(self, *packs):
        """Name other packs in the settings and send SIGHUP."""
        settings_file(self.settings, *packs)
        self.server.signal(signal.SIGHUP)

    def revision(self):
        """The revision of the tiny pack that judges now, checked against what it finds."""
        return revision_of(self.server.check(a_message()))

    def back_to_first(self):
        settings_file(self.settings, self.first)
        if self.last_error() or self.revision() != 1:
            assert self.activate(self.first) == ""
        assert self.revision() == 1


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    running = Live(tmp_path_factory.mktemp("reload"))
    try:
        yield running
    finally:
        running.channel.close()
        running.server.stop()


@pytest.fixture
def first(live):
    """The server on revision 1, whatever a test before did."""
    live.back_to_first()
    return live


def a_message():
    return message([order(CHILD_DRUG), order(BED, cnt=2)])


def revision_of(answer):
    """Return the revision that an answer names, having checked that all of its findings are that revision's."""
    name, _, rest = ext_of(answer)["revision"].partition("@")
    assert name == "tiny"
    revision = int(rest.partition("+")[0])
    assert rules(answer) == sorted([CODE.format(revision), PER_DAY])
    for result in answer["output"]["result"]:
        assert result["vola_cont"].endswith(f"第{revision}版")
    return revision


class Load:
    """Threads that check all the time; every reply must be whole and of one revision."""

    def __init__(self, server):
        self.revisions = []
        self.problems = []
        self._server = server
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(THREADS)]

    def _work(self):
        while not self._over.is_set():
            try:
                self.revisions.append(revision_of(self._server.check(a_message())))
            except Exception as error:  # noqa: BLE001 - whatever it is, the test must see it
                self.problems.append(error)
                return

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)
        assert self.problems == []

    def sees(self, revision):
        """Wait until a reply of a revision comes."""
        start = len(self.revisions)
        until(lambda: self.problems or revision in self.revisions[start:], f"a reply of revision {revision}")


class TestUnderLoad:
    def test_activate(self, first):
        packs = [tiny(first.folder, 1), tiny(first.folder, 2), build(tiny(first.folder, 3), first.folder / "3.pack")]
        with Load(first.server) as load:
            load.sees(1)
            for revision in (2, 3, 1, 3):
                done = first.by_command("activate", packs[revision - 1])
                assert done.returncode == 0, done.stderr.decode()
                assert f"live: tiny@{revision}+" in done.stdout.decode()
                assert first.revision() == revision, "every check that begins after the swap"
                load.sees(revision)
        assert set(load.revisions) == {1, 2, 3}

    def test_sighup(self, first):
        packs = [first.first, tiny(first.folder, 4)]
        with Load(first.server) as load:
            load.sees(1)
            for pack, revision in ((packs[1], 4), (packs[0], 1), (packs[1], 4)):
                first.reload(pack)
                load.sees(revision)
        assert set(load.revisions) == {1, 4}

    def test_bad_packs(self, first):
        bad = first.folder / "empty"
        bad.mkdir(exist_ok=True)
        with Load(first.server) as load:
            for _ in range(3):
                assert "pack.toml" in first.activate(bad)
                load.sees(1)
        assert set(load.revisions) == {1}


def broken_pack(folder, kind):
    """A pack that cannot be activated, and a word of the reason."""
    pack = folder / f"broken {kind}"
    if kind == "missing":
        return folder / "nowhere", "nowhere"
    if kind == "failing tests":
        return write_pack(pack, revision=9, tests=FAILING_TEST), "a case that does not come out so"
    if kind == "unknown column":
        write_pack(pack, revision=9)
        rows = pack / "rows" / "drug-child-only.csv"
        rows.write_text(rows.read_text().replace("object", "subject"))
        return pack, "rows/drug-child-only.csv:1"
    if kind == "no toml":
        write_pack(pack, revision=9)
        (pack / "pack.toml").write_text("revision = ")
        return pack, "pack.toml"
    compiled = build(write_pack(folder / "whole", revision=9), folder / f"{kind}.pack")
    content = bytearray(compiled.read_bytes())
    if kind == "one byte changed":
        content[len(content) // 2] ^= 1
    elif kind == "truncated":
        del content[-100:]
    elif kind == "no pack":
        content[:] = b"hello"
    elif kind == "empty file":
        content.clear()
    compiled.write_bytes(content)
    return compiled, "damaged" if kind in ("one byte changed", "truncated") else "not a compiled pack"


BROKEN = [
    "missing",
    "failing tests",
    "unknown column",
    "no toml",
    "one byte changed",
    "truncated",
    "no pack",
    "empty file",
]


class TestAPackThatCannotBe:
    @pytest.mark.parametrize("kind", BROKEN)
    def test_activate_leaves_the_old_one_live(self, first, kind):
        pack, reason = broken_pack(first.folder, kind)
        before = first.server.metric('precheck_pack_activations_total{outcome="failed"}')
        error = first.activate(pack)
        assert reason in error
        assert str(pack) in error
        assert first.revision() == 1
        assert first.last_error() == error
        assert first.server.metric('precheck_pack_activations_total{outcome="failed"}') == before + 1
        first.back_to_first()
        assert first.last_error() == ""

    def test_the_command_says_so(self, first):
        pack, reason = broken_pack(first.folder, "failing tests")
        done = first.by_command("activate", pack)
        assert (done.returncode, done.stdout) == (1, b"")
        assert reason in done.stderr.decode()
        status = first.by_command("status")
        assert status.returncode == 0
        text = status.stdout.decode()
        assert "tiny revision 1, 2 rows, sha256 " in text
        assert "last activation failed: " in text
        assert reason in text
        first.back_to_first()
        assert "last activation failed" not in first.by_command("status").stdout.decode()

    @pytest.mark.parametrize("kind", ["failing tests", "one byte changed"])
    def test_sighup_leaves_the_old_one_live(self, first, kind):
        pack, reason = broken_pack(first.folder, kind)
        first.reload(pack)
        until(first.last_error, "the failure in the status")
        assert reason in first.last_error()
        assert first.revision() == 1

    @pytest.mark.parametrize("text", ["pack = [", 'pakc = ["x"]', "threads = 0"])
    def test_sighup_with_broken_settings(self, first, text):
        first.settings.write_text(text)
        first.server.signal(signal.SIGHUP)
        until(first.last_error, "the failure in the status")
        assert first.revision() == 1

    def test_one_bad_of_two(self, first):
        bad, _ = broken_pack(first.folder, "failing tests")
        assert "does not come out so" in first.activate(tiny(first.folder, 5), bad)
        assert first.revision() == 1

    def test_the_same_pack_twice(self, first):
        assert "more than once" in first.activate(tiny(first.folder, 5), tiny(first.folder, 6))
        assert first.revision() == 1

    def test_a_server_does_not_start_with_one(self, tmp_path):
        pack, reason = broken_pack(tmp_path, "failing tests")
        arguments = ("--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", tmp_path / "data")
        done = command("serve", *arguments, "--pack", pack)
        assert done.returncode == 1
        assert reason in done.stderr.decode()
        assert done.stdout == b""


class TestTheSourceAfterwards:
    def test_deleted(self, first):
        pack = tiny(first.folder, 7)
        assert first.activate(pack) == ""
        shutil.rmtree(pack)
        assert first.revision() == 7

    @pytest.mark.parametrize("compiled", [True, False])
    def test_rewritten_in_place(self, first, compiled):
        pack = tiny(first.folder, 7)
        if compiled:
            file = build(pack, first.folder / "live.pack")
            assert first.activate(file) == ""
            with file.open("r+b") as writer:
                writer.write(b"\0" * 4096)
                writer.truncate()
        else:
            assert first.activate(pack) == ""
            write_pack(pack, revision=8, child_code=CODE.format(8))
        assert first.revision() == 7
        # Rows that were not asked for before are still read from what was activated.
        answer = first.server.check(message([order(BED, cnt=3)]))
        assert answer["output"]["result"][0]["vola_cont"].endswith("第7版")

    def test_activate_without_a_path_reads_the_settings_anew(self, first):
        settings_file(first.settings, tiny(first.folder, 8))
        assert first.by_command("activate").returncode == 0
        assert first.revision() == 8

    def test_a_restart_on_the_same_source_is_the_same_revision(self, tmp_path):
        pack = tiny(tmp_path, 1)
        revisions = []
        for _ in range(2):
            with Server(tmp_path / "data", "--pack", pack) as server:
                revisions.append(server.revision)
        assert revisions[0] == revisions[1]


def test_several_packs_are_evaluated_together(tmp_path):
    house = write_pack(tmp_path / "house", id="house", revision=3, action="BLOCK", child_code="HOUSE-1")
    with Server(tmp_path / "data", "--pack", STARTER, "--pack", house) as server:
        answer = server.check(message([order(CHILD_DRUG)]))
        assert rules(answer) == ["GZ10000301002000", "HOUSE-1"]
        assert ext_of(answer)["verdict"] == "BLOCK"
        names = [part.partition("@")[0] for part in ext_of(answer)["revision"].split(",")]
        assert sorted(names) == ["house", "nhsa"]
        packs = {result["rule_id"]: result["ext"]["pack"] for result in answer["output"]["result"]}
        assert packs == {"GZ10000301002000": "nhsa", "HOUSE-1": "house"}
        assert len({result["jr_id"] for result in answer["output"]["result"]}) == 2
