"""A comparison as one page that a committee reads: in Chinese, complete in itself, without a script."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ruleset.pack.difference import PackDifference, Part
from server.packs.comparison import OTHERS, Count, RowCount
from server.packs.report import (
    Comparison,
    Corpus,
    RuleCount,
    figure,
    heaviest,
    keys_by_weight,
    named,
    rows_by_weight,
    rules_by_weight,
)

ROWS_SHOWN_MAX = 200
KEYS_SHOWN_MAX = 100
NAMES_SHOWN_MAX = 50
PLACES_SHOWN_MAX = 5
NOT_STATED = "未注明"
VERDICTS = {"PASS": "通过", "WARN": "提醒", "BLOCK": "拦截"}
HEAD_WORDS = {
    "id": "规则包",
    "title": "名称",
    "region": "适用地区（说明）",
    "layer": "层级",
    "regions": "参保地",
    "treatment_regions": "就医地",
    "not_before": "生效日",
    "expires": "失效日",
}


def page(comparison: Comparison) -> str:
    """Return the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "page_templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    tally, days = comparison.tally, comparison.days
    first, last = comparison.period
    rows = rows_by_weight(tally)
    most = max((row.count.popups_added + row.count.popups_removed for row in rows), default=0)
    return environment.get_template("comparison.html").render(
        title="规则包变更影响评估",
        before=comparison.before.split(","),
        after=comparison.after.split(","),
        corpus=_corpus(comparison.corpus),
        decisions=f"{tally.decisions:,}",
        days=days,
        first=first,
        last=last,
        conclusion=_conclusion(comparison),
        all=tally.all,
        affected=f"{tally.affected:,}",
        affected_share=_share(tally.affected, tally.decisions),
        verdicts=_verdicts(tally.verdicts),
        rules=[_rule(rule, days) for rule in rules_by_weight(tally)[:KEYS_SHOWN_MAX]],
        rows=[_row(number, row, days, most, comparison.names) for number, row in enumerate(rows[:ROWS_SHOWN_MAX], 1)],
        more_rows=max(0, len(rows) - ROWS_SHOWN_MAX),
        departments=_keys(tally.departments, days, comparison.names),
        doctors=_keys(tally.doctors, days, comparison.names),
        packs=[_pack(pack) for pack in comparison.packs],
        not_compared=sorted(tally.not_compared.items(), key=lambda one: -one[1]),
    )


def _conclusion(comparison: Comparison) -> list[str]:
    """Return what it comes to, in sentences."""
    tally, days = comparison.tally, comparison.days
    if not tally.decisions:
        return ["没有可供比较的历史判断。"]
    sentences = []
    if not tally.all.popups_added and not tally.all.popups_removed:
        sentences.append("医生看到的弹窗数不变。")
    for kind, word in (("popups_added", "多"), ("popups_removed", "少")):
        number = getattr(tally.all, kind)
        row = heaviest(tally, kind)  # type: ignore[arg-type]
        if number and row is not None:
            sentences.append(f"平均每天{word} {figure(number, days)} 个弹窗{_source(comparison, kind, row)}。")
    if not tally.all.total():
        sentences.append("所有判断结果都不变。")
    return sentences


def _source(comparison: Comparison, kind: str, row: RowCount) -> str:
    """Say where popups come from: one row, where it brings most of them; else the rule that does."""
    days, number = comparison.days, getattr(row.count, kind)
    if row.row_id != OTHERS and number * 2 >= getattr(comparison.tally.all, kind):
        return f"，其中 {figure(number, days)} 个来自一行：“{row.title}” {row.row_id}"
    rows = sum(bool(getattr(one.count, kind)) for one in comparison.tally.rows.values())
    rule = max(rules_by_weight(comparison.tally), key=lambda one: getattr(one.count, kind))
    return f"，分布在 {rows} 行，最多的是规则“{rule.title}”：{figure(getattr(rule.count, kind), days)} 个"


def _corpus(corpus: Corpus) -> str:
    time = "".join(f"，{word} {at}" for word, at in (("自", corpus.since), ("至", corpus.until)) if at)
    words = {"none": "无历史判断", "file": f"导出文件 {corpus.name}", "store": f"本院判断记录{time}"}
    return {**words, "shadow": f"实时业务旁路试算{time}"}[corpus.kind]


def _rule(rule: RuleCount, days: int) -> dict[str, Any]:
    return {
        "title": rule.title,
        "code": f"{rule.pack} {rule.rule}",
        "rows": rule.rows,
        "count": rule.count,
        "more": figure(rule.count.popups_added, days),
        "less": figure(rule.count.popups_removed, days),
    }


def _share(number: int, total: int) -> str:
    return f"{number / total:.1%}" if total else "0%"


def _verdicts(verdicts: Mapping[str, int]) -> list[tuple[str, str, int]]:
    found = []
    for key, number in sorted(verdicts.items()):
        before, after = key.split()
        found.append((VERDICTS[before], VERDICTS[after], number))
    return found


def _row(number: int, row: RowCount, days: int, most: int, names: Mapping[str, str]) -> dict[str, Any]:
    count = row.count
    return {
        "number": number,
        "title": row.title if row.row_id != OTHERS else "其余各行合计",
        "code": row.rule,
        "row": f"{row.pack} {row.row_id}" if row.row_id != OTHERS else "",
        "citation": row.citation if row.row_id != OTHERS else "",
        "example": row.example,
        "count": count,
        "more": figure(count.popups_added, days),
        "less": figure(count.popups_removed, days),
        "more_bar": round(100 * count.popups_added / most) if most else 0,
        "less_bar": round(100 * count.popups_removed / most) if most else 0,
        "departments": _places(row.departments, names),
        "doctors": _places(row.doctors, names),
    }


def _places(counts: Mapping[str, int], names: Mapping[str, str]) -> str:
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    told = [f"{named(key, names) or NOT_STATED} {number}次" for key, number in ordered[:PLACES_SHOWN_MAX]]
    if len(ordered) > PLACES_SHOWN_MAX:
        told.append(f"等 {len(ordered)} 个")
    return "、".join(told)


def _keys(counts: Mapping[str, Count], days: int, names: Mapping[str, str]) -> dict[str, Any]:
    keys = [(key, count) for key, count in keys_by_weight(counts) if count.total()]
    return {
        "rows": [
            {
                "name": ("其余合计" if key == OTHERS else named(key, names)) or NOT_STATED,
                "count": count,
                "more": figure(count.popups_added, days),
                "less": figure(count.popups_removed, days),
            }
            for key, count in keys[:KEYS_SHOWN_MAX]
        ],
        "more": max(0, len(keys) - KEYS_SHOWN_MAX),
    }


def _pack(pack: PackDifference) -> dict[str, Any]:
    parts: Sequence[tuple[str, Part]] = (
        ("规则", pack.rules),
        ("规则行", pack.rows),
        ("名单", pack.lists),
        ("对下层规则的调整", pack.statements),
    )
    return {
        "before": pack.before,
        "after": pack.after,
        "is_empty": pack.is_empty,
        "head": [(HEAD_WORDS[name], was or "无", now or "无") for name, was, now in pack.head if name in HEAD_WORDS],
        "parts": [
            {
                "title": title,
                "part": part,
                "added": part.added_names[:NAMES_SHOWN_MAX],
                "removed": part.removed_names[:NAMES_SHOWN_MAX],
                "altered": part.alterations[:NAMES_SHOWN_MAX],
                "more_added": max(0, part.added - NAMES_SHOWN_MAX),
                "more_removed": max(0, part.removed - NAMES_SHOWN_MAX),
                "more_altered": max(0, part.changed - NAMES_SHOWN_MAX),
            }
            for title, part in parts
            if not part.is_empty
        ],
    }
