"""What a dictionary covers, for the person who keeps it: of its own tables, and of messages that were captured."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from ruleset import codes
from ruleset.case import Case
from server.dictionary.enrichment import enrich
from server.dictionary.lookup import Dictionary
from server.dictionary.reading import Placed, Tables
from server.dictionary.tables import DEPARTMENT_SHAPE, DIAGNOSIS_SHAPE, OPERATION_SHAPE, PRIVILEGE_CODES, TABLES
from server.dictionary.unmapped import Unmapped

LISTED_MAX = 10
"""Rows of one kind that a report names; how many there are it says all the same."""

Shape = Callable[[str], object]


def coverage(tables: Tables, dictionary: Dictionary, today: date, is_item_code: Shape) -> Iterator[str]:
    """Yield the report on a dictionary, line by line. `is_item_code` knows the shapes of national item codes."""
    yield f"dictionary {tables.directory}, sha256 {tables.digest}"
    reports: Mapping[str, Callable[[Sequence[Placed]], Iterator[str]]] = {
        "items": lambda rows: _items(rows, is_item_code),
        "diagnoses": lambda rows: _codes("diagnoses", rows, "national_code", DIAGNOSIS_SHAPE.fullmatch),
        "operations": _operations,
        "departments": lambda rows: _codes("departments", rows, "standard_code", DEPARTMENT_SHAPE.fullmatch),
        "practitioners": lambda rows: _practitioners(rows, dictionary),
        "privileges": lambda rows: _privileges(rows, dictionary, today),
    }
    for table in TABLES:
        rows = tables.rows.get(table.name)
        if rows is None:
            yield f"{table.file}: not there"
            continue
        yield f"{table.file}: {len(rows)} rows"
        for line in reports[table.name](rows):
            yield f"  {line}"


def _share(what: str, count: int, of: int) -> str:
    return f"{what}: {count} of {of}" + (f" ({100 * count // of} %)" if of else "")


def _listed(what: str, table: str, rows: Sequence[Placed], show: Callable[[Placed], str]) -> Iterator[str]:
    """Yield a line with a number, and the first of what it counts; nothing where there is nothing."""
    if rows:
        yield f"{what}: {len(rows)}"
        for placed in rows[:LISTED_MAX]:
            yield f"  {table}.csv:{placed.line}: {show(placed)}"
        if len(rows) > LISTED_MAX:
            yield f"  and {len(rows) - LISTED_MAX} more"


def _items(rows: Sequence[Placed], is_item_code: Shape) -> Iterator[str]:
    items = [placed.row for placed in rows]
    drugs = [item for item in items if item.kind in ("drug", None)]
    yield _share("with a national code", sum(bool(item.national_code) for item in items), len(items))
    yield _share("with a kind", sum(item.kind is not None for item in items), len(items))
    yield f"of the {len(drugs)} drugs and items without a kind"
    yield "  " + _share("with ingredients", sum(bool(item.ingredients) for item in drugs), len(drugs))
    classed = sum(bool(item.classes or codes.atc_of(item.national_code)) for item in drugs)
    yield "  " + _share("with classes, or a national code that says one", classed, len(drugs))
    yield "  " + _share("with a form", sum(bool(item.form) for item in drugs), len(drugs))
    strong = sum(item.strength is not None or any(x.amount is not None for x in item.ingredients) for item in drugs)
    yield "  " + _share("with a strength, or amounts of the ingredients", strong, len(drugs))
    yield "  " + _share("with a pack size", sum(item.pack_size is not None for item in drugs), len(drugs))
    yield f"  with an antibiotic grade: {sum(item.antibiotic_grade is not None for item in drugs)}"
    yield from _misshapen("items", rows, "national_code", is_item_code)


def _misshapen(table: str, rows: Sequence[Placed], column: str, shape: Shape) -> Iterator[str]:
    wrong = [placed for placed in rows if getattr(placed.row, column) and not shape(getattr(placed.row, column))]
    yield from _listed(f"`{column}` of no national shape", table, wrong, lambda placed: getattr(placed.row, column))


def _codes(table: str, rows: Sequence[Placed], column: str, shape: Shape) -> Iterator[str]:
    yield _share("with a local code", sum(bool(placed.row.local_code) for placed in rows), len(rows))
    yield from _misshapen(table, rows, column, shape)


def _operations(rows: Sequence[Placed]) -> Iterator[str]:
    yield from _codes("operations", rows, "national_code", OPERATION_SHAPE.fullmatch)
    yield _share("with an incision class", sum(placed.row.incision_class is not None for placed in rows), len(rows))


def _practitioners(rows: Sequence[Placed], dictionary: Dictionary) -> Iterator[str]:
    doctors = dictionary.doctors or {}
    held = [doctor.practitioner.privileges for doctor in doctors.values() if doctor.practitioner is not None]
    if held:
        yield _share("with privileges", sum(bool(privileges) for privileges in held), len(rows))
    else:
        yield "privileges: unknown of every doctor, for want of privileges.csv"
    yield _share("with a title", sum(bool(placed.row.title) for placed in rows), len(rows))
    departments = dictionary.departments
    if departments is not None:
        strangers = [p for p in rows if p.row.department_code and p.row.department_code not in departments]
        yield from _listed(
            "of a department that departments.csv does not have",
            "practitioners",
            strangers,
            lambda placed: f"{placed.row.practitioner_id}: {placed.row.department_code}",
        )


def _privileges(rows: Sequence[Placed], dictionary: Dictionary, today: date) -> Iterator[str]:
    doctors = dictionary.doctors or {}
    expired = [placed for placed in rows if placed.row.valid_to is not None and placed.row.valid_to < today]
    future = [placed for placed in rows if placed.row.valid_from is not None and placed.row.valid_from > today]
    yield f"in force on {today}: {len(rows) - len(expired) - len(future)}"
    yield from _listed("expired", "privileges", expired, lambda p: f"{_privilege(p)} to {p.row.valid_to}")
    yield from _listed("not yet in force", "privileges", future, lambda p: f"{_privilege(p)} from {p.row.valid_from}")
    strangers = [placed for placed in rows if placed.row.practitioner_id not in doctors]
    yield from _listed("of a doctor who is not in practitioners.csv", "privileges", strangers, _privilege)
    holders: dict[str, set[str]] = {}
    for placed in rows:
        holders.setdefault(placed.row.privilege, set()).add(placed.row.practitioner_id)
    for privilege in sorted(holders):
        yield f"{privilege}: {len(holders[privilege])} doctors"
    nobody = sorted(PRIVILEGE_CODES - holders.keys())
    if nobody:
        yield f"held by nobody: {', '.join(nobody)}; whoever prescribes what needs it is found to lack it"


def _privilege(placed: Placed) -> str:
    return f"{placed.row.practitioner_id}: {placed.row.privilege}"


class _Met(NamedTuple):
    name: str
    messages: int


def message_coverage(cases: Iterable[Case], dictionary: Dictionary) -> Iterator[str]:
    """Yield which codes of some messages the dictionary does not have, by department, the most frequent first."""
    met: dict[Unmapped, _Met] = {}
    messages = lines = 0
    for case in cases:
        messages += 1
        lines += len(case.lines)
        for unmapped, name in enrich(case, dictionary).unmapped.items():
            known = met.get(unmapped)
            met[unmapped] = _Met(name, 1) if known is None else _Met(known.name or name, known.messages + 1)
    yield f"{messages} messages with {lines} current lines: {len(met)} unmapped codes"
    departments = dictionary.departments or {}
    for department in sorted({unmapped.department for unmapped in met}):
        known_department = departments.get(department)
        name = f" {known_department.name}" if known_department is not None else ""
        yield f"department {department or 'unknown'}{name}"
        here = [(unmapped, found) for unmapped, found in met.items() if unmapped.department == department]
        here.sort(key=lambda entry: (entry[0].kind, -entry[1].messages, entry[0].code))
        for unmapped, found in here:
            yield f"  {unmapped.kind} {unmapped.code} {found.name}".rstrip() + f": in {found.messages} messages"
