"""When two statements of a line are one line, and how message and store are merged."""

import itertools
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from ruleset.ages import completed
from ruleset.case import Case, Encounter, Line, Patient, identity
from ruleset.chart import Chart
from ruleset.document import number_lines
from ruleset.timeline import EMPTY, Timeline, order_of

NOON = datetime(2026, 7, 8, 12)


class NoRows:
    kinds = frozenset()

    def __init__(self):
        self.drugs = {}

    def rows(self, key):
        return ()

    def lists(self, key):
        return ()


def line(order_id="L1", **fields):
    return Line(**{"order_id": order_id, "item_code": "C1", "encounter_id": "E1", "begin": NOON, **fields})


def chart(current=(), past=(), stored=(), **options):
    case = Case(
        patient=Patient(id="P1"),
        encounter=Encounter(id="E1"),
        lines=tuple(current),
        history=tuple(past),
    )
    return Chart(case, Timeline(stored), NoRows(), **options)


def seen(found):
    return sorted((one.order_id, str(one.quantity)) for one in found)


class TestIdentity:
    @pytest.mark.parametrize(
        "change",
        [
            {"quantity": Decimal(9)},
            {"price": Decimal(9)},
            {"amount": Decimal(9)},
            {"position": 9},
            {"prescription_id": "other"},
            {"item_name": "another name of the same code"},
            {"days": 9},
            {"self_pay": True},
            {"facility_id": "F9"},
        ],
    )
    def test_a_corrected_line_is_the_same_line(self, change):
        assert identity(line(**change)) == identity(line())

    @pytest.mark.parametrize(
        "change",
        [
            {"order_id": "L2"},
            {"encounter_id": "E2"},
            {"item_code": "C2"},
            {"begin": NOON + timedelta(seconds=1)},
            {"begin": None},
            {"ordinal": 1},
        ],
    )
    def test_another_line(self, change):
        assert identity(line(**change)) != identity(line())

    def test_a_time_that_is_only_the_messages_is_no_part_of_it(self):
        """Sent at two moments, a line without a time of its own is still one line."""
        first = line(begin_stated=False)
        second = line(begin_stated=False, begin=NOON + timedelta(minutes=5))
        assert identity(first) == identity(second)
        assert identity(first) != identity(line())

    def test_without_a_code_the_name_names_it(self):
        assert identity(line(item_code="", item_name="甲")) != identity(line(item_code="", item_name="乙"))

    def test_equal_lines_of_one_message_are_numbered(self):
        lines = number_lines([line(), line("L2"), line(), line(quantity=Decimal(2))])
        assert [one.ordinal for one in lines] == [0, 0, 1, 2]
        assert len({identity(one) for one in lines}) == 4


class TestMerging:
    def test_the_message_wins(self):
        merged = chart(
            current=[line("L1", quantity=Decimal(1))],
            past=[line("L2", quantity=Decimal(1))],
            stored=[line("L1", quantity=Decimal(9)), line("L2", quantity=Decimal(9)), line("L3", quantity=Decimal(9))],
        )
        assert seen(merged.lines_of("C1")) == [("L1", "1"), ("L2", "1"), ("L3", "9")]
        assert seen(merged.prescription(line())) == [("L1", "1"), ("L2", "1"), ("L3", "9")]

    def test_what_the_message_does_not_state_stays(self):
        merged = chart(current=[line("L1")], stored=[line("L1", encounter_id="E0"), line("L1", item_code="C2")])
        assert len(merged.lines_of("C1")) == 2
        assert len(merged.lines_of("C2")) == 1

    def test_every_split_is_the_same(self):
        past = [line(f"L{n}", begin=NOON - timedelta(days=n), quantity=Decimal(n)) for n in range(1, 5)]
        current = line("now", quantity=Decimal(0))
        found = set()
        for size in range(5):
            for stored in itertools.combinations(past, size):
                rest = [one for one in past if one not in stored]
                merged = chart([current], rest, stored)
                found.add(tuple(seen(merged.lines_of("C1"))))
                found.add(tuple(seen([current, *merged.earlier(current)])))
        assert len(found) == 1

    def test_no_item_code_is_no_item(self):
        merged = chart(current=[line(item_code="")], stored=[line("L2", item_code="")])
        assert list(merged.lines_of("")) == []

    def test_later_lines_and_untimed_ones_do_not_count_against_a_line(self):
        judged = line("M")
        past = [
            line("before", begin=NOON - timedelta(seconds=1)),
            line("after", begin=NOON + timedelta(seconds=1)),
            line("untimed", begin=None),
            line("A same time"),
            line("Z same time"),
        ]
        for stored in (past, []):
            merged = chart([judged], [] if stored else past, stored)
            assert {one.order_id for one in merged.earlier(judged)} == {"before", "A same time"}
            assert len(merged.untimed()) == 1

    def test_at_a_site_with_new_ids_content_decides(self):
        stored = [line("old", quantity=Decimal(1)), line("older", quantity=Decimal(2))]
        current = [line("new", quantity=Decimal(1))]
        assert seen(chart(current, stored=stored).lines_of("C1")) == [("new", "1"), ("old", "1"), ("older", "2")]
        merged = chart(current, stored=stored, same_line_by_content=True)
        assert seen(merged.lines_of("C1")) == [("new", "1"), ("older", "2")]

    def test_of_equal_contents_as_many_are_the_same_as_the_message_has(self):
        stored = number_lines([line("a", quantity=Decimal(1)), line("b", quantity=Decimal(1))])
        merged = chart([line("new", quantity=Decimal(1))], stored=stored, same_line_by_content=True)
        assert len(merged.lines_of("C1")) == 2


class TestTimeline:
    def test_a_change_is_what_building_anew_gives(self):
        lines = [
            line(f"L{n}", item_code=f"C{n % 3}", prescription_id=f"R{n % 2}", begin=NOON + timedelta(hours=-n))
            for n in range(9)
        ]
        first = [msgspec.structs.replace(one, quantity=Decimal(7)) for one in lines[:5]]
        changed = Timeline(first, 5).with_changes(lines[1:], [identity(lines[0])], 9)
        anew = Timeline(lines[1:], 9)
        assert changed.position == 9
        assert changed.by_identity == anew.by_identity
        assert changed.by_item == anew.by_item
        assert changed.by_prescription == anew.by_prescription

    def test_the_very_line_that_is_there_committed_again_is_one_line(self):
        one = line()
        assert Timeline([one]).with_changes([one], (), 2).by_item["C1"].lines == (one,)

    def test_it_does_not_change_itself(self):
        first = Timeline([line("L1")], 1)
        first.with_changes([line("L2")], [identity(line("L1"))], 2)
        assert list(first.by_identity) == [identity(line("L1"))]
        assert (len(first), first.position) == (1, 1)
        assert len(EMPTY) == 0

    def test_a_void_and_a_commit_of_one_line_leave_it(self):
        timeline = Timeline([line("L1", quantity=Decimal(1))]).with_changes(
            [line("L1", quantity=Decimal(2))], [identity(line("L1"))], 2
        )
        assert [one.quantity for one in timeline.by_identity.values()] == [2]

    def test_the_order_of_time(self):
        lines = [
            line("b"),
            line("a"),
            line("z", begin=NOON - timedelta(1)),
            line("a", position=2),
            line("y", begin=None),
        ]
        assert [one.order_id for one in sorted(lines, key=order_of)] == ["y", "z", "a", "a", "b"]

    def test_a_line_survives_the_record(self):
        full = line(quantity=Decimal("1.50"), end=NOON, days=3, long_term=True)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(full), type=Line) == full


@pytest.mark.parametrize(
    ("born", "at", "age"),
    [
        ((2008, 7, 9), (2026, 7, 8), 17),
        ((2008, 7, 8), (2026, 7, 8), 18),
        ((2008, 2, 29), (2026, 2, 28), 17),
        ((2008, 2, 29), (2026, 3, 1), 18),
        ((2008, 2, 29), (2028, 2, 29), 20),
        ((2026, 7, 8), (2026, 7, 8), 0),
        ((2026, 7, 9), (2026, 7, 8), -1),
    ],
)
def test_completed_years(born, at, age):
    assert completed(datetime(*born).date(), datetime(*at).date(), "岁") == age
