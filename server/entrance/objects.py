"""The containers of the national message: a list, one object, or nothing, whatever the vendor sends."""

from collections.abc import Mapping, Sequence
from typing import Any

from server.entrance import values
from server.entrance.text import EntranceError

Object = Mapping[str, Any]
Objects = list[tuple[Object, str]]
"""Objects of the message with their paths."""


def text_of(holder: Object, path: str, names: Sequence[str]) -> str:
    """Return the text that stands under the first of `names` with anything; "" for none. Raises EntranceError."""
    for name in names:
        value = holder.get(name)
        if value is not None and value != "":
            try:
                return values.text(value)
            except values.BadValueError as error:
                raise EntranceError(path, value, str(error)) from error
    return ""


def objects_of(value: Any, path: str, most: int) -> Objects:
    """Return the objects of a container with their paths: a list, one object, or nothing (null, "").

    Raises EntranceError for anything else, and for more than `most`.
    """
    if value is None or value in values.NOTHING:
        return []
    if isinstance(value, dict):
        return [(value, path)]
    if not isinstance(value, list):
        raise EntranceError(path, value, "expected a list or an object")
    if len(value) > most:
        raise EntranceError(path, None, f"{len(value)} entries, at most {most}")
    objects: Objects = []
    for index, item in enumerate(value):
        if isinstance(item, dict):
            objects.append((item, f"{path}[{index}]"))
        elif item is not None:
            raise EntranceError(f"{path}[{index}]", item, "expected an object")
    return objects


def contained(holder: Object, path: str, names: Sequence[str], most: int) -> Objects:
    """Return the objects under the first of `names` with anything. Raises EntranceError as `objects_of` does."""
    for name in names:
        value = holder.get(name)
        if value is not None and value not in values.NOTHING:
            return objects_of(value, f"{path}.{name}", most)
    return []


def extension(holder: Object, path: str) -> Object:
    """Return the extension object (`ext`) of a holder; empty where there is none. Raises EntranceError."""
    ext = holder.get("ext")
    if ext is None or ext in values.NOTHING:
        return {}
    if not isinstance(ext, dict):
        raise EntranceError(f"{path}.ext", ext, "expected an object")
    return ext
