"""A pack of rules without rows, and sheets to write."""

import shutil

import pytest

from tests.importer.spreadsheets import write_workbook
from tests.pack.conftest import STARTER


@pytest.fixture
def pack(tmp_path):
    """A pack with the starter's rules and no row at all."""
    root = tmp_path / "pack"
    shutil.copytree(STARTER / "rules", root / "rules")
    shutil.copy(STARTER / "pack.toml", root)
    return root


@pytest.fixture
def sheet(tmp_path):
    """Writes a workbook and returns its path."""

    def write(sheets, name="a.xlsx", merged=None):
        if isinstance(sheets, list):
            sheets = {"Sheet1": sheets}
        return write_workbook(tmp_path / name, sheets, merged)

    return write
