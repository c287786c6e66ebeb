"""One import: rows put together by encounter, read as messages are, committed, and the place remembered.

A row that cannot be read is set aside with its number and the reason, and the others go on; nothing is dropped without
a word. The place is remembered after what came before it is in the store, and in the store itself, so that it is never
ahead of it: not after a power cut, not where another store or an older copy of it is used. A commit that is repeated
changes nothing, so an import that was killed goes on where it was.
"""

import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from ruleset.case import identity
from server import clock, limits
from server.entrance import values
from server.entrance.national import read_message
from server.entrance.text import EntranceError
from server.history import History, Statement, visit_of
from server.history_import.columns import Columns, Row, RowError
from server.history_import.sources import ROWS_AT_ONCE, START, Found, Place, Source
from server.profile import Profile, Profiles
from server.store import Store, Void, VoidedLine

REJECTS_SHOWN_MAX = 20
DATE_MAX_CHARACTERS = 10
"""A time of change that is no longer says a day and no more: 2026-06-01, 20260601."""


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
    """A row that was set aside. What finds it in a view, where rows have no number, is what it is of."""

    source: str
    row: int
    mdtrt_id: str
    rx_id: str
    reason: str


class Places:
    """How far each source was read into a store, understood as it now is: with other columns it is read again."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, source: Source, columns: Columns) -> Place:
        """Return how far a source was read; its start where that is said in a form that is not ours. Raises StoreError."""
        try:
            return msgspec.json.decode(self._store.import_place(_key(source, columns)) or b"{}", type=Place)
        except msgspec.MsgspecError:
            return START

    def remember(self, source: Source, columns: Columns, place: Place) -> None:
        """Remember it. Raises StoreError."""
        self._store.keep_import_place(_key(source, columns), msgspec.json.encode(place).decode())


def _key(source: Source, columns: Columns) -> str:
    understood = hashlib.sha256(repr(sorted(columns.places.items())).encode()).hexdigest()
    return f"{source.identity}-{understood}"


class Import:
    """Brings the rows of one source into the store."""

    def __init__(self, source: Source, columns: Columns, profiles: Profiles, profile: str, history: History) -> None:
        self._source = source
        self._columns = columns
        self._profiles = profiles
        self._profile = profile
        self._history = history
        self._batch: dict[int, Found] = {}
        self._set_aside_numbers: list[int] = []
        """Of the batch."""
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

        `remember` is called with each place whose rows are in the store or set aside, `progress` with each number of rows
        done. Raises SourceError or StoreError; then everything up to the last remembered place is in the store or set aside.
        """
        place = after
        rows = self._source.rows(after, self._columns.changed_at)
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            self._batch = {found.number: found for found in batch}
            self._set_aside_numbers = []
            for group in _groups(self._taken(batch, rejected)):
                self._commit(group, rejected)
            place = self._behind(batch, place)
            remember(place)
            self.totals.rows += len(batch)
            progress(len(batch))
        if self._source.is_read_by_change:
            # Through: what was set aside is met again by the next run, and is not to be reckoned twice.
            remember(Place(watermark=place.set_aside_from or place.watermark))
        return self.totals

    def _behind(self, batch: Sequence[Found], before: Place) -> Place:
        """Return the place behind a batch, which knows of all that was set aside up to there."""
        place = msgspec.structs.replace(
            batch[-1].behind,
            set_aside=before.set_aside + len(self._set_aside_numbers),
            set_aside_from=before.set_aside_from,
        )
        if not self._source.is_read_by_change:
            return place
        latest = next((found.behind.watermark for found in reversed(batch) if self._is_watermark(found)), None)
        aside = (self._batch[number] for number in sorted(self._set_aside_numbers))
        first = next((found.behind.watermark for found in aside if self._is_watermark(found)), "")
        return msgspec.structs.replace(
            place,
            watermark=before.watermark if latest is None else latest,
            set_aside_from=before.set_aside_from or first,
        )

    def _is_watermark(self, found: Found) -> bool:
        """Say whether a row's time of change is one behind which others may be looked for.

        Not one that is empty, no time, or still to come (9999-12-31, say): such rows are met by each run, and all that
        changes until then must be too.
        """
        change = self._change_of(found)
        if _is_empty(change) or _is_counter(change):
            return not _is_empty(change)
        zone = self._profiles.select(self._profile, "").time_zone
        try:
            moment = values.time(str(_text(change)), zone)
        except values.BadValueError:
            return False
        return moment is not None and moment <= clock.now(zone).replace(tzinfo=None)

    def _change_of(self, found: Found) -> Any:
        column = self._columns.changed_at
        return found.values.get(column) if column is not None else None

    def _taken(self, batch: Iterable[Found], rejected: Callable[[Rejected], None]) -> Iterator[Row]:
        for found in batch:
            if self._source.is_read_by_change and _is_empty(self._change_of(found)):
                self._set_aside(rejected, found.number, "`changed_at` is empty")
                continue
            try:
                yield self._columns.row(found.number, found.values)
            except RowError as error:
                self._set_aside(rejected, found.number, str(error))

    def _set_aside(self, rejected: Callable[[Rejected], None], row: int, reason: str) -> None:
        self.totals.rejected += 1
        self._set_aside_numbers.append(row)
        values = self._batch[row].values
        encounter, order = (str(values.get(self._columns.column_of(name), "")) for name in ("mdtrt_id", "rx_id"))
        rejected(Rejected(self._source.name, row, encounter, order, reason))

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
            placed = [msgspec.structs.replace(line, position=0, ordinal=0) for line in case.lines]
            lines = list({identity(line): line for line in placed}.values())  # as it was said last
            statement = Statement(
                case.patient.id, lines, visit, stated, received, source, by_content, midnight_is_time=True
            )
            changed = self._history.commit(statement).lines
            self.totals.committed += changed
            self.totals.unchanged += len(group) - changed
            return
        voided = [
            VoidedLine(line.order_id, line.item, line.begin if line.begin_stated else None) for line in case.lines
        ]
        void = Void(case.encounter.id, lines=tuple(dict.fromkeys(voided)))
        taken = self._history.void(case.patient.id, void, stated=stated, received=received, source=source).lines
        self.totals.voided += taken
        self.totals.unchanged += max(0, len(group) - taken)


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows by encounter, validity and time of change, as many together as a message may have.

    Not those of different times: an extract may hold several states of one line, and what is committed together is
    stated as of one moment. Nor those before and after a change of validity or time: without a time of change rows count in
    the order of the source.
    """
    groups: dict[tuple[str, str, int], list[Row]] = {}
    said: dict[tuple[str, str], tuple[tuple[bool, str], int]] = {}
    for row in rows:
        encounter = (str(row.patient["patn_id"]).strip(), str(row.encounter["mdtrt_id"]).strip())
        as_of = (row.is_valid, "" if _is_counter(row.changed_at) else str(row.changed_at))
        before, turn = said.get(encounter, (as_of, 0))
        said[encounter] = (as_of, turn + (before != as_of))
        groups.setdefault((*encounter, said[encounter][1]), []).append(row)
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


def _is_empty(changed_at: Any) -> bool:
    return changed_at is None or not str(changed_at).strip()


def _is_counter(changed_at: Any) -> bool:
    return isinstance(changed_at, (int, float, Decimal))


def _moment(value: Any, profile: Profile) -> datetime | None:
    """Return when a row changed, naive in the site's zone; None where that is no time.

    It is none where it is empty, a counter, or a day, which does not say what came first on it.
    """
    if value is None or _is_counter(value):
        return None
    try:
        text = str(_text(value))
        moment = values.time(text, profile.time_zone)
        return moment if len(text.strip()) > DATE_MAX_CHARACTERS else None
    except values.BadValueError as error:
        raise EntranceError("changed_at", value, str(error)) from error


class RejectsFile:
    """Rows that were set aside, as CSV, with the reason. Made when there is a first one."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._path = path
        self._stack = stack
        self._writer: Any = None
        self.shown: list[Rejected] = []

    def __call__(self, rejected: Rejected) -> None:
        """Write one. Raises OSError."""
        if self._writer is None:
            # Line by line on disk: the place that is remembered next is behind the row, whatever becomes of this process.
            file = self._path.open("w", encoding="utf-8-sig", newline="", buffering=1)
            self._writer = csv.writer(self._stack.enter_context(file))
            self._writer.writerow(Rejected.__struct_fields__)
        self._writer.writerow(msgspec.structs.astuple(rejected))
        if len(self.shown) < REJECTS_SHOWN_MAX:
            self.shown.append(rejected)
