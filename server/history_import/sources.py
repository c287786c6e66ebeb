"""Where rows come from: CSV and Parquet files, and a view of a database.

Each source gives its header, and its rows after a place where an earlier run came to. pyarrow and SQLAlchemy are asked
for only where they are needed: `pip install 'precheck[history-import]'`.
"""

import csv
import hashlib
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

FILE_MAX_BYTES = 64 * 1024**3
ROWS_AT_ONCE = 2_000
HEAD_BYTES = 1_048_576
"""What of a file tells it from another of the same name."""
ENCODINGS = ("utf-8-sig", "gb18030")


OVERLAP = timedelta(hours=1)
"""How far before the watermark a view is read again: a transaction of the HIS that took long shows up with a time that is
past by then. What is read twice changes nothing."""


class SourceError(Exception):
    """A source that cannot be read. The text says which and why."""


class Place(msgspec.Struct, frozen=True):
    """How far a source was read: a file by rows, a view by the watermark."""

    rows: int = 0
    watermark: str = ""
    """ISO 8601, or the digits of a number."""


START = Place()
Values = Mapping[str, Any]


class Source(ABC):
    """Rows of an extract."""

    name: str
    """What is said of it to people; never a password."""
    identity: str
    """What tells it from another source: a place is of this alone."""

    @abstractmethod
    def header(self) -> Sequence[str]:
        """Return the names of the columns. Raises SourceError."""

    @abstractmethod
    def rows(self, after: Place, changed_at: str | None) -> Iterator[tuple[Values, Place]]:
        """Yield the rows after a place, each with the place to go on from behind it. Raises SourceError."""

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


def _identity_of(path: Path) -> str:
    """Return what tells a file from another: its beginning. One that has grown at its end is the same, and goes on."""
    with path.open("rb") as file:
        first_line = file.read(HEAD_BYTES).partition(b"\n")
    return hashlib.sha256(first_line[0] + first_line[2][:4096]).hexdigest()


class CsvSource(Source):
    """A CSV file with a header; tabs instead of commas in .tsv and .txt. UTF-8 or GB 18030."""

    def __init__(self, path: Path, encoding: str = "") -> None:
        self.name = str(path)
        self._path = path
        self._encoding = encoding or _encoding_of(path)
        self._dialect: Any = "excel" if path.suffix.lower() == ".csv" else "excel-tab"
        self.identity = _identity_of(path)

    @contextmanager
    def _reader(self) -> Iterator[Iterator[list[str]]]:
        try:
            with self._path.open(encoding=self._encoding, newline="") as file:
                yield csv.reader(file, self._dialect, strict=True)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise SourceError(f"{self.name}: {error}") from error

    def header(self) -> Sequence[str]:
        """Return the first line. Raises SourceError."""
        with self._reader() as reader:
            header = next(reader, [])
        if len(set(header)) != len(header) or not header:
            raise SourceError(f"{self.name}: the first line is no header: {header!r}")
        return header

    def rows(self, after: Place, changed_at: str | None) -> Iterator[tuple[Values, Place]]:  # noqa: ARG002 - of views
        """Yield the rows, without those that were read. Raises SourceError."""
        header = self.header()
        with self._reader() as reader:
            next(reader, None)
            for number, cells in enumerate(reader, 1):
                if number > after.rows:
                    if cells and len(cells) != len(header):
                        raise SourceError(f"{self.name}: row {number} has {len(cells)} cells, expected {len(header)}")
                    yield dict(zip(header, cells, strict=False)), Place(rows=number)


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
        self.identity = _footer_of(path)

    def header(self) -> Sequence[str]:
        """Return the names of the columns."""
        return [str(name) for name in self._file.schema_arrow.names]

    def rows(self, after: Place, changed_at: str | None) -> Iterator[tuple[Values, Place]]:  # noqa: ARG002 - of views
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
                        yield values, Place(rows=number)
        except (OSError, ValueError) as error:
            raise SourceError(f"{self.name}: {error}") from error

    def total(self, after: Place, changed_at: str | None) -> int | None:  # noqa: ARG002 - of views
        """Return how many rows are left."""
        return max(0, int(self._file.metadata.num_rows) - after.rows)


def _footer_of(path: Path) -> str:
    """Return what tells a Parquet file from another: its end, where its description stands. One that changed is another."""
    with path.open("rb") as file:
        _seek_near_end(file)
        return hashlib.sha256(file.read()).hexdigest()


def _seek_near_end(file: BinaryIO) -> None:
    file.seek(0, io.SEEK_END)
    file.seek(max(0, file.tell() - HEAD_BYTES))


class ViewSource(Source):
    """A view (or table) of a database, read and never written: an SQLAlchemy URL, read by the watermark."""

    def __init__(self, url: str, view: str) -> None:
        try:
            import sqlalchemy  # noqa: PLC0415 - an extra of its own
        except ImportError as error:
            raise SourceError("a database needs SQLAlchemy; pip install 'precheck[history-import]'") from error
        self._sql = sqlalchemy
        try:
            address = sqlalchemy.make_url(url)
            self._engine = sqlalchemy.create_engine(address)
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
            # Not "after" but "from": several rows may have changed at one moment, and not all of them were read.
            chosen = chosen.where(mark >= self._of_type(mark, after.watermark))
        return chosen, mark

    def _of_type(self, mark: Any, watermark: str) -> Any:
        kind: Any = mark.type.python_type if hasattr(mark.type, "python_type") else str
        try:
            if issubclass(kind, datetime):
                return kind.fromisoformat(watermark) - OVERLAP
            return watermark if kind is str else getattr(kind, "fromisoformat", kind)(watermark)
        except (ValueError, NotImplementedError) as error:
            raise SourceError(f"{self.name}: watermark `{watermark}`: {error}") from error

    def rows(self, after: Place, changed_at: str | None) -> Iterator[tuple[Values, Place]]:
        """Yield the rows that changed at the watermark or later, in the order of change. Raises SourceError."""
        statement, mark = self._selected(after, changed_at, [self._view])
        try:
            with self._engine.connect() as connection:
                options: dict[str, Any] = {"yield_per": ROWS_AT_ONCE}
                if connection.dialect.name == "postgresql":
                    options["postgresql_readonly"] = True
                result = connection.execution_options(**options).execute(statement.order_by(mark))
                for number, row in enumerate(result.mappings(), after.rows + 1):
                    content = dict(row)
                    value = content[str(changed_at)]
                    if value is None:
                        raise SourceError(f"{self.name}: `{changed_at}` is empty in row {number}")
                    watermark = value.isoformat() if hasattr(value, "isoformat") else str(value)
                    yield {str(name): cell for name, cell in content.items()}, Place(rows=number, watermark=watermark)
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
