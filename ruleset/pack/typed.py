"""Read a document into a struct field by field, so that one fault hides no other; and say what a value should have been."""

from collections.abc import Iterator
from datetime import date
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

from ruleset.pack.diagnostics import did_you_mean

Keys = tuple[str | int, ...]
"""Where something stands in a document: names of fields, and numbers of entries of a list."""


class Fault(NamedTuple):
    """What is wrong with one value, and where it stands."""

    keys: Keys
    message: str
    help: str = ""
    meant: str = ""
    """The field that was probably meant, which is not said to be missing too."""


def fields_of(document: Any, struct: type[msgspec.Struct], faults: list[Fault], keys: Keys = ()) -> dict[str, Any]:
    """Return the fields of a struct that a document states well, and add what is wrong with all else to `faults`."""
    if not isinstance(document, dict):
        faults.append(_misfit(keys, document, struct))
        return {}
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    absent = [name for name in fields if name not in document]
    values: dict[str, Any] = {}
    for name, value in document.items():
        if name not in fields:
            near = did_you_mean(name, absent)
            meant = next((other for other in absent if f"`{other}`" in near), "")
            faults.append(Fault((*keys, name), f"unknown field `{name}`", near or f"known: {', '.join(fields)}", meant))
            absent = [other for other in absent if other != meant]
            continue
        read = value_of(value, fields[name].type, faults, (*keys, name))
        if read is not msgspec.UNSET:
            values[name] = read
    faults.extend(Fault((*keys, name), f"`{name}` is missing") for name in absent if fields[name].required)
    return values


def value_of(value: Any, type_: Any, faults: list[Fault], keys: Keys, *, strict: bool = True) -> Any:
    """Return a value as its type, of lists and tables what is right in them; UNSET where it is none.

    At least one fault is added wherever something is left out. Not `strict`: text may stand for a number.
    """
    try:
        return msgspec.convert(value, type_, strict=strict)
    except msgspec.ValidationError:
        kind = _without_none(type_)
        before = len(faults)
        read = _parts_of(value, kind, faults, keys, strict=strict)
        try:
            if read is not msgspec.UNSET and len(faults) > before:
                return msgspec.convert(read, kind, strict=strict)
        except msgspec.ValidationError:  # a required part is among what is wrong
            return msgspec.UNSET
        if len(faults) == before:
            faults.append(_misfit(keys, value, type_))
        return msgspec.UNSET


def _parts_of(value: Any, kind: Any, faults: list[Fault], keys: Keys, *, strict: bool) -> Any:
    """Return the right parts of a table or a list; UNSET for what has no parts."""
    origin, arguments = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        return fields_of(value, kind, faults, keys)
    if origin in (list, tuple) and isinstance(value, list):
        parts = [
            value_of(part, arguments[0], faults, (*keys, place), strict=strict) for place, part in enumerate(value)
        ]
        return [part for part in parts if part is not msgspec.UNSET]
    if origin is dict and isinstance(value, dict):
        table = {}
        for name, part in value.items():
            known = tuple(choices(arguments[0]))
            if known and name not in known:
                near = did_you_mean(name, known) or f"known: {', '.join(known)}"
                faults.append(Fault((*keys, name), f"unknown field `{name}`", near))
                continue
            read = value_of(part, arguments[1], faults, (*keys, name), strict=strict)
            if read is not msgspec.UNSET:
                table[name] = read
        return table
    return msgspec.UNSET


def _misfit(keys: Keys, value: Any, type_: Any) -> Fault:
    name = next((str(key) for key in reversed(keys) if isinstance(key, str)), "the document")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return Fault(keys, f"`{name}` is `{text}`, expected {expected(type_)}", did_you_mean(text, choices(type_)))


def expected(type_: Any) -> str:
    """Say what a value of a type is, for a person: the choices where there are some."""
    known = tuple(filter(None, choices(type_)))
    return f"one of {', '.join(known)}" if known else _type_name(type_)


def choices(type_: Any) -> Iterator[str]:
    """Yield the texts that a value, or each entry of a list, may be; none where any may."""
    if get_origin(type_) is Literal:
        yield from (str(choice) for choice in get_args(type_))
    elif get_origin(type_) in (tuple, list):
        yield from choices(get_args(type_)[0])
    elif get_origin(type_) in (Union, UnionType):
        for part in get_args(type_):
            yield from choices(part)


def _without_none(type_: Any) -> Any:
    parts = [part for part in get_args(type_) if part is not type(None)]
    return parts[0] if get_origin(type_) in (Union, UnionType) and len(parts) == 1 else type_


def _type_name(type_: Any) -> str:
    names = {"int": "a whole number", "Decimal": "a number", "str": "text", "bool": "true or false"}
    kind = _without_none(type_)
    if get_origin(kind) in (list, tuple):
        return "a list in []"
    if kind is date:
        return "a date such as 2026-01-31"
    if get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return "a table"
    parts = get_args(kind) or (kind,)
    return " or ".join(names.get(getattr(part, "__name__", ""), str(part)) for part in parts if part is not type(None))
