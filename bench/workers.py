"""What a second worker brings: `python -m bench.workers [--quick] [--json FILE]`, two servers side by side.

One server has one worker, the other two; both judge the same ten-line messages over SQLite, for as many stations at once.
Rounds on the one and on the other alternate. A round's figure is the checks that were answered in it, so the ratio of two
rounds beside each other is what a second worker brings on this machine; the stations' own share of the processors is in it,
and so is whatever else the machine does: how busy its processors were in each round is told too.
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.measure import heading, machine, table
from bench.opening import compiled
from bench.whole_call import DEADLINE_MS, Document, WrongAnswerError, prescriptions, server
from bench.workload import Ward
from client_shim import Client, Format
from ruleset.pack.compile import LoadedPack
from ruleset.pack.file import PackFile

WORKERS = (1, 2)
STATIONS = 8
"""Connections at once. They are made anew in each round, as the kernel gives each to either worker by chance."""
PATIENTS = 24


class Round(NamedTuple):
    """What one round came to."""

    checks_per_s: float
    busy: float
    """The share of all processors that was not idle, whoever used it; 1 is all of them."""


def main() -> int:
    """Measure, print a table, and write the raw figures where asked. Ends with 1 where an answer was wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.workers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds: shows that it runs")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    options = parser.parse_args()
    facts: dict[str, Any] = {"machine": machine(), "quick": options.quick}
    print(heading(facts["machine"]))
    rounds, seconds = (2, 0.5) if options.quick else (16, 2.0)
    try:
        with tempfile.TemporaryDirectory(prefix="precheck-bench-") as folder:
            found = _measured(Path(folder), rounds, seconds)
    except WrongAnswerError as error:
        print(f"bench: a wrong answer: {error}", file=sys.stderr)
        return 1
    facts["machine_after"] = machine()
    _report(found, facts, rounds, seconds)
    if options.json:
        Path(options.json).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return 0


def _measured(folder: Path, rounds: int, seconds: float) -> dict[int, list[Round]]:
    """Return the rounds by number of workers. Raises WrongAnswerError."""
    file, _ = compiled(folder)
    documents = prescriptions(Ward(LoadedPack(PackFile(file)), PATIENTS))
    found: dict[int, list[Round]] = {number: [] for number in WORKERS}
    with contextlib.ExitStack() as stack:
        addresses = {
            number: stack.enter_context(server(file, folder / f"data-{number}", "--workers", str(number)))
            for number in WORKERS
        }
        for number in WORKERS:  # warm up
            _round(addresses[number], documents, seconds)
        for turn in range(rounds):
            for number in WORKERS if turn % 2 else reversed(WORKERS):
                found[number].append(_round(addresses[number], documents, seconds))
    return found


def _round(address: str, documents: Sequence[Document], seconds: float) -> Round:
    """Let all stations check for a while. Raises WrongAnswerError."""
    begin = threading.Barrier(STATIONS + 1)
    over = threading.Event()
    answered: list[int] = []
    wrong: list[str] = []

    def station(first: int) -> None:
        with Client(address, deadline_ms=DEADLINE_MS, station_id=f"bench-{first}") as client:
            client.check(documents[first].message, format=Format.NHSA_3101)
            begin.wait()
            number = 0
            while not over.is_set():
                document = documents[(first + number) % len(documents)]
                answer = client.check(document.message, format=Format.NHSA_3101)
                if answer.verdict != document.verdict:
                    wrong.append(f"{document.name}: {answer.name} {answer.error}")
                    break
                number += 1
            answered.append(number)

    threads = [threading.Thread(target=station, args=(number,)) for number in range(STATIONS)]
    for thread in threads:
        thread.start()
    begin.wait()
    began, (idle, total) = time.perf_counter(), _ticks()
    time.sleep(seconds)
    idle_after, total_after = _ticks()
    over.set()
    took = time.perf_counter() - began
    for thread in threads:
        thread.join()
    if wrong:
        raise WrongAnswerError(wrong[0])
    return Round(sum(answered) / took, 1 - (idle_after - idle) / (total_after - total))


def _ticks() -> tuple[int, int]:
    """Return how long all processors together have been idle, and have been there, in the kernel's ticks."""
    ticks = [int(word) for word in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]]
    return ticks[3] + ticks[4], sum(ticks[:8])


def _report(found: dict[int, list[Round]], facts: dict[str, Any], rounds: int, seconds: float) -> None:
    one, two = ([each.checks_per_s for each in found[number]] for number in WORKERS)
    ratios = sorted(more / less for less, more in zip(one, two, strict=True))
    facts["rounds"] = {number: [each._asdict() for each in rounds_of] for number, rounds_of in found.items()}
    facts["ratios_of_rounds"] = ratios
    facts["ratio"] = statistics.median(ratios)
    rows = [
        (f"--workers {number}", statistics.median(rates), min(rates), max(rates), _percent(found[number]))
        for number, rates in zip(WORKERS, (one, two), strict=True)
    ]
    title = f"Checks a second by {STATIONS} stations at once, {rounds} rounds of {seconds:g} s each"
    print(table(title, ("", "median", "lowest", "highest", "processors busy"), rows))
    after = ", ".join(f"{value:.2f}" for value in facts["machine_after"]["load"])
    print(f"  two workers to one: {facts['ratio']:.2f} (median of {rounds} pairs; {ratios[0]:.2f} to {ratios[-1]:.2f})")
    print(f"  load after: {after}")


def _percent(rounds: Sequence[Round]) -> str:
    return f"{statistics.median(each.busy for each in rounds):.0%}"


if __name__ == "__main__":
    sys.exit(main())
