"""Fixtures for all tests: one running server, and the reference data that may stand beside the checkout."""

import pytest
from hypothesis import settings

from tests.web.product import SHARED, Server
from tests.web.profiles import write_profiles

# How long one example takes says something of the machine, not of the code; what takes too long, the limit of the test ends.
settings.register_profile("precheck", deadline=None)
settings.load_profile("precheck")


def pytest_collection_modifyitems(items):
    if not SHARED.is_dir():
        for item in items:
            if item.get_closest_marker("shared"):
                item.add_marker(pytest.mark.skip(reason=f"no reference data at {SHARED}"))


@pytest.fixture(scope="session")
def product(tmp_path_factory):
    """The product on the starter pack, with the site profiles of tests/web/profiles.py. Patients must be new ones."""
    folder = tmp_path_factory.mktemp("product")
    with Server(folder / "data", "--profiles", write_profiles(folder / "profiles")) as server:
        yield server
        assert server.process.poll() is None, server.log.read_text()[-3000:]
