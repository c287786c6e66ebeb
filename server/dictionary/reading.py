"""Read a directory of CSV files into typed rows, and say everything that is wrong with them.

Strict: what is not understood is an error with its file, line and column (the number of the cell), and a directory
with an error is not used at all. UTF-8 with or without a byte order mark, or GB 18030: what spreadsheets write.

A file is read a few lines at a time with a pause after each: a server that reads its dictionary anew goes on judging
beside it, and Python runs one thread at a time.
"""

import codecs
import csv
import hashlib
import io
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

import msgspec

from ruleset.pack.diagnostics import Diagnostic, did_you_mean
from server.dictionary.cells import CellError
from server.dictionary.tables import TABLE_OF, TABLES, Column, Table

FILE_MAX_BYTES = 256 * 1024 * 1024
ROWS_PER_FILE_MAX = 1_000_000
ERRORS_SHOWN_MAX = 200
"""Errors of a directory that are shown; how many more there are is said."""
CHUNK_BYTES = 64 * 1024
AT_ONCE = 20
"""Rows that are worked on in one go, about half a millisecond, where a server reads beside its checks."""
PAUSE_S = 0.0005
"""What is waited then."""


Worked = TypeVar("Worked")


def paced(work: Iterable[Worked], *, beside_checks: bool) -> Iterator[Worked]:
    """Yield everything, with a pause now and then for other threads if there are checks beside this work."""
    for number, part in enumerate(work, 1):
        yield part
        if beside_checks and number % AT_ONCE == 0:
            time.sleep(PAUSE_S)


class DictionaryError(Exception):
    """A directory that is no dictionary. `diagnostics` says why, sorted by place."""

    def __init__(self, directory: str, diagnostics: list[Diagnostic]) -> None:
        self.diagnostics = sorted(set(diagnostics))
        shown = [str(diagnostic) for diagnostic in self.diagnostics[:ERRORS_SHOWN_MAX]]
        more = len(self.diagnostics) - len(shown)
        if more:
            shown.append(f"and {more} more")
        super().__init__("\n".join([f"dictionary {directory}: {len(self.diagnostics)} errors", *shown]))


class Placed(NamedTuple):
    """A row and the line of its file that it begins on."""

    line: int
    row: Any
    """The struct of the row's table."""


class Tables(NamedTuple):
    """The rows of a directory by the name of their table; a table without a file is absent."""

    directory: str
    rows: Mapping[str, list[Placed]]
    headers: Mapping[str, tuple[str, ...]]
    """The columns of each of these tables, as its file has them."""
    digest: str
    """SHA-256 over names, sizes and contents of the files, hexadecimal."""


def files_of(directory: Path) -> list[Path]:
    """Return the files of a dictionary in a directory, in the order of their names. Raises OSError."""
    known = {table.file for table in TABLES}
    return sorted(path for path in directory.iterdir() if path.name in known)


def file_head(name: str, size: int) -> bytes:
    """Return what stands before a file in the bytes that the digest is over: its name and its size."""
    return f"{name}\0{size}\0".encode()


def read_tables(directory: Path, *, beside_checks: bool = False) -> tuple[Tables, list[Diagnostic]]:
    """Return the rows that can be read, and what is wrong with the others.

    `beside_checks` pauses now and then for other threads. Raises DictionaryError where there is nothing to read.
    """
    if not directory.is_dir():
        raise DictionaryError(str(directory), [Diagnostic(str(directory), 1, 1, "is no directory")])
    problems: list[Diagnostic] = []
    files = sorted(path for path in directory.iterdir() if path.suffix.lower() == ".csv")
    known = [table.file for table in TABLES]
    for path in files:
        if path.name not in known:
            help_text = did_you_mean(path.name, known) or f"known: {', '.join(known)}"
            problems.append(Diagnostic(path.name, 1, 1, "is no file of a dictionary", help_text))
    digest = hashlib.sha256()
    rows: dict[str, list[Placed]] = {}
    headers: dict[str, tuple[str, ...]] = {}
    for path in files:
        table = TABLE_OF.get(path.stem)
        if table is None or path.name not in known:
            continue
        try:
            digest.update(file_head(path.name, path.stat().st_size))
            reader = _Reader(table, problems, beside_checks=beside_checks)
            rows[table.name] = reader.read(path, digest.update)
            headers[table.name] = tuple(column.name if column is not None else "" for column in reader.columns)
        except OSError as error:
            problems.append(Diagnostic(path.name, 1, 1, f"cannot be read: {error.strerror}"))
    if not rows and not problems:
        problems.append(Diagnostic(str(directory), 1, 1, f"has none of the files {', '.join(known)}"))
    return Tables(str(directory), rows, headers, digest.hexdigest()), problems


class _Reader:
    """Reads one file."""

    def __init__(self, table: Table, problems: list[Diagnostic], *, beside_checks: bool) -> None:
        self._table = table
        self._problems = problems
        self._beside_checks = beside_checks
        self._required = {column.name for column in table.columns if column.required}
        self.columns: list[Column | None] = []
        """What each cell of a line is, by the header; None for an unknown column."""

    def read(self, path: Path, digest: Any) -> list[Placed]:
        """Return the rows of a file. Raises OSError."""
        if path.stat().st_size > FILE_MAX_BYTES:
            self._wrong(1, 1, f"larger than FILE_MAX_BYTES, {FILE_MAX_BYTES} bytes")
            return []
        with path.open("rb") as file:
            encoding = self._encoding(file, digest)
            if encoding is None:
                return []
            file.seek(0)
            with io.TextIOWrapper(file, encoding, newline="") as text:
                return list(self._rows(csv.reader(text, strict=True)))

    def _encoding(self, file: BinaryIO, digest: Any) -> str | None:
        """Return the encoding that the whole file is valid in."""
        possible = {name: codecs.getincrementaldecoder(name)() for name in ("utf-8-sig", "gb18030")}
        while chunk := file.read(CHUNK_BYTES):
            digest(chunk)
            for name, decoder in list(possible.items()):
                if not _decodes(decoder, chunk):
                    del possible[name]
            if self._beside_checks:
                time.sleep(PAUSE_S)
        for name, decoder in possible.items():
            if _decodes(decoder, b"", final=True):
                return name
        self._wrong(1, 1, "neither UTF-8 nor GB 18030", "save it as CSV UTF-8")
        return None

    def _rows(self, reader: Any) -> Iterator[Placed]:
        start = 1
        count = 0
        try:
            for cells in paced(reader, beside_checks=self._beside_checks):
                line, start = start, reader.line_num + 1
                if not any(cells):
                    continue
                if not self.columns:
                    self._header(cells, line)
                    continue
                count += 1
                if count > ROWS_PER_FILE_MAX:
                    self._wrong(line, 1, f"more than ROWS_PER_FILE_MAX, {ROWS_PER_FILE_MAX} rows")
                    return
                row = self._row(cells, line)
                if row is not None:
                    yield Placed(line, row)
        except csv.Error as error:
            self._wrong(reader.line_num, 1, f"not valid CSV: {error}")
        if not self.columns:
            self._wrong(1, 1, "has no header")

    def _header(self, cells: list[str], line: int) -> None:
        by_name = {name: column for column in self._table.columns for name in (column.name, column.title)}
        for number, cell in enumerate(cells, 1):
            name = cell.strip()
            column = by_name.get(name)
            if column is None:
                self._wrong(line, number, f"unknown column `{name}`", did_you_mean(name, by_name))
            elif column in self.columns:
                self._wrong(line, number, f"column `{column.name}` stands twice")
            self.columns.append(column)
        for column in self._table.columns:
            if column.required and column not in self.columns:
                self._wrong(line, 1, f"column `{column.name}` ({column.title}) is missing")

    def _row(self, cells: list[str], line: int) -> msgspec.Struct | None:
        if len(cells) != len(self.columns):
            self._wrong(line, 1, f"{len(cells)} cells where the header has {len(self.columns)}")
            return None
        found: dict[str, object] = {}
        is_good = True
        for number, (column, cell) in enumerate(zip(self.columns, cells, strict=True), 1):
            text = cell.strip()
            if column is None or not text:
                if column is not None and column.required:
                    self._wrong(line, number, f"`{column.name}` is empty")
                continue
            try:
                found[column.name] = column.read(text)
            except CellError as error:
                self._wrong(line, number, f"`{column.name}` is `{_short(text)}`, expected {error}", error.help)
                is_good = False
        return self._table.row(**found) if is_good and self._required <= found.keys() else None

    def _wrong(self, line: int, column: int, message: str, help_text: str = "") -> None:
        self._problems.append(Diagnostic(self._table.file, line, column, message, help_text))


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


VALUE_SHOWN_CHARACTERS = 60


def _short(value: str) -> str:
    return value if len(value) <= VALUE_SHOWN_CHARACTERS else value[:VALUE_SHOWN_CHARACTERS] + "…"
