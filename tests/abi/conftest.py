import pytest

from client_shim.client import Client
from tests.abi.certificates import make as make_certificates
from tests.abi.servers import grpc_server


@pytest.fixture
def server():
    with grpc_server() as running:
        yield running


@pytest.fixture
def client(server):
    """A client with a deadline that no loaded machine runs into."""
    with Client(server[1], deadline_ms=20_000) as opened:
        yield opened


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))
