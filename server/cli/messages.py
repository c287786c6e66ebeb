"""How a command reads a captured message, as the server would."""

from ruleset.case import Case
from server.cli.check import format_of
from server.entrance.national import read_message
from server.entrance.own import read_own
from server.entrance.text import read_json
from server.profile import Profile, Profiles


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
