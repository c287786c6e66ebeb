"""What an operator is told of the packs, the same from a running server and from a directory."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Literal

import msgspec

from server.packs.directory import PackDirectory
from server.packs.signing import PackManifest, SigningError, Trust, is_good, trusted_for
from server.packs.state import Current, CurrentError, Facts, Revision, with_candidates

EXPIRY_WARNING_DAYS = 30
"""So long before a pack expires the status says so."""

Use = Literal["live", "canary", "shadow", "retained", "withdrawn"]


class PackStatus(msgspec.Struct, frozen=True):
    """One published revision; the fields are those of `precheck.v1.PackStatus`."""

    id: str
    revision: int
    digest: str
    name: str
    use: Use
    source: str = ""
    title: str = ""
    rules: int = 0
    rows: int = 0
    tests: int = 0
    published_at: str = ""
    signed_by: tuple[str, ...] = ()
    not_before: str = ""
    expires: str = ""
    stale: bool = False
    high_water: int = 0
    notes: tuple[str, ...] = ()


class CanaryStatus(msgspec.Struct, frozen=True):
    """For whom a canary judges; the fields are those of `precheck.v1.CanaryStatus`."""

    departments: tuple[str, ...]
    stations: tuple[str, ...]
    since: str
    revision: str
    checks: int | None = None
    """How many it has judged since it began, in this process; None where no process is asked."""


class ShadowStatus(msgspec.Struct, frozen=True):
    """What is judged in shadow; the fields are those of `precheck.v1.ShadowStatus`."""

    revision: str
    since: str
    decisions: int
    affected: int
    added: int
    removed: int
    changed: int
    popups_added: int
    popups_removed: int
    behind_seconds: float
    problem: str


class Status(msgspec.Struct, frozen=True):
    """The packs as a whole; the fields are those of `precheck.v1.GetStatusResponse` about packs."""

    revision: str
    number: int
    packs: tuple[PackStatus, ...]
    other_packs: tuple[PackStatus, ...]
    canary: CanaryStatus | None
    trust: str
    shadow: ShadowStatus | None = None


def status_of(directory: PackDirectory, current: Current, trust: Trust | None, trust_path: str, today: date) -> Status:
    """Return the status of a state that is (or would be) served."""
    live = tuple(_status(directory, revision, "live", current, trust, today) for revision in current.live)
    others = tuple(
        _status(directory, revision, _use_of(revision, current), current, trust, today)
        for revision in directory.revisions()
        if revision not in current.live
    )
    canary = current.canary
    judging = with_candidates(current.live, canary.packs) if canary is not None else ()
    return Status(
        _joined(current.live),
        current.number,
        live,
        others,
        CanaryStatus(canary.departments, canary.stations, canary.since, _joined(directory.in_order(judging)))
        if canary
        else None,
        trust_path,
    )


def _joined(revisions: Iterable[Revision]) -> str:
    return ",".join(revision.name for revision in revisions)


def _use_of(revision: Revision, current: Current) -> Use:
    if current.canary is not None and revision in current.canary.packs:
        return "canary"
    if revision in current.shadow:
        return "shadow"
    return "withdrawn" if any(entry.revision == revision for entry in current.withdrawn) else "retained"


def _status(
    directory: PackDirectory, revision: Revision, use: Use, current: Current, trust: Trust | None, today: date
) -> PackStatus:
    named = PackStatus(revision.pack, revision.revision, revision.digest, revision.name, use)
    try:
        facts = directory.facts_of(revision)
        signed_by = _signed_by(directory, facts, trust)
    except (CurrentError, SigningError) as error:
        return msgspec.structs.replace(named, notes=(str(error),))
    return msgspec.structs.replace(
        named,
        source=facts.source,
        title=facts.title,
        rules=facts.rules,
        rows=facts.rows,
        tests=facts.tests,
        published_at=facts.published_at,
        signed_by=signed_by,
        not_before=facts.not_before.isoformat() if facts.not_before is not None else "",
        expires=facts.expires.isoformat() if facts.expires is not None else "",
        stale=facts.expires is not None and today >= facts.expires,
        high_water=current.high_water.get(revision.pack, 0),
        notes=tuple(_notes(facts, use, current, today)),
    )


def _signed_by(directory: PackDirectory, facts: Facts, trust: Trust | None) -> tuple[str, ...]:
    """Return the names of the trusted keys that signed a revision. Raises SigningError."""
    trusted = trusted_for(trust, facts.revision.pack) if trust is not None else None
    if trust is None or trusted is None:
        return ()
    names = {trust.keys[name]: name for name in trusted.keys}
    about = PackManifest(
        facts.revision.digest,
        facts.revision.pack,
        facts.revision.revision,
        facts.not_before,
        facts.expires,
        facts.minimum_engine,
    )
    signed = {
        names[one.key] for one in directory.signatures_of(facts.revision) if one.key in names and is_good(about, one)
    }
    return tuple(sorted(signed))


def _notes(facts: Facts, use: Use, current: Current, today: date) -> Iterator[str]:
    revision = facts.revision
    if facts.expires is not None and use in ("live", "canary"):
        left = (facts.expires - today).days
        if left <= 0:
            yield f"STALE since {facts.expires}: it goes on judging, and every answer says so"
        elif left <= EXPIRY_WARNING_DAYS:
            yield f"expires on {facts.expires}, in {left} days"
    if facts.statements:
        yield f"states something about {facts.statements} rows or rules of lower layers"
    record = current.roll_backs.get(revision.pack)
    if use == "live" and record is not None:
        yield f"rolled back on {record.made_at} from {record.high_water}: {record.reason}"
    for entry in current.withdrawn:
        if entry.revision == revision:
            yield f"withdrawn on {entry.at}: {entry.reason}"
