"""The dictionary in force: read aside, then swapped by one reference; a bad new one leaves the old one live."""

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import structlog
from prometheus_client import Counter

from ruleset.case import Case
from ruleset.pack.diagnostics import Diagnostic
from ruleset.timeline import Timeline
from server import clock
from server.dictionary.archive import archive_of
from server.dictionary.enrichment import enrich
from server.dictionary.history import EnrichedHistories
from server.dictionary.lookup import NO_DICTIONARY, Dictionary, load_dictionary
from server.dictionary.reading import DictionaryError
from server.dictionary.unmapped import DepartmentLabels, UnmappedCodes
from server.metrics import Metrics
from server.store import StoreError

log = structlog.get_logger("precheck.dictionary")


class InForce(NamedTuple):
    """A dictionary with what is remembered and counted for as long as it is in force."""

    dictionary: Dictionary
    histories: EnrichedHistories
    unmapped: UnmappedCodes
    loaded_at: datetime | None


class WithFacts(NamedTuple):
    """A case and the patient's history with the dictionary's facts."""

    case: Case
    timeline: Timeline
    digest: str
    """That of the dictionary; empty where there is none."""


def _in_force(dictionary: Dictionary, loaded_at: datetime | None) -> InForce:
    return InForce(dictionary, EnrichedHistories(dictionary), UnmappedCodes(clock.now), loaded_at)


class DictionaryHolder:
    """Holds the dictionary in force. A check reads it once and keeps what it read."""

    def __init__(self, metrics: Metrics, keep: Callable[[bytes], str] | None = None) -> None:
        """`keep` stores the files of a dictionary, so that decisions can be made again, and returns their digest."""
        self._metrics = metrics
        self._keep = keep
        self._labels = DepartmentLabels()
        self._counters: dict[tuple[str, str], Counter] = {}
        self._changing = threading.Lock()
        self._current = _in_force(NO_DICTIONARY, None)
        self.last_error = ""

    def current(self) -> InForce:
        """Return what is in force."""
        return self._current

    def load(self, directory: str, *, beside_checks: bool = True) -> None:
        """Read a directory ("" is no dictionary) and put it in force. Raises DictionaryError; then nothing changed.

        Both outcomes are counted and logged, and a failure is kept for the status.
        """
        with self._changing:
            try:
                dictionary = load_dictionary(directory, beside_checks=beside_checks)
                self._keep_files(dictionary)
            except DictionaryError as error:
                self.last_error = str(error)
                self._metrics.dictionary_loads.labels("failed").inc()
                log.warning("dictionary not loaded", directory=directory, error=str(error))
                raise
            before = self._current.dictionary
            self.last_error = ""
            if not directory and not before.directory:
                return
            if (directory, dictionary.digest) != (before.directory, before.digest):
                # Another one: what is unmapped is counted anew. A reload for the packs' sake changes nothing here.
                self._current = _in_force(dictionary, clock.now())
            self._metrics.dictionary_loads.labels("loaded").inc()
            log.info("dictionary loaded", directory=directory, digest=dictionary.digest, rows=dict(dictionary.rows))

    def _keep_files(self, dictionary: Dictionary) -> None:
        """Keep what a dictionary was read from. One that cannot be kept is not put in force. Raises DictionaryError."""
        if self._keep is None or not dictionary.directory or dictionary.digest == self._current.dictionary.digest:
            return
        problem = "was rewritten while it was read; load it again"
        try:
            if self._keep(archive_of(Path(dictionary.directory))) == dictionary.digest:
                return
        except StoreError as error:
            problem = f"cannot be kept for the records: {error}"
        raise DictionaryError(dictionary.directory, [Diagnostic(dictionary.directory, 1, 1, problem)])

    def _counter(self, kind: str, department: str) -> Counter:
        """Return one child of the metric; finding it in a dictionary of our own is faster."""
        child = self._counters.get((kind, department))
        if child is None:
            child = self._counters[kind, department] = self._metrics.unmapped_codes.labels(kind, department)
        return child

    def enriched(self, case: Case, stored: Timeline) -> WithFacts:
        """Return a case and the patient's history with what the dictionary knows of them; count what it does not."""
        current = self._current
        enriched = enrich(case, current.dictionary)
        if enriched.unmapped:
            current.unmapped.count(enriched.unmapped.items())
            for unmapped in enriched.unmapped:
                self._counter(unmapped.kind, self._labels.label(unmapped.department)).inc()
        timeline = current.histories.of(case.patient.id, stored)
        return WithFacts(enriched.case, timeline, current.dictionary.digest)
