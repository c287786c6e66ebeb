"""`precheck pack import-nhsa`: published sheets into a pack, with the diff before anything is written."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from ruleset.pack.diagnostics import Diagnostic, PackError

SHOWN_PER_KIND = 10
"""Lines of each kind that are shown without `--full`."""
SIGNS = {"added": "+", "expanded": "+", "raw": "?", "ended": "-", "completed": "~", "dropped": "-"}


def add_to(verbs: Any) -> None:
    """Add the verb to `precheck pack`."""
    verb = verbs.add_parser(
        "import-nhsa",
        help="bring published national sheets (.xlsx) into a pack's source",
        description="Exit code: 0 imported or nothing to change, 1 refused and nothing written, 2 wrong usage.",
    )
    verb.add_argument("paths", metavar="PATH", nargs="+", help="a sheet, or a directory with sheets")
    verb.add_argument("--into", metavar="PACK", required=True, help="the pack's source directory")
    verb.add_argument("--published", metavar="DATE", type=_day, help="day of publication, where the sheets lack it")
    verb.add_argument(
        "--revision", action="store_true", help="the sheets replace all that their rules published before"
    )
    verb.add_argument(
        "--raw-hints", action="store_true", help="switch raw rows on at once, as hints; else they wait for a person"
    )
    verb.add_argument("--dry-run", action="store_true", help="print the diff only, write nothing")
    verb.add_argument(
        "--full", action="store_true", help=f"print every line, not the first {SHOWN_PER_KIND} of each kind"
    )
    verb.set_defaults(run=_import)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text}` is no date, write it as 2026-01-31") from None


def _import(options: argparse.Namespace) -> int:
    from server.importer.national import Plan, plan_import  # noqa: PLC0415 - the other commands do without

    try:
        plan: Plan = plan_import(
            map(Path, options.paths),
            Path(options.into),
            options.published,
            is_revision=options.revision,
            raw_reminds=options.raw_hints,
        )
    except PackError as error:
        print(error, file=sys.stderr)
        count = len(error.diagnostics)
        print(f"{count} error{'s' if count != 1 else ''}, nothing written", file=sys.stderr)
        return 1
    shown = None if options.full else SHOWN_PER_KIND
    for line in _report(plan, shown):
        print(line)
    if not plan.files:
        print("nothing to change: the pack holds all of it")
    elif options.dry_run:
        print(f"dry run: {len(plan.files)} files would change, nothing written")
    else:
        try:
            plan.write()
        except OSError as error:
            print(f"precheck: {error.filename}: {error.strerror}; run the import again to finish it", file=sys.stderr)
            return 1
        print(f"{len(plan.files)} files written: {', '.join(plan.files)}")
        print(f"next: raise `revision` in pack.toml, then precheck pack lint {options.into} and pack test")
    left_out = len(plan.remarks.not_understood)
    if left_out:
        print(f"{left_out} published rows were not understood and are not in the pack: see above")
    return 0


def _report(plan: Any, shown: int | None) -> Iterator[str]:
    """Yield the diff, rule by rule, and then what there is to say beside it."""
    rules = sorted({*plan.published, *(change.rule_id for change in plan.changes)})
    for rule_id in rules:
        changes = [change for change in plan.changes if change.rule_id == rule_id]
        counts = Counter(change.what for change in changes)
        said = ", ".join(f"{number} {what}" for what, number in counts.items()) or "no change"
        yield f"{rule_id}: {plan.published.get(rule_id, 0)} rows in the sheets: {said}"
        for what in counts:
            lines = [f"  {SIGNS[what]} {change.row_id}: {change.detail}" for change in changes if change.what == what]
            yield from _first(lines, shown)
    for name in plan.files:
        if name.startswith("rules/"):
            yield f"{name}: cites the publication of its new rows"
    remarks = plan.remarks
    for title, diagnostics in (
        ("footnotes, not rows", remarks.footnotes),
        ("NOT UNDERSTOOD, not imported", remarks.not_understood),
        ("decisions to look at", remarks.notes),
        ("texts not read to the end: the rest is a raw row", remarks.raw.values()),
    ):
        yield from _section(title, list(diagnostics), shown)


def _section(title: str, diagnostics: Sequence[Diagnostic], shown: int | None) -> Iterator[str]:
    if diagnostics:
        yield f"{title} ({len(diagnostics)}):"
        yield from _first([f"  {diagnostic}" for diagnostic in diagnostics], shown)


def _first(lines: Iterable[str], shown: int | None) -> Iterator[str]:
    every = list(lines)
    kept = every if shown is None or len(every) <= shown else every[:shown]
    yield from kept
    if len(kept) < len(every):
        yield f"  … and {len(every) - len(kept)} more; --full shows all"
