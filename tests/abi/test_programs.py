"""C programs: the example that vendors start from, and a driver of the whole header under sanitizers."""

import os
import re
import subprocess
import sys

import pytest

from client_shim.build import DRIVER, EXAMPLE, ROOT
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


@pytest.mark.parametrize(
    ("document", "status", "shown"),
    [
        ('{"verdict": 0, "answer": "好"}', 0, "PASS\n好\n"),
        ('{"verdict": 1, "answer": "x"}', 1, "WARN\nshow the findings; the doctor may go back or go on\nx\n"),
        ('{"verdict": 2, "completeness": 2}', 2, "BLOCK (PARTIAL: the answer names what could not be judged)\n"),
        ('{"verdict": 1, "completeness": 3, "answer": "why"}', 3, "NOT CHECKED (PCK_E_NOT_EVALUATED)"),
        ('{"status": "INVALID_ARGUMENT", "message": "bad `sex`"}', 3, "bad `sex`"),
        ('{"status": "UNAVAILABLE"}', 3, "NOT CHECKED (PCK_E_UNAVAILABLE)"),
        ('{"verdict": 1, "answer_bytes": 200000}', 1, "a" * 200_000),
    ],
)
def test_the_example_handles_every_outcome(server, tmp_path, document, status, shown):
    path = tmp_path / "document.json"
    path.write_text(document)
    done = run(EXAMPLE, server[1], path)
    # A machine under load may need longer than the example's default deadline: that is an outcome too.
    for _ in range(20):
        if "PCK_E_TIMEOUT" not in done.stdout:
            break
        done = run(EXAMPLE, server[1], path)
    assert done.returncode == status, done
    assert shown in done.stdout
    assert done.stderr == ""


def test_the_example_without_a_server_and_without_sense(tmp_path):
    path = tmp_path / "document.json"
    path.write_text("{}")
    assert run(EXAMPLE, f"127.0.0.1:{free_port()}", path).stdout.startswith("NOT CHECKED (PCK_E_UNREACHABLE)")
    assert run(EXAMPLE, "localhost:1", path).returncode == 3
    assert "PCK_E_SERVERS" in run(EXAMPLE, "localhost:1", path).stderr
    assert run(EXAMPLE, "127.0.0.1:1", tmp_path / "missing").returncode == 3
    assert "usage" in run(EXAMPLE).stderr


def test_the_examples_layout_and_encoding_reach_the_server(server, tmp_path):
    path = tmp_path / "document.json"
    path.write_bytes('{"trig_scen": "1"}\n诊断'.encode("gbk"))
    run(EXAMPLE, server[1], path, "gbk")
    assert server[0].seen.wait(20)
    request = server[0].requests[0]
    assert (request.format, request.encoding, request.station_id) == (2, 2, "example")


def test_the_example_compiles_as_the_guide_says(tmp_path):
    source = ROOT / "native" / "examples" / "c" / "check.c"
    command = ["cc", f"-I{ROOT}/native/include", source, f"-L{ROOT}/native/build", "-lprecheck", "-o", tmp_path / "x"]
    done = run(*command)
    assert (done.returncode, done.stderr) == (0, "")
