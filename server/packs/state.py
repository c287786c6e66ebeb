"""What CURRENT says: which revisions are live, and what must be remembered of those that were."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date

import msgspec
import orjson

from ruleset.layers import Layer
from ruleset.pack.source import PACK_ID
from server.packs.signing import RollBack, Signature

FORMAT = 1


class Revision(msgspec.Struct, frozen=True, order=True):
    """One revision of one pack."""

    pack: str
    revision: int
    digest: str
    """SHA-256 of the compiled file, hexadecimal."""

    @property
    def name(self) -> str:
        """Return how decisions name it; `LoadedPack.revision` is the same."""
        return f"{self.pack}@{self.revision}+{self.digest[:12]}"

    @property
    def folder(self) -> str:
        """Return its folder below the directory of packs."""
        return f"{self.pack}/{self.revision}-{self.digest[:16]}"


class Facts(msgspec.Struct, frozen=True):
    """What is known of a published revision beside its compiled file (facts.json)."""

    revision: Revision
    title: str
    source: str
    """Where it came from: a compiled file or a source directory."""
    source_digest: str
    """Of what was compiled; empty for packs of an early compiler."""
    rules: int
    rows: int
    tests: int
    """Of its own tests, all of which passed."""
    minimum_engine: str
    not_before: date | None
    expires: date | None
    published_at: str
    engine: str
    """The engine that checked it, and compiled it where it came as a source."""
    layer: Layer = "hospital"
    statements: int = 0
    """What it states about rows of lower layers."""


class Canary(msgspec.Struct, frozen=True):
    """Packs that judge, in place of the live ones of their ids, for some departments and stations."""

    packs: tuple[Revision, ...]
    departments: tuple[str, ...]
    stations: tuple[str, ...]
    since: str


class Withdrawal(msgspec.Struct, frozen=True):
    """A revision that must not be live again."""

    revision: Revision
    reason: str
    at: str


class KeptRollBack(RollBack, frozen=True):
    """A roll-back record as CURRENT keeps it: with the signatures under which it was let in."""

    signatures: tuple[Signature, ...] = ()

    @property
    def record(self) -> RollBack:
        """The record itself, which is what was signed."""
        return RollBack(**{name: getattr(self, name) for name in RollBack.__struct_fields__})


class Configured(msgspec.Struct, frozen=True):
    """What the setting `pack` named when it was last followed, and the digest of what stood there."""

    paths: tuple[str, ...] = ()
    digest: str = ""


class Current(msgspec.Struct, frozen=True):
    """The content of CURRENT."""

    format: int = FORMAT
    number: int = 0
    """Grows by one with each change; 0 where nothing was ever live."""
    changed_at: str = ""
    command: str = ""
    """What changed it."""
    live: tuple[Revision, ...] = ()
    shadow: tuple[Revision, ...] = ()
    """Packs that would be live in place of those of their ids; judged beside the live ones, and answered to nobody."""
    shadow_since: str = ""
    canary: Canary | None = None
    high_water: dict[str, int] = {}
    """By pack id: the highest revision that was ever live."""
    roll_backs: dict[str, KeptRollBack] = {}
    """By pack id: why a revision below the high-water mark is live."""
    withdrawn: tuple[Withdrawal, ...] = ()
    configured: Configured = Configured()


class CurrentError(Exception):
    """A CURRENT that cannot be obeyed. The text says why."""


class _Sealed(msgspec.Struct, frozen=True):
    sha256: str
    current: msgspec.Raw


def current_text(current: Current, *, indented: bool) -> bytes:
    """Return the content of the file: the state, and its checksum. The same state gives the same bytes."""
    values = msgspec.to_builtins(current)
    sealed = {"sha256": _checksum(values), "current": values}
    options = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE | (orjson.OPT_INDENT_2 if indented else 0)
    return orjson.dumps(sealed, option=options)


def read_current_text(content: bytes) -> Current:
    """Return what a CURRENT says. Raises CurrentError where it is damaged or of another format."""
    try:
        sealed = msgspec.json.decode(content, type=_Sealed)
        values = orjson.loads(bytes(sealed.current))
        if _checksum(values) != sealed.sha256:
            raise CurrentError("damaged: its checksum is not that of its content")
        if values.get("format") != FORMAT:
            raise CurrentError(f"of format {values.get('format')}, this server reads {FORMAT}")
        current = msgspec.convert(values, Current)
    except (msgspec.DecodeError, msgspec.ValidationError, orjson.JSONDecodeError, AttributeError) as error:
        raise CurrentError(f"damaged: {error}") from error
    for revision in named_in(current):
        if not PACK_ID.fullmatch(revision.pack) or not is_digest(revision.digest):
            raise CurrentError(f"damaged: `{revision.pack}` `{revision.digest[:80]}` is no revision")
    return current


def _checksum(values: object) -> str:
    return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()


def raise_marks(marks: dict[str, int], others: Mapping[str, int]) -> None:
    """Raise high-water marks to those of others."""
    for pack_id, revision in others.items():
        marks[pack_id] = max(marks.get(pack_id, 0), revision)


def is_digest(text: str) -> bool:
    """Say whether a text is a SHA-256 in hexadecimal."""
    return len(text) == 64 and all(character in "0123456789abcdef" for character in text)


def named_in(current: Current) -> Iterable[Revision]:
    """Yield every revision that CURRENT names for use."""
    yield from judging_in(current)
    yield from current.shadow


def judging_in(current: Current) -> Iterable[Revision]:
    """Yield every revision that judges for somebody: the live ones, and those of the canary."""
    yield from current.live
    yield from current.canary.packs if current.canary is not None else ()


def with_candidates(live: Iterable[Revision], candidates: Iterable[Revision]) -> tuple[Revision, ...]:
    """Return the live packs with candidates in place of those of their ids, or beside them."""
    chosen = {revision.pack: revision for revision in live}
    chosen.update((revision.pack, revision) for revision in candidates)
    return tuple(chosen.values())
