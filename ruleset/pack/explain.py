"""Say what a pack holds, how each of its rules is indexed, and what one row means."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import msgspec

from ruleset.pack.compile import LoadedPack
from ruleset.rule import Row, Rule
from ruleset.scope import Conditions, both
from ruleset.template import EVERY_ENCOUNTER, EVERY_LINE, EVERY_PRESCRIPTION, item_key

LAST_DAY = date.max.toordinal()
SHOWN_ROWS_MAX = 3
"""How many rows that are not indexed are named; all are counted."""
WHY_NOT_INDEXED: Mapping[str, str] = {
    EVERY_LINE: "names no item, substance, class or catalogue, so every line is judged by it",
    EVERY_PRESCRIPTION: "speaks of a prescription as a whole, so each is judged by it once",
    EVERY_ENCOUNTER: "speaks of the encounter as a whole, so every check is judged by it once",
}


def explain_pack(pack: LoadedPack, on: date | None = None) -> Iterator[str]:
    """Yield lines about the pack, its lists and keys, then about each rule: what it needs and how it is indexed.

    With `on`, how many rows are in force on that day.
    """
    manifest = pack.file.manifest
    yield f"{pack.revision} {manifest.title}: {len(pack.rules)} rules, {pack.file.row_count} rows"
    yield from _index_lines(pack)
    rows_of: dict[str, list[Row]] = {}
    for record in pack.file.all_rows():
        row = pack.row(record)
        rows_of.setdefault(row.rule.id, []).append(row)
    for rule in pack.rules:
        yield from _rule_lines(rule, rows_of.get(rule.id, []), on)


def _index_lines(pack: LoadedPack) -> Iterator[str]:
    """Yield how many keys of each kind there are, the most crowded one of each, and the lists with their members."""
    keys: dict[str, int] = {}
    crowded: dict[str, tuple[int, str]] = {}
    members: dict[str, int] = {}
    for key, offsets in pack.file.all_keys():
        kind = key.partition(":")[0]
        if kind == "list":
            for offset in offsets:
                name = pack.file.row(offset).id
                members[name] = members.get(name, 0) + 1
            continue
        keys[kind] = keys.get(kind, 0) + 1
        crowded[kind] = max(crowded.get(kind, (0, "")), (len(offsets), key))
    for kind, number in sorted(keys.items()):
        rows, key = crowded[kind]
        yield f"  keys {kind}: {number}, at most {rows} rows under one (`{key}`)"
    for name, number in sorted(members.items()):
        yield f"  list {name}: {number} members"


def _rule_lines(rule: Rule, rows: Sequence[Row], on: date | None) -> Iterator[str]:
    kinds: dict[str, int] = {}
    curations: dict[str, int] = {}
    unindexed: dict[str, list[str]] = {}
    conditional = 0
    for row in rows:
        for key in rule.template.keys(row.params):
            kind = key.partition(":")[0]
            kinds[kind] = kinds.get(kind, 0) + 1
            if key in WHY_NOT_INDEXED:
                unindexed.setdefault(key, []).append(row.id)
        curation = row.common.curation or rule.curation
        curations[curation] = curations.get(curation, 0) + 1
        conditional += row.common.scope is not None or row.common.exempt is not None
    keys = ", ".join(f"{number} by {kind}" for kind, number in sorted(kinds.items()))
    actions = rule.action.name
    if rule.action_at:
        actions += " (" + ", ".join(f"{trigger} {action.name}" for trigger, action in rule.action_at.items()) + ")"
    yield (
        f"  {rule.id}: {rule.official_code} {rule.title}; template {rule.template.id} {rule.template.title}; "
        f"{rule.kind}, {rule.curation}; {actions}; {len(rows)} rows, indexed {keys or 'by nothing'}; "
        f"needs {', '.join(rule.template.needs)}"
    )
    for name, conditions in (("scope", rule.scope), ("exempt", rule.exempt)):
        text = conditions_text(conditions)
        if text:
            yield f"    {name}: {text}"
    if conditional:
        yield f"    {conditional} rows state conditions of their own"
    if set(curations) - {rule.curation}:
        yield f"    curation: {', '.join(f'{number} {name}' for name, number in sorted(curations.items()))}"
    for key, ids in unindexed.items():
        more = f" and {len(ids) - SHOWN_ROWS_MAX} more" if len(ids) > SHOWN_ROWS_MAX else ""
        yield f"    not indexed: {', '.join(ids[:SHOWN_ROWS_MAX])}{more}: {WHY_NOT_INDEXED[key]}"
    if on is not None:
        in_force = sum(row.valid_from <= on.toordinal() < row.valid_to for row in rows)
        yield f"    in force on {on}: {in_force} of {len(rows)} rows"


def conditions_text(conditions: Conditions | None) -> str:
    """Return the stated conditions as `name value, value`; "" where there are none."""
    if conditions is None:
        return ""
    stated = ((name, getattr(conditions, name)) for name in Conditions.__struct_fields__)
    texts = (f"{name} {', '.join(value) if isinstance(value, tuple) else value}" for name, value in stated if value)
    return "; ".join(texts)


def explain_row(pack: LoadedPack, *, row_id: str | None = None, item_code: str | None = None) -> Iterator[str]:
    """Yield a text about each row that has the id, or that is found under the item code."""
    rows: Iterator[Row]
    if item_code is not None:
        rows = iter(pack.rows(item_key(item_code)))
    else:
        rows = (pack.row(record) for record in pack.file.all_rows() if record.id == row_id)
    for row in rows:
        yield "\n".join(_row_lines(row))


def _row_lines(row: Row) -> Iterator[str]:
    rule = row.rule
    since = date.fromordinal(row.valid_from)
    until = "no end" if row.valid_to == LAST_DAY else f"before {date.fromordinal(row.valid_to)}"
    yield f"{row.id}"
    yield f"  rule: {rule.id}, {rule.official_code} {rule.title}, template {rule.template.id}, {rule.action.name}"
    yield f"  in force: from {since}, {until}"
    yield f"  citation: {row.citation.text()}"
    for name, conditions in (
        ("scope", both(rule.scope, row.common.scope)),
        ("exempt", both(rule.exempt, row.common.exempt)),
    ):
        text = conditions_text(conditions)
        if text:
            yield f"  {name}: {text}"
    stated = msgspec.to_builtins(row.common)
    for name, value in stated.items():
        if name not in ("scope", "exempt"):
            yield f"  {name}: {value}"
    for key in rule.template.keys(row.params):
        why = WHY_NOT_INDEXED.get(key)
        yield f"  key: {key}" + (f" (not indexed: {why})" if why else "")
    yield f"  needs: {', '.join(rule.template.needs)}"
    for name, value in msgspec.structs.asdict(row.params).items():
        yield f"  {name}: {value}"
