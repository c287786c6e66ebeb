"""Documents, and what this machine's library was answered to them: what any other station must get too.

The Linux library asks first, under a request id for each document. The server answers a repeat of it with the recorded
decision, so every answer that another station gets must be the same to the byte, in whichever encoding.
"""

import json
import struct
import time
import tomllib

from client_shim.client import Client, Encoding, Format
from client_shim.steps import ROOT
from tests.abi.certificates import NAME
from tests.web.product import PATIENCE_S

SAMPLES = ROOT / "docs" / "samples"
LAYOUTS = {"3101": Format.NHSA_3101, "3102": Format.NHSA_3102, "precheck": Format.PRECHECK_JSON}
CODECS = {Encoding.UTF_8: "utf-8", Encoding.GBK: "gb18030", Encoding.UTF_16: "utf-16-le"}
THREADS = 4


def documents():
    """Every sample that is to be checked, one with characters that GBK has not, and one that is no JSON."""
    for sample in tomllib.loads((SAMPLES / "samples.toml").read_text(encoding="utf-8"))["sample"]:
        if sample["format"] in LAYOUTS:
            content = (SAMPLES / sample["file"]).read_bytes()
            yield LAYOUTS[sample["format"]], content.decode(sample.get("encoding", "utf-8"))
    warned = json.loads((SAMPLES / "warn.json").read_text(encoding="utf-8"))
    yield Format.NHSA_3101, json.dumps(warned, ensure_ascii=False).replace("心电", "𠮷㐂")
    yield Format.NHSA_3101, "{"


class Cases:
    """What the Linux library was answered, as the file that a station reads."""

    def __init__(self, server, encodings, **options):
        self.results = set()
        records = []
        with Client(server.grpc, deadline_ms=int(PATIENCE_S * 1000), station_id="station", **options) as client:
            for number, (layout, text) in enumerate(documents()):
                for encoding in encodings:
                    identity = f"windows-{number}-{encoding.name}-{time.monotonic_ns()}"
                    document = text.encode(CODECS[encoding])
                    answer = client.check(document, format=layout, encoding=encoding, request_id=identity)
                    state = answer.completeness | (0x100 if answer.stale else 0)
                    self.results.add(answer.name)
                    parts = (identity.encode(), document, answer.answer)
                    records.append(struct.pack("<IIii", layout, encoding, answer.result, state))
                    records += [struct.pack("<I", len(part)) + part for part in parts]
        self.count = len(records) // 4
        self.content = struct.pack("<I", self.count) + b"".join(records)

    def write(self, folder):
        (folder / "cases").write_bytes(self.content)


def check_all(wine, server, encodings, calls, *, seconds, options=None, arguments=()):
    cases = Cases(server, encodings, **(options or {}))
    assert {"PCK_PASS", "PCK_WARN", "PCK_BLOCK", "PCK_E_REJECTED"} <= cases.results
    cases.write(wine.folder)
    printed = wine.station("calls", server.grpc, "cases", THREADS, calls, *arguments, seconds=seconds)
    assert printed == f"{calls} calls, 0 wrong\nok\n"


def secured(wine, certificates):
    """Bring the certificates to the station; return its arguments, and the Linux library's options."""
    ca, cert, key = certificates.ca, f"{certificates.client}.pem", f"{certificates.client}.key"
    options = {"tls_ca_file": ca, "tls_server_name": NAME, "tls_cert_file": cert, "tls_key_file": key}
    return (wine.bring(ca), NAME, wine.bring(cert), wine.bring(key)), options
