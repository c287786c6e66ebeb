"""A change that fails or is killed on its way: it is in force as a whole and says so, or nothing of it is remembered.

Disks are full where a test says so and processes are really killed; everything else is as in production.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from server.files import write_whole
from server.metrics import Metrics
from server.packs import PackHolder
from server.packs.change import Ask, perform, task_text
from server.packs.directory import CURRENT, CURRENT_GOOD, JOURNAL, PackDirectory
from server.packs.refusal import ActivationError
from tests.reload.test_pack_lifecycle import Signers
from tests.web.packs import write_pack
from tests.web.product import PATIENCE_S, ROOT, environment


class Site:
    """A directory of packs, with a trust file or without."""

    def __init__(self, folder, *, is_signed):
        self.folder = folder
        self.directory = PackDirectory(folder / "data" / "packs")
        self.signers = Signers(folder) if is_signed else None
        self.trust = str(self.signers.trust) if self.signers else ""

    def pack(self, revision):
        source = str(write_pack(self.folder / f"revision-{revision}", revision=revision))
        return self.signers.signed(source, "li", "zhang") if self.signers else source

    def asked(self, revision):
        return Ask(verb="activate", packs=(str(self.pack(revision)),))

    def activate(self, revision):
        return perform(self.directory, self.trust, self.asked(revision))

    def roll_back(self, revision, mark):
        found = self.directory.find(f"tiny@{revision}")
        record = self.signers.record(found, mark, "li", "zhang") if self.signers else None
        perform(self.directory, self.trust, Ask(verb="roll_back", packs=(found.name,), reason="x", record=record))

    def killed(self, revision, when):
        """Have a process change the packs that is killed before or after a file of the directory is written."""
        program = f"""
import os, signal
from pathlib import Path
from server.packs import change, directory
def killing(path, content, write=directory.write_whole):
    name, when = {when!r}
    if path.name == name and when == "after":
        write(path, content)
    if path.name == name:
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, content)
directory.write_whole = killing
change.main()
"""
        task = task_text(self.directory, self.trust, self.asked(revision))
        done = subprocess.run(
            [sys.executable, "-c", program], input=task, cwd=ROOT, env=environment(), timeout=PATIENCE_S, check=False
        )
        assert done.returncode == -signal.SIGKILL

    def started(self):
        """Return (revision served, what is said to be wrong) by a server that starts now."""
        holder = PackHolder(self.directory.root, trust=self.trust, metrics=Metrics())
        holder.start((), ())
        holder.cancel()
        return holder.current().revision.partition("+")[0], holder.error()

    def journaled(self):
        return [state.live[0].revision for state in self.directory.journal()]


@pytest.fixture(params=[False, True], ids=["unsigned", "signed"])
def site(tmp_path, request):
    site = Site(tmp_path, is_signed=request.param)
    site.activate(5)
    return site


def full(monkeypatch, *names):
    """Let the disk be full for some files."""

    def write(path, content):
        if path.name in names:
            raise OSError(28, os.strerror(28), str(path))
        write_whole(path, content)

    monkeypatch.setattr("server.packs.directory.write_whole", write)


def failing_fsync(monkeypatch, number):
    """Let the journal be flushed less often than `number` times; then that fails."""
    count = 0
    real = os.fsync

    def fsync(descriptor):
        nonlocal count
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == JOURNAL:
            count += 1
            if count >= number:
                raise OSError(5, os.strerror(5))
        real(descriptor)

    monkeypatch.setattr("server.packs.directory.os.fsync", fsync)


def assert_7_never_was(site):
    """Nothing of the change to 7 is remembered: not by a start, not by the marks, not by a roll-back."""
    assert site.directory.marks() == {"tiny": 5}
    assert site.started()[0] == "tiny@5"
    assert site.journaled() == [5]
    site.activate(6)
    assert site.started() == ("tiny@6", "")
    site.roll_back(5, 6)
    assert site.started() == ("tiny@5", "")
    assert site.journaled() == [5, 6, 5]


def assert_7_is_live(site):
    """The change to 7 is in force, and remembered as long as anything is."""
    assert site.started() == ("tiny@7", "")
    assert site.journaled() == [7, 5]
    for name in (CURRENT, CURRENT_GOOD):
        (site.directory.root / name).write_bytes(b"damaged")
    assert site.started()[0] == "tiny@7"
    with pytest.raises(ActivationError, match="lower than 7"):
        site.activate(6)
    site.roll_back(5, 7)
    assert site.started() == ("tiny@5", "")


def test_a_change_is_refused_when_current_cannot_be_written_and_takes_no_effect(site, monkeypatch):
    with monkeypatch.context() as patched:
        full(patched, CURRENT)
        with pytest.raises(ActivationError, match="CURRENT: No space left"):
            site.activate(7)
    assert_7_never_was(site)


def test_a_change_is_refused_when_the_journal_cannot_be_flushed_and_takes_no_effect(site, monkeypatch):
    with monkeypatch.context() as patched:
        failing_fsync(patched, 1)
        with pytest.raises(ActivationError, match="Input/output error"):
            site.activate(7)
    assert_7_never_was(site)


def test_a_change_that_is_killed_before_current_takes_no_effect(site):
    site.killed(7, (CURRENT, "before"))
    assert_7_never_was(site)


def test_a_change_that_is_killed_after_current_is_in_force(site):
    site.killed(7, (CURRENT, "after"))
    assert site.directory.marks() == {"tiny": 7}
    assert_7_is_live(site)


def test_a_change_that_is_killed_before_the_copy_of_current_is_in_force(site):
    site.killed(7, (CURRENT_GOOD, "before"))
    assert_7_is_live(site)


def test_a_change_whose_line_cannot_be_flushed_is_in_force_and_says_so(site, monkeypatch):
    """The line took its room before: that much of the journal is certain, and what is missing the next change writes."""
    with monkeypatch.context() as patched:
        failing_fsync(patched, 2)
        assert "not all is written: " in site.activate(7).done[-2]
    assert_7_is_live(site)


def test_a_change_whose_copy_cannot_be_written_is_in_force_and_says_so(site, monkeypatch):
    with monkeypatch.context() as patched:
        full(patched, CURRENT_GOOD)
        assert "not all is written: " in site.activate(7).done[-2]
    assert_7_is_live(site)


def test_the_name_of_current_that_is_not_flushed_is_in_force_and_said(site, monkeypatch):
    """The rename is the act: a folder that cannot be flushed after it takes nothing back."""

    def write(path, content):
        write_whole(path, content)
        if path.name == CURRENT:
            raise OSError(5, os.strerror(5))

    with monkeypatch.context() as patched:
        patched.setattr("server.packs.directory.write_whole", write)
        assert "not all is written: " in site.activate(7).done[-2]
    assert_7_is_live(site)


def test_the_first_change_of_all_that_is_killed_leaves_nothing_live(tmp_path):
    site = Site(tmp_path, is_signed=False)
    site.killed(7, (CURRENT, "before"))
    assert site.directory.read().current.live == ()
    assert site.directory.marks() == {}
    site.activate(6)
    assert site.started() == ("tiny@6", "")
