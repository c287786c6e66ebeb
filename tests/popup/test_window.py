"""The window itself, under Wine: looked at and pressed on as a person does, by real keys."""

import contextlib
import json
import shutil
import time

import pytest

from client_shim import build, popup
from client_shim.steps import locked
from client_shim.targets import WINDOWS_X64 as X64
from client_shim.targets import WINDOWS_X86 as X86
from tests.popup import desktop as desktops
from tests.popup.scenes import PARTIAL, STALE

pytestmark = pytest.mark.timeout(300)  # whichever comes first has things built
TEXTS = popup.texts()
BACK, GO_ON, SOURCES, PREVIOUS, NEXT, HEADLINE, NOTES, PANEL, PROBLEM, PAGE, FOOTER, ROW = 2, *range(100, 111)
ROW_CONTROLS = 6
TITLE, BODY, LABEL, REASONS, MORE, WORDS = range(ROW_CONTROLS)
CONTINUED, WENT_BACK, CONTINUED_NOT_CHECKED = 0, 1, 2
E_ARGUMENT, E_BUFFER, E_ANSWER, E_CLOSED = -1, -5, -201, -203


both = pytest.mark.parametrize(
    "desktop",
    [pytest.param(X64, id="x64"), pytest.param(X86, id="x86", marks=pytest.mark.long)],
    indirect=True,
    scope="module",
)
"""On both kinds of Windows; what is not marked by it is shown on x64 alone."""


def some(*short, more=()):
    """The scenes of the short form, and those of the long one besides."""
    return [*short, *(pytest.param(name, marks=pytest.mark.long) for name in more)]


@pytest.fixture(scope="module")
def desktop(request, tmp_path_factory):
    target = getattr(request, "param", X64)
    reason = desktops.why_not(target)
    if reason:
        pytest.skip(reason)
    with desktops.Desktop(tmp_path_factory.mktemp("desktop"), target=target) as made:
        yield made


class Shown:
    """The window of a scene."""

    def __init__(self, desktop, running):
        self.desktop = desktop
        self.running = running
        assert desktop.command("wait") == ["there"], running.complained

    def press(self, *keys):
        for key in keys:
            self.desktop.command(f"key {key}")

    def all(self):
        return {control.id: control for control in self.desktop.controls()[1:]}

    def control(self, number):
        return self.all()[number]

    @property
    def box(self):
        return self.desktop.controls()[0]

    @property
    def focused(self):
        return next(number for number, control in self.all().items() if control.focused)

    @property
    def is_open(self):
        return self.running.process.poll() is None

    def row(self, entry, part):
        return ROW + entry * ROW_CONTROLS + part

    def choice(self):
        """Return the exit code, and the feedback as JSON; None if there is none."""
        code = self.running.ends()
        printed = self.running.printed
        return code, json.loads(printed) if printed else None


@pytest.fixture
def window(desktop, scenes):
    """A function that shows a scene by the program."""
    with contextlib.ExitStack() as stack:

        def show(name, *options):
            scene = scenes[name]
            file = desktop.shared / "answer.json"
            file.write_bytes(scene.answer)
            answer = [desktop.inside(file)] if scene.answer else []
            running = desktop.start(popup.PROGRAM, "--result", scene.result, *options, *answer)
            stack.callback(running.put_away)
            return Shown(desktop, running)

        show.desktop = desktop
        yield show


def overlap(one, other):
    return one.left < other.right and other.left < one.right and one.top < other.bottom and other.top < one.bottom


# ---- keys ----


@both
@pytest.mark.parametrize("name", some("reason", "outage", more=["pass", "hint", "warn", "block", "none"]))
def test_escape_goes_back(window, scenes, name):
    shown = window(name)
    shown.press("ESCAPE")
    code, feedback = shown.choice()
    assert code == WENT_BACK
    ids = scenes[name].finding_ids if name not in {"outage", "none"} else []
    assert (feedback is None) == (not ids)
    assert all(
        "went_back" in str(entry) or "'dspo_way': '2'" in str(entry) for entry in (feedback or {}).get("feedback", [])
    )


@both
@pytest.mark.parametrize("name", some("reason", "block", "outage", more=["hint", "warn", "review"]))
def test_enter_never_goes_on(window, name):
    """Wherever Tab leads: it presses no button that decides but the one that goes back."""
    shown = window(name)
    seen = set()
    while (focused := shown.focused) not in seen:
        seen.add(focused)
        if focused != BACK:
            shown.press("RETURN")
            assert shown.is_open
            if focused == SOURCES:
                shown.press("RETURN")
        shown.press("TAB")
    assert BACK in seen
    assert (GO_ON in seen) == (name != "block")
    while shown.focused != BACK:
        shown.press("TAB")
    shown.press("RETURN")
    assert shown.choice()[0] == WENT_BACK


def test_the_window_begins_at_its_first_entry(window):
    shown = window("warn")
    assert shown.focused == shown.row(0, BODY)
    shown.press("SPACE", "C", "B", "1", "DOWN")
    assert shown.is_open, "what a doctor was still typing decides nothing"
    shown.press("ESCAPE")
    assert shown.choice()[0] == WENT_BACK


def test_tab_goes_through_everything_and_back(window):
    shown = window("reason")
    order = []
    for _ in range(7):
        order.append(shown.focused)
        shown.press("TAB")
    first = [shown.row(0, part) for part in (BODY, REASONS, WORDS)]
    assert order == [*first, shown.row(1, BODY), SOURCES, BACK, GO_ON]
    assert shown.focused == order[0]
    shown.press("SHIFT+TAB")
    assert shown.focused == GO_ON
    shown.press("ESCAPE")


@pytest.mark.parametrize("button", some(GO_ON, more=[BACK, SOURCES]))
def test_on_a_button_a_letter_alone_is_no_shortcut(window, button):
    shown = window("warn")
    while shown.focused != button:
        shown.press("TAB")
    shown.press("C", "B")
    assert shown.is_open
    shown.press("ESCAPE")


@pytest.mark.parametrize("way", [["ALT+C"], ["SHIFT+TAB", "SPACE"]])
def test_going_on_takes_its_own_button(window, scenes, way):
    shown = window("warn")
    shown.press(*way)
    code, feedback = shown.choice()
    assert code == CONTINUED
    warns = feedback["input"]["data"]["warns"]
    assert [warn["warn_rslt_id"] for warn in warns] == scenes["warn"].finding_ids
    assert {(warn["dspo_way"], warn["dspo_way_rea"]) for warn in warns} == {("1", TEXTS["reason_not_asked"])}


def test_alt_b_goes_back(window):
    shown = window("warn")
    shown.press("ALT+B")
    assert shown.choice()[0] == WENT_BACK


# ---- reasons ----


@both
def test_no_going_on_without_a_reason(window):
    shown = window("reason")
    assert shown.control(PROBLEM).text == ""
    shown.press("ALT+C")
    assert shown.is_open
    assert shown.control(PROBLEM).text == TEXTS["missing_reason"].replace("{}", "1")
    assert shown.focused == shown.row(0, REASONS)
    shown.press("ALT+M")
    assert shown.focused == shown.row(0, WORDS)
    shown.desktop.command("text 病情")
    shown.press("ALT+C")
    assert shown.is_open
    assert shown.control(PROBLEM).text == TEXTS["missing_words"].replace("{}", "%s") % (1, 4)
    shown.press("ALT+M")
    shown.press("END")
    shown.desktop.command('text 需要"已谈话"')
    shown.press("ALT+C")
    code, feedback = shown.choice()
    assert code == CONTINUED
    assert feedback["feedback"][0]["reason"] == '病情需要"已谈话"'
    assert feedback["feedback"][1]["reason"] == TEXTS["reason_not_asked"]


def test_a_reason_from_the_list(window, scenes):
    shown = window("reason")
    shown.press("ALT+R", "DOWN", "DOWN", "TAB")
    assert shown.control(shown.row(0, REASONS)).text == "已停用其一，医嘱未更新"
    shown.desktop.command("text 明日停")
    shown.press("ALT+C")
    code, feedback = shown.choice()
    assert code == CONTINUED
    assert feedback["feedback"][0] == {
        "finding_id": scenes["reason"].finding_ids[0],
        "disposition": "continued",
        "reason": "已停用其一，医嘱未更新：明日停",
    }


def test_enter_and_escape_close_an_open_list_first(window):
    shown = window("reason")
    shown.press("ALT+R", "ALT+DOWN", "DOWN", "RETURN")
    assert shown.is_open
    shown.press("ALT+DOWN", "ESCAPE")
    assert shown.is_open
    shown.press("ESCAPE")
    assert shown.choice()[0] == WENT_BACK


def test_going_on_to_the_pharmacist_needs_a_reason_too(window):
    shown = window("review")
    assert shown.control(GO_ON).text == TEXTS["button_continue_review"]
    shown.press("ALT+C")
    assert shown.is_open
    shown.press("DOWN", "ALT+C")
    assert shown.choice()[0] == CONTINUED


def test_a_block_has_no_button_to_go_on(window):
    shown = window("block")
    assert not shown.control(GO_ON).visible
    shown.press("ALT+C")
    assert shown.is_open
    shown.press("ESCAPE")
    code, feedback = shown.choice()
    assert (code, feedback["input"]["data"]["warns"][0]["dspo_way"]) == (WENT_BACK, "2")


# ---- not checked ----


@both
@pytest.mark.parametrize("name", ["outage", "none"])
def test_going_on_unchecked_has_a_number_of_its_own_and_records_nothing(window, name):
    shown = window(name)
    assert shown.control(HEADLINE).text == "未审核"
    assert "不等于合规" in shown.control(NOTES).text
    assert "未发现" not in str(shown.all())
    shown.press("ALT+C")
    assert shown.choice() == (CONTINUED_NOT_CHECKED, None)


# ---- what is in sight ----


@pytest.mark.parametrize("name", some("reason", "long", more=["hint", "partial", "warn", "block", "none"]))
def test_nothing_is_cut_off_or_covered(window, desktop, name):
    shown = window(name, "--state", PARTIAL | STALE)
    controls, box = shown.all(), shown.box
    width, height = desktop.size
    assert 0 <= box.left < box.right <= width
    assert 0 <= box.top < box.bottom <= height
    notes = controls[NOTES].text
    assert TEXTS["note_stale"] in notes or name == "none"
    visible = {number: control for number, control in controls.items() if control.visible and number < ROW}
    for control in visible.values():
        assert box.left <= control.left <= control.right <= box.right
        assert box.top <= control.top <= control.bottom <= box.bottom
    for number, control in visible.items():
        others = [other for other in visible if other > number]
        assert [other for other in others if overlap(control, visible[other])] == []
    panel = controls[PANEL]
    rows = [control for number, control in controls.items() if number >= ROW and control.visible]
    assert all(panel.left <= control.left <= control.right <= panel.right for control in rows)
    shown.press("ESCAPE")


def test_sources_are_shown_on_demand(window, scenes):
    shown = window("warn")
    source = scenes["warn"].head["display"]["findings"][0]["sources"][0]
    assert source not in shown.control(shown.row(0, BODY)).text
    shown.press("ALT+S")
    assert source in shown.control(shown.row(0, BODY)).text
    shown.press("ALT+S")
    assert source not in shown.control(shown.row(0, BODY)).text
    shown.press("ESCAPE")


@pytest.mark.long
def test_many_findings_are_shown_in_pages_and_their_reasons_kept(window, scenes):
    shown = window("long")
    entries = len(scenes["long"].head["display"]["findings"]) + 1
    pages = -(-entries // 20)
    assert pages == 3
    titles = []
    shown.press("ALT+R", "DOWN", "ALT+C")
    assert "第 2 项" in shown.control(PROBLEM).text
    for page in range(pages):
        assert shown.control(PAGE).text == f"第 {page + 1} 页，共 {pages} 页"
        controls = shown.all()
        titles += [
            controls[number].text for number in sorted(controls) if number >= ROW and (number - ROW) % 6 == TITLE
        ]
        shown.press("ALT+N")
    assert len(titles) == entries
    assert [title.partition(".")[0] for title in titles] == [str(number + 1) for number in range(entries)]
    shown.press("ALT+P", "ALT+P")
    assert shown.control(PAGE).text == f"第 1 页，共 {pages} 页"
    assert shown.control(shown.row(0, REASONS)).text == "获益大于风险，已安排监测"
    shown.press("ALT+N", "ALT+N", "ALT+C")
    assert shown.control(PAGE).text == f"第 1 页，共 {pages} 页"
    assert "第 2 项" in shown.control(PROBLEM).text
    shown.press("ESCAPE")
    assert shown.choice()[0] == WENT_BACK


@pytest.mark.long
def test_page_keys_scroll_and_tab_brings_into_sight(window):
    shown = window("long")

    def top():
        return shown.control(shown.row(0, TITLE)).top

    before = top()
    shown.press("PAGEDOWN")
    assert top() < before
    shown.press("PAGEUP")
    assert top() == before
    for _ in range(14):
        shown.press("TAB")
    focused, panel = shown.control(shown.focused), shown.control(PANEL)
    assert panel.top <= focused.top < focused.bottom <= panel.bottom
    shown.press("ESCAPE")


def test_another_monitor_scales_everything_and_stays_on_the_screen(window, desktop):
    shown = window("reason")
    small = shown.all()
    desktop.command("dpi 144")
    large, box = shown.all(), shown.box
    for number in (BACK, GO_ON, shown.row(0, TITLE), shown.row(0, REASONS)):
        ratio = (large[number].bottom - large[number].top) / (small[number].bottom - small[number].top)
        assert 1.35 < ratio < 1.65
    assert (box.right <= desktop.size[0], box.bottom <= desktop.size[1]) == (True, True)
    desktop.command("dpi 96")
    again = shown.all()
    for number in (BACK, GO_ON, shown.row(0, TITLE), shown.row(0, REASONS)):
        assert again[number].bottom - again[number].top == small[number].bottom - small[number].top
    shown.press("ESCAPE")


@pytest.mark.long
def test_a_small_window_keeps_its_buttons(window, desktop):
    shown = window("reason")
    desktop.command("size 100 100")
    box, controls = shown.box, shown.all()
    for number in (BACK, GO_ON):
        assert box.left <= controls[number].left < controls[number].right <= box.right
    shown.press("ESCAPE")


# ---- the program ----


def test_the_feedback_goes_to_a_file(window, desktop):
    file = desktop.shared / "feedback.json"
    shown = window("warn", "--feedback", desktop.inside(file))
    shown.press("ALT+C")
    assert shown.choice() == (CONTINUED, None)
    assert json.loads(file.read_bytes())["infno"] == "3103"


def bring_the_library(desktop):
    """Put precheck.dll beside the program."""
    with locked():
        build.build_for(desktop.target)
    if desktop.programs != desktop.target.folder:
        shutil.copy(desktop.target.output, desktop.programs)


@both
def test_the_program_sends_the_feedback_by_the_library_beside_it(window, desktop, scenes, server):
    bring_the_library(desktop)
    station = f"弹窗-{desktop.target.name}"
    shown = window("reason", "--servers", server.grpc, "--station", station)
    shown.press("ALT+R", "DOWN", "ALT+C")
    code, feedback = shown.choice()
    assert (code, shown.running.complained) == (CONTINUED, "")
    query = "SELECT finding_id, disposition, reason, station_id FROM feedback WHERE station_id = ? ORDER BY id"
    assert server.rows(query, station) == [
        (entry["finding_id"], "continued", entry["reason"], station) for entry in feedback["feedback"]
    ]


def read_box(shown, text):
    """Wait for a message box with this text after the window, see that it waits to be read, and press on it."""
    give_up = time.monotonic() + desktops.PATIENCE_S
    while text not in (texts := [control.text for control in shown.desktop.controls()]):
        assert time.monotonic() < give_up, texts
        assert shown.is_open, "ended without a word"
    assert shown.desktop.command("wait") == ["there"]
    assert shown.is_open
    shown.press("RETURN")


@both
def test_feedback_that_cannot_be_sent_is_told_and_changes_no_choice(window):
    bring_the_library(window.desktop)
    shown = window("warn", "--servers", "127.0.0.1:1")
    shown.press("ALT+C")
    read_box(shown, TEXTS["feedback_not_sent"].format(TEXTS["results"]["-101"], -101))
    code, feedback = shown.choice()
    assert (code, len(feedback["input"]["data"]["warns"])) == (CONTINUED, 4)
    assert "the feedback was not recorded: " in shown.running.complained


def test_feedback_that_cannot_be_written_is_told_and_changes_no_choice(window):
    shown = window("warn", "--feedback", window.desktop.inside(window.desktop.shared / "no-folder" / "feedback.json"))
    shown.press("ESCAPE")
    read_box(shown, TEXTS["feedback_not_written"])
    assert shown.choice() == (WENT_BACK, None)
    assert "the feedback cannot be written" in shown.running.complained


def test_a_command_line_that_cannot_be_read_is_explained(desktop, tmp_path):
    for arguments in (
        [],
        ["--result"],
        ["--result", "x", "a"],
        ["--encoding", "big5", "a"],
        ["a", "b"],
        [tmp_path / "none"],
    ):
        running = desktop.start(popup.PROGRAM, *arguments)
        assert running.ends() == -299 % 256
        assert running.complained


# ---- the library, in a host ----


@pytest.fixture
def host(desktop):
    """A function that starts a host with the library and waits for the window; `keys` press on it."""

    def show(answer, result, state, encoding, cap, *keys, waits=True):
        file = desktop.shared / "answer"
        file.write_bytes(answer)
        running = desktop.start("host.exe", result, state, encoding, cap, desktop.inside(file))
        if waits:
            shown = Shown(desktop, running)
            shown.press(*keys)
        assert running.ends() == 0, running.complained
        lines = running.printed.decode().replace("\r", "").splitlines()
        return dict(line.split("=", 1) for line in lines)

    return show


ENCODINGS = {1: "utf-8", 2: "gb18030", 3: "utf-16-le", 0: "utf-8"}


@both
@pytest.mark.parametrize("encoding", some(2, 3, more=[0, 1]))
def test_a_host_in_each_encoding(host, scenes, server, encoding):
    answer = scenes["warn"].answer.decode().encode(ENCODINGS[encoding])
    told = host(answer, 1, PARTIAL, encoding, -1, "ALT+C")
    assert (told["first"], told["result"], told["version"]) == (str(E_BUFFER), "0", "100")
    assert (told["waited"], told["enabled"]) == ("1", "1")
    feedback = bytes.fromhex(told["feedback"])
    assert len(feedback) == int(told["need"])
    document = feedback.decode(ENCODINGS[encoding]).removesuffix("\0")
    assert "\0" not in document
    assert document.isascii()
    status, _, content = server.post_bytes("/nhsa/3103", document.encode())
    assert (status, json.loads(content)["output"]["ext"]["recorded"]) == (200, 4)


def test_a_buffer_that_might_not_do_is_refused_before_anything_is_shown(host, scenes):
    told = host(scenes["warn"].answer, 1, PARTIAL, 1, 100, waits=False)
    assert (told["result"], told["first_bytes"][:2]) == (str(E_BUFFER), "00")
    assert int(told["need"]) > 100


def test_what_is_no_answer_is_not_shown(host):
    for answer, encoding in ((b"{}", 1), (b"\xff\xff\xff", 2), (b"{}", 3), (b"", 1)):
        told = host(answer, 1, PARTIAL, encoding, 70000, waits=False)
        assert (told["result"], told["need"], told["feedback"]) == (str(E_ANSWER), "0", "")


@pytest.mark.parametrize(
    ("result", "state", "encoding", "answer"),
    [(3, 1, 1, b"{}"), (1, -1, 1, b"{}"), (1, 1, 4, b"{}"), (1, 1, 3, b"{} ")],
)
def test_arguments_that_are_wrong(host, result, state, encoding, answer):
    assert host(answer, result, state, encoding, 70000, waits=False)["result"] == str(E_ARGUMENT)


def test_a_host_that_ends_has_no_choice_made_for_it(window, desktop):
    shown = window("warn")
    desktop.command("quit")
    assert shown.choice() == (E_CLOSED % 256, None)


def test_one_window_after_the_other(window):
    """Each takes the keyboard anew, and nothing of the one before is left."""
    for _ in range(3):
        shown = window("warn")
        shown.press("ALT+C")
        assert shown.choice()[0] == CONTINUED
        time.sleep(0.1)
