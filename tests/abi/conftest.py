import pytest

from client_shim.client import Client
from tests.abi.certificates import make as make_certificates
from tests.abi.servers import grpc_server
from tests.web.product import Server


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


@pytest.fixture(scope="session")
def secure_product(tmp_path_factory, certificates):
    """The product, for stations that have a certificate."""
    environment = {
        "PRECHECK_TLS_CERTIFICATE": f"{certificates.server}.pem",
        "PRECHECK_TLS_KEY": f"{certificates.server}.key",
        "PRECHECK_TLS_CLIENT_CA": certificates.ca,
    }
    with Server(tmp_path_factory.mktemp("secure") / "data", env=environment) as server:
        yield server
