"""The directory of packs: revisions that never change, and CURRENT, which says which of them are live.

    ID/REVISION-DIGEST16/   rules.pack (the compiled file), facts.json, signatures.json
    CURRENT                 `server.packs.state.Current`; renamed into place, so a reader sees the old one or the new one
    CURRENT.good            the same, written after it: what is taken where CURRENT is damaged
    JOURNAL                 every CURRENT there ever was, one a line, written when it is in force
    REFUSED                 why the last change was refused
    LOCK                    held (flock) by whoever changes CURRENT

Whoever reads needs no lock. Names in capitals cannot be ids of packs.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import threading
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from io import RawIOBase
from pathlib import Path
from typing import NamedTuple

import msgspec
import orjson

from ruleset.layers import LAYERS
from ruleset.pack.file import PackFile, PackFileError
from ruleset.pack.source import PACK_ID
from server import clock
from server.files import flush, write_whole
from server.packs.signing import Signature, read_signatures, signatures_text
from server.packs.state import (
    Current,
    CurrentError,
    Facts,
    Revision,
    current_text,
    raise_marks,
    read_current_text,
)

CURRENT = "CURRENT"
CURRENT_GOOD = "CURRENT.good"
JOURNAL = "JOURNAL"
LOCK = "LOCK"
REFUSED = "REFUSED"
"""The last change that was refused, until what was wanted is done: so that every process can tell."""
PACK_FILE = "rules.pack"
FACTS_FILE = "facts.json"
SIGNATURES_FILE = "signatures.json"
PREPARING = ".preparing-"
CURRENT_MAX_BYTES = 1024 * 1024


class ReadCurrent(NamedTuple):
    """What was found in place of CURRENT. `problem` says why it is not CURRENT itself; empty where it is."""

    current: Current
    problem: str


class PackDirectory:
    """The packs of one data directory. Any number of processes may use it at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    # --- revisions

    def folder_of(self, revision: Revision) -> Path:
        """Return where a revision is, or would be."""
        return self.root / revision.folder

    def file_of(self, revision: Revision) -> Path:
        """Return where the compiled file of a revision is, or would be."""
        return self.folder_of(revision) / PACK_FILE

    def revisions(self, pack_id: str = "") -> list[Revision]:
        """Return the published revisions, of one pack or of all, by id and number. A folder without facts is none."""
        pattern = f"{pack_id or '*'}/*/{FACTS_FILE}"
        found: list[Revision] = []
        for path in self._listed(pattern):
            with contextlib.suppress(OSError, msgspec.DecodeError, msgspec.ValidationError):
                revision = self._facts(path).revision
                if revision.folder == f"{path.parent.parent.name}/{path.parent.name}":
                    found.append(revision)
        return sorted(found)

    def _listed(self, pattern: str) -> list[Path]:
        """Return the files of a pattern; anew where a folder is gone while it is looked into, as preparations are."""
        while True:
            with contextlib.suppress(FileNotFoundError):
                return list(self.root.glob(pattern))

    def in_order(self, revisions: Iterable[Revision]) -> tuple[Revision, ...]:
        """Return revisions in the order of their layers, as a snapshot has them; what is not there comes last."""

        def place(revision: Revision) -> tuple[int, str]:
            with contextlib.suppress(CurrentError):
                return LAYERS.index(self.facts_of(revision).layer), revision.pack
            return len(LAYERS), revision.pack

        return tuple(sorted(revisions, key=place))

    def find(self, name: str) -> Revision | None:
        """Return the revision that `ID@REVISION`, or `ID@REVISION+DIGEST` with any beginning of the digest, names.

        None where there is no such one, or several.
        """
        pack_id, _, rest = name.partition("@")
        number, _, digest = rest.partition("+")
        if not PACK_ID.fullmatch(pack_id) or not number.isdecimal():
            return None
        found = [
            revision
            for revision in self.revisions(pack_id)
            if revision.revision == int(number) and revision.digest.startswith(digest)
        ]
        return found[0] if len(found) == 1 else None

    def facts_of(self, revision: Revision) -> Facts:
        """Return what is known of a published revision. Raises CurrentError where it is not there."""
        path = self.folder_of(revision) / FACTS_FILE
        try:
            return self._facts(path)
        except OSError as error:
            raise CurrentError(f"{revision.name}: {path}: {error.strerror}") from error
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise CurrentError(f"{revision.name}: {path}: damaged: {error}") from error

    @staticmethod
    def _facts(path: Path) -> Facts:
        return msgspec.json.decode(path.read_bytes(), type=Facts)

    def signatures_of(self, revision: Revision) -> tuple[Signature, ...]:
        """Return the signatures of a published revision. Raises SigningError."""
        return read_signatures(self.folder_of(revision) / SIGNATURES_FILE)

    def preparing(self) -> "contextlib.AbstractContextManager[Path]":
        """Give a folder to prepare a revision in; whatever is still there at the end is removed."""
        return self._preparing()

    @contextlib.contextmanager
    def _preparing(self) -> Iterator[Path]:
        self.root.mkdir(parents=True, exist_ok=True)
        self._forget_killed()
        folder = self.root / f"{PREPARING}{os.getpid()}-{threading.get_ident()}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _forget_killed(self) -> None:
        """Remove what a preparation left that was killed: of a process that is no more."""
        for left in self.root.glob(f"{PREPARING}*"):
            pid = left.name.removeprefix(PREPARING).partition("-")[0]
            if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
                shutil.rmtree(left, ignore_errors=True)

    def install(self, prepared: Path, facts: Facts, signatures: Iterable[Signature]) -> bool:
        """Move a prepared folder, in which the compiled file is, to its place; say whether it is new.

        A revision that is there already, and whole, stays as it is, but for signatures that it gains. Raises OSError.
        """
        target = self.folder_of(facts.revision)
        if self.is_whole(facts.revision):
            known = self.signatures_of(facts.revision)
            added = [signature for signature in signatures if signature not in known]
            if added:
                write_whole(target / SIGNATURES_FILE, signatures_text([*known, *added]))
            return False
        options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        write_whole(prepared / SIGNATURES_FILE, signatures_text(signatures))
        write_whole(prepared / FACTS_FILE, orjson.dumps(msgspec.to_builtins(facts), option=options))
        flush(prepared / PACK_FILE)
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            target.rename(prepared.with_name(f"{prepared.name}-damaged"))
        try:
            prepared.rename(target)
        except OSError:
            if not self.is_whole(facts.revision):  # else another process was faster, with the same content
                raise
        shutil.rmtree(prepared.with_name(f"{prepared.name}-damaged"), ignore_errors=True)
        flush(target.parent)
        return True

    def is_whole(self, revision: Revision) -> bool:
        """Say whether a revision is published and its file undamaged."""
        try:
            self.facts_of(revision)
            file = PackFile(self.file_of(revision))
            file.verify()
        except (CurrentError, PackFileError, OSError):
            return False
        return file.digest == revision.digest

    def remove(self, revision: Revision) -> bool:
        """Delete a revision that no process holds; say whether it is gone. Raises OSError."""
        folder = self.folder_of(revision)
        try:
            with self.file_of(revision).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Out of sight in one step, and then forgotten like a preparation that was killed, if this process is.
                aside = self.root / f"{PREPARING}{os.getpid()}-{threading.get_ident()}-old"
                folder.rename(aside)
        except FileNotFoundError:
            return False  # damaged: whoever publishes it again replaces it
        except BlockingIOError:
            return False
        shutil.rmtree(aside, ignore_errors=True)
        with contextlib.suppress(OSError):
            folder.parent.rmdir()
        return True

    # --- what is live

    def content(self) -> bytes | None:
        """Return the bytes of CURRENT; None where there is none. Raises OSError."""
        try:
            with (self.root / CURRENT).open("rb") as file:
                return file.read(CURRENT_MAX_BYTES)
        except FileNotFoundError:
            return None

    def read(self) -> ReadCurrent:
        """Return CURRENT; where it is damaged, its good copy, else the last good line of the journal.

        Where there is none of them, nothing was ever live.
        """
        problem = ""
        for name in (CURRENT, CURRENT_GOOD):
            path = self.root / name
            try:
                return ReadCurrent(read_current_text(path.read_bytes()), problem)
            except FileNotFoundError:
                if name == CURRENT and (self.root / CURRENT_GOOD).exists():
                    problem = f"{path}: is missing"
            except CurrentError as error:
                problem = problem or f"{path}: {error}"
            except OSError as error:
                problem = problem or f"{path}: {error.strerror}"
        return ReadCurrent(next(self.journal(), Current()), problem)

    def journal(self) -> Iterator[Current]:
        """Yield every CURRENT there was, the newest first; damaged lines are left out, and blank ones.

        The one that is in force now may be missing, until the next one who holds the lock has written it.
        """
        try:
            lines = (self.root / JOURNAL).read_bytes().splitlines()
        except OSError:
            return
        for line in reversed(lines):
            with contextlib.suppress(CurrentError):
                yield read_current_text(line)

    def marks(self) -> dict[str, int]:
        """Return the highest revision of each pack that was ever live: what CURRENT says, or any line of the journal."""
        marks: dict[str, int] = {}
        for state in (self.read().current, *self.journal()):
            raise_marks(marks, state.high_water)
        return marks

    def remember_refusal(self, verb: str, reason: str, text: str) -> None:
        """Keep why a change was refused, for the status of every process. Raises OSError."""
        self.root.mkdir(parents=True, exist_ok=True)
        refused = {"at": clock.now().isoformat(timespec="seconds"), "verb": verb, "reason": reason, "text": text}
        write_whole(self.root / REFUSED, orjson.dumps(refused, option=orjson.OPT_APPEND_NEWLINE))

    def forget_refusal(self, verbs: Collection[str]) -> None:
        """Forget the last refusal where it was of one of these: what was wanted has been done since. Raises OSError."""
        refused = self._refused()
        if refused is not None and refused["verb"] in verbs:
            (self.root / REFUSED).unlink(missing_ok=True)

    def refusal(self) -> str:
        """Return why the last change was refused, which one and when; empty where it was not."""
        refused = self._refused()
        if refused is None:
            return ""
        return f"refused at {refused['at']}: {refused['verb'].replace('_', ' ')}: {refused['text']}"

    def _refused(self) -> dict[str, str] | None:
        try:
            return msgspec.json.decode((self.root / REFUSED).read_bytes(), type=dict[str, str])
        except (OSError, msgspec.DecodeError, msgspec.ValidationError):
            return None

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock without which nobody changes CURRENT; waits for whoever has it. Raises OSError."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with contextlib.suppress(OSError):  # whoever changes something asks again, and then it must be so
                self._catch_up()
            yield

    def write(self, current: Current) -> str:
        """Make this the CURRENT; the caller holds the lock. Raises OSError; then the old one stands, and no line says else.

        Returns what went wrong once it was in force; empty where nothing did. The journal's line is written only then,
        over blanks that take up its room before: so no line is of a change that was refused, and a disk that is full
        refuses the change instead of losing the line. Whoever is killed between leaves blanks, which say nothing, or a
        CURRENT whose line the next one writes who holds the lock.
        """
        self._catch_up()
        line, content = current_text(current, indented=False), current_text(current, indented=True)
        place = self._append(b" " * (len(line) - 1) + b"\n")
        problems: list[OSError] = []
        try:
            write_whole(self.root / CURRENT, content)
        except OSError as error:
            if self.content() != content:
                self._cut(place)
                raise
            problems.append(error)  # it is in force all the same: only its name may not be on disk yet
        for write in (
            partial(self._write_line, place, line),
            partial(write_whole, self.root / CURRENT_GOOD, content),
        ):
            try:
                write()
            except OSError as error:
                problems.append(error)
        return "; ".join(f"{error.filename or self.root}: {error.strerror}" for error in problems)

    def _catch_up(self) -> None:
        """Write what a change could not once it was in force: the journal's line of CURRENT. Raises OSError."""
        current = self.read().current
        if current.number > next((state.number for state in self.journal()), 0):
            self._append(current_text(current, indented=False))

    def _append(self, line: bytes) -> int:
        """Add a line to the journal and return where it begins. Raises OSError; then the journal is as it was."""
        with (self.root / JOURNAL).open("ab", buffering=0) as journal:
            end = journal.tell()
            # Where a process was killed while it wrote a line, that one ends here.
            separator = b"\n" if end and not self._ends_with_a_line() else b""
            try:
                _write_to_disk(journal, separator + line)
            except OSError:
                self._cut(end)
                raise
        return end + len(separator)

    def _write_line(self, place: int, line: bytes) -> None:
        with (self.root / JOURNAL).open("r+b", buffering=0) as journal:
            journal.seek(place)
            _write_to_disk(journal, line)

    def _cut(self, end: int) -> None:
        """Take off what the journal has beyond a place: best effort, since what is left there says nothing."""
        with contextlib.suppress(OSError):
            os.truncate(self.root / JOURNAL, end)

    def _ends_with_a_line(self) -> bool:
        with (self.root / JOURNAL).open("rb") as journal:
            journal.seek(-1, os.SEEK_END)
            return journal.read(1) == b"\n"


def _write_to_disk(file: RawIOBase, content: bytes) -> None:
    """Write all of it and wait until it is on disk. Raises OSError."""
    written = file.write(content)
    if written != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), JOURNAL)
    os.fsync(file.fileno())
