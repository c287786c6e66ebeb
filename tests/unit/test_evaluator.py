"""The evaluator's four rules, with templates made for it."""

import ast
import copy
import random
from datetime import date, datetime
from decimal import Decimal

import orjson
import pytest

from ruleset.case import Case, Encounter, Line, Patient, UnknownFact
from ruleset.evaluator import evaluate
from ruleset.outcome import Action, Completeness, Judgement, Missing, Verdict
from ruleset.rule import Citation, MessageTemplate, Row, Rule
from ruleset.template import item_key
from ruleset.timeline import EMPTY
from server import clock
from server.entrance.national import read_message
from server.entrance.national_answer import AnswerHead, national_answer
from server.profile import Profiles
from tests.web.messages import BED, CHILD_DRUG, HBA1C, WOMEN_DRUG, encounter, message, order
from tests.web.packs import STARTER
from tests.web.product import ROOT

NOON = datetime(2026, 7, 8, 12)


class Always:
    """TRUE of every line."""

    id = "T99"

    def judge(self, params, line, chart):
        return (Judgement(),)


class Never(Always):
    def judge(self, params, line, chart):
        return ()


class Unknown(Always):
    def judge(self, params, line, chart):
        return (Judgement(missing=(Missing("sex"),)),)


class Raises(Always):
    def judge(self, params, line, chart):
        raise ZeroDivisionError


class RaisesHalfway(Always):
    def judge(self, params, line, chart):
        yield Judgement()
        raise ZeroDivisionError


class WrongEvidence(Always):
    """The message names what the evidence does not have."""


class Rows:
    """Rows by item code, as a snapshot gives them."""

    kinds = frozenset({"item"})

    def __init__(self, *rows, code="C1"):
        self.drugs = {}
        self._rows = {item_key(code): rows}

    def rows(self, key):
        return self._rows.get(key, ())

    def lists(self, key):
        return ()


def row(template, *, name="row", since=date.min, until=date.max, **fields):
    values = {
        "id": "rule",
        "pack_id": "pack",
        "template": template(),
        "title": "规则",
        "official_code": "R1",
        "kind": "payment",
        "curation": "official",
        "action": Action.WARN,
        "action_at": {},
        "message": MessageTemplate("{item}，{date}"),
        "remedies": (),
        "severity_degree": "1",
        "exempt_payers": frozenset(),
        "constants": {},
    }
    rule = Rule(**{**values, **fields})
    return Row(
        id=name,
        rule=rule,
        valid_from=since.toordinal(),
        valid_to=until.toordinal(),
        params=None,
        citation=Citation("文件"),
    )


def line(order_id="L1", **fields):
    return Line(**{"order_id": order_id, "item_code": "C1", "encounter_id": "E1", "begin": NOON, **fields})


def case(*lines, payer="employee", **fields):
    return Case(patient=Patient(id="P1"), encounter=Encounter(id="E1", payer=payer), lines=lines, **fields)


def judged(rows, *lines, **fields):
    return evaluate(case(*(lines or (line(),)), **fields), EMPTY, rows)


class TestRule2OneBadRowNeverTakesTheRestDown:
    @pytest.mark.parametrize("bad", [Raises, RaisesHalfway, WrongEvidence])
    def test_the_rest_is_judged(self, bad):
        message_of = {"message": MessageTemplate("{nothing}")} if bad is WrongEvidence else {}
        rows = Rows(row(Always, name="a"), row(bad, name="b", **message_of), row(Always, name="c"))
        result = judged(rows, line("L1"), line("L2"))
        failed = [(gap.reason, gap.row_id, gap.line.order_id) for gap in result.not_evaluated]
        assert failed == [("rule_failed", "b", "L1"), ("rule_failed", "b", "L2")]
        good = [(found.row.id, found.violating[0].order_id) for found in result.findings if found.row.id != "b"]
        assert good == [("a", "L1"), ("a", "L2"), ("c", "L1"), ("c", "L2")] or sorted(good) == [
            ("a", "L1"),
            ("a", "L2"),
            ("c", "L1"),
            ("c", "L2"),
        ]
        assert result.completeness is Completeness.PARTIAL
        assert "ZeroDivisionError" in result.not_evaluated[0].detail or "KeyError" in result.not_evaluated[0].detail


class TestRule4NothingIsSilent:
    def test_unknown_is_a_hint(self):
        result = judged(Rows(row(Unknown)))
        assert [(hint.line.order_id, hint.missing) for hint in result.hints] == [("L1", (Missing("sex"),))]
        assert (result.verdict, result.completeness) == (Verdict.PASS, Completeness.PARTIAL)

    @pytest.mark.parametrize(
        ("lines", "reason"),
        [
            ((), "no_current_line"),
            ((line(begin=None),), "no_order_time"),
            ((line(item_code=""),), "no_item_code"),
        ],
    )
    def test_nothing_judged_is_none(self, lines, reason):
        result = evaluate(case(*lines), EMPTY, Rows(row(Always)))
        assert [gap.reason for gap in result.not_evaluated] == [reason]
        assert (result.findings, result.completeness) == ((), Completeness.NONE)

    def test_a_code_of_no_national_shape(self):
        result = evaluate(case(line(item_code="X")), EMPTY, Rows(), is_item_code=lambda _: False)
        assert [gap.reason for gap in result.not_evaluated] == ["not_a_national_code"]
        assert result.completeness is Completeness.NONE

    def test_a_code_without_rows_is_judged(self):
        assert judged(Rows(), line(item_code="X")).completeness is Completeness.COMPLETE

    def test_some_lines_of_several(self):
        result = judged(Rows(row(Never)), line("L1"), line("L2", item_code=""))
        assert result.completeness is Completeness.PARTIAL

    def test_a_past_line_of_which_nobody_knows_whether_it_is_past(self):
        past = line("L0", unknown_facts=(UnknownFact("current", "X", "?"),))
        result = judged(Rows(row(Never)), history=(past,))
        assert [(gap.reason, gap.line.order_id) for gap in result.not_evaluated] == [("unknown_whether_current", "L0")]


class TestWhatIsNoTemplatesBusiness:
    @pytest.mark.parametrize(
        ("day", "holds"), [((2026, 7, 7), False), ((2026, 7, 8), True), ((2026, 7, 9), True), ((2026, 7, 10), False)]
    )
    def test_dates_are_the_orders(self, day, holds):
        rows = Rows(row(Always, since=date(2026, 7, 8), until=date(2026, 7, 10)))
        for hour in (0, 23):
            result = judged(rows, line(begin=datetime(*day, hour, 59)))
            assert bool(result.findings) is holds
            assert result.completeness is Completeness.COMPLETE

    @pytest.mark.parametrize(("kind", "holds"), [("payment", False), ("safety", True), ("legal", True)])
    def test_self_pay_is_outside_payment_rules(self, kind, holds):
        assert bool(judged(Rows(row(Always, kind=kind)), line(self_pay=True)).findings) is holds

    @pytest.mark.parametrize(("payer", "findings", "hints"), [("work_injury", 0, 0), ("employee", 1, 0), (None, 0, 1)])
    def test_exempt_payers(self, payer, findings, hints):
        result = judged(Rows(row(Always, exempt_payers=frozenset({"work_injury"}))), payer=payer)
        assert (len(result.findings), len(result.hints)) == (findings, hints)

    def test_raw_rows_never_rise_above_a_hint(self):
        result = judged(Rows(row(Always, curation="raw", action=Action.BLOCK)))
        assert [found.action for found in result.findings] == [Action.HINT]
        assert result.verdict is Verdict.PASS

    @pytest.mark.parametrize(
        ("action", "verdict"),
        [
            (Action.HINT, Verdict.PASS),
            (Action.WARN, Verdict.WARN),
            (Action.WARN_REASON, Verdict.WARN),
            (Action.REVIEW, Verdict.WARN),
            (Action.BLOCK, Verdict.BLOCK),
        ],
    )
    def test_the_verdict_is_the_strictest_action(self, action, verdict):
        rows = Rows(row(Always, name="a", action=Action.HINT), row(Always, name="b", action=action))
        assert judged(rows).verdict is verdict

    @pytest.mark.parametrize(
        ("triggers", "action"),
        [
            (("registration",), Action.HINT),
            (("settlement",), Action.WARN),
            (("registration", "settlement"), Action.WARN),
            (("other",), Action.HINT),
        ],
    )
    def test_the_action_depends_on_the_moment(self, triggers, action):
        rows = Rows(row(Always, action=Action.HINT, action_at={"settlement": Action.WARN}))
        (found,) = judged(rows, triggers=triggers).findings
        assert found.action is action

    @pytest.mark.parametrize(
        ("fields", "amount"),
        [
            ({"amount": Decimal("3.50"), "quantity": Decimal(9), "price": Decimal(9)}, "3.50"),
            ({"quantity": Decimal("1.5"), "price": Decimal("0.333")}, "0.50"),
            ({"quantity": Decimal(2)}, "None"),
            ({}, "None"),
        ],
    )
    def test_the_amount(self, fields, amount):
        (found,) = judged(Rows(row(Always)), line(**fields)).findings
        assert str(found.amount) == amount

    def test_history_is_never_violating(self):
        result = judged(Rows(row(Always)), line("L1"), history=(line("L0"),))
        assert [found.violating[0].order_id for found in result.findings] == ["L1"]


@pytest.fixture(scope="module")
def starter(tmp_path_factory):
    from ruleset.pack.compile import LoadedPack, compile_pack
    from ruleset.pack.file import PackFile
    from ruleset.snapshot import Snapshot

    file = tmp_path_factory.mktemp("pack") / "nhsa.pack"
    compile_pack(STARTER, file)
    return Snapshot([LoadedPack(PackFile(file))])


class TestTheSameBytes:
    HEAD = AnswerHead("0" * 26, "revision", clock.now(), 0, "")

    def answer(self, document, snapshot):
        read = read_message(document, "3101", Profiles("", "default"))
        result = evaluate(read.case, EMPTY, snapshot, is_item_code=read.profile.is_item_code)
        content, _ = national_answer(read, result, self.HEAD, committed_lines=0)
        return orjson.dumps(content)

    def test_on_the_same_inputs(self, starter):
        past = [encounter([order(HBA1C, rx_id=f"H{n}", curr_drord_flag="0") for n in range(3)], mdtrt_id="E0")]
        document = message(
            [
                order(item, rx_id=f"{item[0]}-{n}", cnt=2)
                for n in range(3)
                for item in (BED, HBA1C, CHILD_DRUG, WOMEN_DRUG)
            ],
            past=past,
        )
        first = self.answer(document, starter)
        assert len(orjson.loads(first)["output"]["result"]) >= 9
        starter.forget()
        assert {self.answer(document, starter) for _ in range(3)} == {first}

    def test_rule_3_whatever_the_order_of_the_lines(self, starter):
        """Places in the message apart, which name other lines then."""
        orders = [order(item, rx_id=f"{item[0]}-{n}", cnt=2) for n in range(4) for item in (BED, HBA1C, CHILD_DRUG)]
        answers = set()
        for seed in range(10):
            document = message(copy.deepcopy(orders), head={"msgid": "M"}, patient={"patn_id": "P"})
            lines = document["input"]["data"]["patient_dtos"]["fsi_encounter_dtos"][0]["fsi_order_dtos"]
            random.Random(seed).shuffle(lines)
            content = orjson.loads(self.answer(document, starter))
            for result in content["output"]["result"]:
                for detail in result["judge_result_detail_dtos"]:
                    del detail["ext"]["position"]
            answers.add(orjson.dumps(content))
        assert len(answers) == 1


FORBIDDEN = {
    "logging",
    "structlog",
    "time",
    "socket",
    "sqlite3",
    "subprocess",
    "threading",
    "grpc",
    "server",
    "client_shim",
}
CLOCKS = {"now", "today", "utcnow"}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "ruleset").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT / "ruleset"))
)
def test_rule_1_no_log_no_clock_nothing_of_the_server(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in CLOCKS, f"line {node.lineno} reads a clock"
    assert not imported & FORBIDDEN
