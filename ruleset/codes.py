"""What a national item code says by itself.

A western drug's code (国家医保局 医保药品分类与代码, 23 characters) is read from left to right:

    X   N02AB   F027   V002   01   01   01389
    |   |       |      |      |    |    the manufacturer
    |   |       |      |      |    the pack
    |   |       |      |      the strength
    |   |       |      the dosage form as registered
    |   |       the name: the initial of its pinyin (芬太尼) and a number
    |   the class: level 4 of the ATC classification as the catalogue applies it
    X a western drug (Z a Chinese patent medicine of 20 characters with classes of its own, T a herb piece)

The anatomy was checked against every X code of the published rule rows: all have this shape, the five characters are
ATC level 4 classes, and one name has one code. The catalogue's ATC differs from WHO's for some drugs, and its
class letters are compared as they stand. Item codes stay opaque to every rule that does not ask for a class.
"""

import re
from functools import lru_cache

_WESTERN_DRUG = re.compile(r"X([A-Z]\d\d[A-Z]{2})([A-Z]\d{3})[A-Z]\d{12}", re.ASCII)
_ATC = re.compile(r"[A-Z](?:\d\d(?:[A-Z](?:[A-Z](?:\d\d)?)?)?)?", re.ASCII)
_ATC_LEVEL_LENGTHS = (1, 3, 4, 5, 7)
"""Anatomical group, therapeutic, pharmacological and chemical subgroup, substance (WHO ATC)."""


@lru_cache(maxsize=65_536)
def atc_of(item_code: str) -> str:
    """Return the ATC level 4 class in a national western drug code (XN02ABF027V002010101389: N02AB), or ""."""
    match = _WESTERN_DRUG.fullmatch(item_code)
    return match[1] if match else ""


@lru_cache(maxsize=65_536)
def class_prefixes(atc: str) -> tuple[str, ...]:
    """Return an ATC code at all of its levels, widest first: N02AB gives N, N02, N02A, N02AB.

    What is no ATC code (a hospital's own class, "") gives ().
    """
    if _ATC.fullmatch(atc) is None:
        return ()
    return tuple(atc[:length] for length in _ATC_LEVEL_LENGTHS if length <= len(atc))
