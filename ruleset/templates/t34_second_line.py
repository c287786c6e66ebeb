"""T34 限二线使用: the fund pays only after a first-line treatment."""

from collections.abc import Iterator, Sequence

from ruleset.case import Line
from ruleset.chart import Chart
from ruleset.concurrent_use import stands
from ruleset.outcome import Judgement, Missing
from ruleset.supply import distinct_days, use_span
from ruleset.template import FALSE, Template, item_key, subject_keys, subject_problems
from ruleset.templates.item_row import ItemRow

NO_FIRST_LINE = Missing("first_line_treatment", "限二线用药，请确认一线用药无效或不能耐受并在病历中记录")
LOOK_BACK_DAYS = 730
"""How far back a first-line treatment counts where a row does not say: two years."""


class Params(ItemRow, frozen=True, kw_only=True):
    """The second-line items of a row and the first-line treatment that goes before them.

    `first_line`: item codes, substances, classes or lists, any of which counts. It was used on at least `min_days`
    distinct days before the order's day, by orders that began at most `within_days` days before that day. A row
    without `first_line` is a text: the condition is published in words alone.
    """

    first_line: tuple[str, ...] = ()
    min_days: int = 1
    within_days: int = LOOK_BACK_DAYS


class SecondLine(Template):
    """TRUE when the first-line treatment was not used for long enough, and the site vouches for its history.

    FALSE when it was, or when a person attested that it is not tolerated (`first_line_intolerance`) for the line or the
    encounter. Else UNKNOWN (`first_line_treatment`): a history that may be incomplete proves nothing. Days of use are those
    of lines of any encounter that begin on an earlier day, paid for or not, and of which refunds of the item in the encounter left some
    (each takes back the latest charges before it): by `days`, else begin to
    end, else (not of a single dose) the supply, else the day of the order; days of all of them together, each once. Those lines are related.

    A text is a reminder: UNKNOWN for the encounter's first line of its item that the text speaks to, FALSE for later ones
    (self-pay lines and refunds do not count as that first line).
    """

    id = "T34"
    title = "限二线使用"
    columns = Params
    also_names = ("first_line",)
    row_name = ("subject",)
    needs = ("first_line_treatment",)
    evidence = ("first_line", "used_days", "min_days", "within_days")

    def keys(self, params: Params) -> Sequence[str]:
        """Indexed by the item code, substance, class or catalogue."""
        return subject_keys(params)

    def problems(self, params: Params) -> Iterator[str]:
        """A row has one subject, which for a text is an item, and asks for at least a day."""
        yield from subject_problems(params)
        if not params.first_line and params.subject and not params.item_code:
            yield "a row without `first_line` is a text, which speaks of an `item_code`"
        if params.min_days < 1:
            yield f"`min_days` is {params.min_days}, expected 1 or more"
        if params.within_days < params.min_days:
            yield f"`within_days` {params.within_days} is less than `min_days` {params.min_days}"

    def can_violate(self, params: Params) -> bool:
        """Say whether the row is more than a text."""
        return bool(params.first_line)

    def judge(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        """TRUE without enough days of a first-line treatment in a complete history; UNKNOWN in another, and for a text."""
        if not params.first_line:
            return self._reminder(params, line, chart)
        used, counted = _first_line_use(params, line, chart)
        if used >= params.min_days or chart.attested("first_line_intolerance", line):
            return FALSE
        names = "、".join(params.first_line)
        if not chart.is_complete("history"):
            detail = (
                f"近{params.within_days}天的记录中“{names}”用了{used}天，限二线要求至少{params.min_days}天；"
                "请确认一线治疗无效或不能耐受并在病历中记录"
            )
            return (Judgement(related=counted, missing=(Missing("first_line_treatment", detail),)),)
        evidence = {
            "first_line": names,
            "used_days": str(used),
            "min_days": str(params.min_days),
            "within_days": str(params.within_days),
        }
        return (Judgement(evidence=evidence, related=counted),)

    def _reminder(self, params: Params, line: Line, chart: Chart) -> Sequence[Judgement]:
        rows = [
            row
            for row in chart.rows(item_key(params.item_code))
            if row.rule.template is self and not row.params.first_line
        ]
        for other in chart.earlier_in_encounter(line):
            if other.self_pay or other.is_refund:
                continue
            assert other.begin is not None  # `earlier` leaves out lines without a time
            day = other.begin.toordinal()
            if any(row.valid_from <= day < row.valid_to for row in rows):
                return FALSE
        return (Judgement(missing=(NO_FIRST_LINE,)),)


def _first_line_use(params: Params, line: Line, chart: Chart) -> tuple[int, tuple[Line, ...]]:
    """Return on how many days before the line's own a first-line treatment was used, with the lines that say so."""
    assert line.begin is not None  # a line without a time is never judged
    today = line.begin.toordinal()
    since = today - params.within_days
    found: dict[int, Line] = {}
    for name in params.first_line:
        for other in (*chart.lines_of(name, since), *chart.named(name, since)):
            if other.begin is None or other.is_refund or not since <= other.begin.toordinal() < today:
                continue
            if id(other) not in found and stands(other, chart):
                found[id(other)] = other
    spans: list[tuple[int, int]] = []
    for other in found.values():
        span = use_span(other)
        assert span is not None  # it has a time
        spans.append((span[0], min(span[1], today - 1)))
    return distinct_days(spans), tuple(found.values())
