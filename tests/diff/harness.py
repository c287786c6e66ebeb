"""Put a claim to the engine, and state its answer in the oracle's terms."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ruleset.case import Case, Line
from ruleset.document import read_document
from ruleset.evaluator import evaluate
from ruleset.outcome import Result
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot
from ruleset.templates import TEMPLATES
from ruleset.timeline import Timeline
from tests.diff.oracle import Answer, Claim, Finding, Hint, LineDict

OUTSIDE_A_LINE_DOCUMENT = ("tag", "position", "encounter_id", "facility_id")


def case_of(claim: Claim) -> Case:
    """The claim as the engine's fact model; a line's tag travels as its `group_id`, which no rule reads."""
    document = {
        "time": claim["time"],
        "triggers": claim["triggers"],
        "patient": claim["patient"],
        "encounter": {**claim["encounter"], "lines": [_line_document(line) for line in claim["lines"]]},
        "history": [
            {"id": line["encounter_id"], "facility_id": line["facility_id"], "lines": [_line_document(line)]}
            for line in claim["history"]
        ],
    }
    case = read_document(document)
    assert [line.position for line in (*case.lines, *case.history)] == [
        line["position"] for line in (*claim["lines"], *claim["history"])
    ]
    return case


def _line_document(line: LineDict) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in OUTSIDE_A_LINE_DOCUMENT} | {
        "group_id": line["tag"]
    }


def engine_answer(case: Case, snapshot: Snapshot, stored: Iterable[Line] = ()) -> Answer:
    return answer_of(evaluate(case, Timeline(stored), snapshot))


def answer_of(result: Result) -> Answer:
    findings = [
        Finding(
            finding.row.rule.official_code,
            finding.row.id,
            _tags(finding.violating),
            _tags(finding.related),
            finding.action.name,
            finding.amount,
        )
        for finding in result.findings
    ]
    hints = [
        Hint(
            hint.row.rule.official_code,
            hint.row.id,
            _tags((hint.line, *(hint.related if hint.row.rule.template.id == "T23" else ()))),
            tuple(sorted({missing.fact for missing in hint.missing})),
        )
        for hint in result.hints
    ]
    gaps = [(gap.reason, gap.line.group_id if gap.line else "") for gap in result.not_evaluated]
    return Answer(
        result.verdict.name, result.completeness.name, sorted(findings, key=repr), sorted(hints), sorted(gaps)
    )


def _tags(lines: Iterable[Line]) -> tuple[str, ...]:
    return tuple(sorted(line.group_id for line in lines))


def write_pack_source(root: Path, rules: list[dict[str, Any]]) -> Path:
    """Write a pack's source directory; each rule has its `rows` (all with the same columns) and its other fields."""
    for folder in ("rules", "rows"):
        (root / folder).mkdir(parents=True)
    (root / "pack.toml").write_text('id = "small"\nrevision = 1\ntitle = "small"\n', encoding="utf-8")
    for number, rule in enumerate(rules):
        name = f"r{number}"
        evidence = ("item", "date", *TEMPLATES[rule["template"]].evidence)
        head = {
            "title": name,
            "official_code": f"GZ{number}",
            "message": "".join(f"{{{word}}}" for word in evidence),
            **{key: value for key, value in rule.items() if key != "rows"},
        }
        text = "".join(f"{key} = {_toml(value)}\n" for key, value in head.items())
        (root / "rules" / f"{name}.toml").write_text(text + '[[citations]]\ndocument = "d"\n', encoding="utf-8")
        with (root / "rows" / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ("row_id", *rule["rows"][0]))
            writer.writeheader()
            writer.writerows({"row_id": f"{name}-{place}", **row} for place, row in enumerate(rule["rows"]))
    return root


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def snapshot_of(source: Path, target: Path) -> Snapshot:
    compile_pack(source, target)
    return Snapshot([LoadedPack(PackFile(target))])
