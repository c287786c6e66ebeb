"""T19 前置证据: what must be known or agreed before an item is used: a test, a culture, a gene, a consultation, a consent."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

from ruleset.case import Attestation, Line, Observation
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.results import COMPARED, Comparison, compares, is_named, newest, text_of
from ruleset.template import FALSE, Template, subject_keys, subject_problems
from ruleset.templates.item_row import ItemRow
from ruleset.units import read_unit

TestKind = Literal["检验", "培养", "基因", "影像", "筛查评分", "皮试", "生命体征"]
VouchedKind = Literal["会诊", "知情同意", "特殊审批"]

OBSERVATION_OF: dict[str, str] = {
    "检验": "laboratory",
    "培养": "culture",
    "基因": "gene",
    "影像": "imaging",
    "筛查评分": "screening",
    "皮试": "skin_test",
    "生命体征": "vital_sign",
    "会诊": "consultation",
    "知情同意": "consent",
}
"""The kind of observation (`ruleset.case.Observation.kind`) that a kind of evidence may stand under."""

ATTESTATION_OF: dict[str, str] = {
    "会诊": "consultation",
    "知情同意": "informed_consent",
    "特殊审批": "special_approval",
}
"""The kind of attestation (`ruleset.case.Attestation.kind`) by which a person vouches for it."""


class Params(ItemRow, frozen=True, kw_only=True):
    """The items of a row and the one piece of evidence that they need.

    `evidence` is its kind, `evidence_name` what the doctor reads. For a test, `test_names` are the codes or names by
    which its results are found, whatever their kind; for 培养 it may be empty: any culture will do. `comparison`,
    `value` and `unit`, or `words` (阳性 and 阴性 stand for their spellings), say what the result must be; with neither,
    any result will do. `within_days`: at most so many calendar days before the order; empty: whenever.
    `ordered_is_enough` 是: a test that is only ordered will do (送检).
    会诊, 知情同意, 特殊审批 need a person who vouches for it, for the encounter or for this line; no names, no result.
    """

    evidence: TestKind | VouchedKind
    evidence_name: str
    test_names: tuple[str, ...] = ()
    comparison: Comparison | Literal[""] = ""
    value: Decimal | None = None
    unit: str = ""
    words: tuple[str, ...] = ()
    within_days: int | None = None
    ordered_is_enough: Literal["", "是"] = ""


class PriorEvidence(Template):
    """TRUE when the evidence is there and says something else than the row wants, or is not there for certain.

    What is dated by the order's begin, by the end of its day where it states a date alone, or by the message's time,
    whichever is last, is known. A test: the last one known that is named so, within the days, decides (an earlier one of another
    result does not count). None: TRUE where the site's feed of observations is complete, else UNKNOWN (`observations`,
    with the date of a result that is too old). A result without a time counts only where the row sets no days; one
    without the value, unit or words to compare is UNKNOWN (`observations`).
    会诊, 知情同意, 特殊审批: the attestations of the encounter, known by then where they state a time; 会诊 and 知情同意
    also by a final observation of the encounter or without one, known by then. None: TRUE where the site's feed of attestations is
    complete, else UNKNOWN (`attestations`). One result per line; other lines do not count.
    """

    id = "T19"
    title = "前置证据"
    columns = Params
    row_name = ("subject", "evidence", "evidence_name")
    needs = ("observations", "attestations")
    evidence = ("needed", "found", "wanted")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject, and the columns that its kind of evidence needs."""
        yield from subject_problems(params)
        yield from _problems(params)

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE without the evidence, or against it."""
        assert line.begin is not None  # a line without a time is never judged
        if params.evidence in ATTESTATION_OF:
            if _is_vouched(params, line, chart):
                return FALSE
            if chart.is_complete("attestations"):
                return (_lacking(params, "没有记录"),)
            detail = f"没有{params.evidence_name}的记录，也不知道是否做过。"
            return (Judgement(missing=(Missing("attestations", detail),)),)
        results = [one for one in chart.case.patient.observations if _counts(params, one)]
        last = newest(
            results,
            line.begin,
            known_by=chart.as_of(line),
            within_days=params.within_days,
            label=params.evidence_name,
        )
        if isinstance(last, Missing):
            undated = any(one.time is None for one in results)
            if chart.is_complete("observations") and not undated:
                return (_lacking(params, last.detail.removesuffix("。")),)
            return (Judgement(missing=(last,)),)
        if last.status == "ordered":
            return FALSE
        fits = compares(last, params.comparison, params.value, params.unit, params.words)
        if isinstance(fits, Missing):
            return (Judgement(missing=(fits,)),)
        return FALSE if fits else (_lacking(params, text_of(last)),)


def _problems(params: Params) -> Iterator[str]:
    if params.evidence in ATTESTATION_OF:
        for name in ("test_names", "comparison", "words", "within_days", "ordered_is_enough"):
            if getattr(params, name):
                yield f"`{name}` is for a test, the row's `evidence` is {params.evidence}"
        return
    if not params.test_names and params.evidence != "培养":
        yield f"`test_names` is empty: which {params.evidence} it is, nobody could say"
    if params.comparison and params.words:
        yield "give either `comparison` or `words`"
    if (params.comparison != "") != (params.value is not None):
        yield "`comparison` and `value` go together"
    if params.unit and read_unit(params.unit) is None:
        yield f"`unit` is `{params.unit}`, which is no known unit"
    if params.ordered_is_enough and (params.comparison or params.words):
        yield "`ordered_is_enough` is for a row that wants no particular result"
    if params.within_days is not None and params.within_days < 0:
        yield f"`within_days` is {params.within_days}, expected 0 or more"


def _counts(params: Params, observation: Observation) -> bool:
    if observation.status == "ordered" and not params.ordered_is_enough:
        return False
    if params.test_names:
        return is_named(observation, params.test_names)
    return observation.kind == OBSERVATION_OF[params.evidence]


def _is_vouched(params: Params, line: Line, chart: Chart) -> bool:
    encounter = chart.case.encounter
    known_by = chart.as_of(line)
    for attestation in encounter.attestations:
        if attestation.kind == ATTESTATION_OF[params.evidence] and _is_for(attestation, line, known_by):
            return True
    kind = OBSERVATION_OF.get(params.evidence)
    return any(
        one.kind == kind
        and one.status == "final"
        and one.encounter_id in ("", encounter.id)
        and (one.time is None or one.time <= known_by)
        for one in chart.case.patient.observations
    )


def _is_for(attestation: Attestation, line: Line, at: datetime) -> bool:
    if attestation.time is not None and attestation.time > at:
        return False
    return not attestation.order_ids or line.order_id in attestation.order_ids


def _lacking(params: Params, found: str) -> Judgement:
    wanted = ""
    if params.comparison:
        assert params.value is not None  # the row was checked
        wanted = f"{COMPARED[params.comparison]}{params.value.normalize():f} {params.unit}".rstrip()
    elif params.words:
        wanted = f"为{'或'.join(params.words)}"
    within = f"{params.within_days}天内的" if params.within_days is not None else ""
    needed = f"{within}{params.evidence_name}"
    return Judgement(evidence={"needed": needed, "found": found, "wanted": f"，结果应{wanted}" if wanted else ""})
