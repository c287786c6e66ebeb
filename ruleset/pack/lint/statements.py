"""What the pack states about rows of other packs, held against those packs."""

from collections.abc import Iterator

from ruleset.pack.diagnostics import Diagnostic
from ruleset.pack.lint.work import Work
from ruleset.pack.statements import Target


def about_what_is_not_there(work: Work) -> Iterator[Diagnostic]:
    """Statements about rows, rules or packs that are not there, of a layer that is not lower, or without approval."""
    targets = {pack.id: Target(pack) for pack in work.beside}
    places = [(table.path, raw.line) for table in work.pack.source.overrides.values() for raw in table.rows]
    for (path, line), statement in zip(places, work.pack.statements, strict=True):
        target = targets.get(statement.pack)
        if target is None:
            text = f"pack `{statement.pack}` is not known here"
            yield Diagnostic(path, line, 1, text, "give it with `--beside PATH`", "warning")
            continue
        for problem in target.problems_of(statement, work.pack.source.head.layer):
            yield Diagnostic(path, line, 1, f"pack `{statement.pack}`: {problem.text}", problem.help)
