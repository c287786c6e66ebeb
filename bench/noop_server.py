"""A server that does nothing, made of grpcio as the real one is: `python -m bench.noop_server [PAIR AUTHORITY]`.

Every check is answered PASS with ANSWER_BYTES. PAIR is the path of a certificate and its key without `.pem` and `.key`;
with it clients are asked for a certificate of AUTHORITY.
"""

import sys
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from precheck.v1 import check_pb2, check_pb2_grpc

ANSWER_BYTES = 1024
"""As bench/client/measure.h has it."""
ANSWER = check_pb2.CheckDocumentResponse(answer=b"a" * ANSWER_BYTES, completeness=1)


class Noop(check_pb2_grpc.PrecheckServicer):
    """precheck.v1.Precheck with one answer."""

    def CheckDocument(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the signature of the RPC
        """Return it."""
        return ANSWER


def main() -> None:
    """Serve until stdin ends."""
    server = grpc.server(futures.ThreadPoolExecutor(4))
    check_pb2_grpc.add_PrecheckServicer_to_server(Noop(), server)
    if len(sys.argv) > 1:
        pair, authority = sys.argv[1:]
        files = [(Path(f"{pair}.key").read_bytes(), Path(f"{pair}.pem").read_bytes())]
        root = Path(authority).read_bytes()
        secret = grpc.ssl_server_credentials(files, root_certificates=root, require_client_auth=True)
        port = server.add_secure_port("127.0.0.1:0", secret)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"noop serving grpc=127.0.0.1:{port}", flush=True)
    sys.stdin.read()
    server.stop(0).wait()


if __name__ == "__main__":
    main()
