"""Build native/build/libprecheck.so, its Python binding, and the example: `python -m client_shim.build`.

    sources.py -> nghttp2 + mbedTLS -> third_party.a -\
                          native/src -> own objects  ---> libprecheck.so -> _precheck (cffi), example programs
                 native/include/*.h -> cffi's cdef -/

Every step writes a stamp of what went into it (contents, flags, compiler) and is skipped while that stamp is current,
so a build of nothing takes a fraction of a second. `--sanitize` builds the test program of tests/abi from our own
sources with AddressSanitizer and UndefinedBehaviorSanitizer instead.
"""

import argparse
import contextlib
import fcntl
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from client_shim.sources import SOURCES, SourceError, extract

ROOT = Path(__file__).resolve().parents[1]
NATIVE = ROOT / "native"
BUILD = NATIVE / "build"
HEADERS = (NATIVE / "include" / "precheck.h", NATIVE / "include" / "precheck_flat.h")
LIBRARY = BUILD / "libprecheck.so"
MODULE = ROOT / "client_shim" / "_precheck.abi3.so"
EXAMPLE = BUILD / "check"
DRIVER = BUILD / "driver-sanitized"

NGHTTP2, MBEDTLS = (BUILD / source.name for source in SOURCES)
THIRD_PARTY = BUILD / "third_party.a"

COMMON_FLAGS = ("-fPIC", "-fvisibility=hidden", "-ffunction-sections", "-fdata-sections", "-fstack-protector-strong")
OPTIMISED = ("-O2", "-D_FORTIFY_SOURCE=2")
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-Wmissing-prototypes", "-Wshadow", "-Wvla")
MBEDTLS_CONFIG = ('-DMBEDTLS_CONFIG_FILE="tls_mbedtls_config.h"', f"-I{NATIVE / 'src'}")
INCLUDES = (
    f"-I{NATIVE / 'include'}",
    f"-isystem{NGHTTP2 / 'lib' / 'includes'}",
    f"-isystem{MBEDTLS / 'include'}",
    "-DNGHTTP2_STATICLIB",
    "-DNGHTTP2_NO_SSIZE_T",
    *MBEDTLS_CONFIG,
)
LINK_FLAGS = ("-Wl,--gc-sections", "-Wl,-z,defs", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,--exclude-libs,ALL")


class BuildError(RuntimeError):
    """A compiler or linker refused."""


def compiler() -> list[str]:
    """Return the C compiler's command."""
    return os.environ.get("CC", "cc").split()


def run(command: list[str]) -> str:
    """Run a build step and return its output. Raises BuildError with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - commands of this file, no shell
    if done.returncode != 0:
        raise BuildError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


@cache
def compiler_version() -> str:
    """Return what tells one compiler from another."""
    return run([*compiler(), "--version"])


def digest(inputs: Iterable[Path], *settings: object) -> str:
    """Return the stamp of a step: contents of its inputs, its settings, the compiler."""
    state = hashlib.sha256(repr((settings, compiler_version(), str(ROOT))).encode())
    for path in sorted(inputs):
        state.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return state.hexdigest()


def step(outputs: tuple[Path, ...], stamp: str, make: Callable[[], None]) -> bool:
    """Run `make` unless all outputs exist and were made under this stamp. Return whether it ran."""
    stamp_file = BUILD / f"{outputs[0].name}.stamp"
    if all(path.exists() for path in outputs) and stamp_file.exists() and stamp_file.read_text() == stamp:
        return False
    stamp_file.unlink(missing_ok=True)
    make()
    stamp_file.write_text(stamp)
    return True


def compile_all(sources: list[Path], folder: Path, flags: tuple[str, ...]) -> list[str]:
    """Compile every source into `folder`, on all processors; return the objects."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    objects = [str(folder / f"{source.stem}.o") for source in sources]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [
            pool.submit(run, [*compiler(), *flags, "-c", str(source), "-o", target])
            for source, target in zip(sources, objects, strict=True)
        ]
        for job in jobs:
            job.result()
    return objects


def build_third_party() -> None:
    """Fetch, verify, patch and compile nghttp2 and mbedTLS into one archive."""
    print("precheck: building nghttp2 and mbedTLS (once, about half a minute)", file=sys.stderr)
    for source, target in zip(SOURCES, (NGHTTP2, MBEDTLS), strict=True):
        extract(source, target)
    includes = NGHTTP2 / "lib" / "includes"
    version = NGHTTP2.name.partition("-")[2]
    number = "0x" + "".join(f"{int(part):02x}" for part in version.split("."))
    template = (includes / "nghttp2" / "nghttp2ver.h.in").read_text()
    (includes / "nghttp2" / "nghttp2ver.h").write_text(
        template.replace("@PACKAGE_VERSION@", version).replace("@PACKAGE_VERSION_NUM@", number)
    )
    flags = (*COMMON_FLAGS, *OPTIMISED, "-std=gnu11", "-w")
    headers = ("-DHAVE_ARPA_INET_H", "-DHAVE_NETINET_IN_H", "-DHAVE_TIME_H")
    clock = ("-DHAVE_CLOCK_GETTIME", "-DHAVE_DECL_CLOCK_MONOTONIC=1")
    nghttp2 = compile_all(
        sorted((NGHTTP2 / "lib").glob("*.c")),
        BUILD / "objects" / "nghttp2",
        (*flags, "-DNGHTTP2_STATICLIB", "-DBUILDING_NGHTTP2", *headers, *clock, f"-I{includes}"),
    )
    mbedtls = compile_all(
        sorted((MBEDTLS / "library").glob("*.c")),
        BUILD / "objects" / "mbedtls",
        (*flags, *MBEDTLS_CONFIG, f"-I{MBEDTLS / 'include'}", f"-I{MBEDTLS / 'library'}"),
    )
    THIRD_PARTY.unlink(missing_ok=True)
    run(["ar", "rcs", str(THIRD_PARTY), *nghttp2, *mbedtls])


def own_sources() -> list[Path]:
    """Return the C files of the library."""
    return sorted((NATIVE / "src").glob("*.c"))


def own_inputs() -> list[Path]:
    """Return everything of ours that the library is made of."""
    return [*HEADERS, *own_sources(), *(NATIVE / "src").glob("*.h")]


def build_library() -> None:
    """Compile our sources and link the library that stations load."""
    objects = compile_all(own_sources(), BUILD / "objects" / "own", (*COMMON_FLAGS, *OPTIMISED, *WARNINGS, *INCLUDES))
    fresh = LIBRARY.with_suffix(".new")
    command = [*compiler(), "-shared", "-s", "-Wl,-soname,libprecheck.so", *LINK_FLAGS, *objects, str(THIRD_PARTY)]
    run([*command, "-o", str(fresh)])
    # Whole or not at all: a test that runs meanwhile keeps the old one.
    fresh.replace(LIBRARY)


def declarations() -> str:
    """Return the headers as cffi reads them: what the preprocessor leaves of them themselves, and their constants."""
    text = run([*compiler(), "-E", "-dD", "-DPCK_API=", "-DPCK_CALL=", str(HEADERS[-1])])
    kept = []
    inside = False
    for line in text.splitlines():
        marker = re.match(r'# \d+ "(.*?)"', line)
        if marker:
            inside = Path(marker[1]) in HEADERS
        elif inside and line.startswith("#"):
            constant = re.match(r"#define (PCK_\w+) +\(?-?\d", line)
            kept += [f"#define {constant[1]} ..."] if constant else []
        elif inside:
            kept.append(line)
    return "\n".join(kept)


def build_module() -> None:
    """Build the cffi module that calls the very library that stations load."""
    from cffi import FFI  # noqa: PLC0415 - a build of nothing shall not pay for it

    ffi = FFI()
    ffi.cdef(declarations())
    ffi.set_source("client_shim._precheck", '#include "precheck_flat.h"')
    generated = BUILD / "_precheck.c"
    with contextlib.redirect_stdout(io.StringIO()):  # cffi tells what it does
        ffi.emit_c_code(str(generated))
    fresh = MODULE.with_suffix(".new")
    where = os.path.relpath(BUILD, MODULE.parent)
    command = [*compiler(), "-shared", *COMMON_FLAGS, "-O2", "-w", str(generated), "-o", str(fresh)]
    paths = [f"-I{NATIVE / 'include'}", f"-I{sysconfig.get_path('include')}", f"-L{BUILD}"]
    run([*command, *paths, "-lprecheck", f"-Wl,-rpath,$ORIGIN/{where}"])
    fresh.replace(MODULE)


def build_example() -> None:
    """Build the example program against the library."""
    source = str(NATIVE / "examples" / "c" / "check.c")
    command = [*compiler(), *WARNINGS, "-O2", f"-I{NATIVE / 'include'}", source, "-o", str(EXAMPLE)]
    run([*command, f"-L{BUILD}", "-lprecheck", "-Wl,-rpath,$ORIGIN"])


def build_driver() -> None:
    """Build the test program from our sources, with sanitizers; nghttp2 and mbedTLS come from the archive."""
    flags = (*COMMON_FLAGS, *SANITIZED, *WARNINGS, *INCLUDES)
    objects = compile_all([*own_sources(), driver_source()], BUILD / "objects" / "sanitized", flags)
    wrapped = [f"-Wl,--wrap={name}" for name in ("malloc", "calloc", "realloc")]
    run([*compiler(), *SANITIZED, *objects, str(THIRD_PARTY), *wrapped, "-lpthread", "-o", str(DRIVER)])


def driver_source() -> Path:
    """Return the C program that the sanitizer test runs."""
    return ROOT / "tests" / "abi" / "driver.c"


def build(*, sanitize: bool = False) -> None:
    """Bring everything up to date. Raises BuildError or SourceError."""
    BUILD.mkdir(parents=True, exist_ok=True)
    # One build at a time in one checkout.
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        this = Path(__file__)
        pins = [this, this.parent / "sources.py"]
        third_party = digest([*pins, NATIVE / "src" / "tls_mbedtls_config.h"])
        step((THIRD_PARTY, NGHTTP2, MBEDTLS), third_party, build_third_party)
        if sanitize:
            step((DRIVER,), digest([*own_inputs(), driver_source(), this], third_party), build_driver)
            return
        if step((LIBRARY,), digest([*own_inputs(), this], third_party), build_library):
            print(f"precheck: {LIBRARY.relative_to(ROOT)}: {LIBRARY.stat().st_size / 1024:.0f} KiB", file=sys.stderr)
        step((MODULE,), digest([*HEADERS, this], sysconfig.get_path("include")), build_module)
        step((EXAMPLE,), digest([*HEADERS, this, *(NATIVE / "examples" / "c").glob("*.c")]), build_example)


def main() -> int:
    """Return 0 when everything is up to date."""
    parser = argparse.ArgumentParser(prog="python -m client_shim.build", description=__doc__.partition("\n")[0])
    parser.add_argument("--sanitize", action="store_true", help="build the sanitizer test program instead")
    arguments = parser.parse_args()
    try:
        build(sanitize=arguments.sanitize)
    except (BuildError, SourceError, OSError) as refused:
        print(f"precheck: {refused}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
