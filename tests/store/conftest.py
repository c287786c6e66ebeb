import contextlib

import pytest

from server.history import History
from server.store import open_store
from tests.store.places import SqlitePlace

MEMORY = 50_000_000


@pytest.fixture(params=["sqlite"])
def place(request, tmp_path):
    """A database of its own, where stores can be opened and which can be looked into."""
    with contextlib.closing(SqlitePlace(tmp_path)) as made:
        yield made


@pytest.fixture
def store(place):
    with contextlib.closing(place.open()) as opened:
        yield opened


@pytest.fixture
def history(store):
    return History(store, MEMORY)


@pytest.fixture
def sqlite_store(tmp_path):
    with contextlib.closing(open_store("", tmp_path)) as opened:
        yield opened
