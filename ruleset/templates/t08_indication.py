"""T08 限适应症: the item is paid for, or used, only for some conditions: diagnoses, and what must go with them."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple

from ruleset import ages, diagnoses, results
from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.outcome import Judgement, Missing
from ruleset.template import FALSE, SUBJECT_COLUMNS, Template, group_key, item_key, subject_keys, subject_problems
from ruleset.templates.item_row import ItemRow
from ruleset.templates.t02_facility_level import MIN_RANK, RANK
from ruleset.templates.t06_sex import SEX_OF
from ruleset.templates.t07_age import whose_age

if TYPE_CHECKING:
    from ruleset.rule import Row

NOT_REVIEWED = Missing("reviewed_condition", "限定条件只公布了文字，尚未经药师审核成可判断的条件，请对照公布的文字核对")
CONDITION_COLUMNS = ("diagnoses", "also_diagnoses", "sex", "min_age", "below_age", "min_level", "evidence_names")
"""Columns that state a condition; a row with none of them is a text."""


class Params(ItemRow, frozen=True, kw_only=True):
    """One published text (`row_ref` is its own reference), the items it speaks of, and one way of meeting it.

    The items are `item_codes`, or the one subject of `item_code`, `ingredient`, `drug_class`, `item_kind`. A row with no
    condition is a text that nobody has turned into facts. Else every stated condition must hold:

    `diagnoses`: the encounter has a diagnosis with one of these prefixes (compared without dots and case);
    `also_diagnoses`: and one with one of these. With `history_months` the diagnoses of other encounters count for both, where
    fewer than so many whole months lie between the end of the encounter (else its beginning) and the order: exactly so
    many months ago is outside. An encounter that begins later than what is known (below) does not count. `sex`. `min_age`,
    `below_age`: from the first age on, up to but not including the second (28天, 6月, 18岁). `min_level`: the institution's
    level or above. `evidence_names`: codes or names of observations; the newest final one known (by the order's begin, by
    the end of its day where it states a date alone, or by the message's time, whichever is last), where
    `evidence_within_days` is stated at most so many calendar days before the order's, is `evidence_comparison` `evidence_value` in
    `evidence_unit`, or one of `evidence_words`; with neither, that there is one is enough.

    Several rows of one rule and one `row_ref`, each with its own `alternative`, are alternatives: one that holds is
    enough. Only those count that speak of the line's item, are in force on its day, in scope and not exempt for it (a
    payment row says nothing of a self-paid line); they need not share scope and exemption. `indication` is the condition in the hospital's own words.
    """

    row_ref: str
    item_codes: tuple[str, ...] = ()
    alternative: str = ""
    indication: str = ""
    diagnoses: tuple[str, ...] = ()
    also_diagnoses: tuple[str, ...] = ()
    history_months: int | None = None
    sex: Literal["", "男", "女"] = ""
    min_age: str = ""
    below_age: str = ""
    min_level: Literal["", "二级", "三级"] = ""
    evidence_names: tuple[str, ...] = ()
    evidence_comparison: results.Comparison | Literal[""] = ""
    evidence_value: Decimal | None = None
    evidence_unit: str = ""
    evidence_words: tuple[str, ...] = ()
    evidence_within_days: int | None = None

    @property
    def name(self) -> str:
        """What makes the row's id: the reference, and the alternative where there are several."""
        return f"{self.row_ref}#{self.alternative}" if self.alternative else self.row_ref

    @property
    def is_text(self) -> bool:
        """Whether the row states no condition that can be judged."""
        return not any(getattr(self, name) for name in CONDITION_COLUMNS)


class Indication(Template):
    """TRUE only when every alternative is definitely false; FALSE when one is true; else UNKNOWN with what is missing.

    An alternative is false as soon as one of its conditions is; one that is true, but of which a missing fact leaves open
    whether it is in scope or exempt, is unknown (that fact). The result is that of the first alternative that counts, in
    the order of `alternative`, those that surely count before those of which it is open. A text alone is always UNKNOWN (`reviewed_condition`),
    so that the doctor is reminded of it. A diagnosis (`diagnoses`) is unknown where it is only suspected (now, or in an encounter that counts), where the
    encounter has no coded diagnosis at all or one without a code, where the dictionary lacks one, and, with
    `history_months`, where none is found and the site does not vouch for the feed `diagnoses`. Sex, date of birth, level:
    unknown where they are, and the age as in T07. Evidence (`observations`) that is absent or too old is unknown unless the site vouches for that
    feed; a result without a time (where days count), a value, or a unit that can be converted is unknown anyhow.
    """

    id = "T08"
    title = "限适应症"
    columns = Params
    row_name = ("name",)
    needs = (
        "reviewed_condition",
        "diagnoses",
        "sex",
        "birth_date",
        "birth_time",
        "begin",
        "visit_kind",
        "facility_level",
        "observations",
        "payer",
    )
    evidence = ("indication", "diagnoses", "candidates")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by each of the items; an alternative by its text's reference too, to find the others."""
        group = (_group_key(params.row_ref),) if params.alternative else ()
        return (*(item_key(code) for code in params.item_codes), *subject_keys(params), *group)

    def problems(self, params: Params) -> Iterator[str]:
        """A row speaks of some items, and its conditions can hold."""
        if not params.item_codes:
            yield from subject_problems(params)
        elif any(getattr(params, name) for name in SUBJECT_COLUMNS):
            yield f"the row speaks of `item_codes` and of `{params.subject}`: give one of them"
        if params.history_months is not None and (params.history_months < 1 or not params.diagnoses):
            yield f"`history_months` is {params.history_months}, expected 1 or more beside `diagnoses`"
        for name in ("min_age", "below_age"):
            try:
                if getattr(params, name):
                    ages.parse_age(getattr(params, name))
            except ValueError as error:
                yield f"`{name}`: {error}"
        if bool(params.evidence_comparison) != (params.evidence_value is not None):
            yield "`evidence_comparison` and `evidence_value` belong together"
        if not params.evidence_names and (params.evidence_comparison or params.evidence_words):
            yield "`evidence_names` is empty: whose result is compared?"

    def can_violate(self, params: Params) -> bool:
        """Say whether the row is more than a text."""
        return not params.is_text

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE when no alternative can hold; UNKNOWN when one might, and always for a text alone."""
        judged = self._alternatives(params, line, chart) if params.alternative else [_Alternative(params, ())]
        if not judged or judged[0].params != params:
            return FALSE  # the first alternative speaks for all; one that does not apply says nothing
        missing: list[Missing] = []
        for alternative, doubts in judged:
            held = _holds(alternative, line, chart)
            if held is True and not doubts:
                return FALSE
            if held is True:
                missing.extend(doubts)
            elif held is not False:
                missing.extend(held)
        alternatives = [one.params for one in judged]
        if missing:
            return (Judgement(missing=tuple(dict.fromkeys(missing))),)
        known = sorted({diagnosis.name or diagnosis.code for diagnosis in chart.case.encounter.diagnoses})
        evidence = {
            "indication": "；或".join(dict.fromkeys(_indication(alternative) for alternative in alternatives)),
            "diagnoses": "、".join(known) or "无",
            "candidates": _candidates([prefix for one in alternatives for prefix in one.diagnoses]),
        }
        return (Judgement(evidence=evidence),)

    def _alternatives(self, params: Params, line: Line, chart: Chart) -> "list[_Alternative]":
        """Return the alternatives of the row's own rule that apply to the line, the ones that surely do first.

        Of two rules that state an equal row, the alternatives are those of the first.
        """
        rows = [row for row in chart.rows(_group_key(params.row_ref)) if row.rule.template is self]
        rule = next(row.rule for row in rows if row.params == params)
        found: list[_Alternative] = []
        for row in rows:
            if row.rule is rule and _speaks_of(row.params, line, chart):
                doubts = _doubts(row, line, chart)
                if doubts is not None:
                    found.append(_Alternative(row.params, doubts))
        return sorted(found, key=lambda one: (bool(one.doubts), one.params.alternative))


class _Alternative(NamedTuple):
    """A row that applies to the line, unless a fact that is missing (`doubts`) says otherwise."""

    params: Params
    doubts: tuple[Missing, ...]


def _doubts(row: "Row", line: Line, chart: Chart) -> tuple[Missing, ...] | None:
    """Return None where a row does not apply to the line, as the evaluator decides it; else what is missing to know."""
    assert line.begin is not None  # a line without a time is never judged
    if not row.valid_from <= line.begin.toordinal() < row.valid_to or (line.self_pay and row.is_payment):
        return None
    payer = chart.case.encounter.payer
    if payer in row.exempt_payers:
        return None
    doubts = [Missing("payer")] if payer is None and row.exempt_payers else []
    if row.scope is not None:
        held, missing = chart.in_scope(row.scope, line)
        if held is False:
            return None
        doubts.extend(missing)
    if row.exempt is not None:
        spared, missing = row.exempt.spares(chart, line)
        if spared:
            return None
        doubts.extend(missing)
    return tuple(doubts)


def _group_key(row_ref: str) -> str:
    return group_key(f"T08:{row_ref}")


def _speaks_of(params: Params, line: Line, chart: Chart) -> bool:
    return line.item_code in params.item_codes if params.item_codes else chart.is_about(line, params)


def _holds(params: Params, line: Line, chart: Chart) -> bool | list[Missing]:
    """Say whether every condition of an alternative holds, or what is missing."""
    if params.is_text:
        return [NOT_REVIEWED]
    missing: list[Missing] = []
    answers = (
        _diagnosed(params, line, chart),
        _of_sex(params, chart),
        _of_age(params, line, chart),
        _at_level(params, chart),
        _has_evidence(params, line, chart),
    )
    for held in answers:
        if held is False:
            return False
        if isinstance(held, Missing):
            missing.append(held)
    return missing or True


def _diagnosed(params: Params, line: Line, chart: Chart) -> bool | Missing:
    answers = [_has_diagnosis(params, prefixes, line, chart) for prefixes in (params.diagnoses, params.also_diagnoses)]
    if False in answers:
        return False
    return next((answer for answer in answers if isinstance(answer, Missing)), True)


def _has_diagnosis(params: Params, prefixes: tuple[str, ...], line: Line, chart: Chart) -> bool | Missing:
    if not prefixes:
        return True
    months = params.history_months
    known = list(chart.case.encounter.diagnoses)
    if months is not None:
        known.extend(one for _, diagnosed in chart.past_diagnoses(line, months) for one in diagnosed)
    confirmed, suspected = diagnoses.find(known, prefixes)
    if confirmed:
        return True
    remedy = f"如确有{params.indication or '相应的疾病'}，请补诊断（候选编码：{_candidates(prefixes)}）"
    if suspected:
        return Missing("diagnoses", f"“{suspected[0].name or suspected[0].code}”只是疑似诊断；{remedy}")
    encounter = chart.case.encounter
    if not any(diagnosis.code for diagnosis in encounter.diagnoses):
        return Missing("diagnoses", f"本次就诊没有已编码的诊断；{remedy}")
    for diagnosis in encounter.diagnoses:
        if not diagnosis.code:
            return Missing("diagnoses", f"诊断“{diagnosis.name}”没有编码；{remedy}")
    for unknown in encounter.unknown_facts:
        if unknown.fact == "diagnoses":
            return Missing("diagnoses", f"{unknown.reason}；{remedy}")
    if months is not None and not chart.is_complete("diagnoses"):
        return Missing("diagnoses", f"近{months}个月的既往诊断可能不全；{remedy}")
    return False


def _of_sex(params: Params, chart: Chart) -> bool | Missing:
    sex = chart.case.patient.sex
    if not params.sex:
        return True
    return Missing("sex") if sex is None else SEX_OF[sex] == params.sex


def _of_age(params: Params, line: Line, chart: Chart) -> bool | Missing:
    if not (params.min_age or params.below_age):
        return True
    patient = chart.case.patient
    at = ages.moment_of(line)
    unreadable = whose_age(at, chart)
    if unreadable is not None:
        return unreadable
    old_enough = ages.has_reached(patient, at, ages.parse_age(params.min_age)) if params.min_age else True
    too_old = ages.has_reached(patient, at, ages.parse_age(params.below_age)) if params.below_age else False
    if old_enough is False or too_old is True:
        return False
    return next((answer for answer in (old_enough, too_old) if isinstance(answer, Missing)), True)


def _at_level(params: Params, chart: Chart) -> bool | Missing:
    level = chart.case.encounter.facility_level
    if not params.min_level:
        return True
    return Missing("facility_level") if level is None else RANK[level] >= MIN_RANK[params.min_level]


def _has_evidence(params: Params, line: Line, chart: Chart) -> bool | Missing:
    if not params.evidence_names:
        return True
    assert line.begin is not None  # a line without a time is never judged
    found = [
        observation
        for observation in chart.case.patient.observations
        if observation.status == "final" and results.is_named(observation, params.evidence_names)
    ]
    label = f"“{params.evidence_names[0]}”"
    newest = results.newest(
        found, line.begin, known_by=chart.as_of(line), within_days=params.evidence_within_days, label=label
    )
    if isinstance(newest, Missing):
        undated = any(observation.time is None for observation in found)
        return newest if undated or not chart.is_complete("observations") else False
    return results.compares(
        newest, params.evidence_comparison, params.evidence_value, params.evidence_unit, params.evidence_words
    )


def _candidates(prefixes: Sequence[str]) -> str:
    return "、".join(dict.fromkeys(prefixes)) or "无"


def _indication(params: Params) -> str:
    """Return the condition for a person: in the hospital's words, else by its codes and figures."""
    if params.indication:
        return params.indication
    parts = [f"诊断{'或'.join(prefixes)}" for prefixes in (params.diagnoses, params.also_diagnoses) if prefixes]
    parts += [f"{params.sex}性"] if params.sex else []
    parts += [f"满{params.min_age}"] if params.min_age else []
    parts += [f"不满{params.below_age}"] if params.below_age else []
    parts += [f"{params.min_level}及以上医疗机构"] if params.min_level else []
    parts += [f"有“{params.evidence_names[0]}”的结果"] if params.evidence_names else []
    return "，".join(parts)
