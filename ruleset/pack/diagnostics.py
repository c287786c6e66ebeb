"""Everything that is wrong with a pack, collected, sorted and printed as `file:line:column: message`."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal

import msgspec


class Diagnostic(msgspec.Struct, frozen=True, order=True):
    """One finding about a pack source. `path` is relative to the pack; line and column are 1-based."""

    path: str
    line: int
    column: int
    message: str
    help: str = ""
    severity: Literal["error", "warning"] = "error"
    """warning: what a pack may have and be sound, such as a rule that nobody tests."""

    def __str__(self) -> str:
        mark = "warning: " if self.severity == "warning" else ""
        text = f"{self.path}:{self.line}:{self.column}: {mark}{self.message}"
        return f"{text}\n  help: {self.help}" if self.help else text


class PackError(Exception):
    """A pack that cannot be used. `diagnostics` says why, sorted by place."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = sorted(set(diagnostics))
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "did you mean `x`?" for the nearest known word, or nothing."""
    nearest = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean `{nearest[0]}`?" if nearest else ""
