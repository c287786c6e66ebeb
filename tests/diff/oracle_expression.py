"""T45: expressions as small trees, which are printed as CEL for the pack and walked here, three-valued.

A tree is a tuple: `("fact", name)`, `("const", value)`, `("not", a)`, `("and", a, b)`, `("or", a, b)`, a comparison
`("<", a, b)` or a call `("call", name, *literals)`. A row keeps its tree beside its text, as JSON in `basis_text`.
"""

import json
from collections.abc import Callable
from typing import Any

from tests.diff.oracle_tests import COMPARISONS
from tests.diff.oracle_world import (
    FALSE,
    LEVEL_OF,
    MODE_OF,
    PAYER_OF,
    TRUE,
    LineDict,
    Opinion,
    Row,
    World,
    completed,
    has_prefix,
    is_refund,
    money_of,
    money_of_all,
    place,
    unknown,
    with_prefix,
)

Tree = tuple[Any, ...]
UNKNOWN = None


def printed(tree: Tree) -> str:
    """The tree as CEL."""
    kind, *rest = tree
    if kind == "fact":
        return rest[0]
    if kind == "const":
        return json.dumps(rest[0], ensure_ascii=False)
    if kind == "not":
        return f"!({printed(rest[0])})"
    if kind == "call":
        return f"{rest[0]}({', '.join(json.dumps(one, ensure_ascii=False) for one in rest[1:])})"
    sign = {"and": "&&", "or": "||", "=": "=="}.get(kind, kind)
    return f"({printed(rest[0])} {sign} {printed(rest[1])})"


def walked(tree: Tree, look: Callable[[Tree], Any]) -> Any:
    """The value of a tree; None where it is not known."""
    kind, *rest = tree
    if kind == "const":
        return rest[0]
    if kind in ("fact", "call"):
        return look(tree)
    values = [walked(one, look) for one in rest]
    if kind == "not":
        return UNKNOWN if values[0] is None else not values[0]
    if kind in ("and", "or"):
        decisive = kind == "or"
        if decisive in values:
            return decisive
        return UNKNOWN if None in values else not decisive
    return UNKNOWN if None in values else COMPARISONS[kind](*values)


def leaves(tree: Tree) -> list[Tree]:
    kind, *rest = tree
    if kind in ("fact", "call"):
        return [tree]
    return [leaf for one in rest if isinstance(one, (tuple, list)) for leaf in leaves(tuple(one))]


def word(words: dict[str, str], fact: str | None) -> str | None:
    return next((name for name, value in words.items() if value == fact), None)


def age_years(line: LineDict | None, world: World) -> int | None:
    birth, day = world.patient.get("birth_date"), world.day_of(line)
    return completed(birth, day, "years") if birth and day and birth <= day else None


def care_mode(_line: LineDict | None, world: World) -> str | None:
    modes = world.modes()
    return word(MODE_OF, modes[0]) if len(modes) == 1 else None


def number(value: Any) -> float | None:
    return None if value is None else float(value)


def sex_word(_line: LineDict | None, world: World) -> str | None:
    return {"male": "男", "female": "女"}.get(world.patient.get("sex") or "")


FACTS: dict[str, tuple[str, Callable[[LineDict | None, World], Any]]] = {
    "patient.sex": ("sex", sex_word),
    "patient.age_years": ("birth_date", age_years),
    "patient.weight_kg": ("weight_kg", lambda _, world: number(world.patient.get("weight_kg"))),
    "patient.pregnant": ("pregnancy_status", lambda _, world: world.pregnant()),
    "encounter.care_mode": ("care_modes", care_mode),
    "encounter.visit_kind": ("visit_kind", lambda _, world: world.encounter.get("visit_kind")),
    "encounter.insurance": ("payer", lambda _, world: word(PAYER_OF, world.encounter.get("payer"))),
    "encounter.facility_level": ("facility_level", lambda _, w: word(LEVEL_OF, w.encounter.get("facility_level"))),
    "encounter.department": ("department", lambda _, world: world.encounter.get("department_code") or None),
    "encounter.internet": ("internet", lambda _, world: world.encounter.get("internet")),
    "encounter.out_of_region": ("region", lambda _, world: world.out_of_region()),
    "encounter.line_count": ("current", lambda _, world: len(world.lines)),
    "encounter.amount": ("amount", lambda _, world: number(money_of_all(world.lines))),
    "line.quantity": ("quantity", lambda line, _: number((line or {}).get("quantity"))),
    "line.price": ("price", lambda line, _: number((line or {}).get("price"))),
    "line.amount": ("amount", lambda line, _: number(money_of(line or {}))),
    "line.days": ("days", lambda line, _: (line or {}).get("days")),
    "line.dose": ("dose", lambda line, _: number((line or {}).get("dose"))),
    "line.frequency": ("frequency", lambda line, _: (line or {}).get("frequency") or None),
    "line.route": ("route", lambda line, _: (line or {}).get("route") or None),
    "line.item_kind": ("item_kind", lambda line, _: (line or {}).get("item_kind")),
    "line.hour": ("begin", lambda line, _: line["begin"].hour if line else None),
    "line.self_pay": ("current", lambda line, _: bool((line or {}).get("self_pay"))),
    "line.long_term": ("long_term", lambda line, _: (line or {}).get("long_term")),
    "line.emergency_use": ("emergency_use", lambda line, _: bool((line or {}).get("emergency_use"))),
}


def lines_named(name: str, days: int, line: LineDict | None, world: World) -> list[LineDict] | None:
    """The lines of a name in the window, the judged one among them; None where nothing says when it is."""
    day = world.day_of(line)
    if day is None:
        return None
    return [
        one
        for one in world.all_lines
        if one.get("begin") is not None and world.is_named(one, name) and (day - one["begin"].date()).days < days
        if (one is line or place(one) <= place(line) if line is not None else one["begin"].date() <= day)
    ]


def called(tree: Tree, line: LineDict | None, world: World) -> tuple[Any, str]:
    """The value of a call, and the fact that is missing where it has none."""
    _, name, *literals = tree
    own = world.encounter
    if name == "has_diagnosis":
        known = own.get("diagnoses") or ()
        confirmed, suspected = with_prefix(known, [literals[0]])
        sure = confirmed or (not suspected and any(one.get("code") for one in known))
        return (bool(confirmed) if sure else None), "diagnoses"
    if name == "has_operation":
        return any(
            has_prefix(one.get("code") or "", [literals[0]]) for one in own.get("operations") or ()
        ), "operations"
    if name == "is_in":
        return world.is_named(line or {}, literals[0]), "item_code"
    found = lines_named(literals[0], literals[1], line, world)
    if found is None:
        return None, "time"
    if name == "count_lines":
        return sum(not is_refund(one) for one in found), "history"
    values = [one.get("quantity") if name == "sum_quantity" else money_of(one) for one in found]
    fact = "quantity" if name == "sum_quantity" else "amount"
    return (None if None in values else float(sum(values))), fact  # type: ignore[arg-type]


def judged(row: Row, line: LineDict | None, world: World) -> list[Opinion]:
    tree = as_tree(json.loads(row.text("basis_text")))
    missing: set[str] = set()

    def look(leaf: Tree) -> Any:
        if leaf[0] == "call":
            value, fact = called(leaf, line, world)
        else:
            fact, read = FACTS[leaf[1]]
            value = read(line, world)
        if value is None:
            missing.add(fact)
        return value

    answer = walked(tree, look)
    if answer is None:
        return unknown(*missing)
    return [TRUE()] if answer else FALSE


def as_tree(value: Any) -> Tree:
    return tuple(as_tree(one) if isinstance(one, list) else one for one in value)


def names_items(row: Row) -> bool:
    return any(row.text(name) for name in ("item_code", "ingredient", "drug_class", "item_kind"))


def of_line(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T45 of a line."""
    if row.text("per", "行") != "行" or (names_items(row) and not world.speaks_of(row, line)):
        return FALSE
    return judged(row, line, world)


def of_encounter(row: Row, world: World) -> list[Opinion]:
    """T45 of the encounter."""
    return judged(row, None, world) if row.text("per", "行") == "就诊" else FALSE


OF_LINES = {"T45": of_line}
OF_ENCOUNTERS = {"T45": of_encounter}
