import pytest

from client_shim.client import Client
from client_shim.targets import HERE, WINDOWS_X64, WINDOWS_X86
from tests.abi.certificates import make as make_certificates
from tests.abi.linux_station import LinuxStation
from tests.abi.servers import grpc_server
from tests.abi.wine import wine_for
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


@pytest.fixture(scope="session")
def wine64():
    return wine_for(WINDOWS_X64)


@pytest.fixture(scope="session")
def wine32():
    return wine_for(WINDOWS_X86)


@pytest.fixture(scope="session")
def this_machine(tmp_path_factory):
    return LinuxStation(HERE, tmp_path_factory.mktemp("station"))


@pytest.fixture(scope="session")
def station_for(request):
    """A function that returns whoever runs stations of a target. It skips where nobody can."""
    names = {WINDOWS_X64: "wine64", WINDOWS_X86: "wine32", HERE: "this_machine"}
    return lambda target: request.getfixturevalue(names[target])
