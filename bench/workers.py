"""What a second worker brings: `python -m bench.workers [--quick] [--json FILE]`, two servers side by side.

One server has one worker, the other two; both judge the same ten-line messages over SQLite, for as many stations at once.
Rounds on the one and on the other alternate. A round's figure is the checks that were answered in it, so the ratio of two
rounds beside each other is what a second worker brings on this machine; the stations' own share of the processors is in it.
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
from typing import Any

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
            facts["checks_per_s"] = _measured(Path(folder), rounds, seconds)
    except WrongAnswerError as error:
        print(f"bench: a wrong answer: {error}", file=sys.stderr)
        return 1
    facts["machine_after"] = machine()
    _report(facts, rounds, seconds)
    if options.json:
        Path(options.json).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return 0


def _measured(folder: Path, rounds: int, seconds: float) -> dict[int, list[float]]:
    """Return the checks a second of each round, by number of workers. Raises WrongAnswerError."""
    file, _ = compiled(folder)
    documents = prescriptions(Ward(LoadedPack(PackFile(file)), PATIENTS))
    found: dict[int, list[float]] = {number: [] for number in WORKERS}
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


def _round(address: str, documents: Sequence[Document], seconds: float) -> float:
    """Let all stations check for a while; return the checks a second. Raises WrongAnswerError."""
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
    began = time.perf_counter()
    time.sleep(seconds)
    over.set()
    took = time.perf_counter() - began
    for thread in threads:
        thread.join()
    if wrong:
        raise WrongAnswerError(wrong[0])
    return sum(answered) / took


def _report(facts: dict[str, Any], rounds: int, seconds: float) -> None:
    found = facts["checks_per_s"]
    ratios = sorted(two / one for one, two in zip(found[1], found[2], strict=True))
    facts["ratios_of_rounds"] = ratios
    facts["ratio"] = statistics.median(ratios)
    rows = [(f"--workers {number}", statistics.median(each), min(each), max(each)) for number, each in found.items()]
    title = f"Checks a second by {STATIONS} stations at once, {rounds} rounds of {seconds:g} s each"
    print(table(title, ("", "median", "lowest", "highest"), rows))
    after = ", ".join(f"{value:.2f}" for value in facts["machine_after"]["load"])
    print(f"  two workers to one: {facts['ratio']:.2f} (median of {rounds} pairs; {ratios[0]:.2f} to {ratios[-1]:.2f})")
    print(f"  load after: {after}")


if __name__ == "__main__":
    sys.exit(main())
