"""The first inputs of fuzz_tls: what real TLS servers say to its client.

The client of the target always draws the same random numbers, so it says the same to the same server. A conversation
is therefore made in rounds: the target is run on what the server has said so far, and tells what the client sends to
that; Python's own TLS server answers, and the next round is run on a longer input.
"""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.abi.certificates import make as make_certificates

ROUNDS_MAX = 6
QUIET_S = 0.5
"""A gRPC server that says nothing for so long has said everything."""

CHOICES = b"\0\0"
"""One server, one call, everything sent at once."""


def make_files(folder: Path) -> Any:
    """Make the certificates, and put the authority's and the time where the target looks; return them all."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as work:
        made = make_certificates(Path(work))
        for path in Path(work).iterdir():
            shutil.copy(path, folder)
    (folder / "now").write_text(str(int(time.time())))
    for name, path in vars(made).items():
        setattr(made, name, str(folder / Path(path).name))
    return made


def contexts(made: Any) -> Iterator[ssl.SSLContext]:
    """Yield servers: two good ones first, then such that the client refuses, or that refuse it."""

    def context(pair: str) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(f"{pair}.pem", f"{pair}.key")
        made.set_alpn_protocols(["h2"])
        return made

    for pair in (made.server, made.server_rsa, made.other_name, made.expired, made.future, made.foreign):
        yield context(pair)
    silent = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    silent.load_cert_chain(f"{made.server}.pem", f"{made.server}.key")
    yield silent
    newer = context(made.server)
    newer.minimum_version = ssl.TLSVersion.TLSv1_3
    yield newer
    asking = context(made.server)
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_verify_locations(made.ca)
    yield asking


class Talk:
    """One conversation of a TLS server with the target's client."""

    def __init__(self, program: Path, pieces: Callable[[bytes], bytes], context: ssl.SSLContext) -> None:
        self._program = program
        self._pieces = pieces
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._heard = 0
        self.said: list[bytes] = []
        """The server's flights."""

    def _listen(self) -> None:
        """Take in what the client sends to all that was said so far."""
        with tempfile.TemporaryDirectory() as work:
            given, sent = Path(work, "input"), Path(work, "sent")
            given.write_bytes(CHOICES + self._pieces(b"".join(self.said)))
            environment = {**os.environ, "PRECHECK_FUZZ_SENT": str(sent)}
            command = [str(self._program), str(given)]
            subprocess.run(command, check=True, capture_output=True, env=environment)  # noqa: S603 - a program of ours, no shell
            bytes_ = sent.read_bytes()
        self._incoming.write(bytes_[self._heard :])
        self._heard = len(bytes_)

    def _speak(self) -> None:
        if flight := self._outgoing.read():
            self.said.append(flight)

    def shake_hands(self) -> bool:
        """Go through the handshake; tell whether both sides are content."""
        for _ in range(ROUNDS_MAX):
            self._listen()
            try:
                self._session.do_handshake()
            except ssl.SSLWantReadError:
                self._speak()
                continue
            except ssl.SSLError:
                self._speak()
                return False
            self._speak()
            return True
        return False

    def answer(self, port: int) -> None:
        """Let a gRPC server answer the client's request."""
        self._listen()
        request = b""
        with contextlib.suppress(ssl.SSLWantReadError):
            while piece := self._session.read(65536):
                request += piece
        with socket.create_connection(("127.0.0.1", port)) as server, contextlib.suppress(TimeoutError):
            server.settimeout(QUIET_S)
            server.sendall(request)
            while piece := server.recv(65536):
                self._session.write(piece)
                self._speak()


def tls_seeds(program: Path, pieces: Callable[[bytes], bytes], port: int) -> Iterator[bytes]:
    """Yield inputs of fuzz_tls. `pieces` makes operations of bytes; a gRPC server listens on `port`."""
    made = make_files(program.parent / "tls")
    talks = []
    for context in contexts(made):
        talk = Talk(program, pieces, context)
        if talk.shake_hands():
            with contextlib.suppress(ssl.SSLError):
                talk.answer(port)
        talks.append(talk.said)
    for said in talks:
        yield CHOICES + pieces(b"".join(said))
        # The second server says what the first did not.
        yield b"\1\0\2" + pieces(b"".join(said))
    for said in talks[:2]:
        whole = b"".join(said)
        # Byte by byte, as the slowest network brings it.
        yield CHOICES + b"".join(pieces(whole[at : at + 1]) for at in range(len(whole)))
        ends = [sum(map(len, said[: number + 1])) for number in range(len(said))]
        cuts = {at + off for at in (0, *ends) for off in (0, 1, 4, 5, 6)} & set(range(len(whole)))
        for cut in sorted(cuts):
            for operation in range(6):
                yield CHOICES + pieces(whole[:cut]) + bytes([operation]) + pieces(whole[cut:])
