"""Read one cell of a dictionary as what its column means. What cannot be read so is an error; nothing is guessed.

Texts are read as the entrances read them (`server.entrance.values`), so a code of a dictionary and the same code of a
message are the same text.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date
from decimal import Decimal
from difflib import get_close_matches

from ruleset import units
from ruleset.case import Ingredient
from ruleset.pack.diagnostics import did_you_mean
from server.entrance import values

Read = Callable[[str], object]
"""Reads a cell that is not empty. Raises CellError."""

INGREDIENTS_PER_ITEM_MAX = 50
CLASSES_PER_ITEM_MAX = 50
MISSPELT_LIKENESS = 0.8
"""From this likeness on (`difflib`), a word is taken for a known one written wrongly."""
LIST_SEPARATOR = "|"
"""As in the row files of packs."""
AMOUNT_SEPARATOR = ":"

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(\S.*)")
_SPREADSHEET_NUMBER = re.compile(r"[0-9](?:\.[0-9]+)?E\+[0-9]+", re.ASCII)
"""What a spreadsheet makes of a long code that it takes for a number."""
_DATE = re.compile(r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{4}年\d{1,2}月\d{1,2}日|\d{8})(?: 0?0:00(?::00)?)?", re.ASCII)


class CellError(ValueError):
    """A cell that is not what its column means. `expected` says what would be, `help` how to mend it."""

    def __init__(self, expected: str, help_text: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.help = help_text


def text(cell: str) -> str:
    """Return a text or a code."""
    try:
        return values.text(cell)
    except values.BadValueError as error:
        raise CellError(f"a text; it is one that {error}") from error


def code(cell: str) -> str:
    """Return a code: compared whole, as a message has it."""
    if _SPREADSHEET_NUMBER.fullmatch(cell):
        raise CellError(
            "a code, not a rounded number", "format the column as text in the spreadsheet, and export again"
        )
    return text(cell)


def amount(cell: str) -> Decimal:
    """Return a number above 0."""
    try:
        number = values.number(cell)
    except values.BadValueError as error:
        raise CellError(f"a number above 0: {error}") from error
    if number is None or number <= 0:
        raise CellError("a number above 0")
    return number


def unit(cell: str) -> str:
    """Return a unit that `ruleset.units` understands, as it is written."""
    if units.read_unit(cell) is None:
        raise CellError("a unit", "write it in UCUM or Chinese: mg, g, mL, [iU], 毫克, 万单位, 片")
    return text(cell)


def day(cell: str) -> date | None:
    """Return a date; None for one that systems write for "without end" or "always" (9999-12-31, 0001-01-01)."""
    if not _DATE.fullmatch(cell):
        raise CellError("a date", "write it as 2026-01-31")
    try:
        moment = values.time(cell, UTC)
    except values.BadValueError:
        raise CellError("a date that exists", "write it as 2026-01-31") from None
    return moment.date() if moment is not None else None


def names(cell: str) -> tuple[str, ...]:
    """Return a list of names, each once."""
    found = tuple(text(part) for part in cell.split(LIST_SEPARATOR))
    if not all(found):
        raise CellError(f"names, separated by `{LIST_SEPARATOR}`, none of them empty")
    if len(set(found)) != len(found):
        raise CellError("names, each once")
    if len(found) > CLASSES_PER_ITEM_MAX:
        raise CellError(f"at most {CLASSES_PER_ITEM_MAX} names")
    return found


def ingredients(cell: str) -> tuple[Ingredient, ...]:
    """Return active substances, each by its generic name and, after a colon, its amount in one unit of the form."""
    found = [_ingredient(text(part)) for part in cell.split(LIST_SEPARATOR)]
    if len(found) > INGREDIENTS_PER_ITEM_MAX:
        raise CellError(f"at most {INGREDIENTS_PER_ITEM_MAX} substances")
    if len({ingredient.name for ingredient in found}) != len(found):
        raise CellError("substances, each once")
    return tuple(found)


_INGREDIENT_HELP = f"write `name{AMOUNT_SEPARATOR}250 mg`, or the name alone; several separated by `{LIST_SEPARATOR}`"


def _ingredient(part: str) -> Ingredient:
    name, separator, quantity = (piece.strip() for piece in part.partition(AMOUNT_SEPARATOR))
    if not name or "：" in part:
        raise CellError("a generic name, with or without an amount", _INGREDIENT_HELP)
    if not separator:
        return Ingredient(name)
    match = _AMOUNT.fullmatch(quantity)
    if match is None:
        raise CellError("a number with a unit after the name", _INGREDIENT_HELP)
    return Ingredient(name, amount(match[1]), unit(match[2]))


def one_of(words: Mapping[str, str]) -> Read:
    """Return a reader of a cell that is one of some words, and returns what the word stands for."""

    def read(cell: str) -> str:
        value = words.get(cell)
        if value is None:
            raise CellError(f"one of {', '.join(words)}", did_you_mean(cell, words))
        return value

    return read


def misspelt(word: str, known: Iterable[str]) -> str:
    """Return the question whether one of the known words was meant; nothing for one of them, or for another word."""
    words = list(known)
    if word in words or not get_close_matches(word, words, n=1, cutoff=MISSPELT_LIKENESS):
        return ""
    return did_you_mean(word, words)
