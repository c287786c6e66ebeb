"""C programs: a driver of the whole header under sanitizers. The examples are tested in tests/kit."""

import os
import re
import subprocess
import sys

import pytest

from client_shim.build import DRIVER, ROOT
from tests.abi.servers import SETTINGS, frame, free_port, grpc_server, raw_server

# On a loaded machine; a few seconds otherwise.
BUILD_SECONDS_MAX = 280

PLAIN = {**os.environ, "LC_ALL": "C"}


def run(*command, timeout=50):
    # Python ignores SIGPIPE and children inherit that; a station does not.
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=PLAIN,
        restore_signals=True,
    )


@pytest.fixture(scope="module")
def driver():
    built = run(sys.executable, "-m", "client_shim.build", "--sanitize", timeout=BUILD_SECONDS_MAX)
    assert built.returncode == 0, built.stderr
    return DRIVER


@pytest.mark.timeout(300)
def test_the_driver_is_clean_under_address_and_undefined_behaviour_sanitizers(driver):
    def break_off(connection, _):
        connection.send(frame(SETTINGS, 0, 0))
        connection.sock.recv(100)

    with grpc_server() as (_, address), raw_server(break_off) as (_, breaking):
        done = run(driver, address, f"127.0.0.1:{free_port()}", breaking)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout.endswith("ok\n")
    assert int(re.match(r"(\d+) calls", done.stdout)[1]) > 800


@pytest.mark.timeout(300)
def test_the_driver_would_notice(driver, server):
    """Swap two servers, and it must complain: it is no program that always says ok."""
    done = run(driver, f"127.0.0.1:{free_port()}", server[1], server[1])
    assert done.returncode == 1
    assert "PCK_WARN" in done.stdout


def test_the_example_compiles_as_the_guide_says(tmp_path):
    source = ROOT / "native" / "examples" / "c" / "station.c"
    command = ["cc", f"-I{ROOT}/native/include", source, f"-L{ROOT}/native/build", "-lprecheck", "-o", tmp_path / "x"]
    done = run(*command)
    assert (done.returncode, done.stderr) == (0, "")
