"""The whole call through the C library: national JSON in and out, judged, recorded; beside an echo of the same bytes.

One process calls; `precheck serve` and the echo server (bench/echo_server.py) each run in one of their own. Rounds of
calls to the one and to the other alternate, each pair of rounds in the other order, so that drift of a shared machine
falls on both; a round's ratio is that of its two medians, and the median of those is the figure.
"""

import contextlib
import json
import sqlite3
import statistics
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.echo_server import KEY_BYTES
from bench.measure import NS_PER_US, Quantiles, mark, median_us, quantiles, table
from bench.workload import LINES, Ward
from client_shim import Answer, Client, Format
from server.settings import Settings

SAMPLES = Path(__file__).resolve().parent.parent / "docs" / "samples"
SAMPLE_VERDICTS = {"pass.json": "PASS", "warn.json": "WARN", "block.json": "BLOCK"}
TARGET_RATIO = 2.0
DEADLINE_MS = 5_000
"""So long that a stall of the machine is measured, not cut off."""
HISTORY_LINES = 200
PATIENTS = 24
STOP_MAX_S = 20.0
NEW_PATIENT = b"NEWPATIENT%08d"
"""Stands where the patient's id was, with a number that never came before."""


class Document(NamedTuple):
    """One message and what its answer must be."""

    name: str
    message: bytes
    verdict: str
    findings: int
    patient_id: bytes


class Variant(NamedTuple):
    """Documents sent in turn; `fresh` gives each call a patient that the server has never seen."""

    name: str
    documents: Sequence[Document]
    fresh: bool = False


class WrongAnswerError(Exception):
    """An answer that is not what the document's must be."""


def samples() -> list[Document]:
    """Return the shipped sample messages."""
    documents = []
    for name, verdict in SAMPLE_VERDICTS.items():
        message = (SAMPLES / name).read_bytes()
        documents.append(Document(name, message, verdict, -1, b""))
    return documents


def prescriptions(ward: Ward) -> list[Document]:
    """Return ten-line messages."""
    return [
        Document(f"ten lines {one.number}", one.message, "WARN", one.findings, one.patient_id.encode())
        for one in ward.prescriptions[:PATIENTS]
    ]


@contextlib.contextmanager
def process(*command: str, keys: Sequence[str] = ("grpc",)) -> Iterator[list[str]]:
    """Run one of our servers; yield the addresses it prints when it answers."""
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        try:
            assert running.stdout is not None
            line = running.stdout.readline()
            words = dict(word.split("=", 1) for word in line.split() if "=" in word)
            if not words:
                raise OSError(f"{' '.join(command)}: did not start")
            yield [words[key] for key in keys]
        finally:
            running.terminate()
            running.wait(STOP_MAX_S)


@contextlib.contextmanager
def server(pack: Path, data: Path, *options: str) -> Iterator[str]:
    """Run `precheck serve` as a hospital does; yield its gRPC address."""
    addresses = ("--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
    with process("server", "serve", "--pack", str(pack), *addresses, "--data", str(data), *options) as (address,):
        yield address


@contextlib.contextmanager
def echo(responses: dict[bytes, list[Any]], folder: Path) -> Iterator[str]:
    """Run the echo server with prepared responses; yield its address."""
    settings = Settings()
    prepared = folder / "echo.json"
    prepared.write_text(
        json.dumps(
            {b64encode(key).decode(): [b64encode(answer).decode(), *rest] for key, (answer, *rest) in responses.items()}
        )
    )
    threads, cap = str(settings.threads), str(settings.calls_in_flight_max)
    with process("bench.echo_server", str(prepared), threads, cap) as (address,):
        yield address


def prepared_responses(documents: Sequence[Document], client: Client) -> dict[bytes, list[Any]]:
    """Ask the server once about each document, check the answer, and return it as what the echo shall send."""
    responses = {}
    for document in documents:
        answer = client.check(document.message, format=Format.NHSA_3101)
        output = json.loads(answer.answer)["output"] if answer.checked else {}
        findings = len(output.get("result", ()))
        if answer.verdict != document.verdict or document.findings not in (-1, findings):
            raise WrongAnswerError(f"{document.name}: {answer.name} {answer.error}, {findings} findings")
        key = document.message[:KEY_BYTES]
        assert key not in responses, "documents that begin alike"
        ext = output["ext"]
        responses[key] = [answer.answer, answer.result, int(answer.completeness), ext["check_id"], ext["revision"]]
    return responses


class Caller:
    """Calls one server in rounds, checks every answer, and keeps the durations."""

    def __init__(self, address: str, responses: dict[bytes, list[Any]]) -> None:
        self._client = Client(address, deadline_ms=DEADLINE_MS, station_id="bench")
        self._expected = responses
        self.samples: dict[str, list[int]] = {}
        self.errors: dict[str, int] = {}

    def close(self) -> None:
        """Close the connection, so that the server need not wait for it when it ends."""
        self._client.close()

    def round(self, variant: Variant, calls: int, fresh: Callable[[], int]) -> float:
        """Make some calls; return their median in microseconds."""
        check, clock, layout = self._client.check, time.perf_counter_ns, Format.NHSA_3101
        samples: list[int] = []
        errors = 0
        for number in range(calls):
            document = variant.documents[number % len(variant.documents)]
            message = document.message
            if variant.fresh:
                message = message.replace(document.patient_id, NEW_PATIENT % fresh())
            began = clock()
            answer = check(message, format=layout)
            samples.append(clock() - began)
            if answer.result < 0:
                errors += 1
            else:
                self._require_right(document, answer, same_bytes=not variant.fresh)
        self.samples.setdefault(variant.name, []).extend(samples)
        self.errors[variant.name] = self.errors.get(variant.name, 0) + errors
        return median_us(samples)

    def _require_right(self, document: Document, answer: Answer, *, same_bytes: bool) -> None:
        expected = self._expected[document.message[:KEY_BYTES]]
        if (
            answer.verdict != document.verdict
            or answer.completeness != expected[2]
            or (same_bytes and len(answer.answer) != len(expected[0]))
        ):
            raise WrongAnswerError(f"{document.name}: {answer.name}, {answer.answer.decode()[:400]}")

    def figures(self, name: str) -> Quantiles:
        """Return the quantiles of one variant."""
        return quantiles(self.samples[name], self.errors[name])


def run(pack: Path, ward: Ward, folder: Path, *, quick: bool) -> tuple[dict[str, Any], str]:
    """Return the figures and a table of them. Raises WrongAnswerError."""
    rounds, calls = (3, 30) if quick else (16, 200)
    ten_lines = prescriptions(ward)
    variants = (
        Variant("ten lines", ten_lines),
        Variant("samples", samples()),
        Variant("ten lines, new patients", ten_lines, fresh=True),
    )
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(server(pack, folder / "data"))
        client = stack.enter_context(Client(address, deadline_ms=DEADLINE_MS, station_id="bench"))
        for prescription in ward.prescriptions[:PATIENTS]:
            for message in ward.history_messages(prescription, HISTORY_LINES):
                client.commit(message, format=Format.NHSA_3101)
        responses = prepared_responses([*ten_lines, *variants[1].documents], client)
        precheck = stack.enter_context(contextlib.closing(Caller(address, responses)))
        echo_address = stack.enter_context(echo(responses, folder))
        floor = stack.enter_context(contextlib.closing(Caller(echo_address, responses)))
        ratios = interleaved(precheck, floor, variants, rounds, calls)
    facts, text = _report(precheck, floor, variants, ratios)
    facts["server_elapsed_us"] = _elapsed_in_server(folder / "data" / "precheck.db", rounds * calls)._asdict()
    return facts, text


def _elapsed_in_server(database: Path, calls: int) -> Quantiles:
    """Return how long the last ten-line messages took in the server, as it recorded itself: receipt to just before the record."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        query = "SELECT elapsed_us FROM decision WHERE patient_id LIKE 'B%' ORDER BY id DESC LIMIT ?"
        return quantiles([elapsed * NS_PER_US for (elapsed,) in connection.execute(query, (calls,))])


def interleaved(
    precheck: Caller, floor: Caller, variants: Sequence[Variant], rounds: int, calls: int
) -> dict[str, list[float]]:
    """Call both in turn, the order changing with every round; return the ratios of the rounds' medians."""
    counter = iter(range(10**8))

    def fresh() -> int:
        return next(counter)

    for caller in (precheck, floor):  # warm up
        for variant in variants:
            caller.round(variant, calls, fresh)
        caller.samples.clear()
        caller.errors.clear()
    ratios: dict[str, list[float]] = {variant.name: [] for variant in variants}
    for number in range(rounds):
        for variant in variants:
            if number % 2:
                low, high = floor.round(variant, calls, fresh), precheck.round(variant, calls, fresh)
            else:
                high, low = precheck.round(variant, calls, fresh), floor.round(variant, calls, fresh)
            ratios[variant.name].append(high / low)
    return ratios


def _report(
    precheck: Caller, floor: Caller, variants: Sequence[Variant], ratios: dict[str, list[float]]
) -> tuple[dict[str, Any], str]:
    facts: dict[str, Any] = {"target_ratio": TARGET_RATIO, "variants": {}}
    rows: list[tuple[object, ...]] = []
    for variant in variants:
        name = variant.name
        ratio = statistics.median(ratios[name])
        figures = {"precheck": precheck.figures(name), "echo": floor.figures(name)}
        facts["variants"][name] = {
            "us": {who: figure._asdict() for who, figure in figures.items()},
            "ratio_at_p50": ratio,
            "ratios_of_rounds": ratios[name],
            "request_bytes": [len(document.message) for document in variant.documents],
            "target": mark(ratio, TARGET_RATIO),
        }
        rows.append((f"{name}: precheck", *figures["precheck"], f"{ratio:.2f}"))
        rows.append((f"{name}: echo", *figures["echo"], ""))
    text = table(
        f"Whole call through the C library, plaintext loopback, recorded ({LINES}-line messages: {HISTORY_LINES} lines"
        " of history in the store), us",
        ("", "n", "p50", "p90", "p99", "p99.9", "max", "errors", "ratio"),
        rows,
    )
    main = facts["variants"][variants[0].name]
    text += (
        f"  target: at most {TARGET_RATIO} times the echo at p50; measured {main['ratio_at_p50']:.2f}"
        f" (median of {len(ratios[variants[0].name])} pairs of rounds): {main['target']}\n"
    )
    return facts, text
