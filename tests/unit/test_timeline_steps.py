"""A timeline that was changed step by step is the one that is built anew, with all that is worked out of it."""

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ruleset import timeline as module
from ruleset.case import Case, Ingredient, Line, identity
from ruleset.chart import Chart
from ruleset.drug import by_name
from ruleset.timeline import Timeline, order_of

NOON = datetime(2026, 7, 8, 12)
NAMES = ("华法林", "阿司匹林", "布洛芬")


class Rows:
    """No rows: only what is in a drug is of interest."""

    kinds = frozenset()

    def __init__(self):
        self.drugs = {}

    def rows(self, _key):
        return ()

    def lists(self, _key):
        return ()


def line(order, item, day, encounter, names, days, tested, quantity):
    return Line(
        order_id=order,
        item_code=item,
        item_kind="drug",
        encounter_id=encounter,
        prescription_id=order[:1],
        begin=NOON + timedelta(days=day) if day else None,
        end=NOON + timedelta(days=day + days) if day and days else None,
        days=days or None,
        ingredients=tuple(map(Ingredient, names)),
        skin_test="positive" if tested else None,
        quantity=quantity,
    )


lines = st.builds(
    line,
    st.sampled_from(("A1", "A2", "B1", "B2")),
    st.sampled_from(("C1", "C2", "")),
    st.integers(0, 4),
    st.sampled_from(("E1", "E2")),
    st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
    st.integers(0, 3),
    st.booleans(),
    st.sampled_from((1, 2, -1)),
)
steps = st.lists(
    st.tuples(st.lists(lines, max_size=6, unique_by=identity), st.lists(st.integers(0, 40), max_size=3), st.booleans()),
    max_size=12,
)


def in_order(found):
    """Lines as they are compared: in the order of time, those that agree in it by all else."""
    return sorted(found, key=lambda one: (order_of(one), str(identity(one)), str(one.ingredients)))


def assert_sorted(found):
    assert [order_of(one) for one in found] == sorted(order_of(one) for one in found)


def assert_equal(changed, rows):
    anew = Timeline(changed.by_identity.values(), changed.position)
    assert dict(changed.by_identity) == dict(anew.by_identity)
    assert changed.untimed == anew.untimed
    assert changed.by_item.keys() == anew.by_item.keys()
    for code, item in changed.by_item.items():
        assert_same_items(item, anew.by_item[code])
    assert {key: in_order(found) for key, found in changed.by_prescription.items()} == {
        key: in_order(found) for key, found in anew.by_prescription.items()
    }
    chart = Chart(Case(), changed, rows)
    chart._stored_group("")
    group = {name: chart._stored_group(name) for name in by_name(anew, rows)}
    expected = by_name(anew, rows)
    assert changed.by_name[1].keys() == expected.keys()
    for name, named in expected.items():
        assert_same_items(group[name].item, named.item)
        assert group[name].last_days == named.last_days
        assert in_order(group[name].by_last_day) == in_order(named.by_last_day)
        assert group[name].item_codes == named.item_codes
    assert in_order(chart.positive_skin_tests()) == in_order(Chart(Case(), anew, rows).positive_skin_tests())


def assert_same_items(one, other):
    assert in_order(one.lines) == in_order(other.lines)
    assert_sorted(one.lines)
    assert (one.days, one.longest_days, one.until) == (other.days, other.longest_days, other.until)
    assert {key: in_order(found) for key, found in one.by_encounter.items()} == {
        key: in_order(found) for key, found in other.by_encounter.items()
    }


@settings(max_examples=150, deadline=None, database=None)
@given(steps)
def test_step_by_step_as_built_anew(said):
    rows = Rows()
    changed = Timeline()
    for position, (committed, voided, looked_at) in enumerate(said, 1):
        known = list(changed.by_identity)
        keys = {known[place % len(known)] for place in voided} if known else set()
        changed = changed.with_changes(committed, keys, position)
        if looked_at:
            assert_equal(changed, rows)
    assert_equal(changed, rows)


def test_what_an_earlier_timeline_had_is_carried_over(monkeypatch):
    """Not worked out of all lines again: that made the first check after a commit to a long history a slow one."""
    rows = Rows()
    many = [line(f"A{n}", f"C{n % 7}", 1 + n % 300, "E1", NAMES[:1], 1, n % 50 == 0, 1) for n in range(2_000)]
    before = Timeline(many, 1)
    Chart(Case(), before, rows).positive_skin_tests()
    Chart(Case(), before, rows)._stored_group(NAMES[0])
    changed = before
    for n in range(5):
        changed = changed.with_changes([line(f"N{n}", "C1", 200, "E1", NAMES, 1, True, 1)], (), 2 + n)
    asked = []
    monkeypatch.setattr("ruleset.drug.drug_of", lambda one, _: asked.append(one) or rows.drugs[next(iter(rows.drugs))])
    Chart(Case(), changed, rows)._stored_group(NAMES[0])
    assert len(asked) == 5


def test_too_many_steps_are_forgotten():
    changed = Timeline()
    tokens = [changed.token]
    for n in range(module.STEPS_KEPT + 3):
        changed = changed.with_changes([line(f"N{n}", "C1", 1, "E1", NAMES, 1, False, 1)], (), n + 1)
        tokens.append(changed.token)
    assert changed.steps_since(tokens[0]) is None
    assert len(changed.steps_since(tokens[-4])) == 3
    assert changed.steps_since(tokens[-1]) is None
