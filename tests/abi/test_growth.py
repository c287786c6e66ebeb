"""Structures grow: a library of a later header takes those of today's, as programs that were built today pass them."""

import ctypes
import re
import shutil

import pytest

from client_shim import build
from client_shim.client import ffi, lib
from client_shim.steps import HEADER, NATIVE, compile_all, locked, run
from client_shim.targets import HERE, WARNINGS

STRUCTURES = re.findall(r"^typedef struct (pck_\w+) \{", HEADER.read_text(), re.MULTILINE)
PATIENT_MS = 20_000
# The build waits for another one in this checkout.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def later(tmp_path_factory):
    """The library of a header in which every structure has two fields more."""
    folder = tmp_path_factory.mktemp("later")
    for name in ("include", "src"):
        shutil.copytree(NATIVE / name, folder / name)
    header = folder / "include" / HEADER.name
    grown, count = re.subn(
        r"^\} (pck_\w+);$",
        r"\tconst char *later_text;\n\tuint32_t later_number;\n} \1;",
        header.read_text(),
        flags=re.MULTILINE,
    )
    assert count == len(STRUCTURES) >= 5
    header.write_text(grown)
    with locked():
        build.prepare(HERE)
        sources = [folder / "src" / path.name for path in build.own_sources()]
        flags = (*HERE.flags, *WARNINGS, f"-I{folder / 'include'}", f"-I{folder / 'src'}", *build.INCLUDES)
        objects = compile_all(sources, folder / "objects", flags)
    library = folder / HERE.library
    run([*HERE.compiler, *HERE.link_flags, *objects, HERE.third_party, "-o", library])
    return ctypes.CDLL(str(library))


def address(cdata):
    return ctypes.c_void_p(int(ffi.cast("uintptr_t", cdata)))


def structure(name, kept, **fields):
    """A structure of today's header at the very end of its memory: what a library read beyond it would be garbage."""
    size = ffi.sizeof(name)
    memory = ffi.new("char[]", b"\xff" * (size + 64))
    kept.append(memory)
    made = ffi.cast(f"{name} *", memory)
    ffi.buffer(made)[:] = b"\0" * size
    made.struct_size = size
    for field, value in fields.items():
        kept.append(ffi.new("char[]", value) if isinstance(value, bytes) else value)
        setattr(made, field, kept[-1])
    return made


def test_todays_structures_are_taken_by_a_later_library(later, server):
    kept = []
    options = structure("pck_options", kept, servers=server[1].encode(), deadline_ms=PATIENT_MS)
    handle, error = ctypes.c_void_p(), ctypes.create_string_buffer(512)
    assert later.pck_open(address(options), ctypes.byref(handle), error, 512) == lib.PCK_OK, error.value
    out, need = ctypes.create_string_buffer(64), ctypes.c_uint32()
    document = b'{"verdict": 1, "answer": "abc", "lines": 3}'
    request = structure("pck_request", kept, format=1, document=document, document_len=len(document))
    assert later.pck_check(handle, address(request), out, 64, ctypes.byref(need), None) == lib.PCK_WARN
    assert (out.value, need.value) == (b"abc", 4)
    lines = ctypes.c_uint32()
    assert later.pck_commit(handle, address(request), ctypes.byref(lines), None) == lib.PCK_OK
    assert lines.value == 3
    void = structure("pck_void_request", kept, patient_id=b"p", encounter_id=b"e")
    assert later.pck_void(handle, address(void), None, None) == lib.PCK_OK
    history = structure("pck_history_request", kept, patient_id=b"p", since=b'{"answer": "h"}')
    assert later.pck_recent_history(handle, address(history), out, 64, None) == lib.PCK_OK
    review = structure("pck_review_request", kept, check_id=b'{"state": 2, "answer": "r"}')
    assert later.pck_review_status(handle, address(review), out, 64, None, None) == lib.PCK_OK
    later.pck_free(handle)


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_structure_shorter_than_in_the_first_header_is_refused(later, server, name):
    kept = []
    options = structure("pck_options", kept, servers=server[1].encode())
    if name == "pck_options":
        options.struct_size -= 1
    handle = ctypes.c_void_p()
    opened = later.pck_open(address(options), ctypes.byref(handle), None, 0)
    if name == "pck_options":
        assert opened == lib.PCK_E_STRUCT
        return
    made = structure(name, kept)
    made.struct_size -= 1
    calls = {
        "pck_request": lambda: later.pck_check(handle, address(made), None, 0, None, None),
        "pck_void_request": lambda: later.pck_void(handle, address(made), None, None),
        "pck_history_request": lambda: later.pck_recent_history(handle, address(made), None, 0, None),
        "pck_review_request": lambda: later.pck_review_status(handle, address(made), None, 0, None, None),
    }
    assert calls[name]() == lib.PCK_E_STRUCT
    later.pck_free(handle)
