"""Turn a pack's source into typed rules and rows, and say everything that is wrong with it.

Stages: each takes what it needs and returns what it found; only the caller decides that an error is fatal.
Nothing is guessed: a cell that is not what its column says is an error with its file, line and column.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from ruleset.case import Payer
from ruleset.layers import Statement
from ruleset.outcome import Action
from ruleset.pack.diagnostics import Diagnostic, PackError, did_you_mean
from ruleset.pack.source import (
    COMMON_COLUMNS,
    EXEMPT_COLUMNS,
    EXEMPT_PREFIX,
    PACK_ID,
    REVISION_MAX,
    SCOPE_COLUMNS,
    SCOPE_PREFIX,
    STATED_COLUMNS,
    UNREAD_RULE,
    PackSource,
    RawRow,
    RawTable,
    Reading,
    RuleSource,
    line_of_key,
    read_leniently,
)
from ruleset.pack.statements import statements_of
from ruleset.pack.typed import Fault, choices, expected, value_of
from ruleset.rule import NOTHING_STATED, REVIEW_CODES, MessageTemplate, RowCommon
from ruleset.scope import Conditions, condition_problems, in_division
from ruleset.template import COMMON_EVIDENCE, EVERY_ENCOUNTER, EVERY_LINE, EVERY_PRESCRIPTION, Template
from ruleset.templates import TEMPLATES

FIRST_DAY = date.min.toordinal()
LAST_DAY = date.max.toordinal()
ROWS_PER_KEY_MAX = 1_000
"""A key that leads to more rows than this would make every check of such an item slow; the compiler refuses it."""
LIST_SEPARATOR = "|"
UNINDEXED_ROWS_MAX = 200
"""Rows that every line, prescription or encounter must be judged by: what no key narrows costs every check."""

UNINDEXED_KEYS = frozenset({EVERY_LINE, EVERY_PRESCRIPTION, EVERY_ENCOUNTER})


REGION_KEYS = ("regions", "treatment_regions")
"""What a pack may state for all of its rows, by the names of `ruleset.scope.Conditions`."""
DIVISION = re.compile(r"\d{6}")


class CheckedRow(msgspec.Struct, frozen=True):
    """One row, typed. `cells` are the varying columns as plain values, `params` all of them as the template's struct."""

    rule_id: str
    id: str
    valid_from: int
    valid_to: int
    citation: int
    cells: tuple[Any, ...]
    params: msgspec.Struct
    keys: tuple[str, ...]
    path: str
    line: int
    common: RowCommon


class CheckedRule(msgspec.Struct, frozen=True):
    """One rule with the varying columns of its row file, in the file's order."""

    id: str
    source: RuleSource
    columns: tuple[str, ...]


class CheckedPack(msgspec.Struct, frozen=True):
    """A pack in which every rule and row is what it should be."""

    source: PackSource
    rules: tuple[CheckedRule, ...]
    rows: tuple[CheckedRow, ...]
    statements: tuple[Statement, ...] = ()
    """What it says of rows of lower layers."""


def check_directory(root: Path) -> CheckedPack:
    """Read and check the pack in directory `root`. Raises PackError with every problem found in any of its files."""
    return _without_problems(*inspect_directory(root))


def inspect_directory(root: Path) -> tuple[CheckedPack, list[Diagnostic]]:
    """Return what can be read of the pack in directory `root`, and every problem found in any of its files.

    With a problem the pack is not whole: the rules and rows that it is about are left out. Raises PackError where
    nothing can be read.
    """
    return _checked(read_leniently(root))


def check_pack(source: PackSource) -> CheckedPack:
    """Return the typed pack. Raises PackError with every problem found."""
    return _without_problems(*_checked(Reading(source)))


def _without_problems(pack: CheckedPack, problems: Sequence[Diagnostic]) -> CheckedPack:
    if problems:
        raise PackError(problems)
    return pack


def _checked(reading: Reading) -> tuple[CheckedPack, list[Diagnostic]]:
    source = reading.source
    unread = {problem.path for problem in reading.problems}
    problems = [*reading.problems, *_head_problems(source, reading.wrong.get("pack.toml", frozenset()))]
    rules: list[CheckedRule] = []
    rows: list[CheckedRow] = []
    for rule_id, rule in sorted(source.rules.items()):
        path = f"rules/{rule_id}.toml"
        wrong = reading.wrong.get(path, frozenset())
        numbered = _template_of_number(rule.template)
        template = TEMPLATES.get(rule.template) or TEMPLATES.get(numbered)  # T6 is T06, by which the rest is judged
        if template is not None:
            problems.extend(_rule_problems(source, path, rule, template, wrong))
        if rule.template not in TEMPLATES and "template" not in wrong:
            near = did_you_mean(numbered or rule.template, TEMPLATES)
            problem, known = f"unknown template `{rule.template}`", f"known: {', '.join(sorted(TEMPLATES))}"
            problems.append(_at(source, path, "template", problem, near or known))
        table = source.tables.get(rule_id)
        if table is None:
            if f"rows/{rule_id}.csv" not in unread:
                problems.append(Diagnostic(path, 1, 1, f"rows/{rule_id}.csv is missing"))
            continue
        if template is None:
            _check_common_columns(rule, table, problems)
            continue
        columns = tuple(name for name in table.header if name not in COMMON_COLUMNS)
        rules.append(CheckedRule(rule_id, rule, columns))
        header_problems = list(_header_problems(table, rule, template, wrong))
        problems.extend(header_problems)
        constants = () if "constants" in wrong else _constant_faults(rule, template)
        is_typed = not header_problems and "constants" not in wrong and not constants
        rows.extend(_rows(rule_id, rule, template, table, columns, problems, is_typed=is_typed))
    problems.extend(_tables_without_a_rule(reading, unread))
    problems.extend(_outside_the_region(source, rules, rows, reading.wrong.get("pack.toml", frozenset())))
    statements = statements_of(source, problems)
    if not problems and not rows and not statements:
        problems.append(
            Diagnostic("pack.toml", 1, 1, "the pack has no rows: every check would pass", "rules/ and rows/")
        )
    problems.extend(_collisions(rows))
    return CheckedPack(source, tuple(rules), tuple(rows), statements), problems


def _template_of_number(name: str) -> str:
    """Return the template that T6, t6, 6 and T006 can only mean: T06; nothing for other names."""
    number = re.fullmatch(r"[Tt]?0*(\d{1,2})", name.strip())
    same = f"T{int(number[1]):02}" if number else ""
    return same if same in TEMPLATES else ""


def _tables_without_a_rule(reading: Reading, unread: Collection[str]) -> Iterator[Diagnostic]:
    """Yield row files without a rule, and what is wrong in the common columns of those whose rule cannot be read."""
    source = reading.source
    for name in sorted(source.tables.keys() - source.rules.keys()):
        table = source.tables[name]
        if f"rules/{name}.toml" in unread:
            found: list[Diagnostic] = []
            _check_common_columns(UNREAD_RULE, table, found)
            yield from found
        elif "rules_of" not in reading.wrong.get("pack.toml", ()):
            near = did_you_mean(name, source.rules)
            yield Diagnostic(table.path, 1, 1, f"rules/{name}.toml is missing", near)


def _head_problems(source: PackSource, wrong: Collection[str]) -> Iterator[Diagnostic]:
    """Yield what is wrong with pack.toml; of `wrong` fields that is said already."""
    head = source.head
    if "id" not in wrong and not PACK_ID.fullmatch(head.id):
        yield _at(source, "pack.toml", "id", f"`{head.id}` is no id", "small letters, digits and `-`, at most 64")
    if not 0 < head.revision <= REVISION_MAX:
        yield _at(source, "pack.toml", "revision", f"{head.revision} is no revision", f"1 to {REVISION_MAX}")
    for key in REGION_KEYS:
        for code in getattr(head, key):
            if not DIVISION.fullmatch(code):
                yield _at(source, "pack.toml", key, f"`{code}` is no administrative division", "six digits: 370100")
    is_unread = not {"layer", *REGION_KEYS}.isdisjoint(wrong)
    if not is_unread and head.layer == "regional" and not head.regions and not head.treatment_regions:
        text = "a regional pack says where it holds: `regions` (参保地) or `treatment_regions` (就医地)"
        yield _at(source, "pack.toml", "layer", text)
    if head.not_before and head.expires and head.expires <= head.not_before:
        yield _at(
            source, "pack.toml", "expires", "the pack is stale on its first day: `expires` is not after `not_before`"
        )


def _outside_the_region(
    source: PackSource, rules: Sequence[CheckedRule], rows: Sequence[CheckedRow], wrong: Collection[str]
) -> Iterator[Diagnostic]:
    """Yield conditions of rules and rows that name places where the pack does not hold: they stand in its place."""
    for key in REGION_KEYS:
        held = getattr(source.head, key)
        if not held or key in wrong:
            continue
        stated = [(f"rules/{rule.id}.toml", 1, rule.source.scope) for rule in rules]
        stated += [(row.path, row.line, row.common.scope) for row in rows]
        for path, line, conditions in stated:
            for code in getattr(conditions, key) if conditions is not None else ():
                if not in_division(code, held):
                    text = f"`{code}` is not in {', '.join(held)}, where the pack holds (`{key}` in pack.toml)"
                    yield Diagnostic(path, line, 1, text)


def _at(source: PackSource, path: str, key: str, message: str, help_text: str = "") -> Diagnostic:
    line, column = line_of_key(Path(source.root) / path, key)
    return Diagnostic(path, line, column, message, help_text)


def _rule_problems(
    source: PackSource, path: str, rule: RuleSource, template: Template, wrong: Collection[str]
) -> Iterator[Diagnostic]:
    """Yield what is wrong with a rule whose fields are each right; of `wrong` ones that is said already."""
    try:
        message = MessageTemplate(rule.message)
    except ValueError as error:
        yield _at(source, path, "message", str(error))
    else:
        known = (*COMMON_EVIDENCE, *template.evidence)
        for name in sorted(message.names - set(known)):
            text = f"message names `{name}`, which template {template.id} does not know"
            yield _at(source, path, "message", text, did_you_mean(name, known) or f"known: {', '.join(known)}")
    citations = None if "citations" in wrong else rule.citations
    if citations == []:
        yield _at(source, path, "citations", "no citation: a finding without its source is not shown to a doctor")
    for earlier, later in pairwise(citations or ()):
        if later.valid_from is None or (earlier.valid_from is not None and later.valid_from <= earlier.valid_from):
            yield _at(source, path, "citations", "citations after the first need a later `valid_from` each")
    for name in rule.constants:
        if name not in template.columns.__struct_fields__:
            text = f"unknown constant `{name}`"
            yield _at(source, path, name, text, did_you_mean(name, template.columns.__struct_fields__))
    for fault in _constant_faults(rule, template):
        yield _at(source, path, str(fault.keys[0]), fault.message, fault.help)
    for payer in rule.exempt_payers:
        if payer not in get_args(Payer):
            yield _at(source, path, "exempt_payers", f"unknown payer `{payer}`", did_you_mean(payer, get_args(Payer)))
    for where, conditions in (("scope", rule.scope), ("exempt", rule.exempt)):
        for text in condition_problems(conditions) if conditions is not None else ():
            yield _at(source, path, where, text)
    if rule.review_code and rule.review_code not in REVIEW_CODES:
        text = f"unknown review_code `{rule.review_code}`"
        yield _at(source, path, "review_code", text, "1-1 to 1-15, 2-1 to 2-9 or 3-1 to 3-4")
    highest = Action[template.highest_action]
    own = () if "action" in wrong else (rule.action,)
    for name in (*own, *rule.action_at.values()):
        if Action[name] > highest:
            yield _at(source, path, "action", f"{name} is above {highest.name}, the highest of template {template.id}")
    if rule.curation == "raw" and rule.action != Action.HINT.name and "action" not in wrong:
        yield _at(source, path, "action", "a raw rule never rises above HINT until a person signs it")


def _constant_faults(rule: RuleSource, template: Template) -> Sequence[Fault]:
    """Return what is wrong with the values of a rule's constants, each of which stands for a column."""
    faults: list[Fault] = []
    for field in msgspec.structs.fields(template.columns):
        if field.name in rule.constants:
            value_of(rule.constants[field.name], field.type, faults, (field.name,), strict=False)
    return faults


def _header_problems(
    table: RawTable, rule: RuleSource, template: Template, wrong: Collection[str]
) -> Iterator[Diagnostic]:
    fields = {field.name: field for field in msgspec.structs.fields(template.columns)}
    for column, name in enumerate(table.header, 1):
        if name in COMMON_COLUMNS:
            continue
        if name not in fields:
            help_text = did_you_mean(name, (*fields, *COMMON_COLUMNS))
            yield Diagnostic(table.path, 1, column, f"unknown column `{name}`", help_text)
        elif name in rule.constants:
            yield Diagnostic(table.path, 1, column, f"column `{name}` is a constant of the rule")
    for name, field in fields.items():
        if field.required and name not in table.header and name not in rule.constants and "constants" not in wrong:
            yield Diagnostic(table.path, 1, 1, f"column `{name}` is missing")


def _rows(
    rule_id: str,
    rule: RuleSource,
    template: Template,
    table: RawTable,
    columns: tuple[str, ...],
    problems: list[Diagnostic],
    *,
    is_typed: bool,
) -> Iterator[CheckedRow]:
    """Yield the rows of a table, and say what is wrong with the others.

    Not `is_typed`: header or constants are wrong, so that no row can be put together and only its cells are looked at.
    """
    fields = {field.name: field for field in msgspec.structs.fields(template.columns)}
    for raw in table.rows:
        found: list[Diagnostic] = []
        start, end = _days(table, raw, found)
        cells = {name: _cell(table, raw, fields[name], found) for name in columns if name in fields}
        common = _common(table, raw, rule, found)
        if not is_typed:
            problems.extend(found)
            continue
        if not found:
            values = {name: value for name, value in cells.items() if value is not msgspec.UNSET}
            try:
                params = msgspec.convert({**rule.constants, **values}, template.columns, strict=False)
            except msgspec.ValidationError as error:
                found.append(Diagnostic(table.path, raw.line, 1, f"row does not fit its template: {error}"))
        if found:
            problems.extend(found)
            continue
        row_id = raw.cells.get("row_id") or row_id_of(rule_id, template, params, start)
        plain = tuple(None if value is msgspec.UNSET else value for value in cells.values())
        problems.extend(Diagnostic(table.path, raw.line, 1, problem) for problem in template.problems(params))
        keys = tuple(dict.fromkeys(template.keys(params)))
        if not keys:
            problems.append(
                Diagnostic(table.path, raw.line, 1, "no key can index this row, so every check would pay for it")
            )
            continue
        citation = _citation_index(rule, start)
        yield CheckedRow(rule_id, row_id, start, end, citation, plain, params, keys, table.path, raw.line, common)


def _check_common_columns(rule: RuleSource, table: RawTable, problems: list[Diagnostic]) -> None:
    """Say what is wrong with rows of which nobody knows the template: their days, and what any row may state."""
    for raw in table.rows:
        _days(table, raw, problems)
        found: list[Diagnostic] = []
        _common(table, raw, rule, found)
        problems.extend(found)


def _days(table: RawTable, raw: RawRow, found: list[Diagnostic]) -> tuple[int, int]:
    """Return the days from and up to which a row is in force."""
    start = _day(table, raw, "valid_from", FIRST_DAY, found)
    end = _day(table, raw, "valid_to", LAST_DAY, found)
    if start >= end:
        found.append(_in_row(table, raw, "valid_to", "the row is never in force: `valid_to` is not after `valid_from`"))
    return start, end


_COMMON_FIELDS = {field.name: field for field in msgspec.structs.fields(RowCommon)}
_CONDITION_FIELDS = {field.name: field for field in msgspec.structs.fields(Conditions)}


def _common(table: RawTable, raw: RawRow, rule: RuleSource, found: list[Diagnostic]) -> RowCommon:
    """Return what a row states in the common columns."""
    values: dict[str, Any] = {}
    for name in table.header:
        if not raw.cells.get(name):
            continue
        if name in STATED_COLUMNS:
            values[name] = _cell(table, raw, _COMMON_FIELDS[name], found)
        for group, prefix in (("scope", SCOPE_PREFIX), ("exempt", EXEMPT_PREFIX)):
            if name in SCOPE_COLUMNS or name in EXEMPT_COLUMNS:
                condition = name.removeprefix(prefix)
                if name != condition:
                    value = _cell(table, raw, _CONDITION_FIELDS[condition], found, name)
                    values.setdefault(group, {})[condition] = value
    if not values or found:
        return NOTHING_STATED
    common = msgspec.convert(values, RowCommon)
    for conditions in (common.scope, common.exempt):
        if conditions is not None:
            found.extend(Diagnostic(table.path, raw.line, 1, text) for text in condition_problems(conditions))
    found.extend(Diagnostic(table.path, raw.line, 1, text) for text in _common_problems(common, rule))
    return common


def _common_problems(common: RowCommon, rule: RuleSource) -> Iterator[str]:
    if common.curation == "signed" and not common.signed_by:
        yield "`curation` is `signed`, but `signed_by` does not say by whom"
    curation = common.curation or rule.curation
    if common.action is not None and Action[common.action] > Action[rule.action] and not common.signed_by:
        yield f"`action` {common.action} is above the rule's {rule.action}: `signed_by` must say who decided that"
    if common.action not in (None, "HINT") and curation == "raw":
        yield "a raw row never rises above HINT until a person signs it"
    if common.review_code and common.review_code not in REVIEW_CODES:
        yield f"`review_code` is `{common.review_code}`, expected 1-1 to 1-15, 2-1 to 2-9 or 3-1 to 3-4"


def _in_row(table: RawTable, raw: RawRow, column: str, message: str, help_text: str = "") -> Diagnostic:
    position = table.header.index(column) + 1 if column in table.header else 1
    return Diagnostic(table.path, raw.line, position, message, help_text)


def _day(table: RawTable, raw: RawRow, column: str, otherwise: int, found: list[Diagnostic]) -> int:
    text = raw.cells.get(column, "")
    if not text:
        return otherwise
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        found.append(_in_row(table, raw, column, f"`{text}` is no date", "write it as 2026-01-31"))
        return otherwise


def _cell(
    table: RawTable, raw: RawRow, field: msgspec.structs.FieldInfo, found: list[Diagnostic], column: str = ""
) -> Any:
    """Return one cell as its column's type, or UNSET where it is empty and the column has a default."""
    column = column or field.name
    text = raw.cells[column]
    if text != text.strip():
        found.append(_in_row(table, raw, column, f"`{column}` has blanks around `{text.strip()}`"))
        return msgspec.UNSET
    if not text:
        if field.required:
            found.append(_in_row(table, raw, column, f"`{column}` is empty"))
        return msgspec.UNSET
    value: Any = text.split(LIST_SEPARATOR) if get_origin(field.type) is tuple else text
    try:
        msgspec.convert(value, field.type, strict=False)
    except msgspec.ValidationError:
        known = tuple(choices(field.type))
        strange = next((part for part in value if part not in known), text) if isinstance(value, list) else text
        message = f"`{column}` is `{text}`, expected {expected(field.type)}"
        found.append(_in_row(table, raw, column, message, did_you_mean(strange, known)))
    return value


def row_id_of(rule_id: str, template: Template, params: msgspec.Struct, start: int) -> str:
    """Make a row's id from its rule, its key columns and the day it comes into force: stable however rows are sorted.

    A key column that the row leaves empty is no part of it.
    """
    parts = (getattr(params, column) for column in template.row_name)
    name = "+".join(part for value in parts if value is not None and (part := _plain_text(value)))
    since = f"@{date.fromordinal(start)}" if start != FIRST_DAY else ""
    return f"{rule_id}:{name}{since}"


def _plain_text(value: Any) -> str:
    return LIST_SEPARATOR.join(str(part) for part in value) if isinstance(value, tuple) else str(value)


def _citation_index(rule: RuleSource, start: int) -> int:
    """Return the last citation that is not younger than the row."""
    index = 0
    for number, citation in enumerate(rule.citations):
        if citation.valid_from is not None and citation.valid_from.toordinal() <= start:
            index = number
    return index


def _collisions(rows: list[CheckedRow]) -> Iterator[Diagnostic]:
    """Yield rows that share an id, rows of one rule that say the same thing of overlapping days, and crowded keys."""
    seen: dict[str, CheckedRow] = {}
    crowd: dict[str, int] = {}
    same: dict[tuple[Any, ...], list[CheckedRow]] = {}
    unindexed = 0
    for row in rows:
        first = seen.setdefault(row.id, row)
        if first is not row:
            yield Diagnostic(row.path, row.line, 1, f"row id `{row.id}` stands at line {first.line} too")
        same.setdefault((row.rule_id, row.params, row.common.scope, row.common.exempt), []).append(row)
        for key in row.keys:
            crowd[key] = crowd.get(key, 0) + 1
            if crowd[key] == ROWS_PER_KEY_MAX + 1:
                yield Diagnostic(row.path, row.line, 1, f"more than {ROWS_PER_KEY_MAX} rows under `{key}`")
        if not UNINDEXED_KEYS.isdisjoint(row.keys) and row.common.mode != "off":
            unindexed += 1
            if unindexed == UNINDEXED_ROWS_MAX + 1:
                message = f"more than {UNINDEXED_ROWS_MAX} rows that no item, class or diagnosis narrows"
                yield Diagnostic(
                    row.path, row.line, 1, message, "every check pays for each of them: name what they speak of"
                )
    for group in same.values():
        ordered = sorted(group, key=lambda row: row.valid_from)
        for earlier, later in pairwise(ordered):
            if later.valid_from < earlier.valid_to and later.id != earlier.id:
                yield Diagnostic(later.path, later.line, 1, f"says the same as line {earlier.line} on the same days")


def params_of(template: Template, columns: tuple[str, ...], constants: Mapping[str, Any], cells: list[Any]) -> Any:
    """Return the template's struct for one row of a compiled pack."""
    values = {name: cell for name, cell in zip(columns, cells, strict=True) if cell is not None}
    return msgspec.convert({**constants, **values}, template.columns, strict=False)
