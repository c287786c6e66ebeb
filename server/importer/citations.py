"""The citation of a publication in a rule's file: every row cites the publication that it came with.

A row cites the last citation of its rule that is not younger than itself (`ruleset.pack.check`), so a publication
that the rule does not cite yet would be cited as an older one. Its citation is written into the rule's TOML as text,
in the order of days, and everything else of the file stays as it is.
"""

import re
import tomllib
from datetime import date
from typing import Any

HEADER = re.compile(r"^\[\[citations\]\][ \t]*(?:#.*)?$", re.MULTILINE)
BARE_KEY_LINE = re.compile(r"^published[ \t]*=.*$", re.MULTILINE)


def with_citation(text: str, day: date, batch: str) -> str | None:
    """Return a rule's TOML with a citation of the publication of `day`; the same text where it has one.

    None where the file does not keep its citations as `[[citations]]` tables, each but the first with a date: then a
    person must write it. A first one without a date is older than any publication.
    """
    citations: list[dict[str, Any]] = tomllib.loads(text).get("citations", [])
    starts = [_start(citation) for citation in citations]
    headers = [match.start() for match in HEADER.finditer(text)]
    if len(headers) != len(citations) or not citations or None in starts[1:]:
        return None
    known = [start or date.min for start in starts]
    if day in known:
        return text
    place = sum(start < day for start in known)
    document = citations[max(place - 1, 0)]["document"]
    lines = [f"[[citations]]\ndocument = {_quoted(document)}\n"]
    if batch:
        lines.append(f"batch = {_quoted(batch)}\n")
    lines.append(f"published = {day}\n")
    if place == len(known):
        lines.append(f"valid_from = {day}\n")
        changed = text.rstrip("\n") + "\n\n" + "".join(lines)
    elif place > 0:
        lines.append(f"valid_from = {day}\n")
        changed = text[: headers[place]] + "".join(lines) + "\n" + text[headers[place] :]
    else:
        # The first citation needs no `valid_from`; the one that was first does from now on.
        rest = text[headers[0] :]
        if "valid_from" not in citations[0]:
            rest = BARE_KEY_LINE.sub(lambda match: f"{match[0]}\nvalid_from = {known[0]}", rest, count=1)
        changed = text[: headers[0]] + "".join(lines) + "\n" + rest
    return changed if _is_sound(changed, len(citations) + 1) else None


def _start(citation: dict[str, Any]) -> date | None:
    """Return the day from which rows cite a citation: its own, else that of its publication."""
    start = citation.get("valid_from", citation.get("published"))
    return start if isinstance(start, date) else None


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_sound(text: str, count: int) -> bool:
    """Say whether the citations are as many as they should be, in the order of their days."""
    try:
        citations = tomllib.loads(text)["citations"]
    except tomllib.TOMLDecodeError:
        return False
    starts = [_start(citation) for citation in citations]
    return len(citations) == count and starts == sorted(set(starts), key=lambda start: start or date.min)
