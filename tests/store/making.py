"""Small decisions, lines and histories for tests of the store."""

from datetime import UTC, datetime, timedelta

from ruleset.case import Line
from server.folding import folded
from server.history import Statement
from server.store import Decision, Void

NOON = datetime(2026, 7, 8, 12)
RECEIVED = NOON.replace(tzinfo=UTC)


def line(order_id="L1", **fields):
    return Line(**{"order_id": order_id, "item_code": "C1", "encounter_id": "E1", "begin": NOON, **fields})


def decision(check_id="C1", finding_ids=("F1", "F2"), **fields):
    findings = ",".join(f'["{finding_id}","p","R","row","WARN"]' for finding_id in finding_ids)
    values = {
        "request_id": "",
        "received_at": "2026-07-08T12:00:00+08:00",
        "elapsed_us": 5,
        "patient_id": "P1",
        "encounter_id": "E1",
        "message_id": "M1",
        "station_id": "S1",
        "practitioner_ids": '["D1"]',
        "department_codes": '["A03"]',
        "asked_format": "3101",
        "format": "3101",
        "encoding": "utf-8",
        "profile": "default",
        "profile_digest": "aa",
        "dictionary_digest": "",
        "revision": "p@1+d",
        "packs": '[["p",1,"d"]]',
        "engine": "test",
        "history_position": 0,
        "history_changed_at": "",
        "committed_lines": 0,
        "verdict": 1,
        "completeness": 1,
        "findings": f"[{findings}]",
        "document": b"{}",
        "answer": b'{"answer": 1}',
    }
    return Decision(check_id=check_id, **{**values, **fields})


def commit(
    history, lines, patient="P1", visit=None, at=NOON, decide=None, by_content=False, received=RECEIVED, **options
):
    """Commit lines that a message of the time `at` states; None: that states no time."""
    statement = Statement(patient, lines, visit, at, received, "test", by_content)
    return history.commit(statement, decide, **options)


def void(history, patient="P1", encounter="E1", order_ids=(), item_code="", at=None, received=RECEIVED):
    return history.void(patient, Void(encounter, order_ids, item_code), stated=at, received=received, source="test")


def later(minutes):
    return NOON + timedelta(minutes=minutes)


def stored(store, patient="P1", up_to=None):
    """The timeline as the store has it."""
    return folded(store.events(patient, up_to=up_to)).timeline
