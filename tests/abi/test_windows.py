"""The DLL at work, under Wine: a station for Windows asks a real server, and gets what the Linux library gets."""

import json
import platform
import time
from pathlib import Path

import grpc
import pytest

from client_shim.client import Encoding
from client_shim.targets import HERE, WINDOWS_X64, WINDOWS_X86
from tests.abi.cases import check_all, secured
from tests.abi.certificates import NAME
from tests.abi.servers import grpc_server

SHORT_CALLS = 320
LONG_CALLS = 10_000
STATION_SECONDS_MAX = 55
LONG_SECONDS_MAX = 1500
ONE_WINDOWS = [pytest.param(WINDOWS_X64, id="x64")]
BOTH_WINDOWS = [*ONE_WINDOWS, pytest.param(WINDOWS_X86, id="x86")]


@pytest.fixture
def wine(target, station_for):
    """Whoever runs stations of the target."""
    return station_for(target)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("target", ONE_WINDOWS)
def test_every_answer_is_the_linux_librarys(wine, product):
    check_all(wine, product, list(Encoding), SHORT_CALLS, seconds=STATION_SECONDS_MAX)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("target", ONE_WINDOWS)
def test_every_answer_is_the_linux_librarys_with_certificates_on_both_sides(wine, secure_product, certificates):
    arguments, options = secured(wine, certificates)
    check_all(
        wine,
        secure_product,
        list(Encoding),
        SHORT_CALLS,
        seconds=STATION_SECONDS_MAX,
        options=options,
        arguments=arguments,
    )


@pytest.mark.long
@pytest.mark.timeout(LONG_SECONDS_MAX)
@pytest.mark.parametrize("encoding", [Encoding.GBK, Encoding.UTF_16])
@pytest.mark.parametrize("target", BOTH_WINDOWS)
def test_ten_thousand_answers(wine, product, encoding):
    check_all(wine, product, [encoding], LONG_CALLS, seconds=LONG_SECONDS_MAX)


@pytest.mark.long
@pytest.mark.timeout(LONG_SECONDS_MAX)
@pytest.mark.parametrize("encoding", [Encoding.GBK, Encoding.UTF_16])
@pytest.mark.parametrize("target", BOTH_WINDOWS)
def test_ten_thousand_answers_with_certificates_on_both_sides(wine, secure_product, certificates, encoding):
    arguments, options = secured(wine, certificates)
    check_all(
        wine, secure_product, [encoding], LONG_CALLS, seconds=LONG_SECONDS_MAX, options=options, arguments=arguments
    )


# ---- what hosts do to a library ----

CHILD_MS = 15_000
CHINESE_CA = "证书 é.pem"
ANY_STATION = [
    pytest.param(WINDOWS_X64, id="x64"),
    pytest.param(WINDOWS_X86, id="x86", marks=pytest.mark.long),
    pytest.param(HERE, id="here"),
]


def connections_to(address):
    """How many sockets on this machine are connected to a server, and held by someone."""
    port = f":{int(address.rpartition(':')[2]):04X}"
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    established, close_wait = "01", "08"
    return sum(fields[2].endswith(port) and fields[3] in (established, close_wait) for fields in table)


def assert_hosts_are_served(wine, target, address, *more, also=()):
    printed = wine.station("host", address, CHILD_MS, *more, seconds=STATION_SECONDS_MAX)
    lines = ["odd stack"] if target.is_windows or platform.machine() == "x86_64" else []
    lines += ["floating-point exceptions unmasked", "no handle is left of 50 clients", "cancelled"]
    lines += ["its socket closed by the host"] if target.is_windows else []
    assert printed.splitlines() == [*lines, *also, "child started", "ok"]
    # The child still runs; a socket that it had inherited would keep the connection.
    ended = time.monotonic() + CHILD_MS / 1000 / 2
    while connections_to(address):
        assert time.monotonic() < ended, "a child process holds the connection"
        time.sleep(0.05)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("target", ANY_STATION)
def test_hosts_with_odd_stacks_float_exceptions_and_children(wine, target, server):
    servicer, address = server
    assert_hosts_are_served(wine, target, address, also=["Chinese texts"] if target.is_windows else [])
    voids = [request for request in servicer.requests if hasattr(request, "order_ids")]
    told = [(json.loads(void.reason)["reason"], void.station_id) for void in voids]
    assert told == ([("医生撤销", "病区")] if target.is_windows else [])


@pytest.mark.timeout(900)
@pytest.mark.parametrize("target", ANY_STATION)
def test_hosts_with_tls_and_a_file_of_a_chinese_name(wine, target, certificates):
    pair = (Path(f"{certificates.server_rsa}.key").read_bytes(), Path(f"{certificates.server_rsa}.pem").read_bytes())
    (wine.folder / CHINESE_CA).write_bytes(Path(certificates.ca).read_bytes())
    with grpc_server(credentials=grpc.ssl_server_credentials([pair])) as (_, address):
        assert_hosts_are_served(wine, target, address, NAME)
