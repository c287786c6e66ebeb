"""What it costs to outlive a power cut: `python -m bench.durability [--quick]`, two servers over SQLite side by side.

One has `durability = "process"`, the other `"power"`, which waits for the disk at every decision. Rounds of the same
ten-line messages alternate; the ratio is the median of the rounds' ratios of medians. It is the disk that is measured.
"""

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
from pathlib import Path

from bench.measure import heading, machine, table
from bench.opening import compiled
from bench.whole_call import (
    DEADLINE_MS,
    PATIENTS,
    Caller,
    Variant,
    WrongAnswerError,
    interleaved,
    prepared_responses,
    prescriptions,
    server,
)
from bench.workload import Ward
from client_shim import Client
from ruleset.pack.compile import LoadedPack
from ruleset.pack.file import PackFile

SETTING = "PRECHECK_DURABILITY"
VARIANT = "ten lines"


def main() -> int:
    """Measure and print; end with 1 where an answer was wrong, else with 0."""
    parser = argparse.ArgumentParser(prog="python -m bench.durability", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds: shows that it runs")
    quick = parser.parse_args().quick
    print(heading(machine()))
    try:
        with tempfile.TemporaryDirectory(prefix="precheck-bench-") as folder:
            _run(Path(folder), rounds=2 if quick else 16, calls=20 if quick else 200)
    except WrongAnswerError as error:
        print(f"bench: a wrong answer: {error}", file=sys.stderr)
        return 1
    return 0


def _run(folder: Path, *, rounds: int, calls: int) -> None:
    """Measure. Raises WrongAnswerError."""
    file, _ = compiled(folder)
    documents = prescriptions(Ward(LoadedPack(PackFile(file)), PATIENTS))
    callers: dict[str, Caller] = {}
    with contextlib.ExitStack() as stack:
        for durability in ("process", "power"):
            os.environ[SETTING] = durability
            try:
                address = stack.enter_context(server(file, folder / durability))
            finally:
                del os.environ[SETTING]
            with Client(address, deadline_ms=DEADLINE_MS, station_id="bench") as client:
                responses = prepared_responses(documents, client)
            callers[durability] = stack.enter_context(contextlib.closing(Caller(address, responses)))
        ratios = interleaved(callers["power"], callers["process"], [Variant(VARIANT, documents)], rounds, calls)
    print(
        table(
            "Whole call through the C library, recorded, us",
            ("durability", "n", "p50", "p90", "p99", "p99.9", "max", "errors"),
            [(durability, *caller.figures(VARIANT)) for durability, caller in callers.items()],
        ),
        end="",
    )
    print(f"  power to process: {statistics.median(ratios[VARIANT]):.2f} (median of {rounds} pairs of rounds)")


if __name__ == "__main__":
    sys.exit(main())
