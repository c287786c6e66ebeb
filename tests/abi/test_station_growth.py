"""What a station's process holds does not grow with its calls: handles, and memory that is its alone.

On Linux ASan, LSan and valgrind say more (test_endurance.py); the DLL's own allocations and Windows' handles are only
seen here, under Wine.
"""

import contextlib
import re

import pytest

from client_shim.targets import HERE, WINDOWS_X64, WINDOWS_X86
from tests.abi.certificates import NAME
from tests.abi.servers import SETTINGS, frame, free_port, grpc_server, raw_server, server_credentials

SHORT, LONG = (600, 100), (100_000, 2_000)
"""Good calls, and failing ones."""
GROWTH_KIB_MAX = 256
"""What a heap may grow by itself; a leak of 4 bytes a call is more in the long form."""
LEAK_BYTES = 1024
SECONDS_MAX = 1500


@pytest.fixture
def places(certificates):
    """The servers that the station asks for."""

    def break_off(connection, _):
        connection.send(frame(SETTINGS, 0, 0))
        connection.sock.recv(100)

    with contextlib.ExitStack() as stack:
        _, plain = stack.enter_context(grpc_server())
        _, breaking = stack.enter_context(raw_server(break_off))
        secret = server_credentials(certificates.server, certificates.ca)
        _, secure = stack.enter_context(grpc_server(credentials=secret))
        yield [plain, breaking, f"127.0.0.1:{free_port()}", secure]


def grown(station, places, certificates, calls, leak_bytes=0):
    """Return by how many handles and KiB a station grew over so many calls."""
    files = [station.bring(certificates.ca), NAME]
    files += [station.bring(f"{certificates.client}.{kind}") for kind in ("pem", "key")]
    printed = station.station("growth", *calls, leak_bytes, *places, *files, seconds=SECONDS_MAX)
    told = re.fullmatch(r"warm: (\d+) handles, (\d+) KiB\nafter: (\d+) handles, (\d+) KiB\nok\n", printed)
    assert told, printed
    handles_before, before, handles, after = map(int, told.groups())
    print(f"{calls}: {handles_before} -> {handles} handles, {before} -> {after} KiB")
    return handles - handles_before, after - before


FORMS = [
    pytest.param(HERE, SHORT, id="here"),
    pytest.param(WINDOWS_X64, SHORT, id="windows-x64"),
    pytest.param(HERE, LONG, id="here, long", marks=pytest.mark.long),
    pytest.param(WINDOWS_X64, LONG, id="windows-x64, long", marks=pytest.mark.long),
    pytest.param(WINDOWS_X86, LONG, id="windows-x86, long", marks=pytest.mark.long),
]


@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize(("target", "calls"), FORMS)
def test_neither_handles_nor_memory_grow(station_for, target, calls, places, certificates):
    handles, kib = grown(station_for(target), places, certificates, calls)
    assert handles <= 0
    assert kib <= GROWTH_KIB_MAX


@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize("target", [pytest.param(HERE, id="here"), pytest.param(WINDOWS_X64, id="windows-x64")])
def test_a_station_that_loses_memory_is_seen_to_grow(station_for, target, places, certificates):
    _, kib = grown(station_for(target), places, certificates, SHORT, LEAK_BYTES)
    assert kib > GROWTH_KIB_MAX
