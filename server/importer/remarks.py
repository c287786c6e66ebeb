"""What is to be said about an import beside its rows."""

from ruleset.pack.diagnostics import Diagnostic
from server.importer.workbook import Place


class Remarks:
    """What is to be said about an import beside its rows."""

    def __init__(self) -> None:
        self.footnotes: list[Diagnostic] = []
        """Sums and remarks that stand as rows."""
        self.not_understood: list[Diagnostic] = []
        """Rows that were not imported, with the reason."""
        self.notes: list[Diagnostic] = []
        """Decisions that a person may want to look at."""
        self.raw: dict[str, Diagnostic] = {}
        """Texts of which a part was not read with certainty, by basis."""
        self._noted: set[str] = set()

    def note(self, place: Place, message: str) -> None:
        """Note a decision, once: many rows may rest on the same one."""
        if message not in self._noted:
            self._noted.add(message)
            self.notes.append(place.problem(message))
