"""Programs for Windows, run by Wine: x64 by the system's own, x86 in a chroot that `make test-windows` makes.

What a program printed is what counts: Wine that cannot run a program prints nothing and may still exit with 0.
"""

import atexit
import functools
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from client_shim import build
from client_shim.steps import NATIVE, ROOT, locked, run
from client_shim.targets import WINDOWS_X86, Target

PREFIX = ROOT / "build" / "wine"
CHROOT = ROOT / "build" / "wine32"
"""Made by .ci/wine32.sh; a Debian of 32 bits with a Wine of 32 bits."""
PREPARE_SECONDS_MAX = 300
SERVER_STAYS_SECONDS = 60
STATION = tuple(sorted((Path(__file__).parent / "station").glob("*.c")))
"""The sources of the test station, for Linux too."""
STATION_FLAGS = ("-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", f"-I{NATIVE / 'include'}")


def why_not(target: Target) -> str:
    """Return why programs of a target cannot be run here; empty if they can."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return f"Wine runs programs for x86 on x86 only, this is {platform.machine()}"
    if shutil.which(target.compiler[0]) is None:
        return f"{target.compiler[0]} is not here: `make test` installs it"
    if target is WINDOWS_X86:
        if not (CHROOT / "made").exists():
            return "there is no 32-bit Wine: `make test-windows` makes one, as root"
        return "" if os.geteuid() == 0 else "only root can use the 32-bit Wine in its chroot"
    return "" if shutil.which("wine") else "Wine is not here: `make test` installs it"


class Wine:
    """Runs programs of one target, in a prefix of its own that says it is Windows 7."""

    def __init__(self, target: Target):
        self.target = target
        self.in_chroot = target is WINDOWS_X86
        self._prepare()
        # Wine's server ends a few seconds after its last program, and a program that starts just then fails. This one
        # stays for a minute, and then ends by itself.
        self.run("wineserver", f"-p{SERVER_STAYS_SECONDS}", seconds=PREPARE_SECONDS_MAX)

    def _command(self, words):
        if not self.in_chroot:
            return list(words)
        # Wine needs /proc. It is mounted in a namespace that ends with the command, so that nothing is left behind.
        inside = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
        variables = [*self._variables(), "HOME=/root", "PATH=/usr/bin:/bin"]
        return ["unshare", "--mount", "sh", "-c", inside, str(CHROOT), "/usr/bin/env", *variables, *words]

    def _variables(self):
        prefix = "/prefix" if self.in_chroot else PREFIX
        # No Mono, no browser engine, no menus: none of it is needed, and each would ask or download.
        return [
            f"WINEPREFIX={prefix}",
            "WINEDEBUG=-all",
            "WINEDLLOVERRIDES=mscoree,mshtml,winemenubuilder.exe=",
            "LC_ALL=C.UTF-8",
        ]

    def _environment(self):
        return {**os.environ, **dict(variable.split("=", 1) for variable in self._variables())}

    def _prepare(self):
        prefix = CHROOT / "prefix" if self.in_chroot else PREFIX
        mark = prefix / "prepared"
        with locked():
            if mark.exists():
                return
            shutil.rmtree(prefix, ignore_errors=True)
            prefix.parent.mkdir(parents=True, exist_ok=True)
            self.run("wineboot", "--init", seconds=PREPARE_SECONDS_MAX)
            key = ("HKCU\\Software\\Wine", "/v", "Version", "/d", "win7", "/f")
            told = self.run("wine", "reg", "add", *key, seconds=PREPARE_SECONDS_MAX)
            self.run("wineserver", "-w", seconds=PREPARE_SECONDS_MAX)
            if "successfully" not in told:
                raise AssertionError(f"Wine cannot be prepared:\n{told}")
            mark.touch()

    def run(self, *words, seconds):
        """Run a command to its end; return what it printed, whatever its exit code."""
        # Into a file: what Wine leaves running in the background would hold a pipe open.
        with tempfile.TemporaryFile() as printed:
            subprocess.run(
                self._command([str(word) for word in words]),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                timeout=seconds,
                check=False,
            )
            printed.seek(0)
            return printed.read().decode("utf-8", errors="replace").replace("\r\n", "\n")

    @functools.cached_property
    def folder(self):
        """Where the station, its DLL and its files are: of this process alone, since another one brings other files."""
        parent = CHROOT if self.in_chroot else ROOT / "build"
        folder = parent / "station" / f"{self.target.name}-{os.getpid()}"
        folder.mkdir(parents=True, exist_ok=True)
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def bring(self, path):
        """Return the name of a file as a station finds it in its own folder."""
        shutil.copy(path, self.folder / Path(path).name)
        return Path(path).name

    def _station(self, *arguments):
        place = "/" / self.folder.relative_to(CHROOT) if self.in_chroot else self.folder
        # A shell, because the folder of a chroot cannot be asked for otherwise.
        return ["sh", "-c", 'cd "$0" && exec wine ./station.exe "$@"', str(place), *map(str, arguments)]

    def station(self, *arguments, seconds):
        """Run station.exe in its folder; return what it printed."""
        return self.run(*self._station(*arguments), seconds=seconds)

    def obeying_station(self):
        """Start station.exe to be told what to call; return the process."""
        return subprocess.Popen(
            self._command(self._station("obey")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment(),
            text=True,
        )


def make_station(target: Target, folder: Path) -> None:
    """Put the DLL and the test program into a folder."""
    with locked():
        build.build_for(target)
    shutil.copy(target.output, folder)
    flags = (*STATION_FLAGS, "-D__USE_MINGW_ANSI_STDIO=1")
    library = target.folder / build.MINGW_IMPORT_LIBRARY
    run([*target.compiler, *flags, *STATION, library, "-lws2_32", "-o", folder / "station.exe"])


def keep_awake(wine: Wine) -> None:
    """Keep a station running as long as this process lives, and with it Wine's server.

    A server that starts anew starts Windows' services anew, and now and then one of them crashes while it does (some 2
    of 60 times): Wine says so in the output of whichever program made it start, which was then not what a test expected.
    """
    keeper = wine.obeying_station()

    def let_go():
        keeper.stdin.close()
        keeper.wait(PREPARE_SECONDS_MAX)
        keeper.stdout.close()

    atexit.register(let_go)
    print("close", file=keeper.stdin, flush=True)
    if keeper.stdout.readline() != "closed\n":
        raise AssertionError("Wine does not run the station")


@functools.cache
def wine_for(target: Target) -> Wine:
    """Return a Wine with the station of a target, and keep it awake. Skips the test where there is none."""
    reason = why_not(target)
    if reason:
        pytest.skip(reason)
    made = Wine(target)
    make_station(target, made.folder)
    keep_awake(made)
    return made
