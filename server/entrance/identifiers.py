"""Identifiers that the answers give out."""

import hashlib
import itertools
import os
from base64 import b32hexencode

from ruleset.case import Case, Line
from ruleset.outcome import Finding

CHECK_ID_CHARACTERS = 26
FINDING_ID_CHARACTERS = 32


_PROCESS = os.urandom(5)
_numbers = itertools.count(int.from_bytes(os.urandom(3), "big"))


def new_check_id(milliseconds: int) -> str:
    """Return 48 bits of time, 40 random bits of this process and a count of 40 bits, so that ids sort by time.

    In base 32 (RFC 4648, extended hex). Asking the system for random bits each time would cost more than all else here.
    """
    count = next(_numbers) & 0xFF_FFFF_FFFF
    raw = milliseconds.to_bytes(6, "big") + _PROCESS + count.to_bytes(5, "big")
    return b32hexencode(raw)[:CHECK_ID_CHARACTERS].decode()


def finding_id(case: Case, finding: Finding) -> str:
    """Return the id of a finding (national jr_id).

    The same message gives the same ids, in whatever order its lines stand, so that feedback to an earlier answer
    stays valid when the message is sent again.
    """
    digest = hashlib.blake2b(digest_size=FINDING_ID_CHARACTERS // 2)
    parts = [case.message_id, case.patient.id, case.encounter.id, finding.row.rule.pack_id, finding.row.id]
    for role, lines in (("violating", finding.violating), ("related", finding.related)):
        parts.append(role)
        parts.extend(sorted(_line_part(line) for line in lines))
    if not finding.violating:
        parts.append(finding.message)  # two diagnoses of one encounter may break the same row
    digest.update("\x1f".join(parts).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _line_part(line: Line) -> str:
    stated = line.begin if line.begin_stated else ""
    return "\x1e".join((line.encounter_id, line.order_id, line.item_code or line.name, str(stated), str(line.ordinal)))
