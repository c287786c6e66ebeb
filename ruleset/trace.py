"""Explain one check: every candidate row, what came of it, and the facts that were read on the way.

The evaluator judges the case as it always does; only, the structs that it reads are wrapped so that each fact is
noted when it is read. So an explanation cannot say anything else than the answer does, and no template has to help.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import msgspec

from ruleset.case import Case, Line
from ruleset.chart import Chart
from ruleset.drug import Drug, DrugKey, RowSource
from ruleset.evaluator import Skipped, evaluate
from ruleset.outcome import Finding, Hint, Judgement, Missing, NotEvaluated, Result
from ruleset.rule import Row
from ruleset.timeline import Timeline

Came = Literal["finding", "hint", "false", "out_of_scope_or_exempt", "failed"]
"""What came of a row that was judged."""


class Predicate(msgspec.Struct, frozen=True):
    """One condition of scope or exemption: its name, the stated value, and whether it held (None: not known)."""

    part: Literal["scope", "exempt"]
    name: str
    stated: Any
    held: bool | None


class Candidate(msgspec.Struct, frozen=True):
    """One row that was found for one line (None: for the encounter)."""

    row: Row
    line: Line | None
    skipped: Skipped | None
    """Why it was not judged; None where it was."""
    came: Came | None
    predicates: tuple[Predicate, ...]
    judgements: tuple[Judgement, ...]
    facts: tuple[tuple[str, Any], ...]
    """The facts that the template read, as (path, value), each once, in the order of reading."""
    missing: tuple[Missing, ...]


class Trace(msgspec.Struct, frozen=True):
    """One explained check."""

    result: Result
    candidates: tuple[Candidate, ...]


def explain(
    case: Case,
    stored: Timeline,
    snapshot: RowSource,
    *,
    is_item_code: Callable[[str], bool] = bool,
    same_line_by_content: bool = False,
) -> Trace:
    """Return the result of `evaluate` with the way to it."""
    reader = _Reader()
    watched: Any = reader.wrap(case, "")
    lines = [reader.wrap(line, f"stored[{number}]") for number, line in enumerate(stored.by_identity.values())]
    timeline = Timeline(lines, stored.position, stored.visits.values())
    notes = _Notes(reader)
    rows = _Aside(snapshot)
    result = evaluate(
        watched,
        timeline,
        rows,
        is_item_code=is_item_code,
        same_line_by_content=same_line_by_content,
        watch=notes,
    )
    plain = reader.unwrap(result)
    return Trace(plain, tuple(_candidates(notes, result, reader, watched, timeline, rows)))


class _Aside:
    """The rows of a snapshot, without what it keeps of drugs: a wrapped line must not be remembered there."""

    def __init__(self, rows: RowSource) -> None:
        self.drugs: dict[DrugKey, Drug] = {}
        self.kinds = rows.kinds
        self.rows = rows.rows
        self.lists = rows.lists


class _Note(msgspec.Struct):
    row: Row
    line: Any
    skipped: Skipped | None = None
    judgements: tuple[Judgement, ...] | None = None
    facts: dict[str, Any] = {}


class _Notes:
    """The watch: what the evaluator tells, with the facts read between `judging` and `judged`."""

    def __init__(self, reader: "_Reader") -> None:
        self._reader = reader
        self.notes: list[_Note] = []

    def passed_over(self, row: Row, line: Line | None, reason: Skipped) -> None:
        self.notes.append(_Note(row, line, reason))

    def judging(self, row: Row, line: Line | None) -> None:
        self._reader.read = {}
        self.notes.append(_Note(row, line))

    def judged(self, row: Row, line: Line | None, judgements: Sequence[Judgement]) -> None:  # noqa: ARG002
        note = self.notes[-1]
        note.judgements = tuple(judgements)
        note.facts = self._reader.read
        self._reader.read = {}


def _candidates(
    notes: _Notes, result: Result, reader: "_Reader", case: Any, stored: Timeline, snapshot: RowSource
) -> Iterator[Candidate]:
    chart = Chart(case, stored, snapshot)  # of its own: testing a condition again notes nothing
    given: list[Finding | Hint] = [*result.findings, *result.hints]
    for note in notes.notes:
        answers = [answer for answer in given if _is_of(answer, note)]
        yield Candidate(
            row=note.row,
            line=reader.unwrap(note.line),
            skipped=note.skipped,
            came=None if note.skipped else _came(note, answers),
            predicates=tuple(_predicates(note, chart)),
            judgements=reader.unwrap(note.judgements or ()),
            facts=tuple(note.facts.items()),
            missing=tuple(missing for answer in answers if isinstance(answer, Hint) for missing in answer.missing),
        )


def _is_of(answer: Finding | Hint, note: _Note) -> bool:
    if answer.row is not note.row and answer.row.id != note.row.id:
        return False
    if note.line is None:
        return True  # a row about the encounter is about nothing else, whichever lines it names
    named = answer.violating if isinstance(answer, Finding) else (answer.line, *answer.related)
    return any(line is note.line for line in named)


def _came(note: _Note, answers: Sequence[Finding | Hint]) -> Came:
    if note.judgements is None:
        return "failed"
    if not note.judgements:
        return "false"
    if any(isinstance(answer, Finding) for answer in answers):
        return "finding"
    return "hint" if answers else "out_of_scope_or_exempt"


def _predicates(note: _Note, chart: Any) -> Iterator[Predicate]:
    for part, scope in (("scope", note.row.scope), ("exempt", note.row.exempt)):
        for name, condition, stated in scope.stated if scope is not None else ():
            held = condition.test(stated, chart, note.line)
            yield Predicate(part, name, stated, held)  # type: ignore[arg-type]


class _Reader:
    """Wraps structs so that reading a fact of one notes its path and value in `read`."""

    def __init__(self) -> None:
        self.read: dict[str, Any] = {}
        self._wrapped: dict[int, Any] = {}
        self._kept: list[Any] = []

    def wrap(self, value: Any, path: str) -> Any:
        """Return a struct, or the structs of a tuple, wrapped; the same struct is wrapped once."""
        if isinstance(value, _Watched):
            return value
        if isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
            return tuple(self.wrap(item, f"{path}[{number}]") for number, item in enumerate(value))
        if not isinstance(value, msgspec.Struct):
            return value
        wrapped = self._wrapped.get(id(value))
        if wrapped is None:
            wrapped = self._wrapped[id(value)] = _Watched(value, path, self)
            self._kept.append(value)
        return wrapped

    def unwrap(self, value: Any) -> Any:
        """Return a value with every wrapped struct in it as it was."""
        if isinstance(value, _Watched):
            return value.plain_struct
        if isinstance(value, tuple):
            return tuple(self.unwrap(item) for item in value)
        if isinstance(value, (Result, Finding, Hint, NotEvaluated, Judgement)):
            changes = {name: self.unwrap(getattr(value, name)) for name in value.__struct_fields__}
            return msgspec.structs.replace(value, **changes)
        return value


class _Watched:
    """Stands for a struct of the fact model. Compared by identity, as the evaluator compares lines."""

    __slots__ = ("_children", "_path", "_reader", "_struct")

    def __init__(self, struct: msgspec.Struct, path: str, reader: _Reader) -> None:
        self._struct = struct
        self._path = path
        self._reader = reader
        self._children: dict[str, Any] = {}

    @property  # type: ignore[misc] # typing knows the attribute, not that it may be computed
    def __class__(self) -> Any:
        """What isinstance() asks: a template may tell a diagnosis from an operation."""
        return type(self._struct)

    @property
    def plain_struct(self) -> Any:
        """The struct as it was."""
        return self._struct

    def __getattr__(self, name: str) -> Any:
        children = self._children
        if name in children:
            return children[name]
        value = getattr(self._struct, name)
        path = f"{self._path}.{name}" if self._path else name
        wrapped = self._reader.wrap(value, path)
        if wrapped is not value or (isinstance(value, tuple) and not value):
            children[name] = wrapped
            if not value:
                self._reader.read[path] = ()
            return wrapped
        if not callable(value):
            self._reader.read[path] = value
        return value
