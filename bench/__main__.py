"""Run the benchmarks: `python -m bench [--quick] [--json FILE]`. Ends with 1 where an answer was wrong, else with 0."""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import both_packs, breakdown, evaluator, long_history, opening, whole_call
from bench.measure import heading, machine
from bench.whole_call import WrongAnswerError
from bench.workload import Ward
from ruleset.pack.compile import LoadedPack
from ruleset.pack.file import PackFile
from ruleset.snapshot import Snapshot

PATIENTS = 200
PATIENTS_QUICK = 24


def main() -> int:
    """Measure everything, print tables, and write the raw figures where asked."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds: shows that everything runs")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    options = parser.parse_args()
    facts: dict[str, Any] = {"machine": machine(), "quick": options.quick}
    print(heading(facts["machine"]))
    try:
        with tempfile.TemporaryDirectory(prefix="precheck-bench-") as folder:
            _run(Path(folder), facts, quick=options.quick)
    except (AssertionError, WrongAnswerError) as error:
        print(f"bench: a wrong answer: {error}", file=sys.stderr)
        return 1
    if options.json:
        Path(options.json).write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0


def _run(folder: Path, facts: dict[str, Any], *, quick: bool) -> None:
    file, compile_s = opening.compiled(folder)
    pack = LoadedPack(PackFile(file))
    ward = Ward(pack, PATIENTS_QUICK if quick else PATIENTS)
    facts["whole_call"], text = whole_call.run(file, ward, folder, quick=quick)
    print(text)
    facts["breakdown"], text = breakdown.run(file, ward, folder, facts["whole_call"], quick=quick)
    print(text)
    facts["long_history"], text = long_history.run(ward, folder, quick=quick)
    print(text)
    facts["opening"], text = opening.run(file, compile_s, quick=quick)
    print(text)
    facts["evaluator"], text = evaluator.run(ward, Snapshot([pack]), quick=quick)
    print(text)
    facts["both_packs"], text = both_packs.run(folder, ward, pack, quick=quick)
    print(text)


if __name__ == "__main__":
    sys.exit(main())
