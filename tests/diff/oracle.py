"""A naive second opinion: judge a claim by all rows of a pack, read from its source files, one after the other.

Written from `data/nhsa/README.md` (its numbers 1 to 14 are cited as N1 to N14) and the docstrings of the templates, not
from the engine's code. For each current line it loops over all rows, and each row over all other lines; the modules
`oracle_*.py` say what the rows of a group of templates mean. Where this and the engine differ, one of the two is wrong.
"""

import csv
import tomllib
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from tests.diff import (
    oracle_charges,
    oracle_dose,
    oracle_eligibility,
    oracle_expression,
    oracle_organs,
    oracle_patient,
    oracle_prescription,
    oracle_quantity,
    oracle_together,
    oracle_visits,
)
from tests.diff.oracle_scope import applies
from tests.diff.oracle_world import (
    HERBS,
    SUBSTANCES_FILE,
    Claim,
    Judge,
    JudgeEncounter,
    LineDict,
    Opinion,
    Row,
    World,
    cents_of,
    given_systemically,
    has_prefix,
    herb_names_of,
    is_national,
    is_refund,
    kind_of,
    money_of_all,
    place,
)

GROUPS = (
    oracle_eligibility,
    oracle_patient,
    oracle_dose,
    oracle_organs,
    oracle_together,
    oracle_prescription,
    oracle_quantity,
    oracle_charges,
    oracle_visits,
    oracle_expression,
)
OF_LINES: dict[str, Judge] = {name: judge for group in GROUPS for name, judge in group.OF_LINES.items()}
OF_PRESCRIPTIONS: dict[str, Judge] = dict(oracle_prescription.OF_PRESCRIPTIONS)
OF_ENCOUNTERS: dict[str, JudgeEncounter] = {n: j for group in GROUPS for n, j in group.OF_ENCOUNTERS.items()}
"""Judged once for the encounter, or (where the row names such) once for each of its diagnoses and operations."""

ACTIONS = ("HINT", "WARN", "WARN_REASON", "REVIEW", "BLOCK")  # mildest first
NAME_COLUMNS = {"T08": ("row_ref",), "T23": ("herb_a", "herb_b"), "T35": ("sub_code", "main_code")}
NAME_COLUMNS["T37"] = ("item_code", "surgery_group")
Lists = dict[str, list[tuple[str, str]]]
"""The members of the named lists: what a member is (`item_code`, `ingredient`, `drug_class`), and its name."""


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


def read_lists(pack: Path) -> Lists:
    """The named lists of the pack in directory `pack`."""
    found: Lists = {}
    for path in sorted((pack / "lists").glob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            found[path.stem] = [
                (name, cells[name])
                for cells in csv.DictReader(file)
                for name in ("item_code", "ingredient", "drug_class")
                if cells.get(name)
            ]
    substances = pack / SUBSTANCES_FILE
    if substances.exists():
        with substances.open(encoding="utf-8-sig", newline="") as file:
            found[SUBSTANCES_FILE] = [(cells["ingredient"], cells["systemic_class"]) for cells in csv.DictReader(file)]
    return found


class Finding(NamedTuple):
    official_code: str
    row: str
    violating: tuple[str, ...]
    related: tuple[str, ...]
    action: str
    amount: Decimal | None


class Hint(NamedTuple):
    """`lines` is the line itself; of a pair, which has no first line, both; of the encounter, those that it rests on."""

    official_code: str
    row: str
    lines: tuple[str, ...]
    missing: tuple[str, ...]


class Gap(NamedTuple):
    """What was not judged of a line, or of the whole claim, and the facts that would be needed."""

    reason: str
    line: str
    missing: tuple[str, ...]


class Answer(NamedTuple):
    """Each list sorted: the answer is a set, but a result that is given twice shows."""

    verdict: str
    completeness: str
    findings: list[Finding]
    hints: list[Hint]
    not_evaluated: list[Gap]


OF_WHOLE_PRESCRIPTIONS = ("T25", "T26")
"""Templates of which a hint is about a prescription: which of its lines it is given at is not compared."""
OF_PAIRS = ("T16", "T21", "T22", "T23", "T24", "T28", "T35", "T41")
"""Templates of pairs and sets of lines: a hint is about all of them."""


class Judged:
    """What comes of one claim."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.findings: list[Finding] = []
        self.hints: list[Hint] = []
        self.seen: set[Any] = set()
        self.asked: dict[str, int] = {}
        """How often a row of a template was asked about something that it speaks of, and said nothing."""

    def conclude(self, row: Row, line: LineDict | None, opinion: Opinion) -> None:
        """Add the finding or hint that an opinion amounts to."""
        rule, encounter = row.rule, self.world.encounter
        if rule["kind"] == "payment" and line is not None and line.get("self_pay"):  # N13
            return
        payer, exempt = encounter.get("payer"), rule.get("exempt_payers", [])
        if payer in exempt:  # N3
            return
        undecided = applies(row, self.world, line)
        if undecided is None:
            return
        missing = opinion.missing
        if not missing:
            missing = undecided | ({"payer"} if payer is None and exempt else set())
        of_set = [*opinion.related, *opinion.also_violating] if row.template in OF_PAIRS or line is None else []
        if missing and row.template in OF_WHOLE_PRESCRIPTIONS:
            hint = Hint(rule.get("official_code", ""), row.id, (), tuple(sorted(missing)))
            self.hints.extend([hint] if hint not in self.hints else [])  # of which lines is not compared
            return
        if missing:
            lines = opinion.violating or [*([] if line is None else [line]), *of_set]
            self.add_hint(Hint(rule.get("official_code", ""), row.id, tags(lines), tuple(sorted(missing))))
            return
        violating = opinion.violating or [*([] if line is None else [line]), *opinion.also_violating]
        amount = cents_of(opinion.amount) if opinion.amount is not None else None
        finding = Finding(
            rule.get("official_code", ""),
            row.id,
            tags(violating),
            tags(opinion.related),
            self.action_of(row),
            amount if opinion.has_own_amount else money_of_all(violating) if violating else None,
        )
        if finding not in self.findings:  # a pair comes up from either side
            self.findings.append(finding)

    def add_hint(self, hint: Hint) -> None:
        """Add a hint; a row has one about the same lines, which names all that is missing."""
        same = next((other for other in self.hints if other[:3] == hint[:3]), None)
        if same is not None:
            self.hints.remove(same)
            hint = hint._replace(missing=tuple(sorted({*same.missing, *hint.missing})))
        self.hints.append(hint)

    def action_of(self, row: Row) -> str:
        rule = row.rule
        if row.text("curation", rule.get("curation", "official")) == "raw":
            return "HINT"
        if row.text("action"):
            return row.text("action")
        at = rule.get("action_at", {})
        return max((at.get(trigger, rule["action"]) for trigger in self.world.claim["triggers"]), key=ACTIONS.index)


def tags(lines: list[LineDict]) -> tuple[str, ...]:
    return tuple(sorted(line["tag"] for line in lines))


def judge(claim: Claim, rows: list[Row], lists: Lists | None = None) -> Answer:
    """The answer to a claim by these rows."""
    return judged(claim, rows, lists)[0]


def judged(
    claim: Claim, rows: list[Row], lists: Lists | None = None, judging: Callable[[World], Judged] = Judged
) -> tuple[Answer, dict[str, int]]:
    """The answer, and how often rows of each template were asked of something they speak of and said nothing.

    `judging` makes what concludes from opinions: of several packs, that of `oracle_layers`.
    """
    timed = [
        {**line, "begin": line.get("begin") or claim.get("time"), "is_stated": line.get("begin") is not None}
        for line in claim["lines"]
    ]  # N2
    world = World({**claim, "lines": timed}, rows, lists or {})
    result = judging(world)
    gaps: list[Gap] = []
    if not timed:
        gaps.append(Gap("no_current_line", "", ("current",)))
    if not claim["patient"].get("id"):
        gaps.append(Gap("no_patient_id", "", ("patient_id",)))
    if any(line.get("begin") is None for line in claim["history"]):  # it is in no window, which is not silent
        gaps.append(Gap("history_without_time", "", ("begin",)))
    something_judged = False
    for line in timed:  # N1: only current lines are judged
        something_judged |= judge_line(line, result, gaps)
    for line in first_lines(timed, world):
        something_judged |= ask(OF_PRESCRIPTIONS, line, result)
    if any(
        row.template in OF_ENCOUNTERS and is_of_encounter(row) and is_about_encounter(row, world) for row in world.rows
    ):
        if world.day_of(None) is None:
            gaps.append(Gap("no_time", "", ("time",)))
        else:
            something_judged |= judge_encounter(result)
    strictest = max((ACTIONS.index(finding.action) for finding in result.findings), default=0)
    answer = Answer(
        verdict="BLOCK" if strictest == len(ACTIONS) - 1 else "WARN" if strictest else "PASS",
        completeness="NONE" if not something_judged else "PARTIAL" if result.hints or gaps else "COMPLETE",
        findings=sorted(result.findings, key=repr),
        hints=sorted(result.hints),
        not_evaluated=sorted(gaps),
    )
    return answer, result.asked


def judge_line(line: LineDict, result: Judged, gaps: list[Gap]) -> bool:
    """Judge one line; say whether there was anything to judge it by."""
    world = result.world
    if is_refund(line):  # N8: it takes something back, which no rule forbids
        return True
    if line.get("begin") is None:
        gaps.append(Gap("no_order_time", line["tag"], ("begin",)))
        return False
    unknown = unknown_of_drug(line, world)
    if unknown:
        gaps.append(Gap("unknown_drug", line["tag"], tuple(sorted(unknown))))
    was_judged = ask(OF_LINES, line, result)
    if line.get("item_code"):
        return True
    gaps.append(Gap("no_item_code", line["tag"], ("item_code",)))  # N14
    is_herb = kind_of(line) in (*HERBS, None)
    return was_judged or (is_herb and (world.herb_name(line) in world.herb_names or bool(world.herb_in_any_form(line))))


def unknown_of_drug(line: LineDict, world: World) -> set[str]:
    """What is not known of a line so that rows about it may not be found, as docs/why/architecture.md asks.

    The catalogue, where some row of the packs names a substance, a class or a catalogue; of a drug its substances and
    its classes, where some row names such. A list names members: that a line is in one does not tell its class.
    """
    asked = {subject for row in world.rows for subject in subjects_of(row)}
    if kind_of(line) is None:
        return {"item_kind"} if asked else set()
    if kind_of(line) != "drug":
        return set()
    classes = (
        line.get("classes")
        or is_national(line)
        or (given_systemically(line) and any(name in world.systemic for name in world.substances(line)))
    )
    unknown = set() if world.substances(line) else {"ingredients"}
    return asked & (unknown if classes else unknown | {"classes"})


def subjects_of(row: Row) -> set[str]:
    """What a row names in place of an item code: substances, classes or a catalogue, by the fact that tells them."""
    if row.template == "T21":
        sides = [side for side in oracle_together.sides(row) if not side["item"]]
        return {"ingredients" if side["ingredient"] else "classes" for side in sides}
    if row.template == "T26":
        return set() if row.text("herb") else {"item_kind"}
    if row.template == "T35":
        return set() if row.text("sub_code") else {"classes"}
    if row.template == "T38":
        return {"item_kind"} if row.texts("item_kinds") else set()
    if row.template == "T43" and not oracle_visits.is_of_lines(row):
        return set()
    facts = {"item_code": "", "ingredient": "ingredients", "drug_class": "classes", "item_kind": "item_kind"}
    return {fact for fact in [next((facts[name] for name in facts if row.text(name)), "")] if fact}


def ask(judges: dict[str, Judge], line: LineDict, result: Judged) -> bool:
    """Ask every row in force of a line; say whether any spoke of it."""
    world = result.world
    spoke = False
    for row in world.rows:
        if row.template not in judges:
            continue
        spoke |= is_about(row, line, world)
        if not row.in_force(line["begin"].date()):
            continue
        opinions = judges[row.template](row, line, world)
        if is_about(row, line, world) and not opinions:
            result.asked[row.template] = result.asked.get(row.template, 0) + 1
        for opinion in opinions:
            result.conclude(row, line, opinion)
    return spoke


def is_about(row: Row, line: LineDict, world: World) -> bool:
    """Whether a row is about a line, whatever it says of it."""
    kind = kind_of(line)
    if row.template == "T21":
        return any(oracle_together.is_side(line, side, world) for side in oracle_together.sides(row))
    if row.template == "T23":
        return kind in (*HERBS, None) and world.herb_of(row, line) in herb_names_of(row)
    if row.template == "T35":
        return oracle_charges.is_side(row, "sub", line, world)
    if row.template == "T38":
        return not row.texts("item_kinds") or kind in row.texts("item_kinds")
    if row.template == "T43":
        return oracle_visits.is_of_lines(row) and row.text("item_kind") in ("", kind)
    if row.template == "T45" and row.text("per", "行") == "行" and not oracle_expression.names_items(row):
        return True
    if row.template == "T25":
        return True
    if row.template == "T26":
        names = [row.text("herb"), *row.texts("aliases")]
        return world.herb_name(line) in names if row.text("herb") and kind in (*HERBS, None) else kind in HERBS
    return world.speaks_of(row, line) or (bool(line.get("item_code")) and line["item_code"] in row.codes())


def first_lines(lines: list[LineDict], world: World) -> list[LineDict]:
    """Of each prescription the earliest of its current lines, which tells its day."""
    leads: dict[tuple[str, str], LineDict] = {}
    timed = [line for line in lines if line.get("begin") is not None]
    for line in sorted(timed, key=place):
        if any(line is one for one in oracle_prescription.prescription(line, world)):
            leads.setdefault((line.get("encounter_id") or "", line.get("prescription_id") or ""), line)
    return list(leads.values())


def judge_encounter(result: Judged) -> bool:
    """Judge the encounter, its diagnoses and operations; say whether any row spoke of it."""
    world = result.world
    day = world.day_of(None)
    spoke = False
    for row in world.rows:
        judge_one = OF_ENCOUNTERS.get(row.template)
        if judge_one is None or not is_of_encounter(row):
            continue
        spoke |= is_about_encounter(row, world)
        if not is_in_force(row, day):
            continue
        opinions = judge_one(row, world)
        if not opinions:
            result.asked[row.template] = result.asked.get(row.template, 0) + 1
        for opinion in opinions:
            result.conclude(row, None, opinion)
    return spoke


def is_of_encounter(row: Row) -> bool:
    """Whether a row of a template that judges encounters too is such a one."""
    if row.template in ("T06", "T07", "T36"):
        return any(row.text(name) for name in ("diagnoses", "operations", "diagnosis", "operation"))
    if row.template == "T33":
        return row.text("capped", "患者") != "患者"
    if row.template == "T43":
        return not oracle_visits.is_of_lines(row)
    return row.template != "T45" or row.text("per", "行") == "就诊"


def is_about_encounter(row: Row, world: World) -> bool:
    """Whether the encounter has what the row speaks of."""
    encounter = world.encounter
    diagnoses = [*row.texts("diagnoses"), *([row.text("diagnosis")] if row.text("diagnosis") else [])]
    operations = [*row.texts("operations"), *([row.text("operation")] if row.text("operation") else [])]
    if row.template == "T42":
        diagnoses = row.texts("diagnosis_prefixes")
    if row.template == "T43" and row.text("check") == "诊断手术":
        operations = row.texts("operation_prefixes")
    if not diagnoses and not operations:
        return True
    return any(has_prefix(one.get("code") or "", diagnoses) for one in encounter.get("diagnoses") or ()) or any(
        has_prefix(one.get("code") or "", operations) for one in encounter.get("operations") or ()
    )


def is_in_force(row: Row, day: date | None) -> bool:
    return row.in_force(day) if day is not None else not (row.text("valid_from") or row.text("valid_to"))


__all__ = [
    "Answer",
    "Claim",
    "Finding",
    "Gap",
    "Hint",
    "LineDict",
    "Row",
    "herb_names_of",
    "judge",
    "read_lists",
    "read_rows",
]
