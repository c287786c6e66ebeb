"""Reading one value of a lenient message: what it means, or an error; never a guess, never another exception."""

import contextlib
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.entrance import values
from server.entrance.text import EntranceError, read_json, write_json
from server.entrance.values import BadValueError

ZONE = ZoneInfo("Asia/Shanghai")
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(alphabet="0123456789-+:.TZe年月日 １²"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
READERS = [
    values.text,
    values.number,
    values.days,
    values.flag,
    lambda value: values.time(value, ZONE),
]


@given(ANYTHING)
def test_any_value_is_read_or_refused(value):
    for reader in READERS:
        with contextlib.suppress(BadValueError):
            reader(value)


LOCAL_TIMES = st.datetimes(datetime(1850, 1, 2), datetime(2199, 12, 30)).map(lambda when: when.replace(microsecond=0))


@given(LOCAL_TIMES)
def test_one_time_in_all_its_forms(when):
    forms = [
        when.strftime("%Y-%m-%d %H:%M:%S"),
        when.strftime("%Y-%m-%dT%H:%M:%S"),
        when.strftime("%Y/%m/%d %H:%M:%S"),
        when.strftime("%Y%m%d%H%M%S"),
        when.strftime("  %Y-%m-%d %H:%M:%S.0 "),
        f"{when.year}年{when.month}月{when.day}日 {when.hour}:{when.minute}:{when.second}",
        int(when.strftime("%Y%m%d%H%M%S")),
    ]
    assert {values.time(form, ZONE) for form in forms} == {when}
    assert values.time(when.strftime("%Y-%m-%d"), ZONE) == datetime(when.year, when.month, when.day)
    assert values.time(int(when.strftime("%Y%m%d")), ZONE) == datetime(when.year, when.month, when.day)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_one_moment_with_an_offset_or_in_milliseconds(moment):
    moment = moment.replace(microsecond=0)
    local = moment.astimezone(ZONE).replace(tzinfo=None)
    milliseconds = int(moment.timestamp()) * 1000
    forms = [moment.isoformat(), moment.astimezone(ZONE).isoformat()]
    if len(str(milliseconds)) not in (8, 12):  # those are read as dates
        forms += [milliseconds, float(milliseconds), str(milliseconds)]
    assert {values.time(form, ZONE) for form in forms} == {local}


@pytest.mark.parametrize("nothing", ["", " ", "-", None, "0001-01-01", "9999-12-31 23:59:59", "1800-01-01"])
def test_no_time(nothing):
    assert values.time(nothing, ZONE) is None


@given(st.decimals(-(10**12), 10**12, places=4))
def test_a_number_is_exact(number):
    assert values.number(str(number)) == number
    assert values.number(f" {number} ") == number
    assert str(values.number("0.10")) == "0.10"


@given(st.floats(-1e12, 1e12, allow_nan=False).filter(lambda number: number == 0 or abs(number) > 1e-12))
def test_a_float_is_what_was_written(number):
    assert values.number(number) == Decimal(repr(number))


@pytest.mark.parametrize("bad", ["abc", "1,5", "1e13", "1e-13", "NaN", "Infinity", True, [], {}, float("inf"), "1 2"])
def test_no_number(bad):
    with pytest.raises(BadValueError):
        values.number(bad)


@pytest.mark.parametrize(
    ("value", "days"), [(7, 7), ("7", 7), ("6.2", 7), (0.5, 1), ("", None), (0, None), ("-", None)]
)
def test_days(value, days):
    assert values.days(value) == days


@pytest.mark.parametrize("bad", [-1, "-0.5", 36_501, "x", True])
def test_no_days(bad):
    with pytest.raises(BadValueError):
        values.days(bad)


@pytest.mark.parametrize(
    ("value", "flag"),
    [(True, True), (False, False), ("1", True), (0, False), ("是", True), ("否", False), ("TRUE", True), ("", None)],
)
def test_flag(value, flag):
    assert values.flag(value) is flag


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), (7.0, "7"), (" 07 ", "07"), (None, ""), (10**30, "1" + "0" * 30)]
)
def test_text(value, text):
    assert values.text(value) == text


@pytest.mark.parametrize("bad", [True, 1.5, [], {}, "a\x00b", "a\tb", "\x7fa b"[:1] + "b", "x" * 501])
def test_no_text(bad):
    with pytest.raises(BadValueError):
        values.text(bad)


class TestJson:
    @given(
        st.dictionaries(
            st.text(alphabet=st.characters(codec="gb18030")), st.text(alphabet=st.characters(codec="gb18030"))
        )
    )
    def test_either_encoding_comes_back(self, value):
        for encoding in ("utf-8", "gb18030"):
            assert read_json(write_json(value, encoding), encoding) == (value, encoding)

    def test_the_encoding_is_found_out(self):
        assert read_json('{"a": "甲"}'.encode("gbk"), None) == ({"a": "甲"}, "gb18030")
        assert read_json('{"a": "甲"}'.encode(), None) == ({"a": "甲"}, "utf-8")
        assert read_json("\ufeff{}".encode(), None) == ({}, "utf-8")

    @given(st.binary(max_size=60))
    def test_any_bytes_are_read_or_refused(self, document):
        for encoding in (None, "utf-8", "gb18030"):
            with contextlib.suppress(EntranceError):
                read_json(document, encoding)

    @given(st.data())
    def test_a_truncated_document_says_so(self, data):
        document = '{"patn_id": "甲", "list": [1, {"cnt": "2.5"}]}'.encode()
        length = data.draw(st.integers(1, len(document) - 1))
        with pytest.raises(EntranceError, match=r"truncated|not UTF-8"):
            read_json(document[:length], "utf-8")

    def test_the_field_of_the_fault_is_named(self):
        with pytest.raises(EntranceError) as caught:
            read_json(b'{"a": 1, "cnt": 1x, "b": 2}', "utf-8")
        assert caught.value.field == "cnt"
        with pytest.raises(EntranceError, match="control character") as caught:
            read_json(b'{"a": 1, "name": "x\ny"}', "utf-8")
        assert caught.value.field == "name"

    def test_a_lone_surrogate_is_not_called_a_control_character(self):
        with pytest.raises(EntranceError, match="surrogate") as caught:
            read_json(b'{"name": "\\ud800"}', "utf-8")
        assert "control" not in str(caught.value)

    def test_a_value_in_an_error_is_short(self):
        error = EntranceError("field", "x" * 10_000, "wrong")
        assert len(str(error)) < 200
