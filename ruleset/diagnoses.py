"""Diagnoses: by ICD prefix, and whether a doctor is sure of them."""

from collections.abc import Sequence
from functools import lru_cache

from ruleset.case import Diagnosis

_SUSPICIONS = ("疑似", "可疑", "疑诊", "待查", "待排", "待诊", "待除外", "待定", "可能", "?", "\uff1f")
"""How a doctor writes in the name of a diagnosis that it is not certain; the last is the full-width question mark."""

_DECORATION = str.maketrans("", "", ".\uff0e\u3002 ")


@lru_cache(maxsize=65_536)
def plain_code(code: str) -> str:
    """Return an ICD code as codes are compared: without dots of any width and blanks, in upper case.

    National codes are written I10.x00x002.
    """
    return code.translate(_DECORATION).upper()


@lru_cache(maxsize=16_384)
def _plain_prefixes(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(plain for prefix in prefixes if (plain := plain_code(prefix)))


def matches(code: str, prefixes: Sequence[str]) -> bool:
    """Say whether an ICD code begins with one of the prefixes; dots and case do not count.

    An empty code matches nothing, and an empty prefix matches no code.
    """
    return plain_code(code).startswith(_plain_prefixes(tuple(prefixes)))


def is_suspected(diagnosis: Diagnosis) -> bool:
    """Say whether the diagnosis is only suspected: as stated, else by what its name says (疑似, 待查, 待排, 可能, ?)."""
    if diagnosis.suspected is not None:
        return diagnosis.suspected
    return any(word in diagnosis.name for word in _SUSPICIONS)


def find(diagnoses: Sequence[Diagnosis], prefixes: Sequence[str]) -> tuple[list[Diagnosis], list[Diagnosis]]:
    """Return the diagnoses with one of the prefixes: the confirmed ones, and the suspected ones."""
    confirmed: list[Diagnosis] = []
    suspected: list[Diagnosis] = []
    plain = _plain_prefixes(tuple(prefixes))
    for diagnosis in diagnoses:
        if plain_code(diagnosis.code).startswith(plain):
            (suspected if is_suspected(diagnosis) else confirmed).append(diagnosis)
    return confirmed, suspected
