"""A patient's committed lines with what the dictionary knows of them.

The store keeps lines as messages stated them, so that a dictionary that is corrected later reaches old lines too. They
are looked up when a check wants them, and remembered for as long as neither they nor the dictionary change.
"""

import threading

from cachetools import LRUCache

from ruleset.timeline import Timeline
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
        enriched = self._enriched(stored)
        if len(stored) < ENRICHED_LINES_MAX:
            with self._lock:
                self._cache[patient_id] = (stored, enriched)
        return enriched

    def _enriched(self, stored: Timeline) -> Timeline:
        before = tuple(stored.by_identity.values())
        visits_before = tuple(stored.visits.values())
        lines = past_lines(before, self._dictionary)
        visits = past_visits(visits_before, self._dictionary)
        if lines is before and visits is visits_before:
            return stored
        return Timeline(numbered_again(before, lines), stored.position, visits)
