"""Small packs, written to a folder: what they find tells which of them judged."""

import shutil
import subprocess
import sys

from tests.web.messages import BED, CHILD_DRUG
from tests.web.product import PATIENCE_S, ROOT, environment

STARTER = ROOT / "ruleset" / "packs" / "nhsa"

_RULES = {
    "drug-child-only": (
        """
        template = "T07"
        title = "药品儿童专用"
        official_code = "{child_code}"
        kind = "safety"
        action = "{action}"
        message = "{message}"
        remedies = ["换药"]
        constants = {{ adult_from_years = 18 }}
        citations = [{{ document = "试验" }}]
        """,
        f"item_code,item_name,object\n{CHILD_DRUG[0]},{CHILD_DRUG[1]},儿童\n",
    ),
    "service-per-day": (
        """
        template = "T32"
        title = "医疗服务项目限定频次"
        official_code = "GZ10000102014000"
        kind = "payment"
        action = "WARN"
        message = "{message}"
        remedies = ["减量"]
        citations = [{{ document = "试验" }}]
        """,
        f"item_code,item_name,max_qty,unit\n{BED[0]},{BED[1]},1,日\n",
    ),
}


_TESTS = f"""
[defaults]
ignore_not_evaluated = ["unknown_drug"] # beside rows of classes and substances, which tests add

[[case]]
name = "儿童使用儿童药品"
kind = "compliant"
time = 2026-07-06T09:00:00
patient = {{ birth_date = 2020-01-01 }}
lines = [{{ item_code = "{CHILD_DRUG[0]}" }}]
"""
"""A pack without tests of its own is not activated."""


def write_pack(folder, *, id="tiny", revision=1, action="WARN", child_code="GZ10000301002000", message="", tests=""):  # noqa: A002
    """Write a pack's source into a folder; return the folder. Every message of it ends with its revision."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("rules", "rows", "tests"):
        (folder / name).mkdir(parents=True)
    head = f'id = "{id}"\nrevision = {revision}\ntitle = "试验"\n'
    (folder / "pack.toml").write_text(head, encoding="utf-8")
    values = {"action": action, "child_code": child_code, "message": message or f"“{{item}}”不符，第{revision}版"}
    for name, (rule, rows) in _RULES.items():
        text = "\n".join(line.strip() for line in rule.strip().splitlines()).format(**values)
        (folder / "rules" / f"{name}.toml").write_text(text, encoding="utf-8")
        (folder / "rows" / f"{name}.csv").write_text(rows, encoding="utf-8")
    (folder / "tests" / "cases.toml").write_text(tests or _TESTS, encoding="utf-8")
    return folder


def build(source, target):
    """Compile a pack as an operator does."""
    done = subprocess.run(
        [sys.executable, "-m", "server", "pack", "build", str(source), "-o", str(target)],
        capture_output=True,
        cwd=ROOT,
        env=environment(),
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return target
