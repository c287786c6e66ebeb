"""Write the first inputs of the fuzz targets, out of real messages: `python native/fuzz/seeds.py FOLDER`.

A real gRPC server answers real calls of the library through a relay that keeps what the server sent; the messages in
it are those of the service's own protobuf classes.
"""

import contextlib
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from precheck.v1 import check_pb2, check_pb2_grpc

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from client_shim import Client
from client_shim.client import ClientError
from native.fuzz.tls_seeds import tls_seeds

NOTHING, CLOSED, LOST, TIME, CANCEL, FULL, DATA = 0, 1, 2, 3, 4, 5, 8
"""The operations of platform_fuzz.h."""
PIECE_BYTES_MAX = (255 - DATA) * 2 + 1

RESPONSES = (
    check_pb2.CheckDocumentResponse(
        answer=b'{"verdict":"PASS"}', verdict=0, completeness=1, check_id="01AR", revision="n@7"
    ),
    check_pb2.CheckDocumentResponse(answer="违规".encode() * 20, verdict=2, completeness=2),
    check_pb2.CheckDocumentResponse(answer=b"why", completeness=3),
    check_pb2.CommitResponse(committed_lines=3, history_position=2**40),
    check_pb2.FeedbackResponse(answer=b'{"recorded":1}', recorded=1, unmatched=2),
)


class Seeder(check_pb2_grpc.PrecheckServicer):
    """Answers a document by its first byte: a response's number, or a failure."""

    def CheckDocument(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - gRPC's name
        """Answer, or abort where there is no response of that number."""
        number = request.document[0] - ord("0")
        if number >= len(RESPONSES):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "字段 `gend` 100%")
        return RESPONSES[number]

    def Commit(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        """Answer."""
        return RESPONSES[3]

    def Feedback(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        """Answer."""
        return RESPONSES[4]


@contextlib.contextmanager
def relay(port: int) -> Iterator[tuple[str, list[bytes]]]:
    """Pass one connection on to a port; yield the address to call, and what came back over it."""
    came: list[bytes] = []

    def carry(source: socket.socket, target: socket.socket, *, keep: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE_BYTES_MAX):
                if keep:
                    came.append(piece)
                target.sendall(piece)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            inner, _ = listener.accept()
            with inner, socket.create_connection(("127.0.0.1", port)) as outer:
                back = threading.Thread(target=carry, args=(outer, inner), kwargs={"keep": True})
                back.start()
                carry(inner, outer, keep=False)
                back.join()

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", came
        thread.join()


def pieces(data: bytes) -> bytes:
    """Return bytes as operations that bring them in."""
    made = b""
    while data:
        size = min(len(data), PIECE_BYTES_MAX)
        size -= 1 - size % 2
        made += bytes([(size - 1) // 2 + DATA]) + data[:size]
        data = data[size:]
    return made


def conversations(port: int) -> Iterator[bytes]:
    """Yield what a server sends in calls of every kind."""
    for document in (b"0", b"1", b"2", b"9"):
        with relay(port) as (address, came), Client(address, deadline_ms=10_000) as client:
            client.check(document)
            client.close()
        yield b"".join(came)
    with relay(port) as (address, came), Client(address, deadline_ms=10_000) as client:
        client.check(b"0")
        client.commit(b"0")
        client.feedback(b"0")
        with contextlib.suppress(ClientError):
            client.void("p", "e")
        client.close()
    yield b"".join(came)


@contextlib.contextmanager
def seeder() -> Iterator[int]:
    """Run the server; yield its port."""
    server = grpc.server(futures.ThreadPoolExecutor(2))
    check_pb2_grpc.add_PrecheckServicer_to_server(Seeder(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()


def http2_seeds() -> Iterator[bytes]:
    """Yield inputs of fuzz_http2: choices, then operations."""
    with seeder() as port:
        talks = list(conversations(port))
    for talk in talks:
        for choice in (0, 1, 0x8E):
            yield bytes([choice, 0, 0]) + pieces(talk)
            yield bytes([choice, 0xE4, 9]) + bytes([LOST]) + pieces(talk)
            half = len(talk) // 2
            for operation in (NOTHING, CLOSED, LOST, TIME, CANCEL, FULL):
                yield bytes([choice, 3, 50]) + pieces(talk[:half]) + bytes([operation]) + pieces(talk[half:])


def grpc_seeds() -> Iterator[bytes]:
    """Yield inputs of fuzz_grpc: headers and data."""

    def header(kind: int, value: bytes) -> bytes:
        return bytes([kind, len(value)]) + value

    def data(piece: bytes) -> bytes:
        return bytes([0x40 + len(piece)]) + piece

    first = header(0, b"200") + header(1, b"application/grpc")
    for response in RESPONSES:
        message = response.SerializeToString()
        framed = b"\0" + len(message).to_bytes(4, "big") + message
        yield first + b"".join(data(framed[at : at + 50]) for at in range(0, len(framed), 50)) + header(2, b"0")
        yield first + b"".join(data(framed[at : at + 1]) for at in range(len(framed))) + header(2, b"0")
    yield first + header(2, b"3") + header(3, b"%E7%BC%BA%E5%B0%91 100%")
    yield header(0, b"503") + header(4, b"x")


def wire_seeds() -> Iterator[bytes]:
    """Yield inputs of fuzz_wire: a choice of kinds, then a message."""
    for response in RESPONSES:
        for kinds in range(6):
            yield bytes([kinds]) + response.SerializeToString()
    yield b"\0" + b"\x98\x06\x07\x18\x02\x10\x02\xa2\x06\x03abc\xa5\x06abcd\xa1\x06abcdefgh\x22\x01c"


def intake_seeds() -> Iterator[bytes]:
    """Yield inputs of fuzz_intake: a choice, then what a caller gives."""
    for servers in (
        "10.1.2.3:50051,[fd00::1]:50051",
        " 1.2.3.4:1 , [::]:65535 ",
        "localhost:1",
        "[::ffff:1.2.3.4]:1",
        "",
    ):
        yield b"\0" + servers.encode()
    for text in ("门诊-3", "a\x7fb\n", "\U00020000", "x" * 300):
        yield b"\1" + text.encode()
    yield b"\1\xed\xa0\x80\xc0\x80\xf4\x90\x80\x80"
    yield b"\2" + bytes(48)
    yield (
        b"\2"
        + bytes([48, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0])
        + bytes(12)
        + b"\1" * 16
        + bytes(40)
    )


def text_seeds() -> Iterator[bytes]:
    """Yield inputs of fuzz_text: a direction, then text."""
    for text in ("", "abc", "诊断: 高血压", "\U0002f800𠀀x", "\ufeff带标记", "é" * 100, "x" * 1500):
        yield b"\0" + text.encode("utf-16-le")
        yield b"\1" + text.encode()
    yield b"\0\x00\xd8\x00\x00"
    yield b"\1\xed\xa0\x80"


def flat_seeds() -> Iterator[bytes]:
    """Yield inputs of fuzz_flat: choices, then a text in one of the two forms."""
    options = (
        "servers=10.1.2.3:50051,10.1.2.4:50051;station_id=ward-3;deadline_ms=500",
        " servers = [fd00::1]:1 ; max_answer_bytes=1000000;idle_ms=4294967295;profile=门诊",
        "deadline_ms=1;deadline_ms=2",
        "tls_ca_file=x;tls_cert_file=y;tls_key_file=z;tls_server_name=n;servers=1.1.1.1:1",
    )
    for text in (*options, "{}", "1,2 , 3", "*", '{"trig_scen": "1"}', "诊断"):
        for given in (0, 2):
            yield bytes([given, 100]) + text.encode("gbk")
            yield bytes([given + 1, 60]) + text.encode("utf-16-le")


def behind_tls(folder: Path) -> Iterator[bytes]:
    """Yield inputs of fuzz_tls, which lies in a folder."""
    with seeder() as port:
        yield from tls_seeds(folder / "fuzz_tls", pieces, port)


SEEDS = {
    "http2": http2_seeds,
    "grpc": grpc_seeds,
    "wire": wire_seeds,
    "intake": intake_seeds,
    "text": text_seeds,
    "flat": flat_seeds,
}


def main() -> None:
    """Write all of them, each into a file of its own."""
    (folder,) = (Path(argument) for argument in sys.argv[1:])
    for name, make in {**SEEDS, "tls": lambda: behind_tls(folder.parent.resolve())}.items():
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
        for number, seed in enumerate(make()):
            (folder / name / f"{number:03}").write_bytes(seed)


if __name__ == "__main__":
    main()
