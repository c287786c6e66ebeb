"""From one JSON object of the message to the facts that it states, by the field table and one site profile.

Theory of operation
===================
Reading is the dearest part of a check, so each list of fields is turned into one Python function when a profile is
first used, as `dataclasses` does with the fields of a class: the fields one after the other, without a loop. The
function holds only the common case of each field: a clean text is taken as it stands; the text of a code, number or
time is looked up in what it was read as before, because these repeat from line to line and from message to message.
All else (another type, another name for the field, a first meeting) goes to `FactReader.other`, which is the whole
truth about one field; the generated code only spares the way to it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from ruleset.case import Diagnosis, Encounter, Line, Operation, Patient, UnknownFact
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
"""How many texts of a field are remembered; then remembering starts over."""
PROFILES_MAX = 256

Read = Callable[[Mapping[str, Any], str], dict[str, Any]]
"""Takes an object and its path; returns its facts by the names of their struct, and `unknown_facts`."""

ReadLine = Callable[[Mapping[str, Any], str, str, str, int], tuple[bool | None, Line]]
"""Takes an order, its path, encounter id, facility id and position; returns whether it is current, and the line."""

_MISSING = object()


@lru_cache(maxsize=PROFILES_MAX)
def reader_of(profile: Profile) -> "FactReader":
    """Return the reader of a profile; there is one for each."""
    return FactReader(profile)


class FactReader:
    """Reads facts by the field table and one site profile.

    Safe for any number of threads: what two of them remember at once is equal. Each of the functions raises
    EntranceError naming the field and its value.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._zone = profile.time_zone
        self.patient = self._compiled(PATIENT, Patient)
        self.patient_ext = self._compiled(PATIENT_EXT, Patient)
        self.encounter = self._compiled(ENCOUNTER, Encounter)
        self.diagnosis = self._compiled(DIAGNOSIS, Diagnosis)
        self.operation = self._compiled(OPERATION, Operation)
        self.line = self._compiled_line()
        self.line_ext = self._compiled(LINE_EXT, Line)

    def _compiled(self, fields: Sequence[Field], struct: type[msgspec.Struct]) -> Read:
        """Return the function that reads these fields into facts of `struct`."""
        facts = ", ".join(f"{field.fact!r}: fact{number}" for number, field in enumerate(fields))
        end = [
            f" facts = {{{facts}}}",
            " if unknown: facts['unknown_facts'] = tuple(unknown)",
            " return facts",
        ]
        read: Read = self._function("holder, path", fields, struct, end, {})
        return read

    def _compiled_line(self) -> ReadLine:
        """Return the function that reads an order into a line at once: there are many of them in a message."""
        facts = ", ".join(f"{field.fact}=fact{number}" for number, field in enumerate(LINE) if field.fact != "current")
        place = "encounter_id=encounter_id, facility_id=facility_id, position=position"
        current = next(number for number, field in enumerate(LINE) if field.fact == "current")
        end = [f" return fact{current}, Line({facts}, {place}, unknown_facts=tuple(unknown))"]
        arguments = "holder, path, encounter_id, facility_id, position"
        read: ReadLine = self._function(arguments, LINE, Line, end, {"Line": Line})
        return read

    def _function(
        self,
        arguments: str,
        fields: Sequence[Field],
        struct: type[msgspec.Struct],
        end: Sequence[str],
        names: dict[str, Any],
    ) -> Any:
        """Return a function that reads each field into `factN` and ends as told."""
        defaults = {field.name: field.default for field in msgspec.structs.fields(struct)}
        names |= {"other": self.other, "MISSING": _MISSING}
        body = [f"def read({arguments}):", " get = holder.get", " unknown = []"]
        for number, field in enumerate(fields):
            default = defaults.get(field.fact)
            readings: dict[str, Any] = {"": default}
            names |= {f"field{number}": field, f"readings{number}": readings, f"default{number}": default}
            slow = f"other(field{number}, value, default{number}, readings{number}, holder, path, unknown)"
            body.append(f" value = get({field.national!r})")
            if field.kind == "text":
                clean = f"value.__class__ is str and len(value) <= {TEXT_MAX_CHARACTERS} and value.isprintable()"
                if field.aliases:
                    clean += " and value"  # where nothing stands here, the alias may say it
                body.append(f" fact{number} = value.strip() if {clean} else {slow}")
            else:
                body.append(
                    f" fact{number} = readings{number}.get(value, MISSING) if value.__class__ is str else MISSING"
                )
                body.append(f" if fact{number} is MISSING: fact{number} = {slow}")
        exec("\n".join([*body, *end]), names)  # noqa: S102 - made above, of our own field table
        return names["read"]

    def other(
        self,
        field: Field,
        value: Any,
        default: Any,
        readings: dict[str, Any],
        holder: Mapping[str, Any],
        path: str,
        unknown: list[UnknownFact],
    ) -> Any:
        """Return the fact of one field, whatever stands there; what is unknown is added to `unknown`."""
        name = field.national
        if value is None or value == "":
            for name in field.names[1:]:
                value = holder.get(name)
                if value is not None and value != "":
                    break
            else:
                return default
        fact = self._fact(field.fact, field.kind, field.national, value, f"{path}.{name}")
        if fact.__class__ is UnknownFact:
            unknown.append(fact)
            return default
        if fact is None:
            fact = default
        if value.__class__ is str and field.kind != "text":
            if len(readings) >= READINGS_PER_FIELD_MAX:
                readings.clear()
            readings[value] = fact
        return fact

    def one(self, holder: Mapping[str, Any], national: str, names: Sequence[str], kind: Kind, path: str) -> Any:
        """Return the one fact that stands under one of `names`; None for nothing, UnknownFact for an unknown code."""
        for name in names:
            value = holder.get(name)
            if value is not None and value != "":
                return self._fact(national, kind, national, value, f"{path}{name}")
        return None

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


def with_unknown(facts: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return two sets of facts about one thing as one; their unknown facts are added up."""
    unknown = (*facts.get("unknown_facts", ()), *more.get("unknown_facts", ()))
    return {**facts, **more, "unknown_facts": unknown} if unknown else {**facts, **more}
