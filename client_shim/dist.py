"""Put what vendors get into dist/: `python -m client_shim.dist` (`make dist`).

    dist/precheck-client-VERSION/
        README.zh-CN.md           where to begin
        docs/                     the vendors' guide (howto), what it refers to (reference), sample messages (samples)
        include/                  precheck.h and what goes with it
        examples/                 a doctor's station in each language
        popup/html/               the popup as a page
        precheck.def              the exported names
        windows-x64/              precheck.dll, precheck.lib (MSVC), libprecheck.dll.a (mingw); the same of the popup,
                                  and precheck-popup.exe
        windows-x86/              the same for 32 bits
        linux-x86_64/             libprecheck.so for glibc 2.17 and later
        linux-aarch64/            the same
        licences/                 ours, and those of what is linked in
        SHA256SUMS                of every file; `sha256sum --check SHA256SUMS`

The same checkout gives the same bytes, wherever it lies. A page's links to what is in the kit lead there, wherever that
stands in the checkout; of a link to anything else only the words are left.
"""

import argparse
import hashlib
import os
import re
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
LEFT_OUT = ("*.pyc", "__pycache__", "build", ".*")
SHIPPED = {
    "README.zh-CN.md": NATIVE / "kit.zh-CN.md",
    "docs/howto": ROOT / "docs" / "howto",
    "docs/reference": ROOT / "docs" / "reference",
    "docs/samples": ROOT / "docs" / "samples",
    "examples": NATIVE / "examples",
    "include": NATIVE / "include",
    "include/precheck_popup.h": popup.POPUP / "precheck_popup.h",
    "popup/html": popup.POPUP / "html",
    "precheck.def": NATIVE / "precheck.def",
}
"""What is copied as it stands, by its place in the kit; only the links of pages are rewritten."""
LEFT_OUT_OF = {"docs/samples": ("*.py",)}
LINK = re.compile(r"\[((?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*)\]\(([^()\s]+)\)")
ELSEWHERE = re.compile(r"[a-z]+:|#")
"""A link to another site, or into its own page."""


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


def place_in_kit(path: Path) -> Path | None:
    """Return where a file or folder of the checkout stands in the kit, relative to it; None if it is not there."""
    for place, source in SHIPPED.items():
        if path.is_relative_to(source):
            return Path(place) / path.relative_to(source)
    return None


def with_links_of_kit(text: str, page: Path, place: Path, folder: Path) -> str:
    """Return a page's text for its `place` in the kit, which lies in `folder`; `page` is where it stands in the checkout."""

    def rewritten(link: re.Match[str]) -> str:
        words, address = link.groups()
        if ELSEWHERE.match(address):
            return link[0]
        path, anchor, fragment = address.partition("#")
        target = place_in_kit(Path(os.path.normpath(page.parent / path)))
        if target is None or not (folder / target).exists():
            return words
        return f"[{words}]({Path(os.path.relpath(target, place.parent)).as_posix()}{anchor}{fragment})"

    return LINK.sub(rewritten, text)


def copy_shipped(folder: Path) -> None:
    """Copy what needs no building."""
    for place, source in SHIPPED.items():
        output = folder / place
        output.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            ignored = shutil.ignore_patterns(*LEFT_OUT, *LEFT_OUT_OF.get(place, ()))
            shutil.copytree(source, output, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, output)
    for place, source in SHIPPED.items():
        pages = sorted((folder / place).rglob("*.md")) if source.is_dir() else [folder / place]
        for page in pages:
            if page.suffix == ".md":
                original = source / page.relative_to(folder / place) if source.is_dir() else source
                text = page.read_text(encoding="utf-8")
                text = with_links_of_kit(text, original, page.relative_to(folder), folder)
                page.write_text(text, encoding="utf-8", newline="\n")


def fill(folder: Path) -> None:
    """Copy everything into an empty folder, and write down its hashes."""
    copy_shipped(folder)
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
