"""Compile a checked pack into its file, and turn the records of a file back into rules and rows."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from ruleset.layers import LAYERS, Stated
from ruleset.outcome import Action
from ruleset.pack.check import (
    ROWS_PER_KEY_MAX,
    UNINDEXED_KEYS,
    UNINDEXED_ROWS_MAX,
    CheckedPack,
    CheckedRow,
    check_directory,
    params_of,
)
from ruleset.pack.file import LIST_RULE, Manifest, PackFile, PackFileError, RowRecord, RuleRecord, write_pack
from ruleset.pack.source import PackSource, RuleSource
from ruleset.rule import NOTHING_STATED, Citation, MessageTemplate, Row, RowCommon, Rule
from ruleset.scope import Conditions, both, scope_of
from ruleset.template import SPOKEN, Subject, ingredient_key, kept_key, list_key, spoken_key, subject_keys, systemic_key
from ruleset.templates import TEMPLATES


def compile_pack(source: Path, target: Path) -> str:
    """Compile the pack in directory `source` into the file `target`; return its digest. Raises PackError."""
    return write_checked(check_directory(source), target)


def write_checked(pack: CheckedPack, target: Path) -> str:
    """Write a checked pack to its file and return the digest."""
    head = pack.source.head
    spoken = sorted(_spoken_of(pack))
    more_kinds = {"list"} if pack.source.lists or pack.source.substances else set()
    more_kinds |= {SPOKEN} if spoken else set()
    places = {rule.id: number for number, rule in enumerate(pack.rules)}
    manifest = Manifest(
        id=head.id,
        revision=head.revision,
        title=head.title,
        region=head.region,
        minimum_engine=_engine_of(pack),
        rules=tuple(RuleRecord(rule.id, rule.columns, msgspec.to_builtins(rule.source)) for rule in pack.rules),
        tests=msgspec.to_builtins(pack.source.tests),
        kinds=tuple(sorted(_kinds(pack, "active") | more_kinds)),
        shadow_kinds=tuple(sorted(_kinds(pack, "shadow"))),
        layer=head.layer,
        regions=head.regions,
        treatment_regions=head.treatment_regions,
        statements=pack.statements,
        not_before=head.not_before,
        expires=head.expires,
        source_digest=_source_digest(pack.source),
    )
    return write_pack(target, manifest, chain(_row_records(pack, places), _list_records(pack, spoken)))


def _source_digest(source: PackSource) -> str:
    """Return the digest of what a source says, wherever its directory is; tables are hashed one by one."""
    encode = msgspec.msgpack.Encoder(order="deterministic").encode
    digest = hashlib.sha256(encode(msgspec.structs.replace(source, root="", tables={})))
    for name in sorted(source.tables):
        digest.update(encode((name, source.tables[name])))
    return digest.hexdigest()


def _row_records(pack: CheckedPack, places: Mapping[str, int]) -> Iterator[tuple[RowRecord, Sequence[str]]]:
    for row in pack.rows:
        common = msgspec.to_builtins(row.common) or None
        cells = list(row.cells)
        yield (
            RowRecord(places[row.rule_id], row.id, row.valid_from, row.valid_to, row.citation, cells, common),
            keys_of(row),
        )


def keys_of(row: CheckedRow) -> Sequence[str]:
    """Return the keys under which a row is found: one that does not judge as its own, so that it can be switched on."""
    if row.common.mode == "active":
        return row.keys
    kept = (kept_key(row.id),)
    return kept if row.common.mode == "off" else (*row.keys, *kept)


def _list_records(pack: CheckedPack, spoken: Sequence[str]) -> Iterator[tuple[RowRecord, Sequence[str]]]:
    """Yield each list once, under the key of every member: one look-up tells which lists an item is in.

    A systemic class is such a list too: its members are the substances that have it; so are the `spoken` substances.
    """
    for named in pack.source.lists.values():
        yield RowRecord(LIST_RULE, named.name, 0, 0, 0, []), tuple(list_key(key) for key in named.member_keys())
    members: dict[str, list[str]] = {}
    for row in pack.source.substances.rows if pack.source.substances else ():
        members.setdefault(row.cells["systemic_class"], []).append(list_key(systemic_key(row.cells["ingredient"])))
    for name, keys in sorted(members.items()):
        yield RowRecord(LIST_RULE, name, 0, 0, 0, []), keys
    if spoken:
        yield RowRecord(LIST_RULE, SPOKEN, 0, 0, 0, []), [list_key(spoken_key(name)) for name in spoken]


def _spoken_of(pack: CheckedPack) -> set[str]:
    """Return the substances that rows speak of and are not found by; classes and items that stand among them do no harm."""
    templates = {rule.id: TEMPLATES[rule.source.template] for rule in pack.rules}
    names: set[str] = set()
    for row in pack.rows:
        stated = [getattr(row.params, column) for column in templates[row.rule_id].also_names]
        if isinstance(row.params, Subject) and ingredient_key(row.params.ingredient) not in row.keys:
            stated.append(row.params.ingredient)
        for value in stated:
            names.update((value,) if isinstance(value, str) else value)
    return names - {""}


def _kinds(pack: CheckedPack, mode: str) -> set[str]:
    """Return the kinds of keys of the rows in a mode, and of what they count: of that too a line must say what it is."""
    rows = [row for row in pack.rows if row.common.mode == mode]
    keys = [key for row in rows for key in row.keys]
    keys += [key for row in rows if isinstance(row.params, Subject) for key in subject_keys(row.params)]
    return {key.partition(":")[0] for key in keys}


ENGINE_VERSION = "0.3.0"
"""What packs may ask for as `minimum_engine`: grows when templates or columns do."""
ENGINE_OF_LAYERS = "0.3.0"
"""The first that knows statements, regions of packs and rows in shadow: an earlier one would pass over them."""


def _engine_of(pack: CheckedPack) -> str:
    """Return the oldest engine that a pack may be given to: what it states, or what its contents need."""
    head = pack.source.head
    needs_layers = bool(pack.statements or head.regions or head.treatment_regions or _kinds(pack, "shadow"))
    return max(head.minimum_engine, ENGINE_OF_LAYERS if needs_layers else "0", key=_version)


def index_problem(file: PackFile) -> str:
    """Say what of a compiled file's index costs a check more than the compiler lets a source cost; empty where nothing does.

    Whoever compiled it may have had other limits, or none.
    """
    unindexed = {offset for key in UNINDEXED_KEYS for offset in file.find(key)}
    if len(unindexed) > UNINDEXED_ROWS_MAX:
        return f"{len(unindexed)} rows that no item, class or diagnosis narrows, {UNINDEXED_ROWS_MAX} are allowed"
    for key, offsets in file.all_keys():
        if len(offsets) > ROWS_PER_KEY_MAX and not key.startswith(list_key("")):
            return f"{len(offsets)} rows under `{key}`, {ROWS_PER_KEY_MAX} are allowed"
    return ""


class EngineError(PackFileError):
    """A pack that is written for another engine than this one."""


class LoadedPack:
    """An open pack file with its rules made ready. Rows are decoded when they are first asked for."""

    def __init__(self, file: PackFile) -> None:
        """Raise EngineError where the pack needs another engine than this one."""
        needed = file.manifest.minimum_engine
        if _version(needed) > _version(ENGINE_VERSION):
            raise EngineError(f"{file.path}: needs engine {needed}, this is {ENGINE_VERSION}")
        self.file = file
        self.id = file.manifest.id
        self.revision = f"{file.manifest.id}@{file.manifest.revision}+{file.digest[:12]}"
        self.expires = file.manifest.expires
        self.kinds = frozenset(file.manifest.kinds)
        self.shadow_kinds = frozenset(file.manifest.shadow_kinds)
        self.layer = file.manifest.layer
        self.regions = Conditions(regions=file.manifest.regions, treatment_regions=file.manifest.treatment_regions)
        region = scope_of(self.regions)
        place = LAYERS.index(self.layer)
        self.stated = tuple(
            Stated(statement, self.id, self.revision, place, region) for statement in file.manifest.statements
        )
        self._records = file.manifest.rules
        try:
            self.rules: tuple[Rule, ...] = tuple(_rule(self, record) for record in self._records)
            self._citations = tuple(_citations(record) for record in self._records)
        except KeyError as error:
            raise EngineError(f"{file.path}: needs template {error}, which this engine does not have") from error
        except (msgspec.ValidationError, ValueError) as error:
            raise EngineError(f"{file.path}: not written for this engine: {error}") from error

    def rows(self, key: str) -> list[Row]:
        """Return the rows under a key, decoded anew; `ruleset.snapshot` keeps what it has decoded."""
        return [self.row(self.file.row(offset)) for offset in self.file.find(key)]

    def rows_kept(self, row_id: str) -> list[Row]:
        """Return the row of an id that does not judge of itself: one that is off or in shadow; else nothing."""
        return [self.row(self.file.row(offset)) for offset in self.file.find(kept_key(row_id))]

    def lists(self, key: str) -> list[str]:
        """Return the names of the pack's lists that have `key` among their members."""
        if self.kinds.isdisjoint(("list", SPOKEN)):
            return []
        return [self.file.row(offset).id for offset in self.file.find(list_key(key))]

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
            common=NOTHING_STATED if record.common is None else msgspec.convert(record.common, RowCommon),
        )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in text.split("."))


def _rule(pack: LoadedPack, record: RuleRecord) -> Rule:
    source = _source_of(record)
    return Rule(
        id=record.id,
        pack_id=pack.id,
        pack_revision=pack.revision,
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
        scope=both(pack.regions, source.scope),
        exempt=source.exempt,
        override=source.override,
        review_code=source.review_code,
    )


def _citations(record: RuleRecord) -> tuple[Citation, ...]:
    return tuple(citation.citation() for citation in _source_of(record).citations)


def _source_of(record: RuleRecord) -> RuleSource:
    def dates(type_: type, value: Any) -> Any:
        return date.fromisoformat(value) if type_ is date and isinstance(value, str) else value

    return msgspec.convert(record.source, RuleSource, dec_hook=dates)
