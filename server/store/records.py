"""What the store holds: decisions, events of histories, feedback and markers, each an entry of its writer's chain.

Fields are the columns of the tables, in their order; `server.store.schema` makes the tables from them. Times are ISO
8601 with an offset, except `effective`, which is naive in the site's time, as the fact model is.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from ruleset.case import Line, Visit


class StoreError(Exception):
    """The store could not do what was asked; nothing of it was done. The text says what and why."""


class OutcomeUnknownError(StoreError):
    """The connection was lost while something was being written: it may be in the store, or come there yet, whole."""

    def __init__(self, cause: StoreError) -> None:
        super().__init__(f"{cause}; whether it was recorded is not known")


class DuplicateRequestError(StoreError):
    """The request id has been answered meanwhile; nothing was written."""


class StaleHistoryError(StoreError):
    """The patient's history has grown since it was read; nothing was written."""


class Decision(msgspec.Struct, frozen=True):
    """One decision with all that it takes to make it again."""

    check_id: str
    request_id: str
    received_at: str
    """When it was answered, in the site's time with offset: the clock that the answer was given."""
    elapsed_us: int
    """From receipt to just before the record."""
    patient_id: str
    encounter_id: str
    message_id: str
    station_id: str
    practitioner_ids: str
    """JSON list: who orders, the encounter's doctor and those of the lines."""
    department_codes: str
    """JSON list: of the encounter and of the lines."""
    asked_format: str
    """The format that the caller named."""
    format: str
    """The format that it was judged as: a listed trig_scen outranks the caller."""
    encoding: str
    profile: str
    profile_digest: str
    dictionary_digest: str
    """Empty: there was no dictionary."""
    revision: str
    packs: str
    """JSON list of [pack id, revision, digest]."""
    engine: str
    history_position: int
    """The position of the patient's last event that was judged; -1 where the history could not be read."""
    history_changed_at: str
    """When that event was recorded; empty: there was none."""
    committed_lines: int
    verdict: int
    completeness: int
    findings: str
    """JSON list of [finding id, pack id, rule code, row id, action], in the order of the answer."""
    document: bytes
    answer: bytes
    id: int = 0
    """Writer and number; given by the store."""
    erased_by: int = 0
    """The marker under which retention erased everything above; 0: it is all there."""


class Found(msgspec.Struct, frozen=True, array_like=True):
    """One finding of a decision, as `Decision.findings` lists it."""

    finding_id: str
    pack: str
    rule: str
    row_id: str
    action: str


class Commit(msgspec.Struct, frozen=True, omit_defaults=True):
    """Lines that a message stated, and the visit that they were stated in."""

    lines: tuple[Line, ...]
    visit: Visit | None = None
    numbers: tuple[int, ...] = ()
    """At a site whose order ids are new on every call, a line is recognised by its content; so many lines of the same
    content stood before it in its message. Empty: lines are recognised by their identity."""


class VoidedLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line that was taken back, by what recognises it."""

    order_id: str
    item: str
    begin: datetime | None = None
    """None: whenever it began."""

    def matches(self, line: Line) -> bool:
        """Say whether it is a line, its encounter apart."""
        return (
            line.order_id == self.order_id
            and line.item == self.item
            and (self.begin is None or not line.begin_stated or line.begin == self.begin)
        )


class Void(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was taken back, as it was asked: it also takes back what arrives later and was stated before."""

    encounter_id: str
    order_ids: tuple[str, ...] = ()
    """Empty: every order of the encounter."""
    item_code: str = ""
    """Empty: every item."""
    lines: tuple[VoidedLine, ...] = ()
    """Only these: one day of an order that is charged every day, say. Empty: whatever the above says."""

    def matches(self, line: Line) -> bool:
        """Say whether the void takes back a line, its time apart."""
        return (
            line.encounter_id == self.encounter_id
            and (not self.lines or any(one.matches(line) for one in self.lines))
            and (not self.order_ids or line.order_id in self.order_ids)
            and (not self.item_code or line.item_code == self.item_code)
        )


class Event(msgspec.Struct, frozen=True):
    """One change of a patient's history."""

    position: int
    """Its place among all events, from 1; given by the store."""
    patient_id: str
    kind: Literal["commit", "void"]
    effective: str
    """When it holds from, ISO 8601 without offset: the message's time, else that of receipt."""
    recorded_at: str
    source: str
    """The check that committed it, or the station, and why."""
    content: bytes
    """MessagePack of a `Commit` or a `Void`."""
    id: int = 0
    erased_by: int = 0


class Feedback(msgspec.Struct, frozen=True):
    """What the doctor did about one finding."""

    finding_id: str
    disposition: Literal["continued", "went_back"]
    reason: str


class FeedbackEntry(msgspec.Struct, frozen=True):
    """Feedback as it is kept."""

    recorded_at: str
    finding_id: str
    check_id: str
    """The latest decision that gave out the finding; empty where there is none."""
    disposition: str
    reason: str
    station_id: str
    id: int = 0
    erased_by: int = 0


MarkerKind = Literal["start", "stop", "gap", "erasure"]


class Marker(msgspec.Struct, frozen=True):
    """What a chain says of itself: `content` is a JSON object, by kind.

    start: `process`, `heads` ([writer, number, chain hash] of the other chains), `migrated` after a migration.
    stop: the process ended in order. gap: so many `answers` were not recorded, `since`, `until`, `reason`, and
    `counted_by` to tell processes apart; `found`, where a later process says so for one that was killed.
    erasure: `count`, `digest` over what was erased, `before`.
    """

    kind: MarkerKind
    recorded_at: str
    content: str
    id: int = 0
    erased_by: int = 0


Entry = Decision | Event | FeedbackEntry | Marker
GIVEN = ("id", "erased_by")
"""Fields that are no content: what the store says of an entry."""


def content_fields(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the fields of a kind of entry that are its content, which is hashed."""
    return tuple(name for name in kind.__struct_fields__ if name not in GIVEN)


def content_values(entry: msgspec.Struct) -> tuple[Any, ...]:
    """Return the content of an entry, in the order of its fields."""
    return msgspec.structs.astuple(entry)[: -len(GIVEN)]
