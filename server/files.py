"""Files that are replaced whole: whoever reads one sees the old content or the new one, after a power cut too."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Let a file appear with its content, whole, and wait until it is on disk. Raises OSError; then the old one stands."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_bytes(content)
        flush(unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    flush(path.parent)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
