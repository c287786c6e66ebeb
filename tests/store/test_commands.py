"""`precheck records …` and `precheck replay`, beside a running server and without one."""

import json

import pytest

from tests.web.messages import BED, CHILD_DRUG, ext_of, message, order, patient_of, settlement
from tests.web.packs import write_pack
from tests.web.product import Server, command


class Filled:
    """A server that has decided, and what it answered."""

    def __init__(self, folder):
        self.pack = write_pack(folder / "pack")
        self.server = Server(folder / "data", "--pack", self.pack)
        self.document = message([order(CHILD_DRUG)])
        self.answer = self.server.check(self.document, headers={"Precheck-Station": "S7"})
        self.check_id = ext_of(self.answer)["check_id"]
        self.server.check(settlement(message([order(BED)])))
        self.finding_id = self.answer["output"]["result"][0]["jr_id"]
        warn = {"warn_rslt_id": self.finding_id, "dspo_way": "1", "dspo_way_rea": "病情需要"}
        assert self.server.post("/nhsa/3103", {"input": {"data": {"warns": [warn]}}})[0] == 200

    def run(self, *words, code=0):
        done = command(*words, "--data", self.server.data)
        assert done.returncode == code, done.stderr.decode()
        return done


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    made = Filled(tmp_path_factory.mktemp("records"))
    yield made
    made.server.stop()


def test_list_finds_by_conditions(filled):
    everything = filled.run("records", "list").stdout.decode().splitlines()
    assert len(everything) == 2
    (one,) = filled.run("records", "list", "--station", "S7", "--verdict", "WARN").stdout.decode().splitlines()
    assert one.split()[1:5] == [filled.check_id, "WARN", "COMPLETE", patient_of(filled.document)["patn_id"]]
    for condition in (("--patient", "nobody"), ("--row", "tiny/service-per-day")):
        nothing = filled.run("records", "list", *condition)
        assert (nothing.stdout, nothing.stderr.startswith(b"precheck: no such decision")) == (b"", True)
    assert b"a row is named by its whole id" in nothing.stderr
    limited = filled.run("records", "list", "--limit", "1")
    assert len(limited.stdout.splitlines()) == 1
    assert b"--limit 0 lists all" in limited.stderr
    assert b"expected PASS" in filled.run("records", "list", "--verdict", "X", code=1).stderr
    assert b"without offset" in filled.run("records", "list", "--since", "2026-07-01T00:00:00+08:00", code=1).stderr


def test_show_tells_all_of_one(filled):
    told = json.loads(filled.run("records", "show", filled.check_id).stdout)
    assert json.loads(told["answer"]) == filled.answer
    assert json.loads(told["document"]) == filled.document
    assert [entry["reason"] for entry in told["feedback"]] == ["病情需要"]
    assert told["findings"][0][0] == filled.finding_id
    assert b"no decision `none`" in filled.run("records", "show", "none", code=1).stderr


def test_replay_gives_the_same_bytes_or_says_what_is_gone(filled, tmp_path):
    assert b"same bytes" in filled.run("replay", filled.check_id).stdout
    gone = filled.run("replay", filled.check_id, "--packs", tmp_path, code=2)
    assert b"pack tiny@1 with digest" in gone.stderr


def test_export_is_plain_or_masked_with_a_key(filled, tmp_path):
    plain = filled.run("records", "export", "--plain").stdout.decode()
    assert patient_of(filled.document)["patn_id"] in plain
    assert b"--masked needs --key" in filled.run("records", "export", "--masked", code=1).stderr
    key = tmp_path / "key"
    key.write_text("short")
    assert b"at least 16" in filled.run("records", "export", "--masked", "--key", key, code=1).stderr
    key.write_text("a key that is long enough")
    target = tmp_path / "masked.jsonl"
    filled.run("records", "export", "--masked", "--key", key, "-o", target)
    masked = target.read_text()
    assert patient_of(filled.document)["patn_id"] not in masked
    assert "甲某" not in masked
    assert sum(one.startswith('{"decision"') for one in masked.splitlines()) == 2
    assert b"exists" in filled.run("records", "export", "--plain", "-o", target, code=1).stderr


def test_verify_keeps_heads_and_meets_them(filled, tmp_path):
    heads = tmp_path / "heads"
    told = filled.run("records", "verify", "--heads-to", heads).stdout.decode()
    assert told.splitlines()[-1].endswith(" 0 faults")
    assert heads.read_text().startswith("1:")
    filled.run("records", "verify", "--heads", heads)
    writer, _, hashed = heads.read_text().split()[0].partition(":")
    heads.write_text(f"{writer}:{hashed} {'0' * 64}\n")
    unread = filled.run("records", "verify", "--heads", tmp_path / "none", code=2)
    assert b"--heads" in unread.stderr
    refused = filled.run("records", "verify", "--heads", heads, code=1)
    assert b"FAULT" in refused.stdout
    assert b"is not the entry that the heads that were kept names" in refused.stdout


def test_copy_and_retain(filled, tmp_path):
    """On a copy: what is erased does not come back. The copy verifies as the original does."""
    assert b"rows copied" in filled.run("records", "copy", "--to", tmp_path / "copy").stdout

    def on_copy(*words, code=0):
        done = command(*words, "--data", tmp_path / "copy")
        assert done.returncode == code, done.stderr.decode()
        return done.stdout.decode()

    assert on_copy("records", "verify").splitlines()[-1].endswith(" 0 faults")
    assert "2 decisions of before 2200-01-01 would be erased" in on_copy("records", "retain", "--before", "2200-01-01")
    assert len(on_copy("records", "list").splitlines()) == 2
    erased = on_copy("records", "retain", "--before", "2200-01-01", "--yes")
    assert erased == "erased: 2 decisions, 1 entries of feedback, 0 events of histories\n"
    assert on_copy("records", "list") == ""
    assert "3 of them erased by retention" in on_copy("records", "verify")
    assert b"is not empty" in filled.run("records", "copy", "--to", tmp_path / "copy", code=1).stderr


def test_a_store_that_is_not_there_is_not_made(tmp_path):
    done = command("records", "list", "--data", tmp_path / "none")
    assert done.returncode == 1
    assert b"no store at" in done.stderr
    assert not (tmp_path / "none").exists()
