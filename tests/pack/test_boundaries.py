"""Sets of boundary cases: what makes one, and that planted ones that show nothing are refused."""

import pytest

from ruleset.pack.cases import run_tests
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot

DAYS = ("day before", "day of", "day after")
ROUND_THE_FIRST_DAY = ("2025-05-22", "2025-05-23", "2025-05-24")
COUNTS = ("one under", "at", "one over")


@pytest.fixture
def problems(small_pack, tmp_path):
    """Return a function: what `pack test` says of the cases of a file, beside which findings were expected."""
    compile_pack(small_pack, tmp_path / "small.pack")
    rows = Snapshot([LoadedPack(PackFile(tmp_path / "small.pack"))])

    def told(cases):
        outcome = run_tests({"tests/drug-sex.toml": {"case": cases}}, rows)
        texts = [text for failure in outcome.failures for text in failure.differences]
        return [text for text in texts if not text.startswith(("finding", "hint", "not evaluated"))]

    return told


def case(boundary, *, is_found, **facts):
    return {
        "name": f"{boundary} {facts}",
        "kind": "boundary",
        "boundary": boundary,
        "time": "2025-05-23T09:00:00",
        "patient": {"sex": "male"},
        "lines": [{"item_code": "X1"}],
        "findings": [{"rule": "drug-sex", "violating": ["1"]}] if is_found else [],
    } | facts


def dated(found="-++", days=ROUND_THE_FIRST_DAY):
    return [
        case(boundary, is_found=mark == "+", time=f"{day}T09:00:00")
        for boundary, mark, day in zip(DAYS, found, days, strict=True)
    ]


def counted(*facts, found="--+"):
    return [
        case(boundary, is_found=mark == "+", **fact) for boundary, mark, fact in zip(COUNTS, found, facts, strict=True)
    ]


def quantity(number, **more):
    return {"lines": [{"item_code": "X1", "quantity": number, **more}]}


def test_a_set_about_the_day_on_which_a_row_begins_passes(small_pack, tmp_path):
    compile_pack(small_pack, tmp_path / "small.pack")
    rows = Snapshot([LoadedPack(PackFile(tmp_path / "small.pack"))])
    outcome = run_tests({"tests/drug-sex.toml": {"case": dated()}}, rows)
    assert (outcome.passed, outcome.failures) == (3, ())


@pytest.mark.parametrize(
    "facts",
    [
        [quantity(1), quantity(2), quantity(3)],
        [quantity("99.99"), quantity("100.00"), quantity("100.01")],
        [{"lines": [{"item_code": "X2"}] * number} for number in (4, 5, 6)],
        [{"encounter": {"facility_level": level}} for level in ("primary", "secondary", "tertiary")],
        [{"time": f"2025-05-23T{hour}:00:00"} for hour in ("08", "09", "10")],
        [{"patient": {"birth_date": day}} for day in ("1962-07-06", "1961-07-06", "1960-07-06")],
    ],
    ids=["whole", "decimals", "lines", "levels", "hours", "birthdays"],
)
def test_a_number_goes_on_in_any_measure(problems, facts):
    assert problems(counted(*facts)) == []


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_set_with_a_member_missing_is_refused(problems, missing):
    assert any("in this order" in text for text in problems([*dated()[:missing], *dated()[missing + 1 :]]))


def test_members_in_another_order_are_refused(problems):
    before, day, after = dated()
    assert any("in this order" in text for text in problems([before, after, day]))


def test_a_case_that_stands_between_two_members_breaks_the_set(problems):
    before, day, after = dated()
    other = case("at", is_found=False) | {"name": "other"}
    del other["boundary"]
    assert any("in this order" in text for text in problems([before, other, day, after]))


def test_members_of_both_kinds_are_refused(problems):
    assert any("in this order" in text for text in problems([*dated()[:2], case("one over", is_found=True)]))


def test_two_sets_after_one_another_are_two(problems):
    assert problems([*dated(), *dated()]) == []


@pytest.mark.parametrize("found", ["+++", "---"])
def test_three_answers_that_are_all_the_same_are_refused(problems, found):
    assert any("changes nothing" in text for text in problems(dated(found)))


def test_a_set_that_differs_in_a_second_value_is_refused(problems):
    cases = counted(quantity(1), quantity(2), quantity(3, amount="3.00"))
    assert any("differ in one value" in text and "lines.0.amount" in text for text in problems(cases))


def test_a_set_that_differs_in_nothing_is_refused(problems):
    assert any("differ in one value, these in none" in text for text in problems(counted({}, {}, {})))


@pytest.mark.parametrize(
    "days",
    [
        ("2025-05-21", "2025-05-23", "2025-05-24"),
        ("2025-05-22", "2025-05-23", "2025-05-25"),
        ("2025-05-22", "2025-05-23", "2025-05-22"),
    ],
)
def test_days_that_are_not_in_a_row_are_refused(problems, days):
    assert any("not three days in a row" in text for text in problems(dated(days=days)))


@pytest.mark.parametrize(
    "facts",
    [
        [quantity(1), quantity(2), quantity(30)],
        [{"lines": [{"item_code": "X2"}] * number} for number in (1, 5, 6)],
        [{"lines": [{"item_code": code}] * number} for code, number in (("X2", 1), ("X2", 2), ("X1", 3))],
    ],
    ids=["whole", "lines", "other lines"],
)
def test_steps_that_are_not_equal_are_refused(problems, facts):
    assert any("equal steps" in text for text in problems(counted(*facts)))


def test_a_boundary_is_for_cases_of_that_kind(problems):
    cases = [one | {"kind": "violating"} for one in dated()]
    assert any("is for cases of kind boundary" in text for text in problems(cases))


def test_a_word_that_is_no_place_in_a_set_is_refused(problems):
    assert any("Invalid enum value" in text for text in problems([case("the week before", is_found=False)]))
