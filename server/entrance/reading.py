"""Walk the field table: from one JSON object of the message to the facts that it states.

The hottest loop of the entrance. A text, the commonest kind, is read in place; codes, numbers and times, which repeat
from line to line and from message to message, are looked up in what was read before. What a message states is read by
one site profile, so a reader belongs to a profile and serves all its messages.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ruleset.case import UnknownFact
from server.entrance import values
from server.entrance.fields import (
    DIAGNOSIS,
    ENCOUNTER,
    LINE,
    LINE_EXT,
    OPERATION,
    PATIENT,
    PATIENT_EXT,
    Field,
    Kind,
)
from server.entrance.text import EntranceError
from server.limits import TEXT_MAX_CHARACTERS
from server.profile import Profile

READINGS_PER_FIELD_MAX = 4_096
"""How many values of a field are remembered; then remembering starts over."""
PROFILES_MAX = 256


class Column(NamedTuple):
    """One line of the field table as it is walked, with what its texts were read as before."""

    fact: str
    kind: Kind
    national: str
    name: str
    twins: tuple[str, ...]
    readings: dict[str, Any]


Columns = Sequence[Column]


@lru_cache(maxsize=PROFILES_MAX)
def reader_of(profile: Profile) -> "FactReader":
    """Return the reader of a profile; there is one for each."""
    return FactReader(profile)


class FactReader:
    """Reads facts by the field table and one site profile.

    Safe for any number of threads: what two of them remember at once is equal.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._zone = profile.time_zone
        self.patient = _columns(PATIENT)
        self.patient_ext = _columns(PATIENT_EXT)
        self.encounter = _columns(ENCOUNTER)
        self.diagnosis = _columns(DIAGNOSIS)
        self.operation = _columns(OPERATION)
        self.line = _columns(LINE)
        self.line_ext = _columns(LINE_EXT)

    def facts(self, holder: Mapping[str, Any], columns: Columns, path: str) -> dict[str, Any]:
        """Return the facts that an object states, by the names of their struct; unknown codes as `unknown_facts`.

        Raises EntranceError naming the field and its value.
        """
        found: dict[str, Any] = {}
        unknown: list[UnknownFact] = []
        get = holder.get
        for fact, kind, national, name, twins, readings in columns:
            value = get(name)
            if value is None:
                for twin in twins:
                    value = get(twin)
                    if value is not None:
                        break
                else:
                    continue
            if value.__class__ is str:
                if not value:
                    continue
                if kind == "text" and len(value) <= TEXT_MAX_CHARACTERS and value.isprintable():
                    found[fact] = value.strip()
                    continue
                if value in readings:
                    result = readings[value]
                else:
                    result = self._remembered(fact, kind, national, value, f"{path}.{name}", readings)
            else:
                result = self._fact(fact, kind, national, value, f"{path}.{name}")
            if result.__class__ is UnknownFact:
                unknown.append(result)
            elif result is not None:
                found[fact] = result
        if unknown:
            found["unknown_facts"] = tuple(unknown)
        return found

    def one(self, holder: Mapping[str, Any], national: str, names: Sequence[str], kind: Kind, path: str) -> Any:
        """Return the one fact that stands under one of `names`; None for nothing, UnknownFact for an unknown code."""
        for name in names:
            value = holder.get(name)
            if value is not None and value != "":
                return self._fact(national, kind, national, value, f"{path}{name}")
        return None

    def _remembered(self, fact: str, kind: Kind, national: str, value: str, path: str, readings: dict[str, Any]) -> Any:
        result = self._fact(fact, kind, national, value, path)
        if kind != "text":
            if len(readings) >= READINGS_PER_FIELD_MAX:
                readings.clear()
            readings[value] = result
        return result

    def _fact(self, fact: str, kind: Kind, national: str, value: Any, path: str) -> Any:
        try:
            match kind:
                case "text":
                    return values.text(value)
                case "number":
                    return values.number(value)
                case "time":
                    return values.time(value, self._zone)
                case "days":
                    return values.days(value)
                case "flag":
                    return values.flag(value)
                case "number_or_unknown":
                    return _number_or_unknown(fact, national, value)
                case "code" | "flag_code":
                    meaning = self._code(fact, national, values.text(value))
                    return meaning == "true" if kind == "flag_code" and isinstance(meaning, str) else meaning
        except values.BadValueError as error:
            raise EntranceError(path, value, str(error)) from error

    def _code(self, fact: str, national: str, code: str) -> str | UnknownFact | None:
        if not code or code == "-":
            return None
        meaning = self._profile.codes[national].get(code)
        if meaning is None:
            return UnknownFact(fact, code, f"{national} 的值“{code}”不在站点配置中")
        if not meaning:
            return UnknownFact(fact, code, f"{national} 的值“{code}”表示未知")
        return meaning


def _number_or_unknown(fact: str, national: str, value: Any) -> Any:
    try:
        return values.number(value)
    except values.BadValueError:
        return UnknownFact(fact, str(value)[:80], f"{national} 的值不是数字")


def _columns(fields: Sequence[Field]) -> tuple[Column, ...]:
    return tuple(
        Column(field.fact, field.kind, field.national, field.names[0], field.names[1:], {}) for field in fields
    )


def with_unknown(facts: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return two sets of facts about one thing as one; their unknown facts are added up."""
    unknown = (*facts.get("unknown_facts", ()), *more.get("unknown_facts", ()))
    return {**facts, **more, "unknown_facts": unknown} if unknown else {**facts, **more}
