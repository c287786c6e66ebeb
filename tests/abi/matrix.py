"""One cell of the fault matrix: a fault is done to a station's call, and what came of it is judged.

The station is the C program of tests/abi/station, on Linux or under Wine: it measures its own call, so that no
interpreter's lock is in the figure, and tells by how much a thread that only waited for a socket beside the call was late.

That control decides what may be tried again. A call that was late, or that ran into its deadline where another result
is due, is a failure of the library when the control was punctual. Only where the control (there, or the same one in
this process, where servers by hand run) was late by more than CONTROL_LATE_MS_MAX as well did the machine keep
everybody waiting; then the try says nothing, and is made again. A wrong result of any other kind is never tried again.
"""

import contextlib
import threading
import time
from dataclasses import dataclass

from client_shim.client import lib
from tests.abi.faults import ANSWER_BYTES_MAX

DEADLINE_MS = lib.PCK_DEADLINE_MS_DEFAULT
LATE_MS_MAX = 20
"""What a call may take beyond its deadline."""
CONTROL_LATE_MS_MAX = LATE_MS_MAX / 2
EARLY_MS_MAX = 2
TRIES_MAX = 5
PATIENT_MS = 20_000
NAP_S = 0.002
STATION_END_S_MAX = 30


@dataclass(frozen=True)
class Told:
    """What a station told of one call."""

    result: str
    took_ms: float
    control_late_ms: float
    has_reason: bool


class ObeyingStation:
    """A station that calls what it is told to. Its files are where `bring` puts them."""

    def __init__(self, station):
        self._station = station
        self._process = station.obeying_station()

    def _ask(self, *words):
        print(*words, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline().split()
        assert answer, f"the station ended at: {words}"
        return answer

    @contextlib.contextmanager
    def client(self, servers, tls_ca_file=None, tls_server_name=None):
        """Open a client; yield a function that checks within a deadline."""
        files = (self._station.bring(tls_ca_file), tls_server_name) if tls_ca_file else ()
        assert self._ask("open", ANSWER_BYTES_MAX, servers, *files) == ["opened"]
        yield self._check
        assert self._ask("close") == ["closed"]

    def _check(self, deadline_ms):
        result, took_us, late_us, has_reason = self._ask("check", deadline_ms)
        return Told(result, int(took_us) / 1000, int(late_us) / 1000, has_reason == "1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        try:
            self._process.wait(STATION_END_S_MAX)
        finally:
            self._process.kill()
            self._process.stdout.close()


class Control:
    """A thread of this process that only sleeps, and notes how late it was woken at worst."""

    def __enter__(self):
        self.late_ms = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._nap)
        self._thread.start()
        return self

    def _nap(self):
        while not self._stop.is_set():
            began = time.monotonic()
            time.sleep(NAP_S)
            self.late_ms = max(self.late_ms, (time.monotonic() - began - NAP_S) * 1000)

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def strike_once(station, scene, fault, servers):
    """Let the fault strike a client of `servers`, which is given its address; return what was told, and our control."""
    with fault.run(scene) as (address, strike), station.client(servers(address), **scene.station()) as check:
        if fault.warm:
            assert check(PATIENT_MS).result == "PCK_PASS"
        strike()
        with Control() as control:
            told = check(DEADLINE_MS)
    return told, max(told.control_late_ms, control.late_ms)


def strike(station, scene, fault, servers, expected):
    """Let the fault strike until a try counts; return how long the call took. Raises AssertionError."""
    unheard = []
    for _ in range(TRIES_MAX):
        told, control_late_ms = strike_once(station, scene, fault, servers)
        assert told.has_reason == told.result.startswith("PCK_E_"), told
        was_slow = told.result == "PCK_E_TIMEOUT" and not expected.endswith("TIMEOUT")
        assert was_slow or told.result == f"PCK_{expected}", told
        if expected.endswith("TIMEOUT"):
            assert told.took_ms > DEADLINE_MS - EARLY_MS_MAX, f"it gave up too early: {told}"
        if not was_slow and told.took_ms <= DEADLINE_MS + LATE_MS_MAX:
            return told.took_ms
        assert control_late_ms > CONTROL_LATE_MS_MAX, (
            f"{told}, due: PCK_{expected} within {DEADLINE_MS} + {LATE_MS_MAX} ms; the machine was punctual"
        )
        unheard.append((told, control_late_ms))
    raise AssertionError(f"the machine was too busy in each of {TRIES_MAX} tries to tell: {unheard}")


def cells(faults, transports=("plain", "tls")):
    """Yield the transports and faults that make sense together."""
    for transport in transports:
        for fault in faults:
            if fault.expected(transport):
                yield transport, fault
