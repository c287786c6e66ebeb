"""A Windows desktop to show the popup on: Wine in a virtual X server, with somebody who presses keys."""

import contextlib
import os
import shutil
import struct
import subprocess
import time
import zlib
from pathlib import Path
from typing import NamedTuple

from client_shim import popup
from client_shim.steps import HEADERS, NATIVE, digest, locked, run, step
from client_shim.targets import WINDOWS_X64 as X64
from client_shim.targets import WINDOWS_X86 as X86
from tests.abi import wine

PATIENCE_S = 50.0
PREPARE_S = 200.0
"""To begin with: Wine starts from nothing, on a machine that may have much else to do."""
SETTLE_S = 0.4
REPLACED_FONTS = (
    "Microsoft YaHei",
    "Microsoft YaHei UI",
    "SimSun",
    "MS Shell Dlg",
    "MS Shell Dlg 2",
    "Tahoma",
    "Segoe UI",
)
FONT = "Noto Sans CJK SC"


def why_not(target):
    """Return why there can be no desktop for a kind of programs here; empty if there can."""
    return wine.why_not(target) or ("" if shutil.which("Xvfb") else "Xvfb is not here: `make test` installs it")


class Control(NamedTuple):
    """One window or control, as the driver tells of it."""

    kind: str
    id: int
    visible: bool
    enabled: bool
    focused: bool
    left: int
    top: int
    right: int
    bottom: int
    text: str


def _registry(dpi, size):
    fonts = "".join(f'"{name}"="{FONT}"\n' for name in REPLACED_FONTS)
    return (
        "REGEDIT4\n\n"
        f"[HKEY_CURRENT_USER\\Software\\Wine\\Fonts\\Replacements]\n{fonts}\n"
        '[HKEY_CURRENT_USER\\Software\\Wine\\Explorer]\n"Desktop"="Default"\n\n'
        f'[HKEY_CURRENT_USER\\Software\\Wine\\Explorer\\Desktops]\n"Default"="{size[0]}x{size[1]}"\n\n'
        f'[HKEY_CURRENT_USER\\Control Panel\\Desktop]\n"LogPixels"=dword:{dpi:08x}\n'
    )


class Running:
    """A Windows program. Its output goes to files: a pipe would be kept open by Wine's own processes."""

    def __init__(self, desktop, command):
        desktop.started += 1
        self.files = [desktop.folder / f"{name}-{desktop.started}" for name in ("printed", "complained")]
        with self.files[0].open("wb") as out, self.files[1].open("wb") as err:
            self.process = subprocess.Popen(
                command, env=desktop.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )

    def ends(self):
        """Wait for the end; return the exit code, as the eight bits that arrive here."""
        return self.process.wait(PATIENCE_S)

    def put_away(self):
        """End it if it still runs, and wait: a process that nobody waits for is complained about in a later test."""
        if self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(SETTLE_S)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)

    @property
    def printed(self):
        return self.files[0].read_bytes()

    @property
    def complained(self):
        return self.files[1].read_text()


class Desktop:
    """One desktop of a size and of so many dots per inch.

    Programs for x86 run in the 32-bit Debian that tests/abi use: what they are given must lie in `shared`, and is named to
    them as `inside` says.
    """

    def __init__(self, folder, *, target=X64, size=(1280, 900), dpi=96):
        self.folder = Path(folder)
        self.target = target
        self.root = wine.CHROOT if target is X86 else None
        self.shared = wine.CHROOT / "popup" if self.root else self.folder
        self.size = size
        self.dpi = dpi
        self.started = 0

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.screen_file = self.folder / "screen"
            self.screen_file.mkdir(parents=True, exist_ok=True)
            read, write = os.pipe()
            width, height = self.size
            screen = ["-screen", "0", f"{width}x{height}x24", "-fbdir", str(self.screen_file)]
            self.x = stack.enter_context(
                subprocess.Popen(
                    ["Xvfb", "-displayfd", str(write), *screen, "-nolisten", "tcp", "-nocursor"],
                    pass_fds=[write],
                    stderr=subprocess.DEVNULL,
                )
            )
            stack.callback(self.x.terminate)
            os.close(write)
            with os.fdopen(read) as answered:
                display = answered.readline().strip()
            assert display, "Xvfb did not start"
            self.variables = {
                "DISPLAY": f":{display}",
                "WINEPREFIX": prefix(self.root),
                "WINEDEBUG": "-all",
                "WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe=",
                "LC_ALL": "C.UTF-8",
            }
            self.environment = {**os.environ, **self.variables}
            self.bring_programs()
            settings = self.shared / "settings.reg"
            settings.write_text(_registry(self.dpi, self.size))
            stack.callback(self._wine_ends)
            self.run("wine", "regedit", "/S", self.inside(settings))
            self._wine_ends()
            self.driver = stack.enter_context(
                subprocess.Popen(
                    self._words("wine", self.program("driver.exe")),
                    env=self.environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    encoding="utf-8",
                )
            )
            stack.callback(self.driver.stdin.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        return self._stack.__exit__(*exception)

    def _words(self, *command):
        words = [str(word) for word in command]
        if self.root is None:
            return words
        inside = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
        variables = [f"{name}={value}" for name, value in self.variables.items()]
        environment = ["/usr/bin/env", "HOME=/root", "PATH=/usr/bin:/bin", *variables]
        return ["unshare", "--mount", "sh", "-c", inside, str(self.root), *environment, *words]

    def _wine_ends(self):
        for how in ("-k", "-w"):
            self.run("wineserver", how)

    def run(self, *command):
        """Run a command of the desktop to its end."""
        subprocess.run(
            self._words(*command),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PREPARE_S,
            check=False,
        )

    def inside(self, path):
        """Return how programs here call a file in `shared`."""
        return Path("/") / path.relative_to(self.root) if self.root else path

    def bring_programs(self):
        """Build the popup and the programs of the tests, and put them where the desktop finds them."""
        popup.build()
        made = [helper(self.target, name) for name in ("driver", "host")]
        self.programs = self.target.folder
        if self.root is not None:
            self.shared.mkdir(exist_ok=True)
            for path in (*made, *(self.target.folder / name for name in (popup.LIBRARY, popup.PROGRAM))):
                shutil.copy(path, self.shared)
            self.programs = self.shared

    def program(self, name):
        """Return how a program of these is called here."""
        path = self.programs / name
        return self.inside(path) if self.root else path

    def start(self, program, *arguments):
        """Start a Windows program; what it prints is in `printed` and `complained` once it has ended."""
        return Running(self, self._words("wine", self.program(program), *arguments))

    def command(self, line):
        """Have the driver do something; return the lines that it answers."""
        self.driver.stdin.write(f"{line}\n")
        self.driver.stdin.flush()
        answered = []
        while (answer := self.driver.stdout.readline()) != ".\n":
            assert answer, "the driver has ended"
            answered.append(answer.rstrip("\n"))
        return answered

    def controls(self):
        """Return every control of the popup, the window itself first."""
        found = []
        for line in self.command("dump"):
            kind, number, visible, enabled, focused, *box, text = line.split("\t", 9)
            flags = (flag == "1" for flag in (visible, enabled, focused))
            found.append(Control(kind, int(number), *flags, *map(int, box), text.replace("\\n", "\n")))
        return found

    def screenshot(self, path, box):
        """Write a part of the screen (left, top, right, bottom) as PNG."""
        time.sleep(SETTLE_S)
        rows = read_screen((self.screen_file / "Xvfb_screen0").read_bytes())
        left, top, right, bottom = box
        write_png(path, [row[left * 3 : right * 3] for row in rows[top:bottom]])


def _copied(source, target):
    """Copy what is written to, the registry; link the rest, several hundred megabytes of Windows that nobody changes."""
    return shutil.copy2(source, target) if source.endswith(".reg") else os.link(source, target)


def prefix(root):
    """Return Wine's folder for the popup: a copy of that of tests/abi, so that its screen and fonts are not theirs."""
    theirs = root / "prefix" if root else wine.PREFIX
    ours = theirs.with_name(f"{theirs.name}-popup")
    if not (ours / "complete").exists():
        shutil.rmtree(ours, ignore_errors=True)
        wine.Wine(X86 if root else X64)
        shutil.copytree(theirs, ours, symlinks=True, copy_function=_copied)
        # The signs on title bars; Wine looks for them in its own folder only.
        for signs in Path("/usr/share/wine").rglob("marlett.ttf"):
            fonts = ours / "drive_c" / "windows" / "Fonts"
            fonts.mkdir(exist_ok=True)
            shutil.copy(signs, fonts)
        (ours / "complete").touch()
    return Path("/") / ours.relative_to(root) if root else ours


def helper(target, name):
    """Build a Windows program of this folder, once for its contents; return it."""
    source = Path(__file__).parent / f"{name}.c"
    program = target.folder / f"{name}.exe"
    includes = [f"-I{NATIVE / 'include'}", f"-I{popup.POPUP}"]
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", *includes]
    command = [*target.compiler, *flags, source, "-luser32", "-lgdi32", "-static", "-o", program]
    inputs = [source, popup.POPUP / "precheck_popup.h", *HEADERS]
    with locked():
        step((program,), digest(inputs, [str(word) for word in command]), lambda: run(command))
    return program


def read_screen(dump):
    """Return the rows, RGB, of an XWD dump with 32 bits a pixel."""
    fields = struct.unpack(">25I", dump[:100])
    header_size, width, height, line_bytes, colours = fields[0], fields[4], fields[5], fields[12], fields[19]
    start = header_size + colours * 12
    rows = []
    for y in range(height):
        line = dump[start + y * line_bytes : start + y * line_bytes + width * 4]
        row = bytearray(width * 3)
        row[0::3], row[1::3], row[2::3] = line[2::4], line[1::4], line[0::4]
        rows.append(bytes(row))
    return rows


def write_png(path, rows):
    """Write rows of RGB as PNG; with a palette where there are few colours, which is a third of the size."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    width = len(rows[0]) // 3
    pixels = [[row[at : at + 3] for at in range(0, len(row), 3)] for row in rows]
    colours = sorted({pixel for row in pixels for pixel in row})
    kind, palette = 2, b""
    if len(colours) <= 256:
        number = {colour: bytes([index]) for index, colour in enumerate(colours)}
        rows = [b"".join(number[pixel] for pixel in row) for row in pixels]
        kind, palette = 3, chunk(b"PLTE", b"".join(colours))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), 8, kind, 0, 0, 0))
    content = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows), 9))
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + head + palette + content + chunk(b"IEND", b""))
