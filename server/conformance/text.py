"""A report in Chinese, for a person at a terminal."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from server.cli.check import readable
from server.conformance.coverage import FactCoverage, Report
from server.conformance.examine import Examination
from server.conformance.findings import NotUnderstood, Understood, UnreadField

CALLS = {"check": "审核", "commit": "写入历史", "feedback": "反馈", "void": "撤销", "history": "查历史"}
FORMATS = {"precheck": "本产品 JSON", "3101": "3101", "3102": "3102", "3103": "3103"}
ENCODINGS = {"utf-8": "UTF-8", "gb18030": "GBK", "": "无法解码"}
KINDS = {
    "code": "代码不在站点配置中",
    "word": "词不在站点配置中",
    "unit": "单位看不懂",
    "frequency": "频次看不懂",
    "unknown": "代码的意思是“未知”",
}
TOLD = {
    "committed_lines": "写入或更新行数",
    "voided_lines": "撤销行数",
    "history_position": "历史位置",
    "patient_id": "患者",
    "encounter_id": "就诊",
    "order_ids": "医嘱",
    "item_code": "项目编码",
    "lines_total": "历史行数",
    "visits_total": "历史就诊数",
    "recorded": "记录条数",
    "unmatched": "不认识条数",
}
FIELDS_IN_A_LINE_MAX = 8
NAMED_MAX = 12


def message_lines(examined: Examination, *, brief: bool) -> Iterator[str]:
    """Yield the report on one message; `brief` leaves out what was understood."""
    yield _head(examined)
    if examined.error:
        yield f"  拒绝：{examined.error_text}"
        yield f"    （服务的原文：{examined.error}）"
    if examined.understood:
        yield from _understood(examined.understood, brief=brief)
    yield from _not_mapped(examined)
    for text in examined.advice:
        yield f"  建议：{text}"
    yield from _decided(examined)
    yield ""


def _head(examined: Examination) -> str:
    parts = [
        f"━━ 第 {examined.number} 条",
        examined.name,
        CALLS[examined.call],
        FORMATS[examined.format] if examined.size_bytes else "",
        examined.transport,
        ENCODINGS[examined.encoding] if examined.size_bytes else "",
        f"{examined.size_bytes} 字节" if examined.size_bytes else "",
        f"站点 {examined.station_id}" if examined.station_id else "",
        f"msgid {examined.message_id}" if examined.message_id else "",
        f"站点配置 {examined.profile}" if examined.profile else "",
    ]
    return " · ".join(filter(None, parts))


def _understood(fields: tuple[Understood, ...], *, brief: bool) -> Iterator[str]:
    stated = [one for one in fields if one.state == "understood"]
    nothing = [one for one in fields if one.state == "nothing"]
    yield f"  读懂 {len(stated)} 个字段" + (f"，{len(nothing)} 个写着“没有”" if nothing else "")
    if brief:
        return
    holder = ""
    for one in fields:
        place, _, name = one.path.rpartition(".")
        if place != holder:
            holder = place
            yield f"    {place}"
        label = f"（{one.label}）" if one.label else ""
        meaning = {"understood": f"{one.fact} = {one.value}", "unknown": "未知，见下", "nothing": "没有"}[one.state]
        yield f"      {name}{label} “{one.stated}” → {meaning}"


def _not_mapped(examined: Examination) -> Iterator[str]:
    unknown = [one for one in examined.unread if not one.is_standard]
    for one in unknown:
        yield f"  不认识的字段：{_field_of(one)}{_meant(one)}"
    for kind, title in KINDS.items():
        yield from _of_kind(title, [one for one in examined.not_understood if one.kind == kind])
    if examined.missing:
        yield f"  国家接口必填而没有填：{_some(examined.missing)}"
    unread = [one for one in examined.unread if one.is_standard and one.value]
    for title, ones in (
        ("没有规则用到（照常发送即可）", [one for one in unread if not one.is_read_elsewhere]),
        ("历史就诊里不读", [one for one in unread if one.is_read_elsewhere]),
    ):
        if ones:
            yield f"  {title}：{_some(dict.fromkeys(one.field for one in ones))}"


def _field_of(one: UnreadField) -> str:
    count = f"（共 {one.count} 处）" if one.count > 1 else ""
    return f"{one.path} = “{one.value}”{count}"


def _meant(one: UnreadField) -> str:
    if not one.meant:
        return ""
    holder, _, name = one.meant.rpartition(".")
    if name == one.field:
        return f"；应写在 {holder} 里"
    return f"；是不是 {one.meant}？"


def _of_kind(title: str, found: list[NotUnderstood]) -> Iterator[str]:
    """Yield what was not understood for one reason, each value once."""
    places: dict[tuple[str, str], list[NotUnderstood]] = {}
    for one in found:
        places.setdefault((one.field, one.reason), []).append(one)
    for (field, reason), ones in places.items():
        where = ones[0].path
        more = f" 等 {len(ones)} 处" if len(ones) > 1 else ""
        what = reason if field in reason else f"{field} {reason}"
        yield f"  {title}：{what}" + (f"（{where}{more}）" if where else "")


def _decided(examined: Examination) -> Iterator[str]:
    if examined.told:
        yield "  结果：" + "，".join(f"{TOLD[name]} {_told(value)}" for name, value in examined.told.items())
    unmatched = _unmatched(examined.answer) if examined.call == "feedback" else []
    if unmatched:
        yield f"  这些结果标识不是本次运行发出的：{_some(unmatched)}（先得到审核的答复，再对它反馈）"
    if examined.call == "check" and isinstance(examined.answer, dict) and examined.outcome:
        yield "  判断："
        for line in readable(examined.answer).splitlines():
            yield f"    {line}"


def _unmatched(answer: Any) -> list[str]:
    """Return the ids of feedback that no finding has, in either layout of an acknowledgement."""
    output = answer.get("output", {}).get("ext", answer) if isinstance(answer, dict) else {}
    return list(output.get("unmatched", ()))


def _told(value: object) -> str:
    return "、".join(map(str, value)) or "（无）" if isinstance(value, (list, tuple)) else str(value)


def report_lines(report: Report) -> Iterator[str]:
    """Yield the report on a run."""
    total = sum(report.calls.values())
    yield f"══ 汇总：{total} 次调用，{report.refused} 次被拒绝，当前医嘱 {report.lines} 行 · {report.revision}"
    yield from _counted("  调用", report.calls)
    yield from _counted("  编码", {ENCODINGS[name]: count for name, count in report.encodings.items()})
    yield from _counted("  结论", report.verdicts)
    yield from _counted("  完整程度", report.completeness)
    yield from _counted("  没有判断的原因", report.not_evaluated)
    yield from _counted("  不认识的字段", report.unknown_fields)
    yield from _counted("  没读懂的值", report.codes)
    if report.same_everywhere:
        yield f"  每条都一样，是不是写死的：{_some(report.same_everywhere)}"
    if report.repeated_message_ids:
        yield f"  重复的 msgid：{_some(list(report.repeated_message_ids))}"
    yield from _facts(report.facts)
    yield from _never_sent(report)


def _counted(title: str, counts: Mapping[str, int]) -> Iterator[str]:
    if counts:
        shown = [f"{name} {count}" for name, count in counts.items()]
        yield f"{title}：{_some(shown)}"


def _facts(facts: Iterable[FactCoverage]) -> Iterator[str]:
    """Yield the facts that were missed, and those that may be asked for and never arrived."""
    missed = [fact for fact in facts if fact.missed]
    if missed:
        yield "  规则要用而没有得到的信息（每次都有一条规则没能判断）："
        for fact in missed:
            fields = "、".join(fact.national) or "报文里没有这个字段，由医院的字典提供"
            sent = "，有的报文已经送了" if fact.arrived else "，从未收到" if fact.national else ""
            yield f"    {fact.label}（{fields}）：{_times(fact)}，{fact.rules} 条规则会用{sent}"
    waiting = [fact for fact in facts if not fact.missed and not fact.arrived and fact.national]
    if waiting:
        yield "  规则可能要用、从未收到、这一批里没有缺过的信息："
        for chunk in _chunks([f"{fact.label}（{'、'.join(fact.national)}）" for fact in waiting]):
            yield f"    {chunk}"


def _times(fact: FactCoverage) -> str:
    """Tell what was not sent from what was sent and not understood: the vendor mends the one, the site's profile the other."""
    lacking = fact.missed - fact.misread
    counted = [f"缺 {lacking} 次" if lacking else "", f"送了值而没读懂 {fact.misread} 次" if fact.misread else ""]
    return "，".join(filter(None, counted))


def _never_sent(report: Report) -> Iterator[str]:
    objects: dict[str, list[str]] = {}
    never = {f"{field.object}.{field.field}" for field in report.fields_never_sent}
    for field in report.fields_never_sent:
        if field.object not in never:  # of a list that was never sent, its fields need not be named
            objects.setdefault(field.object, []).append(f"{field.field} {field.label}")
    if objects:
        yield "  能读而从未收到的字段："
    for object_, names in objects.items():
        for place, chunk in enumerate(_chunks(names)):
            yield f"    {object_ if place == 0 else ' ' * len(object_)}：{chunk}"


def _chunks(names: list[str]) -> Iterator[str]:
    for place in range(0, len(names), FIELDS_IN_A_LINE_MAX):
        yield "、".join(names[place : place + FIELDS_IN_A_LINE_MAX])


def _some(names: Iterable[str]) -> str:
    """Return the first of some names, and how many there are."""
    every = list(names)
    shown = "、".join(every[:NAMED_MAX])
    return shown if len(every) <= NAMED_MAX else f"{shown} 等 {len(every)} 个"
