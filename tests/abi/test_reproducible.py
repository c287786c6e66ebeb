"""Two checkouts in two folders give the same bytes: whoever doubts a DLL can build it again and compare.

For everything that vendors get this is in test_dist.py.
"""

import shutil
import subprocess
import sys

import pytest

from client_shim import build
from client_shim.steps import NATIVE, ROOT, locked
from client_shim.targets import WINDOWS_X64

SECONDS_MAX = 900


def checkout(folder):
    """A checkout without anything that was built, as far as the C client goes."""
    ignore = shutil.ignore_patterns("build", "*.so", "__pycache__", "_precheck.c")
    for name in ("client_shim", "native"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    shutil.copy(ROOT / "LICENSE", folder)
    return folder


@pytest.mark.timeout(SECONDS_MAX)
def test_two_folders_give_the_same_bytes(tmp_path):
    target = WINDOWS_X64
    if shutil.which(target.compiler[0]) is None:
        pytest.skip(f"{target.compiler[0]} is not here: `make windows` installs it")
    with locked():
        build.build_for(target)
    elsewhere = checkout(tmp_path / "another place")
    command = [sys.executable, "-m", "client_shim.build", target.name]
    subprocess.run(command, cwd=elsewhere, check=True, capture_output=True, timeout=SECONDS_MAX)
    for path in (target.output, target.folder / build.MINGW_IMPORT_LIBRARY):
        assert (elsewhere / path.relative_to(ROOT)).read_bytes() == path.read_bytes(), path.name
    assert str(NATIVE).encode() not in target.output.read_bytes()
