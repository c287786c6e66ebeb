"""The fault matrix: every fault of faults.py, over plaintext and TLS, with one server and with a good backup.

Every call returns the documented result within the deadline and LATE_MS_MAX. A busy machine delays the test as well as
the library, so a call that was right but late is made again, TRIES times: a library that waits too long is late each
time.
"""

import time

import pytest

from client_shim.build import ROOT
from client_shim.client import Client, lib
from tests.abi import namespace as namespaces
from tests.abi.faults import ANSWER_BYTES_MAX, FAULTS, Scene, table

DEADLINE_MS = lib.PCK_DEADLINE_MS_DEFAULT
LATE_MS_MAX = 20
TRIES = 5
PATIENT_MS = 20_000


@pytest.fixture(scope="module")
def namespace():
    if not namespaces.available():
        yield None
        return
    with namespaces.Namespace() as made:
        yield made


@pytest.fixture(scope="module")
def scene(request, certificates, namespace):
    return Scene(tls=request.param == "tls", certificates=certificates, namespace=namespace)


@pytest.fixture(scope="module")
def backup(scene):
    with scene.good() as (_, address):
        yield address


CELLS = [
    pytest.param(transport, fault, id=f"{fault.name}, {transport}")
    for transport in ("plain", "tls")
    for fault in FAULTS
    if fault.expected(transport)
]
each_cell = pytest.mark.parametrize(("scene", "fault"), CELLS, indirect=["scene"])


def call(scene, fault, servers):
    """Let the fault strike a client of `servers`, which is given its address; return the answer and its ms."""
    with (
        fault.run(scene) as (address, strike),
        Client(servers(address), max_answer_bytes=ANSWER_BYTES_MAX, **scene.station()) as client,
    ):
        if fault.warm:
            assert client.check(b"{}", deadline_ms=PATIENT_MS).result == lib.PCK_PASS
        strike()
        start = time.monotonic()
        answer = client.check(b"{}")
        return answer, (time.monotonic() - start) * 1000


def assert_in_time(scene, fault, servers, expected):
    if fault.cable and not scene.namespace:
        pytest.skip("needs a network namespace, and so root")
    late = []
    for _ in range(TRIES):
        answer, took_ms = call(scene, fault, servers)
        assert bool(answer.error) == (answer.result < 0)
        # A machine that is too busy to let anybody answer in time.
        if answer.name == "PCK_E_TIMEOUT" and not expected.endswith("TIMEOUT"):
            late.append(took_ms)
            continue
        assert answer.name == f"PCK_{expected}", answer
        if expected.endswith("TIMEOUT"):
            assert took_ms > DEADLINE_MS - 2, "it gave up too early"
        if took_ms <= DEADLINE_MS + LATE_MS_MAX:
            return
        late.append(took_ms)
    pytest.fail(f"never within {DEADLINE_MS} + {LATE_MS_MAX} ms: {late}")


@each_cell
def test_a_fault_of_the_only_server(scene, fault):
    expected = fault.expected("tls" if scene.tls else "plain")
    assert_in_time(scene, fault, lambda address: address, expected)


@each_cell
def test_a_fault_of_the_primary_with_a_good_backup(scene, fault, backup):
    assert_in_time(scene, fault, lambda address: f"{address},{backup}", fault.backup)


def test_the_reference_says_what_the_matrix_says():
    page = (ROOT / "docs" / "reference" / "c-client.md").read_text(encoding="utf-8")
    assert table() in page, "run `python -m tests.abi.faults` and put the table into the page"


def test_every_result_of_a_network_is_in_the_matrix():
    results = {fault.expected(transport) for fault in FAULTS for transport in ("plain", "tls")} - {None}
    network = {"E_TIMEOUT", "E_UNREACHABLE", "E_TLS", "E_UNAVAILABLE", "E_BAD_REPLY", "E_ANSWER_LIMIT"}
    assert results == {*network, "PASS"}
    assert [fault.name for fault in FAULTS if fault.backup != "PASS"] == ["an answer larger than `max_answer_bytes`"]
