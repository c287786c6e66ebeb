"""The parts of a report on one message."""

from decimal import Decimal
from typing import Any, Literal

import msgspec

VALUE_SHOWN_CHARACTERS_MAX = 60


class Understood(msgspec.Struct, frozen=True):
    """One field that was read."""

    path: str
    object: str
    """The object that it stood in, by its canonical name: fsi_order_dtos.ext."""
    field: str
    """Its national name."""
    label: str
    """Its Chinese name."""
    fact: str
    """The fact that it states."""
    stated: str
    """What stood there."""
    value: str
    """What was made of it."""
    state: Literal["understood", "unknown", "nothing"] = "understood"
    """unknown: the fact stays unknown; nothing: what stood there means that there is none."""


class UnreadField(msgspec.Struct, frozen=True):
    """A field that nothing reads."""

    object: str
    field: str
    label: str
    path: str
    """Of the first one with anything in it."""
    value: str
    count: int
    is_standard: bool
    """Whether the national interface, or our extension, has it: then it may stay."""
    is_read_elsewhere: bool
    """Whether it is read in other objects of that kind: of a past encounter only some fields are."""
    meant: str
    """What its sender may have meant, as `object.field`; "" where nothing is like it."""


class NotUnderstood(msgspec.Struct, frozen=True):
    """A value that states a fact which stays unknown."""

    kind: Literal["code", "word", "unit", "frequency", "unknown"]
    """unknown: its code says that nobody knows; that is no mistake."""
    path: str
    """Where it stood, in the message or by its line."""
    object: str
    field: str
    value: str
    reason: str
    """Why, in Chinese."""


def shown(value: Any) -> str:
    """Return a value as a report shows it: short, on one line."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        if all(isinstance(item, str) for item in value):
            return shown("、".join(value))
        return f"{len(value)} 项"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "1 项"
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= VALUE_SHOWN_CHARACTERS_MAX else text[:VALUE_SHOWN_CHARACTERS_MAX] + "…"
