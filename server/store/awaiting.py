"""At the start of a server: wait for a PostgreSQL that is away, as after a power cut, when all machines start at once.

Only where it does not answer, or says that it does not take connections yet. What waiting cannot mend (a wrong password,
an unknown database, a schema of another version) is for `open_store` to say, at once. SQLite is never away: a file that
another process holds is waited for when it is opened.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

import structlog

from server import clock, limits

ASK_INTERVAL_S = 0.5
LOG_INTERVAL_S = 5.0

log = structlog.get_logger("precheck.store")


def await_store(setting: str) -> bool:
    """Return True when the store that the setting `store` names shall be opened; False: SIGTERM or SIGINT came meanwhile.

    After STORE_START_MAX_S too it shall be: `open_store` says what is wrong, in PostgreSQL's words. Called by the main thread.
    """
    if not setting:
        return True
    from server.store import postgres  # noqa: PLC0415 - who has no PostgreSQL does not load its client

    if not postgres.is_address(setting) or not postgres.is_away(setting):
        return True
    store = postgres.without_password(setting)
    began = clock.ticks_us()
    log_after = began
    with _told_to_stop() as stop:
        while not stop.wait(ASK_INTERVAL_S):
            if not postgres.is_away(setting):
                break
            waited_s = (clock.ticks_us() - began) / 1e6
            if waited_s >= limits.STORE_START_MAX_S:
                log.error("store is still away; not waiting any longer", store=store, waited_s=round(waited_s))
                break
            if clock.ticks_us() >= log_after:
                log_after = clock.moment(LOG_INTERVAL_S)
                log.warning(
                    "store is away; waiting for it",
                    store=store,
                    waited_s=round(waited_s),
                    waits_at_most_s=round(limits.STORE_START_MAX_S),
                )
    return not stop.is_set()


@contextlib.contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """Give what SIGTERM and SIGINT set, until the end of the block. SIGHUP does nothing: the settings are read afterwards."""
    stop = threading.Event()

    def told(number: int, _frame: Any) -> None:
        if number != signal.SIGHUP:
            stop.set()

    before = {number: signal.signal(number, told) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
