"""What the header promises to a compiler and a linker."""

import platform
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from client_shim.build import HEADERS, LIBRARY, NATIVE, compiler
from client_shim.client import ffi, lib

CONTRACT = tomllib.loads((Path(__file__).parent / "contract.toml").read_text())
TEXT = "\n".join(header.read_text() for header in HEADERS)
FUNCTIONS = set(re.findall(r"PCK_CALL (pck_\w+)\(", TEXT))
STRUCTURES = set(re.findall(r"^typedef struct (pck_\w+) \{", TEXT, re.MULTILINE))
CONSTANTS = set(re.findall(r"^#define (PCK_\w+) +\(?-?\d", TEXT, re.MULTILINE))
RESULTS = {
    name: number for name, number in CONTRACT["constants"].items() if re.fullmatch(r"PCK_(PASS|WARN|BLOCK|E_\w+)", name)
}


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_library_exports_what_the_header_declares_and_nothing_else():
    lines = output_of("nm", "-D", "--defined-only", LIBRARY).splitlines()
    assert {line.split()[-1] for line in lines} == FUNCTIONS


def test_functions_keep_their_types():
    declared = {name: re.search("'(.*)'", str(ffi.typeof(getattr(lib, name))))[1] for name in FUNCTIONS}
    assert {name: kind.replace("(*)", "") for name, kind in declared.items()} == CONTRACT["exports"]


def test_constants_keep_their_numbers():
    assert {name: getattr(lib, name) for name in CONSTANTS} == CONTRACT["constants"]


def test_def_file_lists_what_the_header_declares():
    lines = (NATIVE / "precheck.def").read_text().split("EXPORTS")[1].split()
    assert lines == sorted(FUNCTIONS)


def test_library_asks_the_system_for_no_thread_no_name_resolution_no_signal_and_no_locale():
    imported = {line.split()[-1].split("@")[0] for line in output_of("nm", "-D", "-u", LIBRARY).splitlines()}
    assert {"send", "recv", "connect"} <= imported
    banned = r"pthread_create|thrd_create|fork|getaddrinfo|gethostby\w+|signal|sigaction|setlocale|system|exit|fopen"
    assert [name for name in imported if re.fullmatch(banned, name)] == []


def test_library_needs_nothing_but_the_c_library():
    needed = re.findall(r"NEEDED.*\[(.*?)\]", output_of("readelf", "-d", LIBRARY))
    assert needed == ["libc.so.6"]


def test_library_is_small_enough_for_a_station():
    assert LIBRARY.stat().st_size < 700 * 1024


@pytest.mark.parametrize(("language", "standard"), [("c", "c99"), ("c", "c11"), ("c++", "c++11")])
def test_header_compiles_without_a_warning(tmp_path, language, standard):
    source = tmp_path / "use.c"
    use = "int main(void) { return pck_version() == 0 || pck_flat_close(0) == 0; }\n"
    source.write_text('#include "precheck_flat.h"\n#include "precheck.h"\n#include "precheck_flat.h"\n' + use)
    flags = ["-Wall", "-Wextra", "-Werror", "-pedantic", f"-std={standard}", "-x", language]
    output_of(*compiler(), *flags, f"-I{NATIVE / 'include'}", "-fsyntax-only", str(source))


def test_header_uses_only_types_that_every_language_can_declare():
    code = re.sub(r"/\*.*?\*/", "", TEXT, flags=re.DOTALL)
    assert not re.search(r"\b(enum|bool|_Bool|FILE|size_t|long|float|double|va_list|time_t)\b|\.\.\.", code)
    assert not re.search(r"^\s*\w+\s+\w+\s*:\s*\d", code, re.MULTILINE), "a bit-field"
    assert not re.search(r"\(\s*PCK_CALL\s*\*|\(\*", code), "a callback"


def layout_probe(bits):
    """A C file that compiles where the structures have the layout of the contract."""
    checks = []
    for structure, layout in CONTRACT[f"layout-{bits}"].items():
        fields = dict(layout)
        checks.append(f'_Static_assert(sizeof({structure}) == {fields.pop("sizeof")}, "sizeof {structure}");')
        checks += [
            f'_Static_assert(offsetof({structure}, {name}) == {offset}, "{structure}.{name}");'
            for name, offset in fields.items()
        ]
    return "\n".join(['#include "precheck_flat.h"', "#include <stddef.h>", *checks, ""])


@pytest.mark.parametrize("bits", [64, 32])
def test_structures_keep_their_layout(bits, tmp_path):
    if bits == 32 and platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip(f"the compiler of {platform.machine()} has no 32-bit mode")
    probe = tmp_path / "probe.c"
    probe.write_text(layout_probe(bits))
    mode = ["-m32"] if bits == 32 else []
    output_of(*compiler(), *mode, "-std=c11", "-ffreestanding", f"-I{NATIVE / 'include'}", "-fsyntax-only", probe)


def test_the_contract_names_every_structure_and_field():
    declared = {name: ["sizeof", *(field for field, _ in ffi.typeof(name).fields)] for name in STRUCTURES}
    for bits in (64, 32):
        assert {name: list(layout) for name, layout in CONTRACT[f"layout-{bits}"].items()} == declared


def test_a_structure_of_another_layout_is_noticed(tmp_path):
    probe = tmp_path / "probe.c"
    probe.write_text(layout_probe(64).replace("deadline_ms) == 4", "deadline_ms) == 8"))
    with pytest.raises(subprocess.CalledProcessError):
        output_of(*compiler(), "-std=c11", "-ffreestanding", f"-I{NATIVE / 'include'}", "-fsyntax-only", probe)


def test_results_have_names():
    for name, number in RESULTS.items():
        assert ffi.string(lib.pck_result_name(number)).decode() == name
    for number in (3, -13, -99, -108, -899, -902, 2**31 - 1, -(2**31)):
        assert ffi.string(lib.pck_result_name(number)) == b"PCK_E_?"


def test_results_lie_in_the_documented_ranges():
    for name, number in RESULTS.items():
        assert number in (0, 1, 2) or -99 <= number <= -1 or -199 <= number <= -100 or number <= -900, name


def test_results_and_states_fit_into_16_bits_with_their_sign():
    for number in (*RESULTS.values(), lib.PCK_STALE | lib.PCK_COMPLETENESS_MASK, lib.PCK_REVIEW_NOT_REQUIRED):
        low_half = number & 0xFFFF
        assert (low_half - 0x10000 if low_half >= 0x8000 else low_half) == number


def test_version_of_library_and_header_agree():
    assert lib.pck_version() == lib.PCK_VERSION == 100
