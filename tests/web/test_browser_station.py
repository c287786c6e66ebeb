"""The example station for browser HISs, in a real browser against a real server: native/examples/browser."""

import contextlib
import http.server
import json
import socket
import threading
import time

import pytest

from client_shim import dist
from tests.popup import chromium
from tests.web.messages import WOMEN_DRUG, message, order
from tests.web.product import PATIENCE_S, ROOT, Server, until

pytestmark = pytest.mark.timeout(300)
EXAMPLE = "examples/browser"
"""Where it stands in the kit that vendors get."""
SAMPLES = ROOT / "docs" / "samples"
PACKS = ("nhsa", "safety-cn")
PATIENT_MS = 20_000


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The kit as a HIS would serve it, from an origin of its own."""
    folder = tmp_path_factory.mktemp("site")
    dist.copy_shipped(folder)
    with chromium.serving(folder) as address:
        yield address


@pytest.fixture(scope="module")
def server(site, tmp_path_factory):
    packs = [option for name in PACKS for option in ("--pack", ROOT / "ruleset" / "packs" / name)]
    data = tmp_path_factory.mktemp("browser") / "data"
    with Server(data, *packs, env={"PRECHECK_ALLOWED_ORIGINS": site}) as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if chromium.program() is None:
        pytest.skip("no Chromium here: `make test-popup` installs it")
    with chromium.Browser(tmp_path_factory.mktemp("profile")) as running:
        running.size(1100, 800)
        yield running


class Station:
    """The open page, worked as a doctor works it."""

    def __init__(self, browser, site, servers, deadline_ms=PATIENT_MS):
        self.browser = browser
        addresses = ",".join(f"http://{server}" for server in servers)
        browser.open(f"{site}/{EXAMPLE}/station.html?servers={addresses}&deadline={deadline_ms}&station=browser")

    def text(self, selector):
        return self.browser.run(f"(document.querySelector({json.dumps(selector)}) || {{}}).textContent || ''")

    @property
    def status(self):
        return self.text("#status")

    @property
    def kind(self):
        return self.browser.run("document.getElementById('status').dataset.kind")

    @property
    def popup(self):
        return self.text(".precheck-popup")

    def write(self, document, layout="json"):
        """Put a message (text or value) into the page."""
        text = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
        self.browser.run(
            f"document.getElementById('format').value = {json.dumps(layout)};"
            f"document.getElementById('message').value = {json.dumps(text)};"
            "document.getElementById('message').dispatchEvent(new Event('input'))"
        )

    def save(self):
        """Press the button, and wait until the station has said something or asks."""
        self.browser.run("document.getElementById('save').click()")
        until(lambda: self.popup or self.status not in ("", "正在审核……"), "the station says something")

    def press(self, selector):
        self.browser.run(f"document.querySelector({json.dumps(selector)}).click()")
        until(lambda: self.status not in ("", "正在审核……"), "the station says something")


@pytest.fixture
def station(browser, site, server):
    return Station(browser, site, [server.http])


def test_a_prescription_that_passes_is_saved_without_a_word(station):
    station.write(SAMPLES.joinpath("outpatient-complete.json").read_text(), "3101")
    station.save()
    assert (station.status, station.kind, station.popup) == ("已保存", "saved", "")


def test_what_the_page_shows_of_the_message(station):
    assert station.text("#patient") == "患者：示例患者甲"
    assert station.text("#lines").replace("\n", "") == "1克霉唑阴道片128.5028.502住院诊查费120.0020.00"
    station.write("{broken")
    assert "不是 JSON" in station.text("#patient")
    assert station.browser.run("document.getElementById('save').disabled") is True


def test_a_warning_is_shown_and_going_back_saves_nothing(station, server):
    station.save()
    assert "限女性使用" in station.popup
    assert station.status == "正在审核……", "nothing is saved while the doctor reads"
    station.browser.key("Escape")
    until(lambda: station.kind == "back", "the doctor went back")
    assert station.status == "没有保存，请修改"
    assert server.rows("SELECT count(*) FROM feedback")[0][0] >= 1


def test_going_on_despite_a_warning_is_saved_and_reported(station, server):
    before = server.rows("SELECT count(*) FROM feedback")[0][0]
    station.write(message([order(WOMEN_DRUG)]), "3101")
    station.save()
    station.press(".precheck-continue")
    assert station.status.startswith("医生看过提醒后保存")
    assert "反馈没有记上" not in station.status
    assert server.rows("SELECT count(*) FROM feedback")[0][0] > before


def test_enter_never_goes_on(station):
    station.save()
    station.browser.key("Enter")
    assert station.popup
    assert station.kind == ""
    station.browser.key("Escape")
    until(lambda: station.kind == "back", "the doctor went back")


def test_a_block_has_no_way_on(station):
    station.write(SAMPLES.joinpath("block.json").read_text(), "3101")
    station.save()
    assert "拦截" in station.popup
    assert station.browser.run("document.querySelector('.precheck-continue')") is None
    station.press(".precheck-back")
    assert station.kind == "back"


def test_a_pass_that_is_partial_says_so_and_shows_it_on_demand(station):
    station.write(SAMPLES.joinpath("pass.json").read_text(), "3101")
    station.save()
    assert (station.status, station.kind) == ("已保存，部分未判断", "doubt")
    station.browser.run("document.getElementById('details').click()")
    assert "未判断" in station.popup


def test_a_document_that_is_refused_is_not_checked(station):
    station.write({"no": "document"})
    station.save()
    assert "未审核" in station.popup
    station.press(".precheck-continue")
    assert station.status.startswith("已保存，未审核")
    assert "no" in station.status
    assert station.kind == "unchecked"


def test_nothing_judged_is_not_checked(station):
    station.write(SAMPLES.joinpath("no-current-line.json").read_text(), "3101")
    station.save()
    assert "未审核" in station.popup
    station.browser.key("Escape")
    until(lambda: station.kind == "back", "the doctor went back")


def test_the_request_reaches_the_server_with_station_and_request_id(station, server):
    document = json.loads(SAMPLES.joinpath("own-check.json").read_text())
    station.write(document)
    station.save()
    stations = {row[0] for row in server.rows("SELECT station_id FROM decision")}
    assert "browser" in stations


# ---- faults ----


@pytest.mark.parametrize(
    "broken",
    ["PrecheckPopup.show = () => { throw new Error('没有弹窗'); }", "PrecheckPopup = undefined"],
    ids=["a popup that fails", "no popup at all"],
)
def test_a_failure_of_the_page_itself_is_not_checked_and_leaves_the_button(station, broken):
    """With its scripts missing it said 正在审核 for ever, and could not be asked again."""
    station.browser.run(broken)
    station.save()
    assert (station.kind, station.status[:9]) == ("unchecked", "没有保存，未审核（")
    assert station.browser.run("document.getElementById('save').disabled") is False


@contextlib.contextmanager
def listening(handle):
    """A server by hand: `handle(sock)` has each connection."""
    threads = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = listener.accept()
                    threads.append(threading.Thread(target=serve, args=(sock,), daemon=True))
                    threads[-1].start()

        def serve(sock):
            with contextlib.suppress(OSError), sock:
                handle(sock)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def replying(status, body, kind="application/json"):
    """A handler that answers every request so, with leave for every page."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_OPTIONS(self):
            self.send_response(200)
            self._leave()
            self.end_headers()

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self._leave()
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def _leave(self):
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Access-Control-Allow-Headers", "*")

        def log_message(self, *_):
            pass

    return lambda sock: Handler(sock, sock.getpeername(), None)


def silent(sock):
    time.sleep(PATIENCE_S)


def gone(sock):
    sock.close()


PASSED = json.dumps({"verdict": "PASS", "completeness": "COMPLETE", "check_id": "x", "revision": "x", "stale": True,
                     "findings": [], "hints": [], "not_evaluated": [], "display": {"findings": [], "missing": []}})  # fmt: skip
FAULTS = {
    "silent": (silent, "没有答复"),
    "gone": (gone, "连不上"),
    "unavailable": (replying(503, b'{"error": "draining", "completeness": "NONE"}'), "draining"),
    "busy, in plain text": (replying(503, b"Service Unavailable", "text/plain"), "HTTP 503"),
    "a fault of the server": (replying(500, b'{"error": "internal error"}'), "internal error"),
    "a proxy's page": (replying(200, b"<html>login</html>", "text/html"), "HTTP 200"),
    "an answer without its head": (replying(200, b'{"output": {}}'), "答复不是审核服务的"),
    "half an answer": (replying(200, PASSED[: len(PASSED) // 2].encode()), "HTTP 200"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_not_checked_and_never_a_pass(browser, site, name):
    handle, told = FAULTS[name]
    with listening(handle) as address:
        station = Station(browser, site, [address], 1500)
        station.save()
        assert "未审核" in station.popup
        assert "通过" not in station.popup
        station.press(".precheck-continue")
        assert station.status.startswith("已保存，未审核")
        assert told in station.status


@pytest.mark.parametrize("name", FAULTS)
def test_with_a_backup_a_fault_costs_no_check(browser, site, server, name):
    handle, _ = FAULTS[name]
    with listening(handle) as address:
        station = Station(browser, site, [address, server.http], 3000)
        station.write(SAMPLES.joinpath("outpatient-complete.json").read_text(), "3101")
        station.save()
        assert station.status == "已保存", station.popup


def test_a_failure_beside_a_silent_server_brings_the_next_one_at_once(browser, site, server):
    """The third server was asked only after a share of the time, where the second failed beside a silent first one.

    The first one answers before that share is over: whose answer is shown tells whether the third was asked in time.
    """

    def late(sock):
        time.sleep(1.5)  # twice: a browser asks for leave first
        replying(200, PASSED.encode())(sock)

    with listening(late) as slow, listening(gone) as broken:
        station = Station(browser, site, [slow, broken, server.http], 6000)
        station.write(SAMPLES.joinpath("outpatient-complete.json").read_text(), "3101")
        station.save()
        assert station.status == "已保存", "the first server's answer would be a stale one"


def test_what_changes_during_its_check_is_not_shown_as_saved(browser, site):
    """An edit gave the button back, and the outcome of the old message landed on the new one."""

    def late(sock):
        time.sleep(0.7)
        replying(200, PASSED.encode())(sock)

    with listening(late) as slow:
        station = Station(browser, site, [slow], 8000)
        browser.run("document.getElementById('save').click()")
        station.write(SAMPLES.joinpath("block.json").read_text(), "3101")
        assert browser.run("document.getElementById('save').disabled") is True
        assert browser.run("document.getElementById('message').readOnly") is True
        until(lambda: station.kind, "the station says something")
        assert station.status == "没有保存，未审核（审核期间报文改了，请再审核）"
        assert browser.run("document.getElementById('save').disabled") is False


def test_feedback_goes_to_a_server_that_works_and_is_no_probe(browser, site, server):
    """A while after the first server had failed, feedback was sent to it, and lost."""
    before = server.rows("SELECT count(*) FROM feedback")[0][0]
    with listening(gone) as broken:
        station = Station(browser, site, [broken, server.http], 3000)
        station.save()
        assert station.popup
        time.sleep(1.5)  # longer than the first server's breaker is open
        browser.key("Escape")
        until(lambda: station.kind == "back", "the doctor went back")
    assert station.status == "没有保存，请修改"
    assert server.rows("SELECT count(*) FROM feedback")[0][0] > before


def test_what_could_not_be_judged_says_why_when_it_is_saved(station):
    station.write(SAMPLES.joinpath("no-current-line.json").read_text(), "3101")
    station.save()
    station.press(".precheck-continue")
    assert station.status == "已保存，未审核（审核服务收到了，但没有一项能够判断）"


def test_a_page_whose_origin_is_not_allowed_gets_no_check(browser, site, product):
    station = Station(browser, site, [product.http])
    station.save()
    assert "未审核" in station.popup


def test_a_stale_answer_says_so(browser, site):
    with listening(replying(200, PASSED.encode())) as address:
        station = Station(browser, site, [address])
        station.save()
        assert (station.status, station.kind) == ("已保存，规则或病历数据可能不是最新", "doubt")
        station.browser.run("document.getElementById('details').click()")
        assert "可能不是最新" in station.popup


@pytest.mark.parametrize(
    ("verdict", "status", "kind"),
    [("BLOCK", "没有保存，请修改：已拦截，原因无法显示，请联系药师", "back"), ("WARN", "", "")],
)
def test_an_answer_that_the_popup_cannot_read_never_lifts_a_block(browser, site, verdict, status, kind):
    """A finding of a later version made a BLOCK into a 未审核 that could be gone on with."""
    odd = {
        **json.loads(PASSED),
        "verdict": verdict,
        "stale": False,
        "display": {"findings": [{"action": "NEW"}], "missing": []},
    }
    with listening(replying(200, json.dumps(odd).encode())) as address:
        station = Station(browser, site, [address])
        station.save()
        if verdict == "BLOCK":
            assert (station.status, station.kind, station.popup) == (status, kind, "")
        else:
            assert "未审核" in station.popup
