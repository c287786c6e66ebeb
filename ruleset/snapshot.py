"""The rule packs in force at one moment, as one immutable source of rows.

Publishing is one attribute store of a new snapshot; a check reads the reference once and finishes on what it read.
Decoded rows, and the knowledge that a key has none, are kept in a bounded cache: a hot key costs a dictionary
lookup, whatever the size of the packs.
"""

import contextlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from ruleset.drug import Drug, DrugKey
from ruleset.layers import LAYERS, Stated, by_target, resolved
from ruleset.pack.compile import LoadedPack
from ruleset.rule import Row

KEYS_CACHED_MAX = 65_536
NOTHING_STATED: Mapping[tuple[str, str], Sequence[Stated]] = {}


class Snapshot:
    """One or several packs, evaluated together. Safe for any number of threads.

    Two threads that miss the same key at once both decode it; the rows are equal, and one of the two is kept.
    """

    __slots__ = (
        "__weakref__",
        "_cache",
        "_expiring",
        "_lists",
        "_shadow",
        "_statements",
        "_switched_on",
        "drugs",
        "kinds",
        "packs",
        "revision",
    )

    def __init__(self, packs: Iterable[LoadedPack], *, shadow: bool = False) -> None:
        """Put packs together, in the order of their layers. `shadow` takes rows that are in shadow for active."""
        self.packs = tuple(sorted(packs, key=lambda pack: (LAYERS.index(pack.layer), pack.id)))
        self.revision = ",".join(pack.revision for pack in self.packs)
        self._shadow = shadow
        layers = {pack.id: LAYERS.index(pack.layer) for pack in self.packs}
        self._statements = by_target((stated for pack in self.packs for stated in pack.stated), layers)
        self._switched_on = self._rows_switched_on()
        self.kinds: frozenset[str] = frozenset(self._all_kinds())
        self._expiring = tuple(pack for pack in self.packs if pack.expires is not None)
        self._cache: OrderedDict[str, Sequence[Row]] = OrderedDict()
        self._lists: OrderedDict[str, Sequence[str]] = OrderedDict()
        self.drugs: dict[DrugKey, Drug] = OrderedDict()

    def rows(self, key: str) -> Sequence[Row]:
        """Return the rows of every pack under a key, in the order of the packs."""
        cached = self._cache.get(key)
        if cached is not None:
            return cached
        rows = self._cache[key] = tuple(self._decoded(key))
        if len(self._cache) > KEYS_CACHED_MAX:
            self._forget_oldest(self._cache)
        return rows

    def _decoded(self, key: str) -> Iterator[Row]:
        """Yield the rows under a key as the statements of higher layers have them."""
        for pack in self.packs:
            about = self._statements.get(pack.id, NOTHING_STATED)
            for row in pack.rows(key):
                if about or row.common.mode != "active":
                    yield from resolved(row, about, shadow=self._shadow)
                else:
                    yield row
        yield from self._switched_on.get(key, ())

    def _rows_switched_on(self) -> dict[str, list[Row]]:
        """Return, by key, the rows that their own pack keeps off and a higher layer switches on."""
        found: dict[str, list[Row]] = {}
        for pack in self.packs:
            about = self._statements.get(pack.id, NOTHING_STATED)
            for row_id in sorted({row_id for _, row_id in about if row_id}):
                for row in pack.rows_kept(row_id):
                    if row.common.mode == "off":
                        for key in row.index_keys():
                            found.setdefault(key, []).extend(resolved(row, about, shadow=self._shadow))
        return {key: rows for key, rows in found.items() if rows}

    def _all_kinds(self) -> Iterator[str]:
        """Yield the kinds of keys that lead to rows, or that may: rows in shadow count where they may be active."""
        for pack in self.packs:
            yield from pack.kinds
            if self._shadow or pack.id in self._statements:
                yield from pack.shadow_kinds
        yield from (key.partition(":")[0] for key in self._switched_on)

    def lists(self, key: str) -> Sequence[str]:
        """Return the names of the lists, of every pack, that have `key` among their members."""
        cached = self._lists.get(key)
        if cached is not None:
            return cached
        names = self._lists[key] = tuple(dict.fromkeys(name for pack in self.packs for name in pack.lists(key)))
        if len(self._lists) > KEYS_CACHED_MAX:
            self._forget_oldest(self._lists)
        return names

    @staticmethod
    def _forget_oldest(cache: OrderedDict[str, Any]) -> None:
        """Make room for one key. Which was asked for last, it would cost every look-up to know; all at once, a stall."""
        with contextlib.suppress(KeyError):  # emptied by another thread
            cache.popitem(last=False)

    def stale(self, day: date) -> Sequence[LoadedPack]:
        """Return the packs that are past their expiry on a day."""
        return [pack for pack in self._expiring if pack.expires is not None and day >= pack.expires]

    def released(self, keys: int) -> Iterator[None]:
        """Empty the caches, so many keys at a time, and yield after each: for a snapshot that is no longer in force.

        A check that still holds it decodes anew what it needs.
        """
        for cache in (self._cache, self._lists, self.drugs):
            while cache:
                for _ in range(min(keys, len(cache))):
                    with contextlib.suppress(KeyError):  # emptied by another thread
                        cache.popitem()
                yield

    def forget(self) -> None:
        """Empty the caches; for measuring cold look-ups."""
        self._cache = OrderedDict()
        self._lists = OrderedDict()
        self.drugs = OrderedDict()
