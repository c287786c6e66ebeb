"""The compiled pack: one immutable file that is memory-mapped and never parsed as a whole.

Layout, little-endian
=====================
    0     magic        16 bytes, `PRECHECK PACK 02`
    16    header       9 x u64: offset and length of manifest, table, entries and rows; number of rows
    88    digest       32 bytes, SHA-256 of the header and of everything from byte 120 on
    120   manifest     MessagePack: head, rules, tests
          table        2^n slots of u64: 0 is empty, else offset of an entry in `entries` plus one
          entries      per key: u16 length, key (UTF-8), u32 count, count x u64 offset of a row in `rows`
          rows         per row: u32 length, MessagePack array (see `RowRecord`)

A key is looked up by a 64-bit BLAKE2b hash with linear probing, and verified against the key in the entry: a
collision costs a probe, never an answer. So opening reads a few kilobytes whatever the number of rows, and the pages
of rows that nobody asks for are never loaded. The digest is verified when a pack is published, not at every open.
Same input, same bytes, same digest.
"""

import hashlib
import mmap
import struct
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from ruleset.layers import Layer, Statement

MAGIC = b"PRECHECK PACK 02"
HEADER = struct.Struct("<9Q")
DIGEST_BYTES = 32
DIGEST_OFFSET = len(MAGIC) + HEADER.size
BODY_OFFSET = DIGEST_OFFSET + DIGEST_BYTES
SLOT = struct.Struct("<Q")
KEY_LENGTH = struct.Struct("<H")
ROW_COUNT = struct.Struct("<I")
ROW_LENGTH = struct.Struct("<I")
KEY_MAX_BYTES = 65_535
TABLE_SLOTS_MIN = 8
LIST_RULE = -1
VERIFIED_AT_ONCE_BYTES = 4 * 1024 * 1024


class PackFileError(Exception):
    """A file that is not a compiled pack, is of another format version, or was damaged."""


class PackDamagedError(PackFileError):
    """A compiled pack whose content is not what its digest says, or that ends too early."""


class RuleRecord(msgspec.Struct, frozen=True):
    """One rule in the manifest. `source` is the rule's TOML as plain values, `columns` the cells of its rows."""

    id: str
    columns: tuple[str, ...]
    source: dict[str, Any]


class Manifest(msgspec.Struct, frozen=True):
    """What a pack says of itself. `tests` are its own test files, by path."""

    id: str
    revision: int
    title: str
    region: str
    minimum_engine: str
    rules: tuple[RuleRecord, ...]
    tests: dict[str, dict[str, Any]]
    kinds: tuple[str, ...] = ()
    """The kinds of keys (what stands before the colon) that lead to rows, and `list` where there are lists."""
    not_before: date | None = None
    """The first day on which it may be put in force."""
    expires: date | None = None
    """The day from which it is stale."""
    source_digest: str = ""
    """SHA-256 (hexadecimal) of what was compiled: the same for one source whichever engine compiled it."""
    shadow_kinds: tuple[str, ...] = ()
    """As `kinds`, of the rows in shadow."""
    layer: Layer = "hospital"
    regions: tuple[str, ...] = ()
    """统筹区 for whose insured it holds; none: everybody."""
    treatment_regions: tuple[str, ...] = ()
    """就医地 in which it holds; none: everywhere."""
    statements: tuple[Statement, ...] = ()
    """What it says of rows of lower layers."""


class RowRecord(msgspec.Struct, frozen=True, array_like=True):
    """One row: which rule (by place in the manifest), its id, validity (ordinals), citation (by place), cells.

    `common` are the common columns that it states (`ruleset.rule.RowCommon`) as plain values. A record whose rule is
    LIST_RULE is no row: its id is the name of a list that has the key among its members.
    """

    rule: int
    id: str
    valid_from: int
    valid_to: int
    citation: int
    cells: list[Any]
    common: dict[str, Any] | None = None

    @property
    def is_row(self) -> bool:
        """Whether it is a row that its pack does not keep off."""
        return self.rule != LIST_RULE and (self.common is None or self.common.get("mode") != "off")


def _hash(key: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little")


def write_pack(path: Path, manifest: Manifest, rows: Iterable[tuple[RowRecord, Sequence[str]]]) -> str:
    """Write a compiled pack and return its digest (hexadecimal). Rows and lists come with the keys that lead to them.

    The file appears under its name only when it is whole.
    """
    encoder = msgspec.msgpack.Encoder(order="deterministic")
    row_bytes = bytearray()
    offsets: dict[str, list[int]] = {}
    count = 0
    for record, keys in rows:
        for key in keys:
            offsets.setdefault(key, []).append(len(row_bytes))
        encoded = encoder.encode(record)
        row_bytes += ROW_LENGTH.pack(len(encoded)) + encoded
        count += record.is_row
    slots = TABLE_SLOTS_MIN
    while slots < 2 * len(offsets):
        slots *= 2
    table = [0] * slots
    entries = bytearray()
    for key in sorted(offsets):
        name = key.encode()
        if len(name) > KEY_MAX_BYTES:
            raise PackFileError(f"key `{key[:40]}…` is longer than {KEY_MAX_BYTES} bytes")
        slot = _hash(name) % slots
        while table[slot]:
            slot = (slot + 1) % slots
        table[slot] = len(entries) + 1
        places = offsets[key]
        entries += (
            KEY_LENGTH.pack(len(name)) + name + ROW_COUNT.pack(len(places)) + struct.pack(f"<{len(places)}Q", *places)
        )
    sections = (
        encoder.encode(manifest),
        struct.pack(f"<{slots}Q", *table),
        bytes(entries),
        bytes(row_bytes),
    )
    numbers: list[int] = []
    place = BODY_OFFSET
    for section in sections:
        numbers += (place, len(section))
        place += len(section)
    header = HEADER.pack(*numbers, count)
    body = b"".join(sections)
    digest = hashlib.sha256(header + body).digest()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_bytes(MAGIC + header + digest + body)
    unfinished.replace(path)
    return digest.hex()


class PackFile:
    """An open compiled pack. Immutable; may be read by any number of threads at once.

    Never closed explicitly: the mapping goes with the last reference, so a check that still holds an old pack is
    never left without it.
    """

    def __init__(self, path: Path) -> None:
        """Open a compiled pack. Raises PackFileError when it is none, OSError when it cannot be read."""
        with path.open("rb") as file:
            if path.stat().st_size < BODY_OFFSET:
                raise PackFileError(f"{path}: not a compiled pack (too short)")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self._map[: len(MAGIC)] != MAGIC:
            raise PackFileError(f"{path}: not a compiled pack of this format")
        numbers = HEADER.unpack_from(self._map, len(MAGIC))
        for offset, length in zip(numbers[0:8:2], numbers[1:8:2], strict=True):
            if offset < BODY_OFFSET or offset + length > len(self._map):
                raise PackDamagedError(f"{path}: damaged (a section ends beyond the file)")
        self.path = path
        self.digest = self._map[DIGEST_OFFSET:BODY_OFFSET].hex()
        self.row_count: int = numbers[8]
        _, _, self._table, table_bytes, self._entries, self._entries_bytes, self._rows, self._rows_bytes = numbers[:8]
        self._slots = table_bytes // SLOT.size
        self._decode_row = msgspec.msgpack.Decoder(RowRecord).decode
        manifest = self._map[numbers[0] : numbers[0] + numbers[1]]
        try:
            self.manifest = msgspec.msgpack.decode(manifest, type=Manifest)
        except msgspec.DecodeError as error:
            raise PackDamagedError(f"{path}: damaged (manifest: {error})") from error

    def verify(self) -> None:
        """Read the whole file and compare its digest. Raises PackDamagedError where it was damaged."""
        hashed = hashlib.sha256(self._map[len(MAGIC) : DIGEST_OFFSET])
        with memoryview(self._map) as whole:
            for begin in range(0, len(whole), VERIFIED_AT_ONCE_BYTES):
                end = min(begin + VERIFIED_AT_ONCE_BYTES, len(whole))
                with whole[max(begin, BODY_OFFSET) : end] as part:
                    hashed.update(part)  # without the interpreter's lock
                # Mapped pages cost when the pack is let go, all at once and with the lock: so they are not kept.
                self._map.madvise(mmap.MADV_DONTNEED, begin, end - begin)
        if hashed.hexdigest() != self.digest:
            raise PackDamagedError(
                f"{self.path}: damaged (digest {hashed.hexdigest()[:16]}…, expected {self.digest[:16]}…)"
            )

    def find(self, key: str) -> tuple[int, ...]:
        """Return the offsets of the rows under a key, in the order of the pack's rows; empty where there are none."""
        name = key.encode("utf-8", "surrogatepass")
        data = self._map
        slot = _hash(name) % self._slots
        while True:
            (place,) = SLOT.unpack_from(data, self._table + slot * SLOT.size)
            if place == 0:
                return ()
            entry = self._entries + place - 1
            (length,) = KEY_LENGTH.unpack_from(data, entry)
            start = entry + KEY_LENGTH.size
            if length == len(name) and data[start : start + length] == name:
                (count,) = ROW_COUNT.unpack_from(data, start + length)
                return struct.unpack_from(f"<{count}Q", data, start + length + ROW_COUNT.size)
            slot = (slot + 1) % self._slots

    def row(self, offset: int) -> RowRecord:
        """Return the row at an offset that `find` gave."""
        start = self._rows + offset
        (length,) = ROW_LENGTH.unpack_from(self._map, start)
        start += ROW_LENGTH.size
        return self._decode_row(self._map[start : start + length])

    def all_rows(self) -> Iterable[RowRecord]:
        """Yield every row of the pack that it does not keep off; for explanations and tests, never for a check."""
        return (record for record in self.all_records() if record.is_row)

    def all_records(self) -> Iterator[RowRecord]:
        """Yield every row of the pack, and every list."""
        offset = 0
        while offset < self._rows_bytes:
            (length,) = ROW_LENGTH.unpack_from(self._map, self._rows + offset)
            yield self.row(offset)
            offset += ROW_LENGTH.size + length

    def all_keys(self) -> Iterable[tuple[str, tuple[int, ...]]]:
        """Yield every key with the offsets under it, sorted; for explanations, never for a check."""
        place, end = self._entries, self._entries + self._entries_bytes
        while place < end:
            (length,) = KEY_LENGTH.unpack_from(self._map, place)
            place += KEY_LENGTH.size
            key = self._map[place : place + length].decode("utf-8", "surrogatepass")
            place += length
            (count,) = ROW_COUNT.unpack_from(self._map, place)
            place += ROW_COUNT.size
            yield key, struct.unpack_from(f"<{count}Q", self._map, place)
            place += count * SLOT.size
