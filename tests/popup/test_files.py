"""What precheck_popup.dll and precheck-popup.exe are to Windows: read from the files, nothing is run."""

import re
import shutil
import subprocess

import pytest

from client_shim import build, popup

SYSTEM_LIBRARIES = {"GDI32.dll", "KERNEL32.dll", "SHELL32.dll", "USER32.dll", "msvcrt.dll"}
"""All of them are on every Windows since 7."""
BYTES_MAX = 250 * 1024
pytestmark = pytest.mark.timeout(300)  # the first one builds


@pytest.fixture(scope="module", params=popup.TARGETS, ids=lambda target: target.name)
def target(request):
    if shutil.which(request.param.compiler[0]) is None:
        pytest.skip(f"{request.param.compiler[0]} is not here: `make windows` installs it")
    popup.build()
    return request.param


def headers_of(target, name):
    command = [*target.tool("objdump"), "-p", str(target.folder / name)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def imported_by(target, name):
    return set(re.findall(r"^\s+[0-9a-f]+\s+\d+\s+(\w+)$", headers_of(target, name), re.MULTILINE))


def test_exports_are_those_of_the_header_and_undecorated(target):
    table = headers_of(target, popup.LIBRARY).partition("[Ordinal/Name Pointer] Table")[2]
    names = re.findall(r"^\s+\[ *\d+\] (?:\+base\[ *\d+\] +)?(?:[0-9a-f]+ )?(\S+)$", table, re.MULTILINE)
    header = (popup.POPUP / "precheck_popup.h").read_text()
    assert names == sorted(re.findall(r"PCK_CALL (pck_\w+)\(", header))


@pytest.mark.parametrize("name", [popup.LIBRARY, popup.PROGRAM])
def test_they_need_only_what_every_windows_has_and_no_network(target, name):
    assert set(re.findall(r"DLL Name: (\S+)", headers_of(target, name))) <= SYSTEM_LIBRARIES
    banned = r"_?beginthread\w*|CreateThread|WSA\w+|socket|connect|Internet\w+|GetDpiForWindow|SetThreadDpi\w+"
    assert [one for one in imported_by(target, name) if re.fullmatch(banned, one)] == []


@pytest.mark.parametrize("name", [popup.LIBRARY, popup.PROGRAM])
def test_they_are_small_say_their_version_and_name_their_look(target, name):
    content = (target.folder / name).read_bytes()
    assert len(content) < BYTES_MAX
    text = content.decode("utf-16-le", errors="replace") + content[1:].decode("utf-16-le", errors="replace")
    version = ".".join(str(number) for number in build.version())
    for key, value in (("FileVersion", version), ("OriginalFilename", name)):
        assert re.search(rf"{key}\0+{re.escape(value)}\0", text), key
    assert b"Microsoft.Windows.Common-Controls" in content
    assert (b"PerMonitorV2" in content) == (name == popup.PROGRAM)


def test_the_program_is_one_of_windows_and_starts_on_windows_7(target):
    text = headers_of(target, popup.PROGRAM)
    assert "(Windows GUI)" in text
    for name in (popup.LIBRARY, popup.PROGRAM):
        text = headers_of(target, name)
        major, minor = (
            int(re.search(rf"^{one}SubsystemVersion\s+(\d+)$", text, re.MULTILINE)[1]) for one in ("Major", "Minor")
        )
        assert (major, minor) <= (6, 1)
        assert int(re.search(r"^DllCharacteristics\s+([0-9a-f]+)$", text, re.MULTILINE)[1], 16) & 0x140 == 0x140


def test_the_import_library_has_the_names_that_a_compiler_asks_for(target):
    names = subprocess.run(
        [*target.tool("nm"), str(target.folder / popup.MINGW_IMPORT_LIBRARY)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    wanted = " T _pck_popup_show@36" if "x86" in target.name and "x64" not in target.name else " T pck_popup_show"
    assert wanted in names
