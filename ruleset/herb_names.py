"""Under which names a herb line may be found: 甘草配方颗粒, 甘草片 and 甘草（炙） are 甘草 wherever a row speaks of 甘草.

Rows name herbs as the law and the pharmacopoeia do; stations name what lies in the drawer: its dispensing form (配方颗粒,
饮片), its cut (中国药典 四部 0213 炮制通则: 片, 段, 块, 丝, and powder), another name or the processing in brackets, a mark, a
weight. These are taken off, and a name so found counts only where some row has it: nothing is guessed of names that no row
has, and 天花粉, which a row has, stays itself.
"""

import re
import unicodedata
from functools import lru_cache

NAMES_KEPT_MAX = 16_384
"""Names of herbs whose spellings are kept in memory."""

_IN_BRACKETS = re.compile(r"[(\[【〔]([^()\[\]【】〔〕]*)[)\]】〕]")
_MARKS = " \t△▲☆★◇◆※*#·-"
_WEIGHT = re.compile(r"\d+(?:\.\d+)?\s*(?:mg|kg|g|毫克|千克|克|袋|包)?$", re.IGNORECASE)
_DISPENSED_AS = re.compile(r"(?:中药)?(?:免煎|配方|单味)*(?:颗粒剂?|饮片)$")
_CUT = re.compile(r"(?:超微粉|极细粉|细粉|粉|片|段|丝|块|咀)$")


@lru_cache(maxsize=NAMES_KEPT_MAX)
def spellings(name: str) -> tuple[str, ...]:
    """Return the names that a herb's name may stand for, each once, the name itself first; nothing for an empty one."""
    plain = unicodedata.normalize("NFKC", name).strip()
    inner = [text.strip() for text in _IN_BRACKETS.findall(plain)]
    outer = _IN_BRACKETS.sub("", plain)
    found = [name, plain]
    for text in (outer, *(said + _bare(outer) for said in inner), *inner):
        whole = text.strip(_MARKS)
        bare = _bare(text)
        found.extend((whole, bare, _CUT.sub("", bare)))
    return tuple(dict.fromkeys(filter(None, found)))


def _bare(text: str) -> str:
    """Return a name without marks, weight and the form in which it is dispensed."""
    return _DISPENSED_AS.sub("", _WEIGHT.sub("", text.strip(_MARKS)).strip(_MARKS))
