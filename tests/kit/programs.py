"""The examples of native/examples, each in its language: how it is built, and what that needs."""

import platform
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from client_shim.build import BUILD, EXAMPLE, ROOT
from client_shim.steps import locked
from client_shim.targets import WINDOWS_X64
from tests.abi.wine import wine_for

EXAMPLES = ROOT / "native" / "examples"
INCLUDE = ROOT / "native" / "include"
JNA = (Path("/usr/share/java/jna.jar"),)
"""Where Debian's libjna-java puts it."""
FREE_PASCAL_SOURCES = Path("/usr/share/fpcsrc")
"""Where Debian's fpc-source puts them."""
WINDOWS_UNITS = ROOT / "build" / "free-pascal-win64"
BUILD_SECONDS_MAX = 200
DELPHI_7 = ("-v0ew", "-Sew", "-Mdelphi")
"""The sources themselves switch off what Delphi 7 lacks: methods of records."""
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
    return Program(["java", "-cp", f"{jar}:{folder}", "Station"], LIBRARY_PATH)


def pascal(folder):
    source = EXAMPLES / "pascal" / "Station.pas"
    run("fpc", *DELPHI_7, f"-FU{folder}", f"-o{folder / 'station'}", source)
    return Program([folder / "station"], LIBRARY_PATH)


def python(_folder):
    # The system's own interpreter: the example needs nothing but ctypes.
    return Program(["python3", EXAMPLES / "python" / "station.py"], LIBRARY_PATH)


def under_wine(folder):
    """The program station.exe of a folder, with the DLL beside it, as Wine runs it."""
    shutil.copy(WINDOWS_X64.output, folder)
    return Program(["wine", folder / "station.exe"], tuple(wine_for(WINDOWS_X64)._environment().items()))


def c_for_windows(folder):
    source, link = EXAMPLES / "c" / "station.c", (f"-L{WINDOWS_X64.folder}", "-lprecheck")
    warnings = ("-std=c11", "-Wall", "-Wextra", "-Werror")
    run(*WINDOWS_X64.compiler, *warnings, "-O2", f"-I{INCLUDE}", source, *link, "-o", folder / "station.exe")
    return under_wine(folder)


def pascal_for_windows(folder):
    units = windows_units()
    source = EXAMPLES / "pascal" / "Station.pas"
    places = (f"-Fu{units}", f"-FU{folder}", f"-o{folder / 'station.exe'}")
    run("ppcx64", "-n", "-Twin64", *DELPHI_7, *places, source)
    return under_wine(folder)


def windows_units():
    """Free Pascal's own units for Windows, compiled once from its sources: Debian has only those for Linux."""
    with locked():
        if (WINDOWS_UNITS / "made").exists():
            return WINDOWS_UNITS
        (library,) = FREE_PASCAL_SOURCES.glob("*/rtl")
        shutil.rmtree(WINDOWS_UNITS, ignore_errors=True)
        WINDOWS_UNITS.mkdir(parents=True)
        included = ("inc", "x86_64", "common", "win", "win/wininc", "objpas", "objpas/sysutils", "objpas/classes")
        searched = ("win", "inc", "x86_64", "common", "objpas")
        flags = ("-n", "-Twin64", "-O2", "-v0e", "-dx86_64", f"-FU{WINDOWS_UNITS}", f"-Fu{WINDOWS_UNITS}")
        places = (*(f"-Fi{library / name}" for name in included), *(f"-Fu{library / name}" for name in searched))
        run("ppcx64", *flags, *places, "-Us", "-Sg", "system.pp", cwd=library / "win64")
        for unit in ("../inc/uuchar.pp", "../objpas/objpas.pp", "buildrtl.pp"):
            run("ppcx64", *flags, *places, unit, cwd=library / "win64")
        (WINDOWS_UNITS / "made").touch()
    return WINDOWS_UNITS


class Language(NamedTuple):
    """One language: its builder, and the programs and files without which it cannot be built or run."""

    build: object
    needs: tuple = ()
    is_windows: bool = False

    def missing(self):
        """Return what is not on this machine."""
        needs = (*self.needs, *((WINDOWS_X64.compiler[0], "wine", WINDOWS_X64.output) if self.is_windows else ()))
        return [str(need) for need in needs if not (need.exists() if isinstance(need, Path) else shutil.which(need))]

    @property
    def can_be_here(self):
        """Whether a machine like this one can have what it needs: Wine runs programs for x86 on x86 only."""
        return not self.is_windows or platform.machine() in ("x86_64", "AMD64")


LANGUAGES = {
    "c": Language(c),
    "cpp": Language(cpp, ("g++",)),
    "csharp": Language(csharp, ("mcs", "mono")),
    "java": Language(java, ("javac", "java", *JNA)),
    "pascal": Language(pascal, ("fpc",)),
    "python": Language(python, ("python3",)),
    "c-windows": Language(c_for_windows, (), is_windows=True),
    "pascal-windows": Language(pascal_for_windows, ("ppcx64", FREE_PASCAL_SOURCES), is_windows=True),
}
