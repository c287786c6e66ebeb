"""How a command reads a captured message, as the server would."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ruleset.case import Case
from server.cli.check import format_of
from server.entrance.national import read_message
from server.entrance.own import read_own
from server.entrance.text import EntranceError, read_json
from server.profile import Profile, Profiles


class MessageError(Exception):
    """A captured message that cannot be read; the text names the file."""


def cases_of(files: Iterable[str], profiles: Profiles, profile_name: str) -> Iterator[Case]:
    """Yield the case of each captured message. Feedback among them states no case and is passed over.

    Raises MessageError, and ProfileError for an unknown profile.
    """
    for file in files:
        try:
            document = Path(file).read_bytes()
            if is_feedback(read_json(document, None)[0]):
                continue
            case, _ = read_captured(document, profiles, profile_name)
        except OSError as error:
            raise MessageError(f"{file}: {error.strerror}") from error
        except EntranceError as error:
            raise MessageError(f"{file}: {error}") from error
        yield case


def is_feedback(value: Any) -> bool:
    """Tell what a doctor did about findings, in 3103 or our own JSON, from a message to judge."""
    return isinstance(value, dict) and ("feedback" in value or str(value.get("infno")) == "3103")


def read_captured(document: bytes, profiles: Profiles, profile_name: str) -> tuple[Case, Profile]:
    """Return the case of a national 3101/3102 message or of our own JSON, and the profile that it was read by.

    Raises EntranceError naming the field, ProfileError for an unknown profile.
    """
    value, _ = read_json(document, None)
    form = format_of(document)
    if form == "precheck":
        profile = profiles.select(profile_name, "")
        return read_own(value, profile), profile
    message = read_message(value, "3102" if form == "3102" else "3101", profiles, profile_name)
    return message.case, message.profile
