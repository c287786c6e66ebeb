"""A spreadsheet file to sheets of text cells, within limits.

Read with python-calamine: the Rust reader of the same name, some thirty times faster than openpyxl, no further
dependency, and no expansion of XML entities. It lays a sheet out as a full rectangle, so one stray cell far away
would ask for all the memory there is and end the process: what a file would become is measured before it is read.
"""

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum

from ruleset.pack.diagnostics import Diagnostic, PackError

MEBIBYTE = 1024 * 1024
FILES_MAX = 200
"""Files of one import."""
FILE_MAX_BYTES = 64 * MEBIBYTE
"""One spreadsheet file as it lies on the disk."""
UNPACKED_MAX_BYTES = 256 * MEBIBYTE
"""What one spreadsheet file unpacks to; a workbook is a ZIP archive."""
SHEET_CELLS_MAX = 4_000_000
"""Cells of one sheet: its last row times its last column; and the cells of its merged blocks."""
READ_AT_ONCE_BYTES = MEBIBYTE

CELL_REFERENCE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]*)(\d+)["']""")
LONGEST_COLUMN_LETTERS = 8
LONGEST_REFERENCE_BYTES = 64
"""How much of a part is looked at again with the next, so that a reference that lies across both is seen."""
ZIP_BEGIN = b"PK"
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What `zipfile` raises for an archive that is damaged, encrypted, or packed by a method that it does not know."""
OLE_BEGIN = b"\xd0\xcf\x11\xe0"


class ImportRefusedError(PackError):
    """An import that is not done, with every reason; nothing was written."""


class Place(NamedTuple):
    """Where in the publication something stands. Row and column are 1-based, as the spreadsheet shows them."""

    file: str
    sheet: str
    row: int = 1
    column: int = 1

    def problem(self, message: str, help_text: str = "") -> Diagnostic:
        """Return something to say about this place."""
        name = f"{self.file}[{self.sheet}]" if self.sheet else self.file
        return Diagnostic(name, self.row, self.column, message, help_text)

    def text(self) -> str:
        """Return the place as one Chinese phrase."""
        return f"{self.file}，{self.sheet}，第{self.row}行"


class SheetRow(NamedTuple):
    """One row that is not blank. `cells` are as long as the sheet is wide; merged cells are filled in `filled` only."""

    number: int
    cells: tuple[str, ...]
    """What stands in each cell: the text as it is, less blanks at its ends; a whole number without a fraction."""
    filled: tuple[str, ...]
    """The same, with each cell of a merged block holding what the block shows."""
    numeric: frozenset[int]
    """The columns (0-based) whose cell holds a number: a code there has lost its leading zeros."""


class Sheet(NamedTuple):
    """One sheet of a workbook."""

    file: str
    name: str
    rows: tuple[SheetRow, ...]

    def place(self, row: int, column: int = 1) -> Place:
        """Return a place in this sheet."""
        return Place(self.file, self.name, row, column)


def find_files(paths: Iterable[Path]) -> list[Path]:
    """Return the spreadsheet files that the paths name: files, and the `.xlsx` files of directories.

    Raises ImportRefusedError for a path that is neither, a directory without any, and more than FILES_MAX.
    """
    problems: list[Diagnostic] = []
    files: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            # A spreadsheet that someone has open leaves a lock file `~$NAME.xlsx` beside it.
            found = sorted(file for file in path.glob("*.xlsx") if not file.name.startswith("~$"))
            if not found:
                problems.append(Diagnostic(str(path), 1, 1, "no .xlsx file in this directory"))
        elif path.is_file():
            found = [path]
        else:
            problems.append(Diagnostic(str(path), 1, 1, "no such file or directory"))
            continue
        files.update((file.resolve(), file) for file in found)
    if len(files) > FILES_MAX:
        problems.append(Diagnostic("PATH", 1, 1, f"{len(files)} files, FILES_MAX is {FILES_MAX}"))
    if problems:
        raise ImportRefusedError(problems)
    return list(files.values())


def read_workbook(path: Path) -> list[Sheet]:
    """Read every sheet of a file. Raises ImportRefusedError where it is no readable workbook or exceeds a limit."""
    place = Place(path.name, "")
    try:
        size = path.stat().st_size
        if size > FILE_MAX_BYTES:
            raise _refusal(place, f"{size} bytes, FILE_MAX_BYTES is {FILE_MAX_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        raise _refusal(place, f"cannot be read: {error.strerror}") from error
    if data.startswith(OLE_BEGIN):
        raise _refusal(place, "an old .xls workbook or one with a password", "save it as .xlsx without a password")
    if not data.startswith(ZIP_BEGIN):
        raise _refusal(place, "not an .xlsx workbook", "save it as .xlsx")
    _measure(place, data)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = [sheet.name for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
        return [_sheet(path.name, workbook, name) for name in names]
    except CalamineError as error:
        raise _refusal(place, f"not a readable .xlsx workbook: {error}") from error


def _refusal(place: Place, message: str, help_text: str = "") -> ImportRefusedError:
    return ImportRefusedError([place.problem(message, help_text)])


def _measure(place: Place, data: bytes) -> None:
    """Raise ImportRefusedError where the archive is damaged, or would become larger than a limit.

    Unpacks every part once and keeps none: the sizes that an archive states of itself may be false.
    """
    unpacked = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for part in archive.infolist():
                rows = columns = 0
                overlap = b""
                with archive.open(part) as stream:
                    while block := stream.read(READ_AT_ONCE_BYTES):
                        unpacked += len(block)
                        if unpacked > UNPACKED_MAX_BYTES:
                            raise _refusal(place, f"unpacks to more than UNPACKED_MAX_BYTES, {UNPACKED_MAX_BYTES}")
                        for letters, digits in CELL_REFERENCE.findall(overlap + block):
                            rows = max(rows, int(digits[:LONGEST_REFERENCE_BYTES]))
                            columns = max(columns, _column_number(letters[:LONGEST_COLUMN_LETTERS]))
                        overlap = block[-LONGEST_REFERENCE_BYTES:]
                if rows * columns > SHEET_CELLS_MAX:
                    message = f"{part.filename} reaches to row {rows} and column {columns}"
                    raise _refusal(place, f"{message}: more cells than SHEET_CELLS_MAX, {SHEET_CELLS_MAX}")
    except DAMAGE as error:
        raise _refusal(place, f"not a readable .xlsx workbook: {error}") from error


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number


def _sheet(file: str, workbook: CalamineWorkbook, name: str) -> Sheet:
    sheet = workbook.get_sheet_by_name(name)
    values = sheet.to_python(skip_empty_area=False)
    shown = _merged_texts(Place(file, name), values, sheet.merged_cell_ranges or ())
    rows = []
    for number, row in enumerate(values):
        cells = tuple(map(_text, row))
        filled = tuple(shown.get((number, column), text) for column, text in enumerate(cells)) if shown else cells
        if any(filled):
            numeric = frozenset(column for column, value in enumerate(row) if isinstance(value, (int, float)))
            rows.append(SheetRow(number + 1, cells, filled, numeric))
    return Sheet(file, name, tuple(rows))


Cell = tuple[int, int]


def _merged_texts(
    place: Place, values: Sequence[Sequence[object]], merged: Iterable[tuple[Cell, Cell]]
) -> dict[Cell, str]:
    """Return what each cell of a merged block shows, less the cells outside of the sheet's values."""
    shown: dict[Cell, str] = {}
    cells = 0
    for (top, left), (last_row, last_column) in merged:
        if top >= len(values) or left >= len(values[top]):
            continue
        text = _text(values[top][left])
        bottom, right = min(last_row, len(values) - 1), min(last_column, len(values[top]) - 1)
        cells += (bottom - top + 1) * (right - left + 1)
        if cells > SHEET_CELLS_MAX:
            raise _refusal(place, f"more cells in merged blocks than SHEET_CELLS_MAX, {SHEET_CELLS_MAX}")
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                shown[row, column] = text
    return shown


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        return value.date().isoformat()
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value).strip()
