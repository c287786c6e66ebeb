"""The packs in force in this process: it follows CURRENT, and swaps by one reference.

Nothing is compiled, tested or written here. A change is made on files, by this server's preparation process, another
server's, or a command; every process looks at CURRENT each second, compares its content with what it serves, opens what
is new and stores one reference. A check reads that reference once and keeps what it read.
"""

import contextlib
import fcntl
import gc
import math
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import structlog

from ruleset.case import Case
from ruleset.pack.compile import LoadedPack
from ruleset.snapshot import Snapshot
from server import clock
from server.metrics import Metrics
from server.packs.change import Ask, perform, read_outcome, task_text
from server.packs.directory import PackDirectory
from server.packs.lifecycle import Change, Lifecycle, open_verified, read_trust_setting
from server.packs.refusal import ActivationError
from server.packs.standing import require_standing
from server.packs.state import Canary, Current, Revision, raise_marks, with_candidates
from server.packs.status import Status, status_of
from server.packs.takeover import take_over

log = structlog.get_logger("precheck.packs")

POLL_S = 1.0
"""How often CURRENT is compared with what is served: the longest that another process's change stays unseen here."""
RETRY_S = 10.0
"""How long after a CURRENT could not be served whole it is tried again; opening verifies every byte."""
PREPARATION_MAX_S = 600
LETTING_GO_S = 0.0005
"""Between two slices of an old snapshot that is let go: checks run then."""
LET_GO_AT_ONCE = 100
"""Keys of one slice."""


class InForce(NamedTuple):
    """What this process serves: the state that it follows, and the snapshots that it opened for it."""

    current: Current
    live: Snapshot
    canary: Snapshot | None
    packs: tuple[LoadedPack, ...]
    """The live ones, in the order of the snapshot."""


def _days_to_expiry(packs: Iterable[LoadedPack], today: date) -> float:
    return min(((pack.expires - today).days for pack in packs if pack.expires is not None), default=math.nan)


NOTHING = InForce(Current(), Snapshot([]), None, ())


def _departments_of(case: Case) -> set[str]:
    """Return the encounter's department; where none is stated, those of its lines."""
    return {case.encounter.department_code} - {""} or {line.department_code for line in case.lines}


class _CanaryChecks:
    """How many checks a canary has judged in this process; another canary begins at 0."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._canary: Canary | None = None
        self._number = 0

    def count(self, canary: Canary) -> None:
        """Count one check of a canary."""
        with self._lock:
            self._number = self.of(canary) + 1
            self._canary = canary

    def of(self, canary: Canary | None) -> int:
        """Return how many checks a canary has judged."""
        return self._number if canary is not None and canary == self._canary else 0


class PackHolder:
    """Holds the snapshots in force. Publishing is one attribute store."""

    def __init__(self, folder: Path, *, trust: str = "", metrics: Metrics | None = None) -> None:
        """`trust` is the path of the trust file; empty: signatures are not asked for."""
        self.directory = PackDirectory(folder)
        self._trust = trust
        self._metrics = metrics or Metrics()
        self._following = threading.Lock()
        self._in_force = NOTHING
        self._marks: dict[str, int] = {}
        """The highest revisions that were live while this process has run: nobody can take these back by writing files."""
        self._seen: bytes | None = None
        self._retry_at: float | None = None
        self._held: dict[Path, BinaryIO] = {}
        self.activated_at: datetime | None = None
        self.last_error = ""
        """Why this process does not serve what CURRENT says; empty where it does."""
        self.settings_error = ""
        """Why the settings could not be read when they were last asked for, so that those before hold; empty where they could."""
        self._trust_error = ""
        self._canary_checks = _CanaryChecks()
        self._preparations: set[subprocess.Popen[bytes]] = set()
        self._ended = threading.Event()
        self._add_gauges()
        self._poll = threading.Thread(target=self._keep_following, name="packs", daemon=True)

    def _add_gauges(self) -> None:
        gauge = self._metrics.gauge
        gauge(
            "precheck_pack_changes",
            "The number of the change of packs that this process serves.",
            lambda: self._in_force.current.number,
        )
        gauge("precheck_pack_unserved", "1: CURRENT is not served whole.", lambda: bool(self.last_error))
        gauge(
            "precheck_settings_unread",
            "1: the settings could not be read when they were last asked for (SIGHUP); those before hold.",
            lambda: bool(self.settings_error),
        )
        gauge(
            "precheck_pack_last_change_refused",
            "1: the last change of the packs was refused, and its like has not succeeded since.",
            lambda: bool(self.directory.refusal()),
        )
        gauge(
            "precheck_canary_checks",
            "Checks that the canary has judged since it began; 0: none, or there is no canary.",
            lambda: self._canary_checks.of(self._in_force.current.canary),
        )
        gauge(
            "precheck_packs_stale",
            "Live packs that are past their expiry.",
            lambda: len(self._in_force.live.stale(clock.now().date())),
        )
        gauge(
            "precheck_pack_days_to_expiry",
            "Days until the first live pack is stale; NaN: none expires.",
            lambda: _days_to_expiry(self._in_force.packs, clock.now().date()),
        )

    # --- what a check reads

    def current(self) -> Snapshot:
        """Return the live packs."""
        return self._in_force.live

    def judging(self, station_id: str, *cases: Case) -> Snapshot:
        """Return the packs that judge a case of a station: those of the canary, or the live ones.

        `cases` are the case as the message states it and as the dictionary has it: a canary may name a department
        by either code. It is the encounter's department; where none is stated, any of its lines'.
        """
        in_force = self._in_force
        canary = in_force.current.canary
        if in_force.canary is None or canary is None:
            return in_force.live
        if station_id in canary.stations or any(
            not _departments_of(case).isdisjoint(canary.departments) for case in cases
        ):
            self._canary_checks.count(canary)
            return in_force.canary
        return in_force.live

    def in_force(self) -> InForce:
        """Return all that this process serves."""
        return self._in_force

    # --- start and end

    def start(self, configured: Sequence[str], shipped: Sequence[str]) -> None:
        """Serve what CURRENT says, or what the setting `pack` says if it changed since; then keep following CURRENT.

        For the start, when there are no checks to disturb: it prepares in this process. What is refused is remembered
        and logged, as long as there is something to serve. Raises ActivationError where there is nothing.
        """
        refusal: ActivationError | None = None
        try:
            with self.directory.changing():
                take_over(self.directory)
            Lifecycle(self.directory, self._trust).follow_setting(configured, shipped)
        except ActivationError as error:
            refusal = error
            with contextlib.suppress(OSError):
                self.directory.remember_refusal("start", error.reason, str(error))
            self._count_refusal(error)
        except OSError as error:
            raise ActivationError("current", f"{error.filename}: {error.strerror}") from error
        self.follow()
        if not self._in_force.packs:
            self._fall_back()
        if not self._in_force.packs:
            raise refusal or ActivationError("current", self.last_error or "no pack is live")
        self._poll.start()

    def cancel(self) -> None:
        """End preparations that are under way, refuse further ones and stop following: the server is ending."""
        self._ended.set()
        for preparation in list(self._preparations):
            preparation.kill()

    # --- changes

    def change(self, ask: Ask, *, aside: bool = True) -> Change:
        """Change the packs and return when this process serves the result. Raises ActivationError.

        `aside` does it in a process of its own, which is what a server that answers checks must do.
        """
        try:
            change = self._changed_aside(ask) if aside else perform(self.directory, self._trust, ask)
        except ActivationError as error:
            self._count_refusal(error)
            raise
        self.follow()
        served = self._in_force.current
        if served.number < change.number:
            unserved = ActivationError("current", f"written, but this process cannot serve it: {self.last_error}")
            self._count_refusal(unserved)
            raise unserved
        if ask.verb != "publish":
            self._metrics.pack_activations.labels("activated").inc()
        if aside:
            log.info("packs changed", verb=ask.verb, done=change.done, revision=self.current().revision)
        return change

    def activate(self, paths: Sequence[str], *, aside: bool = True) -> Change:
        """Make these packs live, and no others. Raises ActivationError."""
        return self.change(Ask(verb="activate", packs=tuple(paths)), aside=aside)

    def _count_refusal(self, error: ActivationError) -> None:
        self._metrics.pack_activations.labels("failed").inc()
        self._metrics.pack_refusals.labels(error.reason).inc()
        log.warning("packs not changed", reason=error.reason, error=str(error), revision=self.current().revision)

    def _changed_aside(self, ask: Ask) -> Change:
        """Do what `perform` does, in a process of its own that `cancel` can end."""
        command = [sys.executable, "-m", "server.packs.change"]
        with subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as preparation:
            self._preparations.add(preparation)
            try:
                if self._ended.is_set():
                    preparation.kill()
                task = task_text(self.directory, self._trust, ask)
                output, errors = preparation.communicate(task, timeout=PREPARATION_MAX_S)
            except subprocess.TimeoutExpired:
                preparation.kill()
                raise ActivationError("ended", f"{ask.verb}: not done within {PREPARATION_MAX_S} s") from None
            finally:
                self._preparations.discard(preparation)
        try:
            return read_outcome(output)
        except ValueError:
            if self._ended.is_set():
                text = f"{ask.verb}: the server is ending; what is live then, `precheck pack status` says"
                raise ActivationError("ended", text) from None
            told = errors.decode(errors="replace")[-2000:]
            raise ActivationError("ended", f"{ask.verb}: ended with {preparation.returncode}: {told}") from None

    # --- following CURRENT

    def _keep_following(self) -> None:
        while not self._ended.wait(POLL_S):
            try:
                self.follow()
            except Exception:  # whatever it is, what is served goes on being served, and the next second tries again
                log.exception("CURRENT not followed")

    def follow(self) -> None:
        """Serve what CURRENT says. Where that cannot be, what is served stays, and `last_error` says why."""
        with self._following:
            try:
                content = self.directory.content()
            except OSError as error:
                self._say(f"{error.filename}: {error.strerror}")
                return
            is_due = self._retry_at is not None and time.monotonic() >= self._retry_at
            if content is not None and content == self._seen and not is_due:
                return
            read = self.directory.read()
            if not read.problem and read.current.number == 0:
                return
            # A damaged CURRENT's copy is served like it, unless it is what is served already.
            unserved = "" if read.problem and read.current == self._in_force.current else self._serve(read.current)
            self._say("; ".join(filter(None, (read.problem, unserved))))
            self._seen, self._retry_at = content, time.monotonic() + RETRY_S if unserved else None

    def _serve(self, current: Current) -> str:
        """Open what a state names and swap it in; return what is wrong, nothing where it is served whole."""
        if current == self._in_force.current:
            return ""
        began = time.monotonic()
        try:
            packs = self._opened(current.live, current)
        except ActivationError as error:
            return str(error)
        problem = ""
        canary: Snapshot | None = None
        if current.canary is not None:
            try:
                canary = Snapshot(self._opened(with_candidates(current.live, current.canary.packs), current))
            except ActivationError as error:
                problem = f"canary: {error}; the live packs judge for all"
        before = self._in_force
        live = before.live if before.packs == packs else Snapshot(packs)
        self._in_force = InForce(current, live, canary, packs)
        raise_marks(self._marks, current.high_water)
        if live is not before.live:
            self.activated_at = clock.now()
        self._hold()
        self._settle(before, live)
        self._metrics.pack_reload_seconds.observe(time.monotonic() - began)
        if self._poll.is_alive():  # else a command has opened some packs for itself, and nobody reads a log
            log.info("packs in force", number=current.number, revision=live.revision, problem=problem)
        return problem

    def _opened(self, revisions: Sequence[Revision], current: Current) -> tuple[LoadedPack, ...]:
        """Return the packs that a state lets judge, opened and verified; those in force already are taken as they are.

        Raises ActivationError.
        """
        trust = read_trust_setting(self._trust)
        if trust is not None:
            marks = self.directory.marks()
            raise_marks(marks, self._marks)
            for revision in revisions:
                require_standing(revision, current, marks, trust)
        in_force = self._in_force
        known = {pack.file.digest: pack for pack in in_force.packs}
        if in_force.canary is not None:
            known.update((pack.file.digest, pack) for pack in in_force.canary.packs)
        return tuple(
            known.get(revision.digest) or open_verified(self.directory, revision, trust) for revision in revisions
        )

    def _hold(self) -> None:
        """Keep the files of what judges here from being removed; the lock ends with the process, however that ends."""
        in_force = self._in_force
        canary = in_force.canary.packs if in_force.canary is not None else ()
        judging = {pack.file.path for pack in (*in_force.packs, *canary)}
        for path in judging - self._held.keys():
            with contextlib.suppress(OSError):  # gone already: it is mapped, and judges on
                self._held[path] = path.open("rb")
                fcntl.flock(self._held[path], fcntl.LOCK_SH | fcntl.LOCK_NB)
        for path in self._held.keys() - judging:
            self._held.pop(path).close()

    def _settle(self, before: InForce, live: Snapshot) -> None:
        """Let the old snapshots go, and take what is new out of the collector's sight.

        Not a full collection: it would walk every history in memory and hold the interpreter meanwhile. Not the whole
        old snapshot at once either: freeing its decoded rows takes as long as decoding them took.
        """
        gc.collect(1)
        gc.freeze()
        for old in {before.live, before.canary} - {live, self._in_force.canary, None}:
            for _ in old.released(LET_GO_AT_ONCE) if old is not None else ():
                time.sleep(LETTING_GO_S)

    def _fall_back(self) -> None:
        """Serve the newest earlier state that can be served: a start must not end where CURRENT's packs are damaged."""
        reason = self.last_error
        for earlier in self.directory.journal():
            if earlier.live:
                self._serve(earlier)
            if self._in_force.packs:
                self._say(f"{reason}; serving what was live at {earlier.changed_at} (number {earlier.number})")
                return

    def _say(self, problem: str) -> None:
        if problem and problem != self.last_error:
            log.error("CURRENT is not served", error=problem, revision=self.current().revision)
        self.last_error = problem

    # --- status

    def status(self) -> Status:
        """Return what is served and what else there is; nothing counts as signed where the trust file cannot be read."""
        try:
            trust, self._trust_error = read_trust_setting(self._trust), ""
        except ActivationError as error:
            trust, self._trust_error = None, str(error)
        current = self._in_force.current
        status = status_of(self.directory, current, trust, self._trust, clock.now().date())
        if status.canary is None or current.canary is None:
            return status
        canary = msgspec.structs.replace(status.canary, checks=self._canary_checks.of(current.canary))
        return msgspec.structs.replace(status, canary=canary)

    def own_error(self) -> str:
        """Return what is wrong with this process: why it does not serve CURRENT, or could not read settings or trust file."""
        return self.last_error or self.settings_error or self._trust_error

    def error(self) -> str:
        """Return what an operator must know: what is wrong with this process, else why the last change was refused."""
        return self.own_error() or self.directory.refusal()
