"""The only module that reads a clock. Everything else is given its times."""

import time
from datetime import date, datetime, timedelta, tzinfo


def now(zone: tzinfo | None = None) -> datetime:
    """Return the time in a zone; without one, with this machine's offset."""
    return datetime.now(zone) if zone is not None else datetime.now().astimezone()


def now_ms() -> int:
    """Return milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def day_before(day: str, days: int) -> str:
    """Return the day (YYYY-MM-DD) that is so many days before another one."""
    return (date.fromisoformat(day) - timedelta(days=days)).isoformat()


def ticks_us() -> int:
    """Return a counter of microseconds that never goes back; only differences mean something."""
    return time.perf_counter_ns() // 1_000


def moment(seconds: float) -> int:
    """Return the moment of `ticks_us` that is so many seconds from now: how long a wait may last."""
    return ticks_us() + int(seconds * 1e6)
