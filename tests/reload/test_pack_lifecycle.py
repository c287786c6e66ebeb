"""The life of packs on files: what is refused and why, what is remembered, what damage does. No server runs here."""

import json
import os
import shutil
import threading
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest

from ruleset.pack.cases import run_tests
from ruleset.pack.check import ROWS_PER_KEY_MAX, UNINDEXED_ROWS_MAX
from ruleset.pack.compile import compile_pack
from server.metrics import Metrics
from server.packs import PackHolder
from server.packs.change import Ask, perform
from server.packs.directory import CURRENT, CURRENT_GOOD, JOURNAL, PackDirectory
from server.packs.lifecycle import Lifecycle
from server.packs.refusal import ActivationError
from server.packs.signing import (
    PackManifest,
    RollBack,
    SignedRollBack,
    new_key,
    read_key,
    read_record,
    sign,
    signatures_beside,
    signatures_text,
)
from server.packs.state import Current, CurrentError, Revision, current_text, read_current_text
from tests.reload.test_reload import FAILING_TEST
from tests.web.packs import write_pack
from tests.web.product import command

EVERY = """
template = "T45"
title = "x"
official_code = ""
kind = "safety"
action = "HINT"
message = "x"
citations = [{ document = "x" }]
"""


@pytest.fixture
def directory(tmp_path):
    return PackDirectory(tmp_path / "data" / "packs")


@pytest.fixture
def packs(tmp_path):
    """Write a pack's source: `packs(2)`, `packs(2, id="other", head="expires = …")`; return its folder as text."""

    def write(revision, *, head="", **fields):
        name = fields.get("id", "tiny")
        folder = write_pack(tmp_path / "sources" / f"{name}-{revision}", revision=revision, **fields)
        if head:
            with (folder / "pack.toml").open("a", encoding="utf-8") as file:
                file.write(head + "\n")
        return str(folder)

    return write


def compiled(source):
    target = Path(f"{source}.pack")
    compile_pack(Path(source), target)
    return target


def do(directory, verb, *names, trust="", **more):
    return perform(directory, str(trust), Ask(verb=verb, packs=tuple(map(str, names)), **more))


def refused(directory, verb, *names, **more):
    """Do what must be refused; return (reason, text), having seen that nothing changed."""
    before = directory.read()
    with pytest.raises(ActivationError) as error:
        do(directory, verb, *names, **more)
    assert directory.read() == before
    if error.value.reason != "request":
        assert directory.refusal().endswith(f": {verb.replace('_', ' ')}: {error.value}")
    return error.value.reason, str(error.value)


def live(directory):
    """Return what is live, as `id@revision`."""
    return [f"{one.pack}@{one.revision}" for one in directory.read().current.live]


class TestPublish:
    def test_a_source_becomes_a_revision_that_stays_when_the_source_goes(self, directory, packs):
        source = packs(1)
        do(directory, "publish", source)
        shutil.rmtree(source)
        (revision,) = directory.revisions()
        assert directory.is_whole(revision)
        assert live(directory) == []
        do(directory, "activate", "tiny@1")
        assert live(directory) == ["tiny@1"]

    def test_twice_is_once(self, directory, packs):
        source = packs(1)
        assert do(directory, "publish", source).done[0].startswith("published: tiny@1+")
        assert do(directory, "publish", source).done[0].startswith("published before: tiny@1+")
        assert len(directory.revisions()) == 1
        assert [path.name for path in directory.root.iterdir() if path.name.startswith(".")] == []

    def test_a_damaged_revision_is_replaced_by_publishing_it_again(self, directory, packs):
        source = packs(1)
        do(directory, "activate", source)
        (revision,) = directory.revisions()
        file = directory.file_of(revision)
        file.write_bytes(file.read_bytes()[:-1] + b"\0")
        assert not directory.is_whole(revision)
        do(directory, "publish", source)
        assert directory.is_whole(revision)

    @pytest.mark.parametrize("name", ["../../escaped", "CURRENT", "", "a/b", "Ä", "x" * 65])
    def test_an_id_that_is_none_makes_no_path(self, directory, packs, name, tmp_path):
        source = packs(1)
        head = Path(source) / "pack.toml"
        head.write_text(head.read_text("utf-8").replace('id = "tiny"', f'id = "{name}"'), encoding="utf-8")
        assert refused(directory, "publish", source)[0] == "not_compiled"
        assert not list(tmp_path.rglob("escaped*"))

    def test_a_compiled_file_with_an_id_that_is_none_makes_no_path(self, directory, packs, tmp_path):
        from ruleset.pack.file import PackFile, write_pack

        file = PackFile(compiled(packs(1)))
        evil = tmp_path / "evil.pack"
        rows = [(row, ["item:X"]) for row in file.all_rows()]
        write_pack(evil, msgspec.structs.replace(file.manifest, id="../../escaped"), rows)
        assert refused(directory, "publish", evil)[0] == "unreadable"
        assert not list(tmp_path.rglob("escaped*"))

    def test_what_a_killed_preparation_left_is_removed(self, directory, packs):
        left = directory.root / ".preparing-999999999-1"
        left.mkdir(parents=True)
        do(directory, "publish", packs(1))
        assert not left.exists()


class TestRefused:
    def test_lower_than_what_was_live(self, directory, packs):
        do(directory, "activate", packs(5))
        reason, text = refused(directory, "activate", packs(4))
        assert reason == "downgrade"
        assert "tiny@4" in text
        assert "lower than 5" in text

    def test_the_mark_outlives_the_revision_and_every_file_but_the_journal(self, directory, packs):
        do(directory, "activate", packs(5))
        do(directory, "activate", packs(1, id="other"))
        assert live(directory) == ["other@1"]
        shutil.rmtree(directory.root / "tiny")
        assert refused(directory, "activate", packs(4))[0] == "downgrade"
        for name in (CURRENT, CURRENT_GOOD):
            (directory.root / name).write_bytes(b"damaged")
        assert refused(directory, "activate", packs(4))[0] == "downgrade"

    def test_other_content_under_a_number_that_is_taken(self, directory, packs):
        do(directory, "publish", packs(5))
        reason, text = refused(directory, "publish", packs(5, message="另一句"))
        assert reason == "equal_revision"
        assert "raise `revision`" in text

    def test_the_same_source_compiled_otherwise_is_no_other_content(self, directory, packs, monkeypatch):
        source = packs(5)
        do(directory, "activate", source)
        monkeypatch.setattr("ruleset.pack.file.TABLE_SLOTS_MIN", 64)  # as another engine would lay out the file
        do(directory, "activate", source)
        assert len(directory.revisions("tiny")) == 2
        assert live(directory) == ["tiny@5"]

    def test_a_compiled_file_that_only_says_it_is_of_the_same_source(self, directory, packs, signers, tmp_path):
        """Without a signature nobody vouches for what a compiled file says it was compiled from."""
        from ruleset.pack.file import PackFile, write_pack

        source = packs(5)
        do(directory, "activate", source)
        honest = PackFile(compiled(source))
        forged = tmp_path / "forged.pack"
        rows = [(row, ["item:X"]) for row in honest.all_rows()]
        write_pack(forged, msgspec.structs.replace(honest.manifest, title="另一包"), rows)
        assert refused(directory, "publish", forged)[0] == "equal_revision"
        about = PackManifest.of(PackFile(forged))
        signed = (sign(about, key, name) for name, key in signers.keys.items())
        signatures_beside(forged).write_bytes(signatures_text(signed))
        assert refused(directory, "publish", forged)[0] == "equal_revision", (
            "signatures count where there is a trust file"
        )
        do(directory, "publish", forged, trust=signers.trust)
        assert len(directory.revisions("tiny")) == 2, "two people vouch for it"

    def test_failing_tests_and_none(self, directory, packs):
        assert refused(directory, "activate", packs(1, tests=FAILING_TEST))[0] == "tests"
        source = packs(2)
        shutil.rmtree(Path(source) / "tests")
        assert refused(directory, "activate", source) == ("tests", f"{source}: the pack has no tests of its own")

    @pytest.fixture
    def of_every_line(self, packs):
        """Write a pack with so many rows that every line is judged by; return its folder."""

        def write(revision, rows):
            source = Path(packs(revision))
            (source / "rules" / "every.toml").write_text(EVERY, encoding="utf-8")
            lines = [f"r{n},n{n},patient.age_years > {200 + n}" for n in range(rows)]
            (source / "rows" / "every.csv").write_text(
                "\n".join(["row_id,name,expression", *lines, ""]), encoding="utf-8"
            )
            return str(source)

        return write

    def test_more_rows_than_the_index_may_hold_without_a_key(self, directory, of_every_line):
        do(directory, "activate", of_every_line(1, UNINDEXED_ROWS_MAX))
        reason, text = refused(directory, "activate", of_every_line(2, UNINDEXED_ROWS_MAX + 1))
        assert reason == "not_compiled"
        assert "no item, class or diagnosis narrows" in text

    def test_a_compiled_file_with_more_rows_without_a_key_than_a_source_may_have(
        self, directory, of_every_line, monkeypatch
    ):
        """Only compiled files can be signed: the budget of the index holds for them too."""
        do(directory, "activate", compiled(of_every_line(1, UNINDEXED_ROWS_MAX)))
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr("ruleset.pack.check.UNINDEXED_ROWS_MAX", 10**9)  # a compiler with another budget
            file = compiled(of_every_line(2, UNINDEXED_ROWS_MAX + 1))
        reason, text = refused(directory, "activate", file)
        assert reason == "index"
        assert f"{UNINDEXED_ROWS_MAX + 1} rows that no item, class or diagnosis narrows" in text

    def test_a_compiled_file_with_more_rows_under_one_key_than_a_source_may_have(self, directory, packs, monkeypatch):
        source = Path(packs(1))
        table = source / "rows" / "service-per-day.csv"
        item = table.read_text(encoding="utf-8").splitlines()[1].rsplit(",", 2)[0]
        rows = [f"r{n},{item},{n + 10},日" for n in range(ROWS_PER_KEY_MAX + 1)]
        table.write_text("\n".join(["row_id,item_code,item_name,max_qty,unit", *rows, ""]), encoding="utf-8")
        assert f"more than {ROWS_PER_KEY_MAX} rows under `" in refused(directory, "activate", source)[1]
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr("ruleset.pack.check.ROWS_PER_KEY_MAX", 10**9)
            file = compiled(source)
        reason, text = refused(directory, "activate", file)
        assert reason == "index"
        assert f"{ROWS_PER_KEY_MAX + 1} rows under `" in text

    def test_engine(self, directory, packs):
        reason, text = refused(directory, "activate", packs(1, head='minimum_engine = "99.0"'))
        assert reason == "engine"
        assert "needs engine 99.0" in text

    def test_before_its_first_day_it_is_published_but_not_live(self, directory, packs):
        tomorrow = date.today() + timedelta(days=1)  # the test stands beside the clock of the product
        source = packs(2, head=f"not_before = {tomorrow}")
        do(directory, "activate", packs(1))
        do(directory, "publish", source)
        assert refused(directory, "activate", source)[0] == "not_before"
        assert refused(directory, "canary", source, stations=("S1",))[0] == "not_before"
        do(directory, "shadow", source)
        do(directory, "activate", packs(3, head=f"not_before = {date.today()}"))
        assert live(directory) == ["tiny@3"]

    def test_a_file_that_is_damaged_or_none(self, directory, packs, tmp_path):
        file = compiled(packs(1))
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        assert refused(directory, "activate", file)[0] == "digest"
        file.write_bytes(b"hello")
        assert refused(directory, "activate", file)[0] == "unreadable"
        assert refused(directory, "activate", tmp_path / "nowhere")[0] == "unreadable"

    def test_a_published_file_that_was_damaged_since(self, directory, packs):
        do(directory, "activate", packs(1))
        do(directory, "publish", packs(2))
        file = directory.file_of(directory.find("tiny@2"))
        file.write_bytes(file.read_bytes()[:-1] + b"\0")
        assert refused(directory, "activate", "tiny@2")[0] == "digest"

    def test_names_that_are_no_revision(self, directory, packs):
        do(directory, "publish", packs(1))
        reason, text = refused(directory, "activate", "tiny@2")
        assert reason == "request"
        assert "there are: tiny@1+" in text
        assert refused(directory, "activate", "tiny@1", "tiny@1") == ("request", "pack `tiny` is given more than once")
        assert refused(directory, "activate")[0] == "request"


class TestSets:
    def test_activate_names_all_or_keeps_the_others(self, directory, packs):
        do(directory, "activate", packs(1), packs(1, id="other"))
        do(directory, "activate", packs(2), keep_others=True)
        assert live(directory) == ["other@1", "tiny@2"]
        do(directory, "activate", "tiny@2")
        assert live(directory) == ["tiny@2"]

    def test_the_same_again_is_nothing_to_do(self, directory, packs):
        number = do(directory, "activate", packs(1)).number
        again = do(directory, "activate", "tiny@1")
        assert (again.number, again.done) == (number, ("nothing to do",))

    def test_a_canary_and_a_shadow_end_when_they_are_live(self, directory, packs):
        do(directory, "activate", packs(1))
        do(directory, "shadow", packs(2))
        do(directory, "canary", "tiny@2", departments=("A01",))
        current = directory.read().current
        assert [one.revision for one in current.shadow] == [2]
        assert (current.canary.departments, live(directory)) == (("A01",), ["tiny@1"])
        done = do(directory, "activate", "tiny@2").done
        assert {"the shadow has ended", "the canary has ended"} <= set(done)
        current = directory.read().current
        assert (current.shadow, current.shadow_since, current.canary) == ((), "", None)

    def test_a_canary_does_not_raise_the_mark(self, directory, packs):
        do(directory, "activate", packs(1))
        do(directory, "canary", packs(5), stations=("S1",))
        do(directory, "canary")
        do(directory, "activate", packs(3))
        assert live(directory) == ["tiny@3"]

    def test_a_canary_for_nobody(self, directory, packs):
        do(directory, "activate", packs(1))
        assert refused(directory, "canary", packs(2))[0] == "request"

    def test_a_shadow_may_be_lower(self, directory, packs):
        do(directory, "publish", packs(1))
        do(directory, "activate", packs(2))
        do(directory, "shadow", "tiny@1")
        assert [one.revision for one in directory.read().current.shadow] == [1]


class TestWhatWasRefused:
    """It is told until its like succeeds: it was cleared by any change, and set by a typing error."""

    @pytest.fixture
    def intended(self, directory, packs):
        """A pack that ought to be live and is not."""
        do(directory, "activate", packs(1))
        source = packs(2)
        (Path(source) / "tests" / "more.toml").write_text(FAILING_TEST, encoding="utf-8")
        assert refused(directory, "activate", source)[0] == "tests"
        return source

    def test_a_question_about_what_does_not_exist_is_no_refusal(self, directory, packs):
        do(directory, "activate", packs(1))
        assert refused(directory, "roll_back", "nosuch", reason="x")[0] == "request"
        assert refused(directory, "activate", "tiny@7")[0] == "request"
        assert directory.refusal() == ""

    def test_a_change_that_makes_nothing_live_clears_no_alarm(self, directory, packs, intended):
        do(directory, "publish", packs(3))
        do(directory, "canary", "tiny@3", departments=("A01",))
        do(directory, "shadow", "tiny@3")
        assert ": activate: " in directory.refusal()
        (Path(intended) / "tests" / "more.toml").unlink()
        do(directory, "activate", intended)
        assert directory.refusal() == ""

    def test_what_was_refused_in_canary_is_cleared_by_a_canary(self, directory, packs):
        do(directory, "activate", packs(1))
        do(directory, "publish", packs(2))
        damaged = directory.file_of(directory.find("tiny@2"))
        damaged.chmod(0o644)
        damaged.write_bytes(damaged.read_bytes()[:-1])
        refused(directory, "canary", "tiny@2", stations=("S1",))
        assert ": canary: " in directory.refusal()
        do(directory, "canary", packs(3), stations=("S1",))
        assert directory.refusal() == ""


class TestRollBack:
    def test_to_what_was_live_before_and_forward_again(self, directory, packs):
        for revision in (1, 2, 3):
            do(directory, "activate", packs(revision))
        do(directory, "roll_back", "tiny", reason="弹窗太多")
        assert live(directory) == ["tiny@2"]
        record = directory.read().current.roll_backs["tiny"]
        assert (record.to_revision, record.high_water, record.reason) == (2, 3, "弹窗太多")
        assert do(directory, "roll_back", "tiny@2", reason="").done == ("nothing to do",)
        do(directory, "roll_back", "tiny", reason="noch einmal")
        assert live(directory) == ["tiny@1"]
        assert refused(directory, "roll_back", "tiny", reason="x")[0] == "request"
        assert refused(directory, "activate", "tiny@2")[0] == "downgrade"
        do(directory, "activate", "tiny@3")
        assert (live(directory), directory.read().current.roll_backs) == (["tiny@3"], {})

    def test_what_is_rolled_back_stays_so_when_it_is_named_with_others(self, directory, packs):
        do(directory, "activate", packs(1))
        do(directory, "activate", packs(2))
        do(directory, "roll_back", "tiny", reason="x")
        do(directory, "activate", "tiny@1", packs(1, id="other"))
        assert live(directory) == ["other@1", "tiny@1"]
        assert directory.read().current.roll_backs["tiny"].to_revision == 1

    def test_it_needs_a_reason_and_a_lower_revision(self, directory, packs):
        do(directory, "activate", packs(1))
        do(directory, "activate", packs(2))
        assert refused(directory, "roll_back", "tiny@1")[0] == "request"
        do(directory, "publish", packs(3))
        assert refused(directory, "roll_back", "tiny@3", reason="x")[0] == "request"

    def test_a_record_is_of_the_revision_that_is_named_and_of_no_other_that_begins_so(self, directory, packs, tmp_path):
        """`--write-record` for tiny@1 wrote one for tiny@12, which two people signed before anything refused it."""
        for revision in (1, 11, 12):
            do(directory, "activate", packs(revision))
        file = tmp_path / "back.json"
        asked = ("--reason", "x", "--write-record", file, "--data", directory.root.parent)
        for name, reason in (
            ("tiny@2", "not one published revision"),
            ("tiny", "not one published revision"),
            ("tiny@1+", "not one published revision"),
            ("tiny@12", "not lower than 12"),
        ):
            done = command("pack", "rollback", name, *asked)
            assert (done.returncode, reason in done.stderr.decode()) == (1, True), done.stderr
            assert not file.exists()
        first = directory.find("tiny@1")
        for name in ("tiny@1", first.name):
            assert command("pack", "rollback", name, *asked).returncode == 0
            record = read_record(file.read_bytes()).roll_back
            assert (record.to_revision, record.to_digest, record.high_water) == (1, first.digest, 12)

    def test_what_is_withdrawn_never_comes_back(self, directory, packs):
        do(directory, "activate", packs(1))
        assert "is live; first roll back" in refused(directory, "withdraw", "tiny@1", reason="x")[1]
        do(directory, "canary", packs(2), stations=("S1",))
        assert (
            "is in canary; first `precheck pack canary --end`"
            in refused(directory, "withdraw", "tiny@2", reason="x")[1]
        )
        do(directory, "activate", "tiny@2")
        assert refused(directory, "withdraw", "tiny@1")[0] == "request"
        do(directory, "withdraw", "tiny@1", reason="错误")
        assert do(directory, "withdraw", "tiny@1", reason="错误").done == ("nothing to do",)
        reason, text = refused(directory, "roll_back", "tiny@1", reason="x")
        assert (reason, "错误" in text) == ("withdrawn", True)
        assert refused(directory, "roll_back", "tiny", reason="x")[0] == "request"
        assert refused(directory, "shadow", "tiny@1")[0] == "withdrawn"
        assert refused(directory, "publish", packs(2), "tiny@9")[0] == "request"


class Signers:
    """Two keys, a trust file that wants both, and signing with them."""

    def __init__(self, folder):
        self.keys = {}
        lines = ["[keys]"]
        for name in ("zhang", "li"):
            lines.append(f'{name} = "{new_key(folder / name)}"')
            self.keys[name] = read_key(folder / name)
        lines += ["[[packs]]", 'id = "*"', "threshold = 2", 'keys = ["zhang", "li"]']
        self.trust = folder / "trust.toml"
        self.trust.write_text("\n".join(lines), encoding="utf-8")

    def signed(self, source, *names):
        """Compile a source and sign it; return the file."""
        from ruleset.pack.file import PackFile

        file = compiled(source)
        about = PackManifest.of(PackFile(file))
        signatures_beside(file).write_bytes(signatures_text(sign(about, self.keys[name], name) for name in names))
        return file

    def record(self, revision, mark, *names, reason="x"):
        record = RollBack(revision.pack, revision.revision, revision.digest, mark, reason, "2026-07-01")
        return SignedRollBack(record, tuple(sign(record, self.keys[name], name) for name in names))


def followed(directory, trust):
    """Return what a process that starts now serves, without the word of a setting."""
    holder = PackHolder(directory.root, trust=str(trust), metrics=Metrics())
    holder.follow()
    return holder


def forge(directory, *, forgets=False, **fields):
    """Write CURRENT as whoever can write the directory could; `forgets`: with no trace of what was."""
    current = directory.read().current
    directory.write(msgspec.structs.replace(current, number=current.number + 1, **fields))
    if forgets:
        for name in (CURRENT_GOOD, JOURNAL):
            (directory.root / name).unlink()


@pytest.fixture
def signers(tmp_path):
    return Signers(tmp_path)


class TestSigned:
    def test_only_what_enough_people_signed(self, directory, packs, signers):
        trust = signers.trust
        assert refused(directory, "activate", packs(1), trust=trust)[0] == "signature"
        assert refused(directory, "activate", signers.signed(packs(1)), trust=trust)[0] == "signature"
        assert refused(directory, "activate", signers.signed(packs(1), "li"), trust=trust)[0] == "signature"
        done = do(directory, "activate", signers.signed(packs(1), "li", "zhang"), trust=trust).done
        assert done[0].endswith("signed by li, zhang")

    def test_the_signature_of_another_revision(self, directory, packs, signers):
        one, two = signers.signed(packs(1), "li", "zhang"), compiled(packs(2))
        shutil.copyfile(signatures_beside(one), signatures_beside(two))
        reason, text = refused(directory, "activate", two, trust=signers.trust)
        assert (reason, "`li` is not of this content" in text) == ("signature", True)

    def test_signatures_that_come_later(self, directory, packs, signers):
        source = packs(1)
        do(directory, "publish", signers.signed(source, "li"))
        assert refused(directory, "activate", "tiny@1", trust=signers.trust)[0] == "signature"
        do(directory, "publish", signers.signed(source, "zhang"), trust="")
        do(directory, "activate", "tiny@1", trust=signers.trust)
        assert live(directory) == ["tiny@1"]

    def test_who_can_write_the_directory_cannot_change_the_rules(self, directory, packs, signers):
        """A CURRENT that was written without the trust file is not served by a process that has one."""
        do(directory, "activate", signers.signed(packs(1), "li", "zhang"))
        holder = PackHolder(directory.root, trust=str(signers.trust), metrics=Metrics())
        holder.follow()
        assert holder.current().revision.startswith("tiny@1+")
        do(directory, "activate", packs(2))
        holder.follow()
        assert holder.current().revision.startswith("tiny@1+")
        assert "0 of 2 signatures" in holder.error()

    def test_going_back_needs_a_record_that_is_signed_and_of_today(self, directory, packs, signers):
        trust = signers.trust
        for revision in (1, 2):
            do(directory, "activate", signers.signed(packs(revision), "li", "zhang"), trust=trust)
        first = directory.find("tiny@1")
        back = ("roll_back", "tiny@1")
        assert refused(directory, *back, reason="x", trust=trust)[0] == "signature"
        assert refused(directory, *back, record=signers.record(first, 2, "li"), trust=trust)[0] == "signature"
        of_another_day = signers.record(first, 1, "li", "zhang")
        assert refused(directory, *back, record=of_another_day, trust=trust)[0] == "signature"
        good = signers.record(first, 2, "li", "zhang", reason="有误")
        forged = msgspec.structs.replace(good, roll_back=msgspec.structs.replace(good.roll_back, reason="y"))
        assert refused(directory, *back, record=forged, trust=trust)[0] == "signature"
        do(directory, *back, record=good, trust=trust)
        assert live(directory) == ["tiny@1"]
        do(directory, "activate", signers.signed(packs(3), "li", "zhang"), trust=trust)
        assert refused(directory, *back, record=good, trust=trust)[0] == "signature", "an old record is used up"

    def test_a_current_written_by_hand_makes_no_older_revision_live(self, directory, packs, signers):
        """Every byte of it is signed and it was live once; but nobody has signed that it comes back."""
        trust = signers.trust
        for revision in (1, 2):
            do(directory, "activate", signers.signed(packs(revision), "li", "zhang"), trust=trust)
        running = followed(directory, trust)
        forge(directory, live=(directory.find("tiny@1"),))
        running.follow()
        assert running.current().revision.startswith("tiny@2+")
        assert "no roll-back record" in running.error()
        other = signers.signed(packs(1, id="other"), "li", "zhang")
        assert refused(directory, "activate", other, keep_others=True, trust=trust)[0] == "downgrade"
        started = PackHolder(directory.root, trust=str(trust), metrics=Metrics())
        started.start((), ())
        started.cancel()
        assert started.current().revision.startswith("tiny@2+")
        assert "no roll-back record" in started.error()

    def test_damage_brings_no_older_revision_back(self, directory, packs, signers):
        """Without a trust file an earlier set stands in for a damaged one; with one, whoever damages it would choose."""
        for revision in (1, 2):
            do(directory, "activate", signers.signed(packs(revision), "li", "zhang"), trust=signers.trust)
        file = directory.file_of(directory.find("tiny@2"))
        file.write_bytes(file.read_bytes()[:-1] + b"\0")
        started = PackHolder(directory.root, trust=str(signers.trust), metrics=Metrics())
        with pytest.raises(ActivationError, match="damaged"):
            started.start((), ())
        started.cancel()
        assert started.current().revision == ""
        trusting = PackHolder(directory.root, metrics=Metrics())
        trusting.start((), ())
        trusting.cancel()
        assert trusting.current().revision.startswith("tiny@1+")

    def test_a_process_that_runs_remembers_what_was_live_when_every_file_forgets_it(self, directory, packs, signers):
        trust = signers.trust
        for revision in (1, 2):
            do(directory, "activate", signers.signed(packs(revision), "li", "zhang"), trust=trust)
        running = followed(directory, trust)
        forge(directory, forgets=True, live=(directory.find("tiny@1"),), high_water={"tiny": 1})
        running.follow()
        assert running.current().revision.startswith("tiny@2+")
        # Who starts knows only what the files say: that is what `minimum_revision` is for.
        assert followed(directory, trust).current().revision.startswith("tiny@1+")
        with trust.open("a", encoding="utf-8") as file:
            file.write('\n[[packs]]\nid = "tiny"\nthreshold = 2\nkeys = ["zhang", "li"]\nminimum_revision = 2\n')
        started = followed(directory, trust)
        assert (started.current().revision, "minimum_revision 2" in started.error()) == ("", True)
        assert refused(directory, "activate", "tiny@1", trust=trust)[0] == "downgrade"

    def test_a_withdrawn_revision_is_not_served_again(self, directory, packs, signers):
        trust = signers.trust
        for revision in (1, 2):
            do(directory, "activate", signers.signed(packs(revision), "li", "zhang"), trust=trust)
        first = directory.find("tiny@1")
        do(directory, "withdraw", "tiny@1", reason="x")
        running = followed(directory, trust)
        forge(directory, live=(first,), high_water={"tiny": 1})
        running.follow()
        assert running.current().revision.startswith("tiny@2+")
        assert "was withdrawn" in running.error()

    def test_a_signed_roll_back_is_served_by_who_runs_and_by_who_starts(self, directory, packs, signers):
        trust = signers.trust
        for revision in (1, 2):
            do(directory, "activate", signers.signed(packs(revision), "li", "zhang"), trust=trust)
        running = followed(directory, trust)
        first = directory.find("tiny@1")
        do(directory, "roll_back", "tiny@1", record=signers.record(first, 2, "li", "zhang"), trust=trust)
        running.follow()
        for holder in (running, followed(directory, trust)):
            assert (holder.current().revision[:7], holder.error()) == ("tiny@1+", "")
        kept = directory.read().current.roll_backs["tiny"]
        forge(directory, roll_backs={"tiny": msgspec.structs.replace(kept, signatures=kept.signatures[:1])})
        assert "1 of 2 signatures" in followed(directory, trust).error()

    def test_a_trust_file_with_a_minimum_for_all_packs_is_none(self, directory, packs, signers):
        trust = signers.trust
        trust.write_text(trust.read_text(encoding="utf-8") + "\nminimum_revision = 2\n", encoding="utf-8")
        reason, text = refused(directory, "activate", packs(1), trust=trust)
        assert (reason, "is of one pack" in text) == ("signature", True)

    def test_a_trust_file_that_is_not_there(self, directory, packs, tmp_path):
        assert refused(directory, "activate", packs(1), trust=tmp_path / "none.toml")[0] == "signature"


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-20],
        lambda content: content.replace(b'"number": 1', b'"number": 7'),
        lambda content: b"{}",
        lambda content: b"\xff\xfe",
        lambda content: b"[" * 100_000,
        None,
    ],
)
class TestADamagedCurrent:
    def spoil(self, directory, damage):
        path = directory.root / CURRENT
        if damage is None:
            path.unlink()
        else:
            path.write_bytes(damage(path.read_bytes()))

    def test_is_not_obeyed_and_said(self, directory, packs, damage):
        do(directory, "activate", packs(1))
        holder = PackHolder(directory.root, metrics=Metrics())
        holder.follow()
        self.spoil(directory, damage)
        holder.follow()
        assert holder.current().revision.startswith("tiny@1+")
        assert str(directory.root / CURRENT) in holder.error()
        again = PackHolder(directory.root, metrics=Metrics())
        again.start(("/nowhere",), ())
        again.cancel()
        assert again.current().revision.startswith("tiny@1+")
        assert str(directory.root / CURRENT) in again.error()

    def test_the_journal_is_the_last_resort_and_a_change_mends_it(self, directory, packs, damage):
        do(directory, "activate", packs(1))
        self.spoil(directory, damage)
        (directory.root / CURRENT_GOOD).unlink()
        with (directory.root / JOURNAL).open("ab") as journal:
            journal.write(b'{"half a')
        holder = PackHolder(directory.root, metrics=Metrics())
        holder.start((), ())
        holder.cancel()
        assert holder.current().revision.startswith("tiny@1+")
        do(directory, "activate", packs(2))
        assert directory.read().problem == ""
        holder.follow()
        assert (holder.current().revision[:7], holder.error()) == ("tiny@2+", "")
        assert [current.number for current in directory.journal()] == [2, 1]


class TestStart:
    def started(self, directory, configured=(), shipped=()):
        holder = PackHolder(directory.root, metrics=Metrics())
        holder.start(tuple(configured), tuple(shipped))
        holder.cancel()
        return holder

    def test_shipped_packs_at_first_and_then_what_is_live(self, directory, packs):
        assert self.started(directory, (), [packs(1)]).current().revision.startswith("tiny@1+")
        do(directory, "activate", packs(3, id="other"))
        assert self.started(directory, (), [packs(2)]).current().revision.startswith("other@3+")

    def test_the_setting_is_followed_when_it_changes_and_what_is_live_otherwise(self, directory, packs):
        first = packs(1)
        self.started(directory, [first])
        do(directory, "activate", packs(2))
        assert self.started(directory, [first]).current().revision.startswith("tiny@2+"), "the command came later"
        other = packs(1, id="other")
        assert self.started(directory, [other]).current().revision.startswith("other@1+"), "the setting came later"
        write_pack(Path(other), id="other", revision=2)
        assert self.started(directory, [other]).current().revision.startswith("other@2+"), "its content came later"

    def test_with_the_sources_gone(self, directory, packs):
        source = packs(1)
        self.started(directory, [source])
        shutil.rmtree(source)
        holder = self.started(directory, [source])
        assert (holder.current().revision[:7], holder.error()) == ("tiny@1+", "")

    def test_a_setting_that_is_refused_leaves_what_is_live_and_says_so(self, directory, packs):
        self.started(directory, [packs(5)])
        holder = self.started(directory, [packs(4)])
        assert holder.current().revision.startswith("tiny@5+")
        assert "lower than 5" in holder.error()

    def test_nothing_to_serve(self, directory, tmp_path):
        with pytest.raises(ActivationError, match="nowhere"):
            self.started(directory, [str(tmp_path / "nowhere")])

    def test_live_packs_that_are_damaged_give_way_to_earlier_ones(self, directory, packs):
        do(directory, "activate", packs(1))
        do(directory, "activate", packs(2))
        file = directory.file_of(directory.find("tiny@2"))
        file.write_bytes(file.read_bytes()[:-1] + b"\0")
        holder = self.started(directory)
        assert holder.current().revision.startswith("tiny@1+")
        assert "damaged" in holder.error()
        assert "serving what was live" in holder.error()

    def test_the_layout_of_earlier_versions_is_taken_over(self, directory, packs):
        directory.root.mkdir(parents=True)
        file = compiled(packs(1))
        from ruleset.pack.file import PackFile

        digest = PackFile(file).digest
        old = directory.root / f"tiny-1-{digest[:16]}.pack"
        shutil.move(file, old)
        (directory.root / "broken-1-0123456789abcdef.pack").write_bytes(b"x")
        holder = self.started(directory, [packs(2)])
        assert holder.current().revision.startswith("tiny@2+")
        assert directory.find("tiny@1") == Revision("tiny", 1, digest)
        assert directory.is_whole(Revision("tiny", 1, digest))
        assert [path.name for path in directory.root.glob("*.pack")] == ["broken-1-0123456789abcdef.pack"]
        do(directory, "roll_back", "tiny@1", reason="x")
        assert live(directory) == ["tiny@1"]


def test_current_is_the_same_text_for_the_same_state(directory, packs):
    do(directory, "activate", packs(1))
    content = (directory.root / CURRENT).read_bytes()
    assert current_text(read_current_text(content), indented=True) == content
    assert json.loads(content)["current"]["live"][0]["pack"] == "tiny"


@pytest.mark.parametrize("pack", ["..", "CURRENT", "a/b", ""])
def test_a_current_that_names_a_path_is_damaged(pack):
    content = current_text(Current(number=1, live=(Revision(pack, 1, "a" * 64),)), indented=False)
    with pytest.raises(CurrentError, match="no revision"):
        read_current_text(content)


def test_two_that_publish_at_once_never_publish_one_number_with_two_contents(directory, packs, tmp_path, monkeypatch):
    """Both find the number free and run their tests; then one is published, and the other refused."""
    import threading

    both_found_it_free = threading.Barrier(2, timeout=50)

    def run(*arguments):
        both_found_it_free.wait()
        return run_tests(*arguments)

    monkeypatch.setattr("server.packs.preparation.run_tests", run)
    sources = [packs(1), str(write_pack(tmp_path / "other", message="另一句"))]
    outcomes = []

    def publish(source):
        try:
            do(directory, "publish", source)
            outcomes.append("published")
        except ActivationError as error:
            outcomes.append(error.reason)

    threads = [threading.Thread(target=publish, args=(source,)) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    assert sorted(outcomes) == ["equal_revision", "published"]
    assert len(directory.revisions("tiny")) == 1


def test_nobody_changes_while_another_does(directory, packs):
    """Two changes at once are one after the other: each is in the journal, and the numbers have no gap."""
    import threading

    sources = [packs(1, id=f"pack-{n}") for n in range(6)]
    threads = [
        threading.Thread(target=do, args=(directory, "activate", source), kwargs={"keep_others": True})
        for source in sources
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    assert len(live(directory)) == 6
    assert [current.number for current in directory.journal()] == [6, 5, 4, 3, 2, 1]


def test_an_unwritable_directory_is_a_refusal(directory, packs, monkeypatch):
    do(directory, "activate", packs(1))

    def full(*_):
        raise OSError(28, os.strerror(28), str(directory.root / CURRENT))

    monkeypatch.setattr("server.packs.directory.write_whole", full)
    with pytest.raises(ActivationError, match="No space left"):
        Lifecycle(directory).activate([packs(1, id="other")])
    assert live(directory) == ["tiny@1"]


def test_revisions_are_listed_while_a_preparation_comes_and_goes(tmp_path):
    """Regression: a folder that was gone between its listing and a look into it failed the activation that asked."""
    directory = PackDirectory(tmp_path)
    over = threading.Event()

    def prepare():
        while not over.is_set():
            with directory._preparing():
                pass

    thread = threading.Thread(target=prepare)
    thread.start()
    try:
        assert all(directory.revisions() == [] for _ in range(2_000))
    finally:
        over.set()
        thread.join()
