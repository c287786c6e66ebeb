"""`precheck explain FILE`: for one message, every candidate row, what came of it, and the facts that it read."""

import argparse
import contextlib
import sys
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from ruleset.case import Case, Line
from ruleset.evaluator import Skipped
from ruleset.pack.compile import LoadedPack
from ruleset.pack.diagnostics import PackError, did_you_mean
from ruleset.pack.file import PackFileError
from ruleset.pack.page_words import CONDITIONS
from ruleset.rule import Row
from ruleset.snapshot import Snapshot
from ruleset.timeline import EMPTY, Timeline
from ruleset.trace import Came, Candidate, Trace, explain
from server.cli.check import ACTIONS
from server.cli.messages import read_captured
from server.cli.pack_files import opened
from server.dictionary.enrichment import enrich
from server.dictionary.history import EnrichedHistories
from server.dictionary.lookup import load_dictionary
from server.dictionary.reading import DictionaryError
from server.entrance.text import EntranceError
from server.entrance.wording import missing_text
from server.folding import folded
from server.profile import ProfileError, Profiles
from server.store import DATABASE, StoreError, open_store

PACKS = Path(__file__).parents[2] / "ruleset" / "packs"
DEFAULT_PACKS = ("nhsa",)
SKIPPED: dict[Skipped, str] = {
    "not_in_force": "该行在医嘱日期不在有效期内",
    "self_pay": "患者已同意自费，支付类规则不适用",
    "exempt_payer": "该险种豁免",
}
CAME: dict[Came, str] = {
    "finding": "违规",
    "hint": "无法判断",
    "false": "不违规",
    "out_of_scope_or_exempt": "不在适用范围内或已豁免",
    "failed": "规则执行出错，未判断",
}
HELD = {True: "成立", False: "不成立", None: "未知"}
PART = {"scope": "适用范围", "exempt": "豁免"}


class NoSuchError(Exception):
    """What the command was asked about is not there; the text names it."""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "explain",
        help="say of one message how every candidate row came out, and which facts it read",
        description="Works on files, without a server. Exit code: 0 when the message was explained, else 1.",
    )
    parser.add_argument(
        "file", metavar="FILE", help="a national 3101/3102 message or our own JSON; - is standard input"
    )
    parser.add_argument(
        "--pack",
        action="append",
        metavar="PATH",
        help="source directory, compiled file, or the name of a shipped pack; repeatable; default: nhsa",
    )
    parser.add_argument("--profile", default="", metavar="NAME", help="site profile")
    parser.add_argument("--profiles", default="", metavar="DIR", help="directory of further site profiles")
    parser.add_argument("--dictionaries", default="", metavar="DIR", help="directory of the hospital's dictionaries")
    parser.add_argument("--data", metavar="DIR", help="take the patient's stored history from this data directory")
    parser.add_argument("--line", metavar="LINE", help="only the candidates of this line: its order id, else its place")
    parser.add_argument("--row", metavar="ID", help="only this row")
    parser.add_argument("--all", action="store_true", help="also rows that are not in force on the line's date")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Explain the message."""
    try:
        document = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
        packs = [opened(_path_of(name)) for name in options.pack or DEFAULT_PACKS]
        asked = None if options.row is None else _asked_row(packs, options.row)
        profiles = Profiles(options.profiles, options.profile or "default")
        stated, profile = read_captured(document, profiles, options.profile)
        dictionary = load_dictionary(options.dictionaries)
        case = enrich(stated, dictionary).case
        stored = EnrichedHistories(dictionary).of(case.patient.id, _history(options.data, stated))
    except (
        NoSuchError,
        EntranceError,
        ProfileError,
        PackError,
        PackFileError,
        DictionaryError,
        StoreError,
        OSError,
    ) as error:
        print(f"precheck: {error}", file=sys.stderr)
        return 1
    positions = None if options.line is None else _named(options.line, case)
    if positions is not None and not positions:
        orders = "、".join(line.order_id for line in case.lines if line.order_id)
        count = f"{len(case.lines)} current line{'s' if len(case.lines) != 1 else ''}"
        print(f"precheck: --line: no line `{options.line}`: {count}{f' ({orders})' if orders else ''}", file=sys.stderr)
        return 1
    trace = explain(
        case,
        stored,
        Snapshot(packs),
        is_item_code=profile.is_item_code,
        same_line_by_content=profile.quirks.same_line == "content",
    )
    if asked is not None and not any(_is_asked(one, options.row, positions) for one in trace.candidates):
        print(_not_a_candidate(asked, is_of_a_line=positions is not None))
        return 0
    for text in _lines(trace, case, options, positions):
        print(text)
    return 0


def _asked_row(packs: Sequence[LoadedPack], row_id: str) -> Row:
    """Return the row that is asked for. Raises NoSuchError where no pack has it."""
    ids: list[str] = []
    for pack in packs:
        for record in pack.file.all_rows():
            if record.id == row_id:
                return pack.row(record)
            ids.append(record.id)
    revisions = "、".join(pack.revision for pack in packs)
    near = did_you_mean(row_id, ids)
    raise NoSuchError(f"--row: no row `{row_id}` in {revisions}" + (f"; {near}" if near else ""))


def _is_asked(candidate: Candidate, row_id: str | None, positions: Collection[int] | None) -> bool:
    """Say whether a candidate is of the row and of the lines that are asked for; None: of any."""
    is_of_lines = positions is None or (candidate.line is not None and candidate.line.position in positions)
    return is_of_lines and (row_id is None or candidate.row.id == row_id)


def _not_a_candidate(row: Row, *, is_of_a_line: bool) -> str:
    """Say of a row that nothing of the message led to it: it was not judged, which is no pass."""
    if row.common.mode != "active":
        why = f"该行停用或影子运行（mode={row.common.mode}），不参与判断"
    else:
        keys = "、".join(row.index_keys())
        why = f"{'这行医嘱' if is_of_a_line else '报文'}里没有按它的键（{keys}）查到它的内容，或者另一个规则包的声明（overrides）停用了它"
    return f"{row.id}（{row.rule.template.id} {row.rule.title}）: 不是候选行，没有判断（不等于不违规）：{why}"


def _named(line: str, case: Case) -> Collection[int]:
    """Return the places of the current lines that have an order id; else of the one at that place, 1 the first."""
    named = {one.position for one in case.lines if one.order_id == line}
    return named or {one.position for one in case.lines if str(one.position) == line}


def _path_of(pack: str) -> str:
    """Return the path of a shipped pack that is named; any other text is a path. Raises NoSuchError for neither."""
    if Path(pack).exists():
        return pack
    shipped = sorted(path.parent.name for path in PACKS.glob("*/pack.toml"))
    if pack in shipped:
        return str(PACKS / pack)
    near = did_you_mean(pack, shipped)
    raise NoSuchError(
        f"--pack: no pack `{pack}`: no such path, and shipped are {', '.join(shipped)}" + (f"; {near}" if near else "")
    )


def _history(data: str | None, case: Case) -> Timeline:
    if not data or not case.patient.id:
        return EMPTY
    path = Path(data) / DATABASE
    if not path.is_file():
        raise StoreError(f"no store at {path}")
    with contextlib.closing(open_store("", Path(data), upkeep=False)) as store:
        return folded(store.events(case.patient.id)).timeline


def _lines(trace: Trace, case: Case, options: argparse.Namespace, positions: Collection[int] | None) -> Iterator[str]:
    result = trace.result
    yield f"{result.verdict.name} {result.completeness.name}: {len(result.findings)} 项违规，{len(result.hints)} 项无法判断"
    heading: Line | str | None = ""
    passed_over = 0
    for candidate in trace.candidates:
        if not _is_asked(candidate, options.row, positions):
            continue
        if candidate.skipped == "not_in_force" and not options.all:
            passed_over += 1
            continue
        if candidate.line is not heading:
            heading = candidate.line
            yield _heading(candidate.line)
        yield from _candidate(candidate, case)
    if passed_over:
        yield f"另有 {passed_over} 行规则在医嘱日期不在有效期内（--all 列出）"
    for gap in result.not_evaluated:
        place = f"{gap.line.order_id} {gap.line.name}: " if gap.line is not None else ""
        yield f"未判断 {place}{gap.detail}"


def _heading(line: Line | None) -> str:
    if line is None:
        return "本次就诊"
    return f"第{line.position}行 {line.order_id} {line.item_code} {line.name} {line.begin}"


def _candidate(candidate: Candidate, case: Case) -> Iterator[str]:
    row = candidate.row
    rule = row.rule
    outcome = SKIPPED[candidate.skipped] if candidate.skipped else CAME[candidate.came or "false"]
    if candidate.came == "finding":
        outcome += f"，{ACTIONS[row.action_for(case.triggers).name]}"
    yield f"  {row.id}（{rule.template.id} {rule.title}）: {outcome}"
    yield f"    有效期 {_validity(row)}；依据 {row.source_text}"
    for predicate in candidate.predicates:
        yield f"    {PART[predicate.part]} {CONDITIONS[predicate.name]}={_value(predicate.stated)}: {HELD[predicate.held]}"
    for path, value in candidate.facts:
        yield f"    读取 {path} = {_value(value)}"
    for judgement in candidate.judgements:
        if judgement.evidence:
            yield "    证据 " + "，".join(f"{name}={value}" for name, value in judgement.evidence.items())
    if candidate.missing:
        yield f"    {missing_text(candidate.missing, case, candidate.line)}"


def _validity(row: Row) -> str:
    since = "" if row.valid_from == date.min.toordinal() else f"{date.fromordinal(row.valid_from)} 起"
    until = "" if row.valid_to == date.max.toordinal() else f"至 {date.fromordinal(row.valid_to)} 之前"
    return " ".join(filter(None, (since, until))) or "不限"


def _value(value: Any) -> str:
    if value is None:
        return "（无）"
    if isinstance(value, (tuple, frozenset)):
        return "、".join(sorted(map(str, value)) if isinstance(value, frozenset) else map(str, value)) or "（空）"
    return str(value) if value != "" else "（空）"
