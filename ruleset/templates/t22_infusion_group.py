"""T22 注射配伍、溶媒、浓度: what stands in one bag or syringe together."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Literal

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.drug import DRUG_KINDS, kind_of
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, SUBJECT_COLUMNS, Subject, Template, subject_keys, subject_problems
from ruleset.units import dose_of, read_unit

INFUSION_ROUTES = ("静脉滴注", "静脉泵入")
"""Routes by which a drug without a solvent of its own is given in a bag."""
INJECTION_WORD = "注射"
"""In a dosage form or a generic name it says that the drug may be infused (注射液, 注射用)."""
PER_MILLILITRE = "/mL"


class Params(Subject, frozen=True, kw_only=True):
    """One drug (the subject) and one check of the group that it is given in.

    配伍: the drug does not mix with another: `other_item`, `other_ingredient` or `other_class`, exactly one of them.
    溶媒: every solvent of the group is one of `allowed_solvents` (item codes, generic names, classes or lists); a solvent
    of several substances needs all of its substances, or itself, to be named.
    浓度: the drug's dose over the volume of the whole group lies from `min_concentration` to `max_concentration` (either
    may be empty, both ends are allowed), in `concentration_unit`, a UCUM unit per mL.
    药品数: at most `max_drugs` different drugs, solvents aside, stand in a group that the subject stands in.

    `solvent_class` is the class or list by which a line is known as a solvent. `only_substance` 是: not of lines that are
    known to be of several substances (复方氯化钠注射液 is not 氯化钾): such a line is judged by no such row, adds nothing to
    the dose of the subject, and otherwise counts in a group as any other drug.
    """

    check: Literal["配伍", "溶媒", "浓度", "药品数"]
    other_item: str = ""
    other_ingredient: str = ""
    other_class: str = ""
    allowed_solvents: tuple[str, ...] = ()
    min_concentration: Decimal | None = None
    max_concentration: Decimal | None = None
    concentration_unit: str = "mg/mL"
    max_drugs: int | None = None
    solvent_class: str = "溶媒"
    reason: str = ""
    only_substance: Literal["是", "否"] = "否"


class InfusionGroup(Template):
    """Judges a group: the lines of one encounter, prescription and group number that begin on one day.

    The same group number in another prescription, or on another day of a standing order, is another bag. Refunds are
    in none. Current lines violate, lines committed before are related; self-pay lines count.

    配伍 is one result per pair of lines, 溶媒 one per drug line and wrong solvent (both
    violate), 浓度 and 药品数 one per group (浓度: the lines of the drug violate, the others of the group are related). A line's volume is its dose in mL, else what its
    dose takes of its strength and volume, else for a solvent its `volume_ml`; a drug that states no volume counts none.

    UNKNOWN (`group_id`) for a line without a group whose route is an infusion, or is not stated while form or name
    says 注射 (then `route` too): for 配伍 where the other drug stands in the same prescription and either line has no
    group, for 药品数 where so many lines without a group might share a bag, for 溶媒 and 浓度 always; and for such a line
    whose group shows no solvent, `ingredients` in place of `group_id` where another drug of the group may be it. UNKNOWN
    (`ingredients`) where a solvent's substances are not known; (`item_kind`) where 药品数 rests on lines of which nobody
    says whether they are drugs; (`volume`) where a solvent states none; (`dose`, `strength`) where a dose cannot be
    converted (`ruleset.units.dose_of`).
    """

    id = "T22"
    title = "注射配伍与溶媒"
    columns = Params
    row_name = (*SUBJECT_COLUMNS, "check", "other_item", "other_ingredient", "other_class")
    pair = (("item_code", "ingredient", "drug_class"), ("other_item", "other_ingredient", "other_class"))
    also_names = ("other_ingredient",)
    needs = ("group_id", "route", "item_kind", "ingredients", "volume", "dose", "dose_unit", "strength", "pack_size")
    evidence = ("check", "drug", "problem", "reason")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the subject: 配伍 is found from the drug alone, so a pair is written once."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A check has its own columns."""
        yield from subject_problems(params)
        others = sum(map(bool, (params.other_item, params.other_ingredient, params.other_class)))
        if others != (params.check == "配伍"):
            yield f"`{params.check}`: {others} of `other_item`, `other_ingredient`, `other_class` given; 配伍 has one, else none"
        if bool(params.allowed_solvents) != (params.check == "溶媒"):
            yield f"`allowed_solvents` belongs to `溶媒` and to nothing else, here `{params.check}`"
        low, high = params.min_concentration, params.max_concentration
        if (low is not None or high is not None) != (params.check == "浓度"):
            yield f"`min_concentration` and `max_concentration` belong to `浓度`, here `{params.check}`"
        if low is not None and high is not None and low > high:
            yield f"`min_concentration` {low} is above `max_concentration` {high}"
        if not params.concentration_unit.endswith(PER_MILLILITRE) or read_unit(params.concentration_unit) is None:
            yield f"`concentration_unit` is `{params.concentration_unit}`, expected a unit per mL such as mg/mL"
        if (params.max_drugs is not None and params.max_drugs > 0) != (params.check == "药品数"):
            yield f"`max_drugs` (1 or more) belongs to `药品数`, here `{params.check}`"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """Judge the group that the line stands in."""
        if not _is_of_subject(params, line, chart):
            return FALSE
        if params.check == "配伍":
            return _incompatible(params, line, chart)
        if not line.group_id:
            doubt = _no_group(line)
            if not doubt:
                return FALSE
            if params.check == "药品数":
                return _perhaps_together(params, line, chart)
            return (Judgement(evidence=_evidence(params, line, ""), missing=doubt),)
        group = [other for other in _same_day(line, chart) if other.group_id == line.group_id]
        if params.check == "溶媒":
            return _solvents(params, line, group, chart)
        if params.check == "浓度":
            return _concentration(params, line, group, chart)
        return _number_of_drugs(params, line, group, chart)


def _same_day(line: Line, chart: Chart) -> list[Line]:
    """Return the lines of the prescription that begin on the judged line's day, itself among them."""
    assert line.begin is not None  # a line without a time is never judged
    day = line.begin.date()
    return [
        other
        for other in chart.prescription(line)
        if other.begin is not None and other.begin.date() == day and not other.is_refund
    ]


def _no_group(line: Line) -> tuple[Missing, ...]:
    """Say what is missing to know the bag of a line without a group; nothing where it needs no bag."""
    return _no_bag(line, (Missing("group_id", f"“{line.name}”没有组号，无法确定与什么同瓶"),))


def _no_bag(line: Line, missing: tuple[Missing, ...]) -> tuple[Missing, ...]:
    """Return what is missing to know of a line's bag, and its route where none is stated; nothing where it needs no bag."""
    if line.route:
        return missing if line.route in INFUSION_ROUTES else ()
    may_be_infused = INJECTION_WORD in line.form or INJECTION_WORD in line.name
    return (*missing, Missing("route", f"“{line.name}”没有给药途径")) if may_be_infused else ()


def _evidence(params: Params, line: Line, problem: str) -> dict[str, str]:
    return {"check": params.check, "drug": f"“{line.name}”", "problem": problem, "reason": params.reason}


def _answer(
    params: Params, line: Line, problem: str, others: Sequence[Line], chart: Chart, missing: Sequence[Missing] = ()
) -> Judgement:
    """Judge the line together with others."""
    current = tuple(other for other in others if other is not line and chart.is_current(other))
    past = tuple(other for other in others if other is not line and not chart.is_current(other))
    known = tuple(sorted(set(missing), key=lambda one: (one.fact, one.detail)))
    return Judgement(also_violating=current, related=past, evidence=_evidence(params, line, problem), missing=known)


def _incompatible(params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
    judgements: list[Judgement] = []
    for other in _same_day(line, chart):
        if other is line:
            continue
        if params.other_item:
            is_partner = other.item_code == params.other_item
        else:
            is_partner = chart.is_in(other, params.other_ingredient or params.other_class)
        if not is_partner:
            continue
        missing: tuple[Missing, ...] = ()
        if line.group_id and other.group_id:
            if line.group_id != other.group_id:
                continue
        else:
            doubts = [() if one.group_id else _no_group(one) for one in (line, other)]
            if not all(doubt or one.group_id for doubt, one in zip(doubts, (line, other), strict=True)):
                continue  # one of them is given in no bag
            missing = (*doubts[0], *doubts[1])
        judgements.append(_answer(params, line, f"与“{other.name}”同瓶", (other,), chart, missing))
    return judgements


def _is_solvent(params: Params, line: Line, chart: Chart) -> bool:
    return chart.is_in(line, params.solvent_class)


def _solvents(params: Params, line: Line, group: Sequence[Line], chart: Chart) -> Sequence[Judgement]:
    found = False
    judgements: list[Judgement] = []
    for other in group:
        if other is line or not _is_solvent(params, other, chart):
            continue
        found = True
        drug = chart.drug(other)
        names = {other.item_code, *drug.classes} - {""}
        if not names.isdisjoint(params.allowed_solvents):
            continue
        if not drug.ingredients:
            missing = (Missing("ingredients", f"不知道溶媒“{other.name}”的成分"),)
            judgements.append(_answer(params, line, "", (other,), chart, missing))
        elif not set(drug.ingredients) <= set(params.allowed_solvents):
            allowed = "、".join(params.allowed_solvents)
            judgements.append(_answer(params, line, f"用“{other.name}”作溶媒，适宜的溶媒为{allowed}", (other,), chart))
    if found:
        return judgements
    return _no_solvent(params, line, group, chart)


def _no_solvent(params: Params, line: Line, group: Sequence[Line], chart: Chart) -> Sequence[Judgement]:
    """Answer for a group in which nothing is known as a solvent."""
    unknown = tuple(
        Missing("ingredients", f"不知道“{other.name}”的成分")
        for other in group
        if other is not line and kind_of(other) == "drug" and not chart.drug(other).ingredients
    )
    missing = _no_bag(line, unknown or (Missing("group_id", f"“{line.name}”同组没有溶媒"),))
    return (_answer(params, line, "", (), chart, missing),) if missing else FALSE


def _is_of_subject(params: Params, line: Line, chart: Chart) -> bool:
    return chart.is_about(line, params) and not (params.only_substance == "是" and chart.is_compound(line))


def _concentration(params: Params, line: Line, group: Sequence[Line], chart: Chart) -> Sequence[Judgement]:
    unit = params.concentration_unit.removesuffix(PER_MILLILITRE)
    drugs = [other for other in group if _is_of_subject(params, other, chart)]
    amount = volume = Decimal(0)
    missing: list[Missing] = []
    for drug in drugs:
        dose = dose_of(drug, unit, ingredient=params.ingredient)
        if isinstance(dose, Missing):
            missing.append(Missing(dose.fact, dose.detail or f"“{drug.name}”没有单次剂量"))
        else:
            amount += dose
    has_solvent = False
    for other in group:
        own = dose_of(other, "mL")
        is_solvent = _is_solvent(params, other, chart)
        has_solvent = has_solvent or is_solvent
        if not isinstance(own, Missing):
            volume += own
        elif is_solvent and other.volume_ml is not None and other.volume_ml > 0:
            volume += other.volume_ml
        elif is_solvent:
            missing.append(Missing("volume", f"溶媒“{other.name}”没有液体量"))
    if not has_solvent:
        doubt = _no_solvent(params, line, group, chart)
        if doubt or not volume:
            return doubt
    if not volume and not missing:
        missing.append(Missing("volume", "同组液体量合计为0"))
    rest = [other for other in group if other not in drugs]
    if missing:
        return (_answer(params, line, "", drugs, chart, missing),)
    concentration = amount / volume
    low, high = params.min_concentration, params.max_concentration
    if (low is None or concentration >= low) and (high is None or concentration <= high):
        return FALSE
    limit = f"{_plain(low)}至{_plain(high)}" if low is not None and high is not None else _one_end(low, high)
    actual = f"{_plain(amount)} {unit}/{_plain(volume)} mL，浓度{_plain(concentration)} {params.concentration_unit}"
    answer = _answer(params, line, f"{actual}，应为{limit} {params.concentration_unit}", drugs, chart)
    return (Judgement((*answer.related, *rest), answer.also_violating, {**answer.evidence, "drug": _names(drugs)}),)


def _names(lines: Sequence[Line]) -> str:
    """Return the names of lines that violate together, the same from whichever of them."""
    return "、".join(sorted({f"“{line.name}”" for line in lines}))


def _one_end(low: Decimal | None, high: Decimal | None) -> str:
    return f"不低于{_plain(low)}" if low is not None else f"不超过{_plain(high)}"


def _plain(number: Decimal | None) -> str:
    assert number is not None  # only ends that are given are shown
    return f"{round(number, 3).normalize():f}"


def _drugs_of(params: Params, lines: Sequence[Line], chart: Chart) -> dict[str, list[Line]]:
    """Return the lines that may be of drugs that are no solvents, by substance (item code where it is not known)."""
    drugs: dict[str, list[Line]] = {}
    for line in lines:
        if kind_of(line) in DRUG_KINDS and not _is_solvent(params, line, chart):
            name = "+".join(sorted(chart.drug(line).ingredients)) or line.item
            drugs.setdefault(name, []).append(line)
    return drugs


def _may_be_no_drug(params: Params, line: Line, chart: Chart) -> bool:
    """Say whether nobody tells that a line is a drug: neither its catalogue, nor its substances, nor the row."""
    return kind_of(line) is None and not chart.drug(line).ingredients and not chart.is_about(line, params)


def _number_of_drugs(params: Params, line: Line, group: Sequence[Line], chart: Chart) -> Sequence[Judgement]:
    assert params.max_drugs is not None  # `problems` refuses a row without
    drugs = _drugs_of(params, group, chart)
    if len(drugs) <= params.max_drugs:
        return FALSE
    unknown = [one for same in drugs.values() for one in same if _may_be_no_drug(params, one, chart)]
    known = _drugs_of(params, [one for one in group if one not in unknown], chart)
    missing = [Missing("item_kind", f"“{one.name}”没有可识别的目录类别") for one in unknown]
    if len(known) > params.max_drugs:
        drugs, missing = known, []
    lines = [one for same in drugs.values() for one in same]
    problem = f"同瓶{len(drugs)}种药品，最多{params.max_drugs}种"
    answer = _answer(params, line, problem, lines, chart, missing)
    if missing:
        return (answer,)
    return (Judgement(answer.related, answer.also_violating, {**answer.evidence, "drug": _names(lines)}),)


def _perhaps_together(params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
    """Answer for a line without a group: it may share a bag with the others that have none."""
    assert params.max_drugs is not None  # `problems` refuses a row without
    loose = [other for other in _same_day(line, chart) if not other.group_id and _no_group(other)]
    if len(_drugs_of(params, loose, chart)) <= params.max_drugs:
        return FALSE
    return (_answer(params, line, "", (), chart, _no_group(line)),)
