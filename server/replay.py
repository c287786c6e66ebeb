"""Decide again what was decided: the same document, profile, dictionary, history and clock, by the same packs or others.

By the packs that it was made with, a decision gives the same bytes. By others it shows what they would have changed.
"""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from ruleset.case import Case
from ruleset.outcome import Result
from ruleset.pack.compile import LoadedPack
from ruleset.pack.file import PackFile, PackFileError
from ruleset.snapshot import Snapshot
from ruleset.timeline import EMPTY, Timeline
from server import deciding
from server.deciding import Around, History, Read, Request
from server.dictionary.archive import dictionary_of
from server.dictionary.enrichment import enrich
from server.dictionary.history import EnrichedHistories
from server.dictionary.lookup import NO_DICTIONARY, Dictionary
from server.dictionary.reading import DictionaryError
from server.entrance.text import EntranceError
from server.folding import folded
from server.profile import Profile, ProfileError, profile_of
from server.store import Decision, Event, Ready

_pack_parts = msgspec.json.Decoder(list[tuple[str, int, str]]).decode


class ReplayError(Exception):
    """A decision that cannot be made again. The text says what is missing, or no longer what it was."""


FACTS = "facts"
"""The format of a decision of which only the facts are left: `server.corpus`, masked."""


class Source(Protocol):
    """Where a decision was made: a `server.store.Store`, or a line of a corpus (`server.corpus`)."""

    @property
    def ready(self) -> Ready:
        """What was made of its contents: one for each store or corpus, whose contents another may lack."""

    def content(self, digest: str) -> bytes | None:
        """Return a profile or a dictionary, or None."""

    def events(self, patient_id: str, *, up_to: int | None = None) -> list[Event]:
        """Return the events of a patient's history up to a position."""


class Redecision(NamedTuple):
    """A decision made again."""

    answer: bytes
    result: Result
    case: Case
    """The case as it was judged, with the dictionary's facts."""


class Judged(NamedTuple):
    """What a decision was made of, with the dictionary's facts in case and history."""

    document: Read
    case: Case
    history: History


class _Only:
    """The one profile that a decision was made with, whatever is asked for."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def select(self, _name: str, _facility: str) -> Profile:
        """Return it."""
        return self._profile


Made = TypeVar("Made")


def redecide(decision: Decision, snapshot: Snapshot, source: Source) -> Redecision:
    """Make a decision again by a snapshot of packs. Raises ReplayError or StoreError.

    With the packs of `own_packs` the answer is `decision.answer`, byte for byte; see `differences`.
    """
    document, case, history = judged(decision, source)
    result = deciding.judge(case, document.profile, history, snapshot)
    answered_at = dt.datetime.fromisoformat(decision.received_at)
    around = Around(decision.check_id, answered_at, decision.committed_lines)
    try:
        written, _ = deciding.answer(document, case, result, history, snapshot, around)
    except EntranceError as error:
        raise ReplayError(f"decision {decision.check_id}: {error}") from error
    return Redecision(written, result, case)


def judged(decision: Decision, source: Source) -> Judged:
    """Return what a decision was made of. Raises ReplayError or StoreError."""
    if decision.erased_by:
        raise ReplayError(f"decision {decision.check_id}: its content was erased by retention")
    if not decision.profile_digest:
        raise ReplayError(f"decision {decision.check_id}: it was recorded before its profile and its packs were")
    profile = _profile(decision, source)
    dictionary = _dictionary(decision, source)
    try:
        document = _read(decision, profile)
    except (EntranceError, ProfileError, msgspec.DecodeError) as error:
        raise ReplayError(f"decision {decision.check_id}: its document can no longer be read: {error}") from error
    case = enrich(document.case, dictionary).case
    if decision.history_position < 0:
        return Judged(document, case, History(Timeline(), "", is_known=False))
    timeline = EnrichedHistories(dictionary).of(decision.patient_id, seen(decision, source))
    return Judged(document, case, History(timeline, decision.history_changed_at))


def _read(decision: Decision, profile: Profile) -> Read:
    if decision.asked_format == FACTS:
        return Read(msgspec.json.decode(decision.document, type=Case), profile, None, "utf-8")
    request = Request(
        decision.document,
        decision.asked_format,  # type: ignore[arg-type]
        decision.encoding,  # type: ignore[arg-type]
        decision.profile,
        decision.station_id,
        decision.request_id,
    )
    return deciding.read(request, _Only(profile))


def seen(decision: Decision, source: Source) -> Timeline:
    """Return the stored lines and visits that a decision saw, as they were committed. Raises StoreError."""
    if not decision.patient_id or decision.history_position <= 0:
        return EMPTY
    return folded(source.events(decision.patient_id, up_to=decision.history_position)).timeline


def _profile(decision: Decision, source: Source) -> Profile:
    def make(content: bytes) -> Profile:
        try:
            return profile_of(decision.profile, content)
        except ProfileError as error:
            raise ReplayError(f"decision {decision.check_id}: {error}") from error

    return _made(f"profile `{decision.profile}`", decision.profile, decision.profile_digest, source, make)


def _dictionary(decision: Decision, source: Source) -> Dictionary:
    if not decision.dictionary_digest:
        return NO_DICTIONARY

    def make(content: bytes) -> Dictionary:
        try:
            return dictionary_of(content)
        except DictionaryError as error:
            raise ReplayError(f"decision {decision.check_id}: its dictionary can no longer be read: {error}") from error

    return _made("dictionary", "", decision.dictionary_digest, source, make)


def _made(what: str, name: str, digest: str, source: Source, make: Callable[[bytes], Made]) -> Made:
    """Return what a kept content makes."""
    known: Made | None = source.ready.get(name, digest)
    if known is not None:
        return known
    content = source.content(digest)
    if content is None:
        raise ReplayError(f"the store does not have the {what} with digest {digest}")
    made = make(content)
    source.ready.keep(name, digest, made)
    return made


def own_packs(decision: Decision, folder: Path) -> Snapshot:
    """Return the packs that a decision was made with, from the packs of a data directory. Raises ReplayError."""
    return Snapshot([_pack(*parts, folder) for parts in _pack_parts(decision.packs or "[]")])


def _pack(pack_id: str, revision: int, digest: str, folder: Path) -> LoadedPack:
    """Return one pack by its digest, wherever below the folder it is kept."""
    for path in sorted(folder.rglob("*.pack")):
        if digest[:16] not in str(path.relative_to(folder)):
            continue
        try:
            file = PackFile(path)
            if file.digest == digest:
                return LoadedPack(file)
        except (PackFileError, OSError):
            continue
    raise ReplayError(
        f"pack {pack_id}@{revision} with digest {digest} is not in {folder}: removed there, or judged elsewhere"
    )


def differences(decision: Decision, again: Redecision) -> list[str]:
    """Say how the answer of a redecision differs from the recorded one, and what may be why; nothing where it does not."""
    if again.answer == decision.answer:
        return []
    found: list[str] = []
    if decision.engine != deciding.engine():
        found.append(f"engine: decided by `{decision.engine}`, this is `{deciding.engine()}`")
    try:
        before, after = (
            msgspec.json.decode(answer.decode("gb18030" if decision.encoding == "gb18030" else "utf-8"))
            for answer in (decision.answer, again.answer)
        )
    except ValueError:
        return [*found, f"the recorded answer is no JSON of {len(decision.answer)} bytes"]
    found.extend(_unequal(before, after, "answer"))
    return found or ["the same values in other bytes"]


def _unequal(before: Any, after: Any, path: str) -> list[str]:
    """Name the places at which two JSON values differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = [*before, *(name for name in after if name not in before)]
        return [text for name in names for text in _unequal(before.get(name), after.get(name), f"{path}.{name}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [text for number, (one, other) in pairs for text in _unequal(one, other, f"{path}[{number}]")]
    if before == after:
        return []
    return [f"{path}: was {_short(before)}, is {_short(after)}"]


SHOWN_CHARACTERS = 200


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}… ({len(text)} characters)"
