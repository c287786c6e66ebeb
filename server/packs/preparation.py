"""From a source to a published revision: compiled or copied, verified, tested, put where nothing changes it any more.

A pack is always copied into the directory of packs and opened there: whoever rewrites or deletes the original changes
nothing for a running server.
"""

import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from ruleset.pack.cases import run_tests
from ruleset.pack.compile import ENGINE_VERSION, EngineError, LoadedPack, compile_pack, index_problem
from ruleset.pack.diagnostics import PackError
from ruleset.pack.file import PackDamagedError, PackFile, PackFileError
from ruleset.pack.source import PACK_ID, REVISION_MAX
from ruleset.snapshot import Snapshot
from server import clock
from server.packs.directory import PACK_FILE, PackDirectory
from server.packs.refusal import ActivationError, Reason
from server.packs.signing import (
    PackManifest,
    Signature,
    SigningError,
    Trust,
    read_signatures,
    require_signed,
    signatures_beside,
)
from server.packs.sources import copied
from server.packs.state import CurrentError, Facts, Revision

FAILURES_SHOWN_MAX = 20


class Published(NamedTuple):
    """A revision in the directory of packs."""

    facts: Facts
    is_new: bool
    signed_by: tuple[str, ...]
    """The names of the trusted keys that signed it; none where there is no trust file."""


def publish(source: Path, directory: PackDirectory, trust: Trust | None) -> Published:
    """Make a source directory or a compiled file (with its signatures beside it) a published revision.

    Equal content is published once. Raises ActivationError; then nothing was published.
    """
    try:
        with directory.preparing() as folder:
            file = _compiled(source, folder)
            facts, signatures = _verified(source, file), _signatures_of(source)
            signed_by = require_signed(PackManifest.of(file), signatures, trust, str(source))
            is_vouched = source.is_dir() or bool(signed_by)
            if not directory.is_whole(facts.revision):
                _require_other_content_is_higher(facts, source, directory, is_vouched=is_vouched)
                _require_tests_pass(source, file)
            with directory.changing():
                # Asked again: while the tests ran, another may have published its content under this number.
                if not directory.is_whole(facts.revision):
                    _require_other_content_is_higher(facts, source, directory, is_vouched=is_vouched)
                return Published(facts, directory.install(folder, facts, signatures), signed_by)
    except PackError as error:
        raise ActivationError("not_compiled", f"{source}: not compiled:\n{error}") from error
    except SigningError as error:
        raise ActivationError("signature", str(error)) from error
    except CurrentError as error:
        raise ActivationError("unreadable", str(error)) from error
    except OSError as error:
        raise ActivationError("unreadable", f"{source}: {error.strerror or error}") from error


def _compiled(source: Path, folder: Path) -> PackFile:
    """Compile or copy a source, and open the result. Raises ActivationError, PackError or OSError."""
    target = folder / PACK_FILE
    if source.is_dir():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            compile_pack(_whole_copy(source, Path(scratch)), target)
    else:
        shutil.copyfile(source, target)
    try:
        return PackFile(target)
    except PackFileError as error:
        reason: Reason = "digest" if isinstance(error, PackDamagedError) else "unreadable"
        raise ActivationError(reason, str(error).replace(str(target), str(source))) from error


def _whole_copy(source: Path, folder: Path) -> Path:
    """Return a copy of a source; a pack.toml that is none is told by the compiler. Raises ActivationError or OSError."""
    try:
        return copied(source, folder)
    except ValueError:
        return source


def _verified(source: Path, file: PackFile) -> Facts:
    """Return the facts of a compiled file that is undamaged, made for this engine and cheap enough for every check.

    Raises ActivationError.
    """
    try:
        file.verify()
    except PackFileError as error:
        raise ActivationError("digest", str(error).replace(str(file.path), str(source))) from error
    head = file.manifest
    if not PACK_ID.fullmatch(head.id) or not 0 < head.revision <= REVISION_MAX:
        raise ActivationError("unreadable", f"{source}: `{head.id[:80]}` revision {head.revision} is no pack's name")
    try:
        LoadedPack(file)
    except EngineError as error:
        raise ActivationError("engine", str(error).replace(str(file.path), str(source))) from error
    except PackFileError as error:
        raise ActivationError("unreadable", str(error).replace(str(file.path), str(source))) from error
    problem = index_problem(file)
    if problem:
        raise ActivationError("index", f"{source}: {problem}: every check would pay for them")
    return facts_of(str(source), file)


def facts_of(source: str, file: PackFile) -> Facts:
    """Return what is known of a compiled file that has been verified."""
    head = file.manifest
    return Facts(
        revision=Revision(head.id, head.revision, file.digest),
        title=head.title,
        source=source,
        source_digest=head.source_digest,
        rules=len(head.rules),
        rows=file.row_count,
        tests=sum(len(document.get("case", ())) for document in head.tests.values()),
        minimum_engine=head.minimum_engine,
        not_before=head.not_before,
        expires=head.expires,
        published_at=clock.now().isoformat(timespec="seconds"),
        engine=ENGINE_VERSION,
        layer=head.layer,
        statements=len(head.statements),
    )


def _signatures_of(source: Path) -> tuple[Signature, ...]:
    """Return the signatures beside a compiled file; a source directory has none, because what is signed is compiled."""
    return () if source.is_dir() else read_signatures(signatures_beside(source))


def _require_other_content_is_higher(facts: Facts, source: Path, directory: PackDirectory, *, is_vouched: bool) -> None:
    """Refuse a revision number that is taken by another content; what another engine compiled from it is no other.

    `is_vouched`: it was compiled here, or signed. Else what it was compiled from is only what the file says of itself.
    """
    revision = facts.revision
    for other in directory.revisions(revision.pack):
        if other.revision == revision.revision and other.digest != revision.digest:
            known = directory.facts_of(other)
            is_same = bool(facts.source_digest) and known.source_digest == facts.source_digest
            if not (is_same and is_vouched):
                text = (
                    f"{source}: revision {revision.revision} of `{revision.pack}` has been published with other content "
                    f"({other.name}, this is {revision.name}); raise `revision` in pack.toml"
                )
                raise ActivationError("equal_revision", text)


def _require_tests_pass(source: Path, file: PackFile) -> None:
    outcome = run_tests(file.manifest.tests, Snapshot([LoadedPack(file)]))
    if not outcome.passed and not outcome.failures:
        raise ActivationError("tests", f"{source}: the pack has no tests of its own")
    if not outcome.is_good:
        shown = "\n".join(str(failure) for failure in outcome.failures[:FAILURES_SHOWN_MAX])
        raise ActivationError("tests", f"{source}: {len(outcome.failures)} of the pack's own tests fail:\n{shown}")
