"""The compiled file: the same bytes for the same source, every key found, damage noticed, nothing read too early."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruleset.pack.check import check_pack
from ruleset.pack.compile import compile_pack
from ruleset.pack.file import (
    BODY_OFFSET,
    DIGEST_OFFSET,
    HEADER,
    MAGIC,
    Manifest,
    PackFile,
    PackFileError,
    RowRecord,
    write_pack,
)
from ruleset.pack.source import read_source
from tests.pack.conftest import CHECKOUT, STARTER

SYNTHETIC_ROWS = 100_000


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    path = tmp_path_factory.mktemp("synthetic") / "large.pack"
    manifest = Manifest("large", 1, "", "", "0.1.0", (), {})
    rows = ((RowRecord(0, f"r{n}", 0, 9, 0, [n]), (f"item:{n}",)) for n in range(SYNTHETIC_ROWS))
    write_pack(path, manifest, rows)
    return path


def damaged(file, tmp_path, *, at, xor=0x01):
    data = bytearray(file.path.read_bytes())
    data[at] ^= xor
    path = tmp_path / "damaged.pack"
    path.write_bytes(data)
    return path


def test_the_same_source_gives_the_same_bytes(starter_file, tmp_path):
    compile_pack(STARTER, tmp_path / "again.pack")
    assert (tmp_path / "again.pack").read_bytes() == starter_file.path.read_bytes()


def test_the_order_of_files_on_disk_changes_nothing(starter_file, tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    for path in sorted(STARTER.rglob("*"), reverse=True):
        if path.is_file():
            target = copy / path.relative_to(STARTER)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    glob = Path.glob
    monkeypatch.setattr(Path, "glob", lambda self, pattern: sorted(glob(self, pattern), reverse=True))
    digest = compile_pack(copy, tmp_path / "copy.pack")
    assert digest == starter_file.digest
    assert (tmp_path / "copy.pack").read_bytes() == starter_file.path.read_bytes()


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_order_of_hashes_changes_nothing(seed, starter_file, tmp_path):
    program = "import sys; from pathlib import Path; from ruleset.pack.compile import compile_pack; "
    program += "print(compile_pack(Path(sys.argv[1]), Path(sys.argv[2])))"
    command = [sys.executable, "-c", program, str(STARTER), str(tmp_path / "seeded.pack")]
    environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(CHECKOUT)}
    run = subprocess.run(command, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert run.stdout.strip() == starter_file.digest


def test_every_key_leads_to_its_row_and_to_no_other(starter_file):
    expected = {}
    for row in check_pack(read_source(STARTER)).rows:
        for key in row.keys:
            expected.setdefault(key, []).append(row.id)
    for key, ids in expected.items():
        assert [starter_file.row(offset).id for offset in starter_file.find(key)] == ids, key
    assert (
        starter_file.row_count
        == len(list(starter_file.all_rows()))
        == len({i for ids in expected.values() for i in ids})
    )


def test_row_ids_do_not_depend_on_the_order_of_rows(small_pack):
    def ids():
        return sorted(row.id for row in check_pack(read_source(small_pack)).rows)

    before = ids()
    path = small_pack / "rows" / "drug-sex.csv"
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([header, *reversed(rows), ""]), encoding="utf-8")
    assert ids() == before == ["drug-sex:X1@2025-05-23", "drug-sex:X1@2026-01-28", "drug-sex:X2@2025-05-23"]


@settings(deadline=None, derandomize=True)
@given(key=st.text())
def test_an_absent_key_gives_nothing(starter_file, key):
    assert starter_file.find(key) == ()


def test_a_prefix_an_extension_or_another_case_of_a_key_is_another_key(starter_file):
    key = "item:XG01AFA222D003010101770"
    assert starter_file.find(key)
    for other in (key[:-1], key + "0", key.lower(), key.removeprefix("item:"), "herb:" + key.removeprefix("item:")):
        assert starter_file.find(other) == ()


def test_a_sound_file_verifies(starter_file):
    starter_file.verify()


def test_a_flipped_bit_anywhere_in_the_body_or_the_digest_is_noticed(starter_file, tmp_path):
    size = starter_file.path.stat().st_size
    places = [DIGEST_OFFSET, BODY_OFFSET - 1, BODY_OFFSET, size - 1]
    places += random.Random(2).sample(range(BODY_OFFSET, size), 24)
    for place in places:
        path = damaged(starter_file, tmp_path, at=place, xor=1 << (place % 8))
        with pytest.raises(PackFileError):
            PackFile(path).verify()


def test_another_format_is_refused(starter_file, tmp_path):
    for place in (0, len(MAGIC) - 1):
        with pytest.raises(PackFileError, match="not a compiled pack of this format"):
            PackFile(damaged(starter_file, tmp_path, at=place))


def test_a_truncated_file_is_refused(starter_file, tmp_path):
    data = starter_file.path.read_bytes()
    path = tmp_path / "short.pack"
    for length in (0, 1, len(MAGIC), DIGEST_OFFSET, BODY_OFFSET - 1, BODY_OFFSET, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(PackFileError):
            PackFile(path)


def test_opening_reads_no_row_whatever_their_number(synthetic, tmp_path):
    """With every byte of the rows spoilt the file still opens and finds keys; only touching a row fails."""
    sound = PackFile(synthetic)
    assert sound.row_count == SYNTHETIC_ROWS
    assert sound.row(*sound.find("item:99999")).cells == [99_999]
    data = bytearray(synthetic.read_bytes())
    rows_offset, rows_length = HEADER.unpack_from(data, len(MAGIC))[6:8]
    data[rows_offset : rows_offset + rows_length] = b"\xff" * rows_length
    path = tmp_path / "spoilt.pack"
    path.write_bytes(data)
    opened = PackFile(path)
    assert opened.row_count == SYNTHETIC_ROWS
    assert len(opened.find("item:99999")) == 1
    with pytest.raises(msgspec.DecodeError):
        opened.row(*opened.find("item:99999"))


def test_a_failed_compile_leaves_the_old_file_alone(small_pack, tmp_path):
    target = tmp_path / "small.pack"
    compile_pack(small_pack, target)
    before = target.read_bytes()
    (small_pack / "rows" / "drug-sex.csv").write_text("item_code\n", encoding="utf-8")
    with pytest.raises(Exception, match="is missing"):
        compile_pack(small_pack, target)
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.glob("*.pack*")] == ["small.pack"]
