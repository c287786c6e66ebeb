"""A browser without a screen, spoken to by its DevTools protocol through two pipes; no package is needed for it."""

import base64
import contextlib
import functools
import http.server
import itertools
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 50
KEYS = {
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    "Tab": (9, ""),
    " ": (32, " "),
    "ArrowDown": (40, ""),
    "PageDown": (34, ""),
    "PageUp": (33, ""),
}
ALT, SHIFT = 1, 8


def program():
    """Return the browser, or None."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Browser:
    """One browser with one page."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.ids = itertools.count(1)
        self.session = None

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            to_read, to_write = os.pipe()
            from_read, from_write = os.pipe()
            options = [
                "--headless=new",
                "--remote-debugging-pipe",
                "--no-first-run",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                f"--user-data-dir={self.folder}",
                # As root, as in a container, there is no sandbox to be had; the pages are ours.
                *(["--no-sandbox"] if os.geteuid() == 0 else []),
                "about:blank",
            ]
            # The browser reads what is asked from descriptor 3, and writes to 4.
            shell = f'exec 3<&{to_read} 4>&{from_write}; exec "$0" "$@"'
            process = subprocess.Popen(
                ["bash", "-c", shell, program(), *options],
                pass_fds=[to_read, from_write],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            os.close(to_read)
            os.close(from_write)
            self.to = stack.enter_context(os.fdopen(to_write, "wb", buffering=0))
            self.answers = stack.enter_context(os.fdopen(from_read, "rb", buffering=0))
            self.kept = b""
            stack.callback(process.wait, PATIENCE_S)
            stack.callback(process.terminate)
            target = next(t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page")
            attached = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
            self.session = attached["sessionId"]
            self.ask("Page.enable")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        return self._stack.__exit__(*exception)

    def _message(self):
        while b"\0" not in self.kept:
            more = os.read(self.answers.fileno(), 1 << 20)
            assert more, "the browser has ended"
            self.kept += more
        message, _, self.kept = self.kept.partition(b"\0")
        return json.loads(message)

    def ask(self, method, **parameters):
        """Call a method of the protocol; return its result."""
        number = next(self.ids)
        request = {"id": number, "method": method, "params": parameters}
        if self.session:
            request["sessionId"] = self.session
        self.to.write(json.dumps(request).encode() + b"\0")
        while (message := self._message()).get("id") != number:
            pass
        assert "error" not in message, message
        return message["result"]

    def run(self, script):
        """Run a script in the page; return its value, awaited."""
        done = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def open(self, address):
        """Go to an address and wait for the page."""
        self.ask("Page.navigate", url=address)
        while self.run(f"document.readyState === 'complete' && location.href === {json.dumps(address)}") is not True:
            pass

    def key(self, name, modifiers=0):
        """Press a key, as a person does."""
        code, text = KEYS[name] if name in KEYS else (ord(name.upper()), name)
        common = {"key": name, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        typed = {"text": text, "unmodifiedText": text} if text and modifiers in {0, SHIFT} else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown" if typed else "rawKeyDown", **common, **typed)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, words):
        """Type words, as an input method does."""
        self.ask("Input.insertText", text=words)

    def size(self, width, height, scale=1):
        """Set the size of the page, and how many pixels one of it is."""
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )

    def screenshot(self, path):
        """Write what the page looks like as PNG."""
        Path(path).write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(folder):
    """Serve a folder on this machine; yield its address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
