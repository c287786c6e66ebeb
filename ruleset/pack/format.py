"""The canonical form of a pack's tables, so that a diff shows what changed and not who saved the file.

Columns stand in one order (`row_id`, the template's in its schema's order, then the common ones in theirs), cells are
quoted only where they must be, lines end with LF, the text is UTF-8 without a byte order mark. Rows stay in the order
that people gave them, which says something (a batch, a chapter); `sort` puts them in the order of their key columns and days
instead, for tables that several people edit. Cells are not touched.

TOML is left as it is: comments and the order of its keys belong to its author, and no library keeps both through a
rewrite that would be worth having.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from ruleset.pack.source import (
    COMMON_COLUMNS,
    EXEMPT_COLUMNS,
    IDENTITY_COLUMNS,
    LIST_COLUMNS,
    SCOPE_COLUMNS,
    STATED_COLUMNS,
    SUBSTANCE_COLUMNS,
    PackSource,
    RawRow,
    RawTable,
    read_table,
)
from ruleset.template import Template
from ruleset.templates import TEMPLATES

ROW_ID, VALID_FROM, VALID_TO = IDENTITY_COLUMNS
ORDER_OF_COMMON = (VALID_FROM, VALID_TO, *SCOPE_COLUMNS, *EXEMPT_COLUMNS, *STATED_COLUMNS)
"""After the template's columns: when, for whom, and then what is said of the row."""


class Formatted(msgspec.Struct, frozen=True):
    """One file of a pack in its canonical form. `path` is relative to the pack."""

    path: str
    before: bytes
    after: bytes

    @property
    def is_canonical(self) -> bool:
        """Whether the file has that form already."""
        return self.before == self.after


def formatted(source: PackSource, *, sort: bool = False) -> Iterator[Formatted]:
    """Yield every table of a pack. A row file of an unknown template keeps the order of its columns."""
    root = Path(source.root)
    for rule_id, table in sorted(source.tables.items()):
        rule = source.rules.get(rule_id)
        template = TEMPLATES.get(rule.template) if rule is not None else None
        rows = _sorted(table, template) if sort and template is not None else table.rows
        yield _file(root, table.path, column_order(table.header, template), rows)
    if source.substances is not None:
        rows = source.substances.rows
        rows = sorted(rows, key=lambda row: row.cells.get("ingredient", "")) if sort else rows
        order = tuple(name for name in SUBSTANCE_COLUMNS if name in source.substances.header)
        yield _file(root, source.substances.path, order, rows)
    for named in source.lists.values():
        table = read_table(root, Path(named.path))
        rows = (
            sorted(table.rows, key=lambda row: tuple(row.cells.get(name, "") for name in LIST_COLUMNS))
            if sort
            else table.rows
        )
        order = tuple(name for name in LIST_COLUMNS if name in table.header)
        yield _file(root, named.path, order, rows)


def column_order(header: Sequence[str], template: Template | None) -> tuple[str, ...]:
    """Return the columns of a row file in their canonical order; those that nobody knows stand last, as they stood."""
    if template is None:
        return tuple(header)
    known = (ROW_ID, *template.columns.__struct_fields__, *ORDER_OF_COMMON)
    places = {name: place for place, name in enumerate(known)}
    return tuple(sorted(header, key=lambda name: places.get(name, len(places))))


def _sorted(table: RawTable, template: Template) -> list[RawRow]:
    """Return rows by their key columns, then by day, then by everything else: the same whatever their order was."""
    columns = template.columns.__struct_fields__
    key = [name for name in template.row_name if name in columns] or [name for name in columns if name in table.header]
    order = [*key, VALID_FROM, *column_order(table.header, template)]
    return sorted(table.rows, key=lambda row: tuple(row.cells.get(name, "") for name in order))


def _file(root: Path, path: str, order: Sequence[str], rows: Sequence[RawRow]) -> Formatted:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    writer.writerow(order)
    writer.writerows([row.cells[name] for name in order] for row in rows)
    return Formatted(path, (root / path).read_bytes(), text.getvalue().encode("utf-8"))


assert set(ORDER_OF_COMMON) | {ROW_ID} == set(COMMON_COLUMNS)
