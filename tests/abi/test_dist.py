"""What vendors get, as `make dist` makes it."""

import hashlib
import platform
import re
import shutil
import subprocess
import sys

import pytest

from client_shim import build, dist
from client_shim.client import Encoding
from client_shim.steps import NATIVE, ROOT
from client_shim.targets import LINUX_AARCH64, LINUX_X86_64, WINDOWS_X64, WINDOWS_X86
from tests.abi.cases import check_all, secured
from tests.abi.linux_station import AARCH64_ROOT, EMULATOR, LinuxStation
from tests.abi.test_header import CONTRACT
from tests.abi.test_reproducible import checkout
from tests.abi.test_windows_file import use_of_every_function

LIBRARY_BYTES_MAX = 700 * 1024
OLDEST_GLIBC = (2, 17)
CALLS = 640
STATION_SECONDS_MAX = 300
pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def folder():
    pytest.importorskip("ziglang", reason="`make dist` installs ziglang")
    if shutil.which(WINDOWS_X64.compiler[0]) is None:
        pytest.skip("the compilers for Windows are not here: `make windows` installs them")
    return dist.make()


def output_of(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


def test_everything_is_there_and_has_its_hash(folder):
    hashes = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {*hashes, "SHA256SUMS"}
    for name, wanted in hashes.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == wanted, name
    windows = [
        name for stem in ("precheck", "precheck_popup") for name in (f"{stem}.dll", f"{stem}.lib", f"lib{stem}.dll.a")
    ]
    windows.append("precheck-popup.exe")
    assert {f"{target}/{name}" for target in ("windows-x64", "windows-x86") for name in windows} <= files
    assert {f"{target}/libprecheck.so" for target in ("linux-x86_64", "linux-aarch64")} <= files
    assert {f"include/{name}.h" for name in ("precheck", "precheck_flat", "precheck_popup")} <= files
    assert {"examples/c/station.c", "popup/html/popup.html", "precheck.def", "README.zh-CN.md"} <= files
    assert {f"docs/{name}" for name in ("howto/vendor-guide.zh-CN.md", "samples/answers/warn.json")} <= files
    assert {f"licences/{name}.txt" for name in ("precheck", "nghttp2", "mbedtls", "yyjson")} <= files


def test_another_folder_gives_the_same_bytes(folder, tmp_path):
    elsewhere = checkout(tmp_path / "another place")
    shutil.copytree(ROOT / "docs", elsewhere / "docs")
    command = [sys.executable, "-m", "client_shim.dist"]
    made = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert (elsewhere / "dist" / folder.name / "SHA256SUMS").read_text() == (folder / "SHA256SUMS").read_text()


@pytest.mark.parametrize("target", [LINUX_X86_64, LINUX_AARCH64], ids=lambda target: target.name)
def test_linux_libraries_ask_for_an_old_glibc_and_nothing_else(folder, target):
    library = folder / target.name / "libprecheck.so"
    needed = re.findall(r"NEEDED.*\[(.*?)\]", output_of("readelf", "-d", library))
    assert needed == ["libc.so.6"]
    symbols = output_of("readelf", "--dyn-syms", "-W", library)
    versions = {tuple(map(int, found.split("."))) for found in re.findall(r"@GLIBC_([\d.]+)", symbols)}
    assert max(versions) <= OLDEST_GLIBC
    exported = re.findall(r" GLOBAL DEFAULT +\d+ (\S+)$", symbols, re.MULTILINE)
    assert sorted(exported) == sorted(CONTRACT["exports"])
    assert library.stat().st_size < LIBRARY_BYTES_MAX


@pytest.mark.parametrize("target", [WINDOWS_X64, WINDOWS_X86], ids=lambda target: target.name)
def test_programs_link_to_the_library_for_microsofts_linker(folder, target, tmp_path):
    source, program = tmp_path / "use.c", tmp_path / "use.exe"
    source.write_text(use_of_every_function())
    library = folder / target.name / "precheck.lib"
    output_of(*target.compiler, f"-I{NATIVE / 'include'}", source, library, "-o", program)
    names = re.findall(
        r"^\s+[0-9a-f]+\s+\d+\s+(pck_\w+)$", output_of(*target.tool("objdump"), "-p", program), re.MULTILINE
    )
    assert sorted(names) == sorted(CONTRACT["exports"])
    # Its own form: one short object for each function, told by these two words.
    assert library.read_bytes().count(b"\0\0\xff\xff\0\0") == len(CONTRACT["exports"])


def station(target, tmp_path):
    if target is LINUX_AARCH64 and platform.machine() != "aarch64":
        if shutil.which(EMULATOR) is None or not AARCH64_ROOT.is_dir():
            pytest.skip("qemu-user or libc6-arm64-cross is not here: `make test-full` installs them")
    elif platform.machine() not in target.name:
        pytest.skip(f"this is {platform.machine()}")
    return LinuxStation(target, tmp_path)


@pytest.mark.parametrize("target", [LINUX_X86_64, LINUX_AARCH64], ids=lambda target: target.name)
def test_linux_libraries_are_answered_what_this_machines_is(folder, target, tmp_path, product):
    check_all(station(target, tmp_path), product, list(Encoding), CALLS, seconds=STATION_SECONDS_MAX)


@pytest.mark.parametrize("target", [LINUX_X86_64, LINUX_AARCH64], ids=lambda target: target.name)
def test_linux_libraries_with_certificates_on_both_sides(folder, target, tmp_path, secure_product, certificates):
    made = station(target, tmp_path)
    arguments, options = secured(made, certificates)
    check_all(
        made,
        secure_product,
        list(Encoding),
        CALLS,
        seconds=STATION_SECONDS_MAX,
        options=options,
        arguments=arguments,
    )


def test_the_version_is_in_the_folders_name(folder):
    assert folder.name == "precheck-client-" + ".".join(map(str, build.version()))
