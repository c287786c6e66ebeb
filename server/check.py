"""One check, from bytes to recorded answer.

Five moves: admit (the gRPC layer: in-flight cap, deadline) -> decode to `Case` -> snapshot and history -> evaluate
-> record and reply. No policy lives here: what a field means is the entrance's business, what a row means the
ruleset's. The decision is in the store before its answer leaves; where that fails, there is no answer.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import Any, Literal, NamedTuple

import msgspec
from cachetools import LRUCache

from ruleset.outcome import Completeness, Result, Verdict
from ruleset.snapshot import Snapshot
from server import clock, deciding, limits
from server.deciding import Around, Format, Read, Request, json_of
from server.dictionary.holder import DictionaryHolder, WithFacts
from server.entrance import values
from server.entrance.identifiers import new_check_id
from server.entrance.national_answer import national_acknowledgement
from server.entrance.text import EntranceError, write_json
from server.history import UNKNOWN, Change, History, Recent, Seen, Statement, visit_of
from server.metrics import Metrics
from server.packs import PackHolder
from server.profile import Profiles
from server.store import (
    Decision,
    DuplicateRequestError,
    Feedback,
    OutcomeUnknownError,
    StaleHistoryError,
    Store,
    StoreError,
    Void,
)

STALE = b'"stale":true'
"""How an answer of either layout says that its packs are past their expiry; text in it cannot have bare quotes."""
SHED_AFTER_S = 0.1
"""How long a check waits for the store before it is answered without a record, where the server is told to do that.
While the store is known not to answer, it does not wait at all."""
REQUESTS_REMEMBERED_MAX = 65_536
"""Request ids of which this process knows that they may come again. Of others it learns when it records the decision."""

__all__ = ["AbandonedError", "CheckService", "Format", "Request"]


class Reply(NamedTuple):
    """One answer, with what a client needs that knows no field."""

    answer: bytes
    verdict: Verdict
    completeness: Completeness
    check_id: str
    revision: str
    stale: bool
    not_recorded: bool = False


class FeedbackReply(NamedTuple):
    """The acknowledgement of feedback."""

    answer: bytes
    recorded: int
    unmatched: int


class AbandonedError(Exception):
    """The caller has gone or its time is up; nothing was recorded."""


class _Judged(NamedTuple):
    """A document judged, before it is recorded."""

    request: Request
    document: Read
    seen: Seen
    facts: WithFacts
    snapshot: Snapshot
    result: Result
    check_id: str
    started: int
    """When the document was received, in `clock.ticks_us`."""


class CheckService:
    """The service without its transport; gRPC and tests call it alike. Safe for any number of threads.

    `until`, a moment of `clock.ticks_us`, is how long a call may wait for the store; without it, some seconds.
    """

    def __init__(
        self,
        packs: PackHolder,
        profiles: Profiles,
        history: History,
        store: Store,
        metrics: Metrics,
        dictionaries: DictionaryHolder | None = None,
        *,
        sheds: bool = False,
    ) -> None:
        """Begin the chain, and keep the contents of all profiles in the store. Raises StoreError.

        `sheds`: a check that the store cannot take is answered all the same, and says that it is not recorded.
        """
        self._sheds = sheds
        self._packs = packs
        self._profiles = profiles
        self._history = history
        self._store = store
        self._metrics = metrics
        self._dictionaries = dictionaries or DictionaryHolder(metrics)
        self._answered: LRUCache[str, None] = LRUCache(REQUESTS_REMEMBERED_MAX)
        self._answered_lock = threading.Lock()
        store.begin()
        for profile in profiles.all():
            store.keep("profile", profile.content)

    def check(self, request: Request, is_wanted: Callable[[], bool] = lambda: True, until: int | None = None) -> Reply:
        """Judge one document.

        `is_wanted` is asked before the decision is recorded: one that nobody will receive is none. Raises
        AbandonedError, EntranceError, ProfileError or StoreError; then nothing was recorded, but for OutcomeUnknownError
        (the connection to the store was lost in the COMMIT, and could not be made again before `until`): then the decision,
        and what it commits, may be recorded. The client sees UNAVAILABLE either way, and asks again with the same request
        id: it gets the recorded answer where there is one, and is judged now where there is none.

        With `sheds` such an answer leaves as not recorded, though a record may be there, of an answer that knew the
        patient's history: the gap counts it as of unknown outcome, and a repeated request id gets the recorded answer.
        """
        started = clock.ticks_us()
        _require_short("request_id", request.request_id, limits.REQUEST_ID_MAX_CHARACTERS)
        if request.request_id in self._answered:
            recorded = self._store.decision_of_request(request.request_id, until)
            if recorded is not None:
                return _repeated(recorded, request)
        document = deciding.read(request, self._profiles)
        patience = self._patience(document, until)
        check_id = new_check_id(clock.now_ms())
        seen = self._seen(document, patience)
        unreadable = ""
        for _ in range(limits.JUDGEMENTS_MAX):
            judged = self._judged(request, document, seen, check_id, started)
            if not is_wanted():
                raise AbandonedError("the caller has gone; nothing was recorded")
            try:
                reply, result = self._recorded(judged, patience, unreadable)
            except StaleHistoryError:
                # Another call or process has committed since. What is read now was not there when the check began, or
                # is in it: the second judgement stands.
                self._metrics.judged_again.inc()
                seen, unreadable = self._seen_again(document, patience)
                continue
            except DuplicateRequestError:
                # The attempt came before, or twice at once and the other call was faster: there is one decision.
                recorded = self._store.decision_of_request(request.request_id, until)
                assert recorded is not None
                return _repeated(recorded, request)
            if request.request_id and not reply.not_recorded:
                with self._answered_lock:
                    self._answered[request.request_id] = None
            self._count(result, started)
            return reply
        raise StoreError(
            f"store: refused as behind the patient's history, judged {limits.JUDGEMENTS_MAX} times; nothing was recorded"
        )

    def _patience(self, document: Read, until: int | None) -> int | None:
        """Return how long the store may take with a document: where the answer leaves all the same, a moment."""
        if not self._sheds or document.commits:
            return until
        soon = clock.ticks_us() if self._store.gaps.is_open else clock.moment(SHED_AFTER_S)
        return soon if until is None else min(soon, until)

    def _seen(self, document: Read, until: int | None) -> Seen:
        """Return the history to judge with; where it cannot be read and the answer leaves all the same, one that says so.

        Raises StoreError.
        """
        patient_id = document.case.patient.id
        sheds = self._sheds and not document.commits
        if sheds and self._store.gaps.is_open:
            return self._history.in_memory(patient_id) or UNKNOWN
        try:
            return self._history.of(patient_id, until)
        except StoreError:
            if not sheds:
                raise
            return UNKNOWN

    def _seen_again(self, document: Read, until: int | None) -> tuple[Seen, str]:
        """Return the history as the store has it now; where the answer leaves all the same, what is in memory, and why.

        Raises StoreError.
        """
        patient_id = document.case.patient.id
        try:
            return self._history.again(patient_id, until), ""
        except StoreError as error:
            if not self._sheds or document.commits:
                raise
            return self._history.in_memory(patient_id) or UNKNOWN, str(error)

    def _recorded(self, judged: _Judged, until: int | None, unreadable: str) -> tuple[Reply, Result]:
        """Record and answer; where the store does not take it and the server is told to, answer without.

        `unreadable`: why a history that was refused as behind could not be read again; to record it would be refused
        again. The result is the one that was answered. Raises StaleHistoryError, DuplicateRequestError or StoreError; then
        nothing was recorded, but for OutcomeUnknownError.
        """
        if unreadable:
            return self._unrecorded(judged, unreadable)
        sheds = self._sheds and not judged.document.commits
        if sheds and self._store.gaps.is_open:
            return self._unrecorded(judged, "the store did not answer before")
        try:
            return self._record(judged, until), judged.result
        except (StaleHistoryError, DuplicateRequestError):
            raise
        except StoreError as error:
            if not sheds:
                raise
            return self._unrecorded(judged, str(error), outcome_unknown=isinstance(error, OutcomeUnknownError))

    def _unrecorded(self, judged: _Judged, reason: str, *, outcome_unknown: bool = False) -> tuple[Reply, Result]:
        """Answer, say in the answer that there is no record of it, and count it for the marker.

        It is the record that refuses a history that has grown since it was read: without one, a history from memory may
        be behind, and the answer says that too.
        """
        if not judged.seen.is_current:
            seen = judged.seen._replace(is_known=False)
            judged = self._judged(judged.request, judged.document, seen, judged.check_id, judged.started)
        answered_at = clock.now(judged.document.profile.time_zone)
        decision = _decision(judged, Around(judged.check_id, answered_at, 0, not_recorded=True))
        self._store.gaps.add(reason, outcome_unknown=outcome_unknown)
        self._metrics.unrecorded.inc()
        return _reply(decision)._replace(not_recorded=True), judged.result

    def _judged(self, request: Request, document: Read, seen: Seen, check_id: str, started: int) -> _Judged:
        # What is judged and answered has the dictionary's facts; what is committed stays as the message states it.
        facts = self._dictionaries.enriched(document.case, seen.timeline)
        snapshot = self._packs.judging(request.station_id, document.case, facts.case)
        result = deciding.judge(
            facts.case,
            document.profile,
            deciding.History(facts.timeline, seen.changed_at, seen.is_known),
            snapshot,
        )
        return _Judged(request, document, seen, facts, snapshot, result, check_id, started)

    def _record(self, judged: _Judged, until: int | None) -> Reply:
        """Write the answer, record it with the decision (and the lines it commits), and only then return it."""
        document, seen = judged.document, judged.seen
        answered_at = clock.now(document.profile.time_zone)
        unless_after = None if seen.is_current else seen.timeline.position
        if not document.commits:
            decision = _decision(judged, Around(judged.check_id, answered_at, 0))
            self._store.record(decision, unless_after=unless_after, until=until)
            return _reply(decision)
        decisions: list[Decision] = []

        def decide(committed_lines: int) -> Decision:
            decisions.append(_decision(judged, Around(judged.check_id, answered_at, committed_lines)))
            return decisions[-1]

        statement = _statement(document, answered_at, judged.check_id)
        change = self._history.commit(statement, decide, unless_after=unless_after, until=until)
        self._count_commit(change)
        return _reply(decisions[-1])

    def _count(self, result: Result, started: int) -> None:
        metrics = self._metrics
        metrics.checks[result.verdict, result.completeness].inc()
        for finding in result.findings:
            metrics.count(metrics.findings, finding.row.rule.code)
        for hint in result.hints:
            metrics.count(metrics.hints, hint.row.rule.code)
        for gap in result.not_evaluated:
            metrics.count(metrics.not_evaluated, gap.reason)
            if gap.rule_code:
                metrics.count(metrics.rule_failures, gap.rule_code)
        metrics.check_seconds.observe((clock.ticks_us() - started) / 1e6)

    def commit(self, request: Request, until: int | None = None) -> Change:
        """Commit the current lines of a document. Raises EntranceError, ProfileError or StoreError, as `History.commit`."""
        document = deciding.read(request, self._profiles)
        if not document.case.patient.id:
            raise EntranceError("patn_id", "", "is missing; lines cannot be committed without their patient")
        if not document.case.lines:
            raise EntranceError("fsi_order_dtos", None, "no current line to commit")
        received = clock.now(document.profile.time_zone)
        change = self._history.commit(_statement(document, received, request.station_id or "commit"), until=until)
        self._count_commit(change)
        return change

    def _count_commit(self, change: Change) -> None:
        self._metrics.count(self._metrics.history_changes, "commit", change.lines)
        self._metrics.count(self._metrics.history_changes, "superseded", change.superseded)

    def void(
        self,
        patient_id: str,
        encounter_id: str,
        order_ids: Sequence[str],
        item_code: str,
        source: str,
        time: str = "",
        until: int | None = None,
    ) -> Change:
        """Take committed lines back out of a patient's history, and those that arrive later but were stated before.

        `time`, in the site's time, is when they were taken back; "" for now. Raises EntranceError or StoreError.
        """
        if len(order_ids) > limits.VOID_ORDERS_MAX:
            raise EntranceError("order_ids", len(order_ids), f"at most {limits.VOID_ORDERS_MAX}")
        # Read as the entrance reads them, or blanks around an id would find no line.
        patient_id = _text(patient_id, "patient_id")
        encounter_id = _text(encounter_id, "encounter_id")
        item_code = _text(item_code, "item_code")
        wanted = tuple(sorted({_text(order_id, "order_ids") for order_id in order_ids}))
        if not patient_id:
            raise EntranceError("patient_id", "", "is missing")
        if not encounter_id:
            raise EntranceError("encounter_id", "", "is missing")
        zone = self._profiles.default.time_zone
        change = self._history.void(
            patient_id,
            Void(encounter_id, wanted, item_code),
            stated=_moment(time, "time", zone),
            received=clock.now(zone),
            source=source,
            until=until,
        )
        self._metrics.count(self._metrics.history_changes, "void", change.lines)
        return change

    def recent_history(self, patient_id: str, since: str, limit: int, until: int | None = None) -> Recent:
        """Return a patient's stored history, newest first. Raises EntranceError or StoreError.

        `since` is a time or a date in the site's time, "" for everything; `limit` a number of lines and of visits, 0
        for the most that there may be.
        """
        patient_id = _text(patient_id, "patient_id")
        if not patient_id:
            raise EntranceError("patient_id", "", "is missing")
        if limit > limits.RECENT_LINES_MAX:
            raise EntranceError("limit", limit, f"at most {limits.RECENT_LINES_MAX}")
        zone = self._profiles.default.time_zone
        begin = _moment(since, "since", zone)
        most = limit or limits.RECENT_LINES_MAX
        return self._history.recent(patient_id, begin, most, clock.now(zone), until)

    def feedback(self, request: Request, until: int | None = None) -> FeedbackReply:
        """Record what the doctor did about findings.

        Raises EntranceError or StoreError; then nothing was recorded, but for OutcomeUnknownError.
        """
        document, encoding = json_of(request)
        now = clock.now(self._profiles.default.time_zone)
        entries, message_id = _national_feedback(document) if request.format == "3103" else _own_feedback(document)
        unmatched = self._store.record_feedback(entries, now.isoformat(), request.station_id, until)
        self._metrics.feedback.inc(len(entries))
        ext = {"recorded": len(entries), "unmatched": unmatched}
        answer = national_acknowledgement(message_id, now, ext) if request.format == "3103" else ext
        return FeedbackReply(write_json(answer, encoding), len(entries), len(unmatched))


def _decision(judged: _Judged, around: Around) -> Decision:
    """Write the answer, and return it with everything that it takes to make it again."""
    request, document, result, snapshot = judged.request, judged.document, judged.result, judged.snapshot
    history = deciding.History(judged.facts.timeline, judged.seen.changed_at, judged.seen.is_known)
    made = deciding.answer(document, judged.facts.case, result, history, snapshot, around)
    return deciding.record_of(
        request,
        document,
        result,
        history,
        snapshot,
        around,
        made,
        dictionary_digest=judged.facts.digest,
        elapsed_us=clock.ticks_us() - judged.started,
    )


def _statement(document: Read, received: datetime, source: str) -> Statement:
    case = document.case
    by_content = document.profile.quirks.same_line == "content"
    visit = visit_of(case.encounter)
    return Statement(case.patient.id, case.lines, visit, case.time, received, source, by_content)


def _require_short(field: str, text: str, characters_max: int) -> None:
    if len(text) > characters_max:
        raise EntranceError(field, text, f"longer than {characters_max} characters")


def _reply(decision: Decision) -> Reply:
    return Reply(
        decision.answer,
        Verdict(decision.verdict),
        Completeness(decision.completeness),
        decision.check_id,
        decision.revision,
        STALE in decision.answer,
    )


def _repeated(recorded: Decision, request: Request) -> Reply:
    """Return the recorded answer to a repeated attempt; the id may not be reused for another document."""
    if recorded.document != request.document:
        raise EntranceError("request_id", request.request_id, "was used for another document")
    return _reply(recorded)


class _OwnFeedback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    feedback: list[Feedback]


def _own_feedback(document: Any) -> tuple[list[Feedback], str]:
    try:
        entries = msgspec.convert(document, _OwnFeedback).feedback
    except msgspec.ValidationError as error:
        raise EntranceError("feedback", None, str(error)) from error
    for number, entry in enumerate(entries):
        _require_reason(entry, f"feedback[{number}].reason")
    _require_number("feedback", len(entries))
    return entries, ""


_DISPOSITIONS: dict[str, Literal["continued", "went_back"]] = {"1": "continued", "2": "went_back"}
"""National dspo_way: 1 继续执行, 2 返回修改."""


def _national_feedback(document: Any) -> tuple[list[Feedback], str]:
    """Return the entries of a 3103 message, and its msgid; every entry is checked before any is recorded."""
    if not isinstance(document, dict):
        raise EntranceError("document", document, "expected an object")
    outer = document.get("input", document)
    body = outer.get("data", outer) if isinstance(outer, dict) else outer
    if not isinstance(body, dict) or "warns" not in body:
        raise EntranceError("input.data.warns", None, "is missing")
    warns = body["warns"]
    warns = [warns] if isinstance(warns, dict) else warns
    if not isinstance(warns, list):
        raise EntranceError("input.data.warns", warns, "expected a list")
    _require_number("input.data.warns", len(warns))
    entries = [_national_entry(warn, f"input.data.warns[{number}]") for number, warn in enumerate(warns)]
    return entries, _text(document.get("msgid"), "msgid")


def _national_entry(warn: Any, path: str) -> Feedback:
    if not isinstance(warn, dict):
        raise EntranceError(path, warn, "expected an object")
    finding_id = _text(warn.get("warn_rslt_id"), f"{path}.warn_rslt_id")
    if not finding_id:
        raise EntranceError(f"{path}.warn_rslt_id", "", "is missing")
    way = _text(warn.get("dspo_way"), f"{path}.dspo_way")
    if way not in _DISPOSITIONS:
        raise EntranceError(f"{path}.dspo_way", way, "expected 1 (continue) or 2 (go back)")
    entry = Feedback(finding_id, _DISPOSITIONS[way], _text(warn.get("dspo_way_rea"), f"{path}.dspo_way_rea"))
    _require_reason(entry, f"{path}.dspo_way_rea")
    return entry


def _moment(text: str, field: str, zone: tzinfo) -> datetime | None:
    """Return a time or date that a caller states, naive in the site's zone; None for "". Raises EntranceError."""
    try:
        return values.time(text, zone)
    except values.BadValueError as error:
        raise EntranceError(field, text, str(error)) from error


def _text(value: Any, path: str) -> str:
    try:
        return values.text(value)
    except values.BadValueError as error:
        raise EntranceError(path, value, str(error)) from error


def _require_reason(entry: Feedback, path: str) -> None:
    if entry.disposition == "continued" and not entry.reason.strip():
        raise EntranceError(path, entry.reason, "a reason is required to continue")
    if len(entry.reason) > limits.REASON_MAX_CHARACTERS:
        raise EntranceError(path, entry.reason, f"longer than {limits.REASON_MAX_CHARACTERS} characters")


def _require_number(path: str, number: int) -> None:
    if not 0 < number <= limits.FEEDBACK_ENTRIES_MAX:
        raise EntranceError(path, number, f"expected 1 to {limits.FEEDBACK_ENTRIES_MAX} entries")
