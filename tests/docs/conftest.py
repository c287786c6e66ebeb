import json
from datetime import datetime
from pathlib import Path

import pytest

from ruleset.evaluator import evaluate_without_history
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot
from server.entrance.national import read_message
from server.entrance.national_answer import AnswerHead, national_answer
from server.profile import Profiles

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def starter_pack(tmp_path_factory):
    file = tmp_path_factory.mktemp("pack") / "nhsa.pack"
    compile_pack(ROOT / "ruleset/packs/nhsa", file)
    return Snapshot([LoadedPack(PackFile(file))])


@pytest.fixture(scope="session")
def answer_of_sample(starter_pack):
    """The answer to docs/samples/block.json, which has a finding and something not evaluated."""
    document = json.loads((ROOT / "docs/samples/block.json").read_text(encoding="utf-8"))
    message = read_message(document, "3101", Profiles("", "default"))
    result = evaluate_without_history(message.case, starter_pack)
    head = AnswerHead("0" * 26, "nhsa@1", datetime.fromisoformat("2026-07-06T09:00:00+08:00"), 0)
    return national_answer(message, result, head, committed_lines=0)[0]
