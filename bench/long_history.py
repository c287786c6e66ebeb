"""What a long history costs a check: the same prescriptions of patients with 50 and with 5,000 stored lines, in turn.

By both shipped packs, so that lines are looked for by code, substance and class. Four states: nothing has changed since the
last check; a line has been committed since; a settlement, which commits with its own decision; and a patient who is
not in memory, as at the first check after a start, all of whose lines are read from the store.
"""

import contextlib
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.measure import NS_PER_US, mark, settle, table
from bench.workload import Prescription, Ward
from server.check import CheckService, Request
from server.history import History
from server.metrics import Metrics
from server.packs import SHIPPED_PACKS, PackHolder
from server.profile import Profiles
from server.store import open_store

STATES = ("unchanged", "after a commit", "a settlement")
NOT_IN_MEMORY = "not in memory"
SHORT, LONG = 50, 5_000
TARGET_RATIO = 1.3
MEMORY_BYTES = 2_000_000_000


class Pair(NamedTuple):
    """One prescription for two patients, who differ in the length of their histories."""

    short: bytes
    long: bytes


def run(ward: Ward, folder: Path, *, quick: bool) -> tuple[dict[str, Any], str]:
    """Return the figures and a table of them."""
    (folder / "long-history").mkdir()
    packs = PackHolder(folder / "long-history" / "packs")
    packs.start(tuple(str(SHIPPED_PACKS / name) for name in ("nhsa", "safety-cn")), ())
    with contextlib.closing(open_store("", folder / "long-history")) as store:
        service, forgetful = (
            CheckService(packs, Profiles("", "default"), History(store, memory), store, Metrics())
            for memory in (MEMORY_BYTES, 0)
        )
        pairs = [_committed(ward, prescription, service) for prescription in ward.prescriptions[: 3 if quick else 12]]
        settle()
        rounds = 3 if quick else 25
        # First, since the others make the histories longer.
        samples = _measured(forgetful, (NOT_IN_MEMORY,), pairs, rounds=1 if quick else 4)
        samples = {**_measured(service, STATES, pairs, rounds), **samples}
    packs.cancel()
    return _report(samples)


def _committed(ward: Ward, prescription: Prescription, service: CheckService) -> Pair:
    """Commit both histories; return the messages of the two patients."""
    own = prescription.patient_id.encode()
    messages = []
    for mark_, lines in ((b"S", SHORT), (b"L", LONG)):
        patient = mark_ + own[1:]
        for message in ward.history_messages(prescription, lines):
            service.commit(Request(message.replace(own, patient), "3101", "utf-8"))
        messages.append(prescription.message.replace(own, patient))
    return Pair(*messages)


def _measured(
    service: CheckService, states: Sequence[str], pairs: Sequence[Pair], rounds: int
) -> dict[str, list[tuple[int, int]]]:
    """Return durations of the short and the long one, by state."""
    samples: dict[str, list[tuple[int, int]]] = {state: [] for state in states}
    number = 0
    for round_ in range(rounds + 1):
        if round_ == 1:  # the first round was to warm up
            for measured in samples.values():
                measured.clear()
        for pair in pairs:
            for state, measured in samples.items():
                number += 1
                both = [_one(service, message, state, number) for message in (pair if number % 2 else pair[::-1])]
                measured.append((both[0], both[1]) if number % 2 else (both[1], both[0]))
    return samples


def _one(service: CheckService, message: bytes, state: str, number: int) -> int:
    if state in ("after a commit", "a settlement"):
        message = _with_new_lines(message, number, settles=state == "a settlement")
    if state == "after a commit":
        service.commit(Request(message, "3101", "utf-8"))
    elif state == "unchanged":
        service.check(Request(message, "3101", "utf-8"))
    began = time.perf_counter_ns()
    reply = service.check(Request(message, "3101", "utf-8"))
    took = time.perf_counter_ns() - began
    assert reply.verdict.name in ("WARN", "BLOCK"), reply.answer[:300]
    return took


def _with_new_lines(message: bytes, number: int, *, settles: bool) -> bytes:
    """Return the message with its first line as one that is not stored yet; as a settlement, of that line alone."""
    document = json.loads(message)
    data = document["input"]["data"]
    encounter = data["patient_dtos"][0]["fsi_encounter_dtos"][0]
    encounter["fsi_order_dtos"][0]["rx_id"] = f"N{number}"
    if settles:
        data["trig_scen"] = "6"
    return json.dumps(document, ensure_ascii=False).encode()


def _report(samples: dict[str, list[tuple[int, int]]]) -> tuple[dict[str, Any], str]:
    facts: dict[str, Any] = {"target_ratio": TARGET_RATIO, "states": {}}
    rows: list[tuple[object, ...]] = []
    for state, measured in samples.items():
        short = statistics.median(one for one, _ in measured) / NS_PER_US
        long = statistics.median(other for _, other in measured) / NS_PER_US
        ratio = statistics.median(other / one for one, other in measured)
        verdict = mark(ratio, TARGET_RATIO)
        facts["states"][state] = {
            "short_us": short,
            "long_us": long,
            "ratio": ratio,
            "target": verdict,
        }
        rows.append((state, len(measured), short, long, f"{ratio:.2f}", verdict))
    title = f"A check of a patient with {SHORT} stored lines and with {LONG:,}, us at p50; ratio: median of the pairs'"
    columns = ("", "n", f"{SHORT} lines", f"{LONG:,} lines", "ratio", f"target {TARGET_RATIO}")
    return facts, table(title, columns, rows)
