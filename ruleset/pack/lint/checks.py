"""All checks of the linter, and the function that runs them."""

from collections.abc import Sequence

from ruleset.pack.check import CheckedPack
from ruleset.pack.compile import LoadedPack
from ruleset.pack.diagnostics import Diagnostic
from ruleset.pack.lint import dates, expressions, prefixes, reach, repeats, rules, statements, words
from ruleset.pack.lint.work import NOTHING_KNOWN, Known, Work

CHECKS = (
    reach.contradictory_conditions,
    reach.conditions_without_a_line,
    reach.nobody_left,
    reach.never_violated,
    expressions.never_true,
    reach.impossible_keys,
    reach.lonely_members,
    repeats.pairs,
    repeats.duplicates_and_contradictions,
    repeats.covered,
    words.vocabularies,
    words.members,
    words.substances,
    words.unknown_codes,
    prefixes.beyond_their_list,
    dates.succession,
    dates.before_the_first_citation,
    dates.never_together,
    rules.citations,
    rules.ways_out,
    rules.messages,
    rules.untested,
    statements.about_what_is_not_there,
)


def lint(pack: CheckedPack, known: Known = NOTHING_KNOWN, beside: Sequence[LoadedPack] = ()) -> list[Diagnostic]:
    """Return every finding about a pack that compiles, sorted by place.

    `known` are the codes that exist elsewhere, `beside` the packs that will be live with it.
    """
    work = Work(pack, known, beside)
    return sorted({diagnostic for check in CHECKS for diagnostic in check(work)})
