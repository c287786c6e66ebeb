"""Packs are published while stations check: no wrong answer, none missing, each of exactly one revision that was live.

`make reload` runs the long forms: 200,000 checks and more than 40 publishes. What a publish costs a check in time is
measured by `make bench-reload`.
"""

import contextlib
import itertools
import shutil
import threading
import time

import grpc
import pytest
from precheck.v1 import operations_pb2, operations_pb2_grpc

from ruleset.pack.compile import compile_pack
from ruleset.pack.file import PackFile
from server.packs.signing import (
    PackManifest,
    RollBack,
    SignedRollBack,
    new_key,
    read_key,
    record_text,
    sign,
    signatures_beside,
    signatures_text,
)
from tests.reload.load import Load, Timeline, write_revision
from tests.web.product import PATIENCE_S, Server

SHORT_CHECKS = 10_000
LONG_CHECKS = 100_000
LONG_S = 3_000
CHECKS_FOR_A_PUBLISH = 1_000
"""So many checks after one publish was asked for comes the next, so that publishes and checks meet all the time."""
LONG_PUBLISHES_MIN = 40
FOLLOW_S = 3.0
"""How long another worker may take to follow: it looks every second, and opens what is new."""


ELSEWHERE = ("changes while it is read", "No such file or directory", "Is a directory")
"""What is said of a source that is being replaced: it has changed, or is not there for a moment."""


class RefusedError(Exception):
    """A publish that was refused."""


class Publisher:
    """Gives a running server packs; tells the timeline what may answer from when to when."""

    def __init__(self, folder, *options, slack_s=0.0):
        self.folder = folder
        self.revisions = itertools.count(1)
        self.first = next(self.revisions)
        self.server = Server(folder / "data", "--pack", self.given(self.first), *options, env=self.environment())
        self.timeline = Timeline(self.first, slack_s)
        self.channel = grpc.insecure_channel(self.server.grpc)
        self.stub = operations_pb2_grpc.OperationsStub(self.channel)
        self.pause = lambda: None
        """Waits until it is time for the next publish."""

    @property
    def publishes(self):
        return len(self.timeline.publishes)

    def environment(self):
        return {}

    def call(self, rpc, **fields):
        request = getattr(operations_pb2, f"{rpc}Request")(**fields)
        try:
            return getattr(self.stub, rpc)(request, timeout=PATIENCE_S * 5)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.FAILED_PRECONDITION:
                raise
            raise RefusedError(error.details()) from error

    def publish(self, *revisions, rpc="ActivatePacks", **fields):
        """Do a change after which one of these revisions is live, or which is refused; say whether it was done."""
        for revision in revisions:
            self.timeline.changing(revision)
        try:
            with self.timeline.publishing():
                reply = self.call(rpc, **fields)
        except RefusedError as refused:
            for _ in revisions:
                self.timeline.refused()
            return str(refused)
        live = int(reply.revision.partition("@")[2].partition("+")[0])
        while self.timeline.live != live:
            assert self.timeline.live in revisions
            self.timeline.refused()
        self.timeline.changed()
        return ""

    def activate(self, revision, place=None):
        return self.publish(revision, paths=[str(place or self.given(revision))])

    def stop(self):
        self.channel.close()
        self.server.stop()


class OfSources(Publisher):
    """Source directories, unsigned."""

    def given(self, revision):
        return write_revision(self.folder / f"revision-{revision}", revision)

    def kinds(self):
        return (self.changed, self.replaced_while_read, self.rewritten_with_the_same, self.broken, self.lower)

    def changed(self):
        assert self.activate(next(self.revisions)) == ""

    def rewritten_with_the_same(self):
        """The live source is written anew, over and over, while it is made live again."""
        live = self.timeline.live
        place = self.given(live)
        with self.meanwhile(lambda: write_revision(place, live)):
            said = self.activate(live, place)
        assert said == "" or any(word in said for word in (*ELSEWHERE, "not compiled")), said

    def replaced_while_read(self):
        """One directory is renamed into the place of another, over and over, while a server reads it."""
        first, second = next(self.revisions), next(self.revisions)
        place, aside = self.given(first), self.given(second)
        third = self.folder / "third"

        def replace():
            place.rename(third)
            aside.rename(place)
            third.rename(aside)

        with self.meanwhile(replace):
            said = self.publish(first, second, paths=[str(place)])
        assert said == "" or any(word in said for word in ELSEWHERE), said

    @contextlib.contextmanager
    def meanwhile(self, act):
        over = threading.Event()

        def work():
            while not over.is_set():
                act()
                time.sleep(0.02)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(PATIENCE_S)

    def broken(self):
        place = self.given(next(self.revisions))
        (place / "rows" / "service-per-day.csv").write_text("item_code,nonsense\n", encoding="utf-8")
        assert "nonsense" in self.activate(10**9, place)

    def lower(self):
        assert "lower than" in self.activate(self.first)


class OfSigned(Publisher):
    """Compiled files that two of two people have signed."""

    def environment(self):
        return {"PRECHECK_PACK_TRUST": str(self.folder / "trust.toml")}

    def given(self, revision, *, signers=("zhang", "li")):
        target = self.folder / f"revision-{revision}.pack"
        compile_pack(write_revision(self.folder / f"revision-{revision}", revision), target)
        about = PackManifest.of(PackFile(target))
        signed = [sign(about, self.key(name), name) for name in signers]
        signatures_beside(target).write_bytes(signatures_text(signed))
        return target

    def key(self, name):
        if not (self.folder / "trust.toml").exists():
            lines = ["[keys]", *(f'{one} = "{new_key(self.folder / one)}"' for one in ("zhang", "li"))]
            lines += ["[[packs]]", 'id = "*"', "threshold = 2", 'keys = ["zhang", "li"]']
            (self.folder / "trust.toml").write_text("\n".join(lines), encoding="utf-8")
        return read_key(self.folder / name)

    def kinds(self):
        return (
            self.changed,
            self.corrupt,
            self.badly_signed,
            self.back_and_forward,
            self.rewritten_in_place,
            self.lower,
        )

    def changed(self):
        assert self.activate(next(self.revisions)) == ""

    def corrupt(self):
        place = self.given(next(self.revisions))
        content = bytearray(place.read_bytes())
        content[len(content) // 2] ^= 1
        place.write_bytes(content)
        assert "damaged" in self.activate(10**9, place)

    def badly_signed(self):
        revision = next(self.revisions)
        assert "1 of 2 signatures" in self.activate(revision, self.given(revision, signers=("li",)))
        self.pause()
        other, place = self.given(revision), self.given(next(self.revisions))
        shutil.copyfile(signatures_beside(other), signatures_beside(place))
        assert "is not of this content" in self.activate(10**9, place)

    def back_and_forward(self):
        newest = next(self.revisions)
        before = self.timeline.live
        assert self.activate(newest) == ""
        self.pause()
        digest = PackFile(self.folder / f"revision-{before}.pack").digest
        record = RollBack("tiny", before, digest, newest, "reload", "2026-07-08")
        signed = SignedRollBack(record, tuple(sign(record, self.key(name), name) for name in ("zhang", "li")))
        unsigned = self.publish(before, rpc="RollBackPack", pack=f"tiny@{before}", reason="x")
        assert "needs a signed record" in unsigned
        self.pause()
        text = record_text(signed)
        assert self.publish(before, rpc="RollBackPack", pack=f"tiny@{before}", record=text) == ""
        self.pause()
        assert self.publish(newest, paths=[f"tiny@{newest}"]) == ""

    def rewritten_in_place(self):
        """The compiled file is truncated and written again, over and over, while a server copies it."""
        revision = next(self.revisions)
        place = self.given(revision)
        content = place.read_bytes()
        over = threading.Event()

        def rewrite():
            while not over.is_set():
                with place.open("r+b") as file:
                    file.truncate(len(content) // 2)
                    file.seek(0)
                    file.write(content)

        thread = threading.Thread(target=rewrite)
        thread.start()
        try:
            said = self.activate(revision, place)
        finally:
            over.set()
            thread.join(PATIENCE_S)
        assert said == "" or any(word in said for word in ("damaged", "not a compiled pack")), said

    def lower(self):
        assert "lower than" in self.activate(self.first, self.folder / f"revision-{self.first}.pack")


def run(kind, folder, *options, checks, patience_s, slack_s=0.0):
    """Publish in all ways, one after each so many checks, while clients check, until so many checks were answered."""
    publisher = kind(folder, *options, slack_s=slack_s)
    timeline = publisher.timeline
    try:
        with Load(publisher.server, timeline) as load:
            publisher.pause = lambda: load.until(publisher.publishes * CHECKS_FOR_A_PUBLISH, patience_s)
            while publisher.publishes * CHECKS_FOR_A_PUBLISH < checks:
                for publish in publisher.kinds():
                    publisher.pause()
                    publish()
                    assert not load.problems, load.problems[:3]
            load.until(checks, patience_s)
        assert not load.problems, load.problems[:3]
        assert load.checks >= checks
        assert len(load.seen) > publisher.publishes // 10, "several revisions have answered"
        assert all(publish.met for publish in timeline.publishes), "checks were under way during each publish"
        (recorded,) = publisher.server.rows("SELECT count(*) FROM decision")[0]
        assert recorded == load.checks, "every answer is recorded, and nothing else"
        told = f"{load.checks:,} checks of {len(load.seen)} revisions, {publisher.publishes} publishes"
        met = f"{timeline.checks_that_met_one:,} checks during a publish"
        print(f"{kind.__name__}: {told}, {met}, 0 wrong, 0 unanswered")
        return publisher
    finally:
        publisher.stop()


KINDS = pytest.mark.parametrize("kind", [OfSources, OfSigned])


@KINDS
def test_no_wrong_answer_and_none_missing(kind, tmp_path):
    run(kind, tmp_path, checks=SHORT_CHECKS, patience_s=PATIENCE_S)


@pytest.mark.long
@pytest.mark.timeout(LONG_S)
@KINDS
def test_no_wrong_answer_and_none_missing_long(kind, tmp_path):
    publisher = run(kind, tmp_path, checks=LONG_CHECKS, patience_s=LONG_S)
    assert publisher.publishes >= LONG_PUBLISHES_MIN


@pytest.mark.long
@pytest.mark.timeout(LONG_S)
def test_several_workers_follow_long(tmp_path):
    """Whoever is asked to publish, every worker follows, and none goes back."""
    run(OfSources, tmp_path, "--workers", "2", checks=LONG_CHECKS // 2, patience_s=LONG_S, slack_s=FOLLOW_S)
