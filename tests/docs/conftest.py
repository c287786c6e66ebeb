import json
from datetime import datetime
from pathlib import Path

import pytest

from ruleset.evaluator import evaluate
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot
from ruleset.timeline import EMPTY
from server.entrance.national import read_message
from server.entrance.national_answer import AnswerHead, national_answer
from server.entrance.own_answer import own_answer
from server.profile import Profiles

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def starter_pack(tmp_path_factory):
    file = tmp_path_factory.mktemp("pack") / "nhsa.pack"
    compile_pack(ROOT / "ruleset/packs/nhsa", file)
    return Snapshot([LoadedPack(PackFile(file))])


HEAD = AnswerHead("0" * 26, "nhsa@1", datetime.fromisoformat("2026-07-06T09:00:00+08:00"), 0, "")


@pytest.fixture(scope="session")
def sample(starter_pack):
    """The message docs/samples/block.json with its result: a finding and something not evaluated."""
    document = json.loads((ROOT / "docs/samples/block.json").read_text(encoding="utf-8"))
    message = read_message(document, "3101", Profiles("", "default"))
    return message, evaluate(message.case, EMPTY, starter_pack)


@pytest.fixture(scope="session")
def answer_of_sample(sample):
    """The national answer to it."""
    return national_answer(*sample, HEAD, committed_lines=0)[0]


@pytest.fixture(scope="session")
def own_answer_of_sample(sample):
    """Our own answer to it."""
    message, result = sample
    return own_answer(message.case, result, HEAD)[0]
