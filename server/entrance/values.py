"""Read one JSON value of a lenient message as what its field means.

Vendors write numbers as text, text as numbers, dates in six ways, and `""` or `"-"` for "nothing". All of that is
read. What cannot be read as what its field means is an error: it is never taken for "nothing".
"""

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from datetime import date as datetime_date
from decimal import Decimal, InvalidOperation
from typing import Any

from server.limits import LIST_ENTRIES_MAX, TEXT_MAX_CHARACTERS

NOTHING = ("", "-")
NUMBER_EXPONENT_MAX = 12
"""Quantities and amounts beyond 10^12, or finer than 10^-12, are typing errors."""
YEAR_MIN = 1850
YEAR_MAX = 2199
"""Dates outside are a system's way of saying "none" (0001-01-01, 9999-12-31)."""
DAYS_MAX = 36_500
COUNT_MAX = 10_000
"""Doses of a herb prescription and the like."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGIT_FORMATS = {8: "%Y%m%d", 14: "%Y%m%d%H%M%S"}
_EPOCH_MS_DIGITS = 13
_CENTURIES = ("18", "19", "20", "21")
_NO_DIVISION = re.compile(r"0*")
_SEPARATORS = re.compile(r"[|,;，；、]")
_WHOLE = re.compile(r"-?[0-9]+", re.ASCII)


class BadValueError(ValueError):
    """A value that is not what its field means; the caller knows the field."""


def text(value: Any) -> str:
    """Return a text or a code; numbers become their digits. Raises BadValueError."""
    if value.__class__ is str:
        stripped: str = value.strip()
        if len(stripped) > TEXT_MAX_CHARACTERS:
            raise BadValueError(f"longer than {TEXT_MAX_CHARACTERS} characters")
        if not stripped.isprintable() and _CONTROL.search(stripped):
            raise BadValueError("has a control character")
        return stripped
    if value is None:
        return ""
    if value.__class__ is int:
        return str(value)
    if value.__class__ is float and value.is_integer():
        return str(int(value))
    raise BadValueError("expected a text")


def division(value: Any) -> str:
    """Return the code of an administrative division; "" for nothing but zeros. Raises BadValueError."""
    code = text(value)
    return "" if code == "-" or _NO_DIVISION.fullmatch(code) else code


def texts(value: Any) -> tuple[str, ...]:
    """Return a list of texts, or one text whose parts are separated by | , ; or 、. Raises BadValueError."""
    parts = value if isinstance(value, list) else _SEPARATORS.split(text(value))
    if len(parts) > LIST_ENTRIES_MAX:
        raise BadValueError(f"{len(parts)} entries, at most {LIST_ENTRIES_MAX}")
    return tuple(part for part in map(text, parts) if part not in NOTHING)


def number(value: Any) -> Decimal | None:
    """Return a quantity or an amount, exactly as written; None for "nothing". Raises BadValueError."""
    kind = value.__class__
    if kind is str:
        stripped = value.strip()
        if stripped in NOTHING:
            return None
        try:
            if "_" in stripped:  # Python reads 1_000; nobody else does
                raise BadValueError("expected a number")
            result = Decimal(stripped)
        except InvalidOperation:
            raise BadValueError("expected a number") from None
    elif kind is int:
        result = Decimal(value)
    elif kind is float:
        result = Decimal(repr(value))
    elif kind is Decimal:
        result = value
    elif value is None:
        return None
    else:
        raise BadValueError("expected a number")
    if not result.is_finite():
        raise BadValueError("expected a finite number")
    if result and not -NUMBER_EXPONENT_MAX <= result.adjusted() <= NUMBER_EXPONENT_MAX:
        raise BadValueError(f"expected a number between 10^-{NUMBER_EXPONENT_MAX} and 10^{NUMBER_EXPONENT_MAX}")
    return result


def positive(value: Any) -> Decimal | None:
    """Return a quantity that is more than nothing; None for "nothing" and for 0. Raises BadValueError."""
    result = number(value)
    if not result:
        return None
    if result < 0:
        raise BadValueError("expected more than 0")
    return result


def result(value: Any) -> Decimal | str | None:
    """Return the result of a test: a number, or its words where it is none. Raises BadValueError for neither."""
    try:
        return number(value)
    except BadValueError:
        return text(value)


def count(value: Any) -> int | None:
    """Return a whole number of things; None for "nothing" and for 0. Raises BadValueError."""
    counted = positive(value)
    if counted is None:
        return None
    if counted != counted.to_integral_value() or counted > COUNT_MAX:
        raise BadValueError(f"expected a whole number, 1 to {COUNT_MAX}")
    return int(counted)


def date(value: Any, zone: tzinfo) -> datetime_date | None:
    """Return the day of a date or time; None for "nothing". Raises BadValueError."""
    moment = time(value, zone)
    return moment.date() if moment is not None else None


def days(value: Any) -> int | None:
    """Return a number of days, rounded up; None for "nothing" and for 0. Raises BadValueError."""
    result = number(value)
    if result is None or result == 0:
        return None
    whole = math.ceil(result)
    if not 0 < whole <= DAYS_MAX:
        raise BadValueError(f"expected 1 to {DAYS_MAX} days")
    return whole


def flag(value: Any) -> bool | None:
    """Return a yes or no of our own extension; None for "nothing". Raises BadValueError."""
    if value is None or value.__class__ is bool:
        return value
    match text(value).lower():
        case "1" | "true" | "是":
            return True
        case "0" | "false" | "否":
            return False
        case "" | "-":
            return None
        case _:
            raise BadValueError("expected true or false")


def time(value: Any, zone: tzinfo) -> datetime | None:
    """Return a date or time as the site's local time; None for "nothing". Raises BadValueError.

    `yyyy-MM-dd HH:mm:ss`, `yyyy-MM-dd`, ISO 8601 with or without an offset, `yyyy/MM/dd …`, digits alone, and
    milliseconds since 1970 as a number or as its digits.
    """
    kind = value.__class__
    if kind is str:
        stripped = value.strip()
        if stripped in NOTHING:
            return None
        result = _whole(stripped, zone) if _WHOLE.fullmatch(stripped) else _parsed(stripped)
    elif value is None:
        return None
    elif kind is int or (kind is float and value.is_integer()):
        result = _whole(str(int(value)), zone)
    else:
        raise BadValueError("expected a date")
    if result is None:
        return None
    if result.tzinfo is not None:
        try:
            result = result.astimezone(zone).replace(tzinfo=None)
        except OverflowError:  # before the year 1 or after 9999
            return None
    return result if YEAR_MIN <= result.year <= YEAR_MAX else None


def _parsed(stripped: str) -> datetime:
    try:
        return datetime.fromisoformat(stripped)
    except ValueError:
        pass
    try:
        parts = re.fullmatch(
            r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d*)?)?)?",
            stripped,
        )
        if parts:
            return datetime(*(int(part or 0) for part in parts.groups()))  # type: ignore[arg-type]
    except ValueError:
        pass
    raise BadValueError("expected a date such as 2026-07-06 09:12:30")


def _whole(digits: str, zone: tzinfo) -> datetime | None:
    """Read a whole number: a calendar date where it begins like one, else milliseconds since 1970; 0 is nothing.

    Eight and fourteen digits may be a calendar date; twelve never are: 192211200000 is a birth in 1976, not in 1922.
    """
    if len(digits) in _DIGIT_FORMATS and digits.startswith(_CENTURIES):
        try:
            return datetime.strptime(digits, _DIGIT_FORMATS[len(digits)])
        except ValueError:
            raise BadValueError("expected a date such as 20260706091230") from None
    if len(digits.lstrip("-")) > _EPOCH_MS_DIGITS:
        raise BadValueError("expected milliseconds since 1970")
    milliseconds = int(digits)
    return (_EPOCH + timedelta(milliseconds=milliseconds)).astimezone(zone) if milliseconds else None
