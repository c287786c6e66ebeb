"""What the checks of a pack share: its rows with the conditions that hold for them, and where each cell stands."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from ruleset.pack.check import CheckedPack, CheckedRow
from ruleset.pack.compile import LoadedPack
from ruleset.pack.diagnostics import Diagnostic
from ruleset.pack.source import EXEMPT_PREFIX, SCOPE_PREFIX, RuleSource, line_of_key
from ruleset.scope import Conditions, both
from ruleset.template import Template
from ruleset.templates import TEMPLATES

PEOPLE_COLUMNS = frozenset(
    {
        "item_name",
        "main_name",
        "sub_name",
        "companion_name",
        "department_names",
        "program_names",
        "object",
        "mechanism",
        "management",
        "reason",
        "basis",
    }
)
"""Columns that are for people only: two rows that differ in nothing else say the same."""
ITEM_COLUMNS = frozenset({"item_code", "item_codes", "item_a", "item_b", "other_item", "main_code", "sub_code"})
INGREDIENT_COLUMNS = frozenset({"ingredient", "ingredient_a", "ingredient_b", "other_ingredient"})
CLASS_COLUMNS = frozenset(
    {
        "drug_class",
        "class_a",
        "class_b",
        "other_class",
        "main_class",
        "sub_class",
        "separate_class",
        "solvent_class",
        "not_classes",
        "listed_in",
    }
)
DIAGNOSIS_COLUMNS = frozenset(
    {
        "diagnoses",
        "also_diagnoses",
        "except_diagnoses",
        "diagnosis",
        "companion_diagnoses",
        "diagnosis_prefixes",
        "uncounted_diagnoses",
        "scope_diagnoses",
        "exempt_diagnoses",
    }
)
OBSERVATION_COLUMNS = frozenset({"test_names", "evidence_names", "monitored_codes"})
OPERATION_COLUMNS = frozenset({"operations", "operation", "companion_operations", "operation_prefixes"})


class Known(msgspec.Struct, frozen=True):
    """The codes that a hospital's dictionary and captured messages contain. An empty set: nothing is known of its kind."""

    items: frozenset[str] = frozenset()
    ingredients: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    diagnoses: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()
    departments: frozenset[str] = frozenset()
    observations: frozenset[str] = frozenset()
    """Codes and names of results, as `ruleset.results.plain` gives them."""
    charge_kinds: frozenset[str] = frozenset()


NOTHING_KNOWN = Known()


class LintRow(msgspec.Struct, frozen=True):
    """A row that is not switched off, with its rule and the conditions that hold for it."""

    row: CheckedRow
    rule: RuleSource
    template: Template
    scope: Conditions | None
    exempt: Conditions | None
    stated: dict[str, tuple[str, ...]]
    """What its cells and the rule's constants state, as texts, by column; `scope_` and `exempt_` columns too."""

    def shares_a_day_with(self, other: "LintRow") -> bool:
        """Say whether there is a day on which both are in force."""
        return self.row.valid_from < other.row.valid_to and other.row.valid_from < self.row.valid_to


class Work:
    """One pack under the linter."""

    def __init__(self, pack: CheckedPack, known: Known, beside: Sequence[LoadedPack] = ()) -> None:
        self.pack = pack
        self.beside = beside
        """The packs beside which this one will be live."""
        self.known = known
        self.lists = pack.source.lists
        self.columns = {rule.id: rule.columns for rule in pack.rules}
        self.rules = {rule.id: rule.source for rule in pack.rules}
        self.rows = [self._row(row) for row in pack.rows if row.common.mode != "off"]
        self.rows_of: dict[str, list[LintRow]] = {}
        for row in self.rows:
            self.rows_of.setdefault(row.row.rule_id, []).append(row)
        self.own_rules = {rule_id: rule for rule_id, rule in self.rules.items() if self._rule_file(rule_id).is_file()}
        """Without those borrowed from the pack beside: they are checked where they stand."""
        self.members = {name: frozenset(named.member_keys()) for name, named in self.lists.items()}

    def is_invented(self, code: str) -> bool:
        """Say whether a code is one that the pack has made up for demonstration (`invented` in pack.toml)."""
        return code.startswith(self.pack.source.head.invented or ("\0",))

    def _row(self, row: CheckedRow) -> LintRow:
        rule = self.rules[row.rule_id]
        stated = {name: _texts(value) for name, value in rule.constants.items()}
        for name, value in zip(self.columns[row.rule_id], row.cells, strict=True):
            if value is not None:
                stated[name] = _texts(value)
        for prefix, conditions in ((SCOPE_PREFIX, row.common.scope), (EXEMPT_PREFIX, row.common.exempt)):
            if conditions is not None:
                stated |= {prefix + name: _texts(value) for name, value in stated_conditions(conditions)}
        return LintRow(
            row,
            rule,
            TEMPLATES[rule.template],
            both(rule.scope, row.common.scope),
            both(rule.exempt, row.common.exempt),
            stated,
        )

    def _rule_file(self, rule_id: str) -> Path:
        return Path(self.pack.source.root) / "rules" / f"{rule_id}.toml"

    def at(self, row: LintRow, column: str, message: str, help_text: str = "") -> Diagnostic:
        """Return a finding about a cell of a row; of the row where the column is not in its file."""
        header = self.pack.source.tables[row.row.rule_id].header
        position = header.index(column) + 1 if column in header else 1
        return Diagnostic(row.row.path, row.row.line, position, message, help_text)

    def at_rule(
        self,
        rule_id: str,
        key: str,
        message: str,
        help_text: str = "",
        severity: Literal["error", "warning"] = "error",
    ) -> Diagnostic:
        """Return a finding about a key of a rule."""
        line, column = line_of_key(self._rule_file(rule_id), key)
        return Diagnostic(f"rules/{rule_id}.toml", line, column, message, help_text, severity)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, (list, tuple)) else (str(value),)


def stated_conditions(conditions: Conditions | None) -> Iterator[tuple[str, Any]]:
    """Yield the conditions that are stated, by name."""
    for name in Conditions.__struct_fields__ if conditions is not None else ():
        value = getattr(conditions, name)
        if value:
            yield name, value


def statement(row: LintRow, without: Sequence[str] = ()) -> tuple[tuple[str, Any], ...]:
    """Return what a row says, without what is for people and the columns `without`."""
    params = row.row.params
    return tuple(
        (name, getattr(params, name))
        for name in params.__struct_fields__
        if name not in PEOPLE_COLUMNS and name not in without
    )
