"""`precheck history import`: the past orders and charges of a HIS into the store."""

import argparse
import sys
import tomllib
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.settings import Settings, SettingsSource

if TYPE_CHECKING:
    from server.history_import.run import RejectsFile
    from server.store import Store


def add_to(commands: Any) -> None:
    """Add the command group."""
    group = commands.add_parser("history", help="patients' histories: import past orders and charges")
    verbs = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    imports = verbs.add_parser(
        "import",
        help="bring past orders and charges of a HIS into the store",
        description="From CSV or Parquet files, or from a read-only view by its SQLAlchemy URL. Beside a running server or "
        "without one. Goes on where it was; a row that is there already changes nothing. "
        "Exit code: 0 all rows taken, 1 stopped, or rows are set aside, now or earlier, 2 wrong usage.",
    )
    imports.add_argument(
        "sources", metavar="SOURCE", nargs="+", help="a .csv, .tsv, .txt or .parquet file, or an SQLAlchemy URL"
    )
    imports.add_argument(
        "--view", default="", metavar="NAME", help="the view of the database, with its schema if need be"
    )
    imports.add_argument("--columns", metavar="FILE", help="TOML: national names and the columns that stand for them")
    imports.add_argument("--encoding", default="", metavar="NAME", help="of text files; else UTF-8 or GB 18030")
    imports.add_argument("--profile", default="", metavar="NAME", help="site profile to read values by")
    imports.add_argument("--settings", metavar="FILE", help="settings file (TOML); else PRECHECK_SETTINGS")
    imports.add_argument("--data", metavar="DIR", help="data directory of the server")
    imports.add_argument(
        "--from-start", action="store_true", help="read the whole source, wherever an earlier run came to"
    )
    imports.add_argument(
        "--create", action="store_true", help="make the data directory and its store where no server has run yet"
    )
    imports.add_argument("--check", action="store_true", help="say how the columns are understood, and import nothing")
    imports.add_argument(
        "--rejects",
        default="history-import-rejects.csv",
        metavar="FILE",
        help="where rows that cannot be read are listed; written anew by each run that has some",
    )
    imports.set_defaults(run=_import)


def _import(options: argparse.Namespace) -> int:
    from server.history_import.columns import ColumnsError  # noqa: PLC0415 - only this command pays for its imports
    from server.history_import.sources import SourceError  # noqa: PLC0415 - as above
    from server.profile import ProfileError  # noqa: PLC0415 - as above
    from server.store import StoreError  # noqa: PLC0415 - as above

    try:
        return _run(options)
    except (ColumnsError, SourceError, ProfileError, StoreError, OSError, tomllib.TOMLDecodeError) as error:
        print(f"precheck: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    from tqdm import tqdm  # noqa: PLC0415 - as above

    from server.history import History  # noqa: PLC0415 - as above
    from server.history_import.columns import Columns  # noqa: PLC0415 - as above
    from server.history_import.run import Import, Places, RejectsFile  # noqa: PLC0415 - as above
    from server.history_import.sources import START, source_of  # noqa: PLC0415 - as above
    from server.profile import Profiles  # noqa: PLC0415 - as above

    settings = SettingsSource(options.settings, {"data": options.data}).read()
    names = tomllib.loads(Path(options.columns).read_text(encoding="utf-8")) if options.columns else {}
    profiles = Profiles(settings.profiles, settings.profile)
    profiles.select(options.profile, "")
    code = 0
    with ExitStack() as stack:
        history = None
        rejects = RejectsFile(Path(options.rejects), stack)
        stack.callback(_tell_rejects, rejects, options.rejects)
        for given in options.sources:
            source = source_of(given, options.view, options.encoding)
            columns = Columns(source.header(), names)
            _tell_columns(source.name, columns)
            if options.check:
                continue
            if history is None:
                store = stack.enter_context(closing(_store(settings, create=options.create)))
                places = Places(store)
                history = History(store, settings.history_cache_bytes_max, settings.history_cache_age_max_s)
            after = START if options.from_start else places.of(source, columns)
            if not source.is_as_it_was(after):
                print(f"{source.name}: its first {after.rows} rows are not those that were read: all are read again")
                if columns.changed_at is None:
                    print("  without `changed_at` they count as said now")
                after = START
            job = Import(source, columns, profiles, options.profile, history)
            total = source.total(after, columns.changed_at)
            with tqdm(total=total, unit=" rows", desc=Path(given).name, disable=None) as bar:
                totals = job.run(
                    after,
                    remember=partial(places.remember, source, columns),
                    rejected=rejects,
                    progress=partial(_advance, bar),
                )
            print(
                f"{source.name}: {totals.rows} rows read: {totals.committed} lines committed, {totals.voided} voided, "
                f"{totals.unchanged} unchanged, {totals.rejected} set aside"
            )
            if after.set_aside:
                again = "the next run reads them again" if source.is_read_by_change else "--from-start lists them again"
                print(
                    f"precheck: {source.name}: {after.set_aside} rows before these were set aside by an earlier run"
                    f" and are not in the store: {again}",
                    file=sys.stderr,
                )
            code = code or int(totals.rejected + after.set_aside > 0)
    return code


def _store(settings: Settings, *, create: bool) -> "Store":
    """Open the store that is there; only where it is said does it make one. Raises StoreError or OSError."""
    from server.store import DATABASE, StoreError, open_store  # noqa: PLC0415 - only this command pays for its imports

    data = Path(settings.data)
    if not settings.store:
        if create:
            data.mkdir(parents=True, exist_ok=True)
        elif not (data / DATABASE).is_file():
            raise StoreError(f"no store at {data / DATABASE}: is {data} the data directory? --create makes one there")
    return open_store(settings.store, data, durability="power" if settings.durability == "power" else "process")


def _tell_rejects(rejects: "RejectsFile", file: str) -> None:
    for one in rejects.shown:
        print(f"  {one.source} row {one.row} ({one.mdtrt_id} {one.rx_id}): {one.reason}", file=sys.stderr)
    if rejects.shown:
        print(f"precheck: rows that could not be read are listed in {file}", file=sys.stderr)


def _advance(bar: Any, rows: int) -> None:
    bar.update(rows)


def _tell_columns(name: str, columns: Any) -> None:
    print(f"{name}:")
    for column, (part, national) in columns.places.items():
        print(f"  {column}: {part}.{national}" if part != "row" else f"  {column}: {national}")
    if columns.not_read:
        print(f"  not read: {', '.join(columns.not_read)}")
