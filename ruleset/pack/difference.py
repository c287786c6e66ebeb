"""What two compiled packs say differently: rules, rows, lists, statements, and what each says of itself."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from ruleset.pack.check import FIRST_DAY, LAST_DAY
from ruleset.pack.compile import LoadedPack
from ruleset.pack.file import LIST_RULE, RowRecord
from ruleset.template import list_key

CHANGES_TOLD_MAX = 1_000
"""Rows of each kind that are told one by one; all are counted."""
HEAD_FIELDS = ("id", "revision", "title", "region", "layer", "regions", "treatment_regions", "not_before", "expires")


class Altered(msgspec.Struct, frozen=True):
    """A rule or row that both packs have: what it said, and what it says, by field."""

    name: str
    fields: tuple[tuple[str, str, str], ...]


class Part(msgspec.Struct, frozen=True):
    """One kind of thing in a pack: how many came, went and changed, and the first of them by name."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    added_names: tuple[str, ...] = ()
    removed_names: tuple[str, ...] = ()
    alterations: tuple[Altered, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed."""
        return not (self.added or self.removed or self.changed)


class PackDifference(msgspec.Struct, frozen=True):
    """What a second pack says differently from a first."""

    before: str
    """The revisions, as `id@revision+digest`."""
    after: str
    head: tuple[tuple[str, str, str], ...]
    rules: Part
    rows: Part
    lists: Part
    statements: Part

    @property
    def is_empty(self) -> bool:
        """Whether the two say the same, whatever their revisions."""
        parts = (self.rules, self.rows, self.lists, self.statements)
        return all(part.is_empty for part in parts) and all(name == "revision" for name, _, _ in self.head)


def difference(before: LoadedPack, after: LoadedPack) -> PackDifference:
    """Compare two packs. Reads every row of both."""
    return PackDifference(
        before.revision,
        after.revision,
        _altered(_head(before), _head(after)),
        _compared(_rules(before), _rules(after)),
        _rows(before, after),
        _compared(_lists(before), _lists(after)),
        _compared(_statements(before), _statements(after)),
    )


def _head(pack: LoadedPack) -> dict[str, Any]:
    return {name: getattr(pack.file.manifest, name) for name in HEAD_FIELDS}


def _rules(pack: LoadedPack) -> dict[str, dict[str, Any]]:
    return {record.id: record.source for record in pack.file.manifest.rules}


def _statements(pack: LoadedPack) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for statement in pack.file.manifest.statements:
        name = f"{statement.pack} {statement.rule} {statement.row_id}".rstrip()
        since = f" {_day(statement.valid_from)}" if statement.valid_from != FIRST_DAY else ""
        found[name + since] = {
            **{field: getattr(statement, field) or "" for field in ("mode", "action", "reason", "approved_by")},
            "valid_to": _day(statement.valid_to),
        }
    return found


def _lists(pack: LoadedPack) -> dict[str, dict[str, Any]]:
    """Return the lists, each with its members as fields: a member that comes or goes is told by name."""
    prefix = list_key("")
    found: dict[str, dict[str, Any]] = {}
    for key, offsets in pack.file.all_keys():
        if key.startswith(prefix):
            for offset in offsets:
                found.setdefault(pack.file.row(offset).id, {})[key.removeprefix(prefix)] = "✓"
    return found


def _rows(before: LoadedPack, after: LoadedPack) -> Part:
    """Compare rows by digest first, so that a million of them need no more memory than their names."""
    old, new = _digests(before), _digests(after)
    added = [name for name in new if name not in old]
    removed = [name for name in old if name not in new]
    changed = [name for name, digest in new.items() if name in old and old[name] != digest]
    told = set(changed[:CHANGES_TOLD_MAX])
    was, now = _said_of(before, told), _said_of(after, told)
    alterations = tuple(Altered(name, _altered(was[name], now[name])) for name in changed[:CHANGES_TOLD_MAX])
    names = (tuple(added[:CHANGES_TOLD_MAX]), tuple(removed[:CHANGES_TOLD_MAX]))
    return Part(len(added), len(removed), len(changed), *names, alterations)


def _records(pack: LoadedPack) -> Iterator[RowRecord]:
    return (record for record in pack.file.all_records() if record.rule != LIST_RULE)


def _digests(pack: LoadedPack) -> dict[str, bytes]:
    encode = msgspec.msgpack.Encoder(order="deterministic").encode
    return {
        record.id: hashlib.blake2b(encode(_said(pack, record)), digest_size=16).digest() for record in _records(pack)
    }


def _said_of(pack: LoadedPack, names: set[str]) -> dict[str, dict[str, Any]]:
    return {record.id: _said(pack, record) for record in _records(pack) if record.id in names} if names else {}


def _said(pack: LoadedPack, record: RowRecord) -> dict[str, Any]:
    """Return what a row says, by column. Nothing that it leaves to its rule: that is the rule's change."""
    rule = pack.file.manifest.rules[record.rule]
    cells = {name: value for name, value in zip(rule.columns, record.cells, strict=True) if value is not None}
    common = dict(record.common or {})
    for group in ("scope", "exempt"):
        cells |= {f"{group}_{name}": value for name, value in (common.pop(group, None) or {}).items()}
    return {
        "rule": rule.id,
        **cells,
        **common,
        "valid_from": _day(record.valid_from),
        "valid_to": _day(record.valid_to),
        "citation": pack.row(record).citation.text(),
    }


def _day(ordinal: int) -> str:
    return "" if ordinal in (FIRST_DAY, LAST_DAY) else str(date.fromordinal(ordinal))


def _compared(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> Part:
    added = [name for name in after if name not in before]
    removed = [name for name in before if name not in after]
    changed = [name for name in after if name in before and before[name] != after[name]]
    alterations = tuple(Altered(name, _altered(before[name], after[name])) for name in changed[:CHANGES_TOLD_MAX])
    names = (tuple(added[:CHANGES_TOLD_MAX]), tuple(removed[:CHANGES_TOLD_MAX]))
    return Part(len(added), len(removed), len(changed), *names, alterations)


def _altered(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    names: Iterable[str] = dict.fromkeys((*before, *after))
    return tuple(
        (name, _text(before.get(name)), _text(after.get(name)))
        for name in names
        if _text(before.get(name)) != _text(after.get(name))
    )


def _text(value: Any) -> str:
    """Return a value as a person reads it; nothing for what is not stated."""
    if value is None or value in ("", [], (), {}):
        return ""
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        return "、".join(value)
    if isinstance(value, (dict, list, tuple)):
        return msgspec.json.encode(value, order="deterministic").decode()
    return str(value)
