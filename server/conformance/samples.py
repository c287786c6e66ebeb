"""The sample messages: whether they arrive byte for byte, and whether they are answered as expected.

A folder with `samples.toml` (what there is, in the order to send it), the messages, and `answers/` with the expected
answer to each, without what changes from call to call.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import orjson

from server.check import Format
from server.conformance.examine import Arrival, Examination
from server.conformance.refusals import in_chinese

DEFAULT_FOLDER = Path(__file__).resolve().parents[2] / "docs" / "samples"
INDEX = "samples.toml"
ANSWERS = "answers"
CONTEXT_BYTES = 12
DIFFERENCES_SHOWN_MAX = 5
CHANGING = frozenset(
    (
        "inf_refmsgid",
        "refmsg_time",
        "respond_time",
        "answered_at",
        "check_id",
        "revision",
        "pack_revision",
        "history_position",
        "history_changed_at",
    )
)
"""Fields of an answer that differ from call to call, or from build to build."""
FORMATS: tuple[Format, ...] = get_args(Format)


class SamplesError(Exception):
    """A folder of samples that cannot be used. The text names the file."""


class SampleEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sample as `samples.toml` has it."""

    file: str
    format: Literal["precheck", "3101", "3102", "3103"]
    title: str
    """What it is, in Chinese."""
    shows: str
    """What to look at in its answer, in Chinese."""
    encoding: Literal["utf-8", "gbk"] = "utf-8"
    call: Literal["check", "feedback"] = "check"

    @property
    def answer(self) -> str:
        """The file with its answer, which is in UTF-8 whatever the message is in."""
        return f"{ANSWERS}/{Path(self.file).stem}.json"


class _Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sample: tuple[SampleEntry, ...]


class Sample(msgspec.Struct, frozen=True):
    """One sample with its message and the answer that is expected."""

    entry: SampleEntry
    document: bytes
    expected: Any

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.entry.file


class Compared(msgspec.Struct, frozen=True):
    """How one arrival compares with the samples."""

    sample: str
    """The file that it should have been; "" where it is none of them."""
    bytes_differ: str
    """How its bytes differ, in Chinese; "" where they do not."""
    sent_differently: str
    """What was wrong with how it was sent, in Chinese; "" where nothing was."""
    answer_differs: tuple[str, ...]
    """Where its answer differs from the expected one, as paths."""

    @property
    def is_right(self) -> bool:
        """Whether it arrived byte for byte, was sent as what it is, and was answered as expected."""
        return bool(self.sample) and not (self.bytes_differ or self.sent_differently or self.answer_differs)

    def lines(self) -> Iterator[str]:
        """Yield what a person reads of it."""
        if not self.sample:
            yield "  样例：这不是样例报文"
        elif self.is_right:
            yield f"  样例 {self.sample}：逐字节相同，答复与预期相同"
        for text in (self.bytes_differ, self.sent_differently):
            if text:
                yield f"  样例 {self.sample}：{text}"
        if self.answer_differs:
            shown = "、".join(self.answer_differs[:DIFFERENCES_SHOWN_MAX])
            yield f"  样例 {self.sample}：答复与预期不同，不同之处：{shown}"
            yield "    （样例要按 samples.toml 的顺序发送，规则包要用默认的）"
        yield ""


class Samples:
    """The samples of a folder, and which of them have arrived."""

    def __init__(self, folder: Path) -> None:
        """Read the folder. Raises SamplesError."""
        self.every = tuple(_samples(folder))
        self._by_digest = {_digest(sample.document): sample for sample in self.every}
        self._by_id = {_id_of(sample.document, sample.entry.encoding): sample for sample in self.every}
        self._right: dict[str, bool] = {}

    def compare(self, arrival: Arrival, examined: Examination) -> Compared:
        """Say how an arrival compares with the sample that it is, or was meant to be."""
        document = arrival.request.document
        sample = self._by_digest.get(_digest(document)) or self._meant(document)
        if sample is None:
            return Compared("", "", "", ())
        bytes_differ = difference(sample.document, document)
        sent = _sent_differently(sample, arrival)
        answer = refusal_of(examined.error) if examined.error else stable(examined.answer)
        differs = () if bytes_differ or sent else tuple(paths_that_differ(sample.expected, answer))
        compared = Compared(sample.name, bytes_differ, sent, differs)
        self._right[sample.name] = self._right.get(sample.name, False) or compared.is_right
        return compared

    def _meant(self, document: bytes) -> Sample | None:
        """Return the sample with the same message id, however its bytes were changed."""
        for encoding in ("utf-8-sig", "gb18030", "utf-16"):
            identifier = _id_of(document.rstrip(b"\0"), encoding)
            if identifier and identifier in self._by_id:
                return self._by_id[identifier]
        cut = next((one for one in self.every if document and one.document.startswith(document)), None)
        return cut or next((one for one in self.every if one.entry.file.encode() in document), None)

    def not_arrived(self) -> Sequence[str]:
        """Return the samples that did not arrive as they are."""
        return [sample.name for sample in self.every if not self._right.get(sample.name)]

    def summary_lines(self) -> Iterator[str]:
        """Yield what a person reads at the end."""
        missing = self.not_arrived()
        yield f"══ 样例：{len(self.every)} 个，{len(self.every) - len(missing)} 个逐字节收到且答复与预期相同"
        for name in missing:
            yield f"  {name}：{'收到了，但有不同' if name in self._right else '没有收到'}"


def _samples(folder: Path) -> Iterator[Sample]:
    index = folder / INDEX
    try:
        entries = msgspec.convert(tomllib.loads(index.read_text(encoding="utf-8")), _Index).sample
        for entry in entries:
            document = (folder / entry.file).read_bytes()
            expected = orjson.loads((folder / entry.answer).read_bytes())
            yield Sample(entry, document, expected)
    except OSError as error:
        raise SamplesError(f"samples: {error.filename}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, orjson.JSONDecodeError, UnicodeDecodeError) as error:
        raise SamplesError(f"samples: {folder}: {error}") from error


def _digest(document: bytes) -> bytes:
    return hashlib.sha256(document).digest()


def _id_of(document: bytes, encoding: str) -> str:
    """Return what names a message: its id, or for feedback of ours the findings that it is about; "" for neither."""
    try:
        value = json.loads(document.decode(encoding))
    except (ValueError, UnicodeDecodeError):
        return ""
    if not isinstance(value, dict):
        return ""
    if "feedback" in value:
        return "feedback " + " ".join(str(entry.get("finding_id")) for entry in value["feedback"])
    return str(value.get("msgid") or value.get("msgId") or value.get("message_id") or "")


def _sent_differently(sample: Sample, arrival: Arrival) -> str:
    entry = sample.entry
    if arrival.call != entry.call:
        return "应作为反馈发送" if entry.call == "feedback" else "应作为审核发送"
    sent = arrival.request.format
    if sent != entry.format:
        return f"应按 {entry.format} 发送，却按 {sent} 发送了"
    declared = arrival.request.encoding
    if declared is not None and (declared == "gb18030") != (entry.encoding == "gbk"):
        return f"应声明编码 {entry.encoding}，却声明了 {declared}"
    return ""


def difference(expected: bytes, got: bytes) -> str:
    """Return how bytes differ from those that were sent, by what usually happens to them; "" where they do not."""
    if got == expected:
        return ""
    for text, changed in _usual_changes(expected):
        if got == changed:
            return text
    if got and expected.startswith(got):
        return f"被截断：只收到 {len(expected)} 字节中的 {len(got)} 字节"
    if _json_of(got) is not None and _json_of(got) == _json_of(expected):
        return "内容相同，但 JSON 被重新序列化过，字节不同"
    place = next(
        (n for n, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b), min(len(expected), len(got))
    )
    begin = max(0, place - CONTEXT_BYTES)
    was, came = (part[begin : place + CONTEXT_BYTES].decode("utf-8", "replace") for part in (expected, got))
    return f"第 {place + 1} 字节起不同：应为 …{was}…，收到 …{came}…"


def _usual_changes(expected: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what usually becomes of bytes on their way, each with what to say of it."""
    yield "末尾多了一个零字节：长度把字符串结尾的零也算进去了", expected + b"\0"
    yield "开头多了字节顺序标记（BOM）", b"\xef\xbb\xbf" + expected
    yield "换行从 LF 变成了 CRLF", expected.replace(b"\n", b"\r\n")
    yield "换行被去掉了（curl 要用 --data-binary，不要用 -d）", expected.replace(b"\n", b"")
    yield "末尾的换行被去掉了", expected.rstrip()
    yield "末尾多了一个换行", expected + b"\n"
    for text, source, target in (
        ("编码变了：样例是 UTF-8，收到的是 GBK", "utf-8", "gb18030"),
        ("编码变了：样例是 GBK，收到的是 UTF-8", "gb18030", "utf-8"),
        ("编码变了：收到的是 UTF-16", "utf-8", "utf-16-le"),
        ("编码变了：收到的是 UTF-16", "gb18030", "utf-16-le"),
    ):
        try:
            decoded = expected.decode(source)
        except UnicodeDecodeError:
            continue
        yield text, decoded.encode(target)
        if target == "utf-16-le":
            yield text, decoded.encode("utf-16")
    for source in ("gbk", "latin-1"):
        misread = expected.decode(source, "replace")
        yield f"UTF-8 的字节被当成 {source.upper()} 又转成了 UTF-8，中文成了乱码", misread.encode()
    yield "中文变成了问号", expected.decode("utf-8", "replace").encode("ascii", "replace")


def _json_of(document: bytes) -> Any:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return json.loads(document.decode(encoding))
        except (ValueError, UnicodeDecodeError):
            continue
    return None


def stable(value: Any) -> Any:
    """Return an answer without what changes from call to call."""
    if isinstance(value, dict):
        return {name: stable(inner) for name, inner in value.items() if name not in CHANGING}
    if isinstance(value, list):
        return [stable(inner) for inner in value]
    return value


def refusal_of(error: str) -> dict[str, str]:
    """Return what is expected in place of an answer where a message is refused."""
    return {"refused": error, "text": in_chinese(error)}


def paths_that_differ(expected: Any, got: Any, path: str = "") -> Iterator[str]:
    """Yield the paths at which two JSON values differ, outermost first."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for name in dict.fromkeys((*expected, *got)):
            yield from paths_that_differ(expected.get(name), got.get(name), f"{path}.{name}" if path else name)
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for number, (first, second) in enumerate(zip(expected, got, strict=True)):
            yield from paths_that_differ(first, second, f"{path}[{number}]")
    elif expected != got:
        yield path or "答复"
