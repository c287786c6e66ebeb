"""Servers for the tests of the C client: real gRPC ones that do what the document says, and raw HTTP/2 by hand.

`python -m tests.abi.servers HOST:PORT [PAIR]` runs a gRPC one in a process of its own (port 0: any), for tests that
stop or kill it; PAIR is the path of a certificate and its key without `.pem` and `.key`.
"""

import contextlib
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from concurrent import futures
from pathlib import Path

import grpc
from precheck.v1 import check_pb2, check_pb2_grpc

ROOT = Path(__file__).resolve().parents[2]
STARTUP_SECONDS_MAX = 30


class Obedient(check_pb2_grpc.PrecheckServicer):
    """Does what the JSON document asks for, and remembers what it saw.

    `verdict`, `completeness`, `stale`, `answer` or `answer_bytes`; `status` and `message` fail; `sleep_s` waits first.
    Requests without a document carry it in another text.
    """

    def __init__(self):
        self.requests = []
        self.peers = []
        self.metadata = []
        self.seen = threading.Event()

    def _obey(self, request, context, text):
        self.requests.append(request)
        self.peers.append(context.peer())
        self.metadata.append((dict(context.invocation_metadata()), context.time_remaining()))
        self.seen.set()
        wish = json.loads(text or "{}")
        deadline = time.monotonic() + wish.get("sleep_s", 0)
        while time.monotonic() < deadline and context.is_active():
            time.sleep(0.01)
        if "status" in wish:
            context.abort(getattr(grpc.StatusCode, wish["status"]), wish.get("message", "because"))
        return wish

    def CheckDocument(self, request, context):  # noqa: N802 - gRPC's name
        # A document may be padded with anything after its JSON.
        wish = self._obey(request, context, request.document.partition(b"\n")[0])
        answer = wish.get("answer", "").encode() or b"a" * wish.get("answer_bytes", 0)
        return check_pb2.CheckDocumentResponse(
            answer=answer,
            verdict=wish.get("verdict", 0),
            completeness=wish.get("completeness", 1),
            stale=wish.get("stale", False),
            check_id="01ARZ3NDEKTSV4RRFFQ69G5FAV",
            revision="nhsa@7+abc",
        )

    def Commit(self, request, context):  # noqa: N802
        wish = self._obey(request, context, request.document)
        return check_pb2.CommitResponse(committed_lines=wish.get("lines", 0), history_position=wish.get("position", 0))

    def Void(self, request, context):  # noqa: N802
        self._obey(request, context, request.reason)
        return check_pb2.VoidResponse(voided_lines=len(request.order_ids), history_position=2**40)

    def RecentHistoryDocument(self, request, context):  # noqa: N802
        wish = self._obey(request, context, request.since)
        answer = wish.get("answer", "").encode() or b"a" * wish.get("answer_bytes", 0)
        return check_pb2.RecentHistoryDocumentResponse(answer=answer)

    def ReviewStatus(self, request, context):  # noqa: N802
        wish = self._obey(request, context, request.check_id)
        return check_pb2.ReviewStatusResponse(answer=wish.get("answer", "").encode(), state=wish.get("state", 0))

    def Feedback(self, request, context):  # noqa: N802
        wish = self._obey(request, context, request.document)
        return check_pb2.FeedbackResponse(
            answer=wish.get("answer", "").encode(), recorded=wish.get("recorded", 0), unmatched=wish.get("unmatched", 0)
        )


def server_credentials(pair, authority=None):
    """Return the credentials of a server; with `authority` it asks for certificates."""
    files = [(Path(f"{pair}.key").read_bytes(), Path(f"{pair}.pem").read_bytes())]
    root = Path(authority).read_bytes() if authority else None
    return grpc.ssl_server_credentials(files, root_certificates=root, require_client_auth=bool(authority))


@contextlib.contextmanager
def grpc_server(*, host="127.0.0.1", port=0, credentials=None, options=(), servicer=None):
    """Run a server in this process; yields (servicer, "HOST:PORT")."""
    servicer = servicer or Obedient()
    limits = (("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 128 << 20))
    server = grpc.server(futures.ThreadPoolExecutor(8), options=(*limits, *options))
    check_pb2_grpc.add_PrecheckServicer_to_server(servicer, server)
    address = f"{host}:{port}"
    bound = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    try:
        yield servicer, f"{host}:{bound}"
    finally:
        server.stop(0).wait()


class ServerProcess:
    """A gRPC server that can be stopped, continued and killed."""

    def __init__(self, port=0, *, host="127.0.0.1", pair=None, within=()):
        command = [*within, sys.executable, "-m", "tests.abi.servers", f"{host}:{port}", *([pair] if pair else [])]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.address = self._process.stdout.readline().strip()
        self.port = int(self.address.rpartition(":")[2])

    def stop(self):
        """Stop the process; return when every thread of it stands still."""
        self._process.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{self._process.pid}/task")
        while any((task / "stat").read_text().rpartition(")")[2].split()[0] != "T" for task in tasks.iterdir()):
            time.sleep(0.001)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def kill(self):
        self._process.kill()
        self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self._process.stdout.close()


# ---- raw HTTP/2 ----

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def headers(stream, fields, *, end=False):
    """A HEADERS frame of literal fields, so that no HPACK table is needed."""
    block = b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in fields.items()
    )
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block)


def grpc_message(data, *, flag=0, length=None):
    return struct.pack(">BI", flag, len(data) if length is None else length) + data


OK_HEADERS = {":status": "200", "content-type": "application/grpc"}


def reply(stream, body, *, status="0", first=OK_HEADERS, trailers=None):
    """The frames of a whole gRPC reply."""
    last = {"grpc-status": status} if trailers is None else trailers
    return headers(stream, first) + frame(DATA, 0, stream, body) + headers(stream, last, end=True)


PASSED = grpc_message(b"\x18\x01")
"""A CheckDocumentResponse with completeness = COMPLETE: PASS."""


class RawConnection:
    """The server's end of one connection."""

    def __init__(self, sock):
        self.sock = sock
        self._greeted = False
        self._buffer = b""

    def send(self, data):
        self.sock.sendall(data)

    def _take(self, count):
        while len(self._buffer) < count:
            more = self.sock.recv(65536)
            if not more:
                raise ConnectionError("the client closed")
            self._buffer += more
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def reset(self):
        """Close with an RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def linger(self):
        """Read until the client closes: closing with something unread would reset what was sent."""
        while self.sock.recv(65536):
            pass

    def read_request(self):
        """Read until the client ended a stream; return its number and the DATA it carried."""
        if not self._greeted:
            assert self._take(len(PREFACE)) == PREFACE
            self._greeted = True
        data = b""
        while True:
            head = self._take(9)
            payload = self._take(int.from_bytes(head[:3], "big"))
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
            if kind == DATA:
                data += payload
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                return stream, data


@contextlib.contextmanager
def raw_server(handle, tls=None):
    """Run `handle(connection, number)` in a thread for each connection; yields (connections, "127.0.0.1:PORT").

    With `tls`, an SSLContext, it is given connections whose handshake is done.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    connections = []
    threads = []

    def serve(connection, number):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(connection.sock)
            if tls:
                connection.sock = stack.enter_context(tls.wrap_socket(connection.sock, server_side=True))
            handle(connection, number)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                sock.settimeout(STARTUP_SECONDS_MAX)
                connections.append(RawConnection(sock))
                threads.append(threading.Thread(target=serve, args=(connections[-1], len(connections))))
                threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield connections, f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        for thread in (acceptor, *threads):
            thread.join()


def answering(behave):
    """Return a handler that greets, and then gives `behave` the connection for every request, with its numbers.

    Its `requests` are the connections' numbers and the messages. It closes where `behave` returns "close".
    """

    def handle(connection, number):
        connection.send(frame(SETTINGS, 0, 0))
        count = 0
        while True:
            stream, data = connection.read_request()
            count += 1
            requests.append((number, data))
            if behave(connection, number, count, stream) == "close":
                return

    requests = []
    handle.requests = requests
    return handle


def pass_it(connection, stream):
    connection.send(reply(stream, PASSED))


@contextlib.contextmanager
def tarpit(backlog=16):
    """A port that accepts connections and then says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}", listener


@contextlib.contextmanager
def black_hole():
    """A port whose SYN packets are dropped, because the queue of connections is full."""
    with tarpit(backlog=0) as (address, listener), contextlib.ExitStack() as fillers:
        for _ in range(8):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield address


def free_port():
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


if __name__ == "__main__":
    name, _, number = sys.argv[1].partition(":")
    secret = server_credentials(sys.argv[2]) if len(sys.argv) > 2 else None
    with grpc_server(host=name, port=int(number), credentials=secret) as (_, where):
        print(where, flush=True)
        # A test that dies without stopping us shall not leave us behind.
        time.sleep(300)
