"""What a network and a server can do to a call, and what the call must come to: the fault matrix, as data.

Each fault is a function that runs it; the table that vendors read is made from the same data
(docs/reference/c-client.md): `python -m tests.abi.faults` prints it, tests/abi/test_faults.py compares it.
"""

import contextlib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.abi.certificates import NAME
from tests.abi.servers import (
    DATA,
    END_HEADERS,
    GOAWAY,
    HEADERS,
    OK_HEADERS,
    PASSED,
    PING,
    RST_STREAM,
    SETTINGS,
    RawConnection,
    ServerProcess,
    black_hole,
    frame,
    free_port,
    grpc_message,
    grpc_server,
    headers,
    raw_server,
    reply,
    server_credentials,
    tarpit,
)

HELLO = frame(SETTINGS, 0, 0)
DRIP_S = 0.05
MANY = 20_000
"""Bytes that are more than a frame or a list of headers may have."""
ANSWER_BYTES_MAX = 4096
"""What the clients of the matrix accept."""
STALL_S_MAX = 20


@dataclass(frozen=True)
class Fault:
    """One row of the matrix. Results are without PCK_; None where the fault makes no sense on that transport."""

    name: str
    run: Callable
    plain: str | None
    tls: str | None
    backup: str = "PASS"
    warm: bool = False
    """It strikes a connection that has served a call."""
    cable: bool = False
    """It needs a network whose packets can be dropped at any moment."""

    def expected(self, transport):
        """Return the result on "plain" or "tls" with this server alone; None where it makes no sense."""
        return getattr(self, transport)


class Scene:
    """Where a fault plays: the transport, and what one needs to run it."""

    def __init__(self, *, tls, certificates, namespace):
        self.tls = tls
        self.certificates = certificates
        self.namespace = namespace

    @property
    def pair(self):
        """The certificate of a good server."""
        return self.certificates.server if self.tls else None

    def station(self):
        """The options of a client on this transport."""
        return {"tls_ca_file": self.certificates.ca, "tls_server_name": NAME} if self.tls else {}

    def raw(self, handle):
        """A server by hand, behind TLS if that is the transport."""
        if not self.tls:
            return raw_server(handle)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{self.pair}.pem", f"{self.pair}.key")
        context.set_alpn_protocols(["h2"])
        return raw_server(handle, context)

    def good(self, *, name="server", ask=False):
        """A real gRPC server that does what documents say."""
        authority = self.certificates.ca if ask else None
        secret = server_credentials(getattr(self.certificates, name), authority) if self.tls else None
        return grpc_server(credentials=secret)


# ---- how faults are run: each yields (address, strike), and `strike()` is called before the call that counts ----


def nothing():
    """Strike nowhere: the fault is there from the beginning."""


@contextlib.contextmanager
def refused(_scene):
    yield f"127.0.0.1:{free_port()}", nothing


@contextlib.contextmanager
def dropped(scene):
    """Drop what is sent, in a namespace; where none can be made, a full queue of connections does it for SYNs."""
    if scene.namespace:
        scene.namespace.take()
        try:
            yield f"{scene.namespace.address}:50051", nothing
        finally:
            scene.namespace.give()
    else:
        with black_hole() as address:
            yield address, nothing


@contextlib.contextmanager
def in_namespace(scene):
    """Yield a real server at the other end of a cable."""
    namespace = scene.namespace
    with ServerProcess(host=namespace.address, pair=scene.pair, within=namespace.within) as server:
        yield server, namespace


@contextlib.contextmanager
def cut_off(scene):
    with in_namespace(scene) as (server, namespace), contextlib.ExitStack() as restored:

        def strike():
            namespace.take()
            restored.callback(namespace.give)

        yield server.address, strike


@contextlib.contextmanager
def rebooted(scene, *, comes_back):
    """Kill the server while nothing can be said, so that the client's end stays open; it may start again."""
    with in_namespace(scene) as (server, namespace), contextlib.ExitStack() as started:

        def strike():
            namespace.take()
            server.kill()
            namespace.give()
            if comes_back:
                again = ServerProcess(server.port, host=namespace.address, pair=scene.pair, within=namespace.within)
                started.enter_context(again)

        yield server.address, strike


@contextlib.contextmanager
def stopped(scene):
    with ServerProcess(pair=scene.pair) as server:
        yield server.address, server.stop
        server.resume()


@contextlib.contextmanager
def silent(_scene):
    with tarpit() as (address, _):
        yield address, nothing


def at_the_socket(behave):
    """A server by hand below TLS: `behave(connection)` has the bare connection."""

    @contextlib.contextmanager
    def run(_scene):
        with raw_server(lambda connection, _: behave(connection)) as (_, address):
            yield address, nothing

    return run


def above_tls(behave):
    """A server by hand above TLS: `behave(connection)` has a connection on which nothing was said yet."""

    @contextlib.contextmanager
    def run(scene):
        with scene.raw(lambda connection, _: behave(connection)) as (_, address):
            yield address, nothing

    return run


def answers(*pieces, then="linger"):
    """A server by hand that says `pieces` once it has a request; a function makes a piece of the stream's number."""

    def behave(connection):
        connection.send(HELLO)
        while True:
            stream, _ = connection.read_request()
            for piece in pieces:
                connection.send(piece(stream) if callable(piece) else piece)
            if then == "reset":
                connection.reset()
            if then != "go on":
                break
        if then == "linger":
            connection.linger()

    return above_tls(behave)


def good_server(**how):
    """A real server, with the certificate or the question that is the fault."""

    @contextlib.contextmanager
    def run(scene):
        with scene.good(**how) as (_, address):
            yield address, nothing

    return run


@contextlib.contextmanager
def other_transport(scene):
    """A server that speaks plaintext where TLS is spoken, and the reverse."""
    other = Scene(tls=not scene.tls, certificates=scene.certificates, namespace=None)
    with other.good() as (_, address):
        yield address, nothing


# ---- what servers by hand do ----


def wait_for(connection):
    """Read until the client gives up."""
    with contextlib.suppress(OSError):
        connection.linger()


def drip(data):
    """Send one byte after the other, slowly, and then nothing."""

    def behave(connection):
        connection.read_request()
        for byte in data:
            connection.send(bytes([byte]))
            time.sleep(DRIP_S)
        wait_for(connection)

    return behave


def flood(piece):
    def behave(connection):
        end = time.monotonic() + STALL_S_MAX
        connection.send(HELLO)
        while time.monotonic() < end:
            connection.send(piece)

    return behave


def first_flight(scene, connection, part):
    """Answer a ClientHello by the first `part` of the bytes that a server would."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{scene.pair}.pem", f"{scene.pair}.key")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(connection.sock.recv(65536))
    with contextlib.suppress(ssl.SSLWantReadError):
        session.do_handshake()
    flight = outgoing.read()
    connection.send(flight[: int(len(flight) * part)])


def alerts(connection):
    """Send warning alerts in the clear, which need no key and which TLS passes over, as fast as they are taken."""
    end = time.monotonic() + STALL_S_MAX
    connection.sock.recv(65536)
    while time.monotonic() < end:
        connection.send(b"\x15\x03\x03\0\x02\x01\x5a" * 5_000)


def in_the_handshake(then):
    @contextlib.contextmanager
    def run(scene):
        def handle(connection, _):
            first_flight(scene, connection, 0.5)
            then(connection)

        with raw_server(handle) as (_, address):
            yield address, nothing

    return run


def close(connection):
    connection.sock.close()


def reset(connection):
    """Reset once something has come: an RST before that might still meet the connecting."""
    connection.sock.recv(1)
    connection.reset()


def greet_and_close(connection):
    connection.send(HELLO)
    connection.sock.recv(10)


def preface_and_reset(connection):
    connection.send(HELLO)
    connection.sock.recv(10)
    connection.reset()


def going_away(last_stream):
    """A GOAWAY that says which stream is the last to be processed."""
    return frame(GOAWAY, 0, 0, last_stream.to_bytes(4, "big") + bytes(4))


def goaway_once():
    """The first connection says GOAWAY to its first request, the others answer."""

    @contextlib.contextmanager
    def run(scene):
        def handle(connection, number):
            connection.send(HELLO)
            while True:
                stream, _ = connection.read_request()
                connection.send(going_away(0) if number == 1 else reply(stream, PASSED))

        with scene.raw(handle) as (_, address):
            yield address, nothing

    return run


def trailers_only(**fields):
    return lambda stream: headers(stream, {**OK_HEADERS, **fields}, end=True)


def long_headers(stream):
    """More headers than were allowed, in frames of a size that was: one HEADERS and its CONTINUATIONs."""
    fields = b"".join(b"\0\7x-%05d\x7f\x80\x01" % number + b"v" * 255 for number in range(MANY // 20))
    first, *rest = (fields[at : at + 16_000] for at in range(0, len(fields), 16_000))
    frames = frame(HEADERS, 0, stream, b"\x88" + first)
    return frames + b"".join(
        frame(9, END_HEADERS if number == len(rest) else 0, stream, piece) for number, piece in enumerate(rest, 1)
    )


def half_reply(stream):
    return headers(stream, OK_HEADERS) + frame(DATA, 0, stream, grpc_message(b"a" * 10, length=1000))


def no_trailers(stream):
    return headers(stream, OK_HEADERS) + frame(DATA, 0, stream, PASSED)


# ---- the matrix ----

FAULTS = (
    # Connecting.
    Fault("nothing listens", refused, "E_UNREACHABLE", "E_UNREACHABLE"),
    Fault("packets are dropped", dropped, "E_TIMEOUT", "E_TIMEOUT"),
    Fault("accepted and never answered", silent, "E_TIMEOUT", "E_TIMEOUT"),
    Fault("closed when accepted", at_the_socket(close), "E_UNREACHABLE", "E_TLS"),
    Fault("reset at the first byte", at_the_socket(reset), "E_UNREACHABLE", "E_TLS"),
    # TLS.
    Fault("silence in the middle of the handshake", in_the_handshake(wait_for), None, "E_TIMEOUT"),
    Fault("closed in the middle of the handshake", in_the_handshake(close), None, "E_TLS"),
    Fault("reset in the middle of the handshake", in_the_handshake(RawConnection.reset), None, "E_TLS"),
    Fault("warning alerts without end in place of the handshake", at_the_socket(alerts), None, "E_TIMEOUT"),
    Fault("silence after the handshake", above_tls(wait_for), None, "E_TIMEOUT"),
    Fault("a certificate of another authority", good_server(name="foreign"), None, "E_TLS"),
    Fault("a certificate for another name", good_server(name="other_name"), None, "E_TLS"),
    Fault("a certificate that expired", good_server(name="expired"), None, "E_TLS"),
    Fault("a certificate that is not valid yet", good_server(name="future"), None, "E_TLS"),
    Fault("the station's certificate is asked for, and it has none", good_server(ask=True), None, "E_TLS"),
    Fault("the server speaks TLS, the station does not", other_transport, "E_UNREACHABLE", None),
    Fault("the station speaks TLS, the server does not", other_transport, None, "E_TLS"),
    # The server.
    Fault("the process is stopped (SIGSTOP)", stopped, "E_TIMEOUT", "E_TIMEOUT", warm=True),
    Fault("the cable is cut during the connection", cut_off, "E_TIMEOUT", "E_TIMEOUT", warm=True, cable=True),
    Fault(
        "half-open: the server died unheard, and is gone",
        lambda scene: rebooted(scene, comes_back=False),
        "E_UNREACHABLE",
        "E_UNREACHABLE",
        warm=True,
        cable=True,
    ),
    Fault(
        "half-open: the server died unheard, and is back",
        lambda scene: rebooted(scene, comes_back=True),
        "PASS",
        "PASS",
        warm=True,
        cable=True,
    ),
    Fault(
        "it says that it is unavailable",
        answers(trailers_only(**{"grpc-status": "14"})),
        "E_UNAVAILABLE",
        "E_UNAVAILABLE",
    ),
    Fault(
        "it says that the fault is its own",
        answers(trailers_only(**{"grpc-status": "13"})),
        "E_SERVER",
        "E_SERVER",
    ),
    # Closing at every point, and resetting.
    Fault("closed in the middle of the request", above_tls(greet_and_close), "E_UNREACHABLE", "E_UNREACHABLE"),
    Fault("reset in the middle of the request", above_tls(preface_and_reset), "E_UNREACHABLE", "E_UNREACHABLE"),
    Fault("closed after the request", answers(then="close"), "E_UNREACHABLE", "E_UNREACHABLE"),
    Fault("reset after the request", answers(then="reset"), "E_UNREACHABLE", "E_UNREACHABLE"),
    Fault(
        "closed after the headers",
        answers(lambda s: headers(s, OK_HEADERS), then="close"),
        "E_UNREACHABLE",
        "E_UNREACHABLE",
    ),
    Fault("closed in the middle of the reply", answers(half_reply, then="close"), "E_UNREACHABLE", "E_UNREACHABLE"),
    Fault("reset in the middle of the reply", answers(half_reply, then="reset"), "E_UNREACHABLE", "E_UNREACHABLE"),
    Fault("closed before the trailers", answers(no_trailers, then="close"), "E_UNREACHABLE", "E_UNREACHABLE"),
    Fault(
        "the stream is reset",
        answers(lambda s: frame(RST_STREAM, 0, s, (2).to_bytes(4, "big"))),
        "E_UNREACHABLE",
        "E_UNREACHABLE",
    ),
    Fault(
        "the stream is refused, each time",
        answers(lambda s: frame(RST_STREAM, 0, s, (7).to_bytes(4, "big"))),
        "E_UNREACHABLE",
        "E_UNREACHABLE",
    ),
    # Going away.
    Fault("GOAWAY, and the call was not processed", goaway_once(), "PASS", "PASS"),
    Fault("GOAWAY, and no call is ever processed", answers(going_away(0)), "E_UNREACHABLE", "E_UNREACHABLE"),
    Fault("GOAWAY, and the call is processed", answers(lambda s: going_away(s) + reply(s, PASSED)), "PASS", "PASS"),
    Fault(
        "GOAWAY, and the connection ends before the answer",
        answers(going_away, then="close"),
        "E_UNREACHABLE",
        "E_UNREACHABLE",
    ),
    # What comes is not right.
    Fault("garbage instead of HTTP/2", answers(b"\xff" * 1000), "E_BAD_REPLY", "E_BAD_REPLY"),
    Fault("HTTP/1", answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "E_BAD_REPLY", "E_BAD_REPLY"),
    Fault(
        "a frame larger than was allowed",
        answers(lambda s: frame(DATA, 0, s, bytes(MANY))),
        "E_BAD_REPLY",
        "E_BAD_REPLY",
    ),
    Fault("more headers than were allowed", answers(long_headers), "E_BAD_REPLY", "E_BAD_REPLY"),
    Fault(
        "an answer larger than `max_answer_bytes`",
        answers(lambda s: headers(s, OK_HEADERS) + frame(DATA, 0, s, grpc_message(bytes(ANSWER_BYTES_MAX + 1))[:8000])),
        "E_ANSWER_LIMIT",
        "E_ANSWER_LIMIT",
        backup="E_ANSWER_LIMIT",
    ),
    Fault(
        "trailers without a message",
        answers(trailers_only(**{"grpc-status": "0"})),
        "E_BAD_REPLY",
        "E_BAD_REPLY",
    ),
    Fault(
        "no `grpc-status`",
        answers(lambda s: no_trailers(s) + headers(s, {"x": "y"}, end=True)),
        "E_BAD_REPLY",
        "E_BAD_REPLY",
    ),
    Fault(
        "no trailers at all",
        answers(lambda s: headers(s, OK_HEADERS) + frame(DATA, 1, s, PASSED)),
        "E_BAD_REPLY",
        "E_BAD_REPLY",
    ),
    # What comes has no end.
    Fault("one byte each 50 ms", above_tls(drip(HELLO + reply(1, PASSED))), "E_TIMEOUT", "E_TIMEOUT"),
    Fault(
        "a flood of frames that are no answer",
        above_tls(flood(frame(PING, 1, 0, bytes(8)) * 500)),
        "E_TIMEOUT",
        "E_TIMEOUT",
    ),
)


def row(fault):
    """Return a fault's row of the table in the reference."""
    results = [f"`PCK_{code}`" if code else "" for code in (fault.plain, fault.tls, fault.backup)]
    return f"| {' | '.join([fault.name, *results])} |"


def table():
    """Return the table of the reference."""
    head = ["| what happens | plaintext | TLS | with a good backup |", "|---|---|---|---|"]
    return "\n".join([*head, *map(row, FAULTS)]) + "\n"


if __name__ == "__main__":
    print(table())
