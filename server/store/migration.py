"""Bring a SQLite file of an earlier version to this one, when it is opened, in one transaction.

Versions 1 and 2 had decisions, a log of lines and feedback without chains. All of it is appended anew by a writer of its
own, so the chain begins here, with an entry that says so: what was changed before cannot be seen. It takes as long as
copying the file, and until the next VACUUM twice its space.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import msgspec

from ruleset.case import Line, Visit
from server import clock
from server.store.chain import NO_HASH, Head, entry_id
from server.store.keys import keys_of_decision
from server.store.records import Commit, Decision, Event, FeedbackEntry, Found, Marker, Void, content_values
from server.store.schema import SCHEMA_VERSION, definitions, insert
from server.version import VERSION

MIGRATED_VERSIONS = ("1", "2")
REQUESTS_REMEMBERED_MAX = 65_536
"""Request ids that are taken along: as many as those versions recognised."""

_encode = msgspec.msgpack.Encoder().encode
_json = msgspec.json.Encoder().encode
_decode_line = msgspec.msgpack.Decoder(Line).decode
_decode_visit = msgspec.msgpack.Decoder(Visit).decode
_LATEST = timedelta(microseconds=1)
_SAME = (
    *("check_id", "request_id", "received_at", "elapsed_us", "patient_id", "encounter_id", "message_id", "station_id"),
    *("format", "encoding", "profile", "revision", "history_position", "verdict", "completeness", "document", "answer"),
)
"""Columns of a decision that are what they were."""


def migrate(connection: sqlite3.Connection, version: str, types: dict[str, str]) -> None:
    """Turn the tables of an earlier version into those of this one. The caller has begun a transaction."""
    connection.execute("DROP INDEX history_patient")
    connection.execute("DROP INDEX feedback_finding")
    for table in ("meta", "decision", "history", "feedback"):
        connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    connection.execute("DROP TABLE decision_key")
    for statement in definitions(types, without_rowid=" WITHOUT ROWID"):
        connection.execute(statement)
    _Migration(connection, version).run()
    for table in ("meta", "decision", "history", "feedback"):
        connection.execute(f"DROP TABLE old_{table}")
    connection.execute("INSERT INTO meta VALUES ('schema_version', ?)", (str(SCHEMA_VERSION),))


class _Migration:
    """The work, as the first writer of the database."""

    def __init__(self, connection: sqlite3.Connection, version: str) -> None:
        self._connection = connection
        self._version = version
        self._head = Head(entry_id(1, 0), NO_HASH)

    def run(self) -> None:
        """Append everything anew."""
        name = secrets.token_hex(16)
        self._connection.execute("INSERT INTO writer VALUES (1, ?, 0, 0)", (name,))
        counts = {table: self._count(table) for table in ("decision", "history", "feedback")}
        about = {"schema": SCHEMA_VERSION, "version": VERSION, "writer": 1, "name": name, "heads": []}
        self._append("marker", _marker("start", {**about, "migrated": {"from": self._version, "rows": counts}}))
        for decision in self._decisions():
            self._append("decision", decision)
            keys = ((key, self._head.id) for key in sorted(keys_of_decision(decision)))
            self._connection.executemany("INSERT INTO decision_key VALUES (?, ?)", keys)
        self._connection.execute("UPDATE writer SET keyed = ?", (self._head.id,))
        self._requests()
        for event in self._events():
            self._append("event", event)
        columns = "recorded_at, finding_id, check_id, disposition, reason, station_id"
        for row in self._connection.execute(f"SELECT {columns} FROM old_feedback ORDER BY sequence"):  # noqa: S608 - names
            self._append("feedback", FeedbackEntry(*row))
        self._append("marker", _marker("stop", {}))

    def _count(self, table: str) -> int:
        (count,) = self._connection.execute(f"SELECT count(*) FROM old_{table}").fetchone()  # noqa: S608 - a name
        return int(count)

    def _append(self, table: str, entry: msgspec.Struct) -> None:
        values = content_values(entry)
        link = self._head.next(table, values)
        self._connection.execute(insert(table), (*values, *link))
        self._head = link.head

    def _decisions(self) -> Iterator[Decision]:
        columns = ", ".join((*_SAME, "finding_ids"))
        for *same, finding_ids in self._connection.execute(
            f"SELECT {columns} FROM old_decision ORDER BY sequence"  # noqa: S608 - names
        ):
            values: dict[str, Any] = dict(zip(_SAME, same, strict=True))
            findings = [Found(finding_id, "", "", "", "") for finding_id in finding_ids.split()]
            yield Decision(
                **values,
                practitioner_ids="[]",
                department_codes="[]",
                asked_format=values["format"],
                profile_digest="",
                dictionary_digest="",
                packs="[]",
                engine="",
                history_changed_at="",
                committed_lines=0,
                findings=_json(findings).decode(),
            )

    def _requests(self) -> None:
        """Take the latest request ids along."""
        query = "SELECT request_id, id FROM decision WHERE request_id <> '' ORDER BY id DESC LIMIT ?"
        now = clock.now_ms()
        rows = [(*row, now) for row in self._connection.execute(query, (REQUESTS_REMEMBERED_MAX,))]
        self._connection.executemany("INSERT INTO request VALUES (?, ?, ?)", rows)

    def _events(self) -> Iterator[Event]:
        """Yield the log of lines and visits as events: one for each call that committed, one for each line taken back.

        An event's position is that of its last row: what decisions recorded as their history position still holds.
        """
        effective: dict[str, datetime] = {}
        query = "SELECT position, patient_id, kind, recorded_at, source, line FROM old_history ORDER BY position"
        for (patient_id, recorded_at, source, is_void), group in groupby(
            self._connection.execute(query), lambda row: (row[1], row[3], row[4], row[2] == "void" and row[0])
        ):
            rows = list(group)
            # In the order in which they came: that is all that was known of it.
            moment = _moment(recorded_at)
            last = effective.get(patient_id)
            if last is not None and moment <= last:
                moment = last + _LATEST
            effective[patient_id] = moment
            kind = "void" if is_void else "commit"
            content = _void(rows[0][5]) if is_void else _commit(rows)
            text = moment.isoformat(timespec="microseconds")
            yield Event(rows[-1][0], patient_id, kind, text, recorded_at, source, _encode(content))  # type: ignore[arg-type]


def _marker(kind: Any, content: dict[str, Any]) -> Marker:
    return Marker(kind, clock.now().isoformat(), _json(content).decode())


def _moment(recorded_at: str) -> datetime:
    try:
        return datetime.fromisoformat(recorded_at).replace(tzinfo=None)
    except ValueError:
        return datetime.min


def _commit(rows: list[tuple[Any, ...]]) -> Commit:
    lines = tuple(_decode_line(encoded) for *_, kind, _, _, encoded in rows if kind == "commit")
    visits = [_decode_visit(encoded) for *_, kind, _, _, encoded in rows if kind == "visit"]
    return Commit(lines, visits[-1] if visits else None)


def _void(encoded: bytes) -> Void:
    """Return what takes back the one line that was taken back, and what was stated of it before."""
    line = _decode_line(encoded)
    return Void(line.encounter_id, (line.order_id,), line.item_code)
