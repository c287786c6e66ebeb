"""The server's side of packs in shadow: keeps their process alive while there is anything to judge, and tells what it counted.

Only the first worker of a server does this; a second process on one directory would find the other's lock and end.
"""

import subprocess
import sys
import threading
import time

import msgspec
import structlog

from server.metrics import Metrics
from server.packs.holder import PackHolder
from server.packs.report import rows_by_weight
from server.packs.shadow import Task, has_shadow, read_shadow

log = structlog.get_logger("precheck.packs")

LOOK_S = 1.0
AGAIN_S = 10.0
"""How long after the process ended it is started again."""
STOP_MAX_S = 3.0
ROWS_MEASURED_MAX = 100
"""Rows with a sample of their own in the metrics, those that would interrupt most."""
CHANGES = ("added", "removed", "changed", "popups_added", "popups_removed")


class ShadowKeeper:
    """Starts, watches and ends the process."""

    def __init__(self, packs: PackHolder, task: Task, metrics: Metrics) -> None:
        self._packs = packs
        self._task = task
        self._metrics = metrics
        self._process: subprocess.Popen[bytes] | None = None
        self._start_at = 0.0
        self._updated_at = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shadow-watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the process, and watch no more."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_MAX_S)
        self._end_process()

    def _run(self) -> None:
        while not self._ended.wait(LOOK_S):
            try:
                self._look()
            except Exception:  # a shadow must not end because of one bad look
                log.exception("shadow not looked after")

    def _look(self) -> None:
        in_force = self._packs.in_force()
        if not has_shadow(in_force.current, in_force.packs):
            self._end_process()
            self._forget()
            return
        process = self._process
        if process is not None and process.poll() is not None:
            if process.returncode:
                log.error("shadow ended; starting it again", returncode=process.returncode)
            self._end_process()
            self._start_at = time.monotonic() + AGAIN_S
        if self._process is None and time.monotonic() >= self._start_at:
            self._process = self._spawn()
        self._tell()

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "server.packs.shadow"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - our own module
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(self._task) + b"\n")
        process.stdin.flush()
        return process

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()  # it ends with the server, and so with this
        try:
            process.wait(STOP_MAX_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _tell(self) -> None:
        """Bring the metrics up to what was counted."""
        state = read_shadow(self._packs.directory)
        if state is None or state.updated_at == self._updated_at:
            return
        self._updated_at = state.updated_at
        metrics, tally = self._metrics, state.comparison.tally
        metrics.shadow_decisions.set(tally.decisions)
        metrics.shadow_behind_seconds.set(state.behind_s)
        metrics.shadow_findings.clear()
        metrics.shadow_row_findings.clear()
        for change in CHANGES:
            metrics.shadow_findings.labels(change).set(getattr(tally.all, change))
            for row in rows_by_weight(tally)[:ROWS_MEASURED_MAX]:
                number = getattr(row.count, change)
                if number:
                    metrics.shadow_row_findings.labels(row.pack, row.row_id, change).set(number)

    def _forget(self) -> None:
        if self._updated_at:
            self._updated_at = ""
            for gauge in (self._metrics.shadow_findings, self._metrics.shadow_row_findings):
                gauge.clear()
            self._metrics.shadow_decisions.set(0)
            self._metrics.shadow_behind_seconds.set(0)
