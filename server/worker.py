"""One answering process: packs, dictionary, store, history and the gRPC service, from its start to its end.

A server with one worker runs it in its own process; with several, the supervisor spawns `python -m server.worker`, one
process each. Workers share the port (the kernel spreads connections over them), the data directory and the store, and
nothing in memory: each follows CURRENT, and learns of the others' commits through the store.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from server import clock, limits
from server.check import CheckService
from server.dictionary.holder import DictionaryHolder
from server.dictionary.reading import DictionaryError
from server.grpc_service import RESOURCE_EXHAUSTED, Calls, GrpcServer, Precheck, credentials_of
from server.history import History
from server.logs import configure_logging
from server.metrics import Metrics
from server.operations import Operations
from server.operations_of_all import OperationsOfAll
from server.packs import ActivationError, Ask, PackHolder, default_paths
from server.packs.retaining import RevisionKeeper
from server.packs.shadow import Task as ShadowTask
from server.packs.shadowing import ShadowKeeper
from server.profile import ProfileError, Profiles
from server.settings import Settings, SettingsSource
from server.stall import StallWatch
from server.store import Store, StoreError, open_store

log = structlog.get_logger("precheck.worker")

WATCH_THREADS = 2
WATCH_CALLS_MAX = 32
"""Calls for health, metrics and status at once."""
NOTICE_S = 0.2
"""Between saying NOT_SERVING and refusing calls, so that watchers of health go elsewhere first."""
WAKE_S = 0.2


class StartError(Exception):
    """The server cannot start. The text says why."""


class Targets(NamedTuple):
    """Where a worker answers this machine: checks, and what watches it. Sockets that only this user can reach."""

    check: str
    watch: str


def targets_of(private: Path, number: int) -> Targets:
    """Return where worker `number` listens in the server's private directory."""
    return Targets(f"unix:{private / f'grpc-{number}.sock'}", f"unix:{private / f'watch-{number}.sock'}")


class Place(msgspec.Struct, frozen=True):
    """A worker's place among the workers of its server."""

    number: int
    workers: int
    grpc: str
    """HOST:PORT; with several workers the port is not 0, and shared."""
    private: str
    """The server's private directory."""


class Worker:
    """Everything of one answering process. Raises StartError, ActivationError, ProfileError, StoreError or OSError."""

    def __init__(self, source: SettingsSource, place: Place) -> None:
        self._source = source
        settings = source.read()
        self._stack = contextlib.ExitStack()
        self._draining = False
        with contextlib.ExitStack() as opening:
            self._open(settings, place, opening)
            self._stack = opening.pop_all()

    def _open(self, settings: Settings, place: Place, stack: contextlib.ExitStack) -> None:
        data = Path(settings.data)
        metrics = Metrics()
        profiles = Profiles(settings.profiles, settings.profile)
        self.packs = PackHolder(data / "packs", trust=settings.pack_trust, metrics=metrics)
        stack.callback(self.packs.cancel)
        self.packs.start(settings.pack, default_paths())
        store = open_store(settings.store, data, durability="power" if settings.durability == "power" else "process")
        stack.callback(store.close)
        store.keep_gaps_in(data)
        self._dictionaries = _dictionaries(settings, metrics, store)
        cache_bytes_max = settings.history_cache_bytes_max // place.workers
        history = History(store, cache_bytes_max, settings.history_cache_age_max_s)
        _add_gauges(metrics, history, store)
        stall = StallWatch(metrics)
        stack.callback(stall.stop)
        self.calls = Calls(metrics)
        self._server = GrpcServer(
            threads=settings.threads,
            calls_in_flight_max=settings.calls_in_flight_max,
            reflect=settings.reflection,
            shares_port=place.workers > 1,
            refused=metrics.refused.labels(RESOURCE_EXHAUSTED).inc,
        )
        private = Path(place.private)
        own = Operations(
            self.packs, self._dictionaries, metrics, self.calls, lambda: self._read_settings().pack, place.number
        )
        others = [targets_of(private, number).watch for number in range(place.workers) if number != place.number]
        of_all = OperationsOfAll(own, others)
        stack.callback(of_all.close)
        if place.number == 0:
            self._keep_shadow(settings, data, metrics, stack)
            keeper = RevisionKeeper(self.packs, store, settings.pack_revisions_retained)
            stack.callback(keeper.stop)
            keeper.start()
        service = CheckService(
            self.packs, profiles, history, store, metrics, self._dictionaries, sheds=settings.store_behind == "shed"
        )
        self._server.add(Precheck(service, self.calls, log_checks=settings.log_checks), of_all)
        self.port = self._server.listen(
            place.grpc, credentials_of(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
        )
        # The gateway comes in by sockets in a directory that only this user can enter, whatever TLS the port asks for.
        targets = targets_of(private, place.number)
        self._server.listen(targets.check)
        # A server that is busy judging is not a dead one: health, metrics and status have threads of their own.
        self._watch = GrpcServer(threads=WATCH_THREADS, calls_in_flight_max=WATCH_CALLS_MAX, reflect=False)
        self._watch.add(None, own)
        self._watch.listen(targets.watch)
        self._server.start()
        stack.callback(self._server.stop, limits.DRAIN_MAX_S, lambda: self.calls.in_flight)
        self._watch.start()
        stack.callback(self._watch.stop, 0.0, lambda: 0)

    def _keep_shadow(self, settings: Settings, data: Path, metrics: Metrics, stack: contextlib.ExitStack) -> None:
        """Have packs in shadow judged beside the checks: by one worker's doing, for all."""
        task = ShadowTask(str(data / "packs"), settings.pack_trust, settings.store, str(data))
        shadow = ShadowKeeper(self.packs, task, metrics)
        stack.callback(shadow.stop)
        shadow.start()

    @property
    def revision(self) -> str:
        """Return the packs in force, as decisions record them."""
        return self.packs.current().revision

    def reload(self) -> None:
        """Follow the settings, read anew, beside the checks and whoever asks: preparing a pack takes a while."""
        threading.Thread(target=self._reload, name="reload", daemon=True).start()

    def _read_settings(self) -> Settings:
        """Return the settings as they are now; whether they could be read is kept for the status. Raises ValueError."""
        try:
            settings = self._source.read()
        except ValueError as error:
            self.packs.settings_error = str(error)
            raise
        self.packs.settings_error = ""
        return settings

    def _reload(self) -> None:
        """Activate the configured packs and load the dictionary.

        A failure of either is logged and kept for the status; then it stays as it is, and the other changes all the
        same. Every worker does this; the packs change once, since what is live already is not made live again.
        """
        try:
            settings = self._read_settings()
        except ValueError as error:
            self._dictionaries.last_error = str(error)
            log.exception("settings not read; packs and dictionary unchanged")
            return
        with contextlib.suppress(DictionaryError):  # `load` has logged and counted it
            self._dictionaries.load(settings.dictionaries)
        with contextlib.suppress(ActivationError):  # `change` has logged and counted it
            self.packs.change(Ask(verb="follow_setting", packs=settings.pack, shipped=default_paths()))

    def drain(self) -> None:
        """Say that no new calls should come, and give those who watch the time to notice. Once; then it does nothing."""
        if self._draining:
            return
        self._draining = True
        log.info("draining", in_flight=self.calls.in_flight)
        self.packs.cancel()
        self._server.drain()
        self._watch.drain()
        time.sleep(NOTICE_S)

    def close(self) -> None:
        """Let calls in flight finish, then close the store."""
        self._stack.close()


def _dictionaries(settings: Settings, metrics: Metrics, store: Store) -> DictionaryHolder:
    """Return the holder with the configured dictionary in it. Raises StartError."""
    dictionaries = DictionaryHolder(metrics, lambda archive: store.keep("dictionary", archive))
    try:
        dictionaries.load(settings.dictionaries, beside_checks=False)
    except DictionaryError as error:
        raise StartError(str(error)) from error
    return dictionaries


def _add_gauges(metrics: Metrics, history: History, store: Store) -> None:
    metrics.gauge("precheck_history_cache_hits", "Histories found in memory.", lambda: history.hits)
    metrics.gauge("precheck_history_cache_misses", "Histories read from the store.", lambda: history.misses)
    metrics.gauge(
        "precheck_unrecorded_seconds",
        "How long answers have been going out without a record; 0: the store answers.",
        lambda: store.gaps.seconds,
    )
    metrics.gauge(
        "precheck_store_lag_seconds",
        "How long the oldest answer or commit that is not in the store yet has been waiting; unrecorded answers until their marker.",
        lambda: max(store.lag_seconds, store.gaps.seconds),
    )
    metrics.gauge(
        "precheck_gap_markers",
        "Markers about unrecorded answers that the chain has got from this process.",
        lambda: store.gaps.markers,
    )
    metrics.gauge("precheck_history_cache_bytes", "What the histories in memory take, reckoned.", history.weight_bytes)


DRAIN_SIGNAL = signal.SIGUSR1
"""How the supervisor tells its workers that the end begins, while the gateway still takes requests."""


class Signals:
    """What the process was told: `stop` by SIGTERM and SIGINT, `reload` by SIGHUP, `drain` by DRAIN_SIGNAL."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.reload = threading.Event()
        self.drain = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: self.stop.set())
        signal.signal(signal.SIGINT, lambda *_: self.stop.set())
        signal.signal(signal.SIGHUP, lambda *_: self.reload.set())
        signal.signal(DRAIN_SIGNAL, lambda *_: self.drain.set())

    def wait(self, reload: Callable[[], None], each: Callable[[], None] = lambda: None) -> None:
        """Return when told to stop; meanwhile reload when told to, and do `each` every WAKE_S at least."""
        while not self.stop.wait(WAKE_S):
            if self.reload.is_set():
                self.reload.clear()
                reload()
            each()


class Task(msgspec.Struct, frozen=True):
    """What the supervisor tells a worker that it spawns: one JSON line on its standard input."""

    source: SettingsSource
    place: Place


class Started(msgspec.Struct, frozen=True):
    """What a spawned worker says when it answers, or why it does not: one JSON line on its standard output."""

    revision: str = ""
    error: str = ""


def _end_with_supervisor() -> None:
    """Stop when the supervisor is gone: it holds the other end of standard input, and a killed one lets go too."""
    while os.read(sys.stdin.fileno(), 1):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


def _say(started: Started) -> None:
    print(msgspec.json.encode(started).decode(), flush=True)


def main() -> int:
    """Run one of several workers until told to stop."""
    configure_logging()
    signals = Signals()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches the supervisor too, which decides
    task = msgspec.json.decode(sys.stdin.readline(), type=Task)
    try:
        worker = Worker(task.source, task.place)
    except (StartError, ActivationError, ProfileError, StoreError, OSError, ValueError) as error:
        _say(Started(error=str(error)))
        return 1
    with contextlib.closing(worker):
        _say(Started(revision=worker.revision))
        log.info(
            "worker answers", worker=task.place.number, revision=worker.revision, pid=os.getpid(), at=str(clock.now())
        )
        threading.Thread(target=_end_with_supervisor, name="supervisor-watch", daemon=True).start()
        signals.wait(worker.reload, lambda: worker.drain() if signals.drain.is_set() else None)
        worker.drain()
    return 0


if __name__ == "__main__":
    sys.exit(main())
