"""Packs in shadow: decisions as they come are made again with the packs that would be live, in a process of its own.

The process reads what the checks have recorded; nothing is queued or copied on their path, and one that falls behind or dies
costs no check anything. What it has counted stands in the file SHADOW beside CURRENT, which every server process reads
for status and metrics. It goes on where it stopped, as long as the packs on both sides are the same.

Rows in shadow (`mode`) are judged the same way, also where no pack is.
"""

import contextlib
import fcntl
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from ruleset.pack.compile import LoadedPack
from ruleset.snapshot import Snapshot
from server import clock
from server.packs.comparison import Tally
from server.packs.directory import PackDirectory
from server.packs.lifecycle import open_verified, read_trust_setting
from server.packs.redeciding import Names, differences, redecide_one
from server.packs.refusal import ActivationError
from server.packs.report import Comparison, Corpus
from server.packs.state import Current, with_candidates
from server.packs.status import ShadowStatus
from server.store import Store, StoreError, open_store
from server.store.chain import writer_of

NICENESS = 15
SHADOW = "SHADOW"
LOCK = "SHADOW.lock"
LOOK_S = 1.0
"""How often it looks for new decisions when there were none."""
AT_ONCE = 50
"""Decisions of each writer that are read at once."""
WRITE_S = 2.0
"""How often what was counted is written, at most."""
FAILED_WAIT_S = 10.0
"""How long after the store, or a pack, could not be read it is tried again."""


class ShadowState(msgspec.Struct):
    """The content of SHADOW."""

    before: tuple[str, ...]
    """The names of the live packs that were compared with."""
    after: tuple[str, ...]
    """The names of those that would be live."""
    since: str
    updated_at: str
    behind_s: float
    """How old the decision is that was judged last, where newer ones wait; 0 where none does."""
    seen: dict[str, int]
    """By writer of the store, the last decision that was judged."""
    comparison: Comparison
    problem: str = ""
    """Why nothing is judged at the moment; empty where it is."""


def has_shadow(current: Current, live: Sequence[LoadedPack]) -> bool:
    """Say whether there is anything to judge in shadow: packs, or rows of the live ones."""
    in_rows = any(pack.shadow_kinds for pack in live)
    in_statements = any(one.statement.mode == "shadow" for pack in live for one in pack.stated)
    return bool(current.shadow) or in_rows or in_statements


def read_shadow(directory: PackDirectory) -> ShadowState | None:
    """Return what was counted; None where nothing was, or the file is damaged."""
    try:
        return msgspec.json.decode((directory.root / SHADOW).read_bytes(), type=ShadowState)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None


def shadow_status(directory: PackDirectory, current: Current, live: Sequence[LoadedPack]) -> ShadowStatus | None:
    """Return what is told of the shadow; None where nothing is judged in shadow."""
    if not has_shadow(current, live):
        return None
    names = ",".join(one.name for one in directory.in_order(with_candidates(current.live, current.shadow)))
    state = read_shadow(directory)
    if state is None or ",".join(state.after) != names:
        waiting = "nothing has been judged yet"
        return ShadowStatus(names, current.shadow_since, 0, 0, 0, 0, 0, 0, 0, 0.0, waiting)
    tally, count = state.comparison.tally, state.comparison.tally.all
    return ShadowStatus(
        names,
        state.since,
        tally.decisions,
        tally.affected,
        count.added,
        count.removed,
        count.changed,
        count.popups_added,
        count.popups_removed,
        state.behind_s,
        state.problem,
    )


class Shadow:
    """What the process does."""

    def __init__(self, directory: PackDirectory, trust: str, store: Store) -> None:
        self._directory = directory
        self._trust = trust
        self._store = store
        self._current = Current()
        self._before = Snapshot([])
        self._after = Snapshot([])
        self._names = Names()
        self._state: ShadowState | None = None
        self._written_at = 0.0

    def follow(self) -> bool:
        """Take the packs that CURRENT says; say whether there is anything to judge. Raises ActivationError, StoreError."""
        current = self._directory.read().current
        if current.number != self._current.number or self._state is None:
            self._take(current)
            self._current = current
        return self._state is not None

    def _take(self, current: Current) -> None:
        trust = read_trust_setting(self._trust)
        live = [open_verified(self._directory, revision, trust) for revision in current.live]
        if not has_shadow(current, live):
            self._state = None
            return
        candidates = with_candidates(current.live, current.shadow)
        would_be = [open_verified(self._directory, revision, trust) for revision in candidates]
        self._before, self._after = Snapshot(live), Snapshot(would_be, shadow=True)
        before, after = (tuple(snapshot.revision.split(",")) for snapshot in (self._before, self._after))
        known = self._state or read_shadow(self._directory)
        if known is not None and (known.before, known.after) == (before, after):
            self._state = known
            self._names.by_code.update(known.comparison.names)
            return
        since = current.shadow_since or _now()
        comparison = Comparison(
            self._before.revision,
            self._after.revision,
            Corpus("shadow", since=since),
            differences(live, would_be),
            Tally(),
        )
        seen = {str(writer): last for writer, last in self._store.last_decisions().items()}
        self._state = ShadowState(before, after, since, _now(), 0.0, seen, comparison)

    def judge(self) -> int:
        """Judge the decisions that have come; return how many. Raises StoreError."""
        state = self._state
        assert state is not None
        decisions = self._store.decisions_after({int(key): last for key, last in state.seen.items()}, AT_ONCE)
        for decision in decisions:
            tally = state.comparison.tally
            redecide_one(decision, self._store, self._before, self._after, tally, self._names)
            state.seen[str(writer_of(decision.id))] = decision.id
        state.behind_s = _age_s(decisions[-1].received_at) if len(decisions) >= AT_ONCE else 0.0
        return len(decisions)

    def write(self, problem: str = "", *, now: bool = False) -> None:
        """Write what was counted, unless it was written a moment ago."""
        state = self._state
        if state is None or (not now and time.monotonic() - self._written_at < WRITE_S):
            return
        state.problem = problem
        state.updated_at = _now()
        state.comparison.names = self._names.by_code
        unfinished = self._directory.root / f"{SHADOW}.unfinished"
        with contextlib.suppress(OSError):  # a full disk: the next time
            unfinished.write_bytes(msgspec.json.encode(state))
            unfinished.replace(self._directory.root / SHADOW)
        self._written_at = time.monotonic()


def run(directory: PackDirectory, trust: str, store: Store) -> None:
    """Judge in shadow for as long as there is anything to."""
    shadow = Shadow(directory, trust, store)
    while True:
        try:
            if not shadow.follow():
                return
            judged = shadow.judge()
        except (ActivationError, StoreError) as error:
            shadow.write(str(error), now=True)
            time.sleep(FAILED_WAIT_S)
            continue
        shadow.write(now=not judged)
        if not judged:
            time.sleep(LOOK_S)


def _age_s(received_at: str) -> float:
    """Return how long ago a decision was answered."""
    return round(max(0.0, (clock.now() - datetime.fromisoformat(received_at)).total_seconds()), 1)


def _now() -> str:
    return clock.now().isoformat(timespec="seconds")


class Task(msgspec.Struct, frozen=True):
    """What a server tells the process that it starts: one JSON line on its standard input."""

    root: str
    trust: str
    store: str
    data: str


@contextlib.contextmanager
def _alone(directory: PackDirectory) -> Iterator[bool]:
    """Say whether no other process judges in shadow for this directory, and keep it so."""
    with (directory.root / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _end_with_server() -> None:
    while os.read(sys.stdin.fileno(), 1):
        continue
    os._exit(0)  # what was counted is in the file, but for the last moments


def main() -> None:
    """Run until there is nothing to judge, or the server is gone."""
    os.nice(NICENESS)
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    threading.Thread(target=_end_with_server, name="server-watch", daemon=True).start()
    directory = PackDirectory(Path(task.root))
    with _alone(directory) as is_alone:
        if is_alone:
            with contextlib.closing(open_store(task.store, Path(task.data), upkeep=False)) as store:
                run(directory, task.trust, store)


if __name__ == "__main__":
    main()
