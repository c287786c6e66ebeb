"""What vendors get, without the libraries: every page, example and sample finds in the kit what it names."""

import re
import subprocess
import sys

import pytest

from client_shim import dist
from tests.web.product import ROOT

LINK = re.compile(r"\]\(([^()\s]+)\)")
RESOURCE = re.compile(r'(?:src|href)="([^"]+)"')


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kit")
    dist.copy_shipped(folder)
    return folder


def local(addresses):
    return [address.partition("#")[0] for address in addresses if not re.match(r"[a-z]+:|#", address)]


def test_no_link_of_a_page_is_dead(kit):
    """The guide was copied to the kit's root with the links of docs/howto: all 34 were dead."""
    links = [(page, link) for page in sorted(kit.rglob("*.md")) for link in local(LINK.findall(page.read_text()))]
    dead = [(str(page.relative_to(kit)), link) for page, link in links if not (page.parent / link).exists()]
    assert not dead
    guide = kit / "docs" / "howto" / "vendor-guide.zh-CN.md"
    assert sum(page == guide for page, _ in links) >= 30
    outside = [link for page, link in links if not (page.parent / link).resolve().is_relative_to(kit.resolve())]
    assert not outside


def test_a_link_to_what_is_not_in_the_kit_keeps_its_words(kit):
    page = ROOT / "docs" / "howto" / "made-up.md"
    text = "[why](../why/records.md), [site](https://example.org/x), [part](#part), [c](../../native/examples/c/station.c#L1)"
    made = dist.with_links_of_kit(text, page, dist.Path("docs/howto/made-up.md"), kit)
    assert made == "why, [site](https://example.org/x), [part](#part), [c](../../examples/c/station.c#L1)"


def test_every_file_that_a_page_of_html_loads_is_there(kit):
    """The browser example asked for ../../popup/html, which the kit had elsewhere."""
    pages = sorted(kit.rglob("*.html"))
    wanted = [(page, name) for page in pages for name in local(RESOURCE.findall(page.read_text()))]
    assert {page.name for page, _ in wanted} >= {"station.html", "popup.html"}
    assert not [(page.name, name) for page, name in wanted if not (page.parent / name).is_file()]


def test_the_guides_command_finds_the_sample_of_the_kit(kit):
    (kit / "docs" / "howto" / "vendor-guide.zh-CN.md").read_text().index("docs/samples/missing-facts.json")
    command = [sys.executable, "-m", "server", "conformance", "--brief", "docs/samples/missing-facts.json"]
    done = subprocess.run(command, cwd=kit, capture_output=True, text=True, check=False)
    assert "毫生" in done.stdout, done.stderr
