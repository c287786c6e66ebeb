"""Profiles and dictionaries that decisions were made with, kept once by their digest."""

import hashlib
import threading
import zlib
from typing import Any

from cachetools import LRUCache

from server.store.database import Database, Statement
from server.store.records import StoreError

PART_BYTES = 1024 * 1024
"""Contents are stored in parts: one of 200 MiB would be one statement, and one lock, too large."""
COMPRESSION = 6
READY_MAX = 32
"""Profiles and dictionaries that are kept ready for replays: decisions come in thousands, their contents in dozens."""

_INSERT = "INSERT INTO content (digest, part, kind, bytes) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"


def digest_of(content: bytes) -> str:
    """Return the digest by which a content is kept: SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


class Contents:
    """Contents by digest. Safe for any number of threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._kept: set[str] = set()

    def keep(self, kind: str, content: bytes, until: int) -> str:
        """Keep a content if it is not kept already; return its digest. Raises StoreError."""
        digest = digest_of(content)
        with self._lock:
            if digest in self._kept:
                return digest
            if not self._database.rows("SELECT 1 FROM content WHERE digest = ? LIMIT 1", (digest,), until):
                packed = zlib.compress(content, COMPRESSION)
                parts = [packed[begin : begin + PART_BYTES] for begin in range(0, len(packed), PART_BYTES)]
                self._database.run(
                    [Statement(_INSERT, (digest, number, kind, part)) for number, part in enumerate(parts)],
                    until,
                    aside=True,
                )
            self._kept.add(digest)
        return digest

    def get(self, digest: str, until: int) -> bytes | None:
        """Return a content, or None where there is none. Raises StoreError, also for one that was damaged."""
        rows = self._database.rows("SELECT bytes FROM content WHERE digest = ? ORDER BY part", (digest,), until)
        if not rows:
            return None
        try:
            content = zlib.decompress(b"".join(bytes(part) for (part,) in rows))
        except zlib.error as error:
            raise StoreError(f"store: content {digest} is damaged: {error}") from error
        if digest_of(content) != digest:
            raise StoreError(f"store: content {digest} is damaged: its digest is {digest_of(content)}")
        return content


class Ready:
    """What was made of contents of one store or corpus, kept for the next decision. Safe for any number of threads."""

    def __init__(self) -> None:
        self._made: LRUCache[tuple[str, str], Any] = LRUCache(READY_MAX)
        self._lock = threading.Lock()

    def get(self, name: str, digest: str) -> Any:
        """Return what was made of a content under a name, or None."""
        with self._lock:
            return self._made.get((name, digest))

    def keep(self, name: str, digest: str, made: Any) -> None:
        """Keep it."""
        with self._lock:
            self._made[name, digest] = made
