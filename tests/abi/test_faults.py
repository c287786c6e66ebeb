"""The fault matrix: every fault of faults.py, over plaintext and TLS, with one server and with a good backup.

Every call returns the documented result within the deadline and LATE_MS_MAX: of the Linux library in `make test`, of the
DLLs under Wine in `make test-windows`, and of a choice of the rows for x64 in `make test` too. matrix.py says what is
measured, and when a try may be made again.
"""

import pytest

from client_shim.build import ROOT
from client_shim.targets import HERE, WINDOWS_X64, WINDOWS_X86
from tests.abi import namespace as namespaces
from tests.abi.faults import FAULTS, Scene, table
from tests.abi.matrix import ObeyingStation, cells, strike

WINE_SECONDS_MAX = 900
"""The first cell under Wine may have to make Wine ready."""
SHORT_UNDER_WINE = (
    "nothing listens",
    "packets are dropped",
    "accepted and never answered",
    "silence in the middle of the handshake",
    "the process is stopped (SIGSTOP)",
    "reset in the middle of the reply",
    "garbage instead of HTTP/2",
    "one byte each 50 ms",
)


@pytest.fixture(scope="module")
def namespace():
    if not namespaces.available():
        yield None
        return
    with namespaces.Namespace() as made:
        yield made


@pytest.fixture(scope="module")
def station(request, station_for):
    with ObeyingStation(station_for(request.param)) as started:
        yield started


@pytest.fixture(scope="module")
def scene(request, certificates, namespace):
    return Scene(tls=request.param == "tls", certificates=certificates, namespace=namespace)


@pytest.fixture(scope="module")
def backup(scene):
    with scene.good() as (_, address):
        yield address


def parameters(target, *, short):
    """Yield the cells of a target; those whose fault is not in `short` only in the long form."""
    for transport, fault in cells(FAULTS):
        marks = [] if fault.name in short else [pytest.mark.long]
        marks += [pytest.mark.timeout(WINE_SECONDS_MAX)] if target.is_windows else []
        yield pytest.param(target, transport, fault, id=f"{fault.name}, {transport}, {target.name}", marks=marks)


each_cell = pytest.mark.parametrize(
    ("station", "scene", "fault"),
    [
        *parameters(HERE, short=[fault.name for fault in FAULTS]),
        *parameters(WINDOWS_X64, short=SHORT_UNDER_WINE),
        *parameters(WINDOWS_X86, short=()),
    ],
    indirect=["station", "scene"],
)


def assert_in_time(station, scene, fault, servers, expected):
    if fault.cable and not scene.namespace:
        pytest.skip("needs a network namespace, and so root")
    strike(station, scene, fault, servers, expected)


@each_cell
def test_a_fault_of_the_only_server(station, scene, fault):
    expected = fault.expected("tls" if scene.tls else "plain")
    assert_in_time(station, scene, fault, lambda address: address, expected)


@each_cell
def test_a_fault_of_the_primary_with_a_good_backup(station, scene, fault, backup):
    assert_in_time(station, scene, fault, lambda address: f"{address},{backup}", fault.backup)


def test_the_short_form_under_wine_names_faults_that_there_are():
    assert set(SHORT_UNDER_WINE) <= {fault.name for fault in FAULTS}


def test_the_reference_says_what_the_matrix_says():
    page = (ROOT / "docs" / "reference" / "c-client.md").read_text(encoding="utf-8")
    assert table() in page, "run `python -m tests.abi.faults` and put the table into the page"


def test_every_result_of_a_network_is_in_the_matrix():
    results = {fault.expected(transport) for fault in FAULTS for transport in ("plain", "tls")} - {None}
    network = {"E_TIMEOUT", "E_UNREACHABLE", "E_TLS", "E_UNAVAILABLE", "E_BAD_REPLY", "E_ANSWER_LIMIT", "E_SERVER"}
    assert results == {*network, "PASS"}
    assert [fault.name for fault in FAULTS if fault.backup != "PASS"] == ["an answer larger than `max_answer_bytes`"]
