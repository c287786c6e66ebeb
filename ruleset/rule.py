"""Rules and rows as the evaluator sees them: decoded once, immutable, shared by all requests."""

from collections.abc import Mapping, Sequence
from copy import copy
from string import Formatter
from typing import Any, Literal

import msgspec

from ruleset.case import Trigger
from ruleset.layers import Regional, Stated, stated_action
from ruleset.outcome import Action
from ruleset.scope import Conditions, both, scope_of
from ruleset.template import Template

RuleKind = Literal["payment", "safety", "legal"]
"""payment: what the insurance fund pays for; silent for agreed self-pay. safety and legal apply to those lines too."""

Curation = Literal["official", "raw", "signed"]
"""official: the authority published the parameters; raw: they rest on text or on our reading, which no person has
signed, so they never rise above a hint; signed: a person of the hospital vouches for them."""

ReviewCode = str
"""The item of 处方点评 (医院处方点评管理规范, 2010) that a finding falls under: `1-10` 不规范, `2-5` 不适宜, `3-1` 超常."""

REVIEW_CODES = {
    **{f"1-{number}": "不规范处方" for number in range(1, 16)},
    **{f"2-{number}": "用药不适宜处方" for number in range(1, 10)},
    **{f"3-{number}": "超常处方" for number in range(1, 5)},
}


class OverridePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a doctor may go on in spite of a finding: the way out."""

    allowed: bool = True
    reasons: tuple[str, ...] = ()
    """Reasons to choose from, in Chinese."""
    reason_characters_min: int = 0
    """How long a free reason must be."""
    signatures: int = 1
    """How many people sign: 2 where one may not decide alone."""
    signers: tuple[str, ...] = ()
    """Who signs: 医师, 药师, 上级医师, 会诊专家."""
    remember: Literal["", "encounter", "day"] = ""
    """For how long the same finding need not be answered again."""

    def text(self) -> str:
        """Return the way out as one Chinese phrase."""
        if not self.allowed:
            return "不能继续"
        who = "、".join(self.signers) or "医师"
        if self.signatures > 1:
            return f"确需使用的，由{who}双签并写明理由"
        return f"确需使用的，由{who}写明理由" if self.reasons or self.reason_characters_min else "可以继续"


SeverityDegree = Literal["1", "2", "3"]
"""National sev_deg: 1 明确违规, 2 高度可疑, 3 轻度可疑."""


DEFAULT_OVERRIDE = OverridePolicy()


class Citation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a rule's rows come from. Dates are ISO 8601. A row's own date of publication outranks the rule's."""

    document: str
    batch: str = ""
    """The batch of publication, or the article of a law."""
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
    """One rule of one pack: a template with its defaults. `pack_revision` is the pack's `id@revision+digest`."""

    __slots__ = (
        "action",
        "action_at",
        "constants",
        "curation",
        "exempt",
        "exempt_payers",
        "id",
        "kind",
        "message",
        "official_code",
        "override",
        "pack_id",
        "pack_revision",
        "ready_exempt",
        "ready_scope",
        "remedies",
        "review_code",
        "scope",
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
        scope: Conditions | None = None,
        exempt: Conditions | None = None,
        override: OverridePolicy = DEFAULT_OVERRIDE,
        review_code: ReviewCode = "",
        pack_revision: str = "",
    ) -> None:
        self.id = id
        self.pack_id = pack_id
        self.pack_revision = pack_revision
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
        self.scope = scope
        self.exempt = exempt
        self.ready_scope = scope_of(scope)
        self.ready_exempt = scope_of(exempt)
        self.override = override
        self.review_code = review_code

    @property
    def code(self) -> str:
        """What an answer calls the rule: the national code; where it has none, the pack and the rule's own id."""
        return self.official_code or f"{self.pack_id}:{self.id}"

    def action_for(self, triggers: tuple[Trigger, ...]) -> Action:
        """Return the action at the moments that the HIS names; the strictest where it names several."""
        if not self.action_at:
            return self.action
        return max(self.action_at.get(trigger, self.action) for trigger in triggers)


class RowCommon(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What any row may state beside its template's columns, where it differs from its rule."""

    basis_id: str = ""
    """Names the published text that the row comes from; rows of one text are shown as one."""
    basis_text: str = ""
    """The published text itself, word for word, where the hospital has imported it."""
    source: str = ""
    """Where in the document the row stands: attachment, sheet, row."""
    supersedes: tuple[str, ...] = ()
    """Ids of the rows that this one replaced."""
    within_list: str = ""
    """A list of the pack beyond which the row's class or prefixes must not reach; the linter compares them."""
    action: Literal["HINT", "WARN", "WARN_REASON", "REVIEW", "BLOCK"] | None = None
    """In place of the rule's, at every moment; above the rule's only with a signature."""
    mode: Literal["active", "shadow", "off"] = "active"
    """off: the row is kept, and judges nothing unless a higher layer's statement switches it on. shadow: it answers nobody, and is
    judged beside the answers."""
    curation: Curation | None = None
    """In place of the rule's: raw makes the row a hint."""
    signed_by: str = ""
    """Who vouches for the row."""
    review_code: ReviewCode = ""
    """In place of the rule's."""
    remedies: tuple[str, ...] = ()
    """Ways out, the best first, in place of the rule's."""
    scope: Conditions | None = None
    exempt: Conditions | None = None


NOTHING_STATED = RowCommon()


class Row:
    """One row of knowledge. In force on the days `valid_from <= day < valid_to` (proleptic Gregorian ordinals).

    What every judgement asks of the rule is kept at hand: `judge`, `exempt_payers`, and whether it is a payment rule.
    """

    __slots__ = (
        "basis_id",
        "citation",
        "common",
        "exempt",
        "exempt_payers",
        "id",
        "is_conditional",
        "is_elsewhere",
        "is_payment",
        "is_raw",
        "judge",
        "params",
        "regional",
        "remedies",
        "review_code",
        "rule",
        "scope",
        "source_text",
        "statement",
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
        common: RowCommon = NOTHING_STATED,
    ) -> None:
        self.id = id
        self.rule = rule
        self.common = common
        self.basis_id = common.basis_id
        self.review_code = common.review_code or rule.review_code
        self.remedies = common.remedies or rule.remedies
        self.is_raw = (common.curation or rule.curation) == "raw"
        # Rows that state nothing of their own share their rule's, so that it is asked once for all of them.
        self.scope = rule.ready_scope if common.scope is None else scope_of(both(rule.scope, common.scope))
        self.exempt = rule.ready_exempt if common.exempt is None else scope_of(both(rule.exempt, common.exempt))
        self.is_conditional = self.scope is not None or self.exempt is not None
        self.valid_from = valid_from
        self.valid_to = valid_to
        self.params = params
        self.citation = citation
        self.judge = rule.template.judge
        self.exempt_payers = rule.exempt_payers
        self.is_payment = rule.kind == "payment"
        self.statement: Stated | None = None
        """What a higher layer says of it, where that is what holds."""
        self.regional: tuple[Regional, ...] = ()
        """What it is for the patients of some regions, in the order in which they are asked."""
        self.is_elsewhere = True
        """Whether it is there for all other patients."""
        code = f"{rule.official_code} " if rule.official_code else ""
        place = f"，{common.source}" if common.source else ""
        self.source_text = f"{code}{rule.title}；{citation.text()}{place}"
        """Where the row comes from: rule code, document, batch and date, as one line of Chinese."""

    def action_for(self, triggers: tuple[Trigger, ...]) -> Action:
        """Return the action at the moments that the HIS names.

        The row's own, else its rule's; a raw row is a hint. What a higher layer states comes last.
        """
        own = self._own_action(triggers)
        return own if self.statement is None else stated_action(own, self.statement, is_raw=self.is_raw)

    def _own_action(self, triggers: tuple[Trigger, ...]) -> Action:
        if self.is_raw:
            return Action.HINT
        if self.common.action is not None:
            return Action[self.common.action]
        return self.rule.action_for(triggers)

    def index_keys(self) -> Sequence[str]:
        """Return the keys that lead to the row."""
        return tuple(dict.fromkeys(self.rule.template.keys(self.params)))

    def on_days(self, valid_from: int, valid_to: int) -> "Row":
        """Return the row for some of its days."""
        if (valid_from, valid_to) == (self.valid_from, self.valid_to):
            return self
        other = copy(self)
        other.valid_from, other.valid_to = valid_from, valid_to
        return other

    def stated(self, statement: Stated, valid_from: int, valid_to: int) -> "Row":
        """Return the row as a higher layer's statement has it, for some of its days."""
        other = copy(self)
        other.valid_from, other.valid_to, other.statement = valid_from, valid_to, statement
        return other

    def with_regions(self, regional: tuple[Regional, ...], *, is_elsewhere: bool) -> "Row":
        """Return the row with what it is in some regions; `is_elsewhere` says whether it is there for all others."""
        other = copy(self)
        other.regional, other.is_elsewhere = regional, is_elsewhere
        return other
