"""Answers that went out without a record, until the chain has a marker that says so."""

import threading
from typing import Any, NamedTuple

from server import clock


class Gap(NamedTuple):
    """So many answers without a record, of a span of time."""

    answers: int
    since: str
    until: str
    reason: str
    """Why the first of them could not be recorded."""

    def content(self) -> dict[str, Any]:
        """Return what the marker says."""
        return self._asdict()


class Gaps:
    """The gap that no marker tells of yet. Safe for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: Gap | None = None
        self._since_us = 0
        self.markers = 0
        """Markers that the chain has got."""

    @property
    def is_open(self) -> bool:
        """Whether there is one: the store did not answer when it was last asked."""
        return self._open is not None

    @property
    def seconds(self) -> float:
        """How long there has been one; 0 where there is none."""
        return (clock.ticks_us() - self._since_us) / 1e6 if self._open is not None else 0.0

    def add(self, reason: str) -> None:
        """Count one more answer."""
        now = clock.now().isoformat()
        with self._lock:
            if self._open is None:
                self._since_us = clock.ticks_us()
                self._open = Gap(1, now, now, reason)
            else:
                self._open = self._open._replace(answers=self._open.answers + 1, until=now)

    def current(self) -> Gap | None:
        """Return the gap as it is now."""
        return self._open

    def told(self, gap: Gap) -> None:
        """Take off what a marker now tells of; answers that came since make the next gap."""
        with self._lock:
            self.markers += 1
            if self._open is not None:
                left = self._open.answers - gap.answers
                self._open = self._open._replace(answers=left, since=gap.until) if left else None
