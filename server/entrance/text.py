"""From bytes to JSON values: encodings, malformed text, and where in it the fault stands."""

import json
import re
from typing import Any, Literal

import orjson

Encoding = Literal["utf-8", "gb18030"]
_LAST_KEY = re.compile(r'"([^"\\]{1,64})"\s*:')
CONTEXT_CHARACTERS = 2_000
"""How far before a fault the last key is looked for."""


class EntranceError(ValueError):
    """A document that cannot be read. `field` is the path of the field at fault, `value` what stood there."""

    def __init__(self, field: str, value: object, message: str) -> None:
        text = repr(value) if isinstance(value, str) else str(value)
        self.field = field
        self.value = text if len(text) <= 80 else text[:80] + "…"
        self.problem = message
        super().__init__(f"{field}: {message} (value: {self.value})" if value is not None else f"{field}: {message}")


def read_json(document: bytes, encoding: Encoding | None) -> tuple[Any, Encoding]:
    """Return the JSON value of a document and the encoding it was in.

    Without a declared encoding: UTF-8 if the bytes are valid UTF-8, else GB 18030 (the superset of GBK).
    Raises EntranceError naming the place, and the field as far as it can be told.
    """
    used: Encoding = encoding or "utf-8"
    if document.startswith(b"\xef\xbb\xbf"):
        document = document[3:]
    if used == "utf-8":
        try:
            return orjson.loads(document), used
        except orjson.JSONDecodeError:
            try:
                text = document.decode("utf-8")
            except UnicodeDecodeError as error:
                if encoding is not None:
                    raise EntranceError("document", None, f"not UTF-8 at byte {error.start}") from error
                used = "gb18030"
    if used == "gb18030":
        try:
            text = document.decode("gb18030")
        except UnicodeDecodeError as error:
            if encoding is not None and _is_utf_8(document):
                raise EntranceError("document", None, "declared as GB 18030, and is UTF-8: declare that") from error
            raise EntranceError("document", None, f"neither UTF-8 nor GB 18030 at byte {error.start}") from error
        try:
            return orjson.loads(text), used
        except orjson.JSONDecodeError:
            pass
    raise _fault(text)


def _is_utf_8(document: bytes) -> bool:
    try:
        document.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def write_json(answer: Any, encoding: Encoding) -> bytes:
    """Return an answer as JSON in the encoding of its document."""
    encoded = orjson.dumps(answer)
    return encoded if encoding == "utf-8" else encoded.decode("utf-8").encode("gb18030")


def _fault(text: str) -> EntranceError:
    """Say what is wrong with text that is no JSON: control characters by their field, all else by its place."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        place = error.pos
        problem = str(error)
    else:  # pragma: no cover - only called for text that did not parse
        place, problem = 0, "not JSON"
    if not text.strip():
        return EntranceError("document", None, "the document is empty")
    keys = _LAST_KEY.findall(text[max(0, place - CONTEXT_CHARACTERS) : place])
    field = keys[-1] if keys else "document"
    if place >= len(text.rstrip()):
        return EntranceError(field, None, "the document ends in the middle (truncated JSON)")
    if text[place] < " " and _is_json_but_for_control_characters(text):
        return EntranceError(field, None, f"control characters in a text must be escaped: {problem}")
    return EntranceError(field, None, f"not valid JSON: {problem}")


def _is_json_but_for_control_characters(text: str) -> bool:
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return False
    return True
