"""What the commands that look into the store share: which store, opened beside a running server or without one."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from server.settings import Settings, load_settings
from server.store import DATABASE, Decision, Store, StoreError, open_store

PROGRESS_INTERVAL = 10_000
"""Between two numbers on the progress line, where standard error is a terminal."""


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which store is meant."""
    parser.add_argument("--settings", metavar="FILE", help="settings file of the server; else PRECHECK_SETTINGS")
    parser.add_argument("--data", metavar="DIR", help="data directory; default from the settings: data")
    parser.add_argument("--store", metavar="URL", help="postgresql://…; default from the settings: SQLite in --data")


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings with what the options say. Raises SettingsError."""
    return load_settings(options.settings, options={"data": options.data, "store": options.store})


@contextlib.contextmanager
def opened(options: argparse.Namespace) -> Iterator[Store]:
    """Open the store that is there; one that is not is never made. Raises StoreError."""
    settings = settings_of(options)
    data = Path(settings.data)
    if not settings.store and not (data / DATABASE).is_file():
        raise StoreError(f"no store at {data / DATABASE}")
    with contextlib.closing(open_store(settings.store, data, upkeep=False)) as store:
        yield store


def decision_of(store: Store, check_id: str) -> Decision:
    """Return a recorded decision. Raises StoreError where there is none."""
    decision = store.decision(check_id)
    if decision is None:
        raise StoreError(f"no decision `{check_id}`")
    return decision


def show_progress(done: int, what: str) -> None:
    """Keep one line on a terminal up to date."""
    if sys.stderr.isatty() and done % PROGRESS_INTERVAL == 0:
        print(f"\r{done:,} {what}", end="", file=sys.stderr, flush=True)


def end_progress() -> None:
    """Leave the progress line."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
