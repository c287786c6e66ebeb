"""T28 特殊管理药品数量: how much of a controlled drug one prescription may hold, and not before the last is used up."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Literal

from ruleset import concurrent_use
from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.supply import UNSTATED_USE_MAX_DAYS, UNTIL_STOPPED, days_stated, of_one_prescription, supply_days
from ruleset.template import (
    FALSE,
    SUBJECT_COLUMNS,
    Subject,
    Template,
    subject_keys,
    subject_problems,
)
from ruleset.timeline import order_of
from ruleset.units import units_of_form


class Params(Subject, frozen=True, kw_only=True):
    """One controlled drug or class (麻醉药品, 精一, 精二, 毒性, 含麻黄碱 as a class or list), its form, and one limit.

    天数: at most `max_days` days of use on one prescription. 次数: at most `max_doses` single doses (一次常用量: 1).
    盒数: at most `max_packs` of the unit that the quantity counts, of all lines of the subject together. 重叠: an earlier
    dispensing of the same substance lasts at most `slack_days` days beyond the day of the order (0: its last day
    may be the day of the order). Exactly at a limit is allowed.

    `form_words`: the row is of forms that contain one of these words (注射); `not_form_words`: and of none of these
    (注射, 缓释, 控释, 贴). Both are looked for in the dosage form and in the item's name. Which patients a row is of
    (门急诊, 住院, 癌痛 by `cancer_pain` among the patient's flags) its scope and exemption say.
    """

    check: Literal["天数", "次数", "盒数", "重叠"]
    max_days: int | None = None
    max_doses: int | None = None
    max_packs: Decimal | None = None
    slack_days: int | None = None
    form_words: tuple[str, ...] = ()
    not_form_words: tuple[str, ...] = ()


INJECTION = "注射"
"""In the form or name of what stands in ampoules: what a dose leaves in an opened one is destroyed, no dose for later."""
LIMIT_OF = {"天数": "max_days", "次数": "max_doses", "盒数": "max_packs", "重叠": "slack_days"}


class ControlledQuantity(Template):
    """Judges one line; where lines of the prescription add up, each line at which the sum exceeds.

    A prescription without a number is the encounter's lines of one day without one. 天数, 次数: lines of the same item
    code on the same prescription add up in the order of time, those not later than the judged one. Days are the days
    stated, else the supply (quantity x pack size over dose x times a day); doses are the quantity in units of the form over
    one dose, which for an injection (注射 in form or name) takes whole units: half an ampoule uses up one. 盒数 adds up the
    quantities of all lines of the subject on the prescription. 重叠 looks at past and other current lines of the item or a
    substance in common, of any encounter and institution in the last 400 days, not later than the judged one and not of its
    prescription, of which refunds of the item in the encounter left some (each takes back the latest charges before it);
    each is a result with that line as the related one. Refunds are never judged, and within a prescription they reduce no
    sum but remove an item that they take back wholly. Self-pay lines count.

    UNKNOWN: `form` where the row names words, the line has neither form nor name, and the limit is not surely kept; `days`, `dose`, `frequency`,
    `quantity`, `pack_size`, `strength` as the arithmetic lacks them (unless the known lines already exceed); `days` for
    an earlier line that does not say how long it is used and began less than 7 days before.
    """

    id = "T28"
    title = "特殊管理药品数量"
    columns = Params
    row_name = (*SUBJECT_COLUMNS, "check", "form_words", "not_form_words", *LIMIT_OF.values())
    needs = ("form", "days", "quantity", "pack_size", "dose", "dose_unit", "strength", "frequency", "ingredients")
    evidence = ("check", "actual", "limit", "unit", "since")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the subject."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A check has its own limit and no other."""
        yield from subject_problems(params)
        given = [name for name in LIMIT_OF.values() if getattr(params, name) is not None]
        if given != [LIMIT_OF[params.check]]:
            yield f"`{params.check}` has the limit `{LIMIT_OF[params.check]}` and no other, here {given}"
        for name in given:
            if getattr(params, name) < (0 if name == "slack_days" else 1):
                yield f"`{name}` is {getattr(params, name)}, expected {0 if name == 'slack_days' else 1} or more"
        for word in sorted(set(params.form_words) & set(params.not_form_words)):
            yield f"`{word}` is among `form_words` and `not_form_words`: no form is both"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """Judge the line by the check."""
        missing: tuple[Missing, ...] = ()
        if params.form_words or params.not_form_words:
            if not line.form and not _name(line):
                missing = (Missing("form", "没有剂型和药品名称"),)
            elif not _has_form(params, line):
                return FALSE
        if params.check == "重叠":
            return _overlaps(params, line, chart, missing)
        return _amount(params, line, chart, missing)


def _name(line: Line) -> str:
    return line.item_name or line.local_name


def _has_form(params: Params, line: Line) -> bool:
    text = f"{line.form} {_name(line)}"
    wanted = not params.form_words or any(word in text for word in params.form_words)
    return wanted and not any(word in text for word in params.not_form_words)


def _amount(params: Params, line: Line, chart: Chart, of_form: tuple[Missing, ...]) -> Sequence[Judgement]:
    """Judge what the prescription holds up to the line, of which `of_form` says what is not known of its form."""
    limit: Decimal | int = getattr(params, LIMIT_OF[params.check])
    total = Fraction(0)
    counted: list[Line] = []
    missing: tuple[Missing, ...] = ()
    for one in _of_prescription(params, line, chart):
        amount = _MEASURES[params.check](one)
        if isinstance(amount, Missing):
            detail = amount.detail or f"无法推算“{one.name}”的{params.check}"
            missing = (*missing, Missing(amount.fact, detail))
            continue
        total += amount
        if one is not line:
            counted.append(one)
    exceeds = total > Fraction(limit)
    if not exceeds and not missing:
        return FALSE
    known = of_form if exceeds else (*of_form, *missing)
    unit = {"天数": "天", "次数": "次常用量", "盒数": "个包装"}[params.check]
    evidence = {"check": params.check, "actual": _plain(total), "limit": str(limit), "unit": unit, "since": ""}
    return (Judgement(related=tuple(counted), evidence=evidence, missing=known),)


def _of_prescription(params: Params, line: Line, chart: Chart) -> list[Line]:
    """Return the judged line and those of its prescription, not later than it, that add up with it."""
    assert line.begin is not None  # a line without a time is never judged
    lines = chart.prescription(line)
    found = [line]
    for other in lines:
        if other is line or other.is_refund or other.begin is None:
            continue
        same = chart.is_about(other, params) if params.check == "盒数" else other.item == line.item
        if not same or order_of(other) > order_of(line):
            continue
        if of_one_prescription(line, other):
            found.append(other)
    if len(found) == 1:
        return found
    returned = concurrent_use.returned_items(lines)
    return [one for one in found if one is line or one.item not in returned]


def _days(line: Line) -> Fraction | Missing:
    stated = days_stated(line)
    return Fraction(stated) if stated is not None else supply_days(line)


def _doses(line: Line) -> Fraction | Missing:
    if line.quantity is None:
        return Missing("quantity")
    if line.pack_size is None or line.pack_size <= 0:
        return Missing("pack_size")
    units = units_of_form(line)
    if isinstance(units, Missing):
        return units
    per_dose = Fraction(units[0]) / Fraction(units[1])
    if INJECTION in f"{line.form} {_name(line)}":
        per_dose = Fraction(ceil(per_dose))
    return Fraction(line.quantity * line.pack_size) / per_dose


def _packs(line: Line) -> Fraction | Missing:
    return Missing("quantity") if line.quantity is None else Fraction(line.quantity)


_MEASURES = {"天数": _days, "次数": _doses, "盒数": _packs}


def _overlaps(params: Params, line: Line, chart: Chart, missing: tuple[Missing, ...]) -> Sequence[Judgement]:
    """Judge what is left of earlier dispensings."""
    assert params.slack_days is not None  # `problems` refuses a row without
    assert line.begin is not None  # a line without a time is never judged
    since = concurrent_use.look_back(line)
    substances = chart.drug(line).ingredients
    candidates = [other for name in substances for other in chart.named_in_use(name, line.begin.toordinal())]
    if line.item_code:  # the same item, whether or not the other line says what it is of
        candidates.extend(chart.lines_of(line.item_code, since))
    judgements: list[Judgement] = []
    for other in concurrent_use.others_in_view(line, candidates, since):
        if of_one_prescription(line, other) or order_of(other) > order_of(line):
            continue
        use = concurrent_use.use_of(other, chart)
        left = use.last - line.begin.toordinal()
        known = missing
        if left <= params.slack_days:
            perhaps = use.first + UNSTATED_USE_MAX_DAYS - 1 - line.begin.toordinal()
            if use.is_stated or perhaps <= params.slack_days:
                continue
            known = (*missing, Missing("days", f"“{other.name}”（{other.begin:%Y-%m-%d}）没有说明用多少天"))
        if not concurrent_use.stands(other, chart):
            continue
        is_open = use.last == UNTIL_STOPPED
        evidence = {
            "check": params.check,
            "actual": "未停" if is_open else str(max(left, 0)),
            "limit": str(params.slack_days),
            "unit": "" if is_open else "天",
            "since": f"{other.begin:%Y-%m-%d}",
        }
        judgements.append(Judgement(related=(other,), evidence=evidence, missing=known))
    return judgements


def _plain(number: Fraction) -> str:
    return f"{round(Decimal(number.numerator) / Decimal(number.denominator), 1).normalize():f}"
