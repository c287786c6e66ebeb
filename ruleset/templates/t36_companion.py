"""T36 关联缺失、数量不符: something that is only right together with something else, or in a fixed proportion to it."""

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

from ruleset import diagnoses
from ruleset.case import Diagnosis, Line, Operation
from ruleset.chart import Chart
from ruleset.concurrent_use import returned_items
from ruleset.drug import REFUNDS_OF
from ruleset.outcome import Judgement, Missing
from ruleset.sums import CENT
from ruleset.template import (
    FALSE,
    SUBJECT_COLUMNS,
    Subject,
    Template,
    diagnosis_key,
    operation_key,
    subject_keys,
    subject_problems,
    subject_text,
)
from ruleset.timeline import order_of


class Params(Subject, frozen=True, kw_only=True):
    """One subject, and the companions of which it needs any one.

    The subject is an item, substance, class or list, or in their place a prefix of a `diagnosis` or `operation` code
    of the encounter. `companions` are item codes, substances, classes or lists; `companion_operations` and
    `companion_diagnoses` prefixes of codes; `companion_name` is for people. `within`: 单次就诊, the same encounter; 单日,
    the same encounter and calendar day (a diagnosis is of every day).

    `max_ratio`: the quantity of the subject is at most so many times that of the companions in the same window
    (an operation or a diagnosis counts 1); exactly so many is allowed. Only for items, substances, classes and lists.
    """

    diagnosis: str = ""
    operation: str = ""
    companions: tuple[str, ...] = ()
    companion_operations: tuple[str, ...] = ()
    companion_diagnoses: tuple[str, ...] = ()
    companion_name: str = ""
    within: Literal["单日", "单次就诊"] = "单次就诊"
    max_ratio: Decimal | None = None


class Found(NamedTuple):
    """The companions in the window: lines, how many of everything, and what may be one more."""

    lines: tuple[Line, ...]
    """Refunds too, where they leave something."""
    quantity: Decimal
    missing: tuple[Missing, ...]


class Companion(Template):
    """Looks for companions among all lines of the encounter, current and past, earlier and later, and its other facts.

    A companion line counts unless refunds of its item in the window take back all of it; a companion over several days
    is of each of its days; self-pay companions count. The quantity of the subject is the sum over its lines in the
    window (a day: those that begin on it) that are not later than the judged one (refunds reduce it, self-pay lines are
    left out); of a companion, the sum over all its lines, refunds included. Only the judged line violates, with what
    exceeds as its amount; lines that were added up are related. A diagnosis or operation that lacks its companion is a result of the encounter.

    What is absent is a violation only where the site vouches for the feed: `history` for lines and operations,
    `diagnoses` for diagnoses. Else the absence (and an excess, which an unknown companion might cover) is UNKNOWN
    (`history`, `operations`, `diagnoses`). UNKNOWN also: `quantity` where a quantity that decides is not stated (the
    judged line's; another one's of the subject, where the rest is not too much; a companion's, where it is); `begin`
    or `operation_time` where a companion without a time might be of the day; `diagnoses` where one more companion would
    be a suspected diagnosis. A suspected diagnosis as the subject is not judged.
    """

    id = "T36"
    title = "关联缺失与数量不符"
    columns = Params
    also_names = ("companions",)
    row_name = (
        *SUBJECT_COLUMNS,
        "diagnosis",
        "operation",
        "companions",
        "companion_operations",
        "companion_diagnoses",
    )
    needs = ("history", "operations", "operation_time", "diagnoses", "quantity", "begin")
    evidence = ("subject", "companion", "within", "total", "allowed", "excess", "problem")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the subject."""
        if params.diagnosis:
            return (diagnosis_key(params.diagnosis),)
        return (operation_key(params.operation),) if params.operation else subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """One subject, at least one companion, and a ratio of things that are counted."""
        if params.diagnosis or params.operation:
            if (params.diagnosis and params.operation) or subject_keys(params):
                yield "the subject is one thing: an item, substance, class, `diagnosis` or `operation`"
        else:
            yield from subject_problems(params)
        if not (params.companions or params.companion_operations or params.companion_diagnoses):
            yield "no companion: give `companions`, `companion_operations` or `companion_diagnoses`"
        if params.max_ratio is not None:
            if params.max_ratio <= 0:
                yield f"`max_ratio` is {params.max_ratio}, expected more than 0"
            if params.item_kind or params.diagnosis or params.operation:
                yield "`max_ratio` is of an item, a substance, a class or a list"
        if params.diagnosis and params.within == "单日":
            yield "a diagnosis has no day: `within` is `单次就诊`"
        if params.item_code and params.item_code in params.companions:
            yield f"`{params.item_code}` is its own companion"

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """Judge a line by its companions."""
        assert line.begin is not None  # a line without a time is never judged
        day = line.begin.toordinal() if params.within == "单日" else None
        found = _companions(params, line.encounter_id, day, chart)
        if params.max_ratio is not None:
            return _ratio(params, line, day, found, chart)
        if found.quantity > 0 or found.lines:
            return FALSE
        return (_absent(params, found, line.name, chart),)

    def judge_encounter(self, params: Params, about: Diagnosis | Operation | None, chart: Chart) -> Sequence[Judgement]:
        """Judge a diagnosis or an operation by its companions."""
        assert about is not None  # the rows are indexed by diagnosis and operation
        day = None
        if isinstance(about, Diagnosis):
            if diagnoses.is_suspected(about):
                return FALSE
        elif params.within == "单日":
            moment = about.begin or about.performed
            if moment is None:
                return (Judgement(missing=(Missing("operation_time"),)),)
            day = moment.toordinal()
        found = _companions(params, chart.case.encounter.id, day, chart)
        if found.quantity > 0 or found.lines:
            return FALSE
        return (_absent(params, found, about.name or about.code, chart),)


def _lines_named(names: Sequence[str], encounter_id: str, chart: Chart) -> Sequence[Line]:
    """Return the lines of the encounter that are of any of the items, substances, classes or lists.

    Those without a time too, and the refunds of each item.
    """
    lines: dict[int, Line] = {}
    untimed = [line for line in chart.untimed() if line.encounter_id == encounter_id]
    for name in names:
        for line in chart.lines_in_encounter(name, encounter_id):
            lines[id(line)] = line
        timed = (*chart.named(name), *chart.named(REFUNDS_OF + name))
        named = [line for line in timed if line.encounter_id == encounter_id]
        for line in (*named, *(line for line in untimed if chart.is_in(line, name))):
            lines[id(line)] = line
            if not line.is_refund:  # a refund may not say what it is of
                of_item = chart.same_item_in_encounter(line)
                lines.update((id(other), other) for other in of_item if other.is_refund)
    return tuple(lines.values())


def _is_of_day(line: Line, day: int) -> bool:
    assert line.begin is not None  # the caller has looked
    first = line.begin.toordinal()
    last = line.end.toordinal() if line.end is not None else first
    return first <= day <= last or first == day


def _companions(params: Params, encounter_id: str, day: int | None, chart: Chart) -> Found:
    missing: list[Missing] = []
    count = Decimal(0)
    lines: list[Line] = []
    every = _lines_named(params.companions, encounter_id, chart)
    for line in every:
        if day is not None and line.begin is None:
            if not line.is_refund:
                missing.append(Missing("begin", f"“{line.name}”没有时间，不知道是不是当天"))
        elif day is None or _is_of_day(line, day):
            lines.append(line)
    returned = returned_items(lines)
    lines = [line for line in lines if line.item not in returned]
    for line in lines:
        if line.quantity is not None:
            count += line.quantity
        elif params.max_ratio is not None:
            missing.append(Missing("quantity", f"“{line.name}”没有数量"))
    if params.companion_operations:
        for operation in chart.case.encounter.operations:
            if diagnoses.matches(operation.code, params.companion_operations):
                moment = operation.begin or operation.performed
                if day is not None and moment is None:
                    missing.append(Missing("operation_time", f"“{operation.name or operation.code}”没有时间"))
                elif day is None or (moment is not None and moment.toordinal() == day):
                    count += 1
    if params.companion_diagnoses:
        confirmed, suspected = diagnoses.find(chart.case.encounter.diagnoses, params.companion_diagnoses)
        count += len(confirmed)
        missing.extend(Missing("diagnoses", f"“{one.name or one.code}”是疑似诊断") for one in suspected)
    return Found(tuple(lines), count, tuple(missing))


def _open_feeds(params: Params, chart: Chart) -> tuple[Missing, ...]:
    """Say which absent companions may only not have been told."""
    name = params.companion_name or "关联项目"
    missing: list[Missing] = []
    if not chart.is_complete("history"):
        if params.companions:
            missing.append(Missing("history", f"没有“{name}”的记录，不知道是否传全"))
        if params.companion_operations:
            missing.append(Missing("operations", f"没有“{name}”的记录，不知道是否传全"))
    if params.companion_diagnoses and not chart.is_complete("diagnoses"):
        missing.append(Missing("diagnoses", f"没有“{name}”，不知道诊断是否传全"))
    return tuple(missing)


def _evidence(params: Params, subject: str, problem: str, figures: Sequence[Decimal] = ()) -> dict[str, str]:
    total, allowed, excess = (*map(_plain, figures), "", "", "")[:3]
    return {
        "subject": subject,
        "companion": params.companion_name or "、".join(params.companions) or "关联项目",
        "within": "当日" if params.within == "单日" else "本次就诊",
        "total": total,
        "allowed": allowed,
        "excess": excess,
        "problem": problem,
    }


def _absent(params: Params, found: Found, subject: str, chart: Chart) -> Judgement:
    missing = tuple(dict.fromkeys((*found.missing, *_open_feeds(params, chart))))
    evidence = _evidence(params, subject, "")
    evidence["problem"] = f"{evidence['within']}没有{evidence['companion']}"
    return Judgement(evidence=evidence, missing=_sorted(missing))


def _sorted(missing: Sequence[Missing]) -> tuple[Missing, ...]:
    return tuple(sorted(set(missing), key=lambda one: (one.fact, one.detail)))


def _ratio(params: Params, line: Line, day: int | None, found: Found, chart: Chart) -> Sequence[Judgement]:
    assert params.max_ratio is not None  # the caller has looked
    if line.quantity is None:
        return (Judgement(missing=(Missing("quantity"),)),)
    if not line.quantity:
        return FALSE
    total = line.quantity
    counted: list[Line] = []
    missing: list[Missing] = []
    subject = params.item_code or params.ingredient or params.drug_class
    for other in _lines_named((subject,), line.encounter_id, chart):
        if other is line or other.self_pay or other.begin is None or order_of(other) > order_of(line):
            continue
        if day is not None and other.begin.toordinal() != day:
            continue
        if other.quantity is None:
            missing.append(Missing("quantity", f"“{other.name}”没有数量"))
        elif other.quantity:
            counted.append(other)
            total += other.quantity
    allowed = max(found.quantity, Decimal(0)) * params.max_ratio
    excess = min(total - allowed, line.quantity)
    if excess <= 0:
        return (Judgement(missing=_sorted(missing)),) if missing else FALSE
    open_to = _sorted((*found.missing, *_open_feeds(params, chart)))
    price = line.price
    if price is None and line.amount is not None:
        price = line.amount / line.quantity
    amount = (excess * price).quantize(CENT, ROUND_HALF_UP) if price is not None else None
    evidence = _evidence(params, subject_text(params), "", (total, allowed, excess))
    problem = f"{evidence['within']}共{evidence['total']}，{evidence['companion']}允许{evidence['allowed']}"
    evidence["problem"] = f"{problem}，超出{evidence['excess']}"
    counted.extend(companion for companion in found.lines if companion.quantity and companion is not line)
    related = tuple({id(one): one for one in counted}.values())
    return (Judgement(related=related, evidence=evidence, amount=amount, missing=open_to),)


def _plain(number: Decimal) -> str:
    return f"{round(number, 2).normalize():f}"
