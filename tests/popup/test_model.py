"""What the window shows and what may be chosen in it, of real answers, without a window."""

import json
import re
import subprocess

import pytest

from client_shim import popup
from tests.popup.scenes import COMPLETE, NONE, PARTIAL, STALE

HINT, WARN, WARN_REASON, REVIEW, BLOCK, UNJUDGED = range(6)
E_ANSWER = -201
pytestmark = pytest.mark.timeout(300)  # whichever comes first has things built
TEXTS = popup.texts()
FUZZ_SECONDS = 4


@pytest.fixture
def shown(model_driver, tmp_path):
    """A function that returns what the window would show of a scene, and the feedback for a choice."""

    def show(scene, *choice, result=None, state=0):
        file = tmp_path / "answer.json"
        file.write_bytes(scene.answer)
        code = str(scene.result if result is None else result)
        command = [model_driver, "show", code, str(state), file, *map(str, choice)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return show


def actions(model):
    return [entry["action"] for entry in model["entries"]]


def text(name, *values):
    return TEXTS[name].replace("{}", "%s") % values


# ---- what is shown ----


def test_nothing_is_left_out(shown, scenes):
    for scene in scenes.values():
        if not scene.answer:
            continue
        model = shown(scene)
        findings = scene.head["display"]["findings"]
        judged = [entry for entry in model["entries"] if entry["action"] != UNJUDGED]
        assert [entry["finding_ids"] for entry in judged] == [entry["finding_ids"] for entry in findings]
        for entry, told in zip(judged, findings, strict=True):
            assert told["title"] in entry["title"]
            for part in [told["text"], *told["ways_out"]]:
                assert part in entry["body"]
            assert all(source in entry["sources"] for source in told["sources"])
            assert (told["amount"] or "") in entry["body"]
        unjudged = [entry["body"] for entry in model["entries"] if entry["action"] == UNJUDGED]
        gaps = [gap["text"] for gap in scene.head["not_evaluated"]]
        for wanted in [missing["text"] for missing in scene.head["display"]["missing"]] + gaps:
            assert wanted in unjudged[0]


def test_a_pass_without_anything(shown, scenes):
    model = shown(scenes["pass"])
    assert (model["headline"], model["notes"], model["entries"]) == (TEXTS["headline_pass"], "", [])
    assert (model["may_continue"], model["checked"]) == (True, True)


def test_a_hint_stops_nobody(shown, scenes):
    model = shown(scenes["hint"])
    assert actions(model) == [HINT]
    assert model["headline"] == text("headline_hint", 1)
    assert not model["entries"][0]["reason_required"]


def test_what_was_not_judged_is_never_a_plain_pass(shown, scenes):
    model = shown(scenes["partial"])
    assert model["headline"] == TEXTS["headline_partial"]
    assert "未判断不等于合规" in model["notes"]
    assert actions(model) == [UNJUDGED]


@pytest.mark.parametrize("scene", ["pass", "hint", "reason"])
def test_a_state_of_partial_outranks_the_answer(shown, scenes, scene):
    assert TEXTS["note_partial_untold"] not in shown(scenes[scene], state=COMPLETE)["notes"]
    model = shown(scenes[scene], state=PARTIAL)
    assert TEXTS["note_partial_untold"] in model["notes"]
    assert model["headline"] != TEXTS["headline_pass"]


def test_a_state_of_a_later_version_is_not_shown(shown, scenes):
    assert shown(scenes["pass"], state=NONE + 1)["result"] == E_ANSWER
    assert shown(scenes["outage"], state=NONE + 1)["headline"] == "未审核"


def test_stale_by_the_state_or_by_the_answer(shown, scenes):
    assert TEXTS["note_stale"] not in shown(scenes["warn"])["notes"]
    assert TEXTS["note_stale"] in shown(scenes["warn"], state=PARTIAL | STALE)["notes"]
    for name in ("warn", "reason"):
        head = (lambda value: value["output"]["ext"]) if scenes[name].national else (lambda value: value)
        stale = scenes[name].changed(lambda value, head=head: head(value).update(stale=True))
        assert TEXTS["note_stale"] in shown(stale)["notes"]


def test_warnings_are_gone_on_with_as_they_are(shown, scenes):
    model = shown(scenes["warn"])
    assert actions(model) == [WARN] * 4 + [UNJUDGED]
    assert (model["headline"], model["continue_text"]) == (text("headline_warn", 4), TEXTS["button_continue"])
    assert not any(entry["reason_required"] for entry in model["entries"])


def test_a_reason_is_demanded_with_the_rules_own_reasons(shown, scenes):
    model = shown(scenes["reason"])
    assert (model["headline"], model["continue_text"]) == (text("headline_reason", 2), TEXTS["button_continue_reason"])
    entry = model["entries"][0]
    assert (entry["action"], entry["reason_required"], entry["reason_characters_min"]) == (WARN_REASON, True, 4)
    assert entry["reasons"] == scenes["reason"].value["findings"][0]["override"]["reasons"]


def test_a_rule_without_reasons_of_its_own_gets_the_common_ones(shown, scenes):
    def without(value):
        for finding in value["findings"]:
            finding["override"]["reasons"] = []

    assert shown(scenes["reason"].changed(without))["entries"][0]["reasons"] == TEXTS["reasons_common"]


def test_a_warning_whose_rule_wants_a_reason_gets_one(shown, scenes):
    def wanting(value):
        for result in value["output"]["result"]:
            result["ext"]["override"] |= {"reasons": ["病情需要"], "reason_characters_min": 4}

    model = shown(scenes["warn"].changed(wanting))
    assert all(entry["reason_required"] for entry in model["entries"][:4])
    assert model["headline"] == text("headline_reason", 4)


def test_review_goes_to_the_pharmacist(shown, scenes):
    model = shown(scenes["review"])
    assert actions(model) == [REVIEW]
    assert (model["headline"], model["continue_text"]) == (text("headline_review", 1), TEXTS["button_continue_review"])
    assert model["may_continue"]
    assert model["entries"][0]["reason_required"]


def test_a_block_is_not_gone_on_with(shown, scenes):
    model = shown(scenes["block"])
    assert (model["may_continue"], model["headline"]) == (False, TEXTS["headline_block"])
    assert model["entries"][0]["action"] == BLOCK
    assert "由医师、药师双签并写明理由" in model["entries"][0]["body"]
    assert TEXTS["entry_two_signatures"] in model["entries"][0]["body"]


def test_the_graver_of_result_and_verdict_holds(shown, scenes):
    assert not shown(scenes["warn"], result=2)["may_continue"]
    assert not shown(scenes["block"], result=0)["may_continue"]
    assert shown(scenes["pass"], result=1)["result"] == E_ANSWER, "a warning without anything to show"


def test_what_must_not_be_overridden_is_not(shown, scenes):
    def forbidding(value):
        value["findings"][0]["override"]["allowed"] = False

    model = shown(scenes["reason"].changed(forbidding))
    assert (model["may_continue"], model["headline"]) == (False, TEXTS["headline_block"])


def test_one_cause_with_two_findings_takes_the_stricter_of_each_demand(shown, scenes):
    def merged(value):
        first, second = value["findings"]
        first["override"] |= {"reasons": ["甲"], "reason_characters_min": 2}
        second["override"] |= {"reasons": ["乙", "甲"], "reason_characters_min": 6, "signatures": 2}
        shown = value["display"]["findings"]
        shown[0]["finding_ids"] += shown.pop(1)["finding_ids"]

    (entry,) = shown(scenes["reason"].changed(merged))["entries"]
    assert (entry["reasons"], entry["reason_characters_min"]) == (["甲", "乙"], 6)
    assert TEXTS["entry_two_signatures"] in entry["body"]


# ---- not checked ----


@pytest.mark.parametrize(("result", "cause"), [*((int(r), c) for r, c in TEXTS["results"].items() if r != "other")])
def test_an_outage_says_that_nothing_was_checked(shown, scenes, result, cause):
    model = shown(scenes["outage"], "on", result=result)
    assert (model["checked"], model["headline"]) == (False, "未审核")
    assert (cause in model["notes"], f"代码 {result}" in model["notes"]) == (True, True)
    assert (model["may_continue"], model["continue_text"]) == (True, TEXTS["button_continue_not_checked"])
    assert model["feedback"] is None


def test_every_result_that_is_no_verdict_has_its_cause():
    header = (popup.NATIVE / "include" / "precheck.h").read_text()
    named = re.findall(r"#define PCK_E_\w+ +\((-\d+)\)", header)
    assert len(named) > 20
    assert sorted(named) == sorted(result for result in TEXTS["results"] if result != "other")


def test_a_number_of_a_later_version_is_an_outage_too(shown, scenes):
    assert TEXTS["results"]["other"] in shown(scenes["outage"], result=-199)["notes"]


def test_an_answer_that_judged_nothing_is_not_checked(shown, scenes):
    for state, result in ((NONE, -107), (0, 0), (NONE, 0)):
        model = shown(scenes["none"], "on", result=result, state=state)
        assert (model["checked"], model["headline"], model["feedback"]) == (False, "未审核", None)
        assert "没有当前医嘱" in model["entries"][0]["body"]
    model = shown(scenes["warn"], "on", state=NONE)
    assert (model["checked"], model["feedback"]) == (False, None)


def test_an_outage_is_told_whatever_came_with_it(shown, scenes):
    for answer in (b"", b"{", b"[]", b"null", b'{"error":"x","completeness":"NONE"}', scenes["warn"].answer[:-9]):
        model = shown(type(scenes["warn"])("outage", answer, -100))
        assert (model["result"], model["headline"]) == (0, "未审核")


# ---- what is no answer ----


def _without(*path):
    def change(value):
        *outer, last = path
        for name in outer:
            value = value[name]
        del value[last]

    return change


def _with(value_there, *path):
    def change(value):
        *outer, last = path
        for name in outer:
            value = value[name]
        value[last] = value_there

    return change


BROKEN = {
    "no completeness": _without("completeness"),
    "an unknown completeness": _with("MOST", "completeness"),
    "an unknown verdict": _with("MAYBE", "verdict"),
    "no display": _without("display"),
    "no findings": _without("findings"),
    "no gaps": _without("not_evaluated"),
    "an unknown action": _with("SHOUT", "display", "findings", 0, "action"),
    "no title": _without("display", "findings", 0, "title"),
    "a title that is a number": _with(7, "display", "findings", 0, "title"),
    "a text with a zero in it": _with("a\0b", "display", "findings", 0, "text"),
    "no ways out": _without("display", "findings", 0, "ways_out"),
    "an id that no finding has": _with(["x"], "display", "findings", 0, "finding_ids"),
    "no ids": _with([], "display", "findings", 0, "finding_ids"),
    "no override": _without("findings", 0, "override"),
    "an override that is neither": _with(1, "findings", 0, "override", "allowed"),
    "a number below zero": _with(-1, "findings", 0, "override", "reason_characters_min"),
    "a reason longer than can be given": _with(501, "findings", 0, "override", "reason_characters_min"),
    "reasons that are no texts": _with([1], "findings", 0, "override", "reasons"),
    "a line without its place": _without("findings", 0, "violating", 0, "position"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_not_shown(shown, scenes, name):
    broken = scenes["reason"].changed(BROKEN[name])
    assert shown(broken)["result"] == E_ANSWER


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_half_an_answer_is_none(shown, scenes, cut):
    whole = scenes["warn"].answer
    assert shown(type(scenes["warn"])("warn", whole[:cut], 1))["result"] == E_ANSWER


# ---- what the doctor decided ----


def test_going_back_reports_every_finding(shown, scenes):
    own = json.loads(shown(scenes["reason"], "back")["feedback"])
    assert own == {
        "feedback": [
            {"finding_id": one, "disposition": "went_back", "reason": ""} for one in scenes["reason"].finding_ids
        ]
    }
    national = json.loads(shown(scenes["block"], "back")["feedback"])
    assert national["input"]["data"] == {
        "warn_type": "1",
        "warns": [{"warn_rslt_id": one, "dspo_way": "2", "dspo_way_rea": ""} for one in scenes["block"].finding_ids],
    }


def test_going_on_reports_the_reason_or_that_none_was_asked(shown, scenes):
    feedback = json.loads(shown(scenes["reason"], "on", 1, '已与患者"谈话"', 0, "")["feedback"])["feedback"]
    assert [entry["disposition"] for entry in feedback] == ["continued"] * 2
    assert feedback[0]["reason"] == '获益大于风险，已安排监测：已与患者"谈话"'
    assert feedback[1]["reason"] == TEXTS["reason_not_asked"]


def test_the_transaction_of_a_settlement_is_told(shown, scenes):
    settling = scenes["warn"].changed(_with("3102", "output", "ext", "transaction"))
    assert json.loads(shown(settling, "back")["feedback"])["input"]["data"]["warn_type"] == "2"


def test_what_a_reason_lacks(shown, scenes):
    def lacks(*given):
        return shown(scenes["reason"], "back", *given)["entries"][0]["lacks"]

    assert lacks(0, "") == text("missing_reason", 1)
    assert lacks(0, "病情") == text("missing_words", 1, 4)
    assert lacks(0, "病情需要") is None
    assert lacks(1, "") is None
    assert lacks(1, "短") is None
    assert lacks(0, "字" * 500) is None
    assert lacks(0, "字" * 501) == text("reason_too_long", 1, 500)
    assert lacks(1, "字" * 500) == text("reason_too_long", 1, 500)
    assert lacks(0, "\U00020000" * 251) == text("reason_too_long", 1, 500)


@pytest.mark.parametrize("demanding", ["其他", "其它原因", "其他（请写明）", "确需使用，注明理由"])
@pytest.mark.parametrize("characters_min", [0, 4])
def test_a_reason_that_says_to_write_is_none_with_nothing_written(shown, scenes, demanding, characters_min):
    """The number of characters was demanded only where no reason was chosen."""

    def change(value):
        for finding in value["findings"]:
            finding["override"]["reasons"] = [demanding, "无其他可选药物", "患者情况特殊，已注明理由"]
            finding["override"]["reason_characters_min"] = characters_min

    scene = scenes["reason"].changed(change)

    def lacks(*given):
        return shown(scene, "back", *given)["entries"][0]["lacks"]

    assert lacks(1, "") == text("missing_words", 1, max(characters_min, 1))
    assert lacks(1, "病") == (text("missing_words", 1, characters_min) if characters_min else None)
    assert lacks(1, "病情需要") is None
    assert [lacks(2, ""), lacks(3, "")] == [None, None]


def test_the_feedback_fits_into_what_is_asked_for(shown, scenes):
    longest = ("\U00020000" * 250, "字" * 500)
    for scene in scenes.values():
        for words in longest:
            model = shown(scene, "on", *[0, words] * 60)
            assert len(model["feedback"] or "") < max(model["feedback_bytes_max"], 1)
            assert (model["feedback_bytes_max"] > 0) == (model["feedback"] is not None)


def test_no_more_findings_than_a_server_takes(shown, scenes):
    def many(value):
        first = value["findings"][0]
        value["findings"] = [first | {"finding_id": str(number)} for number in range(1001)]
        value["display"]["findings"] = [
            value["display"]["findings"][0] | {"finding_ids": [str(number) for number in range(1001)]}
        ]

    feedback = json.loads(shown(scenes["reason"].changed(many), "back")["feedback"])["feedback"]
    assert [entry["finding_id"] for entry in feedback] == [str(number) for number in range(1000)]


@pytest.mark.parametrize("choice", ["on", "back"])
@pytest.mark.parametrize("name", ["warn", "reason", "review", "block", "hint", "long"])
def test_a_real_server_takes_the_feedback(server, shown, scenes, name, choice):
    scene = scenes[name]
    feedback = shown(scene, choice, *[1, "已核对"] * 60)["feedback"]
    path = "/nhsa/3103" if scene.national else "/v1/feedback"
    status, _, content = server.post_bytes(path, feedback.encode())
    assert status == 200, content
    answer = json.loads(content)
    recorded = answer["output"]["ext"] if scene.national else answer
    assert recorded == {"recorded": len(scene.finding_ids), "unmatched": []}


# ---- memory, and anything at all ----


@pytest.mark.parametrize("name", ["warn", "reason", "block", "none", "outage"])
def test_every_allocation_may_fail(model_driver, scenes, tmp_path, name):
    file = tmp_path / "answer.json"
    file.write_bytes(scenes[name].answer)
    done = subprocess.run(
        [model_driver, "starve", str(scenes[name].result), "0", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[0]) > 5


def test_a_few_seconds_of_fuzzing_find_nothing(scenes, tmp_path):
    popup.prepare_fuzzer()
    for name, scene in scenes.items():
        (tmp_path / name).write_bytes(scene.answer)
    done = popup.fuzz(FUZZ_SECONDS, tmp_path)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-6000:]
