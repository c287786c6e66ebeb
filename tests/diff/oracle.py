"""A naive second opinion: judge a claim by all rows of a pack, read from its source files, one after the other.

Written from `data/nhsa/README.md` (its numbers 1 to 14 are cited as N1 to N14), not from the engine, and shares no
code with it: no index, no cache, no order of work that matters. For each current line it loops over all rows, and for
each row over all other lines. Where this file and the engine differ, one of the two is wrong.

A claim is a plain dict: `time`, `triggers`, `patient`, `encounter`, `lines` and `history` in the vocabulary of the fact
model; every line has a `tag` of its own, by which the answer names it, and its `position`. Where a history line came
from (the message or the store) is no part of a claim. Of the fact model's fields these are read:

    patient    id, sex, birth_date
    encounter  id, facility_level, care_modes, visit_kind, payer, internet
    line       encounter_id, facility_id, prescription_id, order_id, position, item_code, item_name, local_name,
               item_kind, quantity, price, amount, begin, end, days, self_pay
"""

import csv
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

Claim = dict[str, Any]
LineDict = dict[str, Any]

ACTIONS = ("HINT", "WARN", "WARN_REASON", "REVIEW", "BLOCK")  # mildest first
LEVELS = ("primary", "secondary", "tertiary")
LEVEL_OF = {"二级": "secondary", "三级": "tertiary"}
SEX_OF = {"男": "male", "女": "female"}
MODE_OF = {
    "门诊": "outpatient",
    "急诊": "emergency",
    "门慢特": "chronic_outpatient",
    "住院": "inpatient",
    "购药": "pharmacy",
    "其他": "other",
}
MATERNITY_VISITS = ("maternity_outpatient", "maternity_inpatient", "family_planning")
HERBS = ("herb_piece", "herb_granule")
LONGEST_DAYS = 3660
NAME_COLUMNS = {"T08": ("row_ref",), "T23": ("herb_a", "herb_b"), "T35": ("sub_code", "main_code")}
NAME_COLUMNS["T37"] = ("item_code", "surgery_group")


def listed(cell: str | list[str]) -> list[str]:
    """The values of a cell that holds several: a rule's constant is a list already."""
    return cell.split("|") if isinstance(cell, str) else cell


class Row(NamedTuple):
    """One row: the rule it belongs to (as its TOML says) and its cells, over the rule's constants."""

    id: str
    rule: dict[str, Any]
    cells: dict[str, Any]

    @property
    def template(self) -> str:
        return self.rule["template"]

    def codes(self) -> list[str]:
        """Every item code that the row speaks of."""
        cells = self.cells
        if self.template == "T08":
            return listed(cells["item_codes"])
        if self.template == "T35":
            return [cells["main_code"], cells["sub_code"]]
        return [] if self.template == "T23" else [cells["item_code"]]

    def in_force(self, day: date) -> bool:
        """Table head of the README: from `valid_from` up to but not including `valid_to`."""
        start, end = self.cells.get("valid_from"), self.cells.get("valid_to")
        return not (start and day < date.fromisoformat(start)) and not (end and day >= date.fromisoformat(end))


def read_rows(pack: Path) -> list[Row]:
    """Every row of every rule of the pack in directory `pack`."""
    rows = []
    for path in sorted((pack / "rules").glob("*.toml")):
        rule = {"id": path.stem, **tomllib.loads(path.read_text(encoding="utf-8"))}
        with (pack / "rows" / f"{path.stem}.csv").open(encoding="utf-8-sig", newline="") as file:
            for cells in csv.DictReader(file):
                values = {**rule.get("constants", {}), **{name: cell for name, cell in cells.items() if cell}}
                row_id = values.get("row_id")
                if not row_id:
                    names = NAME_COLUMNS.get(rule["template"], ("item_code",))
                    since = f"@{values['valid_from']}" if values.get("valid_from") else ""
                    row_id = f"{path.stem}:{'+'.join(values[name] for name in names)}{since}"
                rows.append(Row(row_id, rule, values))
    return rows


class Finding(NamedTuple):
    official_code: str
    row: str
    violating: tuple[str, ...]
    related: tuple[str, ...]
    action: str
    amount: Decimal | None


class Hint(NamedTuple):
    """`lines` is the line itself; of a pair of herbs, which has no first line, both."""

    official_code: str
    row: str
    lines: tuple[str, ...]
    missing: tuple[str, ...]


class Answer(NamedTuple):
    """Each list sorted: the answer is a set, but a result that is given twice shows."""

    verdict: str
    completeness: str
    findings: list[Finding]
    hints: list[Hint]
    not_evaluated: list[tuple[str, str]]


@dataclass
class Opinion:
    """What one row says of one line. UNKNOWN where something is missing, else TRUE; FALSE is no opinion at all."""

    missing: set[str] = field(default_factory=set)
    related: list[LineDict] = field(default_factory=list)
    also_violating: list[LineDict] = field(default_factory=list)
    excess: Fraction | None = None  # of the quantity, where not the whole line is at stake


def judge(claim: Claim, rows: list[Row]) -> Answer:
    """The answer to a claim by these rows."""
    timed = [{**line, "begin": line.get("begin") or claim.get("time")} for line in claim["lines"]]  # N2
    claim = {**claim, "lines": timed}
    findings: set[Finding] = set()
    hints: set[Hint] = set()
    gaps: list[tuple[str, str]] = []
    if not claim["lines"]:
        gaps.append(("no_current_line", ""))
    if not claim["patient"].get("id"):
        gaps.append(("no_patient_id", ""))
    if any(line.get("begin") is None for line in claim["history"]):  # it is in no window, which is not silent
        gaps.append(("history_without_time", ""))
    known_names = {row.cells[side] for row in rows if row.template == "T23" for side in ("herb_a", "herb_b")}
    something_judged = False
    for line in claim["lines"]:  # N1: only current lines are judged
        if is_refund(line):  # N8: it takes something back, which no rule forbids
            something_judged = True
            continue
        if line.get("begin") is None:
            gaps.append(("no_order_time", line["tag"]))
            continue
        if line.get("item_code"):
            something_judged = True
        else:  # N14
            gaps.append(("no_item_code", line["tag"]))
            is_herb = line.get("item_kind") in (*HERBS, None)
            something_judged |= is_herb and herb_name(line, known_names) in known_names
        for row in rows:
            if not row.in_force(line["begin"].date()):
                continue
            for opinion in opinions(row, line, claim, rows, known_names):
                conclude(row, line, claim, opinion, findings, hints)
    actions = [ACTIONS.index(finding.action) for finding in findings]
    strictest = max(actions, default=0)
    return Answer(
        verdict="BLOCK" if strictest == len(ACTIONS) - 1 else "WARN" if strictest else "PASS",
        completeness="NONE" if not something_judged else "PARTIAL" if hints or gaps else "COMPLETE",
        findings=sorted(findings, key=repr),
        hints=sorted(hints),
        not_evaluated=sorted(gaps),
    )


def conclude(
    row: Row, line: LineDict, claim: Claim, opinion: Opinion, findings: set[Finding], hints: set[Hint]
) -> None:
    """Add the finding or hint that an opinion amounts to."""
    rule = row.rule
    payer = claim["encounter"].get("payer")
    exempt = rule.get("exempt_payers", [])
    if rule["kind"] == "payment" and line.get("self_pay"):  # N13
        return
    if payer in exempt:  # N3
        return
    missing = set(opinion.missing)
    if not missing and payer is None and exempt:  # would be TRUE, but perhaps the payer is an exempt one
        missing = {"payer"}
    if missing:
        of_pair = [*opinion.related, *opinion.also_violating] if row.template == "T23" else []
        tags = tuple(sorted(other["tag"] for other in (line, *of_pair)))
        hints.add(Hint(rule["official_code"], row.id, tags, tuple(sorted(missing))))
        return
    violating = [line, *opinion.also_violating]
    at = rule.get("action_at", {})
    action = max((at.get(trigger, rule["action"]) for trigger in claim["triggers"]), key=ACTIONS.index)
    findings.add(
        Finding(
            rule["official_code"],
            row.id,
            tuple(sorted(other["tag"] for other in violating)),
            tuple(sorted(other["tag"] for other in opinion.related)),
            "HINT" if rule.get("curation") == "raw" else action,
            amount_of(violating) if opinion.excess is None else amount_of_excess(line, opinion.excess),
        )
    )


def amount_of(lines: list[LineDict]) -> Decimal | None:
    """What the lines cost together; unknown as soon as one does not say."""
    total = Decimal(0)
    for line in lines:
        if line.get("amount") is not None:
            total += line["amount"]
        elif line.get("quantity") is not None and line.get("price") is not None:
            total += cents(line["quantity"] * line["price"])
        else:
            return None
    return total


def amount_of_excess(line: LineDict, excess: Fraction) -> Decimal | None:
    """What the quantity beyond the limit costs; where the line states no price, its amount tells the price."""
    if line.get("price") is not None:
        product = excess * Fraction(line["price"])
    elif line.get("amount") is not None:
        product = excess * Fraction(line["amount"]) / Fraction(line["quantity"])
    else:
        return None
    return cents(Decimal(product.numerator) / Decimal(product.denominator))


def cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


# What the lines say of themselves.


def is_refund(line: LineDict) -> bool:
    return line.get("quantity") is not None and line["quantity"] < 0


def place(line: LineDict) -> tuple[datetime, str, int]:
    """N8: in time; at equal times by order id, then by position."""
    return (line["begin"], line.get("order_id", ""), line["position"])


def others_of(line: LineDict, claim: Claim) -> list[LineDict]:
    """All lines of the claim but this one."""
    return [other for other in (*claim["lines"], *claim["history"]) if other is not line]


def charged_beside(line: LineDict, claim: Claim) -> list[LineDict]:
    """N13: what the patient pays for is outside payment rules: it does not count against another line either."""
    return [other for other in others_of(line, claim) if not other.get("self_pay")]


def not_later(other: LineDict, line: LineDict) -> bool:
    """N1: later lines do not count against a line. A line without a time is in no window."""
    return other.get("begin") is not None and place(other) <= place(line)


def is_history(line: LineDict, claim: Claim) -> bool:
    return all(line is not current for current in claim["lines"])


def same(name: str, one: LineDict, other: LineDict) -> bool:
    return one.get(name, "") == other.get(name, "")


def days_from(first: date, count: int) -> set[date]:
    return {first + timedelta(days=number) for number in range(count)}


def covered(line: LineDict) -> set[date]:
    """N8: the days from begin to stop."""
    first = line["begin"].date()
    if line.get("end") is None or line["end"].date() < first:
        return {first}
    return days_from(first, (line["end"].date() - first).days + 1)


def states_days(line: LineDict) -> bool:
    return line.get("days") is not None and 1 <= line["days"] <= LONGEST_DAYS


def states_end(line: LineDict) -> bool:
    """An end before the begin, or ten years later (2999-12-31 for "until cancelled"), says nothing of a course."""
    return line.get("end") is not None and 0 <= (line["end"].date() - line["begin"].date()).days < LONGEST_DAYS


def days_of_use(line: LineDict) -> set[date]:
    """N6: days from the begin date, else begin to stop, else the date itself."""
    if states_days(line):
        return days_from(line["begin"].date(), line["days"])
    return covered(line) if states_end(line) else {line["begin"].date()}


def age_on(birth: date, day: date) -> int:
    """N2: completed years."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def herb_name(line: LineDict, known_names: set[str]) -> str:
    """N10: `hilist_name`, else `hosplist_name`."""
    return line["item_name"] if line.get("item_name") in known_names else line.get("local_name", "")


def same_prescription(one: LineDict, other: LineDict) -> bool:
    """N10."""
    return same("encounter_id", one, other) and same("prescription_id", one, other)


# What the rows say.


def opinions(row: Row, line: LineDict, claim: Claim, rows: list[Row], known_names: set[str]) -> list[Opinion]:
    """What a row says of a current line: mostly one opinion or none; of pairs, one per pair."""
    if row.template == "T23":
        return herb_pairs(row, line, claim, known_names)
    if row.template == "T35":
        return exclusive_pairs(row, line, claim)
    if not line.get("item_code") or line["item_code"] not in row.codes():
        return []
    if row.template in ("T10", "T34", "T37"):  # which ask what the rows say of other lines
        ask = {"T10": herb_payment, "T34": second_line, "T37": surgery_discount}[row.template]
        opinion = ask(row, line, claim, rows)
    else:
        opinion = {
            "T01": insurance,
            "T02": facility_level,
            "T03": care_mode,
            "T06": sex,
            "T07": age,
            "T08": text_only,
            "T31": course,
            "T32": quantity,
        }[row.template](row, line, claim)
    return [opinion] if opinion is not None else []


def insurance(row: Row, line: LineDict, claim: Claim) -> Opinion | None:
    """N3."""
    payer, visit = claim["encounter"].get("payer"), claim["encounter"].get("visit_kind")
    if row.cells["allowed_insurance"] == "工伤":
        if payer is None:
            return Opinion({"payer"})
        return None if payer == "work_injury" else Opinion()
    if payer == "maternity" or visit in MATERNITY_VISITS:
        return None
    return Opinion({name for name, value in (("payer", payer), ("visit_kind", visit)) if value is None})


def facility_level(row: Row, line: LineDict, claim: Claim) -> Opinion | None:
    """N4."""
    level = claim["encounter"].get("facility_level")
    if level is None:
        return Opinion({"facility_level"})
    if LEVELS.index(level) >= LEVELS.index(LEVEL_OF[row.cells["min_level"]]):
        return None
    condition = row.cells.get("condition", "")
    other_ways = {"": set(), "first_prescription_only": {"first_prescription"}}
    return Opinion({**other_ways, "or_level2_eye_hospital": {"eye_hospital"}}[condition])


def care_mode(row: Row, line: LineDict, claim: Claim) -> Opinion | None:
    """N5 and, for the internet, N12."""
    modes = claim["encounter"].get("care_modes", [])
    if row.cells.get("forbidden_modes"):
        internet = claim["encounter"].get("internet")
        if internet is None:
            return None if modes and all(mode == "inpatient" for mode in modes) else Opinion({"internet"})
        return Opinion() if internet else None
    allowed = {MODE_OF[name] for name in listed(row.cells["allowed_modes"])}
    if not modes:
        return Opinion({"care_modes"})
    if all(mode in allowed for mode in modes):
        return None
    return Opinion({"visit_kind"} if any(mode in allowed for mode in modes) else set())


def sex(row: Row, line: LineDict, claim: Claim) -> Opinion | None:
    """Table: 区分性别使用."""
    known = claim["patient"].get("sex")
    if known is None:
        return Opinion({"sex"})
    return None if known == SEX_OF[row.cells["sex"]] else Opinion()


def age(row: Row, line: LineDict, claim: Claim) -> Opinion | None:
    """N2 and table: both ends included; from `adult_from_years` only where no maximum is given."""
    birth = claim["patient"].get("birth_date")
    if birth is None or claim["encounter"].get("visit_kind") == "maternity_inpatient":
        return Opinion({"birth_date"})
    years = age_on(birth, line["begin"].date())
    bounds = {name: int(row.cells.get(name, -1)) for name in ("min_age_years", "max_age_years", "adult_from_years")}
    if bounds["min_age_years"] >= 0 and years < bounds["min_age_years"]:
        return Opinion()
    if bounds["max_age_years"] >= 0:
        return Opinion() if years > bounds["max_age_years"] else None
    return Opinion() if 0 <= bounds["adult_from_years"] <= years else None


def text_only(row: Row, line: LineDict, claim: Claim) -> Opinion | None:
    """Table: raw, unreviewed, never more than a hint."""
    return Opinion({"reviewed_condition"})


def herb_payment(row: Row, line: LineDict, claim: Claim, rows: list[Row]) -> Opinion | None:
    """N10."""
    if line.get("item_kind") not in ("herb_piece", None):
        return None
    kind_missing = {"item_kind"} if line.get("item_kind") is None else set()
    if row.cells["not_paid"] == "never":
        return Opinion(kind_missing)
    missing = set(kind_missing)
    herbs = []
    for other in others_of(line, claim):
        if not same_prescription(line, other) or other.get("item_kind") not in ("herb_piece", None):
            continue
        if is_refund(other):  # no herb that anybody takes
            continue
        if other.get("item_kind") is None:
            missing.add("item_kind")
            continue
        herbs.append(other)
        if not other.get("item_code"):
            missing.add("item_code")
        elif not any(
            entry.template == "T10"
            and entry.cells["not_paid"] == "alone"
            and entry.cells["item_code"] == other["item_code"]
            and entry.in_force(line["begin"].date())
            for entry in rows
        ):
            return None
    return Opinion(missing, herbs)


def herb_pairs(row: Row, line: LineDict, claim: Claim, known_names: set[str]) -> list[Opinion]:
    """N10. A pair of two current lines comes up once from either side, as the same finding."""
    pair = (row.cells["herb_a"], row.cells["herb_b"])
    found = []
    for other in others_of(line, claim):
        kinds = (line.get("item_kind"), other.get("item_kind"))
        names = (herb_name(line, known_names), herb_name(other, known_names))
        if not same_prescription(line, other) or names not in (pair, pair[::-1]):
            continue
        if is_refund(other):  # no herb that anybody takes
            continue
        if any(kind not in (*HERBS, None) for kind in kinds):
            continue
        if None in kinds:
            found.append(Opinion({"item_kind"}, [other]))
        elif is_history(other, claim):
            found.append(Opinion(related=[other]))
        else:
            found.append(Opinion(also_violating=[other]))
    return found


def course(row: Row, line: LineDict, claim: Claim) -> Opinion | None:
    """N6."""
    counted = [
        other
        for other in charged_beside(line, claim)
        if same("item_code", line, other) and same("encounter_id", line, other)
        if not_later(other, line) and not is_refund(other)
    ]
    last = max(days_of_use(line))
    used = {day for each in (line, *counted) for day in days_of_use(each) if day <= last}
    if len(used) > int(row.cells["max_days"]):
        return Opinion(related=counted)
    if states_days(line) or states_end(line) or any(is_history(other, claim) for other in counted):
        return None
    return Opinion({"days"})


def quantity(row: Row, line: LineDict, claim: Claim) -> Opinion | None:
    """N8 per day, N9 per period."""
    limit = Fraction(row.cells["max_qty"])
    day = line["begin"].date()
    counted: list[tuple[LineDict, Fraction]] = []  # with the share of its quantity that counts
    for other in charged_beside(line, claim):
        if not same("item_code", line, other) or not not_later(other, line):
            continue
        if row.cells.get("period_days"):
            if (day - other["begin"].date()).days < int(row.cells["period_days"]):
                counted.append((other, Fraction(1)))
        elif same("facility_id", line, other) and covered(line) & covered(other):
            counted.append((other, Fraction(len(covered(line) & covered(other)), len(covered(other)))))
    if not row.cells.get("period_days"):
        limit *= len(covered(line))
    if line.get("quantity") is None:
        return Opinion({"quantity"})
    own = Fraction(line["quantity"])
    if own <= 0:  # nothing of the line can be beyond a limit
        return None
    known = [(other, share) for other, share in counted if other.get("quantity") is not None]
    total = own + sum(share * Fraction(other["quantity"]) for other, share in known)
    if total > limit:
        return Opinion(related=[other for other, _ in known if other["quantity"]], excess=min(total - limit, own))
    return Opinion({"quantity"}) if len(known) < len(counted) else None


def second_line(row: Row, line: LineDict, claim: Claim, rows: list[Row]) -> Opinion | None:
    """Default actions: a hint, once per encounter: at the first line of the item that such a row speaks of."""
    for other in charged_beside(line, claim):
        if is_refund(other) or not same("item_code", line, other) or not same("encounter_id", line, other):
            continue
        if not_later(other, line) and any(
            entry.template == "T34"
            and entry.cells["item_code"] == other["item_code"]
            and entry.in_force(other["begin"].date())
            for entry in rows
        ):
            return None
    return Opinion({"first_line_treatment"})


def exclusive_pairs(row: Row, line: LineDict, claim: Claim) -> list[Opinion]:
    """N7. The judged line is the sub item; one opinion per main item."""
    if line.get("item_code") != row.cells["sub_code"]:
        return []
    found = []
    for other in charged_beside(line, claim):
        if other.get("item_code") != row.cells["main_code"] or is_refund(other):
            continue
        if row.cells["window"] == "单次就诊":
            if same("encounter_id", line, other):
                found.append(Opinion(related=[other]))
        elif same("facility_id", line, other) and other.get("begin") is not None:
            apart = abs(line["begin"] - other["begin"])
            near = {
                "单日": line["begin"].date() == other["begin"].date(),
                "6小时": apart < timedelta(hours=6),
                "同一小时": apart < timedelta(hours=1),
            }
            if near[row.cells["window"]]:
                found.append(Opinion(related=[other]))
    return found


def surgery_discount(row: Row, line: LineDict, claim: Claim, rows: list[Row]) -> Opinion | None:
    """N11."""
    day = line["begin"].date()
    for other in charged_beside(line, claim):
        if other.get("begin") is None or other["begin"].date() != day or not same("facility_id", line, other):
            continue
        if is_refund(other):
            continue
        for entry in rows:
            if (
                entry.template == "T37"
                and entry.cells["surgery_group"] == row.cells["surgery_group"]
                and entry.cells["item_code"] == other.get("item_code")
                and entry.in_force(day)
            ):
                return Opinion({"same_incision"})
    return None
