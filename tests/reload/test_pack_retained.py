"""Old revisions: what is kept and what is removed, on files and by a running server."""

import itertools
import json
from datetime import date, timedelta

import pytest

from server.metrics import Metrics
from server.packs import PackHolder, lifecycle, retaining
from server.packs.change import Ask, perform
from server.packs.directory import JOURNAL, PackDirectory
from server.packs.retaining import remove_old
from tests.web.messages import CHILD_DRUG, ext_of, message, order
from tests.web.packs import write_pack
from tests.web.product import Server, command, until

TODAY = str(date.today())


@pytest.fixture
def directory(tmp_path):
    return PackDirectory(tmp_path / "data" / "packs")


@pytest.fixture
def do(directory, tmp_path, monkeypatch):
    """Change the packs: `do("activate", 3, on="2026-03-01")` takes revision 3, on a day."""
    monkeypatch.setattr(retaining, "JUST_PUBLISHED_S", -10.0)
    sources = {}

    def change(verb, *revisions, on=TODAY, **more):
        for revision in revisions:
            if revision not in sources:
                sources[revision] = str(write_pack(tmp_path / f"tiny-{revision}", revision=revision))
        monkeypatch.setattr(lifecycle, "_now", lambda: f"{on}T12:00:00+08:00")
        if verb == "publish" and len(revisions) > 1:
            return [change(verb, revision) for revision in revisions]
        names = (f"tiny@{more.pop('to')}",) if "to" in more else tuple(sources[revision] for revision in revisions)
        return perform(directory, "", Ask(verb=verb, packs=names, **more))

    return change


def there(directory):
    return [revision.revision for revision in directory.revisions("tiny")]


def numbers(removed):
    return [revision.revision for revision in removed]


def test_the_highest_are_kept_and_what_the_live_one_goes_back_to(directory, do):
    for revision in (1, 2, 3):
        do("activate", revision)
    do("publish", 4, 5, 6)
    assert numbers(remove_old(directory, 2, "")) == [1, 4]
    assert there(directory) == [2, 3, 5, 6], "3 is live, 2 was before it"
    assert remove_old(directory, 2, "") == []
    do("roll_back", to=2, reason="x")
    do("publish", 7, 8)
    assert numbers(remove_old(directory, 1, "")) == [5, 6, 7]
    assert there(directory) == [2, 3, 8], "3 is the highest that was live: forward again is one command"


def test_what_is_in_shadow_or_in_canary_is_kept(directory, do):
    do("activate", 3)
    do("publish", 1, 2, 4, 5, 6, 9)
    do("shadow", 1)
    do("canary", 5, stations=("S1",))
    assert numbers(remove_old(directory, 1, "")) == [2, 4, 6]
    assert there(directory) == [1, 3, 5, 9]


def test_what_a_stored_decision_may_have_been_made_with_is_kept(directory, do):
    for revision, day in (
        (1, "2026-01-01"),
        (2, "2026-02-01"),
        (3, "2026-03-01"),
        (4, "2026-04-01"),
        (5, "2026-05-01"),
    ):
        do("activate", revision, on=day)
    do("canary", 6, on="2026-05-02", stations=("S1",))
    do("canary", on="2026-05-03")
    do("activate", 7, on="2026-06-01")
    do("activate", 8, on="2026-06-02")
    do("publish", 9)
    assert remove_old(directory, 1, "2025-12-31") == [], "decisions older than the journal: nobody knows by what"
    assert numbers(remove_old(directory, 1, "2026-02-15")) == [1], "2 was live on that day"
    assert numbers(remove_old(directory, 1, "2026-03-02")) == [], "a day that is not quite certain"
    assert numbers(remove_old(directory, 1, "2026-03-10")) == [2]
    assert numbers(remove_old(directory, 1, "2026-05-04")) == [3, 4], "6 has judged in canary"
    assert numbers(remove_old(directory, 1, "2026-05-20")) == [6]
    assert numbers(remove_old(directory, 1, "2026-07-01")) == [5], "8 is live, 7 was before it, 9 is the highest"
    assert numbers(remove_old(directory, 1, "")) == []


def test_a_journal_with_a_hole_removes_nothing(directory, do):
    for revision in (1, 2, 3, 4):
        do("activate", revision)
    journal = directory.root / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([lines[0], b"damaged\n", *lines[2:]]))
    assert remove_old(directory, 1, "") == []
    # A number that stands twice, because an older CURRENT was put back by hand, is no hole.
    journal.write_bytes(b"".join([*lines[:2], lines[1], *lines[2:]]))
    assert numbers(remove_old(directory, 1, "")) == [1, 2]


def test_what_a_process_judges_with_is_kept(directory, do):
    do("activate", 1)
    holder = PackHolder(directory.root, metrics=Metrics())
    holder.follow()
    for revision in (2, 3, 4):
        do("activate", revision)
    assert numbers(remove_old(directory, 1, "")) == [2]
    assert there(directory) == [1, 3, 4]
    holder.follow()
    assert holder.current().revision.startswith("tiny@4+")
    assert numbers(remove_old(directory, 1, "")) == [1]


def test_what_was_published_just_now_is_kept(directory, do, monkeypatch):
    do("activate", 5)
    do("publish", 1, 9)
    monkeypatch.setattr(retaining, "JUST_PUBLISHED_S", 3600.0)
    assert remove_old(directory, 1, "") == []
    assert there(directory) == [1, 5, 9]


def test_a_current_that_is_damaged_removes_nothing(directory, do):
    for revision in (1, 2, 3):
        do("activate", revision)
    (directory.root / "CURRENT").write_bytes(b"damaged")
    assert remove_old(directory, 1, "") == []


def published_long_ago(directory):
    for revision in directory.revisions():
        path = directory.folder_of(revision) / "facts.json"
        facts = json.loads(path.read_bytes())
        path.write_text(json.dumps({**facts, "published_at": "2026-01-01T12:00:00+08:00"}), encoding="utf-8")


def test_a_server_removes_what_no_decision_needs_and_the_others_are_made_again(tmp_path):
    """Published and never live: gone after the next change. What a decision was made with goes when the decision went."""
    sources = (str(write_pack(tmp_path / f"tiny-{number}", revision=number)) for number in itertools.count(1))
    data = tmp_path / "data"
    directory = PackDirectory(data / "packs")
    with Server(data, "--pack", next(sources), env={"PRECHECK_PACK_REVISIONS_RETAINED": "1"}) as server:
        answer = server.check(message([order(CHILD_DRUG)]))
        at_server = ("--grpc", server.grpc)

        def change(verb, *paths):
            done = command("pack", verb, *paths, *at_server)
            assert done.returncode == 0, done.stderr.decode()
            published_long_ago(directory)

        change("publish", next(sources))
        change("publish", next(sources))
        change("activate", next(sources))
        until(lambda: there(directory) == [1, 4], "2 and 3 are gone")
        until(lambda: "old revisions removed" in server.log.read_text(), "it is told")
        replayed = command("replay", ext_of(answer)["check_id"], "--data", data)
        assert replayed.returncode == 0, replayed.stderr.decode()
        assert b"same bytes" in replayed.stdout
        tomorrow = date.today() + timedelta(days=2)
        erased = command("records", "retain", "--before", tomorrow, "--yes", "--data", data)
        assert erased.returncode == 0, erased.stderr.decode()
        change("activate", next(sources))
        until(lambda: there(directory) == [4, 5], "1 is gone with its decision")
        change("activate", next(sources))
        until(lambda: there(directory) == [5, 6], "one step back is always there")


def test_a_replay_says_which_pack_is_gone(tmp_path):
    data = tmp_path / "data"
    directory = PackDirectory(data / "packs")
    with Server(data, "--pack", write_pack(tmp_path / "tiny")) as server:
        check_id = ext_of(server.check(message([order(CHILD_DRUG)])))["check_id"]
    (revision,) = directory.revisions()
    assert directory.remove(revision)
    done = command("replay", check_id, "--data", data)
    assert done.returncode == 2
    assert f"pack tiny@1 with digest {revision.digest}" in done.stderr.decode()
