"""What each name of a workbook is limited to, where one sheet says that and another lists the codes of the name."""

from collections.abc import Sequence
from typing import NamedTuple

from ruleset.pack.diagnostics import did_you_mean
from server.importer.columns import Table, plain
from server.importer.remarks import Remarks
from server.importer.workbook import Place

DEFINED_ROLES = ("kind", "value", "text", "change", "published")
"""The columns that say what is limited, and how."""
Meaning = tuple[str, ...]
"""What a row says in the columns of `DEFINED_ROLES`."""


class _Definition(NamedTuple):
    place: Place
    meaning: Meaning


class Definitions:
    """The definitions of one workbook, by name and kind. What cannot be joined is remarked."""

    def __init__(self, tables: Sequence[Table], remarks: Remarks) -> None:
        self.tables = tables
        self.have_kinds = any(table.header.has("kind") for table in tables)
        self._remarks = remarks
        self._defined: dict[tuple[str, str], list[_Definition]] = {}
        self._used: set[tuple[str, str]] = set()
        for table in tables:
            header = table.header
            for row in table.rows:
                place = table.sheet.place(row.number)
                name = header.cell(row, "name")
                if not name:
                    remarks.not_understood.append(place.problem("no name"))
                    continue
                meaning = tuple(header.cell(row, role) for role in DEFINED_ROLES)
                key = plain(name), header.cell(row, "kind")
                self._defined.setdefault(key, []).append(_Definition(place, meaning))

    def meaning(self, name: str, kind: str, place: Place) -> Meaning | None:
        """Return what a name is limited to; None, with a remark about `place`, where that is not said or not clear."""
        key = self._key(name, kind)
        self._used.add(key)
        meanings = {line.meaning for line in self._defined.get(key, ())}
        if len(meanings) == 1:
            return meanings.pop()
        if meanings:
            problem = place.problem(f"other rows do not agree about what is limited for `{name}`")
        else:
            nearest = did_you_mean(key[0], [known for known, _ in self._defined])
            problem = place.problem(f"no other sheet says what is limited for `{name}`", nearest)
        self._remarks.not_understood.append(problem)
        return None

    def _key(self, name: str, kind: str) -> tuple[str, str]:
        """Return the key of a name; the sheet of codes need not say the kind."""
        wanted = plain(name)
        if kind or (wanted, kind) in self._defined:
            return wanted, kind
        return next((key for key in self._defined if key[0] == wanted), (wanted, kind))

    def report_unused(self) -> None:
        """Remark the names of which no sheet listed a code."""
        for key, lines in self._defined.items():
            if key not in self._used:
                for line in lines:
                    self._remarks.not_understood.append(line.place.problem(f"no sheet lists a code of `{key[0]}`"))
