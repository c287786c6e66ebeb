"""What a published text says with certainty, and what is left of it.

A text is read clause by clause. Only what every reading of the sentence would agree on is taken: a clause among
alternatives (`甲患者；乙患者`, `1.甲；2.乙`, `甲，或乙`) binds nobody by itself and is left over as a whole. What is left
over is for a person: the importer makes it a raw row, which reminds and never decides.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec

DAYS_OF = {"天": 1, "日": 1, "周": 7}
LEVEL_OF = {"二": "二级", "三": "三级"}
ADULT_FROM_YEARS = 18
"""An age limit whose upper end is below this is one for children."""


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was read. An empty field was not said, or not with certainty."""

    level: str = ""
    """Lowest level of the institution: 二级 or 三级."""
    level_condition: str = ""
    """The other way to be allowed below the level, as template T02 names it."""
    max_days: int | None = None
    max_months: int | None = None
    """A course in months, which reaches beyond one visit."""
    modes: tuple[str, ...] = ()
    """The modes of care in which the fund pays, in the order of the text."""
    sex: str = ""
    children: bool = False
    """For children only, perhaps within the ages below."""
    min_age_years: int | None = None
    max_age_years: int | None = None


class Reading(NamedTuple):
    """A text as read: its limits, and what no pattern knows of it."""

    limits: Limits
    remainder: str


class Phrase(NamedTuple):
    """One kind of published phrase. `pattern` matches a whole clause; its group `rest` is left over."""

    example: str
    pattern: re.Pattern[str]
    limits: Callable[[re.Match[str]], Limits | None]
    """Says what the match means; None where it is no certain reading after all."""


def _level(match: re.Match[str]) -> Limits | None:
    rest = match["rest"]
    if rest.startswith("或") or re.search("一级|基层|社区|乡镇|村卫生", rest):
        return None
    return Limits(level=LEVEL_OF[match["level"]])


def _course(match: re.Match[str]) -> Limits:
    count, unit = int(match["count"]), match["unit"]
    return Limits(max_months=count) if unit == "个月" else Limits(max_days=count * DAYS_OF[unit])


def _inpatient(match: re.Match[str]) -> Limits | None:
    rest = match["rest"]
    if re.search("[、和及与或非不除]$|门诊|急诊", rest) or ("或" in rest and not match["paid"]):
        return None
    return Limits(modes=("住院",))


def _sex(match: re.Match[str]) -> Limits | None:
    other = "女" if match["sex"] == "男" else "男"
    if "或" in match["rest"] or other in match["rest"]:
        return None
    return Limits(sex=match["sex"])


def _ages(match: re.Match[str]) -> Limits | None:
    groups = match.groupdict()
    low, high = groups.get("low"), groups.get("high")
    if re.search(r"\d+(?:周|个)?[岁月]|成人|成年", match["rest"]):
        return None
    if high is None and "儿童" not in match["rest"]:
        return None
    if high is not None and int(high) >= ADULT_FROM_YEARS:
        return None
    return Limits(
        children=True,
        min_age_years=None if low is None else int(low),
        max_age_years=None if high is None else int(high),
    )


PHRASES = (
    Phrase(
        "限二级及以上医疗机构的……患者",
        re.compile(r"限(?P<level>[二三])级及以上医疗机构(?P<rest>.*)"),
        _level,
    ),
    Phrase(
        "首次处方时需由二级及以上医疗机构专科医师开具处方",
        re.compile(r"(?P<rest>)首次处方时?需?由(?P<level>[二三])级及以上医疗机构(?:专科)?医师开具处方"),
        lambda match: Limits(level=LEVEL_OF[match["level"]], level_condition="first_prescription_only"),
    ),
    Phrase(
        "需三级综合医院眼科或二级及以上眼科专科医院医师处方",
        re.compile(r"(?P<rest>)需三级综合医院眼科或二级及以上眼科专科医院医师处方"),
        lambda _: Limits(level="三级", level_condition="or_level2_eye_hospital"),
    ),
    Phrase(
        "支付不超过14天；单次住院最多支付14天",
        re.compile(
            r"(?P<rest>)且?(?:单次(?:住院|就诊)?)?(?:支付(?:最多)?不超过|最多支付)(?P<count>[1-9]\d{0,3})(?P<unit>天|日|周|个月)"
        ),
        _course,
    ),
    Phrase(
        "限急诊或住院患者",
        re.compile(r"(?P<rest>)限(?P<modes>(?:急诊|住院)(?:[或、和及](?:急诊|住院))?)(?:的?患者|使用)?(?:方予支付)?"),
        lambda match: Limits(modes=tuple(re.split("[或、和及]", match["modes"]))),
    ),
    Phrase("住院方可支付", re.compile("(?P<rest>)住院方[可予]支付"), lambda _: Limits(modes=("住院",))),
    Phrase(
        "……的住院患者方予支付；……急性期住院患者",
        re.compile(r"(?P<rest>.+)住院患者(?P<paid>方予支付)?"),
        _inpatient,
    ),
    Phrase("限女性患者", re.compile(r"限(?P<sex>[男女])性(?:患者|使用)?(?P<rest>.*)"), _sex),
    Phrase("限儿童", re.compile(r"(?P<rest>)限儿童(?:患者|使用)?"), lambda _: Limits(children=True)),
    Phrase(
        "限2岁至11岁儿童……",
        re.compile(r"限(?P<low>\d{1,3})(?:周?岁)?[至~-](?P<high>\d{1,3})周?岁(?!以|及)(?P<rest>.*)"),
        _ages,
    ),
    Phrase(
        "限3岁及3岁以上……儿童患者",
        re.compile(r"限(?P<low>\d{1,3})周?岁(?:及|\(含\))(?:(?P=low)周?岁)?以上(?P<rest>.*)"),
        _ages,
    ),
    Phrase("限14岁及以下儿童", re.compile(r"限(?P<high>\d{1,3})周?岁(?:及|\(含\))以下(?P<rest>.*)"), _ages),
)
"""Every kind of phrase that is read with certainty. The first that matches a clause reads it."""

EMPTY_WORDS = re.compile(
    r"(?:仅限|限|且|的|患者|使用|用药|方可支付|方予支付|以下情况|应|工伤保险目录用药|生育保险目录用药|[,.:;]|\s)*"
)
"""What may be left over of a text of which everything was read."""
LIST_MARK = re.compile(r"(?:(?<=[;:。,])|^)\d+\.(?!\d)")
CONJUNCTION = "同时符合以下条件:"


def is_limit(text: str) -> bool:
    """Say whether a text limits what is paid for, rather than describes the item (用于…, 适用于…)."""
    plain = _plain(text)
    return plain.startswith(("限", "仅限")) or "支付" in plain


@lru_cache(maxsize=4096)
def read_text(text: str) -> Reading:
    """Read a published text. Limits that contradict one another are all left over."""
    found: list[Limits] = []
    left: list[str] = []
    for clause, is_binding in _clauses(_plain(text)):
        limits, rest = _read_clause(clause) if is_binding else (None, clause)
        if limits is not None:
            found.append(limits)
        if not EMPTY_WORDS.fullmatch(rest):
            left.append(rest)
    combined: dict[str, object] = {}
    for limits in found:
        for name, value in msgspec.to_builtins(limits, builtin_types=(tuple,)).items():
            if combined.setdefault(name, value) != value:
                return Reading(Limits(), _plain(text))
    return Reading(msgspec.convert(combined, Limits), ",".join(left))


def _plain(text: str) -> str:
    """Return a text for comparison: one form of each character, no blanks."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def _clauses(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the clauses of a text, each with whether it binds by itself."""
    for sentence in filter(None, text.split("。")):
        lead, conjunction, items = sentence.partition(CONJUNCTION)
        if conjunction:
            yield from _sentence(lead)
            for item in filter(None, LIST_MARK.split(items)):
                yield item.rstrip(";"), True
        else:
            yield from _sentence(sentence)


def _sentence(sentence: str) -> Iterator[tuple[str, bool]]:
    lead, colon, tail = sentence.partition(":")
    if not (";" in sentence or LIST_MARK.search(sentence)):
        lead, tail = sentence, ""
    elif not colon or ";" in lead:
        lead, tail = "", sentence
    clauses = lead.split(",")
    is_binding = not any(clause.startswith(("或", "也")) for clause in clauses)
    for clause in filter(None, clauses):
        yield clause, is_binding
    if tail:
        yield tail, False


def _read_clause(clause: str) -> tuple[Limits | None, str]:
    """Return what a clause says, and what is left over of it."""
    clause = clause.removeprefix("仅") if clause.startswith("仅限") else clause
    for phrase in PHRASES:
        match = phrase.pattern.fullmatch(clause)
        if match:
            limits = phrase.limits(match)
            if limits is not None:
                return limits, match["rest"].removeprefix("并有").removeprefix("的")
    return None, clause
