"""A PostgreSQL server for tests: made and started by them, on a socket in a temporary directory.

PostgreSQL refuses to run as root: then it runs as the user that Debian's package made.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psycopg

from server.store import Store, open_store

START_MAX_S = 40.0
SERVICE_USER = "postgres"
LATE_S = 0.4
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "log_min_messages": "fatal",
    # Tests end processes, not machines: what the operating system has is safe.
    "fsync": "off",
    "full_page_writes": "off",
}


def programs():
    """The directory of PostgreSQL's server programs, which Debian does not put on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    known = shutil.which("postgres")
    assert found or known, "PostgreSQL is missing: .ci/system-packages.sh postgresql"
    return found[-1].parent if found else Path(known).parent


def as_service(*command):
    """The command, run by a user that PostgreSQL accepts."""
    if os.geteuid() != 0:
        return command
    return ("setpriv", "--reuid", SERVICE_USER, "--regid", SERVICE_USER, "--init-groups", *command)


class Cluster:
    """One PostgreSQL server with its databases."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="precheck-pg-"))
        self._data = self.folder / "data"
        if os.geteuid() == 0:
            shutil.chown(self.folder, SERVICE_USER, SERVICE_USER)
        initdb = (programs() / "initdb", "-D", self._data, "-U", "precheck", "--auth=trust", "-E", "UTF8", "--no-sync")
        subprocess.run(
            as_service(*map(str, initdb), "--locale=C.UTF-8"), check=True, capture_output=True, cwd=self.folder
        )
        self._process = None
        self.start()

    def address(self, database):
        return f"postgresql://precheck@/{database}?host={self.folder}"

    def start(self):
        options = [text for name, value in SETTINGS.items() for text in ("-c", f"{name}={value}")]
        command = (programs() / "postgres", "-D", self._data, "-k", self.folder, *options)
        log = (self.folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen(as_service(*map(str, command)), stdout=log, stderr=log, cwd=self.folder)
        give_up = time.monotonic() + START_MAX_S
        while True:
            try:
                psycopg.connect(self.address("postgres")).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < give_up, "PostgreSQL did not start"
                time.sleep(0.02)
            else:
                return

    def stop(self, how=signal.SIGINT):
        """SIGINT: it ends its sessions and shuts down. SIGKILL: it is gone."""
        if how == signal.SIGKILL:
            # Its children notice by themselves, and a new one waits for them.
            os.kill(self._process.pid, signal.SIGKILL)
        else:
            self._process.send_signal(how)
        self._process.wait(START_MAX_S)
        self._process = None

    def execute(self, sql, database="postgres"):
        with psycopg.connect(self.address(database), autocommit=True) as connection:
            return connection.execute(sql)

    def close(self):
        if self._process is not None:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)


class PostgresPlace:
    """A schema of its own in a cluster's database: made faster than a database."""

    kind = "postgres"
    _numbers = iter(range(10**9))

    def __init__(self, cluster):
        self.cluster = cluster
        self.name = f"test_{os.getpid()}_{next(self._numbers)}"
        cluster.execute(f"CREATE SCHEMA {self.name}")
        self.address = f"{cluster.address('postgres')}&options=-csearch_path%3D{self.name}"
        self._stores = []

    def open(self, **options) -> Store:
        store = open_store(self.address, Path("/nowhere"), **options)
        self._stores.append(store)
        return store

    def rows(self, sql, *values):
        with psycopg.connect(self.address) as reader:
            return reader.execute(sql.replace("?", "%s"), values).fetchall()

    def change(self, sql, *values):
        """Do what nobody should."""
        with psycopg.connect(self.address) as writer:
            assert writer.execute(sql.replace("?", "%s"), values).rowcount

    def close(self):
        for store in self._stores:
            store.close()
        with contextlib.suppress(psycopg.Error):
            self.cluster.execute(f"DROP SCHEMA {self.name} CASCADE")


class Between:
    """Stands between a client and the cluster's socket, and can fall silent, or lose a connection at one statement."""

    def __init__(self, cluster):
        self.swallow = threading.Event()
        self.lose_at = b""
        """The connection on which these bytes are sent is gone for the client at once; the server gets them `LATE_S` later."""
        self.silent_after = b""
        """When these bytes are passed on, nothing is after them."""
        self._folder = cluster.folder
        self._target = str(cluster.folder / ".s.PGSQL.5432")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                self._sockets += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if self.lose_at and self.lose_at in data:
                    self.lose_at = b""
                    source.shutdown(socket.SHUT_RDWR)
                    time.sleep(LATE_S)
                is_silent = self.swallow.is_set()
                if self.silent_after and self.silent_after in data:
                    self.silent_after = b""
                    self.swallow.set()  # before the server can answer
                if not is_silent:
                    target.sendall(data)

    def address_of(self, place):
        """A place's address, by way of this."""
        direct = f"host={self._folder}&"
        assert direct in place.address
        return place.address.replace("@/", f"@127.0.0.1:{self.port}/").replace(direct, "")

    def drop(self):
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._sockets.clear()

    def close(self):
        self._listener.close()
        self.drop()
