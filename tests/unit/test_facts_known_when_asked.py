"""What is known when the HIS asks counts, whenever the order says that it begins."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from ruleset.case import Case, Encounter, Ingredient, Line, Observation, Patient
from ruleset.chart import Chart
from ruleset.evaluator import evaluate
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot
from ruleset.timeline import EMPTY, Timeline

SAFETY = Path(__file__).resolve().parents[2] / "ruleset" / "packs" / "safety-cn"
ASKED = datetime(2026, 7, 6, 9)
MIDNIGHT = datetime(2026, 7, 6)


@pytest.fixture(scope="module")
def safety(tmp_path_factory):
    path = tmp_path_factory.mktemp("safety") / "safety.pack"
    compile_pack(SAFETY, path)
    return Snapshot([LoadedPack(PackFile(path))])


def drug(name, **more):
    line = {"order_id": name, "item_code": f"X{name}", "item_name": name, "item_kind": "drug", "encounter_id": "E"}
    return Line(**{**line, "ingredients": (Ingredient(name),), "route": "口服", "begin": ASKED, "days": 7, **more})


def case_of(*lines, observations=(), time=ASKED):
    patient = Patient(
        id="P",
        sex="male",
        birth_date=date(1976, 3, 1),
        weight_kg=Decimal(60),
        allergies_checked=True,
        observations=observations,
    )
    encounter = Encounter(id="E", care_modes=("inpatient",), visit_kind="inpatient", internet=False)
    return Case(time=time, lines=lines, patient=patient, encounter=encounter)


@pytest.mark.parametrize(
    ("begin", "begin_is_date", "asked", "expected"),
    [
        (ASKED, False, ASKED, ASKED),
        (ASKED, False, None, ASKED),
        (ASKED, False, ASKED - timedelta(hours=1), ASKED),
        (ASKED, False, ASKED + timedelta(hours=1), ASKED + timedelta(hours=1)),
        (MIDNIGHT, True, ASKED, datetime.combine(MIDNIGHT, time.max)),
        (MIDNIGHT, True, ASKED + timedelta(days=1), ASKED + timedelta(days=1)),
    ],
)
def test_as_of(begin, begin_is_date, asked, expected):
    line = drug("二甲双胍", begin=begin, begin_is_date=begin_is_date)
    chart = Chart(case_of(line, time=asked), EMPTY, Snapshot([]))
    assert chart.as_of(line) == expected


def creatinine(when):
    return Observation(code="2160-0", name="肌酐", value=Decimal(500), unit="umol/L", time=when)


@pytest.mark.parametrize(
    ("begin", "begin_is_date"),
    [(MIDNIGHT, True), (MIDNIGHT + timedelta(hours=6), False), (MIDNIGHT - timedelta(days=3), False), (ASKED, False)],
    ids=["a date alone", "ordered before the result", "a standing order sent again", "ordered after the result"],
)
def test_a_result_of_the_orders_own_day_is_not_lost(safety, begin, begin_is_date):
    metformin = drug("二甲双胍", begin=begin, begin_is_date=begin_is_date)
    case = case_of(metformin, observations=(creatinine(MIDNIGHT + timedelta(hours=7)),))
    result = evaluate(case, EMPTY, safety)
    assert "renal" in {finding.row.rule.id for finding in result.findings}


def test_a_result_that_nobody_can_know_yet_does_not_count(safety):
    case = case_of(drug("二甲双胍"), observations=(creatinine(ASKED + timedelta(hours=1)),))
    result = evaluate(case, EMPTY, safety)
    assert not [finding for finding in result.findings if finding.row.rule.id == "renal"]
    assert "renal" in {hint.row.rule.id for hint in result.hints}


WARFARIN = {"days": 30, "order_id": "committed"}


@pytest.mark.parametrize("origin", ["store", "message"])
@pytest.mark.parametrize(
    ("begin", "begin_is_date", "of_warfarin"),
    [
        (MIDNIGHT, True, MIDNIGHT + timedelta(hours=8)),
        (ASKED, False, ASKED + timedelta(hours=1)),
        (ASKED, False, ASKED + timedelta(days=2)),
    ],
    ids=["a date alone", "an hour before the committed line", "two days before the committed line"],
)
def test_a_line_that_begins_first_meets_what_is_committed(safety, begin, begin_is_date, of_warfarin, origin):
    ibuprofen = drug("布洛芬", classes=("M01AE01",), begin=begin, begin_is_date=begin_is_date)
    case = case_of(ibuprofen)
    warfarin = drug("华法林", begin=of_warfarin, **WARFARIN)
    if origin == "message":
        result = evaluate(replace(case, history=(warfarin,)), EMPTY, safety)
    else:
        result = evaluate(case, Timeline([warfarin]), safety)
    found = [finding for finding in result.findings if finding.row.rule.id == "interaction-warfarin-nsaid"]
    assert [finding.related for finding in found] == [(warfarin,)]
    assert "华法林" in found[0].message


def test_a_committed_line_that_begins_when_the_judged_one_is_used_up_does_not_meet_it(safety):
    warfarin = drug("华法林", begin=ASKED + timedelta(days=7), **WARFARIN)
    result = evaluate(case_of(drug("布洛芬", classes=("M01AE01",))), Timeline([warfarin]), safety)
    assert not [finding for finding in result.findings if finding.row.rule.id == "interaction-warfarin-nsaid"]


@pytest.mark.parametrize("hours", [8, 10])
def test_a_date_only_line_is_summed_and_compared_with_the_lines_of_its_day(safety, hours):
    dose = {"dose": Decimal(1), "dose_unit": "g", "frequency": "tid", "ingredients": (Ingredient("对乙酰氨基酚"),)}
    tablets = drug("对乙酰氨基酚片", begin=MIDNIGHT, begin_is_date=True, **dose)
    granules = drug("对乙酰氨基酚颗粒", begin=MIDNIGHT + timedelta(hours=hours), **dose)
    result = evaluate(case_of(tablets), Timeline([granules]), safety)
    found = {finding.row.rule.id: finding.related for finding in result.findings}
    assert found["daily-dose"] == found["duplicate-substance"] == (granules,)


@pytest.mark.parametrize(
    ("begin", "begin_is_date"), [(MIDNIGHT, True), (MIDNIGHT + timedelta(hours=7), False)], ids=["date", "sent again"]
)
def test_a_positive_skin_test_of_the_orders_own_day_is_not_lost(safety, begin, begin_is_date):
    positive = Observation(kind="skin_test", name="青霉素皮试", text="阳性", time=MIDNIGHT + timedelta(hours=8))
    penicillin = drug("青霉素", route="静脉滴注", begin=begin, begin_is_date=begin_is_date)
    result = evaluate(case_of(penicillin, observations=(positive,)), EMPTY, safety)
    assert "skin-test-positive" in {finding.row.rule.id for finding in result.findings}
