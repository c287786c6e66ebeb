"""The dictionary that checks look codes up in: made once from the tables, and never changed.

Every table is either there or not. Without a table nothing is looked up in it and nothing misses from it; with one,
a code that it does not have is unmapped.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ruleset import codes, units
from ruleset.case import ItemKind, Practitioner, Privilege
from ruleset.pack.diagnostics import Diagnostic
from server.dictionary.reading import DictionaryError, Placed, Tables, read_tables
from server.dictionary.tables import (
    TABLE_OF,
    DepartmentRow,
    DiagnosisRow,
    IncisionClass,
    ItemRow,
    OperationRow,
    PrivilegeRow,
)

_OF_THE_NATIONAL_CODE = ("kind", "ingredients", "classes", "antibiotic_grade", "form", "strength")
"""What a national code fixes: items of one code must agree in it, and know it of each other."""
_OF_THE_LOCAL_ITEM = ("name", "pack_size", "specification")
"""What items of one national code may differ in: a pharmacy sells by the box here and by the tablet there."""
_WITH = {"strength": ("strength_unit",)}
"""A unit is no fact of its own."""
_LINE_FIELD = {"name": "local_name", "kind": "item_kind", "national_code": "item_code"}


class Item(msgspec.Struct, frozen=True, gc=False):
    """What the dictionary knows of one item."""

    national_code: str
    facts: tuple[tuple[str, Any], ...]
    """Fields of `ruleset.case.Line` with their values; a line takes those that it does not state."""
    grade: str
    """The class by its antibiotic grade; empty for no antibiotic, or an unknown grade."""


class Coded(NamedTuple):
    """What a code of a diagnosis, an operation or a department stands for."""

    code: str
    """The national (standard) code."""
    name: str
    incision_class: IncisionClass | None = None


class Doctor(NamedTuple):
    """A doctor of the dictionary. `practitioner` is None where the dictionary has no privileges at all."""

    title: str
    practitioner: Practitioner | None


class Dictionary(msgspec.Struct, frozen=True):
    """All tables, ready to be looked up in. None for a table that is not there."""

    directory: str = ""
    digest: str = ""
    rows: Mapping[str, int] = {}
    """How many rows each table has."""
    items: Mapping[str, Item] | None = None
    """By national code."""
    local_items: Mapping[str, Item] = {}
    item_kinds: frozenset[ItemKind] = frozenset()
    """The catalogues that the items are of: of others the dictionary says nothing, and nothing misses. Empty: of all."""
    diagnoses: Mapping[str, Coded] | None = None
    """By local and by national code; the local one where a code is both."""
    operations: Mapping[str, Coded] | None = None
    departments: Mapping[str, Coded] | None = None
    doctors: Mapping[str, Doctor] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to look anything up in."""
        return not self.rows


NO_DICTIONARY = Dictionary()


def load_dictionary(directory: str, *, beside_checks: bool = False) -> Dictionary:
    """Return the dictionary of a directory; the empty one for "". Raises DictionaryError with every fault."""
    if not directory:
        return NO_DICTIONARY
    tables, problems = read_tables(Path(directory), beside_checks=beside_checks)
    dictionary = dictionary_of(tables, problems)
    if problems:
        raise DictionaryError(directory, problems)
    return dictionary


class _Faults:
    """What the tables contradict themselves in, each with its place."""

    def __init__(self, tables: Tables, problems: list[Diagnostic]) -> None:
        self._tables = tables
        self._problems = problems

    def at(self, table: str, line: int, column: str, message: str, help_text: str = "") -> None:
        """Add a fault in the cell of a column; in the first cell where the file has no such column."""
        header = self._tables.headers[table]
        number = header.index(column) + 1 if column in header else 1
        self._problems.append(Diagnostic(TABLE_OF[table].file, line, number, message, help_text))

    def twice(self, table: str, line: int, column: str, value: str, first: int) -> None:
        """Add that a value that names its row names another one too."""
        self.at(table, line, column, f"`{column}` `{value}` stands at line {first} too")


def dictionary_of(tables: Tables, problems: list[Diagnostic]) -> Dictionary:
    """Return the dictionary of some tables; what they contradict themselves in is added to `problems`."""
    rows = tables.rows
    faults = _Faults(tables, problems)
    items, local_items = _items(rows.get("items", ()), faults)
    departments = _coded("departments", rows, faults)
    return Dictionary(
        directory=tables.directory,
        digest=tables.digest,
        rows={name: len(placed) for name, placed in rows.items()},
        items=items if "items" in rows else None,
        local_items=local_items,
        item_kinds=frozenset(placed.row.kind for placed in rows.get("items", ()) if placed.row.kind),
        diagnoses=_coded("diagnoses", rows, faults),
        operations=_coded("operations", rows, faults),
        departments=departments,
        doctors=_doctors(rows, departments or {}, faults),
    )


def _items(placed_rows: Iterable[Placed], faults: _Faults) -> tuple[dict[str, Item], dict[str, Item]]:
    """Return the items by national and by local code."""
    by_national: dict[str, list[tuple[int, ItemRow]]] = {}
    local: dict[str, tuple[int, ItemRow]] = {}
    for line, row in placed_rows:
        for column, message in _item_problems(row):
            faults.at("items", line, column, message)
        whole = _with_amount(row)
        if row.national_code:
            by_national.setdefault(row.national_code, []).append((line, whole))
        if row.local_code:
            first, _ = local.setdefault(row.local_code, (line, whole))
            if first != line:
                faults.twice("items", line, "local_code", row.local_code, first)
    shared = {code: _shared(code, rows, faults) for code, rows in by_national.items()}
    return (
        {code: _item(row, row) for code, row in shared.items()},
        {code: _item(row, shared.get(row.national_code, row)) for code, (_, row) in local.items()},
    )


def _item_problems(row: ItemRow) -> Iterator[tuple[str, str]]:
    """Yield column and text of what is wrong with an item by itself."""
    if not row.local_code and not row.national_code:
        yield "local_code", "neither `local_code` nor `national_code`"
    if (row.strength is None) != (not row.strength_unit):
        yield "strength", "`strength` and `strength_unit` go together"
    if row.antibiotic_grade and not row.classes and not codes.atc_of(row.national_code):
        # Else the item would be known to be of no other class: rules about its class would be silent.
        message = "`antibiotic_grade` needs `classes`, where no national code of a western drug says the class"
        yield "antibiotic_grade", message
    if len(row.ingredients) == 1 and row.strength is not None:
        (only,) = row.ingredients
        if only.amount is not None and _quantity(only.amount, only.unit) != _quantity(row.strength, row.strength_unit):
            stated = f"{only.amount} {only.unit}"
            yield (
                "ingredients",
                f"the only substance has {stated}, but the strength is {row.strength} {row.strength_unit}",
            )


def _quantity(number: Decimal | None, unit: str) -> Hashable:
    """Return an amount as what does not depend on its unit: 0.25 g is 250 mg."""
    known = units.read_unit(unit) if unit else None
    if number is None or known is None:
        return (number, unit)
    return (known.dimension, Fraction(number) * known.size)


def _comparable(row: ItemRow, name: str) -> Hashable:
    """Return a fact of an item so that the same fact in other words is equal; None where it is not stated."""
    if not getattr(row, name):
        return None
    if name == "strength":
        return _quantity(row.strength, row.strength_unit)
    if name == "ingredients":
        return frozenset((only.name, _quantity(only.amount, only.unit)) for only in row.ingredients)
    if name == "classes":
        return frozenset(row.classes)
    value: Hashable = getattr(row, name)
    return value


def _with_amount(row: ItemRow) -> ItemRow:
    """Return the row with the strength as the amount of its only substance."""
    if len(row.ingredients) != 1 or row.strength is None or row.ingredients[0].amount is not None:
        return row
    whole = msgspec.structs.replace(row.ingredients[0], amount=row.strength, unit=row.strength_unit)
    return msgspec.structs.replace(row, ingredients=(whole,))


def _shared(code: str, rows: list[tuple[int, ItemRow]], faults: _Faults) -> ItemRow:
    """Return what the items of one national code have in common; what the code fixes must not differ."""
    if len(rows) == 1:
        return rows[0][1]
    facts: dict[str, Any] = {}
    for name in (*_OF_THE_NATIONAL_CODE, *_OF_THE_LOCAL_ITEM):
        stated: dict[Hashable, tuple[int, ItemRow]] = {}
        for line, row in rows:
            value = _comparable(row, name)
            if value is not None:
                stated.setdefault(value, (line, row))
        if len(stated) > 1 and name in _OF_THE_NATIONAL_CODE:
            (one, _), (other, _), *_ = stated.values()
            message = f"`{name}` of national code `{code}` differs from line {one}"
            faults.at("items", other, name, message, "items of one national code are one product")
        elif len(stated) == 1:
            ((_, row),) = stated.values()
            facts |= {field: getattr(row, field) for field in (name, *_WITH.get(name, ()))}
    return ItemRow(national_code=code, **facts)


def _item(row: ItemRow, shared: ItemRow) -> Item:
    values: dict[str, Any] = {}
    for name in _OF_THE_NATIONAL_CODE:
        known = row if getattr(row, name) else shared
        values |= {field: getattr(known, field) for field in (name, *_WITH.get(name, ()))}
    values |= {name: getattr(row, name) for name in _OF_THE_LOCAL_ITEM}
    grade = values.pop("antibiotic_grade") or ""
    values["national_code"] = row.national_code
    facts = ((_LINE_FIELD.get(name, name), value) for name, value in values.items() if value)
    return Item(row.national_code, tuple(facts), grade)


def _coded(table: str, rows: Mapping[str, list[Placed]], faults: _Faults) -> dict[str, Coded] | None:
    """Return what each code of a table stands for; the local meaning of a code that is also a national one."""
    if table not in rows:
        return None
    national: dict[str, list[Coded]] = {}
    local: dict[str, tuple[int, Coded]] = {}
    for line, row in rows[table]:
        coded = _coded_row(row)
        national.setdefault(coded.code, []).append(coded)
        if row.local_code:
            first, _ = local.setdefault(row.local_code, (line, coded))
            if first != line:
                faults.twice(table, line, "local_code", row.local_code, first)
    by_code = {code: _common(entries) for code, entries in national.items()}
    return by_code | {code: coded for code, (_, coded) in local.items()}


def _coded_row(row: DiagnosisRow | OperationRow | DepartmentRow) -> Coded:
    if isinstance(row, DepartmentRow):
        return Coded(row.standard_code, row.name)
    incision_class = row.incision_class if isinstance(row, OperationRow) else None
    return Coded(row.national_code, row.name, incision_class)


def _common(entries: list[Coded]) -> Coded:
    """Return what a national code stands for, whichever local one it came from."""
    classes = {entry.incision_class for entry in entries}
    return entries[0]._replace(incision_class=classes.pop() if len(classes) == 1 else None)


def _doctors(
    rows: Mapping[str, list[Placed]], departments: Mapping[str, Coded], faults: _Faults
) -> dict[str, Doctor] | None:
    """Return the doctors with their privileges. Privileges of a doctor who is not there are nobody's."""
    if "practitioners" not in rows:
        if "privileges" in rows:
            message = "needs practitioners.csv: a doctor without privileges could not be told from an unknown one"
            faults.at("privileges", 1, "", message)
        return None
    privileges = _privileges(rows["privileges"], faults) if "privileges" in rows else None
    doctors: dict[str, Doctor] = {}
    lines: dict[str, int] = {}
    for line, row in rows["practitioners"]:
        identifier = row.practitioner_id
        first = lines.setdefault(identifier, line)
        if first != line:
            faults.twice("practitioners", line, "practitioner_id", identifier, first)
        practitioner = None
        if privileges is not None:
            known = departments.get(row.department_code)
            department = known.code if known is not None else row.department_code
            held = tuple(privileges.get(identifier, ()))
            practitioner = Practitioner(identifier, row.name, row.title, department, held)
        doctors[identifier] = Doctor(row.title, practitioner)
    return doctors


def _privileges(placed_rows: list[Placed], faults: _Faults) -> dict[str, list[Privilege]]:
    """Return the privileges by doctor."""
    if not placed_rows:
        message = "has no row, so no doctor could prescribe anything that needs a privilege"
        help_text = "remove the file where the hospital keeps no such list: privileges are then unknown"
        faults.at("privileges", 1, "", message, help_text)
    held: dict[str, list[Privilege]] = {}
    lines: dict[PrivilegeRow, int] = {}
    for line, row in placed_rows:
        first = lines.setdefault(row, line)
        if first != line:
            faults.at("privileges", line, "privilege", f"says the same as line {first}")
        if row.valid_from and row.valid_to and row.valid_to < row.valid_from:
            message = f"never valid: `valid_to` {row.valid_to} is before `valid_from` {row.valid_from}"
            faults.at("privileges", line, "valid_to", message)
        held.setdefault(row.practitioner_id, []).append(Privilege(row.privilege, row.valid_from, row.valid_to))
    return held
