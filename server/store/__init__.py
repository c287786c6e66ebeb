"""The durable store of decisions, histories and feedback."""

from pathlib import Path
from typing import Literal

from server.store.awaiting import await_store
from server.store.content import Ready
from server.store.records import (
    Commit,
    Decision,
    DuplicateRequestError,
    Event,
    Feedback,
    Found,
    OutcomeUnknownError,
    StaleHistoryError,
    StoreError,
    Void,
    VoidedLine,
)
from server.store.search import Query
from server.store.sqlite import DATABASE, SqliteDatabase
from server.store.store import Draft, Store, content_of

__all__ = [
    "DATABASE",
    "Commit",
    "Decision",
    "Draft",
    "DuplicateRequestError",
    "Event",
    "Feedback",
    "Found",
    "OutcomeUnknownError",
    "Query",
    "Ready",
    "StaleHistoryError",
    "Store",
    "StoreError",
    "Void",
    "VoidedLine",
    "await_store",
    "content_of",
    "open_store",
]


def open_store(
    setting: str, data: Path, *, durability: Literal["process", "power"] = "process", upkeep: bool = True
) -> Store:
    """Open the store that the setting `store` names; "" is SQLite in the data directory. Raises StoreError.

    `durability` is SQLite's; PostgreSQL has its own.
    """
    if not setting:
        return Store(SqliteDatabase(data / DATABASE, durability=durability), upkeep=upkeep)
    from server.store import postgres  # noqa: PLC0415 - who has no PostgreSQL does not load its client

    if not postgres.is_address(setting):
        raise StoreError(f"setting `store` is `{setting}`, expected nothing or postgresql://…")
    return Store(postgres.PostgresDatabase(setting), upkeep=upkeep)
