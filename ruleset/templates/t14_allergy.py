"""T14 过敏: a drug to which, or to whose relatives, the patient is allergic."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from ruleset.case import Allergy, Line
from ruleset.chart import RUNNING_LOOK_BACK_DAYS, Chart
from ruleset.codes import class_prefixes
from ruleset.drug import DRUG_KINDS
from ruleset.drug_names import generic_name
from ruleset.outcome import Judgement, Missing
from ruleset.results import plain, sign_of
from ruleset.template import FALSE, Template, class_key, ingredient_key, item_key, subject_keys, subject_problems
from ruleset.templates.item_row import ItemRow

Severity = Literal["轻度", "中度", "重度"]
SEVERITY_OF: dict[str, Severity] = {"mild": "轻度", "moderate": "中度", "severe": "重度"}
RANK: dict[str, int] = {"轻度": 1, "中度": 2, "重度": 3}

RELATION_TEXT = {"同物质": "是同一药物", "同类": "是同类药物", "交叉": "可能与之交叉过敏"}
"""What is said of the item after its name in a message."""

_ENDINGS = ("皮试阳性", "过敏性休克", "过敏史", "过敏", "皮试", "类药物", "试验")
"""What sites write after the name of a substance in a record of an allergy or a skin test."""


class Params(ItemRow, frozen=True, kw_only=True):
    """What the subject's drugs have to do with an allergy.

    `relation` 同物质: the allergy is to a substance (or the item code) of the drug itself; `allergens` is empty, and one
    row with `item_kind` drug speaks of every drug. 同类, 交叉: the allergy is to one of `allergens`, or to a member of
    it; for 同类, empty `allergens` stand for the subject's own `drug_class`. An allergen is a substance, an ATC code or
    a list of the pack; its members are those substances and codes that stand in the list, and ATC codes below it. An
    allergy to a substance of the drug itself is 同物质 alone.
    `min_severity`, `below_severity` (轻度 < 中度 < 重度): only allergies at least so severe, and less severe than that.
    An allergy without a severity is below any, and UNKNOWN to `min_severity`.
    """

    relation: Literal["同物质", "同类", "交叉"]
    allergens: tuple[str, ...] = ()
    min_severity: Severity | Literal[""] = ""
    below_severity: Severity | Literal[""] = ""

    @property
    def severities(self) -> str:
        """The severities that the row speaks of, for its id."""
        low, high = self.min_severity, self.below_severity
        return (f"{low}起" if low else "") + (f"{high}以下" if high else "")


class _Known(NamedTuple):
    """One allergy of the patient, under every name by which a row may speak of it."""

    substance: str
    names: frozenset[str]
    """The substance and the code, as written and as generic names."""
    groups: frozenset[str]
    """Lists and ATC classes that these belong to."""
    severity: Severity | Literal[""]
    text: str
    is_understood: bool
    """Whether a row or a list of some pack knows the name or the code, or one of them is an ATC code."""


class AllergyConflict(Template):
    """TRUE for each line of a drug that an active allergy speaks against; one result per line, of its worst allergy.

    Allergies: the recorded ones that are active (neither inactive nor refuted); a positive skin test that the
    patient's observations hold, whenever it was; and one that stands on a drug line that is not a refund and began at most
    400 days before the judged one and not after what is known (the judged line's beginning, the end of its day where it states a date alone, the time of the message) (of that line's substances, else its name; the judged line's own too). A
    skin test has no severity.
    Names are compared whole, without blanks, width, case, salt and form, and without 过敏, 过敏史, 皮试 after them.
    UNKNOWN (`allergies`), where none is TRUE: no allergy is recorded and neither `allergies_checked` nor a complete
    feed of allergies says that there is none; the severity that the row asks for is not recorded; or an allergy is
    recorded in words and a code that no row and no list of the packs knows, and that are no ATC code: a site's own code
    says nothing by itself. A list may name what is no drug (海鲜), so
    that it is understood. A line whose substances are unknown has only its item code and classes.
    """

    id = "T14"
    title = "过敏"
    columns = Params
    row_name = ("subject", "relation", "allergens", "severities")
    needs = ("allergies",)
    evidence = ("allergen", "relation", "severity", "source")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject, and allergens where its relation needs them."""
        yield from subject_problems(params)
        if params.relation == "同物质" and params.allergens:
            yield "`allergens` is empty for 同物质: it is the drug's own substances"
        if params.relation == "交叉" and not params.allergens:
            yield "`allergens` is empty: 交叉 needs another substance or class"
        if params.relation == "同类" and not (params.allergens or params.drug_class):
            yield "`allergens` is empty: 同类 needs it, or a `drug_class`"
        if params.min_severity and params.below_severity and RANK[params.min_severity] >= RANK[params.below_severity]:
            yield "`min_severity` is not below `below_severity`: no severity is between them"

    def is_idle(self, params: Params, chart: Chart) -> bool:
        """FALSE for every line where it is known that there is no allergy."""
        return _without_any(chart) is FALSE

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE for the most severe of the allergies that the row speaks of."""
        simple = _without_any(chart)
        if simple is not None:
            return simple
        missing: list[Missing] = []
        found: list[_Known] = []
        known = [*_recorded(chart), *_tested(line, chart)]
        own = _own_names(line, chart)
        for allergy in known:
            same = not own.isdisjoint(allergy.names)
            if params.relation == "同物质":
                concerned = same
            else:
                wanted = params.allergens or (params.drug_class,)
                concerned = not same and any(one in allergy.groups or plain(one) in allergy.names for one in wanted)
            if not concerned:
                if not same and not allergy.is_understood:
                    missing.append(Missing("allergies", f"过敏史“{allergy.substance}”无法对应到药品，请核对。"))
                continue
            severe_enough = _severity_fits(params, allergy)
            if severe_enough:
                found.append(allergy)
            elif severe_enough is None:
                missing.append(Missing("allergies", f"“{allergy.substance}”过敏的严重程度没有记录。"))
        if found:
            worst = max(found, key=lambda allergy: (RANK.get(allergy.severity, 0), allergy.substance, allergy.text))
            return (Judgement(evidence=_evidence(params, worst)),)
        if _is_silent(chart):
            missing.append(NOTHING_RECORDED)
        return (Judgement(missing=tuple(dict.fromkeys(missing))),) if missing else FALSE


NOTHING_RECORDED = Missing("allergies", "没有登记过敏史，也没有登记“无过敏史”。")
UNASKED = (Judgement(missing=(NOTHING_RECORDED,)),)


def _is_silent(chart: Chart) -> bool:
    """Say whether nobody recorded an allergy, nor that there is none."""
    patient = chart.case.patient
    return not patient.allergies and not patient.allergies_checked and not chart.is_complete("allergies")


def _without_any(chart: Chart) -> Sequence[Judgement] | None:
    """Return what every row says where no allergy and no positive skin test is known; None where there is one."""
    if "T14 without any" not in chart.memo:
        known = _recorded(chart) or chart.positive_skin_tests()
        chart.memo["T14 without any"] = None if known else (UNASKED if _is_silent(chart) else FALSE)
    answer: Sequence[Judgement] | None = chart.memo["T14 without any"]
    return answer


def _severity_fits(params: Params, allergy: _Known) -> bool | None:
    if not allergy.severity:
        return None if params.min_severity else True
    rank = RANK[allergy.severity]
    if params.min_severity and rank < RANK[params.min_severity]:
        return False
    return not params.below_severity or rank < RANK[params.below_severity]


def _evidence(params: Params, allergy: _Known) -> dict[str, str]:
    return {
        "allergen": allergy.substance,
        "relation": RELATION_TEXT[params.relation],
        "severity": allergy.severity or "程度未记录",
        "source": allergy.text,
    }


def _recorded(chart: Chart) -> Sequence[_Known]:
    """Return the recorded allergies and the observed positive skin tests, worked out once for a check."""
    found: list[_Known] | None = chart.memo.get(("T14", "recorded"))
    if found is None:
        patient = chart.case.patient
        found = [
            _known(chart, allergy.substance, allergy.code, SEVERITY_OF.get(allergy.severity or "", ""), _said(allergy))
            for allergy in patient.allergies
            if allergy.status == "active"
        ]
        for test in patient.observations:
            if test.kind == "skin_test" and test.status == "final" and sign_of(test.text) == "阳性":
                day = f"{test.time.date()}" if test.time is not None else ""
                found.append(_known(chart, test.name, test.code, "", f"{day}皮试阳性"))
        chart.memo["T14", "recorded"] = found
    return found


def _said(allergy: Allergy) -> str:
    return f"过敏史（{allergy.reaction}）" if allergy.reaction else "过敏史"


def _tested(line: Line, chart: Chart) -> Iterator[_Known]:
    """Yield the substances of drug lines with a positive skin test, up to the judged line."""
    assert line.begin is not None  # a line without a time is never judged
    for other in chart.positive_skin_tests():
        assert other.begin is not None  # such lines have a time
        days = line.begin.toordinal() - other.begin.toordinal()
        if other.item_kind not in DRUG_KINDS:
            continue
        if other.begin <= chart.as_of(line) and days <= RUNNING_LOOK_BACK_DAYS:
            for name in chart.drug(other).ingredients or (other.name,):
                yield _known(chart, name, "", "", f"{other.begin.date()}皮试阳性")


def _known(chart: Chart, substance: str, code: str, severity: Severity | Literal[""], text: str) -> _Known:
    written = [one for one in (substance.strip(), code.strip()) if one]
    bare = [ending for one in written if (ending := _without_ending(one)) != one]
    generic = [name for one in (*written, *bare) if (name := generic_name(one))]
    spelled = dict.fromkeys((*written, *bare, *generic))
    keys = [key(one) for one in spelled for key in (ingredient_key, class_key, item_key)]
    classes = [prefix for one in spelled if _is_atc(one) for prefix in class_prefixes(one)]
    lists = [name for key in (*keys, *map(class_key, classes)) for name in chart.lists(key)]
    understood = bool(classes) or bool(lists) or any(chart.rows(key) for key in keys)
    names = frozenset(plain(one) for one in spelled)
    return _Known(
        _without_ending(substance.strip()) or code, names, frozenset((*lists, *classes)), severity, text, understood
    )


def _without_ending(text: str) -> str:
    for ending in _ENDINGS:
        if text.endswith(ending) and len(text) > len(ending):
            return text.removesuffix(ending)
    return text


def _is_atc(text: str) -> bool:
    return text.isascii() and len(text) in (3, 4, 5, 7) and text[0].isalpha() and text[1:3].isdigit()


def _own_names(line: Line, chart: Chart) -> frozenset[str]:
    """Return the names by which an allergy is to the line's drug itself."""
    key = ("T14", "own", id(line))
    names: frozenset[str] | None = chart.memo.get(key)
    if names is None:
        spelled = [name for one in chart.drug(line).ingredients for name in (one, generic_name(one)) if name]
        names = frozenset(plain(one) for one in (*spelled, *((line.item_code,) if line.item_code else ())))
        chart.memo[key] = names
    return names
