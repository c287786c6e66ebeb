"""T26 中药饮片超大处方、超量: how many herbs, how many grams, how many doses a herb prescription has."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.concurrent_use import returned_items
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
ADDED_UP = ("味数", "每剂总量", "单味剂量")
"""Checks that lines of several prescriptions would break together without any of them being wrong."""
KIND_OF: dict[str | None, str] = {"herb_piece": "饮片", "herb_granule": "颗粒"}


class Herbs(NamedTuple):
    """The lines of a prescription that a row counts: those that are herbs, and those of an unknown catalogue."""

    sure: tuple[Line, ...]
    perhaps: tuple[Line, ...]


class HerbAmount(Template):
    """Judges the herbs of one prescription together (without a number: those of the encounter's day without one).

    One result per prescription and row; 单味剂量 and 上传量 one per herb name. All current lines that count violate
    together, lines of the prescription that were committed before are related; refunds, and lines that a refund brings
    to 0 or less within the prescription, do not count. Grams are the line's dose (of one 剂) in grams; several lines of
    one herb are added up. Self-pay lines count: what is swallowed is the same.

    UNKNOWN: `prescription_id` where 味数, 每剂总量 or 单味剂量 is exceeded by several lines without a prescription number,
    which may be of several prescriptions; `dose` or `dose_unit` where a line's grams are not known and the rest does not already exceed the limit (a
    minimum is only judged with all of them); `herb_doses` for 剂数 and 上传量; `item_kind` where only lines of an unknown
    catalogue make the prescription exceed; `route` where the row names routes and a line has none; `strength` for
    上传量 where nothing tells how many grams one unit of the quantity is. `quantity` is never taken for grams by itself.
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
        if params.kinds and line.item_kind is not None and KIND_OF.get(line.item_kind) not in params.kinds:
            return FALSE
        if params.routes and line.route and line.route not in params.routes:
            return FALSE
        herbs = _herbs(params, line, chart)
        if line not in herbs.sure and line not in herbs.perhaps:
            return FALSE
        judgement = _JUDGE[params.check](params, line, herbs, chart)
        if judgement is None:
            return FALSE
        others = judgement.also_violating or judgement.related
        if not line.prescription_id and others and params.check in ADDED_UP and not judgement.missing:
            missing = Missing("prescription_id", "没有处方号，无法确定是否同一张处方")
            return (msgspec.structs.replace(judgement, missing=(missing,)),)
        return (judgement,)


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
    groups = chart.herbs(line)
    returned = returned_items(chart.prescription(line))
    sure: list[Line] = []
    perhaps: list[Line] = []
    for lines in groups.values():
        for other in lines:
            if (other.item_code or other.name) in returned:
                continue
            if day is not None and (other.begin is None or other.begin.date() != day):
                continue
            if params.kinds and other.item_kind is not None and KIND_OF.get(other.item_kind) not in params.kinds:
                continue
            if params.routes and other.route and other.route not in params.routes:
                continue
            is_sure = other.item_kind is not None and (not params.routes or bool(other.route))
            (sure if is_sure else perhaps).append(other)
    herbs = Herbs(tuple(sure), tuple(perhaps))
    chart.memo[key] = herbs
    return herbs


def _grams(line: Line) -> Decimal | Missing:
    grams = dose_of(line, "g")
    if isinstance(grams, Missing):
        return Missing(grams.fact, f"“{line.name}”没有可换算为克的每剂用量")
    return grams


def _answer(
    params: Params,
    line: Line,
    counted: Sequence[Line],
    values: tuple[str, str, str],
    missing: tuple[Missing, ...],
    chart: Chart,
) -> Judgement:
    """Name all lines that count; `values` are the actual figure, the limit and their unit."""
    current = tuple(one for one in counted if one is not line and chart.is_current(one))
    past = tuple(one for one in counted if one is not line and not chart.is_current(one))
    actual, limit, unit = values
    herb = params.herb if params.check == "单味剂量" else chart.herb_name(line) if params.check == "上传量" else ""
    evidence = {"check": params.check, "herb": herb, "actual": actual, "limit": limit, "unit": unit}
    return Judgement(also_violating=current, related=past, evidence=evidence, missing=missing)


def _unsure(lines: Sequence[Line]) -> tuple[Missing, ...]:
    """Say why lines are not surely herbs of the row."""
    found = [Missing("item_kind", f"“{one.name}”没有可识别的目录类别") for one in lines if one.item_kind is None]
    found += [Missing("route", f"“{one.name}”没有给药途径") for one in lines if one.item_kind is not None]
    return tuple(sorted(found, key=lambda one: (one.fact, one.detail)))


def _number_of_herbs(params: Params, line: Line, herbs: Herbs, chart: Chart) -> Judgement | None:
    assert params.max_herbs is not None  # `problems` refuses a row without
    sure = {chart.herb_name(one) for one in herbs.sure}
    every = sure | {chart.herb_name(one) for one in herbs.perhaps}
    limit = str(params.max_herbs)
    if len(sure) > params.max_herbs:
        if line not in herbs.sure:
            return None
        return _answer(params, line, herbs.sure, (str(len(sure)), limit, "味"), (), chart)
    if len(every) > params.max_herbs:
        counted = (*herbs.sure, *herbs.perhaps)
        return _answer(params, line, counted, (str(len(every)), limit, "味"), _unsure(herbs.perhaps), chart)
    return None


def _total(params: Params, line: Line, herbs: Herbs, chart: Chart) -> Judgement | None:
    assert params.max_total_g is not None  # `problems` refuses a row without
    total, missing = _sum(herbs.sure)
    limit = _plain(params.max_total_g)
    if total > params.max_total_g:
        if line not in herbs.sure:
            return None
        return _answer(params, line, herbs.sure, (_plain(total), limit, "克"), (), chart)
    more, more_missing = _sum(herbs.perhaps)
    missing = (*missing, *more_missing, *(_unsure(herbs.perhaps) if total + more > params.max_total_g else ()))
    if missing:
        counted = (*herbs.sure, *herbs.perhaps)
        return _answer(params, line, counted, (_plain(total + more), limit, "克"), missing, chart)
    return None


def _sum(lines: Sequence[Line]) -> tuple[Decimal, tuple[Missing, ...]]:
    grams = [_grams(one) for one in lines]
    known = sum((one for one in grams if not isinstance(one, Missing)), Decimal(0))
    missing = sorted({one for one in grams if isinstance(one, Missing)}, key=lambda one: (one.fact, one.detail))
    return known, tuple(missing)


def _number_of_doses(params: Params, line: Line, herbs: Herbs, chart: Chart) -> Judgement | None:
    assert params.max_doses is not None  # `problems` refuses a row without
    limit = str(params.max_doses)
    stated = [one.herb_doses for one in herbs.sure if one.herb_doses]
    if stated and max(stated) > params.max_doses:
        if line not in herbs.sure:
            return None
        return _answer(params, line, herbs.sure, (str(max(stated)), limit, "剂"), (), chart)
    if herbs.sure and not stated:
        return _answer(params, line, herbs.sure, ("", limit, "剂"), (Missing("herb_doses"),), chart)
    return None


def _one_herb(params: Params, line: Line, herbs: Herbs, chart: Chart) -> Judgement | None:
    names = (params.herb, *params.aliases)
    sure = [one for one in herbs.sure if chart.herb_name(one) in names]
    perhaps = [one for one in herbs.perhaps if chart.herb_name(one) in names]
    total, missing = _sum(sure)
    limit = _range(params)
    if params.max_g is not None and total > params.max_g:
        return _answer(params, line, sure, (_plain(total), limit, "克"), (), chart) if line in sure else None
    more, more_missing = _sum(perhaps)
    missing = (*missing, *more_missing)
    outside = (params.max_g is not None and total + more > params.max_g) or (
        params.min_g is not None and total + more < params.min_g
    )
    if not missing and not outside:
        return None
    missing = (*missing, *(_unsure(perhaps) if outside else ()))
    return _answer(params, line, (*sure, *perhaps), (_plain(total + more), limit, "克"), missing, chart)


def _charged(params: Params, line: Line, herbs: Herbs, chart: Chart) -> Judgement | None:
    own = chart.herb_name(line)
    lines = [one for one in (*herbs.sure, *herbs.perhaps) if chart.herb_name(one) == own]
    charged = prescribed = Decimal(0)
    missing = list(_unsure([one for one in lines if one in herbs.perhaps]))
    for one in lines:
        grams, weight = _grams(one), _weight(one)
        if isinstance(grams, Missing):
            missing.append(grams)
        elif not one.herb_doses or one.herb_doses < 0:
            missing.append(Missing("herb_doses"))
        else:
            prescribed += grams * one.herb_doses
        if isinstance(weight, Missing):
            missing.append(weight)
        else:
            charged += weight
    known = tuple(sorted(set(missing), key=lambda one: (one.fact, one.detail)))
    if not known and charged <= prescribed:
        return None
    return _answer(params, line, lines, (_plain(charged), _plain(prescribed), "克"), known, chart)


def _weight(line: Line) -> Decimal | Missing:
    """Return how many grams were charged: quantity x pack size (1 where it is not stated) x strength."""
    if line.quantity is None:
        return Missing("quantity", f"“{line.name}”没有数量")
    grams = convert(line.strength, line.strength_unit, "g") if line.strength is not None else None
    if grams is None:
        return Missing("strength", f"不知道“{line.name}”的一个计价单位是多少克")
    return line.quantity * (line.pack_size or 1) * grams


def _range(params: Params) -> str:
    if params.min_g is None or params.max_g is None:
        return _plain(params.max_g) if params.max_g is not None else f"至少{_plain(params.min_g or Decimal(0))}"
    return f"{_plain(params.min_g)}至{_plain(params.max_g)}"


def _plain(grams: Decimal) -> str:
    return f"{round(grams, 3).normalize():f}"


_JUDGE = {
    "味数": _number_of_herbs,
    "每剂总量": _total,
    "剂数": _number_of_doses,
    "单味剂量": _one_herb,
    "上传量": _charged,
}
