"""Samples of durations, their quantiles, and tables of them.

Every quantile comes from all samples, none from a histogram. On a shared machine the interesting numbers are medians
and ratios of interleaved runs; the tail mostly shows what else the machine was doing.
"""

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

NS_PER_US = 1_000


class Quantiles(NamedTuple):
    """What a set of durations came to, in microseconds."""

    count: int
    p50: float
    p90: float
    p99: float
    p999: float
    max: float
    errors: int = 0


def quantiles(samples_ns: Sequence[int], errors: int = 0) -> Quantiles:
    """Return the quantiles of durations in nanoseconds: for each, the smallest sample that covers its share."""
    ordered = sorted(samples_ns)
    if not ordered:
        return Quantiles(0, 0.0, 0.0, 0.0, 0.0, 0.0, errors)
    p50, p90, p99, p999 = (
        ordered[max(0, -(-len(ordered) * thousandths // 1_000) - 1)] / NS_PER_US for thousandths in (500, 900, 990, 999)
    )
    return Quantiles(len(ordered), p50, p90, p99, p999, ordered[-1] / NS_PER_US, errors)


def median_us(samples_ns: Sequence[int]) -> float:
    """Return the median of durations in nanoseconds, in microseconds."""
    return statistics.median(samples_ns) / NS_PER_US


def timed(work: Callable[[Any], Any], arguments: Iterable[Any], check: Callable[[Any, Any], None]) -> list[int]:
    """Return how long `work` took for each argument, in nanoseconds; `check(argument, result)` runs unmeasured."""
    clock = time.perf_counter_ns
    samples: list[int] = []
    for argument in arguments:
        began = clock()
        result = work(argument)
        samples.append(clock() - began)
        check(argument, result)
    return samples


def settle() -> None:
    """Do with the garbage collector what the server does after it has loaded its packs."""
    gc.collect()
    gc.freeze()


def mark(measured: float, target: float) -> str:
    """Say whether a figure meets its target."""
    return "meets" if measured <= target else "misses"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a titled table: the first column to the left, numbers to the right."""
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(line[place]) for line in [list(columns), *cells]) for place in range(len(columns))]
    lines = [
        "  ".join(
            text.ljust(width) if place == 0 else text.rjust(width)
            for place, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in [list(columns), *cells]
    ]
    return "\n".join([title, *(f"  {line}" for line in lines), ""])


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.2f}" if abs(cell) < 10 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def machine() -> dict[str, Any]:
    """Return what figures depend on."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def heading(facts: dict[str, Any]) -> str:
    """Return what stands above figures."""
    load = ", ".join(f"{value:.2f}" for value in facts["load"])
    return (
        f"{facts['date']}: {facts['cpus']} CPUs (load {load}), {facts['system']}, Python {facts['python']}\n"
        "Medians and ratios tell something on a shared machine; single tails tell what else it was doing.\n"
    )
