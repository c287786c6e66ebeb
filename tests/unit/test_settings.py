"""Settings: from a file, the environment and the command line; an unknown key is an error wherever it stands."""

import pytest

from server.settings import Settings, SettingsError, load_settings
from tests.web.product import command


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "settings.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_nothing_set_is_on_loopback():
    settings = load_settings(None, {})
    assert settings == Settings()
    assert settings.grpc.startswith("127.0.0.1:")
    assert settings.http.startswith("127.0.0.1:")


def test_precedence(file):
    path = file('grpc = "127.0.0.1:1"\nhttp = "127.0.0.1:2"\nthreads = 3\ndata = "file"\n')
    environment = {"PRECHECK_HTTP": "127.0.0.1:12", "PRECHECK_THREADS": "13", "PRECHECK_DATA": "environment"}
    settings = load_settings(path, environment, {"threads": 23, "data": None})
    assert (settings.grpc, settings.http, settings.threads, settings.data) == (
        "127.0.0.1:1",
        "127.0.0.1:12",
        23,
        "environment",
    )


def test_the_environment_may_name_the_file(file):
    environment = {"PRECHECK_SETTINGS": file("threads = 9\n"), "PATH": "/bin", "OTHER_THING": "1"}
    assert load_settings(None, environment).threads == 9
    assert load_settings(file("threads = 8\n"), environment).threads == 8


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("PACK", "a,b", ("a", "b")),
        ("PACK", "a", ("a",)),
        ("PACK", "", ()),
        ("REFLECTION", "true", True),
        ("REFLECTION", "0", False),
        ("CALLS_IN_FLIGHT_MAX", "7", 7),
    ],
)
def test_values_from_the_environment(name, text, value):
    assert getattr(load_settings(None, {f"PRECHECK_{name}": text}), name.lower()) == value


def test_an_unknown_key_in_the_file(file):
    path = file("thread = 4\n")
    with pytest.raises(SettingsError, match=r"settings\.toml: unknown setting `thread`; did you mean `threads`"):
        load_settings(path, {})


def test_an_unknown_key_in_the_environment():
    with pytest.raises(SettingsError, match="PRECHECK_THREAD: unknown setting `thread`; did you mean `threads`"):
        load_settings(None, {"PRECHECK_THREAD": "4"})


def test_the_folder_of_source_archives_is_no_setting():
    assert load_settings(None, {"PRECHECK_SOURCES": "/somewhere"}) == Settings()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threads", "0"),
        ("threads", "65"),
        ("threads", "many"),
        ("calls_in_flight_max", "0"),
        ("durability", "perhaps"),
        ("grpc", "50051"),
        ("grpc", ":50051"),
        ("grpc", "host:"),
        ("http", "127.0.0.1:65536"),
        ("http", "127.0.0.1:http"),
        ("reflection", "perhaps"),
        ("tls_key", "key.pem"),
        ("history_cache_lines_max", "1.5"),
    ],
)
def test_a_bad_value_is_named(key, value):
    with pytest.raises(SettingsError, match=key):
        load_settings(None, {f"PRECHECK_{key.upper()}": value})


@pytest.mark.parametrize(
    ("text", "named"),
    [("threads = ", "settings.toml"), (b"\xff\xfe", "settings.toml"), ("pack = 7", "pack"), ("[grpc]\nx = 1", "grpc")],
)
def test_a_file_that_cannot_be_read(file, text, named):
    with pytest.raises(SettingsError, match=named):
        load_settings(file(text), {})


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        load_settings(str(tmp_path / "nowhere.toml"), {})


def test_the_server_does_not_start_with_an_unknown_key(tmp_path, file):
    place = ("--data", tmp_path / "data", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
    by_environment = command("serve", *place, env={"PRECHECK_COLOUR": "red"})
    by_file = command("serve", *place, "--settings", file("colour = 1\n"))
    for done in (by_environment, by_file):
        assert done.returncode == 2
        assert "unknown setting `colour`" in done.stderr.decode()
        assert done.stdout == b""
