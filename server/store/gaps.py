"""Answers that went out without a record, until the chain has a marker that says so.

The store does not answer then, so they are counted in a file beside it: made while there was room for it, and written over
in place, so that a full disk does not hinder it and a kill loses no answer. Whoever starts next takes over what it says.
"""

import contextlib
import fcntl
import os
import secrets
import threading
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from server import clock
from server.files import flush

FILES = "unrecorded-"
"""How the files of the data directory begin that count answers without a record, one for each process that answers."""
FILE_BYTES = 2048
REASON_MAX_CHARACTERS = 300
"""More of a reason is not kept: with all else it must fit into the file."""


class Gap(NamedTuple):
    """So many answers without a record, of a span of time."""

    answers: int
    since: str
    until: str
    reason: str
    """Why the first of them could not be recorded."""
    counted_by: str = ""
    """Tells the counts of processes apart; says nothing else."""
    outcome_unknown: int = 0
    """Of the answers, those of which a record may be there all the same: the connection was lost while it was written."""

    def content(self) -> dict[str, Any]:
        """Return what the marker says."""
        return self._asdict()

    def less(self, answers: int, outcome_unknown: int) -> "Gap":
        """Return what is left when so many are told of."""
        return self._replace(answers=self.answers - answers, outcome_unknown=self.outcome_unknown - outcome_unknown)


def _locked(folder: Path) -> tuple[Path, FileIO]:
    """Return a new file for this process, locked. Raises OSError."""
    path = folder / f"{FILES}{os.getpid()}-{secrets.token_hex(4)}"
    file = path.open("x+b", buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
        path.unlink(missing_ok=True)
        file.close()
        raise
    return path, file


class GapFile:
    """The file of one process. Its lock ends with the process, however that ends."""

    def __init__(self, folder: Path) -> None:
        """Make it, with all the room that it will ever need. Raises OSError."""
        self._path, self._file = _locked(folder)
        while not os.fstat(self._file.fileno()).st_nlink:
            # Whoever starts at this moment took it for one left behind, since it was not locked yet.
            self._file.close()
            self._path, self._file = _locked(folder)
        try:
            self.write(None)
            flush(self._path)
        except OSError:
            self.close(keep=False)
            raise

    def write(self, gap: Gap | None) -> None:
        """Let it say this. Raises OSError."""
        said = msgspec.json.encode(gap) if gap is not None else b""
        os.pwrite(self._file.fileno(), said.ljust(FILE_BYTES), 0)

    def close(self, *, keep: bool) -> None:
        """Let go of it; `keep`: it says something that the chain does not say yet. Raises OSError."""
        if not keep:
            self._path.unlink(missing_ok=True)
        self._file.close()


def left_behind(folder: Path) -> Iterator[Gap]:
    """Yield what processes that are gone could not tell the chain; asking for the next one removes the one before.

    Raises OSError.
    """
    for path in sorted(folder.glob(f"{FILES}*")):
        # Held by a process that lives, or taken over by another one that starts at this moment.
        with contextlib.suppress(BlockingIOError, FileNotFoundError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not path.samefile(f"/proc/self/fd/{file.fileno()}"):
                continue
            said = file.read().strip()
            if said:
                yield _read(said, path)
            path.unlink()


def _read(said: bytes, path: Path) -> Gap:
    try:
        return msgspec.json.decode(said, type=Gap)
    except msgspec.MsgspecError as error:
        return Gap(0, "", "", f"nobody knows how many: {path.name} is damaged: {error}"[:REASON_MAX_CHARACTERS])


class Gaps:
    """The gap that no marker tells of yet. Safe for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: Gap | None = None
        self._since_us = 0
        self._name = secrets.token_hex(8)
        self.markers = 0
        """Markers that the chain has got."""
        self._file: GapFile | None = None

    def keep_in(self, folder: Path) -> None:
        """Count in a file of a folder too, from now on. Raises OSError."""
        self._file = GapFile(folder)

    def _write(self) -> None:
        """Let the file say what is not told yet; the caller has the lock."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # then it is known in memory alone, as long as this process lives
                self._file.write(self._open)

    def close(self) -> None:
        """Forget the file, unless the chain does not know yet what it says."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close(keep=self._open is not None)
            self._file = None

    @property
    def is_open(self) -> bool:
        """Whether there is one: the store did not answer when it was last asked."""
        return self._open is not None

    @property
    def seconds(self) -> float:
        """How long there has been one; 0 where there is none."""
        return (clock.ticks_us() - self._since_us) / 1e6 if self._open is not None else 0.0

    def add(self, reason: str, *, outcome_unknown: bool = False) -> None:
        """Count one more answer."""
        now = clock.now().isoformat()
        with self._lock:
            if self._open is None:
                self._since_us = clock.ticks_us()
                self._open = Gap(0, now, now, reason[:REASON_MAX_CHARACTERS], self._name)
            self._open = self._open._replace(
                answers=self._open.answers + 1,
                until=now,
                outcome_unknown=self._open.outcome_unknown + outcome_unknown,
            )
            self._write()

    def current(self) -> Gap | None:
        """Return the gap as it is now."""
        return self._open

    def told(self, gap: Gap) -> None:
        """Take off what a marker now tells of; answers that came since make the next gap."""
        with self._lock:
            self.markers += 1
            if self._open is not None:
                left = self._open.less(gap.answers, gap.outcome_unknown)
                self._open = left._replace(since=gap.until) if left.answers else None
            self._write()
