"""What a rule template is: a row schema and one pure function.

A template says what its rows look like (`columns`), under which keys a row is found (`keys`), which
facts it reads (`needs`), what its messages may mention (`evidence`), and judges one line by one row (`judge`).
Dates, exemptions, severity, remedies, self-pay: none of that is a template's business; it lives once, in the
evaluator. To add a template: write `ruleset/templates/tNN_name.py` and name it in `ruleset/templates/__init__.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from ruleset.case import Diagnosis, ItemKind, Line, Operation
from ruleset.diagnoses import plain_code
from ruleset.outcome import Judgement

if TYPE_CHECKING:
    from ruleset.chart import Chart

FALSE: tuple[Judgement, ...] = ()
"""The row does not apply to the line, or is satisfied."""


def item_key(code: str) -> str:
    """Return the index key of an item code. Codes are opaque: compared whole, never by prefix or case."""
    return "item:" + code


def herb_key(name: str) -> str:
    """Return the index key of a herb's name, which is matched exactly."""
    return "herb:" + name


def herb_form_key(name: str) -> str:
    """Return the index key of a herb in any form: of a name among the `ruleset.herb_names.spellings` of a line's."""
    return "herb-form:" + name


def group_key(name: str) -> str:
    """Return the index key of a named group of rows that judge together."""
    return "group:" + name


def ingredient_key(name: str) -> str:
    """Return the index key of an active substance, by generic name."""
    return "ingredient:" + name


def systemic_key(name: str) -> str:
    """Return the key of a substance given so that it reaches the whole body; it leads to the ATC class it then has."""
    return "systemic:" + name


def spoken_key(name: str) -> str:
    """Return the key of a substance that a row speaks of, whether or not the row is found by it; it leads to `SPOKEN`."""
    return "spoken:" + name


SPOKEN = "spoken"
"""What `spoken_key` leads to: that the pack speaks of the substance."""


def class_key(name: str) -> str:
    """Return the index key of a class: an ATC code of any level, a hospital's own class, or a list of the pack."""
    return "class:" + name


def kind_key(kind: str) -> str:
    """Return the index key of every line of one catalogue (drug, herb_piece, service...)."""
    return "kind:" + kind


def diagnosis_key(prefix: str) -> str:
    """Return the index key of a diagnosis: found by every code that begins with it (`ruleset.diagnoses.plain_code`)."""
    return "diagnosis:" + plain_code(prefix)


def operation_key(prefix: str) -> str:
    """Return the index key of an operation, as `diagnosis_key` does for a diagnosis."""
    return "operation:" + plain_code(prefix)


def kept_key(row_id: str) -> str:
    """Return the index key of a row that does not judge of itself: one that is off or in shadow."""
    return "kept:" + row_id


def list_key(member: str) -> str:
    """Return the index key under which the lists stand that have the item, ingredient or class `member`."""
    return "list:" + member


EVERY_LINE = "every:line"
EVERY_PRESCRIPTION = "every:prescription"
"""Judged once per prescription, from its first current line."""
EVERY_ENCOUNTER = "every:encounter"
"""Judged once per check, by `judge_encounter`, whether or not there are lines."""


class Subject(msgspec.Struct, frozen=True):
    """The columns by which a row says which items it speaks of: exactly one of them, except `item_name`.

    `drug_class` is an ATC code of any level, a class of the hospital's dictionary, or the name of a list in `lists/`.
    `item_name` beside `item_code` is for people only.
    """

    item_code: str = ""
    item_name: str = ""
    ingredient: str = ""
    drug_class: str = ""
    item_kind: ItemKind | Literal[""] = ""


SUBJECT_COLUMNS = ("item_code", "ingredient", "drug_class", "item_kind")


def subject_keys(params: Subject) -> tuple[str, ...]:
    """Return the one key of a row's subject."""
    if params.item_code:
        return (item_key(params.item_code),)
    if params.ingredient:
        return (ingredient_key(params.ingredient),)
    if params.drug_class:
        return (class_key(params.drug_class),)
    if params.item_kind:
        return (kind_key(params.item_kind),)
    return ()


def subject_problems(params: Subject) -> Iterator[str]:
    """Yield what is wrong with a subject: none, or more than one."""
    given = [name for name in SUBJECT_COLUMNS if getattr(params, name)]
    if len(given) != 1:
        names = ", ".join(f"`{name}`" for name in SUBJECT_COLUMNS)
        yield f"exactly one of {names} says which items the row speaks of, here {len(given)}"


def subject_text(params: Subject) -> str:
    """Return what a row speaks of, for a person."""
    return params.item_name or params.ingredient or params.drug_class or params.item_code


class Template(ABC):
    """One kind of rule. Instances carry no state."""

    id: ClassVar[str]
    """As in the table of templates: T01 to T45."""
    title: ClassVar[str]
    columns: ClassVar[type[msgspec.Struct]]
    """The columns of a row as a struct, with their types; a field with a default is an optional column."""
    row_name: ClassVar[tuple[str, ...]] = ("item_code",)
    """The columns whose values, with the rule and `valid_from`, make a row's id."""
    needs: ClassVar[tuple[str, ...]]
    """Facts (names of `ruleset.facts.FACTS`) that `judge` reads and may report as missing."""
    evidence: ClassVar[tuple[str, ...]] = ()
    """Names that a rule's message may mention beside `COMMON_EVIDENCE`."""

    pair: ClassVar[tuple[tuple[str, ...], tuple[str, ...]] | None] = None
    """The columns of the two sides, where a row is a pair whose other direction would say the same, or contradict it."""
    also_names: ClassVar[tuple[str, ...]] = ()
    """The columns that name substances (among others) by which a row is not found: companions, what should come before."""
    group: ClassVar[str] = ""
    """The column that names a group, where a row says something only together with the others of its group."""

    highest_action: ClassVar[Literal["HINT", "WARN", "WARN_REASON", "REVIEW", "BLOCK"]] = "BLOCK"
    """What a rule may ask of the doctor by default; a row goes beyond its rule only with a signature."""

    def can_violate(self, params: Any) -> bool:  # noqa: ARG002 - most templates always can
        """Say whether a row can be violated at all, or only ever reminds of what no message says."""
        return True

    @abstractmethod
    def keys(self, params: Any) -> Sequence[str]:
        """Return every index key under which the row must be found."""

    def problems(self, params: Any) -> Iterator[str]:  # noqa: ARG002 - most templates have none
        """Yield what is wrong with a row whose cells are each right: a row that could never, or always, apply."""
        yield from ()

    def is_idle(self, params: Any, chart: "Chart") -> bool:  # noqa: ARG002 - most templates look at each line
        """Say whether a row is FALSE for every line of the check, where one look at the chart shows that.

        Asked once a check, so that a row of all drugs (an allergy, where there is none) need not be asked of each. Never
        needed for the answer: `judge` says the same.
        """
        return False

    def judge(self, params: Any, line: Line, chart: "Chart") -> Sequence[Judgement]:
        """Judge one current line by one row: FALSE, or one judgement per result (a pair of lines is one).

        For a row found by the key of a line, or (from the first current line) of a prescription.
        """
        raise NotImplementedError

    def judge_encounter(self, params: Any, about: Diagnosis | Operation | None, chart: "Chart") -> Sequence[Judgement]:
        """Judge the encounter by one row: FALSE, or one judgement per result.

        For a row found by the key of a diagnosis or an operation (`about`), or of every encounter (None). The
        judgement may name lines; it need not.
        """
        raise NotImplementedError


COMMON_EVIDENCE: tuple[str, ...] = ("item", "date")
"""What every rule's message may mention: the item's name and the order's date."""
