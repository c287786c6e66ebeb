"""The rule packs in force at one moment, as one immutable source of rows.

Publishing is one attribute store of a new snapshot; a check reads the reference once and finishes on what it read.
Decoded rows, and the knowledge that a key has none, are kept in a bounded cache: a hot key costs a dictionary
lookup, whatever the size of the packs.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from ruleset.drug import Drug, DrugKey
from ruleset.pack.compile import LoadedPack
from ruleset.rule import Row

KEYS_CACHED_MAX = 65_536


class Snapshot:
    """One or several packs, evaluated together. Safe for any number of threads.

    Two threads that miss the same key at once both decode it; the rows are equal, and one of the two is kept.
    """

    __slots__ = ("__weakref__", "_cache", "_expiring", "_lists", "drugs", "kinds", "packs", "revision")

    def __init__(self, packs: Iterable[LoadedPack]) -> None:
        self.packs = tuple(packs)
        self.revision = ",".join(pack.revision for pack in self.packs)
        self.kinds: frozenset[str] = frozenset().union(*(pack.kinds for pack in self.packs))
        self._expiring = tuple(pack for pack in self.packs if pack.expires is not None)
        self._cache: dict[str, Sequence[Row]] = {}
        self._lists: dict[str, Sequence[str]] = {}
        self.drugs: dict[DrugKey, Drug] = {}

    def rows(self, key: str) -> Sequence[Row]:
        """Return the rows of every pack under a key, in the order of the packs."""
        cached = self._cache.get(key)
        if cached is not None:
            return cached
        rows = tuple(row for pack in self.packs for row in pack.rows(key))
        cache = self._cache
        if len(cache) >= KEYS_CACHED_MAX:
            # Starting over costs each hot key one decode; keeping an order would cost every lookup.
            cache = self._cache = {}
        cache[key] = rows
        return rows

    def lists(self, key: str) -> Sequence[str]:
        """Return the names of the lists, of every pack, that have `key` among their members."""
        cached = self._lists.get(key)
        if cached is not None:
            return cached
        names = tuple(dict.fromkeys(name for pack in self.packs for name in pack.lists(key)))
        cache = self._lists
        if len(cache) >= KEYS_CACHED_MAX:
            cache = self._lists = {}
        cache[key] = names
        return names

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
        self._cache = {}
        self._lists = {}
        self.drugs = {}
