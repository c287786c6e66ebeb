"""Write the expected answers of the samples anew: `python docs/samples/write_answers.py`.

The answers are the product's own; whoever runs this after a change of rules looks at the difference before committing it.
"""

import contextlib
import sys
import tomllib
from pathlib import Path

import msgspec
import orjson

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parents[1]))

from server.check import Request  # noqa: E402 - the checkout's own code, wherever this is run from
from server.conformance.examine import Arrival, examine  # noqa: E402
from server.conformance.ground import REFUSALS, open_ground  # noqa: E402
from server.conformance.samples import INDEX, SampleEntry, refusal_of, stable  # noqa: E402


def main() -> None:
    """Answer every sample in its order, and write what does not change from call to call."""
    entries = msgspec.convert(tomllib.loads((FOLDER / INDEX).read_text("utf-8"))["sample"], list[SampleEntry])
    arrived: list[Arrival] = []
    with open_ground(()) as ground:
        service = ground.service("文件", arrived.append)
        for number, entry in enumerate(entries, 1):
            request = Request((FOLDER / entry.file).read_bytes(), entry.format, None)
            with contextlib.suppress(*REFUSALS):
                (service.feedback if entry.call == "feedback" else service.check)(request)
            examined = examine(number, arrived.pop(), ground.profiles)
            answer = refusal_of(examined.error) if examined.error else stable(examined.answer)
            target = FOLDER / entry.answer
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n")


if __name__ == "__main__":
    main()
