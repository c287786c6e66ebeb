"""The C client of Precheck for Python, by ctypes alone: no compiler, no package. Follows native/include/precheck.h.

A binding that is built beside the library is `client_shim`; this module is for a machine that has only the library.
"""

import ctypes
import os
from ctypes import POINTER, Structure, byref, c_char_p, c_int32, c_uint32, c_uint64, c_void_p, sizeof
from types import TracebackType
from typing import NamedTuple, Self

PASS, WARN, BLOCK = 0, 1, 2
OK = 0
E_BUFFER, E_REJECTED, E_NOT_EVALUATED = -5, -10, -107
FORMAT_PRECHECK_JSON, FORMAT_NHSA_3101, FORMAT_NHSA_3102, FORMAT_NHSA_3103 = 1, 2, 3, 4
ENCODING_UTF8, ENCODING_GBK, ENCODING_UTF16 = 1, 2, 3
COMPLETENESS_MASK, COMPLETE, PARTIAL, NONE, STALE = 0xFF, 1, 2, 3, 0x100
FIRST_BUFFER_BYTES = 4096
ERROR_BYTES_MAX = 512

IS_WINDOWS = os.name == "nt"
LIBRARY = "precheck.dll" if IS_WINDOWS else "libprecheck.so"


class Options(Structure):
    """As pck_options; what is not set has its default."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("deadline_ms", c_uint32),
        ("max_answer_bytes", c_uint32),
        ("idle_ms", c_uint32),
        ("reserved", c_uint32 * 4),
        ("servers", c_char_p),
        ("station_id", c_char_p),
        ("profile", c_char_p),
        ("tls_ca_file", c_char_p),
        ("tls_server_name", c_char_p),
        ("tls_cert_file", c_char_p),
        ("tls_key_file", c_char_p),
    )


class Request(Structure):
    """As pck_request."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("format", c_uint32),
        ("encoding", c_uint32),
        ("deadline_ms", c_uint32),
        ("document_len", c_uint32),
        ("reserved", c_uint32 * 3),
        ("document", c_char_p),
        ("request_id", c_char_p),
    )


class Answer(NamedTuple):
    """What a check came to. A negative result is NOT CHECKED, never "no finding"."""

    result: int
    state: int
    text: bytes
    """In the document's layout and encoding; empty where there is none."""
    error: str
    """Why nothing was checked; empty where something was."""

    @property
    def is_complete(self) -> bool:
        """Whether everything was judged."""
        return self.state & COMPLETENESS_MASK == COMPLETE

    @property
    def is_stale(self) -> bool:
        """Whether it was judged by rules past their expiry, or by a history that may lag."""
        return bool(self.state & STALE)


class Receipt(NamedTuple):
    """What became of feedback; with a negative result it was not recorded."""

    result: int
    recorded: int
    unmatched: int
    error: str


class OpenError(Exception):
    """A mistake in the options."""


def load(path: str = LIBRARY) -> ctypes.CDLL:
    """Load the library and declare its functions; on Windows they are stdcall. Raises OSError where it is not found."""
    library = ctypes.WinDLL(path) if IS_WINDOWS else ctypes.CDLL(path)  # type: ignore[attr-defined,unused-ignore]
    out = (c_char_p, c_uint32, POINTER(c_uint32))
    signatures = {
        "pck_result_name": (c_char_p, (c_int32,)),
        "pck_open": (c_int32, (POINTER(Options), POINTER(c_void_p), c_char_p, c_uint32)),
        "pck_check": (c_int32, (c_void_p, POINTER(Request), *out, POINTER(c_int32))),
        "pck_last_answer": (c_int32, (c_void_p, *out, POINTER(c_int32))),
        "pck_feedback": (c_int32, (c_void_p, POINTER(Request), *out, POINTER(c_uint32), POINTER(c_uint32))),
        "pck_commit": (c_int32, (c_void_p, POINTER(Request), POINTER(c_uint32), POINTER(c_uint64))),
        "pck_last_error": (c_int32, (c_void_p, *out)),
        "pck_free": (None, (c_void_p,)),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


class Client:
    """An open client, for one thread at a time. Use it in a `with` statement, or call `close`."""

    def __init__(
        self, library: ctypes.CDLL, servers: str, *, station_id: str = "", deadline_ms: int = 0, **texts: str
    ) -> None:
        """Open a client; touches no network. `texts` are the other texts of Options. Raises OpenError for a mistake."""
        self._library = library
        self._handle = c_void_p()
        options = Options(
            struct_size=sizeof(Options),
            deadline_ms=deadline_ms,
            servers=servers.encode(),
            station_id=station_id.encode() or None,
            **{name: text.encode() or None for name, text in texts.items()},
        )
        why = ctypes.create_string_buffer(ERROR_BYTES_MAX)
        result = library.pck_open(byref(options), byref(self._handle), why, ERROR_BYTES_MAX)
        if result != OK:
            raise OpenError(f"{self.name_of(result)}: {why.value.decode()}")
        self._out = ctypes.create_string_buffer(FIRST_BUFFER_BYTES)

    def check(self, document: bytes, layout: int, encoding: int = ENCODING_UTF8) -> Answer:
        """Judge one document. Never raises for what a server or a network does."""
        need, state = c_uint32(), c_int32()
        request = self._request(document, layout, encoding)
        out = self._out
        result = self._library.pck_check(self._handle, byref(request), out, len(out), byref(need), byref(state))
        if result == E_BUFFER:
            out = self._out = ctypes.create_string_buffer(need.value)
            result = self._library.pck_last_answer(self._handle, out, len(out), byref(need), byref(state))
        zero_bytes = 2 if encoding == ENCODING_UTF16 else 1
        text = out.raw[: max(0, need.value - zero_bytes)]
        return Answer(result, state.value, text, self._error(result))

    def feedback(self, document: bytes, layout: int, encoding: int = ENCODING_UTF8) -> Receipt:
        """Send what the doctor did about findings. The acknowledgement's text is not fetched."""
        recorded, unmatched = c_uint32(), c_uint32()
        request = self._request(document, layout, encoding)
        result = self._library.pck_feedback(
            self._handle, byref(request), None, 0, None, byref(recorded), byref(unmatched)
        )
        if result == E_BUFFER:
            result = OK
        return Receipt(result, recorded.value, unmatched.value, self._error(result))

    def name_of(self, result: int) -> str:
        """Return the name of a result, as `PCK_E_TIMEOUT`."""
        return str(self._library.pck_result_name(result).decode())

    def close(self) -> None:
        """Close the connection and free the client."""
        self._library.pck_free(self._handle)
        self._handle = c_void_p()

    @staticmethod
    def _request(document: bytes, layout: int, encoding: int) -> Request:
        return Request(
            struct_size=sizeof(Request),
            format=layout,
            encoding=encoding,
            document_len=len(document),
            document=document,
        )

    def _error(self, result: int) -> str:
        if result >= 0:
            return ""
        why = ctypes.create_string_buffer(ERROR_BYTES_MAX)
        self._library.pck_last_error(self._handle, why, ERROR_BYTES_MAX, None)
        return why.value.decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
