"""What a pack states about rows of lower layers (`overrides/*.csv`), and whether a set of packs can be live together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple, get_args

import msgspec

from ruleset.case import Trigger
from ruleset.layers import LAYERS, Layer, Mode, Statement
from ruleset.outcome import Action
from ruleset.pack.diagnostics import Diagnostic, did_you_mean
from ruleset.pack.file import LIST_RULE, RowRecord
from ruleset.pack.source import PACK_ID, ActionName, PackSource, RawRow, RawTable
from ruleset.scope import in_division

if TYPE_CHECKING:
    from ruleset.pack.compile import LoadedPack

COLUMNS = ("pack", "rule", "row_id", "mode", "action", "reason", "approved_by", "valid_from", "valid_to")
REQUIRED = ("pack", "rule", "reason")
STATEMENTS_MAX = 20_000
"""Of one pack: they are read whole when it is opened."""
FIRST_DAY = date.min.toordinal()
LAST_DAY = date.max.toordinal()


def statements_of(source: PackSource, problems: list[Diagnostic]) -> tuple[Statement, ...]:
    """Return the statements of a pack's source, in the order of files and lines; say what is wrong with them."""
    found: list[Statement] = []
    places: dict[tuple[str, str, str], list[tuple[Statement, str]]] = {}
    for table in source.overrides.values():
        header = list(_header_problems(table))
        problems.extend(header)
        for raw in () if header else table.rows:
            wrong: list[Diagnostic] = []
            statement = _statement(table, raw, wrong)
            wrong.extend(_problems(source, table, raw, statement))
            problems.extend(wrong)
            found.append(statement)
            others = places.setdefault((statement.pack, statement.rule, statement.row_id), [])
            for other, place in others:
                if _share_a_day(statement, other):
                    text = f"says something of the same row on the same days as {place}"
                    problems.append(Diagnostic(table.path, raw.line, 1, text))
            others.append((statement, f"{table.path}:{raw.line}"))
    if len(found) > STATEMENTS_MAX:
        problems.append(Diagnostic("overrides", 1, 1, f"{len(found)} statements, at most {STATEMENTS_MAX}"))
    return tuple(found)


def _header_problems(table: RawTable) -> Iterator[Diagnostic]:
    for column, name in enumerate(table.header, 1):
        if name not in COLUMNS:
            yield Diagnostic(table.path, 1, column, f"unknown column `{name}`", did_you_mean(name, COLUMNS))
    for name in REQUIRED:
        if name not in table.header:
            yield Diagnostic(table.path, 1, 1, f"column `{name}` is missing")


def _statement(table: RawTable, raw: RawRow, wrong: list[Diagnostic]) -> Statement:
    def at(column: str, text: str, help_text: str = "") -> None:
        wrong.append(Diagnostic(table.path, raw.line, table.header.index(column) + 1, text, help_text))

    def choice(column: str, choices: Sequence[str]) -> str | None:
        text = raw.cells.get(column, "")
        if text and text not in choices:
            at(column, f"`{column}` is `{text}`, expected one of {', '.join(choices)}", did_you_mean(text, choices))
        return text if text in choices else None

    def day(column: str, otherwise: int) -> int:
        text = raw.cells.get(column, "")
        try:
            return date.fromisoformat(text).toordinal() if text else otherwise
        except ValueError:
            at(column, f"`{text}` is no date", "write it as 2026-01-31")
            return otherwise

    for name in table.header:
        text = raw.cells[name]
        if text != text.strip():
            at(name, f"`{name}` has blanks around `{text.strip()}`")
        elif not text and name in REQUIRED:
            at(name, f"`{name}` is empty")
    mode, action = choice("mode", get_args(Mode)), choice("action", get_args(ActionName))
    values = {name: raw.cells.get(name, "") for name in ("pack", "rule", "row_id", "reason", "approved_by")}
    days = {"valid_from": day("valid_from", FIRST_DAY), "valid_to": day("valid_to", LAST_DAY)}
    return msgspec.convert({**values, "mode": mode, "action": action, **days}, Statement)


def _problems(source: PackSource, table: RawTable, raw: RawRow, statement: Statement) -> Iterator[Diagnostic]:
    def problem(text: str, help_text: str = "") -> Diagnostic:
        return Diagnostic(table.path, raw.line, 1, text, help_text)

    if statement.mode is None and statement.action is None:
        yield problem("the statement says nothing: neither `mode` nor `action`")
    if statement.mode == "off" and statement.action is not None:
        yield problem("`mode` is off, so `action` means nothing")
    if statement.valid_from >= statement.valid_to:
        yield problem("the statement is never in force: `valid_to` is not after `valid_from`")
    if statement.pack and not PACK_ID.fullmatch(statement.pack):
        yield problem(f"`{statement.pack}` is no id of a pack")
    if statement.pack == source.head.id:
        yield problem(
            "a pack states nothing about itself: change the row", "columns `mode` and `action` of its row file"
        )
    if source.head.layer == LAYERS[0]:
        yield problem(f"nothing is lower than layer {LAYERS[0]}", "say in pack.toml which `layer` this pack is of")


def _share_a_day(one: Statement, other: Statement) -> bool:
    return one.valid_from < other.valid_to and other.valid_from < one.valid_to


class LayerReport(msgspec.Struct, frozen=True):
    """What a set of packs states about one another."""

    refused: tuple[str, ...]
    """Why the set must not be live; nothing where it may."""
    noted: tuple[str, ...]
    """Statements about what is not there, which say nothing."""


def examine_layers(packs: Sequence["LoadedPack"]) -> LayerReport:
    """Say what is wrong with what the packs of a set state about one another. Reads every row that they may mean."""
    refused: list[str] = []
    noted: list[str] = []
    targets = {pack.id: Target(pack) for pack in packs}
    for pack in packs:
        for statement in pack.file.manifest.statements:
            target = targets.get(statement.pack)
            if target is None:
                noted.append(
                    f"{pack.revision} states something about `{statement.pack}`, which is not among these packs"
                )
                continue
            for problem in target.problems_of(statement, pack.layer):
                (refused if problem.is_refused else noted).append(
                    f"{pack.revision} on {statement.pack}: {problem.text}"
                )
    for one, other in combinations(packs, 2):
        refused.extend(_contradictions(one, other))
    return LayerReport(tuple(dict.fromkeys(refused)), tuple(dict.fromkeys(noted)))


class Problem(NamedTuple):
    """What is wrong with a statement about a pack; `is_refused` where it must not be live, else it says nothing."""

    text: str
    help: str
    is_refused: bool


class Target:
    """A pack that others state something about. Its rows are read when they are first asked for."""

    def __init__(self, pack: "LoadedPack") -> None:
        self.pack = pack
        self._rules = {rule.id: number for number, rule in enumerate(pack.rules)}

    @cached_property
    def _records(self) -> Mapping[int, Mapping[str, RowRecord]]:
        found: dict[int, dict[str, RowRecord]] = {}
        for record in self.pack.file.all_records():
            if record.rule != LIST_RULE:
                found.setdefault(record.rule, {})[record.id] = record
        return found

    def problems_of(self, statement: Statement, layer: Layer) -> Iterator[Problem]:
        """Yield what is wrong with a statement of a pack of a layer about this one."""
        own = self.pack.layer
        if LAYERS.index(own) >= LAYERS.index(layer):
            yield Problem(f"its layer {own} is not lower than {layer}", "", is_refused=True)
            return
        number = self._rules.get(statement.rule)
        if number is None:
            help_text = did_you_mean(statement.rule, self._rules)
            yield Problem(f"there is no rule `{statement.rule}`", help_text, is_refused=False)
            return
        records = self._records.get(number, {})
        if statement.row_id and statement.row_id not in records:
            help_text = did_you_mean(statement.row_id, records)
            text = f"rule `{statement.rule}` has no row `{statement.row_id}`"
            yield Problem(text, help_text, is_refused=False)
        elif statement.action is not None:
            meant = [records[statement.row_id]] if statement.row_id else list(records.values())
            yield from self._problems_of_action(statement, Action[statement.action], meant)

    def _problems_of_action(
        self, statement: Statement, action: Action, meant: Iterable[RowRecord]
    ) -> Iterator[Problem]:
        about = f"rule `{statement.rule}`" + (f" row `{statement.row_id}`" if statement.row_id else "")
        template = self.pack.rules[self._rules[statement.rule]].template
        if action > Action[template.highest_action]:
            text = f"{about}: {action.name} is above {template.highest_action}, the highest of template {template.id}"
            yield Problem(text, "", is_refused=True)
        mildest = min(map(self._own_action, meant), default=action)
        if action > mildest and not statement.approved_by:
            text = f"{about}: {action.name} is above its own {mildest.name}: `approved_by` must say who decided that"
            yield Problem(text, "", is_refused=True)

    def _own_action(self, record: RowRecord) -> Action:
        """Return the mildest action of a row at any moment."""
        row = self.pack.row(record)
        return min(row.action_for((trigger,)) for trigger in get_args(Trigger))


def _contradictions(one: "LoadedPack", other: "LoadedPack") -> Iterator[str]:
    """Yield what two packs of one layer both state about one thing on one day for one patient."""
    if one.layer != other.layer or _are_apart(one, other):
        return
    known: dict[tuple[str, str, str], list[Statement]] = {}
    for statement in one.file.manifest.statements:
        known.setdefault((statement.pack, statement.rule, statement.row_id), []).append(statement)
    for statement in other.file.manifest.statements:
        for same in known.get((statement.pack, statement.rule, statement.row_id), ()):
            if _share_a_day(statement, same):
                row = f" row `{statement.row_id}`" if statement.row_id else ""
                yield (
                    f"{one.revision} and {other.revision}, both of layer {one.layer}, state something about "
                    f"{statement.pack} `{statement.rule}`{row} on the same days"
                )


def _are_apart(one: "LoadedPack", other: "LoadedPack") -> bool:
    """Say whether no patient is in the regions of both."""
    pairs = (
        (one.regions.regions, other.regions.regions),
        (one.regions.treatment_regions, other.regions.treatment_regions),
    )
    return any(
        first
        and second
        and not any(in_division(a, second) for a in first)
        and not any(in_division(b, first) for b in second)
        for first, second in pairs
    )
