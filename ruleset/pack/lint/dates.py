"""Dates that do not fit together: rows and those that they replaced, their citations, and the rest of their group."""

from collections.abc import Iterator
from datetime import date

from ruleset.pack.check import FIRST_DAY, LAST_DAY
from ruleset.pack.diagnostics import Diagnostic, did_you_mean
from ruleset.pack.lint.work import LintRow, Work


def succession(work: Work) -> Iterator[Diagnostic]:
    """`supersedes` of a row that is not there, or that is still in force when its successor begins."""
    by_id = {row.id: row for row in work.pack.rows}
    for row in work.rows:
        for replaced in row.row.common.supersedes:
            other = by_id.get(replaced)
            if other is None:
                text = f"`supersedes` names `{replaced}`, which is no row"
                yield work.at(row, "supersedes", text, did_you_mean(replaced, by_id))
            elif other is row.row:
                yield work.at(row, "supersedes", "the row supersedes itself")
            elif other.common.mode != "off" and other.valid_to > row.row.valid_from:
                since = _day(row.row.valid_from)
                text = f"`{replaced}` (line {other.line}) is still in force when its successor begins ({since})"
                yield work.at(row, "supersedes", text, f"end it with `valid_to` {since}")


def before_the_first_citation(work: Work) -> Iterator[Diagnostic]:
    """Rows in force on days before the first of which a citation of their rule speaks."""
    for row in work.rows:
        first = row.rule.citations[0].valid_from
        if first is not None and row.row.valid_from < first.toordinal():
            text = f"the row is in force before {first}, with which the rule's first citation begins"
            yield work.at(row, "valid_from", text)


def never_together(work: Work) -> Iterator[Diagnostic]:
    """Members of a group of whom no other is ever in force on one of their days."""
    groups: dict[tuple[str, str], list[LintRow]] = {}
    for row in work.rows:
        if row.template.group:
            groups.setdefault((row.row.rule_id, getattr(row.row.params, row.template.group)), []).append(row)
    for (_, name), rows in groups.items():
        if len({tuple(row.row.keys) for row in rows}) == 1:
            continue  # said by `reach.lonely_members`
        spans = sorted({(row.row.valid_from, row.row.valid_to) for row in rows})
        for row in rows:
            # Most groups have one span of days, so the pairs of rows are walked for few of them.
            if len(spans) > 1 and not any(
                other.row.keys != row.row.keys and row.shares_a_day_with(other) for other in rows
            ):
                text = f"no other member of group `{name}` is in force on any of the row's days"
                yield work.at(row, "valid_from", text)


def _day(ordinal: int) -> str:
    return "ever" if ordinal in (FIRST_DAY, LAST_DAY) else str(date.fromordinal(ordinal))
