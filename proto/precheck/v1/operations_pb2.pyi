from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PackStatus(_message.Message):
    __slots__ = ("id", "revision", "digest", "source", "rows")
    ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    id: str
    revision: int
    digest: str
    source: str
    rows: int
    def __init__(self, id: _Optional[str] = ..., revision: _Optional[int] = ..., digest: _Optional[str] = ..., source: _Optional[str] = ..., rows: _Optional[int] = ...) -> None: ...

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
    __slots__ = ("revision", "packs", "activated_at", "last_error", "in_flight", "version", "dictionary")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    PACKS_FIELD_NUMBER: _ClassVar[int]
    ACTIVATED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DICTIONARY_FIELD_NUMBER: _ClassVar[int]
    revision: str
    packs: _containers.RepeatedCompositeFieldContainer[PackStatus]
    activated_at: str
    last_error: str
    in_flight: int
    version: str
    dictionary: DictionaryStatus
    def __init__(self, revision: _Optional[str] = ..., packs: _Optional[_Iterable[_Union[PackStatus, _Mapping]]] = ..., activated_at: _Optional[str] = ..., last_error: _Optional[str] = ..., in_flight: _Optional[int] = ..., version: _Optional[str] = ..., dictionary: _Optional[_Union[DictionaryStatus, _Mapping]] = ...) -> None: ...

class ActivatePacksRequest(_message.Message):
    __slots__ = ("paths",)
    PATHS_FIELD_NUMBER: _ClassVar[int]
    paths: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, paths: _Optional[_Iterable[str]] = ...) -> None: ...

class ActivatePacksResponse(_message.Message):
    __slots__ = ("revision", "previous_revision")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: str
    previous_revision: str
    def __init__(self, revision: _Optional[str] = ..., previous_revision: _Optional[str] = ...) -> None: ...

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
