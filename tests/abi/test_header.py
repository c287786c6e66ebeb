"""What the header promises to a compiler and a linker."""

import re
import subprocess

import pytest

from client_shim.build import HEADER, LIBRARY, NATIVE, compiler
from client_shim.client import ffi, lib

FUNCTIONS = set(re.findall(r"PCK_CALL (pck_\w+)\(", HEADER.read_text()))

# Layout on a 64-bit machine. A field may be appended; nothing here may ever change.
LAYOUT = {
    "pck_options": (
        88,
        {
            "struct_size": 0,
            "deadline_ms": 4,
            "max_answer_bytes": 8,
            "idle_ms": 12,
            "reserved": 16,
            "servers": 32,
            "station_id": 40,
            "profile": 48,
            "tls_ca_file": 56,
            "tls_server_name": 64,
            "tls_cert_file": 72,
            "tls_key_file": 80,
        },
    ),
    "pck_request": (
        48,
        {
            "struct_size": 0,
            "format": 4,
            "encoding": 8,
            "deadline_ms": 12,
            "document_len": 16,
            "reserved": 20,
            "document": 32,
            "request_id": 40,
        },
    ),
    "pck_void_request": (
        64,
        {
            "struct_size": 0,
            "deadline_ms": 4,
            "order_id_count": 8,
            "reserved": 12,
            "patient_id": 24,
            "encounter_id": 32,
            "order_ids": 40,
            "item_code": 48,
            "reason": 56,
        },
    ),
}

RESULTS = {
    "PCK_PASS": 0,
    "PCK_WARN": 1,
    "PCK_BLOCK": 2,
    "PCK_E_ARGUMENT": -1,
    "PCK_E_STRUCT": -2,
    "PCK_E_SERVERS": -3,
    "PCK_E_CERTIFICATE": -4,
    "PCK_E_BUFFER": -5,
    "PCK_E_NO_ANSWER": -6,
    "PCK_E_BUSY": -7,
    "PCK_E_DOCUMENT_LIMIT": -8,
    "PCK_E_ANSWER_LIMIT": -9,
    "PCK_E_REJECTED": -10,
    "PCK_E_DENIED": -11,
    "PCK_E_UNSUPPORTED": -12,
    "PCK_E_TIMEOUT": -100,
    "PCK_E_UNREACHABLE": -101,
    "PCK_E_TLS": -102,
    "PCK_E_UNAVAILABLE": -103,
    "PCK_E_BAD_REPLY": -104,
    "PCK_E_SERVER": -105,
    "PCK_E_CANCELLED": -106,
    "PCK_E_NOT_EVALUATED": -107,
    "PCK_E_MEMORY": -900,
    "PCK_E_INTERNAL": -901,
}


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_library_exports_what_the_header_declares_and_nothing_else():
    lines = output_of("nm", "-D", "--defined-only", LIBRARY).splitlines()
    assert {line.split()[-1] for line in lines} == FUNCTIONS
    assert len(FUNCTIONS) == 11


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
    source.write_text('#include "precheck.h"\n#include "precheck.h"\nint main(void) { return pck_version() == 0; }\n')
    flags = ["-Wall", "-Wextra", "-Werror", "-pedantic", f"-std={standard}", "-x", language]
    output_of(*compiler(), *flags, f"-I{HEADER.parent}", "-fsyntax-only", str(source))


def test_header_uses_only_types_that_every_language_can_declare():
    code = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    assert not re.search(r"\b(enum|bool|_Bool|FILE|size_t|long|float|double|va_list|time_t)\b|\.\.\.", code)
    assert not re.search(r"^\s*\w+\s+\w+\s*:\s*\d", code, re.MULTILINE), "a bit-field"
    assert not re.search(r"\(\s*PCK_CALL\s*\*|\(\*", code), "a callback"


@pytest.mark.parametrize("name", LAYOUT)
def test_structures_keep_their_layout(name):
    size, offsets = LAYOUT[name]
    assert {field: part.offset for field, part in ffi.typeof(name).fields} == offsets
    assert ffi.sizeof(name) == size


def test_results_keep_their_numbers_and_have_names():
    declared = set(re.findall(r"#define (PCK_(?:PASS|WARN|BLOCK|E_\w+))", HEADER.read_text()))
    assert declared == set(RESULTS)
    for name, number in RESULTS.items():
        assert getattr(lib, name) == number
        assert ffi.string(lib.pck_result_name(number)).decode() == name
    for number in (3, -13, -99, -108, -899, -902, 2**31 - 1, -(2**31)):
        assert ffi.string(lib.pck_result_name(number)) == b"PCK_E_?"


def test_results_lie_in_the_documented_ranges():
    for name, number in RESULTS.items():
        assert number in (0, 1, 2) or -99 <= number <= -1 or -199 <= number <= -100 or number <= -900, name


def test_version_of_library_and_header_agree():
    assert lib.pck_version() == lib.PCK_VERSION == 100
