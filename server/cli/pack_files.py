"""Opening packs for the commands that look at them on disk."""

import tempfile
from pathlib import Path

from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile


def opened(path: str) -> LoadedPack:
    """Open a compiled pack, or compile a source directory aside and open that. Raises PackError or PackFileError."""
    place = Path(path)
    if not place.is_dir():
        return LoadedPack(PackFile(place))
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "built.pack"
        compile_pack(place, file)
        return LoadedPack(PackFile(file))
