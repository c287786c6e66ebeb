"""A pack as pages to read: plain HTML in Chinese that works from a disk and on paper, without a script.

One page for each rule: what a doctor sees, whence it comes, for whom it is, its rows, and its own tests as readable
cases with the answer that the engine gives now. The text is made here, the looks stand in page_templates/.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from inspect import getdoc
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ruleset.display import asked, shown
from ruleset.document import DocumentError
from ruleset.evaluator import evaluate
from ruleset.facts import FACTS
from ruleset.national.coverage import counts_of, coverage, national_rules
from ruleset.outcome import Missing
from ruleset.pack import page_words as words
from ruleset.pack.cases import TestCase, TestFile, case_of_test
from ruleset.pack.check import FIRST_DAY, LAST_DAY
from ruleset.pack.compile import LoadedPack
from ruleset.rule import REVIEW_CODES, Row, Rule
from ruleset.scope import Conditions
from ruleset.snapshot import Snapshot
from ruleset.timeline import EMPTY

SHOWN_ROWS_MAX = 200
"""Rows on a rule's page; all of them are in the table beside it."""
GROUPS: Sequence[tuple[str, str]] = (
    ("T11", "准入与支付范围"),
    ("T20", "单条医嘱的临床合理性"),
    ("T28", "多条医嘱的临床合理性"),
    ("T34", "数量与时限"),
    ("T38", "收费"),
    ("T42", "就医行为"),
    ("T45", "数据质量与自定义"),
)
"""The groups of the table of templates, each by its last template."""
CASE_COLUMNS = ("order_id", "item_name", "item_code", "dose", "frequency", "route", "quantity", "days", "begin")
"""Columns of a case's lines, where any line states them; whatever else is stated stands in one more: it fits on paper."""


class Page(msgspec.Struct, frozen=True):
    """One file of the pages. `path` is relative to their directory, with `/`."""

    path: str
    text: str


def pages(packs: Sequence[LoadedPack]) -> Iterator[Page]:
    """Yield the index, and for each rule of the packs its page and its table of rows."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "page_templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rules: list[tuple[Rule, dict[str, Any]]] = []
    prescriptions: list[dict[str, Any]] = []
    for pack in packs:
        rows_of: dict[str, list[Row]] = {}
        for record in pack.file.all_rows():
            row = pack.row(record)
            rows_of.setdefault(row.rule.id, []).append(row)
        snapshot = Snapshot([pack])
        for rule in pack.rules:
            view = _rule(pack, rule, rows_of.get(rule.id, []), snapshot)
            rules.append((rule, view))
            page = environment.get_template("rule.html")
            yield Page(view["path"], page.render(title=rule.title, rule=view, pack=_pack(pack)))
            yield Page(f"{pack.id}/{view['table_name']}", view["table"])
        for view in _whole_prescriptions(pack, snapshot):
            prescriptions.append(view)
            yield Page(
                view["path"],
                environment.get_template("cases.html").render(**view, pack=_pack(pack)),
            )
    title = packs[0].file.manifest.title if len(packs) == 1 else "规则包"
    index = environment.get_template("index.html")
    yield Page(
        "index.html",
        index.render(
            title=title,
            packs=[_pack(pack) for pack in packs],
            groups=_groups(rules),
            prescriptions=prescriptions,
            coverage=_coverage(packs),
        ),
    )


def _pack(pack: LoadedPack) -> dict[str, Any]:
    manifest = pack.file.manifest
    return {
        "title": manifest.title,
        "revision": pack.revision,
        "rules": len(pack.rules),
        "rows": pack.file.row_count,
    }


def _groups(rules: Sequence[tuple[Rule, dict[str, Any]]]) -> list[dict[str, Any]]:
    groups: dict[str, list[dict[str, Any]]] = {title: [] for _, title in GROUPS}
    for rule, view in sorted(rules, key=lambda pair: (pair[0].template.id, pair[0].official_code, pair[0].id)):
        title = next(title for last, title in GROUPS if rule.template.id <= last)
        groups[title].append(view)
    return [{"title": title, "rules": found} for title, found in groups.items() if found]


def _coverage(packs: Sequence[LoadedPack]) -> dict[str, Any] | None:
    """Return the coverage of the 88 where a pack has any of them."""
    national = {rule.official_code for rule in national_rules()}
    if not any(rule.official_code in national for pack in packs for rule in pack.rules):
        return None
    covered = coverage(packs)
    counts = counts_of(covered)
    return {
        "summary": f"{len(covered)} 条中 {counts.decided} 条可在付费之前判断，{counts.batch} 条只能事后批量判断，{counts.silent} 条在所列规则包中没有行或用例。"
        f"可判断的 {counts.decided} 条中，{counts.published} 条有公布的行（其中 {counts.reminders_only} 条的行都只能提示），"
        f"{counts.demonstration_only} 条只有演示行。",
        "rules": [
            {
                "number": one.rule.number,
                "official_code": one.rule.official_code,
                "name": one.rule.name,
                "state": "没有行或用例" if one.is_silent else words.COVERED_BY[one.rule.decided_by],
                "templates": "、".join(one.templates),
                "rows": one.rows,
                "reminders": one.reminders,
                "demonstration_rows": one.demonstration_rows,
                "tests": one.tests,
                "silent": one.is_silent,
            }
            for one in covered
        ],
    }


def _rule(pack: LoadedPack, rule: Rule, rows: Sequence[Row], snapshot: Snapshot) -> dict[str, Any]:
    record = next(record for record in pack.file.manifest.rules if record.id == rule.id)
    columns, cells = _cells(rows)
    table_name = f"{rule.id}.csv"
    file_of_tests = pack.file.manifest.tests.get(f"tests/{rule.id}.toml", {})
    review = f"{rule.review_code} {REVIEW_CODES.get(rule.review_code, '')}" if rule.review_code else ""
    template = rule.template
    return {
        "id": rule.id,
        "pack_id": pack.id,
        "path": f"{pack.id}/{rule.id}.html",
        "table_name": table_name,
        "title": rule.title,
        "official_code": rule.official_code,
        "message": rule.message.text,
        "action": words.ACTIONS[rule.action.name],
        "action_at": [(words.MOMENTS[at], words.ACTIONS[action.name]) for at, action in rule.action_at.items()],
        "ways_out": "；".join((*rule.remedies, rule.override.text())),
        "kind": words.KINDS[rule.kind],
        "severity": words.SEVERITIES[rule.severity_degree],
        "curation": words.CURATIONS[rule.curation],
        "review_code": review,
        "scope": _conditions(rule.scope),
        "exempt": [
            *_conditions(rule.exempt),
            *([("险种", words.value_text(sorted(rule.exempt_payers)))] if rule.exempt_payers else []),
        ],
        "needs": "、".join(FACTS[name].label for name in template.needs) or "无",
        "template_id": template.id,
        "template_title": template.title,
        "constants": [(words.field_word(name), words.value_text(value)) for name, value in rule.constants.items()],
        "citations": _citations(record.source["citations"]),
        "row_count": len(rows),
        "columns": [words.field_word(name) for name in columns],
        "rows": [[words.value_text(cell) for cell in row] for row in cells[:SHOWN_ROWS_MAX]],
        "table": _csv(columns, cells),
        "cases": list(_cases(file_of_tests, snapshot)),
        "specification": f"{getdoc(template.columns) or ''}\n\n{getdoc(type(template)) or ''}",
    }


def _citations(sources: Sequence[Mapping[str, Any]]) -> list[str]:
    texts = []
    for source in sources:
        parts = [f"《{source['document']}》", source.get("batch", "")]
        parts.append(f"{source['published']} 公布" if source.get("published") else "")
        parts.append(f"适用于 {source['valid_from']} 起生效的行" if source.get("valid_from") else "")
        texts.append("，".join(filter(None, parts)))
    return texts


def _conditions(conditions: Conditions | None) -> list[tuple[str, str]]:
    if conditions is None:
        return []
    stated = ((name, getattr(conditions, name)) for name in Conditions.__struct_fields__)
    return [(words.CONDITIONS[name], words.value_text(value)) for name, value in stated if value]


def _cells(rows: Sequence[Row]) -> tuple[list[str], list[list[Any]]]:
    """Return the columns that any row states differently from the default, and each row's cells."""
    records = [_stated(row) for row in rows]
    columns = list(dict.fromkeys(name for record in records for name in record))
    order = {name: place for place, name in enumerate(rows[0].params.__struct_fields__)} if rows else {}
    columns.sort(key=lambda name: order.get(name, len(order)))
    return columns, [[record.get(name, "") for name in columns] for record in records]


def _stated(row: Row) -> dict[str, Any]:
    cells = {
        field.name: value
        for field in msgspec.structs.fields(row.params)
        if (value := getattr(row.params, field.name)) not in ("", (), None) and field.name not in row.rule.constants
    }
    if row.valid_from > FIRST_DAY:
        cells["valid_from"] = _day(row.valid_from)
    if row.valid_to < LAST_DAY:
        cells["valid_to"] = _day(row.valid_to)
    for name, value in msgspec.to_builtins(row.common).items():
        if name in ("scope", "exempt"):
            cells |= {f"{name}_{condition}": stated for condition, stated in value.items()}
        else:
            cells[name] = value
    return cells


def _day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def _csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as a spreadsheet opens them: with a byte order mark, lists separated by `|`."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow("|".join(map(str, cell)) if isinstance(cell, (list, tuple)) else cell for cell in row)
    return "\ufeff" + text.getvalue()


def _whole_prescriptions(pack: LoadedPack, snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """Yield the test files that are about no one rule: whole prescriptions."""
    rules = {rule.id for rule in pack.rules}
    for path, document in pack.file.manifest.tests.items():
        name = Path(path).stem
        if name not in rules:
            cases = list(_cases(document, snapshot))
            more = f"等 {len(cases)} 例" if len(cases) > 1 else ""
            title = f"{cases[0]['name']}{more}" if cases else name
            yield {"path": f"{pack.id}/cases/{name}.html", "title": title, "cases": cases, "pack_id": pack.id}


def _cases(document: Mapping[str, Any], snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """Yield the cases of a test file with the engine's answers. Tests that cannot be read are no examples."""
    if not document:
        return
    file = msgspec.convert(document, TestFile, strict=False)
    for test in file.case:
        yield _case(test, file.defaults, snapshot)


def _case(test: TestCase, defaults: Mapping[str, Any], snapshot: Snapshot) -> dict[str, Any]:
    view: dict[str, Any] = {
        "name": test.name,
        "kind": words.CASE_KINDS[test.kind] + (f"：{words.BOUNDARIES[test.boundary]}" if test.boundary else ""),
        "facts": list(_facts(test, defaults)),
        "findings": [],
        "hints": [],
        "gaps": [],
        "is_silent": False,
        "error": "",
    }
    view["line_columns"], view["lines"] = _lines(test)
    try:
        result = evaluate(case_of_test(test, defaults), EMPTY, snapshot)
    except DocumentError as error:
        view["error"] = f"用例无法读取：{error}"
        return view
    for entry in shown(result.findings):
        lines = dict.fromkeys(line.order_id for finding in entry.findings for line in finding.violating)
        related = dict.fromkeys(line.order_id for finding in entry.findings for line in finding.related)
        about = f"医嘱 {'、'.join(lines)}" if lines else "本次就诊"
        view["findings"].append(
            {
                "action": words.ACTIONS[entry.action.name],
                "text": " ".join(entry.messages),
                "about": about + (f"（相关：{'、'.join(related)}）" if related else ""),
                "ways_out": "；".join(entry.ways_out),
            }
        )
    for question in asked(result.hints):
        waiting = dict.fromkeys(hint.line.order_id for hint in question.hints if hint.line is not None)
        about = f"（医嘱 {'、'.join(waiting)}）" if waiting else ""
        view["hints"].append("；".join(map(_missing, question.missing)) + about)
    view["gaps"] = [gap.detail + (f"（医嘱 {gap.line.order_id}）" if gap.line else "") for gap in result.not_evaluated]
    view["is_silent"] = not (view["findings"] or view["hints"] or view["gaps"])
    return view


def _missing(missing: Missing) -> str:
    fact = FACTS.get(missing.fact)
    label = fact.label if fact is not None else missing.fact
    return f"{label}：{missing.detail}" if missing.detail else label


def _facts(test: TestCase, defaults: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    patient = {**defaults.get("patient", {}), **test.patient}
    encounter = {**defaults.get("encounter", {}), **test.encounter}
    time = test.time or defaults.get("time")
    if time is not None:
        yield "时间", words.value_text(time)
    for title, facts in (("患者", patient), ("就诊", encounter)):
        if facts:
            yield (
                title,
                "；".join(f"{words.field_word(name)} {words.value_text(value)}" for name, value in facts.items()),
            )
    for title, items in (
        ("以往就诊", test.visits or defaults.get("visits", [])),
        ("医师", test.practitioners or defaults.get("practitioners", [])),
    ):
        if items:
            yield title, "；".join(map(words.value_text, items))


def _lines(test: TestCase) -> tuple[list[str], list[list[str]]]:
    """Return the lines of a case, current ones first, as a table."""
    lines = [{"order_id": str(number), **line} for number, line in enumerate(test.lines, 1)]
    lines += [{"order_id": f"h{number}（以往）", **line} for number, line in enumerate(test.history, 1)]
    stated = dict.fromkeys(name for line in lines for name in line)
    joined = {"dose_unit": "dose", "strength_unit": "strength"}
    columns = [name for name in CASE_COLUMNS if name in stated]
    others = [name for name in stated if name not in CASE_COLUMNS and name not in joined]
    table = []
    for line in lines:
        cells = {name: words.value_text(value) for name, value in line.items()}
        for unit, amount in joined.items():
            cells[amount] = f"{cells.get(amount, '')} {cells.get(unit, '')}".strip()
        rest = "；".join(f"{words.field_word(name)} {cells[name]}" for name in others if cells.get(name))
        table.append([*(cells.get(name, "") for name in columns), *([rest] if others else [])])
    return [*map(words.field_word, columns), *(["其他"] if others else [])], table
