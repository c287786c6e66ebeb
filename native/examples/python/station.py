"""A doctor's station in Python: sends documents, acts on every outcome, sends feedback.

    LD_LIBRARY_PATH=native/build python station.py 10.1.2.3:50051,10.1.2.4:50051 prescription.json herbs.gbk

What it does, and what it prints, is that of ../c/station.c; the binding is precheck_ctypes.py.
"""

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import precheck_ctypes as pck
from precheck_ctypes import Answer, Client, LibraryError, OpenError

NOT_CHECKED = 1
NOT_BEGUN = 2
CLIENT_UNUSABLE = -900
VERDICTS = {pck.PASS: "通过 PASS", pck.WARN: "提醒 WARN", pck.BLOCK: "拦截 BLOCK"}
CLASSES = {
    pck.E_REJECTED: "报文有误，请信息科按原因修改",
    pck.E_NOT_EVALUATED: "没有可判断的内容，原因见答复",
}


class File(NamedTuple):
    """A document and what it is. A real station knows: it has just written it."""

    name: str
    document: bytes
    layout: int
    encoding: int
    is_feedback: bool


def read_file(path: Path) -> File:
    """Read a document and say what it is. Raises OSError."""
    document = path.read_bytes()
    encoding = pck.ENCODING_GBK if path.suffix == ".gbk" else pck.ENCODING_UTF8
    is_feedback = b'"warns"' in document or b'"feedback"' in document
    if b'"warns"' in document:
        layout = pck.FORMAT_NHSA_3103
    elif b'"trig_scen"' not in document and b'"trigScen"' not in document:
        layout = pck.FORMAT_PRECHECK_JSON
    else:
        layout = pck.FORMAT_NHSA_3102 if b'"infno": "3102"' in document else pck.FORMAT_NHSA_3101
    return File(path.name, document, layout, encoding, is_feedback)


def class_of(result: int) -> str:
    """Say why nothing was checked, for the doctor; the reason is for the log and the information department."""
    if result in CLASSES:
        return CLASSES[result]
    if result > -100:
        return "调用方式有误，再调一次也一样，请联系信息科"
    if result > CLIENT_UNUSABLE:
        return "暂时没有审核，可以稍后再审"
    return "客户端已不能使用，关闭后重新打开"


def handle(client: Client, file: File) -> int:
    """Check a document, or send it as the feedback that it is. Return OK, or why it was not done."""
    if file.is_feedback:
        print(f"{file.name}:")
        return send_feedback(client, file.document, file.layout, file.encoding)
    answer = client.check(file.document, file.layout, file.encoding, os.environ.get("STATION_REQUEST_ID", ""))
    left = act(client, file, answer)
    if answer.result != pck.BLOCK:  # saved; what was not checked is in the history all the same
        after_saving(client, file)
    return left


def act(client: Client, file: File, answer: Answer) -> int:
    """Do what a station does with each outcome. The rule that matters: negative is never "no finding"."""
    if answer.result < 0:
        print(f"{file.name}: 未审核 {client.name_of(answer.result)} · {class_of(answer.result)}")
        print(f"  原因：{answer.error}")
        print("  医生：可以保存，处方标记为“未审核”")
        return answer.result
    judged = "全部规则已判断" if answer.is_complete else "部分未判断"
    stale = " · 规则或历史可能不是最新" if answer.is_stale else ""
    print(f"{file.name}: {VERDICTS[answer.result]} · {judged}{stale}")
    if answer.result == pck.PASS or not answer.text:
        return pck.OK
    decoded = json.loads(answer.text.decode("gb18030" if file.encoding == pck.ENCODING_GBK else "utf-8"))
    return show_findings(client, decoded, goes_back=answer.result == pck.BLOCK)


def show_findings(client: Client, answer: dict[str, Any], *, goes_back: bool) -> int:
    """Show each finding to the doctor and send what the doctor did about them."""
    if "output" in answer:
        findings = [
            (found["jr_id"], found["vola_cont"]) for found in answer["output"]["result"] if "vola_cont" in found
        ]
    else:
        findings = [
            (found["finding_id"], found["message"]) for found in answer.get("findings", ()) if "message" in found
        ]
    for number, (_, text) in enumerate(findings, 1):
        print(f"  [{number}] {text}")
    if not findings:
        return pck.OK
    print(f"  医生：{'返回修改' if goes_back else '写明理由，继续'}")
    done = {"disposition": "went_back", "reason": ""}
    if not goes_back:
        done = {"disposition": "continued", "reason": "已核对病历，确需使用"}
    document = {"feedback": [{"finding_id": identifier, **done} for identifier, _ in findings]}
    return send_feedback(client, json.dumps(document).encode(), pck.FORMAT_PRECHECK_JSON, pck.ENCODING_UTF8)


def send_feedback(client: Client, document: bytes, layout: int, encoding: int) -> int:
    """Send what the doctor did; say how much of it was recorded."""
    receipt = client.feedback(document, layout, encoding)
    if receipt.result == pck.OK:
        print(f"  反馈：{receipt.recorded} 条已记录，{receipt.unmatched} 条不认识")
    else:
        print(f"  反馈没有送到 {client.name_of(receipt.result)}")
        print(f"  原因：{receipt.error}")
    return receipt.result


def after_saving(client: Client, file: File) -> None:
    """Do what follows a check once the prescription is saved: commit; later perhaps a look at the history and a void.

    A real station does each when it happens; this one, all of it where STATION_PATIENT is set.
    """
    patient = os.environ.get("STATION_PATIENT")
    if not patient:
        return
    saved = client.commit(file.document, file.layout, file.encoding)
    print(f"  保存：{saved.result} {saved.lines} {saved.history_position}")
    history = client.recent_history(patient)
    print(f"  历史：{history.result} {history.text}")
    review = client.review_status("01ARZ3NDEKTSV4RRFFQ69G5FAV")
    print(f"  药师：{review.result} {review.review}")
    voided = client.void_lines(patient, "visit-1", ["line-1", "line-2"])
    print(f"  作废：{voided.result} {voided.lines} {voided.history_position}")


def without_library(problem: LibraryError) -> int:
    """Work on, in a station whose library cannot be loaded, and say that nothing is checked."""
    print("未审核 客户端没有装好，请联系信息科")
    print(f"  原因：{problem}")
    print("  医生：可以保存，处方标记为“未审核”")
    return NOT_BEGUN


def open_client(library: ctypes.CDLL, servers: str) -> Client:
    """Open a client by what the environment says. Raises OpenError."""
    return Client(
        library,
        servers,
        station_id="example",
        deadline_ms=int(os.environ.get("STATION_DEADLINE_MS", "0")),
        profile=os.environ.get("STATION_PROFILE", ""),
        tls_ca_file=os.environ.get("STATION_TLS_CA", ""),
        tls_server_name=os.environ.get("STATION_TLS_SERVER_NAME", ""),
        tls_cert_file=os.environ.get("STATION_TLS_CERT", ""),
        tls_key_file=os.environ.get("STATION_TLS_KEY", ""),
    )


def main(arguments: list[str]) -> int:
    """Return 0 when everything was checked, 1 when something was not, 2 when it could not begin."""
    if len(arguments) < 2:
        print("usage: station SERVERS FILE...", file=sys.stderr)
        return NOT_BEGUN
    servers, *paths = arguments
    status = 0
    try:
        library = pck.load()
        client = open_client(library, servers)
        for path in paths:
            result = handle(client, read_file(Path(path)))
            if result != pck.OK:
                status = NOT_CHECKED
            if result <= CLIENT_UNUSABLE:
                client.close()
                client = open_client(library, servers)
    except LibraryError as error:
        return without_library(error)
    except OSError as error:
        print(f"{error.filename}: cannot be read", file=sys.stderr)
        return NOT_BEGUN
    except OpenError as error:
        print(error, file=sys.stderr)
        return NOT_BEGUN
    client.close()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
