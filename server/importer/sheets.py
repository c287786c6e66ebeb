"""From the sheets of a workbook to its entries: what each row publishes, of which rule; and what is no entry.

A sheet is recognised by what is in it: its column 限定类型, else its columns, else the title that it bears. Batches 1
to 6 are often kept in two sheets, of which one says what is limited for each name and the other lists the codes of
each name; they are joined by the name.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from ruleset.pack.diagnostics import Diagnostic, did_you_mean
from server.importer import published
from server.importer.columns import Header, Table, find_header, plain
from server.importer.definitions import DEFINED_ROLES, Definitions
from server.importer.remarks import Remarks
from server.importer.texts import is_limit
from server.importer.workbook import ImportRefusedError, Place, Sheet, SheetRow

LIST_MARKS = re.compile(r"[\s,，、;；|]+")
DAY = re.compile(r"(\d{4})[-年/.](\d{1,2})[-月/.](\d{1,2})日?")


class Entry(NamedTuple):
    """One row of a sheet (two joined ones where the workbook has two sheets), as text."""

    place: Place
    title: str
    """The rule, by its name in the national list."""
    name: str
    codes: tuple[str, ...]
    text: str
    """The published text, word for word."""
    value: str
    change: published.Change | None
    """What becomes of the row, where the sheet says it of each."""
    published: str
    """The day of publication, where the sheet says it of each row."""
    quantity: str
    unit: str
    period: str
    window: str
    main_name: str
    main_code: str


ENTRY_ROLES = ("quantity", "unit", "period", "window", "main_name", "main_code")
"""Columns that an entry has as they are."""


class Contents(NamedTuple):
    """What a sheet holds, or two joined ones."""

    place: Place
    entries: tuple[Entry, ...]
    is_revision: bool
    """Whether the sheet calls itself one."""
    batches: frozenset[int]
    """The batches that its own title names."""
    day: str
    """The day that its own title names (ISO 8601), or nothing."""


def read_contents(sheets: Sequence[Sheet], remarks: Remarks) -> list[Contents]:
    """Return the contents of a workbook's sheets.

    Raises ImportRefusedError where a sheet with national codes is not recognised, or none of the workbook's is.
    """
    problems: list[Diagnostic] = []
    tables: list[Table] = []
    for sheet in sheets:
        try:
            table = _table(sheet, remarks)
        except ImportRefusedError as error:
            problems.extend(error.diagnostics)
            continue
        if table is not None:
            tables.append(table)
        elif _has_codes(sheet):
            problems.append(
                sheet.place(1).problem("no header found: no row names two known columns", _header_help(sheet))
            )
        elif sheet.rows:
            remarks.note(sheet.place(1), f"sheet {sheet.name} of {sheet.file} is left out: no header, no national code")
    definitions = Definitions([table for table in tables if _is_definition(table.header)], remarks)
    found: list[Contents] = []
    for table in tables:
        if not _is_definition(table.header):
            try:
                found.append(_contents(table, definitions, remarks))
            except ImportRefusedError as error:
                problems.extend(error.diagnostics)
    if definitions.tables and not found and not problems:
        missing = definitions.tables[0]
        problems.append(missing.sheet.place(missing.header.row.number).problem("no column of codes in any sheet"))
    if not found and not problems and sheets:
        problems.append(Place(sheets[0].file, "").problem("no sheet of this workbook is a published one"))
    if problems:
        raise ImportRefusedError(problems)
    definitions.report_unused()
    return found


def _is_definition(header: Header) -> bool:
    """Say whether a sheet says what is limited for a name, and leaves the codes to another."""
    return header.has("name") and not header.has("code") and (header.has("value") or header.has("text"))


def _has_codes(sheet: Sheet) -> bool:
    return any(published.class_of_code(text) for row in sheet.rows for text in row.cells)


def _header_help(sheet: Sheet) -> str:
    words = [word for words in published.ROLE_WORDS.values() for word in words]
    hints = (did_you_mean(plain(text), words) for row in sheet.rows[:3] for text in row.cells if text)
    return next(filter(None, hints), "")


def _table(sheet: Sheet, remarks: Remarks) -> Table | None:
    header = find_header(sheet)
    if header is None:
        return None
    for column in header.unused:
        place = sheet.place(header.row.number, column + 1)
        remarks.note(place, f"column `{header.row.cells[column]}` of {sheet.file}, {sheet.name} is not used")
    rows = [row for row in sheet.rows[len(header.above) + 1 :] if _is_entry(row, sheet, header, remarks)]
    return Table(sheet, header, tuple(rows))


def _is_entry(row: SheetRow, sheet: Sheet, header: Header, remarks: Remarks) -> bool:
    """Say whether a row is an entry. A footnote is remarked; a repeated header, or a serial number alone, is nothing."""
    stated = [text for text in row.cells if text]
    is_serial_alone = len(stated) == 1 and stated[0].isdecimal() and stated[0] == header.cell(row, "serial")
    if row.cells == header.row.cells or is_serial_alone or not stated:
        return False
    if any(published.class_of_code(text) for text in row.filled):
        return True
    place = sheet.place(row.number)
    text = _short(" ".join(stated))
    if published.FOOTNOTE.match(plain(stated[0])) or row.filled.count(stated[0]) >= FOOTNOTE_COLUMNS_MIN:
        remarks.footnotes.append(place.problem(f"footnote: {text}"))
        return False
    if len(stated) == 1:
        remarks.not_understood.append(place.problem(f"only one cell: {text}"))
        return False
    return True


FOOTNOTE_COLUMNS_MIN = 3
"""A cell merged across this many columns is no cell of the table."""
FOOTNOTE_SHOWN_CHARACTERS = 60


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= FOOTNOTE_SHOWN_CHARACTERS else text[:FOOTNOTE_SHOWN_CHARACTERS] + "…"


def _contents(table: Table, definitions: Definitions, remarks: Remarks) -> Contents:
    sheet, header = table.sheet, table.header
    if header.has("main_code") != header.has("sub_code"):
        lacking = "sub_code" if header.has("main_code") else "main_code"
        raise _lacking(table, lacking)
    if not header.has("main_code"):
        for role in ("code", "name"):
            if not header.has(role):
                raise _lacking(table, role)
    joined = [*definitions.tables, table] if _is_joined(header, definitions) else [table]
    bears = " ".join(text for part in joined for text in part.titles())
    title_of = _recognise(table, definitions, plain(bears), remarks)
    entries = tuple(_entries(table, definitions, title_of, remarks))
    return Contents(
        place=sheet.place(header.row.number),
        entries=entries,
        is_revision=bool(published.REVISION_WORDS.search(bears)),
        batches=frozenset(published.batches_named(plain(bears))),
        day=iso_day(bears),
    )


def _is_joined(header: Header, definitions: Definitions) -> bool:
    """Say whether a sheet of codes needs another one to say what is limited."""
    return bool(definitions.tables) and not header.has("value") and not header.has("text")


def _lacking(table: Table, role: str) -> ImportRefusedError:
    words = "、".join(published.ROLE_WORDS[role][:3])
    message = f"no column `{published.ROLE_WORDS[role][0]}`"
    return ImportRefusedError([table.sheet.place(table.header.row.number).problem(message, f"known names: {words}…")])


TitleOf = Callable[[str, str, str, str], str | None]
"""Kind, code, value and text of a row to the name of its rule; None where they mean none."""


def _recognise(table: Table, definitions: Definitions, bears: str, remarks: Remarks) -> TitleOf:
    """Return what says of each row which rule it is of. Raises ImportRefusedError where nothing does."""
    header = table.header
    stated = _stated_title(bears)
    by_columns = _title_by_columns(header)
    if header.has("kind") or (_is_joined(header, definitions) and definitions.have_kinds):
        return _title_by_kind
    title = by_columns or stated
    if title is None:
        named = published.TITLE.search(bears)
        text = f"rule `{named[1]}` is not one whose sheets are understood" if named else "no rule is recognised"
        columns = "、".join(filter(None, header.row.cells))
        help_text = f"its columns are {columns}; needed: 限定类型, or a title such as “{published.EXCLUSIVE}”规则"
        raise ImportRefusedError([table.sheet.place(header.row.number).problem(text, help_text)])
    if title in published.HERB_CUES:
        title = _herb_title(table, title)
    if stated is not None and stated != title:
        note = f"the title of {table.sheet.file} says {stated}, its content is {title}: the content decides"
        remarks.note(table.sheet.place(1), note)
    return lambda _kind, _code, _value, _text: title


def _stated_title(bears: str) -> str | None:
    found = [title for title in published.TEMPLATES_OF if title in bears]
    return max(found, key=len) if found else None


def _title_by_columns(header: Header) -> str | None:
    if header.has("main_code", "sub_code"):
        return published.EXCLUSIVE
    if header.has("quantity", "period"):
        return published.PER_PERIOD
    if header.has("quantity", "unit"):
        return published.PER_DAY
    return None


def _herb_title(table: Table, title: str) -> str:
    """Return the rule of a sheet of herbs, by its texts where they all say the same, else by its title."""
    texts = [table.header.cell(row, "text") for row in table.rows]
    saying = [name for name, cue in published.HERB_CUES.items() if texts and all(cue.search(text) for text in texts)]
    return saying[0] if len(saying) == 1 else title


def _title_by_kind(kind: str, code: str, value: str, text: str) -> str | None:
    """Return the rule that 限定类型 means for an item of this class, told apart by value or text where it means two."""
    item_class = published.class_of_code(code)
    titles = published.KINDS.get(kind, {}).get(item_class, ()) if item_class else ()
    if titles == published.KINDS["限定年龄对象"]["drug"]:
        # The catalogue's limits of payment begin with 限; what only describes a medicine for children does not.
        return published.DRUG_CHILD_LIMITED if is_limit(text) else published.DRUG_CHILD_ONLY
    if len(titles) > 1:
        titles = tuple(title for title in titles if value and f"限{value}保险" in title)
    return titles[0] if titles else None


def _entries(table: Table, definitions: Definitions, title_of: TitleOf, remarks: Remarks) -> Iterator[Entry]:
    header, sheet = table.header, table.sheet
    is_joined = _is_joined(header, definitions)
    for row in table.rows:
        place = sheet.place(row.number)
        kind, value, text, change, day = (header.cell(row, role) for role in DEFINED_ROLES)
        name = header.cell(row, "name") or header.cell(row, "sub_name")
        if is_joined:
            meaning = definitions.meaning(name, kind, place)
            if meaning is None:
                continue
            kind, value, text, *rest = meaning
            change, day = (own or other for own, other in zip((change, day), rest, strict=True))
        codes = tuple(filter(None, LIST_MARKS.split(header.cell(row, "code") or header.cell(row, "sub_code"))))
        reason = _row_problem(header, row, name, codes)
        title = None if reason else title_of(kind, codes[0], value, text)
        if not reason and title is None:
            reason = f"`{kind}` of `{value}` for `{codes[0]}` means no rule"
        if not reason and title is not None:
            reason = _class_problem(title, codes)
        if not reason and change and change not in published.CHANGES:
            reason = f"`{change}` is no known change; known: {'、'.join(published.CHANGES)}"
        if reason or title is None:
            remarks.not_understood.append(place.problem(reason))
            continue
        others = {role: header.cell(row, role) for role in ENTRY_ROLES}
        yield Entry(place, title, name, codes, text, value, published.CHANGES.get(change), day, **others)


def _row_problem(header: Header, row: SheetRow, name: str, codes: Sequence[str]) -> str:
    """Return what is wrong with a row's name and codes, or nothing."""
    if not name:
        return "no name"
    if not codes:
        return f"no code for `{name}`"
    checked = list(codes)
    if header.has("main_code"):
        if len(codes) != 1 or not header.cell(row, "main_name"):
            return "not one main item and one sub item"
        checked.append(header.cell(row, "main_code"))
    for code in checked:
        if published.class_of_code(code) is None:
            column = next((number for number, text in enumerate(row.cells) if text == code), -1)
            hint = ", stored as a number: its leading zeros are lost" if column in row.numeric else ""
            return f"`{_short(code)}` has the shape of no national code{hint}"
    return ""


def _class_problem(title: str, codes: Sequence[str]) -> str:
    expected = published.class_of_title(title)
    for code in codes:
        found = published.class_of_code(code)
        if found is not None and found != expected:
            words = published.CLASS_WORDS
            return f"`{code}` is the code of a {words[found]}, {title} is about {words[expected]}s"
    return ""


def iso_day(text: str) -> str:
    """Return a day that a cell states (2026-01-06, 2026年1月6日, 2026/1/6) as ISO 8601; nothing where it is none."""
    match = DAY.search(plain(text))
    try:
        return date(*map(int, match.groups())).isoformat() if match else ""
    except ValueError:
        return ""
