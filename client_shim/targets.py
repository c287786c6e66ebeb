"""The machines that the C client is built for, as data: which compiler, with which flags, into which file."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from client_shim.steps import BUILD, compiler

# ---- what all of them share ----

COMMON = ("-O2", "-ffunction-sections", "-fdata-sections")
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-Wmissing-prototypes", "-Wshadow", "-Wvla")

# ---- Linux ----

HARDENED = ("-fPIC", "-fvisibility=hidden", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2")
LINUX_LINK = (
    "-shared",
    "-s",
    "-Wl,-soname,libprecheck.so",
    "-Wl,--gc-sections",
    "-Wl,-z,defs",
    "-Wl,-z,relro",
    "-Wl,-z,now",
)
# What nghttp2's configure would have found.
LINUX_NGHTTP2 = (
    "-DHAVE_ARPA_INET_H",
    "-DHAVE_NETINET_IN_H",
    "-DHAVE_TIME_H",
    "-DHAVE_CLOCK_GETTIME",
    "-DHAVE_DECL_CLOCK_MONOTONIC=1",
)

# ---- Windows ----

WINDOWS = (
    "-D_WIN32_WINNT=0x0601",  # Windows 7
    "-DWINVER=0x0601",
    "-D__USE_MINGW_ANSI_STDIO=1",  # %zu and %llu, which msvcrt does not know
    "-D__MINGW_USE_VC2005_COMPAT",  # 64 bits of time_t on x86 too: certificates outlive 2038
    "-fno-ident",
)
WINDOWS_LINK = (
    "-shared",
    "-s",
    "-static-libgcc",  # a station has no libgcc_s
    "-Wl,--gc-sections",
    "-Wl,--enable-stdcall-fixup",
    "-Wl,--no-insert-timestamp",
    "-Wl,--disable-auto-image-base",  # which would be made of the path
    "-Wl,--nxcompat",
    "-Wl,--dynamicbase",
)
WINDOWS_NGHTTP2 = ("-DHAVE_WINDOWS_H", "-DHAVE_GETTICKCOUNT64")
WINDOWS_LIBRARIES = ("-lws2_32", "-lbcrypt")


@dataclass(frozen=True, slots=True)
class Target:
    """One machine."""

    name: str
    library: str
    """File name of what a station loads."""
    folder: Path
    """Where its files go."""
    toolchain: str
    """`host`, `zig TRIPLE`, or the prefix of mingw's tools."""
    flags: tuple[str, ...]
    nghttp2_flags: tuple[str, ...]
    link_flags: tuple[str, ...]

    @property
    def is_windows(self) -> bool:
        """Whether the library is a DLL."""
        return self.library.endswith(".dll")

    @property
    def third_party(self) -> Path:
        """The archive of nghttp2 and mbedTLS."""
        return self.folder / "third_party.a"

    @property
    def output(self) -> Path:
        """The library."""
        return self.folder / self.library

    @property
    def compiler(self) -> list[str]:
        """The command that compiles and links."""
        if self.toolchain == "host":
            return compiler()
        kind, _, triple = self.toolchain.partition(" ")
        return [*zig("cc"), "-target", triple] if kind == "zig" else [f"{self.toolchain}-gcc"]

    def tool(self, name: str) -> list[str]:
        """Return the command of one of the binary utilities, as `ar`."""
        if self.toolchain == "host":
            return [name]
        return zig(name) if self.toolchain.startswith("zig ") else [f"{self.toolchain}-{name}"]


def zig(command: str) -> list[str]:
    """Return a command of the compiler in the Python package `ziglang`, which brings old glibcs and other machines."""
    # Beside what else is built, and not in a home that may not be there.
    os.environ["ZIG_GLOBAL_CACHE_DIR"] = os.environ["ZIG_LOCAL_CACHE_DIR"] = str(BUILD / "zig-cache")
    return [sys.executable, "-m", "ziglang", command]


def _linux(name: str, toolchain: str, folder: Path) -> Target:
    return Target(name, "libprecheck.so", folder, toolchain, (*COMMON, *HARDENED), LINUX_NGHTTP2, LINUX_LINK)


def _windows(name: str, toolchain: str, flags: tuple[str, ...], link_flags: tuple[str, ...]) -> Target:
    return Target(
        name,
        "precheck.dll",
        BUILD / name,
        toolchain,
        (*COMMON, *WINDOWS, *flags),
        WINDOWS_NGHTTP2,
        (*WINDOWS_LINK, *link_flags),
    )


HERE = _linux("here", "host", BUILD)
"""This machine: what tests, benchmarks and the Python binding load."""
WINDOWS_X64 = _windows("windows-x64", "x86_64-w64-mingw32", (), ("-Wl,--high-entropy-va",))
WINDOWS_X86 = _windows("windows-x86", "i686-w64-mingw32", (), ("-Wl,--kill-at",))
LINUX_X86_64 = _linux("linux-x86_64", "zig x86_64-linux-gnu.2.17", BUILD / "linux-x86_64")
LINUX_AARCH64 = _linux("linux-aarch64", "zig aarch64-linux-gnu.2.17", BUILD / "linux-aarch64")
TARGETS = {target.name: target for target in (HERE, WINDOWS_X64, WINDOWS_X86, LINUX_X86_64, LINUX_AARCH64)}
