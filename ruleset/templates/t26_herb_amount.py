"""T26 中药饮片超大处方、超量: how many herbs, how many grams, how many doses a herb prescription has."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.concurrent_use import standing_of_prescription
from ruleset.drug import kind_of
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, Template, herb_key, kind_key
from ruleset.units import convert, dose_of

HERB_KEYS = (kind_key("herb_piece"), kind_key("herb_granule"))


class Params(msgspec.Struct, frozen=True):
    """One check of a herb prescription, with its limit; exactly at the limit is allowed.

    味数: more than `max_herbs` different herbs. 每剂总量: the herbs of one dose (剂) weigh more than `max_total_g` grams
    together. 剂数: more than `max_doses` doses. 单味剂量: the `herb` (or one of its `aliases`) weighs less than `min_g` or
    more than `max_g` grams in one dose. 上传量: the quantity charged of a herb (`herb` and aliases, or every herb where
    there is none) weighs more than its grams in one dose times the doses.

    `kinds`: 饮片, 颗粒, or both (empty). `routes`: only lines by these routes (口服); empty: any.
    """

    check: Literal["味数", "每剂总量", "剂数", "单味剂量", "上传量"]
    herb: str = ""
    aliases: tuple[str, ...] = ()
    max_herbs: int | None = None
    max_total_g: Decimal | None = None
    max_doses: int | None = None
    min_g: Decimal | None = None
    max_g: Decimal | None = None
    kinds: tuple[Literal["饮片", "颗粒"], ...] = ()
    routes: tuple[str, ...] = ()


LIMIT_OF: dict[str, tuple[str, ...]] = {
    "味数": ("max_herbs",),
    "每剂总量": ("max_total_g",),
    "剂数": ("max_doses",),
    "单味剂量": ("min_g", "max_g"),
    "上传量": (),
}
KIND_OF: dict[str | None, str] = {"herb_piece": "饮片", "herb_granule": "颗粒"}


class Herbs(NamedTuple):
    """The lines of a prescription that a row counts: those that are herbs, and those of an unknown catalogue or route."""

    sure: tuple[Line, ...]
    perhaps: tuple[Line, ...]


class HerbAmount(Template):
    """Judges the herbs of one prescription together (without a number: those of the encounter's day without one).

    One result per prescription and row, of 上传量 one per herb. All current lines that count violate together, lines of the
    prescription that were committed before are related; refunds, and lines that a refund brings to 0 or less within the
    prescription, do not count. Grams are the line's dose (of one 剂) in grams; several lines of one herb are added up, and
    with those of its aliases. The doses (剂数) of a prescription are the most that any of its lines states. Self-pay lines
    count: what is swallowed is the same.

    UNKNOWN where a line of an unknown catalogue (`item_kind`), or without a route where the row names routes (`route`),
    or a figure that is not known decides; it then names all that is not known of these: `dose`, `dose_unit` or
    `strength` of a line's grams (a minimum is only judged with all of them), `herb_doses` for 上传量 and, where no line
    states them, for 剂数, `quantity` and `strength` (how many grams one unit of the quantity is) for 上传量. `quantity` is
    never taken for grams by itself. UNKNOWN (`prescription_id`) where a maximum of 味数, 每剂总量 or 单味剂量 is exceeded by several lines without a
    prescription number, which may be of several prescriptions.
    """

    id = "T26"
    title = "中药饮片超量"
    columns = Params
    row_name = ("check", "herb", "kinds", "routes")
    needs = ("dose", "dose_unit", "herb_doses", "item_kind", "prescription_id", "quantity", "route", "strength")
    evidence = ("check", "herb", "actual", "limit", "unit")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the herb's names, else by the two catalogues of herbs."""
        return tuple(herb_key(name) for name in (params.herb, *params.aliases)) if params.herb else HERB_KEYS

    def problems(self, params: Params) -> Iterator[str]:
        """A check has its own limit and no other."""
        expected = LIMIT_OF[params.check]
        given = [name for name in ("max_herbs", "max_total_g", "max_doses", "min_g", "max_g") if _limit(params, name)]
        for name in given:
            if name not in expected:
                yield f"`{name}` is no limit of `{params.check}`"
        if expected and not set(given) & set(expected):
            yield f"`{params.check}` needs {' or '.join(f'`{name}`' for name in expected)} above 0"
        if params.check == "单味剂量" and not params.herb:
            yield "`单味剂量` needs a `herb`"
        if params.herb and params.check not in ("单味剂量", "上传量"):
            yield f"`{params.check}` is of the whole prescription: `herb` must be empty"
        if params.min_g is not None and params.max_g is not None and params.min_g > params.max_g:
            yield f"`min_g` {params.min_g} is above `max_g` {params.max_g}"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """Judge the prescription that the herb line stands on."""
        herbs = _herbs(params, line, chart)
        if line not in herbs.sure and line not in herbs.perhaps:
            return FALSE
        found = _CHECKS[params.check](params, line, herbs, chart)
        if not found.lines:
            return FALSE
        missing = found.missing
        if line not in found.lines:
            # What surely counts is exceeded, and its current lines say so: they are found from each of them.
            if any(chart.is_current(one) for one in found.lines):
                return FALSE
            missing = _unsure((line,))
        if found.is_sum and not missing and not line.prescription_id and len(found.lines) > 1:
            missing = (Missing("prescription_id", "没有处方号，无法确定是否同一张处方"),)
        return (_answer(params, line, found, missing, chart),)


def _limit(params: Params, name: str) -> Decimal | int | None:
    value: Decimal | int | None = getattr(params, name)
    return value if value is not None and value > 0 else None


def _herbs(params: Params, line: Line, chart: Chart) -> Herbs:
    """Return the herbs that the row counts; worked out once for a prescription, since each of its lines asks."""
    assert line.begin is not None  # a line without a time is never judged
    day = None if line.prescription_id else line.begin.date()
    key = ("T26", params.kinds, params.routes, line.encounter_id, line.prescription_id, day)
    known: Herbs | None = chart.memo.get(key)
    if known is not None:
        return known
    sure: list[Line] = []
    perhaps: list[Line] = []
    for other in standing_of_prescription(line, chart):
        kind = kind_of(other)
        if kind is not None and (kind not in KIND_OF or (params.kinds and KIND_OF[kind] not in params.kinds)):
            continue
        if day is not None and (other.begin is None or other.begin.date() != day):
            continue
        if params.routes and other.route and other.route not in params.routes:
            continue
        is_sure = kind is not None and (not params.routes or bool(other.route))
        (sure if is_sure else perhaps).append(other)
    herbs = Herbs(tuple(sure), tuple(perhaps))
    chart.memo[key] = herbs
    return herbs


class Found(NamedTuple):
    """The lines that break a limit together (none: it is kept), with what is missing to be sure, and the figures."""

    lines: tuple[Line, ...] = ()
    missing: tuple[Missing, ...] = ()
    actual: str = ""
    limit: str = ""
    unit: str = "克"
    is_sum: bool = False
    """Lines of several prescriptions could break the limit together without any of them being wrong."""


def _answer(params: Params, line: Line, found: Found, missing: tuple[Missing, ...], chart: Chart) -> Judgement:
    current = tuple(one for one in found.lines if one is not line and chart.is_current(one))
    past = tuple(one for one in found.lines if one is not line and not chart.is_current(one))
    herb = params.herb or (_name(line, chart) if params.check == "上传量" else "")
    evidence = {
        "check": params.check,
        "herb": herb,
        "actual": found.actual,
        "limit": found.limit,
        "unit": found.unit,
    }
    return Judgement(also_violating=current, related=past, evidence=evidence, missing=missing)


def _name(line: Line, chart: Chart) -> str:
    return chart.herb_name(line) or line.name


def _unsure(lines: Sequence[Line]) -> tuple[Missing, ...]:
    """Say why lines are not surely herbs of the row."""
    found = [Missing("item_kind", f"“{one.name}”没有可识别的目录类别") for one in lines if kind_of(one) is None]
    found += [Missing("route", f"“{one.name}”没有给药途径") for one in lines if kind_of(one) is not None]
    return _sorted(found)


def _sorted(missing: Sequence[Missing]) -> tuple[Missing, ...]:
    return tuple(sorted(set(missing), key=lambda one: (one.fact, one.detail)))


def _number_of_herbs(params: Params, line: Line, herbs: Herbs, chart: Chart) -> Found:  # noqa: ARG001 - as the others
    assert params.max_herbs is not None  # `problems` refuses a row without
    limit = str(params.max_herbs)
    for lines, missing in ((herbs.sure, ()), ((*herbs.sure, *herbs.perhaps), _unsure(herbs.perhaps))):
        count = len({_name(one, chart) for one in lines})
        if count > params.max_herbs:
            return Found(lines, missing, str(count), limit, "味", is_sum=True)
    return Found()


def _total(params: Params, line: Line, herbs: Herbs, chart: Chart) -> Found:  # noqa: ARG001 - as the others
    return _grams_within(None, params.max_total_g, herbs)


def _one_herb(params: Params, line: Line, herbs: Herbs, chart: Chart) -> Found:  # noqa: ARG001 - as the others
    return _grams_within(params.min_g, params.max_g, _of_herbs((params.herb, *params.aliases), herbs, chart))


def _of_herbs(names: Sequence[str], herbs: Herbs, chart: Chart) -> Herbs:
    return Herbs(*(tuple(one for one in lines if _name(one, chart) in names) for lines in herbs))


def _grams_within(least: Decimal | None, most: Decimal | None, herbs: Herbs) -> Found:
    """Compare the grams of one dose with their limits."""
    limit = _range(least, most)
    sure, sure_missing = _grams_of(herbs.sure)
    if most is not None and sure > most:
        return Found(herbs.sure, (), _plain(sure), limit, is_sum=True)
    more, more_missing = _grams_of(herbs.perhaps)
    lacking = (*sure_missing, *more_missing)
    total = sure + more
    lowest = sure if herbs.sure else min((_grams_of((one,))[0] for one in herbs.perhaps), default=sure)
    if not lacking and least is not None and herbs.sure and total < least:
        return Found(herbs.sure, (), _plain(sure), limit)  # whatever else counts
    if lacking or (most is not None and total > most) or (least is not None and lowest < least):
        missing = _sorted((*lacking, *_unsure(herbs.perhaps)))
        return Found((*herbs.sure, *herbs.perhaps), missing, _plain(total), limit)
    return Found()


def _grams_of(lines: Sequence[Line]) -> tuple[Decimal, list[Missing]]:
    """Return the grams that are known of lines, and what is missing of the others."""
    grams = [_grams(one) for one in lines]
    known = sum((one for one in grams if not isinstance(one, Missing)), Decimal(0))
    return known, [one for one in grams if isinstance(one, Missing)]


def _grams(line: Line) -> Decimal | Missing:
    grams = dose_of(line, "g")
    if isinstance(grams, Missing):
        return Missing(grams.fact, f"“{line.name}”没有可换算为克的每剂用量")
    return grams


def _number_of_doses(params: Params, line: Line, herbs: Herbs, chart: Chart) -> Found:  # noqa: ARG001 - as the others
    assert params.max_doses is not None  # `problems` refuses a row without
    limit = str(params.max_doses)
    every = (*herbs.sure, *herbs.perhaps)
    for lines, missing in ((herbs.sure, ()), (every, _unsure(herbs.perhaps))):
        most = _most_doses(lines)
        if most > params.max_doses:
            return Found(lines, missing, str(most), limit, "剂")
    if _most_doses(every):
        return Found()
    return Found(every, _sorted((Missing("herb_doses"), *_unsure(herbs.perhaps))), "", limit, "剂")


def _most_doses(lines: Sequence[Line]) -> int:
    """Return the doses that lines state; 0 where none states any."""
    return max((one.herb_doses for one in lines if one.herb_doses), default=0)


def _charged(params: Params, line: Line, herbs: Herbs, chart: Chart) -> Found:
    """Compare what is charged of the line's herb with what is prescribed of it."""
    names = (params.herb, *params.aliases) if params.herb else (_name(line, chart),)
    sure, perhaps = _of_herbs(names, herbs, chart)
    lacking: list[Missing] = []
    excess: dict[int, Decimal] = {}
    charged = Decimal(0)
    for one in (*sure, *perhaps):
        grams, weight, missing = _figures(one)
        lacking.extend(missing)
        excess[id(one)] = weight - grams
        charged += weight
    of_sure = sum((excess[id(one)] for one in sure), Decimal(0))
    of_perhaps = [excess[id(one)] for one in perhaps]
    most = of_sure + sum((one for one in of_perhaps if one > 0), Decimal(0))
    least = of_sure + sum((one for one in of_perhaps if one < 0), Decimal(0))
    if lacking or least <= 0 < most:
        return Found((*sure, *perhaps), _sorted((*lacking, *_unsure(perhaps))))
    if most <= 0:
        return Found()
    charged = sum((_figures(one)[1] for one in sure), Decimal(0))
    return Found(sure, (), _plain(charged), _plain(charged - of_sure))


def _figures(line: Line) -> tuple[Decimal, Decimal, list[Missing]]:
    """Return the grams prescribed by a line and those charged (quantity x pack size x strength), and what is missing.

    A pack size that is not stated is 1. What is missing counts as 0.
    """
    missing: list[Missing] = []
    grams = _grams(line)
    if isinstance(grams, Missing):
        missing.append(grams)
        grams = Decimal(0)
    if not line.herb_doses or line.herb_doses < 0:
        missing.append(Missing("herb_doses", f"“{line.name}”没有剂数"))
    if line.quantity is None:
        missing.append(Missing("quantity", f"“{line.name}”没有数量"))
    unit = convert(line.strength, line.strength_unit, "g") if line.strength is not None else None
    if unit is None:
        missing.append(Missing("strength", f"不知道“{line.name}”的一个计价单位是多少克"))
    weight = (line.quantity or 0) * (line.pack_size or 1) * (unit or Decimal(0))
    return grams * (line.herb_doses or 0), weight, missing


def _range(least: Decimal | None, most: Decimal | None) -> str:
    if least is None or most is None:
        return _plain(most) if most is not None else f"至少{_plain(least or Decimal(0))}"
    return f"{_plain(least)}至{_plain(most)}"


def _plain(grams: Decimal) -> str:
    return f"{round(grams, 3).normalize():f}"


_CHECKS = {
    "味数": _number_of_herbs,
    "每剂总量": _total,
    "剂数": _number_of_doses,
    "单味剂量": _one_herb,
    "上传量": _charged,
}
