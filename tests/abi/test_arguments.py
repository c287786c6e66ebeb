"""What the header says about wrong arguments, structures, strings and buffers."""

import pytest

from client_shim.client import Client, ClientError, Encoding, Format, ffi, lib
from tests.abi.servers import free_port

HERE = "127.0.0.1:1"
ERROR_BYTES = 512


def options(**fields):
    made = ffi.new("pck_options *", {"struct_size": ffi.sizeof("pck_options")})
    kept = {"servers": HERE, **fields}
    alive = []
    for name, value in kept.items():
        if isinstance(value, str | bytes):
            alive.append(ffi.new("char[]", value if isinstance(value, bytes) else value.encode()))
            setattr(made, name, alive[-1])
        else:
            setattr(made, name, value)
    return made, alive


def opened(made, cap=ERROR_BYTES):
    """Open; return (result, error text), and close what was opened."""
    handle = ffi.new("pck_client **")
    error = ffi.new("char[]", b"x" * (ERROR_BYTES - 1))
    result = lib.pck_open(made, handle, error, cap)
    assert (handle[0] == ffi.NULL) == (result != lib.PCK_OK)
    lib.pck_free(handle[0])
    return result, ffi.string(error).decode()


def refused(**fields):
    made, _alive = options(**fields)
    return opened(made)


@pytest.fixture
def handle():
    """A client of a server that does not exist: nothing here may get as far as asking it."""
    with Client(f"127.0.0.1:{free_port()}") as opened_client:
        yield opened_client._handle


def request(document=b"{}", **fields):
    made = ffi.new("pck_request *", {"struct_size": ffi.sizeof("pck_request"), "format": 1})
    data = ffi.NULL if document is None else ffi.from_buffer(document)
    made.document, made.document_len = data, len(document or b"{}")
    for name, value in fields.items():
        setattr(made, name, value)
    return made, data


def check(handle, made):
    """Check into a small buffer; return (result, text, need, completeness, error)."""
    out, need, completeness = ffi.new("char[]", b"x" * 15), ffi.new("uint32_t *", 7), ffi.new("int32_t *", 7)
    result = lib.pck_check(handle, made, out, len(out), need, completeness)
    return result, ffi.string(out), need[0], completeness[0], last_error(handle)


def last_error(handle):
    text = ffi.new("char[]", ERROR_BYTES)
    assert lib.pck_last_error(handle, text, ERROR_BYTES, ffi.NULL) == lib.PCK_OK
    return ffi.string(text).decode()


# ---- structures ----


@pytest.mark.parametrize("size", [0, 4, 87, 4097, 2**32 - 1])
def test_a_struct_size_that_cannot_be_is_refused(size):
    made, _alive = options()
    made.struct_size = size
    result, text = opened(made)
    assert result == lib.PCK_E_STRUCT
    assert "struct_size" in text


@pytest.mark.parametrize(("tail", "wanted"), [(b"\0" * 8, "PCK_PASS"), (b"\0\0\0\0\0\0\0\1", "PCK_E_STRUCT")])
def test_a_longer_structure_is_accepted_if_the_rest_is_zero(tail, wanted):
    made, _alive = options()
    made.struct_size += len(tail)
    longer = ffi.from_buffer(bytearray(ffi.buffer(made)[:] + tail))
    result, _ = opened(ffi.cast("pck_options *", longer))
    assert result == getattr(lib, wanted)


@pytest.mark.parametrize("index", range(4))
def test_reserved_fields_of_options_are_checked(index):
    made, _alive = options()
    made.reserved[index] = 1
    result, text = opened(made)
    assert result == lib.PCK_E_STRUCT
    assert f"reserved[{index}]" in text


@pytest.mark.parametrize("index", range(3))
def test_reserved_fields_of_requests_are_checked(handle, index):
    made, _data = request()
    made.reserved[index] = 1
    assert check(handle, made)[0] == lib.PCK_E_STRUCT
    voiding = ffi.new("pck_void_request *", {"struct_size": ffi.sizeof("pck_void_request")})
    voiding.reserved[index] = 1
    assert lib.pck_void(handle, voiding, ffi.NULL, ffi.NULL) == lib.PCK_E_STRUCT


# ---- options ----


@pytest.mark.parametrize(
    "servers",
    [
        "",
        "localhost:50051",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:123456",
        "127.0.0.1:5x",
        "127.0.0.1:-1",
        "127.0.0:50051",
        "::1:50051",
        "[::1:50051",
        "[::1]50051",
        "[127.0.0.1]:50051",
        "[]:50051",
        ":50051",
        "127.0.0.1:1,",
        ",127.0.0.1:1",
        "127.0.0.1:1 127.0.0.1:2",
        "http://127.0.0.1:1",
        ",".join(["127.0.0.1:1"] * 9),
        "1" * 1000,
        "[" + "1" * 1000,
    ],
)
def test_servers_that_cannot_be_read_are_refused(servers):
    result, text = refused(servers=servers)
    assert result == lib.PCK_E_SERVERS
    assert text.startswith("servers")


def test_servers_may_be_missing_from_nothing():
    result, text = refused(servers=ffi.NULL)
    assert (result, text) == (lib.PCK_E_SERVERS, "servers is missing")


@pytest.mark.parametrize(
    "servers", ["127.0.0.1:1", "[::1]:65535", " 127.0.0.1:1 , [fd00::1]:2 ", ",".join(["127.0.0.1:1"] * 8)]
)
def test_servers_in_the_documented_form_are_accepted(servers):
    assert refused(servers=servers) == (lib.PCK_OK, "")


@pytest.mark.parametrize(
    "fields",
    [
        {"deadline_ms": 600_001},
        {"max_answer_bytes": 128 * 1024 * 1024 + 1},
        {"station_id": "s" * 257},
        {"profile": "p" * 257},
        {"station_id": "诊室".encode("gbk")},
        {"profile": b"\xed\xa0\x80"},
        {"station_id": b"\xc0\xaf"},
        {"station_id": b"abc\xe4\xb8"},
        {"tls_server_name": "precheck"},
        {"tls_cert_file": "a", "tls_key_file": "b"},
        {"tls_ca_file": "a", "tls_cert_file": "b"},
        {"tls_ca_file": "a", "tls_key_file": "b"},
    ],
)
def test_options_outside_the_limits_are_refused(fields):
    result, text = refused(**fields)
    assert result == lib.PCK_E_ARGUMENT
    assert next(iter(fields)).removesuffix("_file") in text or "tls_" in text


def test_options_at_the_limits_are_accepted():
    fields = {"deadline_ms": 600_000, "max_answer_bytes": 128 * 1024 * 1024, "idle_ms": 2**32 - 1}
    assert refused(**fields, station_id="诊" * 85, profile="p" * 256) == (lib.PCK_OK, "")


def test_open_needs_a_place_for_the_client():
    made, _alive = options()
    assert lib.pck_open(made, ffi.NULL, ffi.NULL, 0) == lib.PCK_E_ARGUMENT
    assert opened(ffi.NULL)[0] == lib.PCK_E_ARGUMENT


@pytest.mark.parametrize("cap", [0, 1, 10, ERROR_BYTES])
def test_the_reason_of_open_is_cut_to_the_buffer(cap):
    made, _alive = options(servers="nonsense")
    _, text = opened(made, cap)
    whole = opened(made)[1]
    assert text == (whole[: cap - 1] if cap else "x" * (ERROR_BYTES - 1))
    handle = ffi.new("pck_client **")
    assert lib.pck_open(made, handle, ffi.NULL, cap) == lib.PCK_E_SERVERS


def test_open_touches_no_network():
    with Client(f"127.0.0.1:{free_port()}") as client:
        assert client.last_error() == ""


def test_strings_of_options_are_copied(server):
    servicer, address = server
    made, alive = options(servers=address, station_id="station-7", profile="east")
    handle = ffi.new("pck_client **")
    assert lib.pck_open(made, handle, ffi.NULL, 0) == lib.PCK_OK
    for text in alive:
        ffi.memmove(text, b"\xff" * (len(text) - 1), len(text) - 1)
    ffi.memmove(made, b"\xff" * ffi.sizeof("pck_options"), ffi.sizeof("pck_options"))
    asked, _data = request(deadline_ms=20_000)
    assert check(handle[0], asked)[0] == lib.PCK_PASS
    assert (servicer.requests[0].station_id, servicer.requests[0].profile) == ("station-7", "east")
    lib.pck_free(handle[0])


# ---- requests ----


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"format": 0}, "format"),
        ({"format": 256}, "format"),
        ({"encoding": 256}, "encoding"),
        ({"deadline_ms": 600_001}, "deadline_ms"),
        ({"document": None}, "document"),
        ({"document_len": 0}, "document"),
    ],
)
def test_requests_outside_the_limits_are_refused_by_name(handle, fields, name):
    made, _data = request(**fields)
    result, text, need, completeness, error = check(handle, made)
    assert result == lib.PCK_E_ARGUMENT
    assert error.startswith(name)
    assert (text, need, completeness) == (b"", 0, lib.PCK_COMPLETENESS_UNKNOWN)


def test_a_document_over_the_limit_is_refused_without_being_read(handle):
    made, _data = request()
    made.document_len = lib.PCK_DOCUMENT_BYTES_MAX + 1
    assert check(handle, made)[0] == lib.PCK_E_DOCUMENT_LIMIT


def test_a_request_id_has_limits_and_belongs_to_check(handle):
    long_id = ffi.new("char[]", b"i" * 257)
    made, _data = request(request_id=long_id)
    assert check(handle, made)[0] == lib.PCK_E_ARGUMENT
    short_id = ffi.new("char[]", b"i")
    made, _data = request(request_id=short_id)
    assert lib.pck_commit(handle, made, ffi.NULL, ffi.NULL) == lib.PCK_E_ARGUMENT
    assert "request_id" in last_error(handle)


def test_null_clients_and_null_requests_are_refused(handle):
    made, _data = request()
    nothing = ffi.NULL
    need = ffi.new("uint32_t *", 7)
    assert lib.pck_check(nothing, made, nothing, 0, need, nothing) == lib.PCK_E_ARGUMENT
    assert need[0] == 0
    assert lib.pck_commit(nothing, made, nothing, nothing) == lib.PCK_E_ARGUMENT
    assert lib.pck_void(nothing, nothing, nothing, nothing) == lib.PCK_E_ARGUMENT
    assert lib.pck_feedback(nothing, made, nothing, 0, nothing, nothing, nothing) == lib.PCK_E_ARGUMENT
    assert lib.pck_recent_history(nothing, nothing, nothing, 0, need) == lib.PCK_E_ARGUMENT
    assert lib.pck_recent_history(handle, nothing, nothing, 0, need) == lib.PCK_E_ARGUMENT
    assert lib.pck_review_status(nothing, nothing, nothing, 0, need, nothing) == lib.PCK_E_ARGUMENT
    assert lib.pck_review_status(handle, nothing, nothing, 0, need, nothing) == lib.PCK_E_ARGUMENT
    assert lib.pck_last_answer(nothing, nothing, 0, nothing, nothing) == lib.PCK_E_ARGUMENT
    assert lib.pck_last_error(nothing, nothing, 0, nothing) == lib.PCK_E_ARGUMENT
    assert lib.pck_check(handle, nothing, nothing, 0, nothing, nothing) == lib.PCK_E_ARGUMENT
    lib.pck_cancel(nothing)
    lib.pck_free(nothing)


def test_out_may_be_null_only_with_cap_zero(handle):
    made, _data = request()
    assert lib.pck_check(handle, made, ffi.NULL, 10, ffi.NULL, ffi.NULL) == lib.PCK_E_ARGUMENT
    assert lib.pck_feedback(handle, made, ffi.NULL, 10, ffi.NULL, ffi.NULL, ffi.NULL) == lib.PCK_E_ARGUMENT
    assert lib.pck_recent_history(handle, ffi.NULL, ffi.NULL, 10, ffi.NULL) == lib.PCK_E_ARGUMENT
    assert lib.pck_review_status(handle, ffi.NULL, ffi.NULL, 10, ffi.NULL, ffi.NULL) == lib.PCK_E_ARGUMENT
    assert lib.pck_last_answer(handle, ffi.NULL, 10, ffi.NULL, ffi.NULL) == lib.PCK_E_ARGUMENT
    assert lib.pck_last_error(handle, ffi.NULL, 10, ffi.NULL) == lib.PCK_E_ARGUMENT


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ("pck_history_request", {"patient_id": None}),
        ("pck_history_request", {"patient_id": b""}),
        ("pck_history_request", {"patient_id": b"p" * 2049}),
        ("pck_history_request", {"since": b"s" * 2049}),
        ("pck_history_request", {"since": b"\xff"}),
        ("pck_history_request", {"encoding": 256}),
        ("pck_history_request", {"deadline_ms": 600_001}),
        ("pck_history_request", {"reserved": [0, 0, 0, 1]}),
        ("pck_history_request", {"struct_size": 8}),
        ("pck_review_request", {"check_id": None}),
        ("pck_review_request", {"check_id": b"c" * 257}),
        ("pck_review_request", {"encoding": 256}),
        ("pck_review_request", {"deadline_ms": 600_001}),
        ("pck_review_request", {"reserved": [0, 0, 0, 0, 1]}),
        ("pck_review_request", {"struct_size": 8}),
    ],
)
def test_questions_outside_the_limits_are_refused_by_name(handle, asked, wrong):
    kept = [ffi.new("char[]", b"1")]
    required = {"pck_history_request": {"patient_id": kept[0]}, "pck_review_request": {"check_id": kept[0]}}[asked]
    made = ffi.new(f"{asked} *", {"struct_size": ffi.sizeof(asked), **required})
    for name, value in wrong.items():
        kept.append(ffi.new("char[]", value) if isinstance(value, bytes) else value)
        setattr(made, name, ffi.NULL if value is None else kept[-1])
    if asked == "pck_history_request":
        result = lib.pck_recent_history(handle, made, ffi.NULL, 0, ffi.NULL)
    else:
        result = lib.pck_review_status(handle, made, ffi.NULL, 0, ffi.NULL, ffi.NULL)
    (name,) = wrong
    assert result == (lib.PCK_E_STRUCT if name in ("reserved", "struct_size") else lib.PCK_E_ARGUMENT)
    assert name in last_error(handle)


@pytest.mark.parametrize(
    "wrong",
    [
        {"patient_id": None},
        {"encounter_id": None},
        {"patient_id": ""},
        {"order_ids": ["1", ""]},
        {"order_ids": ["1"] * 1001},
        {"reason": "r" * 2049},
        {"item_code": "c" * 2049},
        {"deadline_ms": 600_001},
    ],
)
def test_void_requests_outside_the_limits_are_refused(handle, wrong):
    with Client(HERE) as client, pytest.raises(ClientError) as caught:
        client.void(**{"patient_id": "p", "encounter_id": "e", **wrong})
    assert caught.value.result == lib.PCK_E_ARGUMENT
    assert next(iter(wrong)) in caught.value.text or "order_id" in caught.value.text


def test_void_without_its_order_ids_is_refused_rather_than_voiding_everything(handle):
    name = ffi.new("char[]", b"p")
    fields = {"struct_size": ffi.sizeof("pck_void_request"), "patient_id": name, "encounter_id": name}
    made = ffi.new("pck_void_request *", {**fields, "order_id_count": 1})
    assert lib.pck_void(handle, made, ffi.NULL, ffi.NULL) == lib.PCK_E_ARGUMENT
    listed = ffi.new("char *[]", [ffi.NULL])
    made.order_ids = listed
    assert lib.pck_void(handle, made, ffi.NULL, ffi.NULL) == lib.PCK_E_ARGUMENT


def test_last_answer_without_one(handle):
    need = ffi.new("uint32_t *", 7)
    assert lib.pck_last_answer(handle, ffi.NULL, 0, need, ffi.NULL) == lib.PCK_E_NO_ANSWER
    assert need[0] == 0


def test_last_error_follows_the_rule_for_buffers_and_is_not_changed_by_asking(handle):
    made, _data = request(format=0)
    check(handle, made)
    text = last_error(handle)
    need = ffi.new("uint32_t *")
    out = ffi.new("char[]", b"x" * 20)
    assert lib.pck_last_error(handle, out, len(text.encode()), need) == lib.PCK_E_BUFFER
    assert need[0] == len(text.encode()) + 1
    assert ffi.string(out) == b""
    assert lib.pck_last_error(handle, ffi.NULL, 0, ffi.NULL) == lib.PCK_E_BUFFER
    assert lib.pck_last_answer(handle, ffi.NULL, 0, ffi.NULL, ffi.NULL) == lib.PCK_E_NO_ANSWER
    assert last_error(handle) == text


def test_the_binding_has_the_numbers_of_the_header():
    assert [int(value) for value in Format] == [1, 2, 3, 4]
    assert [int(value) for value in Encoding] == [1, 2, 3]
    assert (lib.PCK_DEADLINE_MS_DEFAULT, lib.PCK_DOCUMENT_BYTES_MAX) == (300, 24 * 1024 * 1024)
