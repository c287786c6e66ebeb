"""`precheck check FILE`: send one message and print the verdict as a person would like to read it."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from precheck.v1 import check_pb2, check_pb2_grpc

from server.cli import station

VERDICTS = {"PASS": "通过", "WARN": "提醒", "BLOCK": "拦截"}
ACTIONS = {"HINT": "提示", "WARN": "提醒", "WARN_REASON": "提醒（需填理由）", "REVIEW": "转药师", "BLOCK": "拦截"}
COMPLETENESS = {"COMPLETE": "全部规则已判断", "PARTIAL": "部分未判断，见下", "NONE": "未判断"}
FORMATS = {
    "precheck": check_pb2.DOCUMENT_FORMAT_PRECHECK_JSON,
    "3101": check_pb2.DOCUMENT_FORMAT_NHSA_3101,
    "3102": check_pb2.DOCUMENT_FORMAT_NHSA_3102,
}
EXIT_OF_VERDICT = (0, 10, 11)
EXIT_NOT_JUDGED = 12


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help="send one message to a server and print its verdict",
        description="Exit code: 0 when there is an answer, whatever it says; 1 when there is none. "
        "With --exit-code: 0 PASS, 10 WARN, 11 BLOCK, 12 nothing could be judged.",
    )
    parser.add_argument(
        "file", metavar="FILE", help="a national 3101/3102 message or our own JSON; - is standard input"
    )
    parser.add_argument("--format", choices=sorted(FORMATS), help="default: by the message's own look")
    parser.add_argument("--profile", default="", help="site profile")
    parser.add_argument("--json", action="store_true", help="print the answer itself, in UTF-8")
    parser.add_argument("--exit-code", action="store_true", help="tell the verdict by the exit code too")
    station.add_address(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Send the message and print the answer."""
    try:
        document = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    except OSError as error:
        print(f"precheck: {options.file}: {error.strerror}", file=sys.stderr)
        return 1
    request = check_pb2.CheckDocumentRequest(
        document=document,
        format=FORMATS[options.format or format_of(document)],
        profile=options.profile,
        station_id="precheck-check",
    )
    with station.channel_of(options) as channel:
        try:
            reply = check_pb2_grpc.PrecheckStub(channel).CheckDocument(request, timeout=station.ANSWER_MAX_S)
        except grpc.RpcError as error:
            station.fail(error)
    answer = _decoded(reply.answer)
    if options.json:
        print(json.dumps(answer, ensure_ascii=False))
    else:
        print(readable(answer))
    if not options.exit_code:
        return 0
    if reply.completeness == check_pb2.COMPLETENESS_NONE:
        return EXIT_NOT_JUDGED
    return EXIT_OF_VERDICT[reply.verdict]


def format_of(document: bytes) -> str:
    """Tell the national message from our own JSON by the fields that only it has."""
    if b"3102" in document[:200] and b'"infno"' in document[:200]:
        return "3102"
    return "3101" if b"patient_dtos" in document or b"patientDtos" in document else "precheck"


def _decoded(answer: bytes) -> Any:
    try:
        return json.loads(answer)
    except UnicodeDecodeError:
        return json.loads(answer.decode("gb18030"))


def readable(answer: dict[str, Any]) -> str:
    """Return an answer, national or our own, as text for a person."""
    if "output" in answer:
        return "\n".join(_national(answer["output"]))
    return "\n".join(_own(answer))


def _head(verdict: str, completeness: str, check_id: str, revision: str) -> list[str]:
    title = "未判断" if completeness == "NONE" else f"{VERDICTS[verdict]} {verdict}"
    return [f"{title} · {COMPLETENESS[completeness]} · {check_id} · {revision}"]


def _national(output: dict[str, Any]) -> list[str]:
    ext = output["ext"]
    lines = _head(ext["verdict"], ext["completeness"], ext["check_id"], ext["revision"])
    for result in output["result"]:
        detail = result["ext"]
        lines.append(f"  [{ACTIONS[detail['action']]}] {result['rule_id']} {result['rule_name']}")
        lines.append(f"      {result['vola_cont']}")
        for line in result["judge_result_detail_dtos"]:
            role = "违规" if line["vola_item_type"] == "1" else "涉及"
            place = line["ext"]
            lines.append(f"      {role}: {line['rx_id']}（第{place['position']}行）{place['hilist_name']}")
        amount = f"{result['vola_amt']:.2f} 元" if result["vola_amt_stas"] == "1" else "不明"
        lines.append(f"      涉及金额: {amount}")
        lines.append(f"      依据: {detail['citation']}")
        lines.append(f"      处理: {'、'.join(detail['remedies'])}")
    lines.extend(_missing(ext["display"]))
    for gap in ext["not_evaluated"]:
        place_text = f"{gap['rx_id']}（第{gap['position']}行）{gap['hilist_name']}: " if "rx_id" in gap else ""
        lines.append(f"  [未判断] {place_text}{gap['text']}")
    lines.extend(f"  [说明] {note['field']} {note['value']}: {note['text']}" for note in ext["notes"])
    return lines


def _missing(display: dict[str, Any]) -> Iterator[str]:
    """Yield what is missing, each thing once, with the rules and the orders that wait for it."""
    for entry in display["missing"]:
        yield f"  [未判断] {'、'.join(entry['rules'])}"
        orders = f"{'、'.join(entry['order_ids'])}: " if entry["order_ids"] else ""
        yield f"      {orders}{entry['text']}"


def _own(answer: dict[str, Any]) -> list[str]:
    lines = _head(answer["verdict"], answer["completeness"], answer["check_id"], answer["revision"])
    for finding in answer["findings"]:
        lines.append(f"  [{ACTIONS[finding['action']]}] {finding['rule']} {finding['title']}")
        lines.append(f"      {finding['message']}")
        for role, key in (("违规", "violating"), ("涉及", "related")):
            lines.extend(
                f"      {role}: {line['order_id']}（第{line['position']}行）{line['item_name']}"
                for line in finding[key]
            )
        lines.append(f"      涉及金额: {finding['amount'] or '不明'}")
        lines.append(f"      依据: {finding['citation']}")
        lines.append(f"      处理: {'、'.join(finding['remedies'])}")
    lines.extend(_missing(answer["display"]))
    for gap in answer["not_evaluated"]:
        where = gap["line"]
        place = f"{where['order_id']}（第{where['position']}行）{where['item_name']}: " if where else ""
        lines.append(f"  [未判断] {place}{gap['text']}")
    return lines
