"""Recorded decisions in a file: one JSON object a line, complete enough to make each decision again.

    {"content": {"kind", "digest", "base64"}}     a profile or a dictionary, once, before the first decision with it
    {"decision": {…}, "history": {…}}             a decision as `server.store.Decision`, and the history that it saw

`document` and `answer` are text, or `document_base64` and `answer_base64` where the bytes are none in the decision's encoding.
A masked decision has in place of its document the facts that were read from it (`asked_format` is `facts`), the
hospital's dictionary already in them, and no answer.
"""

import base64
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ruleset.case import Line, Visit
from server import replay
from server.masking import Mask
from server.store import Commit, Decision, Event, Found, Ready, Store, StoreError
from server.store.keys import findings_of, texts_of
from server.store.store import encode

_json = msgspec.json.Encoder(decimal_format="string").encode
_ENCODED = ("document", "answer")


class CorpusError(Exception):
    """A file that is no corpus. The text names the line and what is wrong with it."""


class _History(msgspec.Struct, frozen=True, omit_defaults=True):
    """The history that a decision saw."""

    lines: tuple[Line, ...] = ()
    visits: tuple[Visit, ...] = ()


class _Content(msgspec.Struct, frozen=True):
    kind: str
    digest: str
    base64: str


class _Entry(msgspec.Struct, frozen=True):
    """One line of the file."""

    content: _Content | None = None
    decision: dict[str, Any] | None = None
    history: _History = _History()


class Told:
    """Where a decision of a corpus was made: what `server.replay.redecide` asks a store for."""

    def __init__(self, decision: Decision, history: _History, contents: Mapping[str, bytes], ready: Ready) -> None:
        """`contents` and `ready` are of the whole corpus."""
        self.ready = ready
        self._decision = decision
        self._history = history
        self._contents = contents

    def content(self, digest: str) -> bytes | None:
        """Return a content that the corpus has, or None."""
        return self._contents.get(digest)

    def events(self, patient_id: str, *, up_to: int | None = None) -> list[Event]:
        """Return events that come to the history that the decision saw: one for each visit, and one for all lines."""
        said = [Commit((), visit) for visit in self._history.visits]
        if self._history.lines or self._decision.history_position > len(said):
            said.append(Commit(self._history.lines))
        last = self._decision.history_position if up_to is None else up_to
        changed_at = self._decision.history_changed_at
        return [
            Event(last - len(said) + number, patient_id, "commit", "", changed_at, "corpus", encode(one))
            for number, one in enumerate(said, 1)
        ]


def write_corpus(store: Store, decisions: Iterable[Decision], mask: Mask | None = None) -> Iterator[bytes]:
    """Yield the lines of a corpus of decisions of a store. Raises StoreError, MaskingError or ReplayError."""
    told: set[str] = set()
    for decision in decisions:
        if not decision.profile_digest or decision.erased_by:
            continue  # recorded before there was enough to make it again, or erased
        digests = {"profile": decision.profile_digest}
        if mask is None:
            digests["dictionary"] = decision.dictionary_digest
        for kind, digest in digests.items():
            if digest and digest not in told:
                told.add(digest)
                yield _content_line(store, kind, digest)
        yield _line(decision, _history_of(decision, store)) if mask is None else _masked(decision, store, mask)


def _content_line(store: Store, kind: str, digest: str) -> bytes:
    content = store.content(digest)
    if content is None:
        raise StoreError(f"store: the {kind} with digest {digest} is missing")
    packed = base64.b64encode(zlib.compress(content)).decode()
    return _json({"content": _Content(kind, digest, packed)}) + b"\n"


def _history_of(decision: Decision, store: Store) -> _History:
    seen = replay.seen(decision, store)
    return _History(tuple(seen.by_identity.values()), tuple(seen.visits.values()))


def _line(decision: Decision, history: _History) -> bytes:
    values = {name: getattr(decision, name) for name in Decision.__struct_fields__ if name not in ("id", "erased_by")}
    for name in _ENCODED:
        content = values.pop(name)
        try:
            text = content.decode(decision.encoding)
            is_text = text.encode(decision.encoding) == content
        except ValueError:
            is_text = False
        values |= {name: text} if is_text else {f"{name}_base64": base64.b64encode(content).decode()}
    return _json({"decision": values, "history": history}) + b"\n"


def _masked(decision: Decision, store: Store, mask: Mask) -> bytes:
    """Return a decision without persons, with the facts and the history as they were judged."""
    judged = replay.judged(decision, store)
    case = mask.struct(judged.case)
    history = _History(
        tuple(map(mask.struct, judged.history.timeline.by_identity.values())),
        tuple(map(mask.struct, judged.history.timeline.visits.values())),
    )
    findings = [
        Found(mask.pseudonym(found.finding_id), found.pack, found.rule, found.row_id, found.action)
        for found in findings_of(decision.findings)
    ]
    doctors = [mask.pseudonym(one) for one in texts_of(decision.practitioner_ids)]
    masked = msgspec.structs.replace(
        decision,
        check_id=mask.pseudonym(decision.check_id),
        request_id="",
        patient_id=case.patient.id,
        encounter_id=case.encounter.id,
        message_id=case.message_id,
        station_id=mask.pseudonym(decision.station_id),
        practitioner_ids=_json(doctors).decode(),
        asked_format=replay.FACTS,
        format=replay.FACTS,
        encoding="utf-8",
        dictionary_digest="",
        findings=_json(findings).decode(),
        document=_json(case),
        answer=b"",
    )
    return _line(masked, history)


def read_corpus(file: Path) -> Iterator[tuple[Decision, Told]]:
    """Yield the decisions of a corpus, each with where it was made. Raises CorpusError."""
    contents: dict[str, bytes] = {}
    ready = Ready()
    decode = msgspec.json.Decoder(_Entry).decode
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    entry = decode(line)
                    if entry.content is not None:
                        contents[entry.content.digest] = zlib.decompress(base64.b64decode(entry.content.base64))
                    elif entry.decision is not None:
                        decision = _decision(entry.decision)
                        yield decision, Told(decision, entry.history, contents, ready)
                except (msgspec.DecodeError, ValueError, TypeError, LookupError, zlib.error) as error:
                    raise CorpusError(f"{file}:{number}: {error}") from error
    except OSError as error:
        raise CorpusError(f"{file}: {error.strerror}") from error


def _decision(values: dict[str, Any]) -> Decision:
    for name in _ENCODED:
        packed = values.pop(f"{name}_base64", None)
        values[name] = base64.b64decode(packed) if packed is not None else values[name].encode(values["encoding"])
    return msgspec.convert(values, Decision)
