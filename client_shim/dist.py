"""Put what vendors get into dist/: `python -m client_shim.dist` (`make dist`).

    dist/precheck-client-VERSION/
        include/                  precheck.h and what goes with it
        examples/                 a doctor's station in each language
        popup-html/               the popup as a page
        windows-x64/              precheck.dll, precheck.lib (MSVC), libprecheck.dll.a (mingw); the same of the popup,
                                  and precheck-popup.exe
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

from client_shim import build, popup
from client_shim.sources import SourceError
from client_shim.steps import NATIVE, ROOT, BuildError, digest, locked, run, step
from client_shim.targets import LINUX_AARCH64, LINUX_X86_64, WINDOWS_X64, WINDOWS_X86, Target, zig

DIST = ROOT / "dist"
TARGETS = (WINDOWS_X64, WINDOWS_X86, LINUX_X86_64, LINUX_AARCH64)
MINGW_IMPORT_LIBRARIES = (build.MINGW_IMPORT_LIBRARY, popup.MINGW_IMPORT_LIBRARY)
MACHINES = {WINDOWS_X64: "i386:x86-64", WINDOWS_X86: "i386"}
"""As dlltool names them."""
LICENCES = {
    "precheck.txt": ROOT / "LICENSE",
    "nghttp2.txt": build.NGHTTP2 / "COPYING",
    "mbedtls.txt": build.MBEDTLS / "LICENSE",
    "yyjson.txt": popup.YYJSON_FOLDER / "LICENSE",
}
EXAMPLES_LEFT_OUT = ("*.pyc", "__pycache__", "build", ".*")


def msvc_name(mingw_name: str) -> str:
    """Return what Microsoft's linker calls an import library: `precheck.lib` for `libprecheck.dll.a`."""
    return mingw_name.removeprefix("lib").removesuffix(".dll.a") + ".lib"


def build_msvc_library(target: Target, mingw_name: str) -> None:
    """Make the import library in the short form of Microsoft's linker; mingw's own tool makes the long one."""
    output = msvc_name(mingw_name)
    imports = Path(mingw_name).with_suffix(".def")
    names = ("-k", "-m", MACHINES[target], "-D", f"{Path(output).stem}.dll", "-d", imports, "-l", output)
    run([*zig("dlltool"), *names], target.folder)


def build_everything() -> None:
    """Bring every target up to date. Raises BuildError or SourceError."""
    with locked():
        for target in TARGETS:
            build.build_for(target)
    popup.build()
    with locked():
        for target in MACHINES:
            for name in MINGW_IMPORT_LIBRARIES:
                stamp = digest([target.folder / Path(name).with_suffix(".def"), Path(__file__)])
                output = target.folder / msvc_name(name)
                step((output,), stamp, lambda target=target, name=name: build_msvc_library(target, name))  # type: ignore[misc]


def files_of(target: Target) -> list[Path]:
    """Return what goes into a target's folder."""
    if not target.is_windows:
        return [target.output]
    libraries = [name for mingw_name in MINGW_IMPORT_LIBRARIES for name in (mingw_name, msvc_name(mingw_name))]
    return [target.folder / name for name in (target.library, popup.LIBRARY, popup.PROGRAM, *libraries)]


def fill(folder: Path) -> None:
    """Copy everything into an empty folder, and write down its hashes."""
    shutil.copytree(NATIVE / "include", folder / "include")
    shutil.copyfile(popup.POPUP / "precheck_popup.h", folder / "include" / "precheck_popup.h")
    shutil.copytree(popup.POPUP / "html", folder / "popup-html")
    shutil.copytree(NATIVE / "examples", folder / "examples", ignore=shutil.ignore_patterns(*EXAMPLES_LEFT_OUT))
    shutil.copyfile(NATIVE / "precheck.def", folder / "precheck.def")
    shutil.copyfile(ROOT / "docs" / "howto" / "vendor-guide.zh-CN.md", folder / "vendor-guide.zh-CN.md")
    shutil.copytree(ROOT / "docs" / "samples", folder / "samples", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
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
