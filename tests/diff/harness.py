"""Put a claim to the engine, and state its answer in the oracle's terms."""

import csv
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from msgspec import structs

from ruleset.case import Case, Line, Site
from ruleset.document import read_document
from ruleset.evaluator import evaluate
from ruleset.outcome import Hint as EngineHint
from ruleset.outcome import Result
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.diagnostics import PackError
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot
from ruleset.templates import TEMPLATES
from ruleset.timeline import Timeline
from tests.diff.generate_rows import LISTS, pack
from tests.diff.oracle import (
    OF_PAIRS,
    OF_WHOLE_PRESCRIPTIONS,
    Answer,
    Claim,
    Finding,
    Gap,
    Hint,
    LineDict,
    Row,
    read_lists,
    read_rows,
)
from tests.diff.oracle_world import SUBSTANCES_FILE

OUTSIDE_A_LINE_DOCUMENT = ("tag", "position", "encounter_id", "facility_id", "begin_is_date")
LISTLESS: dict[str, list[tuple[str, str]]] = {}
SYSTEMIC_CLASSES = (("甲素", "J01DD"), ("丙素", "N02BE01"))
"""What generated packs say in substances.csv."""
ROUNDS_MAX = 20
"""How often rows that the compiler refuses are left out before a pack is given up."""


def case_of(claim: Claim) -> Case:
    """The claim as the engine's fact model; a line's tag travels as its `specification`, which no rule reads."""
    document = {
        "time": claim["time"],
        "triggers": claim["triggers"],
        "patient": claim["patient"],
        "encounter": {**claim["encounter"], "lines": [_line_document(line) for line in claim["lines"]]},
        "history": [
            {"id": line["encounter_id"], "facility_id": line["facility_id"], "lines": [_line_document(line)]}
            for line in claim["history"]
        ],
        "visits": claim.get("visits", []),
        "practitioners": claim.get("practitioners", []),
    }
    site = claim.get("site", {})
    case = read_document(
        document,
        Site(
            insurance_year_begins=site.get("insurance_year_begins", (1, 1)),
            complete_feeds=frozenset(site.get("complete_feeds", ())),
        ),
    )
    of_dates = {line["tag"] for line in (*claim["lines"], *claim["history"]) if line.get("begin_is_date")}
    lines, history = (
        tuple(structs.replace(line, begin_is_date=line.specification in of_dates) for line in some)
        for some in (case.lines, case.history)
    )
    case = structs.replace(case, lines=lines, history=history)
    assert [line.position for line in (*case.lines, *case.history)] == [
        line["position"] for line in (*claim["lines"], *claim["history"])
    ]
    return case


def _line_document(line: LineDict) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in OUTSIDE_A_LINE_DOCUMENT} | {
        "specification": line["tag"]
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
            _tags(_lines_of(hint)),
            tuple(sorted({missing.fact for missing in hint.missing})),
        )
        for hint in result.hints
    ]
    # Of two diagnoses or operations that break one row there are two findings, told apart by their messages alone.
    findings = [one for at, one in enumerate(findings) if one.violating or one.related or one not in findings[:at]]
    of_prescriptions = {hint.row.id for hint in result.hints if hint.row.rule.template.id in OF_WHOLE_PRESCRIPTIONS}
    hints = [one for at, one in enumerate(hints) if one.row not in of_prescriptions or one not in hints[:at]]
    gaps = [
        Gap(
            gap.reason,
            gap.line.specification if gap.line else "",
            tuple(sorted(missing.fact for missing in gap.missing)),
        )
        for gap in result.not_evaluated
    ]
    return Answer(
        result.verdict.name, result.completeness.name, sorted(findings, key=repr), sorted(hints), sorted(gaps)
    )


def shown(result: Result) -> list[Any]:
    """All that a result says, in the order in which it says it, with lines by their tags."""
    return [
        (result.verdict.name, result.completeness.name),
        *(
            (one.row.id, one.action.name, *map(_shown_tags, (one.violating, one.related)), one.message, one.amount)
            for one in result.findings
        ),
        *((one.row.id, _shown_tags(_of_hint(one)), one.missing) for one in result.hints),
        *((one.reason, _shown_tags([one.line] if one.line else []), one.missing) for one in result.not_evaluated),
    ]


def _of_hint(hint: EngineHint) -> list[Line]:
    return [line for line in (hint.line, *hint.related) if line is not None]


def _shown_tags(lines: Iterable[Line]) -> list[str]:
    return [line.specification for line in lines]


def with_telling_ids(claim: Claim) -> Claim:
    """Give lines that agree in time and order id different ids: the place in the message decides between them."""
    seen = set()
    for line in (*claim["lines"], *claim["history"]):
        if (line["order_id"], line["begin"]) in seen or line["begin"] is None:
            line["order_id"] = f"{line['order_id']}-{line['tag']}"
        seen.add((line["order_id"], line["begin"]))
    return claim


def placed(current: list[LineDict], history: list[LineDict]) -> dict[str, list[LineDict]]:
    """The lines of a claim in another order."""
    lines = [{**line, "position": number} for number, line in enumerate((*current, *history), 1)]
    return {"lines": lines[: len(current)], "history": lines[len(current) :]}


def _lines_of(hint: EngineHint) -> tuple[Line, ...]:
    """The line; of a pair or set, which has no first line, and of the encounter, all that it rests on."""
    if hint.row.rule.template.id in OF_WHOLE_PRESCRIPTIONS:
        return ()
    related = hint.related if hint.row.rule.template.id in OF_PAIRS or hint.line is None else ()
    return tuple(dict.fromkeys(line for line in (hint.line, *related) if line is not None))


def _tags(lines: Iterable[Line]) -> tuple[str, ...]:
    return tuple(sorted(line.specification for line in lines))


def write_pack_source(
    root: Path,
    rules: list[dict[str, Any]],
    lists: dict[str, list[tuple[str, str]]] = LISTLESS,
    pack_id: str = "small",
) -> Path:
    """Write a pack's source directory; each rule has its `rows` (all with the same columns) and its other fields."""
    for folder in ("rules", "rows", "lists"):
        (root / folder).mkdir(parents=True)
    (root / "pack.toml").write_text(f'id = "{pack_id}"\nrevision = 1\ntitle = "small"\n', encoding="utf-8")
    _write_csv(
        root / SUBSTANCES_FILE,
        ("ingredient", "systemic_class"),
        [{"ingredient": name, "systemic_class": drug_class} for name, drug_class in SYSTEMIC_CLASSES],
    )
    for name, members in lists.items():
        _write_csv(
            root / "lists" / f"{name}.csv",
            ("item_code", "ingredient", "drug_class", "name"),
            [{kind: member} for kind, member in members],
        )
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
        rows = [{"row_id": f"{name}-{place}", **row} for place, row in enumerate(rule["rows"])]
        _write_csv(root / "rows" / f"{name}.csv", ("row_id", *rule["rows"][0]), rows)
    return root


def _write_csv(path: Path, columns: tuple[str, ...], rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


class Compiled(NamedTuple):
    """A generated pack, both ways."""

    snapshot: Snapshot
    rows: list[Row]
    lists: dict[str, list[tuple[str, str]]]
    refused: list[str]


def drawn(random: Random, templates: list[str]) -> Compiled:
    """A generated pack of these templates; another one where the compiler leaves no row of it."""
    while True:
        with tempfile.TemporaryDirectory() as folder:
            made = compiled(Path(folder), pack(random, templates), LISTS)
        if made is not None:
            return made


def compiled(root: Path, rules: list[dict[str, Any]], lists: dict[str, list[tuple[str, str]]]) -> Compiled | None:
    """Compile a generated pack without the rows that the compiler refuses (two that say the same, say).

    None where no row is left that is not switched off.
    """
    refused: list[str] = []
    for number in range(ROUNDS_MAX):
        if all(row.get("mode") == "off" for rule in rules for row in rule["rows"]):
            return None
        source = write_pack_source(root / f"source{number}", rules, lists)
        try:
            snapshot = snapshot_of(source, root / "pack")
        except PackError as error:
            refused.extend(map(str, error.diagnostics))
            bad = {(one.path, one.line) for one in error.diagnostics if one.path.startswith("rows/")}
            if not bad:
                raise
            rules = _without(rules, bad)
            continue
        return Compiled(snapshot, read_rows(source), read_lists(source), refused)
    raise AssertionError(refused)


def _without(rules: list[dict[str, Any]], bad: set[tuple[str, int]]) -> list[dict[str, Any]]:
    """The rules without the rows on these lines of their files (the first row is on line 2)."""
    left = [
        {**rule, "rows": [row for at, row in enumerate(rule["rows"], 2) if (f"rows/r{number}.csv", at) not in bad]}
        for number, rule in enumerate(rules)
    ]
    return [rule for rule in left if rule["rows"]]


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def snapshot_of(source: Path, target: Path) -> Snapshot:
    compile_pack(source, target)
    return Snapshot([LoadedPack(PackFile(target))])
