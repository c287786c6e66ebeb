"""`precheck replay CHECK_ID`: make a recorded decision again, and say whether it is the same."""

import argparse
import sys
from pathlib import Path
from typing import Any

from server.cli.store_options import add_store, decision_of, opened, settings_of
from server.replay import ReplayError, differences, own_packs, redecide
from server.store import StoreError

EXIT_DIFFERS = 1
EXIT_CANNOT = 2


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "replay",
        help="make a recorded decision again and compare the bytes",
        description="With the document, profile, dictionary, history, packs and clock that it was made with. Exit code:"
        " 0 same bytes, 1 they differ, 2 something that it was made with is gone.",
    )
    parser.add_argument("check_id", metavar="CHECK_ID", help="inf_refmsgid of a national answer")
    parser.add_argument("--packs", metavar="DIR", help="where packs are kept; default: packs in the data directory")
    add_store(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Replay one decision."""
    folder = Path(options.packs) if options.packs else Path(settings_of(options).data) / "packs"
    try:
        with opened(options) as store:
            decision = decision_of(store, options.check_id)
            again = redecide(decision, own_packs(decision, folder), store)
    except (StoreError, ReplayError, OSError) as error:
        print(f"precheck: {error}", file=sys.stderr)
        return EXIT_CANNOT
    different = differences(decision, again)
    if different:
        print(f"{decision.check_id}: other bytes")
        for text in different:
            print(f"  {text}")
        return EXIT_DIFFERS
    print(f"{decision.check_id}: same bytes ({len(decision.answer):,}), {decision.revision}, {decision.received_at}")
    return 0
