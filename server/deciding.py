"""One decision as a function: a document, what is known around it, and a clock give an answer.

What a check does between its bytes in and its bytes out, without store, metrics or clock. `server.check` does it for a
station and records what it was done with; `server.replay` does it again.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

import ruleset
from ruleset.case import Case
from ruleset.evaluator import evaluate
from ruleset.outcome import Result
from ruleset.pack.compile import ENGINE_VERSION
from ruleset.snapshot import Snapshot
from ruleset.timeline import Timeline
from server import limits
from server.entrance.national import NationalMessage, Transaction, read_message
from server.entrance.national_answer import AnswerHead, national_answer
from server.entrance.own import read_own
from server.entrance.own_answer import own_answer
from server.entrance.text import Encoding, EntranceError, read_json, write_json
from server.profile import Profile, ProfileChoice
from server.store import Decision, Found
from server.store.content import digest_of
from server.version import VERSION

Format = Literal["precheck", "3101", "3102", "3103"]


class Request(NamedTuple):
    """One document with what travels around it."""

    document: bytes
    format: Format
    encoding: Encoding | None
    profile: str = ""
    station_id: str = ""
    request_id: str = ""


class Read(NamedTuple):
    """A document as read: the case, the profile it was read by, and the national message around it, if it was one."""

    case: Case
    profile: Profile
    national: NationalMessage | None
    encoding: Encoding

    @property
    def commits(self) -> bool:
        """Whether the current lines become history."""
        return self.national is not None and self.national.commits


class History(NamedTuple):
    """The history that a case is judged with."""

    timeline: Timeline
    changed_at: str
    is_known: bool = True


class Around(NamedTuple):
    """What an answer says of the decision beside its result."""

    check_id: str
    answered_at: datetime
    committed_lines: int
    not_recorded: bool = False


def json_of(request: Request) -> tuple[Any, Encoding]:
    """Return the JSON value of a document. Raises EntranceError."""
    size = len(request.document)
    if size > limits.DOCUMENT_MAX_BYTES:
        raise EntranceError("document", size, f"larger than {limits.DOCUMENT_MAX_BYTES} bytes")
    return read_json(request.document, request.encoding)


def read(request: Request, profiles: ProfileChoice) -> Read:
    """Read a document. Raises EntranceError or ProfileError."""
    document, encoding = json_of(request)
    if request.format == "precheck":
        profile = profiles.select(request.profile, "")
        return Read(read_own(document, profile), profile, None, encoding)
    if request.format == "3103":
        raise EntranceError("format", request.format, "3103 is feedback, not a check")
    asked: Transaction = request.format
    message = read_message(document, asked, profiles, request.profile)
    return Read(message.case, message.profile, message, encoding)


def judge(case: Case, profile: Profile, history: History, snapshot: Snapshot) -> Result:
    """Judge a case, which has the dictionary's facts, as its history does."""
    return evaluate(
        case,
        history.timeline,
        snapshot,
        is_item_code=profile.is_item_code,
        same_line_by_content=profile.quirks.same_line == "content",
        is_history_known=history.is_known,
    )


def answer(
    document: Read, case: Case, result: Result, history: History, snapshot: Snapshot, around: Around
) -> tuple[bytes, list[str]]:
    """Write the answer; return it with the ids of its findings, in their order. Raises EntranceError for one too large."""
    stale = snapshot.stale(around.answered_at.date())
    head = AnswerHead(
        around.check_id,
        snapshot.revision,
        around.answered_at,
        history.timeline.position,
        history.changed_at,
        stale,
        around.not_recorded,
    )
    if document.national is not None:
        message = document.national
        if case is not document.case:
            message = msgspec.structs.replace(message, case=case)
        content, finding_ids = national_answer(message, result, head, committed_lines=around.committed_lines)
    else:
        content, finding_ids = own_answer(case, result, head)
    written = write_json(content, document.encoding)
    if len(written) > limits.ANSWER_MAX_BYTES:
        lines = len(document.case.lines)
        raise EntranceError(
            "document",
            f"{lines} current lines with {len(result.findings)} findings",
            f"the answer would be larger than {limits.ANSWER_MAX_BYTES} bytes; send fewer lines at a time",
        )
    return written, finding_ids


_text = msgspec.json.Encoder().encode


def record_of(
    request: Request,
    document: Read,
    result: Result,
    history: History,
    snapshot: Snapshot,
    around: Around,
    made: tuple[bytes, list[str]],
    *,
    dictionary_digest: str,
    elapsed_us: int,
) -> Decision:
    """Return the record of a decision: with it, `server.replay` makes the same answer."""
    case = document.case
    encounter = case.encounter
    written, finding_ids = made
    doctors = dict.fromkeys((encounter.practitioner_id, *(line.practitioner_id for line in case.lines)))
    departments = dict.fromkeys((encounter.department_code, *(line.department_code for line in case.lines)))
    findings = [
        Found(identifier, finding.row.rule.pack_id, finding.row.rule.code, finding.row.id, finding.action.name)
        for identifier, finding in zip(finding_ids, result.findings, strict=True)
    ]
    return Decision(
        check_id=around.check_id,
        request_id=request.request_id,
        received_at=around.answered_at.isoformat(),
        elapsed_us=elapsed_us,
        patient_id=case.patient.id,
        encounter_id=encounter.id,
        message_id=case.message_id,
        station_id=request.station_id,
        practitioner_ids=_text(list(filter(None, doctors))).decode(),
        department_codes=_text(list(filter(None, departments))).decode(),
        asked_format=request.format,
        format=document.national.transaction if document.national is not None else request.format,
        encoding=document.encoding,
        profile=document.profile.name,
        profile_digest=document.profile.digest,
        dictionary_digest=dictionary_digest,
        revision=snapshot.revision,
        packs=packs_text(snapshot),
        engine=engine(),
        history_position=history.timeline.position if history.is_known else -1,
        history_changed_at=history.changed_at,
        committed_lines=around.committed_lines,
        verdict=result.verdict,
        completeness=result.completeness,
        findings=_text(findings).decode(),
        document=request.document,
        answer=written,
    )


def packs_text(snapshot: Snapshot) -> str:
    """Return the packs of a snapshot as `Decision.packs` has them."""
    packs = [(pack.id, pack.file.manifest.revision, pack.file.digest) for pack in snapshot.packs]
    return _text(packs).decode()


@cache
def engine() -> str:
    """Return what decides: the product's version, the engine's, and a digest over the code of both.

    The digest tells a changed checkout of one version from the released one.
    """
    folder = Path(ruleset.__file__).resolve().parent
    sources: Mapping[str, bytes] = {
        str(path.relative_to(folder.parent)): path.read_bytes()
        for path in (*sorted(folder.rglob("*.py")), *sorted((folder.parent / "server" / "entrance").rglob("*.py")))
    }
    digest = digest_of(b"".join(f"{name}\0{len(code)}\0".encode() + code for name, code in sources.items()))
    return f"{VERSION} engine {ENGINE_VERSION} code {digest[:12]}"
