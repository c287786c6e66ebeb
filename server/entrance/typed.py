"""The typed request and its answer, as our own JSON and back: a walk over the descriptors, which knows no field.

The messages of facts.proto and answer.proto have the names and the nesting of our own JSON (a test holds them to it), so
the typed entrance is that entrance: the same bounds, the same `Case`, and a recorded document that can be replayed.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

import orjson
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from precheck.v1 import facts_pb2

from server.entrance.text import EntranceError

Filled = TypeVar("Filled", bound=Message)

CAPITALS = frozenset({"IncisionClass"})
"""Enums whose words are written as their names are: Roman numerals."""


def document_of(facts: facts_pb2.Facts) -> bytes:
    """Return typed facts as our own JSON document; equal facts give equal bytes. Raises EntranceError for an enum."""
    return orjson.dumps(document_values(facts))


def document_values(message: Message) -> dict[str, Any]:
    """Return what a message states as values of our own JSON, without what it leaves out. Raises EntranceError."""
    return _object(message, "")


def filled(message: Filled, values: Mapping[str, Any]) -> Filled:
    """Return the message with what JSON values of the same names state. A value that is None is not stated.

    What the message has no field for is left out.
    """
    for field in message.DESCRIPTOR.fields:
        value = values.get(field.name)
        if value is None:
            continue
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            part = getattr(message, field.name)
            if field.is_repeated:
                for item in value:
                    filled(part.add(), item)
            else:
                part.SetInParent()
                filled(part, value)
        elif field.is_repeated:
            getattr(message, field.name).extend(_stated(field.enum_type, item) for item in value)
        else:
            setattr(message, field.name, _stated(field.enum_type, value))
    return message


def _object(message: Message, path: str) -> dict[str, Any]:
    """Return what a message states, and nothing that it leaves out."""
    stated: dict[str, Any] = {}
    for field, value in message.ListFields():
        name, is_list, value_of = _reading(field)
        if value_of is None:
            stated[name] = list(value) if is_list else value
            continue
        place = f"{path}.{name}" if path else name
        if is_list:
            stated[name] = [value_of(item, f"{place}[{number}]") for number, item in enumerate(value)]
        else:
            stated[name] = value_of(value, place)
    return stated


ValueOf = Callable[[Any, str], Any]


@cache
def _reading(field: FieldDescriptor) -> tuple[str, bool, ValueOf | None]:
    """Return a field's name, whether it is a list, and how to read a value of it; None for one that stands as it is."""
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return field.name, field.is_repeated, _object
    if field.type != FieldDescriptor.TYPE_ENUM:
        return field.name, field.is_repeated, None
    words = words_of(field.enum_type)

    def word(number: int, path: str) -> str:
        if number not in words:
            raise EntranceError(path, number, f"expected one of {', '.join(words.values())}")
        return words[number]

    return field.name, field.is_repeated, word


@cache
def words_of(enum: EnumDescriptor) -> Mapping[int, str]:
    """Return the words of an enum in our own JSON by their numbers; UNSPECIFIED is none of them."""
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper() + "_"
    names = {value.number: value.name.removeprefix(prefix) for value in enum.values}
    capitals = enum.name in CAPITALS
    return {number: name if capitals else name.lower() for number, name in names.items() if name != "UNSPECIFIED"}


@cache
def _numbers_of(enum: EnumDescriptor) -> Mapping[str, int]:
    return {word.lower(): number for number, word in words_of(enum).items()}


def _stated(enum: Any, value: Any) -> Any:
    """Return a value as a field holds it: the word of an enum as its number."""
    return value if enum is None else _numbers_of(enum)[value.lower()]
