"""Codes that checks met and the dictionary does not have: counted by kind and department, and listed."""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Literal

import msgspec

UnmappedKind = Literal["item", "diagnosis", "operation", "department", "practitioner"]

UNMAPPED_CODES_MAX = 10_000
"""Codes that are listed since the dictionary was loaded; what is met beyond them is counted, not listed."""
UNMAPPED_DEPARTMENTS_MAX = 200
"""Departments that the metric tells apart; further ones are counted as `other`."""
OTHER_DEPARTMENTS = "other"


class Unmapped(msgspec.Struct, frozen=True, gc=False):
    """A code that the dictionary does not have. `department` is where it was met, "" where that is unknown."""

    kind: UnmappedKind
    code: str
    department: str


class UnmappedCode(msgspec.Struct, frozen=True, gc=False):
    """How often an unmapped code was met."""

    unmapped: Unmapped
    name: str
    """What a message called it, the first time."""
    times: int
    """How many times a check met it; a line that is checked twice counts twice."""
    last_met: datetime


class UnmappedCodes:
    """The codes met since the dictionary was loaded. Safe for any number of threads."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._codes: dict[Unmapped, UnmappedCode] = {}
        self._unlisted = 0

    def count(self, met: Iterable[tuple[Unmapped, str]]) -> None:
        """Count codes, each with the name that the message gives it."""
        now = self._now()
        with self._lock:
            for unmapped, name in met:
                known = self._codes.get(unmapped)
                if known is not None:
                    self._codes[unmapped] = msgspec.structs.replace(known, times=known.times + 1, last_met=now)
                elif len(self._codes) < UNMAPPED_CODES_MAX:
                    self._codes[unmapped] = UnmappedCode(unmapped, name, 1, now)
                else:
                    self._unlisted += 1

    def listed(self) -> tuple[list[UnmappedCode], int]:
        """Return the codes, by department and kind, the most frequent first, and how often others were met."""
        with self._lock:
            codes, unlisted = list(self._codes.values()), self._unlisted
        codes.sort(key=lambda code: (code.unmapped.department, code.unmapped.kind, -code.times, code.unmapped.code))
        return codes, unlisted


class DepartmentLabels:
    """Bounds how many values the label of a metric has."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def label(self, department: str) -> str:
        """Return the department, or `other` where too many are known already."""
        if department not in self._known:
            if len(self._known) >= UNMAPPED_DEPARTMENTS_MAX:
                return OTHER_DEPARTMENTS
            self._known.add(department)
        return department
