"""An explanation says what the answer says, and names the facts that were read."""

import json
from pathlib import Path

import pytest

from ruleset.case import Case, Encounter, Line, Patient
from ruleset.chart import Chart
from ruleset.evaluator import evaluate
from ruleset.pack import cases as pack_cases
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot
from ruleset.timeline import EMPTY, Timeline
from ruleset.trace import explain

PACKS = Path(__file__).parents[2] / "ruleset" / "packs"


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    def made(name):
        file = tmp_path_factory.mktemp("packs") / f"{name}.pack"
        compile_pack(PACKS / name, file)
        return LoadedPack(PackFile(file))

    return made


def cases_of(pack):
    import msgspec

    for path, document in pack.file.manifest.tests.items():
        file = msgspec.convert(document, pack_cases.TestFile)
        for test in file.case:
            yield f"{path}: {test.name}", pack_cases.case_of_test(test, file.defaults)


def summary(result):
    return (
        result.verdict,
        result.completeness,
        [(f.row.id, f.action, f.message, f.amount, f.violating, f.related) for f in result.findings],
        [(h.row.id, h.line, h.related, h.missing) for h in result.hints],
        [(g.reason, g.detail, g.line, g.row_id, g.rule_code) for g in result.not_evaluated],
    )


@pytest.mark.parametrize("name", ["nhsa", "demo", "safety-cn"])
def test_every_case_of_our_packs_is_explained_as_it_is_answered(pack, name):
    loaded = pack(name)
    snapshot = Snapshot([loaded])
    for title, case in cases_of(loaded):
        trace = explain(case, EMPTY, snapshot)
        assert summary(trace.result) == summary(evaluate(case, EMPTY, snapshot)), title
        found = {finding.row.id for finding in trace.result.findings}
        assert found <= {c.row.id for c in trace.candidates if c.came == "finding"}, title
        asked = {hint.row.id for hint in trace.result.hints}
        assert asked <= {c.row.id for c in trace.candidates if c.came in ("hint", "finding")}, title
        assert not [c for c in trace.candidates if c.came == "failed"], title


def test_the_facts_that_decide_are_named_with_their_values(pack):
    from datetime import datetime

    snapshot = Snapshot([pack("nhsa")])
    line = Line(order_id="1", item_code="XG01AFA222D003010101770", item_name="奥硝唑阴道栓", begin=datetime(2026, 2, 2))
    case = Case(patient=Patient(id="P", sex="male"), encounter=Encounter(id="E"), lines=(line,))
    (candidate,) = [c for c in explain(case, EMPTY, snapshot).candidates if c.came == "finding"]
    assert ("patient.sex", "male") in candidate.facts
    assert candidate.line is line


def test_stored_history_is_read_under_its_own_name(pack):
    from datetime import datetime
    from decimal import Decimal

    snapshot = Snapshot([pack("nhsa")])

    def bed(order_id, hour):
        return Line(
            order_id=order_id,
            item_code="001109000010000",
            begin=datetime(2026, 2, 2, hour),
            quantity=Decimal(1),
            encounter_id="E",
            facility_id="F",
        )

    case = Case(patient=Patient(id="P"), encounter=Encounter(id="E"), lines=(bed("2", 9),))
    trace = explain(case, Timeline([bed("1", 8)], 1), snapshot)
    (candidate,) = [c for c in trace.candidates if c.came == "finding"]
    assert ("stored[0].quantity", Decimal(1)) in candidate.facts
    assert trace.result.findings[0].related[0].order_id == "1"


def test_a_row_that_is_not_in_force_is_named_as_such(pack):
    from datetime import datetime

    snapshot = Snapshot([pack("nhsa")])
    line = Line(order_id="1", item_code="XG01AFA222D003010101770", begin=datetime(2020, 2, 2))
    trace = explain(Case(patient=Patient(sex="male"), lines=(line,)), EMPTY, snapshot)
    assert {c.skipped for c in trace.candidates} == {"not_in_force"}


def test_the_command_explains_a_sample(capsys):
    from server.cli.main import main

    sample = Path(__file__).parents[2] / "docs" / "samples"
    path = min(sample.glob("*.json"))
    assert json.loads(path.read_bytes())
    assert main(["explain", str(path)]) == 0
    assert "依据" in capsys.readouterr().out


def test_the_command_names_a_file_that_is_not_there(capsys):
    from server.cli.main import main

    assert main(["explain", "no-such-file.json"]) == 1
    assert "no-such-file.json" in capsys.readouterr().err


def test_a_chart_reads_a_wrapped_case_as_it_reads_a_plain_one(pack):
    from ruleset.case import Visit
    from ruleset.trace import _Reader

    case = Case(encounter=Encounter(id="E"), visits=(Visit("V"), Visit("E")))
    wrapped = _Reader().wrap(case, "")
    assert (
        list(Chart(wrapped, EMPTY, Snapshot([])).visits()) == list(Chart(case, EMPTY, Snapshot([])).visits()) == ["V"]
    )
