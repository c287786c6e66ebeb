"""TLS: who is trusted, who is asked for a certificate, and that nothing falls back to plaintext."""

import ssl
import threading
from pathlib import Path

import pytest

from client_shim.client import Client, ClientError, lib
from tests.abi.certificates import NAME
from tests.abi.servers import grpc_server, raw_server, server_credentials

PATIENT_MS = 20_000


def credentials(certificates, name="server", *, ask=False):
    return server_credentials(getattr(certificates, name), certificates.ca if ask else None)


def check(address, **tls):
    with Client(address, deadline_ms=PATIENT_MS, **tls) as client:
        return client.check(b'{"verdict": 1, "answer": "over TLS"}')


@pytest.mark.parametrize("server_name", [NAME, "127.0.0.1", None])
@pytest.mark.parametrize("name", ["server", "server_rsa"])
def test_a_trusted_server_is_reached_by_name_or_address(certificates, name, server_name):
    with grpc_server(credentials=credentials(certificates, name)) as (servicer, address):
        answer = check(address, tls_ca_file=certificates.ca, tls_server_name=server_name)
        assert (answer.result, answer.answer) == (lib.PCK_WARN, b"over TLS"), answer
        assert len(servicer.requests) == 1


@pytest.mark.parametrize(
    ("name", "authority", "server_name", "reason"),
    [
        ("server", "wrong_ca", NAME, "not correctly signed"),
        ("other_name", "ca", NAME, "Common Name"),
        ("other_name", "ca", None, "Common Name"),
        ("server", "ca", "elsewhere.test", "Common Name"),
        ("server", "ca", "127.0.0.2", "Common Name"),
        ("expired", "ca", NAME, "expired"),
        ("future", "ca", NAME, "future"),
        ("foreign", "ca", NAME, "not correctly signed"),
    ],
)
def test_a_server_that_is_not_to_be_trusted_is_refused(certificates, name, authority, server_name, reason):
    with grpc_server(credentials=credentials(certificates, name)) as (servicer, address):
        answer = check(address, tls_ca_file=getattr(certificates, authority), tls_server_name=server_name)
        assert answer.result == lib.PCK_E_TLS
        assert reason in answer.error
        assert servicer.requests == []


@pytest.mark.parametrize("station", [None, "stranger"])
def test_a_server_that_asks_for_a_certificate_refuses_a_station_without_a_good_one(certificates, station):
    with grpc_server(credentials=credentials(certificates, ask=True)) as (servicer, address):
        own = getattr(certificates, station) if station else None
        pair = {"tls_cert_file": f"{own}.pem", "tls_key_file": f"{own}.key"} if own else {}
        answer = check(address, tls_ca_file=certificates.ca, **pair)
        assert answer.result == lib.PCK_E_TLS
        assert servicer.requests == []


def test_a_station_with_a_certificate_is_let_in(certificates):
    with grpc_server(credentials=credentials(certificates, ask=True)) as (_, address):
        pair = {"tls_cert_file": f"{certificates.client}.pem", "tls_key_file": f"{certificates.client}.key"}
        with Client(address, deadline_ms=PATIENT_MS, tls_ca_file=certificates.ca, **pair) as client:
            for _ in range(50):
                assert client.check(b'{"verdict": 2}').result == lib.PCK_BLOCK


def test_large_messages_over_tls(certificates):
    with grpc_server(credentials=credentials(certificates)) as (servicer, address):
        with Client(address, deadline_ms=PATIENT_MS, tls_ca_file=certificates.ca) as client:
            document = b'{"answer_bytes": 900000}\n' + b"d" * 3_000_000
            answer = client.check(document)
        assert (len(answer.answer), answer.error) == (900_000, "")
        assert servicer.requests[0].document == document


def test_tls_and_plaintext_never_meet(certificates, server):
    assert check(server[1], tls_ca_file=certificates.ca).result == lib.PCK_E_TLS
    with grpc_server(credentials=credentials(certificates)) as (_, address):
        assert check(address).result in (lib.PCK_E_BAD_REPLY, lib.PCK_E_UNREACHABLE)


def test_a_tls_server_without_http2_is_refused(certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{certificates.server}.pem", f"{certificates.server}.key")
    done = threading.Event()

    def handle(connection, _):
        with context.wrap_socket(connection.sock, server_side=True):
            done.wait(20)

    with raw_server(handle) as (_, address):
        answer = check(address, tls_ca_file=certificates.ca)
        done.set()
    assert answer.result == lib.PCK_E_TLS
    assert "HTTP/2" in answer.error


@pytest.mark.parametrize(
    "files",
    [
        {"tls_ca_file": "missing"},
        {"tls_ca_file": "empty"},
        {"tls_ca_file": "text"},
        {"tls_ca_file": "large"},
        {"tls_ca_file": "."},
        {"tls_ca_file": "ca.pem", "tls_cert_file": "missing", "tls_key_file": "client.key"},
        {"tls_ca_file": "ca.pem", "tls_cert_file": "client.pem", "tls_key_file": "missing"},
        {"tls_ca_file": "ca.pem", "tls_cert_file": "client.pem", "tls_key_file": "text"},
        {"tls_ca_file": "ca.pem", "tls_cert_file": "client.pem", "tls_key_file": "stranger.key"},
        {"tls_ca_file": "ca.pem", "tls_cert_file": "client.key", "tls_key_file": "client.key"},
    ],
)
def test_files_that_cannot_be_used_are_named(certificates, tmp_path, files):
    for source in Path(certificates.ca).parent.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("no certificate\n" * 10)
    (tmp_path / "large").write_bytes(b"x" * (1024 * 1024 + 1))
    with pytest.raises(ClientError) as caught:
        Client("127.0.0.1:1", **{field: str(tmp_path / name) for field, name in files.items()})
    assert caught.value.result == lib.PCK_E_CERTIFICATE
    assert str(tmp_path) in caught.value.text
