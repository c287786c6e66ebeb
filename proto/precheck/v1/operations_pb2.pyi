from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PackUse(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PACK_USE_UNSPECIFIED: _ClassVar[PackUse]
    PACK_USE_LIVE: _ClassVar[PackUse]
    PACK_USE_CANARY: _ClassVar[PackUse]
    PACK_USE_SHADOW: _ClassVar[PackUse]
    PACK_USE_RETAINED: _ClassVar[PackUse]
    PACK_USE_WITHDRAWN: _ClassVar[PackUse]
PACK_USE_UNSPECIFIED: PackUse
PACK_USE_LIVE: PackUse
PACK_USE_CANARY: PackUse
PACK_USE_SHADOW: PackUse
PACK_USE_RETAINED: PackUse
PACK_USE_WITHDRAWN: PackUse

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PackStatus(_message.Message):
    __slots__ = ("id", "revision", "digest", "source", "rows", "name", "title", "use", "rules", "tests", "published_at", "signed_by", "not_before", "expires", "stale", "notes", "high_water")
    ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    USE_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    TESTS_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_AT_FIELD_NUMBER: _ClassVar[int]
    SIGNED_BY_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    HIGH_WATER_FIELD_NUMBER: _ClassVar[int]
    id: str
    revision: int
    digest: str
    source: str
    rows: int
    name: str
    title: str
    use: PackUse
    rules: int
    tests: int
    published_at: str
    signed_by: _containers.RepeatedScalarFieldContainer[str]
    not_before: str
    expires: str
    stale: bool
    notes: _containers.RepeatedScalarFieldContainer[str]
    high_water: int
    def __init__(self, id: _Optional[str] = ..., revision: _Optional[int] = ..., digest: _Optional[str] = ..., source: _Optional[str] = ..., rows: _Optional[int] = ..., name: _Optional[str] = ..., title: _Optional[str] = ..., use: _Optional[_Union[PackUse, str]] = ..., rules: _Optional[int] = ..., tests: _Optional[int] = ..., published_at: _Optional[str] = ..., signed_by: _Optional[_Iterable[str]] = ..., not_before: _Optional[str] = ..., expires: _Optional[str] = ..., stale: _Optional[bool] = ..., notes: _Optional[_Iterable[str]] = ..., high_water: _Optional[int] = ...) -> None: ...

class ShadowStatus(_message.Message):
    __slots__ = ("revision", "since", "decisions", "affected", "added", "removed", "changed", "popups_added", "popups_removed", "behind_seconds", "problem")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    AFFECTED_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    POPUPS_ADDED_FIELD_NUMBER: _ClassVar[int]
    POPUPS_REMOVED_FIELD_NUMBER: _ClassVar[int]
    BEHIND_SECONDS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    revision: str
    since: str
    decisions: int
    affected: int
    added: int
    removed: int
    changed: int
    popups_added: int
    popups_removed: int
    behind_seconds: float
    problem: str
    def __init__(self, revision: _Optional[str] = ..., since: _Optional[str] = ..., decisions: _Optional[int] = ..., affected: _Optional[int] = ..., added: _Optional[int] = ..., removed: _Optional[int] = ..., changed: _Optional[int] = ..., popups_added: _Optional[int] = ..., popups_removed: _Optional[int] = ..., behind_seconds: _Optional[float] = ..., problem: _Optional[str] = ...) -> None: ...

class CanaryStatus(_message.Message):
    __slots__ = ("departments", "stations", "since", "revision", "checks")
    DEPARTMENTS_FIELD_NUMBER: _ClassVar[int]
    STATIONS_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    departments: _containers.RepeatedScalarFieldContainer[str]
    stations: _containers.RepeatedScalarFieldContainer[str]
    since: str
    revision: str
    checks: int
    def __init__(self, departments: _Optional[_Iterable[str]] = ..., stations: _Optional[_Iterable[str]] = ..., since: _Optional[str] = ..., revision: _Optional[str] = ..., checks: _Optional[int] = ...) -> None: ...

class DictionaryTable(_message.Message):
    __slots__ = ("name", "rows")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    name: str
    rows: int
    def __init__(self, name: _Optional[str] = ..., rows: _Optional[int] = ...) -> None: ...

class DictionaryStatus(_message.Message):
    __slots__ = ("directory", "digest", "loaded_at", "tables", "last_error")
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    LOADED_AT_FIELD_NUMBER: _ClassVar[int]
    TABLES_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    directory: str
    digest: str
    loaded_at: str
    tables: _containers.RepeatedCompositeFieldContainer[DictionaryTable]
    last_error: str
    def __init__(self, directory: _Optional[str] = ..., digest: _Optional[str] = ..., loaded_at: _Optional[str] = ..., tables: _Optional[_Iterable[_Union[DictionaryTable, _Mapping]]] = ..., last_error: _Optional[str] = ...) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("revision", "packs", "activated_at", "last_error", "in_flight", "version", "dictionary", "other_packs", "canary", "shadow", "number", "trust", "workers")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    PACKS_FIELD_NUMBER: _ClassVar[int]
    ACTIVATED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DICTIONARY_FIELD_NUMBER: _ClassVar[int]
    OTHER_PACKS_FIELD_NUMBER: _ClassVar[int]
    CANARY_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TRUST_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    revision: str
    packs: _containers.RepeatedCompositeFieldContainer[PackStatus]
    activated_at: str
    last_error: str
    in_flight: int
    version: str
    dictionary: DictionaryStatus
    other_packs: _containers.RepeatedCompositeFieldContainer[PackStatus]
    canary: CanaryStatus
    shadow: ShadowStatus
    number: int
    trust: str
    workers: _containers.RepeatedCompositeFieldContainer[WorkerStatus]
    def __init__(self, revision: _Optional[str] = ..., packs: _Optional[_Iterable[_Union[PackStatus, _Mapping]]] = ..., activated_at: _Optional[str] = ..., last_error: _Optional[str] = ..., in_flight: _Optional[int] = ..., version: _Optional[str] = ..., dictionary: _Optional[_Union[DictionaryStatus, _Mapping]] = ..., other_packs: _Optional[_Iterable[_Union[PackStatus, _Mapping]]] = ..., canary: _Optional[_Union[CanaryStatus, _Mapping]] = ..., shadow: _Optional[_Union[ShadowStatus, _Mapping]] = ..., number: _Optional[int] = ..., trust: _Optional[str] = ..., workers: _Optional[_Iterable[_Union[WorkerStatus, _Mapping]]] = ...) -> None: ...

class WorkerStatus(_message.Message):
    __slots__ = ("number", "pid", "revision", "in_flight", "started_at", "last_error")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    number: int
    pid: int
    revision: str
    in_flight: int
    started_at: str
    last_error: str
    def __init__(self, number: _Optional[int] = ..., pid: _Optional[int] = ..., revision: _Optional[str] = ..., in_flight: _Optional[int] = ..., started_at: _Optional[str] = ..., last_error: _Optional[str] = ...) -> None: ...

class PublishPacksRequest(_message.Message):
    __slots__ = ("paths",)
    PATHS_FIELD_NUMBER: _ClassVar[int]
    paths: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, paths: _Optional[_Iterable[str]] = ...) -> None: ...

class ActivatePacksRequest(_message.Message):
    __slots__ = ("paths", "keep_others")
    PATHS_FIELD_NUMBER: _ClassVar[int]
    KEEP_OTHERS_FIELD_NUMBER: _ClassVar[int]
    paths: _containers.RepeatedScalarFieldContainer[str]
    keep_others: bool
    def __init__(self, paths: _Optional[_Iterable[str]] = ..., keep_others: _Optional[bool] = ...) -> None: ...

class ShadowPacksRequest(_message.Message):
    __slots__ = ("paths",)
    PATHS_FIELD_NUMBER: _ClassVar[int]
    paths: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, paths: _Optional[_Iterable[str]] = ...) -> None: ...

class GetShadowReportRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetShadowReportResponse(_message.Message):
    __slots__ = ("report",)
    REPORT_FIELD_NUMBER: _ClassVar[int]
    report: bytes
    def __init__(self, report: _Optional[bytes] = ...) -> None: ...

class CanaryPacksRequest(_message.Message):
    __slots__ = ("paths", "departments", "stations")
    PATHS_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENTS_FIELD_NUMBER: _ClassVar[int]
    STATIONS_FIELD_NUMBER: _ClassVar[int]
    paths: _containers.RepeatedScalarFieldContainer[str]
    departments: _containers.RepeatedScalarFieldContainer[str]
    stations: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, paths: _Optional[_Iterable[str]] = ..., departments: _Optional[_Iterable[str]] = ..., stations: _Optional[_Iterable[str]] = ...) -> None: ...

class RollBackPackRequest(_message.Message):
    __slots__ = ("pack", "reason", "record")
    PACK_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    pack: str
    reason: str
    record: bytes
    def __init__(self, pack: _Optional[str] = ..., reason: _Optional[str] = ..., record: _Optional[bytes] = ...) -> None: ...

class WithdrawPackRequest(_message.Message):
    __slots__ = ("pack", "reason")
    PACK_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    pack: str
    reason: str
    def __init__(self, pack: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class PackChange(_message.Message):
    __slots__ = ("revision", "previous_revision", "done", "number")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_REVISION_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    revision: str
    previous_revision: str
    done: _containers.RepeatedScalarFieldContainer[str]
    number: int
    def __init__(self, revision: _Optional[str] = ..., previous_revision: _Optional[str] = ..., done: _Optional[_Iterable[str]] = ..., number: _Optional[int] = ...) -> None: ...

class ListUnmappedRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UnmappedCode(_message.Message):
    __slots__ = ("kind", "code", "name", "department", "department_name", "times", "last_met")
    KIND_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_NAME_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    LAST_MET_FIELD_NUMBER: _ClassVar[int]
    kind: str
    code: str
    name: str
    department: str
    department_name: str
    times: int
    last_met: str
    def __init__(self, kind: _Optional[str] = ..., code: _Optional[str] = ..., name: _Optional[str] = ..., department: _Optional[str] = ..., department_name: _Optional[str] = ..., times: _Optional[int] = ..., last_met: _Optional[str] = ...) -> None: ...

class ListUnmappedResponse(_message.Message):
    __slots__ = ("codes", "unlisted_times", "since")
    CODES_FIELD_NUMBER: _ClassVar[int]
    UNLISTED_TIMES_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    codes: _containers.RepeatedCompositeFieldContainer[UnmappedCode]
    unlisted_times: int
    since: str
    def __init__(self, codes: _Optional[_Iterable[_Union[UnmappedCode, _Mapping]]] = ..., unlisted_times: _Optional[int] = ..., since: _Optional[str] = ...) -> None: ...

class GetMetricsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetMetricsResponse(_message.Message):
    __slots__ = ("exposition",)
    EXPOSITION_FIELD_NUMBER: _ClassVar[int]
    exposition: bytes
    def __init__(self, exposition: _Optional[bytes] = ...) -> None: ...
