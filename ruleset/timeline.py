"""A patient's committed lines, indexed for windows.

Built once per patient (server/history.py keeps the recent ones in memory) and immutable: a commit makes a new
object that shares the untouched parts with the old one. A rule asks for the lines of one item, or of one
prescription, so the cost of a check follows what it asks for and not the length of the history.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from ruleset.case import Line, LineIdentity, identity, identity_by_content

NO_LINES: tuple[Line, ...] = ()

PrescriptionKey = tuple[str, str]
"""Encounter id and prescription id ("" for the lines of the encounter that have none)."""


def order_of(line: Line) -> tuple[datetime, str, int]:
    """Return the key that orders lines in time; at equal times by order id, then by place in the message.

    A line without a time sorts first, where it counts against nobody; windows leave it out.
    """
    return (line.begin or datetime.min, line.order_id, line.position)


def _grouped(lines: Iterable[Line]) -> tuple[dict[str, tuple[Line, ...]], dict[PrescriptionKey, tuple[Line, ...]]]:
    by_item: dict[str, list[Line]] = {}
    by_prescription: dict[PrescriptionKey, list[Line]] = {}
    for line in lines:
        if line.item_code:
            by_item.setdefault(line.item_code, []).append(line)
        by_prescription.setdefault((line.encounter_id, line.prescription_id), []).append(line)
    return (
        {code: tuple(sorted(group, key=order_of)) for code, group in by_item.items()},
        {key: tuple(sorted(group, key=order_of)) for key, group in by_prescription.items()},
    )


class Timeline:
    """Committed lines of one patient. `position` is the history position they reflect (grows with every change)."""

    __slots__ = ("by_content", "by_identity", "by_item", "by_prescription", "position")

    def __init__(self, lines: Iterable[Line] = (), position: int = 0) -> None:
        self.by_identity: Mapping[LineIdentity, Line] = {identity(line): line for line in lines}
        self.by_content: Mapping[LineIdentity, LineIdentity] = {
            identity_by_content(line): key for key, line in self.by_identity.items()
        }
        self.by_item, self.by_prescription = _grouped(self.by_identity.values())
        self.position = position

    def __len__(self) -> int:
        return len(self.by_identity)

    def with_changes(self, committed: Iterable[Line], voided: Iterable[LineIdentity], position: int) -> "Timeline":
        """Return the timeline after a commit (a line of a known identity replaces the old one) and a void."""
        lines = dict(self.by_identity)
        for key in voided:
            lines.pop(key, None)
        lines.update((identity(line), line) for line in committed)
        return Timeline(lines.values(), position)


EMPTY = Timeline()
