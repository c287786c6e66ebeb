"""`precheck pack …`: lint, build, test and explain packs on disk, sign them, and say what a server judges with."""

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import Any

from ruleset.pack.cases import run_tests
from ruleset.pack.check import CheckedPack, check_directory
from ruleset.pack.compile import write_checked
from ruleset.pack.diagnostics import PackError
from ruleset.pack.explain import explain_pack, explain_row
from ruleset.pack.file import PackFileError
from ruleset.snapshot import Snapshot
from server.cli import pack_change, pack_coverage, pack_diff, pack_docs, pack_fmt, pack_import, pack_lint, pack_sign
from server.cli.pack_files import opened


def add_to(commands: Any) -> None:
    """Add the command group."""
    group = commands.add_parser("pack", help="rule packs: lint, build, test, explain, sign, publish, activate")
    verbs = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    pack_lint.add_to(verbs)
    pack_fmt.add_to(verbs)
    pack_docs.add_to(verbs)
    build = verbs.add_parser("build", help="compile a pack into one file")
    build.add_argument("source", metavar="DIRECTORY")
    build.add_argument("-o", "--output", metavar="FILE", help="default: ID-REVISION.pack in the current directory")
    build.set_defaults(run=_build)
    test = verbs.add_parser("test", help="run a pack's own tests")
    test.add_argument("pack", metavar="PATH", help="source directory or compiled file")
    test.set_defaults(run=_test)
    explain = verbs.add_parser("explain", help="say what a pack holds and how each rule is indexed")
    explain.add_argument("pack", metavar="PATH", help="source directory or compiled file")
    explain.add_argument("--row", metavar="ID", help="explain one row")
    explain.add_argument("--item", metavar="CODE", help="explain every row of an item code")
    explain.add_argument(
        "--on", metavar="DATE", type=date.fromisoformat, help="count the rows in force on that day (2026-01-31)"
    )
    explain.set_defaults(run=_explain)
    pack_coverage.add_to(verbs)
    pack_import.add_to(verbs)
    pack_sign.add_to(verbs)
    pack_change.add_to(verbs)
    pack_diff.add_to(verbs)


def _complain(error: Exception) -> int:
    print(error, file=sys.stderr)
    if isinstance(error, PackError):
        count = len(error.diagnostics)
        print(f"{count} error{'s' if count != 1 else ''}, pack not compiled", file=sys.stderr)
    return 1


def _checked(directory: str) -> CheckedPack:
    return check_directory(Path(directory))


def _build(options: argparse.Namespace) -> int:
    try:
        pack = _checked(options.source)
        head = pack.source.head
        target = Path(options.output or f"{head.id}-{head.revision}.pack")
        digest = write_checked(pack, target)
    except (PackError, PackFileError, OSError) as error:
        return _complain(error)
    print(f"{target}: {len(pack.rules)} rules, {len(pack.rows)} rows, {target.stat().st_size} bytes, sha256 {digest}")
    return 0


def _test(options: argparse.Namespace) -> int:
    try:
        pack = opened(options.pack)
    except (PackError, PackFileError, OSError) as error:
        return _complain(error)
    outcome = run_tests(pack.file.manifest.tests, Snapshot([pack]))
    for failure in outcome.failures:
        print(failure, file=sys.stderr)
    print(f"{outcome.passed} passed, {len(outcome.failures)} failed")
    return 0 if outcome.is_good else 1


def _explain(options: argparse.Namespace) -> int:
    try:
        pack = opened(options.pack)
    except (PackError, PackFileError, OSError) as error:
        return _complain(error)
    if options.row or options.item:
        found = 0
        for text in explain_row(pack, row_id=options.row, item_code=options.item):
            found += 1
            print(text)
        if not found:
            print(f"no row `{options.row or options.item}` in {pack.revision}", file=sys.stderr)
        return 0 if found else 1
    for text in explain_pack(pack, options.on):
        print(text)
    return 0
