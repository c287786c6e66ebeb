"""Diagnoses by prefix, and the ones that a doctor only suspects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset.case import Diagnosis
from ruleset.diagnoses import find, is_suspected, matches


@pytest.mark.parametrize(
    ("code", "prefix"),
    [
        ("I10.x00x002", "I10"),
        ("I10.x00x002", "i10.x00"),
        ("E11.900", "E11.9"),
        ("E11900", "E11.9"),
        ("E11.900", "E119"),
        ("e11.900", "E11"),
        ("C50.900x011", "C"),
    ],
)
def test_a_prefix_matches_with_and_without_its_dot(code, prefix):
    assert matches(code, ("Z99", prefix))


@pytest.mark.parametrize(
    ("code", "prefixes"),
    [("E11.9", ("E11.90",)), ("E11", ("I10", "E1A")), ("", ("E11",)), ("E11", ()), ("E11", ("", "."))],
)
def test_what_does_not_match(code, prefixes):
    assert not matches(code, prefixes)


CODES = st.from_regex(r"[A-Z][0-9]{2}(\.[0-9x]{1,6})?", fullmatch=True)


@given(CODES, st.data())
def test_every_beginning_of_a_code_matches_it(code, data):
    length = data.draw(st.integers(1, len(code)))
    assert matches(code, (code[:length],))
    assert matches(code.lower(), (code[:length],))
    assert matches(code, [code[:length].replace(".", "")])


@pytest.mark.parametrize(
    "name", ["疑似肺炎", "肺炎？", "?肺炎", "肺炎待查", "肺炎待排", "肺结核 待除外", "可能的脑炎", "可疑青光眼"]
)
def test_a_doubtful_name(name):
    assert is_suspected(Diagnosis(name=name))
    assert not is_suspected(Diagnosis(name=name, suspected=False))


def test_a_plain_name_is_certain_unless_stated():
    assert not is_suspected(Diagnosis(name="肺炎"))
    assert is_suspected(Diagnosis(name="肺炎", suspected=True))


def test_confirmed_and_suspected_are_told_apart():
    sure = Diagnosis(code="J18.900", name="肺炎")
    doubtful = Diagnosis(code="J18.900", name="肺炎？")
    other = Diagnosis(code="I10.x00", name="高血压")
    assert find([sure, doubtful, other], ["J18"]) == ([sure], [doubtful])
    assert find([], ["J18"]) == ([], [])
