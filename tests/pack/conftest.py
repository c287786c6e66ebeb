"""What the pack tests share: the starter pack compiled once, small packs to spoil, and where the reference data is."""

import shutil
from pathlib import Path

import pytest

from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot

CHECKOUT = Path(__file__).resolve().parents[2]
STARTER = CHECKOUT / "ruleset" / "packs" / "nhsa"
SHARED_DATA = CHECKOUT.parent / "shared" / "data" / "nhsa"

PACK_TOML = """\
id = "small"
revision = 1
title = "小规则包"
"""
RULE_TOML = """\
template = "T06"
title = "药品区分性别使用"
official_code = "GZ10000301004000"
kind = "safety"
action = "WARN"
message = "“{item}”限{limit_sex}性使用。"
remedies = ["换药"]

[[citations]]
document = "规则库"
"""
ROWS_CSV = """\
item_code,item_name,sex,valid_from,valid_to
X1,甲药,女,2025-05-23,2026-01-28
X1,甲药,女,2026-01-28,
X2,乙药,男,2025-05-23,
"""


@pytest.fixture(scope="session")
def starter_file(tmp_path_factory):
    """The starter pack, compiled and opened."""
    target = tmp_path_factory.mktemp("starter") / "nhsa.pack"
    compile_pack(STARTER, target)
    return PackFile(target)


@pytest.fixture(scope="session")
def starter(starter_file):
    """The starter pack as a source of rows."""
    return Snapshot([LoadedPack(starter_file)])


@pytest.fixture
def small_pack(tmp_path):
    """The directory of a small sound pack with one rule, `drug-sex`."""
    root = tmp_path / "small"
    files = {"pack.toml": PACK_TOML, "rules/drug-sex.toml": RULE_TOML, "rows/drug-sex.csv": ROWS_CSV}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def shared_data():
    """The reference data beside the checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip("no ../shared beside this checkout")
    return SHARED_DATA


@pytest.fixture
def starter_copy(tmp_path):
    """A writable copy of the starter pack's source."""
    return shutil.copytree(STARTER, tmp_path / "copy")
