"""What the columns of an extract are: the national fields of patient, encounter and order, by their own names.

The contract is docs/howto/import-history.md. A row is one order line or charge with what it says of its encounter and
patient; rows are put together into national messages, so that a value is read here as it is in a message.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from server.entrance.fields import ENCOUNTER, LINE, LINE_EXT, MAIN_DIAGNOSIS, PATIENT, STATED_CARE_MODE, Field

CHANGED_AT = "changed_at"
"""When the row last changed in the HIS. A view must have it; it is the watermark, and tells which of two statements of a
line is later."""
VALIDITY = "vali_flag"
"""0: the line was taken back. National name of validity in the insurance's tables."""
NOT_VALID = frozenset({"0", "false", "f", "n", "no", "否", "作废"})
VALID = frozenset({"", "1", "true", "t", "y", "yes", "是"})
REQUIRED = ("patn_id", "mdtrt_id", "rx_id")
"""Without these a row is of nobody, or could not be recognised when it comes again."""

_NOT_OF_A_ROW = frozenset({"curr_drord_flag"})
"""Fields of a message that make no sense in an extract."""


class ColumnsError(ValueError):
    """Columns that are no extract's. The text names them."""


class RowError(ValueError):
    """A row that cannot be taken. The text names the field and its value."""


class Row(NamedTuple):
    """One row, by what its values belong to. Values are texts, or whatever the source has."""

    number: int
    """From 1, in the order of the source."""
    patient: dict[str, Any]
    encounter: dict[str, Any]
    line: dict[str, Any]
    changed_at: Any
    is_valid: bool


def _by_name(fields: Iterable[Field]) -> dict[str, str]:
    return {
        name.lower(): field.national for field in fields if field.national not in _NOT_OF_A_ROW for name in field.names
    }


_PLACES: tuple[tuple[str, dict[str, str]], ...] = (
    ("patient", _by_name(PATIENT)),
    ("encounter", _by_name((*ENCOUNTER, STATED_CARE_MODE, *MAIN_DIAGNOSIS))),
    ("line", _by_name(LINE)),
    ("ext", _by_name(field for field in LINE_EXT if field.kind not in ("objects", "texts"))),
)


class Columns:
    """How the columns of one source are understood."""

    def __init__(self, header: Sequence[str], names: Mapping[str, str] | None = None) -> None:
        """`names` gives national names their column in this source. Raises ColumnsError."""
        names = names or {}
        self._columns = {name.lower(): name for name in header}
        self.places: dict[str, tuple[str, str]] = {}
        """Column of the source: to what its value belongs, and the national name."""
        renamed = {}
        for national, column in names.items():
            if column.lower() not in self._columns:
                raise ColumnsError(f"column `{column}` for `{national}` is not in the source")
            renamed[column.lower()] = national.lower()
        for lowered, column in self._columns.items():
            place = _place_of(renamed.get(lowered, lowered))
            if place is not None:
                self.places[column] = place
            elif lowered in renamed:
                raise ColumnsError(f"`{renamed[lowered]}` is no field of an extract")
        self.not_read = tuple(column for column in header if column not in self.places)
        self._by_national = {national: column for column, (_, national) in self.places.items()}
        found = set(self._by_national)
        missing = [name for name in REQUIRED if name not in found]
        if not {"hilist_code", "hosplist_code"} & found:
            missing.append("hilist_code or hosplist_code")
        if missing:
            raise ColumnsError(f"these columns are missing: {', '.join(missing)}; found: {', '.join(header)}")

    @property
    def changed_at(self) -> str | None:
        """Return the source's name of the column CHANGED_AT; None where it has none."""
        return self._by_national.get(CHANGED_AT)

    def column_of(self, national: str) -> str:
        """Return the source's name of a field; "" where it has none."""
        return self._by_national.get(national, "")

    def row(self, number: int, values: Mapping[str, Any]) -> Row:
        """Take a row apart. Raises RowError."""
        parts: dict[str, dict[str, Any]] = {"patient": {}, "encounter": {}, "line": {}, "ext": {}, "row": {}}
        for column, (part, national) in self.places.items():
            value = values.get(column)
            if value is not None and value != "":
                parts[part][national] = value
        for name, part in (("patn_id", "patient"), ("mdtrt_id", "encounter"), ("rx_id", "line")):
            if not str(parts[part].get(name, "")).strip():
                raise RowError(f"`{name}` is empty")
        validity = str(parts["row"].get(VALIDITY, "")).strip().lower()
        if validity not in NOT_VALID | VALID:
            raise RowError(f"`{VALIDITY}` is `{validity}`, expected 1 or 0")
        line = parts["line"] | ({"ext": parts["ext"]} if parts["ext"] else {})
        changed_at = parts["row"].get(CHANGED_AT)
        return Row(number, parts["patient"], parts["encounter"], line, changed_at, validity not in NOT_VALID)


def _place_of(name: str) -> tuple[str, str] | None:
    if name in (CHANGED_AT, VALIDITY):
        return "row", name
    return next(((part, names[name]) for part, names in _PLACES if name in names), None)
