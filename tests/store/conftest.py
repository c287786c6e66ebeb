import contextlib

import pytest

from server.history import History
from tests.store.clusters import Cluster, PostgresPlace
from tests.store.places import SqlitePlace

MEMORY = 50_000_000


@pytest.fixture(scope="session")
def cluster():
    with contextlib.closing(Cluster()) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    """A database of its own, where stores can be opened and which can be looked into: each test runs on both kinds."""
    made = SqlitePlace(tmp_path) if request.param == "sqlite" else PostgresPlace(request.getfixturevalue("cluster"))
    with contextlib.closing(made):
        yield made


@pytest.fixture
def store(place):
    with contextlib.closing(place.open()) as opened:
        yield opened


@pytest.fixture
def history(store):
    return History(store, MEMORY)
