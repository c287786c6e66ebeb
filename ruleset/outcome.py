"""What a check answers: truth, action, verdict, completeness, findings."""

from collections.abc import Mapping
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING

import msgspec

from ruleset.case import Line

if TYPE_CHECKING:
    from ruleset.rule import Row


class Action(IntEnum):
    """What a finding asks of the doctor, mildest first."""

    HINT = 1
    WARN = 2
    WARN_REASON = 3
    REVIEW = 4
    BLOCK = 5


class Verdict(IntEnum):
    """The coarse answer; the numbers are those of precheck.v1.Verdict and of pck_check()."""

    PASS = 0
    WARN = 1
    BLOCK = 2


class Completeness(IntEnum):
    """How much of what could apply was judged; the numbers are those of precheck.v1.Completeness."""

    COMPLETE = 1
    PARTIAL = 2
    NONE = 3


VERDICT_OF_ACTION: Mapping[Action, Verdict] = {
    Action.HINT: Verdict.PASS,
    Action.WARN: Verdict.WARN,
    Action.WARN_REASON: Verdict.WARN,
    Action.REVIEW: Verdict.WARN,
    Action.BLOCK: Verdict.BLOCK,
}


class Missing(msgspec.Struct, frozen=True):
    """A fact that a rule needed and did not have. `detail` is a Chinese sentence where more is known than its name."""

    fact: str
    detail: str = ""


class Judgement(msgspec.Struct, frozen=True):
    """What one row says of one line: TRUE when `missing` is empty, else UNKNOWN; FALSE is no judgement at all.

    `related` are the other lines it rests on; `also_violating` are lines that violate together with the judged one
    (for a judgement of the encounter: all the lines that violate, of which there may be none).
    `evidence` fills the rule's message. `amount` is the money at stake where it is not the violating lines' own.
    """

    related: tuple[Line, ...] = ()
    also_violating: tuple[Line, ...] = ()
    evidence: Mapping[str, str] = {}
    amount: Decimal | None = None
    missing: tuple[Missing, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """A row that is TRUE of its violating lines."""

    row: "Row"
    action: Action
    violating: tuple[Line, ...]
    """The lines that violate; empty where the encounter does."""
    related: tuple[Line, ...]
    message: str
    amount: Decimal | None
    """The money at stake; None where the lines state none."""


class Hint(msgspec.Struct, frozen=True):
    """A row that is UNKNOWN of a line, with what was missing."""

    row: "Row"
    line: Line | None
    """None where the row judges the encounter."""
    related: tuple[Line, ...]
    missing: tuple[Missing, ...]


class NotEvaluated(msgspec.Struct, frozen=True):
    """Something that was not judged at all. `line` is None where it concerns the whole message."""

    reason: str
    """One of the reasons of `ruleset.evaluator`, in lower_snake_case."""
    detail: str
    """The same for a person, in Chinese."""
    line: Line | None = None
    missing: tuple[Missing, ...] = ()
    row_id: str = ""
    """Of the row that failed, where one did."""
    rule_code: str = ""
    """The official code of that row's rule."""


class Result(msgspec.Struct, frozen=True):
    """The whole answer to one case, in a deterministic order that does not depend on the order of the lines."""

    verdict: Verdict
    completeness: Completeness
    findings: tuple[Finding, ...]
    hints: tuple[Hint, ...]
    not_evaluated: tuple[NotEvaluated, ...]
