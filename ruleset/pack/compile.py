"""Compile a checked pack into its file, and turn the records of a file back into rules and rows."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from ruleset.outcome import Action
from ruleset.pack.check import CheckedPack, check_pack, params_of
from ruleset.pack.file import Manifest, PackFile, PackFileError, RowRecord, RuleRecord, write_pack
from ruleset.pack.source import RuleSource, read_source
from ruleset.rule import Citation, MessageTemplate, Row, Rule
from ruleset.templates import TEMPLATES


def compile_pack(source: Path, target: Path) -> str:
    """Compile the pack in directory `source` into the file `target`; return its digest. Raises PackError."""
    return write_checked(check_pack(read_source(source)), target)


def write_checked(pack: CheckedPack, target: Path) -> str:
    """Write a checked pack to its file and return the digest."""
    head = pack.source.head
    places = {rule.id: number for number, rule in enumerate(pack.rules)}
    manifest = Manifest(
        id=head.id,
        revision=head.revision,
        title=head.title,
        region=head.region,
        minimum_engine=head.minimum_engine,
        rules=tuple(RuleRecord(rule.id, rule.columns, msgspec.to_builtins(rule.source)) for rule in pack.rules),
        tests=msgspec.to_builtins(pack.source.tests),
    )
    rows = (
        (
            RowRecord(places[row.rule_id], row.id, row.valid_from, row.valid_to, row.citation, list(row.cells)),
            row.keys,
        )
        for row in pack.rows
    )
    return write_pack(target, manifest, rows)


ENGINE_VERSION = "0.1.0"
"""What packs may ask for as `minimum_engine`: grows when templates or columns do."""


class LoadedPack:
    """An open pack file with its rules made ready. Rows are decoded when they are first asked for."""

    def __init__(self, file: PackFile) -> None:
        """Raise PackFileError where the pack needs another engine than this one."""
        needed = file.manifest.minimum_engine
        if _version(needed) > _version(ENGINE_VERSION):
            raise PackFileError(f"{file.path}: needs engine {needed}, this is {ENGINE_VERSION}")
        self.file = file
        self.id = file.manifest.id
        self.revision = f"{file.manifest.id}@{file.manifest.revision}+{file.digest[:12]}"
        self._records = file.manifest.rules
        try:
            self.rules: tuple[Rule, ...] = tuple(_rule(self.id, record) for record in self._records)
            self._citations = tuple(_citations(record) for record in self._records)
        except KeyError as error:
            raise PackFileError(f"{file.path}: needs template {error}, which this engine does not have") from error
        except (msgspec.ValidationError, ValueError) as error:
            raise PackFileError(f"{file.path}: not written for this engine: {error}") from error

    def rows(self, key: str) -> list[Row]:
        """Return the rows under a key, decoded anew; `ruleset.snapshot` keeps what it has decoded."""
        return [self.row(self.file.row(offset)) for offset in self.file.find(key)]

    def row(self, record: RowRecord) -> Row:
        """Return a record of the file as the evaluator sees it."""
        rule = self.rules[record.rule]
        return Row(
            id=record.id,
            rule=rule,
            valid_from=record.valid_from,
            valid_to=record.valid_to,
            params=params_of(rule.template, self._records[record.rule].columns, rule.constants, record.cells),
            citation=self._citations[record.rule][record.citation],
        )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in text.split("."))


def _rule(pack_id: str, record: RuleRecord) -> Rule:
    source = _source_of(record)
    return Rule(
        id=record.id,
        pack_id=pack_id,
        template=TEMPLATES[source.template],
        title=source.title,
        official_code=source.official_code,
        kind=source.kind,
        curation=source.curation,
        action=Action[source.action],
        action_at={trigger: Action[name] for trigger, name in source.action_at.items()},
        message=MessageTemplate(source.message),
        remedies=tuple(source.remedies),
        severity_degree=source.severity_degree,
        exempt_payers=frozenset(source.exempt_payers),
        constants=source.constants,
    )


def _citations(record: RuleRecord) -> tuple[Citation, ...]:
    return tuple(citation.citation() for citation in _source_of(record).citations)


def _source_of(record: RuleRecord) -> RuleSource:
    def dates(type_: type, value: Any) -> Any:
        return date.fromisoformat(value) if type_ is date and isinstance(value, str) else value

    return msgspec.convert(record.source, RuleSource, dec_hook=dates)
