"""Decisions made again by two sets of packs, and what differs counted: over past decisions, or as they come."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from ruleset.pack.compile import LoadedPack
from ruleset.pack.difference import PackDifference, difference
from ruleset.snapshot import Snapshot
from server import deciding, replay
from server.dictionary.archive import dictionary_of
from server.dictionary.lookup import Dictionary
from server.dictionary.reading import DictionaryError
from server.packs.comparison import Tally, add, not_compared
from server.store import Decision

DAY_CHARACTERS = len("2026-07-01")


class Names:
    """What departments and doctors are called, by the dictionaries that decisions were made with."""

    def __init__(self) -> None:
        self.by_code: dict[str, str] = {}
        self._read: set[str] = set()

    def learn(self, decision: Decision, source: replay.Source) -> None:
        """Take the names of a decision's dictionary, once for each."""
        digest = decision.dictionary_digest
        if not digest or digest in self._read:
            return
        self._read.add(digest)
        content = source.content(digest)
        if content is None:
            return
        try:
            self.by_code.update(names_of(dictionary_of(content)))
        except DictionaryError:
            return


def names_of(dictionary: Dictionary) -> Mapping[str, str]:
    """Return what a dictionary calls departments and doctors, by code and id."""
    departments = {coded.code: coded.name for coded in (dictionary.departments or {}).values()}
    practitioners = (doctor.practitioner for doctor in (dictionary.doctors or {}).values())
    doctors = {one.id: one.name for one in practitioners if one is not None}
    return {code: name for code, name in {**departments, **doctors}.items() if name}


def redecide_all(
    told: Iterable[tuple[Decision, replay.Source]],
    before: Snapshot,
    after: Snapshot,
    tally: Tally,
    names: Names,
    each: Callable[[], None] = lambda: None,
) -> None:
    """Make every decision again by both sets and count; `each` is called after each. Raises what the source raises."""
    for decision, source in told:
        redecide_one(decision, source, before, after, tally, names)
        each()


def redecide_one(
    decision: Decision, source: replay.Source, before: Snapshot, after: Snapshot, tally: Tally, names: Names
) -> None:
    """Make one decision again by both sets and count what differs. Raises StoreError."""
    try:
        judged = replay.judged(decision, source)
    except replay.ReplayError as error:
        not_compared(tally, str(error).partition(": ")[2] or str(error))
        return
    names.learn(decision, source)
    first, second = (
        deciding.judge(judged.case, judged.document.profile, judged.history, snapshot) for snapshot in (before, after)
    )
    add(tally, decision.received_at[:DAY_CHARACTERS], judged.case, first, second)


def differences(before: Sequence[LoadedPack], after: Sequence[LoadedPack]) -> list[PackDifference]:
    """Return what changed in each pack that two sets have in different revisions; of one pack each, in that."""
    if len(before) == len(after) == 1:
        pairs = [(before[0], after[0])]
    else:
        old = {pack.id: pack for pack in before}
        pairs = [(old[pack.id], pack) for pack in after if pack.id in old]
    return [difference(one, other) for one, other in pairs if one.file.digest != other.file.digest]
