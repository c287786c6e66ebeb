"""The dictionary that checks look codes up in: made once from the tables, and never changed.

Every table is either there or not. Without a table nothing is looked up in it and nothing misses from it; with one,
a code that it does not have is unmapped.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from ruleset import codes, units
from ruleset.case import Ingredient, ItemKind, Practitioner, Privilege
from ruleset.pack.diagnostics import Diagnostic
from server.dictionary.reading import DictionaryError, Placed, Tables, Worked, paced, read_tables
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


class Item(msgspec.Struct, frozen=True, gc=False):
    """What the dictionary knows of one item: fields of `ruleset.case.Line`, empty or None where it says nothing."""

    national_code: str
    local_name: str
    item_kind: ItemKind | None
    ingredients: tuple[Ingredient, ...]
    classes: tuple[str, ...]
    grade: str
    """The class by its antibiotic grade; empty for no antibiotic, or an unknown grade."""
    form: str
    strength: Decimal | None
    strength_unit: str
    pack_size: Decimal | None
    specification: str
    variant: int
    """The place of its local code, in the order of the codes, among those of one national code, from 0."""


class Coded(msgspec.Struct, frozen=True, gc=False):
    """What a code of a diagnosis, an operation or a department stands for."""

    code: str
    """The national (standard) code."""
    name: str
    incision_class: IncisionClass | None = None


class Doctor(msgspec.Struct, frozen=True, gc=False):
    """A doctor of the dictionary. `practitioner` is None where the dictionary has no privileges at all."""

    title: str
    practitioner: Practitioner | None


class Dictionary(msgspec.Struct, frozen=True):
    """All tables, ready to be looked up in. None for a table that is not there."""

    directory: str = ""
    digest: str = ""
    rows: Mapping[str, int] = {}
    """How many rows each table has; empty where there is nothing to look anything up in."""
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


NO_DICTIONARY = Dictionary()


def load_dictionary(directory: str, *, beside_checks: bool = False) -> Dictionary:
    """Return the dictionary of a directory; the empty one for "". Raises DictionaryError with every fault."""
    if not directory:
        return NO_DICTIONARY
    _, dictionary = read_dictionary(Path(directory), beside_checks=beside_checks)
    return dictionary


def read_dictionary(directory: Path, *, beside_checks: bool = False) -> tuple[Tables, Dictionary]:
    """Return the tables of a directory and the dictionary that they make. Raises DictionaryError with every fault."""
    tables, problems = read_tables(directory, beside_checks=beside_checks)
    dictionary = _dictionary_of(tables, problems, beside_checks=beside_checks)
    if problems:
        raise DictionaryError(str(directory), problems)
    return tables, dictionary


class _Work:
    """The tables that a dictionary is made from, the pace of the work, and what the tables contradict themselves in."""

    def __init__(self, tables: Tables, problems: list[Diagnostic], *, beside_checks: bool) -> None:
        self._tables = tables
        self._problems = problems
        self._beside_checks = beside_checks

    def has(self, table: str) -> bool:
        """Say whether a table is there."""
        return table in self._tables.rows

    def is_sound(self, table: str) -> bool:
        """Say whether nothing is wrong with a table so far."""
        return all(problem.path != TABLE_OF[table].file for problem in self._problems)

    def rows(self, table: str) -> Iterator[Placed]:
        """Yield the rows of a table; none where it is not there."""
        return self.paced(self._tables.rows.get(table, ()))

    def paced(self, parts: Iterable[Worked]) -> Iterator[Worked]:
        """Yield parts of the work at the pace of this work."""
        return paced(parts, beside_checks=self._beside_checks)

    def at(self, table: str, line: int, column: str, message: str, help_text: str = "") -> None:
        """Add a fault in the cell of a column; in the first cell where the file has no such column."""
        header = self._tables.headers[table]
        number = header.index(column) + 1 if column in header else 1
        self._problems.append(Diagnostic(TABLE_OF[table].file, line, number, message, help_text))

    def twice(self, table: str, line: int, column: str, value: str, first: int) -> None:
        """Add that a value that names its row names another one too."""
        self.at(table, line, column, f"`{column}` `{value}` stands at line {first} too")


def _dictionary_of(tables: Tables, problems: list[Diagnostic], *, beside_checks: bool) -> Dictionary:
    """Return the dictionary of some tables; what they contradict themselves in is added to `problems`."""
    work = _Work(tables, problems, beside_checks=beside_checks)
    items, local_items = _items(work)
    departments = _coded("departments", work)
    return Dictionary(
        directory=tables.directory,
        digest=tables.digest,
        rows={name: len(placed) for name, placed in tables.rows.items()},
        items=items if work.has("items") else None,
        local_items=local_items,
        item_kinds=frozenset(placed.row.kind for placed in work.rows("items") if placed.row.kind),
        diagnoses=_coded("diagnoses", work),
        operations=_coded("operations", work),
        departments=departments,
        doctors=_doctors(departments or {}, work),
    )


def _items(work: _Work) -> tuple[dict[str, Item], dict[str, Item]]:
    """Return the items by national and by local code."""
    by_national: dict[str, list[tuple[int, ItemRow]]] = {}
    local: dict[str, tuple[int, ItemRow]] = {}
    for line, row in work.rows("items"):
        for column, message in _item_problems(row):
            work.at("items", line, column, message)
        whole = _with_amount(row)
        if row.national_code:
            by_national.setdefault(row.national_code, []).append((line, whole))
        if row.local_code:
            first, _ = local.setdefault(row.local_code, (line, whole))
            if first != line:
                work.twice("items", line, "local_code", row.local_code, first)
    variants = _variants(local)
    shared = {code: _shared(code, rows, work) for code, rows in work.paced(by_national.items())}
    return (
        {code: _item(row, row, 0) for code, row in work.paced(shared.items())},
        {
            code: _item(row, shared.get(row.national_code, row), variants[code])
            for code, (_, row) in work.paced(local.items())
        },
    )


def _variants(local: Mapping[str, tuple[int, ItemRow]]) -> dict[str, int]:
    """Return the place of each local code among those of its national code."""
    counts: dict[str, int] = {}
    places: dict[str, int] = {}
    for code in sorted(local):
        _, row = local[code]
        places[code] = counts.get(row.national_code, 0)
        counts[row.national_code] = places[code] + 1
    return places


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


def _shared(code: str, rows: list[tuple[int, ItemRow]], work: _Work) -> ItemRow:
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
            work.at("items", other, name, message, "items of one national code are one product")
        elif len(stated) == 1:
            ((_, row),) = stated.values()
            facts |= {field: getattr(row, field) for field in (name, *_WITH.get(name, ()))}
    return ItemRow(national_code=code, **facts)


def _item(row: ItemRow, shared: ItemRow, variant: int) -> Item:
    """Return an item with what its national code says beside what its own row does."""
    strong = row if row.strength is not None else shared
    return Item(
        national_code=row.national_code,
        local_name=row.name,
        item_kind=row.kind or shared.kind,
        ingredients=row.ingredients or shared.ingredients,
        classes=row.classes or shared.classes,
        grade=row.antibiotic_grade or shared.antibiotic_grade or "",
        form=row.form or shared.form,
        strength=strong.strength,
        strength_unit=strong.strength_unit,
        pack_size=row.pack_size,
        specification=row.specification,
        variant=variant,
    )


def _coded(table: str, work: _Work) -> dict[str, Coded] | None:
    """Return what each code of a table stands for; the local meaning of a code that is also a national one."""
    if not work.has(table):
        return None
    national: dict[str, list[Coded]] = {}
    local: dict[str, tuple[int, Coded]] = {}
    for line, row in work.rows(table):
        coded = _coded_row(row)
        national.setdefault(coded.code, []).append(coded)
        if row.local_code:
            first, _ = local.setdefault(row.local_code, (line, coded))
            if first != line:
                work.twice(table, line, "local_code", row.local_code, first)
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
    return msgspec.structs.replace(entries[0], incision_class=classes.pop() if len(classes) == 1 else None)


def _doctors(departments: Mapping[str, Coded], work: _Work) -> dict[str, Doctor] | None:
    """Return the doctors with their privileges. Privileges of a doctor who is not there are nobody's."""
    if not work.has("practitioners"):
        if work.has("privileges"):
            message = "needs practitioners.csv: a doctor without privileges could not be told from an unknown one"
            work.at("privileges", 1, "", message)
        return None
    privileges = _privileges(work) if work.has("privileges") else None
    doctors: dict[str, Doctor] = {}
    lines: dict[str, int] = {}
    for line, row in work.rows("practitioners"):
        identifier = row.practitioner_id
        first = lines.setdefault(identifier, line)
        if first != line:
            work.twice("practitioners", line, "practitioner_id", identifier, first)
        practitioner = None
        if privileges is not None:
            known = departments.get(row.department_code)
            department = known.code if known is not None else row.department_code
            held = tuple(privileges.get(identifier, ()))
            practitioner = Practitioner(identifier, row.name, row.title, department, held)
        doctors[identifier] = Doctor(row.title, practitioner)
    return doctors


def _privileges(work: _Work) -> dict[str, list[Privilege]]:
    """Return the privileges by doctor."""
    held: dict[str, list[Privilege]] = {}
    lines: dict[PrivilegeRow, int] = {}
    for line, row in work.rows("privileges"):
        first = lines.setdefault(row, line)
        if first != line:
            work.at("privileges", line, "privilege", f"says the same as line {first}")
        if row.valid_from and row.valid_to and row.valid_to < row.valid_from:
            message = f"never valid: `valid_to` {row.valid_to} is before `valid_from` {row.valid_from}"
            work.at("privileges", line, "valid_to", message)
        held.setdefault(row.practitioner_id, []).append(Privilege(row.privilege, row.valid_from, row.valid_to))
    if not held and work.is_sound("privileges"):
        message = "has no row, so no doctor could prescribe anything that needs a privilege"
        help_text = "remove the file where the hospital keeps no such list: privileges are then unknown"
        work.at("privileges", 1, "", message, help_text)
    return held
