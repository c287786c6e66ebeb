"""One check, from bytes to recorded answer.

Five moves: admit (the gRPC layer: in-flight cap, deadline) -> decode to `Case` -> snapshot and history -> evaluate
-> record and reply. No policy lives here: what a field means is the entrance's business, what a row means the
ruleset's. The decision is on disk before its answer leaves; where that fails, there is no answer.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from ruleset.case import Case, Line, Visit
from ruleset.evaluator import evaluate
from ruleset.outcome import Completeness, Result, Verdict
from server import clock, limits
from server.dictionary.holder import DictionaryHolder
from server.entrance import values
from server.entrance.identifiers import new_check_id
from server.entrance.national import NationalMessage, Transaction, read_message
from server.entrance.national_answer import AnswerHead, national_acknowledgement, national_answer
from server.entrance.own import read_own
from server.entrance.own_answer import own_answer
from server.entrance.text import Encoding, EntranceError, read_json, write_json
from server.history import Change, History, Recent, Write, visit_of
from server.metrics import Metrics
from server.packs import PackHolder
from server.profile import Profile, Profiles
from server.store import Decision, DuplicateRequestError, Feedback, Store

STALE = b'"stale":true'
"""How an answer of either layout says that its packs are past their expiry; text in it cannot have bare quotes."""

Format = Literal["precheck", "3101", "3102", "3103"]


class Request(NamedTuple):
    """One document with what travels around it."""

    document: bytes
    format: Format
    encoding: Encoding | None
    profile: str = ""
    station_id: str = ""
    request_id: str = ""


class Reply(NamedTuple):
    """One answer, with what a client needs that knows no field."""

    answer: bytes
    verdict: Verdict
    completeness: Completeness
    check_id: str
    revision: str
    stale: bool


class FeedbackReply(NamedTuple):
    """The acknowledgement of feedback."""

    answer: bytes
    recorded: int
    unmatched: int


class _Read(NamedTuple):
    """A document as read: the case, the profile it was read by, and the national message around it, if it was one."""

    case: Case
    profile: Profile
    national: NationalMessage | None
    encoding: Encoding

    @property
    def commits(self) -> bool:
        return self.national is not None and self.national.commits


class AbandonedError(Exception):
    """The caller has gone or its time is up; nothing was recorded."""


class CheckService:
    """The service without its transport; gRPC and tests call it alike. Safe for any number of threads."""

    def __init__(
        self,
        packs: PackHolder,
        profiles: Profiles,
        history: History,
        store: Store,
        metrics: Metrics,
        dictionaries: DictionaryHolder | None = None,
    ) -> None:
        self._packs = packs
        self._profiles = profiles
        self._history = history
        self._store = store
        self._metrics = metrics
        self._dictionaries = dictionaries or DictionaryHolder(metrics)

    def check(self, request: Request, is_wanted: Callable[[], bool] = lambda: True) -> Reply:
        """Judge one document.

        `is_wanted` is asked before the decision is recorded: one that nobody will receive is none. Raises
        AbandonedError, EntranceError, ProfileError or StoreError; then nothing was recorded.
        """
        started = clock.ticks_us()
        _require_short("request_id", request.request_id, limits.REQUEST_ID_MAX_CHARACTERS)
        if request.request_id:
            repeated = self._store.decision_of_request(request.request_id)
            if repeated is not None:
                return _repeated(repeated, request)
        read = self._read(request)
        # What is judged and answered has the dictionary's facts; what is committed stays as the message states it.
        case, timeline = self._dictionaries.enriched(read.case, self._history.of(read.case.patient.id))
        snapshot = self._packs.judging(request.station_id, read.case, case)
        result = evaluate(
            case,
            timeline,
            snapshot,
            is_item_code=read.profile.is_item_code,
            same_line_by_content=read.profile.quirks.same_line == "content",
        )
        check_id = new_check_id(clock.now_ms())
        answered_at = clock.now(read.profile.time_zone)
        stale = snapshot.stale(answered_at.date())
        head = AnswerHead(check_id, snapshot.revision, answered_at, timeline.position, stale)
        if not is_wanted():
            raise AbandonedError("the caller has gone; nothing was recorded")
        try:
            reply = self._record(request, read, case, result, head, started)
        except DuplicateRequestError:
            # The same attempt came twice at once, and the other call was faster: there is one decision.
            recorded = self._store.decision_of_request(request.request_id)
            assert recorded is not None
            return _repeated(recorded, request)
        self._count(result, started)
        return reply

    def _record(
        self, request: Request, read: _Read, case: Case, result: Result, head: AnswerHead, started: int
    ) -> Reply:
        """Write the answer, record it with the decision (and the lines it commits), and only then return it."""
        answer = b""

        def write(committed: Sequence[Line], visits: Sequence[Visit]) -> int:
            nonlocal answer
            content, finding_ids = _answer(read, case, result, head, len(committed))
            answer = write_json(content, read.encoding)
            if len(answer) > limits.ANSWER_MAX_BYTES:
                lines = len(read.case.lines)
                raise EntranceError(
                    "document",
                    f"{lines} current lines with {len(result.findings)} findings",
                    f"the answer would be larger than {limits.ANSWER_MAX_BYTES} bytes; send fewer lines at a time",
                )
            elapsed_us = clock.ticks_us() - started
            decision = _decision(request, read, result, head, finding_ids, answer, elapsed_us)
            return self._store.record(decision, committed, visits)

        if read.commits:
            change = self._commit(read, write)
            self._metrics.count(self._metrics.history_changes, "commit", change.lines)
        else:
            write((), ())
        return Reply(answer, result.verdict, result.completeness, head.check_id, head.revision, bool(head.stale))

    def _commit(self, read: _Read, write: Write) -> Change:
        case = read.case
        by_content = read.profile.quirks.same_line == "content"
        return self._history.commit(
            case.patient.id, case.lines, write, visit=visit_of(case.encounter), same_line_by_content=by_content
        )

    def _count(self, result: Result, started: int) -> None:
        metrics = self._metrics
        metrics.checks[result.verdict, result.completeness].inc()
        for finding in result.findings:
            metrics.count(metrics.findings, finding.row.rule.code)
        for hint in result.hints:
            metrics.count(metrics.hints, hint.row.rule.code)
        for gap in result.not_evaluated:
            metrics.count(metrics.not_evaluated, gap.reason)
        metrics.check_seconds.observe((clock.ticks_us() - started) / 1e6)

    def commit(self, request: Request) -> Change:
        """Commit the current lines of a document. Raises EntranceError, ProfileError or StoreError."""
        read = self._read(request)
        patient_id = read.case.patient.id
        if not patient_id:
            raise EntranceError("patn_id", "", "is missing; lines cannot be committed without their patient")
        if not read.case.lines:
            raise EntranceError("fsi_order_dtos", None, "no current line to commit")
        source = request.station_id or "commit"
        recorded_at = clock.now().isoformat()

        def write(lines: Sequence[Line], visits: Sequence[Visit]) -> int:
            if not lines and not visits:
                return 0
            return self._store.append_history(patient_id, "commit", recorded_at, source, lines, visits)

        change = self._commit(read, write)
        self._metrics.count(self._metrics.history_changes, "commit", change.lines)
        return change

    def void(self, patient_id: str, encounter_id: str, order_ids: Sequence[str], item_code: str, source: str) -> Change:
        """Take committed lines back out of a patient's history. Raises EntranceError or StoreError."""
        if len(order_ids) > limits.VOID_ORDERS_MAX:
            raise EntranceError("order_ids", len(order_ids), f"at most {limits.VOID_ORDERS_MAX}")
        # Read as the entrance reads them, or blanks around an id would find no line.
        patient_id = _text(patient_id, "patient_id")
        encounter_id = _text(encounter_id, "encounter_id")
        item_code = _text(item_code, "item_code")
        wanted = frozenset(_text(order_id, "order_ids") for order_id in order_ids)
        if not patient_id:
            raise EntranceError("patient_id", "", "is missing")
        if not encounter_id:
            raise EntranceError("encounter_id", "", "is missing")

        def chosen(line: Line) -> bool:
            return (
                line.encounter_id == encounter_id
                and (not wanted or line.order_id in wanted)
                and (not item_code or line.item_code == item_code)
            )

        change = self._history.void(patient_id, chosen, clock.now().isoformat(), source)
        self._metrics.count(self._metrics.history_changes, "void", change.lines)
        return change

    def recent_history(self, patient_id: str, since: str, limit: int) -> Recent:
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
        try:
            begin = values.time(since, zone)
        except values.BadValueError as error:
            raise EntranceError("since", since, str(error)) from error
        return self._history.recent(patient_id, begin, limit or limits.RECENT_LINES_MAX, clock.now(zone))

    def feedback(self, request: Request) -> FeedbackReply:
        """Record what the doctor did about findings. Raises EntranceError or StoreError; then nothing was recorded."""
        document, encoding = _json_of(request)
        now = clock.now(self._profiles.default.time_zone)
        entries, message_id = _national_feedback(document) if request.format == "3103" else _own_feedback(document)
        unmatched = self._store.record_feedback(entries, now.isoformat(), request.station_id)
        self._metrics.feedback.inc(len(entries))
        ext = {"recorded": len(entries), "unmatched": unmatched}
        answer = national_acknowledgement(message_id, now, ext) if request.format == "3103" else ext
        return FeedbackReply(write_json(answer, encoding), len(entries), len(unmatched))

    def _read(self, request: Request) -> _Read:
        document, encoding = _json_of(request)
        if request.format == "precheck":
            profile = self._profiles.select(request.profile, "")
            return _Read(read_own(document, profile), profile, None, encoding)
        if request.format == "3103":
            raise EntranceError("format", request.format, "3103 is feedback, not a check")
        asked: Transaction = request.format
        message = read_message(document, asked, self._profiles, request.profile)
        return _Read(message.case, message.profile, message, encoding)


def _json_of(request: Request) -> tuple[Any, Encoding]:
    size = len(request.document)
    if size > limits.DOCUMENT_MAX_BYTES:
        raise EntranceError("document", size, f"larger than {limits.DOCUMENT_MAX_BYTES} bytes")
    return read_json(request.document, request.encoding)


def _require_short(field: str, text: str, characters_max: int) -> None:
    if len(text) > characters_max:
        raise EntranceError(field, text, f"longer than {characters_max} characters")


def _repeated(recorded: Decision, request: Request) -> Reply:
    """Return the recorded answer to a repeated attempt; the id may not be reused for another document."""
    if recorded.document != request.document:
        raise EntranceError("request_id", request.request_id, "was used for another document")
    return Reply(
        recorded.answer,
        Verdict(recorded.verdict),
        Completeness(recorded.completeness),
        recorded.check_id,
        recorded.revision,
        STALE in recorded.answer,
    )


def _answer(
    read: _Read, case: Case, result: Result, head: AnswerHead, committed_lines: int
) -> tuple[dict[str, Any], list[str]]:
    if read.national is not None:
        message = read.national if case is read.case else msgspec.structs.replace(read.national, case=case)
        return national_answer(message, result, head, committed_lines=committed_lines)
    return own_answer(case, result, head)


def _decision(
    request: Request,
    read: _Read,
    result: Result,
    head: AnswerHead,
    finding_ids: list[str],
    answer: bytes,
    elapsed_us: int,
) -> Decision:
    case = read.case
    return Decision(
        check_id=head.check_id,
        request_id=request.request_id,
        received_at=head.answered_at.isoformat(),
        elapsed_us=elapsed_us,
        patient_id=case.patient.id,
        encounter_id=case.encounter.id,
        message_id=case.message_id,
        station_id=request.station_id,
        format=read.national.transaction if read.national is not None else request.format,
        encoding=read.encoding,
        profile=read.profile.name,
        revision=head.revision,
        history_position=head.history_position,
        verdict=result.verdict,
        completeness=result.completeness,
        finding_ids=" ".join(finding_ids),
        document=request.document,
        answer=answer,
    )


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
