"""What the pages say is so: links lead somewhere, commands exist, examples are accepted, output is today's."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ruleset.document import read_document
from ruleset.evaluator import evaluate
from ruleset.timeline import EMPTY
from server.check import _national_feedback, _own_feedback
from server.cli import main as command_line

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
READMES = ("README.md", "README.zh-CN.md")
HOSTS_ALLOWED = {"127.0.0.1:8080", "10.1.2.3:8080", "SERVER:8080", "keepachangelog.com", "www.apache.org"}
PLACES_ALLOWED = ("/etc/precheck", "/var/lib/precheck", "/srv/", "/opt/precheck", "/bin/kill")
CODE_BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)

each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def text_of(path):
    return path.read_text(encoding="utf-8")


def anchors(path):
    prose = CODE_BLOCK.sub("", text_of(path))
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@each_page
def test_links_lead_somewhere(path):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", CODE_BLOCK.sub("", text_of(path))):
        if urlsplit(target).scheme:
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert not broken


@each_page
def test_no_place_of_one_machine(path):
    text = text_of(path)
    for host in re.findall(r"https?://([^\s/)`'\"<>|]+)", text):
        assert host in HOSTS_ALLOWED, host
    places = re.findall(r"(?<![\w.})/:$-])/(?:work|root|home|tmp|mnt|usr|etc|var|srv|opt|bin)\b[\w./-]*", text)
    assert not [place for place in places if not place.startswith(PLACES_ALLOWED)]
    assert not re.search(r"\b(mirror|artifactory|nexus)\.", text)


@each_page
def test_dates_come_from_somewhere(path):
    if path.name == "performance.md":
        pytest.skip("says when it was measured")
    known = set()
    for folder in ("ruleset", "server", "proto", "docs/samples"):
        for source in (ROOT / folder).rglob("*.*"):
            if source.suffix in {".toml", ".csv", ".py", ".json", ".proto"}:
                text = text_of(source)
                known |= set(re.findall(r"\d{4}-\d\d-\d\d", text))
                known |= {
                    f"{year}-{int(month):02}-{int(day):02}"
                    for year, month, day in re.findall(r"(\d{4})年(\d{1,2})月(\d{1,2})日", text)
                }
    assert set(re.findall(r"\b\d{4}-\d\d-\d\d\b", text_of(path))) <= known


@each_page
def test_every_page_is_reachable(path):
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page))
        if not urlsplit(target).scheme
    }
    assert path in linked or path.name == "README.md"


@each_page
def test_commands_exist(path):
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    code = [*re.findall(r"`([^`\n]+)`", text_of(path)), *(block for _, block in CODE_BLOCK.findall(text_of(path)))]
    for line in "\n".join(code).splitlines():
        for target in re.findall(r"^(?:\$ )?make ([a-z-]+)", line):
            assert target in targets, line
        command = re.match(r"^(?:\$ )?(?:\.venv/bin/)?precheck ((?:[a-z]+(?:-[a-z]+)* ?)+)(?= |$)", line)
        if command and not line.startswith("precheck serving"):
            words = command[1].split()
            depth = 2 if words[0] in ("pack", "dictionary", "history", "records") else 1
            assert_is_command(words[:depth])
            for option in re.findall(r"(?<= )(--?[a-z][a-z-]*)", line):
                assert option in options_of(words[:depth]), line


def parser_of(words):
    parser = command_line._parser()
    for word in words:
        choices = next(action.choices for action in parser._actions if isinstance(action.choices, dict))
        assert word in choices, f"precheck {' '.join(words)}"
        parser = choices[word]
    return parser


def assert_is_command(words):
    parser_of(words)


def options_of(words):
    return {name for action in parser_of(words)._actions for name in action.option_strings}


def json_examples():
    for path in PAGES:
        for language, block in CODE_BLOCK.findall(text_of(path)):
            if language == "json":
                yield pytest.param(path, block, id=f"{path.relative_to(ROOT)}-{block[:20].strip()}")


@pytest.mark.parametrize(("path", "block"), list(json_examples()))
def test_json_examples_parse_and_are_accepted(path, block):
    value = json.loads(block)
    if "feedback" in value:
        _own_feedback(value)
    elif "warns" in json.dumps(value):
        _national_feedback(value)
    elif "encounter" in value:
        read_document(value)


def test_the_document_of_the_json_page_gives_the_two_findings_that_it_promises(starter_pack):
    block = next(block for language, block in CODE_BLOCK.findall(text_of(ROOT / "docs/reference/json.md")) if language)
    result = evaluate(read_document(json.loads(block)), EMPTY, starter_pack)
    assert sorted(finding.row.rule.id for finding in result.findings) == ["drug-sex", "service-per-day"]
    assert not result.hints
    assert not result.not_evaluated


def readme_block(name, command):
    """Return the code block that follows the mention of a command."""
    return re.search(rf"`{command}`.*?```\n(.*?)```", text_of(ROOT / name), re.DOTALL)[1]


def comparable(text):
    text = re.sub(r"\b[0-9A-Z]{26}\b", "ID", text)
    text = re.sub(r"\d+\.\d (m?s)\b", r"TIME \1", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", text)
    return re.sub(r"\+[0-9a-f]{12}", "+DIGEST", text)


@pytest.fixture(scope="module")
def demo_lines():
    if importlib.util.find_spec("client_shim._precheck") is None:
        pytest.skip("the C client is not built")
    done = subprocess.run(
        [sys.executable, "-m", "server", "demo"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=50
    )
    return comparable(done.stdout).splitlines()


@pytest.mark.parametrize("name", READMES)
def test_the_demonstration_prints_what_the_readme_shows(name, demo_lines):
    shown = comparable(readme_block(name, "make demo")).splitlines()
    place = 0
    skipping = False
    for line in shown:
        if line.strip() == "…":
            skipping = True
        elif line.strip():
            found = demo_lines.index(line, place) if line in demo_lines[place:] else None
            assert found is not None, f"{line!r} is not printed (any more)"
            between = [text for text in demo_lines[place:found] if text.strip()]
            assert skipping or not between, f"left out without a sign: {between}"
            place = found + 1
            skipping = False
    assert not [line for line in demo_lines[place:] if line.strip()]


def test_the_two_readmes_show_the_same():
    for command in ("make demo", "make test"):
        assert readme_block("README.md", command) == readme_block("README.zh-CN.md", command)


def test_the_numbers_of_the_pack_are_todays(starter_pack):
    (pack,) = starter_pack.packs
    rules, rows = len(pack.rules), pack.file.row_count
    templates = len({rule.template.id for rule in pack.rules})
    assert f"{rules} rules, {rows:,} rows, on {templates} templates" in text_of(ROOT / "README.md")
    assert f"{rules} 条规则、{rows:,} 行，用 {templates} 种规则模板" in text_of(ROOT / "README.zh-CN.md")
    assert f"{rules} rules with {rows:,} rows" in text_of(ROOT / "CHANGELOG.md")
    assert f"{rules} rules, {rows} rows, no errors" in text_of(ROOT / "docs/howto/swap-a-pack.md")


def test_the_changelog_names_every_template():
    from ruleset.templates import TEMPLATES

    assert ", ".join(TEMPLATES) in " ".join(text_of(ROOT / "CHANGELOG.md").split())


@pytest.mark.parametrize("name", READMES)
def test_the_coverage_in_the_readme_is_todays(name, capsys):
    assert command_line.main(["pack", "coverage"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert f"precheck pack coverage\n{last}\n" in text_of(ROOT / name).replace("$ .venv/bin/", "")


def test_the_map_of_the_tree_names_every_module():
    text = text_of(ROOT / "docs/why/architecture.md")
    for folder in ("ruleset", "server", "server/entrance"):
        for path in (ROOT / folder).glob("*.py"):
            if not path.name.startswith("_") and path.stem != "version":
                assert path.name in text, path


def test_the_places_that_the_map_names_exist():
    text = text_of(ROOT / "docs/why/architecture.md")
    for name in re.findall(r"`((?:server|ruleset|native|client_shim|proto|docs|tests)/[\w./-]+)`", text):
        if "NN" not in name:
            assert (ROOT / name).exists(), name
