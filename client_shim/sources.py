"""The pinned sources of nghttp2, mbedTLS and yyjson: fetched, verified by hash, kept for the next clone, never committed.

They are Debian's upstream tarballs. The mirror's address is read from this system's own apt configuration and the
download is made by apt's own helper, so that a proxy or a mirror that works for apt works here. Where there is no
network, PRECHECK_SOURCES names a folder that holds the tarballs. They are kept in the user's cache, or in this checkout
where that cannot be written.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

APT_HELPER = Path("/usr/lib/apt/apt-helper")
APT_LISTS = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources")
DOWNLOAD_SECONDS_MAX = 300
IN_CHECKOUT = Path(__file__).resolve().parents[1] / "native" / "build" / "sources"


class SourceError(RuntimeError):
    """The sources cannot be had, or are not what they should be."""


@dataclass(frozen=True, slots=True)
class Source:
    """One upstream release."""

    name: str
    tarball: str
    sha256: str
    pool: str
    """Folder below a Debian mirror."""
    patches: "tuple[Patch, ...]" = ()
    """Applied in order."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch of a distribution: a member of its packaging archive."""

    archive: Source
    member: str


SOURCES = (
    Source(
        name="nghttp2-1.64.0",
        tarball="nghttp2_1.64.0.orig.tar.gz",
        sha256="b452dc69a1fcbc9375389b8b154175d8b7b125cdd713fc426774c2b79a1ebd77",
        pool="pool/main/n/nghttp2",
        # Upstream's fix of an assertion that a hostile server could make fail in the caller's process.
        patches=(
            Patch(
                Source(
                    name="debian",
                    tarball="nghttp2_1.64.0-1.1+deb13u1.debian.tar.xz",
                    sha256="e16478701c5c007aa8761dc30c01090b2217199558bd1017b1d237db463d758c",
                    pool="pool/main/n/nghttp2",
                ),
                "debian/patches/CVE-2026-27135.patch",
            ),
        ),
    ),
    Source(
        name="mbedtls-3.6.6",
        tarball="mbedtls_3.6.6.orig.tar.bz2",
        sha256="8fb65fae8dcae5840f793c0a334860a411f884cc537ea290ce1c52bb64ca007a",
        pool="pool/main/m/mbedtls",
    ),
)

YYJSON = Source(
    name="ibireme-yyjson-a963bbe",
    tarball="yyjson_0.10.0+ds.orig.tar.xz",
    sha256="ae6fde69a193e10afab426ef13f113d6903446405f9db9ee98bfb572bd6c961a",
    pool="pool/main/y/yyjson",
)
"""The JSON reader of the popup: strict, and without recursion."""


def sha256_of(path: Path) -> str:
    """Return the hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folders() -> list[Path]:
    """Return where verified tarballs may be kept: between clones, else in this checkout."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a user without a home
        return [IN_CHECKOUT]
    return [cache / "precheck" / "sources", IN_CHECKOUT]


def mirrors() -> list[str]:
    """Return the addresses in this system's apt configuration, in its order, without repeats."""
    found: dict[str, None] = {}
    for pattern in APT_LISTS:
        for path in sorted(Path("/").glob(pattern.lstrip("/"))):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if re.match(r"(deb(-src)?\s|uris:)", line, re.IGNORECASE):
                    found |= dict.fromkeys(uri.rstrip("/") for uri in re.findall(r"\b(?:https?|file):\S+", line))
    return list(found)


def download(source: Source, target: Path) -> None:
    """Fetch a tarball into `target` from the first mirror that has it. Raises SourceError if none has."""
    tried = []
    for mirror in mirrors() if APT_HELPER.exists() else []:
        address = f"{mirror}/{source.pool}/{source.tarball}"
        command = [str(APT_HELPER), "download-file", address, str(target), f"SHA256:{source.sha256}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS_MAX, check=False)  # noqa: S603 - no shell; addresses come from root's files
        except subprocess.TimeoutExpired:
            target.unlink(missing_ok=True)
            tried.append(f"{address}: not here within {DOWNLOAD_SECONDS_MAX} s")
            continue
        if done.returncode == 0:
            return
        target.unlink(missing_ok=True)
        errors = [line for line in done.stderr.splitlines() if line.startswith("E: ")]
        tried.append(f"{address}: {errors[0][3:] if errors else 'failed'}")
    raise SourceError(
        f"cannot get {source.tarball} (sha256 {source.sha256})\n"
        + "".join(f"  tried {line}\n" for line in tried or ["no address: there is no apt configuration here"])
        + "  put the tarball into a folder and name that folder in the environment variable PRECHECK_SOURCES"
    )


def tarball_of(source: Source) -> Path:
    """Return the path of the verified tarball, fetching it if need be. Raises SourceError."""
    brought = os.environ.get("PRECHECK_SOURCES")
    if brought:
        given = Path(brought) / source.tarball
        if not given.is_file():
            raise SourceError(f"PRECHECK_SOURCES: there is no {given}")
        if sha256_of(given) != source.sha256:
            raise SourceError(f"PRECHECK_SOURCES: {given} has not the sha256 {source.sha256}")
        return given
    refused = []
    for folder in cache_folders():
        try:
            return kept_in(folder, source)
        except OSError as error:
            refused.append(f"  {error}\n")
    raise SourceError(
        f"cannot keep {source.tarball}\n"
        + "".join(refused)
        + "  name a folder that can be written in the environment variable XDG_CACHE_HOME, or one that holds the tarball "
        "in PRECHECK_SOURCES"
    )


def kept_in(folder: Path, source: Source) -> Path:
    """Return the verified tarball in a cache folder, fetching it if need be. Raises SourceError or OSError."""
    kept = folder / source.sha256 / source.tarball
    if kept.is_file() and sha256_of(kept) == source.sha256:
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        fresh = Path(scratch) / source.tarball
        download(source, fresh)
        if sha256_of(fresh) != source.sha256:
            raise SourceError(f"{source.tarball}: what came has not the sha256 {source.sha256}")
        fresh.replace(kept)
    return kept


def apply_patch(tree: Path, patch: str) -> None:
    """Apply a unified diff to the files below `tree`. Every line must fit exactly; raises SourceError if one does not.

    Written here because a machine that builds us need not have patch(1).
    """
    for part in re.split(r"^(?=diff --git )", patch, flags=re.MULTILINE)[1:]:
        name = re.search(r"^\+\+\+ b/(\S+)", part, re.MULTILINE)
        if name is None:
            raise SourceError("a patch names no file")
        path = tree / name[1]
        old = path.read_text(encoding="utf-8").split("\n")
        new: list[str] = []
        at = 0
        for hunk in re.finditer(r"^@@ -(\d+),(\d+) \+\d+,\d+ @@.*\n((?:[ +\-].*\n)+)", part, re.MULTILINE):
            lines = [line for line in hunk[3].splitlines() if line != "-- "]
            start, count = int(hunk[1]) - 1, int(hunk[2])
            if old[start : start + count] != [line[1:] for line in lines if line[0] in " -"]:
                raise SourceError(f"{name[1]}: the patch does not fit at line {start + 1}")
            new += old[at:start] + [line[1:] for line in lines if line[0] in " +"]
            at = start + count
        path.write_text("\n".join(new + old[at:]), encoding="utf-8")


def patch_text(patch: Patch) -> str:
    """Return a patch out of its verified archive. Raises SourceError."""
    with tarfile.open(tarball_of(patch.archive)) as archive:
        member = archive.extractfile(patch.member)
        if member is None:
            raise SourceError(f"{patch.archive.tarball}: has no {patch.member}")
        return member.read().decode("utf-8")


def extract(source: Source, target: Path) -> None:
    """Put the patched sources into the folder `target`, which is replaced as a whole. Raises SourceError."""
    tarball = tarball_of(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        with tarfile.open(tarball) as archive:
            # Pythons before 3.11.4 have no filter to ask for; the hash has vouched for every member.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(scratch)  # noqa: S202 - see above
        tree = Path(scratch) / source.name
        for patch in source.patches:
            apply_patch(tree, patch_text(patch))
        shutil.rmtree(target, ignore_errors=True)
        tree.rename(target)
