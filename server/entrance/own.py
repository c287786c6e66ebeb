"""Read our own JSON document into a `Case`: `ruleset.document` knows its form, this module holds it to the limits."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from ruleset.case import Case
from ruleset.document import DocumentError, read_document
from server import limits
from server.entrance import values
from server.entrance.text import EntranceError


def read_own(document: Any) -> Case:
    """Return the case of a decoded document. Raises EntranceError naming the field.

    Numbers and texts are held to the same limits as those of a national message: what is too large for a rule to
    reckon with never gets as far as a rule, or into history.
    """
    try:
        case = read_document(document)
    except DocumentError as error:
        raise EntranceError("document", None, str(error)) from error
    for field, entries, most in (
        ("encounter.lines", case.lines, limits.CURRENT_LINES_MAX),
        ("history", case.history, limits.HISTORY_LINES_MAX),
        ("encounter.diagnoses", case.encounter.diagnoses, limits.DIAGNOSES_MAX),
        ("encounter.operations", case.encounter.operations, limits.OPERATIONS_MAX),
    ):
        if len(entries) > most:
            raise EntranceError(field, None, f"{len(entries)} entries, at most {most}")
    for path, value in _values(case, ""):
        try:
            if isinstance(value, Decimal):
                values.number(value)
            else:
                values.text(value)
        except values.BadValueError as error:
            raise EntranceError(path, value, str(error)) from error
    for line in (*case.lines, *case.history):
        if line.days is not None and not 0 < line.days <= values.DAYS_MAX:
            raise EntranceError(f"lines[{line.position}].days", line.days, f"expected 1 to {values.DAYS_MAX} days")
    return case


def _values(value: Any, path: str) -> Iterator[tuple[str, str | Decimal]]:
    """Yield every text and number of a struct with its path."""
    if isinstance(value, (str, Decimal)):
        yield path, value
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _values(item, f"{path}[{number}]")
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _values(getattr(value, name), f"{path}.{name}" if path else name)
