"""The files of a dictionary as one sequence of bytes, whose SHA-256 is the dictionary's digest.

Decisions name the digest, and the store keeps the bytes, so that a decision can be made again where the directory has
changed long since, or never was.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from ruleset.pack.diagnostics import Diagnostic
from server.dictionary.lookup import NO_DICTIONARY, Dictionary, load_dictionary
from server.dictionary.reading import DictionaryError, file_head, files_of


def archive_of(directory: Path) -> bytes:
    """Return the files of a dictionary. Raises DictionaryError where one cannot be read."""
    parts: list[bytes] = []
    try:
        for path in files_of(directory):
            content = path.read_bytes()
            parts += [file_head(path.name, len(content)), content]
    except OSError as error:
        raise DictionaryError(str(directory), [Diagnostic(str(error.filename), 1, 1, str(error.strerror))]) from error
    return b"".join(parts)


def dictionary_of(archive: bytes) -> Dictionary:
    """Return the dictionary that an archive holds. Raises DictionaryError."""
    if not archive:
        return NO_DICTIONARY
    with tempfile.TemporaryDirectory(prefix="precheck-dictionary-") as folder:
        for name, content in _files(archive):
            (Path(folder) / name).write_bytes(content)
        return load_dictionary(folder)


def _files(archive: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(archive):
        name, size, _ = archive[at : at + 200].split(b"\0", 2)
        at += len(name) + len(size) + 2
        yield name.decode(), archive[at : at + int(size)]
        at += int(size)
