"""Where a vendor's client sends its messages: gRPC as the C library speaks it, and HTTP, both on the proving ground.

The gateway runs in a thread here, not in a process of its own: nobody waits for a check that a large body could stall,
and what the gateway itself refuses (an address, a charset, a size) can be told of.
"""

import contextlib
import shutil
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

import grpc
import orjson
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.check import Request
from server.conformance.examine import Arrival, Transport
from server.conformance.ground import Ground, Tell
from server.gateway.app import make_app
from server.grpc_service import MESSAGE_TOO_LARGE_CHARACTERS, Calls, GrpcServer, Precheck
from server.operations import Operations

THREADS = 4
CALLS_IN_FLIGHT_MAX = 64
START_MAX_S = 10.0
STOP_GRACE_S = 1.0
ERRORS_REMEMBERED_MAX = 64
FAILED_STATUS_MIN = 400
_NO_DOCUMENT = Request(b"", "precheck", None)


class Endpoints(NamedTuple):
    """Where messages are awaited."""

    grpc: str
    http: str


class Told:
    """Passes on what is told, and remembers its errors: one refusal is seen at several layers, and told of once."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._errors: deque[str] = deque(maxlen=ERRORS_REMEMBERED_MAX)

    def __call__(self, arrival: Arrival) -> None:
        """Tell of a call."""
        if arrival.error:
            self._errors.append(arrival.error[:MESSAGE_TOO_LARGE_CHARACTERS])
        self._tell(arrival)

    def refused(self, transport: Transport, error: str) -> None:
        """Tell of a call that never got as far as the service, unless the service has told of it."""
        if error not in self._errors:
            self(Arrival("check", transport, _NO_DOCUMENT, error=error))


class _TellingCalls(Calls):
    """The admission of gRPC calls, which tells of what it refuses before the service sees it."""

    def __init__(self, ground: Ground, told: Told) -> None:
        super().__init__(ground.metrics)
        self._told = told

    def _refuse(self, context: grpc.ServicerContext, code: grpc.StatusCode, text: str) -> NoReturn:
        self._told.refused("HTTP" if str(context.peer()).startswith("unix:") else "gRPC", text)
        super()._refuse(context, code, text)


def _telling_of_refusals(app: ASGIApp, told: Told) -> ASGIApp:
    """Return the gateway, which tells of what it refuses itself."""

    async def telling(scope: Scope, receive: Receive, send: Send) -> None:
        status = 0
        body = b""

        async def sent(message: Message) -> None:
            nonlocal status, body
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body" and status >= FAILED_STATUS_MIN:
                body += message.get("body", b"")
            await send(message)

        await app(scope, receive, sent)
        if body:
            answer = orjson.loads(body)
            told.refused("HTTP", answer.get("err_msg") or answer.get("error") or f"HTTP {status}")

    return telling


class _Gateway:
    """The HTTP side, in a thread."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        config = uvicorn.Config(app, http="httptools", lifespan="off", access_log=False, log_config=None)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="gateway", daemon=True)
        self._thread.start()
        give_up = time.monotonic() + START_MAX_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > give_up:
                raise OSError("the HTTP side did not start")
            time.sleep(0.01)

    def stop(self) -> None:
        """Let requests in flight finish, and end."""
        self._server.should_exit = True
        self._thread.join()


@contextlib.contextmanager
def listening(
    ground: Ground, tell: Tell, *, grpc_address: str, http_address: str, credentials: grpc.ServerCredentials | None
) -> Iterator[Endpoints]:
    """Answer at both addresses (port 0 takes a free one) as long as the context lasts. Raises OSError.

    `tell` is called from the threads that answer.
    """
    told = Told(tell)
    with contextlib.ExitStack() as stack:
        private = Path(tempfile.mkdtemp(prefix="precheck-"))
        stack.callback(shutil.rmtree, private, ignore_errors=True)
        calls = _TellingCalls(ground, told)
        stations, gateways = (
            GrpcServer(threads=THREADS, calls_in_flight_max=CALLS_IN_FLIGHT_MAX, reflect=False) for _ in range(2)
        )
        stations.add(Precheck(ground.service("gRPC", told), calls))
        gateways.add(
            Precheck(ground.service("HTTP", told), calls),
            Operations(ground.packs, ground.dictionaries, ground.metrics, calls, tuple),
        )
        port = stations.listen(grpc_address, credentials)
        inner = f"unix:{private / 'grpc.sock'}"
        gateways.listen(inner)
        for server in (stations, gateways):
            server.start()
            stack.callback(server.stop, STOP_GRACE_S, lambda: 0)
        listener = stack.enter_context(_listener(http_address))
        gateway = _Gateway(_telling_of_refusals(make_app([(inner, inner)]), told), listener)
        stack.callback(gateway.stop)
        http_port = listener.getsockname()[1]
        yield Endpoints(f"{_host(grpc_address)}:{port}", f"{_host(http_address)}:{http_port}")


def _host(address: str) -> str:
    return address.rpartition(":")[0]


def _listener(address: str) -> socket.socket:
    host = _host(address).strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, int(address.rpartition(":")[2])), family=family)
