"""Frequencies as hospitals write them."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset.case import Line
from ruleset.frequency import Frequency, parse, times_per_day
from ruleset.outcome import Missing

A_DAY = {
    "1": "qd QD q.d. qn hs qm 每日一次 每天1次 一日一次 日一次 1次/日 1/日 每晚 睡前 每晚一次 qd(8) ｑｄ 每日1剂 每日",
    "2": "bid BID b.i.d. q12h Q12H 每日两次 每日二次 一日2次 2次/天 早晚各一次 每12小时一次 bid(8-16) 每十二小时一次",
    "3": "tid T.I.D. q8h 每日三次 每天3次 一日三次 3/日 3次/日 日三次 每8小时一次 每隔8小时一次 1次/8小时 八小时一次 早中晚",
    "4": "qid q6h 每日四次 每6小时1次",
    "24": "qh q1h 每小时一次",
    "48": "q30min 每30分钟一次",
    "1/2": "qod q2d 隔日一次 隔天1次 每隔一日一次 每2日一次",
    "1/7": "qw 每周一次 一周1次 1次/周 每7天一次",
    "2/7": "biw 每周两次 2次/周 一周二次",
    "3/7": "tiw 每周三次",
    "1/14": "q2w 两周一次 每2周1次 隔周一次",
    "1/21": "q3w 每3周一次 三周一次",
    "1/30": "每月一次 qmo",
}


@pytest.mark.parametrize(
    ("text", "number"), [(text, number) for number, texts in A_DAY.items() for text in texts.split()]
)
def test_so_often_a_day(text, number):
    frequency = parse(text)
    assert frequency is not None
    assert frequency == Frequency(per_day=Fraction(number), interval_hours=frequency.interval_hours)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("tid ac", 3),
        ("qd am", 1),
        ("每日二次 餐前", 2),
        ("每日3次饭后", 3),
        ("每日一次,睡前", 1),
        ("bid po", 2),
        ("qd 每日一次", 1),
    ],
)
def test_a_remark_changes_nothing(text, number):
    assert parse(text) == Frequency(per_day=Fraction(number))


@pytest.mark.parametrize("text", ["prn", "PRN", "p.r.n", "必要时", "需要时"])
def test_as_needed_states_no_number(text):
    assert parse(text) == Frequency(as_needed=True)


@pytest.mark.parametrize(
    ("text", "number"), [("bid prn", 2), ("tid/prn", 3), ("每日三次必要时", 3), ("必要时 每日2次", 2), ("qn prn", 1)]
)
def test_as_needed_with_a_number_is_at_most_so_often(text, number):
    assert parse(text) == Frequency(per_day=Fraction(number), as_needed=True)


@pytest.mark.parametrize("text", ["st", "ST", "stat", "立即", "即刻", "一次性"])
def test_once(text):
    assert parse(text) == Frequency(per_day=Fraction(1), once=True)


def test_once_as_needed():
    assert parse("sos") == Frequency(per_day=Fraction(1), as_needed=True, once=True)


@pytest.mark.parametrize("text", ["持续", "continuous", "持续泵入"])
def test_continuous_has_no_number(text):
    assert parse(text) == Frequency(continuous=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ac",
        "pc",
        "遵医嘱",
        "qd bid",
        "qd qn",
        "每日1-2次",
        "每日2-3次",
        "2~3次/日",
        "q6-8h",
        "tid-qid",
        "每4-6小时一次",
        "q0h",
        "每日0次",
        "每隔3天一次",
        "9999/分",
        "q",
        "一次",
    ],
)
def test_what_is_not_known_or_not_certain_is_no_frequency(text):
    assert parse(text) is None


@pytest.mark.parametrize(("text", "hours"), [("q8h", 8), ("每12小时一次", 12), ("qh", 1), ("1次/6小时", 6)])
def test_stated_hours(text, hours):
    assert parse(text).interval_hours == hours


@given(st.integers(1, 99), st.sampled_from([("天", 1), ("周", 7), ("小时", Fraction(1, 24))]))
def test_every_so_many(number, period):
    word, days = period
    assert parse(f"每{number}{word}一次").per_day == 1 / (number * Fraction(days))
    latin = {"天": "d", "周": "w", "小时": "h"}[word]
    assert parse(f"Q{number}{latin.upper()}") == parse(f"每{number}{word}1次")


@given(st.text(max_size=20))
def test_any_text_is_a_frequency_or_none(text):
    frequency = parse(text)
    assert frequency is None or frequency.per_day is None or frequency.per_day > 0


@given(st.text(alphabet="qbtidhw0123456789每日周天时次一二三隔/ .", max_size=8))
def test_case_and_width_do_not_count(text):
    wide = "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)
    assert parse(text.upper()) == parse(text) == parse(wide)


@pytest.mark.parametrize(
    ("frequency", "stated", "answer"),
    [
        ("bid", None, "2"),
        ("", "3", "3"),
        ("遵医嘱", "3", "3"),
        ("bid", "2", "2"),
        ("bid", "0", "2"),
        ("qw", "0.14", "1/7"),
        ("q3d", "0.33", "1/3"),
        ("prn", "4", "4"),
        ("st", None, "1"),
    ],
)
def test_times_a_day(frequency, stated, answer):
    line = Line(frequency=frequency, times_per_day=None if stated is None else Decimal(stated))
    assert times_per_day(line) == Fraction(answer)


@pytest.mark.parametrize(
    ("frequency", "stated", "says"),
    [
        ("", None, ""),
        ("遵医嘱", None, "不认识"),
        ("prn", None, "没有说明"),
        ("bid", "3", "不一致"),
        ("qw", "1", "不一致"),
        ("持续", "1", "持续给药"),
        ("持续", None, "持续给药"),
    ],
)
def test_times_a_day_that_are_not_known(frequency, stated, says):
    answer = times_per_day(Line(frequency=frequency, times_per_day=None if stated is None else Decimal(stated)))
    assert isinstance(answer, Missing)
    assert answer.fact == "frequency"
    assert says in answer.detail
