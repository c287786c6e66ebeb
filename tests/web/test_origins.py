"""Web pages that call from a browser: allowed ones may, others are refused before anything is done."""

import json

import pytest

from server.settings import SettingsError, load_settings
from tests.web.messages import WOMEN_DRUG, message, order
from tests.web.product import Server

ALLOWED = "https://his.example:8443"
BODY = json.dumps(message([order(WOMEN_DRUG)]), ensure_ascii=False).encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    data = tmp_path_factory.mktemp("origins") / "data"
    with Server(data, env={"PRECHECK_ALLOWED_ORIGINS": f"http://10.1.2.3,{ALLOWED}"}) as running:
        yield running


def preflight(server, origin, path="/nhsa/3101"):
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,precheck-request-id",
    }
    return server.request("OPTIONS", path, headers=asked)


def shared_with(headers):
    return {name.lower(): value for name, value in headers.items()}.get("access-control-allow-origin")


def test_an_allowed_page_may_ask_and_reads_the_answer(server):
    status, headers, _ = preflight(server, ALLOWED)
    assert (status, shared_with(headers)) == (200, ALLOWED)
    status, headers, content = server.post_bytes("/nhsa/3101", BODY, {"Origin": ALLOWED})
    assert (status, shared_with(headers)) == (200, ALLOWED)
    assert json.loads(content)["infcode"] == 0


def test_an_allowed_page_reads_refusals_too(server):
    status, headers, content = server.post_bytes("/v1/check", b"{", {"Origin": ALLOWED})
    assert (status, shared_with(headers)) == (400, ALLOWED)
    assert json.loads(content)["completeness"] == "NONE"


@pytest.mark.parametrize(
    "origin", ["https://elsewhere.test", "https://his.example", "null", "file://", "https://his.example:8443.evil.test"]
)
def test_another_page_is_refused_before_anything_is_done(server, origin):
    before = server.rows("SELECT count(*) FROM decision")
    assert preflight(server, origin)[0] == 403
    # What a browser sends without asking: no JSON type, and the answer withheld.
    status, headers, content = server.request(
        "POST", "/nhsa/3101", BODY, {"Origin": origin, "Content-Type": "text/plain"}
    )
    assert (status, shared_with(headers)) == (403, None)
    answer = json.loads(content)
    assert answer["infcode"] == -1
    assert f"`{origin}`" in answer["err_msg"]
    assert server.rows("SELECT count(*) FROM decision") == before


def test_a_page_of_the_gateways_own_address_and_a_caller_without_an_origin_are_as_before(server):
    for headers in ({}, {"Origin": f"http://{server.http}"}):
        status, answered, _ = server.post_bytes("/nhsa/3101", BODY, headers)
        assert (status, shared_with(answered)) == (200, None)


def test_metrics_are_for_no_page(server):
    assert server.request("GET", "/metrics", headers={"Origin": ALLOWED})[0] == 403
    assert server.request("GET", "/healthz", headers={"Origin": ALLOWED})[0] == 200


def test_without_the_setting_no_page_may(product):
    status, _, content = product.post_bytes("/v1/check", b"{}", {"Origin": ALLOWED})
    assert status == 403
    assert "allowed_origins" in json.loads(content)["error"]


@pytest.mark.parametrize(
    "value", ["his.example", "https://his.example/", "https://HIS.example", "https://his.example/page", ""]
)
def test_what_is_no_origin_is_no_setting(value):
    with pytest.raises(SettingsError, match=r"allowed_origins.*expected SCHEME://HOST"):
        load_settings(None, {}, {"allowed_origins": (value,)})


def test_any_page_where_the_setting_says_so(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('allowed_origins = ["*"]\n')
    assert load_settings(str(file), {}).allowed_origins == ("*",)
