"""`precheck pack fmt`: the tables of a pack in their canonical form."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ruleset.pack.diagnostics import PackError
from ruleset.pack.format import formatted
from ruleset.pack.source import read_source


def add_to(verbs: Any) -> None:
    """Add the command."""
    parser = verbs.add_parser(
        "fmt",
        help="put a pack's tables into their canonical form",
        description="Order of columns, quoting, line ends, UTF-8; rows keep their order and cells their text. TOML is "
        "left alone. Exit code: 1 when a file cannot be read, or with --check is not in that form; else 0.",
    )
    parser.add_argument("source", metavar="DIRECTORY")
    parser.add_argument("--check", action="store_true", help="write nothing; say which files would change")
    parser.add_argument("--sort", action="store_true", help="rows in the order of their key columns and days too")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the files that are not in their form, and name them."""
    try:
        files = list(formatted(read_source(Path(options.source)), sort=options.sort))
    except PackError as error:
        print(error, file=sys.stderr)
        return 1
    changed = [file for file in files if not file.is_canonical]
    for file in changed:
        if not options.check:
            _replace(Path(options.source) / file.path, file.after)
        print(f"{file.path}: {'would be' if options.check else 'is'} rewritten")
    print(f"{len(changed)} of {len(files)} tables {'to rewrite' if options.check else 'rewritten'}")
    return 1 if changed and options.check else 0


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)
