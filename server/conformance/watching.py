"""The entrance, watched: which names of a message it asked for, and what it made of each.

The reader is the server's own, with a note taken of every field it reads; the objects of the message are dictionaries
that note which of their names were asked for. What is in a message and was never asked for, nothing reads.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ruleset.case import UnknownFact
from server.entrance.fields import LINE, Field
from server.entrance.reading import FactReader, Facts, Read, ReadLine
from server.profile import Profile


class WatchedObject(dict[str, Any]):
    """An object of the message that notes which of its names were asked for."""

    __slots__ = ("asked",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None, /) -> Any:
        """Return what stands under a name, and note that it was asked for."""
        self.asked.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        self.asked.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str):
            self.asked.add(name)
        return super().__contains__(name)


def watched(value: Any) -> Any:
    """Return a decoded JSON value whose objects are watched."""
    if isinstance(value, dict):
        return WatchedObject({name: watched(inner) for name, inner in value.items()})
    if isinstance(value, list):
        return [watched(inner) for inner in value]
    return value


class Unread(NamedTuple):
    """Something in the message that nothing asked for."""

    holder: str
    """The path of the object that it stands in."""
    name: str
    value: Any


def unread(value: Any, path: str = "") -> Iterator[Unread]:
    """Yield what was never asked for in a watched value, outermost first; below it nothing is yielded."""
    if isinstance(value, WatchedObject):
        for name, inner in value.items():
            if name not in value.asked:
                yield Unread(path, name, inner)
            elif isinstance(inner, (dict, list)):
                yield from unread(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from unread(inner, f"{path}[{number}]")


class Reading(NamedTuple):
    """One field of the message as the entrance read it."""

    field: Field
    holder: str
    """The path of the object that it stood in."""
    name: str
    """The name under which it stood, of all that the field may have."""
    stated: Any
    fact: Any
    """What was made of it: a fact, None for nothing, or an UnknownFact."""


class WatchingReader(FactReader):
    """A reader that keeps a note of every field that a message stated. For one message; not for threads."""

    def __init__(self, profile: Profile) -> None:
        self.readings: list[Reading] = []
        super().__init__(profile)

    def _compiled(self, fields: Sequence[Field], struct: type[msgspec.Struct], *, only_stated: bool = False) -> Read:
        read = super()._compiled(fields, struct, only_stated=only_stated)

        def watched_read(holder: Mapping[str, Any], path: str) -> Facts:
            facts = read(holder, path)
            self._note(fields, holder, path, facts, facts.get("unknown_facts", ()))
            return facts

        return watched_read

    def _compiled_line(self) -> ReadLine:
        read = super()._compiled_line()

        def watched_read(
            holder: Mapping[str, Any], path: str, encounter_id: str, facility_id: str, position: int
        ) -> Any:
            current, line = read(holder, path, encounter_id, facility_id, position)
            facts = {name: getattr(line, name) for name in line.__struct_fields__} | {"current": current}
            self._note(LINE, holder, path, facts, line.unknown_facts)
            return current, line

        return watched_read

    def one(self, holder: Mapping[str, Any], field: Field, path: str) -> Any:
        """Read one field as the reader does, and note it."""
        fact = super().one(holder, field, path)
        name = _stated_name(holder, field)
        if name:
            place = path.removesuffix(".")
            self.readings.append(Reading(field, place, name, _plain(holder, name), fact))
        return fact

    def _note(
        self,
        fields: Iterable[Field],
        holder: Mapping[str, Any],
        path: str,
        facts: Mapping[str, Any],
        unknown_facts: Sequence[UnknownFact],
    ) -> None:
        unknown = {(fact.fact, fact.value): fact for fact in unknown_facts}
        for field in fields:
            name = _stated_name(holder, field)
            if name:
                stated = _plain(holder, name)
                text = str(stated).strip()
                why = unknown.get((field.unknown_as, text)) or unknown.get((field.unknown_as, text[:80]))
                self.readings.append(Reading(field, path, name, stated, why or facts.get(field.fact)))


def _stated_name(holder: Mapping[str, Any], field: Field) -> str:
    """Return the first name of a field under which anything stands, as the reader looks for it; "" for none."""
    return next((name for name in field.names if _plain(holder, name) not in (None, "")), "")


def _plain(holder: Mapping[str, Any], name: str) -> Any:
    """Return what stands under a name without noting that somebody asked."""
    return dict.get(holder, name) if isinstance(holder, dict) else holder.get(name)
