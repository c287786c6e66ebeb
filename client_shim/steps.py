"""What every build here is made of: places, commands, and steps that are skipped while nothing they depend on changed."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NATIVE = ROOT / "native"
BUILD = NATIVE / "build"
HEADER = NATIVE / "include" / "precheck.h"
HEADERS = (HEADER, NATIVE / "include" / "precheck_flat.h")


class BuildError(RuntimeError):
    """A compiler or linker refused, or is not here."""


def run(command: Sequence[str | Path], folder: Path | None = None) -> str:
    """Run a build step, in a folder if one is named, and return its output. Raises BuildError with what it said."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - commands of this package, no shell
    except FileNotFoundError as missing:
        raise BuildError(f"{words[0]}: not here") from missing
    if done.returncode != 0:
        raise BuildError(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout


def compiler() -> list[str]:
    """Return the command of the C compiler for this machine."""
    return os.environ.get("CC", "cc").split()


@cache
def version_of(command: tuple[str, ...]) -> str:
    """Return what tells one compiler from another."""
    return run([*command, "--version"])


def compiler_version() -> str:
    """Return what tells this machine's compiler from another."""
    return version_of(tuple(compiler()))


def digest(inputs: Iterable[Path], *settings: object) -> str:
    """Return the stamp of a step: contents of its inputs, its settings, this machine's compiler."""
    state = hashlib.sha256(repr((settings, compiler_version(), str(ROOT))).encode())
    for path in sorted(inputs):
        state.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return state.hexdigest()


def step(outputs: tuple[Path, ...], stamp: str, make: Callable[[], None]) -> bool:
    """Run `make` unless all outputs exist and were made under this stamp. Return whether it ran."""
    beside = outputs[0].parent if outputs[0].is_relative_to(BUILD) else BUILD
    stamp_file = beside / f"{outputs[0].name}.stamp"
    if all(path.exists() for path in outputs) and stamp_file.exists() and stamp_file.read_text() == stamp:
        return False
    stamp_file.unlink(missing_ok=True)
    make()
    stamp_file.write_text(stamp)
    return True


def compile_all(
    sources: Iterable[Path], folder: Path, flags: Iterable[str], command: Sequence[str] | None = None
) -> list[str]:
    """Compile every source into `folder`, on all processors; return the objects."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chosen = list(command or compiler())
    jobs = [(source, str(folder / f"{source.stem}.o")) for source in sources]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = [pool.submit(run, [*chosen, *flags, "-c", source, "-o", target]) for source, target in jobs]
        for job in running:
            job.result()
    return [target for _, target in jobs]


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Let one build at a time run in one checkout."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
