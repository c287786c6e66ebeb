"""Sources of packs as they stand on disk, where whoever owns them may be writing at this moment."""

import contextlib
import hashlib
import shutil
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from ruleset.pack.compile import ENGINE_VERSION
from ruleset.pack.file import MAGIC
from ruleset.pack.source import PACK_ID
from server.packs.refusal import ActivationError

PARTS = ("pack.toml", "substances.csv", "rules/*.toml", "rows/*.csv", "lists/*.csv", "overrides/*.csv", "tests/*.toml")
"""What of a source is read."""
COPIES_MAX = 5
"""How often a source that changes while it is copied is copied anew."""
COPY_AGAIN_S = 0.1


def digest_of_sources(paths: Sequence[str]) -> str:
    """Return a digest of what stands at some paths, and of what would compile it; empty where one is not there."""
    digest = hashlib.sha256(f"{ENGINE_VERSION} {MAGIC.decode()}".encode())
    try:
        for path in map(Path, paths):
            digest.update(digest_of(path).encode())
    except (OSError, ValueError):
        return ""
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    """Return a digest of a compiled file, or of everything that a source is compiled from. Raises OSError or ValueError."""
    digest = hashlib.sha256()
    for name, file in _files(path) if path.is_dir() else [("", path)]:
        with file.open("rb") as opened:
            digest.update(f"{name}\0{hashlib.file_digest(opened, 'sha256').hexdigest()}\0".encode())
    return digest.hexdigest()


def copied(source: Path, folder: Path) -> Path:
    """Copy a source as it was at one moment, with the rules that it borrows; return the copy.

    A directory that is being replaced would give a pack that nobody wrote, half of the one and half of the other; so
    what was copied has to be what was there before and after. Raises ActivationError, OSError or ValueError.
    """
    for number in range(COPIES_MAX):
        target = folder / f"source-{number}" / source.name
        target.mkdir(parents=True)
        with contextlib.suppress(FileNotFoundError):  # a file went while it was copied
            before = digest_of(source)
            for name, file in _files(source):
                place = target / name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)
            if digest_of(target) == before == digest_of(source):
                return target
        time.sleep(COPY_AGAIN_S)
    raise ActivationError("unreadable", f"{source}: changes while it is read; publish it when it is whole")


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files that a source is compiled from, with their places relative to it. Raises OSError or ValueError."""
    for pattern in PARTS:
        for file in sorted(source.glob(pattern)):
            yield str(file.relative_to(source)), file
    head = source / "pack.toml"
    neighbour = tomllib.loads(head.read_text(encoding="utf-8")).get("rules_of") if head.is_file() else None
    if isinstance(neighbour, str) and PACK_ID.fullmatch(neighbour):
        beside = source.absolute().parent / neighbour
        for file in (beside / "pack.toml", *sorted((beside / "rules").glob("*.toml"))):
            if file.is_file():
                yield str(Path("..") / file.relative_to(beside.parent)), file
