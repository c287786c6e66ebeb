"""Where the time of a check goes, move by move, in this process: the same messages as the whole call.

The moves are called as `server.check` calls them, one after the other with a clock between; `check` is the service's
own method, so what it does beside the moves (metrics, ids, hand-over) is the difference.
"""

import itertools
import time
from pathlib import Path
from typing import Any

from precheck.v1 import check_pb2

from bench.measure import median_us, settle, table
from bench.whole_call import HISTORY_LINES, PATIENTS, prescriptions
from bench.workload import Ward
from ruleset.evaluator import evaluate
from server import clock
from server.check import CheckService, Request
from server.entrance.identifiers import new_check_id
from server.entrance.national import read_message
from server.entrance.national_answer import AnswerHead, national_answer
from server.entrance.text import read_json, write_json
from server.history import History
from server.metrics import Metrics
from server.packs import PackHolder
from server.profile import Profiles
from server.store import Decision, Store

MOVES = {
    "wire": "parse the request, build and serialise the response (protobuf)",
    "repeat": "look the request id up: was it answered before",
    "parse": "JSON text to values (orjson)",
    "read": "values to Case (national entrance)",
    "history": "the patient's timeline, in memory",
    "evaluate": "Case and timeline to Result",
    "answer": "Result to JSON values",
    "encode": "JSON values to text (orjson)",
    "record": "decision and findings into SQLite",
}


def run(
    pack: Path, ward: Ward, folder: Path, whole: dict[str, Any] | None, *, quick: bool
) -> tuple[dict[str, Any], str]:
    """Return the figures and a table of them; `whole` are those of the whole call."""
    packs = PackHolder(folder / "packs")
    packs.activate([str(pack)], aside=False)
    profiles = Profiles("", "default")
    store = Store(folder / "breakdown.db")
    try:
        history = History(store, 2_000_000)
        service = CheckService(packs, profiles, history, store, Metrics())
        _commit_history(ward, service)
        samples = _measured(ward, (packs, profiles, history, store, service), rounds=3 if quick else 60)
    finally:
        store.close()
    p50 = {move: median_us(measured) for move, measured in samples.items()}
    check = p50.pop("check")
    moves = sum(p50.values())
    inside = moves - p50["wire"]
    rows: list[tuple[object, ...]] = [(f"{move}: {text}", p50[move]) for move, text in MOVES.items()]
    rows.append(("sum of the moves", moves))
    rows.append(("CheckService.check, measured whole", check))
    rows.append(("  of it not in a move (metrics, ids, hand-over)", check - inside))
    facts: dict[str, Any] = {"us_at_p50": p50, "sum_us": moves, "check_us": check, "rest_us": check - inside}
    if whole is not None:
        us = whole["variants"]["ten lines"]["us"]
        difference = us["precheck"]["p50"] - us["echo"]["p50"]
        inside_server = whole["server_elapsed_us"]["p50"]
        facts |= {"difference_over_echo_us": difference, "in_server_us": inside_server}
        rows.append(("whole call less echo, at p50", difference))
        rows.append(("  of it before the record, as the server recorded it (elapsed_us)", inside_server))
        rows.append(("  of it elsewhere (record, metrics, admission, wake-ups)", difference - inside_server))
    return facts, table("Where the time goes: ten-line messages, one thread, us", ("", "p50"), rows)


def _commit_history(ward: Ward, service: CheckService) -> None:
    for prescription in ward.prescriptions[:PATIENTS]:
        for message in ward.history_messages(prescription, HISTORY_LINES):
            service.commit(Request(message, "3101", "utf-8"))


def _measured(ward: Ward, parts: tuple[Any, ...], rounds: int) -> dict[str, list[int]]:
    """Return the durations of each move, and of the service's whole check, over all documents in turn."""
    packs, profiles, history, store, service = parts
    documents = prescriptions(ward)
    samples: dict[str, list[int]] = {move: [] for move in (*MOVES, "check")}
    warm_up = 1
    attempt = 0
    for number in range(rounds + warm_up):
        if number == warm_up:
            settle()
            for measured in samples.values():
                measured.clear()
        for document in documents:
            attempt += 1
            _one(document.message, f"moves-{attempt}", packs, profiles, history, store, samples)
            request = Request(document.message, "3101", "utf-8", "", "bench", f"check-{attempt}")
            began = time.perf_counter_ns()
            reply = service.check(request)
            samples["check"].append(time.perf_counter_ns() - began)
            assert reply.verdict.name == document.verdict, document.name
    return samples


def _one(
    message: bytes,
    request_id: str,
    packs: PackHolder,
    profiles: Profiles,
    history: History,
    store: Store,
    samples: dict[str, list[int]],
) -> None:
    """Make every move once and note how long each took."""
    ticks = time.perf_counter_ns
    wire = check_pb2.CheckDocumentRequest(
        document=message, format="DOCUMENT_FORMAT_NHSA_3101", station_id="bench", request_id=request_id
    ).SerializeToString()
    times = [ticks()]
    request = check_pb2.CheckDocumentRequest.FromString(wire)
    body = request.document
    times.append(ticks())
    assert store.decision_of_request(request.request_id) is None
    times.append(ticks())
    values, encoding = read_json(body, "utf-8")
    times.append(ticks())
    national = read_message(values, "3101", profiles)
    times.append(ticks())
    case = national.case
    timeline = history.of(case.patient.id)
    times.append(ticks())
    snapshot = packs.current()
    result = evaluate(case, timeline, snapshot, is_item_code=national.profile.is_item_code)
    times.append(ticks())
    head = AnswerHead(new_check_id(clock.now_ms()), snapshot.revision, clock.now(), timeline.position)
    content, finding_ids = national_answer(national, result, head, committed_lines=0)
    times.append(ticks())
    answer = write_json(content, encoding)
    times.append(ticks())
    decision = Decision(
        check_id=head.check_id,
        request_id=request_id,
        received_at=head.answered_at.isoformat(),
        elapsed_us=0,
        patient_id=case.patient.id,
        encounter_id=case.encounter.id,
        message_id=case.message_id,
        station_id="bench",
        format=national.transaction,
        encoding=encoding,
        profile=national.profile.name,
        revision=head.revision,
        history_position=head.history_position,
        verdict=result.verdict,
        completeness=result.completeness,
        document=body,
        answer=answer,
    )
    row_ids = [finding.row.id for finding in result.findings]
    store.record(decision, list(zip(finding_ids, row_ids, strict=True)))
    times.append(ticks())
    check_pb2.CheckDocumentResponse(
        answer=answer,
        verdict=int(result.verdict),
        completeness=int(result.completeness),
        check_id=head.check_id,
        revision=head.revision,
    ).SerializeToString()
    times.append(ticks())
    laps = [later - earlier for earlier, later in itertools.pairwise(times)]
    samples["wire"].append(laps[0] + laps[-1])
    for move, lap in zip(list(MOVES)[1:], laps[1:-1], strict=True):
        samples[move].append(lap)
