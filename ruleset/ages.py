"""Ages, to the hour for a newborn and to the year for an adult.

A calendar has no fraction of a month: an age is the number of whole hours, days, weeks, months or years that are
completed. Months and years are completed on the birthday's day number, or on the first of the next month where the
month has no such day (born on the 31st; on 29 February).
"""

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal

import msgspec

from ruleset.case import Line, Patient
from ruleset.outcome import Missing

AgeUnit = Literal["小时", "天", "周", "月", "岁"]

_UNITS: dict[str, AgeUnit] = {
    "小时": "小时",
    "时": "小时",
    "h": "小时",
    "天": "天",
    "日": "天",
    "日龄": "天",
    "d": "天",
    "周": "周",
    "周龄": "周",
    "星期": "周",
    "w": "周",
    "月": "月",
    "个月": "月",
    "月龄": "月",
    "m": "月",
    "岁": "岁",
    "周岁": "岁",
    "年": "岁",
    "y": "岁",
    "": "岁",
}
_TEXT = re.compile(r"(\d{1,4})\s*(\D*)", re.ASCII)

NEWBORN_MAX_DAYS = 28
"""新生儿期: from birth to the 28th day (WHO; 诸福棠实用儿科学)."""

INFANT_AGE_MAX_MONTHS = 24
"""Below this an age is told in months: 处方管理办法 第六条 wants the age of 新生儿、婴幼儿 in days or months."""

AGE_IN_HOURS_MAX_HOURS = 72
"""Below this an age is told in hours, where the hour of birth is known."""


class Age(msgspec.Struct, frozen=True):
    """An age as rules state it: so many completed units."""

    number: int
    unit: AgeUnit

    def __str__(self) -> str:
        """Write it as a person does: 28天, 6个月, 18岁."""
        return f"{self.number}{'个月' if self.unit == '月' else self.unit}"


@lru_cache(maxsize=1024)
def parse_age(text: str) -> Age:
    """Read `28天`, `28d`, `6个月`, `6m`, `72小时`, `18岁`, `18y`; a number alone is years. Raises ValueError."""
    match = _TEXT.fullmatch(text.strip())
    unit = _UNITS.get(match[2].strip().lower()) if match else None
    if match is None or unit is None:
        raise ValueError(f"`{text}` is not an age such as `28天`, `6月`, `18岁`")
    return Age(int(match[1]), unit)


def completed(birth: date, at: date, unit: AgeUnit) -> int:
    """Return how many whole units are completed between birth and `at`; negative before birth.

    Hours need two `datetime`s (ValueError otherwise); for the other units a time of day is left out of account,
    as the rules speak of calendar days.
    """
    if unit == "小时":
        if not (isinstance(birth, datetime) and isinstance(at, datetime)):
            raise ValueError(f"an age in hours needs the time of birth `{birth}` and of the order `{at}`")
        return (at - birth) // timedelta(hours=1)
    if unit in ("天", "周"):
        days = at.toordinal() - birth.toordinal()
        return days if unit == "天" else days // 7
    months = (at.year - birth.year) * 12 + at.month - birth.month - (at.day < birth.day)
    return months if unit == "月" else months // 12


def reached(birth: date, at: date, age: Age) -> bool:
    """Say whether someone born on `birth` has completed `age` on `at`. Raises ValueError as `completed` does."""
    return completed(birth, at, age.unit) >= age.number


def has_reached(patient: Patient, at: date, age: Age) -> bool | Missing:
    """Say whether the patient has completed `age` at `at`, or which fact is missing; a birth after `at` is none.

    An age in hours, where the hour of birth or of `at` is not known, is decided only where every hour of that day
    gives the same answer; else the hour of birth is missing (`birth_time`), or where it is known that of `at` (`begin`).
    """
    if patient.birth_date is None:
        return Missing("birth_date")
    if patient.birth_date > (at.date() if isinstance(at, datetime) else at):
        return Missing("birth_date", f"出生日期{patient.birth_date}晚于医嘱日期。")
    if age.unit != "小时":
        return reached(patient.birth_date, at, age)
    born = _hours_of(patient.birth_time or patient.birth_date)
    asked = _hours_of(at)
    surely, possibly = reached(born[1], asked[0], age), reached(born[0], asked[1], age)
    if surely != possibly:
        if patient.birth_time is not None:
            return Missing("begin", f"只有日期没有时刻，无法判断是否满{age}。")
        return Missing("birth_time", f"需要出生时刻才能判断是否满{age}。")
    return surely


def moment_of(line: Line) -> date:
    """Return when a line with a time begins: its day alone where it states no time of day."""
    assert line.begin is not None  # a line without a time is never judged
    return line.begin.date() if line.begin_is_date else line.begin


def _hours_of(when: date) -> tuple[datetime, datetime]:
    """Return the first and the last moment that `when` may be: a day is all of its hours."""
    if isinstance(when, datetime):
        return when, when
    midnight = datetime(when.year, when.month, when.day)
    return midnight, midnight + timedelta(days=1) - timedelta(microseconds=1)


def text_of(birth: date, at: date, birth_time: datetime | None = None) -> str:
    """Return the age for a person: hours (where known) or days for a newborn, months for an infant, then years."""
    days = completed(birth, at, "天")
    if days < 0:
        return "未出生"
    if birth_time is not None and isinstance(at, datetime):
        hours = completed(birth_time, at, "小时")
        if 0 <= hours < AGE_IN_HOURS_MAX_HOURS:
            return str(Age(hours, "小时"))
    if days <= NEWBORN_MAX_DAYS:
        return str(Age(days, "天"))
    months = completed(birth, at, "月")
    if months < INFANT_AGE_MAX_MONTHS:
        return str(Age(months, "月")) if months else str(Age(days, "天"))
    return str(Age(months // 12, "岁"))
