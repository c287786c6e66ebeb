"""The gRPC services: what stands between the wire and `CheckService`. No policy but the table of statuses.

Order of one call: in-flight cap (grpcio's own, so a full server answers at once) -> deadline -> the service ->
status. A call whose deadline is too near to be kept is refused before any work: an early "not checked" beats a late
one.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar

import grpc
import msgspec
import orjson
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from precheck.v1 import check_pb2, check_pb2_grpc, operations_pb2, operations_pb2_grpc

from server import clock, limits
from server.check import AbandonedError, CheckService, Format, Reply, Request
from server.entrance.text import Encoding, EntranceError, write_json
from server.entrance.typed import document_of, document_values, filled
from server.metrics import Metrics
from server.packs import ActivationError
from server.profile import ProfileError
from server.store import StoreError

log = structlog.get_logger("precheck.grpc")

Answer = TypeVar("Answer")
SERVICE_NAMES = (check_pb2.DESCRIPTOR.services_by_name["Precheck"].full_name,)
MESSAGE_TOO_LARGE_CHARACTERS = 1_000
"""A status message longer than this would not fit into the headers of some clients."""

_FORMATS: dict[int, Format] = {
    check_pb2.DOCUMENT_FORMAT_PRECHECK_JSON: "precheck",
    check_pb2.DOCUMENT_FORMAT_NHSA_3101: "3101",
    check_pb2.DOCUMENT_FORMAT_NHSA_3102: "3102",
    check_pb2.DOCUMENT_FORMAT_NHSA_3103: "3103",
}
_ENCODINGS: dict[int, Encoding | None] = {
    check_pb2.DOCUMENT_ENCODING_UNSPECIFIED: None,
    check_pb2.DOCUMENT_ENCODING_UTF_8: "utf-8",
    check_pb2.DOCUMENT_ENCODING_GB18030: "gb18030",
}
_STATUS_OF: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (EntranceError, grpc.StatusCode.INVALID_ARGUMENT),
    (ProfileError, grpc.StatusCode.INVALID_ARGUMENT),
    (StoreError, grpc.StatusCode.UNAVAILABLE),
    (AbandonedError, grpc.StatusCode.CANCELLED),
    (ActivationError, grpc.StatusCode.FAILED_PRECONDITION),
)
"""The one place where a failure becomes a status. Whatever else is raised is INTERNAL, with a fixed text."""
_ALWAYS_TOLD: dict[str, Any] = {
    "lines": [],
    "visits": [],
    "lines_total": 0,
    "visits_total": 0,
    "history_position": 0,
}
"""What a document about a patient's history states, of a patient without one too."""
STORE_LOG_INTERVAL_S = 10.0

RESOURCE_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED.name
DRAIN_POLL_S = 0.02
LAST_ANSWER_S = 0.3
INTERNAL_TEXT = "internal error; take it as not checked"


class Calls:
    """Counts calls in flight, refuses hopeless ones, and turns failures into statuses."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._lock = threading.Lock()
        self.in_flight = 0
        self._log_store_after = 0.0
        metrics.gauge("precheck_calls_in_flight", "Calls being answered now.", lambda: self.in_flight)

    @contextmanager
    def admit(self, context: grpc.ServicerContext) -> Iterator[None]:
        """Run one call. Aborts the context with a status where the call cannot be answered."""
        remaining = context.time_remaining()
        if remaining is not None and remaining < limits.TIME_LEFT_MIN_S:
            self._refuse(context, grpc.StatusCode.DEADLINE_EXCEEDED, "no time left; nothing was checked")
        with self._lock:
            self.in_flight += 1
        try:
            yield
        except tuple(kind for kind, _ in _STATUS_OF) as error:
            code = next(code for kind, code in _STATUS_OF if isinstance(error, kind))
            if isinstance(error, StoreError):
                self._log_store(error)
            self._refuse(context, code, str(error)[:MESSAGE_TOO_LARGE_CHARACTERS])
        except Exception:
            log.exception("call failed")
            self._refuse(context, grpc.StatusCode.INTERNAL, INTERNAL_TEXT)
        finally:
            with self._lock:
                self.in_flight -= 1

    def _log_store(self, error: StoreError) -> None:
        """Log a failing store, but not once a call: a full disk fails them all."""
        now = time.monotonic()
        if now >= self._log_store_after:
            self._log_store_after = now + STORE_LOG_INTERVAL_S
            log.error("store failed; calls are refused", error=str(error))

    def _refuse(self, context: grpc.ServicerContext, code: grpc.StatusCode, text: str) -> NoReturn:
        self._metrics.refused.labels(code.name).inc()
        context.abort(code, text)
        raise AssertionError("abort raises")


class Precheck(check_pb2_grpc.PrecheckServicer):
    """precheck.v1.Precheck."""

    def __init__(self, service: CheckService, calls: Calls, *, log_checks: bool = False) -> None:
        self._service = service
        self._calls = calls
        self._log_checks = log_checks

    def CheckDocument(  # noqa: N802 - the name of the RPC
        self, request: check_pb2.CheckDocumentRequest, context: grpc.ServicerContext
    ) -> check_pb2.CheckDocumentResponse:
        """Judge one document."""
        with self._calls.admit(context):
            document = _document_of(request, request_id=request.request_id)
            reply = self._checked(document, context)
            return check_pb2.CheckDocumentResponse(
                answer=reply.answer,
                verdict=int(reply.verdict),  # type: ignore[arg-type]
                completeness=int(reply.completeness),  # type: ignore[arg-type]
                check_id=reply.check_id,
                revision=reply.revision,
                stale=reply.stale,
                not_recorded=reply.not_recorded,
            )

    def Check(  # noqa: N802 - the name of the RPC
        self, request: check_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> check_pb2.CheckResponse:
        """Judge typed facts, as the document of our own JSON that they are."""
        with self._calls.admit(context):
            _require_short_station(request.station_id)
            document = Request(
                document_of(request.facts), "precheck", "utf-8", request.profile, request.station_id, request.request_id
            )
            reply = self._checked(document, context)
            return filled(check_pb2.CheckResponse(), orjson.loads(reply.answer))

    def _checked(self, document: Request, context: grpc.ServicerContext) -> Reply:
        """Judge a document and log that it was answered. The record has the rest, under the check id."""
        began = time.monotonic()
        reply = self._service.check(document, context.is_active, _until(context))
        if self._log_checks:
            log.info(
                "checked",
                check_id=reply.check_id,
                verdict=reply.verdict.name,
                completeness=reply.completeness.name,
                station_id=document.station_id,
                elapsed_ms=round((time.monotonic() - began) * 1000, 2),
            )
        return reply

    def RecentHistory(  # noqa: N802 - the name of the RPC
        self, request: check_pb2.RecentHistoryRequest, context: grpc.ServicerContext
    ) -> check_pb2.RecentHistoryResponse:
        """Return what a patient's stored history holds."""
        with self._calls.admit(context):
            return self._recent(request, _until(context))

    def RecentHistoryDocument(  # noqa: N802 - the name of the RPC
        self, request: check_pb2.RecentHistoryDocumentRequest, context: grpc.ServicerContext
    ) -> check_pb2.RecentHistoryDocumentResponse:
        """Return the same as JSON."""
        with self._calls.admit(context):
            encoding = _encoding(request.encoding) or "utf-8"
            told = document_values(self._recent(request, _until(context)))
            return check_pb2.RecentHistoryDocumentResponse(answer=write_json(_ALWAYS_TOLD | told, encoding))

    def _recent(
        self, request: check_pb2.RecentHistoryRequest | check_pb2.RecentHistoryDocumentRequest, until: int | None
    ) -> check_pb2.RecentHistoryResponse:
        recent = self._service.recent_history(request.patient_id, request.since, request.limit, until)
        response = check_pb2.RecentHistoryResponse(
            lines_total=recent.lines_total,
            visits_total=recent.visits_total,
            history_position=recent.position,
            changed_at=recent.changed_at,
            age_seconds=recent.age_s,
        )
        for line in recent.lines:
            told = response.lines.add(
                encounter_id=line.encounter_id,
                facility_id=line.facility_id,
                begin_is_the_messages=not line.begin_stated,
            )
            filled(told.line, msgspec.to_builtins(line))
        for visit in recent.visits:
            filled(response.visits.add(), msgspec.to_builtins(visit))
        return response

    def Commit(  # noqa: N802 - the name of the RPC
        self, request: check_pb2.CommitRequest, context: grpc.ServicerContext
    ) -> check_pb2.CommitResponse:
        """Commit the current lines of a document, or of typed facts."""
        with self._calls.admit(context):
            document = _facts_of(request) if request.HasField("facts") else _document_of(request)
            change = self._service.commit(document, _until(context))
            return check_pb2.CommitResponse(
                committed_lines=change.lines, history_position=change.position, superseded_lines=change.superseded
            )

    def Void(  # noqa: N802 - the name of the RPC
        self, request: check_pb2.VoidRequest, context: grpc.ServicerContext
    ) -> check_pb2.VoidResponse:
        """Take committed lines back out."""
        with self._calls.admit(context):
            if len(request.reason) > limits.REASON_MAX_CHARACTERS:
                raise EntranceError("reason", request.reason, f"longer than {limits.REASON_MAX_CHARACTERS} characters")
            _require_short_station(request.station_id)
            source = "; ".join(filter(None, (request.station_id, request.reason))) or "void"
            change = self._service.void(
                request.patient_id,
                request.encounter_id,
                tuple(request.order_ids),
                request.item_code,
                source,
                request.time,
                _until(context),
            )
            return check_pb2.VoidResponse(voided_lines=change.lines, history_position=change.position)

    def Feedback(  # noqa: N802 - the name of the RPC
        self, request: check_pb2.FeedbackRequest, context: grpc.ServicerContext
    ) -> check_pb2.FeedbackResponse:
        """Record what the doctor did."""
        with self._calls.admit(context):
            format_ = _format(request.format)
            if format_ not in ("3103", "precheck"):
                raise EntranceError("format", format_, "feedback is NHSA_3103 or PRECHECK_JSON")
            _require_short_station(request.station_id)
            reply = self._service.feedback(
                Request(request.document, format_, _encoding(request.encoding), "", request.station_id), _until(context)
            )
            return check_pb2.FeedbackResponse(answer=reply.answer, recorded=reply.recorded, unmatched=reply.unmatched)


def _until(context: grpc.ServicerContext) -> int | None:
    """Return how long the call may wait for the store: until its deadline, and early enough to say that it was in vain."""
    remaining: float | None = context.time_remaining()
    return None if remaining is None else clock.moment(min(remaining - limits.TIME_LEFT_MIN_S, limits.STORE_WAIT_MAX_S))


def _document_of(request: check_pb2.CheckDocumentRequest | check_pb2.CommitRequest, *, request_id: str = "") -> Request:
    _require_short_station(request.station_id)
    return Request(
        request.document,
        _format(request.format),
        _encoding(request.encoding),
        request.profile,
        request.station_id,
        request_id,
    )


def _facts_of(request: check_pb2.CommitRequest) -> Request:
    if request.document or request.format or request.encoding:
        raise EntranceError("facts", None, "state either facts, or a document with its format")
    _require_short_station(request.station_id)
    return Request(document_of(request.facts), "precheck", "utf-8", request.profile, request.station_id)


def _require_short_station(station_id: str) -> None:
    if len(station_id) > limits.STATION_ID_MAX_CHARACTERS:
        raise EntranceError("station_id", station_id, f"longer than {limits.STATION_ID_MAX_CHARACTERS} characters")


def _format(value: int) -> Format:
    try:
        return _FORMATS[value]
    except KeyError:
        raise EntranceError("format", value, "say what the document is: PRECHECK_JSON, NHSA_3101, …") from None


def _encoding(value: int) -> Encoding | None:
    try:
        return _ENCODINGS[value]
    except KeyError:
        raise EntranceError("encoding", value, "expected UTF_8 or GB18030") from None


_LOCAL_PEERS = ("unix:", "ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D")


def require_local(context: grpc.ServicerContext) -> None:
    """Refuse a caller from another machine."""
    if not str(context.peer()).startswith(_LOCAL_PEERS):
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "operations are answered to this machine only")


class _CallsMax(int):
    """How many calls may be in flight, as grpcio takes it; tells when a call is refused for it.

    grpcio refuses such a call before any code of ours could count it, and asks `calls >= maximum`. Of the two, Python asks
    the one first whose class is derived from the other's, so this one learns the answer.
    """

    def __new__(cls, most: int, _refused: Callable[[], None]) -> Self:
        return super().__new__(cls, most)

    def __init__(self, _most: int, refused: Callable[[], None]) -> None:
        self._refused = refused

    def __le__(self, calls: int) -> bool:
        is_full = super().__le__(calls)
        if is_full:
            self._refused()
        return is_full


class GrpcServer:
    """The server with its services, its health and its addresses."""

    def __init__(
        self,
        *,
        threads: int,
        calls_in_flight_max: int,
        reflect: bool,
        shares_port: bool = False,
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        """`refused` is called with each call that is refused because `calls_in_flight_max` are in flight."""
        self._server = grpc.server(
            futures.ThreadPoolExecutor(max_workers=threads, thread_name_prefix="judge"),
            maximum_concurrent_rpcs=_CallsMax(calls_in_flight_max, refused),
            options=server_options(shares_port=shares_port),
        )
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if reflect:
            names = (
                *SERVICE_NAMES,
                operations_pb2.DESCRIPTOR.services_by_name["Operations"].full_name,
                reflection.SERVICE_NAME,
            )
            reflection.enable_server_reflection(names, self._server)

    def add(self, precheck: Any = None, operations: Any = None) -> None:
        """Register the services."""
        if precheck is not None:
            check_pb2_grpc.add_PrecheckServicer_to_server(precheck, self._server)
        if operations is not None:
            operations_pb2_grpc.add_OperationsServicer_to_server(operations, self._server)

    def listen(self, address: str, credentials: grpc.ServerCredentials | None = None) -> int:
        """Listen on an address; return the port (for port 0, the one taken). Raises OSError."""
        try:
            if credentials is not None:
                return self._server.add_secure_port(address, credentials)
            return self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}: {error}") from error

    def start(self) -> None:
        """Start answering."""
        self._server.start()
        self._set_health(health_pb2.HealthCheckResponse.SERVING)

    def _set_health(self, status: int) -> None:
        for name in ("", *SERVICE_NAMES):
            self._health.set(name, status)

    def drain(self) -> None:
        """Say that no new calls should come; those that do are still answered."""
        self._health.enter_graceful_shutdown()

    def stop(self, grace_s: float, in_flight: Callable[[], int]) -> None:
        """Refuse new calls, let those in flight finish for at most `grace_s`, and wait until all is over.

        A station that is connected and silent cannot react to the goodbye: when no call is in flight any more, its
        connection is not waited for beyond what the last answers need to leave.
        """
        give_up = time.monotonic() + grace_s
        self._server.stop(grace_s)
        while in_flight() and time.monotonic() < give_up:
            time.sleep(DRAIN_POLL_S)
        self._server.stop(LAST_ANSWER_S).wait()


def server_options(*, shares_port: bool = False) -> list[tuple[str, int]]:
    """Return the channel options of the server; bench's echo server uses the same.

    `shares_port`: other workers of the same server listen on it too.
    """
    return [
        ("grpc.max_receive_message_length", limits.MESSAGE_MAX_BYTES),
        ("grpc.max_send_message_length", limits.MESSAGE_MAX_BYTES),
        # Two servers on one port would split the stations between them without anyone noticing.
        ("grpc.so_reuseport", int(shares_port)),
        # Stations ping every 30 s; a server that expects less often would end their connections.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", 60_000),
        # Connections are renewed, so that stations spread over servers again after one was away.
        ("grpc.max_connection_age_ms", 600_000),
        ("grpc.max_connection_age_grace_ms", 5_000),
    ]


def credentials_of(certificate: str, key: str, client_ca: str) -> grpc.ServerCredentials | None:
    """Return the TLS credentials that the settings name; None for plaintext. Raises OSError."""
    if not certificate:
        return None
    pair = (Path(key).read_bytes(), Path(certificate).read_bytes())
    roots = Path(client_ca).read_bytes() if client_ca else None
    return grpc.ssl_server_credentials([pair], root_certificates=roots, require_client_auth=bool(client_ca))
