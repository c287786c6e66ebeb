"""Where the sources come from, and that a wrong one is never built."""

import re
import subprocess
import sys
import tarfile

import pytest

from client_shim import build, sources
from client_shim.sources import SOURCES, Source, SourceError, apply_patch, mirrors, sha256_of, tarball_of

PATCH = """From: somebody
diff --git a/lib/a.c b/lib/a.c
index 1..2 100644
--- a/lib/a.c
+++ b/lib/a.c
@@ -2,3 +2,4 @@ context
 two
-three
+THREE
+and more
 four
@@ -7,2 +8,1 @@
 seven
-eight
"""


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.c").write_text("one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n")
    return tmp_path


@pytest.fixture
def tarball(tmp_path):
    """A small source, and the folder that has its tarball."""
    (tmp_path / "thing-1").mkdir()
    (tmp_path / "thing-1" / "x.c").write_text("int x;\n")
    with tarfile.open(tmp_path / "thing.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "thing-1", "thing-1")
    return Source("thing-1", "thing.tar.gz", sha256_of(tmp_path / "thing.tar.gz"), "pool/main/t/thing"), tmp_path


def test_a_patch_is_applied_exactly(tree):
    apply_patch(tree, PATCH)
    assert (tree / "lib" / "a.c").read_text() == "one\ntwo\nTHREE\nand more\nfour\nfive\nsix\nseven\n"


def test_a_patch_that_does_not_fit_is_refused(tree):
    (tree / "lib" / "a.c").write_text("one\ntwo\nthree and a half\nfour\nfive\nsix\nseven\neight\n")
    with pytest.raises(SourceError, match=r"lib/a\.c: the patch does not fit at line 2"):
        apply_patch(tree, PATCH)


def test_the_security_fix_is_in_what_was_built():
    guard = "if (iframe->state == NGHTTP2_IB_IGN_ALL)"
    name = "nghttp2_session.c"
    with tarfile.open(tarball_of(SOURCES[0])) as archive:
        original = archive.extractfile(f"{SOURCES[0].name}/lib/{name}").read().decode()
    assert (build.NGHTTP2 / "lib" / name).read_text().count(guard) == original.count(guard) + 8


def test_a_folder_of_tarballs_stands_in_for_the_network(monkeypatch, tarball, tmp_path):
    source, folder = tarball
    monkeypatch.setenv("PRECHECK_SOURCES", str(folder))
    monkeypatch.setattr(sources, "download", None)
    sources.extract(source, tmp_path / "out" / "thing")
    assert (tmp_path / "out" / "thing" / "x.c").read_text() == "int x;\n"


def test_a_folder_without_the_tarball_or_with_another_one_is_refused(monkeypatch, tarball):
    source, folder = tarball
    monkeypatch.setenv("PRECHECK_SOURCES", str(folder))
    (folder / source.tarball).write_bytes(b"something else")
    with pytest.raises(SourceError, match=source.sha256):
        tarball_of(source)
    (folder / source.tarball).unlink()
    with pytest.raises(SourceError, match=r"there is no .*thing\.tar\.gz"):
        tarball_of(source)


def test_a_verified_tarball_is_kept_and_a_damaged_one_fetched_again(monkeypatch, tarball, tmp_path):
    source, folder = tarball
    fetched = []

    def download(asked, target):
        fetched.append(asked.name)
        target.write_bytes((folder / asked.tarball).read_bytes())

    monkeypatch.delenv("PRECHECK_SOURCES", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sources, "download", download)
    kept = tarball_of(source)
    assert tarball_of(source) == kept
    assert kept.is_relative_to(tmp_path / "cache" / "precheck")
    assert len(fetched) == 1
    kept.write_bytes(b"damaged")
    assert sha256_of(tarball_of(source)) == source.sha256
    assert len(fetched) == 2


@pytest.fixture
def no_cache(monkeypatch, tmp_path):
    """A cache folder that cannot be made, for root neither; returns the folder of the checkout."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.delenv("PRECHECK_SOURCES", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(sources, "IN_CHECKOUT", tmp_path / "checkout")
    return tmp_path / "checkout"


def test_without_a_cache_that_can_be_written_the_checkout_keeps_the_tarball(monkeypatch, no_cache, tarball):
    source, folder = tarball
    content = (folder / source.tarball).read_bytes()
    monkeypatch.setattr(sources, "download", lambda _, target: target.write_bytes(content))
    kept = tarball_of(source)
    assert kept.is_relative_to(no_cache)
    monkeypatch.setattr(sources, "download", None)
    assert tarball_of(source) == kept


def test_where_nothing_can_be_written_the_error_says_what_to_name(monkeypatch, no_cache, tarball):
    source, _ = tarball
    no_cache.write_text("no folder either")
    monkeypatch.setattr(sources, "download", None)
    with pytest.raises(SourceError) as caught:
        tarball_of(source)
    for name in (source.tarball, "XDG_CACHE_HOME", "PRECHECK_SOURCES", str(no_cache)):
        assert name in str(caught.value)


def test_a_user_without_a_home_builds_in_the_checkout(monkeypatch):
    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(sources.Path, "home", home)
    assert sources.cache_folders() == [sources.IN_CHECKOUT]


@pytest.mark.parametrize("refusal", [SourceError("no tarball\n  here"), PermissionError(13, "Permission denied", "/x")])
def test_a_build_that_cannot_be_prints_one_message(monkeypatch, capsys, refusal):
    def refuse(*, sanitize):
        raise refusal

    monkeypatch.setattr(build, "build", refuse)
    monkeypatch.setattr(sys, "argv", ["build"])
    assert build.main() == 1
    assert capsys.readouterr().err == f"precheck: {refusal}\n"


def test_what_came_is_verified_whoever_brought_it(monkeypatch, tarball, tmp_path):
    source, _ = tarball
    monkeypatch.delenv("PRECHECK_SOURCES", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sources, "download", lambda _, target: target.write_bytes(b"something else"))
    with pytest.raises(SourceError, match=source.sha256):
        tarball_of(source)
    assert list((tmp_path / "cache").rglob("*.gz")) == []


def test_a_failed_download_says_what_was_tried_and_what_to_do(monkeypatch, tarball, tmp_path):
    source, _ = tarball
    monkeypatch.setattr(sources, "mirrors", lambda: [f"file:{tmp_path}/nowhere", f"file:{tmp_path}/elsewhere"])
    with pytest.raises(SourceError) as caught:
        sources.download(source, tmp_path / "target")
    text = str(caught.value)
    assert source.sha256 in text
    assert "PRECHECK_SOURCES" in text
    if sources.APT_HELPER.exists():
        assert f"file:{tmp_path}/nowhere/pool/main/t/thing/thing.tar.gz" in text
        assert "elsewhere" in text


def test_mirrors_are_read_from_both_forms_of_apts_configuration(monkeypatch, tmp_path):
    (tmp_path / "one.list").write_text(
        "# deb http://comment.test/debian x main\n"
        "deb [arch=amd64 signed-by=/a/b.gpg] https://list.test/debian/ trixie main\n"
        "deb-src http://src.test/debian trixie main\n"
    )
    (tmp_path / "two.sources").write_text(
        "Types: deb\nURIs: http://first.test/debian http://second.test/debian\nSuites: a\n\n"
        "# http://comment.test\nTypes: deb\nURIs: https://list.test/debian\n"
    )
    monkeypatch.setattr(sources, "APT_LISTS", (f"{tmp_path}/*.list", f"{tmp_path}/*.sources"))
    assert mirrors() == [
        "https://list.test/debian",
        "http://src.test/debian",
        "http://first.test/debian",
        "http://second.test/debian",
    ]


def test_sources_are_pinned_and_not_in_the_repository():
    assert [source.name for source in SOURCES] == ["nghttp2-1.64.0", "mbedtls-3.6.6"]
    listed = subprocess.run(
        ["git", "ls-files", "native", "client_shim"], cwd=build.ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode == 0:
        assert not [name for name in listed.stdout.split() if "build/" in name or name.endswith((".so", ".o", ".a"))]


@pytest.mark.timeout(300)
def test_a_build_of_nothing_does_nothing():
    build.build()
    made = [build.LIBRARY, build.MODULE, build.EXAMPLE, build.THIRD_PARTY]
    before = [path.stat().st_mtime_ns for path in made]
    done = subprocess.run(
        [sys.executable, "-m", "client_shim.build"],
        cwd=build.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == done.stderr == ""
    assert [path.stat().st_mtime_ns for path in made] == before


def test_cffi_sees_the_whole_header():
    seen = build.declarations()
    text = "\n".join(header.read_text() for header in build.HEADERS)
    constants = set(re.findall(r"^#define (PCK_\w+) +\(?-?\d", text, re.MULTILINE))
    assert set(re.findall(r"#define (PCK_\w+)", seen)) == constants
    assert len(constants) > 40
    for name in (
        "pck_options",
        "pck_request",
        "pck_void_request",
        "pck_open(",
        "pck_check(",
        "pck_free(",
        "pck_flat_open_a(",
    ):
        assert name in seen
