"""Rows that say again, or against each other, what another row of their rule says."""

from collections.abc import Iterator, Mapping
from typing import Any

from ruleset.ages import parse_age
from ruleset.codes import atc_of, class_prefixes
from ruleset.pack.diagnostics import Diagnostic
from ruleset.pack.lint.reach import always_reached
from ruleset.pack.lint.work import CLASS_COLUMNS, PEOPLE_COLUMNS, LintRow, Work, stated_conditions, statement
from ruleset.scope import Conditions
from ruleset.template import SUBJECT_COLUMNS, Subject, class_key, item_key, kind_key, subject_keys

KIND_OF_CODE: Mapping[str, str] = {"X": "drug", "Z": "drug", "T": "herb_piece", "C": "consumable"}
"""The catalogue of a national item code by its first character; a service has digits only."""

ASPECT_COLUMNS = frozenset(
    {
        "window",
        "period",
        "period_days",
        "per",
        "unit",
        "kind",
        "state",
        "check",
        "condition",
        "requires",
        "operations",
        "diagnoses",
        "test_names",
        "alternative",
    }
)
"""Columns that say which aspect of its key a row is about: rows that differ in one limit different things."""


def _on_common_days(rows: list[LintRow]) -> Iterator[tuple[LintRow, LintRow]]:
    """Yield each row with the first one before it that is in force on one of its days."""
    for place, row in enumerate(rows):
        for earlier in rows[:place]:
            if row.shares_a_day_with(earlier):
                yield earlier, row
                break


def _conditions(row: LintRow) -> tuple[Conditions | None, Conditions | None]:
    return row.scope, row.exempt


def _answer(row: LintRow) -> tuple[Any, ...]:
    common = row.row.common
    return (common.action or row.rule.action, common.curation or row.rule.curation)


def duplicates_and_contradictions(work: Work) -> Iterator[Diagnostic]:
    """Rows that differ for people only, and rows of one key and scope whose parameters or actions differ."""
    for rows in work.rows_of.values():
        said: dict[tuple[Any, ...], list[LintRow]] = {}
        about: dict[tuple[Any, ...], list[LintRow]] = {}
        for row in rows:
            said.setdefault((statement(row), _answer(row), _conditions(row)), []).append(row)
            key = tuple(getattr(row.row.params, name) for name in row.template.row_name)
            about.setdefault((key, _conditions(row)), []).append(row)
        for group in said.values():
            for earlier, row in _on_common_days(group):
                differing = _differing(earlier, row, PEOPLE_COLUMNS)
                if differing:
                    text = f"says the same as line {earlier.row.line}: they differ in `{differing[0]}` only, which is for people"
                    yield work.at(row, differing[0], text)
        for (key, _), group in about.items():
            if not any(key):
                continue
            for earlier, row in _on_common_days(group):
                if _are_of_different_ages(earlier, row):
                    continue
                differing = _contradicting(earlier, row)
                if differing:
                    names = ", ".join(f"`{name}`" for name in differing)
                    text = f"contradicts line {earlier.row.line}: of one key and scope on the same days, other {names}"
                    yield work.at(row, differing[0], text, "end one of them with `valid_to`, or give them scopes")
                elif statement(earlier) == statement(row) and _answer(earlier) != _answer(row):
                    text = f"contradicts line {earlier.row.line}: says the same on the same days with another action"
                    yield work.at(row, "action", text)


def _contradicting(one: LintRow, other: LintRow) -> list[str]:
    """Return the columns in which two rows of one key state different things.

    Rows that count over other windows, or look at another kind of thing, add to each other; so do rows of which one
    leaves empty what the other states.
    """
    names = one.row.params.__struct_fields__
    values = {name: (getattr(one.row.params, name), getattr(other.row.params, name)) for name in names}
    differing = [name for name, (a, b) in values.items() if a != b and name not in PEOPLE_COLUMNS]
    if any(name in ASPECT_COLUMNS for name in differing):
        return []
    return [name for name in differing if not any(value in ("", (), None) for value in values[name])]


def _are_of_different_ages(one: LintRow, other: LintRow) -> bool:
    """Say whether two rows speak of bands of age that nobody is in both of."""
    return any(
        (low := getattr(old.row.params, "min_age", ""))
        and (end := getattr(young.row.params, "below_age", ""))
        and always_reached(parse_age(low), parse_age(end))
        for old, young in ((one, other), (other, one))
    )


def _differing(one: LintRow, other: LintRow, columns: frozenset[str]) -> list[str]:
    names = one.row.params.__struct_fields__
    return [
        name for name in names if name in columns and getattr(one.row.params, name) != getattr(other.row.params, name)
    ]


def pairs(work: Work) -> Iterator[Diagnostic]:
    """Pairs that are listed in both directions, or of one thing with itself."""
    for rows in work.rows_of.values():
        columns = rows[0].template.pair
        if columns is None:
            continue
        seen: dict[tuple[Any, ...], list[LintRow]] = {}
        for row in rows:
            first, second = (_names(row, side) for side in columns)
            if not first or not second:
                continue  # no pair: a herb in pregnancy, a check that has no other side
            # A list beside itself says: any two different members of it.
            alone = [name for name, is_class in first & second if not is_class]
            if alone:
                yield work.at(row, _column(row, columns[1]), f"`{alone[0]}` is paired with itself")
                continue
            rest = tuple(getattr(row.row.params, name, None) for name in ("window", "check"))
            turned = {(b, a, rest, _conditions(row)) for a in first for b in second}
            earlier = next(
                (other for key in turned for other in seen.get(key, ()) if row.shares_a_day_with(other)), None
            )
            if earlier is not None:
                yield work.at(
                    row, _column(row, columns[0]), f"is the pair of line {earlier.row.line} in the other direction"
                )
            for a in first:
                for b in second:
                    seen.setdefault((a, b, rest, _conditions(row)), []).append(row)


def _column(row: LintRow, side: tuple[str, ...]) -> str:
    return next(column for column in side if getattr(row.row.params, column))


def _names(row: LintRow, columns: tuple[str, ...]) -> set[tuple[str, bool]]:
    """Return the names of one side, each with whether it is a class."""
    return {
        (name, column in CLASS_COLUMNS)
        for column in columns
        if (value := getattr(row.row.params, column))
        for name in (value if isinstance(value, tuple) else (value,))
    }


def covered(work: Work) -> Iterator[Diagnostic]:
    """Rows of which a wider row of their rule says everything: the class that has the item, or fewer conditions."""
    for rows in work.rows_of.values():
        if not issubclass(rows[0].template.columns, Subject) or rows[0].template.pair is not None:
            continue
        groups: dict[tuple[Any, ...], list[LintRow]] = {}
        for row in rows:
            groups.setdefault((statement(row, SUBJECT_COLUMNS), _answer(row)), []).append(row)
        for group in groups.values():
            by_key: dict[str, list[LintRow]] = {}
            for row in group:
                for key in _subject_keys(row):
                    by_key.setdefault(key, []).append(row)
            for row in group:
                wider = next(_wider(work, row, by_key), None)
                if wider is not None:
                    text = f"line {wider.row.line} says all of this already, of more"
                    yield work.at(row, _subject_column(row), text)


def _subject_keys(row: LintRow) -> tuple[str, ...]:
    params: Any = row.row.params
    return subject_keys(params)


def _subject_column(row: LintRow) -> str:
    return next((name for name in SUBJECT_COLUMNS if getattr(row.row.params, name)), "")


def _wider(work: Work, row: LintRow, by_key: Mapping[str, list[LintRow]]) -> Iterator[LintRow]:
    for key in _subject_keys(row):
        for wide_key in _keys_above(work, key):
            for other in by_key.get(wide_key, ()):
                is_wider = wide_key != key or _conditions(other) != _conditions(row)
                same_days = other.row.valid_from <= row.row.valid_from and row.row.valid_to <= other.row.valid_to
                if other is not row and is_wider and same_days and _asks_no_more(other, row):
                    yield other


def _keys_above(work: Work, key: str) -> Iterator[str]:
    """Yield the key of a subject, and those of everything that holds it."""
    yield key
    kind, _, name = key.partition(":")
    atc = atc_of(name) if kind == "item" else name if kind == "class" else ""
    for prefix in class_prefixes(atc):
        if class_key(prefix) != key:
            yield class_key(prefix)
    for list_name, members in work.members.items():
        holds = key in members or any(class_key(prefix) in members for prefix in class_prefixes(atc))
        if holds and class_key(list_name) != key:
            yield class_key(list_name)
    if key == item_key(name):
        catalogue = "service" if name.isdigit() else KIND_OF_CODE.get(name[:1], "")
    else:
        catalogue = "drug" if kind == "ingredient" or atc else ""
    if catalogue:
        yield kind_key(catalogue)


def _asks_no_more(wide: LintRow, narrow: LintRow) -> bool:
    """Say whether a row holds wherever another one does: it states no condition that the other one does not."""
    narrow_scope = dict(stated_conditions(narrow.scope))
    scope_is_wide = all(narrow_scope.get(name) == value for name, value in stated_conditions(wide.scope))
    narrow_exempt = dict(stated_conditions(narrow.exempt))
    return scope_is_wide and all(narrow_exempt.get(name) == value for name, value in stated_conditions(wide.exempt))
