"""How often a dose is given: Latin codes as hospitals write them, and their Chinese forms.

The codes are those of 医嘱 as taught everywhere (qd, bid, q8h, prn). An unknown frequency is no frequency.
"""

import re
import unicodedata
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

import msgspec

from ruleset.case import Line
from ruleset.outcome import Missing

HOURS_A_DAY = 24
MINUTES_A_DAY = 1440
DAYS_A_WEEK = 7
DAYS_A_MONTH = 30
"""For 每月一次: the month of a prescription."""

TIMES_A_DAY_MAX = MINUTES_A_DAY
"""More than once a minute is a typing error."""

AGREEMENT_TOLERANCE = Fraction(1, 50)
"""A stated number agrees with the code within 2 %: qw is sent as 0.14, q3d as 0.33."""


class Frequency(msgspec.Struct, frozen=True, gc=False):
    """What a frequency says. `per_day` is the number of administrations a day, None where it says none.

    `as_needed`: at most so often, when it is needed. `once`: a single dose, which is one on its day.
    `continuous`: runs without a pause, and has no number of doses. `interval_hours` only where hours are stated (q8h).
    """

    per_day: Fraction | None = None
    as_needed: bool = False
    once: bool = False
    continuous: bool = False
    interval_hours: Fraction | None = None


def _daily(number: int | Fraction) -> Frequency:
    return Frequency(per_day=Fraction(number))


_AS_NEEDED = Frequency(as_needed=True)
_FREQUENCY_WORDS: tuple[tuple[Frequency, str], ...] = (
    (_daily(1), "qd od sid qn on hs qhs qam qpm qm am pm mane nocte daily"),
    (_daily(1), "每天 每日 每晚 每早 每晨 睡前 临睡前 每日睡前 每晚睡前 晨起 早上 晚上 中午"),
    (_daily(2), "bid bd 早晚 早晚各 每日早晚"),
    (_daily(3), "tid tds 早中晚 三餐前 三餐后 三餐时 每餐前 每餐后"),
    (_daily(4), "qid qds"),
    (_daily(Fraction(1, 2)), "qod eod qad 隔日 隔天 每隔日"),
    (_daily(Fraction(1, DAYS_A_WEEK)), "qw qwk weekly 每周 每星期"),
    (_daily(Fraction(2, DAYS_A_WEEK)), "biw"),
    (_daily(Fraction(3, DAYS_A_WEEK)), "tiw"),
    (_daily(Fraction(1, 2 * DAYS_A_WEEK)), "qow 隔周 每隔周"),
    (_daily(Fraction(1, DAYS_A_MONTH)), "qmo qmonth monthly 每月"),
    (Frequency(per_day=Fraction(HOURS_A_DAY), interval_hours=Fraction(1)), "qh 每小时"),
    (Frequency(per_day=Fraction(1), once=True), "st stat once 即刻 立即 即时 一次性 单次 临时 仅一次"),
    (_AS_NEEDED, "prn 必要时 需要时 按需 疼痛时 发热时"),
    (Frequency(per_day=Fraction(1), as_needed=True, once=True), "sos"),
    (Frequency(continuous=True), "continuous cont 持续 持续泵入 持续静滴 持续24h 24h持续"),
)
"""Words that are a frequency by themselves. `qm` is quaque mane, every morning; a monthly dose is qmo or Chinese."""

_WORDS = {word: frequency for frequency, words in _FREQUENCY_WORDS for word in words.split()}

_REMARK_WORDS = (
    "ac pc cc am pm hs mane nocte po iv ivgtt im sc ih inh 餐前 餐后 饭前 饭后 餐时 餐中 随餐 空腹 睡前 晨起 早 晚 早上 晚上 "
    "早餐前 早餐后 晚餐前 晚餐后 各一次 顿服 口服 静滴 静脉滴注 皮下注射 肌注"
)
_REMARKS = frozenset(_REMARK_WORDS.split())
"""When on the day or how a dose is given: beside a number they change nothing, and alone they state none (ac, pc)."""

_PERIODS: dict[str, Fraction] = {
    **dict.fromkeys(("分钟", "分", "min", "mins"), Fraction(1, MINUTES_A_DAY)),
    **dict.fromkeys(("小时", "时", "h", "hr"), Fraction(1, HOURS_A_DAY)),
    **dict.fromkeys(("日", "天", "d", "day"), Fraction(1)),
    **dict.fromkeys(("周", "星期", "w", "wk", "week"), Fraction(DAYS_A_WEEK)),
    **dict.fromkeys(("个月", "月", "mo", "month"), Fraction(DAYS_A_MONTH)),
}
"""How many days a period is."""

_NUMERALS = "零一二三四五六七八九"
_CHINESE_NUMBER = re.compile(f"(?:(?P<tens>[{_NUMERALS[1:]}])?(?P<ten>十))?(?P<ones>[{_NUMERALS}两半])?")
_NUMBER = r"(\d{1,4}(?:\.\d{1,2})?)"
_PERIOD = "(" + "|".join(sorted(_PERIODS, key=len, reverse=True)) + ")"
_TIMES = r"(?:次|回|剂|付|x|times)"

_EVERY = re.compile(f"(q|每隔|隔|每|every)?{_NUMBER}{_PERIOD}(?:{_NUMBER}{_TIMES})?")
"""q8h, 每8小时1次, 8小时1次, 每3周1次, 每隔1日1次."""

_IN_ONE = re.compile(f"(?:每|1|per)?{_PERIOD}{_NUMBER}{_TIMES}")
"""每日3次, 日3次, 每周2次."""

_PER = re.compile(f"{_NUMBER}{_TIMES}?(?:/|每|per){_NUMBER}?{_PERIOD}")
"""3次/日, 3/日, 1次/8小时."""

_CLOCK = re.compile(r"\([\d\s:,.\-amp]+\)")
"""The hours that a code stands for at the site, as in bid(8-16)."""

_PARTS = re.compile(r"[\s,;:()+\-_/]+|(?<=[次服])(?=[早午晚睡餐饭空])|(?=必要时)|(?<=必要时)")


@lru_cache(maxsize=16_384)
def parse(text: str) -> Frequency | None:
    """Read a frequency code or its Chinese form, in any case and width (b.i.d., Q8H, 一日三次, 3次/日, tid ac, bid prn).

    None where it is not known, or where two parts of it contradict each other.
    """
    plain = unicodedata.normalize("NFKC", text).lower()
    plain = _CLOCK.sub("", plain).replace("。", "")
    whole = _read(re.sub(r"\s|(?<!\d)\.|\.(?!\d)", "", plain))
    if whole is not None:
        return whole
    found: Frequency | None = None
    as_needed = latin = False
    for part in _PARTS.split(plain):
        word = re.sub(r"(?<!\d)\.|\.(?!\d)", "", part)
        if not word or word in _REMARKS:
            continue
        frequency = _read(word)
        if frequency is None:
            return None
        if frequency == _AS_NEEDED:
            as_needed = True
        elif found is not None and (frequency != found or latin == word.isascii()):
            return None  # qd and qn are two doses; qd and 每日一次 are one said twice
        else:
            found, latin = frequency, word.isascii()
    if as_needed:
        return _AS_NEEDED if found is None else msgspec.structs.replace(found, as_needed=True)
    return found


def _read(word: str) -> Frequency | None:
    """Read one frequency without blanks and dots."""
    known = _WORDS.get(word)
    if known is not None:
        return known
    plain = _CHINESE_NUMBER.sub(_digits, word)
    if plain.endswith(("1次", "1剂")) and (known := _WORDS.get(plain[:-2])) is not None:
        return known
    if match := _EVERY.fullmatch(plain):
        periods = Fraction(match[2])
        if match[1] in ("隔", "每隔") and _PERIODS[match[3]] >= 1:
            if periods != 1:
                return None  # 每隔3天 is the third day to some and the fourth to others
            periods += 1
        return _regular(Fraction(match[4] or 1), periods, match[3])
    if match := _IN_ONE.fullmatch(plain):
        return _regular(Fraction(match[2]), Fraction(1), match[1])
    if match := _PER.fullmatch(plain):
        return _regular(Fraction(match[1]), Fraction(match[2] or 1), match[3])
    return None


def _digits(match: re.Match[str]) -> str:
    """Write a Chinese number below a hundred in digits."""
    if not match[0]:
        return ""
    ones = match["ones"] or ""
    if ones == "半":
        return "0.5"
    number = 2 if ones == "两" else _NUMERALS.index(ones) if ones else 0
    if match["ten"]:
        number += 10 * (_NUMERALS.index(match["tens"]) if match["tens"] else 1)
    return str(number)


def _regular(times: Fraction, periods: Fraction, period: str) -> Frequency | None:
    """Return so many times in so many periods."""
    days = periods * _PERIODS[period]
    if not times or not days or times / days > TIMES_A_DAY_MAX:
        return None
    hourly = _PERIODS[period] < 1 and times == 1
    return Frequency(per_day=times / days, interval_hours=days * HOURS_A_DAY if hourly else None)


def is_continuous(line: Line) -> bool:
    """Say whether the line runs without a pause: its dose is that of an unstated time, and not of one administration."""
    frequency = parse(line.frequency) if line.frequency else None
    return frequency is not None and frequency.continuous


def times_per_day(line: Line) -> Fraction | Missing:
    """Return how often a day the line is given: the number that it states, else what its frequency says.

    Missing where neither is known, or where they contradict each other.
    """
    return _times_per_day(line.frequency, line.times_per_day)


@lru_cache(maxsize=16_384)
def _times_per_day(text: str, stated: Decimal | None) -> Fraction | Missing:
    frequency = parse(text) if text else None
    if frequency is not None and frequency.continuous:
        return Missing("frequency", _why_unknown(text, frequency))
    said = frequency.per_day if frequency is not None else None
    if stated is None or stated <= 0:
        return said if said is not None else Missing("frequency", _why_unknown(text, frequency))
    number = Fraction(stated)
    if said is None:
        return number
    if abs(number - said) <= said * AGREEMENT_TOLERANCE:
        return said  # exact where the number was rounded
    return Missing("frequency", f"频次“{text}”与每日次数{stated}不一致。")


def _why_unknown(text: str, frequency: Frequency | None) -> str:
    if not text:
        return ""
    if frequency is None:
        return f"不认识用药频次“{text}”。"
    return "持续给药，没有每日次数。" if frequency.continuous else f"用药频次“{text}”没有说明每日最多次数。"
