"""docs/howto/author-a-rule.md: the pack that it makes has no finding, passes its tests and has its form."""

import re

from ruleset.pack.cases import run_tests
from ruleset.pack.check import check_pack
from ruleset.pack.format import formatted
from ruleset.pack.lint import lint
from ruleset.pack.source import read_source
from ruleset.snapshot import Snapshot
from server.cli.pack_files import opened
from tests.pack.conftest import CHECKOUT

PAGE = CHECKOUT / "docs" / "howto" / "author-a-rule.md"


def test_the_example_is_sound(tmp_path):
    page = PAGE.read_text(encoding="utf-8")
    files = dict(re.findall(r"^`([\w./-]+)`:\n\n```\w*\n(.*?)```", page, flags=re.DOTALL | re.MULTILINE))
    assert {name.partition("/")[0] for name in files} == {"pack.toml", "rules", "lists", "rows", "tests"}
    for name, text in files.items():
        (tmp_path / "ward" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "ward" / name).write_text(text, encoding="utf-8")
    source = read_source(tmp_path / "ward")
    assert [str(finding) for finding in lint(check_pack(source))] == []
    assert [file.path for file in formatted(source) if not file.is_canonical] == []
    pack = opened(str(tmp_path / "ward"))
    outcome = run_tests(pack.file.manifest.tests, Snapshot([pack]))
    assert not outcome.failures, "\n".join(map(str, outcome.failures))
    assert outcome.passed == 7
