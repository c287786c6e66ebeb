from precheck.v1 import answer_pb2 as _answer_pb2
from precheck.v1 import facts_pb2 as _facts_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DocumentFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DOCUMENT_FORMAT_UNSPECIFIED: _ClassVar[DocumentFormat]
    DOCUMENT_FORMAT_PRECHECK_JSON: _ClassVar[DocumentFormat]
    DOCUMENT_FORMAT_NHSA_3101: _ClassVar[DocumentFormat]
    DOCUMENT_FORMAT_NHSA_3102: _ClassVar[DocumentFormat]
    DOCUMENT_FORMAT_NHSA_3103: _ClassVar[DocumentFormat]

class DocumentEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DOCUMENT_ENCODING_UNSPECIFIED: _ClassVar[DocumentEncoding]
    DOCUMENT_ENCODING_UTF_8: _ClassVar[DocumentEncoding]
    DOCUMENT_ENCODING_GB18030: _ClassVar[DocumentEncoding]

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_PASS: _ClassVar[Verdict]
    VERDICT_WARN: _ClassVar[Verdict]
    VERDICT_BLOCK: _ClassVar[Verdict]

class Completeness(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPLETENESS_UNSPECIFIED: _ClassVar[Completeness]
    COMPLETENESS_COMPLETE: _ClassVar[Completeness]
    COMPLETENESS_PARTIAL: _ClassVar[Completeness]
    COMPLETENESS_NONE: _ClassVar[Completeness]

class ReviewState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REVIEW_STATE_UNSPECIFIED: _ClassVar[ReviewState]
    REVIEW_STATE_PENDING: _ClassVar[ReviewState]
    REVIEW_STATE_PASSED: _ClassVar[ReviewState]
    REVIEW_STATE_RETURNED: _ClassVar[ReviewState]
    REVIEW_STATE_LAPSED: _ClassVar[ReviewState]
    REVIEW_STATE_SUPERSEDED: _ClassVar[ReviewState]
    REVIEW_STATE_NOT_REQUIRED: _ClassVar[ReviewState]
DOCUMENT_FORMAT_UNSPECIFIED: DocumentFormat
DOCUMENT_FORMAT_PRECHECK_JSON: DocumentFormat
DOCUMENT_FORMAT_NHSA_3101: DocumentFormat
DOCUMENT_FORMAT_NHSA_3102: DocumentFormat
DOCUMENT_FORMAT_NHSA_3103: DocumentFormat
DOCUMENT_ENCODING_UNSPECIFIED: DocumentEncoding
DOCUMENT_ENCODING_UTF_8: DocumentEncoding
DOCUMENT_ENCODING_GB18030: DocumentEncoding
VERDICT_PASS: Verdict
VERDICT_WARN: Verdict
VERDICT_BLOCK: Verdict
COMPLETENESS_UNSPECIFIED: Completeness
COMPLETENESS_COMPLETE: Completeness
COMPLETENESS_PARTIAL: Completeness
COMPLETENESS_NONE: Completeness
REVIEW_STATE_UNSPECIFIED: ReviewState
REVIEW_STATE_PENDING: ReviewState
REVIEW_STATE_PASSED: ReviewState
REVIEW_STATE_RETURNED: ReviewState
REVIEW_STATE_LAPSED: ReviewState
REVIEW_STATE_SUPERSEDED: ReviewState
REVIEW_STATE_NOT_REQUIRED: ReviewState

class CheckDocumentRequest(_message.Message):
    __slots__ = ("document", "format", "encoding", "profile", "station_id", "request_id")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    STATION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    document: bytes
    format: DocumentFormat
    encoding: DocumentEncoding
    profile: str
    station_id: str
    request_id: str
    def __init__(self, document: _Optional[bytes] = ..., format: _Optional[_Union[DocumentFormat, str]] = ..., encoding: _Optional[_Union[DocumentEncoding, str]] = ..., profile: _Optional[str] = ..., station_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CheckDocumentResponse(_message.Message):
    __slots__ = ("answer", "verdict", "completeness", "check_id", "revision", "stale", "not_recorded")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    COMPLETENESS_FIELD_NUMBER: _ClassVar[int]
    CHECK_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    NOT_RECORDED_FIELD_NUMBER: _ClassVar[int]
    answer: bytes
    verdict: Verdict
    completeness: Completeness
    check_id: str
    revision: str
    stale: bool
    not_recorded: bool
    def __init__(self, answer: _Optional[bytes] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., completeness: _Optional[_Union[Completeness, str]] = ..., check_id: _Optional[str] = ..., revision: _Optional[str] = ..., stale: _Optional[bool] = ..., not_recorded: _Optional[bool] = ...) -> None: ...

class CheckRequest(_message.Message):
    __slots__ = ("facts", "profile", "station_id", "request_id")
    FACTS_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    STATION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    facts: _facts_pb2.Facts
    profile: str
    station_id: str
    request_id: str
    def __init__(self, facts: _Optional[_Union[_facts_pb2.Facts, _Mapping]] = ..., profile: _Optional[str] = ..., station_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("check_id", "message_id", "verdict", "completeness", "revision", "answered_at", "history_position", "findings", "hints", "not_evaluated", "display", "stale", "stale_packs", "not_recorded", "history_changed_at")
    CHECK_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    COMPLETENESS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    HISTORY_POSITION_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    HINTS_FIELD_NUMBER: _ClassVar[int]
    NOT_EVALUATED_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    STALE_PACKS_FIELD_NUMBER: _ClassVar[int]
    NOT_RECORDED_FIELD_NUMBER: _ClassVar[int]
    HISTORY_CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    check_id: str
    message_id: str
    verdict: Verdict
    completeness: Completeness
    revision: str
    answered_at: str
    history_position: int
    findings: _containers.RepeatedCompositeFieldContainer[_answer_pb2.Finding]
    hints: _containers.RepeatedCompositeFieldContainer[_answer_pb2.Hint]
    not_evaluated: _containers.RepeatedCompositeFieldContainer[_answer_pb2.NotEvaluated]
    display: _answer_pb2.Display
    stale: bool
    stale_packs: _containers.RepeatedCompositeFieldContainer[_answer_pb2.StalePack]
    not_recorded: bool
    history_changed_at: str
    def __init__(self, check_id: _Optional[str] = ..., message_id: _Optional[str] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., completeness: _Optional[_Union[Completeness, str]] = ..., revision: _Optional[str] = ..., answered_at: _Optional[str] = ..., history_position: _Optional[int] = ..., findings: _Optional[_Iterable[_Union[_answer_pb2.Finding, _Mapping]]] = ..., hints: _Optional[_Iterable[_Union[_answer_pb2.Hint, _Mapping]]] = ..., not_evaluated: _Optional[_Iterable[_Union[_answer_pb2.NotEvaluated, _Mapping]]] = ..., display: _Optional[_Union[_answer_pb2.Display, _Mapping]] = ..., stale: _Optional[bool] = ..., stale_packs: _Optional[_Iterable[_Union[_answer_pb2.StalePack, _Mapping]]] = ..., not_recorded: _Optional[bool] = ..., history_changed_at: _Optional[str] = ...) -> None: ...

class CommitRequest(_message.Message):
    __slots__ = ("document", "format", "encoding", "profile", "station_id", "facts")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    STATION_ID_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    document: bytes
    format: DocumentFormat
    encoding: DocumentEncoding
    profile: str
    station_id: str
    facts: _facts_pb2.Facts
    def __init__(self, document: _Optional[bytes] = ..., format: _Optional[_Union[DocumentFormat, str]] = ..., encoding: _Optional[_Union[DocumentEncoding, str]] = ..., profile: _Optional[str] = ..., station_id: _Optional[str] = ..., facts: _Optional[_Union[_facts_pb2.Facts, _Mapping]] = ...) -> None: ...

class CommitResponse(_message.Message):
    __slots__ = ("committed_lines", "history_position", "superseded_lines")
    COMMITTED_LINES_FIELD_NUMBER: _ClassVar[int]
    HISTORY_POSITION_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_LINES_FIELD_NUMBER: _ClassVar[int]
    committed_lines: int
    history_position: int
    superseded_lines: int
    def __init__(self, committed_lines: _Optional[int] = ..., history_position: _Optional[int] = ..., superseded_lines: _Optional[int] = ...) -> None: ...

class VoidRequest(_message.Message):
    __slots__ = ("patient_id", "encounter_id", "order_ids", "item_code", "reason", "station_id", "time")
    PATIENT_ID_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTER_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_IDS_FIELD_NUMBER: _ClassVar[int]
    ITEM_CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STATION_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    patient_id: str
    encounter_id: str
    order_ids: _containers.RepeatedScalarFieldContainer[str]
    item_code: str
    reason: str
    station_id: str
    time: str
    def __init__(self, patient_id: _Optional[str] = ..., encounter_id: _Optional[str] = ..., order_ids: _Optional[_Iterable[str]] = ..., item_code: _Optional[str] = ..., reason: _Optional[str] = ..., station_id: _Optional[str] = ..., time: _Optional[str] = ...) -> None: ...

class VoidResponse(_message.Message):
    __slots__ = ("voided_lines", "history_position")
    VOIDED_LINES_FIELD_NUMBER: _ClassVar[int]
    HISTORY_POSITION_FIELD_NUMBER: _ClassVar[int]
    voided_lines: int
    history_position: int
    def __init__(self, voided_lines: _Optional[int] = ..., history_position: _Optional[int] = ...) -> None: ...

class RecentHistoryRequest(_message.Message):
    __slots__ = ("patient_id", "since", "limit")
    PATIENT_ID_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    patient_id: str
    since: str
    limit: int
    def __init__(self, patient_id: _Optional[str] = ..., since: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class HistoryLine(_message.Message):
    __slots__ = ("line", "encounter_id", "facility_id", "begin_is_the_messages")
    LINE_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTER_ID_FIELD_NUMBER: _ClassVar[int]
    FACILITY_ID_FIELD_NUMBER: _ClassVar[int]
    BEGIN_IS_THE_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    line: _facts_pb2.Line
    encounter_id: str
    facility_id: str
    begin_is_the_messages: bool
    def __init__(self, line: _Optional[_Union[_facts_pb2.Line, _Mapping]] = ..., encounter_id: _Optional[str] = ..., facility_id: _Optional[str] = ..., begin_is_the_messages: _Optional[bool] = ...) -> None: ...

class RecentHistoryResponse(_message.Message):
    __slots__ = ("lines", "visits", "lines_total", "visits_total", "history_position", "changed_at", "age_seconds")
    LINES_FIELD_NUMBER: _ClassVar[int]
    VISITS_FIELD_NUMBER: _ClassVar[int]
    LINES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    VISITS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    HISTORY_POSITION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedCompositeFieldContainer[HistoryLine]
    visits: _containers.RepeatedCompositeFieldContainer[_facts_pb2.Visit]
    lines_total: int
    visits_total: int
    history_position: int
    changed_at: str
    age_seconds: int
    def __init__(self, lines: _Optional[_Iterable[_Union[HistoryLine, _Mapping]]] = ..., visits: _Optional[_Iterable[_Union[_facts_pb2.Visit, _Mapping]]] = ..., lines_total: _Optional[int] = ..., visits_total: _Optional[int] = ..., history_position: _Optional[int] = ..., changed_at: _Optional[str] = ..., age_seconds: _Optional[int] = ...) -> None: ...

class RecentHistoryDocumentRequest(_message.Message):
    __slots__ = ("patient_id", "since", "limit", "encoding")
    PATIENT_ID_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    patient_id: str
    since: str
    limit: int
    encoding: DocumentEncoding
    def __init__(self, patient_id: _Optional[str] = ..., since: _Optional[str] = ..., limit: _Optional[int] = ..., encoding: _Optional[_Union[DocumentEncoding, str]] = ...) -> None: ...

class RecentHistoryDocumentResponse(_message.Message):
    __slots__ = ("answer",)
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    answer: bytes
    def __init__(self, answer: _Optional[bytes] = ...) -> None: ...

class ReviewStatusRequest(_message.Message):
    __slots__ = ("check_id", "encoding")
    CHECK_ID_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    check_id: str
    encoding: DocumentEncoding
    def __init__(self, check_id: _Optional[str] = ..., encoding: _Optional[_Union[DocumentEncoding, str]] = ...) -> None: ...

class ReviewStatusResponse(_message.Message):
    __slots__ = ("answer", "state")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    answer: bytes
    state: ReviewState
    def __init__(self, answer: _Optional[bytes] = ..., state: _Optional[_Union[ReviewState, str]] = ...) -> None: ...

class FeedbackRequest(_message.Message):
    __slots__ = ("document", "format", "encoding", "station_id")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    STATION_ID_FIELD_NUMBER: _ClassVar[int]
    document: bytes
    format: DocumentFormat
    encoding: DocumentEncoding
    station_id: str
    def __init__(self, document: _Optional[bytes] = ..., format: _Optional[_Union[DocumentFormat, str]] = ..., encoding: _Optional[_Union[DocumentEncoding, str]] = ..., station_id: _Optional[str] = ...) -> None: ...

class FeedbackResponse(_message.Message):
    __slots__ = ("answer", "recorded", "unmatched")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    UNMATCHED_FIELD_NUMBER: _ClassVar[int]
    answer: bytes
    recorded: int
    unmatched: int
    def __init__(self, answer: _Optional[bytes] = ..., recorded: _Optional[int] = ..., unmatched: _Optional[int] = ...) -> None: ...
