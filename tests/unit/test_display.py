"""What a doctor is shown of a result: each cause once, with its money counted once."""

from decimal import Decimal
from itertools import permutations

import pytest

from ruleset.case import Line
from ruleset.display import shown
from ruleset.outcome import Action, Finding
from ruleset.rule import Citation, MessageTemplate, Row, Rule
from ruleset.templates import TEMPLATES


def row_of(row_id, rule_id="some-rule", basis_id=""):
    rule = Rule(
        id=rule_id,
        pack_id="some",
        template=TEMPLATES["T21"],
        title="规则",
        official_code="",
        kind="safety",
        curation="expert",
        action=Action.WARN,
        action_at={},
        message=MessageTemplate("“{item}”"),
        remedies=(),
        severity_degree="1",
        exempt_payers=frozenset(),
        constants={},
    )
    row = Row(id=row_id, rule=rule, valid_from=1, valid_to=2, params=None, citation=Citation("文件"))
    row.basis_id = basis_id
    return row


ROW = row_of("some-row")


def line_of(number, item_code="A", amount="10"):
    return Line(order_id=str(number), item_code=item_code, amount=Decimal(amount) if amount else None)


def finding_of(message, *lines, amount, row=ROW):
    return Finding(row, Action.WARN, lines, (), message, None if amount is None else Decimal(amount))


ONE, TWO, THREE, FOUR = (line_of(number) for number in (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("findings", "amount"),
    [
        ([((ONE,), 10), ((ONE, TWO), 20)], 20),
        ([((ONE, TWO), 20), ((TWO, THREE), 20)], 30),
        ([((ONE,), 10), ((TWO,), 10), ((ONE, TWO, THREE), 30)], 30),
        ([((ONE,), 4), ((ONE,), 3)], 4),
        ([((ONE,), 4), ((ONE, TWO), 20)], 20),
        ([((ONE,), 4), ((TWO,), 3)], 7),
        ([((ONE, TWO), 5), ((TWO, THREE), 5), ((THREE, FOUR), 5)], 10),
        ([((ONE,), 10), ((ONE, TWO), None)], None),
    ],
)
def test_the_amount_of_a_cause_does_not_depend_on_the_order_of_its_findings(findings, amount):
    made = [finding_of(f"其{n}", *lines, amount=money) for n, (lines, money) in enumerate(findings)]
    for some in permutations(made):
        assert {entry.amount for entry in shown(some)} == {None if amount is None else Decimal(amount)}


PAINKILLERS = [line_of(number, code) for number, code in enumerate("BCD", 2)]
ANTICOAGULANT = line_of(1, "W")


def pairs(*pairs_of_lines, row=ROW):
    return [finding_of(f"第{n}对", *pair, amount=20, row=row) for n, pair in enumerate(pairs_of_lines)]


def test_pairs_of_one_rule_with_one_line_in_common_are_one_entry():
    (entry,) = shown(pairs(*((ANTICOAGULANT, other) for other in PAINKILLERS)))
    assert entry.messages == ("第0对", "第1对", "第2对")
    assert entry.amount == Decimal(40)


def test_pairs_that_share_no_line_are_entries_of_their_own():
    first, second, third = PAINKILLERS
    assert len(shown(pairs((ANTICOAGULANT, first), (second, third)))) == 2


def test_lines_that_violate_each_by_itself_are_entries_of_their_own():
    assert len(shown([finding_of("甲", ONE, amount=10), finding_of("乙", PAINKILLERS[0], amount=10)])) == 2


def test_pairs_of_two_rules_are_entries_of_their_own():
    first, second, _ = PAINKILLERS
    other_rule = row_of("other-row", "other-rule")
    found = pairs((ANTICOAGULANT, first)) + pairs((ANTICOAGULANT, second), row=other_rule)
    assert len(shown(found)) == 2
