"""An import of published sheets, from paths to a plan: what would be written, the diff, and what else is to be said.

Nothing is written here but by `Plan.write`. A plan is refused as a whole: a sheet that is not recognised, a rule that
the pack lacks, a publication without a date, or a pack that the checks would no longer pass.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import msgspec

from ruleset.pack.check import check_pack
from ruleset.pack.diagnostics import Diagnostic, PackError
from ruleset.pack.source import PackSource, read_source
from server.importer import published
from server.importer.citations import with_citation
from server.importer.merge import Change, RuleRows, merge
from server.importer.remarks import Remarks
from server.importer.rows import LIST_SEPARATOR, PublishedRow, RuleFinder, rows_of
from server.importer.sheets import Contents, iso_day, read_contents
from server.importer.tables import RowFile, codes_of
from server.importer.workbook import ImportRefusedError, find_files, read_workbook

NEW = ("added", "expanded", "raw")


class Plan(NamedTuple):
    """What an import would do."""

    root: Path
    changes: tuple[Change, ...]
    remarks: Remarks
    files: dict[str, bytes]
    """Path in the pack to the bytes that will stand there."""
    published: dict[str, int]
    """Rule to the number of its rows in the sheets."""

    def write(self) -> None:
        """Write the files. Each appears whole or not at all; an import that was cut short is finished by the next."""
        unfinished: list[tuple[Path, Path]] = []
        for name, data in self.files.items():
            target = self.root / name
            target.parent.mkdir(exist_ok=True)
            part = target.with_name(target.name + ".unfinished")
            part.write_bytes(data)
            unfinished.append((part, target))
        for part, target in unfinished:
            part.replace(target)


def plan_import(
    paths: Iterable[Path],
    root: Path,
    day: date | None = None,
    *,
    is_revision: bool = False,
    raw_reminds: bool = False,
) -> Plan:
    """Return what importing the sheets into the pack in directory `root` would do.

    `day` is the day of publication of all the sheets, where they do not carry it; `is_revision` says of all of them
    that they take the place of what their rules published before; `raw_reminds` switches on at once the rows that
    stand for text which was not read with certainty. Raises ImportRefusedError, and PackError where the
    pack cannot be read.
    """
    source = read_source(root)
    remarks = Remarks()
    rows = _published_rows(paths, RuleFinder(source.rules), day, is_revision=is_revision, remarks=remarks)
    rules = {
        rule_id: RuleRows(rule_id, rule, RowFile(root, rule_id, source.tables.get(rule_id)), raw_reminds=raw_reminds)
        for rule_id, rule in source.rules.items()
        if rule_id in source.tables or any(row.rule_id == rule_id for row in rows)
    }
    changes = merge(rules, rows, remarks)
    files = {rule.file.path: rule.file.after() for rule in rules.values() if rule.file.is_changed}
    _check(source, [rule.file for rule in rules.values() if rule.file.is_changed])
    files |= _citations(root, changes, remarks, is_revision=is_revision)
    counts: dict[str, int] = {}
    for row in rows:
        if not row.is_expanded:
            counts[row.rule_id] = counts.get(row.rule_id, 0) + 1
    return Plan(root, tuple(changes), remarks, files, counts)


def _published_rows(
    paths: Iterable[Path], finder: RuleFinder, day: date | None, *, is_revision: bool, remarks: Remarks
) -> list[PublishedRow]:
    problems: list[Diagnostic] = []
    rows: list[PublishedRow] = []
    for path in find_files(paths):
        try:
            for contents in read_contents(read_workbook(path), remarks):
                _look_at_file_name(contents, remarks)
                rows.extend(_rows_of_contents(contents, finder, day, is_revision=is_revision, remarks=remarks))
        except ImportRefusedError as error:
            problems.extend(error.diagnostics)
    if problems:
        raise ImportRefusedError(problems)
    return _joined_texts(rows)


def _look_at_file_name(contents: Contents, remarks: Remarks) -> None:
    """Note where a file's name says that it holds another rule than it does: attachments have been swapped before."""
    name = contents.place.file
    titles = {title for word, titles in published.FILE_NAME_WORDS.items() if word in name for title in titles}
    held = {entry.title for entry in contents.entries}
    if titles and held and not titles & held:
        note = f"{name} holds {'、'.join(sorted(held))}, not what its name says: the content decides"
        remarks.note(contents.place, note)


def _rows_of_contents(
    contents: Contents, finder: RuleFinder, day: date | None, *, is_revision: bool, remarks: Remarks
) -> Iterator[PublishedRow]:
    titles = dict.fromkeys(entry.title for entry in contents.entries)
    lacking = [title for title in titles if not finder.find(title)]
    if lacking:
        problems = [_lacking_rule(contents, title) for title in lacking]
        raise ImportRefusedError(problems)
    revises = is_revision or contents.is_revision
    days = {title: day or _day_of(contents, title, is_revision=revises) for title in titles}
    for entry in contents.entries:
        stated = iso_day(entry.published)
        own_day = day or (date.fromisoformat(stated) if stated else days[entry.title])
        if own_day is None:
            known = f"give it with --published; batches known by their rules: 1 to {max(published.BATCHES)}"
            problem = contents.place.problem(f"no day of publication for {entry.title}", known)
            raise ImportRefusedError([problem])
        yield from rows_of(entry, own_day, is_revision=revises, finder=finder, remarks=remarks)


def _lacking_rule(contents: Contents, title: str) -> Diagnostic:
    templates = " or ".join(published.TEMPLATES_OF[title])
    return contents.place.problem(
        f"the pack has no rule `{title}`", f"add rules/ID.toml with this title and template {templates}"
    )


def _day_of(contents: Contents, title: str, *, is_revision: bool) -> date | None:
    """Return the day of publication: the sheet's own, else that of the batch. None where neither is known.

    The batch is the one that the sheet names, else the one that the file's name does, else the only one in which the
    rule was published. A file's name is not believed against the content; a revision has no known day.
    """
    if contents.day:
        return date.fromisoformat(contents.day)
    if is_revision:
        return None
    holding = {number for number, batch in published.BATCHES.items() if title in batch.titles}
    named = contents.batches
    if not named:
        named = frozenset(published.batches_named(contents.place.file))
        if named & published.BATCHES.keys() and not named & holding:
            named = frozenset()
    candidates = named & holding if named else holding
    return published.BATCHES[min(candidates)].published if len(candidates) == 1 else None


def _joined_texts(rows: Sequence[PublishedRow]) -> list[PublishedRow]:
    """Return the rows with those of one text as one, with all its items: a text is a row of its own."""
    joined: dict[object, PublishedRow] = {}
    for number, row in enumerate(rows):
        key: object = number
        if "item_codes" in row.cells:
            key = (row.rule_id, row.cells["row_ref"], row.day, row.is_expanded, row.change, row.place.file)
        first = joined.get(key)
        if first is None:
            joined[key] = row
        else:
            codes = dict.fromkeys((*codes_of(first.cells), *codes_of(row.cells)))
            joined[key] = first._replace(cells={**first.cells, "item_codes": LIST_SEPARATOR.join(codes)})
    return list(joined.values())


def _check(source: PackSource, files: Sequence[RowFile]) -> None:
    """Raise ImportRefusedError where the checks of the pack would find what they do not find in it now."""
    if not files:
        return
    tables = {**source.tables, **{Path(file.path).stem: file.table() for file in files}}
    after = _problems(msgspec.structs.replace(source, tables=tables))
    new = after - _problems(source) if after else set()
    if new:
        raise ImportRefusedError(new)


def _problems(source: PackSource) -> set[Diagnostic]:
    try:
        check_pack(source)
    except PackError as error:
        return set(error.diagnostics)
    return set()


def _citations(root: Path, changes: Iterable[Change], remarks: Remarks, *, is_revision: bool) -> dict[str, bytes]:
    """Return the rule files that do not yet cite a publication of which they have new rows, with its citation."""
    days = dict.fromkeys((change.rule_id, change.day) for change in changes if change.what in NEW)
    texts: dict[str, str] = {}
    for rule_id, day in days:
        name = f"rules/{rule_id}.toml"
        file = root / name
        text = texts.get(name) or (file.read_text(encoding="utf-8") if file.is_file() else "")
        batch = published.batch_published(day) or ("修订" if is_revision else "")
        changed = with_citation(text, day, batch) if text else None
        if changed is None:
            remarks.notes.append(Diagnostic(name, 1, 1, f"does not cite the publication of {day}; add the citation"))
        elif changed != text:
            texts[name] = changed
    return {name: text.encode() for name, text in texts.items()}
