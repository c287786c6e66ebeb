"""A patient's committed lines with what the dictionary knows of them.

The store keeps lines as messages stated them, so that a dictionary that is corrected later reaches old lines too. They
are looked up when a check wants them, and remembered for as long as neither they nor the dictionary change.
"""

import threading
from collections.abc import Sequence

from cachetools import LRUCache

from ruleset.case import Line, identity
from ruleset.timeline import Step, Timeline
from server.dictionary.enrichment import numbered_again, past_lines, past_visits
from server.dictionary.lookup import Dictionary

ENRICHED_LINES_MAX = 200_000
"""Lines of enriched history that are remembered, over all patients."""


class EnrichedHistories:
    """The enriched histories of recent patients, by one dictionary. Safe for any number of threads."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._cache: LRUCache[str, tuple[Timeline, Timeline]] = LRUCache(
            ENRICHED_LINES_MAX, lambda pair: len(pair[0]) + 1
        )
        self._lock = threading.Lock()

    def of(self, patient_id: str, stored: Timeline) -> Timeline:
        """Return the patient's timeline with the dictionary's facts; the very same one where there are none."""
        if not self._dictionary.rows or not (stored.by_identity or stored.visits):
            return stored
        with self._lock:
            known = self._cache.get(patient_id)
        if known is not None and known[0] is stored:
            return known[1]
        enriched = self._stepped(known, stored) if known is not None else None
        if enriched is None:
            enriched = self._enriched(stored)
        if len(stored) < ENRICHED_LINES_MAX:
            with self._lock:
                self._cache[patient_id] = (stored, enriched)
        return enriched

    def _stepped(self, known: tuple[Timeline, Timeline], stored: Timeline) -> Timeline | None:
        """Return what is enriched of a history from what it was before; None where that cannot be told.

        Where a line would have to be numbered again, all are looked at.
        """
        steps = stored.steps_since(known[0].token)
        enriched = known[1]
        if steps is None:
            return None
        for step in steps:
            added = past_lines(step.added, self._dictionary)
            gone = [
                enriched_line for line in step.removed if (enriched_line := self._known(enriched, line)) is not None
            ]
            if len(gone) != len(step.removed) or not self._keep_their_numbers(enriched, step, added, gone):
                return None
            enriched = enriched.with_changes(added, map(identity, gone), stored.position)
        visits = past_visits(tuple(stored.visits.values()), self._dictionary)
        return enriched.with_visits(visits, stored.position)

    def _known(self, enriched: Timeline, line: Line) -> Line | None:
        """Return the enriched line of a stored one, if its number was left as it is."""
        (looked_up,) = past_lines((line,), self._dictionary)
        known = enriched.by_identity.get(identity(looked_up))
        return known if known == looked_up else None

    @staticmethod
    def _keep_their_numbers(enriched: Timeline, step: Step, added: Sequence[Line], gone: Sequence[Line]) -> bool:
        """Say whether no line that is added would take the place of one that stays."""
        free = set(map(identity, gone))
        keys = list(map(identity, added))
        taken = any(key in enriched.by_identity and key not in free for key in keys)
        return not taken and len(set(keys)) == len(step.added)

    def _enriched(self, stored: Timeline) -> Timeline:
        before = tuple(stored.by_identity.values())
        visits_before = tuple(stored.visits.values())
        lines = past_lines(before, self._dictionary)
        visits = past_visits(visits_before, self._dictionary)
        if lines is before and visits is visits_before:
            return stored
        return Timeline(numbered_again(before, lines), stored.position, visits)
