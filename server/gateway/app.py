"""The gateway's routes.

    POST /nhsa/3101, /nhsa/3102   the national message; a listed trig_scen outranks the address
    POST /nhsa/3103               feedback on findings
    POST /v1/check, /v1/commit, /v1/void, /v1/feedback   our own JSON
    GET  /healthz                 200 while the service answers
    GET  /metrics                 Prometheus text format

`?profile=NAME` or the header `Precheck-Profile` names a site profile, `Precheck-Station` the station. A body in GBK
is recognised by its charset (`Content-Type: application/json; charset=GBK`), or by not being UTF-8.
"""

import asyncio
import contextlib
import itertools
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import grpc
import grpc.aio
import msgspec
import orjson
import structlog
from google.protobuf.json_format import MessageToDict
from grpc_health.v1 import health_pb2, health_pb2_grpc
from precheck.v1 import check_pb2, check_pb2_grpc, operations_pb2, operations_pb2_grpc
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from server import clock, limits
from server.entrance.national_answer import national_error
from server.exposition import merged
from server.gateway.origins import Origins

log = structlog.get_logger("precheck.gateway")

_CHARSETS = {
    "utf-8": check_pb2.DOCUMENT_ENCODING_UTF_8,
    "utf8": check_pb2.DOCUMENT_ENCODING_UTF_8,
    "gbk": check_pb2.DOCUMENT_ENCODING_GB18030,
    "gb2312": check_pb2.DOCUMENT_ENCODING_GB18030,
    "gb18030": check_pb2.DOCUMENT_ENCODING_GB18030,
}
_HTTP_OF: dict[grpc.StatusCode, int] = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.CANCELLED: 503,
    grpc.StatusCode.PERMISSION_DENIED: 403,
}
HEALTH_DEADLINE_S = 2.0
RECONNECT_MAX_MS = 100
"""Between two tries to reach a worker that is away."""
BEIJING = ZoneInfo("Asia/Shanghai")
"""What a refusal states its time in: the gateway knows no site profile, and the national message no other zone."""
MESSAGE_ID_WITHIN_BYTES = 4_096
"""How far into a refused message its id is looked for."""
_MESSAGE_ID = re.compile(rb'"(?:msgid|msgId|message_id)"\s*:\s*"([A-Za-z0-9_.-]{1,64})"')


class VoidDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/void; as precheck.v1.VoidRequest."""

    patient_id: str
    encounter_id: str
    order_ids: tuple[str, ...] = ()
    item_code: str = ""
    reason: str = ""
    time: str = ""


class RefusedError(Exception):
    """A request that is answered with an error: HTTP status and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


LARGE_BODY_BYTES = limits.MEBIBYTE
LARGE_BODIES_AT_ONCE_MAX = 4
"""Bodies above LARGE_BODY_BYTES that are held at once; further ones wait their turn within BODY_MAX_S."""
BODY_MAX_S = 30.0
"""How long a body may take to arrive."""
_large_bodies = asyncio.Semaphore(LARGE_BODIES_AT_ONCE_MAX)


@contextlib.asynccontextmanager
async def _body(request: Request) -> AsyncIterator[bytes]:
    """Give the body for as long as the call lasts.

    Raises RefusedError for one that is larger than a document may be, having read no further, or too slow. Large ones
    are few at a time, so that slow senders cannot fill the memory.
    """
    too_large = RefusedError(413, f"document: larger than {limits.DOCUMENT_MAX_BYTES} bytes; nothing was checked")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limits.DOCUMENT_MAX_BYTES:
        raise too_large
    async with contextlib.AsyncExitStack() as stack:
        parts: list[bytes] = []
        size = 0
        is_large = False
        try:
            async with asyncio.timeout(BODY_MAX_S):
                async for part in request.stream():
                    size += len(part)
                    if size > limits.DOCUMENT_MAX_BYTES:
                        raise too_large
                    parts.append(part)
                    if size > LARGE_BODY_BYTES and not is_large:
                        is_large = True
                        await stack.enter_async_context(_large_bodies)
        except TimeoutError:
            raise RefusedError(408, f"document: not there within {BODY_MAX_S:.0f} s; nothing was checked") from None
        body = b"".join(parts)
        request.state.head = body[:MESSAGE_ID_WITHIN_BYTES]
        yield body


def _encoding(request: Request, body: bytes) -> check_pb2.DocumentEncoding:
    _, _, parameters = request.headers.get("content-type", "").partition(";")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
            if charset not in _CHARSETS:
                raise RefusedError(415, f"charset: `{charset}` is unknown; known: {', '.join(_CHARSETS)}")
            return _CHARSETS[charset]
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return check_pb2.DOCUMENT_ENCODING_GB18030
    return check_pb2.DOCUMENT_ENCODING_UTF_8


class _WorkerStubs(NamedTuple):
    """How one worker of the server is asked."""

    precheck: check_pb2_grpc.PrecheckStub
    operations: operations_pb2_grpc.OperationsStub
    health: health_pb2_grpc.HealthStub


class Gateway:
    """Holds the channels to the service's workers; one per gateway process."""

    def __init__(self, targets: Sequence[tuple[str, str]]) -> None:
        """`targets`: for each worker, where checks go and where health and metrics are asked for."""
        options = [
            ("grpc.max_receive_message_length", limits.MESSAGE_MAX_BYTES),
            ("grpc.max_send_message_length", limits.MESSAGE_MAX_BYTES),
            # A worker that was away is tried again soon: the default waits from a second up to two minutes.
            ("grpc.initial_reconnect_backoff_ms", RECONNECT_MAX_MS),
            ("grpc.min_reconnect_backoff_ms", RECONNECT_MAX_MS),
            ("grpc.max_reconnect_backoff_ms", RECONNECT_MAX_MS),
        ]
        self._workers: list[_WorkerStubs] = []
        for check, watch in targets:
            watching = grpc.aio.insecure_channel(watch, options=options)
            self._workers.append(
                _WorkerStubs(
                    check_pb2_grpc.PrecheckStub(grpc.aio.insecure_channel(check, options=options)),
                    operations_pb2_grpc.OperationsStub(watching),
                    health_pb2_grpc.HealthStub(watching),
                )
            )
        self._turn = itertools.cycle(range(len(self._workers)))

    async def _call(self, rpc: str, message: Any) -> Any:
        """Ask the worker whose turn it is; where it cannot be reached, the next.

        A worker that dies with a call in it has it answered by another: a check has a request id, so that it is decided
        once; commits and voids change nothing the second time. Feedback may be recorded twice then, as after any
        retry.
        """
        first = next(self._turn)
        workers = self._workers[first:] + self._workers[:first]
        for worker in workers[:-1]:
            try:
                return await getattr(worker.precheck, rpc)(message, timeout=limits.GATEWAY_DEADLINE_S)
            except grpc.aio.AioRpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise
        return await getattr(workers[-1].precheck, rpc)(message, timeout=limits.GATEWAY_DEADLINE_S)

    @contextlib.asynccontextmanager
    async def _common(self, request: Request) -> AsyncIterator[tuple[dict[str, Any], bool]]:
        async with _body(request) as body:
            encoding = _encoding(request, body)
            common = {
                "document": body,
                "encoding": encoding,
                "station_id": request.headers.get("precheck-station", ""),
            }
            yield common, encoding == check_pb2.DOCUMENT_ENCODING_GB18030

    def _request_id(self) -> str:
        """Return an id under which a check may be asked of a second worker; none is needed where there is none."""
        return uuid.uuid4().hex if len(self._workers) > 1 else ""

    async def check(self, request: Request, document_format: check_pb2.DocumentFormat) -> Response:
        """Judge one document."""
        async with self._common(request) as (common, is_gb18030):
            message = check_pb2.CheckDocumentRequest(
                **common,
                format=document_format,
                profile=_profile(request),
                request_id=request.headers.get("precheck-request-id", "") or self._request_id(),
            )
            reply = await self._call("CheckDocument", message)
        return _json(reply.answer, is_gb18030=is_gb18030)

    async def feedback(self, request: Request, document_format: check_pb2.DocumentFormat) -> Response:
        """Record feedback."""
        async with self._common(request) as (common, is_gb18030):
            message = check_pb2.FeedbackRequest(**common, format=document_format)
            reply = await self._call("Feedback", message)
        return _json(reply.answer, is_gb18030=is_gb18030)

    async def commit(self, request: Request) -> Response:
        """Commit the current lines of a document: our JSON, or national with `?format=3101`."""
        formats = {
            "": check_pb2.DOCUMENT_FORMAT_PRECHECK_JSON,
            "3101": check_pb2.DOCUMENT_FORMAT_NHSA_3101,
            "3102": check_pb2.DOCUMENT_FORMAT_NHSA_3102,
        }
        name = request.query_params.get("format", "")
        if name not in formats:
            raise RefusedError(400, f"format: `{name}` is unknown; known: 3101, 3102, or none for our JSON")
        async with self._common(request) as (common, _):
            message = check_pb2.CommitRequest(**common, format=formats[name], profile=_profile(request))
            reply = await self._call("Commit", message)
        return _json(_of_message(reply), is_gb18030=False)

    async def void(self, request: Request) -> Response:
        """Take committed lines back out."""
        async with _body(request) as body:
            encoding = _encoding(request, body)
            codec = "gb18030" if encoding == check_pb2.DOCUMENT_ENCODING_GB18030 else "utf-8"
            try:
                fields = msgspec.json.decode(body.decode(codec), type=VoidDocument)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise RefusedError(400, f"document: {error}") from error
        message = check_pb2.VoidRequest(
            **msgspec.structs.asdict(fields), station_id=request.headers.get("precheck-station", "")
        )
        reply = await self._call("Void", message)
        return _json(_of_message(reply), is_gb18030=False)

    async def healthz(self, _request: Request) -> Response:
        """Answer 200 while any worker of the service is serving; say which are not."""
        states = [await self._state(worker) for worker in self._workers]
        ill = [f"worker {number}: {state}" for number, state in enumerate(states) if state != "ok"]
        if len(ill) == len(states):
            return PlainTextResponse("\n".join(ill if len(ill) > 1 else states) + "\n", 503)
        return PlainTextResponse("\n".join(("ok", *ill)) + "\n")

    async def _state(self, worker: _WorkerStubs) -> str:
        try:
            reply = await worker.health.Check(health_pb2.HealthCheckRequest(), timeout=HEALTH_DEADLINE_S)
        except grpc.aio.AioRpcError as error:
            return f"service not reachable: {error.code().name}"
        return "ok" if reply.status == health_pb2.HealthCheckResponse.SERVING else "not serving"

    async def metrics(self, _request: Request) -> Response:
        """Return the service's metrics; of several workers each sample has the label `worker`."""
        expositions: dict[int, bytes] = {}
        failure: grpc.aio.AioRpcError | None = None
        for number, worker in enumerate(self._workers):
            try:
                reply = await worker.operations.GetMetrics(
                    operations_pb2.GetMetricsRequest(), timeout=HEALTH_DEADLINE_S
                )
            except grpc.aio.AioRpcError as error:
                failure = error
            else:
                expositions[number] = reply.exposition
        if failure is not None and not expositions:
            raise failure
        content = merged(expositions) if len(self._workers) > 1 else expositions[0]
        return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")


def _profile(request: Request) -> str:
    return request.query_params.get("profile", "") or request.headers.get("precheck-profile", "")


def _json(content: bytes, *, is_gb18030: bool) -> Response:
    return Response(content, media_type=f"application/json; charset={'GBK' if is_gb18030 else 'utf-8'}")


def _of_message(message: Any) -> bytes:
    fields = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return orjson.dumps({name: int(value) if isinstance(value, str) else value for name, value in fields.items()})


Handler = Callable[[Request], Awaitable[Response]]


def _refusing(handler: Handler, refusal: Callable[[str, str], dict[str, Any]]) -> Handler:
    """Return a handler that answers every failure in the layout of its route, and never without an answer."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except RefusedError as error:
            status, text = error.status, error.text
        except grpc.aio.AioRpcError as error:
            status, text = _HTTP_OF.get(error.code(), 500), error.details() or error.code().name
        except ClientDisconnect:
            status, text = 400, "document: the client went away before it was complete"
        except Exception:
            log.exception("gateway failed")
            status, text = 500, "internal error; take it as not checked"
        return Response(
            orjson.dumps(refusal(text, _message_id(request))), status, media_type="application/json; charset=utf-8"
        )

    return answer


def _message_id(request: Request) -> str:
    """Return the msgid of a refused message as far as it can be told, so that its sender recognises the answer."""
    found = _MESSAGE_ID.search(getattr(request.state, "head", b""))
    return found[1].decode("ascii") if found else ""


def _national_refusal(text: str, message_id: str) -> dict[str, Any]:
    return national_error(message_id, clock.now(BEIJING), text)


def _own_refusal(text: str, message_id: str) -> dict[str, Any]:
    return {"error": text, "completeness": "NONE", "message_id": message_id}


async def _no_such_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    path = request.url.path
    return _refused_at(path, status, f"{request.method} {path}: there is no such address and method")


def _refused_at(path: str, status: int, text: str) -> Response:
    """Answer a call that reaches no handler, in the layout of the addresses around it."""
    refusal = _national_refusal if path.startswith("/nhsa") else _own_refusal
    return Response(orjson.dumps(refusal(text, "")), status, media_type="application/json; charset=utf-8")


def make_app(targets: Sequence[tuple[str, str]], allowed_origins: Sequence[str] = ()) -> Starlette:
    """Return the application.

    `targets`: for each worker, where checks go and where health and metrics are asked for. `allowed_origins`: the web
    pages that may call from a browser.
    """
    gateway: Gateway | None = None

    def the_gateway() -> Gateway:
        # The channel belongs to the event loop that uses it, so it is made by the first request.
        nonlocal gateway
        if gateway is None:
            gateway = Gateway(targets)
        return gateway

    def check(document_format: check_pb2.DocumentFormat) -> Handler:
        async def handler(request: Request) -> Response:
            return await the_gateway().check(request, document_format)

        return handler

    def feedback(document_format: check_pb2.DocumentFormat) -> Handler:
        async def handler(request: Request) -> Response:
            return await the_gateway().feedback(request, document_format)

        return handler

    def plain(name: str) -> Handler:
        async def handler(request: Request) -> Response:
            response: Response = await getattr(the_gateway(), name)(request)
            return response

        return handler

    national = {
        "/nhsa/3101": check(check_pb2.DOCUMENT_FORMAT_NHSA_3101),
        "/nhsa/3102": check(check_pb2.DOCUMENT_FORMAT_NHSA_3102),
        "/nhsa/3103": feedback(check_pb2.DOCUMENT_FORMAT_NHSA_3103),
    }
    own = {
        "/v1/check": check(check_pb2.DOCUMENT_FORMAT_PRECHECK_JSON),
        "/v1/feedback": feedback(check_pb2.DOCUMENT_FORMAT_PRECHECK_JSON),
        "/v1/commit": plain("commit"),
        "/v1/void": plain("void"),
    }
    return Starlette(
        routes=[
            *(
                Route(path, _refusing(handler, _national_refusal), methods=["POST"])
                for path, handler in national.items()
            ),
            *(Route(path, _refusing(handler, _own_refusal), methods=["POST"]) for path, handler in own.items()),
            Route("/healthz", _refusing(plain("healthz"), _own_refusal)),
            Route("/metrics", _refusing(plain("metrics"), _own_refusal)),
        ],
        exception_handlers={404: _no_such_route, 405: _no_such_route},
        middleware=[Middleware(Origins, allowed_origins, lambda path, text: _refused_at(path, 403, text))],
    )
