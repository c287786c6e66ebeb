import json

import pytest

from client_shim import popup
from tests.popup.scenes import DOCUMENTS, NATIONAL, PACKS, Scene, result_of
from tests.web.product import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The product with both packs."""
    packs = [argument for pack in PACKS for argument in ("--pack", pack)]
    with Server(tmp_path_factory.mktemp("popup") / "data", *packs) as running:
        yield running


@pytest.fixture(scope="session")
def scenes(server):
    """What is shown: a real answer for every document, and an outage."""
    answered = {}
    for name, document in DOCUMENTS.items():
        status, answer = server.post("/nhsa/3101" if name in NATIONAL else "/v1/check", document)
        assert status == 200, answer
        answered[name] = Scene(name, json.dumps(answer, ensure_ascii=False).encode(), result_of(answer))
    answered["outage"] = Scene("outage", b"", -100)
    return answered


@pytest.fixture(scope="session")
def model_driver():
    """The program that shows what the window would."""
    popup.prepare_driver()
    return popup.MODEL_DRIVER
