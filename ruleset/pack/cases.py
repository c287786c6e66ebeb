"""A pack's own tests: cases in our JSON layout (written as TOML) with everything that is expected of them.

    [defaults]                      merged under every case of the file
    time = 2026-07-06T09:00:00
    encounter = { facility_level = "tertiary", care_modes = ["outpatient"] }

    [[case]]
    name = "限女性药品开给男性"
    kind = "violating"
    patient = { sex = "male" }
    lines = [{ item_code = "XG01AFK079A008010100225" }]
    findings = [{ rule = "drug-sex", violating = ["1"] }]

`ignore_not_evaluated` in the defaults names reasons that the file's cases do not compare: a file about doses need not
state the class of every drug. `visits` and `practitioners` are as in our JSON; `site` is what the site profile says (`ruleset.case.Site`).
Cases of kind `boundary` may stand in sets of three (`ruleset.pack.boundaries`).
`lines` are the current lines; one without `order_id` is called "1", "2", …. `history` are past lines of the current
encounter, called "h1", "h2", …; one with `encounter_id` or `facility_id` belongs elsewhere. What a case does not list
is asserted to be absent: findings, hints, lines not evaluated.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from ruleset.case import Case, Site
from ruleset.document import DocumentError, read_document
from ruleset.drug import RowSource
from ruleset.evaluator import evaluate
from ruleset.outcome import Completeness, Result
from ruleset.pack import boundaries
from ruleset.pack.boundaries import Boundary
from ruleset.pack.source import ActionName
from ruleset.timeline import EMPTY

CaseKind = Literal["violating", "compliant", "unknown", "exempt", "boundary", "validity"]


class ExpectedFinding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding, by its rule and the order ids of its lines (none where the encounter violates); the rest where given."""

    rule: str
    violating: list[str] = []
    related: list[str] = []
    action: ActionName | None = None
    amount: str | None = None
    message: str | None = None
    row: str | None = None


class ExpectedHint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hint, by its rule, its line's order id and the facts that were missing."""

    rule: str
    missing: list[str]
    line: str = ""


class ExpectedGap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something not evaluated, by its reason and (where it concerns one) its line's order id."""

    reason: str
    line: str = ""


class TestCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One case."""

    name: str
    kind: CaseKind
    boundary: Boundary | None = None
    """Where in a set of three the case stands (`ruleset.pack.boundaries`)."""
    time: Any = None
    triggers: list[str] | None = None
    site: dict[str, Any] = {}
    visits: list[dict[str, Any]] = []
    practitioners: list[dict[str, Any]] = []
    patient: dict[str, Any] = {}
    encounter: dict[str, Any] = {}
    lines: list[dict[str, Any]] = []
    history: list[dict[str, Any]] = []
    findings: list[ExpectedFinding] = []
    hints: list[ExpectedHint] = []
    not_evaluated: list[ExpectedGap] = []
    completeness: Literal["COMPLETE", "PARTIAL", "NONE"] | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a `boundary` of a case of another kind."""
        if self.boundary is not None and self.kind != "boundary":
            raise ValueError(f"`boundary` is for cases of kind boundary, `{self.name}` is {self.kind}")


class TestFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One test file."""

    case: list[TestCase]
    defaults: dict[str, Any] = {}


class Failure(msgspec.Struct, frozen=True):
    """A case that did not come out as expected."""

    path: str
    case: str
    differences: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([f"{self.path}: {self.case}", *(f"  {difference}" for difference in self.differences)])


class Outcome(msgspec.Struct, frozen=True):
    """How a pack's own tests went."""

    passed: int
    failures: tuple[Failure, ...]

    @property
    def is_good(self) -> bool:
        """Whether the pack may be activated: it has tests, and they all pass."""
        return self.passed > 0 and not self.failures


def run_tests(tests: Mapping[str, dict[str, Any]], rows: RowSource) -> Outcome:
    """Run every case of a pack's test files against `rows`. Never raises for what the files contain."""
    passed = 0
    failures: list[Failure] = []
    for path, document in sorted(tests.items()):
        try:
            file = msgspec.convert(document, TestFile, strict=False)
        except msgspec.ValidationError as error:
            failures.append(Failure(path, "(file)", (str(error),)))
            continue
        broken = {
            members[0].name: text for members in boundaries.sets(file.case) if (text := boundaries.problem(members))
        }
        for test in file.case:
            differences = _differences(test, file.defaults, rows)
            if test.name in broken:
                differences.append(broken[test.name])
            if differences:
                failures.append(Failure(path, test.name, tuple(differences)))
            else:
                passed += 1
    return Outcome(passed, tuple(failures))


def case_of_test(test: TestCase, defaults: Mapping[str, Any]) -> Case:
    """Return the case that a test states, with the file's defaults under it. Raises DocumentError."""
    encounter = {"id": "E1", "facility_id": "F1", **defaults.get("encounter", {}), **test.encounter}
    history: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for number, line in enumerate(test.history, 1):
        place = (line.get("encounter_id", encounter["id"]), line.get("facility_id", encounter["facility_id"]))
        own = {name: value for name, value in line.items() if name not in ("encounter_id", "facility_id")}
        history.setdefault(place, []).append({"order_id": f"h{number}", **own})
    document = {
        "message_id": "test",
        "time": test.time or defaults.get("time"),
        "triggers": test.triggers or defaults.get("triggers", ["other"]),
        "patient": {"id": "P1", **defaults.get("patient", {}), **test.patient},
        "encounter": {
            **encounter,
            "lines": [{"order_id": str(number), **line} for number, line in enumerate(test.lines, 1)],
        },
        "history": [
            {"id": encounter_id, "facility_id": facility_id, "lines": lines}
            for (encounter_id, facility_id), lines in history.items()
        ],
        "visits": test.visits or defaults.get("visits", []),
        "practitioners": test.practitioners or defaults.get("practitioners", []),
    }
    try:
        site = msgspec.convert({**defaults.get("site", {}), **test.site}, Site, strict=False)
    except msgspec.ValidationError as error:
        raise DocumentError(f"site: {error}") from error
    return read_document(document, site)


def _differences(test: TestCase, defaults: Mapping[str, Any], rows: RowSource) -> list[str]:
    try:
        result = evaluate(case_of_test(test, defaults), EMPTY, rows)
    except DocumentError as error:
        return [f"the case cannot be read: {error}"]
    differences = _compare("finding", [_key(expected) for expected in test.findings], _found(test.findings, result))
    hints = [
        (hint.row.rule.id, hint.line.order_id if hint.line else "", sorted({m.fact for m in hint.missing}))
        for hint in result.hints
    ]
    differences += _compare("hint", [(hint.rule, hint.line, sorted(hint.missing)) for hint in test.hints], hints)
    ignored = defaults.get("ignore_not_evaluated", ())
    gaps = [
        (gap.reason, gap.line.order_id if gap.line else "") for gap in result.not_evaluated if gap.reason not in ignored
    ]
    differences += _compare("not evaluated", [(gap.reason, gap.line) for gap in test.not_evaluated], gaps)
    completeness = result.completeness
    if completeness is Completeness.PARTIAL and not (gaps or hints):
        completeness = Completeness.COMPLETE  # but for what the file does not compare
    if test.completeness is not None and completeness.name != test.completeness:
        differences.append(f"completeness is {completeness.name}, expected {test.completeness}")
    return differences


def _key(expected: ExpectedFinding) -> tuple[Any, ...]:
    stated = tuple(getattr(expected, name) for name in COMPARED_WHERE_STATED)
    return (expected.rule, sorted(expected.violating), sorted(expected.related), *stated)


COMPARED_WHERE_STATED = ("action", "amount", "message", "row")


def _found(expected: Sequence[ExpectedFinding], result: Result) -> list[tuple[Any, ...]]:
    """Return the findings as expectations: what is compared only where stated, as the expectation states it."""
    open_expectations = list(expected)
    found: list[tuple[Any, ...]] = []
    for finding in result.findings:
        place = (
            finding.row.rule.id,
            sorted(line.order_id for line in finding.violating),
            sorted(line.order_id for line in finding.related),
        )
        values = {
            "action": finding.action.name,
            "amount": str(finding.amount),
            "message": finding.message,
            "row": finding.row.id,
        }
        candidates = [e for e in open_expectations if (e.rule, sorted(e.violating), sorted(e.related)) == place]
        agreeing = [e for e in candidates if all(getattr(e, n) in (None, values[n]) for n in COMPARED_WHERE_STATED)]
        same = next(iter(agreeing or candidates), None)
        if same is not None:
            open_expectations.remove(same)
        stated = (values[name] if same and getattr(same, name) is not None else None for name in COMPARED_WHERE_STATED)
        found.append((*place, *stated))
    return found


def _compare(what: str, expected: list[Any], found: list[Any]) -> list[str]:
    remaining = list(found)
    differences: list[str] = []
    for item in expected:
        if item in remaining:
            remaining.remove(item)
        else:
            differences.append(f"{what} expected and not there: {item}")
    differences += [f"{what} there and not expected: {item}" for item in remaining]
    return differences
