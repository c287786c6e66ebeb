"""Several workers on one port: spawned, watched, started again when one dies, and ended together.

The supervisor answers nobody and holds no data. It keeps the port (bound, not listening) so that the workers, which
listen on it, come and go; while one is away, new connections go to the others.
"""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import structlog

from server import limits
from server.settings import SettingsSource
from server.worker import DRAIN_SIGNAL, NOTICE_S, WAKE_S, Place, Started, StartError, Targets, Task, targets_of

log = structlog.get_logger("precheck.supervisor")

START_MAX_S = 600.0
"""How long a worker may take to answer: the first one may have to compile and test packs."""
RESTART_WAIT_S = 0.5
RESTART_WAIT_MAX_S = 30.0
"""A worker that dies is started again after the former, and after twice as long each time it dies again at once."""
STEADY_S = 60.0
"""A worker that has lived so long starts again as if it had never died."""
STOP_MAX_S = limits.DRAIN_MAX_S + NOTICE_S + 3.0
"""How long a worker may take from SIGTERM to its end; then it is killed."""


@contextlib.contextmanager
def reserved(address: str) -> Iterator[str]:
    """Keep a port for the workers and give it as HOST:PORT. Raises StartError where another server has it.

    Workers share a port by SO_REUSEPORT, which would also let them in beside another server's workers, and split the
    stations between the two: so it is bound once without, to be told.
    """
    host, _, port = address.rpartition(":")
    plain = host.strip("[]")
    family = socket.AF_INET6 if ":" in plain else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((plain, int(port)))
            taken = probe.getsockname()[1]
        with socket.socket(family, socket.SOCK_STREAM) as keeper:
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            keeper.bind((plain, taken))
            yield f"{host}:{taken}"
    except OSError as error:
        raise StartError(f"cannot listen on {address}: {error.strerror or error}") from error


class _Child:
    """One worker's process, over all its lives."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.wait_s = RESTART_WAIT_S
        self.start_at = 0.0

    def spawn(self) -> None:
        """Start the process; `started` waits for its word."""
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "server.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):  # one that died at once says so by what it does not say
            self.process.stdin.write(msgspec.json.encode(self.task) + b"\n")
            self.process.stdin.flush()

    def started(self) -> Started:
        """Wait for the worker's word. Raises StartError with what it said, or that it said nothing."""
        process = self.process
        assert process is not None
        assert process.stdout is not None
        give_up = threading.Timer(START_MAX_S, process.kill)
        give_up.start()
        try:
            line = process.stdout.readline()
        finally:
            give_up.cancel()
        try:
            started = msgspec.json.decode(line, type=Started)
        except msgspec.DecodeError:
            started = Started(error=f"worker {self.task.place.number} ended without a word: {process.wait()}")
        if started.error:
            raise StartError(started.error)
        return started

    def forget(self) -> None:
        """Close what is left of a process that has ended."""
        if self.process is not None:
            for stream in (self.process.stdin, self.process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            self.process.wait()
            self.process = None


class Workers:
    """All workers of one server."""

    def __init__(self, source: SettingsSource, address: str, private: Path, count: int) -> None:
        """Start them: one first, which brings store and packs up to date, then the others together. Raises StartError."""
        self.targets: list[Targets] = [targets_of(private, number) for number in range(count)]
        self.restarts = 0
        self._ending = False
        self._children = [_Child(Task(source, Place(number, count, address, str(private)))) for number in range(count)]
        try:
            first, *others = self._children
            first.spawn()
            self.revision = first.started().revision
            for child in others:
                child.spawn()
            for child in others:
                child.started()
        except BaseException:
            self.close()
            raise

    def look(self) -> None:
        """Start again what has died. Called every moment by the one thread that owns the workers."""
        now = time.monotonic()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self.restarts += 1
                steady = now - child.started_at >= STEADY_S
                child.wait_s = RESTART_WAIT_S if steady else min(RESTART_WAIT_MAX_S, child.wait_s * 2)
                child.start_at = now + child.wait_s
                log.error(
                    "worker ended; starting it again",
                    worker=child.task.place.number,
                    returncode=child.process.returncode,
                    wait_s=child.wait_s,
                )
                child.forget()
            if child.process is None and now >= child.start_at:
                child.spawn()
                threading.Thread(target=self._listen_to, args=(child,), name="worker-start", daemon=True).start()

    def _listen_to(self, child: _Child) -> None:
        try:
            child.started()
        except StartError as error:
            if not self._ending:
                log.exception("worker did not start", worker=child.task.place.number, error=str(error))

    def signal(self, number: int) -> None:
        """Send a signal to every worker that lives."""
        for child in self._children:
            if child.process is not None and child.process.poll() is None:
                child.process.send_signal(number)

    def drain(self) -> None:
        """Have them all say that no new calls should come, and wait until those who watch have had the time to notice."""
        self.signal(DRAIN_SIGNAL)
        time.sleep(WAKE_S + NOTICE_S)

    def close(self) -> None:
        """End them all: each drains where it has not, and is killed if it does not come to an end."""
        self._ending = True
        living = [child.process for child in self._children if child.process is not None]
        for process in living:
            process.terminate()
        give_up = time.monotonic() + STOP_MAX_S
        for process in living:
            try:
                process.wait(max(0.0, give_up - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
        for child in self._children:
            child.forget()
