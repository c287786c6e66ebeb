"""`precheck records …`: find, show, export, verify and erase what was recorded."""

import argparse
import contextlib
import datetime as dt
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ruleset.outcome import Completeness, Verdict
from server.cli.store_options import add_store, decision_of, end_progress, opened, show_progress
from server.corpus import write_corpus
from server.masking import Mask, MaskingError, read_key
from server.replay import ReplayError
from server.store import Decision, Query, StoreError, open_store
from server.store.keys import findings_of
from server.store.verification import Verified

LISTED_DEFAULT = 100
EXIT_FAILED = 1
EXIT_NOT_VERIFIED = 2
"""The records could not be looked at: which says nothing of them."""
CONDITIONS = {
    "check": ("check_id", "CHECK_ID", "the decision with this id (inf_refmsgid of a national answer)"),
    "patient": ("patient_id", "ID", "decisions about a patient (patn_id)"),
    "doctor": ("practitioner_id", "ID", "decisions about orders of a doctor"),
    "department": ("department_code", "CODE", "decisions about orders of a department"),
    "row": ("row_id", "[PACK/]ID", "decisions with a finding of a row"),
    "rule": ("rule", "CODE", "decisions with a finding of a rule"),
    "station": ("station_id", "ID", "decisions asked for by a station"),
    "verdict": ("verdict", "PASS|WARN|BLOCK", "decisions with a verdict"),
    "since": ("since", "TIME", "decisions of a day or time (YYYY-MM-DD[THH:MM:SS], site's time) or later"),
    "until": ("until", "TIME", "decisions before a day or time"),
}


class UsageError(Exception):
    """Options that cannot be what they are."""


def add_to(commands: Any) -> None:
    """Add the command group."""
    group = commands.add_parser("records", help="recorded decisions: list, show, export, verify, retain")
    verbs = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = verbs.add_parser("list", help="list decisions, a line each")
    _add_conditions(listing)
    listing.add_argument(
        "--limit",
        type=int,
        default=LISTED_DEFAULT,
        metavar="N",
        help=f"at most so many; default {LISTED_DEFAULT}; 0: all",
    )
    listing.set_defaults(run=_run(_list))
    show = verbs.add_parser("show", help="print all that is recorded of one decision, as JSON")
    show.add_argument("check_id", metavar="CHECK_ID")
    show.set_defaults(run=_run(_show))
    export = verbs.add_parser(
        "export",
        help="write decisions as JSON lines, complete enough to make each again",
        description="What packs are compared on. Give --plain, or --masked with --key.",
    )
    _add_conditions(export)
    export.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    how = export.add_mutually_exclusive_group(required=True)
    how.add_argument("--plain", action="store_true", help="with names and ids, as recorded")
    how.add_argument("--masked", action="store_true", help="names and ids as keyed hashes, no free text")
    export.add_argument("--key", metavar="FILE", help="the key of the hashes, at least 16 bytes; with --masked")
    export.set_defaults(run=_run(_export))
    verify = verbs.add_parser(
        "verify",
        help="check that nothing was changed, removed or added",
        description="Prints the head of every chain: kept elsewhere (--heads-to) they show later (--heads) whether the"
        " ends of chains were cut off. Exit code: 0 when everything is as it was recorded, 1 when it is not, 2 when that"
        " cannot be told, since the store or a file cannot be read.",
    )
    verify.add_argument("--heads", metavar="FILE", help="heads that were kept: they must be met")
    verify.add_argument("--heads-to", metavar="FILE", help="keep the heads in a file")
    verify.set_defaults(run=_run(_verify, EXIT_NOT_VERIFIED))
    retain = verbs.add_parser(
        "retain",
        help="erase decisions that are older than a day, and say so in the chain",
        description="What is erased cannot be brought back. The chain still verifies.",
    )
    retain.add_argument("--before", required=True, metavar="YYYY-MM-DD", help="erase what is of earlier days")
    retain.add_argument("--histories", action="store_true", help="erase histories too: rules then count without them")
    retain.add_argument("--yes", action="store_true", help="without it, only say what would be erased")
    retain.set_defaults(run=_run(_retain))
    copy = verbs.add_parser(
        "copy",
        help="copy everything into an empty store: from SQLite to PostgreSQL, or back",
        description="While no server writes to either. Chains verify afterwards as before.",
    )
    copy.add_argument("--to", required=True, metavar="URL|DIR", help="postgresql://…, or a data directory")
    copy.set_defaults(run=_run(_copy))
    for verb in (listing, show, export, verify, retain, copy):
        add_store(verb)


def _add_conditions(parser: argparse.ArgumentParser) -> None:
    for name, (_, metavar, text) in CONDITIONS.items():
        parser.add_argument(f"--{name}", metavar=metavar, help=text)


def _run(work: Any, failed: int = EXIT_FAILED) -> Any:
    def run(options: argparse.Namespace) -> int:
        try:
            return int(work(options))
        except (StoreError, MaskingError, ReplayError, UsageError, OSError) as error:
            end_progress()
            print(f"precheck: {error}", file=sys.stderr)
            return failed

    return run


def query_of(options: argparse.Namespace) -> Query:
    """Return what the options ask for. Raises UsageError."""
    values: dict[str, Any] = {field: getattr(options, name) or "" for name, (field, _, _) in CONDITIONS.items()}
    values["pack"], _, values["row_id"] = values["row_id"].rpartition("/")
    verdict = values.pop("verdict")
    if verdict and verdict not in Verdict.__members__:
        raise UsageError(f"--verdict is `{verdict}`, expected {', '.join(Verdict.__members__)}")
    for name in ("since", "until"):
        if values[name]:
            values[name] = _time(name, values[name])
    return Query(**values, verdict=int(Verdict[verdict]) if verdict else None)


def query_of_time(since: str | None, until: str | None) -> Query:
    """Return a query for the decisions of a time. Raises UsageError."""
    return Query(since=_time("since", since) if since else "", until=_time("until", until) if until else "")


def _time(name: str, text: str) -> str:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--{name} is `{text}`, expected YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS") from None
    if moment.tzinfo is not None:
        raise UsageError(f"--{name} is `{text}`, expected a time without offset: it is the site's")
    return moment.isoformat()


def _list(options: argparse.Namespace) -> int:
    query = query_of(options)
    number = 0
    with opened(options) as store:
        found = store.find(query)
        for decision in islice(found, options.limit) if options.limit else found:
            print(_line(decision))
            number += 1
        if not number:
            hint = "; a row is named by its whole id, as this list does" if query.row_id else ""
            print(f"precheck: no such decision{hint}", file=sys.stderr)
        if options.limit and next(found, None) is not None:
            print(f"precheck: more than {options.limit} decisions; --limit 0 lists all", file=sys.stderr)
    return 0


def _line(decision: Decision) -> str:
    rows = ",".join(dict.fromkeys(f"{found.pack}/{found.row_id}" for found in findings_of(decision.findings)))
    return "  ".join(
        (
            decision.received_at[:19],
            decision.check_id,
            Verdict(decision.verdict).name.ljust(5),
            Completeness(decision.completeness).name.ljust(8),
            decision.patient_id or "-",
            decision.station_id or "-",
            rows or "-",
        )
    )


def _show(options: argparse.Namespace) -> int:
    with opened(options) as store:
        decision = decision_of(store, options.check_id)
        values = {name: getattr(decision, name) for name in Decision.__struct_fields__}
        for name in ("practitioner_ids", "department_codes", "packs", "findings"):
            values[name] = msgspec.json.decode(values[name])
        for name in ("document", "answer"):
            values[name] = values[name].decode(decision.encoding, "replace")
        values["verdict"] = Verdict(decision.verdict).name
        values["completeness"] = Completeness(decision.completeness).name
        values["feedback"] = store.feedback_to(decision)
    print(msgspec.json.format(msgspec.json.encode(values)).decode())
    return 0


def _export(options: argparse.Namespace) -> int:
    query = query_of(options)
    if bool(options.key) != options.masked:
        raise UsageError("--masked needs --key, and --key --masked")
    mask = Mask(read_key(Path(options.key))) if options.masked else None
    number = 0
    with opened(options) as store:
        lines = write_corpus(store, store.find(query), mask)
        if options.output:
            with Path(options.output).open("xb") as file:
                number = _write(lines, file)
        else:
            number = _write(lines, sys.stdout.buffer)
    print(f"precheck: {number:,} decisions exported", file=sys.stderr)
    return 0


def _write(lines: Iterator[bytes], file: BinaryIO) -> int:
    number = 0
    for line in lines:
        file.write(line)
        number += line.startswith(b'{"decision"')
        show_progress(number, "decisions")
    end_progress()
    return number


def _verify(options: argparse.Namespace) -> int:
    heads = _read_heads(Path(options.heads)) if options.heads else None
    with opened(options) as store:
        verified = store.verify(lambda done: show_progress(done, "entries"), heads)
    end_progress()
    for fault in verified.faults:
        print(f"FAULT {fault}")
    if verified.faults_total > len(verified.faults):
        print(f"FAULT and {verified.faults_total - len(verified.faults)} more")
    for writer, number, hashed in verified.heads:
        print(f"head {writer}:{number} {hashed}")
    print(_summary(verified))
    if options.heads_to:
        text = "".join(f"{writer}:{number} {hashed}\n" for writer, number, hashed in verified.heads)
        Path(options.heads_to).write_text(text, encoding="ascii")
    return EXIT_FAILED if verified.faults_total else 0


def _summary(verified: Verified) -> str:
    return (
        f"{verified.entries:,} entries in {len(verified.heads)} chains, {verified.erased:,} of them erased by retention;"
        f" {verified.gaps:,} answers went out unrecorded, {verified.outcome_unknown:,} of them with an unknown outcome;"
        f" {verified.unfinished} processes did not say that they ended (they run, or were killed);"
        f" {verified.faults_total:,} faults"
    )


def _read_heads(file: Path) -> dict[int, tuple[int, str]]:
    heads: dict[int, tuple[int, str]] = {}
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--heads {file}: {error.strerror if isinstance(error, OSError) else 'is no text'}") from error
    for number, line in enumerate(text.splitlines(), 1):
        place, _, hashed = line.strip().rpartition(" ")
        writer, _, entry = place.partition(":")
        if not (writer.isdigit() and entry.isdigit() and hashed):
            raise UsageError(f"{file}:{number}: expected WRITER:NUMBER HASH, as --heads-to writes it")
        heads[int(writer)] = (int(entry), hashed)
    return heads


def _copy(options: argparse.Namespace) -> int:
    with opened(options) as store:
        is_address = "://" in options.to
        folder = Path("." if is_address else options.to)
        if not is_address:
            folder.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(open_store(options.to if is_address else "", folder, upkeep=False)) as other:
            rows = store.copy_to(other, lambda done: show_progress(done, "rows"))
    end_progress()
    print(f"{rows:,} rows copied")
    return 0


def _retain(options: argparse.Namespace) -> int:
    try:
        before = dt.date.fromisoformat(options.before).isoformat()
    except ValueError:
        raise UsageError(f"--before is `{options.before}`, expected YYYY-MM-DD") from None
    with opened(options) as store:
        if not options.yes:
            number = sum(1 for _ in store.find(Query(until=before)))
            print(f"{number:,} decisions of before {before} would be erased; --yes erases them")
            return 0
        erased = store.retain(before, events=options.histories, progress=lambda done: show_progress(done, "decisions"))
    end_progress()
    print(
        f"erased: {erased.decisions:,} decisions, {erased.feedback:,} entries of feedback,"
        f" {erased.events:,} events of histories"
    )
    return 0
