"""The tables, once for both databases: what differs is how a type is called.

Large columns come last: SQLite keeps the end of a long row elsewhere, and finds the columns before it without going
there.
"""

from collections.abc import Mapping

import msgspec

from server.store.records import Decision, Event, FeedbackEntry, Marker, content_fields

SCHEMA_VERSION = 3
"""1: the log of history knew no visits. 2: decisions, lines and feedback without chains. Both are migrated."""

TABLES: Mapping[str, type[msgspec.Struct]] = {
    "decision": Decision,
    "event": Event,
    "feedback": FeedbackEntry,
    "marker": Marker,
}
"""The tables of entries, each with its struct."""

_TYPES = {str: "TEXT", int: "{INTEGER}", bytes: "{BLOB}"}
_HASHES = "content_hash {BLOB} NOT NULL, chain_hash {BLOB} NOT NULL, erased_by {INTEGER} NOT NULL"


def _columns(kind: type[msgspec.Struct]) -> str:
    types = {field.name: field.type for field in msgspec.structs.fields(kind)}
    names = content_fields(kind)
    large = [name for name in names if types[name] is bytes]
    small = [name for name in names if name not in large]
    definitions = [f"{name} {_TYPES.get(types[name], 'TEXT')} NOT NULL" for name in (*small, *large)]
    at = len(small)
    return ", ".join((*definitions[:at], _HASHES, *definitions[at:]))


TABLE_DEFINITIONS = tuple(
    f"CREATE TABLE {name} (id {{INTEGER}} PRIMARY KEY, {_columns(TABLES[name])})" for name in TABLES
)
OTHER_DEFINITIONS = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE UNIQUE INDEX event_position ON event (position)",
    "CREATE INDEX event_patient ON event (patient_id, position)",
    "CREATE INDEX feedback_finding ON feedback (finding_id)",
    # `named`: the head that a later writer's first entry has named. `keyed`: decisions up to here have their keys.
    "CREATE TABLE writer (id {INTEGER} PRIMARY KEY, name TEXT NOT NULL UNIQUE, named {INTEGER} NOT NULL, keyed {INTEGER} NOT NULL)",
    "CREATE TABLE request (request_id TEXT PRIMARY KEY, decision {INTEGER} NOT NULL, recorded_ms {INTEGER} NOT NULL)",
    # Found by the kind and text of a key: check, finding, patient, doctor, row, day.
    "CREATE TABLE decision_key (key {KEY} NOT NULL, decision {INTEGER} NOT NULL, PRIMARY KEY (key, decision))",
    # Profiles and dictionaries by their digest, in parts of bounded size.
    "CREATE TABLE content (digest TEXT NOT NULL, part {INTEGER} NOT NULL, kind TEXT NOT NULL, bytes {BLOB} NOT NULL, PRIMARY KEY (digest, part))",
)


def definitions(types: Mapping[str, str], *, without_rowid: str = "") -> list[str]:
    """Return the statements that make an empty database of the current version.

    `types` names INTEGER (64 bits), BLOB, and KEY (text in the order of its bytes); `without_rowid` is appended to tables that are nothing but their key.
    """
    made = [statement.format(**types) for statement in (*TABLE_DEFINITIONS, *OTHER_DEFINITIONS)]
    keyed = ("CREATE TABLE meta", "CREATE TABLE request", "CREATE TABLE decision_key")
    return [statement + without_rowid if statement.startswith(keyed) else statement for statement in made]


def insert(table: str, *, condition: str = "") -> str:
    """Return the statement that appends to a table: content, then id and both hashes; `condition` may prevent it."""
    names = (*content_fields(TABLES[table]), "id", "content_hash", "chain_hash", "erased_by")
    marks = ", ".join("?" * (len(names) - 1)) + ", 0"
    head = f"INSERT INTO {table} ({', '.join(names)}) "
    return f"{head}SELECT {marks} WHERE {condition}" if condition else f"{head}VALUES ({marks})"


def select(table: str) -> str:
    """Return the statement that reads rows of a table as its struct has them."""
    return f"SELECT {', '.join(TABLES[table].__struct_fields__)} FROM {table}"  # noqa: S608 - names of a struct
