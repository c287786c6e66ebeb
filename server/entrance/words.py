"""A site's own words for routes, frequencies and departments, as the standard ones; the same at every entrance."""

from ruleset.case import UnknownFact
from ruleset.facts import FACTS
from server.profile import Profile


def standard_route(profile: Profile, spelling: str) -> str | UnknownFact:
    """Return the standard word of a route.

    One that nobody has listed is unknown: a rule compares words, and would take a mere spelling for another route.
    """
    if not spelling or spelling == "-":
        return ""
    return _known("route", profile.words["route"].get(spelling), spelling)


def standard_frequency(profile: Profile, spelling: str) -> str:
    """Return the standard word of a frequency; one that nobody has listed stays: `ruleset.frequency` reads many."""
    if spelling == "-":
        return ""
    standard = profile.words["frequency"].get(spelling)
    return spelling if standard is None else standard


def standard_department(profile: Profile, code: str) -> str | UnknownFact:
    """Return the standard code of a department; where the site has a list of them, one that is not in it is unknown."""
    if profile.departments is None or not code:
        return code
    return _known("department", profile.departments.get(code), code)


def _known(fact: str, standard: str | None, stated: str) -> str | UnknownFact:
    if standard:
        return standard
    problem = "表示未知" if standard == "" else "不在站点配置中"
    return UnknownFact(fact, stated, f"{FACTS[fact].label}的值“{stated}”{problem}")
