"""The product as it runs: `precheck serve` in a process of its own, its HTTP side, and its store."""

import contextlib
import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from client_shim import Client

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
PATIENCE_S = 50.0
"""How long anything is waited for; tests have a limit of 60 s, and this machine is shared."""
STOP_MAX_S = 15.0
"""What a server with one worker promises between SIGTERM and its end."""


def environment(**more):
    """The environment of a command: this one's, without settings of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRECHECK_")}
    return {**kept, **more}


def command(*arguments, **more):
    """Run one `precheck` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "server", *map(str, arguments)],
        capture_output=True,
        cwd=more.pop("cwd", ROOT),
        env=environment(**more.pop("env", {})),
        timeout=PATIENCE_S,
        check=False,
        **more,
    )


def until(condition, what, patience_s=PATIENCE_S):
    """Wait until a condition holds, and return what it returned."""
    give_up = time.monotonic() + patience_s
    while not (result := condition()):
        assert time.monotonic() < give_up, f"not within {patience_s} s: {what}"
        time.sleep(0.02)
    return result


class Server:
    """One running `precheck serve`. The log is in `log`, a file."""

    def __init__(self, data, *options, grpc="127.0.0.1:0", http="127.0.0.1:0", env=None):
        self.data = Path(data)
        self.data.mkdir(parents=True, exist_ok=True)
        self.log = self.data.parent / f"{self.data.name}.log"
        arguments = ["serve", "--grpc", grpc, "--http", http, "--data", str(self.data), *map(str, options)]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "server", *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
                env=environment(**(env or {})),
            )
        line = self.process.stdout.readline()
        if not line:
            self.process.stdout.close()
            self.process.wait(PATIENCE_S)
            raise AssertionError(f"the server did not start:\n{self.log.read_text()[-3000:]}")
        assert line.startswith("precheck serving "), line
        self.ready = dict(word.split("=", 1) for word in line.split()[2:])
        self.grpc = self.ready["grpc"]
        self.http = self.ready["http"]
        self.revision = self.ready["revision"]

    @property
    def pid(self):
        return self.process.pid

    def connection(self, timeout=PATIENCE_S):
        host, _, port = self.http.rpartition(":")
        return contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=timeout))

    def request(self, method, path, body=None, headers=None):
        """Return (status, headers, bytes) of one request."""
        with self.connection() as connection:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()

    def get(self, path):
        status, _, content = self.request("GET", path)
        return status, content.decode()

    def post_bytes(self, path, body, headers=None):
        return self.request("POST", path, body, {"Content-Type": "application/json", **(headers or {})})

    def post(self, path, document, headers=None):
        """Post a JSON value; return (status, JSON value)."""
        status, _, content = self.post_bytes(path, json.dumps(document, ensure_ascii=False).encode(), headers)
        return status, json.loads(content)

    def check(self, message, path="/nhsa/3101", headers=None):
        """Post a national message that must be answered with 200; return its answer."""
        status, answer = self.post(path, message, headers)
        assert status == 200, answer
        assert answer["infcode"] == 0, answer
        return answer

    def client(self, **options):
        return Client(self.grpc, **{"deadline_ms": int(PATIENCE_S * 1000), **options})

    def rows(self, query, *values):
        """Read from the store, whether the server runs or not."""
        store = sqlite3.connect(f"file:{self.data / 'precheck.db'}?mode=ro", uri=True)
        with contextlib.closing(store):
            return store.execute(query, values).fetchall()

    def metric(self, name):
        """Return one sample of /metrics, with its labels as written; 0 where there is none yet."""
        status, text = self.get("/metrics")
        assert status == 200, text
        values = [line.rpartition(" ")[2] for line in text.splitlines() if line.rpartition(" ")[0] == name]
        return float(values[0]) if values else 0.0

    def children(self):
        """Return the ids of the processes that any thread of the server started."""
        lists = Path(f"/proc/{self.pid}/task").glob("*/children")
        found = []
        for children in lists:
            with contextlib.suppress(OSError):
                found.extend(int(number) for number in children.read_text().split())
        return found

    def gateway(self):
        """Return the id of the gateway process."""
        for child in self.children():
            with contextlib.suppress(OSError):
                if b"server.gateway" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return child
        return None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=PATIENCE_S):
        code = self.process.wait(seconds)
        self.process.stdout.close()
        return code

    def kill(self):
        """End it as a crash would."""
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self):
        """End it as an operator would; return the exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                return self.wait(STOP_MAX_S + 15)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        self.process.stdout.close()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def is_alive(pid):
    """Say whether a process runs (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
