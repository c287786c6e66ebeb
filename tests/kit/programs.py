"""The examples of native/examples, each in its language: how it is built, and what that needs."""

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from client_shim.build import BUILD, EXAMPLE, ROOT

EXAMPLES = ROOT / "native" / "examples"
INCLUDE = ROOT / "native" / "include"
JNA = (Path("/usr/share/java/jna.jar"),)
"""Where Debian's libjna-java puts it."""
BUILD_SECONDS_MAX = 200
LIBRARY_PATH = (("LD_LIBRARY_PATH", str(BUILD)),)


class Program(NamedTuple):
    """A program that was built: its command, and what its environment needs."""

    command: list
    environment: tuple = ()
    """(name, value) of each variable that it needs."""


def run(*command, cwd=None):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, cwd=cwd, timeout=BUILD_SECONDS_MAX
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def c(_folder):
    return Program([EXAMPLE])  # `make native` builds it


def cpp(folder):
    warnings = ("-Wall", "-Wextra", "-Werror", "-Wpedantic", "-Wshadow", "-Wconversion")
    source = EXAMPLES / "cpp" / "station.cpp"
    run("g++", "-std=c++11", *warnings, f"-I{INCLUDE}", source, f"-L{BUILD}", "-lprecheck", "-o", folder / "station")
    return Program([folder / "station"], LIBRARY_PATH)


def csharp(folder):
    run("mcs", "-warnaserror", "-warn:4", f"-out:{folder / 'station.exe'}", *sorted((EXAMPLES / "csharp").glob("*.cs")))
    return Program(["mono", folder / "station.exe"], LIBRARY_PATH)


def java(folder):
    (jar,) = JNA
    sources = sorted((EXAMPLES / "java").glob("*.java"))
    run("javac", "-Xlint:all", "-Werror", "-encoding", "UTF-8", "-cp", jar, "-d", folder, *sources)
    return Program(["java", f"-Djna.library.path={BUILD}", "-cp", f"{jar}:{folder}", "Station"])


def pascal(folder):
    source = EXAMPLES / "pascal" / "Station.pas"
    run("fpc", "-v0ew", "-Sew", "-Mdelphi", f"-Fl{BUILD}", f"-FU{folder}", f"-o{folder / 'station'}", source)
    return Program([folder / "station"], LIBRARY_PATH)


def python(_folder):
    # The system's own interpreter: the example needs nothing but ctypes.
    return Program(["python3", EXAMPLES / "python" / "station.py"], LIBRARY_PATH)


class Language(NamedTuple):
    """One language: its builder, and the programs and files without which it cannot be built or run."""

    build: object
    needs: tuple = ()

    def missing(self):
        """Return what is not on this machine."""
        return [
            str(need) for need in self.needs if not (need.exists() if isinstance(need, Path) else shutil.which(need))
        ]


LANGUAGES = {
    "c": Language(c),
    "cpp": Language(cpp, ("g++",)),
    "csharp": Language(csharp, ("mcs", "mono")),
    "java": Language(java, ("javac", "java", *JNA)),
    "pascal": Language(pascal, ("fpc",)),
    "python": Language(python, ("python3",)),
}
