"""A patient's history by commits and voids, through the server's own folding and the bytes that it stores."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

from ruleset.case import Line, Visit
from ruleset.timeline import Timeline
from server.folding import Folded, effective_text, folded
from server.store import Event, Void

FIRST = datetime(2026, 1, 1, 8)
"""When the first event holds from; each later one a minute after that before it."""


class Committed:
    """What was committed and voided, one event after another.

    `look` is called with the history after every event: what a check worked out of one history is carried over to the next.
    """

    def __init__(self, look: Callable[[Timeline], object], *, by_content: bool = False) -> None:
        self._folded = Folded()
        self._events: list[Event] = []
        self._look = look
        self._by_content = by_content

    @property
    def timeline(self) -> Timeline:
        return self._folded.timeline

    def afresh(self) -> Timeline:
        """The same history from its events, as a server reads it that has just started."""
        return folded(self._events).timeline

    def commit(self, lines: Iterable[Line], visit: Visit | None = None) -> None:
        plan = self._folded.plan(list(lines), visit, self._now(), is_timed=True, by_content=self._by_content)
        if plan.commit is not None:
            self._apply("commit", msgspec.msgpack.encode(plan.commit))

    def void(self, void: Void) -> None:
        self._apply("void", msgspec.msgpack.encode(void))

    def _now(self) -> str:
        return effective_text(FIRST + timedelta(minutes=len(self._events)))

    def _apply(self, kind: str, content: bytes) -> None:
        event = Event(len(self._events) + 1, "p", kind, self._now(), "2026-01-01T08:00:00+08:00", "test", content)
        self._events.append(event)
        self._folded.apply([event])
        self._look(self._folded.timeline)
