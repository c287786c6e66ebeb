"""What the naive oracle knows of a claim: plain walks over its lines, days and facts, for the modules `oracle_*.py`.

Written from `data/nhsa/README.md` (its numbers 1 to 14 are cited as N1 to N14) and from the docstrings of the templates,
and shares no code with the engine: no index, no cache, no order of work that matters.

A claim is a plain dict in the vocabulary of the fact model: `time`, `triggers`, `patient`, `encounter`, `lines`,
`history`, `visits`, `practitioners` and `site`. Every line has a `tag`, by which the answer names it, and a `position`.
Where a history line came from (the message or the store) is no part of a claim.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple

Claim = dict[str, Any]
LineDict = dict[str, Any]
Facts = dict[str, Any]

HERBS = ("herb_piece", "herb_granule")
LONGEST_DAYS = 3660
LOOK_BACK_DAYS = 400
UNTOLD_DAYS = 7
"""A past line that does not say how long it is used may be in use for so many days."""
LEVELS = ("primary", "secondary", "tertiary")
LEVEL_OF = {"一级及以下": "primary", "二级": "secondary", "三级": "tertiary"}
SEX_OF = {"男": "male", "女": "female"}
MODE_OF = {
    "门诊": "outpatient",
    "急诊": "emergency",
    "门慢特": "chronic_outpatient",
    "住院": "inpatient",
    "购药": "pharmacy",
    "其他": "other",
}
PAYER_OF = {
    "职工": "employee",
    "公务员": "civil_servant",
    "大额": "large_sum",
    "离休": "retired_cadre",
    "居民": "resident",
    "大病": "serious_illness",
    "长护": "long_term_care",
    "生育": "maternity",
    "工伤": "work_injury",
    "其他": "other",
}
SUBSTANCES_FILE = "substances.csv"
GENERIC_NAMES = {"注射用头孢曲松钠": "头孢曲松", "甲素片": "甲素", "乙素注射剂": "乙素", "丙素片": "丙素"}
"""The substance of each national drug name that generated lines bear."""
SALTS = {"盐酸丙素": "丙素", "乙素钠": "乙素"}
"""The substances that generated lines state with their salt."""


def listed(cell: str | list[str]) -> list[str]:
    """The values of a cell that holds several: a rule's constant is a list already."""
    return [part for part in cell.split("|") if part] if isinstance(cell, str) else cell


class Row(NamedTuple):
    """One row: the rule it belongs to (as its TOML says) and its cells, over the rule's constants."""

    id: str
    rule: dict[str, Any]
    cells: dict[str, Any]

    @property
    def template(self) -> str:
        return self.rule["template"]

    def text(self, name: str, default: str = "") -> str:
        return self.cells.get(name) or default

    def texts(self, name: str) -> list[str]:
        return listed(self.cells.get(name) or "")

    def whole(self, name: str, default: int | None = None) -> int | None:
        cell = self.cells.get(name)
        return int(cell) if cell not in (None, "") else default

    def number(self, name: str) -> Fraction | None:
        cell = self.cells.get(name)
        return Fraction(str(cell)) if cell not in (None, "") else None

    def in_force(self, day: date) -> bool:
        """Table head of the README: from `valid_from` up to but not including `valid_to`."""
        start, end = self.cells.get("valid_from"), self.cells.get("valid_to")
        return not (start and day < date.fromisoformat(start)) and not (end and day >= date.fromisoformat(end))

    def codes(self) -> list[str]:
        """Every item code that the row speaks of by itself."""
        names = ("item_code", "main_code", "sub_code")
        return [*self.texts("item_codes"), *(self.cells[name] for name in names if self.cells.get(name))]


@dataclass
class Opinion:
    """What one row says of one line. UNKNOWN where something is missing, else TRUE; FALSE is no opinion at all."""

    missing: set[str] = field(default_factory=set)
    related: list[LineDict] = field(default_factory=list)
    also_violating: list[LineDict] = field(default_factory=list)
    amount: Fraction | None = None
    """The money at stake, where it is not that of the violating lines."""
    has_own_amount: bool = False
    violating: list[LineDict] | None = None
    """All violating lines, where the judged one need not be among them; of a hint, its line."""


def unknown(*facts: str) -> list[Opinion]:
    return [Opinion(set(facts))]


TRUE = Opinion
FALSE: list[Opinion] = []


def cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def cents_of(value: Fraction) -> Decimal:
    return cents(Decimal(value.numerator) / Decimal(value.denominator))


# Lines.


def is_refund(line: LineDict) -> bool:
    return line.get("quantity") is not None and line["quantity"] < 0


def place(line: LineDict) -> tuple[datetime, str, int]:
    """N8: in time; at equal times by order id, then by position."""
    return (line["begin"], line.get("order_id") or "", line["position"])


def is_national(line: LineDict) -> bool:
    """Whether the line has the national code of a western drug, in which its class stands."""
    code = line.get("item_code") or ""
    return code.startswith("X") and len(code) == 23


def given_systemically(line: LineDict) -> bool:
    """By its route, else its form, else its name; generated lines are tablets and injections, or state a local route."""
    if line.get("route"):
        return line["route"] in ("口服", "静脉滴注", "静脉注射", "肌内注射", "皮下注射", "鼻饲")
    words = (line.get("form") or "") + (line.get("item_name") or line.get("local_name") or "")
    return any(word in words for word in ("片", "注射"))


def kind_of(line: LineDict) -> str | None:
    """The catalogue: as stated; a line of unknown catalogue is a drug where its code is one of a western drug."""
    return line.get("item_kind") or ("drug" if is_national(line) else None)


def is_drug(line: LineDict) -> bool:
    """Whether substances and classes are asked of a line: of one of unknown catalogue where it states substances."""
    return kind_of(line) == "drug" or (kind_of(line) is None and bool(line.get("ingredients")))


def may_be_drug(line: LineDict) -> bool:
    """Whether a line is a drug or a herb, or of unknown catalogue."""
    return line.get("item_kind") in ("drug", *HERBS, None)


def name_of(line: LineDict) -> str:
    """What a line is called."""
    return line.get("item_name") or line.get("local_name") or line.get("item_code") or ""


def same(name: str, one: LineDict, other: LineDict) -> bool:
    return (one.get(name) or "") == (other.get(name) or "")


def same_prescription(one: LineDict, other: LineDict) -> bool:
    """N10."""
    return same("encounter_id", one, other) and same("prescription_id", one, other)


def item_of(line: LineDict) -> str:
    """What is charged or taken back: by code, else by name."""
    return line.get("item_code") or line.get("item_name") or line.get("local_name") or ""


def money_of(line: LineDict) -> Decimal | None:
    if line.get("amount") is not None:
        return line["amount"]
    if line.get("quantity") is not None and line.get("price") is not None:
        return cents(line["quantity"] * line["price"])
    return None


def money_of_all(lines: list[LineDict]) -> Decimal | None:
    """What the lines cost together; unknown as soon as one does not say."""
    amounts = [money_of(line) for line in lines]
    return None if None in amounts else sum((amount for amount in amounts if amount is not None), Decimal(0))


def money_of_excess(line: LineDict, excess: Fraction) -> Fraction | None:
    """What the quantity beyond a limit costs; where the line states no price, its amount tells the price."""
    if line.get("price") is not None:
        return excess * Fraction(line["price"])
    if line.get("amount") is not None and line.get("quantity"):
        return excess * Fraction(line["amount"]) / Fraction(line["quantity"])
    return None


# Days.


def days_from(first: date, count: int) -> set[date]:
    return {first + timedelta(days=number) for number in range(count)}


def states_days(line: LineDict) -> bool:
    return line.get("days") is not None and 1 <= line["days"] <= LONGEST_DAYS


def states_end(line: LineDict) -> bool:
    """An end before the begin, or ten years later (2999-12-31 for "until cancelled"), says nothing of a course."""
    return line.get("end") is not None and 0 <= (line["end"].date() - line["begin"].date()).days < LONGEST_DAYS


def covered(line: LineDict) -> set[date]:
    """N8: the days from begin to stop."""
    first = line["begin"].date()
    if line.get("end") is None or line["end"].date() < first:
        return {first}
    return days_from(first, (line["end"].date() - first).days + 1)


def days_charged(line: LineDict) -> set[date]:
    """N6: days from the begin date, else begin to stop, else the date itself."""
    if states_days(line):
        return days_from(line["begin"].date(), line["days"])
    return covered(line) if states_end(line) else {line["begin"].date()}


def days_taken(line: LineDict) -> tuple[set[date], bool]:
    """The days of use of a drug, its supply being asked last, and whether the line tells the last of them."""
    first = line["begin"].date()
    if states_days(line) or states_end(line):
        return days_charged(line), True
    if frequency_of(line).is_once:
        return {first}, True
    supply = supply_of(line)
    if isinstance(supply, Fraction) and 0 < supply <= LONGEST_DAYS:
        return days_from(first, ceil(supply)), True
    return {first}, False


# Doses and frequencies: only what generated lines say.

MASS_MG = {"mg": Fraction(1), "毫克": Fraction(1), "g": Fraction(1000), "克": Fraction(1000)}
ACTIVITY = {"IU": Fraction(1), "单位": Fraction(1), "万单位": Fraction(10000)}
FORMS = ("片", "粒", "支")
VOLUME_ML = {"mL": Fraction(1), "毫升": Fraction(1), "L": Fraction(1000)}
SCALES: tuple[dict[str, Fraction], ...] = (MASS_MG, ACTIVITY, VOLUME_ML)


def converted(value: Fraction, unit: str, target: str) -> Fraction | None:
    """A figure in another unit of the same measure."""
    if unit == target:
        return value
    for scale in SCALES:
        if unit in scale and target in scale:
            return value * scale[unit] / scale[target]
    return None


class Frequency(NamedTuple):
    """Doses a day; None where nobody gives a number, or where two numbers contradict each other."""

    per_day: Fraction | None
    is_once: bool = False


PER_DAY: dict[str, Fraction | None] = {
    "qd": Fraction(1),
    "bid": Fraction(2),
    "tid": Fraction(3),
    "q8h": Fraction(3),
    "q12h": Fraction(2),
    "每日三次": Fraction(3),
    "qod": Fraction(1, 2),
    "qw": Fraction(1, 7),
    "st": Fraction(1),
    "prn": None,
    "持续泵入": None,
}


ENDLESS = ("持续泵入",)
"""What runs without an end: nobody says in how many hours the stated dose does."""


def frequency_of(line: LineDict) -> Frequency:
    """What the words say, or the number beside them, which agrees with the words within 2 %."""
    text, stated = line.get("frequency") or "", line.get("times_per_day")
    said = PER_DAY.get(text)
    number = Fraction(stated) if stated and text != "持续泵入" else said
    if said is not None and number is not None:
        number = said if abs(number - said) <= said / 50 else None
    return Frequency(number, is_once=text == "st")


def forms_per_dose(line: LineDict) -> Fraction | set[str]:
    """How many tablets or vials one dose is."""
    dose, unit = line.get("dose"), line.get("dose_unit") or ""
    if dose is None:
        return {"dose"}
    if unit in FORMS:
        return Fraction(dose)
    if not unit or not any(unit in scale for scale in SCALES):
        return {"dose_unit"}
    strength, strength_unit = line.get("strength"), line.get("strength_unit") or ""
    in_unit = converted(Fraction(dose), unit, strength_unit) if strength else None
    if in_unit is not None and strength:
        return in_unit / Fraction(strength)
    volume = converted(Fraction(dose), unit, "mL")
    if volume is not None and line.get("volume_ml"):
        return volume / Fraction(line["volume_ml"])
    return {"strength"}


def supply_of(line: LineDict) -> Fraction | set[str]:
    """For how many days the quantity lasts, taken as prescribed; else what is missing."""
    if line.get("item_kind") in HERBS:
        per_day = frequency_of(line).per_day
        if not line.get("herb_doses"):
            return {"herb_doses"}
        if not per_day or per_day > 1:  # more than one a day may be the servings of a dose
            return {"frequency"}
        return Fraction(-line["herb_doses"] if is_refund(line) else line["herb_doses"]) / per_day
    if not line.get("quantity"):
        return {"quantity"}
    if not line.get("pack_size"):
        return {"pack_size"}
    per_day = frequency_of(line).per_day
    if not per_day:
        return {"frequency"}
    forms = forms_per_dose(line)
    if isinstance(forms, set):
        return forms
    if forms <= 0:
        return {"dose"}
    return Fraction(line["quantity"]) * Fraction(line["pack_size"]) / (forms * per_day)


def dose_in(line: LineDict, unit: str, ingredient: str = "") -> Fraction | set[str]:
    """One dose in `unit`; of a drug of several substances, of `ingredient` alone."""
    dose, stated = line.get("dose"), line.get("dose_unit") or ""
    if dose is None:
        return {"dose"}
    several = ingredient and len(line.get("ingredients") or ()) > 1
    if not several:
        direct = converted(Fraction(dose), stated, unit)
        if direct is not None:
            return direct
    if not stated or (stated not in FORMS and not any(stated in scale for scale in SCALES)):
        return {"dose_unit"}
    forms = forms_per_dose(line)
    if isinstance(forms, set):
        return forms
    if unit in FORMS:
        return forms
    if several:
        for one in line["ingredients"]:
            if SALTS.get(one["name"], one["name"]) == ingredient and one.get("amount") is not None:
                amount = converted(Fraction(one["amount"]), one.get("unit") or "", unit)
                return forms * amount if amount is not None else {"strength"}
        return {"strength"}
    if line.get("strength"):
        content = converted(Fraction(line["strength"]), line.get("strength_unit") or "", unit)
        if content is not None:
            return forms * content
    if unit in VOLUME_ML and line.get("volume_ml"):
        return forms * Fraction(line["volume_ml"]) / VOLUME_ML[unit]
    return {"strength"}


# Ages and codes.

AGE_UNITS = {"小时": "hours", "天": "days", "周": "weeks", "月": "months", "岁": "years"}


def moment_of(line: LineDict) -> date | datetime:
    """The line's beginning, or its day where no time of that day is known."""
    return line["begin"].date() if line.get("begin_is_date") else line["begin"]


def moments_of(line: LineDict) -> list[datetime]:
    """When a line may begin: the first and the last moment of its day where it states a date alone."""
    begin = line["begin"]
    return [begin, datetime.combine(begin, time.max)] if line.get("begin_is_date") else [begin]


def completed(birth: date, day: date, unit: str) -> int:
    """Completed days, weeks, months or years between two days."""
    days = (day - birth).days
    months = (day.year - birth.year) * 12 + day.month - birth.month - (day.day < birth.day)
    return {"days": days, "weeks": days // 7, "months": months, "years": months // 12}[unit]


def has_reached(patient: Facts, at: date | datetime, age: str) -> bool | set[str]:
    """Whether the patient has completed an age such as 28天 or 18岁; else what is missing."""
    birth = patient.get("birth_date")
    day = at.date() if isinstance(at, datetime) else at
    if birth is None or birth > day:
        return {"birth_date"}
    word = next(word for word in AGE_UNITS if age.endswith(word))
    count = int(age.removesuffix(word).removesuffix("个"))
    if AGE_UNITS[word] != "hours":
        return completed(birth, day, AGE_UNITS[word]) >= count
    exact = patient.get("birth_time")
    births = [exact] if exact else [datetime.combine(birth, time()), datetime.combine(birth, time.max)]
    moments = [at] if isinstance(at, datetime) else [datetime.combine(at, time()), datetime.combine(at, time.max)]
    answers = {moment - born >= timedelta(hours=count) for born in births for moment in moments}
    return answers.pop() if len(answers) == 1 else {"begin" if exact else "birth_time"}


def plain_code(code: str) -> str:
    return code.replace(".", "").upper()


def has_prefix(code: str, prefixes: Iterable[str]) -> bool:
    """Codes of diagnoses and operations, without dots and case."""
    return bool(code) and any(plain_code(code).startswith(plain_code(prefix)) for prefix in prefixes)


def is_suspected(diagnosis: Facts) -> bool:
    if diagnosis.get("suspected") is not None:
        return diagnosis["suspected"]
    name = diagnosis.get("name") or ""
    return any(word in name for word in ("疑似", "待查", "待排", "可能")) or name.endswith(("?", "？"))


def with_prefix(diagnoses: Iterable[Facts], prefixes: Iterable[str]) -> tuple[list[Facts], list[Facts]]:
    """The confirmed and the suspected diagnoses that have one of the prefixes."""
    prefixes = list(prefixes)
    found = [one for one in diagnoses if has_prefix(one.get("code") or "", prefixes)]
    return [one for one in found if not is_suspected(one)], [one for one in found if is_suspected(one)]


def atc_levels(code: str) -> list[str]:
    """An ATC code at all of its levels; what is none stands for itself."""
    shapes = ("A", "A99", "A99A", "A99AA", "A99AA99")
    shape = "".join("9" if sign.isdigit() else "A" for sign in code)
    if shape not in shapes or not code.isascii():
        return [code]
    return [code[: len(level)] for level in shapes if len(level) <= len(code)]


def period_of(kind: str, day: date, site: Facts) -> tuple[int, ...]:
    """What two days of one calendar period have in common."""
    if kind in ("单日", "自然日"):
        return (day.toordinal(),)
    if kind == "自然月":
        return (day.year, day.month)
    if kind == "自然季度":
        return (day.year, (day.month - 1) // 3)
    if kind == "自然年":
        return (day.year,)
    month, number = site.get("insurance_year_begins", (1, 1))
    return (day.year - ((day.month, day.day) < (month, number)),)


def not_taken_back(lines: list[LineDict]) -> list[LineDict]:
    """Charges of which something is left: a refund takes back the latest before it of its item in its encounter."""
    left: list[list[Any]] = []
    for one in sorted(lines, key=place):
        if not is_refund(one):
            left.append([one, one.get("quantity")])
            continue
        back = -one["quantity"]
        for entry in reversed(left):
            charge, quantity = entry
            is_same = item_of(charge) == item_of(one) and same("encounter_id", charge, one)
            if quantity is None or quantity <= 0 or not is_same:
                continue
            taken = min(back, quantity)
            entry[1] -= taken
            back -= taken
    return [charge for charge, quantity in left if quantity is None or quantity > 0]


# The whole claim.


class World:
    """One claim with the rows and lists of its pack."""

    def __init__(self, claim: Claim, rows: list[Row], lists: dict[str, list[tuple[str, str]]]) -> None:
        self.claim = claim
        self.rows = [row for row in rows if row.text("mode") != "off"]
        self.given_lists = lists
        self.lists = {name: members for name, members in lists.items() if name != SUBSTANCES_FILE}
        self.systemic = dict(lists.get(SUBSTANCES_FILE, ()))
        self.patient: Facts = claim["patient"]
        self.encounter: Facts = claim["encounter"]
        self.lines: list[LineDict] = claim["lines"]
        self.history: list[LineDict] = claim["history"]
        self.site: Facts = claim.get("site") or {}
        self.herb_names = {name for row in self.rows if not in_any_form(row) for name in herb_names_of(row)}
        self.herbs_in_any_form = {name for row in self.rows if in_any_form(row) for name in herb_names_of(row)}

    def is_complete(self, feed: str) -> bool:
        return feed in self.site.get("complete_feeds", ())

    @property
    def all_lines(self) -> list[LineDict]:
        return [*self.lines, *self.history]

    def others(self, line: LineDict) -> list[LineDict]:
        return [other for other in self.all_lines if other is not line]

    def is_current(self, line: LineDict) -> bool:
        return any(line is current for current in self.lines)

    def earlier(self, line: LineDict) -> list[LineDict]:
        """N1: the others that are not later. A line without a time is in no window."""
        return [one for one in self.others(line) if one.get("begin") is not None and place(one) <= place(line)]

    def is_taken_back(self, line: LineDict) -> bool:
        """Whether nothing is left of a charge: a refund takes back the latest before it of its item and encounter.

        Of a charge of no quantity there is nothing to take.
        """
        if line.get("quantity") == 0:
            return False
        beside = [one for one in self.all_lines if one.get("begin") is not None]
        beside = [one for one in beside if item_of(one) == item_of(line) and same("encounter_id", one, line)]
        return all(one is not line for one in not_taken_back(beside))

    def earlier_of(self, row: "Row", line: LineDict) -> list[LineDict]:
        """Those of a row's subject."""
        return [one for one in self.earlier(line) if self.speaks_of(row, one)]

    def of_encounter(self) -> list[LineDict]:
        return [line for line in self.all_lines if (line.get("encounter_id") or "") == (self.encounter.get("id") or "")]

    def is_returned(self, line: LineDict, among: list[LineDict] | None = None) -> bool:
        """Whether the refunds of the line's item in its encounter take back all of it."""
        if among is None:
            among = [one for one in self.all_lines if same("encounter_id", one, line)]
        quantities = [one.get("quantity") for one in among if item_of(one) == item_of(line)]
        return None not in quantities and any(one < 0 for one in quantities) and sum(quantities) <= 0

    # Drugs.

    def substances(self, line: LineDict) -> list[str]:
        """The active substances: stated, else those of the national name of a western drug. Empty: unknown."""
        if not is_drug(line):
            return []
        if line.get("ingredients"):
            return [SALTS.get(one["name"], one["name"]) for one in line["ingredients"]]
        name = GENERIC_NAMES.get(line.get("item_name") or "")
        if name and is_national(line):
            return [name]
        # Without a national name the hospital's own.
        name = GENERIC_NAMES.get(line.get("item_name") or line.get("local_name") or "")
        return [name] if name and line.get("item_kind") == "drug" and self.is_spoken_of(name) else []

    def is_spoken_of(self, substance: str) -> bool:
        """Whether some row or list of the packs names the substance."""
        columns = ("ingredient", "ingredient_a", "ingredient_b", "other_ingredient")
        named = {row.text(name) for row in self.rows for name in columns}
        for row in self.rows:
            named.update(*(row.texts(name) for name in ("companions", "first_line", "recommended")))
        listed_too = any(("ingredient", substance) in members for members in self.lists.values())
        return listed_too or substance in named or substance in self.systemic

    def classes(self, line: LineDict) -> set[str]:
        """Every class and list that the line is in, wider ones among them."""
        found: set[str] = set()
        if is_drug(line):
            stated = list(line.get("classes") or ())
            if not stated and is_national(line):
                stated = [line["item_code"][1:6]]
            if not stated and given_systemically(line):
                stated = [self.systemic[name] for name in self.substances(line) if name in self.systemic]
            found = {level for one in stated for level in atc_levels(one)}
            members = {("ingredient", name) for name in self.substances(line)} | {("drug_class", one) for one in found}
        else:
            members = set()
        members.add(("item_code", line.get("item_code") or ""))
        return found | {name for name, content in self.lists.items() if members & set(content)}

    def is_drug_of(self, line: LineDict, name: str) -> bool:
        """Whether the line is of a substance, a class or a list of this name."""
        return (is_drug(line) and name in self.substances(line)) or name in self.classes(line)

    def is_compound(self, line: LineDict) -> bool:
        """Whether a line is known to be of several substances."""
        return len(self.substances(line)) > 1

    def is_named(self, line: LineDict, name: str) -> bool:
        return bool(name) and (line.get("item_code") == name or self.is_drug_of(line, name))

    def speaks_of(self, row: Row, line: LineDict) -> bool:
        """Whether the row's subject is the line's item, substance, class or catalogue."""
        if row.text("item_code"):
            return line.get("item_code") == row.text("item_code")
        if row.text("ingredient"):
            return is_drug(line) and row.text("ingredient") in self.substances(line)
        if row.text("drug_class"):
            return row.text("drug_class") in self.classes(line)
        return bool(row.text("item_kind")) and kind_of(line) == row.text("item_kind")

    # Facts of the encounter.

    def attested(self, kind: str, line: LineDict | None) -> bool:
        return any(
            one["kind"] == kind
            and (not one.get("order_ids") or (line is not None and line.get("order_id") in one["order_ids"]))
            for one in self.encounter.get("attestations") or ()
        )

    def as_of(self, line: LineDict) -> datetime:
        """What is dated by then is known: by the line's begin (of a date alone, the end of that day) or the message."""
        begin = line["begin"]
        if line.get("begin_is_date"):
            begin = datetime.combine(begin, time.max)
        return max(begin, self.claim.get("time") or begin)

    def day_of(self, line: LineDict | None) -> date | None:
        """The day that a judgement is about."""
        if line is not None:
            return line["begin"].date()
        begins = [one["begin"] for one in self.lines if one.get("begin")]
        moment = self.claim.get("time") or self.encounter.get("begin") or min(begins, default=None)
        return moment.date() if moment else None

    def modes(self) -> list[str]:
        return list(self.encounter.get("care_modes") or ())

    def is_inpatient(self) -> bool | None:
        return is_of(self.modes(), ["inpatient"])

    def doctor(self, line: LineDict | None) -> str:
        return (line or {}).get("practitioner_id") or self.encounter.get("practitioner_id") or ""

    def department(self, line: LineDict | None) -> str:
        return (line or {}).get("department_code") or self.encounter.get("department_code") or ""

    def pregnant(self) -> bool | None:
        """As stated; else by weeks, a last menstruation, diagnoses, sex and age; else not known.

        `neither` of someone of whom weeks or diagnoses say otherwise is not known.
        """
        status = self.patient.get("pregnancy_status")
        if status not in (None, "neither"):
            return status == "pregnant"
        if self.patient.get("sex") == "male":
            return False
        if self.told_state("妊娠"):
            return None if status == "neither" else True
        day = self.day_of(None)
        return False if status == "neither" or (day is not None and self.is_of_no_fertile_age(day)) else None

    def told_state(self, state: str) -> bool | None:
        """Whether weeks and diagnoses say that a woman is 妊娠, 哺乳 or 备孕; None where they say nothing."""
        known = self.encounter.get("diagnoses") or ()
        if state == "哺乳" and with_prefix(known, ("Z39.1", "O91", "O92"))[0]:
            return True
        day = self.day_of(None)
        has_weeks = day is not None and self.weeks_of_pregnancy(day, day) is not None
        if has_weeks or with_prefix(known, PREGNANCY)[0]:
            return state == "妊娠"
        return None

    def weeks_of_pregnancy(self, at: date, stated_on: date | None) -> Fraction | None:
        """Weeks since the last menstruation, else as stated on a day; None outside 0 to 44."""
        if self.patient.get("pregnancy_start") is not None:
            weeks = Fraction((at - self.patient["pregnancy_start"]).days, 7)
        elif self.patient.get("gestational_weeks") is not None and stated_on is not None:
            weeks = Fraction(self.patient["gestational_weeks"]) + Fraction((at - stated_on).days, 7)
        else:
            return None
        return weeks if 0 <= weeks <= 44 else None

    def is_of_no_fertile_age(self, day: date) -> bool:
        birth = self.patient.get("birth_date")
        return birth is not None and birth <= day and not 12 <= completed(birth, day, "years") <= 55

    def out_of_region(self) -> bool | None:
        """As stated, else by the first four digits of the two divisions."""
        stated = self.encounter.get("out_of_region")
        if stated is not None:
            return stated
        insured, treated = self.patient.get("insured_region"), self.encounter.get("region")
        return insured[:4] != treated[:4] if insured and treated else None

    def herb_name(self, line: LineDict) -> str:
        """N10: `hilist_name`, else `hosplist_name`."""
        return line["item_name"] if line.get("item_name") in self.herb_names else line.get("local_name") or ""

    def herb_of(self, row: Row, line: LineDict) -> str:
        """The herb that a row of T23 takes a line for: by its name, or in any form in which the herb is sold."""
        return self.herb_in_any_form(line) if in_any_form(row) else self.herb_name(line)

    def herb_in_any_form(self, line: LineDict) -> str:
        """The herb of which one of the line's names is a form; "" for none. Of all forms those that claims are drawn with."""
        for written in (line.get("item_name") or "", line.get("local_name") or ""):
            for herb in sorted(self.herbs_in_any_form, key=len):
                if written in (herb, f"{herb}配方颗粒", f"{herb}饮片", f"△{herb}10g", f"{herb}（炒）"):
                    return herb
        return ""

    def moment(self) -> datetime | None:
        """The moment of the check: the message's time, else the latest of the current lines, else the beginning."""
        begins = [line["begin"] for line in self.lines if line.get("begin")]
        return self.claim.get("time") or max(begins, default=None) or self.encounter.get("begin")

    def visits(self) -> Iterator[Facts]:
        """The patient's other encounters."""
        for visit in self.claim.get("visits") or ():
            if visit["id"] != self.encounter.get("id"):
                yield visit


def counted_visits(months: int | None, line: LineDict, world: World) -> list[Facts]:
    """Visits of which fewer than so many whole months lie before the order; N9: exactly so many ago is outside."""
    counted = []
    for visit in world.visits():
        last = visit.get("end") or visit.get("begin")
        if months is None or last is None or (visit.get("begin") or last) > world.as_of(line):
            continue
        if completed(last.date(), line["begin"].date(), "months") < months:
            counted.append(visit)
    return counted


PREGNANCY = (*(f"O{number:02}" for number in (*range(70), 71, 74, 75, 98, 99)), "Z33", "Z34", "Z35", "Z36")


def is_of(modes: Iterable[str], wanted: Iterable[str]) -> bool | None:
    """Whether an encounter is of one of the wanted care modes; None where its possible modes leave that open."""
    wanted = list(wanted)
    answers = {mode in wanted for mode in modes}
    return answers.pop() if len(answers) == 1 else None


def in_any_form(row: Row) -> bool:
    """Whether a row of T23 takes a herb in whatever form it is written."""
    return row.text("names") == "各种写法"


def herb_names_of(row: Row) -> list[str]:
    """The names of herbs that a row of T23 or T26 knows."""
    names = [row.text(name) for name in ("herb_a", "herb_b", "herb")]
    names += [name for column in ("aliases_a", "aliases_b", "aliases") for name in row.texts(column)]
    return [name for name in names if name]


Judge = Callable[[Row, LineDict, World], list[Opinion]]
JudgeEncounter = Callable[[Row, World], list[Opinion]]
