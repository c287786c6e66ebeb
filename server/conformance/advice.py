"""What the sender of a message should look at, though the message could be read: the usual slips of an integration."""

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from ruleset.case import Case, Line
from server.entrance.text import Encoding

CENT = Decimal("0.01")
LINES_NAMED_MAX = 3
_BROKEN_TEXT = re.compile("\ufffd|锟斤拷|烫烫烫|屯屯屯|\\?{3,}")
"""What a text looks like after a conversion that lost its characters."""
_FORM_BODY = re.compile(rb"^\w+=(?:%7B|\{)", re.IGNORECASE)


def on_bytes(document: bytes, declared: Encoding | None) -> Iterator[str]:
    """Yield what is to be said of the bytes themselves."""
    if document.startswith(b"\xef\xbb\xbf"):
        yield "报文开头有 UTF-8 的字节顺序标记（BOM）；可以读，但不需要"
    if document.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in document[:-1][1:8:2] or b"\0" in document[0:8:2]:
        yield "报文像是 UTF-16；请转成 UTF-8 或 GBK 再发，动态库调用则把编码参数设为 UTF-16"
    elif document.endswith(b"\0"):
        yield "报文末尾有零字节：长度把 C 字符串结尾的零也算进去了"
    if _FORM_BODY.match(document):
        yield "报文像是表单（name=value）；HTTP 正文应当就是 JSON 本身"
    if declared == "gb18030" and not document.isascii() and _is_utf8(document):
        yield "声明的编码是 GBK，内容却是合法的 UTF-8：中文会变成乱码，请核对编码参数或 charset"


def _is_utf8(document: bytes) -> bool:
    try:
        document.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def on_document(document: Any, case: Case | None, *, is_national: bool) -> Iterator[str]:
    """Yield what is to be said of a decoded document, and of the case that was made of it."""
    if isinstance(document, str) and document.lstrip().startswith(("{", "[")):
        yield "报文是一个 JSON 文本，里面又是 JSON：多做了一次序列化"
    broken = next(_broken(document, ""), None)
    if broken is not None:
        yield f"{broken} 的文字在编码转换中丢失了（出现 � 或 ???）"
    if case is None:
        return
    if not case.lines and case.history:
        yield f"没有当前医嘱，{len(case.history)} 行都按历史处理：正在开的行应为 curr_drord_flag 1，且属于 curr_mdtrt_id 的就诊"
    yield from _on_lines(case.lines)
    if is_national:
        yield from _on_times(case.lines)


def _broken(value: Any, path: str) -> Iterator[str]:
    """Yield the paths of texts that lost characters."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _broken(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _broken(inner, f"{path}[{number}]")
    elif isinstance(value, str) and _BROKEN_TEXT.search(value):
        yield path


def _on_lines(lines: tuple[Line, ...]) -> Iterator[str]:
    shared = [
        order_id for order_id, count in Counter(line.order_id for line in lines).items() if order_id and count > 1
    ]
    if shared:
        yield f"多行共用同一个 rx_id（{_some(shared)}）：答复里请按 position 找到行"
    nameless = [line.name for line in lines if not line.order_id]
    if nameless:
        yield f"没有 rx_id 的行：{_some(nameless)}；答复只能按 position 指出是哪一行"
    odd = [line.name for line in lines if _is_odd(line)]
    if odd:
        yield f"金额不等于数量乘单价：{_some(odd)}；请核对 cnt 是数量而不是剂量，sumamt 是本行金额"
    doseless = [line.name for line in lines if line.item_kind == "drug" and line.dose is None and line.dose_unit]
    if doseless:
        yield f"有剂量单位而没有剂量的行：{_some(doseless)}"


def _on_times(lines: tuple[Line, ...]) -> Iterator[str]:
    timeless = [line.name for line in lines if not line.begin_stated]
    if timeless:
        yield f"没有 drord_begn_date 的行：{_some(timeless)}；已借用报文时间 inf_time"
    by_date = [line.name for line in lines if line.begin_is_date]
    if by_date:
        yield f"drord_begn_date 只有日期没有时刻的行：{_some(by_date)}；按时刻判断的规则会提示无法判断"


def _is_odd(line: Line) -> bool:
    quantity, price, amount = line.quantity, line.price, line.amount
    if quantity is None or price is None or amount is None:
        return False
    return abs(quantity * price - amount) > CENT


def _some(names: list[str]) -> str:
    """Return the first of some names."""
    shown = "、".join(names[:LINES_NAMED_MAX])
    return shown if len(names) <= LINES_NAMED_MAX else f"{shown} 等 {len(names)} 个"
