"""Why a document was refused, in Chinese: what the server says in English to whoever integrates, said to a vendor."""

import re

_REFUSAL = re.compile(r"^(?P<field>[^\s:]+): (?P<problem>.*?)(?: \(value: (?P<value>.*)\))?$", re.DOTALL)

_IN_CHINESE: tuple[tuple[str, str], ...] = (
    (r"is missing; lines cannot be committed without their patient", "缺失；没有参保人标识，明细不能写入历史"),
    (r"is missing", "缺失"),
    (r"expected an object", "应为 JSON 对象"),
    (r"expected a list or an object", "应为列表或对象"),
    (r"expected a text or a list", "应为文本或列表"),
    (r"expected a list", "应为列表"),
    (r"expected one patient", "应只有一名参保人"),
    (r"expected a text", "应为文本"),
    (r"expected a number between (\S+) and (\S+)", r"应为 \1 到 \2 之间的数"),
    (r"expected a finite number", "应为有限的数"),
    (r"expected a number", "应为数（数字，或数字写成的文本）"),
    (r"expected more than 0", "应大于 0"),
    (r"expected a whole number, 1 to (\d+)", r"应为 1 到 \1 的整数"),
    (r"expected 1 to (\d+) days", r"应为 1 到 \1 天"),
    (r"expected 1 to (\d+) entries", r"应有 1 到 \1 条"),
    (r"expected true or false", "应为 true 或 false（1、0、是、否也可以）"),
    (r"expected a date such as (.+)", r"应为日期，例如 \1"),
    (r"expected a date", "应为日期"),
    (r"expected milliseconds since 1970", "应为 1970 年以来的毫秒数"),
    (r"expected a year from (\d+) to (\d+)", r"年份应在 \1 到 \2 之间"),
    (r"expected 1 \(continue\) or 2 \(go back\)", "应为 1（继续执行）或 2（返回修改）"),
    (r"expected one of (.+)", r"应为以下之一：\1"),
    (r"expected UTF_8 or GB18030", "编码应为 UTF-8 或 GBK"),
    (r"longer than (\d+) characters", r"超过 \1 个字符"),
    (r"larger than (\d+) bytes(?:; nothing was checked)?", r"超过 \1 字节，没有审核"),
    (r"has a control character", "含有控制字符"),
    (r"(\d+) entries, at most (\d+)", r"有 \1 条，最多 \2 条"),
    (r"(\d+) history lines, at most (\d+)", r"有 \1 行历史医嘱，最多 \2 行"),
    (r"more than (\d+) current lines", r"当前医嘱超过 \1 行，请分次发送"),
    (r"at most (\d+)", r"最多 \1"),
    (r"states another (\w+) than the same encounter before", r"与前面同一次就诊的 \1 不一致"),
    (r"not UTF-8 at byte (\d+)", r"第 \1 字节起不是 UTF-8，而调用方声明的编码是 UTF-8"),
    (r"declared as GB 18030, and is UTF-8: declare that", r"报文是 UTF-8，却声明为 GBK：请声明为 UTF-8"),
    (r"neither UTF-8 nor GB 18030 at byte (\d+)", r"第 \1 字节起既不是 UTF-8 也不是 GBK"),
    (r"the document is empty", "报文是空的"),
    (r"the document ends in the middle \(truncated JSON\)", "报文没有写完（JSON 被截断）"),
    (r"control characters in a text must be escaped: (.+)", r"文本里的换行、制表等控制字符没有转义：\1"),
    (r"not valid JSON: (.+)", r"不是合法的 JSON：\1"),
    (r"no current line to commit", "没有可写入历史的当前医嘱"),
    (r"3103 is feedback, not a check", "3103 是反馈，请用反馈的调用或地址"),
    (r"feedback is NHSA_3103 or PRECHECK_JSON", "反馈的格式只有 3103 和本产品的 JSON"),
    (r"say what the document is: .+", "没有说明报文是什么格式（本产品 JSON、3101、3102）"),
    (r"was used for another document", "这个请求标识已经用于另一份报文；每次新的审核要用新的标识，只有重试才用原来的"),
    (r"a reason is required to continue", "选择继续执行时必须写理由"),
    (r"Object contains unknown field `(.+)`", r"有不认识的字段 `\1`"),
    (r"Object missing required field `(.+)`", r"缺少字段 `\1`"),
    (r"Expected `(.+)`, got `(.+)`", r"类型应为 \1，实际是 \2"),
    (r"Invalid enum value .+", "不是允许的值"),
    (r"Invalid (.+)", r"不合法：\1"),
    (r"`(.+)` has an offset; give the site's local time", r"`\1` 带有时区；请用本地时间"),
    (r"not to be stated; it follows from where the line stands", "不应出现，由该行所在位置决定"),
    (r"`(.+)` is unknown; known: (.+)", r"`\1` 不认识，可用的有：\2"),
    (r"not there within (\d+) s; nothing was checked", r"\1 秒内没有收完，没有审核"),
    (r"there is no such address and method", "没有这个地址和方法"),
)
"""What a refusal says, as a regular expression, and the same in Chinese; the first that fits counts."""

_WHOLE: tuple[tuple[str, str], ...] = (
    (r"no time left; nothing was checked", "到达时期限已经用完，没有审核；请放宽期限，或检查网络"),
    (r"the caller has gone; nothing was recorded", "调用方没有等到答复（期限已过或取消），没有记录；请放宽期限"),
    (r"internal error; take it as not checked", "服务内部出错，按“未审核”处理"),
    (r"\w+ (/\S*): there is no such address and method", r"没有 \1 这个地址或方法"),
)


def in_chinese(error: str) -> str:
    """Return a refusal in Chinese: field, what is wrong with it, and what stood there; as it is where it is new."""
    if not error:
        return ""
    for pattern, text in _WHOLE:
        whole = re.fullmatch(pattern, error)
        if whole:
            return whole.expand(text)
    parts = _REFUSAL.match(error)
    if not parts:
        return error
    stood = f"；实际是 {parts['value']}" if parts["value"] is not None else ""
    return f"{parts['field']}：{problem_in_chinese(parts['problem'])}{stood}"


def problem_in_chinese(problem: str) -> str:
    """Return what is wrong with a field in Chinese, or as it is where no wording is known."""
    for pattern, text in _IN_CHINESE:
        found = re.match(pattern, problem, re.DOTALL)
        if found:
            return found.expand(text)
    return problem
