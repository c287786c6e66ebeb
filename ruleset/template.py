"""What a rule template is: a row schema and one pure function.

A template says what its rows look like (`columns`), under which keys a row is found (`keys`), which
facts it reads (`needs`), what its messages may mention (`evidence`), and judges one line by one row (`judge`).
Dates, exemptions, severity, remedies, self-pay: none of that is a template's business; it lives once, in the
evaluator. To add a template: write `ruleset/templates/tNN_name.py` and name it in `ruleset/templates/__init__.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from ruleset.case import Line
from ruleset.outcome import Judgement

if TYPE_CHECKING:
    from ruleset.chart import Chart

FALSE: tuple[Judgement, ...] = ()
"""The row does not apply to the line, or is satisfied."""


def item_key(code: str) -> str:
    """Return the index key of an item code. Codes are opaque: compared whole, never by prefix or case."""
    return "item:" + code


def herb_key(name: str) -> str:
    """Return the index key of a herb's name, which is matched exactly."""
    return "herb:" + name


def group_key(name: str) -> str:
    """Return the index key of a named group of rows that judge together."""
    return "group:" + name


class Template(ABC):
    """One kind of rule. Instances carry no state."""

    id: ClassVar[str]
    """As in the table of templates: T01 to T45."""
    title: ClassVar[str]
    columns: ClassVar[type[msgspec.Struct]]
    """The columns of a row as a struct, with their types; a field with a default is an optional column."""
    row_name: ClassVar[tuple[str, ...]] = ("item_code",)
    """The columns whose values, with the rule and `valid_from`, make a row's id."""
    needs: ClassVar[tuple[str, ...]]
    """Facts (names of `ruleset.facts.FACTS`) that `judge` reads and may report as missing."""
    evidence: ClassVar[tuple[str, ...]] = ()
    """Names that a rule's message may mention beside `COMMON_EVIDENCE`."""

    @abstractmethod
    def keys(self, params: Any) -> Sequence[str]:
        """Return every index key under which the row must be found."""

    def problems(self, params: Any) -> Iterator[str]:  # noqa: ARG002 - most templates have none
        """Yield what is wrong with a row whose cells are each right: a row that could never, or always, apply."""
        yield from ()

    @abstractmethod
    def judge(self, params: Any, line: Line, chart: "Chart") -> Sequence[Judgement]:
        """Judge one current line by one row: FALSE, or one judgement per result (a pair of lines is one)."""


COMMON_EVIDENCE: tuple[str, ...] = ("item", "date")
"""What every rule's message may mention: the item's name and the order's date."""
