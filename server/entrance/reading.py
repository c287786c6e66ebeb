"""From one JSON object of the message to the facts that it states, by the field table and one site profile.

Theory of operation
===================
Reading is the dearest part of a check, so each list of fields is turned into one Python function when a profile is
first used, as `dataclasses` does with the fields of a class: the fields one after the other, without a loop. The
function holds only the common case of each field: a clean text is taken as it stands; the text of a code, number or
time is looked up in what it was read as before, because these repeat from line to line and from message to message.
All else (another type, another name for the field, a first meeting) goes to `FactReader.other`, which is the whole
truth about one field; the generated code only spares the way to it. The objects of the lists in `ext` are few, and
are read by a plain loop.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

import msgspec

from ruleset.case import Diagnosis, Encounter, Line, Operation, Patient, UnknownFact, Visit
from ruleset.facts import FACTS
from server import limits
from server.entrance import fields as table
from server.entrance import values
from server.entrance.fields import NESTED, Field, Group
from server.entrance.text import EntranceError
from server.entrance.words import standard_department, standard_frequency, standard_route
from server.limits import TEXT_MAX_CHARACTERS
from server.profile import Profile

READINGS_PER_FIELD_MAX = 4_096
"""How many texts of a field are remembered; then remembering starts over."""
PROFILES_MAX = 256

Facts = dict[str, Any]
"""Facts by the names of their struct; and `unknown_facts`, where there are any."""
Read = Callable[[Mapping[str, Any], str], Facts]
"""Takes an object and its path; returns its facts."""

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
    EntranceError naming the field and its value. Those of an `ext` object return only what it states.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._zone = profile.time_zone
        self.patient = self._compiled(table.PATIENT, Patient)
        self.patient_ext = self._compiled(table.PATIENT_EXT, Patient, only_stated=True)
        self.patient_in_encounter = self._compiled(table.PATIENT_IN_ENCOUNTER, Patient, only_stated=True)
        self.encounter = self._compiled(table.ENCOUNTER, Encounter)
        self.encounter_ext = self._compiled(table.ENCOUNTER_EXT, Encounter, only_stated=True)
        self.visit = self._compiled(table.VISIT, Visit)
        self.visit_ext = self._compiled(table.VISIT_EXT, Visit, only_stated=True)
        self.main_diagnosis = self._compiled(table.MAIN_DIAGNOSIS, Diagnosis)
        self.diagnosis = self._compiled(table.DIAGNOSIS, Diagnosis)
        self.diagnosis_ext = self._compiled(table.DIAGNOSIS_EXT, Diagnosis, only_stated=True)
        self.operation = self._compiled(table.OPERATION, Operation)
        self.operation_ext = self._compiled(table.OPERATION_EXT, Operation, only_stated=True)
        self.line = self._compiled_line()
        self.line_ext = self._compiled(table.LINE_EXT, Line, only_stated=True)

    def _compiled(self, fields: Sequence[Field], struct: type[msgspec.Struct], *, only_stated: bool = False) -> Read:
        """Return the function that reads these fields into facts of `struct`."""
        if only_stated:
            end = [" facts = {}"]
            end += [
                f" if fact{number} != default{number}: facts[{field.fact!r}] = fact{number}"
                for number, field in enumerate(fields)
            ]
        else:
            facts = ", ".join(f"{field.fact!r}: fact{number}" for number, field in enumerate(fields))
            end = [f" facts = {{{facts}}}"]
        end += [" if unknown: facts['unknown_facts'] = tuple(unknown)", " return facts"]
        read: Read = self._function("holder, path", fields, struct, end, {})
        return read

    def _compiled_line(self) -> ReadLine:
        """Return the function that reads an order into a line at once: there are many of them in a message."""
        fields = table.LINE
        facts = ", ".join(
            f"{field.fact}=fact{number}" for number, field in enumerate(fields) if field.fact != "current"
        )
        place = "encounter_id=encounter_id, facility_id=facility_id, position=position"
        current = next(number for number, field in enumerate(fields) if field.fact == "current")
        end = [f" return fact{current}, Line({facts}, {place}, unknown_facts=tuple(unknown))"]
        arguments = "holder, path, encounter_id, facility_id, position"
        read: ReadLine = self._function(arguments, fields, Line, end, {"Line": Line})
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
        names |= {"other": self.other, "MISSING": _MISSING}
        body = [f"def read({arguments}):", " get = holder.get", " unknown = []"]
        for number, field in enumerate(fields):
            default = _default_of(struct, field.fact)
            default = None if default is msgspec.NODEFAULT else default
            readings: dict[str, Any] = {"": default}
            names |= {f"field{number}": field, f"readings{number}": readings, f"default{number}": default}
            names[f"twins{number}"] = field.names[1:]
            slow = f"other(field{number}, twins{number}, value, default{number}, readings{number}, get, path, unknown)"
            body.append(f" value = get({field.national!r})")
            if self._is_taken_as_it_stands(field):
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

    def _is_taken_as_it_stands(self, field: Field) -> bool:
        return field.kind == "text" or (field.kind == "department" and self._profile.departments is None)

    def other(
        self,
        field: Field,
        twins: Sequence[str],
        value: Any,
        default: Any,
        readings: dict[str, Any],
        get: Callable[[str], Any],
        path: str,
        unknown: list[UnknownFact],
    ) -> Any:
        """Return the fact of one field, whatever stands there; what is unknown is added to `unknown`."""
        name = field.national
        if value is None or value == "":
            for name in twins:
                value = get(name)
                if value is not None and value != "":
                    break
            else:
                return default
        place = f"{path}.{name}"
        if field.kind == "objects":
            return self._objects(NESTED[field.fact], value, place, unknown)
        fact = self._fact(field, value, place)
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

    def one(self, holder: Mapping[str, Any], field: Field, path: str) -> Any:
        """Return the fact of one field; None for nothing, UnknownFact for an unknown code."""
        for name in field.names:
            value = holder.get(name)
            if value is not None and value != "":
                return self._fact(field, value, f"{path}{name}")
        return None

    def _objects(self, group: Group, value: Any, path: str, unknown: list[UnknownFact]) -> tuple[msgspec.Struct, ...]:
        """Return the objects of a list in `ext`; one object may stand in its place, a bare text in an object's."""
        if value in values.NOTHING:
            return ()
        items = value if isinstance(value, list) else [value]
        most = limits.OBSERVATIONS_MAX if group is NESTED["observations"] else limits.LIST_ENTRIES_MAX
        if len(items) > most:
            raise EntranceError(path, None, f"{len(items)} entries, at most {most}")
        places = [f"{path}[{number}]" for number in range(len(items))] if isinstance(value, list) else [path]
        entries = (self._object(group, item, place, unknown) for item, place in zip(items, places, strict=True))
        return tuple(entry for entry in entries if entry is not None)

    def _object(self, group: Group, item: Any, path: str, unknown: list[UnknownFact]) -> msgspec.Struct | None:
        """Return one object; None for one of which nothing certain can be said, which is added to `unknown`."""
        if isinstance(item, str) and group.text_states:
            item = {group.text_states: item}
        if not isinstance(item, dict):
            raise EntranceError(path, item, "expected an object")
        facts: Facts = {}
        is_certain = True
        for field in group.fields:
            fact = self.one(item, field, f"{path}.")
            if isinstance(fact, UnknownFact):
                unknown.append(fact)
                # What has a default would silently become it: a refuted allergy would be an active one.
                is_certain = is_certain and _default_of(group.struct, field.fact) is None
            elif fact is not None:
                facts[field.fact] = fact
        if isinstance(facts.get("value"), str):
            words = facts.pop("value")
            facts["text"] = facts.get("text") or words
        if not is_certain:
            return None
        for field in group.fields:
            if field.fact not in facts and _default_of(group.struct, field.fact) is msgspec.NODEFAULT:
                raise EntranceError(f"{path}.{field.national}", None, "is missing")
        return group.struct(**facts)

    def _fact(self, field: Field, value: Any, path: str) -> Any:
        try:
            return self._value(field, value)
        except values.BadValueError as error:
            raise EntranceError(path, value, str(error)) from error

    def _value(self, field: Field, value: Any) -> Any:  # one branch per kind of the table
        match field.kind:
            case "text":
                return values.text(value)
            case "time" | "date" as kind:
                return (values.time if kind == "time" else values.date)(value, self._zone)
            case "code" | "flag_code":
                meaning = self._code(field, values.text(value))
                return meaning == "true" if field.kind == "flag_code" and isinstance(meaning, str) else meaning
            case "department":
                return standard_department(self._profile, values.text(value))
            case "route":
                return standard_route(self._profile, values.text(value))
            case "frequency":
                return standard_frequency(self._profile, values.text(value))
            case "positive_or_unknown":
                return _positive_or_unknown(field, value)
            case "objects":
                raise AssertionError(f"{field.national} is read by its own group")
            case plain:
                return getattr(values, plain)(value)

    def _code(self, field: Field, code: str) -> str | UnknownFact | None:
        if not code or code == "-":
            return None
        meaning = self._profile.codes[field.code_list].get(code)
        if meaning is None:
            return UnknownFact(field.unknown_as, code, f"{FACTS[field.unknown_as].label}的值“{code}”不在站点配置中")
        if not meaning:
            return UnknownFact(field.unknown_as, code, f"{FACTS[field.unknown_as].label}的值“{code}”表示未知")
        return meaning


@cache
def _default_of(struct: type[msgspec.Struct], fact: str) -> Any:
    """Return what a struct says where a fact is not stated, NODEFAULT where it must be; None for no fact of it."""
    return next((known.default for known in msgspec.structs.fields(struct) if known.name == fact), None)


def _positive_or_unknown(field: Field, value: Any) -> Any:
    try:
        return values.positive(value)
    except values.BadValueError:
        return UnknownFact(field.unknown_as, str(value)[:80], f"{FACTS[field.unknown_as].label}的值不是大于零的数")


def with_unknown(facts: Facts, more: Mapping[str, Any]) -> Facts:
    """Return two sets of facts about one thing as one; their unknown facts are added up."""
    unknown = (*facts.get("unknown_facts", ()), *more.get("unknown_facts", ()))
    return {**facts, **more, "unknown_facts": unknown} if unknown else {**facts, **more}
