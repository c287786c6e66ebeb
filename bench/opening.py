"""A rule pack from its source to its first row: compiling, opening, verifying, and looking keys up."""

import time
from pathlib import Path
from typing import Any

from bench.measure import mark, quantiles, table, timed
from ruleset.pack.compile import LoadedPack, compile_pack
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot

SOURCE = Path(__file__).resolve().parent.parent / "ruleset" / "packs" / "nhsa"
TARGET_MS = 50.0
KEYS = 2_000


def compiled(folder: Path) -> tuple[Path, float]:
    """Compile the starter pack into a folder; return the file and how many seconds it took."""
    target = folder / "nhsa.pack"
    began = time.perf_counter()
    compile_pack(SOURCE, target)
    return target, time.perf_counter() - began


def run(path: Path, compile_s: float, *, quick: bool) -> tuple[dict[str, Any], str]:
    """Return the figures and a table of them."""
    opens = 5 if quick else 100

    def opened(_: int) -> LoadedPack:
        return LoadedPack(PackFile(path))

    def has_rules(_: int, pack: LoadedPack) -> None:
        assert len(pack.rules) > 0

    pack = opened(0)
    opening = quantiles(timed(opened, range(opens), has_rules))
    verifying = quantiles(timed(lambda _: pack.file.verify(), range(opens), lambda *_: None))
    records = list(pack.file.all_rows())
    rows = [pack.row(record) for record in records[:: max(1, len(records) // KEYS)]]
    present = list(dict.fromkeys(key for row in rows for key in row.rule.template.keys(row.params)))
    absent = [f"item:ABSENT{number:05d}" for number in range(len(present))]
    snapshot = Snapshot([pack])
    lookups = {}
    for name, keys, check in (
        ("key, cold", present, _found),
        ("key, cached", present, _found),
        ("absent key, cold", absent, _not_found),
        ("absent key, cached", absent, _not_found),
    ):
        lookups[name] = quantiles(timed(snapshot.rows, keys, check))
    figures = {"open": opening, "verify": verifying, **lookups}
    facts = {
        "compile_s": round(compile_s, 3),
        "file_bytes": path.stat().st_size,
        "rows": pack.file.row_count,
        "us": {name: figure._asdict() for name, figure in figures.items()},
    }
    text = table(
        f"Starter pack: {pack.file.row_count:,} rows, {path.stat().st_size / 1e6:.1f} MB, compiled in {compile_s:.2f} s; us",
        ("", "n", "p50", "p90", "p99", "p99.9", "max"),
        [(name, *figure[:6]) for name, figure in figures.items()],
    )
    verdict = mark(opening.p50 / 1e3, TARGET_MS)
    text += f"  target: opening under {TARGET_MS:.0f} ms; measured {opening.p50 / 1e3:.2f} ms at p50: {verdict}\n"
    facts |= {"target_ms": TARGET_MS, "target": verdict}
    return facts, text


def _found(key: str, rows: object) -> None:
    assert rows, key


def _not_found(key: str, rows: object) -> None:
    assert not rows, key
