"""Prefixes that reach beyond the published list that their row stands for (`within_list`)."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ruleset.codes import atc_of, class_prefixes
from ruleset.pack.diagnostics import Diagnostic, did_you_mean
from ruleset.pack.lint.work import (
    CLASS_COLUMNS,
    DIAGNOSIS_COLUMNS,
    ITEM_COLUMNS,
    OPERATION_COLUMNS,
    LintRow,
    Work,
)
from ruleset.template import class_key, diagnosis_key, item_key, operation_key

SHOWN_CODES_MAX = 5
"""How many codes beyond a list one diagnostic names; it counts them all."""


class Prefixed(NamedTuple):
    """One kind of code that rows name by prefix."""

    columns: frozenset[str]
    key: Callable[[str], str]


KINDS = (
    Prefixed(DIAGNOSIS_COLUMNS, diagnosis_key),
    Prefixed(OPERATION_COLUMNS, operation_key),
)


def beyond_their_list(work: Work) -> Iterator[Diagnostic]:
    """Known codes that a row's prefix matches and its `within_list` does not hold."""
    rows = [row for row in work.rows if row.row.common.within_list]
    if not rows:
        return
    known = _known_keys(work)
    for row in rows:
        name = row.row.common.within_list
        if name not in work.lists:
            text = f"`within_list` `{name}` is no list in lists/"
            yield work.at(row, "within_list", text, did_you_mean(name, work.lists))
            continue
        prefixes = list(_prefixes(row))
        if not prefixes:
            yield work.at(
                row, "within_list", "`within_list` is for a class or for prefixes of codes, and the row has none"
            )
        members = tuple(work.members[name])
        for column, prefix, reached in prefixes:
            beyond = sorted(code for code in known if reached(code) and not _is_held(code, members))
            if beyond:
                shown = ", ".join(f"`{code.partition(':')[2]}`" for code in beyond[:SHOWN_CODES_MAX])
                more = f" and {len(beyond) - SHOWN_CODES_MAX} more" if len(beyond) > SHOWN_CODES_MAX else ""
                text = f"`{prefix}` reaches beyond list `{name}`: {shown}{more}"
                yield work.at(row, column, text)


def _prefixes(row: LintRow) -> Iterator[tuple[str, str, Callable[[str], bool]]]:
    """Yield column, prefix, and the test of a key that it reaches."""
    for kind in KINDS:
        for column in sorted(kind.columns & row.stated.keys()):
            for value in row.stated[column]:
                begin = kind.key(value)
                yield column, value, lambda key, begin=begin: key != begin and key.startswith(begin)  # type: ignore[misc]
    for column in sorted(CLASS_COLUMNS & row.stated.keys()):
        for value in row.stated[column]:
            if class_prefixes(value):
                yield column, value, lambda key, value=value: _is_of_class(key, value)  # type: ignore[misc]


def _is_of_class(key: str, prefix: str) -> bool:
    kind, _, code = key.partition(":")
    if kind == "item":
        return prefix in class_prefixes(atc_of(code))
    return kind == "class" and code != prefix and prefix in class_prefixes(code)


def _is_held(key: str, members: tuple[str, ...]) -> bool:
    """Say whether a list holds a code: itself, a prefix of it, or its class."""
    kind, _, code = key.partition(":")
    if kind == "item":
        return key in members or any(class_key(prefix) in members for prefix in class_prefixes(atc_of(code)))
    if kind == "class":
        return any(class_key(prefix) in members for prefix in class_prefixes(code))
    return key.startswith(tuple(member for member in members if member.partition(":")[0] == kind) or ("\0",))


def _known_keys(work: Work) -> frozenset[str]:
    """Return the keys of every code that rows, lists, dictionary and messages name."""
    found = {key for members in work.members.values() for key in members}
    found |= {item_key(code) for code in work.known.items}
    found |= {class_key(name) for name in work.known.classes}
    found |= {diagnosis_key(code) for code in work.known.diagnoses}
    found |= {operation_key(code) for code in work.known.operations}
    for row in work.rows:
        for column, values in row.stated.items():
            if column in ITEM_COLUMNS:
                found.update(map(item_key, values))
            elif column in CLASS_COLUMNS:
                found.update(class_key(value) for value in values if class_prefixes(value))
            else:
                for kind in KINDS:
                    if column in kind.columns:
                        found.update(map(kind.key, values))
    return frozenset(found)
