"""Two checkouts in two folders give the same bytes: whoever doubts a DLL can build it again and compare."""

import shutil
import subprocess
import sys

import pytest

from client_shim import build
from client_shim.steps import NATIVE, ROOT, locked
from client_shim.targets import LINUX_AARCH64, LINUX_X86_64, TARGETS, WINDOWS_X64, WINDOWS_X86

SECONDS_MAX = 1500
LONG = [
    pytest.param(name, marks=pytest.mark.long) for name in (WINDOWS_X86.name, LINUX_X86_64.name, LINUX_AARCH64.name)
]


def checkout(folder):
    """A checkout without anything that was built, as far as the C client goes."""
    ignore = shutil.ignore_patterns("build", "*.so", "__pycache__", "_precheck.c")
    for name in ("client_shim", "native"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    return folder


@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize("name", [WINDOWS_X64.name, *LONG])
def test_two_folders_give_the_same_bytes(name, tmp_path):
    target = TARGETS[name]
    if shutil.which(target.compiler[0]) is None:
        pytest.skip(f"{target.compiler[0]} is not here: `make windows` installs it")
    if "ziglang" in target.compiler:
        pytest.importorskip("ziglang", reason="`make dist` installs ziglang")
    with locked():
        build.build_for(target)
    elsewhere = checkout(tmp_path / "another place")
    command = [sys.executable, "-m", "client_shim.build", name]
    subprocess.run(command, cwd=elsewhere, check=True, capture_output=True, timeout=SECONDS_MAX)
    made = sorted(path for path in target.folder.iterdir() if path.suffix in (".dll", ".so", ".a", ".def"))
    assert target.output in made
    for path in made:
        assert (elsewhere / path.relative_to(ROOT)).read_bytes() == path.read_bytes(), path.name
    assert str(NATIVE).encode() not in target.output.read_bytes()
