"""How long the interpreter was held: a thread that asks to be woken, and measures how much later it is.

What holds it, holds every check: a collection, a pack that is let go, a neighbour on the machine.
"""

import threading
import time

from server.metrics import Metrics

ASK_S = 0.02
"""How long each sleep is meant to be."""


class StallWatch:
    """Measures until it is stopped: `precheck_stall_seconds`."""

    def __init__(self, metrics: Metrics) -> None:
        self._observe = metrics.stall_seconds.observe
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="stall-watch", daemon=True).start()

    def _run(self) -> None:
        asked_at = time.monotonic()
        while not self._ended.wait(ASK_S):
            now = time.monotonic()
            self._observe(max(0.0, now - asked_at - ASK_S))
            asked_at = time.monotonic()

    def stop(self) -> None:
        """Stop measuring."""
        self._ended.set()
