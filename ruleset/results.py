"""Results of tests as rules ask for them: named by code or by word, up to a moment, compared by value or by word.

Codes are LOINC, or the site's own; names are compared whole, without blanks, width and case. Nothing is guessed: a
result without a time, a value or a unit that can be converted is `Missing`, which then says so.
"""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from ruleset.case import Observation
from ruleset.outcome import Missing
from ruleset.units import convert

Comparison = Literal["<", "<=", ">", ">=", "="]
COMPARED: dict[str, str] = {"<": "低于", "<=": "不高于", ">": "高于", ">=": "不低于", "=": "等于"}
"""The comparisons as a person reads them."""

_NEGATIVE = frozenset({"阴性", "negative", "neg", "-", "(-)", "阴性(-)", "(-)阴性", "未检出"})
_POSITIVE = frozenset(
    {"阳性", "弱阳性", "强阳性", "可疑阳性", "positive", "pos", "检出"}
    | {
        signs
        for plus in ("+", "++", "+++", "++++", "±", "+-")
        for signs in (plus, f"({plus})", f"阳性({plus})", f"({plus})阳性")
    }
)
"""Words of a qualitative result. A doubtful one (±) is read as positive: nobody may rely on it being negative."""


@lru_cache(maxsize=16_384)
def plain(text: str) -> str:
    """Return a name, code or word as it is compared: without blanks, width and case."""
    return "".join(unicodedata.normalize("NFKC", text).split()).casefold()


def sign_of(text: str) -> Literal["阳性", "阴性"] | None:
    """Return what a qualitative result says; None where its words are not known ones."""
    word = plain(text)
    if word in _NEGATIVE:
        return "阴性"
    return "阳性" if word in _POSITIVE else None


def is_named(observation: Observation, names: Sequence[str]) -> bool:
    """Say whether an observation is of one of `names`, by its code or its name."""
    code, name = plain(observation.code), plain(observation.name)
    return any((wanted := plain(one)) and wanted in (code, name) for one in names)


def text_of(observation: Observation) -> str:
    """Return a result for a person: 2026-06-01 血钾 5.8 mmol/L."""
    parts = [str(observation.time.date())] if observation.time is not None else []
    parts.append(observation.name or observation.code)
    if observation.value is not None:
        parts.append(f"{observation.value:f}")
        parts.extend([observation.unit] if observation.unit else [])
    parts.extend([observation.text] if observation.text else [])
    return " ".join(parts)


def newest(
    observations: Sequence[Observation], at: datetime, *, known_by: datetime, within_days: int | None, label: str
) -> Observation | Missing:
    """Return the last of some results by `known_by`; of equally old ones the one that sorts last, whatever their order.

    With `within_days`, one of at most so many calendar days before `at`, or later; a result without a time is then not
    used, and without `within_days` only where no other has one. Missing (`observations`) says why the last was not used.
    """
    dated = [one for one in observations if one.time is not None and one.time <= known_by]
    undated = [one for one in observations if one.time is None]
    last = max(dated, key=_order, default=None)
    if last is None:
        if undated and within_days is None:
            return max(undated, key=_order)
        return Missing("observations", f"{label}没有检验时间。" if undated else f"没有{label}的结果。")
    assert last.time is not None  # dated ones only
    if within_days is not None and at.toordinal() - last.time.toordinal() > within_days:
        return Missing("observations", f"最近一次{label}是{last.time.date()}的，已超过{within_days}天。")
    return last


def _order(observation: Observation) -> tuple[datetime, bool, str, str, str, str, str]:
    return (
        observation.time or datetime.min,
        observation.status == "final",
        observation.code,
        observation.name,
        str(observation.value),
        observation.unit,
        observation.text,
    )


def compares(
    observation: Observation,
    comparison: Comparison | Literal[""],
    value: Decimal | None,
    unit: str,
    words: Sequence[str],
) -> bool | Missing:
    """Say whether a result is what is asked for: a number in `unit` against `value`, else one of `words`.

    阳性 and 阴性 among the words stand for all their spellings. With neither a comparison nor words any result is.
    """
    name = observation.name or observation.code
    if comparison:
        assert value is not None  # a comparison has a value
        if observation.value is None:
            return Missing("observations", f"“{name}”没有数值。")
        number: Decimal | None = observation.value
        if unit:
            number = convert(observation.value, observation.unit, unit)
        if number is None:
            return Missing("observations", f"“{name}”的单位“{observation.unit}”不能换算为“{unit}”。")
        return {
            "<": number < value,
            "<=": number <= value,
            ">": number > value,
            ">=": number >= value,
            "=": number == value,
        }[comparison]
    if not words:
        return True
    if not observation.text:
        return Missing("observations", f"“{name}”没有文字结果。")
    if any(plain(word) == plain(observation.text) for word in words):
        return True
    signs = [sign for word in words if (sign := sign_of(word)) is not None]
    sign = sign_of(observation.text)
    if signs and sign is None:
        return Missing("observations", f"“{name}”的结果“{observation.text}”看不出是阳性还是阴性。")
    return sign in signs
