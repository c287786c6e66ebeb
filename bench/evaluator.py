"""The evaluator alone: from `Case` and history to `Result`, many patients in turn, every answer checked."""

from typing import Any

from bench.measure import mark, quantiles, settle, table, timed
from bench.workload import LINES, Prescription, Ward
from ruleset.case import Case
from ruleset.evaluator import evaluate
from ruleset.outcome import Completeness, Result
from ruleset.snapshot import Snapshot
from ruleset.timeline import Timeline
from server.profile import Profiles

HISTORY_LINES = (0, 50, 200, 500, 5_000)
TARGET_LINES = 200
TARGET_US = 100.0
PATIENTS_OF_LONG_HISTORY = 20

Judged = tuple[Prescription, Case, Timeline]


def run(ward: Ward, snapshot: Snapshot, *, quick: bool) -> tuple[dict[str, Any], str]:
    """Return the figures and a table of them. Raises AssertionError where an answer is not the planned one."""
    is_item_code = Profiles("", "default").default.is_item_code

    def judge(judged: Judged) -> Result:
        _, case, timeline = judged
        return evaluate(case, timeline, snapshot, is_item_code=is_item_code)

    def judge_cold(judged: Judged) -> Result:
        return evaluate(judged[1], judged[2], snapshot, is_item_code=is_item_code)

    samples: dict[str, list[int]] = {}
    patients = {}
    cases = [(prescription, ward.case(prescription)) for prescription in ward.prescriptions]
    wards: dict[int, list[Judged]] = {}
    for lines in HISTORY_LINES:
        chosen = cases[: 3 if quick else PATIENTS_OF_LONG_HISTORY] if lines > 1_000 else cases
        wards[lines] = [(prescription, case, ward.timeline(prescription, lines)) for prescription, case in chosen]
        patients[lines] = len(chosen)
    for judged in wards.values():
        timed(judge, judged, check_result)
    settle()
    rounds = 2 if quick else 15
    for _ in range(rounds):  # the lengths in turn, so that whatever else the machine does falls on all of them
        for lines, judged in wards.items():
            samples.setdefault(f"hot, {lines:,} lines of history", []).extend(timed(judge, judged, check_result))
        cold = samples.setdefault(f"cold, {TARGET_LINES} lines of history", [])
        for judged_one in wards[TARGET_LINES]:
            snapshot.forget()
            cold += timed(judge_cold, [judged_one], check_result)
        timed(judge, wards[TARGET_LINES], check_result)
    figures = {name: quantiles(measured) for name, measured in samples.items()}
    hot = figures[f"hot, {TARGET_LINES} lines of history"]
    rows = [(name, *figure[:6]) for name, figure in figures.items()]
    text = table(
        f"Evaluator alone: {LINES}-line prescriptions of {len(cases)} patients in turn, us",
        ("from Case and history to Result", "n", "p50", "p90", "p99", "p99.9", "max"),
        rows,
    )
    verdict = mark(hot.p50, TARGET_US)
    text += (
        f"  target: p50 at most {TARGET_US:.0f} us hot with {TARGET_LINES} lines; measured {hot.p50:.1f}: {verdict}\n"
    )
    return {
        "us": {name: figure._asdict() for name, figure in figures.items()},
        "patients": patients,
        "target_us": TARGET_US,
        "target": verdict,
    }, text


def check_result(judged: Judged, result: Result) -> None:
    """Compare a result with what its prescription was planned to give."""
    prescription = judged[0]
    assert len(result.findings) == prescription.findings, (prescription.number, result.findings)
    assert len(result.hints) == prescription.hints, (prescription.number, result.hints)
    assert not result.not_evaluated, (prescription.number, result.not_evaluated)
    assert result.completeness is (Completeness.PARTIAL if prescription.hints else Completeness.COMPLETE)
