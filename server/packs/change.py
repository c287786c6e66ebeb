"""One change of the packs as data: asked for on a command line or by a call, done here or in a process of its own.

A server never compiles, tests or hashes in its own process: it starts this module, hands it what is asked, and follows
CURRENT when it is done. `precheck pack … --data DIR` does the same without a server.
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import Literal

import msgspec
import orjson

from server.packs.directory import PackDirectory
from server.packs.lifecycle import Change, Lifecycle
from server.packs.refusal import ActivationError, Reason
from server.packs.signing import SignedRollBack

LIVE_VERBS = ("start", "activate", "follow_setting", "roll_back")
"""Changes of what is live; `start` is the server's own, which follows the setting."""
NICENESS = 10
"""Of the process that prepares: where processors are few, checks go first."""

Verb = Literal["publish", "activate", "follow_setting", "shadow", "canary", "roll_back", "withdraw"]


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change."""

    verb: Verb
    packs: tuple[str, ...] = ()
    """Sources or published revisions; for `follow_setting` what the setting names; for `roll_back` and `withdraw` one."""
    shipped: tuple[str, ...] = ()
    """For `follow_setting`: the packs to take where the setting names none."""
    keep_others: bool = False
    departments: tuple[str, ...] = ()
    stations: tuple[str, ...] = ()
    reason: str = ""
    record: SignedRollBack | None = None


class Refusal(msgspec.Struct, frozen=True):
    """Why a change was refused."""

    reason: Reason
    text: str


class _Task(msgspec.Struct, frozen=True):
    root: str
    trust: str
    ask: Ask


def perform(directory: PackDirectory, trust: str, ask: Ask) -> Change:
    """Do it. `trust` is the path of the trust file, empty for none.

    Raises ActivationError, which is remembered until the like of it succeeds: a canary does not make up for a pack that
    could not be made live.
    """
    lifecycle = Lifecycle(directory, trust)
    try:
        match ask.verb:
            case "publish":
                change = lifecycle.publish(ask.packs)
            case "activate":
                change = lifecycle.activate(ask.packs, keep_others=ask.keep_others)
            case "follow_setting":
                followed = lifecycle.follow_setting(ask.packs, ask.shipped, always=True)
                assert followed is not None
                change = followed
            case "shadow":
                change = lifecycle.shadow(ask.packs)
            case "canary":
                change = lifecycle.canary(ask.packs, ask.departments, ask.stations)
            case "roll_back":
                change = lifecycle.roll_back(*ask.packs, reason=ask.reason, record=ask.record)
            case "withdraw":
                change = lifecycle.withdraw(*ask.packs, reason=ask.reason)
    except ActivationError as error:
        # What nobody can do, as for a revision that does not exist, says nothing of the packs.
        if error.reason != "request":
            with contextlib.suppress(OSError):  # a full disk must not hide the reason
                directory.remember_refusal(ask.verb, error.reason, str(error))
        raise
    except OSError as error:
        raise ActivationError("current", f"{error.filename}: {error.strerror}") from error
    with contextlib.suppress(OSError):  # what is in force is not told as refused
        directory.forget_refusal((*LIVE_VERBS, "publish") if ask.verb in LIVE_VERBS else (ask.verb,))
    return change


def task_text(directory: PackDirectory, trust: str, ask: Ask) -> bytes:
    """Return what `main` is told on its standard input."""
    return msgspec.json.encode(_Task(str(directory.root), trust, ask))


def read_outcome(content: bytes) -> Change:
    """Return what `main` has done. Raises ActivationError where it was refused, ValueError where it is no outcome."""
    outcome = orjson.loads(content)
    if "refusal" in outcome:
        refusal = msgspec.convert(outcome["refusal"], Refusal)
        raise ActivationError(refusal.reason, refusal.text)
    return msgspec.convert(outcome["change"], Change)


def main() -> None:
    """Do one change in this process, which is one of its own."""
    os.nice(NICENESS)
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=_Task)
    try:
        outcome: dict[str, object] = {
            "change": msgspec.to_builtins(perform(PackDirectory(Path(task.root)), task.trust, task.ask))
        }
    except ActivationError as error:
        outcome = {"refusal": msgspec.to_builtins(Refusal(error.reason, str(error)))}
    sys.stdout.buffer.write(orjson.dumps(outcome))


if __name__ == "__main__":
    main()
