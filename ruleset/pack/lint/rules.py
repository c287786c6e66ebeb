"""What a rule owes to the people who meet it: a source, a way out, a readable message, and tests."""

from collections.abc import Iterator

from ruleset.outcome import Action
from ruleset.pack.cases import CaseKind
from ruleset.pack.diagnostics import Diagnostic
from ruleset.pack.lint.work import Work

MESSAGE_MAX_CHARACTERS = 500
"""A message is cut where the national answer carries it (vola_cont, 500 characters), and a doctor reads less than that."""
TESTED_KINDS: tuple[CaseKind, ...] = ("violating", "compliant", "unknown", "exempt", "boundary")


def citations(work: Work) -> Iterator[Diagnostic]:
    """Citations that name no document, revisions without a day of publication, signatures without a name."""
    for rule_id, rule in work.own_rules.items():
        if any(not citation.document.strip() for citation in rule.citations):
            yield work.at_rule(rule_id, "document", "`document` is empty: nobody can look the citation up")
        for citation in rule.citations:
            if rule.curation == "official" and citation.valid_from is not None and citation.published is None:
                text = f"the citation from {citation.valid_from} on does not say when it was `published`"
                yield work.at_rule(rule_id, "valid_from", text)
    for row in work.rows:
        curation = row.row.common.curation or row.rule.curation
        if curation == "signed" and not row.row.common.signed_by:
            yield work.at(row, "curation", "the row is signed, but `signed_by` does not say by whom")


def ways_out(work: Work) -> Iterator[Diagnostic]:
    """Rules without remedies; from WARN_REASON on, rules that do not say how to go on or whose signers cannot sign."""
    for rule_id, rule in work.own_rules.items():
        highest = max(Action[name] for name in (rule.action, *rule.action_at.values()))
        override = rule.override
        says_how = override.reasons or override.reason_characters_min or override.signatures > 1 or not override.allowed
        if highest >= Action.WARN_REASON and not says_how:
            text = f"the rule asks for {highest.name}, and `[override]` does not say how to go on"
            yield work.at_rule(rule_id, "action", text, "give `signatures`, `reasons`, or `allowed = false`")
        if override.allowed and override.signatures > len(override.signers) > 0:
            text = f"`signatures` is {override.signatures}, but {len(override.signers)} of `signers` may sign"
            yield work.at_rule(rule_id, "signatures", text)
        if not any(remedy.strip() for remedy in rule.remedies):
            yield work.at_rule(rule_id, "title", "`remedies` is empty: the doctor is told what is wrong and no way out")


def messages(work: Work) -> Iterator[Diagnostic]:
    """Messages that say nothing, or more than the 500 characters of the national answer."""
    for rule_id, rule in work.own_rules.items():
        if not rule.message.strip():
            yield work.at_rule(rule_id, "message", "`message` is empty")
        if len(rule.message) > MESSAGE_MAX_CHARACTERS:
            text = f"`message` has {len(rule.message)} characters, at most {MESSAGE_MAX_CHARACTERS}"
            yield work.at_rule(rule_id, "message", text)


def untested(work: Work) -> Iterator[Diagnostic]:
    """Rules with rows whose tests are missing, or lack a kind of case: warnings, which our own packs must not have."""
    for rule_id, rows in work.rows_of.items():
        path = f"tests/{rule_id}.toml"
        document = work.pack.source.tests.get(path)
        if document is None:
            yield Diagnostic(rows[0].row.path, 1, 1, f"nobody tests this rule: {path} is missing", severity="warning")
            continue
        kinds = {case.get("kind") for case in document.get("case", ()) if isinstance(case, dict)}
        if "validity" in kinds:
            kinds.add("boundary")  # the day before and the day of a date on which a row changes
        if not any(row.template.can_violate(row.row.params) for row in rows):
            kinds |= {"violating", "boundary"}
        missing = [kind for kind in TESTED_KINDS if kind not in kinds]
        if missing:
            text = f"no case of kind {', '.join(missing)}"
            yield Diagnostic(path, 1, 1, text, severity="warning")
