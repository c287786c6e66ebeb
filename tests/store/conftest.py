import contextlib

import pytest

from server.history import History
from server.packs import PackHolder
from tests.store.clusters import Cluster, PostgresPlace
from tests.store.places import SqlitePlace
from tests.web.packs import write_pack

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


@pytest.fixture(scope="session")
def tiny_packs(tmp_path_factory):
    """The small pack of the tests of the wire, in force."""
    folder = tmp_path_factory.mktemp("tiny")
    packs = PackHolder(folder / "packs")
    packs.start((str(write_pack(folder / "source")),), ())
    yield packs
    packs.cancel()


@pytest.fixture(params=["sqlite", "postgres"])
def kept(request, tmp_path):
    """Where a server keeps its records, whatever happens to it."""
    if request.param == "sqlite":
        (tmp_path / "data").mkdir()
        made = SqlitePlace(tmp_path / "data")
        made.environment = {}
    else:
        made = PostgresPlace(request.getfixturevalue("cluster"))
        made.environment = {"PRECHECK_STORE": made.address}
    with contextlib.closing(made):
        yield made
