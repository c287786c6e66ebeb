"""`precheck pack publish|activate|shadow|canary|rollback|withdraw|status`: what a server judges with.

Each asks a running server, or with `--data DIR` works on a data directory, whether a server runs on it or not: a server
follows within a second. Each prints what it did and what is live now, and done twice it is done once.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import msgspec
from google.protobuf.json_format import MessageToDict
from precheck.v1 import operations_pb2, operations_pb2_grpc

from server import clock
from server.cli import station
from server.packs import ActivationError, Ask, default_paths
from server.packs.change import Verb, perform
from server.packs.directory import PackDirectory
from server.packs.lifecycle import read_trust_setting
from server.packs.report import Comparison, json_of, read_json, text_of
from server.packs.report_page import page
from server.packs.shadow import read_shadow, shadow_status
from server.packs.signing import RollBack, SignedRollBack, SigningError, read_record, record_text
from server.packs.status import PackStatus, ShadowStatus, Status, status_of
from server.packs.takeover import take_over
from server.settings import load_settings

PATHS_HELP = "compiled file, source directory, or published revision (ID@REVISION)"


def add_to(verbs: Any) -> None:
    """Add the commands."""
    publish = _verb(verbs, "publish", _publish, "check, test and keep packs; changes nothing that is live")
    publish.add_argument("paths", metavar="PATH", nargs="+", help="compiled file or source directory")
    activate = _verb(verbs, "activate", _activate, "make packs live")
    activate.add_argument("paths", metavar="PATH", nargs="*", help=f"{PATHS_HELP}; none: what the settings name")
    activate.add_argument(
        "--keep-others",
        action="store_true",
        help="they take the places of the packs of their ids; all others stay live",
    )
    shadow = _verb(verbs, "shadow", _shadow, "judge recorded decisions with packs beside the live ones")
    shadow.add_argument("paths", metavar="PATH", nargs="*", help=PATHS_HELP)
    shadow.add_argument("--end", action="store_true", help="end the shadow")
    shadow.add_argument("--report", action="store_true", help="print what was counted since")
    shadow.add_argument("--json", action="store_true", help="with --report: as JSON")
    shadow.add_argument("--html", metavar="FILE", help="with --report: as a page too, for people to read")
    canary = _verb(verbs, "canary", _canary, "let packs judge for some departments or stations")
    canary.add_argument("paths", metavar="PATH", nargs="*", help=PATHS_HELP)
    canary.add_argument("--department", metavar="CODE", action="append", default=[], help="repeatable")
    canary.add_argument("--station", metavar="ID", action="append", default=[], help="repeatable")
    canary.add_argument("--end", action="store_true", help="end the canary")
    rollback = _verb(verbs, "rollback", _rollback, "make a lower revision live again")
    rollback.add_argument("pack", metavar="ID[@REVISION]", help="the id alone: what was live before")
    rollback.add_argument("--reason", metavar="TEXT", default="", help="why; in the record where there is one")
    rollback.add_argument("--record", metavar="FILE", help="signed roll-back record, where there is a trust file")
    rollback.add_argument(
        "--write-record", metavar="FILE", help="only write the record, to be signed with `precheck pack sign`"
    )
    withdraw = _verb(verbs, "withdraw", _withdraw, "say that a revision must not be live any more")
    withdraw.add_argument("pack", metavar="ID@REVISION")
    withdraw.add_argument("--reason", metavar="TEXT", required=True)
    status = _verb(verbs, "status", _status, "say which packs are live, which others there are, and what is wrong")
    status.add_argument("--json", action="store_true", help="as JSON")


def _verb(verbs: Any, name: str, run: Callable[[argparse.Namespace], int], help_text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=help_text)
    station.add_address(parser)
    parser.add_argument("--data", metavar="DIR", help="work on this data directory instead of asking a server")
    parser.add_argument("--trust", metavar="FILE", help="with --data: trust file; default: the setting pack_trust")
    parser.set_defaults(run=run)
    return parser


class _RefusedError(Exception):
    """What was asked for was not done. The text says why."""


def _publish(options: argparse.Namespace) -> int:
    paths = _paths(options.paths)
    request = operations_pb2.PublishPacksRequest(paths=paths)
    return _change(options, "PublishPacks", request, Ask(verb="publish", packs=paths))


def _activate(options: argparse.Namespace) -> int:
    paths = _paths(options.paths)
    request = operations_pb2.ActivatePacksRequest(paths=paths, keep_others=options.keep_others)
    if paths:
        ask = Ask(verb="activate", packs=paths, keep_others=options.keep_others)
    else:
        ask = Ask(verb="follow_setting", packs=load_settings(None).pack, shipped=default_paths())
    return _change(options, "ActivatePacks", request, ask)


def _shadow(options: argparse.Namespace) -> int:
    if options.report:
        return _report(options)
    paths = _paths(options.paths)
    if bool(paths) == options.end:
        return _usage("name the packs of the shadow, or --end, or --report")
    request = operations_pb2.ShadowPacksRequest(paths=paths)
    return _change(options, "ShadowPacks", request, Ask(verb="shadow", packs=paths))


def _report(options: argparse.Namespace) -> int:
    """Print what the shadow has counted."""
    try:
        comparison = _shadow_report(options)
        if options.html:
            Path(options.html).write_text(page(comparison), encoding="utf-8")
    except _RefusedError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}")
    if options.json:
        sys.stdout.write(json_of(comparison).decode())
    else:
        for line in text_of(comparison):
            print(line)
    return 0


def _shadow_report(options: argparse.Namespace) -> Comparison:
    """Return what the shadow has counted, from a server or a directory. Raises _RefusedError."""
    if options.data:
        state = read_shadow(_directory(options))
        if state is None:
            raise _RefusedError(f"nothing has been judged in shadow in {options.data}")
        return state.comparison
    with station.channel_of(options) as channel:
        stub = operations_pb2_grpc.OperationsStub(channel)
        try:
            reply = stub.GetShadowReport(operations_pb2.GetShadowReportRequest(), timeout=station.ANSWER_MAX_S)
        except grpc.RpcError as error:
            raise _RefusedError(error.details() if isinstance(error, grpc.Call) else str(error)) from error
    return read_json(reply.report)


def _canary(options: argparse.Namespace) -> int:
    paths = _paths(options.paths)
    if bool(paths) == options.end:
        return _usage("name the packs of the canary, or --end")
    departments, stations = tuple(options.department), tuple(options.station)
    request = operations_pb2.CanaryPacksRequest(paths=paths, departments=departments, stations=stations)
    ask = Ask(verb="canary", packs=paths, departments=departments, stations=stations)
    return _change(options, "CanaryPacks", request, ask)


def _rollback(options: argparse.Namespace) -> int:
    if options.write_record:
        return _write_record(options)
    try:
        content = Path(options.record).read_bytes() if options.record else b""
        record = read_record(content) if content else None
    except (OSError, SigningError) as error:
        return _complain(f"{options.record}: {error}")
    request = operations_pb2.RollBackPackRequest(pack=options.pack, reason=options.reason, record=content)
    ask = Ask(verb="roll_back", packs=(options.pack,), reason=options.reason, record=record)
    return _change(options, "RollBackPack", request, ask)


def _withdraw(options: argparse.Namespace) -> int:
    request = operations_pb2.WithdrawPackRequest(pack=options.pack, reason=options.reason)
    ask = Ask(verb="withdraw", packs=(options.pack,), reason=options.reason)
    return _change(options, "WithdrawPack", request, ask)


def _paths(names: Sequence[str]) -> tuple[str, ...]:
    """Return sources by their full paths, as the server may run elsewhere on this machine; revisions by their names."""
    return tuple(name if "@" in name and not Path(name).exists() else str(Path(name).absolute()) for name in names)


def _change(options: argparse.Namespace, rpc: str, request: Any, ask: Ask) -> int:
    try:
        done, live = _done_on_files(options, ask) if options.data else _done_by_server(options, rpc, request)
    except _RefusedError as error:
        return _complain(f"not {_PARTICIPLES[ask.verb]}: {error}")
    for sentence in done:
        print(sentence)
    if not any(sentence.startswith("live: ") for sentence in done):
        print(f"live: {live or 'none'}")
    return 0


_PARTICIPLES: dict[Verb, str] = {
    "publish": "published",
    "activate": "activated",
    "follow_setting": "activated",
    "shadow": "in shadow",
    "canary": "in canary",
    "roll_back": "rolled back",
    "withdraw": "withdrawn",
}


def _done_by_server(options: argparse.Namespace, rpc: str, request: Any) -> tuple[Sequence[str], str]:
    with station.channel_of(options) as channel:
        stub = operations_pb2_grpc.OperationsStub(channel)
        try:
            reply = getattr(stub, rpc)(request, timeout=station.ACTIVATION_MAX_S)
        except grpc.RpcError as error:
            raise _RefusedError(error.details() if isinstance(error, grpc.Call) else str(error)) from error
    return list(reply.done), reply.revision


def _done_on_files(options: argparse.Namespace, ask: Ask) -> tuple[Sequence[str], str]:
    directory = _directory(options, may_be_new=ask.verb in ("publish", "activate", "follow_setting"))
    try:
        with directory.changing():
            take_over(directory)
        change = perform(directory, _trust_path(options), ask)
    except ActivationError as error:
        raise _RefusedError(str(error)) from error
    except OSError as error:
        raise _RefusedError(f"{error.filename}: {error.strerror}") from error
    return change.done, ", ".join(change.live)


def _directory(options: argparse.Namespace, *, may_be_new: bool = False) -> PackDirectory:
    """Return the packs of `--data`; none are made but by what brings packs in. Raises _RefusedError."""
    folder = Path(options.data) / "packs"
    if not may_be_new and not folder.is_dir():
        raise _RefusedError(f"{options.data} is no data directory: there is no {folder}")
    return PackDirectory(folder)


def _trust_path(options: argparse.Namespace) -> str:
    return str(options.trust or load_settings(None).pack_trust)


def _write_record(options: argparse.Namespace) -> int:
    """Write the record of a roll-back, which says what it lets back and up to which high-water mark it holds."""
    if not options.reason:
        return _usage("a roll-back record needs a --reason")
    try:
        status, _ = _status_of(options)
    except _RefusedError as error:
        return _complain(str(error))
    known = [*status.packs, *status.other_packs]
    pack = _only_named(options.pack, known)
    if pack is None:
        names = ", ".join(one.name for one in known) or "none"
        return _complain(f"`{options.pack}` is not one published revision (ID@REVISION); there are: {names}")
    if pack.revision >= pack.high_water:
        return _complain(
            f"{pack.name} is not lower than {pack.high_water}, which was live: it needs no record, activate it"
        )
    made_at = clock.now().isoformat(timespec="seconds")
    record = RollBack(pack.id, pack.revision, pack.digest, pack.high_water, options.reason, made_at)
    try:
        Path(options.write_record).write_bytes(record_text(SignedRollBack(record)))
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}")
    print(f"{options.write_record}: roll-back of {pack.id} to {pack.revision} below {pack.high_water}, to be signed")
    return 0


def _only_named(name: str, packs: Sequence[PackStatus]) -> PackStatus | None:
    """Return the one revision that ID@REVISION names, or that with any beginning of its digest; None for none or several."""
    revision, plus, digest = name.partition("+")
    found = [one for one in packs if one.name.partition("+")[0] == revision and one.digest.startswith(digest)]
    return found[0] if len(found) == 1 and (digest or not plus) else None


def _status(options: argparse.Namespace) -> int:
    try:
        status, told = _status_of(options)
    except _RefusedError as error:
        return _complain(str(error))
    if options.json:
        print(msgspec.json.format(msgspec.json.encode({**told, **msgspec.to_builtins(status)}), indent=2).decode())
        return 0
    version = f"precheck {told['version']}" if "version" in told else options.data
    since = f" since {told['activated_at']}" if told.get("activated_at") else ""
    print(f"{version}, live{since}: {status.revision or 'none'} (change {status.number})")
    for pack in (*status.packs, *status.other_packs):
        print(f"  {_pack_text(pack, has_trust=bool(status.trust))}")
        for note in pack.notes:
            print(f"      {note}")
    if status.canary is not None:
        places = [f"department {code}" for code in status.canary.departments]
        places += [f"station {identifier}" for identifier in status.canary.stations]
        judged = f"; {status.canary.checks} checks so far" if status.canary.checks is not None else ""
        print(f"  canary since {status.canary.since} for {', '.join(places)}: {status.canary.revision}{judged}")
    for worker in told.get("workers", ()) if len(told.get("workers", ())) > 1 else ():
        print(f"  {_worker_text(worker)}")
    if status.shadow is not None:
        print(f"  {_shadow_text(status.shadow)}")
    if told.get("last_error"):
        print(f"  problem: {told['last_error']}")
    return 0


def _shadow_text(shadow: ShadowStatus) -> str:
    behind = f", {shadow.behind_seconds:.0f} s behind" if shadow.behind_seconds else ""
    return (
        f"shadow since {shadow.since}: {shadow.revision}: of {shadow.decisions} decisions {shadow.affected} would be other "
        f"ones: +{shadow.added} -{shadow.removed} ~{shadow.changed} findings, "
        f"popups +{shadow.popups_added} -{shadow.popups_removed}{behind}"
        + (f"; {shadow.problem}" if shadow.problem else "")
    )


def _pack_text(pack: PackStatus, *, has_trust: bool) -> str:
    signed = f"signed by {', '.join(pack.signed_by)}" if pack.signed_by else "unsigned" + (" BAD" if has_trust else "")
    place = f"sha256 {pack.digest}, from {pack.source}" if pack.use == "live" else f"sha256 {pack.digest[:16]}…"
    return f"{pack.use}: {pack.id} revision {pack.revision}, {pack.rows} rows, {signed}, {place}"


def _worker_text(worker: dict[str, Any]) -> str:
    if not worker["pid"]:
        return f"worker {worker['number']}: {worker['last_error']}"
    serves = f"process {worker['pid']} since {worker['started_at']}, {worker['revision']}"
    return f"worker {worker['number']}: {serves}" + (f": {worker['last_error']}" if worker["last_error"] else "")


def _status_of(options: argparse.Namespace) -> tuple[Status, dict[str, Any]]:
    """Return the status of the packs, and what else a server tells. Raises _RefusedError."""
    if not options.data:
        return _told_by_server(options)
    directory = _directory(options)
    trust_path = _trust_path(options)
    try:
        trust = read_trust_setting(trust_path)
    except ActivationError as error:
        raise _RefusedError(str(error)) from error
    read = directory.read()
    told = {"last_error": read.problem or directory.refusal()}
    status = status_of(directory, read.current, trust, trust_path, clock.now().date())
    return msgspec.structs.replace(status, shadow=shadow_status(directory, read.current, ())), told


def _told_by_server(options: argparse.Namespace) -> tuple[Status, dict[str, Any]]:
    with station.channel_of(options) as channel:
        stub = operations_pb2_grpc.OperationsStub(channel)
        try:
            reply = stub.GetStatus(operations_pb2.GetStatusRequest(), timeout=station.ANSWER_MAX_S)
        except grpc.RpcError as error:
            station.fail(error)
    told = MessageToDict(reply, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    for pack in (*told["packs"], *told["other_packs"]):
        pack["use"] = pack["use"].removeprefix("PACK_USE_").lower()
    status = msgspec.convert({"canary": None, "shadow": None, **told}, Status, strict=False)
    return status, {name: told[name] for name in ("version", "activated_at", "last_error", "in_flight", "workers")}


def _usage(text: str) -> int:
    print(f"precheck: {text}", file=sys.stderr)
    return 2


def _complain(text: str) -> int:
    print(f"precheck: {text}", file=sys.stderr)
    return 1
