"""Ids, hashes and the head of a chain of entries.

An entry's id is its writer and its number in one integer, so the primary key of each table is also the order of the
chain. Entries of one writer are numbered from 1 without a gap, over all tables.
"""

import hashlib
from typing import Any, NamedTuple

import msgspec

NUMBER_BITS = 40
NUMBER_MAX = (1 << NUMBER_BITS) - 1
"""Entries of one writer: at a thousand a second it lasts 34 years."""
NO_HASH = bytes(32)
"""What the first entry of a chain follows."""

_encode = msgspec.msgpack.Encoder().encode


def entry_id(writer: int, number: int) -> int:
    """Return the id of an entry."""
    return (writer << NUMBER_BITS) | number


def writer_of(entry: int) -> int:
    """Return the writer of an entry."""
    return entry >> NUMBER_BITS


def number_of(entry: int) -> int:
    """Return the number of an entry in its writer's chain."""
    return entry & NUMBER_MAX


def content_hash(table: str, content: tuple[Any, ...]) -> bytes:
    """Return the SHA-256 of an entry: MessagePack of its table's name and its columns, in order."""
    return hashlib.sha256(_encode((table, *content))).digest()


def chain_hash(previous: bytes, content: bytes) -> bytes:
    """Return the hash of the chain up to an entry, from that before it and the entry's content hash."""
    return hashlib.sha256(previous + content).digest()


class Head(NamedTuple):
    """The last entry of a chain."""

    id: int
    chain_hash: bytes

    def next(self, table: str, content: tuple[Any, ...]) -> "Link":
        """Return what the next entry is stored with."""
        hashed = content_hash(table, content)
        return Link(self.id + 1, hashed, chain_hash(self.chain_hash, hashed))


class Link(NamedTuple):
    """Id and hashes of an entry."""

    id: int
    content_hash: bytes
    chain_hash: bytes

    @property
    def head(self) -> Head:
        """The head of the chain when this is its last entry."""
        return Head(self.id, self.chain_hash)
