"""precheck.hpp: each of its calls, built with every warning and under sanitizers; and that it needs no more than C++11."""

import subprocess
from pathlib import Path

import pytest

from client_shim.build import BUILD
from tests.abi.servers import free_port, grpc_server
from tests.kit.programs import INCLUDE, run

SOURCE = Path(__file__).with_name("wrapper.cpp")
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wpedantic", "-Wshadow", "-Wconversion")


@pytest.mark.timeout(200)
def test_every_call(tmp_path):
    sanitizers = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    program = tmp_path / "wrapper"
    link = (f"-L{BUILD}", "-lprecheck", "-lpthread", f"-Wl,-rpath,{BUILD}")
    run("g++", "-std=c++11", *WARNINGS, *sanitizers, f"-I{INCLUDE}", SOURCE, *link, "-o", program)
    with grpc_server() as (servicer, address):
        done = subprocess.run(
            [program, address, f"127.0.0.1:{free_port()}"], capture_output=True, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
    assert "wrapper" in {request.station_id for request in servicer.requests if hasattr(request, "station_id")}


@pytest.mark.parametrize("standard", ["c++11", "c++17", "c++20"])
def test_it_compiles_as(standard, tmp_path):
    source = tmp_path / "one.cpp"
    source.write_text('#include "precheck.hpp"\n#include "precheck.hpp"\n')
    run("g++", f"-std={standard}", *WARNINGS, f"-I{INCLUDE}", "-fsyntax-only", source)
