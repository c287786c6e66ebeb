"""Take the pictures of docs/howto/popup.zh-CN.md: `make popup-pictures`, or `python -m tests.popup.pictures FOLDER` for all.

The answers are those of the real product to tests/popup/scenes.py; the window is shown by Wine, the page by Chromium.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from client_shim import popup
from client_shim.steps import ROOT
from tests.popup import chromium, desktop
from tests.popup.scenes import DOCUMENTS, NATIONAL, PACKS, STALE, Scene, result_of
from tests.web.product import Server

KEPT = ROOT / "docs" / "howto" / "popup"
DPI = (96, 144)
SCREEN = {96: (1024, 768), 144: (1440, 960)}
PAGE_SIZE = (860, 640)


class Picture(NamedTuple):
    """What is shown, and what is pressed before the picture is taken."""

    name: str
    scene: str
    state: int = 0
    keys: tuple[str, ...] = ()
    kept: tuple[str, ...] = ("window-96",)
    """Which of its pictures the document shows."""
    options: tuple[str, ...] = ()
    """Of the program; with them there is no picture of the page."""
    shows: str = ""
    """What stands in the window after the keys, where it takes a moment."""


PICTURES = (
    Picture("hint", "hint"),
    Picture("warn", "warn", keys=("ALT+S",)),
    Picture("reason", "reason", keys=("ALT+R", "ALT+DOWN", "DOWN"), kept=("window-96", "window-144")),
    Picture("reason-missing", "reason", keys=("ALT+C",), kept=("page",)),
    Picture("review", "review"),
    Picture("block", "block", kept=("window-96", "window-144", "page")),
    Picture("partial", "partial"),
    Picture("stale", "warn", state=STALE, kept=()),
    Picture("not-checked", "outage"),
    Picture("nothing-judged", "none", kept=()),
    Picture(
        "not-sent",
        "warn",
        keys=("ALT+C",),
        options=("--servers", "127.0.0.1:1"),
        shows=popup.texts()["feedback_not_sent"].split("\n")[0],
    ),
    Picture("long", "long"),
    Picture("long-last-page", "long", keys=("ALT+N", "ALT+N", "PAGEDOWN"), kept=()),
)
PAGE_KEYS = {"ALT+S": ("s", chromium.ALT), "ALT+R": ("r", chromium.ALT), "ALT+C": ("c", chromium.ALT)}


def scenes(folder):
    """Return the product's answers."""
    packs = [argument for pack in PACKS for argument in ("--pack", pack)]
    made = {"outage": Scene("outage", b"", -100)}
    with Server(folder / "data", *packs) as server:
        for name, document in DOCUMENTS.items():
            _, answer = server.post("/nhsa/3101" if name in NATIONAL else "/v1/check", document)
            made[name] = Scene(name, json.dumps(answer, ensure_ascii=False).encode(), result_of(answer))
    return made


def take_window(picture, scene, dpi, folder):
    """Take a picture of the window on a desktop of its own, where it has the title bar of an active window."""
    scratch = Path(tempfile.mkdtemp(dir=folder))
    with desktop.Desktop(scratch, size=SCREEN[dpi], dpi=dpi) as shown:
        answer = shown.shared / "answer.json"
        answer.write_bytes(scene.answer)
        options = ["--result", scene.result, "--state", picture.state, *picture.options]
        running = shown.start(popup.PROGRAM, *options, *([answer] if scene.answer else []))
        assert shown.command("wait") == ["there"], running.complained
        for key in picture.keys:
            shown.command(f"key {key}")
        while not any(picture.shows in control.text for control in shown.controls()):
            assert running.process.poll() is None, running.complained
        assert shown.command("wait") == ["there"]
        box = shown.controls()[0]
        shown.screenshot(folder / f"{picture.name}-window-{dpi}.png", (box.left, box.top, box.right, box.bottom))
        running.process.kill()
        running.ends()


def take_page(browser, address, picture, scene, folder):
    """Take a picture of the page."""
    browser.open(f"{address}/host.html")
    options = f"{{result: {scene.result}, state: {picture.state}}}"
    browser.run(f"PrecheckPopup.show({json.dumps(scene.answer.decode())}, {options}); null")
    for key in picture.keys:
        if key in PAGE_KEYS:
            browser.key(*PAGE_KEYS[key])
    browser.screenshot(folder / f"{picture.name}-page.png")


def take_all(folder):
    """Take every picture there is."""
    with tempfile.TemporaryDirectory() as scratch:
        answered = scenes(Path(scratch))
        site = Path(scratch) / "site"
        shutil.copytree(popup.POPUP / "html", site)
        (site / "host.html").write_text(
            '<!DOCTYPE html><html lang="zh-CN"><meta charset="utf-8"><link rel="stylesheet" href="popup.css"><body>'
            + "".join(f'<script src="{name}.js"></script>' for name in ("texts", "model", "view")),
            encoding="utf-8",
        )
        with chromium.Browser(Path(scratch) / "browser") as browser, chromium.serving(site) as address:
            browser.size(*PAGE_SIZE)
            for picture in (one for one in PICTURES if not one.options):
                take_page(browser, address, picture, answered[picture.scene], folder)
        for picture in PICTURES:
            for dpi in DPI:
                take_window(picture, answered[picture.scene], dpi, folder)


def main():
    """Take all into the folder that is named, else those that are kept."""
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1])
        folder.mkdir(parents=True, exist_ok=True)
        take_all(folder)
        return
    with tempfile.TemporaryDirectory() as scratch:
        take_all(Path(scratch))
        shutil.rmtree(KEPT, ignore_errors=True)
        KEPT.mkdir(parents=True)
        for picture in PICTURES:
            for kind in picture.kept:
                shutil.copy(Path(scratch) / f"{picture.name}-{kind}.png", KEPT)


if __name__ == "__main__":
    main()
