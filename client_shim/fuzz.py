"""Build and run the fuzz targets of the C client: `python -m client_shim.fuzz [--seconds N] [TARGET...]`.

    native/fuzz/fuzz_NAME.c + our sources + nghttp2, all with coverage and sanitizers -> native/build/fuzz/fuzz_NAME
    native/fuzz/seeds.py -> real messages -> the first inputs

The network of the targets is their input (native/fuzz/platform_fuzz.c). What they find worth keeping stays in
native/build/fuzz/corpus and is where the next run begins; an input that breaks something is left in
native/build/fuzz/found. libFuzzer is clang's, so these and only these are built by clang. mbedTLS is linked as the
library has it: `tls` is about our handling of it, not about its parsers.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

from client_shim import build
from client_shim.build import INCLUDES, NGHTTP2, THIRD_PARTY
from client_shim.sources import SourceError
from client_shim.steps import BUILD, NATIVE, ROOT, BuildError, compile_all, digest, locked, run, step, version_of
from client_shim.targets import HERE, WARNINGS

CLANG = ("clang",)
FOLDER = BUILD / "fuzz"
SOURCES = NATIVE / "fuzz"
TARGETS = tuple(sorted(path.stem.removeprefix("fuzz_") for path in SOURCES.glob("fuzz_*.c")))
"""What can be fuzzed."""
SECONDS_DEFAULT = 600
"""For each target: over an hour for all of them."""
INPUT_BYTES_MAX = 8192
TIMEOUT_S = 10
"""Longer than that for one input is a finding."""

INSTRUMENTED = ("-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=fuzzer-no-link,address")
# Its own idioms (calls through a pointer to another type) are no finding of ours.
OURS = ("-fsanitize=undefined", "-fno-sanitize-recover=all", *WARNINGS)


def build_nghttp2() -> None:
    """Compile nghttp2 with coverage and AddressSanitizer: it reads most of what comes in."""
    print("precheck: building nghttp2 for fuzzing (once, about half a minute)", file=sys.stderr)
    flags = (*INSTRUMENTED, *HERE.nghttp2_flags, "-std=gnu11", "-w", "-DNGHTTP2_STATICLIB", "-DBUILDING_NGHTTP2")
    sources = sorted((NGHTTP2 / "lib").glob("*.c"))
    includes = (f"-I{NGHTTP2 / 'lib' / 'includes'}",)
    objects = compile_all(sources, FOLDER / "objects-nghttp2", (*flags, *includes), CLANG)
    archive = FOLDER / "nghttp2.a"
    archive.unlink(missing_ok=True)
    run(["ar", "rcs", archive, *objects])


def build_targets() -> None:
    """Compile our sources once, and link every target with them."""
    # The input stands for the operating system.
    ours = [path for path in build.own_sources() if not path.name.startswith("platform_")]
    common = [*ours, SOURCES / "platform_fuzz.c"]
    mains = [SOURCES / f"fuzz_{name}.c" for name in TARGETS]
    flags = (*INSTRUMENTED, *OURS, *INCLUDES, f"-I{NATIVE / 'src'}")
    objects = compile_all([*common, *mains], FOLDER / "objects", flags, CLANG)
    library, own_mains = objects[: len(common)], objects[len(common) :]
    for name, main_object in zip(TARGETS, own_mains, strict=True):
        linked = [main_object, *library, FOLDER / "nghttp2.a", THIRD_PARTY]
        # The clock of mbedTLS, too, is platform_fuzz.c's.
        run([*CLANG, "-fsanitize=fuzzer,address,undefined", "-Wl,--wrap=time", *linked, "-o", FOLDER / f"fuzz_{name}"])


def make_seeds() -> None:
    """Write the first inputs by the script that makes them."""
    run([sys.executable, SOURCES / "seeds.py", FOLDER / "seeds"])


def prepare() -> None:
    """Bring the targets and their first inputs up to date. Raises BuildError or SourceError."""
    build.build()
    with locked():
        if shutil.which(CLANG[0]) is None:
            raise BuildError("clang is missing: `make fuzz` installs it")
        FOLDER.mkdir(parents=True, exist_ok=True)
        this = Path(__file__)
        nghttp2 = digest([this, *(NGHTTP2 / "lib").glob("*.[ch]")], version_of(CLANG))
        step((FOLDER / "nghttp2.a",), nghttp2, build_nghttp2)
        inputs = [*build.own_inputs(), *SOURCES.glob("*.[ch]"), this]
        step(tuple(FOLDER / f"fuzz_{name}" for name in TARGETS), digest(inputs, nghttp2), build_targets)
        seeds = tuple(FOLDER / "seeds" / name for name in TARGETS)
        # Those behind TLS are what the target's own client is told: they change with what it says.
        step(seeds, digest([*inputs, *SOURCES.glob("*.py")], nghttp2), make_seeds)


def fuzz(name: str, seconds: int) -> subprocess.CompletedProcess[bytes]:
    """Run a target for so long. Its output says what it did; its exit code is not 0 where it found something."""
    corpus, found = FOLDER / "corpus" / name, FOLDER / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", f"-timeout={TIMEOUT_S}"]
    where = [f"-artifact_prefix={found}/{name}-", str(corpus), str(FOLDER / "seeds" / name)]
    command = [str(FOLDER / f"fuzz_{name}"), *limits, "-close_fd_mask=1", *where]
    return subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, check=False)  # noqa: S603 - a program of ours, no shell


def main() -> int:
    """Return 0 where nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m client_shim.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=SECONDS_DEFAULT, help="for each target")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all of {', '.join(TARGETS)}")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.targets if name not in TARGETS]
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    try:
        prepare()
    except (BuildError, SourceError, OSError) as refused:
        print(f"precheck: {refused}", file=sys.stderr)
        return 1
    broken = []
    for name in arguments.targets or TARGETS:
        done = fuzz(name, arguments.seconds)
        text = done.stderr.decode(errors="replace")
        runs, reach = re.findall(r"^#(\d+)\s.* cov: (\d+) ", text, re.MULTILINE)[-1]
        print(f"{name}: {runs} inputs, {reach} edges covered, {'nothing found' if done.returncode == 0 else 'FOUND:'}")
        if done.returncode != 0:
            broken.append(name)
            print(text[-6000:])
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
