"""The C client of Precheck for Python, by ctypes alone: no compiler, no package. Follows native/include/precheck.h.

A binding that is built beside the library is `client_shim`; this module is for a machine that has only the library.
"""

import ctypes
import os
from collections.abc import Sequence
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


class VoidRequest(Structure):
    """As pck_void_request."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("deadline_ms", c_uint32),
        ("order_id_count", c_uint32),
        ("reserved", c_uint32 * 3),
        ("patient_id", c_char_p),
        ("encounter_id", c_char_p),
        ("order_ids", POINTER(c_char_p)),
        ("item_code", c_char_p),
        ("reason", c_char_p),
    )


class HistoryRequest(Structure):
    """As pck_history_request."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("deadline_ms", c_uint32),
        ("encoding", c_uint32),
        ("limit", c_uint32),
        ("reserved", c_uint32 * 4),
        ("patient_id", c_char_p),
        ("since", c_char_p),
    )


class ReviewRequest(Structure):
    """As pck_review_request."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("deadline_ms", c_uint32),
        ("encoding", c_uint32),
        ("reserved", c_uint32 * 5),
        ("check_id", c_char_p),
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


class Change(NamedTuple):
    """What became of a change of a patient's history; with a negative result nothing is known to be done."""

    result: int
    lines: int
    history_position: int
    error: str


class Reply(NamedTuple):
    """What the server tells; `review` is PCK_REVIEW_..., and only 2 is a pharmacist's pass."""

    result: int
    review: int
    text: str
    error: str


class OpenError(Exception):
    """A mistake in the options."""


class LibraryError(Exception):
    """The library is missing, of the other bitness, or lacks a function: nothing can be checked."""


def load(path: str = LIBRARY) -> ctypes.CDLL:
    """Load the library and declare its functions; on Windows they are stdcall. Raises LibraryError."""
    try:
        library = ctypes.WinDLL(path) if IS_WINDOWS else ctypes.CDLL(path)  # type: ignore[attr-defined,unused-ignore]
    except OSError as error:
        raise LibraryError(str(error)) from error
    out = (c_char_p, c_uint32, POINTER(c_uint32))
    signatures = {
        "pck_result_name": (c_char_p, (c_int32,)),
        "pck_open": (c_int32, (POINTER(Options), POINTER(c_void_p), c_char_p, c_uint32)),
        "pck_check": (c_int32, (c_void_p, POINTER(Request), *out, POINTER(c_int32))),
        "pck_last_answer": (c_int32, (c_void_p, *out, POINTER(c_int32))),
        "pck_feedback": (c_int32, (c_void_p, POINTER(Request), *out, POINTER(c_uint32), POINTER(c_uint32))),
        "pck_commit": (c_int32, (c_void_p, POINTER(Request), POINTER(c_uint32), POINTER(c_uint64))),
        "pck_void": (c_int32, (c_void_p, POINTER(VoidRequest), POINTER(c_uint32), POINTER(c_uint64))),
        "pck_recent_history": (c_int32, (c_void_p, POINTER(HistoryRequest), *out)),
        "pck_review_status": (c_int32, (c_void_p, POINTER(ReviewRequest), *out, POINTER(c_int32))),
        "pck_last_error": (c_int32, (c_void_p, *out)),
        "pck_cancel": (None, (c_void_p,)),
        "pck_free": (None, (c_void_p,)),
    }
    for name, (result, arguments) in signatures.items():
        try:
            function = getattr(library, name)
        except AttributeError as error:
            raise LibraryError(str(error)) from error
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

    def check(self, document: bytes, layout: int, encoding: int = ENCODING_UTF8, request_id: str = "") -> Answer:
        """Judge one document. Never raises for what a server or a network does.

        A repeat with the same request id and document is answered with the recorded decision.
        """
        need, state = c_uint32(), c_int32()
        request = self._request(document, layout, encoding)
        request.request_id = request_id.encode() or None
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

    def commit(self, document: bytes, layout: int, encoding: int = ENCODING_UTF8) -> Change:
        """Commit the lines of a document that was saved into the patient's history."""
        lines, position = c_uint32(), c_uint64()
        request = self._request(document, layout, encoding)
        result = self._library.pck_commit(self._handle, byref(request), byref(lines), byref(position))
        return Change(result, lines.value, position.value, self._error(result))

    def void_lines(
        self, patient_id: str, encounter_id: str, order_ids: Sequence[str] = (), item_code: str = "", reason: str = ""
    ) -> Change:
        """Take lines out of the patient's history; without order ids every line of the encounter."""
        lines, position = c_uint32(), c_uint64()
        request = VoidRequest(
            struct_size=sizeof(VoidRequest),
            order_id_count=len(order_ids),
            patient_id=patient_id.encode(),
            encounter_id=encounter_id.encode(),
            order_ids=(c_char_p * len(order_ids))(*(order.encode() for order in order_ids)),
            item_code=item_code.encode() or None,
            reason=reason.encode() or None,
        )
        result = self._library.pck_void(self._handle, byref(request), byref(lines), byref(position))
        return Change(result, lines.value, position.value, self._error(result))

    def recent_history(self, patient_id: str, since: str = "", limit: int = 0) -> Reply:
        """Tell what the next check counts with: JSON, newest first. Limit 0 is the server's most."""
        need = c_uint32()
        request = HistoryRequest(
            struct_size=sizeof(HistoryRequest),
            limit=limit,
            patient_id=patient_id.encode(),
            since=since.encode() or None,
        )
        out = self._out
        result = self._library.pck_recent_history(self._handle, byref(request), out, len(out), byref(need))
        return self._fetched(result, 0, need)

    def review_status(self, check_id: str) -> Reply:
        """Tell what became of a decision that a pharmacist had to review."""
        need, review = c_uint32(), c_int32()
        request = ReviewRequest(struct_size=sizeof(ReviewRequest), check_id=check_id.encode())
        out = self._out
        result = self._library.pck_review_status(
            self._handle, byref(request), out, len(out), byref(need), byref(review)
        )
        return self._fetched(result, review.value, need)

    def cancel(self) -> None:
        """End the call that runs on another thread."""
        self._library.pck_cancel(self._handle)

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

    def _fetched(self, result: int, review: int, need: c_uint32) -> Reply:
        if result == E_BUFFER:
            self._out = ctypes.create_string_buffer(need.value)
            state = c_int32()
            out = self._out
            result = self._library.pck_last_answer(self._handle, out, len(out), byref(need), byref(state))
        text = self._out.raw[: max(0, need.value - 1)].decode()
        return Reply(result, review, text, self._error(result))

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
