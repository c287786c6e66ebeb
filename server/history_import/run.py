"""One import: rows put together by encounter, read as messages are, committed, and the place remembered.

A row that cannot be read is set aside with its number and the reason, and the others go on; nothing is dropped without
a word. The place is remembered after what came before it is in the store, and a commit that is repeated changes
nothing, so an import that was killed goes on where it was.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from server import clock, limits
from server.entrance import values
from server.entrance.national import read_message
from server.entrance.text import EntranceError
from server.files import write_whole
from server.history import History, Statement, visit_of
from server.history_import.columns import Columns, Row, RowError
from server.history_import.sources import ROWS_AT_ONCE, START, Place, Source, SourceError
from server.profile import Profile, Profiles
from server.store import Void

PLACES = "imports.json"
"""The file in the data directory that remembers how far each source was read."""
REJECTS_SHOWN_MAX = 20


class Totals(msgspec.Struct):
    """What an import did."""

    rows: int = 0
    committed: int = 0
    """Lines that were new or changed."""
    voided: int = 0
    unchanged: int = 0
    """Rows that the store had as they are, or in a later state."""
    rejected: int = 0


class Rejected(msgspec.Struct, frozen=True):
    """A row that was set aside."""

    row: int
    reason: str


class Places:
    """How far each source was read, in a file that is replaced whole."""

    def __init__(self, path: Path) -> None:
        """Raises SourceError where the file is there and no such file."""
        self._path = path
        try:
            self._places = msgspec.json.decode(path.read_bytes(), type=dict[str, Place])
        except FileNotFoundError:
            self._places = {}
        except (OSError, msgspec.MsgspecError) as error:
            raise SourceError(f"{path}: {error}; remove it to read all sources from their beginning") from error

    def of(self, source: Source) -> Place:
        """Return how far a source was read."""
        return self._places.get(source.identity, START)

    def remember(self, source: Source, place: Place) -> None:
        """Remember it. Raises OSError."""
        self._places[source.identity] = place
        write_whole(self._path, msgspec.json.format(msgspec.json.encode(self._places)))


class Import:
    """Brings the rows of one source into the store."""

    def __init__(self, source: Source, columns: Columns, profiles: Profiles, profile: str, history: History) -> None:
        self._source = source
        self._columns = columns
        self._profiles = profiles
        self._profile = profile
        self._history = history
        self.totals = Totals()

    def run(
        self,
        after: Place,
        *,
        remember: Callable[[Place], None],
        rejected: Callable[[Rejected], None],
        progress: Callable[[int], None] = lambda _: None,
    ) -> Totals:
        """Import what stands behind a place.

        `remember` is called with each place whose rows are in the store, `progress` with each number of rows done.
        Raises SourceError or StoreError; then everything up to the last remembered place is in the store.
        """
        rows = self._source.rows(after, self._columns.changed_at)
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            for group in _groups(self._taken(batch, rejected)):
                self._commit(group, rejected)
            remember(batch[-1][1])
            self.totals.rows += len(batch)
            progress(len(batch))
        return self.totals

    def _taken(self, batch: Iterable[tuple[Any, Place]], rejected: Callable[[Rejected], None]) -> Iterator[Row]:
        for content, place in batch:
            try:
                yield self._columns.row(place.rows, content)
            except RowError as error:
                self._set_aside(rejected, place.rows, str(error))

    def _set_aside(self, rejected: Callable[[Rejected], None], row: int, reason: str) -> None:
        self.totals.rejected += 1
        rejected(Rejected(row, reason))

    def _commit(self, group: list[Row], rejected: Callable[[Rejected], None]) -> None:
        """Commit one group; where it cannot be read as a whole, each of its rows alone, so that only the bad are lost."""
        try:
            self._commit_whole(group)
        except EntranceError as error:
            if len(group) == 1:
                self._set_aside(rejected, group[0].number, str(error))
                return
            for row in group:
                self._commit([row], rejected)

    def _commit_whole(self, group: list[Row]) -> None:
        message = read_message(_message(group), "3101", self._profiles, self._profile)
        case, profile = message.case, message.profile
        received = clock.now(profile.time_zone)
        stated = _moment(group[0].changed_at, profile)
        source = f"import {self._source.name}"[: limits.TEXT_MAX_CHARACTERS]
        if group[0].is_valid:
            by_content = profile.quirks.same_line == "content"
            visit = visit_of(case.encounter)
            # Where a row stands among those that happened to come with it says nothing of the line; and one that comes
            # twice is one line, whether the two come together or in different pieces (docs/howto/import-history.md).
            lines = [msgspec.structs.replace(line, position=0) for line in case.lines if not line.ordinal]
            statement = Statement(case.patient.id, lines, visit, stated, received, source, by_content)
            changed = self._history.commit(statement).lines
            self.totals.committed += changed
            self.totals.unchanged += len(group) - changed
            return
        by_item: dict[str, set[str]] = {}
        for line in case.lines:
            by_item.setdefault(line.item_code, set()).add(line.order_id)
        taken = 0
        for item_code, order_ids in sorted(by_item.items()):
            void = Void(case.encounter.id, tuple(sorted(order_ids)), item_code)
            taken += self._history.void(case.patient.id, void, stated=stated, received=received, source=source).lines
        self.totals.voided += taken
        self.totals.unchanged += max(0, len(group) - taken)


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows by encounter, validity and time of change, as many together as a message may have.

    Not those of different times: an extract may hold several states of one line, and what is committed together is
    stated as of one moment.
    """
    groups: dict[tuple[str, str, bool, str], list[Row]] = {}
    for row in rows:
        patient_id, encounter_id = row.patient["patn_id"], row.encounter["mdtrt_id"]
        key = (str(patient_id).strip(), str(encounter_id).strip(), row.is_valid, str(row.changed_at))
        groups.setdefault(key, []).append(row)
    for group in groups.values():
        for begin in range(0, len(group), limits.CURRENT_LINES_MAX):
            yield group[begin : begin + limits.CURRENT_LINES_MAX]


def _message(group: list[Row]) -> dict[str, Any]:
    """Return the national message that the rows would have come in; the last row says what it is about."""
    patient: dict[str, Any] = {}
    encounter: dict[str, Any] = {}
    for row in group:
        patient |= row.patient
        encounter |= row.encounter
    lines = [{**_texts(row.line), "curr_drord_flag": "1"} for row in group]
    visit = {**_texts(encounter), "fsi_order_dtos": lines}
    return {"patient_dtos": {**_texts(patient), "fsi_encounter_dtos": [visit]}}


def _texts(fields: dict[str, Any]) -> dict[str, Any]:
    """Return values as a message has them; a database gives dates, times and decimals of its own."""
    return {name: _texts(value) if isinstance(value, dict) else _text(value) for name, value in fields.items()}


def _text(value: Any) -> Any:
    if isinstance(value, (datetime, date, time)):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    return value if isinstance(value, (str, int, float, bool)) else str(value)


def _moment(value: Any, profile: Profile) -> datetime | None:
    """Return when a row changed, naive in the site's zone; None where that is no time (a counter, say)."""
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return None
    try:
        return values.time(_text(value), profile.time_zone)
    except values.BadValueError as error:
        raise EntranceError("changed_at", value, str(error)) from error


class RejectsFile:
    """Rows that were set aside, as CSV: the number of the row and the reason. Made when there is a first one."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._path = path
        self._stack = stack
        self._writer: Any = None
        self.shown: list[Rejected] = []

    def __call__(self, rejected: Rejected) -> None:
        """Write one. Raises OSError."""
        if self._writer is None:
            file = self._stack.enter_context(self._path.open("w", encoding="utf-8-sig", newline=""))
            self._writer = csv.writer(file)
            self._writer.writerow(("row", "reason"))
        self._writer.writerow((rejected.row, rejected.reason))
        if len(self.shown) < REJECTS_SHOWN_MAX:
            self.shown.append(rejected)
