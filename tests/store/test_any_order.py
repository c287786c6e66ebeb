"""Commit, void, correction and late arrival in any order give the same history, in memory and from either store.

The oracle is naive: it looks at all that was ever said of a line, and knows nothing of stores, caches or increments.
"""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ruleset.case import Visit, content_of, identity
from server.history import History
from tests.store.making import NOON, RECEIVED, commit, line, stored, void

MEMORY = 10_000_000
ENCOUNTERS = ("E1", "E2")
ORDERS = ("L1", "L2", "L3")
ITEMS = ("C1", "C2", "")


def stated(minute):
    return NOON + timedelta(minutes=minute)


lines = st.builds(
    lambda encounter, order, item, quantity, day: line(
        order, encounter_id=encounter, item_code=item, quantity=Decimal(quantity), begin=NOON + timedelta(days=day)
    ),
    st.sampled_from(ENCOUNTERS),
    st.sampled_from(ORDERS),
    st.sampled_from(ITEMS),
    st.integers(1, 2),
    st.integers(0, 1),
)


@st.composite
def messages(draw):
    """Commits and voids, each with a time of its own: of two of one time the later received would count."""
    said = []
    for minute in draw(st.lists(st.integers(1, 30), unique=True, min_size=1, max_size=8)):
        encounter = draw(st.sampled_from(ENCOUNTERS))
        if draw(st.booleans()):
            chosen = draw(st.lists(lines, min_size=1, max_size=3, unique_by=identity))
            chosen = [one for one in chosen if one.encounter_id == encounter] or [line(encounter_id=encounter)]
            department = draw(st.sampled_from(("A1", "A2", None)))
            visit = Visit(encounter, department_code=department) if department else None
            said.append(("commit", minute, chosen, visit))
        else:
            orders = tuple(draw(st.lists(st.sampled_from(ORDERS), max_size=2, unique=True)))
            said.append(("void", minute, encounter, orders, draw(st.sampled_from(ITEMS))))
    return said


def oracle(said):
    """What is there after all of it: the lines by identity, and the visits."""
    statements = [(minute, one) for kind, minute, chosen, *_ in said if kind == "commit" for one in chosen]
    voids = [(minute, *rest) for kind, minute, *rest in said if kind == "void"]
    there = {}
    for key in {identity(one) for _, one in statements}:
        minute, last = max((m, one) for m, one in statements if identity(one) == key)
        taken_back = [
            m
            for m, encounter, orders, item in voids
            if m >= minute
            and encounter == last.encounter_id
            and (not orders or last.order_id in orders)
            and (not item or last.item_code == item)
        ]
        if not taken_back:
            there[key] = last
    visits = {}
    for kind, _, _, *rest in sorted(said, key=lambda one: one[1]):
        if kind == "commit" and rest[0] is not None and any(key[0] == rest[0].id for key in there):
            visits[rest[0].id] = rest[0]
    return there, visits


def tell(history, patient, message):
    kind, minute, *rest = message
    if kind == "commit":
        chosen, visit = rest
        commit(history, chosen, patient=patient, visit=visit, at=stated(minute))
    else:
        encounter, orders, item = rest
        void(history, patient, encounter, orders, item, at=stated(minute))


@pytest.fixture
def two(store, place):
    return History(store, MEMORY), History(place.open(upkeep=False), MEMORY)


@pytest.mark.parametrize("examples", [pytest.param(60), pytest.param(3_000, marks=pytest.mark.long)])
@pytest.mark.timeout(900)
def test_any_order_gives_the_same_history(two, examples):
    patients = iter(range(10**9))

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(messages(), st.randoms(use_true_random=False))
    def any_order(said, chance):
        expected_lines, expected_visits = oracle(said)
        for _ in range(2):
            patient = f"P{next(patients)}"
            order = [*said, *chance.sample(said, len(said) // 2)]  # some come twice: a retry changes nothing
            chance.shuffle(order)
            for message in order:
                tell(chance.choice(two), patient, message)
            rebuilt = stored(two[0]._store, patient)
            for timeline in (two[0].again(patient).timeline, two[1].again(patient).timeline, rebuilt):
                assert dict(timeline.by_identity) == expected_lines
                assert dict(timeline.visits) == expected_visits
                assert {one for item in timeline.by_item.values() for one in map(identity, item.lines)} == set(
                    expected_lines
                )

    any_order()


@pytest.mark.parametrize("examples", [pytest.param(40), pytest.param(1_000, marks=pytest.mark.long)])
@pytest.mark.timeout(900)
def test_any_order_at_a_site_whose_order_ids_are_new_on_every_call(two, examples):
    """Lines are recognised by content: as many of a content are there as the latest message with it states."""
    patients = iter(range(10**9))
    calls = iter(range(10**9))

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(
            st.tuples(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), st.booleans()), min_size=1, max_size=5
        ),
        st.randoms(use_true_random=False),
    )
    def any_order(said, chance):
        # ("aab", False) states three lines; with True it voids the items that it names.
        expected = {}
        for items, is_void in said:
            for item in set(items):
                expected[item] = 0 if is_void else max(items.count(item), expected.get(item, 0))
        patient = f"C{next(patients)}"
        order = list(enumerate(said, 1))
        chance.shuffle(order)
        for minute, (items, is_void) in order:
            history = chance.choice(two)
            if is_void:
                for item in set(items):
                    void(history, patient, item_code=item, at=stated(minute))
            else:
                call = next(calls)
                chosen = [line(f"X{call}-{number}", item_code=item) for number, item in enumerate(items)]
                commit(history, chosen, patient=patient, at=stated(minute), by_content=True)
        for history in two:
            found = [one.item_code for one in history.again(patient).timeline.by_identity.values()]
            assert sorted(found) == sorted(item for item, number in expected.items() for _ in range(number))
        contents = [content_of(one) for one in stored(two[0]._store, patient).by_identity.values()]
        assert len(contents) == sum(expected.values())

    any_order()


def test_of_two_statements_of_one_time_the_later_received_counts(history):
    """Sites whose messages carry the time of the order, not that of the call, correct their lines that way."""
    commit(history, [line(quantity=Decimal(1))])
    assert commit(history, [line(quantity=Decimal(2))]).lines == 1
    assert [one.quantity for one in history.of("P1").timeline.by_identity.values()] == [2]


def test_a_void_of_one_time_with_a_commit_wins(history):
    commit(history, [line()], at=stated(5))
    assert void(history, at=stated(5)).lines == 1
    assert commit(history, [line()], at=stated(5)) == (0, 2, 1)
    assert len(history.of("P1").timeline) == 0


def test_a_commit_that_arrives_after_its_void_stays_void_and_says_so(history):
    void(history, order_ids=("L1",))
    late = commit(history, [line("L1"), line("L2")], at=stated(-5))
    assert late.lines == 1
    assert late.superseded == 1
    assert [one.order_id for one in history.of("P1").timeline.by_identity.values()] == ["L2"]


def test_a_void_without_a_time_takes_back_what_a_clock_ahead_has_stated(history):
    """The clock of the HIS is ten minutes ahead of ours."""
    commit(history, [line()], at=stated(10))
    assert void(history, at=None).lines == 1
    assert commit(history, [line()], at=stated(10)).lines == 0, "the retry of what was voided"
    assert commit(history, [line()], at=stated(11)).lines == 1


def test_our_clock_stepped_back(history):
    """What states no time is taken as it comes, and a void takes back what there is, whatever our clock says."""
    commit(history, [line("L1")], at=None)
    back = RECEIVED - timedelta(hours=3)
    assert void(history, at=None, received=back).lines == 1
    assert commit(history, [line("L2")], at=None, received=back).lines == 1
    assert len(history.of("P1").timeline) == 1


def test_a_message_time_of_midnight_is_a_date(history):
    """Two messages of one day: their time says nothing about which came first."""
    midnight = NOON.replace(hour=0)
    commit(history, [line(quantity=Decimal(1))], at=midnight)
    void(history, at=None, received=RECEIVED + timedelta(hours=1))
    again = commit(history, [line(quantity=Decimal(1))], at=midnight, received=RECEIVED + timedelta(hours=2))
    assert again.lines == 1


def test_a_void_between_two_statements_that_arrives_last_takes_back_the_first_alone(history):
    commit(history, [line()], at=stated(0))
    commit(history, [line()], at=stated(5))
    assert void(history, at=stated(2)).lines == 0
    assert len(history.of("P1").timeline) == 1


def test_of_lines_that_share_an_identity_but_not_a_content_the_last_stated_is_there(store, history):
    """A site that leaves order ids empty, and whose lines are recognised by content."""
    commit(history, [line("", quantity=Decimal(1))], by_content=True, at=stated(0))
    commit(history, [line("", quantity=Decimal(2))], by_content=True, at=stated(1))
    for timeline in (history.of("P1").timeline, stored(store)):
        assert [one.quantity for one in timeline.by_identity.values()] == [2]
