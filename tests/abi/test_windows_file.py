"""What precheck.dll is to a linker and to Windows, for x64 and x86: read from the file, nothing is run."""

import re
import shutil
import subprocess

import pytest

from client_shim import build
from client_shim.steps import HEADERS, NATIVE, locked
from client_shim.targets import WINDOWS_X64, WINDOWS_X86
from tests.abi.test_header import CONTRACT, layout_probe

SYSTEM_LIBRARIES = {"KERNEL32.dll", "WS2_32.dll", "bcrypt.dll", "msvcrt.dll"}
"""All of them are on every Windows since 7."""
DLL_BYTES_MAX = 700 * 1024
# Where `make windows` has not been run, the first test builds.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module", params=[WINDOWS_X64, WINDOWS_X86], ids=lambda target: target.name)
def target(request):
    if shutil.which(request.param.compiler[0]) is None:
        pytest.skip(f"{request.param.compiler[0]} is not here: `make windows` installs it")
    with locked():
        build.build_for(request.param)
    return request.param


def output_of(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


def headers_of(target):
    return output_of(*target.tool("objdump"), "-p", target.output)


def test_exports_are_those_of_the_contract_and_undecorated(target):
    table = headers_of(target).partition("[Ordinal/Name Pointer] Table")[2]
    names = re.findall(r"^\s+\[ *\d+\] (?:\+base\[ *\d+\] +)?(?:[0-9a-f]+ )?(\S+)$", table, re.MULTILINE)
    assert names == sorted(CONTRACT["exports"])


def test_it_needs_only_what_every_windows_has(target):
    assert set(re.findall(r"DLL Name: (\S+)", headers_of(target))) == SYSTEM_LIBRARIES


def test_it_asks_for_no_thread_no_name_resolution_no_console_and_no_end_of_the_process(target):
    imported = set(re.findall(r"^\s+[0-9a-f]+\s+\d+\s+(\w+)$", headers_of(target), re.MULTILINE))
    assert {"select", "BCryptGenRandom", "CreateFileW"} <= imported
    banned = r"_?beginthread\w*|CreateThread|getaddrinfo|GetAddrInfo\w*|gethostby\w+|signal|SetUnhandled\w+|system|exit|_exit"
    banned += r"|ExitProcess|LoadLibraryEx\w*|MessageBox\w*|AllocConsole|_controlfp|_time32|_gmtime32|time|gmtime"
    assert [name for name in imported if re.fullmatch(banned, name)] == []
    # On x86 gcc's start-up code holds libgcc, if the host itself has loaded one.
    assert ("LoadLibraryA" in imported) == (target is WINDOWS_X86)


def test_it_is_small_enough_for_a_station(target):
    assert target.output.stat().st_size < DLL_BYTES_MAX


def test_it_starts_on_windows_7_and_moves_in_memory(target):
    text = headers_of(target)
    major, minor = (
        int(re.search(rf"^{name}\s+(\d+)$", text, re.MULTILINE)[1])
        for name in (
            "MajorSubsystemVersion",
            "MinorSubsystemVersion",
        )
    )
    assert (major, minor) <= (6, 1)
    traits = int(re.search(r"^DllCharacteristics\s+([0-9a-f]+)$", text, re.MULTILINE)[1], 16)
    assert traits & 0x140 == 0x140, "DYNAMIC_BASE and NX_COMPAT"
    assert bool(traits & 0x20) == (target is WINDOWS_X64), "HIGH_ENTROPY_VA"


def test_it_says_its_version(target):
    text = target.output.read_bytes().decode("utf-16-le", errors="replace")
    version = ".".join(str(number) for number in build.version())
    for name, value in (("FileVersion", version), ("ProductVersion", version), ("OriginalFilename", "precheck.dll")):
        assert re.search(rf"{name}\0+{re.escape(value)}\0", text), name


def test_no_path_of_the_machine_that_built_it_is_in_it(target):
    content = target.output.read_bytes()
    assert b"nghttp2_session.c" in content, "assertions name their files"
    assert str(build.ROOT).encode() not in content


def test_structures_have_the_layout_of_the_contract(target, tmp_path):
    probe = tmp_path / "probe.c"
    probe.write_text(layout_probe(64 if target is WINDOWS_X64 else 32))
    output_of(*target.compiler, "-std=c11", f"-I{NATIVE / 'include'}", "-fsyntax-only", probe)


@pytest.mark.parametrize("standard", ["c99", "c11"])
def test_headers_compile_without_a_warning(target, tmp_path, standard):
    source = tmp_path / "use.c"
    source.write_text("".join(f'#include "{header.name}"\n' for header in HEADERS))
    flags = ["-Wall", "-Wextra", "-Werror", "-pedantic", f"-std={standard}"]
    output_of(*target.compiler, *flags, f"-I{NATIVE / 'include'}", "-fsyntax-only", source)


def use_of_every_function():
    """A C program that names every function of the headers."""
    lines = ['#include "precheck_flat.h"', "#include <stdio.h>", "int main(void) {"]
    lines += [f'printf("%p\\n", (void *)(intptr_t){name});' for name in CONTRACT["exports"]]
    return "\n".join([*lines, "return 0; }", ""])


def test_programs_link_to_the_import_library(target, tmp_path):
    source = tmp_path / "use.c"
    source.write_text(use_of_every_function())
    library = target.folder / build.MINGW_IMPORT_LIBRARY
    program = tmp_path / "use.exe"
    output_of(*target.compiler, f"-I{NATIVE / 'include'}", source, library, "-o", program)
    imported = output_of(*target.tool("objdump"), "-p", program)
    assert "DLL Name: precheck.dll" in imported
    names = re.findall(r"^\s+[0-9a-f]+\s+\d+\s+(pck_\w+)$", imported, re.MULTILINE)
    assert sorted(names) == sorted(CONTRACT["exports"]), "undecorated, as the DLL exports them"
