"""Where the time of a check goes, move by move, in this process: the same messages as the whole call.

Each move is one function that `server.check` calls; while this runs, a clock stands around it. The service is the real
one, so what it does beside the moves (ids, metrics, hand-over) is the difference to its whole check.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from precheck.v1 import check_pb2

from bench.measure import median_us, settle, table
from bench.whole_call import HISTORY_LINES, PATIENTS, Document, prescriptions
from bench.workload import Ward
from server import deciding
from server.check import CheckService, Reply, Request
from server.history import History
from server.metrics import Metrics
from server.packs import PackHolder
from server.profile import Profiles
from server.store import Store, open_store

MOVES: dict[str, tuple[object, str]] = {
    "decode: JSON text to values": (deciding, "read_json"),
    "decode: values to Case": (deciding, "read_message"),
    "history: the patient's timeline, in memory": (History, "of"),
    "evaluate: Case and timeline to Result": (deciding, "evaluate"),
    "answer: Result to JSON values": (deciding, "national_answer"),
    "encode: JSON values to text": (deciding, "write_json"),
    "record: the decision into SQLite": (Store, "record"),
    "count: metrics": (CheckService, "_count"),
}
WIRE = "wire: parse the request, build and serialise the response (protobuf)"
WHOLE = "CheckService.check"


def run(
    pack: Path, ward: Ward, folder: Path, whole: dict[str, Any] | None, *, quick: bool
) -> tuple[dict[str, Any], str]:
    """Return the figures and a table of them; `whole` are those of the whole call."""
    packs = PackHolder(folder / "packs")
    packs.activate([str(pack)], aside=False)
    store = open_store("", folder)
    try:
        service = CheckService(packs, Profiles("", "default"), History(store, 500_000_000), store, Metrics())
        _commit_history(ward, service)
        samples = _measured(prescriptions(ward), service, rounds=3 if quick else 60)
    finally:
        store.close()
    p50 = {move: median_us(measured) for move, measured in samples.items()}
    checked, wire = p50[WHOLE], p50[WIRE]
    moves = sum(p50[move] for move in MOVES)
    rows: list[tuple[object, ...]] = [(move, p50[move]) for move in MOVES]
    rows.append(("sum of the moves", moves))
    rows.append((f"{WHOLE}, measured whole without clocks in it", checked))
    rows.append(("  of it in no move (ids, hand-over)", checked - moves))
    rows.append((WIRE, wire))
    facts: dict[str, Any] = {"us_at_p50": p50, "sum_us": moves, "check_us": checked, "rest_us": checked - moves}
    if whole is not None:
        us = whole["variants"]["ten lines"]["us"]
        difference = us["precheck"]["p50"] - us["echo"]["p50"]
        before_record = whole["server_elapsed_us"]["p50"]
        facts |= {"difference_over_echo_us": difference, "in_server_before_record_us": before_record}
        rows.append(("whole call less echo, at p50", difference))
        rows.append(("  of it before the record, as the server recorded it (elapsed_us)", before_record))
        rows.append(("  of it elsewhere (record, metrics, admission, wake-ups)", difference - before_record))
    return facts, table("Where the time goes: ten-line messages, one thread, us", ("", "p50"), rows)


def _commit_history(ward: Ward, service: CheckService) -> None:
    for prescription in ward.prescriptions[:PATIENTS]:
        for message in ward.history_messages(prescription, HISTORY_LINES):
            service.commit(Request(message, "3101", "utf-8"))


def _measured(documents: Sequence[Document], service: CheckService, rounds: int) -> dict[str, list[int]]:
    """Return the durations of each move, and of whole checks between them without clocks, over all documents."""
    samples: dict[str, list[int]] = {name: [] for name in (*MOVES, WIRE, WHOLE)}
    attempt = 0
    for number in range(rounds + 1):
        if number == 1:  # the first round was to warm up
            settle()
            for measured in samples.values():
                measured.clear()
        for document in documents:
            attempt += 1
            with _clocks(samples):
                _require_right(document, service.check(_request(document, f"moves-{attempt}")))
            request = _request(document, f"whole-{attempt}")
            began = time.perf_counter_ns()
            reply = service.check(request)
            samples[WHOLE].append(time.perf_counter_ns() - began)
            _require_right(document, reply)
            samples[WIRE].append(_wire_ns(request, reply))
    for name, measured in samples.items():
        assert measured, f"no call of {name}"
    return samples


def _request(document: Document, request_id: str) -> Request:
    return Request(document.message, "3101", "utf-8", "", "bench", request_id)


def _require_right(document: Document, reply: Reply) -> None:
    assert reply.verdict.name == document.verdict, document.name


@contextlib.contextmanager
def _clocks(samples: dict[str, list[int]]) -> Iterator[None]:
    """Put a clock around every move."""
    with contextlib.ExitStack() as stack:
        for move, (owner, name) in MOVES.items():
            function = getattr(owner, name)
            stack.enter_context(mock.patch.object(owner, name, _clocked(function, samples[move])))
        yield


def _clocked(function: Callable[..., Any], samples: list[int]) -> Callable[..., Any]:
    clock = time.perf_counter_ns

    def clocked(*arguments: Any, **named: Any) -> Any:
        began = clock()
        try:
            return function(*arguments, **named)
        finally:
            samples.append(clock() - began)

    return clocked


def _wire_ns(request: Request, reply: Reply) -> int:
    """Return what protobuf costs in one call: parsing the request, building and serialising the response."""
    wire = check_pb2.CheckDocumentRequest(
        document=request.document, format="DOCUMENT_FORMAT_NHSA_3101", station_id="bench", request_id=request.request_id
    ).SerializeToString()
    began = time.perf_counter_ns()
    parsed = check_pb2.CheckDocumentRequest.FromString(wire)
    assert parsed.document
    check_pb2.CheckDocumentResponse(
        answer=reply.answer,
        verdict=int(reply.verdict),
        completeness=int(reply.completeness),
        check_id=reply.check_id,
        revision=reply.revision,
    ).SerializeToString()
    return time.perf_counter_ns() - began
