"""What calls take under the faults, for docs/reference/c-client.md: `python -m tests.abi.fault_figures [TRIES [TARGET...]]`.

Every row of the fault matrix is done TRIES times to the DLLs under Wine and to the Linux library. The figures are the
longest call of a row, alone and with a good backup; a try in which the control was late too is made again (matrix.py).
"""

import contextlib
import sys
import tempfile
from pathlib import Path

from client_shim.targets import HERE, WINDOWS_X64, WINDOWS_X86
from tests.abi import certificates as certificate_files
from tests.abi import namespace as namespaces
from tests.abi.faults import FAULTS, Scene
from tests.abi.linux_station import LinuxStation
from tests.abi.matrix import DEADLINE_MS, ObeyingStation, strike
from tests.abi.wine import why_not, wine_for

TRIES = 5


def longest_ms(station, scene, fault, backup, tries):
    """Return the longest call of a row in ms: alone, and with a good backup; None where it makes no sense."""
    expected = fault.expected("tls" if scene.tls else "plain")
    if expected is None:
        return None, None
    alone = max(strike(station, scene, fault, lambda address: address, expected) for _ in range(tries))
    both = max(strike(station, scene, fault, lambda address: f"{address},{backup}", fault.backup) for _ in range(tries))
    return alone, both


def measure(station, scenes, tries):
    """Yield every fault with its figures on each transport."""
    with contextlib.ExitStack() as stack:
        backups = [stack.enter_context(scene.good())[1] for scene in scenes]
        for fault in FAULTS:
            if fault.cable and not scenes[0].namespace:
                continue
            pairs = zip(scenes, backups, strict=True)
            yield fault, [longest_ms(station, scene, fault, backup, tries) for scene, backup in pairs]


def main():
    """Print a table for each library."""
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else TRIES
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="precheck-faults-")))
        made = certificate_files.make(folder)
        namespace = stack.enter_context(namespaces.Namespace()) if namespaces.available() else None
        scenes = [Scene(tls=tls, certificates=made, namespace=namespace) for tls in (False, True)]
        for target in (HERE, WINDOWS_X64, WINDOWS_X86):
            if len(sys.argv) > 2 and target.name not in sys.argv[2:]:
                continue
            if target is not HERE and why_not(target):
                print(f"\n{target.name}: {why_not(target)}")
                continue
            runner = (
                LinuxStation(HERE, Path(stack.enter_context(tempfile.TemporaryDirectory())))
                if target is HERE
                else wine_for(target)
            )
            print(f"\n{target.name}, longest of {tries} calls in ms, deadline {DEADLINE_MS} ms")
            print("| what happens | plaintext | with a good backup | TLS | with a good backup |\n|---|---|---|---|---|")
            with ObeyingStation(runner) as station:
                for fault, figures in measure(station, scenes, tries):
                    shown = ["" if ms is None else f"{ms:.0f}" for pair in figures for ms in pair]
                    print(f"| {fault.name} | {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    main()
