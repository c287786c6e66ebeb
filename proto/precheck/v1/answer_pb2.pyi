from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Action(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACTION_UNSPECIFIED: _ClassVar[Action]
    ACTION_HINT: _ClassVar[Action]
    ACTION_WARN: _ClassVar[Action]
    ACTION_WARN_REASON: _ClassVar[Action]
    ACTION_REVIEW: _ClassVar[Action]
    ACTION_BLOCK: _ClassVar[Action]
ACTION_UNSPECIFIED: Action
ACTION_HINT: Action
ACTION_WARN: Action
ACTION_WARN_REASON: Action
ACTION_REVIEW: Action
ACTION_BLOCK: Action

class AnsweredLine(_message.Message):
    __slots__ = ("order_id", "position", "encounter_id", "item_code", "item_name")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTER_ID_FIELD_NUMBER: _ClassVar[int]
    ITEM_CODE_FIELD_NUMBER: _ClassVar[int]
    ITEM_NAME_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    position: int
    encounter_id: str
    item_code: str
    item_name: str
    def __init__(self, order_id: _Optional[str] = ..., position: _Optional[int] = ..., encounter_id: _Optional[str] = ..., item_code: _Optional[str] = ..., item_name: _Optional[str] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("finding_id", "rule", "title", "action", "message", "violating", "related", "amount", "citation", "remedies", "row_id", "template", "pack", "override", "review_code", "basis_id", "basis_text", "pack_revision", "adjustment")
    FINDING_ID_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    VIOLATING_FIELD_NUMBER: _ClassVar[int]
    RELATED_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CITATION_FIELD_NUMBER: _ClassVar[int]
    REMEDIES_FIELD_NUMBER: _ClassVar[int]
    ROW_ID_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    PACK_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    REVIEW_CODE_FIELD_NUMBER: _ClassVar[int]
    BASIS_ID_FIELD_NUMBER: _ClassVar[int]
    BASIS_TEXT_FIELD_NUMBER: _ClassVar[int]
    PACK_REVISION_FIELD_NUMBER: _ClassVar[int]
    ADJUSTMENT_FIELD_NUMBER: _ClassVar[int]
    finding_id: str
    rule: str
    title: str
    action: Action
    message: str
    violating: _containers.RepeatedCompositeFieldContainer[AnsweredLine]
    related: _containers.RepeatedCompositeFieldContainer[AnsweredLine]
    amount: str
    citation: str
    remedies: _containers.RepeatedScalarFieldContainer[str]
    row_id: str
    template: str
    pack: str
    override: Override
    review_code: str
    basis_id: str
    basis_text: str
    pack_revision: str
    adjustment: Adjustment
    def __init__(self, finding_id: _Optional[str] = ..., rule: _Optional[str] = ..., title: _Optional[str] = ..., action: _Optional[_Union[Action, str]] = ..., message: _Optional[str] = ..., violating: _Optional[_Iterable[_Union[AnsweredLine, _Mapping]]] = ..., related: _Optional[_Iterable[_Union[AnsweredLine, _Mapping]]] = ..., amount: _Optional[str] = ..., citation: _Optional[str] = ..., remedies: _Optional[_Iterable[str]] = ..., row_id: _Optional[str] = ..., template: _Optional[str] = ..., pack: _Optional[str] = ..., override: _Optional[_Union[Override, _Mapping]] = ..., review_code: _Optional[str] = ..., basis_id: _Optional[str] = ..., basis_text: _Optional[str] = ..., pack_revision: _Optional[str] = ..., adjustment: _Optional[_Union[Adjustment, _Mapping]] = ...) -> None: ...

class Adjustment(_message.Message):
    __slots__ = ("pack_revision", "mode", "action", "reason", "approved_by")
    PACK_REVISION_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    APPROVED_BY_FIELD_NUMBER: _ClassVar[int]
    pack_revision: str
    mode: str
    action: str
    reason: str
    approved_by: str
    def __init__(self, pack_revision: _Optional[str] = ..., mode: _Optional[str] = ..., action: _Optional[str] = ..., reason: _Optional[str] = ..., approved_by: _Optional[str] = ...) -> None: ...

class StalePack(_message.Message):
    __slots__ = ("pack", "pack_revision", "since")
    PACK_FIELD_NUMBER: _ClassVar[int]
    PACK_REVISION_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    pack: str
    pack_revision: str
    since: str
    def __init__(self, pack: _Optional[str] = ..., pack_revision: _Optional[str] = ..., since: _Optional[str] = ...) -> None: ...

class Override(_message.Message):
    __slots__ = ("allowed", "reasons", "reason_characters_min", "signatures", "signers", "remember", "text")
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    REASON_CHARACTERS_MIN_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    SIGNERS_FIELD_NUMBER: _ClassVar[int]
    REMEMBER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    allowed: bool
    reasons: _containers.RepeatedScalarFieldContainer[str]
    reason_characters_min: int
    signatures: int
    signers: _containers.RepeatedScalarFieldContainer[str]
    remember: str
    text: str
    def __init__(self, allowed: _Optional[bool] = ..., reasons: _Optional[_Iterable[str]] = ..., reason_characters_min: _Optional[int] = ..., signatures: _Optional[int] = ..., signers: _Optional[_Iterable[str]] = ..., remember: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Hint(_message.Message):
    __slots__ = ("rule", "title", "line", "missing", "text", "citation", "row_id", "template", "pack", "pack_revision")
    RULE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CITATION_FIELD_NUMBER: _ClassVar[int]
    ROW_ID_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    PACK_FIELD_NUMBER: _ClassVar[int]
    PACK_REVISION_FIELD_NUMBER: _ClassVar[int]
    rule: str
    title: str
    line: AnsweredLine
    missing: _containers.RepeatedScalarFieldContainer[str]
    text: str
    citation: str
    row_id: str
    template: str
    pack: str
    pack_revision: str
    def __init__(self, rule: _Optional[str] = ..., title: _Optional[str] = ..., line: _Optional[_Union[AnsweredLine, _Mapping]] = ..., missing: _Optional[_Iterable[str]] = ..., text: _Optional[str] = ..., citation: _Optional[str] = ..., row_id: _Optional[str] = ..., template: _Optional[str] = ..., pack: _Optional[str] = ..., pack_revision: _Optional[str] = ...) -> None: ...

class NotEvaluated(_message.Message):
    __slots__ = ("reason", "text", "line", "missing", "row_id", "missing_text")
    REASON_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    ROW_ID_FIELD_NUMBER: _ClassVar[int]
    MISSING_TEXT_FIELD_NUMBER: _ClassVar[int]
    reason: str
    text: str
    line: AnsweredLine
    missing: _containers.RepeatedScalarFieldContainer[str]
    row_id: str
    missing_text: str
    def __init__(self, reason: _Optional[str] = ..., text: _Optional[str] = ..., line: _Optional[_Union[AnsweredLine, _Mapping]] = ..., missing: _Optional[_Iterable[str]] = ..., row_id: _Optional[str] = ..., missing_text: _Optional[str] = ...) -> None: ...

class Display(_message.Message):
    __slots__ = ("findings", "missing")
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    findings: _containers.RepeatedCompositeFieldContainer[ShownFinding]
    missing: _containers.RepeatedCompositeFieldContainer[ShownMissing]
    def __init__(self, findings: _Optional[_Iterable[_Union[ShownFinding, _Mapping]]] = ..., missing: _Optional[_Iterable[_Union[ShownMissing, _Mapping]]] = ...) -> None: ...

class ShownFinding(_message.Message):
    __slots__ = ("action", "title", "text", "sources", "ways_out", "review_codes", "amount", "finding_ids")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    WAYS_OUT_FIELD_NUMBER: _ClassVar[int]
    REVIEW_CODES_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    FINDING_IDS_FIELD_NUMBER: _ClassVar[int]
    action: Action
    title: str
    text: str
    sources: _containers.RepeatedScalarFieldContainer[str]
    ways_out: _containers.RepeatedScalarFieldContainer[str]
    review_codes: _containers.RepeatedScalarFieldContainer[str]
    amount: str
    finding_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, action: _Optional[_Union[Action, str]] = ..., title: _Optional[str] = ..., text: _Optional[str] = ..., sources: _Optional[_Iterable[str]] = ..., ways_out: _Optional[_Iterable[str]] = ..., review_codes: _Optional[_Iterable[str]] = ..., amount: _Optional[str] = ..., finding_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ShownMissing(_message.Message):
    __slots__ = ("text", "missing", "rules", "order_ids")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    ORDER_IDS_FIELD_NUMBER: _ClassVar[int]
    text: str
    missing: _containers.RepeatedScalarFieldContainer[str]
    rules: _containers.RepeatedScalarFieldContainer[str]
    order_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, text: _Optional[str] = ..., missing: _Optional[_Iterable[str]] = ..., rules: _Optional[_Iterable[str]] = ..., order_ids: _Optional[_Iterable[str]] = ...) -> None: ...
