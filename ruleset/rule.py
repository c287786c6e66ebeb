"""Rules and rows as the evaluator sees them: decoded once, immutable, shared by all requests."""

from collections.abc import Mapping
from string import Formatter
from typing import Any, Literal

import msgspec

from ruleset.case import Trigger
from ruleset.outcome import Action
from ruleset.template import Template

RuleKind = Literal["payment", "safety", "legal"]
"""payment: what the insurance fund pays for; silent for agreed self-pay. safety and legal apply to those lines too."""

Curation = Literal["official", "raw"]
"""official: the authority published the parameters; raw: they rest on text that no person has signed, so the
rule's rows never rise above a hint."""

SeverityDegree = Literal["1", "2", "3"]
"""National sev_deg: 1 明确违规, 2 高度可疑, 3 轻度可疑."""


class Citation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a rule's rows come from. Dates are ISO 8601. A row's own date of publication outranks the rule's."""

    document: str
    batch: str = ""
    published: str = ""

    def text(self) -> str:
        """Return the citation as one line of Chinese."""
        parts = [f"《{self.document}》"]
        if self.batch:
            parts.append(self.batch)
        if self.published:
            parts.append(f"{self.published}公布")
        return "，".join(parts)


class MessageTemplate:
    """A Chinese sentence with `{names}` in it, parsed once. Only plain names: no attribute, index or format."""

    __slots__ = ("_parts", "names", "text")

    def __init__(self, text: str) -> None:
        """Raise ValueError where a placeholder is not a plain name."""
        self.text = text
        self._parts: list[tuple[str, str]] = []
        for literal, name, spec, conversion in Formatter().parse(text):
            if name is not None and (not name.isidentifier() or spec or conversion):
                raise ValueError(f"placeholder `{{{name}}}` is not a plain name")
            self._parts.append((literal, name or ""))
        self.names = frozenset(name for _, name in self._parts if name)

    def render(self, values: Mapping[str, str]) -> str:
        """Fill the names in. Raises KeyError for a name that `values` lacks; lint makes sure there is none."""
        return "".join(literal + (values[name] if name else "") for literal, name in self._parts)


class Rule:
    """One rule of one pack: a template with its defaults."""

    __slots__ = (
        "action",
        "action_at",
        "constants",
        "curation",
        "exempt_payers",
        "id",
        "kind",
        "message",
        "official_code",
        "pack_id",
        "remedies",
        "severity_degree",
        "template",
        "title",
    )

    def __init__(
        self,
        *,
        id: str,  # noqa: A002 - the rule's field is called id in pack sources too
        pack_id: str,
        template: Template,
        title: str,
        official_code: str,
        kind: RuleKind,
        curation: Curation,
        action: Action,
        action_at: Mapping[Trigger, Action],
        message: MessageTemplate,
        remedies: tuple[str, ...],
        severity_degree: SeverityDegree,
        exempt_payers: frozenset[str],
        constants: Mapping[str, Any],
    ) -> None:
        self.id = id
        self.pack_id = pack_id
        self.template = template
        self.title = title
        self.official_code = official_code
        self.kind = kind
        self.curation = curation
        self.action = action
        self.action_at = action_at
        self.message = message
        self.remedies = remedies
        self.severity_degree = severity_degree
        self.exempt_payers = exempt_payers
        self.constants = constants

    def action_for(self, triggers: tuple[Trigger, ...]) -> Action:
        """Return the action at the moments that the HIS names; the strictest where it names several."""
        if not self.action_at:
            return self.action
        return max(self.action_at.get(trigger, self.action) for trigger in triggers)


class Row:
    """One row of knowledge. In force on the days `valid_from <= day < valid_to` (proleptic Gregorian ordinals).

    What every judgement asks of the rule is kept at hand: `judge`, `exempt_payers`, and whether it is a payment rule.
    """

    __slots__ = (
        "citation",
        "exempt_payers",
        "id",
        "is_payment",
        "judge",
        "params",
        "rule",
        "source_text",
        "valid_from",
        "valid_to",
    )

    def __init__(
        self,
        *,
        id: str,  # noqa: A002 - as in Rule
        rule: Rule,
        valid_from: int,
        valid_to: int,
        params: Any,
        citation: Citation,
    ) -> None:
        self.id = id
        self.rule = rule
        self.valid_from = valid_from
        self.valid_to = valid_to
        self.params = params
        self.citation = citation
        self.judge = rule.template.judge
        self.exempt_payers = rule.exempt_payers
        self.is_payment = rule.kind == "payment"
        self.source_text = f"{rule.official_code} {rule.title}；{citation.text()}"
        """Where the row comes from: rule code, document, batch and date, as one line of Chinese."""
