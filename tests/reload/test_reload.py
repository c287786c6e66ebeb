"""Packs are swapped under load by one reference: no reply mixes two, none is lost, a bad pack changes nothing."""

import itertools
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
        self._revisions = itertools.count(1)
        self.base = next(self._revisions)
        self.settings = settings_file(folder / "settings.toml", tiny(folder, self.base))
        self.server = Server(folder / "data", "--settings", self.settings)
        self.channel = grpc.insecure_channel(self.server.grpc)
        self.operations = operations_pb2_grpc.OperationsStub(self.channel)

    def newer(self, **fields):
        """Write a pack of a higher revision than any before; return its folder and revision."""
        revision = next(self._revisions)
        return tiny(self.folder, revision, **fields), revision

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

    def rebase(self):
        """Let the server judge with a pack of its own, whatever was before, and nothing be wrong."""
        pack, self.base = self.newer()
        if self.last_error():
            self.reload(pack)
            until(lambda: not self.last_error(), "settings that can be read again")
        settings_file(self.settings, pack)
        assert self.activate(pack) == ""
        assert (self.revision(), self.last_error()) == (self.base, "")


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    running = Live(tmp_path_factory.mktemp("reload"))
    try:
        yield running
    finally:
        running.channel.close()
        running.server.stop()


@pytest.fixture
def based(live):
    """The server on revision `base`, whatever a test before did."""
    live.rebase()
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
    def test_activate(self, based):
        made = [based.newer() for _ in range(3)]
        (second, _), (_, third), _ = made
        build(second, based.folder / "compiled.pack")
        with Load(based.server) as load:
            load.sees(based.base)
            for place, revision in made:
                given = based.folder / "compiled.pack" if place == second else place
                done = based.by_command("activate", given)
                assert done.returncode == 0, done.stderr.decode()
                assert f"live: tiny@{revision}+" in done.stdout.decode()
                assert based.revision() == revision, "every check that begins after the swap"
                load.sees(revision)
            done = based.by_command("rollback", f"tiny@{third}", "--reason", "试验")
            assert done.returncode == 0, done.stderr.decode()
            load.sees(third)
        assert set(load.revisions) == {based.base, *(revision for _, revision in made)}

    def test_sighup(self, based):
        made = [based.newer() for _ in range(2)]
        with Load(based.server) as load:
            load.sees(based.base)
            for pack, revision in made:
                based.reload(pack)
                load.sees(revision)
        assert set(load.revisions) == {based.base, *(revision for _, revision in made)}

    def test_bad_packs(self, based):
        bad = based.folder / "empty"
        bad.mkdir(exist_ok=True)
        with Load(based.server) as load:
            for _ in range(3):
                assert "pack.toml" in based.activate(bad)
                load.sees(based.base)
        assert set(load.revisions) == {based.base}


def broken_pack(folder, kind, revision=10**9):
    """A pack that cannot be activated, and a word of the reason."""
    pack = folder / f"broken {kind}"
    if kind == "missing":
        return folder / "nowhere", "nowhere"
    if kind == "failing tests":
        return write_pack(pack, revision=revision, tests=FAILING_TEST), "a case that does not come out so"
    if kind == "unknown column":
        write_pack(pack, revision=revision)
        rows = pack / "rows" / "drug-child-only.csv"
        rows.write_text(rows.read_text().replace("object", "subject"))
        return pack, "rows/drug-child-only.csv:1"
    if kind == "no toml":
        write_pack(pack, revision=revision)
        (pack / "pack.toml").write_text("revision = ")
        return pack, "pack.toml"
    compiled = build(write_pack(folder / "whole", revision=revision), folder / f"{kind}.pack")
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


def test_a_canary_judges_for_its_places_alone_and_says_how_often(based):
    pack, revision = based.newer()
    elsewhere, here = {"Precheck-Station": "OP-1"}, {"Precheck-Station": "OP-17"}
    assert based.by_command("canary", pack, "--department", "NOBODY-SENDS-IT", "--station", "OP-17").returncode == 0
    assert "; 0 checks so far" in based.by_command("status").stdout.decode()
    assert revision_of(based.server.check(a_message(), headers=elsewhere)) == based.base
    for _ in range(2):
        assert revision_of(based.server.check(a_message(), headers=here)) == revision
    assert "; 2 checks so far" in based.by_command("status").stdout.decode()
    assert based.server.metric("precheck_canary_checks") == 2
    assert based.by_command("canary", "--end").returncode == 0
    assert revision_of(based.server.check(a_message(), headers=here)) == based.base
    assert based.server.metric("precheck_canary_checks") == 0


class TestAPackThatCannotBe:
    @pytest.mark.parametrize("kind", BROKEN)
    def test_activate_leaves_the_old_one_live(self, based, kind):
        pack, reason = broken_pack(based.folder, kind)
        before = based.server.metric('precheck_pack_activations_total{outcome="failed"}')
        error = based.activate(pack)
        assert reason in error
        assert str(pack) in error
        assert based.revision() == based.base
        assert based.last_error().endswith(f": activate: {error}")
        assert based.server.metric('precheck_pack_activations_total{outcome="failed"}') == before + 1
        based.rebase()

    def test_the_command_says_so(self, based):
        pack, reason = broken_pack(based.folder, "failing tests")
        done = based.by_command("activate", pack)
        assert (done.returncode, done.stdout) == (1, b"")
        assert reason in done.stderr.decode()
        status = based.by_command("status")
        assert status.returncode == 0
        text = status.stdout.decode()
        assert f"live: tiny revision {based.base}, 2 rows, unsigned, sha256 " in text
        assert "problem: refused at " in text
        assert reason in text
        based.rebase()
        assert "problem: " not in based.by_command("status").stdout.decode()

    @pytest.mark.parametrize("kind", ["failing tests", "one byte changed"])
    def test_sighup_leaves_the_old_one_live(self, based, kind):
        pack, reason = broken_pack(based.folder, kind)
        based.reload(pack)
        until(based.last_error, "the failure in the status")
        assert reason in based.last_error()
        assert based.revision() == based.base

    @pytest.mark.parametrize("text", ["pack = [", 'pakc = ["x"]', "threads = 0"])
    def test_sighup_with_broken_settings(self, based, text):
        based.settings.write_text(text)
        based.server.signal(signal.SIGHUP)
        until(based.last_error, "the failure in the status")
        assert based.revision() == based.base

    def test_settings_that_are_mended_are_no_error_any_more(self, based):
        """SIGHUP with settings as they were changes nothing, and the error of the broken ones stayed."""
        good = based.settings.read_text()
        based.settings.write_text("threads = 0")
        based.server.signal(signal.SIGHUP)
        until(based.last_error, "the failure in the status")
        assert "threads" in based.last_error()
        assert based.server.metric("precheck_settings_unread") == 1
        assert based.server.metric("precheck_pack_unserved") == 0, "what CURRENT says is served all the same"
        based.settings.write_text(good)
        followed = 'precheck_pack_activations_total{outcome="activated"}'
        before = based.server.metric(followed)
        based.server.signal(signal.SIGHUP)
        until(lambda: based.last_error() == "", "no failure in the status")
        # Followed to its end: what the next test activates would make it an attempt to go back.
        until(lambda: based.server.metric(followed) > before, "the settings followed")
        assert based.server.metric("precheck_settings_unread") == 0
        assert based.revision() == based.base

    def test_one_bad_of_two(self, based):
        bad, _ = broken_pack(based.folder, "failing tests")
        assert "does not come out so" in based.activate(based.newer()[0], bad)
        assert based.revision() == based.base

    def test_the_same_pack_twice(self, based):
        assert "more than once" in based.activate(based.newer()[0], based.newer()[0])
        assert based.revision() == based.base

    def test_a_server_does_not_start_with_one(self, tmp_path):
        pack, reason = broken_pack(tmp_path, "failing tests")
        arguments = ("--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", tmp_path / "data")
        done = command("serve", *arguments, "--pack", pack)
        assert done.returncode == 1
        assert reason in done.stderr.decode()
        assert done.stdout == b""


class TestTheSourceAfterwards:
    def test_deleted(self, based):
        pack, revision = based.newer()
        assert based.activate(pack) == ""
        shutil.rmtree(pack)
        assert based.revision() == revision

    @pytest.mark.parametrize("compiled", [True, False])
    def test_rewritten_in_place(self, based, compiled):
        pack, revision = based.newer()
        if compiled:
            file = build(pack, based.folder / "live.pack")
            assert based.activate(file) == ""
            with file.open("r+b") as writer:
                writer.write(b"\0" * 4096)
                writer.truncate()
        else:
            assert based.activate(pack) == ""
            write_pack(pack, revision=revision + 1, child_code=CODE.format(revision + 1))
        assert based.revision() == revision
        # Rows that were not asked for before are still read from what was activated.
        answer = based.server.check(message([order(BED, cnt=3)]))
        assert answer["output"]["result"][0]["vola_cont"].endswith(f"第{revision}版")

    def test_activate_without_a_path_reads_the_settings_anew(self, based):
        pack, revision = based.newer()
        settings_file(based.settings, pack)
        assert based.by_command("activate").returncode == 0
        assert based.revision() == revision

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
