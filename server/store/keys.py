"""The keys by which decisions are found: check, finding, patient, doctor, row and day.

A decision is one row in one table without an index, which halves what a check pays for its record. Its keys are written
beside the requests, and completed before any look-up, for every writer: one that was killed left some unwritten.
"""

import threading
from collections.abc import Iterator

import msgspec

from server.store.chain import entry_id, writer_of
from server.store.database import Database, Rows, Statement, held
from server.store.records import Decision, Found

AT_ONCE_MAX = 32
"""Decisions whose keys are written in one transaction: short, because a check may be waiting for it."""

_INSERT = "INSERT INTO decision_key (key, decision) VALUES (?, ?) ON CONFLICT DO NOTHING"
_DONE = "UPDATE writer SET keyed = ? WHERE id = ? AND keyed < ?"
_READ = "SELECT id, check_id, received_at, patient_id, practitioner_ids, findings FROM decision WHERE id > ? AND id < ? ORDER BY id LIMIT ?"
_UNKEYED = f"decision.id > writer.keyed AND decision.id < (writer.id + 1) * {entry_id(1, 0)}"
_BEHIND = f"SELECT id, keyed FROM writer WHERE EXISTS (SELECT 1 FROM decision WHERE {_UNKEYED})"  # noqa: S608 - numbers and names

findings_of = msgspec.json.Decoder(tuple[Found, ...]).decode
texts_of = msgspec.json.Decoder(tuple[str, ...]).decode


def check_key(check_id: str) -> str:
    """Return the key of the decision with an id."""
    return f"check:{check_id}"


def finding_key(finding_id: str) -> str:
    """Return the key of the decisions that gave out a finding."""
    return f"finding:{finding_id}"


def patient_key(patient_id: str) -> str:
    """Return the key of the decisions about a patient."""
    return f"patient:{patient_id}"


def doctor_key(practitioner_id: str) -> str:
    """Return the key of the decisions about orders of a doctor."""
    return f"doctor:{practitioner_id}"


def row_key(pack: str, row_id: str) -> str:
    """Return the key of the decisions with a finding of a row."""
    return f"row:{pack}/{row_id}"


def day_key(day: str) -> str:
    """Return the key of the decisions of a day, YYYY-MM-DD in the site's time."""
    return f"day:{day}"


def keys_of(check_id: str, received_at: str, patient_id: str, practitioner_ids: str, findings: str) -> Iterator[str]:
    """Yield the keys of one decision, some perhaps twice."""
    yield check_key(check_id)
    yield day_key(received_at[:10])
    if patient_id:
        yield patient_key(patient_id)
    for practitioner_id in texts_of(practitioner_ids):
        yield doctor_key(practitioner_id)
    for found in findings_of(findings):
        yield finding_key(found.finding_id)
        if found.row_id:
            yield row_key(found.pack, found.row_id)


def keys_of_decision(decision: Decision) -> set[str]:
    """Return the keys of a decision."""
    return set(
        keys_of(
            decision.check_id,
            decision.received_at,
            decision.patient_id,
            decision.practitioner_ids,
            decision.findings,
        )
    )


class Keys:
    """Writes keys that are not written yet. Safe for any number of threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()

    def complete(self, until: int, writer: int | None = None) -> None:
        """Write the missing keys of all decisions, or of one writer's, a few at a time. Raises StoreError."""
        with held(self._lock, until):
            for behind, keyed in self._database.rows(_BEHIND, (), until):
                if writer is None or behind == writer:
                    self._complete(behind, keyed, until)

    def _complete(self, writer: int, keyed: int, until: int) -> None:
        while True:
            rows = self._database.rows(_READ, (keyed, entry_id(writer + 1, 0), AT_ONCE_MAX), until)
            if not rows:
                return
            keyed = rows[-1][0]
            self._write(rows, keyed, until)
            if len(rows) < AT_ONCE_MAX:
                return

    def _write(self, rows: Rows, keyed: int, until: int) -> None:
        statements = [
            Statement(_INSERT, (key, decision)) for decision, *columns in rows for key in sorted(set(keys_of(*columns)))
        ]
        self._database.run([*statements, Statement(_DONE, (keyed, writer_of(keyed), keyed))], until, aside=True)
