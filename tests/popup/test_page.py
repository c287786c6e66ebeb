"""The page: it shows and reports what the window does, to the letter, and is worked by the keyboard in a real browser."""

import json
import shutil
import subprocess
from dataclasses import replace

import pytest

from client_shim import popup
from tests.popup import chromium
from tests.popup.chromium import ALT, SHIFT
from tests.popup.scenes import PARTIAL, STALE, Scene
from tests.popup.test_model import BROKEN, E_ANSWER

pytestmark = pytest.mark.timeout(300)  # whichever comes first has things built
TEXTS = popup.texts()
SCRIPTS = "".join(f'<script src="{name}.js"></script>' for name in ("texts", "model", "view"))
HOST_PAGE = f"""<!DOCTYPE html><html lang="zh-CN"><meta charset="utf-8"><title>HIS</title>
<link rel="stylesheet" href="popup.css"><body><button id="save">保存</button><input id="other">{SCRIPTS}</body></html>"""
FRAME_PAGE = """<!DOCTYPE html><html lang="zh-CN"><meta charset="utf-8"><title>HIS</title><body>
<iframe src="popup.html" style="width:900px;height:600px"></iframe><script>
var told = [];
window.addEventListener("message", function (event) { told.push(event.data); });
</script></body></html>"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "popup"
    shutil.copytree(popup.POPUP / "html", folder)
    (folder / "host.html").write_text(HOST_PAGE, encoding="utf-8")
    (folder / "frame-host.html").write_text(FRAME_PAGE, encoding="utf-8")
    with chromium.serving(folder) as address:
        yield address


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if chromium.program() is None:
        pytest.skip("no Chromium here: `make test` installs it")
    with chromium.Browser(tmp_path_factory.mktemp("browser")) as running:
        running.size(1000, 800)
        yield running


@pytest.fixture
def page(browser, site):
    browser.open(f"{site}/host.html")
    browser.run("document.getElementById('save').focus()")
    return browser


def show(page, scene, state=0, **changed):
    result = changed.get("result", scene.result)
    script = (
        f"window.chosen = null; PrecheckPopup.show({json.dumps(scene.answer.decode())}, {{result: {result}, state: {state}}})"
        ".then(value => window.chosen = value, error => window.chosen = {error: error.message}); null"
    )
    page.run(script)
    page.run("new Promise(done => setTimeout(done, 0))")


def chosen(page):
    return page.run("new Promise(done => setTimeout(() => done(window.chosen), 0))")


def focused(page):
    return page.run("document.activeElement.className || document.activeElement.tagName")


def problem(page):
    return page.run("document.querySelector('.precheck-problem').textContent")


# ---- the same as the window ----

MODEL = """(function () {
  try {
    const model = PrecheckPopup.read(%s, %d, %d);
    const given = model.entries.map((entry, index) => {
      const [choice, words] = %s[index] || [0, ""];
      return {chosen: choice > 0 && choice <= entry.reasons.length ? entry.reasons[choice - 1] : null, words};
    });
    return {
      result: 0, checked: model.checked, may_continue: model.mayContinue, gravest: model.gravest,
      continue_text: model.continueText, headline: model.headline, notes: model.notes.join("\\n"), footer: model.footer,
      entries: model.entries.map((entry, index) => ({
        action: entry.action, title: entry.title,
        body: [entry.text].concat(entry.more).filter((text) => text !== "").join("\\n"), sources: entry.sources,
        may_continue: entry.mayContinue, reason_required: entry.reasonRequired,
        reason_characters_min: entry.reasonCharactersMin, reasons: entry.reasons, finding_ids: entry.findingIds,
        lacks: PrecheckPopup.lacks(model, index, given[index]),
      })),
      feedback: PrecheckPopup.feedback(model, %s, given),
    };
  } catch (error) {
    if (!(error instanceof PrecheckPopup.AnswerError)) throw error;
    return {result: -201};
  }
})()"""


def both(page, model_driver, tmp_path, scene, state, choice, reasons):
    """Return what page and window make of the same."""
    file = tmp_path / "answer.json"
    file.write_bytes(scene.answer)
    given = [str(word) for reason in reasons for word in reason]
    command = [model_driver, "show", str(scene.result), str(state), file, choice, *given]
    window = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    window.pop("feedback_bytes_max", None)
    if window.get("feedback"):
        window["feedback"] = json.loads(window["feedback"])
    answer = json.dumps(scene.answer.decode())
    go_on = json.dumps(choice == "on")
    return page.run(MODEL % (answer, scene.result, state, json.dumps(reasons), go_on)), window


@pytest.mark.parametrize("words", ["", "病", "病情需要"])
def test_page_and_window_demand_the_same_words_of_a_reason(page, model_driver, tmp_path, scenes, words):
    def change(value):
        for finding in value["findings"]:
            finding["override"]["reasons"] = ["其他（请写明）", "确需使用，注明理由", "已注明理由", "无其他可选药物"]

    scene = scenes["reason"].changed(change)
    for chosen in range(5):
        mine, theirs = both(page, model_driver, tmp_path, scene, 0, "on", [[chosen, words]] * 20)
        assert mine == theirs, chosen


@pytest.mark.parametrize("choice", ["on", "back"])
@pytest.mark.parametrize("state", [0, PARTIAL, PARTIAL | STALE, 4])
def test_page_and_window_say_and_report_the_same(page, model_driver, tmp_path, scenes, state, choice):
    reasons = [[1, "已谈话"], [0, '病情需要"<b>"'], [2, ""], [0, "短"]] * 20
    for scene in scenes.values():
        for result in {scene.result, 0, 1, 2}:
            mine, theirs = both(page, model_driver, tmp_path, replace(scene, result=result), state, choice, reasons)
            assert mine == theirs, (scene.name, result)


def test_page_and_window_refuse_the_same(page, model_driver, tmp_path, scenes):
    for name, change in BROKEN.items():
        mine, theirs = both(page, model_driver, tmp_path, scenes["reason"].changed(change), 0, "on", [])
        assert (mine, theirs) == ({"result": E_ANSWER}, {"result": E_ANSWER}), name


def test_page_and_window_know_the_same_causes(page, model_driver, tmp_path):
    for result in (*range(-13, 0), *range(-108, -99), -199, -900, -901):
        mine, theirs = both(page, model_driver, tmp_path, Scene("outage", b"", result), 0, "on", [])
        assert mine == theirs


@pytest.mark.parametrize(
    ("status", "name", "result"),
    [(200, "warn", 1), (200, "block", 2), (200, "pass", 0), (200, "none", -107), (504, "", -100), (0, "", -101), (503, "", -103),
     (429, "", -103), (400, "", -10), (413, "", -8), (403, "", -11), (404, "", -12), (500, "", -105), (418, "", -105)],
)  # fmt: skip
def test_what_a_call_over_http_means(page, scenes, status, name, result):
    answer = scenes[name].answer.decode() if name else '{"error": "x", "completeness": "NONE"}'
    assert page.run(f"PrecheckPopup.resultOf({status}, {json.dumps(answer)})") == result


@pytest.mark.parametrize("answer", ["", "{", "null", "[]", '{"verdict": "PASS"}', '{"completeness": "COMPLETE"}'])
def test_an_answer_that_is_none_is_not_checked(page, answer):
    assert page.run(f"PrecheckPopup.resultOf(200, {json.dumps(answer)})") == -104


# ---- keys ----


@pytest.mark.parametrize("name", ["warn", "reason", "block", "outage"])
def test_escape_goes_back_and_gives_the_focus_back(page, scenes, name):
    show(page, scenes[name])
    page.key("Escape")
    answer = chosen(page)
    assert answer["choice"] == 1
    assert (answer["feedback"] is None) == (name == "outage")
    assert page.run("document.activeElement.id") == "save"
    assert page.run("document.querySelector('.precheck-cover')") is None


@pytest.mark.parametrize("name", ["hint", "warn", "reason", "block", "outage"])
def test_enter_never_goes_on(page, scenes, name):
    show(page, scenes[name])
    stops = page.run(
        "document.querySelectorAll('.precheck-popup button, .precheck-popup select, .precheck-popup input').length"
    )
    seen = set()
    for _ in range(stops + 1):
        where = focused(page)
        seen.add(where)
        if where != "precheck-back":
            page.key("Enter")
            assert chosen(page) is None, where
        page.key("Tab")
    assert "precheck-back" in seen
    assert ("precheck-continue" in seen) == (name != "block")
    while focused(page) != "precheck-back":
        page.key("Tab")
    page.key("Enter")
    assert chosen(page)["choice"] == 1


def test_tab_stays_inside_both_ways(page, scenes):
    show(page, scenes["reason"])
    order = []
    for _ in range(6):
        order.append(focused(page))
        page.key("Tab")
    assert order == ["precheck-panel", "SELECT", "INPUT", "BUTTON", "precheck-back", "precheck-continue"]
    assert focused(page) == "precheck-panel"
    page.key("Tab", SHIFT)
    assert focused(page) == "precheck-continue"


def test_what_is_still_being_typed_decides_nothing(page, scenes):
    show(page, scenes["warn"])
    for key in (" ", "c", "b", "1"):
        page.key(key)
    assert chosen(page) is None


@pytest.mark.parametrize("by_space", [False, True])
def test_going_on_takes_its_own_button(page, scenes, by_space):
    show(page, scenes["warn"])
    if by_space:
        page.key("Tab", SHIFT)
        page.key(" ")
    else:
        page.key("c", ALT)
    answer = chosen(page)
    assert answer["choice"] == 0
    assert len(answer["feedback"]["input"]["data"]["warns"]) == 4


def test_no_going_on_without_a_reason(page, scenes, server):
    show(page, scenes["reason"])
    page.key("c", ALT)
    assert chosen(page) is None
    assert problem(page) == TEXTS["missing_reason"].replace("{}", "1")
    assert focused(page) == "SELECT"
    page.key("m", ALT)
    page.type("短")
    page.key("c", ALT)
    assert problem(page) == TEXTS["missing_words"].replace("{}", "%s") % (1, 4)
    page.key("r", ALT)
    page.key("ArrowDown")
    page.key("c", ALT)
    answer = chosen(page)
    assert answer["choice"] == 0
    assert answer["feedback"]["feedback"][0]["reason"] == "获益大于风险，已安排监测：短"
    status, recorded = server.post("/v1/feedback", answer["feedback"])
    assert (status, recorded) == (200, {"recorded": 2, "unmatched": []})


def test_a_block_has_no_button_to_go_on(page, scenes):
    show(page, scenes["block"])
    assert page.run("document.querySelector('.precheck-continue')") is None
    page.key("c", ALT)
    assert chosen(page) is None


@pytest.mark.parametrize("name", ["outage", "none"])
def test_going_on_unchecked_has_a_number_of_its_own_and_records_nothing(page, scenes, name):
    show(page, scenes[name])
    assert page.run("document.querySelector('h1.precheck-headline').textContent") == "未审核"
    page.key("c", ALT)
    assert chosen(page) == {"choice": 2, "feedback": None}


def test_sources_on_demand(page, scenes):
    show(page, scenes["warn"])
    hidden = "[...document.querySelectorAll('.precheck-sources')].map(one => one.offsetParent === null)"
    assert page.run(hidden) == [True] * 4
    page.key("s", ALT)
    assert page.run(hidden) == [False] * 4


# ---- for everybody, and against anybody ----


def test_a_screen_reader_is_told_what_it_is(page, scenes):
    show(page, scenes["reason"], PARTIAL)
    tree = page.ask("Accessibility.getFullAXTree")["nodes"]
    named = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n["ignored"]]
    assert ("alertdialog", TEXTS["headline_reason"].replace("{}", "2")) in named
    assert ("combobox", "理由(R)：") in named
    assert ("textbox", "补充(M)：") in named
    assert ("button", "写明理由后继续(C)") in named
    (dialog,) = [n for n in tree if n["role"]["value"] == "alertdialog"]
    assert TEXTS["note_partial_untold"] in dialog["description"]["value"]
    assert {"name": "modal", "value": {"type": "boolean", "value": True}} in dialog["properties"]


@pytest.mark.parametrize(("width", "height"), [(1000, 800), (500, 400), (320, 480)])
def test_it_never_outgrows_the_page(page, scenes, width, height):
    page.size(width, height)
    for name in ("long", "block", "outage"):
        show(page, scenes[name])
        box = page.run(
            "(b => [b.left, b.top, b.right, b.bottom])(document.querySelector('.precheck-popup').getBoundingClientRect())"
        )
        assert box[0] >= 0
        assert box[1] >= 0
        assert (box[2] <= width, box[3] <= height) == (True, True)
        buttons = page.run(
            "[...document.querySelectorAll('.precheck-buttons button')].map(b => b.getBoundingClientRect().bottom)"
        )
        assert max(buttons) <= height
        page.key("Escape")
    page.size(1000, 800)


def test_nothing_of_an_answer_is_html(page, scenes):
    evil = '<img src=x onerror="window.evil = 1"><script>window.evil = 1</script>'

    def poisoned(value):
        for entry in value["display"]["findings"]:
            entry["title"] = entry["text"] = evil
            entry["ways_out"] = entry["sources"] = [evil]
        value["findings"][0]["override"]["reasons"] = [evil]

    show(page, scenes["reason"].changed(poisoned))
    page.key("s", ALT)
    assert page.run("document.querySelectorAll('.precheck-popup img, .precheck-popup script').length") == 0
    assert page.run("window.evil === undefined") is True
    assert evil in page.run("document.querySelector('.precheck-panel').textContent")


def test_what_is_no_answer_is_not_shown(page, scenes):
    show(page, Scene("broken", b"{}", 1))
    assert "error" in chosen(page)
    assert page.run("document.querySelector('.precheck-cover')") is None


def test_a_frame_of_its_own_speaks_by_messages(browser, site, scenes):
    browser.open(f"{site}/frame-host.html")
    browser.run("new Promise(done => { (function poll() { told.length ? done() : setTimeout(poll, 10) })() })")
    assert browser.run("told") == [{"type": "precheck-popup-ready"}]
    ask = {"type": "precheck-popup-show", "id": 7, "answer": scenes["warn"].answer.decode(), "result": 1}
    post = "document.querySelector('iframe').contentWindow.postMessage(%s, location.origin)"
    browser.run(post % json.dumps(ask))
    browser.run("new Promise(done => setTimeout(done, 200))")
    browser.run("document.querySelector('iframe').contentDocument.querySelector('.precheck-continue').click()")
    browser.run(post % json.dumps(ask | {"id": 8, "answer": "{"}))
    told = browser.run(
        "new Promise(done => { (function poll() { told.length > 2 ? done(told) : setTimeout(poll, 10) })() })"
    )
    assert (told[1]["type"], told[1]["id"], told[1]["choice"]) == ("precheck-popup-chosen", 7, 0)
    assert len(told[1]["feedback"]["input"]["data"]["warns"]) == 4
    assert (told[2]["type"], told[2]["id"]) == ("precheck-popup-failed", 8)
