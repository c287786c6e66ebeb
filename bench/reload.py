"""What publishing a pack of a million rows costs the checks that come meanwhile: `python -m bench.reload`.

Open loop: a check is due every so often, whether the one before it has come back or not, and counts from when it was due.
Quiet windows and windows in which a pack is published take turns in one run, so that what else the machine does falls on
both. The stall is the worst check of a publishing window less the worst one of the quiet window beside it; on a
shared machine the median over the rounds is what tells.
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import grpc
from precheck.v1 import operations_pb2, operations_pb2_grpc

from bench.measure import Quantiles, heading, machine, mark, quantiles, table
from bench.million import ROWS, RULE_CODE, item_code, limit_of, write_million
from bench.whole_call import STOP_MAX_S
from client_shim import Client, Format
from ruleset.pack.compile import LoadedPack
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot

STALL_TARGET_MS = 20.0
OPEN_TARGET_MS = 200.0
GROWTH_TARGET = 1 / 3
CALLERS = 2
RATE_PER_S = 60
"""Checks due a second, of each caller."""
QUIET_S = 4.0
AFTER_S = 1.0
"""How long after a publish its window goes on: what was live is let go then."""
ROUNDS = 10
ROWS_QUICK = 20_000
LIVE_ROUNDS = 3
"""Rounds that publish a file that was never seen; the others go back and forth between retained revisions."""
DEADLINE_MS = 10_000
PUBLISH_MAX_S = 600.0


class Window(NamedTuple):
    """The checks of one window: due at, duration, both in nanoseconds."""

    samples: Sequence[int]
    seconds: float


class Callers:
    """Threads that check on schedule; each answer is held against what one revision says."""

    def __init__(self, address: str, rows: int) -> None:
        self._address = address
        self._rows = rows
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._samples: list[tuple[float, int]] = []
        self.problems: list[str] = []
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(CALLERS)]

    def _work(self, place: int) -> None:
        with Client(self._address, deadline_ms=DEADLINE_MS) as client:
            due = time.monotonic() + place / (CALLERS * RATE_PER_S)
            number = place
            while not self._over.is_set():
                wait = due - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                number = (number * 7919 + 104_729) % self._rows
                problem = _checked(client, number, self._rows)
                took_ns = int((time.monotonic() - due) * 1e9)
                with self._lock:
                    self._samples.append((due, took_ns))
                if problem:
                    self.problems.append(problem)
                    return
                due += 1 / RATE_PER_S

    def window(self, begin: float, end: float) -> Window:
        """Return the checks that were due in a time."""
        with self._lock:
            return Window([took for due, took in self._samples if begin <= due < end], end - begin)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(DEADLINE_MS / 1e3)


def _checked(client: Client, number: int, rows: int) -> str:
    """Check ten items; return what is wrong with the answer, nothing where it is one revision's."""
    numbers = [(number + place * 99_991) % rows for place in range(10)]
    lines = [{"order_id": str(one), "item_code": item_code(one), "quantity": 2} for one in numbers]
    document = {
        "message_id": f"m{number}",
        "time": "2026-07-08T09:00:00",
        "patient": {"id": f"p{number % 500}"},
        "encounter": {"id": "E1", "lines": lines},
    }
    answer = client.check(json.dumps(document).encode(), format=Format.PRECHECK_JSON)
    if answer.result < 0:
        return f"{answer.name}: {answer.error}"
    reply = json.loads(answer.answer)
    revision = int(reply["revision"].partition("@")[2].partition("+")[0])
    found = {(one["rule"], one["violating"][0]["order_id"]) for one in reply["findings"]}
    expected = {(RULE_CODE.format(revision), str(one)) for one in numbers if limit_of(one, revision) < 2}
    return "" if found == expected else f"revision {revision}: {sorted(found)}, expected {sorted(expected)}"


def private_bytes(pid: int, packs: Path) -> int:
    """Return the memory that is a process's own, without the mapped files of packs (smaps, Private_*)."""
    total = 0
    counts = True
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        if line.startswith(("Private_Clean:", "Private_Dirty:")):
            total += int(line.split()[1]) * 1024 if counts else 0
        elif "-" in line.split()[0]:
            counts = str(packs) not in line
    return total


@contextlib.contextmanager
def _server(pack: Path, data: Path) -> Iterator[tuple[str, int]]:
    """Run `precheck serve`; yield its gRPC address and process id."""
    addresses = ("--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
    command = [sys.executable, "-m", "server", "serve", *addresses, "--data", str(data), "--pack", str(pack)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            if not line:
                raise OSError("the server did not start")
            yield line.split("grpc=")[1].split()[0], server.pid
        finally:
            server.terminate()
            server.wait(STOP_MAX_S)


def _opening(path: Path) -> Quantiles:
    """Measure what a server does to open a pack: map it, check its digest, and make it ready to be asked."""
    samples = []
    for _ in range(20):
        began = time.perf_counter_ns()
        file = PackFile(path)
        file.verify()
        Snapshot([LoadedPack(file)])
        samples.append(time.perf_counter_ns() - began)
    return quantiles(samples)


def main() -> int:
    """Measure and print; end with 1 where an answer was wrong, else with 0."""
    parser = argparse.ArgumentParser(prog="python -m bench.reload", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rows and rounds: shows that it runs")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    options = parser.parse_args()
    facts: dict[str, Any] = {"machine": machine(), "quick": options.quick}
    print(heading(facts["machine"]))
    with tempfile.TemporaryDirectory(prefix="precheck-bench-") as folder:
        rows, rounds = (ROWS_QUICK, 2) if options.quick else (ROWS, ROUNDS)
        problems = _run(Path(folder), facts, rows=rows, rounds=rounds)
    if options.json:
        Path(options.json).write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for problem in problems[:3]:
        print(f"bench: a wrong answer: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _run(folder: Path, facts: dict[str, Any], *, rows: int, rounds: int) -> list[str]:
    files = [
        write_million(folder / f"million-{revision}.pack", revision, rows) for revision in range(1, LIVE_ROUNDS + 2)
    ]
    opening = _opening(files[0])
    data = folder / "data"
    with (
        _server(files[0], data) as (address, pid),
        grpc.insecure_channel(address) as channel,
        Callers(address, rows) as callers,
    ):
        stub = operations_pb2_grpc.OperationsStub(channel)
        time.sleep(2 * QUIET_S)
        before = private_bytes(pid, data / "packs")
        quiet, publishing, took = _rounds(stub, callers, files, rounds)
        after = private_bytes(pid, data / "packs")
    facts["rows"] = rows
    _report(facts, quiet, publishing, took, opening, (before, after), files[0].stat().st_size)
    return callers.problems


def _rounds(
    stub: Any, callers: Callers, files: Sequence[Path], rounds: int
) -> tuple[list[Window], list[Window], list[float]]:
    quiet: list[Window] = []
    publishing: list[Window] = []
    took: list[float] = []
    for number in range(rounds):
        begin = time.monotonic()
        time.sleep(QUIET_S)
        quiet.append(callers.window(begin, time.monotonic()))
        begin = time.monotonic()
        if number < LIVE_ROUNDS:
            request: Any = operations_pb2.ActivatePacksRequest(paths=[str(files[number + 1])])
            stub.ActivatePacks(request, timeout=PUBLISH_MAX_S)
        elif number % 2 == LIVE_ROUNDS % 2:
            request = operations_pb2.RollBackPackRequest(pack=f"million@{LIVE_ROUNDS}", reason="measuring")
            stub.RollBackPack(request, timeout=PUBLISH_MAX_S)
        else:
            request = operations_pb2.ActivatePacksRequest(paths=[f"million@{LIVE_ROUNDS + 1}"])
            stub.ActivatePacks(request, timeout=PUBLISH_MAX_S)
        took.append(time.monotonic() - begin)
        time.sleep(AFTER_S)
        publishing.append(callers.window(begin, time.monotonic()))
    return quiet, publishing, took


def _report(
    facts: dict[str, Any],
    quiet: Sequence[Window],
    publishing: Sequence[Window],
    took: Sequence[float],
    opening: Quantiles,
    memory: tuple[int, int],
    size: int,
) -> None:
    stalls_ms = [
        (max(during.samples) - max(beside.samples)) / 1e6 for during, beside in zip(publishing, quiet, strict=True)
    ]
    stall_ms = max(stalls_ms)
    columns = ("", "n", "p50", "p90", "p99", "p99.9", "max")
    rows = [
        (name, *quantiles([sample for window in windows for sample in window.samples])[:6])
        for name, windows in (("without publishes", quiet), ("while publishing", publishing))
    ]
    print(
        table(
            f"Checks of ten lines, {facts['rows']:,} rows, {len(took)} publishes, {CALLERS * RATE_PER_S}/s, us",
            columns,
            rows,
        )
    )
    growth = memory[1] / memory[0] - 1
    for kind, part in (("a new file", slice(LIVE_ROUNDS)), ("back and forth", slice(LIVE_ROUNDS, None))):
        times = took[part]
        if times:
            stalls = [round(one, 1) for one in stalls_ms[part]]
            print(
                f"  {kind}: {statistics.median(times):.2f} s (median of {len(times)}), {max(times):.2f} s at most;"
                f" worst check while publishing less worst check beside it, by round, ms: {stalls}"
            )
    print(f"  target: at most {STALL_TARGET_MS:.0f} ms; worst round {stall_ms:.1f} ms", end="")
    print(f" (median {statistics.median(stalls_ms):.1f} ms): {mark(stall_ms, STALL_TARGET_MS)}")
    opened_ms = opening.max / 1e3
    print(
        f"  opening, digest checked, {size / 1e6:.0f} MB: {opening.p50 / 1e3:.1f} ms at p50, {opening.max / 1e3:.1f} ms at most",
        end="",
    )
    print(f"; target: under {OPEN_TARGET_MS:.0f} ms: {mark(opened_ms, OPEN_TARGET_MS)}")
    print(f"  private memory: {memory[0] / 1e6:.0f} MB before, {memory[1] / 1e6:.0f} MB after all publishes", end="")
    print(f", {growth:+.0%}; target: at most +33%: {mark(growth, GROWTH_TARGET)}")
    facts |= {
        "quiet_ns": [list(window.samples) for window in quiet],
        "publishing_ns": [list(window.samples) for window in publishing],
        "publish_s": list(took),
        "stalls_ms": stalls_ms,
        "private_bytes": list(memory),
        "opening_us": opening._asdict(),
    }


if __name__ == "__main__":
    sys.exit(main())
