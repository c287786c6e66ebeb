"""What the importer's tests share: names for sheets, and what an import did."""

import csv

import pytest

from ruleset.pack.diagnostics import PackError
from server.importer.national import plan_import

DRUG = "XA01AAA001A001010100001"
DRUG_2 = "XA01AAA001A001010100002"
DRUG_3 = "XA01AAA001A001010100003"
SERVICE = "001101000010000"
SERVICE_2 = "001101000020000"
HERB = "T000100001"

NAMES = ["药品通用名", "药品说明", "限定类型", "限定值域"]
CODES = ["药品通用名", "序号", "国标代码", "限定类型"]
ONE_SHEET = ["药品通用名", "国标代码", "药品说明", "限定类型", "限定值域"]


def rows_of(pack, rule_id):
    path = pack / "rows" / f"{rule_id}.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def imported(pack, *paths, **options):
    """Import and write; return the plan."""
    plan = plan_import(paths, pack, **options)
    plan.write()
    return plan


def refusal(pack, *paths, **options):
    """Return the text of the refusal; nothing may have been written."""
    before = {path: path.read_bytes() for path in pack.rglob("*") if path.is_file()}
    with pytest.raises(PackError) as caught:
        plan_import(paths, pack, **options)
    assert before == {path: path.read_bytes() for path in pack.rglob("*") if path.is_file()}
    return str(caught.value)


def texts(diagnostics):
    return [str(diagnostic) for diagnostic in diagnostics]


def level_sheet(*rows, head=ONE_SHEET):
    return [head, *([name, code, text, "限定机构等级", value] for name, code, text, value in rows)]
