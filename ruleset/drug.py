"""What a line is of: its substances, its classes, the lists that have it, and the rows that speak of it.

Worked out once for all lines of the same drug, for as long as the rows are in force (`RowSource.drugs`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ruleset import codes, drug_names
from ruleset.case import HERBS, ItemKind, Line
from ruleset.herb_names import spellings
from ruleset.outcome import Missing
from ruleset.routes import is_systemic
from ruleset.supply import last_possible_day
from ruleset.template import (
    EVERY_LINE,
    class_key,
    herb_form_key,
    ingredient_key,
    item_key,
    kind_key,
    spoken_key,
    systemic_key,
)
from ruleset.timeline import REBUILT_FROM, ItemLines, Step, Timeline, item_lines

if TYPE_CHECKING:
    from ruleset.rule import Row

HERB_KINDS = (*HERBS, None)
"""Lines that may be herbs; None because the kind may just be unknown."""
DRUG_KINDS = ("drug", *HERBS, None)
DRUGS_KEPT_MAX = 65_536


class RowSource(Protocol):
    """Where rows are looked up by key: a `ruleset.snapshot.Snapshot`, or a naive table in tests."""

    drugs: "dict[DrugKey, Drug]"
    """What `drug_of` has worked out, kept as long as the rows are."""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of keys that any row is indexed under: what stands before the colon of a key."""

    def rows(self, key: str) -> "Sequence[Row]":
        """Return the rows of every pack that are indexed under `key`, whatever their dates."""

    def lists(self, key: str) -> Sequence[str]:
        """Return the names of the packs' lists that have `key` (of an item, ingredient or class) among their members."""


class Drug(NamedTuple):
    """What a line is of. `missing` says why substances or classes are not known."""

    ingredients: tuple[str, ...]
    classes: tuple[str, ...]
    """ATC codes of every level, the hospital's classes, and the packs' lists."""
    missing: tuple[Missing, ...]
    """What would have to be known for every row about it to be found: its catalogue, its substances, its classes."""
    rows: "tuple[Row, ...]" = ()
    """Every row, each once, under the keys of its substances and classes, except those of `kind_rows`."""
    kind_rows: "Sequence[Row]" = ()
    """Every row, each once, under the keys of its catalogue and of every line: one object for many drugs."""
    names: tuple[str, ...] = ()
    """Its substances and classes, each name once."""
    herb_form: str = ""
    """Of a line that may be a herb: the first spelling of its names that a row for herbs in any form knows."""


INGREDIENTS_UNKNOWN = Missing("ingredients", "字典和报文中都没有药品成分")
CLASSES_UNKNOWN = Missing("classes", "字典、报文和编码中都没有药理分类")
KIND_UNKNOWN = Missing("item_kind", "目录类别不明，编码也看不出是不是药品")


DrugKey = tuple[str | None, str, str, str, tuple[Any, ...], tuple[str, ...], str, str]


def drug_of(line: Line, rows: RowSource) -> Drug:
    """Return the substances and classes of a line, worked out once for all lines of the same drug.

    Stated ones without their salt, else those of the national catalogue: the generic name without form and salt, and the ATC class
    that stands in a western drug's code. Where no class is stated either, and the drug is given systemically, those of
    its substances in `substances.csv` of a pack. The name of a drug without such a code is believed where some row or list
    speaks of just that substance: 华法林钠片 is warfarin whoever sends it, a brand name stays unknown. So is the hospital's
    own name of an item that has no national one; a code does not vouch for it. A line that is no drug has only the lists that
    name its item code.
    """
    key: DrugKey = (
        line.item_kind,
        line.item_code,
        line.item_name,
        line.local_name,
        line.ingredients,
        line.classes,
        line.form,
        line.route,
    )
    drug = rows.drugs.get(key)
    if drug is None:
        drug = rows.drugs[key] = _drug_of(line, rows)
        if len(rows.drugs) > DRUGS_KEPT_MAX:
            # One goes for one that came: to start over would free them all at once, while every check waits.
            rows.drugs.pop(next(iter(rows.drugs), key), None)
    return drug


def _drug_of(line: Line, rows: RowSource) -> Drug:
    ingredients, classes = substances_and_classes(line)
    name = line.item_name or line.local_name
    if not ingredients and line.item_kind == "drug":
        ingredients = _known_by_name(name, rows)
    if not classes and is_systemic(line.route, line.form, name):
        stated = (name for ingredient in ingredients for name in rows.lists(systemic_key(ingredient)))
        classes = _at_all_levels(stated)
    kinds = rows.kinds
    missing = tuple(_missing(line, ingredients, classes, kinds))
    if "list" in kinds:
        members = [ingredient_key(name) for name in ingredients] + [class_key(name) for name in classes]
        if line.item_code:
            members.append(item_key(line.item_code))
        lists = [name for member in members for name in rows.lists(member)]
        if lists:
            classes = tuple(dict.fromkeys((*classes, *lists)))
    keys = [*map(ingredient_key, ingredients), *map(class_key, classes)]
    kind = kind_of(line)
    kind_rows: Sequence[Row] = rows.rows(kind_key(kind)) if kind is not None and "kind" in kinds else ()
    every_line = rows.rows(EVERY_LINE) if "every" in kinds else ()
    if every_line:
        kind_rows = tuple({_row_key(row): row for row in (*kind_rows, *every_line)}.values())
    of_kind = set(map(_row_key, kind_rows))
    found = {
        _row_key(row): row
        for key in keys
        if key.partition(":")[0] in kinds
        for row in rows.rows(key)
        if _row_key(row) not in of_kind
    }
    names = tuple(dict.fromkeys((*ingredients, *classes)))
    herb_form = _herb_form(line, rows) if kind in HERB_KINDS and "herb-form" in kinds else ""
    return Drug(ingredients, classes, missing, tuple(found.values()), kind_rows, names, herb_form)


def _herb_form(line: Line, rows: RowSource) -> str:
    written = (*spellings(line.item_name), *spellings(line.local_name))
    return next((name for name in written if rows.rows(herb_form_key(name))), "")


def _row_key(row: "Row") -> tuple[str, str, int]:
    """Return what tells a row from others: two packs may name a row alike, and a statement of another layer splits one."""
    return row.rule.pack_id, row.id, row.valid_from


def _known_by_name(item_name: str, rows: RowSource) -> tuple[str, ...]:
    """Return the substance that a name stands for, where a row or a list speaks of it; nothing for any other name."""
    name = drug_names.generic_name(item_name)
    if not name:
        return ()
    key = ingredient_key(name)
    is_known = rows.rows(key) or any(rows.lists(one) for one in (key, systemic_key(name), spoken_key(name)))
    return (name,) if is_known else ()


def kind_of(line: Line) -> ItemKind | None:
    """Return the catalogue that a line belongs to: as stated, else a drug where its code is one of a western drug."""
    if line.item_kind is None and codes.atc_of(line.item_code):
        return "drug"
    return line.item_kind


def _missing(
    line: Line, ingredients: tuple[str, ...], classes: tuple[str, ...], kinds: frozenset[str]
) -> Iterator[Missing]:
    """Yield what is not known of a line that rows may ask for. Lists are no knowledge of a class: they name members."""
    kind = kind_of(line)
    if kind is None and not kinds.isdisjoint(("ingredient", "class", "kind")):
        yield KIND_UNKNOWN
    elif kind == "drug":
        if not ingredients and "ingredient" in kinds:
            yield INGREDIENTS_UNKNOWN
        if not classes and "class" in kinds:
            yield CLASSES_UNKNOWN


def substances_and_classes(line: Line) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what the line itself and the national catalogue say of its substances and classes."""
    atc = codes.atc_of(line.item_code)
    if line.item_kind not in DRUG_KINDS or (line.item_kind is None and not line.ingredients and not atc):
        return (), ()
    ingredients = tuple(dict.fromkeys(drug_names.substance_name(ingredient.name) for ingredient in line.ingredients))
    if not ingredients and atc:
        name = drug_names.generic_name(line.item_name)
        ingredients = (name,) if name else ()
    return ingredients, _at_all_levels((*line.classes, atc))


def _at_all_levels(stated: Iterable[str]) -> tuple[str, ...]:
    """Return classes with the wider ones of those that are ATC codes, each once."""
    classes: dict[str, None] = {}
    for one in stated:
        classes.update(dict.fromkeys(codes.class_prefixes(one) or ((one,) if one else ())))
    return tuple(classes)


REFUNDS_OF = "\0"
"""Before a name: the refunds of it, which few rules ask for."""


def index_names(drug: Drug, line: Line) -> Iterable[str]:
    """Return under which names a line is indexed: its substances, classes and lists; a refund apart from them."""
    return [REFUNDS_OF + name for name in drug.names] if line.is_refund else drug.names


class NamedLines(NamedTuple):
    """Stored lines of one substance, class or list, with the last day (ordinal) on which each may be in use."""

    item: ItemLines
    last_days: tuple[int, ...]
    """Ascending; `by_last_day` are the lines in this order."""
    by_last_day: tuple[Line, ...]
    item_codes: frozenset[str]

    def with_step(self, removed: Sequence[Line], added: Sequence[Line]) -> "NamedLines | None":
        """Return the lines without some and with others; None where none is left."""
        item = self.item.with_step(removed, added)
        if item is None:
            return None
        if len(removed) + len(added) > REBUILT_FROM:
            return _named(item)
        last_days, lines = list(self.last_days), list(self.by_last_day)
        for line in removed:
            place = bisect_left(last_days, last_possible_day(line))
            while lines[place] is not line:
                place += 1
            del last_days[place], lines[place]
        for line in added:
            day = last_possible_day(line)
            place = bisect_right(last_days, day)
            last_days.insert(place, day)
            lines.insert(place, line)
        codes = self.item_codes.union(line.item_code for line in added)
        gone = {line.item_code for line in removed}
        lost = {code for code in gone if all(line.item_code != code for line in item.lines)}
        return NamedLines(item, tuple(last_days), tuple(lines), codes - lost)


def _named(item: ItemLines) -> NamedLines:
    keyed = sorted(((last_possible_day(line), place) for place, line in enumerate(item.lines)))
    last_days = tuple(day for day, _ in keyed)
    ordered = tuple(item.lines[place] for _, place in keyed)
    return NamedLines(item, last_days, ordered, frozenset(line.item_code for line in item.lines))


def by_name(stored: Timeline, rows: RowSource) -> Mapping[str, NamedLines]:
    """Index stored lines by substance, class and list; from what an earlier timeline's index had, where that is known."""
    earlier = stored.earlier
    if earlier is not None and earlier.by_name is not None and earlier.by_name[0]() is rows:
        steps = stored.steps_since(earlier.token)
        if steps is not None:
            return _with_steps(earlier.by_name[1], steps, rows)
    groups: dict[str, list[Line]] = {}
    for line in stored.by_identity.values():
        if line.begin is not None:
            for name in index_names(drug_of(line, rows), line):
                groups.setdefault(name, []).append(line)
    return {name: _named(item_lines(lines)) for name, lines in groups.items()}


def _with_steps(before: Mapping[str, NamedLines], steps: Sequence[Step], rows: RowSource) -> Mapping[str, NamedLines]:
    named = dict(before)
    for step in steps:
        groups: dict[str, tuple[list[Line], list[Line]]] = {}
        for place, lines in enumerate((step.removed, step.added)):
            for line in lines:
                if line.begin is not None:
                    for name in index_names(drug_of(line, rows), line):
                        groups.setdefault(name, ([], []))[place].append(line)
        for name, (removed, added) in groups.items():
            old = named.pop(name, None)
            new = old.with_step(removed, added) if old is not None else _named(item_lines(added))
            if new is not None:
                named[name] = new
    return named
