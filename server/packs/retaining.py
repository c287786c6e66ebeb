"""Old revisions: which are kept, and their removal once another set of packs is live.

What a stored decision was made with is kept as long as the decision is, so that every decision that is still there can be
made again. Only the first worker of a server removes; a command never does.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import structlog

from server import clock
from server.packs.directory import PackDirectory
from server.packs.holder import PackHolder
from server.packs.state import Current, Revision, judging_in, named_in
from server.store import Store, StoreError

log = structlog.get_logger("precheck.packs")

LOOK_S = 1.0
AGAIN_S = 60.0
"""How long after the store did not answer it is asked again for its oldest decision."""
STOP_MAX_S = 3.0
DAYS_OF_DOUBT = 2
"""Days of decisions are the site's, those of the journal this machine's; clocks differ, and are set."""
JUST_PUBLISHED_S = 3600.0
"""What was published so lately is not removed: whoever published it is about to make something of it."""


def removable(directory: PackDirectory, current: Current, retained: int, oldest_day: str) -> list[Revision]:
    """Return the published revisions that nothing needs any more.

    Kept are: what CURRENT names; of each pack the `retained` highest, the highest that was ever live, and what the live one
    would be rolled back to; and whatever judged since `oldest_day`, the day of the oldest decision that the store has
    (YYYY-MM-DD; empty: there is none).
    """
    journal = list(directory.journal())[::-1]
    if not _is_whole(journal):
        return []  # what judged between its lines, nobody knows
    judged = _judged_since(journal, oldest_day)
    if judged is None:
        return []
    needed = {*named_in(current), *judged, *_ways_back(journal, current)}
    lately = clock.now() - timedelta(seconds=JUST_PUBLISHED_S)
    found: list[Revision] = []
    for pack_id, revisions in _by_pack(directory.revisions()).items():
        mark = current.high_water.get(pack_id, 0)
        found.extend(
            revision
            for revision in revisions[:-retained]
            if revision not in needed
            and revision.revision != mark
            and datetime.fromisoformat(directory.facts_of(revision).published_at) < lately
        )
    return found


def _is_whole(journal: Sequence[Current]) -> bool:
    """Say whether no change is missing; where an older CURRENT was put back by hand, its successor's number stands twice."""
    return bool(journal) and all(after.number - before.number in (0, 1) for before, after in pairwise(journal))


def _judged_since(journal: Sequence[Current], oldest_day: str) -> set[Revision] | None:
    """Return what judged for somebody on a day or later; None where the journal does not reach back so far."""
    if not oldest_day:
        return set()
    if journal[0].changed_at[:10] > oldest_day:
        return None
    doubt = clock.day_before(oldest_day, DAYS_OF_DOUBT)
    # What was live on that day had been made so by the change before the first one after it.
    first = next((number for number, state in enumerate(journal) if state.changed_at[:10] >= doubt), len(journal))
    return {revision for state in journal[max(0, first - 1) :] for revision in judging_in(state)}


def _ways_back(journal: Sequence[Current], current: Current) -> Iterable[Revision]:
    """Yield what each live revision would be rolled back to."""
    for live in current.live:
        earlier = (
            revision
            for state in reversed(journal)
            for revision in state.live
            if revision.pack == live.pack and revision.revision < live.revision
        )
        lower = next(earlier, None)
        if lower is not None:
            yield lower


def _by_pack(revisions: Iterable[Revision]) -> dict[str, list[Revision]]:
    found: dict[str, list[Revision]] = {}
    for revision in revisions:
        found.setdefault(revision.pack, []).append(revision)
    return found


def remove_old(directory: PackDirectory, retained: int, oldest_day: str) -> list[Revision]:
    """Remove what nothing needs and no process has open; return it. Raises OSError."""
    with directory.changing():
        read = directory.read()
        if read.problem:
            return []
        return [one for one in removable(directory, read.current, retained, oldest_day) if directory.remove(one)]


class RevisionKeeper:
    """Removes old revisions at the start and after each change, beside the checks."""

    def __init__(self, packs: PackHolder, store: Store, retained: int) -> None:
        self._packs = packs
        self._oldest_day: Callable[[], str] = store.oldest_day
        self._retained = retained
        self._done_for = -1
        self._not_before = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="packs-retained", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_MAX_S)  # it may be waiting for whoever changes the packs

    def _run(self) -> None:
        while not self._ended.wait(LOOK_S):
            try:
                self._look()
            except (StoreError, OSError) as error:
                self._not_before = time.monotonic() + AGAIN_S
                log.warning("old revisions not looked through", error=str(error))
            except Exception:  # whatever it is, the next change tries again
                self._done_for = self._packs.in_force().current.number
                log.exception("old revisions not looked through")

    def _look(self) -> None:
        """Remove, where what is served has changed and is what CURRENT says."""
        number = self._packs.in_force().current.number
        if number == self._done_for or self._packs.last_error or time.monotonic() < self._not_before:
            return
        removed = remove_old(self._packs.directory, self._retained, self._oldest_day())
        self._done_for = number
        if removed:
            log.info("old revisions removed", revisions=[revision.name for revision in removed])
