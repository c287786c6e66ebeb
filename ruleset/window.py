"""The period that a limit counts in: a calendar period of the site, a number of days back, or the encounter."""

from datetime import date
from typing import Literal

from ruleset.case import Site

WindowKind = Literal["单日", "自然日", "自然月", "自然季度", "自然年", "医保年度", "单次就诊", "滚动"]
"""The 时间区间 of the national rule list; 滚动 is a number of days that ends with the judged line's own."""

_TEXTS: dict[WindowKind, str] = {
    "单日": "当日",
    "自然日": "当日",
    "自然月": "当月",
    "自然季度": "本季度",
    "自然年": "本年度",
    "医保年度": "本医保年度",
    "单次就诊": "本次就诊",
}


def first_day(kind: WindowKind, day: date, *, days: int | None, site: Site) -> int | None:
    """Return the first day (proleptic Gregorian ordinal) of the period that contains `day`.

    None for 单次就诊: that is counted by encounter, not by date. 滚动 needs `days` (ValueError otherwise) and
    reaches so many days back that a charge exactly `days` days ago is outside (data/nhsa/README.md, number 9).
    """
    if kind in ("单日", "自然日"):
        return day.toordinal()
    if kind == "自然月":
        return date(day.year, day.month, 1).toordinal()
    if kind == "自然季度":
        return date(day.year, day.month - (day.month - 1) % 3, 1).toordinal()
    if kind == "自然年":
        return date(day.year, 1, 1).toordinal()
    if kind == "医保年度":
        month, day_of_month = site.insurance_year_begins
        year = day.year if (day.month, day.day) >= (month, day_of_month) else day.year - 1
        return _day_or_next(year, month, day_of_month).toordinal()
    if kind == "滚动":
        if days is None or days < 1:
            raise ValueError(f"a rolling window needs its number of days, got `{days}`")
        return day.toordinal() - days + 1
    return None


def _day_or_next(year: int, month: int, day: int) -> date:
    """Return the day, or 1 March for 29 February of a common year."""
    if (month, day) == (2, 29) and not (year % 4 == 0 and (year % 100 or year % 400 == 0)):
        return date(year, 3, 1)
    return date(year, month, day)


def text_of(kind: WindowKind, days: int | None) -> str:
    """Return the period for a person: 当月, 7天内."""
    return f"{days}天内" if kind == "滚动" else _TEXTS[kind]
