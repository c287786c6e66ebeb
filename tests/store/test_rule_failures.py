"""A rule that fails is counted under its own name, so that whoever watches sees which one."""

import contextlib

from ruleset.templates import TEMPLATES
from server.metrics import Metrics
from server.packs import PackHolder
from tests.store.places import SqlitePlace
from tests.store.services import Service
from tests.web.messages import BED, CHILD_DRUG, CHILD_ONLY, PER_DAY, ext_of, message, order, rules
from tests.web.packs import write_pack


def test_a_rule_that_fails_is_counted_by_its_code(tmp_path, monkeypatch):
    def judge(*_):
        raise ZeroDivisionError

    packs = PackHolder(tmp_path / "packs", metrics=Metrics())
    packs.activate([str(write_pack(tmp_path / "pack"))], aside=False)
    monkeypatch.setattr(type(TEMPLATES["T07"]), "judge", judge)
    with contextlib.closing(SqlitePlace(tmp_path)) as place, contextlib.closing(place.open()) as store:
        service = Service(store, packs)
        answer = service.check(message([order(CHILD_DRUG), order(BED, cnt=2)]))
        assert rules(answer) == [PER_DAY], "the other rules are judged"
        assert [gap["reason"] for gap in ext_of(answer)["not_evaluated"]] == ["rule_failed"]
        assert service.metric('precheck_not_evaluated_total{reason="rule_failed"}') == 1
        assert service.metric(f'precheck_rule_failures_total{{rule="{CHILD_ONLY}"}}') == 1
        assert service.metric(f'precheck_rule_failures_total{{rule="{PER_DAY}"}}') == 0
