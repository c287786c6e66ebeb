"""What a second pack costs: the evaluator with the national pack alone and with the safety pack beside it.

Ten lines, 500 lines of history in the store, allergies asked for and none known, as at a hospital that uses the
safety pack. The two are measured in turn in one run. The second table says where the time goes: the templates whose
`judge` takes most of it, timed one call at a time in a pass of its own (the timer's own cost is in every figure).
"""

import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench.measure import mark, quantiles, settle, table, timed
from bench.workload import LINES, Ward
from ruleset.case import Case
from ruleset.evaluator import evaluate
from ruleset.outcome import Result
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.rule import Row
from ruleset.snapshot import Snapshot
from ruleset.timeline import Timeline
from server.profile import Profiles

SAFETY = Path(__file__).parents[1] / "ruleset" / "packs" / "safety-cn"
HISTORY_LINES = 500
TARGET_US = 150.0
TEMPLATES_SHOWN = 8
PASSES_TIMED = 5

Judged = tuple[Case, Timeline]


def run(folder: Path, ward: Ward, national: LoadedPack, *, quick: bool) -> tuple[dict[str, Any], str]:
    """Return the figures and tables of them. Raises AssertionError where a pack changes the other's findings."""
    compile_pack(SAFETY, folder / "safety.pack")
    safety = LoadedPack(PackFile(folder / "safety.pack"))
    snapshots = {"national pack alone": Snapshot([national]), "national and safety pack": Snapshot([national, safety])}
    is_item_code = Profiles("", "default").default.is_item_code
    cases: list[Judged] = []
    for prescription in ward.prescriptions:
        case = ward.case(prescription)
        patient = msgspec.structs.replace(case.patient, allergies_checked=True)
        case = msgspec.structs.replace(case, patient=patient)
        cases.append((case, ward.timeline(prescription, HISTORY_LINES)))

    def judged_by(snapshot: Snapshot) -> Any:
        def judge(judged: Judged) -> Result:
            return evaluate(judged[0], judged[1], snapshot, is_item_code=is_item_code)

        return judge

    judges = {name: judged_by(snapshot) for name, snapshot in snapshots.items()}
    for judged in cases:
        findings = [
            {finding.row.id for finding in judge(judged).findings if finding.row.rule.pack_id == national.id}
            for judge in judges.values()
        ]
        assert findings[0] == findings[1], "the safety pack changes what the national pack finds"
    settle()
    samples: dict[str, list[int]] = {name: [] for name in judges}
    for _ in range(2 if quick else 15):
        for name, judge in judges.items():
            samples[name] += timed(judge, cases, lambda *_: None)
    figures = {name: quantiles(measured) for name, measured in samples.items()}
    p50 = figures["national and safety pack"].p50
    verdict = mark(p50, TARGET_US)
    text = table(
        f"Both packs: {LINES}-line prescriptions, {HISTORY_LINES} lines of history in the store, us",
        ("from Case and history to Result", "n", "p50", "p90", "p99", "p99.9", "max"),
        [(name, *figure[:6]) for name, figure in figures.items()],
    )
    text += f"  target: p50 at most {TARGET_US:.0f} us with both packs; measured {p50:.1f}: {verdict}\n"
    shares = _by_template(cases, Snapshot([national, safety]), is_item_code)
    text += "\n" + table(
        "What dominates with both packs: time inside judge(), us a check",
        ("template", "calls", "us"),
        [(template, round(calls, 1), round(spent, 1)) for template, calls, spent in shares[:TEMPLATES_SHOWN]],
    )
    judging = sum(spent for _, _, spent in shares)
    text += f"  all templates: {judging:.0f} us of {p50:.0f}; the rest finds the rows, asks scopes, and puts the answer together\n"
    return {
        "us": {name: figure._asdict() for name, figure in figures.items()},
        "ratio": p50 / figures["national pack alone"].p50,
        "target_us": TARGET_US,
        "target": verdict,
        "templates": shares,
    }, text


def _by_template(cases: list[Judged], snapshot: Snapshot, is_item_code: Any) -> list[tuple[str, float, float]]:
    """Return each template's calls in the mean check and its time in the median one that calls it, the dearest first.

    Weighted by the share of checks that call it, so that the figures can be added.
    """
    for case, timeline in cases:
        evaluate(case, timeline, snapshot, is_item_code=is_item_code)
    spent: dict[str, list[int]] = {}
    for row in _rows_met(snapshot):
        row.judge = _timed(row, spent)
    per_check: dict[str, list[list[int]]] = {}
    for _ in range(PASSES_TIMED):
        for case, timeline in cases:
            for times in spent.values():
                times.clear()
            evaluate(case, timeline, snapshot, is_item_code=is_item_code)
            for name, times in spent.items():
                if times:
                    per_check.setdefault(name, []).append(times[:])
    checks = len(cases) * PASSES_TIMED
    shares = [
        (
            name,
            sum(map(len, calls)) / checks,
            median(map(sum, calls)) / 1_000 * len(calls) / checks,
        )
        for name, calls in per_check.items()
    ]
    return sorted(shares, key=lambda share: -share[2])


def _rows_met(snapshot: Snapshot) -> Iterable[Row]:
    rows = {id(row): row for drug in snapshot.drugs.values() for row in drug.rows}
    rows.update((id(row), row) for rows_of_key in snapshot._cache.values() for row in rows_of_key)  # noqa: SLF001 - to put a timer around each
    return rows.values()


def _timed(row: Row, spent: dict[str, list[int]]) -> Any:
    judge = row.judge
    times = spent.setdefault(f"{row.rule.template.id} {row.rule.template.title}", [])

    def judged(*arguments: Any) -> Any:
        started = time.perf_counter_ns()
        try:
            return judge(*arguments)
        finally:
            times.append(time.perf_counter_ns() - started)

    return judged
