"""`precheck pack docs`: every rule of a pack as a page to read."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ruleset.pack.diagnostics import PackError
from ruleset.pack.file import PackFileError
from server.cli.pack_files import opened


def add_to(verbs: Any) -> None:
    """Add the command."""
    parser = verbs.add_parser(
        "docs",
        help="write a page for every rule: text, citation, rows, examples",
        description="Plain HTML in Chinese that opens from a disk and prints; index.html lists the rules.",
    )
    parser.add_argument("packs", metavar="PATH", nargs="+", help="source directories or compiled files")
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="where to write; made if it is not there")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the pages."""
    from ruleset.pack.pages import pages  # noqa: PLC0415 - no other command pays for the page templates

    try:
        packs = [opened(path) for path in options.packs]
    except (PackError, PackFileError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    directory = Path(options.output)
    count = 0
    for page in pages(packs):
        path = directory / page.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page.text, encoding="utf-8")
        count += page.path.endswith(".html")
    print(f"{directory / 'index.html'}: {count} pages")
    return 0
