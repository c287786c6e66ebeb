"""The examples in vendors' languages: one test drives them all, against the real server and against one that misbehaves.

Where a compiler is missing its language is skipped and says so; `make test-kit` installs them all and skips none.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from precheck.v1 import check_pb2

from client_shim import popup
from client_shim.steps import NATIVE
from client_shim.targets import WINDOWS_X64
from server.conformance.samples import DEFAULT_FOLDER
from tests.abi.certificates import NAME
from tests.abi.certificates import make as make_certificates
from tests.abi.servers import Obedient, free_port, grpc_server, server_credentials
from tests.kit.programs import BUILD, INCLUDE, LANGUAGES, run
from tests.kit.test_samples import PACKS, SAMPLES
from tests.popup import desktop as desktops
from tests.web.product import PATIENCE_S, Server

EVERY_LANGUAGE = os.environ.get("TEST_EVERY_LANGUAGE")
"""Set by `make test-kit`: a language that cannot be built is then a failure."""
DEADLINE_MS = 20_000
VERDICTS = {"PASS": "通过 PASS", "WARN": "提醒 WARN", "BLOCK": "拦截 BLOCK"}
CALLER = "调用方式有误，再调一次也一样，请联系信息科"
LATER = "暂时没有审核，可以稍后再审"
REJECTED = "报文有误，请信息科按原因修改"
NOTHING = "没有可判断的内容，原因见答复"


@pytest.fixture(scope="session", params=LANGUAGES)
def station(request, tmp_path_factory):
    """A function that runs the example of one language; it returns exit status, output lines, and errors."""
    name = request.param
    missing = LANGUAGES[name].missing()
    if missing:
        assert not (EVERY_LANGUAGE and LANGUAGES[name].can_be_here), f"{name}: not here: {', '.join(missing)}"
        pytest.skip(f"{name}: not here: {', '.join(missing)}; `make test-kit` installs it")
    program = LANGUAGES[name].build(tmp_path_factory.mktemp(name))

    def run(*arguments, libraries=None, **environment):
        command = program.command
        if libraries is not None:
            # The only folder in which the library is looked for; on Windows that is the program's own.
            environment["LD_LIBRARY_PATH"] = str(libraries)
            if command[0] == "wine":
                command = ["wine", shutil.copy(command[1], libraries)]
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("STATION_", "PRECHECK_"))}
        # Into files: what Wine leaves running in the background would hold pipes open.
        with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as complained:
            done = subprocess.run(
                [*map(str, command), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=complained,
                timeout=PATIENCE_S,
                check=False,
                env={**inherited, **dict(program.environment), "STATION_DEADLINE_MS": str(DEADLINE_MS), **environment},
            )
            written = [file.seek(0) or file.read() for file in (printed, complained)]
        lines, errors = (content.decode("utf-8", "replace").replace("\r\n", "\n") for content in written)
        return done.returncode, lines.split("\n")[:-1] if lines else [], errors

    run.program = program.command[-1]
    return run


@pytest.fixture(scope="module")
def real_server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("examples") / "data", *PACKS) as server:
        yield server


def expected_lines(sample):
    """What a station prints of a sample, worked out from the expected answer; None stands for any text."""
    name, expected = sample.name, sample.expected
    if sample.entry.call == "feedback":
        ext = expected.get("output", {}).get("ext", expected)
        return [f"{name}:", f"  反馈：{ext['recorded']} 条已记录，{len(ext['unmatched'])} 条不认识"]
    if "refused" in expected:
        return [f"{name}: 未审核 PCK_E_REJECTED · {REJECTED}", None, "  医生：可以保存，处方标记为“未审核”"]
    is_national = "output" in expected
    ext = expected["output"]["ext"] if is_national else expected
    if ext["completeness"] == "NONE":
        return [f"{name}: 未审核 PCK_E_NOT_EVALUATED · {NOTHING}", None, "  医生：可以保存，处方标记为“未审核”"]
    judged = "全部规则已判断" if ext["completeness"] == "COMPLETE" else "部分未判断"
    lines = [f"{name}: {VERDICTS[ext['verdict']]} · {judged}"]
    if ext["verdict"] == "PASS":
        return lines
    found = expected["output"]["result"] if is_national else expected["findings"]
    texts = [finding["vola_cont"] if is_national else finding["message"] for finding in found]
    lines += [f"  [{number}] {text}" for number, text in enumerate(texts, 1)]
    lines.append("  医生：返回修改" if ext["verdict"] == "BLOCK" else "  医生：写明理由，继续")
    return [*lines, f"  反馈：{len(found)} 条已记录，0 条不认识"]


def assert_lines(printed, expected):
    assert len(printed) == len(expected), "\n".join(printed)
    for line, wanted in zip(printed, expected, strict=True):
        assert line == wanted or (wanted is None and line.startswith("  原因：") and len(line) > 10)


def test_every_sample_through_the_real_server(station, real_server):
    before = real_server.metric("precheck_feedback_total")
    status, printed, errors = station(real_server.grpc, *(DEFAULT_FOLDER / sample.name for sample in SAMPLES))
    assert errors == ""
    assert_lines(printed, [line for sample in SAMPLES for line in expected_lines(sample)])
    assert status == 1, "two of them are not checked"
    sent = sum(int(line.split("：")[1].split(" ")[0]) for line in printed if line.startswith("  反馈"))
    assert real_server.metric("precheck_feedback_total") - before == sent > 20


def compact(value):
    """JSON as servers write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


FOUND = compact({"findings": [{"finding_id": "f1", "message": '“甲”与“乙”\\ "相克"'}]})
LARGE = compact({"findings": [{"finding_id": "f1", "message": "长" * 600}], "rest": "x" * 99_000})
OUTCOMES = {
    "pass": ({"verdict": 0}, ["通过 PASS · 全部规则已判断"]),
    "partial": ({"verdict": 0, "completeness": 2}, ["通过 PASS · 部分未判断"]),
    "stale": ({"verdict": 0, "stale": True}, ["通过 PASS · 全部规则已判断 · 规则或历史可能不是最新"]),
    "partial-stale": (
        {"verdict": 0, "stale": True, "completeness": 2},
        ["通过 PASS · 部分未判断 · 规则或历史可能不是最新"],
    ),
    "warn": (
        {"verdict": 1, "answer": FOUND},
        [
            "提醒 WARN · 全部规则已判断",
            '  [1] “甲”与“乙”\\ "相克"',
            "  医生：写明理由，继续",
            "  反馈：0 条已记录，0 条不认识",
        ],
    ),
    "block": (
        {"verdict": 2, "answer": FOUND},
        [
            "拦截 BLOCK · 全部规则已判断",
            '  [1] “甲”与“乙”\\ "相克"',
            "  医生：返回修改",
            "  反馈：0 条已记录，0 条不认识",
        ],
    ),
    "without-a-text": (
        {"verdict": 1, "answer": compact({"findings": [{"finding_id": "f1"}]})},
        ["提醒 WARN · 全部规则已判断"],
    ),
    "none": ({"verdict": 1, "completeness": 3, "answer": "{}"}, [f"未审核 PCK_E_NOT_EVALUATED · {NOTHING}"]),
    "rejected": (
        {"status": "INVALID_ARGUMENT", "message": "bad `sex`"},
        [f"未审核 PCK_E_REJECTED · {REJECTED}"],
    ),
    "denied": ({"status": "PERMISSION_DENIED"}, [f"未审核 PCK_E_DENIED · {CALLER}"]),
    "unsupported": ({"status": "UNIMPLEMENTED"}, [f"未审核 PCK_E_UNSUPPORTED · {CALLER}"]),
    "unavailable": ({"status": "UNAVAILABLE"}, [f"未审核 PCK_E_UNAVAILABLE · {LATER}"]),
    "server": ({"status": "INTERNAL"}, [f"未审核 PCK_E_SERVER · {LATER}"]),
    "large": (
        {"verdict": 1, "answer": LARGE},
        [
            "提醒 WARN · 全部规则已判断",
            "  [1] " + "长" * 600,
            "  医生：写明理由，继续",
            "  反馈：0 条已记录，0 条不认识",
        ],
    ),
}


def test_every_outcome(station, tmp_path):
    """Each on a document of its own, one after the other through one client, as on a real day."""
    paths, expected = [], []
    for name, (wish, lines) in OUTCOMES.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(wish), encoding="utf-8")
        paths.append(path)
        first, *rest = lines
        expected.append(f"{path.name}: {first}")
        expected += rest if "未审核" not in first else [None, "  医生：可以保存，处方标记为“未审核”"]
    with grpc_server() as (servicer, address):
        status, printed, errors = station(address, *paths)
        feedback = [json.loads(request.document) for request in servicer.requests if b'"feedback"' in bytes_of(request)]
    assert errors == ""
    assert_lines(printed, expected)
    assert status == 1
    reason = "已核对病历，确需使用"
    continued = {"feedback": [{"finding_id": "f1", "disposition": "continued", "reason": reason}]}
    went_back = {"feedback": [{"finding_id": "f1", "disposition": "went_back", "reason": ""}]}
    assert feedback == [continued, went_back, continued]


def bytes_of(request):
    """The document of a request: text in some messages, bytes in others."""
    document = request.document
    return document.encode() if isinstance(document, str) else document


def test_the_last_reason_is_the_servers(station, tmp_path):
    path = tmp_path / "refused.json"
    path.write_text(json.dumps({"status": "INVALID_ARGUMENT", "message": "brdy: 应为日期"}), encoding="utf-8")
    with grpc_server() as (_, address):
        _, printed, _ = station(address, path)
    assert printed[1].endswith("brdy: 应为日期")


def test_what_never_comes_back(station, tmp_path):
    slow, fast = tmp_path / "slow.json", tmp_path / "fast.json"
    slow.write_text(json.dumps({"sleep_s": 40}))
    fast.write_text(json.dumps({"verdict": 0}))
    with grpc_server() as (_, address):
        status, printed, _ = station(address, slow, STATION_DEADLINE_MS="300")
        assert (status, printed[0]) == (1, f"slow.json: 未审核 PCK_E_TIMEOUT · {LATER}")
    status, printed, _ = station(f"127.0.0.1:{free_port()}", fast)
    assert (status, printed[0]) == (1, f"fast.json: 未审核 PCK_E_UNREACHABLE · {LATER}")


def test_a_backup_takes_over(station, tmp_path):
    path = tmp_path / "document.json"
    path.write_text(json.dumps({"verdict": 0}))
    with grpc_server() as (_, address):
        status, printed, _ = station(f"127.0.0.1:{free_port()},{address}", path, path)
    assert (status, printed) == (0, ["document.json: 通过 PASS · 全部规则已判断"] * 2)


def test_feedback_that_is_not_taken(station, tmp_path):
    path = tmp_path / "feedback.json"
    path.write_text(json.dumps({"feedback": [], "status": "INVALID_ARGUMENT", "message": "why not"}))
    with grpc_server() as (_, address):
        status, printed, _ = station(address, path)
    assert (status, printed[:2]) == (1, ["feedback.json:", "  反馈没有送到 PCK_E_REJECTED"])
    assert printed[2].endswith("why not")


def test_what_reaches_the_server(station, tmp_path):
    """Layout, encoding and station of each file, by what they look like. C# sends GBK as the UTF-16 that it reads."""
    documents = {
        "national.json": ('{"trig_scen": "1"}', 2),
        "camel.json": ('{"trigScen": "1"}', 2),
        "settlement.json": ('{"infno": "3102", "trig_scen": "6"}', 3),
        "own.json": ("{}", 1),
        "herbs.gbk": ('{"trig_scen": "1"}\n川乌', 2),
    }
    paths = []
    for name, (text, _) in documents.items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(text.encode("gbk" if name.endswith(".gbk") else "utf-8"))
    with grpc_server() as (servicer, address):
        status, _, errors = station(address, *paths)
    assert (status, errors) == (0, "")
    assert [request.format for request in servicer.requests] == [layout for _, layout in documents.values()]
    assert {request.station_id for request in servicer.requests} == {"example"}
    last = servicer.requests[-1]
    in_gbk = documents["herbs.gbk"][0].encode("gbk")
    assert (last.encoding, last.document) in {(2, in_gbk), (1, in_gbk.decode("gbk").encode())}


def test_over_tls(station, tmp_path):
    made = make_certificates(tmp_path)
    path = tmp_path / "document.json"
    path.write_text(json.dumps({"verdict": 0}))
    with grpc_server(credentials=server_credentials(made.server)) as (_, address):
        assert station(address, path, STATION_TLS_CA=made.ca)[:2] == (0, ["document.json: 通过 PASS · 全部规则已判断"])
        status, printed, _ = station(address, path, STATION_TLS_CA=made.wrong_ca)
        assert (status, printed[0]) == (1, f"document.json: 未审核 PCK_E_TLS · {LATER}")


def test_over_tls_with_the_stations_own_certificate(station, tmp_path):
    """And with the name of the server's certificate and the site profile, which no other test states."""
    made = make_certificates(tmp_path)
    path = tmp_path / "document.json"
    path.write_text(json.dumps({"verdict": 0}))
    tls = {"STATION_TLS_CA": made.ca, "STATION_TLS_SERVER_NAME": NAME}

    def mine(pair):
        return {"STATION_TLS_CERT": f"{pair}.pem", "STATION_TLS_KEY": f"{pair}.key"}

    with grpc_server(credentials=server_credentials(made.server, made.ca)) as (servicer, address):
        status, printed, _ = station(address, path, **tls, **mine(made.client), STATION_PROFILE="ward")
        assert (status, printed) == (0, ["document.json: 通过 PASS · 全部规则已判断"])
        assert [request.profile for request in servicer.requests] == ["ward"]
        for refused in (mine(made.stranger), {}, mine(made.client) | {"STATION_TLS_SERVER_NAME": "elsewhere.test"}):
            status, printed, _ = station(address, path, **(tls | refused))
            assert (status, "未审核" in printed[0]) == (1, True)


def test_what_follows_a_check(station, tmp_path):
    """Commit, history, review and void; and the check with a request id of the station's own, which alone has it."""
    path = tmp_path / "document.json"
    path.write_text(json.dumps({"verdict": 0, "lines": 3, "position": 2**40 + 1}))

    class Told(Obedient):
        def RecentHistoryDocument(self, request, context):  # noqa: N802 - gRPC's name
            self.requests.append(request)
            return check_pb2.RecentHistoryDocumentResponse(answer=("长" * 3000).encode())

        def ReviewStatus(self, request, context):  # noqa: N802
            self.requests.append(request)
            return check_pb2.ReviewStatusResponse(answer=b"{}", state=2)

    with grpc_server(servicer=Told()) as (servicer, address):
        status, printed, errors = station(address, path, STATION_PATIENT="p1", STATION_REQUEST_ID="saved-17")
    assert (status, errors) == (0, "")
    assert printed[1:] == [
        f"  保存：0 3 {2**40 + 1}",
        "  历史：0 " + "长" * 3000,
        "  药师：0 2",
        f"  作废：0 2 {2**40}",
    ]
    checked, committed, history, review, void = servicer.requests
    assert (checked.request_id, checked.document) == ("saved-17", path.read_bytes())
    assert getattr(committed, "request_id", "") != "saved-17"
    assert committed.document == path.read_bytes()
    assert (history.patient_id, review.check_id) == ("p1", "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert (void.patient_id, void.encounter_id, list(void.order_ids)) == ("p1", "visit-1", ["line-1", "line-2"])


NOT_INSTALLED = ["未审核 客户端没有装好，请联系信息科", None, "  医生：可以保存，处方标记为“未审核”"]
LOADS_IT_ITSELF = [name for name in LANGUAGES if not name.startswith("c") or name == "csharp"]
"""C and C++ are linked with the library: the system does not start them without it."""


@pytest.mark.parametrize("station", LOADS_IT_ITSELF, indirect=True)
@pytest.mark.parametrize("is_there", [False, True], ids=["missing", "not-a-library"])
def test_without_the_library_nothing_is_checked(station, is_there, tmp_path):
    """The commonest mistake of the first day: Java and Python ended with a stack trace, Pascal did not start."""
    path = tmp_path / "document.json"
    path.write_text("{}")
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    if is_there:
        for name in ("libprecheck.so", "precheck.dll"):
            (libraries / name).write_text("an HTML page of a proxy, say")
    status, printed, errors = station("127.0.0.1:1", path, libraries=libraries)
    assert_lines(printed, NOT_INSTALLED)
    assert (status, "Traceback" in errors, "Exception" in errors) == (2, False, False)
    assert "precheck" in printed[1]


@pytest.mark.parametrize("station", ["cpp"], indirect=True)
def test_a_program_that_is_linked_does_not_start_without_the_library(station, tmp_path):
    """So it never takes anything for checked; and the system names what is missing."""
    status, printed, errors = station("127.0.0.1:1", tmp_path, libraries=tmp_path)
    assert (status != 0, printed, "libprecheck.so" in errors) == (True, [], True)


WITH_A_POPUP = ["csharp", "java", "pascal", "pascal-windows"]


@pytest.mark.parametrize("station", WITH_A_POPUP, indirect=True)
def test_without_the_popups_library_a_station_shows_what_was_found_itself(station, tmp_path):
    path = tmp_path / "document.json"
    path.write_text(json.dumps({"verdict": 1, "answer": FOUND}), encoding="utf-8")
    with grpc_server() as (servicer, address):
        status, printed, errors = station("--popup", address, path, STATION_PATIENT="p1")
    assert (status, errors) == (0, "")
    assert printed[1].startswith("  弹窗没有显示：")
    assert "precheck_popup" in printed[1]
    warned, *rest = OUTCOMES["warn"][1]
    assert [printed[0], *printed[2:5]] == [f"document.json: {warned}", *rest]
    assert len(servicer.requests) == 6


@pytest.mark.parametrize("station", ["csharp", "java", "pascal"], indirect=True)
def test_what_the_popup_is_given_and_gives(station, tmp_path):
    """By a double that prints what it is given, since the window is for Windows alone; going back is not saved."""
    shutil.copy(BUILD / "libprecheck.so", tmp_path)
    double = Path(__file__).with_name("popup_double.c")
    includes = (f"-I{INCLUDE}", f"-I{NATIVE / 'popup'}")
    run("gcc", "-shared", "-fPIC", *includes, double, "-o", tmp_path / "libprecheck_popup.so")
    passed, found, failed, refused = (tmp_path / f"{name}.json" for name in ("passed", "found", "failed", "refused"))
    passed.write_text(json.dumps({"verdict": 0}))
    found.write_text(json.dumps({"verdict": 1, "stale": True, "answer": FOUND}), encoding="utf-8")
    failed.write_text(json.dumps({"status": "INTERNAL"}))
    refused.write_text(json.dumps({"status": "INVALID_ARGUMENT"}))
    with grpc_server() as (servicer, address):
        status, printed, errors = station(
            "--popup", address, passed, found, failed, refused, libraries=tmp_path, STATION_PATIENT="p1"
        )
    told = [line for line in printed if line.startswith(("found", "failed", "refused", "  弹窗", "  反馈", "  医生"))]
    assert told == [
        "found.json: 提醒 WARN · 全部规则已判断 · 规则或历史可能不是最新",
        "  弹窗：1",
        "  反馈：0 条已记录，0 条不认识",
        f"failed.json: 未审核 PCK_E_SERVER · {LATER}",
        "  弹窗：2",
        "  医生：可以保存，处方标记为“未审核”",
        f"refused.json: 未审核 PCK_E_REJECTED · {REJECTED}",
        "  弹窗：1",
    ]
    first, second, _ = ([int(number) for number in line.split()] for line in errors.splitlines())
    assert first[:4] in ([1, 1, 0x101, 1], [1, 1, 0x101, 3])
    answer = FOUND.encode("utf-16-le" if first[3] == 3 else "utf-8")
    assert first[4:] == [len(answer), sum(answer)]
    assert (second[:2], second[4:]) == ([1, -105], [0, 0])
    sent = [json.loads(bytes_of(request)) for request in servicer.requests if "window" in str(bytes_of_any(request))]
    assert sent == [{"feedback": [{"finding_id": "f1", "disposition": "went_back", "reason": "window"}]}]
    assert status == 1
    saved = [line for line in printed if line.startswith("  保存")]
    assert len(saved) == 2, "what the doctor went back from is not saved"


@pytest.mark.parametrize("station", ["pascal-windows"], indirect=True)
def test_the_real_popup_refuses_what_it_cannot_read(station, tmp_path):
    """Its own word on an answer, by the wrapper's declaration, and without a screen: it shows nothing then."""
    for library in (WINDOWS_X64.output, WINDOWS_X64.folder / popup.LIBRARY):
        if not library.exists():
            pytest.skip(f"{library.name} is not here: `make windows` builds it")
        shutil.copy(library, tmp_path)
    path = tmp_path / "document.json"
    path.write_text(json.dumps({"verdict": 1, "answer": "{"}))
    with grpc_server() as (_, address):
        status, printed, _ = station("--popup", address, path, libraries=tmp_path)
    assert (status, printed) == (0, ["document.json: 提醒 WARN · 全部规则已判断", "  弹窗没有显示：-201"])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("station", ["pascal-windows"], indirect=True)
def test_the_doctor_goes_back_in_the_real_popup(station, real_server, tmp_path):
    """The window of a real answer, Esc, and its national feedback at the real server."""
    reason = desktops.why_not(WINDOWS_X64)
    if reason:
        pytest.skip(reason)
    with desktops.Desktop(tmp_path / "desktop") as desktop:
        for library in (WINDOWS_X64.output, WINDOWS_X64.folder / popup.LIBRARY, station.program):
            shutil.copy(library, tmp_path)
        desktop.environment |= {"STATION_DEADLINE_MS": str(DEADLINE_MS), "STATION_PATIENT": "p1"}
        running = desktop.start(
            tmp_path / "station.exe", "--popup", real_server.grpc, str(DEFAULT_FOLDER / "warn.json")
        )
        try:
            assert desktop.command("wait") == ["there"], running.complained
            desktop.command("key ESCAPE")
            assert running.ends() == 0
        finally:
            running.put_away()
    first, second, third = running.printed.decode().replace("\r\n", "\n").splitlines()
    assert (first, second) == ("warn.json: 提醒 WARN · 部分未判断", "  弹窗：1")
    assert re.fullmatch("  反馈：[1-9][0-9]* 条已记录，0 条不认识", third)


def bytes_of_any(request):
    """The document of a request, empty where it has none."""
    return bytes_of(request) if hasattr(request, "document") else b""


def test_without_sense(station, tmp_path):
    path = tmp_path / "document.json"
    path.write_text("{}")
    status, printed, errors = station("localhost:1", path)
    assert (status, printed) == (2, [])
    assert "PCK_E_SERVERS: " in errors
    status, printed, errors = station("127.0.0.1:1", tmp_path / "missing")
    assert (status, printed) == (2, [])
    assert "cannot be read" in errors
    status, _, errors = station()
    assert (status, "usage" in errors) == (2, True)
