"""`precheck dictionary …`: what the hospital's dictionary covers, and what a running server misses from it."""

import argparse
import sys
from pathlib import Path
from typing import Any

import grpc
from precheck.v1 import operations_pb2, operations_pb2_grpc

from server import clock
from server.cli import station
from server.cli.messages import MessageError, cases_of
from server.dictionary.lookup import load_dictionary, read_dictionary
from server.dictionary.reading import DictionaryError
from server.dictionary.report import coverage, message_coverage
from server.profile import ProfileError, Profiles


def add_to(commands: Any) -> None:
    """Add the command group."""
    group = commands.add_parser("dictionary", help="the hospital's dictionary: check, coverage, unmapped codes, status")
    verbs = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = verbs.add_parser("check", help="say everything that is wrong with a dictionary, or else what it covers")
    check.add_argument("directory", metavar="DIR")
    _add_profile(check)
    check.set_defaults(run=_check)
    covered = verbs.add_parser("coverage", help="say which codes of captured messages a dictionary does not have")
    covered.add_argument("directory", metavar="DIR")
    covered.add_argument("messages", metavar="MESSAGE", nargs="+", help="national 3101/3102 messages or our own JSON")
    _add_profile(covered)
    covered.set_defaults(run=_coverage)
    unmapped = verbs.add_parser("unmapped", help="list the codes that a running server met and its dictionary lacks")
    station.add_address(unmapped)
    unmapped.set_defaults(run=_unmapped)
    status = verbs.add_parser("status", help="say which dictionary a running server has in force")
    station.add_address(status)
    status.set_defaults(run=_status)


def _add_profile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", default="", metavar="NAME", help="site profile")
    parser.add_argument("--profiles", default="", metavar="DIR", help="directory of further site profiles")


def _complain(error: Exception) -> int:
    print(f"precheck: {error}", file=sys.stderr)
    return 1


def _check(options: argparse.Namespace) -> int:
    try:
        profiles = Profiles(options.profiles, options.profile or "default")
        tables, dictionary = read_dictionary(Path(options.directory))
    except (DictionaryError, ProfileError) as error:
        return _complain(error)
    profile = profiles.default
    for line in coverage(tables, dictionary, clock.now(profile.time_zone).date(), profile.is_item_code):
        print(line)
    return 0


def _coverage(options: argparse.Namespace) -> int:
    try:
        profiles = Profiles(options.profiles, options.profile or "default")
        dictionary = load_dictionary(options.directory)
        for line in message_coverage(cases_of(options.messages, profiles, options.profile), dictionary):
            print(line)
    except (DictionaryError, ProfileError, MessageError) as error:
        return _complain(error)
    return 0


def _unmapped(options: argparse.Namespace) -> int:
    with station.channel_of(options) as channel:
        stub = operations_pb2_grpc.OperationsStub(channel)
        try:
            reply = stub.ListUnmapped(operations_pb2.ListUnmappedRequest(), timeout=station.ANSWER_MAX_S)
        except grpc.RpcError as error:
            station.fail(error)
    if not reply.since:
        print("the server has no dictionary, so no code is mapped and none is missed")
        return 0
    print(f"{len(reply.codes)} unmapped codes since {reply.since}")
    department = None
    for code in reply.codes:
        if code.department != department:
            department = code.department
            print(f"department {department or 'unknown'} {code.department_name}".rstrip())
        print(f"  {code.kind} {code.code} {code.name}".rstrip() + f": {code.times} checks, last {code.last_met}")
    if reply.unlisted_times:
        print(f"and {reply.unlisted_times} checks of codes that are not listed, because there are too many")
    return 0


def _status(options: argparse.Namespace) -> int:
    with station.channel_of(options) as channel:
        stub = operations_pb2_grpc.OperationsStub(channel)
        try:
            status = stub.GetStatus(operations_pb2.GetStatusRequest(), timeout=station.ANSWER_MAX_S).dictionary
        except grpc.RpcError as error:
            station.fail(error)
    if status.directory:
        print(f"dictionary {status.directory}, in force since {status.loaded_at}, sha256 {status.digest}")
        for table in status.tables:
            print(f"  {table.name}: {table.rows} rows")
    else:
        print("no dictionary")
    if status.last_error:
        print(f"  last attempt to load one failed: {status.last_error}")
    return 0
