"""The station on Linux: run by this machine, or by qemu for another one."""

import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from client_shim.steps import run
from tests.abi.wine import STATION, STATION_FLAGS

EMULATOR = "qemu-aarch64"
AARCH64_ROOT = Path("/usr/aarch64-linux-gnu")
"""Where Debian's libc6-arm64-cross puts a C library for aarch64."""


class LinuxStation:
    """Runs the station of a target, with the target's library beside it."""

    def __init__(self, target, folder):
        self.folder = folder
        self._command = [folder / "station"]
        if "aarch64" in target.name and platform.machine() != "aarch64":
            self._command = [EMULATOR, "-L", AARCH64_ROOT, "-E", f"LD_LIBRARY_PATH={folder}", *self._command]
        shutil.copy(target.output, folder)
        linked = (f"-L{folder}", "-lprecheck", "-lm", "-lpthread", f"-Wl,-rpath,{folder}")
        run([*target.compiler, *STATION_FLAGS, "-Wno-unused-result", *STATION, *linked, "-o", folder / "station"])

    def bring(self, path):
        """Return the name of a file as a station finds it in its own folder."""
        shutil.copy(path, self.folder / Path(path).name)
        return Path(path).name

    def obeying_station(self):
        """Start the station to be told what to call; return the process."""
        command = [str(word) for word in (*self._command, "obey")]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def station(self, *arguments, seconds):
        """Run the station in its folder; return what it printed."""
        command = [str(word) for word in (*self._command, *arguments)]
        with tempfile.TemporaryFile() as printed:
            subprocess.run(command, cwd=self.folder, stdout=printed, timeout=seconds, check=False)
            printed.seek(0)
            return printed.read().decode()
