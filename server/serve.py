"""`precheck serve`: everything that makes one running server, its start and its end.

Start: lock the data directory -> prepare the packs -> open store and history -> gRPC -> HTTP gateway -> say so.
End (SIGTERM, SIGINT): health says NOT_SERVING -> the gateway stops taking requests -> gRPC lets calls in flight
finish -> the store closes. SIGHUP reads the settings anew, loads the dictionary and activates the packs that they name.
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

from server import limits
from server.check import CheckService
from server.dictionary.holder import DictionaryHolder
from server.dictionary.reading import DictionaryError
from server.grpc_service import Calls, GrpcServer, Precheck, credentials_of
from server.history import History
from server.metrics import Metrics
from server.operations import Operations
from server.packs import ActivationError, Ask, PackHolder, default_paths
from server.profile import Profiles
from server.settings import Settings
from server.store import Store, open_store

log = structlog.get_logger("precheck.serve")

GATEWAY_STOP_MAX_S = 4.0
GATEWAY_RESTART_WAIT_S = 1.0
WATCH_THREADS = 2
WATCH_CALLS_MAX = 32
"""Calls for health, metrics and status at once."""
HTTP_BIND_WAIT_S = 5.0
"""After a kill, the old gateway may hold the port until it has noticed; so long is waited for it."""
NOTICE_S = 0.2
"""Between saying NOT_SERVING and refusing calls, so that watchers of health go elsewhere first."""


class StartError(Exception):
    """The server cannot start. The text says why."""


class Addresses(NamedTuple):
    """Where a started server listens."""

    grpc: str
    http: str


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the data directory for this process alone. Raises StartError where another server has it."""
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

    def __init__(self, listener: socket.socket, targets: Sequence[str]) -> None:
        self._listener = listener
        self._targets = targets
        self._stopping = threading.Event()
        self._process = self._spawn()
        self._watch = threading.Thread(target=self._keep_alive, name="gateway-watch", daemon=True)
        self._watch.start()

    def _spawn(self) -> subprocess.Popen[bytes]:
        descriptor = self._listener.fileno()
        command = [sys.executable, "-m", "server.gateway", str(descriptor), *self._targets]
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


def serve(settings: Settings, reread: Callable[[], Settings], ready: Callable[[Addresses, str], None]) -> None:
    """Run a server until it is told to stop.

    `reread` returns the settings anew, for SIGHUP; `ready` is called with the addresses and the revision when
    everything answers. Raises StartError, ActivationError, ProfileError, StoreError or OSError where it cannot start.
    """
    stop = threading.Event()
    reload = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: reload.set())
    data = Path(settings.data)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_locked(data))
        metrics = Metrics()
        profiles = Profiles(settings.profiles, settings.profile)
        packs = _packs(settings, data, metrics, stack)
        store = open_store(settings.store, data, durability="power" if settings.durability == "power" else "process")
        stack.callback(store.close)
        dictionaries = _dictionaries(settings, metrics, store)
        history = History(store, settings.history_cache_bytes_max, settings.history_cache_age_max_s)
        _add_gauges(metrics, history)
        calls = Calls(metrics)
        server = GrpcServer(
            threads=settings.threads, calls_in_flight_max=settings.calls_in_flight_max, reflect=settings.reflection
        )
        operations = Operations(packs, dictionaries, metrics, calls, lambda: reread().pack)
        server.add(Precheck(CheckService(packs, profiles, history, store, metrics, dictionaries), calls), operations)
        host = settings.grpc.rpartition(":")[0]
        port = server.listen(
            settings.grpc, credentials_of(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
        )
        # The gateway comes in by sockets in a directory that only this user can enter, whatever TLS the port asks for.
        private = Path(tempfile.mkdtemp(prefix="precheck-"))
        stack.callback(shutil.rmtree, private, ignore_errors=True)
        target = f"unix:{private / 'grpc.sock'}"
        server.listen(target)
        watch_target = f"unix:{private / 'watch.sock'}"
        watch = _watch_server(operations, watch_target)
        server.start()
        watch.start()
        stack.callback(watch.stop, 0.0, lambda: 0)
        stack.callback(server.stop, limits.DRAIN_MAX_S, lambda: calls.in_flight)
        listener = _listening_socket(settings.http)
        addresses = Addresses(f"{host}:{port}", _address_of(listener, settings.http))
        gateway = _Gateway(listener, (target, watch_target))
        stack.callback(gateway.stop)
        log.info(
            "serving", grpc=addresses.grpc, http=addresses.http, revision=packs.current().revision, pid=os.getpid()
        )
        ready(addresses, packs.current().revision)
        while not stop.wait(0.2):
            if reload.is_set():
                reload.clear()
                # Beside this loop: preparing a pack takes a while, and SIGTERM must not wait for it.
                threading.Thread(target=_reload, args=(packs, dictionaries, reread), name="reload", daemon=True).start()
        log.info("draining", in_flight=calls.in_flight)
        packs.cancel()
        server.drain()
        watch.drain()
        time.sleep(NOTICE_S)
    log.info("stopped")


def _packs(settings: Settings, data: Path, metrics: Metrics, stack: contextlib.ExitStack) -> PackHolder:
    """Return the holder that serves what is live and follows it until the end. Raises ActivationError."""
    packs = PackHolder(data / "packs", trust=settings.pack_trust, metrics=metrics)
    stack.callback(packs.cancel)
    packs.start(settings.pack, default_paths())
    return packs


def _dictionaries(settings: Settings, metrics: Metrics, store: Store) -> DictionaryHolder:
    """Return the holder with the configured dictionary in it. Raises StartError."""
    dictionaries = DictionaryHolder(metrics, lambda archive: store.keep("dictionary", archive))
    try:
        dictionaries.load(settings.dictionaries, beside_checks=False)
    except DictionaryError as error:
        raise StartError(str(error)) from error
    return dictionaries


def _watch_server(operations: Operations, target: str) -> GrpcServer:
    """Return a server for health, metrics and status, with threads of its own.

    A server that is busy judging is not a dead one.
    """
    watch = GrpcServer(threads=WATCH_THREADS, calls_in_flight_max=WATCH_CALLS_MAX, reflect=False)
    watch.add(None, operations)
    watch.listen(target)
    return watch


def _address_of(listener: socket.socket, configured: str) -> str:
    return f"{configured.rpartition(':')[0]}:{listener.getsockname()[1]}"


def _add_gauges(metrics: Metrics, history: History) -> None:
    metrics.gauge("precheck_history_cache_hits", "Histories found in memory.", lambda: history.hits)
    metrics.gauge("precheck_history_cache_misses", "Histories read from the store.", lambda: history.misses)
    metrics.gauge("precheck_history_cache_bytes", "What the histories in memory take, reckoned.", history.weight_bytes)


def _reload(packs: PackHolder, dictionaries: DictionaryHolder, reread: Callable[[], Settings]) -> None:
    """Activate the configured packs and load the dictionary, both read anew.

    A failure of either is logged and kept for the status; then it stays as it is, and the other changes all the same.
    """
    try:
        settings = reread()
    except ValueError as error:
        packs.last_error = dictionaries.last_error = str(error)
        log.exception("settings not read; packs and dictionary unchanged")
        return
    with contextlib.suppress(DictionaryError):  # `load` has logged and counted it
        dictionaries.load(settings.dictionaries)
    with contextlib.suppress(ActivationError):  # `change` has logged and counted it
        packs.change(Ask(verb="follow_setting", packs=settings.pack, shipped=default_paths()))
