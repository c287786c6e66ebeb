"""Row files of a pack as an import sees them: read, changed, and written so that what did not change stays as it was."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, get_origin

import msgspec

from ruleset.pack.check import FIRST_DAY, row_id_of
from ruleset.pack.source import RawRow, RawTable, RuleSource
from ruleset.templates import TEMPLATES
from server.importer.rows import LIST_SEPARATOR

VALID_FROM = "valid_from"
VALID_TO = "valid_to"
BASIS_COLUMNS = ("basis_id", "basis_text", "source")
EXPANDED_MARK = "（由原文展开）"
"""Ends the `source` of a row that was read out of the text of another rule's row."""


class PackRow:
    """One row of a row file. `cells` may be changed."""

    __slots__ = ("cells",)

    def __init__(self, cells: dict[str, str]) -> None:
        self.cells = cells

    @property
    def since(self) -> date:
        """The first day on which the row is in force."""
        text = self.cells.get(VALID_FROM)
        return date.fromisoformat(text) if text else date.min

    @property
    def until(self) -> date:
        """The first day on which it is no longer."""
        text = self.cells.get(VALID_TO)
        return date.fromisoformat(text) if text else date.max

    @property
    def is_expanded(self) -> bool:
        """Whether an import read it out of the text of another rule's row."""
        return self.cells.get("source", "").endswith(EXPANDED_MARK)

    def is_in_force(self, day: date) -> bool:
        """Say whether the row is in force on a day."""
        return self.since <= day < self.until


class RowFile:
    """One row file: its header and its rows, in the file's order. A file that is not there yet is empty."""

    def __init__(self, root: Path, rule_id: str, table: RawTable | None) -> None:
        self.path = f"rows/{rule_id}.csv"
        self.before = (root / self.path).read_bytes() if table is not None else b""
        self.header: list[str] = list(table.header) if table is not None else []
        self.rows: list[PackRow] = [PackRow(dict(row.cells)) for row in table.rows] if table is not None else []
        self.is_changed = False

    def change(self, names: Iterable[str]) -> None:
        """Mark the file as changed. The columns that its header lacks come after those that it has."""
        self.is_changed = True
        self.header.extend(name for name in names if name not in self.header)

    def after(self) -> bytes:
        """Return the file's bytes as they will be: with the line ends and the byte order mark that it had."""
        if not self.is_changed:
            return self.before
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n" if b"\r\n" in self.before else "\n")
        writer.writerow(self.header)
        writer.writerows([row.cells.get(name, "") for name in self.header] for row in self.rows)
        mark = b"\xef\xbb\xbf" if self.before.startswith(b"\xef\xbb\xbf") else b""
        return mark + text.getvalue().encode()

    def table(self) -> RawTable:
        """Return the rows as the pack's checks take them, each with the line on which it will stand."""
        rows: list[RawRow] = []
        line = 2
        for row in self.rows:
            cells = {name: row.cells.get(name, "") for name in self.header}
            rows.append(RawRow(line, cells))
            line += 1 + sum(text.count("\n") for text in cells.values())
        return RawTable(self.path, tuple(self.header), tuple(rows))


def row_id(rule_id: str, rule: RuleSource, cells: Mapping[str, str]) -> str:
    """Return a row's id as the compiled pack will have it."""
    if cells.get("row_id"):
        return cells["row_id"]
    template = TEMPLATES[rule.template]
    values: dict[str, Any] = dict(rule.constants)
    for name, is_list in _columns_of(rule.template):
        text = cells.get(name, "")
        if text:
            values[name] = text.split(LIST_SEPARATOR) if is_list else text
    try:
        params = msgspec.convert(values, template.columns, strict=False)
    except msgspec.ValidationError:
        # The pack's checks say what is wrong with the row; here its items name it well enough.
        return f"{rule_id}:{'+'.join(codes_of(cells))}"
    since = cells.get(VALID_FROM)
    return row_id_of(rule_id, template, params, date.fromisoformat(since).toordinal() if since else FIRST_DAY)


@cache
def _columns_of(template_id: str) -> tuple[tuple[str, bool], ...]:
    """Return a template's columns, each with whether its cells are lists."""
    fields = msgspec.structs.fields(TEMPLATES[template_id].columns)
    return tuple((field.name, get_origin(field.type) is tuple) for field in fields)


def codes_of(cells: Mapping[str, str]) -> tuple[str, ...]:
    """Return the item codes that a row speaks of; of a pair, both as one."""
    if cells.get("item_codes"):
        return tuple(cells["item_codes"].split(LIST_SEPARATOR))
    if cells.get("main_code"):
        return (f"{cells['sub_code']}+{cells['main_code']}",)
    return (cells.get("item_code", ""),)


def identity_of(cells: Mapping[str, str]) -> tuple[str, ...]:
    """Return what two rows of one rule share that speak of the same: their items, and the group of operations."""
    return (*sorted(codes_of(cells)), cells.get("surgery_group", ""))
