"""Metrics of several processes as one exposition, in the Prometheus text format 0.0.4.

Each sample gets the label `worker`: a sum over a label is the reader's to take (`sum without (worker)`), and a gauge of
one process is never taken for that of all.
"""

import re
from collections.abc import Mapping

_SAMPLE = re.compile(r"(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")


def merged(expositions: Mapping[int, bytes]) -> bytes:
    """Return one exposition of those of workers, by their numbers. Families keep their order, samples stand together."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for worker, exposition in sorted(expositions.items()):
        family = ""
        for line in exposition.decode().splitlines():
            if line.startswith("# "):
                family = line.split(" ", 3)[2]
                head = heads.setdefault(family, [])
                if line not in head:
                    head.append(line)
            elif match := _SAMPLE.fullmatch(line):
                labels = ",".join(filter(None, (match["labels"], f'worker="{worker}"')))
                samples.setdefault(family, []).append(f"{match['name']}{{{labels}}} {match['value']}")
    lines = [line for family, head in heads.items() for line in (*head, *samples.get(family, ()))]
    return "".join(f"{line}\n" for line in lines).encode()
