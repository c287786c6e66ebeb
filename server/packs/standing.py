"""What may judge where there is a trust file: not only what was signed, but what was signed and is not older than it may be.

Asked when the packs are changed, and by every process when it opens what CURRENT names: who can write the directory of packs can
write a CURRENT too.
"""

from collections.abc import Mapping

from server.packs.refusal import ActivationError
from server.packs.signing import Trust, require_signed, trusted_for
from server.packs.state import Current, Revision


def require_standing(revision: Revision, current: Current, marks: Mapping[str, int], trust: Trust | None) -> None:
    """Refuse what is withdrawn, or lower than what was live and let back in by no signed record. Raises ActivationError.

    `marks` are the highest revisions by pack that were ever live, as far as anybody knows. Without a trust file there is
    nothing to hold CURRENT against.
    """
    if trust is None:
        return
    require_minimum(revision, trust)
    for entry in current.withdrawn:
        if (entry.revision.pack, entry.revision.revision) == (revision.pack, revision.revision):
            raise ActivationError("withdrawn", f"{revision.name} was withdrawn on {entry.at}: {entry.reason}")
    mark = marks.get(revision.pack, 0)
    if revision.revision >= mark:
        return
    kept = current.roll_backs.get(revision.pack)
    wanted = (revision.revision, revision.digest, mark)
    if kept is None or (kept.to_revision, kept.to_digest, kept.high_water) != wanted:
        text = f"{revision.name} is lower than {mark}, which was live, and no roll-back record in CURRENT lets it back"
        raise ActivationError("downgrade", text)
    require_signed(kept.record, kept.signatures, trust, f"roll-back of {revision.pack} to {revision.revision}")


def require_minimum(revision: Revision, trust: Trust | None) -> None:
    """Refuse a revision below the lowest that the trust file lets judge. Raises ActivationError."""
    trusted = trusted_for(trust, revision.pack) if trust is not None else None
    if trusted is not None and revision.revision < trusted.minimum_revision:
        text = f"{revision.name}: the trust file has minimum_revision {trusted.minimum_revision} for this pack"
        raise ActivationError("downgrade", text)
