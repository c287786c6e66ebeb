"""Several packs: whose word holds, on which days, for whose patients; and what is refused."""

import pytest

from ruleset.document import read_document
from ruleset.evaluator import evaluate
from ruleset.pack.check import check_pack
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.diagnostics import PackError
from ruleset.pack.file import PackFile
from ruleset.pack.lint import lint
from ruleset.pack.source import read_source
from ruleset.pack.statements import examine_layers
from ruleset.snapshot import Snapshot
from ruleset.timeline import EMPTY

RULE = """\
template = "T06"
title = "药品区分性别使用"
official_code = ""
kind = "safety"
action = "{action}"
message = "“{{item}}”限{{limit_sex}}性使用。"
curation = "{curation}"
[[citations]]
document = "规则库"
"""
STATEMENT = "pack,rule,row_id,mode,action,reason,approved_by,valid_from,valid_to"
ROW = "nation-sex-row"


class Packs:
    """Packs by id, written, compiled and put together."""

    def __init__(self, folder):
        self.folder = folder
        self.loaded = {}

    def source(self, name, layer, *statements, head="", action="WARN", curation="official", rows=None, about="X1"):
        root = self.folder / name
        for part in ("rules", "rows", "overrides"):
            (root / part).mkdir(parents=True, exist_ok=True)
        (root / "pack.toml").write_text(
            f'id = "{name}"\nrevision = 1\ntitle = "x"\nlayer = "{layer}"\n{head}\n', encoding="utf-8"
        )
        if rows is None:
            rows = f"row_id,item_code,sex\n{name}-sex-row,{about},女\n"
        if rows:
            (root / "rules" / "sex.toml").write_text(RULE.format(action=action, curation=curation), encoding="utf-8")
            (root / "rows" / "sex.csv").write_text(rows, encoding="utf-8")
        if statements:
            (root / "overrides" / "all.csv").write_text("\n".join([STATEMENT, *statements, ""]), encoding="utf-8")
        return root

    def add(self, name, layer, *statements, **more):
        root = self.source(name, layer, *statements, **more)
        compile_pack(root, self.folder / f"{name}.pack")
        self.loaded[name] = LoadedPack(PackFile(self.folder / f"{name}.pack"))
        return self.loaded[name]

    def result(self, *, day="2026-07-01", insured="370102", treated="370102", shadow=False, **more):
        document = {
            "time": f"{day}T09:00:00",
            "patient": {"id": "P", "sex": "male", "insured_region": insured},
            "encounter": {"id": "E", "region": treated, "lines": [{"order_id": "1", "item_code": "X1"}]},
            **more,
        }
        return evaluate(read_document(document), EMPTY, Snapshot(self.loaded.values(), shadow=shadow))

    def found(self, **more):
        """The findings as {row id: action}."""
        return {finding.row.id: finding.action.name for finding in self.result(**more).findings}

    def hinted(self, **more):
        return {hint.row.id: sorted({missing.fact for missing in hint.missing}) for hint in self.result(**more).hints}

    def problems(self):
        return examine_layers(list(self.loaded.values()))


@pytest.fixture
def packs(tmp_path):
    made = Packs(tmp_path)
    made.add("nation", "national")
    return made


def states(mode="", action="", *, row=ROW, by="", begin="", end="", pack="nation", rule="sex"):
    return f"{pack},{rule},{row},{mode},{action},因为,{by},{begin},{end}"


def test_all_rows_of_all_packs_apply(packs):
    packs.add("house", "hospital", action="BLOCK")
    assert packs.found() == {ROW: "WARN", "house-sex-row": "BLOCK"}


def test_a_higher_layer_switches_a_row_off(packs):
    packs.add("house", "hospital", states("off"), rows="")
    assert packs.found() == {}


def test_or_all_rows_of_a_rule(packs):
    packs.add("house", "hospital", states("off", row=""), rows="")
    assert packs.found() == {}


def test_the_statement_about_the_row_goes_before_the_one_about_its_rule(packs):
    packs.add("house", "hospital", states("off", row=""), states("active"), rows="")
    assert packs.found() == {ROW: "WARN"}


def test_the_highest_layer_has_the_last_word_whatever_it_names(packs):
    packs.add("here", "regional", states("off"), rows="", head='regions = ["370100"]')
    packs.add("safe", "safety", states("", "HINT"), rows="")
    assert packs.found() == {ROW: "HINT"}
    packs.add("house", "hospital", states("active", row=""), rows="")
    assert packs.found() == {ROW: "WARN"}


def test_a_lower_or_equal_layer_says_nothing_of_a_higher_one(packs):
    packs.add("safe", "safety")
    packs.add("here", "regional", states("off", pack="safe", row=""), rows="", head='regions = ["370100"]')
    assert packs.found() == {ROW: "WARN", "safe-sex-row": "WARN"}
    assert any("layer safety is not lower than regional" in text for text in packs.problems().refused)


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2026-06-30", {ROW: "WARN"}), ("2026-07-01", {}), ("2026-07-31", {}), ("2026-08-01", {ROW: "WARN"})],
)
def test_a_statement_has_its_days(packs, day, expected):
    packs.add("house", "hospital", states("off", begin="2026-07-01", end="2026-08-01"), rows="")
    assert packs.found(day=day) == expected


def test_statements_follow_one_another(packs):
    months = [states("off", end="2026-07-01"), states("", "HINT", begin="2026-07-01", end="2026-08-01")]
    packs.add("house", "hospital", *months, rows="")
    assert [packs.found(day=f"2026-{month}-15") for month in ("06", "07", "08")] == [{}, {ROW: "HINT"}, {ROW: "WARN"}]


class TestAction:
    def test_milder_without_approval(self, packs):
        packs.add("house", "hospital", states("", "HINT"), rows="")
        assert packs.found() == {ROW: "HINT"}
        assert packs.problems().refused == ()

    def test_stricter_needs_approval(self, packs):
        packs.add("house", "hospital", states("", "BLOCK"), rows="")
        assert packs.found() == {ROW: "WARN"}, "not even if it were live"
        assert "BLOCK is above its own WARN: `approved_by`" in packs.problems().refused[0]

    def test_stricter_with_approval(self, packs):
        packs.add("house", "hospital", states("", "BLOCK", by="药事会"), rows="")
        assert packs.found() == {ROW: "BLOCK"}
        assert packs.problems().refused == ()

    def test_a_raw_row_stays_a_hint_until_somebody_signs(self, tmp_path):
        packs = Packs(tmp_path)
        packs.add("nation", "national", action="HINT", curation="raw")
        packs.add("house", "hospital", states("", "WARN"), rows="")
        assert packs.found() == {ROW: "HINT"}
        packs.add("house", "hospital", states("", "WARN", by="李药师"), rows="")
        assert packs.found() == {ROW: "WARN"}

    def test_above_what_the_template_may_ask_for(self, tmp_path):
        packs = Packs(tmp_path)
        rule = packs.source(
            "nation", "national", action="HINT", rows="row_id,name,expression\nr,甲,line.quantity > 1.0\n"
        )
        file = rule / "rules" / "sex.toml"
        text = file.read_text("utf-8").replace("T06", "T45").replace("“{item}”限{limit_sex}性使用。", "x")
        file.write_text(text, encoding="utf-8")
        compile_pack(rule, tmp_path / "nation.pack")
        packs.loaded["nation"] = LoadedPack(PackFile(tmp_path / "nation.pack"))
        packs.add("house", "hospital", states("", "BLOCK", row="r", by="x"), rows="")
        assert "the highest of template T45" in packs.problems().refused[0]


class TestOffAndShadow:
    @pytest.fixture
    def packs(self, tmp_path):
        made = Packs(tmp_path)
        rows = "row_id,item_code,sex,mode,scope_departments\na,X1,女,,\nb,X1,女,off,A01\nc,X1,女,shadow,A02\n"
        made.add("nation", "national", rows=rows)
        return made

    def found(self, packs, department, **more):
        lines = [{"order_id": "1", "item_code": "X1", "department_code": department}]
        encounter = {"id": "E", "region": "370102", "lines": lines}
        return sorted(packs.found(encounter=encounter, **more))

    def test_neither_answers(self, packs):
        assert (self.found(packs, "A01"), self.found(packs, "A02")) == (["a"], ["a"])

    def test_beside_the_answers_the_shadow_is_judged(self, packs):
        assert self.found(packs, "A02", shadow=True) == ["a", "c"]
        assert self.found(packs, "A01", shadow=True) == ["a"]

    def test_a_statement_about_the_row_switches_it_on(self, packs):
        packs.add("house", "hospital", states("active", row="b"), states("active", row="c"), rows="")
        assert (self.found(packs, "A01"), self.found(packs, "A02")) == (["a", "b"], ["a", "c"])

    def test_one_about_the_rule_leaves_off_what_its_pack_keeps_off(self, packs):
        packs.add("house", "hospital", states("active", row=""), rows="")
        assert (self.found(packs, "A01"), self.found(packs, "A02")) == (["a"], ["a", "c"])

    def test_a_row_can_be_put_in_shadow(self, packs):
        packs.add("house", "hospital", states("shadow", row="a"), states("shadow", row="b"), rows="")
        assert self.found(packs, "A01") == []
        assert self.found(packs, "A01", shadow=True) == ["a", "b"]


class TestRegion:
    def overlay(self, packs, *statements, key="regions", rows=""):
        packs.add("here", "regional", *statements, rows=rows, head=f'{key} = ["370100"]')

    @pytest.mark.parametrize(
        ("insured", "expected"), [("370102", {}), ("370100", {}), ("370200", {ROW: "WARN"}), ("420000", {ROW: "WARN"})]
    )
    def test_a_statement_holds_for_the_insured_of_its_region(self, packs, insured, expected):
        self.overlay(packs, states("off"))
        assert packs.found(insured=insured) == expected

    @pytest.mark.parametrize(("treated", "expected"), [("370102", {}), ("420100", {ROW: "WARN"})])
    def test_or_where_the_patient_is_treated(self, packs, treated, expected):
        self.overlay(packs, states("off"), key="treatment_regions")
        assert packs.found(treated=treated) == expected

    def test_an_unknown_region_makes_a_hint_that_names_it(self, packs):
        self.overlay(packs, states("off"))
        assert packs.found(insured="") == {}
        assert packs.hinted(insured="") == {ROW: ["insured_region"]}

    def test_where_only_the_action_is_uncertain_the_mildest_holds(self, packs):
        self.overlay(packs, states("", "BLOCK", by="x"))
        assert packs.found(insured="") == {ROW: "WARN"}
        assert packs.hinted(insured="") == {}
        self.overlay(packs, states("", "HINT"))
        assert packs.found(insured="") == {ROW: "HINT"}
        assert packs.found(insured="420000") == {ROW: "WARN"}

    def test_its_own_rows_are_for_its_region(self, packs):
        self.overlay(packs, rows=None)
        assert packs.found() == {ROW: "WARN", "here-sex-row": "WARN"}
        assert packs.found(insured="420000") == {ROW: "WARN"}
        assert packs.hinted(insured="") == {"here-sex-row": ["insured_region"]}

    def test_a_higher_layer_outranks_it_everywhere(self, packs):
        self.overlay(packs, states("off"))
        packs.add("house", "hospital", states("active"), rows="")
        assert packs.found() == packs.found(insured="") == {ROW: "WARN"}

    def test_it_switches_on_what_is_off_elsewhere(self, packs):
        packs.add("house", "safety", states("off"), rows="")
        packs.add("more", "hospital", states("active"), rows="", head='regions = ["370100"]')
        assert packs.found() == {ROW: "WARN"}
        assert packs.found(insured="420000") == {}
        assert packs.hinted(insured="") == {ROW: ["insured_region"]}

    def test_a_row_that_names_a_place_outside_is_refused(self, packs):
        rows = "row_id,item_code,sex,scope_regions\na,X1,女,420000\n"
        with pytest.raises(PackError, match="`420000` is not in 370100"):
            self.overlay(packs, rows=rows)
        self.overlay(packs, rows=rows.replace("420000", "370102"))
        assert packs.found(insured="370103") == {ROW: "WARN"}


def test_findings_name_the_pack_and_the_statement(packs):
    packs.add("house", "hospital", states("", "HINT"), rows="")
    (finding,) = packs.result().findings
    assert finding.row.rule.pack_revision == packs.loaded["nation"].revision
    assert finding.row.statement.pack_revision == packs.loaded["house"].revision
    assert finding.row.statement.statement.reason == "因为"


def test_the_order_of_the_packs_is_that_of_their_layers(packs):
    packs.add("a-house", "hospital")
    packs.add("safe", "safety")
    expected = [packs.loaded[name].revision for name in ("nation", "safe", "a-house")]
    for order in (list(packs.loaded.values()), list(reversed(packs.loaded.values()))):
        assert Snapshot(order).revision.split(",") == expected


class TestRefused:
    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (states(), "says nothing"),
            (states("off", "WARN"), "`action` means nothing"),
            (states("of"), "`mode` is `of`"),
            (states("", "DENY"), "`action` is `DENY`"),
            (states("off", begin="2026-08-01", end="2026-07-01"), "never in force"),
            (states("off", begin="July"), "`July` is no date"),
            (states("off", pack="house"), "nothing about itself"),
            (states("off", pack="../x"), "no id of a pack"),
            (states("off", rule=""), "`rule` is empty"),
            (states("off").replace("因为", ""), "`reason` is empty"),
            (states("off").replace("因为", " 因为"), "blanks around"),
        ],
    )
    def test_a_statement_that_cannot_be_meant(self, packs, line, reason):
        with pytest.raises(PackError, match=reason):
            packs.add("house", "hospital", line, rows="")

    def test_an_unknown_column(self, packs):
        root = packs.source("house", "hospital", states("off"), rows="")
        (root / "overrides" / "all.csv").write_text("pack,rule,reasons\n", encoding="utf-8")
        with pytest.raises(PackError, match=r"(?s)`reason` is missing.*unknown column `reasons`"):
            check_pack(read_source(root))

    def test_two_about_one_row_on_one_day(self, packs):
        with pytest.raises(PackError, match=r"overrides/all\.csv:3:1: says something of the same row .*/all\.csv:2"):
            packs.add("house", "hospital", states("off"), states("", "HINT"), rows="")

    def test_two_packs_of_one_layer(self, packs):
        packs.add("house", "hospital", states("off"), rows="")
        packs.add("ward", "hospital", states("", "HINT", begin="2026-01-01"), rows="")
        (text,) = packs.problems().refused
        assert "both of layer hospital" in text
        packs.add("ward", "hospital", states("", "HINT", row=""), rows="")
        assert packs.problems().refused == (), "the one about the row goes before the one about the rule"

    @pytest.mark.parametrize(
        ("second", "key", "refused"),
        [
            ("370200", "regions", False),
            ("370102", "regions", True),
            ("370000", "regions", True),
            ("370200", "treatment_regions", True),
        ],
    )
    def test_two_regions(self, packs, second, key, refused):
        packs.add("here", "regional", states("off"), rows="", head='regions = ["370100"]')
        packs.add("there", "regional", states("", "HINT"), rows="", head=f'{key} = ["{second}"]')
        assert bool(packs.problems().refused) is refused

    def test_a_national_pack_states_nothing(self, packs):
        with pytest.raises(PackError, match="nothing is lower than layer national"):
            packs.add("other", "national", states("off"), rows="")

    @pytest.mark.parametrize("head", ['regions = ["3701"]', 'regions = ["济南"]', ""])
    def test_a_regional_pack_says_where(self, packs, head):
        with pytest.raises(PackError, match=r"regions|administrative division"):
            packs.add("here", "regional", states("off"), rows="", head=head)


class TestWhatIsNotThere:
    def test_is_noted_and_says_nothing(self, packs):
        statements = [states("off", row="nobody"), states("off", rule="none", row=""), states("off", pack="absent")]
        packs.add("house", "hospital", *statements, rows="")
        report = packs.problems()
        assert report.refused == ()
        assert [
            word for word in ("`nobody`", "`none`", "`absent`") if not any(word in text for text in report.noted)
        ] == []
        assert packs.found() == {ROW: "WARN"}

    def test_the_linter_finds_it(self, packs):
        statements = [states("off", row="nation-sex-rov"), states("off", pack="absent"), states("", "BLOCK")]
        root = packs.source("house", "hospital", *statements, rows="")
        found = lint(check_pack(read_source(root)), beside=[packs.loaded["nation"]])
        told = [(one.line, one.severity, one.message) for one in found if one.path.startswith("overrides")]
        assert [(line, severity) for line, severity, _ in told] == [(2, "error"), (3, "warning"), (4, "error")]
        assert "has no row `nation-sex-rov`" in told[0][2]
        assert "did you mean `nation-sex-row`?" in next(one.help for one in found if one.line == 2)


def test_an_earlier_engine_does_not_take_what_it_would_pass_over(packs):
    plain = packs.loaded["nation"].file.manifest.minimum_engine
    assert plain == "0.1.0"
    for made in (
        packs.add("house", "hospital", states("off"), rows=""),
        packs.add("here", "regional", head='regions = ["370100"]'),
        packs.add("dark", "hospital", rows="row_id,item_code,sex,mode\na,X1,女,shadow\n"),
    ):
        assert made.file.manifest.minimum_engine == "0.3.0"


def test_a_stated_row_is_not_shown_by_the_day_before_it_is_in_force(packs):
    """A row split at the days of a statement keeps its own days."""
    rows = "row_id,item_code,sex,valid_from,valid_to\nnation-sex-row,X1,女,2026-03-01,2026-09-01\n"
    packs.add("nation", "national", rows=rows)
    packs.add("house", "hospital", states("", "HINT", begin="2026-05-01", end="2026-07-01"), rows="")
    days = {"2026-02-28": None, "2026-03-01": "WARN", "2026-04-30": "WARN", "2026-05-01": "HINT"}
    days |= {"2026-06-30": "HINT", "2026-07-01": "WARN", "2026-08-31": "WARN", "2026-09-01": None}
    for day, action in days.items():
        assert packs.found(day=day) == ({ROW: action} if action else {}), day
