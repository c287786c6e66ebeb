"""Which row of a sheet is its header, and which column is what."""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from ruleset.pack.diagnostics import Diagnostic, did_you_mean
from server.importer.published import ROLE_WORDS
from server.importer.workbook import ImportRefusedError, Sheet, SheetRow

HEADER_ROWS_MAX = 30
"""How far down a sheet its header is looked for."""
HEADER_WORDS_MIN = 2
"""A row with fewer known column names is no header."""

ROLE_OF = {word: role for role, words in ROLE_WORDS.items() for word in words}


class Header(NamedTuple):
    """The header of a sheet: how many of its rows come before and with it, the column of each role, and the rest."""

    above: tuple[SheetRow, ...]
    row: SheetRow
    columns: dict[str, int]
    """Role to column (0-based)."""
    unused: tuple[int, ...]
    """Columns with a name that no role has, or whose role an earlier column has."""

    def cell(self, row: SheetRow, role: str) -> str:
        """Return what a row says in the column of a role; nothing where there is no such column."""
        column = self.columns.get(role)
        return "" if column is None else row.filled[column]

    def has(self, *roles: str) -> bool:
        """Say whether every one of the roles has a column."""
        return all(role in self.columns for role in roles)


def plain(text: str) -> str:
    """Return a text for comparison: one form of each character, no blanks."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def word_of(text: str) -> str:
    """Return a header's word without what stands in brackets after it: 疗程周期（天） is 疗程周期."""
    return re.sub(r"[(\[【].*$", "", plain(text)).rstrip(":*")


def find_header(sheet: Sheet) -> Header | None:
    """Return the header of a sheet, or None where no row of it is one.

    Raises ImportRefusedError for a column whose name is nearly a known one that the sheet lacks: to leave it out
    could leave a parameter out.
    """
    for number, row in enumerate(sheet.rows[:HEADER_ROWS_MAX]):
        # A title that is merged across the table shows one word in many cells; only its own cell counts.
        roles = {role for text in row.cells if (role := ROLE_OF.get(word_of(text)))}
        if len(roles) >= HEADER_WORDS_MIN:
            return _header(sheet, sheet.rows[:number], row)
    return None


def _header(sheet: Sheet, above: tuple[SheetRow, ...], row: SheetRow) -> Header:
    columns: dict[str, int] = {}
    unused: list[int] = []
    for column, text in enumerate(row.cells):
        if text:
            role = ROLE_OF.get(word_of(text))
            if role is None or role in columns:
                unused.append(column)
            else:
                columns[role] = column
    lacking = [word for role, words in ROLE_WORDS.items() if role not in columns for word in words]
    problems: list[Diagnostic] = []
    for column in unused:
        word = word_of(row.cells[column])
        help_text = did_you_mean(word, lacking) if word not in ROLE_OF else ""
        if help_text:
            message = f"unknown column `{row.cells[column]}`"
            problems.append(sheet.place(row.number, column + 1).problem(message, help_text))
    if problems:
        raise ImportRefusedError(problems)
    return Header(above, row, columns, tuple(unused))


class Table(NamedTuple):
    """A sheet with its header, and the rows below it that are neither footnotes nor the header once more."""

    sheet: Sheet
    header: Header
    rows: tuple[SheetRow, ...]

    def titles(self) -> Iterator[str]:
        """Yield what the sheet calls itself: above its header, and by its name."""
        for row in self.header.above:
            yield from filter(None, row.cells)
        yield self.sheet.name
