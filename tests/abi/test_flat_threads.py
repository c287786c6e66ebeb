"""The flat entry's handles under two threads, with ThreadSanitizer looking on."""

import subprocess

import pytest

from client_shim import build
from client_shim.steps import compile_all, locked, run
from client_shim.targets import HERE, WARNINGS

ROUNDS = 2000
# The build waits for another one in this checkout.
pytestmark = pytest.mark.timeout(300)
SANITIZED = ("-fPIC", "-O1", "-g", "-fsanitize=thread")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flat-threads")
    with locked():
        build.prepare(HERE)
        sources = [*build.own_sources(), build.TEST_PROGRAMS / "flat_threads.c"]
        objects = compile_all(sources, folder / "objects", (*HERE.flags, *WARNINGS, *SANITIZED, *build.INCLUDES))
    made = folder / "flat-threads"
    run([*HERE.compiler, "-fsanitize=thread", *objects, HERE.third_party, "-lpthread", "-o", made])
    return made


def test_opening_is_never_in_the_way_of_a_call_on_another_handle(program):
    """An open took the `busy` of every slot before it looked whether the slot was free: other threads' calls were
    refused as PCK_E_BUSY, and a close that was lost its slot for good."""
    done = subprocess.run([program, str(ROUNDS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING: ThreadSanitizer" not in done.stderr
