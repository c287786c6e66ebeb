"""`pack diff`: what two packs say differently, and which past decisions would have been other ones, counted."""

import json

import pytest

from client_shim import Format
from server.cli.main import main
from tests.reload.load import write_revision
from tests.web.messages import BED, CHILD_DRUG
from tests.web.product import Server

DEPARTMENTS = ("A01", "A02", "B01")
DOCTORS = ("D1", "D2")
DAYS = 2
"""Bed days of each message: revision 1 allows 3, revision 5 allows 2, revision 7 allows 4 (`load.limit_of`)."""
CHECKS = 30


def document(number, bed_days=3):
    lines = [
        {"order_id": "drug", "item_code": CHILD_DRUG[0]},
        {"order_id": "bed", "item_code": BED[0], "quantity": bed_days},
    ]
    return {
        "message_id": f"m{number}",
        "time": "2026-07-08T09:00:00",
        "patient": {"id": f"diff-{number}", "name": "甲某", "birth_date": "1981-06-30"},
        "encounter": {
            "id": "E1",
            "care_modes": ["outpatient"],
            "department_code": DEPARTMENTS[number % 3],
            "practitioner_id": DOCTORS[number % 2],
            "lines": lines,
        },
    }


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A data directory with decisions by revision 1, and the folders of two more revisions."""
    folder = tmp_path_factory.mktemp("diff")
    places = {revision: write_revision(folder / f"revision-{revision}", revision) for revision in (1, 5, 7)}
    with Server(folder / "data", "--pack", places[1]) as server, server.client(station_id="S1") as client:
        for number in range(CHECKS):
            answer = client.check(json.dumps(document(number)).encode(), format=Format.PRECHECK_JSON)
            assert answer.verdict == "WARN"
    return folder


def diff(capsys, folder, *arguments):
    assert main(["pack", "diff", *map(str, arguments), "--data", str(folder / "data")]) == 0
    return capsys.readouterr().out


def comparison(capsys, folder, *arguments):
    return json.loads(diff(capsys, folder, *arguments, "--json"))


def row_of(told, row_id):
    (row,) = [row for row in told["tally"]["rows"] if row["row_id"] == row_id]
    return row


def test_without_decisions_it_says_what_the_packs_say_differently(recorded, capsys):
    text = diff(capsys, recorded, "tiny@1", recorded / "revision-5")
    assert "rules: 0 added, 0 removed, 1 changed" in text
    assert "official_code: DRUG-1 to DRUG-3" in text
    assert f"~ service-per-day:{BED[0]}: max_qty: 3 to 2" in text
    assert "popups" not in text


def test_what_is_the_same_is_said_so(recorded, capsys):
    assert "nothing but the revision" in diff(capsys, recorded, recorded / "revision-1", write_same(recorded))


def write_same(folder):
    place = folder / "same"
    if not place.exists():
        write_revision(place, 1)
        head = place / "pack.toml"
        head.write_text(head.read_text("utf-8").replace("revision = 1", "revision = 9"), encoding="utf-8")
    return place


def test_past_decisions_by_row_department_and_doctor(recorded, capsys):
    told = comparison(capsys, recorded, "live", recorded / "revision-5", "--since", "2020-01-01")
    tally = told["tally"]
    assert (tally["decisions"], tally["affected"], tally["not_compared"]) == (CHECKS, CHECKS, {})
    bed = row_of(told, f"service-per-day:{BED[0]}")["count"]
    assert bed == {"added": CHECKS, "removed": 0, "changed": 0, "popups_added": CHECKS} | {
        "popups_removed": 0,
        "hints_added": 0,
        "hints_removed": 0,
    }
    assert (tally["all"]["added"], tally["all"]["removed"]) == (CHECKS, 0)
    assert {code: one["added"] for code, one in tally["departments"].items()} == dict.fromkeys(DEPARTMENTS, 10)
    assert {code: one["added"] for code, one in tally["doctors"].items()} == dict.fromkeys(DOCTORS, 15)
    assert told["days"] == 1
    assert told["popups_added_a_day"] == CHECKS


def test_the_text_has_the_sentence_of_the_committee(recorded, capsys):
    text = diff(capsys, recorded, "live", recorded / "revision-5", "--since", "2020-01-01")
    assert f"popups a day: +{CHECKS} ({CHECKS} of them by one row: tiny service-per-day:{BED[0]}), -0" in text
    assert f"findings: {CHECKS} added, 0 removed, {CHECKS} changed" not in text
    assert "A01" in text
    assert "D2" in text


def test_the_other_way_round_findings_go(recorded, capsys):
    told = comparison(capsys, recorded, recorded / "revision-5", "live", "--since", "2020-01-01")
    assert (told["tally"]["all"]["added"], told["tally"]["all"]["removed"]) == (0, CHECKS)
    assert told["tally"]["all"]["popups_removed"] == CHECKS


def test_a_time_without_decisions(recorded, capsys):
    told = comparison(capsys, recorded, "live", recorded / "revision-5", "--until", "2020-01-01")
    assert (told["tally"]["decisions"], told["days"], told["popups_added_a_day"]) == (0, 0, 0.0)
    text = diff(capsys, recorded, "live", recorded / "revision-5", "--until", "2020-01-01")
    assert "no decision was looked at, so nothing is known of what would change" in text
    assert "popups a day" not in text
    assert main(["pack", "diff", "live", "live", "--data", str(recorded / "data"), "--since", "gestern"]) == 1
    assert "gestern" in capsys.readouterr().err


@pytest.mark.parametrize("masked", [False, True])
def test_an_exported_corpus_says_the_same_as_the_store(recorded, capsys, tmp_path, masked):
    file = tmp_path / "decisions.jsonl"
    key = tmp_path / "key"
    key.write_bytes(b"0123456789abcdef")
    how = ["--masked", "--key", str(key)] if masked else ["--plain"]
    assert main(["records", "export", *how, "-o", str(file), "--data", str(recorded / "data")]) == 0
    capsys.readouterr()
    told = comparison(capsys, recorded, "live", recorded / "revision-5", "--corpus", file)
    from_store = comparison(capsys, recorded, "live", recorded / "revision-5", "--since", "2020-01-01")
    for one in (told, from_store):
        del one["corpus"]
        if masked:
            one["tally"]["doctors"] = sorted(count["added"] for count in one["tally"]["doctors"].values())
            for row in one["tally"]["rows"]:
                row["doctors"] = sorted(row["doctors"].values())
    assert told == from_store


def test_a_page_that_needs_nothing_else(recorded, capsys, tmp_path):
    file = tmp_path / "page.html"
    diff(capsys, recorded, "live", recorded / "revision-5", "--since", "2020-01-01", "--html", file)
    page = file.read_text("utf-8")
    assert f"平均每天多 {CHECKS} 个弹窗，其中 {CHECKS} 个来自一行" in page
    assert "http" not in page.replace('xmlns="http', "")
    assert "<script" not in page
    assert "DRUG-3" in page


def test_what_is_not_there(recorded, capsys, tmp_path):
    for arguments, reason in (
        (["tiny@77", "live"], "`tiny@77` is no published revision"),
        (["live", str(tmp_path / "nowhere")], "nowhere"),
        (["live", "live", "--corpus", str(tmp_path / "none.jsonl")], "none.jsonl"),
    ):
        assert main(["pack", "diff", *arguments, "--data", str(recorded / "data")]) == 1
        assert reason in capsys.readouterr().err
