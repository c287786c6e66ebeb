"""The packs in force: prepared aside, verified, tested, then swapped by one reference.

A pack is always copied into the data directory first, under its revision and digest, and opened there: whoever
rewrites or deletes the original changes nothing for a running server. Compiling and testing happen in a process of
their own, so a check never waits for them. A pack that fails leaves the packs in force as they are.
"""

import gc
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ruleset.pack.cases import run_tests
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.diagnostics import PackError
from ruleset.pack.file import PackFile, PackFileError
from ruleset.snapshot import Snapshot
from server import clock

PREPARATION_MAX_S = 600
FAILURES_SHOWN_MAX = 20
SHIPPED_PACKS = Path(__file__).resolve().parent.parent / "ruleset" / "packs"
DEFAULT_PACKS = ("nhsa",)


class ActivationError(Exception):
    """Packs that cannot be activated. The text says which and why; the packs in force did not change."""


class ActivePack(NamedTuple):
    """One pack in force and where it was given."""

    pack: LoadedPack
    source: str


def default_paths() -> tuple[str, ...]:
    """Return the packs that ship with the product."""
    return tuple(str(SHIPPED_PACKS / name) for name in DEFAULT_PACKS)


def prepare(source: Path, folder: Path) -> Path:
    """Compile or copy one pack into `folder`, verify it and run its own tests; return the file.

    The file's name has the pack's revision and digest, so equal content is prepared once and nothing is ever
    overwritten with something else. Raises ActivationError.
    """
    unnamed = folder / f"unnamed-{clock.now_ms()}-{threading.get_ident()}.pack"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            if source.is_dir():
                compile_pack(source, unnamed)
            else:
                shutil.copyfile(source, unnamed)
            file = PackFile(unnamed)
            file.verify()
            pack = LoadedPack(file)
            outcome = run_tests(file.manifest.tests, Snapshot([pack]))
            if not outcome.passed and not outcome.failures:
                raise ActivationError(f"{source}: the pack has no tests of its own")
            if not outcome.is_good:
                shown = "\n".join(str(failure) for failure in outcome.failures[:FAILURES_SHOWN_MAX])
                raise ActivationError(f"{source}: {len(outcome.failures)} of the pack's own tests fail:\n{shown}")
            target = folder / f"{file.manifest.id}-{file.manifest.revision}-{file.digest[:16]}.pack"
            unnamed.replace(target)
            return target
        finally:
            unnamed.unlink(missing_ok=True)
    except PackError as error:
        raise ActivationError(f"{source}: not compiled:\n{error}") from error
    except PackFileError as error:
        raise ActivationError(str(error).replace(str(unnamed), str(source))) from error
    except OSError as error:
        raise ActivationError(f"{source}: {error.strerror or error}") from error


class PackHolder:
    """Holds the snapshot in force. Publishing is one attribute store; a check reads it once and keeps what it read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changing = threading.Lock()
        self._snapshot = Snapshot([])
        self.active: tuple[ActivePack, ...] = ()
        self.activated_at: datetime | None = None
        self.last_error = ""
        self._preparation: subprocess.Popen[str] | None = None
        self._cancelled = False

    def cancel(self) -> None:
        """End a preparation that is under way, and refuse further ones: the server is ending."""
        self._cancelled = True
        preparation = self._preparation
        if preparation is not None:
            preparation.kill()

    def _prepare_aside(self, source: Path) -> Path:
        """Do what `prepare` does, in a process of its own that `cancel` can end."""
        command = [sys.executable, "-m", "server.packs", str(source), str(self._folder)]
        with subprocess.Popen(  # noqa: S603 - our own module, with two paths
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as preparation:
            self._preparation = preparation
            try:
                if self._cancelled:
                    preparation.kill()
                output, errors = preparation.communicate(timeout=PREPARATION_MAX_S)
            except subprocess.TimeoutExpired:
                preparation.kill()
                raise ActivationError(f"{source}: not prepared within {PREPARATION_MAX_S} s") from None
            finally:
                self._preparation = None
        if self._cancelled:
            raise ActivationError(f"{source}: the server is ending")
        try:
            outcome = json.loads(output)
        except ValueError:
            raise ActivationError(
                f"{source}: preparation ended with {preparation.returncode}: {errors[-2000:]}"
            ) from None
        if "error" in outcome:
            raise ActivationError(outcome["error"])
        return Path(outcome["file"])

    def current(self) -> Snapshot:
        """Return the snapshot in force."""
        return self._snapshot

    def activate(self, paths: Sequence[str], *, aside: bool = True) -> tuple[str, str]:
        """Prepare packs and swap them in; return the revisions before and after. Raises ActivationError.

        `aside=False` prepares in this process: for the start, when there are no checks to disturb.
        """
        with self._changing:
            try:
                active = self._opened(paths, aside=aside)
            except ActivationError as error:
                self.last_error = str(error)
                raise
            before = self._snapshot.revision
            snapshot = Snapshot(pack.pack for pack in active)
            self.active = active
            self._snapshot = snapshot
            self.activated_at = clock.now()
            self.last_error = ""
            # What was just loaded lives as long as the pack: the collector need not walk it during a check.
            gc.collect()
            gc.freeze()
            return before, snapshot.revision

    def _opened(self, paths: Sequence[str], *, aside: bool) -> tuple[ActivePack, ...]:
        if not paths:
            raise ActivationError("no pack given")
        active: list[ActivePack] = []
        for path in paths:
            source = Path(path).resolve()
            file = self._prepare_aside(source) if aside else prepare(source, self._folder)
            try:
                active.append(ActivePack(LoadedPack(PackFile(file)), path))
            except (PackFileError, OSError) as error:
                raise ActivationError(f"{path}: {error}") from error
        ids = [pack.pack.id for pack in active]
        doubled = sorted({pack_id for pack_id in ids if ids.count(pack_id) > 1})
        if doubled:
            raise ActivationError(f"pack `{doubled[0]}` is given more than once")
        return tuple(active)


def main() -> None:
    """Prepare one pack and print the outcome as JSON; the other side of `PackHolder._prepare_aside`."""
    source, folder = sys.argv[1:]
    try:
        outcome = {"file": str(prepare(Path(source), Path(folder)))}
    except ActivationError as error:
        outcome = {"error": str(error)}
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
