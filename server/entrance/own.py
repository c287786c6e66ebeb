"""Read our own JSON document into a `Case`: `ruleset.document` knows its form, this module holds it to the limits.

The typed request is read here too: `typed.py` turns it into such a document, and nothing else.
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import msgspec

from ruleset.case import Case, Encounter, Line, Practitioner, UnknownFact, Visit
from ruleset.document import DocumentError, read_document
from server import limits
from server.entrance import values
from server.entrance.fields import ALL_GROUPS, Kind
from server.entrance.text import EntranceError
from server.entrance.words import standard_department, standard_frequency, standard_route
from server.profile import Profile

ENTRIES_MAX: Mapping[str, int] = {
    "encounter.lines": limits.CURRENT_LINES_MAX,
    "history": limits.HISTORY_LINES_MAX,
    "encounter.diagnoses": limits.DIAGNOSES_MAX,
    "encounter.operations": limits.OPERATIONS_MAX,
    "patient.observations": limits.OBSERVATIONS_MAX,
    "visits": limits.ENCOUNTERS_MAX,
}
"""Limits of lists by their path; every other list has LIST_ENTRIES_MAX."""
_PLACE = re.compile(r"^(.*) - at `\$\.?(.*)`$", re.DOTALL)


def read_own(document: Any, profile: Profile) -> Case:
    """Return the case of a decoded document, at the site of a profile. Raises EntranceError naming field and value.

    Numbers, texts and times are held to the same bounds as those of a national message: what is too large for a rule
    to reckon with never gets as far as a rule, or into history.
    """
    try:
        case = read_document(document, profile.site)
    except DocumentError as error:
        raise _refusal(document, str(error)) from error
    _require_bounds(case, "")
    return _in_standard_words(case, profile)


def _refusal(document: Any, text: str) -> EntranceError:
    """Return the error of a document that has not the form; what stood at the place that the text names is named."""
    found = _PLACE.match(text)
    if not found:
        return EntranceError("document", None, text)
    problem, path = found.groups()
    value = document
    for part in re.findall(r"[^.\[\]]+", path):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (LookupError, TypeError, ValueError):
            value = None
    return EntranceError(path or "document", value if isinstance(value, (str, int, float, bool)) else None, problem)


def _require_bounds(struct: msgspec.Struct, path: str) -> None:
    """Raise EntranceError for a list, text, number or time beyond its bound, wherever it stands in a struct."""
    for name, kind in _facts_of(type(struct)):
        fact = getattr(struct, name)
        if fact is None or (kind is None and not fact):
            continue
        if fact.__class__ is str and len(fact) <= limits.TEXT_MAX_CHARACTERS and fact.isprintable():
            continue
        place = _path(struct, path, name)
        if fact.__class__ is not tuple:
            _require_bound(fact, place, kind)
            continue
        most = ENTRIES_MAX.get(place, limits.LIST_ENTRIES_MAX)
        if len(fact) > most:
            raise EntranceError(place, None, f"{len(fact)} entries, at most {most}")
        for number, item in enumerate(fact):
            _require_bound(item, f"{place}[{number}]", kind)


def _path(holder: msgspec.Struct, path: str, name: str) -> str:
    """Return the path of a fact as the document has it: the current lines stand in its encounter."""
    if isinstance(holder, Case) and name == "lines":
        return "encounter.lines"
    return f"{path}.{name}" if path else name


def _require_bound(value: Any, path: str, kind: Kind | None) -> None:
    """Raise EntranceError for one text, number or time beyond its bound, or anything in a struct.

    `kind` is how the field table reads the fact, where it bounds a number.
    """
    if isinstance(value, msgspec.Struct):
        _require_bounds(value, path)
        return
    try:
        if isinstance(value, str):
            values.text(value)
        elif isinstance(value, date):
            _require_year(value)
        elif kind is not None:
            _require_more_than_nothing(value, kind)
        elif isinstance(value, Decimal):
            values.number(value)
    except values.BadValueError as error:
        raise EntranceError(path, value, str(error)) from error


def _require_year(moment: date) -> None:
    if not values.YEAR_MIN <= moment.year <= values.YEAR_MAX:
        raise values.BadValueError(f"expected a year from {values.YEAR_MIN} to {values.YEAR_MAX}")


def _require_more_than_nothing(value: Any, kind: Kind) -> None:
    # What a lenient message means by 0 is "nothing"; here it is said by leaving the field out.
    if not getattr(values, kind)(value):
        raise values.BadValueError("expected more than 0")


_BOUNDS: Mapping[Kind, Kind] = {
    "positive": "positive",
    "positive_or_unknown": "positive",
    "days": "days",
    "count": "count",
}
_BOUNDED: Mapping[tuple[type[msgspec.Struct], str], Kind] = {
    (group.struct, field.fact): _BOUNDS[field.kind]
    for group in ALL_GROUPS
    for field in group.fields
    if field.kind in _BOUNDS
}
"""The numbers that the field table bounds, by struct and fact."""


@cache
def _facts_of(struct: type[msgspec.Struct]) -> tuple[tuple[str, Kind | None], ...]:
    return tuple((name, _BOUNDED.get((struct, name))) for name in struct.__struct_fields__)


def _in_standard_words(case: Case, profile: Profile) -> Case:
    """Return the case with the site's words for routes, frequencies and departments as the standard ones."""
    return msgspec.structs.replace(
        case,
        encounter=_with_words(case.encounter, profile),
        lines=tuple(_with_words(line, profile) for line in case.lines),
        history=tuple(_with_words(line, profile) for line in case.history),
        visits=tuple(_with_words(visit, profile) for visit in case.visits),
        practitioners=tuple(_with_words(practitioner, profile) for practitioner in case.practitioners),
    )


WithWords = TypeVar("WithWords", Encounter, Line, Visit, Practitioner)


def _with_words(stated: WithWords, profile: Profile) -> WithWords:
    """Return a struct with standard words; one that is unknown is left out, and said where the struct can say it."""
    changes: dict[str, Any] = {}
    if stated.department_code:
        changes["department_code"] = standard_department(profile, stated.department_code)
    if isinstance(stated, Line):
        if stated.route:
            changes["route"] = standard_route(profile, stated.route)
        if stated.frequency:
            changes["frequency"] = standard_frequency(profile, stated.frequency)
    unknown: tuple[UnknownFact, ...] = tuple(fact for fact in changes.values() if isinstance(fact, UnknownFact))
    if unknown:
        changes = {name: "" if isinstance(fact, UnknownFact) else fact for name, fact in changes.items()}
        if isinstance(stated, (Encounter, Line)):
            changes["unknown_facts"] = (*stated.unknown_facts, *unknown)
    return msgspec.structs.replace(stated, **changes) if changes else stated
