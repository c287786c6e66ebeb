"""T21 to T24: what is in the patient, the bag or the prescription together. See `oracle_world.py`."""

from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from tests.diff.oracle_tests import is_named
from tests.diff.oracle_world import (
    FALSE,
    HERBS,
    LOOK_BACK_DAYS,
    TRUE,
    UNTOLD_DAYS,
    VOLUME_ML,
    LineDict,
    Opinion,
    Row,
    World,
    converted,
    days_taken,
    dose_in,
    forms_per_dose,
    frequency_of,
    is_drug,
    is_refund,
    item_of,
    kind_of,
    same_prescription,
    states_days,
    states_end,
    unknown,
)

INFUSIONS = ("静脉滴注", "静脉泵入")


class Use(NamedTuple):
    """First and last day of use, and whether the line tells the last."""

    first: date
    last: date
    is_told: bool


def use_of(line: LineDict, world: World) -> Use:
    """As stated; a long-term order of this stay runs until it is stopped; a single dose is used on its day; supply."""
    first = line["begin"].date()
    if states_days(line) or states_end(line):
        return Use(first, max(days_taken(line)[0]), is_told=True)
    end = line.get("end")
    is_open = end is None or end >= line["begin"]
    if is_open and line.get("long_term") and (line.get("encounter_id") or "") == (world.encounter.get("id") or ""):
        return Use(first, date.max, is_told=True)
    if frequency_of(line).is_once:
        return Use(first, first, is_told=True)
    days, told = days_taken(line)
    return Use(first, max(days), told)


def in_view(line: LineDict, world: World) -> list[LineDict]:
    """The other lines, whichever began first, that begin at most 400 days before it and were not taken back."""
    return [
        other
        for other in world.others(line)
        if other.get("begin") is not None and not is_refund(other)
        if (line["begin"].date() - other["begin"].date()).days <= LOOK_BACK_DAYS
        if not world.is_taken_back(other)
    ]


def order(one: LineDict, other: LineDict) -> tuple[LineDict, LineDict]:
    """The line that began first, and the other."""
    return (one, other) if one["begin"].date() <= other["begin"].date() else (other, one)


# T21.


def sides(row: Row) -> list[dict]:
    return [
        {name: row.text(f"{name}_{side}") for name in ("item", "ingredient", "class")}
        | {"routes": row.texts(f"routes_{side}"), "washout": row.whole(f"washout_days_{side}", 0)}
        for side in "ab"
    ]


def is_side(line: LineDict, side: dict, world: World) -> bool:
    if side["item"]:
        return line.get("item_code") == side["item"]
    if not is_drug(line):
        return bool(side["class"]) and side["class"] in world.classes(line)
    return side["ingredient"] in world.substances(line) if side["ingredient"] else side["class"] in world.classes(line)


def interaction(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T21: one result for each other line that the judged one meets."""
    if is_monitored(row, line, world):
        return FALSE
    found: list[Opinion] = []
    for other in in_view(line, world):
        answers = [
            meets(mine, line, theirs, other, world)
            for mine, theirs in (sides(row), sides(row)[::-1])
            if is_side(line, mine, world) and is_side(other, theirs, world)
        ]
        opinion = best(answers)
        if opinion is not None:
            found.append(with_other(opinion, other, world))
    return found


def best(answers: list[set[str] | None]) -> set[str] | None:
    """The surest of what either way round says: nothing missing, else what is."""
    known = [answer for answer in answers if answer is not None]
    return min(known, key=lambda missing: (len(missing), sorted(missing))) if known else None


def with_other(missing: set[str], other: LineDict, world: World) -> Opinion:
    if world.is_current(other):
        return Opinion(set(missing), also_violating=[other])
    return Opinion(set(missing), related=[other])


def is_monitored(row: Row, line: LineDict, world: World) -> bool:
    if not row.texts("monitored_codes"):
        return False
    day = line["begin"].date()
    return any(
        is_named(one, row.texts("monitored_codes"))
        and one.get("time") is not None
        and 0 <= (day - one["time"].date()).days < (row.whole("monitored_within_days", 7) or 7)
        for one in world.patient.get("observations") or ()
    )


def meets(mine: dict, line: LineDict, theirs: dict, other: LineDict, world: World) -> set[str] | None:
    """None: the two lines do not meet; else what is missing to be sure that they do."""
    missing: set[str] = set()
    for side, one in ((mine, line), (theirs, other)):
        if side["routes"] and one.get("route"):
            if one["route"] not in side["routes"]:
                return None
        elif side["routes"]:
            missing.add("route")
    earlier, later = order(line, other)
    washout = (mine if earlier is line else theirs)["washout"]
    gap = meeting(earlier, later, washout, world)
    return None if gap is None else missing | gap


def meeting(earlier: LineDict, later: LineDict, washout: int, world: World) -> set[str] | None:
    use, next_use = use_of(earlier, world), use_of(later, world)
    gap = (next_use.first - use.last).days
    if gap <= 0 or gap < washout:
        return set()
    if not use.is_told:
        longest = use.first + timedelta(days=UNTOLD_DAYS - 1)
        gap = (next_use.first - longest).days
        if gap <= 0 or gap < washout:
            return {"days"}
    return None


# T23.


def herb_pairs(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T23 and N10. A pair of two current lines comes up once from either side, as the same finding."""
    if row.text("kind") in ("妊娠禁忌", "妊娠慎用"):
        return herb_in_pregnancy(row, line, world)
    first = [row.text("herb_a"), *row.texts("aliases_a")]
    second = [row.text("herb_b"), *row.texts("aliases_b")]
    found = []
    for other in world.others(line):
        kinds = (kind_of(line), kind_of(other))
        mine, theirs = world.herb_of(row, line), world.herb_of(row, other)
        are_pair = (mine in first and theirs in second) or (mine in second and theirs in first)
        if not are_pair or not same_prescription(line, other) or is_refund(other):  # no herb that anybody takes
            continue
        if any(kind not in (*HERBS, None) for kind in kinds):
            continue
        if None in kinds:
            found.append(Opinion({"item_kind"}, [other]))
        else:
            found.append(with_other(set(), other, world))
    return found


def herb_in_pregnancy(row: Row, line: LineDict, world: World) -> list[Opinion]:
    kind = kind_of(line)
    names = [row.text("herb_a"), *row.texts("aliases_a")]
    if world.herb_of(row, line) not in names or kind not in (*HERBS, None):
        return FALSE
    pregnant = world.pregnant()
    if pregnant is False or (pregnant is None and row.text("kind") == "妊娠慎用"):
        return FALSE
    missing = ({"pregnancy_status"} if pregnant is None else set()) | ({"item_kind"} if kind is None else set())
    return [Opinion(missing)]


# T24.


def duplicate(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T24."""
    if not world.speaks_of(row, line) or is_left_out(row, line, world) is True:
        return FALSE
    own_unknown = is_left_out(row, line, world) is None
    if row.text("same") == "成分":
        return same_substance(row, line, world, own_unknown=own_unknown)
    return too_many(row, line, world, own_unknown=own_unknown)


def is_left_out(row: Row, line: LineDict, world: World) -> bool | None:
    """Whether a line does not count; None where its route would decide."""
    if any(world.is_drug_of(line, name) for name in row.texts("not_classes")):
        return True
    if row.texts("not_routes"):
        return line["route"] in row.texts("not_routes") if line.get("route") else None
    return False


def overlaps(row: Row, line: LineDict, other: LineDict, world: World) -> set[str] | None:
    """None: not in use at once; else what is missing to be sure."""
    home = [bool(one.get("discharge_medication")) for one in (line, other)]
    if home[0] != home[1] and (line.get("encounter_id") or "") == (other.get("encounter_id") or ""):
        return None
    earlier, later = (line, other) if line["begin"] <= other["begin"] else (other, line)
    end = earlier.get("end")
    if end is not None and end >= earlier["begin"] and end <= later["begin"] and end != earlier["begin"]:
        return None
    use, next_use = use_of(earlier, world), use_of(later, world)
    bridging = row.whole("bridging_days", 1) or 0
    allowed = bridging if earlier["begin"].date() < later["begin"].date() else 0
    left = (use.last - next_use.first).days + 1
    if left > allowed and left > 0:
        return set()
    if not use.is_told:
        left = (use.first + timedelta(days=UNTOLD_DAYS - 1) - next_use.first).days + 1
        if left > allowed and left > 0:
            return {"days"}
    return None


def same_substance(row: Row, line: LineDict, world: World, *, own_unknown: bool) -> list[Opinion]:
    found = []
    for other in in_view(line, world):
        if not is_drug(other) or not set(world.substances(line)) & set(world.substances(other)):
            continue
        if row.text("ingredient") and row.text("ingredient") not in world.substances(other):
            continue
        same_item = bool(line.get("item_code")) and line.get("item_code") == other.get("item_code")
        if same_item and row.text("count_same_item") != "是":
            continue
        left_out = is_left_out(row, other, world)
        missing = overlaps(row, line, other, world)
        if left_out is True or missing is None:
            continue
        if left_out is None or own_unknown:
            missing = missing | {"route"}
        found.append(with_other(missing, other, world))
    return found


def drug_id(line: LineDict, world: World) -> tuple[str, ...]:
    return tuple(sorted(world.substances(line))) or (item_of(line),)


def too_many(row: Row, line: LineDict, world: World, *, own_unknown: bool) -> list[Opinion]:
    sure, unsure, missing = [], [], set()
    for other in in_view(line, world):
        if not world.speaks_of(row, other) or is_left_out(row, other, world) is True:
            continue
        lacking = overlaps(row, line, other, world)
        if lacking is None:
            continue
        if own_unknown or is_left_out(row, other, world) is None:
            lacking = lacking | {"route"}
        if lacking:
            unsure.append(other)
            missing |= lacking
        else:
            sure.append(other)
    allowed = row.whole("allowed_count", 1) or 1
    if len({drug_id(one, world) for one in (line, *sure)}) > allowed:
        return set_of(sure, set(), world)
    if len({drug_id(one, world) for one in (line, *sure, *unsure)}) > allowed:
        return set_of([*sure, *unsure], missing, world)
    return FALSE


def set_of(lines: list[LineDict], missing: set[str], world: World) -> list[Opinion]:
    now = [one for one in lines if world.is_current(one)]
    return [Opinion(missing, [one for one in lines if not world.is_current(one)], now)]


# T22.


def group_of(line: LineDict, world: World) -> list[LineDict]:
    """The lines of one bag, the judged one among them."""
    return [
        other
        for other in [line, *world.others(line)]
        if other.get("group_id") == line.get("group_id") and same_prescription(line, other)
        if other.get("begin") is not None and other["begin"].date() == line["begin"].date() and not is_refund(other)
    ]


def perhaps_infused(line: LineDict) -> set[str] | None:
    """None: the line is in no bag. Else what is missing to say in which."""
    if line.get("route"):
        return {"group_id"} if line["route"] in INFUSIONS else None
    words = f"{line.get('form') or ''}{line.get('item_name') or ''}"
    return {"group_id", "route"} if "注射" in words else None


def infusion(row: Row, line: LineDict, world: World) -> list[Opinion]:
    """T22."""
    if not is_of_subject(row, line, world):
        return FALSE
    return {"配伍": mixing, "溶媒": solvent, "浓度": concentration, "药品数": number_of_drugs}[row.text("check")](
        row, line, world
    )


def is_of_subject(row: Row, line: LineDict, world: World) -> bool:
    return world.speaks_of(row, line) and not (row.text("only_substance") == "是" and len(world.substances(line)) > 1)


def is_other(row: Row, line: LineDict, world: World) -> bool:
    if row.text("other_item"):
        return line.get("item_code") == row.text("other_item")
    name = row.text("other_ingredient")
    if name:
        return is_drug(line) and name in world.substances(line)
    return row.text("other_class") in world.classes(line)


def mixing(row: Row, line: LineDict, world: World) -> list[Opinion]:
    found = []
    for other in world.others(line):
        if not is_other(row, other, world) or not same_prescription(line, other) or is_refund(other):
            continue
        if other.get("begin") is None or other["begin"].date() != line["begin"].date():
            continue
        if line.get("group_id") and other.get("group_id"):
            if line["group_id"] == other["group_id"]:
                found.append(with_other(set(), other, world))
            continue
        lacks = [perhaps_infused(one) for one in (line, other) if not one.get("group_id")]
        if None not in lacks:
            found.append(with_other({fact for one in lacks for fact in one or ()}, other, world))
    return found


def is_solvent(row: Row, line: LineDict, world: World) -> bool:
    return row.text("solvent_class", "溶媒") in world.classes(line)


def solvent(row: Row, line: LineDict, world: World) -> list[Opinion]:
    if not line.get("group_id"):
        lacks = perhaps_infused(line)
        return unknown(*lacks) if lacks else FALSE
    others = [one for one in group_of(line, world) if one is not line]
    solvents = [one for one in others if is_solvent(row, one, world)]
    found = []
    for one in solvents:
        allowed = row.texts("allowed_solvents")
        names = world.substances(one)
        fits = any(one.get("item_code") == name or name in world.classes(one) for name in allowed)
        if not fits and names:
            fits = all(name in allowed for name in names)
        if fits:
            continue
        found.append(with_other(set() if names else {"ingredients"}, one, world))
    return found if solvents else no_solvent(line, others, world)


def no_solvent(line: LineDict, others: list[LineDict], world: World) -> list[Opinion]:
    """A bag that shows no solvent tells as little as none: unless one of its lines may be the solvent."""
    lacks = perhaps_infused(line)
    if not lacks:
        return FALSE
    unclear = [one for one in others if kind_of(one) == "drug" and not world.substances(one)]
    return unknown(*(lacks - {"group_id"} | {"ingredients"} if unclear else lacks))


def concentration(row: Row, line: LineDict, world: World) -> list[Opinion]:
    if not line.get("group_id"):
        lacks = perhaps_infused(line)
        return unknown(*lacks) if lacks else FALSE
    group = group_of(line, world)
    others = [one for one in group if one is not line]
    drugs = [one for one in group if is_of_subject(row, one, world)]
    missing: set[str] = set()
    has_solvent = any(is_solvent(row, one, world) for one in group)
    if not has_solvent and perhaps_infused(line):
        return no_solvent(line, others, world)
    unit = row.text("concentration_unit", "mg/mL").removesuffix("/mL")
    total, volume = Fraction(0), Fraction(0)
    for one in drugs:
        dose = dose_in(one, unit, row.text("ingredient"))
        if isinstance(dose, set):
            missing |= dose
        else:
            total += dose
    for one in group:
        size = volume_of(row, one, world)
        if size is None:
            missing.add("volume")
        else:
            volume += size
    if not has_solvent and not volume:
        return FALSE
    if missing or not volume:
        same_drug = [one for one in drugs if one is not line]
        return set_of(same_drug, missing or {"volume"}, world)
    low, high = row.number("min_concentration"), row.number("max_concentration")
    figure = total / volume
    if (low is None or figure >= low) and (high is None or figure <= high):
        return FALSE
    now = [one for one in drugs if world.is_current(one) and one is not line]
    rest = [one for one in group if one is not line and all(one is not other for other in now)]
    return [TRUE(related=rest, also_violating=now)]


def volume_of(row: Row, line: LineDict, world: World) -> Fraction | None:
    """mL: the dose, else what the dose takes of strength and volume, else all of a solvent; None: a solvent of none."""
    if line.get("dose") is not None and line.get("dose_unit") in VOLUME_ML:
        return converted(Fraction(line["dose"]), line["dose_unit"], "mL")
    forms = forms_per_dose(line)
    if line.get("volume_ml") and isinstance(forms, Fraction) and line.get("dose_unit") not in (None, ""):
        return forms * Fraction(line["volume_ml"])
    if is_solvent(row, line, world):
        return Fraction(line["volume_ml"]) if line.get("volume_ml") else None
    return Fraction(0)


def number_of_drugs(row: Row, line: LineDict, world: World) -> list[Opinion]:
    most = row.whole("max_drugs") or 0
    if line.get("group_id"):
        group = [one for one in group_of(line, world) if may_be_drug(row, one, world)]
        known = [one for one in group if is_surely_drug(row, one, world)]
        for lines, missing in ((known, set()), (group, {"item_kind"})):
            if len({drug_id(one, world) for one in lines}) > most:
                return set_of([one for one in lines if one is not line], missing, world)
        return FALSE
    lacks = perhaps_infused(line)
    if not lacks:
        return FALSE
    loose = [
        one
        for one in (line, *world.others(line))
        if not one.get("group_id") and same_prescription(line, one) and not is_refund(one) and perhaps_infused(one)
        if one.get("begin") is not None and one["begin"].date() == line["begin"].date()
        if may_be_drug(row, one, world)
    ]
    if len({drug_id(one, world) for one in loose}) > most:
        return unknown(*lacks)
    return FALSE


def may_be_drug(row: Row, line: LineDict, world: World) -> bool:
    return kind_of(line) in ("drug", *HERBS, None) and not is_solvent(row, line, world)


def is_surely_drug(row: Row, line: LineDict, world: World) -> bool:
    """By its catalogue, its substances, or because the row speaks of it."""
    return kind_of(line) is not None or bool(world.substances(line)) or world.speaks_of(row, line)


OF_LINES = {"T21": interaction, "T22": infusion, "T23": herb_pairs, "T24": duplicate}
OF_ENCOUNTERS: dict = {}
