"""`precheck serve`: the start and the end of a server.

Start: lock the data directory -> one worker in this process, or several of their own -> HTTP gateway -> say so.
End (SIGTERM, SIGINT): health says NOT_SERVING -> the gateway stops taking requests -> gRPC lets calls in flight
finish -> the store closes. Several workers do each step together.
SIGHUP reads the settings anew, loads the dictionary and activates the packs that they name.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import structlog

from server.settings import Settings, SettingsSource
from server.supervisor import Workers, reserved
from server.worker import Place, Signals, StartError, Targets, Worker, targets_of

log = structlog.get_logger("precheck.serve")

GATEWAY_STOP_MAX_S = 4.0
GATEWAY_RESTART_WAIT_S = 1.0
HTTP_BIND_WAIT_S = 5.0
"""After a kill, the old gateway may hold the port until it has noticed; so long is waited for it."""


class Addresses(NamedTuple):
    """Where a started server listens."""

    grpc: str
    http: str


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the data directory for this server alone. Raises StartError where another server has it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise StartError(f"data directory {folder}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(f"data directory {folder} is in use by another server") from None
        yield


def _listening_socket(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    give_up = time.monotonic() + HTTP_BIND_WAIT_S
    while True:
        try:
            listener.bind((host, int(port)))
        except OSError as error:
            if time.monotonic() < give_up:
                time.sleep(0.1)
                continue
            listener.close()
            raise StartError(f"cannot listen on http {address}: {error.strerror or error}") from error
        listener.listen(1024)
        return listener


class _Gateway:
    """The gateway process, kept alive."""

    def __init__(self, listener: socket.socket, targets: Sequence[Targets], allowed_origins: Sequence[str]) -> None:
        self._listener = listener
        self._origins = ",".join(allowed_origins)
        self._targets = [target for pair in targets for target in pair]
        self._stopping = threading.Event()
        self._process = self._spawn()
        self._watch = threading.Thread(target=self._keep_alive, name="gateway-watch", daemon=True)
        self._watch.start()

    def _spawn(self) -> subprocess.Popen[bytes]:
        descriptor = self._listener.fileno()
        command = [sys.executable, "-m", "server.gateway", str(descriptor), self._origins, *self._targets]
        return subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, pass_fds=(descriptor,), start_new_session=True
        )

    def _keep_alive(self) -> None:
        while True:
            code = self._process.wait()
            if self._stopping.wait(0 if self._stopping.is_set() else GATEWAY_RESTART_WAIT_S):
                return
            log.error("gateway ended; starting it again", returncode=code)
            self._process = self._spawn()

    def stop(self) -> None:
        """Let requests in flight finish, then end the process."""
        self._stopping.set()
        self._listener.close()
        self._process.terminate()
        try:
            self._process.wait(GATEWAY_STOP_MAX_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(source: SettingsSource, ready: Callable[[Addresses, str], None]) -> None:
    """Run a server until it is told to stop.

    `ready` is called with the addresses and the revision when everything answers. Raises SettingsError, StartError,
    ActivationError, ProfileError, StoreError or OSError where it cannot start.
    """
    settings = source.read()
    signals = Signals()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_locked(Path(settings.data)))
        private = Path(tempfile.mkdtemp(prefix="precheck-"))
        stack.callback(shutil.rmtree, private, ignore_errors=True)
        run = _several if settings.workers > 1 else _one
        run(source, settings, private, signals, ready, stack)
    log.info("stopped")


Run = Callable[[Addresses, str], None]


def _one(
    source: SettingsSource,
    settings: Settings,
    private: Path,
    signals: Signals,
    ready: Run,
    stack: contextlib.ExitStack,
) -> None:
    """Answer in this process."""
    worker = Worker(source, Place(0, 1, settings.grpc, str(private)))
    stack.callback(worker.close)
    address = f"{settings.grpc.rpartition(':')[0]}:{worker.port}"
    _open_gateway(settings, address, worker.revision, [targets_of(private, 0)], ready, stack)
    signals.wait(worker.reload)
    worker.drain()


def _several(
    source: SettingsSource,
    settings: Settings,
    private: Path,
    signals: Signals,
    ready: Run,
    stack: contextlib.ExitStack,
) -> None:
    """Let workers answer, each in a process of its own."""
    address = stack.enter_context(reserved(settings.grpc))
    workers = Workers(source, address, private, settings.workers)
    stack.callback(workers.close)
    _open_gateway(settings, address, workers.revision, workers.targets, ready, stack)
    signals.wait(lambda: workers.signal(signal.SIGHUP), workers.look)
    workers.drain()


def _open_gateway(
    settings: Settings,
    address: str,
    revision: str,
    targets: Sequence[Targets],
    ready: Run,
    stack: contextlib.ExitStack,
) -> None:
    """Open the HTTP side and say that everything answers."""
    listener = _listening_socket(settings.http)
    addresses = Addresses(address, f"{settings.http.rpartition(':')[0]}:{listener.getsockname()[1]}")
    stack.callback(_Gateway(listener, targets, settings.allowed_origins).stop)
    log.info("serving", grpc=addresses.grpc, http=addresses.http, revision=revision, pid=os.getpid())
    ready(addresses, revision)
