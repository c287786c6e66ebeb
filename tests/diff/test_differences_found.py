"""Differences between engine and oracle that turned out to be the engine's, each as its smallest case."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from ruleset.evaluator import evaluate
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.diagnostics import PackError
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot
from ruleset.timeline import Timeline
from server.entrance.identifiers import finding_id
from tests.diff.harness import answer_of, case_of, engine_answer, shown, snapshot_of, write_pack_source
from tests.diff.oracle import Hint, judge, read_rows

DAY = datetime(2026, 1, 28, 9)
ITEM = {"item_code": "A", "item_name": "药"}
ALONE = {"template": "T10", "rows": [{**ITEM, "not_paid": "alone"}]}
COURSE = {"template": "T31", "rows": [{**ITEM, "max_days": "2"}]}
PAIR = {"template": "T23", "kind": "safety", "rows": [{"herb_a": "甲", "herb_b": "乙"}]}
SEX = {"template": "T06", "rows": [{**ITEM, "sex": "女"}]}
PER_DAY = {"template": "T32", "rows": [{**ITEM, "max_qty": "2"}]}


def line(**facts):
    return {
        "order_id": "",
        "prescription_id": "P1",
        "item_kind": "herb_piece",
        "quantity": Decimal(1),
        "price": Decimal(1),
        "begin": DAY,
        "encounter_id": "E1",
        "facility_id": "F1",
        **facts,
    }


def claim(*current, history=(), **encounter):
    for number, each in enumerate((*current, *history), 1):
        each["position"] = number
        each["tag"] = f"{'c' if number <= len(current) else 'h'}{number}"
    return {
        "time": None,
        "triggers": ["charging"],
        "patient": {"id": "p", "sex": "male", "birth_date": date(1990, 1, 1)},
        "encounter": {"id": "E1", "facility_id": "F1", "payer": "employee", **encounter},
        "lines": list(current),
        "history": list(history),
    }


@pytest.fixture
def answers(tmp_path):
    """Both answers, the engine's first."""

    def both(rule, claim):
        rule = {"kind": "payment", "action": "WARN", **rule}
        source = write_pack_source(tmp_path / f"source of {rule['template']}", [rule])
        return engine_answer(case_of(claim), snapshot_of(source, tmp_path / "pack")), judge(claim, read_rows(source))

    return both


@pytest.mark.parametrize("days", [0, 3_661])
def test_days_that_cannot_be_hide_no_stated_end(answers, days):
    engine, oracle = answers(COURSE, claim(line(item_code="A", days=days, end=DAY + timedelta(days=2))))
    assert engine == oracle
    assert [finding.violating for finding in engine.findings] == [("c1",)]


def test_refund_is_no_use_of_its_item(answers):
    course = {**COURSE, "kind": "safety"}
    engine, oracle = answers(course, claim(line(item_code="A", days=3, quantity=Decimal(-1))))
    assert engine == oracle
    assert not engine.findings


def test_line_of_unknown_kind_beside_a_herb_off_the_list_is_not_undecided(answers):
    """Whether it is a herb or not, it is not alone: another herb of the prescription is not on the list."""
    engine, oracle = answers(ALONE, claim(line(item_code="A", item_kind=None), line(item_code="B")))
    assert engine == oracle
    assert not engine.hints


def test_pair_is_found_from_its_second_herb_where_the_first_has_no_time(answers):
    engine, oracle = answers(
        PAIR, claim(line(item_code="A", item_name="甲", begin=None), line(item_code="B", item_name="乙"))
    )
    assert engine == oracle
    assert [finding.violating for finding in engine.findings] == [("c1", "c2")]


@pytest.mark.parametrize("late", ["甲", "乙"])
def test_pair_is_found_where_only_one_of_its_lines_is_of_a_day_in_force(answers, late):
    rows = [{"herb_a": "甲", "herb_b": "乙", "valid_from": DAY.date().isoformat(), "valid_to": ""}]
    lines = [line(item_code=name, item_name=name, begin=DAY - timedelta(days=name != late)) for name in ("甲", "乙")]
    engine, oracle = answers({**PAIR, "rows": rows}, claim(*lines))
    assert engine == oracle
    assert [finding.violating for finding in engine.findings] == [("c1", "c2")]


def test_pair_that_waits_for_the_payer_names_both_herbs(answers):
    pair = {**PAIR, "exempt_payers": ["work_injury"]}
    lines = [line(item_code=name, item_name=name) for name in ("甲", "乙")]
    engine, oracle = answers(pair, claim(*lines, payer=None))
    assert engine == oracle
    assert engine.hints == [Hint("GZ0", "r0-0", ("c1", "c2"), ("payer",))]


@pytest.mark.parametrize("taken_back", ["甲", "乙"])
@pytest.mark.parametrize("in_history", [False, True])
def test_herb_that_is_taken_back_stands_in_no_pair(answers, taken_back, in_history):
    one, other = (
        line(item_code=name, item_name=name, quantity=Decimal(-1 if name == taken_back else 1))
        for name in sorted(("甲", "乙"), key=taken_back.__eq__)
    )
    engine, oracle = answers(PAIR, claim(one, history=[other]) if in_history else claim(one, other))
    assert engine == oracle
    assert not engine.findings


def test_herb_that_is_taken_back_is_no_herb_of_the_prescription(answers):
    engine, oracle = answers(ALONE, claim(line(item_code="A"), line(item_code="A", quantity=Decimal(-1))))
    assert engine == oracle
    assert [(finding.violating, finding.related) for finding in engine.findings] == [(("c1",), ())]


def test_operation_belongs_to_its_group_only_while_its_row_is_in_force(answers):
    tomorrow = (DAY + timedelta(days=1)).date().isoformat()
    rows = [
        {"item_code": "A", "item_name": "术", "surgery_group": "g", "valid_from": ""},
        {"item_code": "B", "item_name": "术", "surgery_group": "g", "valid_from": tomorrow},
    ]
    engine, oracle = answers({"template": "T37", "rows": rows}, claim(line(item_code="A"), line(item_code="B")))
    assert engine == oracle
    assert not engine.hints


def test_item_is_not_exclusive_with_itself_on_one_line(answers):
    """In a list that holds it; a row that names the code twice is refused."""
    row = {"main_code": "A", "main_name": "主", "sub_code": "A", "sub_name": "次", "window": "单日"}
    with pytest.raises(PackError, match="paired with itself"):
        answers({"template": "T35", "rows": [row]}, claim(line(item_code="A")))


def test_inpatient_is_not_on_the_internet(answers):
    row = {**ITEM, "forbidden_modes": "互联网"}
    engine, oracle = answers(
        {"template": "T03", "kind": "legal", "rows": [row]}, claim(line(item_code="A"), care_modes=["inpatient"])
    )
    assert engine == oracle
    assert not engine.hints


@pytest.mark.parametrize("rule", [SEX, {**PER_DAY, "rows": [{**ITEM, "max_qty": "0.5"}]}])
def test_half_a_cent_is_rounded_up(answers, rule):
    """四舍五入, as every till does: 1 x 0.125, and 0.5 x 0.25 beyond the limit."""
    price = Decimal("0.125") if rule is SEX else Decimal("0.25")
    engine, oracle = answers(rule, claim(line(item_code="A", price=price)))
    assert engine == oracle
    assert [finding.amount for finding in engine.findings] == [Decimal("0.13")]


def test_stored_line_without_a_time_is_not_silent(tmp_path):
    """The same answer as when the message brings the line."""
    source = write_pack_source(tmp_path / "source", [{"kind": "payment", "action": "WARN", **PER_DAY}])
    snapshot = snapshot_of(source, tmp_path / "pack")
    whole = claim(line(item_code="A"), history=[line(item_code="A", begin=None)])
    case = case_of(whole)
    bare = msgspec.structs.replace(case, history=())
    assert engine_answer(bare, snapshot, case.history) == judge(whole, read_rows(source))


def test_two_equal_charges_under_new_rx_ids_are_recognised_both(tmp_path):
    """At a site whose rx_ids are new on every call: two equal charges, committed, are stated again."""
    source = write_pack_source(tmp_path / "source", [{"kind": "payment", "action": "WARN", **PER_DAY}])
    snapshot = snapshot_of(source, tmp_path / "pack")
    two = claim(line(item_code="A", order_id="new1"), line(item_code="A", order_id="new2"))
    case = case_of(two)
    committed = [msgspec.structs.replace(each, order_id=f"0ld{each.position}") for each in case.lines]
    answer = answer_of(evaluate(case, Timeline(committed), snapshot, same_line_by_content=True))
    assert answer == judge(two, read_rows(source))
    assert not answer.findings


def test_time_that_a_line_borrows_from_the_message_is_no_stated_date(answers):
    """日期先后 compares stated dates: a line without a begin of its own has none."""
    row = {"check": "日期先后", "earlier": "开始", "later": "入院"}
    late = claim(line(item_code="A", begin=None), begin=DAY + timedelta(hours=3))
    engine, oracle = answers({"template": "T43", "rows": [row]}, {**late, "time": DAY + timedelta(hours=5)})
    assert engine == oracle
    assert not engine.findings


def test_end_before_the_begin_stops_no_use(answers):
    """An end that cannot be says nothing: a line of three days is still in use on the second."""
    drug = {"item_kind": "drug", "ingredients": [{"name": "甲素"}]}
    first = line(item_code="A", days=3, end=DAY - timedelta(hours=1), **drug)
    second = line(item_code="B", begin=DAY + timedelta(days=1), days=3, **drug)
    rule = {"template": "T24", "kind": "safety", "rows": [{"item_kind": "drug", "same": "成分"}]}
    engine, oracle = answers(rule, claim(first, second))
    assert engine == oracle
    assert [finding.violating for finding in engine.findings] == [("c1", "c2")]


DRUG = {"item_kind": "drug", "ingredients": [{"name": "甲素"}], "dose": Decimal(500), "dose_unit": "mg"}
NATIONAL = {"item_code": "XJ01DDT056B001010100001", "item_name": "注射用头孢曲松钠"}
SAFETY = {"kind": "safety"}


def test_drug_by_its_national_code_alone_counts_where_the_row_is_of_the_catalogue(answers):
    """It was judged by the row, and not counted beside a later line."""
    course = {"template": "T31", "rows": [{"item_kind": "drug", "max_days": "1"}]}
    lines = [line(item_kind=None, begin=DAY - timedelta(days=days), days=1, **NATIONAL) for days in (1, 0)]
    engine, oracle = answers(course, claim(*lines))
    assert engine == oracle
    assert [(finding.violating, finding.related) for finding in engine.findings] == [(("c2",), ("c1",))]


def test_age_in_hours_is_not_decided_by_a_midnight_that_nobody_stated(answers):
    """A diagnosis of a message without a time, in an encounter that begins on the third day of life."""
    row = {"diagnoses": "P07", "below_age": "72小时", "valid_from": ""}
    newborn = claim(begin=DAY, diagnoses=[{"code": "P07.3", "name": "早产儿"}])
    newborn["patient"] |= {"birth_date": (DAY - timedelta(days=3)).date(), "birth_time": DAY - timedelta(days=3)}
    engine, oracle = answers({"template": "T07", "rows": [row]}, newborn)
    assert engine == oracle
    assert [hint.missing for hint in engine.hints] == [("begin",)]


def test_birth_after_the_order_puts_nobody_in_an_age_band(answers):
    row = {"ingredient": "甲素", "below_age": "14岁", "unit": "mg", "max_dose": "100"}
    unborn = claim(line(item_code="A", **DRUG))
    unborn["patient"]["birth_date"] = (DAY + timedelta(days=1)).date()
    engine, oracle = answers({"template": "T15", **SAFETY, "rows": [row]}, unborn)
    assert engine == oracle
    assert [hint.missing for hint in engine.hints] == [("birth_date",)]


def test_result_that_is_dated_later_is_not_there_yet(answers):
    """In a complete feed a test that was not made is FALSE, and so is one that is made tomorrow."""
    row = {"item_code": "A", "condition": "高钾血症", "test_names": "血钾", "comparison": ">", "test_value": "5.5"}
    early = claim(line(item_code="A"))
    early["patient"]["observations"] = [
        {"kind": "laboratory", "name": "血钾", "value": Decimal(6), "time": DAY + timedelta(days=1)}
    ]
    early["site"] = {"complete_feeds": ["observations", "diagnoses"]}
    engine, oracle = answers({"template": "T12", **SAFETY, "rows": [row]}, early)
    assert engine == oracle
    assert not engine.findings
    assert not engine.hints


def test_order_that_ends_before_it_begins_tells_no_last_day(answers):
    """It was told to be used on its first day alone, where nobody knows."""
    row = {"ingredient": "甲素", "per": "日", "unit": "mg", "max_dose": "600"}
    first = line(item_code="A", end=DAY - timedelta(days=1), frequency="qd", **DRUG)
    later = line(item_code="B", begin=DAY + timedelta(days=3), days=1, frequency="qd", **DRUG)
    engine, oracle = answers({"template": "T16", **SAFETY, "rows": [row]}, claim(first, later))
    assert engine == oracle
    assert [(hint.lines, hint.missing) for hint in engine.hints] == [(("c2",), ("days",))]


def test_order_of_no_quantity_is_not_taken_back_by_the_refund_of_another(answers):
    """It vanished as soon as any line of its item was refunded."""
    row = {"item_code": "B", "first_line": "A", "min_days": "1", "within_days": "30"}
    past = [
        line(item_code="A", quantity=Decimal(0), begin=DAY - timedelta(days=5)),
        line(item_code="A", quantity=Decimal(1), begin=DAY - timedelta(days=4)),
        line(item_code="A", quantity=Decimal(-1), begin=DAY - timedelta(days=4, hours=-1)),
    ]
    asked = {**claim(line(item_code="B"), history=past), "site": {"complete_feeds": ["history"]}}
    engine, oracle = answers({"template": "T34", "rows": [row]}, asked)
    assert engine == oracle
    assert not engine.findings


def test_single_dose_is_given_once_however_large_its_pack(answers):
    """A box of ten tablets for one dose is no use of ten days: the course ends on its day."""
    row = {"ingredient": "甲素", "per": "疗程", "unit": "mg", "max_dose": "1000"}
    box = {"strength": Decimal(500), "strength_unit": "mg", "pack_size": Decimal(10)}
    once = line(item_code="A", frequency="st", **DRUG, **box)
    daily = line(item_code="B", frequency="qd", days=7, order_id="2", **DRUG)
    daily["begin"] = DAY - timedelta(days=1)
    engine, oracle = answers({"template": "T16", **SAFETY, "rows": [row]}, claim(daily, once))
    assert engine == oracle
    assert [(finding.violating, finding.related) for finding in engine.findings] == [
        (("c1",), ()),
        (("c2",), ("c1",)),
    ]


def test_positive_skin_test_is_heeded_whatever_the_catalogue_of_its_line(answers):
    row = {"item_code": "A", "state": "阳性", "validity_hours": "24"}
    tested = line(item_code="A", item_kind="service", skin_test="positive", begin=DAY - timedelta(days=1))
    engine, oracle = answers(
        {"template": "T20", **SAFETY, "rows": [row]}, claim(line(item_code="A", **DRUG), history=[tested])
    )
    assert engine == oracle
    assert [(finding.violating, finding.related) for finding in engine.findings] == [(("c1",), ("h2",))]


def test_every_line_that_states_the_last_skin_test_is_named(answers):
    """Which of two was named depended on their order in the message."""
    row = {"item_code": "A", "state": "阳性", "validity_hours": "24"}
    past = [line(item_code="A", order_id=order, skin_test="positive", begin=DAY - timedelta(days=1)) for order in "12"]
    engine, oracle = answers({"template": "T20", **SAFETY, "rows": [row]}, claim(line(item_code="A"), history=past))
    assert engine == oracle
    assert [(finding.violating, finding.related) for finding in engine.findings] == [(("c1",), ("h2", "h3"))]


def test_child_of_unknown_sex_is_not_pregnant(answers):
    row = {"herb_a": "甲", "kind": "妊娠禁忌"}
    child = claim(line(item_code="A", item_name="甲"))
    child["patient"] |= {"sex": None, "birth_date": (DAY - timedelta(days=365 * 5)).date()}
    engine, oracle = answers({"template": "T23", **SAFETY, "rows": [row]}, child)
    assert engine == oracle
    assert not engine.hints


def test_line_that_adds_nothing_is_not_named_in_a_sum(answers):
    lines = [line(item_code="A", quantity=Decimal(0)), line(item_code="A", quantity=Decimal(3), order_id="later")]
    engine, oracle = answers(PER_DAY, claim(*lines))
    assert engine == oracle
    assert [(finding.violating, finding.related) for finding in engine.findings] == [(("c2",), ())]


def test_main_item_of_a_class_is_beside_what_is_of_its_encounter_without_a_time_too(answers):
    """As one that is named by its code."""
    row = {"main_class": "J01", "sub_code": "B", "sub_name": "次", "window": "单次就诊"}
    main = line(item_code="A", item_kind="drug", classes=["J01DD04"], ingredients=[{"name": "甲素"}], begin=None)
    engine, oracle = answers({"template": "T35", "rows": [row]}, claim(line(item_code="B"), history=[main]))
    assert engine == oracle
    assert [(finding.violating, finding.related) for finding in engine.findings] == [(("c1",), ("h2",))]


def test_pair_of_two_herbs_of_unknown_catalogue_is_one_hint(tmp_path):
    """The hint does not depend on the herb from which the pair is judged."""
    source = write_pack_source(tmp_path / "source", [{"action": "WARN", **PAIR}])
    lines = [line(item_code=name, item_name=name, item_kind=None) for name in ("甲", "乙")]
    result = evaluate(case_of(claim(*lines)), Timeline(()), snapshot_of(source, tmp_path / "pack"))
    assert [[fact.fact for fact in hint.missing] for hint in result.hints] == [["item_kind", "item_kind"]]


def test_patient_of_seventy_is_not_asked_about_a_pregnancy(answers):
    """Neither where nobody states the sex."""
    row = {"name": "孕", "expression": "patient.pregnant", "basis_text": '["fact", "patient.pregnant"]'}
    asked = claim(line(item_code="A"))
    asked["patient"] |= {"sex": None, "birth_date": date(1955, 1, 1)}
    engine, oracle = answers({"template": "T45", "rows": [row]}, asked)
    assert engine == oracle
    assert not engine.hints


OPERATION = {"operations": [{"code": code, "begin": DAY, "incision_id": "i"} for code in ("47.0", "47.1")]}
HALF = {"template": "T37", "rows": [{"item_code": "A", "item_name": "术", "surgery_group": "g", "ratio": "0.5"}]}


def test_first_operation_needs_no_price(answers):
    """A price is asked for of the one that is to be discounted; of the others only the catalogue's, for their order."""
    first = line(item_code="A", catalogue_price=Decimal(12), price=None)
    second = line(item_code="A", catalogue_price=Decimal(10), price=Decimal(5))
    engine, oracle = answers(HALF, claim(first, second, **OPERATION))
    assert engine == oracle
    assert not engine.hints


def test_an_operation_that_nobody_stated_shares_no_incision(answers):
    """One stated operation beside two charges was taken for both of them, and the second charge for one too high."""
    first = line(item_code="A", catalogue_price=Decimal(12), price=Decimal(12))
    second = line(item_code="A", catalogue_price=Decimal(8), price=Decimal(8))
    one = {"operations": [{"code": "47.0", "begin": DAY, "incision_id": "i"}]}
    engine, oracle = answers(HALF, claim(first, second, **one))
    assert engine == oracle
    assert not engine.findings
    assert engine.hints


def test_excess_of_an_operation_without_a_quantity_is_its_share_of_the_amount(answers):
    first = line(item_code="A", catalogue_price=Decimal(12), price=Decimal(12))
    second = line(item_code="A", catalogue_price=Decimal(8), price=Decimal(8), quantity=None, amount=Decimal(16))
    engine, oracle = answers(HALF, claim(first, second, **OPERATION))
    assert engine == oracle
    assert [finding.amount for finding in engine.findings] == [Decimal(8)]


def test_visits_are_not_too_many_where_nobody_knows_of_which_mode_the_current_one_is(answers):
    rule = {"template": "T39", "rows": [{"modes": "门诊", "max_visits": "1", "window": "自然月"}]}
    past = [{"id": f"V{number}", "care_modes": ["outpatient"], "begin": DAY} for number in (1, 2)]
    engine, oracle = answers(rule, {**claim(line(item_code="A"), begin=DAY), "visits": past})
    assert engine == oracle
    assert not engine.findings
    assert [hint.missing for hint in engine.hints] == [("care_modes",)]


SPLIT = {"template": "T40", "rows": [{"gap_days": "1"}]}


def stay(end):
    return {"id": "V1", "facility_id": "F1", "care_modes": ["inpatient"], "end": end}


def test_discharge_in_the_afternoon_of_the_day_of_the_next_admission_is_soon_before_it(answers):
    """Days are counted, and an admission often states no time of day; a stay that is split ends as the next begins."""
    admitted = claim(line(item_code="A"), care_modes=["inpatient"], begin=datetime(2026, 1, 28))
    engine, oracle = answers(SPLIT, {**admitted, "visits": [stay(datetime(2026, 1, 28, 15))]})
    assert engine == oracle
    assert len(engine.findings) == 1


def test_stay_of_unknown_beginning_may_have_begun_soon_after_a_discharge(answers):
    admitted = {**claim(line(item_code="A"), care_modes=["inpatient"]), "visits": [stay(DAY - timedelta(days=9))]}
    engine, oracle = answers(SPLIT, admitted)
    assert engine == oracle
    assert [hint.missing for hint in engine.hints] == [("encounter_begin",)]


def test_encounter_of_unknown_beginning_did_not_certainly_begin_after_the_death(answers):
    """A settlement without orders, the day after a patient died in hospital."""
    settled = {**claim(), "time": DAY}
    settled["patient"]["deceased"] = DAY - timedelta(days=1)
    engine, oracle = answers({"template": "T41", "rows": [{"kind": "死亡后就医"}]}, settled)
    assert engine == oracle
    assert not engine.findings
    assert [hint.missing for hint in engine.hints] == [("encounter_begin",)]


def test_days_to_come_before_a_planned_discharge_are_not_idle(answers):
    rule = {"template": "T42", "rows": [{"check": "无治疗日", "max_idle_days": "2"}]}
    planned = claim(line(item_code="A"), care_modes=["inpatient"], begin=DAY, end=DAY + timedelta(days=10))
    engine, oracle = answers(rule, planned)
    assert engine == oracle
    assert not engine.hints


def drug(code, name, **facts):
    return line(item_code=code, **{"item_kind": "drug", "ingredients": [{"name": name}], **facts})


def test_pair_of_two_drugs_of_both_sides_is_judged_either_way_round(answers):
    """By the first way one of them is not of the row's route; by the second nobody knows."""
    row = {"grade": "禁忌", "class_a": "J01", "item_b": "B", "routes_a": "静脉滴注"}
    one = drug("B", "甲素", classes=["J01DD04"], route="口服")
    other = drug("B", "甲素", classes=["J01DD04"], route="", begin=DAY + timedelta(hours=1))
    engine, oracle = answers({"template": "T21", **SAFETY, "rows": [row]}, claim(one, other))
    assert engine == oracle
    assert [(hint.lines, hint.missing) for hint in engine.hints] == [(("c1", "c2"), ("route",))]


def test_interaction_looks_back_four_hundred_days_whoever_is_asked_first(answers):
    """The side of a substance was looked at further back than that of an item."""
    row = {"grade": "禁忌", "ingredient_a": "甲素", "item_b": "B"}
    old = drug("A", "甲素", long_term=True, begin=DAY - timedelta(days=401))
    engine, oracle = answers({"template": "T21", **SAFETY, "rows": [row]}, claim(drug("B", "乙素"), history=[old]))
    assert engine == oracle
    assert not engine.findings


CLASS = {"template": "T24", **SAFETY, "rows": [{"drug_class": "J01", "same": "类"}]}
SUBSTANCE = {"template": "T24", **SAFETY, "rows": [{"item_kind": "drug", "same": "成分"}]}


def test_end_at_the_moment_of_the_begin_is_no_stop(answers):
    """Sites that state one time put it into both fields."""
    one, other = drug("A", "甲素", days=3, end=DAY), drug("B", "甲素", begin=DAY + timedelta(hours=1))
    engine, oracle = answers(SUBSTANCE, claim(one, other))
    assert engine == oracle
    assert [finding.violating for finding in engine.findings] == [("c1", "c2")]


def test_supply_that_may_last_to_the_first_day_of_the_next_is_no_duplicate(answers):
    """With the longest use that may be the two share the one day that they may share."""
    one, other = drug("A", "甲素"), drug("B", "甲素", begin=DAY + timedelta(days=6), days=3)
    engine, oracle = answers(SUBSTANCE, claim(one, other))
    assert engine == oracle
    assert not engine.hints


def test_set_of_three_drugs_is_one_hint_from_whichever_it_is_judged(tmp_path):
    source = write_pack_source(tmp_path / "source", [{"action": "WARN", **CLASS}])
    lines = [
        drug(code, name, classes=["J01"], begin=DAY + timedelta(days=days))
        for code, name, days in (("A", "甲素", 0), ("B", "乙素", 2), ("C", "丙素", 4))
    ]
    result = evaluate(case_of(claim(*lines)), Timeline(()), snapshot_of(source, tmp_path / "pack"))
    assert len(result.hints) == 1


OVERLAP = {"template": "T28", **SAFETY, "rows": [{"ingredient": "甲素", "check": "重叠", "slack_days": "0"}]}


def test_days_without_a_prescription_number_are_prescriptions_of_their_own(answers):
    """At a site without numbers nothing was ever too early."""
    first = drug("A", "甲素", prescription_id="", days=7, begin=DAY - timedelta(days=3))
    engine, oracle = answers(OVERLAP, claim(drug("A", "甲素", prescription_id=""), history=[first]))
    assert engine == oracle
    assert [finding.related for finding in engine.findings] == [("h2",)]


def test_earlier_line_of_the_item_overlaps_though_it_does_not_say_of_what_it_is(answers):
    first = line(item_code="A", item_kind=None, prescription_id="P0", days=7, begin=DAY - timedelta(days=3))
    engine, oracle = answers(OVERLAP, claim(drug("A", "甲素"), history=[first]))
    assert engine == oracle
    assert [finding.related for finding in engine.findings] == [("h2",)]


def test_form_that_nobody_states_is_not_asked_for_where_the_limit_is_kept(answers):
    row = {"item_code": "A", "check": "天数", "max_days": "7", "form_words": "注射"}
    engine, oracle = answers({"template": "T28", **SAFETY, "rows": [row]}, claim(drug("A", "甲素", days=3)))
    assert engine == oracle
    assert not engine.hints


REFILL = {"template": "T30", "rows": [{"item_code": "A", "slack_days": "2", "max_on_hand_days": "10"}]}


def test_order_of_no_quantity_is_no_stock(answers):
    """Neither known nor unknown: nothing was dispensed."""
    past = drug("A", "甲素", prescription_id="P0", quantity=Decimal(0), begin=DAY - timedelta(days=1))
    engine, oracle = answers(REFILL, claim(drug("A", "甲素", days=3), history=[past]))
    assert engine == oracle
    assert not engine.hints


def test_what_is_used_up_is_not_named_as_stock(answers):
    used = drug("A", "甲素", prescription_id="P0", days=3, begin=DAY - timedelta(days=90))
    left = drug("A", "甲素", prescription_id="P1", days=9, begin=DAY - timedelta(days=1))
    engine, oracle = answers(REFILL, claim(drug("A", "甲素", prescription_id="P2", days=1), history=[used, left]))
    assert engine == oracle
    assert [finding.related for finding in engine.findings] == [("h3",)]


def test_stock_above_the_limit_needs_no_supply_of_the_new_line(answers):
    left = drug("A", "甲素", prescription_id="P0", days=20, begin=DAY - timedelta(days=1))
    rule = {"template": "T30", "rows": [{"item_code": "A", "max_on_hand_days": "10"}]}
    engine, oracle = answers(rule, claim(drug("A", "甲素", quantity=None), history=[left]))
    assert engine == oracle
    assert [finding.related for finding in engine.findings] == [("h2",)]


COMPANION = {"template": "T36", **SAFETY, "rows": [{"item_code": "A", "companions": "甲素"}]}


def complete(*current, **encounter):
    return {**claim(*current, **encounter), "site": {"complete_feeds": ["history"]}}


def test_companion_without_a_time_is_of_the_encounter(answers):
    """One that is named by its substance was taken for absent."""
    engine, oracle = answers(COMPANION, complete(line(item_code="A"), drug("B", "甲素", begin=None)))
    assert engine == oracle
    assert not engine.findings


def test_companion_without_a_quantity_excuses_nothing_that_is_kept(answers):
    rule = {**COMPANION, "rows": [{"item_code": "A", "companions": "B", "max_ratio": "2"}]}
    lines = [line(item_code="A"), line(item_code="B"), line(item_code="B", quantity=None)]
    engine, oracle = answers(rule, complete(*lines))
    assert engine == oracle
    assert not engine.hints


def test_refund_of_a_companion_is_among_what_was_added_up(answers):
    rule = {**COMPANION, "rows": [{"item_code": "A", "companions": "甲素", "max_ratio": "1"}]}
    lines = [line(item_code="A", quantity=Decimal(3)), drug("B", "甲素", quantity=Decimal(2))]
    back = line(item_code="B", item_kind=None, quantity=Decimal(-1), order_id="later")
    engine, oracle = answers(rule, complete(*lines, back))
    assert engine == oracle
    assert [(finding.related, finding.amount) for finding in engine.findings] == [(("c2", "c3"), Decimal(2))]


def test_services_in_a_group_are_no_drugs_of_the_bag(answers):
    row = {"item_code": "A", "check": "药品数", "max_drugs": "1"}
    bag = {"group_id": "g", "route": "静脉滴注"}
    lines = [drug("A", "甲素", **bag), line(item_code="F", item_kind="service", **bag)]
    engine, oracle = answers({"template": "T22", **SAFETY, "rows": [row]}, claim(*lines))
    assert engine == oracle
    assert not engine.findings


def test_concentration_without_a_known_solvent_is_unknown(answers):
    """It was reckoned with the ampoule's own volume."""
    row = {"item_code": "A", "check": "浓度", "max_concentration": "10"}
    strong = {"dose": Decimal(500), "dose_unit": "mg", "strength": Decimal(500), "strength_unit": "mg"}
    ampoule = drug("A", "甲素", group_id="g", route="静脉滴注", volume_ml=Decimal(2), **strong)
    engine, oracle = answers({"template": "T22", **SAFETY, "rows": [row]}, claim(ampoule))
    assert engine == oracle
    assert [hint.missing for hint in engine.hints] == [("group_id",)]


def test_line_of_unknown_catalogue_beside_drugs_may_be_a_herb(answers):
    rule = {"template": "T25", **SAFETY, "rows": [{"check": "饮片单列"}]}
    engine, oracle = answers(rule, claim(drug("A", "甲素"), line(item_code="B", item_kind=None)))
    assert engine == oracle
    assert [hint.missing for hint in engine.hints] == [("item_kind",)]


def test_what_was_taken_back_is_no_line_of_the_prescription(answers):
    rule = {"template": "T25", **SAFETY, "rows": [{"check": "种类数", "max_kinds": "1"}]}
    lines = [drug("A", "甲素"), drug("B", "乙素"), drug("C", "丙素"), drug("C", "丙素", quantity=Decimal(-1))]
    engine, oracle = answers(rule, claim(*lines))
    assert engine == oracle
    assert [finding.violating for finding in engine.findings] == [("c1", "c2")]


def test_herb_that_is_too_little_without_a_doubtful_line_is_not_silent(answers):
    row = {"check": "单味剂量", "herb": "甲", "min_g": "3", "max_g": "10"}
    lines = [line(item_code="A", item_name="甲", dose=Decimal(2), dose_unit="g")]
    lines.append({**lines[0], "item_kind": None, "item_code": "B"})
    engine, oracle = answers({"template": "T26", **SAFETY, "rows": [row]}, claim(*lines))
    assert engine == oracle
    assert {hint.missing for hint in engine.hints} == {("item_kind",)}


def test_two_herbs_without_a_name_are_two(answers):
    row = {"check": "味数", "max_herbs": "1"}
    engine, oracle = answers(
        {"template": "T26", **SAFETY, "rows": [row]}, claim(line(item_code="A"), line(item_code="B"))
    )
    assert engine == oracle
    assert len(engine.findings) == 1


AROUND = {"operations": [{"code": "81.51", "begin": DAY, "end": DAY + timedelta(hours=2)}]}


def test_drug_of_which_no_class_is_known_is_not_outside_a_recommended_class(answers):
    row = {"item_code": "A", "check": "预防品种", "recommended": "J01DD"}
    engine, oracle = answers(
        {"template": "T27", **SAFETY, "rows": [row]}, claim(drug("A", "丁素", purpose="prophylaxis"), **AROUND)
    )
    assert engine == oracle
    assert [hint.missing for hint in engine.hints] == [("classes",)]


def test_end_before_the_begin_ends_no_prophylaxis(answers):
    row = {"item_code": "A", "check": "预防疗程", "max_hours": "24"}
    dose = drug("A", "甲素", purpose="prophylaxis", end=DAY - timedelta(days=2))
    engine, oracle = answers({"template": "T27", **SAFETY, "rows": [row]}, claim(dose, **AROUND))
    assert engine == oracle
    assert [hint.missing for hint in engine.hints] == [("end",)]


COUNTED = {
    "template": "T33",
    "rows": [{"capped": "科室", "metric": "drug_cost", "period": "自然月", "limit": "100", "drug_class": "J01"}],
}
DEPARTMENT = {
    "department_code": "A03",
    "counters": [
        {"subject": "department", "subject_id": "A03", "metric": "drug_cost", "period": "month", "value": Decimal(90)}
    ],
}


def test_what_is_charged_in_another_month_is_not_on_top_of_this_months_counter(answers):
    """T33: an order of next month made this month's figure exceed its limit."""
    drug = {"item_kind": "drug", "item_code": "A", "classes": ["J01"], "quantity": Decimal(20)}
    later = {**claim(line(**drug, begin=datetime(2026, 2, 2, 9)), **DEPARTMENT), "time": DAY}
    engine, naive = answers(COUNTED, later)
    assert engine == naive
    assert not engine.findings


def test_a_line_whose_class_is_unknown_is_not_silently_left_out_of_a_counter(answers):
    """T33: of a limit on antibiotics the answer was complete, although nobody knew whether the drug is one."""
    unknown = line(item_kind="drug", item_code="A", ingredients=[{"name": "甲素"}], quantity=Decimal(20))
    unknown.update(route="外用")
    engine, naive = answers(COUNTED, claim(unknown, **DEPARTMENT))
    assert engine == naive
    assert [(gap.reason, gap.missing) for gap in engine.not_evaluated] == [("unknown_drug", ("classes",))]


def test_a_line_of_no_money_is_not_named_in_a_sum(answers):
    """T33: a charge of nothing stood among those that make up the sum."""
    rows = [{"item_code": "A", "period": "自然月", "limit": "10"}]
    free = line(item_kind="service", item_code="A", price=Decimal(0), begin=datetime(2026, 1, 27, 9))
    engine, naive = answers(
        {"template": "T33", "rows": rows},
        claim(line(item_kind="service", item_code="A", price=Decimal(20)), history=[free]),
    )
    assert engine == naive
    assert [finding.related for finding in engine.findings] == [()]


@pytest.mark.parametrize("frequency", ["prn", "", "怪频次"])
def test_dose_that_is_too_much_for_a_day_is_so_at_any_frequency(answers, frequency):
    """T16 and T17: one dose of twice the daily limit was a hint that asked how often it is given."""
    given = drug("A", "甲素", dose=Decimal(1000), dose_unit="mg", frequency=frequency)
    for rule in (
        {"template": "T16", "rows": [{"item_code": "A", "per": "日", "max_dose": "500", "unit": "mg"}]},
        {"template": "T17", "rows": [{"item_code": "A", **ON_DIALYSIS, "max_daily_dose": "500", "unit": "mg"}]},
    ):
        dialysed = claim(dict(given))
        dialysed["patient"]["flags"] = ["dialysis"]
        engine, oracle = answers({**SAFETY, **rule}, dialysed)
        assert engine == oracle
        assert [finding.violating for finding in engine.findings] == [("c1",)]


def test_dose_of_what_runs_continuously_is_of_no_day(answers):
    row = {"item_code": "A", "per": "日", "max_dose": "500", "unit": "mg"}
    pumped = drug("A", "甲素", dose=Decimal(1000), dose_unit="mg", frequency="持续泵入")
    engine, oracle = answers({"template": "T16", **SAFETY, "rows": [row]}, claim(pumped))
    assert engine == oracle
    assert [hint.missing for hint in engine.hints] == [("frequency",)]


ON_DIALYSIS = {"organ": "肾", "dialysis": "是", "demand": "减量"}


@pytest.mark.parametrize("values", [(29, 61), (61, 29)])
def test_of_two_clearances_of_one_moment_the_worse_one_counts(answers, values):
    """T17: the higher one was taken, as it is (rightly) of creatinine."""
    row = {"item_code": "A", "organ": "肾", "demand": "禁用", "below_clearance": "30"}
    of_kidneys = claim(drug("A", "甲素"))
    test = {"kind": "laboratory", "code": "2164-2", "status": "final", "time": DAY, "unit": "mL/min"}
    of_kidneys["patient"]["observations"] = [{**test, "value": Decimal(value)} for value in values]
    engine, oracle = answers({"template": "T17", **SAFETY, "rows": [row]}, of_kidneys)
    assert engine == oracle
    assert [finding.violating for finding in engine.findings] == [("c1",)]


def permuted(claim, order):
    """The same claim with its current lines in another order."""
    lines = [{**claim["lines"][place], "position": number} for number, place in enumerate(order, 1)]
    return {**claim, "lines": lines}


def said(tmp_path, rule, *claims):
    """What the engine says of each claim, to the last word."""
    source = write_pack_source(tmp_path / "source", [{"kind": "safety", "action": "WARN", **rule}])
    snapshot = snapshot_of(source, tmp_path / "pack")
    return [shown(evaluate(case_of(one), Timeline(), snapshot)) for one in claims]


def test_what_is_missing_of_several_lines_is_told_in_one_order(tmp_path):
    """T16: the facts that a sum lacks stood in the order of the lines, or of where the lines came from."""
    row = {"ingredient": "甲素", "per": "日", "max_dose": "500", "unit": "mg"}
    earlier = {"begin": DAY - timedelta(hours=1), "days": 3, "frequency": "qd"}
    doseless = drug("B", "甲素", **earlier)
    doseless.pop("dose", None)
    unitless = drug("C", "甲素", **earlier, dose=Decimal(1))
    unitless.pop("dose_unit", None)
    judged = drug("A", "甲素", dose=Decimal(1), dose_unit="mg", frequency="qd")
    whole = claim(judged, doseless, unitless)
    one, other = said(tmp_path, {"template": "T16", "rows": [row]}, whole, permuted(whole, (2, 1, 0)))
    assert one == other
    assert [fact.fact for fact in one[-1][2]] == ["dose", "dose_unit"]


def test_possible_care_modes_are_told_in_one_order(tmp_path):
    """T03."""
    here, there = (
        claim(line(item_code="A"), care_modes=modes) for modes in (["other", "emergency"], ["emergency", "other"])
    )
    one, other = said(tmp_path, {"template": "T03", "rows": [{**ITEM, "allowed_modes": "住院"}]}, here, there)
    assert one == other


def test_diagnoses_of_which_none_is_an_indication_are_told_in_one_order(tmp_path):
    """T08."""
    codes = [{"code": "I10", "primary": True}, {"code": "E11"}]
    row = {"row_ref": "KP-1", "item_codes": "A", "diagnoses": "J18"}
    here, there = (claim(line(item_code="A"), diagnoses=some) for some in (codes, codes[::-1]))
    one, other = said(tmp_path, {"template": "T08", "rows": [row]}, here, there)
    assert one == other
    assert len(one) == 2


def test_herbs_that_are_not_paid_together_are_told_in_one_order(tmp_path):
    """T10."""
    rows = [{"item_code": code, "item_name": "草", "not_paid": "alone"} for code in "AB"]
    whole = claim(line(item_code="A", item_name="甲草"), line(item_code="B", item_name="乙草"))
    one, other = said(tmp_path, {"template": "T10", "kind": "payment", "rows": rows}, whole, permuted(whole, (1, 0)))
    assert one == other
    assert len(one) == 3


def test_a_pair_that_either_line_finds_is_told_in_one_way(tmp_path):
    """T22: the drug named first was that of the line that came first in the message."""
    row = {"drug_class": "J01", "check": "配伍", "other_class": "J01"}
    bag = {"group_id": "g", "route": "静脉滴注", "classes": ["J01"]}
    whole = claim(drug("A", "甲素", item_name="甲", **bag), drug("B", "乙素", item_name="乙", **bag))
    one, other = said(tmp_path, {"template": "T22", "rows": [row]}, whole, permuted(whole, (1, 0)))
    assert one == other
    assert len(one) == 2


@pytest.mark.parametrize("sex", ["male", None])
def test_two_packs_with_one_row_id_both_speak(tmp_path, sex):
    """Of two packs whose rows have one id (and no code of a rule) the answer of one was taken for the other's."""
    rule = {"kind": "payment", "action": "WARN", "official_code": "", **SEX}
    sources = [write_pack_source(tmp_path / name, [rule], pack_id=name) for name in ("ours", "theirs")]
    for source in sources:
        compile_pack(source, tmp_path / f"{source.name}.pack")
    snapshot = Snapshot([LoadedPack(PackFile(tmp_path / f"{source.name}.pack")) for source in sources])
    judged = claim(line(item_code="A"))
    judged["patient"]["sex"] = sex
    case = case_of(judged)
    result = evaluate(case, Timeline(), snapshot)
    assert [one.row.rule.pack_id for one in (*result.findings, *result.hints)] == ["ours", "theirs"]
    assert len({finding_id(case, finding) for finding in result.findings}) == len(result.findings)


@pytest.mark.parametrize("values", [(10, 90), (90, 10)])
def test_of_two_counters_of_one_day_the_higher_one_counts(answers, values):
    """T33: the first one of the message was taken."""
    counters = [{**DEPARTMENT["counters"][0], "value": Decimal(value)} for value in values]
    drug = {"item_kind": "drug", "item_code": "A", "classes": ["J01"], "quantity": Decimal(20)}
    engine, naive = answers(COUNTED, claim(line(**drug), **{**DEPARTMENT, "counters": counters}))
    assert engine == naive
    assert len(engine.findings) == 1


def test_the_newest_counter_counts(answers):
    dates = {10: date(2026, 1, 27), 90: date(2026, 1, 20)}
    counters = [{**DEPARTMENT["counters"][0], "value": Decimal(value), "at": at} for value, at in dates.items()]
    drug = {"item_kind": "drug", "item_code": "A", "classes": ["J01"], "quantity": Decimal(20)}
    engine, naive = answers(COUNTED, claim(line(**drug), **{**DEPARTMENT, "counters": counters}))
    assert engine == naive
    assert not engine.findings


@pytest.mark.parametrize("stored", [False, True])
def test_past_drug_without_a_code_counts_where_the_row_is_of_the_catalogue(tmp_path, stored):
    """T31: it was left out without a word, whether the message or the store had it."""
    rule = {"kind": "safety", "action": "WARN", "template": "T31", "rows": [{"item_kind": "drug", "max_days": "1"}]}
    source = write_pack_source(tmp_path / "source", [rule])
    nameless = line(item_code="", item_name="院内药", item_kind="drug", days=1, begin=DAY - timedelta(days=1))
    whole = claim(line(item_code="A", item_kind="drug", days=1), history=[nameless])
    case = case_of(whole)
    bare = msgspec.structs.replace(case, history=()) if stored else case
    engine = engine_answer(bare, snapshot_of(source, tmp_path / "pack"), case.history if stored else ())
    assert engine == judge(whole, read_rows(source))
    assert [(finding.violating, finding.related) for finding in engine.findings] == [(("c1",), ("h2",))]


@pytest.mark.parametrize("name", ["院内药", "另一药"])
def test_quantities_of_an_item_without_a_code_count_together(answers, name):
    """T29: each line was taken for itself, so that two of one item passed what one of twice as much did not."""
    rule = {"kind": "safety", "action": "WARN", "template": "T29", "rows": [{"drug_class": "J01", "max_quantity": "1"}]}
    drug = {"item_code": "", "item_kind": "drug", "classes": ["J01"], "quantity": Decimal(1)}
    lines = [line(item_name="院内药", order_id="1", **drug), line(item_name=name, order_id="2", **drug)]
    engine, naive = answers(rule, claim(*lines))
    assert engine == naive
    assert [finding.violating for finding in engine.findings] == ([("c2",)] if name == "院内药" else [])


def nameless(name, quantity, hours, **facts):
    """A drug without a code, of class J01, so many hours before the day's order."""
    begin = DAY - timedelta(hours=hours)
    drug = {"item_code": "", "item_kind": "drug", "classes": ["J01"], "item_name": name, "order_id": f"{name}{hours}"}
    return line(**{**drug, "quantity": Decimal(quantity), "begin": begin, **facts})


@pytest.mark.parametrize(("returned", "found"), [("院内药", False), ("另一药", True)])
def test_a_refund_without_a_code_takes_back_its_own_item_alone(answers, returned, found):
    """T31: any item without a code was the item of any refund without one."""
    rule = {"template": "T31", "rows": [{"drug_class": "J01", "min_interval_days": "9"}]}
    history = [nameless("院内药", 1, 50), nameless(returned, -1, 30)]
    engine, naive = answers(rule, claim(nameless("院内药", 1, 0), history=history))
    assert engine == naive
    assert bool(engine.findings) is found


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize(("returned", "found"), [("院内药", False), ("另一药", True)])
def test_a_drug_without_a_code_that_was_returned_is_not_in_use(tmp_path, returned, found, stored):
    """T24: a line without a code stood whatever refunds there were."""
    row = {"drug_class": "J01", "same": "类", "allowed_count": "1"}
    rule = {"kind": "safety", "action": "WARN", "template": "T24", "rows": [row]}
    source = write_pack_source(tmp_path / "source", [rule])
    history = [nameless("院内药", 1, 50, days=9), nameless(returned, -1, 30)]
    whole = claim(nameless("新药", 1, 0, days=9), history=history)
    case = case_of(whole)
    bare = msgspec.structs.replace(case, history=()) if stored else case
    engine = engine_answer(bare, snapshot_of(source, tmp_path / "pack"), case.history if stored else ())
    assert engine == judge(whole, read_rows(source))
    assert bool(engine.findings) is found


def test_a_drug_known_by_name_counts_where_a_row_speaks_of_it_and_is_not_found_by_it(answers):
    """T33 by counters, companions of T36: the name of a substance was understood only where a row is found by it."""
    ceftriaxone = {"item_code": "", "item_kind": "drug", "item_name": "注射用头孢曲松钠", "amount": Decimal(9)}
    row = {"capped": "科室", "metric": "drug_cost", "period": "自然年", "ingredient": "头孢曲松", "limit": "10"}
    encounter = {"department_code": "A03", "counters": []}
    engine, naive = answers({"template": "T33", "rows": [row]}, claim(line(**ceftriaxone), **encounter))
    assert engine == naive
    assert [hint.missing for hint in engine.hints] == [("counters",)]

    row = {"item_code": "A", "companions": "头孢曲松"}
    engine, naive = answers({"template": "T36", "rows": [row]}, claim(line(item_code="A"), line(**ceftriaxone)))
    assert engine == naive
    assert (engine.findings, engine.hints) == ([], [])
