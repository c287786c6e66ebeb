"""Several packs, naively: what the statements of higher layers make of a row, asked anew for each day and each claim.

Written from `ruleset/layers.py`'s docstring, not from its code: there a row is split when it is decoded, here every
statement is looked at whenever a row speaks.
"""

from datetime import date
from typing import Any, NamedTuple

from tests.diff.oracle import ACTIONS, Hint, Judged, LineDict, Row, tags
from tests.diff.oracle_scope import division
from tests.diff.oracle_world import Opinion, World

LAYERS = ("national", "regional", "safety", "hospital")
OFF = "off"


class Pack(NamedTuple):
    """One pack: what its pack.toml says, its rows, and the lines of its `overrides/`."""

    id: str
    layer: str
    regions: list[str]
    treatment_regions: list[str]
    rows: list[Row]
    statements: list[dict[str, str]]


class Possible(NamedTuple):
    """What a row may be for a claim on a day: off, or there with what a statement makes its action."""

    outcomes: list[dict[str, str] | None]
    """Each is a statement that may be the one that holds; None: none does."""
    facts: set[str]
    """What would decide between them."""


def holds_here(pack: Pack, world: World) -> tuple[bool | None, set[str]]:
    """Whether a pack holds for a claim; where that is unknown, the facts that are missing."""
    answers = {}
    if pack.regions:
        answers["insured_region"] = division(world.patient.get("insured_region") or "", pack.regions)
    if pack.treatment_regions:
        answers["region"] = division(world.encounter.get("region") or "", pack.treatment_regions)
    if False in answers.values():
        return False, set()
    unknown = {fact for fact, answer in answers.items() if answer is None}
    return (None, unknown) if unknown else (True, set())


def is_in_force(statement: dict[str, str], day: date) -> bool:
    begin, end = statement.get("valid_from"), statement.get("valid_to")
    return not (begin and day < date.fromisoformat(begin)) and not (end and day >= date.fromisoformat(end))


def statements_about(row: Row, owner: Pack, packs: list[Pack], day: date) -> list[tuple[Pack, dict[str, str]]]:
    """The statements of higher layers about a row on a day, the one that goes first first."""
    found = [
        (pack, statement)
        for pack in packs
        if LAYERS.index(pack.layer) > LAYERS.index(owner.layer)
        for statement in pack.statements
        if statement["pack"] == owner.id
        and statement["rule"] == row.rule["id"]
        and statement.get("row_id", "") in ("", row.id)
        and is_in_force(statement, day)
    ]
    return sorted(found, key=lambda one: (-LAYERS.index(one[0].layer), one[1].get("row_id", "") == ""))


def possible(row: Row, owner: Pack, packs: list[Pack], day: date, world: World) -> Possible:
    outcomes: list[dict[str, str] | None] = []
    facts: set[str] = set()
    for pack, statement in statements_about(row, owner, packs, day):
        held, unknown = holds_here(pack, world)
        if held is False:
            continue
        outcomes.append(statement)
        if held:
            return Possible(outcomes, facts)
        facts |= unknown
    return Possible([*outcomes, None], facts)


def mode_of(row: Row, statement: dict[str, str] | None) -> str:
    own = row.text("mode", "active")
    if statement is None or not statement.get("mode"):
        return own
    if own == OFF and not statement.get("row_id"):
        return own  # what its own pack keeps off, only a statement about the row itself switches on
    return statement["mode"]


def is_ever_there(row: Row, owner: Pack, packs: list[Pack]) -> bool:
    """Whether there is any day and any patient for whom the row is there: else nothing is judged by it."""
    first, last = date.min, date(9999, 12, 30)
    begin = date.fromisoformat(row.text("valid_from")) if row.text("valid_from") else first
    end = date.fromisoformat(row.text("valid_to")) if row.text("valid_to") else last
    days = {begin}
    for pack in packs:
        for statement in pack.statements:
            for name in ("valid_from", "valid_to"):
                if statement.get(name) and begin < date.fromisoformat(statement[name]) < end:
                    days.add(date.fromisoformat(statement[name]))
    for day in days:
        about = statements_about(row, owner, packs, day)
        may_hold: list[dict[str, str] | None] = []
        for pack, statement in about:
            may_hold.append(statement)
            if not pack.regions and not pack.treatment_regions:
                break
        else:
            may_hold.append(None)
        if any(mode_of(row, statement) == "active" for statement in may_hold):
            return True
    return False


class JudgedInLayers(Judged):
    """What comes of one claim where statements are asked of each row that speaks."""

    def __init__(self, world: World, packs: list[Pack]) -> None:
        super().__init__(world)
        self.owners = {row.id: (pack, row) for pack in packs for row in pack.rows}
        self.packs = packs
        self.actions: list[str] = []

    def conclude(self, row: Row, line: LineDict | None, opinion: Opinion) -> None:
        day = line["begin"].date() if line is not None else self.world.day_of(None)
        owner, given = self.owners[row.id]
        found = possible(row, owner, self.packs, day, self.world)
        there = [statement for statement in found.outcomes if mode_of(given, statement) == "active"]
        if not there:
            return
        self.actions = [self.stated_action(row, statement) for statement in there]
        uncertain = found.facts if len(there) < len(found.outcomes) else set()
        findings, hints = len(self.findings), len(self.hints)
        super().conclude(row, line, opinion)
        if not uncertain:
            return
        if len(self.findings) > findings:
            del self.findings[findings:]
            lines = [] if line is None else opinion.violating or [line]
            self.add_hint(Hint(row.rule.get("official_code", ""), row.id, tags(lines), tuple(sorted(uncertain))))
        elif len(self.hints) > hints and not opinion.missing:
            (hint,) = self.hints[hints:]
            del self.hints[hints:]
            self.add_hint(hint._replace(missing=tuple(sorted({*hint.missing, *uncertain}))))

    def stated_action(self, row: Row, statement: dict[str, str] | None) -> str:
        own = super().action_of(row)
        if statement is None or not statement.get("action"):
            return own
        if statement.get("approved_by"):
            return statement["action"]
        raw = row.text("curation", row.rule.get("curation", "official")) == "raw"
        return "HINT" if raw else min(own, statement["action"], key=ACTIONS.index)

    def action_of(self, _row: Row) -> str:
        return min(self.actions, key=ACTIONS.index)


def rows_in_layers(packs: list[Pack]) -> list[Row]:
    """Every row that is there for anybody, with its pack's region as a scope, whatever its own pack says of its mode."""
    rows = []
    for pack in packs:
        region: dict[str, Any] = {}
        if pack.regions:
            region["regions"] = pack.regions
        if pack.treatment_regions:
            region["treatment_regions"] = pack.treatment_regions
        for row in pack.rows:
            if is_ever_there(row, pack, packs):
                rule = {**row.rule, "scope": {**region, **row.rule.get("scope", {})}} if region else row.rule
                rows.append(Row(row.id, rule, {**row.cells, "mode": ""}))
    return rows
