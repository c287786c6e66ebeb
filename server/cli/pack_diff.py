"""`precheck pack diff A B`: what two packs say differently, and which past decisions would have been other ones."""

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ruleset.pack.compile import LoadedPack
from ruleset.pack.diagnostics import PackError
from ruleset.pack.file import PackFileError
from ruleset.snapshot import Snapshot
from server import replay
from server.cli import records
from server.cli.pack_files import opened as opened_file
from server.cli.store_options import add_store, end_progress, opened, settings_of, show_progress
from server.corpus import CorpusError, read_corpus
from server.packs.comparison import Tally
from server.packs.directory import PackDirectory
from server.packs.lifecycle import open_verified
from server.packs.redeciding import Names, differences, redecide_all
from server.packs.refusal import ActivationError
from server.packs.report import Comparison, Corpus, json_of, text_of
from server.packs.report_page import page
from server.store import Decision, StoreError

LIVE = "live"


def add_to(verbs: Any) -> None:
    """Add the command."""
    parser = verbs.add_parser(
        "diff",
        help="say what two packs say differently, and which past decisions would have been other ones",
        description="A and B are source directories, compiled files, published revisions (ID@REVISION), or `live`: what is"
        " live in the data directory; beside `live` the other one takes the place of the pack of its id. With --corpus,"
        " --since or --until decisions are made again by both. Exit code: 0, also where they differ.",
    )
    parser.add_argument("before", metavar="A")
    parser.add_argument("after", metavar="B")
    parser.add_argument(
        "--beside", metavar="PACK", action="append", default=[], help="a pack that is live with either; repeatable"
    )
    parser.add_argument("--corpus", metavar="FILE", help="decisions, as `precheck records export` writes them")
    parser.add_argument("--since", metavar="TIME", help="decisions in the store, of a day or time or later")
    parser.add_argument("--until", metavar="TIME", help="decisions in the store, before a day or time")
    parser.add_argument("--json", action="store_true", help="print JSON, with every row, department and doctor")
    parser.add_argument("--html", metavar="FILE", help="write a page too, for people to read")
    add_store(parser)
    parser.set_defaults(run=run)


class _Sets:
    """The two sets of packs that are compared."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._directory = PackDirectory(Path(settings_of(options).data) / "packs")
        beside = [pack for name in options.beside for pack in self._named(name)]
        before, after = self._named(options.before), self._named(options.after)
        if LIVE in (options.before, options.after):
            if options.before != LIVE:
                before = _in_place(after, before)
            elif options.after != LIVE:
                after = _in_place(before, after)
        self.before, self.after = _in_place(beside, before), _in_place(beside, after)

    def _named(self, name: str) -> Sequence[LoadedPack]:
        if name == LIVE:
            live = self._directory.read().current.live
            if not live:
                raise ActivationError(
                    "request", f"nothing is live in {self._directory.root}; --data names the server's data directory"
                )
            return [open_verified(self._directory, revision, None) for revision in live]
        if "@" in name and not Path(name).exists():
            revision = self._directory.find(name)
            if revision is None:
                raise ActivationError("request", f"`{name}` is no published revision in {self._directory.root}")
            return [open_verified(self._directory, revision, None)]
        return [opened_file(name)]


def _in_place(packs: Sequence[LoadedPack], others: Sequence[LoadedPack]) -> Sequence[LoadedPack]:
    """Return packs with others in place of those of their ids, or beside them."""
    return list({pack.id: pack for pack in (*packs, *others)}.values())


def run(options: argparse.Namespace) -> int:
    """Compare."""
    try:
        sets = _Sets(options)
        before, after = Snapshot(sets.before), Snapshot(sets.after)
        comparison = Comparison(
            before.revision, after.revision, Corpus(), differences(sets.before, sets.after), Tally()
        )
        if options.corpus or options.since or options.until:
            _redecide(options, before, after, comparison)
        if options.html:
            Path(options.html).write_text(page(comparison), encoding="utf-8")
    except (PackError, PackFileError, ActivationError, CorpusError, StoreError, records.UsageError) as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}")
    if options.json:
        sys.stdout.write(json_of(comparison).decode())
    else:
        for line in text_of(comparison):
            print(line)
    return 0


def _redecide(options: argparse.Namespace, before: Snapshot, after: Snapshot, comparison: Comparison) -> None:
    names = Names()
    tally = comparison.tally
    with contextlib.ExitStack() as stack:
        told: Iterator[tuple[Decision, replay.Source]]
        if options.corpus:
            comparison.corpus = Corpus("file", Path(options.corpus).name)
            told = iter(read_corpus(Path(options.corpus)))
        else:
            store = stack.enter_context(opened(options))
            query = records.query_of_time(options.since, options.until)
            comparison.corpus = Corpus("store", "", options.since or "", options.until or "")
            told = ((decision, store) for decision in store.find(query))
        redecide_all(told, before, after, tally, names, lambda: show_progress(tally.decisions, "decisions made again"))
    end_progress()
    comparison.names = names.by_code


def _complain(text: str) -> int:
    end_progress()
    print(f"precheck: {text}", file=sys.stderr)
    return 1
