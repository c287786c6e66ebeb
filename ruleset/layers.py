"""Several packs at once: which one speaks where they disagree.

All rows of all packs apply. A pack of a higher layer may state something about a row, or about all rows of a rule, of a
lower one: switch it off or on, or give it another action. Of the statements about a row the one of the highest layer
holds; of one layer's the one about the row before the one about its rule. (Two of one layer about the same thing are
refused when the packs are made live.)

What holds for everybody is worked out when a row is decoded: it is split at the days of the statements into rows that
are as they say, or that are not there. A check pays nothing for them. What a pack with a region states holds for its
patients only; such a row carries what it would be there (`Row.regional`), and the evaluator asks where it would be
found.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from ruleset.outcome import Action, Missing
from ruleset.scope import Scope

if TYPE_CHECKING:
    from ruleset.chart import Chart
    from ruleset.rule import Row

Layer = Literal["national", "regional", "safety", "hospital"]
LAYERS: tuple[Layer, ...] = ("national", "regional", "safety", "hospital")
"""From the lowest to the highest. Regional stands under safety, so that an overlay about payment can never silence a row
about safety."""

Mode = Literal["off", "shadow", "active"]


class Statement(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of `overrides/*.csv`. In force on the days `valid_from <= day < valid_to` (proleptic ordinals)."""

    pack: str
    rule: str
    row_id: str
    """Empty: every row of the rule."""
    mode: Mode | None
    action: Literal["HINT", "WARN", "WARN_REASON", "REVIEW", "BLOCK"] | None
    reason: str
    approved_by: str
    valid_from: int
    valid_to: int


class Stated(NamedTuple):
    """A statement with whose it is."""

    statement: Statement
    pack_id: str
    pack_revision: str
    layer: int
    """Its place in LAYERS."""
    region: Scope | None
    """For whose patients it holds; None: everybody's."""

    @property
    def rank(self) -> tuple[int, bool]:
        """Return what decides between two: the layer, then whether it is about the row itself."""
        return (self.layer, bool(self.statement.row_id))


class Regional(NamedTuple):
    """What a row is for the patients of a region; `row` is None where it is not there."""

    region: Scope
    row: "Row | None"


Statements = Mapping[str, Mapping[tuple[str, str], Sequence[Stated]]]
"""By pack id, then by rule and row id ("" for every row of the rule)."""


def by_target(stated: Iterable[Stated], layers: Mapping[str, int]) -> Statements:
    """Return statements by what they are about; those about packs that are not there, or not lower, are about nothing.

    `layers` are the packs' layers by id.
    """
    found: dict[str, dict[tuple[str, str], list[Stated]]] = {}
    for one in stated:
        about = one.statement
        if layers.get(about.pack, len(LAYERS)) < one.layer:
            found.setdefault(about.pack, {}).setdefault((about.rule, about.row_id), []).append(one)
    return found


def resolved(row: "Row", of_pack: Mapping[tuple[str, str], Sequence[Stated]], *, shadow: bool) -> Sequence["Row"]:
    """Return what becomes of a row: rows of the same id, each for some of its days; none where it is not there.

    `shadow` takes rows that are in shadow for active: for judging beside the answers.
    """
    rule_id = row.rule.id
    about = [*of_pack.get((rule_id, row.id), ()), *of_pack.get((rule_id, ""), ())]
    if not about:
        return (row,) if _is_there(row.common.mode, shadow=shadow) else ()
    about.sort(key=lambda one: one.rank, reverse=True)
    return tuple(_by_days(row, about, shadow=shadow))


def _is_there(mode: str, *, shadow: bool) -> bool:
    return mode == "active" or (mode == "shadow" and shadow)


def _by_days(row: "Row", about: Sequence[Stated], *, shadow: bool) -> Iterator["Row"]:
    """Yield the row as it is between any two days on which something changes."""
    days = {row.valid_from, row.valid_to}
    for one in about:
        days |= {
            day for day in (one.statement.valid_from, one.statement.valid_to) if row.valid_from < day < row.valid_to
        }
    ordered = sorted(days)
    for begin, end in pairwise(ordered):
        in_force = [one for one in about if one.statement.valid_from <= begin < one.statement.valid_to]
        found = _between(row, in_force, begin, end, shadow=shadow)
        if found is not None:
            yield found


def _between(row: "Row", in_force: Sequence[Stated], begin: int, end: int, *, shadow: bool) -> "Row | None":
    """Return the row on some days; None where it is there for nobody. `in_force` are the statements, the highest first."""
    regional: list[Stated] = []
    for one in in_force:
        if one.region is None:
            base = _as_stated(row, one, begin, end, shadow=shadow)
            break
        regional.append(one)
    else:
        base = row.on_days(begin, end) if _is_there(row.common.mode, shadow=shadow) else None
    if not regional:
        return base
    there = tuple(
        Regional(one.region, _as_stated(row, one, begin, end, shadow=shadow))
        for one in regional
        if one.region is not None
    )
    if base is None and all(variant.row is None for variant in there):
        return None
    carrier = base if base is not None else row.on_days(begin, end)
    return carrier.with_regions(there, is_elsewhere=base is not None)


def _as_stated(row: "Row", one: Stated, begin: int, end: int, *, shadow: bool) -> "Row | None":
    """Return the row as a statement has it; None where it is not there."""
    about = one.statement
    # A statement about a whole rule leaves rows off that their own pack keeps off.
    own = row.common.mode
    mode = about.mode if about.mode is not None and (own != "off" or about.row_id) else own
    if not _is_there(mode, shadow=shadow):
        return None
    return row.stated(one, begin, end)


def for_whom(row: "Row", chart: "Chart") -> tuple["Row | None", tuple[Missing, ...]]:
    """Return what a row with regional statements is for a case; None where it is not there.

    Where the facts leave several possible: with none of them silent, the mildest; else the row with the facts that
    would decide, which makes of a violation a hint.
    """
    possible: list[Row | None] = []
    doubts: list[Missing] = []
    for variant in row.regional:
        held, missing = variant.region.holds(chart, None)
        if held is False:
            continue
        possible.append(variant.row)
        if held:
            break
        doubts.extend(missing)
    else:
        possible.append(row if row.is_elsewhere else None)
    there = [one for one in possible if one is not None]
    if not there:
        return None, ()
    triggers = chart.case.triggers
    mildest = min(there, key=lambda one: one.action_for(triggers))
    if len(there) == len(possible):
        return mildest, ()
    return mildest, tuple(dict.fromkeys(doubts))


def stated_action(own: Action, one: Stated, *, is_raw: bool) -> Action:
    """Return the action under a statement: what it says, but never stricter than its own unless somebody approved it."""
    about = one.statement
    if about.action is None:
        return own
    action = Action[about.action]
    if about.approved_by:
        return action
    return Action.HINT if is_raw else min(action, own)
