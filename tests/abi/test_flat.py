"""The entry for hosts that can declare no structure: each sentence of precheck_flat.h."""

import json
import sys
import threading

import pytest

from client_shim.client import ffi, lib

UTF_16 = "utf-16-le" if sys.byteorder == "little" else "utf-16-be"
PATIENT = "deadline_ms=20000"
NONE = ffi.NULL


class Ansi:
    """The functions with _a."""

    suffix, encoding, kind = "_a", "gbk", "char[]"

    def text(self, text):
        return NONE if text is None else ffi.new("char[]", text.encode("gbk"))

    def string(self, out):
        return ffi.string(out).decode("gbk")


class Wide:
    """The functions with _w."""

    suffix, encoding, kind = "_w", "utf-8", "uint16_t[]"

    def text(self, text):
        if text is None:
            return NONE
        data = text.encode(UTF_16)
        return ffi.new("uint16_t[]", [*memoryview(data).cast("H"), 0])

    def string(self, out):
        units = list(out)
        return b"".join(unit.to_bytes(2, sys.byteorder) for unit in units[: units.index(0)]).decode(UTF_16)


class Flat:
    """One of the two families, and what a host has around it."""

    def __init__(self, family):
        self.family = family
        self.text, self.string = family.text, family.string
        self.handles = []

    def call(self, name, *arguments):
        given = [self.text(one) if one is None or isinstance(one, str) else one for one in arguments]
        return getattr(lib, f"pck_flat_{name}{self.family.suffix}")(*given)

    def buffer(self, cap):
        return ffi.new(self.family.kind, [b"x" if self.family.suffix == "_a" else 0x78] * cap)

    def open(self, options, cap=512):
        """Return (result, handle, error)."""
        handle, error = ffi.new("int32_t *", 9), self.buffer(cap)
        result = self.call("open", options, handle, error, cap)
        if result == lib.PCK_OK:
            self.handles.append(handle[0])
        return result, handle[0], self.string(error)

    def ask(self, name, handle, *arguments, cap=1000, numbers=1):
        """Call a function that gives text; return (result, text, need, *numbers)."""
        out, need = self.buffer(cap), ffi.new("int32_t *", 9)
        more = [ffi.new("int32_t *", 9) for _ in range(numbers)]
        result = self.call(name, handle, *arguments, out, cap, need, *more)
        return result, self.string(out), need[0], *(number[0] for number in more)

    def error(self, handle, cap=512):
        out = self.buffer(cap)
        assert self.call("last_error", handle, out, cap) == lib.PCK_OK
        return self.string(out)


@pytest.fixture(params=[Ansi, Wide], ids=["ansi", "wide"])
def flat(request):
    made = Flat(request.param())
    yield made
    for handle in made.handles:
        lib.pck_flat_close(handle)


@pytest.fixture
def handle(flat, server):
    return flat.open(f"servers={server[1]};{PATIENT}")[1]


def wish(**fields):
    return json.dumps(fields, ensure_ascii=False)


# ---- opening ----


def test_options_are_the_fields_of_the_structure(flat, server):
    options = f" servers = {server[1]},{server[1]} ;station_id=ward-3;profile=his_a;; deadline_ms=15000 ;idle_ms=1;"
    result, handle, error = flat.open(options + "max_answer_bytes=1000")
    assert (result, error) == (lib.PCK_OK, "")
    flat.ask("check", handle, 1, wish(), "", 0)
    (seen,) = server[0].requests
    assert (seen.station_id, seen.profile) == ("ward-3", "his_a")
    assert 10 < server[0].metadata[0][1] <= 15
    assert flat.ask("check", handle, 1, wish(answer_bytes=1001), "", 0)[0] == lib.PCK_E_ANSWER_LIMIT


def test_every_field_of_the_structure_is_an_option(flat):
    names = {name for name, _ in ffi.typeof("pck_options").fields} - {"struct_size", "reserved"}
    for name in names:
        _, _, error = flat.open(f"{name}=1;{name}=1")
        assert f"`{name}` comes twice" in error


@pytest.mark.parametrize(
    ("options", "wanted", "named"),
    [
        ("", "PCK_E_SERVERS", "servers"),
        (None, "PCK_E_SERVERS", "servers"),
        ("servers=", "PCK_E_SERVERS", "servers"),
        ("servers=his:50051", "PCK_E_SERVERS", "his:50051"),
        ("server=127.0.0.1:1", "PCK_E_ARGUMENT", "`server` is no field"),
        ("struct_size=88", "PCK_E_ARGUMENT", "struct_size"),
        ("reserved=1", "PCK_E_ARGUMENT", "reserved"),
        ("=1", "PCK_E_ARGUMENT", "``"),
        ("127.0.0.1:50051", "PCK_E_ARGUMENT", "`127.0.0.1:50051` is not name=value"),
        ("servers=127.0.0.1:1;servers=127.0.0.1:2", "PCK_E_ARGUMENT", "twice"),
        ("servers=127.0.0.1:1;deadline_ms=", "PCK_E_ARGUMENT", "deadline_ms"),
        ("servers=127.0.0.1:1;deadline_ms=1s", "PCK_E_ARGUMENT", "`1s`"),
        ("servers=127.0.0.1:1;deadline_ms=-1", "PCK_E_ARGUMENT", "`-1`"),
        ("servers=127.0.0.1:1;idle_ms=4294967296", "PCK_E_ARGUMENT", "4294967296"),
        ("servers=127.0.0.1:1;idle_ms=11111111111", "PCK_E_ARGUMENT", "11111111111"),
        ("servers=127.0.0.1:1;deadline_ms=600001", "PCK_E_ARGUMENT", "600001"),
        ("servers=127.0.0.1:1;tls_ca_file=/no/such/file", "PCK_E_CERTIFICATE", "/no/such/file"),
        ("servers=127.0.0.1:1;tls_ca_file=", "PCK_E_CERTIFICATE", ""),
        ("servers=127.0.0.1:1;station_id=" + "s" * 257, "PCK_E_ARGUMENT", "station_id"),
        ("s" * 8193, "PCK_E_ARGUMENT", "options is longer than 8192 bytes"),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(flat, options, wanted, named):
    result, handle, error = flat.open(options)
    assert ffi.string(lib.pck_result_name(result)).decode() == wanted
    assert handle == 0
    assert named in error


@pytest.mark.parametrize("cap", [0, 1, 5])
def test_the_reason_of_opening_is_cut_to_the_buffer(flat, cap):
    out, handle = flat.buffer(6), ffi.new("int32_t *")
    assert flat.call("open", "x", handle, out, cap) == lib.PCK_E_ARGUMENT
    assert list(out)[cap:] == list(flat.buffer(6))[cap:]
    if cap:
        assert flat.string(out) == "options: "[: cap - 1]
    assert flat.call("open", "x", handle, NONE, 0) == lib.PCK_E_ARGUMENT
    assert flat.call("open", "x", NONE, NONE, 0) == lib.PCK_E_ARGUMENT


def test_handles_are_small_numbers_and_few_at_a_time(flat):
    options = "servers=127.0.0.1:1"
    handles = [flat.open(options)[1] for _ in range(lib.PCK_FLAT_CLIENTS_MAX)]
    assert len(set(handles)) == lib.PCK_FLAT_CLIENTS_MAX
    assert all(1 <= handle <= 32767 for handle in handles)
    result, handle, error = flat.open(options)
    assert (result, handle) == (lib.PCK_E_BUSY, 0)
    assert str(lib.PCK_FLAT_CLIENTS_MAX) in error
    assert lib.pck_flat_close(handles[5]) == lib.PCK_OK
    assert flat.open(options)[0] == lib.PCK_OK


def test_a_closed_handle_stays_invalid_for_500_openings(flat):
    options = "servers=127.0.0.1:1"
    _, first, _ = flat.open(options)
    assert lib.pck_flat_close(first) == lib.PCK_OK
    for _ in range(500):
        _, handle, _ = flat.open(options)
        assert 1 <= handle <= 32767
        assert lib.pck_flat_close(first) == lib.PCK_E_ARGUMENT
        assert lib.pck_flat_close(handle) == lib.PCK_OK
    flat.handles.clear()


@pytest.mark.parametrize("number", [0, -1, 1, 64, 32767, 2**31 - 1, -(2**31)])
def test_a_number_that_is_no_open_handle_is_refused(flat, number):
    out, some = flat.buffer(3), ffi.new("int32_t *", 9)
    assert flat.call("check", number, 1, "{}", "", 0, out, 3, some, NONE) == lib.PCK_E_ARGUMENT
    assert (flat.string(out), some[0]) == ("", 0)
    assert flat.call("last_answer", number, NONE, 0, NONE, NONE) == lib.PCK_E_ARGUMENT
    assert flat.call("commit", number, 1, "{}", 0, NONE) == lib.PCK_E_ARGUMENT
    assert flat.call("void", number, "p", "e", "*", "", "", 0, NONE) == lib.PCK_E_ARGUMENT
    assert flat.call("feedback", number, 1, "{}", 0, NONE, 0, NONE, NONE, NONE) == lib.PCK_E_ARGUMENT
    assert flat.call("recent_history", number, "p", "", 0, 0, NONE, 0, NONE) == lib.PCK_E_ARGUMENT
    assert flat.call("review_status", number, "c", 0, NONE, 0, NONE, NONE) == lib.PCK_E_ARGUMENT
    assert flat.call("last_error", number, NONE, 0) == lib.PCK_E_ARGUMENT
    assert lib.pck_flat_cancel(number) == lib.PCK_E_ARGUMENT
    assert lib.pck_flat_close(number) == lib.PCK_E_ARGUMENT


# ---- calls ----


@pytest.mark.parametrize(("completeness", "stale"), [(1, False), (2, True), (3, True)])
def test_a_check_gives_verdict_answer_and_state(flat, handle, server, completeness, stale):
    document = wish(verdict=2, completeness=completeness, stale=stale, answer="ok")
    result, answer, need, state = flat.ask("check", handle, 2, document, "id-1", 15_000)
    assert result == (lib.PCK_E_NOT_EVALUATED if completeness == 3 else lib.PCK_BLOCK)
    assert (answer, need) == ("ok", 3)
    assert state == completeness | (lib.PCK_STALE if stale else 0)
    (seen,) = server[0].requests
    assert (seen.document, seen.format, seen.request_id) == (document.encode(), 2, "id-1")
    assert seen.encoding == (lib.PCK_ENCODING_GBK if flat.family.suffix == "_a" else lib.PCK_ENCODING_UTF8)
    assert 10 < server[0].metadata[0][1] <= 15


def test_documents_pass_in_the_family_s_encoding(flat, handle, server):
    document = "{}\n" + "诊断：高血压"
    assert flat.ask("check", handle, 1, document, None, 0)[0] == lib.PCK_PASS
    (seen,) = server[0].requests
    assert seen.document == document.encode(flat.family.encoding)
    assert len(seen.request_id) >= 32


def test_what_a_16_bit_host_leaves_in_the_upper_half_is_not_read(flat, handle, server):
    garbage = 0x5A5A << 16
    assert flat.ask("check", handle | garbage, 2 | garbage, wish(verdict=1), "", 0)[0] == lib.PCK_WARN
    assert server[0].requests[0].format == 2
    assert lib.pck_flat_cancel(handle - (1 << 31)) == lib.PCK_OK
    assert flat.error(handle | garbage) == ""


def test_an_answer_that_does_not_fit_is_fetched(flat, handle, server):
    document = wish(verdict=1, completeness=2, answer="12345")
    for cap in (0, 1, 5):
        out, need, state = flat.buffer(6), ffi.new("int32_t *"), ffi.new("int32_t *", 9)
        given = out if cap else NONE
        assert flat.call("check", handle, 1, document, "", 0, given, cap, need, state) == lib.PCK_E_BUFFER
        assert (need[0], state[0]) == (6, lib.PCK_COMPLETENESS_UNKNOWN)
        assert list(out)[max(cap, 1) :] == list(flat.buffer(6))[max(cap, 1) :]
        for _ in range(2):
            assert flat.ask("last_answer", handle, cap=6) == (lib.PCK_WARN, "12345", 6, lib.PCK_PARTIAL)
    assert len(server[0].requests) == 3, "fetching asks no server"


def test_the_last_answer_is_fetched_by_the_function_of_the_same_family(server):
    ansi, wide = Flat(Ansi()), Flat(Wide())
    _, handle, _ = ansi.open(f"servers={server[1]};{PATIENT}")
    assert ansi.ask("check", handle, 1, wish(answer="x"), "", 0)[0] == lib.PCK_PASS
    assert wide.ask("last_answer", handle)[:3] == (lib.PCK_E_ARGUMENT, "", 0)
    assert ansi.ask("last_answer", handle)[:3] == (lib.PCK_PASS, "x", 2)
    assert wide.ask("check", handle, 1, wish(answer="y"), "", 0)[:3] == (lib.PCK_PASS, "y", 2)
    assert ansi.ask("last_answer", handle)[:3] == (lib.PCK_E_ARGUMENT, "", 0)
    assert lib.pck_flat_close(handle) == lib.PCK_OK


def test_a_commit_counts_its_lines(flat, handle, server):
    lines = ffi.new("int32_t *", 9)
    assert flat.call("commit", handle, 2, wish(lines=3), 0, lines) == lib.PCK_OK
    assert lines[0] == 3
    assert flat.call("commit", handle, 2, wish(status="INTERNAL"), 0, lines) == lib.PCK_E_SERVER
    assert lines[0] == 0
    assert flat.call("commit", handle, 2, wish(), 0, NONE) == lib.PCK_OK
    assert [request.format for request in server[0].requests] == [2, 2, 2]


@pytest.mark.parametrize(
    ("given", "sent"), [("r1", ["r1"]), (" r1, r2 ,r3", ["r1", "r2", "r3"]), ("*", []), (" * ", [])]
)
def test_a_void_takes_the_orders_that_are_named(flat, handle, server, given, sent):
    lines = ffi.new("int32_t *", 9)
    assert flat.call("void", handle, "p", "e", given, "XC09", "{}", 0, lines) == lib.PCK_OK
    (seen,) = server[0].requests
    assert (seen.patient_id, seen.encounter_id, list(seen.order_ids)) == ("p", "e", sent)
    assert (seen.item_code, seen.reason, lines[0]) == ("XC09", "{}", len(sent))


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (("p", "e", "", "", "", 0), "order_ids"),
        (("p", "e", None, "", "", 0), "order_ids"),
        (("p", "e", "r1,,r2", "", "", 0), "order_ids"),
        (("p", "e", " ", "", "", 0), "order_ids"),
        (("p", "e", ",".join("r" * 1001), "", "", 0), "order_ids"),
        (("p", "e", "r" * 65_537, "", "", 0), "order_ids"),
        (("", "e", "*", "", "", 0), "patient_id"),
        (("p", None, "*", "", "", 0), "encounter_id"),
        (("p", "e", "*", "i" * 2049, "", 0), "item_code"),
        (("p", "e", "*", "", "r" * 2049, 0), "reason"),
        (("p", "e", "*", "", "", -1), "deadline_ms"),
        (("p", "e", "*", "", "", 600_001), "deadline_ms"),
    ],
)
def test_a_void_outside_the_limits_is_refused_by_name(flat, handle, server, fields, named):
    assert flat.call("void", handle, *fields, NONE) == lib.PCK_E_ARGUMENT
    assert named in flat.error(handle)
    assert server[0].requests == []


def test_feedback_history_and_reviews(flat, handle, server):
    document = wish(recorded=2, unmatched=1, answer="ok", state=2)
    assert flat.ask("feedback", handle, 4, document, 0, numbers=2) == (lib.PCK_OK, "ok", 3, 2, 1)
    assert flat.ask("recent_history", handle, "p", document, 7, 0, numbers=0) == (lib.PCK_OK, "ok", 3)
    assert flat.ask("review_status", handle, document, 0) == (lib.PCK_OK, "ok", 3, lib.PCK_REVIEW_PASSED)
    feedback, history, review = server[0].requests
    assert (feedback.format, history.patient_id, history.since, history.limit) == (4, "p", document, 7)
    assert review.check_id == document
    encoding = lib.PCK_ENCODING_GBK if flat.family.suffix == "_a" else lib.PCK_ENCODING_UTF8
    assert {feedback.encoding, history.encoding, review.encoding} == {encoding}
    refused = wish(status="UNAUTHENTICATED")
    assert flat.ask("feedback", handle, 4, refused, 0, numbers=2) == (lib.PCK_E_DENIED, "", 0, 0, 0)
    assert flat.ask("recent_history", handle, "p", refused, 7, 0, numbers=0) == (lib.PCK_E_DENIED, "", 0)
    assert flat.ask("review_status", handle, refused, 0) == (lib.PCK_E_DENIED, "", 0, lib.PCK_REVIEW_UNKNOWN)


@pytest.mark.parametrize(
    ("name", "arguments", "numbers"),
    [
        ("check", (1, "{}", "", -1), 1),
        ("check", (1, None, "", 0), 1),
        ("check", (1, "", "", 0), 1),
        ("check", (0, "{}", "", 0), 1),
        ("check", (1, "{}", "i" * 257, 0), 1),
        ("feedback", (1, "{}", -1), 2),
        ("recent_history", ("p", "", -1, 0), 0),
        ("recent_history", ("p", "", 0, -1), 0),
        ("recent_history", ("", "", 0, 0), 0),
        ("review_status", ("", 0), 1),
        ("review_status", ("c", -1), 1),
    ],
)
def test_arguments_outside_the_limits_are_refused(flat, handle, server, name, arguments, numbers):
    flat.ask("check", handle, 1, wish(answer="x"), "", 0)
    result, text, need, *_ = flat.ask(name, handle, *arguments, numbers=numbers)
    assert (result, text, need) == (lib.PCK_E_ARGUMENT, "", 0)
    assert flat.error(handle)
    assert flat.ask("last_answer", handle)[0] == lib.PCK_E_NO_ANSWER
    assert len(server[0].requests) == 1


@pytest.mark.parametrize("cap", [-1, -(2**31)])
def test_a_negative_size_is_refused(flat, handle, cap):
    out = flat.buffer(3)
    assert flat.call("check", handle, 1, "{}", "", 0, out, cap, NONE, NONE) == lib.PCK_E_ARGUMENT
    assert flat.call("last_answer", handle, out, cap, NONE, NONE) == lib.PCK_E_ARGUMENT
    assert flat.call("feedback", handle, 1, "{}", 0, out, cap, NONE, NONE, NONE) == lib.PCK_E_ARGUMENT
    assert flat.call("check", handle, 1, "{}", "", 0, NONE, 3, NONE, NONE) == lib.PCK_E_ARGUMENT
    assert list(out) == list(flat.buffer(3))


# ---- errors ----


def test_errors_are_cut_to_whole_characters(flat, handle):
    document = json.dumps({"status": "INVALID_ARGUMENT", "message": "字段 𠮷 错"})
    flat.ask("check", handle, 1, document, "", 0)
    whole = flat.error(handle)
    assert whole.endswith("字段 𠮷 错" if flat.family.suffix == "_w" else "?? ? ?")
    for cap in range(1, len(whole.encode(UTF_16)) // 2 + 1):
        cut = flat.error(handle, cap)
        assert whole.startswith(cut)
        assert len(cut.encode(UTF_16)) // 2 >= cap - 2, "as much as fits"
    assert flat.call("last_error", handle, NONE, 0) == lib.PCK_OK
    flat.ask("check", handle, 1, wish(), "", 0)
    assert flat.error(handle) == ""


def test_text_that_is_not_in_the_family_s_encoding_is_refused(server):
    ansi, wide = Flat(Ansi()), Flat(Wide())
    _, handle, _ = ansi.open(f"servers={server[1]};{PATIENT}")
    half = ffi.new("uint16_t[]", [0xD842, 0])
    assert wide.call("void", handle, "p", "e", "*", "", half, 0, NONE) == lib.PCK_E_ARGUMENT
    assert wide.error(handle) == "reason is not UTF-16"
    if sys.platform != "win32":  # which has the tables
        assert ansi.call("void", handle, "p", "e", "*", "", "医生撤销", 0, NONE) == lib.PCK_E_ARGUMENT
        assert ansi.error(handle).startswith("reason is not ASCII")
    assert wide.call("void", handle, "p", "e", "*", "", '{"x": "医生撤销"}', 0, NONE) == lib.PCK_OK
    assert server[0].requests[0].reason == '{"x": "医生撤销"}'
    assert lib.pck_flat_close(handle) == lib.PCK_OK


# ---- threads ----


def test_a_second_thread_is_told_so_and_cancel_is_the_exception(flat, handle, server):
    results = []
    document = wish(sleep_s=25)
    thread = threading.Thread(target=lambda: results.append(flat.ask("check", handle, 1, document, "", 0)[0]))
    thread.start()
    assert server[0].seen.wait(20)
    assert flat.ask("check", handle, 1, "{}", "", 0)[0] == lib.PCK_E_BUSY
    assert flat.call("last_error", handle, NONE, 0) == lib.PCK_E_BUSY
    assert lib.pck_flat_close(handle) == lib.PCK_E_BUSY
    assert lib.pck_flat_cancel(handle) == lib.PCK_OK
    thread.join()
    assert results == [lib.PCK_E_CANCELLED]
    assert flat.ask("check", handle, 1, "{}", "", 0)[0] == lib.PCK_PASS


def test_threads_with_handles_of_their_own(flat, server):
    """Opening, checking and closing on four threads at once."""
    wrong = []

    def work(number):
        own = Flat(flat.family)
        for turn in range(25):
            result, handle, error = own.open(f"servers={server[1]};{PATIENT}")
            answer = own.ask("check", handle, 1, wish(answer=f"{number}-{turn}"), "", 0)[:2]
            if (result, error, answer) != (lib.PCK_OK, "", (lib.PCK_PASS, f"{number}-{turn}")):
                wrong.append((result, error, answer))
            if lib.pck_flat_close(handle) != lib.PCK_OK:
                wrong.append(handle)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
