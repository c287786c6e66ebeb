"""The Python binding of the C client: what native/include/precheck.h says, in Python's terms.

It calls the very library that stations load, so that tests and benchmarks run a station's machine code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType
from typing import Any, Self

try:
    from client_shim._precheck import ffi, lib
except ImportError as missing:
    raise ImportError("the C client is not built here: run `make native`") from missing

FIRST_BUFFER_BYTES = 64 * 1024


class Format(IntEnum):
    """The layout of a document."""

    PRECHECK_JSON = lib.PCK_FORMAT_PRECHECK_JSON
    NHSA_3101 = lib.PCK_FORMAT_NHSA_3101
    NHSA_3102 = lib.PCK_FORMAT_NHSA_3102
    NHSA_3103 = lib.PCK_FORMAT_NHSA_3103


class Encoding(IntEnum):
    """The encoding of a document, and of the answer to it."""

    UTF_8 = lib.PCK_ENCODING_UTF8
    GBK = lib.PCK_ENCODING_GBK
    UTF_16 = lib.PCK_ENCODING_UTF16
    """In the byte order of this machine, without a byte order mark."""


class Completeness(IntEnum):
    """How much of what could apply was judged."""

    UNKNOWN = lib.PCK_COMPLETENESS_UNKNOWN
    COMPLETE = lib.PCK_COMPLETE
    PARTIAL = lib.PCK_PARTIAL
    NONE = lib.PCK_NONE


class Review(IntEnum):
    """What became of a review; only PASSED is a pharmacist's pass."""

    PENDING = lib.PCK_REVIEW_PENDING
    PASSED = lib.PCK_REVIEW_PASSED
    RETURNED = lib.PCK_REVIEW_RETURNED
    LAPSED = lib.PCK_REVIEW_LAPSED
    SUPERSEDED = lib.PCK_REVIEW_SUPERSEDED
    NOT_REQUIRED = lib.PCK_REVIEW_NOT_REQUIRED


@dataclass(frozen=True, slots=True)
class Answer:
    """What one check came to."""

    result: int
    """0 pass, 1 warn, 2 block; negative: not checked."""
    completeness: Completeness
    stale: bool
    """Judged by rules past their expiry, or by a history that may lag; the answer says which."""
    answer: bytes
    """In the document's own layout and encoding; empty where the server gave none."""
    error: str
    """Why nothing was checked; empty if something was."""

    @property
    def name(self) -> str:
        """The result's name in precheck.h, as `PCK_E_TIMEOUT`."""
        return result_name(self.result)

    @property
    def checked(self) -> bool:
        """Was anything judged?"""
        return self.result >= 0

    @property
    def verdict(self) -> str | None:
        """`PASS`, `WARN` or `BLOCK`; None where nothing was checked."""
        return self.name.removeprefix("PCK_") if self.checked else None


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit or a void did to the patient's history."""

    lines: int
    history_position: int


@dataclass(frozen=True, slots=True)
class FeedbackReceipt:
    """What became of the doctor's feedback."""

    answer: bytes
    recorded: int
    unmatched: int


class ClientError(Exception):
    """A call that is no check failed, or the client cannot be opened."""

    def __init__(self, result: int, text: str) -> None:
        super().__init__(f"{result_name(result)}: {text}")
        self.result = result
        self.text = text


def version() -> int:
    """Return the version of the library: major * 10000 + minor * 100 + patch."""
    return int(lib.pck_version())


def result_name(result: int) -> str:
    """Return the name of a result, as `PCK_E_TIMEOUT`."""
    return str(ffi.string(lib.pck_result_name(result)), "ascii")


class Client:
    """A connection to the servers, for one thread at a time; `cancel` alone may come from another thread.

    `servers` is IP addresses and ports in the order to try them, as `127.0.0.1:50051,[::1]:50051`. Zero and None mean
    the library's defaults. Raises ClientError if an argument is wrong; touches no network.
    """

    def __init__(
        self,
        servers: str,
        *,
        deadline_ms: int = 0,
        max_answer_bytes: int = 0,
        idle_ms: int = 0,
        station_id: str | None = None,
        profile: str | None = None,
        tls_ca_file: str | None = None,
        tls_server_name: str | None = None,
        tls_cert_file: str | None = None,
        tls_key_file: str | None = None,
    ) -> None:
        self._handle = ffi.NULL
        options, kept = _structure("pck_options")
        options.deadline_ms = deadline_ms
        options.max_answer_bytes = max_answer_bytes
        options.idle_ms = idle_ms
        options.servers = _text(servers, kept)
        options.station_id = _text(station_id, kept)
        options.profile = _text(profile, kept)
        options.tls_ca_file = _text(tls_ca_file, kept)
        options.tls_server_name = _text(tls_server_name, kept)
        options.tls_cert_file = _text(tls_cert_file, kept)
        options.tls_key_file = _text(tls_key_file, kept)
        handle = ffi.new("pck_client **")
        error = ffi.new("char[]", lib.PCK_ERROR_BYTES_MAX)
        result = lib.pck_open(options, handle, error, len(error))
        if result != lib.PCK_OK:
            raise ClientError(result, ffi.string(error).decode())
        self._handle = handle[0]
        self._buffer = ffi.new("char[]", FIRST_BUFFER_BYTES)
        self._need = ffi.new("uint32_t *")
        self._state = ffi.new("int32_t *")
        self._counts = ffi.new("uint32_t[2]")
        self._position = ffi.new("uint64_t *")

    def check(
        self,
        document: bytes,
        *,
        format: Format = Format.PRECHECK_JSON,  # noqa: A002 - its name in the contract
        encoding: Encoding = Encoding.UTF_8,
        deadline_ms: int = 0,
        request_id: str | None = None,
    ) -> Answer:
        """Judge one document. Never raises for what a server or a network does: read `Answer.result`."""
        request, kept = _request(document, format, encoding, deadline_ms)
        request.request_id = _text(request_id, kept)
        buffer, need, state = self._buffer, self._need, self._state
        result = lib.pck_check(self._handle, request, buffer, len(buffer), need, state)
        if result == lib.PCK_E_BUFFER:
            buffer = ffi.new("char[]", need[0])
            result = lib.pck_last_answer(self._handle, buffer, len(buffer), need, state)
        return Answer(
            result=result,
            completeness=Completeness(state[0] & lib.PCK_COMPLETENESS_MASK),
            stale=bool(state[0] & lib.PCK_STALE),
            answer=_given(buffer, need, encoding),
            error=self.last_error() if result < 0 else "",
        )

    def commit(
        self,
        document: bytes,
        *,
        format: Format = Format.PRECHECK_JSON,  # noqa: A002 - its name in the contract
        encoding: Encoding = Encoding.UTF_8,
        deadline_ms: int = 0,
    ) -> Change:
        """Commit the current lines of a document into the patient's history. Raises ClientError."""
        request, _kept = _request(document, format, encoding, deadline_ms)
        self._done(lib.pck_commit(self._handle, request, self._counts, self._position))
        return Change(lines=self._counts[0], history_position=self._position[0])

    def void(
        self,
        patient_id: str,
        encounter_id: str,
        order_ids: Sequence[str] = (),
        *,
        item_code: str | None = None,
        reason: str | None = None,
        deadline_ms: int = 0,
    ) -> Change:
        """Take lines out of the patient's history; no order_ids means the whole encounter. Raises ClientError."""
        request, kept = _structure("pck_void_request")
        request.deadline_ms = deadline_ms
        request.patient_id = _text(patient_id, kept)
        request.encounter_id = _text(encounter_id, kept)
        request.item_code = _text(item_code, kept)
        request.reason = _text(reason, kept)
        names = ffi.new("char *[]", [_text(order_id, kept) for order_id in order_ids])
        request.order_id_count = len(order_ids)
        request.order_ids = names
        self._done(lib.pck_void(self._handle, request, self._counts, self._position))
        return Change(lines=self._counts[0], history_position=self._position[0])

    def feedback(
        self,
        document: bytes,
        *,
        format: Format = Format.NHSA_3103,  # noqa: A002 - its name in the contract
        encoding: Encoding = Encoding.UTF_8,
        deadline_ms: int = 0,
    ) -> FeedbackReceipt:
        """Record what the doctor did about findings. Raises ClientError."""
        request, _kept = _request(document, format, encoding, deadline_ms)
        buffer, need, counts = self._buffer, self._need, self._counts
        result = lib.pck_feedback(self._handle, request, buffer, len(buffer), need, counts, counts + 1)
        if result == lib.PCK_E_BUFFER:
            buffer = ffi.new("char[]", need[0])
            result = lib.pck_last_answer(self._handle, buffer, len(buffer), need, ffi.NULL)
        self._done(result)
        return FeedbackReceipt(answer=_given(buffer, need, encoding), recorded=counts[0], unmatched=counts[1])

    def recent_history(
        self,
        patient_id: str,
        *,
        since: str | None = None,
        limit: int = 0,
        encoding: Encoding = Encoding.UTF_8,
        deadline_ms: int = 0,
    ) -> bytes:
        """Return what a patient's stored history holds, as the server's JSON. Raises ClientError."""
        request, kept = _structure("pck_history_request")
        request.deadline_ms = deadline_ms
        request.encoding = encoding
        request.limit = limit
        request.patient_id = _text(patient_id, kept)
        request.since = _text(since, kept)
        buffer, need = self._buffer, self._need
        result = lib.pck_recent_history(self._handle, request, buffer, len(buffer), need)
        if result == lib.PCK_E_BUFFER:
            buffer = ffi.new("char[]", need[0])
            result = lib.pck_last_answer(self._handle, buffer, len(buffer), need, ffi.NULL)
        self._done(result)
        return _given(buffer, need, encoding)

    def review_status(
        self, check_id: str, *, encoding: Encoding = Encoding.UTF_8, deadline_ms: int = 0
    ) -> tuple[int, bytes]:
        """Return what became of a review, a number of `Review` or a newer one, and the server's JSON.

        Raises ClientError, with PCK_E_UNSUPPORTED from a server that reviews nothing.
        """
        request, kept = _structure("pck_review_request")
        request.deadline_ms = deadline_ms
        request.encoding = encoding
        request.check_id = _text(check_id, kept)
        buffer, need, review = self._buffer, self._need, ffi.new("int32_t *")
        result = lib.pck_review_status(self._handle, request, buffer, len(buffer), need, review)
        if result == lib.PCK_E_BUFFER:
            buffer = ffi.new("char[]", need[0])
            result = lib.pck_last_answer(self._handle, buffer, len(buffer), need, ffi.NULL)
        self._done(result)
        return review[0], _given(buffer, need, encoding)

    def last_error(self) -> str:
        """Return what went wrong in the last call; empty if nothing did."""
        text = ffi.new("char[]", lib.PCK_ERROR_BYTES_MAX)
        lib.pck_last_error(self._handle, text, len(text), ffi.NULL)
        return str(ffi.string(text), "utf-8")

    def cancel(self) -> None:
        """Make a call that another thread is blocked in end with PCK_E_CANCELLED."""
        lib.pck_cancel(self._handle)

    def close(self) -> None:
        """Close the connection. Later calls get PCK_E_ARGUMENT; closing again does nothing."""
        handle, self._handle = self._handle, ffi.NULL
        lib.pck_free(handle)

    def _done(self, result: int) -> None:
        if result != lib.PCK_OK:
            raise ClientError(result, self.last_error())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def _structure(name: str) -> tuple[Any, list[Any]]:
    """Return a zeroed structure with its size set, and a list that keeps alive what its pointers point to."""
    structure = ffi.new(f"{name} *")
    structure.struct_size = ffi.sizeof(name)
    return structure, []


def _text(text: str | None, kept: list[Any]) -> Any:
    if text is None:
        return ffi.NULL
    if "\0" in text:
        raise ValueError(f"a zero character in {text!r}")
    kept.append(ffi.new("char[]", text.encode()))
    return kept[-1]


def _request(document: bytes, layout: int, encoding: int, deadline_ms: int) -> tuple[Any, list[Any]]:
    request, kept = _structure("pck_request")
    kept.append(ffi.from_buffer(document))
    request.document = kept[-1]
    request.document_len = len(document)
    request.format = layout
    request.encoding = encoding
    request.deadline_ms = deadline_ms
    return request, kept


def _given(buffer: Any, need: Any, encoding: int) -> bytes:
    """Return the text in a buffer; `need` counts its terminating zero, and is 0 where there is none."""
    zero_bytes = 2 if encoding == lib.PCK_ENCODING_UTF16 else 1
    return ffi.buffer(buffer, need[0] - zero_bytes)[:] if need[0] else b""
