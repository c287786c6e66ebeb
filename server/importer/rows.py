"""From an entry of a sheet to the rows that it means: one of its own rule, and those that its text says besides.

Where a sheet has a column for the parameter and its text states one too, the text decides: it is the publication,
the column a reading of it (in batches 4 and 6 three columns disagree with their texts). Where they differ, it is said.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from ruleset.pack.diagnostics import Diagnostic
from ruleset.pack.source import RuleSource
from server.importer import published
from server.importer.remarks import Remarks
from server.importer.sheets import Entry
from server.importer.texts import Limits, is_limit, read_text
from server.importer.workbook import ImportRefusedError, Place

DAYS_PER_MONTH = 30
"""A published course of 12个月 is 360 days in the starter data (batch 6)."""
LIST_SEPARATOR = "|"


class PublishedRow(NamedTuple):
    """One row of one rule of the pack, as a publication means it."""

    rule_id: str
    cells: Mapping[str, str]
    """The template's columns, the rule's constants among them; without dates."""
    day: date
    """The day of publication, from which the row is in force."""
    place: Place
    basis_id: str
    text: str
    is_expanded: bool = False
    """Read out of the text of another rule's row; yields to what that rule's own sheets publish."""
    is_raw: bool = False
    """Stands for text that was not read with certainty."""
    change: published.Change | None = None
    is_revision: bool = False
    """Of a sheet that takes the place of all that its rules published before."""


class NotReadError(Exception):
    """An entry whose parameters are not there, or not what its column holds. The text says which."""


class RuleFinder:
    """Which rule of the pack takes the rows of a published rule."""

    def __init__(self, rules: Mapping[str, RuleSource]) -> None:
        self._rules = rules
        self._found: dict[str, list[tuple[str, RuleSource]]] = {}

    def find(self, title: str) -> list[tuple[str, RuleSource]]:
        """Return the pack's rules for a published one, the best first, one of each template; empty where it has none.

        Where several rules bear the title, those that only remind take what is published as text; what is published
        with its parameters goes to the others. Raises ImportRefusedError where that leaves more than one.
        """
        if title not in self._found:
            self._found[title] = [
                self._only(title, template)
                for template in published.TEMPLATES_OF.get(title, ())
                if any(self._is_of(rule, title, template) for rule in self._rules.values())
            ]
        return self._found[title]

    @staticmethod
    def _is_of(rule: RuleSource, title: str, template: str) -> bool:
        return rule.title == title and rule.template == template

    def _only(self, title: str, template: str) -> tuple[str, RuleSource]:
        found = [item for item in self._rules.items() if self._is_of(item[1], title, template)]
        is_text = template in WHOLE_TEXT_TEMPLATES
        fitting = [item for item in found if (item[1].action == "HINT") == is_text] or found
        if len(fitting) > 1:
            names = ", ".join(sorted(rule_id for rule_id, _ in fitting))
            message = f"rules {names} all bear the title `{title}`: it is not clear which takes the sheet's rows"
            raise ImportRefusedError([Diagnostic("rules", 1, 1, message)])
        return fitting[0]


WHOLE_TEXT_TEMPLATES = ("T08", "T34")
"""Their rows stand for a whole text: what is left over of it needs no other row."""


def basis_id_of(names: str, text: str) -> str:
    """Return the name of a published text: the same for the rows of every sheet that gives the item this text."""
    if not text:
        return ""
    return "nhsa-" + hashlib.blake2b(f"{names}\n{text}".encode(), digest_size=8).hexdigest()


def rows_of(
    entry: Entry, day: date, *, is_revision: bool, finder: RuleFinder, remarks: Remarks
) -> Iterator[PublishedRow]:
    """Yield the rows of an entry: its own rule's first. What is not read is remarked."""
    names = f"{entry.main_name}\n{entry.name}" if entry.main_name else entry.name
    basis_id = basis_id_of(names, entry.text)
    own = _own_cells(entry, basis_id, finder, remarks)
    if own is None:
        return
    rule_id, template, cells = own
    for one in cells:
        yield PublishedRow(
            rule_id,
            one,
            day,
            entry.place,
            basis_id,
            entry.text,
            is_raw="item_codes" in one,
            change=entry.change,
            is_revision=is_revision and entry.change is None,
        )
    if entry.change != "end" and entry.text and is_limit(entry.text) and not entry.main_code:
        for rule_id, one in _expanded(entry, template, basis_id, finder, remarks):
            is_raw = "item_codes" in one
            yield PublishedRow(rule_id, one, day, entry.place, basis_id, entry.text, is_expanded=True, is_raw=is_raw)


def _own_cells(
    entry: Entry, basis_id: str, finder: RuleFinder, remarks: Remarks
) -> tuple[str, str, list[Mapping[str, str]]] | None:
    """Return the rule that takes an entry, its template, and the cells of its rows."""
    problem = ""
    for rule_id, rule in finder.find(entry.title):
        if entry.change == "end":
            # Which items; a row that is struck out need not say its parameters once more.
            return rule_id, rule.template, [_subject(entry, code) for code in entry.codes]
        try:
            return rule_id, rule.template, list(_cells(rule.template, rule, entry, basis_id, remarks))
        except NotReadError as error:
            problem = problem or str(error)
    remarks.not_understood.append(entry.place.problem(problem))
    return None


def _cells(
    template: str, rule: RuleSource, entry: Entry, basis_id: str, remarks: Remarks
) -> Iterator[Mapping[str, str]]:
    if template == "T08":
        if not entry.text:
            raise NotReadError(f"no text for `{entry.name}`")
        remarks.raw.setdefault(basis_id, entry.place.problem(f"{entry.name}: {entry.text}"))
        yield _text_row(entry, basis_id)
        return
    parameters = _PARAMETERS[template](entry, _Chooser(entry, remarks))
    for name, value in rule.constants.items():
        if name in parameters and parameters[name] != _cell_text(value):
            raise NotReadError(f"`{name}` is {parameters[name]}, in the pack's rule it is always {_cell_text(value)}")
    for code in entry.codes:
        yield {**_subject(entry, code), **parameters}


def _text_row(entry: Entry, basis_id: str) -> dict[str, str]:
    """Return the cells of a row that stands for a text nobody has read into parameters."""
    return {"row_ref": basis_id, "item_name": entry.name, "item_codes": LIST_SEPARATOR.join(entry.codes)}


def _subject(entry: Entry, code: str) -> dict[str, str]:
    """Return the cells that say which item, or pair of items, a row speaks of."""
    if entry.main_code:
        main = {"main_code": entry.main_code, "main_name": entry.main_name}
        return {**main, "sub_code": code, "sub_name": entry.name}
    return {"item_code": code, "item_name": entry.name}


def _cell_text(value: object) -> str:
    return LIST_SEPARATOR.join(map(str, value)) if isinstance(value, list) else str(value)


class _Chooser:
    """Decides between what a column and what the text says."""

    def __init__(self, entry: Entry, remarks: Remarks) -> None:
        self._entry = entry
        self._remarks = remarks
        self.limits = read_text(entry.text).limits if entry.text else Limits()

    def choose(self, what: str, stated: str, read: str) -> str:
        """Return the text's value, else the column's. Raises NotReadError where neither says it."""
        if read and self._entry.value and stated != read:
            said = stated or self._entry.value
            note = f"{self._entry.name}: the column says {said}, the text {read}: the text decides"
            self._remarks.note(self._entry.place, note)
        if not (read or stated):
            given = f"`{self._entry.value}`" if self._entry.value else "nothing"
            raise NotReadError(f"no {what} for `{self._entry.name}`: the column says {given}, the text does not say it")
        return read or stated


Parameters = dict[str, str]


def _insurance(entry: Entry, _: _Chooser) -> Parameters:
    insurance = "工伤" if "工伤" in entry.title else "生育"
    return {"allowed_insurance": insurance}


LEVEL = re.compile("([二三]级)(?:及以上)?(?:医疗机构|医院)?")


def _level(entry: Entry, chooser: _Chooser) -> Parameters:
    stated = LEVEL.fullmatch(entry.value)
    level = chooser.choose("level", stated[1] if stated else "", chooser.limits.level)
    return {"min_level": level, "condition": chooser.limits.level_condition}


MODES = re.compile("(?:急诊|住院)(?:[|、,，或和及](?:急诊|住院))*")


def _modes(entry: Entry, chooser: _Chooser) -> Parameters:
    if entry.title == published.INTERNET:
        return {"forbidden_modes": "互联网"}
    stated = re.split("[|、,，或和及]", entry.value) if MODES.fullmatch(entry.value) else []
    return {
        "allowed_modes": chooser.choose(
            "mode of care", LIST_SEPARATOR.join(stated), LIST_SEPARATOR.join(chooser.limits.modes)
        )
    }


SEX = re.compile("([男女])性?")


def _sex(entry: Entry, chooser: _Chooser) -> Parameters:
    stated = SEX.fullmatch(entry.value)
    return {"sex": chooser.choose("sex", stated[1] if stated else "", chooser.limits.sex)}


CHILDREN = ("儿童", "婴幼儿", "新生儿")


def _age(entry: Entry, chooser: _Chooser) -> Parameters:
    if entry.title in published.CHILD_LIMITED:
        limits = chooser.limits
        if entry.value not in CHILDREN and not limits.children:
            raise NotReadError(f"neither `{entry.value}` nor the text limits `{entry.name}` to children")
        bounds = {"min_age_years": limits.min_age_years, "max_age_years": limits.max_age_years}
        return {name: "" if bound is None else str(bound) for name, bound in bounds.items()}
    if entry.value not in CHILDREN:
        raise NotReadError(f"`{entry.value}` of `{entry.name}` is none of {'、'.join(CHILDREN)}")
    return {"object": entry.value}


COURSE = re.compile("([1-9][0-9]{0,3})(天|日|个月)?")


def _course(entry: Entry, chooser: _Chooser) -> Parameters:
    stated = COURSE.fullmatch(entry.value)
    if entry.title == published.SERVICE_COURSE and not stated:
        # The sheet speaks of 一个疾病过程 beside mere days: which days its texts count is not certain.
        raise NotReadError(
            f"no number of days for `{entry.name}` in a column, and the text does not say of what course"
        )
    days = ""
    if stated:
        days = str(int(stated[1]) * (DAYS_PER_MONTH if stated[2] == "个月" else 1))
    limits = chooser.limits
    read = limits.max_days or (limits.max_months or 0) * DAYS_PER_MONTH
    return {"max_days": chooser.choose("number of days", days, str(read) if read else "")}


UNITS = ("日", "天", "小时")


def _quantity(entry: Entry, _: _Chooser) -> Parameters:
    quantity = _positive_number("quantity", entry.quantity, entry.name)
    if entry.title == published.PER_PERIOD:
        return {"max_qty": quantity, "period_days": _positive_number("period", entry.period.rstrip("天日"), entry.name)}
    if entry.unit not in UNITS:
        raise NotReadError(f"unit `{entry.unit}` of `{entry.name}` is none of {'、'.join(UNITS)}")
    return {"max_qty": quantity, "unit": entry.unit}


def _positive_number(what: str, text: str, name: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(0)
    if not number.is_finite() or number <= 0:
        raise NotReadError(f"{what} `{text}` of `{name}` is no number above 0")
    return text


def _herb(entry: Entry, _: _Chooser) -> Parameters:
    return {"not_paid": "never" if entry.title == published.HERB_NEVER else "alone"}


WINDOWS = ("单日", "单次就诊", "6小时", "同一小时")


def _pair(entry: Entry, _: _Chooser) -> Parameters:
    if entry.window not in WINDOWS:
        raise NotReadError(f"`{entry.window}` of `{entry.name}` is none of {'、'.join(WINDOWS)}")
    return {"window": entry.window}


def _surgery_group(entry: Entry, _: _Chooser) -> Parameters:
    if not entry.value:
        raise NotReadError(f"no group of operations for `{entry.name}`")
    return {"surgery_group": entry.value}


_PARAMETERS: Mapping[str, Callable[[Entry, _Chooser], Parameters]] = {
    "T01": _insurance,
    "T02": _level,
    "T03": _modes,
    "T06": _sex,
    "T07": _age,
    "T10": _herb,
    "T31": _course,
    "T32": _quantity,
    "T34": lambda *_: {},
    "T35": _pair,
    "T37": _surgery_group,
}
"""What each template needs beside its item, from an entry."""

EXPANSIONS: Sequence[tuple[str, str, str, Callable[[Limits], Parameters | None]]] = (
    (
        "level",
        published.DRUG_LEVEL,
        published.SERVICE_LEVEL,
        lambda said: {"min_level": said.level, "condition": said.level_condition} if said.level else None,
    ),
    (
        "mode of care",
        published.DRUG_CARE_MODE,
        published.SERVICE_CARE_MODE,
        lambda said: {"allowed_modes": LIST_SEPARATOR.join(said.modes)} if said.modes else None,
    ),
    (
        "days",
        published.DRUG_COURSE,
        "",
        lambda said: {"max_days": str(said.max_days)} if said.max_days else None,
    ),
    (
        "sex",
        published.DRUG_SEX,
        published.SERVICE_SEX,
        lambda said: {"sex": said.sex} if said.sex else None,
    ),
    (
        "age",
        published.DRUG_CHILD_LIMITED,
        "",
        lambda said: (
            {"min_age_years": _bound(said.min_age_years), "max_age_years": _bound(said.max_age_years)}
            if said.children
            else None
        ),
    ),
)
"""What a text may say with certainty: which rule of drugs and which of services it is of, and its parameters.
A course in months is not among them: it reaches beyond the visit in which a course is counted."""


def _bound(years: int | None) -> str:
    return "" if years is None else str(years)


def _expanded(
    entry: Entry, own_template: str, basis_id: str, finder: RuleFinder, remarks: Remarks
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield rule and cells of the rows that the text of an entry says besides its own."""
    reading = read_text(entry.text)
    is_drug = published.class_of_title(entry.title) == "drug"
    for _, drug_title, service_title, parameters_of in EXPANSIONS:
        title = drug_title if is_drug else service_title
        parameters = parameters_of(reading.limits)
        if parameters is None or not title or title == entry.title:
            continue
        for rule_id, rule in finder.find(title)[:1]:
            if rule.template != "T08":
                for code in entry.codes:
                    yield rule_id, {"item_code": code, "item_name": entry.name, **parameters}
    if not reading.remainder or own_template in WHOLE_TEXT_TEMPLATES:
        return
    title = published.DRUG_INDICATION if is_drug else published.SERVICE_INDICATION
    rules = finder.find(title)
    if not rules:
        remarks.note(entry.place, f"the pack has no rule `{title}`: what texts say besides stays text")
        return
    remarks.raw.setdefault(basis_id, entry.place.problem(f"{entry.name}: {reading.remainder}"))
    yield rules[0][0], _text_row(entry, basis_id)
