"""The citation of a publication, written into a rule's file in its place."""

import tomllib
from datetime import date

import pytest

from server.importer.citations import with_citation

RULE = """\
# A rule.
title = "某规则"

[[citations]]
document = "规则库"
batch = "第五批"
published = 2025-08-14

[[citations]]
document = "规则库（修订）" # as amended
published = 2026-01-28
valid_from = 2026-01-28
"""


def days(text):
    return [(citation.get("valid_from"), citation.get("published")) for citation in tomllib.loads(text)["citations"]]


@pytest.mark.parametrize("day", [date(2025, 8, 14), date(2026, 1, 28)])
def test_what_is_cited_already_stays(day):
    assert with_citation(RULE, day, "") == RULE


@pytest.mark.parametrize(
    ("day", "place", "document"),
    [
        (date(2026, 7, 6), 2, "规则库（修订）"),
        (date(2025, 12, 12), 1, "规则库"),
        (date(2025, 5, 23), 0, "规则库"),
    ],
)
def test_in_its_place_by_day(day, place, document):
    text = with_citation(RULE, day, "某批")
    found = tomllib.loads(text)["citations"]
    assert len(found) == 3
    assert (found[place]["document"], found[place]["batch"], found[place]["published"]) == (document, "某批", day)
    starts = [citation.get("valid_from", date.min) for citation in found]
    assert starts == sorted(starts)
    assert starts[0] == date.min
    assert set(RULE.splitlines()) <= set(text.splitlines()), "nothing of the file is lost"
    assert with_citation(text, day, "某批") == text


@pytest.mark.parametrize(
    "text",
    [
        'title = "某规则"\n',
        'citations = [{ document = "规则库", published = 2025-08-14 }]\n',
        RULE + '\n[[citations]]\ndocument = "没有日期"\n',
    ],
)
def test_a_file_of_another_form_is_left_to_a_person(text):
    assert with_citation(text, date(2026, 7, 6), "") is None


def test_quotes_in_a_title():
    text = with_citation('[[citations]]\ndocument = "a \\"b\\" \\\\ c"\npublished = 2025-08-14\n', date(2026, 7, 6), "")
    assert [citation["document"] for citation in tomllib.loads(text)["citations"]] == ['a "b" \\ c'] * 2
