"""What the C client adds to a call: `python -m bench.client_overhead [--quick] [--json FILE]`.

Programs in C (bench/client/), compiled with the library's flags: one calls `pck_check()`, the others are the shortest
unary loop that nghttp2 allows (bench/client/peer.c), once waiting in recv() and once in poll(). They call the same
server that does nothing, in rounds that alternate, each round in another order. The figure of each is the median of
its rounds' medians; the ratio is that of the library's figure to the better one of the peer's. Every answer is checked in the
loop. Ends with 1 where one was wrong, else with 0.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.measure import heading, machine, mark, table
from bench.whole_call import process
from client_shim import build
from client_shim.build import LIBRARY, NGHTTP2, THIRD_PARTY
from client_shim.steps import BUILD, NATIVE, compile_all, run
from client_shim.targets import HERE, WARNINGS
from tests.abi.certificates import make as make_certificates

SOURCES = Path(__file__).parent / "client"
FOLDER = BUILD / "bench"
RATIO_MAX = 1.15
CPU_US_MAX = 80.0
RESIDENT_KIB_MAX = 4096
FIRST_MS_MAX = 15.0
PEERS = ("blocking", "poll")


def compile_programs() -> None:
    """Compile the programs: the peer and its server with the library's own nghttp2."""
    build.build()
    sources = sorted(SOURCES.glob("*.c"))
    includes = (f"-I{NATIVE / 'include'}", f"-isystem{NGHTTP2 / 'lib' / 'includes'}")
    defined = ("-D_GNU_SOURCE", "-DNGHTTP2_STATICLIB", "-DNGHTTP2_NO_SSIZE_T")
    objects = compile_all(sources, FOLDER, (*HERE.flags, *WARNINGS, *defined, *includes))
    libraries = {
        "caller": (f"-L{BUILD}", "-lprecheck", f"-Wl,-rpath,{BUILD}"),
        "first": ("-ldl",),
        "peer": (THIRD_PARTY,),
        "noop_server": (THIRD_PARTY,),
    }
    for source, made in zip(sources, objects, strict=True):
        run([*HERE.compiler, made, *libraries[source.stem], "-o", FOLDER / source.stem])


def program(name: str, *arguments: object) -> dict[str, Any]:
    """Run a program and return what it measured. Raises AssertionError where an answer was wrong."""
    command = [str(FOLDER / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def interleaved(address: str, rounds: int, calls: int) -> dict[str, list[dict[str, Any]]]:
    """Return the figures of all rounds, by program."""
    runs = {
        "precheck": lambda: program("caller", address, calls),
        **{peer: lambda peer=peer: program("peer", address, calls, peer) for peer in PEERS},  # type: ignore[misc]
    }
    names = list(runs)
    figures: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            figures[name].append(runs[name]())
    return figures


def middle(figures: Sequence[dict[str, Any]], key: str) -> float:
    """Return the median over rounds."""
    return statistics.median(one[key] for one in figures)


def compared(name: str, figures: dict[str, list[dict[str, Any]]]) -> tuple[dict[str, Any], list[list[object]]]:
    """Return the ratio and what it comes from, and the rows of the table."""
    ratio = middle(figures["precheck"], "p50") / min(middle(figures[peer], "p50") for peer in PEERS)
    columns = ("p50", "p90", "p99", "cpu_us")
    rows: list[list[object]] = []
    for program_name, title in (("precheck", "pck_check()"), *((peer, f"nghttp2, {peer}") for peer in PEERS)):
        measured = figures[program_name]
        shown: object = ratio if program_name == "precheck" else ""
        rows.append([f"{title}, {name}", *(middle(measured, key) for key in columns), shown])
    return {"ratio": ratio, "rounds": figures}, rows


def measure(folder: Path, *, quick: bool) -> tuple[dict[str, Any], str]:
    """Return all figures and the text about them."""
    rounds, calls, starts = (5, 300, 5) if quick else (21, 2000, 40)
    facts: dict[str, Any] = {}
    rows: list[list[object]] = []
    certificates = make_certificates(folder)
    station = (certificates.ca, f"{certificates.client}.pem", f"{certificates.client}.key")
    with ExitStack() as servers:
        (plain,) = servers.enter_context(process("bench.noop_server"))
        (secure,) = servers.enter_context(process("bench.noop_server", certificates.server, certificates.ca))
        with subprocess.Popen(
            [FOLDER / "noop_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as noop:
            assert noop.stdout is not None
            floor = noop.stdout.readline().split("=")[1].strip()
            facts["floor"], more = compared("server in C", interleaved(floor, rounds, calls))
            rows += more
            noop.communicate()
        facts["grpcio"], more = compared("server of grpcio", interleaved(plain, rounds, calls // 2))
        rows += more
        facts["tls"] = [program("caller", secure, calls // 2, *station) for _ in range(rounds)]
        rows.append(
            [
                "pck_check(), mutual TLS, server of grpcio",
                *(middle(facts["tls"], key) for key in ("p50", "p90", "p99", "cpu_us")),
                "",
            ]
        )
        for name, address, files in (("first", plain, ()), ("first_tls", secure, station)):
            facts[name] = [program("first", LIBRARY, address, *files) for _ in range(starts)]
    text = table("A call, µs (medians over the rounds)", ("", "p50", "p90", "p99", "CPU", "ratio"), rows)
    return facts, text + targets(facts)


def targets(facts: dict[str, Any]) -> str:
    """Return the table of targets."""
    resident = max(one["resident_kib"] for one in (*facts["tls"], *facts["floor"]["rounds"]["precheck"]))
    measured = [
        ("p50 to the best nghttp2 loop, server in C", facts["floor"]["ratio"], RATIO_MAX),
        ("p50 to the best nghttp2 loop, server of grpcio", facts["grpcio"]["ratio"], RATIO_MAX),
        ("client CPU with mutual TLS, µs a call", middle(facts["tls"], "cpu_us"), CPU_US_MAX),
        ("resident memory, at most, KiB", resident, RESIDENT_KIB_MAX),
        ("first answer after load, plaintext, ms", middle(facts["first"], "first_ms"), FIRST_MS_MAX),
        ("first answer after load, mutual TLS, ms", middle(facts["first_tls"], "first_ms"), FIRST_MS_MAX),
    ]
    rows = [[name, value, target, mark(value, target)] for name, value, target in measured]
    return "\n" + table("Targets", ("", "measured", "at most", ""), rows)


def main() -> int:
    """Measure, print tables, and write the raw figures where asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.client_overhead", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds: shows that everything runs")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    options = parser.parse_args()
    facts: dict[str, Any] = {"machine": machine(), "quick": options.quick}
    print(heading(facts["machine"]))
    compile_programs()
    try:
        with tempfile.TemporaryDirectory(prefix="precheck-bench-") as folder:
            facts["client"], text = measure(Path(folder), quick=options.quick)
    except AssertionError as error:
        print(f"bench: a wrong answer: {error}", file=sys.stderr)
        return 1
    print(text)
    if options.json:
        Path(options.json).write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
