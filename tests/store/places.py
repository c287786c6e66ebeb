"""Databases for tests: where stores can be opened, and which can be looked into and tampered with behind their backs."""

import contextlib
import sqlite3

from server.store import DATABASE, Store, open_store


class SqlitePlace:
    """A file."""

    kind = "sqlite"

    def __init__(self, folder):
        self.path = folder / DATABASE
        self.folder = folder
        self._stores = []

    def open(self, **options) -> Store:
        store = open_store("", self.folder, **options)
        self._stores.append(store)
        return store

    def rows(self, sql, *values):
        with contextlib.closing(sqlite3.connect(self.path)) as reader:
            return reader.execute(sql, values).fetchall()

    def change(self, sql, *values):
        """Do what nobody should."""
        with contextlib.closing(sqlite3.connect(self.path)) as writer, writer:
            assert writer.execute(sql, values).rowcount

    def close(self):
        for store in self._stores:
            store.close()
