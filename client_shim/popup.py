"""Build the popup of native/popup for Windows: `python -m client_shim.popup`.

    html/texts.js -> popup_texts.h -\
            sources.py -> yyjson -----> precheck_popup.dll, precheck-popup.exe
                  native/popup/src -/

They stand beside precheck.dll (native/build/windows-x64, windows-x86). For this machine, with sanitizers, the tests have
a program built that says what the window would show, and `--fuzz` builds and runs one that fuzzes the reading of answers.
The page in native/popup/html needs no building.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from client_shim.build import PINS, SAME_NAMES, SANITIZED, import_library, version
from client_shim.sources import YYJSON, SourceError, extract
from client_shim.steps import BUILD, HEADERS, NATIVE, ROOT, BuildError, compile_all, compiler, digest, locked, run, step
from client_shim.steps import version_of as compiler_version_of
from client_shim.targets import WARNINGS, WINDOWS_X64, WINDOWS_X86, Target

POPUP = NATIVE / "popup"
SOURCES = POPUP / "src"
TEXTS = POPUP / "html" / "texts.js"
DEFINITION = POPUP / "precheck_popup.def"
RESOURCE = POPUP / "popup.rc"
OUTPUT = BUILD / "popup"
YYJSON_FOLDER = OUTPUT / YYJSON.name
TEXTS_HEADER = OUTPUT / "popup_texts.h"
MODEL_DRIVER = OUTPUT / "model-driver"
DRIVER_SOURCE = ROOT / "tests" / "popup" / "model_driver.c"
MODEL_FUZZER = OUTPUT / "model-fuzzer"
FUZZ_TARGET = POPUP / "fuzz" / "fuzz_popup.c"
FUZZ_INPUT_BYTES_MAX = 65_536
FUZZ_REPORT_CHARACTERS = 3000
FUZZ_SEED = b'{"verdict":"PASS","completeness":"COMPLETE","findings":[],"display":{"findings":[],"missing":[]},"not_evaluated":[]}'
"""Where no answers are given to begin with; the dictionary beside the target has every name."""

TARGETS = (WINDOWS_X64, WINDOWS_X86)
LIBRARY = "precheck_popup.dll"
PROGRAM = "precheck-popup.exe"
MINGW_IMPORT_LIBRARY = "libprecheck_popup.dll.a"
LIBRARIES = ("-luser32", "-lgdi32")
PROGRAM_LIBRARIES = ("-lshell32",)

PORTABLE = tuple(SOURCES / f"{name}.c" for name in ("answer", "entry", "feedback", "model", "text"))
"""What of ours does not need Windows."""
YYJSON_SOURCE = YYJSON_FOLDER / "src" / "yyjson.c"
# Only what is used: strict JSON, no pointers and patches, no fast conversion of floating-point numbers.
YYJSON_FLAGS = (
    "-DYYJSON_DISABLE_UTILS=1",
    "-DYYJSON_DISABLE_NON_STANDARD=1",
    "-DYYJSON_DISABLE_FAST_FP_CONV=1",
    f"-isystem{YYJSON_FOLDER / 'src'}",
)
INCLUDES = (f"-I{NATIVE / 'include'}", f"-I{POPUP}", f"-I{SOURCES}", f"-I{OUTPUT}", *YYJSON_FLAGS)
SMALL = ("-Os", "-fno-asynchronous-unwind-tables")


def texts() -> dict[str, object]:
    """Return every word of the popup: the JSON in texts.js."""
    _, _, rest = TEXTS.read_text(encoding="utf-8").partition("PRECHECK_POPUP_TEXTS = ")
    return dict(json.loads(rest.rstrip().removesuffix(";")))


def texts_header() -> str:
    """Return the texts as C: a macro for each, so that the compiler joins them with others, and tables of the rest."""
    lines = ["/* Made of html/texts.js by client_shim/popup.py. */", "#include <stdint.h>", ""]
    for name, text in texts().items():
        macro = f"TEXT_{name.upper()}"
        if isinstance(text, str):
            lines.append(f"#define {macro} {_literal(text)}")
        elif isinstance(text, list):
            lines.append(f"static const char *const {macro}[] = {{{', '.join(map(_literal, text))}}};")
            lines.append(f"#define {macro}_COUNT {len(text)}")
        elif isinstance(text, dict):
            other = text.pop("other")
            lines.append(f"#define TEXT_RESULT_OTHER {_literal(other)}")
            lines.append(f"static const struct {{\n\tint32_t result;\n\tconst char *text;\n}} {macro}[] = {{")
            lines += [f"\t{{{result}, {_literal(cause)}}}," for result, cause in text.items()]
            lines.append(f"}};\n#define {macro}_COUNT {len(text)}")
    return "\n".join([*lines, ""])


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("??", "?\\?")
    return f'"{escaped}"'


def prepare() -> str:
    """Bring yyjson and the texts to where the compilers look; return the stamp of everything that is compiled."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    step((YYJSON_FOLDER,), digest([Path(__file__).with_name("sources.py")]), lambda: extract(YYJSON, YYJSON_FOLDER))
    header = texts_header()
    if not TEXTS_HEADER.exists() or TEXTS_HEADER.read_text(encoding="utf-8") != header:
        TEXTS_HEADER.write_text(header, encoding="utf-8")
    inputs = [path for folder in (SOURCES, POPUP) for path in folder.iterdir() if path.is_file()]
    return digest([*inputs, TEXTS_HEADER, *HEADERS, *PINS, Path(__file__)])


def resource(target: Target, folder: Path, *more: str) -> Path:
    """Compile version and manifests; return the object."""
    compiled = folder / f"resource{len(more)}.o"
    numbers = [f"-D{name}={number}" for name, number in zip(("MAJOR", "MINOR", "PATCH"), version(), strict=True)]
    run([*target.tool("windres"), *numbers, *more, f"--include-dir={POPUP}", RESOURCE, compiled])
    return compiled


def build_for(target: Target) -> None:
    """Compile, and link the library and the program."""
    folder = target.folder / "objects" / "popup"
    flags = (*target.flags, *SMALL, *SAME_NAMES, *INCLUDES)
    # yyjson has warnings of its own.
    theirs = compile_all([YYJSON_SOURCE], folder / "yyjson", (*flags, "-w"), target.compiler)
    ours = compile_all(sorted(SOURCES.glob("*.c")), folder / "own", (*flags, *WARNINGS), target.compiler)
    shared = [*theirs, *(name for name in ours if Path(name).stem != "main")]
    program_flags = [flag for flag in target.link_flags if flag != "-shared"]
    # Whole or not at all; the linker writes a DLL's file name into it.
    fresh = target.folder / "new"
    fresh.mkdir(exist_ok=True)
    library = [*target.compiler, *target.link_flags, *shared, resource(target, folder), DEFINITION, *LIBRARIES]
    run([*library, "-o", fresh / LIBRARY])
    program = [*target.compiler, "-mwindows", "-municode", *program_flags, *theirs, *ours]
    run([*program, resource(target, folder, "-DPROGRAM"), *LIBRARIES, *PROGRAM_LIBRARIES, "-o", fresh / PROGRAM])
    import_library(target, shared, DEFINITION, LIBRARY, target.folder / MINGW_IMPORT_LIBRARY)
    for name in (LIBRARY, PROGRAM):
        (fresh / name).replace(target.folder / name)


def build_for_tests(command: list[str], sanitized: tuple[str, ...], main: Path, output: Path, *link: str) -> None:
    """Build a program for this machine; AddressSanitizer watches yyjson too, UndefinedBehaviorSanitizer only us.

    The latter would treble the time that yyjson takes to compile.
    """
    folder = OUTPUT / f"objects-{output.name}"
    flags = (*sanitized, *INCLUDES)
    theirs = compile_all([YYJSON_SOURCE], folder / "yyjson", (*flags, "-fno-sanitize=undefined", "-w"), command)
    ours = compile_all([*PORTABLE, main], folder / "own", (*flags, *WARNINGS), command)
    run([*command, *sanitized, *theirs, *ours, *link, "-o", output])


def build_driver() -> None:
    """Build the program that shows what the window would, with allocations that can fail."""
    wrapped = [f"-Wl,--wrap={name}" for name in ("malloc", "calloc", "realloc")]
    build_for_tests(compiler(), SANITIZED, DRIVER_SOURCE, MODEL_DRIVER, *wrapped)


def build_fuzzer() -> None:
    """Build the fuzz target; libFuzzer is clang's."""
    if shutil.which("clang") is None:
        raise BuildError("clang is missing: `make fuzz` installs it")
    sanitized = ("-O1", "-g", "-fsanitize=fuzzer-no-link,address,undefined", "-fno-sanitize-recover=all")
    build_for_tests(["clang"], sanitized, FUZZ_TARGET, MODEL_FUZZER, "-fsanitize=fuzzer")


def build() -> None:
    """Bring library and program up to date for every Windows. Raises BuildError or SourceError."""
    with locked():
        stamp = prepare()
        for target in TARGETS:
            target.folder.mkdir(parents=True, exist_ok=True)
            files = tuple(target.folder / name for name in (LIBRARY, PROGRAM, MINGW_IMPORT_LIBRARY))
            made = digest([], stamp, compiler_version_of(tuple(target.compiler)))
            if step(files, made, lambda target=target: build_for(target)):  # type: ignore[misc]
                sizes = ", ".join(f"{file.name} {file.stat().st_size / 1024:.0f} KiB" for file in files[:2])
                print(f"precheck: {target.folder.relative_to(ROOT)}: {sizes}", file=sys.stderr)


def prepare_driver() -> None:
    """Bring the program that shows what the window would up to date. Raises BuildError or SourceError."""
    with locked():
        step((MODEL_DRIVER,), digest([DRIVER_SOURCE], prepare()), build_driver)


def prepare_fuzzer() -> None:
    """Bring the fuzz target up to date. Raises BuildError or SourceError."""
    with locked():
        step((MODEL_FUZZER,), digest([FUZZ_TARGET], prepare()), build_fuzzer)


def fuzz(seconds: int, seeds: Path) -> subprocess.CompletedProcess[bytes]:
    """Fuzz the reading of answers for so long, beginning with those in a folder; an exit code other than 0 is a find."""
    corpus, found = OUTPUT / "corpus", OUTPUT / "found"
    for folder in (corpus, found, seeds):
        folder.mkdir(parents=True, exist_ok=True)
    if not any(seeds.iterdir()):
        (seeds / "sample").write_bytes(FUZZ_SEED)
    limits = [f"-max_total_time={seconds}", f"-max_len={FUZZ_INPUT_BYTES_MAX}", "-timeout=10", "-close_fd_mask=1"]
    dictionary = f"-dict={FUZZ_TARGET.with_suffix('.dict')}"
    command = [str(MODEL_FUZZER), *limits, dictionary, f"-artifact_prefix={found}/", str(corpus), str(seeds)]
    return subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, check=False)  # noqa: S603 - a program of ours, no shell


def main() -> int:
    """Return 0 when everything is up to date, and fuzzing found nothing."""
    parser = argparse.ArgumentParser(prog="python -m client_shim.popup", description=__doc__.partition("\n")[0])
    parser.add_argument("--fuzz", type=int, metavar="SECONDS", help="fuzz the reading of answers for so long")
    arguments = parser.parse_args()
    try:
        if arguments.fuzz is None:
            build()
            return 0
        prepare_fuzzer()
    except (BuildError, SourceError, OSError) as refused:
        print(f"precheck: {refused}", file=sys.stderr)
        return 1
    done = fuzz(arguments.fuzz, OUTPUT / "seeds")
    print(done.stderr.decode(errors="replace")[-FUZZ_REPORT_CHARACTERS:])
    return 1 if done.returncode != 0 else 0


if __name__ == "__main__":
    raise SystemExit(main())
