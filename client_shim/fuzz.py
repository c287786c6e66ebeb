"""Build and run the fuzz targets of the C client: `python -m client_shim.fuzz [--seconds N] [TARGET...]`.

    native/fuzz/fuzz_NAME.c + our sources + nghttp2, all with coverage and sanitizers -> native/build/fuzz/fuzz_NAME
    native/fuzz/seeds.py -> real messages -> the first inputs

The network of the targets is their input (native/fuzz/platform_fuzz.c). What they find worth keeping stays in
native/build/fuzz/corpus and is where the next run begins; an input that breaks something is left in
native/build/fuzz/found. libFuzzer is clang's, so these and only these are built by clang. mbedTLS is linked as the
library has it: no target gets so far as TLS.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from client_shim import build
from client_shim.build import BUILD, INCLUDES, NATIVE, NGHTTP2, ROOT, THIRD_PARTY, BuildError, compile_all, run, step
from client_shim.sources import SourceError

FOLDER = BUILD / "fuzz"
SOURCES = NATIVE / "fuzz"
TARGETS = tuple(sorted(path.stem.removeprefix("fuzz_") for path in SOURCES.glob("fuzz_*.c")))
"""What can be fuzzed."""
SECONDS_DEFAULT = 600
"""For each target: an hour for all of them."""
INPUT_BYTES_MAX = 8192
TIMEOUT_S = 10
"""Longer than that for one input is a finding."""

INSTRUMENTED = ("-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=fuzzer-no-link,address,undefined")
STRICT = (
    "-fno-sanitize-recover=all",
    "-std=c11",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wmissing-prototypes",
    "-Wshadow",
    "-Wvla",
)


def build_nghttp2() -> None:
    """Compile nghttp2 with coverage and sanitizers: it reads most of what comes in."""
    print("precheck: building nghttp2 for fuzzing (once, about half a minute)", file=sys.stderr)
    headers = (
        "-DHAVE_ARPA_INET_H",
        "-DHAVE_NETINET_IN_H",
        "-DHAVE_TIME_H",
        "-DNGHTTP2_STATICLIB",
        "-DBUILDING_NGHTTP2",
    )
    # Its own idioms (calls through a pointer to another type) are no finding of ours.
    flags = (*INSTRUMENTED, "-fno-sanitize=undefined", "-std=gnu11", "-w", *headers)
    sources = sorted((NGHTTP2 / "lib").glob("*.c"))
    objects = compile_all(sources, FOLDER / "objects-nghttp2", (*flags, f"-I{NGHTTP2 / 'lib' / 'includes'}"))
    archive = FOLDER / "nghttp2.a"
    archive.unlink(missing_ok=True)
    run(["ar", "rcs", str(archive), *objects])


def own_sources() -> list[Path]:
    """Return our sources without the operating system's."""
    return [path for path in build.own_sources() if not path.name.startswith("platform_")]


def build_targets() -> None:
    """Compile our sources once, and link every target with them."""
    flags = (*INSTRUMENTED, *STRICT, *INCLUDES, f"-I{NATIVE / 'src'}")
    mains = [SOURCES / f"fuzz_{name}.c" for name in TARGETS]
    common = [*own_sources(), SOURCES / "platform_fuzz.c"]
    objects = compile_all([*common, *mains], FOLDER / "objects", flags)
    library, own_mains = objects[: len(common)], objects[len(common) :]
    for name, main_object in zip(TARGETS, own_mains, strict=True):
        linked = [main_object, *library, str(FOLDER / "nghttp2.a"), str(THIRD_PARTY)]
        run(["clang", "-fsanitize=fuzzer,address,undefined", *linked, "-o", str(FOLDER / f"fuzz_{name}")])


def prepare() -> None:
    """Bring the targets and their first inputs up to date. Raises BuildError or SourceError."""
    if shutil.which("clang") is None:
        raise BuildError("clang is missing: `make fuzz` installs it")
    build.build()
    os.environ["CC"] = "clang"
    build.compiler_version.cache_clear()
    FOLDER.mkdir(parents=True, exist_ok=True)
    this = Path(__file__)
    nghttp2 = build.digest([this, *(NGHTTP2 / "lib").glob("*.[ch]")])
    step((FOLDER / "nghttp2.a",), nghttp2, build_nghttp2)
    inputs = [*build.own_inputs(), *SOURCES.glob("*.[ch]"), this]
    step(tuple(FOLDER / f"fuzz_{name}" for name in TARGETS), build.digest(inputs, nghttp2), build_targets)
    seeds = tuple(FOLDER / "seeds" / name for name in TARGETS)
    step(seeds, build.digest([this, SOURCES / "seeds.py"]), make_seeds)


def make_seeds() -> None:
    """Write the first inputs by the script that makes them."""
    run([sys.executable, str(SOURCES / "seeds.py"), str(FOLDER / "seeds")])


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
