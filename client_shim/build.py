"""Build the C client: `python -m client_shim.build` for this machine, with a target's name for another.

    sources.py -> nghttp2 + mbedTLS -> third_party.a -\
                          native/src -> own objects  ---> libprecheck.so -> _precheck (cffi), example programs
                 native/include/*.h -> cffi's cdef -/

targets.py says which machines there are; what is for this one goes to native/build, what is for another to a folder below
it. Every step writes a stamp of what went into it (contents, flags, compiler) and is skipped while that stamp is current,
so a build of nothing takes a fraction of a second. `--sanitize` builds the test programs of tests/abi from our own
sources instead, with AddressSanitizer and UndefinedBehaviorSanitizer.
"""

import argparse
import contextlib
import io
import os
import re
import sys
import sysconfig
from pathlib import Path

from client_shim.sources import SOURCES, SourceError, extract
from client_shim.steps import (
    BUILD,
    HEADER,
    HEADERS,
    NATIVE,
    ROOT,
    BuildError,
    compile_all,
    compiler,
    digest,
    locked,
    run,
    step,
    version_of,
)
from client_shim.targets import HERE, TARGETS, WARNINGS, WINDOWS_LIBRARIES, WINDOWS_X64, Target

LIBRARY = HERE.output
THIRD_PARTY = HERE.third_party
MODULE = ROOT / "client_shim" / "_precheck.abi3.so"
EXAMPLE = BUILD / "station"
TEST_PROGRAMS = ROOT / "tests" / "abi"
DRIVER = BUILD / "driver-sanitized"
ENDURANCE = BUILD / "endurance"
ENDURANCE_SANITIZED = BUILD / "endurance-sanitized"
WRAPPED = {
    DRIVER: ("malloc", "calloc", "realloc"),
    ENDURANCE: ("malloc", "calloc", "realloc", "free"),
    ENDURANCE_SANITIZED: ("malloc", "calloc", "realloc", "free"),
}
"""What each test program defines instead of the C library, to make allocations fail and to count them."""
DEFINITION = NATIVE / "precheck.def"
RESOURCE = NATIVE / "precheck.rc"
MINGW_IMPORT_LIBRARY = "libprecheck.dll.a"

NGHTTP2, MBEDTLS = (BUILD / source.name for source in SOURCES)

UNSANITIZED = ("-fPIC", "-O1", "-g")
SANITIZED = (*UNSANITIZED, "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
# An assertion names its file: by its place in the checkout, so that two checkouts give the same bytes.
SAME_NAMES = (f"-ffile-prefix-map={ROOT}=.",)
MBEDTLS_CONFIG = ('-DMBEDTLS_CONFIG_FILE="tls_mbedtls_config.h"', f"-I{NATIVE / 'src'}")
INCLUDES = (
    f"-I{NATIVE / 'include'}",
    f"-isystem{NGHTTP2 / 'lib' / 'includes'}",
    f"-isystem{MBEDTLS / 'include'}",
    "-DNGHTTP2_STATICLIB",
    "-DNGHTTP2_NO_SSIZE_T",
    *MBEDTLS_CONFIG,
)
PINS = (Path(__file__), Path(__file__).with_name("sources.py"), Path(__file__).with_name("targets.py"))
"""What says how everything is built."""


def unpack() -> None:
    """Fetch, verify and patch the sources of nghttp2 and mbedTLS."""
    for source, target in zip(SOURCES, (NGHTTP2, MBEDTLS), strict=True):
        extract(source, target)
    includes = NGHTTP2 / "lib" / "includes" / "nghttp2"
    version = NGHTTP2.name.partition("-")[2]
    number = "0x" + "".join(f"{int(part):02x}" for part in version.split("."))
    template = (includes / "nghttp2ver.h.in").read_text()
    (includes / "nghttp2ver.h").write_text(
        template.replace("@PACKAGE_VERSION@", version).replace("@PACKAGE_VERSION_NUM@", number)
    )


def build_third_party(target: Target) -> None:
    """Compile nghttp2 and mbedTLS into one archive."""
    print(f"precheck: building nghttp2 and mbedTLS for {target.name} (once, about half a minute)", file=sys.stderr)
    flags = (*target.flags, *SAME_NAMES, "-std=gnu11", "-w")
    nghttp2 = (*target.nghttp2_flags, "-DNGHTTP2_STATICLIB", "-DBUILDING_NGHTTP2", f"-I{NGHTTP2 / 'lib' / 'includes'}")
    mbedtls = (*MBEDTLS_CONFIG, f"-I{MBEDTLS / 'include'}", f"-I{MBEDTLS / 'library'}")
    objects = target.folder / "objects"
    made = [
        *compile_all(sorted((NGHTTP2 / "lib").glob("*.c")), objects / "nghttp2", (*flags, *nghttp2), target.compiler),
        *compile_all(
            sorted((MBEDTLS / "library").glob("*.c")), objects / "mbedtls", (*flags, *mbedtls), target.compiler
        ),
    ]
    target.third_party.unlink(missing_ok=True)
    run([*target.tool("ar"), "rcs", target.third_party, *made])


def own_sources(target: Target = HERE) -> list[Path]:
    """Return the C files of the library."""
    other = "platform_posix.c" if target.is_windows else "platform_win32.c"
    return sorted(path for path in (NATIVE / "src").glob("*.c") if path.name != other)


def own_inputs() -> list[Path]:
    """Return everything of ours that the library is made of, for whichever machine."""
    return [*HEADERS, *(NATIVE / "src").glob("*.[ch]"), DEFINITION, RESOURCE]


def version() -> tuple[int, int, int]:
    """Return the library's version: major, minor, patch."""
    found = re.search(r"^#define PCK_VERSION +(\d+)$", HEADER.read_text(), re.MULTILINE)
    assert found is not None
    number = int(found[1])
    return number // 10_000, number // 100 % 100, number % 100


def import_library(target: Target, objects: list[str], definition: Path, dll: str, output: Path) -> None:
    """Make the library by which mingw's linker finds what a DLL exports."""
    # A caller's compiler asks for the decorated name (`_pck_open@16` on x86), the DLL has the plain one.
    symbols = run([*target.tool("nm"), "--defined-only", "--extern-only", *objects])
    prefix = "_" if "i686" in target.toolchain else ""
    decorated = sorted(set(re.findall(rf" T {prefix}(pck_\w+(?:@\d+)?)$", symbols, re.MULTILINE)))
    exported = set(re.findall(r"^\t(\w+)$", definition.read_text(), re.MULTILINE))
    kept = [name for name in decorated if name.partition("@")[0] in exported]
    imports = output.with_suffix(".def")
    imports.write_text(f"LIBRARY {dll}\nEXPORTS\n" + "".join(f"\t{name}\n" for name in kept))
    output.unlink(missing_ok=True)
    names = ("--kill-at", "--dllname", dll, "--temp-prefix", Path(dll).stem, "--deterministic-libraries")
    # In its folder: it makes symbols of the path that it writes to.
    files = ("--input-def", imports.name, "--output-lib", output.name)
    run([*target.tool("dlltool"), *names, *files], output.parent)


def windows_parts(target: Target, objects: list[str]) -> list[str | Path]:
    """Make the import library for mingw, and return what a DLL is linked from besides its objects."""
    import_library(target, objects, DEFINITION, target.library, target.folder / MINGW_IMPORT_LIBRARY)
    major, minor, patch = version()
    resource = target.folder / "objects" / "resource.o"
    numbers = (f"-DMAJOR={major}", f"-DMINOR={minor}", f"-DPATCH={patch}")
    run([*target.tool("windres"), *numbers, RESOURCE, resource])
    return [exports(target), resource, *WINDOWS_LIBRARIES]


def exports(target: Target) -> Path:
    """Return what tells the linker which functions to export: for x64 those that align the stack, by the plain names."""
    if target is not WINDOWS_X64:
        return DEFINITION
    aligned = target.folder / "objects" / DEFINITION.name
    aligned.write_text(re.sub(r"^\t(\w+)$", r"\t\1 = aligned_\1", DEFINITION.read_text(), flags=re.MULTILINE))
    return aligned


def build_library(target: Target) -> None:
    """Compile our sources and link the library that stations load."""
    flags = (*target.flags, *SAME_NAMES, *WARNINGS, *INCLUDES)
    objects = compile_all(own_sources(target), target.folder / "objects" / "own", flags, target.compiler)
    more = windows_parts(target, objects) if target.is_windows else []
    # Whole or not at all: a test that runs meanwhile keeps the old one. The linker writes a DLL's file name into it.
    fresh = target.folder / "new" / target.library
    fresh.parent.mkdir(exist_ok=True)
    run([*target.compiler, *target.link_flags, *objects, target.third_party, *more, "-o", fresh])
    fresh.replace(target.output)


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
    command = [*compiler(), "-shared", "-fPIC", "-O2", "-w", str(generated), "-o", str(fresh)]
    paths = [f"-I{NATIVE / 'include'}", f"-I{sysconfig.get_path('include')}", f"-L{BUILD}"]
    run([*command, *paths, "-lprecheck", f"-Wl,-rpath,$ORIGIN/{where}"])
    fresh.replace(MODULE)


def build_example() -> None:
    """Build the example program against the library."""
    source = str(NATIVE / "examples" / "c" / "station.c")
    command = [*compiler(), *WARNINGS, "-O2", f"-I{NATIVE / 'include'}", source, "-o", str(EXAMPLE)]
    run([*command, f"-L{BUILD}", "-lprecheck", "-Wl,-rpath,$ORIGIN"])


def build_test_programs() -> None:
    """Build the test programs from our sources; nghttp2 and mbedTLS come from the archive."""
    for flags, programs in ((SANITIZED, (DRIVER, ENDURANCE_SANITIZED)), (UNSANITIZED, (ENDURANCE,))):
        objects = BUILD / "objects" / f"for-{programs[-1].name}"
        ours = compile_all(own_sources(), objects / "own", (*flags, *WARNINGS, *INCLUDES))
        sources = [TEST_PROGRAMS / f"{program.name.partition('-')[0]}.c" for program in programs]
        mains = compile_all(sources, objects / "main", (*flags, *WARNINGS, *INCLUDES))
        for program, main_object in zip(programs, mains, strict=True):
            wrapped = [f"-Wl,--wrap={name}" for name in WRAPPED[program]]
            run([*compiler(), *flags, main_object, *ours, THIRD_PARTY, *wrapped, "-lpthread", "-o", program])


def prepare(target: Target) -> str:
    """Bring the third party's archive up to date; return its stamp. Raises BuildError or SourceError."""
    target.folder.mkdir(parents=True, exist_ok=True)
    step((NGHTTP2, MBEDTLS), digest([Path(__file__), Path(__file__).with_name("sources.py")]), unpack)
    stamp = digest([*PINS, NATIVE / "src" / "tls_mbedtls_config.h"], version_of(tuple(target.compiler)))
    step((target.third_party,), stamp, lambda: build_third_party(target))
    return stamp


def build_for(target: Target) -> None:
    """Bring a target's library up to date; the lock is held. Raises BuildError or SourceError."""
    third_party = prepare(target)
    outputs = (target.output, target.folder / MINGW_IMPORT_LIBRARY) if target.is_windows else (target.output,)
    if step(outputs, digest([*own_inputs(), *PINS], third_party), lambda: build_library(target)):
        size = target.output.stat().st_size / 1024
        print(f"precheck: {target.output.relative_to(ROOT)}: {size:.0f} KiB", file=sys.stderr)


def build(*, sanitize: bool = False) -> None:
    """Bring everything for this machine up to date. Raises BuildError or SourceError."""
    with locked():
        this = Path(__file__)
        if sanitize:
            inputs = [*own_inputs(), *TEST_PROGRAMS.glob("*.c"), *PINS]
            programs = (DRIVER, ENDURANCE, ENDURANCE_SANITIZED)
            step(programs, digest(inputs, prepare(HERE)), build_test_programs)
            return
        build_for(HERE)
        step((MODULE,), digest([*HEADERS, this], sysconfig.get_path("include")), build_module)
        step((EXAMPLE,), digest([*HEADERS, this, *(NATIVE / "examples" / "c").glob("*.c")]), build_example)


def main() -> int:
    """Return 0 when everything is up to date."""
    parser = argparse.ArgumentParser(prog="python -m client_shim.build", description=__doc__.partition("\n")[0])
    parser.add_argument("--sanitize", action="store_true", help="build the test programs instead")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"none: this machine; of {', '.join(TARGETS)}")
    arguments = parser.parse_args()
    unknown = set(arguments.targets) - set(TARGETS)
    if unknown:
        parser.error(f"there is no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    try:
        if not arguments.targets or arguments.sanitize:
            build(sanitize=arguments.sanitize)
        for name in arguments.targets:
            with locked():
                build_for(TARGETS[name])
    except (BuildError, SourceError, OSError) as refused:
        print(f"precheck: {refused}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
