"""Put what vendors get into dist/: `python -m client_shim.dist` (`make dist`).

    dist/precheck-client-VERSION/
        include/                  precheck.h and what goes with it
        examples/                 a doctor's station in each language
        windows-x64/              precheck.dll, precheck.lib (MSVC), libprecheck.dll.a (mingw)
        windows-x86/              the same for 32 bits
        linux-x86_64/             libprecheck.so for glibc 2.17 and later
        linux-aarch64/            the same
        licences/                 ours, and those of what is linked in
        SHA256SUMS                of every file; `sha256sum --check SHA256SUMS`

The same checkout gives the same bytes, wherever it lies.
"""

import argparse
import hashlib
import shutil
import sys
from pathlib import Path

from client_shim import build
from client_shim.sources import SourceError
from client_shim.steps import NATIVE, ROOT, BuildError, digest, locked, run, step
from client_shim.targets import LINUX_AARCH64, LINUX_X86_64, WINDOWS_X64, WINDOWS_X86, Target, zig

DIST = ROOT / "dist"
TARGETS = (WINDOWS_X64, WINDOWS_X86, LINUX_X86_64, LINUX_AARCH64)
MSVC_IMPORT_LIBRARY = "precheck.lib"
MACHINES = {WINDOWS_X64: "i386:x86-64", WINDOWS_X86: "i386"}
"""As dlltool names them."""
LICENCES = {
    "precheck.txt": ROOT / "LICENSE",
    "nghttp2.txt": build.NGHTTP2 / "COPYING",
    "mbedtls.txt": build.MBEDTLS / "LICENSE",
}
EXAMPLES_LEFT_OUT = ("*.pyc", "__pycache__", "build", ".*")


def build_msvc_library(target: Target) -> None:
    """Make the import library in the short form of Microsoft's linker; mingw's own tool makes the long one."""
    output = target.folder / MSVC_IMPORT_LIBRARY
    imports = target.folder / "imports.def"
    names = ("-k", "-m", MACHINES[target], "-D", target.library, "-d", imports, "-l", output)
    run([*zig("dlltool"), *names])


def build_everything() -> None:
    """Bring every target up to date. Raises BuildError or SourceError."""
    with locked():
        for target in TARGETS:
            build.build_for(target)
            if target.is_windows:
                output = target.folder / MSVC_IMPORT_LIBRARY
                stamp = digest([target.folder / "imports.def", Path(__file__)])
                step((output,), stamp, lambda target=target: build_msvc_library(target))  # type: ignore[misc]


def files_of(target: Target) -> list[Path]:
    """Return what goes into a target's folder."""
    if not target.is_windows:
        return [target.output]
    return [target.output, target.folder / MSVC_IMPORT_LIBRARY, target.folder / build.MINGW_IMPORT_LIBRARY]


def fill(folder: Path) -> None:
    """Copy everything into an empty folder, and write down its hashes."""
    shutil.copytree(NATIVE / "include", folder / "include")
    shutil.copytree(NATIVE / "examples", folder / "examples", ignore=shutil.ignore_patterns(*EXAMPLES_LEFT_OUT))
    for target in TARGETS:
        (folder / target.name).mkdir()
        for path in files_of(target):
            shutil.copyfile(path, folder / target.name / path.name)
    (folder / "licences").mkdir()
    for name, path in LICENCES.items():
        shutil.copyfile(path, folder / "licences" / name)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n" for path in files
    ]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def make() -> Path:
    """Build and lay out everything; return the folder. Raises BuildError or SourceError."""
    build_everything()
    major, minor, patch = build.version()
    folder = DIST / f"precheck-client-{major}.{minor}.{patch}"
    fresh = folder.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    fill(fresh)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return folder


def main() -> int:
    """Return 0 when dist/ is up to date."""
    argparse.ArgumentParser(prog="python -m client_shim.dist", description=__doc__.partition("\n")[0]).parse_args()
    try:
        folder = make()
    except (BuildError, SourceError, OSError) as refused:
        print(f"precheck: {refused}", file=sys.stderr)
        return 1
    print(f"precheck: {folder.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
