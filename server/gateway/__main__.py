"""Run the gateway on a listening socket that the server opened: `python -m server.gateway FD ORIGINS (TARGET WATCH)...`.

ORIGINS are the web pages that may call, with commas between them. For each worker of the server, TARGET is where checks
go, WATCH where health and metrics are asked for.

Ends when its standard input does: the server holds the other end, so the gateway never outlives it, even a killed
one.
"""

import os
import signal
import sys
import threading

import uvicorn

from server.gateway.app import make_app

DRAIN_MAX_S = 3
CONNECTIONS_MAX = 1_000
"""Connections and requests at once; the next one is answered 503."""


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Serve until told to stop."""
    descriptor, origins, *targets = sys.argv[1:]
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    config = uvicorn.Config(
        make_app(list(zip(targets[::2], targets[1::2], strict=True)), tuple(filter(None, origins.split(",")))),
        fd=int(descriptor),
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        limit_concurrency=CONNECTIONS_MAX,
        timeout_graceful_shutdown=DRAIN_MAX_S,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
