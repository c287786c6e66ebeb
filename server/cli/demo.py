"""`precheck demo`: start a server, send three prescriptions through the C library as a station does, print the answers."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from server.cli.check import readable

SAMPLES = Path(__file__).resolve().parent.parent.parent / "docs" / "samples"
MESSAGES = ("pass.json", "warn.json", "block.json")
STOP_MAX_S = 20.0
DEADLINE_MS = 3_000
"""Generous: a demonstration on a busy machine; stations use the library's default of 300 ms."""


def add_to(commands: Any) -> None:
    """Add the command."""
    demo = commands.add_parser("demo", help="start a server and check three prescriptions through the C library")
    demo.set_defaults(run=run)


def run(_options: argparse.Namespace) -> int:
    """Return 0 when every message was checked."""
    if not SAMPLES.is_dir() or find_spec("client_shim._precheck") is None:
        print("precheck: the demonstration needs a checkout and the built C client: run `make demo`", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="precheck-demo-") as folder:
        started = time.monotonic()
        command = [
            sys.executable,
            "-m",
            "server",
            "serve",
            "--grpc",
            "127.0.0.1:0",
            "--http",
            "127.0.0.1:0",
            "--data",
            folder,
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:  # noqa: S603 - our own
            try:
                addresses = _ready(server)
                print(f"server up in {time.monotonic() - started:.1f} s: {' '.join(addresses.values())}\n")
                return 0 if all(_check(addresses["grpc"], name) for name in MESSAGES) else 1
            finally:
                server.terminate()
                server.wait(STOP_MAX_S)


def _ready(server: subprocess.Popen[str]) -> dict[str, str]:
    """Return the addresses and the revision from the line that a server prints when everything answers."""
    assert server.stdout is not None
    line = server.stdout.readline()
    if not line:
        raise SystemExit("precheck: the server did not start; run `precheck serve` to see why")
    return dict(word.split("=", 1) for word in line.split() if "=" in word)


def _check(address: str, name: str) -> bool:
    from client_shim import Client, Format  # noqa: PLC0415 - needs the built library, which `run` has made sure of

    document = (SAMPLES / name).read_bytes()
    with Client(address, deadline_ms=DEADLINE_MS, station_id="demo") as client:
        began = time.perf_counter()
        answer = client.check(document, format=Format.NHSA_3101)
        first_ms = (time.perf_counter() - began) * 1e3
    print(f"== docs/samples/{name} through libprecheck.so: {answer.name}, {first_ms:.1f} ms")
    if not answer.checked:
        print(f"   not checked: {answer.error}")
        return False
    print(readable(json.loads(answer.answer)), end="\n\n")
    return True
