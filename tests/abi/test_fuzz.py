"""The fuzz targets, for a few seconds each: `make fuzz` runs them for ten minutes each."""

import os
import re
import subprocess
import sys

import pytest

from client_shim import fuzz
from client_shim.build import ROOT

pytestmark = pytest.mark.timeout(300)
SECONDS = 2
BUILD_SECONDS_MAX = 280


@pytest.fixture(scope="module", autouse=True)
def targets():
    built = subprocess.run(
        [sys.executable, "-c", "from client_shim import fuzz; fuzz.prepare()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS_MAX,
        check=False,
    )
    assert built.returncode == 0, built.stderr


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_a_few_seconds_of_fuzzing_find_nothing(name):
    done = fuzz.fuzz(name, SECONDS)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-6000:]


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_every_target_begins_with_real_messages(name):
    seeds = [path.read_bytes() for path in (fuzz.FOLDER / "seeds" / name).iterdir()]
    assert len(seeds) > 5
    assert len(set(seeds)) > len(seeds) / 2


def test_conversations_behind_tls_come_as_far_as_an_answer(tmp_path):
    """The target's handshake can only succeed with what a real server said to this very client."""
    ends = []
    for seed in sorted((fuzz.FOLDER / "seeds" / "tls").iterdir())[:18:2]:
        done = subprocess.run(
            [fuzz.FOLDER / "fuzz_tls", seed],
            env={**os.environ, "PRECHECK_FUZZ_SENT": str(tmp_path / "sent")},
            capture_output=True,
            text=True,
            check=True,
        )
        ends.append(re.findall("^PCK_.*", done.stderr, re.MULTILINE)[-1])
    assert ends[:2] == ["PCK_PASS ", "PCK_PASS "]
    assert {end.split()[0] for end in ends[2:]} == {"PCK_E_TLS"}
    assert len(set(ends)) > 5, "they fail for reasons of their own"


def test_a_target_that_finds_something_says_so(tmp_path):
    """A bug planted into the input: an answer that is longer than it says must not be read, and the sanitizer sees it."""
    source = tmp_path / "fuzz_planted.c"
    source.write_text(
        '#include "fuzz.h"\n'
        "int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)\n"
        "{\n\tuint8_t *copy = fuzz_copy(data, len, 0);\n"
        "\tvolatile uint8_t beyond = len > 3 && data[0] == 'P' && data[1] == 'R' ? copy[len] : 0;\n"
        "\t(void)beyond;\n\tfree(copy);\n\treturn 0;\n}\n"
    )
    program = tmp_path / "planted"
    flags = ["-g", "-fsanitize=fuzzer,address", f"-I{fuzz.SOURCES}"]
    subprocess.run(["clang", *flags, str(source), "-o", str(program)], check=True)
    done = subprocess.run(
        [program, "-max_total_time=30", f"-artifact_prefix={tmp_path}/"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr
