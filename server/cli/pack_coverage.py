"""`precheck pack coverage`: which of the 88 national rules a set of packs decides."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ruleset.national.coverage import coverage, coverage_lines
from ruleset.pack.diagnostics import PackError
from ruleset.pack.file import PackFileError
from server.cli.pack_files import opened

SHIPPED = Path(__file__).parents[2] / "ruleset" / "packs"
SHIPPED_NATIONAL = ("nhsa", "demo")


def add_to(verbs: Any) -> None:
    """Add the command."""
    parser = verbs.add_parser(
        "coverage",
        help="say which of the 88 national rules the packs decide",
        description="Exit code: 1 when a rule that could act before the money is spent is silent, else 0.",
    )
    parser.add_argument(
        "packs", metavar="PATH", nargs="*", help="source directories or compiled files; default: the shipped packs"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    paths = options.packs or [str(SHIPPED / name) for name in SHIPPED_NATIONAL]
    try:
        covered = coverage([opened(path) for path in paths])
    except (PackError, PackFileError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for line in coverage_lines(covered):
        print(line)
    return 1 if any(one.is_silent for one in covered) else 0
