"""Why a change of the packs is refused."""

from typing import Literal

Reason = Literal[
    "unreadable",
    "not_compiled",
    "digest",
    "engine",
    "index",
    "signature",
    "withdrawn",
    "downgrade",
    "equal_revision",
    "tests",
    "not_before",
    "layers",
    "request",
    "current",
    "ended",
]
"""What the status, the metrics and the log call it; docs/why/packs.md says what each means. `request`: what was asked for
cannot be (no such revision, a pack named twice). `current`: the file CURRENT. `ended`: it was not finished in time, or the
server is ending."""


class ActivationError(Exception):
    """A change of the packs that is refused; the packs in force did not change. The text says which and why."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason: Reason = reason
