"""Say what a pack holds, how each of its rules is indexed, and what one row means."""

from collections.abc import Iterator
from datetime import date

import msgspec

from ruleset.pack.compile import LoadedPack
from ruleset.rule import Row
from ruleset.template import item_key

LAST_DAY = date.max.toordinal()


def explain_pack(pack: LoadedPack) -> Iterator[str]:
    """Yield a line about the pack, then for each rule: template, action, rows, and the keys that lead to them."""
    manifest = pack.file.manifest
    yield f"{pack.revision} {manifest.title}: {len(pack.rules)} rules, {pack.file.row_count} rows"
    counts: dict[str, int] = {}
    kinds: dict[str, dict[str, int]] = {}
    for record in pack.file.all_rows():
        row = pack.row(record)
        rule_id = row.rule.id
        counts[rule_id] = counts.get(rule_id, 0) + 1
        for key in row.rule.template.keys(row.params):
            kind = key.partition(":")[0]
            of_rule = kinds.setdefault(rule_id, {})
            of_rule[kind] = of_rule.get(kind, 0) + 1
    for rule in pack.rules:
        keys = ", ".join(f"{number} by {kind}" for kind, number in sorted(kinds.get(rule.id, {}).items()))
        actions = rule.action.name
        if rule.action_at:
            actions += " (" + ", ".join(f"{trigger} {action.name}" for trigger, action in rule.action_at.items()) + ")"
        yield (
            f"  {rule.id}: {rule.official_code} {rule.title}; template {rule.template.id} {rule.template.title}; "
            f"{rule.kind}, {rule.curation}; {actions}; {counts.get(rule.id, 0)} rows, indexed {keys or 'by nothing'}; "
            f"needs {', '.join(rule.template.needs)}"
        )


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
    yield f"  keys: {', '.join(rule.template.keys(row.params))}"
    yield f"  needs: {', '.join(rule.template.needs)}"
    for name, value in msgspec.structs.asdict(row.params).items():
        yield f"  {name}: {value}"
