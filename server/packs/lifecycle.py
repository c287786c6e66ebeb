"""Every change of what is live, in shadow or in canary: the same on a directory and through a running server.

A change is made on files alone: what is needed is published first, then CURRENT is read, the next one made of it and
checked, and renamed into place, all under the directory's lock. It is refused as a whole (ActivationError), and done
twice it is done once.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import msgspec

from ruleset.pack.compile import LoadedPack
from ruleset.pack.file import PackDamagedError, PackFile, PackFileError
from ruleset.pack.statements import examine_layers
from server import clock
from server.packs.directory import PackDirectory
from server.packs.preparation import Published, publish
from server.packs.refusal import ActivationError
from server.packs.signing import (
    PackManifest,
    RollBack,
    SignedRollBack,
    SigningError,
    Trust,
    read_trust,
    require_signed,
)
from server.packs.sources import digest_of_sources
from server.packs.standing import require_minimum, require_standing
from server.packs.state import (
    Canary,
    Configured,
    Current,
    KeptRollBack,
    Revision,
    Withdrawal,
    judging_in,
    with_candidates,
)

PROBLEMS_SHOWN_MAX = 20


class Change(msgspec.Struct, frozen=True):
    """What a change did, in words, and what is live after it."""

    done: tuple[str, ...]
    """What was done, one English sentence each; says so where there was nothing to do."""
    live: tuple[str, ...]
    """The names of the live revisions."""
    before: tuple[str, ...]
    """Those before."""
    number: int
    """Of CURRENT."""


def read_trust_setting(path: str) -> Trust | None:
    """Return the trust file that a setting names; None where it names none. Raises ActivationError."""
    if not path:
        return None
    try:
        return read_trust(Path(path))
    except SigningError as error:
        raise ActivationError("signature", str(error)) from error


def open_verified(directory: PackDirectory, revision: Revision, trust: Trust | None) -> LoadedPack:
    """Open a published revision, its digest and signatures verified. Raises ActivationError."""
    try:
        file = PackFile(directory.file_of(revision))
        file.verify()
        if file.digest != revision.digest:
            raise ActivationError("digest", f"{revision.name}: {file.path} is another revision ({file.digest[:16]}…)")
        require_signed(PackManifest.of(file), directory.signatures_of(revision), trust, revision.name)
        return LoadedPack(file)
    except PackDamagedError as error:
        raise ActivationError("digest", f"{revision.name}: {error}") from error
    except PackFileError as error:
        raise ActivationError("engine", f"{revision.name}: {error}") from error
    except SigningError as error:
        raise ActivationError("signature", f"{revision.name}: {error}") from error
    except OSError as error:
        raise ActivationError("unreadable", f"{revision.name}: {error.filename}: {error.strerror}") from error


class Lifecycle:
    """The changes of one directory of packs. `trust` is the path of the trust file; empty: signatures are not required."""

    def __init__(self, directory: PackDirectory, trust: str = "") -> None:
        self._directory = directory
        self._trust_path = trust
        self._done: list[str] = []

    def publish(self, sources: Sequence[str]) -> Change:
        """Publish packs without changing what is live. Raises ActivationError."""
        self._resolved(sources)
        current = self._directory.read().current
        return self._change(current, current)

    def activate(
        self, names: Sequence[str], *, keep_others: bool = False, configured: Configured | None = None
    ) -> Change:
        """Make packs live: sources, or published revisions (`ID@REVISION`).

        They are all that is live afterwards, or with `keep_others` take the places of those of their ids. `configured`
        says that the setting named them. Raises ActivationError.
        """
        chosen = self._resolved(names)
        with self._directory.changing():
            before = self._directory.read().current
            live = with_candidates(before.live if keep_others else (), chosen)
            after = msgspec.structs.replace(
                before, command="activate", live=live, configured=configured or before.configured
            )
            return self._written(before, after, judging=chosen)

    def shadow(self, names: Sequence[str]) -> Change:
        """Judge recorded decisions with packs in place of the live ones of their ids; no name ends it."""
        chosen = self._resolved(names) if names else ()
        with self._directory.changing():
            before = self._directory.read().current
            since = before.shadow_since if before.shadow == chosen else _now()
            after = msgspec.structs.replace(before, command="shadow", shadow=chosen, shadow_since=since)
            return self._written(before, after, candidates=chosen)

    def canary(self, names: Sequence[str], departments: Sequence[str], stations: Sequence[str]) -> Change:
        """Let packs judge, in place of the live ones of their ids, for departments and stations; no name ends it."""
        chosen = self._resolved(names) if names else ()
        if chosen and not departments and not stations:
            raise ActivationError("request", "a canary needs a department or a station")
        with self._directory.changing():
            before = self._directory.read().current
            canary = Canary(chosen, tuple(sorted({*departments})), tuple(sorted({*stations})), _now())
            known = before.canary
            if known is not None and msgspec.structs.replace(canary, since=known.since) == known:
                canary = known
            after = msgspec.structs.replace(before, command="canary", canary=canary if chosen else None)
            return self._written(before, after, judging=chosen)

    def roll_back(self, name: str, *, reason: str, record: SignedRollBack | None = None) -> Change:
        """Make a retained revision live again though a higher one was. `name` is `ID@REVISION`, or `ID` for the last one.

        Where there is a trust file, `record` must say so and be signed. Raises ActivationError.
        """
        trust = read_trust_setting(self._trust_path)
        with self._directory.changing():
            before = self._directory.read().current
            revision = self._known(name) if "@" in name else self._last_lower(before, name)
            if revision in before.live:
                return self._written(before, before)
            mark = self.mark(before, revision.pack)
            if revision.revision >= mark:
                raise ActivationError("request", f"{revision.name} is no lower revision: activate it")
            wanted = RollBack(revision.pack, revision.revision, revision.digest, mark, reason, _now())
            self._require_record(wanted, record, trust)
            stated = record.roll_back if record is not None else wanted
            if not stated.reason:
                raise ActivationError("request", f"{revision.name}: a roll-back needs a reason")
            signatures = record.signatures if record is not None else ()
            kept = KeptRollBack(**msgspec.structs.asdict(stated), signatures=signatures)
            after = msgspec.structs.replace(
                before,
                command="roll back",
                live=with_candidates(before.live, [revision]),
                roll_backs={**before.roll_backs, revision.pack: kept},
            )
            return self._written(before, after, judging=[revision], rolled_back=revision.pack)

    def withdraw(self, name: str, *, reason: str) -> Change:
        """Say that a published revision must not be live any more. One that is live has to be replaced first."""
        if not reason:
            raise ActivationError("request", "a withdrawal needs a reason")
        with self._directory.changing():
            before = self._directory.read().current
            revision = self._known(name)
            ways_out = (
                ("live", before.live, "roll back or activate another one"),
                ("in canary", before.canary.packs if before.canary is not None else (), "`precheck pack canary --end`"),
                ("in shadow", before.shadow, "`precheck pack shadow --end`"),
            )
            for use, revisions, way_out in ways_out:
                if revision in revisions:
                    raise ActivationError("request", f"{revision.name} is {use}; first {way_out}")
            withdrawn = before.withdrawn
            if revision not in {entry.revision for entry in withdrawn}:
                withdrawn = (*withdrawn, Withdrawal(revision, reason, _now()))
                self._done.append(f"withdrawn {revision.name}: {reason}")
            after = msgspec.structs.replace(before, command="withdraw", withdrawn=withdrawn)
            return self._written(before, after)

    def follow_setting(self, paths: Sequence[str], shipped: Sequence[str], *, always: bool = False) -> Change | None:
        """Make the packs that the setting names live, or the shipped ones where it names none.

        Unless `always`, only where the setting or what it names has changed since it was followed; a setting that names
        none has nothing to say where anything is live. Returns None where there was nothing to do. Raises
        ActivationError.
        """
        configured = Configured(tuple(paths), digest_of_sources(paths))
        before = self._directory.read().current
        if not always and before.number:
            is_gone = not configured.digest
            if not paths or before.configured == configured or (is_gone and before.configured.paths == tuple(paths)):
                return None
        return self.activate(paths or shipped, configured=configured)

    # --- what the changes share

    def _resolved(self, names: Sequence[str]) -> tuple[Revision, ...]:
        """Return the revisions that names stand for, publishing those that are sources. Raises ActivationError."""
        if not names:
            raise ActivationError("request", "no pack given")
        trust = read_trust_setting(self._trust_path)
        found: list[Revision] = []
        for name in names:
            path = Path(name)
            if "@" in name and not path.exists():
                found.append(self._known(name))
            else:
                published = publish(path.absolute(), self._directory, trust)
                self._done.append(_published_text(published))
                found.append(published.facts.revision)
        ids = [revision.pack for revision in found]
        doubled = sorted({pack_id for pack_id in ids if ids.count(pack_id) > 1})
        if doubled:
            raise ActivationError("request", f"pack `{doubled[0]}` is given more than once")
        return tuple(found)

    def _known(self, name: str) -> Revision:
        revision = self._directory.find(name)
        if revision is None:
            known = ", ".join(other.name for other in self._directory.revisions(name.partition("@")[0])) or "none"
            raise ActivationError("request", f"`{name}` is no published revision; of this pack there are: {known}")
        return revision

    def _last_lower(self, current: Current, pack_id: str) -> Revision:
        """Return the last revision of a pack that was live and is lower than the one that is. Raises ActivationError."""
        below = min((revision.revision for revision in current.live if revision.pack == pack_id), default=0)
        below = below or self.mark(current, pack_id)
        withdrawn = {entry.revision for entry in current.withdrawn}
        for earlier in self._directory.journal():
            for revision in earlier.live:
                is_lower = revision.pack == pack_id and revision.revision < below and revision not in withdrawn
                if is_lower and self._directory.is_whole(revision):
                    return revision
        raise ActivationError("request", f"no lower revision of `{pack_id}` that was live is retained")

    def mark(self, current: Current, pack_id: str) -> int:
        """Return the highest revision of a pack that was ever live; the journal remembers it too."""
        return max(current.high_water.get(pack_id, 0), self._directory.marks().get(pack_id, 0))

    def _require_record(self, wanted: RollBack, record: SignedRollBack | None, trust: Trust | None) -> None:
        """Refuse a roll-back that nobody signed, where there is a trust file, or whose record is of something else."""
        what = f"roll-back of {wanted.pack} to {wanted.to_revision}"
        if record is None:
            if trust is not None:
                raise ActivationError("signature", f"{what}: there is a trust file, so it needs a signed record")
            return
        stated = record.roll_back
        same = ("pack", "to_revision", "to_digest", "high_water")
        if any(getattr(stated, name) != getattr(wanted, name) for name in same):
            text = f"the record is of {stated.pack} to {stated.to_revision} below {stated.high_water}"
            raise ActivationError("signature", f"{what} below {wanted.high_water}: {text}")
        require_signed(stated, record.signatures, trust, what)

    def _written(
        self,
        before: Current,
        after: Current,
        *,
        judging: Iterable[Revision] = (),
        candidates: Iterable[Revision] = (),
        rolled_back: str = "",
    ) -> Change:
        """Check what is to be and write it, unless it is already so; the caller holds the lock.

        `judging` are the revisions that are to answer somebody from now on, `candidates` those that answer nobody.
        """
        trust = read_trust_setting(self._trust_path)
        for revision in judging:
            pack = open_verified(self._directory, revision, trust)
            self._require_not_withdrawn(revision, before)
            require_minimum(revision, trust)
            self._require_its_turn(revision, pack.file.manifest.not_before, before, rolled_back=rolled_back)
        for revision in candidates:
            open_verified(self._directory, revision, trust)
            self._require_not_withdrawn(revision, before)
        after = self._settled(after)
        for revision in judging_in(after):  # those that stay, too: what no process would serve is not written
            require_standing(revision, after, after.high_water, trust)
        self._require_agreement(before, after, trust)
        same = msgspec.structs.replace(
            after, number=before.number, changed_at=before.changed_at, command=before.command
        )
        problem = self._directory.read().problem
        if problem:
            self._done.append(f"CURRENT was written anew: {problem}")
        elif same == before:
            return self._change(before, before)
        after = msgspec.structs.replace(after, number=before.number + 1, changed_at=_now())
        try:
            problem = self._directory.write(after)
        except OSError as error:
            raise ActivationError("current", f"{error.filename}: {error.strerror}") from error
        if problem:
            self._done.append(f"note: it is in force, but not all is written: {problem}")
        return self._change(before, after)

    def _require_not_withdrawn(self, revision: Revision, current: Current) -> None:
        for entry in current.withdrawn:
            # By its number: the same rules compiled anew have another digest, and are withdrawn all the same.
            if (entry.revision.pack, entry.revision.revision) == (revision.pack, revision.revision):
                raise ActivationError("withdrawn", f"{revision.name} was withdrawn on {entry.at}: {entry.reason}")

    def _require_its_turn(
        self, revision: Revision, first_day: date | None, current: Current, *, rolled_back: str
    ) -> None:
        """Refuse a revision that is too old or too new to answer anybody. Raises ActivationError."""
        mark = self.mark(current, revision.pack)
        if revision.revision < mark and revision.pack != rolled_back and revision not in current.live:
            text = f"{revision.name} is lower than {mark}, which was live; go back with `precheck pack rollback`"
            raise ActivationError("downgrade", text)
        if first_day is not None and _today() < first_day:
            raise ActivationError("not_before", f"{revision.name}: not before {first_day}, and today is {_today()}")

    def _require_agreement(self, before: Current, after: Current, trust: Trust | None) -> None:
        """Refuse sets of packs that state what cannot be about one another; note what is about nothing."""
        for name, old, new in zip(SETS, _sets(before), _sets(after), strict=True):
            if not new or new == old:
                continue
            report = examine_layers([open_verified(self._directory, revision, trust) for revision in new])
            if report.refused:
                shown = "\n".join(report.refused[:PROBLEMS_SHOWN_MAX])
                raise ActivationError("layers", f"{name}: the packs contradict each other:\n{shown}")
            self._done.extend(f"note: {text}" for text in report.noted[:PROBLEMS_SHOWN_MAX])

    def _settled(self, current: Current) -> Current:
        """Return the state with its marks raised, its packs in order, and without candidates that are live."""
        live = self._directory.in_order(current.live)
        canary = current.canary
        if canary is not None and all(revision in live for revision in canary.packs):
            canary = None
        shadow = () if all(revision in live for revision in current.shadow) else current.shadow
        marks = dict(current.high_water)
        for revision in live:
            marks[revision.pack] = max(revision.revision, self.mark(current, revision.pack))
        below = {revision.pack for revision in live if revision.revision < marks[revision.pack]}
        return msgspec.structs.replace(
            current,
            live=live,
            shadow=shadow,
            shadow_since=current.shadow_since if shadow else "",
            canary=canary,
            high_water=marks,
            roll_backs={pack_id: record for pack_id, record in current.roll_backs.items() if pack_id in below},
        )

    def _change(self, before: Current, after: Current) -> Change:
        done = [*self._done, *_differences(before, after)]
        names = tuple(revision.name for revision in after.live)
        return Change(
            tuple(done or ["nothing to do"]), names, tuple(revision.name for revision in before.live), after.number
        )


SETS = ("live", "canary", "shadow")


def _sets(current: Current) -> tuple[tuple[Revision, ...], ...]:
    """Return the sets of packs that judge together, in the order of SETS."""
    canary = with_candidates(current.live, current.canary.packs) if current.canary is not None else ()
    return (current.live, canary, with_candidates(current.live, current.shadow) if current.shadow else ())


def _differences(before: Current, after: Current) -> Iterable[str]:
    """Yield what a change did to the sets, in words."""
    if before.live != after.live:
        yield f"live: {_names(after.live)} (before: {_names(before.live)})"
    if before.shadow != after.shadow:
        yield f"in shadow: {_names(after.shadow)}" if after.shadow else "the shadow has ended"
    if before.canary != after.canary:
        canary = after.canary
        if canary is None:
            yield "the canary has ended"
        else:
            places = [f"department {code}" for code in canary.departments] + [f"station {s}" for s in canary.stations]
            yield f"in canary: {_names(canary.packs)} for {', '.join(places)}; `precheck pack status` counts its checks"
    for pack_id, record in after.roll_backs.items():
        if before.roll_backs.get(pack_id) != record:
            yield f"rolled back {pack_id} to {record.to_revision}: {record.reason}"


def _names(revisions: Iterable[Revision]) -> str:
    return ", ".join(revision.name for revision in revisions) or "none"


def _published_text(published: Published) -> str:
    facts = published.facts
    signed = f", signed by {', '.join(published.signed_by)}" if published.signed_by else ""
    how = "published" if published.is_new else "published before"
    return f"{how}: {facts.revision.name}, {facts.rules} rules, {facts.rows} rows, {facts.tests} tests passed{signed}"


def _now() -> str:
    return clock.now().isoformat(timespec="seconds")


def _today() -> date:
    return clock.now().date()
