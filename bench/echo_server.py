"""The floor of the whole call: the server's own gRPC construction, with nothing behind it.

Same threads, options and message types; the request is parsed, and a prepared response with the same fields and the
same number of bytes as a real one is built and returned. Run as `python -m bench.echo_server FILE THREADS CAP`, where
FILE is JSON: for the beginning of each document, its response.
"""

import json
import signal
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any, NamedTuple

from precheck.v1 import check_pb2, check_pb2_grpc

from bench.measure import settle
from server.grpc_service import GrpcServer

KEY_BYTES = 80
"""So much of a document tells the documents apart: the message id is among it."""


class Prepared(NamedTuple):
    """A response before it is built."""

    answer: bytes
    verdict: int
    completeness: int
    check_id: str
    revision: str


class Echo(check_pb2_grpc.PrecheckServicer):
    """precheck.v1.Precheck with prepared answers."""

    def __init__(self, responses: dict[bytes, Prepared]) -> None:
        self._responses = responses

    def CheckDocument(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the signature of the RPC
        """Return the prepared answer to a document."""
        prepared = self._responses[request.document[:KEY_BYTES]]
        return check_pb2.CheckDocumentResponse(
            answer=prepared.answer,
            verdict=prepared.verdict,
            completeness=prepared.completeness,
            check_id=prepared.check_id,
            revision=prepared.revision,
        )


def main() -> None:
    """Serve until stdin ends."""
    file, threads, cap = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    responses = {
        b64decode(key): Prepared(b64decode(answer), *rest)
        for key, (answer, *rest) in json.loads(Path(file).read_bytes()).items()
    }
    server = GrpcServer(threads=int(threads), calls_in_flight_max=int(cap), reflect=False)
    server.add(Echo(responses))
    port = server.listen("127.0.0.1:0")
    server.start()
    settle()
    print(f"echo serving grpc=127.0.0.1:{port}", flush=True)
    sys.stdin.read()
    server.stop(1.0, lambda: 0)


if __name__ == "__main__":
    main()
