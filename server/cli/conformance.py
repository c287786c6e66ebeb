"""`precheck conformance`: for a vendor's developers, what was made of their messages, one by one and all together."""

import argparse
import contextlib
import json
import queue
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from server.check import Format, Request
from server.cli.check import format_of
from server.conformance.coverage import Coverage
from server.conformance.endpoint import listening
from server.conformance.examine import Arrival, examine
from server.conformance.ground import REFUSALS, Ground, open_ground
from server.conformance.samples import DEFAULT_FOLDER, Samples, SamplesError
from server.conformance.text import message_lines, report_lines
from server.dictionary.reading import DictionaryError
from server.entrance.text import EntranceError, read_json
from server.grpc_service import credentials_of
from server.packs import ActivationError
from server.profile import ProfileError

WAKE_S = 0.2
"""How often a run that waits for messages looks whether it was told to end."""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "conformance",
        help="say of a vendor's messages what was understood, what was not, and what would be decided",
        description="Give it files, or let it listen as a server would until Ctrl-C; at the end it reports on all messages "
        "together. It has a store of its own, which is deleted. Exit code: 0 when every message was read and judged "
        "(with --samples: when every sample arrived as it is and was answered as expected), else 1.",
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="national 3101/3102/3103 messages or our own JSON; - is standard input"
    )
    parser.add_argument("--station-endpoint", metavar="HOST:PORT", help="listen here for gRPC, as the C library sends")
    parser.add_argument(
        "--http", metavar="HOST:PORT", help="and here for HTTP; default: a free port of the same host, which is printed"
    )
    parser.add_argument("--messages", type=int, metavar="N", help="end after N calls")
    parser.add_argument(
        "--samples",
        nargs="?",
        const=str(DEFAULT_FOLDER),
        metavar="DIR",
        help="expect the sample messages: with --station-endpoint from the client under test, which must send them byte "
        "for byte; else they are read from DIR. Default: docs/samples",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line: each message, then the report")
    parser.add_argument("--brief", action="store_true", help="leave out the fields that were understood")
    parser.add_argument(
        "--pack",
        action="append",
        metavar="PATH",
        help="source directory, compiled file, or the name of a shipped pack; repeatable; default: nhsa and safety-cn",
    )
    parser.add_argument("--profile", default="", metavar="NAME", help="site profile")
    parser.add_argument("--profiles", default="", metavar="DIR", help="directory of further site profiles")
    parser.add_argument("--dictionaries", default="", metavar="DIR", help="directory of the hospital's dictionaries")
    parser.add_argument("--tls-certificate", default="", metavar="FILE", help="listen with TLS: our certificate (PEM)")
    parser.add_argument("--tls-key", default="", metavar="FILE", help="its private key (PEM)")
    parser.add_argument(
        "--tls-client-ca", default="", metavar="FILE", help="ask clients for certificates of this authority (PEM)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Report on every message, then on all of them."""
    if not options.files and not options.station_endpoint and not options.samples:
        print("precheck: give FILEs, --station-endpoint, or --samples", file=sys.stderr)
        return 2
    try:
        samples = Samples(Path(options.samples)) if options.samples else None
        with open_ground(
            options.pack or (), profile=options.profile, profiles=options.profiles, dictionaries=options.dictionaries
        ) as ground:
            return _reported(options, ground, samples)
    except BrokenPipeError:
        raise  # whoever read the output has seen enough: the command line knows what to do
    except (ActivationError, ProfileError, DictionaryError, SamplesError, OSError) as error:
        print(f"precheck: {error}", file=sys.stderr)
        return 1


def _reported(options: argparse.Namespace, ground: Ground, samples: Samples | None) -> int:
    """Examine and print every arrival, then the report; return the exit code."""
    coverage = Coverage(ground.packs.current())
    is_good = True
    for number, arrival in enumerate(_arrivals(options, ground, samples), 1):
        examined = examine(number, arrival, ground.profiles)
        coverage.add(examined)
        compared = samples.compare(arrival, examined) if samples is not None else None
        is_good &= samples is not None or examined.is_judged
        if options.json:
            _print_json({"message": examined, "sample": compared})
        else:
            _print_lines(message_lines(examined, brief=options.brief))
            if compared is not None:
                _print_lines(compared.lines())
    report = coverage.report()
    missing = samples.not_arrived() if samples is not None else ()
    if options.json:
        _print_json({"report": report, "samples_not_arrived": missing})
    else:
        _print_lines(report_lines(report))
        if samples is not None:
            _print_lines(samples.summary_lines())
    return 0 if is_good and not missing else 1


def _arrivals(options: argparse.Namespace, ground: Ground, samples: Samples | None) -> Iterator[Arrival]:
    """Yield calls as they come: of files, of the samples' own files, or from a client."""
    if options.station_endpoint:
        yield from _from_clients(options, ground)
    elif options.files:
        yield from _from_files(ground, map(_document_of, options.files))
    elif samples is not None:
        yield from _from_files(
            ground, ((one.name, one.document, one.entry.format, one.entry.call == "feedback") for one in samples.every)
        )


def _document_of(file: str) -> tuple[str, bytes, Format, bool]:
    """Return a file's name, content, format, and whether it is feedback. Raises OSError."""
    document = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    feedback = _feedback_format(document)
    if feedback is not None:
        return file, document, feedback, True
    form = format_of(document)
    return file, document, "precheck" if form == "precheck" else "3102" if form == "3102" else "3101", False


def _feedback_format(document: bytes) -> Literal["3103", "precheck"] | None:
    """Return the format of feedback, by the list that its reader demands; None for anything else, and for what is no JSON."""
    try:
        value, _ = read_json(document, None)
    except EntranceError:
        return None
    outer = value.get("input", value) if isinstance(value, dict) else None
    body = outer.get("data", outer) if isinstance(outer, dict) else None
    if isinstance(body, dict) and "warns" in body:
        return "3103"
    return "precheck" if isinstance(value, dict) and "feedback" in value else None


def _from_files(ground: Ground, files: Iterable[tuple[str, bytes, Format, bool]]) -> Iterator[Arrival]:
    """Yield each file as the service answers it."""
    arrived: list[Arrival] = []
    service = ground.service("文件", arrived.append)
    for name, document, form, is_feedback in files:
        request = Request(document, form, None, station_id="conformance")
        call = service.feedback if is_feedback or form == "3103" else service.check
        with contextlib.suppress(*REFUSALS):  # told of like any other call
            call(request)
        yield arrived.pop()._replace(name=name)


def _from_clients(options: argparse.Namespace, ground: Ground) -> Iterator[Arrival]:
    """Yield calls as clients make them, until told to end. Raises OSError where an address cannot be listened on."""
    arrived: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    host = options.station_endpoint.rpartition(":")[0]
    credentials = credentials_of(options.tls_certificate, options.tls_key, options.tls_client_ca)
    with listening(
        ground,
        arrived.put,
        grpc_address=options.station_endpoint,
        http_address=options.http or f"{host}:0",
        credentials=credentials,
    ) as at:
        revision = ground.packs.current().revision
        print(
            f"precheck conformance grpc={at.grpc} http={at.http} revision={revision}",
            file=sys.stderr if options.json else sys.stdout,
            flush=True,
        )
        count = 0
        while not stop.is_set() and (options.messages is None or count < options.messages):
            try:
                arrival = arrived.get(timeout=WAKE_S)
            except queue.Empty:
                continue
            count += 1
            yield arrival
    # What was answered while it was told to end is reported too.
    while not arrived.empty() and (options.messages is None or count < options.messages):
        count += 1
        yield arrived.get()


def _print_lines(lines: Iterable[str]) -> None:
    _print("".join(f"{line}\n" for line in lines))


def _print_json(value: Any) -> None:
    _print(json.dumps(msgspec.to_builtins(value), ensure_ascii=False) + "\n")


def _print(text: str) -> None:
    """Print all of a text: unbuffered output (PYTHONUNBUFFERED) loses the rest of what a signal interrupts."""
    rest = memoryview(text.encode())
    while rest:
        rest = rest[sys.stdout.buffer.write(rest) :]
    sys.stdout.flush()
