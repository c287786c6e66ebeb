"""The command line's arguments, and what each command does."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from server.settings import SettingsError, SettingsSource
from server.version import VERSION

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: 0 done, 1 failed, 2 wrong usage (and what a command's help says)."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help()
        return EXIT_USAGE
    try:
        code = int(options.run(options))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has seen enough (`| head`). What is still buffered goes nowhere, without complaint.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except SettingsError as error:
        print(f"precheck: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="precheck", description="Prescription pre-check (处方事前审核).")
    parser.add_argument("--version", action="version", version=f"precheck {VERSION}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_serve(commands)
    from server.cli import (  # noqa: PLC0415 - each command pays for its own imports
        check,
        conformance,
        demo,
        dictionary,
        explain,
        history,
        pack,
        records,
        replay,
    )

    check.add_to(commands)
    conformance.add_to(commands)
    demo.add_to(commands)
    dictionary.add_to(commands)
    explain.add_to(commands)
    history.add_to(commands)
    pack.add_to(commands)
    records.add_to(commands)
    replay.add_to(commands)
    return parser


def _add_serve(commands: Any) -> None:
    serve = commands.add_parser("serve", help="run the server: gRPC, HTTP gateway, history, records")
    serve.add_argument("--settings", metavar="FILE", help="settings file (TOML); else PRECHECK_SETTINGS")
    serve.add_argument("--pack", metavar="PATH", action="append", help="compiled pack or source directory; repeatable")
    serve.add_argument("--grpc", metavar="HOST:PORT", help="default 127.0.0.1:50051; port 0 takes a free one")
    serve.add_argument("--http", metavar="HOST:PORT", help="default 127.0.0.1:8080; port 0 takes a free one")
    serve.add_argument("--data", metavar="DIR", help="store and compiled packs; default ./data")
    serve.add_argument("--profile", metavar="NAME", help="site profile of documents that name none")
    serve.add_argument("--profiles", metavar="DIR", help="directory of further site profiles")
    serve.add_argument("--workers", metavar="N", type=int, help="processes that answer; default 1")
    serve.set_defaults(run=_serve)


SERVE_OPTIONS = ("pack", "grpc", "http", "data", "profile", "profiles", "workers")


def _serve(options: argparse.Namespace) -> int:
    from server.logs import configure_logging  # noqa: PLC0415 - the other commands do without
    from server.serve import Addresses, serve  # noqa: PLC0415 - as above
    from server.worker import StartError  # noqa: PLC0415 - as above

    configure_logging()
    source = SettingsSource(options.settings, {name: getattr(options, name) for name in SERVE_OPTIONS})

    def ready(addresses: Addresses, revision: str) -> None:
        print(f"precheck serving grpc={addresses.grpc} http={addresses.http} revision={revision}", flush=True)

    from server.packs import ActivationError  # noqa: PLC0415 - as above
    from server.profile import ProfileError  # noqa: PLC0415 - as above
    from server.store import StoreError, await_store  # noqa: PLC0415 - as above

    try:
        if await_store(source.read().store):
            serve(source, ready)
    except (StartError, ActivationError, ProfileError, StoreError, OSError) as error:
        print(f"precheck: {error}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK
