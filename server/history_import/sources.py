"""Where rows come from: CSV and Parquet files, and a view of a database.

Each source gives its header, and its rows after a place where an earlier run came to. pyarrow and SQLAlchemy are asked
for only where they are needed: `pip install 'precheck[history-import]'`.
"""

import csv
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

FILE_MAX_BYTES = 64 * 1024**3
ROWS_AT_ONCE = 2_000
HEAD_BYTES = 1_048_576
"""What of a text file shows its encoding, its header and its first row."""
ENCODINGS = ("utf-8-sig", "gb18030")


OVERLAP = timedelta(hours=1)
"""How far before the watermark a view is read again: a transaction of the HIS that took long shows up with a time that is
past by then. What is read twice changes nothing."""


class SourceError(Exception):
    """A source that cannot be read. The text says which and why."""


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a source was read: a file by rows, a view by the watermark. Whatever is added to it has a default."""

    rows: int = 0
    lines: int = 0
    """Of a text file: lines up to here, with the header; a row may have several."""
    digest: str = ""
    """Of a text file: the digest of these lines. Where they are others now, nothing is known of what was read."""
    watermark: str = ""
    """ISO 8601, or the digits of a number."""
    set_aside: int = 0
    """Rows before here that could not be read, and are not in the store."""
    set_aside_from: str = ""
    """Of a view: the watermark of the first of them, from which the next run reads again when this one is through."""


START = Place()
Values = Mapping[str, Any]


class Found(NamedTuple):
    """A row as the source has it."""

    number: int
    """From 1, in the order of the source; of a view, in the order in which this run read it."""
    values: Values
    behind: Place
    """Where to go on when the row is done."""


class Source(ABC):
    """Rows of an extract."""

    name: str
    """What is said of it to people; never a password."""
    identity: str
    """What tells it from another source: a place is of this alone."""
    is_read_by_change = False
    """Whether it is read by the time of change, so that a row without one would not be found again."""

    @abstractmethod
    def header(self) -> Sequence[str]:
        """Return the names of the columns. Raises SourceError."""

    @abstractmethod
    def rows(self, after: Place, changed_at: str | None) -> Iterator[Found]:
        """Yield the rows after a place. Raises SourceError."""

    def is_as_it_was(self, after: Place) -> bool:  # noqa: ARG002 - one that can change overrides it
        """Say whether what stands before a place is still what was read. Raises SourceError."""
        return True

    def total(self, after: Place, changed_at: str | None) -> int | None:  # noqa: ARG002 - one that can tell overrides it
        """Return how many rows are left after a place; None where that cannot be told cheaply."""
        return None


def source_of(given: str, view: str, encoding: str = "") -> Source:
    """Return the source that a command names: a file by its ending, or a view of an SQLAlchemy URL. Raises SourceError."""
    if "://" in given:
        if not view:
            raise SourceError(f"{given.partition('://')[0]}: say which --view of the database to read")
        return ViewSource(given, view)
    path = Path(given)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    if size > FILE_MAX_BYTES:
        raise SourceError(f"{path}: {size} bytes, at most {FILE_MAX_BYTES}")
    if path.suffix.lower() in (".parquet", ".pq"):
        return ParquetSource(path)
    if path.suffix.lower() in (".csv", ".txt", ".tsv"):
        return CsvSource(path, encoding)
    raise SourceError(f"{path}: expected .csv, .tsv, .txt or .parquet, or an SQLAlchemy URL with --view")


def _head_of(path: Path) -> str:
    """Return what tells a file from another: header and first row. Whether the others are as they were, a place knows."""
    with path.open("rb") as file:
        return hashlib.sha256(b"".join(islice(file.read(HEAD_BYTES).splitlines(), 2))).hexdigest()


class CsvSource(Source):
    """A CSV file with a header; tabs instead of commas in .tsv and .txt. UTF-8 or GB 18030."""

    def __init__(self, path: Path, encoding: str = "") -> None:
        self.name = str(path)
        self._path = path
        self._encoding = encoding or _encoding_of(path)
        self._dialect: Any = "excel" if path.suffix.lower() == ".csv" else "excel-tab"
        self.identity = _head_of(path)

    @contextmanager
    def _opened(self) -> Iterator["_DigestedLines"]:
        try:
            with self._path.open(encoding=self._encoding, newline="") as file:
                yield _DigestedLines(file)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise SourceError(f"{self.name}: {error}") from error

    def is_as_it_was(self, after: Place) -> bool:
        """Say whether the lines that were read still stand there, each as it was. Raises SourceError."""
        with self._opened() as lines:
            lines.skip(after.lines)
            return not after.lines or lines.digest() == after.digest

    def header(self) -> Sequence[str]:
        """Return the first line. Raises SourceError."""
        with self._opened() as lines:
            header = next(csv.reader(lines, self._dialect, strict=True), [])
        if len(set(header)) != len(header) or not header:
            raise SourceError(f"{self.name}: the first line is no header: {header!r}")
        return header

    def rows(self, after: Place, changed_at: str | None) -> Iterator[Found]:  # noqa: ARG002 - of views
        """Yield the rows, without those that were read. Raises SourceError."""
        header = self.header()
        with self._opened() as lines:
            reader = csv.reader(lines, self._dialect, strict=True)
            if after.lines:
                lines.skip(after.lines)
                if lines.digest() != after.digest:
                    raise SourceError(f"{self.name}: it changed while it was read; import it again")
            elif next(reader, None) != header:
                raise SourceError(f"{self.name}: its header changed while it was read; import it again")
            for number, cells in enumerate(reader, after.rows + 1):
                if not cells:
                    continue  # an empty line, as there often is at the end
                if len(cells) != len(header):
                    raise SourceError(f"{self.name}: row {number} has {len(cells)} cells, expected {len(header)}")
                behind = Place(rows=number, lines=lines.count, digest=lines.digest())
                yield Found(number, dict(zip(header, cells, strict=True)), behind)


class _DigestedLines:
    """The lines of a text, with their number and digest. A CSV reader takes no line before it needs it."""

    def __init__(self, file: Iterable[str]) -> None:
        self._lines = iter(file)
        self._digest = hashlib.sha256()
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        # Without its end: the last line may have none yet, and be the same when others follow it.
        self._digest.update(line.rstrip("\r\n").encode() + b"\n")
        self.count += 1
        return line

    def skip(self, count: int) -> None:
        """Pass over so many lines, or those that there are."""
        for _ in islice(self, count):
            pass

    def digest(self) -> str:
        """Return the digest of the lines up to here."""
        return self._digest.hexdigest()


def _encoding_of(path: Path) -> str:
    """Return the encoding of a text file: the first of ENCODINGS in which its beginning can be read."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    for encoding in ENCODINGS:
        try:
            head.decode(encoding)
        except UnicodeDecodeError as error:
            if error.start < len(head) - 4:  # a character that the end of the piece cuts is no fault
                continue
        return encoding
    raise SourceError(f"{path}: neither UTF-8 nor GB 18030")


class ParquetSource(Source):
    """A Parquet file."""

    def __init__(self, path: Path) -> None:
        try:
            from pyarrow import parquet  # noqa: PLC0415 - an extra of its own, and large
        except ImportError as error:
            raise SourceError(f"{path}: Parquet needs pyarrow; pip install 'precheck[history-import]'") from error
        self.name = str(path)
        self._path = path
        try:
            self._file = parquet.ParquetFile(path)
        except (OSError, ValueError) as error:
            raise SourceError(f"{path}: {error}") from error
        with path.open("rb") as file:
            self.identity = hashlib.file_digest(file, "sha256").hexdigest()  # it cannot grow: a changed one is another

    def header(self) -> Sequence[str]:
        """Return the names of the columns."""
        return [str(name) for name in self._file.schema_arrow.names]

    def rows(self, after: Place, changed_at: str | None) -> Iterator[Found]:  # noqa: ARG002 - of views
        """Yield the rows, without those that were read. Raises SourceError."""
        number = 0
        try:
            for batch in self._file.iter_batches(batch_size=ROWS_AT_ONCE):
                if number + batch.num_rows <= after.rows:
                    number += batch.num_rows
                    continue
                for values in batch.to_pylist():
                    number += 1
                    if number > after.rows:
                        yield Found(number, values, Place(rows=number))
        except (OSError, ValueError) as error:
            raise SourceError(f"{self.name}: {error}") from error

    def total(self, after: Place, changed_at: str | None) -> int | None:  # noqa: ARG002 - of views
        """Return how many rows are left."""
        return max(0, int(self._file.metadata.num_rows) - after.rows)


class ViewSource(Source):
    """A view (or table) of a database, read and never written: an SQLAlchemy URL, read by the watermark."""

    is_read_by_change = True

    def __init__(self, url: str, view: str) -> None:
        try:
            import sqlalchemy  # noqa: PLC0415 - an extra of its own
        except ImportError as error:
            raise SourceError("a database needs SQLAlchemy; pip install 'precheck[history-import]'") from error
        self._sql = sqlalchemy
        try:
            address = sqlalchemy.make_url(url)
            self._engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool)  # none stays open
        except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
            raise SourceError(f"{url.partition('://')[0]}: {error}") from error
        schema, _, name = view.rpartition(".")
        self._view = sqlalchemy.table(name, schema=schema or None)
        self._place = (name, schema or None)
        self.name = f"{address.render_as_string(hide_password=True)} {view}"
        self.identity = hashlib.sha256(self.name.encode()).hexdigest()

    def header(self) -> Sequence[str]:
        """Return the names of the columns. Raises SourceError."""
        name, schema = self._place
        try:
            columns = self._sql.inspect(self._engine).get_columns(name, schema=schema)
        except self._sql.exc.SQLAlchemyError as error:
            raise SourceError(f"{self.name}: {_first_line(error)}") from error
        header = [str(column["name"]) for column in columns]
        self._view = self._sql.table(
            name, *(self._sql.column(column["name"], column["type"]) for column in columns), schema=schema
        )
        return header

    def _selected(self, after: Place, changed_at: str | None, what: Any) -> Any:
        if changed_at is None:
            raise SourceError(f"{self.name}: the view has no column `changed_at`, by which it is read")
        mark = self._view.c[changed_at]
        chosen = self._sql.select(*what).select_from(self._view)
        if after.watermark:
            # Not "after" but "from": several rows may have changed at one moment, and not all of them were read. A row
            # without a time of change is no watermark's; it is met each time, and set aside with a word.
            since = self._of_type(mark, after.watermark)
            empty = (mark.is_(None), *((mark == "",) if isinstance(since, str) else ()))
            chosen = chosen.where(self._sql.or_(mark >= since, *empty))
        return chosen, mark

    def _of_type(self, mark: Any, watermark: str) -> Any:
        kind: Any = mark.type.python_type if hasattr(mark.type, "python_type") else str
        try:
            if issubclass(kind, datetime):
                return kind.fromisoformat(watermark) - OVERLAP
            return watermark if kind is str else getattr(kind, "fromisoformat", kind)(watermark)
        except (ValueError, NotImplementedError) as error:
            raise SourceError(f"{self.name}: watermark `{watermark}`: {error}") from error

    def rows(self, after: Place, changed_at: str | None) -> Iterator[Found]:
        """Yield the rows that changed at the watermark or later, in the order of change. Raises SourceError."""
        watermark = after.watermark
        statement, mark = self._selected(after, changed_at, [self._view])
        try:
            with self._engine.connect() as connection:
                options: dict[str, Any] = {"yield_per": ROWS_AT_ONCE}
                if connection.dialect.name == "postgresql":
                    options["postgresql_readonly"] = True
                result = connection.execution_options(**options).execute(statement.order_by(mark))
                for number, row in enumerate(result.mappings(), 1):
                    content = {str(name): cell for name, cell in row.items()}
                    value = content[str(changed_at)]
                    if value is not None:
                        watermark = value.isoformat() if hasattr(value, "isoformat") else str(value)
                    yield Found(number, content, Place(watermark=watermark))
        except self._sql.exc.SQLAlchemyError as error:
            raise SourceError(f"{self.name}: {_first_line(error)}") from error

    def total(self, after: Place, changed_at: str | None) -> int | None:
        """Return how many rows are left; counting costs the database one look at the index of the watermark."""
        statement, _ = self._selected(after, changed_at, [self._sql.func.count()])
        try:
            with self._engine.connect() as connection:
                return int(connection.execute(statement).scalar_one())
        except self._sql.exc.SQLAlchemyError as error:
            raise SourceError(f"{self.name}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
