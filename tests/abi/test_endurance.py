"""No leak over many calls of every kind, and an error code wherever memory runs out (endurance.c).

The short forms run in `make test`; the long ones make 100,000 calls, as the marker says.
"""

import contextlib
import os
import re
import subprocess
import sys

import pytest

from client_shim.build import ENDURANCE, ENDURANCE_SANITIZED, LIBRARY
from client_shim.steps import NATIVE
from tests.abi.servers import SETTINGS, frame, free_port, grpc_server, raw_server, server_credentials

pytestmark = pytest.mark.timeout(300)
BUILD_SECONDS_MAX = 280
LONG_SECONDS_MAX = 1800
VALGRIND = ("valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=all", "--error-exitcode=99")
SHORT, LONG = 2_000, 100_000
"""Calls."""


@pytest.fixture(scope="module", autouse=True)
def programs():
    command = [sys.executable, "-m", "client_shim.build", "--sanitize"]
    built = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS_MAX, check=False)
    assert built.returncode == 0, built.stderr


@pytest.fixture(scope="module")
def places(certificates):
    """Every server that the program asks for, as arguments."""

    def break_off(connection, _):
        connection.send(frame(SETTINGS, 0, 0))
        connection.sock.recv(100)

    station = [certificates.ca, f"{certificates.client}.pem", f"{certificates.client}.key"]
    with contextlib.ExitStack() as stack:
        _, plain = stack.enter_context(grpc_server())
        _, breaking = stack.enter_context(raw_server(break_off))
        secret = server_credentials(certificates.server, certificates.ca)
        _, secure = stack.enter_context(grpc_server(credentials=secret))
        yield {
            "leaks": [plain, breaking, f"127.0.0.1:{free_port()}", secure, *station],
            "starve": [plain, secure, *station],
        }


def run(program, mode, number, places, *, before=(), seconds=250):
    # Python ignores SIGPIPE and children inherit that; a station does not.
    command = [*before, str(program), mode, str(number), *places[mode]]
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, check=False, env=environment, restore_signals=True
    )
    assert (done.returncode, done.stderr) == (0, ""), (done.stdout, done.stderr[-4000:])
    assert done.stdout.endswith("\nok\n")
    return int(re.match(r"(\d+) ", done.stdout)[1])


FORMS = [
    pytest.param(ENDURANCE_SANITIZED, (), SHORT, id="sanitizers"),
    pytest.param(ENDURANCE, (), SHORT, id="heap counted"),
    pytest.param(ENDURANCE, VALGRIND, 100, id="valgrind"),
    pytest.param(ENDURANCE_SANITIZED, (), LONG, id="sanitizers, long", marks=pytest.mark.long),
    pytest.param(ENDURANCE, (), LONG, id="heap counted, long", marks=pytest.mark.long),
    pytest.param(ENDURANCE, VALGRIND, LONG, id="valgrind, long", marks=pytest.mark.long),
]


@pytest.mark.timeout(LONG_SECONDS_MAX)
@pytest.mark.parametrize(("program", "before", "calls"), FORMS)
def test_nothing_leaks(program, before, calls, places):
    made = run(program, "leaks", calls, places, before=before, seconds=LONG_SECONDS_MAX)
    assert made >= calls


@pytest.mark.timeout(LONG_SECONDS_MAX)
@pytest.mark.parametrize("stride", [pytest.param(97, id="short"), pytest.param(1, id="long", marks=pytest.mark.long)])
def test_every_allocation_that_fails_is_an_error_code(stride, places):
    points = run(ENDURANCE_SANITIZED, "starve", stride, places, seconds=LONG_SECONDS_MAX)
    assert points > 1000


def test_a_leak_would_be_noticed(tmp_path):
    """Valgrind is no program that always says 0: a client that is not freed is seen."""
    source = tmp_path / "leaking.c"
    source.write_text(
        '#include "precheck.h"\n'
        "int main(void)\n{\n"
        '\tpck_options options = {.struct_size = sizeof options, .servers = "127.0.0.1:1"};\n'
        "\tpck_client *client;\n\treturn pck_open(&options, &client, 0, 0);\n}\n"
    )
    program = tmp_path / "leaking"
    paths = [f"-I{NATIVE / 'include'}", f"-L{LIBRARY.parent}", "-lprecheck", f"-Wl,-rpath,{LIBRARY.parent}"]
    subprocess.run(["cc", str(source), *paths, "-o", str(program)], check=True)
    done = subprocess.run([*VALGRIND, str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 99
    assert "definitely lost" in done.stderr or "still reachable" in done.stderr
